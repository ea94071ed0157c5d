"""The cuts against Hugging Face's pre-tokenizers, and the byte table against theirs."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.tokenization import (
    Bytes,
    bert_words,
    gpt2_words,
    pretokenize,
    steps,
    train_bpe,
    train_characters,
    train_unigram,
)
from course_lib.tokenization.pretokenize import (
    BYTE_CHARACTERS,
    GPT2_PATTERN,
    bytes_to_characters,
    characters_to_bytes,
    count_words,
)

REASON = "compared with here, and not installed: pip install -e '.[dev]'"
pre_tokenizers = pytest.importorskip("tokenizers", reason=REASON).pre_tokenizers

ascii_text = st.text(st.characters(max_codepoint=127), max_size=40)
assigned = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=("Cs", "Cn", "Co")), max_size=30)
tricky = st.text(st.sampled_from("ab'stlrevdm 1 \n\t\r\x1c\x85\xa0\u3000éß中²Ⅷ_.!-"), max_size=30)


@settings(max_examples=300, deadline=None)
@given(st.one_of(tricky, ascii_text, assigned))
def test_gpt2_words_are_those_of_hugging_face_and_lose_nothing(text):
    theirs = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    assert gpt2_words(text) == [text[start:end] for _, (start, end) in theirs]
    assert "".join(gpt2_words(text)) == text


@settings(max_examples=500, deadline=None)
@given(ascii_text)
def test_the_fast_cut_of_ascii_is_the_same_as_the_general_one(text):
    assert gpt2_words(text) == GPT2_PATTERN.findall(text)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["a", " a", "é a", "  ", "\n", "' a", "'ll", " é", "1 b", "x" * 30]), max_size=80))
def test_a_long_text_may_be_cut_in_blocks_before_it_is_cut_in_words(parts):
    text = "".join(parts)
    small = re.compile(pretokenize._BLOCKS.pattern.replace("4096", "8"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretokenize, "_BLOCKS", small)
        assert gpt2_words(text) == GPT2_PATTERN.findall(text)


def test_the_fast_cut_agrees_around_every_ascii_character():
    text = "".join(f"a{chr(i)}b '{chr(i)} {chr(i)}{chr(i)}1" for i in range(128))
    assert gpt2_words(text) == GPT2_PATTERN.findall(text)


@settings(max_examples=300, deadline=None)
@given(st.one_of(ascii_text, st.text(st.sampled_from("ab 1'.,-_$+<=>^`|~\n«»¿中é"), max_size=30)))
def test_bert_words_are_those_of_hugging_face(text):
    text = "".join(c for c in text if c.isprintable() or c in "\n\t ")  # BERT's normaliser removes control characters
    assert bert_words(text) == [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(text)]


def test_the_byte_table_is_gpt2s():
    assert sorted(BYTE_CHARACTERS) == sorted(pre_tokenizers.ByteLevel.alphabet())
    assert len(set(BYTE_CHARACTERS)) == 256
    mapped = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str("\x00 é\n中")
    assert bytes_to_characters("\x00 é\n中".encode()) == mapped[0][0]


@given(st.binary(max_size=50))
def test_bytes_come_back_from_their_characters(data):
    characters = bytes_to_characters(data)
    assert characters_to_bytes(characters) == data
    assert len(characters) == len(data) and (characters.isprintable() or not characters)


def test_a_character_that_stands_for_no_byte_is_named():
    with pytest.raises(ValueError, match="'中' stands for no byte"):
        characters_to_bytes("a中")


def test_words_are_counted_per_document_so_none_crosses_a_border():
    assert count_words("ab ab", gpt2_words) == {"ab": 1, " ab": 1}
    assert count_words(iter(["a", "b a"]), gpt2_words) == {"a": 1, "b": 1, " a": 1}


@pytest.mark.parametrize("text", ["a\ud800b", "\udfff", "é\ud83d"])
def test_half_of_a_surrogate_pair_is_named_by_everything_that_needs_bytes(text):
    half = next(character for character in text if "\ud800" <= character <= "\udfff")
    tokenizer = train_bpe("abé", 256)
    named = re.escape(f"text must have no half of a character in it, got the surrogate {half!r}")
    for call in (Bytes().encode, tokenizer.encode, steps.Tokenizer([]).encode, lambda text: train_bpe(text, 300)):
        with pytest.raises(ValueError, match=named):
            call(text)


def test_a_vocabulary_with_half_a_character_in_it_is_saved_and_loaded(tmp_path):
    for made in (train_characters("a\ud800"), train_unigram("a\ud800", 9), train_bpe("a\ud800", 9, byte_level=False)):
        made.save(tmp_path / "saved.json")
        loaded = type(made).load(tmp_path / "saved.json")
        assert loaded.tokens == made.tokens and loaded.encode("a\ud800") == made.encode("a\ud800")
