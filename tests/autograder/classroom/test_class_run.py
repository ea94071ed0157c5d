"""Grading a class: every submission ends in one recorded state, nothing is lost, nothing is graded twice."""

import csv
import json
import os
import shutil
import stat

import nbformat
import pytest
from nbgrader.api import Gradebook

import autograder.grading.job as job
from autograder.classroom.class_run import grade_class
from autograder.classroom.places import find_submissions
from autograder.classroom.recorder import ClassRun, Recorder
from autograder.classroom.results import Status
from autograder.grading.plain_text import plain_name
from autograder.grading.prepare import Limits

LESSON = "90_sample"
HONEST = 13.0
ODD_NAMES = ("Ada Lovelace", "grace.hopper", "Grüße-李", "o'neil; DROP TABLE", "=1+1", "<b>bold")
RECORDED = tuple(map(plain_name, ODD_NAMES))
ENTROPY = "sample.entropy"
MEAN = "def mean(x):\n    if len(x) == 0: raise ValueError\n    return x.sum() / len(x)"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")]


class Course:
    """A course folder with submissions, that can be graded again and again."""

    def __init__(self, root, sample_path, sandbox):
        self.root, self.submitted, self.sandbox = root, root / "submitted", sandbox
        for folder in (root / "solutions", self.submitted):
            folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(sample_path, root / "solutions")
        self.db_url = f"sqlite:///{root / 'gradebook.db'}"

    def grade(self, progress=lambda done, total: None, **options):
        """Grade everything; return the results by student."""
        options = {"seed": 5, "sandbox": self.sandbox, "limits": Limits(cell=4.0, case=1.5, idle=2.0)} | options
        run = ClassRun(self.submitted, self.root, self.root / "solutions", self.db_url, **options)
        return {result.student: result.to_document() for result in grade_class(run, progress)}

    def rewrite(self, old, new):
        """Change the lesson."""
        lesson = self.root / "solutions" / f"{LESSON}.py"
        text = lesson.read_text(encoding="utf-8")
        assert text.count(old) == 1
        lesson.write_text(text.replace(old, new), encoding="utf-8")

    def page(self, student):
        return (self.root / "feedback" / student / LESSON / f"{LESSON}.html").read_text(encoding="utf-8")

    def lines(self):
        return [json.loads(line) for line in (self.root / "results.jsonl").read_text(encoding="utf-8").splitlines()]

    def table(self):
        with (self.root / "grades.csv").open(encoding="utf-8", newline="") as file:
            return {row["student"].removeprefix("'"): row for row in csv.DictReader(file)}


def point_of(result, name):
    return next(e for e in result["exercises"] if e["id"] == f"sample.{name}")


# ---- one class with everything in it


@pytest.fixture(scope="module")
def course(tmp_path_factory, sample_path, sandbox, solved, hand_in):
    """A class that was graded once; (course, results)."""
    course = Course(tmp_path_factory.mktemp("course"), sample_path, sandbox)
    for name in ("ada", *ODD_NAMES):
        hand_in(course.submitted, name, solved())
    hand_in(course.submitted, "crash", solved(mean="import os\ndef mean(x): os._exit(0)"))
    hand_in(course.submitted, "raises half", solved(count="def count(ids, vocab_size):\n    raise KeyError('\\ud800')"))
    half = nbformat.writes(solved(why_nats="HALF", mean=f"half = 'HALF'\n{MEAN}"))
    hand_in(course.submitted, "writes half", half.replace("HALF", "\\ud800"))
    hand_in(course.submitted, "truncated", nbformat.writes(solved())[:500])
    hand_in(course.submitted, "empty", "")
    hand_in(course.submitted, "stubs", solved(**dict.fromkeys(_names(solved))))
    hand_in(course.submitted, "other", solved(), lesson="91_unknown")
    hand_in(course.submitted, ".hidden", solved())
    (course.submitted / "late" / LESSON).mkdir(parents=True)
    (course.submitted / "notes.txt").write_text("")
    path = hand_in(course.submitted, "timed", solved())
    (path.parent / "timestamp.txt").write_text("2026-03-04 10:00:00 UTC\n")
    with open(os.fsencode(course.submitted) + b"/caf\xe9", "w"):
        pass
    folder = os.fsencode(course.submitted) + b"/ren\xe9/" + LESSON.encode()
    os.makedirs(folder)
    with open(folder + f"/{LESSON}.ipynb".encode(), "w", encoding="utf-8") as file:
        file.write(nbformat.writes(solved()))
    return course, course.grade()


def _names(solved):
    return [
        c.metadata["course"]["exercise"].split(".")[1]
        for c in solved().cells
        if c.metadata["course"].get("role") in ("exercise", "answer")
    ]


def test_the_honest_earn_everything_whatever_their_names(course):
    _, results = course
    for name in ("ada", *RECORDED, "timed", "ren\\udce9"):
        assert (results[name]["status"], results[name]["score"], results[name]["max_score"]) == (
            Status.GRADED,
            HONEST,
            16.0,
        )
        assert results[name]["by_hand"] == 3.0


def test_a_crash_costs_one_exercise_of_one_student(course):
    _, results = course
    assert results["crash"]["score"] == HONEST - 1
    assert point_of(results["crash"], "mean")["verdict"] == "error"


def test_half_characters_stop_nobody(course):
    made, results = course
    assert results["raises half"]["score"] == HONEST - 1
    assert results["writes half"]["score"] == HONEST
    assert "\\ud800" in made.page("raises half") and "\\ud800" in made.page("writes half")


@pytest.mark.parametrize(
    ("student", "reason"),
    [
        ("truncated", "broken JSON"),
        ("empty", "empty"),
        ("late", "no notebook"),
        ("other", "no lesson called 91_unknown"),
    ],
)
def test_what_cannot_be_graded_is_recorded_with_the_reason_and_no_mark(course, student, reason):
    made, results = course
    assert (results[student]["status"], results[student]["exercises"]) == (Status.NOT_GRADABLE, [])
    assert reason in results[student]["reason"]
    assert made.table()[student]["score"] == "" and reason in made.table()[student]["reason"]


def test_every_submission_is_in_every_record_once(course):
    made, results = course
    students = {"ada", *RECORDED, "crash", "raises half", "writes half", "truncated", "empty", "stubs", "other"}
    students |= {"late", "timed", "ren\\udce9"}
    assert set(results) == students
    assert sorted(line["student"] for line in made.lines()) == sorted(students)
    assert set(made.table()) == students
    assert not (made.root / "results.jsonl.part").exists()


def test_a_result_has_the_fields_that_others_rely_on(course):
    made, _ = course
    for line in made.lines():
        assert {"student", "lesson", "score", "max_score", "status", "reason", "exercises"} <= line.keys()
        assert line["status"] in ("graded", "partly graded", "not gradable")
        for exercise in line["exercises"]:
            assert exercise.keys() == {
                "id", "points", "max_points", "verdict", "mistake", "symptom", "message", "helped"
            }  # fmt: skip
            assert exercise["message"] and (exercise["mistake"] is None or exercise["verdict"] == "mistake")
    line = next(line for line in made.lines() if line["student"] == "ada")
    assert line["exercises"][0]["id"] == ENTROPY


def test_a_spreadsheet_takes_no_name_for_a_formula(course):
    made, _ = course
    assert made.table()["=1+1"]["student"] == "'=1+1"


def test_zero_and_not_graded_are_not_the_same(course):
    made, results = course
    assert results["stubs"]["status"] == Status.GRADED and results["stubs"]["score"] == 0.0
    assert made.table()["stubs"]["score"] == "0.0"


def test_there_is_a_page_for_everybody_and_it_says_the_score(course):
    made, results = course
    for result in results.values():
        page = (made.root / result["feedback"]).read_text(encoding="utf-8")
        assert "<script" not in page
        assert ("Not graded yet" in page) == (result["status"] == Status.NOT_GRADABLE)
    assert '13 <span style="font-size:1.2rem;font-weight:400">of 16 points</span>' in made.page("ada")
    page = made.page(plain_name("<b>bold"))
    assert r"\x3cb\x3ebold" in page and "<b>bold" not in page


def test_the_gradebook_knows_the_marks(course):
    made, results = course
    with Gradebook(made.db_url) as book:
        for student in ("ada", *RECORDED, "crash", "stubs"):
            submission = book.find_submission(LESSON, student)
            assert submission.score == results[student]["score"] and submission.max_score == 16.0
            assert submission.needs_manual_grade == (student != "stubs")
        grade = book.find_grade("sample-mean", LESSON, LESSON, "crash")
        assert (grade.auto_score, grade.needs_manual_grade) == (0.0, False)
        comment = book.find_comment("sample-mean-answer", LESSON, LESSON, "crash")
        assert comment.auto_comment.startswith("error: It ended the Python process")


def test_a_free_text_waits_for_a_person(course):
    made, _ = course
    with Gradebook(made.db_url) as book:
        grade = book.find_grade("sample-why_nats", LESSON, LESSON, "ada")
        assert (grade.auto_score, grade.needs_manual_grade) == (None, True)
        untouched = book.find_grade("sample-why_nats", LESSON, LESSON, "stubs")
        assert (untouched.auto_score, untouched.needs_manual_grade) == (0.0, False)


def test_what_is_not_gradable_has_no_mark_in_the_gradebook_and_asks_for_a_person(course):
    made, _ = course
    with Gradebook(made.db_url) as book:
        for student in ("truncated", "empty", "late"):
            grades = [
                grade for notebook in book.find_submission(LESSON, student).notebooks for grade in notebook.grades
            ]
            assert len(grades) == 10
            assert all(grade.auto_score is None and grade.needs_manual_grade for grade in grades)


def test_the_time_of_submission_is_kept(course):
    made, _ = course
    with Gradebook(made.db_url) as book:
        assert str(book.find_submission(LESSON, "timed").timestamp) == "2026-03-04 10:00:00"
        assert book.find_submission(LESSON, "ada").timestamp is None


def test_formgrader_finds_the_autograded_notebook_with_the_locked_cells(course):
    made, _ = course
    notebook = nbformat.read(made.root / "autograded" / "ada" / LESSON / f"{LESSON}.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert any(cell.source == 'check("sample.entropy")' for cell in notebook.cells)
    assert any("reference_word" in cell.source for cell in notebook.cells)  # ada wrote just that


def test_only_the_grader_can_read_the_seed(course):
    made, _ = course
    path = made.root / ".grading" / "seed"
    assert path.read_text() == "5"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nbgraders_own_export_shows_the_scores(course, tmp_path):
    from nbgrader.apps import ExportApp

    made, results = course
    target = tmp_path / "export.csv"
    app = ExportApp(parent=None)
    app.initialize(
        [f"--CourseDirectory.db_url={made.db_url}", f"--to={target}", "--exporter=nbgrader.plugins.CsvExportPlugin"]
    )
    app.start()
    ExportApp.clear_instance()
    with target.open(encoding="utf-8", newline="") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert {name: scores[name] for name in ("ada", *RECORDED, "crash")} == {
        name: results[name]["score"] for name in ("ada", *RECORDED, "crash")
    }


# ---- again, and again


@pytest.fixture(scope="module")
def template(tmp_path_factory, sample_path, sandbox, solved, hand_in):
    """A class of three that was graded once: the folder, and the results."""
    course = Course(tmp_path_factory.mktemp("template") / "course", sample_path, sandbox)
    hand_in(course.submitted, "ada", solved())
    hand_in(course.submitted, "ben", solved(mean="def mean(x): return x"))
    hand_in(course.submitted, "cut", "{")
    return course.root, course.grade()


@pytest.fixture
def small(template, tmp_path, sample_path, sandbox, monkeypatch):
    """A copy of that class. `small.first` are its results; `small.graded` will count who is graded from here on."""
    shutil.copytree(template[0], tmp_path / "course")
    course = Course(tmp_path / "course", sample_path, sandbox)
    course.first, course.graded = template[1], []
    really = Recorder.job

    def counted(recorder, place, taken):
        course.graded.append(place.student)
        return really(recorder, place, taken)

    monkeypatch.setattr(Recorder, "job", counted)
    return course


def without_time(lines):
    return sorted(json.dumps(line, sort_keys=True) for line in lines)


def test_a_second_run_grades_nothing_and_says_the_same(small):
    lines = small.lines()
    assert small.grade() == small.first
    assert small.graded == []
    assert without_time(small.lines()) == without_time(lines)


def test_without_a_seed_the_first_one_is_kept(small):
    assert small.grade(seed=None) == small.first
    assert small.graded == []
    (small.root / ".grading" / "seed").unlink()
    small.grade(seed=None)
    drawn = (small.root / ".grading" / "seed").read_text()
    assert drawn.isdigit() and len(small.graded) == 3
    small.grade(seed=None)
    assert (small.root / ".grading" / "seed").read_text() == drawn and len(small.graded) == 3


def test_a_resubmission_another_seed_and_another_version_are_graded_anew(small, solved, hand_in):
    hand_in(small.submitted, "ben", solved())
    assert small.grade()["ben"]["score"] == HONEST
    assert small.graded == ["ben"]
    small.grade(seed=6)
    assert sorted(small.graded[1:]) == ["ada", "ben", "cut"]
    small.rewrite('"p": torch.tensor([1.0, 0.0])', '"p": torch.tensor([0.0, 1.0])')
    small.grade(seed=6)
    assert sorted(small.graded[4:]) == ["ada", "ben", "cut"]


def test_a_hint_corrected_in_mid_term_grades_nobody_again_and_everybody_reads_it(small, solved, hand_in):
    old, new = "You measured in bits", "You took the binary logarithm, not the natural one"
    hand_in(small.submitted, "bits", solved(entropy="def entropy(p):\n    return -(p * p.log2()).nansum(-1)"))
    before = small.grade()
    assert old in small.page("bits") and point_of(before["bits"], "entropy")["mistake"] == "bits"
    del small.graded[:]
    small.rewrite(old, new)
    small.rewrite("What does `0 * log(0)` give", "What is `0 * log(0)` here")
    after = small.grade()
    assert small.graded == []
    assert {name: result["score"] for name, result in after.items()} == {n: r["score"] for n, r in before.items()}
    assert "not the natural one" in point_of(after["bits"], "entropy")["message"]
    page = small.page("bits")
    assert old not in page and "not the natural one" in page and "What is" in page
    with Gradebook(small.db_url) as gradebook:
        comments = gradebook.find_submission_notebook(LESSON, LESSON, "bits").comments
        assert [c.auto_comment for c in comments if "natural" in (c.auto_comment or "")] == [
            f"mistake: {point_of(after['bits'], 'entropy')['message']}"
        ]
    assert small.grade() == after and small.graded == []


def test_prose_changed_in_mid_term_touches_nothing(small):
    before, page = small.lines(), small.page("ada")
    small.rewrite("one small exercise of each kind", "one exercise of each kind")
    small.grade()
    assert small.graded == [] and small.page("ada") == page
    assert without_time(small.lines()) == without_time(before)


class Killed(BaseException):
    pass


def test_a_run_that_was_killed_goes_on_where_it_stopped(small):
    for name in ("results.jsonl", "grades.csv"):
        (small.root / name).unlink()
    shutil.rmtree(small.root / "feedback")

    def kill(done, total):
        if done == 2:
            raise Killed

    with pytest.raises(Killed):
        small.grade(progress=kill, jobs=1)
    part = small.root / "results.jsonl.part"
    assert len(part.read_text().splitlines()) == 2
    part.write_text(part.read_text() + '{"student": "ben", "les')  # and the disk was full
    del small.graded[:]
    assert small.grade() == small.first
    assert len(small.graded) == 1
    assert without_time(small.lines()) == without_time(small.first.values())


def test_a_result_whose_page_or_mark_is_gone_is_made_again(small):
    (small.root / "feedback" / "ada" / LESSON / f"{LESSON}.html").unlink()
    small.grade()
    assert small.graded == ["ada"]
    (small.root / "gradebook.db").unlink()
    assert small.grade() == small.first
    assert sorted(small.graded[1:]) == ["ada", "ben", "cut"]


def test_a_mark_that_a_person_gave_survives_a_regrade(small, solved, hand_in):
    with Gradebook(small.db_url) as book:
        for name, score in (("sample-why_nats", 2.5), ("sample-mean", 0.5)):
            grade = book.find_grade(name, LESSON, LESSON, "ben")
            grade.manual_score, grade.needs_manual_grade = score, False
        book.db.commit()
    assert small.grade(seed=6)["ben"]["score"] == HONEST - 1 + 3.0
    with Gradebook(small.db_url) as book:
        assert not book.find_submission(LESSON, "ben").needs_manual_grade
    hand_in(small.submitted, "ben", solved())
    assert small.grade(seed=6)["ben"]["score"] == HONEST - 1 + 3.0
    with Gradebook(small.db_url) as book:
        grade = book.find_grade("sample-mean", LESSON, LESSON, "ben")
        assert (grade.manual_score, grade.auto_score, grade.needs_manual_grade) == (0.5, 1.0, True)


def test_an_old_mark_does_not_stand_for_a_submission_that_cannot_be_graded(small, hand_in, solved):
    hand_in(small.submitted, "ada", "{")
    result = small.grade()["ada"]
    assert (result["status"], result["score"]) == (Status.NOT_GRADABLE, 0.0)
    with Gradebook(small.db_url) as book:
        submission = book.find_submission(LESSON, "ada")
        assert submission.score == 0 and submission.needs_manual_grade
    hand_in(small.submitted, "ada", solved())
    assert small.grade()["ada"]["score"] == HONEST


@pytest.mark.parametrize("where", ["grade_submission", "describe", "autograded_notebook"])
def test_a_fault_of_the_grader_stops_no_other_and_is_tried_again(small, monkeypatch, where):
    really = getattr(job, where)

    def faulty(*arguments, **options):
        submission = next(
            a for a in (*arguments, *(getattr(a, "submission", None) for a in arguments)) if hasattr(a, "student")
        )
        if submission.student == "ada":
            raise RuntimeError("a fault of ours")
        return really(*arguments, **options)

    monkeypatch.setattr(job, where, faulty)
    results = small.grade(seed=6)
    assert (results["ada"]["status"], results["ben"]["score"]) == (Status.NOT_GRADABLE, HONEST - 1)
    assert "a fault of ours" in results["ada"]["reason"]
    assert "Traceback" in (small.root / ".grading" / f"ada-{LESSON}.txt").read_text()
    monkeypatch.setattr(job, where, really)
    del small.graded[:]
    assert small.grade(seed=6)["ada"]["score"] == HONEST
    assert small.graded == ["ada"]


def test_only_the_named_lessons_are_graded(small, hand_in, solved):
    hand_in(small.submitted, "ada", solved(), lesson="91_other")
    assert all(result["lesson"] == LESSON for result in small.grade(lessons=("sample",)).values())
    with pytest.raises(ValueError, match="90_sample"):
        small.grade(lessons=("marzipan",))


def test_grading_one_lesson_keeps_what_was_recorded_of_the_others(small, sample_path, hand_in, solved):
    text = sample_path.read_text(encoding="utf-8")
    other = text.replace("sample.", "another.")
    (small.root / "solutions" / "91_another.py").write_text(other, encoding="utf-8")
    hand_in(small.submitted, "zoe", "{", lesson="91_another")
    small.grade(lessons=("91_another",))
    assert {(line["student"], line["lesson"]) for line in small.lines()} == {
        ("ada", LESSON),
        ("ben", LESSON),
        ("cut", LESSON),
        ("zoe", "91_another"),
    }
    del small.graded[:]
    small.grade()
    assert small.graded == []


def test_no_submissions_is_wrong_usage(tmp_path, sample_path, sandbox):
    with pytest.raises(ValueError, match="STUDENT/LESSON"):
        Course(tmp_path, sample_path, sandbox).grade()


def test_submissions_are_found_in_order_and_hidden_folders_are_not(tmp_path):
    for name in ("b/90_sample", "a/90_sample", "a/01_x", "a/.ipynb_checkpoints", ".git/objects"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a" / "file").write_text("")
    places = [(place.student, place.lesson) for place in find_submissions(tmp_path, ["01_x", "90_sample"])]
    assert places == [("a", "01_x"), ("a", "90_sample"), ("b", "90_sample")]
    assert [p.student for p in find_submissions(tmp_path, ["01_x", "90_sample"], ["90_sample"])] == ["a", "b"]


def test_another_set_of_exercises_in_an_old_gradebook_is_refused_clearly(small):
    lesson = small.root / "solutions" / f"{LESSON}.py"
    text = lesson.read_text(encoding="utf-8").replace("nats_in_a_bit", "nats_in_a_bit_2")
    lesson.write_text(text, encoding="utf-8")
    with pytest.raises(RuntimeError, match="Use a new gradebook"):
        small.grade()
    assert {line["student"]: line for line in small.lines()} == small.first  # what was there is still there
