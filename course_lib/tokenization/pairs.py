"""Counts of neighbouring symbols that stay right while pairs of symbols are merged: the heart of BPE and WordPiece.

A word is a string in which every character *is* a symbol: chr(17) is symbol 17. Then Python's own `str.replace`,
written in C, merges a pair in a word, from left to right and without overlaps, as both algorithms require.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import add


def pairs_of(word: str) -> Iterator[str]:
    """Yield each pair of neighbours, as a string of two symbols: "aaa" has the pair "aa" twice.

    >>> list(pairs_of("aaab"))
    ['aa', 'aa', 'ab']
    """
    return map(add, word, word[1:])


def merge_by_rank(word: str, rank: Mapping[str, int], merges: Sequence[tuple[str, str]]) -> str:
    """Return a word after all merges: the pair of lowest rank everywhere, from the left, until no pair has a rank.

    word     of n symbols
    rank     pair → its place in merges
    merges   (pair, the symbol that it becomes)

    A heap holds the places of all pairs, a list of neighbours makes a merge cost no more than the two pairs beside it:
    n log n steps, where looking at the whole word for each merge takes n².

    >>> merge_by_rank("aabab", {"ab": 0, "aX": 1}, [("ab", "X"), ("aX", "Y")])
    'YX'
    """
    n, symbols = len(word), list(word)
    before, after = list(range(-1, n - 1)), list(range(1, n + 1))
    heap = [(rank[pair], place) for place, pair in enumerate(pairs_of(word)) if pair in rank]
    heapq.heapify(heap)
    while heap:
        lowest, merged = heap[0][0], []
        pair, new = merges[lowest]
        while heap and heap[0][0] == lowest:  # what a merge makes must wait until this pair is merged everywhere
            left = heapq.heappop(heap)[1]
            right = after[left]
            if right == n or symbols[left] + symbols[right] != pair:  # merged away since
                continue
            symbols[left], symbols[right] = new, ""
            after[left] = after[right]
            if after[left] < n:
                before[after[left]] = left
            merged.append(left)
        for place in {place for left in merged for place in (before[left], left)}:
            if place >= 0 and after[place] < n:
                made = rank.get(symbols[place] + symbols[after[place]])
                if made is not None:
                    heapq.heappush(heap, (made, place))
    return "".join(symbols)


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
