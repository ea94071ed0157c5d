"""Where a course's folders are: the one place that decides it, for the checks in notebooks and for every command.

A course folder has lesson files in `solutions/` (teachers) or public cases in `notebooks/cases/` (everybody). It is the
one that is named (`--course DIR`), or the one that $COURSE names, or the nearest of the current folder and those above.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from course_lib.wrong_usage import WrongUsage

LESSON_FILES = "[0-9][0-9]_*.py"
CASE_FILES = "[0-9][0-9]_*.json"


class NoCourse(WrongUsage):
    """There is no course where one was expected; the message says where it was looked for, and what to do."""


@dataclass(frozen=True)
class CourseFolder:
    """A course on this disk, by the folder that holds it."""

    root: Path

    @property
    def solutions(self) -> Path:
        """What teachers edit; learners need not have it."""
        return self.root / "solutions"

    @property
    def notebooks(self) -> Path:
        """What `autograder build` makes of the lesson files, with the public cases in it."""
        return self.root / "notebooks"

    @property
    def answers(self) -> Path:
        """References and model answers, which a release leaves out."""
        return self.root / "answers"

    @property
    def work(self) -> Path:
        """A learner's own copy of the notebooks."""
        return self.root / "work"

    @property
    def is_course(self) -> bool:
        """Whether there is a course in this folder."""
        return any(self.solutions.glob(LESSON_FILES)) or any((self.notebooks / "cases").glob(CASE_FILES))


def find_course(named: Path | str | None = None, here: Path | None = None) -> CourseFolder:
    """Return the course folder.

    named  the folder that was asked for, or None to look for it
    here   where to begin to look, or None for the current folder

    Raises NoCourse when there is none.
    """
    if asked := named or os.environ.get("COURSE"):
        course = CourseFolder(Path(asked).expanduser().resolve())
        if not course.is_course:
            by = "" if named else " (named by the environment variable COURSE)"
            raise NoCourse(f"There is no course in {course.root}{by}: {_EXPECTED}.")
        return course
    here = here or Path.cwd()
    for folder in (here, *here.parents):
        if CourseFolder(folder).is_course:
            return CourseFolder(folder)
    raise NoCourse(
        f"There is no course in {here}, nor in any folder above it: {_EXPECTED}. "
        "Go to the course's folder, or name it with --course or the environment variable COURSE."
    )


_EXPECTED = "it would hold lesson files in `solutions/`, or `notebooks/` with the folder `cases` in it"
