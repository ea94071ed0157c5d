"""Whatever goes wrong with one submission, it ends in one recorded state, the others go on, and nothing is lost."""

import os
import shutil

import pytest
from nbgrader.api import Gradebook
from sqlalchemy.exc import DataError, OperationalError

from autograder.classroom.class_run import grade_class
from autograder.classroom.course_lock import InUse, sole_writer
from autograder.classroom.gradebook import MarksBook
from autograder.classroom.places import recorded_name
from autograder.classroom.recorder import ClassRun, Recorder
from autograder.classroom.results import Status, read_results
from autograder.cli import main

LESSON = "90_sample"
HONEST = 13.0
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")]


@pytest.fixture
def grade(tmp_path, solutions, sandbox):
    """A function that grades a folder into `out`; it returns the results by student."""

    def run(submitted="submitted", **options):
        options = {"seed": 5, "jobs": 1, "sandbox": sandbox} | options
        url = f"sqlite:///{tmp_path / 'gradebook.db'}"
        return {
            r.student: r
            for r in grade_class(ClassRun(tmp_path / submitted, tmp_path / "out", solutions, url, **options))
        }

    return run


@pytest.fixture
def three(tmp_path, hand_in, solved):
    """Three equal submissions."""
    for student in ("ada", "ben", "chloe"):
        hand_in(tmp_path / "submitted", student, solved())


def states(results):
    return {student: (result.status, result.score) for student, result in results.items()}


# ---- faults in the middle

FAULTS = {
    "MarksBook.enter": ValueError("a fault"),
    "MarksBook.refuse": ValueError("a fault"),
    "MarksBook.given": RuntimeError("a fault"),
    "MarksBook.score": DataError("INSERT", {}, Exception("a fault")),
    "Recorder.job": KeyError("a fault"),
    "Recorder.key": MemoryError("a fault"),
    "Recorder.write_notebook": OSError(36, "a fault", "somewhere"),
    "Recorder.write_page": RecursionError("a fault"),
}


@pytest.mark.parametrize("where", FAULTS)
def test_a_fault_at_any_step_of_one_is_recorded_and_stops_no_other(three, grade, monkeypatch, hand_in, tmp_path, where):
    kind, method = {"MarksBook": MarksBook, "Recorder": Recorder}[where.split(".")[0]], where.split(".")[1]
    really = getattr(kind, method)

    def faulty(self, *arguments, **named):
        if "ben" in str(arguments):
            raise FAULTS[where]
        return really(self, *arguments, **named)

    if method == "refuse":
        hand_in(tmp_path / "submitted", "ben", "{")
    monkeypatch.setattr(kind, method, faulty)
    results = grade()
    assert states(results) == {
        "ada": (Status.GRADED, HONEST),
        "ben": (Status.NOT_GRADABLE, 0.0),
        "chloe": (Status.GRADED, HONEST),
    }
    assert "a fault" in results["ben"].reason or "cannot be read" in results["ben"].reason
    monkeypatch.undo()
    if method == "refuse":
        shutil.copytree(tmp_path / "submitted" / "ada", tmp_path / "submitted" / "ben", dirs_exist_ok=True)
    assert states(grade()) == dict.fromkeys(("ada", "ben", "chloe"), (Status.GRADED, HONEST))


def test_an_error_of_the_database_itself_stops_the_run_also_where_nbgrader_hides_it(three, grade, monkeypatch):
    down = OperationalError("INSERT", {}, Exception("database or disk is full"))
    monkeypatch.setattr("sqlalchemy.orm.Session.commit", lambda self: (_ for _ in ()).throw(down))
    with pytest.raises(OperationalError):
        grade()


def test_what_an_earlier_run_left_broken_is_made_again(three, grade, tmp_path):
    before = grade()
    (tmp_path / "out" / "autograded" / "ben" / LESSON / f"{LESSON}.ipynb").write_text("{}")
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:  # so that its page is to be made again
        grade_of_ben = book.find_grade("sample-why_nats", LESSON, LESSON, "ben")
        grade_of_ben.manual_score, grade_of_ben.needs_manual_grade = 2.0, False
        book.db.commit()
    assert states(grade()) == states(before) | {"ben": (Status.GRADED, HONEST + 2)}


# ---- names


def test_names_that_are_hard_to_write_are_recorded_each_once_and_found_again(
    grade, hand_in, solved, tmp_path, solutions
):
    names = [os.fsdecode(b"\xff"), r"\udcff", "n" * 150, "n" * 151, "é" * 127, os.fsdecode(b"\xfe" * 255), "a\u2028b"]
    for name in names:
        hand_in(tmp_path / "submitted", name, solved())
    results = grade()
    assert results.keys() == set(map(recorded_name, names)) and len(results) == len(names)
    assert {state for state in states(results).values()} == {(Status.GRADED, HONEST)}
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as book:
        assert {student.id for student in book.students} == results.keys()
    for name in results:
        command = ["replay", name, "mean", "--out", str(tmp_path / "out"), "--submitted", str(tmp_path / "submitted")]
        assert main([*command, "--solutions", str(solutions)]) == 0


# ---- where it lies


def test_a_notebook_without_its_folder_and_one_in_other_capitals_earn_their_marks_with_a_note(
    grade, hand_in, solved, tmp_path, solutions
):
    path = hand_in(tmp_path / "submitted", "ada", solved())
    path.rename(path.parent.parent / path.name)
    path.parent.rmdir()
    hand_in(tmp_path / "submitted", "ben", solved(), lesson="90_Sample")
    results = grade()
    assert states(results) == dict.fromkeys(("ada", "ben"), (Status.GRADED, HONEST))
    assert "not in a folder" in results["ada"].notes[0] and "called 90_Sample" in results["ben"].notes[0]
    arguments = [
        "--out",
        str(tmp_path / "out"),
        "--submitted",
        str(tmp_path / "submitted"),
        "--solutions",
        str(solutions),
    ]
    assert main(["replay", "ada", "mean", *arguments]) == main(["replay", "ben", "mean", *arguments]) == 0


def test_what_belongs_to_no_lesson_is_in_the_table_and_is_1(hand_in, solved, tmp_path, solutions, sandbox, capsys):
    path = hand_in(tmp_path / "submitted", "ada", solved())
    shutil.copy(path, tmp_path / "submitted" / "ada" / "mine.ipynb")
    shutil.copy(path, tmp_path / "submitted" / "lost.ipynb")
    command = ["grade", str(tmp_path / "submitted"), "--solutions", str(solutions), "--sandbox", sandbox]
    assert main(command) == 1
    said = capsys.readouterr().out
    assert "mine.ipynb lies in the student's folder" in " ".join(said.split())
    assert "lost.ipynb lies in no student's folder" in said
    (tmp_path / "submitted" / "ada" / "mine.ipynb").unlink()
    (tmp_path / "submitted" / "lost.ipynb").unlink()
    assert main(command) == 0  # what was put right is not held against anybody


# ---- two folders, one course


def test_a_second_folder_graded_into_the_same_course_keeps_the_first(three, grade, hand_in, solved, tmp_path):
    first = grade()
    hand_in(tmp_path / "evening", "dan", solved())
    hand_in(tmp_path / "evening", "ada", "{")  # handed in again
    both = grade("evening")
    assert states(both) == states(first) | {"dan": (Status.GRADED, HONEST), "ada": (Status.NOT_GRADABLE, 0.0)}
    assert {r.student: r for r in read_results(tmp_path / "out")} == both
    assert (tmp_path / "out" / "grades.csv").read_text().count(LESSON) == 4
    assert grade("evening") == both


def test_a_fault_in_one_section_is_not_forgotten_when_the_other_is_graded(
    three, grade, hand_in, solved, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "job", lambda self, place: 1 / 0)
        assert grade()["ada"].key == ""
    hand_in(tmp_path / "evening", "dan", solved())
    assert states(grade("evening"))["ada"] == (Status.NOT_GRADABLE, 0.0)


def test_two_runs_at_once_are_refused_with_who_holds_the_folder(three, grade, tmp_path, solutions, capsys):
    with sole_writer(tmp_path / "out"):
        with pytest.raises(InUse):
            grade()
        command = ["grade", str(tmp_path / "submitted"), "--solutions", str(solutions), "--out", str(tmp_path / "out")]
        assert main(command) == 1
        assert f"process {os.getpid()}" in capsys.readouterr().err
    assert not (tmp_path / "out" / "results.jsonl").exists()


# ---- wrong usage


def test_a_fault_that_is_a_value_error_is_not_wrong_usage(three, tmp_path, solutions, monkeypatch):
    monkeypatch.setattr("autograder.classroom.class_run.kept_seed", lambda *_: int("no number"))
    with pytest.raises(ValueError, match="no number"):
        main(["grade", str(tmp_path / "submitted"), "--solutions", str(solutions)])
