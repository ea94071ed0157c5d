"""Notebook files: read with care, written whole, and kept aside before they change."""

import json
import os
import shutil
from datetime import datetime
from pathlib import Path

from course_lib.work.merge import Cell, Notebook


class Unreadable(Exception):
    """A file is no notebook that can be merged; the message says why, without its name."""


def read(path: Path) -> tuple[bytes, Notebook]:
    """Return a notebook (nbformat 4), as bytes and as a dict whose cells all have a type, a text and metadata.

    Raises Unreadable.
    """
    if path.is_dir():
        raise Unreadable("it is a folder, not a notebook")
    try:
        if not path.is_file():  # to open a pipe would be to wait for ever
            raise Unreadable("it is not a file")
        data = path.read_bytes()
    except OSError as problem:
        raise Unreadable(f"it cannot be opened ({problem.strerror})") from problem
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise Unreadable(f"it is not a whole notebook: broken JSON ({problem})") from problem
    if not (isinstance(notebook, dict) and isinstance(notebook.get("cells"), list)):
        raise Unreadable("it is JSON, but not a notebook of format 4")
    numbers = notebook.get("nbformat"), notebook.setdefault("nbformat_minor", 0)
    if numbers[0] != 4 or not isinstance(numbers[1], int):
        raise Unreadable(f"it is a notebook of format {numbers[0]}, not 4")
    if not isinstance(notebook.setdefault("metadata", {}), dict):
        raise Unreadable("its metadata are damaged")
    for number, cell in enumerate(notebook["cells"], start=1):
        if not _is_cell(cell):
            raise Unreadable(f"its cell {number} is damaged")
    return data, notebook


def _is_cell(cell: Cell) -> bool:
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        return False
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    return all(isinstance(line, str) for line in lines) and isinstance(cell.setdefault("metadata", {}), dict)


def to_bytes(notebook: Notebook) -> bytes:
    """Return a notebook as Jupyter writes it; half a character, which UTF-8 lacks, becomes an escape of JSON's."""
    text = json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return text.encode(errors="backslashreplace")


def write(path: Path, data: bytes) -> None:
    """Write a file so that whoever looks, at any time, finds the old content or the new, whole. Raises OSError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, part)
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def keep_aside(path: Path, data: bytes, folder: Path) -> Path:
    """Keep what a file contains under its name with date and time; return where. Nothing is ever overwritten.

    folder  where to; it is made if it is missing

    Raises OSError.
    """
    folder.mkdir(exist_ok=True)
    aside = _new_file(folder, f"{path.stem}_{datetime.now():%Y-%m-%d_%H-%M-%S}", path.suffix)
    try:
        write(aside, data)
    except BaseException:
        aside.unlink(missing_ok=True)  # it is empty
        raise
    return aside


def _new_file(folder: Path, stem: str, suffix: str) -> Path:
    """Make an empty file of this name, or with a number in it if the name is taken, whoever else does so meanwhile."""
    number = 1
    while True:
        path = folder / (f"{stem}_{number}{suffix}" if number > 1 else f"{stem}{suffix}")
        try:
            path.touch(exist_ok=False)
            return path
        except FileExistsError:
            number += 1
