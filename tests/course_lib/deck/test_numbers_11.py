"""The numbers on the cards of lesson 11."""

import math

import pytest
import torch

from course_lib.metrics import bleu
from course_lib.seq2seq import masked_nll

REASON = "compared with here, and not installed: pip install -e '.[dev]'"
sacrebleu = pytest.importorskip("sacrebleu", reason=REASON)


def test_the_loss_of_two_texts_of_different_length_is_the_mean_over_their_words():
    logits = torch.zeros(2, 3, 2)  # label 1 of two words costs log(1 + e^x) with the other's logit x
    logits[0, :, 0], logits[1, 0, 0] = math.log(math.exp(2) - 1), math.log(math.exp(4) - 1)
    labels = torch.tensor([[1, 1, 1], [1, 0, 0]])
    assert masked_nll(logits, labels).item() == pytest.approx(2.5, abs=1e-6)
    assert (2 + 4) / 2 == 3


def test_the_two_beams_of_the_card_keep_those_two_words():
    totals = {(beam, word): p * q for beam, p, row in ((0, 0.6, (0.55, 0.45)), (1, 0.4, (0.9, 0.1)))
              for word, q in enumerate(row)}  # fmt: skip
    assert sorted(totals, key=totals.get)[:1:-1] == [(1, 0), (0, 0)]
    assert sorted(totals.values())[:1:-1] == pytest.approx([0.36, 0.33])


def test_the_longer_hypothesis_wins_with_the_penalty_and_loses_without():
    assert -1.5 > -2
    assert -2 / 4 == -0.5 > -1.5 / 2 == -0.75


def test_the_bleu_of_the_cats_is_sacrebleus():
    hypothesis, reference = "the cat sat on the mat", "the cat sat on a mat"
    theirs = sacrebleu.corpus_bleu([hypothesis], [[reference]], tokenize="none", smooth_method="none").score
    assert bleu([hypothesis.split()], [[reference.split()]]) == pytest.approx(theirs)
    assert theirs == pytest.approx(53.73, abs=0.005)
