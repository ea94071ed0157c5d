"""Replaying one judgement for an appeal: the same verdict for the same seed, and everything is shown."""

import io
import shutil

import pytest
from rich.console import Console

from autograder.classroom.class_run import grade_class
from autograder.classroom.recorder import ClassRun
from autograder.classroom.replay import print_replay, replay
from autograder.cli import main
from autograder.grading.refusal import NotGradable

LESSON = "90_sample"
MARZIPAN = "def mean(x):\n    marzipan = x.sum()\n    return marzipan"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")]


@pytest.fixture(scope="module")
def course(tmp_path_factory, sample_path, sandbox, solved, hand_in):
    """A course folder where a class was graded with seed 5; (folder, results by student)."""
    root = tmp_path_factory.mktemp("course")
    (root / "solutions").mkdir()
    shutil.copy(sample_path, root / "solutions")
    hand_in(root / "submitted", "ada", solved())
    hand_in(
        root / "submitted", "ben li", solved(mean=MARZIPAN, entropy="def entropy(p): return -(p * p.log2()).nansum(-1)")
    )
    hand_in(root / "submitted", "cut", "{")
    acting = solved(mean=f"{MARZIPAN}  # \x1b[2J", why_nats="\x1b]0;title\x07", draw="raise ValueError('\x9b31m')")
    hand_in(root / "submitted", "esc \x1b[31m", acting)
    url = f"sqlite:///{root / 'gradebook.db'}"
    results = grade_class(ClassRun(root / "submitted", root, root / "solutions", url, seed=5, sandbox=sandbox))
    return root, {result.student: result.to_document() for result in results}


def again(root, student, exercise):
    return replay(student, exercise, root / "submitted", root, root / "solutions")


def text(found):
    console = Console(file=io.StringIO(), width=120)
    print_replay(console, found)
    return console.file.getvalue()


@pytest.mark.parametrize("student", ["ada", "ben li"])
def test_every_recorded_verdict_is_found_again(course, student):
    root, results = course
    for entry in results[student]["exercises"]:
        found = again(root, student, entry["id"])
        recorded = found.recorded
        assert found.agrees and (recorded.id, recorded.message) == (entry["id"], entry["message"])
        assert (found.verdict.points, found.verdict.verdict) == (entry["points"], entry["verdict"])


def test_everything_is_shown(course):
    root, _ = course
    shown = text(again(root, "ben li", "mean"))
    assert "marzipan = x.sum()" in shown and "seed 5" in shown
    for kind in ("public", "hidden"):
        assert f"· {kind}" in shown
    assert "expected" in shown and "got" in shown and "✗" in shown
    assert "verdict" in shown and "0 of 1 points" in shown
    assert "The recorded mark is the same." in shown


def test_a_free_text_has_no_cases_and_is_shown(course):
    root, _ = course
    found = again(root, "ada", "sample.why_nats")
    assert found.verdict.verdict == "to be graded by hand" and found.agrees
    assert "handed in" in text(found)


def test_nothing_of_a_student_acts_in_the_terminal(course):
    root, results = course
    (student,) = [name for name in results if name.startswith("esc")]
    assert student == "esc \\x1b[31m"
    for exercise in ("mean", "why_nats", "draw"):
        shown = text(again(root, student, exercise)).replace("\n", "")
        assert shown.isprintable() and "\\x1b" in shown
    assert "marzipan = x.sum()" in text(again(root, student, "mean"))


def test_a_resubmission_since_is_said(course, tmp_path, hand_in, solved):
    shutil.copytree(course[0], tmp_path / "course")
    root = tmp_path / "course"
    hand_in(root / "submitted", "ben li", solved())
    found = again(root, "ben li", "mean")
    assert not found.agrees and found.verdict.verdict == "passed"
    assert "The recorded mark differs: 0 points" in text(found)


def test_what_could_not_be_graded_still_cannot(course):
    with pytest.raises(NotGradable, match="broken JSON"):
        again(course[0], "cut", "mean")


@pytest.mark.parametrize(
    ("student", "exercise", "sentence"),
    [("zoe", "mean", "no student 'zoe'"), ("ada", "median", "sample.mean"), ("ada", "other.mean", "sample.mean")],
)
def test_wrong_names_are_answered_with_what_there_is(course, student, exercise, sentence):
    with pytest.raises(ValueError, match=sentence):
        again(course[0], student, exercise)


def test_without_a_run_there_is_no_seed_to_repeat(course, tmp_path):
    root, _ = course
    with pytest.raises(ValueError, match="--out"):
        replay("ada", "mean", root / "submitted", tmp_path, root / "solutions")


def test_the_command_says_by_its_exit_code_whether_the_mark_stands(course, tmp_path, capsys):
    root, _ = course
    options = ["--out", str(root), "--solutions", str(root / "solutions")]
    assert main(["replay", "ben li", "mean", *options]) == 0
    assert "The recorded mark is the same." in capsys.readouterr().out
    assert main(["replay", "cut", "mean", *options]) == 1
    assert "broken JSON" in capsys.readouterr().err
    assert main(["replay", "zoe", "mean", *options]) == 2
