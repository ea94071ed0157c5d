"""How many were right.

Predictions and targets are class or token ids; for scores (..., V) write logits.argmax(-1). Precision, recall and F1 of
each class are in sklearn.metrics. Perplexity, by which every language model is judged, is
`course_lib.information.perplexity`.
"""

from torch import Tensor


def accuracy(predictions: Tensor, targets: Tensor) -> Tensor:
    """Return the share of predictions that are right.

    predictions  any shape, at least one id
    targets      same shape
    returns      () between 0 and 1, float32

    Raises ValueError when the shapes differ or are empty.

    >>> import torch
    >>> accuracy(torch.tensor([3, 1, 2, 2]), torch.tensor([3, 1, 2, 0]))
    tensor(0.7500)
    """
    if predictions.shape != targets.shape or not targets.numel():
        raise ValueError(
            "predictions and targets must have the same shape and hold at least one id, "
            f"got {tuple(predictions.shape)} and {tuple(targets.shape)}"
        )
    return (predictions == targets).float().mean()
