"""Linear classifiers against autograd, torch's losses and scikit-learn's optimum."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from course_lib.neural.batches import minibatches
from course_lib.neural.linear import (
    fit_logistic,
    logistic_grad,
    logistic_loss,
    logits_grad,
    softmax_grad,
    softmax_loss,
)
from tests.random_inputs import normal64


def classes(seed, n, k):
    return torch.randint(k, (n,), generator=torch.Generator().manual_seed(seed))


def blurred(n=200, seed=0):
    """Return features and labels (0 or 1) that no plane separates."""
    x = normal64(seed, n, 3) * torch.tensor([1.0, 3.0, 0.5]) + torch.tensor([0.0, 2.0, -1.0])
    noise = normal64(seed + 1, n)
    return x, (x @ torch.tensor([1.0, -0.5, 2.0]).double() + 2.5 + 2 * noise > 0).long()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 4), st.integers(1, 5))
def test_softmax_loss_and_its_gradient_are_torchs(seed, n, d, k):
    x, targets = normal64(seed, n, d), classes(seed, n, k)
    weight, bias = normal64(seed + 1, k, d).requires_grad_(), normal64(seed + 2, k).requires_grad_()
    expected = F.cross_entropy(F.linear(x, weight, bias), targets)
    expected.backward()
    torch.testing.assert_close(softmax_loss(x, targets, weight, bias), expected)
    grads = softmax_grad(x, targets, weight.detach(), bias.detach())
    torch.testing.assert_close(grads, (weight.grad, bias.grad))
    logits = F.linear(x, weight, bias).detach().requires_grad_()
    F.cross_entropy(logits, targets).backward()
    torch.testing.assert_close(logits_grad(logits.detach(), targets), logits.grad)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 4))
def test_logistic_loss_and_its_gradient_are_torchs_and_those_of_two_softmax_classes(seed, n, d):
    x, labels = normal64(seed, n, d), classes(seed, n, 2)
    weight, bias = normal64(seed + 1, d).requires_grad_(), normal64(seed + 2, 1)[0].requires_grad_()
    expected = F.binary_cross_entropy_with_logits(x @ weight + bias, labels.double())
    expected.backward()
    torch.testing.assert_close(logistic_loss(x, labels, weight, bias), expected)
    weight_grad, bias_grad = logistic_grad(x, labels, weight.detach(), bias.detach())
    torch.testing.assert_close((weight_grad, bias_grad), (weight.grad, bias.grad))
    two = torch.stack([torch.zeros(d), weight.detach()]), torch.stack([torch.zeros(()).double(), bias.detach()])
    torch.testing.assert_close(softmax_loss(x, labels, *two), expected)
    softmax_weight_grad, softmax_bias_grad = softmax_grad(x, labels, *two)
    torch.testing.assert_close(softmax_weight_grad, torch.stack([-weight_grad, weight_grad]))
    torch.testing.assert_close(softmax_bias_grad, torch.stack([-bias_grad, bias_grad]))


def test_a_confidently_wrong_example_is_corrected_however_wrong_it_is():
    x, targets = torch.ones(1, 1), torch.tensor([0])
    _, grad = softmax_grad(x, targets, torch.tensor([[-120.0], [0.0]]), torch.zeros(2))
    assert grad.tolist() == [-1.0, 1.0]
    weight, bias = torch.tensor([120.0]), torch.zeros(())
    assert logistic_loss(x, targets, weight, bias).item() == pytest.approx(120.0)
    assert logistic_grad(x, targets, weight, bias)[1].item() == 1.0
    p = torch.sigmoid(torch.tensor([120.0], requires_grad=True))
    assert F.binary_cross_entropy(p, torch.zeros(1)).item() == 100.0  # sigmoid first: clamped, and the gradient is lost


def test_the_gradient_of_all_examples_is_the_sum_over_chunks():
    x, targets = normal64(0, 40, 3), classes(1, 40, 4)
    weight, bias = normal64(2, 4, 3), normal64(3, 4)
    whole = softmax_grad(x, targets, weight, bias)
    parts = [softmax_grad(x[i : i + 7], targets[i : i + 7], weight, bias) for i in range(0, 40, 7)]
    shares = [min(7, 40 - i) / 40 for i in range(0, 40, 7)]
    for index, expected in enumerate(whole):
        torch.testing.assert_close(sum(share * part[index] for share, part in zip(shares, parts)), expected)


def test_descent_on_mini_batches_arrives_near_scikit_learns_softmax_classifier():
    x = normal64(0, 300, 2)
    targets = (x @ torch.tensor([[1.0, 0.0, -1.0], [0.0, 2.0, 1.0]]).double() + normal64(1, 300, 3)).argmax(-1)
    theirs = LogisticRegression(C=math.inf, tol=1e-10, max_iter=1000).fit(x.numpy(), targets.numpy())
    best = softmax_loss(x, targets, torch.from_numpy(theirs.coef_), torch.from_numpy(theirs.intercept_))
    losses = {}
    for batch_size, lr, passes in ((300, 2.0, 300), (32, 0.2, 30), (1, 0.01, 10)):
        generator = torch.Generator().manual_seed(0)
        weight, bias = torch.zeros(3, 2).double(), torch.zeros(3).double()
        for _ in range(passes):
            for batch in minibatches(300, batch_size, generator):
                weight_grad, bias_grad = softmax_grad(x[batch], targets[batch], weight, bias)
                weight, bias = weight - lr * weight_grad, bias - lr * bias_grad
        losses[batch_size] = (softmax_loss(x, targets, weight, bias) - best).item()
    assert 0 <= losses[300] < 1e-6  # all examples at once: it settles
    assert 1e-6 < losses[32] < 0.02 and 1e-6 < losses[1] < 0.02  # a constant rate keeps fluctuating


@pytest.mark.parametrize("l2", [0.0, 1e-3, 0.1, 10.0])
def test_newtons_method_finds_scikit_learns_optimum(l2):
    x, labels = blurred()
    strength = 1 / (len(x) * l2) if l2 else math.inf
    theirs = LogisticRegression(C=strength, tol=1e-12, max_iter=10000).fit(x.numpy(), labels.numpy())
    weight, bias = fit_logistic(x, labels, l2)
    torch.testing.assert_close(weight, torch.from_numpy(theirs.coef_[0]), atol=1e-5, rtol=1e-4)
    assert bias.item() == pytest.approx(theirs.intercept_[0], abs=1e-4)
    grad, bias_grad = logistic_grad(x, labels, weight, bias)
    assert (grad + l2 * weight).abs().max() < 1e-8 and bias_grad.abs() < 1e-8


def test_newtons_method_survives_features_of_very_different_size_and_single_precision():
    x, labels = blurred()
    exact, _ = fit_logistic(x, labels, 0.01)
    single, bias = fit_logistic(x.float(), labels, 0.01)
    assert single.dtype == bias.dtype == torch.float32
    torch.testing.assert_close(single, exact.float(), atol=1e-4, rtol=1e-4)
    stretched, _ = fit_logistic(x * torch.tensor([1.0, 1e3, 1e-2]), labels)
    torch.testing.assert_close(stretched * torch.tensor([1.0, 1e3, 1e-2]), fit_logistic(x, labels)[0])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9999), st.integers(1, 4), st.sampled_from([torch.float32, torch.float64]))
def test_newtons_method_arrives_from_anywhere_once_there_is_a_penalty(seed, d, dtype):
    x = (normal64(seed, 20, d) * normal64(seed + 1, d).exp() + 3 * normal64(seed + 2, d)).to(dtype)
    labels = classes(seed, 20, 2)
    labels[:2] = torch.tensor([0, 1])
    weight, bias = (t.double() for t in fit_logistic(x, labels, l2=1e-3))
    grad, bias_grad = logistic_grad(x.double(), labels, weight, bias)
    tolerance = (1e-10 if dtype == torch.float64 else 1e-4) * (1 + x.abs().max())
    assert (grad + 1e-3 * weight).abs().max() < tolerance and bias_grad.abs() < tolerance


def test_a_step_that_leads_uphill_is_halved_and_one_that_rounding_makes_uphill_is_not():
    x = [[0.01, 0.01], [-0.01, 0.01], [-0.32, -0.1], [2.1, 0.41]]
    x += [[-0.13, 2.11], [0.86, 1.43], [-0.1, -1.52], [-0.1, -1.04]]
    uphill = torch.tensor(x, dtype=torch.float64), torch.tensor([0, 1, 0, 1, 1, 1, 0, 0])
    rounded = (normal64(47, 20, 2) + 3 * normal64(49, 2)).float(), classes(47, 20, 2)
    rounded[1][:2] = torch.tensor([0, 1])
    for (features, labels), tolerance in ((uphill, 1e-12), (rounded, 1e-5)):
        weight, bias = fit_logistic(features, labels, l2=1e-6)
        grad, bias_grad = logistic_grad(features.double(), labels, weight.double(), bias.double())
        assert (grad + 1e-6 * weight).abs().max() < tolerance and bias_grad.abs() < tolerance


def test_separable_classes_have_no_minimum_and_dependent_features_no_single_one():
    x = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]])
    labels = torch.tensor([0, 0, 1, 1])
    for features in (x, x.double()):
        with pytest.raises(ValueError, match=r"with l2 = 0\.0 no single minimum was found in torch.float"):
            fit_logistic(features, labels)
        weight, _ = fit_logistic(features, labels, l2=0.1)
        assert 0 < weight.item() < 10
    blur, y = blurred()
    with pytest.raises(ValueError, match="no single minimum"):
        fit_logistic(torch.cat([blur, blur[:, :1]], dim=1), y)


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda x, w, b: softmax_loss(x, torch.zeros(2).long(), w, b),
            r"targets must have the shape \(4,\), got \(2,\)",
        ),
        (lambda x, w, b: softmax_loss(x[:, :2], torch.zeros(4).long(), w, b), r"\(N, 3\).* got \(4, 2\)"),
        (lambda x, w, b: softmax_grad(x, torch.full((4,), 5), w, b), r"targets must be in \[0, 5\), got 5 … 5"),
        (lambda x, w, b: softmax_grad(x, torch.full((4,), -1), w, b), "got -1 … -1"),
        (lambda x, w, b: logits_grad(x, torch.zeros(4, 1).long()), r"targets must have the shape \(4,\), got \(4, 1\)"),
        (lambda x, w, b: logistic_loss(x, torch.zeros(4, 1), w[0], b[0]), "labels must have the shape of logits"),
        (lambda x, w, b: logistic_grad(x, torch.zeros(4, 1), w[0], b[0]), r"labels must have the shape \(4,\)"),
        (lambda x, w, b: logistic_grad(x, torch.zeros(4), w[0, :2], b[0]), r"\(N, 2\)"),
        (lambda x, w, b: fit_logistic(x, torch.zeros(4), l2=-1), "l2 must be at least 0, got -1"),
        (lambda x, w, b: fit_logistic(x, torch.ones(4), l2=1), r"labels must be 0 and 1, and both occur, got \[1\.0\]"),
        (lambda x, w, b: fit_logistic(x, torch.tensor([0, 1])), r"labels must have the shape \(4,\), got \(2,\)"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(4, 3), torch.zeros(5, 3), torch.zeros(5))
