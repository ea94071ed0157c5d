"""Before any subword algorithm: cut the text into words that no token may cross, and write bytes as characters.

GPT-2's cut (Radford et al. 2019) keeps the blank before a word with the word, so nothing is lost. BERT's cut
(Devlin et al. 2018) throws blanks away. The table between bytes and printable characters is GPT-2's too: with it a
byte-level vocabulary can be stored in ordinary text files.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import regex

from course_lib.progress import Progress

#: contractions; then runs of letters, of digits, of other signs, each with the blank before; then blanks.
#: Of several blanks, the last one goes with the word that follows.
GPT2_PATTERN = regex.compile(
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
)
#: the same cut where all characters are ASCII, in Python's own engine: twice as fast
_GPT2_ASCII = re.compile(r" ?[A-Za-z]+|'(?:[sdmt]|ll|ve|re)| ?[^\sA-Za-z0-9]+|\s+(?!\S)| ?[0-9]+|\s+", re.ASCII)
#: blocks to choose between the two for: the place before " a", after no blank, is always a cut
_BLOCKS = re.compile(r"(?s:.{1,4096})\S(?= [A-Za-z])|(?s:.+)")
_CUT, _BLOCK = re.compile(r"\S(?= [A-Za-z])"), 1 << 20
#: runs of anything but blanks and punctuation; each punctuation sign is a word of its own
BERT_PATTERN = regex.compile(r"[^\s\p{P}$+<=>^`|~]+|[\p{P}$+<=>^`|~]")

#: Chinese characters, which BERT reads one by one; from 2B920 on as in transformers, where Unicode has 2B820
_IDEOGRAPHS = [
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B81F), (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
]  # fmt: skip


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


class _Cleaned(dict[int, str]):
    """What becomes of each character, computed when it is first met, for `str.translate`."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character in "\t\n\r":
            cleaned = " "
        elif code in (0, 0xFFFD) or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs"):
            cleaned = ""
        elif any(first <= code <= last for first, last in _IDEOGRAPHS):
            cleaned = f" {character} "
        else:
            cleaned = " " if character.isspace() else character
        self[code] = cleaned
        return cleaned


class _Uncased(dict[int, str]):
    """What becomes of each character of a decomposed text: marks go, letters become small, whatever is beside them."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = small = "" if unicodedata.category(character) == "Mn" else character.lower()
        return small


_CLEANED, _UNCASED = _Cleaned(), _Uncased()


def bert_normalised(text: str, uncased: bool) -> str:
    """Return a text as BERT's tokenizer sees it, before it is cut.

    uncased  True: without accents and capitals, too

    Control and format characters and what is not assigned to a character are gone, white space is a blank, and each
    Chinese character a word of its own. The rules are those of Devlin et al. 2018 as `transformers` has them; its
    library knows no characters that are newer than Unicode 8, and does not change those.

    >>> bert_normalised("Ça\\t猫", uncased=True)
    'ca  猫 '
    """
    text = text.translate(_CLEANED)
    return unicodedata.normalize("NFD", text).translate(_UNCASED) if uncased else text


def to_bytes(text: str, errors: str = "strict") -> bytes:
    """Return the text in UTF-8.

    errors   "surrogateescape": characters U+DC80 … U+DCFF are bytes that were no UTF-8

    Raises ValueError for another surrogate: a half of a character, which has no bytes.

    >>> to_bytes("é")
    b'\\xc3\\xa9'
    """
    try:
        return text.encode("utf-8", errors)
    except UnicodeEncodeError as error:
        alone = text[error.start]
        raise ValueError(f"text must have no half of a character in it, got the surrogate {alone!r}") from None


def count_words(
    text: str | Iterable[str],
    words: Callable[[str], list[str]],
    special_tokens: Sequence[str] = (),
    progress: Progress | None = None,
) -> Counter[str]:
    """Return how often each word occurs.

    text            one text, or any number of documents (no word crosses from one into the next)
    words           how to cut, for instance `gpt2_words`
    special_tokens  texts that are no words: they end a document, and are not counted
    progress        is told how many characters have been read

    >>> count_words("a<end>a end", gpt2_words, ["<end>"])
    Counter({'a': 2, ' end': 1})
    """
    counts: Counter[str] = Counter()
    special, done, total = pattern_of(special_tokens), 0, len(text) if isinstance(text, str) else None
    for document in [text] if isinstance(text, str) else text:
        for part in special.split(document) if special else [document]:
            for block in _blocks(part):
                counts.update(words(block))
                done += len(block)
                if progress is not None:
                    progress("characters", done, total)
    return counts


def _blocks(text: str) -> Iterator[str]:
    """Yield a text in pieces of about a million characters, cut where every kind of words is: before " a", after a."""
    start = 0
    while start < len(text):
        cut = _CUT.search(text, start + _BLOCK)
        end = cut.end() if cut else len(text)
        yield text[start:end]
        start = end


def pattern_of(special_tokens: Iterable[str]) -> re.Pattern[str] | None:
    """Return what finds special tokens in a text, of two that begin at one place the longer; None for none."""
    longest_first = sorted(special_tokens, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if longest_first else None


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
