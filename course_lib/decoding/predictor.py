"""Predictor: the logits of the next token, with a cache where the model has one, within the model's window.

Every decoding method asks the same thing, so it is here once. A model is anything that keeps to the contract of
`course_lib.language_model`.
"""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from course_lib.arguments import require_counts
from course_lib.decoding.bare_functions import is_plain_gpt
from course_lib.decoding.static_step import StaticStep
from course_lib.kv_cache import KVCache, require_left_padding

_AT_ONCE = 512  #: tokens of a prompt that are read by one call


class Cache(Protocol):
    """What a model remembers of the tokens it has read, `length` of each row. Some caches can be truncated, too."""

    length: int

    def reorder(self, rows: Tensor) -> None:
        """Keep, permute or repeat rows of the batch: rows (B',) int64."""


class Predictor:
    """Ask a model what comes next. Called with all tokens so far, it passes on only those that are new.

    model         a language model; it is in evaluation mode during a call, and as it was afterwards
    batch_size    B, rows that will be asked about
    max_len       the longest text that will be asked about
    use_cache     False: compute everything again each time, which gives the same logits
    left_padding  (B,) how many tokens at the left of each row are padding; None: none

    A long prompt is read in pieces, of which only the last keeps its logits, and single tokens of a GPT by a
    `StaticStep`: the results are the same. A text longer than `model.seq_len` is cropped to its last tokens. Their
    positions then move with every token, so that nothing kept is of use any more, and a cache is left behind.

    Raises ValueError for sizes below 1, a left_padding that is not (B,) or is negative, and a model that does not take
    it.
    """

    def __init__(
        self,
        model: nn.Module,
        batch_size: int,
        max_len: int,
        use_cache: bool = True,
        left_padding: Tensor | None = None,
    ) -> None:
        require_counts(batch_size=batch_size, max_len=max_len)
        self.model, self.window = model, getattr(model, "seq_len", None)
        require_left_padding(left_padding, batch_size, max_len)
        self.left_padding = left_padding if left_padding is not None and left_padding.any() else None
        if self.left_padding is not None and not _takes_left_padding(model):
            raise ValueError(f"model must take left_padding for texts of unequal length, got a {type(model).__name__}")
        self.cache: Cache | None = None
        new_cache = getattr(model, "new_cache", None)
        if use_cache and new_cache is not None:
            self.cache = new_cache(batch_size, min(max_len, self.window or max_len))
        self._plain = isinstance(self.cache, KVCache) and is_plain_gpt(model)
        self._step: StaticStep | None = None

    @torch.no_grad()
    def __call__(self, ids: Tensor, last: int = 1) -> Tensor:
        """Return the logits that follow each of the last tokens.

        ids      (B, T) all tokens so far. With a cache they must continue what was read before: see `reorder` and
                 `truncate`
        last     how many of them to return; at most the number of new tokens
        returns  (B, last, V)
        """
        padding = {} if self.left_padding is None else {"left_padding": self.left_padding}
        if self.window is not None and ids.size(1) > self.window:
            cropped = ids.size(1) - self.window
            ids, self.cache = ids[:, cropped:], None
            padding = {name: (at_left - cropped).clamp(min=0) for name, at_left in padding.items()}
        if self.cache is None:
            with _evaluating(self.model):
                return self.model(ids, **padding)[:, -last:]
        new = ids[:, self.cache.length :]
        if self.cache.length and new.size(1) == 1 and (step := self._static_step()) is not None:
            return step(new[:, 0])[:, None]
        with _evaluating(self.model):
            if self.cache.length:
                padding = {}  # the cache remembers it
            elif not padding:
                while new.size(1) > _AT_ONCE + last:
                    self.model(new[:, :_AT_ONCE], self.cache)
                    new = new[:, _AT_ONCE:]
            return self.model(new, self.cache, **padding)[:, -last:]

    def _static_step(self) -> StaticStep | None:
        """Return the step that reads one token, or None where the model has none, or autocast would change its keys."""
        if not isinstance(self.cache, KVCache) or not self._plain:
            return None
        if torch.is_autocast_enabled(self.cache.keys.device.type):
            return None
        self._step = self._step or StaticStep(self.model, self.cache)
        return self._step

    def reorder(self, rows: Tensor) -> None:
        """Row i of the next call continues what was row rows[i]; rows (B',) int64."""
        if self.cache is not None:
            self.cache.reorder(rows)
            self._step = self._step if self._step is not None and len(rows) == self._step.n_rows else None
        if self.left_padding is not None:
            self.left_padding = self.left_padding[rows]

    def truncate(self, length: int) -> None:
        """Forget what was read after the first `length` tokens. A cache that cannot is given up."""
        if self.cache is not None and self.cache.length > length:
            if hasattr(self.cache, "truncate"):
                self.cache.truncate(length)
            else:
                self.cache = None


def _takes_left_padding(model: nn.Module) -> bool:
    parameters = inspect.signature(model.forward).parameters
    return "left_padding" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


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


def require_prompt(prompt: Tensor, max_new_tokens: int, left_padding: Tensor | None = None) -> Tensor:
    """Return a prompt (B, T), and what is padding at its left replaced by each row's last token.

    Nobody looks at padding but those who ask which tokens have occurred, and there the last token has.

    Raises ValueError unless the prompt is (B, T) with at least one token in each row that is no padding, left_padding
    is (B,) and not negative, and max_new_tokens is not negative.
    """
    if prompt.dim() != 2 or not prompt.numel():
        raise ValueError(f"prompt must have the shape (B, T) with at least one token, got {tuple(prompt.shape)}")
    require_counts(0, max_new_tokens=max_new_tokens)
    if left_padding is None:
        return prompt
    require_left_padding(left_padding, len(prompt), prompt.size(1) - 1)
    padding = torch.arange(prompt.size(1), device=prompt.device) < left_padding[:, None]
    return torch.where(padding, prompt[:, -1:], prompt)
