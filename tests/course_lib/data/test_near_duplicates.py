"""Min-hash signatures against plain sets, scikit-learn and the binomial distribution."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.data.near_duplicates import (
    PRIME,
    estimated_jaccard,
    hash_functions,
    jaccard,
    minhash_signature,
    shingle_numbers,
)

SETS = st.sets(st.integers(0, 2**32 - 1), min_size=1, max_size=30)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 40), min_size=1), st.sets(st.integers(0, 40), min_size=1))
def test_the_jaccard_index_is_scikit_learns(first, second):
    from sklearn.metrics import jaccard_score

    flags = [[int(i in numbers) for i in range(41)] for numbers in (first, second)]
    mine = jaccard(*(torch.tensor(sorted(numbers)) for numbers in (first, second)))
    assert mine == pytest.approx(jaccard_score(*flags))


@settings(max_examples=40, deadline=None)
@given(SETS, st.integers(0, 99))
def test_a_signature_is_the_minimum_in_exact_integers_and_does_not_know_the_order(numbers, seed):
    a, b = hash_functions(4, seed)
    members = torch.tensor([*numbers, *numbers])
    expected = [min((int(x) * n + int(y)) % PRIME for n in numbers) for x, y in zip(a, b)]
    assert minhash_signature(members, a, b).tolist() == expected
    assert minhash_signature(members.flip(0), a, b).tolist() == expected


@pytest.mark.parametrize("common, alone", [(0, 50), (20, 40), (60, 20), (95, 5), (100, 0)])
def test_the_estimate_is_off_by_chance_alone(common, alone):
    both = torch.randint(2**32, (common + 2 * alone,), generator=torch.Generator().manual_seed(common))
    first, second = both[: common + alone], torch.cat([both[:common], both[common + alone :]])
    true, n_hashes = jaccard(first, second), 4000
    a, b = hash_functions(n_hashes, 1)
    estimate = estimated_jaccard(minhash_signature(first, a, b), minhash_signature(second, a, b))
    assert true == pytest.approx(common / (common + 2 * alone))
    assert abs(estimate - true) <= 5 * math.sqrt(true * (1 - true) / n_hashes)


def test_shingles_are_runs_of_words_each_once_whatever_the_capitals():
    text = "The mouse eats and the mouse eats and the mouse sleeps"
    words = text.lower().split()
    expected = {tuple(words[i : i + 3]) for i in range(len(words) - 2)}
    assert len(shingle_numbers(text, 3)) == len(expected) == 5
    assert shingle_numbers(text, 3).equal(shingle_numbers(text.upper(), 3))
    assert len(shingle_numbers("two words", 5)) == len(shingle_numbers("just as many words here", 5)) == 1
    assert shingle_numbers("123456789", 1).tolist() == [0xCBF43926]  # the check value of CRC-32


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: shingle_numbers(" \n"), "at least one word"),
        (lambda: jaccard(torch.tensor([1]), torch.tensor([])), "got 1 and 0"),
        (lambda: minhash_signature(torch.tensor([], dtype=torch.long), *hash_functions(2)), "must have a number"),
        (lambda: estimated_jaccard(torch.zeros(2), torch.zeros(3)), "got 2 and 3"),
    ],
)
def test_errors_say_what_was_given(call, message):
    with pytest.raises(ValueError, match=message):
        call()
