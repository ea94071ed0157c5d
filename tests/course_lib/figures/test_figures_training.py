"""Loss curves draw what was measured, with names and units."""

import pytest

from course_lib.figures.training import compare_curves, loss_curve, moving_average
from course_lib.train import Step


def steps(n, held_out_every=10):
    return [Step(i, 3.0 / i, 0.01, 1.0, 2.0 / i if i % held_out_every == 0 else None, i / 10) for i in range(1, n + 1)]


def test_the_moving_average_is_the_mean_of_the_latest_values():
    assert moving_average([1.0, 2.0, 6.0, 10.0], 2).tolist() == [1.0, 1.5, 4.0, 8.0]


def test_the_curve_shows_training_loss_held_out_loss_and_named_levels():
    (axes,) = loss_curve(steps(40), levels={"floor": 1.748, "bigram": 2.4}).axes
    assert axes.lines[0].get_ydata().tolist() == [3.0 / i for i in range(1, 41)]
    dots = next(line for line in axes.lines if line.get_label() == "held out")
    assert list(dots.get_xdata()) == [10, 20, 30, 40]
    assert [text.get_text() for text in axes.texts] == ["floor 1.748", "bigram 2.400"]
    assert axes.get_xlabel() == "updates" and "nats per token" in axes.get_ylabel()


@pytest.mark.parametrize("n", [1, 5])
def test_a_run_of_a_few_steps_is_drawn_as_it_is(n):
    (axes,) = loss_curve(steps(n)).axes
    assert len(axes.lines) == 1 and len(axes.lines[0].get_xdata()) == n


def test_compared_runs_are_told_apart_by_line_style_and_named_with_their_last_loss():
    (axes,) = compare_curves({"RNN": ([1, 2], [3.0, 2.5]), "LSTM": ([1, 2], [3.0, 2.0])}, "title").axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["RNN: 2.500", "LSTM: 2.000"]
    assert len({line.get_linestyle() for line in axes.lines}) == 2
