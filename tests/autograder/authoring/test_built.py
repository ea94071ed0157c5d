"""What the builder wrote: equal in meaning on every processor, and never taken for what somebody else wrote."""

import json
from pathlib import Path

import nbformat
import pytest
import torch

from autograder.authoring.built import is_ours, same, same_document
from autograder.cli import main
from course_lib.judging import wire

NOTEBOOKS = Path(__file__).resolve().parents[3] / "notebooks"
CASE_FILES = sorted((NOTEBOOKS / "cases").glob("*.json"))


def perturbed(document, share):
    """Return a document of `wire` in which every floating-point number is larger by a share of itself."""
    if isinstance(document, float):
        return document * (1 + share)
    if isinstance(document, list):
        return [perturbed(item, share) for item in document]
    if isinstance(document, dict) and set(document) == {"tensor"}:
        value = wire.decode(document)
        return wire.encode(value * (1 + share)) if value.dtype.is_floating_point else document
    if isinstance(document, dict):
        return {key: perturbed(value, share) for key, value in document.items()}
    return document


def with_perturbed_outcomes(text, share):
    """Return a public case file with every outcome, the mistakes' too, a share larger."""
    document = json.loads(text)
    for entry in document["exercises"].values():
        for outcomes in (entry["cases"] and (entry["cases"]["expected"], *_outcomes_of_mistakes(entry))) or ():
            for outcome in outcomes:
                outcome["value"] = perturbed(outcome["value"], share)
    return json.dumps(document)


def _outcomes_of_mistakes(entry):
    return [mistake["outcomes"] for mistake in entry["cases"]["mistakes"]]


@pytest.mark.parametrize("path", CASE_FILES, ids=lambda path: path.stem)
def test_a_committed_case_file_is_the_same_with_the_last_digits_of_another_processor(path):
    text = path.read_text(encoding="utf-8")
    assert same(path, with_perturbed_outcomes(text, 2e-5))
    assert not same(path, with_perturbed_outcomes(text, 1e-2))


@pytest.mark.parametrize(
    ("change", "equal"),
    [
        (lambda d: d["exercises"]["sample.entropy"].update(points=2.5), False),
        (lambda d: d["exercises"]["sample.entropy"].update(points=2), False),  # it is 2.0
        (lambda d: d.update(title="Does the engine work? "), False),
        (lambda d: d["exercises"]["sample.entropy"]["cases"]["mistakes"][0].update(hint="other"), False),
        (lambda d: d.update(exercises=dict(reversed(d["exercises"].items()))), False),
        (lambda d: d.update(), True),
    ],
    ids=["points", "a whole number", "a blank", "a hint", "the order", "nothing"],
)
def test_all_but_floating_point_numbers_is_compared_to_the_letter(built, change, equal):
    path = built / "cases" / "90_sample.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    assert same(path, json.dumps(document)) == equal


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1.0, 1),
        ([1.0], {"tuple": [1.0]}),
        (wire.encode(torch.ones(2)), wire.encode(torch.ones(2, dtype=torch.float64))),
        (wire.encode(torch.ones(2)), wire.encode(torch.ones(2, 1))),
        (wire.encode(torch.tensor([7])), wire.encode(torch.tensor([8]))),
        (wire.encode(torch.tensor([1.0])), wire.encode(torch.tensor([float("nan")]))),
        ({"float": "inf"}, {"float": "-inf"}),
    ],
    ids=str,
)
def test_another_kind_of_value_is_another_meaning(a, b):
    assert same_document(a, a) and same_document(b, b)
    assert not same_document(a, b)


# ---- through the command


@pytest.fixture
def course(solutions, tmp_path, monkeypatch):
    """A small course that was built."""
    monkeypatch.chdir(tmp_path)
    assert main(["build"]) == 0
    return tmp_path


def test_check_is_clean_and_build_leaves_the_file_alone_on_another_processor(course, capsys):
    path = course / "notebooks" / "cases" / "90_sample.json"
    path.write_text(other := with_perturbed_outcomes(path.read_text(encoding="utf-8"), 2e-5), encoding="utf-8")
    assert main(["build", "--check"]) == 0
    assert main(["build"]) == 0
    assert path.read_text(encoding="utf-8") == other
    path.write_text(with_perturbed_outcomes(other, 1e-2), encoding="utf-8")
    assert main(["build", "--check"]) == 1
    capsys.readouterr()
    assert main(["build"]) == 0
    assert f"wrote: {path}" in capsys.readouterr().out
    assert main(["build", "--check"]) == 0


def add_a_cell(path):
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("mine = 1"))
    nbformat.write(notebook, path)


def answer(path):
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.metadata.course.role == "exercise")
    cell.source = "def entropy(p):\n    return 0"
    nbformat.write(notebook, path)


def run_a_cell(path):
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    cell.outputs = [nbformat.v4.new_output("stream", text="1\n")]
    nbformat.write(notebook, path)


def break_it(path):
    path.write_text(path.read_text(encoding="utf-8")[:500], encoding="utf-8")


@pytest.mark.parametrize("work", [add_a_cell, answer, run_a_cell, break_it])
def test_work_in_a_built_notebook_is_neither_overwritten_nor_deleted(course, solutions, work, capsys):
    path = course / "notebooks" / "90_sample.ipynb"
    work(path)
    kept = path.read_bytes()
    assert not is_ours(path)
    assert main(["build"]) == 1
    assert f"left as it is: {path} was changed by hand" in capsys.readouterr().err
    (solutions / "90_sample.py").rename(solutions / "91_other.py")
    assert main(["build"]) == 0
    assert path.read_bytes() == kept
    path.rename(course / "mine.ipynb")
    assert main(["build"]) == 0


def test_only_what_was_built_from_a_lesson_that_is_gone_is_deleted_and_each_file_named(course, solutions, capsys):
    notebooks = course / "notebooks"
    own = {
        "my_notes.ipynb": nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("mine")])),
        "90_sample copy.ipynb": (notebooks / "90_sample.ipynb").read_text(encoding="utf-8"),
        "89_broken.ipynb": "",
        "data/mine.json": "{}",
        "cases/mine.json": '{"exercises": {}}',
    }
    for name, text in own.items():
        (notebooks / name).parent.mkdir(exist_ok=True)
        (notebooks / name).write_text(text, encoding="utf-8")
    (solutions / "90_sample.py").rename(solutions / "91_other.py")
    capsys.readouterr()
    assert main(["build", "--check"]) == 1
    assert (notebooks / "90_sample.ipynb").is_file()
    capsys.readouterr()
    assert main(["build"]) == 0
    deleted = {line for line in capsys.readouterr().out.splitlines() if line.startswith("deleted: ")}
    stale = ("90_sample.ipynb", "cases/90_sample.json", "../answers/90_sample.json")
    assert deleted == {f"deleted: {(notebooks / name).resolve()}" for name in stale}
    assert not any((notebooks / name).exists() for name in stale)
    assert {name: (notebooks / name).read_text(encoding="utf-8") for name in own} == own


@pytest.mark.parametrize("make", [lambda folder: None, Path.mkdir], ids=["missing", "empty"])
def test_without_lessons_nothing_is_deleted_and_the_exit_code_is_2(course, make, capsys):
    make(course / "typo")
    before = {path: path.read_bytes() for path in (course / "notebooks").rglob("*.*")}
    assert main(["build", "--solutions", str(course / "typo")]) == 2
    assert str(course / "typo") in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (course / "notebooks").rglob("*.*")} == before
