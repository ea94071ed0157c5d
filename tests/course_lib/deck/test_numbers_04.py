"""The numbers on lesson 04's cards are computed."""

import pytest
import torch

from course_lib.neural import logits_grad, sigmoid_slope


def test_the_slope_of_a_sigmoid_is_at_most_a_quarter_and_ten_of_them_are_a_millionth():
    largest = sigmoid_slope(torch.linspace(-10, 10, 2001)).max().item()
    assert largest == pytest.approx(1 / 4)
    assert largest**10 == pytest.approx(1e-6, rel=0.05)


def test_the_gradient_in_the_logits_is_p_minus_y_over_n():
    logits, targets = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 2, 1, 1, 0])
    expected = (logits.softmax(-1) - torch.eye(3)[targets]) / 5
    torch.testing.assert_close(logits_grad(logits, targets), expected)
