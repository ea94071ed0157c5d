"""The rooms of the autograder lean on each other as the architecture page says."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOMS = re.findall(r"(?m)^\| `(\w+)/` \|", PAGE.split("The rooms of `autograder/`")[1])  # from top to bottom


def imported_by(folder: Path) -> set[str]:
    """Return the modules that the files of a folder import, by their full names."""
    nodes = [node for path in folder.rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return names | {
        f"{node.module}.{name.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module
        for name in node.names
    }


def rooms_used(folder: Path) -> set[str]:
    """Return the rooms of the autograder that the files of a folder import from."""
    return {name.split(".")[1] for name in imported_by(folder) if name.startswith("autograder.")}


def test_the_page_names_every_room_and_no_other():
    assert set(ROOMS) == {path.parent.name for path in (ROOT / "autograder").glob("*/__init__.py")}


def test_each_room_uses_only_itself_and_those_below_it():
    upwards = {room: rooms_used(ROOT / "autograder" / room) - set(ROOMS[place:]) for place, room in enumerate(ROOMS)}
    assert {room: used for room, used in upwards.items() if used} == {}


def test_the_library_uses_no_room_and_the_autograder_never_the_learners_face():
    assert rooms_used(ROOT / "course_lib") == set()
    assert {name for name in imported_by(ROOT / "autograder") if name.startswith("course_lib.checks")} == set()
