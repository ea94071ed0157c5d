"""What is kept is what was saved, under its own key and undamaged; else it is nothing, and nothing fails for it."""

import json
import os
import stat
import subprocess
import sys

import pytest

from autograder.authoring.kept import Kept, machine


@pytest.fixture
def kept(tmp_path):
    return Kept(tmp_path / "kept")


def test_a_document_comes_back_as_it_was_and_only_its_owner_can_read_it(kept):
    document = {"a": [1, 0.1, None, "ü"], "b": {}}
    kept.save("key", document)
    assert kept.load("key") == document
    assert kept.load("other") is None
    (file,) = kept.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(kept.folder.stat().st_mode) == 0o700


def test_a_file_that_is_damaged_or_lies_under_another_key_is_none(kept):
    kept.save("key", {"a": 1})
    path = kept.folder / "key.json"
    whole = path.read_bytes()
    (kept.folder / "other.json").write_bytes(whole)
    assert kept.load("other") is None
    for damaged in (whole[:-1], whole.replace(b"1", b"2"), b"", b"\xff\xfe", json.dumps({"a": 1}).encode()):
        path.write_bytes(damaged)
        assert kept.load("key") is None
    path.write_bytes(whole)
    assert kept.load("key") == {"a": 1}


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path):
    (tmp_path / "file").write_text("in the way")
    kept = Kept(tmp_path / "file" / "kept")
    kept.save("key", {"a": 1})
    assert kept.load("key") is None


def test_what_was_not_used_for_two_months_goes(kept):
    kept.save("old", 1)
    kept.save("used", 2)
    for key in ("old", "used"):
        os.utime(kept.folder / f"{key}.json", (0, 0))
    assert kept.load("used") == 2
    kept.save("new", 3)
    assert [kept.load(key) for key in ("old", "used", "new")] == [None, 2, 3]


def test_a_machine_is_the_same_whatever_was_imported_and_another_with_other_threads(monkeypatch):
    program = "import sys; {}; from autograder.authoring.kept import machine; print(machine())"
    found = {
        subprocess.run(
            [sys.executable, "-c", program.format(imports)], capture_output=True, text=True, check=True
        ).stdout
        for imports in ("pass", "import setuptools", "sys.path.append(sys.path[-1])")
    }
    assert len(found) == 1
    before = machine()
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert machine() != before
