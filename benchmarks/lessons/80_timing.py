# ---
# jupyter:
#   course:
#     title: How long does grading take?
#     minutes: 5
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# How long does grading take?

A lesson for the benchmark of the engine: four functions on tensors, and no demos, which stock nbgrader would run.
"""

# %% setup=true
import torch
from torch import Tensor

from course_lib.checks import check

# %% [markdown]
r"""
### Exercise · softmax
"""


# %% exercise="softmax" points=1 withheld="course_lib.information.softmax torch.softmax"
def softmax(logits: Tensor) -> Tensor:
    """Probabilities in the last dimension. logits: (..., V); returns (..., V)."""
    ### BEGIN SOLUTION
    weights = (logits - logits.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)
    ### END SOLUTION


# %% cases="softmax" active="py"
def cases(seed):
    for shape in ((4,), (3, 5), (2, 3, 7), (1, 1), (8, 50)):
        yield {"logits": 3 * random_tensor(seed, *shape)}
    yield {"logits": torch.tensor([1000.0, 0.0])}


# %% mistake="softmax" active="py" name="overflow" hint="exp(1000) is inf, and inf / inf is nan: subtract the maximum first."
def softmax(logits):
    return logits.exp() / logits.exp().sum(-1, keepdim=True)


# %% [markdown]
r"""
### Exercise · entropy
"""


# %% exercise="entropy" points=1 withheld="course_lib.information.entropy torch.special.entr"
def entropy(p: Tensor) -> Tensor:
    """Entropy in nats of each distribution in the last dimension. p: (..., V); returns (...)."""
    ### BEGIN SOLUTION
    return -(p * torch.where(p > 0, p, 1).log()).sum(-1)
    ### END SOLUTION


# %% cases="entropy" active="py"
def cases(seed):
    yield {"p": torch.tensor([1.0, 0.0])}
    for shape in ((2,), (3, 5), (2, 3, 7), (8, 50), (1, 9)):
        yield {"p": random_distributions(seed, *shape)}


# %% mistake="entropy" active="py" name="bits" hint="You measured in bits; this course measures in nats."
def entropy(p):
    return -(p * torch.where(p > 0, p, 1).log2()).sum(-1)


# %% [markdown]
r"""
### Exercise · causal_mask
"""


# %% exercise="causal_mask" points=1 withheld="course_lib.attention.causal_mask"
def causal_mask(n: int) -> Tensor:
    """Which position may attend to which. Returns (n, n), boolean, True = may attend."""
    ### BEGIN SOLUTION
    return torch.ones(n, n, dtype=torch.bool).tril()
    ### END SOLUTION


# %% cases="causal_mask" active="py"
def cases(seed):
    for n in (1, 2, 3, 5, 8, 13):
        yield {"n": n}


# %% mistake="causal_mask" active="py" name="inverted" hint="True means may attend; yours forbids what it should allow."
def causal_mask(n):
    return ~torch.ones(n, n, dtype=torch.bool).tril()


# %% [markdown]
r"""
### Exercise · attention
"""


# %% exercise="attention" points=2 needs="softmax" withheld="course_lib.attention.scaled_dot_product_attention torch.nn.functional.scaled_dot_product_attention"
def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attended values. q: (..., T, D); k: (..., S, D); v: (..., S, E); returns (..., T, E)."""
    ### BEGIN SOLUTION
    return softmax(q @ k.mT / q.shape[-1] ** 0.5) @ v
    ### END SOLUTION


# %% cases="attention" active="py"
def cases(seed):
    for t, s, d in ((1, 1, 1), (2, 3, 4), (5, 5, 8), (7, 2, 16), (12, 12, 32), (3, 9, 2)):
        yield {
            "q": random_tensor(seed, 2, t, d),
            "k": random_tensor(seed + 1, 2, s, d),
            "v": random_tensor(seed + 2, 2, s, d),
        }


# %% mistake="attention" active="py" name="unscaled" hint="The scores are not divided by √d_k."
def attention(q, k, v):
    return softmax(q @ k.mT) @ v
