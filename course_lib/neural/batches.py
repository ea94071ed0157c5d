"""Which examples an update learns from: all of them, one, or a few."""

import torch
from torch import Tensor

from course_lib.arguments import require_counts


def minibatches(n: int, batch_size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Return the batches of one pass over n examples, in random order.

    n           number of examples
    batch_size  of each batch; the last one holds what is left, and may be smaller. n gives batch gradient descent (one
                update a pass), 1 gives stochastic gradient descent in the strict sense (n updates a pass)
    generator   source of the order; draw again for each pass
    returns     tensors of indices, int64, on the generator's device; each of 0 … n − 1 is in exactly one

    Raises ValueError when n or batch_size is less than 1.

    >>> [len(batch) for batch in minibatches(10, 4, torch.Generator().manual_seed(0))]
    [4, 4, 2]
    """
    require_counts(n=n, batch_size=batch_size)
    return torch.randperm(n, generator=generator, device=generator.device).split(batch_size)
