"""Pictures of lesson 16: what is believed about a hole, what holes cost, and what fine-tuning costs and brings."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PALETTE, QUIET, figure_title, panel_title, panels

_MARKERS = "osD^v"


def beliefs(sentence: str, words: Sequence[str], probs: Mapping[str, Tensor], n_shown: int = 5) -> Figure:
    """Draw the likeliest words for a hole, one panel for each that has an opinion.

    sentence  with ▢ where the hole is
    words     V words
    probs     name → (V,) probabilities
    n_shown   words of each panel
    """
    figure, axes = panels(len(probs), width=3.6 * len(probs) + 0.6, height=3.4)
    for ax, (name, p), color in zip(axes, probs.items(), (BLUE, ORANGE, GREEN, GREY)):
        values = p.detach().double().numpy()
        best = np.argsort(-values, kind="stable")[:n_shown]
        ax.barh(range(len(best)), values[best], 0.7, color=color)
        for row, value in enumerate(values[best]):
            ax.annotate(f"{value:.0%}", (value, row), xytext=(4, 0), textcoords="offset points", va="center")
        ax.set_yticks(range(len(best)), [words[i] for i in best])
        ax.tick_params(axis="y", length=0)
        ax.set(xlim=(0, 1.15), ylim=(n_shown - 0.4, -0.6), xlabel="probability", xticks=[0, 0.5, 1])
        panel_title(ax, name)
    figure_title(figure, sentence)
    return figure


def hole_losses(losses: Mapping[str, Sequence[float]], floors: Mapping[str, float], title: str) -> Figure:
    """Draw nats of the hidden word: one line per way to fill a hole, a dot per seed, and what no model gets below.

    losses  name → one number per seed
    floors  what is known → nats
    """
    figure, (axes,) = panels(height=1.6 + 0.6 * len(losses))
    for row, values in enumerate(losses.values()):
        color, marker = PALETTE[row % 7], _MARKERS[row % 5]
        axes.plot(values, [row] * len(values), marker, color=color, markersize=9, alpha=0.8)
        mean = sum(values) / len(values)
        axes.annotate(f"{mean:.2f}", (mean, row), xytext=(0, 9), textcoords="offset points", ha="center")
    for (name, value), style in zip(floors.items(), ("--", ":", "-.")):
        axes.axvline(value, color=INK, linestyle=style, linewidth=1.8, label=f"{name}: {value:.2f}")
    axes.set_yticks(range(len(losses)), list(losses))
    axes.set(ylim=(len(losses) - 0.5, -0.7), xlim=(0, None), xlabel="nats of the hidden word (each dot one seed)")
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=12)
    panel_title(axes, title)
    return figure


def by_place(places: Sequence[int], curves: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw nats of the hidden word against its place in the sentence: name → one number per place."""
    figure, (axes,) = panels(height=3.8)
    for (name, values), color, marker, style in zip(curves.items(), PALETTE, _MARKERS, ("-", "--", "-", "--")):
        axes.plot(places, values, style, color=color, marker=marker, label=name)
    axes.set(xlabel="place of the hidden word in its sentence", ylabel="nats of the hidden word", ylim=(0, None))
    axes.set_xticks(list(places))
    axes.legend(frameon=False, fontsize=12)
    panel_title(axes, title)
    return figure


def fine_tuning(results: Mapping[str, tuple[int, Sequence[float]]], chance: float, title: str) -> Figure:
    """Draw accuracy against trained parameters: way → (parameters that are trained, accuracy of each seed).

    chance  accuracy of guessing
    """
    figure, (axes,) = panels(height=4.0)
    for (name, (trained, accuracies)), color, marker in zip(results.items(), PALETTE, _MARKERS):
        shown = [100 * accuracy for accuracy in accuracies]
        axes.plot([trained] * len(shown), shown, marker, color=color, markersize=9, alpha=0.8, label=name)
    axes.axhline(100 * chance, color=GREY, linestyle="--", linewidth=1.5)
    axes.annotate("guessing", (0.02, 100 * chance + 1), xycoords=("axes fraction", "data"), color=QUIET)
    axes.set(xscale="log", ylim=(100 * chance - 6, 102), xlabel="parameters that are trained", ylabel="accuracy (%)")
    axes.margins(x=0.15)
    axes.legend(frameon=False, fontsize=12, loc="center left", bbox_to_anchor=(1.0, 0.5))
    panel_title(axes, title)
    return figure
