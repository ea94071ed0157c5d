"""A notebook alone is enough: the installed library brings the public cases, wherever the notebook is."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from course_lib.checks import check, own_notebook, public

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the wheel's content, built without network from what of this folder a wheel is made of."""
    source, to = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    cache = shutil.ignore_patterns("__pycache__")
    for name in ("course_lib", "autograder", "notebooks/cases"):
        shutil.copytree(ROOT / name, source / name, ignore=cache)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "LICENSE-CONTENT"):
        shutil.copy(ROOT / name, source)
    program = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    built = subprocess.run([sys.executable, "-c", program, to], cwd=source, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    zipfile.ZipFile(next(to.glob("*.whl"))).extractall(to / "site")
    return to / "site"


RUN = """
import sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=300, resources={"metadata": {"path": sys.argv[2]}}).execute()
nbformat.write(notebook, sys.argv[1])
"""


@pytest.mark.slow
def test_every_check_of_a_lone_notebook_works_with_nothing_but_the_wheel(installed, tmp_path):
    lesson = nbformat.read(ROOT / "notebooks" / "01_information.ipynb", 4)
    kept = [cell for cell in lesson.cells if cell.metadata.get("course", {}).get("role") in ("setup", "exercise")]
    checks = [cell for cell in lesson.cells if cell.cell_type == "code" and cell.source.startswith("check(")]
    away = nbformat.v4.new_code_cell("import os\nos.chdir('elsewhere')")
    listed = nbformat.v4.new_code_cell(
        "import course_lib\nfrom course_lib.checks import public\nprint(len(public.lessons()))"
    )
    lesson.cells = [*kept, away, *checks, listed]
    (tmp_path / "elsewhere").mkdir()
    nbformat.write(lesson, tmp_path / "homework.ipynb")
    environment = {name: value for name, value in os.environ.items() if name not in ("COURSE", "PYTHONPATH")}
    environment |= {"PYTHONPATH": str(installed), "COURSE_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", RUN, tmp_path / "homework.ipynb", tmp_path]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    cells = nbformat.read(tmp_path / "homework.ipynb", 4).cells
    shown = [cell.outputs[0]["data"]["text/plain"] for cell in cells if cell.source.startswith("check(")]
    assert len(shown) == len(checks) > 5
    assert all(text.startswith("○") and text.endswith("not started yet") for text in shown), shown
    assert cells[-1].outputs[0]["text"].strip() == str(len(list((ROOT / "notebooks" / "cases").glob("*.json"))))


def test_the_wheel_has_every_lessons_cases_once_and_no_answers(installed):
    files = {path.relative_to(installed).as_posix() for path in installed.rglob("*.json")}
    cases = {f"course_lib/cases/{path.name}" for path in (ROOT / "notebooks" / "cases").glob("*.json")}
    assert cases <= files and len(cases) > 20
    assert not [file for file in files - cases if "answers" in file or "/cases/" in file]
    for path in (ROOT / "notebooks" / "cases").glob("01_*.json"):
        assert (installed / "course_lib" / "cases" / path.name).read_bytes() == path.read_bytes()


def test_an_editable_installation_finds_them_where_the_builder_writes_them(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(public, "_STARTED", tmp_path)
    assert public.folders("cases")[-1] == ROOT / "notebooks" / "cases"
    assert public.find("information").name == "01_information"
    assert public.answers("information") == {}  # the library's own folder is no self-study copy


def test_the_folder_in_which_the_kernel_started_is_remembered(built, tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE", raising=False)
    monkeypatch.setattr(public, "_STARTED", built)
    monkeypatch.chdir(tmp_path)
    assert public.find("sample").name == "90_sample" and public.answers("sample")


@pytest.mark.parametrize("told", ["JPY_SESSION_NAME", "__vsc_ipynb_file__"])
def test_a_notebook_of_an_unknown_version_is_told_so_once(built, tmp_path, monkeypatch, told):
    shown, names = [], {"check": check, "In": [""]}
    monkeypatch.setenv("COURSE", str(built.parent))
    monkeypatch.setattr(sys.modules["course_lib.checks.check"], "put", lambda view: shown.append(repr(view)))
    monkeypatch.setattr(own_notebook, "_told", set())
    notebook = json.loads((built / "90_sample.ipynb").read_text(encoding="utf-8"))
    path = tmp_path / "mine.ipynb"
    if told == "JPY_SESSION_NAME":
        monkeypatch.setenv(told, str(path))
    else:
        monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
        names[told] = str(path)
    path.write_text(json.dumps(notebook))
    exec('check("sample.entropy")', names)
    assert len(shown) == 1  # of the same version
    notebook["metadata"]["course"]["version"] = "of last year"
    path.write_text(json.dumps(notebook))
    exec('check("sample.entropy")\ncheck("sample.entropy")', names)
    assert len(shown) == 4 and "version of the lesson, of last year, is unknown here" in shown[1]


@pytest.mark.parametrize("content", ["", "{}", '{"nbformat": 4, "cells": [], "metadata": {"course": 3}}'])
def test_what_is_no_notebook_of_the_lesson_says_no_version(tmp_path, content):
    path = tmp_path / "other.ipynb"
    path.write_text(content)
    assert own_notebook.version_of(path, "90_sample") == ""
    assert own_notebook.version_of(tmp_path / "none.ipynb", "90_sample") == ""
