"""Where submissions lie: nbgrader's layout STUDENT/LESSON/, and what students and tools make of it.

Whatever looks like a notebook that somebody handed in becomes a place, if need be one with a problem, so that it ends
in a record and nothing is passed over in silence.
"""

import hashlib
import os
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.grading.plain_text import plain_name, printable

MAX_CHARACTERS, MAX_BYTES = 128, 200
"""What the columns of nbgrader's gradebook hold, and what a file name does together with what we add to it."""

UNREADABLE = "(unreadable)"
"""What is recorded as the lesson of a student whose folder cannot be read."""

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
_SHORTENED = re.compile(r"~[0-9a-f]{20}$")


@dataclass(frozen=True)
class Place:
    """Where one submission lies.

    student, lesson  as they are recorded: see `recorded_name`
    notes            on what was not where it should be
    problem          why it is no submission, though it looks like one, or ""
    """

    student: str
    lesson: str
    folder: Path
    notes: tuple[str, ...] = ()
    problem: str = ""


def recorded_name(name: str) -> str:
    """Return the spelling under which a folder's name is recorded: the name itself, if it is plain and not too long.

    What acts in a page or a terminal is spelled out, see `plain_name`. A name that is too long for the gradebook is
    cut and ends in a digest of all of it. No two names have one spelling.
    """
    spelled = plain_name(name)
    if len(spelled) <= MAX_CHARACTERS and len(spelled.encode()) <= MAX_BYTES and not _SHORTENED.search(spelled):
        return spelled
    digest = hashlib.sha256(spelled.encode()).hexdigest()[:20]
    return f"{spelled.encode()[:100].decode(errors='ignore')}~{digest}"


def find_submissions(submitted: Path, known: Collection[str], wanted: Collection[str] = ()) -> list[Place]:
    """Return the submissions in nbgrader's layout STUDENT/LESSON/, ordered by student and lesson.

    known   the names of all lessons
    wanted  the lessons to return submissions for; () for all, and for what is named like none
    """
    # the folder of all submissions may be reached by a link, of which nothing below it may be one
    students = _folders(submitted.resolve()) if submitted.is_dir() else []
    places = [place for student in students for place in _of_student(student, frozenset(known))]
    return [place for place in places if not wanted or place.lesson in (*wanted, UNREADABLE)]


def lying_loose(submitted: Path) -> list[str]:
    """Return the names of notebooks and archives that lie in the folder of submissions and in no student's folder."""
    return [recorded_name(path.name) for path in sorted(submitted.iterdir()) if _is_handed_in(path)]


def _folders(place: Path) -> list[Path]:
    """Return the folders in a folder, in order, but for those that tools leave behind."""
    return sorted(path for path in place.iterdir() if path.is_dir() and not _is_left_behind(path))


def _is_left_behind(path: Path) -> bool:
    return path.name.startswith(".") or path.name == "__MACOSX"


def _is_handed_in(path: Path) -> bool:
    """Whether a file is a notebook under some name, or an archive."""
    name = path.name.lower()
    return (".ipynb" in name or name.endswith(ARCHIVES)) and not _is_left_behind(path) and not path.is_dir()


def _of_student(student: Path, known: frozenset[str]) -> list[Place]:
    name = recorded_name(student.name)
    try:
        folders, entries = _folders(student), sorted(student.iterdir())
    except OSError as problem:
        what = f"The folder {name} cannot be read ({os.strerror(problem.errno or 0)})."
        return [Place(name, UNREADABLE, student, problem=what)]
    places = [_in_folder(name, folder, _lesson_of(folder, folders, known)) for folder in folders]
    for path in filter(_is_handed_in, entries):
        _add_loose(places, name, path, known)
    return sorted(places, key=lambda place: place.lesson)


def _lesson_of(folder: Path, folders: list[Path], known: frozenset[str]) -> str:
    """Return the lesson that a folder is for; one in other capitals is taken where there is no other candidate."""
    if folder.name in known:
        return folder.name
    alike = [lesson for lesson in known if lesson.casefold() == folder.name.casefold()]
    rivals = [other for other in folders if other.name.casefold() == folder.name.casefold()]
    return alike[0] if len(alike) == len(rivals) == 1 else recorded_name(folder.name)


def _in_folder(student: str, folder: Path, lesson: str) -> Place:
    if lesson == recorded_name(folder.name):
        return Place(student, lesson, folder)
    note = f"The folder is called {printable(folder.name)}, not {lesson}; it was graded all the same."
    return Place(student, lesson, folder, (note,))


def _add_loose(places: list[Place], student: str, path: Path, known: frozenset[str]) -> None:
    """Add a notebook or archive that lies in the student's folder and in no lesson's.

    LESSON.ipynb is the submission where there is no other; else it is mentioned in the one that is graded.
    """
    name, lesson = recorded_name(path.name), path.name.removesuffix(".ipynb")
    rival = next((place for place in places if place.lesson == lesson), None)
    if lesson not in known:
        what = f"{name} lies in the student's folder and belongs to no lesson: expected STUDENT/LESSON/LESSON.ipynb."
        places.append(Place(student, name, path.parent, problem=what))
    elif rival is None:
        note = f"{name} was not in a folder {lesson}; it was graded all the same."
        places.append(Place(student, lesson, path.parent, (note,)))
    else:
        note = f"{name} beside the folder {printable(rival.folder.name)} was not looked at; what is in the folder was."
        places[places.index(rival)] = replace(rival, notes=(*rival.notes, note))
