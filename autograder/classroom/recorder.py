"""Entering what was graded everywhere: gradebook, notebook for Formgrader, feedback page, and the line of results."""

import hashlib
import traceback
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Self

import nbformat
from nbgrader.utils import parse_utc
from sqlalchemy.exc import SQLAlchemyError

from autograder.classroom.gradebook import MarksBook
from autograder.classroom.records import note_time
from autograder.classroom.results import ExerciseResult, Result, Status
from autograder.classroom.whole_files import write_whole
from autograder.grading.feedback import (
    describe_refusal,
    description_in,
    feedback_page,
    refused_notebook,
    reworded,
    with_description,
)
from autograder.grading.grade import GradedLesson, Limits
from autograder.grading.job import Done, Job
from autograder.grading.plain_text import printable
from autograder.grading.refusal import NotGradable
from autograder.grading.regular_file import opened_folder, read_file
from autograder.grading.submitted_file import take_notebook
from course_lib.judging.verdict import VerdictKind


@dataclass(frozen=True)
class Place:
    """Where one submission lies."""

    student: str
    lesson: str
    folder: Path


@dataclass(frozen=True)
class Taken:
    """What was found of a submission, read once. refusal: why there is nothing to grade, or None."""

    data: bytes = b""
    notes: tuple[str, ...] = ()
    refusal: NotGradable | None = None

    @classmethod
    def of(cls, place: Place) -> Self:
        """Read the notebook of a submission."""
        try:
            data, notes = take_notebook(place.folder, place.lesson)
            return cls(data, tuple(notes))
        except NotGradable as refusal:
            return cls(refusal=refusal)


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


class Recorder:
    """Enters what was graded; knows what stands already from an earlier run."""

    def __init__(self, run: ClassRun, lessons: dict[str, GradedLesson], seed: int) -> None:
        self.run, self.lessons, self.seed = run, lessons, seed
        self.book = MarksBook(run.db_url)
        self.marks: dict[str, dict] = {}  # of a lesson, in the gradebook when this run began

    def job(self, place: Place, taken: Taken) -> tuple[GradedLesson, Job]:
        """Return what there is to do. Raises NotGradable when there is no such lesson or no file to grade."""
        if place.lesson not in self.lessons:
            raise NotGradable(f"There is no lesson called {place.lesson}.")
        if taken.refusal:
            raise taken.refusal
        job = Job(place.student, place.lesson, taken.data, taken.notes, self.run.sandbox)
        return self.lessons[place.lesson], job

    def key(self, place: Place, taken: Taken) -> str:
        """Return what makes a grading the same: who, when, what was handed in, the lesson's version, the seed."""
        version = self.lessons[place.lesson].lesson.version if place.lesson in self.lessons else ""
        who = (place.student, place.lesson, version, self.seed, _timestamp(place.folder))
        digest = hashlib.sha256(repr((*who, taken.notes, str(taken.refusal))).encode(errors="backslashreplace"))
        digest.update(taken.data)
        return digest.hexdigest()

    def stands(self, result: Result) -> bool:
        """Whether an earlier result still stands everywhere: the page is there, and the same marks in the gradebook."""
        if not self.page(result.student, result.lesson).is_file():
            return False
        if result.lesson not in self.lessons:
            return True
        if not self.notebook(result.student, result.lesson).is_file():
            return False
        if result.lesson not in self.marks:
            self.marks[result.lesson] = self.book.marks(result.lesson)
        entered = self.marks[result.lesson].get(result.student)
        if entered is None or result.status == Status.NOT_GRADABLE:
            return entered is not None and all(mark is None for mark in entered.values())
        by_hand = VerdictKind.BY_HAND
        return entered == {e.id.grade_id: None if e.verdict == by_hand else e.points for e in result.exercises}

    def refreshed(self, result: Result) -> Result:
        """Return an earlier result with today's score and wording.

        Its page is remade when a grader has given marks since, or when the lesson says something in other words.
        """
        if result.status == Status.NOT_GRADABLE or result.lesson not in self.lessons:
            return result
        lesson, score = self.lessons[result.lesson].lesson, self.book.score(result.student, result.lesson)
        if score == result.score and result.wording == lesson.wording:
            return result
        path = self.notebook(result.student, result.lesson)
        notebook = nbformat.read(path, as_version=4)
        about = description_in(notebook)
        if result.wording != lesson.wording:
            about = reworded(about, lesson)
            write_whole(path, nbformat.writes(with_description(notebook, about)))
            said = {row["id"]: row["message"] for row in about["exercises"]}
            exercises = tuple(replace(exercise, message=said[exercise.id]) for exercise in result.exercises)
            self.book.reword(result.student, result.lesson, exercises)
            result = replace(result, exercises=exercises, wording=lesson.wording)
        self.write_page(result.student, result.lesson, about)
        return replace(result, score=score)

    def record(self, place: Place, key: str, end: Done | Exception) -> Result:
        """Enter one finished job, or what it ended with, everywhere; return its result."""
        submitted = _timestamp(place.folder)
        try:
            if isinstance(end, Exception):
                raise end
            return self._graded(place, key, end, submitted)
        except NotGradable as refusal:
            return self._refused(place, key, printable(str(refusal)), submitted)
        except SQLAlchemyError:  # the gradebook is down or full: every further mark would be lost
            raise
        except Exception as problem:  # a fault of ours: say so, keep the trace, go on with the class
            trace = "".join(traceback.format_exception(problem))
            write_whole(self.run.out / ".grading" / f"{place.student}-{place.lesson}.txt", trace)
            reason = f"The grader failed on this submission ({type(problem).__name__}: {problem})."
            return self._refused(place, "", printable(reason), submitted)  # without a key the next run tries again

    def _graded(self, place: Place, key: str, done: Done, submitted: datetime | None) -> Result:
        grading = done.grading
        self.book.enter(grading, submitted)
        self.write_notebook(place.student, place.lesson, done.notebook, submitted)
        self.write_page(place.student, place.lesson, done.about)
        note_time(self.run.out, place.student, place.lesson, grading.seconds)
        return Result(
            student=place.student,
            lesson=place.lesson,
            score=self.book.score(place.student, place.lesson),
            max_score=sum(verdict.max_points for verdict in grading.verdicts),
            status=Status.PARTLY if done.unjudged else Status.GRADED,
            notes=tuple(grading.submission.notes),
            exercises=tuple(map(ExerciseResult.of, grading.verdicts)),
            feedback=self._feedback(place),
            sandbox=self.run.sandbox,
            key=key,
            by_hand=sum(v.max_points for v in grading.verdicts if v.verdict == VerdictKind.BY_HAND),
            wording=self.lessons[place.lesson].lesson.wording,
        )

    def _refused(self, place: Place, key: str, reason: str, submitted: datetime | None) -> Result:
        graded, most = self.lessons.get(place.lesson), 0.0
        about = describe_refusal(graded.lesson if graded else None, place.lesson, reason)
        if graded:
            most = sum(exercise.check.points for exercise in graded.lesson.exercises.values())
            self.book.refuse(place.student, place.lesson, reason, submitted)
            notebook = nbformat.writes(refused_notebook(graded.release, about))
            self.write_notebook(place.student, place.lesson, notebook, submitted)
        self.write_page(place.student, place.lesson, about)
        return Result(
            student=place.student,
            lesson=place.lesson,
            score=0.0,
            max_score=most,
            status=Status.NOT_GRADABLE,
            reason=reason,
            feedback=self._feedback(place),
            sandbox=self.run.sandbox,
            key=key,
        )

    def _feedback(self, place: Place) -> str:
        return str(self.page(place.student, place.lesson).relative_to(self.run.out))

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
    try:
        with opened_folder(folder) as descriptor:
            text = read_file(descriptor, "timestamp.txt", 100)
        return parse_utc(text.decode().strip())
    except (NotGradable, ValueError, OverflowError):
        return None
