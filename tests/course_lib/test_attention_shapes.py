"""Attention of every shape that broadcasts: naive, fused and tiled take the same, and name what does not fit."""

import pytest
import torch

from course_lib.attention import (
    MultiHeadAttention,
    attention_scores,
    cross_attention,
    fused_attention,
    scaled_dot_product_attention,
)


def of_shapes(*shapes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize("leading", [(), (1,), (2,), (3, 1), (3, 2), (1, 3, 2)])
@pytest.mark.parametrize("masked", [(5,), (1,), (4, 5), (4, 1), (1, 5), (2, 4, 5), (3, 1, 1, 5)])
def test_naive_fused_and_tiled_agree_on_every_shape_that_broadcasts(leading, masked):
    from course_lib.scaling import tiled_attention

    q, k, v = of_shapes((*leading, 4, 8), (2, 5, 8), (5, 3))
    mask = of_shapes(masked, seed=1)[0] > -0.5
    (bias,) = of_shapes(masked, seed=2)
    for given in ({"mask": mask}, {"bias": bias}, {"mask": mask, "bias": bias}, {}):
        expected, _ = scaled_dot_product_attention(q, k, v, **given)
        torch.testing.assert_close(fused_attention(q, k, v, **given), expected, atol=1e-5, rtol=1e-4)
        if "bias" not in given:
            torch.testing.assert_close(tiled_attention(q, k, v, **given, block=2), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", [(5,), (5, 5), (2, 1, 1, 5), (1, 1, 5, 5), (1,)])
def test_heads_take_the_same_masks_with_and_without_their_weights(shape):
    attention, (x,) = MultiHeadAttention(8, 2, n_kv_heads=1), of_shapes((2, 5, 8))
    mask = of_shapes(shape, seed=3)[0] > -0.7
    torch.testing.assert_close(attention(x, mask=mask, need_weights=False)[0], attention(x, mask=mask)[0])


@pytest.mark.parametrize("attend", [scaled_dot_product_attention, fused_attention])
@pytest.mark.parametrize(
    "shapes, message",
    [
        (
            [(2, 4, 8), (3, 5, 8), (3, 5, 8)],
            r"leading dimensions of q and k and v must broadcast, got q \(2, 4, 8\), k ",
        ),
        ([(2, 4, 8), (2, 5, 8), (3, 5, 8)], r"leading dimensions .* v \(3, 5, 8\)"),
        ([(8,), (5, 8), (5, 8)], r"q must have the shape \(\.\.\., tokens, features\), got \(8,\)"),
        ([(4, 8), (8,), (5, 8)], r"k must have the shape .* got \(8,\)"),
        ([(4, 8), (5, 8), (5,)], r"v must have the shape .* got \(5,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(attend, shapes, message):
    with pytest.raises(ValueError, match=message):
        attend(*of_shapes(*shapes))


def test_masks_whose_leading_dimensions_do_not_fit_are_named():
    q, k, v = of_shapes((2, 4, 8), (2, 5, 8), (2, 5, 8))
    for attend in (scaled_dot_product_attention, fused_attention):
        with pytest.raises(ValueError, match=r"leading dimensions .* mask \(3, 4, 5\)"):
            attend(q, k, v, torch.ones(3, 4, 5, dtype=torch.bool))
        with pytest.raises(ValueError, match=r"leading dimensions .* bias \(3, 1, 5\)"):
            attend(q, k, v, bias=torch.ones(3, 1, 5))
    with pytest.raises(ValueError, match=r"memory_mask must be \(B, S\) = \(2, 5\), got \(5,\)"):
        cross_attention(q, k, *[torch.eye(8)] * 3, memory_mask=torch.ones(5, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"leading dimensions of q and k must broadcast"):
        attention_scores(q, torch.ones(3, 5, 8))
