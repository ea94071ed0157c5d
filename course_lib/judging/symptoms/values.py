"""Symptoms of values: one factor, one shift, one function of the expected ones, sums along another dimension."""

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_lib.judging.symptoms.pair import (
    MIN_EVIDENCE,
    Pair,
    Symptom,
    as_table,
    close,
    explains,
    map_numbers,
    numbers,
)

FACTORS = {
    math.log(2): "ln 2",
    1 / math.log(2): "1 / ln 2",
    math.log(10): "ln 10",
    1 / math.log(10): "1 / ln 10",
}
FUNCTIONS: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "opposite_sign": ("the expected ones with the opposite sign", torch.neg),
    "sign_lost": ("the expected ones without their sign", torch.abs),
    "exponential": ("e to the power of the expected ones", torch.exp),
    "logarithm": ("the natural logarithms of the expected ones", torch.log),
    "squared": ("the squares of the expected ones", torch.square),
    "root": ("the square roots of the expected ones", torch.sqrt),
    "reciprocal": ("1 divided by the expected ones", torch.reciprocal),
    "complement": ("1 minus the expected ones", lambda x: 1 - x),
    "rounded": ("the expected ones, rounded to whole numbers", torch.round),
    "cut_off": ("the expected ones, cut off to whole numbers", torch.trunc),
}
UNDONE: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "softmax": ("the softmax of {} over the last dimension", lambda x: x.softmax(-1)),
    "log_softmax": ("the log-softmax of {} over the last dimension", lambda x: x.log_softmax(-1)),
    "sigmoid": ("the sigmoid of {}", torch.sigmoid),
    "tanh": ("the tanh of {}", torch.tanh),
    "relu": ("{} with 0 in place of the negative ones", torch.relu),
    "running_sum": ("the running sum of {} along the last dimension", lambda x: x.cumsum(-1)),
    "normalised": ("{} divided by their sum over the last dimension", lambda x: x / x.sum(-1, keepdim=True)),
}
SIZES: dict[str, Callable[[Tensor], int]] = {
    "the size of {name} in the last dimension": lambda x: x.shape[-1],
    "the size of {name} in the first dimension": lambda x: x.shape[0],
    "the number of rows of {name}": lambda x: x.numel() // x.shape[-1],
    "the number of values in {name}": lambda x: x.numel(),
}


def changed_by_a_function(pairs: Sequence[Pair]) -> Symptom | None:
    """All values are one function of the expected ones."""
    for name, (words, change) in FUNCTIONS.items():
        if explains(pairs, _with(change)):
            return Symptom(name, f"In every failing case, your values are {words}.")
    return None


def undone_by_a_function(pairs: Sequence[Pair]) -> Symptom | None:
    """A function of the returned values gives the expected ones, or of the expected ones the returned: it is left out,
    or applied once too often.
    """
    tables = [as_table(value) for pair in pairs for value in (pair.want, pair.have)]
    if any(x is None or x.ndim == 0 or x.shape[-1] < 2 for x in tables):
        return None
    turned = [Pair(pair.arguments, pair.have, pair.want) for pair in pairs]
    for name, (words, change) in UNDONE.items():
        if explains(turned, partial(_table_with, change)) and _is_varied(pairs):
            said = f"{words.format('your values')} would be right"
            return Symptom(f"{name}_left_out", f"In every failing case, {said}.")
        if explains(pairs, partial(_table_with, change)) and _is_varied(turned):
            said = f"you return {words.format('the expected values')}"
            return Symptom(f"{name}_of_it", f"In every failing case, {said}.")
    return None


def _is_varied(pairs: Sequence[Pair]) -> bool:
    """Whether the expected numbers are not all the same few: many things have the softmax 1."""
    return len({f"{number:.4g}" for pair in pairs for number in numbers(pair.want)}) >= MIN_EVIDENCE


def _table_with(change: Callable[[Tensor], Tensor], pair: Pair) -> Any:
    table = as_table(pair.want)
    if table is None or table.dtype == torch.bool:
        raise TypeError("no numbers")
    made = change(table.double())
    return made if isinstance(pair.have, Tensor) else made.tolist()


def _with(change: Callable[[Tensor], Tensor]) -> Callable[[Pair], Any]:
    return lambda pair: map_numbers(change, pair.want)


def scaled(pairs: Sequence[Pair]) -> Symptom | None:
    """All values are the expected ones times one number, the same in every case; not when all are 0."""
    factor = _ratio(pairs)
    if factor is None or close(factor, 1.0) or close(factor, -1.0) or not explains(pairs, _with(lambda x: x * factor)):
        return None
    known = next((f" = {words}" for number, words in FACTORS.items() if close(factor, number)), "")
    return Symptom("scaled", f"In every failing case, your values are the expected ones × {factor:.4g}{known}.")


def _ratio(pairs: Sequence[Pair]) -> float | None:
    """Return returned / expected where |expected| is largest."""
    want, have = max(_finite(pairs), key=lambda two: abs(two[0]), default=(0.0, 0.0))
    return have / want if want and have else None


def _finite(pairs: Sequence[Pair]) -> list[tuple[float, float]]:
    both = (two for pair in pairs for two in zip(numbers(pair.want), numbers(pair.have)))
    return [two for two in both if math.isfinite(two[0]) and math.isfinite(two[1])]


def shifted(pairs: Sequence[Pair]) -> Symptom | None:
    """All values are the expected ones plus one number, the same in every case."""
    want, have = next(iter(_finite(pairs)), (0.0, 0.0))
    shift = have - want
    if close(shift, 0.0) or not explains(pairs, _with(lambda x: x + shift)):
        return None
    how = f"{abs(shift):.4g} too {'large' if shift > 0 else 'small'}"
    return Symptom("shifted", f"In every failing case, each of your values is {how}.")


POWERS = {
    1.0: "times {what}",
    -1.0: "divided by {what}",
    0.5: "times the root of {what}",
    -0.5: "divided by the root of {what}",
    2.0: "times the square of {what}",
    -2.0: "divided by the square of {what}",
}
QUESTIONS = {1.0: ": a sum where a mean is asked?", -1.0: ": a mean where a sum is asked?"}


def scaled_by_size(pairs: Sequence[Pair]) -> Symptom | None:
    """All values are multiplied, or divided, by a size or a number among the arguments, not the same in every case."""
    ratios = [_ratio([pair]) for pair in pairs]
    known = [ratio for ratio in ratios if ratio is not None and ratio > 0]
    if len(known) < len(pairs) or close(max(known), min(known)):
        return None
    if not explains(pairs, partial(_times, {id(pair): ratio for pair, ratio in zip(pairs, known)})):
        return None
    for what, sizes, is_size in _measures(pairs):
        for power, words in POWERS.items():
            if all(size > 0 and close(ratio, size**power) for size, ratio in zip(sizes, known)):
                question = QUESTIONS.get(power, ".") if is_size else "."
                names = {1.0: "sum_for_mean", -1.0: "mean_for_sum"} if is_size else {}
                said = f"the expected ones {words.format(what=what)}{question}"
                return Symptom(names.get(power, "scaled_by_argument"), f"In every failing case, your values are {said}")
    if any(
        len(set(numbers(pair.want)) - {0.0}) < MIN_EVIDENCE for pair in pairs
    ):  # of one number there is a factor always
        return None
    said = "the expected ones times one factor, which is another one in each case"
    return Symptom("scaled_by_case", f"In every failing case, your values are {said}.")


def _measures(pairs: Sequence[Pair]) -> Iterator[tuple[str, list[float], bool]]:
    """Yield words for a number that each case has, these numbers, and whether they are sizes."""
    for name in sorted(pairs[0].arguments):
        given = [pair.arguments.get(name) for pair in pairs]
        if all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in given):
            yield f"`{name}`", [float(x) for x in given], False  # type: ignore[arg-type]
            continue
        for what, size in SIZES.items():
            yield what.format(name=f"`{name}`"), [float(_size(x, size)) for x in given], True
        if all(isinstance(x, Tensor) and x.dtype == torch.bool and x.any() for x in given):
            shares = [x.numel() / int(x.sum()) for x in given]  # type: ignore[union-attr]
            yield f"the size of `{name}` per True in it (a mean over what is masked, too?)", shares, False


def _times(factors: dict[int, float], pair: Pair) -> Any:
    return map_numbers(lambda x: x * factors[id(pair)], pair.want)


def _size(value: Any, size: Callable[[Tensor], int]) -> int:
    """Return a size of a tensor, or the length of a list or text; 0 where there is no such thing."""
    if isinstance(value, (list, tuple, str)):
        value = torch.empty(len(value))
    try:
        return size(value) if isinstance(value, Tensor) else 0
    except (IndexError, ZeroDivisionError):  # there is no such dimension
        return 0


def normalised_elsewhere(pairs: Sequence[Pair]) -> Symptom | None:
    """The expected values sum to 1 along the last dimension, the returned ones along another."""
    if not all(_are_shares(pair) for pair in pairs):
        return None
    for axis in range(-2, -1 - min(pair.want.ndim for pair in pairs), -1):
        if all(_sums_to_one(pair.have, axis) for pair in pairs):
            said = f"your values sum to 1 along dimension {axis}, not along the last one"
            return Symptom("normalised_elsewhere", f"In every failing case, {said}.")
    if all(abs(float(pair.have.double().sum()) - 1) < 1e-4 for pair in pairs):
        return Symptom(
            "normalised_everywhere", "In every failing case, all your values together sum to 1, not each row."
        )
    return None


def _are_shares(pair: Pair) -> bool:
    want, have = pair.want, pair.have
    if not (isinstance(want, Tensor) and isinstance(have, Tensor) and want.ndim > 1 and want.shape == have.shape):
        return False
    if not (want.is_floating_point() and have.is_floating_point() and want.shape[-1] > 1):
        return False
    return _sums_to_one(want, -1) and not _sums_to_one(have, -1)


def _sums_to_one(value: Tensor, axis: int) -> bool:
    sums = value.double().sum(axis)
    return bool(torch.isclose(sums, torch.ones_like(sums), atol=1e-4).all())
