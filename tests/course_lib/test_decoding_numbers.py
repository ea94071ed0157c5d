"""The numbers that lesson 18 states in its prose are right (those that no cell of the lesson prints)."""

import math

import pytest
import torch

from course_lib import decoding, scoreboard
from course_lib.decoding import Sampling

EIGHTHS = torch.tensor([0.5, 0.25, 0.125, 0.125], dtype=torch.float64)


def rounded(x: torch.Tensor, digits: int = 3) -> list:
    return [round(value, digits) for value in x.tolist()]


def test_a_temperature_of_one_half_squares_probabilities():
    squares = EIGHTHS**2
    assert squares.tolist() == [1 / 4, 1 / 16, 1 / 64, 1 / 64]
    assert rounded(squares / squares.sum()) == [0.727, 0.182, 0.045, 0.045]
    assert rounded(decoding.apply_temperature(EIGHTHS.log(), 0.5).softmax(-1)) == [0.727, 0.182, 0.045, 0.045]


def test_the_answer_by_hand_and_its_two_mistakes():
    logits = torch.tensor([math.log(4), 0.0])
    for temperature, answer in ((0.5, 0.941), (1.0, 0.8), (2.0, 0.667)):
        assert round(decoding.apply_temperature(logits, temperature).softmax(-1)[0].item(), 3) == answer


def test_the_worked_filters():
    assert rounded(decoding.top_k_filter(EIGHTHS.log(), 2).softmax(-1)) == [0.667, 0.333, 0, 0]
    assert EIGHTHS.cumsum(0).tolist() == [0.5, 0.75, 0.875, 1]
    exact = EIGHTHS.log2() * math.log(2)
    for p, size in ((0.7, 2), (0.75, 2), (0.4, 1)):
        assert (decoding.top_p_filter(exact, p) > -math.inf).tolist() == [i < size for i in range(4)]
    p = torch.tensor([0.5, 0.1, 0.25, 0.15])
    assert (decoding.min_p_filter(p.log(), 0.4) > -math.inf).tolist() == [True, False, True, False]
    z, ids = torch.tensor([[2.0, -1.0, 3.0]]), torch.tensor([[0, 1, 0]])
    assert decoding.repetition_penalty(z, ids, 2.0).tolist() == [[1, -2, 3]]


def test_one_city_is_nearly_certain_and_the_next_word_of_the_hungry_mouse_is_not():
    language = scoreboard.language()
    sizes = {}
    for text in ("the Eiffel Tower stands in", "the hungry mouse"):
        probs = language.next_token_probs(language.encode(text))
        sizes[text] = int((Sampling(top_p=0.9).filter(probs.log()) > -math.inf).sum()), round(probs.max().item(), 2)
    assert sizes["the Eiffel Tower stands in"] == (1, 0.97)
    assert sizes["the hungry mouse"][0] > 30


def test_chi_square_by_hand():
    statistic = 100 / 50 + 25 / 30 + 25 / 20
    assert round(statistic, 2) == 4.08
    assert round(math.exp(-statistic / 2), 2) == 0.13  # two degrees of freedom
    assert 1 / math.exp(-10 * statistic / 2) == pytest.approx(700e6, rel=0.1)


def test_beams_by_hand_and_a_hundred_heads():
    assert 0.5 * 0.3 == pytest.approx(0.15) and 0.4 * 0.9 == pytest.approx(0.36)
    assert 0.6**100 == pytest.approx(6.5e-23, rel=0.01)


def test_speculation_by_hand():
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5])
    assert rounded(torch.minimum(p, q)) == [0.2, 0.3, 0.2]
    assert decoding.acceptance_rate(p, q).item() == pytest.approx(0.7)
    assert rounded((p - q).clamp_min(0)) == [0.3, 0, 0]
    assert decoding.tokens_per_call(0.7, 3) == pytest.approx(2.533)


def test_a_share_of_600_texts_is_uncertain_by_two_points():
    assert round(2 * math.sqrt(0.95 * 0.05 / 600), 2) == 0.02
