"""Clipping against torch.nn.utils.clip_grad_norm_, unhealthy gradients included."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.optim import clip_grad_norm


def torchs(grads, max_norm):
    parameters = [torch.zeros_like(grad) for grad in grads]
    for parameter, grad in zip(parameters, grads):
        parameter.grad = grad.clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, max_norm)
    return [parameter.grad for parameter in parameters], norm


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 999),
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 4)), max_size=5),
    st.one_of(st.floats(0, 10), st.just(math.inf)),
    st.sampled_from([torch.float32, torch.float64]),
)
def test_any_gradients_are_clipped_as_torch_clips_them(seed, shapes, max_norm, dtype):
    generator = torch.Generator().manual_seed(seed)
    grads = [torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes]
    copies = [grad.clone() for grad in grads]
    clipped, norm = clip_grad_norm(grads, max_norm)
    expected, expected_norm = torchs(grads, max_norm)
    torch.testing.assert_close(clipped, expected)
    torch.testing.assert_close(norm, expected_norm)
    assert all(torch.equal(grad, copy) for grad, copy in zip(grads, copies))


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("max_norm", [1.0, math.inf])
def test_inf_and_nan_show_in_the_norm_and_are_treated_as_torch_treats_them(bad, max_norm):
    grads = [torch.tensor([1.0, bad]), torch.tensor([[2.0]])]
    clipped, norm = clip_grad_norm(grads, max_norm)
    expected, expected_norm = torchs(grads, max_norm)
    assert not norm.isfinite()
    torch.testing.assert_close(norm, expected_norm, equal_nan=True)
    torch.testing.assert_close(clipped, expected, equal_nan=True)


def test_a_short_gradient_stays_bit_for_bit_and_a_long_one_keeps_its_direction():
    grads = [torch.tensor([0.3, 0.0]), torch.tensor([-0.4])]
    short, norm = clip_grad_norm(grads, 1.0)
    assert norm.item() == pytest.approx(0.5) and all(torch.equal(a, b) for a, b in zip(short, grads))
    long, _ = clip_grad_norm([100 * grad for grad in grads], 1.0)
    torch.testing.assert_close(torch.cat(long), 2 * torch.cat(grads), rtol=1e-5, atol=0)


def test_half_precision_gradients_keep_their_type():
    clipped, _ = clip_grad_norm([torch.full((2,), 3.0, dtype=torch.bfloat16)], 1.0)
    assert clipped[0].dtype == torch.bfloat16
    torch.testing.assert_close(clipped[0], torchs([torch.full((2,), 3.0, dtype=torch.bfloat16)], 1.0)[0][0])


def test_a_negative_limit_is_refused():
    with pytest.raises(ValueError, match="max_norm must be at least 0, got -1"):
        clip_grad_norm([torch.ones(1)], -1)
