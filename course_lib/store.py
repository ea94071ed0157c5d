"""What the course remembers between sessions on this computer: small JSON files in one folder.

The folder is `$COURSE_HOME`, or `~/.language-model-course`. Writing is atomic; a file that cannot be read is set aside,
never overwritten, and the course goes on with an empty one. What is changed (`changing`) is read and written under a
lock, so that two notebooks that change it at once lose nothing of each other's.
"""

import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

PATIENCE = 5.0  # seconds that one waits for another who writes; then it goes on, since a lesson must not stop for it


def folder() -> Path:
    """Return the folder of the course's own files; it is made when something is saved."""
    return Path(os.environ.get("COURSE_HOME") or Path.home() / ".language-model-course")


def load(name: str) -> dict:
    """Return what was saved under this name (a file `name.json`), or {} when there is nothing, or nothing readable."""
    path = folder() / f"{name}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("not a JSON object")
        return content
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as problem:
        aside = path.with_suffix(".unreadable.json")
        number = 1
        while aside.exists():
            number += 1
            aside = path.with_suffix(f".unreadable-{number}.json")
        try:
            path.replace(aside)
            warnings.warn(f"{path} could not be read ({problem}). It was kept as {aside.name}.", stacklevel=2)
        except OSError:
            warnings.warn(f"{path} could not be read ({problem}).", stacklevel=2)
        return {}


def save(name: str, content: dict) -> None:
    """Save a dict of JSON values under this name. On a read-only disk it warns: a lesson must not stop for that."""
    home, text = folder(), json.dumps(content, indent=1, ensure_ascii=False)
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=home, suffix=".part", delete=False) as part:
            part.write(text)
        os.replace(part.name, home / f"{name}.json")
    except OSError as problem:
        warnings.warn(f"Your progress could not be saved in {home}: {problem}", stacklevel=2)


@contextmanager
def changing(name: str) -> Iterator[dict]:
    """Yield what was saved under this name, to be changed in place, and save it at the end; nobody else does meanwhile.

    >>> with changing("progress") as entries:
    ...     entries["information.entropy"] = {"tries": 1}

    An error in the context saves nothing.
    """
    with _alone(name):
        content = load(name)
        yield content
        save(name, content)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Hold the lock on a name, if one can be had: not on a read-only disk, nor on some network's."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        lock = (folder() / f"{name}.lock").open("a")
    except OSError:
        yield
        return
    with lock:
        locked = _wait_for(lock)
        try:
            yield
        finally:
            if locked:
                with suppress(OSError):
                    _unlock(lock)


def _wait_for(lock: IO) -> bool:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            _lock(lock)
            return True
        except OSError:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)


def _locks() -> tuple[Callable[[IO], None], Callable[[IO], None]]:
    """Return what locks an open file, or raises OSError at once, and what unlocks it."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        def with_first_byte(mode: int) -> Callable[[IO], None]:
            def change(file: IO) -> None:
                file.seek(0)
                msvcrt.locking(file.fileno(), mode, 1)  # type: ignore[attr-defined,unused-ignore]

            return change

        return with_first_byte(msvcrt.LK_NBLCK), with_first_byte(msvcrt.LK_UNLCK)  # type: ignore[attr-defined,unused-ignore]
    return (
        lambda file: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB),
        lambda file: fcntl.flock(file, fcntl.LOCK_UN),
    )


_lock, _unlock = _locks()
