"""Two tiny language models that keep to the contract: a table (no cache), and one that remembers all it has read.

And what decoding is compared with: the same model without its cache, and all texts that there are.
"""

import itertools
from collections.abc import Iterator

import torch
from torch import nn


class TableLM(nn.Module):
    """The next token depends on the last one alone: its logits are a row of a table (V, V)."""

    seq_len = None

    def __init__(self, table):
        super().__init__()
        self.vocab_size = len(table)
        self.table = nn.Parameter(table)

    def forward(self, ids):
        return self.table[ids]


class Memory:
    """What `HistoryLM` has read: the sums of its embeddings so far, one for each token. It cannot forget."""

    def __init__(self):
        self.sums, self.length = None, 0

    def reorder(self, rows):
        self.sums = self.sums[rows]


class ForgettingMemory(Memory):
    def truncate(self, length):
        self.sums, self.length = self.sums[:, :length], length


class HistoryLM(nn.Module):
    """The next token depends on every token before and on its place. Counts what it was given to read."""

    def __init__(self, vocab_size=7, seq_len=None, seed=0, dropout=0.0, memory=ForgettingMemory):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.vocab_size, self.seq_len, self.memory = vocab_size, seq_len, memory
        self.embedding = nn.Parameter(torch.randn(vocab_size, 5, generator=generator))
        self.out = nn.Parameter(torch.randn(5, vocab_size, generator=generator))
        self.dropout = nn.Dropout(dropout)
        self.calls, self.read, self.widest = 0, 0, 0

    def new_cache(self, batch_size, max_len):
        return self.memory()

    def forward(self, ids, cache=None):
        start = 0 if cache is None else cache.length
        end = start + ids.size(1)
        self.calls, self.read, self.widest = self.calls + 1, self.read + ids.numel(), max(self.widest, end)
        places = torch.arange(start, end, device=ids.device)
        sums = (self.embedding[ids] * torch.cos(0.7 * places)[:, None]).cumsum(1)
        if start:
            sums = sums + cache.sums[:, -1:]
        if cache is not None:
            cache.sums, cache.length = torch.cat([cache.sums, sums], 1) if start else sums, end
        return self.dropout(torch.tanh(sums)) @ self.out


class WithoutCache(nn.Module):
    """The same model, without a cache."""

    def __init__(self, model):
        super().__init__()
        self.model, self.vocab_size, self.seq_len = model, model.vocab_size, model.seq_len

    def forward(self, ids):
        return self.model(ids)


def every_continuation(vocab_size: int, length: int, eos_id: int | None) -> Iterator[list[int]]:
    """Yield all texts that end with eos_id (and have it nowhere else) or have this length."""
    for n in range(1, length + 1):
        for tokens in itertools.product(range(vocab_size), repeat=n):
            if eos_id not in tokens[:-1] and (n == length or tokens[-1] == eos_id):
                yield list(tokens)
