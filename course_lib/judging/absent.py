"""What is absent from `course_lib` while an exercise is graded: whatever would answer it, or another of its lesson.

The grader gives a student's process a copy of the library without those names (autograder.sandbox.library). A check
runs in the learner's own kernel, where the library has been imported: there they refuse for as long as it probes.
"""

import ast
import importlib
import inspect
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import course_lib
from course_lib.judging.exercise import Exercise
from course_lib.judging.program import parse

LIBRARY = Path(course_lib.__file__).parent
_REFUSAL = """
def {function}(*args, **kwargs):
    from course_lib.judging.forbidden import ForbiddenCall
    raise ForbiddenCall({name!r})
"""
_CONSTRUCTOR = "__init__"
_METHODS = (types.FunctionType, classmethod, staticmethod, property)


def absent_names(exercise: Exercise, tested: Iterable[str] = ()) -> frozenset[str]:
    """Return the names of `course_lib` that are absent while an exercise is probed, in its check and in grading.

    tested  tested versions (dotted) that take the place of the student's own: they, and what they lean on, are there
            unless they would answer the exercise itself
    """
    there = frozenset[str]().union(*(leans_on(name) for name in tested))
    own = frozenset(name for name in exercise.withheld if name.startswith("course_lib."))
    return (frozenset(exercise.elsewhere) - there) | own


@lru_cache(maxsize=256)
def leans_on(name: str) -> frozenset[str]:
    """Return a name of `course_lib` with every name of its own module that it uses, directly or through others."""
    module, _, attribute = name.rpartition(".")
    tree = parse(module_file(LIBRARY.parent, module).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef)
    definitions = {node.name: node for node in tree.body if isinstance(node, kinds)}
    found, waiting = set(), [attribute]
    while waiting:
        found.add(used := waiting.pop())
        mentioned = {node.id for node in ast.walk(definitions[used]) if isinstance(node, ast.Name)}
        waiting += (mentioned & definitions.keys()) - found
    return frozenset(f"{module}.{used}" for used in found)


def module_file(folder: Path, module: str) -> Path:
    """Return the file of a module of the library whose copy is in a folder. Raises LookupError if there is none."""
    path = folder.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    raise LookupError(f"there is no module {module} in course_lib, so nothing of it can be withheld")


def refusal(function: str, name: str) -> str:
    """Return the source of a function that raises ForbiddenCall for a name."""
    return _REFUSAL.format(function=function, name=name)


@contextmanager
def refusing(names: Iterable[str]) -> Iterator[None]:
    """Let these functions and classes of the imported library refuse, however they are reached; afterwards all is back.

    A function's code is exchanged, since cells may hold the function itself. A class keeps nothing but a constructor
    that refuses, as in the grader's copy.

    Raises LookupError when the library has no such name.
    """
    with ExitStack() as stack:
        for name in sorted(names):
            stack.callback(_refuse(name))
        yield


def _refuse(name: str) -> Callable[[], Any]:
    """Let one name refuse; return what takes that back."""
    module, _, attribute = name.rpartition(".")
    thing = inspect.unwrap(getattr(importlib.import_module(module), attribute, None))  # type: ignore[arg-type]
    namespace: dict[str, Any] = {}
    exec(refusal("refuse", name), namespace)
    refuse = namespace["refuse"]
    if isinstance(thing, types.FunctionType):
        code = thing.__code__
        thing.__code__ = refuse.__code__
        return lambda: setattr(thing, "__code__", code)
    if isinstance(thing, type):
        return _refuse_to_build(thing, refuse)
    raise LookupError(f"{module} has no function or class {attribute}, so it cannot be withheld")


def _refuse_to_build(kind: type, refuse: Callable) -> Callable[[], None]:
    methods = {
        name: value
        for name, value in vars(kind).items()
        if isinstance(value, _METHODS) and not name.startswith("__annotate")
    }
    for name in methods:
        delattr(kind, name)
    kind.__init__ = refuse  # type: ignore[misc]

    def restore() -> None:
        delattr(kind, "__init__")
        for name, value in methods.items():
            setattr(kind, name, value)

    return restore
