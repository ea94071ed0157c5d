"""The multilayer perceptron by hand against autograd, torch.nn and scikit-learn."""

import itertools
import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from torch import nn

from course_lib.neural.linear import logits_grad
from course_lib.neural.mlp import mlp_backward, mlp_forward, mlp_layers
from tests.random_inputs import normal64

MODULES = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "gelu": nn.GELU}


def random_layers(seed, sizes):
    return [
        (normal64(seed + k, n_out, n_in), normal64(seed + 50 + k, n_out))
        for k, (n_in, n_out) in enumerate(itertools.pairwise(sizes))
    ]


def torchs(layers, activation):
    modules = []
    for weight, bias in layers:
        linear = nn.Linear(weight.size(1), weight.size(0), dtype=torch.float64)
        linear.load_state_dict({"weight": weight, "bias": bias})
        modules += [linear, MODULES[activation]()]
    return nn.Sequential(*modules[:-1])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 999),
    st.lists(st.integers(1, 5), min_size=2, max_size=6),
    st.integers(1, 4),
    st.sampled_from(sorted(MODULES)),
)
def test_any_network_computes_and_learns_what_torchs_modules_do(seed, sizes, n, activation):
    layers, x = random_layers(seed, sizes), normal64(seed + 100, n, sizes[0]).requires_grad_()
    modules = torchs(layers, activation)
    expected = modules(x)
    output, trace = mlp_forward(x.detach(), layers, activation)
    torch.testing.assert_close(output, expected)
    upstream = normal64(seed + 200, *output.shape)
    expected.backward(upstream)
    gradients = mlp_backward(upstream, layers, trace, activation)
    torch.testing.assert_close(gradients.x, x.grad)
    found = [tensor for layer in gradients.layers for tensor in layer]
    torch.testing.assert_close(found, [parameter.grad for parameter in modules.parameters()])


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "gelu"])
def test_the_gradient_of_the_cross_entropy_agrees_with_finite_differences(activation):
    layers, x, targets = random_layers(0, [3, 4, 5, 3]), normal64(1, 6, 3), torch.tensor([0, 1, 2, 0, 2, 2])
    logits, trace = mlp_forward(x, layers, activation)
    gradients = mlp_backward(logits_grad(logits, targets), layers, trace, activation)
    for layer, grads in zip(layers, gradients.layers):
        for tensor, grad in zip(layer, grads):
            for index in range(0, tensor.numel(), 3):
                value, sides = tensor.view(-1)[index].item(), []
                for shift in (1e-6, -1e-6):
                    tensor.view(-1)[index] = value + shift
                    sides.append(F.cross_entropy(mlp_forward(x, layers, activation)[0], targets).item())
                tensor.view(-1)[index] = value
                assert grad.view(-1)[index].item() == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("sklearns, ours", [("relu", "relu"), ("tanh", "tanh"), ("logistic", "sigmoid")])
def test_probabilities_and_one_step_of_descent_are_scikit_learns(sklearns, ours):
    x, targets = normal64(0, 50, 4), torch.arange(50) % 3
    theirs = MLPClassifier(
        (7, 5), sklearns, solver="sgd", alpha=0.0, batch_size=50, learning_rate_init=0.5, momentum=0.0,
        max_iter=1, random_state=0, shuffle=False, warm_start=True,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # one step at a time is meant here
        theirs.fit(x.numpy(), targets.numpy())
        layers = read(theirs)
        logits, trace = mlp_forward(x, layers, ours)
        torch.testing.assert_close(logits.softmax(-1), torch.from_numpy(theirs.predict_proba(x.numpy())))
        theirs.fit(x.numpy(), targets.numpy())
    gradients = mlp_backward(logits_grad(logits, targets), layers, trace, ours)
    for (weight, bias), (weight_grad, bias_grad), (w, b) in zip(layers, gradients.layers, read(theirs)):
        torch.testing.assert_close((weight - 0.5 * weight_grad, bias - 0.5 * bias_grad), (w, b))


def read(classifier):
    """Return copies of a scikit-learn network's layers, which has (in, out) weights."""
    return [
        (torch.tensor(weight.T), torch.tensor(bias)) for weight, bias in zip(classifier.coefs_, classifier.intercepts_)
    ]


def test_without_an_activation_between_two_layers_are_one():
    layers, x = random_layers(0, [3, 4, 2]), normal64(1, 5, 3)
    (w1, b1), (w2, b2) = layers
    shifted = [(w1, b1 + 100.0), (w2, b2)]  # so far on the positive side, relu does nothing
    torch.testing.assert_close(mlp_forward(x, shifted)[0], x @ (w2 @ w1).t() + w2 @ (b1 + 100.0) + b2)


def test_new_layers_keep_the_size_of_signals_through_many_relus():
    layers = mlp_layers([256] * 11, torch.Generator().manual_seed(0))
    assert [weight.shape for weight, _ in layers] == [(256, 256)] * 10 and all(b.eq(0).all() for _, b in layers)
    x = torch.randn(64, 256, generator=torch.Generator().manual_seed(1))
    _, trace = mlp_forward(x, layers)
    assert all(1 < a.square().mean() < 3 for _, a in trace)  # 2; without the 2 in 2/in it would halve ten times
    again = mlp_layers([256] * 11, torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(layers, again))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x, layers: mlp_forward(x, layers, "step"), "activation must be one of relu, sigmoid, .* got 'step'"),
        (lambda x, layers: mlp_forward(x, []), "at least one"),
        (lambda x, layers: mlp_forward(x[0], layers), r"x must have the shape \(N, D\), got \(3,\)"),
        (lambda x, layers: mlp_forward(x, layers[1:]), r"layers\[0\] must be a weight \(out, 3\) .* got \(2, 4\)"),
        (lambda x, layers: mlp_forward(x, [layers[0], layers[0]]), r"layers\[1\] must be a weight \(out, 4\)"),
        (lambda x, layers: mlp_backward(x, layers, mlp_forward(x, layers)[1]), r"output's shape, \(5, 2\), got \(5, 3"),
        (lambda x, layers: mlp_layers([3], torch.Generator()), r"at least input and output, got \[3\]"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(normal64(0, 5, 3), random_layers(0, [3, 4, 2]))


@pytest.mark.gpu
def test_on_a_gpu_the_gradients_are_those_of_the_cpu():
    layers, x, targets = random_layers(0, [3, 4, 2]), normal64(1, 5, 3), torch.tensor([0, 1, 1, 0, 1])
    results = []
    for device in ("cpu", "cuda"):
        there = [(weight.to(device), bias.to(device)) for weight, bias in layers]
        logits, trace = mlp_forward(x.to(device), there, "gelu")
        gradients = mlp_backward(logits_grad(logits, targets.to(device)), there, trace, "gelu")
        results.append([gradients.x.cpu(), *(tensor.cpu() for layer in gradients.layers for tensor in layer)])
    torch.testing.assert_close(*results)
    assert mlp_layers([2, 3], torch.Generator("cuda").manual_seed(0))[0][0].is_cuda
