"""Slips of whole statements: a step left out, a change in place, an argument ignored, a gradient lost."""

import ast
import math
from typing import Any

from autograder.authoring.mutants.plain import Changed, called, changed, expression, literal
from autograder.authoring.mutants.tensors import IN_PLACE

MAX_LITERAL = 40  # characters of an argument's value


def branch(node: ast.AST) -> Changed:
    """An error that is not raised, a branch that is never or always taken."""
    if not isinstance(node, ast.If):
        return
    yield "branch_left_out", changed(node, test=literal(False))
    if not any(isinstance(inner, ast.Raise) for inner in node.body):
        yield "branch_always_taken", changed(node, test=literal(True))


def loop(node: ast.AST) -> Changed:
    """The first or the last round left out; a loop that goes on."""
    if isinstance(node, ast.For):
        for part in ("[1:]", "[:-1]"):
            yield "round_left_out", changed(node, iter=expression(f"[*{ast.unparse(node.iter)}]{part}"))
    if isinstance(node, (ast.Break, ast.Continue)):
        yield "goes_on", ast.Pass()


def assignment(node: ast.AST) -> Changed:
    """A step left out, one that overwrites, one in place."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "step_left_out", ast.Pass()
    if isinstance(node, ast.AugAssign):
        yield "step_left_out", ast.Pass()
        if isinstance(node.op, (ast.Add, ast.Sub)):
            yield "other_operator", changed(node, op=ast.Sub() if isinstance(node.op, ast.Add) else ast.Add())
        yield "overwritten", ast.Assign([node.target], node.value, lineno=node.lineno)
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(target := node.targets[0], ast.Name):
        if any(isinstance(inner, ast.Name) and inner.id == target.id for inner in ast.walk(node.value)):
            yield "step_left_out", ast.Pass()
        value = node.value
        if isinstance(value, ast.BinOp) and isinstance(value.left, ast.Name) and value.left.id == target.id:
            yield "in_place", ast.AugAssign(target, value.op, value.right)


def in_place(node: ast.AST, parameters: frozenset[str]) -> Changed:
    """A method that changes an argument of the caller."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and called(node) in IN_PLACE:
        if isinstance(node.func.value, ast.Name) and node.func.value.id in parameters:
            yield "in_place", changed(node, func=changed(node.func, attr=f"{called(node)}_"))


def gradients_kept(node: ast.AST) -> Changed:
    """`no_grad` left out."""
    if isinstance(node, ast.With) and called(node.items[0].context_expr) in ("no_grad", "inference_mode"):
        yield "gradients_kept", ast.If(literal(True), node.body, [])
    if isinstance(node, ast.FunctionDef):
        rest = [d for d in node.decorator_list if called(d) not in ("no_grad", "inference_mode")]
        if len(rest) < len(node.decorator_list):
            yield "gradients_kept", changed(node, decorator_list=rest)


def returned(node: ast.AST, gradient: bool, half: bool) -> Changed:
    """What is returned has lost its gradient, is float32 where it was half, or is in another order.

    gradient, half  whether the exercise speaks of gradients, of the type of numbers
    """
    if not isinstance(node, ast.Return) or node.value is None:
        return
    if gradient:
        yield "gradient_lost", ast.Return(ast.Call(ast.Name("detached", ast.Load()), [node.value], []))
    if half:
        yield "float32_for_half", ast.Return(ast.Call(ast.Name("in_float32", ast.Load()), [node.value], []))
    if isinstance(node.value, ast.Tuple) and len(node.value.elts) == 2:
        yield "other_order", ast.Return(ast.Tuple(node.value.elts[::-1], ast.Load()))


def ignored_arguments(node: ast.AST, first: dict[str, Any]) -> Changed:
    """An argument that is given and not used: its default instead, or what it is in the first public case.

    first  arguments of the first case, by name; {} where the probe calls with others
    """
    if not isinstance(node, ast.FunctionDef):
        return
    for name, default in _defaults(node.args).items():
        yield f"{name}_ignored", _bound(node, name, default)
    for parameter in [*node.args.args, *node.args.kwonlyargs]:
        value = first.get(parameter.arg)
        if isinstance(value, (bool, int, float, str)) and len(repr(value)) <= MAX_LITERAL and not _is_odd(value):
            yield f"{parameter.arg}_fixed", _bound(node, parameter.arg, literal(value))


def _is_odd(value: Any) -> bool:
    """Whether a number is one that no literal writes."""
    return isinstance(value, float) and not math.isfinite(value)


def _defaults(arguments: ast.arguments) -> dict[str, ast.expr]:
    last = arguments.args[len(arguments.args) - len(arguments.defaults) :]
    named = dict(zip((a.arg for a in last), arguments.defaults))
    return named | {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults) if d is not None}


def _bound(node: ast.FunctionDef, name: str, value: ast.expr) -> ast.FunctionDef:
    """Return a function whose first step gives an argument another value."""
    start = int(ast.get_docstring(node) is not None)
    bind = ast.Assign([ast.Name(name, ast.Store())], value, lineno=node.lineno)
    return changed(node, body=[*node.body[:start], bind, *node.body[start:]])


SLIPS = (branch, loop, assignment, gradients_kept)
