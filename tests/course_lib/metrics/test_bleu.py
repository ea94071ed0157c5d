"""BLEU equals sacrebleu's, on random texts, at the edges, and with every smoothing."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_lib.metrics import bleu, brevity_penalty, clipped_matches, sentence_bleu

REASON = "compared with here, and not installed: pip install -e '.[dev]'"
sacrebleu = pytest.importorskip("sacrebleu", reason=REASON)
modified_precision = pytest.importorskip("nltk.translate.bleu_score", reason=REASON).modified_precision

texts = st.lists(st.sampled_from("abcd"), max_size=12)
corpora = st.lists(st.tuples(texts, st.lists(texts, min_size=1, max_size=3)), min_size=1, max_size=4)
smoothings = st.sampled_from([("exp", None), ("none", None), ("add-k", 1.0), ("add-k", 0.25)])


def sacrebleus(hypotheses, references, max_n, smoothing, k, effective_order):
    metric = sacrebleu.BLEU(
        tokenize="none",
        smooth_method=smoothing,
        smooth_value=k,
        max_ngram_order=max_n,
        effective_order=effective_order,
    )
    most = max(map(len, references))
    streams = [[" ".join(r[i]) if i < len(r) else None for r in references] for i in range(most)]
    return metric.corpus_score([" ".join(h) for h in hypotheses], streams).score


@settings(max_examples=300)
@given(corpora, st.integers(1, 5), smoothings)
@example([([], [["a"]])], 4, ("exp", None))
@example([(["a"], [[]])], 4, ("exp", None))
@example([([], [[]])], 1, ("add-k", 1.0))
@example([(list("ab"), [list("ab")])], 4, ("add-k", 1.0))
@example([([], [list("abcd")]), (list("abcd"), [list("abcd")])], 4, ("exp", None))
def test_corpus_bleu_is_sacrebleus(corpus, max_n, smoothing):
    hypotheses, references = zip(*corpus)
    method, k = smoothing
    expected = sacrebleus(hypotheses, references, max_n, method, k, effective_order=False)
    assert bleu(hypotheses, references, max_n, method, k or 1.0) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=300)
@given(texts, st.lists(texts, min_size=1, max_size=3), st.integers(1, 5), smoothings)
@example(["a"], [["a"]], 4, ("exp", None))
@example([], [["a"]], 4, ("exp", None))
@example(list("abc"), [list("acb")], 4, ("none", None))
def test_sentence_bleu_is_sacrebleus_with_effective_order(hypothesis, references, max_n, smoothing):
    method, k = smoothing
    expected = sacrebleus([hypothesis], [references], max_n, method, k, effective_order=True)
    assert sentence_bleu(hypothesis, references, max_n, method, k or 1.0) == pytest.approx(expected, abs=1e-9)


def test_the_defaults_are_those_of_sacrebleu():
    hypotheses = ["the cat sat on the mat", "a dog barks", "he reads"]
    references = [
        ["the cat is on the mat", "there is a cat on the mat"],
        ["a dog is barking", "dogs bark"],
        ["he is reading", "he reads"],
    ]
    streams = [list(stream) for stream in zip(*references)]
    ours = [h.split() for h in hypotheses], [[r.split() for r in several] for several in references]
    expected = sacrebleu.corpus_bleu(hypotheses, streams, tokenize="none").score
    assert 0 < expected < 100 and bleu(*ours) == pytest.approx(expected, abs=1e-9)
    for hypothesis, several, ours_h, ours_r in zip(hypotheses, references, *ours):
        expected = sacrebleu.sentence_bleu(hypothesis, several, tokenize="none").score
        assert sentence_bleu(ours_h, ours_r) == pytest.approx(expected, abs=1e-9)


@given(texts.filter(bool), st.lists(texts, min_size=1, max_size=3), st.integers(1, 4))
def test_clipped_matches_are_nltks_modified_precision(hypothesis, references, n):
    matches, ngrams = clipped_matches(hypothesis, references, n)
    theirs = modified_precision(references, hypothesis, n)
    assert ngrams == max(0, len(hypothesis) - n + 1)
    assert matches == theirs.numerator


def test_the_worked_example_of_the_paper():
    references = ["the cat is on the mat".split(), "there is a cat on the mat".split()]
    assert clipped_matches("the the the the the the the".split(), references, 1) == (2, 7)


def test_a_perfect_text_scores_100_and_one_without_a_shared_token_0():
    text = list("abcde")
    assert bleu([text], [[list("vwxyz"), text]]) == pytest.approx(100)
    for smoothing in ("exp", "add-k", "none"):
        assert bleu([text], [[list("vwxyz")]], smoothing=smoothing) == 0


def test_matches_are_summed_over_the_corpus_before_they_are_divided():
    hypotheses, references = [list("ab"), list("cdef")], [[list("ab")], [list("cxyf")]]
    assert bleu(hypotheses, references, max_n=1) == pytest.approx(100 * 4 / 6)  # and not the mean of 2/2 and 2/4


def test_the_brevity_penalty_compares_with_the_closest_reference_and_of_two_with_the_shorter():
    assert [brevity_penalty(*lengths) for lengths in ((5, 5), (9, 5), (0, 0), (0, 5))] == [1, 1, 1, 0]
    assert brevity_penalty(4, 6) == pytest.approx(0.6065306597)  # exp(−1/2)
    both_one_away = [list("abc"), list("abcde")]
    assert bleu([list("abcd")], [both_one_away], max_n=1) == pytest.approx(100)
    assert bleu([list("abcd")], [both_one_away[1:]], max_n=1) < 80


def test_tokens_may_be_ids_and_texts_tuples():
    assert bleu([(1, 2, 3, 4, 5)], [[[1, 2, 3, 4, 6]]]) == pytest.approx(bleu([list("abcde")], [[list("abcdx")]]))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: bleu(["a b"], [[["a"]]]), TypeError, r"a hypothesis must be a list of tokens, got str 'a b'"),
        (lambda: bleu([["a", "b"]], [["a", "b"]]), TypeError, r"a reference must be .* got str 'a'"),
        (lambda: bleu([torch.tensor([1])], [[[1]]]), TypeError, r"got Tensor tensor\(\[1\]\).*ids.tolist\(\)"),
        (lambda: bleu([[1]], [[list(torch.tensor([1]))]]), TypeError, r"got list \[tensor\(1\)\]"),
        (lambda: bleu([[1]], [[1]]), TypeError, "a reference must be .* got int 1"),
        (lambda: bleu([[1]], []), ValueError, "one list for each of the 1 hypotheses, got 0"),
        (lambda: bleu([], []), ValueError, "hypotheses must hold at least one text"),
        (lambda: bleu([[1]], [[]]), ValueError, r"at least one text for each hypothesis, got none for \[1\]"),
        (lambda: bleu([[1]], [[[1]]], max_n=0), ValueError, "max_n must be at least 1, got 0"),
        (lambda: bleu([[1]], [[[1]]], smoothing="floor"), ValueError, "exp, add-k, none, got 'floor'"),
        (lambda: sentence_bleu([1], [[1]], smoothing="add-k", k=-1), ValueError, "k must be at least 0, got -1"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()
