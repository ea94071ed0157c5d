"""What a student gets: notebooks, public cases and `course_lib`, and nothing that answers."""

import shutil
from pathlib import Path

ALSO = ("pyproject.toml", "constraints.txt", "environment.yml")


def release(root: Path, lessons: list[str], to: Path) -> list[Path]:
    """Copy these lessons for students; return what was written at the top of the folder.

    root     the course's own folder
    lessons  names like "01_information"
    to       a new or empty folder

    Raises ValueError when the folder is not empty or a lesson has not been built.
    """
    if to.exists() and any(to.iterdir()):
        raise ValueError(f"{to} is not empty; release to a new folder, so that nothing old is left in it.")
    for lesson in lessons:
        notebook, cases = root / "notebooks" / f"{lesson}.ipynb", root / "notebooks" / "cases" / f"{lesson}.json"
        if not (notebook.is_file() and cases.is_file()):
            raise ValueError(f"{lesson} has not been built: run `autograder build {lesson}` first.")
        (to / "notebooks" / "cases").mkdir(parents=True, exist_ok=True)
        shutil.copy(notebook, to / "notebooks")
        shutil.copy(cases, to / "notebooks" / "cases")
    shutil.copytree(root / "course_lib", to / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ALSO:
        if (root / name).is_file():
            shutil.copy(root / name, to / name)
    return sorted(to.iterdir())
