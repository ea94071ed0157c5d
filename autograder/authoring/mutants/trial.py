"""The trial of mutants: which pass on the public cases, or on those of any of ten hidden seeds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.authoring.forked import forked, limit_computing
from autograder.authoring.lesson import AuthoredExercise
from autograder.authoring.mutants.effects import EFFECTS
from autograder.authoring.mutants.make import Mutant, mutants_of
from autograder.authoring.reference import PUBLIC_SEED, Reference
from course_lib.judging.case import Case, Outcome, judge_outcome
from course_lib.judging.exercise import Exercise, ExerciseId
from course_lib.judging.probe import run_probe

HIDDEN_SEEDS = tuple(range(101, 111))
LEAST_SECONDS, SLOWDOWN = 1.0, 50.0  # of computing for a case, beside the reference's own
MUTANT_SECONDS, STUCK_SECONDS = 600.0, 300.0  # of computing and by the clock; for what does not get as far as a case


@dataclass(frozen=True)
class Survivor:
    """A mutant that passes, and where: "public", or "seed 7" for each hidden seed."""

    mutant: Mutant
    passes: tuple[str, ...]


@dataclass(frozen=True)
class Mutation:
    """What became of an exercise's mutants.

    total      mutants made; equivalent: those of them that the lesson says are no mistakes
    survivors  those that pass and should not
    outdated   changes that the lesson calls equivalent and that no mutant makes, or that the cases do tell
    """

    exercise: ExerciseId
    total: int
    equivalent: int
    survivors: tuple[Survivor, ...] = ()
    outdated: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.survivors or self.outdated)


@dataclass(frozen=True)
class _Round:
    """The cases of one seed, with the reference's outcomes and its seconds for each."""

    name: str
    rows: Sequence[tuple[Case, Outcome, float]]


def mutation(reference: Reference, exercise: AuthoredExercise) -> Mutation:
    """Try every mutant of one exercise."""
    check = exercise.check
    rounds = [_round(reference, exercise, seed) for seed in (PUBLIC_SEED, *HIDDEN_SEEDS)]
    first = {} if check.probe_source else rounds[0].rows[0][0].arguments
    mutants = mutants_of(exercise.reference, check.name, first)
    found = forked(_attempt(reference, check, mutants, rounds), len(mutants), MUTANT_SECONDS, STUCK_SECONDS)
    passing = {int(index): tuple(names.split(", ")) for index, _, names in (line.partition(":") for line in found)}
    survivors = [Survivor(mutant, passing[i]) for i, mutant in enumerate(mutants) if i in passing]
    unfit = {survivor.mutant.change for survivor in survivors}
    left = tuple(survivor for survivor in survivors if survivor.mutant.change not in exercise.equivalents)
    outdated = tuple(change for change in exercise.equivalents if change not in unfit)
    return Mutation(check.id, len(mutants), len(survivors) - len(left), left, outdated)


def _round(reference: Reference, exercise: AuthoredExercise, seed: int) -> _Round:
    rows = []
    for case in reference.cases(exercise, seed):
        began = time.process_time()
        (outcome,) = reference.outcomes(exercise, reference.names[exercise.check.name], (case,))
        rows.append((case, outcome, time.process_time() - began))
    return _Round("public" if seed == PUBLIC_SEED else f"seed {seed}", rows)


def _attempt(
    reference: Reference, check: Exercise, mutants: list[Mutant], rounds: list[_Round]
) -> Callable[[int], list[str]]:
    def attempt(index: int) -> list[str]:
        names: dict[str, Any] = {**reference.names, **EFFECTS}
        try:
            exec(compile(mutants[index].source, "<mutant>", "exec"), names)
            passes = _passes(check, names[check.name], rounds)
        except Exception:  # it does not even begin
            return []
        return [f"{index}:{', '.join(passes)}"] if passes else []

    return attempt


def _passes(check: Exercise, mutant: Any, rounds: list[_Round]) -> list[str]:
    """Return the rounds that a mutant passes; none of one that does not end."""
    passes, tells = [], 0
    for one in rounds:
        order = sorted(range(len(one.rows)), key=lambda i: i != tells)  # the case that told in the round before, first
        for i in order:
            case, expected, seconds = one.rows[i]
            limit_computing(LEAST_SECONDS + SLOWDOWN * seconds)
            got = run_probe(mutant, check.probe, case.arguments)
            limit_computing(MUTANT_SECONDS)
            if "TimeoutError" in got.raised:
                return []
            if _is_wrong(check, case, expected, got):
                tells = i
                break
        else:
            passes.append(one.name)
    return passes


def _is_wrong(check: Exercise, case: Case, expected: Outcome, got: Outcome) -> bool:
    try:
        return bool(judge_outcome(case, expected, got, check.judge, check.mutates))
    except Exception:  # in grading that counts as wrong, too
        return True
