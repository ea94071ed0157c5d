"""Two spirals wound round each other: two classes that no line separates."""

import math

import torch
from torch import Tensor

from course_lib.arguments import require_at_least, require_counts, require_finite


def spirals(n: int, generator: torch.Generator, turns: float = 1.0, noise: float = 0.05) -> tuple[Tensor, Tensor]:
    """Return n points of two spirals and which spiral each lies on.

    turns    how often each spiral goes round
    noise    standard deviation of what is added to both coordinates
    returns  points (n, 2), at most about 1 from the middle; labels (n,), 0.0 and 1.0 in turn

    Raises ValueError for a negative n or noise, and turns that are not finite.
    """
    require_counts(0, n=n)
    require_finite(turns=turns)
    require_at_least(0, noise=noise)
    labels = torch.arange(n).remainder(2).float()
    distance = torch.rand(n, generator=generator).sqrt()
    angle = 2 * math.pi * turns * distance + math.pi * labels
    points = distance[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    return points + noise * torch.randn(n, 2, generator=generator), labels
