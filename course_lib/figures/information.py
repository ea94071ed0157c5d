"""Figures of lesson 01: surprise word by word, the coin, two directions of a divergence, temperature, codes, losses.

Each function returns a matplotlib figure and computes nothing that the lesson should show. Outcomes are categories, so
they are drawn as bars.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PALE, PINK, figure_title, panel_title, panels
from course_lib.information import entropy, kl_divergence, softmax

LN2 = math.log(2)


def surprise_by_token(tokens: Sequence[str], surprises: Mapping[str, Sequence[float]]) -> Figure:
    """Return grouped bars: how surprised each model is at each token, with its mean in the legend.

    tokens     the T tokens of a text
    surprises  model name → T surprises in nats, finite. Raises ValueError for another number of them
    """
    figure, (axis,) = panels(height=3.9)
    width = 0.8 / len(surprises)
    for i, (name, values) in enumerate(surprises.items()):
        if len(values) != len(tokens):
            raise ValueError(f"surprises[{name!r}] must hold {len(tokens)} values, got {len(values)}")
        mean = sum(values) / len(values)
        left = [t + (i - (len(surprises) - 1) / 2) * width for t in range(len(tokens))]
        axis.bar(left, values, width * 0.92, color=(GREY, BLUE, ORANGE)[i % 3], label=f"{name}: mean {mean:.2f}")
    axis.set_xticks(range(len(tokens)), tokens)
    axis.tick_params(axis="x", length=0)
    axis.set(ylabel="surprise (nats)")
    panel_title(axis, "How surprised is each model at each word?")
    figure.legend(loc="outside lower center", ncols=len(surprises), frameon=False, fontsize=13)
    return figure


def coin(p: float) -> Figure:
    """Return the two surprises of a coin with P(heads) = p, and its entropy on the curve of all coins.

    Raises ValueError for a p that is no probability.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p must be a probability, got {p}")
    figure, (left, right) = panels(2, height=3.6)
    _still(figure, bottom=0.2, wspace=0.22)
    surprises = [math.log(1 / x) if x > 0 else math.inf for x in (p, 1 - p)]
    top = 5.5
    left.bar([0, 1], [min(s, top - 0.6) for s in surprises], 0.6, color=(BLUE, ORANGE))
    for i, s in enumerate(surprises):
        label = "∞" if s == math.inf else f"{s:.2f}"
        left.text(i, min(s, top - 0.6) + 0.1, label, ha="center", va="bottom", fontsize=13)
    left.set_xticks([0, 1], [f"heads\nprobability {p:.2f}", f"tails\nprobability {1 - p:.2f}"])
    left.tick_params(axis="x", length=0)
    left.set(ylim=(0, top), ylabel="surprise (nats)")
    panel_title(left, "What is rare surprises")
    grid = torch.linspace(0, 1, 201, dtype=torch.float64)
    right.plot(grid.tolist(), entropy(torch.stack([grid, 1 - grid], -1)).tolist(), color=GREY)
    height = entropy(torch.tensor([p, 1 - p], dtype=torch.float64)).item()
    right.plot([p, p], [0, height], color=PALE, zorder=0)
    right.plot([p], [height], "o", markersize=11, color=BLUE)
    right.set(
        xlabel="probability of heads", ylabel="entropy (nats)", ylim=(0, 0.86), xlim=(-0.02, 1.02),
    )  # fmt: skip
    panel_title(right, "Entropy: the mean surprise")
    right.text(0.5, 0.80, f"{height:.3f} nats = {height / LN2:.3f} bits", ha="center", va="center", fontsize=13)
    return figure


def bits_per_symbol(lengths: Mapping[int, float], entropy_in_bits: float) -> Figure:
    """Return bars of the code length per symbol against the block length, above the line that none can cross.

    lengths  symbols per block → bits per symbol of the code for such blocks
    """
    figure, (axis,) = panels(height=3.4)
    axis.bar(list(lengths), list(lengths.values()), 0.6, color=BLUE)
    for n, bits in lengths.items():
        axis.text(n, bits + 0.015, f"{bits:.3f}", ha="center", va="bottom", fontsize=12)
    axis.axhline(entropy_in_bits, color=ORANGE)
    right = max(lengths) + 0.45
    axis.text(right, entropy_in_bits, f" entropy\n {entropy_in_bits:.3f}", va="center", color=INK, fontsize=12)
    axis.set(xlabel="symbols coded together", ylabel="bits per symbol", ylim=(0, 1.15))
    axis.set_xlim(min(lengths) - 0.5, right)
    panel_title(axis, "Coding in blocks comes down to the entropy, and never below")
    axis.set_xticks(list(lengths))
    return figure


def two_directions(p: Tensor, words: Sequence[str], peak: int, weight: float) -> Figure:
    """Return p beside a model with `weight` on one word and the rest shared, and both divergences by weight.

    p       (V,) the true distribution
    words   its V outcomes
    peak    the index of the word that the model may favour
    weight  between 0 and 1, or ValueError
    """
    if not 0 <= weight <= 1:
        raise ValueError(f"weight must lie between 0 and 1, got {weight}")
    size = len(words)
    grid = torch.cat([torch.linspace(0.01, 0.99, 99, dtype=torch.float64), torch.tensor([1.0]).double()])
    models = peaked(size, peak, grid)  # (100, V)
    p = p.double()
    q = peaked(size, peak, torch.tensor(weight, dtype=torch.float64))
    figure, (left, right) = panels(2, height=4.0, width=10.0)
    _still(figure, bottom=0.22, wspace=0.2)
    left.bar([i - 0.2 for i in range(size)], p.tolist(), 0.38, color=GREY, label="p, the world")
    left.bar([i + 0.2 for i in range(size)], q.tolist(), 0.38, color=BLUE, label="q, the model")
    left.set_xticks(range(size), words, rotation=35, ha="right", rotation_mode="anchor", fontsize=12)
    left.set(ylim=(0, 1.02), ylabel="probability")
    panel_title(left, "One peak for a world with two")
    left.legend(loc="upper right", fontsize=12, frameon=False)
    top = 2.5
    for name, values, now, color in (
        ("KL(p ‖ q)", kl_divergence(p, models), kl_divergence(p, q), ORANGE),
        ("KL(q ‖ p)", kl_divergence(models, p), kl_divergence(q, p), GREEN),
    ):
        low = int(values.argmin())
        label = "∞" if now == math.inf else f"{now:.2f}"
        right.plot(grid[:-1].tolist(), values[:-1].tolist(), color=color, label=f"{name} = {label}")
        right.plot([grid[low].item()], [values[low].item()], "v", color=color, markersize=11)
        right.plot([weight], [min(now.item(), top)], "o", color=color, markersize=10, clip_on=False, zorder=5)
    right.axvline(weight, color=PALE, zorder=0)
    right.set(
        ylim=(0, top), xlim=(0, 1), xlabel=f"q({words[peak]})", ylabel="divergence (nats)",
    )  # fmt: skip
    panel_title(right, "Two divergences, two best models (▼)")
    right.legend(loc="upper center", fontsize=12, frameon=False)
    return figure


def peaked(size: int, peak: int, weight: Tensor) -> Tensor:
    """Return distributions (..., size) with the weights (...) on outcome `peak` and the rest shared equally."""
    q = ((1 - weight) / (size - 1)).unsqueeze(-1).repeat(*[1] * weight.ndim, size)  # (..., size)
    q[..., peak] = weight
    return q


def temperature(words: Sequence[str], logits: Tensor, t: float) -> Figure:
    """Return bars of softmax(logits / t), with their entropy; grey bars are t = 1.

    words   V outcomes
    logits  (V,)
    t       temperature, 0 or more
    """
    figure, (axis,) = panels(height=3.9)
    _still(figure, bottom=0.22)
    _temperature_bars(axis, words, logits, t)
    h = entropy(softmax(logits.double(), t)).item()
    axis.set(
        ylabel="probability",
    )
    panel_title(axis, f"Temperature {t:g}: entropy {h:.2f} nats, as unsure as {math.exp(h):.1f} equal choices")
    return figure


def temperatures(words: Sequence[str], logits: Tensor, ts: Sequence[float]) -> Figure:
    """Return one panel of bars per temperature (three in a row).

    words   the outcomes, labels of the bars
    logits  (len(words),) before the division by the temperature
    ts      temperatures, each above 0
    """
    rows = -(-len(ts) // 3)
    figure, axes = panels(3, rows, width=10.0, height=2.6 * rows + 0.7)
    for i, (axis, t) in enumerate(zip(axes, ts)):
        _temperature_bars(axis, words, logits, t, reference=False)
        axis.set_title(f"T = {t:g}", loc="left", pad=4)
        if i // 3 < rows - 1:
            axis.set_xticklabels([])
        else:
            axis.tick_params(axis="x", labelsize=10, rotation=60)
        axis.set_ylabel("probability" if i % 3 == 0 else "")
    figure_title(figure, f"The same {len(words)} logits at {len(ts)} temperatures")
    for axis in axes[len(ts) :]:
        axis.set_visible(False)
    return figure


def _temperature_bars(axis: Axes, words: Sequence[str], logits: Tensor, t: float, reference: bool = True) -> None:
    if reference and t != 1:
        axis.bar(range(len(words)), softmax(logits.double()).tolist(), 0.9, color=PALE, label="T = 1")
    axis.bar(range(len(words)), softmax(logits.double(), t).tolist(), 0.6, color=BLUE, label=f"T = {t:g}")
    axis.set_xticks(range(len(words)), words, rotation=35, ha="right", rotation_mode="anchor")
    axis.tick_params(axis="x", length=0)
    axis.set_ylim(0, 1.02)
    if reference:
        axis.legend(loc="upper left", fontsize=12, frameon=False)


def gradient_of_the_logit(logits: Tensor, gradients: Mapping[str, Tensor]) -> Figure:
    """Return the gradient that each way of writing the binary loss gives to a logit whose label is 0.

    logits     (N,) increasing
    gradients  name → (N,) derivative of the loss by the logit
    """
    figure, (axis,) = panels(height=3.4)
    for (name, values), color, style, width in zip(gradients.items(), (ORANGE, BLUE), ("-", (0, (4, 3))), (5, 2.5)):
        axis.plot(logits.tolist(), values.tolist(), color=color, linestyle=style, linewidth=width, label=name)
    axis.set(
        xlabel="logit z (the label is 0, so larger is more wrong)", ylabel="gradient of the loss by z",
        ylim=(-0.1, 1.15),
    )  # fmt: skip
    panel_title(axis, "Sigmoid, then log: the worst errors are not corrected")
    axis.legend(loc="center right", fontsize=12, frameon=False)
    return figure


def descent_to_the_counts(
    losses: Sequence[float], floor: float, words: Sequence[str], fitted: Tensor, empirical: Tensor
) -> Figure:
    """Return a loss curve with the entropy of the data below it, and the fitted distribution beside the counted one.

    losses     training cross-entropy after 0, 1, 2, … steps, nats
    floor      entropy of the empirical distribution, nats
    words      the outcomes shown as bars
    fitted     (len(words),) probabilities found by gradient descent
    empirical  (len(words),) relative frequencies in the training data
    """
    figure, (left, right) = panels(2, width=10.0, height=3.8)
    left.plot(range(len(losses)), losses, color=BLUE)
    left.axhline(floor, color=ORANGE)
    left.text(
        len(losses) - 1, floor - 0.02 * (losses[0] - floor), "entropy of the counts", ha="right", va="top", fontsize=12
    )
    margin = 0.14 * (losses[0] - floor)
    left.set(
        xlabel="steps of gradient descent", ylabel="cross-entropy (nats)", ylim=(floor - margin, losses[0] + margin),
    )  # fmt: skip
    panel_title(left, "The loss falls to a floor")
    place = range(len(words))
    right.bar([i - 0.2 for i in place], empirical.tolist(), 0.38, color=GREY, label="counted")
    right.bar([i + 0.2 for i in place], fitted.tolist(), 0.38, color=BLUE, label="fitted by descent")
    right.set_xticks(range(len(words)), words, rotation=35, ha="right", rotation_mode="anchor")
    right.set(ylabel="probability")
    panel_title(right, "At the floor, the model is the counts")
    right.legend(fontsize=12, frameon=False)
    return figure


def train_and_held_out(
    sizes: Sequence[int], curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], floor: float
) -> Figure:
    """Return loss against the number of training tokens, on training and held-out text.

    sizes   training tokens, increasing
    curves  model name → (training loss per size, held-out loss per size), nats per token
    floor   the entropy rate of the language: what no model can stay below on new text
    """
    figure, axes = panels(len(curves), width=10.0, height=4.2)
    finite = [x for pair in curves.values() for values in pair for x in values if math.isfinite(x)]
    top = 1.1 * max(finite)
    for axis, (name, (train, held_out)) in zip(axes, curves.items()):
        axis.plot(sizes, train, "o--", color=PINK, label="training text")
        inside = [(n, x) for n, x in zip(sizes, held_out) if math.isfinite(x)]
        axis.plot(*zip(*inside) if inside else ([], []), "s-", color=BLUE, label="held-out text")
        outside = [n for n, x in zip(sizes, held_out) if not math.isfinite(x)]
        if outside:
            axis.plot(outside, [0.95 * top] * len(outside), "^", color=BLUE, markersize=10)
            axis.text(outside[0], 0.83 * top, "held-out: infinite", color=INK, fontsize=12)
        axis.axhline(floor, color=INK, linewidth=1.5, linestyle=":")
        axis.text(sizes[-1], floor + 0.01 * top, "entropy rate", ha="right", va="bottom", fontsize=12)
        axis.set(xscale="log", ylim=(0, top), xlabel="training tokens")
        axis.set_title(name, loc="left", fontsize=13)
    figure_title(figure, "A training loss below the entropy rate is memory")
    axes[0].set_ylabel("cross-entropy (nats per token)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=13)
    return figure


def _still(figure: Figure, **margins: float) -> None:
    """Fix the axes' places: a live picture must not wobble, and it is drawn in half the time."""
    figure.set_layout_engine(None)
    figure.subplots_adjust(**({"left": 0.08, "right": 0.98, "top": 0.9} | margins))
