"""`autograder doctor`: what `grade` would stumble over is said before it does."""

import os
import shutil
import sqlite3
from collections import namedtuple

import pytest

import autograder.doctor as doctor
from autograder.cli import main


@pytest.fixture
def examine(tmp_path, monkeypatch):
    """A function that examines a course folder's surroundings, not the machine's programs; findings by name."""
    for name in ("_sandbox", "_gpu"):  # slow, and not what is asked for here
        monkeypatch.setattr(doctor, name, lambda: doctor.Finding("x", "", True))
    return lambda *arguments: {f.name: f for f in doctor.examine(*(arguments or (tmp_path,)))}


def test_a_new_course_folder_and_its_gradebook_can_be_written(examine, tmp_path):
    found = examine(tmp_path / "new" / "course")
    assert found["course folder"].good and found["gradebook"].good and "not there yet" in found["gradebook"].found
    assert not (tmp_path / "new").exists() and list(tmp_path.iterdir()) == []


def test_a_gradebook_is_looked_at_and_left_as_it_was(examine, tmp_path):
    with sqlite3.connect(tmp_path / "gradebook.db") as book:
        book.execute("CREATE TABLE grade (id INTEGER)")
    assert "can be written" in examine()["gradebook"].found
    with sqlite3.connect(tmp_path / "gradebook.db") as book:
        assert book.execute("SELECT name FROM sqlite_master").fetchall() == [("grade",)]


@pytest.mark.parametrize(
    "url", ["sqlite:///{0}/text", "nonsense", "postgresql+psycopg://ada:marzipan@127.0.0.1:1/course"]
)
def test_a_gradebook_that_cannot_be_used_is_named_without_its_password(examine, tmp_path, url):
    (tmp_path / "text").write_text("this is no database, and long enough to be looked at as one" * 20)
    finding = examine(tmp_path, url.format(tmp_path))["gradebook"]
    assert not finding.good and finding.required and "--db" in finding.remedy and "marzipan" not in finding.found


def test_a_disk_that_is_nearly_full_is_named_and_does_not_keep_from_grading(examine, monkeypatch):
    place = namedtuple("Place", "f_bavail f_frsize f_files f_favail")
    for free, files in ((1000, 10**6), (10**9, 5)):
        monkeypatch.setattr(doctor.os, "statvfs", lambda path, free=free, files=files: place(free, 4096, 10**6, files))
        finding = examine()["disk"]
        assert not finding.good and not finding.required and "Make room" in finding.remedy


def test_a_course_folder_that_is_closed_to_this_user_is_named(examine, tmp_path, monkeypatch):
    (tmp_path / "results.jsonl").write_text("")
    really = os.access
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: "results.jsonl" not in str(path) and really(path, mode))
    assert "but not results.jsonl" in examine()["course folder"].found
    monkeypatch.setattr(
        doctor.tempfile, "TemporaryFile", lambda dir: (_ for _ in ()).throw(PermissionError(13, "closed"))
    )
    finding = examine()["course folder"]
    assert (finding.good, finding.required) == (False, True) and "closed" in finding.found and "--out" in finding.remedy


def test_a_lesson_that_cannot_be_read_is_named_and_a_course_that_is_not_there(
    examine, solutions, tmp_path, monkeypatch
):
    assert examine(tmp_path, None, tmp_path)["course"].good
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    assert "90_sample.py" in examine(tmp_path, None, tmp_path)["course"].remedy
    shutil.rmtree(solutions)
    finding = examine(tmp_path, None, tmp_path)["course"]
    assert not finding.good and finding.required and "There is no course" in finding.remedy


def test_the_command_looks_where_it_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(doctor, "_sandbox", lambda: doctor.Finding("sandbox", "", True))
    (tmp_path / "gradebook.db").write_text("no database at all" * 100)
    assert main(["doctor", "--out", str(tmp_path)]) == 1
    assert "✗ gradebook: sqlite:///" in capsys.readouterr().out
