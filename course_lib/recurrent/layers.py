"""RNN, LSTM and GRU as modules: stacked, in both directions, over padded sequences, interchangeable with torch.nn.

    ours = LSTM(8, 16, n_layers=2, bidirectional=True)
    ours.load_state_dict(nn.LSTM(8, 16, 2, bidirectional=True, batch_first=True).state_dict())

Parameter names, shapes, the order of gates and the layout of states are PyTorch's, so `load_state_dict` works both
ways. Differences: the batch always comes first in inputs and outputs, and padded sequences are given by their
`lengths` instead of being packed. In shapes D is 1, or 2 for a bidirectional layer.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import require_counts, require_probability
from course_lib.recurrent.cells import gru_forward, lstm_forward, rnn_forward

State = Tensor | tuple[Tensor, ...]  #: (L·D, B, H), for an LSTM a pair of them


class _Recurrent(nn.Module):
    """What the three have in common: layers, directions, lengths. A subclass says how one of them reads a sequence."""

    n_gates: int
    n_states = 1

    def __init__(
        self, d_input: int, d_hidden: int, n_layers: int = 1, bidirectional: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        require_counts(d_input=d_input, d_hidden=d_hidden, n_layers=n_layers)
        require_probability(dropout=dropout)
        self.d_input, self.d_hidden, self.n_layers, self.dropout = d_input, d_hidden, n_layers, dropout
        self.directions = ("", "_reverse") if bidirectional else ("",)
        rows, bound = self.n_gates * d_hidden, d_hidden**-0.5
        for layer in range(n_layers):
            columns = d_input if layer == 0 else d_hidden * len(self.directions)
            for direction in self.directions:
                end = f"l{layer}{direction}"
                for name, shape in {
                    f"weight_ih_{end}": (rows, columns),
                    f"weight_hh_{end}": (rows, d_hidden),
                    f"bias_ih_{end}": (rows,),
                    f"bias_hh_{end}": (rows,),
                }.items():
                    self.register_parameter(name, nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))

    def read(self, x: Tensor, start: tuple[Tensor, ...], *weights: Tensor) -> tuple[Tensor, ...]:
        """One layer in one direction: (B, T, I) and states (B, H) → the states after every token, each (B, T, H)."""
        raise NotImplementedError

    def forward(self, x: Tensor, state: State | None = None, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Read sequences and return the last layer's outputs, and the states to go on from.

        x        (B, T, d_input)
        state    the states before the first token, (L·D, B, H) (an LSTM: a pair of them); None: zeros
        lengths  (B,) how many tokens of each sequence are real, 1 … T; None: all
        returns  outputs (B, T, D·H), zeros where x is padding, and the final states, in the form of `state`.
                 With two directions the second half of the outputs comes from the one that reads from the end, and
                 its final state is the one at the first token. Padding has no influence on anything

        Raises ValueError for shapes or lengths that do not fit.
        """
        starts = self._starts(x, state)
        lengths = _checked(lengths, x)
        finals: list[tuple[Tensor, ...]] = []
        for layer in range(self.n_layers):
            if layer:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for direction in self.directions:
                end = f"l{layer}{direction}"
                weights = (getattr(self, f"{kind}_{end}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
                start = tuple(s[len(finals)] for s in starts)
                states = self.read(_reversed(x, lengths) if direction else x, start, *weights)
                finals.append(tuple(_last(s, lengths) for s in states))
                outputs.append(_reversed(states[0], lengths) if direction else states[0])
            x = torch.cat(outputs, dim=-1)  # (B, T, D·H)
        if lengths is not None:
            x = x.masked_fill(_positions(x) >= lengths[:, None, None], 0.0)
        final = tuple(torch.stack(states) for states in zip(*finals))
        return x, final if self.n_states > 1 else final[0]

    def _starts(self, x: Tensor, state: State | None) -> tuple[Tensor, ...]:
        if x.dim() != 3 or x.size(-1) != self.d_input or x.size(1) == 0:
            raise ValueError(f"x must have the shape (B, T ≥ 1, {self.d_input}), got {tuple(x.shape)}")
        shape = (self.n_layers * len(self.directions), x.size(0), self.d_hidden)
        if state is None:
            return (x.new_zeros(shape),) * self.n_states
        states = (state,) if isinstance(state, Tensor) else tuple(state)
        if len(states) != self.n_states or any(s.shape != shape for s in states):
            got = ", ".join(str(tuple(s.shape)) for s in states)
            raise ValueError(f"state must be {self.n_states} tensor(s) of shape {shape}, got {got}")
        return states


class RNN(_Recurrent):
    """The simple recurrent network, h_t = f(W_ih x_t + W_hh h_{t−1} + b).

    d_input        I, features of a token
    d_hidden       H, numbers in the state
    n_layers       L; each layer reads the outputs of the one below
    bidirectional  a second network of every layer reads from the end; the outputs are concatenated
    dropout        probability of dropping a number between layers, in training only
    activation     "tanh" or "relu"

    Parameters are those of torch.nn.RNN, and start like them: uniform in ±1/√H (see `course_lib.recurrent.starts`).
    Raises ValueError for settings that make no sense.  Elman 1990; two directions: Schuster and Paliwal 1997.
    """

    n_gates = 1

    def __init__(
        self,
        d_input: int,
        d_hidden: int,
        n_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        activation: str = "tanh",
    ) -> None:
        if activation not in ("tanh", "relu"):
            raise ValueError(f"activation must be 'tanh' or 'relu', got {activation!r}")
        super().__init__(d_input, d_hidden, n_layers, bidirectional, dropout)
        self.activation = activation

    def read(self, x: Tensor, start: tuple[Tensor, ...], *weights: Tensor) -> tuple[Tensor, ...]:
        """One layer in one direction: (B, T, I) and states (B, H) → states (h,) after every token, each (B, T, H)."""
        (h,), (w_ih, w_hh, b_ih, b_hh) = start, weights
        return (rnn_forward(x, h, w_ih, w_hh, b_ih + b_hh, getattr(torch, self.activation)),)


class LSTM(_Recurrent):
    """Long short-term memory with forget gates (Hochreiter and Schmidhuber 1997; Gers et al. 2000).

    The arguments are those of `RNN` without the activation; the parameters are those of torch.nn.LSTM. The state is
    a pair, (h, c).
    """

    n_gates, n_states = 4, 2

    def read(self, x: Tensor, start: tuple[Tensor, ...], *weights: Tensor) -> tuple[Tensor, ...]:
        """One layer in one direction: (B, T, I) and states (B, H) → states (h, c) after every token, each (B, T, H)."""
        (h, c), (w_ih, w_hh, b_ih, b_hh) = start, weights
        return lstm_forward(x, (h, c), w_ih, w_hh, b_ih + b_hh)


class GRU(_Recurrent):
    """Gated recurrent unit (Cho et al. 2014), with the reset gate after the matrix product: see `gru_cell`.

    The arguments are those of `RNN` without the activation; the parameters are those of torch.nn.GRU.
    """

    n_gates = 3

    def read(self, x: Tensor, start: tuple[Tensor, ...], *weights: Tensor) -> tuple[Tensor, ...]:
        """One layer in one direction: (B, T, I) and states (B, H) → states (h,) after every token, each (B, T, H)."""
        (h,), (w_ih, w_hh, b_ih, b_hh) = start, weights
        return (gru_forward(x, h, w_ih, w_hh, b_ih, b_hh),)


def _checked(lengths: Tensor | None, x: Tensor) -> Tensor | None:
    if lengths is None:
        return None
    if lengths.shape != x.shape[:1] or lengths.min() < 1 or lengths.max() > x.size(1):
        raise ValueError(f"lengths must be {x.size(0)} numbers from 1 to T = {x.size(1)}, got {lengths.tolist()}")
    return lengths.to(x.device)


def _positions(x: Tensor) -> Tensor:
    """0 … T − 1 in the middle of three dimensions: (1, T, 1)."""
    return torch.arange(x.size(1), device=x.device)[None, :, None]


def _reversed(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Each sequence from its last real token to its first; the padding stays at the end. Twice is the identity."""
    if lengths is None:
        return x.flip(1)
    t, n = _positions(x), lengths[:, None, None]
    return x.gather(1, torch.where(t < n, n - 1 - t, t).expand_as(x))


def _last(states: Tensor, lengths: Tensor | None) -> Tensor:
    """The state after the last real token: (B, T, H) → (B, H)."""
    if lengths is None:
        return states[:, -1]
    return states[torch.arange(len(states), device=states.device), lengths - 1]
