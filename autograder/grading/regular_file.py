"""Opening what students handed in: no link is followed, nothing is waited for, and what is no ordinary file is refused.

A path can be another file at each look. So a folder and a file are opened once, each by its name in the one above, and
everything is asked of the open descriptor.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autograder.grading.plain_text import printable
from autograder.grading.refusal import NotGradable

MAX_ENTRIES = 10_000
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW


@contextmanager
def opened_folder(folder: Path) -> Iterator[int]:
    """Open a submission's folder STUDENT/LESSON; yield its descriptor. Raises NotGradable, also for a link."""
    descriptor = _opened(str(folder.parent.parent), None, follow=True)
    try:
        for name in (folder.parent.name, folder.name):
            above, descriptor = descriptor, _opened(name, descriptor)
            os.close(above)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def opened_inside(folder: int, name: str) -> Iterator[int]:
    """Open a folder in an open folder; yield its descriptor. Raises NotGradable."""
    descriptor = _opened(name, folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _opened(name: str, folder: int | None, follow: bool = False) -> int:
    try:
        flags = _FLAGS | os.O_DIRECTORY
        return os.open(name or ".", flags & ~os.O_NOFOLLOW if follow else flags, dir_fd=folder)
    except (OSError, ValueError) as problem:
        if not follow and folder is not None and _is_link(name, folder):
            raise NotGradable(f"The folder {printable(name)} is a link to another place.") from None
        raise NotGradable(f"The folder {printable(name)} cannot be read: {_why(problem)}.") from None


def _is_link(name: str, folder: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class Names:
    """What is in a folder, by name and in order. others: links, pipes, sockets and devices."""

    files: list[str]
    folders: list[str]
    others: list[str]


def names_in(folder: int) -> Names:
    """Return what is in an open folder. Raises NotGradable."""
    names = Names([], [], [])
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count >= MAX_ENTRIES:
                    raise NotGradable(f"There are more than {MAX_ENTRIES} files in one folder of the submission.")
                is_file, is_folder = entry.is_file(follow_symlinks=False), entry.is_dir(follow_symlinks=False)
                (names.files if is_file else names.folders if is_folder else names.others).append(entry.name)
    except OSError as problem:
        raise NotGradable(f"The submission's folder cannot be read: {_why(problem)}.") from None
    for some in (names.files, names.folders, names.others):
        some.sort()
    return names


def read_file(folder: int, name: str, most: int) -> bytes:
    """Return the bytes of an ordinary file in an open folder, at most `most`. Raises NotGradable with the reason."""
    shown = printable(name)
    try:
        # nothing but an ordinary file is opened, since even opening does something to some devices
        _require_ordinary(shown, os.stat(name, dir_fd=folder, follow_symlinks=False))
        with open(os.open(name, _FLAGS, dir_fd=folder), "rb") as file:
            about = os.fstat(file.fileno())
            _require_ordinary(shown, about)  # it may be another one by now
            _require_size(shown, about.st_size, most)
            data = file.read(most + 1)
    except (OSError, ValueError) as problem:
        raise NotGradable(f"{shown} cannot be read: {_why(problem)}.") from None
    _require_size(shown, len(data), most)
    return data


def _require_ordinary(shown: str, about: os.stat_result) -> None:
    if stat.S_ISREG(about.st_mode):
        return
    if stat.S_ISLNK(about.st_mode):
        raise NotGradable(f"{shown} is a link to another place, not a notebook.")
    if stat.S_ISDIR(about.st_mode):
        raise NotGradable(f"{shown} is a folder, not a notebook.")
    raise NotGradable(f"{shown} is a pipe, a socket or a device, not a notebook.")


def _require_size(shown: str, size: int, most: int) -> None:
    if size > most:
        raise NotGradable(f"{shown} has {size / 2**20:.1f} MB; at most {most / 2**20:g} MB are accepted.")


def _why(problem: OSError | ValueError) -> str:
    if isinstance(problem, PermissionError):
        return "this user may not open it (its permissions do not allow it)"
    return problem.strerror or str(problem) if isinstance(problem, OSError) else str(problem)
