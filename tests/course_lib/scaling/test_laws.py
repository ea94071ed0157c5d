"""Fits against scipy and against data with a known law; the closed form against a numerical minimum."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares, minimize_scalar

from course_lib.scaling import (
    BESIROGLU_2024,
    HOFFMANN_2022,
    ScalingLaw,
    bootstrap_power_law,
    compute_optimal,
    fit_power_law,
)
from tests.random_inputs import generator

X = np.geomspace(1e3, 1e7, 9)


def noisy(x, floor, scale, exponent, noise, seed):
    errors = torch.randn(len(x), generator=generator(seed), dtype=torch.float64).numpy()
    return (floor + scale * x**-exponent) * (1 + noise * errors)


def scipys(x, losses):
    """The same sum of squared relative errors, minimised by scipy from several starts."""

    def errors(p):
        return (p[0] + np.exp(p[1]) * x ** -p[2]) / losses - 1

    options = {"bounds": ([0, -np.inf, 1e-3], [np.inf, np.inf, 4]), "xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
    starts = [(losses.min() / 2, math.log(losses.max()) + a * math.log(x[0]), a) for a in (0.05, 0.2, 0.5, 1.0)]
    return min((least_squares(errors, start, **options) for start in starts), key=lambda fit: fit.cost)


@settings(max_examples=40)
@given(st.floats(0.0, 3.0), st.floats(0.1, 50.0), st.floats(0.05, 1.0))
def test_data_without_noise_gives_back_its_law(floor, scale, exponent):
    law = fit_power_law(X / X[0], floor + scale * (X / X[0]) ** -exponent)
    assert law.exponent == pytest.approx(exponent, rel=1e-4)
    assert law.floor == pytest.approx(floor, abs=1e-3 * (floor + scale))
    assert law.scale == pytest.approx(scale, rel=1e-3)


@pytest.mark.parametrize("seed", range(8))
def test_the_fit_is_scipys_whatever_the_noise(seed):
    losses = noisy(X, floor=1.7, scale=40.0, exponent=0.4, noise=0.03, seed=seed)
    law, other = fit_power_law(X, losses), scipys(X, losses)
    error = np.square((law.floor + law.scale * X**-law.exponent) / losses - 1).sum()
    assert error == pytest.approx(2 * other.cost, rel=1e-6)
    assert (law.floor, law.exponent) == pytest.approx((other.x[0], other.x[2]), rel=1e-2, abs=1e-3)


def test_a_floor_that_would_be_negative_is_zero():
    losses = 10.0 - np.log(X)[::1] * 0.5  # falls ever on, faster than any power above a floor
    law = fit_power_law(X, losses)
    assert law.floor == 0.0 and scipys(X, losses).x[0] == pytest.approx(0.0, abs=1e-6)
    assert scipys(X, losses).cost * 2 == pytest.approx(np.square(law.loss(X) / losses - 1).sum(), rel=1e-5)


def test_losses_that_rise_with_size_have_no_scale():
    law = fit_power_law(X, 2 + 0.1 * np.log(X))
    assert law.scale == 0.0 and law.floor == pytest.approx(2 + 0.1 * np.log(X).mean(), rel=0.05)


def test_with_a_floor_the_loss_is_no_straight_line_on_double_logarithmic_paper():
    x = 1e3 * X
    law = fit_power_law(x, 1.69 + 406.4 * x**-0.34)
    slopes = np.diff(np.log(law.loss(x))) / np.diff(np.log(x))
    above = np.diff(np.log(law.loss(x) - law.floor)) / np.diff(np.log(x))
    assert slopes[0] / slopes[-1] > 5
    assert above == pytest.approx(np.full(8, -0.34), rel=1e-4)


def test_the_bootstraps_spread_is_that_of_fits_to_new_measurements():
    truth = {"floor": 1.7, "scale": 40.0, "exponent": 0.4}
    one = bootstrap_power_law(X, noisy(X, **truth, noise=0.005, seed=3), generator(), 400)
    fits = [fit_power_law(X, noisy(X, **truth, noise=0.005, seed=seed)) for seed in range(100, 250)]
    real = np.std([fit.exponent for fit in fits])
    assert one.exponent.std().item() == pytest.approx(real, rel=0.5)
    low, high = torch.quantile(one.loss(1e8), torch.tensor([0.025, 0.975], dtype=torch.float64))
    assert low < 1.7 + 40.0 * 1e8**-0.4 < high


@pytest.mark.parametrize(("n_points", "covered"), [(6, 0.85), (12, 0.93)])
def test_a_95_percent_interval_covers_the_truth_as_often_as_the_docstring_says(n_points, covered):
    x, hits = np.geomspace(1e4, 1e6, n_points), 0
    for seed in range(80):
        losses = noisy(x, floor=1.7, scale=40.0, exponent=0.4, noise=0.005, seed=seed)
        exponents = bootstrap_power_law(x, losses, generator(seed), 100).exponent
        low, high = torch.quantile(exponents, torch.tensor([0.025, 0.975], dtype=torch.float64))
        hits += bool(low < 0.4 < high)
    assert hits / 80 == pytest.approx(covered, abs=0.06)


def test_the_same_generator_gives_the_same_bootstrap():
    losses = noisy(X, 1.0, 20.0, 0.3, 0.01, 0)
    first, again, other = (bootstrap_power_law(X, losses, generator(s), 5).exponent for s in (1, 1, 2))
    assert first.equal(again) and not first.equal(other)


@settings(max_examples=30)
@given(st.floats(18, 26), st.floats(0.2, 0.6), st.floats(0.2, 0.6), st.floats(50, 3000), st.floats(50, 3000))
def test_the_closed_form_is_the_numerical_minimum(log_flops, alpha, beta, a, b):
    law, flops = ScalingLaw(1.7, a, alpha, b, beta), 10**log_flops
    n_parameters, n_tokens = compute_optimal(flops, law)
    assert 6 * n_parameters * n_tokens == pytest.approx(flops)
    best = minimize_scalar(
        lambda log_n: law.loss(math.exp(log_n), flops / 6 / math.exp(log_n)) - law.e,
        bounds=(0, math.log(flops)), method="bounded", options={"xatol": 1e-10},
    )  # fmt: skip
    assert math.log(n_parameters) == pytest.approx(best.x, abs=1e-4)


def test_the_two_published_fits_disagree_about_chinchillas_budget():
    for law, expected in ((HOFFMANN_2022, 93), (BESIROGLU_2024, 18)):
        n_parameters, n_tokens = compute_optimal(5.76e23, law)
        assert n_tokens / n_parameters == pytest.approx(expected, abs=1)


def test_arguments_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"shape \(n,\), got \(2,\) and \(3,\)"):
        fit_power_law([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="must be positive"):
        fit_power_law([0.0, 1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="3 different values for 3 numbers, got 2"):
        fit_power_law([1.0, 1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="at least 4 for a bootstrap, got 3"):
        bootstrap_power_law([1.0, 2.0, 3.0], [3.0, 2.0, 1.5], generator())
    with pytest.raises(ValueError, match="flops must be positive, got 0"):
        compute_optimal(0)
