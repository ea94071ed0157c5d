"""The functional steps: pure, right about decay and about the place of ε, and with the properties of their papers."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.optim.update_rules import adagrad_step, adam_step, adamw_step, momentum_step, rmsprop_step, sgd_step
from tests.random_inputs import normal64

#: name → (a first step from param and grad, number of state tensors)
STEPS = {
    "sgd": (lambda w, g, **kw: sgd_step(w, g, lr=0.1, **kw), 0),
    "momentum": (lambda w, g, v, **kw: momentum_step(w, g, v, lr=0.1, **kw), 1),
    "nesterov": (lambda w, g, v, **kw: momentum_step(w, g, v, lr=0.1, nesterov=True, **kw), 1),
    "adagrad": (lambda w, g, s, **kw: adagrad_step(w, g, s, lr=0.1, **kw), 1),
    "rmsprop": (lambda w, g, s, **kw: rmsprop_step(w, g, s, lr=0.1, **kw), 1),
    "adam": (lambda w, g, m, v, **kw: adam_step(w, g, m, v, step=1, lr=0.1, **kw), 2),
    "adamw": (lambda w, g, m, v, **kw: adamw_step(w, g, m, v, step=1, lr=0.1, **kw), 2),
}
every_step = pytest.mark.parametrize("name", STEPS)


def after(result):
    return result if isinstance(result, torch.Tensor) else result[0]


@every_step
def test_no_argument_is_changed_and_shape_and_type_are_kept(name):
    step, n_state = STEPS[name]
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        given_ = [normal64(i, 3, 2).abs().to(dtype) for i in range(2 + n_state)]
        copies = [t.clone() for t in given_]
        result = step(*given_, weight_decay=0.1)
        returned = [result] if n_state == 0 else list(result)
        assert len(returned) == 1 + n_state
        assert all(torch.equal(t, copy) for t, copy in zip(given_, copies))
        assert all(t.dtype == dtype and t.shape == (3, 2) for t in returned)


@every_step
def test_decay_is_the_gradient_of_half_the_squared_norm_but_in_adamw(name):
    step, n_state = STEPS[name]
    w, g, state = normal64(0, 5).requires_grad_(), normal64(1, 5), [torch.zeros(5, dtype=torch.float64)] * n_state
    decay = 0.3
    (decay / 2 * w.square().sum()).backward()
    penalised = after(step(w.detach(), g + w.grad, *state, **({"weight_decay": 0.0} if name == "adamw" else {})))
    decayed = after(step(w.detach(), g, *state, weight_decay=decay))
    assert torch.allclose(penalised, decayed, rtol=1e-12) == (name != "adamw")


@every_step
def test_a_gradient_flows_through_a_step(name):
    step, n_state = STEPS[name]
    w, g = normal64(0, 4).requires_grad_(), normal64(1, 4).requires_grad_()
    state = [normal64(2 + i, 4).abs().requires_grad_() for i in range(n_state)]
    assert torch.autograd.gradcheck(lambda *args: step(*args, weight_decay=0.1), (w, g, *state))


@every_step
def test_a_gradient_of_another_shape_is_refused_before_it_can_broadcast(name):
    step, n_state = STEPS[name]
    w, state = torch.zeros(3, 1), [torch.zeros(3, 1)] * n_state
    with pytest.raises(ValueError, match=r"grad must have the shape of param, \(3, 1\), got \(3,\)"):
        step(w, torch.zeros(3), *state)
    if n_state:
        with pytest.raises(ValueError, match=r"must have the shape of param, \(3, 1\), got \(1,\)"):
            step(w, w, *state[1:], torch.zeros(1))


def test_epsilon_is_outside_the_root():
    w, g = torch.zeros(1, dtype=torch.float64), torch.full((1,), 1e-8, dtype=torch.float64)
    outside, _ = rmsprop_step(w, g, w, lr=1.0, alpha=0.99, eps=1e-8)
    theirs = w.clone().requires_grad_()
    theirs.grad = g
    torch.optim.RMSprop([theirs], lr=1.0, alpha=0.99, eps=1e-8).step()
    assert outside.item() == pytest.approx(-1e-8 / (1e-9 + 1e-8), rel=1e-6)  # −0.909…
    assert outside.item() == pytest.approx(theirs.item(), rel=1e-6)
    inside = -1e-8 / math.sqrt(1e-18 + 1e-8)
    assert inside == pytest.approx(-1e-4, rel=1e-3)  # as if ε were 1e-4


def test_a_constant_gradient_is_followed_ten_times_as_fast_with_momentum():
    w = v = torch.zeros(1, dtype=torch.float64)
    for _ in range(300):
        last = w
        w, v = momentum_step(w, torch.ones_like(w), v, lr=0.01, momentum=0.9)
    assert (last - w).item() == pytest.approx(0.1, rel=1e-9)


def test_the_two_usual_forms_of_momentum_agree_as_long_as_the_rate_is_constant():
    w = v = torch.zeros(4, dtype=torch.float64)
    other, scaled = w, v
    for step in range(30):
        g = normal64(step, 4)
        w, v = momentum_step(w, g, v, lr=0.1, momentum=0.8)
        scaled = 0.8 * scaled + 0.1 * g
        other = other - scaled
    torch.testing.assert_close(w, other)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 999), st.floats(1e-3, 1e3))
def test_adams_steps_do_not_depend_on_the_scale_of_the_gradient(seed, scale):
    paths = []
    for factor in (1.0, scale):
        w = m = v = torch.zeros(3, dtype=torch.float64)
        for t in range(1, 6):
            w, m, v = adam_step(w, factor * normal64(seed + t, 3), m, v, t, lr=0.1, eps=0.0)
        paths.append(w)
    torch.testing.assert_close(paths[0], paths[1], rtol=1e-9, atol=1e-12)


def test_the_correction_turns_the_moments_of_a_constant_gradient_into_the_gradient_and_its_square():
    w = m = v = torch.zeros(1, dtype=torch.float64)
    g = torch.full((1,), -3.0, dtype=torch.float64)
    for t in range(1, 20):
        before = w
        w, m, v = adam_step(w, g, m, v, t, lr=0.1)
        assert (m / (1 - 0.9**t)).item() == pytest.approx(-3.0) and (v / (1 - 0.999**t)).item() == pytest.approx(9.0)
        assert (w - before).item() == pytest.approx(0.1)
        uncorrected = abs(m.item()) / math.sqrt(v.item())  # in units of η
        assert uncorrected == pytest.approx(3.16, abs=0.01) if t == 1 else uncorrected > 3.2


def test_adagrads_steps_shrink_with_the_root_of_their_number():
    w = s = torch.zeros(1, dtype=torch.float64)
    for t in range(1, 50):
        before = w
        w, s = adagrad_step(w, torch.full_like(w, 2.0), s, lr=0.1)
        assert (before - w).item() == pytest.approx(0.1 / math.sqrt(t))


def test_adams_steps_are_counted_from_one():
    for step in (adam_step, adamw_step):
        with pytest.raises(ValueError, match=r"step must be at least 1, got 0"):
            step(*[torch.zeros(1)] * 4, step=0)
