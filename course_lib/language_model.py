"""What every language model of the course has in common: windows to learn from, one loss, one measure.

A *language model* is an nn.Module with
- `vocab_size`, the number V of tokens it knows, and `seq_len`, the longest sequence it can read (None: any);
- `model(ids, cache=None)`, which turns token ids (B, T) into the logits (B, T, V) of the token that follows each;
- optionally `model.new_cache(batch_size, max_len)`. A call with a cache continues what the cache holds: the T ids
  come after the `cache.length` tokens that it has seen, and they are added to it. `cache.reorder(rows)` keeps,
  permutes or repeats rows of the batch; `cache.truncate(length)`, where the model can, forgets the latest tokens.

Whatever keeps to this can be trained by `course_lib.train`, measured here and decoded by `course_lib.decoding`:
recurrent networks, GPT with or without experts, and what a learner writes.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WINDOW = 64  # tokens that a model without a longest sequence reads at once


def draw_windows(tokens: Tensor, batch_size: int, length: int) -> Callable[[torch.Generator], Tensor]:
    """Return a function that draws random windows from a stream: the batches of `course_lib.train.Trainer`.

    tokens      (N,) token ids, N > length
    batch_size  B
    length      T, tokens that the model will read; a window has one more, the last one's successor
    returns     draw(generator) → (B, T + 1), every start equally likely, windows may overlap

    Raises ValueError when the stream is no longer than a window.
    """
    _require_stream(tokens, length)
    if batch_size < 1 or length < 1:
        raise ValueError(f"batch_size and length must be at least 1, got {batch_size} and {length}")
    windows = tokens.unfold(0, length + 1, 1)  # (N − T, T + 1), a view: nothing is copied until windows are drawn

    def draw(generator: torch.Generator) -> Tensor:
        return windows[torch.randint(len(windows), (batch_size,), generator=generator)]

    return draw


def next_token_loss(model: nn.Module, windows: Tensor) -> Tensor:
    """Return the mean cross-entropy of every next token, in nats a token: a scalar.

    windows  (B, T + 1) token ids. The model reads all but the last; its targets are all but the first

    The windows are moved to the model's device.
    """
    windows = windows.to(_device(model))
    logits = model(windows[:, :-1])  # (B, T, V)
    return F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())


@torch.no_grad()
def nats_per_token(model: nn.Module, tokens: Tensor, length: int | None = None, batch_size: int = 64) -> float:
    """Return the cross-entropy of the model on a stream of tokens, in nats a token.

    tokens      (N,) token ids that the model was not trained on
    length      T, tokens that the model reads at once; by default its own `seq_len`, or 64 where that is None
    batch_size  windows that are read side by side; has no influence on the result

    Windows overlap by half, and only the predictions in their second half count: each is made from at least T/2
    tokens of context. The first T/2 tokens of the stream, which have less, are left out.

    Raises ValueError when the stream is no longer than a window. The model's mode (training or evaluation) is kept.
    """
    length = length or getattr(model, "seq_len", None) or WINDOW
    _require_stream(tokens, length)
    half = length // 2
    windows = tokens.unfold(0, length + 1, length - half)  # each starts where the one before began to count
    training, device, total = model.training, _device(model), 0.0
    model.eval()
    for batch in windows.split(batch_size):
        batch = batch.to(device)
        logits = model(batch[:, :-1])[:, half:]
        total += F.cross_entropy(logits.flatten(0, 1), batch[:, half + 1 :].flatten(), reduction="sum").item()
    model.train(training)
    return total / (len(windows) * (length - half))


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers the model learns; a matrix that two layers share counts once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _require_stream(tokens: Tensor, length: int) -> None:
    if tokens.dim() != 1 or len(tokens) <= length:
        shape = tuple(tokens.shape)
        raise ValueError(f"tokens must be one stream of more than length = {length} ids, got the shape {shape}")
