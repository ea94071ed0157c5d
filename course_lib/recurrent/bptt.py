"""Backpropagation through time, written out, and what becomes of a gradient on its way back.

For an RNN h_t = tanh(a_t) with a_t = W_ih x_t + W_hh h_{t−1} + b, the gradient g_t = ∂L/∂h_t of the total loss is

    g_t = ∂L_t/∂h_t + W_hhᵀ (f'(a_{t+1}) ⊙ g_{t+1}),        f'(a) = 1 − tanh² a = 1 − h²

with column vectors: first the slope of the *later* step, then the transposed matrix, and every step's own loss is added
on the way. (With row vectors: g_{t+1} diag(f'(a_{t+1})) W_hh.) Over k steps the factors are k different matrices
diag(f') W_hh, not a power of W_hh.

What shrinks and what stretches: a step multiplies the norm of the gradient by at most γ·σ, where σ is the *largest
singular value* of W_hh and γ the steepest slope of f (1 for tanh, 1/4 for the sigmoid). γ·σ < 1 is sufficient for
vanishing, γ·σ > 1 is necessary for exploding (Pascanu, Mikolov and Bengio 2013). Eigenvalues decide only for a linear
network, and there only in the long run.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.arguments import require_at_least, require_counts
from course_lib.recurrent.cells import rnn_forward


class Gradients(NamedTuple):
    """What `rnn_backward` returns: the gradient of the loss in everything that `rnn_forward` was given."""

    x: Tensor  #: (B, T, I)
    h0: Tensor  #: (B, H)
    w_ih: Tensor  #: (H, I)
    w_hh: Tensor  #: (H, H)
    b: Tensor  #: (H,)


def carry_back(states: Tensor, w_hh: Tensor, own: Tensor) -> Tensor:
    """Return the gradient of the total loss in every state of a tanh RNN.

    states   (B, T, H) what `rnn_forward` returned
    w_hh     (H, H)
    own      (B, T, H) ∂L_t/∂h_t, the gradient of each step's own loss in its own state; zeros where it has none
    returns  (B, T, H) ∂L/∂h_t, in which all later losses are contained

    Raises ValueError for sizes that do not fit.
    """
    if own.shape != states.shape:
        raise ValueError(f"own must have the shape of states, {tuple(states.shape)}, got {tuple(own.shape)}")
    slopes = 1 - states.square()
    g, carried = own[:, -1], [own[:, -1]]
    for t in range(states.size(1) - 2, -1, -1):
        g = own[:, t] + (slopes[:, t + 1] * g) @ w_hh
        carried.append(g)
    return torch.stack(carried[::-1], dim=1)


def rnn_backward(x: Tensor, h0: Tensor, states: Tensor, w_ih: Tensor, w_hh: Tensor, own: Tensor) -> Gradients:
    """Backpropagate through time by hand, for a tanh RNN.

    x, h0, w_ih, w_hh  what `rnn_forward` was given: (B, T, I), (B, H), (H, I), (H, H)
    states             (B, T, H) what it returned
    own                (B, T, H) the gradient of each step's own loss in its own state
    returns            the gradients in x, h0, w_ih, w_hh and b, summed over the batch and, for weights, over time

    Raises ValueError for sizes that do not fit.  Rumelhart, Hinton and Williams 1986; Werbos 1990.
    """
    into = (1 - states.square()) * carry_back(states, w_hh, own)  # ∂L/∂a_t (B, T, H)
    before = torch.cat([h0[:, None], states[:, :-1]], dim=1)  # h_{t−1}
    return Gradients(
        x=into @ w_ih,
        h0=into[:, 0] @ w_hh,
        w_ih=into.flatten(0, 1).t() @ x.flatten(0, 1),
        w_hh=into.flatten(0, 1).t() @ before.flatten(0, 1),
        b=into.sum((0, 1)),
    )


def gradient_norms(states: Tensor, w_hh: Tensor, last: Tensor) -> Tensor:
    """Return how much of a gradient at the last state arrives at each earlier one.

    states   (B, T, H) the states of a tanh RNN
    w_hh     (H, H)
    last     (B, H) ∂L/∂h_T of a loss on the last state alone
    returns  (T,) Euclidean norms of ∂L/∂h_{T−k} for the distances k = 0 … T − 1, mean over the batch

    Raises ValueError for sizes that do not fit.
    """
    own = torch.zeros_like(states)
    if last.shape != own[:, -1].shape:
        raise ValueError(f"last must have the shape {tuple(own[:, -1].shape)}, got {tuple(last.shape)}")
    own[:, -1] = last
    return carry_back(states, w_hh, own).norm(dim=-1).mean(0).flip(0)


def gradient_bound(w_hh: Tensor, distance: int, steepest: float = 1.0) -> float:
    """Return the largest factor by which a gradient's norm can grow over so many steps back: (γ σ)^k.

    w_hh      (H, H); σ is its largest singular value
    distance  k ≥ 0 steps
    steepest  γ, the largest slope of the activation: 1 for tanh and relu, 1/4 for the sigmoid

    Raises ValueError for a negative distance and a negative slope.

    >>> gradient_bound(torch.tensor([[0.0, 2.0], [0.0, 0.0]]), 3)  # both eigenvalues are 0
    8.0
    """
    require_counts(0, distance=distance)
    require_at_least(0, steepest=steepest)
    return (steepest * torch.linalg.matrix_norm(w_hh, 2).item()) ** distance


def spectral_radius(w: Tensor) -> float:
    """Return the largest absolute value among the eigenvalues of w (H, H).

    >>> round(spectral_radius(torch.tensor([[0.0, -2.0], [2.0, 0.0]])), 6)  # a rotation, twice as long: ±2i
    2.0
    """
    return torch.linalg.eigvals(w).abs().max().item()


def truncated_bptt(x: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, b: Tensor | None, window: int) -> Tensor:
    """Return the states of `rnn_forward`, through which a gradient flows no further than its own window.

    x, h0, w_ih, w_hh, b  as in `rnn_forward`
    window                steps; windows start at tokens 0, window, 2·window …
    returns               (B, T, H): the same numbers as `rnn_forward`, since the state is handed on from window to
                          window, but detached there. h0 counts as a constant too

    `course_lib.recurrent.ConsecutiveWindows` trains in this way without keeping more than one window in memory.

    Raises ValueError when window is less than 1.  Williams and Peng 1990.
    """
    require_counts(window=window)
    h, states = h0, []
    for part in x.split(window, dim=1):
        states.append(rnn_forward(part, h.detach(), w_ih, w_hh, b))
        h = states[-1][:, -1]
    return torch.cat(states, dim=1)
