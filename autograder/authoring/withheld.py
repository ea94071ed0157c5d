"""What is absent from a student's `course_lib` while a lesson is graded, because it would answer the lesson."""

from collections.abc import Iterable

from autograder.authoring.lesson import AuthoredExercise, AuthoringError, Lesson
from course_lib.judging.absent import absent_names, leans_on


def withheld_names(lesson: Lesson) -> frozenset[str]:
    """Return every name that a lesson withholds."""
    return frozenset(name for exercise in lesson.exercises.values() for name in exercise.check.withheld)


def withheld_beside(lesson: Lesson, exercise: AuthoredExercise, needs: Iterable[str]) -> frozenset[str]:
    """Return what is absent when an exercise is probed beside the tested versions of some it needs."""
    return absent_names(exercise.check, (lesson.exercises[need].tested for need in needs))


def require_withheld(lesson: Lesson) -> None:
    """Raise AuthoringError when a lesson withholds a name that `course_lib` does not define."""
    for exercise in lesson.exercises.values():
        for name in exercise.check.withheld:
            if name.startswith("course_lib."):
                try:
                    leans_on(name)
                except LookupError:
                    raise AuthoringError(
                        f"{lesson.path}:{exercise.cell.line}: `{exercise.check.name}` withholds `{name}`, which "
                        "course_lib does not define. Write it there first, or correct the name."
                    ) from None
