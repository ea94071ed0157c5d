"""BERT (Devlin et al. 2019): the encoder of a Transformer, every token looking at every other, in both directions.

- The layers are those of `course_lib.transformer` in post-norm, with GELU in place of the ReLU.
- Token, position and token-type vectors (which of two texts a token belongs to) are added and normalised.
- Two heads: `MaskedLM` says what is at each place, `Classifier` what the whole text is, from its first state.

A state depends on the tokens after it, so nothing here can write a text from left to right. What the model is asked
in pretraining is in `course_lib.bert.objectives`; published weights can be read by `course_lib.bert.weights`.
Not here: next-sentence prediction, which RoBERTa (Liu et al. 2019) found to be of no use.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import require_at_least, require_counts, require_probability
from course_lib.attention import padding_mask
from course_lib.ids import look_up
from course_lib.positions import LearnedPositions
from course_lib.transformer import EncoderLayer, Maps, Stack


@dataclass(frozen=True)
class BERTConfig:
    """The sizes of a BERT; the published base model has 768, 12, 12, 3072 and a vocabulary of 30,522.

    Raises ValueError for sizes below 1 or that do not fit, a dropout outside [0, 1], and an epsilon below 0.
    """

    vocab_size: int
    seq_len: int = 128  #: the longest text it can read
    d_model: int = 64  #: features of a token
    n_heads: int = 4
    n_layers: int = 2
    d_ff: int = 256  #: features inside a feed-forward network
    n_token_types: int = 2  #: texts that can be told apart in one input
    dropout: float = 0.1  #: of attention weights, of what is added, of embeddings and of the pooled state
    pad_id: int = 0  #: the id that fills short texts up; nobody looks at it
    norm_eps: float = 1e-12  #: added to the variance

    def __post_init__(self) -> None:
        sizes = ("vocab_size", "seq_len", "d_model", "n_heads", "n_layers", "d_ff", "n_token_types")
        require_counts(**{name: getattr(self, name) for name in sizes})
        require_probability(dropout=self.dropout)
        require_at_least(0, norm_eps=self.norm_eps)
        if self.d_model % self.n_heads:
            raise ValueError(f"n_heads must divide d_model = {self.d_model}, got n_heads = {self.n_heads}")


class BERTLayer(EncoderLayer):
    """An `EncoderLayer` in post-norm with GELU. Parameters as there; `feed_forward` is matrix, GELU, matrix."""

    def __init__(self, config: BERTConfig) -> None:
        d_model, d_ff = config.d_model, config.d_ff
        super().__init__(d_model, config.n_heads, d_ff, config.dropout)
        self.feed_forward = nn.Sequential(nn.Linear(d_model, d_ff), nn.GELU(), nn.Linear(d_ff, d_model))
        self.norm1, self.norm2 = (nn.LayerNorm(d_model, eps=config.norm_eps) for _ in range(2))


class BERT(nn.Module):
    """Turn every token of a text into a state that knows the whole text.

    generator  of the initial weights; None: torch's global one. Matrices and embeddings start with a standard
               deviation of 0.02 · √(768 / d_model), BERT's 0.02 at its own width, biases with 0

    Parameters: `tokens`, `positions`, `token_types`, `norm` and `encoder`, a `Stack`.
    """

    def __init__(self, config: BERTConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = LearnedPositions(config.seq_len, config.d_model)
        self.token_types = nn.Embedding(config.n_token_types, config.d_model)
        self.norm = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = Stack((BERTLayer(config) for _ in range(config.n_layers)), config.d_model)
        _start(self, config.d_model, generator)

    def forward(self, ids: Tensor, token_types: Tensor | None = None, maps: Maps | None = None) -> Tensor:
        """Return the states of all tokens.

        ids          (B, T) token ids, T ≤ seq_len; padding is where they are `config.pad_id`
        token_types  (B, T) which of the texts each token belongs to, from 0; None: all to the first
        maps         {"encoder": []}: where to put the attention weights (B, H, T, T) of each layer
        returns      (B, T, d_model). At padding the states mean nothing

        Raises ValueError for ids of another shape or outside the vocabulary, token types that do not exist, and for a
        text longer than seq_len.
        """
        mask = padding_mask(ids, self.config.pad_id)
        token_types = torch.zeros_like(ids) if token_types is None else token_types
        types = look_up(self.token_types, token_types, "token_types")
        x = look_up(self.tokens, ids) + self.positions(ids.size(1)) + types
        return self.encoder(self.dropout(self.norm(x)), mask, maps)


class MaskedLM(nn.Module):
    """A BERT that says what is at each place: the likeliest tokens where it sees a mask.

    config, generator  as for `BERT`

    Parameters: `bert`; `transform` (matrix), GELU, `norm`; then the token embeddings again as the output matrix, and
    `bias` (V,).
    """

    def __init__(self, config: BERTConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.bert = BERT(config, generator)
        self.transform = nn.Linear(config.d_model, config.d_model)
        self.norm = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        _start(self.transform, config.d_model, generator)

    def forward(self, ids: Tensor, token_types: Tensor | None = None) -> Tensor:
        """Return the logits of what is *at* each place, not after it: ids (B, T) → (B, T, V)."""
        states = self.norm(F.gelu(self.transform(self.bert(ids, token_types))))
        return F.linear(states, self.bert.tokens.weight, self.bias)


class Classifier(nn.Module):
    """A BERT that says what a whole text is, for fine-tuning: `pooled_classifier` on top of its states.

    config     as for `BERT`, or a BERT that was trained already, which becomes part of this
    n_classes  how many there are
    generator  of the initial weights; None: torch's global one

    Parameters: `bert`, `pooler` and `classifier`. Raises ValueError for n_classes below 1.
    """

    def __init__(self, config: BERTConfig | BERT, n_classes: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        require_counts(n_classes=n_classes)
        self.bert = config if isinstance(config, BERT) else BERT(config, generator)
        d_model = self.bert.config.d_model
        self.pooler = nn.Linear(d_model, d_model)
        self.classifier = nn.Linear(d_model, n_classes)
        for head in (self.pooler, self.classifier):
            _start(head, d_model, generator)

    def forward(self, ids: Tensor, token_types: Tensor | None = None) -> Tensor:
        """Return the logits of the classes: ids (B, T), each text beginning with its classification token → (B, C)."""
        dropout = self.bert.config.dropout if self.training else 0.0
        states, pooler, classifier = self.bert(ids, token_types), self.pooler, self.classifier
        return pooled_classifier(states, pooler.weight, pooler.bias, classifier.weight, classifier.bias, dropout)


def pooled_classifier(
    states: Tensor, w_pool: Tensor, b_pool: Tensor, w_out: Tensor, b_out: Tensor, dropout: float = 0.0
) -> Tensor:
    """Return the logits of the classes of whole texts, W_out tanh(W_pool h + b_pool) + b_out, h the *first* state.

    states   (B, T, d_model) the encoder's; the first token of a text is [CLS], which stands for all of it
    w_pool   (d_model, d_model), b_pool (d_model,)
    w_out    (C, d_model), b_out (C,); C classes
    dropout  probability of dropping a number of the tanh; pass 0 outside training
    returns  (B, C)

    Raises ValueError when states is not three-dimensional and for a dropout outside [0, 1].  Devlin et al. 2019, §4.1
    and the published code.

    >>> states = torch.tensor([[[0.0, 9.0], [5.0, 5.0]]])
    >>> pooled_classifier(states, torch.eye(2), torch.zeros(2), torch.tensor([[3.0, 4.0]]), torch.ones(1))
    tensor([[5.]])
    """
    require_probability(dropout=dropout)
    if states.dim() != 3:
        raise ValueError(f"states must have the shape (B, T, d_model), got {tuple(states.shape)}")
    pooled = torch.tanh(F.linear(states[:, 0], w_pool, b_pool))
    return F.linear(F.dropout(pooled, dropout), w_out, b_out)


def _start(module: nn.Module, d_model: int, generator: torch.Generator | None) -> None:
    """Draw the initial weights of a module and all in it, in place."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding | LearnedPositions):
            nn.init.normal_(part.weight, std=0.02 * math.sqrt(768 / d_model), generator=generator)
        if isinstance(part, nn.Linear):
            nn.init.zeros_(part.bias)
