"""Running what a learner wrote on the public cases, which ends: after a limit in time, or when the learner interrupts.

The limit is the grader's least one, or ten times what the tested version takes on this machine, whichever is more. The
tested version is only run for code that has reached the first.
"""

import importlib
import time
from collections.abc import Iterable
from typing import Any

from course_lib.checks.time_limit import Endless, time_limit
from course_lib.judging.absent import absent_names, refusing
from course_lib.judging.case import Case, Outcome
from course_lib.judging.exercise import Exercise, PublicExercise
from course_lib.judging.probe import complaint, run_probe

COMPUTING = 5.0  # seconds that each case may take at least
IDLE = 10.0  # seconds
TIMES = 10.0  # the time of the tested version
UNTESTED = 15.0  # seconds of computing, where the library has no version that could be timed


class DidNotFinish(Exception):
    """The limit was over. The message says so, in which case, and at which of the learner's lines."""


class Interrupted(KeyboardInterrupt):
    """The learner interrupted a check. Jupyter shows their own lines, and not those of the check."""

    def _render_traceback_(self) -> list[str]:
        return str(self).split("\n")


def outcomes(entry: PublicExercise, student: Any, tested: Iterable[str] = ()) -> list[Outcome]:
    """Return what the learner's function or class gives on each public case, in order.

    entry    an exercise that has cases
    student  what the learner's cell defined
    tested   tested versions that are there in place of the learner's own

    Raises DidNotFinish when a case takes too long, and Interrupted when the learner interrupts.
    """
    absent, seconds, got = absent_names(entry.exercise, tested), COMPUTING, list[Outcome]()
    for index, case in enumerate(entry.cases.cases if entry.cases else ()):
        label = case.note or f"case {index + 1}"
        try:
            got.append(_outcome(entry.exercise, student, case, label, absent, seconds))
        except DidNotFinish:
            if (patience := _patience(entry.exercise, case)) <= seconds:
                raise
            seconds = patience
            got.append(_outcome(entry.exercise, student, case, label, absent, seconds))
    return got


def tested_version(exercise: Exercise) -> Any:
    """Return the library's own function or class for an exercise, or None where it has none."""
    name = next((name for name in exercise.withheld if name.startswith("course_lib.")), "")
    return from_library(name) if name else None


def from_library(name: str) -> Any:
    """Return what a dotted name of the library means."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _outcome(
    exercise: Exercise, student: Any, case: Case, label: str, absent: frozenset[str], seconds: float
) -> Outcome:
    with refusing(absent):  # as in the library's copy of a grader
        try:
            with time_limit(seconds, IDLE) as limit:
                return run_probe(student, exercise.probe, case.arguments, exercise.withheld)
        except Endless as end:
            why, lines = limit.why, _own_lines(end)
        except KeyboardInterrupt as interrupt:
            why, lines = "", _own_lines(interrupt)
    if why:
        place, _, text = lines[-1].strip().partition(":  ") if lines else ("", "", "")
        raise DidNotFinish(f"{why} That was in the case “{label}”" + (f", {place}: `{text}`" if lines else "."))
    raise Interrupted("\n".join([f"You interrupted the check of {exercise.id} in the case “{label}”.", *lines]))


def _own_lines(error: BaseException) -> list[str]:
    """Return the learner's lines that were running, the innermost last, as a complaint tells them."""
    return complaint(error).split("\n")[:-1]


def _patience(exercise: Exercise, case: Case) -> float:
    """Return how many seconds of computing a case may take on this machine."""
    tested = tested_version(exercise)
    if tested is None:
        return UNTESTED
    began = time.thread_time()
    try:
        with time_limit(TIMES * COMPUTING, IDLE):
            run_probe(tested, exercise.probe, case.arguments)
    except Endless:  # an exercise whose tested version is no answer to its probe
        return COMPUTING
    return max(COMPUTING, TIMES * (time.thread_time() - began))
