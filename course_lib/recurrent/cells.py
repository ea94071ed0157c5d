"""Recurrent cells: a state that is updated at every token, one step at a time and over whole sequences.

- RNN   h_t = f(W_ih x_t + W_hh h_{t−1} + b), f = tanh or relu (Elman 1990)
- LSTM  gates multiply, the cell state is added to (Hochreiter and Schmidhuber 1997, who had no forget gate;
        it came with Gers, Schmidhuber and Cummins 2000)
- GRU   two gates and no cell state (Cho et al. 2014)

Weights have PyTorch's layout: (rows of all gates, features in), gates in the order i, f, g, o (LSTM) and r, z, n (GRU).
PyTorch stores two biases for each cell. For the RNN and the LSTM only their sum counts, so these take one; the GRU
needs both, because its reset gate multiplies W_hh h + b_hh.

A `*_cell` makes one step. A `*_forward` makes all of them, and computes W_ih x for the whole sequence before the
loop: that part depends on no state, and one large matrix product is faster than T small ones. Inside the loop is
only what has to wait for the state before.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Activation = Callable[[Tensor], Tensor]


def rnn_cell(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b: Tensor | None = None, activation: Activation = torch.tanh
) -> Tensor:
    """Return the next state, f(W_ih x + W_hh h + b).

    x           (B, I) the inputs of this step
    h           (B, H) the states before it
    w_ih        (H, I) from the input
    w_hh        (H, H) from the state
    b           (H,) or None; the sum of PyTorch's two
    activation  f, elementwise: torch.tanh or torch.relu
    returns     (B, H)

    Raises ValueError for sizes that do not fit.  Elman 1990.

    >>> one = torch.ones(1, 1)
    >>> rnn_cell(one, one, 2 * one, -3 * one, torch.tensor([1.0]))  # tanh(2 − 3 + 1)
    tensor([[0.]])
    """
    _require_fitting(x, h, w_ih, w_hh, n_gates=1)
    return _rnn_step(F.linear(x, w_ih, b), h, w_hh, activation)


def lstm_cell(
    x: Tensor, state: tuple[Tensor, Tensor], w_ih: Tensor, w_hh: Tensor, b: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the next output and cell state: c' = f ⊙ c + i ⊙ g and h' = o ⊙ tanh c'.

    x        (B, I) the inputs of this step
    state    h (B, H) and c (B, H) before it
    w_ih     (4H, I): rows of the input gate, the forget gate, the candidate g, the output gate
    w_hh     (4H, H) likewise
    b        (4H,) or None; the sum of PyTorch's two
    returns  h' (B, H) and c' (B, H)

    i, f and o are sigmoids of their rows of W_ih x + W_hh h + b; g is their tanh.

    Raises ValueError for sizes that do not fit.  Gers, Schmidhuber and Cummins 2000.

    >>> zero, weights = torch.zeros(1, 1), torch.zeros(4, 1)  # all gates half open, candidate 0
    >>> lstm_cell(zero, (zero, torch.tensor([[4.0]])), weights, weights)[1]
    tensor([[2.]])
    """
    h, c = state
    _require_fitting(x, h, w_ih, w_hh, n_gates=4)
    return _lstm_step(F.linear(x, w_ih, b), h, c, w_hh)


def gru_cell(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Return the next state, (1 − z) ⊙ n + z ⊙ h: the update gate z says how much of the old state stays.

    x        (B, I) the inputs of this step
    h        (B, H) the states before it
    w_ih     (3H, I): rows of the reset gate r, the update gate z, the candidate n
    w_hh     (3H, H) likewise
    b_ih     (3H,) or None, added to W_ih x
    b_hh     (3H,) or None, added to W_hh h
    returns  (B, H)

    The candidate is n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn)), as in cuDNN and PyTorch: the reset gate comes
    *after* the matrix product. Cho et al. (2014) wrote W (r ⊙ h), before it, and used z for what is new; the two are
    different functions, and weights trained for one do not work in the other.

    Raises ValueError for sizes that do not fit.

    >>> half_open = torch.zeros(3, 1)
    >>> gru_cell(torch.zeros(1, 1), torch.tensor([[4.0]]), half_open, half_open)
    tensor([[2.]])
    """
    _require_fitting(x, h, w_ih, w_hh, n_gates=3)
    return _gru_step(F.linear(x, w_ih, b_ih), h, w_hh, b_hh)


def rnn_forward(
    x: Tensor,
    h0: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b: Tensor | None = None,
    activation: Activation = torch.tanh,
) -> Tensor:
    """Return the states of an RNN that reads whole sequences.

    x        (B, T, I)
    h0       (B, H) the states before the first token
    returns  (B, T, H); states[:, t] is the state after token t

    The weights are those of `rnn_cell`. Raises ValueError for sizes that do not fit.
    """
    _require_fitting(x, h0, w_ih, w_hh, n_gates=1, sequence=True)
    h, states = h0, []
    for drive in F.linear(x, w_ih, b).unbind(1):  # (B, H) at every step
        h = _rnn_step(drive, h, w_hh, activation)
        states.append(h)
    return torch.stack(states, dim=1)


def lstm_forward(
    x: Tensor, state: tuple[Tensor, Tensor], w_ih: Tensor, w_hh: Tensor, b: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the outputs and the cell states of an LSTM that reads whole sequences.

    x        (B, T, I)
    state    h (B, H) and c (B, H) before the first token
    returns  outputs (B, T, H) and cells (B, T, H): h and c after every token

    The weights are those of `lstm_cell`. Raises ValueError for sizes that do not fit.
    """
    h, c = state
    _require_fitting(x, h, w_ih, w_hh, n_gates=4, sequence=True)
    outputs, cells = [], []
    for drive in F.linear(x, w_ih, b).unbind(1):  # (B, 4H) at every step
        h, c = _lstm_step(drive, h, c, w_hh)
        outputs.append(h)
        cells.append(c)
    return torch.stack(outputs, dim=1), torch.stack(cells, dim=1)


def gru_forward(
    x: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """Return the states of a GRU that reads whole sequences: x (B, T, I), h0 (B, H) → (B, T, H).

    The weights are those of `gru_cell`. Raises ValueError for sizes that do not fit.
    """
    _require_fitting(x, h0, w_ih, w_hh, n_gates=3, sequence=True)
    h, states = h0, []
    for drive in F.linear(x, w_ih, b_ih).unbind(1):  # (B, 3H) at every step
        h = _gru_step(drive, h, w_hh, b_hh)
        states.append(h)
    return torch.stack(states, dim=1)


def lstm_gates(
    x: Tensor, h0: Tensor, outputs: Tensor, w_ih: Tensor, w_hh: Tensor, b: Tensor | None = None
) -> dict[str, Tensor]:
    """Return the gates of an LSTM at every step, to look at.

    x, h0    (B, T, I) and (B, H): what `lstm_forward` was given
    outputs  (B, T, H): what it returned
    returns  "input", "forget", "candidate" and "output", each (B, T, H); the candidate lies in −1 … 1, the others
             in 0 … 1
    """
    before = torch.cat([h0[:, None], outputs[:, :-1]], dim=1)  # the state that each step started from
    i, f, g, o = (F.linear(x, w_ih, b) + F.linear(before, w_hh)).chunk(4, dim=-1)
    return {"input": i.sigmoid(), "forget": f.sigmoid(), "candidate": g.tanh(), "output": o.sigmoid()}


def _rnn_step(drive: Tensor, h: Tensor, w_hh: Tensor, activation: Activation) -> Tensor:
    return activation(torch.addmm(drive, h, w_hh.t()))


def _lstm_step(drive: Tensor, h: Tensor, c: Tensor, w_hh: Tensor) -> tuple[Tensor, Tensor]:
    i, f, g, o = torch.addmm(drive, h, w_hh.t()).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()  # the gates multiply; the update is a sum
    return o.sigmoid() * c.tanh(), c


def _gru_step(drive: Tensor, h: Tensor, w_hh: Tensor, b_hh: Tensor | None) -> Tensor:
    x_gates, x_n = drive.tensor_split([2 * h.size(-1)], dim=-1)
    h_gates, h_n = F.linear(h, w_hh, b_hh).tensor_split([2 * h.size(-1)], dim=-1)
    r, z = (x_gates + h_gates).sigmoid().chunk(2, dim=-1)
    n = (x_n + r * h_n).tanh()
    return n + z * (h - n)  # (1 − z) n + z h


def _require_fitting(x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, n_gates: int, sequence: bool = False) -> None:
    batch, hidden = h.shape if h.dim() == 2 else (None, None)
    if hidden is None or w_hh.shape != (n_gates * hidden, hidden):
        raise ValueError(
            f"w_hh must have the shape ({n_gates}·H, H) for a state (B, H), "
            f"got w_hh {tuple(w_hh.shape)} and state {tuple(h.shape)}"
        )
    if w_ih.dim() != 2 or w_ih.size(0) != n_gates * hidden:
        raise ValueError(f"w_ih must have the shape ({n_gates * hidden}, I), got {tuple(w_ih.shape)}")
    wanted = (batch, x.size(1), w_ih.size(1)) if sequence and x.dim() == 3 else (batch, w_ih.size(1))
    if x.dim() != 2 + sequence or x.shape != wanted or (sequence and x.size(1) == 0):
        shape = f"({batch}, T ≥ 1, {w_ih.size(1)})" if sequence else f"({batch}, {w_ih.size(1)})"
        raise ValueError(f"x must have the shape {shape}, got {tuple(x.shape)}")
