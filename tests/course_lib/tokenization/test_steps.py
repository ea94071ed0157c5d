"""The lesson's step-by-step algorithms against the package's fast ones, which are held against other libraries."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.tokenization import BPE, Unigram, WordPiece, gpt2_words, steps, train_bpe, train_wordpiece
from course_lib.tokenization.pretokenize import bytes_to_characters, count_words
from course_lib.tokenization.steps import (
    bpe_decode,
    bpe_encode,
    lossless_words,
    nats_per_byte,
    unigram_segment,
    unknown_share,
    wordpiece_encode,
    wordpiece_score,
)
from course_lib.tokenization.unigram import blank_words

texts = st.text(st.sampled_from("ab aab' trs1é"), max_size=60)


def test_training_finds_the_fast_trainers_merges_where_there_are_no_ties():
    text = "a " * 11 + "ab " * 7 + "abc " * 3 + "bca " * 2
    words = [(list(word), times) for word, times in count_words(text.strip(), str.split).items()]
    assert steps.train_bpe(words, 2) == [("a", "b"), ("ab", "c")]
    fast = train_bpe(text.split(), 10, byte_level=False).merges
    assert fast[:2] == steps.train_bpe(words, 2)


def test_ties_go_to_the_pair_that_sorts_first_and_training_stops_when_no_pair_is_left():
    assert steps.train_bpe([(["b", "c"], 2), (["a", "b"], 2)], 9) == [("a", "b"), ("b", "c")]


@settings(max_examples=60, deadline=None)
@given(texts)
def test_words_are_encoded_as_the_fast_tokenizer_encodes_them(text):
    made = train_bpe(text, 60, byte_level=False)
    expected = [made.tokens[i] for i in made.encode(text)]
    assert [token for word in gpt2_words(text) for token in bpe_encode(word, made.merges)] == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 269), max_size=20))
def test_ids_are_decoded_as_the_fast_tokenizer_decodes_them(ids):
    made = train_bpe("the mouse ate the très bon cheese 中中中", 270)
    assert isinstance(made, BPE)
    vocab = [list(data) for data in made.token_bytes]
    if max(ids, default=0) < len(vocab):
        assert bpe_decode(ids, vocab) == made.decode(ids)
    for bad in (-1, len(vocab)):
        with pytest.raises(ValueError, match=str(bad)):
            bpe_decode([bad], vocab)


@settings(max_examples=60, deadline=None)
@given(st.text("abts", min_size=1, max_size=9), st.sets(st.text("abts#", min_size=1, max_size=4)))
def test_pieces_are_those_of_the_fast_wordpiece(word, vocab):
    tokens = ["[UNK]", *sorted(vocab | {"##" + piece for piece in vocab})]
    fast = WordPiece(tokens)
    assert wordpiece_encode(word, tokens) == [tokens[i] for i in fast.encode_word(word)]


def test_the_best_score_is_what_the_fast_trainer_merges_first():
    words = [(["t", "##h"], 6), (["t"], 2), (["q", "##u"], 2)]
    scores = wordpiece_score(words)
    assert scores == {("t", "##h"): 6 / 48, ("q", "##u"): 2 / 4}
    made = train_wordpiece("th th th th th th t t qu qu", 6, min_count=1)
    assert made.tokens[-1] == "qu" and max(scores, key=scores.get) == ("q", "##u")


@settings(max_examples=100, deadline=None)
@given(st.text("abc", max_size=8), st.dictionaries(st.text("abc", min_size=1, max_size=3), st.floats(-9, -0.5)))
def test_the_best_cut_is_that_of_the_fast_tokenizer(word, log_probs):
    if not set(word) <= log_probs.keys():
        log_probs |= {character: -5.0 for character in word if character not in log_probs}
    pieces, log_prob = unigram_segment(word, log_probs)
    assert "".join(pieces) == word and log_prob == pytest.approx(sum(log_probs[piece] for piece in pieces))
    if log_probs:
        assert log_prob == pytest.approx(Unigram(log_probs).segment(word)[1])
    with pytest.raises(ValueError, match="cannot spell"):
        unigram_segment(word + "x", log_probs)


@given(st.text(st.sampled_from("ab \n\t▁é"), max_size=30))
def test_lossless_words_are_those_of_the_package_and_lose_nothing(text):
    assert lossless_words(text) == blank_words(text)
    assert "".join(lossless_words(text)) == text.replace(" ", "▁")


@settings(max_examples=40, deadline=None)
@given(st.text(st.sampled_from("ab aab' trs1é老🐭\n"), max_size=60), st.booleans())
def test_the_tokenizer_of_the_steps_has_the_ids_of_the_fast_one_and_gives_every_text_back(text, allow_special):
    text += "<|end|>a"
    words = [(list(word.encode().decode("latin-1")), 1) for word in gpt2_words("aab aba tabs baa")]
    merges = steps.train_bpe(words, 8)
    tokens = dict.fromkeys([*map(chr, range(256)), *(left + right for left, right in merges)])
    letters = {token: bytes_to_characters(token.encode("latin-1")) for token in tokens}
    fast = BPE(
        [*letters.values(), "<|end|>"],
        [(letters[left], letters[right]) for left, right in merges],
        special_tokens=["<|end|>"],
    )
    slow = steps.Tokenizer(merges, ["<|end|>"])
    ids = slow.encode(text, allow_special=allow_special)
    assert ids == fast.encode(text, allow_special=allow_special)
    assert slow.decode(ids) == text
    assert (fast.ids["<|end|>"] in ids) == allow_special


def test_surprise_per_byte_does_not_depend_on_how_the_text_is_cut():
    assert nats_per_byte(torch.tensor([0.5, 0.25]).log(), "aé") == pytest.approx(math.log(8) / 3)
    assert unknown_share([], ["a"]) == 0.0
