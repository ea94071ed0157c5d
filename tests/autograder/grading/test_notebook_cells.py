"""A notebook's bytes become cells: old outputs are passed over unread, and what is left is bounded."""

import base64
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.grading import notebook_cells
from autograder.grading.notebook_cells import MAX_CELL, MAX_TEXT, read_cells, without_outputs
from autograder.grading.pasted_images import pasted_images
from autograder.grading.refusal import NotGradable

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(60)).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff" + bytes(60)).decode()


def cells_of(data, notes):
    cells, _ = read_cells(data, notes)
    return cells


def notebook(*cells: dict, **more: object) -> bytes:
    return json.dumps({"cells": cells, "nbformat": 4, **more}).encode()


def code(source: str, **more: object) -> dict:
    return {"cell_type": "code", "source": source, "metadata": {}, **more}


def text(source: str, **more: object) -> dict:
    return {"cell_type": "markdown", "source": source, "metadata": {}, **more}


def sources(data: bytes) -> list[str]:
    return [cell["source"] for cell in cells_of(data, [])]


# ---- outputs

TRICKY = [
    '"',
    "\\",
    "]}",
    '"outputs": [',
    '\\"outputs\\": [{',
    "\n",
    "é",
    "\\\\",
    '": [{',
    "{[",
    "outputs",
    '"outputs"',
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(TRICKY), max_size=8), st.lists(st.sampled_from(TRICKY), max_size=8), st.booleans())
def test_outputs_go_and_sources_stay_whatever_stands_in_either(source, output, ascii):
    cell = code("".join(source), outputs=[{"text": output, "data": {"x": ["".join(output), [], {}]}}])
    document = {"cells": [cell, code("last")], "metadata": {"widgets": {"state": output}}}
    kept = json.loads(without_outputs(json.dumps(document, ensure_ascii=ascii).encode()))
    assert [cell["source"] for cell in kept["cells"]] == ["".join(source), "last"]
    assert (kept["cells"][0]["outputs"], kept["metadata"]["widgets"]) == ([], {})


def test_a_hundred_megabytes_of_outputs_cost_no_memory_and_no_mark():
    many = code("x = 1", outputs=[{"data": {"image/png": "A" * 10**6}, "text": ["line\n"] * 10**4}] * 90)
    data = notebook(many, code("y = 2"))
    tracemalloc.start()
    try:
        assert sources(data) == ["x = 1", "y = 2"]
        assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    finally:
        tracemalloc.stop()


ENDLESS = {
    "outputs that do not end": (b'{"cells": [{"outputs": [{"text": "', "do not end"),
    "outputs that close what was not opened": (b'{"cells": [{"outputs": [}}}', "broken JSON"),
    "countless outputs": (b'{"cells": [{"outputs": [' + b"{}," * 1001, "more than 1000 values"),
    "countless values": (b'{"cells": [' + b"{}," * 1001 + b"0]}", "values without its outputs"),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_is_refused(name, monkeypatch):
    monkeypatch.setattr(notebook_cells, "MAX_CUT", 1000)
    monkeypatch.setattr(notebook_cells, "MAX_VALUES", 1000)
    data, reason = ENDLESS[name]
    with pytest.raises(NotGradable, match=reason):
        cells_of(data, [])


# ---- long cells


def test_a_program_that_is_too_long_is_not_parsed_and_the_others_are_graded():
    notes: list[str] = []
    long, short = cells_of(notebook(code("a=0\n" * MAX_CELL), code("b = 1")), notes)
    assert short["source"] == "b = 1" and len(long["source"]) < 200
    with pytest.raises(ValueError, match=f"{4 * MAX_CELL} characters; at most {MAX_CELL}"):
        exec(long["source"])
    assert [note.split(";")[0] for note in notes] == [f"Cell 1 has {4 * MAX_CELL} characters"]


def test_a_text_that_is_too_long_is_cut_with_a_note():
    notes: list[str] = []
    (cell,) = cells_of(notebook(text("word " * MAX_CELL)), notes)
    assert len(cell["source"]) == MAX_CELL and len(notes) == 1


def test_the_longest_cell_that_is_accepted_is_left_as_it_is():
    notes: list[str] = []
    (cell,) = cells_of(notebook(code("#" * MAX_CELL)), notes)
    assert cell["source"] == "#" * MAX_CELL and notes == []


def test_all_cells_together_are_bounded():
    most = MAX_TEXT // MAX_CELL
    assert len(cells_of(notebook(*[code("#" * MAX_CELL)] * most), [])) == most
    with pytest.raises(NotGradable, match=f"at most {MAX_TEXT}"):
        cells_of(notebook(*[code("#" * MAX_CELL)] * (most + 1)), [])


# ---- pictures


def test_pictures_come_from_attachments_and_from_the_text():
    attached = {"photo.jpg": {"image/jpeg": JPEG}, "b.png": {"image/png": [PNG], "image/gif": PNG}}
    data = notebook(text(f"![a](attachment:photo.jpg) ![b](data:image/png;base64,{PNG})", attachments=attached))
    (cell,) = cells_of(data, [])
    assert cell["source"] == "![a](attachment:photo.jpg) ![b](attachment:in-the-text-2)"
    assert cell["images"] == {
        "photo.jpg": f"data:image/jpeg;base64,{JPEG}",
        "in-the-text-2": f"data:image/png;base64,{PNG}",
    }


@pytest.mark.parametrize(
    "attachments",
    [
        None, [], "x", {"a": None}, {"a": []}, {"a": {"image/png": 3}}, {"a": {"image/png": "%%%"}},
        {"a": {"image/png": JPEG}},
        {"a": {"image/svg+xml": PNG}}, {"a": {"text/html": PNG}}, {"a": {"image/png": PNG + '"><script>'}},
        {"a": {"image/png": base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(11 * 2**20)).decode()}},
    ],
)  # fmt: skip
def test_what_is_no_picture_is_left_out(attachments):
    assert pasted_images("text", attachments) == ("text", {})


def test_what_is_no_picture_in_the_text_is_left_as_it_was_written():
    written = "data:image/png;base64,AAAA data:text/html;base64,AAAA data:image/png;base64,"
    assert pasted_images(written, {})[1] == {}


def test_a_photo_does_not_make_a_text_too_long():
    photo = base64.b64encode(b"\xff\xd8\xff" + bytes(2**20)).decode()
    notes: list[str] = []
    (cell,) = cells_of(notebook(text(f"so ![x](data:image/jpeg;base64,{photo}) there")), notes)
    assert cell["source"].endswith("there") and len(cell["images"]) == 1 and notes == []


def test_pictures_are_bounded_together(monkeypatch):
    monkeypatch.setattr(notebook_cells, "MAX_IMAGES", 3 * len(PNG))
    cells = [text("![a](attachment:a)", attachments={"a": {"image/png": PNG}})] * 5
    notes: list[str] = []
    shown = [len(cell["images"]) for cell in cells_of(notebook(*cells), notes)]
    assert shown == [1, 1, 0, 0, 0] and len(notes) == 3


@pytest.mark.parametrize("metadata", [{}, {"course": {"lesson": "arena"}}])
def test_the_lesson_that_a_notebook_says_it_is_of_is_read(metadata):
    setup = {**code("import torch"), "id": "arena-setup-1"}
    document = {"cells": [setup] if not metadata else [code("1")], "metadata": metadata, "nbformat": 4}
    assert read_cells(json.dumps(document).encode(), [])[1] == "arena"
