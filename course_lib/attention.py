"""Attention: every query looks at every key it may see and takes a weighted mean of the values.

Scaled dot-product, cross- and multi-head attention (Vaswani et al. 2017, §3.2), with grouped key–value heads
as an option (Ainslie et al. 2023). Lesson 12 builds each of these step by step.

- Masks are boolean and True means *may attend*, everywhere. torch.nn.MultiheadAttention uses the opposite.
- A query that may attend to nothing gets zeros and finite gradients: not nan, and no mean of what is hidden.
- Masked scores become the lowest number of their own dtype, so float16 and bfloat16 work as float32 does.
- The returned weights are the probabilities, before dropout.
- Where nobody asks for the weights, PyTorch's fused kernel computes the same output without a T × S matrix.

Positions enter through the q and k, or as the `bias`: `course_lib.positions` (lesson 13).
Not here: caches for generation (lesson 15), tiled attention written out (lesson 19).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import require_counts, require_probability


def attention_scores(q: Tensor, k: Tensor) -> Tensor:
    """Return the scaled dot product of every query with every key, q·k / √D.

    q        (..., T, D) queries
    k        (..., S, D) keys; leading dimensions broadcast with those of q
    returns  (..., T, S), row t holds the scores of query t

    Raises ValueError when the last dimensions differ or the leading ones do not broadcast.  Eq. 1 of Vaswani et al.
    2017, before the softmax.

    >>> attention_scores(torch.ones(1, 4), torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]))
    tensor([[1., 0.]])
    """
    _require_same_features(q, k)
    _require_broadcastable(2, q=q, k=k)
    # dividing the queries first keeps the products small enough for float16, whose largest number is 65504
    return (q / math.sqrt(q.size(-1))) @ k.transpose(-2, -1)


def causal_mask(n_queries: int, n_keys: int | None = None, device: torch.device | str | None = None) -> Tensor:
    """Return the mask under which every query sees the keys up to its own position, and itself.

    n_queries  T
    n_keys     S, at least T; by default T. The queries are the *last* T of the S positions, as when text is
               generated with a cache of earlier keys
    returns    (T, S) boolean, True = may attend; query t may see keys 0 … S − T + t

    Raises ValueError when a number is negative and when there are fewer keys than queries.

    >>> causal_mask(2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """
    require_counts(0, n_queries=n_queries, n_keys=n_keys)
    n_keys = n_queries if n_keys is None else n_keys
    if n_keys < n_queries:
        raise ValueError(f"n_keys must be at least n_queries = {n_queries}, got {n_keys}")
    everything = torch.ones(n_queries, n_keys, dtype=torch.bool, device=device)
    return everything.tril(n_keys - n_queries)


def padding_mask(ids: Tensor, pad_id: int = 0) -> Tensor:
    """Return the mask that hides the padding among the keys.

    ids      (B, S) token ids of the sequences that are attended *to*
    pad_id   the id that fills short sequences up
    returns  (B, 1, 1, S) boolean, True = a real token; the ones broadcast over heads and queries

    Raises ValueError when ids is not two-dimensional.

    >>> padding_mask(torch.tensor([[5, 7, 0]]))
    tensor([[[[ True,  True, False]]]])
    """
    if ids.dim() != 2:
        raise ValueError(f"ids must have the shape (B, S), got {tuple(ids.shape)}")
    return (ids != pad_id)[:, None, None, :]


def combine_masks(*masks: Tensor | None) -> Tensor | None:
    """Return the mask that allows only what every given mask allows.

    masks    boolean tensors of shapes that broadcast with each other, True = may attend; None forbids nothing
    returns  their logical and, or None when there is no mask among them

    Raises TypeError for a mask that is not boolean.

    >>> combine_masks(causal_mask(2), None, torch.tensor([False, True]))
    tensor([[False, False],
            [False,  True]])
    """
    combined = None
    for mask in masks:
        if mask is not None:
            _require_boolean(mask)
            combined = mask if combined is None else combined & mask
    return combined


def scaled_dot_product_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, dropout: float = 0.0, bias: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the attended values and the attention weights.

    q        (..., T, D) queries
    k        (..., S, D) keys
    v        (..., S, E) values
    mask     broadcastable to (..., T, S), boolean, True = may attend; None allows everything
    dropout  probability of dropping a weight on its way to the values; pass 0 outside training. Drawn from
             torch's global generator
    bias     broadcastable to (..., T, S), added to the scaled scores before the softmax; for instance from
             `course_lib.positions`: (H, T, S)
    returns  output (..., T, E) and weights (..., T, S). A row of weights sums to 1, or to 0 where the query
             may attend to nothing; dropout never touches the returned weights

    Raises ValueError for sizes that do not fit and for a dropout outside [0, 1], TypeError for a mask that is
    not boolean or a bias that is not floating point.
    Eq. 1 of Vaswani et al. 2017.

    >>> k = torch.tensor([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [-1.0, 0.0, -1.0, 0.0]])
    >>> output, weights = scaled_dot_product_attention(torch.ones(1, 4), k, torch.eye(3)[:, :2])
    >>> weights
    tensor([[0.6652, 0.2447, 0.0900]])
    """
    require_fitting(q, k, v, mask, dropout, bias)
    scores = attention_scores(q, k)  # (..., T, S)
    if bias is not None:
        scores = scores + bias.to(scores.dtype)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)  # a row with nothing to see was uniform until here
    return F.dropout(weights, dropout) @ v, weights


def fused_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, dropout: float = 0.0, bias: Tensor | None = None
) -> Tensor:
    """Return the output (..., T, E) of `scaled_dot_product_attention` alone, computed by PyTorch's fused kernel.

    Arguments, errors and rows with nothing to attend to are the same. The weights never exist as a matrix, so
    the memory is linear in T, not quadratic (FlashAttention, Dao et al. 2022); a mask or a bias still costs its size.
    """
    require_fitting(q, k, v, mask, dropout, bias)
    # the kernels want what is added to have two dimensions at least, and no leading ones that the queries have not
    mask = None if mask is None else torch.atleast_2d(mask)
    bias = None if bias is None else torch.atleast_2d(bias.to(q.dtype))
    leading = torch.broadcast_shapes(*(t.shape[:-2] for t in (q, mask, bias) if t is not None))
    q = q.expand(*leading, *q.shape[-2:])
    if mask is None:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout)
    nothing = None
    if q.device.type != "cpu":  # where the kernels do not promise zeros to a row without an open key: open, then blank
        nothing = ~mask.any(dim=-1, keepdim=True)  # (..., T, 1)
        mask = mask | nothing
    if bias is not None:  # the kernel takes one of the two: fold the mask into the bias
        mask = torch.where(mask, bias, -math.inf)
    output = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
    return output if nothing is None else output.masked_fill(nothing, 0.0)


def cross_attention(
    x: Tensor, memory: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, memory_mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Let every position of x ask a question that the positions of memory answer (one head).

    x            (B, T, d_model) what asks, for instance the decoder's states
    memory       (B, S, d_memory) what answers, for instance the encoder's states
    w_q          (d_model, D) makes the queries, x @ w_q
    w_k          (d_memory, D) makes the keys, memory @ w_k
    w_v          (d_memory, E) makes the values, memory @ w_v
    memory_mask  (B, S) boolean, True = a real token of memory; None: all are
    returns      output (B, T, E) and weights (B, T, S)

    Self-attention is the special case memory = x. Raises what `scaled_dot_product_attention` raises, and ValueError for
    a memory_mask that is not (B, S).  §3.2.3 of Vaswani et al. 2017.
    """
    if memory_mask is not None and memory_mask.shape != memory.shape[:-1]:
        raise ValueError(f"memory_mask must be (B, S) = {tuple(memory.shape[:-1])}, got {tuple(memory_mask.shape)}")
    mask = None if memory_mask is None else memory_mask[:, None, :]  # (B, 1, S): the same for every query
    return scaled_dot_product_attention(x @ w_q, memory @ w_k, memory @ w_v, mask)


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """Return each head's own slice of the features: (B, T, H·D) → (B, H, T, D).

    Head h gets the features h·D … (h + 1)·D − 1 of every token.

    Raises ValueError when n_heads is below 1 or does not divide the features, or x is not three-dimensional.
    """
    if x.dim() != 3:
        raise ValueError(f"x must have the shape (B, T, H·D), got {tuple(x.shape)}")
    require_counts(n_heads=n_heads)
    if x.size(-1) % n_heads:
        raise ValueError(f"n_heads must divide the last dimension of x, {x.size(-1)}, got n_heads = {n_heads}")
    return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)  # (B, T, H, D) → (B, H, T, D)


def merge_heads(x: Tensor) -> Tensor:
    """Put the heads side by side again: (B, H, T, D) → (B, T, H·D). The inverse of `split_heads`."""
    return x.transpose(1, 2).flatten(start_dim=2)  # (B, T, H, D) → (B, T, H·D)


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each with its own projections, mixed by one more.

    d_model     features of a token, in and out
    n_heads     H; each head works with d_head = d_model / H features
    dropout     probability of dropping an attention weight, in training only
    n_kv_heads  number of key–value heads; H / n_kv_heads query heads share one (grouped-query attention; 1 is
                multi-query). By default H: every head has its own
    bias        whether the four projections have a bias

    Parameters: `q_proj`, `k_proj`, `v_proj`, `out_proj`, each an nn.Linear. torch.nn.MultiheadAttention
    stacks the first three in `in_proj_weight` (rows of q, then k, then v) and `in_proj_bias`; `from_torch` and
    `to_torch` copy between the two.  §3.2.2 of Vaswani et al. 2017.

    Raises ValueError when n_heads does not divide d_model or n_kv_heads does not divide n_heads, for sizes below 1 and
    for a dropout outside [0, 1].
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        dropout: float = 0.0,
        *,
        n_kv_heads: int | None = None,
        bias: bool = True,
    ) -> None:
        super().__init__()
        n_kv_heads = n_heads if n_kv_heads is None else n_kv_heads
        require_counts(d_model=d_model, n_heads=n_heads, n_kv_heads=n_kv_heads)
        require_probability(dropout=dropout)
        if d_model % n_heads:
            raise ValueError(f"n_heads must divide d_model = {d_model}, got n_heads = {n_heads}")
        if n_heads % n_kv_heads:
            raise ValueError(f"n_kv_heads must divide n_heads = {n_heads}, got n_kv_heads = {n_kv_heads}")
        self.d_model, self.n_heads, self.n_kv_heads, self.dropout = d_model, n_heads, n_kv_heads, dropout
        d_kv = d_model // n_heads * n_kv_heads
        self.q_proj = nn.Linear(d_model, d_model, bias=bias)
        self.k_proj = nn.Linear(d_model, d_kv, bias=bias)
        self.v_proj = nn.Linear(d_model, d_kv, bias=bias)
        self.out_proj = nn.Linear(d_model, d_model, bias=bias)

    def forward(
        self, x: Tensor, memory: Tensor | None = None, mask: Tensor | None = None, need_weights: bool = True
    ) -> tuple[Tensor, Tensor | None]:
        """Return what the tokens of x gathered, and the weights of every head.

        x             (B, T, d_model) the queries are made from it
        memory        (B, S, d_model) the keys and values are made from it; None: from x (self-attention)
        mask          broadcastable to (B, H, T, S), boolean, True = may attend
        need_weights  False: return None in place of the weights, and let the fused kernel do the work
        returns       output (B, T, d_model) and weights (B, H, T, S)
        """
        memory = x if memory is None else memory
        _require_features(x, self.d_model, "x")
        _require_features(memory, self.d_model, "memory")
        q = split_heads(self.q_proj(x), self.n_heads)  # (B, H, T, D)
        k = split_heads(self.k_proj(memory), self.n_kv_heads)  # (B, H_kv, S, D)
        v = split_heads(self.v_proj(memory), self.n_kv_heads)
        if self.n_kv_heads < self.n_heads:  # query heads h·G … (h + 1)·G − 1 share key–value head h
            group = self.n_heads // self.n_kv_heads
            k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)  # (B, H, S, D)
        dropout = self.dropout if self.training else 0.0
        if need_weights:
            heads, weights = scaled_dot_product_attention(q, k, v, mask, dropout)
        else:
            heads, weights = fused_attention(q, k, v, mask, dropout), None
        return self.out_proj(merge_heads(heads)), weights

    @classmethod
    def from_torch(cls, module: nn.MultiheadAttention) -> "MultiHeadAttention":
        """Return a copy of a torch.nn.MultiheadAttention. Its masks are the inverse of ours: True = ignore.

        Raises ValueError for what has no counterpart here: kdim or vdim, bias_k, add_zero_attn.
        """
        if module.in_proj_weight is None or module.bias_k is not None or module.add_zero_attn:
            raise ValueError(f"module must have kdim = vdim = embed_dim, no bias_k, no add_zero_attn, got {module}")
        copy = cls(module.embed_dim, module.num_heads, module.dropout, bias=module.in_proj_bias is not None)
        copy.to(module.in_proj_weight).train(module.training)
        with torch.no_grad():
            for name, weight in zip(("q_proj", "k_proj", "v_proj"), module.in_proj_weight.chunk(3)):
                getattr(copy, name).weight.copy_(weight)
            copy.out_proj.weight.copy_(module.out_proj.weight)
            if module.in_proj_bias is not None:
                for name, bias in zip(("q_proj", "k_proj", "v_proj"), module.in_proj_bias.chunk(3)):
                    getattr(copy, name).bias.copy_(bias)
                copy.out_proj.bias.copy_(module.out_proj.bias)
        return copy

    def to_torch(self) -> nn.MultiheadAttention:
        """Return a copy as a torch.nn.MultiheadAttention (batch_first). ValueError for grouped heads."""
        if self.n_kv_heads != self.n_heads:
            raise ValueError(f"n_kv_heads must equal n_heads = {self.n_heads}, got {self.n_kv_heads}")
        has_bias = self.q_proj.bias is not None
        copy = nn.MultiheadAttention(self.d_model, self.n_heads, self.dropout, bias=has_bias, batch_first=True)
        copy.to(self.q_proj.weight).train(self.training)
        projections = (self.q_proj, self.k_proj, self.v_proj)
        with torch.no_grad():
            copy.in_proj_weight.copy_(torch.cat([p.weight for p in projections]))
            copy.out_proj.weight.copy_(self.out_proj.weight)
            if has_bias:
                copy.in_proj_bias.copy_(torch.cat([p.bias for p in projections]))
                copy.out_proj.bias.copy_(self.out_proj.bias)
        return copy


def _require_boolean(mask: Tensor) -> None:
    if mask.dtype != torch.bool:
        raise TypeError(
            f"mask must be a boolean tensor, True = may attend, got dtype {mask.dtype}. "
            "For a mask of ones and zeros write mask == 1; for one with True = ignore write ~mask."
        )


def _require_features(x: Tensor, d_model: int, name: str) -> None:
    if x.dim() != 3 or x.size(-1) != d_model:
        raise ValueError(f"{name} must have the shape (batch, tokens, {d_model}), got {tuple(x.shape)}")


def _require_broadcastable(own: int, **tensors: Tensor) -> None:
    """Raise ValueError unless the dimensions before the last `own` broadcast with each other."""
    try:
        torch.broadcast_shapes(*(t.shape[:-own] for t in tensors.values()))
    except RuntimeError:
        shapes = ", ".join(f"{name} {tuple(t.shape)}" for name, t in tensors.items())
        raise ValueError(f"the leading dimensions of {' and '.join(tensors)} must broadcast, got {shapes}") from None


def _require_same_features(q: Tensor, k: Tensor) -> None:
    for name, x in (("q", q), ("k", k)):
        if x.dim() < 2:
            raise ValueError(f"{name} must have the shape (..., tokens, features), got {tuple(x.shape)}")
    if q.size(-1) != k.size(-1):
        raise ValueError(
            f"q and k must have the same last dimension, got {q.size(-1)} in q {tuple(q.shape)} "
            f"and {k.size(-1)} in k {tuple(k.shape)}"
        )


def require_fitting(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, dropout: float, bias: Tensor | None) -> None:
    """Raise the ValueError or TypeError of `scaled_dot_product_attention` for arguments that do not fit.

    q, k, v    (..., T, D), (..., S, D), (..., S, E)
    mask       broadcastable to (..., T, S), boolean, or None
    dropout    a probability
    bias       broadcastable to (..., T, S), or None
    """
    _require_same_features(q, k)
    if v.dim() < 2:
        raise ValueError(f"v must have the shape (..., S, E), got {tuple(v.shape)}")
    if k.size(-2) != v.size(-2):
        raise ValueError(
            f"there must be one value per key, got {k.size(-2)} keys in k {tuple(k.shape)} "
            f"and {v.size(-2)} values in v {tuple(v.shape)}"
        )
    if mask is not None:
        _require_boolean(mask)
    if bias is not None and not bias.is_floating_point():
        raise TypeError(f"bias must hold floating-point numbers to add to the scores, got dtype {bias.dtype}")
    wanted = (q.size(-2), k.size(-2))
    for name, added in (("mask", mask), ("bias", bias)):
        if added is not None and any(s not in (1, want) for s, want in zip(reversed(added.shape), reversed(wanted))):
            raise ValueError(f"{name} must broadcast to (..., {wanted[0]}, {wanted[1]}), got {tuple(added.shape)}")
    _require_broadcastable(2, q=q, k=k, v=v, **{n: t for n, t in (("mask", mask), ("bias", bias)) if t is not None})
    require_probability(dropout=dropout)
