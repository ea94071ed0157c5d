"""What this machine has, what is missing, and the command that mends it."""

import importlib.metadata
import platform
import shutil
import sys
from dataclasses import dataclass

LAYERS = ("namespaces", "files", "limits", "privileges", "landlock", "seccomp")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. required: whether grading fails without it; remedy: what to do, "" when nothing."""

    name: str
    found: str
    good: bool
    required: bool = True
    remedy: str = ""


def examine() -> list[Finding]:
    """Return what was found, the most basic things first."""
    return [
        _python(),
        *map(_package, ("torch", "nbgrader", "jupytext", "ipykernel", "jupyterlab")),
        _gpu(),
        _chromium(),
        _sandbox(),
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
