"""Symptoms: how wrong outcomes differ from the expected ones, read off them where no author foresaw the mistake.

A rule of values turns an expected value into what a certain slip would make of it; its symptom is said only if that is,
within the judge's tolerance, what was returned in *every* failing case. A rule of cases says exactly which ones fail.
Each states what was measured, and guesses nothing.
"""

from collections.abc import Callable, Sequence

from torch import Tensor

from course_lib.judging.case import Case, Outcome
from course_lib.judging.compare import compare
from course_lib.judging.symptoms import cases, entries, form, places, values
from course_lib.judging.symptoms.cases import Seen
from course_lib.judging.symptoms.pair import Pair, Symptom, numbers
from course_lib.judging.symptoms.parts import IsRight, of_parts

__all__ = ["Symptom", "symptom_of"]

MAX_NUMBERS = 20_000  # a case with more is not looked at: the sentence must come at once

VALUES: tuple[Callable[[Sequence[Pair]], Symptom | None], ...] = (
    form.nothing,
    form.other_form,
    form.other_container,
    form.reduced,
    values.scaled,
    values.scaled_by_size,
    values.changed_by_a_function,
    values.undone_by_a_function,
    places.elsewhere,
    places.elsewhere_in_a_list,
    values.shifted,
    entries.one_too_many,
    entries.wrong_where_an_argument,
    entries.right_but_for_one_value,
    entries.half_the_values,
    values.normalised_elsewhere,
    form.argument_returned,
    form.constant,
    entries.one_row,
    places.shorter,
    form.some_missing,
    places.other_order,
)
CASES: tuple[Callable[[Sequence[Seen]], Symptom | None], ...] = (
    cases.no_error,
    cases.changed_in_place,
    cases.argument_ignored,
    cases.state_kept,
)


def _by_value(arguments: dict, want: object, have: object) -> bool:
    return compare(want, have) is True


def symptom_of(
    judged: Sequence[tuple[Case, Outcome, Outcome]], wrong: Sequence[bool], is_right: IsRight = _by_value
) -> Symptom | None:
    """Return what all failing cases have in common, or None.

    judged    every case in order, with the expected outcome and the returned one
    wrong     which of them were judged wrong
    is_right  the exercise's judge, of a case's arguments, the expected value and another

    Cases in which an error was expected say nothing of values: a missing `raise` hides no other slip.
    """
    seen = [Seen(*one, bad) for one, bad in zip(judged, wrong, strict=True)]
    pairs = _pairs([one for one in seen if one.wrong and not one.want.raised])
    symptom = next((symptom for rule in CASES if (symptom := rule(seen))), None)
    if symptom or (pairs and (symptom := _of_values(pairs))):
        return symptom
    parts = of_parts(pairs, is_right, _of_values) if pairs else None
    if parts and parts.name != "parts_wrong":
        return parts
    which = cases.which_fail(seen)
    if which and parts:
        return Symptom(which.name, f"{which.sentence} {parts.sentence}")
    return which or parts or cases.only_some(seen)


def _pairs(failing: Sequence[Seen]) -> list[Pair]:
    """Return the values of failing cases, the smallest first; none where a rule of values cannot be asked."""
    if any(one.have.raised or one.have.changed for one in failing):
        return []
    pairs = [Pair(one.case.arguments, one.want.value, one.have.value) for one in failing]
    sizes = [max(_size(pair.want), _size(pair.have)) for pair in pairs]
    if max(sizes, default=0) > MAX_NUMBERS:
        return []
    return [pair for _, pair in sorted(zip(sizes, pairs), key=lambda two: two[0])]


def _of_values(pairs: Sequence[Pair]) -> Symptom | None:
    return next((symptom for rule in VALUES if (symptom := rule(pairs))), None)


def _size(value: object) -> int:
    return value.numel() if isinstance(value, Tensor) else sum(1 for _ in numbers(value))
