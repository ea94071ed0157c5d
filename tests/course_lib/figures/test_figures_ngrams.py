"""Lesson 03's figures show the numbers that they were given."""

import math

import numpy as np

from course_lib.figures import ngrams as figures
from course_lib.figures.style import png


def test_losses_are_lines_and_infinite_ones_are_marked_and_named():
    held_out = {"counts": [3.0, math.inf, math.nan], "smoothed": [3.0, 2.0, 1.9]}
    figure = figures.losses([1, 2, 3], held_out, 1.5, "Title", "order", training={"counts": [3.0, 1.0, 0.2]})
    (axis,) = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in axis.lines}
    assert list(lines["smoothed"]) == [3.0, 2.0, 1.9] and list(lines["counts"]) == [3.0]
    assert list(lines["counts, on its training text"]) == [3.0, 1.0, 0.2]
    assert [list(line.get_xdata()) for line in axis.lines if line.get_marker() == "^" and len(line.get_xdata())] == [
        [2, 3]
    ]
    assert "infinite, or no prediction" in lines and "entropy rate 1.50" in lines
    assert axis.get_ylim()[0] < 0.2
    (axis,) = figures.losses([10, 100], {"a": [2.0, 1.8]}, 1.5, "Title", "size", log=True).axes
    assert axis.get_xscale() == "log"
    assert "infinite, or no prediction" not in [line.get_label() for line in axis.lines]


def test_shares_are_shown_in_percent():
    (axis,) = figures.unseen([10, 100], {1: [0.5, 0.25], 2: [0.9, 0.8]}, "Title").axes
    assert [list(line.get_ydata()) for line in axis.lines] == [[50, 25], [90, 80]]
    (axis,) = figures.two_shares(["a", "b"], {"x": [0.1, 0.2], "y": [0.3, 0.4]}, "Title").axes
    assert np.allclose([bar.get_height() for bar in axis.patches], [10, 20, 30, 40])


def test_promises_are_compared_with_what_came():
    (axis,) = figures.promised_and_kept([0, 1, 2], [0.001, 0.5, 1.5], 0.5, "Title").axes
    assert [list(line.get_ydata()) for line in axis.lines] == [[0, 1, 2], [0.5, 1.5], [0.001, 0.5, 1.5]]
    assert [text.get_text() for text in axis.texts] == ["0.0010", "0.50", "1.50"]


def test_next_words_show_favourites_of_both_and_say_when_there_is_no_prediction():
    words = list("abcdef")
    exact, model = np.array([0.5, 0.3, 0.2, 0, 0, 0]), np.array([0.5, 0, 0, 0, 0.1, 0.4])
    (axis,) = figures.next_words("so", words, exact, model, "bigram", n_shown=4).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b", "f", "e"]
    assert [bar.get_width() for bar in axis.patches] == [0.5, 0.3, 0, 0, 0.5, 0, 0.4, 0.1]
    assert axis.get_title(loc="right") == "misplaced: 50 %"
    (axis,) = figures.next_words("so", words, exact, np.full(6, np.nan), "bigram", n_shown=4).axes
    assert "no prediction: 0 / 0" in [text.get_text() for text in axis.texts]


def test_every_other_figure_can_be_drawn():
    for figure in (
        figures.added_counts([0.1, 1.0], {"a": [2.0, 3.0]}, 1, {"x": (0.9, 0.5), "y": (0.0, 0.1)}),
        figures.bars(["a", "b"], [1.0, 2.0], "Title", "share", ["1", "2"]),
    ):
        assert png(figure).startswith(b"\x89PNG")
