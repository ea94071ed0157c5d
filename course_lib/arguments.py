"""Numbers that make no sense are refused where they come in, and the refusal names the argument and its value.

    require_at_least(1, steps=steps, accumulate=accumulate)    # ValueError: accumulate must be at least 1, got 0

Otherwise a learning rate of −1 trains uphill, a base of 0 turns angles into nan, and nobody is told. Every function and
constructor of the library asks here. nan fits no range; None is an argument that was left out, and fits all.
"""

import math
from collections.abc import Sequence
from typing import SupportsIndex

Number = float | None  #: an int, too


def require_counts(least: int = 1, **counts: Number) -> None:
    """Raise ValueError unless every argument is a whole number and at least the least.

    >>> require_counts(d_model=64.5)
    Traceback (most recent call last):
    ...
    ValueError: d_model must be a whole number, got 64.5
    """
    for name, count in counts.items():
        if count is not None and not isinstance(count, SupportsIndex):
            raise ValueError(f"{name} must be a whole number, got {count}")
    require_at_least(least, **counts)


def require_at_least(least: float, **numbers: Number) -> None:
    """Raise ValueError unless every argument is finite and at least the least."""
    for name, number in numbers.items():
        if number is not None and not least <= number < math.inf:
            raise ValueError(f"{name} must be at least {least}{_finite(number)}, got {number}")


def require_positive(**numbers: Number) -> None:
    """Raise ValueError unless every argument is finite and more than 0."""
    for name, number in numbers.items():
        if number is not None and not 0 < number < math.inf:
            raise ValueError(f"{name} must be positive{_finite(number)}, got {number}")


def require_finite(**numbers: Number) -> None:
    """Raise ValueError for an argument that is infinite or nan."""
    for name, number in numbers.items():
        if number is not None and not -math.inf < number < math.inf:
            raise ValueError(f"{name} must be finite, got {number}")


def require_probability(**numbers: Number) -> None:
    """Raise ValueError unless every argument is between 0 and 1, both allowed."""
    for name, number in numbers.items():
        if number is not None and not 0 <= number <= 1:
            raise ValueError(f"{name} must be a probability between 0 and 1, got {number}")


def require_share(**numbers: Number) -> None:
    """Raise ValueError unless every argument is at least 0 and less than 1."""
    for name, number in numbers.items():
        if number is not None and not 0 <= number < 1:
            raise ValueError(f"{name} must be at least 0 and less than 1, got {number}")


def require_from(least: int, most: int, **counts: Number) -> None:
    """Raise ValueError unless every argument is a whole number from the least to the most."""
    for name, count in counts.items():
        if count is not None and not (isinstance(count, SupportsIndex) and least <= count <= most):
            raise ValueError(f"{name} must be from {least} to {most}, got {count}")


def require_one_of(choices: Sequence[str], **names: str) -> None:
    """Raise ValueError unless every argument is one of the choices."""
    for name, choice in names.items():
        if choice not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, got {choice!r}")


def _finite(number: float) -> str:
    return " and finite" if number == math.inf else ""
