"""Lesson 02's figures show the numbers and the cuts that they were given."""

import math

import pytest

from course_lib.figures import tokenization as figures
from course_lib.tokenization.steps import train_bpe

WORDS = {"low": 5, "lower": 2, "newest": 6, "widest": 3}


def texts(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_coloured_text_shows_every_piece_and_escapes_it():
    page = figures.coloured_text(["a b", "<i>", "\n"], "two & more")
    assert "a·b" in page and "&lt;i&gt;" in page and "⏎" in page and "two &amp; more" in page
    assert page.count("<span") == 3 and "<i>" not in page


def test_the_pair_that_is_drawn_as_next_is_the_one_that_training_merges_next():
    merges = train_bpe([(list(word), n) for word, n in WORDS.items()], 1000)
    for step, pair in enumerate(merges):
        _, right = figures.merges_so_far(WORDS, merges[:step]).axes
        assert right.get_yticklabels()[0].get_text() == " + ".join(pair)
    left, right = figures.merges_so_far(WORDS, merges).axes
    assert texts(left) == list(WORDS) and not right.patches
    assert "16 tokens" in left.get_title(loc="left")


def test_pair_counts_are_weighted_by_the_words():
    _, right = figures.merges_so_far(WORDS, []).axes
    assert right.patches[0].get_width() == 9  # es: 6 × newest + 3 × widest


def test_rows_of_boxes_hold_the_tokens_with_visible_blanks():
    (axes,) = figures.cuts_side_by_side({"a": ["the", " mouse"], "b": ["th", "e m", "ouse"]}, "two ways").axes
    assert texts(axes) == ["the", "·mouse", "th", "e·m", "ouse"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a (2)", "b (3)"]


def test_rare_words_are_counted_and_unknown_shares_are_drawn_in_percent():
    left, right = figures.rare_words({"x": [5, 2, 1, 1]}, {"x": [0.2, 0.1]}, [10, 20]).axes
    assert list(left.lines[0].get_ydata()) == [5, 2, 1, 1]
    assert texts(left) == ["x: 50% of the words occur once"]
    assert list(right.lines[0].get_ydata()) == [20, 10]


def test_compression_names_the_values_at_the_marked_size():
    (axes,) = figures.compression([256, 512], {"English": [1.0, 2.0], "Python": [1.0, 1.5]}, "t", mark=512).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["English: 2.00", "Python: 1.50"]
    assert list(axes.lines[1].get_ydata()) == [1.0, 1.5]


def test_the_lattice_has_an_arc_for_each_piece_that_fits_and_the_cut_is_strong():
    log_probs = {"a": -1.0, "b": -2.0, "ab": -1.5, "ba": -9.0}
    (axes,) = figures.lattice("ab", log_probs, ["ab"]).axes
    assert {"a −1.0", "b −2.0", "ab −1.5"} <= set(texts(axes)) and "ba −9.0" not in texts(axes)
    arcs = [line for line in axes.lines if len(line.get_xdata()) > 1]
    assert [line.get_linewidth() for line in arcs] == [1.3, 4, 1.3]
    assert max(arcs[1].get_xdata()) == pytest.approx(2) and "−1.5 nats" in axes.get_title(loc="left")
    assert math.isfinite(axes.get_ylim()[1])
    with pytest.raises(ValueError, match="must spell 'ab'"):
        figures.lattice("ab", log_probs, ["b"])
