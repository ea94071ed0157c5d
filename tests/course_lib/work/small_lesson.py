"""Small released notebooks, with the metadata that the builder writes, and what learners do with their copies."""

import json
from copy import deepcopy

from course_lib.released import digest

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def prose(text):
    return _cell("markdown", text, "prose")


def demo(text):
    return _cell("code", text, "demo")


def setup(text="import torch"):
    return _graded(_cell("code", text, "setup"), "small-setup-1", editable=False, deletable=False)


def exercise(name, stub):
    """The cell that a learner writes a function in; `small.NAME`."""
    return _graded(_cell("code", stub, "exercise", f"small.{name}"), f"small-{name}-answer", deletable=False)


def check(name, text=""):
    cell = _cell("code", text or f'check("small.{name}")', "check", f"small.{name}")
    return _graded(cell, f"small-{name}", editable=False, deletable=False)


def answer(name, stub="*Your answer.*"):
    """The cell that a learner answers a question in, in words."""
    return _graded(_cell("markdown", stub, "answer", f"small.{name}"), f"small-{name}", deletable=False)


def lesson(*cells, version="1"):
    """Return a notebook as `autograder build` makes it of these cells."""
    ids, cells = [], deepcopy(list(cells))
    for cell in cells:
        base = cell["metadata"].get("nbgrader", {}).get("grade_id") or digest(cell["source"])
        ids.append(next(id for id in [base, *(f"{base}-{n}" for n in range(2, 99))] if id not in ids))
        cell["id"] = ids[-1]
    course = {"lesson": "90_small", "version": version, "generated": "from solutions/90_small.py"}
    metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}, "course": course}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cell(kind, text, role, exercise=""):
    course = {"role": role, "text": digest(text), **({"exercise": exercise} if exercise else {})}
    cell = {"cell_type": kind, "source": text, "metadata": {"course": course, "slideshow": {"slide_type": "-"}}}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def _graded(cell, grade_id, **locks):
    cell["metadata"] |= {"nbgrader": {"grade_id": grade_id, "schema_version": 3}, **locks}
    return cell


# ---- a learner at work


def own(text, id="8f3e2c1a", kind="code"):
    """A cell that a learner added."""
    cell = {"id": id, "cell_type": kind, "source": text, "metadata": {}}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def find(notebook, text):
    """Return the only cell with this text."""
    (cell,) = [cell for cell in notebook["cells"] if cell["source"] == text]
    return cell


def edit(notebook, text, now):
    find(notebook, text)["source"] = now


def add(notebook, cell, after=None):
    """Put a cell behind the one with this text, or at the top."""
    place = notebook["cells"].index(find(notebook, after)) + 1 if after else 0
    notebook["cells"].insert(place, cell)


def paste(notebook, text, id="7b1d9e02"):
    """Put a copy of a cell below it, as Jupyter does: everything is the same but the id. Return the copy."""
    copy = deepcopy(find(notebook, text)) | {"id": id}
    add(notebook, copy, after=text)
    return copy


def run(notebook, text, shown):
    """Run a cell: it gets an output and a number."""
    output = {"output_type": "stream", "name": "stdout", "text": shown}
    find(notebook, text).update(outputs=[output], execution_count=3)


def without_ids(notebook):
    """What a tool that knows only nbformat 4.4 saves."""
    for cell in notebook["cells"]:
        del cell["id"]
    notebook["nbformat_minor"] = 4
    return notebook


def without_metadata(notebook):
    """What a tool that keeps no metadata saves."""
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    notebook["metadata"] = {}
    return notebook


def texts(notebook):
    return [cell["source"] for cell in notebook["cells"]]


# ---- on disk


STUB, DONE = "def double(x):\n    raise NotImplementedError", "def double(x):\n    return 2 * x"
OLD = lesson(prose("# Doubling"), demo("show(1)"), exercise("double", STUB), check("double"), prose("The end."))
NEW = lesson(*OLD["cells"][:-1], prose("The end, after all."), version="2")


def release(course, notebook, name="90_small"):
    """Give out a lesson, or a new version of it."""
    course.notebooks.mkdir(parents=True, exist_ok=True)
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    (course.notebooks / f"{name}.ipynb").write_text(text, encoding="utf-8")


def mine(course, name="90_small"):
    return course.work / f"{name}.ipynb"


def load(path):
    return json.loads(path.read_bytes())


def change(path, *edits):
    """Change cells of a notebook on disk, as its learner does in Jupyter: (text, new text), …"""
    notebook = load(path)
    for text, now in edits:
        edit(notebook, text, now)
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False), encoding="utf-8")


def everything(folder):
    """Return what lies in a folder: path → content."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
