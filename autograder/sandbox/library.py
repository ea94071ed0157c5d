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

import course_lib
from course_lib.judging.program import parse

SOURCE = Path(course_lib.__file__).parent
_PREFIX = "course-grader"
_KEEP_SECONDS = 24 * 3600.0  # a process of another container that shares this folder may look as if it were gone
_REFUSAL = """
def {function}(*args, **kwargs):
    from course_lib.judging.forbidden import ForbiddenCall
    raise ForbiddenCall({name!r})
"""


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
    shutil.copytree(SOURCE, folder / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    by_file: dict[Path, list[str]] = {}
    for name in sorted(name for name in names if name.startswith("course_lib.")):
        module, _, attribute = name.rpartition(".")
        by_file.setdefault(_file(folder, module, name), []).append(attribute)
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


@lru_cache(maxsize=256)
def leans_on(name: str) -> frozenset[str]:
    """Return a name of `course_lib` with every name of its own module that it uses, directly or through others."""
    module, _, attribute = name.rpartition(".")
    tree = parse(_file(SOURCE.parent, module, name).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef)
    definitions = {node.name: node for node in tree.body if isinstance(node, kinds)}
    found, waiting = set(), [attribute]
    while waiting:
        found.add(used := waiting.pop())
        mentioned = {node.id for node in ast.walk(definitions[used]) if isinstance(node, ast.Name)}
        waiting += (mentioned & definitions.keys()) - found
    return frozenset(f"{module}.{used}" for used in found)


def _file(folder: Path, module: str, name: str) -> Path:
    path = folder.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    raise LookupError(f"there is no module {module} in course_lib, so {name} cannot be withheld")


def _withhold(source: str, module: str, names: Iterable[str]) -> str:
    """Return the module's source with each of these definitions replaced by one that refuses."""
    tree = parse(source)
    wanted = set(names)
    for index, node in enumerate(tree.body):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in wanted:
            wanted.remove(node.name)
            is_class = isinstance(node, ast.ClassDef)  # what is built of it refuses; it can be named and subclassed
            refusal = _REFUSAL.format(name=f"{module}.{node.name}", function="__init__" if is_class else node.name)
            (refuse,) = parse(refusal).body
            if isinstance(node, ast.ClassDef):
                node.body, node.decorator_list = [refuse], []
            else:
                tree.body[index] = refuse
    if wanted:
        raise LookupError(f"{module} defines no {', '.join(sorted(wanted))}, so it cannot be withheld")
    return ast.unparse(ast.fix_missing_locations(tree))
