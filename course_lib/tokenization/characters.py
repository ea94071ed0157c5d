"""The tokenizers that come to mind first: every byte, every character or every word is a token.

Each shows one end of the trade-off that subwords settle: short vocabularies make long sequences, long
vocabularies never contain the next new word.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from course_lib.arguments import require_counts
from course_lib.tokenization.pretokenize import bert_words, count_words, to_bytes

UNKNOWN = "<unk>"


class Bytes:
    """Every byte of the text's UTF-8 form is a token: 256 tokens, nothing unknown, long sequences.

    >>> Bytes().encode("à")
    [195, 160]
    """

    vocab_size = 256

    def encode(self, text: str) -> list[int]:
        """Return the bytes of the text in UTF-8, each 0 … 255. ValueError for half of a surrogate pair."""
        return list(to_bytes(text))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text; bytes that are not valid UTF-8 become U+FFFD (�). ValueError for ids outside 0 … 255."""
        return bytes(ids).decode("utf-8", errors="replace")


class _Lookup:
    """A list of tokens, the first of which stands for everything unknown."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = list(tokens)
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        if not self.tokens or self.tokens[0] != UNKNOWN or len(self.ids) < len(self.tokens):
            raise ValueError(f"tokens must be different and begin with {UNKNOWN!r}, got {self.tokens[:5]} …")

    @property
    def vocab_size(self) -> int:
        """Number of tokens, <unk> included."""
        return len(self.tokens)

    def token_texts(self, ids: Iterable[int]) -> list[str]:
        """Return the text of each id. ValueError for an id that no token has."""
        return [self.tokens[i] for i in checked_ids(ids, self.vocab_size)]

    def save(self, path: str | Path) -> None:
        """Write the tokens to a JSON file."""
        Path(path).write_text(json.dumps({"tokens": self.tokens}, ensure_ascii=False), "utf-8", "surrogatepass")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote."""
        return cls(**json.loads(Path(path).read_text("utf-8", "surrogatepass")))


class Characters(_Lookup):
    """Every character is a token; characters that were not in the training text become <unk>, id 0.

    tokens   "<unk>" and the known characters; `train_characters` makes them
    """

    def encode(self, text: str) -> list[int]:
        """Return one id per character."""
        return [self.ids.get(character, 0) for character in text]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text, with "<unk>" where a character was unknown."""
        return "".join(self.token_texts(ids))


class Words(_Lookup):
    """Every word, cut as BERT cuts, is a token; words outside the vocabulary become <unk>, id 0.

    tokens   "<unk>" and the known words; `train_words` makes them
    """

    def encode(self, text: str) -> list[int]:
        """Return one id per word and per punctuation sign."""
        return [self.ids.get(word, 0) for word in bert_words(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the words with a blank between each two: where the blanks really were is lost."""
        return " ".join(self.token_texts(ids))


def train_characters(text: str | Iterable[str]) -> Characters:
    """Return the tokenizer that knows every character of the text, in the order of their code points.

    >>> train_characters("cheese").encode("chess!")
    [1, 3, 2, 4, 4, 0]
    """
    return Characters([UNKNOWN, *sorted(count_words(text, list))])


def train_words(text: str | Iterable[str], vocab_size: int) -> Words:
    """Return the tokenizer that knows the most frequent words of the text.

    text        one text, or documents
    vocab_size  tokens, <unk> included; of equally frequent words the one that sorts first comes first

    Raises ValueError for a vocab_size below 1.
    """
    require_counts(vocab_size=vocab_size)
    counts = count_words(text, bert_words)
    ranked = sorted((word for word in counts if word != UNKNOWN), key=lambda word: (-counts[word], word))
    return Words([UNKNOWN, *ranked[: vocab_size - 1]])


def require_special_tokens(special_tokens: Sequence[str]) -> None:
    """Raise ValueError for a special token that is empty, which is found everywhere, or that occurs twice."""
    if isinstance(special_tokens, str):
        raise ValueError(f"special_tokens must be a list of texts, got the text {special_tokens!r}")
    if "" in special_tokens or len(set(special_tokens)) < len(special_tokens):
        raise ValueError(f"special_tokens must be different and none empty, got {list(special_tokens)}")


def checked_ids(ids: Iterable[int], vocab_size: int) -> list[int]:
    """Return the ids as a list. ValueError for one that is not in 0 … vocab_size − 1."""
    ids = list(ids)
    for i in ids:
        if not 0 <= i < vocab_size:
            raise ValueError(f"ids must lie in 0 … {vocab_size - 1}, got {i}")
    return ids
