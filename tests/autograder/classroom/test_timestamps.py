"""`timestamp.txt`: what nbgrader and ISO 8601 write is read exactly, and nothing is guessed."""

import os
from datetime import datetime

import pytest

from autograder.classroom.timestamps import UNREADABLE, submission_time

TEN = datetime(2026, 3, 4, 10)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-04 10:00:00 UTC\n", TEN),
        ("2026-03-04 10:00:00.000000 UTC", TEN),
        ("2026-03-04 10:00:00", TEN),
        ("2026-03-04T10:00:00Z", TEN),
        ("2026-03-04T11:00:00+01:00", TEN),
        ("2026-03-04 05:00:00 -0500", TEN),
        ("2026-03-04T10:00", TEN),
        ("2026-03-04", datetime(2026, 3, 4)),
        ("2026-03-04 10:00:00.250 UTC", TEN.replace(microsecond=250_000)),
    ],
)
def test_iso_and_nbgraders_own_format_are_read_exactly(tmp_path, text, time):
    (tmp_path / "timestamp.txt").write_text(text)
    assert submission_time(tmp_path) == (time, "")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_ignored(tmp_path, encoding):
    (tmp_path / "timestamp.txt").write_bytes("2026-03-04 10:00:00 UTC\r\n".encode(encoding))
    assert submission_time(tmp_path) == (TEN, "")


@pytest.mark.parametrize(
    "data",
    [
        b"12.01.2026", b"01/12/2026 10:00", b"1772618400", b"1772618400.25", b"20260304", b"2026-03-04 10:00:00 CET",
        b"2026-13-04 10:00:00", b"2026-02-30", b"tomorrow", b"", b"\xff\xff", b"0001-01-01T00:00:00+14:00", b"9" * 5000,
        "2026-03-0\u0664".encode(),
    ],
)  # fmt: skip
def test_nothing_else_is_guessed_at_and_a_note_says_so(tmp_path, data):
    (tmp_path / "timestamp.txt").write_bytes(data)
    assert submission_time(tmp_path) == (None, UNREADABLE)


def test_without_a_file_there_is_no_time_and_nothing_to_say(tmp_path):
    assert submission_time(tmp_path) == (None, "")


def test_a_pipe_a_folder_and_a_link_are_not_read(tmp_path):
    (tmp_path / "secret").write_text("2026-03-04 10:00:00 UTC")
    path = tmp_path / "timestamp.txt"
    for make in (lambda: os.mkfifo(path), lambda: os.symlink("secret", path)):
        make()
        assert submission_time(tmp_path) == (None, UNREADABLE)
        path.unlink()
    path.mkdir()
    assert submission_time(tmp_path) == (None, UNREADABLE)
