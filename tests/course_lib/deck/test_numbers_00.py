"""The numbers on the cards of lesson 00."""

import torch

from course_lib.deck import DECK

CARDS = {card.id: card for card in DECK if card.lesson == "00_start_here"}


def test_a_shape_holds_as_many_numbers_as_the_card_says():
    assert CARDS["elements"].answer.startswith(f"{torch.zeros(2, 4, 6, 8).numel()},")


def test_a_second_name_sees_the_change():
    a = torch.zeros(2)
    b = a
    b += 1
    assert a.tolist() == [1, 1]
