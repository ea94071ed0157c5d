"""Reading a lesson: one text notebook in `solutions/`, complete, with everything that an author can get wrong checked.

`docs/authoring.md` says how a lesson is written. Every authoring error is reported as `file:line: sentence`.
"""

import ast
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jupytext

from autograder.authoring.cell_source import defines, is_documented, numbered_items, parsed, without_magics
from autograder.authoring.claims import Claim, read_claims
from autograder.authoring.lesson_files import find_lessons as find_lessons
from autograder.authoring.markers import BEGIN, END, model_answer_of, reference_of, rubric_of, stub_of
from course_lib.judging.exercise import Exercise, ExerciseId, of_one_lesson
from course_lib.judging.program import defined_names, parse
from course_lib.released import digest

KINDS = ("setup", "exercise", "hints", "cases", "probe", "judge", "mistake", "equivalents", "teacher")
INERT = ("cases", "probe", "judge", "mistake", "equivalents")
OPTIONS = {
    "exercise": "points parts withheld needs kind choices mutates slowdown optional slide",
    "mistake": "name hint active slide",
    "hints": "slide",
    "teacher": "slide",
    "setup": "slide",
    "demo": "slide",
} | dict.fromkeys(("cases", "probe", "judge", "equivalents"), "active slide")
OPTIONAL = "· optional"
TERM = re.compile(r"(?<!\*)\*\*\*([^*]+)\*\*\*(?!\*)")


class AuthoringError(Exception):
    """What an author must fix: one or more lines `file:line: sentence`."""


@dataclass(frozen=True)
class Cell:
    """A cell of the lesson file.

    kind    one of KINDS, or "demo"
    target  the exercise that it belongs to
    source  its code, or its prose as students read it, without the expressions of claims
    line    where its text begins
    """

    kind: str
    target: str
    markdown: bool
    source: str
    options: dict[str, Any]
    line: int


@dataclass(frozen=True)
class AuthoredMistake:
    """A mistake as it is written: its cell's source and line."""

    name: str
    hint: str
    source: str
    line: int


@dataclass(frozen=True)
class AuthoredExercise:
    """An exercise as it is written: what its check needs, the reference and the sources that never reach a student.

    equivalents  changes to the reference that are no mistakes, each with the reason (see autograder.authoring.mutants)
    """

    check: Exercise
    cell: Cell
    reference: str
    cases: Cell | None = None
    mistakes: tuple[AuthoredMistake, ...] = ()
    rubric: str = ""
    probe_line: int = 0
    judge_line: int = 0
    equivalents: dict[str, str] = field(default_factory=dict)

    @property
    def tested(self) -> str:
        """The tested version in `course_lib`, dotted; "" when there is none."""
        return next((name for name in self.check.withheld if name.startswith("course_lib.")), "")


@dataclass(frozen=True)
class Lesson:
    """One lesson, read and checked.

    name     "01_information"; short: "information"
    version  changes with whatever can change a verdict, and not with prose, demos or hints
    wording  changes with what feedback quotes: the title, the hints, and what is said of each mistake
    minutes  of the core path, without the optional exercises
    claims   the numbers and comparisons in its prose that its cells must bear out
    terms    the field's words that it explains, in bold italics where it does: word → heading of the section
    """

    path: Path
    name: str
    title: str
    minutes: int
    version: str
    wording: str
    cells: tuple[Cell, ...]
    exercises: dict[str, AuthoredExercise] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    terms: dict[str, str] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """The name without the number, as it is in exercise ids."""
        return self.name.split("_", 1)[1]

    @property
    def setup(self) -> str:
        """The source of all setup cells."""
        return "\n\n".join(cell.source for cell in self.cells if cell.kind == "setup")


def read_lesson(path: Path) -> Lesson:
    """Return the lesson of a file. Raises AuthoringError with everything that is wrong with it."""
    text = path.read_text(encoding="utf-8")
    reader = _Reader(path)
    cells = reader.cells(text)
    exercises = reader.exercises(cells)
    terms = reader.terms(cells)
    notebook = jupytext.reads(text, fmt="py:percent")
    course = notebook.metadata.get("course", {})
    if not course.get("title"):
        reader.error(1, "the header needs `course: title:`, the question that the lesson answers.")
    if reader.errors:
        raise AuthoringError("\n".join(reader.errors))
    title = course["title"]
    version, wording = _version(exercises), _wording(title, exercises)
    minutes, claims = int(course.get("minutes", 60)), tuple(reader.claims)
    return Lesson(path, path.stem, title, minutes, version, wording, tuple(cells), exercises, claims, terms)


def _version(exercises: dict[str, AuthoredExercise]) -> str:
    """Return a digest of all that a verdict comes from: every field of a check but its hints, and the author's code."""
    checks = [replace(exercise.check, hints=()) for exercise in exercises.values()]
    code = [
        [e.reference, e.cases.source if e.cases else "", *((m.name, m.source) for m in e.mistakes)]
        for e in exercises.values()
    ]
    return digest(repr((checks, code)))


def _wording(title: str, exercises: dict[str, AuthoredExercise]) -> str:
    """Return a digest of the sentences that feedback quotes from the lesson."""
    return digest(repr((title, [(e.check.hints, *((m.name, m.hint) for m in e.mistakes)) for e in exercises.values()])))


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.errors: list[str] = []
        self.claims: list[Claim] = []
        self.short = path.stem.split("_", 1)[-1]

    def error(self, line: int, sentence: str) -> None:
        self.errors.append(f"{self.path}:{line}: {sentence}")

    # ---- cells

    def cells(self, text: str) -> list[Cell]:
        """Return the cells with the lines they begin at. Errors are collected."""
        self.lines = text.split("\n")
        lines = [n for n, line in enumerate(self.lines, 1) if re.match(r"# %%(\s|$)", line)]
        cells = jupytext.reads(text, fmt="py:percent").cells
        if len(cells) != len(lines):
            self.error(
                lines[0] if lines else 1, "text before the first `# %%`, or a cell that jupytext reads otherwise."
            )
            return []
        return [self.cell(cell, line) for cell, line in zip(cells, lines)]

    def cell(self, cell: Any, line: int) -> Cell:
        options = {k: v for k, v in cell.metadata.items() if k not in ("lines_to_next_cell", "cell_marker")}
        kinds = [kind for kind in KINDS if kind in options]
        if len(kinds) > 1:
            self.error(line, f"a cell is one thing; this one is {' and '.join(kinds)}.")
        kind = kinds[0] if kinds else "demo"
        target = options.pop(kind, "") if kinds else ""
        target = target if isinstance(target, str) else ""
        for name in options.keys() - set(OPTIONS[kind].split()):
            self.error(line, f"`{name}` is not an option of a {kind} cell; those are: {OPTIONS[kind] or 'none'}.")
        if kind in INERT and options.get("active") != "py":
            self.error(line, f'a {kind} cell needs active="py", so that it does nothing when the notebook runs.')
        markdown, source = cell.cell_type == "markdown", cell.source
        if markdown:
            source = self.prose(source, line)
        else:
            try:
                parse(without_magics(cell.source))
            except SyntaxError as problem:
                self.error(line + (problem.lineno or 1), f"this is not Python: {problem.msg}.")
        return Cell(kind, target, markdown, source, options, line + 1)

    def prose(self, source: str, line: int) -> str:
        """Return the text of a markdown cell without its claims, which are collected.

        line  the cell's `# %%`
        """
        prose, claims, wrong = read_claims(source, str(self.path), self.begin(source, line))
        for where, sentence in wrong:
            self.error(where, sentence)
        self.claims += claims
        return prose

    def begin(self, source: str, line: int) -> int:
        """Return the line where the text of a markdown cell begins, below its quotes.

        line  the cell's `# %%`
        """
        before, first = next(((n, text) for n, text in enumerate(source.split("\n")) if text), (0, ""))
        return next((n for n, text in enumerate(self.lines[line:], line + 1) if first in text), line + 1) - before

    # ---- exercises

    def exercises(self, cells: list[Cell]) -> dict[str, AuthoredExercise]:
        """Return the exercises by name, with the cells that belong to them."""
        found: dict[str, Cell] = {}
        for cell in cells:
            if cell.kind == "exercise":
                if not cell.target.isidentifier():
                    self.error(cell.line, f"an exercise is called by the name it defines; {cell.target!r} is no name.")
                elif cell.target in found:
                    self.error(
                        cell.line, f"there is an exercise `{cell.target}` already, at line {found[cell.target].line}."
                    )
                else:
                    found[cell.target] = cell
        parts: dict[str, dict[str, list[Cell]]] = {name: {} for name in found}
        for cell in cells:
            if cell.kind in (*INERT, "hints"):
                if cell.target not in found:
                    self.error(cell.line, f"there is no exercise `{cell.target}` for these {cell.kind}.")
                else:
                    parts[cell.target].setdefault(cell.kind, []).append(cell)
        setup = "\n\n".join(cell.source for cell in cells if cell.kind == "setup")
        alone = [self.exercise(cell, parts[name], setup) for name, cell in found.items()]
        checks = of_one_lesson(exercise.check for exercise in alone)
        exercises = {check.name: replace(one, check=check) for one, check in zip(alone, checks)}
        self.check_names(cells, exercises)
        return exercises

    def exercise(self, cell: Cell, parts: dict[str, list[Cell]], setup: str) -> AuthoredExercise:
        options, name = cell.options, cell.target
        for kind, cells in parts.items():
            if len(cells) > 1 and kind != "mistake":
                self.error(cells[1].line, f"`{name}` has its {kind} already, at line {cells[0].line}.")
        kind = "text" if cell.markdown else options.get("kind", "function")
        if kind not in ("function", "choice", "number", "text"):
            self.error(cell.line, f'kind is "function", "choice" or "number", not {kind!r}.')
        points = options.get("points")
        if not isinstance(points, (int, float)) or isinstance(points, bool) or points < 0:
            self.error(cell.line, f"`{name}` needs points=…, a number.")
            points = 0
        shares = {str(part): float(value) for part, value in options.get("parts", {}).items()}
        if shares and sum(shares.values()) != points:
            self.error(cell.line, f"the parts of `{name}` add up to {sum(shares.values()):g}, but points={points:g}.")
        source = {part: parts[part][0] if part in parts else None for part in ("cases", "probe", "judge", "hints")}
        if kind == "function" and source["cases"] is None:
            self.error(cell.line, f"`{name}` has no cases, so nothing would check it.")
        for part in ("cases", "probe", "judge"):
            if (made := source[part]) and not defines(made.source, part):
                self.error(made.line, f"this cell must define the function `{part}`.")
        check = Exercise(
            id=ExerciseId(f"{self.short}.{name}"),
            kind=kind,
            points=float(points),
            stub=self.stub(cell, kind),
            parts=shares,
            choices=tuple(str(options.get("choices", "")).split()),
            withheld=tuple(str(options.get("withheld", "")).split()),
            needs=tuple(str(options.get("needs", "")).split()),
            mutates=bool(options.get("mutates", False)),
            optional=bool(options.get("optional", False)),
            slowdown=float(options.get("slowdown", 50)),
            hints=numbered_items(source["hints"].source) if source["hints"] else (),
            setup=setup,
            probe_source=source["probe"].source if source["probe"] else "",
            judge_source=source["judge"].source if source["judge"] else "",
        )
        if kind == "choice" and not check.choices:
            self.error(cell.line, f'the question `{name}` needs choices="a b c".')
        return AuthoredExercise(
            check=check,
            cell=cell,
            reference=model_answer_of(cell.source) if kind == "text" else reference_of(cell.source),
            cases=source["cases"],
            mistakes=self.mistakes(name, parts.get("mistake", [])),
            rubric=rubric_of(cell.source),
            probe_line=source["probe"].line if source["probe"] else 0,
            judge_line=source["judge"].line if source["judge"] else 0,
            equivalents=self.equivalents(parts["equivalents"][0]) if "equivalents" in parts else {},
        )

    def equivalents(self, cell: Cell) -> dict[str, str]:
        """Return the changes that a cell calls equivalent, with their reasons."""
        try:
            (statement,) = parse(cell.source).body
            said = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
            good = all(isinstance(text, str) and text.strip() for pair in said.items() for text in pair)
        except (SyntaxError, ValueError, AttributeError):
            good = False
        if good:
            return said
        self.error(cell.line, 'equivalents are one dict of texts: equivalents = {"x → y": "why that is no mistake"}.')
        return {}

    def mistakes(self, name: str, cells: list[Cell]) -> tuple[AuthoredMistake, ...]:
        found: dict[str, AuthoredMistake] = {}
        for cell in cells:
            label, hint = str(cell.options.get("name", "")), str(cell.options.get("hint", ""))
            if not label.isidentifier():
                self.error(cell.line, f'a mistake of `{name}` needs name="…", a short identifier.')
            elif label in found:
                self.error(cell.line, f"`{name}` has a mistake `{label}` already, at line {found[label].line}.")
            if not hint.strip():
                self.error(cell.line, f'the mistake `{label}` of `{name}` needs hint="…", a sentence that helps.')
            if not defines(cell.source, name):
                self.error(cell.line, f"a mistake of `{name}` must define `{name}`.")
            found[label] = AuthoredMistake(label, hint, cell.source, cell.line)
        return tuple(found.values())

    def stub(self, cell: Cell, kind: str) -> str:
        """Return what the student receives instead of this cell."""
        begins, ends = cell.source.count(BEGIN), cell.source.count(END) - 0
        if begins == 0 or begins != ends:
            self.error(cell.line, f"`{cell.target}` needs its solution between `{BEGIN}` and `{END}`.")
            return cell.source
        if kind == "text":
            return "*Write your answer here.*"
        if not defines(cell.source, cell.target):
            self.error(cell.line, f"the cell of the exercise `{cell.target}` must define `{cell.target}`.")
        if kind == "function" and not is_documented(cell.source, cell.target):
            self.error(cell.line, f"`{cell.target}` needs a docstring: it is the student's only specification.")
        if kind == "choice":
            choices = ", ".join(f'"{choice}"' for choice in str(cell.options.get("choices", "")).split())
            return f"{cell.target} = None  # your answer: {choices}"
        if kind == "number":
            return f"{cell.target} = None  # your answer: a number"
        stub = stub_of(cell.source, cell.target)
        try:
            parse(stub)
        except SyntaxError as problem:
            self.error(
                cell.line + (problem.lineno or 1) - 1, f"the stub of `{cell.target}` is not Python: {problem.msg}."
            )
        return stub

    # ---- prose

    def terms(self, cells: list[Cell]) -> dict[str, str]:
        """Return the words in bold italics, each with the heading above it. Tell the headings of exercises apart."""
        found: dict[str, str] = {}
        heading, optional = "", False
        for cell in cells:
            if cell.markdown and cell.kind in ("demo", "exercise"):
                for line, text in enumerate(cell.source.split("\n"), self.begin(cell.source, cell.line - 1)):
                    if text.startswith("#") and not text.startswith(("### BEGIN", "### END")):
                        heading = text.lstrip("#").strip()
                        optional = heading.endswith(OPTIONAL)
                    for term in TERM.findall(text):
                        if term in found:
                            self.error(line, f"the term “{term}” is in bold italics in “{found[term]}” already.")
                        found[term] = heading
            if cell.kind == "exercise" and optional != bool(cell.options.get("optional", False)):
                self.error(
                    cell.line,
                    f"the heading of `{cell.target}` ends in “{OPTIONAL}” exactly where the cell says optional=true.",
                )
        return found

    # ---- names

    def check_names(self, cells: list[Cell], exercises: dict[str, AuthoredExercise]) -> None:
        """Look for names where they must not be: demos that define an exercise, probes that mention the reference."""
        for cell in cells:
            if cell.markdown or (tree := parsed(cell.source)) is None:
                continue
            if cell.kind in ("demo", "setup"):
                for name in sorted(defined_names(tree) & exercises.keys()):
                    self.error(
                        cell.line, f"this {cell.kind} cell defines `{name}`, which is an exercise; use another name."
                    )
            if cell.kind in ("probe", "judge"):
                mentioned = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
                own = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
                for name in sorted((mentioned - own) & exercises.keys()):
                    self.error(cell.line, f"a {cell.kind} is shipped to students; it must not mention `{name}`.")
        for name, exercise in exercises.items():
            for need in exercise.check.needs:
                if need not in exercises:
                    self.error(exercise.cell.line, f"`{name}` needs `{need}`, which is no exercise of this lesson.")
                elif not exercises[need].tested:
                    self.error(
                        exercise.cell.line, f"`{name}` needs `{need}`, so that one must withhold its tested version."
                    )
