"""`python docs/build_api.py`: write build/api, a page for each module of `course_lib`, from its docstrings.

The source is read, never imported. Docstrings stay as written: paragraphs are Markdown, with links from names of the
library in backticks; columns and examples are set as code.
"""

import ast
import re
import shutil
import textwrap
from itertools import groupby
from operator import attrgetter
from os.path import dirname, relpath
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
API = ROOT / "build" / "api"
NOTE = "<!-- Written by `make api` from the docstrings of course_lib: do not edit. -->"
_COLUMNS = re.compile(r"[\w.*`]+(, [\w.*`]+)* {2,}\S")


class Module:
    """A module: its dotted name below course_lib, its docstring, and its public functions and classes.

    parts  qualified name → node: "GPT", then its methods as "GPT.forward", in the order of the file
    """

    def __init__(self, path: Path) -> None:
        self.name = ".".join(path.relative_to(ROOT / "course_lib").with_suffix("").parts).removesuffix(".__init__")
        self.file, self.folder = path.relative_to(ROOT).as_posix(), path.parent.relative_to(ROOT).as_posix()
        self.page = f"{self.name.replace('.', '/')}.md"
        self.source = path.read_text(encoding="utf-8").splitlines()
        tree = ast.parse("\n".join(self.source))
        self.doc = ast.get_docstring(tree) or ""
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and path.stem == "__init__"]
        self.shown = [f"{node.module}.{name.name}" for node in imports for name in node.names]  # by a package
        self.classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        self.parts: dict[str, ast.AST] = {}
        for node in public(tree.body):
            self.parts[node.name] = node
            if isinstance(node, ast.ClassDef):
                self.parts |= {f"{node.name}.{method.name}": method for method in public(self.body(node))}

    def body(self, node: ast.ClassDef) -> list[ast.stmt]:
        """Return the statements of a class, after those of private classes of this module from which it inherits."""
        bases = [self.classes[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id[0] == "_"]
        own = {getattr(part, "name", "") for part in node.body}
        inherited = [part for base in bases for part in self.body(base) if getattr(part, "name", "") not in own]
        return inherited + node.body

    def signature(self, node: ast.AST) -> str:
        """Return a function from its decorators to the colon; of a class also its fields and `__init__`."""
        first, body = min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.body[0]
        if body.lineno == node.lineno:
            return ast.unparse(node)
        text = textwrap.dedent("\n".join(self.source[first - 1 : body.lineno - 1]))
        if isinstance(node, ast.ClassDef):
            for part in self.body(node):
                if isinstance(part, ast.AnnAssign) and part in node.body and not part.target.id.startswith("_"):
                    text += "\n" + "\n".join(self.source[part.lineno - 1 : part.end_lineno])
                elif isinstance(part, ast.FunctionDef) and part.name == "__init__":
                    text += "\n\n" + textwrap.indent(self.signature(part), "    ")
        return "\n".join(line for line in text.splitlines() if not line.strip().startswith("#"))


def public(body: list[ast.stmt]) -> list[ast.AST]:
    """Return the public functions and classes in the body of a module or class; a property's setter is not another."""
    named = [part for part in body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    setters = [part for part in named if any(ast.unparse(each).endswith(".setter") for each in part.decorator_list)]
    return [part for part in named if not part.name.startswith("_") and part not in setters]


def modules() -> list[Module]:
    """Return the modules of course_lib that have a page, in the order of their files."""
    every = [Module(path) for path in sorted((ROOT / "course_lib").glob("**/*.py")) if path.stem != "__main__"]
    return [module for module in every if module.name != "__init__" and (module.parts or module.doc)]


def pages() -> dict[str, str]:
    """Return path below the folder of the pages → text, for the index and for every module."""
    every = modules()
    places: dict[str, list[str]] = {}  # each name that may stand in backticks → where it is described
    for module in every:
        places[f"course_lib.{module.name}"] = [module.page]
        for name in module.parts:
            for key in (name, f"{module.name.rpartition('.')[2]}.{name}", f"course_lib.{module.name}.{name}"):
                places.setdefault(key, []).append(f"{module.page}#{name}")
    for module in every:  # a package shows what its modules define
        for name in module.shown:
            places[f"course_lib.{module.name}.{name.rpartition('.')[2]}"] = places.get(name, [])
    return {"README.md": index(every)} | {module.page: page(module, places) for module in every}


def index(every: list[Module]) -> str:
    """Return the index: a line for each module, grouped as the folders are."""
    text = f"{NOTE}\n\n# course_lib\n\nWhat the lessons import, by module, from the docstrings in the source.\n"
    for folder, group in groupby(sorted(every, key=attrgetter("folder", "name")), attrgetter("folder")):
        lines = (f"- [{module.name}]({module.page}) – {module.doc.partition(chr(10))[0]}\n" for module in group)
        text += f"\n## {folder}\n\n" + "".join(lines)
    return text


def page(module: Module, places: dict[str, list[str]]) -> str:
    """Return the page of a module."""
    up = relpath("README.md", dirname(module.page) or ".").removesuffix("README.md")
    text = [NOTE, f"# course_lib.{module.name}", f"[index]({up}README.md) · [source]({up}../../{module.file})"]
    shown = "\n".join(f"- {link(f'`{name}`', module, places)}" for name in module.shown)
    text += [markdown(module.doc, module, places), shown]
    for name, node in module.parts.items():
        text += [f'<a id="{name}"></a>\n{"###" if "." in name else "##"} {name}']
        text += [f"```python\n{module.signature(node)}\n```", markdown(ast.get_docstring(node) or "", module, places)]
    return "\n\n".join(filter(None, text)) + "\n"


def markdown(doc: str, module: Module, places: dict[str, list[str]]) -> str:
    """Return a docstring as Markdown: columns and examples as code, the rest as it is, with links."""
    blocks = []
    for block in re.split(r"\n\s*\n", doc):
        if block.lstrip().startswith(">>>"):
            blocks.append(f"```pycon\n{block}\n```")
        elif _COLUMNS.match(block) or block.startswith("    "):
            blocks.append(f"```text\n{block}\n```")
        else:
            words = re.split(r"(`[^`]+`)", block)
            blocks.append("".join(link(w, module, places) if w[:1] == "`" else w.replace("<", "&lt;") for w in words))
    return "\n\n".join(blocks)


def link(code: str, module: Module, places: dict[str, list[str]]) -> str:
    """Return a name in backticks as a link, where it is this module's, or the only such name of the library."""
    name = code.strip("`")
    found = [f"#{name}"] if name in module.parts else places.get(name, [])
    if name.islower() and "." not in name:  # like a parameter's: a function of another folder is hardly meant
        found = [target for target in found if target[0] == "#" or dirname(target) == dirname(module.page)]
    if len(found) != 1 or found == [module.page]:
        return code
    return f"[{code}]({found[0] if found[0][0] == '#' else relpath(found[0], dirname(module.page) or '.')})"


def write(folder: Path) -> None:
    """Write the pages to a folder, in place of all that it held: the pages of deleted modules go too."""
    written = pages()
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(API)
    print(f"see {API / 'README.md'}")
