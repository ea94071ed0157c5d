"""Pictures of GPT: what it is made of and where its weights are, and what a cache saves in time and costs in memory."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from course_lib.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PALETTE,
    PINK,
    SKY,
    figure_title,
    panel_title,
    panels,
)
from course_lib.gpt import GPTConfig

PART_COLOURS = {
    "embeddings": SKY,
    "attention": ORANGE,
    "feed-forward": GREEN,
    "norms": GREY,
    "output matrix": PINK,
}


def anatomy(config: GPTConfig) -> Figure:
    """Draw a GPT from ids to logits, its block opened, beside a bar that says where its parameters are."""
    figure, (left, right) = panels(2, width=9.6, height=5.6)
    figure.set_layout_engine("none")
    left.set_position((0.01, 0.02, 0.66, 0.86))
    right.set_position((0.77, 0.08, 0.09, 0.76))
    _draw_stack(left, config)
    _draw_share(right, config)
    total = config.n_parameters()
    figure_title(figure, f"{_rounded(total)} parameters: a table, {config.n_layers} equal blocks, and a table again")
    return figure


def _draw_stack(axes: Axes, config: GPTConfig) -> None:
    axes.set(xlim=(0, 10), ylim=(0, 10))
    axes.axis("off")
    d = config.d_model
    axes.add_patch(Rectangle((0.9, 2.45), 8.3, 4.85, facecolor="#f7f7f7", edgecolor=GREY, linestyle="--"))
    axes.text(9.1, 6.95, f"× {config.n_layers}", ha="right", va="center", fontsize=16, fontweight="bold")
    spine, side = 2.2, 6.2
    axes.plot([spine, spine], [1.75, 8.3], color=INK, linewidth=3, zorder=1)
    axes.text(spine - 0.2, 4.9, "residual sum", rotation=90, ha="right", va="center", fontsize=11)
    _box(axes, spine, 1.4, 2.5, f"token embedding\n{config.vocab_size:,} × {d}", SKY)
    axes.text(spine, 0.55, "ids (B, T)", ha="center", va="center", fontsize=12)
    where = {"learned": "+ learned positions", "none": "no positions"}.get(config.positions)
    where = where or f"positions: {config.positions}, inside the attention"
    axes.text(3.8, 1.6, where, va="center", fontsize=11)
    axes.text(3.8, 1.1, f"x: (B, T, {d})", va="center", fontsize=11)
    heads = f"{config.n_heads} heads"
    heads += f", {config.n_kv_heads} for k and v" if config.n_kv_heads < config.n_heads else ""
    for low, name, colour, note in (
        (3.2, "causal attention", ORANGE, heads),
        (5.6, "feed-forward", GREEN, f"{d:,} → {config.d_ff:,} → {d:,}"),
    ):
        _box(axes, side - 1.9, low, 1.0, "norm", PALE)
        _box(axes, side + 1.0, low, 3.2, f"{name}\n{note}", colour)
        arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.5}
        axes.annotate("", (side - 2.4, low), (spine, low), arrowprops=arrow)
        axes.annotate("", (side - 0.6, low), (side - 1.4, low), arrowprops=arrow)
        axes.plot([side + 1.0] * 2, [low + 0.5, low + 1.15], color=INK, linewidth=1.5)
        axes.annotate("", (spine + 0.22, low + 1.15), (side + 1.0, low + 1.15), arrowprops=arrow)
        axes.plot(spine, low + 1.15, "o", markersize=17, color="white", markeredgecolor=INK, zorder=2)
        axes.text(spine, low + 1.13, "+", ha="center", va="center", fontsize=14, zorder=3)
    _box(axes, spine, 8.0, 1.0, "norm", PALE)
    tied = "the token embedding again" if config.tied else f"{d} × {config.vocab_size:,}"
    _box(axes, spine + 0.6, 9.15, 3.6, f"output matrix\n{tied}", SKY if config.tied else PINK)
    axes.text(4.9, 9.15, f"logits (B, T, {config.vocab_size:,})", va="center", fontsize=12)


def _box(axes: Axes, x: float, y: float, width: float, text: str, colour: str) -> None:
    box = FancyBboxPatch((x - width / 2, y - 0.42), width, 0.84, "round,pad=0.06", facecolor=colour, edgecolor=INK)
    box.set_zorder(2)
    axes.add_patch(box)
    axes.text(x, y, text, ha="center", va="center", fontsize=10.5, zorder=3)


def _draw_share(axes: Axes, config: GPTConfig) -> None:
    total, bottom = config.n_parameters(), 0.0
    for name, count in config.parameters_by_part().items():
        share = count / total
        axes.bar(0, share, bottom=bottom, color=PART_COLOURS[name], width=1, edgecolor="white")
        if share > 0.03:
            text = f"{name}\n{share:.0%}"
            axes.text(0.62, bottom + share / 2, text, va="center", fontsize=11)
        bottom += share
    axes.set(xlim=(-0.5, 0.5), ylim=(0, 1), xticks=[])
    axes.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
    axes.set_ylabel("share of the parameters")
    axes.spines["bottom"].set_visible(False)


def _rounded(count: int) -> str:
    if count >= 1e9:
        return f"{count / 1e9:.1f} billion"
    return f"{count / 1e6:.1f} million" if count >= 1e6 else f"{count:,}"


def work(n_prompt: int, n_new: int, step: int, cached: bool) -> Figure:
    """Draw which token vectors are computed while a text is written: one row a call of the model, one column a token.

    n_prompt  tokens of the prompt, read by the first call
    n_new     tokens written; call i (from 0) reads n_prompt + i tokens, or with a cache the newest only
    step      the last call to show, 0 … n_new − 1
    cached    whether a cache keeps what earlier calls computed
    """
    size = n_prompt + n_new - 1
    grid = np.zeros((n_new, size))
    for call in range(step + 1):
        known = n_prompt + call - 1 if cached and call else 0
        grid[call, :known] = 1
        grid[call, known : n_prompt + call] = 2
    computed = int((grid == 2).sum())
    figure, (axes,) = panels(1, width=9.4, height=4.3)
    axes.imshow(grid, cmap=ListedColormap(["white", "#cfe3f1", BLUE]), vmin=0, vmax=2, aspect="auto")
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n_new + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=PALE, linewidth=1)
    axes.tick_params(which="both", length=0)
    axes.axvline(n_prompt - 0.5, color=ORANGE, linewidth=2.5)
    axes.text(n_prompt - 0.6, -0.75, "prompt", ha="right", color=INK, fontsize=12)
    axes.text(n_prompt - 0.4, -0.75, "written", ha="left", color=INK, fontsize=12)
    axes.set_xticks(range(0, size, 2), map(str, range(1, size + 1, 2)))
    axes.set_yticks(range(0, n_new, 2), map(str, range(1, n_new + 1, 2)))
    axes.set(xlabel="token (dark: computed, pale: read from the cache)", ylabel="call of the model")
    how = "With a cache" if cached else "Without a cache"
    figure_title(figure, f"{how}: {computed} tokens computed to write {step + 1}")
    return figure


def time_to_write(n_tokens: Sequence[int], seconds: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw the time to write n tokens against n, one line per way of doing it; seconds in all."""
    figure, (axes,) = panels(1, width=8.6, height=3.9)
    for (name, values), colour, marker in zip(seconds.items(), PALETTE, "os^D"):
        axes.plot(n_tokens, values, color=colour, marker=marker)
        axes.annotate(
            f"{name}\n{values[-1]:.2f} s",
            (n_tokens[-1], values[-1]),
            (8, 0),
            textcoords="offset points",
            va="center",
            fontsize=12,
            color=INK,
            annotation_clip=False,
        )
    axes.set(xlabel="tokens written", ylabel="time (seconds)", ylim=(0, None))
    axes.set_xticks(n_tokens)
    panel_title(axes, title)
    return figure


def residual_growth(spreads: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw the standard deviation of the residual sum after each sublayer, one line per way to initialise.

    spreads  name → values after 0, 1, … sublayers
    """
    figure, (axes,) = panels(1, width=8.6, height=3.8)
    for (name, values), colour, style in zip(spreads.items(), (ORANGE, BLUE, GREEN), ("--", "-", "-.")):
        axes.plot(range(len(values)), values, style, color=colour, label=name)
    axes.set(xlabel="sublayers passed (two a block)", ylabel="standard deviation of x", ylim=(0, None))
    panel_title(axes, title)
    axes.legend(frameon=False)
    return figure


def cache_sizes(gib: Mapping[str, float], title: str) -> Figure:
    """Draw the size of a key–value cache for each way to share heads, in GiB."""
    figure, (axes,) = panels(1, width=8.6, height=1.5 + 0.55 * len(gib))
    axes.barh(range(len(gib)), list(gib.values()), color=[BLUE, ORANGE, GREEN, PINK][: len(gib)], height=0.65)
    for place, value in enumerate(gib.values()):
        axes.text(value, place, f" {value:.2f} GiB", va="center", fontsize=12)
    axes.set_yticks(range(len(gib)), list(gib))
    axes.set_ylim(len(gib) - 0.5, -0.5)
    axes.set(xlabel="keys and values of one text (GiB)", xlim=(0, 1.18 * max(gib.values())))
    panel_title(axes, title)
    return figure
