"""Huffman's code is decodable, meets Shannon's bound, and no other code is shorter; lengths alone give a code."""

import itertools
import math
from fractions import Fraction

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from course_lib.huffman import blocks, canonical_code, decode, encode, huffman_code, kraft_sum, mean_length

weights = st.lists(st.integers(0, 50), min_size=2, max_size=8).filter(lambda w: sum(x > 0 for x in w) >= 2)


def probabilities(counts: list[int]) -> dict[str, float]:
    return {chr(97 + i): count / sum(counts) for i, count in enumerate(counts)}


@given(weights)
def test_the_mean_length_lies_between_the_entropy_and_one_bit_more(counts):
    probs = probabilities(counts)
    entropy_in_bits = scipy.stats.entropy(list(probs.values()), base=2)
    length = mean_length(huffman_code(probs), probs)
    assert entropy_in_bits - 1e-9 <= length < entropy_in_bits + 1


@given(weights)
def test_no_codeword_begins_another_and_no_bit_is_wasted(counts):
    words = list(huffman_code(probabilities(counts)).values())
    assert not any(b.startswith(a) for a, b in itertools.permutations(words, 2))
    assert sum(2.0 ** -len(word) for word in words) == 1.0  # Kraft's inequality holds with equality


@given(st.lists(st.integers(1, 9), min_size=4, max_size=4))
def test_no_code_for_four_symbols_is_shorter(counts):
    probs = probabilities(counts)
    complete = {tuple(sorted(lengths)) for lengths in itertools.product(range(1, 4), repeat=4)
                if sum(2.0**-n for n in lengths) <= 1}  # fmt: skip
    ordered = sorted(probs.values(), reverse=True)
    best = min(sum(p * n for p, n in zip(ordered, lengths)) for lengths in complete)
    assert mean_length(huffman_code(probs), probs) == pytest.approx(best)


@given(weights, st.data())
def test_what_was_encoded_can_be_decoded(counts, data):
    code = huffman_code(probabilities(counts))
    message = data.draw(st.lists(st.sampled_from(sorted(code))))
    assert decode(encode(message, code), code) == message


def test_probabilities_that_are_powers_of_two_are_coded_without_loss():
    probs = {"cheese": 0.5, "bread": 0.25, "corn": 0.125, "shoe": 0.125}
    code = huffman_code(probs)
    assert code == {"cheese": "0", "bread": "10", "corn": "110", "shoe": "111"}
    assert mean_length(code, probs) == 1.75 == scipy.stats.entropy(list(probs.values()), base=2)


def test_longer_blocks_come_within_one_nth_of_a_bit():
    coin = {"heads": 0.9, "tails": 0.1}
    entropy_in_bits = scipy.stats.entropy([0.9, 0.1], base=2)
    for n in range(1, 8):
        several = blocks(coin, n)
        assert math.isclose(sum(several.values()), 1)
        per_symbol = mean_length(huffman_code(several), several) / n
        assert entropy_in_bits <= per_symbol < entropy_in_bits + 1 / n


@given(st.lists(st.integers(1, 8), min_size=1, max_size=20))
def test_a_code_with_given_lengths_exists_exactly_when_krafts_sum_is_at_most_1(lengths):
    exact = sum(Fraction(1, 2**length) for length in lengths)
    assert kraft_sum(lengths) == exact
    wanted = dict(enumerate(lengths))
    if exact > 1:
        with pytest.raises(ValueError, match="kraft_sum of at most 1"):
            canonical_code(wanted)
    else:
        code = canonical_code(wanted)
        assert {symbol: len(word) for symbol, word in code.items()} == wanted
        assert not any(b.startswith(a) for a, b in itertools.permutations(code.values(), 2))


def test_the_canonical_code_is_that_of_the_standard_which_gzip_follows():
    lengths = dict(zip("ABCDEFGH", (3, 3, 3, 3, 3, 2, 4, 4)))  # the example of RFC 1951, §3.2.2
    assert canonical_code(lengths) == {
        "F": "00", "A": "010", "B": "011", "C": "100", "D": "101", "E": "110", "G": "1110", "H": "1111"
    }  # fmt: skip


@given(weights, st.data())
def test_the_lengths_of_huffmans_code_are_enough_to_write_and_read_it(counts, data):
    code = huffman_code(probabilities(counts))
    canonical = canonical_code({symbol: len(word) for symbol, word in code.items()})
    message = data.draw(st.lists(st.sampled_from(sorted(code))))
    assert len(encode(message, canonical)) == len(encode(message, code))
    assert decode(encode(message, canonical), canonical) == message


def test_a_codeword_without_bits_is_refused():
    with pytest.raises(ValueError, match=r"lengths must be at least 1 bit, got \[1, 0\]"):
        kraft_sum([1, 0])


def test_impossible_symbols_get_no_codeword_and_a_single_one_gets_a_bit():
    assert huffman_code({"a": 0.5, "b": 0.0, "c": 0.5}) == {"a": "0", "c": "1"}
    assert huffman_code({"a": 1.0}) == {"a": "0"}


@pytest.mark.parametrize("p", [-0.1, math.nan, math.inf])
def test_an_improper_probability_is_refused_by_name(p):
    with pytest.raises(ValueError, match=r"probs\['b'\] must be at least 0 and finite"):
        huffman_code({"a": 0.5, "b": p})


def test_nothing_to_code_is_refused():
    with pytest.raises(ValueError, match="probs must have a positive probability"):
        huffman_code({"a": 0.0})
    with pytest.raises(ValueError, match="length must be at least 1"):
        blocks({"a": 1.0}, 0)


def test_broken_bits_and_missing_codewords_are_refused():
    code = huffman_code({"a": 2, "b": 1, "c": 1})
    with pytest.raises(ValueError, match="'1' left over"):
        decode("01", code)
    with pytest.raises(ValueError, match=r"none for \['d'\]"):
        mean_length(code, {"a": 0.5, "d": 0.5})
