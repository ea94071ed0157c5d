"""Lesson 01's figures show the numbers that they were given."""

import math

import pytest
import torch

from course_lib.figures import information as figures
from course_lib.figures.style import png
from course_lib.information import entropy, softmax

WORDS = ["Paris", "Rome", "London"]


def heights(axis) -> list[float]:
    return [bar.get_height() for bar in axis.patches]


def test_bars_of_surprise_have_the_given_heights_and_the_legend_their_mean():
    figure = figures.surprise_by_token(["the", "mouse"], {"a": [1.0, 2.0], "b": [3.0, 5.0]})
    assert heights(figure.axes[0]) == [1.0, 2.0, 3.0, 5.0]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["a: mean 1.50", "b: mean 4.00"]
    with pytest.raises(ValueError, match="must hold 2 values, got 1"):
        figures.surprise_by_token(["the", "mouse"], {"a": [1.0]})


def test_the_coin_shows_both_surprises_and_its_entropy():
    left, right = figures.coin(0.75).axes
    assert heights(left) == pytest.approx([math.log(4 / 3), math.log(4)])
    assert right.lines[-1].get_ydata()[0] == pytest.approx(entropy(torch.tensor([0.75, 0.25])).item())
    with pytest.raises(ValueError, match=r"p must be a probability, got 1\.5"):
        figures.coin(1.5)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_a_coin_that_always_falls_the_same_way_is_drawn_too(p):
    assert png(figures.coin(p)).startswith(b"\x89PNG")


def test_the_two_divergences_are_least_at_different_models():
    p = torch.tensor([0.45, 0.45, 0.1])
    _, right = figures.two_directions(p, WORDS, 0, 0.5).axes
    forward, backward = (line.get_xdata()[0] for line in right.lines if line.get_marker() == "v")
    assert forward == pytest.approx(0.45)  # the mass that the world puts there
    assert backward > forward + 0.05
    with pytest.raises(ValueError, match="weight must lie between 0 and 1, got 2"):
        figures.two_directions(p, WORDS, 0, 2)


def test_a_peaked_model_shares_the_rest_equally():
    q = figures.peaked(5, 2, torch.tensor([0.2, 0.6, 1.0]))
    torch.testing.assert_close(q.sum(-1), torch.ones(3))
    torch.testing.assert_close(q[1], torch.tensor([0.1, 0.1, 0.6, 0.1, 0.1]))


def test_temperature_bars_are_the_softmax():
    logits = torch.tensor([2.0, 1.0, 0.0])
    (axis,) = figures.temperature(WORDS, logits, 0.5).axes
    assert heights(axis)[3:] == pytest.approx(softmax(logits, 0.5).tolist(), abs=1e-6)
    several = figures.temperatures(WORDS, logits, [0.0, 1.0, 2.0, 4.0])
    assert heights(several.axes[0]) == [1.0, 0.0, 0.0]
    assert [axis.get_visible() for axis in several.axes] == [True] * 4 + [False] * 2


def test_an_infinite_loss_is_marked_and_named():
    figure = figures.train_and_held_out(
        [10, 100], {"a": ([1.0, 2.0], [3.0, 2.5]), "b": ([0.1, 0.2], [math.inf, math.inf])}, 1.75
    )
    assert "held-out: infinite" in [text.get_text() for text in figure.axes[1].texts]
    assert "held-out: infinite" not in [text.get_text() for text in figure.axes[0].texts]


def test_every_other_figure_can_be_drawn():
    p = torch.tensor([0.5, 0.3, 0.2])
    for figure in (
        figures.bits_per_symbol({1: 1.0, 2: 0.7}, 0.6),
        figures.gradient_of_the_logit(torch.arange(3), {"a": p, "b": p}),
        figures.descent_to_the_counts([3.0, 2.0, 1.5], 1.4, WORDS, p, p),
    ):
        assert png(figure).startswith(b"\x89PNG")
        assert all(axis.get_title() or axis.get_title("left") for axis in figure.axes)
