"""Filters against brute-force definitions in plain Python. test_transformers.py compares with Hugging Face's."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.decoding import (
    apply_temperature,
    min_p_filter,
    repetition_penalty,
    top_k_filter,
    top_p_filter,
    typical_filter,
)
from tests.random_inputs import normal

logit = st.sampled_from([-math.inf, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 5.0])  # few values: ties are common
rows = st.lists(logit, min_size=1, max_size=8).filter(lambda row: max(row) > -math.inf)
FILTERS = {
    "temperature": lambda x: apply_temperature(x, 0.7),
    "greedy": lambda x: apply_temperature(x, 0),
    "top-k": lambda x: top_k_filter(x, 3),
    "top-p": lambda x: top_p_filter(x, 0.6),
    "min-p": lambda x: min_p_filter(x, 0.2),
    "typical": lambda x: typical_filter(x, 0.6),
    "penalty": lambda x: repetition_penalty(x, torch.zeros_like(x[..., :2], dtype=torch.int64), 1.5),
}


def probabilities(row):
    weights = [math.exp(x - max(row)) for x in row]
    return [w / sum(weights) for w in weights]


def kept(logits):
    return [i for i, x in enumerate(logits.tolist()) if x > -math.inf]


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_leaves_the_callers_logits_as_they_are_and_works_for_any_leading_dimensions(name):
    logits = normal(0, 2, 3, 9)
    before = logits.clone()
    filtered = FILTERS[name](logits)
    torch.testing.assert_close(logits, before)
    assert filtered.shape == logits.shape and filtered.data_ptr() != logits.data_ptr()
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(FILTERS[name](logits[i, j]), filtered[i, j])
    for off in (top_k_filter(logits, 0), top_p_filter(logits, 1), min_p_filter(logits, 0), typical_filter(logits, 1)):
        assert off.equal(logits) and off.data_ptr() != logits.data_ptr()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_keeps_the_dtype_and_something_to_draw(name, dtype):
    filtered = FILTERS[name](normal(1, 4, 50, dtype=dtype))
    assert filtered.dtype == dtype
    assert (filtered > -math.inf).any(-1).all() and not filtered.isnan().any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("choose", [top_p_filter, typical_filter])
def test_half_precision_logits_of_a_large_vocabulary_keep_as_much_as_exact_arithmetic(dtype, choose):
    logits = normal(2, 50_000, dtype=dtype)
    exact = (choose(logits.double(), 0.9) > -math.inf).sum()
    assert (choose(logits, 0.9) > -math.inf).sum() == pytest.approx(exact.item(), abs=3)


@settings(max_examples=100, deadline=None)
@given(rows, st.floats(0.05, 20))
def test_temperature_raises_probabilities_to_the_power_of_its_inverse(row, temperature):
    powers = [p ** (1 / temperature) for p in probabilities(row)]
    expected = torch.tensor([p / sum(powers) for p in powers])
    logits = torch.tensor(row)
    torch.testing.assert_close(apply_temperature(logits, temperature).softmax(-1), expected, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(apply_temperature(logits, 1).softmax(-1), logits.softmax(-1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [0, 1e-320, 1e-46, 1e-30, 1e-4])
def test_a_tiny_temperature_is_greedy_in_every_dtype(dtype, temperature):
    logits = torch.tensor([[1.0, 3.0, 2.5], [-40.0, -50.0, -math.inf]], dtype=dtype)
    assert apply_temperature(logits, temperature).softmax(-1).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_greedy_takes_the_first_of_ties_while_the_limit_shares_among_them():
    logits = torch.tensor([1.0, 2.0, 2.0])
    assert apply_temperature(logits, 0).softmax(-1).tolist() == [0, 1, 0]
    assert apply_temperature(logits, 1e-6).softmax(-1).tolist() == [0, 0.5, 0.5]


def test_a_high_temperature_approaches_the_uniform_distribution_over_what_is_possible():
    probs = apply_temperature(torch.tensor([1.0, -math.inf, 5.0]), 1e9).softmax(-1)
    torch.testing.assert_close(probs, torch.tensor([0.5, 0.0, 0.5]))


@settings(max_examples=100, deadline=None)
@given(rows, st.integers(1, 10))
def test_top_k_keeps_exactly_k_of_the_largest_even_where_they_tie(row, k):
    stays = top_k_filter(torch.tensor(row), k)
    assert sorted(stays.tolist(), reverse=True)[: min(k, len(row))] == sorted(row, reverse=True)[:k]
    assert len(kept(stays)) == min(k, sum(x > -math.inf for x in row))


@settings(max_examples=200, deadline=None)
@given(rows, st.floats(0.01, 1))
def test_top_p_keeps_the_smallest_set_that_reaches_p(row, p):
    probs = probabilities(row)
    order = sorted(range(len(row)), key=lambda i: -row[i])
    sums = [sum(probs[i] for i in order[:n]) for n in range(len(row) + 1)]
    if any(abs(total - p) < 1e-6 for total in sums):
        return  # a tie of the sum with p: the next test
    size = next((n for n in range(1, len(row) + 1) if sums[n] >= p), len(row))
    stays = top_p_filter(torch.tensor(row), p)
    assert kept(stays) == sorted(i for i in order[:size] if row[i] > -math.inf)
    assert all(stays[i] == row[i] for i in kept(stays))


@pytest.mark.parametrize("p, expected", [(0.4, [1]), (0.5, [1]), (0.51, [1, 3]), (0.75, [1, 3]), (1.0, [0, 1, 2, 3])])
def test_the_token_with_which_the_sum_reaches_p_is_the_last_one_kept(p, expected):
    logits = torch.tensor([0.125, 0.5, 0.125, 0.25], dtype=torch.float64).log2() * math.log(2)
    assert kept(top_p_filter(logits, p)) == expected
    assert kept(top_p_filter(logits.float(), p)) == expected


def test_p_of_one_keeps_the_whole_tail_although_a_float32_sum_passes_one_before_its_end():
    logits = normal(4, 50257)
    sums = logits.sort(descending=True).values.softmax(-1).cumsum(-1)
    assert (sums[:-1] >= 1).any()  # what a comparison with p would trip over
    assert len(kept(top_p_filter(logits, 1.0))) == 50257


@settings(max_examples=100, deadline=None)
@given(rows, st.sampled_from([0.0, 0.05, 0.3, 0.7, 1.0]))
def test_min_p_keeps_what_has_at_least_this_share_of_the_best(row, min_p):
    best = max(row)
    expected = [i for i, x in enumerate(row) if x > -math.inf and math.exp(x - best) >= min_p]
    assert kept(min_p_filter(torch.tensor(row), min_p)) == expected


@settings(max_examples=200, deadline=None)
@given(rows, st.floats(0.01, 0.99))
def test_typical_keeps_those_nearest_the_entropy_until_they_reach_p(row, p):
    probs = probabilities(row)
    entropy = -sum(q * math.log(q) for q in probs if q)
    strangeness = [abs(-math.log(q) - entropy) if q else math.inf for q in probs]
    order = sorted(range(len(row)), key=lambda i: strangeness[i])
    sums = [sum(probs[i] for i in order[:n]) for n in range(len(row) + 1)]
    gaps = [b - a for a, b in zip(sorted(strangeness), sorted(strangeness)[1:])]
    if any(abs(total - p) < 1e-5 for total in sums) or any(gap < 1e-5 for gap in gaps):
        return  # a tie, which rounding decides
    size = next(n for n in range(1, len(row) + 1) if sums[n] >= p - 1e-9)
    assert kept(typical_filter(torch.tensor(row), p)) == sorted(i for i in order[:size] if probs[i])


def test_the_repetition_penalty_counts_presence_and_lowers_negative_logits_too():
    logits = torch.tensor([[2.0, -1.0, 3.0, 0.0], [1.0, 1.0, -4.0, 1.0]])
    ids = torch.tensor([[0, 1, 1, 1], [2, 3, 3, 3]])
    expected = torch.tensor([[1.0, -2.0, 3.0, 0.0], [1.0, 1.0, -8.0, 0.5]])
    torch.testing.assert_close(repetition_penalty(logits, ids, 2.0), expected)
    assert repetition_penalty(logits, ids, 1.0).equal(logits)
    shifted = repetition_penalty(logits + 10, ids, 2.0).softmax(-1)
    assert not torch.allclose(shifted, repetition_penalty(logits, ids, 2.0).softmax(-1))  # it depends on the zero


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: apply_temperature(x, -1), "temperature must be at least 0, got -1"),
        (lambda x: apply_temperature(x, math.inf), "got inf"),
        (lambda x: apply_temperature(x, math.nan), "got nan"),
        (lambda x: top_k_filter(x, -1), "k must be at least 0, got -1"),
        (lambda x: top_p_filter(x, 0), "p must be more than 0 and at most 1, got 0"),
        (lambda x: top_p_filter(x, 1.1), "got 1.1"),
        (lambda x: min_p_filter(x, 1.5), "min_p must be a probability between 0 and 1, got 1.5"),
        (lambda x: typical_filter(x, 0.0), "got 0.0"),
        (lambda x: repetition_penalty(x, torch.tensor([0]), 0), "penalty must be positive, got 0"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(3))


@pytest.mark.gpu
@pytest.mark.parametrize("name", FILTERS)
def test_a_gpu_filters_as_the_cpu_does(name):
    logits = normal(5, 4, 1000)
    torch.testing.assert_close(FILTERS[name](logits.cuda()).cpu(), FILTERS[name](logits), atol=1e-4, rtol=1e-4)
