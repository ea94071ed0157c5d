"""Loss curves: every step pale, the moving average strong, held-out loss as dots, known levels as lines."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.figures.style import BLUE, INK, ORANGE, PALETTE, RUST, panel_title, panels
from course_lib.train import Step

UNIT = "nats per token"
Curve = tuple[Sequence[int], Sequence[float]]  #: steps and losses


def moving_average(values: Sequence[float], width: int) -> np.ndarray:
    """Return the mean of each value and the up to width − 1 before it: (N,)."""
    totals = np.concatenate([[0.0], np.cumsum(np.asarray(values, dtype=np.float64))])
    ends = np.arange(1, len(totals))
    starts = np.maximum(ends - width, 0)
    return (totals[ends] - totals[starts]) / (ends - starts)


def loss_curve(
    steps: Sequence[Step],
    title: str = "How the loss falls",
    levels: Mapping[str, float] | None = None,
    unit: str = UNIT,
) -> Figure:
    """Draw the training loss of one run, and its held-out losses where there are any.

    steps   what a `course_lib.train.Trainer` yielded
    levels  name → loss: lines to compare with; the first, in a colour of its own, is the floor
    unit    of the loss, for the axis
    """
    figure, (axes,) = panels()
    numbers, losses = [step.number for step in steps], [step.loss for step in steps]
    if len(steps) > 20:
        axes.plot(numbers, losses, color=BLUE, alpha=0.25, linewidth=1)
        axes.plot(numbers, moving_average(losses, max(2, len(steps) // 50)), color=BLUE, label="training")
    else:
        axes.plot(numbers, losses, color=BLUE, label="training")
    held_out = [(step.number, step.held_out) for step in steps if step.held_out is not None]
    if held_out:
        axes.plot(*zip(*held_out), "o", color=ORANGE, markeredgecolor=INK, label="held out")
    _levels(axes, levels or {})
    _frame(axes, title, unit)
    if held_out:
        axes.legend(frameon=False)
    return figure


def compare_curves(
    curves: Mapping[str, Curve], title: str, levels: Mapping[str, float] | None = None, unit: str = UNIT
) -> Figure:
    """Draw the losses of several runs, each named at its end.

    curves  name → (steps, losses); losses are drawn as they are
    """
    figure, (axes,) = panels(height=4.0)
    for (name, (numbers, losses)), color, style in zip(curves.items(), PALETTE, ("-", "--", "-.", ":") * 2):
        axes.plot(numbers, losses, style, color=color, label=f"{name}: {losses[-1]:.3f}")
    _levels(axes, levels or {})
    _frame(axes, title, unit)
    axes.legend(frameon=False)
    return figure


def _levels(axes: Axes, levels: Mapping[str, float]) -> None:
    for place, (name, level) in enumerate(levels.items()):
        color = "#595959" if place else RUST
        axes.axhline(level, color=color, linewidth=1.5, linestyle="--" if place else "-")
        axes.annotate(
            f"{name} {level:.3f}",
            (1.0, level),
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            color=color,
            va="center",
            fontsize=12,
            annotation_clip=False,
        )


def _frame(axes: Axes, title: str, unit: str) -> None:
    axes.set_xlabel("updates")
    axes.set_ylabel(f"loss ({unit})")
    panel_title(axes, title)
