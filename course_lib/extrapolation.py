"""Train short, test long: one small decoder with any of the position encodings, and its loss at every position.

The encodings are those of `course_lib.positions`; everything else is the same, so that differences are theirs.
Press et al. (2022) made this experiment with large models.
"""

from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import require_counts, require_one_of
from course_lib.attention import causal_mask, fused_attention, merge_heads, split_heads
from course_lib.ids import look_up, require_targets
from course_lib.positions import LearnedPositions, RelativePositionBias, alibi_bias, rope, sinusoidal, yarn_frequencies

ENCODINGS = ("none", "learned", "sinusoidal", "rope", "alibi", "relative")


class PositionalLM(nn.Module):
    """A small decoder-only language model (see `course_lib.language_model`) that is told positions in a chosen way.

    vocab_size  V
    positions   one of ENCODINGS; "relative" is T5's bias, one module for all layers, its last bucket at seq_len
    seq_len     tokens of a training window. With "learned" no longer text can be read, with the others it can
    d_model, n_heads, n_layers  sizes

    `stretch`, 1 at first, divides the positions that "rope" turns by: 4 squeezes windows four times as long as those of
    the training into the same angles (position interpolation, Chen et al. 2023). `yarn(factor)` does so by frequency.

    Raises ValueError for an encoding that is not in ENCODINGS, and for sizes below 1 or that do not fit.
    """

    def __init__(
        self,
        vocab_size: int,
        positions: str,
        seq_len: int = 32,
        d_model: int = 64,
        n_heads: int = 4,
        n_layers: int = 2,
    ) -> None:
        super().__init__()
        require_one_of(ENCODINGS, positions=positions)
        require_counts(vocab_size=vocab_size, seq_len=seq_len, d_model=d_model, n_heads=n_heads, n_layers=n_layers)
        if d_model % n_heads:
            raise ValueError(f"n_heads must divide d_model = {d_model}, got n_heads = {n_heads}")
        self.vocab_size, self.seq_len, self.positions, self.n_heads = vocab_size, seq_len, positions, n_heads
        self.stretch, self.attention_factor = 1.0, 1.0
        self.frequencies: Tensor | None = None
        self.tokens = nn.Embedding(vocab_size, d_model)
        nn.init.normal_(self.tokens.weight, std=0.5)  # of the size of the sinusoids: larger tokens would drown them
        self.learned = LearnedPositions(seq_len, d_model) if positions == "learned" else None
        self.relative = None
        if positions == "relative":  # distances never trained on fall into the last bucket, which was
            self.relative = RelativePositionBias(n_heads, 16, max_distance=seq_len, bidirectional=False)
        self.layers = nn.ModuleList(
            nn.ModuleDict(
                {
                    "norm": nn.LayerNorm(d_model),
                    "qkv": nn.Linear(d_model, 3 * d_model),
                    "out_proj": nn.Linear(d_model, d_model),
                    "feed_forward": nn.Sequential(
                        nn.LayerNorm(d_model),
                        nn.Linear(d_model, 4 * d_model),
                        nn.GELU(),
                        nn.Linear(4 * d_model, d_model),
                    ),
                }
            )
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(d_model)
        self.to_logits = nn.Linear(d_model, vocab_size)

    def yarn(self, factor: float) -> None:
        """Turn "rope" by YaRN's frequencies from now on, for windows `factor` ≥ 1 times as long as seq_len."""
        d_head = self.tokens.weight.size(1) // self.n_heads
        self.frequencies, self.attention_factor = yarn_frequencies(d_head, factor, self.seq_len)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logits of each next token, ids (B, T) → (B, T, V). ValueError past a table of learned ones."""
        length, x = ids.size(1), look_up(self.tokens, ids)
        if self.learned is not None:
            x = x + self.learned(length)
        if self.positions == "sinusoidal":
            x = x + sinusoidal(length, x.size(-1), x.device)
        mask, bias = causal_mask(length, device=x.device), None
        if self.positions == "alibi":
            bias = alibi_bias(self.n_heads, length, device=x.device)
        if self.relative is not None:
            bias = self.relative(length)
        at = torch.arange(length, device=x.device) / self.stretch
        for layer in cast(Iterable[nn.ModuleDict], self.layers):
            q, k, v = (split_heads(part, self.n_heads) for part in layer["qkv"](layer["norm"](x)).chunk(3, dim=-1))
            if self.positions == "rope":
                q, k = (self.attention_factor * rope(part, at, frequencies=self.frequencies) for part in (q, k))
            x = x + layer["out_proj"](merge_heads(fused_attention(q, k, v, mask, bias=bias)))
            x = x + layer["feed_forward"](x)
        return self.to_logits(self.norm(x))


@torch.no_grad()
def loss_by_position(model: nn.Module, tokens: Tensor, length: int, batch_size: int = 32) -> Tensor:
    """Return the mean loss at every position of a window, in nats: (length,).

    tokens      (N,) a stream, cut into N // (length + 1) windows that do not overlap
    length      T, tokens that the model reads at once; it may be longer than those it was trained on
    batch_size  windows that are read side by side

    Raises ValueError when the stream holds no window and for ids outside the vocabulary, and what the model raises for
    too many tokens.
    """
    require_counts(length=length, batch_size=batch_size)
    n_windows = len(tokens) // (length + 1)
    if not n_windows:
        raise ValueError(f"tokens must hold at least length + 1 = {length + 1} ids, got {len(tokens)}")
    windows = tokens[: n_windows * (length + 1)].view(n_windows, length + 1)
    device, training, total = next(model.parameters()).device, model.training, torch.zeros(length)
    model.eval()
    for batch in windows.split(batch_size):
        batch = batch.to(device)
        logits, targets = model(batch[:, :-1]), batch[:, 1:]
        require_targets(targets, logits.shape, name="tokens")
        total += F.cross_entropy(logits.transpose(1, 2), targets, reduction="none").sum(0).cpu()  # (T,)
    model.train(training)
    return total / n_windows
