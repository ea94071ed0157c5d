"""Pictures of the encoder–decoder Transformer: its parts, its masks, what a norm averages over, who looks at whom."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from torch import Tensor

from course_lib.figures.boxes import draw_arrow, draw_box
from course_lib.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    QUIET,
    RUST,
    RUST_INK,
    SEQUENTIAL,
    SKY,
    YELLOW,
    figure_title,
    panel_title,
    panels,
)

_DARK = "#444444"


def _sublayer(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Draw a coloured box with the strip "add & norm" on top of it."""
    axes.add_patch(Rectangle((x - 1.33, y + 0.34), 2.66, 0.28, fc="white", ec=INK, lw=1.2))
    axes.text(x, y + 0.47, "add & norm", ha="center", va="center", fontsize=10)
    draw_box(axes, x, y, text, colour)


def architecture(source: str, written: str, answer: str) -> Figure:
    """Draw the two stacks with what goes in and out: source, what the decoder has written, and what it writes next."""
    figure, (axes,) = panels(1, width=9.6, height=6.0)
    axes.set(xlim=(-1.9, 8.9), ylim=(-1.15, 7.3))
    axes.axis("off")
    panel_title(axes, "An encoder reads, a decoder writes")
    left, right, rows = 1.2, 6.0, {"embed": 0.6, "self": 1.75, "cross": 3.1, "forward": 4.45, "out": 5.8}
    for x, top, name in ((left, 5.15, "encoder\n× N"), (right, 5.15, "decoder\n× N")):
        frame = FancyBboxPatch(
            (x - 1.75, 1.2), 3.5, top - 1.2, boxstyle="round,pad=0.08", fc="#f7f7f7", ec=GREY, lw=1.2
        )
        axes.add_patch(frame)
        side = -1 if x == left else 1
        axes.text(x + side * 1.95, 2.9, name, ha="right" if side < 0 else "left", va="center", color=QUIET)
    for x in (left, right):
        draw_box(axes, x, rows["embed"], "token + position", PALE)
        _sublayer(axes, x, rows["forward"], "feed-forward", SKY)
    _sublayer(axes, left, rows["self"], "self-attention", YELLOW)
    _sublayer(axes, right, rows["self"], "self-attention, masked", YELLOW)
    _sublayer(axes, right, rows["cross"], "cross-attention", ORANGE)
    draw_box(axes, right, rows["out"], "to logits", PALE)
    axes.text(left, -0.35, source, ha="center", fontsize=13, family="monospace")
    axes.text(right, -0.35, written, ha="center", fontsize=13, family="monospace")
    axes.text(right, 6.6, answer, ha="center", fontsize=13, family="monospace", fontweight="bold", color=RUST_INK)
    axes.text(left, -0.85, "source", ha="center", fontsize=11, color=QUIET)
    axes.text(right, -0.85, "target so far", ha="center", fontsize=11, color=QUIET)
    axes.text(right + 0.3, 6.6, "next character", fontsize=11, color=QUIET)
    for x, stops in ((left, ("embed", "self", "forward")), (right, tuple(rows))):
        draw_arrow(axes, (x, -0.05), (x, rows["embed"] - 0.35))
        for below, above in pairwise(stops):
            draw_arrow(axes, (x, rows[below] + (0.35 if below == "embed" else 0.62)), (x, rows[above] - 0.35))
    draw_arrow(axes, (right, rows["out"] + 0.35), (right, 6.5))
    middle = (left + right) / 2
    draw_arrow(
        axes,
        (left, rows["forward"] + 0.62),
        (left, 5.6),
        (middle, 5.6),
        (middle, rows["cross"]),
        (right - 1.35, rows["cross"]),
        colour=BLUE,
    )
    axes.text(middle - 0.1, 5.72, "memory", ha="right", color=BLUE)
    return figure


def averaged_together(n_sequences: int = 3, length: int = 4, d_model: int = 6) -> Figure:
    """Draw which numbers share a mean: those of one position (layer norm), or of one feature (batch norm)."""
    figure, (left, right) = panels(2, width=9.6, height=3.9)
    for axes, name in ((left, "Layer norm: one token alone"), (right, "Batch norm: one feature, all tokens")):
        for sequence in range(n_sequences):
            start = sequence * (length + 1)
            for position in range(length):
                padding = sequence == n_sequences - 1 and position >= length - 2
                for feature in range(d_model):
                    chosen = (sequence, position) == (0, 1) if axes is left else feature == 2
                    colour = ORANGE if chosen else "#bdbdbd" if padding else PALE
                    place = (start + position, d_model - 1 - feature)
                    axes.add_patch(Rectangle(place, 1, 1, fc=colour, ec="white", lw=2))
                if padding:
                    axes.text(start + position + 0.5, -0.45, "pad", ha="center", va="center", fontsize=10, color=QUIET)
            axes.text(start + length / 2, d_model + 0.25, f"text {sequence + 1}", ha="center", fontsize=11)
        axes.set(xlim=(-0.2, n_sequences * (length + 1) - 0.8), ylim=(-0.8, d_model + 0.9))
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set(xlabel="positions", ylabel="features")
        for side in axes.spines.values():
            side.set_visible(False)
        panel_title(axes, name)
    return figure


def _cells(axes: Axes, seen: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Draw a boolean grid, bright = may attend, with a label for every row and column."""
    axes.imshow(seen, cmap=ListedColormap([_DARK, YELLOW]), vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, fontsize=11)
    axes.set_yticks(range(len(rows)), rows, fontsize=11)
    axes.set_xticks(np.arange(len(columns) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def three_masks(source_mask: Tensor, target_mask: Tensor, source: Sequence[str], target: Sequence[str]) -> Figure:
    """Draw where two masks are used: bright = may attend, dark = hidden.

    source_mask  (S,) boolean: used twice, by the encoder and by the decoder's look across
    target_mask  (T, T) boolean
    source, target  S and T labels
    """
    figure, (encoder, decoder, cross) = panels(3, width=10.4, height=3.9)
    real = source_mask.cpu().numpy()
    _cells(encoder, np.broadcast_to(real, (len(source), len(source))), source, source)
    _cells(decoder, target_mask.cpu().numpy(), target, target)
    _cells(cross, np.broadcast_to(real, (len(target), len(source))), target, source)
    for axes, name, asks, answers in (
        (encoder, "Encoder: source mask", "source", "source"),
        (decoder, "Decoder: target mask", "target", "target"),
        (cross, "Across: source mask", "target", "source"),
    ):
        panel_title(axes, name)
        axes.set(xlabel=f"key: {answers}", ylabel=f"query: {asks}")
    return figure


def warm_up(rates: Sequence[float], no_warm_up: Sequence[float], highest: float, title: str) -> Figure:
    """Draw a learning rate against the number of the update, from update 1 on.

    rates       with a warm-up
    no_warm_up  the falling part alone, dashed
    highest     where the axis ends; the dashed line goes on above it
    """
    figure, (axes,) = panels(1, width=9.0, height=3.8)
    updates = range(1, len(rates) + 1)
    axes.plot(updates, no_warm_up, color=GREY, linestyle="--", linewidth=1.8, label="no warm-up")
    axes.plot(updates, rates, color=BLUE, label="with warm-up")
    axes.set(xlabel="update", ylabel="learning rate", ylim=(0, highest))
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, -3), useMathText=True)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    panel_title(axes, title)
    axes.legend(frameon=False)
    return figure


def _letters(text: str) -> list[str]:
    return ["␣" if character == " " else character for character in text]


def three_maps(source: str, written: str, encoder: Tensor, decoder: Tensor, cross: Tensor, title: str) -> Figure:
    """Draw the three attentions of one translated pair as heat maps.

    source         S characters
    written        T characters that the decoder read, its begin as ▸
    encoder        (S, S) weights: source looks at source
    decoder        (T, T): target looks back
    cross          (T, S): target looks at source

    The brightest cell of each panel is its largest weight.
    """
    figure, all_axes = panels(3, width=11.4, height=4.4)
    reads, writes = _letters(source), _letters(written)
    for axes, weights, rows, columns, name in (
        (all_axes[0], encoder, reads, reads, "Encoder: source on source"),
        (all_axes[1], decoder, writes, writes, "Decoder: target on itself"),
        (all_axes[2], cross, writes, reads, "Across: target on source"),
    ):
        axes.imshow(weights.detach().float().cpu().numpy(), cmap=SEQUENTIAL, vmin=0, aspect="auto")
        axes.set_xticks(range(len(columns)), columns, fontsize=10, family="monospace")
        axes.set_yticks(range(len(rows)), rows, fontsize=10, family="monospace")
        axes.tick_params(length=0)
        axes.set(xlabel="key: looked at", ylabel="query: who looks")
        panel_title(axes, name)
    figure_title(figure, title)
    return figure


def alignment(source: str, written: str, cross: Tensor, step: int, name: str) -> Figure:
    """Draw one step of a translation: what is written so far, and where the decoder looks in the source.

    source   S characters
    written  T characters in all
    cross    (T, S) weights; row t belongs to the query that predicts written[t]
    step     which character is being written, from 0
    name     whose weights they are: a layer and a head
    """
    figure, (axes,) = panels(1, width=9.6, height=3.3)
    weights = cross[step].detach().float().cpu().numpy()
    axes.bar(range(len(source)), weights, color=BLUE, width=0.8)
    axes.set_xticks(range(len(source)), _letters(source), family="monospace", fontsize=14)
    axes.set(
        ylim=(0, 1.05), xlim=(-0.7, len(source) - 0.3), xlabel="character of the source", ylabel="attention weight"
    )
    axes.tick_params(axis="x", length=0)
    panel_title(axes, f"To write “{written[step]}” after “{written[:step]}”: {name}")
    return figure


def lines(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    xlabel: str,
    ylabel: str,
    title: str,
    level: tuple[str, float] | None = None,
) -> Figure:
    """Draw named curves, each a pair (x values, y values), and if wanted a dashed level (name, y) to compare with."""
    figure, (axes,) = panels(1, width=9.0, height=4.0)
    for (name, (x, y)), colour, marker in zip(curves.items(), (BLUE, RUST, GREEN, ORANGE), "osD^"):
        axes.plot(x, y, color=colour, marker=marker, label=name)
    if level is not None:
        axes.axhline(level[1], color=GREY, linewidth=1.8, linestyle="--", label=level[0])
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set_ylim(bottom=0)
    panel_title(axes, title)
    axes.legend(frameon=False)
    return figure


def moved(change: Mapping[str, Tensor], n_positions: int, changed: int, title: str) -> Figure:
    """Draw how far each position of two texts moved when one token of the first was replaced, a panel per norm.

    change   name → (2, n_positions) largest change of a feature
    changed  the position, in the first text, of the token that was replaced
    """
    figure, all_axes = panels(len(change), width=9.6, height=3.5)
    places = np.arange(n_positions)
    for axes, (name, values) in zip(all_axes, change.items()):
        colours = [ORANGE if position == changed else BLUE for position in places]
        axes.bar(places, values[0].tolist(), color=colours)
        axes.bar(places + n_positions + 1, values[1].tolist(), color=BLUE)
        labels = [str(position) for position in places] * 2
        axes.set_xticks([*places, *(places + n_positions + 1)], labels)
        axes.set(xlabel="position in text 1 | in text 2", ylabel="change of the output" if axes is all_axes[0] else "")
        axes.axvline(n_positions, color=GREY, linewidth=1.5, linestyle="--")
        axes.set_ylim(0, 1.1 * max(float(v.max()) for v in change.values()))
        panel_title(axes, name)
    figure_title(figure, title)
    return figure


def shares(parts: Mapping[str, int], title: str) -> Figure:
    """Draw how many parameters each part has, as bars with numbers and per cent."""
    figure, (axes,) = panels(1, width=9.0, height=1.3 + 0.5 * len(parts))
    total = sum(parts.values())
    axes.barh(range(len(parts)), list(parts.values()), color=BLUE, height=0.7)
    axes.set_yticks(range(len(parts)), list(parts))
    for place, count in enumerate(parts.values()):
        axes.text(count + 0.01 * total, place, f"{count:,}  ({count / total:.1%})", va="center", fontsize=11)
    axes.set(xlim=(0, 1.3 * max(parts.values())), ylim=(len(parts) - 0.5, -0.5), xlabel="parameters")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    panel_title(axes, title)
    return figure
