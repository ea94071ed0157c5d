"""Recognising what is not nbgrader's layout: folders the wrong way round, downloads, archives."""

import re
import zipfile
from collections.abc import Collection
from pathlib import Path

from autograder.classroom.places import ARCHIVES, find_submissions
from autograder.grading.plain_text import printable

_EXPECTED = "`grade` reads STUDENT/LESSON/LESSON.ipynb"
# How a file is called there, as seen from the download; and what `nbgrader zip_collect` takes from its path.
_MOODLE = re.compile(r"[^/]+_\d+_assignsubmission_(file|onlinetext)_?(/|$)")
_CANVAS = re.compile(r"[^/_]+_(LATE_)?\d+_\d+_[^/]*\.ipynb$")
_FROM_MOODLE = r".*/(?P<student_id>[^/]+_\d+)_assignsubmission_file_?/(?P<file_id>.+)"
_FROM_CANVAS = r".*/[^/_]+_(?:LATE_)?(?P<student_id>\d+)_\d+_(?P<file_id>[^/]+)"


def other_layout(submitted: Path, known: Collection[str]) -> str:
    """Return what `submitted` is instead of a folder of submissions, and what to do; "" when it may well be one.

    known  the names of all lessons
    """
    if not submitted.is_dir():
        return _no_folder(submitted, known)
    paths = [*submitted.iterdir(), *submitted.glob("*_assignsubmission_*/*")]
    names = sorted(printable(path.relative_to(submitted).as_posix()) for path in paths)
    places = find_submissions(submitted, known)
    sentence = _download(submitted, names, known)
    if any(place.lesson in known for place in places):
        return sentence if any(map(_MOODLE.match, names)) else ""  # files from Canvas beside them are named by `grade`
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
            if sentence := _download(path, sorted(archive.namelist()), known):
                return sentence
    if path.name.lower().endswith(ARCHIVES):
        return f"{path} is an archive: {_unpack(path, path.with_suffix(''))}"
    return f"{path} is a file, not a folder."


def _unpack(archive: Path, to: Path) -> str:
    command = f"python -m zipfile -e {archive} {to}" if archive.suffix.lower() == ".zip" else f"tar -xf {archive}"
    return (
        f"unpack it (`{command}`) so that there is a folder in which {_EXPECTED.removeprefix('`grade` reads ')} lies."
    )


def _download(path: Path, names: list[str], known: Collection[str]) -> str:
    """Return what to do with a download whose files or folders are called so; "" when it is none."""
    for system, pattern, regexp in (("Moodle", _MOODLE, _FROM_MOODLE), ("Canvas", _CANVAS, _FROM_CANVAS)):
        if found := list(filter(pattern.match, names)):
            lesson = next((lesson for lesson in sorted(known) if any(lesson in name for name in found)), "LESSON")
            return (
                f"{path} is a download from {system} ({found[0].rstrip('/')}), and {_EXPECTED}. nbgrader sorts it: "
                f"put the zip, or what is in it, into downloaded/{lesson}/archive/ in the course folder; run there\n"
                f"    nbgrader zip_collect {lesson} --FileNameCollectorPlugin.named_regexp='{regexp}'\n"
                "Then grade the folder `submitted` that it makes."
            )
    return ""
