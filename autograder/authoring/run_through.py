"""A lesson run from top to bottom with its references, and kept, so that nothing is run twice that would show the same.

What was run lies in `build/lessons/NN_name.ipynb`, or `NN_name-short.ipynb` after short training, with a digest of all
that decides what it shows. Whoever needs an executed lesson asks `kept` first: slides are written again in a second.
"""

import hashlib
import json
import os
import subprocess
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell

import course_lib
from autograder.authoring.build import student_notebook
from autograder.authoring.claims import measuring_cell
from autograder.authoring.kept import machine
from autograder.authoring.lesson import Lesson
from course_lib.course_folder import CourseFolder
from course_lib.judging.exercise import ExerciseId
from course_lib.work.notebook_file import write

MAX_SECONDS = 1200  # of one cell


def solved_notebook(lesson: Lesson, full: bool) -> NotebookNode:
    """Return the student's notebook with the references, the speaker's notes, and a last cell that measures the claims.

    full  the claims' numbers will be compared, not only evaluated: it will be run at full length
    """
    notebook = student_notebook(lesson, notes=True)
    for cell in notebook.cells:
        course = cell.metadata["course"]
        if course["role"] == "exercise":
            course["stub"] = cell.source
            cell.source = lesson.exercises[ExerciseId(course["exercise"]).name].reference
    measuring = new_code_cell(measuring_cell(lesson.claims, compare=full))
    measuring.metadata = nbformat.from_dict({"course": {"role": "claims"}})
    notebook.cells.append(measuring)
    return notebook


def executed(lesson: Lesson, course: CourseFolder, full: bool) -> NotebookNode:
    """Return a lesson as it was run before, where a run would show the same, or else as it is run now.

    Raises CellExecutionError at the first cell that fails.
    """
    home = course.root / "build" / "lessons" / "home"
    return kept(lesson, course, full) or run_through(lesson, course, home, full)


def run_through(lesson: Lesson, course: CourseFolder, home: Path, full: bool) -> NotebookNode:
    """Run a lesson with its references, keep what it shows, and return it.

    home  folder in which the lesson keeps what it remembers; the scoreboard fills from lesson to lesson
    full  the whole length of training; otherwise the short one

    Raises CellExecutionError at the first cell that fails.
    """
    notebook = solved_notebook(lesson, full)
    notebook.metadata["run"] = _digest(notebook, lesson, course)
    place = {"metadata": {"path": str(course.notebooks)}}
    client = NotebookClient(
        notebook, timeout=MAX_SECONDS, store_widget_state=False, coalesce_streams=True, resources=place
    )
    environment = os.environ | {"COURSE_HOME": str(home), "COURSE_BUDGET": "full" if full else "short"}
    environment.pop("NBGRADER_EXECUTION", None)
    client.execute(env=environment, stderr=subprocess.DEVNULL)  # the kernel's own remarks
    file = _file(lesson, course, full)
    file.parent.mkdir(parents=True, exist_ok=True)
    write(file, nbformat.writes(notebook).encode())
    return notebook


def kept(lesson: Lesson, course: CourseFolder, full: bool) -> NotebookNode | None:
    """Return what a run of this very lesson, with this library and these packages, showed; None when there was none."""
    try:
        text = _file(lesson, course, full).read_text(encoding="utf-8")
        digest = json.loads(text)["metadata"]["run"]
    except (OSError, ValueError, LookupError, TypeError):  # there is none, or only a part of one
        return None
    same = digest == _digest(solved_notebook(lesson, full), lesson, course)
    return nbformat.reads(text, as_version=4) if same else None


def _file(lesson: Lesson, course: CourseFolder, full: bool) -> Path:
    return course.root / "build" / "lessons" / f"{lesson.name}{'' if full else '-short'}.ipynb"


def _digest(notebook: NotebookNode, lesson: Lesson, course: CourseFolder) -> str:
    """Return a digest of a lesson's cells, of the library and the public cases that they use, and of the machine."""
    cells = [[cell.cell_type, cell.source, cell.metadata] for cell in notebook.cells]
    found = hashlib.sha256(json.dumps([cells, machine()], sort_keys=True).encode())
    library = Path(course_lib.__file__).parent
    cases = course.notebooks / "cases" / f"{lesson.name}.json"
    for path in (*sorted(library.rglob("*")), cases):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
