"""DPO against the closed form that it was derived from, against its own gradient's formula, and on a small GPT."""

import copy
import itertools
import math

import pytest
import torch

from course_lib.alignment import (
    dpo_loss,
    implicit_reward,
    join_replies,
    kl_optimal_policy,
    sequence_log_probs,
)
from course_lib.gpt import GPT, GPTConfig
from tests.random_inputs import normal64

BETA = 0.4
REWARDS = torch.tensor([1.0, -0.5, 0.3, 2.0], dtype=torch.float64)


def test_the_optimum_of_dpo_on_all_comparisons_is_the_closed_form_policy():
    reference = normal64(0, 4).log_softmax(-1)
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=300, tolerance_grad=1e-13, tolerance_change=1e-16)

    def closure():
        optimizer.zero_grad()
        log_probs, total = logits.log_softmax(-1), 0.0
        for a, b in itertools.permutations(range(4), 2):
            preferred = torch.sigmoid(REWARDS[a] - REWARDS[b])  # people follow Bradley–Terry
            total = total + preferred * dpo_loss(log_probs[a], log_probs[b], reference[a], reference[b], BETA)
        total.backward()
        return total

    optimizer.step(closure)
    expected = kl_optimal_policy(reference, REWARDS, BETA)
    torch.testing.assert_close(logits.detach().log_softmax(-1), expected, atol=1e-6, rtol=0)


def test_the_closed_form_is_the_best_of_all_policies_and_its_implicit_reward_is_the_reward():
    reference = normal64(0, 4).log_softmax(-1)

    def objective(log_probs):
        return (log_probs.exp() * (REWARDS - BETA * (log_probs - reference))).sum()

    best = kl_optimal_policy(reference, REWARDS, BETA)
    torch.testing.assert_close(best.exp().sum(), torch.tensor(1.0, dtype=torch.float64))
    for seed in range(20):
        assert objective((best + 0.1 * normal64(seed, 4)).log_softmax(-1)) < objective(best)
    implicit = implicit_reward(best, reference, BETA)
    torch.testing.assert_close(implicit - implicit[0], REWARDS - REWARDS[0])


def test_a_loose_leash_follows_the_reward_and_a_tight_one_the_reference():
    reference = normal64(0, 4).log_softmax(-1)
    assert kl_optimal_policy(reference, REWARDS, 1e-3).exp()[3] > 0.999
    torch.testing.assert_close(kl_optimal_policy(reference, REWARDS, 1e6), reference, atol=1e-5, rtol=0)


def test_the_gradient_is_weighted_by_how_wrong_the_implicit_rewards_are():
    chosen, rejected = normal64(0, 5).requires_grad_(), normal64(1, 5).requires_grad_()
    ref_chosen, ref_rejected = normal64(2, 5), normal64(3, 5)
    dpo_loss(chosen, rejected, ref_chosen, ref_rejected, BETA).backward()
    margin = BETA * ((chosen - ref_chosen) - (rejected - ref_rejected)).detach()
    expected = -BETA * torch.sigmoid(-margin) / 5  # the gradient below eq. 7 of the paper
    torch.testing.assert_close(chosen.grad, expected)
    torch.testing.assert_close(rejected.grad, -expected)


def test_it_starts_at_ln_2_and_the_reference_gets_no_gradient():
    chosen, rejected = normal64(0, 3).requires_grad_(), normal64(1, 3).requires_grad_()
    ref_chosen, ref_rejected = chosen.detach().clone().requires_grad_(), rejected.detach().clone().requires_grad_()
    loss = dpo_loss(chosen, rejected, ref_chosen, ref_rejected)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(2))
    assert ref_chosen.grad is None and ref_rejected.grad is None and chosen.grad is not None


def test_a_gpt_learns_to_prefer_polite_replies():
    config = GPTConfig(vocab_size=8, seq_len=8, d_model=16, n_heads=2, n_layers=1)
    policy = GPT(config, generator=torch.Generator().manual_seed(0))
    reference = copy.deepcopy(policy).requires_grad_(False)
    prompts = [[1, 2], [3], [2, 4]]
    polite, rude = join_replies(prompts, [[5, 6, 7]] * 3), join_replies(prompts, [[6, 7]] * 3)
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-3)
    for _ in range(40):
        by_policy = [sequence_log_probs(policy(ids), ids, reply) for ids, reply in (polite, rude)]
        by_reference = [sequence_log_probs(reference(ids), ids, reply) for ids, reply in (polite, rude)]
        optimizer.zero_grad()
        loss = dpo_loss(*by_policy, *by_reference)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5
    rewards = [implicit_reward(p.detach(), r) for p, r in zip(by_policy, by_reference)]
    assert (rewards[0] > rewards[1]).all()


def test_arguments_that_do_not_fit_are_named():
    two, three = torch.zeros(2), torch.zeros(3)
    with pytest.raises(ValueError, match=r"ref_log_probs must have the shape of log_probs, \(2,\), got \(3,\)"):
        dpo_loss(two, two, three, two)
    for call in (implicit_reward, kl_optimal_policy):
        with pytest.raises(ValueError, match="beta must be positive, got 0"):
            call(two, two, 0)
