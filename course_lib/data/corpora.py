"""Real text without a download: English prose and Python source from the standard library on this computer.

- `english`: the prose of the library's documentation strings, and of the language reference that `help()` shows.
- `python_sources`: the source files themselves.

A document is a file (or a chapter of the reference). Whether it is in training or held out, and its place in the order,
are decided by a hash of its name, so that the beginning of the text is a fair sample of the whole. The text is the same
wherever the same release of Python runs, and differs a little between releases: compare numbers only within one.
Tests, packages that distributions leave out, and files made for one platform are not used.
"""

import ast
import gc
import hashlib
import re
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from pydoc_data.topics import topics

from course_lib.arguments import require_counts

HELD_OUT = 0.1  # of the documents, by their hash
_LEFT_OUT = set(
    "__phello__ __pycache__ dist-packages distutils encodings ensurepip idlelib lib2to3 msilib pydoc_data "
    "site-packages test tests tkinter turtledemo venv".split()
)
_MIN_WORDS = 5  # of a paragraph that counts as prose
_PLAIN = 0.75  # share of its words that must be plain words
_NO_PROSE = re.compile(r">>>|::=|\t|[^\s.:?!)] {2,}\S")  # examples, grammar, and columns held apart by spaces
_ROLE = re.compile(r":[a-z:]+:`~?!?([^`<]+)(?: <[^`]+>)?`")
_QUOTED = re.compile(r'``([^`]*)``|"([^"\n]*)"|(?<!\w)\*([\w ]+)\*(?!\w)')
_PLAIN_WORD = re.compile(r"[(\"'“]?[A-Za-z]+(?:['’-][A-Za-z]+)*[)\"'”]?[.,;:!?]*\)?")


def english(n_chars: int | None = None, held_out: bool = False) -> str:
    """Return English prose: one paragraph a line, an empty line between documents.

    n_chars   how many characters, from the beginning; None: all there are (about 1,100,000 to train on)
    held_out  True: a tenth of the documents, kept apart for measuring (about 75,000). No paragraph is in both

    Raises ValueError when there are fewer characters than n_chars.
    """
    return beginning(_english()[held_out], n_chars)


def python_sources(n_chars: int | None = None, held_out: bool = False) -> str:
    """Return Python source code: whole files, an empty line between them.

    n_chars   how many characters, from the beginning; None: all there are (about 7,000,000 to train on)
    held_out  True: a tenth of the files, kept apart for measuring (about 650,000). No file is in both

    Raises ValueError when there are fewer characters than n_chars.
    """
    return beginning(_python_sources()[held_out], n_chars)


def beginning(text: str, n_chars: int | None) -> str:
    """Return the first n_chars characters of a text, or all of it for None.

    Raises ValueError when there are fewer, or n_chars is not at least 1.
    """
    if n_chars is None:
        return text
    if not 1 <= n_chars <= len(text):
        raise ValueError(f"n_chars must be between 1 and the {len(text):,} characters there are, got {n_chars}")
    require_counts(n_chars=n_chars)
    return text[:n_chars]


@lru_cache(maxsize=1)
def _english() -> tuple[str, str]:
    """Return the training and the held-out prose. Parsing the whole library takes about two seconds, once."""
    with _no_garbage_collection():
        texts = {name: docstrings(source) for name, source in _sources().items()} | _reference()
    return _split({name: [prose(text) for text in some] for name, some in texts.items()})


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Leave the collector out for a while. Trees of syntax are millions of objects and no garbage: half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@lru_cache(maxsize=1)
def _python_sources() -> tuple[str, str]:
    return _split({name: [[source.strip("\n")]] for name, source in _sources().items()})


def _split(documents: dict[str, list[list[str]]]) -> tuple[str, str]:
    """Return the training and the held-out text of named documents, each given as lists of passages.

    A passage is used once. Training text goes first, so what it says is not held out again.
    """
    place = {name: hashlib.sha256(name.encode()).digest() for name in documents}
    order = sorted(documents, key=place.__getitem__, reverse=True)
    seen: set[str] = set()
    texts: tuple[list[str], list[str]] = ([], [])
    for name in order:  # the highest hashes first: the held-out ones, which are the lowest, come last
        passages = dict.fromkeys(passage for some in documents[name] for passage in some if passage)
        new = [passage for passage in passages if passage not in seen]
        seen.update(new)
        if new:
            texts[place[name][0] < 256 * HELD_OUT].append("\n".join(new))
    return "\n\n".join(texts[0]), "\n\n".join(texts[1])


# ---- where the text comes from


def _sources() -> dict[str, str]:
    """Return the standard library's source files: path below the library's folder → text."""
    root = Path(sysconfig.get_path("stdlib"))
    sources = {}
    for path in root.rglob("*.py"):
        name = path.relative_to(root)
        if not _LEFT_OUT.intersection(name.parts) and not name.name.startswith("_sysconfigdata"):
            text = path.read_text(encoding="utf-8", errors="replace")
            if "\ufffd" not in text:
                sources[name.as_posix()] = text
    if not sources:
        raise FileNotFoundError(f"this Python has no sources of its standard library in {root}")
    return sources


def _reference() -> dict[str, list[str]]:
    """Return the chapters of the language reference that `help()` shows: name → text, as a list of one."""
    return {f"pydoc_data/topics/{name}": [text] for name, text in topics.items()}


def docstrings(source: str) -> list[str]:
    """Return the documentation strings of a module's source, cleaned of indentation, in the order of the file.

    >>> docstrings('"Shop."\\ndef buy():\\n    "Pay first."')
    ['Shop.', 'Pay first.']
    """
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found: list[str] = []

    def look(nodes: Iterable[ast.AST]) -> None:
        for node in nodes:  # statements only: a definition is never inside an expression
            if isinstance(node, documented):
                found.append(ast.get_docstring(node) or "")
            for block in ("body", "orelse", "finalbody", "handlers"):
                inner = getattr(node, block, None)
                if isinstance(inner, list):
                    look(inner)

    look([ast.parse(source)])
    return [text for text in found if text]


# ---- what of it is prose


def prose(text: str) -> list[str]:
    """Return the paragraphs of English in a documentation string, each on one line, its mark-up taken off.

    Examples, signatures, tables, grammar and headings are left out: a paragraph has at least five words, three
    quarters of them plain words, begins with a letter and ends as a sentence does.

    >>> prose("Return the *sum*.\\n\\n    >>> f(1)\\n\\nThe list ``items`` is\\nleft as it is.")
    ['The list items is left as it is.']
    """
    found = []
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*•]|\d+[.)])\s)", text):
        if _NO_PROSE.search(block):
            continue
        paragraph = re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", "", " ".join(block.split()))
        paragraph = _ROLE.sub(r"\1", paragraph)
        paragraph = _QUOTED.sub(lambda match: match[1] or match[2] or match[3] or "", paragraph)
        words = paragraph.split()
        plain = sum(_PLAIN_WORD.fullmatch(word) is not None for word in words)
        ends = paragraph.rstrip(")\"'”").endswith((".", "!", "?", ":"))
        if len(words) >= _MIN_WORDS and plain >= _PLAIN * len(words) and paragraph[0].isalpha() and ends:
            found.append(re.sub(r"::$", ":", paragraph))
    return found
