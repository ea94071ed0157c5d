"""What counts as an answer to a question, in the notebook and in grading alike.

A choice is text: capitals and spaces around it do not matter, so `" B"` is `"b"`. A number is a number of Python, NumPy
or torch, alone in its array if it is in one, or text that Python reads as a number, so `"384"` and `384.0` are 384.
True and False, nan, infinities, and lists are no numbers.
"""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor


def read_choice(choices: Sequence[str], value: Any) -> str | None:
    """Return the choice that a value names, as the lesson spells it, or None.

    value  plain data, as it comes from a probe
    """
    if not isinstance(value, str):
        return None
    if value in choices:
        return value
    named = [choice for choice in choices if choice.strip().casefold() == value.strip().casefold()]
    return named[0] if len(named) == 1 else None


def read_number(value: Any) -> float | None:
    """Return the number that a value is, or None. An integer stays one.

    value  plain data, as it comes from a probe
    """
    if isinstance(value, Tensor) and value.numel() == 1 and not value.is_complex():
        value = value.item()
    if isinstance(value, str):
        value = _number_in(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def _number_in(text: str) -> float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
