"""Policy gradients: make what was rewarded more likely, by sampling and scoring instead of imitating.

The gradient of the expected reward E_π[r] is E_π[r · ∇ log π] (REINFORCE, Williams 1992): no derivative of the reward
is needed. The rest tames it. A baseline lowers the variance and leaves the mean as it is; GAE (Schulman et al. 2016)
credits single tokens; PPO (Schulman et al. 2017) reuses samples as long as the policy has not moved far; a KL penalty
(Ziegler et al. 2019) keeps the policy near the model that it started from.

For a language model the policy is the model, an action is a token, and T counts the tokens of a reply. Everything here
is a loss: smaller is better. What was measured while sampling carries no gradient.
"""

import torch
from torch import Tensor

from course_lib.alignment.supervised import masked_mean, require_mask, require_same_shape
from course_lib.arguments import require_at_least, require_probability

KL_ESTIMATORS = ("k1", "k2", "k3")


def reinforce_loss(log_probs: Tensor, rewards: Tensor, baseline: Tensor | float = 0.0) -> Tensor:
    """Return the loss whose gradient is, on average, minus that of the expected reward: −mean((r − b) · log π).

    log_probs  (...) log-probability of each sampled action or reply under the policy; the gradient flows through it
    rewards    the same shape
    baseline   what each reward is compared with: a number or the same shape. It must not depend on the action that it
               is compared for; `leave_one_out` gives one that does not
    returns    a scalar. Its value means nothing, only its gradient does

    Raises ValueError when the shapes differ.  Williams 1992.

    >>> log_probs = torch.tensor([-1.0, -2.0], requires_grad=True)
    >>> reinforce_loss(log_probs, torch.tensor([1.0, 3.0]), baseline=2.0).backward()
    >>> log_probs.grad  # down for the first, up for the second
    tensor([ 0.5000, -0.5000])
    """
    require_same_shape(log_probs=log_probs, rewards=rewards)
    if isinstance(baseline, Tensor):
        require_same_shape(log_probs=log_probs, baseline=baseline)
    advantages = rewards - baseline
    return -(advantages.detach() * log_probs).mean()


def leave_one_out(rewards: Tensor) -> Tensor:
    """Return for each reward the mean of the others: a baseline that does not know the reward it is compared with.

    rewards  (..., K) of K replies sampled for the same prompt, K at least 2
    returns  (..., K)

    The mean of all K would contain the reward itself and shrink the gradient to (K − 1)/K of what it should be.
    Raises ValueError for fewer than 2.  Kool et al. 2019; RLOO, Ahmadian et al. 2024.

    >>> leave_one_out(torch.tensor([0.0, 3.0, 6.0]))
    tensor([4.5000, 3.0000, 1.5000])
    """
    n = rewards.size(-1)
    if n < 2:
        raise ValueError(f"rewards must hold at least 2 samples of each prompt, got {n}")
    return (rewards.sum(-1, keepdim=True) - rewards) / (n - 1)


def group_advantages(rewards: Tensor, normalise: bool = True, eps: float = 1e-4) -> Tensor:
    """Return how much better each reply is than the other replies to the same prompt: a baseline without a critic.

    rewards    (..., K) of K replies sampled for the same prompt, K at least 2
    normalise  True: (r − mean) / (std + ε) within the group, as in GRPO; std divides by K − 1. False: r − mean, as in
               Dr. GRPO, since the division gives prompts whose replies nearly all fail, or all succeed, more weight
    eps        ε ≥ 0, in the reward's unit
    returns    (..., K) without gradient. Each group sums to 0; a group of equal rewards gets zeros (but for
               rounding): it teaches nothing

    Raises ValueError for fewer than 2 replies and a negative ε.  Shao et al. 2024 (DeepSeekMath, §4.1.2); Liu et al.
    2025 ("Dr. GRPO", §3) for the form without division.

    >>> group_advantages(torch.tensor([[1.0, 0.0, 0.0, 1.0]]), normalise=False)
    tensor([[ 0.5000, -0.5000, -0.5000,  0.5000]])
    """
    if rewards.size(-1) < 2:
        raise ValueError(f"rewards must hold at least 2 samples of each prompt, got {rewards.size(-1)}")
    require_at_least(0, eps=eps)
    rewards = rewards.detach()
    advantages = rewards - rewards.mean(-1, keepdim=True)
    return advantages / (rewards.std(-1, keepdim=True) + eps) if normalise else advantages


def kl_estimate(log_probs: Tensor, ref_log_probs: Tensor, estimator: str = "k1") -> Tensor:
    """Return, for tokens that the policy sampled, a single-sample estimate of KL(policy ‖ reference), in nats.

    log_probs      (...) under the policy
    ref_log_probs  (...) under the reference
    estimator      with x = ref_log_probs − log_probs, so that r = eˣ is the ratio reference / policy:
                   "k1"  −x            unbiased, often negative, much variance
                   "k2"  x² / 2        biased, never negative; its gradient is the right one (k1's is 0 on average)
                   "k3"  eˣ − 1 − x    unbiased and never negative: k1 plus r − 1, whose mean is 0; near the reference
                                       it varies much less than k1
    returns        (...)

    Raises ValueError for another estimator and for shapes that differ.  Schulman 2020, "Approximating KL divergence".

    >>> [round(kl_estimate(torch.tensor(-1.0), torch.tensor(-2.0), k).item(), 4) for k in KL_ESTIMATORS]
    [1.0, 0.5, 0.3679]
    """
    require_same_shape(log_probs=log_probs, ref_log_probs=ref_log_probs)
    log_ratio = ref_log_probs - log_probs
    if estimator == "k1":
        return -log_ratio
    if estimator == "k2":
        return log_ratio.square() / 2
    if estimator == "k3":
        return log_ratio.expm1() - log_ratio
    raise ValueError(f"estimator must be one of {', '.join(KL_ESTIMATORS)}, got {estimator!r}")


def kl_penalised_reward(
    reward: Tensor,
    log_probs: Tensor,
    ref_log_probs: Tensor,
    reply: Tensor,
    beta: float = 0.1,
    estimator: str = "k1",
) -> Tensor:
    """Return a reward for every token: minus β times how far the policy strayed there, and the reward at the end.

    reward         (B,) of each whole reply
    log_probs      (B, T) of the sampled tokens under the policy
    ref_log_probs  (B, T) under the reference, the model before it was rewarded
    reply          (B, T) boolean, True = a token of the reply; the last such token of a row gets the reward
    beta           β, nats to rewards: 0 is no leash, more is a shorter one
    estimator      of the KL divergence, see `kl_estimate`
    returns        (B, T) without gradient, 0 outside the reply. With "k1" a row sums to
                   reward − β · (log π(reply) − log π_ref(reply))

    Raises ValueError for shapes that do not fit, a negative β or another estimator, TypeError for a mask that is not
    boolean.  Ziegler et al. 2019, eq. 2; token by token as in Ouyang et al. 2022.
    """
    if reward.shape != log_probs.shape[:1]:
        raise ValueError(f"reward must have the shape ({log_probs.size(0)},), got {tuple(reward.shape)}")
    require_mask(reply, log_probs.shape)
    require_at_least(0, beta=beta)
    penalty = beta * kl_estimate(log_probs, ref_log_probs, estimator)
    is_last = reply & (reply.flip(-1).cumsum(-1).flip(-1) == 1)  # one token of the reply from here on: itself
    rewards = torch.where(is_last, reward[:, None], 0.0) - penalty.masked_fill(~reply, 0.0)
    return rewards.detach()


def gae(rewards: Tensor, values: Tensor, reply: Tensor | None = None, gamma: float = 1.0, lam: float = 0.95) -> Tensor:
    """Return how much better each action turned out than the critic expected: generalised advantage estimates.

    rewards  (B, T) after each action
    values   (B, T) the critic's guess, before each action, of the rewards to come; after the last action it is 0
    reply    (B, T) boolean, True = an action that counts, in one run without gaps (padding at either side); None: all
    gamma    γ, discount of later rewards, 0 … 1
    lam      λ, 0: trust the critic (one-step errors); 1: trust the rewards (their sum minus the guess)
    returns  (B, T) without gradient, 0 where nothing counts. Advantages + values are the critic's targets

    A_t = δ_t + γλ · A_{t+1} with δ_t = r_t + γ · V_{t+1} − V_t.  Eq. 16 of Schulman et al. 2016.
    Raises ValueError for shapes that do not fit and for γ or λ outside 0 … 1, TypeError for a mask that is not boolean.

    >>> gae(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.25]]), lam=0.5)
    tensor([[0.1250, 0.7500]])
    """
    require_same_shape(rewards=rewards, values=values)
    require_probability(gamma=gamma, lam=lam)
    if reply is not None:
        require_mask(reply, rewards.shape)
        rewards, values = rewards.masked_fill(~reply, 0.0), values.masked_fill(~reply, 0.0)
    rewards, values = rewards.detach(), values.detach()
    advantages = torch.zeros_like(values)
    following = next_value = torch.zeros_like(values[:, 0])
    for t in reversed(range(values.size(1))):
        error = rewards[:, t] + gamma * next_value - values[:, t]
        advantages[:, t] = following = error + gamma * lam * following
        next_value = values[:, t]
    return advantages if reply is None else advantages.masked_fill(~reply, 0.0)


def ppo_clip_loss(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, reply: Tensor | None = None, clip: float = 0.2
) -> Tensor:
    """Return PPO's clipped loss, −mean(min(ρA, clamp(ρ, 1 − ε, 1 + ε) · A)), a scalar.

    log_probs      (...) of the sampled actions under the policy; the gradient flows through it
    old_log_probs  (...) under the policy that sampled them; ρ = π / π_old
    advantages     (...) A, how much better than expected each action was
    reply          (...) boolean, True = an action that counts; None: all
    clip           ε: an action's push ends once its probability has moved by this share in the right direction. One
                   that moved in the wrong direction is always pulled back

    At ρ = 1 the gradient is that of `reinforce_loss`. Raises ValueError for shapes that differ and an ε that is not
    between 0 and 1, TypeError for a mask that is not boolean.  Eq. 7 of Schulman et al. 2017.

    >>> ppo_clip_loss(torch.tensor([0.6]).log(), torch.tensor([0.3]).log(), torch.tensor([1.0]))  # ρ = 2 counts as 1.2
    tensor(-1.2000)
    """
    require_same_shape(log_probs=log_probs, old_log_probs=old_log_probs, advantages=advantages)
    if not 0.0 < clip < 1.0:
        raise ValueError(f"clip must be between 0 and 1, got {clip}")
    advantages, log_ratio = advantages.detach(), log_probs - old_log_probs.detach()
    if reply is not None:  # before the exponential: 0 · ∞ in the backward pass is nan, whatever is masked afterwards
        require_mask(reply, log_probs.shape)
        advantages, log_ratio = advantages.masked_fill(~reply, 0.0), log_ratio.masked_fill(~reply, 0.0)
    ratio = log_ratio.exp()
    gain = torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    return -masked_mean(gain, reply)
