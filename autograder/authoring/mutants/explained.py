"""What the check says of mutants, none of which an author foresaw: how many it explains, and whether it stays true.

A sentence is said on the public cases. It is true of what was written, and not of these cases by accident, if the
cases of other seeds lead to the same one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autograder.authoring.forked import forked, limit_computing
from autograder.authoring.lesson import AuthoredExercise
from autograder.authoring.mutants.effects import EFFECTS
from autograder.authoring.mutants.make import Mutant, mutants_of
from autograder.authoring.reference import PUBLIC_SEED, Reference
from course_lib.judging.case import CaseSet, Outcome
from course_lib.judging.exercise import Exercise
from course_lib.judging.probe import run_probe
from course_lib.judging.verdict import Verdict, judge_exercise

SEEDS = (PUBLIC_SEED, 201, 202, 203)
CASE_SECONDS, MUTANT_SECONDS, STUCK_SECONDS = 5.0, 600.0, 300.0


@dataclass(frozen=True)
class Explained:
    """What is said of a mutant on the public cases, and on those of each other seed alone.

    said   "mistake NAME" or "symptom NAME", "raised" when it raised an error that explains itself, or ""
    again  the same for other seeds
    """

    mutant: Mutant
    said: str
    again: tuple[str, ...]


def explained(reference: Reference, exercise: AuthoredExercise) -> list[Explained]:
    """Return what the check says of each mutant that fails on the public cases."""
    check = exercise.check
    sets = [reference.case_set(exercise, seed) for seed in SEEDS]
    first = {} if check.probe_source else sets[0].cases[0].arguments
    mutants = mutants_of(exercise.reference, check.name, first)
    found = forked(_attempt(reference, check, mutants, sets), len(mutants), MUTANT_SECONDS, STUCK_SECONDS)
    rows = (line.split("\t") for line in found)
    return [Explained(mutants[int(index)], said, tuple(again)) for index, said, *again in rows]


def _attempt(
    reference: Reference, check: Exercise, mutants: list[Mutant], sets: list[CaseSet]
) -> Callable[[int], list[str]]:
    def attempt(index: int) -> list[str]:
        names: dict[str, Any] = {**reference.names, **EFFECTS}
        exec(compile(mutants[index].source, "<mutant>", "exec"), names)
        verdicts = [judge_exercise(check, cases, _outcomes(check, names[check.name], cases)) for cases in sets]
        return ["\t".join([str(index), *map(_said, verdicts)])] if verdicts[0].failed else []

    return attempt


def _outcomes(check: Exercise, mutant: Any, cases: CaseSet) -> list[Outcome]:
    outcomes = []
    for case in cases.cases:
        limit_computing(CASE_SECONDS)
        outcomes.append(run_probe(mutant, check.probe, case.arguments))
        limit_computing(MUTANT_SECONDS)
        if "TimeoutError" in outcomes[-1].raised:
            return [outcomes[-1]] * len(cases.cases)
    return outcomes


def _said(verdict: Verdict) -> str:
    if verdict.mistake:
        return f"mistake {verdict.mistake}"
    if verdict.symptom:
        return f"symptom {verdict.symptom.name}"
    return "raised" if any(one.got.raised and not one.expected.raised for one in verdict.failed) else ""
