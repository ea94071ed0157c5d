"""The files that a lesson was built to: whether they still say what the lesson says, and whether they are still ours.

Outcomes are floating-point numbers, and processors differ in their last digits. So a file that is equal in meaning
(text exactly, numbers as closely as the judge looks) is left as it is, and a build changes nothing on another machine.
What somebody has changed is never overwritten or deleted.

What needs torch is imported where numbers differ: a build that changes nothing needs none of it.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_lib.course_folder import CourseFolder
from course_lib.released import is_as_released


@dataclass
class Changes:
    """What a build did, or under `--check` would do: files by what happened to them."""

    wrote: list[Path] = field(default_factory=list)
    deleted: list[Path] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether anything is not as the lessons say."""
        return bool(self.wrote or self.deleted or self.left)


def update(files: dict[Path, str], changes: Changes, write: bool = True) -> None:
    """Bring one lesson's files up to date; enter what was done.

    files  what the lesson builds to: paths and texts
    """
    for path, text in files.items():
        if not path.exists():
            changes.wrote.append(path)
        elif same(path, text):
            continue
        elif is_ours(path):
            changes.wrote.append(path)
        else:
            changes.left.append(path)
            continue
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


def remove_stale(course: CourseFolder, lessons: set[str], changes: Changes, write: bool = True) -> None:
    """Delete what was built from lessons that are no more, and nothing else; enter what was done.

    lessons  the names of those that there are
    """
    cases = course.notebooks / "cases"
    for path in sorted([*course.notebooks.glob("*.ipynb"), *cases.glob("*.json"), *course.answers.glob("*.json")]):
        if path.stem not in lessons and is_ours(path):
            changes.deleted.append(path)
            if write:
                path.unlink()


def is_ours(path: Path) -> bool:
    """Whether the builder wrote this file, and nobody has added to it or changed it since."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if path.suffix == ".ipynb":
            course, cells = document["metadata"]["course"], document["cells"]
            return course["lesson"] == path.stem and all(map(_is_untouched, cells))
        if path.parent.name == "cases":
            from course_lib.judging.exercise import read_public

            return read_public(path).name == path.stem
        return document["lesson"] == path.stem and isinstance(document["exercises"], dict)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _is_untouched(cell: dict) -> bool:
    return is_as_released(cell) and not cell.get("outputs") and not cell.get("attachments")


# ---- equal in meaning


def same(path: Path, text: str) -> bool:
    """Whether a file says what `text` says: a notebook to the letter, numbers in JSON as closely as the judge looks."""
    try:
        there = path.read_text(encoding="utf-8")
        if there == text or path.suffix == ".ipynb":
            return there == text
        from course_lib.judging.exercise import unpacked

        return same_document(unpacked(there), unpacked(text))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def same_document(a: Any, b: Any) -> bool:
    """Whether two JSON documents, with values in the form of `wire`, are equal but for the last digits of numbers."""
    if isinstance(a, dict) and isinstance(b, dict):
        if set(a) == set(b) == {"tensor"}:
            return _same_tensor(a, b)
        return list(a) == list(b) and all(same_document(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_document, a, b))
    if isinstance(a, float) and isinstance(b, float):
        from course_lib.judging.compare import compare

        return compare(a, b) is True
    return type(a) is type(b) and a == b


def _same_tensor(a: dict, b: dict) -> bool:
    if a == b:
        return True
    from course_lib.judging import wire
    from course_lib.judging.compare import close_numbers

    one, other = wire.decode(a), wire.decode(b)
    return one.dtype == other.dtype and one.shape == other.shape and bool(close_numbers(one, other).all())
