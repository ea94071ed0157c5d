"""What is absent from a student's `course_lib` while a lesson is graded, because it would answer the lesson."""

from collections.abc import Iterable

from autograder.authoring.lesson import AuthoredExercise, Lesson
from autograder.sandbox.library import leans_on


def withheld_names(lesson: Lesson) -> frozenset[str]:
    """Return every name that a lesson withholds."""
    return frozenset(name for exercise in lesson.exercises.values() for name in exercise.check.withheld)


def withheld_beside(lesson: Lesson, exercise: AuthoredExercise, needs: Iterable[str]) -> frozenset[str]:
    """Return what is withheld when an exercise is probed beside the tested versions of some it needs.

    Those, and what they lean on, must be there; all else that the lesson withholds stays absent, and so does what
    answers the exercise itself.
    """
    there = frozenset().union(*(leans_on(lesson.exercises[need].tested) for need in needs))
    return (withheld_names(lesson) - there) | frozenset(exercise.check.withheld)
