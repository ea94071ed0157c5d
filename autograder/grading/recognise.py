"""Which cell of a submitted notebook is which cell of the lesson, however the notebook was mangled.

A cell is recognised by nbgrader's id, then by its own id, then as the program or the text that was released, then by
the exercise that it defines. So stripped metadata and moved, copied, merged, reformatted, edited or converted cells
cost nobody a mark.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from nbformat.notebooknode import NotebookNode

from autograder.grading.notebook_cells import PlainCell
from course_lib.judging.exercise import ExerciseId
from course_lib.judging.program import names_defined_in, outline, same_code


@dataclass(frozen=True)
class SubmittedCell:
    """A cell as submitted.

    role      "setup", "check", "demo", "exercise", "answer", "prose" or "added"
    exercise  that it belongs to, or ""; also: exercises that it answers besides
    markdown  whether it is text
    images    the pictures in an answer: name → `data:` address, checked
    changed   whether it was released as a setup, check or demo cell, and holds other code now
    runs      whether it is run when the submission is graded
    """

    role: str
    exercise: str
    source: str
    markdown: bool
    images: dict[str, str] = field(default_factory=dict, hash=False)
    also: tuple[str, ...] = ()
    changed: bool = False
    runs: bool = False

    def answers(self, exercise: str) -> bool:
        """Whether it is the answer to an exercise, or a part of it."""
        return (self.role in ("exercise", "answer") and self.exercise == exercise) or exercise in self.also


class _Place(NamedTuple):
    """A released cell: its role, its exercise or "", its text."""

    role: str
    exercise: str
    source: str


class Recogniser:
    """Knows the cells of a lesson as they were released. notes: what it had to put in order in the last notebook."""

    def __init__(self, release: NotebookNode) -> None:
        self.by_id: dict[str, _Place] = {}
        self.by_text: dict[str, _Place] = {}
        self.released_code: list[_Place] = []
        self.by_name: dict[str, str] = {}
        self.stubs: dict[str, str] = {}
        self.questions: dict[str, str] = {}  # the free-text exercise that a text asks
        self.notes: list[str] = []
        previous = ""
        for cell in release.cells:
            course = cell.metadata.get("course", {})
            place = _Place(course.get("role", "prose"), course.get("exercise", ""), cell.source.strip())
            for id in (cell.get("id"), cell.metadata.get("nbgrader", {}).get("grade_id")):
                if id:
                    self.by_id[id] = place
            self.by_text.setdefault(place.source, place)
            if cell.cell_type == "code":
                self.released_code.append(place)
            if place.role == "answer":
                self.questions[previous] = place.exercise
            if place.role == "exercise":
                self.by_name[ExerciseId(place.exercise).name] = place.exercise
            if place.role in ("exercise", "answer"):
                self.stubs[place.exercise] = place.source
            previous = place.source

    def by_code(self, source: str) -> _Place | None:
        kinds = outline(source)
        alike = (place for place in self.released_code if outline(place.source) == kinds)
        return next((place for place in alike if same_code(place.source, source)), None)

    def cells(self, cells: Iterable[PlainCell]) -> list[SubmittedCell]:
        """Return the cells of a notebook with what each of them is."""
        self.notes = []
        raw, found, question = list(cells), list[SubmittedCell](), ""
        for cell in raw:
            made = self.code(cell) if cell["kind"] == "code" else self.text(cell, question)
            question = self.question_after(cell, made, question)
            found.append(made)
        return self.with_strays(raw, found)

    def is_graded(self, cell: PlainCell) -> bool:
        """Whether a cell bears the id of an exercise of this lesson or is one of its checks, or defines an exercise."""
        if cell["grade_id"] or cell["released_as"] or cell["source"].strip() in self.by_text:
            place = self.by_id.get(cell["grade_id"]) or self.by_text.get(cell["source"].strip())
            return place is not None and place.exercise != ""
        return cell["kind"] == "code" and not names_defined_in(cell["source"]).isdisjoint(self.by_name)

    # ---- one cell

    def code(self, cell: PlainCell) -> SubmittedCell:
        source = cell["source"]
        released = self.by_id.get(cell["grade_id"]) or self.by_id.get(cell["id"])
        if released is None or released.role == "prose":
            released = self.by_text.get(source.strip()) or self.by_code(source)
        if released is not None and released.role == "answer":
            return SubmittedCell("answer", released.exercise, source, True)
        if released is not None and released.role == "exercise":
            return SubmittedCell("exercise", released.exercise, source, False)
        changed = released is not None and not same_code(source, released.source)
        if released is None and cell["released_as"] in ("demo", "setup"):  # of another version of the lesson
            return SubmittedCell("demo", "", source, False)
        if released is None or (changed and released.role == "demo"):
            for name in sorted(names_defined_in(source) & self.by_name.keys()):
                return SubmittedCell("exercise", self.by_name[name], source, False)
        if released is None or released.role == "prose":
            return SubmittedCell("added", "", source, False)
        return SubmittedCell(released.role, released.exercise, source, False, changed=changed)

    def text(self, cell: PlainCell, question: str) -> SubmittedCell:
        """Return what a cell of text is; `question` is the exercise whose answer may be here."""
        source = cell["source"]
        released = self.by_id.get(cell["grade_id"]) or self.by_id.get(cell["id"]) or self.by_text.get(source.strip())
        if released is not None and released.role == "answer":
            return SubmittedCell("answer", released.exercise, source, True, cell["images"])
        if released is None and not cell["released_as"] and source.strip() and question:
            return SubmittedCell("answer", question, source, True, cell["images"])
        if released is not None and (asked := self.questions.get(released.source)):
            own = source.strip().removeprefix(released.source)
            if own.strip() and own != source.strip():  # written below the question, in its cell
                return SubmittedCell("answer", asked, own.strip(), True, cell["images"])
        return SubmittedCell("prose", "", source, True)

    def question_after(self, cell: PlainCell, made: SubmittedCell, question: str) -> str:
        """Return the free-text exercise to which text belongs that follows a cell."""
        if made.role == "answer":
            return made.exercise
        if made.role != "prose":
            return question if made.role in ("added", "demo") else ""
        if not cell["source"].strip():
            return question
        released = self.by_id.get(cell["id"])
        return self.questions.get(released.source if released else cell["source"].strip(), "")

    # ---- exercises that have no cell with work in it

    def with_strays(self, raw: list[PlainCell], found: list[SubmittedCell]) -> list[SubmittedCell]:
        """Give exercises without work what was written in another exercise's cell, or in a cell of another kind."""
        for exercise in self.stubs:
            if not any(cell.answers(exercise) and self.has_work(cell, exercise) for cell in found):
                self.find_stray(exercise, raw, found)
        for cell, was in zip(found, raw):
            if cell.role == "answer" and was["kind"] == "code":
                self.notes.append(f"The answer to {cell.exercise} is in a code cell; it was read as text.")
        return found

    def has_work(self, cell: SubmittedCell, exercise: str) -> bool:
        return cell.source.strip() != "" and not same_code(cell.source, self.stubs[exercise])

    def find_stray(self, exercise: str, raw: list[PlainCell], found: list[SubmittedCell]) -> None:
        """Find the work on an exercise, and enter it."""
        name = ExerciseId(exercise).name
        if self.by_name.get(name) != exercise:
            return self.find_stray_answer(exercise, raw, found)
        for index, cell in enumerate(found):
            elsewhere = (cell.role == "exercise" and cell.exercise != exercise) or cell.changed
            if elsewhere and name in names_defined_in(cell.source):
                found[index] = replace(cell, also=(*cell.also, exercise))
                where = cell.exercise or f"a {cell.role} cell"
                self.notes.append(f"{exercise} is answered in the cell of {where}; it was graded there.")
                return None
        for index, (cell, was) in enumerate(zip(found, raw)):
            place = self.by_id.get(was["grade_id"]) or self.by_id.get(was["id"])
            own = place is not None and place.exercise == exercise and place.role == "exercise"
            if was["kind"] != "code" and (own or name in names_defined_in(cell.source)):
                found[index] = SubmittedCell("exercise", exercise, cell.source, False)
                kind = "Markdown" if was["kind"] == "markdown" else "raw text"
                self.notes.append(f"The cell of {exercise} is {kind} and not code; it was graded as code.")
                return None
        return None

    def find_stray_answer(self, exercise: str, raw: list[PlainCell], found: list[SubmittedCell]) -> None:
        """Find a free text that was written as code below its question, where the answer's cell is gone."""
        for index, cell in enumerate(found):
            asked = self.questions.get(raw[index - 1]["source"].strip()) if index else None
            if cell.role == "added" and asked == exercise and not any(one.answers(exercise) for one in found):
                found[index] = SubmittedCell("answer", exercise, cell.source, True)
