"""`nbgrader export`: nbgrader's table with a status, so that not submitted, not gradable and 0 are three things."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from nbgrader.api import Assignment, Gradebook, SubmittedAssignment
from nbgrader.plugins import ExportPlugin

from autograder.classroom.records import spreadsheet_cell
from autograder.classroom.results import UNJUDGED, Status, read_results
from autograder.classroom.tables import GradeRow, auto_comments, grade_rows

NOT_SUBMITTED, NOT_GRADED, WAITING = "not submitted", "not graded", "waiting for a grader"
COLUMNS = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "status", "raw_score",
    "late_submission_penalty", "score", "max_score", "waiting",
)  # fmt: skip


class StatusExporter(ExportPlugin):
    """Nbgrader's own columns, the status of each submission, and how many points wait for a grader.

    The score is empty where there is no mark. The file is `gradebook.csv` unless `--to` names another.
    """

    def export(self, gradebook: Gradebook) -> None:
        """Write the table, or end with exit code 1 when the gradebook is empty: as a rule, it is the wrong one."""
        target, address = Path(self.to or "gradebook.csv"), gradebook.engine.url.render_as_string(hide_password=True)
        if not gradebook.assignments:
            self.fail(address)
        self.log.info("Exporting grades from the gradebook %s to %s", address, target)
        lessons, students = {str(name) for name in self.assignment}, {str(name) for name in self.student}
        unjudged = unjudged_exercises(Path(self.parent.coursedir.root))
        with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for assignment in gradebook.assignments:
                if not lessons or assignment.name in lessons:
                    for row in status_rows(gradebook, assignment, unjudged):
                        if not students or row["student_id"] in students:
                            writer.writerow([spreadsheet_cell(row[column]) for column in COLUMNS])

    def fail(self, address: str) -> NoReturn:
        """End, and say which gradebook is empty, and where others are."""
        root = Path(self.parent.coursedir.root).resolve()
        others = sorted(root.glob("*/gradebook.db"))
        commands = [f"\n    nbgrader export --db sqlite:///{path}" for path in others]
        there = f" There is another below this folder:{''.join(commands)}" if others else " Name another with --db."
        self.log.error("Nothing was exported: the gradebook %s is empty.%s", address, there)
        sys.exit(1)


def unjudged_exercises(out: Path) -> dict[tuple[str, str], set[str]]:
    """Return the exercises that could not be judged, by student and lesson, from the `results.jsonl` of a folder."""
    found: dict[tuple[str, str], set[str]] = {}
    for result in read_results(out):
        if result.status == Status.PARTLY:
            found[result.place] = {e.id.grade_id for e in result.exercises if e.verdict in UNJUDGED}
    return found


def status_rows(
    gradebook: Gradebook, assignment: Assignment, unjudged: dict[tuple[str, str], set[str]]
) -> Iterator[dict]:
    """Yield a row of the table for each student: see COLUMNS."""
    name = assignment.name
    submissions = {
        s.student_id: s for s in gradebook.db.query(SubmittedAssignment).filter_by(assignment_id=assignment.id)
    }
    marks: dict[str, dict[str, GradeRow]] = {}
    for grade in grade_rows(gradebook, name):
        marks.setdefault(grade.student, {})[grade.cell] = grade
    comments = list(auto_comments(gradebook, name))
    entered = {student for student, _ in comments}
    refused = {student for student, text in comments if text.startswith(f"{Status.NOT_GRADABLE}:")}
    points = {cell.name: cell.max_score for notebook in assignment.notebooks for cell in notebook.grade_cells}
    for student in gradebook.students:
        row: dict[str, Any] = dict.fromkeys(COLUMNS, "")
        row |= {"assignment": name, "duedate": assignment.duedate, "max_score": assignment.max_score}
        row |= {"student_id": student.id, "last_name": student.last_name, "first_name": student.first_name}
        row |= {"email": student.email, "status": NOT_SUBMITTED}
        if student.id in submissions:
            submission, own = submissions[student.id], marks.get(student.id, {})
            row["timestamp"] = submission.timestamp
            row["status"] = NOT_GRADED
            if student.id in entered:
                row["status"] = _status(own, student.id in refused, unjudged.get((student.id, name), set()))
            row["waiting"] = sum((points.get(cell, 0.0) for cell, grade in own.items() if _is_open(grade)), 0.0)
            if row["status"] not in (Status.NOT_GRADABLE, NOT_GRADED):
                raw, penalty = sum(grade.score for grade in own.values()), submission.late_submission_penalty
                row |= {"raw_score": raw, "late_submission_penalty": penalty, "score": max(0.0, raw - penalty)}
        yield row


def _is_open(grade: GradeRow) -> bool:
    return grade.auto is None and grade.manual is None


def _status(grades: dict[str, GradeRow], refused: bool, unjudged: set[str]) -> str:
    waits = any(grade.look for grade in grades.values())
    if refused:
        return Status.NOT_GRADABLE if waits else Status.GRADED  # a grader has marked all of it
    if any(cell in grades and grades[cell].manual is None for cell in unjudged):
        return Status.PARTLY
    return WAITING if waits else Status.GRADED
