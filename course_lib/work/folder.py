"""A learner's folder `work/`: each lesson is copied to it once, and from then on merged into the copy that is there.

Nothing in `work/` is deleted, and what belongs to no lesson is not touched.
"""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from course_lib.course_folder import CourseFolder
from course_lib.work.merge import Merged, Notebook, first_copy, is_made_from, merge
from course_lib.work.notebook_file import Unreadable, keep_aside, read, to_bytes, write

NOTEBOOKS = "[0-9][0-9]_*.ipynb"


class State(Enum):
    """What was done for a notebook."""

    COPIED = "copied"
    UP_TO_DATE = "up to date"
    RENEWED = "renewed"
    LEFT_ALONE = "left alone"


@dataclass(frozen=True)
class Renewal:
    """What was done for one notebook.

    notebook  its path in `work/`
    merged    for a renewed one, what the learner should know
    before    for a renewed one, where the notebook is kept as it was before
    problem   for one that was left alone, why, and what to do
    """

    notebook: Path
    state: State
    merged: Merged | None = None
    before: Path | None = None
    problem: str = ""


def renew(course: CourseFolder) -> list[Renewal]:
    """Bring every lesson of `notebooks/` into `work/` and return what was done for each, in order.

    Raises OSError when there is no folder `work/` and none can be made.
    """
    course.work.mkdir(exist_ok=True)
    return [_renew(released, course.work / released.name) for released in sorted(course.notebooks.glob(NOTEBOOKS))]


def _renew(released: Path, mine: Path) -> Renewal:
    try:
        _, new = read(released)
    except (Unreadable, OSError) as problem:
        return _left_alone(mine, released, problem, "Get it again from where the course came from.")
    try:
        return _copied(new, mine) or _merged(new, mine)
    except Unreadable as problem:
        return _left_alone(mine, mine, problem, "Repair it, or move it away and run this again for a new copy.")
    except OSError as problem:
        return _left_alone(mine, mine, problem, "Make sure that you may write there and that the disk is not full.")


def _copied(new: Notebook, mine: Path) -> Renewal | None:
    """Copy a lesson, unless something has its name already."""
    if mine.exists() or mine.is_symlink():
        return None
    write(mine, to_bytes(first_copy(new)))
    return Renewal(mine, State.COPIED)


def _merged(new: Notebook, mine: Path) -> Renewal:
    if mine.is_symlink():
        raise Unreadable("it is a link to another place")
    while True:
        data, notebook = read(mine)
        if is_made_from(notebook, new):
            return Renewal(mine, State.UP_TO_DATE)
        merged = merge(notebook, new)
        before = keep_aside(mine, data, mine.parent / "before")
        if mine.read_bytes() == data:  # otherwise Jupyter has just saved it: once more
            write(mine, to_bytes(merged.notebook))
            return Renewal(mine, State.RENEWED, merged, before)


def _left_alone(mine: Path, damaged: Path, problem: Exception, advice: str) -> Renewal:
    why = problem.strerror or str(problem) if isinstance(problem, OSError) else str(problem)
    return Renewal(mine, State.LEFT_ALONE, problem=f"{damaged.parent.name}/{damaged.name}: {why}. {advice}")
