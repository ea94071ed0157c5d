"""The distinct n-grams of a text, numbered so that numpy can look up millions of them at once.

An n-gram of length m is its history (its first m − 1 tokens) and its last token. The pair becomes one integer,
`number of the history · V + last token`; these keys are kept sorted, and the place of a key is the n-gram's own number.
So n-grams of any length take eight bytes each, those with the same history are side by side, and finding one is a
binary search. The number of a single token is its id.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from torch import Tensor

from course_lib.arguments import require_counts


class Trie:
    """All n-grams of lengths 1 … order that occur in a text, and their numbers.

    vocab_size  V; tokens are integers from 0 to V − 1, all of them are n-grams of length 1
    keys        for each length 2 … order the sorted keys, int64 (M,); each history must be an n-gram of the trie

    Raises ValueError for a vocab_size below 1.
    """

    def __init__(self, vocab_size: int, keys: Sequence[np.ndarray]) -> None:
        require_counts(vocab_size=vocab_size)
        self.vocab_size = vocab_size
        self.keys = [np.arange(vocab_size), *keys]
        self.order = len(self.keys)

    @property
    def sizes(self) -> list[int]:
        """How many n-grams there are of each length 1 … order; of length 1 all V tokens, seen or not."""
        return [len(keys) for keys in self.keys]

    def find(self, length: int, histories: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Return the numbers of n-grams, given the numbers of their histories and their last tokens.

        length     m, 2 … order
        histories  (K,) numbers of n-grams of length m − 1, or −1
        tokens     (K,) token ids
        returns    (K,) numbers, −1 for an n-gram that is not there
        """
        keys = self.keys[length - 1]
        if not len(keys):
            return np.full(len(tokens), -1)
        wanted = histories * self.vocab_size + tokens  # negative where the history is −1: never found
        places = np.searchsorted(keys, wanted)
        places[places == len(keys)] = 0
        places[keys[places] != wanted] = -1
        return places

    def numbers(self, ngrams: np.ndarray) -> np.ndarray:
        """Return the numbers (K,) of n-grams (K, m), m from 1 to order; −1 for one that is not there."""
        numbers = ngrams[:, 0]
        for length in range(2, ngrams.shape[1] + 1):
            numbers = self.find(length, numbers, ngrams[:, length - 1])
        return numbers

    def walk(self, tokens: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield, for each length m = 2 … order, the n-grams of a stream (N,) whose history is known:

        m, the places of their last tokens (K,), the numbers of their histories (K,), their own numbers (K,) or −1.
        """
        ends, histories = np.arange(1, len(tokens)), tokens[:-1]
        for length in range(2, self.order + 1):
            numbers = self.find(length, histories, tokens[ends])
            yield length, ends, histories, numbers
            known = numbers >= 0
            if len(ends) and ends[-1] == len(tokens) - 1:
                known[-1] = False  # nothing follows the last token
            ends, histories = ends[known] + 1, numbers[known]

    def successors(self, length: int, history: int) -> tuple[slice, np.ndarray]:
        """Return where the n-grams that continue a history of `length` tokens lie, and their last tokens (K,)."""
        first = history * self.vocab_size
        begin, end = np.searchsorted(self.keys[length], [first, first + self.vocab_size])
        return slice(int(begin), int(end)), self.keys[length][begin:end] - first

    def histories(self, length: int) -> np.ndarray:
        """Return the number of the history of every n-gram of this length (2 … order): (M,), not falling."""
        return self.keys[length - 1] // self.vocab_size

    def ngrams(self, length: int) -> np.ndarray:
        """Return the tokens of every n-gram of this length in the order of their numbers: (M, length)."""
        tokens = np.empty((len(self.keys[length - 1]), length), dtype=np.int64)
        numbers = np.arange(len(tokens))
        for place in range(length - 1, -1, -1):
            numbers, tokens[:, place] = np.divmod(self.keys[place][numbers], self.vocab_size)
        return tokens


def as_stream(tokens: Sequence[int] | np.ndarray | Tensor, vocab_size: int) -> np.ndarray:
    """Return token ids as int64 (N,); ValueError for another shape, for fractions, and for ids outside [0, V)."""
    stream = np.asarray(tokens.cpu() if isinstance(tokens, Tensor) else tokens)
    if stream.ndim != 1:
        raise ValueError(f"tokens must be one stream of ids, shape (N,), got the shape {stream.shape}")
    if not len(stream):
        return np.empty(0, dtype=np.int64)
    if stream.dtype.kind not in "iu":
        raise ValueError(f"tokens must be integers, got {stream.dtype}")
    if stream.min() < 0 or stream.max() >= vocab_size:
        wrong = stream.min() if stream.min() < 0 else stream.max()
        raise ValueError(f"tokens must lie between 0 and vocab_size - 1 = {vocab_size - 1}, got {wrong}")
    return stream.astype(np.int64, copy=False)
