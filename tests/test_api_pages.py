"""The API pages describe every module, their links lead somewhere, and every docstring says enough."""

import ast
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILDER = runpy.run_path(str(ROOT / "docs" / "build_api.py"))
PAGES, MODULES = BUILDER["pages"](), BUILDER["modules"]()
PARTS = {f"{module.name}.{name}": (module, name, node) for module in MODULES for name, node in module.parts.items()}

_DIM = r"(?:[\w.'·…]+(?:\(\w+\))?(?: ?[·×+−*/≥-] ?[\w.]+)*)"  # T, d_model, len(words), T + 1, D·H, T ≥ 1, ...
SHAPE = re.compile(
    rf"\({_DIM}(?:, {_DIM})+\)|\({_DIM},\)|\((?:\.\.\.)?\)|\bshapes?\b|\bscalar\b|element(?:wise| by element)"
)


def test_the_folder_holds_the_pages_and_nothing_of_an_earlier_run(tmp_path):
    (tmp_path / "api" / "gone").mkdir(parents=True)
    (tmp_path / "api" / "gone" / "module.md").write_text("a module that was deleted")
    BUILDER["write"](tmp_path / "api")
    written = {path.relative_to(tmp_path / "api").as_posix(): path for path in (tmp_path / "api").rglob("*.*")}
    assert {name: path.read_text(encoding="utf-8") for name, path in written.items()} == PAGES


def test_every_page_says_first_that_it_is_generated():
    assert all(text.startswith("<!-- Written by `make api`") for text in PAGES.values())


def test_every_module_with_code_has_a_page_and_the_index_names_them_all():
    sources = {path for path in (ROOT / "course_lib").rglob("*.py") if path.stem not in ("__init__", "__main__")}
    assert {module.file for module in MODULES} >= {path.relative_to(ROOT).as_posix() for path in sources}
    assert set(re.findall(r"\]\(([^)]+\.md)\)", PAGES["README.md"])) == PAGES.keys() - {"README.md"}


def test_every_link_leads_to_a_page_and_to_a_name_on_it():
    folder, broken, n_links = BUILDER["API"], [], 0
    for name, text in PAGES.items():
        prose = re.sub(r"^```.*?^```$|`[^`\n]+`", "", text, flags=re.DOTALL | re.MULTILINE)
        for place, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", prose):
            path = ((folder / name).parent / place).resolve() if place else folder / name
            page = PAGES.get(path.relative_to(folder).as_posix(), "") if path.suffix == ".md" else ""
            n_links += 1
            there = path.exists() if path.suffix == ".py" else bool(page)
            if not there or (anchor and f'<a id="{anchor}"></a>' not in page):
                broken.append(f"{name}: {place}#{anchor}")
    assert n_links > 500 and not broken


def test_what_is_private_is_left_out_and_what_is_inherited_from_it_is_there():
    assert not [name for name in PARTS if any(part.startswith("_") for part in name.split("."))]
    assert "## RNN.forward" in PAGES["recurrent/layers.md"] and "_Recurrent.forward" not in PAGES["recurrent/layers.md"]
    assert "def __init__(" in PAGES["recurrent/layers.md"]


def test_a_page_has_the_signature_the_columns_and_the_example_as_written():
    page = PAGES["attention.md"]
    assert "```python\ndef padding_mask(ids: Tensor, pad_id: int = 0) -> Tensor:\n```" in page
    assert "```text\nids      (B, S) token ids of the sequences that are attended *to*\n" in page
    assert "```pycon\n>>> padding_mask(torch.tensor([[5, 7, 0]]))\ntensor([[[[ True,  True, False]]]])\n```" in page
    assert "[`course_lib.positions`](positions.md)" in page


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_every_public_part_has_a_docstring_that_is_more_than_its_name(module):
    said = {
        name: set(re.findall(r"\w+", (ast.get_docstring(node) or "").lower())) for name, node in module.parts.items()
    }
    silent = [name for name, words in said.items() if len(words - set(re.split(r"[._]", name.lower()))) < 3]
    assert not silent and module.doc


def test_every_function_of_tensors_tells_their_shapes():
    missing = []
    for full, (module, name, node) in PARTS.items():
        if isinstance(node, ast.ClassDef):
            continue
        types = [argument.annotation for argument in ast.walk(node.args) if isinstance(argument, ast.arg)]
        if any("Tensor" in ast.unparse(kind) for kind in [*types, node.returns] if kind is not None):
            said = [node, module.parts.get(name.rpartition(".")[0])]  # its own docstring, and that of its class
            docs = [ast.get_docstring(each) or "" for each in said if each] + re.findall("any shape", module.doc)
            if not any(SHAPE.search(doc) for doc in docs):
                missing.append(full)
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize(
    "text", ["(B, T)", "(T,)", "(..., T, D)", "(B, T + 1)", "(L·D, B, H)", "()", "(...)", "of the same shape"]
)
def test_shapes_are_recognised(text):
    assert SHAPE.search(f"ids  {text} of a text")


@pytest.mark.parametrize("text", ["(Vaswani et al. 2017, §3.2)", "(None: all)", "(lesson 13)", "a tensor of ids"])
def test_other_things_in_brackets_are_not_shapes(text):
    assert not SHAPE.search(text)
