"""Symptoms of values: one factor, one shift, one function of the expected ones, sums along another dimension."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from course_lib.judging.symptoms.pair import Pair, Symptom, close, explains, map_numbers, numbers

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


def scaled_by_size(pairs: Sequence[Pair]) -> Symptom | None:
    """All values are multiplied, or divided, by the size of an argument, which is not the same in every case."""
    for name in sorted(pairs[0].arguments):
        for what, size in SIZES.items():
            sizes = [_size(pair.arguments.get(name), size) for pair in pairs]
            if 0 in sizes or len(set(sizes)) < 2:
                continue
            what = what.format(name=f"`{name}`")
            if explains(pairs, partial(_times, {id(pair): size for pair, size in zip(pairs, sizes)})):
                slip = f"the expected ones times {what}: a sum where a mean is asked?"
                return Symptom("sum_for_mean", f"In every failing case, your values are {slip}")
            if explains(pairs, partial(_times, {id(pair): 1 / size for pair, size in zip(pairs, sizes)})):
                slip = f"the expected ones divided by {what}: a mean where a sum is asked?"
                return Symptom("mean_for_sum", f"In every failing case, your values are {slip}")
    return None


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
            return Symptom(
                "normalised_elsewhere",
                f"In every failing case, your values sum to 1 along dimension {axis}, not along the last one.",
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
