"""What a student gets back for a lesson: the mark in the gradebook, less what lateness costs, and the feedback page."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry

from autograder.authoring.hand_in import HandIn
from autograder.classroom.exporter import NOT_SUBMITTED, status_rows, unjudged_exercises
from autograder.classroom.places import recorded_name
from autograder.classroom.timestamps import submission_time
from autograder.lms.collect import in_order, that_counts
from autograder.lms.handed_in import HandedIn, read_collected
from course_lib.wrong_usage import WrongUsage


@dataclass(frozen=True)
class Mark:
    """What one student gets back.

    status    as `nbgrader export` says it
    score     without the deduction, of `most` points; None where there is none
    waiting   points that a grader has yet to give
    days      late; free: of those, the ones that cost nothing
    deducted  points that lateness costs
    page      the feedback page, or None
    entry     what was collected of it, or None
    """

    student: str
    status: str
    score: float | None
    most: float
    waiting: float = 0.0
    days: int = 0
    free: int = 0
    deducted: float = 0.0
    page: Path | None = None
    entry: HandedIn | None = None

    @property
    def final(self) -> float | None:
        """The points that are returned."""
        return None if self.score is None else max(0.0, self.score - self.deducted)

    @property
    def sentence(self) -> str:
        """What the student is told about the mark, the deduction in full."""
        if self.score is None or self.final is None:
            return f"No mark yet: {self.status}."
        said = [f"{self.score:g} of {self.most:g} points."]
        if self.days:
            free = f", {self.free} of them free" if self.free else ""
            said.append(f"{self.days} {'day' if self.days == 1 else 'days'} late{free}: −{self.deducted:g} points.")
        elif self.deducted:
            said.append(f"Late: −{self.deducted:g} points.")
        if self.deducted:
            said.append(f"That makes {self.final:g}.")
        if self.waiting:
            said.append(f"{self.waiting:g} points more wait for a grader.")
        return " ".join(said)


def marks_of(out: Path, db_url: str, lesson: str, class_: HandIn) -> list[Mark]:
    """Return the marks of a lesson, by student. With keep = "best", each student's best over all attempts.

    out     the course folder that `collect` and `grade` wrote
    db_url  its gradebook

    Raises WrongUsage when nothing was graded.
    """
    collected = read_collected(out)
    marks = {mark.student: mark for mark in _marks_in(out, db_url, lesson, class_, collected, 0)}
    if not any(mark.status != NOT_SUBMITTED for mark in marks.values()):
        raise WrongUsage(f"Nothing of {lesson} has been graded in {out}: run `autograder grade {out / 'submitted'}`.")
    for folder in sorted((out / "earlier").glob("*")) if class_.keep == "best" else []:
        database = folder / "gradebook.db"
        if folder.name.isdigit() and database.is_file():
            for mark in _marks_in(folder, f"sqlite:///{database}", lesson, class_, collected, int(folder.name)):
                if (mark.final if mark.final is not None else -1) > (marks[mark.student].final or 0.0):
                    marks[mark.student] = mark
    return [marks[student] for student in sorted(marks)]


def ungraded_attempts(out: Path, lesson: str) -> list[Path]:
    """Return the folders of earlier attempts that hold the lesson and have not been graded."""
    folders = sorted({path.parents[3] for path in (out / "earlier").glob(f"*/submitted/*/{lesson}/{lesson}.ipynb")})
    return [folder for folder in folders if not (folder / "results.jsonl").is_file()]


def _marks_in(
    root: Path, db_url: str, lesson: str, class_: HandIn, collected: list[HandedIn], attempt: int
) -> list[Mark]:
    """Return the marks in one gradebook. attempt: which one of each student's it holds, 0 for the last."""
    found = []
    with Gradebook(db_url) as gradebook:
        try:
            assignment = gradebook.find_assignment(lesson)
        except MissingEntry:
            return []
        for row in status_rows(gradebook, assignment, unjudged_exercises(root)):
            student = str(row["student_id"])
            own = [one for one in collected if recorded_name(one.student) == student]
            here = [one for one in own if one.lesson == lesson]
            entry = _attempt(here, class_, attempt)
            score = float(row["raw_score"]) if row["raw_score"] != "" else None
            most, waiting = float(row["max_score"]), float(row["waiting"] or 0.0)
            days, free = _days(root, own, entry, class_) if score is not None else (0, 0)
            deducted = min(class_.at_most, class_.percent * (days - free)) / 100 * most
            if not class_.percent and score is not None:
                deducted = float(row["late_submission_penalty"] or 0.0)  # what a plugin of nbgrader's took off
            deducted = round(min(deducted, score or 0.0), 4)
            page = root / "feedback" / student / lesson / f"{lesson}.html"
            shown = page if page.is_file() else None
            found.append(Mark(student, row["status"], score, most, waiting, days, free, deducted, shown, entry))
    return found


def _attempt(attempts: list[HandedIn], class_: HandIn, number: int) -> HandedIn | None:
    """Return the n-th attempt of one student for one lesson; number 0: the one that lies in `submitted/`."""
    if not attempts:
        return None
    ordered = in_order(attempts)
    if number:
        return ordered[number - 1] if number <= len(ordered) else None
    return that_counts(ordered, class_)


def _days(root: Path, own: list[HandedIn], entry: HandedIn | None, class_: HandIn) -> tuple[int, int]:
    """Return the days that an attempt is late, and how many of them are free.

    Free days are spent on the lessons in the order of their deadlines, so that a later lesson changes no earlier mark.
    """
    if entry is None:
        return 0, 0
    days, spare = _late(root, entry, class_), class_.free_days
    if spare:
        before = class_.deadline(entry.student, entry.lesson)
        for lesson in {one.lesson for one in own} - {entry.lesson}:
            deadline = class_.deadline(entry.student, lesson)
            if before and deadline and (deadline, lesson) < (before, entry.lesson):
                spare -= _late(root, that_counts([one for one in own if one.lesson == lesson], class_), class_)
    return days, min(days, max(0, spare))


def _late(root: Path, entry: HandedIn, class_: HandIn) -> int:
    """Return the days that an attempt is late. `timestamp.txt` beside it has the last word: graders may write it."""
    written, _ = submission_time(root / "submitted" / entry.student / entry.lesson)
    moment: datetime | None = written.replace(tzinfo=UTC) if written else entry.time
    return class_.days_late(entry.student, entry.lesson, moment, entry.late)
