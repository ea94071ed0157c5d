"""Reading a submission: what can be repaired is repaired with a note, what cannot is refused with the reason.

A submission is one student's notebook for one lesson.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nbformat.notebooknode import NotebookNode

from autograder.grading.notebook_cells import PlainCell, read_cells
from autograder.grading.plain_text import printable
from autograder.grading.recognise import Recogniser, SubmittedCell
from autograder.grading.refusal import NotGradable
from autograder.grading.which_run import with_runs
from course_lib.judging.magics import without_magics


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

    def images(self, exercise: str) -> dict[str, str]:
        """Return the pictures in the answers to an exercise: name → `data:` address."""
        own = [cell.images for cell in self.cells if cell.answers(exercise)]
        return {name: address for images in own for name, address in images.items()}


def parse_submission(student: str, lesson: str, data: bytes, notes: list[str], release: NotebookNode) -> Submission:
    """Return the submission that the bytes of a notebook hold.

    notes    on what was repaired so far
    release  the notebook as students received it

    Raises NotGradable with the reason when there is nothing that can be graded.
    """
    notes, recogniser = list(notes), Recogniser(release)
    submitted, named = read_cells(data, notes)
    _refuse_other_lesson(named, submitted, lesson, recogniser)
    cells, demos = with_runs(recogniser.cells(submitted), release)
    submission = Submission(student, lesson, cells, [*notes, *recogniser.notes, *demos])
    _note_repairs(submission, release)
    _note_passed_over(submission)
    return submission


def _refuse_other_lesson(named: str, cells: Sequence[PlainCell], lesson: str, recogniser: Recogniser) -> None:
    """Raise NotGradable when a notebook says that it is another lesson's, and has no cell that is this one's."""
    if named and named not in (lesson, lesson.partition("_")[2]) and not any(map(recogniser.is_graded, cells)):
        raise NotGradable(f"This is the notebook of lesson {printable(named)[:100]}, not of {lesson}.")


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
