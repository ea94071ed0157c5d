"""`earlier`: what a learner wrote in the notebook of another lesson, if it passes there."""

import nbformat
import pytest

from course_lib.checks import earlier


def library(p):
    """Stand in for the library's version."""
    return p


@pytest.fixture
def beside(built, solved, monkeypatch, tmp_path):
    """A folder with the sample lesson's notebook, solved but for what is said otherwise; the current one."""
    monkeypatch.setenv("COURSE", str(built.parent))
    monkeypatch.chdir(tmp_path)

    def save(**instead):
        name = next(built.glob("*_sample.ipynb")).name
        nbformat.write(solved(**instead), tmp_path / name)

    return save


def test_a_solution_that_passes_is_used_and_said(beside, capsys):
    beside()
    mine = earlier("sample.entropy", library)
    assert mine is not library and mine.__name__ == "entropy"
    assert "Using your own entropy, from" in capsys.readouterr().out


@pytest.mark.parametrize("source", [None, "def entropy(p):\n    return p.sum(-1)", "def entropy(p:", "1 / 0"])
def test_a_stub_a_wrong_one_and_a_broken_cell_leave_the_tested_one(beside, source):
    beside(entropy=source)
    assert earlier("sample.entropy", library) is library


def test_without_the_notebook_or_the_lesson_it_is_the_tested_one(beside, tmp_path):
    assert earlier("sample.entropy", library) is library
    assert earlier("nowhere.entropy", library) is library
    beside()
    next(tmp_path.glob("*.ipynb")).write_text("no notebook")
    assert earlier("sample.entropy", library) is library


@pytest.mark.parametrize("name", ["COURSE_GRADING", "NBGRADER_EXECUTION"])
def test_a_grader_runs_no_other_notebook(beside, monkeypatch, name):
    beside()
    monkeypatch.setenv(name, "1")
    assert earlier("sample.entropy", library) is library
