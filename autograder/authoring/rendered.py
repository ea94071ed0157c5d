"""`python -m autograder.authoring.rendered LESSON …`: lessons with solutions, rubrics and all outputs, as pages.

They are for teachers and assistants, and made, not published: `build/solutions/NN_name.html`.
"""

import argparse
import re
import sys
from pathlib import Path

from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_markdown_cell

from autograder.authoring.lesson import AuthoringError, Lesson, find_lessons, read_lesson
from autograder.authoring.run_through import executed
from autograder.authoring.slides import read_parts
from course_lib.course_folder import find_course
from course_lib.judging.exercise import ExerciseId

# nbconvert's pages fetch these from the network: MathJax is written into the page, and nothing needs require.js
_REQUIRE = re.compile(r'<script src="[^"]*require[^"]*"></script>')
_MATHJAX = re.compile(r'<script src="[^"]*mathjax[^"]*"> *</script>', re.IGNORECASE)
_SETTINGS = '<script>window.MathJax = {tex: {inlineMath: [["$", "$"]], processEscapes: true}};</script>'


def page(notebook: NotebookNode, lesson: Lesson, parts: Path) -> str:
    """Return a lesson that was run as a page, with a model answer and its rubric where students write a text.

    parts  the folder with MathJax that `make slides` installs: the page needs no network

    The cells that only show the model answers, and the one that measures claims, are left out. Raises ValueError when
    MathJax is not among the parts.
    """
    mathjax = f"{_SETTINGS}\n<script>{read_parts(parts)['mathjax_js']}</script>"
    cells = []
    for cell in notebook.cells:
        course = cell.metadata["course"]
        if course["role"] == "claims" or cell.source.startswith("show_answer("):
            continue
        if course["role"] == "answer" and cell.cell_type == "markdown":
            asked = lesson.exercises[ExerciseId(course["exercise"]).name]
            cell = new_markdown_cell(f"{asked.reference}\n\n**Rubric**\n\n{asked.rubric}", metadata=cell.metadata)
        cells.append(cell)
    shown = NotebookNode(notebook)
    shown.cells = cells
    made, _ = HTMLExporter().from_notebook_node(shown, resources={"metadata": {"name": lesson.title}})
    return _MATHJAX.sub(lambda _: mathjax, _REQUIRE.sub("", made))


def main(arguments: list[str] | None = None) -> int:
    """Write the pages of the lessons named, or of all; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m autograder.authoring.rendered", description="Lessons, solved.")
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="for instance 12_attention; all if none is named")
    parser.add_argument("--to", type=Path, metavar="DIR", help="folder to write to (default: build/solutions)")
    parser.add_argument("--short", action="store_true", help="train briefly: numbers are not those of the text")
    parser.add_argument("--parts", type=Path, metavar="DIR", help="MathJax (default: build/slides-parts)")
    parser.add_argument("--course", type=Path, metavar="DIR", help="the course's folder")
    parser.add_argument("--solutions", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        course = find_course(options.course)
        to = options.to or course.root / "build" / "solutions"
        parts = options.parts or course.root / "build" / "slides-parts"
        to.mkdir(parents=True, exist_ok=True)
        for path in find_lessons(options.solutions or course.solutions, tuple(options.lessons)):
            lesson = read_lesson(path)
            file = to / f"{lesson.name}.html"
            notebook = executed(lesson, course, full=not options.short)
            file.write_text(page(notebook, lesson, parts), encoding="utf-8")
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
