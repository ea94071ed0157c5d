"""A week of a grader's: a download is collected, graded and returned, and the system reads what was returned."""

import io
import shutil
from contextlib import redirect_stdout

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.cli import main
from tests.autograder.lms.downloads import zipped
from tests.autograder.lms.importers import canvas_files, canvas_marks

LESSON = "90_sample"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")]
SETTINGS = """\
[hand_in]
by = "canvas"
roster = "canvas.csv"
[resubmissions]
keep = "last"
[late]
percent_a_day = 10
[deadlines]
90_sample = 2026-03-04T12:00:00
[assignments]
90_sample = "Homework 1 (5678)"
"""
ROSTER = """\
Student,ID,SIS User ID,SIS Login ID,Section,Homework 1 (5678)
    Points Possible,,,,,16
"Lovelace, Ada",1234,u1,ada,S1,
"Turing, Alan",1235,u2,alan,S1,
"Noether, Emmy",1236,u3,emmy,S1,
"Idle, Ida",1237,u4,ida,S1,
"""


@pytest.fixture(scope="module")
def graded_course(tmp_path_factory, sample_path, solved, sandbox):
    """A course folder into which a download was collected, and graded; what `collect` said is in `said.txt`."""
    root = tmp_path_factory.mktemp("course")
    (root / "solutions").mkdir()
    shutil.copy(sample_path, root / "solutions")
    (root / "hand-in.toml").write_text(SETTINGS, encoding="utf-8")
    (root / "canvas.csv").write_text(ROSTER, encoding="utf-8")
    good, half = (nbformat.writes(solved(**some)).encode() for some in ({}, {"entropy": None}))
    (root / "submissions.zip").write_bytes(
        zipped(
            {
                f"lovelaceada_1234_501_{LESSON}-2.ipynb": good,
                "turingalan_LATE_1235_502_work.zip": zipped({"a/b.zip": zipped({"c/my homework.ipynb": half})}),
                f"noetheremmy_1236_503_{LESSON}.ipynb": good[:500],
            }
        )
    )
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as said:
        patch.chdir(root)
        patch.setenv("COLUMNS", "80")
        assert main(["collect", "submissions.zip", "--from", "canvas"]) == 0
        (root / "said.txt").write_text(said.getvalue(), encoding="utf-8")
        grade = ["grade", "submitted", "--sandbox", sandbox, "--seed", "1", "--jobs", "1"]
        assert main(grade) == 1  # emmy's is cut off
    return root


@pytest.fixture
def course(graded_course, tmp_path, monkeypatch):
    """A copy of it, which is the current folder."""
    shutil.copytree(graded_course, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def test_a_download_of_canvas_becomes_marks_and_feedback_in_canvas(course, capsys):
    said = (course / "said.txt").read_text(encoding="utf-8")
    assert "new: late." in said and "Nothing for 90_sample from: ida" in said
    assert "3 new, 1 of them without a remark." in said
    assert main(["return", "sample", "--for", "canvas"]) == 0
    said = capsys.readouterr().out
    table, archive = (course / "returned" / f"canvas-{LESSON}-{name}" for name in ("marks.csv", "feedback.zip"))
    assert canvas_marks(table.read_bytes(), 5678) == {"1234": "13", "1235": "9.4"}
    assert "alan" in said and "11/16" in said and "1 d" in said and "−1.6" in said and "not gradable" in said
    uploads = {("1234", "501"): "a.ipynb", ("1235", "502"): "work.zip", ("1236", "503"): "b.ipynb"}
    files = canvas_files(archive.read_bytes(), uploads)
    assert set(files) == {"1234", "1235", "1236"}
    for number, words in (("1234", "13 <span"), ("1236", "Not graded yet")):
        page = nbformat.reads(files[number][1].decode(), as_version=4).cells[0].outputs[0]["data"]["text/html"]
        assert words in page
    before = table.read_bytes(), archive.read_bytes()
    assert main(["collect", "submissions.zip", "--from", "canvas"]) == 0
    assert main(["return", LESSON, "--for", "canvas"]) == 0
    assert (table.read_bytes(), archive.read_bytes()) == before
    assert main(["return", LESSON, "--for", "moodle"]) == 2
    assert "grading worksheet" in capsys.readouterr().err


def test_a_time_that_the_grader_writes_has_the_last_word(course):
    (course / "submitted" / "alan" / LESSON / "timestamp.txt").write_text("2026-03-06 13:00:00 UTC", encoding="utf-8")
    assert main(["return", LESSON, "--for", "canvas"]) == 0
    table = course / "returned" / f"canvas-{LESSON}-marks.csv"
    assert canvas_marks(table.read_bytes(), 5678)["1235"] == f"{11 - 3 * 1.6:g}"


def test_if_the_best_attempt_counts_it_is_returned_once_each_was_graded(course, capsys):
    (course / "hand-in.toml").write_text(SETTINGS.replace("last", "best"), encoding="utf-8")
    later = (course / "submitted" / "alan" / LESSON / f"{LESSON}.ipynb").read_bytes()
    (course / "later.zip").write_bytes(zipped({"lovelaceada_1234_777_x.ipynb": later + b" "}))
    assert main(["collect", "later.zip", "--from", "canvas"]) == 0
    capsys.readouterr()
    assert main(["return", LESSON, "--for", "canvas"]) == 2
    assert f"Run: autograder grade {course / 'earlier/1/submitted'}" in capsys.readouterr().err
    for name in ("gradebook.db", "results.jsonl"):  # as if the first attempts had been graded there,
        shutil.copy(course / name, course / "earlier" / "1")
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:  # and the later one for two points less
        gradebook.find_grade("sample-entropy", LESSON, LESSON, "ada").manual_score = 0.0
        gradebook.db.commit()
    assert main(["return", LESSON, "--for", "canvas"]) == 0
    table = course / "returned" / f"canvas-{LESSON}-marks.csv"
    assert canvas_marks(table.read_bytes(), 5678)["1234"] == "13"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["collect", "nowhere.zip", "--from", "canvas"], "nowhere.zip is not there"),
        (["collect", ".", "--from", "folder", "--lesson", "99"], "There is no lesson '99'"),
        (["collect", ".", "--from", "folder", "--roster", "none.csv"], "none.csv cannot be read"),
        (["return", "sample", "--for", "canvas"], "There is no gradebook"),
    ],
)
def test_what_makes_no_sense_is_2_with_a_sentence(tmp_path, sample_path, monkeypatch, capsys, command, sentence):
    (tmp_path / "solutions").mkdir()
    shutil.copy(sample_path, tmp_path / "solutions")
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    assert sentence in capsys.readouterr().err
    (tmp_path / "hand-in.toml").write_text("[late]\nfree_days = -1", encoding="utf-8")
    assert main(command) == 2
    assert "hand-in.toml:2: free_days must be" in capsys.readouterr().err
