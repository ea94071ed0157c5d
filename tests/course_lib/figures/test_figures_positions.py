"""The pictures of positions show the tables, rotations and biases that the library computes."""

import numpy as np
import pytest
import torch

from course_lib.figures import positions as figures
from course_lib.figures.style import png
from course_lib.positions import alibi_bias, local_window_mask, relative_buckets, rope, sinusoidal


def test_the_sinusoid_table_is_drawn_with_features_upwards_and_compared_with_one_position():
    figure = figures.sinusoid_table(30, 8, position=7)
    table = sinusoidal(30, 8)
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), table.T)
    np.testing.assert_allclose(figure.axes[1].lines[0].get_ydata(), table @ table[7], rtol=1e-5)
    assert png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("query, key", [(5, 3), (12, 10)])
def test_the_rotation_states_the_same_score_at_the_same_distance(query, key):
    figure = figures.rotation(query, key)
    assert "q·k = 0.43" in figure.get_suptitle() and "distance 2" in figure.get_suptitle()


def test_rope_scores_are_those_of_the_library():
    q, k = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    line = figures.rope_scores(q, k, range(20), "title").axes[0].lines[0]
    expected = [(rope(q[None], torch.tensor([d]))[0] @ k).item() for d in range(20)]
    np.testing.assert_allclose(line.get_ydata(), expected, atol=1e-5)


def test_bias_maps_leave_the_future_blank():
    shown = figures.bias_maps({"head 1": alibi_bias(2, 4)[0]}, "title").axes[0].images[0].get_array()
    assert np.ma.getmaskarray(shown)[0, 1] and shown[3, 0] == -3 / 16


def test_the_effect_of_a_bias_is_drawn_from_the_newest_key_on():
    line = figures.bias_effect({"x": torch.tensor([0.1, 0.2, 0.7])}, "title").axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), [0.7, 0.2, 0.1], rtol=1e-6)


def test_buckets_and_windows_are_those_of_the_library():
    line = figures.bucket_steps(8, 20, reach=30).axes[0].lines[0]
    np.testing.assert_array_equal(line.get_ydata(), relative_buckets(torch.arange(-30, 31), 8, 20))
    mask = local_window_mask(5, 5, 2)
    np.testing.assert_array_equal(figures.windows({"two": mask}, "title").axes[0].images[0].get_array(), mask)


def test_extrapolation_marks_where_a_model_cannot_go_on():
    axes = figures.extrapolation({"rope": torch.ones(20), "learned": torch.ones(8)}, trained=8, floor=0.5).axes[0]
    cross = next(line for line in axes.lines if line.get_marker() == "X")
    assert cross.get_xdata()[0] == 7
    assert [len(line.get_xdata()) for line in axes.lines[:2]] == [20, 8]
