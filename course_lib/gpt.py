"""GPT: a stack of equal blocks, each of which looks back (attention) and transforms (feed-forward), then one matrix.

One decoder-only Transformer with the choices that tell its relatives apart:

- GPT-2 (Radford et al. 2019): learned positions, LayerNorm before each sublayer and at the end, GELU, tied embeddings;
  weights that write into the residual sum start smaller than the others.
- Llama (Touvron et al. 2023): rotary positions, RMSNorm, SwiGLU, grouped key–value heads, no biases, nothing tied.
- The attention is PyTorch's fused kernel, told that it is causal: no T × T mask is built.
- With a `KVCache`, a call reads its tokens as the continuation of what the cache holds.

Not here: the training loop (`course_lib.train`), the loss (`course_lib.language_model`), the choice of the next token
(`course_lib.decoding`), published weights (`course_lib.gpt_weights`). Lesson 15 builds each part step by step.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from course_lib.arguments import require_at_least, require_counts, require_one_of, require_positive, require_probability
from course_lib.attention import attention_scores, causal_mask
from course_lib.ids import look_up
from course_lib.kv_cache import KVCache, require_left_padding
from course_lib.positions import LearnedPositions, alibi_bias, rope

CHOICES = {
    "norm": ("layer", "rms"),
    "ffn": ("gelu", "gelu_tanh", "swiglu"),
    "positions": ("learned", "rope", "alibi", "none"),
}


@dataclass(frozen=True)
class GPTConfig:
    """What a GPT is made of. The defaults make a small GPT-2.

    vocab_size  V
    seq_len     longest window it is trained on. With learned positions no longer one can be read; with the others it
                can, and lesson 13 measures how well that goes
    d_model     features of a token
    n_heads     H, query heads in each layer; each has d_model / H features
    n_layers    number of blocks
    n_kv_heads  key–value heads; H / n_kv_heads query heads share one. None: H
    d_ff        hidden features of the feed-forward network. None: 4 · d_model, or for "swiglu", which has three
                matrices in place of two, 8/3 · d_model rounded up to a multiple of 8
    norm        "layer" (LayerNorm) or "rms" (RMSNorm, Zhang & Sennrich 2019)
    ffn         "gelu", "gelu_tanh" (the approximation that GPT-2 uses; slower on a CPU) or "swiglu" (Shazeer 2020)
    positions   "learned", "rope", "alibi" or "none"
    pre_norm    True: x + f(norm(x)) and a norm after the last block; False: norm(x + f(x)) as in 2017, and none
                after the last block, whose output is normalised already
    tied        whether the output matrix is the token embedding (Press & Wolf 2017)
    bias        whether linear layers and LayerNorms have a bias (the output matrix never has one)
    dropout     probability of dropping, in training: attention weights, sublayer outputs, embeddings
    norm_eps    added to the variance, or to the mean square
    rope_theta  base of RoPE's angles
    init_std    standard deviation of the initial weights (see `init_weights`). None: 0.02 · √(768 / d_model), GPT-2's
                0.02 at its width of 768, and more for narrower models, whose sums have fewer terms
    checkpoint  keep only the input of each block for the backward pass and compute the rest again (Chen et al. 2016):
                less memory, about a third more time

    Raises ValueError for sizes that do not fit, numbers that make no sense and unknown choices.
    """

    vocab_size: int
    seq_len: int = 256
    d_model: int = 128
    n_heads: int = 4
    n_layers: int = 4
    n_kv_heads: int = None  # type: ignore[assignment]  # a number from __post_init__ on
    d_ff: int = None  # type: ignore[assignment]  # likewise
    norm: str = "layer"
    ffn: str = "gelu"
    positions: str = "learned"
    pre_norm: bool = True
    tied: bool = True
    bias: bool = True
    dropout: float = 0.0
    norm_eps: float = 1e-5
    rope_theta: float = 10000.0
    init_std: float = None  # type: ignore[assignment]  # likewise
    checkpoint: bool = False

    def __post_init__(self) -> None:
        derived = {
            "n_kv_heads": self.n_heads,
            "d_ff": -8 * (-self.d_model // 3) if self.ffn == "swiglu" else 4 * self.d_model,
            "init_std": 0.02 * math.sqrt(768 / max(self.d_model, 1)),
        }
        for name in [name for name in derived if getattr(self, name) is None]:
            object.__setattr__(self, name, derived[name])
        require_counts(vocab_size=self.vocab_size, seq_len=self.seq_len, d_model=self.d_model, n_layers=self.n_layers)
        require_counts(d_ff=self.d_ff, n_heads=self.n_heads, n_kv_heads=self.n_kv_heads)
        require_positive(rope_theta=self.rope_theta)
        require_at_least(0, norm_eps=self.norm_eps, init_std=self.init_std)
        require_probability(dropout=self.dropout)
        for name, allowed in CHOICES.items():
            require_one_of(allowed, **{name: getattr(self, name)})
        if self.d_model % self.n_heads:
            raise ValueError(f"n_heads must divide d_model = {self.d_model}, got n_heads = {self.n_heads}")
        if self.n_heads % self.n_kv_heads:
            raise ValueError(f"n_kv_heads must divide n_heads = {self.n_heads}, got n_kv_heads = {self.n_kv_heads}")
        if self.positions == "rope" and self.d_head % 2:
            raise ValueError(f"rope turns pairs of features: d_model / n_heads must be even, got {self.d_head}")

    @property
    def d_head(self) -> int:
        """Features of one head."""
        return self.d_model // self.n_heads

    def parameters_by_part(self) -> dict[str, int]:
        """Return how many numbers are learned in each kind of part, all layers together, by arithmetic."""
        d, bias = self.d_model, int(self.bias)
        d_kv = self.n_kv_heads * self.d_head
        into_ffn = self.d_ff * (2 if self.ffn == "swiglu" else 1)
        norm = d * (1 + (bias if self.norm == "layer" else 0))
        return {
            "embeddings": self.vocab_size * d + (self.seq_len * d if self.positions == "learned" else 0),
            "attention": self.n_layers * (d + bias) * (2 * d + 2 * d_kv),
            "feed-forward": self.n_layers * ((d + bias) * into_ffn + (self.d_ff + bias) * d),
            "norms": norm * (2 * self.n_layers + self.pre_norm),
            "output matrix": 0 if self.tied else self.vocab_size * d,
        }

    def n_parameters(self) -> int:
        """Return how many numbers a model of this configuration learns.

        >>> GPTConfig(vocab_size=50257, seq_len=1024, d_model=768, n_heads=12, n_layers=12).n_parameters()
        124439808
        """
        return sum(self.parameters_by_part().values())


class CausalSelfAttention(nn.Module):
    """Every token looks at itself and at those before it. Queries, keys and values come from one product, `qkv`.

    Parameters: `qkv`, whose rows are those of q (d_model of them), then k, then v (n_kv_heads · d_head each), and
    `out_proj`, both nn.Linear.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads, self.d_head = config.n_heads, config.n_kv_heads, config.d_head
        self.rope_theta = config.rope_theta if config.positions == "rope" else None
        self.dropout = config.dropout
        n_all = self.n_heads + 2 * self.n_kv_heads
        self.qkv = nn.Linear(config.d_model, n_all * self.d_head, bias=config.bias)
        self.out_proj = nn.Linear(config.d_model, config.d_model, bias=config.bias)

    def project(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return q (B, H, T, D), k and v (B, H_kv, T, D) of the tokens x (B, T, d_model) at positions (T,)."""
        h, h_kv = self.n_heads, self.n_kv_heads
        heads = self.qkv(x).unflatten(-1, (-1, self.d_head)).transpose(1, 2)  # (B, H + 2·H_kv, T, D)
        if self.rope_theta is None:
            return heads.split((h, h_kv, h_kv), dim=1)
        turned = rope(heads[:, : h + h_kv], positions, self.rope_theta)  # q and k at once
        return turned[:, :h], turned[:, h:], heads[:, h + h_kv :]

    def forward(
        self, x: Tensor, positions: Tensor, mask: Tensor | None, cache: KVCache | None = None, layer: int = 0
    ) -> Tensor:
        """Return what the tokens gathered.

        x          (B, T, d_model)
        positions  (T,) where they are; only RoPE asks
        mask       broadcastable to (B, H, T, S): boolean, True = may attend, or numbers that are added to the scores;
                   None: every token sees all before it
        cache      gets the new keys and values of this layer, and gives back all S of them
        returns    (B, T, d_model)
        """
        q, k, v = self.project(x, positions)
        if cache is not None:
            k, v = cache.extend(layer, k, v)  # (B, H_kv, S, D)
        heads = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=mask is None and q.size(2) > 1,
            enable_gqa=self.n_kv_heads < self.n_heads,
        )
        return self.out_proj(heads.transpose(1, 2).flatten(2))  # (B, H, T, D) → (B, T, d_model)

    def weights(self, x: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """Return the attention weights (B, H, T, T) that `forward` uses without building them, for figures."""
        q, k, _ = self.project(x, positions)
        scores = attention_scores(q, k.repeat_interleave(self.n_heads // self.n_kv_heads, dim=1))
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
        return scores.softmax(-1)


class GELUFeedForward(nn.Module):
    """The feed-forward network of GPT-2: down(gelu(up(x))), the same for every token."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.up = nn.Linear(config.d_model, config.d_ff, bias=config.bias)
        self.down = nn.Linear(config.d_ff, config.d_model, bias=config.bias)
        self.approximate = "tanh" if config.ffn == "gelu_tanh" else "none"

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, d_model) → the same shape."""
        return self.down(F.gelu(self.up(x), approximate=self.approximate))


class SwiGLUFeedForward(nn.Module):
    """The feed-forward network of Llama: down(silu(gate(x)) · up(x)). `gate_up` has the rows of gate, then of up."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.gate_up = nn.Linear(config.d_model, 2 * config.d_ff, bias=config.bias)
        self.down = nn.Linear(config.d_ff, config.d_model, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, d_model) → the same shape."""
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


def dense_ffn(config: GPTConfig) -> nn.Module:
    """Return the feed-forward network that the configuration names: dense, every weight works for every token."""
    return SwiGLUFeedForward(config) if config.ffn == "swiglu" else GELUFeedForward(config)


class Block(nn.Module):
    """One layer: attention, then the feed-forward network, each added to what was there.

    config            sizes and choices
    new_feed_forward  makes the second part from the configuration: a module (B, T, d_model) → the same shape

    Parts: `norm1`, `attention`, `norm2`, `feed_forward`.
    """

    def __init__(self, config: GPTConfig, new_feed_forward: Callable[[GPTConfig], nn.Module] = dense_ffn) -> None:
        super().__init__()
        self.pre_norm = config.pre_norm
        self.norm1, self.norm2 = _norm(config), _norm(config)
        self.attention = CausalSelfAttention(config)
        self.feed_forward = new_feed_forward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, positions: Tensor, mask: Tensor | None, cache: KVCache | None = None, layer: int = 0
    ) -> Tensor:
        """Return the tokens after this layer, (B, T, d_model). The arguments are those of `CausalSelfAttention`."""
        if self.pre_norm:
            x = x + self.dropout(self.attention(self.norm1(x), positions, mask, cache, layer))
            return x + self.dropout(self.feed_forward(self.norm2(x)))
        x = self.norm1(x + self.dropout(self.attention(x, positions, mask, cache, layer)))
        return self.norm2(x + self.dropout(self.feed_forward(x)))


class GPT(nn.Module):
    """A decoder-only language model: token ids in, logits of each next token out.

    config        sizes and choices
    feed_forward  makes the feed-forward network of each block; by default what `config.ffn` names. A mixture of
                  experts comes in here
    generator     of the initial weights (see `init_weights`); None: torch's global one

    Parts: `tokens`, `positions` (or None), `blocks`, `norm` (nothing with post-norm), `to_logits`.
    Obeys the contract of `course_lib.language_model`, cache included.
    """

    def __init__(
        self,
        config: GPTConfig,
        feed_forward: Callable[[GPTConfig], nn.Module] = dense_ffn,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.config, self.vocab_size, self.seq_len = config, config.vocab_size, config.seq_len
        self.tokens = nn.Embedding(config.vocab_size, config.d_model)
        learned = config.positions == "learned"
        self.positions = LearnedPositions(config.seq_len, config.d_model) if learned else None
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, feed_forward) for _ in range(config.n_layers))
        self.norm = _norm(config) if config.pre_norm else nn.Identity()
        self.to_logits = nn.Linear(config.d_model, config.vocab_size, bias=False)
        if config.tied:
            self.to_logits.weight = self.tokens.weight
        init_weights(self, config.n_layers, config.init_std, generator)

    def forward(self, ids: Tensor, cache: KVCache | None = None, left_padding: Tensor | None = None) -> Tensor:
        """Return the logits of the token that follows each of the given ones.

        ids           (B, T) int64 token ids
        cache         None: ids is the whole text. Otherwise ids come after the `cache.length` tokens that it holds, and
                      are added to it
        left_padding  (B,) int64, how many ids at the left of each row are padding: nobody looks at them, and positions
                      count from the first real token. Their own logits mean nothing. A cache remembers it. Padding
                      at the right needs no mask in a causal model: no real token looks there
        returns       (B, T, V) logits

        Raises ValueError when ids is not (B, T) or outside the vocabulary, when there are more tokens than positions or
        room in the cache, and when left_padding is not (B,) from 0 to T, or comes after the first call with a cache.
        """
        return self.to_logits(self.features(ids, cache, left_padding))

    def features(self, ids: Tensor, cache: KVCache | None = None, left_padding: Tensor | None = None) -> Tensor:
        """Return what the logits are made of, (B, T, d_model), which `to_logits` reads. Arguments as for `forward`."""
        x, positions, mask = self._enter(ids, cache, left_padding)
        recompute = self.config.checkpoint and torch.is_grad_enabled() and cache is None
        for layer, block in enumerate(self.blocks):
            if recompute:
                x = checkpoint(block, x, positions, mask, use_reentrant=False)
            else:
                x = block(x, positions, mask, cache, layer)
        if cache is not None:
            cache.advance(ids.size(1))
        return self.norm(x)

    @torch.no_grad()
    def attention_maps(self, ids: Tensor) -> list[Tensor]:
        """Return each layer's attention weights (B, H, T, T); row t is what token t looks at. Call it in eval mode."""
        x, positions, mask = self._enter(ids, None, None)
        shown = causal_mask(ids.size(1), device=ids.device) if mask is None else mask
        maps = []
        for block in cast(Iterable[Block], self.blocks):
            maps.append(block.attention.weights(block.norm1(x) if block.pre_norm else x, positions, shown))
            x = block(x, positions, mask)
        return maps

    def new_cache(self, batch_size: int, max_len: int) -> KVCache:
        """Return an empty cache for texts of up to max_len tokens, on the model's device and in its dtype."""
        c, weight = self.config, self.tokens.weight
        return KVCache(c.n_layers, batch_size, c.n_kv_heads, max_len, c.d_head, weight.device, weight.dtype)

    def _enter(
        self, ids: Tensor, cache: KVCache | None, left_padding: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the embedded tokens (B, T, d_model), their positions (T,) and the mask of all layers."""
        if ids.dim() != 2:
            raise ValueError(f"ids must have the shape (B, T), got {tuple(ids.shape)}")
        require_left_padding(left_padding, len(ids), ids.size(1), seen=0 if cache is None else cache.length)
        start, n_new = 0, ids.size(1)
        if cache is not None:
            cache.require_room(*ids.shape)
            start, left_padding = cache.length, cache.padding(left_padding)
        x = look_up(self.tokens, ids)
        positions = torch.arange(start, start + n_new, device=ids.device)
        if self.positions is not None:
            places = self.positions(n_new, start)
            if left_padding is not None:
                places = self.positions.weight[(positions - left_padding[:, None]).clamp(min=0)]  # (B, T, d_model)
            x = x + places
        return self.dropout(x), positions, self._mask(n_new, start + n_new, left_padding, x)

    def _mask(self, n_queries: int, n_keys: int, left_padding: Tensor | None, x: Tensor) -> Tensor | None:
        """Return the mask of the last T of S positions, or None where the kernel's own causal rule says it all.

        A token of padding sees itself, so that its softmax is not empty; nobody reads what comes of it.
        """
        alibi = self.config.positions == "alibi"
        if left_padding is None and not alibi and n_queries in (1, n_keys):
            return None
        mask = causal_mask(n_queries, n_keys, x.device)
        if left_padding is not None:
            keys = torch.arange(n_keys, device=x.device)
            real = keys >= left_padding[:, None, None, None]  # (B, 1, 1, S)
            mask = mask & (real | (keys == keys[n_keys - n_queries :, None]))
        if alibi:
            bias = alibi_bias(self.config.n_heads, n_queries, n_keys, x.device)
            mask = bias.masked_fill(~mask, -math.inf).to(x.dtype)
        return mask


@torch.no_grad()
def init_weights(model: nn.Module, n_layers: int, std: float = 0.02, generator: torch.Generator | None = None) -> None:
    """Draw the weights of a model as GPT-2's were drawn, in place.

    model      every nn.Linear and embedding in it is drawn with mean 0 and standard deviation std, biases become 0;
               norms stay as they are
    n_layers   L. Linear layers named `out_proj` and `down` write into the residual sum, 2 · L of them in a row: they
               get std / √(2 · L), so that the sum does not grow with the depth
    std        0.02 in GPT-2, at a width of 768
    generator  None: torch's global one

    Raises ValueError for n_layers below 1 and a negative std.
    §2.3 of Radford et al. 2019: 1 / √N for N residual layers; N counts the sublayers, two in each block.
    """
    require_counts(n_layers=n_layers)
    require_at_least(0, std=std)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding | LearnedPositions):
            residual = name.rpartition(".")[2] in ("out_proj", "down")
            nn.init.normal_(module.weight, std=std / math.sqrt(2 * n_layers) if residual else std, generator=generator)
            if isinstance(bias := getattr(module, "bias", None), Tensor):
                nn.init.zeros_(bias)


def _norm(config: GPTConfig) -> nn.Module:
    if config.norm == "rms":
        return nn.RMSNorm(config.d_model, eps=config.norm_eps)
    return nn.LayerNorm(config.d_model, eps=config.norm_eps, bias=config.bias)
