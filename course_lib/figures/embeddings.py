"""Figures of lesson 07: words as points, purity by method, and what analogies answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PALETTE, PINK, panel_title, panels

_MARKERS = "osD^vPXh"


def plane(vectors: Tensor) -> Tensor:
    """Return the two directions (D, 2) in which unit vectors differ most: their first principal components.

    vectors  (n, D), n at least 2
    """
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    return torch.linalg.svd(unit - unit.mean(dim=0), full_matrices=False).Vh[:2].T


def word_map(vectors: Tensor, axes: Tensor, words: Sequence[str], kinds: Sequence[str], title: str) -> Figure:
    """Return the words as points in a plane, one colour and marker for each kind.

    vectors  (n, D) of the words; only their direction counts
    axes     (D, 2) the plane, from `plane`
    words    n words; the first of each kind is written beside its point, two are in the legend
    kinds    n kinds, at most eight different ones

    Raises ValueError for more kinds than there are markers.
    """
    names = list(dict.fromkeys(kinds))
    if len(names) > len(_MARKERS):
        raise ValueError(f"kinds must be at most {len(_MARKERS)} different ones, got {len(names)}")
    points = (torch.nn.functional.normalize(vectors, dim=-1) @ axes).tolist()
    figure, (axis,) = panels(width=10.0, height=4.8)
    colors = [*PALETTE, INK]
    for n, name in enumerate(names):
        mine = [i for i, kind in enumerate(kinds) if kind == name]
        label = f"{name}: {', '.join(words[i] for i in mine[:2])} …"
        places = zip(*(points[i] for i in mine))
        style: dict[str, Any] = {"color": colors[n], "markersize": 7, "markeredgecolor": INK, "markeredgewidth": 0.4}
        axis.plot(*places, _MARKERS[n], linestyle="none", label=label, alpha=0.85, **style)
    for name in names:  # above all points
        first = kinds.index(name)
        offset = (7, 7) if points[first][1] >= 0 else (7, -13)
        box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.0}
        axis.annotate(
            words[first], points[first], xytext=offset, textcoords="offset points", fontsize=11, color=INK, bbox=box
        )
    axis.set(xlim=(-0.85, 0.85), ylim=(-0.85, 0.85), xlabel="first direction", ylabel="second direction")
    figure.legend(loc="outside right center", frameon=False, fontsize=12)
    panel_title(axis, title)
    return figure


def purities(values: Mapping[str, Sequence[float]], chance: float, title: str) -> Figure:
    """Return neighbour purity by method: a bar for the mean, a dot for each seed.

    values  method → purity of each seed, 0 to 1
    chance  purity of vectors that know nothing: a line
    """
    figure, (axis,) = panels(width=9.5, height=0.5 * len(values) + 1.5)
    for row, seeds in enumerate(values.values()):
        axis.barh(row, sum(seeds) / len(seeds), color=PALETTE[4], height=0.6)
        axis.plot(seeds, [row] * len(seeds), "o", color=INK, markersize=5)
    axis.axvline(chance, color=INK, linestyle=":", linewidth=1.5)
    axis.annotate(
        "random vectors", (chance, -0.45), xytext=(5, 0), textcoords="offset points", fontsize=11, va="center"
    )
    axis.set_yticks(range(len(values)), list(values))
    axis.set(xlim=(0, 1), ylim=(len(values) - 0.4, -0.75))
    axis.set_xlabel("share of the 5 nearest neighbours of the same kind; a dot is a seed")
    panel_title(axis, title)
    return figure


def answers(shares: Mapping[str, Mapping[str, float]], title: str) -> Figure:
    """Return what analogies answer, as one stacked bar for each way of asking.

    shares  way of asking → answer → its share; the shares of a way sum to 1, and all have the same answers
    """
    figure, (axis,) = panels(width=9.5, height=0.55 * len(shares) + 1.9)
    colors, hatches = (BLUE, ORANGE, PINK, GREY, GREEN), ("", "//", "..", "", "xx")
    for n, answer in enumerate(next(iter(shares.values()))):
        left = [sum(list(row.values())[:n]) for row in shares.values()]
        width = [row[answer] for row in shares.values()]
        color, hatch = colors[n % len(colors)], hatches[n % len(hatches)]
        axis.barh(range(len(shares)), width, left=left, color=color, hatch=hatch, edgecolor="white", label=answer)
    axis.set_yticks(range(len(shares)), list(shares))
    axis.set(xlim=(0, 1), xlabel="share of the questions")
    axis.invert_yaxis()
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=12)
    panel_title(axis, title)
    return figure
