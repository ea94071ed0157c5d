"""Figures of lesson 19: what a budget buys, where bytes go, the roof, a law and its uncertainty, tiles, machines.

Each function returns a matplotlib figure of the numbers that it is given; losses are in nats a token.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from course_lib.figures.style import BLUE, GREY, INK, ORANGE, PALE, PALETTE, SKY, panel_title, panels, place_axes
from course_lib.scaling import PowerLaw, ScalingLaw, attainable_flops, compute_optimal, matmul_intensity


def returns(budgets: Sequence[float], losses: Sequence[float], floor: float, title: str) -> Figure:
    """Draw the best loss for each budget.

    budgets  operations, increasing
    losses   one for each
    floor    no loss gets below
    """
    figure, (axes,) = panels(height=3.8)
    axes.plot(budgets, losses, "o-", color=BLUE, markersize=8)
    axes.axhline(floor, color=INK, linewidth=1.5, linestyle=":")
    axes.text(budgets[0], floor + 0.04, f"floor of the law, {floor:.2f}", fontsize=12)
    axes.set(xscale="log", xlabel="operations of the whole training", ylabel="loss (nats a token)", ylim=(1.6, None))
    panel_title(axes, title)
    return figure


def shares(amounts: Mapping[str, float], title: str, unit: str) -> Figure:
    """Draw a bar for each part, the first at the top: name → amount."""
    figure, (axes,) = panels(height=0.7 + 0.55 * len(amounts))
    places = range(len(amounts))
    axes.barh(places, list(amounts.values()), 0.6, color=BLUE)
    for place, amount in zip(places, amounts.values()):
        axes.annotate(f"{amount:.1f}", (amount, place), xytext=(5, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, list(amounts))
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel=unit, ylim=(len(amounts) - 0.4, -0.6), xlim=(0, 1.1 * max(amounts.values())))
    panel_title(axes, title)
    return figure


def roofline(
    peak: float, bandwidth: float, points: Mapping[str, tuple[float, float]], title: str, what: str = "tokens"
) -> Figure:
    """Draw the roof of a device, and how fast computations were under it.

    peak       operations a second
    bandwidth  bytes a second
    points     label → (operations per byte, operations a second)
    what       the labels count
    """
    figure, (axes,) = panels(height=4.2)
    place_axes(axes, 1.0, 0.75, 7.7, 3.0)
    ridge = peak / bandwidth
    left, right = (min([ridge / 60, *(i / 2 for i, _ in points.values())]), 30 * ridge)
    intensities = torch.logspace(math.log10(left), math.log10(right), 200).tolist()
    roof = [attainable_flops(i, peak, bandwidth) for i in intensities]
    axes.plot(intensities, roof, color=INK)
    axes.fill_between(intensities, roof, min(roof) / 20, color=PALE, zorder=0)
    axes.axvline(ridge, color=GREY, linewidth=1, linestyle="--")
    axes.text(ridge, min(roof) / 10, f"  ridge, {ridge:.0f}", fontsize=12)
    for name, (intensity, speed) in points.items():
        axes.plot(intensity, speed, "o", color=BLUE, markersize=10)
        axes.annotate(name, (intensity, speed), xytext=(8, -13), textcoords="offset points", fontsize=12)
    axes.set(xscale="log", yscale="log", xlim=(left, right), ylim=(min(roof) / 20, 3 * peak))
    axes.set(xlabel=f"operations per byte (dots: {what} at once)", ylabel="operations a second")
    panel_title(axes, title)
    return figure


#: Operations a second in bfloat16 without sparsity, and bytes a second: data sheets; the laptop, an order of magnitude.
DEVICES = {"A100 (80 GB)": (312e12, 2.04e12), "H100 (SXM)": (989e12, 3.35e12), "a laptop's core": (0.1e12, 0.05e12)}


def device_roofline(device: str, log_tokens: int, width: int, bits: int) -> Figure:
    """Draw the roof of a device of DEVICES and one layer under it.

    log_tokens  the layer multiplies 2^log_tokens tokens
    width       by a (width, width) matrix
    bits        of a weight; the tokens keep 16
    """
    peak, bandwidth = DEVICES[device]
    m = 2**log_tokens
    intensity = matmul_intensity(m, width, width, 2)
    if bits != 16:  # the weights alone are smaller
        intensity = 2 * m * width**2 / (4 * m * width + width**2 * bits / 8)
    speed = attainable_flops(intensity, peak, bandwidth)
    seconds = 2 * m * width**2 / speed
    title = f"{speed / peak:.1%} of the peak, {m / seconds:,.0f} tokens a second through one layer"
    return roofline(peak, bandwidth, {f"{m}": (intensity, speed)}, title)


def launches(rows: Sequence[tuple[str, float, float, bool]], title: str, n: int = 8) -> Figure:
    """Draw who is busy when: launches above, the GPU's work below, for each way to run the same n operations.

    rows  name, µs of a launch, µs of an operation's work, whether one launch serves for all
    """
    figure, axes = panels(rows=len(rows), height=1.75 * len(rows) + 0.6)
    end = 1.45 * max(n * max(launch, work) + work for _, launch, work, _ in rows)
    for ax, (name, launch, work, at_once) in zip(axes, rows):
        free = 0.0
        for i in range(n):
            asked = launch if at_once else (i + 1) * launch
            if not at_once or i == 0:
                ax.broken_barh([(asked - launch, 0.94 * launch)], (1.1, 0.8), color=ORANGE)
            free = max(free, asked)
            ax.broken_barh([(free, 0.94 * work)], (0.1, 0.8), color=BLUE)
            free += work
        ax.set_yticks([0.5, 1.5], ["GPU works", "Python launches"])
        ax.set(xlim=(0, end), ylim=(0, 2))
        ax.tick_params(axis="y", length=0)
        ax.text(end, 1.5, f"{name}: {free:.0f} µs ", ha="right", va="center", fontsize=13)
    axes[-1].set_xlabel(f"microseconds, for {n} operations")
    panel_title(axes[0], title)
    return figure


def power_law(
    points: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    law: PowerLaw,
    draws: PowerLaw,
    entropy: float,
    title: str,
) -> Figure:
    """Draw measured losses, the fitted law, and what its uncertainty leaves open.

    points   name → (sizes, losses); the first were fitted, the others are shown
    law      the fit
    draws    of the bootstrap, three tensors (R,)
    entropy  of the text: no model gets below
    """
    figure, (axes,) = panels(height=4.6)
    every = [x for sizes, _ in points.values() for x in sizes]
    x = torch.logspace(math.log10(0.8 * min(every)), math.log10(1.4 * max(every)), 100)
    low, high = band(draws, x)
    axes.fill_between(x, low, high, color=SKY, alpha=0.35, label="95 % of the bootstrap")
    axes.plot(x, law.loss(x), color=BLUE, label="fitted law")
    for (name, (sizes, losses)), marker, color in zip(points.items(), "osD", (INK, ORANGE, GREY)):
        axes.plot(sizes, losses, marker, color=color, markersize=9, label=name, linestyle="none", alpha=0.8)
    axes.axhline(entropy, color=INK, linewidth=1.5, linestyle=":", label=f"entropy of the text, {entropy:.2f}")
    axes.set(xscale="log", xlabel="weights that multiply a token, N", ylabel="held-out loss (nats a token)")
    axes.legend(frameon=False, fontsize=12)
    panel_title(axes, title)
    return figure


def band(draws: PowerLaw, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the 2.5 % and the 97.5 % quantile of what R laws expect at x (n,): two tensors (n,)."""
    floor, scale, exponent = (torch.as_tensor(part)[:, None] for part in (draws.floor, draws.scale, draws.exponent))
    curves = floor + scale * x.double() ** -exponent
    return torch.quantile(curves, 0.025, dim=0), torch.quantile(curves, 0.975, dim=0)


def split(laws: Mapping[str, ScalingLaw], log_budget: float, log_ratio: float) -> Figure:
    """Draw the loss against the tokens a parameter at one budget, for each law, and where a choice of them is.

    log_budget  log₁₀ of the operations
    log_ratio   log₁₀ of the chosen tokens a parameter
    """
    figure, (axes,) = panels(height=4.4)
    place_axes(axes, 0.9, 0.75, 7.8, 3.2)
    budget = 10.0**log_budget
    ratios = torch.logspace(-1, 4, 160, dtype=torch.float64)
    chosen = torch.tensor(10.0**log_ratio, dtype=torch.float64)
    for (name, law), color, style in zip(laws.items(), PALETTE, ("-", "--")):
        curve = _loss_at(law, budget, ratios)
        axes.plot(ratios, curve, style, color=color, label=name)
        best = compute_optimal(budget, law)
        axes.plot(best[1] / best[0], law.loss(*best), "*", color=color, markersize=17, markeredgecolor=INK)
        axes.plot(chosen, _loss_at(law, budget, chosen), "o", color=color, markersize=9)
    n = (budget / 6 / chosen).sqrt().item()
    low = min(law.loss(*compute_optimal(budget, law)) for law in laws.values())
    axes.set(xscale="log", ylim=(low - 0.05, low + 0.35), xlabel="tokens for each parameter, D / N")
    axes.set_ylabel("expected loss (nats a token)")
    axes.legend(frameon=False, fontsize=12, loc="upper center")
    panel_title(axes, f"$10^{{{log_budget:g}}}$ operations: {n:.1e} parameters, {n * chosen.item():.1e} tokens")
    return figure


def _loss_at(law: ScalingLaw, budget: float, ratio: Tensor) -> Tensor:
    """Return the loss of N = √(C / 6r) parameters after D = rN tokens."""
    n = (budget / 6 / ratio).sqrt()
    return torch.as_tensor(law.loss(n, ratio * n))


def tiles(length: int, block: int, title: str) -> Figure:
    """Draw which tiles of a causal T × T matrix are computed, in which order, and which never are."""
    figure, (axes,) = panels(width=6.0, height=4.6)
    n, number = -(-length // block), 0
    for row in range(n):
        for column in range(n):
            seen = column <= row
            number += seen
            color = (SKY if column < row else BLUE) if seen else PALE
            axes.add_patch(Rectangle((column, row), 0.96, 0.96, color=color))
            if seen:
                axes.text(column + 0.48, row + 0.5, f"{number}", ha="center", va="center", fontsize=12)
    axes.set(xlim=(0, n), ylim=(n, 0), xlabel="blocks of keys", ylabel="blocks of queries", aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    panel_title(axes, title)
    return figure


def growth(lengths: Sequence[int], kept: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw bytes against the length of the text on double-logarithmic axes: name → MiB at each length."""
    figure, (axes,) = panels(height=3.8)
    for (name, values), color, style in zip(kept.items(), PALETTE, ("-o", "--s", "-.D")):
        axes.plot(lengths, values, style, color=color, label=name, markersize=8)
    axes.set(xscale="log", yscale="log", xlabel="tokens", ylabel="MiB")
    axes.set_xticks(lengths, [f"{n:,}" for n in lengths])
    axes.minorticks_off()
    axes.legend(frameon=False)
    panel_title(axes, title)
    return figure


def rounding(bits: Sequence[int], losses: Mapping[str, Sequence[float]], exact: float, title: str) -> Figure:
    """Draw the loss of a model whose weights have fewer bits: name → one loss for each number of bits."""
    figure, (axes,) = panels(height=3.8)
    places = range(len(bits))
    for (name, values), color, style in zip(losses.items(), PALETTE, ("-o", "--s", "-.D")):
        axes.plot(places, values, style, color=color, label=name, markersize=8)
    axes.axhline(exact, color=INK, linewidth=1.5, linestyle=":", label=f"float32, {exact:.2f}")
    axes.set_xticks(places, [f"{b}" for b in bits])
    axes.set(xlabel="bits of a weight", ylabel="held-out loss (nats a token)")
    axes.legend(frameon=False, fontsize=12)
    panel_title(axes, title)
    return figure


def parallelism() -> Figure:
    """Draw two machines that share the rows of a batch, and two that share a layer's matrices."""
    figure, (left, right) = panels(2, width=11.0, height=4.4)
    for ax in (left, right):
        ax.set(xlim=(0, 10), ylim=(0, 8))
        ax.axis("off")
    for i, x in enumerate((0.3, 5.3)):
        _box(left, x, 6.2, 4.2, 1.0, f"rows {i + 1}, {i + 3}, … of the batch", ORANGE)
        _box(left, x, 3.5, 4.2, 2.0, "all weights", BLUE)
        _box(left, x, 1.4, 4.2, 1.2, "gradient of its rows", SKY)
    left.annotate("", (9.4, 0.8), (0.4, 0.8), arrowprops={"arrowstyle": "<->", "color": INK, "lw": 2})
    left.text(5, 0.05, "mean over machines, once a step", ha="center", fontsize=13)
    panel_title(left, "Data parallel: share the text")
    for i, x in enumerate((0.3, 5.3)):
        _box(right, x, 6.2, 4.2, 1.0, "the whole batch", ORANGE)
        _box(right, x, 4.6, 4.2, 1.2, f"{('left', 'right')[i]} columns of A", BLUE)
        _box(right, x, 3.0, 4.2, 1.2, f"{('upper', 'lower')[i]} rows of B", BLUE)
        _box(right, x, 1.4, 4.2, 1.2, "a part of every sum", SKY)
    right.annotate("", (9.4, 0.8), (0.4, 0.8), arrowprops={"arrowstyle": "<->", "color": INK, "lw": 2})
    right.text(5, 0.05, "sum over machines, in each layer", ha="center", fontsize=13)
    panel_title(right, "Tensor parallel: share the matrices")
    return figure


def _box(axes: Axes, x: float, y: float, width: float, height: float, text: str, color: str) -> None:
    axes.add_patch(Rectangle((x, y), width, height, facecolor=color, alpha=0.35, edgecolor=INK))
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=12)
