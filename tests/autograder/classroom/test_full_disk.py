"""A disk that is full or closed: a sentence with the file and what to do, exit code 1, and what was graded is kept."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

import autograder.classroom.whole_files as whole_files
from autograder.classroom.whole_files import concerns_all, write_whole
from autograder.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")]


@pytest.fixture
def small_disk(tmp_path):
    """A function that makes a disk of so many kilobytes and returns where it is mounted."""
    mounted = []

    def make(kilobytes: int) -> Path:
        place = tmp_path / f"disk {len(mounted)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", place]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("only root can mount a small disk, and not in every container")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture
def grade(tmp_path, solutions, hand_in, solved, sandbox, capsys):
    """A function that grades two students; it returns the exit code and what was printed to stderr."""
    for student in ("ada", "ben"):
        hand_in(tmp_path / "submitted", student, solved())

    def run(*arguments):
        command = ["grade", str(tmp_path / "submitted"), "--solutions", str(solutions), "--sandbox", sandbox]
        code = main([*command, "--seed", "5", "--jobs", "1", *map(str, arguments)])
        return code, capsys.readouterr().err

    return run


@pytest.mark.parametrize("kilobytes", [20, 250, 520])
def test_a_full_course_folder_is_1_with_the_file_and_the_remedy(grade, small_disk, tmp_path, kilobytes):
    out = small_disk(kilobytes)
    code, said = grade("--out", out, "--db", f"sqlite:///{tmp_path / 'gradebook.db'}")
    assert code == 1
    assert f"{out}/" in said and "No space left on device. Make room there." in said and "is kept" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("kilobytes", [60, 300])
def test_a_full_gradebook_is_1_and_not_wrong_usage(grade, small_disk, tmp_path, kilobytes):
    code, said = grade("--out", tmp_path / "out", "--db", f"sqlite:///{small_disk(kilobytes)}/gradebook.db")
    assert code == 1
    assert "gradebook.db cannot be used: database or disk is full" in said and "is kept" in said
    assert "Traceback" not in said and "SELECT" not in said


def test_what_was_graded_before_the_disk_was_full_is_kept_and_the_rest_follows(grade, tmp_path, monkeypatch, capsys):
    really, written = os.replace, []

    def replace(source, target):
        if "autograded" in str(target):
            written.append(target)
            if len(written) == 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        really(source, target)

    monkeypatch.setattr(whole_files.os, "replace", replace)
    code, said = grade("--out", tmp_path / "out")
    assert code == 1 and str(written[1]) in said
    assert len((tmp_path / "out" / "results.jsonl.part").read_text(encoding="utf-8").splitlines()) == 1
    monkeypatch.undo()
    assert grade("--out", tmp_path / "out") == (0, "")
    assert len((tmp_path / "out" / "results.jsonl").read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_file_that_cannot_be_written_is_named(tmp_path, monkeypatch, code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(whole_files.os, "open", refuse)
    with pytest.raises(OSError, match=r"notes\.txt") as problem:
        write_whole(tmp_path / "notes.txt", "")
    assert concerns_all(problem.value, tmp_path / "submitted")


def test_a_submission_that_cannot_be_read_concerns_nobody_else(tmp_path):
    problem = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "submitted" / "ada" / "x.ipynb"))
    assert not concerns_all(problem, tmp_path / "submitted")
    assert not concerns_all(OSError(errno.ENAMETOOLONG, "File name too long", str(tmp_path)), tmp_path / "submitted")
