"""Supervised fine-tuning: next-token prediction in which only the reply is graded (Ouyang et al. 2022, step 1).

The prompt is read, never predicted: a model that is to answer need not learn how people ask. Logits at position t are
the model's opinion of token t + 1; every function here shifts them itself, so ids and masks come in unshifted.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.ids import require_targets


def join_replies(
    prompts: Sequence[Sequence[int]], replies: Sequence[Sequence[int]], pad_id: int = 0
) -> tuple[Tensor, Tensor]:
    """Put each reply behind its prompt and fill up at the right: one batch to fine-tune on.

    prompts  B lists of token ids, none empty: the first token of a text is predicted by nothing
    replies  B lists of token ids; end them with the token that ends a text, or the model never learns to stop
    pad_id   fills short rows; a causal model needs no mask for it
    returns  ids (B, T) int64 and reply (B, T) boolean, True = a token of the reply

    Raises ValueError when there are not as many replies as prompts, none at all, or a prompt is empty.

    >>> ids, reply = join_replies([[5, 6], [7]], [[8], [9, 9]])
    >>> ids.tolist(), reply.int().tolist()
    ([[5, 6, 8], [7, 9, 9]], [[0, 0, 1], [0, 1, 1]])
    """
    if not prompts or len(prompts) != len(replies):
        raise ValueError(f"replies must be as many as prompts, at least one, got {len(replies)} and {len(prompts)}")
    if not all(len(prompt) for prompt in prompts):
        raise ValueError("every prompt must have a token: without one nothing predicts the reply's first")
    length = max(len(prompt) + len(reply) for prompt, reply in zip(prompts, replies))
    ids = torch.full((len(prompts), length), pad_id)
    graded = torch.zeros(len(prompts), length, dtype=torch.bool)
    for row, (prompt, reply) in enumerate(zip(prompts, replies)):
        end = len(prompt) + len(reply)
        ids[row, :end] = torch.tensor([*prompt, *reply])
        graded[row, len(prompt) : end] = True
    return ids, graded


def sft_loss(logits: Tensor, ids: Tensor, reply: Tensor) -> Tensor:
    """Return the mean cross-entropy of the reply's tokens, in nats a token: a scalar.

    logits   (B, T, V) of a model that read ids; those of the last position are not used
    ids      (B, T) int64, prompt and reply
    reply    (B, T) boolean, True = a token that the model is to produce. Nothing is known of what is at position 0
             beforehand: it never counts
    returns  the mean over all such tokens of the batch, so that a long reply weighs more than a short one; 0 where
             there is none

    Raises ValueError for shapes that do not fit and a reply outside the vocabulary, TypeError for a mask that is not
    boolean.

    >>> logits = torch.tensor([[[0.0, 0.0], [0.0, 1.0986], [0.0, 0.0]]])  # second row: probabilities 1/4 and 3/4
    >>> sft_loss(logits, torch.tensor([[0, 1, 1]]), torch.tensor([[False, False, True]]))  # ln 4/3
    tensor(0.2877)
    """
    losses = _graded_losses(logits, ids, reply)
    return losses.sum() / max(len(losses), 1)


def token_log_probs(logits: Tensor, ids: Tensor) -> Tensor:
    """Return the log-probability, in nats, of every token but the first, each given those before it.

    logits   (B, T, V) of a model that read ids
    ids      (B, T) int64
    returns  (B, T − 1); entry t belongs to token t + 1, so it goes with reply[:, 1:]

    Raises ValueError for shapes that do not fit, and ids outside the vocabulary.
    """
    _require_fitting(logits, ids, None)
    logits, targets = logits[:, :-1], ids[:, 1:]
    require_targets(targets, logits.shape, name="ids")
    return -F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view_as(targets)


def sequence_log_probs(logits: Tensor, ids: Tensor, reply: Tensor) -> Tensor:
    """Return the log-probability of each reply given its prompt: (B,), in nats, the sum over its tokens.

    Arguments and errors as for `sft_loss`. A sum, not a mean: it is log π(reply | prompt), which the derivations of
    REINFORCE and DPO ask for; a mean per token would be another objective.
    """
    log_probs = -_graded_losses(logits, ids, reply)
    return log_probs.new_zeros(ids.size(0), ids.size(1) - 1).masked_scatter(reply[:, 1:], log_probs).sum(-1)


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean of the values where the mask is True, everywhere without one; 0 where nothing counts.

    values  any shape
    mask    the same shape, boolean, or None

    Raises TypeError and ValueError for a mask that is not boolean or of another shape.
    """
    if mask is None:
        return values.mean()
    require_mask(mask, values.shape)
    return values.masked_fill(~mask, 0.0).sum() / mask.sum().clamp(min=1)


def require_mask(mask: Tensor, shape: torch.Size, name: str = "reply") -> None:
    """Raise TypeError unless the mask is boolean, ValueError unless it has the shape."""
    if mask.dtype != torch.bool:
        raise TypeError(f"{name} must be a boolean tensor, True = counts, got dtype {mask.dtype}")
    if mask.shape != shape:
        raise ValueError(f"{name} must have the shape {tuple(shape)}, got {tuple(mask.shape)}")


def require_same_shape(**tensors: Tensor) -> None:
    """Raise ValueError unless all tensors have the shape of the first."""
    (first, wanted), *others = tensors.items()
    for name, tensor in others:
        if tensor.shape != wanted.shape:
            raise ValueError(f"{name} must have the shape of {first}, {tuple(wanted.shape)}, got {tuple(tensor.shape)}")


def _graded_losses(logits: Tensor, ids: Tensor, reply: Tensor) -> Tensor:
    """Return the cross-entropies of the reply's tokens alone, (N,), row by row.

    Only their logits are read. Ignored labels would not do: the softmax of a row of −∞ is nan, and nan · 0 in its
    backward pass is nan, too.
    """
    _require_fitting(logits, ids, reply)
    graded = reply[:, 1:]
    logits, targets = logits[:, :-1][graded], ids[:, 1:][graded]
    require_targets(targets, logits.shape, name="ids")
    return F.cross_entropy(logits, targets, reduction="none")


def _require_fitting(logits: Tensor, ids: Tensor, reply: Tensor | None) -> None:
    if ids.dim() != 2 or logits.dim() != 3 or logits.shape[:2] != ids.shape:
        raise ValueError(
            f"logits must have the shape (B, T, V) and ids (B, T), got {tuple(logits.shape)} and {tuple(ids.shape)}"
        )
    if reply is not None:
        require_mask(reply, ids.shape)
