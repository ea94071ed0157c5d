"""Programs as trees: what a cell defines, and whether two cells are the same program."""

import ast
import threading

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
    try:
        return ast.dump(parse(a)) == ast.dump(parse(b))
    except UNREADABLE:
        return a.strip() == b.strip()


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


def _same_scope(node: ast.AST) -> list[ast.AST]:
    """Return the nodes below this one that do not stand inside a function, class, lambda or comprehension."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    inner = (*functions, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    found: list[ast.AST] = []
    for child in ast.iter_child_nodes(node):
        found.append(child)
        if not isinstance(child, inner):
            found += _same_scope(child)
    return found
