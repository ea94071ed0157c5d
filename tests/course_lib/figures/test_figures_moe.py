"""The pictures of a mixture of experts show the numbers that they were given."""

import numpy as np
import pytest
import torch

from course_lib.figures import moe as figures
from course_lib.figures.style import png


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_one_token_is_drawn_with_its_probabilities_and_gates():
    figure = figures.one_token(
        "cheese", torch.tensor([0.1, 0.6, 0.3]), torch.tensor([1, 2]), torch.tensor([0.67, 0.33])
    )
    left, right = figure.axes
    assert [bar.get_width() for bar in left.patches] == pytest.approx([0.1, 0.6, 0.3])
    assert "expert 1 × 0.67" in texts(right) and "expert 0" in texts(right) and "cheese" in texts(right)
    assert png(figure).startswith(b"\x89PNG")


def test_queues_show_who_found_room_and_count_tokens_that_lost_every_expert():
    experts, kept = torch.tensor([[0], [0], [1]]), torch.tensor([[True], [False], [True]])
    left, right = figures.queues(experts, kept, 2, capacity=1).axes
    stays, goes = left.lines
    assert list(zip(stays.get_xdata(), stays.get_ydata())) == [(0, 0), (2, 1)]
    assert list(zip(goes.get_xdata(), goes.get_ydata())) == [(1, 0)]
    assert left.get_title(loc="left") == "33% dropped; tokens left without an expert: 1"
    assert right.get_title(loc="left") == "Capacity 1 each"


def test_loads_fill_the_height_at_every_step():
    loads = [torch.tensor([0.2, 0.8]), torch.tensor([0.5, 0.5])]
    axes = figures.load_history([1, 6], loads, "title").axes[0]
    assert len(axes.collections) == 2 and " 0" in texts(axes) and " 1" in texts(axes)
    highest = axes.collections[1].get_paths()[0].vertices[:, 1].max()
    assert highest == pytest.approx(1.0)


def test_load_bars_stand_beside_the_even_share():
    axes = figures.load_bars([("layer 1", torch.tensor([0.1, 0.9]))], "title").axes[0]
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([0.1, 0.9])
    assert axes.lines[0].get_ydata()[0] == 0.5


def test_specialisation_is_the_matrix_and_names_the_large_shares():
    shares = torch.tensor([[0.95, 0.05], [0.3, 0.7]])
    axes = figures.specialisation(shares, ["noun", "verb"], "title").axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), shares)
    assert texts(axes) == ["0.95", "0.30", "0.70"]


def test_growth_ends_with_its_numbers():
    axes = figures.growth([2, 4], [100, 200], [90, 90], "title").axes[0]
    assert [text.get_text() for text in axes.texts] == ["200", "90"]


def test_the_text_names_every_expert_and_not_only_by_colour():
    page = figures.expert_text(["the", "<mouse>"], [3, 11], "layer 1")
    assert ">3<" in page and ">11<" in page and "&lt;mouse&gt;" in page and "layer 1" in page
