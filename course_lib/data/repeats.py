"""The repeat task: random symbols, and then the same ones again.

    d  a  f  c  b  d  a  f  c  b  d  a      after the second d comes a, as it did after the first

The symbols are drawn without order or meaning, and how many there are before they begin again differs from row to row.
So the first copy cannot be predicted, and the second can, by whoever looks for the symbol in the text and reads on from
there. Olsson et al. (2022) test the heads of language models on such sequences.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import require_counts
from course_lib.ids import IGNORED


@dataclass(frozen=True)
class Repeats:
    """Sequences of `length` + 1 tokens that repeat after a period of `shortest` to `longest` different symbols.

    vocab_size  V, how many symbols there are; at least `longest`
    shortest    smallest period, in tokens
    longest     largest period; less than length, so that every row repeats
    length      T, tokens that a model reads; the last one's successor is a target only

    Raises ValueError for settings that make no sense.

    >>> ids, periods = Repeats(6, 2, 3, 5).sample(2, torch.Generator().manual_seed(0), period=3)
    >>> ids.shape, periods.tolist(), bool((ids[:, 3:] == ids[:, :3]).all())
    (torch.Size([2, 6]), [3, 3], True)
    """

    vocab_size: int = 20
    shortest: int = 8
    longest: int = 16
    length: int = 32

    def __post_init__(self) -> None:
        require_counts(2, shortest=self.shortest)
        require_counts(self.shortest, longest=self.longest)
        require_counts(self.longest, vocab_size=self.vocab_size)
        require_counts(self.longest + 1, length=self.length)

    def sample(self, batch_size: int, generator: torch.Generator, period: int | None = None) -> tuple[Tensor, Tensor]:
        """Draw sequences.

        batch_size  B
        period      of every row; None: drawn for each, all from shortest to longest equally likely
        returns     ids (B, T + 1) int64, and the periods (B,)

        Raises ValueError for a batch_size below 1 and a period outside shortest … longest.
        """
        require_counts(batch_size=batch_size)
        if period is None:
            periods = torch.randint(self.shortest, self.longest + 1, (batch_size,), generator=generator)
        else:
            require_counts(self.shortest, period=period)
            if period > self.longest:
                raise ValueError(f"period must be at most longest = {self.longest}, got {period}")
            periods = torch.full((batch_size,), period)
        symbols = torch.rand(batch_size, self.vocab_size, generator=generator).argsort(-1)  # (B, V), each one once
        return symbols.gather(1, torch.arange(self.length + 1) % periods[:, None]), periods

    def draw(self, batch_size: int) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
        """Return draw(generator) → (ids, periods): the batches of `course_lib.train.Trainer`. Raises as `sample`."""
        require_counts(batch_size=batch_size)
        return lambda generator: self.sample(batch_size, generator)

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the mean cross-entropy of the tokens that have occurred before, in nats a token.

        model  model(ids (B, T)) → logits (B, T, V)
        batch  what `sample` returns. The targets of the first copy, and the first token of the second, do not count:
               nobody can know them
        """
        ids, periods = (part.to(next(model.parameters()).device) for part in batch)
        places = torch.arange(1, ids.size(1), device=ids.device)
        targets = ids[:, 1:].masked_fill(places <= periods[:, None], IGNORED)
        return F.cross_entropy(model(ids[:, :-1]).transpose(1, 2), targets, ignore_index=IGNORED)
