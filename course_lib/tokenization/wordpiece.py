"""WordPiece: merges chosen by how much more often two pieces meet than chance would have it; BERT's tokenizer.

Schuster and Nakajima (2012) merge the pair that raises the likelihood of the text most. Google never published BERT's
training code; the rule that is usually given, and used here, is the ratio

    score(a, b) = count(ab) / (count(a) · count(b)),

the same ranking as pointwise mutual information. (Hugging Face's WordPieceTrainer counts pairs like BPE instead.) It
is highest for pairs that occur once, of symbols that occur once, so pairs must reach a smallest count. Encoding is
published (Devlin et al. 2018): of each word, take the longest piece that fits, then go on behind it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from course_lib.arguments import require_counts
from course_lib.tokenization.cache import WordCache
from course_lib.tokenization.characters import checked_ids, require_special_tokens
from course_lib.tokenization.pairs import PairCounts
from course_lib.tokenization.pretokenize import bert_normalised, bert_words, count_words

UNKNOWN = "[UNK]"
CONTINUES = "##"  # begins every piece that is not the first of its word
_BERT_LONGEST = 100  # letters of a word that BERT still looks up


class WordPiece:
    """A WordPiece tokenizer: a list of tokens and the rule “longest first”.

    tokens   the token of each id, "[UNK]" among them; a piece within a word begins with "##"
    uncased  None: a text is encoded as it is. True or False: as an uncased or a cased BERT does it, after
             `bert_normalised`, and with [UNK] for a word of more than 100 letters

    Raises ValueError for tokens that repeat or lack "[UNK]".
    """

    def __init__(self, tokens: Sequence[str], *, uncased: bool | None = None) -> None:
        self.tokens, self.uncased = list(tokens), uncased
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self.ids) < len(self.tokens) or UNKNOWN not in self.ids:
            raise ValueError(f"tokens must be different, {UNKNOWN!r} among them, got {self.tokens[:5]} …")
        self._longest = max(map(len, self.tokens))
        self._cache = WordCache(self.encode_word)

    @property
    def vocab_size(self) -> int:
        """Number of tokens, special ones included."""
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """Return the ids of the text, cut by BERT's rule first. A word with a part that no piece fits is one [UNK].

        The names of special tokens are text like any other; nothing is put before or after.

        >>> WordPiece(["[UNK]", "m", "mouse", "##ho", "##le", "##hole"]).encode("mousehole mice")
        [2, 5, 0]
        """
        if self.uncased is not None:
            text = bert_normalised(text, self.uncased)
        return list(chain.from_iterable(map(self._cache.__getitem__, bert_words(text))))

    def encode_word(self, word: str) -> list[int]:
        """Return the ids of one word, longest piece first, or that of [UNK] alone."""
        if self.uncased is not None and len(word) > _BERT_LONGEST:
            return [self.ids[UNKNOWN]]
        ids, start = [], 0
        while start < len(word):
            prefix = CONTINUES if start else ""
            for end in range(min(len(word), start + self._longest), start, -1):
                piece = self.ids.get(prefix + word[start:end])
                if piece is not None:
                    break
            else:
                return [self.ids[UNKNOWN]]
            ids.append(piece)
            start = end
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the words with a blank between each two; where the blanks really were is lost.

        Raises ValueError for an id that does not exist.
        """
        tokens = [self.tokens[i] for i in checked_ids(ids, self.vocab_size)]
        return " ".join(tokens).replace(" " + CONTINUES, "")

    def save(self, path: str | Path) -> None:
        """Write vocab.txt as BERT has it: one token a line, the line number is the id. It does not hold `uncased`."""
        Path(path).write_text("\n".join(self.tokens) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path, *, uncased: bool | None = None) -> "WordPiece":
        """Read what `save` wrote, or the vocab.txt of a BERT.

        uncased  None for a tokenizer of one's own. For a BERT, whether it is an uncased one: the file does not say
                 (`do_lower_case` in tokenizer_config.json does), and without it a text is not normalised as BERT's are
        """
        return cls(Path(path).read_text(encoding="utf-8").removesuffix("\n").split("\n"), uncased=uncased)


def train_wordpiece(
    text: str | Iterable[str], vocab_size: int, *, min_count: int = 10, special_tokens: Sequence[str] = (UNKNOWN,)
) -> WordPiece:
    """Return a WordPiece tokenizer trained on the text.

    text            one text, or documents
    vocab_size      tokens in all: special tokens, characters (as beginnings and as continuations), merges.
                    Fewer, if no pair occurs min_count times
    min_count       how often a pair must occur to be merged
    special_tokens  the first ids, "[UNK]" among them. Where the text holds them they are not learned from

    Among equal scores the pair with the smaller ids wins. Raises ValueError when vocab_size is too small, min_count
    below 1, or a special token empty or there twice.
    """
    require_special_tokens(special_tokens)
    require_counts(vocab_size=vocab_size, min_count=min_count)
    counts = count_words(text, bert_words, special_tokens)
    spelled = {word: [word[0], *(CONTINUES + character for character in word[1:])] for word in counts}
    alphabet = sorted(set().union(*spelled.values()))
    n_tokens = vocab_size - len(special_tokens)
    if n_tokens < len(alphabet):
        raise ValueError(
            f"vocab_size must be at least {len(alphabet)} characters + {len(special_tokens)} special tokens, "
            f"got {vocab_size}"
        )
    symbol = {token: chr(i) for i, token in enumerate(alphabet)}
    words = {"".join(symbol[token] for token in spelled[word]): n for word, n in counts.items()}
    tokens = [token for token in _merge_best_pairs(words, alphabet, n_tokens, min_count) if token not in special_tokens]
    return WordPiece([*special_tokens, *tokens])


def _merge_best_pairs(words: dict[str, int], alphabet: list[str], n_tokens: int, min_count: int) -> list[str]:
    """Return n_tokens tokens, the alphabet first, then what the merges of best score make, in order."""
    tokens = list(alphabet)
    ids = {token: i for i, token in enumerate(tokens)}
    pairs = PairCounts(words)
    counts: Counter[str] = Counter()  # of symbols
    holding: dict[str, set[str]] = defaultdict(set)  # symbol → pairs that it is part of
    for word, times in words.items():
        for symbol in word:
            counts[symbol] += times
    scores: dict[str, float] = {}
    outdated = set(pairs.counts)
    while True:
        for pair in outdated:
            holding[pair[0]].add(pair)
            holding[pair[1]].add(pair)
            if pairs.counts[pair] >= min_count:
                scores[pair] = pairs.counts[pair] / (counts[pair[0]] * counts[pair[1]])
            else:
                scores.pop(pair, None)
        if len(tokens) >= n_tokens or not scores:
            return tokens
        best = max(scores.values())
        pair = min(pair for pair, score in scores.items() if score == best)
        first, second = pair[0], pair[1]
        new = tokens[ord(first)] + tokens[ord(second)].removeprefix(CONTINUES)
        if new not in ids:  # two pairs may spell the same token
            ids[new] = len(tokens)
            tokens.append(new)
        merged = chr(ids[new])
        changes, times = pairs.merge(pair, merged)
        counts.update({first: -times, merged: times})
        counts[second] -= times
        # fewer of the parts are left alone, so every score that divides by their counts has changed
        outdated = changes.keys() | holding[first] | holding[second] | holding[merged]
