"""The one-pass softmax against torch's."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.scaling import online_softmax
from course_lib.scaling.softmax import absorb


@given(st.integers(0, 999), st.integers(1, 40), st.integers(1, 50), st.floats(0.1, 300))
def test_it_equals_torchs_softmax_for_any_block(seed, length, block, spread):
    scores = spread * torch.randn(2, 3, length, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    torch.testing.assert_close(online_softmax(scores, block), scores.softmax(-1))


def test_forbidden_scores_get_zero_and_rows_of_them_too():
    scores = torch.tensor([[-math.inf, 1.0, -math.inf, 1.0], [-math.inf] * 4, [-math.inf, -math.inf, 0.0, -math.inf]])
    expected = torch.tensor([[0.0, 0.5, 0.0, 0.5], [0.0] * 4, [0.0, 0.0, 1.0, 0.0]])
    for block in (1, 2, 3, 4):
        assert online_softmax(scores, block).equal(expected)


def test_the_running_sum_is_exact_after_each_block_and_never_overflows():
    scores = torch.tensor([0.0, 900.0, -50.0, 1800.0, 1800.0], dtype=torch.float64)
    largest, total = torch.tensor([-math.inf], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for end in range(1, 6):
        largest, total, weights, _ = absorb(largest, total, scores[end - 1 : end])
        torch.testing.assert_close(largest + total.log(), scores[:end].logsumexp(-1, keepdim=True))
        assert weights <= 1


def test_gradients_agree_with_finite_differences():
    scores = torch.randn(3, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: online_softmax(x, 2), (scores,))


def test_a_block_below_one_is_refused():
    with pytest.raises(ValueError, match="block must be at least 1, got 0"):
        online_softmax(torch.zeros(3), 0)
