"""The lesson's small functions against the fast package, NLTK, and the numbers in the lesson's prose."""

import itertools
import math

import pytest
import torch
from scipy.stats import chisquare

from course_lib import information, ngrams
from course_lib.ngrams import by_hand

REASON = "compared with here, and not installed: pip install -e '.[dev]'"
KneserNeyInterpolated = pytest.importorskip("nltk.lm", reason=REASON).KneserNeyInterpolated
everygrams = pytest.importorskip("nltk.util", reason=REASON).everygrams

WORDS = "<eos> the mouse ate cheese cat".split()
TEXT = [WORDS.index(w) for w in "the mouse ate the cheese <eos> the cat ate the mouse <eos>".split()]
THE = (1,)


def bigrams(estimate=by_hand.mle, **options):
    return torch.stack([estimate(TEXT, (h,), 6, **options) for h in range(6)])


def test_the_sentence_of_the_lesson_has_probability_one_sixteenth():
    assert by_hand.sequence_log_prob([1, 2, 3, 1, 4], bigrams(), 0).exp().item() == pytest.approx(1 / 16)
    assert round(math.log(1 / 16), 4) == -2.7726


def test_the_tables_of_the_lesson():
    assert len(TEXT) == 12 and by_hand.count_ngrams(TEXT, 2).total() == 11 and len(by_hand.count_ngrams(TEXT, 2)) == 9
    assert by_hand.counts_after(TEXT, THE, 6).tolist() == [0, 0, 2, 0, 1, 1]
    assert by_hand.mle(TEXT, THE, 6).tolist() == [0, 0, 0.5, 0, 0.25, 0.25]
    assert by_hand.add_k(TEXT, THE, 6, 1).tolist() == pytest.approx([0.1, 0.1, 0.3, 0.1, 0.2, 0.2])
    assert (9 * by_hand.continuation_prob(TEXT, 6)).tolist() == pytest.approx([2, 2, 1, 2, 1, 1])
    found = by_hand.kneser_ney(TEXT, 1, 6, 0.75).tolist()
    assert found == pytest.approx([0.125, 0.125, 0.375, 0.125, 0.125, 0.125])
    stupid = ngrams.stupid_backoff(ngrams.count_ngrams(TEXT, 2, 6)).next_probs([1])
    assert stupid.sum() == pytest.approx(1 + 0.4 * 8 / 12) and round(stupid.sum(), 3) == 1.267
    counts = torch.stack([by_hand.counts_after(TEXT, (h,), 6) for h in range(6)])
    row = by_hand.absolute_backoff(counts, by_hand.continuation_prob(TEXT, 6), 0.75)[1]
    assert row.tolist() == pytest.approx([0.1875, 0.1875, 0.3125, 0.1875, 0.0625, 0.0625])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_they_agree_with_the_fast_package(order):
    tokens = torch.randint(0, 4, (60,), generator=torch.Generator().manual_seed(order)).tolist()
    counts = ngrams.count_ngrams(tokens, order, 5)
    for gram, count in by_hand.count_ngrams(tokens, order).items():
        assert counts.count(gram) == count
    for history in itertools.product(range(5), repeat=order - 1):
        added = ngrams.add_k(counts, 0.3).next_probs(history)
        assert by_hand.add_k(tokens, history, 5, 0.3).tolist() == pytest.approx(added.tolist())
        relative = ngrams.mle(counts).next_probs(history)
        if math.isnan(relative[0]):
            with pytest.raises(ValueError, match="never continued"):
                by_hand.mle(tokens, history, 5)
        else:
            assert by_hand.mle(tokens, history, 5).tolist() == pytest.approx(relative.tolist())


def test_kneser_ney_and_continuation_probabilities_equal_nltk():
    theirs = KneserNeyInterpolated(2, 0.6)
    text = [WORDS[i] for i in TEXT]
    theirs.fit([everygrams(text, max_len=2)], vocabulary_text=WORDS)
    assert by_hand.continuation_prob(TEXT, 6).tolist() == pytest.approx([theirs.score(w) for w in WORDS])
    for history, word in enumerate(WORDS):
        ours = by_hand.kneser_ney(TEXT, history, 6, 0.6)
        assert ours.sum().item() == pytest.approx(1)
        assert ours.tolist() == pytest.approx([theirs.score(w, [word]) for w in WORDS])
    never = by_hand.kneser_ney(TEXT, 6, 7, 0.6)
    assert never.tolist() == pytest.approx(by_hand.continuation_prob(TEXT, 7).tolist())


def test_interpolation_leaves_out_models_without_a_prediction():
    probs = torch.tensor([[1.0, 0.0], [math.nan, math.nan], [0.5, 0.5]])
    found = by_hand.interpolate(probs, torch.tensor([0.2, 0.5, 0.3]))
    assert found.tolist() == pytest.approx([0.7, 0.3])
    with pytest.raises(ValueError, match="sum to 1"):
        by_hand.interpolate(probs, torch.tensor([0.2, 0.5, 0.2]))


def test_corpus_perplexity_is_that_of_all_tokens_together():
    parts = [torch.tensor([0.5, 0.25]).log(), torch.tensor([]), torch.tensor([0.125]).log()]
    apart = [information.perplexity(part).item() for part in parts if len(part)]
    assert [round(p, 2) for p in apart] == [2.83, 8.0] and round(sum(apart) / 2, 2) == 5.41
    assert by_hand.corpus_perplexity(parts).item() == pytest.approx(4)
    torch.testing.assert_close(by_hand.corpus_perplexity(parts), information.perplexity(torch.cat(parts)))
    with pytest.raises(ValueError, match="at least one token"):
        by_hand.corpus_perplexity([torch.tensor([])])


def test_sampled_sentences_have_the_probabilities_of_the_model():
    table = bigrams(by_hand.add_k, k=0.5)
    generator = torch.Generator().manual_seed(0)
    drawn = [tuple(by_hand.sample_text(table, 0, 2, generator)) for _ in range(4000)]
    kinds = [(), *((a,) for a in range(1, 6)), *itertools.product(range(1, 6), repeat=2)]
    expected = []
    for kind in kinds:
        path = [0, *kind, 0] if len(kind) < 2 else [0, *kind]  # at the limit the end is not drawn
        expected.append(math.prod(table[a, b].item() for a, b in itertools.pairwise(path)))
    assert sum(expected) == pytest.approx(1)
    assert chisquare([drawn.count(k) for k in kinds], [4000 * p for p in expected]).pvalue > 1e-6


def test_the_word_meant_balances_the_channel_and_the_prior():
    prior = {"the": 0.045, "this": 0.05, "thus": 0.001}
    assert by_hand.noisy_channel_correct("ths", prior, 0.1) == "the"
    assert by_hand.noisy_channel_correct("thus", prior, 0.1) == "thus"
    assert by_hand.noisy_channel_correct("xyzzy", prior, 0.1) == "xyzzy"
    assert by_hand.noisy_channel_correct("a", {}, 0.1) == "a"


@pytest.mark.parametrize("seed", [0, 1])
def test_backing_off_gives_distributions_whatever_was_seen(seed):
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, 3, (5, 5), generator=generator).float()
    counts[0], counts[1] = 0, torch.tensor([1.0, 2, 3, 1, 1])
    lower = torch.rand(5, generator=generator).softmax(0)
    table = by_hand.absolute_backoff(counts, lower, 0.75)
    torch.testing.assert_close(table.sum(1), torch.ones(5))
    torch.testing.assert_close(table[0], lower)
    assert (table > 0).all()
