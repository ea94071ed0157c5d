"""`python -m autograder.authoring.rendered LESSON …`: lessons with their solutions and all outputs, as pages to read.

They are for teachers and assistants, and made, not published: `build/solutions/NN_name.html`.
"""

import argparse
import sys
from pathlib import Path

from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbformat.notebooknode import NotebookNode

from autograder.authoring.lesson import AuthoringError, find_lessons, read_lesson
from autograder.authoring.run_through import executed
from course_lib.course_folder import find_course


def page(notebook: NotebookNode, title: str) -> str:
    """Return a notebook that was run as a page; the cell that measured claims, which no reader wants, is left out."""
    shown = NotebookNode(notebook)
    shown.cells = [cell for cell in notebook.cells if cell.metadata["course"]["role"] != "claims"]
    made, _ = HTMLExporter().from_notebook_node(shown, resources={"metadata": {"name": title}})
    return made


def main(arguments: list[str] | None = None) -> int:
    """Write the pages of the lessons named, or of all; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m autograder.authoring.rendered", description="Lessons, solved.")
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="for instance 12_attention; all if none is named")
    parser.add_argument("--to", type=Path, metavar="DIR", help="folder to write to (default: build/solutions)")
    parser.add_argument("--short", action="store_true", help="train briefly: numbers are not those of the text")
    parser.add_argument("--course", type=Path, metavar="DIR", help="the course's folder")
    parser.add_argument("--solutions", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        course = find_course(options.course)
        to = options.to or course.root / "build" / "solutions"
        to.mkdir(parents=True, exist_ok=True)
        for path in find_lessons(options.solutions or course.solutions, tuple(options.lessons)):
            lesson = read_lesson(path)
            file = to / f"{lesson.name}.html"
            file.write_text(page(executed(lesson, course, full=not options.short), lesson.title), encoding="utf-8")
            print(file)
    except (AuthoringError, CellExecutionError) as problem:
        print(f"rendered: {path}: {problem}", file=sys.stderr)
        return 1
    except ValueError as problem:
        print(f"rendered: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
