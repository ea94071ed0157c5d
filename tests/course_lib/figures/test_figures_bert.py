"""The pictures of lesson 16 show the numbers that they were given."""

import torch

from course_lib.figures import bert as figures
from course_lib.figures.style import png


def test_each_panel_of_beliefs_shows_its_own_likeliest_words():
    words = ["mouse", "cat", "dog", "eats"]
    probs = {"left": torch.tensor([0.1, 0.2, 0.3, 0.4]), "both": torch.tensor([0.7, 0.2, 0.1, 0.0])}
    figure = figures.beliefs("the ▢ eats", words, probs, n_shown=2)
    for ax, shown, heights in zip(figure.axes, (["eats", "dog"], ["mouse", "cat"]), ([0.4, 0.3], [0.7, 0.2])):
        assert [label.get_text() for label in ax.get_yticklabels()] == shown
        widths = torch.tensor([bar.get_width() for bar in ax.patches])
        torch.testing.assert_close(widths.float(), torch.tensor(heights))


def test_losses_have_a_dot_for_each_seed_and_a_line_for_each_floor():
    (axes,) = figures.hole_losses({"a": [1.0, 1.2], "b": [0.5, 0.7]}, {"left": 0.9, "both": 0.3}, "title").axes
    dots, lines = axes.lines[:2], axes.lines[2:]
    assert [list(dot.get_xdata()) for dot in dots] == [[1.0, 1.2], [0.5, 0.7]]
    assert [line.get_xdata()[0] for line in lines] == [0.9, 0.3]
    assert {text.get_text() for text in axes.texts} == {"1.10", "0.60"}


def test_accuracies_are_shown_in_percent_above_their_parameters():
    (axes,) = figures.fine_tuning({"all": (100, [0.9, 0.8]), "head": (10, [0.6, 0.5])}, 0.5, "title").axes
    assert list(axes.lines[0].get_ydata()) == [90.0, 80.0] and list(axes.lines[1].get_xdata()) == [10, 10]


def test_curves_by_place_can_be_drawn():
    figure = figures.by_place([1, 2], {"a": [2.0, 1.0], "b": [1.0, 2.0]}, "title")
    assert len(png(figure)) > 5000 and list(figure.axes[0].lines[1].get_ydata()) == [1.0, 2.0]
