"""Marks and feedback go back in the form that Canvas and Moodle read, and every deduction is shown."""

import csv
import io
import zipfile

import nbformat
import pytest

from autograder.lms.give_back import for_canvas, for_moodle
from autograder.lms.handed_in import HandedIn
from autograder.lms.marks import Mark
from autograder.lms.roster import Roster, read_roster
from course_lib.wrong_usage import WrongUsage
from tests.autograder.lms.importers import canvas_files, canvas_marks, moodle_files, moodle_marks

ONE = "01_information"
CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Homework 1 (5678),Quiz (5679),Current Score,Homework 1 Final Score
    Points Possible,,,,,100,10,(read only),(read only)
,,,,,Manual Posting,,,
"Lovelace, Ada",1234,u1,ada,S1,,-3,,
"=cmd|' /C calc'!A0",1235,u2,alan,S1,,,,
"Nobody, No",1236,u3,nobody,S1,55,,,
"""
MOODLE = """\
\ufeffIdentifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,Last modified (grade),\
Feedback comments
Participant 11,Ada Lovelace,ada@uni.edu,Submitted for grading,,20.00,Yes,-,
Participant 12,=1+1,alan@uni.edu,Submitted for grading,,20.00,Yes,-,
Participant 13,No Body,nobody@uni.edu,No submission,,20.00,Yes,-,kept
"""


@pytest.fixture
def roster(tmp_path):
    def read(text):
        (tmp_path / "table.csv").write_text(text, encoding="utf-8")
        return read_roster(tmp_path / "table.csv")

    return read


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<html><body>\n<h1>Lesson</h1>\n<pre>x\n\n# y</pre>\n</body></html>", encoding="utf-8")
    return path


def entry(student, key, place, system="canvas"):
    return HandedIn(student, ONE, "d", system, key, "lovelaceada", place)


def test_canvas_reads_the_marks_of_its_own_table_out_of_its_own_points(roster, page):
    marks = [
        Mark(
            "ada", "graded", 12.0, 16.0, days=2, deducted=3.2, page=page, entry=entry("ada", "1234", "a_1234_5_x.ipynb")
        ),
        Mark("alan", "graded", 16.0, 16.0, page=page, entry=entry("alan", "1235", "b_1235_6_all.zip")),
        Mark("nobody", "not submitted", None, 16.0),
        Mark("stranger", "graded", 4.0, 16.0),
    ]
    given = for_canvas(ONE, marks, roster(CANVAS), "Homework 1")
    assert canvas_marks(given.table, 5678) == {"1234": "55", "1235": "100"}
    rows = list(csv.reader(io.StringIO(given.table.decode(), newline="")))
    assert rows[0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Homework 1 (5678)"]
    assert rows[1] == ["    Points Possible", "", "", "", "", "100"]
    assert rows[3][0] == "'=cmd|' /C calc'!A0"
    assert given.left == [("stranger", "no line: Canvas's table has no such student")] and given.scale == 6.25
    uploads = {("1234", "5"): "x.ipynb", ("1235", "6"): "all.zip"}
    files = canvas_files(given.archive, uploads)
    assert {number: name for number, (name, _) in files.items()} == {"1234": "x.ipynb", "1235": "all.zip"}
    notebook = nbformat.reads(files["1234"][1].decode(), as_version=4)
    nbformat.validate(notebook)
    shown = notebook.cells[0].outputs[0]["data"]["text/html"]
    assert "12 of 16 points. 2 days late: −3.2 points. That makes 8.8." in shown and "<pre>x\n\n# y</pre>" in shown
    with zipfile.ZipFile(io.BytesIO(files["1235"][1])) as inner:
        assert inner.namelist() == [f"{ONE}-feedback.html"] and inner.read(inner.namelist()[0]) == page.read_bytes()


def test_canvas_needs_no_export_when_the_assignments_number_is_known(page):
    marks = [Mark("ada", "graded", 12.5, 16.0, page=page, entry=entry("ada", "1234", "a_1234_5_x.ipynb"))]
    given = for_canvas(ONE, marks, Roster(), "Homework 1 (5678)")
    assert canvas_marks(given.table, 5678) == {"1234": "12.5"}
    with pytest.raises(WrongUsage, match="Canvas must be told which assignment 01_information is"):
        for_canvas(ONE, marks, Roster(), "Homework 1")


def test_a_column_that_is_not_clear_is_asked_for(roster):
    two = CANVAS.replace("Quiz (5679)", "Homework 1 (5679)")
    with pytest.raises(WrongUsage, match=r"not clear which column .* is Homework 1: .*Homework 1 \(5679\)"):
        for_canvas(ONE, [], roster(two), "Homework 1")
    named = CANVAS.replace("Quiz", "Week 1: Information!")
    assert for_canvas(ONE, [], roster(named), "").column == "Week 1: Information! (5679)"


def test_a_table_with_semicolons_and_a_byte_order_mark_goes_back_as_it_came(roster, tmp_path):
    (tmp_path / "table.csv").write_bytes(CANVAS.replace('"Lovelace, Ada"', "Ada").replace(",", ";").encode("utf-8-sig"))
    marks = [Mark("ada", "graded", 16.0, 16.0)]
    given = for_canvas(ONE, marks, read_roster(tmp_path / "table.csv"), "Homework 1 (5678)")
    assert given.table.startswith("\ufeffStudent;ID".encode())
    assert canvas_marks(given.table.removeprefix("\ufeff".encode()), 5678)["1234"] == "100"


def test_moodle_reads_its_worksheet_and_puts_the_pages_into_its_folders(roster, page):
    marks = [
        Mark(
            "ada@uni.edu", "waiting for a grader", 12.0, 16.0, waiting=3.0, days=1, deducted=1.6, page=page,
            entry=entry("ada@uni.edu", "11", "Ada Lovelace_11_assignsubmission_file_", "moodle"),
        ),
        Mark(
            "alan@uni.edu", "graded", 16.0, 16.0, page=page,
            entry=entry("alan@uni.edu", "12", "Alan_12_assignsubmission_file_x.ipynb", "moodle"),
        ),
        Mark("nobody@uni.edu", "not submitted", None, 16.0, page=page),
    ]  # fmt: skip
    given = for_moodle(ONE, marks, roster(MOODLE), "")
    said = "12 of 16 points. 1 day late: −1.6 points. That makes 10.4. 3 points more wait for a grader."
    assert moodle_marks(given.table) == {"11": (13.0, said), "12": (20.0, "16 of 16 points.")}
    rows = list(csv.reader(io.StringIO(given.table.decode("utf-8-sig"), newline="")))
    assert rows[2][1] == "'=1+1" and [row[7] for row in rows[1:]] == ["-", "-", "-"]
    assert rows[3][4:] == ["", "20.00", "Yes", "-", "kept"]
    files = moodle_files(given.archive, {"11", "12", "13"})
    assert set(files) == {"11", "12", "13"} and list(files["11"]) == [f"{ONE}-feedback.html"]
    assert said.encode() in files["11"][f"{ONE}-feedback.html"]
    assert files["12"][f"{ONE}-feedback.html"] == page.read_bytes()


def test_moodles_decimal_comma_is_kept_and_its_words_can_be_named(roster):
    german = 'ID,Vollständiger Name,E-Mail-Adresse,Bewertung,Bestwertung\nTeilnehmer/in 7,Ada,ada@u,,"20,00"\n'
    marks = [Mark("ada@u", "graded", 11.0, 16.0)]
    with pytest.raises(WrongUsage, match="no column 'Grade': name it with --column"):
        for_moodle(ONE, marks, roster(german), "")
    assert b'"13,75","20,00"' in for_moodle(ONE, marks, roster(german), "Bewertung").table
    with pytest.raises(WrongUsage, match="grading worksheet"):
        for_moodle(ONE, marks, Roster(), "")


def test_the_same_marks_make_the_same_bytes(roster, page):
    marks = [Mark("ada", "graded", 12.0, 16.0, page=page, entry=entry("ada", "1234", "a_1234_5_x.ipynb"))]
    one, other = (for_canvas(ONE, marks, roster(CANVAS), "Homework 1") for _ in range(2))
    assert (one.table, one.archive) == (other.table, other.archive)
