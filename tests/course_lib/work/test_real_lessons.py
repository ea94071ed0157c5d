"""Every lesson of the course is copied, worked on, and renewed."""

import json
from pathlib import Path

import nbformat
import pytest

from course_lib.course_folder import CourseFolder
from course_lib.released import digest, is_as_released
from course_lib.work.folder import State, renew
from tests.course_lib.work.small_lesson import load, mine, own, prose, release

ROOT = Path(__file__).resolve().parents[3]


def new_version(notebook):
    """Return a lesson with another first text and another last stub, a demo less, and a text that is new."""
    cells = notebook["cells"]
    first = next(cell for cell in cells if cell["metadata"]["course"]["role"] == "prose")
    stub = [cell for cell in cells if cell["metadata"]["course"]["role"] == "exercise"][-1]
    for cell in (first, stub):
        cell["source"] = "".join(cell["source"]) + "\n# Improved."
        cell["metadata"]["course"]["text"] = digest(cell["source"])
    first["id"] = digest(first["source"])
    cells.remove(next(cell for cell in cells if cell["metadata"]["course"]["role"] == "demo"))
    cells.append(prose("P.S.") | {"id": digest("P.S.")})
    return {**notebook, "cells": cells}


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_real_lesson_is_copied_worked_on_and_renewed(path, tmp_path):
    course = CourseFolder(tmp_path)
    release(course, load(path), path.stem)
    assert [renewal.state for renewal in renew(course)] == [State.COPIED]
    notebook = load(mine(course, path.stem))
    answers = [c for c in notebook["cells"] if c["metadata"]["course"]["role"] in ("exercise", "answer")]
    for number, cell in enumerate(answers):
        cell["source"] = [f"my answer {number}\n", "in two lines"]
    notebook["cells"].append(own("my own cell"))
    mine(course, path.stem).write_text(json.dumps(notebook))
    new = new_version(load(path))
    release(course, new, path.stem)

    (renewal,) = renew(course)
    assert renewal.state is State.RENEWED and len(renewal.merged.tasks) == 1 and not renewal.merged.replaced
    result = load(mine(course, path.stem))
    nbformat.validate(nbformat.from_dict(result))
    assert result["cells"].pop(-2)["source"] == "my own cell"  # behind the last cell that there was, before the new one
    assert [cell["id"] for cell in result["cells"]] == [cell["id"] for cell in new["cells"]]
    assert [cell["metadata"] for cell in result["cells"]] == [cell["metadata"] for cell in new["cells"]]
    kept = [cell for cell in result["cells"] if cell["metadata"]["course"]["role"] in ("exercise", "answer")]
    assert [cell["source"] for cell in kept] == [cell["source"] for cell in answers]
    assert not any(map(is_as_released, kept))
    assert [renewal.state for renewal in renew(course)] == [State.UP_TO_DATE]
