"""Slides: a lesson as a lecture, in one HTML file that needs no network and no kernel.

`make slides` writes `build/slides/NN_name.html` for every lesson. The lesson is run with its solutions, at full length,
unless it was before; on the slides are its prose, figures, tables and the first state of its widgets. Exercises become
pauses: the statement, and no solution. reveal.js shows the slides and MathJax the formulas; both are written into the
file. What does not fit on a slide is shrunk a little or goes on on the next one, measured in the browser (see
`slides.html.jinja`).
"""

import argparse
import copy
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from markupsafe import Markup
from nbclient.exceptions import CellExecutionError
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.notebooknode import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from rich.console import Console

from autograder.authoring.claims import findings_of
from autograder.authoring.lesson import AuthoringError, Lesson, find_lessons, read_lesson
from autograder.authoring.run_through import executed
from course_lib.course_folder import find_course

PARTS = {  # in the folder that `make slides` installs from PyPI, with the versions of constraints.txt
    "reveal_css": "sphinx_revealjs/_static/revealjs/dist/reveal.css",
    "reveal_js": "sphinx_revealjs/_static/revealjs/dist/reveal.js",
    "notes_js": "sphinx_revealjs/_static/revealjs/plugin/notes/notes.js",
    "mathjax_js": "sphinx-mathjax-offline/static/mathjax/tex-svg-full.js",
}
SHOWN_LINES = 15  # longer code is folded, and so is code that makes a picture: the picture has the slide
STUB_LINES = 30  # a longer one is for the notebook


@dataclass
class Page:
    """One slide: HTML, from top to bottom; the exercise that the class pauses for; notes for the speaker."""

    blocks: list[Markup] = field(default_factory=list)
    pause: str = ""
    notes: list[Markup] = field(default_factory=list)


def lecture(notebook: NotebookNode) -> NotebookNode:
    """Return what a class sees of a lesson that was run: all but checks, answers, and the measuring of claims."""
    shown = copy.copy(notebook)
    shown.cells = [
        cell
        for cell in notebook.cells
        if cell.metadata["course"]["role"] not in ("check", "claims") and not cell.source.startswith("show_answer(")
    ]
    return shown


# ---- cells to slides


def columns(notebook: NotebookNode) -> list[list[Page]]:
    """Return the slides: columns that are walked through from left to right, each with its pages from top to bottom."""
    found: list[list[Page]] = []
    for cell in notebook.cells:
        course = cell.metadata["course"]
        if "exercise" in course and found:
            if found[-1][-1].pause:
                found[-1].append(Page([_heading_again(found[-1])]))
            found[-1][-1].pause = course["exercise"]
            found[-1][-1].blocks += _task(course.get("stub", ""))
        elif course["role"] != "setup":
            for kind, passage in _passages(cell):
                _place(found, kind, passage)
    return found


def _place(found: list[list[Page]], kind: str, passage: Markup) -> None:
    """Put a passage on a new column, a new page or the last one, as its kind of slide says."""
    if kind == "skip":
        return
    if kind == "slide" or not found:
        found.append([Page()])
    elif kind == "subslide":
        found[-1].append(Page())
    elif found[-1][-1].pause and kind != "notes":  # after the exercise, the lecture goes on
        found[-1].append(Page([_heading_again(found[-1])]))
    if kind == "notes":
        found[-1][-1].notes.append(passage)
    elif kind == "fragment":
        found[-1][-1].blocks.append(Markup('<div class="fragment">{}</div>').format(passage))
    else:
        found[-1][-1].blocks.append(passage)


def _passages(cell: NotebookNode) -> list[tuple[str, Markup]]:
    """Return what a cell puts on the slides, with the kind of slide: a demo whole; prose cut before each heading."""
    kind = cell.metadata["slideshow"]["slide_type"]
    if cell.cell_type == "code":
        return [(kind, _demo(cell))]
    parts, kinds, fenced = [""], [kind], False
    for line in cell.source.splitlines(keepends=True):
        fenced ^= line.startswith("```")
        heading = re.match(r"(#{1,3}) ", line)
        if heading and not fenced and parts[-1].strip():
            parts.append("")
            kinds.append(kind if kind in ("skip", "notes") else "subslide" if heading[1] == "###" else "slide")
        parts[-1] += line
    return [(kind, markdown(part)) for kind, part in zip(kinds, parts)]


def _task(stub: str) -> list[Markup]:
    """Return the code that an exercise starts from, without what says that it is not written yet."""
    lines = [line for line in stub.split("\n") if not re.search("# YOUR CODE HERE|raise NotImplementedError", line)]
    if not stub.lstrip().startswith(("def ", "class ", "import ", "from ", "@")) or len(lines) > STUB_LINES:
        return []
    return [Markup(highlight("\n".join(lines), PythonLexer(), HtmlFormatter(cssclass="code")))]


def _heading_again(pages: list[Page]) -> Markup:
    """Return the heading of a column for a slide on which it goes on."""
    found = re.search(r"<(h[123])[^>]*>(.*?)</\1>", pages[0].blocks[0] if pages[0].blocks else "", re.DOTALL)
    return Markup(f'<h2>{found[2]} <span class="more">· continued</span></h2>') if found else Markup("")


def markdown(source: str) -> Markup:
    """Return prose as HTML, formulas left to MathJax, links to other lessons turned into links to their slides."""
    page = MarkdownWithMath(renderer=IPythonRenderer(escape=False, exclude_anchor_links=True)).render(source)
    return Markup(re.sub(r'href="(\d\d_\w+)\.ipynb"', r'href="\1.html"', page))


def _demo(cell: NotebookNode) -> Markup:
    """Return a code cell's source and what it put out. The source is open only where it is short and prints text."""
    outputs = [shown for output in cell.outputs if (shown := _output(output))]
    code = highlight(cell.source, PythonLexer(), HtmlFormatter(cssclass="code"))
    lines = cell.source.count("\n") + 1
    if lines > SHOWN_LINES or not outputs or not all(output.startswith("<pre") for output in outputs):
        code = f"<details><summary>the code, {lines} {'line' if lines == 1 else 'lines'}</summary>{code}</details>"
    return Markup("\n").join([Markup(code), *outputs])


def _output(output: NotebookNode) -> Markup:
    """Return one output as HTML: the page, else the picture, else the text. What went to stderr is not shown."""
    data = output.get("data", {})
    if output.get("metadata", {}).get("course") == "remark":  # to whoever works in the notebook
        return Markup("")
    if "text/html" in data:
        return Markup('<div class="output">{}</div>').format(Markup(data["text/html"]))
    if "image/png" in data:
        image = '<div class="output"><img alt="" src="data:image/png;base64,{}"></div>'
        return Markup(image).format(data["image/png"].strip())
    if "text/markdown" in data:
        return markdown(data["text/markdown"])
    if "application/vnd.jupyter.widget-view+json" in data or output.get("name") == "stderr":
        return Markup("")
    text = output.get("text") or data.get("text/plain", "")
    lines = [line.rsplit("\r", 1)[-1] for line in text.rstrip().split("\n")]  # of a progress bar: its last state
    text = "\n".join(lines)
    return Markup('<pre class="output">{}</pre>').format(text) if text.strip() else Markup("")


def read_parts(parts: Path) -> dict[str, Markup]:
    """Return what `PARTS` names, to be written into a page. Raises ValueError when one is not there."""
    missing = [path for path in PARTS.values() if not (parts / path).is_file()]
    if missing:
        raise ValueError(f"{parts / missing[0]} is not there: run `make slides`, which installs it once from PyPI.")
    # "</script" in a text would end the element that it is written into
    texts = {name: (parts / path).read_text(encoding="utf-8") for name, path in PARTS.items()}
    return {name: Markup(text.replace("</script", "<\\/script")) for name, text in texts.items()}


def page(lesson: Lesson, slides: list[list[Page]], parts: Path, short: bool = False) -> str:
    """Return the lecture as one HTML file.

    short  training was short, which every slide says

    Raises ValueError when reveal.js or MathJax is not among the parts.
    """
    read = read_parts(parts)
    points = {exercise.check.id: f"{exercise.check.points:g}" for exercise in lesson.exercises.values()}
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("autograder.authoring", "."), autoescape=True, trim_blocks=True
    )
    style = Markup(HtmlFormatter(cssclass="code").get_style_defs([".code", ".highlight"]))
    template = environment.get_template("slides.html.jinja")
    return template.render(lesson=lesson, columns=slides, points=points, code_style=style, short=short, **read)


def main(arguments: list[str] | None = None) -> int:
    """Write the slides of the lessons named, or of all; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m autograder.authoring.slides", description="Lessons as lectures.")
    parser.add_argument(
        "lessons", nargs="*", metavar="LESSON", help="for instance 01_information; all if none is named"
    )
    parser.add_argument("--to", type=Path, metavar="DIR", help="folder to write to (default: build/slides)")
    parser.add_argument("--short", action="store_true", help="train briefly, and say so on every slide")
    parser.add_argument("--parts", type=Path, metavar="DIR", help="reveal.js and MathJax (default: build/slides-parts)")
    parser.add_argument("--course", type=Path, metavar="DIR", help="the course's folder")
    parser.add_argument("--solutions", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        course = find_course(options.course)
        to, parts = (
            options.to or course.root / "build" / "slides",
            options.parts or course.root / "build" / "slides-parts",
        )
        paths = find_lessons(options.solutions or course.solutions, tuple(options.lessons))
        to.mkdir(parents=True, exist_ok=True)
        for path in paths:
            lesson = read_lesson(path)
            with Console(stderr=True).status(f"{lesson.name} …"):
                notebook = executed(lesson, course, full=not options.short)
            for finding in findings_of(notebook.cells[-1]):
                print(f"slides: {finding}", file=sys.stderr)
            file = to / f"{lesson.name}.html"
            file.write_text(page(lesson, columns(lecture(notebook)), parts, options.short), encoding="utf-8")
            print(file)
    except (AuthoringError, CellExecutionError) as problem:
        print(f"slides: {path}: {problem}", file=sys.stderr)
        return 1
    except ValueError as problem:
        print(f"slides: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
