"""Positions against their formulas written out slowly, and against what each of them promises."""

import math
from decimal import Decimal, getcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.attention import causal_mask, scaled_dot_product_attention
from course_lib.positions import (
    LearnedPositions,
    RelativePositionBias,
    alibi_bias,
    alibi_slopes,
    local_window_mask,
    relative_buckets,
    rope,
    shift_matrix,
    sinusoidal,
    yarn_frequencies,
)
from tests.random_inputs import normal


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(1, 17))
def test_sinusoids_are_the_papers_formula_for_any_length_and_width(n_positions, d_model):
    table = sinusoidal(n_positions, d_model)
    assert table.shape == (n_positions, d_model)
    for t in range(n_positions):
        for feature in range(d_model):
            angle = t / 10000 ** (2 * (feature // 2) / d_model)
            assert table[t, feature] == pytest.approx(math.cos(angle) if feature % 2 else math.sin(angle), abs=2e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(-50, 50), st.integers(1, 8))
def test_the_shift_matrix_moves_every_position_by_the_same_offset(offset, pairs):
    table, shift = sinusoidal(200, 2 * pairs), shift_matrix(offset, 2 * pairs)
    start = torch.arange(50, 150)
    torch.testing.assert_close(table[start] @ shift.T, table[start + offset], atol=1e-4, rtol=0)
    torch.testing.assert_close(shift @ shift.T, torch.eye(2 * pairs), atol=1e-6, rtol=0)  # a rotation


def test_the_dot_product_of_two_sinusoids_depends_on_their_distance_only():
    table = sinusoidal(300, 32)
    products = table @ table.T
    for distance in (0, 1, 7, 50):
        along = products.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), atol=1e-3, rtol=0)
    assert products[0, 0] == pytest.approx(16)  # d_model / 2: each pair contributes sin² + cos² = 1


def test_learned_positions_are_rows_of_the_table_and_end_where_it_ends():
    torch.manual_seed(0)
    layer = LearnedPositions(1000, 8)
    assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert layer(5, start=3).equal(layer.weight[3:8]) and layer(1000).shape == (1000, 8)
    layer(2, start=998).sum().backward()
    assert layer.weight.grad[998:].eq(1).all() and layer.weight.grad[:998].eq(0).all()
    with pytest.raises(ValueError, match="0 … 999 only, got start = 999 and n_positions = 2"):
        layer(2, start=999)


def rope_of_the_paper(x, position, theta=10000.0):
    """Rotate one vector with complex numbers, pairing the features 2i and 2i + 1 as the paper does."""
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)))
    angles = position * theta ** -(torch.arange(len(pairs), dtype=torch.float64) * 2 / x.numel())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(1, 8), st.integers(0, 5000), st.sampled_from([100.0, 10000.0, 500000.0]))
def test_rope_is_the_papers_rotation_with_the_pairs_gathered_in_halves(seed, pairs, position, theta):
    x = normal(seed, 2 * pairs)
    halves = torch.cat([x[0::2], x[1::2]])  # pair i of the paper, (2i, 2i + 1), becomes (i, i + D/2)
    got = rope(halves[None], torch.tensor([position]), theta)[0]
    expected = rope_of_the_paper(x, position, theta)
    torch.testing.assert_close(got.double(), torch.cat([expected[0::2], expected[1::2]]), atol=5e-3, rtol=0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 999), st.integers(0, 200), st.integers(0, 200), st.integers(0, 300))
def test_rope_scores_depend_on_relative_positions_only_and_lengths_stay(seed, query_at, key_at, moved):
    q, k = normal(seed, 1, 16, dtype=torch.float64), normal(seed + 1, 1, 16, dtype=torch.float64)

    def score(m, n):
        return (rope(q, torch.tensor([m])) * rope(k, torch.tensor([n]))).sum()

    torch.testing.assert_close(score(query_at + moved, key_at + moved), score(query_at, key_at), atol=1e-3, rtol=0)
    torch.testing.assert_close(rope(q, torch.tensor([query_at])).norm(), q.norm(), atol=1e-6, rtol=0)


def test_rope_leaves_position_zero_alone_and_need_not_decay_with_distance():
    q = normal(0, 1, 64)
    torch.testing.assert_close(rope(q, torch.tensor([0])), q)
    key = rope(q, torch.tensor([-50]))  # a head whose keys are turned back by 50 likes the distance 50 best
    scores = rope(q.expand(200, -1), torch.arange(200)) @ rope(key, torch.tensor([0])).T
    assert scores.argmax() != 0
    rotated = rope(q.expand(200, -1), torch.arange(200)) @ rope(rope(q, torch.tensor([50])), torch.tensor([0])).T
    assert rotated.argmax() == 50


def test_rope_with_an_offset_continues_where_a_cache_ends():
    x = normal(0, 2, 3, 10, 8)
    whole = rope(x, torch.arange(10))
    torch.testing.assert_close(rope(x[:, :, 7:], torch.arange(7, 10)), whole[:, :, 7:])
    per_row = rope(x, torch.stack([torch.arange(10), torch.arange(5, 15)])[:, None])  # (B, 1, T): left padding
    torch.testing.assert_close(per_row[0], whole[0])
    torch.testing.assert_close(per_row[1], rope(x[1], torch.arange(5, 15)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_rope_in_half_precision_is_exact_far_from_the_start(dtype):
    x = normal(0, 4, 64, dtype=dtype)
    positions = torch.tensor([257, 1001, 4099, 65537])
    rotated = rope(x, positions)
    assert rotated.dtype == dtype
    torch.testing.assert_close(rotated.float(), rope(x.float(), positions), atol=2e-2, rtol=1e-2)


def test_gradients_of_rope_agree_with_finite_differences():
    x = normal(0, 2, 3, 6, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: rope(x, torch.arange(5, 8)), (x,), atol=1e-6)


@pytest.mark.parametrize("n_heads", [1, 2, 4, 8, 16, 64])
def test_alibi_slopes_of_a_power_of_two_are_a_geometric_sequence(n_heads):
    slopes = alibi_slopes(n_heads)
    torch.testing.assert_close(slopes, torch.tensor([2 ** (-8 * h / n_heads) for h in range(1, n_heads + 1)]))


def test_other_head_counts_interleave_the_slopes_of_twice_the_power():
    torch.testing.assert_close(alibi_slopes(12)[:8], alibi_slopes(8))
    torch.testing.assert_close(alibi_slopes(12)[8:], alibi_slopes(16)[0::2][:4])
    assert all(alibi_slopes(n).unique().numel() == n for n in range(1, 40))


def test_the_alibi_bias_is_zero_here_and_falls_with_distance():
    bias = alibi_bias(4, 5)
    for head, slope in enumerate(alibi_slopes(4).tolist()):
        for t in range(5):
            for s in range(5):
                assert bias[head, t, s] == -slope * abs(t - s)
    assert alibi_bias(4, 2, 5).equal(bias[:, -2:])


def test_alibi_turns_attention_to_the_newest_of_equal_keys():
    q, k = torch.ones(1, 1, 6, 4), torch.ones(1, 1, 6, 4)
    _, weights = scaled_dot_product_attention(q, k, k, causal_mask(6), bias=alibi_bias(1, 6))
    last = weights[0, 0, -1]
    assert (last.diff() > 0).all()  # the opposite sign would favour the oldest (a popular error)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 32), st.integers(20, 200), st.booleans())
def test_buckets_are_ordered_exact_nearby_and_shared_far_away(pairs, max_distance, bidirectional):
    n_buckets = 2 * pairs
    per_side = pairs if bidirectional else n_buckets
    past = -torch.arange(0, 300)
    buckets = relative_buckets(past, n_buckets, max(max_distance, per_side), bidirectional)
    exact = per_side // 2
    assert buckets[:exact].equal(torch.arange(exact)) and (buckets.diff() >= 0).all()
    assert buckets.max() == buckets[-1] == per_side - 1
    future = relative_buckets(-past[1:], n_buckets, max(max_distance, per_side), bidirectional)
    assert future.equal(buckets[1:] + per_side) if bidirectional else future.eq(0).all()


def test_the_relative_bias_looks_each_distance_up_and_ends_with_the_last_position():
    layer = RelativePositionBias(3, n_buckets=8, max_distance=16)
    assert layer(4).eq(0).all()
    torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(0))
    bias = layer(6)
    assert bias.shape == (3, 6, 6)
    for t in range(6):
        for s in range(6):
            bucket = relative_buckets(torch.tensor(s - t), 8, 16)
            assert bias[:, t, s].equal(layer.weight[bucket])
    assert layer(2, 6).equal(bias[:, -2:])
    bias.sum().backward()
    assert layer.weight.grad.sum() == 3 * 36


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(0, 5), st.integers(1, 12))
def test_a_window_shows_the_last_keys_up_to_the_query(n_queries, cached, window):
    mask = local_window_mask(n_queries, n_queries + cached, window)
    for t in range(n_queries):
        here = cached + t
        assert mask[t].nonzero().flatten().tolist() == list(range(max(0, here - window + 1), here + 1))
    assert local_window_mask(5, 5, 5).equal(causal_mask(5))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: sinusoidal(-1, 4), "n_positions must be at least 0, got -1"),
        (lambda: sinusoidal(3, 0), "d_model must be at least 1, got 0"),
        (lambda: shift_matrix(1, 7), "d_model must be even, got 7"),
        (lambda: rope(torch.ones(2, 5), torch.arange(2)), r"must be even, got 5 in x \(2, 5\)"),
        (lambda: alibi_slopes(0), "n_heads must be at least 1, got 0"),
        (lambda: alibi_bias(2, 3, 2), "n_keys must be at least n_queries = 3, got 2"),
        (lambda: relative_buckets(torch.tensor([1]), n_buckets=3), "n_buckets must be at least 4, got 3"),
        (lambda: relative_buckets(torch.tensor([1]), max_distance=8), "more than the 8 exact distances, got 8"),
        (lambda: local_window_mask(3, 3, 0), "window must be at least 1, got 0"),
        (lambda: LearnedPositions(0, 4), "seq_len must be at least 1, got 0"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.gpu
def test_tables_and_rotations_of_a_gpu_are_those_of_the_cpu():
    x = normal(0, 2, 4, 16, 32)
    torch.testing.assert_close(rope(x.cuda(), torch.arange(16)).cpu(), rope(x, torch.arange(16)), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(sinusoidal(64, 32, "cuda").cpu(), sinusoidal(64, 32), atol=1e-5, rtol=0)
    assert alibi_bias(8, 5, 9, "cuda").cpu().equal(alibi_bias(8, 5, 9))
    layer = RelativePositionBias(4).cuda()
    assert layer(5).device.type == local_window_mask(5, 5, 2, "cuda").device.type == "cuda"


@pytest.mark.parametrize("position", [0, 1000, 10**6, 10**7, 10**9])
@pytest.mark.parametrize("dtype, within", [(torch.float32, 1e-6), (torch.float64, 1e-6), (torch.bfloat16, 8e-3)])
def test_angles_far_from_the_start_are_those_of_exact_arithmetic(position, dtype, within):
    # sine and cosine of position · 10000^(−2i/D), the angle to 50 digits and brought below 2π before it is rounded
    getcontext().prec = 50
    turn = 2 * Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
    exact = [float(position * Decimal(10000) ** (Decimal(-2 * i) / 16) % turn) for i in range(8)]
    expected = torch.tensor([[math.cos(a) for a in exact] + [math.sin(a) for a in exact]], dtype=torch.float64)
    x = torch.cat([torch.ones(1, 8), torch.zeros(1, 8)], dim=1).to(dtype)
    torch.testing.assert_close(rope(x, torch.tensor([position])).double(), expected, atol=within, rtol=0)
    moved = shift_matrix(position, 16).double()[:, 1::2].sum(1)  # what becomes of sin 0 = 0 and cos 0 = 1
    torch.testing.assert_close(moved[0::2], expected[0, 8:], atol=1e-6, rtol=0)
    torch.testing.assert_close(moved[1::2], expected[0, :8], atol=1e-6, rtol=0)


def test_sinusoids_of_a_long_text_are_exact_to_its_end():
    last = sinusoidal(10**6, 4)[-1].double()
    angles = torch.tensor([999_999.0, 9_999.99], dtype=torch.float64)
    expected = torch.stack([angles.sin(), angles.cos()], dim=1).flatten()
    torch.testing.assert_close(last, expected, atol=1e-6, rtol=0)


def test_yarn_leaves_pairs_that_turn_often_and_slows_down_those_that_never_turned_once():
    frequencies, factor = yarn_frequencies(64, 8.0, 4096)
    plain = 10000.0 ** (-torch.arange(32) / 32.0)
    turns = 4096 * plain / (2 * math.pi)
    torch.testing.assert_close(frequencies[turns > 64], plain[turns > 64])
    torch.testing.assert_close(frequencies[turns < 0.5], plain[turns < 0.5] / 8)
    ratio = frequencies / plain
    assert (ratio.diff() <= 1e-6).all() and ratio.min() >= 0.124
    assert factor == pytest.approx(1 + 0.1 * math.log(8))
    assert yarn_frequencies(8, 2.0, 10_000_000, theta=2.0)[0][0] == 1  # all of them fast: nothing is slowed down


@pytest.mark.parametrize("arguments", [(7, 2.0, 32), (8, 2.0, 32, 10000.0, 1.0, 1.0)])
def test_yarn_refuses_odd_features_and_bounds_in_the_wrong_order(arguments):
    with pytest.raises(ValueError, match="must be"):
        yarn_frequencies(*arguments)


def test_rope_turns_by_given_frequencies():
    x, at = normal(0, 3, 8), torch.tensor([0, 5, 9])
    plain = 10000.0 ** (-torch.arange(4) / 4.0)
    torch.testing.assert_close(rope(x, at, frequencies=plain), rope(x, at), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(rope(x, at, frequencies=plain / 4), rope(x, at / 4), atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="frequencies must have the shape"):
        rope(x, at, frequencies=plain[:3])
