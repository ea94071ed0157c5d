"""Random inputs for the tests of the library: a seed gives the same ones in every run."""

import torch
from torch import Tensor


def generator(seed: int = 0, device: str = "cpu") -> torch.Generator:
    """Return a generator with this seed."""
    return torch.Generator(device).manual_seed(seed)


def normal64(seed: int, *shape: int) -> Tensor:
    """Return a float64 tensor of this shape, drawn from the standard normal distribution."""
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the values of `normal64`, rounded to this dtype."""
    return normal64(seed, *shape).to(dtype)


def random_mask(seed: int, *shape: int) -> Tensor:
    """Return a boolean tensor of this shape in which about 60 % are True."""
    return torch.rand(*shape, generator=generator(seed)) < 0.6
