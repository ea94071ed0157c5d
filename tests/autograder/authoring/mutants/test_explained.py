"""What the check says of mutants, by mistakes and symptoms alone: often something, and on other seeds the same."""

import os
from pathlib import Path

import pytest

from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.authoring.mutants.explained import explained
from autograder.authoring.reference import Reference

LESSONS = find_lessons(Path(__file__).parents[4] / "solutions")
TRIED = LESSONS if os.environ.get("COURSE_FULL") else [path for path in LESSONS if path.stem == "01_information"]
LEAST_EXPLAINED, LEAST_SAME = 0.5, 0.95  # of the mutants that give values; of what is said on another seed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", TRIED, ids=lambda path: path.stem)
def test_what_is_said_of_a_slip_that_nobody_foresaw_does_not_hang_on_the_public_cases(path):
    lesson = read_lesson(path)
    reference = Reference(lesson)
    functions = [exercise for exercise in lesson.exercises.values() if exercise.check.kind == "function"]
    rows = [row for exercise in functions for row in explained(reference, exercise)]
    values = [row for row in rows if row.said != "raised"]
    said = [row for row in values if row.said]
    again = [(row, other) for row in said for other in row.again]
    differ = [f"{row.mutant.change}: {row.said}, but {other}" for row, other in again if other != row.said]
    assert len(said) >= LEAST_EXPLAINED * len(values)
    assert len(differ) <= (1 - LEAST_SAME) * len(again), differ
