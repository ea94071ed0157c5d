"""A language model with nothing but attention: embeddings, a few attention layers, and a projection to the vocabulary.

Each layer adds what it gathered to what was there (x + attention(norm(x)); He et al. 2016, Xiong et al. 2020). There
is no feed-forward network: the Transformer of lesson 14 adds it. Such models were studied by Elhage et al. (2021,
"A Mathematical Framework for Transformer Circuits"). Positions are learned vectors; lesson 13 is about them.
"""

from collections.abc import Callable

from torch import Tensor, nn

from course_lib.arguments import require_counts
from course_lib.attention import MultiHeadAttention, causal_mask
from course_lib.ids import look_up


class AttentionLM(nn.Module):
    """Predict the next token of every position from the tokens up to it: a `course_lib.language_model`.

    vocab_size  V
    seq_len     the longest sequence that has position vectors
    d_model, n_heads, n_layers  sizes
    attention   the class that makes a layer, called as attention(d_model, n_heads) and used as
                layer(x, mask=…, need_weights=…) → (output, weights): `MultiHeadAttention`, or one written by a learner
    positions   False: no position vectors, to see what is lost

    Raises ValueError for sizes below 1.
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
        require_counts(vocab_size=vocab_size, seq_len=seq_len, d_model=d_model, n_heads=n_heads, n_layers=n_layers)
        self.vocab_size, self.seq_len = vocab_size, seq_len
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.positions = nn.Embedding(seq_len, d_model) if positions else None
        self.norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in range(n_layers + 1))
        self.layers = nn.ModuleList(attention(d_model, n_heads) for _ in range(n_layers))
        self.to_logits = nn.Linear(d_model, vocab_size)
        for table in (self.tokens, self.positions):
            if table is not None:
                nn.init.normal_(table.weight, std=0.3)

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logits of the next token at every position: ids (B, T), T at most seq_len → (B, T, V).

        Raises ValueError when the sequence is longer than seq_len, or an id outside the vocabulary.
        """
        return self._read(ids, need_weights=False)[0]

    def attention_maps(self, ids: Tensor) -> list[Tensor]:
        """Return the attention weights of each layer on ids (B, T): (B, H, T, T) each."""
        return self._read(ids, need_weights=True)[1]

    def _read(self, ids: Tensor, need_weights: bool) -> tuple[Tensor, list[Tensor]]:
        length = ids.size(1)
        if length > self.seq_len:
            raise ValueError(f"ids must have at most seq_len = {self.seq_len} tokens, got {length}")
        x = look_up(self.tokens, ids)
        if self.positions is not None:
            x = x + self.positions.weight[:length]
        mask, seen = causal_mask(length, device=ids.device), []
        for norm, layer in zip(self.norms, self.layers):
            gathered, weights = layer(norm(x), mask=mask, need_weights=need_weights)
            x = x + gathered
            seen.append(weights)
        return self.to_logits(self.norms[-1](x)), seen
