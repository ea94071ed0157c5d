"""Activations against torch's own, their slopes against autograd and finite differences."""

import pytest
import torch
import torch.nn.functional as F

from course_lib.neural.activations import ACTIVATIONS, gelu, gelu_slope, relu_slope, sigmoid_slope

TORCHS = {"relu": F.relu, "sigmoid": F.sigmoid, "tanh": F.tanh, "gelu": F.gelu}
every_activation = pytest.mark.parametrize("name", ACTIVATIONS)


@every_activation
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_functions_and_slopes_are_torchs(name, dtype):
    x = torch.linspace(-8, 8, 161, dtype=torch.float64).to(dtype).requires_grad_()
    function, slope = ACTIVATIONS[name]
    expected = TORCHS[name](x)
    expected.sum().backward()
    tolerance = {torch.float64: 1e-12, torch.float32: 2e-6, torch.bfloat16: 2e-2}[dtype]
    torch.testing.assert_close(function(x), expected, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(slope(x), x.grad, atol=tolerance, rtol=tolerance)


@every_activation
def test_slopes_agree_with_finite_differences_and_can_be_differentiated_again(name):
    function, slope = ACTIVATIONS[name]
    x = torch.tensor([-3.0, -0.4, 0.3, 2.0], dtype=torch.float64)
    torch.testing.assert_close(slope(x), (function(x + 1e-6) - function(x - 1e-6)) / 2e-6, atol=1e-8, rtol=1e-6)
    if name != "relu":
        assert torch.autograd.gradcheck(slope, x.requires_grad_())


def test_the_sigmoid_passes_a_quarter_at_best_and_next_to_nothing_far_out():
    x = torch.linspace(-30, 30, 601)
    assert sigmoid_slope(x).max() == sigmoid_slope(torch.zeros(())) == 0.25
    torch.testing.assert_close(sigmoid_slope(x), sigmoid_slope(-x))
    assert 0 < sigmoid_slope(torch.tensor(30.0)) < 1e-12


def test_gelu_keeps_its_digits_far_below_zero_and_has_its_minimum_where_it_says():
    x = torch.tensor([-12.0], dtype=torch.float64)
    assert gelu(x).item() == pytest.approx(-12 * 1.776482112077679e-33, rel=1e-9, abs=0)  # scipy.stats.norm.cdf(−12)
    assert gelu_slope(torch.tensor(-0.76)) < 0 < gelu_slope(torch.tensor(-0.74))
    torch.testing.assert_close(gelu_slope(-x), 1 - gelu_slope(x))
    assert gelu_slope(torch.tensor(0.74)) < 1 < gelu_slope(torch.tensor(0.76))


def test_at_zero_the_slope_of_relu_is_zero_as_it_is_in_torch():
    x = torch.zeros(1, requires_grad=True)
    F.relu(x).sum().backward()
    assert relu_slope(x.detach()) == x.grad == 0
