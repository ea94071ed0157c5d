"""What the course remembers: nothing is lost when a file is broken, and a lesson never stops for it."""

import json
import os
import subprocess
import sys

import pytest

from course_lib import store
from course_lib.checks import progress


def test_what_is_saved_can_be_loaded():
    assert store.load("progress") == {}
    store.save("progress", {"a": [1, "é"]})
    assert store.load("progress") == {"a": [1, "é"]}


def test_the_folder_is_the_one_that_course_home_names(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "deep" / "home"))
    store.save("x", {})
    assert (tmp_path / "deep" / "home" / "x.json").is_file()
    monkeypatch.setenv("COURSE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store.folder() == tmp_path / ".language-model-course"


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"3"])
def test_a_file_that_cannot_be_read_is_set_aside_and_named(content):
    store.save("progress", {})
    path = store.folder() / "progress.json"
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"kept as progress\.unreadable\.json"):
        assert store.load("progress") == {}
    assert (store.folder() / "progress.unreadable.json").read_bytes() == content
    assert store.load("progress") == {}


def test_what_was_set_aside_is_never_overwritten():
    store.save("progress", {})
    for content in ("one", "two", "three"):
        (store.folder() / "progress.json").write_text(content)
        with pytest.warns(UserWarning):
            store.load("progress")
    kept = sorted(path.read_text() for path in store.folder().glob("*unreadable*"))
    assert kept == ["one", "three", "two"]


def test_a_place_that_cannot_be_written_to_is_a_warning(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="could not be saved"):
        store.save("progress", {"a": 1})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_a_warning(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    tmp_path.chmod(0o500)
    with pytest.warns(UserWarning, match="could not be saved"):
        store.save("progress", {"a": 1})


def test_saving_is_all_or_nothing():
    store.save("progress", {"a": 1})
    with pytest.raises(TypeError):
        store.save("progress", {"a": object()})
    assert store.load("progress") == {"a": 1}
    assert [path.name for path in store.folder().iterdir()] == ["progress.json"]


def test_entries_of_the_progress_that_are_not_whole_are_left_out():
    whole = {"passed": True, "tries": 1, "answer_shown": False, "points": 1.0, "when": ""}
    store.save("progress", {"a.b": whole, "a.c": {"passed": True}, "a.d": 3})
    assert progress.load() == {"a.b": whole}
    progress.record_try("a.d", True, 2.0)
    assert json.loads((store.folder() / "progress.json").read_text())["a.d"]["tries"] == 1


TRIES = """
import sys
from course_lib import store
for number in range(60):
    with store.changing("progress") as kept:
        kept[f"sample.{sys.argv[1]}{number}"] = {"passed": True}
        kept["both"] = kept.get("both", 0) + 1
"""


def test_two_notebooks_that_check_at_once_lose_nothing_of_each_others():
    processes = [subprocess.Popen([sys.executable, "-c", TRIES, name]) for name in ("one", "two")]
    assert [process.wait(120) for process in processes] == [0, 0]
    kept = store.load("progress")
    assert len(kept) == 121 and kept["both"] == 120


def test_who_cannot_have_the_lock_goes_on_after_a_while(monkeypatch):
    monkeypatch.setattr(store, "PATIENCE", 0.1)
    with store.changing("progress") as outer, store.changing("progress") as inner:
        inner["a"], outer["a"] = 1, 2
    assert store.load("progress") == {"a": 2}


def test_an_error_while_changing_saves_nothing():
    store.save("progress", {"a": 1})
    with pytest.raises(ZeroDivisionError), store.changing("progress") as content:
        content["a"] = 1 / 0
    assert store.load("progress") == {"a": 1}
