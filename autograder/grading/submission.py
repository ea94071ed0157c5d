"""Reading a submission: what can be repaired is repaired with a note, what cannot is refused with the reason.

A submission is one student's notebook for one lesson.
"""

import json
import re
from dataclasses import dataclass, field

import nbformat
from nbformat.notebooknode import NotebookNode

from autograder.grading.recognise import Recogniser, SubmittedCell
from autograder.grading.which_run import with_runs
from course_lib.judging.magics import without_magics
from course_lib.released import released_role

MAX_CELLS = 2000


class NotGradable(Exception):
    """The submission cannot be graded; the message says why, to the student and the teacher."""


@dataclass
class Submission:
    """A submission that was read. cells: in the student's order; notes: what had to be repaired."""

    student: str
    lesson: str
    cells: list[SubmittedCell]
    notes: list[str] = field(default_factory=list)

    def sources(self, exercise: str) -> list[str]:
        """Return the sources of the cells that belong to an exercise, in order."""
        return [cell.source for cell in self.cells if cell.answers(exercise)]


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
    text, recogniser = _text(data, notes), Recogniser(release)
    submitted = _parse(text)
    _refuse_other_lesson(text, submitted, lesson, recogniser)
    cells, demos = with_runs(recogniser.cells(submitted), release)
    submission = Submission(student, lesson, cells, [*notes, *recogniser.notes, *demos])
    _note_repairs(submission, release)
    _note_passed_over(submission)
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
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    metadata = cell.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    marks = metadata.get("nbgrader")
    grade_id = marks.get("grade_id") if isinstance(marks, dict) else None
    id = cell.get("id")
    return {
        "kind": cell["cell_type"],
        "source": source,
        "grade_id": grade_id if isinstance(grade_id, str) else "",
        "id": id if isinstance(id, str) else "",
        "released_as": released_role({"source": source, "metadata": metadata}),
    }


def _refuse_other_lesson(text: str, cells: list[dict], lesson: str, recogniser: Recogniser) -> None:
    """Raise NotGradable when a notebook says that it is another lesson's, and has no cell that is this one's."""
    said = _lesson_named(text, cells)
    if said and said not in (lesson, lesson.partition("_")[2]) and not any(map(recogniser.is_graded, cells)):
        raise NotGradable(f"This is the notebook of lesson {printable(said)[:100]}, not of {lesson}.")


def _lesson_named(text: str, cells: list[dict]) -> str:
    """Return the lesson that a notebook says it is of, in its metadata or the ids of its cells; "" if it is silent."""
    try:
        said = json.loads(text)["metadata"]["course"]["lesson"]
        if isinstance(said, str):
            return said
    except (LookupError, TypeError):
        pass
    setups = [found[1] for cell in cells if (found := re.fullmatch(r"(\w+)-setup-\d+", cell["grade_id"] or cell["id"]))]
    return setups[0] if setups else ""


def _note_repairs(submission: Submission, release: NotebookNode) -> None:
    """Say what was put back in order: locked cells that were edited, deleted or duplicated."""
    cells, notes = submission.cells, submission.notes
    if all(cell.role in ("added", "prose") for cell in cells):
        notes.append("None of the lesson's cells is in the notebook. Was another file meant to be handed in?")
        return
    setups = sum(cell.metadata.get("course", {}).get("role") == "setup" for cell in release.cells)
    if any(cell.role == "setup" and cell.changed for cell in cells):
        notes.append("A setup cell had been edited; the original was run first, then the edited one.")
    elif sum(cell.role == "setup" for cell in cells) < setups:
        notes.append("A setup cell was missing; it was put back.")
    for original in release.cells:
        course = original.metadata.get("course", {})
        exercise = course.get("exercise", "")
        if course.get("role") != "check":
            continue
        copies = [cell for cell in cells if (cell.role, cell.exercise) == ("check", exercise)]
        if not copies:
            notes.append(f"The check of {exercise} was missing; it was put back.")
        elif len(copies) > 1:
            notes.append(f"The check of {exercise} was there {len(copies)} times; it counts once.")
        elif copies[0].changed:
            notes.append(f"The check of {exercise} had been edited; its code was run, and the original decides.")


def _note_passed_over(submission: Submission) -> None:
    """Name the magics and shell lines that a grader does not run."""
    found: dict[str, None] = {}
    for cell in submission.cells:
        if cell.runs:
            found |= dict.fromkeys(without_magics(cell.source)[1])
    if found:
        lines = ", ".join(f"`{line[:60]}`" for line in list(found)[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        submission.notes.append(f"Lines for Jupyter alone were passed over: {lines}{more}.")
