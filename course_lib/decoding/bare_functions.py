"""What the modules of a GPT compute, as functions without the modules around them.

To call an nn.Module costs Python as long as a small product of matrices takes the processor. Where one token is read, a
quarter of the time goes there (`course_lib.decoding.static_step`). The weights are the model's own, not copies.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.gpt import GPT, Block, CausalSelfAttention, GELUFeedForward, SwiGLUFeedForward
from course_lib.positions import LearnedPositions

Function = Callable[[Tensor], Tensor]

_PARTS = {GPT, Block, CausalSelfAttention, GELUFeedForward, SwiGLUFeedForward, LearnedPositions, nn.ModuleList}
_PARTS |= {nn.Embedding, nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Identity, nn.Dropout}


def is_plain_gpt(model: nn.Module) -> bool:
    """Say whether a model is a GPT of nothing but the parts of `course_lib.gpt`, watched by no hook.

    Others take the plain path: an expert of a `MoE` gets as many tokens as the router sends, which is no static shape.
    """
    parts = list(model.modules())
    watched = any(part._forward_hooks or part._forward_pre_hooks or "forward" in vars(part) for part in parts)
    return type(model) is GPT and {type(part) for part in parts} <= _PARTS and not watched


def bare_block(block: Any) -> tuple[Function, Callable[[Tensor, Tensor], Tensor]]:
    """Return what a block does before its attention, and after it.

    before(x)        (B, d_model) → q, k and v of all heads, (B, (H + 2 · H_kv) · D)
    after(x, found)  x and what the heads found (B, d_model) → the tokens after the block, (B, d_model)
    """
    norm1, norm2 = bare_function(block.norm1), bare_function(block.norm2)
    qkv, out = bare_function(block.attention.qkv), bare_function(block.attention.out_proj)
    feed_forward = _feed_forward(block.feed_forward)

    def after(x: Tensor, found: Tensor) -> Tensor:
        x = x + out(found)
        return x + feed_forward(norm2(x))

    def after_post_norm(x: Tensor, found: Tensor) -> Tensor:
        x = norm1(x + out(found))
        return norm2(x + feed_forward(x))

    return (lambda x: qkv(norm1(x)), after) if block.pre_norm else (qkv, after_post_norm)


def _feed_forward(module: Any) -> Function:
    down = bare_function(module.down)
    if isinstance(module, GELUFeedForward):
        up, approximate = bare_function(module.up), module.approximate
        return lambda x: down(F.gelu(up(x), approximate=approximate))
    gate_up = bare_function(module.gate_up)

    def swiglu(x: Tensor) -> Tensor:
        gate, up = gate_up(x).chunk(2, dim=-1)
        return down(F.silu(gate) * up)

    return swiglu


def bare_function(module: Any) -> Function:
    """Return the function of a linear layer, a norm or the identity, (..., D) → (..., D').

    >>> bare_function(nn.Identity())(Tensor([1, 1]))
    tensor([1., 1.])
    """
    if isinstance(module, nn.Linear):
        return partial(F.linear, weight=module.weight, bias=module.bias)
    if isinstance(module, nn.LayerNorm):
        return partial(
            F.layer_norm,
            normalized_shape=module.normalized_shape,
            weight=module.weight,
            bias=module.bias,
            eps=module.eps,
        )
    if isinstance(module, nn.RMSNorm):
        return partial(F.rms_norm, normalized_shape=module.normalized_shape, weight=module.weight, eps=module.eps)
    return module
