"""The algorithms of lesson 02 step by step, as one writes them first: on lists of strings, counting everything again.

They say the same as the classes of this package, a hundred times more slowly, and the tests hold the two against each
other. A *word* is a pair (tokens, times): the tokens that it is cut into now, and how often it occurs in the text.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from torch import Tensor

from course_lib.arguments import require_counts
from course_lib.tokenization.characters import require_special_tokens
from course_lib.tokenization.pretokenize import gpt2_words, to_bytes
from course_lib.tokenization.unigram import BLANK
from course_lib.tokenization.wordpiece import CONTINUES, UNKNOWN

Pair = tuple[str, str]
Word = tuple[Sequence[str], int]


def unknown_share(words: Sequence[str], vocab: Sequence[str]) -> float:
    """Return which share of the running words is not in the vocabulary; 0.0 for no words at all.

    >>> unknown_share(["the", "mouse", "the", "cat"], ["the", "mouse"])
    0.25
    """
    known = set(vocab)
    return sum(word not in known for word in words) / len(words) if words else 0.0


def pair_counts(words: Sequence[Word]) -> dict[Pair, int]:
    """Return how often each pair of neighbouring tokens occurs in the text.

    words    (tokens, times) of each different word
    returns  (left, right) → occurrences, a word that occurs n times counted n times

    >>> pair_counts([(["l", "o", "w"], 5), (["l", "o"], 2)])
    {('l', 'o'): 7, ('o', 'w'): 5}
    """
    counts: Counter[Pair] = Counter()
    for tokens, times in words:
        for pair in pairwise(tokens):
            counts[pair] += times
    return dict(counts)


def merge_pair(tokens: Sequence[str], pair: Pair) -> list[str]:
    """Return the tokens with each occurrence of the pair, from the left and without overlaps, made one token.

    >>> merge_pair(["a", "a", "a"], ("a", "a"))
    ['aa', 'a']
    """
    merged, i = [], 0
    while i < len(tokens):
        width = 2 if tuple(tokens[i : i + 2]) == tuple(pair) else 1
        merged.append("".join(tokens[i : i + width]))
        i += width
    return merged


def train_bpe(words: Sequence[Word], n_merges: int) -> list[Pair]:
    """Return the first n_merges merges of BPE, fewer if no pair is left.

    words   (tokens, times) of each different word, cut into characters

    Each time the most frequent pair; among equally frequent ones the pair that sorts first. ValueError for a negative
    n_merges.

    >>> train_bpe([(list("newest"), 6), (list("widest"), 3)], 3)
    [('e', 's'), ('es', 't'), ('e', 'w')]
    """
    require_counts(0, n_merges=n_merges)
    merges: list[Pair] = []
    while len(merges) < n_merges and (counts := pair_counts(words)):
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        words = [(merge_pair(tokens, best), times) for tokens, times in words]
    return merges


def bpe_encode(word: str, merges: Sequence[Pair]) -> list[str]:
    """Return the tokens of a word: its characters, merged in the order of the ranks.

    merges   in the order in which training found them

    >>> bpe_encode("aab", [("a", "b"), ("a", "a")])
    ['a', 'ab']
    """
    tokens = list(word)
    for pair in merges:
        tokens = merge_pair(tokens, pair)
    return tokens


def bpe_decode(ids: Sequence[int], vocab: Sequence[Sequence[int]]) -> str:
    """Return the text of byte-level ids; what is not valid UTF-8 becomes U+FFFD.

    vocab   the bytes, 0 … 255, of each token

    Raises ValueError for an id outside 0 … V − 1.

    >>> bpe_decode([1, 0], [[0xA9], [0x61, 0xC3]])
    'aé'
    """
    for i in ids:
        if not 0 <= i < len(vocab):
            raise ValueError(f"ids must lie in 0 … {len(vocab) - 1}, got {i}")
    return bytes(byte for i in ids for byte in vocab[i]).decode("utf-8", errors="replace")


class Tokenizer:
    """A byte-level BPE tokenizer made of the steps above.

    merges          pairs (left, right) in the order of training, on words in which byte b is the character chr(b)
    special_tokens  texts that have ids by themselves; none is part of another

    Ids 0 … 255 are the bytes, then come the tokens that the merges make, each once, then the special tokens.
    Raises ValueError for a special token that is empty or occurs twice.

    >>> tokenizer = Tokenizer([("a", "b")], ["<|end|>"])
    >>> tokenizer.encode("abé<|end|>", allow_special=True)
    [256, 195, 169, 257]
    """

    def __init__(self, merges: Sequence[Pair], special_tokens: Sequence[str] = ()) -> None:
        require_special_tokens(special_tokens)
        self.merges = list(merges)
        tokens = list(dict.fromkeys([*map(chr, range(256)), *(left + right for left, right in merges)]))
        self.ids = {token: i for i, token in enumerate(tokens)}
        self.special = {token: len(tokens) + i for i, token in enumerate(special_tokens)}
        self.vocab = [*(token.encode("latin-1") for token in tokens), *(token.encode() for token in special_tokens)]

    def encode(self, text: str, allow_special: bool = False) -> list[int]:
        """Return the ids of a text; its special tokens become their ids if `allow_special`, else they are text."""
        special = self.special if allow_special else {}
        names = "|".join(map(re.escape, special))
        ids: list[int] = []
        for piece in re.split(f"({names})", text) if special else [text]:
            if piece in special:
                ids.append(special[piece])
                continue
            for word in gpt2_words(piece):
                ids += [self.ids[token] for token in bpe_encode(to_bytes(word).decode("latin-1"), self.merges)]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids; what is not valid UTF-8 becomes U+FFFD. ValueError for an id that no token has."""
        return bpe_decode(ids, self.vocab)


def wordpiece_encode(word: str, vocab: Sequence[str]) -> list[str]:
    """Return the pieces of a word, the longest that fits first; ["[UNK]"] if some part fits none.

    >>> wordpiece_encode("mousehole", ["mouse", "##ho", "##hole", "##le"])
    ['mouse', '##hole']
    """
    pieces, start, known = [], 0, set(vocab)
    while start < len(word):
        prefix = CONTINUES if start else ""
        fitting = (end for end in range(len(word), start, -1) if prefix + word[start:end] in known)
        end = next(fitting, None)
        if end is None:
            return [UNKNOWN]
        pieces.append(prefix + word[start:end])
        start = end
    return pieces


def wordpiece_score(words: Sequence[Word]) -> dict[Pair, float]:
    """Return count(ab) / (count(a) · count(b)) of each pair of neighbouring tokens.

    >>> wordpiece_score([(["q", "##u"], 2), (["t"], 3)])
    {('q', '##u'): 0.5}
    """
    single: Counter[str] = Counter()
    for tokens, times in words:
        for token in tokens:
            single[token] += times
    return {(a, b): count / (single[a] * single[b]) for (a, b), count in pair_counts(words).items()}


def unigram_segment(word: str, log_probs: Mapping[str, float]) -> tuple[list[str], float]:
    """Return the most probable cut of a word into pieces, and its log probability in nats.

    log_probs   piece → log probability

    Raises ValueError when the pieces cannot spell the word.

    >>> unigram_segment("ab", {"a": -1.0, "b": -1.0, "ab": -2.5})
    (['a', 'b'], -2.0)
    """
    best: list[tuple[float, int]] = [(0.0, 0)]  # of each beginning: log probability, where its last piece begins
    for end in range(1, len(word) + 1):
        cuts = [(best[i][0] + log_probs[word[i:end]], i) for i in range(end) if word[i:end] in log_probs]
        best.append(max(cuts, default=(-math.inf, 0)))
    if best[-1][0] == -math.inf:
        raise ValueError(f"the pieces cannot spell {word!r}")
    pieces, end = [], len(word)
    while end:
        start = best[end][1]
        pieces.append(word[start:end])
        end = start
    return pieces[::-1], best[-1][0]


def lossless_words(text: str) -> list[str]:
    """Return the words of a text, each with the blank before it as ▁; other white space is a word by itself.

    Joined, with blanks for ▁, they are the text again.

    >>> lossless_words("the  mouse")
    ['the', '▁', '▁mouse']
    """
    return re.findall(rf"{BLANK}?[^\s{BLANK}]+|{BLANK}|\s", text.replace(" ", BLANK))


def nats_per_byte(log_probs: Tensor, text: str) -> float:
    """Return the surprise at a text per byte of its UTF-8 form, whatever its tokens.

    log_probs   (N,) log probability, in nats, that the model gave to each token of the text
    """
    return -log_probs.double().sum().item() / len(to_bytes(text))
