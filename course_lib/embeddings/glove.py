"""GloVe: vectors whose dot products explain the logarithms of co-occurrence counts (Pennington et al. 2014).

Each word has a vector and a bias as a word, and another of both as a context. Only pairs that occur are learnt from;
a weight keeps rare pairs, which are mostly noise, and very frequent ones from deciding everything.
"""

import math
import time
from collections.abc import Iterator

import torch
from torch import Tensor

from course_lib.arguments import require_at_least, require_counts, require_positive
from course_lib.embeddings.table import Table, small_random
from course_lib.train import Step

_BATCH = 4096  # pairs in an update


def glove_weight(counts: Tensor, x_max: float = 100.0, alpha: float = 0.75) -> Tensor:
    """Return min(1, (count / x_max)^alpha), elementwise.  Eq. 9 of Pennington et al. 2014.

    Raises ValueError unless x_max is positive and alpha at least 0.

    >>> glove_weight(torch.tensor([0.0, 1.0, 100.0, 1000.0]))
    tensor([0.0000, 0.0316, 1.0000, 1.0000])
    """
    require_positive(x_max=x_max)
    require_at_least(0, alpha=alpha)
    return (counts / x_max).pow(alpha).clamp(max=1.0)


def glove_loss(
    words: Tensor,
    contexts: Tensor,
    word_biases: Tensor,
    context_biases: Tensor,
    counts: Tensor,
    x_max: float = 100.0,
    alpha: float = 0.75,
) -> Tensor:
    """Return Σ f(count) · (w·c + b + b' − ln count)² over pairs of a word and a context.

    words           (n, D) w, each pair's word
    contexts        (n, D) c, its context
    word_biases     (n,) b
    context_biases  (n,) b'
    counts          (n,) how often the pair occurs; 0 adds nothing to the loss, because f(0) = 0
    x_max, alpha    of the weight f, `glove_weight`
    returns         scalar

    Raises ValueError for shapes that do not fit, or a count below 0.  Eq. 8 of Pennington et al. 2014.

    >>> one, zero = torch.ones(1, 2), torch.zeros(1)
    >>> glove_loss(one, one, zero, zero, torch.tensor([100.0]))  # (2 − ln 100)²
    tensor(6.7869)
    """
    n = len(counts)
    if words.shape != contexts.shape or words.dim() != 2 or len(words) != n:
        raise ValueError(f"words and contexts must be ({n}, D), got {tuple(words.shape)} and {tuple(contexts.shape)}")
    for name, value in {"word_biases": word_biases, "context_biases": context_biases, "counts": counts}.items():
        if value.shape != (n,):
            raise ValueError(f"{name} must have the shape ({n},), got {tuple(value.shape)}")
    if (counts < 0).any():
        raise ValueError(f"counts must be ≥ 0, got {counts.min().item()}")
    logs = torch.where(counts > 0, counts, 1.0).log()  # ln 0 = −∞ times the weight 0 would be nan
    difference = (words * contexts).sum(dim=-1) + word_biases + context_biases - logs
    return (glove_weight(counts, x_max, alpha) * difference.square()).sum()


class GloVe:
    """GloVe vectors in training: iterate over it, and each update is made and told.

    counts        sparse (V, V), from `cooccurrences`
    d_model       D, numbers in a vector
    generator     of everything random; vectors live on its device
    epochs        how many times all pairs are seen, in a new order each time
    lr            AdaGrad's; one step size for a vector, where the authors have one for each of its numbers
    x_max, alpha  of the weight, `glove_weight`

    `vectors()` are what one keeps: word and context vectors added, as the authors do.

    Raises ValueError for settings that make no sense, or counts that are not sparse or have no entry.
    """

    def __init__(
        self,
        counts: Tensor,
        d_model: int,
        generator: torch.Generator,
        *,
        epochs: int = 25,
        lr: float = 0.05,
        x_max: float = 100.0,
        alpha: float = 0.75,
    ) -> None:
        require_counts(d_model=d_model, epochs=epochs)
        require_positive(lr=lr, x_max=x_max)
        require_at_least(0, alpha=alpha)
        if not counts.is_sparse or not counts._nnz():
            raise ValueError(f"counts must be a sparse tensor with entries, got {counts}")
        counts = counts.to(generator.device).coalesce()
        self.pairs, self.counts = counts.indices(), counts.values()
        self.generator, self.lr, self.x_max, self.alpha = generator, lr, x_max, alpha
        self.words = Table(small_random(counts.size(0), d_model, generator))
        self.contexts = Table(small_random(counts.size(1), d_model, generator))
        self.word_biases = Table(torch.zeros(counts.size(0), 1, device=generator.device))
        self.context_biases = Table(torch.zeros(counts.size(1), 1, device=generator.device))
        self._batches: list[Tensor] = []
        self.steps, self.number, self.seconds = epochs * -(-self.counts.numel() // _BATCH), 0, 0.0

    def __iter__(self) -> Iterator[Step]:
        """Make the remaining updates; a step's loss is the mean over its pairs, `grad_norm` is not measured: nan."""
        while self.number < self.steps:
            start = time.perf_counter()
            if not self._batches:
                order = torch.randperm(self.counts.numel(), generator=self.generator, device=self.counts.device)
                self._batches = list(order.split(_BATCH))
            loss = self._update(self._batches.pop())
            self.number += 1
            self.seconds += time.perf_counter() - start
            yield Step(self.number, loss, self.lr, math.nan, None, self.seconds)

    def vectors(self) -> Tensor:
        """Return the words' vectors, (V, D)."""
        return self.words.rows + self.contexts.rows

    def _update(self, batch: Tensor) -> float:
        word, context = self.pairs[:, batch]
        counts = self.counts[batch]
        w, c = self.words.take(word), self.contexts.take(context)
        biases = (self.word_biases.take(word) + self.context_biases.take(context)).squeeze(-1)
        difference = (w * c).sum(dim=-1) + biases - counts.log()
        weighted = glove_weight(counts, self.x_max, self.alpha) * difference
        error = 2 * weighted[:, None]  # derivative of the loss by w·c + b + b'
        self.words.step(word, error * c, self.lr)
        self.contexts.step(context, error * w, self.lr)
        self.word_biases.step(word, error, self.lr)
        self.context_biases.step(context, error, self.lr)
        return (weighted * difference).mean().item()
