"""The folders of a grader among the temporary files: what a killed one leaves is removed by a later one."""

import os
import subprocess
import sys
import tempfile
import time

import pytest

from autograder.sandbox.library import own_folder, remove_leftovers


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def age(folder, hours):
    then = time.time() - 3600 * hours
    os.utime(folder, (then, then))


def test_what_a_killed_grader_left_is_removed_after_a_day(temporary):
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    names = {when: temporary / f"course-grader-library-{gone.stdout.strip()}-{when}" for when in ("today", "yesterday")}
    for when, hours in (("today", 1), ("yesterday", 25)):
        (names[when] / "course_lib").mkdir(parents=True)
        (names[when] / "course_lib" / "attention.py").write_text("")
        age(names[when], hours)
    mine, foreign = own_folder("student"), temporary / "course-grader-of-somebody"
    foreign.mkdir()
    age(mine, 25)
    age(foreign, 25)
    remove_leftovers()
    assert set(temporary.iterdir()) == {names["today"], mine, foreign}
