"""Building: the same bytes every time, accepted by nbgrader, and nothing in a student's hands that answers."""

import json
import shutil

import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator

from autograder.authoring.build import build, student_notebook
from autograder.authoring.lesson import read_lesson
from autograder.authoring.release import release
from course_lib.checks.public import read_public
from course_lib.course_folder import CourseFolder
from course_lib.work.__main__ import main as work

# what stands only in references, mistakes, model answers, rubrics and remarks to the teacher
SECRETS = (
    "reference_word", "mistaken_word", "clamp_max", "nn.Parameter(", "nothing to average", "counts[id] += 1", "randint",
    "no odd factor", "derivatives are simple", "marzipan", "0.6931", 'which_log = "b"', "BEGIN SOLUTION", "STARTER",
)  # fmt: skip


@pytest.fixture(scope="module")
def notebook(built):
    return nbformat.read(built / "90_sample.ipynb", as_version=4)


def role(cell):
    return cell.metadata["course"]["role"]


def test_building_twice_gives_the_same_bytes(sample_path, built):
    for path, text in build(sample_path, CourseFolder(built.parent)).items():
        assert path.read_text(encoding="utf-8") == text


def test_nbformat_and_nbgrader_accept_the_notebook(notebook):
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)


def test_no_cell_has_run(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_each_exercise_is_a_stub_with_a_locked_check_that_carries_the_points(notebook, sample):
    cells = {cell.metadata["nbgrader"]["grade_id"]: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    for exercise in sample.exercises.values():
        check, id = exercise.check, exercise.check.id.grade_id
        marks = cells[id].metadata["nbgrader"]
        assert marks["grade"] and marks["points"] == check.points
        if check.kind == "text":
            assert marks["solution"] and cells[id].cell_type == "markdown"
            continue
        assert marks["locked"] and not marks["solution"] and cells[id].source == f'check("{check.id}")'
        assert cells[id].metadata["deletable"] is False and cells[id].metadata["editable"] is False
        stub = cells[f"{id}-answer"]
        assert stub.source == check.stub and stub.metadata["nbgrader"]["solution"]
        assert notebook.cells.index(cells[id]) == notebook.cells.index(stub) + 1


def test_the_notebook_holds_no_solution_no_mistake_and_no_remark_to_the_teacher(built):
    text = (built / "90_sample.ipynb").read_text(encoding="utf-8")
    sources = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
    assert [secret for secret in SECRETS if secret in text or secret in sources] == []


def test_the_public_case_file_holds_outcomes_and_hints_and_no_code(built, sample):
    text = (built / "cases" / "90_sample.json").read_text(encoding="utf-8")
    assert [secret for secret in SECRETS if secret in text] == []
    public = read_public(built / "cases" / "90_sample.json")
    cases = public.exercises["sample.entropy"].cases
    assert [mistake.name for mistake in cases.mistakes] == ["bits", "nan_at_zero"]
    assert len(cases.cases) == len(cases.expected) == len(cases.mistakes[0].outcomes) == 3
    every = [
        o
        for e in public.exercises.values()
        if e.cases
        for o in e.cases.expected + sum((m.outcomes for m in e.cases.mistakes), ())
    ]
    assert all(outcome.complaint == "" for outcome in every)
    for name in ("which_log", "nats_in_a_bit", "why_nats"):
        assert public.exercises[f"sample.{name}"].cases is None


def test_a_public_case_file_comes_back_as_it_was_written(built, sample):
    public = read_public(built / "cases" / "90_sample.json")
    assert {id: entry.exercise for id, entry in public.exercises.items()} == {
        exercise.check.id: exercise.check for exercise in sample.exercises.values()
    }


def test_the_answers_file_holds_references_model_answers_and_rubrics(built):
    entries = json.loads((built.parent / "answers" / "90_sample.json").read_text(encoding="utf-8"))["exercises"]
    assert "reference_word" in entries["sample.entropy"]["answer"]
    assert "no odd factor" in entries["sample.why_nats"]["answer"]
    assert "derivatives are simple" in entries["sample.why_nats"]["rubric"]
    assert entries["sample.which_log"]["cases"]["expected"][0]["value"] == "b"


def test_docstring_and_starter_reach_the_student(notebook):
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "0·log 0 counts as 0" in text
    assert "counts[id] = 1" in text
    assert 'which_log = None  # your answer: "a", "b", "c"' in text


def test_headings_make_slides(notebook):
    by_text = {cell.source.split("\n")[0]: cell.metadata["slideshow"]["slide_type"] for cell in notebook.cells}
    assert by_text["# Does the engine work?"] == by_text["## Functions"] == "slide"
    assert by_text["### Exercise · Affine"] == "subslide"
    assert by_text['check("sample.entropy")'] == "skip"


def test_cell_ids_are_unique_and_stay_when_a_cell_is_inserted_before(sample_path, tmp_path, notebook):
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    text = sample_path.read_text(encoding="utf-8")
    inserted = text.replace("# %%\ncoin", "# %%\nnew_demo = 1\n\n# %%\ncoin", 1)
    path = tmp_path / "90_sample.py"
    path.write_text(inserted, encoding="utf-8")
    changed = student_notebook(read_lesson(path))
    new = {cell.id for cell in changed.cells}
    assert len(new) == len(ids) + 1 and new > set(ids)


def test_equal_cells_have_different_ids(sample_path, tmp_path):
    path = tmp_path / "90_sample.py"
    path.write_text(sample_path.read_text(encoding="utf-8") + 3 * "\n# %%\nprint(1)\n", encoding="utf-8")
    ids = [cell.id for cell in student_notebook(read_lesson(path)).cells]
    assert len(set(ids)) == len(ids)


# ---- what a student gets


@pytest.fixture(scope="module")
def given(built, tmp_path_factory):
    """A released copy of a small course: the sample lesson and a library of one file."""
    root = tmp_path_factory.mktemp("root")
    (root / "notebooks").symlink_to(built)
    (root / "course_lib" / "__pycache__").mkdir(parents=True)
    (root / "course_lib" / "x.py").write_text("")
    (root / "course_lib" / "__pycache__" / "x.pyc").write_text("")
    (root / "solutions").mkdir()
    (root / "pyproject.toml").write_text("")
    to = root / "to" / "students"
    release(root, ["90_sample"], to)
    return to


def test_the_released_folder_holds_notebooks_cases_and_library(given):
    files = {str(path.relative_to(given)) for path in given.rglob("*") if path.is_file()}
    assert files == {
        "README.md",
        "notebooks/90_sample.ipynb",
        "notebooks/cases/90_sample.json",
        "course_lib/x.py",
        "pyproject.toml",
    }


def test_the_released_readme_names_the_command_that_the_released_library_has(given):
    readme = (given / "README.md").read_text(encoding="utf-8")
    assert "python -m course_lib.work\n" in readme and ".venv\\Scripts\\python -m course_lib.work\n" in readme


def test_in_a_released_folder_the_command_copies_the_lessons_to_work(given, tmp_path, capsys):
    shutil.copytree(given, tmp_path / "the course")
    assert work(["--course", str(tmp_path / "the course")]) == 0
    assert capsys.readouterr().out == "work/90_sample.ipynb: copied\n"
    assert (tmp_path / "the course" / "work" / "90_sample.ipynb").is_file()


def test_nothing_in_the_released_folder_answers(given):
    for path in given.rglob("*"):
        if path.is_file() and "course_lib" not in path.parts:
            text = path.read_text(encoding="utf-8")
            assert [secret for secret in SECRETS if secret in text] == [], path


def test_a_folder_that_is_not_empty_is_refused(given, built):
    with pytest.raises(ValueError, match="not empty"):
        release(built.parent, ["90_sample"], given)


def test_a_lesson_that_was_not_built_is_refused(tmp_path):
    with pytest.raises(ValueError, match="autograder build 90_sample"):
        release(tmp_path, ["90_sample"], tmp_path / "to")
