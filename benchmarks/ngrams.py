"""Kneser–Ney against NLTK, against the figures for KenLM's C++ programs, and in scoring against `kenlm.Model`."""

import importlib.util
import math
import re
import tempfile
from pathlib import Path

import numpy as np
from nltk.lm import KneserNeyInterpolated
from nltk.util import everygrams

from benchmarks.timing import alternate, row
from course_lib.data.corpora import english, python_sources
from course_lib.ngrams import NGramModel, count_ngrams, kneser_ney, write_arpa

# KenLM's `lmplz` + `build_binary` on text of this kind, measured apart, with the same perplexity to four decimals
_KENLM_TOKENS_PER_SECOND = {3: 0.8e6, 5: 0.3e6}
_SLICE = 100_000  # tokens that NLTK gets


def compare() -> list[dict]:
    text = re.findall(r"\w+|[^\w\s]", english() + python_sources())
    unread = re.findall(r"\w+|[^\w\s]", english(held_out=True) + python_sources(held_out=True))
    vocabulary = ["<unk>", "<s>", "</s>", *sorted(set(text))]
    ids = {word: i for i, word in enumerate(vocabulary)}
    tokens = np.array([ids[word] for word in text])
    rows = [_training(tokens, order, len(vocabulary)) for order in (3, 5)]
    rows.append(_beside_nltk(text[:_SLICE], order=3))
    rows.append(_scoring(tokens[:500_000], unread, vocabulary, ids))
    return rows


def _training(tokens: np.ndarray, order: int, vocab_size: int) -> dict:
    def ours() -> None:
        kneser_ney(count_ngrams(tokens, order, vocab_size))

    seconds, _ = alternate(ours, lambda: None, seconds=6)
    standing = _KENLM_TOKENS_PER_SECOND[order]
    return row(
        f"Kneser–Ney of order {order}, {len(tokens) / 1e6:.2f} M tokens of Python and English, training",
        f"KenLM, C++: standing figure of {standing / 1e6:.1f} M tokens/s",
        (seconds, len(tokens) / standing),
        goal=1.0,
        note=f"ours: {len(tokens) / seconds / 1e6:.2f} M tokens/s, V = {vocab_size:,}; KenLM not run here",
        why="Sorting the keys of n-grams is most of the work; the standing figure is of another machine.",
    )


def _beside_nltk(text: list[str], order: int) -> dict:
    vocabulary = sorted(set(text))
    ids = {word: i for i, word in enumerate(vocabulary)}
    tokens = np.array([ids[word] for word in text])
    found = {}

    def ours() -> None:
        found["counts"] = count_ngrams(tokens, order, len(vocabulary))
        kneser_ney(found["counts"], discount=0.1)

    def peer() -> None:
        found["peer"] = KneserNeyInterpolated(order)
        found["peer"].fit([everygrams(text, max_len=order)], vocabulary_text=text)

    measured = alternate(ours, peer, seconds=4, warm_up=False)
    for start in range(0, 1000, 10):
        history, word = text[start : start + order - 1], text[start + order - 1]
        count = found["counts"].count([ids[w] for w in [*history, word]])
        assert count == found["peer"].counts[history][word], "both must count the same"
    return row(
        f"Kneser–Ney of order {order}, training on a slice of {len(text):,} tokens",
        "NLTK",
        measured,
        goal=0.01,
        note="equal counts. NLTK only counts here and computes probabilities when asked, about 10 tokens a second",
        why="NLTK postpones all but the counting; ours holds all probabilities when it is done.",
    )


def _scoring(tokens: np.ndarray, unread: list[str], vocabulary: list[str], ids: dict[str, int]) -> dict:
    model, line, found = kneser_ney(count_ngrams(tokens, 3, len(vocabulary))), " ".join(unread), {}

    def ours() -> None:
        found["ours"] = model.log_probs([ids.get(word, 0) for word in line.split()]).sum()

    def peer() -> None:
        found["peer"] = theirs.score(line, bos=False, eos=False) * math.log(10)

    work, name = f"Kneser–Ney of order 3, scoring {len(unread):,} held-out tokens", "kenlm.Model (C++)"
    theirs = _kenlm_of(model, vocabulary)
    if theirs is None:
        seconds, _ = alternate(ours, lambda: None, seconds=2)
        return row(work, name, (seconds, None), 1.5, note="kenlm is not installed: pip install kenlm==0.3.0")
    measured = alternate(ours, peer)
    assert math.isclose(found["ours"], found["peer"], rel_tol=1e-4), "both must find the same probability"
    return row(
        work,
        name,
        measured,
        goal=1.5,
        note="KenLM has read our ARPA file; equal log-probability. Both look the words up",
        why="We search in sorted keys, one order after the other; KenLM asks a hash table, in C++.",
    )


def _kenlm_of(model: NGramModel, vocabulary: list[str]) -> object | None:
    """Return KenLM's model, read from our ARPA file; None where kenlm is not installed."""
    if importlib.util.find_spec("kenlm") is None:
        return None
    import kenlm

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.arpa"
        write_arpa(model, path, vocabulary)
        return kenlm.Model(str(path))
