"""Pictures of lesson 05: a ravine and the ways down it, loss against learning rate, races, lines over steps."""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.figures.style import BLUE, GREY, INK, ORANGE, PALETTE, RUST, figure_title, panel_title, panels

#: step(w, g, *state, t, lr) → (new w, *new state), and how many tensors of state it has: zeros before the first step
Rule = tuple[Callable[..., Sequence[Tensor]], int]
STYLES = ("-", "--", "-.", ":", (0, (5, 1)))
REACH = 3.2


def ravine(curvature: float = 25.0, angle: float = 0.0) -> Tensor:
    """Return the matrix A of the loss ½ wᵀ A w, which curves 1 along the ravine and more across it.

    curvature  across the ravine
    angle      by which the ravine is turned, in degrees; 0: along the first weight
    returns    (2, 2)
    """
    turn = math.radians(angle)
    along = torch.tensor([math.cos(turn), math.sin(turn)])
    across = torch.tensor([-math.sin(turn), math.cos(turn)])
    return torch.outer(along, along) + curvature * torch.outer(across, across)


def walk(rule: Rule, start: Sequence[float], lr: float, steps: int, a: Tensor) -> Tensor:
    """Return where a rule goes on the loss ½ wᵀ A w: (steps + 1, 2), the start first.

    a  (2, 2), from `ravine`
    """
    step, n_state = rule
    w = torch.tensor(list(start))
    path, state = [w], [torch.zeros(2) for _ in range(n_state)]
    for t in range(1, steps + 1):
        w, *state = step(w, a @ w, *state, t, lr)
        path.append(w)
    return torch.stack(path)


def ways_down(paths: Mapping[str, Tensor], a: Tensor, title: str) -> Figure:
    """Draw paths over the contours of ½ wᵀ A w, and beside them how the loss falls.

    paths  name → (steps + 1, 2), the start first
    a      (2, 2), from `ravine`
    """
    figure, (left, right) = panels(2, width=10.5, height=4.2)
    side = torch.linspace(-REACH, REACH, 90)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1)
    loss = ((grid @ a) * grid).sum(-1) / 2
    left.contour(side, side, loss.sqrt(), levels=12, colors=GREY, linewidths=0.8)
    for (name, path), color, style in zip(paths.items(), PALETTE, STYLES):
        near = path.clamp(-2 * REACH, 2 * REACH)
        left.plot(near[:, 0], near[:, 1], linestyle=style, color=color, linewidth=1.6, marker="o", markersize=3)
        values = (((path @ a) * path).sum(-1) / 2).clamp(1e-12, 1e6)
        right.plot(range(len(values)), values, linestyle=style, color=color, label=name)
    first = next(iter(paths.values()))[0]
    left.plot(*first, "s", color=INK, markersize=9)
    left.plot(0, 0, "*", color=INK, markersize=14)
    left.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), xlabel="first weight", ylabel="second weight")
    right.set(yscale="log", xlabel="step", ylabel="loss")
    right.legend(frameon=False)
    panel_title(left, "■ start, ★ minimum")
    panel_title(right, title)
    return figure


def lines(
    x: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    title: str,
    x_label: str,
    y_label: str,
    log: str = "",
    level: float | None = None,
) -> Figure:
    """Draw named curves over the same x.

    x       N numbers; curves: name → N numbers
    log     which axes are logarithmic: "", "x", "y" or "xy"
    level   a height to compare with
    """
    figure, (axes,) = panels(height=3.8)
    for (name, values), color, style in zip(curves.items(), PALETTE, STYLES):
        axes.plot(x, values, linestyle=style, color=color, label=name)
    if level is not None:
        axes.axhline(level, color=RUST, linewidth=1.2)
    axes.set(xlabel=x_label, ylabel=y_label)
    for axis in log:
        axes.set(**{f"{axis}scale": "log"})
    if len(curves) > 1:
        axes.legend(frameon=False)
    panel_title(axes, title)
    return figure


def rates(lrs: Sequence[float], losses: Mapping[str, Sequence[float]], same: float, title: str) -> Figure:
    """Draw the loss that each optimiser reaches against its learning rate; its best is ringed.

    lrs     L learning rates
    losses  name → L losses
    same    the rate that the popular comparison gives to all
    """
    figure, (axes,) = panels(height=4.2)
    for (name, values), color, style in zip(losses.items(), PALETTE, STYLES):
        axes.plot(lrs, values, linestyle=style, marker="o", markersize=4, color=color, label=name)
        best = min(range(len(lrs)), key=lambda i: values[i])
        axes.plot(lrs[best], values[best], "o", markersize=13, markerfacecolor="none", color=color, markeredgewidth=2)
    axes.axvline(same, color=INK, linewidth=1.2, linestyle=":")
    axes.set(xscale="log", ylim=(0.18, 0.75), xlabel="learning rate", ylabel="training loss (nats)")
    axes.legend(frameon=False, ncols=2)
    panel_title(axes, title)
    return figure


def races(panel_curves: Mapping[str, Mapping[str, Tensor]], title: str) -> Figure:
    """Draw races side by side, on one scale: the mean over seeds as a line, from the least to the greatest as a band.

    panel_curves  title of a panel → name → (epochs, seeds) losses
    """
    figure, axes = panels(len(panel_curves), width=10.5, height=4.2)
    for ax, (name, curves) in zip(axes, panel_curves.items()):
        _race(ax, curves)
        panel_title(ax, name)
    axes[-1].legend(frameon=False)
    figure_title(figure, title)
    return figure


def _race(axes: Axes, curves: Mapping[str, Tensor]) -> None:
    for (name, losses), color, style in zip(curves.items(), PALETTE, STYLES):
        epochs = range(1, len(losses) + 1)
        axes.fill_between(epochs, losses.amin(1), losses.amax(1), color=color, alpha=0.15, linewidth=0)
        axes.plot(epochs, losses.mean(1), linestyle=style, color=color, label=name)
    axes.set(ylim=(0.15, 0.8), xlabel="passes over the data", ylabel="training loss (nats)")


def spectra(values: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw singular values in falling order, one line each: name → values."""
    figure, (axes,) = panels(height=3.8)
    for (name, some), color, style in zip(values.items(), (BLUE, ORANGE, INK), STYLES):
        axes.plot(range(1, len(some) + 1), some, linestyle=style, color=color, label=name)
    axes.set(
        yscale="log",
        ylim=(5e-3, 1.5),
        xlabel="singular value, from the largest",
        ylabel="size, as a share of the largest",
    )
    axes.legend(frameon=False)
    panel_title(axes, title)
    return figure


def compare_bars(results: Mapping[str, Sequence[float]], floor: float, title: str) -> Figure:
    """Draw the results of several runs each as dots in a row, and their mean as a line.

    results  name → one number for each seed, in nats a token
    floor    the entropy rate
    """
    figure, (axes,) = panels(height=3.2)
    for row, (some, color) in enumerate(zip(results.values(), PALETTE)):
        axes.plot(some, [row] * len(some), "o", color=color, markersize=9, alpha=0.8)
        axes.plot([sum(some) / len(some)] * 2, [row - 0.3, row + 0.3], color=color)
    axes.axvline(floor, color=RUST, linewidth=1.2)
    axes.set(yticks=range(len(results)), yticklabels=list(results), xlabel="nats a token (line: entropy rate)")
    axes.invert_yaxis()
    panel_title(axes, title)
    return figure
