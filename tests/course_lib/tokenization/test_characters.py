"""Bytes, characters and words: what is lost and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.tokenization import Bytes, Characters, Words, cache, train_characters, train_words
from course_lib.tokenization.cache import WordCache


@given(st.text())
def test_bytes_and_known_characters_bring_every_text_back(text):
    assert Bytes().decode(Bytes().encode(text)) == text
    assert max(Bytes().encode(text), default=0) < Bytes.vocab_size
    known = train_characters(text)
    assert known.decode(known.encode(text)) == text
    assert known.vocab_size == len(set(text)) + 1


def test_bytes_that_are_no_text_are_replaced():
    assert Bytes().decode([0xC3, 0x28]) == "\ufffd("
    with pytest.raises(ValueError):
        Bytes().decode([256])


def test_unknown_characters_and_words_become_unk():
    letters = train_characters(["mouse", "house"])
    assert letters.token_texts(letters.encode("moth")) == ["m", "o", "<unk>", "h"]
    words = train_words("the mouse, the cat; the mouse", 4)
    assert words.tokens == ["<unk>", "the", "mouse", ","]
    assert words.decode(words.encode("the cat,  the mouse")) == "the <unk> , the mouse"


def test_of_equally_frequent_words_the_one_that_sorts_first_gets_the_place():
    assert train_words("b a c a c b", 3).tokens == ["<unk>", "a", "b"]
    assert train_words("a <unk> <unk>", 10).vocab_size == 5  # <unk> in a text is three words: <, unk and >


@pytest.mark.parametrize("tokenizer", [train_characters('ä b\n"c'), train_words("the mouse – the cheese", 5)])
def test_what_is_saved_is_loaded(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokens.json")
    copy = type(tokenizer).load(tmp_path / "tokens.json")
    assert type(copy) is type(tokenizer) and copy.tokens == tokenizer.tokens


def test_a_cache_computes_a_word_once_and_never_grows_without_bound(monkeypatch):
    calls = []
    monkeypatch.setattr(cache, "_WORDS", 3)
    words = WordCache(lambda word: calls.append(word) or [len(word)])
    assert [words[w] for w in ("a", "bb", "a", "ccc", "dddd")] == [[1], [2], [1], [3], [4]]
    assert calls == ["a", "bb", "ccc", "dddd"] and len(words) <= 3


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Characters(["a", "<unk>"]), "begin with '<unk>'"),
        (lambda: Words(["<unk>", "a", "a"]), "different"),
        (lambda: Characters([]), "begin with"),
        (lambda: train_words("a", 0), "vocab_size must be at least 1, got 0"),
        (lambda: train_characters("a").decode([2]), "0 … 1, got 2"),
        (lambda: train_characters("a").decode([-1]), "0 … 1, got -1"),
    ],
)
def test_errors_name_the_argument_and_the_value(call, message):
    with pytest.raises(ValueError, match=message):
        call()
