"""What a lesson withholds is refused by its check in the notebook and by the grader alike, in the same words."""

from pathlib import Path

import pytest

from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.authoring.reference import PUBLIC_SEED, Reference
from autograder.authoring.withheld import withheld_names
from autograder.sandbox.session import Session
from course_lib.checks.check import _judge
from course_lib.judging.absent import absent_names
from course_lib.judging.case import CaseSet
from course_lib.judging.exercise import PublicExercise
from course_lib.judging.verdict import VerdictKind, judge_exercise

LESSONS = find_lessons(Path(__file__).parents[3] / "solutions")


def calling(exercise, name):
    """The source of an answer that hands its arguments on to a name of the library, imported where no text shows it."""
    module, _, attribute = name.rpartition(".")
    return (
        "import importlib\n"
        f"def {exercise}(*args, **kwargs):\n"
        f"    return getattr(importlib.import_module({module!r}), {attribute!r})(*args, **kwargs)"
    )


def in_the_notebook(public, source):
    names = {}
    exec(source, names)
    return _judge(public, names)


def in_grading(session, public, source):
    check, cases = public.exercise, public.cases
    session.run(source)
    asked = (check.name, check.setup, check.probe_source)
    return judge_exercise(check, cases, [session.probe(*asked, c.arguments, check.withheld) for c in cases.cases])


def first_case(reference, exercise):
    """The exercise as its check sees it, with one of its cases, and of the mistakes none."""
    cases = reference.cases(exercise, PUBLIC_SEED)[:1]
    expected = reference.outcomes(exercise, reference.names[exercise.check.name], cases)
    return PublicExercise(exercise.check, CaseSet(cases, expected))


@pytest.mark.slow
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_call_of_what_the_lesson_withholds_has_one_verdict_in_check_and_grader(path):
    lesson = read_lesson(path)
    reference, differing = Reference(lesson), []
    with Session(withheld_names(lesson), sandbox="none") as session:
        for exercise in lesson.exercises.values():
            if exercise.check.kind != "function":
                continue
            public = first_case(reference, exercise)
            for name in sorted(absent_names(exercise.check)):
                source = calling(exercise.check.name, name)
                verdicts = in_the_notebook(public, source), in_grading(session, public, source)
                said = {(verdict.verdict, verdict.message) for verdict in verdicts}
                if len(said) > 1 or verdicts[0].verdict != VerdictKind.FORBIDDEN or name not in verdicts[0].message:
                    differing.append((exercise.check.name, name, said))
    assert differing == []


def test_the_identity_that_a_lesson_derives_is_refused_with_one_sentence():
    """Kullback–Leibler as cross-entropy less entropy, both from the library, once passed the check and earned 0."""
    lesson = read_lesson(next(path for path in LESSONS if path.stem == "01_information"))
    public = first_case(Reference(lesson), lesson.exercises["kl_divergence"])
    source = (
        "from course_lib import information as library\n"
        "def kl_divergence(p, q):\n    return library.cross_entropy(p, q) - library.entropy(p)"
    )
    seen = in_the_notebook(public, source)
    with Session(withheld_names(lesson), sandbox="none") as session:
        graded = in_grading(session, public, source)
    assert seen.verdict == graded.verdict == VerdictKind.FORBIDDEN
    assert seen.message == graded.message
    assert "`course_lib.information.cross_entropy` answers another exercise of this lesson" in seen.message
