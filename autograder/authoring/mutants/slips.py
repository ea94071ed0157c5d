"""What mutants, and two mistakes at once, give on the public cases: shipped as prints.

So a check names slips that no author foresaw.
"""

import ast
import json
from collections.abc import Callable, Iterable
from typing import Any

from autograder.authoring.forked import forked, limit_computing
from autograder.authoring.lesson import AuthoredExercise
from autograder.authoring.mutants.effects import EFFECTS
from autograder.authoring.mutants.make import mutants_of
from autograder.authoring.mutants.words import vagueness, words_of
from autograder.authoring.reference import PUBLIC_SEED, Reference
from course_lib.judging.case import CaseSet, Slip
from course_lib.judging.exercise import Exercise
from course_lib.judging.probe import run_probe
from course_lib.judging.slips import print_of, same_print

CASE_SECONDS, MUTANT_SECONDS, STUCK_SECONDS = 5.0, 120.0, 120.0


def slips_of(reference: Reference, exercise: AuthoredExercise) -> tuple[Slip, ...]:
    """Return the slips that give values, and other ones than the reference, on the public cases of an exercise."""
    first = {} if exercise.check.probe_source else reference.cases(exercise, PUBLIC_SEED)[0].arguments
    mutants = sorted(mutants_of(exercise.reference, exercise.check.name, first), key=vagueness)  # the sort is stable

    def solution(index: int) -> Any:
        names: dict[str, Any] = {**reference.names, **EFFECTS}
        exec(compile(mutants[index].source, "<mutant>", "exec"), names)
        return names[exercise.check.name]

    named = [(mutant.slip, f"one slip: {words_of(mutant)}") for mutant in mutants]
    return _distinct(reference, exercise, named, solution, [])


def pairs_of(reference: Reference, exercise: AuthoredExercise, others: Iterable[Slip]) -> tuple[Slip, ...]:
    """Return what two mistakes at once give: one takes the place of the reference in the other, which builds on it.

    others  slips that give something else; what a single mistake gives is left out, too
    """
    pairs = [
        (inner, outer)
        for outer in exercise.mistakes
        for inner in exercise.mistakes
        if inner is not outer and _builds_on(outer.source, exercise.check.name)
    ]

    def solution(index: int) -> Any:
        inner, outer = pairs[index]
        return reference.mistaken(exercise, outer.name, over=inner.name)

    named = [(f"{a.name}_and_{b.name}", f"two mistakes: “{a.hint}” and “{b.hint}”") for a, b in pairs]
    single = reference.case_set(exercise, PUBLIC_SEED).mistakes
    known = [Slip(m.name, m.hint, tuple(print_of(outcome) for outcome in m.outcomes)) for m in single]
    return _distinct(reference, exercise, named, solution, [*others, *known])


def _builds_on(source: str, name: str) -> bool:
    """Whether a mistake's code mentions the reference, by the name that it then takes."""
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(ast.parse(source)))


def _distinct(
    reference: Reference,
    exercise: AuthoredExercise,
    named: list[tuple[str, str]],
    solution: Callable[[int], Any],
    known: Iterable[Slip],
) -> tuple[Slip, ...]:
    """Return the slips of those solutions whose values are neither the reference's nor those of one before.

    named  name and words of each; solution: returns the one at an index
    known  what others give
    """
    public = reference.cases(exercise, PUBLIC_SEED)
    cases = CaseSet(public, reference.outcomes(exercise, reference.names[exercise.check.name], public))
    attempt = _attempt(exercise.check, solution, cases)
    found = forked(attempt, len(named), MUTANT_SECONDS, STUCK_SECONDS)
    slips: list[Slip] = []
    for index, prints in sorted(
        (int(index), json.loads(prints)) for index, _, prints in (f.partition(":") for f in found)
    ):
        slip = Slip(*named[index], tuple((form, a, b) for form, a, b in prints))
        if not any(_same(slip, other) for other in (*known, *slips)):
            slips.append(slip)
    return tuple(slips)


def _same(a: Slip, b: Slip) -> bool:
    return all(same_print(x, y) for x, y in zip(a.prints, b.prints))


def _attempt(check: Exercise, solution: Callable[[int], Any], cases: CaseSet) -> Callable[[int], list[str]]:
    expected = [print_of(outcome) for outcome in cases.expected]

    def attempt(index: int) -> list[str]:
        tried, prints = solution(index), []
        for case, wanted in zip(cases.cases, cases.expected):
            limit_computing(CASE_SECONDS)
            got = run_probe(tried, check.probe, case.arguments)
            if got.raised and not wanted.raised:  # an error explains itself
                return []
            prints.append(print_of(got))
        if all(same_print(a, b) for a, b in zip(prints, expected)):
            return []
        return [f"{index}:{json.dumps(prints)}"]

    return attempt
