"""Nine simulated students who show what a grader meets; what they hand in is made from the lessons themselves."""

from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from autograder.authoring.build import student_notebook
from autograder.authoring.lesson import AuthoredExercise, Lesson
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.forbidden import forbidden_in

Student = Callable[[Lesson, NotebookNode], None]


def simulate(lessons: list[Lesson], to: Path) -> list[Path]:
    """Write one submission per simulated student and lesson; return the notebooks' paths."""
    written = []
    for lesson in lessons:
        for student, change in STUDENTS.items():
            notebook = student_notebook(lesson)
            change(lesson, notebook)
            path = to / student / lesson.name / f"{lesson.name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = nbformat.writes(notebook)
            path.write_text(text[: len(text) // 2] if student == "grace" else text, encoding="utf-8")
            written.append(path)
    return written


def _fill(lesson: Lesson, notebook: NotebookNode, choose: Callable[[int, AuthoredExercise], str | None]) -> None:
    """Replace the source of each exercise's cell by what `choose(number, exercise)` returns; None leaves the stub."""
    for cell in notebook.cells:
        course = cell.metadata.get("course", {})
        if course.get("role") in ("exercise", "answer"):
            exercise = lesson.exercises[ExerciseId(course["exercise"]).name]
            number = list(lesson.exercises).index(exercise.check.name)
            cell.source = choose(number, exercise) or cell.source


def _right(number: int, exercise: AuthoredExercise) -> str:
    return exercise.reference


def _mistaken(which: int) -> Callable[[int, AuthoredExercise], str]:
    """Return a chooser that makes the `which`-th mistake of every second exercise."""

    def choose(number: int, exercise: AuthoredExercise) -> str:
        mistakes = [m for m in exercise.mistakes if not forbidden_in(m.source, exercise.check.withheld)]
        if number % 2 == which % 2 and mistakes:
            mistake = mistakes[which % len(mistakes)].source
            return f"{exercise.reference}\n\n\n{mistake}" if exercise.check.kind == "function" else mistake
        return exercise.reference

    return choose


def _ada(lesson: Lesson, notebook: NotebookNode) -> None:
    """Everything right."""
    _fill(lesson, notebook, _right)


def _ben(lesson: Lesson, notebook: NotebookNode) -> None:
    """Makes the first mistake of every other exercise."""
    _fill(lesson, notebook, _mistaken(0))


def _chloe(lesson: Lesson, notebook: NotebookNode) -> None:
    """Makes the second mistake of the others."""
    _fill(lesson, notebook, _mistaken(1))


def _dmitri(lesson: Lesson, notebook: NotebookNode) -> None:
    """Handed in what he was given."""


def _emma(lesson: Lesson, notebook: NotebookNode) -> None:
    """All right, but for a syntax error in the first function."""
    first, _ = _first_functions(lesson)
    _fill(
        lesson,
        notebook,
        lambda n, e: e.reference.replace("):", ")", 1).replace(") ->", " ->") if e is first else e.reference,
    )


def _farid(lesson: Lesson, notebook: NotebookNode) -> None:
    """All right, but for a loop without end in the second function."""
    _, second = _first_functions(lesson)
    endless = f"def {second.check.name}(*args, **kwargs):\n    while True:\n        pass"
    _fill(lesson, notebook, lambda n, e: endless if e is second else e.reference)


def _first_functions(lesson: Lesson) -> tuple[AuthoredExercise, AuthoredExercise]:
    functions = [exercise for exercise in lesson.exercises.values() if exercise.check.kind == "function"]
    return functions[0], functions[1]


def _grace(lesson: Lesson, notebook: NotebookNode) -> None:
    """All right, but the file arrives cut in half."""
    _fill(lesson, notebook, _right)


def _hiro(lesson: Lesson, notebook: NotebookNode) -> None:
    """All right, but a check was deleted and another copied."""
    _fill(lesson, notebook, _right)
    checks = [i for i, cell in enumerate(notebook.cells) if cell.metadata.get("course", {}).get("role") == "check"]
    notebook.cells.append(nbformat.from_dict({**notebook.cells[checks[1]], "id": "copied"}))
    del notebook.cells[checks[0]]


def _ines(lesson: Lesson, notebook: NotebookNode) -> None:
    """Got half way, and prints and warns a lot."""
    half = len(lesson.exercises) // 2
    chatter = "import warnings\nwarnings.warn('careful')\nprint('working on it')\n\n"
    _fill(lesson, notebook, lambda n, e: chatter + e.reference if n < half and e.check.kind == "function" else None)


STUDENTS: dict[str, Student] = {
    "ada": _ada,
    "ben": _ben,
    "chloe": _chloe,
    "dmitri": _dmitri,
    "emma": _emma,
    "farid": _farid,
    "grace": _grace,
    "hiro": _hiro,
    "ines": _ines,
}
