"""A week of a grader's: a download is collected, graded and returned, and the system reads what was returned."""

import shutil

import nbformat
import pytest

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


def test_a_download_of_canvas_becomes_marks_and_feedback_in_canvas(
    tmp_path, sample_path, solved, sandbox, monkeypatch, capsys
):
    (tmp_path / "solutions").mkdir()
    shutil.copy(sample_path, tmp_path / "solutions")
    (tmp_path / "hand-in.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "canvas.csv").write_text(ROSTER, encoding="utf-8")
    good, half = (nbformat.writes(solved(**some)).encode() for some in ({}, {"entropy": None}))
    (tmp_path / "submissions.zip").write_bytes(
        zipped(
            {
                f"lovelaceada_1234_501_{LESSON}-2.ipynb": good,
                "turingalan_LATE_1235_502_work.zip": zipped({"a/b.zip": zipped({"c/my homework.ipynb": half})}),
                f"noetheremmy_1236_503_{LESSON}.ipynb": good[:500],
            }
        )
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["collect", "submissions.zip", "--from", "canvas"]) == 0
    said = capsys.readouterr().out
    assert (
        "new: late." in said and "Nothing for 90_sample from: ida" in said and max(map(len, said.splitlines())) <= 200
    )
    assert main(["grade", "submitted", "--sandbox", sandbox, "--seed", "1", "--jobs", "1"]) == 1  # emmy's is cut off
    capsys.readouterr()
    assert main(["return", "sample", "--for", "canvas"]) == 0
    said = capsys.readouterr().out
    table, archive = (tmp_path / "returned" / f"canvas-{LESSON}-{name}" for name in ("marks.csv", "feedback.zip"))
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


def test_if_the_best_attempt_counts_it_is_returned_after_each_was_graded(
    tmp_path, sample_path, solved, sandbox, monkeypatch, capsys
):
    (tmp_path / "solutions").mkdir()
    shutil.copy(sample_path, tmp_path / "solutions")
    (tmp_path / "hand-in.toml").write_text(SETTINGS.replace("last", "best"), encoding="utf-8")
    (tmp_path / "canvas.csv").write_text(ROSTER, encoding="utf-8")
    better, worse = (nbformat.writes(solved(**some)).encode() for some in ({}, {"entropy": None}))
    monkeypatch.chdir(tmp_path)
    for number, data in ((501, better), (777, worse)):
        (tmp_path / "d.zip").write_bytes(zipped({f"lovelaceada_1234_{number}_x.ipynb": data}))
        assert main(["collect", "d.zip", "--from", "canvas"]) == 0
    grade = ["--sandbox", sandbox, "--seed", "1", "--jobs", "1"]
    assert main(["grade", "submitted", *grade]) == 0
    capsys.readouterr()
    assert main(["return", LESSON, "--for", "canvas"]) == 2
    assert f"Run: autograder grade {tmp_path / 'earlier/1/submitted'}" in capsys.readouterr().err
    assert main(["grade", "earlier/1/submitted", *grade]) == 0
    assert main(["return", LESSON, "--for", "canvas"]) == 0
    table = tmp_path / "returned" / f"canvas-{LESSON}-marks.csv"
    assert canvas_marks(table.read_bytes(), 5678) == {"1234": "13"}
