"""Ridge and lasso against scikit-learn, and against the conditions that a minimum meets."""

import math

import numpy as np
import pytest
import sklearn.linear_model
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.regularization import lasso_fit, lasso_path, ridge_fit, ridge_path, soft_threshold
from tests.random_inputs import generator


def regression(seed, n=30, d=8, dtype=torch.float64):
    """Targets that three of the features and a constant explain, and noise."""
    g = generator(seed)
    x = torch.randn(n, d, generator=g, dtype=torch.float64) + torch.arange(d)
    w = torch.zeros(d, dtype=torch.float64)
    w[:3] = torch.tensor([5.0, -3.0, 1.0])[:d]
    y = x @ w + 7 + torch.randn(n, generator=g, dtype=torch.float64)
    return x.to(dtype), y.to(dtype)


# ---- ridge ------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.integers(0, 999), st.integers(3, 30), st.floats(0.01, 100), st.booleans())
def test_ridge_is_scikit_learns_with_fewer_rows_than_columns_too(seed, n, alpha, intercept):
    x, y = regression(seed, n)
    theirs = sklearn.linear_model.Ridge(alpha, fit_intercept=intercept).fit(x.numpy(), y.numpy())
    w, b = ridge_fit(x, y, alpha, intercept)
    np.testing.assert_allclose(w, theirs.coef_, rtol=1e-7, atol=1e-8)
    assert b.item() == pytest.approx(theirs.intercept_, abs=1e-7)


def test_ridge_without_a_penalty_is_least_squares():
    x, y = regression(0)
    w, b = ridge_fit(x, y, 0.0)
    expected = torch.linalg.lstsq(torch.cat([x, torch.ones(30, 1)], 1), y.unsqueeze(1)).solution.squeeze(1)
    torch.testing.assert_close(torch.cat([w, b[None]]), expected)


def test_the_gradient_of_the_ridge_objective_is_0_at_the_fit():
    x, y = regression(0)
    w, b = (t.requires_grad_() for t in ridge_fit(x, y, 3.0))
    ((y - x @ w - b).square().sum() + 3.0 * w.square().sum()).backward()
    assert w.grad.abs().max() < 1e-9 and b.grad.abs() < 1e-9


@pytest.mark.parametrize("n", [5, 30])
@pytest.mark.parametrize("intercept", [True, False])
def test_the_ridge_path_is_one_fit_for_each_alpha(n, intercept):
    x, y = regression(1, n)
    alphas = torch.logspace(-2, 3, 6, dtype=torch.float64)
    weights, intercepts = ridge_path(x, y, alphas, intercept)
    for i, alpha in enumerate(alphas.tolist()):
        w, b = ridge_fit(x, y, alpha, intercept)
        torch.testing.assert_close(weights[i], w)
        torch.testing.assert_close(intercepts[i], b)
    assert weights.norm(dim=1).diff().max() < 0  # the stronger, the smaller; and none of them is 0
    assert weights.ne(0).all()


# ---- lasso ------------------------------------------------------------------------------------------------


@given(st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_the_soft_threshold_is_the_minimum_it_claims_to_be(x, threshold):
    def objective(w):
        return (w - x) ** 2 / 2 + threshold * abs(w)

    best = soft_threshold(torch.tensor(x, dtype=torch.float64), threshold).item()
    assert best == pytest.approx(math.copysign(max(abs(x) - threshold, 0), x), abs=1e-9)
    for other in (best + 1e-3, best - 1e-3, 0.0, x):
        assert objective(best) <= objective(other) + 1e-9


def test_soft_thresholds_are_torchs_softshrink():
    x = torch.randn(5, 6, generator=generator())
    torch.testing.assert_close(soft_threshold(x, 0.7), F.softshrink(x, 0.7))


@settings(max_examples=30)
@given(st.integers(0, 999), st.sampled_from([6, 12, 30]), st.floats(0.1, 10), st.booleans())
def test_the_lasso_meets_the_conditions_of_the_minimum(seed, n, alpha, intercept):
    x, y = regression(seed, n)
    if not intercept:
        x, y = x - x.mean(0), y - y.mean()  # features far from 0 are nearly parallel: too slow for a test
    w, b = lasso_fit(x, y, alpha, intercept, max_sweeps=5000)
    residual = y - x @ w - b
    correlation = x.T @ residual / n
    slack = 1e-5 * ((x - x.mean(0)).T @ y).abs().max().item() / n
    assert (correlation.abs() <= alpha + slack).all()
    on = w != 0
    torch.testing.assert_close(correlation[on], alpha * w[on].sign(), atol=slack, rtol=0)
    assert residual.mean().abs() < 1e-9


@pytest.mark.parametrize("alpha", [0.02, 0.3, 2.0])
@pytest.mark.parametrize("intercept", [True, False])
def test_the_lasso_is_scikit_learns(alpha, intercept):
    x, y = regression(2)
    theirs = sklearn.linear_model.Lasso(alpha, fit_intercept=intercept, tol=1e-14, max_iter=100_000)
    theirs.fit(x.numpy(), y.numpy())
    w, b = lasso_fit(x, y, alpha, intercept, max_sweeps=20_000, tol=1e-12)
    np.testing.assert_allclose(w, theirs.coef_, atol=1e-7)
    assert b.item() == pytest.approx(theirs.intercept_, abs=1e-6)
    assert w.eq(0).tolist() == (theirs.coef_ == 0).tolist()


def test_the_default_tolerance_is_good_for_five_digits_in_float32():
    x, y = regression(2, dtype=torch.float32)
    exact, _ = lasso_fit(x.double(), y.double(), 0.3, tol=1e-12)
    w, _ = lasso_fit(x, y, 0.3)
    assert w.dtype == torch.float32
    torch.testing.assert_close(w.double(), exact, atol=1e-4, rtol=1e-5)


def test_the_lasso_path_is_scikit_learns_and_starts_where_every_weight_is_0():
    x, y = regression(3)
    x, y = x - x.mean(0), y - y.mean()
    most = (x.T @ y).abs().max() / len(x)
    alphas = most * torch.tensor([1.0, 0.5, 0.1, 0.01, 0.001], dtype=torch.float64)
    weights, intercepts = lasso_path(x, y, alphas, max_sweeps=20_000, tol=1e-12)
    _, theirs, _ = sklearn.linear_model.lasso_path(x.numpy(), y.numpy(), alphas=alphas.numpy(), tol=1e-14)
    np.testing.assert_allclose(weights, theirs.T, atol=1e-8)
    assert weights[0].eq(0).all() and weights[1].ne(0).any()
    assert intercepts.abs().max() < 1e-9
    assert lasso_fit(x, y, 0.99 * most.item())[0].ne(0).sum() == 1


def test_a_constant_column_gets_the_weight_0():
    x, y = regression(0)
    x[:, 4] = 2.5
    w, _ = lasso_fit(x, y, 0.1)
    assert w.isfinite().all() and w[4] == 0


def test_the_lasso_finds_which_features_matter_and_ridge_spreads_over_all():
    x, y = regression(4, n=60, d=20)
    lasso, _ = lasso_fit(x, y, 0.3)
    ridge, _ = ridge_fit(x, y, 10.0)
    assert lasso.ne(0).nonzero().flatten().tolist()[:3] == [0, 1, 2]
    assert lasso.eq(0).sum() >= 12 and ridge.ne(0).all()


def test_too_few_sweeps_give_a_warning():
    x, y = regression(0)
    with pytest.warns(RuntimeWarning, match=r"alpha = 0.01 is not done after max_sweeps = 1"):
        lasso_fit(x, y, 0.01, max_sweeps=1)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x, y: ridge_fit(x, x, 1.0), r"x must have the shape \(N, D\) and y \(N,\), got \(3, 2\) and \(3, 2\)"),
        (lambda x, y: ridge_fit(x, y, -1.0), "alpha must be at least 0, got -1.0"),
        (lambda x, y: ridge_fit(0 * x, y, 0.0), "alpha must be above 0 where columns of x are linearly dependent"),
        (lambda x, y: ridge_fit(x[:2], y[:2], 0), "alpha must be above 0 where columns of x are linearly dependent"),
        (lambda x, y: ridge_path(x, y, torch.tensor([1.0, 0.0])), "alphas must be above 0"),
        (lambda x, y: lasso_fit(x, y[:2], 1.0), r"got \(3, 2\) and \(2,\)"),
        (lambda x, y: lasso_fit(x, y, 0.0), "alpha must be positive, got 0.0"),
        (lambda x, y: lasso_fit(x, y, math.nan), "alpha must be positive, got nan"),
        (lambda x, y: lasso_fit(x, y, 1.0, max_sweeps=0), "max_sweeps must be at least 1, got 0"),
        (lambda x, y: lasso_path(x, y, torch.tensor(1.0)), r"the shape \(A,\), got 1.0"),
        (lambda x, y: soft_threshold(x, -0.5), "threshold must be at least 0, got -0.5"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]), torch.tensor([1.0, 2.0, 4.0]))


def test_integers_and_mixed_types_are_refused():
    x, y = regression(0)
    for fit in (ridge_fit, lasso_fit):
        with pytest.raises(TypeError, match=r"got torch\.int64 and torch\.float64"):
            fit(x.long(), y, 1.0)
        with pytest.raises(TypeError, match=r"got torch\.float64 and torch\.float32"):
            fit(x, y.float(), 1.0)


@pytest.mark.gpu
def test_a_gpu_finds_the_same_models():
    x, y = regression(0)
    for fit in (ridge_fit, lasso_fit):
        for got, expected in zip(fit(x.cuda(), y.cuda(), 0.5), fit(x, y, 0.5)):
            torch.testing.assert_close(got.cpu(), expected, atol=1e-4, rtol=1e-4)
