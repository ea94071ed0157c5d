"""Lesson 02: an untouched `bpe_encode` is not accused because `merge_pair`, which passes its check, is wrong."""

import sys
from pathlib import Path

import pytest

from autograder.authoring.build import build, student_notebook
from autograder.authoring.lesson import read_lesson
from autograder.grading.grade import grade_submission
from autograder.grading.prepare import prepare
from autograder.grading.submitted_file import read_submission
from course_lib.checks import check
from course_lib.course_folder import CourseFolder

PATH = Path(__file__).parents[3] / "solutions" / "02_tokenization.py"
# right on every case of `merge_pair`: none merges this pair, and `bpe_encode` has a case that does
WRONG = (
    "def merge_pair(tokens, pair):\n    return ['?'] if tuple(pair) == ('l', 'ow') else right_merge_pair(tokens, pair)"
)


@pytest.fixture(scope="module")
def lesson():
    return read_lesson(PATH)


@pytest.fixture(scope="module")
def sources(lesson):
    """Return all cells of the exercises by name: references, but for the wrong `merge_pair`."""
    cells = {exercise.check.name: exercise.reference for exercise in lesson.exercises.values()}
    cells["merge_pair"] = cells["merge_pair"].replace("def merge_pair", "def right_merge_pair") + "\n\n" + WRONG
    return cells


def blames_merge_pair(verdict):
    sentence = "With the course's own `merge_pair` this is right: the fault is in your `merge_pair`, "
    assert verdict.message == sentence + "although its own check passes."
    assert (verdict.verdict, verdict.mistake, verdict.symptom) == ("passed", "", None)


def test_in_grading(lesson, sources, hand_in, tmp_path, sandbox):
    notebook = student_notebook(lesson)
    for cell in notebook.cells:
        course = cell.metadata.get("course", {})
        if course.get("role") == "exercise":
            cell.source = sources[course["exercise"].split(".")[1]]
    graded = prepare(lesson, 1)
    path = hand_in(tmp_path, "ada", notebook, lesson=lesson.name)
    verdicts = grade_submission(
        graded, read_submission("ada", lesson.name, path.parent, graded.release), sandbox
    ).verdicts
    by_name = {verdict.id.name: verdict for verdict in verdicts}
    assert by_name["merge_pair"].verdict == "passed"
    blames_merge_pair(by_name["bpe_encode"])


def test_in_the_notebook(lesson, sources, tmp_path, monkeypatch):
    for path, text in build(PATH, CourseFolder(tmp_path)).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shown = []
    monkeypatch.setenv("COURSE", str(tmp_path))
    monkeypatch.setattr(sys.modules["course_lib.checks.check"], "put", shown.append)
    names = {"In": [lesson.setup, sources["merge_pair"], sources["bpe_encode"]], "check": check}
    for cell in [*names["In"], 'check("tokenization.merge_pair")', 'check("tokenization.bpe_encode")']:
        exec(cell, names)
    assert shown[0].verdict.verdict == "passed"
    blames_merge_pair(shown[1].verdict)
