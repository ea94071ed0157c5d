"""What must not be found in anything that grading writes: hidden inputs and outcomes, sources, the grader's secrets."""

import re
from functools import lru_cache

from torch import Tensor

from autograder.grading.prepare import prepare
from tests.arena.draft import lesson

SEED = 20_261_121
CANARIES = {
    "the lesson's source": "canary-lesson-" + "source-5d1c",
    "a reference": "canary_reference_",
    "the grader's environment": "canary-" + "environment-31d0",
    "the grader's home": "canary-home-" + "c2f4",
}
"""Texts that stand where no student may look. The first reaches students as prose of the lesson, and may be found."""


@lru_cache(maxsize=1)
def _exercises():
    return prepare(lesson(), SEED).exercises


def _integers(value: object) -> set[int]:
    if isinstance(value, Tensor):
        return set() if value.is_floating_point() else _integers(value.reshape(-1).tolist())
    if isinstance(value, dict):
        return set().union(*map(_integers, value.values()))
    if isinstance(value, (list, tuple)):
        return set().union(*map(_integers, value)) if value else set()
    return {value} if isinstance(value, int) else set()


def numbers(hidden: bool) -> set[int]:
    """Return the large integers among inputs and outcomes of the public or the hidden cases."""
    found: set[int] = set()
    for graded in _exercises().values():
        cases = graded.cases.cases[graded.public :] if hidden else graded.cases.cases[: graded.public]
        expected = graded.cases.expected[graded.public :] if hidden else graded.cases.expected[: graded.public]
        found |= _integers([case.arguments for case in cases]) | _integers([outcome.value for outcome in expected])
    return {number for number in found if number > 10**12}


def _first_amounts() -> list[int]:
    graded = _exercises()["arena.total"]
    amounts = [case.arguments["x"].tolist() for case in graded.cases.cases[: graded.public]]
    return sorted({some[0] for some in amounts if some})


PUBLIC_FIRST_AMOUNTS = _first_amounts()


def hidden_numbers() -> re.Pattern[str]:
    """Return a pattern that finds a hidden number, in decimal or hexadecimal digits."""
    only = numbers(hidden=True) - numbers(hidden=False)
    return re.compile("|".join(f"{number}|{number:x}" for number in sorted(only)), re.IGNORECASE)
