"""What this machine has, what is missing, and the command that fixes it."""

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from course_lib.course_folder import NoCourse, find_course

MIN_FREE = 2**30  # bytes; a class of a hundred leaves about 100 MB a lesson
LAYERS = ("namespaces", "files", "limits", "privileges", "landlock", "seccomp")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. required: whether grading fails without it; remedy: what to do, "" when nothing."""

    name: str
    found: str
    good: bool
    required: bool = True
    remedy: str = ""


def examine(out: Path, db_url: str | None = None, course: Path | None = None) -> list[Finding]:
    """Return what was found, the most basic things first.

    out     the folder that `grade` is to write to
    db_url  its gradebook, or None for the one in that folder
    course  the course's folder, or None to look for it
    """
    return [
        _python(),
        *map(_package, ("torch", "nbgrader", "jupytext", "ipykernel", "jupyterlab")),
        _gpu(),
        _chromium(),
        _sandbox(),
        _course(course),
        _course_folder(out),
        _disk("disk", out),
        _disk("temporary files", Path(tempfile.gettempdir())),
        _gradebook(db_url or f"sqlite:///{out / 'gradebook.db'}"),
    ]


def _python() -> Finding:
    good = (3, 11) <= sys.version_info[:2] <= (3, 14)
    remedy = "" if good else "Install Python 3.11 to 3.14, remove .venv and run make again."
    return Finding("Python", platform.python_version(), good, remedy=remedy)


def _package(name: str) -> Finding:
    try:
        return Finding(name, importlib.metadata.version(name), True)
    except importlib.metadata.PackageNotFoundError:
        return Finding(
            name,
            "not installed",
            False,
            remedy="make .venv   (or: pip install -e '.[learner,grader]' -c constraints.txt)",
        )


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("GPU", torch.cuda.get_device_name(), True, required=False)
    if torch.backends.mps.is_available():
        return Finding("GPU", "Apple MPS", True, required=False)
    return Finding("GPU", "none; everything runs on the CPU", True, required=False)


def _chromium() -> Finding:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    remedy = "" if path else "Only the browser tests need it: apt-get install chromium"
    return Finding("Chromium", path or "not found", bool(path), required=False, remedy=remedy)


def _sandbox() -> Finding:
    from autograder.sandbox.session import SandboxUnavailable, Session

    if platform.system() != "Linux":
        remedy = "Grade on Linux, or in a Linux container; learners need nothing more."
        return Finding("sandbox", f"none on {platform.system()}", False, required=False, remedy=remedy)
    try:
        with Session() as session:
            held = session.layers
    except SandboxUnavailable as problem:
        return Finding(
            "sandbox", str(problem).splitlines()[0], False, remedy="\n    ".join(str(problem).splitlines()[1:])
        )
    missing = [layer for layer in LAYERS if layer not in held]
    found = ", ".join(held) + (f"; missing: {', '.join(missing)}" if missing else "")
    return Finding("sandbox", found, not missing, required=False)


def _course(named: Path | None) -> Finding:
    try:
        course = find_course(named)
    except NoCourse as problem:
        return Finding("course", "none", False, required=named is not None, remedy=str(problem))
    closed = [str(path) for path in sorted(course.solutions.glob("*.py")) if not os.access(path, os.R_OK)]
    remedy = f"Make these readable for this user: {', '.join(closed[:5])}" if closed else ""
    return Finding("course", str(course.root), not closed, remedy=remedy)


def _existing(path: Path) -> Path:
    """Return a folder, or the nearest above it that is there already."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _course_folder(out: Path) -> Finding:
    place = _existing(out)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as problem:
        remedy = f"Make {place} writable for this user, or name another folder with --out."
        return Finding("course folder", f"{out}: {problem.strerror}", False, remedy=remedy)
    written = ("results.jsonl", "grades.csv", "autograded", "feedback", "source", "release", ".grading")
    closed = [name for name in written if (out / name).exists() and not os.access(out / name, os.W_OK)]
    found = f"{out} can be written" + (f", but not {', '.join(closed)}" if closed else "")
    remedy = f"Somebody else wrote them. Make them yours: chown -R $USER {out}" if closed else ""
    return Finding("course folder", found, not closed, remedy=remedy)


def _disk(name: str, folder: Path) -> Finding:
    place = os.statvfs(_existing(folder))
    free = place.f_bavail * place.f_frsize
    few = place.f_files > 0 and place.f_favail < 10_000
    found = f"{free / 2**30:.1f} GB free for {folder}" + (f", {place.f_favail} files" if few else "")
    good = free >= MIN_FREE and not few
    return Finding(name, found, good, required=False, remedy="" if good else "Make room there, or use another disk.")


def _gradebook(db_url: str) -> Finding:
    try:
        from sqlalchemy import create_engine, make_url, text
        from sqlalchemy.exc import SQLAlchemyError
    except ModuleNotFoundError as problem:
        return Finding("gradebook", f"cannot be looked at: {problem}", False, required=False)
    shown = "gradebook"
    try:
        url = make_url(db_url)
        shown, sqlite = url.render_as_string(hide_password=True), url.get_backend_name() == "sqlite"
        if sqlite and not Path(url.database or "").exists():
            return Finding("gradebook", f"{shown} is not there yet; `grade` makes it", True)
        engine = create_engine(url)
        with engine.connect() as connection:  # writes, and takes it back
            if sqlite:  # else Python's driver would keep the table
                connection.execute(text("BEGIN IMMEDIATE"))
            connection.execute(text("CREATE TABLE course_doctor (id INTEGER)"))
            connection.rollback()
        engine.dispose()
    except (SQLAlchemyError, ModuleNotFoundError) as problem:
        remedy = "Is the server up, is the file whole, and may this user write it? Or name another with --db."
        return Finding("gradebook", f"{shown}: {getattr(problem, 'orig', None) or problem}", False, remedy=remedy)
    return Finding("gradebook", f"{shown} can be written", True)
