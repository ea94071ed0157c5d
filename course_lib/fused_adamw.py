"""torch's fused AdamW without what it does for torch.compile: the course trains in seconds, and that takes three.

Whatever its settings, the first `torch.optim.Optimizer` of a session imports torch._dynamo, the compiler, so as to keep
it out of its own methods. Where those methods are not compiled, which is so in this course, the wrappers that import it
do nothing else: here they are taken off. torch.compile of a model and its loss is another matter, and works as ever.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

_torchs_step = inspect.unwrap(torch.optim.AdamW.step)  # what carries no wrapper in another release stays as it is


class FusedAdamW(torch.optim.AdamW):
    """AdamW (Loshchilov and Hutter 2019) as torch.optim.AdamW(…, fused=True) computes it, to the bit.

    Takes what torch.optim.AdamW takes, but `fused` and `differentiable`. Its checkpoints are torch's.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = FusedAdamW([weight], lr=0.1, weight_decay=0.0)
    >>> weight.sum().backward()
    >>> optimizer.step()
    >>> round(weight.item(), 4)  # Adam's first step is as long as lr
    0.9
    """

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)

    def __init__(self, params: Iterable[Any], **settings: Any) -> None:
        super().__init__(params, fused=True, **settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """Change every parameter that has a gradient by one step; return what closure, if there is one, returned."""
        return _torchs_step(self, closure)
