"""Pictures of a mixture of experts: one token's way, full queues, loads while training, and who knows what."""

import html
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from torch import Tensor

from course_lib.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    PALETTE,
    RUST,
    SEQUENTIAL,
    figure_title,
    panel_title,
    panels,
)

COLOURS = (*PALETTE, GREY)  # one for each of up to eight experts; an expert's number is always beside its colour


def one_token(token: str, probs: Tensor, experts: Tensor, gates: Tensor) -> Figure:
    """Draw one token's way through the layer: the router's probabilities, the chosen experts and their gates.

    probs    (E,) of the router
    experts  (k,) chosen, gates (k,) their weights
    """
    n_experts, chosen = len(probs), dict(zip(experts.tolist(), gates.tolist()))
    figure, (left, right) = panels(2, width=10.0, height=0.9 + 0.42 * n_experts)
    colours = [BLUE if expert in chosen else PALE for expert in range(n_experts)]
    left.barh(range(n_experts), probs.tolist(), color=colours, height=0.75)
    for expert, prob in enumerate(probs.tolist()):
        left.text(prob + 0.01, expert, f"{prob:.2f}", va="center", fontsize=11)
    left.set_yticks(range(n_experts), [f"expert {expert}" for expert in range(n_experts)])
    left.set(xlim=(0, 1), ylim=(n_experts - 0.5, -0.5), xlabel="probability")
    panel_title(left, f"The router reads “{token}”")
    middle = (n_experts - 1) / 2
    _box(right, 0, middle, token, PALE, width=1.0)
    _box(right, 4.6, middle, "sum", PALE, width=1.0)
    for expert in range(n_experts):
        used = expert in chosen
        weight = f" × {chosen[expert]:.2f}" if used else ""
        _box(right, 2.3, expert, f"expert {expert}{weight}", BLUE if used else PALE, "white" if used else GREY)
        if used:
            line = {"color": BLUE, "linewidth": 1 + 6 * chosen[expert], "zorder": 0, "solid_capstyle": "round"}
            right.plot([0, 2.3, 4.6], [middle, expert, middle], **line)
    right.set(xlim=(-0.6, 5.2), ylim=(n_experts - 0.5, -0.5))
    right.set_axis_off()
    panel_title(right, f"{len(chosen)} of {n_experts} experts work")
    return figure


def _box(axes: Axes, x: float, y: float, text: str, colour: str, ink: str = INK, width: float = 2.0) -> None:
    corner, shape = (x - width / 2, y - 0.25), "round,pad=0.03"
    axes.add_patch(FancyBboxPatch(corner, width, 0.5, boxstyle=shape, facecolor=colour, edgecolor=GREY))
    axes.text(x, y, text, ha="center", va="center", fontsize=11, color=ink)


def queues(experts: Tensor, kept: Tensor, n_experts: int, capacity: int) -> Figure:
    """Draw which assignments of one sequence found room: a row for each expert, a column for each token.

    experts   (T, k) choices, kept (T, k) boolean
    capacity  assignments that an expert takes
    """
    figure, (left, right) = panels(2, width=11.0, height=1.3 + 0.36 * n_experts)
    figure.set_layout_engine("none")
    left.set_position((0.07, 0.21, 0.57, 0.62))
    right.set_position((0.70, 0.21, 0.28, 0.62))
    stays, y = kept.numpy().ravel(), experts.numpy().ravel()
    x = np.arange(len(experts)).repeat(experts.size(1))
    left.plot(x[stays], y[stays], "s", color=BLUE, markersize=8, label="kept")
    left.plot(x[~stays], y[~stays], "X", color=RUST, markersize=9, label="dropped")
    left.set_yticks(range(n_experts), [f"expert {expert}" for expert in range(n_experts)], fontsize=11)
    left.set(xlim=(-1, len(experts)), ylim=(n_experts - 0.5, -0.5), xlabel="token, in the order of the text")
    left.grid(axis="y", color=PALE)
    left.set_axisbelow(True)
    lost, nowhere = (~kept).float().mean().item(), (~kept).all(-1).sum().item()
    panel_title(left, f"{lost:.0%} dropped; tokens left without an expert: {nowhere}")
    taken = np.bincount(y[stays], minlength=n_experts)
    refused = np.bincount(y[~stays], minlength=n_experts)
    right.barh(range(n_experts), taken, color=BLUE, height=0.7)
    right.barh(range(n_experts), refused, left=taken, color=RUST, height=0.7, hatch="///", edgecolor="white")
    right.axvline(capacity, color=INK, linewidth=2, linestyle="--")
    right.set_yticks(range(n_experts), [])
    right.set(ylim=(n_experts - 0.5, -0.5), xlabel="assignments")
    panel_title(right, f"Capacity {capacity} each")
    return figure


def load_history(steps: Sequence[int], loads: Sequence[Tensor], title: str) -> Figure:
    """Draw each expert's share of the tokens while training, as bands that fill the height.

    steps  numbers of the updates
    loads  for each of them (E,) shares that sum to 1
    """
    figure, (axes,) = panels(1, width=9.6, height=4.0)
    shares = np.array([share.tolist() for share in loads]).T  # (E, steps)
    colours = [COLOURS[expert % len(COLOURS)] for expert in range(len(shares))]
    bands = axes.stackplot(steps, shares, colors=colours, edgecolor="white", linewidth=0.8)
    for expert, band in enumerate(bands):
        if expert >= len(COLOURS):
            band.set_hatch("//")
    top = np.cumsum(shares[:, -1])
    for expert, share in enumerate(shares[:, -1]):
        if share > 0.03:
            axes.text(steps[-1], top[expert] - share / 2, f" {expert}", va="center", fontsize=12)
    axes.set(xlabel="updates", ylabel="share of the assignments", ylim=(0, 1), xlim=(steps[0], steps[-1]))
    axes.text(1.0, 1.02, "expert", transform=axes.transAxes, fontsize=11)
    panel_title(axes, title)
    return figure


def load_bars(named: Sequence[tuple[str, Tensor]], title: str) -> Figure:
    """Draw the loads (E,) of several layers or models side by side, with the even share as a line."""
    figure, all_axes = panels(len(named), width=10.0, height=3.4)
    ceiling = max(0.3, *(float(loads.max()) * 1.15 for _, loads in named))
    for axes, (name, loads) in zip(all_axes, named):
        axes.bar(range(len(loads)), loads.tolist(), color=[COLOURS[e % len(COLOURS)] for e in range(len(loads))])
        axes.axhline(1 / len(loads), color=INK, linewidth=1.5, linestyle="--")
        axes.set_xticks(range(len(loads)))
        axes.set(xlabel="expert", ylim=(0, min(1.0, ceiling)))
        axes.set_ylabel("share of the assignments" if axes is all_axes[0] else "")
        panel_title(axes, name)
    figure_title(figure, title)
    return figure


def specialisation(shares: Tensor, rows: Sequence[str], title: str) -> Figure:
    """Draw which kind of token goes to which expert.

    shares  (R, E), each row sums to 1
    rows    R names
    """
    n_experts = shares.size(1)
    figure, (axes,) = panels(1, width=9.6, height=1.4 + 0.4 * len(rows))
    image = axes.imshow(shares.numpy(), cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    for row in range(len(rows)):
        for expert in range(n_experts):
            share = float(shares[row, expert])
            if share >= 0.1:
                colour = "white" if share < 0.55 else INK
                axes.text(expert, row, f"{share:.2f}", ha="center", va="center", fontsize=10, color=colour)
    axes.set_yticks(range(len(rows)), rows, fontsize=11)
    axes.set_xticks(range(n_experts))
    axes.set_xlabel("expert")
    figure.colorbar(image, ax=axes, label="share of the row", pad=0.02)
    panel_title(axes, title)
    return figure


def growth(n_experts: Sequence[int], total: Sequence[int], active: Sequence[int], title: str) -> Figure:
    """Draw all parameters and those that one token meets, against the number of experts."""
    figure, (axes,) = panels(1, width=9.0, height=3.8)
    for values, name, colour, marker in ((total, "stored", BLUE, "o"), (active, "active per token", ORANGE, "s")):
        axes.plot(n_experts, values, color=colour, marker=marker, label=name)
        axes.annotate(
            f"{values[-1]:,}", (n_experts[-1], values[-1]), (8, 0), textcoords="offset points", va="center", fontsize=11
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=10)
    axes.set_xticks(n_experts, [str(n) for n in n_experts])
    axes.set_xlim(n_experts[0] * 0.9, n_experts[-1] * 1.8)
    axes.set(xlabel="experts in each layer", ylabel="parameters")
    axes.legend(frameon=False, loc="upper left")
    panel_title(axes, title)
    return figure


def expert_text(tokens: Sequence[str], experts: Sequence[int], label: str = "") -> str:
    """Return HTML: every token on the colour of its expert, with the expert's number below it."""
    spans = []
    for token, expert in zip(tokens, experts):
        colour = COLOURS[expert % len(COLOURS)]
        spans.append(
            f'<span style="display:inline-block;margin:3px;padding:1px 6px 2px;border-bottom:6px solid {colour};'
            f'text-align:center">{html.escape(token)}<br><small style="color:#595959">{expert}</small></span>'
        )
    head = f"<b>{html.escape(label)}</b><br>" if label else ""
    return f'<div style="font-size:16px;line-height:1.35;background:#fff;color:{INK}">{head}{"".join(spans)}</div>'
