"""Pictures of lesson 04: a boundary and its surprises, three kinds of descent, activations, regions of a network."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.figures.style import BLUE, GREY, INK, ORANGE, PALETTE, figure_title, panel_title, panels
from course_lib.neural import ACTIVATIONS, logistic_grad, logistic_loss, mlp_forward
from course_lib.neural.mlp import Layer

MARKERS = "osD^v"


def _points(axes: Axes, x: Tensor, labels: Tensor, names: Sequence[str]) -> None:
    size = 12 if len(x) < 10 else 4.5
    for label, (name, color) in enumerate(zip(names, (BLUE, ORANGE))):
        some = x[labels == label]
        axes.plot(some[:, 0], some[:, 1], MARKERS[label], color=color, markersize=size, alpha=0.7, label=name)


def boundary(
    x: Tensor, labels: Tensor, angle: float, offset: float, steepness: float, names: Sequence[str], axis: Sequence[str]
) -> Figure:
    """Draw a logistic regression of two features, the surprise of each example, and the mean: the one number.

    x, labels  (N, 2) and (N,), 0 or 1
    angle      direction of the weights, degrees
    offset     distance of the boundary from the origin, in that direction
    steepness  length of the weights
    names      of the classes 0 and 1
    axis       what the features are
    """
    weight = steepness * torch.tensor([math.cos(math.radians(angle)), math.sin(math.radians(angle))])
    bias = torch.tensor(-steepness * offset)
    loss = logistic_loss(x, labels, weight, bias).item()
    grad_w, _ = logistic_grad(x, labels, weight, bias)
    figure, (left, right) = panels(2, width=10.0, height=4.2)
    side = torch.linspace(-3.5, 3.5, 80)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1)
    p = (grid @ weight + bias).sigmoid()
    left.contourf(side, side, p, levels=[0, 0.1, 0.25, 0.5, 0.75, 0.9, 1], cmap="cividis", alpha=0.35)
    left.contour(side, side, p, levels=[0.5], colors=INK, linewidths=2)
    _points(left, x, labels, names)
    left.set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), xlabel=axis[0], ylabel=axis[1])
    left.legend(frameon=True, fontsize=11, loc="upper right")
    panel_title(left, "Line: probability ½")
    z = x @ weight + bias
    surprises = torch.where(labels > 0, torch.nn.functional.softplus(-z), torch.nn.functional.softplus(z))
    order = surprises.argsort()
    right.bar(
        range(len(x)), surprises[order].tolist(), width=1.0, color=[(BLUE, ORANGE)[int(i)] for i in labels[order]]
    )
    right.axhline(loss, color=INK, linestyle="--")
    right.text(0, loss + 0.08, f"the loss: their mean, {loss:.3f}", fontsize=13)
    right.set(ylim=(0, 4), xlabel="sentences, in order of surprise", ylabel="surprise at the label (nats)")
    panel_title(right, f"One number (slope {grad_w.norm():.2f})")
    return figure


def descents(paths: Mapping[str, np.ndarray], loss: "np.ndarray", sides: tuple, best: Sequence[float]) -> Figure:
    """Draw where each kind of descent went in the plane of two weights, over contours of the loss.

    paths  name → (steps, 2)
    loss   (n, n) over sides[1] (rows) and sides[0]
    sides  the two axes of the plane
    best   the minimum
    """
    figure, axes = panels(len(paths), width=11.0, height=4.0)
    for ax, (name, path), color in zip(axes, paths.items(), PALETTE):
        ax.contour(sides[0], sides[1], loss, levels=14, colors=GREY, linewidths=0.8)
        ax.plot(path[:, 0], path[:, 1], "-", color=color, linewidth=1.5)
        ax.plot(*path[-1], "o", color=color, markeredgecolor=INK)
        ax.plot(*best, "*", color=INK, markersize=12)
        ax.set(xlabel="weight of letters per word", ylabel="weight of length")
        panel_title(ax, name)
    return figure


def excess(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str) -> Figure:
    """Draw how far the loss is above its minimum against passes over the data: name → (passes, excess)."""
    figure, (axes,) = panels(height=4.0)
    for (name, (passes, values)), color, style in zip(curves.items(), PALETTE, ("-", "--", "-.", ":")):
        axes.plot(passes, values, style, color=color, label=name)
    axes.set(yscale="log", xlabel="passes over the data", ylabel="loss above its minimum (nats)")
    axes.legend(frameon=False)
    panel_title(axes, title)
    return figure


def gradient_noise(sizes: Sequence[int], measured: Sequence[float], expected: Sequence[float]) -> Figure:
    """Draw the variance of a mini-batch gradient against the size of the batch, measured and by the formula."""
    figure, (axes,) = panels()
    axes.plot(sizes, expected, "-", color=GREY, label="formula")
    axes.plot(sizes, measured, "o", color=BLUE, label="measured", markersize=8)
    axes.set(xscale="log", yscale="log", xlabel="examples in the batch", ylabel="variance of the gradient")
    axes.legend(frameon=False)
    panel_title(axes, "Ten times the batch, a tenth of the variance")
    return figure


def activation_curves() -> Figure:
    """Draw the four activations and their slopes; the slope is what a gradient is multiplied by."""
    figure, (left, right) = panels(2, width=10.0, height=4.0)
    a = torch.linspace(-6, 6, 601)
    for (name, f), color, style in zip(ACTIVATIONS.items(), PALETTE, ("-", "--", "-.", ":")):
        left.plot(a, f.function(a), style, color=color, label=name)
        right.plot(a, f.slope(a), style, color=color, label=name)
    left.set(ylim=(-1.3, 3), xlabel="sum a", ylabel="f(a)")
    right.set(ylim=(-0.2, 1.2), xlabel="sum a", ylabel="slope f ′(a)")
    left.legend(frameon=False)
    panel_title(left, "The function")
    panel_title(right, "What passes of a gradient")
    return figure


def regions(
    panels_of: Mapping[str, Sequence[Layer]],
    x: Tensor,
    labels: Tensor,
    activation: str,
    title: str,
    lines: bool = False,
    columns: int | None = None,
) -> Figure:
    """Draw where networks of two inputs and one logit say class 1, one panel each.

    panels_of  title of a panel → layers
    x, labels  (N, 2) points, and (N,) their classes
    lines      whether to draw where each hidden unit of the first layer is 0
    """
    columns = columns or len(panels_of)
    rows = -(-len(panels_of) // columns)
    side_length = 3.6 if len(panels_of) > 1 else 5.2
    figure, axes = panels(columns, rows, width=side_length * columns, height=(side_length + 0.1) * rows)
    reach = 1.25 * x.abs().max().item()
    side = torch.linspace(-reach, reach, 120)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1)
    for ax, (name, layers) in zip(axes, panels_of.items()):
        p = mlp_forward(grid.reshape(-1, 2), layers, activation)[0].sigmoid().reshape(120, 120)
        ax.contourf(side, side, p, levels=[0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0001], cmap="cividis", alpha=0.4)
        ax.contour(side, side, p, levels=[0.5], colors=INK, linewidths=2)
        if lines:
            for w, b in zip(*layers[0]):
                ax.contour(side, side, grid @ w + b, levels=[0.0], colors=GREY, linewidths=1, linestyles="--")
        _points(ax, x, labels, ("0", "1"))
        ax.set(xticks=[], yticks=[], xlim=(-reach, reach), ylim=(-reach, reach))
        panel_title(ax, name)
    figure_title(figure, title)
    return figure


def gradient_by_layer(norms: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the size of the gradient in the weights of each layer, for each activation: name → one per layer."""
    figure, (axes,) = panels()
    for (name, values), color, style in zip(norms.items(), PALETTE, ("-o", "--s", "-.D", ":^")):
        axes.plot(range(1, len(values) + 1), values, style, color=color, label=name)
    axes.set(yscale="log", xlabel="layer (1 reads the input)", ylabel="norm of the gradient")
    axes.legend(frameon=False)
    panel_title(axes, "Through sigmoids, the first layers hear nothing")
    return figure
