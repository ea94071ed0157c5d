"""Letters to be copied, reversed or sorted: the smallest tasks on which a sequence model can succeed or fail."""

import random
import string

from course_lib.arguments import require_counts, require_from, require_one_of
from course_lib.data.tasks.task import Task

_ORDERS = {"copy": lambda text: text, "reverse": lambda text: text[::-1], "sort": lambda text: "".join(sorted(text))}


class Rearranged(Task):
    """Source: random letters. Target: the same letters, as they are, reversed, or in alphabetical order.

    order              "copy", "reverse" or "sort"
    shortest, longest  lengths; every length from the one to the other is equally likely
    n_letters          size of the alphabet, 1 to 26

    The meaning is the source. To train on short strings and test on longer ones, make two tasks of different lengths.

    Raises ValueError for another order, lengths below 1 or in the wrong order, and another size of the alphabet.

    >>> import torch
    >>> Rearranged("sort").sample(1, torch.Generator().manual_seed(0))
    [('gaac', 'aacg')]
    """

    def __init__(self, order: str, shortest: int = 1, longest: int = 12, n_letters: int = 8) -> None:
        require_one_of(tuple(_ORDERS), order=order)
        require_counts(shortest=shortest, longest=longest)
        require_from(1, 26, n_letters=n_letters)
        if shortest > longest:
            raise ValueError(f"lengths must satisfy 1 ≤ shortest ≤ longest, got {shortest} and {longest}")
        super().__init__(string.ascii_lowercase[:n_letters])
        self.order, self.shortest, self.longest = order, shortest, longest

    def pair(self, rng: random.Random) -> tuple[str, str]:
        """Return a random string, its length drawn first, and the same letters in the task's order."""
        source = "".join(rng.choices(self.characters, k=rng.randint(self.shortest, self.longest)))
        return source, _ORDERS[self.order](source)

    def meaning(self, source: str, target: str) -> str:
        """Return the source: for "sort", many sources have one target."""
        return source
