"""How many were right, and of which kind: accuracy, and precision, recall and F1 of each class.

Predictions and targets are class or token ids; for scores (..., V) write logits.argmax(-1). Perplexity, the other
number that every language model is judged by, is `course_lib.information.perplexity`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.arguments import require_counts


class PrecisionRecallF1(NamedTuple):
    """Three shares between 0 and 1, each (V,), one a class, or () when they were averaged."""

    precision: Tensor  #: of what was called this class, how much is of it
    recall: Tensor  #: of what is of this class, how much was called so
    f1: Tensor  #: their harmonic mean


def accuracy(predictions: Tensor, targets: Tensor) -> Tensor:
    """Return the share of predictions that are right.

    predictions  any shape, at least one id
    targets      same shape
    returns      () between 0 and 1, float32

    Raises ValueError when the shapes differ or are empty.

    >>> accuracy(torch.tensor([3, 1, 2, 2]), torch.tensor([3, 1, 2, 0]))
    tensor(0.7500)
    """
    _require_same_shape(predictions, targets)
    return (predictions == targets).float().mean()


def token_accuracy(predictions: Tensor, targets: Tensor, pad_id: int = 0) -> Tensor:
    """Return the share of real tokens that were predicted: padding is neither right nor wrong.

    predictions  (..., T) ids, one for each target
    targets      (..., T) ids, short rows filled up with pad_id
    returns      () between 0 and 1, float32; every token has the same weight, whatever the length of its row

    Raises ValueError when the shapes differ or the targets hold nothing but padding.

    >>> token_accuracy(torch.tensor([[5, 7, 1], [4, 1, 1]]), torch.tensor([[5, 6, 2], [4, 0, 0]]))
    tensor(0.5000)
    """
    _require_same_shape(predictions, targets)
    real = targets != pad_id
    if not real.any():
        raise ValueError(f"targets must hold a token other than pad_id = {pad_id}, got {targets}")
    return accuracy(predictions[real], targets[real])


def confusion_matrix(predictions: Tensor, targets: Tensor, n_classes: int) -> Tensor:
    """Return how often each class was taken for each other one.

    predictions  any shape, ids in [0, V)
    targets      same shape, ids in [0, V)
    n_classes    V
    returns      (V, V) counts, int64; row = target, column = prediction, so that what was right is on the diagonal

    Raises ValueError when the shapes differ or are empty, n_classes is below 1, or an id lies outside [0, V).

    >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2)
    tensor([[1, 1],
            [0, 1]])
    """
    _require_same_shape(predictions, targets)
    require_counts(n_classes=n_classes)
    for name, ids in (("predictions", predictions), ("targets", targets)):
        if ids.min() < 0 or ids.max() >= n_classes:
            raise ValueError(f"{name} must lie in [0, {n_classes}), got {ids.min()} to {ids.max()}")
    pairs = targets.long() * n_classes + predictions.long()
    return torch.bincount(pairs.flatten(), minlength=n_classes**2).view(n_classes, n_classes)


def precision_recall_f1(
    predictions: Tensor, targets: Tensor, n_classes: int, average: str | None = None
) -> PrecisionRecallF1:
    """Return precision, recall and F1 of the classes.

    predictions  any shape, ids in [0, V)
    targets      same shape, ids in [0, V)
    n_classes    V
    average      None: one number a class. "macro": their unweighted mean, in which a rare class counts as much as a
                 frequent one. "micro": from the counts of all classes together; where every item has one class, as
                 here, all three are the accuracy
    returns      shares between 0 and 1, float32. 0 / 0 counts as 0: a class that was never predicted has precision 0,
                 one that never occurs recall 0

    Raises what `confusion_matrix` raises, and ValueError for another average.
    F1 = 2 P R / (P + R), van Rijsbergen (1979), ch. 7. The macro F1 is the mean of F1s, not the F1 of means.

    >>> scores = precision_recall_f1(torch.tensor([0, 1, 1, 1]), torch.tensor([0, 0, 1, 1]), 2)
    >>> scores.precision, scores.recall
    (tensor([1.0000, 0.6667]), tensor([0.5000, 1.0000]))
    """
    if average not in (None, "macro", "micro"):
        raise ValueError(f"average must be None, 'macro' or 'micro', got {average!r}")
    confusion = confusion_matrix(predictions, targets, n_classes)
    right, predicted, present = confusion.diagonal(), confusion.sum(0), confusion.sum(1)  # (V,) each
    if average == "micro":
        right, predicted, present = right.sum(), predicted.sum(), present.sum()
    scores = PrecisionRecallF1(
        right / predicted.clamp_min(1),
        right / present.clamp_min(1),
        2 * right / (predicted + present).clamp_min(1),  # the same as 2 P R / (P + R), with one division
    )
    return PrecisionRecallF1(*(score.mean() for score in scores)) if average == "macro" else scores


def _require_same_shape(predictions: Tensor, targets: Tensor) -> None:
    if predictions.shape != targets.shape or not targets.numel():
        raise ValueError(
            "predictions and targets must have the same shape and hold at least one id, "
            f"got {tuple(predictions.shape)} and {tuple(targets.shape)}"
        )
