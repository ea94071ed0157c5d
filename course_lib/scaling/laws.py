"""Scaling laws: how the loss falls with parameters, data and arithmetic, and how to spend a budget.

It is the loss *above a floor* that follows a power law, L(x) = E + A / x^α (Kaplan et al. 2020; with the floor,
Hoffmann et al. 2022): the floor E is the entropy of the text, which no model gets below. With a floor the loss is no
straight line on double-logarithmic paper. The laws are fits: outside the range that was
measured their uncertainty grows, and is part of what they say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from course_lib.arguments import require_counts, require_positive

_EXPONENTS = (1e-3, 4.0)  # between which the fit looks
_GRID = 64  # exponents compared at once
_ZOOMS = 8  # each narrows the range to a 32nd


@dataclass(frozen=True)
class PowerLaw:
    """L(x) = floor + scale / x^exponent. The three are numbers, or tensors (R,) of R laws at once.

    >>> PowerLaw(floor=1.5, scale=10.0, exponent=0.5).loss(100.0)
    2.5
    """

    floor: float | Tensor  #: E, what remains however large x is
    scale: float | Tensor  #: A, the loss above the floor at x = 1
    exponent: float | Tensor  #: α

    def loss(self, x: float | Tensor) -> float | Tensor:
        """Return what the law expects at x > 0; x and the three numbers broadcast."""
        return self.floor + self.scale * x**-self.exponent


def fit_power_law(x: Tensor | Sequence[float], losses: Tensor | Sequence[float]) -> PowerLaw:
    """Return the law that fits best: the least sum of squared relative errors, with floor and scale not negative.

    x        (n,) positive: parameters, tokens or FLOPs; at least 3 different ones
    losses   (n,) positive, nats

    For a given exponent the rest is linear regression, so the search is over one number, between 0.001 and 4.
    Raises ValueError for shapes that do not fit, fewer than 3 different x, and numbers that are not positive or
    infinite.

    >>> law = fit_power_law([1.0, 4.0, 16.0, 64.0], [5.0, 3.0, 2.0, 1.5])  # 1 + 4 / √x
    >>> round(law.floor, 4), round(law.scale, 4), round(law.exponent, 4)
    (1.0, 4.0, 0.5)
    """
    x, losses = _as_data(x, losses)
    floor, scale, exponent = (part.item() for part in _fit(x, losses[None]))
    return PowerLaw(floor, scale, exponent)


def bootstrap_power_law(
    x: Tensor | Sequence[float],
    losses: Tensor | Sequence[float],
    generator: torch.Generator,
    n_resamples: int = 500,
) -> PowerLaw:
    """Return R fits to data that might as well have been measured: their spread is the uncertainty of the fit.

    x, losses    as for `fit_power_law`; at least 4 points
    generator    of the resampling
    n_resamples  R
    returns      a law of three tensors (R,), float64; `torch.quantile(law.exponent, q)` bounds an interval

    Each resample is the fitted law with relative errors drawn, with replacement, from those of the fit (a residual
    bootstrap, Efron 1979: with six sizes of model, leaving some out would leave nothing to fit). They are centred and
    widened by √(n / (n − 3)), since three numbers were fitted to them. With 12 points, what is said to be a 95 %
    interval covers the truth in 93 % of simulated cases, with 6 in 85 %: so few errors are a poor sample of what may
    happen. What the law itself gets wrong is not in it at all.

    Raises ValueError as `fit_power_law`, for fewer than 4 points and less than 1 resample.
    """
    x, losses = _as_data(x, losses)
    n = len(x)
    if n < 4:
        raise ValueError(f"three numbers fit 3 points exactly: x must have at least 4 for a bootstrap, got {n}")
    require_counts(n_resamples=n_resamples)
    fitted = fit_power_law(x, losses).loss(x)
    errors = losses / fitted - 1
    errors = (errors - errors.mean()) * (n / (n - 3)) ** 0.5
    drawn = errors[torch.randint(n, (n_resamples, n), generator=generator)]  # (R, n)
    return PowerLaw(*_fit(x, fitted * (1 + drawn).clamp(min=1e-3)))


@dataclass(frozen=True)
class ScalingLaw:
    """L(N, D) = E + A / N^α + B / D^β: loss in nats a token of N parameters after D tokens, each seen once."""

    e: float
    a: float
    alpha: float
    b: float
    beta: float

    def loss(self, n_parameters: float | Tensor, n_tokens: float | Tensor) -> float | Tensor:
        """Return the expected loss, in nats a token.

        >>> round(HOFFMANN_2022.loss(70e9, 1.4e12), 2)  # Chinchilla
        1.94
        """
        return self.e + self.a * n_parameters**-self.alpha + self.b * n_tokens**-self.beta


#: As published (Hoffmann et al. 2022, eq. 10). At Chinchilla's budget it asks for 93 tokens a parameter, not 20.
HOFFMANN_2022 = ScalingLaw(e=1.69, a=406.4, alpha=0.34, b=410.7, beta=0.28)
#: The same runs, read off the paper's figure and fitted again (Besiroglu et al. 2024): 18 tokens a parameter there.
BESIROGLU_2024 = ScalingLaw(e=1.8172, a=482.01, alpha=0.3478, b=2085.43, beta=0.3658)


def compute_optimal(flops: float, law: ScalingLaw = BESIROGLU_2024) -> tuple[float, float]:
    """Return the parameters N and tokens D that make the loss least for the budget C = 6 · N · D.

    flops    C, operations of the whole training
    law      loss as a function of N and D
    returns  N = G · (C/6)^(β/(α+β)) and D = (C/6)/N, with G = (αA / βB)^(1/(α+β))

    Raises ValueError for a budget that is not positive.  Eq. 4 of Hoffmann et al. 2022 (their third approach).

    >>> n, d = compute_optimal(5.76e23)  # Chinchilla's budget; it had 70e9 parameters and 1.4e12 tokens
    >>> f"{n:.1e} parameters, {d:.1e} tokens"
    '7.2e+10 parameters, 1.3e+12 tokens'
    """
    require_positive(flops=flops)
    both = law.alpha + law.beta
    g = (law.alpha * law.a / (law.beta * law.b)) ** (1 / both)
    n_parameters = g * (flops / 6) ** (law.beta / both)
    return n_parameters, flops / 6 / n_parameters


def _fit(x: Tensor, losses: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fit R laws to losses (R, n) measured at x (n,): floor, scale and exponent, each (R,).

    A grid of exponents, the best of them, a finer grid around it, and so on.
    """
    centre = x.log().mean().exp()  # powers of x / centre are near 1, so that the regression is well conditioned
    low = losses.new_full((len(losses),), _EXPONENTS[0]).log()
    high = losses.new_full((len(losses),), _EXPONENTS[1]).log()
    for _ in range(_ZOOMS):
        steps = torch.linspace(0, 1, _GRID, dtype=x.dtype)
        exponents = (low[:, None] + (high - low)[:, None] * steps).exp()  # (R, G)
        _, _, error = _regress((x / centre) ** -exponents[..., None], losses[:, None, :])
        best = error.argmin(-1, keepdim=True)
        low, high = (exponents.gather(1, (best + i).clamp(0, _GRID - 1)).squeeze(1).log() for i in (-1, 1))
    exponent = exponents.gather(1, best)
    floor, scale, _ = _regress((x / centre) ** -exponent[..., None], losses[:, None, :])
    return floor.squeeze(1), (scale * centre**exponent).squeeze(1), exponent.squeeze(1)


def _regress(power: Tensor, losses: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return floor ≥ 0, scale ≥ 0 and error of losses ≈ floor + scale · power, least squares of relative errors.

    power and losses (..., n) → three of (...)
    """
    u, v = 1 / losses, power / losses  # floor · u + scale · v ≈ 1
    uu, uv, vv, u1, v1 = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1), u.sum(-1), v.sum(-1)
    determinant = (uu * vv - uv * uv).clamp(min=1e-300)
    floor, scale = (vv * u1 - uv * v1) / determinant, (uu * v1 - uv * u1) / determinant
    # the error is a paraboloid: where one of the two would be negative, the best point has it at 0
    floor, scale = (
        torch.where(floor < 0, 0.0, torch.where(scale < 0, u1 / uu, floor)),
        torch.where(floor < 0, v1 / vv, torch.where(scale < 0, 0.0, scale)),
    )
    error = (floor[..., None] * u + scale[..., None] * v - 1).square().sum(-1)
    return floor, scale, error


def _as_data(x: Tensor | Sequence[float], losses: Tensor | Sequence[float]) -> tuple[Tensor, Tensor]:
    # a few numbers, and not every device has float64
    x, losses = (torch.as_tensor(data, dtype=torch.float64, device="cpu") for data in (x, losses))
    if x.dim() != 1 or x.shape != losses.shape:
        raise ValueError(f"x and losses must both have the shape (n,), got {tuple(x.shape)} and {tuple(losses.shape)}")
    for name, data in (("x", x), ("losses", losses)):
        if not ((data > 0) & data.isfinite()).all():
            raise ValueError(f"{name} must be positive and finite, got {data.tolist()}")
    if len(x.unique()) < 3:
        raise ValueError(f"x must have at least 3 different values for 3 numbers, got {len(x.unique())}")
    return x, losses
