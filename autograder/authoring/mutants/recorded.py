"""The record of a lesson's mutants, by content: which exercises are clean, and the slips that their checks can name.

It is committed beside the lessons (`solutions/mutants/NN_name.json`), so that only what changed is tried again, and
building a lesson tries nothing.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from autograder.authoring.lesson import AuthoredExercise, Lesson
from course_lib import judging
from course_lib.judging.case import Slip
from course_lib.judging.exercise import ExerciseId, read_slips, write_slips

# what decides which mutants there are, and whether one passes, beside the lesson
MAKING = ("make", "plain", "statements", "tensors", "effects", "trial")
JUDGING = ("case", "compare", "probe", "random_inputs", "sampling")


@dataclass(frozen=True)
class Row:
    """What is recorded of one exercise.

    content   a digest of the exercise; by: a digest of what decides beside it; "" where something is left to do
    mutants, equivalent  how many were made, how many of them are no mistakes
    mistakes  a digest of its mistakes; pairs: what two of them at once give
    """

    content: str
    by: str
    mutants: int
    equivalent: int
    slips: tuple[Slip, ...]
    mistakes: str
    pairs: tuple[Slip, ...]


def record_file(path: Path) -> Path:
    """Return the file that holds the record of a lesson file's mutants."""
    return path.parent / "mutants" / f"{path.stem}.json"


def read_record(path: Path) -> dict[ExerciseId, Row]:
    """Return what is recorded of a lesson file's exercises."""
    file = record_file(path)
    rows = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    known = {field.name for field in fields(Row)}  # a row of another version of this file is not known
    return {
        ExerciseId(id): Row(**(row | {kind: read_slips(row[kind]) for kind in ("slips", "pairs")}))
        for id, row in rows.items()
        if row.keys() == known
    }


def write_record(path: Path, rows: dict[ExerciseId, Row]) -> None:
    """Write what is known of a lesson file's exercises: a line for each, so that changes show where they are."""
    if rows != read_record(path):
        record_file(path).parent.mkdir(exist_ok=True)
        documents = {
            id: asdict(row) | {"slips": write_slips(row.slips), "pairs": write_slips(row.pairs)}
            for id, row in rows.items()
        }
        lines = ",\n".join(f" {json.dumps(id)}: {json.dumps(row, ensure_ascii=False)}" for id, row in documents.items())
        record_file(path).write_text("{\n" + lines + "\n}\n", encoding="utf-8")


def recorded_slips(lesson: Lesson) -> dict[ExerciseId, tuple[Slip, ...]]:
    """Return the slips, and pairs of mistakes, of those exercises that have not changed since they were recorded."""
    rows = read_record(lesson.path)
    return {
        exercise.check.id: row.slips + (row.pairs if row.mistakes == mistakes_of(exercise) else ())
        for exercise in lesson.exercises.values()
        if (row := rows.get(exercise.check.id)) and row.content == content_of(lesson, exercise)
    }


def content_of(lesson: Lesson, exercise: AuthoredExercise) -> str:
    """Return a digest of the part of a lesson that decides what becomes of an exercise's mutants."""
    needed = [lesson.exercises[need].reference for need in exercise.check.needs]
    cases = exercise.cases.source if exercise.cases else ""
    check = replace(exercise.check, hints=(), points=0.0, elsewhere=())
    return _digest(repr((check, exercise.reference, cases, needed, exercise.equivalents)))


def mistakes_of(exercise: AuthoredExercise) -> str:
    """Return a digest of an exercise's mistakes: their code, and what is said of them."""
    return _digest(repr([(mistake.name, mistake.hint, mistake.source) for mistake in exercise.mistakes]))


def deciding() -> str:
    """Return a digest of the code that decides, beside a lesson, what becomes of mutants."""
    files = [Path(judging.__path__[0], f"{name}.py") for name in JUDGING]
    files += [Path(__file__).parent / f"{name}.py" for name in MAKING]
    return _digest(repr([file.read_text(encoding="utf-8") for file in files]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
