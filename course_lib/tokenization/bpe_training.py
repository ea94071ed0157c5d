"""Training of byte-pair encoding: merge the most frequent pair of neighbours, again and again.

Gage (1994) compressed files this way; Sennrich, Haddow and Birch (2016) made it a tokenizer; Radford et al. (2019)
applied it to bytes. The result is deterministic: among equally frequent pairs the one with the smaller ids wins, the
first id deciding before the second. Ids 0 … 255 are the bytes in the order of GPT-2's printable characters, and
Hugging Face's trainer breaks ties in the same way, so both find the same merges.
"""

import heapq
from collections.abc import Iterable, Sequence

from course_lib.arguments import require_counts
from course_lib.progress import Progress
from course_lib.tokenization.bpe import BPE
from course_lib.tokenization.characters import UNKNOWN, require_special_tokens
from course_lib.tokenization.pairs import PairCounts
from course_lib.tokenization.pretokenize import BYTE_CHARACTERS, bytes_to_characters, count_words, gpt2_words, to_bytes


def train_bpe(
    text: str | Iterable[str],
    vocab_size: int,
    *,
    byte_level: bool = True,
    special_tokens: Sequence[str] = (),
    progress: Progress | None = None,
) -> BPE:
    """Return a BPE tokenizer trained on the text.

    text            one text, or documents; an iterator is read once
    vocab_size      tokens in all: bytes or characters, merges, special tokens. Fewer, if no pair is left
    byte_level      True: start from the 256 bytes, nothing is ever unknown. False: start from the characters of
                    the text, sorted, and add the special token "<unk>" for all others
    special_tokens  texts with ids of their own, the last ones; see `BPE`. The text is cut where it
                    holds them, so that they are not learned
    progress        is told how many characters and then how many merges are done (see `course_lib.progress`)

    The text is first cut into words by GPT-2's pattern; no token crosses a cut.
    Raises ValueError when vocab_size has no room for bytes or characters and special tokens, and for a special token
    that is empty or occurs twice.

    >>> tokenizer = train_bpe("the mouse, the mice, the cheese", 260)
    >>> tokenizer.tokens[256:]
    ['he', 'the', 'se', 'Ġm']
    """
    require_special_tokens(special_tokens)
    require_counts(vocab_size=vocab_size)
    counts: dict[str, int] = count_words(text, gpt2_words, special_tokens, progress)
    if byte_level:
        counts = {bytes_to_characters(to_bytes(word, "surrogateescape")): n for word, n in counts.items()}
        alphabet = sorted(BYTE_CHARACTERS)
    else:
        alphabet = sorted(set().union(*counts))
        special_tokens = [UNKNOWN, *(token for token in special_tokens if token != UNKNOWN)]
    n_tokens = vocab_size - len(special_tokens)
    if n_tokens < len(alphabet):
        raise ValueError(
            f"vocab_size must be at least {len(alphabet)} {'bytes' if byte_level else 'characters'} + "
            f"{len(special_tokens)} special tokens, got {vocab_size}"
        )
    symbol = {ord(character): chr(i) for i, character in enumerate(alphabet)}
    tokens, merges = _merge_frequent_pairs(
        {word.translate(symbol): n for word, n in counts.items()}, alphabet, n_tokens, progress
    )
    return BPE([*tokens, *special_tokens], merges, byte_level=byte_level, special_tokens=special_tokens)


def _merge_frequent_pairs(
    words: dict[str, int], alphabet: list[str], n_tokens: int, progress: Progress | None
) -> tuple[list[str], list[tuple[str, str]]]:
    """Return n_tokens tokens, the alphabet first, and the merges that make the others, in order.

    The heap may hold outdated counts: one that is too high is put right when it comes to the top, one that has
    grown is pushed again. So the top, once it is up to date, is the most frequent pair.
    """
    tokens, merges = list(alphabet), []
    ids = {token: i for i, token in enumerate(tokens)}
    pairs = PairCounts(words)
    heap = [(-count, pair) for pair, count in pairs.counts.items()]
    heapq.heapify(heap)
    while len(tokens) < n_tokens and heap:
        count, pair = heapq.heappop(heap)
        now = pairs.counts.get(pair, 0)
        if now != -count:
            if now:
                heapq.heappush(heap, (-now, pair))
            continue
        left, right = (tokens[ord(symbol)] for symbol in pair)
        merges.append((left, right))
        new = left + right
        if new not in ids:  # two pairs may spell the same token: a+bc and ab+c
            ids[new] = len(tokens)
            tokens.append(new)
        if progress is not None:
            progress("merges", len(tokens) - len(alphabet), n_tokens - len(alphabet))
        changes, _ = pairs.merge(pair, chr(ids[new]))
        for changed, by in changes.items():
            if by > 0:
                heapq.heappush(heap, (-pairs.counts[changed], changed))
    return tokens, merges
