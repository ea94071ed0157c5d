"""The numbers on the cards of lesson 18."""

import math

import pytest
import torch

from course_lib.deck import DECK
from course_lib.decoding import (
    apply_temperature,
    beam_search,
    min_p_filter,
    repetition_penalty,
    top_k_filter,
    top_p_filter,
)
from tests.language_models import TableLM

CARDS = {card.id: card for card in DECK if card.lesson == "18_sampling"}
EIGHTHS = torch.tensor([1 / 2, 1 / 4, 1 / 8, 1 / 8]).log()


def test_twelve_cards():
    assert len(CARDS) == 12


def test_the_squares_of_the_probabilities():
    probs = apply_temperature(EIGHTHS, 0.5).softmax(-1)
    assert ", ".join(f"{p:.3f}" for p in probs.tolist()) + "." in CARDS["temperature_power"].answer


def test_a_tiny_temperature():
    logits = torch.tensor([1.0, 3, 2])
    assert (logits / 1e-40).softmax(-1).isnan().any()
    assert ((logits - logits.max()) / 1e-40).softmax(-1).tolist() == [0, 1, 0]


def test_what_the_filters_keep():
    assert (top_k_filter(torch.zeros(4), 2) > -math.inf).sum() == 2
    assert (top_p_filter(EIGHTHS, 0.7) > -math.inf).tolist() == [True, True, False, False]
    probs = torch.tensor([0.5, 0.1, 0.25, 0.15])
    assert (min_p_filter(probs.log(), 0.4) > -math.inf).tolist() == [True, False, True, False]
    assert 0.4 * 0.5 == pytest.approx(0.2)


def test_pearson_by_hand():
    expected, drawn = torch.tensor([50.0, 30, 20]), torch.tensor([40.0, 35, 25])
    assert f"= {((drawn - expected) ** 2 / expected).sum():.2f};" in CARDS["sampler_test"].answer


def test_a_negative_logit_is_multiplied():
    assert repetition_penalty(torch.tensor([[-1.0, 0]]), torch.tensor([[0]]), 2.0)[0, 0] == -2


def test_two_beams_find_what_greedy_misses():
    table = torch.tensor([[0.01, 0.5, 0.4, 0.09], [0.3, 0.25, 0.25, 0.2], [0.9, 0.04, 0.03, 0.03], [0.25] * 4]).log()
    for beams, probability in ((1, 0.15), (2, 0.36)):
        ((best,),) = beam_search(TableLM(table), torch.tensor([[0]]), 2, beams)
        assert math.exp(best.score) == pytest.approx(probability, rel=1e-4)
