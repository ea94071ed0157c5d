"""Tiled attention: exact attention without the T × S matrix, forward and backward.

FlashAttention (Dao et al. 2022), written out in PyTorch. The scores exist one tile at a time; an online softmax
corrects what earlier tiles have summed. For the backward pass nothing but the output and one number per query is kept,
the logarithm of its normaliser, from which every tile of weights is computed again.

- Memory is linear in T where the attention of lesson 12 is quadratic. The arithmetic is the same forward, and a quarter
  more backward: five products where there were four. What makes the fused kernels fast is that a tile stays in the
  processor's nearest memory, which no program in PyTorch can ask for.
- Under `causal`, tiles above the diagonal are never computed.
- Half-precision inputs are multiplied and summed in float32.
"""

import math
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from course_lib.arguments import require_counts
from course_lib.attention import require_fitting
from course_lib.scaling.softmax import absorb, exp_shifted

_Tile = tuple[slice, int | None]  # columns, and where the causal rule cuts through them


def tiled_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False, block: int = 128
) -> Tensor:
    """Return the attended values, as `course_lib.attention.scaled_dot_product_attention` does.

    q        (..., T, D) queries
    k        (..., S, D) keys; leading dimensions broadcast
    v        (..., S, E) values
    mask     broadcastable to (..., T, S), boolean, True = may attend; a mask that is given costs its own size
    causal   whether query t may attend only to keys 0 … S − T + t; needs no mask, T must be at most S
    block    queries and keys in a tile, at least 1
    returns  (..., T, E); zeros for a query that may attend to nothing

    Gradients reach q, k and v, once: they cannot be differentiated again.
    Raises ValueError for sizes that do not fit and a block below 1, TypeError for a mask that is not boolean.
    Algorithms 1 and 4 of Dao et al. 2022, in the order of loops of Dao 2023: queries outside.
    """
    require_fitting(q, k, v, mask, dropout=0.0, bias=None)
    require_counts(block=block)
    if causal and q.size(-2) > k.size(-2):
        raise ValueError(f"under causal there must be a key for every query, got {k.size(-2)} and {q.size(-2)}")
    leading = torch.broadcast_shapes(*(t.shape[:-2] for t in (q, k, v, mask) if t is not None))
    q, k, v = (t.expand(*leading, *t.shape[-2:]) for t in (q, k, v))
    if mask is not None:
        mask = mask.expand(*leading, q.size(-2), k.size(-2))  # a view: it takes no memory
    return _TiledAttention.apply(q, k, v, mask, causal, block)


class _Context(Protocol):
    """What autograd keeps between `forward` and `backward`."""

    saved_tensors: tuple[Any, ...]
    causal: bool
    block: int

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors until the backward pass."""


class _TiledAttention(torch.autograd.Function):
    """Shapes as in `tiled_attention`, leading dimensions equal."""

    @staticmethod
    def forward(
        ctx: _Context, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool, block: int
    ) -> Tensor:
        exact = torch.promote_types(q.dtype, torch.float32)
        output = q.new_empty(*q.shape[:-1], v.size(-1))
        log_total = q.new_empty(*q.shape[:-1], 1, dtype=exact)  # ln Σ e^score of each query
        for rows, tiles in _tiles(q.size(-2), k.size(-2), causal, block):
            q_rows = q[..., rows, :].to(exact) / math.sqrt(q.size(-1))
            largest = torch.full_like(log_total[..., rows, :], -math.inf)
            total, summed = torch.zeros_like(largest), torch.zeros_like(output[..., rows, :], dtype=exact)
            for columns, diagonal in tiles:
                scores = _scores(q_rows, k[..., columns, :].to(exact), mask, rows, columns, diagonal)
                largest, total, weights, factor = absorb(largest, total, scores)
                summed = summed * factor + weights @ v[..., columns, :].to(exact)  # (..., block, E)
            output[..., rows, :] = summed / total.masked_fill(total == 0, 1.0)
            log_total[..., rows, :] = largest + total.log()
        ctx.save_for_backward(q, k, v, mask, output, log_total)
        ctx.causal, ctx.block = causal, block
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: _Context, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, mask, output, log_total = ctx.saved_tensors
        exact, scale = log_total.dtype, 1 / math.sqrt(q.size(-1))
        dq, dk, dv = (torch.zeros_like(t, dtype=exact, memory_format=torch.contiguous_format) for t in (q, k, v))
        for rows, tiles in _tiles(q.size(-2), k.size(-2), ctx.causal, ctx.block):
            q_rows, grad_rows = q[..., rows, :].to(exact) * scale, grad[..., rows, :].to(exact)
            # Σ_s w_s · ∂L/∂w_s of each query, which the softmax's derivative subtracts, is ∂L/∂output · output
            mean = (grad_rows * output[..., rows, :]).sum(-1, keepdim=True)
            for columns, diagonal in tiles:
                k_columns, v_columns = k[..., columns, :].to(exact), v[..., columns, :].to(exact)
                scores = _scores(q_rows, k_columns, mask, rows, columns, diagonal)
                weights = exp_shifted(scores, log_total[..., rows, :])
                dscores = weights * (grad_rows @ v_columns.mT - mean)
                dv[..., columns, :] += weights.mT @ grad_rows
                dk[..., columns, :] += dscores.mT @ q_rows
                dq[..., rows, :] += dscores @ k_columns * scale
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), None, None, None


def _tiles(n_queries: int, n_keys: int, causal: bool, block: int) -> Iterator[tuple[slice, list[_Tile]]]:
    """Yield each block of queries with its blocks of keys; with each of those, where the causal rule cuts through it.

    The cut is the number of its columns that the first query may see, less one: the k of `torch.tril`. None: no cut.
    """
    ahead = n_keys - n_queries  # keys before the first query's own
    for start in range(0, n_queries, block):
        rows = slice(start, min(start + block, n_queries))
        visible = rows.stop + ahead if causal else n_keys
        tiles = []
        for first in range(0, visible, block):
            columns = slice(first, min(first + block, visible))
            cut = start + ahead - first if causal and columns.stop > start + ahead + 1 else None
            tiles.append((columns, cut))
        yield rows, tiles


def _scores(q: Tensor, k: Tensor, mask: Tensor | None, rows: slice, columns: slice, diagonal: int | None) -> Tensor:
    """Return one tile of scores, (..., rows, columns), −inf where the query may not attend to the key."""
    scores = q @ k.mT
    if diagonal is not None:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril(diagonal)
        scores = scores.masked_fill(~seen, -math.inf)
    if mask is not None:
        scores = scores.masked_fill(~mask[..., rows, columns], -math.inf)
    return scores
