"""Programs as trees: what a cell defines and uses, and whether two cells are the same program."""

import ast
import symtable
import threading
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

from course_lib.judging.magics import without_magics

# What `parse` raises on text that is no program, or one too deep to look at.
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)

MAX_KEPT = 1_000_000  # characters of a source whose analysis is kept

_one_at_a_time = threading.Lock()


def parse(source: str) -> ast.Module:
    """Return the tree of a cell, read by one thread at a time; what only Jupyter understands is passed over.

    Python 3.11 counts the depth of all threads' trees in one place, so two that parse side by side can fail with
    "SystemError: AST constructor recursion depth mismatch" (CPython issue 106905). A grading run has such threads.
    """
    with _one_at_a_time:
        try:
            return ast.parse(source)
        except SyntaxError:
            return ast.parse(_python_in(source))


def _python_in(source: str) -> str:
    """Return a cell without its magics. Raises the SyntaxError that is being handled when it has none."""
    plain, _ = without_magics(source)
    if plain == source:
        raise
    return plain


def same_code(a: str, b: str) -> bool:
    """Whether two sources are the same program: comments, layout and magics aside."""
    return a == b or (outline(a) == outline(b) and _normal_form(a) == _normal_form(b))


def outline(source: str) -> tuple[str, ...]:
    """Return the kinds of the statements at a cell's top level; none when it is no program."""
    return _looked_at(source)[0]


def names_defined_in(source: str) -> frozenset[str]:
    """Return the names that a cell binds at its top level; none when it is no program."""
    return _looked_at(source)[1]


def _looked_at(source: str) -> tuple[tuple[str, ...], frozenset[str]]:
    return (_look_at if len(source) <= MAX_KEPT else _look_at.__wrapped__)(source)


@lru_cache(maxsize=256)  # in a class, stubs, demos and right answers repeat
def _look_at(source: str) -> tuple[tuple[str, ...], frozenset[str]]:
    try:
        tree = parse(source)
        return tuple(type(node).__name__ for node in tree.body), frozenset(defined_names(tree))
    except UNREADABLE:
        return (), frozenset()


def _normal_form(source: str) -> str:
    """Return a text that is equal for the same programs; of what is no program, its own text."""
    try:
        tree = parse(source)
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                first = node.body[0]
                if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                    first.value.value = ast.get_docstring(node) or first.value.value  # a formatter indents it
        return ast.dump(tree)
    except UNREADABLE:
        return source.strip()


def defined_names(tree: ast.Module) -> set[str]:
    """Return the names that a cell binds at its top level: functions, classes, assignments, imports, loop variables."""
    return set(_bound(_same_scope(tree)))


def _bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]


def changed_names(tree: ast.Module) -> set[str]:
    """Return the names whose objects a cell may change at its top level: `a.b = …`, `a[b] += …`, `a.b(…)`."""
    names = set()
    for node in _same_scope(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            node = node.value.func
        elif not isinstance(getattr(node, "ctx", None), ast.Store):
            continue
        place = node
        while isinstance(place, (ast.Attribute, ast.Subscript)):
            place = place.value
        if isinstance(place, ast.Name) and place is not node:
            names.add(place.id)
    return names


def used_names(source: str) -> set[str]:
    """Return the global names that a cell reads, in its functions and classes, too; none of what is no program."""
    try:
        return set(_read(_symbols(source)))
    except UNREADABLE:
        return set()


def _symbols(source: str) -> symtable.SymbolTable:
    try:
        return symtable.symtable(source, "<cell>", "exec")
    except SyntaxError:
        return symtable.symtable(_python_in(source), "<cell>", "exec")


def _read(table: symtable.SymbolTable) -> Iterator[str]:
    everywhere = table.get_type() == "module"
    yield from (s.get_name() for s in table.get_symbols() if s.is_referenced() and (everywhere or s.is_global()))
    for inner in table.get_children():
        yield from _read(inner)


def without_definitions(source: str, names: Collection[str]) -> str:
    """Return a cell without the statements at its top level that define some of these names and no others."""
    try:
        body = parse(source).body
        kept = [node for node in body if not (own := defined_names(ast.Module([node], []))) or not own <= set(names)]
        return source if len(kept) == len(body) else ast.unparse(ast.Module(kept, []))
    except UNREADABLE:
        return source


def _same_scope(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree that are not inside a function, class, lambda or comprehension."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    inner = (*functions, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    waiting = [tree]
    while waiting:
        for child in ast.iter_child_nodes(waiting.pop()):
            yield child
            if not isinstance(child, inner):
                waiting.append(child)
