"""Values as Python literals that can be pasted: complete, or shortened around a difference and marked as shortened.

A comment says what was left out, and `^` under a number, in a comment too, that it differs. So what is shown is Python.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.judging.compare import close_numbers, compare

MAX_LINE = 100  # characters
MAX_WHOLE = 24  # numbers of a tensor, or items of a list, that are shown without being shortened
WINDOW = 3  # neighbours of a difference that are shown on either side


def literal(value: Any, column: int = 0) -> str:
    """Return a plain value as a complete Python literal.

    column  where the text will begin, for the lines below the first
    """
    if isinstance(value, Tensor):
        return _tensor(value, None, column)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, dict):
        items = [f"{key!r}: {literal(item, column + len(repr(key)) + 3)}" for key, item in value.items()]
        return _bracketed("{", items, "}", column)
    if isinstance(value, (list, tuple)):
        items = [literal(item, column + 1) for item in value]
        start, end = ("[", "]") if isinstance(value, list) else ("(", ",)" if len(value) == 1 else ")")
        return _bracketed(start, items, end, column)
    return repr(value)


def _bracketed(start: str, items: Sequence[str], end: str, column: int) -> str:
    line = ", ".join(items)
    if "\n" in line or column + len(line) > MAX_LINE:
        line = (",\n" + " " * (column + 1)).join(items)
    return start + line + end


# ---- tensors


def _tensor(value: Tensor, marks: Tensor | None, column: int = 0) -> str:
    """Return a tensor as a literal. marks: where a `^` goes below, boolean of the same shape, or None."""
    value = value.detach()
    default = value.dtype in (torch.float32, torch.int64, torch.bool)
    kind = "" if default else f", dtype={value.dtype}"
    if value.numel() == 0:
        return f"torch.zeros({', '.join(map(str, value.shape))}, dtype={value.dtype})"
    cells = [_cell(number, value.dtype) for number in value.reshape(-1).tolist()]
    width = max(map(len, cells))
    head = "torch.tensor("
    flags = marks.reshape(-1).tolist() if marks is not None else [False] * len(cells)
    shown = [(cell.rjust(width) if value.ndim else cell, flag) for cell, flag in zip(cells, flags)]
    lines = _lines(shown, list(value.shape), column + len(head))
    first, carets = lines[0]
    lines[0] = (head + first, carets)
    text, carets = lines[-1]
    lines[-1] = (text + kind + ")", carets)
    return "\n".join(part for line in lines for part in line if part)


def _cell(number: Any, dtype: torch.dtype) -> str:
    """Return a number as short as its precision allows."""
    if not isinstance(number, float):
        return repr(number)
    if not math.isfinite(number):
        return f'float("{number}")'
    if dtype == torch.bfloat16:  # which NumPy does not know: four digits tell its numbers apart
        return repr(float(f"{number:.4g}"))
    return str({torch.float16: np.float16, torch.float32: np.float32}.get(dtype, np.float64)(number))


def _lines(cells: list[tuple[str, bool]], shape: list[int], column: int) -> list[tuple[str, str]]:
    """Return lines, each with the line of marks below it or "". The first begins at `column`, the others at 0."""
    if not shape:
        ((cell, flag),) = cells
        return [(cell, _carets([(column, len(cell))] if flag else []))]
    if len(shape) == 1:
        text, places = "[", []
        for index, (cell, flag) in enumerate(cells):
            text += ", " if index else ""
            if flag:
                bare = len(cell.lstrip())
                places.append((column + len(text) + len(cell) - bare, bare))
            text += cell
        return [(text + "]", _carets(places))]
    size = len(cells) // shape[0]
    lines: list[tuple[str, str]] = []
    for index in range(shape[0]):
        inner = _lines(cells[index * size : (index + 1) * size], shape[1:], column + 1)
        start = "[" if index == 0 else " " * (column + 1)
        inner[0] = (start + inner[0][0], inner[0][1])
        inner[-1] = (inner[-1][0] + ("]" if index == shape[0] - 1 else ","), inner[-1][1])
        lines += inner
    return lines


def _carets(places: Sequence[tuple[int, int]]) -> str:
    line = ""
    for start, length in places:
        line = line.ljust(start) + "^" * length
    return "#" + line[1:] if line else ""


# ---- shortened


def brief(value: Any) -> str:
    """Return an argument as a literal, whole where it is small; of a large dict, as of a model's weights, its size."""
    if isinstance(value, dict) and len(literal(value)) > 3 * MAX_LINE:
        return f"{{...}}  # {len(value)} entries with {_count(value)} numbers are left out"
    return short(value)


def short(value: Any, other: Any = None) -> str:
    """Return a value as a literal, whole where it is small, else the part around the first difference.

    other  what it is compared with; None when there is nothing to compare
    """
    if isinstance(value, Tensor):
        return _short_tensor(value, other)
    whole = literal(value)
    compared = isinstance(value, dict) and isinstance(other, dict) and "\n" in whole
    if len(whole) <= 3 * MAX_LINE and whole.count("\n") < 12 and not compared:
        return whole + _below(value, other, whole)
    if isinstance(value, (list, tuple)):
        return _short_sequence(value, other)
    if isinstance(value, dict):
        return _short_dict(value, other)
    if isinstance(value, str):
        at = _first_difference(value, other) if isinstance(other, str) else 0
        start, end = _window(at, len(value), 10 * WINDOW)
        return f"# characters {start} to {end - 1} of {len(value)}\n{value[start:end]!r}"
    return whole[: 3 * MAX_LINE] + f"\n# {len(whole) - 3 * MAX_LINE} more characters"


def _short_tensor(value: Tensor, other: Any) -> str:
    same = isinstance(other, Tensor) and other.shape == value.shape
    marks = ~_agree(value, other) if same else torch.zeros(value.shape, dtype=torch.bool)
    if value.numel() <= MAX_WHOLE:
        return _tensor(value, None if marks.all() else marks)
    first = int(marks.reshape(-1).nonzero()[0]) if marks.any() else 0
    places: list[Any] = [int(i) for i in np.unravel_index(first, value.shape)]
    for dimension, reach in ((-1, WINDOW), (-2, 1)):
        if value.ndim >= -dimension:
            places[dimension] = slice(*_window(places[dimension], value.shape[dimension], reach))
    part, flags = value[tuple(places)], marks[tuple(places)]
    where = ", ".join(f"{p.start}:{p.stop}" if isinstance(p, slice) else str(p) for p in places)
    left = value.numel() - part.numel()
    head = f"# [{where}] of shape {tuple(value.shape)}; {left} numbers are left out\n"
    return head + _tensor(part, None if flags.all() else flags)


def _agree(value: Tensor, other: Tensor) -> Tensor:
    if value.dtype.is_complex != other.dtype.is_complex:
        return torch.zeros(value.shape, dtype=torch.bool)
    return close_numbers(value, other)


def _short_sequence(value: list | tuple, other: Any) -> str:
    at = _first_difference(value, other) if isinstance(other, (list, tuple)) else 0
    start, end = _window(at, len(value), WINDOW)
    part, left = value[start:end], len(value) - (end - start)
    text = literal(part)
    if len(text) > 3 * MAX_LINE:
        there = isinstance(other, (list, tuple)) and at < len(other)
        place = min(at, len(value) - 1)
        return f"# item {place} of {len(value)}\n" + short(value[place], other[at] if there else None)
    return (f"# items {start} to {end - 1} of {len(value)}; {left} are left out\n" if left else "") + text


def _short_dict(value: dict, other: Any) -> str:
    known = other if isinstance(other, dict) else {}
    differ = [key for key in value if key not in known or compare(known[key], value[key]) is not True]
    shown = differ[:2]
    parts = [f"# {key!r}\n{short(value[key], known.get(key))}" for key in shown]
    left = len(value) - len(shown)
    return "\n".join([*parts, f"# {left} more of {len(value)} entries are left out"] if left else parts)


def _count(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.numel()
    if isinstance(value, (dict, list, tuple)):
        return sum(map(_count, value.values() if isinstance(value, dict) else value))
    return int(isinstance(value, (int, float)))


def _first_difference(value: Sequence, other: Sequence) -> int:
    pairs = enumerate(zip(value, other))
    return next((i for i, (a, b) in pairs if compare(a, b) is not True), min(len(value), len(other)))


def _window(at: int, length: int, reach: int) -> tuple[int, int]:
    start = max(0, min(at - reach, length - 2 * reach - 1))
    return start, min(length, start + 2 * reach + 1)


def _below(value: Any, other: Any, whole: str) -> str:
    """Return a line of marks below the items of a flat list that differ; "" where that cannot be."""
    if not (isinstance(value, (list, tuple)) and isinstance(other, (list, tuple)) and "\n" not in whole):
        return ""
    if any(isinstance(item, (Tensor, list, tuple, dict)) for item in value):
        return ""
    places, column = [], 1
    for index, item in enumerate(value):
        length = len(literal(item))
        if index >= len(other) or compare(other[index], item) is not True:
            places.append((column, length))
        column += length + 2
    return "\n" + _carets(places) if places and len(places) < max(len(value), 2) else ""
