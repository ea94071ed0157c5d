"""Grading a whole class: from submissions to the gradebook, feedback pages, `grades.csv` and `results.jsonl`.

One bad submission never stops the others. Each ends in one recorded state: graded, partly graded, or not gradable with
the reason. A run that was interrupted goes on where it stopped: what has the same content, lesson version and seed is
not graded again.
"""

import csv
import hashlib
import json
import os
import random
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.utils import parse_utc
from sqlalchemy.exc import SQLAlchemyError

from autograder.executor import make_executor
from autograder.feedback import feedback_page, refusal_page
from autograder.grade import GradedLesson, Grading, Limits, grade_submission, prepare
from autograder.gradebook import MarksBook, publish, write_notebook
from autograder.lesson import find_lessons, read_lesson
from autograder.sandbox.session import Session, withheld_names
from autograder.submission import MAX_BYTES, NotGradable, autograded_notebook, printable, read_submission
from course_lib.checks.exercise import write_public
from course_lib.checks.verdict import BY_HAND, ERROR, MEMORY, TIMEOUT, Verdict

GRADED, PARTLY, NOT_GRADABLE = "graded", "partly graded", "not gradable"


@dataclass(frozen=True)
class Place:
    """Where one submission lies."""

    student: str
    lesson: str
    folder: Path


@dataclass(frozen=True)
class ClassRun:
    """What to grade and where to write. out: the course folder, with nbgrader's folders in it."""

    submitted: Path
    out: Path
    solutions: Path
    db_url: str
    lessons: tuple[str, ...] = ()
    seed: int | None = None
    jobs: int | None = None
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

    Raises ValueError for wrong usage, AuthoringError when a lesson cannot be read, SandboxUnavailable.
    """
    known = {path.stem: path for path in find_lessons(run.solutions)}
    wanted = tuple(path.stem for path in find_lessons(run.solutions, run.lessons)) if run.lessons else ()
    places = find_submissions(run.submitted, wanted)
    if not places:
        raise ValueError(f"There are no submissions in {run.submitted}; expected STUDENT/LESSON/LESSON.ipynb.")
    seed = _seed(run)
    lessons: dict[str, GradedLesson] = {}
    for name in sorted({place.lesson for place in places} & known.keys()):
        lessons[name] = prepare(read_lesson(known[name]), seed, run.limits)
        publish(lessons[name].release, name, write_public(lessons[name].public), run.out, run.db_url)
    for graded in lessons.values():
        with Session(withheld_names(graded.lesson), run.sandbox):  # refused now rather than in the middle
            pass
    earlier = {result["key"]: result for result in _read_results(run.out)}
    book = MarksBook(run.db_url)
    results: list[dict] = []
    try:
        with _Results(run.out) as file, make_executor(run.jobs) as executor:
            waiting: dict[Future, tuple[Place, str]] = {}
            for place in places:
                key = _key(place, lessons.get(place.lesson), seed)
                if key in earlier and _is_complete(run, book, earlier[key]):
                    results.append(file.write(earlier[key]))
                else:
                    waiting[executor.submit(_grade, place, lessons.get(place.lesson), run.sandbox)] = (place, key)
            try:
                for future in as_completed(tuple(waiting)):
                    place, key = waiting.pop(future)
                    results.append(file.write(_record(run, book, place, lessons.get(place.lesson), key, future)))
                    progress(len(results), len(places))
            except BaseException:  # the gradebook is gone, or the run was interrupted: what is not begun is left
                for future in waiting:
                    future.cancel()
                raise
    finally:
        book.close()
    results.sort(key=lambda result: (result["student"], result["lesson"]))
    _write_csv(run.out / "grades.csv", results)
    return results


def _is_complete(run: ClassRun, book: MarksBook, result: dict) -> bool:
    """Whether an earlier result still stands everywhere: the page is there, and the gradebook knows the submission."""
    entered = result["max_score"] == 0 or book.has(result["student"], result["lesson"])
    return entered and (run.out / result["feedback"]).is_file()


def _grade(place: Place, graded: GradedLesson | None, sandbox: str) -> Grading:
    if graded is None:
        raise NotGradable(f"There is no lesson called {place.lesson}.")
    submission = read_submission(place.student, place.lesson, place.folder, graded.release)
    return grade_submission(graded, submission, sandbox)


def _record(
    run: ClassRun, book: MarksBook, place: Place, graded: GradedLesson | None, key: str, future: Future
) -> dict:
    """Enter one finished grading everywhere; return its result."""
    submitted = _timestamp(place.folder)
    page = Path("feedback") / place.student / place.lesson / f"{place.lesson}.html"
    result = {"student": place.student, "lesson": place.lesson, "score": 0.0, "max_score": 0.0, "status": NOT_GRADABLE}
    result |= {"reason": "", "notes": [], "exercises": [], "feedback": str(page), "sandbox": run.sandbox, "key": key}
    try:
        return _record_grading(run, book, graded, future.result(), submitted, result)
    except NotGradable as refusal:
        result["reason"] = printable(str(refusal))
    except SQLAlchemyError:  # the gradebook is down or full: every further mark would be lost
        raise
    except Exception as problem:  # a fault of ours: say so, keep the trace, go on with the class
        result["reason"] = printable(f"The grader failed on this submission ({type(problem).__name__}: {problem}).")
        result["key"] = ""  # so that the next run tries again
        trace = "".join(traceback.format_exception(problem))
        _write(run.out / ".grading" / f"{place.student}-{place.lesson}.txt", trace)
    if graded is not None:
        result["max_score"] = sum(exercise.check.points for exercise in graded.lesson.exercises.values())
        book.refuse(place.student, place.lesson, result["reason"], submitted)
    title = graded.lesson.title if graded else place.lesson
    _write(run.out / page, refusal_page(place.student, place.lesson, title, result["reason"]))
    return result


def _record_grading(
    run: ClassRun, book: MarksBook, graded: GradedLesson, grading: Grading, submitted: datetime | None, result: dict
) -> dict:
    submission = grading.submission
    book.enter(grading, submitted)
    notebook = autograded_notebook(submission, graded.release, grading.outputs)
    path = Path("autograded") / submission.student / submission.lesson / f"{submission.lesson}.ipynb"
    write_notebook(notebook, run.out / path)
    _write(run.out / result["feedback"], feedback_page(graded, grading, run.sandbox))
    return result | {
        "score": book.score(submission.student, submission.lesson),
        "max_score": sum(verdict.max_points for verdict in grading.verdicts),
        "status": PARTLY if any(_is_unjudged(verdict) for verdict in grading.verdicts) else GRADED,
        "notes": submission.notes,
        "by_hand": sum(v.max_points for v in grading.verdicts if v.verdict == BY_HAND),
        "exercises": [
            {
                "id": verdict.id,
                "points": verdict.points,
                "max_points": verdict.max_points,
                "verdict": verdict.verdict,
                "mistake": verdict.mistake or None,
                "message": verdict.message,
            }
            for verdict in grading.verdicts
        ],
    }


def _is_unjudged(verdict: Verdict) -> bool:
    """Whether an exercise could not be judged on its outcomes: its code did not run, or did not end."""
    return verdict.verdict in (TIMEOUT, MEMORY) or (verdict.verdict == ERROR and not verdict.judged)


# ---- files


def _seed(run: ClassRun) -> int:
    """Return the run's seed: the one asked for, the one kept in this folder, or a new one. Only the grader reads it."""
    path = run.out / ".grading" / "seed"
    if run.seed is not None:
        seed = run.seed
    elif path.is_file():
        return int(path.read_text())
    else:
        seed = random.SystemRandom().randrange(2**31)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    path.write_text(str(seed))
    path.chmod(0o600)
    return seed


def _key(place: Place, graded: GradedLesson | None, seed: int) -> str:
    """Return what makes a grading the same: who, the content of the files, the lesson's version, the seed."""
    digest = hashlib.sha256()
    version = graded.lesson.version if graded else ""
    digest.update(repr((place.student, place.lesson, version, seed)).encode())
    for path in sorted(place.folder.glob("*.ipynb")):
        digest.update(path.name.encode())
        if path.is_file() and path.stat().st_size <= MAX_BYTES:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _timestamp(folder: Path) -> datetime | None:
    """Return the time of submission from nbgrader's `timestamp.txt`, in UTC without a zone as nbgrader keeps it."""
    path = folder / "timestamp.txt"
    try:
        if not path.is_file() or path.stat().st_size > 100:  # a named pipe would never end
            return None
        return parse_utc(path.read_text(encoding="utf-8").strip())
    except (OSError, ValueError, OverflowError):
        return None


def _read_results(out: Path) -> Iterator[dict]:
    """Yield the results of earlier runs; a line that was cut off when a run was killed is passed over."""
    files = [path for path in (out / "results.jsonl", out / "results.jsonl.part") if path.is_file()]
    for line in "\n".join(path.read_text(encoding="utf-8") for path in files).splitlines():
        try:
            result = json.loads(line)
        except ValueError:
            continue
        if isinstance(result, dict) and result.get("key"):
            yield result


class _Results:
    """`results.jsonl` while a run writes it: to a file beside it line by line, which takes its place at the end."""

    def __init__(self, out: Path) -> None:
        self.path, self.part = out / "results.jsonl", out / "results.jsonl.part"

    def __enter__(self) -> "_Results":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.part.exists():  # a run was interrupted: what it had graded is kept
            with self.path.open("a", encoding="utf-8") as file:
                file.write(self.part.read_text(encoding="utf-8") + "\n")
            self.part.unlink()
        self.file = self.part.open("w", encoding="utf-8", errors="backslashreplace")
        return self

    def write(self, result: dict) -> dict:
        self.file.write(json.dumps(result, ensure_ascii=False) + "\n")
        self.file.flush()
        return result

    def __exit__(self, kind: type | None, error: object, trace: object) -> None:
        self.file.close()
        if kind is None:
            os.replace(self.part, self.path)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="xmlcharrefreplace")


def _write_csv(path: Path, results: list[dict]) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "lesson", "status", "score", "max_score", "by_hand", "reason", "graded"])
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for result in results:
            graded = result["status"] != NOT_GRADABLE
            score = result["score"] if graded else ""  # not graded is not zero
            row = [result["student"], result["lesson"], result["status"], score, result["max_score"]]
            writer.writerow([*row, result.get("by_hand", 0), result["reason"], now])
