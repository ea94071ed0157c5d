"""Recognising what is not nbgrader's layout: folders the wrong way round, downloads, archives."""

import shlex
import zipfile
from collections.abc import Collection
from pathlib import Path

from autograder.classroom.places import ARCHIVES, find_submissions
from autograder.classroom.schemes import SYSTEMS, origin
from autograder.grading.plain_text import printable

_EXPECTED = "`grade` reads STUDENT/LESSON/LESSON.ipynb"


def other_layout(submitted: Path, known: Collection[str]) -> str:
    """Return what `submitted` is instead of a folder of submissions, and what to do; "" when it may well be one.

    known  the names of all lessons
    """
    if not submitted.is_dir():
        return _no_folder(submitted, known)
    paths = [*submitted.iterdir(), *submitted.glob("*_assignsubmission_*/*")]
    names = sorted(printable(path.relative_to(submitted).as_posix()) for path in paths)
    places = find_submissions(submitted, known)
    sentence = _download(submitted, names)
    if any(place.lesson in known for place in places):
        # files from Canvas beside them are named by `grade`
        return sentence if any(_is_of("moodle", name) for name in names) else ""
    if turned := next((place for place in places if place.student in known), None):
        return sentence or (
            f"STUDENT and LESSON are the wrong way round in {submitted}: {_EXPECTED}, and there is "
            f"{turned.student}/{turned.lesson}. Move each to {turned.lesson}/{turned.student}."
        )
    if not sentence and not places and (archives := [name for name in names if name.lower().endswith(ARCHIVES)]):
        return f"{submitted} holds no folder, but an archive: {_unpack(submitted / archives[0], submitted)}"
    return sentence


def _no_folder(path: Path, known: Collection[str]) -> str:
    if not path.exists():
        return f"{path} is not a folder."
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sentence := _download(path, sorted(archive.namelist())):
                return sentence
    if path.name.lower().endswith(ARCHIVES):
        return f"{path} is an archive: {_unpack(path, path.with_suffix(''))}"
    return f"{path} is a file, not a folder."


def _unpack(archive: Path, to: Path) -> str:
    command = f"python -m zipfile -e {archive} {to}" if archive.suffix.lower() == ".zip" else f"tar -xf {archive}"
    return (
        f"unpack it (`{command}`) so that there is a folder in which {_EXPECTED.removeprefix('`grade` reads ')} lies."
    )


def _download(path: Path, names: list[str]) -> str:
    """Return what to do with a download whose files or folders are called so; "" when it is none."""
    for system in SYSTEMS:
        if found := [name for name in names if _is_of(system, name)]:
            shown = found[0].rstrip("/")
            command = f"autograder collect {shlex.quote(str(path))} --from {system}"
            return (
                f"{path} is a download from {system.capitalize()} ({shown}), and {_EXPECTED}. Sort it with\n"
                f"    {command}\nThen grade the folder `submitted` of the course."
            )
    return ""


def _is_of(system: str, name: str) -> bool:
    """Whether a system names a file so, and it is a notebook, an archive or a folder."""
    first = name.split("/")[0]
    return origin(system, [first]) is not None and (system != "canvas" or first.lower().endswith((".ipynb", ".zip")))
