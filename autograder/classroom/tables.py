"""The one place that joins nbgrader's tables: grades and comments with the student, lesson and cell they belong to."""

from collections.abc import Iterator
from dataclasses import dataclass

from nbgrader.api import Assignment, BaseCell, Comment, Grade, Gradebook, SubmittedAssignment, SubmittedNotebook
from sqlalchemy.orm import Query


@dataclass(frozen=True)
class GradeRow:
    """One cell's grade in one submission.

    auto     the automatic points; None where a grader must give them;  manual: what a grader gave, if anything
    score    the mark of record, extra credit included
    look     whether a grader is asked to look at it
    penalty  points taken off the submission for being late
    """

    student: str
    lesson: str
    cell: str
    auto: float | None
    manual: float | None
    score: float
    look: bool
    penalty: float


def grade_rows(gradebook: Gradebook, lesson: str | None = None) -> Iterator[GradeRow]:
    """Yield every grade in the gradebook, or those of one lesson, in one query."""
    query = gradebook.db.query(
        SubmittedAssignment.student_id,
        Assignment.name,
        BaseCell.name,
        Grade.auto_score,
        Grade.manual_score,
        Grade.score,
        Grade.needs_manual_grade,
        SubmittedNotebook.late_submission_penalty,
    ).select_from(Grade)
    for student, name, cell, auto, manual, score, look, penalty in _placed(query, Grade, lesson):
        yield GradeRow(student, name, cell, auto, manual, float(score or 0.0), bool(look), float(penalty or 0.0))


def auto_comments(gradebook: Gradebook, lesson: str) -> Iterator[tuple[str, str]]:
    """Yield student and text of every automatic comment on the submissions for a lesson."""
    query = gradebook.db.query(SubmittedAssignment.student_id, Comment.auto_comment).select_from(Comment)
    yield from _placed(query.filter(Comment.auto_comment.is_not(None)), Comment, lesson)


def _placed(query: Query, kind: type[Grade] | type[Comment], lesson: str | None) -> Query:
    query = (
        query.join(BaseCell, kind.cell_id == BaseCell.id)
        .join(SubmittedNotebook, kind.notebook_id == SubmittedNotebook.id)
        .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
    )
    return query if lesson is None else query.filter(Assignment.name == lesson)
