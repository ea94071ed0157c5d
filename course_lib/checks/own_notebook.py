"""The notebook that a kernel runs, and whether its lesson is of the version whose public cases are here.

Jupyter's server tells a kernel the notebook's path, and so does VS Code. Elsewhere it is not known: nothing is said.
"""

import os
from pathlib import Path
from typing import Any

from course_lib.judging.exercise import PublicLesson
from course_lib.work.notebook_file import Unreadable, read

_told: set[str] = set()  # lessons


def remark_on_version(lesson: PublicLesson, names: dict[str, Any]) -> str:
    """Return a sentence, once for each lesson, when the notebook's version of it is another than the one here; else "".

    lesson  whose public cases are used
    names   the notebook's names
    """
    version = version_of(own_notebook(names), lesson.name)
    if version in ("", lesson.version) or lesson.name in _told:
        return ""
    _told.add(lesson.name)
    return (
        f"This notebook's version of the lesson, {version}, is unknown here: the course that is installed has "
        f"{lesson.version}, and checks by that. If an exercise reads otherwise than its check, take the notebook of "
        "the installed course, or install the course that your notebook comes from."
    )


def own_notebook(names: dict[str, Any]) -> Path | None:
    """Return the path of the notebook whose names these are, or None where nobody has told it."""
    told = names.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    return Path(told) if isinstance(told, str) and told.endswith(".ipynb") else None


def version_of(notebook: Path | None, lesson: str) -> str:
    """Return the version that a notebook of this lesson ("01_information") was built as; "" where it says none."""
    try:
        course = read(notebook)[1]["metadata"].get("course") if notebook else None
    except Unreadable:
        return ""
    version = course.get("version") if isinstance(course, dict) and course.get("lesson") == lesson else None
    return version if isinstance(version, str) else ""
