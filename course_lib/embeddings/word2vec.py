"""word2vec: vectors that are good at telling a word's real neighbours from words drawn at random.

Skip-gram and CBOW with negative sampling (Mikolov et al. 2013a and b). Each word has two vectors: one as input (it is
what one keeps), one as what is predicted. The score of a pair is the dot product of the two.

- The gradients are written out: error · vector, where error = σ(score) − 1 for a real pair and σ(score) for a negative.
- A block of 32 words in a row shares its negatives, and its scores are one small matrix product (Ji et al. 2016).
  Each negative then counts n_negatives / n_shared times for each pair: the expected gradient is that of negatives drawn
  for each pair.
- A negative may happen to be the true neighbour, as in the paper's formula; Google's program skips those.
- Rows are updated by AdaGrad (`course_lib.embeddings.table`), not by plain SGD.
"""

import math
import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.arguments import require_counts, require_positive
from course_lib.embeddings.pairs import context_blocks, dynamic_windows
from course_lib.embeddings.table import Table, small_random
from course_lib.embeddings.vocabulary import Text, Vocabulary, keep_probability, noise_distribution, subsample
from course_lib.train import Step

_BATCH = 2048  # words of the text in an update, before they are thinned out
_SHARED = 32  # negatives that a block of 32 words shares


class Gradients(NamedTuple):
    """A loss, and its derivatives by the vectors it was computed from."""

    loss: Tensor  #: scalar, a sum over the examples
    examples: Tensor  #: scalar, how many there are: pairs for skip-gram, centres with a neighbour for CBOW
    centres: Tensor  #: (n, T, D)
    contexts: Tensor  #: (n, S, D)
    negatives: Tensor  #: (n, K, D)


def negative_sampling_loss(centres: Tensor, contexts: Tensor, negatives: Tensor) -> Tensor:
    """Return the mean over pairs of −ln σ(u·v) − Σₖ ln σ(−u·nₖ), in nats.

    centres    (B, D) u, the input vector of each pair's centre
    contexts   (B, D) v, the output vector of its neighbour
    negatives  (B, K, D) n, output vectors of K words drawn from the noise distribution
    returns    scalar; with all vectors zero it is (1 + K) ln 2

    Raises ValueError for shapes that do not fit.  Eq. 4 of Mikolov et al. 2013b.

    >>> negative_sampling_loss(torch.ones(1, 2), torch.ones(1, 2), -torch.ones(1, 1, 2))  # 2 · ln(1 + e⁻²)
    tensor(0.2539)
    """
    if centres.dim() != 2 or contexts.shape != centres.shape:
        raise ValueError(
            f"centres and contexts must both be (B, D), got {tuple(centres.shape)}, {tuple(contexts.shape)}"
        )
    batch, d_model = centres.shape
    if negatives.dim() != 3 or (negatives.size(0), negatives.size(2)) != (batch, d_model):
        raise ValueError(f"negatives must have the shape ({batch}, K, {d_model}), got {tuple(negatives.shape)}")
    positive = (centres * contexts).sum(dim=-1)  # (B,)
    negative = torch.einsum("bd,bkd->bk", centres, negatives)
    return -(F.logsigmoid(positive) + F.logsigmoid(-negative).sum(dim=-1)).mean()


def skipgram_gradients(
    centres: Tensor, contexts: Tensor, negatives: Tensor, pairs: Tensor, n_negatives: float
) -> Gradients:
    """Return the skip-gram loss of blocks, summed over their pairs, and its gradients.

    centres      (n, T, D) input vectors
    contexts     (n, S, D) output vectors
    negatives    (n, K, D) output vectors of the words drawn for each block
    pairs        (n, T, S) boolean, True = the context is a neighbour of the centre
    n_negatives  how many negatives a pair stands against; each of the K counts n_negatives / K

    Raises ValueError for n_negatives that are not positive.  Eq. 4 of Mikolov et al. 2013b.
    """
    require_positive(n_negatives=n_negatives)
    n_contexts, n_shared = contexts.size(1), negatives.size(1)
    targets = torch.cat([contexts, negatives], dim=1)
    real = pairs.to(centres.dtype)
    neighbours = real.sum(dim=2, keepdim=True)  # (n, T, 1)
    share = neighbours * (n_negatives / n_shared)  # how much each negative counts
    weights = torch.cat([real, share.expand(-1, -1, n_shared)], dim=2)  # (n, T, S + K)
    wrong = centres @ targets.mT  # a real pair is wrong by −score, a negative by its score
    wrong[..., :n_contexts].neg_()
    loss = (F.softplus(wrong) * weights).sum()
    error = wrong.sigmoid_().mul_(weights)
    error[..., :n_contexts].neg_()
    d_targets = error.mT @ centres
    return Gradients(loss, neighbours.sum(), error @ targets, d_targets[:, :n_contexts], d_targets[:, n_contexts:])


def cbow_gradients(
    centres: Tensor, contexts: Tensor, negatives: Tensor, pairs: Tensor, n_negatives: float
) -> Gradients:
    """Return the CBOW loss of blocks, summed over the centres that have a neighbour, and its gradients.

    centres      (n, T, D) output vectors
    contexts     (n, S, D) input vectors; the mean over a centre's neighbours predicts it
    negatives, pairs, n_negatives: as in `skipgram_gradients`

    Raises ValueError for n_negatives that are not positive.
    Mikolov et al. 2013a, §3.1, with the loss of eq. 4 of 2013b.
    """
    require_positive(n_negatives=n_negatives)
    real = pairs.to(centres.dtype)
    neighbours = real.sum(dim=2, keepdim=True)  # (n, T, 1)
    mean = real / neighbours.clamp(min=1)  # (n, T, S)
    exists = (neighbours > 0).to(real.dtype)
    bags = mean @ contexts  # (n, T, D)
    weight = n_negatives / negatives.size(1)
    score = (bags * centres).sum(dim=-1, keepdim=True)
    scores = bags @ negatives.mT  # (n, T, K)
    losses = F.softplus(-score) + weight * F.softplus(scores).sum(dim=-1, keepdim=True)
    error = -torch.sigmoid(-score) * exists
    errors = scores.sigmoid() * (weight * exists)
    d_bags = error * centres + errors @ negatives
    return Gradients((losses * exists).sum(), exists.sum(), error * bags, mean.mT @ d_bags, errors.mT @ bags)


class Word2Vec:
    """Word vectors in training: iterate over it, and each update is made and told.

    text         N words, from `vocabulary.encode`
    vocabulary   V words with their counts
    d_model      D, numbers in a vector
    generator    of everything random; vectors live on its device
    cbow         False: skip-gram. True: continuous bag of words
    window       how far a neighbour may be; for each centre a window is drawn from 1 … window
    n_negatives  negatives for each pair (skip-gram) or centre (CBOW)
    epochs       how many times the text is read
    lr           AdaGrad's; it falls linearly to 0
    threshold    of `keep_probability`; 1 keeps every word
    inputs       the table of input vectors, `Table` or one that builds them from subwords; None: a new one

    `inputs` holds the vectors to keep, `outputs.rows` (V, D) those of the words as what is predicted. Batches are 2048
    words in a row; a pair across the border of two batches is left out.

    Raises ValueError for settings that make no sense, and an empty text.

    Example: vocabulary = Vocabulary.from_sentences(sentences); model = Word2Vec(vocabulary.encode(sentences),
    vocabulary, 100, generator); for step in model: …; WordVectors(vocabulary.words, model.inputs.rows).
    """

    def __init__(
        self,
        text: Text,
        vocabulary: Vocabulary,
        d_model: int,
        generator: torch.Generator,
        *,
        cbow: bool = False,
        window: int = 5,
        n_negatives: int = 5,
        epochs: int = 5,
        lr: float = 0.15,
        threshold: float = 1e-3,
        inputs: Table | None = None,
    ) -> None:
        require_counts(d_model=d_model, window=window, n_negatives=n_negatives, epochs=epochs)
        require_positive(lr=lr, threshold=threshold)
        if not len(text.ids):
            raise ValueError("text must have words of the vocabulary, got none")
        device = generator.device
        self.generator, self.cbow, self.window, self.n_negatives, self.lr = generator, cbow, window, n_negatives, lr
        self.keep = keep_probability(vocabulary.counts.to(device), threshold)
        self.noise = noise_distribution(vocabulary.counts.to(device))
        self.inputs = Table(small_random(len(vocabulary), d_model, generator)) if inputs is None else inputs
        self.outputs = Table(torch.zeros(len(vocabulary), d_model, device=device))
        self.batches = list(zip(text.ids.to(device).split(_BATCH), text.sentences.to(device).split(_BATCH)))
        self.steps, self.number, self.seconds = epochs * len(self.batches), 0, 0.0

    def __iter__(self) -> Iterator[Step]:
        """Make the remaining updates; a step's loss is the mean over its pairs (CBOW: centres), in nats.

        Steps are those of `course_lib.train.Trainer`, so that a live curve can follow. Their `grad_norm` is nan.
        """
        while self.number < self.steps:
            start = time.perf_counter()
            lr = self.lr * (1 - self.number / self.steps)
            loss = self._update(Text(*self.batches[self.number % len(self.batches)]), lr)
            self.number += 1
            self.seconds += time.perf_counter() - start
            yield Step(self.number, loss, lr, math.nan, None, self.seconds)

    def _update(self, text: Text, lr: float) -> float:
        text = subsample(text, self.keep, self.generator)
        if not len(text.ids):  # possible where a batch is a few very frequent words
            return 0.0
        windows = dynamic_windows(len(text.ids), self.window, self.generator)
        centres, contexts, pairs = context_blocks(text, windows, self.window)
        drawn = torch.multinomial(self.noise, len(centres) * _SHARED, replacement=True, generator=self.generator)
        drawn = drawn.view(-1, _SHARED)
        gradients, of_centres, of_contexts = skipgram_gradients, self.inputs, self.outputs
        if self.cbow:
            gradients, of_centres, of_contexts = cbow_gradients, self.outputs, self.inputs
        loss, examples, d_centres, d_contexts, d_negatives = gradients(
            of_centres.take(centres), of_contexts.take(contexts), self.outputs.take(drawn), pairs, self.n_negatives
        )
        of_centres.step(centres, d_centres, lr)
        of_contexts.step(contexts, d_contexts, lr)
        self.outputs.step(drawn, d_negatives, lr)
        return (loss / examples.clamp(min=1)).item()
