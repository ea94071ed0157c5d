"""What holds for every file of course_lib: its length, what it says of errors, and that a lesson leads to it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import course_lib
from course_lib import arguments

ROOT = Path(course_lib.__file__).parents[1]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "course_lib").rglob("*.py"))
}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in FILES.items()}


def test_no_file_has_more_than_400_lines():
    assert len(FILES) > 150
    assert [m for m, path in FILES.items() if len(path.read_text(encoding="utf-8").splitlines()) > 400] == []


# ---- errors

REFUSING = {name for name in vars(arguments) if name.startswith("require_")} | {"require_targets", "look_up"}
SAID = re.compile(r"ValueError|\berrors\b|Raises (as|what)\b")  # or: the errors, where the arguments are explained
CALLED = ("__init__", "__post_init__", "__call__", "__getitem__", "forward")  # the class's docstring speaks for these


def raised_in(body: list[ast.stmt], refusing: set[str]) -> bool:
    """Whether these statements raise ValueError themselves, or ask a function to that is known to, and let it out."""
    for node in body:
        if isinstance(node, ast.Try) and any("ValueError" in ast.unparse(h.type or node) for h in node.handlers):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None and ast.unparse(node.exc).startswith("ValueError"):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in refusing:
            return True
        if raised_in(list(ast.iter_child_nodes(node)), refusing):
            return True
    return False


def silent(tree: ast.Module) -> Iterator[str]:
    """Yield the public functions and methods of a module that raise ValueError and do not say so."""
    refusing, known = set(REFUSING), set()
    helpers = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("_")]
    while known != refusing:  # a private function that refuses makes those refuse that call it
        known = set(refusing)
        refusing |= {helper.name for helper in helpers if raised_in(helper.body, refusing)}
    for node in tree.body:
        methods = node.body if isinstance(node, ast.ClassDef) else [node]
        for function in methods:
            if not isinstance(function, ast.FunctionDef) or node.name.startswith("_"):
                continue
            name, doc = function.name, ast.get_docstring(function) or ""
            if name in CALLED and isinstance(node, ast.ClassDef):
                doc += ast.get_docstring(node) or ""
            elif name.startswith("_"):
                continue
            if raised_in(function.body, refusing) and not SAID.search(doc):
                yield name if function is node else f"{node.name}.{name}"


def test_whatever_raises_a_value_error_says_so():
    assert [f"{module}.{name}" for module, tree in TREES.items() for name in silent(tree)] == []


@pytest.mark.parametrize(
    "source, found",
    [
        ("def f(n):\n '''Return n.'''\n require_counts(n=n)", ["f"]),
        ("def f(n):\n '''Return n. Raises ValueError for n < 1.'''\n require_counts(n=n)", []),
        ("def _g(n):\n raise ValueError(n)\ndef f(n):\n '''Return n.'''\n return _g(n)", ["f"]),
        ("def f(n):\n try:\n  raise ValueError(n)\n except ValueError:\n  return 0", []),
        ("class A:\n 'ValueError'\n def __init__(s):\n  raise ValueError\n def g(s):\n  raise ValueError", ["A.g"]),
        ("def f(n):\n raise TypeError(n)", []),
    ],
)  # fmt: skip
def test_silence_is_found(source, found):
    assert list(silent(ast.parse(source))) == found


# ---- who leads there

LESSONS = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "solutions").glob("*.py"))}
SHOWN = ("course_lib.figures", "course_lib.widgets", "course_lib.judging.symptoms")  # seen, though no lesson names them


def exports(module: str) -> dict[str, str]:
    """Return the names that a package hands on, with the modules that they come from; {} for a module."""
    if FILES[module].name != "__init__.py":
        return {}
    handed = [n for n in TREES[module].body if isinstance(n, ast.ImportFrom) and n.module in FILES]
    return {name.name: _module(str(node.module), name.name) for node in handed for name in node.names}


def _module(base: str, name: str) -> str:
    """Return where `from base import name` leads: to a module, or through a package to the one that has the name."""
    if f"{base}.{name}" in FILES:
        return f"{base}.{name}"
    return EXPORTS[base].get(name, base) if base in EXPORTS else base


EXPORTS: dict[str, dict[str, str]] = {}
for found in sorted(FILES, key=lambda module: -module.count(".")):  # the inner packages first
    EXPORTS[found] = exports(found)
BY_LAST_NAME = {module.rpartition(".")[2]: module for module in FILES if EXPORTS[module]}


def imported_in(text: str) -> set[str]:
    """Return the modules that code imports, or uses as `a.thing` of a package a."""
    modules = set()
    for base, names in re.findall(r"from (course_lib[\w.]*) import (\([^)]*\)|.*)", text):
        modules |= {_module(base, name) for name in re.findall(r"\w+", names)}
    for package, name in re.findall(r"\b(\w+)\.(?=(\w+))", text):
        if package in BY_LAST_NAME and name in EXPORTS[BY_LAST_NAME[package]]:
            modules.add(EXPORTS[BY_LAST_NAME[package]][name])
    return modules & FILES.keys()


def leads_to(text: str) -> set[str]:
    """Return the modules that a lesson imports, or that its words name: `course_lib.a.b`, `course_lib/a/b.py`."""
    modules = imported_in(text)
    for name in re.findall(r"course_lib(?:[./]\w+)+", text):
        parts = name.removesuffix(".py").replace("/", ".").split(".")
        modules |= {".".join(parts[:n]) for n in range(2, len(parts) + 1)}
    return modules & FILES.keys()


def test_a_lesson_a_widget_a_figure_or_a_command_leads_to_every_module():
    todo = {module for module in FILES if module.startswith(SHOWN) or module.endswith("__main__")}
    todo |= set().union(*map(leads_to, LESSONS.values()))
    reached: set[str] = set()
    while todo:
        reached |= todo
        # what a package imports is no use of it, unless the package has code of its own
        own = [m for m in todo if not EXPORTS[m] or any(isinstance(n, ast.FunctionDef) for n in TREES[m].body)]
        todo = set().union(*(imported_in(FILES[m].read_text(encoding="utf-8")) for m in own)) - reached
    assert len(reached) > 150
    assert sorted(m for m in FILES.keys() - reached if FILES[m].name != "__init__.py") == []


def test_what_leads_to_a_module():
    assert leads_to("from course_lib.ngrams import add_k") == {"course_lib.ngrams", "course_lib.ngrams.estimates"}
    assert leads_to("from course_lib import gpt, ngrams\nngrams.kneser_ney(1)") == {
        "course_lib.gpt", "course_lib.ngrams", "course_lib.ngrams.discounting",
    }  # fmt: skip
    assert leads_to("'read `ngrams.write_arpa`'") == {"course_lib.ngrams.arpa"}
    assert leads_to("'see course_lib/distributed.py'") == {"course_lib.distributed"}
    assert leads_to("'a bracket, add_k'") == set()
