"""The pictures of lesson 05 show the numbers that they were given, and the ravine is the one of the text."""

import numpy as np
import pytest
import torch

from course_lib import optim
from course_lib.figures import optimizers as figures
from course_lib.figures.style import png

SGD = (lambda w, g, t, lr: (optim.sgd_step(w, g, lr),), 0)


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0])
def test_a_ravine_curves_one_along_and_its_curvature_across(angle):
    values, vectors = torch.linalg.eigh(figures.ravine(40.0, angle))
    torch.testing.assert_close(values, torch.tensor([1.0, 40.0]), rtol=1e-4, atol=1e-4)
    turn = np.radians(angle)
    assert abs(vectors[:, 0] @ torch.tensor([np.cos(turn), np.sin(turn)], dtype=torch.float32)) > 0.999


def test_a_walk_of_gradient_descent_is_the_closed_form():
    path = figures.walk(SGD, (-2.0, 1.0), 0.03, 5, figures.ravine(50.0))
    powers = torch.arange(6)
    expected = torch.stack([-2.0 * (1 - 0.03) ** powers, (1 - 0.03 * 50) ** powers], 1)
    torch.testing.assert_close(path, expected)


def test_the_best_rate_is_ringed():
    figure = figures.rates([0.1, 0.2, 0.4], {"a": [0.5, 0.3, 0.6], "b": [0.2, 0.3, float("inf")]}, 0.1, "title")
    rings = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_markersize() == 13]
    assert rings == [0.2, 0.1]


def test_a_race_shows_the_mean_of_the_seeds():
    losses = torch.tensor([[0.7, 0.5], [0.4, 0.2]])
    figure = figures.races({"one": {"a": losses}, "two": {"a": losses}}, "title")
    for axes in figure.axes:
        np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.6, 0.3], rtol=1e-6)


def test_the_other_pictures_can_be_drawn():
    a = figures.ravine()
    for figure in (
        figures.ways_down({"a": figures.walk(SGD, (1.0, 1.0), 0.5, 40, a)}, a, "a walk that leaves"),
        figures.lines([1, 2], {"a": [1.0, 2.0], "b": [2.0, 1.0]}, "title", "x", "y", log="xy", level=1.5),
        figures.spectra({"a": [1.0, 0.1], "b": [1.0, 0.9]}, "title"),
        figures.compare_bars({"a": [1.9, 2.0], "b": [1.8, 1.85]}, 1.7, "title"),
    ):
        assert len(png(figure)) > 5000
