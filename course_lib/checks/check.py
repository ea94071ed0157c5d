"""What a learner calls in a notebook: `check` an exercise, `show_answer`, and `yours` to build on what passed."""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from course_lib.checks import progress, public
from course_lib.checks.borrowed import remark_on_borrowed, source_of
from course_lib.checks.edits import failed_edit, watch
from course_lib.checks.own_notebook import remark_on_version
from course_lib.checks.render import AnswerView, CheckView, Remark, put
from course_lib.checks.running import DidNotFinish, from_library, outcomes
from course_lib.judging.exercise import Exercise, ExerciseId, PublicExercise, read_cases
from course_lib.judging.forbidden import forbidden_in, forbidden_sentence
from course_lib.judging.needed import verdict_on_own_code
from course_lib.judging.probe import run_probe
from course_lib.judging.program import without_definitions
from course_lib.judging.verdict import Verdict, VerdictKind, judge_exercise, zero

T = TypeVar("T")

watch()


class CheckFailed(Exception):
    """Raised under plain nbgrader when an exercise is not right, so that its points are not given by accident."""


def check(id: str) -> None:
    """Check what you wrote for an exercise on its public cases, and show what is right, what is not, and what may help.

    id  the exercise, e.g. "information.entropy"

    Where your last edit of it failed before it defined anything, that is said, and nothing is judged.

    Raises ValueError when there is no such exercise; under nbgrader, CheckFailed when it does not pass.
    """
    if _is_graded():
        return
    entry, names = _find(id), sys._getframe(1).f_globals
    if remark := remark_on_version(public.find(entry.exercise.lesson), names):
        put(Remark(remark))
    _, result = judge_names(id, names)
    put(CheckView(entry.exercise, result, shown_answers=bool(public.answers(entry.exercise.lesson))))
    if result.verdict == VerdictKind.PASSED and (remark := remark_on_borrowed(entry.exercise, names)):
        put(Remark(remark))
    if os.environ.get("NBGRADER_EXECUTION") and result.verdict != VerdictKind.PASSED:
        raise CheckFailed(f"{id}: {result.message}")


def judge_names(id: str, names: dict[str, Any]) -> tuple[Exercise, Verdict]:
    """Judge what a notebook's names hold for an exercise, as `check` does, note the try, and show nothing.

    id     the exercise, e.g. "information.entropy"; names: `globals()` of the notebook

    Raises ValueError when there is no such exercise.
    """
    entry = _find(id)
    result = _judge_in(entry, names)
    if result.verdict not in (VerdictKind.NOT_STARTED, VerdictKind.MISSING):
        progress.record_try(id, result.verdict == VerdictKind.PASSED, result.points)
    return entry.exercise, result


def show_answer(id: str) -> None:
    """Show the reference solution or the model answer, folded up. For a solution it is noted that it was shown.

    Raises ValueError for an id that no exercise has.
    """
    if _is_graded():
        return
    entry = _find(id)
    answer = public.answers(entry.exercise.lesson).get(id)
    if answer and entry.exercise.kind != "text":
        progress.record_answer_shown(id)
    put(AnswerView(entry.exercise, answer))


def yours(id: str, tested: T) -> T:
    """Return your own solution if it passes its check, else the tested one from `course_lib`; says which.

    id      the exercise, e.g. "information.entropy"
    tested  what to use until yours passes

    Raises ValueError for an id that no exercise has.
    """
    names = sys._getframe(1).f_globals
    if _is_graded():
        return names.get(ExerciseId(id).name, tested)
    entry = _find(id)
    result = _judge_in(entry, names)
    if result.verdict == VerdictKind.PASSED and not result.helped:
        put(Remark(f"Using your own {entry.exercise.name}."))
        return names[entry.exercise.name]
    name = entry.exercise.name
    if edit := failed_edit(name, names):
        put(Remark(f"Your last edit of {name} did not run: {edit}\nUsing the course's {name} until it does."))
    else:
        put(Remark(f"Using the course's {name} until yours passes its check."))
    return tested


def _is_graded() -> bool:
    """Whether this runs in the grader's sandbox, which has no case files: it judges by itself, later."""
    return bool(os.environ.get("COURSE_GRADING"))


def _find(id: str) -> PublicExercise:
    known = ExerciseId(id)
    if not known.name:
        raise ValueError(f"An exercise is called `lesson.name`, as in “information.entropy”; got {id!r}.")
    exercises = public.find(known.lesson).exercises
    if id not in exercises:
        raise ValueError(f"There is no exercise {id!r}. This lesson has: {', '.join(exercises)}.")
    return exercises[known]


def _judge_in(entry: PublicExercise, names: dict[str, Any]) -> Verdict:
    """Return the verdict on what a notebook's names hold, where a fault of what the exercise needs does not count."""
    own = _judge(entry, names)
    if own.verdict in (VerdictKind.PASSED, VerdictKind.NOT_STARTED, VerdictKind.MISSING):
        return own
    needs = {need: _find(f"{entry.exercise.lesson}.{need}") for need in entry.exercise.needs}
    passes = {need: _judge(needed, names).verdict == VerdictKind.PASSED for need, needed in needs.items()}

    def judge_with(tested: Sequence[str]) -> Verdict:
        return _judge_with({need: _tested(needs[need].exercise) for need in tested}, entry, names)

    failing = [need for need in needs if not passes[need]]
    return verdict_on_own_code(own, failing, [need for need in needs if passes[need]], judge_with)


def _judge_with(tested: dict[str, str], entry: PublicExercise, names: dict[str, Any]) -> Verdict:
    """Return the verdict while names of the notebook hold tested versions, which the library's names here say."""
    own = {name: names[name] for name in tested if name in names}
    names.update({name: from_library(library) for name, library in tested.items()})
    try:
        return _judge(entry, names, tested.values())
    finally:
        for name in tested:
            names.pop(name, None)
        names.update(own)


def _tested(exercise: Exercise) -> str:
    return next(name for name in exercise.withheld if name.startswith("course_lib."))


def _judge(entry: PublicExercise, names: dict[str, Any], tested: Iterable[str] = ()) -> Verdict:
    """Return the verdict on what a notebook's names hold, as the grader would find it.

    tested  the tested versions that are there in place of the learner's own
    """
    exercise = entry.exercise
    if edit := failed_edit(exercise.name, names):
        return zero(exercise, VerdictKind.MISSING, f"Your last edit did not run: {edit}")
    if exercise.name not in names:
        return zero(exercise, VerdictKind.MISSING, f"There is no `{exercise.name}` yet: run the cell above first.")
    others = {other.name for other in public.find(exercise.lesson).exercises} - {exercise.name}
    student, source = names[exercise.name], without_definitions(source_of(exercise.name, names), others)
    if exercise.is_unchanged(student, source):
        return zero(exercise, VerdictKind.NOT_STARTED, "Not started yet.")
    if exercise.kind in ("choice", "number"):
        return _judge_answer(exercise, student)
    if name := forbidden_in(source, exercise.withheld) or _is_withheld(exercise, student):
        return zero(exercise, VerdictKind.FORBIDDEN, forbidden_sentence(name))
    if entry.cases is None:
        raise ValueError(f"{exercise.id} has no public cases; the case file is damaged.")
    try:
        got = outcomes(entry, student, tested)
    except DidNotFinish as end:
        return zero(exercise, VerdictKind.TIMEOUT, str(end))
    if not source and all("NotImplementedError" in outcome.raised for outcome in got):
        return zero(exercise, VerdictKind.NOT_STARTED, "Not started yet.")
    return judge_exercise(exercise, entry.cases, got)


def _judge_answer(exercise: Exercise, student: Any) -> Verdict:
    got = run_probe(student, exercise.probe, {})
    if exercise.read_answer(got.value) is None:
        return zero(exercise, VerdictKind.WRONG, exercise.wanted_answer(student))
    answer = public.answers(exercise.lesson).get(exercise.id)
    if answer is None:
        return zero(exercise, VerdictKind.RECORDED, "Recorded. It is graded with your submission.")
    cases = read_cases(answer["cases"])
    return judge_exercise(exercise, cases, [got] * len(cases.cases))


def _is_withheld(exercise: Exercise, student: Any) -> str:
    home = f"{getattr(student, '__module__', '')}.{getattr(student, '__qualname__', '')}"
    return home if home in exercise.withheld else ""
