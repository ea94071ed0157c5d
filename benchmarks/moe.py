"""A mixture-of-experts layer against the dense layer of equal arithmetic (the limit), and against Mixtral's block."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import MixtralConfig
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

from benchmarks.timing import alternate, row
from course_lib.moe import Expert, MoE

_EXPERTS, _TOP_K, _SHAPE = 8, 2, (8, 512)  # 4,096 tokens
_D_MODEL, _D_FF = 256, 512


class SwiGLU(nn.Module):
    """An expert of Mixtral."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.gate_up = nn.Linear(d_model, 2 * d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


def compare() -> list[dict]:
    torch.manual_seed(0)
    return [_beside_dense(), *(_beside_mixtral(name) for name in ("eager", "grouped_mm"))]


def _beside_dense() -> dict:
    ours, dense = MoE(_D_MODEL, _D_FF, _EXPERTS, _TOP_K), Expert(_D_MODEL, _TOP_K * _D_FF)
    x = torch.randn(*_SHAPE, _D_MODEL)
    equal = copy.deepcopy(ours)
    for expert in equal.experts:
        expert.load_state_dict(equal.experts[0].state_dict())
    assert torch.allclose(equal(x), equal.experts[0](x), atol=1e-5), "equal experts must be one expert"
    return row(
        f"{_work()}, GELU experts",
        f"a dense layer of d_ff = {_TOP_K * _D_FF:,}: the limit",
        alternate(lambda: _step(ours, x), lambda: _step(dense, x)),
        goal=1.15,
        note="equal arithmetic; ours with router, sorting and auxiliary losses",
        why="Tokens are copied to their experts and back, and eight small products are slower than one large one.",
    )


def _beside_mixtral(implementation: str) -> dict:
    config = MixtralConfig(
        hidden_size=_D_MODEL, intermediate_size=_D_FF, num_local_experts=_EXPERTS, num_experts_per_tok=_TOP_K
    )
    config._experts_implementation = implementation
    ours, theirs = MoE(_D_MODEL, _D_FF, _EXPERTS, _TOP_K, expert=SwiGLU), MixtralSparseMoeBlock(config)
    theirs.gate.weight.data = ours.router.weight.data.clone()
    theirs.experts.gate_up_proj.data = torch.stack([expert.gate_up.weight.data for expert in ours.experts])
    theirs.experts.down_proj.data = torch.stack([expert.down.weight.data for expert in ours.experts])
    x = torch.randn(*_SHAPE, _D_MODEL)
    assert torch.allclose(ours(x), theirs(x), atol=1e-5), "both must compute the same"
    return row(
        f"{_work()}, SwiGLU experts",
        f"transformers' Mixtral block, experts {implementation!r}",
        alternate(lambda: _step(ours, x), lambda: _step(theirs, x)),
        goal=0.9,
        note="equal weights and outputs; ours with auxiliary losses, the peer's block has none",
        why="Products of matrices, the same on both sides, are nearly all of it.",
    )


def _work() -> str:
    tokens = _SHAPE[0] * _SHAPE[1]
    return f"MoE layer, forward and backward, {_EXPERTS} experts, top-{_TOP_K}, {tokens:,} tokens of {_D_MODEL}"


def _step(layer: nn.Module, x: Tensor) -> None:
    layer.zero_grad()
    loss = layer(x).square().mean()
    if isinstance(layer, MoE):
        loss = loss + layer.aux_loss
    loss.backward()
