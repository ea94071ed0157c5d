"""Alignment: from a model that continues text to one that answers as people prefer.

- `supervised`: imitate written replies (`sft_loss`).
- `reward`: learn from comparisons what people prefer (`bradley_terry_loss`, `RewardModel`).
- `policy_gradient`: raise a reward by sampling (`reinforce_loss`, `group_advantages`, `ppo_clip_loss`), held near the
  model that it began with (`kl_penalised_reward`).
- `rollouts`: what the policy itself writes (`sample_replies`).
- `preferences`: learn from the comparisons directly (`dpo_loss`).

All of them work on log-probabilities in nats, so on any model of `course_lib.language_model`.
"""

from course_lib.alignment.policy_gradient import (
    gae,
    group_advantages,
    kl_estimate,
    kl_penalised_reward,
    leave_one_out,
    ppo_clip_loss,
    reinforce_loss,
)
from course_lib.alignment.preferences import dpo_loss, implicit_reward, kl_optimal_policy
from course_lib.alignment.reward import RewardModel, bradley_terry_loss
from course_lib.alignment.rollouts import sample_replies
from course_lib.alignment.supervised import join_replies, sequence_log_probs, sft_loss, token_log_probs

__all__ = [
    "RewardModel",
    "bradley_terry_loss",
    "dpo_loss",
    "gae",
    "group_advantages",
    "implicit_reward",
    "join_replies",
    "kl_estimate",
    "kl_optimal_policy",
    "kl_penalised_reward",
    "leave_one_out",
    "ppo_clip_loss",
    "reinforce_loss",
    "sample_replies",
    "sequence_log_probs",
    "sft_loss",
    "token_log_probs",
]
