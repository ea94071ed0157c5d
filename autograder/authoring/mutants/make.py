"""Making mutants: every slip of the catalogue at every place of a reference, one at a time."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from autograder.authoring.mutants import plain, statements, tensors
from autograder.authoring.mutants.plain import Changed

MIN_SHOWN, MAX_SHOWN = 8, 90  # characters of a change
EVERYWHERE: tuple[Callable[[ast.AST], Changed], ...] = (*plain.SLIPS, *tensors.SLIPS, *statements.SLIPS)


@dataclass(frozen=True)
class Mutant:
    """A reference with one slip.

    slip    its name, as in "other_dimension"
    change  what was written → what is written now: it names the mutant in the lesson, if it has to
    line    of the reference; source: the whole cell
    """

    slip: str
    change: str
    line: int
    source: str


@dataclass
class _Place:
    """Where a node is in its tree: a field of the parent, or an item of one."""

    parent: ast.AST
    field: str
    index: int | None
    node: ast.AST

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node

    def words(self) -> str:
        """Return what is here now, on one line; of something short what it is in, which says more than `1`."""
        is_short = isinstance(self.node, ast.expr) and len(ast.unparse(self.node)) < MIN_SHOWN
        if is_short and not hasattr(self.parent, "body"):
            return _words(self.parent)
        here = getattr(self.parent, self.field)
        return _words(here if self.index is None else here[self.index])


def mutants_of(source: str, name: str, first: dict[str, Any]) -> list[Mutant]:
    """Return the mutants of a reference, without those that are the same program as another one.

    source  a cell; what it defines beside `name` is changed, too
    first   the arguments of the first public case, where the check calls the function with them; else {}
    """
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    mutants = []
    dimensions = {id(argument) for call in ast.walk(tree) for argument in tensors.dimension_arguments(call)}
    for place in [place for place in _places(tree) if id(place.node) not in dimensions]:
        for slip, node in _slips(place.node, tree, name, first):
            before = place.words()
            place.put(node)
            after, changed = place.words(), ast.unparse(ast.fix_missing_locations(tree))
            place.put(place.node)
            if changed not in seen:
                seen.add(changed)
                whole = isinstance(node, ast.FunctionDef)
                change = f"{node.name}: {slip}" if whole else f"{before} → {after}"  # type: ignore[attr-defined]
                mutants.append(Mutant(slip, change, getattr(place.node, "lineno", 0), changed))
    return mutants


def _slips(node: ast.AST, tree: ast.Module, name: str, first: dict[str, Any]) -> Changed:
    for slips in EVERYWHERE:
        yield from slips(node)
    function = _function_around(node, tree)
    if function is not None:
        own = frozenset(argument.arg for argument in function.args.args)
        yield from statements.in_place(node, own)
        method = function not in tree.body
        words = ast.get_docstring(_at_the_top(function, tree)) or ""
        gradient = function.name == "forward" if method else bool(re.search("gradient|differentiable", words))
        half = bool(re.search("half|float16|dtype", words))
        yield from statements.returned(node, gradient, half)
    yield from statements.ignored_arguments(node, first if getattr(node, "name", "") == name else {})


def _function_around(node: ast.AST, tree: ast.Module) -> ast.FunctionDef | None:
    """Return the innermost function that a node is in."""
    around = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) and f is not node and node in ast.walk(f)]
    return around[-1] if around else None


def _at_the_top(node: ast.AST, tree: ast.Module) -> Any:
    return next(top for top in tree.body if node in ast.walk(top))


def _places(tree: ast.AST) -> Iterator[_Place]:
    """Yield the places where a slip can be: not in annotations, docstrings, messages of errors, or text with fields."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "exc", "names"):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or isinstance(node, (ast.expr_context, ast.JoinedStr, ast.operator)):
                continue
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            yield _Place(tree, field, index, node)
            if plain.number(node) is None:  # −1 is one number, not a minus and a 1
                yield from _places(node)


def _words(node: ast.AST) -> str:
    """Return the first line of a statement, or an expression on one line."""
    text = ast.unparse(node).split("\n")[0]
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
