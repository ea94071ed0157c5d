"""The notebook for the grader's eyes: locked cells restored, the student's text where it was, and nothing that acts."""

import re

import nbformat
from nbformat.notebooknode import NotebookNode

from autograder.grading.recognise import SubmittedCell
from autograder.grading.submission import Submission
from course_lib.judging.program import same_code


def autograded_notebook(submission: Submission, release: NotebookNode, outputs: dict[int, tuple]) -> NotebookNode:
    """Return the notebook for the grader's eyes: locked cells restored, the student's cells where they stood.

    outputs  the outputs of cells by their index in the submission
    """
    added: dict[tuple[str, str], list[NotebookNode]] = {}
    own: dict[str, NotebookNode] = {}
    anchor = ("", "")
    for index, cell in enumerate(submission.cells):
        shown = [nbformat.from_dict(output) for output in outputs.get(index, ())]
        if cell.role not in ("added", "prose"):
            anchor = (cell.role, cell.exercise)
        if cell.role in ("exercise", "answer"):
            if cell.exercise not in own or not is_released(cell, release):  # an untouched copy hides nothing
                own[cell.exercise] = nbformat.from_dict({"source": cell.source, "outputs": shown})
        elif cell.role == "added" or cell.changed:
            made = nbformat.v4.new_code_cell(cell.source, outputs=shown, metadata={"course": {"role": "added"}})
            added.setdefault(anchor, []).append(made)
    for exercise in {cell.exercise for cell in submission.cells if cell.role == "answer"}:
        own[exercise].source = inert(_whole_answer(submission, exercise, release))
    for cell in submission.cells:
        for exercise in cell.also:
            where = f"the cell of {cell.exercise}" if cell.role == "exercise" else "another cell"
            own[exercise] = nbformat.from_dict({"source": f"# {exercise} is answered in {where}.", "outputs": []})
    cells = list(added.get(("", ""), []))
    placed = {("", "")}
    for original in release.cells:
        cell = nbformat.from_dict(original)
        course = cell.metadata.get("course", {})
        place = (course.get("role", ""), course.get("exercise", ""))
        if place[0] in ("exercise", "answer") and place[1] in own:
            cell.source = own[place[1]].source
            if cell.cell_type == "code":
                cell.outputs = own[place[1]].outputs
        cells.append(cell)
        if place not in placed:
            cells += added.get(place, [])
            placed.add(place)
    notebook = nbformat.from_dict({**release, "cells": cells})
    return notebook


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


def inert(markdown: str) -> str:
    """Return Markdown that does nothing where it is shown: Formgrader would run a student's scripts with your rights.

    A space after `<` makes text of HTML and leaves formulas as they are; a link leads to http, https or mail.
    """
    text = re.sub(r"<(?=[A-Za-z/!?])", "< ", markdown)
    text = re.sub(r"\](?=\(\s*(?!https?://|mailto:)[^)]*[:&])", r"]\\", text)
    text = re.sub(r"(?m)^([ >]*)\[(?=[^\]]*\]:\s*(?!https?://|mailto:))", r"\1\\[", text)
    return re.sub(r"\\(href|csname|require)\b", r"\\text", text)
