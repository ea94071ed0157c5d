"""What a symptom is, and what its rules ask: is this change of the expected values what was returned in every case?"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from course_lib.judging.compare import compare

MIN_EVIDENCE = 3  # numbers that a rule changes, over all failing cases: two agree by chance too easily


@dataclass(frozen=True)
class Symptom:
    """What wrong outcomes have in common: a name to record, and a sentence that says it to the learner."""

    name: str
    sentence: str


class Pair(NamedTuple):
    """One failing case: its arguments, the value that was expected and the one that was returned."""

    arguments: dict[str, Any]
    want: Any
    have: Any


def map_numbers(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Return a value with every number in it changed, as float64. Tuples become lists.

    change  is called with tensors of any shape (...), and with () for a number
    """
    if isinstance(value, Tensor) and value.dtype != torch.bool and not value.dtype.is_complex:
        return change(value.double())
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return change(torch.tensor(float(value), dtype=torch.float64)).item()
    if isinstance(value, (list, tuple)):
        return [map_numbers(change, item) for item in value]
    if isinstance(value, dict):
        return {key: map_numbers(change, item) for key, item in value.items()}
    return value


def numbers(value: Any) -> Iterator[float]:
    """Yield all real numbers in a value, in order."""
    if isinstance(value, Tensor):
        yield from () if value.dtype.is_complex else value.double().reshape(-1).tolist()
    elif isinstance(value, (int, float)):
        yield float(value)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, dict):
        for key in value:
            yield from numbers(value[key])


def as_floats(value: Any) -> Any:
    """Return a value with every number in it as float64."""
    return map_numbers(lambda x: x, value)


def explains(pairs: Sequence[Pair], made_of: Callable[[Pair], Any], places: bool = False) -> bool:
    """Whether `made_of` makes of each expected value what was returned, and changes enough numbers to be believed.

    places  count the places whose numbers change, and not the different numbers
    """
    evidence: set[tuple[int, int] | float] = set()
    for case, pair in enumerate(pairs):
        try:
            made = made_of(pair)
        except (RuntimeError, IndexError, TypeError, ValueError, OverflowError):  # not a thing to do with these values
            return False
        if compare(made, as_floats(pair.have)) is not True:
            return False
        for place, (before, after) in enumerate(zip(numbers(as_floats(pair.want)), numbers(made))):
            if not close(before, after):
                evidence.add((case, place) if places else float(f"{before:.6g}"))
    return len(evidence) >= MIN_EVIDENCE


def close(a: float, b: float) -> bool:
    """Whether two numbers agree as the judge's default would have it."""
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= 1e-6 + 1e-4 * abs(b)
