"""Predictor: the logits of the next token, with a cache where the model has one, within the model's window.

Every decoding method asks the same thing, so it is here once. A model is anything that keeps to the contract of
`course_lib.language_model`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn


class Cache(Protocol):
    """What a model remembers of the tokens it has read, `length` of each row. Some caches can be truncated, too."""

    length: int

    def reorder(self, rows: Tensor) -> None:
        """Keep, permute or repeat rows of the batch: rows (B',) int64."""


class Predictor:
    """Ask a model what comes next. Called with all tokens so far, it passes on only those that are new.

    model       a language model; it is in evaluation mode during a call, and as it was afterwards
    batch_size  B, rows that will be asked about
    max_len     the longest text that will be asked about
    use_cache   False: compute everything again each time, which gives the same logits

    A text longer than `model.seq_len` is cropped to its last tokens. Their positions then move with every token, so
    that nothing kept is of use any more, and a cache is left behind.
    """

    def __init__(self, model: nn.Module, batch_size: int, max_len: int, use_cache: bool = True) -> None:
        self.model, self.window = model, getattr(model, "seq_len", None)
        self.cache: Cache | None = None
        new_cache = getattr(model, "new_cache", None)
        if use_cache and new_cache is not None:
            self.cache = new_cache(batch_size, min(max_len, self.window or max_len))

    @torch.no_grad()
    def __call__(self, ids: Tensor, last: int = 1) -> Tensor:
        """Return the logits that follow each of the last tokens.

        ids      (B, T) all tokens so far. With a cache they must continue what was read before: see `reorder` and
                 `truncate`
        last     how many of them to return; at most the number of new tokens
        returns  (B, last, V)
        """
        if self.window is not None and ids.size(1) > self.window:
            ids, self.cache = ids[:, -self.window :], None
        with _evaluating(self.model):
            if self.cache is None:
                return self.model(ids)[:, -last:]
            return self.model(ids[:, self.cache.length :], self.cache)[:, -last:]

    def reorder(self, rows: Tensor) -> None:
        """Row i of the next call continues what was row rows[i]; rows (B',) int64."""
        if self.cache is not None:
            self.cache.reorder(rows)

    def truncate(self, length: int) -> None:
        """Forget what was read after the first `length` tokens. A cache that cannot is given up."""
        if self.cache is not None and self.cache.length > length:
            if hasattr(self.cache, "truncate"):
                self.cache.truncate(length)
            else:
                self.cache = None


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, and every one of its modules back to what it was."""
    training = [module for module in model.modules() if module.training]
    for module in training:  # model.eval() would visit all of them at every token, a third of a small model's time
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


def require_prompt(prompt: Tensor, max_new_tokens: int) -> None:
    """Raise ValueError unless the prompt is (B, T) with at least one token and max_new_tokens is not negative."""
    if prompt.dim() != 2 or not prompt.numel():
        raise ValueError(f"prompt must have the shape (B, T) with at least one token, got {tuple(prompt.shape)}")
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens must be at least 0, got {max_new_tokens}")
