"""Activations and their slopes, by which a gradient is multiplied on its way back.

Without one between them, two linear layers are one linear layer. All work element by element, on any shape.

- sigmoid σ(x) and tanh saturate: far from 0, on both sides, almost nothing of a gradient passes. σ passes a quarter at
  best, at x = 0; tanh passes everything there. Their functions are torch's own.
- relu saturates on the negative side only (Nair and Hinton 2010)
- gelu is relu with a smooth bend: x times the probability that a standard normal number is below x (Hendrycks and
  Gimpel 2016). GPT-2 used a formula that approximates it by a tanh: F.gelu(x, approximate="tanh").
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


def relu(x: Tensor) -> Tensor:
    """Return x where it is positive, else 0.

    >>> relu(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([0., 0., 3.])
    """
    return x.clamp(min=0)


def relu_slope(x: Tensor) -> Tensor:
    """Return 1 where x is positive, else 0. At 0, where relu has no derivative, the convention is 0.

    >>> relu_slope(torch.tensor([-2.0, 0.0, 3.0]))
    tensor([0., 0., 1.])
    """
    return (x > 0).to(x.dtype)


def sigmoid_slope(x: Tensor) -> Tensor:
    """Return σ(x)(1 − σ(x)), at most 1/4.

    Computed as σ(x) σ(−x): the difference from 1 would be rounded to 0 for x above 17, in float32.

    >>> sigmoid_slope(torch.tensor([0.0, -20.0, 20.0]))
    tensor([2.5000e-01, 2.0612e-09, 2.0612e-09])
    """
    return x.sigmoid() * (-x).sigmoid()


def tanh_slope(x: Tensor) -> Tensor:
    """Return 1 − tanh²(x), at most 1.

    >>> tanh_slope(torch.tensor([0.0, 2.0]))
    tensor([1.0000, 0.0707])
    """
    return 1 - x.tanh().square()


def gelu(x: Tensor) -> Tensor:
    """Return x Φ(x), where Φ(x) is the probability that a standard normal number is below x.

    >>> gelu(torch.tensor([-1.0, 0.0, 1.0, 5.0]))
    tensor([-0.1587,  0.0000,  0.8413,  5.0000])
    """
    return x * _normal_probability(x)


def gelu_slope(x: Tensor) -> Tensor:
    """Return Φ(x) + x φ(x), by the product rule; φ is the standard normal density, the derivative of Φ.

    It is negative below about −0.75, where gelu has its minimum, and above 1 beyond +0.75: slope(−x) = 1 − slope(x).

    >>> gelu_slope(torch.tensor([-2.0, 0.0, 2.0]))
    tensor([-0.0852,  0.5000,  1.0852])
    """
    density = (-x.square() / 2).exp() / math.sqrt(2 * math.pi)
    return _normal_probability(x) + x * density


def _normal_probability(x: Tensor) -> Tensor:
    return torch.special.erfc(-x / math.sqrt(2)) / 2  # (1 + erf)/2 would lose all digits for x far below 0


class Activation(NamedTuple):
    """A function and its derivative, both of what goes in."""

    function: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


#: by name, for `course_lib.neural.mlp`
ACTIVATIONS = {
    "relu": Activation(relu, relu_slope),
    "sigmoid": Activation(torch.sigmoid, sigmoid_slope),
    "tanh": Activation(torch.tanh, tanh_slope),
    "gelu": Activation(gelu, gelu_slope),
}
