"""The scoreboard as horizontal bars: shorter is better, a line marks what no model can beat, pale bars wait."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from course_lib.figures.style import BLUE, INK, PALE, QUIET, RUST, panel_title, panels


def scoreboard_bars(
    done: Mapping[str, float], waiting: Mapping[str, int], *, floor: float | None, ceiling: float
) -> Figure:
    """Draw the board.

    done     model → nats per token, drawn first, from top to bottom
    waiting  model → number of the lesson that will measure it, drawn below them
    floor    the entropy rate of the language, nats per token; None where nobody knows it: no line
    ceiling  nats per token of a model that knows nothing: log of the vocabulary's size
    """
    lines = len(done) + len(waiting)
    figure, (axes,) = panels(height=1.7 + 0.36 * lines)
    wide = max([ceiling, *done.values()])
    axes.barh(range(len(done)), list(done.values()), color=BLUE, height=0.7)
    axes.barh(range(len(done), lines), [ceiling] * len(waiting), color=PALE, height=0.7)
    for place, value in enumerate(done.values()):
        axes.text(value + 0.01 * wide, place, f"{value:.3f}", va="center", color=INK, fontsize=12)
    for place, number in enumerate(waiting.values(), start=len(done)):
        words = f"lesson {number} will measure this"
        axes.text((floor or 0) + 0.02 * wide, place, words, va="center", color=QUIET, fontsize=12)
    if floor is not None:
        axes.axvline(floor, color=RUST)
        axes.annotate(
            f"{floor:.3f}: the entropy rate of the language",
            (floor, -0.75),
            xytext=(6, 0),
            textcoords="offset points",
            color=RUST,
            va="center",
            fontsize=12,
        )
    axes.set_yticks(range(lines), [*done, *waiting])
    for label in axes.get_yticklabels()[len(done) :]:
        label.set_color(QUIET)
    axes.set_ylim(lines - 0.4, -1.2)
    axes.set_xlim(0, 1.08 * wide)
    axes.set_xlabel("cross-entropy on held-out text (nats per token; less is better)")
    asked = "Which model is the least surprised?" if floor is None else "Which model comes closest to the line?"
    panel_title(axes, asked)
    axes.tick_params(axis="y", length=0)
    return figure
