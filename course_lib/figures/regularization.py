"""Pictures of regularization: fits and their scatter, ellipses and penalties, coefficients, held-out loss."""

import math
from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALETTE,
    RUST,
    SKY,
    figure_title,
    panel_title,
    panels,
)


def truth(x: Tensor) -> Tensor:
    """Return how much cheese there is on average at times x (n,) of the night, from 0 to 1: (n,) grams."""
    return 3 + 2 * (2 * math.pi * x).sin()


def _powers(x: Tensor, degree: int) -> Tensor:
    """Return the features (N, degree) of a polynomial: powers of 2x − 1."""
    return (2 * x - 1).unsqueeze(1) ** torch.arange(1, degree + 1)


def polynomial_fits(degree: int, alpha: float = 0.0, samples: int = 200, n: int = 12) -> tuple[Tensor, Tensor]:
    """Return what polynomials say that were each fitted to a noisy sample, (samples, 60), and the truth, (60,)."""
    generator = torch.Generator().manual_seed(0)
    x = torch.linspace(0, 1, n, dtype=torch.float64)
    grid = torch.linspace(0, 1, 60, dtype=torch.float64)
    y = truth(x) + 0.7 * torch.randn(samples, n, generator=generator, dtype=torch.float64)
    if degree == 0:  # a constant
        return y.mean(1, keepdim=True).expand(-1, 60), truth(grid)
    features, at = _powers(x, degree), _powers(grid, degree)
    centred, middle = features - features.mean(0), features.mean(0)
    penalty = alpha * torch.eye(degree, dtype=torch.float64)
    w = torch.linalg.solve(centred.T @ centred + penalty, centred.T @ (y - y.mean(1, keepdim=True)).T)  # (degree, M)
    return y.mean(1, keepdim=True) + ((at - middle) @ w).T, truth(grid)


def fits(degree: int, log_alpha: float, sample: int) -> Figure:
    """Draw one sample with its fit, and thirty fits to thirty samples."""
    alpha = 0.0 if log_alpha <= -6 else 10.0**log_alpha
    predictions, true = polynomial_fits(degree, alpha, samples=200)
    generator = torch.Generator().manual_seed(0)
    x, grid = torch.linspace(0, 1, 12), torch.linspace(0, 1, 60)
    y = truth(x.double()) + 0.7 * torch.randn(200, 12, generator=generator, dtype=torch.float64)
    mean = predictions.mean(0)
    bias, variance = float((mean - true).square().mean()), float((predictions - mean).square().mean())
    figure, (left, right) = panels(2, width=10.6, height=3.8)
    left.plot(x, y[sample], "o", color=INK, label="twelve nights")
    left.plot(grid, predictions[sample], color=BLUE, label="fit")
    right.plot(grid, predictions[:30].T, color=SKY, linewidth=0.8, alpha=0.6)
    right.plot(grid, mean, color=BLUE, label="mean of all fits")
    for axes in (left, right):
        axes.plot(grid, true, "--", color=RUST, label="truth")
        axes.set(ylim=(-2, 8), xlabel="time of the night", ylabel="cheese (g)")
        axes.legend(frameon=False, fontsize=11)
    panel_title(left, f"Degree {degree}, one sample")
    panel_title(right, f"30 samples: bias² {bias:.2f}, variance {variance:.2f}")
    return figure


def trade_off(degrees: Sequence[int], bias: Tensor, variance: Tensor) -> Figure:
    """Draw squared bias, variance and their sum, (n,) each, against the n degrees."""
    figure, (axes,) = panels()
    for values, colour, style, name in (
        (bias, BLUE, "--", "squared bias"), (variance, ORANGE, ":", "variance"), (bias + variance, INK, "-", "sum"),
    ):  # fmt: skip
        axes.plot(degrees, values, style, marker="o", color=colour, label=name)
    axes.set(yscale="log", xlabel="degree of the polynomial", ylabel="mean squared error (g²)")
    axes.legend(frameon=False)
    panel_title(axes, "Bias falls, variance rises: the best is in between")
    return figure


def _boundary(shape: str, size: float, n: int = 4000) -> Tensor:
    """Return points (n, 2) on the circle or diamond of this size; the corners are among them."""
    angle = torch.linspace(0, 2 * math.pi, n + 1, dtype=torch.float64)[:-1]
    points = torch.stack([angle.cos(), angle.sin()], 1)
    return size * (points / points.abs().sum(1, keepdim=True) if shape == "diamond" else points)


def touch(optimum: Tensor, hessian: Tensor, size: float, shape: str) -> Tensor:
    """Return the point (2,) of the region with the least loss (w − optimum)ᵀ hessian (w − optimum)."""
    inside = optimum.abs().sum() if shape == "diamond" else optimum.norm()
    if inside <= size:
        return optimum
    points = _boundary(shape, size)
    away = points - optimum
    return points[((away @ hessian) * away).sum(1).argmin()]


def penalties(w1: float, w2: float, correlation: float, size: float) -> Figure:
    """Draw the ellipses of a loss and where they touch the circle and the diamond."""
    optimum = torch.tensor([w1, w2], dtype=torch.float64)
    hessian = torch.tensor([[1.0, correlation], [correlation, 1.0]], dtype=torch.float64)
    figure, drawn = panels(2, width=10.0, height=4.8)
    line = torch.linspace(-3, 3, 150, dtype=torch.float64)
    away = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1) - optimum
    loss = ((away @ hessian) * away).sum(-1)
    for axes, shape, name in zip(drawn, ("circle", "diamond"), ("L2", "L1")):
        found = touch(optimum, hessian, size, shape)
        axes.contour(line, line, loss, levels=[0.1, 0.5, 1, 2, 4, 8], colors=GREY, linewidths=0.8)
        axes.fill(*_boundary(shape, size).T, color=SKY, alpha=0.4)
        reached = float(((found - optimum) @ hessian) @ (found - optimum))
        if reached > 0:
            axes.contour(line, line, loss, levels=[reached], colors=BLUE)
        axes.plot(*optimum, "x", color=RUST, markersize=10, markeredgewidth=3)
        axes.plot(*found, "o", color=INK, markersize=10)
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.axvline(0, color=GREY, linewidth=0.6)
        axes.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="$w_1$", ylabel="$w_2$")
        zeros = int((found.abs() < 1e-9).sum())
        panel_title(axes, f"{name}: w = ({found[0]:.2f}, {found[1]:.2f})" + (", one is 0" if zeros else ""))
    return figure


def corner_share(size: float, problems: int = 400) -> float:
    """Return the share of random losses whose best point in the diamond is a corner."""
    generator = torch.Generator().manual_seed(0)
    corners = 0
    for _ in range(problems):
        root = torch.randn(2, 2, generator=generator, dtype=torch.float64)
        optimum = 2 * torch.randn(2, generator=generator, dtype=torch.float64)
        found = touch(optimum, root @ root.T, size, "diamond")
        corners += int(bool((found.abs() < 1e-9).any()))
    return corners / problems


def coefficients(true: Tensor, learned: Mapping[str, Tensor]) -> Figure:
    """Draw true and learned coefficients, (D,) each, as bars: features have no order, so no line joins them."""
    figure, rows = panels(1, 1 + len(learned), width=10.0, height=8.0)
    for axes, (name, w), colour in zip(rows, {"true": true, **learned}.items(), (INK, *PALETTE)):
        axes.bar(range(len(w)), w.tolist(), color=colour)
        zero = (w == 0).nonzero().flatten().tolist()
        axes.plot(zero, [0] * len(zero), "|", color=GREY)
        axes.set(ylim=(-12, 85), ylabel="coefficient")
        panel_title(axes, f"{name}: {int((w != 0).sum())} of {len(w)} are not 0")
    rows[-1].set_xlabel("feature")
    return figure


def remedies(steps: Sequence[int], runs: Mapping[str, tuple[Tensor, Tensor]], levels: Mapping[str, float]) -> Figure:
    """Draw training (dashed) and held-out loss (solid), (seeds, steps) each: one panel a remedy, one line a seed."""
    figure, drawn = panels(len(runs), width=3.2 * len(runs), height=4.0)
    for axes, (name, (train, held_out)) in zip(drawn, runs.items()):
        axes.plot(steps, train.T, "--", color=GREEN, linewidth=1.2)
        axes.plot(steps, held_out.T, color=BLUE, linewidth=1.5)
        for level in levels.values():
            axes.axhline(level, color=RUST, linewidth=1)
        axes.set(ylim=(0, 6.5), xlabel="updates")
        panel_title(axes, name)
    drawn[0].set_ylabel("nats per token")
    figure_title(figure, "Solid: held out. Dashed: training. Red: " + ", ".join(levels))
    return figure
