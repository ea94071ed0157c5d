"""What mutated code calls where a slip is no single change of an expression."""

from typing import Any

import torch
from torch import Tensor


def detached(value: Any) -> Any:
    """Return a value without its gradient: tensors, alone or in tuples, lists and dicts."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, (tuple, list)):
        items = [detached(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return {key: detached(item) for key, item in value.items()} if isinstance(value, dict) else value


def in_float32(value: Any) -> Any:
    """Return a tensor of half precision as float32, and anything else as it is."""
    half = isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16)
    return value.float() if half else value


def last_argmax(x: Tensor, dim: int) -> Tensor:
    """Return where the largest value is, of equal ones the last; x (…), returns it without that dimension."""
    return x.size(dim) - 1 - x.flip(dim).argmax(dim)


EFFECTS = {"detached": detached, "in_float32": in_float32, "last_argmax": last_argmax}
"""The names that a mutant may use beside those of its lesson."""
