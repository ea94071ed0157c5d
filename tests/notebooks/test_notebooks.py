"""The student notebooks: what solutions/ builds to, valid for nbgrader, right with the references, and true.

`tests/learner` runs them as students get them.
"""

import os
import re
from functools import lru_cache
from pathlib import Path

import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator

from autograder.authoring.build import build
from autograder.authoring.built import same
from autograder.authoring.claims import findings_of
from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.authoring.run_through import run_through
from autograder.authoring.verify import verify
from course_lib.course_folder import CourseFolder

ROOT = Path(__file__).resolve().parents[2]
LESSONS = find_lessons(ROOT / "solutions")
FULL = bool(os.environ.get("COURSE_FULL"))  # `make full`: the whole training length, as learners run it
lesson_of = lru_cache(read_lesson)
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


@every_lesson
def test_the_committed_notebook_is_what_the_solution_builds_to(path: Path):
    for file, text in build(path, CourseFolder(ROOT)).items():
        assert same(file, text), f"run `autograder build {path.stem}`"


def test_there_is_no_notebook_without_a_solution():
    assert {p.stem for p in (ROOT / "notebooks").glob("*.ipynb")} == {p.stem for p in LESSONS}


def test_no_built_file_is_larger_than_the_commit_hook_allows():
    files = [path for path in (ROOT / "notebooks").rglob("*") if path.is_file()]
    assert {path.name: path.stat().st_size for path in files if path.stat().st_size >= 600_000} == {}


@every_lesson
def test_the_notebook_is_valid_for_nbgrader_and_has_no_outputs(path: Path):
    notebook = nbformat.read(ROOT / "notebooks" / f"{path.stem}.ipynb", as_version=4)
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)


@pytest.mark.slow
@every_lesson
def test_every_check_tells_right_from_wrong(path: Path):
    failing = [trial for trial in verify(lesson_of(path)) if not trial.holds]
    assert failing == []


@every_lesson
def test_a_cell_fits_on_a_projector(path: Path):
    lesson = lesson_of(path)
    demos = [cell for cell in lesson.cells if cell.kind in ("demo", "setup") and not cell.markdown]
    long = [f"{path}:{cell.line}" for cell in demos if cell.source.count("\n") >= 25]
    assert long == []


@every_lesson
def test_links_to_other_lessons_lead_somewhere(path: Path):
    linked = re.findall(r"\]\((\d\d_\w+\.ipynb)\)", path.read_text(encoding="utf-8"))
    assert [name for name in linked if not (ROOT / "notebooks" / name).is_file()] == []


def test_no_term_is_explained_in_two_lessons():
    places: dict[str, list[str]] = {}
    for path in LESSONS:
        for term in lesson_of(path).terms:
            places.setdefault(term.casefold(), []).append(path.stem)
    assert {term: lessons for term, lessons in places.items() if len(lessons) > 1} == {}


def _verdicts(notebook) -> dict[str, str]:
    """The verdict that each check cell shows."""
    shown = {}
    for cell in notebook.cells:
        if cell.metadata.get("course", {}).get("role") == "check":
            html = "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
            found = re.search(r'data-verdict="([^"]*)"', html)
            shown[cell.metadata["course"]["exercise"]] = found[1] if found else f"nothing: {cell.outputs}"
    return shown


@pytest.mark.slow
@every_lesson
def test_with_the_reference_every_check_passes_and_every_claim_in_the_prose_holds(path: Path, tmp_path: Path):
    notebook = run_through(lesson_of(path), CourseFolder(ROOT), tmp_path, FULL)  # kept: tests of slides read it
    shown = _verdicts(notebook)
    assert shown and set(shown.values()) == {"passed"}
    assert findings_of(notebook.cells[-1]) == []  # on the short budget: every expression can be evaluated
