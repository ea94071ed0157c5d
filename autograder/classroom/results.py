"""What grading a submission came to, and `results.jsonl`, which holds it: a line for each submission.

This is the one place that writes these lines and the one that reads them.
"""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from autograder.classroom.json_lines import line_of, read_lines
from autograder.classroom.whole_files import write_whole, writing
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.verdict import Verdict, VerdictKind


class Status(StrEnum):
    """The state that a submission ends in."""

    GRADED = "graded"
    PARTLY = "partly graded"
    NOT_GRADABLE = "not gradable"


UNJUDGED = frozenset({VerdictKind.TIMEOUT, VerdictKind.MEMORY, VerdictKind.ERROR})
"""In a submission that is partly graded: the verdicts on code that did not run, or did not end."""


@dataclass(frozen=True)
class ExerciseResult:
    """A verdict as it is recorded. mistake, symptom: the name, or "" where there is none; helped: as in a Verdict."""

    id: ExerciseId
    points: float
    max_points: float
    verdict: VerdictKind
    mistake: str
    message: str
    helped: tuple[str, ...] = ()
    symptom: str = ""

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Return what is recorded of a verdict."""
        fields = ("id", "points", "max_points", "verdict", "mistake", "message", "helped")
        symptom = verdict.symptom.name if verdict.symptom else ""
        return cls(**{name: getattr(verdict, name) for name in fields}, symptom=symptom)


@dataclass(frozen=True)
class Result:
    """What grading one submission came to.

    score      with marks that a grader gave by hand; by_hand: points that only they can give
    reason     why it could not be graded, or ""
    feedback   the page about it, as seen from the course folder
    wording    of the lesson, when messages were last written (see Lesson)
    key        what makes a grading the same (see Recorder); "" when it failed by our fault, so that it is tried again
    """

    student: str
    lesson: str
    score: float
    max_score: float
    status: Status
    reason: str = ""
    notes: tuple[str, ...] = ()
    exercises: tuple[ExerciseResult, ...] = ()
    feedback: str = ""
    sandbox: str = ""
    key: str = ""
    by_hand: float = 0.0
    wording: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Whose it is and for which lesson: there is one line for each."""
        return self.student, self.lesson

    def to_document(self) -> dict[str, Any]:
        """Return the object that is written to `results.jsonl`."""
        rows = [
            asdict(e) | {"mistake": e.mistake or None, "symptom": e.symptom or None, "helped": list(e.helped)}
            for e in self.exercises
        ]
        return asdict(self) | {"notes": list(self.notes), "exercises": rows}

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """Return the result of an object that `to_document` made. Raises ValueError when it is not one."""
        try:
            exercises = tuple(
                ExerciseResult(
                    **row
                    | {
                        "id": ExerciseId(row["id"]),
                        "verdict": VerdictKind(row["verdict"]),
                        "mistake": row["mistake"] or "",
                        "symptom": row.get("symptom") or "",
                        "helped": tuple(row.get("helped", ())),
                    }
                )
                for row in document["exercises"]
            )
            status, notes = Status(document["status"]), tuple(document["notes"])
            return cls(**document | {"status": status, "notes": notes, "exercises": exercises})
        except (KeyError, TypeError) as problem:
            raise ValueError(f"not a result of a submission: {problem!r}") from None


def read_results(out: Path) -> list[Result]:
    """Return the latest result of each submission in a course folder; none when there is no `results.jsonl`."""
    return list({result.place: result for result in _read(_path(out))}.values())


def replace_result(out: Path, result: Result) -> None:
    """Put one submission's line into `results.jsonl`, in place of its earlier one."""
    kept = [other for other in read_results(out) if other.place != result.place]
    write_whole(_path(out), "".join(map(_line, [*kept, result])))


class ResultsFile:
    """`results.jsonl` while a run writes it: to a file beside it line by line, which takes its place at the end."""

    def __init__(self, out: Path) -> None:
        self.path, self.part = _path(out), out / "results.jsonl.part"

    def __enter__(self) -> Self:
        earlier = [result for path in (self.path, self.part) for result in _read(path)]
        self.earlier = {result.key: result for result in earlier if result.key}
        self.latest = {result.place: result for result in earlier}
        if self.part.exists():  # a run was interrupted: what it had graded is kept, the latest of each place last
            older = [result for result in earlier if result.key and self.latest[result.place] is not result]
            write_whole(self.path, "".join(map(_line, [*older, *self.latest.values()])))
        self.file = self.part.open("w", encoding="utf-8", errors="backslashreplace", newline="\n")
        return self

    def write(self, result: Result) -> Result:
        """Add a line; it is on the disk when this returns. Raises OSError, which names the file."""
        with writing(self.part):
            self.file.write(_line(result))
            self.file.flush()
        return result

    def __exit__(self, kind: type | None, error: object, trace: object) -> None:
        try:
            self.file.close()
        except OSError:  # the disk is full, which `write` has said
            if kind is None:
                raise
        if kind is None:
            os.replace(self.part, self.path)


def _path(out: Path) -> Path:
    return out / "results.jsonl"


def _line(result: Result) -> str:
    return line_of(result.to_document())


def _read(path: Path) -> Iterator[Result]:
    """Yield the results in a file; what is none is passed over."""
    for document in read_lines(path):
        try:
            yield Result.from_document(document)
        except ValueError:
            continue
