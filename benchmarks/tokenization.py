"""Byte-level BPE against two Rust libraries: Hugging Face `tokenizers`, with two threads, and OpenAI's `tiktoken`."""

import os
from collections.abc import Callable

import tiktoken
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from benchmarks.timing import alternate, row
from course_lib.data.corpora import python_sources
from course_lib.tokenization import BPE, train_bpe
from course_lib.tokenization.pretokenize import GPT2_PATTERN, gpt2_words


def compare() -> list[dict]:
    os.environ["RAYON_NUM_THREADS"] = "2"  # read when the peer's first thread starts
    text = python_sources()
    return [_training(text, 4096), _training(text, 8192), *_encoding(text)]


def _training(text: str, vocab_size: int) -> dict:
    documents, found = text.split("\n\n\n"), {}  # many, so that both of the peer's threads have work

    def ours() -> None:
        found["ours"] = train_bpe(documents, vocab_size)

    def peer() -> None:
        found["peer"] = _train_hugging_face(documents, vocab_size)

    measured = alternate(ours, peer, seconds=15, warm_up=False)
    assert found["ours"].ids == found["peer"].get_vocab(), "both must find the same tokens"
    return row(
        f"BPE training, {len(text) / 1e6:.1f} MB of Python sources, vocabulary {vocab_size:,}",
        "tokenizers, ByteLevel trainer, 2 threads (Rust)",
        measured,
        goal=1.2,
        note="equal tokens and ids; ours is plain Python, 1 thread",
        why="Cutting the text into words takes most of our time, in one thread; the peer does it in two.",
    )


def _train_hugging_face(documents: list[str], vocab_size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def _encoding(text: str) -> list[dict]:
    trained = train_bpe(text[:2_000_000], 8192)
    unread = python_sources(500_000, held_out=True)
    words = len(set(gpt2_words(unread)))
    return [
        _encoding_row(trained, unread, "tiktoken (Rust)", _tiktoken, 2.0, words),
        _encoding_row(trained, unread, "tokenizers (Rust)", _hugging_face, 0.4, words),
    ]


def _encoding_row(trained: BPE, text: str, name: str, new_peer: Callable, goal: float, words: int) -> dict:
    rounds = 15  # and a warm-up; a tokenizer that has seen the text is no longer cold
    ours = [BPE(trained.tokens, trained.merges) for _ in range(rounds + 1)]
    peers = [new_peer(trained) for _ in range(rounds + 1)]
    assert trained.encode(text) == new_peer(trained)(text), "both must find the same ids"
    return row(
        "BPE encoding, one string of 0.5 MB, cold",
        name,
        alternate(lambda: ours.pop().encode(text), lambda: peers.pop()(text), most=rounds),
        goal,
        note="equal ids; a new tokenizer for each round, ready before the watch starts",
        why=f"Each of the {words:,} different words is merged once, about 9 µs in Python; repeats are cheap.",
    )


def _tiktoken(trained: BPE) -> Callable[[str], list[int]]:
    ranks = {token: i for i, token in enumerate(trained.token_bytes)}
    encoding = tiktoken.Encoding("ours", pat_str=GPT2_PATTERN.pattern, mergeable_ranks=ranks, special_tokens={})
    return encoding.encode_ordinary


def _hugging_face(trained: BPE) -> Callable[[str], list[int]]:
    tokenizer = Tokenizer(models.BPE(trained.ids, trained.merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return lambda text: tokenizer.encode(text).ids
