"""Taking the file that was handed in: never through a link, never waiting, and where it is the only candidate."""

import io
import os
import pwd
import socket
import struct
import zipfile
from multiprocessing import get_context

import pytest

from autograder.grading.refusal import NotGradable
from autograder.grading.submitted_file import take_notebook

LESSON = "90_sample"
MINE, OTHER = b'{"cells": [], "mine": 1}', b'{"cells": [], "mine": 2}'


@pytest.fixture
def folder(tmp_path):
    """A submission's folder, still empty."""
    made = tmp_path / "submitted" / "ada" / LESSON
    made.mkdir(parents=True)
    return made


def write(folder, **files):
    """Write files by their names, with `__` for a folder's slash."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def refusal(folder) -> str:
    with pytest.raises(NotGradable) as refused:
        take_notebook(folder, LESSON)
    return str(refused.value)


# ---- links, pipes and what else is no file


@pytest.mark.parametrize("level", ["the file", "the lesson's folder", "the student's folder"])
def test_a_link_at_any_level_is_refused_by_opening_it(folder, level):
    neighbour = folder.parent.parent / "ben" / LESSON
    write(neighbour, **{f"{LESSON}.ipynb": OTHER})
    if level == "the file":
        (folder / f"{LESSON}.ipynb").symlink_to(neighbour / f"{LESSON}.ipynb")
    elif level == "the lesson's folder":
        folder.rmdir()
        folder.symlink_to(neighbour)
    else:
        folder.rmdir()
        folder.parent.rmdir()
        folder.parent.symlink_to(neighbour.parent)
    assert "is a link to another place" in refusal(folder)


@pytest.mark.parametrize("inner", ["sub", ".ipynb_checkpoints", "other.ipynb", "x.zip"])
def test_a_link_under_another_name_is_no_candidate(folder, inner):
    outside = folder.parent.parent / "ben"
    write(outside, **{"a-checkpoint.ipynb": OTHER, "a.ipynb": OTHER})
    (folder / inner).symlink_to(outside / "a.ipynb" if "." in inner[1:] else outside)
    assert "no notebook" in refusal(folder)


def test_a_file_that_becomes_a_link_after_it_was_looked_at_is_not_followed(folder, monkeypatch):
    path = folder / f"{LESSON}.ipynb"
    write(folder, **{path.name: MINE})
    write(folder.parent.parent / "ben", **{"theirs.ipynb": OTHER})
    look = os.stat

    def swap(*arguments, **named):
        seen = look(*arguments, **named)
        path.unlink()
        path.symlink_to(folder.parent.parent / "ben" / "theirs.ipynb")
        return seen

    monkeypatch.setattr(os, "stat", swap)
    assert "cannot be read" in refusal(folder)


def test_a_file_that_becomes_a_pipe_after_it_was_looked_at_is_not_waited_for(folder, monkeypatch):
    path = folder / f"{LESSON}.ipynb"
    write(folder, **{path.name: MINE})
    look = os.stat

    def swap(*arguments, **named):
        seen = look(*arguments, **named)
        path.unlink()
        os.mkfifo(path)
        return seen

    monkeypatch.setattr(os, "stat", swap)
    assert "is a pipe" in refusal(folder)


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
def test_what_is_no_file_is_refused_at_once(folder, kind, monkeypatch):
    path = folder / f"{LESSON}.ipynb"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(folder)
        server = socket.socket(socket.AF_UNIX)
        server.bind(path.name)
        server.close()
    elif kind == "folder":
        path.mkdir()
    else:
        try:
            os.mknod(path, 0o20666, os.makedev(1, 5))  # /dev/zero
        except OSError:
            pytest.skip("this user may not make devices")
    assert ("is a folder" if kind == "folder" else "is a pipe, a socket or a device") in refusal(folder)


def test_a_file_that_grows_while_it_is_read_is_read_no_further(folder, monkeypatch):
    monkeypatch.setattr("autograder.grading.submitted_file.MAX_BYTES", 10)
    write(folder, **{f"{LESSON}.ipynb": b"0123456789+"})
    monkeypatch.setattr(os, "fstat", lambda _: os.stat_result((0o100644, *[0] * 9)))
    assert "at most" in refusal(folder)


@pytest.mark.parametrize("what", ["the file", "the lesson's folder", "the student's folder"])
def test_what_an_ordinary_user_may_not_read_is_refused_with_the_reason(folder, what):
    write(folder, **{f"{LESSON}.ipynb": MINE})
    closed = {"the file": folder / f"{LESSON}.ipynb", "the lesson's folder": folder}.get(what, folder.parent)
    closed.chmod(0)
    try:
        assert "permissions do not allow it" in _as_nobody(folder)
    finally:
        closed.chmod(0o755)


def _as_nobody(folder) -> str:
    """Return how taking the notebook is refused to an ordinary user."""
    for above in folder.parents:
        if above.stat().st_uid == os.getuid() and above.name and above.stat().st_mode & 0o777 == 0o700:
            above.chmod(0o711)
    here, there = get_context("fork").Pipe()
    process = get_context("fork").Process(target=_take, args=(folder, there))
    process.start()
    process.join()
    return here.recv()


def _take(folder, pipe) -> None:
    if os.getuid() == 0:
        os.setgroups([])
        os.setuid(pwd.getpwnam("nobody").pw_uid)
    try:
        take_notebook(folder, LESSON)
        pipe.send("taken")
    except Exception as problem:
        pipe.send(f"{type(problem).__name__}: {problem}")


@pytest.mark.parametrize("lesson", ["x" * 300, "a\0b"])
def test_a_name_that_no_file_can_have_is_refused(folder, lesson):
    with pytest.raises(NotGradable):
        take_notebook(folder.parent / lesson, lesson)


def test_a_folder_that_vanished_is_refused(folder):
    folder.rmdir()
    assert "cannot be read: No such file" in refusal(folder)


# ---- under other names


def archive(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return data.getvalue()


FOUND = {
    "capitals": {"90_sample.IPYNB": MINE},
    "a text": {"90_sample.ipynb.txt": MINE},
    "a browser's ending": {"90_sample.json": MINE},
    "both endings": {"90_sample.ipynb.json": MINE},
    "one folder deeper": {"90_sample/90_sample.ipynb": MINE},
    "a course's folder, deeper": {"work/90_sample.ipynb": MINE, "work/00_other.ipynb": OTHER},
    "the lesson's among others": {"90_sample.IPYNB": MINE, "scratch.ipynb": OTHER},
    "only the checkpoint": {".ipynb_checkpoints/90_sample-checkpoint.ipynb": MINE},
    "a checkpoint beside it": {"mine.ipynb": MINE, ".ipynb_checkpoints/mine-checkpoint.ipynb": OTHER},
    "an archive": {"hand-in.zip": archive(**{"90_sample.ipynb": MINE})},
    "an archive with folders": {"hand-in.ZIP": archive(**{"a/b/my.ipynb": MINE, "a/cases/90_sample.json": OTHER})},
    "an archive from a Mac": {
        "90_sample.zip": archive(**{"90_sample.ipynb": MINE, "__MACOSX/._90_sample.ipynb": OTHER, "._x.ipynb": OTHER})
    },
    "a Mac's folder beside it": {"mine.ipynb": MINE, "__MACOSX/mine.ipynb": OTHER, "._mine.ipynb": OTHER},
    "a Mac's folder and a deeper one": {"90_sample/mine.ipynb": MINE, "__MACOSX/90_sample/._mine.ipynb": OTHER},
}


@pytest.mark.parametrize("name", FOUND)
def test_the_only_candidate_is_taken_with_a_note(folder, name):
    write(folder, **FOUND[name])
    data, notes = take_notebook(folder, LESSON)
    assert data == MINE
    (note,) = notes
    assert note.startswith("The notebook is called ") and "graded all the same" in note


def test_the_right_name_needs_no_note_whatever_lies_beside_it(folder):
    others = {"a.ipynb": OTHER, "b.zip": archive(**{"90_sample.ipynb": OTHER}), "sub/90_sample.ipynb": OTHER}
    write(folder, **{f"{LESSON}.ipynb": MINE}, **others)
    assert take_notebook(folder, LESSON) == (MINE, [])


SEVERAL = {
    "two notebooks": {"a.ipynb": MINE, "b.ipynb": OTHER},
    "a text and a deeper one": {"a.ipynb.txt": MINE, "sub/b.ipynb": OTHER},
    "two archives": {"a.zip": archive(**{"x.ipynb": MINE}), "b.zip": archive(**{"y.ipynb": OTHER})},
    "an archive of two": {"a.zip": archive(**{"x.ipynb": MINE, "y.ipynb": OTHER})},
    "two checkpoints": {".ipynb_checkpoints/a-checkpoint.ipynb": MINE, ".ipynb_checkpoints/b-checkpoint.ipynb": OTHER},
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_candidates_are_refused_by_name(folder, name):
    write(folder, **SEVERAL[name])
    said = refusal(folder)
    assert "more than one other notebook to choose from" in said and said.count(".ipynb") >= 3


NOTHING = {
    "nothing": {},
    "a text": {"answer.txt": b"42"},
    "cases alone": {"cases/90_sample.json": OTHER},
    "two folders deeper": {"a/b/90_sample.ipynb": OTHER},
    "what a Mac left": {"__MACOSX/90_sample.ipynb": OTHER, "._90_sample.ipynb": OTHER},
    "an archive without one": {"a.zip": archive(**{"readme.md": OTHER})},
    "an archive in an archive": {"a.zip": archive(**{"b.zip": archive(**{"90_sample.ipynb": OTHER})})},
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_there_is_no_candidate_it_is_said(folder, name):
    write(folder, **NOTHING[name])
    assert refusal(folder) == "There is no notebook 90_sample.ipynb in the submission."


# ---- archives that are traps


def test_an_archive_that_unpacks_to_more_than_a_notebook_may_have_is_unpacked_no_further(folder, monkeypatch):
    monkeypatch.setattr("autograder.grading.submitted_file.MAX_BYTES", 2**20)
    write(folder, **{"a.zip": archive(**{"90_sample.ipynb": bytes(2**20 + 1)})})
    assert "has more than 1 MB" in refusal(folder)


def test_an_archive_that_lies_about_a_size_is_not_believed(folder, monkeypatch):
    monkeypatch.setattr("autograder.grading.submitted_file.MAX_BYTES", 2**20)
    honest = archive(**{"90_sample.ipynb": bytes(2**22)})
    write(folder, **{"a.zip": honest.replace(struct.pack("<L", 2**22), struct.pack("<L", 2**31))})
    assert "has more than 1 MB" in refusal(folder)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_whose_unpacking_cannot_be_bounded_is_refused(folder, method):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as made:
        made.writestr("90_sample.ipynb", MINE)
    write(folder, **{"a.zip": data.getvalue()})
    assert "compressed in an unusual way" in refusal(folder)


def test_an_archive_of_countless_files_is_refused_before_its_list_is_made(folder, monkeypatch):
    monkeypatch.setattr("autograder.grading.archive.MAX_MEMBERS", 20)
    write(folder, **{"a.zip": archive(**{f"{number}.txt": b"" for number in range(21)})})
    assert "more than 20 files" in refusal(folder)


@pytest.mark.parametrize("cut", [0, 1, 30, 60, 100])
def test_a_broken_archive_is_refused(folder, cut):
    whole = archive(**{"90_sample.ipynb": MINE})
    write(folder, **{"a.zip": whole[:cut] if cut < 60 else whole[: cut - 60] + b"\xff" * 9 + whole[cut - 51 :]})
    assert "cannot be" in refusal(folder) or "no notebook" in refusal(folder)


def test_a_locked_archive_is_refused(folder):
    whole = bytearray(archive(**{"90_sample.ipynb": MINE}))
    whole[whole.index(b"PK\x03\x04") + 6] |= 1
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    write(folder, **{"a.zip": bytes(whole)})
    assert "cannot be unpacked" in refusal(folder)
