"""Policy gradients against exact enumeration: with few actions every expectation is a finite sum."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.alignment import (
    gae,
    group_advantages,
    kl_estimate,
    kl_penalised_reward,
    leave_one_out,
    ppo_clip_loss,
    reinforce_loss,
)
from tests.random_inputs import normal64

REWARDS = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)


def policy_logits():
    return torch.tensor([0.3, -0.5, 1.0, 0.0], dtype=torch.float64, requires_grad=True)


def true_gradient():
    logits = policy_logits()
    (logits.softmax(-1) @ REWARDS).backward()
    return logits.grad


def expected_gradient(loss_of_samples, n_samples):
    """The gradient of a loss of n sampled actions, averaged exactly over all of the 4ⁿ ways to draw them."""
    logits, total = policy_logits(), 0.0
    log_probs = logits.log_softmax(-1)
    for actions in itertools.product(range(4), repeat=n_samples):
        actions = torch.tensor(actions)
        chance = log_probs[actions].sum().exp().detach()
        total = total + chance * loss_of_samples(log_probs[actions], REWARDS[actions])
    total.backward()
    return logits.grad


@pytest.mark.parametrize("baseline", [0.0, 1.7])
def test_on_average_reinforce_climbs_the_expected_reward_whatever_the_baseline(baseline):
    gradient = expected_gradient(lambda lp, r: reinforce_loss(lp, r, baseline), 1)
    torch.testing.assert_close(-gradient, true_gradient())


def test_leaving_one_out_keeps_the_gradient_and_the_mean_of_all_shrinks_it():
    kept = expected_gradient(lambda lp, r: reinforce_loss(lp, r, leave_one_out(r)), 3)
    torch.testing.assert_close(-kept, true_gradient())
    shrunk = expected_gradient(lambda lp, r: reinforce_loss(lp, r, r.mean()[None].expand(3)), 3)
    torch.testing.assert_close(-shrunk, true_gradient() * 2 / 3)


def test_the_expected_reward_as_a_baseline_lowers_the_variance():
    def variance(baseline):
        logits = policy_logits()
        probs, total = logits.detach().softmax(-1), 0.0
        for action in range(4):
            loss = reinforce_loss(logits.log_softmax(-1)[action], REWARDS[action], baseline)
            (gradient,) = torch.autograd.grad(loss, logits)
            total += probs[action] * gradient.square().sum()
        return total

    expected = (policy_logits().detach().softmax(-1) @ REWARDS).item()
    assert variance(expected) < variance(0.0) < variance(-5.0)


def test_rewards_and_baselines_carry_no_gradient():
    log_probs, rewards, baseline = (normal64(i, 3).requires_grad_() for i in range(3))
    reinforce_loss(log_probs, rewards, baseline).backward()
    assert rewards.grad is None and baseline.grad is None
    torch.testing.assert_close(log_probs.grad, -(rewards - baseline).detach() / 3)


def test_k1_and_k3_average_to_the_kl_divergence_and_k2_does_not():
    log_probs, reference = normal64(0, 6).log_softmax(-1), normal64(1, 6).log_softmax(-1)
    probs = log_probs.exp()
    exact = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=log_probs), torch.distributions.Categorical(logits=reference)
    )
    mean = {kind: (probs * kl_estimate(log_probs, reference, kind)).sum() for kind in ("k1", "k2", "k3")}
    torch.testing.assert_close(mean["k1"], exact)
    torch.testing.assert_close(mean["k3"], exact)
    assert abs(mean["k2"] - exact) > 0.01 * exact


def test_near_the_reference_k3_varies_less_than_k1_and_k2_is_nearly_unbiased():
    log_probs = normal64(0, 6).log_softmax(-1)
    reference = (log_probs + 0.1 * normal64(1, 6)).log_softmax(-1)
    probs, estimates = log_probs.exp(), {k: kl_estimate(log_probs, reference, k) for k in ("k1", "k2", "k3")}
    exact = (probs * estimates["k1"]).sum()
    deviation = {k: (probs * (x - exact).square()).sum().sqrt() for k, x in estimates.items()}
    assert deviation["k3"] < deviation["k1"] / 5
    torch.testing.assert_close((probs * estimates["k2"]).sum(), exact, rtol=0.05, atol=0)


def test_of_the_sampled_estimates_only_k2_has_the_gradient_of_the_divergence():
    reference = normal64(1, 6).log_softmax(-1)

    def gradient(compute):
        logits = normal64(0, 6).requires_grad_()
        log_probs = logits.log_softmax(-1)
        compute(log_probs).backward()
        return logits.grad

    def sampled(kind):  # the chance of each sample is not part of the estimate: no gradient flows through it
        return gradient(lambda lp: (lp.detach().exp() * kl_estimate(lp, reference, kind)).sum())

    exact = gradient(lambda lp: (lp.exp() * (lp - reference)).sum())
    torch.testing.assert_close(sampled("k2"), exact)
    torch.testing.assert_close(sampled("k1"), torch.zeros_like(exact))
    assert (sampled("k3") - exact).abs().max() > 0.01


@given(st.floats(-20, 5), st.floats(-20, 5))
def test_k2_and_k3_are_never_negative_and_all_are_zero_where_nothing_moved(a, b):
    a, b = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
    never = torch.tensor(-torch.inf)  # what the reference would not say
    assert all(kl_estimate(a, never, kind) == torch.inf for kind in ("k1", "k2", "k3"))
    assert kl_estimate(a, b, "k2") >= 0 and kl_estimate(a, b, "k3") >= 0
    assert all(kl_estimate(a, a, kind) == 0 for kind in ("k1", "k2", "k3"))


def test_k3_keeps_its_digits_for_small_differences():
    small = kl_estimate(torch.tensor(-1.0), torch.tensor(-1.0 + 1e-3), "k3")  # e^x − 1 − x ≈ x²/2
    assert small.item() == pytest.approx(5e-7, rel=0.01)  # exp(x) − 1 − x is 7 % off


def test_every_token_pays_for_its_divergence_and_the_last_gets_the_reward():
    log_probs = torch.tensor([[-1.0, -2.0, -3.0], [-1.0, -1.0, -9.0]])
    reference = torch.tensor([[-1.5, -1.0, -3.0], [-2.0, -3.0, -1.0]])
    reply = torch.tensor([[False, True, True], [True, True, False]])
    rewards = kl_penalised_reward(torch.tensor([10.0, 20.0]), log_probs, reference, reply, beta=0.5)
    torch.testing.assert_close(rewards, torch.tensor([[0.0, 0.5, 10.0], [-0.5, 19.0, 0.0]]))


@given(st.integers(0, 1000), st.booleans(), st.integers(1, 4), st.integers(2, 6))
def test_group_advantages_are_those_of_trl_written_out_plainly(seed, scale_rewards, n_prompts, num_generations):
    rewards = normal64(seed, n_prompts * num_generations)
    # GRPOTrainer of TRL: one row of rewards, the replies to a prompt side by side
    mean_grouped = rewards.view(-1, num_generations).mean(dim=1).repeat_interleave(num_generations, dim=0)
    std_grouped = rewards.view(-1, num_generations).std(dim=1).repeat_interleave(num_generations, dim=0)
    expected = rewards - mean_grouped
    if scale_rewards:
        expected = expected / (std_grouped + 1e-4)
    got = group_advantages(rewards.view(-1, num_generations).requires_grad_(), normalise=scale_rewards)
    torch.testing.assert_close(got.flatten(), expected)
    assert not got.requires_grad
    torch.testing.assert_close(got.sum(-1), torch.zeros(n_prompts, dtype=torch.float64), atol=1e-9, rtol=0)


def test_a_group_of_equal_rewards_teaches_nothing():
    assert group_advantages(torch.ones(2, 8)).eq(0).all()
    assert group_advantages(torch.full((2, 8), 0.7)).abs().max() < 0.001  # the mean of eight times 0.7 is rounded


def test_without_division_the_group_mean_is_leave_one_out_but_for_a_factor():
    rewards = normal64(0, 5, 4)
    torch.testing.assert_close(group_advantages(rewards, normalise=False), 3 / 4 * (rewards - leave_one_out(rewards)))


@pytest.mark.parametrize("estimator", ["k1", "k2", "k3"])
def test_the_penalties_of_a_reply_add_up(estimator):
    log_probs, reference, reward = normal64(0, 4, 6), normal64(1, 4, 6), normal64(2, 4)
    reply = normal64(3, 4, 6) > 0
    reply[:, 2] = True
    rewards = kl_penalised_reward(reward, log_probs.requires_grad_(), reference, reply, 0.3, estimator)
    divergence = kl_estimate(log_probs, reference, estimator).detach().where(reply, 0).sum(-1)
    torch.testing.assert_close(rewards.sum(-1), reward - 0.3 * divergence)
    assert not rewards.requires_grad and rewards[~reply].eq(0).all()


def test_the_penalised_reward_is_largest_for_the_closed_form_policy():
    """E[r] − β KL, by enumeration of all actions, climbed by REINFORCE's expected gradient."""
    beta, reference = 2.0, normal64(1, 4).log_softmax(-1)
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=0.5)
    everything = torch.ones(4, 1, dtype=torch.bool)
    for _ in range(600):
        log_probs = logits.log_softmax(-1)
        rewards = kl_penalised_reward(REWARDS, log_probs[:, None], reference[:, None], everything, beta)[:, 0]
        weights = 4 * log_probs.detach().exp()  # each action as often as it is sampled
        optimizer.zero_grad()
        reinforce_loss(log_probs, weights * rewards).backward()
        optimizer.step()
    optimum = (reference + REWARDS / beta).softmax(-1)
    torch.testing.assert_close(logits.detach().softmax(-1), optimum, atol=1e-6, rtol=0)


def test_advantages_are_the_discounted_sum_of_errors_written_out():
    rewards, values, gamma, lam = normal64(0, 3, 5), normal64(1, 3, 5), 0.9, 0.8
    following = torch.cat([values[:, 1:], torch.zeros(3, 1)], dim=1)
    errors = rewards + gamma * following - values
    expected = torch.zeros_like(errors)
    for t in range(5):
        for later in range(t, 5):
            expected[:, t] += (gamma * lam) ** (later - t) * errors[:, later]
    torch.testing.assert_close(gae(rewards, values, gamma=gamma, lam=lam), expected)
    torch.testing.assert_close(gae(rewards, values, gamma=gamma, lam=0.0), errors)
    to_go = torch.stack([sum(gamma ** (s - t) * rewards[:, s] for s in range(t, 5)) for t in range(5)], dim=1)
    torch.testing.assert_close(gae(rewards, values, gamma=gamma, lam=1.0), to_go - values)


def test_padding_at_either_side_does_not_change_an_advantage():
    rewards, values = normal64(0, 1, 4), normal64(1, 1, 4)
    reply = torch.tensor([[False, True, True, True, True, False, False]])
    padded_rewards, padded_values = normal64(2, 1, 7), normal64(3, 1, 7)
    padded_rewards[reply], padded_values[reply] = rewards[0], values[0]
    advantages = gae(padded_rewards, padded_values, reply, gamma=0.9)
    torch.testing.assert_close(advantages[:, 1:5], gae(rewards, values, gamma=0.9))
    assert advantages[~reply].eq(0).all()


def test_a_critic_that_knows_the_future_leaves_no_advantage():
    rewards = normal64(0, 2, 6)
    values = rewards.flip(-1).cumsum(-1).flip(-1)
    torch.testing.assert_close(gae(rewards, values), torch.zeros_like(values), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "moves"),
    [
        (1.0, 2.0, -2.0, True),
        (1.5, 2.0, -2.4, False),  # good, and already 50 % more likely: enough
        (0.5, 2.0, -1.0, True),  # good, but it became less likely: pull it back
        (0.5, -2.0, 1.6, False),  # bad, and already half as likely: enough
        (1.5, -2.0, 3.0, True),  # bad, but it became more likely: pull it back
    ],
)
def test_clipping_ends_the_push_in_the_right_direction_only(ratio, advantage, loss, moves):
    log_probs = torch.tensor([ratio], dtype=torch.float64).log().requires_grad_()
    got = ppo_clip_loss(log_probs, torch.zeros(1, dtype=torch.float64), torch.tensor([advantage]).double())
    got.backward()
    assert got.item() == pytest.approx(loss)
    assert log_probs.grad.item() == pytest.approx(-ratio * advantage if moves else 0.0)


def test_before_the_first_step_ppos_gradient_is_that_of_reinforce():
    log_probs, advantages, reply = normal64(0, 3, 4).requires_grad_(), normal64(1, 3, 4), normal64(2, 3, 4) > -0.5
    (of_ppo,) = torch.autograd.grad(ppo_clip_loss(log_probs, log_probs, advantages, reply), log_probs)
    (of_reinforce,) = torch.autograd.grad(reinforce_loss(log_probs[reply], advantages[reply]), log_probs)
    torch.testing.assert_close(of_ppo, of_reinforce)


def test_ppos_gradient_agrees_with_finite_differences():
    old, advantages = normal64(0, 8), normal64(1, 8)
    moved = (old + 0.4 * normal64(2, 8)).requires_grad_()
    assert torch.autograd.gradcheck(lambda log_probs: ppo_clip_loss(log_probs, old, advantages), (moved,))


def test_arguments_that_do_not_fit_are_named():
    two, three = torch.zeros(2), torch.zeros(3)
    with pytest.raises(ValueError, match=r"rewards must have the shape of log_probs, \(2,\), got \(3,\)"):
        reinforce_loss(two, three)
    with pytest.raises(ValueError, match=r"baseline must have the shape"):
        reinforce_loss(two, two, three)
    with pytest.raises(ValueError, match="at least 2 samples of each prompt, got 1"):
        leave_one_out(torch.zeros(4, 1))
    with pytest.raises(ValueError, match="at least 2 samples of each prompt, got 1"):
        group_advantages(torch.zeros(4, 1))
    with pytest.raises(ValueError, match="eps must be at least 0, got -1"):
        group_advantages(grid := torch.zeros(2, 3), eps=-1)
    with pytest.raises(ValueError, match="estimator must be one of k1, k2, k3, got 'k4'"):
        kl_estimate(two, two, "k4")
    with pytest.raises(ValueError, match=r"reward must have the shape \(2,\), got \(3,\)"):
        kl_penalised_reward(three, grid, grid, grid > 0)
    with pytest.raises(ValueError, match="beta must be at least 0, got -1"):
        kl_penalised_reward(two, grid, grid, grid > 0, beta=-1)
    with pytest.raises(ValueError, match=r"lam must be a probability between 0 and 1, got 1\.5"):
        gae(grid, grid, lam=1.5)
    with pytest.raises(TypeError, match="reply must be a boolean tensor"):
        gae(grid, grid, grid)
    with pytest.raises(ValueError, match=r"clip must be between 0 and 1, got 1\.2"):
        ppo_clip_loss(two, two, two, clip=1.2)
