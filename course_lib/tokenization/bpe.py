"""Byte-pair encoding: a vocabulary and a list of merges, applied in the order in which training found them.

Byte-level (GPT-2, Radford et al. 2019) or over characters (Sennrich et al. 2016). Tokens are written in GPT-2's
printable alphabet ("Ġthe" is " the"), so `vocab.json` and `merges.txt` go in and out unchanged.

- Encoding takes the merge of lowest rank that applies, everywhere in the word, until none does. Taking the longest
  token that fits is another algorithm with other results.
- Special tokens are found before anything else, and only if the caller allows it: text from outside must not be able
  to end a document.
- Bytes that are not UTF-8 can be part of the text as Python's "surrogateescape" characters, and come back the same.
"""

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path

from course_lib.tokenization.cache import WordCache
from course_lib.tokenization.characters import UNKNOWN, checked_ids, require_special_tokens
from course_lib.tokenization.pairs import merge_by_rank, pairs_of
from course_lib.tokenization.pretokenize import (
    BYTE_CHARACTERS,
    characters_to_bytes,
    gpt2_words,
    pattern_of,
    to_bytes,
)

_LONG = 24  # symbols of a word from which on a heap is faster than `str.replace` for every merge


class BPE:
    """A BPE tokenizer.

    tokens          the token of each id. Byte-level: in GPT-2's alphabet, all 256 bytes among them
    merges          pairs of tokens, the first merge first
    byte_level      True: the base symbols are bytes. False: characters
    special_tokens  those of `tokens` that stand for themselves, are never split and never merged

    `token_bytes` holds the bytes of each id. A character outside a character-level vocabulary becomes "<unk>".
    Raises ValueError for tokens that repeat, merges of unknown tokens, missing bytes or missing special tokens, and for
    a special token that is empty or occurs twice.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        merges: Iterable[tuple[str, str]],
        *,
        byte_level: bool = True,
        special_tokens: Iterable[str] = (),
    ) -> None:
        self.tokens, self.byte_level = list(tokens), byte_level
        self.merges = [(left, right) for left, right in merges]
        self.special_tokens = list(special_tokens)
        require_special_tokens(self.special_tokens)
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        self._require_consistent()
        special = set(self.special_tokens)
        self.token_bytes = [
            characters_to_bytes(token)
            if byte_level and token not in special
            else token.encode("utf-8", "surrogatepass")
            for token in self.tokens
        ]
        # as in training, a word is a string in which chr(i) is token i
        self._symbol = {ord(t): chr(i) for t, i in self.ids.items() if len(t) == 1 and t not in special}
        if byte_level:
            self._symbol = {byte: self._symbol[ord(character)] for byte, character in enumerate(BYTE_CHARACTERS)}
        in_order = {
            chr(self.ids[left]) + chr(self.ids[right]): chr(self.ids[left + right]) for left, right in self.merges
        }
        self._merge = list(in_order.items())  # rank → (pair, what it becomes)
        self._rank = {pair: rank for rank, pair in enumerate(in_order)}
        self._special_pattern = pattern_of(self.special_tokens)
        self._cache = WordCache(self._encode_word)

    @property
    def vocab_size(self) -> int:
        """Number of tokens, special ones included."""
        return len(self.tokens)

    def encode(self, text: str, *, allow_special: bool = False) -> list[int]:
        """Return the ids of the text.

        allow_special   True: the texts of special tokens become their ids. False: they are text like any other

        Raises ValueError for a character that cannot be represented: half of a surrogate pair (byte-level), or one
        outside the vocabulary (characters only, and only without "<unk>").

        >>> tokenizer = BPE(["a", "b", "ab", "aa"], [("a", "b"), ("a", "a")], byte_level=False)
        >>> tokenizer.encode("aab")  # a+b has the lower rank, so not aa, b
        [0, 2]
        """
        if not allow_special or self._special_pattern is None:
            return list(chain.from_iterable(map(self._cache.__getitem__, gpt2_words(text))))
        ids, start = [], 0
        for match in self._special_pattern.finditer(text):
            ids += self.encode(text[start : match.start()])
            ids.append(self.ids[match.group()])
            start = match.end()
        return ids + self.encode(text[start:])

    def encode_stream(self, chunks: Iterable[bytes], *, allow_special: bool = False) -> Iterator[int]:
        """Yield the ids of a text that comes in chunks of UTF-8, the same ids as if it had come at once.

        chunks   bytes, cut anywhere, within a character too; for instance an open binary file

        Holds one chunk and the longest word in memory. Bytes that are no UTF-8 are encoded as they are.
        """
        special = self._special_pattern if allow_special else None
        longest = max(map(len, self.special_tokens)) if special else 1
        decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
        text = ""
        for chunk in chunks:
            text += decoder.decode(chunk)
            while special and (match := special.search(text)) and match.start() <= len(text) - longest:
                yield from self.encode(text[: match.end()], allow_special=True)
                text = text[match.end() :]
            # the last words could still change: an apostrophe must see two characters after it to know whether it
            # begins a contraction, and a special token may have begun
            words, held = gpt2_words(text), 0
            while words and held <= longest:
                held += len(words.pop())
            yield from chain.from_iterable(map(self._cache.__getitem__, words))
            text = text[len(text) - held :]
        yield from self.encode(text + decoder.decode(b"", final=True), allow_special=allow_special)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text; bytes that are not valid UTF-8 become U+FFFD (�). ValueError for an id that does not exist.

        A token may hold a part of a character: decode all ids together, not one by one.
        """
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def decode_bytes(self, ids: Iterable[int]) -> bytes:
        """Return the bytes that the ids stand for, whatever they are. ValueError for an id that does not exist."""
        return b"".join(map(self.token_bytes.__getitem__, checked_ids(ids, self.vocab_size)))

    def with_vocab_size(self, vocab_size: int) -> "BPE":
        """Return the tokenizer that training would have given with a smaller vocab_size: the first merges alone.

        Raises ValueError when vocab_size has no room for the base symbols, or is larger than this vocabulary.
        """
        made = {left + right for left, right in self.merges}
        base = [token for token in self.tokens if token not in made]  # special ones included
        if not len(base) <= vocab_size <= self.vocab_size:
            raise ValueError(f"vocab_size must lie in {len(base)} … {self.vocab_size}, got {vocab_size}")
        kept, merges = set(base), []
        for left, right in self.merges:
            if len(kept) == vocab_size:
                break
            kept.add(left + right)
            merges.append((left, right))
        tokens = [token for token in self.tokens if token in kept]
        return BPE(tokens, merges, byte_level=self.byte_level, special_tokens=self.special_tokens)

    def save(self, path: str | Path) -> None:
        """Write the tokenizer to a JSON file."""
        names = ("tokens", "merges", "byte_level", "special_tokens")
        state = {name: getattr(self, name) for name in names}
        Path(path).write_text(json.dumps(state, ensure_ascii=False), "utf-8", "surrogatepass")

    @classmethod
    def load(cls, path: str | Path) -> "BPE":
        """Read what `save` wrote."""
        return cls(**json.loads(Path(path).read_text("utf-8", "surrogatepass")))

    def to_gpt2_files(self, vocab_path: str | Path, merges_path: str | Path) -> None:
        """Write vocab.json and merges.txt as GPT-2 has them. ValueError for a tokenizer that is not byte-level."""
        if not self.byte_level:
            raise ValueError("GPT-2's files hold byte-level tokenizers, this one works on characters")
        Path(vocab_path).write_text(json.dumps(self.ids, ensure_ascii=False), encoding="utf-8")
        lines = ["#version: 0.2", *(f"{left} {right}" for left, right in self.merges)]
        Path(merges_path).write_text("\n".join(lines) + "\n", encoding="utf-8")

    @classmethod
    def from_gpt2_files(
        cls, vocab_path: str | Path, merges_path: str | Path, special_tokens: Iterable[str] = ("<|endoftext|>",)
    ) -> "BPE":
        """Read vocab.json and merges.txt, GPT-2's own or what `to_gpt2_files` wrote.

        special_tokens   those of the vocabulary that are special; the files do not say

        Raises ValueError when the ids are not 0 … V − 1.
        """
        ids = json.loads(Path(vocab_path).read_text(encoding="utf-8"))
        tokens = sorted(ids, key=ids.__getitem__)
        if [ids[token] for token in tokens] != list(range(len(tokens))):
            raise ValueError(f"the ids in {vocab_path} must be 0 … {len(tokens) - 1}, each once")
        lines = Path(merges_path).read_text(encoding="utf-8").split("\n")
        pairs = (line.split(" ") for line in lines if line and not line.startswith("#version"))
        return cls(tokens, [(left, right) for left, right in pairs], special_tokens=special_tokens)

    def _encode_word(self, word: str) -> list[int]:
        """Merge one word: all occurrences of the pair of lowest rank, until no pair has a rank."""
        if self.byte_level:
            symbols = to_bytes(word, "surrogateescape").decode("latin-1").translate(self._symbol)
        else:
            symbols = "".join([self._symbol.get(ord(character)) or self._unknown(character) for character in word])
        if len(symbols) > _LONG:
            return list(map(ord, merge_by_rank(symbols, self._rank, self._merge)))
        none = len(self._merge)
        while len(symbols) > 1:
            rank = min(map(self._rank.get, pairs_of(symbols), repeat(none)))
            if rank == none:
                break
            symbols = symbols.replace(*self._merge[rank])
        return list(map(ord, symbols))

    def _unknown(self, character: str) -> str:
        if UNKNOWN not in self.ids:
            raise ValueError(f"the character {character!r} is not in the vocabulary, and there is no {UNKNOWN!r}")
        return chr(self.ids[UNKNOWN])

    def _require_consistent(self) -> None:
        if len(self.ids) < len(self.tokens):
            raise ValueError("tokens must not repeat")
        for left, right in self.merges:
            if not {left, right, left + right} <= self.ids.keys():
                raise ValueError(
                    f"tokens must hold both parts and the result of each merge, not so for {left!r} {right!r}"
                )
        needed = [*self.special_tokens, *(BYTE_CHARACTERS if self.byte_level else ())]
        if missing := [token for token in needed if token not in self.ids]:
            raise ValueError(f"tokens must hold every special token and, byte-level, every byte; missing {missing[:5]}")
