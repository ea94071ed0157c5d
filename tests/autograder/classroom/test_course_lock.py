"""One writer at a time in a course folder, and the lock dies with the process that holds it."""

import os
import signal
import subprocess
import sys

import pytest

from autograder.classroom.course_lock import InUse, sole_writer

HOLD = "from pathlib import Path; from autograder.classroom.course_lock import sole_writer\n"
HOLD += "with sole_writer(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()"


def test_a_second_writer_is_told_who_the_first_is_and_may_write_when_that_is_done(tmp_path):
    with sole_writer(tmp_path):
        with pytest.raises(InUse, match=f"process {os.getpid()} on .* since .* UTC"), sole_writer(tmp_path):
            pass
        with pytest.raises(InUse, match="--out"), sole_writer(tmp_path, patience=0.2):
            pass
        with sole_writer(tmp_path / "another"):
            pass
    with sole_writer(tmp_path):
        pass


def test_a_writer_that_is_killed_holds_up_nobody(tmp_path):
    command = [sys.executable, "-c", f"import sys; {HOLD}", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(InUse, match=f"process {process.pid}"), sole_writer(tmp_path):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    with sole_writer(tmp_path):
        pass


def test_only_the_grader_may_look_into_the_folder_of_the_lock(tmp_path):
    with sole_writer(tmp_path / "new"):
        assert (tmp_path / "new" / ".grading").stat().st_mode & 0o777 == 0o700
