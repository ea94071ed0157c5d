"""The long-recall task: remember the first symbols, read on, and say them when asked.

    c  .  ,  .  ;  ,  ?      the answer at ? is c

The symbols are uniform and independent of everything else, so whoever has forgotten them is right with probability
1/K exactly and cannot do better; every nat below ln K is memory. The filler is random: a network has to hold the
symbols *against* its input. After Hochreiter and Schmidhuber (1997), who measured memory with such tasks.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import require_counts


@dataclass(frozen=True)
class Recall:
    """The task at one distance. Token ids: 0 is the question mark, 1 … K are symbols, the rest is filler.

    distance   steps from reading a symbol to being asked for it
    n_symbols  K, how many symbols there are
    n_items    how many are to be remembered, in order; at most `distance`
    n_fillers  how many kinds of filler there are

    Raises ValueError for settings that make no sense.

    >>> task = Recall(distance=3, n_symbols=4)
    >>> ids, targets = task.sample(2, torch.Generator().manual_seed(0))
    >>> ids.shape, bool((ids[:, 0] - 1 == targets[:, 0]).all()), ids[:, -1].tolist()
    (torch.Size([2, 4]), True, [0, 0])
    """

    distance: int
    n_symbols: int = 8
    n_items: int = 1
    n_fillers: int = 4

    def __post_init__(self) -> None:
        require_counts(n_items=self.n_items, n_fillers=self.n_fillers)
        require_counts(2, n_symbols=self.n_symbols)
        require_counts(self.n_items, distance=self.distance)

    @property
    def vocab_size(self) -> int:
        """V, how many token ids there are: the question mark, the symbols and the fillers."""
        return 1 + self.n_symbols + self.n_fillers

    @property
    def chance(self) -> float:
        """The accuracy of whoever remembers nothing: 1 / K, exactly."""
        return 1 / self.n_symbols

    @property
    def chance_loss(self) -> float:
        """The smallest loss of whoever remembers nothing, in nats an answer: ln K, exactly."""
        return math.log(self.n_symbols)

    def sample(self, batch_size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw sequences.

        returns  ids (B, distance + n_items): the items, filler, n_items question marks;
                 targets (B, n_items): which symbol (0 … K − 1) is the answer at each question mark

        Raises ValueError for a batch_size below 1.
        """
        require_counts(batch_size=batch_size)
        targets = torch.randint(0, self.n_symbols, (batch_size, self.n_items), generator=generator)
        between = (batch_size, self.distance - self.n_items)
        filler = torch.randint(1 + self.n_symbols, self.vocab_size, between, generator=generator)
        return torch.cat([targets + 1, filler, torch.zeros_like(targets)], dim=1), targets

    def draw(self, batch_size: int) -> Callable[[torch.Generator], tuple[Tensor, Tensor]]:
        """Return draw(generator) → (ids, targets): the batches of `course_lib.train.Trainer`. Raises as `sample`."""
        require_counts(batch_size=batch_size)
        return lambda generator: self.sample(batch_size, generator)

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the mean cross-entropy of the answers, in nats an answer; what the model says elsewhere is free."""
        logits, targets = self._answers(model, batch)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    @torch.no_grad()
    def accuracy(self, model: nn.Module, n_samples: int = 1000, seed: int = 0) -> float:
        """Return the share of symbols that the model recalls, over n_samples freshly drawn sequences (B, T).

        Raises ValueError for less than one.
        """
        require_counts(n_samples=n_samples)
        logits, targets = self._answers(model, self.sample(n_samples, torch.Generator().manual_seed(seed)))
        return (logits.argmax(-1) == targets).float().mean().item()

    def _answers(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The logits of the symbols at the question marks (B, n_items, K), and the targets beside them."""
        ids, targets = (part.to(next(model.parameters()).device) for part in batch)
        return model(ids)[:, -self.n_items :, 1 : 1 + self.n_symbols], targets
