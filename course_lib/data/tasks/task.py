"""What every generated task has in common: pairs of strings, their characters as ids, and a held-out tenth.

A hash of a pair's `meaning` decides whether it belongs to training or to the held-out tenth. The meaning is what the
pair is about (the date, the number), not how it is written: no notation of a held-out date is ever seen in training.
"""

import random
import zlib
from collections.abc import Iterable

import torch
from torch import Tensor

from course_lib.arguments import require_counts

PAD, BOS, EOS = 0, 1, 2  #: ids of the filling, of the begin and of the end of a target
_HELD_OUT = 10  # one meaning in this many


class Task:
    """Pairs (source, target) of strings over one set of characters. A subclass says how a pair is made.

    characters  every character that occurs in a source or a target

    Ids are 0 for padding, 1 and 2 for the begin and the end of a target, then the characters in sorted order.
    Sources and targets share them, so that an encoder and a decoder can share an embedding.
    """

    def __init__(self, characters: Iterable[str]) -> None:
        self.characters = "".join(sorted(set(characters)))
        self._ids = {character: index for index, character in enumerate(self.characters, start=EOS + 1)}

    def pair(self, rng: random.Random) -> tuple[str, str]:
        """Return one random (source, target)."""
        raise NotImplementedError(f"{type(self).__name__} must say how a pair is made")

    def meaning(self, source: str, target: str) -> str:
        """Return what a pair is about: all pairs of one meaning are in training, or all are held out."""
        return target

    def is_held_out(self, source: str, target: str) -> bool:
        """Return whether a pair belongs to the held-out tenth: where the CRC-32 of its meaning is divisible by 10."""
        return zlib.crc32(self.meaning(source, target).encode()) % _HELD_OUT == 0

    def sample(self, n: int, generator: torch.Generator, held_out: bool = False) -> list[tuple[str, str]]:
        """Return n random pairs (source, target), with repetitions.

        n          number of pairs
        generator  makes them reproducible; one number is drawn from it
        held_out   False: pairs to train on; True: pairs whose meaning never occurs in training

        Raises ValueError for a negative n, and for a task with so few meanings that none is of the kind asked for.
        """
        require_counts(0, n=n)
        rng = random.Random(int(torch.randint(2**62, (1,), generator=generator)))
        return [self._pair(rng, held_out) for _ in range(n)]

    def _pair(self, rng: random.Random, held_out: bool) -> tuple[str, str]:
        for _ in range(10_000):
            pair = self.pair(rng)
            if self.is_held_out(*pair) == held_out:
                return pair
        raise ValueError(f"the task has too few different pairs: none found with held_out = {held_out}")

    @property
    def vocab_size(self) -> int:
        """Number of ids: the characters and the three special ones."""
        return len(self.characters) + EOS + 1

    def encode(self, text: str) -> list[int]:
        """Return the id of every character of text, without begin and end.

        Raises ValueError for a character that the task does not have.
        """
        try:
            return [self._ids[character] for character in text]
        except KeyError as error:
            raise ValueError(f"text must consist of {self.characters!r}, got {error.args[0]!r} in {text!r}") from None

    def decode(self, ids: Iterable[int] | Tensor) -> str:
        """Return the characters of ids (T,) up to the first end; padding and begin are left out."""
        text = []
        for index in ids.tolist() if isinstance(ids, Tensor) else ids:
            if index == EOS:
                break
            if index > EOS:
                text.append(self.characters[index - EOS - 1])
        return "".join(text)

    def tensors(self, pairs: list[tuple[str, str]]) -> tuple[Tensor, Tensor]:
        """Return pairs as ids, int64: sources (B, S) and targets (B, T), short ones filled up with padding at the end.

        A target is surrounded by begin and end; a source is not.
        """
        sources = [self.encode(source) for source, _ in pairs]
        targets = [[BOS, *self.encode(target), EOS] for _, target in pairs]
        return _padded(sources), _padded(targets)

    def batch(self, n: int, generator: torch.Generator, held_out: bool = False) -> tuple[Tensor, Tensor]:
        """Return n random pairs as `tensors`: sources (n, S) and targets (n, T), each as long as its longest."""
        return self.tensors(self.sample(n, generator, held_out))

    def accuracy(self, outputs: Tensor, targets: Tensor) -> float:
        """Return the share of rows that say exactly the same, up to their end: all characters right, or nothing.

        outputs  (B, T) ids that a model wrote; a begin and whatever follows the end do not matter
        targets  (B, T') ids

        Raises ValueError when they are not equally many, at least one.
        """
        if len(outputs) != len(targets) or not len(targets):
            raise ValueError(f"there must be one output per target, got {len(outputs)} and {len(targets)}")
        right = sum(self.decode(output) == self.decode(target) for output, target in zip(outputs, targets))
        return right / len(targets)


def _padded(rows: list[list[int]]) -> Tensor:
    """Return rows of ids as one tensor (B, length of the longest)."""
    length = max(map(len, rows), default=0)
    return torch.tensor([row + [PAD] * (length - len(row)) for row in rows], dtype=torch.int64).view(len(rows), length)
