"""The last cell of a released notebook: how to hand it in, and what comes of being late, as `hand-in.toml` says."""

from datetime import datetime

from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_markdown_cell

from autograder.authoring.hand_in import HandIn
from course_lib.released import digest

CELL_ID = "hand-in"
_SAVE = "Save this notebook (Ctrl+S, on a Mac ⌘S)."
_DOWNLOAD = "If you work on a server, download it to your computer: *File → Download*."
_STEPS = {
    "hub": (
        "Open *Nbgrader → Assignment List* in JupyterLab's menu, and press *Submit* beside {task}.",
        "The submission appears below, with the time at which it came.",
    ),
    "canvas": (_DOWNLOAD, "Open {task} in Canvas, start an attempt, upload `{lesson}.ipynb` and submit."),
    "moodle": (
        _DOWNLOAD,
        "Open {task} in Moodle, add your submission, upload `{lesson}.ipynb` and save. If Moodle asks you to "
        "submit for grading, do.",
    ),
    "blackboard": (_DOWNLOAD, "Open {task} in Blackboard, attach `{lesson}.ipynb` and submit."),
    "folder": (_DOWNLOAD, "Put `{lesson}.ipynb` into {task}."),
}
_COUNTS = {
    "last": "You may hand in again; your last submission counts.",
    "on_time": "You may hand in again; your last submission before the deadline counts.",
    "best": "You may hand in again; the submission with your best mark counts.",
}


def with_hand_in(notebook: NotebookNode, lesson: str, class_: HandIn) -> NotebookNode:
    """Return a built notebook with a last cell that says how to hand it in; the notebook itself without a setting.

    lesson  for example "01_information"
    """
    if not class_.by:
        return notebook
    cell = new_markdown_cell(hand_in_text(lesson, class_), id=CELL_ID)
    cell.metadata["course"] = {"role": "prose", "text": digest(cell.source)}
    cell.metadata["slideshow"] = {"slide_type": "skip"}
    return NotebookNode(notebook | {"cells": [*notebook.cells, cell]})


def hand_in_text(lesson: str, class_: HandIn) -> str:
    """Return what the cell says, in Markdown."""
    usual = "the folder that your teacher named" if class_.by == "folder" else f"the assignment `{lesson}`"
    named = class_.assignments.get(lesson, "").rsplit(" (", 1)[0]
    task = class_.where or (f"“{named}”" if named else usual)
    steps = [_SAVE, *(step.format(task=task, lesson=lesson) for step in _STEPS[class_.by])]
    lines = [f"{number}. {step}" for number, step in enumerate(steps, 1)]
    rules = " ".join([*_due(lesson, class_), _COUNTS[class_.keep], *_late(class_)])
    return "\n".join(["## Handing in", "", *lines, "", rules])


def _due(lesson: str, class_: HandIn) -> list[str]:
    return [f"Due on {_spelled(class_.deadlines[lesson])}."] if lesson in class_.deadlines else []


def _spelled(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M} ({moment.tzinfo})"


def _late(class_: HandIn) -> list[str]:
    if not class_.percent:
        return []
    most = f", at most {class_.at_most:g} %" if class_.at_most < 100 else ""
    free = class_.free_days
    spare = f" You have {free} free {'day' if free == 1 else 'days'} in all." if free else ""
    return [f"Each day late costs {class_.percent:g} % of the points{most}.{spare}"]
