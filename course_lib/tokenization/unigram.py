"""Unigram: a vocabulary of pieces with probabilities; a text is cut where the product of probabilities is largest.

Kudo (2018). Training goes the other way round from BPE: it starts with far too many pieces, estimates their
probabilities by EM over all ways to cut, and drops those that are missed least. It is one of the two algorithms in
the SentencePiece *library* (Kudo and Richardson 2018); the other is BPE. What SentencePiece adds to either is that the
blank is written as a symbol, ▁, so that pieces joined are the text again; that is done here too.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain, groupby
from pathlib import Path

import regex

from course_lib.arguments import require_counts, require_finite
from course_lib.tokenization.cache import WordCache
from course_lib.tokenization.characters import UNKNOWN, checked_ids
from course_lib.tokenization.pretokenize import count_words

BLANK = "▁"  # U+2581
_WORDS = regex.compile(rf"{BLANK}?[^\s{BLANK}]+|{BLANK}|\s")
_UNKNOWN_PENALTY = 10.0  # nats by which an unknown character is less probable than the rarest piece
_MAX_LENGTH = 12  # characters of a piece, in training
_MIN_COUNT = 0.5  # expected occurrences below which a piece is dropped


def blank_words(text: str) -> list[str]:
    """Return the words of a text, each with the blank before it as ▁; other white space is a word by itself.

    >>> blank_words("the  mouse ate")
    ['the', '▁', '▁mouse', '▁ate']
    """
    return _WORDS.findall(text.replace(" ", BLANK))


class Unigram:
    """A Unigram tokenizer.

    log_probs   piece → its log probability in nats, blanks written as ▁. Id 0 is <unk>, the pieces follow in order

    Raises ValueError when there is no piece, or one of them is empty or "<unk>" or has a probability of 0.
    """

    def __init__(self, log_probs: Mapping[str, float]) -> None:
        self.log_probs = dict(log_probs)
        for piece, log_prob in self.log_probs.items():
            require_finite(**{f"log_probs[{piece!r}]": log_prob})
        if not self.log_probs or "" in self.log_probs or UNKNOWN in self.log_probs:
            raise ValueError(f"log_probs must hold pieces, none empty or {UNKNOWN!r}, got {list(self.log_probs)[:5]} …")
        self.tokens = [UNKNOWN, *self.log_probs]
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        self._longest = max(map(len, self.log_probs))
        self._unknown = min(self.log_probs.values()) - _UNKNOWN_PENALTY
        self._cache = WordCache(self._encode_word)

    @property
    def vocab_size(self) -> int:
        """Number of pieces and <unk>."""
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """Return the ids of the most probable cut of each word; unknown characters in a row are one <unk>."""
        return list(chain.from_iterable(map(self._cache.__getitem__, blank_words(text))))

    def segment(self, word: str) -> tuple[list[str], float]:
        """Return the most probable cut of a string, ▁ for blanks, and its log probability in nats.

        Among equally good cuts the one with the longest last piece wins. A character that no piece covers is a piece
        by itself, 10 nats below the rarest one.

        >>> half, tenth = math.log(0.5), math.log(0.1)
        >>> Unigram({"a": half, "b": half, "ab": tenth}).segment("ab")[0]
        ['a', 'b']
        """
        best, begins = _best_cuts(word, self.log_probs, self._longest, self._unknown)
        pieces, end = [], len(word)
        while end:
            pieces.append(word[begins[end] : end])
            end = begins[end]
        return pieces[::-1], best[-1]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text, ▁ turned into blanks. ValueError for an id that does not exist.

        Exact for every text of known characters that holds no ▁ itself.
        """
        return "".join(self.tokens[i] for i in checked_ids(ids, self.vocab_size)).replace(BLANK, " ")

    def save(self, path: str | Path) -> None:
        """Write the pieces and their log probabilities to a JSON file."""
        Path(path).write_text(json.dumps({"log_probs": self.log_probs}, ensure_ascii=False), "utf-8", "surrogatepass")

    @classmethod
    def load(cls, path: str | Path) -> "Unigram":
        """Read what `save` wrote."""
        return cls(**json.loads(Path(path).read_text("utf-8", "surrogatepass")))

    def _encode_word(self, word: str) -> list[int]:
        pieces, _ = self.segment(word)
        by_kind = groupby(self.ids.get(piece, 0) for piece in pieces)
        return [i for i, same in by_kind for i in (same if i else [0])]


def train_unigram(text: str | Iterable[str], vocab_size: int) -> Unigram:
    """Return a Unigram tokenizer trained on the text.

    text        one text, or documents
    vocab_size  pieces and <unk>; all characters of the text are always pieces. Fewer, if the text has not so many

    Starts from the strings within words that occur at least twice. Then, until few enough are left: two steps of EM;
    drop a quarter of the pieces, those without which the text would lose least probability.
    Raises ValueError when vocab_size has no room for the characters, or the text has none.
    """
    require_counts(vocab_size=vocab_size)
    words = count_words(text, blank_words)
    characters = set().union(*words)
    if not characters:
        raise ValueError("text must hold at least one character, got none")
    if vocab_size < len(characters) + 1:
        raise ValueError(f"vocab_size must be at least {len(characters)} characters + <unk>, got {vocab_size}")
    log_probs = _seed_pieces(words, characters, 10 * vocab_size)
    while True:
        for _ in range(2):
            counts, _ = expected_counts(words, log_probs)
            log_probs = _maximised(counts, characters)
        if len(log_probs) < vocab_size:
            return Unigram(dict(sorted(log_probs.items(), key=lambda item: (-item[1], item[0]))))
        size = max(vocab_size - 1, int(0.75 * len(log_probs)))
        log_probs = _pruned(log_probs, counts, characters, size)


def expected_counts(words: Mapping[str, int], log_probs: Mapping[str, float]) -> tuple[dict[str, float], float]:
    """Return how often each piece is expected in the words, over all ways to cut them: the E-step of EM.

    words      word → times; each of its characters must be a piece
    log_probs  piece → log probability in nats
    returns    piece → expected count, and the log probability of all words, all cuts together, in nats

    A cut counts in proportion to its probability. `forward[t]` is the log probability of the first t characters, all
    their cuts together, `backward[t]` that of the characters from t on.

    >>> counts, total = expected_counts({"ab": 1}, {"a": math.log(0.5), "b": math.log(0.4), "ab": math.log(0.2)})
    >>> {piece: round(count, 3) for piece, count in sorted(counts.items())}, round(math.exp(total), 3)
    ({'a': 0.5, 'ab': 0.5, 'b': 0.5}, 0.4)
    """
    longest, total = max(map(len, log_probs)), 0.0
    counts: dict[str, float] = defaultdict(float)
    for word, times in words.items():
        n = len(word)
        ending = [
            [
                (start, log_probs[p])
                for start in range(max(0, end - longest), end)
                if (p := word[start:end]) in log_probs
            ]
            for end in range(n + 1)
        ]
        forward = [0.0]
        for end in range(1, n + 1):
            forward.append(_log_sum([forward[start] + log_prob for start, log_prob in ending[end]]))
        onward: list[list[float]] = [[] for _ in range(n)] + [[0.0]]
        for end in range(n, 0, -1):
            backward = _log_sum(onward[end])
            for start, log_prob in ending[end]:
                onward[start].append(log_prob + backward)
                counts[word[start:end]] += times * math.exp(forward[start] + log_prob + backward - forward[n])
        total += times * forward[n]
    return counts, total


def _best_cuts(
    word: str, log_probs: Mapping[str, float], longest: int, unknown: float = -math.inf
) -> tuple[list[float], list[int]]:
    """Return, for each beginning word[:end], the log probability of its best cut and where the last piece begins.

    unknown  log probability of a character that is no piece

    The best cut ends in some piece, and what is before that piece is cut best as well (Viterbi 1967).
    """
    best, begins = [0.0], [0]
    for end in range(1, len(word) + 1):
        top, begin = -math.inf, end - 1
        for start in range(max(0, end - longest), end):
            log_prob = log_probs.get(word[start:end])
            if log_prob is not None and best[start] + log_prob > top:
                top, begin = best[start] + log_prob, start
        if word[end - 1] not in log_probs:
            alone = best[end - 1] + unknown
            if alone > top:
                top, begin = alone, end - 1
        best.append(top)
        begins.append(begin)
    return best, begins


def _seed_pieces(words: Mapping[str, int], characters: set[str], size: int) -> dict[str, float]:
    """Return the characters and the strings in words that cover most of the text, with their shares as a start."""
    counts: Counter[str] = Counter()
    for word, times in words.items():
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + _MAX_LENGTH) + 1):
                counts[word[start:end]] += times
    strings = [piece for piece, n in counts.items() if n > 1 and piece not in characters]
    strings.sort(key=lambda piece: (-counts[piece] * len(piece), piece))
    return _maximised({piece: counts[piece] for piece in [*characters, *strings[:size]]}, characters)


def _maximised(counts: Mapping[str, float], characters: set[str]) -> dict[str, float]:
    """Return each piece's share as a log probability: the M-step. Pieces that hardly occur go, characters stay."""
    kept = {piece: max(counts.get(piece, 0.0), _MIN_COUNT) for piece in characters}
    kept |= {piece: n for piece, n in counts.items() if n >= _MIN_COUNT and piece not in characters}
    total = math.log(sum(kept.values()))
    return {piece: math.log(n) - total for piece, n in kept.items()}


def _pruned(
    log_probs: Mapping[str, float], counts: Mapping[str, float], characters: set[str], size: int
) -> dict[str, float]:
    """Return the pieces that the text would miss most, `size` of them, characters always.

    Without a piece, each of its occurrences is cut in the best other way: that costs the difference of the two log
    probabilities.
    """
    longest, loss = max(map(len, log_probs)), {}
    for piece, log_prob in log_probs.items():
        if piece not in characters:
            best, _ = _best_cuts(piece[:-1], log_probs, longest)
            others = (best[k] + log_probs[piece[k:]] for k in range(1, len(piece)) if piece[k:] in log_probs)
            loss[piece] = counts[piece] * (log_prob - max(others))
    missed = sorted(loss, key=lambda piece: (-loss[piece], piece))[: size - len(characters)]
    return {piece: log_probs[piece] for piece in [*characters, *missed]}


def _log_sum(log_probs: list[float]) -> float:
    """Return log Σ exp, without overflow."""
    if len(log_probs) == 1:
        return log_probs[0]
    top = max(log_probs)
    return top + math.log(sum([math.exp(x - top) for x in log_probs]))
