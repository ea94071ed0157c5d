"""Tables of vectors of which each step touches a few rows: lookup, and AdaGrad for those rows only."""

import torch
from torch import Tensor

from course_lib.arguments import require_at_least, require_counts


class Table:
    """A vector for each id, and a step size of its own for each vector.

    rows     (V, D) the vectors; they are trained in place
    squares  (V,) for each row, the sum of the mean squares of its gradients so far

    AdaGrad (Duchi et al. 2011) with one sum for a row, not one for each number: a step is lr / √squares. A word that
    has been met a thousand times moves little, a rare one moves far; and many occurrences of one word in a batch do
    not blow its vector up, as they do under plain stochastic gradient descent.

    Raises ValueError for rows that are no matrix of floating-point numbers.
    """

    def __init__(self, rows: Tensor) -> None:
        if rows.dim() != 2 or not rows.is_floating_point():
            raise ValueError(f"rows must be a matrix of floating-point numbers, got {tuple(rows.shape)} {rows.dtype}")
        self.rows = rows
        self.squares = rows.new_full((len(rows),), 1e-6)

    def take(self, ids: Tensor) -> Tensor:
        """Return the vectors of ids (…) as a tensor (…, D)."""
        return self.rows.index_select(0, ids.flatten()).view(*ids.shape, -1)

    def step(self, ids: Tensor, gradient: Tensor, lr: float) -> None:
        """Move the vectors of ids (…) against their gradient (…, D); an id may occur more than once.

        Raises ValueError for a negative lr.
        """
        require_at_least(0, lr=lr)
        ids, gradient = ids.flatten(), gradient.flatten(end_dim=-2)
        self.squares.index_add_(0, ids, gradient.square().mean(dim=-1))
        rate = self.squares.index_select(0, ids).rsqrt_().mul_(-lr)
        self.rows.index_add_(0, ids, gradient * rate[:, None])


def small_random(n: int, d_model: int, generator: torch.Generator) -> Tensor:
    """Return (n, d_model) numbers, uniform between ±1 / (2 · d_model), as word2vec starts from. ValueError below 1."""
    require_counts(n=n, d_model=d_model)
    return (torch.rand(n, d_model, generator=generator, device=generator.device) - 0.5) / d_model
