"""Calibration: of the things a model calls 80 % sure, do 80 % come true?

Reliability bins and the expected calibration error (Naeini et al. 2015), the Brier score (Brier 1950), and the repair
by one number, a temperature fitted to held-out data (Guo et al. 2017).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from course_lib.arguments import require_counts


class ReliabilityBins(NamedTuple):
    """Equally wide bins of confidence, M of them; bin m holds confidences in ((m − 1)/M, m/M], the first one 0, too."""

    confidence: Tensor  #: (M,) mean confidence in the bin; nan where it is empty
    accuracy: Tensor  #: (M,) share that was right; nan where the bin is empty
    counts: Tensor  #: (M,) how many fell into the bin, int64


def reliability_bins(confidence: Tensor, correct: Tensor, n_bins: int = 15) -> ReliabilityBins:
    """Sort predictions by how sure they were, and count how often they came true.

    confidence  (N,) probabilities in [0, 1]: of the predicted class, or of one event
    correct     (N,) boolean, or 0 and 1: whether it was the class, or the event happened
    n_bins      M
    returns     mean confidence, accuracy and count of each bin: the points of a reliability diagram

    Raises ValueError when the shapes are not (N,) with N ≥ 1, a confidence lies outside [0, 1], or n_bins is below 1.
    DeGroot and Fienberg (1983).

    >>> reliability_bins(torch.tensor([0.9, 0.7, 0.8, 0.2]), torch.tensor([True, False, True, False]), n_bins=2)
    ReliabilityBins(confidence=tensor([0.2000, 0.8000]), accuracy=tensor([0.0000, 0.6667]), counts=tensor([1, 3]))
    """
    if confidence.dim() != 1 or confidence.shape != correct.shape or not len(confidence):
        raise ValueError(
            "confidence and correct must have the same shape (N,) and at least one element, "
            f"got {tuple(confidence.shape)} and {tuple(correct.shape)}"
        )
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise ValueError(f"confidence must lie in [0, 1], got {confidence.min()} to {confidence.max()}")
    require_counts(n_bins=n_bins)
    confidence = _wide(confidence)
    inner_edges = torch.arange(1, n_bins, dtype=confidence.dtype, device=confidence.device) / n_bins
    bins = torch.bucketize(confidence, inner_edges)  # (N,)
    counts = torch.bincount(bins, minlength=n_bins)
    sums = confidence.new_zeros(2, n_bins).index_add_(1, bins, torch.stack([confidence, correct.to(confidence.dtype)]))
    return ReliabilityBins(sums[0] / counts, sums[1] / counts, counts)


def expected_calibration_error(probs: Tensor, targets: Tensor, n_bins: int = 15) -> Tensor:
    """Return by how much the confidence of the most likely class misses its accuracy, on average.

    probs    (N, V) each row sums to 1
    targets  (N,) ids of the classes that came
    n_bins   M equally wide bins of confidence
    returns  () Σ over bins of (share of the N) · |accuracy − mean confidence|, between 0 and 1

    It depends on the bins, and a model that always gives the class frequencies has an error of about 0: calibration is
    no measure of knowledge.  Raises ValueError for shapes that do not fit, and what `reliability_bins` raises.
    Naeini et al. (2015); §2 of Guo et al. (2017).

    >>> expected_calibration_error(torch.tensor([[0.9, 0.1], [0.8, 0.2]]), torch.tensor([0, 1]), n_bins=1)
    tensor(0.3500)
    """
    probs = _rows(probs, targets, "probs")
    confidence, predictions = probs.max(-1)
    bins = reliability_bins(confidence, predictions == targets, n_bins)
    gaps = (bins.accuracy - bins.confidence).abs().nan_to_num(0.0)  # (M,)
    return (gaps * bins.counts).sum() / len(targets)


def brier_score(probs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean squared distance between the probabilities and the outcomes.

    probs    (N, V) each row sums to 1
    targets  (N,) ids of the classes that came
    returns  () mean over rows of Σ_v (p_v − [v came])², between 0 and 2

    Only the true probabilities make its mean smallest (it is a proper score). For two classes it is twice the value of
    those who sum over one class only.  Raises ValueError for shapes that do not fit.  Brier (1950).

    >>> brier_score(torch.tensor([[0.7, 0.3]]), torch.tensor([0]))
    tensor(0.1800)
    """
    probs = _rows(probs, targets, "probs")
    came = torch.zeros_like(probs).scatter_(1, targets.long().unsqueeze(1), 1.0)  # (N, V)
    return (probs - came).square().sum(-1).mean()


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """Return the temperature with which softmax(logits / temperature) is least surprised by the targets.

    logits   (N, V) finite scores on held-out data, not on the data the model was trained on
    targets  (N,) ids of the classes that came
    returns  above 1 for a model that was too sure, below 1 for one that was not sure enough. Predictions, and with
             them the accuracy, stay as they are

    The mean surprise is convex in β = 1 / temperature; Newton's method with a fallback to bisection finds its minimum.
    Raises ValueError for shapes that do not fit, logits that are not finite, and where there is no minimum: targets
    that all have the largest logit of their row (the temperature would be 0), or logits that are on average not larger
    for the target than for the other classes (it would be infinite).  §4.2 of Guo et al. (2017).

    >>> logits = torch.tensor([[4.0, 0.0]] * 4)  # 98.2 % sure
    >>> round(4 / fit_temperature(logits, torch.tensor([0, 0, 0, 1])), 4)  # right in 3 of 4: log-odds of log 3
    1.0986
    """
    logits = _rows(logits.detach(), targets, "logits")
    if not logits.isfinite().all():
        raise ValueError("logits must be finite, got inf or nan among them")
    target_logits = logits.gather(1, targets.long().unsqueeze(1))  # (N, 1)
    if (target_logits == logits.amax(-1, keepdim=True)).all():
        raise ValueError("targets must not all have the largest logit: the best temperature would be 0")
    target_mean = target_logits.mean()
    if logits.mean() >= target_mean:
        raise ValueError("targets must have larger logits than average: the best temperature would be infinite")
    beta, below, above = 1.0, 0.0, math.inf
    for _ in range(100):
        p = (beta * logits).softmax(-1)
        expected = (p * logits).sum(-1, keepdim=True)  # (N, 1)
        slope = (expected.mean() - target_mean).item()  # of the mean surprise at β; it grows with β
        curvature = (p * (logits - expected).square()).sum(-1).mean().item()
        below, above = (below, beta) if slope > 0 else (beta, above)
        step = beta - slope / curvature if curvature > 0 else math.inf
        if not below < step < above:
            step = 2 * beta if above == math.inf else (below + above) / 2
        if abs(step - beta) <= 4 * torch.finfo(logits.dtype).eps * beta:
            break
        beta = step
    return 1 / beta


def _rows(scores: Tensor, targets: Tensor, name: str) -> Tensor:
    """Return the scores in a type to compute in, float32 or float64, once they fit the targets."""
    if scores.dim() != 2 or targets.shape != scores.shape[:1] or not len(targets):
        raise ValueError(
            f"{name} must have the shape (N, V) and targets (N,) with N ≥ 1, "
            f"got {tuple(scores.shape)} and {tuple(targets.shape)}"
        )
    if targets.min() < 0 or targets.max() >= scores.size(1):
        raise ValueError(f"targets must lie in [0, {scores.size(1)}), got {targets.min()} to {targets.max()}")
    return _wide(scores)


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()
