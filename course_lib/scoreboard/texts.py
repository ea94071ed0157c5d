"""The two texts of the scoreboard, as streams of token ids: the toy language, and English.

- "mouse": the mouse-and-cheese world, a token a word. It is known exactly, so its entropy rate is a floor that no model
  gets below except by luck.
- "english": the prose of Python's standard library (`course_lib.data.corpora`), in tokens of a byte-level BPE that was
  trained on the training text. Nobody knows its entropy. How long a token is depends on the tokenizer, so numbers
  compare only in this one's tokens; bits per byte compare with everybody's.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from course_lib.data import corpora
from course_lib.data.mouse_and_cheese import MouseAndCheese
from course_lib.tokenization import BPE, train_bpe

CORPORA = {"mouse": "the mouse-and-cheese world", "english": "English, from the standard library"}
VOCABULARY = 1024  # tokens of the English BPE


@lru_cache(maxsize=1)
def language() -> MouseAndCheese:
    """Return the toy language of the course, built once."""
    return MouseAndCheese()


@lru_cache(maxsize=1)
def tokenizer() -> BPE:
    """Return the tokenizer of the English text: byte-level BPE with 1,024 tokens, trained on the training text."""
    return train_bpe(corpora.english(), VOCABULARY)


def vocab_size(corpus: str = "mouse") -> int:
    """Return V, the number of different tokens."""
    return len(language().vocabulary) if known(corpus) == "mouse" else VOCABULARY


def entropy_rate(corpus: str = "mouse") -> float | None:
    """Return the nats per token that no model gets below; None where nobody knows (English)."""
    return language().entropy_rate if known(corpus) == "mouse" else None


def training(n_tokens: int | None = 300_000, corpus: str = "mouse") -> Tensor:
    """Return the beginning of the course's training stream: int64 (n_tokens,), always the same.

    n_tokens  how many; a longer stream begins with the shorter one. None: all the English there is (about 390,000 in
              Python 3.11), 300,000 of the toy language
    corpus    a key of CORPORA

    No token of it is in `held_out()`. Raises ValueError for more tokens than there are, or fewer than 1.
    """
    if known(corpus) == "english":
        stream = _english(False)
        n_tokens = len(stream) if n_tokens is None else n_tokens
        if not 1 <= n_tokens <= len(stream):
            raise ValueError(f"n_tokens must be between 1 and the {len(stream):,} there are, got {n_tokens}")
        return stream[:n_tokens].clone()
    n_tokens = 300_000 if n_tokens is None else n_tokens
    if n_tokens < 1:
        raise ValueError(f"n_tokens must be >= 1, got {n_tokens}")
    return _mouse(1, n_tokens).clone()


def held_out(corpus: str = "mouse") -> Tensor:
    """Return the tokens on which every model is measured, int64 (N,): 20,000 words, or about 26,000 of English."""
    return (_mouse(2, 20_000) if known(corpus) == "mouse" else _english(True)).clone()


def bits_per_byte(nats_per_token: float) -> float:
    """Turn nats per English token into bits per byte of UTF-8, on the held-out text: comparable over tokenizers."""
    n_bytes = len(corpora.english(held_out=True).encode())
    return nats_per_token * len(_english(True)) / n_bytes / math.log(2)


def known(corpus: str) -> str:
    """Return the name of a corpus. Raises ValueError when there is no such corpus."""
    if corpus not in CORPORA:
        raise ValueError(f"corpus must be one of {', '.join(CORPORA)}, got {corpus!r}")
    return corpus


@lru_cache(maxsize=4)
def _mouse(seed: int, n_tokens: int) -> Tensor:
    return language().stream(n_tokens, torch.Generator().manual_seed(seed))


@lru_cache(maxsize=2)
def _english(held_out: bool) -> Tensor:
    return torch.tensor(tokenizer().encode(corpora.english(held_out=held_out)))
