"""The student's copy of `course_lib`: of the functions that would answer the lesson there is only a kind refusal."""

import ast
import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from course_lib.judging.absent import LIBRARY, module_file, refusal
from course_lib.judging.program import parse

_PREFIX = "course-grader"
_KEEP_SECONDS = 24 * 3600.0  # a process of another container that shares this folder may look as if it were gone


@lru_cache(maxsize=64)
def copy_without(names: frozenset[str]) -> Path:
    """Return a folder with a `course_lib` that lacks these functions and classes. It is removed when this process ends.

    names  dotted, e.g. "course_lib.information.entropy"; others than course_lib's are left to the tripwire

    Raises LookupError when the library has no such name.
    """
    remove_leftovers()
    folder = own_folder("library")
    folder.chmod(0o755)  # the student's process is another user
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(LIBRARY, folder / "course_lib", ignore=shutil.ignore_patterns("__pycache__", "cases"))
    by_file: dict[Path, list[str]] = {}
    for name in sorted(name for name in names if name.startswith("course_lib.")):
        module, _, attribute = name.rpartition(".")
        by_file.setdefault(module_file(folder, module), []).append(attribute)
    for path, attributes in by_file.items():
        module = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
        path.write_text(_withhold(path.read_text(encoding="utf-8"), module, attributes), encoding="utf-8")
    return folder


def own_folder(kind: str) -> Path:
    """Return a new folder among the temporary files, whose name says which process it belongs to."""
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}-{kind}-{os.getpid()}-"))


def remove_leftovers() -> None:
    """Remove the folders of graders that were killed: a day old, and their process is gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}-*-*-*"):
        try:
            owner = int(folder.name.split("-")[-2])
            if time.time() - folder.stat().st_mtime > _KEEP_SECONDS and not Path(f"/proc/{owner}").exists():
                shutil.rmtree(folder, ignore_errors=True)
        except (ValueError, OSError):  # not ours, or gone meanwhile
            continue


def _withhold(source: str, module: str, names: Iterable[str]) -> str:
    """Return the module's source with each of these definitions replaced by one that refuses."""
    tree = parse(source)
    wanted = set(names)
    for index, node in enumerate(tree.body):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in wanted:
            wanted.remove(node.name)
            is_class = isinstance(node, ast.ClassDef)  # what is built of it refuses; it can be named and subclassed
            (refuse,) = parse(refusal("__init__" if is_class else node.name, f"{module}.{node.name}")).body
            if isinstance(node, ast.ClassDef):
                node.body, node.decorator_list = [refuse], []
            else:
                tree.body[index] = refuse
    if wanted:
        raise LookupError(f"{module} defines no {', '.join(sorted(wanted))}, so it cannot be withheld")
    return ast.unparse(ast.fix_missing_locations(tree))
