"""The folder `work/`: copied, renewed, said, and never overwritten."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from course_lib.course_folder import CourseFolder
from course_lib.work import notebook_file
from course_lib.work.__main__ import main
from course_lib.work.folder import State, renew
from tests.course_lib.work.small_lesson import (
    DONE,
    NEW,
    OLD,
    STUB,
    add,
    change,
    everything,
    exercise,
    find,
    lesson,
    load,
    mine,
    own,
    prose,
    release,
    texts,
    without_metadata,
)

ROOT = Path(__file__).resolve().parents[3]


def run(course, *arguments):
    """Run the command as a learner does; return its exit code, output and errors."""
    command = [sys.executable, "-m", "course_lib.work", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}  # conftest.py has taken COURSE away
    done = subprocess.run(command, cwd=course.root, env=environment, capture_output=True, text=True, encoding="utf-8")
    return done.returncode, done.stdout, done.stderr


# ---- what is done, and what is said


def test_the_command_copies_then_leaves_alone_then_renews(course):
    assert run(course) == (0, "work/90_small.ipynb: copied\nwork/91_other.ipynb: copied\n", "")
    assert texts(load(mine(course))) == texts(OLD)
    change(mine(course), (STUB, DONE), ("show(1)", "show(1000)"))
    before = everything(course.work)

    assert run(course) == (0, "work/90_small.ipynb: up to date\nwork/91_other.ipynb: up to date\n", "")
    assert everything(course.work) == before

    release(course, lesson(*NEW["cells"][:2], exercise("double", "def double(n):\n    ..."), *NEW["cells"][3:]))
    code, output, _ = run(course)
    (kept,) = (course.work / "before").iterdir()
    assert (code, output.splitlines()) == (
        0,
        [
            "work/90_small.ipynb: renewed",
            "    The task of small.double has changed. Your answer was kept: read the task, and check it again.",
            "    “show(1)”: the lesson's text replaced yours.",
            f"    The notebook as it was before: work/before/{kept.name}",
            "work/91_other.ipynb: up to date",
        ],
    )
    assert kept.read_bytes() == before["90_small.ipynb"]
    assert texts(load(mine(course))) == ["# Doubling", "show(1)", DONE, 'check("small.double")', "The end, after all."]


def test_a_text_that_the_learner_deleted_does_not_come_back_with_every_run(course):
    renew(course)
    notebook = load(mine(course))
    notebook["cells"].remove(find(notebook, "The end."))
    mine(course).write_text(json.dumps(notebook))
    release(course, lesson(*OLD["cells"], version="changed for the graders alone"))
    assert [renewal.state for renewal in renew(course)] == [State.UP_TO_DATE] * 2
    assert "The end." not in texts(load(mine(course)))


def test_a_notebook_that_has_lost_its_note_is_merged_once(course):
    renew(course)
    mine(course).write_text(json.dumps(without_metadata(load(mine(course)))))
    assert [renewal.state for renewal in renew(course)] == [State.RENEWED, State.UP_TO_DATE]
    assert [renewal.state for renewal in renew(course)] == [State.UP_TO_DATE] * 2


def test_what_belongs_to_no_lesson_is_not_touched(course):
    renew(course)
    (course.work / "my notes.ipynb").write_text("anything")
    (course.work / "05_of_last_year.ipynb").write_text(json.dumps(OLD))
    (course.notebooks / "90_small.ipynb").unlink()
    before = everything(course.work)
    assert [renewal.notebook.name for renewal in renew(course)] == ["91_other.ipynb"]
    assert everything(course.work) == before


def test_the_course_is_found_from_work_itself_and_may_be_named(course, tmp_path):
    assert main(["--course", str(course.root)]) == 0
    assert run(CourseFolder(course.work))[0] == 0
    assert run(CourseFolder(tmp_path), "--course", str(course.root))[0] == 0


def test_without_a_course_it_says_where_it_looked(tmp_path):
    code, _, errors = run(CourseFolder(tmp_path))
    assert code == 2 and f"There is no course in {tmp_path}" in errors and "--course" in errors


def test_a_course_without_notebooks_is_said_to_have_none(course, capsys):
    (course.notebooks / "90_small.ipynb").unlink()
    (course.notebooks / "91_other.ipynb").unlink()
    assert main(["--course", str(course.root)]) == 2
    assert "There are no notebooks in" in capsys.readouterr().err


def test_wrong_usage_is_2():
    with pytest.raises(SystemExit) as end:
        main(["--marzipan"])
    assert end.value.code == 2


def test_the_command_needs_nothing_but_python(course):
    """Not even the course's own requirements: it imports the standard library and course_lib."""
    program = "import sys; from course_lib.work.__main__ import main; main([]); print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-S", "-c", program]
    done = subprocess.run(command, cwd=course.root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert "course_lib" in imported and imported - sys.stdlib_module_names <= {"course_lib", "__main__"}


# ---- what cannot be read


def a_folder(path):
    path.mkdir()


def a_link(path):
    target = path.with_name("elsewhere.txt")
    target.write_text(json.dumps(OLD))
    path.symlink_to(target)


def a_broken_link(path):
    path.symlink_to("nowhere")


def a_pipe(path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no pipes with names here")
    os.mkfifo(path)


def file_of(content):
    """Return a function that writes a file with these bytes, or this as JSON."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lambda path: path.write_bytes(data)


BROKEN = {
    "empty": file_of(b""),
    "half": file_of(json.dumps(OLD).encode()[:300]),
    "not text": file_of(b"\xff\xfe\x00\x81PNG"),
    "nested without end": file_of(b"[" * 100_000),
    "a list": file_of([]),
    "without cells": file_of({"nbformat": 4, "metadata": {}}),
    "of format 3": file_of({"worksheets": [{"cells": []}], "nbformat": 3}),
    "of format 5": file_of({**OLD, "nbformat": 5}),
    "with a cell that is none": file_of({**OLD, "cells": [*OLD["cells"], 3]}),
    "with a text that is none": file_of({**OLD, "cells": [{"cell_type": "code", "source": [1], "metadata": {}}]}),
    "with metadata that are none": file_of({**OLD, "metadata": []}),
    "a folder": a_folder,
    "a link": a_link,
    "a broken link": a_broken_link,
    "a pipe": a_pipe,
}


@pytest.mark.parametrize("put", BROKEN.values(), ids=BROKEN)
def test_what_is_no_notebook_is_left_as_it_is_and_named_and_the_others_go_on(course, put, capsys):
    renew(course)
    release(course, NEW)
    release(course, NEW, "91_other")
    mine(course).unlink()
    put(mine(course))
    before = everything(course.work)
    assert main(["--course", str(course.root)]) == 1
    after = everything(course.work)
    after.pop(next(name for name in after if name.startswith("before/91_other")))
    assert before | {"91_other.ipynb": after["91_other.ipynb"]} == after
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "work/90_small.ipynb: left alone"
    assert lines[1].startswith("    work/90_small.ipynb: it") and "run this again for a new copy" in lines[1]
    assert lines[2] == "work/91_other.ipynb: renewed"


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="permissions do not bind this user")
def test_a_notebook_that_may_not_be_read_is_left_alone(course):
    renew(course)
    release(course, NEW)
    mine(course).chmod(0)
    assert [renewal.state for renewal in renew(course)] == [State.LEFT_ALONE, State.UP_TO_DATE]


def test_a_notebook_that_cannot_be_opened_is_left_alone_and_the_reason_is_given(course, monkeypatch):
    renew(course)
    release(course, NEW)
    read_bytes = Path.read_bytes

    def refuse(path):
        if path == mine(course):
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    first, second = renew(course)
    assert (first.state, second.state) == (State.LEFT_ALONE, State.UP_TO_DATE)
    assert "cannot be opened (Permission denied)" in first.problem


def test_a_damaged_lesson_leaves_the_learners_copy_alone(course, capsys):
    renew(course)
    (course.notebooks / "90_small.ipynb").write_text("<<<<<<< HEAD")
    before = everything(course.work)
    assert main(["--course", str(course.root)]) == 1
    assert everything(course.work) == before
    assert "notebooks/90_small.ipynb: it is not a whole notebook" in capsys.readouterr().out


def test_a_file_called_work_is_answered_with_what_must_be_there(course, capsys):
    course.work.write_text("")
    assert main(["--course", str(course.root)]) == 1
    assert "must be a folder that you may write to" in capsys.readouterr().err


def test_notebooks_of_other_encodings_are_read_and_kept(course):
    renew(course)
    change(mine(course), (STUB, "# été\n" + DONE))
    before = mine(course).read_text(encoding="utf-8").encode("utf-16")
    mine(course).write_bytes(before)
    release(course, NEW)
    renewal = renew(course)[0]
    assert renewal.state is State.RENEWED and renewal.before.read_bytes() == before
    assert "# été\n" + DONE in texts(load(mine(course)))


def test_half_a_character_is_written_as_an_escape(course):
    renew(course)
    notebook = load(mine(course))
    add(notebook, own("print('\ud83d')"))
    mine(course).write_text(json.dumps(notebook))
    release(course, NEW)
    renew(course)
    assert texts(load(mine(course)))[0] == "print('\ud83d')"
    assert rb"\ud83d" in mine(course).read_bytes()


# ---- writing


def test_what_was_kept_is_never_overwritten(course, monkeypatch):
    class Noon(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 3, 1, 12)

    monkeypatch.setattr(notebook_file, "datetime", Noon)
    renew(course)
    kept = [mine(course).read_bytes()]
    for number in range(3):
        release(course, lesson(*OLD["cells"], prose(f"P.S. {number}")))
        assert renew(course)[0].state is State.RENEWED
        kept.append(mine(course).read_bytes())
    names = ["90_small_2026-03-01_12-00-00.ipynb"] + [f"90_small_2026-03-01_12-00-00_{n}.ipynb" for n in (2, 3)]
    assert everything(course.work / "before") == dict(zip(names, kept))


def test_a_notebook_that_jupyter_saves_meanwhile_is_merged_once_more(course, monkeypatch):
    renew(course)
    release(course, NEW)
    keep_aside = notebook_file.keep_aside

    def saved_meanwhile(path, data, folder):
        if DONE not in texts(load(path)):
            change(path, (STUB, DONE))
        return keep_aside(path, data, folder)

    monkeypatch.setattr("course_lib.work.folder.keep_aside", saved_meanwhile)
    assert renew(course)[0].state is State.RENEWED
    assert DONE in texts(load(mine(course))) and "The end, after all." in texts(load(mine(course)))


def test_a_full_disk_leaves_the_notebook_and_no_rubbish(course, monkeypatch):
    renew(course)
    release(course, NEW)
    before = everything(course.work)

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    renewal = renew(course)[0]
    assert renewal.state is State.LEFT_ALONE and "No space left on device" in renewal.problem
    assert everything(course.work) == before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_notebook_keeps_its_permissions(course):
    renew(course)
    assert mine(course).stat().st_mode == (course.notebooks / "90_small.ipynb").stat().st_mode
    mine(course).chmod(0o640)
    release(course, NEW)
    renew(course)
    assert mine(course).stat().st_mode & 0o777 == 0o640
