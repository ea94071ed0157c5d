"""The deck: whole, unmistakable, and right in its numbers."""

import math

import pytest
import torch

from course_lib.deck import DECK
from course_lib.scoreboard import language

CARDS = {card.id: card for card in DECK}


def test_every_card_is_whole_and_has_its_own_name():
    assert len(CARDS) == len(DECK) >= 20
    for card in DECK:
        assert card.question and card.answer and card.source, card.id
        for text in (card.question, card.answer):
            assert text.count("$") % 2 == 0, card.id
        assert card.lesson[:2].isdigit()


def test_the_cards_of_the_notes_are_all_there():
    sources = " ".join(card.source for card in DECK)
    assert all(f"K{number}" in sources for number in range(1, 9))


@pytest.mark.parametrize(
    ("card", "said", "computed"),
    [
        ("nat_and_bit", "1.443", 1 / math.log(2)),
        ("nat_and_bit", "0.693", math.log(2)),
        ("surprisal", "2.079", -math.log(1 / 8)),
        ("surprisal", "3 bits", -math.log2(1 / 8)),
        ("perplexity_base", "7.39", math.exp(2)),
        ("perplexity_mean", "4,", math.exp(-(math.log(1 / 2) + math.log(1 / 8)) / 2)),
        ("perplexity_mean", "5,", (2 + 8) / 2),
        ("uniform_entropy", "5.852", math.log(348)),
        ("head_parameters", "16384", 4 * 64**2),
        ("half_precision", "65504", torch.finfo(torch.float16).max),
        ("memory", "2.5", 50_000**2 / 1e9),
        ("memory", "5 GB", 50_000**2 * 2 / 1e9),
        ("vanishing_gradient", "0.25", torch.sigmoid(torch.zeros(())).item() ** 2),
    ],
)
def test_a_number_on_a_card_is_what_it_says(card, said, computed):
    assert said in CARDS[card].answer
    number = said.split()[0].rstrip(",")
    assert float(number) == pytest.approx(computed, abs=0.5 * 10.0 ** -len(number.partition(".")[2]))


def test_statements_on_cards_hold():
    assert len(language().vocabulary) == 348
    assert 0.25**10 == pytest.approx(1e-6, rel=0.05)
    assert torch.tensor(88.0).exp().isfinite() and torch.tensor(89.0).exp().isinf()
    with pytest.raises(RuntimeError, match="overflow"):
        torch.zeros(2, dtype=torch.float16).masked_fill(torch.tensor([True, False]), -1e9)
    assert torch.full((3,), -1e9).softmax(0).tolist() == pytest.approx([1 / 3] * 3)
    assert torch.full((3,), -math.inf).softmax(0).isnan().all()
    for heads in (1, 8):
        layer = torch.nn.MultiheadAttention(64, heads, bias=False)
        assert sum(p.numel() for p in layer.parameters()) == 16384
