"""A busy machine costs nobody a mark: each real lesson, graded as a class would be while others compute."""

from pathlib import Path

import nbformat
import pytest

from autograder.authoring.build import student_notebook
from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.grading.grade import grade_submission
from autograder.grading.prepare import prepare
from autograder.grading.submission import parse_submission
from autograder.simulation.simulate import STUDENTS
from course_lib.judging.verdict import VerdictKind

LONGEST = "18_sampling"  # has the most to compute, and meets the largest crowd


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", find_lessons(Path(__file__).resolve().parents[2] / "solutions"), ids=lambda path: path.stem
)
def test_right_answers_earn_everything_that_no_person_must_read(path, sandbox, busy):
    lesson = read_lesson(path)
    notebook = student_notebook(lesson)
    STUDENTS["ada"](lesson, notebook)
    graded = prepare(lesson, seed=12345)
    submission = parse_submission("ada", path.stem, nbformat.writes(notebook).encode(), [], graded.release)
    with busy(16 if path.stem == LONGEST else 6):
        grading = grade_submission(graded, submission, sandbox)
    judged = [verdict for verdict in grading.verdicts if verdict.verdict != VerdictKind.BY_HAND]
    assert len(judged) == sum(exercise.check.kind != "text" for exercise in lesson.exercises.values()) > 0
    assert {verdict.id: verdict.message for verdict in judged if verdict.verdict != VerdictKind.PASSED} == {}
