"""Whatever is outside the mask changes neither a loss nor its gradient: not −∞, not nan, not what overflows."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.alignment import gae, kl_penalised_reward, ppo_clip_loss, sequence_log_probs, sft_loss
from course_lib.alignment.supervised import masked_mean
from tests.random_inputs import generator, normal, random_mask

B, T, V = 3, 5, 4
poisons = st.sampled_from([0.0, -math.inf, math.inf, math.nan, 1e30, -91.0, 300.0])
seeds = st.integers(0, 1000)


def poisoned(seed, mask, poison, *more):
    """Return random numbers of the mask's shape (and `more`), the poison where the mask is False."""
    inside = mask.reshape(*mask.shape, *(1 for _ in more))
    return normal(seed, *mask.shape, *more).where(inside, torch.tensor(poison))


def value_and_gradient(loss, x):
    x = x.clone().requires_grad_()
    value = loss(x)
    return value.detach(), torch.autograd.grad(value.sum(), x)[0]


def require_the_same(loss, mask, seed, poison, *more):
    clean = value_and_gradient(lambda x: loss(x, 0.0), poisoned(seed, mask, 0.0, *more))
    spoiled = value_and_gradient(lambda x: loss(x, poison), poisoned(seed, mask, poison, *more))
    for expected, got in zip(clean, spoiled):
        assert expected.isfinite().all()
        torch.testing.assert_close(got, expected, rtol=0, atol=0)
    assert spoiled[1][~mask].eq(0).all()


@given(seeds, poisons, poisons, poisons)
def test_ppo(seed, poison, old_poison, advantage_poison):
    mask = random_mask(seed, B, T)

    def loss(x, here):
        old = poisoned(seed + 1, mask, old_poison if here == poison else 0.0)
        advantages = poisoned(seed + 2, mask, advantage_poison if here == poison else 0.0)
        return ppo_clip_loss(x, old, advantages, mask)

    require_the_same(loss, mask, seed, poison)


@given(seeds, poisons, st.sampled_from([0, 1, -1, V, 10**6]))
def test_fine_tuning_and_log_probabilities_of_replies(seed, poison, pad_id):
    reply = random_mask(seed, B, T)
    read = torch.cat([reply[:, 1:], torch.zeros(B, 1, dtype=torch.bool)], dim=1)  # logits that predict a reply's token
    words = torch.randint(V, (B, T), generator=generator(seed))
    for loss in (sft_loss, sequence_log_probs):
        require_the_same(
            lambda x, here, loss=loss: loss(x, words.where(reply, pad_id if here == poison else 0), reply),
            read,
            seed,
            poison,
            V,
        )


@given(seeds, poisons)
def test_the_mean_that_the_losses_share(seed, poison):
    mask = random_mask(seed, B, T)
    require_the_same(lambda x, _: masked_mean(x, mask), mask, seed, poison)


@given(seeds, poisons, poisons, st.sampled_from(["k1", "k2", "k3"]))
def test_penalised_rewards_and_advantages(seed, poison, other, estimator):
    mask = random_mask(seed, B, T)
    mask[0] = False  # a row without a reply
    reward = normal(seed + 3, B)

    def rewards(of_row, *fill):
        first = torch.tensor([of_row, *reward[1:].tolist()])
        log_probs = [poisoned(seed + i, mask, p) for i, p in enumerate(fill)]
        return kl_penalised_reward(first, *log_probs, mask, 0.3, estimator)

    torch.testing.assert_close(rewards(poison, poison, other), rewards(0.0, 0.0, 0.0), rtol=0, atol=0)
    start = torch.arange(T) >= 2  # gae wants replies without gaps
    run = start.expand(B, T)
    clean, spoiled = (gae(poisoned(seed, run, p), poisoned(seed + 1, run, p), run) for p in (0.0, poison))
    torch.testing.assert_close(spoiled, clean, rtol=0, atol=0)


@pytest.mark.parametrize("pad", [-math.inf, -91.0])
def test_a_forbidden_padding_id_leaves_the_gradient_of_ppo_alone(pad):
    log_probs = torch.tensor([[-1.0, -2.0, -math.inf if pad == -math.inf else -1.0]], requires_grad=True)
    old, reply = torch.tensor([[-1.1, -1.9, pad]]), torch.tensor([[True, True, False]])
    ppo_clip_loss(log_probs, old, torch.ones(1, 3), reply).backward()
    assert log_probs.grad.isfinite().all() and log_probs.grad[0, 2] == 0
