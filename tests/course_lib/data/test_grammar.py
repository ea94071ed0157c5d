"""Exact quantities of grammars small enough to be worked out by hand, and the errors of wrong ones."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.data.grammar import Grammar
from tests.random_inputs import generator


def repeat(p: float) -> Grammar:
    """The word a, repeated with probability p: a sentence has 1/(1-p) words and one <eos>."""
    return Grammar({"[s]": {("a", "[more]"): 1}, "[more]": {("a", "[more]"): p, (): 1 - p}})


@given(st.floats(0.01, 0.95))
def test_a_geometric_language_has_its_textbook_length_and_entropy(p):
    language = repeat(p)
    assert language.tokens_per_sentence == pytest.approx(1 / (1 - p) + 1)
    assert language.sentence_entropy == pytest.approx(-(p * math.log(p) / (1 - p) + math.log(1 - p)))
    frequency = dict(zip(language.vocabulary, language.unigram_probs().tolist()))
    assert frequency["a"] == pytest.approx((1 / (1 - p)) / (1 / (1 - p) + 1))


@given(st.floats(0.01, 0.95), st.integers(1, 6))
def test_a_sentence_of_the_geometric_language_has_its_textbook_probability(p, length):
    language = repeat(p)
    sentence = language.encode("a " * length + "<eos>")
    assert language.log_prob(sentence) == pytest.approx((length - 1) * math.log(p) + math.log(1 - p))


def test_brackets_nest_to_any_depth():
    language = Grammar({"[s]": {("(", "[s]", ")"): 1, ("x",): 3}})
    probs = dict(zip(language.vocabulary, language.next_token_probs(language.encode("( ( (")).tolist()))
    assert probs == pytest.approx({"(": 0.25, "x": 0.75, ")": 0, "<eos>": 0})
    probs = dict(zip(language.vocabulary, language.next_token_probs(language.encode("( ( x )")).tolist()))
    assert probs[")"] == 1
    assert language.log_prob(language.encode("( x ) )")) == -math.inf


def test_two_readings_of_a_beginning_are_weighed():
    language = Grammar({"[s]": {("a", "b", "c"): 0.3, ("a", "b", "d"): 0.1, ("a", "e"): 0.6}})
    after = language.next_token_probs(language.encode("a b"))
    assert after[language.encode("c")].item() == pytest.approx(0.75)
    assert after[language.encode("d")].item() == pytest.approx(0.25)


def test_samples_have_the_frequencies_of_the_rules():
    language = Grammar({"[s]": {("a",): 1, ("b",): 2, ("c",): 7}})
    words = [language.decode(sentence) for sentence in language.sample(20_000, generator())]
    for word, p in (("a <eos>", 0.1), ("b <eos>", 0.2), ("c <eos>", 0.7)):
        assert abs(words.count(word) / 20_000 - p) < 5 * math.sqrt(p * (1 - p) / 20_000)


def test_a_prefix_may_hold_whole_sentences():
    language = repeat(0.5)
    long, short = language.encode("a a <eos> a"), language.encode("a")
    assert torch.equal(language.next_token_probs(long), language.next_token_probs(short))


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"[s]": {("[s]", "a"): 1, ("b",): 1}}, "begin with itself"),
        ({"[s]": {("[e]", "[s]"): 1, ("b",): 1}, "[e]": {(): 1, ("a",): 1}}, "begin with itself"),
        ({"[s]": {("a", "[s]", "[s]"): 3, ("b",): 2}}, "no finite expected length"),
        ({"[s]": {("a",): 1}, "[t]": {("b",): 1}}, r"\[t\] is never reached"),
        ({"[s]": {("a",): -1, ("b",): 3}}, "weights of"),
    ],
)
def test_a_grammar_without_exact_answers_is_refused(rules, message):
    with pytest.raises(ValueError, match=message):
        Grammar(rules)


def test_unknown_words_and_impossible_beginnings_are_named():
    language = repeat(0.5)
    with pytest.raises(ValueError, match="no word 'mouse'"):
        language.encode("a mouse")
    with pytest.raises(ValueError, match="begins with '<eos>'"):
        language.next_token_probs([0])
