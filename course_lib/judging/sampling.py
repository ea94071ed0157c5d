"""Judges for what is random: draws, counts and spreads, where no two right answers are equal.

The trusted side knows how many draws there were and says so; everything else about what was returned is checked before
it is measured. A right answer is refused about once in 10⁹ cases.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from course_lib.judging.compare import compare, describe

FALSE_ALARM = 1e-9
STANDARD_ERRORS = 7.0  # a normal deviate is further out once in 4·10¹¹ times
RARE = 12.0  # of both samples together; fewer are judged as one category
_WHOLE = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def judge_entries(expected: dict, got: Any, judges: dict[str, Callable[[Any, Any, str], Any]]) -> Literal[True] | str:
    """Return True when two dicts agree: the entries named in `judges` as those say, all others as `compare` does.

    judges  name of an entry → judge(expected, got, what), as those below; names that `expected` lacks count for nothing
    """
    if not isinstance(expected, dict) or not isinstance(got, dict) or got.keys() != expected.keys():
        return compare(expected, got)
    judges = {name: judge for name, judge in judges.items() if name in expected}
    want, have = ({name: value for name, value in d.items() if name not in judges} for d in (expected, got))
    if (same := compare(want, have)) is not True:
        return same
    answers = (judge(expected[name], got[name], f"`{name}`") for name, judge in judges.items())
    return next((answer for answer in answers if answer is not True), True)


def judge_draws(probs: Tensor, n: int, got: Any) -> Literal[True] | str:
    """Return True when `got` can be n draws from a distribution, else a sentence.

    probs  (V,) what was drawn from; it is normalised
    got    (n,) integers from 0 to V − 1
    """
    if not isinstance(got, Tensor) or tuple(got.shape) != (n,):
        return f"The result is {describe(got)}; {n} draws were expected, a tensor of shape ({n},)."
    if got.dtype not in _WHOLE:
        return f"The draws are of type {str(got.dtype).removeprefix('torch.')}; integers were expected."
    if n and not 0 <= int(got.min()) <= int(got.max()) < len(probs):
        return f"The draws lie between {int(got.min())} and {int(got.max())}; 0 to {len(probs) - 1} was expected."
    counts = torch.bincount(got.long(), minlength=len(probs)).double()
    right = probs.double() / probs.double().sum()
    seen = counts > 0
    nats = (counts[seen] * (counts[seen] / n / right[seen]).log()).sum()  # inf where something impossible was drawn
    if _chance_of_divergence(float(nats), len(probs)) > FALSE_ALARM:
        return True
    worst = int((counts / n - right).abs().argmax())
    return f"Of {n} draws, {counts[worst]:.0f} were {worst}; about {right[worst] * n:.0f} were expected."


def judge_counts(expected: Tensor, got: Any, what: str = "The result") -> Literal[True] | str:
    """Return True when `got` counts as many draws as `expected`, and both can come from one distribution.

    expected  (V,) or (N, V) counts of a right sampler; each row is a sample by itself
    got       integers of the same shape, none negative, with the same total in each row
    what      what is counted, for the sentence
    """
    if not isinstance(got, Tensor) or got.shape != expected.shape:
        return f"{what} is {describe(got)}; {describe(expected)} was expected."
    if got.dtype not in _WHOLE:
        return f"{what} holds {str(got.dtype).removeprefix('torch.')}; counts are integers."
    rows = zip(expected.reshape(-1, expected.shape[-1]).double(), got.reshape(-1, got.shape[-1]).double())
    for row, (want, have) in enumerate(rows):
        row_of = f"row {row} of " if expected.dim() > 1 else ""
        if bool((have < 0).any()) or float(have.sum()) != float(want.sum()):
            return f"In {row_of}{what}, {have.sum():.0f} draws are counted; there were {want.sum():.0f}."
        if not _from_one_distribution(want, have):
            return f"In {row_of}{what}, the counts are {_whole(have)}; about {_whole(want)} was expected."
    return True


def judge_spread(n: int, expected: dict, got: Any, what: str = "The result") -> Literal[True] | str:
    """Return True when two samples of n normal numbers can have one mean and one standard deviation, else a sentence.

    n              how many numbers were drawn, at least
    expected, got  {"mean": …, "std": …}, each measured from n numbers
    what           whose they are, for the sentence
    """
    if (same := compare({name: 0.0 for name in expected}, _as_zeros(got))) is not True:
        return same
    deviation = abs(expected["std"])
    # the standard errors of a mean and of a standard deviation, for a difference of two samples
    errors = {"mean": deviation * math.sqrt(2 / n), "std": deviation / math.sqrt(n)}
    for name, words in (("std", "standard deviation"), ("mean", "mean")):
        want, have = expected[name], got[name]
        if not abs(have - want) <= STANDARD_ERRORS * errors[name]:  # nan is near nothing
            return f"The {words} of {what} should be near {want:.4f}; yours is {have:.4f}."
    return True


def _as_zeros(got: Any) -> Any:
    """Return what was returned with each number replaced by 0, so that only its structure is left."""
    if not isinstance(got, dict):
        return got
    numbers = {name: type(value) in (int, float) and math.isfinite(_as_float(value)) for name, value in got.items()}
    return {name: 0.0 if numbers[name] else got[name] for name in got}


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _from_one_distribution(a: Tensor, b: Tensor) -> bool:
    """Pearson's chi-square test of homogeneity of two rows of counts with one total."""
    a, b = _pooled(a + b < RARE, a, b)
    seen = a + b > 0
    a, b = a[seen], b[seen]
    return _chance_of_worse(((a - b) ** 2 / (a + b)).sum(), len(a)) > FALSE_ALARM


def _pooled(rare: Tensor, *counts: Tensor) -> tuple[Tensor, ...]:
    """Make one category of all rare ones."""
    if not rare.any():
        return counts
    return tuple(torch.cat([row[~rare], row[rare].sum()[None]]) for row in counts)


def _chance_of_divergence(nats: float, categories: int) -> float:
    """Bound how often draws are further from their distribution: n times their relative entropy is more than `nats`.

    It holds for any number of draws and for rare outcomes, too: the moments of n times the relative entropy are at most
    those of a gamma variable of shape V − 1 and rate 1 (Agrawal 2020, "Finite-sample concentration of the multinomial
    in relative entropy"), and this is Chernoff's bound for such a one.
    """
    degrees = categories - 1
    if nats <= degrees:
        return 1.0
    return math.exp(degrees * (1 + math.log(nats / degrees)) - nats) if degrees and nats < math.inf else 0.0


def _chance_of_worse(statistic: Tensor, categories: int) -> float:
    degrees = torch.tensor(max(categories - 1, 1) / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(degrees, statistic / 2))


def _whole(counts: Tensor) -> list[int]:
    return [int(count) for count in counts]
