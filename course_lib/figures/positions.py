"""Pictures of positions: the sinusoid table, rotations, biases on the scores, and loss past the training length."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    PALETTE,
    SEQUENTIAL,
    figure_title,
    panel_title,
    panels,
)
from course_lib.figures.training import moving_average
from course_lib.positions import relative_buckets, rope, sinusoidal

DIVERGING = "PuOr_r"  # zero is white, the signs differ for every kind of colour vision


def sinusoid_table(n_positions: int = 100, d_model: int = 64, position: int = 40) -> Figure:
    """Draw the table of sinusoids as a heat map, and how similar one position is to all others."""
    table = sinusoidal(n_positions, d_model)
    figure, (left, right) = panels(2, width=10.6, height=4.0)
    image = left.imshow(table.T.numpy(), cmap=DIVERGING, vmin=-1, vmax=1, aspect="auto", origin="lower")
    figure.colorbar(image, ax=left, label="value")
    left.axvline(position, color=INK, linewidth=1.5, linestyle="--")
    left.set(xlabel="position", ylabel="feature")
    panel_title(left, "Each pair has its own wavelength")
    right.plot((table @ table[position]).numpy(), color=BLUE)
    right.axvline(position, color=INK, linewidth=1.5, linestyle="--")
    right.set(xlabel="position", ylabel=f"dot product with position {position}")
    panel_title(right, "Neighbours are alike")
    return figure


def rotation(q_position: int, k_position: int, pair: int = 0, d_head: int = 8) -> Figure:
    """Draw one pair of features of a query and a key as arrows, before and after their rotation by RoPE.

    The caption says the angle between them: it stays the same when both move by the same amount.
    """
    query, key = torch.zeros(d_head), torch.zeros(d_head)
    for vector, degrees in ((query, 20.0), (key, 70.0)):
        angle = np.deg2rad(degrees)
        vector[pair], vector[pair + d_head // 2] = float(np.cos(angle)), float(np.sin(angle))
    at = torch.tensor([q_position, k_position])
    turned = rope(torch.stack([query, key]), at)
    figure, (left, right) = panels(2, width=9.6, height=4.4)
    for axes, pairs, title in (
        (left, (query, key), "Before: content alone"),
        (right, turned, f"After: query at {q_position}, key at {k_position}"),
    ):
        circle = np.linspace(0, 2 * np.pi, 100)
        axes.plot(np.cos(circle), np.sin(circle), color=PALE, linewidth=1.5, zorder=0)
        for vector, colour, name in zip(pairs, (BLUE, ORANGE), "qk"):
            x, y = float(vector[pair]), float(vector[pair + d_head // 2])
            arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 3, "mutation_scale": 18}
            axes.annotate("", (x, y), (0, 0), arrowprops=arrow)
            axes.text(1.13 * x, 1.13 * y, name, color=INK, fontsize=15, ha="center", va="center", fontweight="bold")
        axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
        axes.set(xlabel=f"feature {pair}", ylabel=f"feature {pair + d_head // 2}")
        axes.set_xticks([-1, 0, 1])
        axes.set_yticks([-1, 0, 1])
        panel_title(axes, title)
    step = 10000.0 ** (-2 * pair / d_head)
    score = float(turned[0] @ turned[1])
    figure_title(
        figure,
        f"Pair {pair} turns {np.rad2deg(step):.3g}° a position; "
        f"q·k = {score:.2f} depends on the distance {q_position - k_position} alone",
    )
    return figure


def rope_scores(q: Tensor, k: Tensor, distances: Sequence[int], title: str) -> Figure:
    """Draw the score of one query and one key as their distance grows.

    q, k       (D,) before the rotation
    distances  query position minus key position, none negative
    """
    at = torch.tensor(distances)
    scores = rope(q.expand(len(distances), -1), at) @ k
    figure, (axes,) = panels(1, width=9.0, height=3.6)
    axes.plot(distances, scores.numpy(), color=BLUE)
    axes.axhline(float(q @ k), color=GREY, linewidth=1.5, linestyle="--")
    axes.set(xlabel="distance from query back to key (tokens)", ylabel="score q·k")
    panel_title(axes, title)
    return figure


def bias_maps(biases: Mapping[str, Tensor], title: str) -> Figure:
    """Draw what is added to the scores, a panel for each named (T, S) bias; what the causal mask hides stays blank."""
    figure, all_axes = panels(len(biases), width=1.2 + 3.2 * len(biases), height=3.9)
    for axes, (name, bias) in zip(all_axes, biases.items()):
        n_queries, n_keys = bias.shape
        shown = (
            bias.detach().float().masked_fill(~torch.ones_like(bias, dtype=torch.bool).tril(n_keys - n_queries), np.nan)
        )
        image = axes.imshow(shown.numpy(), cmap=SEQUENTIAL)
        figure.colorbar(image, ax=axes, shrink=0.75)
        axes.set(xlabel="key", ylabel="query" if axes is all_axes[0] else "")
        panel_title(axes, name)
    figure_title(figure, title)
    return figure


def bias_effect(curves: Mapping[str, Tensor], title: str) -> Figure:
    """Draw how much attention each distance gets when all keys are equally good: one curve of weights (S,) per name.

    Weights are given from the oldest key to the newest; distance 0 is the newest.
    """
    figure, (axes,) = panels(1, width=9.0, height=3.8)
    for (name, weights), colour, style in zip(curves.items(), PALETTE, ("-", "--", "-.", ":") * 2):
        axes.plot(range(len(weights)), weights.flip(0).tolist(), style, color=colour, label=name)
    axes.set(xlabel="distance back to the key (tokens)", ylabel="attention weight")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    panel_title(axes, title)
    return figure


def bucket_steps(n_buckets: int = 32, max_distance: int = 128, bidirectional: bool = True, reach: int = 160) -> Figure:
    """Draw T5's bucket of every relative position: single steps near 0, wider and wider ones far away."""
    relative = torch.arange(-reach, reach + 1)
    buckets = relative_buckets(relative, n_buckets, max_distance, bidirectional)
    figure, (axes,) = panels(1, width=9.0, height=3.8)
    axes.step(relative.numpy(), buckets.numpy(), where="mid", color=BLUE)
    for edge in (-max_distance, max_distance):
        axes.axvline(edge, color=GREY, linewidth=1.5, linestyle="--")
    axes.set(xlabel="position of the key minus position of the query", ylabel="bucket")
    axes.set_ylim(-1, n_buckets)
    panel_title(axes, "Near positions exactly, far ones by the logarithm of their distance")
    return figure


def windows(masks: Mapping[str, Tensor], title: str) -> Figure:
    """Draw boolean masks side by side, each (T, S), True = may attend."""
    figure, all_axes = panels(len(masks), width=1.0 + 3.0 * len(masks), height=3.7)
    for axes, (name, mask) in zip(all_axes, masks.items()):
        axes.imshow(mask.numpy(), cmap=ListedColormap([PALE, BLUE]), vmin=0, vmax=1)
        axes.set_xticks(np.arange(-0.5, mask.size(1)), minor=True)
        axes.set_yticks(np.arange(-0.5, mask.size(0)), minor=True)
        axes.grid(which="minor", color="white", linewidth=1.5)
        axes.tick_params(which="minor", length=0)
        axes.set_xticks(range(0, mask.size(1), 2))
        axes.set_yticks(range(0, mask.size(0), 2))
        axes.set(xlabel="key", ylabel="query" if axes is all_axes[0] else "")
        panel_title(axes, name)
    figure_title(figure, title)
    return figure


def extrapolation(losses: Mapping[str, Tensor], trained: int, floor: float | None = None, width: int = 8) -> Figure:
    """Draw the loss at every position, one line per encoding, and where the training windows ended.

    losses   name → (T,) nats at each position; drawn as a moving average of `width` positions
    trained  tokens of a training window
    floor    the entropy rate, if it is known
    """
    figure, (axes,) = panels(1, width=10.0, height=4.6)
    longest = max(len(values) for values in losses.values())
    axes.axvspan(0, trained, color=PALE, zorder=0)
    styles = ("-", "--", "-.", (0, (3, 1)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
    for (name, values), colour, style in zip(losses.items(), PALETTE, styles):
        axes.plot(moving_average(values.tolist(), width), color=colour, linestyle=style, label=name)
        if len(values) < longest:
            axes.plot(len(values) - 1, moving_average(values.tolist(), width)[-1], "X", color=colour, markersize=12)
    if floor is not None:
        axes.axhline(floor, color=INK, linewidth=1.5)
        axes.text(longest, floor, f" entropy rate {floor:.2f}", color=INK, va="center", fontsize=11)
    axes.text(trained / 2, axes.get_ylim()[1], "trained here", ha="center", va="top", fontsize=11)
    axes.set(xlabel="position in the window (tokens)", ylabel="loss (nats per token)", xlim=(0, longest))
    axes.legend(frameon=False, ncols=2, loc="upper left", bbox_to_anchor=(0.2, 1.0))
    panel_title(axes, "Trained on short windows, read long ones")
    return figure
