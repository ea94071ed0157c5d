"""What the tests share: a small lesson with one exercise of each kind, read, built, solved and handed in."""

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
import torch

SAMPLE = Path(__file__).parent / "lessons" / "90_sample.py"


@pytest.hookimpl(wrapper=True)
def pytest_collect_file():
    """`--doctest-modules` is for the packages: no file of tests is imported to look for examples in it."""
    return [collector for collector in (yield) if type(collector) is pytest.Module]


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device, and this machine has none")


@pytest.fixture(scope="session")
def sample_path() -> Path:
    """The lesson file `90_sample.py`, which the tests of the engine share."""
    return SAMPLE


@pytest.fixture(scope="session")
def sample():
    """The sample lesson, read."""
    from autograder.authoring.lesson import read_lesson

    return read_lesson(SAMPLE)


@pytest.fixture(scope="session")
def reference(sample):
    """The sample lesson's references, executed."""
    from autograder.authoring.reference import Reference

    return Reference(sample)


@pytest.fixture(scope="session")
def graded(sample):
    """The sample lesson, ready for grading with seed 1."""
    from autograder.grading.prepare import Limits, prepare

    return prepare(sample, 1, Limits(cell=4.0, case=1.5, idle=2.0))


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """The folder `notebooks/` of a course, to which the sample lesson was built."""
    from autograder.authoring.build import build
    from course_lib.course_folder import CourseFolder

    course = CourseFolder(tmp_path_factory.mktemp("course"))
    for path, text in build(SAMPLE, course).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return course.notebooks


@pytest.fixture(scope="session")
def solved(sample):
    """A function that returns the sample notebook as a student hands it in: solved, but for the exercises named.

    solved(entropy="def entropy(p): ...", draw=None): None leaves a stub
    """
    from autograder.authoring.build import student_notebook
    from course_lib.judging.exercise import ExerciseId

    def fill(**instead: str | None) -> nbformat.NotebookNode:
        notebook = student_notebook(sample)
        for cell in notebook.cells:
            course = cell.metadata.get("course", {})
            if course.get("role") in ("exercise", "answer"):
                exercise = sample.exercises[ExerciseId(course["exercise"]).name]
                source = instead.get(exercise.check.name, exercise.reference)
                cell.source = cell.source if source is None else source
        return notebook

    return fill


@pytest.fixture(scope="session")
def busy():
    """A context in which other processes, sixteen if nothing else is said, want this machine's processors."""

    @contextmanager
    def crowd(processes: int = 16):
        others = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(processes)]
        try:
            yield
        finally:
            for other in others:
                other.kill()
                other.wait()

    return crowd


@pytest.fixture(scope="session")
def sandbox() -> str:
    """What this machine can shut a student's process in with: "auto", or "none"."""
    from autograder.sandbox.session import SandboxUnavailable, Session

    try:
        with Session(frozenset(), "auto"):
            return "auto"
    except SandboxUnavailable:
        return "none"


@pytest.fixture
def solutions(tmp_path) -> Path:
    """A folder like `solutions/` with the sample lesson in it."""
    folder = tmp_path / "solutions"
    folder.mkdir()
    shutil.copy(SAMPLE, folder)
    return folder


@pytest.fixture(scope="session")
def hand_in():
    """A function that writes a notebook, text or bytes where a student's submission lies; returns the file's path."""

    def write(submitted: Path, student: str, content, lesson: str = "90_sample", name: str = "") -> Path:
        path = submitted / student / lesson / (name or f"{lesson}.ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, nbformat.NotebookNode):
            content = nbformat.writes(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
