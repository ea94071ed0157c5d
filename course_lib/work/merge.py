"""Merging a new version of a lesson into a learner's copy: what the learner wrote stays, everything else is renewed.

Cells are recognised by their id, then by nbgrader's id, then by their text, since some tools drop or replace ids. The
released cells come in the new version's order; each of the learner's own cells stays behind the cell that it followed.
"""

import json
import re
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from course_lib.released import digest, is_as_released, was_released

Cell = dict[str, Any]
Notebook = dict[str, Any]

_ANSWERED = ("exercise", "answer")  # roles of the cells that a learner is asked to write in
_RENEWED = ("setup", "demo", "prose", "check")
_OURS = ("course", "nbgrader", "slideshow", "editable", "deletable")  # metadata that the builder sets
_OWN = "own-"  # how the ids of the learner's own cells begin; none of the builder's does
_TOP = -1  # the place before the first released cell
_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass
class Merged:
    """A merged notebook, and what its learner should know about it.

    notebook  the learner's copy with the new version in it
    tasks     ids of answered exercises whose stub has changed; the answers are kept
    replaced  first lines of released cells that the learner had edited, and that are as released again
    kept      first lines of cells that the learner had edited and that are released no longer: now the learner's own
    """

    notebook: Notebook = field(default_factory=dict)
    tasks: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def first_copy(new: Notebook) -> Notebook:
    """Return what a learner starts with: the lesson as released (nbformat 4), with a note of what it was made from."""
    copy = deepcopy(new)
    _give_ids(copy["cells"], set())
    copy["nbformat_minor"] = max(new["nbformat_minor"], 5)  # the first that has ids
    course = copy["metadata"].get("course")
    copy["metadata"]["course"] = (course if isinstance(course, dict) else {}) | {"cells": _content(new)}
    return copy


def is_made_from(mine: Notebook, new: Notebook) -> bool:
    """Whether the learner's copy was made from these released cells, or has had them merged into it."""
    course = mine["metadata"].get("course")
    return isinstance(course, dict) and course.get("cells") == _content(new)


def merge(mine: Notebook, new: Notebook) -> Merged:
    """Return the learner's copy with the new version of the lesson merged into it. The arguments stay as they are.

    mine  the learner's copy, nbformat 4
    new   the lesson as released now, nbformat 4
    """
    merged, released = Merged(), first_copy(new)
    places = _recognise(mine["cells"], released["cells"])
    own = _own_cells(mine["cells"], released["cells"], places, merged)
    _give_ids([cell for cells in own.values() for cell in cells], {cell["id"] for cell in released["cells"]})
    found = {place: mine["cells"][index] for index, place in places.items()}
    cells = own.get(_TOP, [])
    for place, cell in enumerate(released["cells"]):
        cells.append(_renewed(found[place], cell, merged) if place in found else cell)
        cells += own.get(place, [])
    metadata = released["metadata"] | deepcopy(mine["metadata"]) | {"course": released["metadata"]["course"]}
    minor = max(mine["nbformat_minor"], released["nbformat_minor"])
    merged.notebook = deepcopy(mine) | {"cells": cells, "metadata": metadata, "nbformat_minor": minor}
    return merged


# ---- which cell is which


def _recognise(mine: list[Cell], new: list[Cell]) -> dict[int, int]:
    """Return index in `mine` → index in `new` for the cells that are found there, each of `new` at most once."""
    places: dict[int, int] = {}
    answers = [i for i, cell in enumerate(mine) if _role(cell) in _ANSWERED and not is_as_released(cell)]
    order = list(dict.fromkeys([*reversed(answers), *range(len(mine))]))  # of two answers, graders take the last
    for name in (_id, _grade_id, _text):
        free: dict[tuple[str, str], list[int]] = {}
        for place, cell in enumerate(new):
            if place not in places.values():
                free.setdefault((cell["cell_type"], name(cell)), []).append(place)
        for index in order:
            called = name(mine[index])
            if called and index not in places and (same := free.get((mine[index]["cell_type"], called))):
                places[index] = same.pop(0)
    if not any(map(was_released, mine)):
        _recognise_definitions(mine, new, places)
    return places


def _recognise_definitions(mine: list[Cell], new: list[Cell], places: dict[int, int]) -> None:
    """Add the places of answers in a notebook that has lost all its metadata: the last cell that defines the name.

    In other notebooks this could take a learner's own function for the answer to a new exercise.
    """
    for place, cell in enumerate(new):
        if _role(cell) == "exercise" and place not in places.values():
            name = re.escape(str(_course(cell).get("exercise")).rpartition(".")[2])
            defines = re.compile(rf"(?m)^(?:(?:async +)?def|class) +{name}\b|^{name} *(?::[^=\n]*)?=(?!=)")
            for index in reversed(range(len(mine))):
                if index not in places and mine[index]["cell_type"] == "code" and defines.search(_text(mine[index])):
                    places[index] = place
                    break


def _own_cells(mine: list[Cell], new: list[Cell], places: dict[int, int], merged: Merged) -> dict[int, list[Cell]]:
    """Return the cells that are the learner's own, by the index in `new` of the cell that they follow."""
    own: dict[int, list[Cell]] = {}
    followed = _TOP
    for index, cell in enumerate(mine):
        if index in places:
            followed = places[index]
        elif kept := _unplaced(cell, new, merged):
            own.setdefault(followed, []).append(kept)
    return own


def _unplaced(cell: Cell, new: list[Cell], merged: Merged) -> Cell | None:
    """Return what becomes of a cell that has no place in `new`; None when it leaves with the version it came from."""
    if not was_released(cell):
        return deepcopy(cell) | {"id": _own_id(cell)}
    for original in new:
        if _role(original) in _ANSWERED and _is_copy(cell, original):
            # A second cell for one exercise. It keeps the metadata by which graders know it, for it may be the answer.
            return _renewed(cell, original, merged) | {"id": _own_id(cell)}
    if not any(_is_copy(cell, original) for original in new):
        if is_as_released(cell):
            return None
        merged.kept.append(_first_line(cell))
    return deepcopy(cell) | {"id": "", "metadata": _others(cell)}


def _is_copy(cell: Cell, original: Cell) -> bool:
    """Whether a cell was once copied from this released cell, as its metadata tells."""
    if cell["cell_type"] != original["cell_type"]:
        return False
    if _grade_id(cell) or _grade_id(original):  # several exercises may have the same stub
        return _grade_id(cell) == _grade_id(original)
    return _course(cell).get("text") == digest(_text(original))


# ---- what becomes of a cell


def _renewed(mine: Cell, new: Cell, merged: Merged) -> Cell:
    """Return a released cell of the learner's copy as it is in the new version, but with the learner's answer."""
    same = _text(mine) == _text(new)
    edited = not (same or is_as_released(mine))
    answered = edited and _role(new) not in _RENEWED
    if edited and not answered:
        merged.replaced.append(_first_line(new))
    elif answered and was_released(mine) and _course(mine)["text"] != digest(_text(new)):
        task = _course(new).get("exercise", _first_line(new))
        merged.tasks += [task] if task not in merged.tasks else []
    kept = mine if same or answered else new
    return deepcopy(kept) | {"id": new["id"], "metadata": _others(mine) | deepcopy(new["metadata"])}


def _others(cell: Cell) -> dict[str, Any]:
    """Return the metadata of a cell that the builder did not set."""
    return {key: deepcopy(value) for key, value in cell["metadata"].items() if key not in _OURS}


def _own_id(cell: Cell) -> str:
    """Return the id that a cell of the learner's may keep: none that a later version of the lesson could have, too."""
    return _id(cell) if _id(cell).startswith(_OWN) else ""


def _give_ids(cells: list[Cell], taken: set[str]) -> None:
    """Give an id to each cell that has none, or one that is taken."""
    for cell in cells:
        if not _ID.fullmatch(_id(cell)) or cell["id"] in taken:
            base = cell["id"] = f"{_OWN}{digest(_text(cell))}"
            number = 1
            while cell["id"] in taken:
                number += 1
                cell["id"] = f"{base}-{number}"
        taken.add(cell["id"])


# ---- what a cell says of itself


def _id(cell: Cell) -> str:
    return _string(cell.get("id"))


def _grade_id(cell: Cell) -> str:
    nbgrader = cell["metadata"].get("nbgrader")
    return _string(nbgrader.get("grade_id")) if isinstance(nbgrader, dict) else ""


def _role(cell: Cell) -> str:
    return _string(_course(cell).get("role"))


def _course(cell: Cell) -> dict[str, Any]:
    course = cell["metadata"].get("course")
    return course if isinstance(course, dict) else {}


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _text(cell: Cell) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _first_line(cell: Cell) -> str:
    line = next(iter(_text(cell).strip().splitlines()), "")
    return line if len(line) <= 60 else line[:59] + "…"


def _content(notebook: Notebook) -> str:
    """Return a digest of what a learner sees of a released notebook: the lesson's version changes more often."""
    return digest(json.dumps([[_id(cell), cell["cell_type"], _text(cell)] for cell in notebook["cells"]]))
