"""Programs as trees: what a cell defines, and whether two cells are the same program."""

import ast
import hashlib
import threading
from collections.abc import Iterator
from functools import lru_cache

# What `parse` raises on text that is no program, or one too deep to look at.
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)

_one_at_a_time = threading.Lock()


def parse(source: str) -> ast.Module:
    """Return the tree of a program, read by one thread at a time.

    Python 3.11 counts the depth of all threads' trees in one place, so two that parse side by side can fail with
    "SystemError: AST constructor recursion depth mismatch" (CPython issue 106905). A grading run has such threads.
    """
    with _one_at_a_time:
        return ast.parse(source)


def same_code(a: str, b: str) -> bool:
    """Whether two sources are the same program, comments and layout aside."""
    return a == b or _meaning(a) == _meaning(b)


@lru_cache(maxsize=512)
def _meaning(source: str) -> bytes:
    """Return a digest that is the same for the same program. One cell is compared with many, many times."""
    try:
        meaning = ast.dump(parse(source))
    except UNREADABLE:
        meaning = f"unreadable: {source.strip()}"
    return hashlib.sha256(meaning.encode(errors="backslashreplace")).digest()


def defined_names(tree: ast.Module) -> set[str]:
    """Return the names that a cell binds at its top level: functions, classes, assignments, imports, loop variables."""
    names = set()
    for node in _same_scope(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
    return names


def _same_scope(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree that do not stand inside a function, class, lambda or comprehension."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    inner = (*functions, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    waiting = [tree]
    while waiting:
        for child in ast.iter_child_nodes(waiting.pop()):
            yield child
            if not isinstance(child, inner):
                waiting.append(child)
