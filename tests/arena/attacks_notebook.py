"""Notebooks in a bad state: what must be repaired, and what must be refused with a reason."""

import io
import json
import os
import socket
import zipfile
from pathlib import Path

import nbformat

from tests.arena.cases import enter
from tests.arena.draft import HONEST, LESSON, NAME, Draft

ALL_MISSING = dict.fromkeys(HONEST, "missing")


# ---- repaired: full marks
@enter("accident")
def byte_order_mark(draft: Draft) -> None:
    """The file begins with a byte-order mark."""
    draft.text(b"\xef\xbb\xbf" + draft.json().encode())


@enter("accident")
def windows_lines(draft: Draft) -> None:
    """Windows line ends, in the file and in the cells."""
    for cell in draft.notebook.cells:
        cell.source = cell.source.replace("\n", "\r\n")
    draft.text(draft.json().replace("\n", "\r\n"))


@enter("accident")
def utf16(draft: Draft) -> None:
    """Saved as UTF-16."""
    draft.text(draft.json().encode("utf-16"))


@enter("accident")
def latin(draft: Draft) -> None:
    """Saved in a code page of Windows."""
    draft.spoil("total", "# größer")
    draft.text(draft.json().encode("cp1252", errors="replace"))


@enter("accident")
def version_3(draft: Draft) -> None:
    """A notebook of format 3."""
    draft.text(nbformat.writes(nbformat.convert(nbformat.reads(draft.json(), 4), 3), version=3))


@enter("accident")
def check_twice(draft: Draft) -> None:
    """Check cells copied, with the same ids."""
    for name in ("total", "which"):
        cell = draft.notebook.cells[draft.index(name, "check")]
        draft.notebook.cells += [nbformat.from_dict(dict(cell)), nbformat.from_dict(dict(cell))]
    draft.text(json.dumps(draft.notebook))


@enter("accident")
def checks_deleted(draft: Draft) -> None:
    """All check cells deleted."""
    draft.notebook.cells = [c for c in draft.notebook.cells if c.metadata.get("course", {}).get("role") != "check"]


@enter("cheat", total="wrong")
def check_edited(draft: Draft) -> None:
    """A check cell that gives itself full marks."""
    cell = draft.notebook.cells[draft.index("total", "check")]
    cell.source = "2.0"
    cell.metadata.nbgrader.points = 1000
    cell.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "1000"})]
    draft.answer("total", "def total(x):\n    return torch.tensor(0)")


@enter("cheat", total="wrong")
def points_edited(draft: Draft) -> None:
    """Metadata that raises all points."""
    for cell in draft.notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader |= {"points": 100, "grade": True, "locked": False, "solution": True}
            cell.metadata["course"] = {"role": "check", "exercise": "arena.which", "points": 100}
    draft.notebook.cells[5].metadata["course"] = {"role": "setup"}
    for cell in draft.notebook.cells:
        if "def total" in cell.source:
            cell.source = "def total(x):\n    return torch.tensor(0)"


@enter("accident")
def setup_edited(draft: Draft) -> None:
    """The locked setup cell emptied."""
    for cell in draft.notebook.cells:
        if cell.metadata.get("course", {}).get("role") == "setup":
            cell.source = "raise SystemExit"


@enter("accident")
def no_metadata(draft: Draft) -> None:
    """All metadata and ids stripped."""
    for number, cell in enumerate(draft.notebook.cells):
        cell.metadata, cell.id = {}, f"c{number}"
    draft.notebook.metadata = {}


@enter("accident")
def reordered(draft: Draft) -> None:
    """The cells in reverse order."""
    draft.notebook.cells.reverse()


@enter("accident")
def other_kernel(draft: Draft) -> None:
    """A kernel that nobody has."""
    draft.notebook.metadata["kernelspec"] = {"name": "julia-9", "language": "julia", "display_name": "Julia"}


@enter("accident")
def other_file_name(draft: Draft) -> None:
    """The notebook renamed by a browser."""
    text = draft.json()
    draft.write = lambda folder: (folder / f"{NAME} (1) — Kopie.ipynb").write_text(text)  # type: ignore[assignment]


@enter("accident")
def spare_copy(draft: Draft) -> None:
    """An untouched copy of an exercise's cell below the answer."""
    from tests.arena.draft import lesson

    draft.add(lesson().exercises["total"].check.stub)


@enter("accident", Ledger="missing")
def exercise_deleted(draft: Draft) -> None:
    """One exercise's cell deleted: the others count."""
    del draft.notebook.cells[draft.index("Ledger")]


@enter("accident", total="not started", which="not started")
def not_started(draft: Draft) -> None:
    """Two exercises as they were given."""
    from tests.arena.draft import lesson

    for name in ("total", "which"):
        draft.answer(name, lesson().exercises[name].check.stub)


@enter("accident", **ALL_MISSING)
def no_cells(draft: Draft) -> None:
    """A notebook without cells."""
    draft.notebook.cells = []


@enter("accident", **ALL_MISSING)
def other_lesson(draft: Draft) -> None:
    """Another lesson's notebook under this one's name."""
    cells = [
        nbformat.v4.new_markdown_cell("# Another lesson"),
        nbformat.v4.new_code_cell("def softmax(z):\n    return z"),
    ]
    draft.notebook.cells = cells


@enter("accident")
def odd_cells(draft: Draft) -> None:
    """Cells that are no cells, sources that are no text."""
    document = json.loads(draft.json())
    document["cells"] += [
        None,
        7,
        [],
        {},
        {"cell_type": "code"},
        {"cell_type": "code", "source": 7, "metadata": 3, "id": []},
    ]
    document["cells"] += [
        {"cell_type": "code", "source": ["1", 2, None], "metadata": {"nbgrader": {"grade_id": ["x"]}}}
    ]
    document["cells"] += [
        {"cell_type": "heading", "source": "x"},
        {"cell_type": "code", "source": "print('\ud800')\x00"},
    ]
    document["metadata"] = "no"
    draft.text(json.dumps(document))


@enter("accident")
def half_characters_in_source(draft: Draft) -> None:
    """Half characters in a cell, in what it prints and in what it raises."""
    draft.add("print('\\ud800\\x00\\x1b[31m')")
    draft.add("raise type('Odd\\ud800', (Exception,), {})('\\ud800')")


@enter("accident", total="error")
def hard_to_parse(draft: Draft) -> None:
    """Sources that bring parsers down: brackets, signs, attributes, conditions without end."""
    hard = [
        "(" * 49_000,
        "-" * 48_000 + "1",
        "x" + ".a" * 24_000,
        "not " * 12_000 + "1",
        "1 if 1 else " * 4_000 + "1",
        "[" * 150,
    ]
    hard += [
        "lambda: " * 6_000 + "1",
        "x" + "[0]" * 16_000,
        "1 + " * 12_000 + "1",
        "f'{" * 120,
        "\x00",
        "\\" * 49_000,
        "'" * 49_999,
    ]
    hard += ["if 1: pass\n" + "elif 1: pass\n" * 3_500, "x = " * 12_000 + "1", "def f():\n" + " " * 200 + "return 1"]
    for source in hard:
        draft.add(source)
    draft.answer("total", "def total(x):\n    return " + "(" * 45_000)


@enter("accident", total="error")
def hard_to_colour(draft: Draft) -> None:
    """A source that is slow to colour on the feedback page."""
    draft.answer("total", "def total(x):\n    return '" + "\\" * 24_000 + "a" * 24_000 + '"""' * 300 + "{" * 500)


@enter("accident")
def heavy_metadata(draft: Draft) -> None:
    """Ten megabytes of metadata and old outputs."""
    draft.notebook.metadata["widgets"] = {"state": ["0.123456789"] * 400_000}
    cell = draft.notebook.cells[draft.index("total")]
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="x" * 5_000_000)]


@enter("accident")
def large_outputs(draft: Draft) -> None:
    """Forty megabytes of old outputs: text, pictures, and what looks like the end of them."""
    cell = draft.notebook.cells[draft.index("total")]
    for _ in range(20):
        cell.outputs.append(
            nbformat.v4.new_output("stream", name="stdout", text='"]}], "source": "x", \\ {[\n' * 40_000)
        )
        cell.outputs.append(nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo" + "A" * 10**6}))


@enter("accident")
def long_text(draft: Draft) -> None:
    """A text of a megabyte, with a picture in it and one that is not there."""
    cell = nbformat.v4.new_markdown_cell("![x](attachment:none.png) " + '"](' * 300_000, id="own-text")
    draft.notebook.cells.append(cell)


# ---- refused, with the reason
def _refused(name: str, what: str, content: object) -> None:
    def change(draft: Draft) -> None:
        draft.text(content(draft.json()) if callable(content) else content)

    enter("refused", name=name, what=what)(change)


def _zip(text: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.ipynb", b"\0" * 50_000_000)
    return data.getvalue()


_refused("truncated", "Half a file.", lambda text: text[: len(text) // 2])
_refused("empty_file", "An empty file.", "")
_refused("only_spaces", "A file of spaces.", " \n" * 100)
_refused("json_list", "A list.", "[]")
_refused("json_number", "A number.", "1e999")
_refused(
    "no_cell_list",
    "A notebook whose cells are no list.",
    '{"cells": {"0": {}}, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
)
_refused("plain_text", "Python instead of a notebook.", HONEST["total"])
_refused("web_page", "A web page instead of a notebook.", "<!doctype html><title>Sign in</title>")
_refused("archive", "A zip bomb called a notebook.", _zip)
_refused("binary", "Random bytes.", bytes(range(256)) * 100)
_refused("deep_json", "JSON nested a hundred thousand deep.", '{"cells": ' + "[" * 100_000)
_refused(
    "broken_version_3",
    "A broken notebook of format 3.",
    '{"worksheets": [{"cells": [{"cell_type": 7}]}], "nbformat": 3}',
)
_refused(
    "many_cells",
    "A hundred thousand cells.",
    lambda text: json.dumps({"cells": [{"cell_type": "code", "source": "1"}] * 100_000}),
)
_refused("merge_conflict", "Git's marks of a conflict.", lambda text: text.replace("{", "<<<<<<< HEAD\n{", 1))


def _placed(name: str, what: str):
    def decorate(place):
        enter("refused", name=name, what=what)(lambda draft: setattr(draft, "write", place))
        return place

    return decorate


@_placed("giant", "A file of 300 MB.")
def _giant(folder: Path) -> None:
    with (folder / f"{NAME}.ipynb").open("wb") as file:
        file.truncate(300 * 2**20)


@_placed("link_to_lesson", "A link to the lesson's source.")
def _link(folder: Path) -> None:
    (folder / f"{NAME}.ipynb").symlink_to(LESSON)


@_placed("link_to_neighbour", "A link to another student's notebook.")
def _neighbour(folder: Path) -> None:
    (folder / f"{NAME}.ipynb").symlink_to(folder.parent.parent / "000-neighbour" / NAME / f"{NAME}.ipynb")


@_placed("link_to_endless", "A link to a file without end.")
def _endless(folder: Path) -> None:
    (folder / f"{NAME}.ipynb").symlink_to("/dev/zero")


@_placed("linked_folder", "A folder that is a link to another student's.")
def _linked(folder: Path) -> None:
    folder.rmdir()
    folder.symlink_to(folder.parent.parent / "000-neighbour" / NAME)


@_placed("folder_for_file", "A folder in place of the notebook.")
def _folder(folder: Path) -> None:
    (folder / f"{NAME}.ipynb").mkdir()


@_placed("named_pipe", "A named pipe in place of the notebook.")
def _pipe(folder: Path) -> None:
    os.mkfifo(folder / f"{NAME}.ipynb")


@_placed("link_to_kernel_messages", "A link to a file that a reader waits for.")
def _kernel_messages(folder: Path) -> None:
    (folder / f"{NAME}.ipynb").symlink_to("/proc/kmsg")


@_placed("link_elsewhere", "A folder, a text and an archive that are links to another student's.")
def _elsewhere(folder: Path) -> None:
    neighbour = folder.parent.parent / "000-neighbour" / NAME
    (folder / "deeper").symlink_to(neighbour)
    (folder / ".ipynb_checkpoints").symlink_to(neighbour)
    for name in ("a.ipynb.txt", "b.zip", "c.IPYNB"):
        (folder / name).symlink_to(neighbour / f"{NAME}.ipynb")


@_placed("named_socket", "A socket in place of the notebook.")
def _socket(folder: Path) -> None:
    server, before = socket.socket(socket.AF_UNIX), os.getcwd()
    os.chdir(folder)  # an address has at most 108 characters
    server.bind(f"{NAME}.ipynb")
    os.chdir(before)
    server.close()


@_placed("unreadable", "A file that nobody may read, and that is none.")
def _unreadable(folder: Path) -> None:
    (folder / f"{NAME}.ipynb").write_text("{")  # root may read it
    (folder / f"{NAME}.ipynb").chmod(0)


@_placed("unreadable_folder", "A folder that nobody may read.")
def _unreadable_folder(folder: Path) -> None:
    folder.chmod(0)


@_placed("nothing", "An empty folder.")
def _nothing(folder: Path) -> None:
    pass


@_placed("two_notebooks", "Two notebooks, neither called as it should be.")
def _two(folder: Path) -> None:
    for name in ("a.ipynb", "b.ipynb"):
        (folder / name).write_text("{}")
