"""The numbers on the cards of lesson 10."""

import math

import torch

from course_lib.deck import DECK

CARDS = {card.id: card for card in DECK if card.lesson == "10_lstm"}


def test_a_gate_at_0_99_halves_the_factor_after_so_many_steps():
    steps = math.ceil(math.log(0.5) / math.log(0.99))
    assert 0.99**steps <= 0.5 < 0.99 ** (steps - 1)
    assert CARDS["still_vanishes"].answer.strip().startswith(f"{steps}:")


def test_an_open_gate_starts_at_what_the_card_says():
    assert f"approx {torch.tensor(1.0).sigmoid():.3f}$" in CARDS["forget_bias"].answer
