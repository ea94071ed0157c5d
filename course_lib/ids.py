"""Token ids: those that a model reads have a vector, those that it should predict have a logit; or an error says so.

Of what it should predict, some places do not count: where a short text was filled up, or where nothing is asked. One
id says which. That is `IGNORED`, where no token has it, or padding's own id, `pad_id`, where texts are filled up with
that. What does not count is neither in a sum of losses, nor in the number that the sum is divided by.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

IGNORED = -100  #: the target of a place that a model is not asked about; PyTorch's own choice


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


def require_targets(targets: Tensor, shape: Sequence[int], ignored: int = IGNORED, name: str = "targets") -> None:
    """Raise ValueError unless there is one target for each row of logits, and a logit for each target that counts.

    targets  (...) token ids
    shape    (..., V), of the logits
    ignored  the id of targets that do not count; it may lie outside the vocabulary
    name     what the caller calls the targets

    Their values are looked at on the CPU alone: on a GPU that would make it wait, and what is outside the vocabulary is
    CUDA's own error.

    >>> require_targets(torch.tensor([0, IGNORED, 4]), shape=(3, 4))
    Traceback (most recent call last):
    ...
    ValueError: targets must be from 0 to 3, got 0 to 4
    """
    *rows, vocab_size = shape
    if targets.shape != tuple(rows):
        raise ValueError(f"{name} must have the shape {tuple(rows)}, got {tuple(targets.shape)}")
    if targets.is_floating_point():
        raise ValueError(f"{name} must be integers, got {targets.dtype}")
    if targets.device.type != "cpu" or torch.compiler.is_compiling():  # a compiled program does not look at values
        return
    counted = targets[targets != ignored]
    if counted.numel() and not 0 <= counted.min() <= counted.max() < vocab_size:
        found = f"{counted.min().item()} to {counted.max().item()}"
        raise ValueError(f"{name} must be from 0 to {vocab_size - 1}, got {found}")
