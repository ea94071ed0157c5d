"""The typist's channel is a probability distribution, and the corrector finds what brute force finds."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.ngrams import NoisyChannel, count_ngrams, edits, kneser_ney, typing_log_prob

WORDS = "<eos> <unk> the mouse ate cheese house moose then late".split()
TEXT = (
    "the mouse ate the cheese <eos> the moose ate the cheese <eos> then the mouse ate <eos> the house <eos> late <eos>"
)
MODEL = kneser_ney(count_ngrams([WORDS.index(word) for word in TEXT.split()], 3, len(WORDS)))
CHANNEL = NoisyChannel(MODEL, WORDS, unknown=1, start=0)


@pytest.mark.parametrize("word", ["a", "ab", "aa", "abc"])
def test_the_slips_of_a_word_are_counted_as_by_writing_them_all_down(word):
    n, letters = len(word), "abc"
    made = edits(word, letters)
    different_neighbours = sum(a != b for a, b in itertools.pairwise(word))
    assert made.total() == n + different_neighbours + n * 2 + (n + 1) * 3
    everything = {"".join(w) for k in range(n + 2) for w in itertools.product(letters, repeat=k)}
    assert set(made) <= everything and word not in made
    for other in everything - {word}:  # one slip away means: distance 1, a swap counting as one
        assert (other in made) == (distance(word, other) == 1)


def distance(a, b):
    """Optimal string alignment distance, by the textbook recursion."""
    if not a or not b:
        return len(a) + len(b)
    options = [distance(a[:-1], b) + 1, distance(a, b[:-1]) + 1, distance(a[:-1], b[:-1]) + (a[-1] != b[-1])]
    if len(a) > 1 and len(b) > 1 and a[-2:] == b[-1] + b[-2]:
        options.append(distance(a[:-2], b[:-2]) + 1)
    return min(options)


@pytest.mark.parametrize("word", ["a", "the", "aabb"])
def test_what_may_be_typed_for_a_word_sums_to_one(word):
    typed = {word, *edits(word)}
    assert sum(math.exp(typing_log_prob(t, word, 0.1)) for t in typed) == pytest.approx(1)
    assert typing_log_prob(word, word, 0.1) == pytest.approx(math.log(0.9))
    assert typing_log_prob("zzzzzzz", word, 0.1) == -math.inf


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(WORDS[2:]), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_corrector_finds_the_best_of_all_sentences(meant, random):
    typed = [random.choice(sorted(edits(word))) if random.random() < 0.5 else word for word in meant]
    options = [CHANNEL.candidates(word) for word in typed]
    assert math.prod(map(len, options)) <= CHANNEL.beam**2  # so that the beam loses nothing

    def score(ids):
        prior = MODEL.log_probs([0, *ids, 0])[1:].sum()
        return prior + sum(option[i] for option, i in zip(options, ids))

    best = max(itertools.product(*options), key=score)
    found = CHANNEL.correct(typed)
    expected = [t if i == 1 else WORDS[i] for t, i in zip(typed, best)]
    assert found == expected or score([WORDS.index(w) for w in found]) == pytest.approx(score(best))


def test_context_decides_between_words_that_are_equally_near_and_repairs_a_wrong_word_that_is_a_word():
    assert CHANNEL.correct("the mouse ate the chese".split()) == "the mouse ate the cheese".split()
    often = kneser_ney(count_ngrams([WORDS.index(word) for word in TEXT.split()] * 200, 3, len(WORDS)))
    sure = NoisyChannel(often, WORDS, unknown=1, start=0)
    assert sure.correct("the mouse late the cheese".split()) == "the mouse ate the cheese".split()
    assert sure.correct("late".split()) == ["late"]


def test_a_word_that_nobody_knows_is_left_alone():
    assert CHANNEL.candidates("xylophone") == {1: 0.0}
    assert CHANNEL.correct("the xylophone ate".split()) == "the xylophone ate".split()
    assert CHANNEL.correct([]) == []


def test_errors_name_the_argument_the_value_and_what_was_expected():
    with pytest.raises(ValueError, match="error_rate must lie between 0 and 1, got 1"):
        typing_log_prob("a", "a", 1)
    with pytest.raises(ValueError, match="got 0"):
        NoisyChannel(MODEL, WORDS, 1, 0, error_rate=0)
    with pytest.raises(ValueError, match="10 words, got 2"):
        NoisyChannel(MODEL, WORDS[:2], 1, 0)
