"""Backpropagation through time against autograd, and what is claimed of vanishing and exploding gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.recurrent.bptt import (
    carry_back,
    gradient_bound,
    gradient_norms,
    rnn_backward,
    spectral_radius,
    truncated_bptt,
)
from course_lib.recurrent.cells import rnn_forward
from tests.random_inputs import normal64


def problem(seed, batch=2, length=5, features=3, hidden=4):
    shapes = [(batch, length, features), (batch, hidden), (hidden, features), (hidden, hidden), (hidden,)]
    return [normal64(seed + i, *shape).requires_grad_() for i, shape in enumerate(shapes)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 3), st.integers(1, 6), st.integers(1, 3), st.integers(1, 4))
def test_gradients_by_hand_equal_autograds(seed, batch, length, features, hidden):
    inputs = problem(seed, batch, length, features, hidden)
    x, h0, w_ih, w_hh, _ = inputs
    states = rnn_forward(*inputs)
    own = normal64(seed + 9, batch, length, hidden)
    expected = torch.autograd.grad((states * own).sum(), [*inputs])
    by_hand = rnn_backward(x, h0, states, w_ih, w_hh, own)
    torch.testing.assert_close(tuple(by_hand), expected)


def test_the_carried_gradient_of_a_state_contains_every_later_loss():
    x, h0, w_ih, w_hh, b = problem(0)
    own, h, states = normal64(9, 2, 5, 4), h0, []
    for t in range(5):  # states that remember their gradients
        h = torch.tanh(x[:, t] @ w_ih.T + h @ w_hh.T + b)
        h.retain_grad()
        states.append(h)
    stacked = torch.stack(states, 1)
    (stacked * own).sum().backward()
    torch.testing.assert_close(carry_back(stacked, w_hh, own), torch.stack([h.grad for h in states], 1))


def test_the_formula_of_popular_notes_is_not_the_gradient():
    """Erratum 098: the transpose of the column form in a row expression, and f' at the wrong step."""
    inputs = problem(3, batch=1, length=2, hidden=3)
    w_hh, states = inputs[3], rnn_forward(*inputs).detach()
    g = normal64(9, 1, 3)
    right = carry_back(states, w_hh, torch.stack([torch.zeros(1, 3, dtype=g.dtype), g], 1))[:, 0]
    before, after = 1 - states[:, 0].square(), 1 - states[:, 1].square()
    torch.testing.assert_close(right, (g * after) @ w_hh)  # row form: g diag(f'(a_{t+1})) W
    torch.testing.assert_close(right.T, w_hh.T @ (g * after).T)  # column form
    assert not torch.allclose(right, (g @ w_hh.T) * before, atol=1e-3)
    assert not torch.allclose(right, (g @ w_hh) * before, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 12))
def test_gradient_norms_equal_autograds_and_respect_the_bound(seed, length):
    x, h0, w_ih, w_hh, b = problem(seed, batch=3, length=length)
    states, h = [], h0
    for t in range(length):
        h = torch.tanh(x[:, t] @ w_ih.T + h @ w_hh.T + b)
        h.retain_grad()
        states.append(h)
    last = normal64(seed + 9, 3, 4)
    (h * last).sum().backward()
    norms = gradient_norms(torch.stack(states, 1).detach(), w_hh.detach(), last)
    torch.testing.assert_close(norms, torch.stack([h.grad.norm(dim=-1).mean() for h in states[::-1]]))
    for k, norm in enumerate(norms.tolist()):
        assert norm <= norms[0].item() * gradient_bound(w_hh.detach(), k) * (1 + 1e-9)


def jordan(size, eigenvalue, link):
    return eigenvalue * torch.eye(size, dtype=torch.float64) + link * torch.ones(size - 1, dtype=torch.float64).diag(1)


def linear_norms(w, steps):
    """How the norm of a row gradient of ones changes in a linear network."""
    g, norms = torch.ones(len(w), dtype=w.dtype), []
    for _ in range(steps):
        g = g @ w
        norms.append(g.norm().item())
    return norms


def test_eigenvalues_do_not_decide_errata_099():
    negative = torch.tensor([[-1.5, 0.0], [0.0, 0.2]], dtype=torch.float64)
    assert linear_norms(negative, 20)[-1] > 3000  # "less than 1", and explodes
    shear = jordan(6, 0.9, 1.0)
    assert spectral_radius(shear) < 1 < torch.linalg.matrix_norm(shear, 2)
    norms = linear_norms(shear, 400)
    assert max(norms) > 1e4 and norms[-1] < 1e-4  # grows ten-thousandfold first, vanishes in the end
    big = torch.tensor([[3.0]], dtype=torch.float64)
    x = torch.ones(1, 20, 1, dtype=torch.float64)
    saturated = rnn_forward(x, x[:, 0], 0 * big, big)
    assert gradient_norms(saturated, big, x[:, 0])[-1] < 1e-20  # an eigenvalue of 3, and it vanishes
    w = torch.tensor([[2.0, -2.0], [2.0, -2.0]], dtype=torch.float64)
    with_slopes = torch.diag(torch.tensor([1.0, 0.1], dtype=torch.float64)) @ w
    assert spectral_radius(w) < 1e-6 and spectral_radius(with_slopes) == pytest.approx(1.8)
    assert linear_norms(with_slopes, 20)[-1] > 1e5  # eigenvalues of 0, and it explodes


def test_a_largest_singular_value_below_one_is_sufficient_for_vanishing():
    w_hh = normal64(0, 8, 8)
    w_hh *= 0.9 / torch.linalg.matrix_norm(w_hh, 2)
    states = rnn_forward(normal64(1, 4, 50, 2), normal64(2, 4, 8), normal64(3, 8, 2), w_hh)
    norms = gradient_norms(states, w_hh, normal64(4, 4, 8))
    assert (norms[1:] <= 0.9 * norms[:-1] * (1 + 1e-9)).all() and norms[-1] < 0.9**49 * norms[0] * 1.001


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(1, 9))
def test_truncation_leaves_the_states_alone_and_stops_the_gradient_at_the_window(seed, window):
    inputs = problem(seed, length=7)
    x, h0 = inputs[:2]
    states = truncated_bptt(*inputs, window)
    torch.testing.assert_close(states, rnn_forward(*inputs))
    for t in range(7):
        grad, into_h0 = torch.autograd.grad(states[:, t].sum(), [x, h0], retain_graph=True, allow_unused=True)
        reached = grad.abs().sum((0, 2)) > 0
        assert reached.tolist() == [t // window * window <= s <= t for s in range(7)]
        assert into_h0 is None


def test_errors_name_the_argument_and_the_value():
    x, h0, w_ih, w_hh, b = problem(0)
    states = rnn_forward(x, h0, w_ih, w_hh, b)
    with pytest.raises(ValueError, match=r"window must be at least 1, got 0"):
        truncated_bptt(x, h0, w_ih, w_hh, b, 0)
    with pytest.raises(ValueError, match=r"own must have the shape of states, \(2, 5, 4\), got \(2, 4, 4\)"):
        carry_back(states, w_hh, states[:, :4])
    with pytest.raises(ValueError, match=r"last must have the shape \(2, 4\), got \(2, 5, 4\)"):
        gradient_norms(states, w_hh, states)
    with pytest.raises(ValueError, match="got -1"):
        gradient_bound(w_hh, -1)
