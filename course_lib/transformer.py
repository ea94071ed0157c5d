"""The encoder–decoder Transformer (Vaswani et al. 2017): one sequence in, another out.

An encoder reads the source, every token looking at every other; a decoder writes the target, looking back at what it
has written and across at what the encoder made of the source. Lesson 14 builds each part.

- Post-norm as in the paper, or pre-norm (Xiong et al. 2020), which trains without a warm-up; it needs one more norm
  at the end of each stack. The order is in one function, `add_and_norm`.
- The factor √d_model of the paper belongs to embeddings that start with a standard deviation of 1/√d_model. Here they
  do: token vectors enter with a root mean square of 1, beside positions of 0.7.
- There are two masks, not three: the source's hides its padding from the encoder *and* from the decoder's look across.
- `encode` and `decode` return one tensor; `attention_maps` returns the weights.

Not here: a cache for generation (lesson 15); decoding with beams (`course_lib.decoding` does it, through
`course_lib.seq2seq.ConditionalLM`).
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import require_counts, require_probability
from course_lib.attention import MultiHeadAttention, causal_mask, padding_mask
from course_lib.ids import look_up, require_targets
from course_lib.positions import LearnedPositions, sinusoidal

Maps = dict[str, list[Tensor]]  #: "encoder", "decoder", "cross" → the weights (B, H, T, S) of each layer


@dataclass(frozen=True)
class TransformerConfig:
    """The sizes of a Transformer; the paper's base model has 512, 8, 6, 2048 and dropout 0.1.

    Raises ValueError for sizes below 1, a dropout outside [0, 1], and vocabularies that differ but are to be shared.
    """

    source_vocab_size: int
    target_vocab_size: int
    d_model: int = 64  #: features of a token
    n_heads: int = 4
    n_layers: int = 2  #: of the encoder, and of the decoder
    d_ff: int = 256  #: features inside a feed-forward network
    dropout: float = 0.1  #: of attention weights, of hidden features, of what is added, and of embeddings
    pre_norm: bool = False  #: normalise before each sublayer instead of after the sum
    learned_positions: int | None = None  #: so many learned position vectors; None: sinusoids, of any length
    tied: bool = False  #: one matrix for source, target and output (§3.4 of the paper)
    pad_id: int = 0  #: the id that fills short sequences up

    def __post_init__(self) -> None:
        require_counts(source_vocab_size=self.source_vocab_size, target_vocab_size=self.target_vocab_size)
        require_counts(d_model=self.d_model, n_heads=self.n_heads, d_ff=self.d_ff)
        require_counts(0, n_layers=self.n_layers)  # none: embeddings and the output matrix alone
        require_counts(learned_positions=self.learned_positions)
        require_probability(dropout=self.dropout)
        if self.tied and self.source_vocab_size != self.target_vocab_size:
            raise ValueError(
                "tied = True needs source_vocab_size equal to target_vocab_size, "
                f"got {self.source_vocab_size} and {self.target_vocab_size}"
            )


def make_masks(source: Tensor, target: Tensor, pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """Return the two masks of an encoder–decoder, both boolean, True = may attend.

    source   (B, S) ids
    target   (B, T) ids that the decoder reads
    returns  source mask (B, 1, 1, S): hides the source's padding, from the encoder and from the decoder's look across;
             target mask (B, 1, T, T): hides the target's padding and, from each position, all later ones

    Padding is hidden as a *key*. As queries the padded positions still look; their outputs mean nothing, and the
    loss must leave them out.

    >>> source_mask, target_mask = make_masks(torch.tensor([[5, 7, 0]]), torch.tensor([[1, 4]]))
    >>> source_mask.tolist(), target_mask.tolist()
    ([[[[True, True, False]]]], [[[[True, False], [True, True]]]])
    """
    looking_back = causal_mask(target.size(1), device=target.device)
    return padding_mask(source, pad_id), looking_back & padding_mask(target, pad_id)


def add_and_norm(
    x: Tensor, sublayer: Callable[[Tensor], Tensor], norm: nn.Module, dropout: float = 0.0, pre_norm: bool = False
) -> Tensor:
    """Add what a sublayer makes of x to x, and normalise: after the sum, or before the sublayer.

    x         (B, T, d_model)
    sublayer  attention or feed-forward network, (B, T, d_model) → the same shape
    norm      nn.LayerNorm(d_model)
    dropout   probability of dropping a feature of what is added; pass 0 outside training. Outside [0, 1]: ValueError
    pre_norm  False: norm(x + dropout(sublayer(x))), §3.1 of Vaswani et al. 2017
              True: x + dropout(sublayer(norm(x))): x itself is never normalised (Xiong et al. 2020)
    """
    require_probability(dropout=dropout)
    if pre_norm:
        return x + F.dropout(sublayer(norm(x)), dropout)
    return norm(x + F.dropout(sublayer(x), dropout))


def feed_forward(d_model: int, d_ff: int, dropout: float = 0.0) -> nn.Sequential:
    """Return the network that works on every position alone: max(0, x W₁ + b₁) W₂ + b₂.

    d_model  features in and out
    d_ff     features between
    dropout  probability of dropping a hidden feature, in training only

    Raises ValueError for sizes below 1 and a dropout outside [0, 1].  Eq. 2 of Vaswani et al. 2017. It holds two thirds
    of a layer's weights when d_ff = 4 · d_model.
    """
    require_counts(d_model=d_model, d_ff=d_ff)
    require_probability(dropout=dropout)
    return nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Dropout(dropout), nn.Linear(d_ff, d_model))


class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward network, each with a residual sum and a norm.

    d_model, n_heads, d_ff  sizes
    dropout                 probability of dropping attention weights, hidden features, and what is added
    pre_norm                see `add_and_norm`

    Parameters: `self_attention`, `feed_forward`, and the norms of the two in this order, `norm1` and `norm2`.
    The same as torch.nn.TransformerEncoderLayer with other names.
    """

    def __init__(self, d_model: int, n_heads: int, d_ff: int, dropout: float = 0.0, pre_norm: bool = False) -> None:
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, n_heads, dropout)
        self.feed_forward = feed_forward(d_model, d_ff, dropout)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout, self.pre_norm = dropout, pre_norm

    def forward(self, x: Tensor, mask: Tensor | None = None, maps: Maps | None = None) -> Tensor:
        """Return the new states of the source, (B, S, d_model).

        x     (B, S, d_model)
        mask  broadcastable to (B, H, S, S), boolean, True = may attend
        maps  where to put the attention weights, under "encoder"
        """
        dropout = self.dropout if self.training else 0.0
        look_around = _attend(self.self_attention, None, mask, maps, "encoder")
        x = add_and_norm(x, look_around, self.norm1, dropout, self.pre_norm)
        return add_and_norm(x, self.feed_forward, self.norm2, dropout, self.pre_norm)


class DecoderLayer(nn.Module):
    """Self-attention, attention across to the encoder's output, a feed-forward network; each with sum and norm.

    d_model, n_heads, d_ff, dropout, pre_norm  as for `EncoderLayer`

    Parameters: `self_attention`, `cross_attention`, `feed_forward`, and their norms `norm1`, `norm2`, `norm3`.
    The same as torch.nn.TransformerDecoderLayer with other names.
    """

    def __init__(self, d_model: int, n_heads: int, d_ff: int, dropout: float = 0.0, pre_norm: bool = False) -> None:
        super().__init__()
        self.self_attention = MultiHeadAttention(d_model, n_heads, dropout)
        self.cross_attention = MultiHeadAttention(d_model, n_heads, dropout)
        self.feed_forward = feed_forward(d_model, d_ff, dropout)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d_model) for _ in range(3))
        self.dropout, self.pre_norm = dropout, pre_norm

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        maps: Maps | None = None,
    ) -> Tensor:
        """Return the new states of the target, (B, T, d_model).

        x            (B, T, d_model)
        memory       (B, S, d_model) the encoder's output, of which keys and values across are made
        mask         broadcastable to (B, H, T, T), boolean, True = may attend: who sees whom in the target
        memory_mask  broadcastable to (B, H, T, S): the *source's* mask
        maps         where to put the attention weights, under "decoder" and "cross"
        """
        dropout = self.dropout if self.training else 0.0
        look_back = _attend(self.self_attention, None, mask, maps, "decoder")
        look_across = _attend(self.cross_attention, memory, memory_mask, maps, "cross")
        x = add_and_norm(x, look_back, self.norm1, dropout, self.pre_norm)
        x = add_and_norm(x, look_across, self.norm2, dropout, self.pre_norm)
        return add_and_norm(x, self.feed_forward, self.norm3, dropout, self.pre_norm)


class Stack(nn.Module):
    """Layers one after another; under pre-norm with a norm at the end, since nothing else normalises the sum.

    layers    `EncoderLayer`s: the stack is an encoder; or `DecoderLayer`s: a decoder
    d_model   features of a token
    pre_norm  as in the layers

    Parameters: `layers`, and under pre-norm `norm`. Raises ValueError for a d_model below 1.
    """

    def __init__(self, layers: Iterable[nn.Module], d_model: int, pre_norm: bool = False) -> None:
        super().__init__()
        require_counts(d_model=d_model)
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(d_model) if pre_norm else nn.Identity()

    def forward(self, x: Tensor, *others: Tensor | Maps | None) -> Tensor:
        """Return the states after all layers, shaped as x (B, T, d_model); the others go to every layer."""
        for layer in self.layers:
            x = layer(x, *others)
        return self.norm(x)


class Transformer(nn.Module):
    """Read a source, and predict at every position of a target the token that follows.

    Parameters: `source_embedding`, `target_embedding`, `encoder` and `decoder` (each a `Stack`), `to_logits` (a matrix
    without bias), and with learned positions `source_positions` and `target_positions`.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.source_embedding = nn.Embedding(config.source_vocab_size, config.d_model)
        self.target_embedding = nn.Embedding(config.target_vocab_size, config.d_model)
        sizes = (config.d_model, config.n_heads, config.d_ff, config.dropout, config.pre_norm)
        encoder_layers = (EncoderLayer(*sizes) for _ in range(config.n_layers))
        decoder_layers = (DecoderLayer(*sizes) for _ in range(config.n_layers))
        self.encoder = Stack(encoder_layers, config.d_model, config.pre_norm)
        self.decoder = Stack(decoder_layers, config.d_model, config.pre_norm)
        self.to_logits = nn.Linear(config.d_model, config.target_vocab_size, bias=False)
        self.source_positions = self.target_positions = None  # sinusoids
        if config.learned_positions is not None:
            self.source_positions = LearnedPositions(config.learned_positions, config.d_model)
            self.target_positions = LearnedPositions(config.learned_positions, config.d_model)
        if config.tied:
            self.to_logits.weight = self.target_embedding.weight = self.source_embedding.weight
        for table in (self.source_embedding, self.target_embedding):
            nn.init.normal_(table.weight, std=config.d_model**-0.5)  # _embed multiplies by √d_model
        self.embedding_dropout = nn.Dropout(config.dropout)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the logits (B, T, V) of the token after each target position, all positions in one pass.

        source  (B, S) ids, padded at the end
        target  (B, T) ids that the decoder reads: begin, then what it has written. For training the labels are the
                same shifted by one: read target[:, :-1], predict target[:, 1:]
        """
        source_mask, target_mask = make_masks(source, target, self.config.pad_id)
        return self.decode(target, self.encode(source, source_mask), target_mask, source_mask)

    def encode(self, source: Tensor, source_mask: Tensor | None, maps: Maps | None = None) -> Tensor:
        """Return the memory (B, S, d_model): a state for every token of the source (B, S)."""
        return self.encoder(self._embed(source, self.source_embedding, self.source_positions), source_mask, maps)

    def decode(
        self,
        target: Tensor,
        memory: Tensor,
        target_mask: Tensor | None,
        source_mask: Tensor | None,
        maps: Maps | None = None,
    ) -> Tensor:
        """Return the logits (B, T, V) for target (B, T), given the memory (B, S, d_model) and the masks of both."""
        x = self._embed(target, self.target_embedding, self.target_positions)
        return self.to_logits(self.decoder(x, memory, target_mask, source_mask, maps))

    @torch.no_grad()
    def attention_maps(self, source: Tensor, target: Tensor) -> Maps:
        """Return who looks at whom, without dropout.

        source, target  (B, S) and (B, T) ids, as for `forward`
        returns         "encoder" (B, H, S, S), "decoder" (B, H, T, T) and "cross" (B, H, T, S), a list of each with
                        one tensor per layer
        """
        maps: Maps = {"encoder": [], "decoder": [], "cross": []}
        source_mask, target_mask = make_masks(source, target, self.config.pad_id)
        training = self.training
        self.eval()
        self.decode(target, self.encode(source, source_mask, maps), target_mask, source_mask, maps)
        self.train(training)
        return maps

    def _embed(self, ids: Tensor, embedding: nn.Embedding, learned: LearnedPositions | None) -> Tensor:
        """Return token vectors plus position vectors: (B, T) → (B, T, d_model)."""
        name = "source" if embedding is self.source_embedding else "target"
        x = look_up(embedding, ids, name) * math.sqrt(self.config.d_model)
        positions = sinusoidal(ids.size(1), x.size(-1), x.device) if learned is None else learned(ids.size(1))
        return self.embedding_dropout(x + positions.to(x.dtype))


def _attend(
    attention: MultiHeadAttention, memory: Tensor | None, mask: Tensor | None, maps: Maps | None, name: str
) -> Callable[[Tensor], Tensor]:
    """Return x → what it gathers, as `add_and_norm` wants it; keep the weights only where somebody asks for them."""

    def sublayer(x: Tensor) -> Tensor:
        gathered, weights = attention(x, memory, mask, need_weights=maps is not None)
        if maps is not None:
            maps[name].append(weights)
        return gathered

    return sublayer


def label_smoothing(logits: Tensor, labels: Tensor, smoothing: float = 0.1, pad_id: int = 0) -> Tensor:
    """Return the mean cross-entropy, in nats a token, against labels that share a little of their 1 with every class.

    logits     (..., V)
    labels     (...) ids; where one is pad_id, the position does not count
    smoothing  ε: the label gets 1 − ε + ε/V, every other class ε/V
    returns    a scalar; 0 where there is nothing but padding

    Equals F.cross_entropy(…, label_smoothing=ε, ignore_index=pad_id).  Szegedy et al. 2016, §7; §5.4 of Vaswani et
    al. 2017. With ε > 0 it cannot fall to 0: its floor is the entropy of the smoothed label.
    Raises ValueError for a smoothing outside [0, 1], shapes that do not fit, and labels outside the vocabulary.

    >>> label_smoothing(torch.zeros(1, 4), torch.tensor([2]))  # all four equally likely: ln 4, whatever ε is
    tensor(1.3863)
    """
    require_probability(smoothing=smoothing)
    require_targets(labels, logits.shape, pad_id, "labels")
    real = labels != pad_id
    log_probs = logits.log_softmax(-1)
    of_label = log_probs.gather(-1, labels.where(real, 0)[..., None]).squeeze(-1)
    losses = -(1 - smoothing) * of_label - smoothing * log_probs.mean(-1)  # (...)
    return losses.masked_fill(~real, 0.0).sum() / real.sum().clamp(min=1)


def translation_loss(model: nn.Module, batch: tuple[Tensor, Tensor], smoothing: float = 0.1, pad_id: int = 0) -> Tensor:
    """Return the loss of a batch for `course_lib.train.Trainer`: each target token from the true ones before it.

    batch  sources (B, S) and targets (B, T), which begin with bos and end with eos; moved to the model's device

    The decoder reads all but the last token, its labels are all but the first.
    """
    device = next(model.parameters()).device
    source, target = (ids.to(device) for ids in batch)
    return label_smoothing(model(source, target[:, :-1]), target[:, 1:], smoothing, pad_id)


@torch.no_grad()
def translate(
    model: Transformer, source: Tensor, max_len: int, bos_id: int = 1, eos_id: int = 2, pad_id: int = 0
) -> Tensor:
    """Write the targets of a batch of sources token by token, each time the likeliest one (greedy).

    model    a `Transformer`, or whatever has its encode and decode; its training mode is restored
    source   (B, S) ids
    max_len  write at most so many tokens; it stops earlier once every target has ended
    returns  (B, T) ids without bos, T ≤ max_len; after its eos a row has nothing but padding

    The source is encoded once. What is written is read again at every step, in up to max_len passes: known sequences
    take one pass, unknown ones a pass per token. Raises ValueError for a negative max_len.
    """
    require_counts(0, max_len=max_len)
    training = model.training
    model.eval()
    written = source.new_full((len(source), 1), bos_id)
    done = source.new_zeros(len(source), dtype=torch.bool)
    try:
        source_mask, _ = make_masks(source, written, pad_id)
        memory = model.encode(source, source_mask)
        while written.size(1) <= max_len and not done.all():
            _, target_mask = make_masks(source, written, pad_id)
            logits = model.decode(written, memory, target_mask, source_mask)[:, -1]  # (B, V)
            token = logits.argmax(-1).masked_fill(done, pad_id)
            written = torch.cat([written, token[:, None]], dim=1)
            done |= token == eos_id
    finally:
        model.train(training)
    return written[:, 1:]
