"""Slips of plain Python: boundaries, constants, arithmetic, conditions, first for last, arguments in another order."""

import ast
import copy
from collections.abc import Iterator
from typing import Any

Changed = Iterator[tuple[str, ast.AST]]

BOUNDARIES = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,), ast.Sub: (ast.Add,), ast.Mult: (ast.Div,), ast.Div: (ast.Mult,), ast.FloorDiv: (ast.Div,),
    ast.BitAnd: (ast.BitOr,), ast.BitOr: (ast.BitAnd,),
}  # fmt: skip
MIN_CONSTANT = 1e-3  # smaller ones guard against 0: another as small does as well
SYMMETRIC = ("isinstance", "maximum", "minimum", "max", "min", "transpose", "swapaxes", "isclose", "allclose", "add",
             "mul", "lcm", "gcd", "combine_masks", "logaddexp", "zip", "print", "hasattr", "getattr")  # fmt: skip
WRAPPERS = ("int", "abs", "round", "sorted", "set", "str", "sqrt", "exp", "log", "log1p", "expm1", "ceil", "floor")
INSTEAD = {
    "log": "log2", "log2": "log", "log1p": "log", "exp": "exp2", "max": "min", "min": "max", "any": "all", "all": "any",
    "ceil": "floor", "floor": "ceil", "sum": "max", "startswith": "endswith", "endswith": "startswith",
}  # fmt: skip


def boundary(node: ast.AST) -> Changed:
    """`<` for `<=`, and the other way round."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and (other := BOUNDARIES.get(type(node.ops[0]))):
        yield "boundary", changed(node, ops=[other()])


def number(value: ast.AST) -> int | float | None:
    """Return the number that an expression writes, or None."""
    sign = 1
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        sign, value = -1, value.operand
    plain = isinstance(value, ast.Constant) and type(value.value) in (int, float)
    return sign * value.value if plain else None  # type: ignore[attr-defined]


def constant(node: ast.AST) -> Changed:
    """A whole number one larger or smaller, another one twice as large, an empty text."""
    value = number(node)
    if type(value) is int:
        yield "off_by_one", literal(value + 1)
        yield "off_by_one", literal(value - 1)
    elif value is not None and abs(value) >= MIN_CONSTANT and abs(value) < 1e308:
        yield "other_constant", literal(2 * value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield "empty_text", literal("")


def changed(node: ast.AST, **fields: Any) -> Any:
    """Return a copy of a node with some fields replaced; it shares the others."""
    made = copy.copy(node)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def expression(text: str) -> Any:
    """Return the tree of an expression."""
    return ast.parse(text, mode="eval").body


def literal(value: int | float | str | bool) -> Any:
    """Return the expression that writes a value."""
    return expression(repr(value))


def arithmetic(node: ast.AST) -> Changed:
    """Another operator, a factor or an addend left out, the sides exchanged."""
    if not isinstance(node, ast.BinOp):
        return
    for other in OPERATORS.get(type(node.op), ()):
        yield "other_operator", changed(node, op=other())
    if isinstance(node.op, (ast.Add, ast.Mult, ast.MatMult, ast.BitAnd, ast.BitOr, ast.Sub, ast.Div)):
        yield "right_side_left_out", node.left
    if isinstance(node.op, (ast.Add, ast.Mult, ast.MatMult, ast.BitAnd, ast.BitOr)):
        yield "left_side_left_out", node.right
    if isinstance(node.op, (ast.Sub, ast.MatMult)):
        yield "sides_exchanged", changed(node, left=node.right, right=node.left)


def outside_for_inside(node: ast.AST) -> Changed:
    """√x + ε for √(x + ε), and the same for the logarithm."""
    if not isinstance(node, ast.Call):
        return
    inside = node.args[0] if node.args else node.func.value if isinstance(node.func, ast.Attribute) else None
    if called(node) not in ("sqrt", "log", "rsqrt") or not isinstance(inside, ast.BinOp):
        return
    if isinstance(inside.op, ast.Add):
        bare = (
            changed(node, args=[inside.left])
            if node.args
            else changed(node, func=changed(node.func, value=inside.left))
        )
        yield "outside_for_inside", ast.BinOp(bare, ast.Add(), inside.right)


def called(node: ast.AST) -> str:
    """Return the last name of what a call calls: "softmax" of `torch.softmax(x, -1)`; "" of anything else."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", "") or getattr(node.func, "id", "")


def sign(node: ast.AST) -> Changed:
    """A minus, a `not` or a `~` left out."""
    if isinstance(node, ast.UnaryOp) and number(node) is None:
        yield "sign_left_out" if isinstance(node.op, ast.USub) else "negation_left_out", node.operand


def condition(node: ast.AST) -> Changed:
    """`or` for `and`, a condition left out, one branch for both."""
    if isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "other_operator", changed(node, op=other)
        for index in range(len(node.values)):
            rest = [value for i, value in enumerate(node.values) if i != index]
            yield "condition_left_out", rest[0] if len(rest) == 1 else changed(node, values=rest)
    if isinstance(node, ast.IfExp):
        yield "always_the_first", node.body
        yield "always_the_other", node.orelse
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)) and node.generators[0].ifs:
        first = node.generators[0]
        yield "condition_left_out", changed(node, generators=[changed(first, ifs=[]), *node.generators[1:]])


def first_for_last(node: ast.AST) -> Changed:
    """`[0]` for `[-1]`, `[1:]` for `[:-1]`, and the other way round."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
        return
    if (index := number(node.slice)) in (0, -1):
        yield "first_for_last", changed(node, slice=literal(-1 - int(index)))
    if isinstance(node.slice, ast.Slice) and node.slice.step is None:
        lower, upper = node.slice.lower, node.slice.upper
        if lower is not None and number(lower) == 1 and upper is None:
            yield "first_for_last", changed(node, slice=ast.Slice(None, literal(-1)))
        elif upper is not None and number(upper) == -1 and lower is None:
            yield "first_for_last", changed(node, slice=ast.Slice(literal(1), None))
        elif (lower is None) != (upper is None):
            yield "other_part", changed(node, slice=ast.Slice(upper, lower))


def other_call(node: ast.AST) -> Changed:
    """Another function of the same kind, a call left out, arguments exchanged, a keyword argument left out."""
    if not isinstance(node, ast.Call):
        return
    name = called(node)
    if other := INSTEAD.get(name):
        field = "id" if isinstance(node.func, ast.Name) else "attr"
        yield f"{other}_for_{name}", changed(node, func=changed(node.func, **{field: other}))
    if name in WRAPPERS and len(node.args) == 1:
        yield f"{name}_left_out", node.args[0]
    if name not in SYMMETRIC and not any(isinstance(arg, ast.Starred) for arg in node.args):
        for i in range(len(node.args) - 1):
            args = [*node.args]
            args[i], args[i + 1] = args[i + 1], args[i]
            yield "arguments_exchanged", changed(node, args=args)
    for index, keyword in enumerate(node.keywords):
        # on a CPU the tensor is born in the same place; where a caller asks for a device, a case can ask, too
        if keyword.arg and not (keyword.arg in ("device", "dtype") and isinstance(keyword.value, ast.Attribute)):
            yield f"{keyword.arg}_left_out", changed(node, keywords=node.keywords[:index] + node.keywords[index + 1 :])


def tie(node: ast.AST) -> Changed:
    """Of equals the last where the first is asked, in `max`, `min`, `sorted` with a key."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("max", "min", "sorted"):
        if any(keyword.arg == "key" for keyword in node.keywords) and len(node.args) == 1:
            yield "other_tie", changed(node, args=[expression(f"[*{ast.unparse(node.args[0])}][::-1]")])


SLIPS = (
    boundary, constant, arithmetic, outside_for_inside, sign, condition, first_for_last, other_call, tie,
)  # fmt: skip
