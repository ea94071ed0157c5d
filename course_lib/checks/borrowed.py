"""What an exercise takes from other cells of a notebook, and would not find when it is graded.

A grader runs those cells, too, but without the functions of `course_lib` that answer the lesson.
"""

import ast
from collections.abc import Collection, Iterator
from types import ModuleType
from typing import Any

from course_lib.judging.absent import absent_names
from course_lib.judging.exercise import Exercise
from course_lib.judging.program import UNREADABLE, names_defined_in, parse, used_names


def source_of(name: str, names: dict[str, Any]) -> str:
    """Return the text of the last executed cell that defines a name; "" outside IPython."""
    for cell in reversed(names.get("In", ())):
        if name in names_defined_in(cell):
            return cell
    return ""


def remark_on_borrowed(exercise: Exercise, names: dict[str, Any]) -> str:
    """Return a sentence on a name that cannot be made when this is graded, or "".

    exercise  one whose cell has been run
    names     the notebook's names
    """
    absent, own = absent_names(exercise), source_of(exercise.name, names)
    seen = set(names_defined_in(exercise.setup))
    waiting = used_names(own) - names_defined_in(own)
    while waiting:
        name = waiting.pop()
        cell = "" if name in seen else source_of(name, names)
        seen.add(name)
        if not cell or cell == own:
            continue
        if called := next(_absent_in(cell, names, absent), ""):
            return (
                f"`{name}` comes from a cell that uses `{called}`, which is not there when this is graded. "
                "Use your own version there, or do without."
            )
        waiting |= used_names(cell) - names_defined_in(cell)
    return ""


def _absent_in(cell: str, names: dict[str, Any], absent: Collection[str]) -> Iterator[str]:
    """Yield the absent functions that a cell uses, but for those that it hands to `yours`, which returns one's own."""
    try:
        waiting: list[ast.AST] = [parse(cell)]
    except UNREADABLE:
        return
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "yours":
            continue
        if (found := _meant(node, names)) in absent:
            yield found
        waiting += ast.iter_child_nodes(node)


def _meant(node: ast.AST, names: dict[str, Any]) -> str:
    """Return the dotted name of the library's function that a node means, or of anything else something else."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        module = names.get(node.value.id)
        return f"{module.__name__}.{node.attr}" if isinstance(module, ModuleType) else ""
    if isinstance(node, ast.Name):
        thing = names.get(node.id)
        return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}"
    return ""
