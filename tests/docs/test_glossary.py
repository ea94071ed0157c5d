"""The project's own words are in the glossary, and what users read says nothing else in their place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from course_lib.judging.verdict import VerdictKind

ROOT = Path(__file__).resolve().parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
NOUNS = "lesson exercise reference case probe outcome judge mistake symptom mutant verdict submission"
ROWS = re.findall(r"(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", GLOSSARY.read_text(encoding="utf-8"))[1:]
INSTEAD = {other: word for word, _, others in ROWS for other in others.split(", ")}
SOURCES = [path for folder in ("autograder", "course_lib") for path in sorted((ROOT / folder).rglob("*.py"))]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/README.md")),
    *(path for path in sorted((ROOT / "docs").glob("*.md")) if path != GLOSSARY),
    *sorted((ROOT / "autograder").rglob("*.jinja")),
]


def messages(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what a file may say to its users, with the line: all strings but docstrings, or the whole of a page."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), start=1)
        return
    tree = ast.parse(text)
    unsaid = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in unsaid:
            yield node.lineno, node.value


@pytest.mark.parametrize("noun", NOUNS.split())
def test_each_noun_of_the_project_is_explained_and_has_words_that_it_replaces(noun: str):
    assert [others for word, meaning, others in ROWS if word == noun and meaning and others]


def test_every_kind_of_verdict_is_named():
    (meaning,) = (meaning for word, meaning, _ in ROWS if word == "verdict")
    assert [kind.value for kind in VerdictKind if kind.value not in meaning] == []


def test_a_word_is_explained_once():
    words = re.findall(r"(?m)^\| ([^|]+) \|", GLOSSARY.read_text(encoding="utf-8"))
    explained = [word for word in words if word not in ("word", "---")]
    assert len(explained) == len(set(explained)) > 60


def test_users_read_the_projects_own_words():
    said = [
        f"{path.relative_to(ROOT)}:{line}: “{other}”; we say {word}"
        for path in (*SOURCES, *PAGES)
        for line, text in messages(path)
        for other, word in INSTEAD.items()
        if re.search(rf"\b{re.escape(other)}s?\b", text, flags=re.IGNORECASE)
    ]
    assert said == []
