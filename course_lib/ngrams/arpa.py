"""ARPA files: the text format in which n-gram models have been passed around since the 1990s (SRILM, KenLM, kaldi …).

A line is `log10 probability <tab> words <tab> log10 back-off weight`; the n-grams of each length are under a
heading. −99 stands for the logarithm of 0. Such a file describes exactly an `NGramModel` whose `unseen` is 0.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from course_lib.ngrams.model import NGramModel
from course_lib.ngrams.trie import Trie

_ZERO = -99.0
_LN10 = math.log(10)


def write_arpa(model: NGramModel, path: str | Path, vocabulary: Sequence[str]) -> None:
    """Write the model as an ARPA file, numbers with ten digits.

    vocabulary  the V words by id: all different, not empty, without white space. KenLM wants "<s>", "</s>" and "<unk>"
                among them

    Raises ValueError for other words, and for a model that ARPA cannot express (`mle`, `stupid_backoff`).
    """
    words = list(vocabulary)
    if len(words) != model.vocab_size or len(set(words)) != len(words):
        raise ValueError(f"vocabulary must be {model.vocab_size} different words, got {len(set(words))}")
    unfit = [word for word in words if word.split() != [word]]
    if unfit:
        raise ValueError(f"the words of an ARPA file have no white space, got {unfit[0]!r}")
    if model.unseen != 0:
        raise ValueError("in an ARPA file a history that is not listed has weight 1; this model says otherwise")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\\data\\\n")
        file.writelines(f"ngram {length}={size}\n" for length, size in enumerate(model.trie.sizes, start=1))
        for length in range(1, model.order + 1):
            file.write(f"\n\\{length}-grams:\n")
            file.writelines(_lines(model, length, words))
        file.write("\n\\end\\\n")


def _lines(model: NGramModel, length: int, words: list[str]) -> Iterator[str]:
    log_probs = _to_log10(model.log_prob[length - 1])
    ngrams = model.trie.ngrams(length).tolist()
    if length == model.order:
        for log_prob, ngram in zip(log_probs, ngrams):
            yield f"{log_prob:.10g}\t{' '.join([words[token] for token in ngram])}\n"
    else:
        for log_prob, ngram, weight in zip(log_probs, ngrams, _to_log10(model.log_backoff[length - 1])):
            yield f"{log_prob:.10g}\t{' '.join([words[token] for token in ngram])}\t{weight:.10g}\n"


def _to_log10(nats: np.ndarray) -> list[float]:
    return np.where(np.isneginf(nats), _ZERO, nats / _LN10).tolist()


def read_arpa(path: str | Path) -> tuple[NGramModel, list[str]]:
    """Return the model of an ARPA file and its vocabulary, the words in the order of the file's single words.

    Raises ValueError, with the line, for what is not an ARPA file and for an n-gram whose beginning is not listed.
    """
    words: list[str] = []
    ids: dict[str, int] = {}
    keys: list[np.ndarray] = []
    log_prob: list[np.ndarray] = []
    log_backoff: list[np.ndarray] = []
    for length, rows in enumerate(_sections(path), start=1):
        texts = [row[1] for row in rows]
        if length == 1:
            words, ids = texts, {word: number for number, word in enumerate(texts)}
        try:
            tokens = [ids[word] for text in texts for word in text.split(" ")]
        except KeyError as error:
            raise ValueError(f"{path}: the word {error} of a {length}-gram is not among the single words") from None
        ngrams = np.array(tokens, dtype=np.int64).reshape(len(rows), length)
        order = np.arange(len(rows))
        if length > 1:
            histories = Trie(len(words), keys).numbers(ngrams[:, :-1])
            if (histories < 0).any():
                raise ValueError(f"{path}: the beginning of {texts[int(histories.argmin())]!r} is not listed")
            section = histories * len(words) + ngrams[:, -1]
            order = np.argsort(section)
            keys.append(section[order])
        log_prob.append(_to_nats([float(row[0]) for row in rows])[order])
        log_backoff.append(_to_nats([float(row[2]) if len(row) > 2 else 0.0 for row in rows])[order])
    return NGramModel(Trie(len(words), keys), log_prob, log_backoff[:-1]), words


def _to_nats(log10: list[float]) -> np.ndarray:
    values = np.array(log10)
    return np.where(values <= _ZERO, -np.inf, values * _LN10)


def _sections(path: str | Path) -> Iterator[list[list[str]]]:
    """Yield the rows of each length, [log10 p, words, maybe log10 weight], after the sizes have been checked."""
    sizes: list[int] = []
    rows: list[list[str]] = []
    length = 0
    with open(path, encoding="utf-8") as file:
        lines = (line.strip("\r\n") for line in file)
        if next((line for line in lines if line), "") != "\\data\\":
            raise ValueError(f"{path} is not an ARPA file: its first line must be \\data\\")
        for line in lines:
            if not line:
                continue
            if line.startswith("\\"):
                if length and len(rows) != sizes[length - 1]:
                    raise ValueError(f"{path}: {sizes[length - 1]} {length}-grams announced, {len(rows)} found")
                if length:
                    yield rows
                if line == "\\end\\":
                    return
                rows, length = [], length + 1
                if line != f"\\{length}-grams:" or length > len(sizes):
                    raise ValueError(f"{path}: expected \\{length}-grams: or \\end\\, got {line!r}")
            elif not length:
                sizes.append(int(line.split("=")[1]))
            else:
                rows.append(line.split("\t"))
    raise ValueError(f"{path} ends before \\end\\")
