"""Recurrent networks: cells, layers, backpropagation through time, and a language model with a state."""

from course_lib.recurrent.bptt import (
    Gradients,
    carry_back,
    gradient_bound,
    gradient_norms,
    rnn_backward,
    spectral_radius,
    truncated_bptt,
)
from course_lib.recurrent.cells import (
    gru_cell,
    gru_forward,
    lstm_cell,
    lstm_forward,
    lstm_gates,
    rnn_cell,
    rnn_forward,
)
from course_lib.recurrent.language_model import ConsecutiveWindows, RecurrentCache, RecurrentLM
from course_lib.recurrent.layers import GRU, LSTM, RNN
from course_lib.recurrent.starts import orthogonal_, set_forget_bias

__all__ = [
    "GRU", "LSTM", "RNN", "ConsecutiveWindows", "Gradients", "RecurrentCache", "RecurrentLM",
    "carry_back", "gradient_bound", "gradient_norms", "gru_cell", "gru_forward", "lstm_cell", "lstm_forward",
    "lstm_gates", "orthogonal_", "rnn_backward", "rnn_cell", "rnn_forward", "set_forget_bias", "spectral_radius",
    "truncated_bptt",
]  # fmt: skip
