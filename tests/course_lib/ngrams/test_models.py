"""Every estimate is one distribution per history, the same by both ways of asking; NLTK's where definitions agree."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from course_lib import scoreboard
from course_lib.ngrams import add_k, count_ngrams, interpolated, interpolation_weights, kneser_ney, mle, stupid_backoff
from tests.course_lib.ngrams.test_counts import slices, streams

REASON = "compared with here, and not installed: pip install -e '.[dev]'"
nltk_lm = pytest.importorskip("nltk.lm", reason=REASON)
MLE, KneserNeyInterpolated, Laplace, Lidstone = (
    getattr(nltk_lm, name) for name in "MLE KneserNeyInterpolated Laplace Lidstone".split()
)
everygrams = pytest.importorskip("nltk.util", reason=REASON).everygrams

SMOOTHED = {
    "add one": add_k,
    "add a little": lambda counts: add_k(counts, 0.01),
    "interpolated": lambda counts: interpolated(counts, [0.6] * counts.order),
    "one discount": lambda counts: kneser_ney(counts, 0.75),
    "modified": kneser_ney,
}
ALL = SMOOTHED | {"mle": mle, "stupid": stupid_backoff}
TEXT = "the mouse ate the cheese the cat ate the mouse the cat saw the dog".split()
WORDS = [*sorted(set(TEXT)), "<new>"]
IDS = [WORDS.index(word) for word in TEXT]


def nltk_model(model, order):
    model.fit([everygrams(TEXT, max_len=order)], vocabulary_text=WORDS)
    assert len(model.vocab) == len(WORDS) + 1  # NLTK adds "<UNK>"
    return model


@settings(max_examples=60, deadline=None)
@given(streams, st.sampled_from(list(SMOOTHED)))
def test_smoothed_probabilities_are_positive_and_sum_to_one_after_every_history_seen_or_not(case, name):
    tokens, order, vocab_size = case
    model = SMOOTHED[name](count_ngrams(tokens, order, vocab_size))
    for length in range(min(order, 3)):
        for history in itertools.product(range(vocab_size), repeat=length):
            probs = model.next_probs(history)
            assert probs.min() > 0 and probs.sum() == pytest.approx(1)


@settings(max_examples=100, deadline=None)
@given(streams, st.sampled_from(list(ALL)), st.data())
def test_scoring_a_stream_equals_asking_for_each_next_token(case, name, data):
    tokens, order, vocab_size = case
    model = ALL[name](count_ngrams(tokens, order, vocab_size))
    text = data.draw(st.lists(st.integers(0, vocab_size - 1), min_size=1, max_size=20))
    with np.errstate(divide="ignore"):
        expected = [np.log(model.next_probs(text[:i])[token]) for i, token in enumerate(text)]
    np.testing.assert_allclose(model.log_probs(text), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_relative_frequencies_equal_nltk_and_are_undefined_after_an_unseen_history(order):
    ours, theirs = mle(count_ngrams(IDS, order, len(WORDS))), nltk_model(MLE(order), order)
    for history in [g[:-1] for g in slices(TEXT, order)]:
        probs = ours.next_probs([WORDS.index(word) for word in history])
        assert probs.tolist() == pytest.approx([theirs.score(word, history) for word in WORDS])
    if order > 1:
        assert np.isnan(ours.next_probs([WORDS.index("<new>")] * (order - 1))).all()


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("k", [1.0, 0.2])
def test_added_counts_equal_nltk(order, k):
    # NLTK's vocabulary has one word more, "<UNK>": so has ours
    ours = add_k(count_ngrams(IDS, order, len(WORDS) + 1), k)
    theirs = nltk_model(Laplace(order) if k == 1 else Lidstone(k, order), order)
    for history in itertools.product(WORDS, repeat=order - 1):
        probs = ours.next_probs([WORDS.index(word) for word in history])
        assert probs[:-1].tolist() == pytest.approx([theirs.score(word, history) for word in WORDS])


@pytest.mark.parametrize("order", [2, 3])
def test_what_kneser_ney_gives_and_leaves_equals_nltk_at_the_longest_histories(order):
    # Below, NLTK stops at undiscounted single words where we go on to 1/V; the longest histories are defined alike.
    ours, theirs = kneser_ney(count_ngrams(IDS, order, len(WORDS)), 0.7), KneserNeyInterpolated(order, 0.7)
    nltk_model(theirs, order)
    for history in {g[:-1] for g in slices(TEXT, order)}:
        ids = [WORDS.index(word) for word in history]
        shorter = ours.next_probs(ids[1:])
        for word, p, p_shorter in zip(WORDS, ours.next_probs(ids), shorter):
            share, leftover = theirs.estimator.alpha_gamma(word, history)
            assert p == pytest.approx(share + leftover * p_shorter)


def test_interpolation_by_hand():
    counts = count_ngrams([0, 1, 0, 1, 1], 2, 3)
    # after 0 came 1, 1: λ₂ · 1 + (1 − λ₂) (λ₁ · 3/5 + (1 − λ₁) · 1/3)
    assert interpolated(counts, [0.5, 0.25]).next_probs([0])[1] == pytest.approx(0.25 + 0.75 * (0.3 + 0.5 / 3))
    assert interpolated(counts, [0.5, 0.25]).next_probs([2])[2] == pytest.approx(0.5 / 3)  # 2 was never seen


def test_the_weights_found_are_better_than_all_on_a_grid_and_a_longer_search_changes_little():
    train, held_out = scoreboard.training(8_000), scoreboard.held_out()[:4000]
    counts = count_ngrams(train, 3, 348)
    found = interpolation_weights(counts, held_out)
    best = interpolated(counts, found).nats_per_token(held_out)
    for weights in itertools.product([0.2, 0.5, 0.8, 0.95, 0.99], repeat=3):
        assert best <= interpolated(counts, weights).nats_per_token(held_out) + 1e-6
    assert found == pytest.approx(interpolation_weights(counts, held_out, rounds=500), abs=0.01)


def test_on_the_text_that_was_counted_the_longest_histories_get_all_the_weight():
    counts = count_ngrams(scoreboard.training(3_000), 3, 348)
    assert interpolation_weights(counts, scoreboard.training(3_000))[2] > 0.99


def test_stupid_backoff_follows_its_formula_and_does_not_sum_to_one():
    model = stupid_backoff(count_ngrams(IDS, 3, len(WORDS)))
    word = WORDS.index

    def score(history, w):
        n = sum(g == (*history, w) for g in slices(TEXT, len(history) + 1))
        if n:
            return n / sum(g[:-1] == history for g in slices(TEXT, len(history) + 1))
        return 0.4 * score(history[1:], w) if history else 0.0

    for history in itertools.product(WORDS, repeat=2):
        expected = [score(history, w) for w in WORDS]
        assert model.next_probs([word(w) for w in history]).tolist() == pytest.approx(expected)
    assert model.next_probs([word("the")]).sum() > 1.1


def test_changing_the_text_after_one_history_changes_kneser_ney_after_another_but_no_relative_frequency():
    before, after = [0, 1, 0, 2, 3, 2], [0, 1, 0, 2, 3, 2, 3, 1]  # “3 1” is new; what follows 0 is as before
    for estimate, same in ((mle, True), (kneser_ney, False)):
        one, two = (estimate(count_ngrams(text, 2, 4)).next_probs([0]) for text in (before, after))
        assert np.array_equal(one, two) == same


def test_the_bigram_model_of_a_markov_chain_finds_its_transition_probabilities():
    chain = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5], [0.6, 0.0, 0.4]], dtype=torch.float64)
    generator, text = torch.Generator().manual_seed(0), [0]
    for draw in torch.rand(30_000, generator=generator, dtype=torch.float64).tolist():
        text.append(int(torch.searchsorted(chain[text[-1]].cumsum(0), draw, right=True)))
    model = kneser_ney(count_ngrams(text, 2, 3))
    for state in range(3):
        assert model.next_probs([state]) == pytest.approx(chain[state].numpy(), abs=0.02)


@pytest.mark.parametrize("name", ["modified", "mle"])
def test_samples_follow_the_next_probabilities(name):
    model = ALL[name](count_ngrams([0, 1, 1, 2, 0, 1, 2, 2, 1, 0], 2, 3))
    text = model.sample(20_000, torch.Generator().manual_seed(0), context=[0])
    assert len(text) == 20_000
    after = {h: np.bincount([b for a, b in itertools.pairwise(text) if a == h], minlength=3) for h in range(3)}
    for history, seen in after.items():
        probs = model.next_probs([history])
        assert (seen[probs == 0] == 0).all()
        if (probs > 0).sum() > 1:
            assert chisquare(seen[probs > 0], seen.sum() * probs[probs > 0]).pvalue > 1e-6


def test_sampling_repeats_with_its_seed_stops_and_refuses_what_has_no_prediction():
    counts = count_ngrams(scoreboard.training(5_000), 3, 348)
    one, two = (kneser_ney(counts).sample(50, torch.Generator().manual_seed(3)) for _ in range(2))
    assert one == two and len(one) == 50
    sentence = kneser_ney(counts).sample(500, torch.Generator().manual_seed(3), context=[0], stop=0)
    assert sentence[-1] == 0 and 0 not in sentence[:-1]
    with pytest.raises(ValueError, match=r"no prediction after \[347, 347\]"):
        mle(counts).sample(1, torch.Generator(), context=[347, 347])


def test_memorising_is_infinitely_bad_or_undefined_on_new_text():
    counts = count_ngrams(scoreboard.training(20_000), 2, 348)
    assert mle(counts).nats_per_token(scoreboard.training(20_000)) < 2.4
    assert mle(count_ngrams([0, 1, 0, 1], 2, 3)).nats_per_token([0, 0]) == math.inf  # after 0 never came 0
    assert mle(counts).nats_per_token(scoreboard.held_out()[:1000]) == math.inf
    assert math.isnan(mle(count_ngrams([0, 1, 0], 2, 3)).nats_per_token([2, 1]))  # 2 was never seen


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda c: add_k(c, 0), "k must be positive, got 0"),
        (lambda c: interpolated(c, [0.5]), r"2 numbers in \[0, 1\).* got \[0.5\]"),
        (lambda c: interpolated(c, [0.5, 1.0]), r"got \[0.5, 1.0\]"),
        (lambda c: kneser_ney(c, 1.5), "between 0 and 1, got 1.5"),
        (lambda c: stupid_backoff(c, 0.0), r"\(0, 1\], got 0.0"),
        (lambda c: mle(c).log_probs([0, 9]), "vocab_size - 1 = 2, got 9"),
        (lambda c: mle(c).nats_per_token([]), "at least one id"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(count_ngrams([0, 1, 0, 1, 1], 2, 3))
