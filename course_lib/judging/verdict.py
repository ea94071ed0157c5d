"""The verdict on one exercise: the one judgement that the check in the notebook and the grader share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

from course_lib.judging.case import Case, CaseSet, Judge, Mistake, Outcome, judge_outcome
from course_lib.judging.compare import compare
from course_lib.judging.exercise import Exercise, ExerciseId
from course_lib.judging.forbidden import forbidden_sentence
from course_lib.judging.slips import slip_of
from course_lib.judging.symptoms import Symptom, symptom_of


class VerdictKind(StrEnum):
    """What can be said of an exercise, in the words that people read."""

    PASSED = "passed"
    MISTAKE = "mistake"
    WRONG = "wrong"
    ERROR = "error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    FORBIDDEN = "forbidden call"
    MISSING = "missing"
    NOT_STARTED = "not started"
    BY_HAND = "to be graded by hand"
    RECORDED = "recorded"  # the answer to a question, in a notebook that comes without answers
    NOT_GRADED = "not graded"  # of a submission that could not be graded


@dataclass(frozen=True, eq=False)
class Judged:
    """One case with what was expected and what was returned; `reason` is "" when it is right."""

    case: Case
    expected: Outcome
    got: Outcome
    reason: str


@dataclass(frozen=True, eq=False)
class Verdict:
    """What an exercise earned, and one sentence that a beginner understands.

    mistake  its name when it was recognised, else ""
    symptom  what all failing cases have in common, where no mistake was recognised, or None
    judged   every case in order, for whoever shows them
    helped   exercises whose tested version took the place of the student's own, which does not pass
    """

    id: ExerciseId
    points: float
    max_points: float
    verdict: VerdictKind
    message: str
    mistake: str = ""
    judged: tuple[Judged, ...] = field(default=(), repr=False)
    helped: tuple[str, ...] = ()
    symptom: Symptom | None = None

    @property
    def failed(self) -> tuple[Judged, ...]:
        """The judged cases that are not right."""
        return tuple(judged for judged in self.judged if judged.reason)


def with_symptom(message: str, symptom: Symptom | None) -> str:
    """Return a verdict's message after the sentence on what all failing cases have in common."""
    return f"{symptom.sentence} {message}" if symptom else message


def zero(exercise: Exercise, verdict: VerdictKind, message: str) -> Verdict:
    """Return a verdict that earns nothing and needed no case."""
    return Verdict(exercise.id, 0.0, exercise.points, verdict, message)


def judge_exercise(exercise: Exercise, cases: CaseSet, got: Sequence[Outcome]) -> Verdict:
    """Return the verdict on the outcomes of one exercise.

    cases  the cases with the reference's and the mistakes' outcomes
    got    the student's outcomes, one per case in the same order
    """
    judged = tuple(
        Judged(case, expected, outcome, _reason(exercise, case, expected, outcome))
        for case, expected, outcome in zip(cases.cases, cases.expected, got, strict=True)
    )
    points = _points(exercise, judged)
    failed = [one for one in judged if one.reason]
    if not failed:
        return Verdict(exercise.id, points, exercise.points, VerdictKind.PASSED, "All cases are right.", "", judged)
    if any("ForbiddenCall" in one.got.raised for one in failed):
        # the complaint comes from the student's process: take a name of ours from it, and none of its words
        said = " ".join(one.got.complaint for one in failed)
        name = next((name for name in (*exercise.withheld, *exercise.elsewhere) if f"`{name}`" in said), "")
        sentence = forbidden_sentence(name, name in exercise.elsewhere)
        return Verdict(exercise.id, 0.0, exercise.points, VerdictKind.FORBIDDEN, sentence, "", judged)
    if mistake := _recognise(exercise, cases, got):
        return Verdict(exercise.id, points, exercise.points, VerdictKind.MISTAKE, mistake.hint, mistake.name, judged)
    simplest = simplest_failure(judged)
    kind = VerdictKind.ERROR if simplest.got.raised and not simplest.expected.raised else VerdictKind.WRONG
    # of a question every sentence would tell the answer
    symptom = _symptom(exercise, cases, judged) if exercise.kind == "function" else None
    message = with_symptom(simplest.reason, symptom)
    return Verdict(exercise.id, points, exercise.points, kind, message, "", judged, symptom=symptom)


def _symptom(exercise: Exercise, cases: CaseSet, judged: Sequence[Judged]) -> Symptom | None:
    """Return the slip that gives these outcomes, or what the failing ones have in common."""

    def is_right(arguments: dict[str, Any], want: Any, have: Any) -> bool:
        return not _reason(exercise, Case(arguments), Outcome(want), Outcome(have))

    wrong = [bool(one.reason) for one in judged]
    slip = slip_of(cases, [one.got for one in judged], wrong)
    return slip or symptom_of([(one.case, one.expected, one.got) for one in judged], wrong, is_right)


def _reason(exercise: Exercise, case: Case, expected: Outcome, got: Outcome, judge: Judge | None = None) -> str:
    try:
        return judge_outcome(case, expected, got, judge or exercise.judge, exercise.mutates)
    except Exception as problem:  # a judge met data that it was not written for: the data is wrong, not the grader
        return f"The result could not be judged ({type(problem).__name__}: {problem})."


def _points(exercise: Exercise, judged: Sequence[Judged]) -> float:
    if not exercise.parts:
        return 0.0 if any(one.reason for one in judged) else exercise.points
    lost = {one.case.part for one in judged if one.reason}
    if "" in lost:  # a case outside every part is a condition for all of them
        return 0.0
    return float(sum(points for part, points in exercise.parts.items() if part not in lost))


def _recognise(exercise: Exercise, cases: CaseSet, got: Sequence[Outcome]) -> Mistake | None:
    """Return the mistake whose outcomes these are, on every case; else on every case that asks for a value.

    A missing `raise` in a first draft hides no mistake, if the mistake is one of values.
    """
    asks = [not expected.raised for expected in cases.expected]
    for considered in ([True] * len(asks), asks):
        for mistake in cases.mistakes:
            rows = zip(considered, cases.cases, cases.expected, mistake.outcomes, got)
            some = [(case, expected, theirs, mine) for wanted, case, expected, theirs, mine in rows if wanted]
            if all(_equal(exercise, case, theirs, mine) for case, _, theirs, mine in some) and any(
                _reason(exercise, case, expected, mine) for case, expected, _, mine in some
            ):
                return mistake
    return None


def _equal(exercise: Exercise, case: Case, a: Outcome, b: Outcome) -> bool:
    """Whether two outcomes, right or wrong, are the same."""
    if bool(a.raised) != bool(b.raised) or a.changed != b.changed:
        return False
    if a.raised:
        return a.raised[0] == b.raised[0]
    if exercise.judge is not None and not _reason(exercise, case, a, Outcome(b.value)):
        return True
    return not _reason(exercise, case, a, Outcome(b.value), judge=_by_value)


def _by_value(case: dict, expected: Any, got: Any) -> Any:
    return compare(expected, got)


def simplest_failure(judged: Sequence[Judged]) -> Judged:
    """Return the failing case that is easiest to read; of equals the first.

    A value says more than a missing error, plain numbers more than half precision or thousands, and little data more
    than much; but no data at all say little.
    """
    return min((one for one in judged if one.reason), key=_hard_to_read)


def _hard_to_read(judged: Judged) -> tuple[bool, bool, bool, int]:
    arguments, value = judged.case.arguments, judged.expected.value
    given, asked = _size(arguments), _size(value)
    return bool(judged.expected.raised), _is_odd(arguments), bool(arguments) and given == 0, given + asked


def _is_odd(value: Any) -> bool:
    """Whether a value holds half precision or numbers of four and more digits."""
    if isinstance(value, Tensor):
        half = value.dtype in (torch.float16, torch.bfloat16)
        return half or (not value.is_complex() and bool(((value >= 1000) | (value <= -1000)).any()))
    if isinstance(value, (dict, list, tuple)):
        return any(_is_odd(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, (int, float)) and not -1000 < value < 1000


def _size(value: Any) -> int:
    """Return how many numbers, characters and items a value holds."""
    if isinstance(value, Tensor):
        return value.numel()
    if isinstance(value, dict):
        return sum(_size(item) for item in value.values())
    if isinstance(value, (list, tuple, set)):
        return sum(_size(item) for item in value)
    return len(value) if isinstance(value, (str, bytes)) else 1
