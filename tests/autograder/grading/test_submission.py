"""Reading submissions: what can be repaired is repaired with a note, what cannot is refused with the reason."""

import json
import os

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.authoring.build import student_notebook
from autograder.grading.autograded import MAX_SHOWN, autograded_notebook
from autograder.grading.refusal import NotGradable
from autograder.grading.submitted_file import MAX_BYTES, read_submission


@pytest.fixture(scope="module")
def release(sample):
    return student_notebook(sample)


@pytest.fixture
def read(tmp_path, hand_in, release):
    """A function that hands in a notebook (or text, or bytes) and reads it."""

    def reads(content, name=""):
        path = hand_in(tmp_path, "ada", content, name=name)
        return read_submission("ada", "90_sample", path.parent, release)

    return reads


def cell_of(notebook, role, name):
    return next(
        c for c in notebook.cells
        if c.metadata.get("course", {}).get("role") == role and c.metadata["course"].get("exercise") == f"sample.{name}"
    )  # fmt: skip


def work(submission, sample):
    """Return the student's sources by exercise."""
    return {name: submission.sources(f"sample.{name}") for name in sample.exercises}


@pytest.fixture
def expected(solved, sample):
    """What a solved notebook's work is, however it was mangled on its way."""
    return {name: [exercise.reference] for name, exercise in sample.exercises.items()}


# ---- repaired


def test_a_notebook_as_it_should_be_needs_no_note(read, solved, sample, expected):
    submission = read(solved())
    assert work(submission, sample) == expected
    assert submission.notes == []


def without(notebook, *keys):
    """Return the notebook's document without some keys of its cells."""
    document = json.loads(nbformat.writes(notebook))
    for cell in document["cells"]:
        for key in keys:
            cell.pop(key, None)
            cell["metadata"] = cell.get("metadata", {}) if key != "metadata" else {}
    return document


ENCODINGS = {
    "a byte-order mark": (lambda text: b"\xef\xbb\xbf" + text.encode(), 0),
    "UTF-16": (lambda text: text.encode("utf-16"), 1),
    "UTF-16 big-endian": (lambda text: b"\xfe\xff" + text.encode("utf-16-be"), 1),
    "Windows line ends in the file": (lambda text: text.replace("\n", "\r\n").encode(), 0),
    "Windows line ends in the cells": (lambda text: text.replace("\\n", "\\r\\n").encode(), 0),
    "old Mac line ends in the cells": (lambda text: text.replace("\\n", "\\r").encode(), 0),
    "one line": (lambda text: json.dumps(json.loads(text)).encode(), 0),
    "ASCII": (lambda text: json.dumps(json.loads(text), ensure_ascii=True).encode(), 0),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_odd_encodings_are_read(read, solved, sample, expected, name):
    encode, notes = ENCODINGS[name]
    submission = read(encode(nbformat.writes(solved())))
    assert work(submission, sample) == expected
    assert len(submission.notes) == notes


def test_text_in_the_windows_code_page_is_read_with_a_note(read, solved, sample):
    text = json.dumps(json.loads(nbformat.writes(solved(why_nats="Weil es natürlich ist"))), ensure_ascii=False)
    submission = read(text.encode("cp1252", errors="ignore"))
    assert work(submission, sample)["why_nats"] == ["Weil es natürlich ist"]
    assert "not saved as UTF-8" in submission.notes[0]


@pytest.mark.parametrize("keys", [("metadata",), ("id",), ("metadata", "id")], ids=" and ".join)
def test_stripped_metadata_costs_no_work(read, solved, sample, expected, keys):
    submission = read(json.dumps(without(solved(), *keys)))
    assert work(submission, sample) == expected
    assert submission.notes == []


@pytest.mark.parametrize("change", ["delete", "edit", "duplicate", "duplicate with an edit"])
def test_a_mangled_check_cell_is_put_right_with_a_note(read, solved, sample, expected, change):
    notebook = solved()
    check = cell_of(notebook, "check", "entropy")
    if change == "delete":
        notebook.cells.remove(check)
    elif change == "edit":
        check.source = "print('passed')"
    else:
        notebook.cells.append(nbformat.from_dict({**check, "id": "copy"}))
        if change != "duplicate":
            notebook.cells[-1].source = "1"
    submission = read(notebook)
    (note,) = submission.notes
    assert "check of sample.entropy" in note
    assert work(submission, sample) == expected


@pytest.mark.parametrize("change", ["delete", "edit"])
def test_a_mangled_setup_cell_is_replaced_with_a_note(read, solved, change):
    notebook = solved()
    setup = next(c for c in notebook.cells if c.metadata["course"]["role"] == "setup")
    if change == "delete":
        notebook.cells.remove(setup)
    else:
        setup.source = "import torch\ntorch.special = None"
    (note,) = read(notebook).notes
    assert ("was missing; it was put back" if change == "delete" else "the original was run first") in note


def test_reordered_cells_are_recognised(read, solved, sample, expected):
    notebook = solved()
    notebook.cells.reverse()
    submission = read(notebook)
    assert work(submission, sample) == expected
    assert submission.notes == []


def test_all_in_one_cell_is_recognised_by_the_names(read, sample):
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("def draw(probs, n, generator):\n    return 1")]
    )
    submission = read(notebook)
    assert work(submission, sample)["draw"] == ["def draw(probs, n, generator):\n    return 1"]


def test_a_notebook_of_version_3_is_converted(read, sample):
    source = "def entropy(p):\n    return 0"
    old = {
        "nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""},
        "worksheets": [{"metadata": {}, "cells": [{
            "cell_type": "code", "language": "python", "collapsed": False, "metadata": {}, "outputs": [],
            "input": source.splitlines(True), "prompt_number": 1,
        }]}],
    }  # fmt: skip
    assert work(read(json.dumps(old)), sample)["entropy"] == [source]


def test_a_renamed_notebook_is_taken_when_it_is_the_only_one(read, solved, sample, expected):
    submission = read(solved(), name="90_sample (1).ipynb")
    assert work(submission, sample) == expected
    assert "90_sample (1).ipynb" in submission.notes[0]


def test_a_name_that_is_no_text_is_spelled_out(tmp_path, release, solved):
    folder = tmp_path / "ada" / "90_sample"
    folder.mkdir(parents=True)
    with open(os.fsencode(folder) + b"/caf\xe9.ipynb", "w", encoding="utf-8") as file:
        file.write(nbformat.writes(solved()))
    (note,) = read_submission("ada", "90_sample", folder, release).notes
    assert "caf\\udce9.ipynb" in note.encode("utf-8").decode()


def test_cells_that_are_no_cells_are_passed_over(read, solved, sample, expected):
    document = json.loads(nbformat.writes(solved()))
    document["cells"] += [
        3, None, [], {}, {"cell_type": ["code"]}, {"cell_type": "chart", "source": "x"},
        {"cell_type": "code"}, {"cell_type": "code", "source": None, "metadata": []},
        {"cell_type": "code", "source": [1, "x = 1", None], "metadata": {"nbgrader": 3}, "id": 5},
        {"cell_type": "code", "source": {"a": "b"}, "metadata": {"nbgrader": {"grade_id": []}}},
        {"cell_type": "markdown", "source": 7},
    ]  # fmt: skip
    assert work(read(json.dumps(document)), sample) == expected


def test_half_characters_are_spelled_out(read):
    document = json.loads(nbformat.writes(nbformat.v4.new_notebook()))
    document["cells"] = [{"cell_type": "code", "source": "entropy = '\ud800'", "metadata": {}}]
    submission = read(json.dumps(document))
    assert submission.cells[0].source == "entropy = '\\ud800'"


@pytest.mark.parametrize(
    "source", ["x = " + "-" * 100_000 + "1", "entropy = " + "+".join("1" * 3000), "x\0y", "(" * 5000]
)
def test_source_that_python_cannot_look_at_stops_nothing(read, solved, sample, expected, source):
    notebook = solved()
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    submission = read(notebook)
    assert work(submission, sample) == expected
    assert submission.cells[-1].role in ("added", "exercise")


# ---- refused


REFUSED = {
    "an empty file": (b"", "empty"),
    "spaces": (b"  \n ", "empty"),
    "truncated": (b'{"cells": [{"cell_type": "co', "broken JSON"),
    "no JSON": (b"import torch", "broken JSON"),
    "nonsense": (bytes(range(256)), "broken JSON"),
    "a list": (b"[1, 2]", "not a notebook"),
    "no cells": (b'{"nbformat": 4}', "no list of cells"),
    "cells of a wrong type": (b'{"cells": {"a": 1}}', "no list of cells"),
    "worksheets that are none": (b'{"worksheets": 3}', "old format"),
    "deep JSON": (b'{"cells": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested too deeply"),
    "a huge number": (b'{"cells": ' + b"9" * 5000 + b"}", "broken JSON"),
    "too large": (b" " * (MAX_BYTES + 1), "at most 200 MB"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_notebook_is_refused_with_the_reason(read, name):
    content, reason = REFUSED[name]
    with pytest.raises(NotGradable, match=reason):
        read(content)


@pytest.mark.parametrize("where", ["the file", "the folder", "the student's folder"])
def test_a_link_is_refused(tmp_path, hand_in, release, solved, where):
    path = hand_in(tmp_path, "ada", solved())
    target = {"the file": path, "the folder": path.parent, "the student's folder": path.parent.parent}[where]
    link = tmp_path / "eve" / target.relative_to(tmp_path / "ada")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    with pytest.raises(NotGradable, match="link"):
        read_submission("eve", "90_sample", tmp_path / "eve" / "90_sample", release)


def test_a_folder_in_place_of_the_notebook_is_refused(tmp_path, release):
    folder = tmp_path / "ada" / "90_sample"
    (folder / "90_sample.ipynb").mkdir(parents=True)
    with pytest.raises(NotGradable, match="is a folder"):
        read_submission("ada", "90_sample", folder, release)


def test_no_notebook_and_two_strange_ones_are_refused(tmp_path, release, hand_in):
    folder = tmp_path / "ada" / "90_sample"
    folder.mkdir(parents=True)
    (folder / "answer.txt").write_text("")
    with pytest.raises(NotGradable, match="no notebook"):
        read_submission("ada", "90_sample", folder, release)
    for name in ("a.ipynb", "b.ipynb"):
        hand_in(tmp_path, "ada", "{}", name=name)
    with pytest.raises(NotGradable, match="more than one"):
        read_submission("ada", "90_sample", folder, release)


def test_a_pipe_in_place_of_the_notebook_is_refused_at_once(tmp_path, release):
    folder = tmp_path / "ada" / "90_sample"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "90_sample.ipynb")
    with pytest.raises(NotGradable):
        read_submission("ada", "90_sample", folder, release)


@settings(max_examples=200)
@given(st.data())
def test_a_mutated_notebook_is_read_or_refused_and_nothing_else(tmp_path_factory, release, solved, data):
    text = nbformat.writes(solved(entropy=None))
    folder = tmp_path_factory.mktemp("mutated") / "90_sample"
    folder.mkdir()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    (folder / "90_sample.ipynb").write_text(
        text[:start] + data.draw(st.text('[]{}",:01null\\u', max_size=6)) + text[end:]
    )
    try:
        submission = read_submission("ada", "90_sample", folder, release)
    except NotGradable as refusal:
        assert str(refusal)
        return
    nbformat.validate(autograded_notebook(submission, release, {}))


# ---- the notebook for the grader's eyes


def test_locked_cells_are_restored_and_the_students_cells_stand_where_they_stood(read, solved, release):
    notebook = solved()
    cell_of(notebook, "check", "entropy").source = "print('passed')"
    place = notebook.cells.index(cell_of(notebook, "exercise", "draw"))
    notebook.cells.insert(place + 1, nbformat.v4.new_code_cell("my_own = 1"))
    submission = read(notebook)
    index = next(i for i, cell in enumerate(submission.cells) if cell.source == "my_own = 1")
    shown = {"output_type": "stream", "name": "stdout", "text": "hello"}
    made = autograded_notebook(submission, release, {index: (shown,)})
    nbformat.validate(made)
    assert cell_of(made, "check", "entropy").source == 'check("sample.entropy")'
    added = next(i for i, cell in enumerate(made.cells) if cell.source == "my_own = 1")
    assert made.cells[added - 1] == cell_of(made, "exercise", "draw")
    assert made.cells[added].outputs[0]["text"] == "hello"


def test_every_submitted_answer_is_in_the_notebook_for_the_grader(read, solved, release, sample):
    made = autograded_notebook(read(solved(why_nats="Because.")), release, {})
    assert cell_of(made, "answer", "why_nats").source == "<div><p>Because.</p></div>"
    for name, exercise in sample.exercises.items():
        if exercise.check.kind != "text":
            assert cell_of(made, "exercise", name).source == exercise.reference


def test_as_much_code_is_shown_as_a_page_can_bear_and_the_exercises_come_first(read, solved, release, sample):
    notebook = solved()
    notebook.cells[0:0] = [nbformat.v4.new_code_cell("a=0\n" * 12_000, id=f"own-{number}") for number in range(5)]
    made = autograded_notebook(read(notebook), release, {})
    assert sum(len(cell.source) for cell in made.cells) < 2 * MAX_SHOWN
    assert sum("too long to be shown" in cell.source for cell in made.cells) == 4
    for name, exercise in sample.exercises.items():
        if exercise.check.kind != "text":
            assert cell_of(made, "exercise", name).source == exercise.reference


def test_a_spare_copy_of_the_stub_hides_no_work(read, solved, release, sample):
    notebook = solved()
    stub = nbformat.from_dict({**cell_of(notebook, "exercise", "entropy"), "id": "copy"})
    stub.source = sample.exercises["entropy"].check.stub
    notebook.cells.append(stub)
    submission = read(notebook)
    assert len(submission.sources("sample.entropy")) == 2
    made = autograded_notebook(submission, release, {})
    assert cell_of(made, "exercise", "entropy").source == sample.exercises["entropy"].reference
