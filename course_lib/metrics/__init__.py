"""Numbers that judge a model: BLEU, accuracy and F1, calibration, pass@k."""

from course_lib.metrics.bleu import bleu, brevity_penalty, clipped_matches, sentence_bleu
from course_lib.metrics.calibration import (
    ReliabilityBins,
    brier_score,
    expected_calibration_error,
    fit_temperature,
    reliability_bins,
)
from course_lib.metrics.classification import (
    PrecisionRecallF1,
    accuracy,
    confusion_matrix,
    precision_recall_f1,
    token_accuracy,
)
from course_lib.metrics.pass_at_k import pass_at_k

__all__ = [
    "PrecisionRecallF1",
    "ReliabilityBins",
    "accuracy",
    "bleu",
    "brevity_penalty",
    "brier_score",
    "clipped_matches",
    "confusion_matrix",
    "expected_calibration_error",
    "fit_temperature",
    "pass_at_k",
    "precision_recall_f1",
    "reliability_bins",
    "sentence_bleu",
    "token_accuracy",
]
