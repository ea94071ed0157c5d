"""Pictures of what is inside a trained model: what is lost without some of its heads, what each layer already knows."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from course_lib.figures.style import BLUE, GREEN, INK, ORANGE, PALETTE, figure_title, panel_title, panels


def without(losses: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw the loss after something was taken out of several models: one row for each thing, one mark for each model.

    losses  what was taken out → the loss of each model, in nats a token
    """
    figure, (axes,) = panels(1, width=9.4, height=1.3 + 0.5 * len(losses))
    for row, values in enumerate(losses.values()):
        for value, marker, colour in zip(values, "os^D", (BLUE, ORANGE, GREEN, INK)):
            axes.plot(value, row, marker, color=colour, markersize=10, alpha=0.85, clip_on=False)
    axes.set_yticks(range(len(losses)), list(losses))
    axes.set(ylim=(len(losses) - 0.5, -0.5), xlim=(0, None), xlabel="loss on the repeated part (nats a token)")
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    panel_title(axes, title)
    return figure


def nats_by_layer(
    curves: Mapping[str, Sequence[float]], levels: Mapping[str, Mapping[str, float]], title: str
) -> Figure:
    """Draw the loss read off the residual stream before the first block and after each, one panel for each model.

    curves  model → n_layers + 1 losses, in nats a token
    levels  model → named levels to compare with, such as the loss of knowing nothing
    """
    figure, all_axes = panels(len(curves), width=4.8 * len(curves), height=4.0)
    for axes, (name, losses), colour in zip(all_axes, curves.items(), PALETTE):
        axes.plot(range(len(losses)), losses, "o-", color=colour, markersize=9, clip_on=False)
        for layer, loss in enumerate(losses):
            axes.annotate(f"{loss:.2f}", (layer, loss), (7, 7), textcoords="offset points", fontsize=12, clip_on=False)
        for style, (level, height) in zip(("--", ":"), levels.get(name, {}).items()):
            axes.axhline(height, color=INK, linewidth=1.5, linestyle=style)
            said, place = f"{level} {height:.2f}", (len(losses) - 1, height)
            axes.annotate(said, place, (0, -3), textcoords="offset points", ha="right", va="top", fontsize=11)
        names = ["embedding", *(f"block {layer}" for layer in range(1, len(losses)))]
        axes.set_xticks(range(len(losses)), names)
        top = 1.12 * max(*losses, *levels.get(name, {}).values())  # room for the number at the highest point
        axes.set(ylim=(0, top), ylabel="loss (nats a token)")
        panel_title(axes, name)
    figure_title(figure, title)
    return figure
