# ---
# jupyter:
#   course:
#     title: What must a grader withstand?
#     minutes: 5
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# The arena

A small lesson that is handed in a hundred times over, broken and hostile. Its hidden cases hold large random numbers,
so that a leak can be searched for; canary-lesson-source-5d1c.
"""

# %% setup=true
import torch
from torch import Tensor

# %% [markdown]
r"""
### Exercise · total

A sum in which the $i$-th of $N$ amounts counts $i$ times, $\sum_{i=1}^{N} i \, x_i$.
"""


# %% exercise="total" points=2
def total(x: Tensor) -> Tensor:
    """Sum of the amounts, the first counted once, the second twice, and so on.

    x        (N,) int64 amounts
    returns  () int64

    Raises ValueError when there are no amounts.
    """
    ### BEGIN SOLUTION
    canary_reference_e09b = torch.arange(1, len(x) + 1)
    if len(x) == 0:
        raise ValueError("there are no amounts")
    return (canary_reference_e09b * x).sum()
    ### END SOLUTION


# %% [markdown] hints="total"
r"""
1. How often does the last amount count?
2. Multiply by `torch.arange(1, N + 1)`, then sum.
3. `(amounts * …).sum()`
"""


# %% cases="total" active="py"
def cases(seed):
    yield Case({"x": torch.tensor([5])}, note="one amount")
    yield Case({"x": torch.tensor([1, 2, 3])}, note="three amounts")
    yield Case({"x": torch.tensor([], dtype=torch.int64)}, note="no amounts")
    yield {"x": random_integers(seed, 10**14, 10**15, 6)}
    yield {"x": random_integers(seed + 1, 10**14, 10**15, 9)}


# %% mistake="total" name="from_zero" hint="The first amount counts once, not zero times." active="py"
def total(x):
    if len(x) == 0:
        raise ValueError("there are no amounts")
    return (torch.arange(len(x)) * x).sum()


# %% mistake="total" name="plain_sum" hint="Each amount counts as often as its place says." active="py"
def total(x):
    if len(x) == 0:
        raise ValueError("there are no amounts")
    return x.sum()


# %% [markdown]
r"""
### Exercise · Ledger

A ledger adds up amounts and remembers the largest.
"""


# %% exercise="Ledger" points=3 parts={"balance": 2, "largest": 1}
class Ledger:
    """A running account."""

    def __init__(self):
        """Open an empty account."""
        ### BEGIN SOLUTION
        self.canary_reference_4c77 = []
        ### END SOLUTION

    def add(self, amount: int) -> None:
        """Book an amount."""
        ### BEGIN SOLUTION
        self.canary_reference_4c77.append(amount)
        ### END SOLUTION

    def balance(self) -> int:
        """Return the sum of the amounts so far."""
        ### BEGIN SOLUTION
        return sum(self.canary_reference_4c77)
        ### END SOLUTION

    def largest(self) -> int:
        """Return the largest amount so far."""
        ### BEGIN SOLUTION
        return max(self.canary_reference_4c77)
        ### END SOLUTION


# %% cases="Ledger" active="py"
def cases(seed):
    few = random_integers(seed, 10**14, 10**15, 5).tolist()
    for part in ("balance", "largest"):
        yield Case({"ask": part, "amounts": [1, 4, 2]}, part=part, note="three amounts")
        yield Case({"ask": part, "amounts": few}, part=part)


# %% probe="Ledger" active="py"
def probe(student, case):
    ledger = student()
    for amount in case["amounts"]:
        ledger.add(amount)
    return ledger.balance() if case["ask"] == "balance" else ledger.largest()


# %% mistake="Ledger" name="forgets" hint="The balance is the sum of all amounts, not the last." active="py"
class Ledger(Ledger):
    def balance(self):
        return self.canary_reference_4c77[-1]


# %% [markdown]
r"""
### Question · which

Who may know the hidden cases?

- **a** the student
- **b** the grader
- **c** the neighbour
"""

# %% exercise="which" points=1 kind="choice" choices="a b c"
### BEGIN SOLUTION
which = "b"
### END SOLUTION

# %% mistake="which" name="a" hint="Then they would not be hidden." active="py"
which = "a"

# %% mistake="which" name="c" hint="The neighbour would tell." active="py"
which = "c"

# %% [markdown]
r"""
### Exercise · entropy

$H(p) = -\sum_v p_v \ln p_v$ of a distribution $p$ over $V$ symbols.
"""


# %% exercise="entropy" points=2 withheld="course_lib.information.entropy torch.special.entr torch.distributions scipy.special.entr"
def entropy(p: Tensor) -> Tensor:
    """Entropy in nats of each distribution in the last dimension.

    p        (..., V) probabilities; each row sums to 1
    returns  (...) entropies in nats; 0·log 0 counts as 0
    """
    ### BEGIN SOLUTION
    canary_reference_a1f3 = torch.where(p > 0, p, torch.ones_like(p)).log()
    return -(p * canary_reference_a1f3).sum(-1)
    ### END SOLUTION


# %% cases="entropy" active="py"
def cases(seed):
    yield Case({"p": torch.tensor([0.5, 0.5])}, note="a fair coin")
    yield Case({"p": torch.tensor([1.0, 0.0])}, note="certainty")
    yield {"p": random_distributions(seed, 4, 7)}


# %% mistake="entropy" name="bits" hint="You measured in bits; here entropy is in nats." active="py"
def entropy(p):
    return -(p * p.log2()).nansum(-1)


# %% [markdown]
r"""
### Exercise · perplexity

The number of equally likely symbols with the same entropy, $e^{H(p)}$.
"""


# %% exercise="perplexity" points=2 needs="entropy"
def perplexity(p: Tensor) -> Tensor:
    """Perplexity of each distribution in the last dimension, by `entropy`.

    p        (..., V) probabilities
    returns  (...) perplexities, at least 1
    """
    ### BEGIN SOLUTION
    return entropy(p).exp()
    ### END SOLUTION


# %% cases="perplexity" active="py"
def cases(seed):
    yield Case({"p": torch.tensor([0.5, 0.5])}, note="a fair coin")
    yield {"p": random_distributions(seed, 3, 5)}


# %% mistake="perplexity" name="power_of_two" hint="Entropy is in nats here, so the base is e." active="py"
def perplexity(p):
    return 2 ** entropy(p)


# %%
print("a demo, which is skipped when grading")

# %%
places = range(1, 1000)


# %%
def weighted(x):
    return sum((place * amount for place, amount in zip(places, x)), torch.tensor(0))
