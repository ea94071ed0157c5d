"""Grading a whole class: from submissions to the gradebook, feedback pages, `grades.csv` and `results.jsonl`.

One bad submission never stops the others. Each ends in one recorded state: graded, partly graded, or not gradable with
the reason. A run that was interrupted goes on where it stopped: what has the same content, lesson version and seed is
not graded again. Submissions are graded wherever the executor does its work; only this process writes.
"""

import hashlib
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import nbformat
from nbgrader.utils import parse_utc
from sqlalchemy.exc import SQLAlchemyError

from autograder.build import grade_id
from autograder.executor import make_executor
from autograder.feedback import (
    describe_refusal,
    description_in,
    feedback_page,
    refused_notebook,
    reworded,
    with_description,
)
from autograder.grade import GradedLesson, Limits, prepare
from autograder.gradebook import MarksBook, publish
from autograder.job import Done, Job, do, try_sandbox
from autograder.lesson import find_lessons, read_lesson
from autograder.records import GRADED, NOT_GRADABLE, PARTLY, Results, kept_seed, note_time, write_csv, write_whole
from autograder.submission import MAX_BYTES, NotGradable, printable, take_notebook
from course_lib.checks.exercise import write_public
from course_lib.checks.verdict import BY_HAND

MOST_WAITING = 1000
MOST_WAITING_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Place:
    """Where one submission lies."""

    student: str
    lesson: str
    folder: Path


@dataclass(frozen=True)
class ClassRun:
    """What to grade and where to write.

    out        the course folder, with nbgrader's folders in it
    jobs       submissions at a time; None for the number of processors
    scheduler  address of a Dask scheduler whose workers grade, or None to grade here
    """

    submitted: Path
    out: Path
    solutions: Path
    db_url: str
    lessons: tuple[str, ...] = ()
    seed: int | None = None
    jobs: int | None = None
    scheduler: str | None = None
    sandbox: str = "auto"
    limits: Limits = field(default_factory=Limits)


def find_submissions(submitted: Path, lessons: tuple[str, ...]) -> list[Place]:
    """Return the submissions in nbgrader's layout STUDENT/LESSON/, ordered by student and lesson."""
    places = []
    for student in _folders(submitted):
        for folder in _folders(student):
            if not lessons or folder.name in lessons:
                places.append(Place(printable(student.name), printable(folder.name), folder))
    return places


def _folders(place: Path) -> list[Path]:
    """Return the folders in a folder, in order, but for hidden ones, which tools leave behind."""
    return sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))


def grade_class(run: ClassRun, progress: Callable[[int, int], None] = lambda done, total: None) -> list[dict]:
    """Grade every submission; return the results, one dict per submission, as they stand in `results.jsonl`.

    progress  called with the number of finished submissions and of all

    Raises ValueError for wrong usage, AuthoringError when a lesson cannot be read, SandboxUnavailable, and
    SQLAlchemyError when the gradebook is down or full; what was graded so far is then on the disk.
    """
    known = {path.stem: path for path in find_lessons(run.solutions)}
    wanted = tuple(path.stem for path in find_lessons(run.solutions, run.lessons)) if run.lessons else ()
    places = find_submissions(run.submitted, wanted)
    if not places:
        raise ValueError(f"There are no submissions in {run.submitted}; expected STUDENT/LESSON/LESSON.ipynb.")
    seed = kept_seed(run.out, run.seed)
    with make_executor(run.jobs, run.scheduler) as executor:
        lessons: dict[str, GradedLesson] = {}
        sandboxes = []  # they start while the gradebook does
        for name in sorted({place.lesson for place in places} & known.keys()):
            lessons[name] = prepare(read_lesson(known[name]), seed, run.limits)
            sandboxes.append(executor.submit(try_sandbox, lessons[name], run.sandbox))
            publish(lessons[name].release, name, write_public(lessons[name].public), run.out, run.db_url)
        for future in sandboxes:
            future.result()
        recorder = Recorder(run, lessons, seed)
        try:
            with Results(run.out) as file:
                results = [file.write(r) for r in file.latest() if wanted and r["lesson"] not in wanted]
                for done, result in enumerate(_results(places, recorder, file.earlier, executor), 1):
                    results.append(file.write(result))
                    progress(done, len(places))
        finally:
            recorder.book.close()
    results.sort(key=lambda result: (result["student"], result["lesson"]))
    write_csv(run.out / "grades.csv", results)
    return results


def _results(places: list[Place], recorder: "Recorder", earlier: dict[str, dict], executor: Executor) -> Iterator[dict]:
    """Yield the result for each place as it is ready. A bounded number of files is in memory at a time."""
    waiting: dict[Future, tuple[Place, str, int]] = {}
    try:
        for place in places:
            key = recorder.key(place)
            if key in earlier and recorder.stands(earlier[key]):
                yield recorder.refreshed(earlier[key])
                continue
            try:
                graded, job = recorder.job(place)
            except NotGradable as refusal:
                yield recorder.record(place, key, refusal)
                continue
            waiting[executor.submit(do, graded, job)] = (place, key, len(job.data))
            while len(waiting) >= MOST_WAITING or sum(size for *_, size in waiting.values()) > MOST_WAITING_BYTES:
                yield from _recorded(waiting, recorder)
        while waiting:
            yield from _recorded(waiting, recorder)
    except BaseException:  # the gradebook is gone, or the run was interrupted: what is not begun is left
        for future in waiting:
            future.cancel()
        raise


def _recorded(waiting: dict[Future, tuple[Place, str, int]], recorder: "Recorder") -> Iterator[dict]:
    """Wait until something is done; record it."""
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        place, key, _ = waiting.pop(future)
        try:
            end = future.result()
        except CancelledError:
            raise RuntimeError("The cluster is gone. What was graded so far is kept; run the same again.") from None
        except Exception as problem:
            end = problem
        yield recorder.record(place, key, end)


class Recorder:
    """Enters what was graded everywhere: gradebook, notebook, feedback page; makes its line of `results.jsonl`."""

    def __init__(self, run: ClassRun, lessons: dict[str, GradedLesson], seed: int) -> None:
        self.run, self.lessons, self.seed = run, lessons, seed
        self.book = MarksBook(run.db_url)
        self.marks: dict[str, dict] = {}  # of a lesson, in the gradebook when this run began

    def job(self, place: Place) -> tuple[GradedLesson, Job]:
        """Return what there is to do. Raises NotGradable when the file cannot be taken."""
        if place.lesson not in self.lessons:
            raise NotGradable(f"There is no lesson called {place.lesson}.")
        data, notes = take_notebook(place.folder, place.lesson)
        return self.lessons[place.lesson], Job(place.student, place.lesson, data, tuple(notes), self.run.sandbox)

    def key(self, place: Place) -> str:
        """Return what makes a grading the same: who, when, the content of the files, the lesson's version, the seed."""
        digest = hashlib.sha256()
        version = self.lessons[place.lesson].lesson.version if place.lesson in self.lessons else ""
        digest.update(repr((place.student, place.lesson, version, self.seed, _timestamp(place.folder))).encode())
        for path in sorted(place.folder.glob("*.ipynb")):
            digest.update(path.name.encode(errors="surrogateescape"))
            if path.is_file() and path.stat().st_size <= MAX_BYTES:
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def stands(self, result: dict) -> bool:
        """Whether an earlier result still stands everywhere: the page is there, and the same marks in the gradebook."""
        if not self.page(result["student"], result["lesson"]).is_file():
            return False
        if result["lesson"] not in self.lessons:
            return True
        if not self.notebook(result["student"], result["lesson"]).is_file():
            return False
        if result["lesson"] not in self.marks:
            self.marks[result["lesson"]] = self.book.marks(result["lesson"])
        entered = self.marks[result["lesson"]].get(result["student"])
        if entered is None or result["status"] == NOT_GRADABLE:
            return entered is not None and all(mark is None for mark in entered.values())
        points = {grade_id(e["id"]): None if e["verdict"] == BY_HAND else e["points"] for e in result["exercises"]}
        return entered == points

    def refreshed(self, result: dict) -> dict:
        """Return an earlier result with today's score and wording.

        Its page is remade when a person has given marks since, or when the lesson says something in other words.
        """
        student, name = result["student"], result["lesson"]
        if result["status"] == NOT_GRADABLE or name not in self.lessons:
            return result
        lesson, score = self.lessons[name].lesson, self.book.score(student, name)
        if score == result["score"] and result.get("wording") == lesson.wording:
            return result
        notebook = nbformat.read(self.notebook(student, name), as_version=4)
        about = description_in(notebook)
        if result.get("wording") != lesson.wording:
            about = reworded(about, lesson)
            write_whole(self.notebook(student, name), nbformat.writes(with_description(notebook, about)))
            said = {row["id"]: row["message"] for row in about["exercises"]}
            exercises = [row | {"message": said[row["id"]]} for row in result["exercises"]]
            self.book.reword(student, name, exercises)
            result = result | {"exercises": exercises, "wording": lesson.wording}
        self.write_page(student, name, about)
        return result | {"score": score}

    def record(self, place: Place, key: str, end: Done | Exception) -> dict:
        """Enter one finished job, or what it ended with, everywhere; return its result."""
        result = {"student": place.student, "lesson": place.lesson, "score": 0.0, "max_score": 0.0}
        result |= {"status": NOT_GRADABLE, "reason": "", "notes": [], "exercises": [], "feedback": ""}
        result |= {"sandbox": self.run.sandbox, "key": key}
        result["feedback"] = str(self.page(place.student, place.lesson).relative_to(self.run.out))
        submitted = _timestamp(place.folder)
        try:
            if isinstance(end, Exception):
                raise end
            return result | self._graded(end, submitted)
        except NotGradable as refusal:
            result["reason"] = printable(str(refusal))
        except SQLAlchemyError:  # the gradebook is down or full: every further mark would be lost
            raise
        except Exception as problem:  # a fault of ours: say so, keep the trace, go on with the class
            result["reason"] = printable(f"The grader failed on this submission ({type(problem).__name__}: {problem}).")
            result["key"] = ""  # so that the next run tries again
            trace = "".join(traceback.format_exception(problem))
            write_whole(self.run.out / ".grading" / f"{place.student}-{place.lesson}.txt", trace)
        return self._refused(result, submitted)

    def _graded(self, done: Done, submitted: datetime | None) -> dict:
        grading, submission = done.grading, done.grading.submission
        self.book.enter(grading, submitted)
        self.write_notebook(submission.student, submission.lesson, done.notebook, submitted)
        self.write_page(submission.student, submission.lesson, done.about)
        note_time(self.run.out, submission.student, submission.lesson, grading.seconds)
        fields = ("id", "points", "max_points", "verdict", "mistake", "message")
        return {
            "score": self.book.score(submission.student, submission.lesson),
            "max_score": sum(verdict.max_points for verdict in grading.verdicts),
            "status": PARTLY if done.unjudged else GRADED,
            "wording": self.lessons[submission.lesson].lesson.wording,
            "notes": submission.notes,
            "by_hand": sum(v.max_points for v in grading.verdicts if v.verdict == BY_HAND),
            "exercises": [
                {name: getattr(verdict, name) for name in fields} | {"mistake": verdict.mistake or None}
                for verdict in grading.verdicts
            ],
        }

    def _refused(self, result: dict, submitted: datetime | None) -> dict:
        student, name, graded = result["student"], result["lesson"], self.lessons.get(result["lesson"])
        about = describe_refusal(graded and graded.lesson, name, result["reason"])
        if graded:
            result["max_score"] = sum(exercise.check.points for exercise in graded.lesson.exercises.values())
            self.book.refuse(student, name, result["reason"], submitted)
            self.write_notebook(student, name, nbformat.writes(refused_notebook(graded.release, about)), submitted)
        self.write_page(student, name, about)
        return result

    # ---- files

    def notebook(self, student: str, lesson: str) -> Path:
        """Return where the autograded notebook lies."""
        return self.run.out / "autograded" / student / lesson / f"{lesson}.ipynb"

    def page(self, student: str, lesson: str) -> Path:
        """Return where the feedback page lies."""
        return self.run.out / "feedback" / student / lesson / f"{lesson}.html"

    def write_notebook(self, student: str, lesson: str, text: str, submitted: datetime | None) -> None:
        """Write the autograded notebook, and beside it the time by which nbgrader knows a later submission."""
        path = self.notebook(student, lesson)
        write_whole(path, text)
        if submitted:
            write_whole(path.with_name("timestamp.txt"), f"{submitted} UTC\n")
        else:
            path.with_name("timestamp.txt").unlink(missing_ok=True)

    def write_page(self, student: str, lesson: str, about: dict) -> None:
        """Write the feedback page, with what a person gave."""
        write_whole(self.page(student, lesson), feedback_page(student, lesson, about, self.book.given(student, lesson)))


def _timestamp(folder: Path) -> datetime | None:
    """Return the time of submission from nbgrader's `timestamp.txt`, in UTC without a zone as nbgrader keeps it."""
    path = folder / "timestamp.txt"
    try:
        if not path.is_file() or path.stat().st_size > 100:  # a named pipe would never end
            return None
        return parse_utc(path.read_text(encoding="utf-8").strip())
    except (OSError, ValueError, OverflowError):
        return None
