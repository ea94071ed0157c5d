"""What is known of a lesson's mutants: a committed record by content, so that only what changed is tried again."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from autograder.authoring.lesson import AuthoredExercise, Lesson, read_lesson
from autograder.authoring.mutants.trial import Mutation, mutation
from autograder.authoring.reference import Reference
from course_lib import judging
from course_lib.judging.exercise import ExerciseId

# what decides whether a mutant passes, beside the lesson
DECIDING = ("case", "compare", "probe", "random_inputs", "sampling")


def mutations(path: Path, again: bool = False) -> list[Mutation]:
    """Return what became of the mutants of each function and class of a lesson, and record what is clean.

    again  try those, too, that the record knows

    Raises AuthoringError when the lesson cannot be read or its references do not run.
    """
    lesson = read_lesson(path)
    known = {} if again else _read(record_file(path))
    results, reference = [], None
    for exercise in lesson.exercises.values():
        if exercise.check.kind != "function":
            continue
        content = _content(lesson, exercise)
        row = known.get(exercise.check.id, {})
        if row.get("of") == content:
            results.append(Mutation(exercise.check.id, row["mutants"], row["equivalent"]))
            continue
        reference = reference or Reference(lesson)
        results.append(mutation(reference, exercise))
    _write(record_file(path), lesson, results)
    return results


def record_file(path: Path) -> Path:
    """Return the file that holds the record of a lesson file's mutants."""
    return path.parent / "mutants" / f"{path.stem}.json"


def _read(file: Path) -> dict[ExerciseId, dict]:
    rows = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {ExerciseId(id): row for id, row in rows.items()}


def _write(file: Path, lesson: Lesson, results: list[Mutation]) -> None:
    rows = {}
    for one in results:
        if one.clean:
            content = _content(lesson, lesson.exercises[one.exercise.name])
            rows[one.exercise] = {"of": content, "mutants": one.total, "equivalent": one.equivalent}
    if rows != _read(file):
        file.parent.mkdir(exist_ok=True)
        lines = ",\n".join(f" {json.dumps(id)}: {json.dumps(row)}" for id, row in rows.items())
        file.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


def _content(lesson: Lesson, exercise: AuthoredExercise) -> str:
    """Return a digest of all that decides what becomes of an exercise's mutants."""
    needed = [lesson.exercises[need].reference for need in exercise.check.needs]
    cases = exercise.cases.source if exercise.cases else ""
    said = repr((replace(exercise.check, hints=(), points=0.0, elsewhere=()), exercise.reference, cases, needed))
    judges = [Path(judging.__path__[0], f"{name}.py") for name in DECIDING]
    ours = sorted(Path(__file__).parent.glob("*.py"))
    deciding = [file.read_text(encoding="utf-8") for file in (*judges, *ours)]
    return hashlib.sha256(repr((said, exercise.equivalents, deciding)).encode()).hexdigest()[:16]
