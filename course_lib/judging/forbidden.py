"""Withheld names: what an exercise asks you to write may not be called instead of written.

In a graded run the `course_lib` functions that would answer a lesson are absent. For torch's own functions there is
this tripwire: a look at the source and a `TorchFunctionMode` while the probe runs. It stops an honest shortcut, not a
determined person: torch's private names, a scripted function and another thread get past it.
"""

import ast
from collections.abc import Iterable
from types import TracebackType
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
