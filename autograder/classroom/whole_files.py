"""Writing files whole: whoever looks, at any instant, finds all of the old one or all of the new.

An error says which file could not be written, also where the system does not, as when the disk is full.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """While a file is written: have an OSError name it."""
    try:
        yield
    except OSError as problem:
        if problem.filename is None:
            problem.filename = str(path)
        raise


def write_whole(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file, making its folder. mode: who may read it. Raises OSError, which names the file."""
    data = content if isinstance(content, bytes) else content.encode("utf-8", errors="backslashreplace")
    part = path.with_name(f".{path.name}.part")
    opener = lambda name, flags: os.open(name, flags, mode)  # noqa: E731
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb", opener=opener) as file:
            file.write(data)
        os.replace(part, path)


def concerns_all(problem: OSError, submitted: Path) -> bool:
    """Whether an error would meet every further submission: the disk is full or closed, or the machine at its end.

    submitted  what lies in this folder is read only, and an error there concerns one submission
    """
    if problem.filename is not None and Path(os.fsdecode(problem.filename)).is_relative_to(submitted):
        return False
    return problem.errno in FULL | READ_ONLY | {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
