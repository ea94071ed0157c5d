"""A class as a grading run and people left it: read from the course folder, and from nbgrader's gradebook.

The gradebook has the mark of record, which a grader may have given; `results.jsonl` has the verdicts; the notebooks in
`autograded/` have what students wrote, and the one in `release/` what they received.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nbgrader.api import Gradebook

from autograder.classroom.records import noted_times
from autograder.classroom.results import Result, Status, read_results
from autograder.classroom.tables import GradeRow, grade_rows
from autograder.report.lookalikes import Source
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.verdict import VerdictKind
from course_lib.wrong_usage import WrongUsage

ADDED = "cells of their own"  # in place of an exercise's name, for code in cells that students added


@dataclass
class Mark:
    """What one submission got for one exercise. by_hand: a grader gave it; open: a grader has to look."""

    id: ExerciseId
    points: float
    max_points: float
    verdict: VerdictKind
    mistake: str
    message: str
    helped: tuple[str, ...] = ()
    symptom: str = ""
    by_hand: bool = False
    open: bool = False

    @property
    def waits(self) -> bool:
        """Whether there is no mark yet: a grader has to read the answer."""
        return self.verdict == VerdictKind.BY_HAND and not self.by_hand

    @property
    def name(self) -> str:
        """The exercise's name without the lesson's."""
        return self.id.name


@dataclass
class Work:
    """One submission. code: what the student wrote, by exercise; seconds: what grading took, if it was noted."""

    student: str
    lesson: str
    status: Status
    reason: str
    notes: list[str]
    isolated: bool
    marks: list[Mark]
    penalty: float = 0.0
    seconds: float | None = None
    code: dict[str, str] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The mark of record."""
        return max(0.0, sum(mark.points for mark in self.marks) - self.penalty)

    @property
    def max_score(self) -> float:
        """What could be earned so far: exercises that wait for a grader are not in it."""
        return sum(mark.max_points for mark in self.marks if not mark.waits)


@dataclass
class ClassLesson:
    """All submissions for one lesson. received: the stubs by exercise; demos: the notebook's other code."""

    name: str
    title: str
    works: list[Work]
    received: dict[str, str]
    demos: list[Source]

    @property
    def graded(self) -> list[Work]:
        """The submissions that could be graded, wholly or in part."""
        return [work for work in self.works if work.status != Status.NOT_GRADABLE]


def read_class(out: Path, db_url: str) -> tuple[list[ClassLesson], dict[str, set[str]]]:
    """Return the lessons of a course folder, and the words that would tell who a student is, by student.

    Raises WrongUsage when `out` holds no results, or the gradebook is a file that is not there.
    """
    results = read_results(out)
    if not (out / "results.jsonl").is_file():
        raise WrongUsage(f"There is no results.jsonl in {out}: run `autograder grade` first, or name its --out.")
    file = re.fullmatch(r"sqlite:///(.+)", db_url)
    if file and not Path(file[1]).is_file():
        raise WrongUsage(f"There is no gradebook {file[1]}; name it with --db.")
    with Gradebook(db_url) as gradebook:
        given = _given(gradebook)
        words = {s.id: _words(s.id, s.first_name, s.last_name) for s in gradebook.students}
    times = noted_times(out)
    works: dict[str, dict[str, Work]] = {}
    for result in results:
        work = _work(result, given.get(result.place, {}))
        work.seconds = times.get((work.student, work.lesson))
        if work.status != Status.NOT_GRADABLE:
            work.code = dict(_code(out / "autograded" / work.student / work.lesson / f"{work.lesson}.ipynb"))
        works.setdefault(work.lesson, {})[work.student] = work
        words.setdefault(work.student, _words(work.student))
    return [_lesson(out, name, sorted(some.values(), key=_name)) for name, some in sorted(works.items())], words


def _name(work: Work) -> str:
    return work.student


def _given(gradebook: Gradebook) -> dict[tuple[str, str], dict[str, GradeRow]]:
    """Return what the gradebook has for each cell, by student and lesson."""
    found: dict[tuple[str, str], dict[str, GradeRow]] = {}
    for row in grade_rows(gradebook):
        found.setdefault((row.student, row.lesson), {})[row.cell] = row
    return found


def _work(result: Result, given: dict[str, GradeRow]) -> Work:
    marks = []
    for one in result.exercises:
        row = given.get(one.id.grade_id)
        mark = Mark(one.id, one.points, one.max_points, one.verdict, one.mistake, one.message, one.helped, one.symptom)
        if row is not None:
            mark.points, mark.by_hand, mark.open = row.score, row.manual is not None, row.look
        marks.append(mark)
    penalty = max((row.penalty for row in given.values()), default=0.0)
    about = (result.student, result.lesson, result.status, result.reason, list(result.notes))
    return Work(*about, result.sandbox != "none", marks, penalty)


def _code(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what a student wrote, exercise by exercise, and then the cells they added, as one."""
    added = []
    for role, exercise, source in _cells(path):
        if role == "exercise":
            yield exercise, source
        elif role == "added":
            added.append(source)
    if added:
        yield ADDED, "\n\n".join(added)


def _cells(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield role, exercise and text of the code cells of a notebook that we wrote; nothing when it is not there."""
    for cell in _notebook(path).get("cells", ()):
        if cell["cell_type"] == "code":
            course = cell["metadata"].get("course", {})
            yield course.get("role", ""), course.get("exercise", ""), "".join(cell["source"])


def _title(path: Path) -> str:
    return _notebook(path).get("metadata", {}).get("course", {}).get("title", "")


def _notebook(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _lesson(out: Path, name: str, works: list[Work]) -> ClassLesson:
    path = out / "release" / name / f"{name}.ipynb"
    received, demos = {}, []
    for role, exercise, source in _cells(path):
        if role == "exercise":
            received[exercise] = source
        elif role in ("demo", "setup") and source.strip():
            demos.append(Source(f"the notebook, “{source.strip().splitlines()[0][:60]}”", source))
    return ClassLesson(name, _title(path) or name, works, received, demos)


def _words(*names: str | None) -> set[str]:
    """Return the parts of names that would tell who somebody is: words of three letters, numbers of four digits."""
    found = {name.casefold() for name in names if name}
    for name in names:
        found |= {word.casefold() for word in re.findall(r"[^\W\d_]{3,}|\d{4,}", name or "")}
    return found
