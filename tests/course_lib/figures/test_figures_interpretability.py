"""The pictures of what is inside a model show the numbers that they were given."""

import pytest

from course_lib.figures import interpretability as figures
from course_lib.figures.style import png


def test_every_loss_is_a_mark_in_the_row_of_what_was_taken_out():
    figure = figures.without({"nothing": [0.1, 0.2], "head 0": [1.0, 2.0]}, "title")
    (axes,) = figure.axes
    marks = [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in axes.lines]
    assert marks == [(0.1, 0), (0.2, 0), (1.0, 1), (2.0, 1)]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["nothing", "head 0"]
    assert len({line.get_marker() for line in axes.lines}) == 2
    assert png(figure).startswith(b"\x89PNG")


def test_a_panel_for_each_model_has_its_losses_and_its_levels():
    figure = figures.nats_by_layer({"a": [3.0, 2.0, 1.0], "b": [5.0, 4.0]}, {"a": {"nothing known": 3.5}}, "title")
    left, right = figure.axes
    assert list(left.lines[0].get_ydata()) == [3.0, 2.0, 1.0] and list(right.lines[0].get_ydata()) == [5.0, 4.0]
    assert left.lines[1].get_ydata()[0] == pytest.approx(3.5) and len(right.lines) == 1
    assert [label.get_text() for label in right.get_xticklabels()] == ["embedding", "block 1"]
    assert "nothing known 3.50" in " ".join(text.get_text() for text in left.texts)
