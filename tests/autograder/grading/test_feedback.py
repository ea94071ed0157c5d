"""The feedback page, made of plain data and of what a person gave."""

import json

import pytest

from autograder.grading.feedback import (
    Given,
    describe,
    describe_refusal,
    description_in,
    feedback_page,
    refused_notebook,
    with_description,
)
from autograder.grading.grade import Grading
from autograder.grading.recognise import SubmittedCell
from autograder.grading.submission import Submission
from course_lib.judging.verdict import Verdict, VerdictKind

LESSON = "90_sample"
HOW_MUCH = '{} <span style="font-size:1.2rem;font-weight:400">of 16 points</span>'


@pytest.fixture
def about(graded):
    """What the page says of a submission where `mean` is wrong, the text waits, and all else is right."""
    found = {"mean": VerdictKind.WRONG, "why_nats": VerdictKind.BY_HAND}
    given = []
    for name, exercise in graded.lesson.exercises.items():
        word, most = found.get(name, VerdictKind.PASSED), exercise.check.points
        given.append(
            Verdict(exercise.check.id, most if word == VerdictKind.PASSED else 0.0, most, word, "Hm, `x` < 1.")
        )
    cells = [SubmittedCell("answer", "sample.why_nats", "<b>Because.</b>", True)]
    return describe(graded, Grading(Submission("ada", LESSON, cells, ["A note."]), given), "none")


def section(page, name):
    return page.split(f'<section id="{name}"')[1].split("</section>")[0]


def test_the_description_is_plain_data_that_a_notebook_carries(about, graded):
    assert json.loads(json.dumps(about)) == about
    notebook = with_description(graded.release, about)
    assert description_in(notebook) == about
    assert notebook.metadata["course"]["lesson"] == LESSON and "grading" not in graded.release.metadata["course"]


def test_a_notebook_that_another_graded_has_no_page(graded):
    with pytest.raises(ValueError, match="autograde it first"):
        description_in(graded.release)


def test_what_waits_is_said_until_a_person_has_read_it(about):
    page = feedback_page("ada", LESSON, about)
    assert HOW_MUCH.format("12") in page and "3 points of these wait for a grader" in page
    assert "A note." in page and "Graded without isolation." in page
    assert "Hm, <code>x</code> &lt; 1." in section(page, "mean")
    assert "&lt;b&gt;Because.&lt;/b&gt;" in section(page, "why_nats")
    page = feedback_page("ada", LESSON, about, Given(by_hand={"sample-why_nats": 2.5}, settled=True))
    assert HOW_MUCH.format("14.5") in page and "wait for a grader" not in page
    assert "graded by hand" in section(page, "why_nats") and "2.5 / 3" in section(page, "why_nats")


def test_a_mark_instead_of_ours_names_both_and_a_comment_is_text(about):
    given = Given({"sample-mean": 0.5, "sample-count": 1.0}, {"sample-count": 1.0}, {"sample-mean": "See <script>."})
    page = feedback_page("ada", LESSON, about, given)
    assert HOW_MUCH.format("13.5") in page
    assert "the program had given 0" in section(page, "mean") and "See &lt;script&gt;." in section(page, "mean")
    assert "program had given" not in section(page, "count") and "2 / 1" in section(page, "count")


def test_a_penalty_is_taken_off_and_said(about):
    page = feedback_page("ada", LESSON, about, Given(penalty=4.0))
    assert HOW_MUCH.format("8") in page and "4 points were taken off" in page
    assert HOW_MUCH.format("0") in feedback_page("ada", LESSON, about, Given(penalty=40.0))


def test_a_refusal_has_no_score_until_a_person_gives_one(graded):
    about = describe_refusal(graded.lesson, LESSON, "Broken <JSON>.")
    old = Given({"sample-mean": 1.0})  # for an earlier submission
    for given in (Given(), old):
        page = feedback_page("cut", LESSON, about, given)
        assert "Not graded yet" in page and "Broken &lt;JSON&gt;." in page and "of 16 points" not in page
    page = feedback_page("cut", LESSON, about, Given({"sample-mean": 1.0}, settled=True))
    assert HOW_MUCH.format("1") in page and "15 points of these wait" in page and "Broken &lt;JSON&gt;." in page
    assert "graded by hand" in section(page, "mean") and "not graded" in section(page, "count")


def test_a_refusal_of_an_unknown_lesson_has_a_page(graded):
    assert "There is none." in feedback_page("ada", "91_x", describe_refusal(None, "91_x", "There is none."))


def test_what_formgrader_shows_of_a_refusal_is_the_lesson_with_the_reason_as_text(graded):
    about = describe_refusal(graded.lesson, LESSON, "A file\nwith\n\n<script>alert(1)</script>")
    notebook = refused_notebook(graded.release, about)
    assert notebook.cells[0].source.endswith("\n\n    A file with <script>alert(1)</script>")  # indented: shown as code
    assert notebook.cells[1:] == graded.release.cells
