"""Lessons that are as they were when they were last built, or verified: known by content, without running anything.

The content is all that decides: the lesson file, the record of its mutants, the engine, what is installed, and those
modules of `course_lib` that the lesson or the engine can reach. An edit elsewhere in the library changes nothing here.
"""

from pathlib import Path
from typing import Any

import autograder
from autograder.authoring.kept import Kept, digest_of, machine
from autograder.authoring.reach import Library
from course_lib import store
from course_lib.course_folder import CourseFolder

ROOMS = ("authoring", "sandbox")  # of the engine: what builds and verifies


class Unchanged:
    """What one command found of lessons, in the user's own folder of the course."""

    def __init__(self, command: str) -> None:
        """Read the engine and the library as they are now.

        command  "build" or "verify": each knows nothing of what the other found
        """
        self._command, self._library = command, Library()
        self._kept = Kept(store.folder() / "autograder")
        engine = Path(autograder.__path__[0])
        files = sorted(
            file for room in ROOMS for file in (engine / room).rglob("*") if file.suffix in (".py", ".jinja")
        )
        texts = [file.read_text(encoding="utf-8") for file in files]
        self._engine = digest_of(texts, self._library.content("\n".join(texts)))

    def found(self, lesson: Path) -> Any:
        """Return what was noted of a lesson file that has the same content now; None when there is nothing."""
        return self._kept.load(self._key(lesson))

    def note(self, lesson: Path, found: Any) -> None:
        """Note what was found of a lesson file as it is now: a JSON document."""
        self._kept.save(self._key(lesson), found)

    def _key(self, lesson: Path) -> str:
        record, text = lesson.parent / "mutants" / f"{lesson.stem}.json", lesson.read_text(encoding="utf-8")
        slips = record.read_bytes() if record.is_file() else b""
        return digest_of(self._command, lesson.name, text, slips, machine(), self._engine, self._library.content(text))


def as_built(known: Unchanged, lesson: Path, course: CourseFolder) -> bool:
    """Whether a lesson's files, and all that they are built from, are as they were after its last build."""
    found = known.found(lesson)
    return found is not None and found == _digests(lesson, course)


def note_built(known: Unchanged, lesson: Path, course: CourseFolder) -> None:
    """Note that the files of a lesson are what it builds to."""
    known.note(lesson, _digests(lesson, course))


def _digests(lesson: Path, course: CourseFolder) -> list[str]:
    notebook, data = f"{lesson.stem}.ipynb", f"{lesson.stem}.json"
    files = [course.notebooks / notebook, course.notebooks / "cases" / data, course.answers / data]
    return [digest_of(file.read_bytes()) if file.is_file() else "" for file in files]
