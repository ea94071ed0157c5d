"""The numbers on the cards of lesson 03."""

import pytest
import torch

from course_lib.deck import DECK
from course_lib.ngrams import by_hand

CARDS = {card.id: card for card in DECK if card.lesson == "03_ngrams"}
TEXT = [1, 2, 3, 1, 4, 0, 1, 5, 3, 1, 2, 0]  # the mouse ate the cheese <eos> the cat ate the mouse <eos>


def test_add_one_gives_what_the_card_says():
    assert by_hand.add_k(TEXT, (1,), 6, 1)[2].item() == pytest.approx(0.3)
    assert by_hand.mle(TEXT, (1,), 6)[2].item() == 0.5
    assert "= 0.3$" in CARDS["add_k_example"].answer and "0.5." in CARDS["add_k_example"].answer


def test_the_discount_frees_what_the_card_says():
    counts = by_hand.counts_after(TEXT, (1,), 6)
    freed = 0.75 * (counts > 0).sum() / counts.sum()
    assert f"= {freed:.4f}$" in CARDS["kneser_ney_example"].answer


def test_the_perplexity_of_two_sentences():
    sentences = [torch.tensor([0.5, 0.25]).log(), torch.tensor([0.125]).log()]
    assert by_hand.corpus_perplexity(sentences).item() == pytest.approx(4)
    assert CARDS["corpus_perplexity"].answer.strip().startswith("4:")
