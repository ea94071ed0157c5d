"""The corpora against the library's own idea of its documentation: nothing twice, nothing shared, nothing but prose."""

import ast
import inspect
import re
import sysconfig
import textwrap

import pytest

from course_lib.data import corpora
from course_lib.data.corpora import docstrings, english, prose, python_sources

CODE = """class Shop:
    "Sells cheese."
    if True:
        async def buy(self):
            '''Pay.

            First.'''"""


def paragraphs(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize(("corpus", "train", "held_out"), [(english, 1e6, 6e4), (python_sources, 5e6, 4e5)])
def test_there_is_enough_to_train_on_and_to_measure_with(corpus, train, held_out):
    assert len(corpus()) > train and len(corpus(held_out=True)) > held_out
    assert len(corpus()) > 5 * len(corpus(held_out=True))


def test_a_short_text_is_the_beginning_of_the_long_one():
    assert english(5000) == english()[:5000] and python_sources(70, held_out=True) == python_sources(None, True)[:70]


@pytest.mark.parametrize("n_chars", [0, -1, 10**9])
def test_a_length_that_there_is_not_is_refused(n_chars):
    with pytest.raises(ValueError, match=r"n_chars must be between 1 and the .* there are, got"):
        english(n_chars)


def test_no_paragraph_is_there_twice_and_none_is_both_trained_on_and_held_out():
    every = paragraphs(english()) + paragraphs(english(held_out=True))
    assert len(set(every)) == len(every) > 5000


def test_the_prose_holds_no_code_and_little_that_is_not_plain_english():
    text = english() + english(held_out=True)
    assert not re.search(r">>>|::=|``|:func:|\t", text)
    assert sum(character.isalpha() or character in " \n.,'" for character in text) > 0.95 * len(text)
    assert sum(character.isascii() for character in text) > 0.999 * len(text)
    small = {"the", "a", "of", "to", "is", "in", "and"}
    words = text.lower().split()
    assert 0.15 < sum(word in small for word in words) / len(words) < 0.4


def test_the_documentation_of_a_module_is_found_whole_in_one_of_the_texts():
    """inspect imports the module and asks its objects; we only parse its source."""
    members = [textwrap, textwrap.TextWrapper, *vars(textwrap.TextWrapper).values(), textwrap.dedent, textwrap.shorten]
    documented = [inspect.cleandoc(m.__doc__) for m in members if inspect.getmodule(m) is textwrap and m.__doc__]
    assert set(documented) <= set(docstrings(inspect.getsource(textwrap)))
    said = [paragraph for text in documented for paragraph in prose(text)]
    sides = [set(paragraphs(english(held_out=side))) for side in (False, True)]
    assert len(said) > 5 and all(paragraph in sides[0] | sides[1] for paragraph in said)


def test_the_language_reference_is_among_the_prose():
    assert "Assignment statements are used to (re)bind names to values" in english() + english(held_out=True)


def test_docstrings_are_found_at_every_depth_in_the_order_of_the_file():
    assert docstrings("'''Top.'''\n" + CODE) == ["Top.", "Sells cheese.", "Pay.\n\nFirst."]


def test_sources_are_whole_files_and_valid_python():
    text = python_sources() + "\n\n" + python_sources(held_out=True)
    assert inspect.getsource(textwrap).strip() in text
    assert ast.parse(python_sources(held_out=True).replace("\nfrom __future__ import", "\nfrom os import"))
    with open(f"{sysconfig.get_path('stdlib')}/this.py") as file:
        assert text.count(file.read().strip()) == 1


def test_a_python_without_sources_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no sources of its standard library"):
        corpora._sources()
