"""Bengio's neural n-gram: the table of counts becomes a network that reads the last few tokens (Bengio et al. 2003).

    logits = b + W x + U tanh(d + H x),    x = the vectors of the n − 1 tokens before, side by side

A count says nothing about a context that was never seen; a network answers as for similar ones, because similar words
get similar vectors. It is a Markov model still: nothing before its n − 1 tokens exists for it.

- Contexts are in reading order, the oldest token first; the paper has the latest first, which renames columns.
- What lies before the first token is a vector of zeros: it is not learned, and parameters are counted as in the paper.
- W, the direct connections, and the sharing of U with the token vectors (Press and Wolf 2017; Inan, Khosravi and Socher
  2017) are options. The paper has both kinds, without and with W, and shares nothing.
"""

import torch
from torch import Tensor, nn

from course_lib.arguments import require_counts
from course_lib.ids import look_up
from course_lib.kv_cache import require_left_padding


def windows(x: Tensor, size: int, fill: float = 0) -> Tensor:
    """Return, for every position, the last `size` entries up to it and with it.

    x        (B, T, …) token ids, or vectors of tokens
    size     entries of a window, n − 1 of an n-gram; the oldest comes first
    fill     what is before the first entry
    returns  (B, T, size, …)

    Raises ValueError when size is less than 1.

    >>> windows(torch.tensor([[5, 6, 7]]), 2)
    tensor([[[0, 5],
             [5, 6],
             [6, 7]]])
    """
    require_counts(size=size)
    before = x.new_full((x.size(0), size - 1, *x.shape[2:]), fill)
    return torch.cat([before, x], dim=1).unfold(1, size, 1).movedim(-1, 2)


def parameter_count(
    vocab_size: int, n_context: int, d_model: int, d_hidden: int, direct: bool = False, tied: bool = False
) -> int:
    """Return how many numbers a `NeuralNgram` learns: V(1 + n m + h) + h(1 + (n − 1) m) with direct connections.

    vocab_size  V
    n_context   n − 1 tokens
    d_model     m, features of a token
    d_hidden    h
    direct      whether there is W, V · (n − 1) m numbers
    tied        whether U is the table of token vectors, and counts once

    The count grows linearly with V and with n; that of a table of n-grams is V to the power n.
    Raises ValueError for a size below 1.  §2 of Bengio et al. 2003, below equation 1.

    >>> parameter_count(1000, 3, 30, 50, direct=True)  # 1000 · (1 + 4·30 + 50) + 50 · (1 + 3·30)
    175550
    """
    require_counts(vocab_size=vocab_size, n_context=n_context, d_model=d_model, d_hidden=d_hidden)
    x = n_context * d_model
    embedding, hidden, output = vocab_size * d_model, d_hidden * x + d_hidden, vocab_size * d_hidden + vocab_size
    return embedding + hidden + output + direct * vocab_size * x - tied * embedding


class ContextCache:
    """The tokens that a neural n-gram has read, of which it looks at the last few.

    ids           (B, length) int64, or None before the first
    length        tokens seen
    left_padding  (B,) how many of them at the left of each row are padding, or None
    """

    def __init__(self) -> None:
        self.ids: Tensor | None = None
        self.left_padding: Tensor | None = None

    @property
    def length(self) -> int:
        """The number of tokens seen in each row, 0 before the first."""
        return 0 if self.ids is None else self.ids.size(1)

    def extend(self, ids: Tensor) -> Tensor:
        """Put tokens (B, T) behind those that it holds, and return all of them."""
        self.ids = ids if self.ids is None else torch.cat([self.ids, ids], dim=1)
        return self.ids

    def reorder(self, rows: Tensor) -> None:
        """Keep, permute or repeat rows of the batch: rows (B',) int64, indices of rows as they are now."""
        self.ids = None if self.ids is None else self.ids[rows.to(self.ids.device)]
        if self.left_padding is not None:
            self.left_padding = self.left_padding[rows.to(self.left_padding.device)]

    def truncate(self, length: int) -> None:
        """Forget the tokens from number `length` on, as if they had not been read.

        Raises ValueError when length is negative or more than it has seen.
        """
        if not 0 <= length <= self.length:
            raise ValueError(f"length must be between 0 and {self.length}, the tokens seen, got {length}")
        self.ids = None if self.ids is None or length == 0 else self.ids[:, :length]


class NeuralNgram(nn.Module):
    """Predict the next token of every position from the last n_context tokens: a `course_lib.language_model`.

    vocab_size  V
    n_context   n − 1, tokens that it looks at, the current one included
    d_model     m, features of a token
    d_hidden    h
    direct      whether the vectors also go to the logits directly, by W
    tied        whether U is the table of token vectors itself; needs d_hidden = d_model

    Parameters: `tokens` (C of the paper), `hidden` (H, d), `to_logits` (U, b) and, or None, `direct` (W).
    `seq_len` is None: any length can be read.
    Raises ValueError when a size is less than 1, or tied with d_hidden other than d_model.
    """

    seq_len = None

    def __init__(
        self,
        vocab_size: int,
        n_context: int = 4,
        d_model: int = 64,
        d_hidden: int = 128,
        direct: bool = False,
        tied: bool = False,
    ) -> None:
        super().__init__()
        require_counts(vocab_size=vocab_size, n_context=n_context, d_model=d_model, d_hidden=d_hidden)
        self.vocab_size, self.n_context = vocab_size, n_context
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.hidden = nn.Linear(n_context * d_model, d_hidden)
        self.to_logits = nn.Linear(d_hidden, vocab_size)
        self.direct = nn.Linear(n_context * d_model, vocab_size, bias=False) if direct else None
        nn.init.normal_(self.tokens.weight, std=0.3)
        if tied:
            tie_weights(self)

    def forward(self, ids: Tensor, cache: ContextCache | None = None, left_padding: Tensor | None = None) -> Tensor:
        """Return the logits of the token that follows each.

        ids           (B, T) token ids
        cache         from `new_cache`: read the ids after the tokens that it has seen, and add them to it
        left_padding  (B,) int64, how many ids at the left of each row are padding: they are vectors of zeros, as what
                      lies before a text is, and the logits after them mean nothing. A cache remembers it
        returns       (B, T, V)

        Raises ValueError for ids outside the vocabulary, and a left_padding of another shape, out of its range, or
        after the first call with a cache.
        """
        require_left_padding(left_padding, len(ids), ids.size(1), seen=0 if cache is None else cache.length)
        n_new = n_read = ids.size(1)
        if cache is not None:
            cache.left_padding = left_padding = cache.left_padding if cache.length else left_padding
            ids = cache.extend(ids)[:, -(n_new + self.n_context - 1) :]
            n_read = cache.length
        vectors = look_up(self.tokens, ids)
        if left_padding is not None:
            places = torch.arange(n_read - ids.size(1), n_read, device=ids.device)
            vectors = vectors.masked_fill((places < left_padding[:, None])[..., None], 0.0)
        x = windows(vectors, self.n_context)[:, -n_new:].flatten(2)  # (B, T, (n − 1) m)
        logits = self.to_logits(self.hidden(x).tanh())
        return logits if self.direct is None else logits + self.direct(x)

    def new_cache(self, batch_size: int, max_len: int) -> ContextCache:
        """Return the cache of nothing read yet; it grows as it is filled, whatever the arguments say."""
        return ContextCache()


def tie_weights(model: NeuralNgram) -> None:
    """Make the output matrix U the table of token vectors: one parameter, learned from both sides.

    A token that is likely next is then one whose vector points where tanh(d + H x) points.
    Raises ValueError unless d_hidden = d_model.  Press and Wolf 2017.
    """
    shapes = tuple(model.to_logits.weight.shape), tuple(model.tokens.weight.shape)
    if shapes[0] != shapes[1]:
        raise ValueError(f"tying needs d_hidden = d_model: to_logits has the shape {shapes[0]}, tokens {shapes[1]}")
    model.to_logits.weight = model.tokens.weight
