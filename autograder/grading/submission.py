"""Reading a submission: what can be repaired is repaired with a note, what cannot is refused with the reason.

A submission is one student's notebook for one lesson. Cells are recognised by nbgrader's id, then by their text, then
by the name they define, so that stripped metadata, moved, duplicated, deleted or edited check cells cost nobody a
mark.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from nbformat.notebooknode import NotebookNode

from autograder.grading.notebook_cells import PlainCell, read_cells
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.program import UNREADABLE, defined_names, parse, same_code


@dataclass(frozen=True)
class SubmittedCell:
    """A cell as submitted.

    role    "setup", "check", "demo", "exercise", "answer", "prose" or "added"
    images  the pictures in an answer: name → `data:` address, checked
    """

    role: str
    exercise: str
    source: str
    markdown: bool
    images: dict[str, str] = field(default_factory=dict, hash=False)


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

    def images(self, exercise: str) -> dict[str, str]:
        """Return the pictures in the answers to an exercise: name → `data:` address."""
        return {
            name: address for cell in self.cells if cell.exercise == exercise for name, address in cell.images.items()
        }


def parse_submission(student: str, lesson: str, data: bytes, notes: list[str], release: NotebookNode) -> Submission:
    """Return the submission that the bytes of a notebook hold.

    notes    on what was repaired so far
    release  the notebook as students received it

    Raises NotGradable with the reason when there is nothing that can be graded.
    """
    notes = list(notes)
    cells = _Recogniser(release).cells(read_cells(data, notes))
    submission = Submission(student, lesson, cells, notes)
    _note_repairs(submission, release)
    return submission


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

    def cells(self, cells: Iterable[PlainCell]) -> list[SubmittedCell]:
        found, previous = [], ""
        for cell in cells:
            place = self.place(cell, previous)
            found.append(SubmittedCell(*place, cell["source"], cell["kind"] != "code", cell["images"]))
            previous = cell["source"].strip()
        return found

    def place(self, cell: PlainCell, previous: str) -> tuple[str, str]:
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
