"""Numbers that judge a model: BLEU, accuracy, calibration, pass@k."""

from course_lib.metrics.bleu import bleu, brevity_penalty, clipped_matches, sentence_bleu
from course_lib.metrics.calibration import (
    ReliabilityBins,
    brier_score,
    expected_calibration_error,
    fit_temperature,
    reliability_bins,
)
from course_lib.metrics.classification import accuracy
from course_lib.metrics.pass_at_k import pass_at_k

__all__ = [
    "ReliabilityBins",
    "accuracy",
    "bleu",
    "brevity_penalty",
    "brier_score",
    "clipped_matches",
    "expected_calibration_error",
    "fit_temperature",
    "pass_at_k",
    "reliability_bins",
    "sentence_bleu",
]
