"""The same solution in other words: other steps on the way, other local names, other comments.

What a program computes stays the same. `rewritten` changes its structure once; `Version.text` puts in names and
comments, and costs a few microseconds, so that a class of thousands is written in seconds.
"""

import ast
import builtins
import keyword
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

NAMES = (
    "result total value out parts first second rest step pieces left right size answer current probs ratio weighted "
    "summed shifted scaled table rows cols found term terms inner outer top low high start stop keep drop picked "
    "score big small line item thing part whole mean_val max_val tmp res vec mat acc"
).split()
COMMENT = "comment__"  # gaps are identifiers, so that `ast.unparse` writes them as such inside f-strings too
_GAP = re.compile(r"\bgap__(\d+)__|\b(comment__)")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_LATER = (*_SCOPES, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.IfExp, ast.BoolOp)


@dataclass(frozen=True)
class Version:
    """A program with gaps for names and comments. taken: identifiers that no gap may be filled with."""

    pieces: tuple[str | int, ...]
    taken: frozenset[str] = frozenset()

    @staticmethod
    def of(text: str, taken: frozenset[str] = frozenset()) -> "Version":
        """Return the version of a text in which gaps are marked."""
        pieces: list[str | int] = []
        position = 0
        for match in _GAP.finditer(text):
            pieces += [text[position : match.start()], -1 if match[2] else int(match[1])]
            position = match.end()
        return Version((*pieces, text[position:]), taken)

    def text(self, start: int, suffix: str, comments: Iterator[str]) -> str:
        """Return the program: names from position `start` of the list of names on, all with a suffix."""
        names: dict[int, str] = {}
        used = set(self.taken)
        for gap in self.pieces:
            if isinstance(gap, int) and gap >= 0 and gap not in names:
                name, number = NAMES[(start + 7 * gap) % len(NAMES)] + suffix, 1
                while name in used:
                    number += 1
                    name = f"{NAMES[(start + 7 * gap + number) % len(NAMES)]}{suffix}{number}"
                names[gap] = name
                used.add(name)
        return "".join(
            piece if isinstance(piece, str) else next(comments) if piece < 0 else names[piece] for piece in self.pieces
        )

    def without_colon(self) -> "Version":
        """Return this version with the first colon at the end of a line missing."""
        pieces = list(self.pieces)
        for index, piece in enumerate(pieces):
            if isinstance(piece, str) and ":\n" in piece:
                pieces[index] = piece.replace(":\n", "\n", 1)
                break
        return Version(tuple(pieces), self.taken)


def rewritten(source: str, draw: random.Random, fault: str = "") -> Version:
    """Return a program that computes the same as `source` in other steps.

    fault  "crash": the last value to be returned is misspelt;  "wrong": it is returned twice over
    """
    tree = ast.parse(source)
    _Turn(draw).visit(tree)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    if draw.random() < 0.5:
        for function in functions:
            _drop_annotations(function)
    for function in functions:
        _say_in_more_steps(function, draw)
    if fault:
        _break(tree, fault)
    for function in functions:
        _open_names(function)
    at = draw.choice(functions).body if functions else tree.body
    at.insert(1 if _is_text(at[0]) else 0, _comment())
    taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    taken |= {node.arg for node in ast.walk(tree) if isinstance(node, (ast.arg, ast.keyword)) and node.arg}
    taken |= {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    text = f"{COMMENT}\n{ast.unparse(ast.fix_missing_locations(tree))}"
    return Version.of(text, frozenset(taken | set(dir(builtins)) | set(keyword.kwlist)))


class _Turn(ast.NodeTransformer):
    """Turns around what reads as well the other way: a < b, a * b, if … else …"""

    def __init__(self, draw: random.Random) -> None:
        self.draw, self.eagerness = draw, draw.choice((0.0, 0.3, 0.6))

    def turns(self) -> bool:
        return self.draw.random() < self.eagerness

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        other = {
            ast.Lt: ast.Gt,
            ast.Gt: ast.Lt,
            ast.LtE: ast.GtE,
            ast.GtE: ast.LtE,
            ast.Eq: ast.Eq,
            ast.NotEq: ast.NotEq,
        }
        if len(node.ops) == 1 and type(node.ops[0]) in other and self.turns():
            return ast.Compare(node.comparators[0], [other[type(node.ops[0])]()], [node.left])
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mult) and self.turns():
            return ast.BinOp(node.right, node.op, node.left)
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if node.orelse and self.turns():
            return ast.If(ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        self.generic_visit(node)
        return ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body) if self.turns() else node


def _drop_annotations(function: ast.FunctionDef) -> None:
    function.returns = None
    for argument in ast.walk(function.args):
        if isinstance(argument, ast.arg):
            argument.annotation = None


def _say_in_more_steps(function: ast.FunctionDef, draw: random.Random) -> None:
    """Give names to some values on the way, and begin with a line that does nothing."""
    body: list[ast.stmt] = []
    for statement in function.body:
        if isinstance(statement, (ast.Return, ast.Assign)) and statement.value is not None:
            for _ in range(draw.choice((0, 0, 1, 1, 2))):
                if named := _name_a_part(statement, len(body), draw):
                    body.append(named)
            if isinstance(statement, ast.Return) and draw.random() < 0.5:
                body.append(_assign("returned_", statement.value))
                statement = ast.Return(ast.Name("returned_", ast.Load()))
        body.append(statement)
    if draw.random() < 0.4:
        values = ("None", "False", "[]", "{}", "1e-12", "0", "()", "'nats'", "(0, 1)", "not None", "-1", "[None]")
        idle = _assign("idle_", ast.parse(draw.choice(values), mode="eval").body)
        body.insert(1 if _is_text(body[0]) else 0, idle)
    function.body = body


def _name_a_part(statement: ast.Return | ast.Assign, number: int, draw: random.Random) -> ast.stmt | None:
    """Replace a call or an operation inside a statement by a name; return the assignment that goes before it."""
    places = list(_parts(statement.value)) if statement.value else []
    if not places:
        return None
    parent, field, index = draw.choice(places)
    name = f"part_{number}_"
    if index is None:
        part = getattr(parent, field)
        setattr(parent, field, ast.Name(name, ast.Load()))
    else:
        part = getattr(parent, field)[index]
        getattr(parent, field)[index] = ast.Name(name, ast.Load())
    return _assign(name, part)


def _parts(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Yield where calls and operations are that are computed whenever the whole is."""
    if isinstance(node, _LATER):
        return
    for field, value in ast.iter_fields(node):
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, (ast.Call, ast.BinOp)) and not isinstance(node, ast.Starred):
                yield node, field, index if isinstance(value, list) else None
            if isinstance(child, ast.AST):
                yield from _parts(child)


def _assign(name: str, value: ast.expr) -> ast.Assign:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _break(tree: ast.Module, fault: str) -> None:
    returns = [(node, node.value) for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value is not None]
    if not returns:
        tree.body.append(ast.parse("not_defined_anywhere").body[0])
    elif fault == "crash":
        last, value = returns[-1]
        last.value = ast.Attribute(value, "shpae", ast.Load())
    else:
        last, value = returns[-1]
        last.value = ast.Tuple([value, value], ast.Load())


def _open_names(function: ast.FunctionDef) -> None:
    """Mark the local names as gaps: what is assigned in a function and is no argument, there or further in."""
    inside = list(ast.walk(function))
    fixed = {node.arg for node in inside if isinstance(node, ast.arg)}
    fixed |= {name for node in inside if isinstance(node, (ast.Global, ast.Nonlocal)) for name in node.names}
    stored = [node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    gaps = {name: i for i, name in enumerate(dict.fromkeys(stored)) if name not in fixed and not _GAP.match(name)}
    for node in inside:
        if isinstance(node, ast.Name) and node.id in gaps:
            node.id = f"gap__{gaps[node.id]}__"


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _comment() -> ast.Expr:
    return ast.Expr(ast.Name(COMMENT, ast.Load()))
