"""What mutants give on the public cases: shipped as prints, so that a check names slips that no author foresaw."""

import json
from collections.abc import Callable
from typing import Any

from autograder.authoring.forked import forked, limit_computing
from autograder.authoring.lesson import AuthoredExercise
from autograder.authoring.mutants.effects import EFFECTS
from autograder.authoring.mutants.make import Mutant, mutants_of
from autograder.authoring.mutants.words import vagueness, words_of
from autograder.authoring.reference import PUBLIC_SEED, Reference
from course_lib.judging.case import CaseSet, Slip
from course_lib.judging.exercise import Exercise
from course_lib.judging.probe import run_probe
from course_lib.judging.slips import print_of, same_print

CASE_SECONDS, MUTANT_SECONDS, STUCK_SECONDS = 5.0, 120.0, 120.0


def slips_of(reference: Reference, exercise: AuthoredExercise) -> tuple[Slip, ...]:
    """Return the slips that give values, and other ones than the reference, on the public cases of an exercise."""
    check, public = exercise.check, reference.cases(exercise, PUBLIC_SEED)
    cases = CaseSet(public, reference.outcomes(exercise, reference.names[check.name], public))
    first = {} if check.probe_source else public[0].arguments
    mutants = sorted(mutants_of(exercise.reference, check.name, first), key=vagueness)  # the sort is stable
    found = forked(_attempt(reference, check, mutants, cases), len(mutants), MUTANT_SECONDS, STUCK_SECONDS)
    slips: list[Slip] = []
    for index, prints in sorted(
        (int(index), json.loads(prints)) for index, _, prints in (f.partition(":") for f in found)
    ):
        slip = Slip(mutants[index].slip, words_of(mutants[index]), tuple((form, a, b) for form, a, b in prints))
        if not any(_same(slip, other) for other in slips):
            slips.append(slip)
    return tuple(slips)


def _same(a: Slip, b: Slip) -> bool:
    return all(same_print(x, y) for x, y in zip(a.prints, b.prints))


def _attempt(
    reference: Reference, check: Exercise, mutants: list[Mutant], cases: CaseSet
) -> Callable[[int], list[str]]:
    expected = [print_of(outcome) for outcome in cases.expected]

    def attempt(index: int) -> list[str]:
        names: dict[str, Any] = {**reference.names, **EFFECTS}
        exec(compile(mutants[index].source, "<mutant>", "exec"), names)
        prints = []
        for case, wanted in zip(cases.cases, cases.expected):
            limit_computing(CASE_SECONDS)
            got = run_probe(names[check.name], check.probe, case.arguments)
            if got.raised and not wanted.raised:  # an error explains itself
                return []
            prints.append(print_of(got))
        if all(same_print(a, b) for a, b in zip(prints, expected)):
            return []
        return [f"{index}:{json.dumps(prints)}"]

    return attempt
