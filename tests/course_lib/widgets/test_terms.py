"""The index of terms: every lesson's words in one order, each with a link to its section, and a way to look one up."""

import ipywidgets
import pytest

from course_lib.judging.exercise import PublicLesson, write_public
from course_lib.widgets.terms import terms_index
from tests.widget_parts import find


@pytest.fixture(autouse=True)
def two_lessons(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE", str(tmp_path))
    (tmp_path / "notebooks" / "cases").mkdir(parents=True)
    for name, terms in (
        ("06_regularization", {"overfitting": "1 · A model <that> memorises", "Lasso": "3 · Lasso"}),
        ("12_attention", {"query": "2 · Queries"}),
    ):
        path = tmp_path / "notebooks" / "cases" / f"{name}.json"
        path.write_text(write_public(PublicLesson(name, "?", "1", {}, terms)))


def shown(widget) -> str:
    return widget.children[1].value


def test_all_words_are_there_in_the_order_of_a_dictionary():
    page = shown(terms_index())
    assert page.index("<b>Lasso</b>") < page.index("<b>Overfitting</b>") < page.index("<b>Query</b>")


def test_a_word_links_to_its_section():
    page = shown(terms_index())
    assert 'href="12_attention.ipynb#2-%C2%B7-Queries"' in page
    assert 'title="1 · A model &lt;that&gt; memorises"' in page


def test_part_of_a_word_is_enough_to_find_it():
    index = terms_index()
    find(index, ipywidgets.Text).value = "FIT"
    assert "Overfitting" in shown(index) and "Query" not in shown(index)
    find(index, ipywidgets.Text).value = "<zzz>"
    assert "&lt;zzz&gt;" in shown(index)


def test_a_page_without_a_kernel_has_the_whole_index():
    assert terms_index()._repr_mimebundle_()["text/html"].count("<b>") == 3
