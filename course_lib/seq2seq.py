"""Sequence to sequence with recurrent networks: an encoder reads the source, a decoder writes the target.

- Without attention the decoder knows one vector of the source, however long that is, at every step (Cho et al. 2014).
- With additive attention it looks at one state per source token, again for each word (Bahdanau, Cho and Bengio 2015).
- The encoder reads in both directions, so that the state at a token knows what is on either side of it.
- Training reads the true target shifted by one (teacher forcing), now and then the model's own words instead, if you
  want to soften the difference from writing (scheduled sampling, Bengio et al. 2015).
- Given its source, an encoder–decoder *is* a language model of targets. `ConditionalLM` says so, and all methods of
  `course_lib.decoding` apply: beam search with an end and a length penalty, sampling. `course_lib.transformer` too.

    begin = torch.full((len(source), 1), bos_id)
    beam_search(ConditionalLM(model, source), begin, 20, beams=5, eos_id=eos_id, length_penalty=1.0)

Padding is at the end and must be the id `pad_id`; it changes nothing. Lesson 11 builds each part.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import require_counts, require_one_of, require_probability
from course_lib.decoding import Sampling, generate
from course_lib.ids import look_up, require_targets
from course_lib.recurrent import GRU, LSTM, RecurrentCache

CELLS = {"gru": GRU, "lstm": LSTM}
State = Tensor | tuple[Tensor, ...]  #: (1, B, H), for an LSTM a pair of them


@dataclass(frozen=True)
class Seq2SeqConfig:
    """What a `Seq2Seq` is made of.

    Raises ValueError for sizes below 1, an unknown cell, and a dropout that is no probability.
    """

    source_vocab_size: int
    target_vocab_size: int
    cell: str = "gru"  #: "gru" or "lstm"
    d_model: int = 32  #: features of an embedded token
    d_hidden: int = 64  #: H, numbers in a state: of the decoder, and of each direction of the encoder
    attention: bool = True  #: False: the decoder knows nothing of the source but one vector
    dropout: float = 0.0  #: probability of dropping a number of the embeddings and of what the logits are made from
    pad_id: int = 0  #: the id that fills short sequences up

    def __post_init__(self) -> None:
        require_one_of(tuple(CELLS), cell=self.cell)
        require_counts(source_vocab_size=self.source_vocab_size, target_vocab_size=self.target_vocab_size)
        require_counts(d_model=self.d_model, d_hidden=self.d_hidden)
        require_probability(dropout=self.dropout)


def teacher_forcing_inputs(target: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the decoder reads in training, and what it is to predict after each token it has read.

    target   (B, T) ids, T at least 2: begin, the words, end, then padding
    returns  inputs (B, T − 1): all but the last token; labels (B, T − 1): all but the first

    So every step starts from the true words before it, whatever the model would have written (Williams and Zipser
    1989), and all steps can be computed at once. Raises ValueError for another shape.

    >>> teacher_forcing_inputs(torch.tensor([[1, 7, 8, 2]]))
    (tensor([[1, 7, 8]]), tensor([[7, 8, 2]]))
    """
    if target.dim() != 2 or target.size(1) < 2:
        raise ValueError(f"target must have the shape (B, T) with T at least 2, got {tuple(target.shape)}")
    return target[:, :-1], target[:, 1:]


def masked_nll(logits: Tensor, labels: Tensor, pad_id: int = 0) -> Tensor:
    """Return the mean negative log-likelihood of the labels that are not padding, in nats a token.

    logits   (..., V)
    labels   (...) ids
    pad_id   a position with this label does not count: not in the sum, and not in the number it is divided by
    returns  a scalar; 0 where there is nothing but padding

    Raises ValueError for shapes that do not fit, and labels outside the vocabulary.

    >>> masked_nll(torch.zeros(3, 4), torch.tensor([2, 3, 0]))  # four equally likely, the last is padding: ln 4
    tensor(1.3863)
    """
    require_targets(labels, logits.shape, pad_id, "labels")
    total = F.cross_entropy(logits.flatten(0, -2), labels.flatten(), ignore_index=pad_id, reduction="sum")
    return total / (labels != pad_id).sum().clamp(min=1)


def additive_attention(
    query: Tensor, memory: Tensor, w_q: Tensor, w_k: Tensor, v: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Let one state of the decoder look at all states of the encoder: score s is v · tanh(query W_q + memory_s W_k).

    query    (B, Q) the decoder's state before it writes the next word
    memory   (B, S, M) the encoder's states, which are looked at and of which the mean is taken
    w_q      (Q, A)
    w_k      (M, A)
    v        (A,)
    mask     (B, S) boolean, True = may attend: a real token of the source; None: all are
    returns  context (B, M), the weighted mean of memory, and weights (B, S), which sum to 1, or to 0 where nothing
             may be attended to

    Raises ValueError for sizes that do not fit, TypeError for a mask that is not boolean.
    Bahdanau, Cho and Bengio 2015, §3.1 and A.1.2.

    >>> memory, one = torch.tensor([[[0.0], [5.0]]]), torch.ones(1, 1)
    >>> context, weights = additive_attention(torch.zeros(1, 1), memory, one, one, torch.tensor([1.0]))
    >>> weights  # the scores are tanh 0 and tanh 5: 0 and 0.9999
    tensor([[0.2690, 0.7310]])
    """
    sizes = {"w_q": (w_q, (query.size(-1), v.numel())), "w_k": (w_k, (memory.size(-1), v.numel()))}
    for name, (weight, expected) in sizes.items():
        if weight.shape != expected:
            raise ValueError(f"{name} must have the shape {expected}, got {tuple(weight.shape)}")
    return _weighted_mean(query @ w_q, memory @ w_k, v, memory, mask)


class Memory(NamedTuple):
    """What the decoder knows of the source."""

    states: Tensor  #: (B, S, 2H), a state for every token; without attention (B, 1, 2H), one for all
    keys: Tensor | None  #: (B, S, H), memory W_k: it depends on no decoder state, so it is computed once
    mask: Tensor | None  #: (B, S) boolean, True = a real token


class TargetCache(RecurrentCache):
    """The source as the decoder knows it, and the decoder's state after the words written so far."""

    def __init__(self) -> None:
        super().__init__()
        self.memory: Memory | None = None  #: None before the first call

    def reorder(self, rows: Tensor) -> None:
        """Keep, permute or repeat rows of the batch: rows (B',) int64, indices of rows as they are now."""
        super().reorder(rows)
        if self.memory is not None:
            states, keys, mask = self.memory
            rows = rows.to(states.device)
            self.memory = Memory(
                states[rows], None if keys is None else keys[rows], None if mask is None else mask[rows]
            )


class Seq2Seq(nn.Module):
    """Read a source, and predict at every position of a target the token that follows.

    Parameters: `source_embedding`, `target_embedding`; `encoder`, in both directions, and `decoder`, each a GRU or an
    LSTM; `bridges`, which make the decoder's first state tanh(W s + b) of the encoder's last ones in both directions,
    s (B, 2H) (an LSTM has one each for h and c); `to_logits`, of state and context side by side; and with attention
    `w_q` (H, H), `w_k` (2H, H) and `v` (H,).
    """

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config = config
        hidden, both = config.d_hidden, 2 * config.d_hidden
        cell = CELLS[config.cell]
        self.source_embedding = nn.Embedding(config.source_vocab_size, config.d_model)
        self.target_embedding = nn.Embedding(config.target_vocab_size, config.d_model)
        self.encoder = cell(config.d_model, hidden, bidirectional=True)
        self.bridges = nn.ModuleList(nn.Linear(both, hidden) for _ in range(cell.n_states))
        self.decoder = cell(config.d_model + both, hidden)
        self.to_logits = nn.Linear(hidden + both, config.target_vocab_size)
        self.dropout = nn.Dropout(config.dropout)
        if config.attention:
            self.w_q = nn.Parameter(torch.empty(hidden, hidden))
            self.w_k = nn.Parameter(torch.empty(both, hidden))
            self.v = nn.Parameter(torch.empty(hidden))
            for weight in (self.w_q, self.w_k, self.v):
                nn.init.uniform_(weight, -(len(weight) ** -0.5), len(weight) ** -0.5)

    def forward(
        self,
        source: Tensor,
        target: Tensor,
        cache: TargetCache | None = None,
        forcing: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the logits (B, T, V) of the token after each target position.

        source     (B, S) ids, at least one real token in each row
        target     (B, T) ids that the decoder reads, beginning with begin: see `teacher_forcing_inputs`
        cache      from `new_cache`: read the target after what it has seen; the source is encoded at its first use only
        forcing    probability with which a step reads the true token; otherwise it reads what the model itself finds
                   likeliest there. The first step always reads the target's
        generator  of that choice; None: torch's global one

        Raises ValueError for a forcing outside [0, 1].
        """
        require_probability(forcing=forcing)
        if cache is None or cache.memory is None or cache.state is None:
            memory, state = self.encode(source)
        else:
            memory, state = cache.memory, cache.state
        if self.config.attention or forcing < 1:
            features, _, state = self._read_stepwise(target, memory, state, forcing, generator)
        else:  # nothing has to wait for a state but the recurrence itself
            context = memory.states.expand(-1, target.size(1), -1)
            outputs, state = self.decoder(torch.cat([self._embed(target), context], dim=-1), state)
            features = torch.cat([outputs, context], dim=-1)
        if cache is not None:
            cache.memory, cache.state, cache.length = memory, state, cache.length + target.size(1)
        return self.to_logits(self.dropout(features))

    def encode(self, source: Tensor) -> tuple[Memory, State]:
        """Return what the decoder will know of source (B, S), and the state it starts from.

        Raises ValueError for ids outside the vocabulary.
        """
        real = source != self.config.pad_id  # (B, S)
        x = self.dropout(look_up(self.source_embedding, source, "source"))
        states, last = self.encoder(x, lengths=real.sum(1))
        last = (last,) if isinstance(last, Tensor) else last
        ends = [torch.cat([forward, backward], dim=-1) for forward, backward in last]  # (B, 2H) each
        start = tuple(bridge(end).tanh()[None] for bridge, end in zip(self.bridges, ends))
        memory = (
            Memory(states, states @ self.w_k, real) if self.config.attention else Memory(ends[0][:, None], None, None)
        )
        return memory, start if len(start) > 1 else start[0]

    @torch.no_grad()
    def attention_map(self, source: Tensor, target: Tensor) -> Tensor:
        """Return where the decoder looks before it predicts the token after each target position, without dropout.

        source, target  (B, S) and (B, T) ids, as for `forward`
        returns         (B, T, S); a row sums to 1, padding has 0

        Raises ValueError for a model without attention.
        """
        if not self.config.attention:
            raise ValueError("the model must have attention, got one with config.attention = False")
        training = self.training
        self.eval()
        weights = self._read_stepwise(target, *self.encode(source))[1]
        self.train(training)
        return torch.stack(weights, dim=1)

    def new_cache(self, batch_size: int, max_len: int) -> TargetCache:
        """Return the cache of nothing read yet. Its size depends on neither argument's value."""
        return TargetCache()

    def _read_stepwise(
        self,
        target: Tensor,
        memory: Memory,
        state: State,
        forcing: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, list[Tensor], State]:
        """Return what the logits are made from (B, T, 3H), each step's weights (B, S) if any, and the last state."""
        features: list[Tensor] = []
        maps: list[Tensor] = []
        context = memory.states[:, 0]  # the one vector, or, with attention, what replaces it below
        for t, x in enumerate(self._embed(target).unbind(1)):
            if t and forcing < 1:
                own = self.to_logits(features[-1]).argmax(-1)
                device = target.device if generator is None else generator.device
                forced = torch.rand(len(target), generator=generator, device=device).to(target.device) < forcing
                x = torch.where(forced[:, None], x, self._embed(own))
            if memory.keys is not None:  # with attention
                query = (state if isinstance(state, Tensor) else state[0])[0]  # (B, H)
                context, weights = _weighted_mean(query @ self.w_q, memory.keys, self.v, memory.states, memory.mask)
                maps.append(weights)
            output, state = self.decoder(torch.cat([x, context], dim=-1)[:, None], state)
            features.append(torch.cat([output[:, 0], context], dim=-1))
        return torch.stack(features, dim=1), maps, state

    def _embed(self, target: Tensor) -> Tensor:
        return self.dropout(look_up(self.target_embedding, target, "target"))


class EncoderDecoder(Protocol):
    """What turns model(source, target) into logits: `Seq2Seq`, `course_lib.transformer.Transformer`, or your own."""

    config: Any  #: it has target_vocab_size

    def __call__(self, source: Tensor, target: Tensor, *cache: Any) -> Tensor:
        """Return the logits (B, T, V) of the token after each target position."""


class ConditionalLM(nn.Module):
    """An encoder–decoder whose source is given: a language model of targets, as `course_lib.decoding` takes them.

    model   an `EncoderDecoder`. Where it has a `new_cache` as Seq2Seq has, that is used; if not, the source is read
            again at every step
    source  (B, S) ids. The ids that are asked about may have k rows for each source, one after another: k beams

    Called with a number of rows that is no multiple of B it raises ValueError.
    """

    seq_len = None

    def __init__(self, model: EncoderDecoder, source: Tensor) -> None:
        super().__init__()
        self.model, self.source = model, source
        self.vocab_size = model.config.target_vocab_size
        if hasattr(model, "new_cache"):
            self.new_cache = model.new_cache

    def forward(self, ids: Tensor, cache: TargetCache | None = None) -> Tensor:
        """Return the logits (B·k, T, V) of the token that follows each of ids (B·k, T), which begin with begin."""
        if len(ids) % len(self.source):
            raise ValueError(f"ids must have k rows for each of {len(self.source)} sources, got {len(ids)} rows")
        source = self.source.repeat_interleave(len(ids) // len(self.source), dim=0)
        return self.model(source, ids) if cache is None else self.model(source, ids, cache)


def seq2seq_loss(
    model: Seq2Seq, batch: tuple[Tensor, Tensor], forcing: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Return the loss of a batch for `course_lib.train.Trainer`, in nats a target token.

    batch               sources (B, S) and targets (B, T), which begin with begin and end with end; moved to the
                        model's device
    forcing, generator  as in `Seq2Seq.forward`
    """
    source, target = (ids.to(model.to_logits.weight.device) for ids in batch)
    inputs, labels = teacher_forcing_inputs(target)
    return masked_nll(model(source, inputs, forcing=forcing, generator=generator), labels, model.config.pad_id)


def greedy_decode(
    model: EncoderDecoder, source: Tensor, max_len: int, bos_id: int = 1, eos_id: int = 2, pad_id: int = 0
) -> Tensor:
    """Write a target for each source, at every step the likeliest token.

    model    what `ConditionalLM` takes, in any mode; it is left as it was
    source   (B, S) ids on the model's device
    max_len  write at most so many tokens; it stops earlier once every target has ended
    returns  (B, T) ids without begin, T ≤ max_len; after its end a row has nothing but padding

    The likeliest token at every step need not make the likeliest target: see `course_lib.decoding.beam_search`.
    """
    begin = source.new_full((len(source), 1), bos_id)
    return generate(ConditionalLM(model, source), begin, max_len, Sampling(0), eos_id=eos_id, pad_id=pad_id)[:, 1:]


def _weighted_mean(q: Tensor, k: Tensor, v: Tensor, memory: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """`additive_attention` after its two matrix products: q (B, A), k (B, S, A)."""
    if mask is not None and mask.dtype != torch.bool:
        raise TypeError(f"mask must be a boolean tensor, True = may attend, got dtype {mask.dtype}")
    if mask is not None and mask.shape != memory.shape[:2]:
        raise ValueError(f"mask must have the shape (B, S) = {tuple(memory.shape[:2])}, got {tuple(mask.shape)}")
    scores = torch.tanh(q[:, None] + k) @ v  # (B, S)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)
    return (weights[:, None] @ memory)[:, 0], weights
