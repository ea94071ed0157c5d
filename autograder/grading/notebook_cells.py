"""A notebook's bytes as plain cells. What nobody reads is cut out before anything is weighed; the rest is bounded.

Old outputs and the state of widgets are nearly all of a large notebook. They are passed over as bytes, without being
parsed, so that 100 MB of them cost a second and no memory.
"""

import json
import re
from typing import TypedDict

from autograder.grading.pasted_images import pasted_images
from autograder.grading.plain_text import printable
from autograder.grading.refusal import NotGradable
from course_lib.released import released_role

MAX_CELLS = 2000
MAX_CELL = 50_000  # characters of a cell; nobody writes more by hand
MAX_TEXT = 1_000_000  # characters of all cells
MAX_IMAGES = 30 * 2**20  # characters of all pictures
MAX_KEPT = 60 * 2**20  # bytes of JSON that are parsed
MAX_VALUES = 3_000_000  # values in it
MAX_CUT = 2_000_000  # lists and objects in what is passed over

_CLEAR = "Clear the outputs (“Restart kernel and clear all outputs”), save, and hand in again."
_PASSED_OVER = re.compile(rb'"(?:outputs|widgets)"\s*+:\s*+(?=[\[{])')
_NEXT_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+([\[\]{}])', re.DOTALL)


class PlainCell(TypedDict):
    """A cell as it is in the file. kind: "code", "markdown" or "raw"; images: name → `data:` address; released_as:
    the role in which it was released, "" when somebody changed or added it."""

    kind: str
    source: str
    grade_id: str
    id: str
    images: dict[str, str]
    released_as: str


def read_cells(data: bytes, notes: list[str]) -> tuple[list[PlainCell], str]:
    """Return the cells of a notebook of any version, and the lesson that it says it is of. Raises NotGradable.

    notes  what had to be repaired is added
    """
    document = _parsed(_text(data, notes))
    cells = _bounded([clean for cell in document["cells"] if (clean := _clean(cell))], notes)
    return cells, _lesson_named(document, cells)


# ---- bytes


def _text(data: bytes, notes: list[str]) -> str:
    """Return the JSON text, without outputs."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        notes.append("The file was saved as UTF-16; it was read all the same.")
        data = data.decode("utf-16", errors="replace").encode()
    kept = without_outputs(data)
    values = sum(map(kept.count, (b",", b"[", b"{")))
    if len(kept) > MAX_KEPT or values > MAX_VALUES:
        raise NotGradable(
            f"The notebook is too large: {len(kept) / 2**20:.0f} MB and {values} values without its outputs; at most "
            f"{MAX_KEPT >> 20} MB and {MAX_VALUES} are accepted."
        )
    try:
        return kept.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.append("The file was not saved as UTF-8; some characters may look odd.")
        return kept.decode("cp1252", errors="replace")


def without_outputs(data: bytes) -> bytes:
    """Return a notebook's JSON with empty lists and objects where outputs and the state of widgets were.

    A key can be found without parsing: inside a string, quotes have backslashes before them.

    >>> without_outputs(b'{"cells": [{"outputs": [{"text": "]"}], "source": "x"}]}')
    b'{"cells": [{"outputs": [], "source": "x"}]}'
    """
    pieces, position, seen = [], 0, 0
    while key := _PASSED_OVER.search(data, position):
        begin = key.end()
        end, seen = _end_of_value(data, begin, seen)
        pieces += [data[position : begin + 1], data[end - 1 : end]]
        position = end
    return b"".join([*pieces, data[position:]]) if pieces else data


def _end_of_value(data: bytes, begin: int, seen: int) -> tuple[int, int]:
    """Return where the list or object ends that begins here, and how many were seen so far."""
    depth, position = 0, begin
    while bracket := _NEXT_BRACKET.match(data, position):
        position = bracket.end()
        if bracket[1] in b"[{":
            depth, seen = depth + 1, seen + 1
            if seen > MAX_CUT:
                raise NotGradable(f"The outputs in the notebook hold more than {MAX_CUT} values. {_CLEAR}")
        else:
            depth -= 1
            if not depth:
                return position, seen
    raise NotGradable("The file is not a whole notebook: broken JSON (a cell's outputs do not end).")


# ---- JSON


def _parsed(text: str) -> dict:
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
        import nbformat  # takes a second or more, and hardly anybody hands in such a notebook

        try:
            document = nbformat.convert(nbformat.from_dict(document), 4)
        except Exception as problem:
            why = printable(str(problem))[:200]
            raise NotGradable(f"The notebook is of an old format that cannot be converted ({why}).") from None
    cells = document.get("cells")
    if not isinstance(cells, list):
        raise NotGradable("The file has no list of cells, so it is not a notebook.")
    if len(cells) > MAX_CELLS:
        raise NotGradable(f"The notebook has {len(cells)} cells; at most {MAX_CELLS} are accepted.")
    return document


def _lesson_named(document: dict, cells: list[PlainCell]) -> str:
    """Return the lesson that a notebook says it is of, in its metadata or the ids of its cells; "" if it is silent."""
    try:
        if isinstance(said := document["metadata"]["course"]["lesson"], str):
            return said
    except (LookupError, TypeError):
        pass
    setups = (re.fullmatch(r"(\w+)-setup-\d+", cell["grade_id"] or cell["id"]) for cell in cells)
    return next((found[1] for found in setups if found), "")


def _clean(cell: object) -> PlainCell | None:
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        return None
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    source = printable(source) if isinstance(source, str) else ""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    images: dict[str, str] = {}
    if cell["cell_type"] != "code":
        source, images = pasted_images(source, cell.get("attachments"))
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
        "images": images,
        "released_as": released_role({"source": source, "metadata": metadata}),
    }


# ---- what is too long


def _bounded(cells: list[PlainCell], notes: list[str]) -> list[PlainCell]:
    """Return the cells, each of a size that parsers can bear. Raises NotGradable when there is too much of them."""
    pictures = 0
    for number, cell in enumerate(cells, 1):
        if (length := len(cell["source"])) > MAX_CELL:
            size = f"has {length} characters; at most {MAX_CELL} of a cell"
            notes.append(f"Cell {number} {size} are read: keep data in a file, or make it in a loop.")
            no_program = f'raise ValueError("This cell {size} are graded.")'  # and neither is half a one
            cell["source"] = no_program if cell["kind"] == "code" else cell["source"][:MAX_CELL]
        pictures += sum(map(len, cell["images"].values()))
        if cell["images"] and pictures > MAX_IMAGES:
            notes.append(f"A picture in cell {number} was left out: at most {MAX_IMAGES >> 20} MB of them are shown.")
            cell["images"] = {}
    if (total := sum(len(cell["source"]) for cell in cells)) > MAX_TEXT:
        raise NotGradable(f"The notebook's cells have {total} characters; at most {MAX_TEXT} are accepted.")
    return cells
