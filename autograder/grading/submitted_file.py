"""The file that was handed in: found in a submission's folder, also under another name, and read once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nbformat.notebooknode import NotebookNode

from autograder.grading.archive import notebooks_in_archive
from autograder.grading.plain_text import printable
from autograder.grading.refusal import NotGradable
from autograder.grading.regular_file import Names, names_in, opened_folder, opened_inside, read_file
from autograder.grading.submission import Submission, parse_submission

MAX_BYTES = 200 * 2**20  # nearly all of such a file is old outputs, which are not read
MAX_ARCHIVE = 50 * 2**20
_OTHER_ENDINGS = (".ipynb.txt", ".ipynb.json", ".json")
_CHECKPOINTS = ".ipynb_checkpoints"


def read_submission(student: str, lesson: str, folder: Path, release: NotebookNode) -> Submission:
    """Return the submission that is in a folder. Raises NotGradable like its two steps."""
    data, notes = take_notebook(folder, lesson)
    return parse_submission(student, lesson, data, notes, release)


def take_notebook(folder: Path, lesson: str) -> tuple[bytes, list[str]]:
    """Return the bytes of the notebook in a submission's folder, and notes. Raises NotGradable with the reason."""
    wanted = f"{lesson}.ipynb"
    with opened_folder(folder) as descriptor:
        names = names_in(descriptor)
        if wanted in (*names.files, *names.folders, *names.others):
            return read_file(descriptor, wanted, MAX_BYTES), []
        found = _choose(descriptor, names, lesson)
        data = found.read()
    return data, [f"The notebook is called {found.shown}, not {wanted}; it was graded all the same."]


@dataclass(frozen=True)
class _Candidate:
    """A file that may be the notebook. place: the names that lead to it; read: returns its bytes."""

    place: tuple[str, ...]
    read: Callable[[], bytes]

    @property
    def shown(self) -> str:
        return printable("/".join(self.place))

    def is_called(self, lesson: str) -> bool:
        name = self.place[-1].casefold()
        return name.split(".ipynb")[0].removesuffix("-checkpoint") == lesson.casefold()


def _choose(folder: int, names: Names, lesson: str) -> _Candidate:
    """Return the only candidate, or the only one with the lesson's name; the likeliest places come first."""
    for look in (_beside, _elsewhere, _checkpoints):
        candidates = list(look(folder, names))
        called = [candidate for candidate in candidates if candidate.is_called(lesson)]
        for some in (called, candidates):
            if len(some) == 1:
                return some[0]
        if candidates:
            shown = ", ".join(candidate.shown for candidate in candidates[:5])
            more = " …" if len(candidates) > 5 else ""
            raise NotGradable(
                f"There is no {lesson}.ipynb, and more than one other notebook to choose from: {shown}{more}. "
                "Hand in the one that counts."
            )
    raise NotGradable(f"There is no notebook {lesson}.ipynb in the submission.")


def _beside(folder: int, names: Names) -> Iterator[_Candidate]:
    """Yield the notebooks under other names, as `.IPYNB`."""
    for name in _visible(names.files):
        if name.casefold().endswith(".ipynb"):
            yield _file(folder, name)


def _elsewhere(folder: int, names: Names) -> Iterator[_Candidate]:
    """Yield what a browser gave another ending, what is one folder deeper, and what is in an archive."""
    for name in _visible(names.files):
        if name.casefold().endswith(_OTHER_ENDINGS):
            yield _file(folder, name)
        elif name.casefold().endswith(".zip"):
            for inside, read in notebooks_in_archive(name, read_file(folder, name, MAX_ARCHIVE), MAX_BYTES):
                yield _Candidate((name, inside), read)
    for name in _visible(names.folders):
        with opened_inside(folder, name) as inner:
            files = names_in(inner).files
        for file in _visible(files):
            if file.casefold().endswith(".ipynb"):
                yield _file(folder, name, file)


def _checkpoints(folder: int, names: Names) -> Iterator[_Candidate]:
    """Yield the copies that Jupyter made of notebooks that are not there."""
    if _CHECKPOINTS in names.folders:
        with opened_inside(folder, _CHECKPOINTS) as inner:
            files = names_in(inner).files
        for file in _visible(files):
            if file.endswith("-checkpoint.ipynb"):
                yield _file(folder, _CHECKPOINTS, file)


def _visible(names: list[str]) -> list[str]:
    """Return the names but for those of files that tools leave behind."""
    return [name for name in names if not name.startswith(".") and name != "__MACOSX"]


def _file(folder: int, *place: str) -> _Candidate:
    def read() -> bytes:
        if len(place) == 1:
            return read_file(folder, place[0], MAX_BYTES)
        with opened_inside(folder, place[0]) as inner:
            return read_file(inner, place[1], MAX_BYTES)

    return _Candidate(place, read)
