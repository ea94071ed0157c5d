"""Both packages say one version, wherever they are, and type checkers may read their types."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import autograder
import course_lib

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_both_packages_say_the_version_of_pyproject():
    assert course_lib.__version__ == autograder.__version__ == PROJECT["project"]["version"]


def test_the_version_is_known_in_a_folder_that_was_handed_out_and_not_installed(tmp_path: Path):
    (tmp_path / "course_lib").mkdir()
    shutil.copy(ROOT / "course_lib" / "__init__.py", tmp_path / "course_lib")
    program = "import course_lib; print(course_lib.__version__)"
    said = subprocess.run([sys.executable, "-S", "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert (said.stdout.strip(), said.stderr) == (course_lib.__version__, "")


@pytest.mark.parametrize("package", ["course_lib", "autograder"])
def test_an_installation_has_the_mark_that_its_types_may_be_used(package: str):
    assert (ROOT / package / "py.typed").is_file()
    assert "py.typed" in PROJECT["tool"]["setuptools"]["package-data"][package]
