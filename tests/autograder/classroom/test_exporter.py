"""`nbgrader export`: no submission, no grade and zero points are three things, and no cell is a formula."""

import csv
import shutil
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import ExportApp

from autograder.classroom.gradebook import MarksBook, publish
from autograder.classroom.results import ExerciseResult, Result, Status, replace_result
from autograder.grading.grade import Grading
from autograder.grading.prepare import public_case_file
from autograder.grading.submission import Submission
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.verdict import Verdict, VerdictKind

LESSON = "90_sample"
CONFIG = Path(__file__).resolve().parents[3] / "nbgrader_config.py"
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")


@pytest.fixture(scope="module")
def course(graded, tmp_path_factory):
    """A course folder whose gradebook has a student in each state."""
    root = tmp_path_factory.mktemp("course")
    shutil.copy(CONFIG, root)
    db_url = f"sqlite:///{root / 'gradebook.db'}"
    publish(graded.release, LESSON, public_case_file(graded.lesson), root, db_url)
    book, checks = MarksBook(db_url), [exercise.check for exercise in graded.lesson.exercises.values()]

    def enter(student, **instead):
        found = []
        for check in checks:
            word = instead.get(check.name, VerdictKind.BY_HAND if check.kind == "text" else VerdictKind.PASSED)
            points = check.points if word == VerdictKind.PASSED else 0.0
            found.append(Verdict(check.id, points, check.points, word, "…"))
        book.enter(Grading(Submission(student, LESSON, []), found), None)

    def by_hand(student, **marks):
        for name, points in marks.items():
            grade = book.gradebook.find_grade(f"sample-{name}", LESSON, LESSON, student)
            grade.manual_score, grade.needs_manual_grade = points, False
        book.gradebook.db.commit()

    def result(student, name, word):
        exercise = ExerciseResult(ExerciseId(f"sample.{name}"), 0.0, 1.0, word, "", "")
        return Result(student, LESSON, 12.0, 16.0, Status.PARTLY, exercises=(exercise,))

    enter("ada")
    enter("done")
    by_hand("done", why_nats=2.5)
    enter("zero", **{check.name: VerdictKind.NOT_STARTED for check in checks})
    enter("=1+1")
    enter("slow", mean=VerdictKind.TIMEOUT)
    enter("looked at", mean=VerdictKind.TIMEOUT)
    by_hand("looked at", mean=0.5, why_nats=3)
    for student in ("slow", "looked at"):
        replace_result(root, result(student, "mean", VerdictKind.TIMEOUT))
    enter("late")
    book.gradebook.find_submission(LESSON, "late").notebooks[0].late_submission_penalty = 4.0
    book.refuse("cut", LESSON, "broken JSON", None)
    book.refuse("read by hand", LESSON, "broken JSON", None)
    by_hand("read by hand", **{check.name: check.points for check in checks})
    enter("broke it")
    by_hand("broke it", why_nats=3)
    book.refuse("broke it", LESSON, "broken JSON", None)
    book.gradebook.add_student("gone", last_name='O"Neil, +x', first_name="@Ada", email="-a@b.org")
    book.gradebook.add_student("begun")
    book.gradebook.add_submission(LESSON, "begun")
    book.gradebook.db.commit()
    book.close()
    return root


@pytest.fixture
def export(course, monkeypatch):
    """A function that runs `nbgrader export` in the course folder and returns the rows by student."""
    monkeypatch.chdir(course)

    def run(*arguments, file="gradebook.csv"):
        app = ExportApp(parent=None)
        app.initialize(list(arguments))
        app.start()
        ExportApp.clear_instance()
        with (course / file).open(encoding="utf-8", newline="") as opened:
            return {row["student_id"]: row for row in csv.DictReader(opened)}

    return run


def test_each_state_has_its_status_and_its_score(export):
    rows = export()
    assert {student: (row["status"], row["score"], row["waiting"]) for student, row in rows.items()} == {
        "ada": ("waiting for a grader", "13.0", "3.0"),
        "done": ("graded", "15.5", "0.0"),
        "zero": ("graded", "0.0", "0.0"),
        "'=1+1": ("waiting for a grader", "13.0", "3.0"),
        "slow": ("partly graded", "12.0", "3.0"),
        "looked at": ("graded", "15.5", "0.0"),
        "late": ("waiting for a grader", "9.0", "3.0"),
        "cut": ("not gradable", "", "16.0"),
        "read by hand": ("graded", "16.0", "0.0"),
        "broke it": ("not gradable", "", "13.0"),
        "gone": ("not submitted", "", ""),
        "begun": ("not graded", "", "16.0"),
    }
    assert (rows["late"]["raw_score"], rows["late"]["late_submission_penalty"]) == ("13.0", "4.0")
    assert {row["max_score"] for row in rows.values()} == {"16.0"}


def test_no_cell_is_a_formula(export):
    row = export()["gone"]
    assert (row["first_name"], row["last_name"], row["email"]) == ("'@Ada", 'O"Neil, +x', "'-a@b.org")


def test_the_table_of_the_command_is_not_overwritten(export, course):
    (course / "grades.csv").write_text("ours")
    export()
    assert (course / "grades.csv").read_text() == "ours"


def test_students_lessons_and_the_file_can_be_chosen(export):
    assert set(export("--to", "some.csv", "--student", "ada", "--student", "gone", file="some.csv")) == {"ada", "gone"}
    assert export("--to", "none.csv", "--assignment", "91_other", file="none.csv") == {}


def test_an_empty_gradebook_is_an_error_that_names_it_and_the_others(course, tmp_path, monkeypatch, caplog):
    (tmp_path / "demo").mkdir()
    shutil.copy(course / "gradebook.db", tmp_path / "demo")
    shutil.copy(CONFIG, tmp_path)
    shutil.copy(course / "gradebook.db", tmp_path)
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        gradebook.remove_assignment(LESSON)
    monkeypatch.chdir(tmp_path)
    app = ExportApp(parent=None)
    app.initialize([])
    app.log.propagate = True
    with pytest.raises(SystemExit) as end:
        app.start()
    ExportApp.clear_instance()
    said = caplog.text
    assert end.value.code == 1 and not (tmp_path / "gradebook.csv").exists()
    assert f"Nothing was exported: the gradebook sqlite:///{tmp_path / 'gradebook.db'} is empty." in said
    assert f"nbgrader export --db sqlite:///{tmp_path / 'demo' / 'gradebook.db'}" in said
