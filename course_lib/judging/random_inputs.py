"""Seeded random inputs for cases: the same seed gives the same tensors on every machine."""

import torch
from torch import Tensor


def generator(seed: int) -> torch.Generator:
    """Return a CPU generator with this seed."""
    return torch.Generator().manual_seed(seed)


def random_tensor(seed: int, *shape: int, scale: float = 1.0) -> Tensor:
    """Return a float32 tensor of this shape, normal with mean 0 and standard deviation `scale`."""
    return scale * torch.randn(shape, generator=generator(seed))


def random_distributions(seed: int, *shape: int) -> Tensor:
    """Return a float32 tensor of this shape whose last dimension holds distributions: positive, each sums to 1."""
    return torch.softmax(2.0 * torch.randn(shape, generator=generator(seed), dtype=torch.float64), -1).float()


def random_integers(seed: int, low: int, high: int, *shape: int) -> Tensor:
    """Return an int64 tensor of this shape with values from `low` up to, not including, `high`."""
    return torch.randint(low, high, shape, generator=generator(seed))
