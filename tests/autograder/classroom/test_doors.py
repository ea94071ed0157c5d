"""One engine, three doors: `autograder grade`, `nbgrader autograde`, and the API that Formgrader's buttons call."""

import csv
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets import TraitError
from traitlets.config.loader import PyFileConfigLoader

import autograder.classroom.nbgrader_plugins as plugins
from autograder.classroom.class_run import grade_class
from autograder.classroom.places import recorded_name
from autograder.classroom.recorder import ClassRun
from autograder.classroom.replay import replay

LESSON = "90_sample"
HONEST = 13.0
ROOT = Path(__file__).resolve().parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")]


class Course:
    """A course folder somewhere, which uses our `nbgrader_config.py`, and its three doors."""

    def __init__(self, root: Path, sample_path: Path, sandbox: str) -> None:
        self.root, self.submitted, self.sandbox = root, root / "submitted", sandbox
        (root / "solutions").mkdir(parents=True)
        shutil.copy(sample_path, root / "solutions")
        (root / "nbgrader_config.py").write_text(
            (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
            + f"\nc.GradingExporter.solutions = {str(root / 'solutions')!r}\nc.GradingExporter.sandbox = {sandbox!r}\n",
            encoding="utf-8",
        )
        self.db_url = f"sqlite:///{root / 'gradebook.db'}"
        (root / ".grading").mkdir()
        (root / ".grading" / "seed").write_text("5")

    def by_command(self, **options):
        """`autograder grade`; return the results by student."""
        options["sandbox"] = self.sandbox
        run = ClassRun(self.submitted, self.root, self.root / "solutions", self.db_url, **options)
        return {result.student: result.to_document() for result in grade_class(run)}

    def by_nbgrader(self, *arguments: str) -> subprocess.CompletedProcess:
        """`nbgrader COMMAND …` in the course folder, as a program."""
        return subprocess.run(
            [sys.executable, "-m", "nbgrader", *arguments], cwd=self.root, capture_output=True, text=True, timeout=300
        )

    def api(self, **settings: str) -> NbGraderAPI:
        """What Formgrader's handlers call. settings: of Autograde, beside those of the file."""
        config = PyFileConfigLoader("nbgrader_config.py", str(self.root)).load_config()
        config.Autograde.update(settings)
        return NbGraderAPI(CourseDirectory(config=config), config=config)

    def press(self, student: str = "*") -> dict:
        """Formgrader's autograde button."""
        return self.api().autograde(LESSON, student)

    def results(self) -> dict[str, dict]:
        lines = (self.root / "results.jsonl").read_text(encoding="utf-8").splitlines()
        results = [json.loads(line) for line in lines]
        assert len({result["student"] for result in results}) == len(results)
        return {result["student"]: result for result in results}

    def marks(self) -> dict[tuple[str, str], tuple]:
        """Everything that the gradebook holds, by student and cell."""
        found = {}
        with Gradebook(self.db_url) as book:
            for submission in book.assignment_submissions(LESSON):
                for notebook in submission.notebooks:
                    for grade in notebook.grades:
                        mark = (grade.auto_score, grade.manual_score, grade.needs_manual_grade, submission.timestamp)
                        found[submission.student.id, grade.name] = mark
                    for comment in notebook.comments:
                        found[submission.student.id, f"comment on {comment.name}"] = (comment.auto_comment,)
        return found

    def files(self, folder: str) -> dict[str, object]:
        """The text of what lies in a folder, by path; of notebooks what they hold."""
        found = {}
        for path in sorted((self.root / folder).rglob("*")):
            if path.is_file():
                text = path.read_text(encoding="utf-8")
                found[str(path.relative_to(self.root))] = json.loads(text) if path.suffix == ".ipynb" else text
        return found

    def give(self, student: str, name: str, points: float, comment: str = "") -> None:
        """Give a mark by hand, as Formgrader does."""
        with Gradebook(self.db_url) as book:
            grade = book.find_grade(f"sample-{name}", LESSON, LESSON, student)
            grade.manual_score, grade.needs_manual_grade = points, False
            if comment:
                book.find_comment(f"sample-{name}", LESSON, LESSON, student).manual_comment = comment
            book.db.commit()

    def page(self, student: str) -> str:
        return (self.root / "feedback" / student / LESSON / f"{LESSON}.html").read_text(encoding="utf-8")


# ---- one class through each door


def _hand_in_everything(submitted, solved, hand_in):
    hand_in(submitted, "ada", solved())
    hand_in(submitted, "crash", solved(mean="import os\ndef mean(x): os._exit(0)"))
    hand_in(submitted, "cut", nbformat.writes(solved())[:500])
    hand_in(submitted, "endless", solved(mean="import time\ndef mean(x):\n    time.sleep(60)"))
    hand_in(submitted, "mistaken", solved(mean="def mean(x):\n    return x.sum() / x.numel()"))
    hand_in(submitted, "raises", solved(count="def count(ids, vocab_size):\n    raise KeyError('\\ud800')"))
    hand_in(submitted, "renamed", solved(), name="my work.ipynb")
    hand_in(submitted, "stubs", solved(**dict.fromkeys(_names(solved))))
    hand_in(submitted, "wrong", solved(entropy="def entropy(p):\n    return p.sum(-1)", why_nats="<script>1</script>"))
    bad = solved()
    checks = [i for i, cell in enumerate(bad.cells) if cell.metadata["course"].get("role") == "check"]
    bad.cells.append(nbformat.from_dict({**bad.cells[checks[1]], "id": "copied"}))
    bad.cells[checks[2]].metadata = {}
    bad.cells[checks[3]].source = "check = print"
    del bad.cells[checks[0]]
    hand_in(submitted, "repaired", bad)
    timed = hand_in(submitted, "timed", b"\xef\xbb\xbf" + nbformat.writes(solved()).encode())
    (timed.parent / "timestamp.txt").write_text("2026-03-04 10:00:00 UTC\n")
    (timed.parent / "peek.txt").symlink_to(submitted.parent / ".grading" / "seed")


def _names(solved):
    cells = [cell.metadata["course"] for cell in solved().cells]
    return [cell["exercise"].split(".")[1] for cell in cells if cell.get("role") in ("exercise", "answer")]


@pytest.fixture(scope="module")
def doors(tmp_path_factory, sample_path, sandbox, solved, hand_in):
    """The same class, graded once through each door with the same seed: three courses and what nbgrader said."""
    courses = []
    for name in ("command", "nbgrader", "formgrader"):
        courses.append(Course(tmp_path_factory.mktemp("doors") / name, sample_path, sandbox))
        _hand_in_everything(courses[-1].submitted, solved, hand_in)
    command, nbgrader, formgrader = courses
    command.by_command()
    said = nbgrader.by_nbgrader("autograde", LESSON)
    pressed = {student: formgrader.press(student) for student in sorted(os.listdir(formgrader.submitted))}
    return command, nbgrader, formgrader, said, pressed


def test_every_door_says_the_same_in_every_record(doors):
    command, *others, _, _ = doors
    assert command.results()["ada"]["score"] == command.results()["renamed"]["score"] == HONEST
    assert {result["status"] for result in command.results().values()} == {"graded", "partly graded", "not gradable"}
    for other in others:
        assert other.results() == command.results()
        assert other.marks() == command.marks()
        for folder in ("autograded", "feedback", "source", "release"):
            assert other.files(folder) == command.files(folder)


def test_each_verdict_came_through_each_door(doors):
    for course in doors[:3]:
        found = {student: r["exercises"] for student, r in course.results().items()}
        verdicts = {student: {e["verdict"] for e in exercises} - {"passed"} for student, exercises in found.items()}
        by_hand = "to be graded by hand"
        assert verdicts == {
            "ada": {by_hand}, "crash": {"error", by_hand}, "cut": set(), "endless": {"timeout", by_hand},
            "mistaken": {"mistake", by_hand}, "raises": {"error", by_hand}, "renamed": {by_hand},
            "repaired": {by_hand}, "stubs": {"not started"}, "timed": {by_hand}, "wrong": {"wrong", by_hand},
        }  # fmt: skip


def test_nbgrader_reports_what_happened_and_counts_nothing_as_its_own_failure(doors):
    *_, said, pressed = doors
    assert said.returncode == 0, said.stderr
    assert "cut/90_sample: not gradable, The file is not a whole notebook: broken JSON" in said.stderr
    assert "ada/90_sample: graded, 13 of 16 points" in said.stderr
    assert all(answer["success"] for answer in pressed.values()), pressed
    assert "not gradable" in pressed["cut"]["log"]


def test_what_cannot_be_graded_has_no_mark_and_can_be_opened_in_formgrader(doors):
    for course in doors[:3]:
        marks = [mark for (student, name), mark in course.marks().items() if student == "cut" and "comment" not in name]
        assert len(marks) == 10 and all(mark[0] is None and mark[2] for mark in marks)
        notebook = nbformat.read(course.root / "autograded" / "cut" / LESSON / f"{LESSON}.ipynb", as_version=4)
        assert "could not be graded" in notebook.cells[0].source and "broken JSON" in notebook.cells[0].source
        assert "Not graded yet" in course.page("cut")


def test_formgrader_takes_each_for_autograded(doors):
    for course in doors[:3]:
        api = course.api()
        assert api.get_autograded_students(LESSON) == set(os.listdir(course.submitted))
        assert api.get_submission(LESSON, "ada")["score"] == HONEST


def test_a_link_that_was_handed_in_leads_nowhere(doors):
    for course in doors[:3]:
        found = [path for folder in ("autograded", "feedback") for path in (course.root / folder).rglob("peek*")]
        assert found == []


def test_the_command_has_nothing_left_to_do_after_another_door(doors, monkeypatch):
    command, *others, _, _ = doors
    monkeypatch.setattr("autograder.classroom.class_run.do", None)  # whoever grades again fails
    for other in others:
        assert other.by_command() == command.results()


def test_generated_feedback_is_the_page_that_grading_left(doors):
    _, nbgrader, formgrader, *_ = doors
    left = formgrader.files("feedback")
    shutil.rmtree(nbgrader.root / "feedback")
    for course in (nbgrader, formgrader):  # where there is no page, and where there is one
        assert course.api().generate_feedback(LESSON)["success"]
        made = course.files("feedback")
        assert {name for name in made if name.endswith(".html")} == left.keys()
        assert all(made[name] == page for name, page in left.items())
    assert "<script" not in nbgrader.page("wrong")


# ---- again, by another door


@pytest.fixture(scope="module")
def template(tmp_path_factory, sample_path, sandbox, solved, hand_in):
    """A class of two, graded once by the command."""
    course = Course(tmp_path_factory.mktemp("template") / "course", sample_path, sandbox)
    hand_in(course.submitted, "ada", solved())
    hand_in(course.submitted, "ben", solved(mean="def mean(x): return x"))
    course.by_command()
    return course


@pytest.fixture
def small(template, tmp_path):
    """A copy of that class, in the same place for each test."""
    root = tmp_path / "course"
    shutil.copytree(template.root, root)
    config = root / "nbgrader_config.py"
    config.write_text(config.read_text().replace(str(template.root), str(root)))
    copy = object.__new__(Course)
    copy.root, copy.submitted, copy.sandbox = root, root / "submitted", template.sandbox
    copy.db_url = f"sqlite:///{root / 'gradebook.db'}"
    return copy


DOORS = {"command": Course.by_command, "formgrader": Course.press}


@pytest.mark.parametrize("door", DOORS)
def test_hand_given_marks_and_comments_survive_and_are_on_the_page(small, door, solved, hand_in):
    small.give("ben", "why_nats", 2.5, "Say <b>why</b>.")
    small.give("ben", "mean", 0.5)
    hand_in(small.submitted, "ben", solved())
    DOORS[door](small)
    assert small.results()["ben"]["score"] == HONEST - 0.5 + 2.5
    marks = small.marks()
    assert marks["ben", "sample-mean"][:3] == (1.0, 0.5, True)  # another automatic mark under it: have a look
    assert marks["ben", "sample-why_nats"][:3] == (None, 2.5, False)
    page = small.page("ben")
    assert '15 <span style="font-size:1.2rem;font-weight:400">of 16 points' in page
    assert "Say &lt;b&gt;why&lt;/b&gt;." in page and "graded by hand" in page
    assert "Your teacher gave these points; the program had given 1." in page


def test_feedback_after_marking_by_hand_has_the_mark_without_grading_again(small):
    small.give("ada", "why_nats", 3, "Well said.")
    assert "Well said." not in small.page("ada")
    assert small.api().generate_feedback(LESSON, "ada")["success"]
    assert "Well said." in small.page("ada") and "16 <span" in small.page("ada")
    page = small.page("ada")
    assert small.by_command()["ada"]["score"] == 16.0
    assert small.page("ada") == page


@pytest.mark.parametrize("door", DOORS)
def test_a_resubmission_is_graded_anew_and_the_old_mark_does_not_stand(small, door, solved, hand_in):
    path = hand_in(small.submitted, "ben", solved())
    (path.parent / "timestamp.txt").write_text("2026-03-04 10:00:00 UTC\n")
    hand_in(small.submitted, "ada", "{")
    DOORS[door](small)
    results = small.results()
    assert results["ben"]["score"] == HONEST and results["ada"]["status"] == "not gradable"
    assert all(mark[0] is None for (student, name), mark in small.marks().items() if (student, name[0]) == ("ada", "s"))
    assert str(small.marks()["ben", "sample-mean"][3]) == "2026-03-04 10:00:00"
    hand_in(small.submitted, "ada", solved())
    (path.parent / "timestamp.txt").unlink()
    DOORS[door](small)
    assert small.results()["ada"]["score"] == HONEST and "could not be graded" not in str(small.files("autograded"))
    assert small.api().get_autograded_students(LESSON) == {"ada", "ben"}


def test_nbgrader_sees_a_later_submission_after_the_command_graded_the_earlier_one(small, solved, hand_in):
    folder = small.submitted / "ben" / LESSON
    (folder / "timestamp.txt").write_text("2026-03-04 10:00:00 UTC\n")
    hand_in(small.submitted, "ben", solved(count=None))
    small.by_command()
    hand_in(small.submitted, "ben", solved())
    (folder / "timestamp.txt").write_text("2026-03-05 10:00:00 UTC\n")
    api = small.api()
    assert api.get_autograded_students(LESSON) == {"ada"}
    assert api.autograde(LESSON, "*", force=False)["success"]
    assert small.results()["ben"]["score"] == HONEST


@pytest.mark.parametrize("door", DOORS)
def test_a_mended_lesson_grades_everybody_anew(small, door):
    lesson = small.root / "solutions" / f"{LESSON}.py"
    text = lesson.read_text(encoding="utf-8").replace('exercise="count" points=1', 'exercise="count" points=2')
    lesson.write_text(text, encoding="utf-8")
    DOORS[door](small)
    assert small.results()["ada"]["score"] == HONEST + 1 and small.results()["ada"]["max_score"] == 17.0


def test_a_seed_is_drawn_and_kept_by_the_first_door(small):
    (small.root / ".grading" / "seed").unlink()
    small.press("ada")
    path = small.root / ".grading" / "seed"
    seed = path.read_text()
    assert seed.isdigit() and stat.S_IMODE(path.stat().st_mode) == 0o600
    small.by_command()
    small.press("ben")
    assert path.read_text() == seed


LINE_ENDS = [end for end in map(chr, range(1, sys.maxunicode + 1)) if len(f"a{end}b".splitlines()) == 2]


def test_no_character_of_a_name_or_a_message_loses_a_result_at_any_door(small, solved, hand_in, monkeypatch):
    ends = "x".join(LINE_ENDS)
    count = f"def count(ids, vocab_size):\n    raise type({ends!r}, (Exception,), {{}})"
    hand_in(small.submitted, f"eve{ends}!", solved(count=count))
    hand_in(small.submitted, "zoe", "{}", lesson=f"no{ends}lesson")
    before = small.by_command()
    eve = recorded_name(f"eve{ends}!")
    assert {"ada", "ben", eve, "zoe"} == before.keys() == small.results().keys()
    message = next(e["message"] for e in before[eve]["exercises"] if e["id"] == "sample.count")
    assert "\u2028" in message and "\x85" in message
    assert before["zoe"]["lesson"] == recorded_name(f"no{ends}lesson")

    assert small.by_nbgrader("export", "--to", "marks.csv").returncode == 0
    with (small.root / "marks.csv").open(encoding="utf-8", newline="") as file:
        status = {row["student_id"]: row["status"] for row in csv.DictReader(file)}
    assert status[eve] == "waiting for a grader"
    said = small.by_nbgrader("autograde", LESSON, "--student", "ada", "--force")
    assert said.returncode == 0 and small.results() == before, said.stderr
    assert replay("ada", "sample.mean", small.submitted, small.root, small.root / "solutions", small.sandbox).agrees

    monkeypatch.setattr("autograder.classroom.class_run.do", None)  # whoever grades again fails
    assert small.by_command(lessons=(LESSON,)) == before
    assert small.by_command() == small.results() == before


# ---- what goes wrong


def test_a_fault_of_the_grader_stops_nobody_else(small, monkeypatch):
    really = plugins.do

    def faulty(graded, job):
        if job.student == "ada":
            raise RuntimeError("a fault of ours")
        return really(graded, job)

    monkeypatch.setattr(plugins, "do", faulty)
    assert small.press()["success"]
    results = small.results()
    assert "a fault of ours" in results["ada"]["reason"] and results["ben"]["score"] == HONEST - 1
    monkeypatch.undo()
    assert small.by_command()["ada"]["score"] == HONEST  # tried again


def test_a_lesson_that_cannot_be_read_is_said_before_anything_is_touched(small):
    (small.root / "solutions" / f"{LESSON}.py").write_text("# %% exercise=1\nthis is no lesson")
    marks, files = small.marks(), small.files("autograded")
    answer = small.press()
    assert not answer["success"] and f"{LESSON}.py:2: this is not Python" in answer["error"]
    assert (small.marks(), small.files("autograded")) == (marks, files)


def test_a_setting_that_fails_never_lets_students_code_run_without_isolation(small, solved, hand_in, tmp_path):
    ran = tmp_path / "ran"
    hand_in(small.submitted, "eve", solved(mean=f"open({str(ran)!r}, 'w').close()\ndef mean(x): return x"))
    with pytest.raises(TraitError):
        small.api(exporter_class="autograder.nowhere.GradingExporter").autograde(LESSON, "eve")
    small.api(sanitize_preprocessors=["autograder.nowhere.Nothing"]).autograde(LESSON, "eve")
    assert not ran.exists()
    assert "eve" not in small.results()
