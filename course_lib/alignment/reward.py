"""Reward models: a score for every reply, learned from which of two replies people preferred.

Bradley and Terry 1952: the chance that a wins over b is σ(r_a − r_b). Only differences count, so a reward is known up
to a constant for each prompt. Christiano et al. 2017 and Ouyang et al. 2022 (§3.5) train a language model's body this
way, with one number per position in the place of the logits.
"""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.alignment.supervised import require_same_shape


def bradley_terry_loss(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Return the mean of −ln σ(chosen − rejected), in nats a comparison: a scalar.

    chosen    (B,) scores of the replies that were preferred
    rejected  (B,) scores of those they were compared with

    Raises ValueError when the shapes differ.  Eq. 1 of Ouyang et al. 2022, for pairs.

    >>> bradley_terry_loss(torch.tensor([1.0986]), torch.tensor([0.0]))  # preferred with probability 3/4: ln 4/3
    tensor(0.2877)
    """
    require_same_shape(chosen=chosen, rejected=rejected)
    return -F.logsigmoid(chosen - rejected).mean()


class HasFeatures(Protocol):
    """A language model that shows what its logits are made of, as `course_lib.gpt.GPT` does."""

    to_logits: nn.Linear

    def features(self, ids: Tensor) -> Tensor:
        """Return the last states: ids (B, T) → (B, T, d_model)."""


class RewardModel(nn.Module):
    """A language model's body with one number for each position in the place of the logits.

    model      a language model with `features(ids)` → (B, T, d_model) and a linear `to_logits`, like `gpt.GPT`.
               Its body is shared, not copied, and trained along; its `to_logits` stays out of it
    generator  of the new head's weights (standard deviation 1 / √(d_model + 1), as in Stiennon et al. 2020; bias 0);
               None: torch's global one

    The same network is a critic: the score at position t judges what has been read up to there (`scores`).
    Parts: `model`, `score` (an nn.Linear to one number).

    Raises TypeError for a model without features and to_logits.
    """

    def __init__(self, model: HasFeatures, generator: torch.Generator | None = None) -> None:
        super().__init__()
        if not hasattr(model, "features") or not hasattr(model, "to_logits"):
            raise TypeError(f"model must have features(ids) and to_logits, as a GPT has, got {type(model).__name__}")
        d_model = model.to_logits.in_features
        self.model = model
        self.score = nn.Linear(d_model, 1, device=model.to_logits.weight.device, dtype=model.to_logits.weight.dtype)
        with torch.no_grad():
            drawn = torch.randn(1, d_model, generator=generator) / (d_model + 1) ** 0.5
            self.score.weight.copy_(drawn)
            self.score.bias.zero_()

    def scores(self, ids: Tensor) -> Tensor:
        """Return the score after each position of ids (B, T): (B, T). Entry t has read tokens 0 … t."""
        return self.score(self.model.features(ids)).squeeze(-1)

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return one score for each text: that after its last token.

        ids      (B, T) int64, filled up at the right
        lengths  (B,) int64, how many ids of each row are real, at least 1; None: all
        returns  (B,)

        Raises ValueError for lengths of another shape.
        """
        scores = self.scores(ids)
        if lengths is None:
            return scores[:, -1]
        if lengths.shape != ids.shape[:1]:
            raise ValueError(f"lengths must have the shape ({ids.size(0)},), got {tuple(lengths.shape)}")
        return scores.gather(1, lengths[:, None] - 1).squeeze(1)
