"""The notebook for the grader's eyes: locked cells restored, the student's text where it was, and nothing that acts."""

import nbformat
from nbformat.notebooknode import NotebookNode

from autograder.grading.plain_text import readable
from autograder.grading.shown_text import shown
from autograder.grading.submission import Submission, SubmittedCell
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
    """Return the notebook for the grader's eyes: locked cells restored, the student's cells where they stood.

    outputs  the outputs of cells by their index in the submission
    """
    added: dict[tuple[str, str], list[NotebookNode]] = {}
    own: dict[str, tuple[SubmittedCell, list[NotebookNode]]] = {}
    exercises, others = _Shown(), _Shown()
    anchor = ("", "")
    for index, cell in enumerate(submission.cells):
        outs = [nbformat.from_dict(output) for output in outputs.get(index, ())]
        if cell.role in ("exercise", "answer"):
            if cell.exercise not in own or not is_released(cell, release):  # an untouched copy hides nothing
                own[cell.exercise] = (cell, outs)
        elif cell.role == "added":
            made = nbformat.v4.new_code_cell(others(cell.source), outputs=outs, metadata={"course": {"role": "added"}})
            added.setdefault(anchor, []).append(made)
        if cell.role not in ("added", "prose"):
            anchor = (cell.role, cell.exercise)
    cells = list(added.get(("", ""), []))
    placed = {("", "")}
    for original in release.cells:
        cell = nbformat.from_dict(original)
        course = cell.metadata.get("course", {})
        place = (course.get("role", ""), course.get("exercise", ""))
        if place[0] in ("exercise", "answer") and place[1] in own:
            answer, outs = own[place[1]]
            if cell.cell_type == "code":
                cell.source, cell.outputs = exercises(answer.source), outs
            else:
                cell.source = shown(answer.source, answer.images)
        cells.append(cell)
        if place not in placed:
            cells += added.get(place, [])
            placed.add(place)
    notebook = nbformat.from_dict({**release, "cells": cells})
    return notebook


def is_released(cell: SubmittedCell, release: NotebookNode) -> bool:
    """Whether a submitted cell is, comments and layout aside, as the student received it."""
    place = (cell.role, cell.exercise)
    originals = [
        original.source
        for original in release.cells
        if (original.metadata.get("course", {}).get("role"), original.metadata["course"].get("exercise")) == place
    ]
    return any(same_code(cell.source, original) for original in originals)
