"""Slips that no author foresaw: wrong results that are exactly those of the reference with one slip in it.

A lesson ships, for each slip, a print of what it gives on each public case: the form of the outcome and two weighted
sums of its numbers. A print tells that two outcomes are the same, and nothing of what is right.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from course_lib.judging.case import CaseSet, Outcome, Print
from course_lib.judging.symptoms.pair import MIN_EVIDENCE, Symptom, numbers

TOLERANCE = 1e-4  # relative, as for the judge: processors differ in less
DIGITS = 7


def print_of(outcome: Outcome) -> Print:
    """Return the print of an outcome: a digest of its form, and sums of its positive and of its negative numbers.

    Each number has a weight by its place, from 1 to 2, so that the same numbers in another order give another print.
    """
    if outcome.raised:
        return outcome.raised[0], 0.0, 0.0
    form: list[str] = [repr(outcome.changed)]
    flat: list[Tensor] = []
    _take_apart(outcome.value, form, flat)
    values = torch.cat(flat) if flat else torch.empty(0, dtype=torch.float64)
    odd = ~values.isfinite()
    form.append(repr([(int(i), str(values[i].item())) for i in odd.nonzero().flatten()[:1000]]))
    values = values.masked_fill(odd, 0.0)
    places = torch.arange(1, len(values) + 1, dtype=torch.float64)
    weights = 1 + (places * 0.6180339887498949) % 1  # the golden ratio: no two places nearby have weights nearby
    sums = [
        float(f"{(part * weights).sum().item():.{DIGITS}g}") for part in (values.clamp(min=0), -values.clamp(max=0))
    ]
    return hashlib.sha256("|".join(form).encode()).hexdigest()[:8], sums[0], sums[1]


def _take_apart(value: Any, form: list[str], flat: list[Tensor]) -> None:
    """Add a value's form (types, shapes, keys, texts) and its numbers to what was taken apart before."""
    if isinstance(value, Tensor):
        kind = "complex" if value.dtype.is_complex else "float" if value.dtype.is_floating_point else str(value.dtype)
        form.append(f"{kind}{tuple(value.shape)}")
        real = torch.view_as_real(value) if value.dtype.is_complex else value
        flat.append(real.detach().double().reshape(-1))
    elif isinstance(value, bool) or value is None or isinstance(value, (str, bytes)):
        form.append(repr(value))
    elif isinstance(value, (int, float)):
        form.append("number")
        flat.append(torch.tensor([_as_float(value)], dtype=torch.float64))
    elif isinstance(value, dict):
        form.append(f"dict of {len(value)}")
        for key in sorted(value, key=repr):
            form.append(repr(key))
            _take_apart(value[key], form, flat)
    elif isinstance(value, (list, tuple)):
        form.append(f"{len(value)} items")
        for item in value:
            _take_apart(item, form, flat)
    else:
        form.append(type(value).__name__)


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def same_print(a: Print, b: Print) -> bool:
    """Whether two outcomes with these prints are the same, but for the noise of processors."""
    return a[0] == b[0] and all(math.isclose(x, y, rel_tol=TOLERANCE, abs_tol=1e-6) for x, y in zip(a[1:], b[1:]))


def slip_of(cases: CaseSet, got: Sequence[Outcome], failing: Sequence[bool]) -> Symptom | None:
    """Return the slip that gives these outcomes in every public case that asks for a value, or None.

    cases    the public cases come first
    failing  which of the outcomes were judged wrong
    """
    n = min((len(slip.prints) for slip in cases.slips), default=0)
    asked = [i for i in range(n) if not cases.expected[i].raised]
    wrong = [i for i in asked if failing[i]]
    if not wrong or any(got[i].raised for i in wrong) or _evidence(cases, wrong) < MIN_EVIDENCE:
        return None
    prints = {i: print_of(got[i]) for i in asked}
    for slip in cases.slips:
        if all(same_print(slip.prints[i], prints[i]) for i in asked):
            sentence = f"Your results are exactly those of a solution with {slip.words}."
            return Symptom(f"slip_{slip.name}", sentence)
    return None


def _evidence(cases: CaseSet, wrong: Sequence[int]) -> int:
    """Return how many numbers and cases speak for it."""
    return len(wrong) - 1 + sum(sum(1 for _ in numbers(cases.expected[i].value)) for i in wrong)
