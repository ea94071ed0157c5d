"""The examiner, the clock and the scores of the interview room."""

import time

import ipywidgets
import pytest

from course_lib import store
from course_lib.checks import progress
from course_lib.interview import Question
from course_lib.widgets import interview_room
from course_lib.widgets.interview_room import drill_clock, oral_exam, theme_scores
from tests.widget_parts import find


@pytest.fixture(autouse=True)
def own_notes(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))


ASKED = [
    Question(
        "attention.why", "12_attention", "Why `q` and *k*?\n\n- a\n- b $x_1 < 2$", 3, "So.", ((1, "a"), (2, "$b$"))
    ),
    Question("moe.what", "17_moe", "What?", 2, "That.", ((1, "for each of two"), (0, "none for luck"))),
    Question("gpt.how", "15_gpt", "How?", 2),
]


@pytest.fixture
def exam(monkeypatch):
    monkeypatch.setattr(interview_room, "questions", lambda: ASKED)
    return lambda: oral_exam(seed=1).children[0]


def parts(box):
    top, page, points, answer, said = box.children
    choose, following, turn, note = top.children
    return choose, following, turn, note, page, points, answer, said


def test_the_examiner_shows_the_rubric_when_asked_to_and_notes_what_was_ticked(exam):
    choose, following, turn, note, page, points, answer, said = parts(exam())
    choose.value = "12_attention"
    following.click()
    assert "<code>q</code> and <i>k</i>" in page.value and "<li>b $x_1 &lt; 2$</li>" in page.value
    assert not answer.value and not points.children and note.disabled
    turn.click()
    assert "So." in answer.value and [box.description for box in points.children] == ["1: a", "2: b"]
    points.children[1].value = True
    note.click()
    assert "2 of 3 points noted for attention.why" in said.value and note.disabled
    assert store.load("oral")["attention.why"]["points"] == 2


def test_a_rubric_whose_lines_say_more_than_points_gets_a_slider(exam):
    choose, following, turn, note, _, points, answer, _ = parts(exam())
    choose.value = "17_moe"
    following.click()
    turn.click()
    (slider,) = points.children
    assert isinstance(slider, ipywidgets.FloatSlider) and slider.max == 2 and "<li>none for luck</li>" in answer.value
    slider.value = 1.5
    note.click()
    assert store.load("oral")["moe.what"]["points"] == 1.5 and store.load("oral")["moe.what"]["of"] == 2


def test_without_answers_the_examiner_says_so_and_notes_nothing(exam):
    choose, following, turn, note, _, points, answer, _ = parts(exam())
    choose.value = "15_gpt"
    following.click()
    turn.click()
    assert "no model answers" in answer.value and not points.children and note.disabled


def test_every_question_comes_before_one_comes_again_and_the_worst_come_first(exam):
    box = exam()
    _, following, *_, page, _, _, _ = parts(box)
    seen = [page.value]
    for _ in range(2):
        following.click()
        seen.append(page.value)
    assert len(set(seen)) == 3
    for id, points in (("attention.why", 3), ("moe.what", 0), ("gpt.how", 1)):
        store.save("oral", {**store.load("oral"), id: {"points": points, "of": 3, "when": ""}})
    first = parts(exam())[4].value
    assert "17_moe" in first


def test_notes_that_cannot_be_read_do_no_harm(exam):
    store.save("oral", {"attention.why": 3, "moe.what": {"points": "x", "of": 2}, "gpt.how": {"points": 1, "of": 0}})
    assert exam()


def test_the_page_without_a_kernel_folds_the_answer(exam):
    exam()
    for seed in range(4):
        question, _, folded = oral_exam(seed)._repr_mimebundle_()["text/html"].partition("<details>")
        assert "?" in question and "Model answer" not in question
        assert "Model answer" in folded or "no model answers" in folded


def test_outside_a_course_there_are_no_questions(monkeypatch):
    monkeypatch.setattr(interview_room, "questions", list)
    assert "open this notebook from the course" in oral_exam()._repr_mimebundle_()["text/html"]


def clock(names, minutes=4):
    box = drill_clock({"information.surprisal": minutes}, names).children[0]
    top, bar, task, result = box.children
    return (*top.children, bar, task, result)


def test_the_clock_shows_the_task_checks_what_is_there_and_keeps_the_best_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    names = {}
    choose, start, stop, bar, task, result = clock(names)
    assert stop.disabled and not task.value
    start.click()
    assert "def surprisal" in task.value and "@keyframes" in bar.value and start.disabled and choose.disabled
    now[0] += 30
    stop.click()
    assert "0:30, not passed yet" in result.value and store.load("drills") == {} and not bar.value
    exec("import torch\ndef surprisal(p):\n    return -torch.log(p)", names)
    for seconds, said, best in ((65, "1:05, in time", 65), (250, "4:10, after the 4 minutes", 65), (50, "in time", 50)):
        start.click()
        now[0] += seconds
        stop.click()
        assert said in result.value and "all " in result.value
        assert store.load("drills")["information.surprisal"] == best
    assert progress.load()["information.surprisal"]["passed"]


def test_a_drill_that_is_no_exercise_is_refused():
    with pytest.raises(ValueError, match=r"information\.guess"):
        drill_clock({"information.guess": 3}, {})


def test_the_clock_has_a_list_of_its_tasks_where_there_is_no_kernel():
    assert "information.surprisal" in drill_clock({"information.surprisal": 4}, {})._repr_mimebundle_()["text/html"]


THEMES = {
    "Information": ("01_information", "perplexity_from wasted_share log_mean_exp"),
    "Attention": ("12_attention 99_not_here", "may_look_at heads_weights"),
}


def test_a_theme_that_was_tried_and_does_not_hold_names_the_lesson_to_return_to():
    board = theme_scores("interview_room", THEMES).children[0]
    again, page = board.children
    assert page.value.count("not tried yet") == 2 and "ipynb" not in page.value
    for name, passed in (("perplexity_from", True), ("wasted_share", True), ("may_look_at", False)):
        progress.record_try(f"interview_room.{name}", passed, float(passed))
    again.click()
    first, second = page.value.split("Attention</td>")
    assert "2 of 3" in first and "✓" in first and "ipynb" not in first
    assert "0 of 2" in second and 'href="12_attention.ipynb"' in second and ", 99" in second
    assert find(board, ipywidgets.Button)


def test_points_given_aloud_are_in_the_scores():
    store.save("oral", {"attention.too_good": {"points": 2, "of": 4, "when": ""}})
    assert "50%" in theme_scores("interview_room", THEMES)._repr_mimebundle_()["text/html"]
