"""Calibration against scikit-learn, scipy's minimiser, and forecasters whose calibration is known."""

import math

import numpy as np
import pytest
import scipy.optimize
import sklearn.calibration
import sklearn.metrics
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_lib.metrics import brier_score, expected_calibration_error, fit_temperature, reliability_bins
from tests.random_inputs import generator


def forecasts(seed, n, classes, temperature=1.0):
    """Logits, and targets drawn from softmax(logits / temperature): that is the temperature to be found."""
    logits = 2 * torch.randn(n, classes, generator=generator(seed), dtype=torch.float64)
    targets = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator(seed + 1)).squeeze(1)
    return logits, targets


@settings(max_examples=50)
@given(st.integers(0, 999), st.integers(1, 40), st.integers(1, 20))
@example(0, 40, 8)
def test_bins_are_those_of_scikit_learns_calibration_curve(seed, n, n_bins):
    confidence = torch.rand(n, generator=generator(seed), dtype=torch.float64)
    if n_bins in (1, 2, 4, 8, 16):  # numpy's edges are exact there: let some confidences lie on them
        confidence[::3] = (confidence[::3] * n_bins).round() / n_bins
    happened = torch.rand(n, generator=generator(seed + 1)) < confidence
    bins = reliability_bins(confidence, happened, n_bins)
    accuracy, mean = sklearn.calibration.calibration_curve(happened, confidence, n_bins=n_bins, strategy="uniform")
    filled = bins.counts > 0
    np.testing.assert_allclose(bins.accuracy[filled], accuracy)
    np.testing.assert_allclose(bins.confidence[filled], mean)
    assert bins.counts.sum() == n
    assert bins.accuracy[~filled].isnan().all() and bins.confidence[~filled].isnan().all()


def test_bins_are_closed_above_and_the_first_one_holds_0():
    bins = reliability_bins(torch.tensor([0.0, 0.25, 0.26, 0.5, 0.75, 1.0]), torch.ones(6), n_bins=4)
    assert bins.counts.tolist() == [2, 2, 1, 1]
    sevenths = torch.arange(1, 8) / 7
    assert reliability_bins(sevenths, torch.ones(7), n_bins=7).counts.tolist() == [1] * 7


@settings(max_examples=30)
@given(st.integers(0, 999), st.integers(1, 50), st.integers(1, 15))
def test_the_calibration_error_agrees_with_a_loop_over_the_bins(seed, n, n_bins):
    logits, targets = forecasts(seed, n, 3)
    probs = logits.softmax(-1)
    expected = 0.0
    for m in range(n_bins):
        inside = [row for row in range(n) if m / n_bins < probs[row].max() <= (m + 1) / n_bins]
        if inside:
            right = sum(bool(probs[row].argmax() == targets[row]) for row in inside) / len(inside)
            sure = sum(probs[row].max().item() for row in inside) / len(inside)
            expected += len(inside) / n * abs(right - sure)
    assert expected_calibration_error(probs, targets, n_bins).item() == pytest.approx(expected, abs=1e-12)


def test_a_model_that_is_right_about_its_doubts_is_calibrated_and_one_that_is_too_sure_is_not():
    logits, targets = forecasts(0, 50_000, 4)
    assert expected_calibration_error(logits.softmax(-1), targets) < 0.01
    assert expected_calibration_error((3 * logits).softmax(-1), targets) > 0.1
    rates = torch.tensor([0.7, 0.3]).expand(50_000, 2)  # knows nothing but the class frequencies
    drawn = (torch.rand(50_000, generator=generator()) > 0.7).long()
    assert expected_calibration_error(rates, drawn) < 0.01


@settings(max_examples=30)
@given(st.integers(0, 999), st.integers(2, 6))
def test_the_brier_score_is_scikit_learns(seed, classes):
    logits, targets = forecasts(seed, 12, classes)
    targets[:classes] = torch.arange(classes)
    probs = logits.softmax(-1)
    if classes == 2:
        expected = 2 * sklearn.metrics.brier_score_loss(targets.numpy(), probs[:, 1].numpy())
    else:
        expected = np.mean(np.sum((probs.numpy() - np.eye(classes)[targets.numpy()]) ** 2, axis=1))
    assert brier_score(probs, targets).item() == pytest.approx(expected, abs=1e-12)


def test_the_brier_score_lies_between_0_and_2_and_the_truth_has_the_best_mean():
    sure = torch.eye(3)
    assert brier_score(sure, torch.arange(3)) == 0 and brier_score(sure, torch.tensor([1, 2, 0])) == 2
    truth = torch.tensor([[0.5, 0.3, 0.2]])
    outcomes = torch.arange(3)

    def mean(told):
        return (truth[0] * torch.stack([brier_score(told, outcome[None]) for outcome in outcomes])).sum()

    for other in ([0.6, 0.2, 0.2], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]):
        assert mean(truth) < mean(torch.tensor([other]))


@settings(max_examples=30)
@given(st.integers(0, 999), st.floats(0.2, 5), st.floats(0.01, 100))
def test_the_fitted_temperature_is_where_scipy_finds_the_smallest_loss(seed, temperature, scale):
    logits, targets = forecasts(seed, 200, 5, temperature)

    def loss(log_t):
        return F.cross_entropy(scale * logits / math.exp(log_t), targets).item()

    centre = math.log(scale * temperature)
    best = scipy.optimize.minimize_scalar(
        loss, bounds=(centre - 2, centre + 2), method="bounded", options={"xatol": 1e-9}
    )
    assert fit_temperature(scale * logits, targets) == pytest.approx(math.exp(best.x), rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_the_temperature_of_many_forecasts_is_found_in_every_type(dtype):
    logits, targets = forecasts(0, 50_000, 4, temperature=2.5)
    assert fit_temperature(logits.to(dtype), targets) == pytest.approx(2.5, rel=0.03)


def test_scaling_by_the_fitted_temperature_calibrates_and_changes_no_prediction():
    logits, targets = forecasts(0, 20_000, 4, temperature=3.0)
    scaled = logits / fit_temperature(logits, targets)
    assert expected_calibration_error(scaled.softmax(-1), targets) < 0.015
    assert expected_calibration_error(logits.softmax(-1), targets) > 0.1
    assert scaled.argmax(-1).equal(logits.argmax(-1))


def test_half_precision_is_computed_in_float32():
    probs = torch.full((70_000, 2), 0.5, dtype=torch.float16)  # their sum is not a float16
    targets = torch.zeros(70_000, dtype=torch.long)
    assert brier_score(probs, targets) == 0.5
    assert expected_calibration_error(probs, targets).item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda p, y: reliability_bins(p, y), r"same shape \(N,\) .* got \(2, 3\) and \(2,\)"),
        (lambda p, y: reliability_bins(2 * p[0], p[0]), r"confidence must lie in \[0, 1\], got"),
        (lambda p, y: reliability_bins(p[0] * math.nan, p[0]), r"confidence must lie in \[0, 1\], got nan"),
        (lambda p, y: reliability_bins(p[0], p[0], 0), "n_bins must be at least 1, got 0"),
        (lambda p, y: expected_calibration_error(p[0], y), r"probs must have the shape \(N, V\) .* got \(3,\)"),
        (lambda p, y: brier_score(p, y[:, None]), r"targets \(N,\) .* got \(2, 3\) and \(2, 1\)"),
        (lambda p, y: brier_score(p, y + 2), r"targets must lie in \[0, 3\), got 2 to 3"),
        (lambda p, y: fit_temperature(p.log(), y), "logits must be finite"),
        (lambda p, y: fit_temperature(p, torch.tensor([0, 0])), "all have the largest logit"),
        (lambda p, y: fit_temperature(p, torch.tensor([2, 2])), "larger logits than average"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.tensor([[0.6, 0.4, 0.0], [0.7, 0.2, 0.1]]), torch.tensor([0, 1]))


@pytest.mark.gpu
def test_a_gpu_finds_the_same_numbers():
    logits, targets = forecasts(0, 1000, 5)
    on_gpu, probs = (logits.cuda(), targets.cuda()), logits.softmax(-1)
    for score in (brier_score, expected_calibration_error):
        torch.testing.assert_close(score(probs.cuda(), targets.cuda()).cpu(), score(probs, targets))
    assert fit_temperature(*on_gpu) == pytest.approx(fit_temperature(logits, targets))
