"""Before any subword algorithm: cut the text into words that no token may cross, and write bytes as characters.

GPT-2's cut (Radford et al. 2019) keeps the blank before a word with the word, so nothing is lost. BERT's cut
(Devlin et al. 2018) throws blanks away. The table between bytes and printable characters is GPT-2's too: with it a
byte-level vocabulary can be stored in ordinary text files.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable

import regex

#: contractions; then runs of letters, of digits, of other signs, each with the blank before; then blanks.
#: Of several blanks, the last one goes with the word that follows.
GPT2_PATTERN = regex.compile(
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
)
#: the same cut where all characters are ASCII, in Python's own engine: twice as fast
_GPT2_ASCII = re.compile(r" ?[A-Za-z]+|'(?:[sdmt]|ll|ve|re)| ?[^\sA-Za-z0-9]+|\s+(?!\S)| ?[0-9]+|\s+", re.ASCII)
#: blocks to choose between the two for: the place before " a", after no blank, is always a cut
_BLOCKS = re.compile(r"(?s:.{1,4096})\S(?= [A-Za-z])|(?s:.+)")
#: runs of anything but blanks and punctuation; each punctuation sign is a word of its own
BERT_PATTERN = regex.compile(r"[^\s\p{P}$+<=>^`|~]+|[\p{P}$+<=>^`|~]")


def gpt2_words(text: str) -> list[str]:
    """Return the words of a text as GPT-2 cuts them; joined, they are the text again.

    >>> gpt2_words("The mouse's cheese,  2 holes!")
    ['The', ' mouse', "'s", ' cheese', ',', ' ', ' 2', ' holes', '!']
    """
    if text.isascii():
        return _GPT2_ASCII.findall(text)
    return [
        word
        for block in _BLOCKS.findall(text)
        for word in (_GPT2_ASCII if block.isascii() else GPT2_PATTERN).findall(block)
    ]


def bert_words(text: str) -> list[str]:
    """Return the words of a text as BERT cuts them: without blanks, and each punctuation sign alone.

    >>> bert_words("The mouse's cheese,  2 holes!")
    ['The', 'mouse', "'", 's', 'cheese', ',', '2', 'holes', '!']
    """
    return BERT_PATTERN.findall(text)


def count_words(text: str | Iterable[str], words: Callable[[str], list[str]]) -> Counter[str]:
    """Return how often each word occurs.

    text     one text, or any number of documents (no word crosses from one into the next)
    words    how to cut, for instance `gpt2_words`
    """
    counts: Counter[str] = Counter()
    for document in [text] if isinstance(text, str) else text:
        counts.update(words(document))
    return counts


def _byte_characters() -> list[str]:
    """GPT-2's table: bytes that print stand for themselves, the others become characters from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {byte: chr(byte) for byte in printable} | {byte: chr(256 + i) for i, byte in enumerate(others)}
    return [table[byte] for byte in range(256)]


BYTE_CHARACTERS = _byte_characters()  # byte → the character that stands for it; a blank becomes Ġ, a new line Ċ
_TO_CHARACTERS = dict(enumerate(BYTE_CHARACTERS))
_TO_BYTES = {ord(character): byte for byte, character in enumerate(BYTE_CHARACTERS)}


def bytes_to_characters(data: bytes) -> str:
    """Return one printable character per byte, by GPT-2's table.

    >>> bytes_to_characters("à la".encode())
    'ÃłĠla'
    """
    return data.decode("latin-1").translate(_TO_CHARACTERS)


def characters_to_bytes(characters: str) -> bytes:
    """Return the bytes that the characters of GPT-2's table stand for. The inverse of `bytes_to_characters`.

    Raises ValueError for a character that stands for no byte.
    """
    try:
        return characters.translate(_TO_BYTES).encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(f"{characters[error.start]!r} stands for no byte in GPT-2's table") from None
