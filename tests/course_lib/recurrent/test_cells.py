"""Recurrent cells against torch's kernels and cells, and against finite differences."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.recurrent.cells import (
    gru_cell,
    gru_forward,
    lstm_cell,
    lstm_forward,
    lstm_gates,
    rnn_cell,
    rnn_forward,
)
from tests.random_inputs import normal

sizes = st.integers(1, 5)


def weights(seed, n_gates, features, hidden, dtype=torch.float32):
    """w_ih, w_hh, b_ih, b_hh as torch shapes them."""
    rows = n_gates * hidden
    shapes = [(rows, features), (rows, hidden), (rows,), (rows,)]
    return [normal(seed + i, *shape, dtype=dtype) for i, shape in enumerate(shapes)]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), sizes, sizes, sizes)
def test_each_cell_equals_torchs_kernel(seed, batch, features, hidden):
    x, h, c = normal(seed, batch, features), normal(seed + 1, batch, hidden), normal(seed + 2, batch, hidden)
    w_ih, w_hh, b_ih, b_hh = weights(seed + 3, 1, features, hidden)
    torch.testing.assert_close(
        rnn_cell(x, h, w_ih, w_hh, b_ih + b_hh), torch.rnn_tanh_cell(x, h, w_ih, w_hh, b_ih, b_hh)
    )
    torch.testing.assert_close(rnn_cell(x, h, w_ih, w_hh, activation=torch.relu), torch.rnn_relu_cell(x, h, w_ih, w_hh))
    w_ih, w_hh, b_ih, b_hh = weights(seed + 3, 4, features, hidden)
    torch.testing.assert_close(
        lstm_cell(x, (h, c), w_ih, w_hh, b_ih + b_hh), torch.lstm_cell(x, (h, c), w_ih, w_hh, b_ih, b_hh)
    )
    w_ih, w_hh, b_ih, b_hh = weights(seed + 3, 3, features, hidden)
    torch.testing.assert_close(gru_cell(x, h, w_ih, w_hh, b_ih, b_hh), torch.gru_cell(x, h, w_ih, w_hh, b_ih, b_hh))


def test_a_sequence_is_its_cells_one_after_the_other():
    x, h0, c0 = normal(0, 2, 5, 3), normal(1, 2, 4), normal(2, 2, 4)
    w_ih, w_hh, b, _ = weights(3, 1, 3, 4)
    h = h0
    for t, state in enumerate(rnn_forward(x, h0, w_ih, w_hh, b).unbind(1)):
        h = rnn_cell(x[:, t], h, w_ih, w_hh, b)
        torch.testing.assert_close(state, h)
    w_ih, w_hh, b, _ = weights(3, 4, 3, 4)
    h, c = h0, c0
    for t, (output, cell) in enumerate(zip(*(s.unbind(1) for s in lstm_forward(x, (h0, c0), w_ih, w_hh, b)))):
        h, c = lstm_cell(x[:, t], (h, c), w_ih, w_hh, b)
        torch.testing.assert_close((output, cell), (h, c))
    w_ih, w_hh, b_ih, b_hh = weights(3, 3, 3, 4)
    h = h0
    for t, state in enumerate(gru_forward(x, h0, w_ih, w_hh, b_ih, b_hh).unbind(1)):
        h = gru_cell(x[:, t], h, w_ih, w_hh, b_ih, b_hh)
        torch.testing.assert_close(state, h)


def test_gradients_agree_with_finite_differences():
    x, h0, c0 = (normal(i, *s, dtype=torch.float64).requires_grad_() for i, s in enumerate([(2, 3, 2), (2, 2), (2, 2)]))
    for n_gates, run in (
        (1, lambda x, h, c, *w: rnn_forward(x, h, w[0], w[1], w[2])),
        (4, lambda x, h, c, *w: lstm_forward(x, (h, c), w[0], w[1], w[2])),
        (3, lambda x, h, c, *w: gru_forward(x, h, *w)),
    ):
        w = [t.requires_grad_() for t in weights(5, n_gates, 2, 2, torch.float64)]
        assert torch.autograd.gradcheck(run, (x, h0, c0, *w))


def test_the_direct_path_of_an_lstm_has_the_forget_gate_as_its_slope():
    x, h, c = normal(0, 1, 3), normal(1, 1, 4), normal(2, 1, 4).requires_grad_()
    w_ih, w_hh, b, _ = weights(3, 4, 3, 4)
    _, after = lstm_cell(x, (h, c), w_ih, w_hh, b)
    (slope,) = torch.autograd.grad(after.sum(), c)
    forget = (x @ w_ih.T + h @ w_hh.T + b)[:, 4:8].sigmoid()
    torch.testing.assert_close(slope, forget)


def test_the_gates_to_look_at_are_those_that_made_the_outputs():
    x, h0, c0 = normal(0, 2, 6, 3), normal(1, 2, 4), normal(2, 2, 4)
    w_ih, w_hh, b, _ = weights(3, 4, 3, 4)
    outputs, cells_ = lstm_forward(x, (h0, c0), w_ih, w_hh, b)
    gates = lstm_gates(x, h0, outputs, w_ih, w_hh, b)
    before = torch.cat([c0[:, None], cells_[:, :-1]], dim=1)
    torch.testing.assert_close(cells_, gates["forget"] * before + gates["input"] * gates["candidate"])
    torch.testing.assert_close(outputs, gates["output"] * cells_.tanh())


def test_the_reset_gate_of_a_gru_comes_after_the_matrix_product_not_before_it():
    x, h = normal(0, 2, 3), normal(1, 2, 4)
    w_ih, w_hh, b_ih, b_hh = weights(3, 3, 3, 4)
    r, z = (x @ w_ih[:8].T + b_ih[:8] + h @ w_hh[:8].T + b_hh[:8]).sigmoid().chunk(2, -1)
    before = (x @ w_ih[8:].T + b_ih[8:] + (r * h) @ w_hh[8:].T + b_hh[8:]).tanh()  # Cho et al. 2014
    difference = (gru_cell(x, h, w_ih, w_hh, b_ih, b_hh) - ((1 - z) * before + z * h)).abs().max()
    assert difference > 0.01


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x, h, w: rnn_cell(x, h, w, torch.zeros(3, 3)), r"w_hh must have the shape \(1·H, H\)"),
        (lambda x, h, w: rnn_cell(x[:, :1], h, w, torch.zeros(4, 4)), r"x must have the shape \(2, 3\), got \(2, 1\)"),
        (lambda x, h, w: rnn_cell(x, h, w.T, torch.zeros(4, 4)), r"w_ih must have the shape \(4, I\), got \(3, 4\)"),
        (lambda x, h, w: lstm_cell(x, (h, h), w, torch.zeros(4, 4)), r"w_hh must have the shape \(4·H, H\)"),
        (lambda x, h, w: gru_cell(x, h[0], w, torch.zeros(4, 4)), r"state \(4,\)"),
        (lambda x, h, w: rnn_forward(x, h, w, torch.zeros(4, 4)), r"x must have the shape \(2, T ≥ 1, 3\)"),
        (lambda x, h, w: rnn_forward(x[:, None][:, :0], h, w, torch.zeros(4, 4)), r"got \(2, 0, 3\)"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(normal(0, 2, 3), normal(1, 2, 4), normal(2, 4, 3))
