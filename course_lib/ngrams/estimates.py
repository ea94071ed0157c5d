"""From counts to probabilities, in ways that came before Kneser and Ney: relative frequencies, added counts, mixtures.

With c(h w) the count of a history h followed by w, c(h) = Σ_w c(h w), V the vocabulary size, and h' the history
without its first token:

- `mle`: c(h w) / c(h), the relative frequency, which maximises the likelihood of the training text. It is 0 for what
  was not seen after h, and for an h that was not seen itself 0/0, which is no prediction at all.
- `add_k`: (c(h w) + k) / (c(h) + k V). Laplace's rule for k = 1, Lidstone's for others.
- `interpolated`: λ_m c(h w) / c(h) + (1 − λ_m) p(w | h'), with weights fitted to held-out text (Jelinek and
  Mercer 1980).
- `stupid_backoff`: c(h w) / c(h) if h w was seen, else 0.4 times the score of the shorter history. These are scores
  and not probabilities: they sum to more than 1 (Brants et al. 2007, who counted two trillion tokens with it).
"""

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from course_lib.arguments import require_counts, require_positive
from course_lib.ngrams.counts import Counts
from course_lib.ngrams.model import NGramModel
from course_lib.ngrams.trie import as_stream


def mle(counts: Counts) -> NGramModel:
    """Return the relative frequencies: −inf for a token never seen after its history, nan after an unseen history."""
    with np.errstate(divide="ignore"):
        log_prob = [np.log(frequencies(counts, length)) for length in range(1, counts.order + 1)]
    totals = [counts.sum_by_history(length, counts.counts[length - 1]) for length in range(2, counts.order + 1)]
    return NGramModel(
        counts.trie, log_prob, [np.where(total > 0, -np.inf, np.nan) for total in totals], unseen=math.nan
    )


def add_k(counts: Counts, k: float = 1.0) -> NGramModel:
    """Return the estimate in which every possible n-gram was seen k times more often than it was.

    k  above 0 and finite; may be a fraction

    After a history that was never counted, and at the start of a stream where the history is too short, every token
    has the same probability 1/V. Raises ValueError for another k; for k = 0 there is `mle`.
    """
    require_positive(k=k)
    order, vocab_size = counts.order, counts.vocab_size
    totals = counts.sum_by_history(order, counts.counts[-1])
    log_prob = [np.full(size, -math.log(vocab_size)) for size in counts.trie.sizes]
    log_prob[-1] = np.log((counts.counts[-1] + k) / (totals + k * vocab_size)[counts.histories(order)])
    log_backoff = [np.zeros(size) for size in counts.trie.sizes[:-1]]
    if order > 1:
        log_backoff[-1] = -np.log1p(totals / (k * vocab_size))  # log of kV / (c(h) + kV): the share of the imagined
    return NGramModel(counts.trie, log_prob, log_backoff)


def interpolated(counts: Counts, weights: Sequence[float]) -> NGramModel:
    """Return the mixture of the relative frequencies of all orders, and of 1/V below them.

    weights  λ_1 … λ_order, each in [0, 1): order m gets the share λ_m of what the longer histories left over, where its
             history was seen, and nothing where it was not

    Raises ValueError for another number of weights, and weights outside [0, 1).
    """
    if len(weights) != counts.order or not all(0 <= weight < 1 for weight in weights):
        raise ValueError(f"weights must be {counts.order} numbers in [0, 1), one for each order, got {list(weights)}")
    shares, leftovers = [], []
    for length, weight in enumerate(weights, start=1):
        totals = counts.sum_by_history(length, counts.counts[length - 1])
        shares.append(weight * frequencies(counts, length))
        leftovers.append(np.where(totals > 0, 1 - weight, 1.0))
    return mix(counts, shares, leftovers)


def interpolation_weights(
    counts: Counts, held_out: Sequence[int] | np.ndarray | Tensor, rounds: int = 50
) -> list[float]:
    """Return the weights for `interpolated` that make held-out text most likely, found by expectation maximisation.

    held_out  (N,) token ids that are not part of the counted text; on the counted text itself the longest histories
              would get all the weight
    rounds    each raises the likelihood, or leaves it

    Raises ValueError when held_out is empty, and for rounds below 0.
    """
    require_counts(0, rounds=rounds)
    stream = as_stream(held_out, counts.vocab_size)
    if not len(stream):
        raise ValueError("held_out must hold at least one id, got none")
    order = counts.order
    probs = np.zeros((order + 1, len(stream)))  # of each token by each order alone; order 0: 1/V
    usable = np.zeros((order + 1, len(stream)), dtype=bool)  # whether the order's history was seen
    probs[0], usable[:2] = 1 / counts.vocab_size, True
    probs[1] = frequencies(counts, 1)[stream]
    for length, ends, histories, numbers in counts.trie.walk(stream):
        usable[length, ends] = counts.sum_by_history(length, counts.counts[length - 1])[histories] > 0
        seen = numbers >= 0
        probs[length, ends[seen]] = frequencies(counts, length)[numbers[seen]]
    weights = np.full(order + 1, 0.5)
    weights[0] = 1.0
    for _ in range(rounds):
        taken = weights[:, None] * usable
        left = np.cumprod(1 - taken[::-1], axis=0)[::-1]  # what orders m … n leave for those below m
        share = taken * probs
        share[:-1] *= left[1:]
        share /= share.sum(0)  # (order + 1, N): how much of each token each order explains
        reached = usable * np.cumsum(share, axis=0)
        asked = reached[1:].sum(1)
        weights[1:] = np.where(asked > 0, share[1:].sum(1) / np.maximum(asked, 1e-300), 0.0)
    return np.minimum(weights[1:], 1 - 1e-9).tolist()


def stupid_backoff(counts: Counts, alpha: float = 0.4) -> NGramModel:
    """Return the scores of Brants et al. (2007, §4), as the log_probs of a model that does not sum to 1.

    alpha  what each shortening of the history costs, in (0, 1]

    Good for choosing between texts, useless as a cross-entropy. A token that was never counted scores 0.
    Raises ValueError for another alpha.
    """
    if not 0 < alpha <= 1:
        raise ValueError(f"alpha must lie in (0, 1], got {alpha}")
    with np.errstate(divide="ignore"):
        log_prob = [np.log(frequencies(counts, length)) for length in range(1, counts.order + 1)]
    cost = math.log(alpha)
    return NGramModel(counts.trie, log_prob, [np.full(size, cost) for size in counts.trie.sizes[:-1]], unseen=cost)


def frequencies(counts: Counts, length: int) -> np.ndarray:
    """Return c(h w) / c(h) of every n-gram of this length, by number: float64 (M,)."""
    counted = counts.counts[length - 1]
    return counted / counts.sum_by_history(length, counted)[counts.histories(length)]


def mix(counts: Counts, shares: list[np.ndarray], leftovers: list[np.ndarray]) -> NGramModel:
    """Return the model p(w | h) = share(h w) + leftover(h) · p(w | h'), down to p = 1/V below the shortest history.

    shares     for each length m, by number: float64 (M,), what order m itself gives to an n-gram
    leftovers  for each length m, by number of the history: float64, what order m leaves to the shorter history;
               1 minus the sum of the shares, so that the probabilities sum to 1
    """
    probs = [shares[0] + leftovers[0][0] / counts.vocab_size]
    for length in range(2, counts.order + 1):
        shorter = probs[-1][counts.suffixes[length - 1]]
        probs.append(shares[length - 1] + leftovers[length - 1][counts.histories(length)] * shorter)
    with np.errstate(divide="ignore"):
        return NGramModel(counts.trie, [np.log(p) for p in probs], [np.log(left) for left in leftovers[1:]])
