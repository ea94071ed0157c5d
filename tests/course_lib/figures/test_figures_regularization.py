"""The pictures of regularization show what the library computes, and touch where the loss is least."""

import pytest
import torch

from course_lib.figures import regularization as figures
from course_lib.figures.style import png
from course_lib.regularization import soft_threshold


def test_a_polynomial_of_the_highest_degree_passes_through_all_twelve_points():
    figure = figures.fits(11, -6, 0)
    points, fit = figure.axes[0].lines[0], figure.axes[0].lines[1]
    assert fit.get_ydata()[0] == pytest.approx(points.get_ydata()[0], abs=1e-6)
    assert fit.get_ydata()[-1] == pytest.approx(points.get_ydata()[-1], abs=1e-6)
    assert png(figure).startswith(b"\x89PNG")


def test_a_penalty_moves_fits_towards_their_mean():
    free, shrunk = (figures.polynomial_fits(5, alpha)[0] for alpha in (0.0, 1e9))
    assert shrunk.std(1).max() < 1e-3 < free.std(1).min()


def test_an_optimum_inside_the_region_is_the_answer():
    optimum = torch.tensor([0.1, 0.2], dtype=torch.float64)
    for shape in ("circle", "diamond"):
        assert figures.touch(optimum, torch.eye(2, dtype=torch.float64), 1.0, shape) is optimum


def test_round_contours_touch_the_diamond_where_the_soft_threshold_says():
    optimum, half = torch.tensor([2.0, 1.5], dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    found = figures.touch(optimum, half, 1.5, "diamond")
    torch.testing.assert_close(found, soft_threshold(optimum, 1.0), atol=2e-3, rtol=0)


def test_round_contours_touch_the_circle_in_the_direction_of_the_optimum():
    optimum = torch.tensor([3.0, 4.0], dtype=torch.float64)
    found = figures.touch(optimum, torch.eye(2, dtype=torch.float64), 1.0, "circle")
    torch.testing.assert_close(found, optimum / 5, atol=2e-3, rtol=0)


def test_the_title_says_that_a_weight_is_zero_only_for_the_diamond():
    left, right = figures.penalties(2.0, 0.6, 0.3, 1.0).axes
    assert "one is 0" in right.get_title("left") and "one is 0" not in left.get_title("left")


def test_a_small_diamond_is_touched_at_corners_more_often():
    assert figures.corner_share(0.1, 100) > figures.corner_share(2.0, 100)


def test_curves_and_bars_are_those_that_were_given():
    true, w = torch.tensor([1.0, 0.0, 2.0]), torch.tensor([0.5, 0.0, 0.0])
    figure = figures.coefficients(true, {"lasso": w})
    assert [bar.get_height() for bar in figure.axes[1].patches] == w.tolist()
    bias, variance = torch.tensor([3.0, 1.0]), torch.tensor([1.0, 2.0])
    assert list(figures.trade_off([0, 1], bias, variance).axes[0].lines[2].get_ydata()) == [4.0, 3.0]
    run = torch.tensor([[3.0, 2.0]])
    figure = figures.remedies([10, 20], {"nothing": (run, run + 1), "dropout": (run, run)}, {"floor": 1.0})
    assert len(figure.axes) == 2 and list(figure.axes[0].lines[1].get_ydata()) == [4.0, 3.0]
