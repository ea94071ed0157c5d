"""Symptoms: how wrong outcomes differ from the expected ones, read off them where no author foresaw the mistake.

A rule turns an expected value into what a certain slip would make of it. Its symptom is said only if that is, within
the judge's tolerance, what was returned in *every* failing case: it states what was measured, and guesses nothing.
"""

from collections.abc import Callable, Iterable, Sequence

from torch import Tensor

from course_lib.judging.case import Case, Outcome
from course_lib.judging.symptoms import form, places, values
from course_lib.judging.symptoms.pair import Pair, Symptom, numbers

__all__ = ["Symptom", "symptom_of"]

MAX_NUMBERS = 20_000  # a case with more is not looked at: the sentence must come at once

Rule = Callable[[Sequence[Pair]], Symptom | None]
RULES: tuple[Rule, ...] = (
    form.other_form,
    values.scaled,
    values.scaled_by_size,
    values.changed_by_a_function,
    places.elsewhere,
    places.elsewhere_in_a_list,
    values.shifted,
    form.not_finite,
    values.normalised_elsewhere,
    form.argument_returned,
    form.constant,
    form.parts_wrong,
)


def symptom_of(failing: Iterable[tuple[Case, Outcome, Outcome]]) -> Symptom | None:
    """Return what all failing cases have in common, or None.

    failing  each case that was judged wrong, with the expected outcome and the returned one

    Cases in which an error was expected say nothing here: a missing `raise` hides no other slip.
    """
    judged = [(case, want, have) for case, want, have in failing if not want.raised]
    if not judged or any(have.raised or have.changed for _, _, have in judged):
        return None
    pairs = [Pair(case.arguments, want.value, have.value) for case, want, have in judged]
    if any(_size(pair.want) > MAX_NUMBERS or _size(pair.have) > MAX_NUMBERS for pair in pairs):
        return None
    return next((symptom for rule in RULES if (symptom := rule(pairs))), None)


def _size(value: object) -> int:
    return value.numel() if isinstance(value, Tensor) else sum(1 for _ in numbers(value))
