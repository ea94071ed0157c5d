"""Pictures of lesson 11: two phases, accuracy against length and position, an alignment, and a length penalty."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
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
    SKY,
    panel_title,
    panels,
)

MARKERS = "osD^v"


def _letters(text: Sequence[str]) -> list[str]:
    return ["␣" if character == " " else character for character in text]


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    style = {"boxstyle": "round,pad=0.4,rounding_size=0.2", "facecolor": colour, "edgecolor": INK}
    axes.text(x, y, text, ha="center", va="center", fontsize=14, family="monospace", bbox=style)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    look = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.6, "shrinkA": 15, "shrinkB": 15}
    axes.annotate("", end, start, arrowprops=look)


def two_phases(source: Sequence[str], target: Sequence[str]) -> Figure:
    """Draw an encoder that reads, the one vector that is handed over, and a decoder that writes.

    source  S tokens
    target  T tokens, the end as the last; the decoder reads "begin" and all but the last
    """
    figure, (axes,) = panels(width=11.0, height=3.4)
    n = len(source)
    for i, token in enumerate(source):
        _box(axes, i, 0, token, PALE)
        _box(axes, i, 1, "h", SKY)
        _arrow(axes, (i, 0), (i, 1))
        if i:
            _arrow(axes, (i - 1, 1), (i, 1))
    _box(axes, n + 0.15, 1, " c ", ORANGE)
    _arrow(axes, (n - 1, 1), (n + 0.15, 1))
    for i, (read, write) in enumerate(zip(["▸", *target], target)):
        x = n + 1.3 + i
        _box(axes, x, 0, read, PALE)
        _box(axes, x, 1, "s", SKY)
        _box(axes, x, 2, write, PALE)
        _arrow(axes, (x, 0), (x, 1))
        _arrow(axes, (x, 1), (x, 2))
        _arrow(axes, (x - 1 if i else n + 0.15, 1), (x, 1))
    middle = n + 0.8 + len(target) / 2
    for x, y, words in (
        ((n - 1) / 2, 1.75, "1 · encode: read"),
        (n + 0.15, 1.8, "one\nvector"),
        (middle, 2.75, "2 · decode: write"),
    ):
        axes.text(x, y, words, ha="center", va="center", fontsize=14)
    axes.set(xlim=(-0.6, n + 0.9 + len(target)), ylim=(-0.5, 3.1))
    axes.axis("off")
    panel_title(axes, "Whatever the source says has to pass through c")
    return figure


def with_seeds(
    curves: Mapping[str, Sequence[Sequence[float]]],
    x: Sequence[float],
    xlabel: str,
    ylabel: str,
    title: str,
    chance: float | None = None,
    edge: float | None = None,
) -> Figure:
    """Draw the mean of several runs as a line for each name, and every run as a small mark.

    curves  name → runs, each with a value in [0, 1] for every x
    x       where
    chance  a dashed level to compare with
    edge    an x beyond which nothing was trained, shaded
    """
    figure, (axes,) = panels(height=4.0)
    for (name, runs), colour, marker in zip(curves.items(), (RUST, BLUE, *PALETTE), MARKERS):
        axes.plot(x, [sum(values) / len(values) for values in zip(*runs)], color=colour, marker=marker, label=name)
        for run in runs:
            axes.plot(x, run, marker, color=colour, markersize=4, alpha=0.5)
    if chance is not None:
        axes.axhline(chance, color=GREY, linestyle="--", linewidth=1.6, label="a guess")
    if edge is not None:
        axes.axvspan(edge, max(x) + 0.5, color=PALE, zorder=0)
        axes.text(max(x) + 0.4, 0.03, "never trained", ha="right", color=INK, fontsize=12)
    axes.set(xlabel=xlabel, ylabel=ylabel, ylim=(-0.02, 1.04), xticks=list(x))
    axes.legend(frameon=False)
    panel_title(axes, title)
    return figure


def alignment_map(source: str, written: str, weights: Tensor, title: str) -> Figure:
    """Draw where a decoder looked as a heat map: a row for each written character, a column for each of the source.

    source   S characters
    written  T characters, the end as the last
    weights  (T, S), rows sum to 1
    """
    figure, (axes,) = panels(width=9.6, height=4.6)
    picture = axes.imshow(weights.detach().float().cpu().numpy(), cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(source)), _letters(source), family="monospace", fontsize=13)
    axes.set_yticks(range(len(written)), _letters(written), family="monospace", fontsize=13)
    axes.tick_params(length=0)
    axes.set(xlabel="character of the source", ylabel="character that is written")
    figure.colorbar(picture, ax=axes, label="attention weight", shrink=0.9)
    panel_title(axes, title)
    return figure


def rescoring(texts: Sequence[str], log_probs: Sequence[float], lengths: Sequence[int], alpha: float) -> Figure:
    """Draw log p / n ** alpha of finished hypotheses as bars; the winner is the shortest bar, in colour.

    texts      what each says
    log_probs  of each, in nats, below 0
    lengths    n, tokens of each, the end included
    alpha      the length penalty
    """
    figure, (axes,) = panels(width=9.6, height=1.6 + 0.45 * len(texts))
    scores = [log_prob / length**alpha for log_prob, length in zip(log_probs, lengths)]
    best = max(range(len(scores)), key=scores.__getitem__)
    names = [f"{text}  ({length})" for text, length in zip(texts, lengths)]
    axes.barh(names, scores, color=[BLUE if i == best else GREY for i in range(len(scores))])
    for i, score in enumerate(scores):
        axes.text(score, i, f"{score:.2f} ", ha="right", va="center", fontsize=12)
    axes.set(xlabel="score: log p / length ** α (nats), 0 is best", xlim=(1.25 * min(scores), 0))
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    panel_title(axes, f"α = {alpha:g}: “{texts[best]}” wins")
    return figure
