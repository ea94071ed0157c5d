"""Counting against collections.Counter, and both code paths of a model against each other."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.ngrams import count_ngrams
from course_lib.ngrams.trie import Trie

streams = st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(
    lambda s: st.tuples(
        st.lists(st.integers(0, s[1] - 1), min_size=s[0], max_size=40), st.just(s[0]), st.integers(s[1], s[1] + 2)
    )
)


def slices(tokens, length):
    return [tuple(tokens[i : i + length]) for i in range(len(tokens) - length + 1)]


@settings(max_examples=100, deadline=None)
@given(streams)
def test_counts_suffixes_and_continuations_equal_those_of_a_dictionary(case):
    tokens, order, vocab_size = case
    counts = count_ngrams(tokens, order, vocab_size)
    for length in range(1, order + 1):
        expected = Counter(slices(tokens, length))
        ngrams = [tuple(row) for row in counts.trie.ngrams(length).tolist()]
        assert len(set(ngrams)) == len(ngrams) == counts.trie.sizes[length - 1]
        assert +Counter(dict(zip(ngrams, counts.counts[length - 1].tolist()))) == expected
        assert counts.trie.numbers(np.array(ngrams)).tolist() == list(range(len(ngrams)))
        if length > 1:
            shorter = counts.trie.ngrams(length - 1)
            assert shorter[counts.suffixes[length - 1]].tolist() == [list(g[1:]) for g in ngrams]
            assert shorter[counts.histories(length)].tolist() == [list(g[:-1]) for g in ngrams]
        if length < order:
            left = Counter(g[1:] for g in set(slices(tokens, length + 1)))
            assert counts.continuations(length).tolist() == [left[g] for g in ngrams]


@settings(max_examples=50, deadline=None)
@given(streams, st.data())
def test_the_share_of_unseen_ngrams_is_what_a_set_says(case, data):
    tokens, order, vocab_size = case
    other = data.draw(st.lists(st.integers(0, vocab_size - 1), min_size=order, max_size=30))
    shares = count_ngrams(tokens, order, vocab_size).unseen(torch.tensor(other))
    for length, share in enumerate(shares, start=1):
        known = set(slices(tokens, length))
        new = [g not in known for g in slices(other, length)]
        assert share == pytest.approx(sum(new) / len(new))


def test_one_ngram_can_be_asked_for():
    counts = count_ngrams(torch.tensor([0, 1, 0, 1, 1]), 3, 5)
    assert [counts.count(g) for g in ([1], [0, 1], [0, 1, 0], [1, 1, 1], [4], [4, 4, 4])] == [3, 2, 1, 0, 0, 0]


def test_an_ngram_does_not_reach_from_the_end_of_the_stream_to_its_beginning():
    counts = count_ngrams([0, 1, 2], 2, 3)
    assert counts.count([2, 0]) == 0 and counts.trie.sizes == [3, 2]


def test_a_large_vocabulary_and_a_long_history_do_not_overflow():
    tokens = [999_999, 5, 999_998] * 3
    counts = count_ngrams(tokens, 8, 1_000_000)
    assert counts.count(tokens[:8]) == 1 and counts.count(tokens[:2]) == 3


def test_an_empty_level_of_a_trie_holds_nothing():
    assert Trie(3, [np.array([], dtype=np.int64)]).find(2, np.array([1]), np.array([2])).tolist() == [-1]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: count_ngrams([0, 1], 3, 2), "at least order = 3 ids, got 2"),
        (lambda: count_ngrams([0, 1], 0, 2), "order must be at least 1, got 0"),
        (lambda: count_ngrams([0, 2], 1, 2), "vocab_size - 1 = 1, got 2"),
        (lambda: count_ngrams([0, -1], 1, 2), "got -1"),
        (lambda: count_ngrams([[0, 1]], 1, 2), r"shape \(1, 2\)"),
        (lambda: count_ngrams([0.5, 1.0], 1, 2), "integers, got float64"),
        (lambda: count_ngrams([0, 1], 2, 2).count([0, 1, 1]), "1 to 2 tokens, got 3"),
        (lambda: count_ngrams([0, 1], 2, 2).unseen([0]), "at least 2 ids, got 1"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.gpu
def test_a_stream_on_a_gpu_is_counted_too():
    assert count_ngrams(torch.tensor([0, 1, 0, 1], device="cuda"), 2, 2).count([0, 1]) == 2
