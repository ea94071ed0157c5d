"""A gradebook that we make is the one that nbgrader makes, version and all."""

import os
import sqlite3
import sys
from pathlib import Path

from nbgrader.api import Gradebook

from autograder.classroom.new_gradebook import open_gradebook


def contents(path):
    with sqlite3.connect(path) as database:
        tables = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
        rows = {
            name: database.execute(f"SELECT * FROM {name}").fetchall() for kind, name, *_ in tables if kind == "table"
        }
    return [(*of, " ".join((sql or "").split())) for *of, sql in tables], rows


def test_a_new_gradebook_is_to_the_letter_what_nbgrader_makes(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # of `alembic`
    ours, theirs = tmp_path / "ours.db", tmp_path / "theirs.db"
    Gradebook(f"sqlite:///{theirs}").close()
    monkeypatch.setenv("PATH", "")
    open_gradebook(f"sqlite:///{ours}").close()
    assert contents(ours) == contents(theirs)
    assert contents(ours)[1]["alembic_version"] != []


def test_a_gradebook_that_is_there_keeps_its_rows_and_its_version(tmp_path):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with open_gradebook(url) as book:
        book.add_student("ada")
    with sqlite3.connect(tmp_path / "gradebook.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'older'")
    with open_gradebook(url) as book:
        assert [student.id for student in book.students] == ["ada"]
    assert contents(tmp_path / "gradebook.db")[1]["alembic_version"] == [("older",)]
