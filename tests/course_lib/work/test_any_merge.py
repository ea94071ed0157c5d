"""Whatever a learner did to a notebook, and whatever is new in the lesson: nothing that they wrote is lost.

Each cell of the learner's copy carries a number and its kind in metadata of its own, so that it is found again after
the merge, whatever else it lost.
"""

import json
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.course_folder import CourseFolder
from course_lib.released import is_as_released
from course_lib.work.folder import State, renew
from course_lib.work.merge import first_copy, merge
from tests.course_lib.work.small_lesson import answer, check, demo, exercise, lesson, own, prose, setup

TO_ANSWER = ("exercise", "answer")
MAKE = {  # the stubs of questions are alike, as in real lessons
    "prose": lambda name, revision: prose(f"prose {name}, revision {revision}"),
    "demo": lambda name, revision: demo(f"show({name}, {revision})"),
    "setup": lambda name, revision: setup(f"import torch  # {revision}"),
    "exercise": lambda name, revision: exercise(f"f{name}", f"def f{name}(x{revision}):\n    raise Stub"),
    "check": lambda name, revision: check(f"f{name}", f'check("small.f{name}")  # {revision}'),
    "answer": lambda name, revision: answer(
        f"why{name}", f"*Your answer, in {revision + 1} lines.*"
    ),  # alike, as often
}


def identity(part):
    """Return what a lesson has at most once: its setup, an exercise, a check; a text or demo only word for word."""
    kind, name, _ = part
    return kind if kind == "setup" else part if kind in ("prose", "demo") else (kind, name)


parts = st.tuples(st.sampled_from(sorted(MAKE)), st.integers(0, 2), st.integers(0, 1))
versions = st.lists(parts, min_size=1, max_size=8, unique_by=identity).map(
    lambda parts: lesson(*(MAKE[kind](name, revision) for kind, name, revision in parts))
)
deeds = st.lists(
    st.tuples(
        st.sampled_from(["insert", "edit", "edit", "delete", "move", "paste", "run", "new id", "lose metadata"]),
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    max_size=10,
)
tools = st.sampled_from(["Jupyter", "Jupyter", "no ids", "new ids", "no metadata", "nothing but text"])


class Learner:
    """Somebody at work on a copy of the lesson, `notebook`."""

    def __init__(self, new):
        self.notebook, self.count = first_copy(new), 0

    def work(self, deeds, tool):
        """Do all this to the notebook, then save it with a tool that may lose something."""
        cells = self.notebook["cells"]
        for cell in cells:
            cell["metadata"]["kind"] = cell["metadata"].get("course", {}).get("role", "own")
        for deed, where, to in deeds:
            self.count += 1
            if deed == "insert" or not cells:
                cells.insert(where % (len(cells) + 1), own(f"my cell {self.count}", id=f"mine{self.count}"))
            else:
                self.do(deed, cells, where % len(cells), to % len(cells))
        for cell in cells:
            self.count += 1
            cell["metadata"]["number"] = self.count
        self.save(tool)

    def do(self, deed, cells, where, to):
        cell = cells[where]
        if deed == "edit":
            cell["source"] = f"my text {self.count}"
        elif deed == "delete":
            del cells[where]
        elif deed == "move":
            cells.insert(to, cells.pop(where))
        elif deed == "paste":
            cells.insert(to, deepcopy(cell) | {"id": f"pasted{self.count}"})
        elif deed == "run" and cell["cell_type"] == "code":
            cell["execution_count"] = self.count
        elif deed == "new id":
            cell["id"] = f"other{self.count}"
        elif deed == "lose metadata":
            self.lose_metadata(cell)

    def save(self, tool):
        for place, cell in enumerate(self.notebook["cells"]):
            if tool in ("no metadata", "nothing but text"):
                self.lose_metadata(cell)
            if tool in ("no ids", "nothing but text"):
                del cell["id"]
            elif tool == "new ids":
                cell["id"] = f"new{place}"
        if tool in ("no ids", "nothing but text"):
            self.notebook["nbformat_minor"] = 4

    def lose_metadata(self, cell):
        cell["metadata"] = {key: value for key, value in cell["metadata"].items() if key in ("kind", "number")}


def numbered(notebook):
    """Return number → cell, for the cells that carry one. No number is there twice."""
    cells = [cell for cell in notebook["cells"] if "number" in cell["metadata"]]
    found = {cell["metadata"]["number"]: cell for cell in cells}
    assert len(found) == len(cells)
    return found


def is_work(cell):
    """Whether a learner wrote this: a cell of their own, or an answer."""
    return cell["source"].startswith("my ") and cell["metadata"].get("kind", "own") in ("own", *TO_ANSWER)


def assert_nothing_is_lost(mine, new, merged):
    after, before = numbered(merged.notebook), numbered(mine)
    for number, cell in before.items():
        if number not in after:
            assert is_as_released(cell), "only what is untouched may go"
        elif is_work(cell):
            assert after[number]["source"] == cell["source"]
            assert after[number].get("execution_count") == cell.get("execution_count")
    replaced = [number for number in after if before[number]["source"] != after[number]["source"]]
    unexpected = [number for number in replaced if not is_as_released(before[number])]
    assert len(unexpected) == len(merged.replaced), "what is replaced is said"


def assert_the_released_cells_are_the_new_ones(mine, new, merged):
    ids = [cell["id"] for cell in new["cells"]]
    released = [cell for cell in merged.notebook["cells"] if cell["id"] in ids]
    assert [cell["id"] for cell in released] == ids
    for cell, original in zip(released, new["cells"]):
        assert cell["metadata"].items() >= original["metadata"].items()
        if cell["source"] != original["source"]:
            was = numbered(mine)[cell["metadata"]["number"]]
            assert original["metadata"]["course"]["role"] in TO_ANSWER and not is_as_released(was)


def assert_what_is_not_released_follows_what_it_followed(mine, new, merged):
    ids, after = {cell["id"] for cell in new["cells"]}, numbered(merged.notebook)
    stayed = [after[cell["metadata"]["number"]] for cell in mine["cells"] if cell["metadata"]["number"] in after]
    assert followers(merged.notebook["cells"], ids) == followers(stayed, ids)


def followers(cells, ids):
    """Return the id of each released cell → the numbers of the cells behind it that are not released, in order."""
    found: dict[str, list[int]] = {}
    last = "nothing"
    for cell in cells:
        if cell["id"] in ids:
            last = cell["id"]
        else:
            found.setdefault(last, []).append(cell["metadata"]["number"])
    return found


@settings(max_examples=400)
@given(versions, st.lists(st.tuples(deeds, tools, versions), min_size=1, max_size=3))
def test_nothing_that_a_learner_wrote_is_lost_over_several_versions(first, terms):
    learner = Learner(first)
    for deeds, tool, new in terms:
        learner.work(deeds, tool)
        mine = deepcopy(learner.notebook)
        merged = merge(mine, new)
        assert_nothing_is_lost(mine, new, merged)
        assert_the_released_cells_are_the_new_ones(mine, new, merged)
        assert_what_is_not_released_follows_what_it_followed(mine, new, merged)
        nbformat.validate(nbformat.from_dict(merged.notebook))
        again = merge(merged.notebook, new)
        assert again.notebook == merged.notebook
        assert (again.tasks, again.replaced, again.kept) == ([], [], [])
        learner.notebook = merged.notebook


@settings(max_examples=60)
@given(versions, deeds, tools, versions)
def test_the_notebook_before_is_kept_to_the_byte_and_a_second_run_changes_nothing(first, deeds, tool, new):
    learner = Learner(first)
    learner.work(deeds, tool)
    with TemporaryDirectory() as folder:
        course = CourseFolder(Path(folder))
        course.notebooks.mkdir()
        course.work.mkdir()
        mine = course.work / "90_small.ipynb"
        before = json.dumps(learner.notebook, indent=4).encode()
        mine.write_bytes(before)
        (course.notebooks / "90_small.ipynb").write_text(json.dumps(new))
        (renewal,) = renew(course)
        assert renewal.state in (State.RENEWED, State.UP_TO_DATE)
        if renewal.state is State.RENEWED:
            assert renewal.before.read_bytes() == before
        after = mine.read_bytes()
        assert (after == before) == (renewal.state is State.UP_TO_DATE)
        (again,) = renew(course)
        assert again.state is State.UP_TO_DATE and mine.read_bytes() == after
        assert len(list(course.work.rglob("*.*"))) == 1 + (renewal.state is State.RENEWED)
