"""What the source of a lesson's cell says, read without running it."""

import ast
import re

from course_lib.judging.program import defined_names, parse


def without_magics(source: str) -> str:
    """Return a cell's source with Jupyter's own lines, `%…` and `!…`, made Python that does nothing."""
    return re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source)


def parsed(source: str) -> ast.Module | None:
    """Return the tree of a cell, or None when it is not Python, which was reported already."""
    try:
        return parse(without_magics(source))
    except SyntaxError:
        return None


def defines(source: str, name: str) -> bool:
    """Whether a cell defines a name; True for what is not Python, which was reported already."""
    try:
        return name in defined_names(parse(source))
    except SyntaxError:
        return True


def is_documented(source: str, name: str) -> bool:
    """Whether a cell defines a function or class of this name with a docstring; True for what is not Python."""
    try:
        nodes = parse(source).body
    except SyntaxError:
        return True
    kinds = (ast.FunctionDef, ast.ClassDef)
    return any(isinstance(node, kinds) and node.name == name and ast.get_docstring(node) for node in nodes)


def numbered_items(markdown: str) -> tuple[str, ...]:
    """Return the items of a numbered list, each on one line."""
    items = re.split(r"(?m)^\s*\d+\.\s+", markdown.strip())
    return tuple(" ".join(item.split()) for item in items[1:])
