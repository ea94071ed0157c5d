"""The questions of all lessons, and what becomes of code with a fault in it."""

import json

import nbformat
import pytest

from course_lib.interview import broken_versions, questions
from course_lib.judging.case import Case, CaseSet, Outcome
from course_lib.judging.exercise import Exercise, ExerciseId, PublicExercise, PublicLesson, write_public

STUB = "def half(x):\n    return {}\n"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course with one lesson: two functions with a fault, one that is a stub, and two questions."""
    monkeypatch.setenv("COURSE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks" / "cases").mkdir(parents=True)
    (tmp_path / "answers").mkdir()
    cases = [Case({"x": x}) for x in (0.0, 2.0, 3.0)]
    case_set = CaseSet(tuple(cases), tuple(Outcome(x / 2) for x in (0.0, 2.0, 3.0)), ())
    public = {}
    for name, body in (("half", "x / 4"), ("inverse", "x / x"), ("stub", None)):
        stub = STUB.replace("half", name).format(body) if body else f"def {name}(x):\n    raise NotImplementedError\n"
        exercise = Exercise(ExerciseId(f"halves.{name}"), "function", 1, stub)
        public[exercise.id] = PublicExercise(exercise, case_set)
    for name in ("why", "what"):
        exercise = Exercise(ExerciseId(f"halves.{name}"), "text", 3, "*Write your answer here.*")
        public[exercise.id] = PublicExercise(exercise, None)
    lesson = PublicLesson("01_halves", "Halves", "1", public)
    (tmp_path / "notebooks" / "cases" / "01_halves.json").write_text(write_public(lesson))
    cells = []
    for name in ("why", "what"):
        cells.append(nbformat.v4.new_markdown_cell(f"## 3 · Words\n\n### In your own words · {name}\n\nSay {name}."))
        about = {"course": {"role": "answer", "exercise": f"halves.{name}"}}
        cells.append(nbformat.v4.new_markdown_cell("*Write your answer here.*", metadata=about))
    (tmp_path / "notebooks" / "01_halves.ipynb").write_text(
        nbformat.writes(nbformat.v4.new_notebook(cells=cells), version=nbformat.NO_CONVERT)
    )
    entries = {
        "halves.why": {"answer": "So.", "rubric": "- 1 point: a\n- 2 points: b"},
        "halves.what": {"answer": "That.", "rubric": "- 1 point for each of three\n- Nothing for luck."},
    }
    document = {"lesson": "01_halves", "version": "1", "exercises": entries}
    (tmp_path / "answers" / "01_halves.json").write_text(json.dumps(document))
    return tmp_path


def test_a_question_has_its_text_its_answer_and_its_rubric(course):
    why, what = questions()
    assert (why.id, why.lesson, why.text, why.answer) == ("halves.why", "01_halves", "Say why.", "So.")
    assert why.rubric == ((1, "a"), (2, "b")) and why.is_ticked_off
    assert what.rubric == ((1, "for each of three"), (0, "Nothing for luck.")) and not what.is_ticked_off


def test_in_a_copy_without_answers_the_questions_are_there(course):
    (course / "answers" / "01_halves.json").unlink()
    assert [(one.text, one.answer, one.rubric) for one in questions()] == [("Say why.", "", ()), ("Say what.", "", ())]


@pytest.mark.parametrize("content", [None, "not a notebook", "{}"])
def test_without_a_readable_notebook_there_are_no_questions(course, content):
    path = course / "notebooks" / "01_halves.ipynb"
    path.unlink() if content is None else path.write_text(content)
    assert questions() == []


def test_faults_are_told_by_what_they_do_on_the_cases(course):
    half, inverse = broken_versions("halves")
    assert (half.id, half.cases, half.right, half.stops) == ("halves.half", 3, 1, 0) and half.is_silent
    assert (inverse.cases, inverse.right, inverse.stops) == (3, 1, 1) and not inverse.is_silent
