"""Slips of tensor code: dimensions, reductions, shapes, masks, dropout, types of numbers, gradients."""

import ast

from autograder.authoring.mutants.plain import Changed, called, changed, expression, literal, number

# where a method takes its dimension; a function of torch takes the tensor before it
DIMENSION = dict.fromkeys(
    ("sum mean amax amin max min softmax log_softmax logsumexp argmax argmin cumsum cumprod prod any all std var sort "
     "argsort gather scatter scatter_add index_select index_add unsqueeze squeeze flip unbind select diff").split(), 0,
) | dict.fromkeys("topk norm roll cat stack split chunk repeat_interleave tensor_split".split(), 1)  # fmt: skip
REDUCTIONS = {
    "sum": ("mean", "amax"), "mean": ("sum", "amax"), "amax": ("mean", "amin"), "amin": ("amax",),
    "logsumexp": ("sum",), "std": ("var",), "var": ("std",), "argmax": ("argmin",), "argmin": ("argmax",),
    "cumsum": ("cumprod",),
}  # fmt: skip
INSTEAD = {
    "tril": "triu", "triu": "tril", "softmax": "log_softmax", "log_softmax": "softmax", "zeros": "ones",
    "ones": "zeros", "zeros_like": "ones_like", "ones_like": "zeros_like", "argsort": "sort", "relu": "gelu",
    "gelu": "relu", "sigmoid": "tanh", "tanh": "sigmoid", "silu": "sigmoid", "rsqrt": "sqrt", "eq": "ne",
    "repeat_interleave": "repeat",
}  # fmt: skip
LEFT_OUT = tuple(
    "float double long int bool half to clamp clamp_min clamp_max abs sqrt exp log detach clone tril triu flip relu "
    "gelu silu tanh sigmoid transpose permute unsqueeze squeeze softmax log_softmax masked_fill t item tolist".split()
)
IN_PLACE = ("masked_fill", "clamp", "add", "sub", "mul", "div", "exp", "log", "sqrt", "tril", "triu", "scatter")
MINUS_INFINITY = ("-torch.inf", "-math.inf", "float('-inf')", "-inf")
MODULES = ("torch", "F", "nn", "math", "functional", "np", "init")


def is_function(call: ast.Call) -> bool:
    """Whether a call is of a module's function (`torch.sum(x, -1)`) and not of a method (`x.sum(-1)`)."""
    func = call.func
    return not isinstance(func, ast.Attribute) or (isinstance(func.value, ast.Name) and func.value.id in MODULES)


def dimension_arguments(node: ast.AST) -> list[ast.expr]:
    """Return the arguments of a call that say a dimension."""
    if not isinstance(node, ast.Call):
        return []
    named = [keyword.value for keyword in node.keywords if keyword.arg in ("dim", "dims", "axis")]
    if called(node) in ("transpose", "swapaxes", "permute", "flatten", "size"):
        return named + node.args[is_function(node) :]
    if (place := DIMENSION.get(called(node))) is not None:
        place += is_function(node) and called(node) not in ("cat", "stack")
        return named + node.args[place : place + 1]
    return named


def dimension(node: ast.AST) -> Changed:
    """The dimension beside, or one of several left out."""
    for argument in dimension_arguments(node):
        for other in _dimensions_beside(argument):
            yield "other_dimension", _with(node, argument, other)  # type: ignore[arg-type]


def _dimensions_beside(argument: ast.expr) -> list[ast.expr]:
    if isinstance(argument, (ast.Tuple, ast.List)) and len(argument.elts) > 1:
        return [ast.Tuple(argument.elts[:-1], ast.Load()), ast.Tuple(argument.elts[1:], ast.Load())]
    value = number(argument)
    if type(value) is not int:
        return []
    beside = {-1: (-2, 0), 0: (1, -1), 1: (0,)}.get(value, (value + 1,))
    return [literal(other) for other in beside]


def _with(call: ast.Call, argument: ast.expr, other: ast.expr) -> ast.Call:
    """Return a call with one of its arguments replaced."""
    args = [other if arg is argument else arg for arg in call.args]
    return changed(
        call, args=args, keywords=[changed(k, value=other) if k.value is argument else k for k in call.keywords]
    )


def reduction(node: ast.AST) -> Changed:
    """A mean for a sum, and the like; of all values where one of each row is asked."""
    name = called(node)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    for other in REDUCTIONS.get(name, ()):
        yield f"{other}_for_{name}", _renamed(node, other)
    if name in DIMENSION and name in (*REDUCTIONS, "max", "min", "any", "all", "prod") and dimension_arguments(node):
        yield "over_all_dimensions", changed(node, args=node.args[:1] if is_function(node) else [], keywords=[])


def _renamed(call: ast.Call, name: str) -> ast.Call:
    return changed(call, func=changed(call.func, attr=name))


def other_function(node: ast.AST) -> Changed:
    """Another function of tensors; none at all."""
    name = called(node)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    if other := INSTEAD.get(name):
        yield f"{other}_for_{name}", _renamed(node, other)
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    if name in LEFT_OUT and not any("device" in ast.unparse(argument) for argument in given):
        if not is_function(node):
            yield f"{name}_left_out", node.func.value
        elif node.args and node.func.value.id in ("torch", "F"):  # type: ignore[attr-defined]
            yield f"{name}_left_out", node.args[0]


def shape(node: ast.AST) -> Changed:
    """Numbers read in the old order for a transposition; a new dimension in another place."""
    if isinstance(node, ast.Attribute) and node.attr in ("mT", "T", "values", "indices"):
        if other := {"values": "indices", "indices": "values"}.get(node.attr):
            yield f"{other}_for_{node.attr}", changed(node, attr=other)
        else:
            yield "transposition_left_out", node.value
            yield "reshaped_for_transposed", _reshaped(node.value, node)
    if called(node) in ("transpose", "permute") and not is_function(node):  # type: ignore[arg-type]
        yield "reshaped_for_transposed", _reshaped(node.func.value, node)  # type: ignore[attr-defined]
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        items = node.slice.elts
        for i, item in enumerate(items[:-1]):
            if (_is_none(item) != _is_none(items[i + 1])) and not _is_dots(item) and not _is_dots(items[i + 1]):
                moved = [*items[:i], items[i + 1], item, *items[i + 2 :]]
                yield "new_dimension_elsewhere", changed(node, slice=ast.Tuple(moved, ast.Load()))


def _reshaped(value: ast.AST, transposed: ast.AST) -> ast.AST:
    return expression(f"({ast.unparse(value)}).reshape(({ast.unparse(transposed)}).shape)")


def _is_none(item: ast.AST) -> bool:
    return isinstance(item, ast.Constant) and item.value is None


def _is_dots(item: ast.AST) -> bool:
    return isinstance(item, ast.Constant) and item.value is ...


def mask(node: ast.AST) -> Changed:
    """A mask inverted or moved by one; a large number for minus infinity."""
    if isinstance(node, ast.Call) and called(node) in ("masked_fill", "masked_fill_", "where", "masked_select"):
        place = int(is_function(node) and called(node) != "where")
        if len(node.args) > place and not isinstance(node.args[place], ast.UnaryOp):
            inverted = ast.UnaryOp(ast.Invert(), node.args[place])
            yield "mask_inverted", changed(node, args=[*node.args[:place], inverted, *node.args[place + 1 :]])
    if isinstance(node, ast.Call) and called(node) in ("tril", "triu"):
        args = [arg for arg in node.args if number(arg) is None]
        if len(args) == len(node.args) and not node.keywords:
            for moved in (1, -1):
                yield "diagonal_moved", changed(node, args=[*args, literal(moved)])
    if _is_minus_infinity(node):
        yield "large_number_for_infinity", literal(-1e9)


def _is_minus_infinity(node: ast.AST) -> bool:
    return isinstance(node, (ast.UnaryOp, ast.Call)) and ast.unparse(node) in MINUS_INFINITY


def dropout(node: ast.AST) -> Changed:
    """No dropout, its probability inverted, always one half."""
    if not isinstance(node, ast.Call) or "dropout" not in called(node).lower() or not node.args:
        return
    if called(node) == "Dropout":
        for other in ("0.5", f"1 - {ast.unparse(node.args[0])}"):
            yield "other_probability", changed(node, args=[expression(other)])
        return
    yield "dropout_left_out", node.args[0]
    if len(node.args) > 1:
        inverted = ast.BinOp(literal(1), ast.Sub(), node.args[1])
        yield "other_probability", changed(node, args=[node.args[0], inverted, *node.args[2:]])


def tie(node: ast.AST) -> Changed:
    """Of equals the last where the first is asked."""
    if isinstance(node, ast.Call) and called(node) == "argmax":
        tensor = node.args[0] if is_function(node) else node.func.value  # type: ignore[attr-defined]
        dims = dimension_arguments(node)
        if dims and not any(k.arg == "keepdim" for k in node.keywords):
            yield "other_tie", expression(f"last_argmax({ast.unparse(tensor)}, {ast.unparse(dims[0])})")


SLIPS = (dimension, reduction, other_function, shape, mask, dropout, tie)
