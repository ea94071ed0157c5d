"""Are the checks any good? Who must pass does, who must not does not, and every mistake is called by its name.

This is the course's mutation test. The trials of an exercise:
  reference   earns all points, on the public cases and on hidden ones
  stub        the untouched cell earns nothing
  mistakes    each earns less than all points and is recognised by name, on the public cases alone and with hidden ones;
              no two give the same outcomes
  forwarding  calling what is withheld is refused, however it is imported
  lookup      a table of the public cases earns nothing
  forged      no forged outcome passes: nan, zeros, too few, text for numbers, … (see forgeries.py)
  replayed    outcomes of other cases, by position, earn nothing
  lying       an object that says yes to everything earns nothing
  needs       the reference earns all points beside the tested versions of what it builds on
"""

from collections.abc import Iterator
from dataclasses import dataclass

from autograder.authoring.build import public_lesson
from autograder.authoring.forgeries import first_to_pass, liars, replays
from autograder.authoring.lesson import AuthoredExercise, Lesson
from autograder.authoring.reference import PUBLIC_SEED, Reference
from autograder.authoring.withheld import withheld_beside, withheld_names
from autograder.sandbox.session import Session
from course_lib.judging import wire
from course_lib.judging.case import CaseSet, Outcome
from course_lib.judging.forbidden import forbidden_in
from course_lib.judging.verdict import Verdict, VerdictKind, judge_exercise

HIDDEN_SEEDS = (1, 2)
MIN_MISTAKES, HINTS = 2, 3  # of a function or class


@dataclass(frozen=True)
class Trial:
    """One claim about one exercise, and whether it holds; `what` names a mistake or a withheld name."""

    exercise: str
    trial: str
    what: str
    holds: bool
    finding: str = ""


def verify(lesson: Lesson) -> list[Trial]:
    """Return every trial of a lesson. Raises AuthoringError when its references or cases cannot run."""
    reference = Reference(lesson)
    public_lesson(reference)  # what the builder ships must at least be made
    trials: list[Trial] = []
    for exercise in lesson.exercises.values():
        if exercise.check.kind == "text":
            missing = [name for name in ("rubric", "reference") if not getattr(exercise, name)]
            finding = "no " + " and no ".join(missing).replace("reference", "model answer") if missing else ""
            trials.append(Trial(exercise.check.id, "rubric", "", not missing, finding))
            continue
        trials += _verify_exercise(reference, exercise)
    trials += _forwarding(lesson)
    trials += [_with_tested_needs(reference, e) for e in lesson.exercises.values() if e.check.needs]
    return trials


def _verify_exercise(reference: Reference, exercise: AuthoredExercise) -> Iterator[Trial]:
    check, id = exercise.check, exercise.check.id
    public = reference.case_set(exercise, PUBLIC_SEED)
    hidden = [reference.case_set(exercise, seed) for seed in HIDDEN_SEEDS] if check.kind == "function" else []
    everything = sum(hidden, public)

    again = reference.outcomes(exercise, reference.names[check.name], everything.cases)
    yield _trial(id, "reference", "", judge_exercise(check, everything, again), VerdictKind.PASSED, check.points)

    stub = judge_exercise(check, everything, _stub_outcomes(reference, exercise, everything))
    yield _trial(id, "stub", "", stub, None, 0.0, stub.mistake)  # broken starter code may well be a known mistake

    if check.kind == "function":
        mistakes, hints = len(exercise.mistakes), len(check.hints)
        enough = mistakes >= MIN_MISTAKES
        yield Trial(id, "mistakes", "", enough, "" if enough else f"there are {mistakes}, not at least {MIN_MISTAKES}")
        enough = hints == HINTS
        yield Trial(id, "hints", "", enough, "" if enough else f"there are {hints}, not {HINTS}")
        table = _lookup_outcomes(public, everything)
        yield _trial(id, "lookup table", "", judge_exercise(check, everything, table), None, 0.0)
        yield from _cheats(reference, exercise, public, everything)

    for index, mistake in enumerate(public.mistakes):
        seen = judge_exercise(check, public, mistake.outcomes)
        yield _trial(
            id, "mistake", f"{mistake.name}, public", seen, VerdictKind.MISTAKE, None, mistake.name, check.points
        )
        graded = judge_exercise(check, everything, everything.mistakes[index].outcomes)
        yield _trial(
            id, "mistake", f"{mistake.name}, graded", graded, VerdictKind.MISTAKE, None, mistake.name, check.points
        )


def _cheats(reference: Reference, exercise: AuthoredExercise, public: CaseSet, everything: CaseSet) -> Iterator[Trial]:
    """Try what a cheat would return, to the judge alone, and what a liar would return to the probe."""
    check = exercise.check
    finding = first_to_pass(check, public)
    yield Trial(check.id, "forged outcomes", "", not finding, finding)
    for what, outcomes in replays(public, everything):
        verdict = judge_exercise(check, everything, outcomes)
        if verdict.points or what.endswith("by position"):
            yield Trial(check.id, "replayed outcomes", what, not verdict.points, f"they earn {verdict.points:g} points")
    for what, liar in liars().items():
        verdict = judge_exercise(check, public, reference.outcomes(exercise, liar, public.cases))
        yield Trial(check.id, "lying object", what, not verdict.points, f"it earns {verdict.points:g} points")


def _with_tested_needs(reference: Reference, exercise: AuthoredExercise) -> Trial:
    """Run the reference beside the tested versions of what it needs, as for a student whose own ones fail."""
    check, public = exercise.check, reference.case_set(exercise, PUBLIC_SEED)
    withheld = withheld_beside(reference.lesson, exercise, check.needs)
    with Session(withheld, sandbox="none") as session:
        for source in (check.setup, exercise.reference):
            session.run(source)
        for need in check.needs:
            session.bind(need, reference.lesson.exercises[need].tested)
        outcomes = [
            session.probe(check.name, check.setup, check.probe_source, case.arguments, check.withheld)
            for case in public.cases
        ]
    verdict = judge_exercise(check, public, outcomes)
    return _trial(check.id, "needs", ", ".join(check.needs), verdict, VerdictKind.PASSED, check.points)


def _trial(
    id: str,
    trial: str,
    what: str,
    verdict: Verdict,
    kind: str | None,
    points: float | None,
    mistake: str = "",
    less_than: float | None = None,
) -> Trial:
    """Compare a verdict with what it must be: its kind, its points, the name of the mistake."""
    findings = []
    if kind is not None and verdict.verdict != kind:
        findings.append(f"the verdict is “{verdict.verdict}”, not “{kind}” ({verdict.message})")
    if points is not None and verdict.points != points:
        findings.append(f"it earns {verdict.points:g} points, not {points:g}")
    if less_than is not None and verdict.points >= less_than:
        findings.append("it earns all points")
    if verdict.mistake != mistake:
        findings.append(
            f"it is taken for the mistake “{verdict.mistake}”" if verdict.mistake else "it is not recognised"
        )
    return Trial(id, trial, what, not findings, "; ".join(findings))


def _stub_outcomes(reference: Reference, exercise: AuthoredExercise, cases: CaseSet) -> tuple[Outcome, ...]:
    names = dict(reference.names)
    exec(compile(exercise.check.stub, "<stub>", "exec"), names)
    return reference.outcomes(exercise, names[exercise.check.name], cases.cases)


def _lookup_outcomes(public: CaseSet, cases: CaseSet) -> list[Outcome]:
    """Return what the best table of the public cases gives: the expected outcome where it knows the input."""
    table = {str(wire.encode(case.arguments)): outcome for case, outcome in zip(public.cases, public.expected)}
    unknown = Outcome(raised=("KeyError", "LookupError", "Exception"))
    return [table.get(str(wire.encode(case.arguments)), unknown) for case in cases.cases]


def _forwarding(lesson: Lesson) -> Iterator[Trial]:
    """Try to call what is withheld: by import, which the source gives away, and around it, where it must be absent."""
    withheld = withheld_names(lesson)
    with Session(withheld, sandbox="none") as session:  # the author's own code
        for exercise in lesson.exercises.values():
            check = exercise.check
            if check.kind == "function" and not check.withheld:
                yield Trial(check.id, "forwarding", "", False, "nothing is withheld; say withheld=…")
            for name in check.withheld:
                module, _, attribute = name.rpartition(".")
                plain = f"from {module} import {attribute}\n{check.name} = {attribute}"
                refused = forbidden_in(plain, check.withheld) != ""
                yield Trial(
                    check.id, "forwarding", f"{name}, imported", refused, "" if refused else "it is not refused"
                )
                if name.startswith("course_lib."):
                    yield _forward_around(session, check.id, check.name, name)


def _forward_around(session: Session, id: str, function: str, name: str) -> Trial:
    module, _, attribute = name.rpartition(".")
    source = f"import importlib\n{function} = getattr(importlib.import_module({module!r}), {attribute!r})"
    ran = session.run(source)
    if ran.error:
        return Trial(id, "forwarding", f"{name}, around", False, f"there is no such name ({ran.error})")
    outcome = session.probe(function, "", "", {}, ())
    # A class may be built with any arguments: any other exception than the refusal is a leak.
    refused = bool(outcome.raised) and outcome.raised[0] == "ForbiddenCall"
    finding = "" if refused else f"it answered: {outcome.complaint or outcome.value}"
    return Trial(id, "forwarding", f"{name}, around", refused, finding)
