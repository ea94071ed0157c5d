"""Reading a submission: what can be repaired is repaired with a note, what cannot is refused with the reason.

A submission is one student's notebook for one lesson. Cells are recognised by nbgrader's id, then by their text, then
by the name they define, so that stripped metadata, moved, duplicated, deleted or edited check cells cost nobody a
mark.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import nbformat
from nbformat.notebooknode import NotebookNode

from course_lib.judging.exercise import ExerciseId
from course_lib.judging.program import UNREADABLE, defined_names, parse, same_code

MAX_CELLS = 2000


class NotGradable(Exception):
    """The submission cannot be graded; the message says why, to the student and the teacher."""


@dataclass(frozen=True)
class SubmittedCell:
    """A cell as submitted. role: "setup", "check", "demo", "exercise", "answer", "prose" or "added"."""

    role: str
    exercise: str
    source: str
    markdown: bool


@dataclass
class Submission:
    """A submission that was read. cells: in the student's order; notes: what had to be repaired."""

    student: str
    lesson: str
    cells: list[SubmittedCell]
    notes: list[str] = field(default_factory=list)

    def sources(self, exercise: str) -> list[str]:
        """Return the sources of the cells that belong to an exercise, in order."""
        return [cell.source for cell in self.cells if cell.exercise == exercise and cell.role in ("exercise", "answer")]


def printable(text: str) -> str:
    """Return text that can be written as UTF-8: half characters, as `"\\ud800"` in JSON gives them, are spelled out."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def parse_submission(student: str, lesson: str, data: bytes, notes: list[str], release: NotebookNode) -> Submission:
    """Return the submission that the bytes of a notebook hold.

    notes    on what was repaired so far
    release  the notebook as students received it

    Raises NotGradable with the reason when there is nothing that can be graded.
    """
    notes = list(notes)
    cells = _Recogniser(release).cells(_parse(_text(data, notes)))
    submission = Submission(student, lesson, cells, notes)
    _note_repairs(submission, release)
    return submission


def _text(data: bytes, notes: list[str]) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        notes.append("The file was saved as UTF-16; it was read all the same.")
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.append("The file was not saved as UTF-8; some characters may look odd.")
        return data.decode("cp1252", errors="replace")


def _parse(text: str) -> list[dict]:
    """Return the cells of a notebook of any version, as plain dicts with their `source` joined."""
    if not text.strip():
        raise NotGradable("The file is empty.")
    try:
        document = json.loads(text)
    except ValueError as problem:
        raise NotGradable(f"The file is not a whole notebook: broken JSON ({problem}).") from None
    except RecursionError:
        raise NotGradable("The file is not a notebook: its JSON is nested too deeply.") from None
    if not isinstance(document, dict):
        raise NotGradable("The file is JSON, but not a notebook.")
    if "worksheets" in document:
        try:
            document = nbformat.convert(nbformat.from_dict(document), 4)
        except Exception as problem:
            raise NotGradable(f"The notebook is of an old format that cannot be converted ({problem}).") from None
    cells = document.get("cells")
    if not isinstance(cells, list):
        raise NotGradable("The file has no list of cells, so it is not a notebook.")
    if len(cells) > MAX_CELLS:
        raise NotGradable(f"The notebook has {len(cells)} cells; at most {MAX_CELLS} are accepted.")
    return [clean for cell in cells if (clean := _clean_cell(cell))]


def _clean_cell(cell: object) -> dict | None:
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        return None
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    source = printable(source) if isinstance(source, str) else ""
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    marks = metadata.get("nbgrader")
    grade_id = marks.get("grade_id") if isinstance(marks, dict) else None
    id = cell.get("id")
    return {
        "kind": cell["cell_type"],
        "source": source.replace("\r\n", "\n").replace("\r", "\n"),
        "grade_id": grade_id if isinstance(grade_id, str) else "",
        "id": id if isinstance(id, str) else "",
    }


class _Recogniser:
    """Knows the released cells by nbgrader's id, by cell id, by text, and exercises by the name they define."""

    def __init__(self, release: NotebookNode) -> None:
        self.by_id: dict[str, tuple[str, str]] = {}
        self.by_text: dict[str, tuple[str, str]] = {}
        self.by_name: dict[str, str] = {}
        self.after_question: dict[str, tuple[str, str]] = {}
        previous = ""
        for cell in release.cells:
            course = cell.metadata.get("course", {})
            place = (course.get("role", "prose"), course.get("exercise", ""))
            self.by_id[cell.get("id", "")] = place
            if grade_id := cell.metadata.get("nbgrader", {}).get("grade_id"):
                self.by_id[grade_id] = place
            self.by_text.setdefault(cell.source.strip(), place)
            if place[0] == "answer":
                self.after_question[previous] = place
            previous = cell.source.strip()
            if place[0] == "exercise":
                self.by_name[ExerciseId(place[1]).name] = place[1]

    def cells(self, cells: Iterable[dict]) -> list[SubmittedCell]:
        found, previous = [], ""
        for cell in cells:
            place = self.place(cell, previous)
            found.append(SubmittedCell(*place, cell["source"], cell["kind"] != "code"))
            previous = cell["source"].strip()
        return found

    def place(self, cell: dict, previous: str) -> tuple[str, str]:
        """Return the role and the exercise of a submitted cell; `previous` is the text of the one above it."""
        role, exercise = self.by_id.get(cell["grade_id"]) or self.by_id.get(cell["id"]) or ("", "")
        if cell["kind"] != "code":
            if role == "" and cell["source"].strip() not in self.by_text:
                role, exercise = self.after_question.get(previous, ("", ""))
            return (role, exercise) if role == "answer" else ("prose", "")
        if role in ("setup", "check", "exercise"):
            return role, exercise
        if known := self.by_text.get(cell["source"].strip()):
            return known
        for name in sorted(_defined(cell["source"]) & self.by_name.keys()):
            return "exercise", self.by_name[name]
        return "added", ""


def _defined(source: str) -> set[str]:
    try:
        return defined_names(parse(source))
    except UNREADABLE:
        return set()


def _note_repairs(submission: Submission, release: NotebookNode) -> None:
    """Say what was put back in order: locked cells that were edited, deleted or duplicated."""
    for cell in release.cells:
        course = cell.metadata.get("course", {})
        role, exercise = course.get("role"), course.get("exercise", "")
        if role == "check":
            copies = [c for c in submission.cells if (c.role, c.exercise) == ("check", exercise)]
            if not copies:
                submission.notes.append(f"The check of {exercise} was missing; it was put back.")
            elif len(copies) > 1:
                submission.notes.append(f"The check of {exercise} was there {len(copies)} times; it counts once.")
            elif not same_code(copies[0].source, cell.source):
                submission.notes.append(f"The check of {exercise} had been edited; the original was used.")
        elif role == "setup":
            if not any(c.role == "setup" and same_code(c.source, cell.source) for c in submission.cells):
                submission.notes.append("A setup cell was edited or missing; the original was used.")
