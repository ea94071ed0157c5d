"""The numbers on the cards of lesson 20."""

import math

import pytest
import torch

from course_lib.alignment import bradley_terry_loss, dpo_loss, group_advantages, kl_optimal_policy, ppo_clip_loss
from course_lib.metrics import pass_at_k


def test_the_lead_of_the_card_is_worth_what_it_says():
    assert torch.sigmoid(torch.tensor(math.log(3))).item() == pytest.approx(0.75)
    assert bradley_terry_loss(torch.tensor([math.log(3)]), torch.zeros(1)).item() == pytest.approx(0.288, abs=5e-4)


def test_the_advantages_of_the_card():
    rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    assert rewards.std().item() == pytest.approx(0.577, abs=5e-4)
    assert group_advantages(rewards).abs().flatten().tolist() == pytest.approx([0.866] * 4, abs=5e-4)
    assert group_advantages(rewards, normalise=False).tolist() == [[0.5, -0.5, -0.5, 0.5]]


def test_the_leash_of_the_card():
    best = kl_optimal_policy(torch.tensor([0.5, 0.5]).log(), torch.tensor([1.0, 0.0]), 1.0).exp()
    assert best.tolist() == pytest.approx([0.731, 0.269], abs=5e-4)


@pytest.mark.parametrize(
    ("ratio", "advantage", "moves"), [(1.3, 1, False), (0.7, -1, False), (0.7, 1, True), (1.3, -1, True)]
)
def test_the_two_cases_without_a_gradient(ratio, advantage, moves):
    log_probs = torch.tensor([ratio]).log().requires_grad_()
    ppo_clip_loss(log_probs, torch.zeros(1), torch.tensor([float(advantage)])).backward()
    assert bool(log_probs.grad.abs() > 0) == moves


def test_dpo_starts_where_the_card_says():
    same = torch.tensor([-4.0])
    assert dpo_loss(same, same, same, same).item() == pytest.approx(0.693, abs=5e-4)


def test_the_two_estimates_of_the_card():
    assert pass_at_k(4, 1, 2) == 0.5 and 1 - (1 - 1 / 4) ** 2 == 0.4375
