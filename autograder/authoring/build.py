"""Building a lesson: from the author's text notebook to what students open.

For each lesson three files, all generated, all committed: `notebooks/NN_name.ipynb`, `notebooks/cases/NN_name.json`
(public cases), and `answers/NN_name.json` (references, model answers and rubrics), which no student is given.
"""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.authoring.lesson import AuthoredExercise, Cell, Lesson, read_lesson
from autograder.authoring.markers import question_text
from autograder.authoring.mutants.recorded import recorded_slips
from autograder.authoring.reference import PUBLIC_SEED, Reference
from course_lib.course_folder import CourseFolder
from course_lib.judging.case import CaseSet, Mistake, Outcome
from course_lib.judging.exercise import ExerciseId, PublicExercise, PublicLesson, write_cases, write_public
from course_lib.released import digest

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def build(path: Path, course: CourseFolder) -> dict[Path, str]:
    """Return the files that a lesson builds to, with their text. Building twice gives identical bytes.

    path    the lesson file
    course  where the files are to go

    Raises AuthoringError with everything that is wrong with the lesson.
    """
    lesson = read_lesson(path)
    reference = Reference(lesson)
    return {
        course.notebooks / f"{lesson.name}.ipynb": nbformat.writes(student_notebook(lesson)) + "\n",
        course.notebooks / "cases" / f"{lesson.name}.json": write_public(public_lesson(reference)),
        course.answers / f"{lesson.name}.json": _answers(reference),
    }


def public_lesson(reference: Reference) -> PublicLesson:
    """Return what students may know of a lesson's checks: inputs, outcomes and hints of seed 0, and no answers."""
    lesson, slips = reference.lesson, recorded_slips(reference.lesson)
    exercises: dict[ExerciseId, PublicExercise] = {}
    for exercise in lesson.exercises.values():
        graded = exercise.check.kind == "function"
        cases = _without_complaints(reference.case_set(exercise, PUBLIC_SEED)) if graded else None
        if cases and exercise.check.id in slips:
            cases = replace(cases, slips=slips[exercise.check.id])
        exercises[exercise.check.id] = PublicExercise(exercise.check, cases)
    return PublicLesson(lesson.name, lesson.title, lesson.version, exercises, lesson.terms)


def _without_complaints(cases: CaseSet) -> CaseSet:
    """Drop tracebacks: they quote the reference and the mistakes."""

    def bare(outcomes: tuple[Outcome, ...]) -> tuple[Outcome, ...]:
        return tuple(Outcome(o.value, o.raised, o.changed) for o in outcomes)

    mistakes = tuple(Mistake(m.name, m.hint, bare(m.outcomes)) for m in cases.mistakes)
    return CaseSet(cases.cases, bare(cases.expected), mistakes)


def _answers(reference: Reference) -> str:
    entries = {}
    for exercise in reference.lesson.exercises.values():
        entry: dict[str, Any] = {"answer": exercise.reference, "rubric": exercise.rubric}
        if exercise.check.kind in ("choice", "number"):
            entry["cases"] = write_cases(_without_complaints(reference.case_set(exercise, PUBLIC_SEED)))
        entries[exercise.check.id] = entry
    document = {"lesson": reference.lesson.name, "version": reference.lesson.version, "exercises": entries}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


# ---- the notebook


def student_notebook(lesson: Lesson, notes: bool = False) -> NotebookNode:
    """Return the notebook that students open: prose and demos, stubs with a check under each, no outputs.

    notes  True: keep the lecturer's notes too, for slides
    """
    cells: list[NotebookNode] = []
    ids: set[str] = set()
    setups = 0
    for cell in lesson.cells:
        if cell.kind == "exercise":
            made = _exercise_cells(lesson, lesson.exercises[cell.target])
        elif cell.kind == "setup":
            setups += 1
            made = [_graded(_cell(cell), f"{lesson.short}-setup-{setups}", locked=True)]
        elif cell.kind == "demo" or (notes and cell.kind == "teacher"):
            made = [_cell(cell)]
        else:
            continue
        for one in made:
            usual = "notes" if cell.kind == "teacher" else _slide_type(one)
            one.metadata["slideshow"] = {"slide_type": cell.options.get("slide") or usual}
            one.metadata["course"]["text"] = digest(one.source)
            one.id = _stable_id(one, ids)
            cells.append(one)
    metadata = {
        "kernelspec": KERNEL,
        "language_info": {"name": "python"},
        "course": {
            "lesson": lesson.name,
            "title": lesson.title,
            "version": lesson.version,
            "generated": f"from solutions/{lesson.name}.py",
        },
    }
    notebook = new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(notebook)
    return notebook


def _cell(cell: Cell) -> NotebookNode:
    made = new_markdown_cell(cell.source) if cell.markdown else new_code_cell(without_notes(cell.source))
    made.metadata["course"] = {"role": "prose" if cell.markdown else cell.kind}
    return made


def without_notes(source: str) -> str:
    """Return code without what authors write to their formatter, which says nothing to a learner."""
    return re.sub(r"(?m)[ \t]*# fmt: (?:skip|on|off)[ \t]*$", "", source)


def _exercise_cells(lesson: Lesson, exercise: AuthoredExercise) -> list[NotebookNode]:
    check, id = exercise.check, exercise.check.id.grade_id
    role = {"exercise": check.id}
    if check.kind == "text":
        question = new_markdown_cell(question_text(exercise.cell.source), metadata={"course": {"role": "prose"}})
        answer = new_markdown_cell(check.stub, metadata={"course": {"role": "answer", **role}})
        reveal = new_code_cell(f'show_answer("{check.id}")', metadata={"course": {"role": "demo"}})
        return [question, _graded(answer, id, points=check.points, solution=True), reveal]
    stub = new_code_cell(without_notes(check.stub), metadata={"course": {"role": "exercise", **role}})
    test = new_code_cell(f'check("{check.id}")', metadata={"course": {"role": "check", **role}})
    return [_graded(stub, f"{id}-answer", solution=True), _graded(test, id, points=check.points, locked=True)]


def _graded(
    cell: NotebookNode, id: str, *, points: float | None = None, solution: bool = False, locked: bool = False
) -> NotebookNode:
    """Add nbgrader's metadata (schema 3), which allows no keys but its own."""
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade_id": id,
        "grade": points is not None,
        "solution": solution,
        "locked": locked,
        "task": False,
        "cell_type": cell.cell_type,
        **({} if points is None else {"points": points}),
    }
    if locked:
        cell.metadata["editable"] = False
        cell.metadata["deletable"] = False
    elif solution:
        cell.metadata["deletable"] = False
    return cell


def _slide_type(cell: NotebookNode) -> str:
    if cell.cell_type == "markdown":
        if cell.source.startswith(("# ", "## ")):
            return "slide"
        if cell.source.startswith("### "):
            return "subslide"
    return "skip" if cell.metadata["course"]["role"] in ("setup", "check") else "-"


def _stable_id(cell: NotebookNode, taken: set[str]) -> str:
    """Return a cell id that stays when other cells change: from nbgrader's id, or from the text itself."""
    named = cell.metadata.get("nbgrader", {}).get("grade_id")
    base = named[:60] if named else digest(cell.source)
    id, number = base, 1
    while id in taken:
        number += 1
        id = f"{base}-{number}"
    taken.add(id)
    return id
