"""Telling what a notebook's cells were when they were given out: every cell that the builder writes carries a digest.

So a cell that somebody added or changed is known in any copy of a notebook, wherever it has been.
"""

import hashlib
from typing import Any


def digest(source: str) -> str:
    """Return the digest of a cell's text that its metadata carries, as `course.text`."""
    return hashlib.sha256(source.encode(errors="surrogatepass")).hexdigest()[:12]


def was_released(cell: dict[str, Any]) -> bool:
    """Whether a cell of a notebook (nbformat 4) came from the builder, changed since or not; a pasted copy counts."""
    return isinstance(_course(cell).get("text"), str)


def is_as_released(cell: dict[str, Any]) -> bool:
    """Whether a cell came from the builder and its text was not changed since."""
    source = cell.get("source", "")
    source = "".join(source) if isinstance(source, list) else source
    return _course(cell).get("text") == digest(source)


def released_role(cell: dict[str, Any]) -> str:
    """Return the role in which a cell came from the builder, or "" when somebody wrote it or changed its text."""
    role = _course(cell).get("role")
    return role if isinstance(role, str) and is_as_released(cell) else ""


def _course(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = cell.get("metadata")
    course = metadata.get("course") if isinstance(metadata, dict) else None
    return course if isinstance(course, dict) else {}
