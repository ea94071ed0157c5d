"""The notebook for the grader's eyes: locked cells restored, the student's text where it was, and nothing that acts."""

import nbformat
from nbformat.notebooknode import NotebookNode

from autograder.grading.plain_text import readable
from autograder.grading.recognise import SubmittedCell
from autograder.grading.shown_text import shown
from autograder.grading.submission import Submission
from course_lib.judging.program import same_code

MAX_SHOWN = 60_000  # characters of code in the student's exercises, and as many in other cells: pages are slow to make


class _Shown:
    """Code as it is shown, in a bounded number of characters."""

    def __init__(self) -> None:
        self.room = MAX_SHOWN

    def __call__(self, source: str) -> str:
        text = readable(source)
        kept = text[: self.room]
        self.room -= len(kept)
        return kept if kept == text else f"{kept}\n# … the rest is too long to be shown"


def autograded_notebook(submission: Submission, release: NotebookNode, outputs: dict[int, tuple]) -> NotebookNode:
    """Return the notebook for the grader's eyes: locked cells restored, the student's cells where they were.

    outputs  the outputs of cells by their index in the submission
    """
    own, added = _work(submission, release, outputs), _added(submission, outputs)
    exercises = _Shown()
    cells = list(added.get(("", ""), []))
    placed = {("", "")}
    for original in release.cells:
        cell = nbformat.from_dict(original)
        course = cell.metadata.get("course", {})
        place = (course.get("role", ""), course.get("exercise", ""))
        if place[0] == "answer" and submission.sources(place[1]):
            cell.source = shown(_whole_answer(submission, place[1], release), submission.images(place[1]))
        elif place[0] == "exercise" and place[1] in own:
            source, outs = own[place[1]]
            cell.source, cell.outputs = exercises(source), outs
        cells.append(cell)
        if place not in placed:
            cells += added.get(place, [])
            placed.add(place)
    return nbformat.from_dict({**release, "cells": cells})


def _work(
    submission: Submission, release: NotebookNode, outputs: dict[int, tuple]
) -> dict[str, tuple[str, list[NotebookNode]]]:
    """Return the code of each exercise with its outputs; where another cell answers it, the name of that one."""
    own: dict[str, tuple[str, list[NotebookNode]]] = {}
    for index, cell in enumerate(submission.cells):
        if cell.role == "exercise" and (cell.exercise not in own or not is_released(cell, release)):
            own[cell.exercise] = (cell.source, _outputs(outputs, index))  # an untouched copy hides nothing
    for cell in submission.cells:
        for exercise in cell.also:
            where = f"the cell of {cell.exercise}" if cell.role == "exercise" else "another cell"
            own[exercise] = (f"# {exercise} is answered in {where}.", [])
    return own


def _added(submission: Submission, outputs: dict[int, tuple]) -> dict[tuple[str, str], list[NotebookNode]]:
    """Return the student's own cells, and locked ones that were changed, by the released cell above them."""
    added: dict[tuple[str, str], list[NotebookNode]] = {}
    others = _Shown()
    anchor = ("", "")
    for index, cell in enumerate(submission.cells):
        if cell.role not in ("added", "prose"):
            anchor = (cell.role, cell.exercise)
        if cell.role == "added" or cell.changed:
            made = nbformat.v4.new_code_cell(
                others(cell.source),
                id=f"added-{index}",  # and not a random one: the same work gives the same notebook
                outputs=_outputs(outputs, index),
                metadata={"course": {"role": "added"}},
            )
            added.setdefault(anchor, []).append(made)
    return added


def _outputs(outputs: dict[int, tuple], index: int) -> list[NotebookNode]:
    return [nbformat.from_dict(output) for output in outputs.get(index, ())]


def _whole_answer(submission: Submission, exercise: str, release: NotebookNode) -> str:
    """Return a free text, which may be in several cells, without the placeholder that was there to be replaced."""
    cells = [cell for cell in submission.cells if cell.answers(exercise)]
    return "\n\n".join(cell.source for cell in cells if len(cells) == 1 or not is_released(cell, release))


def is_released(cell: SubmittedCell, release: NotebookNode) -> bool:
    """Whether a submitted cell is, comments and layout aside, as the student received it."""
    place = (cell.role, cell.exercise)
    originals = [
        original.source
        for original in release.cells
        if (original.metadata.get("course", {}).get("role"), original.metadata["course"].get("exercise")) == place
    ]
    return any(same_code(cell.source, original) for original in originals)
