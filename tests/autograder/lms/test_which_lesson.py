"""A notebook is known by its cells, whatever its file is called and whatever tools have taken away."""

import json
from pathlib import Path

import pytest

from autograder.lms.which_lesson import recognise
from tests.autograder.lms.downloads import LESSONS, notebook

NOTEBOOKS = sorted((Path(__file__).parents[3] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
ALL = tuple(path.stem for path in NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_lesson_of_the_course_is_known_under_any_name(path):
    data = path.read_bytes()
    found = recognise("homework.ipynb", data, ALL)
    assert (found.lesson, found.by_name, found.broken) == (path.stem, False, "")
    half = recognise("x.ipynb", data[: len(data) // 2], ALL)
    assert (half.lesson, half.by_name, bool(half.broken)) == (path.stem, False, True)


@pytest.mark.parametrize("without", [{"metadata": False}, {"ids": False}, {"metadata": False, "ids": False}])
def test_one_trace_of_the_builder_is_enough(without):
    data = notebook("work", "02_tokenization", named=False, **without)
    assert recognise("01_information.ipynb", data, LESSONS).lesson == "02_tokenization"


def test_the_cells_are_believed_before_the_notebooks_metadata_and_both_before_the_name():
    document = json.loads(notebook("work", "02_tokenization"))
    document["metadata"]["course"]["lesson"] = "03_ngrams"
    assert recognise("01_information.ipynb", json.dumps(document).encode(), LESSONS).lesson == "02_tokenization"
    bare = json.dumps({"cells": [], "metadata": {"course": {"lesson": "03_ngrams"}}}).encode()
    assert recognise("01_information.ipynb", bare, LESSONS).lesson == "03_ngrams"
    found = recognise("My 01-Information (2).ipynb", b'{"cells": []}', LESSONS)
    assert (found.lesson, found.by_name) == ("01_information", True)


def test_what_a_student_writes_about_a_lesson_is_no_id_of_it():
    document = json.loads(notebook("work"))
    document["cells"] += [
        {"cell_type": "code", "source": '{"exercise": "tokenization.x", "grade_id": "tokenization-x"}', "metadata": {}}
    ] * 9
    assert recognise("x.ipynb", json.dumps(document).encode(), LESSONS).lesson == "01_information"


def test_other_json_is_no_notebook_and_a_broken_notebook_is_one():
    assert recognise("data.json", b"[1, 2]", LESSONS) is None
    assert recognise("data.json", b"{", LESSONS) is None
    assert recognise("x.json", notebook(), LESSONS).lesson == "01_information"
    found = recognise("02_tokenization.ipynb", b"", LESSONS)
    assert (found.lesson, found.by_name, found.broken) == ("02_tokenization", True, "The file is empty.")
