"""Pictures of attention: who looks at whom, which masks hide what, and what scaling and length cost.

Weights are given as tensors whose rows are queries and whose columns are keys, as in (T, S) of `course_lib.attention`.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from course_lib.figures.boxes import draw_arrow, draw_box
from course_lib.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    PALETTE,
    QUIET,
    RUST,
    SEQUENTIAL,
    SKY,
    YELLOW,
    figure_title,
    panel_title,
    panels,
    place_axes,
)


def look_back(tokens: Sequence[str], weights: Tensor, title: str, ylabel: str = "attention weight") -> Figure:
    """Draw one query's view: arcs from the last token back to the others, as wide as their weights, and bars below.

    tokens   T words; the last one is the query
    weights  (T,) how much it looks at each of them, itself included
    """
    weights = weights.detach().float()
    figure, (arcs, bars) = panels(1, 2, width=9, height=4.4)
    last, peak = len(tokens) - 1, max(float(weights.max()), 1e-9)
    angles = np.linspace(0, np.pi, 60)
    for position, weight in enumerate(weights[:last].tolist()):
        if weight > 0.02 * peak:  # half an ellipse from the last word back to this one
            radius, strength = (last - position) / 2, weight / peak
            style = {"color": BLUE, "alpha": 0.25 + 0.7 * strength}
            arcs.plot(
                (last + position) / 2 + radius * np.cos(angles),
                radius * np.sin(angles),
                linewidth=1 + 6 * strength,
                **style,
            )
            arcs.plot(position, 0, marker="v", markersize=9, clip_on=False, **style)
    arcs.set(xlim=(-0.6, last + 0.6), ylim=(0, last / 2 + 0.3))
    panel_title(arcs, title)
    arcs.axis("off")
    colours = [ORANGE if i == last else BLUE for i in range(len(tokens))]
    bars.bar(range(len(tokens)), weights.tolist(), color=colours, width=0.7)
    bars.set_xticks(range(len(tokens)), tokens)
    bars.get_xticklabels()[last].set_fontweight("bold")
    bars.set(xlim=(-0.6, last + 0.6), ylabel=ylabel, ylim=(0, 1.15 * peak))
    for position, weight in enumerate(weights.tolist()):
        bars.text(position, weight + 0.02 * peak, f"{weight:.2f}", ha="center", va="bottom", fontsize=11)
    return figure


def weight_map(
    weights: Tensor, queries: Sequence[str], keys: Sequence[str], title: str, axes: Axes | None = None
) -> Figure:
    """Draw a matrix of attention weights (T, S) as a heat map; with at most 8 keys the cells show numbers."""
    if axes is None:
        width, height = 3.4 + 0.55 * max(len(keys), 6), 1.5 + 0.5 * max(len(queries), 1.4)
        _, (axes,) = panels(1, width=width, height=height)
    values = weights.detach().float().cpu().numpy()
    axes.imshow(values, cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(
        range(len(keys)), keys, rotation=45 if len(keys) > 4 else 0, ha="right" if len(keys) > 4 else "center"
    )
    axes.set_yticks(range(len(queries)), queries)
    axes.set(xlabel="key: looked at", ylabel="query: who looks")
    panel_title(axes, title)
    axes.tick_params(length=0)
    for side_name in ("left", "bottom"):
        axes.spines[side_name].set_visible(False)
    if len(keys) <= 8:
        for row, column in np.ndindex(*values.shape):
            weight = float(values[row, column])
            axes.text(
                column,
                row,
                f"{weight:.2f}",
                ha="center",
                va="center",
                fontsize=11,
                color=INK if weight > 0.5 else "white",
            )
    return cast(Figure, axes.figure)  # the course has no figures within figures


def masks(named: Mapping[str, Tensor], queries: Sequence[str], keys: Sequence[str]) -> Figure:
    """Draw boolean masks (T, S) side by side: bright = may attend, dark = hidden."""
    figure, all_axes = panels(len(named), width=3.4 * len(named) + 0.6, height=3.9)
    for axes, (name, mask) in zip(all_axes, named.items()):
        shape = (len(queries), len(keys))
        seen = mask.expand(shape).cpu().numpy()
        axes.imshow(seen, cmap=ListedColormap(["#444444", YELLOW]), vmin=0, vmax=1)
        axes.set_xticks(range(len(keys)), keys, rotation=45, ha="right")
        axes.set_yticks(range(len(queries)), queries if axes is all_axes[0] else [""] * len(queries))
        axes.set_xticks(np.arange(len(keys) - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(len(queries) - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=2)
        axes.tick_params(which="both", length=0)
        for row, column in np.ndindex(*shape):
            ok = bool(seen[row, column])
            axes.text(column, row, "✓" if ok else "·", ha="center", va="center", color=INK if ok else "white")
        axes.set(xlabel="key")
        panel_title(axes, name)
    all_axes[0].set_ylabel("query")
    return figure


def explorer(tokens: Sequence[str], weights: Tensor, layer: int, head: int, query: int) -> Figure:
    """Draw one head: the whole matrix on the left, one query's weights as bars on the right.

    tokens   T words
    weights  (L, H, T, T) the weights of every layer and head on these words
    layer, head, query  which to show, counted from 0
    """
    matrix = weights[layer, head].detach().float().cpu().numpy()
    size, longest = len(tokens), 0.085 * max(len(token) for token in tokens)  # inches
    height = 1.7 + 0.27 * max(size, 8)
    figure, (left, right) = panels(2, width=9.6, height=height)
    place_axes(left, 0.65 + longest, 0.75 + 0.87 * longest, 3.9 - longest, height - 1.1 - 0.87 * longest)
    place_axes(right, 5.0 + longest, 0.75 + 0.87 * longest, 4.4 - longest, height - 1.1 - 0.87 * longest)
    left.imshow(matrix, cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    left.set_xticks(range(size), tokens, rotation=60, ha="right", fontsize=10)
    left.set_yticks(range(size), tokens, fontsize=10)
    left.add_patch(Rectangle((-0.5, query - 0.5), size, 1, fill=False, edgecolor=ORANGE, linewidth=2.5))
    left.set(xlabel="key: looked at", ylabel="query: who looks")
    panel_title(left, f"Layer {layer + 1}, head {head + 1}")
    colours = [ORANGE if i == query else BLUE for i in range(size)]
    right.barh(range(size), matrix[query], color=colours, height=0.75)
    right.set_yticks(range(size), tokens, fontsize=10)
    right.get_yticklabels()[query].set_fontweight("bold")
    right.set(xlim=(0, 1), ylim=(size - 0.5, -0.5), xlabel="attention weight")
    panel_title(right, f"What “{tokens[query]}” looks at")
    return figure


def recall(facts: Sequence[int], curves: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw the fraction of facts recalled correctly against the number of facts stored, one line per memory."""
    figure, (axes,) = panels(1, width=8.4, height=3.8)
    for (name, values), colour, marker in zip(curves.items(), PALETTE, "osD^v"):
        axes.plot(facts, values, color=colour, marker=marker, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(facts, [str(n) for n in facts])
    axes.set(ylim=(0, 1.05), xlabel="facts stored", ylabel="recalled correctly")
    panel_title(axes, title)
    axes.legend(frameon=False, loc="lower left")
    return figure


def score_spread(
    d_heads: Sequence[int],
    plain: Sequence[float],
    scaled: Sequence[float],
    peaks: Mapping[str, Sequence[float]],
) -> Figure:
    """Draw, against d_k: the standard deviation of scores (left) and the mean largest softmax weight (right)."""
    figure, (left, right) = panels(2, width=9.6, height=3.8)
    left.plot(d_heads, np.sqrt(d_heads), color=GREY, linestyle="--", label="√d_k")
    left.plot(d_heads, plain, "o", color=RUST, label="q·k")
    left.plot(d_heads, scaled, "s", color=BLUE, label="q·k / √d_k")
    left.set(ylabel="standard deviation of the scores")
    panel_title(left, "Unscaled scores spread like √d_k")
    left.set_yscale("log", base=2)
    for (name, values), colour, marker in zip(peaks.items(), (RUST, BLUE), "os"):
        right.plot(d_heads, values, color=colour, marker=marker, label=name)
    right.set(ylabel="mean largest weight of 16 keys", ylim=(0, 1.05))
    panel_title(right, "… until one key takes nearly all")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(d_heads, [str(d) for d in d_heads], fontsize=11)
        axes.set_xlabel("d_k, features of a query")
        axes.legend(frameon=False)
    return figure


def saturation(d_head: int, divide: bool, n_keys: int = 12, seed: int = 0) -> Figure:
    """Draw one query's softmax weights over random keys, and how strongly each score could still be learned.

    The right panel shows p (1 − p), the slope of each weight in its own score; where all are near 0, nothing learns.
    """
    generator = torch.Generator().manual_seed(seed)
    q = torch.randn(d_head, generator=generator)
    k = torch.randn(n_keys, d_head, generator=generator)
    scores = k @ q / (d_head**0.5 if divide else 1.0)
    probs = scores.softmax(-1).numpy()
    figure, (left, right) = panels(2, width=9.6, height=3.4)
    place_axes(left, 0.75, 0.65, 3.9, 2.35)
    place_axes(right, 5.6, 0.65, 3.9, 2.35)
    left.bar(range(1, n_keys + 1), probs, color=BLUE)
    left.set(ylabel="attention weight")
    panel_title(left, f"Scores spread {float(scores.std()):.1f}: largest weight {float(probs.max()):.2f}")
    slopes = probs * (1 - probs)
    right.bar(range(1, n_keys + 1), slopes, color=RUST)
    right.set(ylabel="slope p (1 − p)", ylim=(0, 0.27))
    panel_title(right, f"Mean slope left: {float(slopes.mean()):.1e}")
    left.set_ylim(0, 1.05)
    for axes in (left, right):
        axes.set_xticks(range(2, n_keys + 1, 2))
        axes.set_xlabel("key")
    return figure


def data_flow(d_model: int, n_heads: int) -> Figure:
    """Draw multi-head attention from x to its output, with the shape of what flows along each arrow.

    d_model  features of a token
    n_heads  H, heads of d_model / H features each
    """
    figure, (axes,) = panels(1, width=10.5, height=6.4)
    axes.set(xlim=(-2.2, 8.6), ylim=(-0.9, 8.2))
    axes.axis("off")
    panel_title(axes, f"Multi-head attention: {n_heads} heads of {d_model // n_heads} features")
    columns = {"q": 0.0, "k": 3.2, "v": 6.4}
    wide, split = f"(B, {{}}, {d_model})", f"(B, {n_heads}, {{}}, {d_model // n_heads})"
    for name, x in columns.items():
        length = "T" if name == "q" else "S"
        draw_box(axes, x, 0.9, f"{name}_proj", SKY)
        draw_box(axes, x, 2.2, "split_heads", PALE)
        source = "x  " if name == "q" else "memory  "
        axes.text(x, -0.35, source + wide.format(length), ha="center", fontsize=12)
        draw_arrow(axes, (x, -0.1), (x, 0.55))
        draw_arrow(axes, (x, 1.25), (x, 1.85))
        axes.text(x + 0.12, 2.78, split.format(length), fontsize=11, color=QUIET)
    middle = (columns["q"] + columns["k"]) / 2
    draw_box(axes, middle, 3.8, "q kᵀ / √d_head,  mask,  softmax", YELLOW, width=4.6)
    for name in ("q", "k"):
        draw_arrow(axes, (columns[name], 2.55), (columns[name], 3.45))
    axes.text(middle + 0.12, 4.3, f"weights (B, {n_heads}, T, S): every row sums to 1", fontsize=11, color=QUIET)
    draw_box(axes, middle, 5.1, "weights · v", ORANGE)
    draw_arrow(axes, (middle, 4.15), (middle, 4.75))
    draw_arrow(axes, (columns["v"], 2.55), (columns["v"], 5.1), (middle + 1.37, 5.1))
    draw_box(axes, middle, 6.2, "merge_heads", PALE)
    draw_box(axes, middle, 7.2, "out_proj", SKY)
    for low, high, shape in ((5.45, 5.85, split.format("T")), (6.55, 6.85, wide.format("T"))):
        draw_arrow(axes, (middle, low), (middle, high))
        axes.text(middle + 0.12, (low + high) / 2, shape, va="center", fontsize=11, color=QUIET)
    draw_arrow(axes, (middle, 7.55), (middle, 7.95))
    axes.text(middle + 0.12, 7.8, "output " + wide.format("T"), va="center", fontsize=12)
    return figure


def memory(lengths: Sequence[int], named: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw bytes against sequence length, both logarithmic, one line per implementation; values in MiB."""
    figure, (axes,) = panels(1, width=8.4, height=4.0)
    for (name, values), colour, marker in zip(named.items(), (RUST, BLUE, PALETTE[2]), "os^"):
        axes.plot(lengths, values, color=colour, marker=marker, label=name)
        axes.annotate(
            f"{values[-1]:,.1f} MiB",
            (lengths[-1], values[-1]),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=11,
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=10)
    axes.set_xticks(lengths, [f"{n:,}" for n in lengths])
    axes.set_xlim(lengths[0] * 0.9, lengths[-1] * 1.55)
    axes.set(xlabel="tokens in the sequence, T", ylabel="kept for the backward pass (MiB)")
    panel_title(axes, title)
    axes.legend(frameon=False, loc="upper left")
    return figure


def leak(tokens: Sequence[str], changes: Mapping[str, Tensor], changed: int) -> Figure:
    """Draw how much each position's output moved when one token was replaced, a panel per mask.

    tokens   the T tokens, as labels
    changes  name of a mask → (T,) how far each position's output moved, ≥ 0
    changed  position of the token that was replaced
    """
    figure, all_axes = panels(len(changes), width=9.6, height=3.4)
    for axes, (name, values) in zip(all_axes, changes.items()):
        colours = [ORANGE if i == changed else RUST if i < changed else BLUE for i in range(len(tokens))]
        axes.bar(range(len(tokens)), values.tolist(), color=colours)
        axes.set_xticks(range(len(tokens)), tokens, rotation=45, ha="right")
        axes.set(ylabel="change of the output" if axes is all_axes[0] else "")
        panel_title(axes, name)
        axes.axvspan(-0.5, changed - 0.5, color=PALE, zorder=0)
        axes.set_xlim(-0.5, len(tokens) - 0.5)
    return figure


def agreement(prefixes: Sequence[str], named: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw, for each beginning of a sentence, the share of verb probability that agrees with the subject's number."""
    figure, (axes,) = panels(1, width=9.6, height=1.4 + 0.62 * len(prefixes))
    height = 0.8 / len(named)
    for index, ((name, shares), colour) in enumerate(zip(named.items(), (BLUE, ORANGE, GREY))):
        places = np.arange(len(prefixes)) + (index - (len(named) - 1) / 2) * height
        axes.barh(places, shares, height=0.9 * height, color=colour, label=name)
        for place, share in zip(places, shares):
            axes.text(share + 0.01, place, f"{share:.2f}", va="center", fontsize=10)
    axes.set_yticks(range(len(prefixes)), prefixes, fontsize=11)
    axes.set(xlim=(0, 1.08), ylim=(len(prefixes) - 0.5, -0.5), xlabel="share of verb probability with the right number")
    figure_title(figure, title)
    figure.legend(*axes.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=len(named))
    return figure
