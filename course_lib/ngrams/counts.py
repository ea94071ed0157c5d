"""Counting n-grams: all that an n-gram model knows about a text.

The text is one stream of token ids in which `<eos>` is a token like any other: n-grams run across it, so the first
word of a sentence is predicted from `<eos>` and what stood before it. Nothing is put before the stream, whose first
tokens have shorter histories.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from course_lib.arguments import require_counts
from course_lib.ngrams.trie import Trie, as_stream
from course_lib.progress import Progress


@dataclass(frozen=True)
class Counts:
    """How often each n-gram of lengths 1 … order occurs in a text. Made by `count_ngrams`.

    trie      the distinct n-grams and their numbers
    counts    for each length, by number: how often the n-gram occurs, int64 (M,); of length 1 all V tokens, 0 if unseen
    suffixes  for each length, by number: the number of the n-gram without its first token, int64 (M,); length 1: 0
    """

    trie: Trie
    counts: list[np.ndarray]
    suffixes: list[np.ndarray]

    @property
    def order(self) -> int:
        """The length of the longest n-grams."""
        return self.trie.order

    @property
    def vocab_size(self) -> int:
        """V, the number of different tokens."""
        return self.trie.vocab_size

    def count(self, ngram: Sequence[int]) -> int:
        """Return how often this n-gram occurs in the text. Raises ValueError unless it has 1 to order token ids."""
        tokens = as_stream(ngram, self.vocab_size)
        if not 1 <= len(tokens) <= self.order:
            raise ValueError(f"ngram must have 1 to {self.order} tokens, got {len(tokens)}")
        number = self.trie.numbers(tokens[None])[0]
        return int(self.counts[len(tokens) - 1][number]) if number >= 0 else 0

    def continuations(self, length: int) -> np.ndarray:
        """Return in how many different surroundings each n-gram of this length (below order) occurs: int64 (M,).

        That is the number of different tokens that come before it, written N₁₊(•w) by Chen and Goodman (1998).
        """
        return np.bincount(self.suffixes[length], minlength=len(self.counts[length - 1]))

    def sum_by_history(self, length: int, values: np.ndarray) -> np.ndarray:
        """Return, for every history, the sum of values over the n-grams of this length that continue it.

        length   m
        values   (M,) one number for each n-gram of length m
        returns  float64, one sum for each n-gram of length m − 1; for m = 1 a single one: the history is empty
        """
        if length == 1:
            return np.array([values.sum()], dtype=np.float64)
        return np.bincount(self.trie.histories(length), weights=values, minlength=len(self.counts[length - 2]))

    def histories(self, length: int) -> np.ndarray:
        """Return the number of the history of each n-gram of this length: (M,); zeros for length 1."""
        return self.trie.histories(length) if length > 1 else np.zeros(self.vocab_size, dtype=np.int64)

    def unseen(self, tokens: Sequence[int] | np.ndarray | Tensor) -> list[float]:
        """Return the share of the n-grams in another stream that this text does not have, for lengths 1 … order.

        Raises ValueError for a stream that is shorter, and ids outside the vocabulary.
        """
        stream = as_stream(tokens, self.vocab_size)
        if len(stream) < self.order:
            raise ValueError(f"tokens must hold at least {self.order} ids, got {len(stream)}")
        shares = [float((self.counts[0][stream] == 0).mean())]
        for length, _, _, numbers in self.trie.walk(stream):
            shares.append(1 - int((numbers >= 0).sum()) / (len(stream) - length + 1))
        return shares


def count_ngrams(
    tokens: Sequence[int] | np.ndarray | Tensor, order: int, vocab_size: int, progress: Progress | None = None
) -> Counts:
    """Count all n-grams of lengths 1 … order in a stream.

    tokens      (N,) token ids, N at least order
    order       length of the longest n-grams, at least 1
    vocab_size  V, above every id
    progress    is told after each length (see `course_lib.progress`)

    Raises ValueError for numbers below 1, for a stream that is too short and for ids outside [0, V).

    >>> counts = count_ngrams([0, 1, 0, 1, 1], order=2, vocab_size=3)
    >>> counts.counts[0].tolist(), counts.count([0, 1]), counts.count([1, 2])
    ([2, 3, 0], 2, 0)
    """
    require_counts(order=order, vocab_size=vocab_size)
    stream = as_stream(tokens, vocab_size)
    if len(stream) < order:
        raise ValueError(f"tokens must hold at least order = {order} ids, got {len(stream)}")
    keys, counts, suffixes = [], [np.bincount(stream, minlength=vocab_size)], [np.zeros(vocab_size, dtype=np.int64)]
    numbers = stream  # of the n-gram that ends at each place, one length after the other
    for length in range(2, order + 1):
        occurring = numbers[:-1] * vocab_size + stream[length - 1 :]
        by_key = np.argsort(occurring)
        occurring = occurring[by_key]
        first = np.ones(len(occurring), dtype=bool)  # where a new key begins
        np.not_equal(occurring[1:], occurring[:-1], out=first[1:])
        begins = np.flatnonzero(first)
        keys.append(occurring[begins])
        counts.append(np.diff(begins, append=len(occurring)))
        suffixes.append(numbers[1:][by_key[begins]])
        numbers = np.empty_like(occurring)
        numbers[by_key] = np.cumsum(first) - 1
        if progress is not None:
            progress("lengths", length, order)
    return Counts(Trie(vocab_size, keys), counts, suffixes)
