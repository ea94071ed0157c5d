"""Finding the public case files beside the notebooks, and the answers where this copy of the course has them."""

import json
import os
from functools import lru_cache
from pathlib import Path

from course_lib.checks.exercise import PublicLesson, read_public


def folders() -> list[Path]:
    """Return where `cases/` may lie: beside the notebook, in `notebooks/`, or where COURSE_NOTEBOOKS points."""
    roots = [Path.cwd(), Path.cwd() / "notebooks"]
    if named := os.environ.get("COURSE_NOTEBOOKS"):
        roots.insert(0, Path(named))
    return roots


def _files(kind: str, pattern: str) -> list[Path]:
    for root in folders():
        if found := sorted((root / kind).glob(pattern)):
            return found
    return []


def lessons() -> dict[str, PublicLesson]:
    """Return every lesson whose public case file is here, by file name ("01_information"), in order."""
    return {path.stem: _read(path, path.stat().st_mtime_ns) for path in _files("cases", "[0-9][0-9]_*.json")}


def find(lesson: str) -> PublicLesson:
    """Return the lesson called `information`. Raises FileNotFoundError, with what to do, when it is not here."""
    found = _files("cases", f"[0-9][0-9]_{lesson}.json")
    if not found:
        looked = ", ".join(str(folder / "cases") for folder in folders())
        raise FileNotFoundError(
            f"The public cases of lesson “{lesson}” are not here. The folder `cases` must lie beside the notebook. "
            f"Looked in: {looked}."
        )
    return _read(found[0], found[0].stat().st_mtime_ns)


def answers(lesson: str) -> dict[str, dict]:
    """Return references and model answers by exercise id; {} when this copy of the course has none (in class)."""
    found = _files("answers", f"[0-9][0-9]_{lesson}.json")
    return json.loads(found[0].read_text(encoding="utf-8"))["exercises"] if found else {}


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> PublicLesson:
    return read_public(path)
