"""Direct preference optimisation: learn from comparisons without a reward model and without sampling.

The policy that maximises E[r] − β · KL(π ‖ π_ref) has a closed form, π ∝ π_ref · e^(r/β). Read backwards, every policy
is the optimum of some reward: r = β · ln(π / π_ref), up to a constant for each prompt. Put that reward into the
Bradley–Terry loss, where the constant cancels, and the loss trains the policy itself (Rafailov et al. 2023, §4).
"""

from torch import Tensor

from course_lib.alignment.reward import bradley_terry_loss
from course_lib.alignment.supervised import require_same_shape
from course_lib.arguments import require_positive


def kl_optimal_policy(ref_log_probs: Tensor, rewards: Tensor, beta: float = 0.1) -> Tensor:
    """Return the policy that maximises E[r] − β · KL(π ‖ π_ref), where all actions can be listed.

    ref_log_probs  (..., A) log-probabilities of the A actions under the reference
    rewards        (..., A)
    beta           β > 0: small follows the rewards, large the reference
    returns        (..., A) log-probabilities, log π_ref + r / β − log Z

    Raises ValueError for shapes that differ and a β that is not positive.  Eq. 4 of Rafailov et al. 2023.

    >>> import torch
    >>> kl_optimal_policy(torch.tensor([0.5, 0.5]).log(), torch.tensor([1.0986, 0.0]), beta=1.0).exp()
    tensor([0.7500, 0.2500])
    """
    require_same_shape(ref_log_probs=ref_log_probs, rewards=rewards)
    require_positive(beta=beta)
    return (ref_log_probs + rewards / beta).log_softmax(-1)


def implicit_reward(log_probs: Tensor, ref_log_probs: Tensor, beta: float = 0.1) -> Tensor:
    """Return the reward of which the policy is the optimum, β · (log π − log π_ref), up to a constant for each prompt.

    log_probs      (...) of replies under the policy
    ref_log_probs  (...) under the reference
    beta           β > 0
    returns        (...)

    Raises ValueError for shapes that differ and a β that is not positive.  Eq. 5 of Rafailov et al. 2023.
    """
    require_same_shape(log_probs=log_probs, ref_log_probs=ref_log_probs)
    require_positive(beta=beta)
    return beta * (log_probs - ref_log_probs)


def dpo_loss(chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor, beta: float = 0.1) -> Tensor:
    """Return the Bradley–Terry loss of the policy's implicit rewards, in nats a comparison: a scalar.

    chosen        (B,) log-probabilities of the preferred replies under the policy, each a sum over its tokens (see
                  `course_lib.alignment.supervised.sequence_log_probs`)
    rejected      (B,) of those they were compared with
    ref_chosen    (B,) the same two under the reference: the policy before training, without gradient
    ref_rejected  (B,)
    beta          β > 0, how costly it is to leave the reference

    Where the policy is still the reference, the loss is ln 2. It falls as well when both replies become less likely,
    the rejected one faster: watch log-probabilities, not only the loss.

    Raises ValueError for shapes that differ and a β that is not positive.  Eq. 7 of Rafailov et al. 2023.

    >>> import torch
    >>> same = torch.tensor([-7.0])
    >>> dpo_loss(same, 2 * same, same, 2 * same)
    tensor(0.6931)
    """
    chosen_reward = implicit_reward(chosen, ref_chosen.detach(), beta)
    return bradley_terry_loss(chosen_reward, implicit_reward(rejected, ref_rejected.detach(), beta))
