"""Writing nbgrader's own gradebook, through its API, so that `nbgrader export` and Formgrader show what we graded.

One process writes: the one that called `autograder grade`. Marks that a grader gave are left as they are.
"""

import logging
import os
import sys
import warnings
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters.exporter import ResourcesDict
from nbformat.notebooknode import NotebookNode
from nbgrader.api import BaseCell, Comment, Grade, MissingEntry, SubmittedAssignment
from nbgrader.nbgraderformat import MetadataValidator
from nbgrader.preprocessors import ComputeChecksums, SaveCells
from sqlalchemy import make_url, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError, SAWarning

from autograder.classroom.new_gradebook import open_gradebook
from autograder.classroom.results import ExerciseResult
from autograder.classroom.tables import grade_rows
from autograder.classroom.whole_files import write_whole
from autograder.grading.feedback import Given
from autograder.grading.grade import Grading
from autograder.grading.plain_text import printable
from course_lib.judging.verdict import VerdictKind

# nbgrader starts `alembic` from the PATH where it makes a gradebook itself; it is installed beside this Python.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
# SQLAlchemy remarks on the order in which nbgrader's own API links its rows; it is harmless, and not ours to change.
warnings.filterwarnings("ignore", category=SAWarning, module="nbgrader.api")
# nbgrader logs the trace of an error of the database; whoever called us says what happened, in a sentence.
logging.getLogger("tornado.application").addFilter(lambda r: not r.getMessage().startswith("Rolling back session"))


def publish(release: NotebookNode, lesson: str, cases: str, course: Path, db_url: str) -> NotebookNode:
    """Enter a lesson into the gradebook and lay it into nbgrader's `source/` and `release/`; return it with checksums.

    cases   the text of its public case file, which lies beside it
    course  the folder that holds nbgrader's folders

    Raises RuntimeError when the gradebook has submissions for another set of exercises.
    """
    resources = ResourcesDict(nbgrader={"notebook": lesson, "assignment": lesson, "db_url": db_url})
    notebook = nbformat.from_dict(release)
    MetadataValidator().validate_nb(notebook)
    notebook, _ = ComputeChecksums().preprocess(notebook, resources)
    with open_gradebook(db_url) as gradebook:
        gradebook.update_or_create_assignment(lesson)
    try:
        SaveCells().preprocess(notebook, resources)
    except RuntimeError as problem:
        raise RuntimeError(
            f"The gradebook {make_url(db_url)} has submissions for another version of {lesson} with other exercises. "
            f"Use a new gradebook (--db), or remove that assignment from this one. ({problem})"
        ) from problem
    for folder in ("source", "release"):
        place = course / folder / lesson
        write_whole(place / f"{lesson}.ipynb", nbformat.writes(notebook))
        write_whole(place / "cases" / f"{lesson}.json", cases)
    return notebook


def fault_of_database(problem: BaseException) -> DBAPIError | None:
    """Return the database's own error behind an error: it is down, full or not to be written.

    None where what was to be written is at fault. nbgrader makes an `InvalidEntry` of either, which is a ValueError.
    """
    behind: BaseException | None = problem
    while behind is not None:
        if isinstance(behind, DBAPIError):
            return None if isinstance(behind, _FAULTS_OF_DATA) and not behind.connection_invalidated else behind
        behind = behind.__cause__ or behind.__context__
    return None


_FAULTS_OF_DATA = (DataError, IntegrityError, NotSupportedError, ProgrammingError)


def _remark(text: str) -> str:
    """Return a text that every database can hold. PostgreSQL has no character 0, so it is spelled out."""
    return printable(text).replace("\0", "\\x00")


class MarksBook:
    """The open gradebook of one grading run."""

    def __init__(self, db_url: str) -> None:
        url = make_url(db_url)
        if url.get_backend_name() == "sqlite":
            url = url.update_query_dict({"timeout": "60"})  # seconds to wait for another who writes
        self.gradebook = open_gradebook(url.render_as_string(hide_password=False))
        if url.get_backend_name() == "sqlite":  # whoever reads meanwhile, as Formgrader does, is not in the way
            self.gradebook.db.execute(text("PRAGMA journal_mode=WAL"))
            self.gradebook.db.commit()

    def undo(self) -> None:
        """Forget what was entered for a submission that then could not be entered whole."""
        self.gradebook.db.rollback()

    def close(self) -> None:
        """Close the connection to the database."""
        self.gradebook.close()

    def enter(self, grading: Grading, submitted: datetime | None) -> None:
        """Enter the marks and remarks of a grading.

        A hand-given mark stays; if the automatic one changed, a grader is asked to look.
        """
        submission = self._submission(grading.submission.student, grading.submission.lesson, submitted)
        grades, comments = self._of(submission, Grade), self._of(submission, Comment)
        for verdict in grading.verdicts:
            name = verdict.id.grade_id
            grade = grades[name]
            score = None if verdict.verdict == VerdictKind.BY_HAND else verdict.points
            changed = score != grade.auto_score
            grade.auto_score = score
            grade.needs_manual_grade = (score is None and grade.manual_score is None) or (
                grade.manual_score is not None and changed
            )
            if comment := comments.get(f"{name}-answer") or comments.get(name):
                comment.auto_comment = _remark(f"{verdict.verdict}: {verdict.message}")
        self.gradebook.db.commit()

    def reword(self, student: str, lesson: str, exercises: Iterable[ExerciseResult]) -> None:
        """Enter the remarks on a graded submission once more, in other words; no mark changes."""
        submission = self.gradebook.find_submission(lesson, student)
        comments = self._of(submission, Comment)
        for exercise in exercises:
            name = exercise.id.grade_id
            if comment := comments.get(f"{name}-answer") or comments.get(name):
                comment.auto_comment = _remark(f"{exercise.verdict}: {exercise.message}")
        self.gradebook.db.commit()

    def refuse(self, student: str, lesson: str, reason: str, submitted: datetime | None) -> None:
        """Enter a submission that could not be graded: no marks, not even old ones, and a grader is asked to look."""
        submission = self._submission(student, lesson, submitted)
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                grade.auto_score = None
                grade.needs_manual_grade = True
            for comment in notebook.comments:
                comment.auto_comment = _remark(f"not gradable: {reason}")
        self.gradebook.db.commit()

    def marks(self, lesson: str) -> dict[str, dict[str, float | None]]:
        """Return the automatic marks of a lesson by student and nbgrader's id; None where a grader must give one."""
        marks: dict[str, dict[str, float | None]] = {}
        for row in grade_rows(self.gradebook, lesson):
            marks.setdefault(row.student, {})[row.cell] = row.auto
        return marks

    def given(self, student: str, lesson: str) -> Given:
        """Return what a grader gave this submission; nothing when there is no such submission."""
        db = self.gradebook.db
        try:
            submission = self.gradebook.find_submission(lesson, student)
        except MissingEntry:
            return Given()
        notebooks = [notebook.id for notebook in submission.notebooks]
        marks = db.query(BaseCell.name, Grade.manual_score, Grade.extra_credit, Grade.needs_manual_grade)
        marks = marks.join(Grade, Grade.cell_id == BaseCell.id).filter(Grade.notebook_id.in_(notebooks)).all()
        comments = db.query(BaseCell.name, Comment.manual_comment).join(Comment, Comment.cell_id == BaseCell.id)
        comments = comments.filter(Comment.notebook_id.in_(notebooks), Comment.manual_comment.is_not(None))
        return Given(
            by_hand={name: float(points) for name, points, _, _ in marks if points is not None},
            extra={name: float(points) for name, _, points, _ in marks if points is not None},
            comments={name.removesuffix("-answer"): text for name, text in comments if text.strip()},
            penalty=float(submission.late_submission_penalty or 0.0),
            settled=any(points is not None and not waits for _, points, _, waits in marks),
        )

    def score(self, student: str, lesson: str) -> float:
        """Return the score with hand-given marks."""
        return float(self.gradebook.find_submission(lesson, student).score)

    def _submission(self, student: str, lesson: str, submitted: datetime | None) -> SubmittedAssignment:
        self.gradebook.update_or_create_student(student)
        timestamp = {} if submitted is None else {"timestamp": submitted}
        submission = self.gradebook.update_or_create_submission(lesson, student, **timestamp)
        submission.timestamp = submitted  # not an earlier one's; Formgrader compares it with the file's
        return submission

    def _of(self, submission: SubmittedAssignment, kind: type[Grade] | type[Comment]) -> dict[str, Any]:
        """Return a submission's grades or comments by the name of their cell, in one query."""
        notebooks = [notebook.id for notebook in submission.notebooks]
        rows = self.gradebook.db.query(BaseCell.name, kind).join(kind, kind.cell_id == BaseCell.id)
        return dict(rows.filter(kind.notebook_id.in_(notebooks)).all())
