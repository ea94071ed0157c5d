"""The pictures of scaling show the numbers that they were given."""

import pytest
import torch

from course_lib.figures import scaling as figures
from course_lib.figures.style import png
from course_lib.scaling import BESIROGLU_2024, HOFFMANN_2022, PowerLaw, compute_optimal


def test_returns_draws_one_dot_for_each_budget_and_the_floor():
    axes = figures.returns([1e18, 1e20], [3.5, 2.5], 1.8, "title").axes[0]
    assert axes.lines[0].get_xydata().tolist() == [[1e18, 3.5], [1e20, 2.5]]
    assert axes.lines[1].get_ydata()[0] == 1.8


def test_shares_are_bars_of_what_they_amount_to():
    axes = figures.shares({"weights": 0.5, "activations": 9.7}, "title", "GB").axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 9.7]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["weights", "activations"]


def test_the_roof_rises_to_the_peak_and_its_dots_are_where_they_were_measured():
    axes = figures.roofline(100.0, 10.0, {"1": (2.0, 15.0)}, "title").axes[0]
    roof, dot = axes.lines[0].get_xydata(), axes.lines[2].get_xydata()
    assert roof[-1][1] == 100.0 and roof[0][1] == pytest.approx(10 * roof[0][0])
    assert dot.tolist() == [[2.0, 15.0]]


def test_one_token_is_far_below_the_ridge_of_a_device_and_fewer_bits_help_it():
    plain = figures.device_roofline("H100 (SXM)", 0, 4096, 16).axes[0].get_title(loc="left")
    few = figures.device_roofline("H100 (SXM)", 0, 4096, 4).axes[0].get_title(loc="left")
    assert plain.startswith("0.3% of the peak") and few.startswith("1.4% of the peak")
    assert figures.device_roofline("A100 (80 GB)", 13, 4096, 16).axes[0].get_title(loc="left").startswith("100.0%")


def test_work_waits_for_its_own_launch_and_in_a_graph_for_the_first_alone():
    rows = [("by hand", 10.0, 2.0, False), ("graph", 10.0, 2.0, True)]
    by_hand, graph = figures.launches(rows, "title", n=5).axes
    assert by_hand.texts[0].get_text().strip() == "by hand: 52 µs"
    assert graph.texts[0].get_text().strip() == "graph: 20 µs"


def test_a_law_is_drawn_with_its_band_and_all_points():
    law = PowerLaw(1.0, 4.0, 0.5)
    draws = PowerLaw(*(torch.full((9,), v, dtype=torch.float64) + 0.01 * torch.arange(9) for v in (1.0, 4.0, 0.5)))
    points = {"fitted": ([4.0, 16.0], [3.0, 2.0]), "held out": ([64.0], [1.5])}
    axes = figures.power_law(points, law, draws, 0.9, "title").axes[0]
    x, y = axes.lines[0].get_xydata()[50]
    assert y == pytest.approx(1 + 4 * x**-0.5)
    assert axes.lines[2].get_xydata().tolist() == [[64.0, 1.5]]
    low, high = figures.band(draws, torch.tensor([16.0]))
    expected = torch.quantile(draws.floor + draws.scale * 16**-draws.exponent, 0.025)
    assert low < high and low.item() == pytest.approx(expected.item())


def test_the_stars_of_a_split_are_the_best_ones_and_the_dots_the_chosen():
    laws = {"a": BESIROGLU_2024, "b": HOFFMANN_2022}
    axes = figures.split(laws, 23.76, 1.0).axes[0]
    n, d = compute_optimal(10**23.76)
    assert axes.lines[1].get_xydata()[0].tolist() == pytest.approx([d / n, BESIROGLU_2024.loss(n, d)])
    curve = axes.lines[0].get_ydata()
    assert min(curve) == pytest.approx(BESIROGLU_2024.loss(n, d), abs=1e-4) and axes.lines[2].get_xdata()[0] == 10.0


def test_half_of_the_tiles_and_the_diagonal_are_numbered():
    axes = figures.tiles(1024, 128, "title").axes[0]
    assert [text.get_text() for text in axes.texts] == [f"{i}" for i in range(1, 37)]


def test_growth_and_rounding_draw_a_line_for_each_name():
    axes = figures.growth([128, 256], {"a": [1.0, 4.0], "b": [1.0, 2.0]}, "title").axes[0]
    assert [list(line.get_ydata()) for line in axes.lines] == [[1.0, 4.0], [1.0, 2.0]]
    axes = figures.rounding([8, 2], {"a row": [2.0, 3.0]}, 1.9, "title").axes[0]
    assert list(axes.lines[0].get_ydata()) == [2.0, 3.0] and axes.lines[1].get_ydata()[0] == 1.9


def test_the_picture_of_parallelism_says_what_is_exchanged_and_how_often():
    figure = figures.parallelism()
    said = " ".join(text.get_text() for axes in figure.axes for text in axes.texts)
    assert "once a step" in said and "in each layer" in said
    assert png(figure).startswith(b"\x89PNG")
