"""Numbers in words and in digits: “four hundred and seven” ↔ “407”."""

import random
import string

from course_lib.arguments import require_from
from course_lib.data.tasks.task import Task

ONES = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen
""".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def number_in_words(number: int) -> str:
    """Return the British name of a number from 0 to 999,999.

    Raises ValueError outside that range.

    >>> number_in_words(21407)
    'twenty-one thousand four hundred and seven'
    """
    if not 0 <= number < 1_000_000:
        raise ValueError(f"number must be from 0 to 999,999, got {number}")
    if number < 20:
        return ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS[tens - 2] + (f"-{ONES[ones]}" if ones else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{ONES[hundreds]} hundred" + (f" and {number_in_words(rest)}" if rest else "")
    thousands, rest = divmod(number, 1000)
    link = " and " if rest < 100 else " "
    return f"{number_in_words(thousands)} thousand" + (f"{link}{number_in_words(rest)}" if rest else "")


class NumberWords(Task):
    """Source: a number in words. Target: the same in digits; or the other way round.

    digits    how many digits a number has at most, 1 to 6; each length is equally likely, and each number of a length
    to_words  False: words → digits; True: digits → words

    The meaning is the number. Raises ValueError for another number of digits.

    >>> import torch
    >>> NumberWords(digits=3).sample(1, torch.Generator().manual_seed(3))
    [('three', '3')]
    """

    def __init__(self, digits: int = 6, to_words: bool = False) -> None:
        require_from(1, 6, digits=digits)
        super().__init__(string.digits + " -" + "".join(ONES + TENS) + "hundredthousand")
        self.digits, self.to_words = digits, to_words

    def pair(self, rng: random.Random) -> tuple[str, str]:
        """Return a random number in words and in figures, or the other way round. Every length comes as often."""
        digits = rng.randint(1, self.digits)
        number = rng.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits)
        words, figures = number_in_words(number), str(number)
        return (figures, words) if self.to_words else (words, figures)

    def meaning(self, source: str, target: str) -> str:
        """Return the number in figures, whichever side it is on."""
        return source if self.to_words else target
