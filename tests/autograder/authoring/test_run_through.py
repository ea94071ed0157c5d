"""A lesson that was run is kept, for as long as a run would show the same."""

import re

import pytest

import course_lib
from autograder.authoring import rendered
from autograder.authoring import run_through as module
from autograder.authoring.lesson import read_lesson
from autograder.authoring.run_through import kept, run_through
from autograder.authoring.slides import PARTS
from course_lib.course_folder import CourseFolder


@pytest.fixture(scope="module")
def run(sample, built, tmp_path_factory):
    """The sample lesson's notebook, run, and the course in which it is kept."""
    course = CourseFolder(built.parent)
    return run_through(sample, course, tmp_path_factory.mktemp("home"), full=False), course


def outputs(notebook):
    return [cell.get("outputs") for cell in notebook.cells]


@pytest.mark.slow
def test_it_is_run_with_its_solutions_and_what_it_showed_is_kept(sample, run):
    notebook, course = run
    assert "tensor(0.6931)" in str(outputs(notebook))
    again = kept(sample, course, full=False)
    assert outputs(again) == outputs(notebook) and again.cells == notebook.cells
    assert kept(sample, course, full=True) is None, "after short training, nobody knows what the whole length shows"


@pytest.mark.slow
def test_what_another_lesson_library_or_package_would_show_is_not_known(
    sample_path, sample, run, tmp_path, monkeypatch
):
    _, course = run
    changed = tmp_path / sample_path.name
    changed.write_text(sample_path.read_text().replace("coin = torch", "coin = 1 * torch"))
    assert kept(read_lesson(changed), course, full=False) is None

    cases = course.notebooks / "cases" / f"{sample.name}.json"
    before = cases.read_text()
    cases.write_text(before + " ")
    assert kept(sample, course, full=False) is None
    cases.write_text(before)
    assert kept(sample, course, full=False) is not None

    monkeypatch.setattr(module, "machine", lambda: "one with another torch")
    assert kept(sample, course, full=False) is None
    monkeypatch.undo()

    (tmp_path / "__init__.py").write_text("# another library")
    monkeypatch.setattr(course_lib, "__file__", str(tmp_path / "__init__.py"))
    assert kept(sample, course, full=False) is None


@pytest.mark.slow
def test_a_damaged_file_is_as_none(sample, run):
    _, course = run
    (file,) = (course.root / "build" / "lessons").glob("*.ipynb")
    whole = file.read_text(encoding="utf-8")
    for damaged in (whole[:-200], "", "{}", "[]", whole.replace('"run"', '"ran"', 1)):
        file.write_text(damaged, encoding="utf-8")
        assert kept(sample, course, full=False) is None
    file.write_text(whole, encoding="utf-8")
    assert kept(sample, course, full=False) is not None


@pytest.mark.slow
def test_a_page_shows_solutions_rubrics_and_outputs_and_needs_no_network(run, sample_path, tmp_path, capsys):
    _, course = run
    for path in PARTS.values():  # stand-ins for reveal.js and MathJax
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("/* mathematics </script> */")
    arguments = ["--course", str(course.root), "--solutions", str(sample_path.parent), "--to", str(tmp_path), "--short"]
    arguments += ["--parts", str(tmp_path)]
    assert rendered.main(arguments) == 0
    page = (tmp_path / "90_sample.html").read_text(encoding="utf-8")
    assert "tensor(0.6931)" in page and "reference_word" in page and "_claims" not in page
    assert "derivatives are simple" in page and "Write your answer here" not in page, "a text has answer and rubric"
    assert "/* mathematics" in page and not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=[\"']?(?!data:)", page)
    assert rendered.main([*arguments, "no_such"]) == 2 and "no lesson 'no_such'" in capsys.readouterr().err
