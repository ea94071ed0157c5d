"""Sums to be computed digit by digit: “57+68” → “125”. A carried 1 may have to travel over many digits."""

import random
import string

from course_lib.arguments import require_counts
from course_lib.data.tasks.task import Task


def carries(a: int, b: int) -> int:
    """Return how many times a 1 is carried when a and b are added on paper. Raises ValueError below 0.

    >>> carries(57, 68), carries(57, 42), carries(999, 1)
    (2, 0, 3)
    """
    if a < 0 or b < 0:
        raise ValueError(f"a and b must be at least 0, got {a} and {b}")
    count, carried = 0, 0
    while a or b:
        carried = (a % 10 + b % 10 + carried) // 10
        count += carried
        a, b = a // 10, b // 10
    return count


class Addition(Task):
    """Source: two numbers with a plus between them. Target: their sum.

    digits   how many digits a number has at most; each number of digits is equally likely
    reverse  whether the sum is written from its last digit: each digit then depends on what is before it

    The meaning is the two numbers, in either order. Raises ValueError for less than one digit.

    >>> import torch
    >>> Addition(digits=2).sample(1, torch.Generator().manual_seed(0))
    [('8+7', '15')]
    """

    def __init__(self, digits: int = 3, reverse: bool = False) -> None:
        require_counts(digits=digits)
        super().__init__(string.digits + "+")
        self.digits, self.reverse = digits, reverse

    def pair(self, rng: random.Random) -> tuple[str, str]:
        """Return a random sum and its result. Short numbers come about as often as long ones."""
        a, b = (rng.randrange(10 ** rng.randint(1, self.digits)) for _ in range(2))
        total = str(a + b)
        return f"{a}+{b}", total[::-1] if self.reverse else total

    def meaning(self, source: str, target: str) -> str:
        """Return the two numbers in one order, so that a+b and b+a are both in training or both held out."""
        return "+".join(sorted(source.split("+")))
