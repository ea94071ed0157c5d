"""The file that was handed in: found in a submission's folder, and read."""

from pathlib import Path

from nbformat.notebooknode import NotebookNode

from autograder.grading.submission import NotGradable, Submission, parse_submission, printable

MAX_BYTES = 20 * 2**20


def read_submission(student: str, lesson: str, folder: Path, release: NotebookNode) -> Submission:
    """Return the submission that is in a folder. Raises NotGradable like its two steps."""
    data, notes = take_notebook(folder, lesson)
    return parse_submission(student, lesson, data, notes, release)


def take_notebook(folder: Path, lesson: str) -> tuple[bytes, list[str]]:
    """Return the bytes of the notebook in a submission's folder, and notes. Raises NotGradable with the reason."""
    path, notes = find_notebook(folder, lesson)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise NotGradable(f"The notebook has {size / 2**20:.0f} MB; at most {MAX_BYTES >> 20} MB are accepted.")
    return path.read_bytes(), notes


def find_notebook(folder: Path, lesson: str) -> tuple[Path, list[str]]:
    """Return the notebook in a submission's folder, and notes. Raises NotGradable when there is none to take."""
    wanted = folder / f"{lesson}.ipynb"
    if wanted.is_symlink() or folder.is_symlink() or folder.parent.is_symlink():
        raise NotGradable("The submitted file is a link to another place, not a notebook.")
    if wanted.is_file():
        return wanted, []
    if wanted.is_dir():
        raise NotGradable(f"{wanted.name} is a folder, not a notebook.")
    found = [path for path in sorted(folder.glob("*.ipynb")) if path.is_file() and not path.is_symlink()]
    if len(found) == 1:
        return found[0], [
            f"The notebook is called {printable(found[0].name)}, not {wanted.name}; it was graded all the same."
        ]
    if found:
        raise NotGradable(f"There is no {wanted.name}, and more than one other notebook to choose from.")
    raise NotGradable(f"There is no notebook {wanted.name} in the submission.")
