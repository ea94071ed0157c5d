"""Symptoms of form: the right values in another type or shape, not finite ones, an argument, a constant, some parts."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor

from course_lib.judging.compare import compare
from course_lib.judging.symptoms.pair import MIN_EVIDENCE, Pair, Symptom, as_floats, numbers


def other_form(pairs: Sequence[Pair]) -> Symptom | None:
    """The values are right, in another shape or of another type of numbers."""
    if not all(isinstance(pair.want, Tensor) and isinstance(pair.have, Tensor) for pair in pairs):
        return None
    if any(p.want.numel() != p.have.numel() for p in pairs) or sum(p.want.numel() for p in pairs) < MIN_EVIDENCE:
        return None
    if not all(compare(as_floats(p.want).reshape(-1), as_floats(p.have).reshape(-1)) is True for p in pairs):
        return None
    if all(p.want.shape == p.have.shape for p in pairs):
        types = sorted({f"{_type(p.have)} where {_type(p.want)} was expected" for p in pairs})
        return Symptom("other_type", f"The values are right, but their type is not: {', '.join(types)}.")
    if all(p.want.squeeze().shape == p.have.squeeze().shape for p in pairs):
        return Symptom("other_shape", "The values are right, but a dimension of size 1 is missing or one too many.")
    return Symptom("other_shape", "The values are right and in the right order, but they have another shape.")


def _type(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def not_finite(pairs: Sequence[Pair]) -> Symptom | None:
    """All is right but for nan or inf where numbers were expected."""
    found: set[str] = set()
    right = 0
    for _, want, have in pairs:
        if not (isinstance(want, Tensor) and isinstance(have, Tensor) and want.shape == have.shape):
            return None
        if not (want.is_floating_point() and have.is_floating_point()):
            return None
        odd = want.isfinite() & ~have.isfinite()
        if not odd.any() or compare(want[~odd], have[~odd]) is not True:
            return None
        right += int((~odd).sum())
        strange = {"nan": have.isnan(), "inf": have.isposinf(), "−inf": have.isneginf()}
        found |= {name for name, where in strange.items() if (where & odd).any()}
    if right < MIN_EVIDENCE:
        return None
    what = " and ".join(sorted(found))
    return Symptom("not_finite", f"All values are right but for {what} where other numbers were expected.")


def argument_returned(pairs: Sequence[Pair]) -> Symptom | None:
    """What was returned is one of the arguments, as it was given."""
    for name in pairs[0].arguments:
        given = [pair.arguments.get(name) for pair in pairs]
        enough = sum(1 for value in given for _ in numbers(value)) >= MIN_EVIDENCE
        if enough and all(compare(value, pair.have) is True for value, pair in zip(given, pairs)):
            return Symptom("argument_returned", f"In every failing case, `{name}` came back as it was given.")
    return None


def constant(pairs: Sequence[Pair]) -> Symptom | None:
    """The same was returned in every case, where different values were expected."""
    if len(pairs) < MIN_EVIDENCE or not all(compare(pairs[0].have, pair.have) is True for pair in pairs[1:]):
        return None
    if any(compare(one.want, next_one.want) is True for one, next_one in pairwise(pairs)):
        return None
    return Symptom("constant", "The result is the same in every failing case, whatever the arguments are.")


def parts_wrong(pairs: Sequence[Pair]) -> Symptom | None:
    """Of a result with named parts, some are right in every case, and others are not."""
    wrong: set[str] = set()
    for _, want, have in pairs:
        if not (isinstance(want, dict) and isinstance(have, dict) and want.keys() == have.keys()):
            return None
        wrong |= {str(key) for key in want if compare(want[key], have[key]) is not True}
    right = {str(key) for key in pairs[0].want} - wrong
    if not right or not wrong:
        return None
    good, bad = (", ".join(f"`{name}`" for name in sorted(names)) for names in (right, wrong))
    return Symptom("parts_wrong", f"Right in every case: {good}. Not right: {bad}.")
