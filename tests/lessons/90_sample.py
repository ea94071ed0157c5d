# ---
# jupyter:
#   course:
#     title: Does the engine work?
#     minutes: 10
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# Does the engine work?

A lesson for the tests of the engine: one small exercise of each kind.
"""

# %% setup=true
import torch
from torch import Tensor, nn

from course_lib import information
from course_lib.checks import check, show_answer, yours

# %% [markdown] teacher=true
r"""
A remark to the lecturer: the word marzipan stands nowhere else.
"""

# %%
coin = torch.tensor([0.5, 0.5])
print(yours("sample.entropy", information.entropy)(coin))

# %% [markdown]
r"""
## Functions

### Exercise · entropy
"""


# %% exercise="entropy" points=2 withheld="course_lib.information.entropy torch.special.entr torch.distributions"
def entropy(p: Tensor) -> Tensor:
    """Entropy in nats of each distribution in the last dimension.

    p        (..., V) probabilities; each row sums to 1
    returns  (...) entropies in nats; 0·log 0 counts as 0
    """
    ### BEGIN SOLUTION
    reference_word = torch.where(p > 0, p * p.log(), 0)
    return -reference_word.sum(-1)
    ### END SOLUTION


# %% [markdown] hints="entropy"
r"""
1. What does `0 * log(0)` give, and what should it count as?
2. Replace the product by 0 where `p` is 0,
   sum over the last dimension, change the sign.
3. `-torch.where(p > 0, …, 0).sum(…)`
"""


# %% cases="entropy" active="py"
def cases(seed):
    yield Case({"p": torch.tensor([0.5, 0.5])}, note="a fair coin")
    yield Case({"p": torch.tensor([1.0, 0.0])}, note="certainty")
    yield {"p": random_distributions(seed, 4, 7)}


# %% mistake="entropy" name="bits" hint="You measured in bits; measure in `nats`." active="py"
def entropy(p):
    mistaken_word = p * p.log2()
    return -mistaken_word.nansum(-1)


# %% mistake="entropy" name="nan_at_zero" hint="0·log 0 came out as nan; it counts as 0." active="py"
def entropy(p):
    return -(p * p.log()).sum(-1)


# %% exercise="perplexity" points=1 needs="entropy" withheld="course_lib.information.perplexity"
def perplexity(p: Tensor) -> Tensor:
    """The number of equally likely outcomes with the same entropy.

    p        (..., V) probabilities
    returns  (...) exp of the entropy
    """
    ### BEGIN SOLUTION
    return entropy(p).exp()
    ### END SOLUTION


# %% [markdown] hints="perplexity"
r"""
1. You have `entropy` already.
2. Take its exponential.
3. `entropy(…).exp()`
"""


# %% cases="perplexity" active="py"
def cases(seed):
    yield Case({"p": torch.tensor([0.5, 0.5])}, note="a fair coin")
    yield {"p": random_distributions(seed, 3, 5)}


# %% mistake="perplexity" name="no_exp" hint="That is the entropy itself." active="py"
def perplexity(p):
    return entropy(p)


# %% mistake="perplexity" name="power_of_two" hint="The entropy is in nats, so the base is e." active="py"
def perplexity(p):
    return 2 ** entropy(p)


# %% [markdown]
r"""
### Exercise · Affine
"""


# %% exercise="Affine" points=3 parts={"values": 2, "gradient": 1} withheld="torch.nn.functional.linear"
class Affine(nn.Module):
    """An affine map with parameters `weight` (E, D) and `bias` (E,).

    Affine(D, E); forward: (..., D) → (..., E), x Wᵀ + b
    """

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.weight = nn.Parameter(torch.zeros(d_out, d_in))
        self.bias = nn.Parameter(torch.zeros(d_out))
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        ### BEGIN SOLUTION
        return x @ self.weight.T + self.bias
        ### END SOLUTION


# %% [markdown] hints="Affine"
r"""
1. Which shapes must `weight` and `bias` have?
2. Multiply by the transposed weight and add the bias.
3. `x @ self.weight.… + self.bias`
"""


# %% cases="Affine" active="py"
def cases(seed):
    for part in ("values", "gradient"):
        for s in (0, seed):
            yield Case(
                {
                    "weight": random_tensor(s, 2, 3),
                    "bias": random_tensor(s + 1, 2),
                    "x": random_tensor(s + 2, 4, 3),
                    "of": part,
                },
                note=part,
                part=part,
            )


# %% probe="Affine" active="py"
def probe(student, case):
    weight = case["weight"]
    layer = student(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": case["bias"]})
    y = layer(case["x"])
    y.sum().backward()
    return y if case["of"] == "values" else layer.weight.grad


# %% mistake="Affine" name="no_bias" hint="The bias is not added." active="py"
class Affine(Affine):
    def forward(self, x):
        return x @ self.weight.T


# %% mistake="Affine" name="detached" hint="No gradient reaches the weight." active="py"
class Affine(Affine):
    def forward(self, x):
        return x @ self.weight.detach().T + self.bias


# %% exercise="draw" points=2 withheld="torch.multinomial torch.distributions"
def draw(probs: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Draw n outcomes of a distribution.

    probs    (V,) probabilities
    returns  (n,) int64 outcomes
    """
    ### BEGIN SOLUTION
    steps = probs.double().cumsum(0)
    places = torch.searchsorted(steps, torch.rand(n, generator=generator, dtype=torch.float64))
    return places.clamp_max(len(probs) - 1)
    ### END SOLUTION


# %% [markdown] hints="draw"
r"""
1. Where does a uniform number fall among the cumulative sums?
2. `cumsum`, then `searchsorted`.
3. `torch.searchsorted(p.cumsum(-1), …)`
"""


# %% cases="draw" active="py"
def cases(seed):
    yield Case({"probs": torch.tensor([0.9, 0.1]), "n": 4000, "seed": seed + 1}, note="a loaded coin")
    yield {"probs": random_distributions(seed, 5), "n": 4000, "seed": seed}


# %% probe="draw" active="py"
def probe(student, case):
    return student(case["probs"], case["n"], generator(case["seed"]))


# %% judge="draw" active="py"
def judge(case, expected, got):
    return judge_draws(case["probs"], case["n"], got)


# %% mistake="draw" name="uniform" hint="Every outcome came equally often." active="py"
def draw(probs, n, generator):
    return torch.randint(0, len(probs), (n,), generator=generator)


# %% mistake="draw" name="greedy" hint="Only the likeliest outcome came." active="py"
def draw(probs, n, generator):
    return probs.argmax().expand(n)


# %% exercise="mean" points=1 withheld="torch.mean"
def mean(x: Tensor) -> Tensor:
    """The mean of a vector.

    x        (N,) numbers
    returns  () their mean

    Raises ValueError when x is empty.
    """
    ### BEGIN SOLUTION
    if x.numel() == 0:
        raise ValueError("nothing to average")
    return x.sum() / x.numel()
    ### END SOLUTION


# %% [markdown] hints="mean"
r"""
1. What is the sum of nothing?
2. Look at `numel` first.
3. `if x.numel() == …:`
"""


# %% cases="mean" active="py"
def cases(seed):
    yield Case({"x": torch.zeros(0)}, note="nothing")
    yield {"x": random_tensor(seed, 6)}


# %% mistake="mean" name="no_error" hint="An empty vector has no mean: raise ValueError." active="py"
def mean(x):
    return x.sum() / x.numel()


# %% mistake="mean" name="other_error" hint="The error should be a ValueError." active="py"
def mean(x):
    if x.numel() == 0:
        raise TypeError("x is empty")
    return x.sum() / x.numel()


# %% exercise="count" points=1 withheld="torch.bincount"
def count(ids: Tensor, vocab_size: int) -> Tensor:
    """How often each token occurs. This function has a bug: find it.

    ids      (N,) int64
    returns  (vocab_size,) int64
    """
    ### BEGIN SOLUTION
    counts = torch.zeros(vocab_size, dtype=torch.int64)
    for id in ids:
        counts[id] += 1
    return counts
    ### END SOLUTION
    ### BEGIN STARTER
    # counts = torch.zeros(vocab_size, dtype=torch.int64)
    # for id in ids:
    #     counts[id] = 1
    # return counts
    ### END STARTER


# %% [markdown] hints="count"
r"""
1. What happens when a token occurs twice?
2. Add 1 instead of setting 1.
3. `counts[token] = counts.get(token, …) + 1`
"""


# %% cases="count" active="py"
def cases(seed):
    yield Case({"ids": torch.tensor([0, 2, 2]), "vocab_size": 3}, note="a token twice")
    yield {"ids": random_integers(seed, 0, 9, 30), "vocab_size": 9}


# %% mistake="count" name="as_floats" hint="Counts are integers." active="py"
def count(ids, vocab_size):
    return torch.stack([(ids == token).sum() for token in range(vocab_size)]).float()


# %% mistake="count" name="starts_at_one" hint="A token that does not occur has count 0." active="py"
def count(ids, vocab_size):
    return torch.stack([(ids == token).sum() + 1 for token in range(vocab_size)])


# %% exercise="clip_" points=1 mutates=true withheld="torch.clamp torch.clip torch.Tensor.clamp_"
def clip_(x: Tensor, limit: float) -> Tensor:
    """Limit x to [−limit, limit], in place.

    x        (N,) numbers, changed
    returns  x itself
    """
    ### BEGIN SOLUTION
    x[x > limit] = limit
    x[x < -limit] = -limit
    return x
    ### END SOLUTION


# %% [markdown] hints="clip_"
r"""
1. Two sides.
2. Assign where `x > limit`, and where `x < -limit`.
3. `x[x > limit] = …`
"""


# %% cases="clip_" active="py"
def cases(seed):
    yield Case({"x": torch.tensor([-2.0, 0.5, 3.0]), "limit": 1.0}, note="both sides")
    yield {"x": random_tensor(seed, 20), "limit": 0.5}


# %% probe="clip_" active="py"
def probe(student, case):
    student(**case)
    return case["x"]


# %% mistake="clip_" name="one_side" hint="Negative values have a limit too." active="py"
def clip_(x, limit):
    x[x > limit] = limit
    return x


# %% mistake="clip_" name="a_copy" hint="x itself did not change." active="py"
def clip_(x, limit):
    return x.clamp(-limit, limit)


# %% [markdown]
r"""
## Questions

### Question · which_log

- **a** log₂
- **b** the natural logarithm
- **c** log₁₀
"""

# %% exercise="which_log" points=1 kind="choice" choices="a b c"
### BEGIN SOLUTION
which_log = "b"
### END SOLUTION

# %% mistake="which_log" name="a" hint="That gives bits." active="py"
which_log = "a"

# %% mistake="which_log" name="c" hint="That gives hartleys." active="py"
which_log = "c"

# %% exercise="nats_in_a_bit" points=1 kind="number"
### BEGIN SOLUTION
nats_in_a_bit = 0.6931
### END SOLUTION

# %% mistake="nats_in_a_bit" name="inverse" hint="The other way round." active="py"
nats_in_a_bit = 1.4427

# %% [markdown] exercise="why_nats" points=3
r"""
### In your own words · why_nats

Why nats?

### BEGIN SOLUTION
The derivative of the natural logarithm has no odd factor.
### END SOLUTION
### BEGIN RUBRIC
- 3 points: says that derivatives are simple.
### END RUBRIC
"""
