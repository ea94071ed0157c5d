"""Clipping by the global norm: a gradient that is too long keeps its direction and becomes as long as allowed."""

from collections.abc import Sequence

import torch
from torch import Tensor


def clip_grad_norm(grads: Sequence[Tensor], max_norm: float) -> tuple[list[Tensor], Tensor]:
    """Return gradients scaled so that together they are no longer than max_norm, and how long they were.

    grads     tensors of any shapes: the gradient of one model, in pieces. Parameters without one are left out:
              [p.grad for p in model.parameters() if p.grad is not None]
    max_norm  the largest Euclidean norm of all numbers together; math.inf limits nothing
    returns   the scaled tensors, new ones, and the norm before scaling, ()

    All pieces are multiplied by the same factor, min(1, max_norm / (norm + 10⁻⁶)); clipping each for itself would turn
    the step. Where a gradient holds inf or nan the norm is inf or nan, and no factor repairs that: skip the step.
    torch.nn.utils.clip_grad_norm_ does the same in place.

    Raises ValueError for a negative max_norm.  Pascanu, Mikolov and Bengio 2013.

    >>> clipped, norm = clip_grad_norm([torch.tensor([3.0]), torch.tensor([[4.0]])], max_norm=1.0)
    >>> norm, clipped
    (tensor(5.), [tensor([0.6000]), tensor([[0.8000]])])
    """
    if not max_norm >= 0:
        raise ValueError(f"max_norm must be at least 0, got {max_norm}")
    if not grads:
        return [], torch.zeros(())
    norm = torch.stack([torch.linalg.vector_norm(grad).to(grads[0].device) for grad in grads]).norm()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    return [grad * factor.to(grad.device) for grad in grads], norm
