"""The vocabulary, and the examples that word2vec is shown, against loops that spell the definitions out."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.embeddings.pairs import cbow_examples, context_blocks, dynamic_windows, skipgram_pairs
from course_lib.embeddings.vocabulary import Text, Vocabulary, keep_probability, noise_distribution, subsample
from tests.random_inputs import generator

SENTENCE = "the cat sat on the mat".split()
sentences = st.lists(st.lists(st.integers(0, 9), max_size=12), min_size=1, max_size=6)


def test_skipgram_and_cbow_of_the_mat_sentence():
    of_sat = [pair for pair in skipgram_pairs(SENTENCE, 2) if pair[0] == "sat"]
    assert of_sat == [("sat", "the"), ("sat", "cat"), ("sat", "on"), ("sat", "the")]
    examples = cbow_examples(SENTENCE, 2)
    assert examples[0] == (("cat", "sat"), "the")
    assert examples[2:4] == [(("the", "cat", "on", "the"), "sat"), (("cat", "sat", "the", "mat"), "on")]
    assert examples[5] == (("on", "the"), "mat")


@given(st.lists(st.integers(0, 5), max_size=15), st.integers(1, 6))
def test_pairs_are_all_places_at_most_a_window_apart(words, window):
    by_definition = [
        (words[i], words[j]) for i in range(len(words)) for j in range(len(words)) if 0 < abs(i - j) <= window
    ]
    assert skipgram_pairs(words, window) == by_definition
    assert sorted(skipgram_pairs(words, window)) == sorted((b, a) for a, b in skipgram_pairs(words, window))
    assert [(centre, n) for around, centre in cbow_examples(words, window) for n in around] == by_definition


def test_a_word_alone_gives_no_example():
    assert skipgram_pairs(["cheese"], 3) == cbow_examples(["cheese"], 3) == []


@settings(max_examples=60, deadline=None)
@given(sentences, st.integers(1, 4), st.integers(1, 8), st.integers(0, 999))
def test_blocks_hold_every_pair_once_whatever_the_sentences_windows_and_block(lines, window, block, seed):
    lengths = torch.tensor([len(line) for line in lines])
    ids = torch.tensor([word for line in lines for word in line], dtype=torch.int64)
    text = Text(ids, torch.arange(len(lines)).repeat_interleave(lengths))
    windows = dynamic_windows(len(ids), window, generator(seed))
    expected, start = [], 0
    for line in lines:
        for i in range(len(line)):
            reach = int(windows[start + i])
            expected += [(line[i], line[j]) for j in range(len(line)) if 0 < abs(i - j) <= reach]
        start += len(line)
    if not len(ids):
        return
    blocks = context_blocks(text, windows, window, block)
    b, t, s = blocks.pairs.nonzero(as_tuple=True)
    found = list(zip(blocks.centres[b, t].tolist(), blocks.contexts[b, s].tolist()))
    assert found == expected


def test_blocks_reject_windows_that_are_wider_than_said_or_not_one_for_each_word():
    text = Text(torch.tensor([1, 2]), torch.tensor([0, 0]))
    with pytest.raises(ValueError, match="windows must hold 2 numbers up to window = 2"):
        context_blocks(text, torch.tensor([1, 3]), window=2)
    with pytest.raises(ValueError, match="windows must hold 2 numbers"):
        context_blocks(text, torch.tensor([1]), window=2)
    with pytest.raises(ValueError, match="window must be at least 1, got 0"):
        skipgram_pairs(SENTENCE, 0)


def test_dynamic_windows_are_uniform():
    shares = dynamic_windows(40_000, 4, generator()).bincount() / 40_000
    assert shares[0] == 0
    torch.testing.assert_close(shares[1:], torch.full((4,), 0.25), atol=0.015, rtol=0)


def test_the_vocabulary_counts_sorts_and_leaves_rare_words_out():
    vocabulary = Vocabulary.from_sentences([SENTENCE, ["the", "mat"], ["mouse"]], min_count=2)
    assert vocabulary.words == ["the", "mat"] and vocabulary.counts.tolist() == [3, 2]
    text = vocabulary.encode([["mouse"], ["a", "mat", "the"], [], ["the"]])
    assert text.ids.tolist() == [1, 0, 0] and text.sentences.tolist() == [1, 1, 3]
    assert len(vocabulary.encode([]).ids) == 0


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Vocabulary.from_sentences(["the cat"]), "a sentence must be a sequence of words, got the string"),
        (lambda: Vocabulary.from_sentences([["a"]], min_count=0), "min_count must be at least 1, got 0"),
        (lambda: Vocabulary.from_sentences([["a"]], min_count=2), "a word that occurs at least 2 times, got none"),
        (lambda: Vocabulary(["a", "b", "a"], torch.ones(3)), "got 'a' more than once"),
        (lambda: Vocabulary(["a", "b"], torch.ones(3)), "one count for each of 2 words"),
        (lambda: noise_distribution(torch.zeros(3)), "counts must be one number ≥ 0 for each word, not all 0"),
        (lambda: noise_distribution(torch.tensor([1, -1])), "counts must be one number ≥ 0"),
        (lambda: keep_probability(torch.ones(3), 0.0), "threshold must be positive, got 0"),
    ],
)
def test_nonsense_is_refused_with_the_argument_and_the_value(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_the_noise_lies_between_the_text_and_all_alike():
    counts = torch.tensor([1000, 10, 1, 0])
    noise = noise_distribution(counts)
    expected = [float(n) ** 0.75 for n in (1000, 10, 1, 0)]
    torch.testing.assert_close(noise, torch.tensor(expected) / sum(expected))
    torch.testing.assert_close(noise_distribution(counts, 1.0), counts / 1011)
    torch.testing.assert_close(noise_distribution(counts, 0.0), torch.tensor([1 / 3, 1 / 3, 1 / 3, 0]))


def test_subsampling_keeps_each_word_as_often_as_its_probability_says():
    counts = torch.tensor([90_000, 9_000, 1_000])
    ids = torch.arange(3).repeat_interleave(counts)
    keep = keep_probability(counts, 0.01)
    torch.testing.assert_close(keep, torch.tensor([(1 / 90) ** 0.5 + 1 / 90, (1 / 9) ** 0.5 + 1 / 9, 1.0]))
    text = subsample(Text(ids, torch.arange(len(ids))), keep, generator())
    torch.testing.assert_close(text.ids.bincount() / counts, keep, rtol=0.05, atol=0)
    assert torch.equal(ids[text.sentences], text.ids)  # words and sentences stay together
