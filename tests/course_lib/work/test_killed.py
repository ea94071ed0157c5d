"""Whenever the computer stops, the old notebook is there, or the new one, whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.work.folder import renew
from tests.course_lib.work.small_lesson import DONE, NEW, OLD, STUB, change, everything, mine, release, texts

ROOT = Path(__file__).resolve().parents[3]


class Killed:
    """Renews the course in processes that are killed."""

    def __init__(self, course):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(Path(__file__).with_name("run_killed.py")), str(course.root)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)

    def __call__(self, lines):
        """Renew, killed when so many lines of the code that writes have run; return whether it came to the end."""
        self.process.stdin.write(f"{lines}\n")
        self.process.stdin.flush()
        return {"0": True, "-9": False}[self.process.stdout.readline().strip()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.communicate()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process is forked to be killed")
@pytest.mark.parametrize("there", [True, False], ids=["renewing", "copying"])
def test_killed_before_any_line_it_leaves_the_old_notebook_or_the_new_whole(course, there):
    if there:
        renew(course)
        change(mine(course), (STUB, DONE))
        release(course, NEW)
    old = mine(course).read_bytes() if there else None
    found, lines, through = set(), 0, False
    with Killed(course) as renewed_with:
        while not through:
            through = renewed_with(lines)
            lines += 1
            now = mine(course).read_bytes() if mine(course).exists() else None
            found.add(now)
            if there and now != old:
                assert old in everything(course.work / "before").values(), "first kept, then replaced"
            if not through and now != old:
                mine(course).write_bytes(old) if there else mine(course).unlink()  # the next has the same to do
    assert lines > 25 and found == {old, now}
    expected = [DONE if text == STUB else text for text in texts(NEW)] if there else texts(OLD)
    assert texts(json.loads(now)) == expected
