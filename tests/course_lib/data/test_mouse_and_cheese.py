"""The toy language against an independent parser, Monte-Carlo estimates, and what lessons say of it."""

import math
import re
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch

from course_lib.data.mouse_and_cheese import MouseAndCheese
from tests.random_inputs import generator


@pytest.fixture(scope="module")
def language() -> MouseAndCheese:
    return MouseAndCheese()


def parses(language: MouseAndCheese, words: list[str]) -> tuple[int, float]:
    """Return the number of derivations of a sentence and their total probability, top-down over spans."""
    rules = language.rules

    @cache
    def symbol(name: str, start: int, end: int) -> tuple[int, float]:
        if name not in rules:
            return (1, 1.0) if end == start + 1 and words[start] == name else (0, 0.0)
        readings, total = 0, 0.0
        for right, probability in rules[name].items():
            number, inside = sequence(right, start, end)
            readings, total = readings + number, total + probability * inside
        return readings, total

    @cache
    def sequence(right: tuple[str, ...], start: int, end: int) -> tuple[int, float]:
        if not right:
            return (1, 1.0) if start == end else (0, 0.0)
        if right[0] not in rules and (start == end or words[start] != right[0]):
            return 0, 0.0
        readings, total = 0, 0.0
        middles = range(start, end + 1) if right[0] in rules else (start + 1,)
        for middle in middles:
            rest = sequence(right[1:], middle, end)
            if rest[0]:
                first = symbol(right[0], start, middle)
                readings, total = readings + first[0] * rest[0], total + first[1] * rest[1]
        return readings, total

    return symbol(next(iter(rules)), 0, len(words))


def test_every_sampled_sentence_has_one_derivation_with_the_probability_that_the_stacks_give(language):
    for sentence in language.sample(60, generator(1)):
        readings, probability = parses(language, language.decode(sentence[:-1]).split())
        assert readings == 1, language.decode(sentence)
        assert math.log(probability) == pytest.approx(language.log_prob(sentence), rel=1e-9)


def test_a_sentence_is_the_product_of_its_next_token_probabilities(language):
    for sentence in language.sample(20, generator(2)):
        steps = [language.next_token_probs(sentence[:t])[sentence[t]].log().item() for t in range(len(sentence))]
        assert sum(steps) == pytest.approx(language.log_prob(sentence), abs=1e-9)


def test_next_token_probabilities_sum_to_one_everywhere(language):
    stream = language.stream(3000, generator(3)).tolist()
    starts = [t for t in range(len(stream)) if t == 0 or stream[t - 1] == 0]
    for start, end in pairwise(starts):
        for t in range(start, end):
            assert language.next_token_probs(stream[start:t]).sum().item() == pytest.approx(1, abs=1e-9)


def test_the_entropy_rate_and_the_length_agree_with_a_large_sample(language):
    sentences = language.sample(40_000, generator(4))
    surprisal = np.array([-language.log_prob(sentence) for sentence in sentences])
    length = np.array([len(sentence) for sentence in sentences])
    for values, exact in ((surprisal, language.sentence_entropy), (length, language.tokens_per_sentence)):
        error = values.std() / math.sqrt(len(values))
        assert abs(values.mean() - exact) < 4 * error
    ratio = surprisal - language.entropy_rate * length
    assert abs(ratio.mean()) < 4 * ratio.std() / math.sqrt(len(ratio))


def test_the_exact_word_frequencies_agree_with_a_large_sample(language):
    sample = np.bincount(language.stream(1_000_000, generator(5)).numpy(), minlength=len(language.vocabulary))
    exact = language.unigram_probs().numpy()
    assert exact.sum() == pytest.approx(1)
    often = exact > 1e-3
    assert often.sum() > 100
    assert np.abs(sample[often] / 1e6 / exact[often] - 1).max() < 0.25
    assert (np.diff(exact[1:]) <= 1e-15).all(), "the most frequent word first"


def test_the_numbers_that_lessons_state(language):
    assert len(language.vocabulary) == 348
    assert language.entropy_rate == pytest.approx(1.7479, abs=5e-5)
    assert language.tokens_per_sentence == pytest.approx(8.945, abs=5e-4)
    unigram = language.unigram_probs()
    assert -(unigram * unigram.log()).sum().item() == pytest.approx(4.477, abs=5e-4)
    assert {"the", "mouse", "ate", "cheese", "ball", "<eos>"} <= set(language.vocabulary)
    assert language.vocabulary[0] == "<eos>"


def test_sense_beats_nonsense_and_nonsense_beats_no_grammar(language):
    sense, nonsense, garbage = (
        language.log_prob(language.encode(f"{text} <eos>"))
        for text in ("the mouse ate the cheese", "the cheese ate the mouse", "mouse the the cheese ate")
    )
    assert sense > nonsense + math.log(5) > -math.inf
    assert garbage == -math.inf


@pytest.mark.parametrize(
    ("prefix", "likely", "unlikely"),
    [
        ("the mouse that the cats chase", "eats", "eat"),
        ("the mice near the little house", "eat", "eats"),
        ("the Eiffel Tower that the sailors visit stands in", "Paris", "Rome"),
        ("the Colosseum stands in", "Rome", "Paris"),
        ("the rabbits beside the old barn often eat", "carrots", "cheese"),
        ("Ada said that", "she", "he"),
    ],
)
def test_a_distant_word_decides_the_next_one(language, prefix, likely, unlikely):
    probs = language.next_token_probs(language.encode(prefix))
    good, bad = (probs[language.encode(word)].item() for word in (likely, unlikely))
    assert good > 0.05
    assert good > 100 * bad


def test_two_words_of_context_leave_much_to_be_known(language):
    tokens = language.stream(400_000, generator(6)).tolist()
    train, test = tokens[:380_000], tokens[380_000:]
    pairs, singles = Counter(pairwise(train)), Counter(train)
    unigram = language.unigram_probs().tolist()
    surprisal = [-math.log((pairs[a, b] + 2 * unigram[b]) / (singles[a] + 2)) for a, b in pairwise(test)]
    assert sum(surprisal) / len(surprisal) > language.entropy_rate + 0.5


def test_the_same_seed_gives_the_same_stream(language):
    again = MouseAndCheese().stream(500, generator(7))
    assert torch.equal(language.stream(500, generator(7)), again)
    assert again.dtype == torch.int64 and again.shape == (500,)
    assert not torch.equal(language.stream(500, generator(8)), again)


def test_text_survives_encoding_and_decoding(language):
    for sentence in language.sample(20, generator(9)):
        text = language.decode(sentence)
        assert language.encode(text) == sentence
        assert re.fullmatch(r"([A-Za-z]+ )+<eos>", text)


def test_a_sentence_is_one_whole_sentence_whose_probability_is_not_zero(language):
    for ids in language.sample(300, generator(7)):
        assert language.is_sentence(ids) and parses(language, language.decode(ids[:-1]).split())[0] == 1
        assert not language.is_sentence(ids[:-1]) and not language.is_sentence([*ids, 0])
        assert not language.is_sentence(ids + ids) and not language.is_sentence([0, *ids])
        broken = [*ids[:1], ids[0], *ids[1:]]
        readings = parses(language, language.decode(broken[:-1]).split())[0]
        assert language.is_sentence(broken) == (readings > 0)
    assert not language.is_sentence([]) and not language.is_sentence([0])
    assert not language.is_sentence([-1, 0]) and not language.is_sentence([10**6, 0])
    assert language.is_sentence(torch.tensor(language.encode("the cheese ate the mouse <eos>")))
