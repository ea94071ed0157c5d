"""What is absent from a student's `course_lib` while a lesson is graded, because it would answer the lesson."""

from collections.abc import Iterable

from autograder.authoring.lesson import AuthoredExercise, Lesson
from course_lib.judging.absent import absent_names


def withheld_names(lesson: Lesson) -> frozenset[str]:
    """Return every name that a lesson withholds."""
    return frozenset(name for exercise in lesson.exercises.values() for name in exercise.check.withheld)


def withheld_beside(lesson: Lesson, exercise: AuthoredExercise, needs: Iterable[str]) -> frozenset[str]:
    """Return what is absent when an exercise is probed beside the tested versions of some it needs."""
    return absent_names(exercise.check, (lesson.exercises[need].tested for need in needs))
