"""What every language model of the course has in common: windows to learn from, one loss, one measure.

A *language model* is an nn.Module with
- `vocab_size`, the number V of tokens it knows, and `seq_len`, the longest sequence it can read (None: any);
- `model(ids, cache=None)`, which turns token ids (B, T) into the logits (B, T, V) of the token that follows each;
- optionally `model.new_cache(batch_size, max_len)`. A call with a cache continues what the cache holds: the T ids
  come after the `cache.length` tokens that it has seen, and they are added to it. `cache.reorder(rows)` keeps,
  permutes or repeats rows of the batch; `cache.truncate(length)`, where the model can, forgets the latest tokens;
- optionally `model(ids, cache, left_padding)` for texts of unequal length: so many ids (B,) at the left of each row
  are no text. The logits after the others are those of the text alone. With a cache it is given in the first call.

Whatever keeps to this can be trained by `course_lib.train`, measured here and decoded by `course_lib.decoding`:
recurrent networks, GPT with or without experts, and what a learner writes.
"""

import os
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import require_counts
from course_lib.ids import require_targets

_WRITTEN = 1 << 20  # ids that are written at once
WINDOW = 64  # tokens that a model without a longest sequence reads at once


def draw_windows(tokens: Tensor | np.ndarray, batch_size: int, length: int) -> Callable[[torch.Generator], Tensor]:
    """Return a function that draws random windows from a stream: the batches of `course_lib.train.Trainer`.

    tokens      (N,) token ids, N > length; a tensor, or from `read_tokens`, of which only the windows enter the memory
    batch_size  B
    length      T, tokens that the model will read; a window has one more, the last one's successor
    returns     draw(generator) → (B, T + 1) int64, every start equally likely, windows may overlap

    Raises ValueError when the stream is no longer than a window, and for sizes below 1.
    """
    require_counts(batch_size=batch_size, length=length)
    _require_stream(tokens, length)
    # (N − T, T + 1), a view: nothing is copied until windows are drawn
    if isinstance(tokens, Tensor):
        windows: Tensor | np.ndarray = tokens.unfold(0, length + 1, 1)
    else:
        windows = np.lib.stride_tricks.sliding_window_view(tokens, length + 1)

    def draw(generator: torch.Generator) -> Tensor:
        starts = torch.randint(len(windows), (batch_size,), generator=generator)
        if isinstance(windows, Tensor):
            return windows[starts].long()
        return torch.from_numpy(windows[starts.numpy()].astype(np.int64))

    return draw


def write_tokens(path: str | Path, tokens: Iterable[int], vocab_size: int) -> int:
    """Write a stream of token ids to a file that `read_tokens` opens, whatever its length; return how many they are.

    path        of the file; an interrupted write leaves an earlier one as it was
    tokens      N ids, which need not be in memory together: `write_tokens(path, tokenizer.encode_stream(file), V)`
    vocab_size  V. An id takes two bytes up to 65,536, beyond it four

    Raises ValueError for an id that is not in 0 … V − 1.
    """
    require_counts(vocab_size=vocab_size)
    dtype, stream, n, part = np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4"), iter(tokens), 0, Path(f"{path}.part")
    with part.open("wb") as file:
        file.write(_npy_header(dtype, 0))
        while len(ids := np.fromiter(islice(stream, _WRITTEN), dtype=np.int64)):
            if ids.min() < 0 or ids.max() >= vocab_size:
                raise ValueError(f"tokens must be from 0 to {vocab_size - 1}, got {ids.min()} to {ids.max()}")
            ids.astype(dtype).tofile(file)
            n += len(ids)
        file.seek(0)
        file.write(_npy_header(dtype, n))  # of the same length, now that N is known
    os.replace(part, path)
    return n


def read_tokens(path: str | Path) -> np.ndarray:
    """Open a stream of token ids (N,), uint16 or uint32, that stays in its file until somebody looks at a part of it.

    path   what `write_tokens` wrote, or any .npy file of integers

    Raises ValueError when the file holds no stream of integers.
    """
    tokens = np.load(path, mmap_mode="r")
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        raise ValueError(f"{path} must hold one stream of integers, got shape {tokens.shape}, {tokens.dtype}")
    return tokens


def next_token_loss(model: nn.Module, windows: Tensor) -> Tensor:
    """Return the mean cross-entropy of every next token, in nats a token: a scalar.

    windows  (B, T + 1) token ids. The model reads all but the last; its targets are all but the first

    The windows are moved to the model's device. Raises ValueError for an id that the model does not know.
    """
    windows = windows.to(_device(model))
    logits = model(windows[:, :-1])  # (B, T, V)
    require_targets(windows[:, 1:], logits.shape, name="windows")
    return F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())


@torch.no_grad()
def nats_per_token(model: nn.Module, tokens: Tensor, length: int | None = None, batch_size: int = 64) -> float:
    """Return the cross-entropy of the model on a stream of tokens, in nats a token.

    tokens      (N,) token ids that the model was not trained on
    length      T, tokens that the model reads at once; by default its own `seq_len`, or 64 where that is None
    batch_size  windows that are read side by side; has no influence on the result

    Windows overlap by half, and only the predictions in their second half count: each is made from at least T/2
    tokens of context. The first T/2 tokens of the stream, which have less, are left out, and so are the last up to
    T/2 − 1, which fill no half window.

    Raises ValueError when the stream is no longer than a window, and for an id that the model does not know. The
    model's mode (training or evaluation) is kept.
    """
    require_counts(length=length, batch_size=batch_size)
    length = length or getattr(model, "seq_len", None) or WINDOW
    _require_stream(tokens, length)
    half = length // 2
    windows = tokens.unfold(0, length + 1, length - half)  # each starts where the one before began to count
    training, device, total = model.training, _device(model), 0.0
    model.eval()
    for batch in windows.split(batch_size):
        batch = batch.to(device)
        logits = model(batch[:, :-1])[:, half:]
        targets = batch[:, half + 1 :]
        require_targets(targets, logits.shape, name="tokens")
        total += F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").item()
    model.train(training)
    return total / (len(windows) * (length - half))


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers the model learns; a matrix that two layers share counts once."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _npy_header(dtype: np.dtype, n: int) -> bytes:
    """Return the first 128 bytes of a .npy file of shape (n,), filled up with blanks as its format 1.0 has it."""
    described = repr({"descr": dtype.str, "fortran_order": False, "shape": (n,)}).encode()
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + described.ljust(117) + b"\n"


def _require_stream(tokens: Tensor | np.ndarray, length: int) -> None:
    if tokens.ndim != 1 or len(tokens) <= length:
        shape = tuple(tokens.shape)
        raise ValueError(f"tokens must be one stream of more than length = {length} ids, got the shape {shape}")
