"""A language model with nothing but attention: embeddings, a few attention layers, and a projection to the vocabulary.

Each layer adds what it gathered to what was there (x + attention(norm(x)); He et al. 2016, Xiong et al. 2020). There
is no feed-forward network: the Transformer of lesson 14 adds it. Such models were studied by Elhage et al. (2021,
"A Mathematical Framework for Transformer Circuits"). Positions are learned vectors; lesson 13 is about them.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.attention import MultiHeadAttention, causal_mask


class AttentionLM(nn.Module):
    """Predict the next token of every position from the tokens up to it.

    vocab_size  V
    seq_len     the longest sequence that has position vectors
    d_model, n_heads, n_layers  sizes
    attention   the class that makes a layer, called as attention(d_model, n_heads) and used as
                layer(x, mask=…, need_weights=…) → (output, weights): `MultiHeadAttention`, or one written by a learner
    positions   False: no position vectors, to see what is lost
    """

    def __init__(
        self,
        vocab_size: int,
        seq_len: int = 64,
        d_model: int = 64,
        n_heads: int = 4,
        n_layers: int = 2,
        attention: Callable[[int, int], nn.Module] = MultiHeadAttention,
        positions: bool = True,
    ) -> None:
        super().__init__()
        self.seq_len = seq_len
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.positions = nn.Embedding(seq_len, d_model) if positions else None
        self.norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in range(n_layers + 1))
        self.layers = nn.ModuleList(attention(d_model, n_heads) for _ in range(n_layers))
        self.to_logits = nn.Linear(d_model, vocab_size)
        for table in (self.tokens, self.positions):
            if table is not None:
                nn.init.normal_(table.weight, std=0.3)

    def forward(self, ids: Tensor, need_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """Return the logits of the next token at every position, and on request all attention weights.

        ids      (B, T) token ids, T at most seq_len
        returns  logits (B, T, V) and weights (B, L, H, T, T), or None

        Raises ValueError when the sequence is longer than seq_len.
        """
        length = ids.size(1)
        if length > self.seq_len:
            raise ValueError(f"ids must have at most seq_len = {self.seq_len} tokens, got {length}")
        x = self.tokens(ids)
        if self.positions is not None:
            x = x + self.positions.weight[:length]
        mask, seen = causal_mask(length, device=ids.device), []
        for norm, layer in zip(self.norms, self.layers):
            gathered, weights = layer(norm(x), mask=mask, need_weights=need_weights)
            x = x + gathered
            seen.append(weights)
        return self.to_logits(self.norms[-1](x)), torch.stack(seen, dim=1) if need_weights else None


def train(
    model: AttentionLM, tokens: Tensor, steps: int, batch_size: int = 32, lr: float = 5e-3, seed: int = 0
) -> Iterator[float]:
    """Train the model on random windows of a stream of tokens; yield the training loss after each step (nats a token).

    tokens  (N,) the stream
    steps   number of updates (Adam, learning rate warmed up over 5 % of the steps, then a cosine to a tenth)

    The model stays on its device. The same seed gives the same windows.
    """
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    windows = tokens.unfold(0, model.seq_len + 1, 1)  # (N − seq_len, seq_len + 1), a view
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        lr,
        total_steps=max(steps, 2),
        pct_start=0.05,
        div_factor=10,
        final_div_factor=10,
        cycle_momentum=False,
    )
    model.train()
    for _ in range(steps):
        batch = windows[torch.randint(len(windows), (batch_size,), generator=generator)].to(device)
        logits, _ = model(batch[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        yield loss.item()


@torch.no_grad()
def nats_per_token(model: AttentionLM, tokens: Tensor, batch_size: int = 64) -> float:
    """Return the cross-entropy of the model on a stream of tokens (N,), in nats a token.

    Windows overlap by half and only their second half counts, so that every token is predicted from at least half a
    window of context; the first half window of the stream is not counted.
    """
    model.eval()
    device = next(model.parameters()).device
    half = model.seq_len // 2
    windows = tokens.unfold(0, model.seq_len + 1, half)
    total = 0.0
    for batch in windows.split(batch_size):
        batch = batch.to(device)
        logits, _ = model(batch[:, :-1])
        losses = F.cross_entropy(logits[:, half:].flatten(0, 1), batch[:, half + 1 :].flatten(), reduction="sum")
        total += losses.item()
    return total / (len(windows) * (model.seq_len - half))
