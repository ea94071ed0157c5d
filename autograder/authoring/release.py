"""What a student gets: notebooks, public cases, `course_lib` and how to start; nothing that answers."""

import shutil
from pathlib import Path

import nbformat

from autograder.authoring.hand_in import read_hand_in
from autograder.authoring.hand_in_text import with_hand_in
from course_lib.wrong_usage import WrongUsage

ALSO = ("pyproject.toml", "constraints.txt", "environment.yml", "LICENSE", "LICENSE-CONTENT")
README = """\
# The lessons of your course

You need Python 3.11 or newer, and a connection to the internet for the first step. Open a terminal in this folder.

## Once: install

On Windows:

    py -m venv .venv
    .venv\\Scripts\\python -m pip install -c constraints.txt -e ".[learner]"

On macOS and Linux:

    python3 -m venv .venv
    .venv/bin/python -m pip install -c constraints.txt -e ".[learner]"

## Each time: work

On Windows:

    .venv\\Scripts\\python -m course_lib.work
    .venv\\Scripts\\jupyter lab work/

On macOS and Linux:

    .venv/bin/python -m course_lib.work
    .venv/bin/jupyter lab work/

The first command copies each notebook to the folder `work`, where you work on it and which is yours. The notebooks in
`notebooks` stay as they are; nobody needs to open them.

## When you get a new version of this folder

Put the new files in the place of the old ones, keep the folder `work`, and start as above. The first command then puts
the new version into your notebooks: your answers and your own cells stay, and the notebook as it was is kept in
`work/before`. It says what it did for each notebook.
"""


def release(root: Path, lessons: list[str], to: Path) -> list[Path]:
    """Copy these lessons for students; return what was written at the top of the folder.

    Each notebook ends in how to hand it in where `hand-in.toml`, in the course's folder, says how.

    root     the course's own folder
    lessons  names like "01_information"
    to       a new or empty folder

    Raises WrongUsage when the folder is not empty, a lesson has not been built, or `hand-in.toml` is wrong.
    """
    class_ = read_hand_in(root, [path.stem for path in (root / "notebooks").glob("*.ipynb")])
    if to.exists() and any(to.iterdir()):
        raise WrongUsage(f"{to} is not empty; release to a new folder, so that nothing old is left in it.")
    for lesson in lessons:
        notebook, cases = root / "notebooks" / f"{lesson}.ipynb", root / "notebooks" / "cases" / f"{lesson}.json"
        if not (notebook.is_file() and cases.is_file()):
            raise WrongUsage(f"{lesson} has not been built: run `autograder build {lesson}` first.")
        (to / "notebooks" / "cases").mkdir(parents=True, exist_ok=True)
        if class_.by:
            made = with_hand_in(nbformat.reads(notebook.read_text(encoding="utf-8"), as_version=4), lesson, class_)
            (to / "notebooks" / notebook.name).write_text(nbformat.writes(made) + "\n", encoding="utf-8")
        else:
            shutil.copy(notebook, to / "notebooks")
        shutil.copy(cases, to / "notebooks" / "cases")
    shutil.copytree(root / "course_lib", to / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ALSO:
        if (root / name).is_file():
            shutil.copy(root / name, to / name)
    (to / "README.md").write_text(README, encoding="utf-8")
    return sorted(to.iterdir())
