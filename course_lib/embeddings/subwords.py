"""fastText: a word's vector is the mean of its own and of those of its character n-grams.

So “cheesy” has a vector even if the text never showed it: that of its pieces `<ch`, `che`, `hee`, … (Bojanowski et
al. 2017). There are too many n-grams to name: each is hashed to one of a fixed number of buckets, and those that
meet in a bucket share its vector.
"""

from collections.abc import Sequence
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.arguments import require_counts
from course_lib.embeddings.table import Table, small_random


def fasttext_ngrams(word: str, min_n: int = 3, max_n: int = 6) -> list[str]:
    """Return the character n-grams of a word between the marks < and >, shorter ones first, each from left to right.

    word     any string; n counts characters, not bytes
    min_n    length of the shortest
    max_n    length of the longest; up to it, `<word>` itself is among them
    returns  n-grams, as often as they occur; the marks alone are none

    Raises ValueError unless 1 ≤ min_n ≤ max_n.  §3.2 of Bojanowski et al. 2017.

    >>> fasttext_ngrams("cat", 3, 4)
    ['<ca', 'cat', 'at>', '<cat', 'cat>']
    """
    require_counts(min_n=min_n, max_n=max_n)
    if min_n > max_n:
        raise ValueError(f"min_n must be at most max_n = {max_n}, got min_n = {min_n}")
    marked = f"<{word}>"
    return [
        marked[i : i + n]
        for n in range(min_n, max_n + 1)
        for i in range(len(marked) - n + 1)
        if n > 1 or 0 < i <= len(word)
    ]


def fnv1a(text: str) -> int:
    """Return fastText's 32-bit hash of a string's UTF-8 bytes.

    FNV-1a (Fowler, Noll and Vo), but for one thing: fastText reads bytes as signed, so that those from 128 up flip the
    upper 24 bits too. For ASCII the two are the same.

    >>> fnv1a("a") == 0xE40C292C  # from the authors' list of test values
    True
    """
    value = 2166136261
    for byte in text.encode("utf-8", "surrogatepass"):
        signed = byte - 256 if byte > 127 else byte
        value = ((value ^ (signed & 0xFFFFFFFF)) * 16777619) & 0xFFFFFFFF
    return value


class SubwordTable(Table):
    """Input vectors built from subwords, to train `Word2Vec` with.

    words      V words
    d_model    D, numbers in a vector
    generator  of the first vectors; they live on its device
    n_buckets  vectors that all n-grams share
    min_n      length of the shortest n-gram
    max_n      length of the longest

    `rows` (V + n_buckets, D) has the words' own vectors, then those of the buckets. `take` and `step` take a word's id
    to mean the mean of its rows.  Bojanowski et al. 2017; the buckets are those of the fastText program.
    Raises ValueError for sizes below 1 and a min_n above max_n.
    """

    def __init__(
        self,
        words: Sequence[str],
        d_model: int,
        generator: torch.Generator,
        *,
        n_buckets: int = 50_000,
        min_n: int = 3,
        max_n: int = 6,
    ) -> None:
        require_counts(d_model=d_model, n_buckets=n_buckets)
        fasttext_ngrams("", min_n, max_n)  # refuses lengths that make no sense, even where there are no words
        super().__init__(small_random(len(words) + n_buckets, d_model, generator))
        self.n_words, self.n_buckets, self.min_n, self.max_n = len(words), n_buckets, min_n, max_n
        self.ids = {word: i for i, word in enumerate(words)}
        members = [[i, *self.buckets(word)] for i, word in enumerate(words)]
        lengths = torch.tensor([len(rows) for rows in members], device=generator.device)
        self._members = torch.tensor(list(chain.from_iterable(members)), device=generator.device)
        self._lengths, self._starts = lengths, lengths.cumsum(0) - lengths

    def buckets(self, word: str) -> list[int]:
        """Return the rows of a word's n-grams."""
        return [self.n_words + fnv1a(ngram) % self.n_buckets for ngram in fasttext_ngrams(word, self.min_n, self.max_n)]

    def take(self, ids: Tensor) -> Tensor:
        """Return the vectors of ids (…) as a tensor (…, D)."""
        members, lengths = self._members_of(ids.flatten())
        vectors = F.embedding_bag(members, self.rows, lengths.cumsum(0) - lengths, mode="mean")
        return vectors.view(*ids.shape, -1)

    def step(self, ids: Tensor, gradient: Tensor, lr: float) -> None:
        """Move the rows that the vectors of ids (…) are means of, against their gradient (…, D)."""
        members, lengths = self._members_of(ids.flatten())
        shares = gradient.flatten(end_dim=-2) / lengths[:, None]
        super().step(members, shares.repeat_interleave(lengths, dim=0), lr)

    def vectors(self) -> Tensor:
        """Return the vectors of all words, (V, D)."""
        return self.take(torch.arange(self.n_words, device=self.rows.device))

    def vector(self, word: str) -> Tensor:
        """Return the vector (D,) of any word: for an unknown one the mean of its n-grams', zeros if it has none."""
        if word in self.ids:
            return self.take(torch.tensor(self.ids[word], device=self.rows.device))
        rows = self.buckets(word)
        return self.rows[rows].mean(dim=0) if rows else self.rows.new_zeros(self.rows.size(1))

    def _members_of(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return the rows of all ids (n,), one word after the other, and how many each has, (n,)."""
        lengths = self._lengths[ids]
        # word k's rows start at _starts[k], and go to the place where those of the ids before it end
        shift = (self._starts[ids] - (lengths.cumsum(0) - lengths)).repeat_interleave(lengths)
        return self._members[shift + torch.arange(len(shift), device=ids.device)], lengths
