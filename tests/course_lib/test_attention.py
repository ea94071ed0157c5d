"""Attention against torch's own kernel and module, against finite differences, and against its symmetries."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.attention import (
    MultiHeadAttention,
    attention_scores,
    causal_mask,
    combine_masks,
    cross_attention,
    fused_attention,
    merge_heads,
    padding_mask,
    scaled_dot_product_attention,
    split_heads,
)
from tests.random_inputs import normal, random_mask

sizes = st.integers(1, 5)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 999), sizes, sizes, sizes, sizes, sizes)
def test_output_equals_torchs_kernel_for_any_shape_and_mask(seed, batch, queries, keys, features, width):
    q = normal(seed, batch, 2, queries, features)
    k = normal(seed + 1, batch, 2, keys, features)
    v = normal(seed + 2, batch, 2, keys, width)
    mask = random_mask(seed, batch, 1, queries, keys)
    mask[..., 0] = True  # rows with nothing to see have a test of their own
    output, weights = scaled_dot_product_attention(q, k, v, mask)
    torch.testing.assert_close(output, F.scaled_dot_product_attention(q, k, v, attn_mask=mask))
    torch.testing.assert_close(weights.sum(-1), torch.ones(batch, 2, queries))
    assert output.shape == (batch, 2, queries, width) and weights.shape == (batch, 2, queries, keys)


def test_without_a_mask_it_equals_torchs_kernel_and_scores_are_divided_by_the_root_of_d():
    q, k, v = normal(0, 2, 3, 4, 16), normal(1, 2, 3, 5, 16), normal(2, 2, 3, 5, 7)
    output, _ = scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(output, F.scaled_dot_product_attention(q, k, v))
    torch.testing.assert_close(attention_scores(q, k), torch.einsum("bhtd,bhsd->bhts", q, k) / 4)


@pytest.mark.parametrize("attend", [scaled_dot_product_attention, lambda *a: (fused_attention(*a), None)])
def test_a_query_with_nothing_to_attend_to_gets_zeros_and_finite_gradients(attend):
    q, k, v = (normal(i, 1, 1, 3, 4).requires_grad_() for i in range(3))
    mask = torch.tensor([[True, True, False], [False, False, False], [True, False, True]])
    output, weights = attend(q, k, v, mask)
    output.square().sum().backward()
    assert output[0, 0, 1].eq(0).all()
    assert output[0, 0, 0].abs().sum() > 0
    assert weights is None or weights[0, 0, 1].eq(0).all()
    assert all(t.grad.isfinite().all() for t in (q, k, v))
    assert q.grad[0, 0, 1].eq(0).all() and q.grad[0, 0, 0].abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("d_value", [16, 8])  # with another width than the keys', torch takes another kernel
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("biased", [False, True])
def test_the_kernels_give_zeros_to_rows_with_nothing_to_see_among_many_others(dtype, d_value, dropout, biased):
    q, k, v = (normal(i, 2, 4, 200, d).to(dtype).requires_grad_() for i, d in enumerate((16, 16, d_value)))
    mask = torch.rand(2, 1, 200, 200, generator=torch.Generator().manual_seed(0)) < 0.3
    mask[:, :, [0, 77, 199]] = False
    bias = normal(3, 4, 200, 200) if biased else None
    output = fused_attention(q, k, v, mask, dropout, bias)
    output.float().square().sum().backward()
    assert output[:, :, [0, 77, 199]].eq(0).all()
    assert all(t.grad.isfinite().all() for t in (q, k, v))
    assert q.grad[:, :, [0, 77, 199]].eq(0).all() and q.grad[:, :, 1].abs().sum() > 0


def test_gradients_agree_with_finite_differences_under_a_mask_with_an_empty_row():
    q, k, v = (normal(i, 1, 3, 4, dtype=torch.float64).requires_grad_() for i in range(3))
    mask = torch.tensor([[True, False, True], [False, False, False], [True, True, True]])
    for attend in (
        lambda *a: scaled_dot_product_attention(*a, mask)[0],
        lambda *a: fused_attention(*a, mask),
    ):
        assert torch.autograd.gradcheck(attend, (q, k, v))


def test_a_bias_is_added_to_the_scaled_scores_as_torchs_kernel_adds_it():
    q, k, v, bias = normal(0, 2, 3, 4, 8), normal(1, 2, 3, 5, 8), normal(2, 2, 3, 5, 7), normal(3, 3, 4, 5)
    mask = random_mask(4, 2, 1, 4, 5)
    mask[..., 0] = True
    for seen in (None, mask):
        added = bias if seen is None else bias.masked_fill(~seen, float("-inf"))
        expected = F.scaled_dot_product_attention(q, k, v, attn_mask=added)
        torch.testing.assert_close(scaled_dot_product_attention(q, k, v, seen, bias=bias)[0], expected)
        torch.testing.assert_close(fused_attention(q, k, v, seen, bias=bias), expected)


def test_gradients_reach_the_bias_even_where_a_row_is_empty():
    q, k, v = (normal(i, 2, 3, 4, dtype=torch.float64).requires_grad_() for i in range(3))
    bias = normal(3, 2, 3, 3, dtype=torch.float64).requires_grad_()
    mask = torch.tensor([[True, False, True], [False, False, False], [True, True, True]])
    for attend in (
        lambda q, k, v, bias: scaled_dot_product_attention(q, k, v, mask, bias=bias)[0],
        lambda q, k, v, bias: fused_attention(q, k, v, mask, bias=bias),
    ):
        assert torch.autograd.gradcheck(attend, (q, k, v, bias))
        assert attend(q, k, v, bias)[:, 1].eq(0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_masks_without_overflow(dtype):
    q, k, v = (normal(i, 1, 2, 5, 64, dtype=dtype) for i in range(3))
    output, weights = scaled_dot_product_attention(q, k, v, causal_mask(5))
    exact, _ = scaled_dot_product_attention(q.double(), k.double(), v.double(), causal_mask(5))
    assert output.dtype == weights.dtype == dtype
    assert weights.triu(1).eq(0).all()
    torch.testing.assert_close(output.double(), exact, atol=2e-2, rtol=2e-2)


def test_scores_whose_unscaled_product_exceeds_float16_are_still_finite():
    q = torch.full((1, 64), 60.0, dtype=torch.float16)  # 60·60·64 = 230400 > 65504, divided by 8 it fits
    assert attention_scores(q, q).isfinite().all()


def test_dropout_changes_the_output_but_never_the_returned_weights():
    q, k = normal(0, 1, 8, 4), normal(1, 1, 8, 4)
    torch.manual_seed(0)
    dropped, weights = scaled_dot_product_attention(q, k, torch.eye(8), dropout=0.5)
    _, expected = scaled_dot_product_attention(q, k, torch.eye(8))
    torch.testing.assert_close(weights, expected)
    kept = dropped != 0
    assert 0 < kept.sum() < kept.numel()
    torch.testing.assert_close(dropped[kept], 2 * expected[kept])  # survivors are divided by 1 − dropout


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(1, 6), st.permutations(range(6)))
def test_self_attention_without_mask_or_positions_is_permutation_equivariant(seed, n_heads, order):
    torch.manual_seed(seed)
    layer = MultiHeadAttention(2 * n_heads, n_heads)
    x = normal(seed, 1, 6, 2 * n_heads)
    torch.testing.assert_close(layer(x[:, order])[0], layer(x)[0][:, order], atol=1e-5, rtol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(0, 5))
def test_under_a_causal_mask_changing_a_token_changes_nothing_before_it(seed, changed):
    torch.manual_seed(seed)
    layer, x = MultiHeadAttention(8, 2), normal(seed, 1, 6, 8)
    other = x.clone()
    other[:, changed] += 1.0
    for need_weights in (True, False):
        before, _ = layer(x, mask=causal_mask(6), need_weights=need_weights)
        after, _ = layer(other, mask=causal_mask(6), need_weights=need_weights)
        difference = (after - before).abs().amax(-1)[0]
        assert difference[:changed].eq(0).all()
        assert difference[changed] > 0


def test_causal_masks_are_lower_triangles_that_end_at_the_last_key():
    assert causal_mask(3).tolist() == [[True, False, False], [True, True, False], [True, True, True]]
    assert causal_mask(1, 4).tolist() == [[True, True, True, True]]
    torch.testing.assert_close(causal_mask(2, 5), causal_mask(5)[-2:])
    assert causal_mask(3).dtype == torch.bool
    with pytest.raises(ValueError, match="n_keys must be at least n_queries = 3, got 2"):
        causal_mask(3, 2)


def test_the_padding_mask_is_true_on_real_tokens():
    mask = padding_mask(torch.tensor([[4, 5, 0], [6, 0, 0]]))
    assert mask.shape == (2, 1, 1, 3) and mask.dtype == torch.bool
    assert mask.flatten().tolist() == [True, True, False, True, False, False]
    assert padding_mask(torch.tensor([[9, 0]]), pad_id=9).flatten().tolist() == [False, True]
    with pytest.raises(ValueError, match=r"\(B, S\)"):
        padding_mask(torch.tensor([1, 2]))


def test_combining_masks_is_a_logical_and_with_broadcasting():
    ids = torch.tensor([[4, 5, 0], [6, 0, 0]])
    mask = combine_masks(causal_mask(3), None, padding_mask(ids))
    assert mask.shape == (2, 1, 3, 3)
    for batch in range(2):
        for query in range(3):
            for key in range(3):
                assert mask[batch, 0, query, key] == (key <= query and ids[batch, key] != 0)
    assert combine_masks() is None and combine_masks(None, None) is None
    with pytest.raises(TypeError, match=r"float32"):
        combine_masks(torch.ones(2, 2))


def test_splitting_into_heads_slices_the_features_and_merging_undoes_it():
    x = normal(0, 2, 3, 8)
    heads = split_heads(x, 4)
    assert heads.shape == (2, 4, 3, 2)
    for head in range(4):
        torch.testing.assert_close(heads[:, head], x[..., 2 * head : 2 * head + 2])
    torch.testing.assert_close(merge_heads(heads), x)
    with pytest.raises(ValueError, match="n_heads = 3"):
        split_heads(x, 3)
    with pytest.raises(ValueError, match=r"\(B, T, H·D\)"):
        split_heads(x[0], 2)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("need_weights", [True, False])
def test_multi_head_attention_is_interchangeable_with_torchs_module(bias, need_weights):
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(12, 3, bias=bias, batch_first=True)
    if bias:
        nn.init.normal_(theirs.in_proj_bias)
        nn.init.normal_(theirs.out_proj.bias)
    ours = MultiHeadAttention.from_torch(theirs)
    x, memory, keep = normal(1, 2, 4, 12), normal(2, 2, 5, 12), random_mask(3, 4, 5)
    keep[:, 0] = True
    output, weights = ours(x, memory, keep, need_weights=need_weights)
    expected, expected_weights = theirs(x, memory, memory, attn_mask=~keep, average_attn_weights=False)
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-4)
    if need_weights:
        torch.testing.assert_close(weights, expected_weights)
    else:
        assert weights is None
    back = ours.to_torch()
    torch.testing.assert_close(dict(back.named_parameters()), dict(theirs.named_parameters()))


def test_padding_is_hidden_as_torchs_key_padding_mask_hides_it():
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(8, 2, batch_first=True)
    x, ids = normal(1, 2, 4, 8), torch.tensor([[3, 4, 5, 6], [3, 4, 0, 0]])
    output, _ = MultiHeadAttention.from_torch(theirs)(x, mask=combine_masks(padding_mask(ids), causal_mask(4)))
    expected, _ = theirs(x, x, x, key_padding_mask=ids == 0, attn_mask=~causal_mask(4))
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-4)


def test_grouped_query_heads_equal_full_heads_with_repeated_keys_and_values():
    torch.manual_seed(0)
    grouped = MultiHeadAttention(16, 4, n_kv_heads=2)
    full = MultiHeadAttention(16, 4)
    assert grouped.k_proj.weight.shape == (8, 16)
    state = grouped.state_dict()
    for name in ("k_proj.weight", "k_proj.bias", "v_proj.weight", "v_proj.bias"):
        state[name] = state[name].unflatten(0, (2, 4)).repeat_interleave(2, dim=0).flatten(0, 1)
    full.load_state_dict(state)
    x = normal(1, 2, 5, 16)
    torch.testing.assert_close(grouped(x), full(x))
    torch.testing.assert_close(grouped(x, need_weights=False)[0], full(x)[0], atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="n_kv_heads"):
        grouped.to_torch()


def test_dropout_of_a_module_is_off_in_eval_mode_and_leaves_the_weights_alone_in_training():
    torch.manual_seed(0)
    layer, x = MultiHeadAttention(8, 2, dropout=0.5), normal(0, 1, 6, 8)
    noisy, weights = layer.train()(x)
    quiet, expected = layer.eval()(x)
    torch.testing.assert_close(weights, expected)
    torch.testing.assert_close(quiet, layer(x)[0])
    assert not torch.allclose(noisy, quiet)


def test_cross_attention_equals_one_head_of_torchs_module():
    theirs = nn.MultiheadAttention(6, 1, bias=False, batch_first=True)
    nn.init.eye_(theirs.out_proj.weight)
    w_q, w_k, w_v = (w.T for w in theirs.in_proj_weight.detach().chunk(3))
    x, memory, real = normal(0, 2, 3, 6), normal(1, 2, 4, 6), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]) == 1
    output, weights = cross_attention(x, memory, w_q, w_k, w_v, real)
    expected, expected_weights = theirs(x, memory, memory, key_padding_mask=~real)
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(weights, expected_weights)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: attention_scores(x, x[..., :3]), ValueError, "4 in q .* 3 in k"),
        (lambda x: scaled_dot_product_attention(x, x, x[:, :2]), ValueError, "3 keys in k .* 2 values in v"),
        (lambda x: scaled_dot_product_attention(x, x, x, torch.ones(3, 3)), TypeError, "torch.float32"),
        (lambda x: scaled_dot_product_attention(x, x, x, causal_mask(2)), ValueError, r"\(2, 2\)"),
        (lambda x: scaled_dot_product_attention(x, x, x, dropout=1.5), ValueError, "got 1.5"),
        (lambda x: fused_attention(x, x, x, torch.zeros(3, 3)), TypeError, "write ~mask"),
        (lambda x: fused_attention(x, x[..., :3], x), ValueError, "4 in q"),
        (lambda x: scaled_dot_product_attention(x, x, x, bias=causal_mask(3)), TypeError, "bias .* torch.bool"),
        (lambda x: fused_attention(x, x, x, bias=torch.zeros(3, 2)), ValueError, r"bias must broadcast .* \(3, 2\)"),
        (lambda x: MultiHeadAttention(4, 3), ValueError, "d_model = 4, got n_heads = 3"),
        (lambda x: MultiHeadAttention(4, 4, n_kv_heads=3), ValueError, "got n_kv_heads = 3"),
        (lambda x: MultiHeadAttention(4, 2, dropout=-0.1), ValueError, "got -0.1"),
        (lambda x: MultiHeadAttention(8, 2)(x), ValueError, r"x must have the shape \(batch, tokens, 8\)"),
        (lambda x: MultiHeadAttention(4, 2)(x, x[..., :2]), ValueError, "memory must have"),
        (lambda x: MultiHeadAttention.from_torch(nn.MultiheadAttention(4, 2, kdim=3)), ValueError, "kdim"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call(normal(0, 1, 3, 4))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_kernels_of_a_gpu_agree_with_the_formula_even_in_rows_with_nothing_to_see(dtype):
    q, k, v = (normal(i, 2, 4, 64, 64, dtype=dtype).cuda().requires_grad_() for i in range(3))
    mask = random_mask(0, 2, 1, 64, 64).cuda()
    mask[:, :, 5] = False
    output, _ = scaled_dot_product_attention(q, k, v, mask)
    fused = fused_attention(q, k, v, mask)
    torch.testing.assert_close(output, fused, atol=2e-2, rtol=2e-2)
    assert fused[:, :, 5].eq(0).all()
    fused.square().sum().backward()
    assert all(t.grad.isfinite().all() for t in (q, k, v))
