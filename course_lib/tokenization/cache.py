"""Texts repeat their words: what a word becomes is computed once."""

from collections.abc import Callable

_WORDS = 1 << 17  # then the cache starts again, so that memory stays bounded whatever the text


class WordCache(dict[str, list[int]]):
    """word → ids, computed at the first look.

    encode_word   what computes them

    >>> WordCache(lambda word: [len(word)])["mouse"]
    [5]
    """

    def __init__(self, encode_word: Callable[[str], list[int]]) -> None:
        self._encode_word = encode_word

    def __missing__(self, word: str) -> list[int]:
        if len(self) >= _WORDS:
            self.clear()
        self[word] = ids = self._encode_word(word)
        return ids
