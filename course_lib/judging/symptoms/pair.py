"""What a symptom is, and what its rules ask: is this change of the expected values what was returned in every case?"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from course_lib.judging.compare import close_numbers, compare

MIN_EVIDENCE = 3  # numbers that a rule changes, over all failing cases: two agree by chance too easily


@dataclass(frozen=True)
class Symptom:
    """What wrong outcomes have in common: a name to record, and a sentence that says it to the learner."""

    name: str
    sentence: str


@dataclass(frozen=True, eq=False)
class Pair:
    """One case: its arguments, the value that was expected and the one that was returned."""

    arguments: dict[str, Any]
    want: Any
    have: Any

    @cached_property
    def floats(self) -> Any:
        """The returned value with every number in it as float64."""
        return as_floats(self.have)

    @cached_property
    def tables(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Expected and returned numbers as tensors of one shape, and where they differ; None where there are none."""
        want, have = as_table(self.want), as_table(self.have)
        if want is None or have is None or want.shape != have.shape or want.is_complex() or have.is_complex():
            return None
        if (want.dtype == torch.bool) != (have.dtype == torch.bool):
            return None
        return want, have, ~close_numbers(want, have)


def as_table(value: Any) -> Tensor | None:
    """Return numbers as a tensor: of a tensor, a number, or a list of numbers or of rows of equal length; else None.

    returns  any shape of a tensor; () of a number; (n,) or (rows, n) of lists
    """
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (bool, int, float)):
        return torch.tensor(value, dtype=torch.bool if isinstance(value, bool) else torch.float64)
    if not isinstance(value, (list, tuple)) or not value:
        return None
    if all(isinstance(item, bool) for item in value):
        return torch.tensor(value)
    rows = [as_table(item) for item in value]
    if any(row is None or row.ndim > 1 or row.shape != rows[0].shape or row.dtype == torch.bool for row in rows):  # type: ignore[union-attr]
        return None
    return torch.stack([row.double() for row in rows if row is not None])


def tables_of(pairs: Sequence[Pair]) -> list[tuple[Tensor, Tensor, Tensor]] | None:
    """Return the tables of all pairs: expected, returned, and where they differ, all three of one shape (...).

    None where a pair has none, or nothing differs.
    """
    tables = [pair.tables for pair in pairs]
    found = [table for table in tables if table is not None]
    return found if len(found) == len(tables) and sum(int(wrong.sum()) for _, _, wrong in found) > 0 else None


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
    made = []
    for pair in pairs:
        try:
            made.append(made_of(pair))
        except (RuntimeError, IndexError, TypeError, ValueError, OverflowError):  # not a thing to do with these values
            return False
        if not equal(made[-1], pair.floats):
            return False
    for case, (pair, changed) in enumerate(zip(pairs, made)):
        for place, (before, after) in enumerate(zip(numbers(pair.want), numbers(changed))):
            if not close(before, after):
                evidence.add((case, place) if places else float(f"{before:.6g}"))
    return len(evidence) >= MIN_EVIDENCE


def equal(want: Any, have: Any) -> bool:
    """Whether two values agree as the judge's default has it; of tensors without looking for the difference."""
    if isinstance(want, Tensor) and isinstance(have, Tensor) and want.dtype == have.dtype and want.shape == have.shape:
        return bool(close_numbers(want, have).all())
    return compare(want, have) is True


def close(a: float, b: float) -> bool:
    """Whether two numbers agree as the judge's default would have it."""
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= 1e-6 + 1e-4 * abs(b)
