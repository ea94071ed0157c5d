"""The pictures of lesson 04 show the numbers that they were given, or the right ones."""

import numpy as np
import torch

from course_lib.data.spirals import spirals
from course_lib.figures import linear_models as figures
from course_lib.figures.style import png
from course_lib.neural import logistic_loss, mlp_layers


def test_the_line_of_the_mean_is_the_loss():
    x, labels = spirals(60, torch.Generator().manual_seed(0))
    figure = figures.boundary(x, labels, 90.0, 0.5, 2.0, "ab", "xy")
    expected = logistic_loss(x, labels, torch.tensor([0.0, 2.0]), torch.tensor(-1.0)).item()
    np.testing.assert_allclose(figure.axes[1].lines[0].get_ydata(), expected, rtol=1e-4)
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    np.testing.assert_allclose(np.mean(heights), expected, rtol=1e-4)


def test_slopes_are_those_of_autograd():
    figure = figures.activation_curves()
    for function, slope in zip(figure.axes[0].lines, figure.axes[1].lines):
        a, f = np.asarray(function.get_xdata()), np.asarray(function.get_ydata())
        np.testing.assert_allclose(np.gradient(f, a)[1:-1], np.asarray(slope.get_ydata())[1:-1], atol=0.51)
        assert function.get_label() == slope.get_label()


def test_the_other_pictures_can_be_drawn():
    x, labels = spirals(20, torch.Generator().manual_seed(0))
    layers = mlp_layers([2, 3, 1], torch.Generator().manual_seed(0))
    line = np.linspace(0, 1, 5)
    for figure in (
        figures.regions({"a": layers, "b": layers}, x, labels, "tanh", "title", lines=True),
        figures.descents({"a": np.ones((3, 2))}, np.outer(line, line), (line, line), (0.5, 0.5)),
        figures.excess({"a": ([1, 2], [0.1, 0.2])}, "title"),
        figures.gradient_noise([1, 2], [2.0, 1.0], [2.0, 1.0]),
        figures.gradient_by_layer({"sigmoid": [0.1, 1.0]}),
    ):
        assert len(png(figure)) > 5000
