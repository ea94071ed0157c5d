"""No mutant of a reference passes: what changed is tried, the rest is as recorded, and one is tried again."""

from pathlib import Path

import pytest

from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.authoring.mutants.record import mutations
from autograder.authoring.mutants.recorded import record_file
from autograder.authoring.mutants.trial import mutation
from autograder.authoring.reference import Reference

LESSONS = find_lessons(Path(__file__).parents[4] / "solutions")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_mutant_fails_or_is_declared_equivalent_with_the_reason(path):
    left = {one.exercise: [s.mutant.change for s in one.survivors] or one.outdated for one in mutations(path)}
    assert {exercise: changes for exercise, changes in left.items() if changes} == {}


def test_the_record_says_what_a_trial_finds():
    path = LESSONS[1]
    recorded = {one.exercise: one for one in mutations(path)}
    lesson = read_lesson(path)
    smallest = min((one for one in recorded.values() if one.equivalent), key=lambda one: one.total)
    assert record_file(path).exists()
    assert mutation(Reference(lesson), lesson.exercises[smallest.exercise.name]) == smallest
