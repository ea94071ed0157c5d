"""Balanced brackets: what may come next is known exactly, and only a memory of everything still open can know it."""

import random

from course_lib.arguments import require_counts, require_from
from course_lib.data.tasks.task import Task

KINDS = "()[]{}<>"


class Brackets(Task):
    """Source: the beginning of a balanced string. Target: the brackets that close what is still open.

    kinds    how many kinds of brackets, 1 to 4: () [] {} <>
    longest  length of the beginnings; every length from 1 on is equally likely
    depth    how many brackets may be open at a time

    The meaning is the source. Source and target together are a balanced string, a word of the Dyck language (Chomsky
    and Schützenberger 1963). The target may be empty.

    Raises ValueError for another number of kinds, and a length or depth below 1.

    >>> import torch
    >>> Brackets(longest=8).sample(1, torch.Generator().manual_seed(1))
    [('(([[', ']]))')]
    """

    def __init__(self, kinds: int = 2, longest: int = 16, depth: int = 6) -> None:
        require_from(1, 4, kinds=kinds)
        require_counts(longest=longest, depth=depth)
        super().__init__(KINDS[: 2 * kinds])
        self.longest, self.depth = longest, depth
        self._closing = dict(zip(KINDS[: 2 * kinds : 2], KINDS[1 : 2 * kinds : 2]))

    def pair(self, rng: random.Random) -> tuple[str, str]:
        """Return the beginning of a correct text and the brackets that it still lacks, the next one first."""
        text = ""
        missing: list[str] = []
        for _ in range(rng.randint(1, self.longest)):
            # opens as often as it closes, where it has the choice
            if not missing or (len(missing) < self.depth and rng.random() < 0.5):
                opening = rng.choice(list(self._closing))
                text += opening
                missing.append(self._closing[opening])
            else:
                text += missing.pop()
        return text, "".join(reversed(missing))

    def meaning(self, source: str, target: str) -> str:
        """Return the beginning itself: two beginnings may lack the same brackets."""
        return source

    def still_open(self, text: str) -> str | None:
        """Return the brackets that would close what is open after text, the next one first; None if text is wrong.

        >>> Brackets().still_open("([]"), Brackets().still_open("(]")
        (')', None)
        """
        missing: list[str] = []
        for character in text:
            if character in self._closing:
                missing.append(self._closing[character])
                if len(missing) > self.depth:
                    return None
            elif not missing or missing.pop() != character:
                return None
        return "".join(reversed(missing))

    def valid_next(self, text: str) -> set[str]:
        """Return the characters that may follow text; the empty string among them means that it may end.

        Every opening bracket below the greatest depth, the one closing bracket that fits, or the end where nothing is
        open. Raises ValueError when text is no beginning of a balanced string.

        >>> sorted(Brackets().valid_next("(["))
        ['(', '[', ']']
        """
        missing = self.still_open(text)
        if missing is None:
            raise ValueError(f"text must begin a balanced string at most {self.depth} deep, got {text!r}")
        return set(self._closing if len(missing) < self.depth else ()) | {missing[:1]}
