"""The numbers and conditions on the cards of lesson 09."""

import torch
from torch import nn

from course_lib import recurrent
from course_lib.deck import DECK

CARDS = {card.id: card for card in DECK if card.lesson == "09_rnn"}


def test_a_cell_has_as_many_weights_as_the_card_says():
    weights = sum(p.numel() for p in nn.RNNCell(64, 128).parameters()) - 128  # nn.RNNCell has two biases
    assert f"{weights:,}: " in CARDS["rnn_parameters"].answer


def test_the_factor_on_the_card_is_the_jacobian():
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(3, 3, generator=generator)
    h = torch.randn(3, generator=generator)
    later = torch.tanh(w @ h)
    jacobian = torch.autograd.functional.jacobian(lambda h: torch.tanh(w @ h), h)
    torch.testing.assert_close(jacobian, torch.diag(1 - later**2) @ w)


def test_eigenvalues_below_1_and_a_gradient_that_grows():
    skewed = torch.tensor([[0.9, 1.0], [0.0, 0.9]])
    assert recurrent.spectral_radius(skewed) < 1 < torch.linalg.matrix_norm(skewed, 2)
    assert (torch.tensor([1.0, 0.0]) @ skewed).norm() > 1
