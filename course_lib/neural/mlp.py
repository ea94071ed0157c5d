"""The multilayer perceptron and its backpropagation, both by hand, for any depth.

Layer k computes the sums a_k = W_k h_k + b_k from its inputs h_k. Between layers is an activation,
h_{k+1} = f(a_k), and the last sums are the output. Backwards, with g_k = ∂L/∂a_k of one example as a column:

    ∂L/∂W_k = g_k h_kᵀ      ∂L/∂b_k = g_k      ∂L/∂h_k = W_kᵀ g_k      g_{k−1} = f'(a_{k−1}) ⊙ ∂L/∂h_k

(Rumelhart, Hinton and Williams 1986). A row of a batch is an example, so the products are the other way round below,
and gradients of weights are summed over rows; a mean is in the loss. Weights have PyTorch's layout, (out, in).
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.arguments import require_counts
from course_lib.neural.activations import ACTIVATIONS, Activation

Layer = tuple[Tensor, Tensor]  #: weight (out, in) and bias (out,)


class MLPGradients(NamedTuple):
    """What `mlp_backward` returns: the gradient of the loss in everything that `mlp_forward` was given."""

    x: Tensor  #: (N, D)
    layers: list[Layer]  #: weight and bias of each layer


def mlp_layers(sizes: Sequence[int], generator: torch.Generator) -> list[Layer]:
    """Return the layers of a new network.

    sizes      features of the input, of each hidden layer, and of the output: one more than there are layers
    generator  source of the weights, normal with mean 0 and variance 2 / in, which keeps the size of signals about the
               same through any number of relu layers (He et al. 2015). Biases are 0
    returns    on the generator's device

    Raises ValueError for fewer than two sizes, and for one below 1.
    """
    if len(sizes) < 2:
        raise ValueError(f"sizes must name at least input and output, got {list(sizes)}")
    require_counts(**{f"sizes[{i}]": size for i, size in enumerate(sizes)})
    device = generator.device
    return [
        (
            torch.randn(n_out, n_in, generator=generator, device=device) * math.sqrt(2 / n_in),
            torch.zeros(n_out, device=device),
        )
        for n_in, n_out in itertools.pairwise(sizes)
    ]


def mlp_forward(
    x: Tensor, layers: Sequence[Layer], activation: str = "relu"
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Return the output, and what has to be remembered for the way back.

    x           (N, D)
    layers      weight and bias of each, at least one; the first weight is (…, D)
    activation  "relu", "sigmoid", "tanh" or "gelu", between layers and not after the last
    returns     output (N, C), the last layer's sums, for instance logits; and of each layer its inputs (N, in) and
                its sums (N, out)

    Raises ValueError for an unknown activation and for sizes that do not fit.

    >>> layers = [(torch.tensor([[1.0], [-1.0]]), torch.zeros(2)), (torch.ones(1, 2), torch.zeros(1))]
    >>> mlp_forward(torch.tensor([[3.0], [-3.0]]), layers)[0].tolist()  # relu(x) + relu(−x) = |x|
    [[3.0], [3.0]]
    """
    function = _activation(activation).function
    _require_fitting(x, layers)
    trace: list[tuple[Tensor, Tensor]] = []
    for weight, bias in layers:
        h = function(trace[-1][1]) if trace else x
        trace.append((h, F.linear(h, weight, bias)))
    return trace[-1][1], trace


def mlp_backward(
    grad: Tensor, layers: Sequence[Layer], trace: Sequence[tuple[Tensor, Tensor]], activation: str = "relu"
) -> MLPGradients:
    """Return the gradients of a loss, from its gradient in the output.

    grad        (N, C) ∂L/∂output; for the mean cross-entropy of logits see `course_lib.neural.logits_grad`
    layers      what `mlp_forward` was given
    trace       what it returned beside the output
    activation  what it was given
    returns     the gradients in x and in each layer's weight and bias, summed over the rows

    Raises ValueError for an unknown activation and for sizes that do not fit.
    """
    slope = _activation(activation).slope
    if grad.shape != trace[-1][1].shape:
        raise ValueError(f"grad must have the output's shape, {tuple(trace[-1][1].shape)}, got {tuple(grad.shape)}")
    gradients = []
    for k in reversed(range(len(layers))):
        h, a = trace[k]
        if k < len(layers) - 1:
            grad = grad * slope(a)  # ∂L/∂a_k from ∂L/∂f(a_k)
        gradients.append((grad.t() @ h, grad.sum(0)))
        grad = grad @ layers[k][0]  # ∂L/∂h_k
    return MLPGradients(grad, gradients[::-1])


def _activation(name: str) -> Activation:
    if name not in ACTIVATIONS:
        raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, got {name!r}")
    return ACTIVATIONS[name]


def _require_fitting(x: Tensor, layers: Sequence[Layer]) -> None:
    if not layers:
        raise ValueError("layers must hold at least one (weight, bias), got none")
    if x.dim() != 2:
        raise ValueError(f"x must have the shape (N, D), got {tuple(x.shape)}")
    features = x.size(1)
    for k, (weight, bias) in enumerate(layers):
        if weight.dim() != 2 or weight.size(1) != features or bias.shape != weight.shape[:1]:
            raise ValueError(
                f"layers[{k}] must be a weight (out, {features}) and a bias (out,), got {tuple(weight.shape)} "
                f"and {tuple(bias.shape)}"
            )
        features = weight.size(0)
