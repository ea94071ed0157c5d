"""Counts of neighbouring symbols that stay right while pairs of symbols are merged: the heart of BPE and WordPiece.

A word is a string in which every character *is* a symbol: chr(17) is symbol 17. Then Python's own `str.replace`,
written in C, merges a pair in a word, from left to right and without overlaps, as both algorithms require.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from operator import add


def pairs_of(word: str) -> Iterator[str]:
    """Yield each pair of neighbours, as a string of two symbols: "aaa" has the pair "aa" twice.

    >>> list(pairs_of("aaab"))
    ['aa', 'aa', 'ab']
    """
    return map(add, word, word[1:])


class PairCounts:
    """How often each pair occurs in a list of words with multiplicities.

    words    word, as a string of symbols → how often it occurs in the text

    `counts` maps each pair to its number of occurrences. A merge costs time in proportion to the words that hold
    the pair, not to the text: `_holders` remembers where each pair was seen (and may remember too much).

    >>> pairs = PairCounts({"aaab": 2, "ab": 1})
    >>> sorted(pairs.counts.items())
    [('aa', 4), ('ab', 3)]
    >>> changes, times = pairs.merge("ab", "X")
    >>> sorted(changes.items()), times, sorted(pairs.counts.items())
    ([('aX', 2), ('aa', -2)], 3, [('aX', 2), ('aa', 2)])
    """

    def __init__(self, words: Mapping[str, int]) -> None:
        self.words, self._times = list(words), list(words.values())
        self.counts: Counter[str] = Counter()
        self._holders: dict[str, list[int]] = defaultdict(list)
        counts = self.counts
        for index, (word, times) in enumerate(zip(self.words, self._times)):
            for pair in pairs_of(word):
                counts[pair] += times
                self._holders[pair].append(index)

    def merge(self, pair: str, symbol: str) -> tuple[dict[str, int], int]:
        """Replace the pair by the symbol in every word.

        returns   the pairs whose counts changed → by how much (the pair itself is gone and not among them), and how
                  many times the pair was replaced: of "aaa" once, though it holds "aa" twice
        """
        changes: dict[str, int] = defaultdict(int)
        replaced = 0
        holders, words = self._holders, self.words
        for index in holders.pop(pair):
            word = words[index]
            if pair not in word:  # merged away since, or listed twice
                continue
            words[index] = merged = word.replace(pair, symbol)
            times = self._times[index]
            replaced += times * (len(word) - len(merged))
            for old in pairs_of(word):
                changes[old] -= times
            for new in pairs_of(merged):
                changes[new] += times
                if symbol in new:
                    holders[new].append(index)
        changes.pop(pair, None)
        del self.counts[pair]
        for changed, by in changes.items():
            self.counts[changed] += by
        return {changed: by for changed, by in changes.items() if by}, replaced
