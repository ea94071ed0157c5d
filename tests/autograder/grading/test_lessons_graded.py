"""Each real lesson, graded as a class would be: shut in, on hidden cases, a right submission earns all there is."""

from pathlib import Path

import nbformat
import pytest

from autograder.authoring.build import student_notebook
from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.grading.grade import grade_submission, prepare
from autograder.grading.submitted_file import read_submission
from autograder.simulation.simulate import STUDENTS

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
@pytest.mark.parametrize("path", find_lessons(ROOT / "solutions"), ids=lambda path: path.stem)
def test_right_answers_earn_everything_that_no_person_must_read(path: Path, tmp_path: Path, sandbox: str):
    lesson = read_lesson(path)
    notebook = student_notebook(lesson)
    STUDENTS["ada"](lesson, notebook)
    nbformat.write(notebook, tmp_path / f"{path.stem}.ipynb")
    graded = prepare(lesson, seed=12345)
    grading = grade_submission(graded, read_submission("ada", path.stem, tmp_path, graded.release), sandbox)
    kinds = {exercise.check.id: exercise.check.kind for exercise in lesson.exercises.values()}
    judged = {verdict.id: verdict.verdict for verdict in grading.verdicts if kinds[verdict.id] != "text"}
    assert len(judged) == sum(kind != "text" for kind in kinds.values()) > 0
    assert set(judged.values()) == {"passed"}, judged
