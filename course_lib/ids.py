"""Token ids: the way from them to vectors, which says so when an id has none."""

from torch import Tensor, nn


def look_up(table: nn.Embedding, ids: Tensor, name: str = "ids") -> Tensor:
    """Return the vectors of ids (...) as (..., D); name is what the caller calls the ids.

    Raises ValueError for ids that are no integers, or outside the table. On a GPU the latter is CUDA's own error: to
    look at the ids there would take longer than to fetch the vectors.
    """
    if ids.is_floating_point():
        raise ValueError(f"{name} must be integers, got {ids.dtype}")
    try:
        return table(ids)
    except IndexError:
        found = f"{ids.min().item()} to {ids.max().item()}"
        raise ValueError(f"{name} must be from 0 to {table.num_embeddings - 1}, got {found}") from None
