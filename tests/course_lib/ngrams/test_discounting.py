"""Modified Kneser–Ney against a slow second implementation, written from Chen and Goodman's (1998) formulas."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

from course_lib import scoreboard
from course_lib.ngrams import add_k, count_ngrams, kneser_ney
from course_lib.ngrams.discounting import FALLBACK, discounts
from tests.course_lib.ngrams.test_counts import slices, streams


class Slow:
    """p(w | h) with dictionaries and loops: one formula of the paper per line."""

    def __init__(self, tokens, order, vocab_size):
        self.vocab_size = vocab_size
        occurrences = {m: Counter(slices(tokens, m)) for m in range(1, order + 1)}
        self.c = {m: Counter(g[1:] for g in occurrences[m + 1]) for m in range(1, order)} | {order: occurrences[order]}
        self.d = {m: self.three(list(c.values())) for m, c in self.c.items()}

    @staticmethod
    def three(values):
        n = [sum(v == r for v in values) for r in range(5)]
        if 0 in n[1:]:
            return FALLBACK
        y = n[1] / (n[1] + 2 * n[2])
        d = tuple(r - (r + 1) * y * n[r + 1] / n[r] for r in (1, 2, 3))
        return d if all(0 <= x <= r for r, x in enumerate(d, 1)) else FALLBACK

    def p(self, w, h):
        lower = self.p(w, h[1:]) if h else 1 / self.vocab_size
        c, (d1, d2, d3) = self.c[len(h) + 1], self.d[len(h) + 1]
        after = {g[-1]: n for g, n in c.items() if g[:-1] == h}
        if not after:
            return lower
        n1, n2, n3 = (sum(min(n, 3) == r for n in after.values()) for r in (1, 2, 3))
        n = after.get(w, 0)
        share = max(n - (0, d1, d2, d3)[min(n, 3)], 0) / sum(after.values())
        return share + (d1 * n1 + d2 * n2 + d3 * n3) / sum(after.values()) * lower


@settings(max_examples=80, deadline=None)
@given(streams)
def test_every_probability_after_a_short_history_equals_the_slow_implementation(case):
    tokens, order, vocab_size = case
    fast, slow = kneser_ney(count_ngrams(tokens, order, vocab_size)), Slow(tokens, order, vocab_size)
    for end in range(len(tokens)):
        history = tuple(tokens[max(0, end - order + 1) : end])
        expected = [slow.p(w, history) for w in range(vocab_size)]
        assert fast.next_probs(history).tolist() == pytest.approx(expected)


def test_on_the_toy_language_discounts_come_from_the_counts_and_all_agrees_with_the_slow_implementation():
    tokens, held_out = scoreboard.training(6_000).tolist(), scoreboard.held_out()[:120].tolist()
    fast, slow = kneser_ney(count_ngrams(tokens, 3, 348)), Slow(tokens, 3, 348)
    assert all(d != FALLBACK for d in slow.d.values())
    found = fast.log_probs(held_out)
    for end, token in enumerate(held_out):
        history = tuple(held_out[max(0, end - 2) : end])
        assert math.exp(found[end]) == pytest.approx(slow.p(token, history))


def test_discounts_are_those_of_the_formula_and_fall_back_where_it_cannot_be_used():
    counted = np.repeat([1, 2, 3, 4, 9], [1000, 300, 150, 90, 70])
    y = 1000 / 1600
    assert discounts(counted) == pytest.approx((1 - 2 * y * 0.3, 2 - 3 * y * 0.5, 3 - 4 * y * 0.6))
    assert discounts(np.array([1, 1, 2, 3])) == FALLBACK  # nothing was seen four times
    assert discounts(np.repeat([1, 2, 3, 4], [10, 10, 90, 10])) == FALLBACK  # D₂ would be negative


def test_a_word_with_one_neighbour_is_unlikely_after_an_unknown_history_however_often_it_came():
    # 0 1 0 1 …: 1 is frequent, always after 0; 2 is rare and comes after 3, 4 and 5
    tokens = [0, 1] * 20 + [3, 2, 4, 2, 5, 2]
    probs = kneser_ney(count_ngrams(tokens, 2, 7), 0.75).next_probs([6])
    assert probs[2] > probs[1]
    counted = add_k(count_ngrams(tokens, 1, 7)).next_probs()
    assert counted[1] > counted[2]


def test_it_beats_adding_counts_on_new_text_and_the_fifth_order_beats_the_second():
    train, held_out = scoreboard.training(60_000), scoreboard.held_out()
    five, two = count_ngrams(train, 5, 348), count_ngrams(train, 2, 348)
    kn = kneser_ney(five).nats_per_token(held_out)
    assert kn < min(add_k(five, k).nats_per_token(held_out) for k in (1, 0.1, 0.01, 0.001)) - 0.5
    assert scoreboard.language().entropy_rate < kn < kneser_ney(two).nats_per_token(held_out)
