"""Finding a lesson's public cases, and its answers where this copy of the course has them."""

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import course_lib
from course_lib.course_folder import NoCourse, find_course
from course_lib.judging.exercise import PublicLesson, read_public

_STARTED = Path.cwd()  # a notebook may go to another folder later


def folders(kind: str) -> list[Path]:
    """Return where files may be, the nearest first: beside the notebook, in the course's folder, in this library.

    kind  "cases" or "answers"; the library never has answers
    """
    return list(dict.fromkeys(_folders(kind)))


def _folders(kind: str) -> Iterator[Path]:
    for here in (Path.cwd(), _STARTED):
        yield here / kind  # as nbgrader gives lessons out
        with suppress(NoCourse):
            course = find_course(here=here)
            yield course.answers if kind == "answers" else course.notebooks / kind
    if kind == "cases":
        library = Path(course_lib.__file__).parent
        yield library / "cases"  # where the library was installed
        yield library.parent / "notebooks" / "cases"  # where it is the course's own folder (`pip install -e`)


def _files(kind: str, pattern: str) -> list[Path]:
    for folder in folders(kind):
        if found := sorted(folder.glob(pattern)):
            return found
    return []


def lessons() -> dict[str, PublicLesson]:
    """Return every lesson whose public case file is here, by file name ("01_information"), in order."""
    return {path.stem: _read(path, path.stat().st_mtime_ns) for path in _files("cases", "[0-9][0-9]_*.json")}


def find(lesson: str) -> PublicLesson:
    """Return the lesson called `information`. Raises FileNotFoundError, with what to do, when it is not here."""
    found = _files("cases", f"[0-9][0-9]_{lesson}.json")
    if not found:
        looked = " and ".join(map(str, folders("cases")))
        raise FileNotFoundError(
            f"The public cases of lesson “{lesson}” are neither beside the notebook, nor in a course's folder, nor in "
            f"the library (looked in {looked}). Is the library older than the notebook? Open the notebook from the "
            "folder `work` of its own course, or let the environment variable COURSE name the folder that holds the "
            "course's `notebooks`, and restart the kernel."
        )
    return _read(found[0], found[0].stat().st_mtime_ns)


def answers(lesson: str) -> dict[str, dict[str, Any]]:
    """Return references and model answers by exercise id; {} when this copy of the course has none (in class)."""
    found = _files("answers", f"[0-9][0-9]_{lesson}.json")
    return json.loads(found[0].read_text(encoding="utf-8"))["exercises"] if found else {}


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> PublicLesson:
    return read_public(path)
