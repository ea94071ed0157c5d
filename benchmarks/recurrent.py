"""Recurrent networks: a loop over time in Python against torch.nn, whose loop is C++."""

import torch
from torch import Tensor, nn

from benchmarks.timing import alternate, row
from course_lib import recurrent

_HIDDEN, _TOKENS, _BATCH = 256, 128, 32
_WHY = {
    "LSTM": "nn.LSTM runs in oneDNN here, whose products of matrices are faster than those that torch offers us; "
    "our loop spends most of its time in such products. A backward pass written by hand was no faster.",
    "GRU": "Each of the 128 steps is a dozen calls from Python.",
    "RNN": "Each of the 128 steps is a few calls from Python.",
}


def compare() -> list[dict]:
    return [_row(name) for name in ("LSTM", "GRU", "RNN")]


def _row(name: str) -> dict:
    torch.manual_seed(0)
    peer = getattr(nn, name)(_HIDDEN, _HIDDEN, batch_first=True)
    ours = getattr(recurrent, name)(_HIDDEN, _HIDDEN)
    ours.load_state_dict(peer.state_dict())
    x = torch.randn(_BATCH, _TOKENS, _HIDDEN)
    assert torch.allclose(_step(ours, x), _step(peer, x), atol=1e-5), "both must compute the same"
    for mine, theirs in zip(ours.parameters(), peer.parameters()):
        assert torch.allclose(mine.grad, theirs.grad, atol=1e-5, rtol=1e-3), "and the same gradients"
    return row(
        f"{name}, forward and backward, hidden {_HIDDEN}, T {_TOKENS}, B {_BATCH}",
        f"nn.{name}",
        alternate(lambda: _step(ours, x), lambda: _step(peer, x)),
        goal=1.5,
        note="equal outputs and gradients",
        why=_WHY[name],
    )


def _step(layer: nn.Module, x: Tensor) -> Tensor:
    layer.zero_grad()
    outputs, _ = layer(x)
    outputs.square().mean().backward()
    return outputs.detach()
