"""The numbers on the cards of lesson 07."""

import math

import pytest
import torch

from course_lib.embeddings import fasttext_ngrams, glove_weight, negative_sampling_loss, noise_distribution


def test_the_loss_of_zero_vectors():
    loss = negative_sampling_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 5, 2))
    assert loss.item() == pytest.approx(6 * math.log(2)) == pytest.approx(4.159, abs=5e-4)


def test_the_three_quarters_power_of_16_and_1():
    assert noise_distribution(torch.tensor([16, 1])).tolist() == pytest.approx([0.889, 0.111], abs=5e-4)


def test_gloves_weight_at_1_and_400():
    assert glove_weight(torch.tensor([1.0, 400.0])).tolist() == pytest.approx([0.0316, 1.0], abs=5e-5)


def test_mouse_has_fourteen_pieces():
    assert len(fasttext_ngrams("mouse")) == 14 == 5 + 4 + 3 + 2
