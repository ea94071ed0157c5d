"""The pictures of attention show the numbers that they were given."""

import pytest
import torch

from course_lib.attention import MultiHeadAttention
from course_lib.figures import attention as figures
from course_lib.figures.style import png

TOKENS = ["the", "mouse", "sleeps"]
WEIGHTS = torch.tensor([[1.0, 0.0, 0.0], [0.25, 0.75, 0.0], [0.1, 0.7, 0.2]])


def heights(axes):
    return [bar.get_height() for bar in axes.patches]


def test_looking_back_draws_the_weights_as_bars():
    figure = figures.look_back(TOKENS, WEIGHTS[2], "title")
    assert heights(figure.axes[1]) == pytest.approx([0.1, 0.7, 0.2])
    assert png(figure).startswith(b"\x89PNG")


def test_a_weight_map_is_the_matrix_with_its_numbers():
    figure = figures.weight_map(WEIGHTS, TOKENS, TOKENS, "title")
    torch.testing.assert_close(torch.tensor(figure.axes[0].images[0].get_array()), WEIGHTS)
    assert [text.get_text() for text in figure.axes[0].texts][3:6] == ["0.25", "0.75", "0.00"]


def test_masks_are_expanded_to_every_query():
    figure = figures.masks({"padding": torch.tensor([True, True, False])}, TOKENS, TOKENS)
    assert figure.axes[0].images[0].get_array().tolist() == [[True, True, False]] * 3


def test_the_explorer_shows_the_chosen_row_of_the_chosen_head():
    weights = torch.stack([torch.stack([torch.eye(3), WEIGHTS])])  # (L, H, T, T) = (1, 2, 3, 3)
    figure = figures.explorer(TOKENS, weights, layer=0, head=1, query=1)
    assert [bar.get_width() for bar in figure.axes[1].patches] == pytest.approx([0.25, 0.75, 0.0])
    assert figure.axes[0].get_title(loc="left") == "Layer 1, head 2"


def test_saturation_is_the_softmax_and_its_slope():
    figure = figures.saturation(256, divide=True)
    probs, slopes = (torch.tensor(heights(axes)) for axes in figure.axes)
    assert probs.sum().item() == pytest.approx(1.0)
    torch.testing.assert_close(slopes, probs * (1 - probs))
    peak = max(heights(figures.saturation(256, divide=False).axes[0]))
    assert peak > 0.99 > 0.6 > probs.max().item()


@pytest.mark.parametrize(
    "figure",
    [
        figures.recall([1, 2], {"a": [1.0, 0.5], "b": [1.0, 1.0]}, "title"),
        figures.score_spread([1, 4], [1.0, 2.0], [1.0, 1.0], {"a": [0.2, 0.4], "b": [0.2, 0.2]}),
        figures.memory([128, 256], {"naive": [1.0, 4.0], "fused": [1.0, 2.0]}, "title"),
        figures.leak(TOKENS, {"mask": torch.tensor([0.0, 1.0, 0.5])}, changed=1),
        figures.agreement(TOKENS, {"exact": [1.0, 1.0, 1.0], "bigram": [1.0, 0.5, 0.3]}, "title"),
    ],
    ids=["recall", "score_spread", "memory", "leak", "agreement"],
)
def test_every_figure_says_what_it_shows_and_labels_its_axes(figure):
    titles = [axes.get_title(loc="left") for axes in figure.axes] + [figure.get_suptitle()]
    assert any(titles)
    assert figure.axes[0].get_xlabel() or figure.axes[0].get_ylabel()
    assert png(figure).startswith(b"\x89PNG")


def test_the_diagram_says_the_shapes_that_the_layer_has():
    layer, shapes = MultiHeadAttention(12, 3), {}
    for name in ("q_proj", "out_proj"):
        getattr(layer, name).register_forward_hook(lambda _, __, out, name=name: shapes.update({name: out.shape}))
    weights = layer(torch.randn(5, 7, 12), memory=torch.randn(5, 9, 12), need_weights=True)[1]
    words = " ".join(text.get_text() for text in figures.data_flow(d_model=12, n_heads=3).axes[0].texts)
    assert shapes["q_proj"] == shapes["out_proj"] == (5, 7, 12) and "output (B, T, 12)" in words
    assert weights.shape == (5, 3, 7, 9) and "weights (B, 3, T, S)" in words
    assert layer.q_proj.out_features // 3 == 4 and "(B, 3, T, 4)" in words and "(B, 3, S, 4)" in words
