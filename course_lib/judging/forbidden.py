"""Withheld names: what an exercise asks you to write may not be called instead of written.

In a graded run the `course_lib` functions that would answer a lesson are absent. For those of torch, NumPy and SciPy
there is this tripwire: a look at the source, at what the student's functions refer to, and, for torch, a
`TorchFunctionMode` while the probe runs. It stops an honest shortcut, not a determined person: torch's private names, a
scripted function, another thread, and `getattr` on SciPy get past it.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType, TracebackType
from typing import Any

from torch.overrides import TorchFunctionMode

from course_lib.judging.program import UNREADABLE, parse


def forbidden_sentence(name: str, elsewhere: bool = False) -> str:
    """Return what is said to whoever called a withheld name.

    name       "" when it is not known which
    elsewhere  whether it answers not this exercise but another one of the lesson
    """
    if elsewhere:
        return f"`{name}` answers another exercise of this lesson, so calling it is not allowed. Call your own version."
    called = f"`{name}`" if name else "A function that was called"
    return f"{called} is what you are asked to write here, so calling it is not allowed."


class ForbiddenCall(Exception):
    """The function that was called is the one that this exercise asks for."""

    def __init__(self, name: str) -> None:
        super().__init__(forbidden_sentence(name))
        self.name = name


def forbidden_in(source: str, withheld: Iterable[str]) -> str:
    """Return the first withheld name that the source mentions as `module.name` or imports, or "" if there is none.

    source    the text of a cell; one that does not parse mentions nothing
    withheld  dotted names, e.g. "course_lib.information.entropy", "torch.special.entr"
    """
    withheld = tuple(withheld)
    last = {name.rsplit(".", 1)[-1]: name for name in withheld}
    homes = {name.rsplit(".", 1)[0] for name in withheld}
    try:
        tree = parse(source)
    except UNREADABLE:
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in last:
            if not (isinstance(node.value, ast.Name) and node.value.id == "self"):
                return last[node.attr]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", "") or ""
            for alias in node.names:
                final = alias.name.rsplit(".", 1)[-1]
                if final in last:
                    return last[final]
                if final == "*" and module in homes:
                    return f"{module}.*"
                imported = f"{module}.{alias.name}".lstrip(".") + "."
                if inside := next((name for name in withheld if imported.startswith(f"{name}.")), ""):
                    return inside  # a whole module is withheld, and this is a part of it
    return ""


def forbidden_behind(student: Any, withheld: Iterable[str]) -> str:
    """Return the first withheld name that a student's functions refer to under whatever name, or "".

    student   a function or a class; what it refers to of its own notebook is looked at, too
    withheld  as for `forbidden_in`; the library's names are left to those who make them absent
    """
    wanted = {id(thing): name for name in withheld if (thing := _imported(name)) is not None}
    waiting, seen = [student], set()
    while waiting and wanted:
        thing = waiting.pop()
        if name := wanted.get(id(thing), ""):
            return name
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, MethodType):
            waiting.append(thing.__func__)
        elif isinstance(thing, type):
            waiting += [value for value in vars(thing).values() if isinstance(value, FunctionType)]
        elif isinstance(thing, FunctionType) and thing.__globals__.get("__spec__") is None:  # of no imported module
            waiting += _referred(thing)
    return ""


def _imported(name: str) -> Any:
    """Return what a dotted name means, when its module has been imported; the library's names are not looked up."""
    if name.startswith("course_lib."):
        return None
    module, _, attribute = name.rpartition(".")
    thing = getattr(sys.modules.get(module), attribute, None)
    return thing if callable(thing) or isinstance(thing, ModuleType) else None


def _referred(function: FunctionType) -> Iterator[Any]:
    """Yield the global and enclosed things that a function names, and what it names of the modules among them."""
    names = set(_names(function.__code__))
    for name in names & function.__globals__.keys():
        thing = function.__globals__[name]
        yield thing
        if isinstance(thing, ModuleType):
            yield from (vars(thing)[inside] for inside in names & vars(thing).keys())
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not bound yet
            continue


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


class Tripwire(TorchFunctionMode):
    """Raises ForbiddenCall when a withheld torch function is called while it is active."""

    def __init__(self, withheld: Iterable[str]) -> None:
        super().__init__()
        names = [name for name in withheld if not name.startswith("course_lib.")]
        self.withheld = {name.rsplit(".", 1)[-1]: name for name in names}

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        called = getattr(func, "__name__", "")
        name = self.withheld.get(called.removeprefix("special_").removeprefix("linalg_"))
        if name is not None:
            raise ForbiddenCall(name)
        return func(*args, **(kwargs or {}))

    def __enter__(self) -> "Tripwire":
        if self.withheld:
            super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.withheld:
            super().__exit__(kind, error, trace)
