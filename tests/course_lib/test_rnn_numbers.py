"""The numbers that lesson 09 states in prose, where no cell of the lesson prints them."""

import math

import pytest
import torch

from course_lib.data.recall import Recall
from course_lib.figures.recurrent import gradient_paths, recurrent_matrix
from course_lib.recurrent import carry_back, gradient_bound, gradient_norms, rnn_backward, rnn_cell


def test_the_worked_step_of_the_cell():
    one = torch.ones(1, 1)
    assert rnn_cell(one, 0.5 * one, 2 * one, 3 * one, torch.tensor([-3.0])).item() == pytest.approx(0.4621, abs=5e-5)


def test_the_walk_back_by_hand():
    states, w, own = torch.tensor([[[0.5], [0.6]]]), torch.tensor([[2.0]]), torch.tensor([[[0.1], [1.0]]])
    assert carry_back(states, w, own).flatten().tolist() == pytest.approx([1.38, 1.0])
    gradients = rnn_backward(torch.ones(1, 2, 1), torch.zeros(1, 1), states, torch.ones(1, 1), w, own)
    assert gradients.x.flatten().tolist() == pytest.approx([1.035, 0.64])
    assert [gradients.h0.item(), gradients.w_ih.item(), gradients.w_hh.item(), gradients.b.item()] == pytest.approx(
        [2.07, 1.675, 0.32, 1.675]
    )
    assert gradient_norms(states, w, torch.ones(1, 1)).tolist() == pytest.approx([1.0, 1.28])


def test_fifty_steps_of_a_little_less_and_a_little_more():
    assert 0.9**50 == pytest.approx(0.005, abs=5e-4)
    assert 1.1**50 == pytest.approx(117, abs=0.5)


def test_what_is_said_of_the_gradient_explorer():
    _, linear = gradient_paths(recurrent_matrix(24, 0.95, 0.0), 0.0, 60)
    assert linear[60].item() == pytest.approx(0.95**60)
    with_input, _ = gradient_paths(recurrent_matrix(24, 0.95, 0.0), 0.3, 60)
    assert with_input[60] < 0.01 * linear[60]  # tanh takes more than the matrix does
    skewed, _ = gradient_paths(recurrent_matrix(24, 0.95, 1.5), 0.0, 60)
    assert skewed.max() > 1e4 and skewed[60] < skewed.max()
    large, _ = gradient_paths(recurrent_matrix(24, 1.3, 0.0), 1.0, 60)
    assert large[60] < 1e-6


def test_a_sigmoid_network_with_an_orthogonal_matrix_keeps_a_quarter_of_a_quarter():
    rotation = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(0)))[0]
    assert gradient_bound(rotation, 4, steepest=0.25) == pytest.approx(0.25**4, rel=1e-5)


def test_chance_in_the_recall_task_is_one_in_eight():
    assert Recall(16, n_symbols=8).chance == 0.125
    assert Recall(16, n_symbols=8).chance_loss == pytest.approx(math.log(8))
