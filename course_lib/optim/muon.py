"""Muon: momentum for matrices whose steps are as long in every direction (Jordan et al. 2024).

A gradient of a weight matrix is often nearly of low rank: a few directions get almost all of a step. Muon takes the
velocity V = U Σ Vᵀ of SGD with momentum and steps along U Vᵀ, in which every singular value is 1. `newton_schulz`
finds about that with matrix products alone, which is cheaper than an SVD.

Muon is for the matrices of hidden layers. Vectors, tables of embeddings and the output layer are the caller's to train
with another optimiser, AdamW as a rule. torch.optim.Muon makes the same steps, in bfloat16.
"""

import math
from typing import Any

import torch
from torch import Tensor

from course_lib.optim.optimizers import Parameters, _Optimizer

COEFFICIENTS = (3.4445, -4.775, 2.0315)  #: of Jordan et al. 2024: singular values end between 0.68 and 1.13


def newton_schulz(
    matrix: Tensor, steps: int = 5, coefficients: tuple[float, float, float] = COEFFICIENTS, eps: float = 1e-7
) -> Tensor:
    """Return about U Vᵀ of the matrix U Σ Vᵀ: the same singular vectors, singular values near 1.

    matrix        (..., M, N), in the precision in which to compute
    steps         how often X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X is applied, after X = matrix / ‖matrix‖
    coefficients  a, b and c: each singular value s becomes a s + b s³ + c s⁵. The usual ones let small values grow fast
                  and do not converge: after 5 steps, values that began above 1 % of the norm are in [0.68, 1.13].
                  (1.5, −0.5, 0) converges to 1, and takes longer
    eps           the least that is divided by, so that zeros stay zeros
    returns       (..., M, N); in the direction of a singular value that is 0, it stays 0

    A matrix that is taller than wide is turned, so that X Xᵀ is the smaller of the two products.
    Raises ValueError for fewer than two dimensions.  Jordan et al. 2024; the iteration: Björck and Bowie 1971.

    >>> import torch
    >>> newton_schulz(torch.tensor([[3.0, 0.0], [0.0, 1.0]]), steps=20, coefficients=(1.5, -0.5, 0.0))
    tensor([[1., 0.],
            [0., 1.]])
    """
    if matrix.dim() < 2:
        raise ValueError(f"matrix must have at least two dimensions, got the shape {tuple(matrix.shape)}")
    a, b, c = coefficients
    tall = matrix.size(-2) > matrix.size(-1)
    x = matrix.mT if tall else matrix
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.mT  # (..., M, M)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x


def muon_step(
    param: Tensor,
    grad: Tensor,
    velocity: Tensor,
    lr: float = 1e-3,
    momentum: float = 0.95,
    nesterov: bool = True,
    weight_decay: float = 0.1,
) -> tuple[Tensor, Tensor]:
    """Return parameter and velocity after a step of Muon: w' = (1 − ηλ) w − η √max(1, M/N) NS(v').

    param         (M, N)
    grad          same shape
    velocity      v, same shape, zeros before the first step; v' = μ v + (1 − μ) g, as torch keeps it. Its length has
                  no influence
    lr            η. The step does not depend on the gradient's length; the factor makes up for matrices that are taller
                  than wide
    momentum      μ, the share of the velocity that is kept
    nesterov      whether NS((1 − μ) g + μ v') is taken in place of NS(v')
    weight_decay  λ, apart from the gradient as in `adamw_step`
    returns       w' and v'

    Raises ValueError when the shapes differ or param is no matrix.  Jordan et al. 2024.

    >>> import torch
    >>> zeros = torch.zeros(2, 2)
    >>> new, _ = muon_step(zeros, torch.tensor([[5.0, 0.0], [0.0, 0.1]]), zeros, lr=1.0)
    >>> new.diagonal().abs().min() > 0.6  # the gradient's values differ 50-fold
    tensor(True)
    """
    _require_matrix(param)
    if not param.shape == grad.shape == velocity.shape:
        raise ValueError(
            f"grad and velocity must have the shape of param, {tuple(param.shape)}, "
            f"got {tuple(grad.shape)} and {tuple(velocity.shape)}"
        )
    velocity = momentum * velocity + (1 - momentum) * grad
    direction = newton_schulz((1 - momentum) * grad + momentum * velocity if nesterov else velocity)
    scale = math.sqrt(max(1.0, param.size(0) / param.size(1)))
    return param * (1 - lr * weight_decay) - lr * scale * direction, velocity


class Muon(_Optimizer):
    """`muon_step`, for the matrices of hidden layers; what else a model learns needs another optimiser.

    params        matrices, or groups of them with their settings
    lr            learning rate
    momentum      share of the velocity that is kept
    nesterov      whether to anticipate the next step
    weight_decay  λ: every step first multiplies the weights by 1 − lr · λ
    """

    buffers = ("momentum_buffer",)

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.95,
        nesterov: bool = True,
        weight_decay: float = 0.1,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay})

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add matrices with settings of their own: {"params": …, "lr": …}; what is not given has its default.

        Raises ValueError for settings out of range, and for a parameter that is no matrix.
        """
        super().add_param_group(group)
        for param in self.param_groups[-1]["params"]:
            _require_matrix(param)

    def _updated(
        self, param: Tensor, grad: Tensor, state: dict[str, Any], settings: dict[str, Any]
    ) -> tuple[Tensor, ...]:
        return muon_step(param, grad, state["momentum_buffer"], **settings)


def _require_matrix(param: Tensor) -> None:
    if param.dim() != 2:
        raise ValueError(f"Muon is for matrices, got a parameter of the shape {tuple(param.shape)}")
