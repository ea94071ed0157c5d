"""The numbers on the cards of lesson 05."""

import math

import pytest
import torch

from course_lib import optim


def test_the_ravine_of_the_card_takes_461_steps():
    assert math.ceil(math.log(1e-4) / math.log(99 / 101)) == 461


def test_momentum_makes_the_steps_of_a_constant_gradient_ten_times_as_long():
    w, v, before = torch.zeros(1), torch.zeros(1), torch.zeros(1)
    for _ in range(300):
        before = w
        w, v = optim.momentum_step(w, torch.ones(1), v, lr=0.01)
    assert (before - w).item() == pytest.approx(0.1, rel=1e-4)


def test_adagrads_rate_falls_with_the_root_of_the_steps():
    w, s, before = torch.zeros(1), torch.zeros(1), torch.zeros(1)
    for _ in range(100):
        before = w
        w, s = optim.adagrad_step(w, torch.ones(1), s, lr=1.0)
    assert (before - w).item() == pytest.approx(1 / math.sqrt(100), rel=1e-4)


def test_rmsprops_first_step_is_ten_times_the_rate():
    w, _ = optim.rmsprop_step(torch.zeros(1), torch.ones(1), torch.zeros(1), lr=1.0)
    assert w.item() == pytest.approx(-10, rel=1e-5)


def test_epsilon_under_the_root_acts_like_its_own_root():
    g, eps = 1e-6, 1e-8
    assert g / (g + eps) == pytest.approx(0.99, abs=0.005)
    assert g / math.sqrt(g * g + eps) == pytest.approx(0.01, abs=0.0005)


def test_without_correction_the_steps_are_as_long_as_the_card_says():
    lengths = [(1 - 0.9**t) / math.sqrt(1 - 0.999**t) for t in range(1, 5000)]
    assert lengths[0] == pytest.approx(3.2, abs=0.05)
    assert max(lengths) == pytest.approx(6.6, abs=0.05) and lengths.index(max(lengths)) == 11


def test_the_clipped_gradients_of_the_card():
    clipped, norm = optim.clip_grad_norm([torch.tensor([3.0]), torch.tensor([[4.0]])], 1.0)
    assert norm == 5
    torch.testing.assert_close(clipped, [torch.tensor([0.6]), torch.tensor([[0.8]])])
