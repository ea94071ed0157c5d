"""The parts together: a tiny GPT samples replies and learns to say the token that is rewarded."""

import copy

import pytest
import torch

from course_lib.alignment import (
    RewardModel,
    gae,
    kl_estimate,
    kl_penalised_reward,
    leave_one_out,
    ppo_clip_loss,
    reinforce_loss,
    token_log_probs,
)
from course_lib.decoding import generate
from course_lib.gpt import GPT, GPTConfig

POLITE = 3
PROMPT = torch.tensor([[1, 2]])
N_SAMPLES, N_TOKENS = 32, 4


def small_gpt():
    config = GPTConfig(vocab_size=6, seq_len=6, d_model=16, n_heads=2, n_layers=1)
    return GPT(config, generator=torch.Generator().manual_seed(0))


def sample(policy, generator):
    """Return sampled texts (B, T), what of their predicted tokens is reply (B, T − 1), and the rewards (B,)."""
    with torch.no_grad():
        ids = generate(policy, PROMPT.expand(N_SAMPLES, -1), N_TOKENS, generator=generator)
    reply = torch.zeros(ids.size(0), ids.size(1) - 1, dtype=torch.bool)
    reply[:, PROMPT.size(1) - 1 :] = True
    return ids, reply, (ids[:, PROMPT.size(1) :] == POLITE).double().mean(-1).float()


def log_probs_of(model, ids):
    return token_log_probs(model(ids), ids)


def by_reinforce(policy, reference, critic, batch, beta):
    ids, reply, rewards = batch
    log_probs = log_probs_of(policy, ids)
    per_token = kl_penalised_reward(rewards, log_probs, log_probs_of(reference, ids), reply, beta)
    returns = per_token.sum(-1)
    yield reinforce_loss(log_probs.masked_fill(~reply, 0.0).sum(-1), returns, leave_one_out(returns))


def by_ppo(policy, reference, critic, batch, beta):
    ids, reply, rewards = batch
    old = log_probs_of(policy, ids).detach()
    per_token = kl_penalised_reward(rewards, old, log_probs_of(reference, ids), reply, beta)
    advantages = gae(per_token, critic.scores(ids)[:, :-1], reply)
    targets = (advantages + critic.scores(ids)[:, :-1]).detach()
    for _ in range(3):
        value_loss = (critic.scores(ids)[:, :-1] - targets)[reply].square().mean()
        yield ppo_clip_loss(log_probs_of(policy, ids), old, advantages, reply) + value_loss


def trained(method, beta):
    policy, generator = small_gpt(), torch.Generator().manual_seed(1)
    reference = copy.deepcopy(policy).requires_grad_(False)
    critic = RewardModel(small_gpt(), generator)
    optimizer = torch.optim.Adam([*policy.parameters(), *critic.parameters()], lr=1e-2)
    for _ in range(30):
        for loss in method(policy, reference, critic, sample(policy, generator), beta):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    ids, reply, rewards = sample(policy, generator)
    with torch.no_grad():
        divergence = kl_estimate(log_probs_of(policy, ids), log_probs_of(reference, ids), "k3")[reply].mean()
    return rewards.mean().item(), divergence.item()


@pytest.mark.parametrize("method", [by_reinforce, by_ppo])
def test_the_rewarded_token_becomes_likely_and_a_tight_leash_holds_the_policy_back(method):
    before = sample(small_gpt(), torch.Generator().manual_seed(2))[2].mean().item()
    free, strayed = trained(method, beta=0.0)
    held, near = trained(method, beta=1.0)
    assert before < 0.3 and free > 0.8
    assert held < free - 0.3 and near < strayed / 3
