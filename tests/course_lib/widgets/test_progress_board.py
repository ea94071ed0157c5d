"""The progress board shows what the checks have noted, for the lessons whose case files are here."""

import re
from dataclasses import replace

import pytest

from course_lib import store
from course_lib.checks import progress, public
from course_lib.judging.exercise import Exercise, ExerciseId, PublicExercise, PublicLesson, write_public
from course_lib.widgets.progress_board import board_html, progress_board, state


@pytest.fixture(autouse=True)
def two_lessons(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COURSE", str(tmp_path))
    (tmp_path / "notebooks" / "cases").mkdir(parents=True)
    for name, title, exercises in (
        ("01_information", "How surprised?", {"entropy": 2, "softmax": 3}),
        ("12_attention", "What <now>?", {"causal_mask": 1}),
    ):
        short = name.split("_")[1]
        public = {f"{short}.{x}": PublicExercise(_exercise(f"{short}.{x}", n), None) for x, n in exercises.items()}
        public[f"{short}.why"] = PublicExercise(_exercise(f"{short}.why", 5, "text"), None)
        (tmp_path / "notebooks" / "cases" / f"{name}.json").write_text(
            write_public(PublicLesson(name, title, "1", public))
        )


def _exercise(id: str, points: float, kind: str = "function") -> Exercise:
    return Exercise(id=ExerciseId(id), kind=kind, points=points, stub="")


def test_a_fresh_board_has_every_lesson_and_nothing_passed():
    page = board_html()
    assert "0 of 3 exercises passed, 0 of 6 points" in page
    assert "How surprised?" in page and "What &lt;now&gt;?" in page
    assert page.count("entropy") == 1
    assert page.count("<details open>") == 1 and page.index("<details open>") < page.index("How surprised?")


def test_the_board_follows_the_checks_when_it_looks_again():
    board = progress_board()
    button, page = board.children[0].children
    progress.record_try("information.entropy", True, 2)
    progress.record_try("information.softmax", False, 0)
    button.click()
    assert "1 of 3 exercises passed, 2 of 6 points" in page.value
    assert len(re.findall("<details open>", page.value)) == 1, "the lesson in progress is open, the other is not"
    assert "0 of 3" in board._repr_mimebundle_()["text/html"], "the still is that of the beginning"


def test_each_state_is_told_apart():
    entry = {"passed": False, "tries": 0, "answer_shown": False, "points": 0.0, "when": ""}
    exercise = _exercise("information.entropy", 2)
    assert state(exercise, None) == "new"
    assert state(exercise, {**entry, "tries": 2}) == "tried"
    assert state(exercise, {**entry, "tries": 2, "answer_shown": True}) == "shown"
    assert state(exercise, {**entry, "passed": True, "answer_shown": True}) == "passed"
    assert state(_exercise("information.why", 5, "text"), None) == "by hand"


def test_a_board_that_finds_no_lessons_says_what_to_do(monkeypatch):
    monkeypatch.setattr(public, "folders", lambda kind: [])
    page = board_html()
    assert "The board finds no lessons" in page and "Open it from the folder <code>work</code>" in page


def test_predictions_are_counted():
    assert "predicted" not in board_html()
    store.save("predictions", {"01_information.a": {"said": 3}})
    assert "1 result predicted before seeing it." in board_html()


def test_an_optional_exercise_says_so(tmp_path):
    public = {"moe.extra": PublicExercise(replace(_exercise("moe.extra", 1), optional=True), None)}
    path = tmp_path / "notebooks" / "cases" / "17_moe.json"
    path.write_text(write_public(PublicLesson("17_moe", "How?", "1", public)))
    assert board_html().count(" optional") == 1
