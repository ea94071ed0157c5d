"""One writer at a time in a course folder: two runs would undo each other's results."""

import errno
import fcntl
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

_LOOK_EVERY = 0.1


class InUse(RuntimeError):
    """Somebody else writes to this course folder; the message says who."""


@contextmanager
def sole_writer(out: Path, patience: float = 0.0) -> Iterator[None]:
    """Be the only one who writes to a course folder. The kernel ends that with the process, however it dies.

    patience  seconds to wait for another writer

    Raises InUse, and OSError when nothing can be written there.
    """
    folder = out / ".grading"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("a+", encoding="utf-8") as file:
        _lock(file.fileno(), out, folder / "lock", time.monotonic() + patience)
        file.truncate(0)
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        file.write(f"process {os.getpid()} on {platform.node()} since {now}")
        file.flush()
        yield


def _lock(descriptor: int, out: Path, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(_LOOK_EVERY)
                continue
            who = path.read_text(encoding="utf-8") or "a process that has just begun"
            raise InUse(
                f"{out} is being written by another run ({who}). Wait until it ends and run the same again, or name "
                "another course folder with --out."
            ) from None
        except OSError as problem:
            if problem.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                return  # a file system without locks: as before there were any
            raise
