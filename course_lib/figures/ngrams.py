"""Figures of lesson 03: losses against order and size, n-grams that never came, what counts promise and keep.

Each function returns a matplotlib figure of the numbers that it is given. Words are categories, so they are bars.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from course_lib.figures.style import BLUE, GREY, INK, ORANGE, PALE, PALETTE, PINK, RUST_INK, panel_title, panels

_MARKERS = "osD^vPX"


def losses(
    x: Sequence[float],
    held_out: Mapping[str, Sequence[float]],
    floor: float,
    title: str,
    xlabel: str,
    training: Mapping[str, Sequence[float]] | None = None,
    top: float | None = None,
    log: bool = False,
) -> Figure:
    """Return cross-entropies against an order or a size, with the entropy rate that no held-out loss gets below.

    x         one place for each value, increasing
    held_out  model → loss on held-out text at each place, nats per token; inf and nan become marks at the upper edge
    training  model → loss on the text that was counted, dashed
    top       upper end of the axis; losses above it are cut off. None: the largest finite loss
    log       whether x is logarithmic
    """
    training = training or {}
    figure, (axis,) = panels(width=10.0, height=4.4)
    finite = [v for values in [*held_out.values(), *training.values()] for v in values if math.isfinite(v)]
    top = top or 1.06 * max(finite)
    infinite = False
    for i, (name, values) in enumerate(held_out.items()):
        inside = [(a, b) for a, b in zip(x, values) if math.isfinite(b)]
        outside = [a for a, b in zip(x, values) if not math.isfinite(b)]
        color, marker = PALETTE[i % len(PALETTE)], _MARKERS[i % len(_MARKERS)]
        axis.plot(*zip(*inside) if inside else ([], []), color=color, marker=marker, label=name)
        axis.plot(outside, [top] * len(outside), "^", color=color, markersize=12, clip_on=False)
        infinite |= bool(outside)
    for i, (name, values) in enumerate(training.items()):
        axis.plot(x, values, "--", color=(PINK, GREY, INK)[i % 3], marker=".", label=f"{name}, on its training text")
    if infinite:
        axis.plot([], [], "^", color=INK, markersize=12, label="infinite, or no prediction")
    axis.axhline(floor, color=INK, linewidth=1.5, linestyle=":", label=f"entropy rate {floor:.2f}")
    low = min([floor, *finite])
    axis.set(xlabel=xlabel, ylabel="nats per token", ylim=(min(0.9 * low, low - 0.1), top))
    if log:
        axis.set_xscale("log")
    else:
        axis.set_xticks(list(x))
    axis.set_title(title, loc="left", fontweight="bold", fontsize=14, pad=14 if infinite else 6)
    figure.legend(loc="outside right center", frameon=False, fontsize=12)
    return figure


def unseen(sizes: Sequence[int], shares: Mapping[int, Sequence[float]], title: str) -> Figure:
    """Return the share of held-out n-grams that were never counted, against the number of tokens counted.

    shares  n → share for each size, 0 to 1
    """
    figure, (axis,) = panels(height=4.0)
    for i, (n, values) in enumerate(shares.items()):
        axis.plot(sizes, [100 * v for v in values], color=PALETTE[i % 7], marker=_MARKERS[i % 7])
        axis.annotate(f"n = {n}", (sizes[-1], 100 * values[-1]), xytext=(8, 0), textcoords="offset points", va="center")
    axis.set(xscale="log", ylim=(0, 100), xlabel="tokens counted", ylabel="never seen before (%)")
    axis.margins(x=0.08)
    panel_title(axis, title)
    return figure


def promised_and_kept(counts: Sequence[int], later: Sequence[float], discount: float, title: str) -> Figure:
    """Return how often n-grams that were counted r times came in as much new text, beside the line “r times again”.

    counts    r = 0, 1, 2, …
    later     mean number of occurrences in the new text, for each r
    discount  a second line is drawn this much lower
    """
    figure, (axis,) = panels(height=4.4)
    axis.plot(counts, counts, color=GREY, linestyle="--", label="as often again")
    axis.plot(counts[1:], [r - discount for r in counts[1:]], color=ORANGE, label=f"{discount:.2f} less")
    axis.plot(counts, later, "o", color=BLUE, markersize=11, label="what really came")
    for r, mean in zip(counts, later):
        axis.annotate(
            f"{mean:.2f}" if mean >= 0.01 else f"{mean:.4f}",
            (r, mean), xytext=(9, -14), textcoords="offset points", fontsize=12,
        )  # fmt: skip
    axis.set(xlabel="times counted in the training text", ylabel="times in as much new text (mean)")
    axis.set_xticks(list(counts))
    axis.set(xlim=(-0.3, counts[-1] + 0.6), ylim=(-0.5, counts[-1] + 0.3))
    panel_title(axis, title)
    axis.legend(loc="upper left", frameon=False, fontsize=12)
    return figure


def two_shares(
    words: Sequence[str], shares: Mapping[str, Sequence[float]], title: str, ylabel: str = "share (%)"
) -> Figure:
    """Return grouped bars of two or three shares of each word, in percent."""
    figure, (axis,) = panels(height=3.9)
    width = 0.8 / len(shares)
    for i, (name, values) in enumerate(shares.items()):
        places = [w + (i - (len(shares) - 1) / 2) * width for w in range(len(words))]
        axis.bar(places, [100 * v for v in values], 0.92 * width, color=(GREY, BLUE, ORANGE)[i % 3], label=name)
    axis.set_xticks(range(len(words)), words)
    axis.tick_params(axis="x", length=0)
    axis.set_ylabel(ylabel)
    panel_title(axis, title)
    figure.legend(loc="outside lower center", ncols=len(shares), frameon=False, fontsize=12)
    return figure


def next_words(
    beginning: str, words: Sequence[str], exact: np.ndarray, model: np.ndarray, name: str, n_shown: int = 8
) -> Figure:
    """Return the most likely next words: their exact probabilities, and the model's.

    beginning  the text so far
    words      V words
    exact      (V,) the true probabilities
    model      (V,) the model's; nan everywhere where it has no prediction
    name       of the model
    n_shown    words: half of them the language's favourites, the rest the model's
    """
    figure, (axis,) = panels(height=4.6)
    figure.set_layout_engine(None)
    figure.subplots_adjust(left=0.17, right=0.97, top=0.84, bottom=0.13)
    undefined = bool(np.isnan(model).any())
    shown = list(np.argsort(-exact)[: n_shown // 2])
    favourites = np.argsort(-exact if undefined else -model, kind="stable")
    shown += [w for w in favourites if w not in shown][: n_shown - len(shown)]
    places = np.arange(n_shown)
    axis.barh(places - 0.2, exact[shown], 0.38, color=GREY, label="the language itself")
    axis.barh(places + 0.2, np.nan_to_num(model[shown]), 0.38, color=BLUE, label=name)
    axis.set_yticks(places, [words[w] for w in shown])
    axis.tick_params(axis="y", length=0)
    axis.set(xlim=(0, 1), ylim=(n_shown - 0.4, -0.6), xlabel="probability of being next")
    if undefined:
        axis.text(0.5, n_shown / 2, "no prediction: 0 / 0", fontsize=20, color=RUST_INK, va="center")
    wrong = 0.5 * np.abs(exact - model).sum()
    axis.set_title("" if undefined else f"misplaced: {100 * wrong:.0f} %", loc="right", fontsize=13)
    panel_title(axis, f"“{beginning} …”")
    axis.legend(loc="lower right", frameon=False, fontsize=12)
    return figure


def added_counts(
    ks: Sequence[float], curves: Mapping[str, Sequence[float]], chosen: int, bars: Mapping[str, tuple[float, float]]
) -> Figure:
    """Return held-out loss against k with one k marked, and what that k does to the words after one history.

    ks      the values of k, increasing
    curves  model → held-out loss at each k, nats per token
    chosen  index of the marked k
    bars    word → its relative frequency after the history, its probability at the marked k
    """
    figure, (left, right) = panels(2, width=10.0, height=4.2)
    figure.set_layout_engine(None)
    figure.subplots_adjust(left=0.08, right=0.98, top=0.88, bottom=0.16, wspace=0.22)
    for i, (name, values) in enumerate(curves.items()):
        left.plot(ks, values, color=PALETTE[i], label=name)
        left.plot(ks[chosen], values[chosen], "o", color=PALETTE[i], markersize=11)
        left.annotate(
            f"{values[chosen]:.2f}", (ks[chosen], values[chosen]), xytext=(0, 10), textcoords="offset points",
            ha="center", fontsize=12,
        )  # fmt: skip
    left.axvline(ks[chosen], color=PALE, zorder=0)
    left.set(xscale="log", xlabel="k, added to every count", ylabel="held-out loss (nats per token)")
    left.margins(y=0.12)
    left.legend(frameon=False, fontsize=12)
    panel_title(left, f"k = {ks[chosen]:g}")
    places = np.arange(len(bars))
    right.bar(places - 0.2, [b[0] for b in bars.values()], 0.38, color=GREY, label="relative frequency")
    right.bar(places + 0.2, [b[1] for b in bars.values()], 0.38, color=BLUE, label="with k added")
    right.set_xticks(places, list(bars), rotation=30, ha="right", rotation_mode="anchor", fontsize=12)
    right.set(ylim=(0, 1.02), ylabel="probability")
    right.legend(frameon=False, fontsize=12)
    panel_title(right, "After one history")
    return figure


def bars(names: Sequence[str], values: Sequence[float], title: str, ylabel: str, labels: Sequence[str]) -> Figure:
    """Return plain bars with a label on each."""
    figure, (axis,) = panels(height=3.6)
    axis.bar(range(len(names)), values, 0.6, color=BLUE)
    _label(axis, values, labels)
    axis.set_xticks(range(len(names)), names)
    axis.tick_params(axis="x", length=0)
    axis.set(ylabel=ylabel, ylim=(0, 1.2 * max(values)))
    panel_title(axis, title)
    return figure


def _label(axis: Axes, values: Sequence[float], labels: Sequence[str]) -> None:
    for place, (value, label) in enumerate(zip(values, labels)):
        axis.annotate(
            label, (place, value), xytext=(0, 4), textcoords="offset points", ha="center", color=INK, fontsize=12
        )
