"""The pictures of the Transformer show the numbers that they were given."""

import pytest
import torch

from course_lib.figures import transformer as figures
from course_lib.figures.style import png
from course_lib.transformer import make_masks


def images(figure):
    return [torch.tensor(axes.images[0].get_array()) for axes in figure.axes]


def test_the_source_mask_is_drawn_for_the_encoder_and_for_the_look_across():
    source_mask, target_mask = make_masks(torch.tensor([[5, 7, 0]]), torch.tensor([[1, 4]]))
    figure = figures.three_masks(source_mask[0, 0, 0], target_mask[0, 0], ["a", "b", "pad"], ["x", "y"])
    encoder, decoder, across = images(figure)
    assert encoder.tolist() == [[True, True, False]] * 3
    assert decoder.tolist() == [[True, False], [True, True]]
    assert across.tolist() == [[True, True, False]] * 2


def test_three_maps_are_the_weights_with_their_characters():
    weights = torch.eye(3), torch.eye(2), torch.tensor([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    figure = figures.three_maps("5 M", "▸0", *weights, title="title")
    for image, expected in zip(images(figure), weights):
        torch.testing.assert_close(image, expected)
    assert [label.get_text() for label in figure.axes[2].get_xticklabels()] == ["5", "␣", "M"]
    assert [label.get_text() for label in figure.axes[2].get_yticklabels()] == ["▸", "0"]


def test_an_alignment_shows_the_row_of_the_character_that_is_being_written():
    cross = torch.tensor([[0.2, 0.8, 0.0], [0.1, 0.3, 0.6]])
    figure = figures.alignment("May", "05", cross, 1, "layer 1")
    assert [bar.get_height() for bar in figure.axes[0].patches] == pytest.approx([0.1, 0.3, 0.6])
    assert "“5” after “0”" in figure.axes[0].get_title(loc="left")


def test_layer_norm_takes_one_column_and_batch_norm_one_row_of_every_text():
    figure = figures.averaged_together(n_sequences=3, length=4, d_model=6)
    orange = [
        sum(patch.get_facecolor()[:3] == pytest.approx((0xE6 / 255, 0x9F / 255, 0.0)) for patch in axes.patches)
        for axes in figure.axes
    ]
    assert orange == [6, 12]


def test_bars_are_the_changes_of_both_texts_and_the_shares_of_the_parameters():
    change = {"layer": torch.tensor([[0.0, 1.0], [0.0, 0.0]]), "batch": torch.tensor([[0.5, 1.0], [0.3, 0.2]])}
    figure = figures.moved(change, 2, changed=1, title="title")
    assert [bar.get_height() for bar in figure.axes[1].patches] == pytest.approx([0.5, 1.0, 0.3, 0.2])
    figure = figures.shares({"attention": 1000, "feed-forward": 3000}, "title")
    assert [bar.get_width() for bar in figure.axes[0].patches] == [1000, 3000]
    assert "3,000  (75.0%)" in [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize(
    "figure",
    [
        figures.architecture("May 5", "▸ 05", "-"),
        figures.averaged_together(),
        figures.warm_up([0.1, 0.2, 0.15], [0.3, 0.2, 0.15], 0.25, "title"),
        figures.lines({"a": ([1, 2], [0.1, 0.2])}, "x", "y", "title"),
        figures.lines({"a": ([1, 2], [0.1, 10.0])}, "x", "y", "title", level=("chance", 5.0)),
    ],
    ids=["architecture", "averaged_together", "warm_up", "lines", "lines and a level"],
)
def test_every_figure_has_a_title_that_says_what_to_see(figure):
    assert figure.axes[0].get_title(loc="left")
    assert png(figure).startswith(b"\x89PNG")
