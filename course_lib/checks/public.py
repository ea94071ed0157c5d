"""Finding a lesson's public cases, and its answers where this copy of the course has them."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from course_lib.course_folder import NoCourse, find_course
from course_lib.judging.exercise import PublicLesson, read_public


def folders(kind: str) -> list[Path]:
    """Return where files may be: beside the notebook, as nbgrader gives lessons out, else in the course's folder.

    kind  "cases" or "answers"
    """
    beside = Path.cwd() / kind
    try:
        course = find_course()
    except NoCourse:
        return [beside]
    return [beside, course.answers if kind == "answers" else course.notebooks / kind]


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
            f"The public cases of lesson “{lesson}” are neither beside the notebook nor in a course's folder "
            f"(looked in {looked}). Open the notebook from the folder `work` of the course, or let the environment "
            "variable COURSE name the folder that holds the course's `notebooks`, and restart the kernel."
        )
    return _read(found[0], found[0].stat().st_mtime_ns)


def answers(lesson: str) -> dict[str, dict[str, Any]]:
    """Return references and model answers by exercise id; {} when this copy of the course has none (in class)."""
    found = _files("answers", f"[0-9][0-9]_{lesson}.json")
    return json.loads(found[0].read_text(encoding="utf-8"))["exercises"] if found else {}


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> PublicLesson:
    return read_public(path)
