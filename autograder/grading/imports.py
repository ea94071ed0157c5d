"""What a lesson's answers import: found by running them, imported before students' processes are forked.

torch imports hundreds of modules at the first `optimizer.step()` or on the meta device. In each student's process that
would be seconds of computing, and the student would pay for them.
"""

from autograder.authoring.lesson import AuthoredExercise, Lesson
from autograder.authoring.withheld import withheld_names
from autograder.sandbox.session import Session, SessionEnded
from course_lib.judging.case import Case

_known: dict[str, tuple[str, ...]] = {}  # by the lesson's version


def imports_of(lesson: Lesson, cases: dict[str, tuple[Case, ...]]) -> tuple[str, ...]:
    """Return the modules that a lesson's references, probes and mistakes import beyond what every process has.

    cases  of each exercise by its name; the references run on all, the mistakes on the first

    The code is the author's, so it is run without a sandbox.
    """
    if lesson.version not in _known:
        _known[lesson.version] = _found(lesson, cases)
    return _known[lesson.version]


def _found(lesson: Lesson, cases: dict[str, tuple[Case, ...]]) -> tuple[str, ...]:
    with Session(withheld_names(lesson), "none") as session:
        at_first = session.modules()
        session.run(lesson.setup)
        for name in cases:
            session.run(lesson.exercises[name].reference)
        for name, given in cases.items():
            try:
                _try_out(session, lesson.exercises[name], given)
            except SessionEnded:  # whatever it imported is not worth the start of the grading
                return ()
        return tuple(sorted(session.modules() - at_first))


def _try_out(session: Session, exercise: AuthoredExercise, cases: tuple[Case, ...]) -> None:
    check = exercise.check
    sources = [exercise.reference, *(mistake.source for mistake in exercise.mistakes)]
    for number, source in enumerate(sources):
        session.run(source)
        for case in cases if number == 0 else cases[:1]:
            session.probe(check.name, check.setup, check.probe_source, case.arguments, check.withheld)
    session.run(exercise.reference)
