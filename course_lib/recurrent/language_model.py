"""A recurrent language model, and the stream of consecutive windows on which its state can be carried along.

The model obeys the course's contract (`course_lib.language_model`): logits from ids, and a cache that holds the state.
The state has the same size after ten tokens and after ten thousand: a step of generation costs the same, however
long the text is, and nothing older can be looked up again.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import require_counts, require_one_of
from course_lib.ids import look_up, require_targets
from course_lib.kv_cache import require_left_padding
from course_lib.recurrent.layers import GRU, LSTM, RNN, State
from course_lib.recurrent.starts import orthogonal_, set_forget_bias

CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


class RecurrentCache:
    """The state of a recurrent model after the tokens that it has read."""

    def __init__(self) -> None:
        self.length = 0  #: tokens seen
        self.state: State | None = None  #: as the layers return it; None before the first token

    def reorder(self, rows: Tensor) -> None:
        """Keep, permute or repeat rows of the batch: rows (B',) int64, indices of rows as they are now."""
        self._change(lambda s: s[:, rows.to(s.device)])

    def detach(self) -> None:
        """Cut the state off from the computation that led to it, so that no gradient flows back over this point."""
        self._change(Tensor.detach)

    def _change(self, change: Callable[[Tensor], Tensor]) -> None:
        if isinstance(self.state, Tensor):
            self.state = change(self.state)
        elif self.state is not None:
            self.state = tuple(change(s) for s in self.state)


class RecurrentLM(nn.Module):
    """Predict the next token from a state that has read all tokens so far: embedding, recurrent layers, projection.

    vocab_size  V
    cell        "rnn", "lstm" or "gru"
    d_model     features of an embedded token
    d_hidden    H, numbers in the state of a layer
    n_layers    recurrent layers
    dropout     probability of dropping a number before, between and after the layers, in training only

    Recurrent matrices start orthogonal, forget gates with bias 1. `seq_len` is None: any length can be read.
    Raises ValueError for an unknown cell, sizes below 1 and a dropout outside [0, 1].  Mikolov et al. 2010.
    """

    seq_len = None

    def __init__(
        self,
        vocab_size: int,
        cell: str = "rnn",
        d_model: int = 64,
        d_hidden: int = 128,
        n_layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        require_one_of(tuple(CELLS), cell=cell)
        require_counts(vocab_size=vocab_size, d_model=d_model, d_hidden=d_hidden, n_layers=n_layers)
        self.vocab_size, self.dropout = vocab_size, dropout
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.layers = CELLS[cell](d_model, d_hidden, n_layers, dropout=dropout)
        self.to_logits = nn.Linear(d_hidden, vocab_size)
        orthogonal_(self.layers)
        if cell == "lstm":
            set_forget_bias(self.layers, 1.0)

    def forward(self, ids: Tensor, cache: RecurrentCache | None = None, left_padding: Tensor | None = None) -> Tensor:
        """Return the logits of the token that follows each.

        ids           (B, T) token ids
        cache         from `new_cache`: read the ids after the tokens that it has seen, and add them to it
        left_padding  (B,) int64, how many ids at the left of each row are padding, less than T: nothing is read there,
                      and the logits mean nothing. With a cache it belongs to the first call
        returns       (B, T, V)

        Raises ValueError for ids outside the vocabulary, and a left_padding of another shape, out of its range, or
        after the first call.
        """
        require_left_padding(left_padding, len(ids), ids.size(1) - 1, seen=0 if cache is None else cache.length)
        x = F.dropout(look_up(self.tokens, ids), self.dropout, self.training)
        state = cache.state if cache is not None else None
        if left_padding is None:
            outputs, state = self.layers(x, state)
        else:
            outputs, state = _read_padded(self.layers, x, left_padding)
        if cache is not None:
            cache.state, cache.length = state, cache.length + ids.size(1)
        return self.to_logits(F.dropout(outputs, self.dropout, self.training))

    def new_cache(self, batch_size: int, max_len: int) -> RecurrentCache:
        """Return the cache of nothing read yet. Its size depends on neither argument's value: a state is a state."""
        return RecurrentCache()


def _read_padded(layers: nn.Module, x: Tensor, left_padding: Tensor) -> tuple[Tensor, State]:
    """Return outputs (B, T, H), zeros at the padding, and the final state of what is real in x (B, T, D)."""
    batch, length = x.shape[:2]
    # the layers know padding at the end: turn every row so that its first token comes first, and the outputs back
    places, rows = torch.arange(length, device=x.device), torch.arange(batch, device=x.device)[:, None]
    shift = left_padding.to(x.device)[:, None]
    outputs, state = layers(x[rows, (places + shift) % length], lengths=length - shift[:, 0])
    return outputs[rows, (places - shift) % length], state


class ConsecutiveWindows:
    """A stream cut into windows that follow each other, with the state carried from each to the next.

    tokens      (N,) token ids; the stream is cut into B parts of N // B tokens that are read side by side
    batch_size  B
    length      T, the tokens of a window, over which the gradient flows back

    `draw` and `loss` go to `course_lib.train.Trainer` together:

        stream = ConsecutiveWindows(tokens, 32, 64)
        Trainer(model, stream.draw, stream.loss, steps=…)

    The state is a constant to the window that receives it, which is truncated backpropagation through time (Williams
    and Peng 1990): everything may be remembered, but a dependency longer than the window is not *learned* by its
    gradient. At the end of the stream reading starts again from its beginning, with an empty state. A Trainer that is
    resumed starts there, too.

    Raises ValueError for sizes below 1 and when the stream is too short for one window per part.
    """

    def __init__(self, tokens: Tensor, batch_size: int, length: int) -> None:
        require_counts(batch_size=batch_size, length=length)
        if tokens.dim() != 1 or len(tokens) // batch_size <= length:
            raise ValueError(
                f"tokens must be one stream of more than batch_size · (length + 1) = {batch_size} · ({length} + 1) "
                f"ids, got shape {tuple(tokens.shape)}"
            )
        rows = len(tokens) // batch_size
        self.parts, self.length = tokens[: rows * batch_size].view(batch_size, rows), length
        self.start = 0
        self.cache: RecurrentCache | None = None

    def draw(self, generator: torch.Generator | None = None) -> Tensor:
        """Return the next windows (B, T + 1). Nothing is random: the generator is not used."""
        if self.start + self.length >= self.parts.size(1):
            self.start, self.cache = 0, None
        windows = self.parts[:, self.start : self.start + self.length + 1]
        self.start += self.length
        return windows

    def loss(self, model: RecurrentLM, windows: Tensor) -> Tensor:
        """Return the mean cross-entropy of the windows' next tokens (nats a token), read after the windows before.

        Raises ValueError for ids outside the vocabulary.
        """
        windows = windows.to(next(model.parameters()).device)
        if self.cache is None:
            self.cache = model.new_cache(*windows.shape)
        self.cache.detach()
        logits = model(windows[:, :-1], self.cache)
        require_targets(windows[:, 1:], logits.shape, name="windows")
        return F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
