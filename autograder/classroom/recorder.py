"""Entering what was graded everywhere: gradebook, notebook for Formgrader, feedback page, and the line of results."""

import hashlib
import traceback
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import nbformat

from autograder.classroom.gradebook import MarksBook, fault_of_database
from autograder.classroom.places import Place, recorded_name
from autograder.classroom.records import note_time
from autograder.classroom.results import ExerciseResult, Result, Status
from autograder.classroom.taken import Taken, notes_on
from autograder.classroom.timestamps import submission_time
from autograder.classroom.whole_files import concerns_all, write_whole
from autograder.grading.feedback import (
    describe_refusal,
    description_in,
    feedback_page,
    refused_notebook,
    reworded,
    with_description,
)
from autograder.grading.job import Done, Job
from autograder.grading.plain_text import printable
from autograder.grading.prepare import GradedLesson, Limits
from autograder.grading.refusal import NotGradable
from course_lib.judging.verdict import VerdictKind


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
    """Enters what was graded; knows what holds already from an earlier run."""

    def __init__(self, run: ClassRun, lessons: dict[str, GradedLesson], seed: int) -> None:
        self.run, self.lessons, self.seed = run, lessons, seed
        self.book = MarksBook(run.db_url)
        self.marks: dict[str, dict] = {}  # of a lesson, in the gradebook when this run began

    def job(self, place: Place, taken: Taken) -> tuple[GradedLesson, Job]:
        """Return what there is to do. Raises NotGradable when there is no such lesson or no file to grade."""
        if place.lesson not in self.lessons and not place.problem:
            raise NotGradable(f"There is no lesson called {place.lesson}.")
        if taken.refusal:
            raise taken.refusal
        job = Job(place.student, place.lesson, taken.data, taken.notes, self.run.sandbox)
        return self.lessons[place.lesson], job

    def key(self, place: Place, taken: Taken) -> str:
        """Return what makes a grading the same: who, when, what was handed in, the lesson's version, the seed."""
        version = self.lessons[place.lesson].lesson.version if place.lesson in self.lessons else ""
        who = (place.student, place.lesson, version, self.seed, taken.time)
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
        """Enter one finished job, or what it ended with, everywhere; return its result.

        Raises SQLAlchemyError when the gradebook is down or full, and OSError when the disk is: every further mark
        would be lost.
        """
        try:
            if isinstance(end, Exception):
                raise end
            return self._graded(place, key, end)
        except NotGradable as refusal:
            reason = str(refusal)
        except Exception as problem:  # a fault of ours: say so, keep the trace, go on with the class
            reason, key = self._fault(place, problem), ""  # without a key the next run tries again
        try:
            return self._refused(place, key, printable(reason))
        except Exception as problem:  # whatever it is, the submission has its line in the results, and a reason
            return self._result_of_refusal(place, "", printable(self._fault(place, problem)))

    def only_this(self, problem: Exception) -> None:
        """Raise what stops the class: an error that every further submission would meet, too."""
        if fault := fault_of_database(problem):
            raise fault
        if isinstance(problem, OSError) and concerns_all(problem, self.run.submitted):
            raise problem

    def _fault(self, place: Place, problem: Exception) -> str:
        """Undo what was half entered and keep the trace; return the reason to record."""
        self.only_this(problem)
        self.book.undo()
        name = recorded_name(f"{place.student}-{place.lesson}")
        write_whole(self.run.out / ".grading" / f"{name}.txt", "".join(traceback.format_exception(problem)))
        return f"The grader failed on this submission ({type(problem).__name__}: {problem})."

    def _graded(self, place: Place, key: str, done: Done) -> Result:
        grading, (submitted, _) = done.grading, submission_time(place.folder)
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

    def _refused(self, place: Place, key: str, reason: str) -> Result:
        graded, (submitted, _) = self.lessons.get(place.lesson), submission_time(place.folder)
        about = describe_refusal(graded.lesson if graded else None, place.lesson, reason)
        if graded:
            self.book.refuse(place.student, place.lesson, reason, submitted)
            notebook = nbformat.writes(refused_notebook(graded.release, about))
            self.write_notebook(place.student, place.lesson, notebook, submitted)
        self.write_page(place.student, place.lesson, about)
        return self._result_of_refusal(place, key, reason)

    def _result_of_refusal(self, place: Place, key: str, reason: str) -> Result:
        graded = self.lessons.get(place.lesson)
        exercises = graded.lesson.exercises.values() if graded else ()
        return Result(
            student=place.student,
            lesson=place.lesson,
            score=0.0,
            max_score=sum((exercise.check.points for exercise in exercises), 0.0),
            status=Status.NOT_GRADABLE,
            reason=reason,
            notes=notes_on(place),
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
        """Write the feedback page, with what a grader gave."""
        write_whole(self.page(student, lesson), feedback_page(student, lesson, about, self.book.given(student, lesson)))
