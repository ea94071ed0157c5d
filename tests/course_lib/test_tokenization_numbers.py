"""The numbers that lesson 02 states in its prose are right (those that no cell of the lesson prints)."""

import math

import pytest
import torch

from course_lib.tokenization import gpt2_words
from course_lib.tokenization.steps import (
    bpe_encode,
    merge_pair,
    nats_per_byte,
    pair_counts,
    train_bpe,
    unigram_segment,
    unknown_share,
    wordpiece_encode,
    wordpiece_score,
)

WORDS = [(list("low"), 5), (list("lower"), 2), (list("newest"), 6), (list("widest"), 3)]


def test_bytes_of_characters():
    assert [len(c.encode()) for c in "zé老🐭"] == [1, 2, 3, 4]
    assert len("très café") == 9 and len("très café".encode()) == 11
    assert len("老鼠吃了奶酪".encode()) == 18


def test_one_of_four_running_words_is_unknown_and_one_of_three_different_ones():
    words, vocab = "the mouse the cat".split(), ["the", "mouse"]
    assert unknown_share(words, vocab) == 1 / 4
    assert unknown_share(sorted(set(words)), vocab) == pytest.approx(1 / 3)


def test_the_pairs_of_the_four_words():
    counts = pair_counts(WORDS)
    assert [counts[tuple(pair)] for pair in ("es", "st", "lo", "we")] == [9, 9, 7, 8]
    assert max(counts.values()) == 9 and train_bpe(WORDS, 1) == [("e", "s")]
    after = pair_counts([(merge_pair(tokens, ("e", "s")), times) for tokens, times in WORDS])
    assert after["es", "t"] == 9 and ("s", "t") not in after


def test_the_rank_goes_before_the_length():
    assert bpe_encode("abc", [("b", "c"), ("a", "b"), ("ab", "c")]) == ["a", "bc"]


def test_wordpiece_by_hand():
    vocab = ["mouse", "mo", "##ho", "##hole", "##le"]
    assert wordpiece_encode("mousehole", vocab) == ["mouse", "##hole"]
    assert wordpiece_encode("mousetrap", vocab) == ["[UNK]"]
    scores = wordpiece_score([(["t", "##h"], 6), (["t"], 2), (["q", "##u"], 2)])
    assert scores == {("t", "##h"): 0.125, ("q", "##u"): 0.5}


def test_the_cuts_of_mousehole_and_the_viterbi_example():
    assert 2 ** (len("mousehole") - 1) == 256
    assert unigram_segment("ab", {"a": -1.0, "b": -1.0, "ab": -2.5}) == (["a", "b"], -2.0)


def test_one_bit_per_byte():
    assert nats_per_byte(torch.tensor([0.5, 0.25]).log(), "aé") == pytest.approx(math.log(2), abs=1e-6)
    assert round(math.log(8) / 3, 4) == 0.6931 and len("aé".encode()) == 3


def test_the_perplexities_of_the_last_question():
    assert (round(math.log(60), 2), round(math.log(25), 2), round(math.log(60) / math.log(25), 2)) == (4.09, 3.22, 1.27)


def test_gpt2s_cut_of_the_lessons_sentence_loses_nothing():
    text = "The mouse's cheese,  1889 holes!"
    assert "".join(gpt2_words(text)) == text and " cheese" in gpt2_words(text)
