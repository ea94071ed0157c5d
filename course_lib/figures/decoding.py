"""Pictures of decoding: which tokens survive a filter, what beam search keeps, what speculation accepts.

Tokens are categories, so they get bars and never a line from one to the next.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from course_lib.decoding import Predictor, Sampling, beam_search
from course_lib.figures.style import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    PALETTE,
    RUST,
    RUST_INK,
    figure_title,
    panel_title,
    panels,
)


def _entropy(probs: Tensor) -> float:
    return float(torch.special.entr(probs).sum())


def survivors(words: Sequence[str], logits: Tensor, sampling: Sampling, bars: int = 12) -> Figure:
    """Draw the next token's probabilities as the model gives them, and as they are drawn from.

    words     V names of the tokens
    logits    (V,) of the next token
    sampling  temperature and filters
    bars      how many of the most likely tokens to draw; the others together get one bar more
    """
    before = logits.detach().float().softmax(-1)
    after = sampling.filter(logits.detach().float()).softmax(-1)
    order = before.argsort(descending=True, stable=True)[:bars]
    labels = [words[i] for i in order.tolist()]
    rest = len(words) - len(labels)
    columns = []
    for probs in (before, after):
        shown = probs[order].tolist()
        columns.append(shown + [max(0.0, 1 - sum(shown))] * (rest > 0))
    labels += [f"{rest} others"] * (rest > 0)
    figure, (axes,) = panels(1, width=9.4, height=1.3 + 0.34 * len(labels))
    figure.set_layout_engine("none")  # the automatic layout takes a third of a redraw's time
    axes.set_position((0.16, 0.75 / (1.3 + 0.34 * len(labels)), 0.8, 1 - 1.25 / (1.3 + 0.34 * len(labels))))
    place = np.arange(len(labels))
    axes.barh(place - 0.2, columns[0], height=0.36, color=GREY, label="the model")
    axes.barh(place + 0.2, columns[1], height=0.36, color=BLUE, label="drawn from")
    for i, value in enumerate(columns[1]):
        gone = value == 0
        text = "cut" if gone else f"{value:.3f}"
        axes.text(max(columns[0][i], value) + 0.006, i, text, va="center", fontsize=11, color=RUST_INK if gone else INK)
    axes.set_yticks(place, labels)
    axes.tick_params(axis="y", length=0)
    widest = max(0.45, *columns[0], *columns[1])
    axes.set(xlim=(0, 1.12 * widest), ylim=(len(labels) - 0.4, -0.6), xlabel="probability of the next token")
    axes.legend(frameon=False, loc="center right")
    n_left = int((after > 0).sum())
    panel_title(
        axes,
        f"{n_left} of {len(words)} tokens can be drawn; entropy {_entropy(before):.2f} → {_entropy(after):.2f} nats",
    )
    return figure


def temperatures(words: Sequence[str], logits: Tensor, values: Sequence[float]) -> Figure:
    """Draw softmax(logits / T) for several temperatures T, a panel each, with the same axes.

    words   the outcomes, labels of the bars
    logits  (len(words),) before the division
    values  the temperatures, each above 0
    """
    figure, all_axes = panels(len(values), width=2.5 * len(values) + 0.6, height=3.3)
    for axes, value in zip(all_axes, values):
        probs = Sampling(temperature=value).filter(logits.detach().float()).softmax(-1)
        axes.bar(range(len(words)), probs.tolist(), color=BLUE, width=0.75)
        axes.set_xticks(range(len(words)), words, rotation=60, ha="right", fontsize=11)
        axes.set_ylim(0, 1.05)
        axes.text(0.97, 0.93, f"entropy {_entropy(probs):.2f}", transform=axes.transAxes, ha="right", fontsize=11)
        panel_title(axes, f"T = {value:g}")
        if axes is not all_axes[0]:
            axes.set_yticklabels([])
    all_axes[0].set_ylabel("probability")
    return figure


def draws_against(words: Sequence[str], counts: Tensor, expected: Tensor, title: str) -> Figure:
    """Draw how often each token was drawn beside how often it should be, with ± 2 standard deviations.

    counts    (V,) how often each token was drawn
    expected  (V,) N times its probability
    """
    figure, (axes,) = panels(1, width=9, height=3.5)
    place, n = np.arange(len(words)), float(expected.sum())
    spread = 2 * (expected * (1 - expected / n)).clamp_min(0).sqrt()
    axes.bar(place - 0.2, expected.tolist(), width=0.38, color=GREY, label="expected, ± 2 standard deviations")
    axes.errorbar(place - 0.2, expected.tolist(), yerr=spread.tolist(), fmt="none", ecolor=INK, capsize=4)
    axes.bar(place + 0.2, counts.tolist(), width=0.38, color=BLUE, label="drawn")
    axes.set_xticks(place, words)
    axes.set_ylabel("draws")
    axes.set_ylim(0, 1.3 * float(torch.maximum(expected, counts.to(expected)).max()))
    axes.legend(frameon=False, loc="upper right", ncols=2)
    panel_title(axes, title)
    return figure


def beam_tree(
    model: nn.Module, prompt: Tensor, words: Sequence[str], steps: int, beams: int, eos_id: int | None = None
) -> Figure:
    """Draw the beginnings that beam search keeps at each length, the greedy path and the winner.

    model   a language model
    prompt  (1, T) token ids
    words   V names of the tokens
    steps   new tokens; the last column holds texts of this length and those that ended before
    """
    kept: dict[tuple, float] = {(): 0.0}  # what the beams hold: tokens → log-probability
    for length in range(1, steps + 1):
        (found,) = beam_search(model, prompt, length, beams, eos_id=eos_id, n_best=beams)
        for hypothesis in found:  # with what it continues: finished texts can crowd that out of the list before
            kept |= _beginnings(model, prompt, hypothesis.tokens)
    ((first,),) = beam_search(model, prompt, steps, 1, eos_id=eos_id)
    best, greedy = tuple(found[0].tokens), tuple(first.tokens)
    dropped = _beginnings(model, prompt, first.tokens)  # what greedy decoding writes, whether the beams hold it or not
    nodes = dropped | kept
    heights: dict[tuple, float] = {(): 0.0}
    for length in range(1, steps + 1):
        column = sorted((t for t in nodes if len(t) == length), key=lambda t: (-heights[t[:-1]], -nodes[t]))
        heights |= {tokens: (len(column) - 1) / 2 - i for i, tokens in enumerate(column)}
    figure, (axes,) = panels(1, width=min(2.6 + 1.6 * steps, 14), height=1.4 + 0.66 * (beams + 1))
    for tokens, log_prob in sorted(nodes.items(), key=lambda node: node[0] == best[: len(node[0])]):
        x, y, on_best = len(tokens), heights[tokens], tokens == best[: len(tokens)]
        colour = ORANGE if on_best else BLUE if tokens in kept else GREY
        if tokens:
            style = "-" if on_best or tokens != greedy[:x] else "--"
            axes.plot([x - 1, x], [heights[tokens[:-1]], y], style, color=colour, linewidth=4 if on_best else 2)
        text = f"{words[tokens[-1]]}\n{np.exp(log_prob):.2g}" if tokens else "prompt"
        box = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": colour, "linewidth": 2}
        axes.text(x, y, text, ha="center", va="center", fontsize=12, bbox=box)
    axes.set(xlim=(-0.4, steps + 0.5), ylim=(min(heights.values()) - 0.6, max(heights.values()) + 0.6), yticks=[])
    axes.set_xticks(range(1, steps + 1))
    axes.set_xlabel("new tokens; in the boxes: probability of the text up to there")
    axes.spines["left"].set_visible(False)
    panel_title(axes, f"{beams} beams; orange wins" + ("" if best == greedy else ", dashed is greedy"))
    return figure


def _beginnings(model: nn.Module, prompt: Tensor, tokens: list[int]) -> dict[tuple, float]:
    """Return every beginning of a continuation, the whole included, with its log-probability."""
    new = prompt.new_tensor(tokens)
    ids = torch.cat([prompt[0], new])[None, :-1]
    log_probs = Predictor(model, 1, ids.size(1), use_cache=False)(ids, last=len(tokens))[0].log_softmax(-1)
    totals = log_probs.gather(1, new[:, None])[:, 0].cumsum(0).tolist()
    return {tuple(tokens[: n + 1]): total for n, total in enumerate(totals)}


def quality_and_diversity(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[str]]],
    floor: tuple[float, float] | None = None,
    *,
    xlabel: str,
    ylabel: str,
    title: str,
) -> Figure:
    """Draw one curve per method through its settings, in the order given.

    curves  method → (diversity, quality, what each point is called)
    floor   where samples of the language itself lie (diversity, quality), as a star
    """
    figure, (axes,) = panels(1, width=9, height=4.6)
    for (name, (x, y, labels)), colour, marker in zip(curves.items(), PALETTE, "osD^v"):
        axes.plot(x, y, color=colour, marker=marker, markersize=8, label=name)
        for i, label in enumerate(labels):
            axes.annotate(label, (x[i], y[i]), (6, 5), textcoords="offset points", fontsize=10, color=INK)
    if floor is not None:
        axes.plot(*floor, marker="*", markersize=20, color=INK, linestyle="none", label="the language itself")
    axes.margins(x=0.1, y=0.12)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.legend(frameon=False, loc="best")
    panel_title(axes, title)
    return figure


def acceptance(words: Sequence[str], target_probs: Tensor, draft_probs: Tensor) -> Figure:
    """Draw what a drafted token meets: the overlap is kept, the draft's surplus refused, the target's redrawn.

    words         V names of the tokens
    target_probs  (V,) p of the large model
    draft_probs   (V,) q of the draft
    """
    p, q = target_probs.detach().float(), draft_probs.detach().float()
    both, place = torch.minimum(p, q), np.arange(len(words))
    figure, (axes,) = panels(1, width=9, height=3.7)
    axes.bar(place, both.tolist(), width=0.7, color=BLUE, label="kept: min(p, q)")
    axes.bar(
        place,
        (q - both).tolist(),
        bottom=both.tolist(),
        width=0.7,
        label="refused: q − p",
        color="white",
        edgecolor=RUST,
        linewidth=1.5,
        hatch="///",
    )
    axes.bar(place, (p - both).tolist(), bottom=both.tolist(), width=0.7, color=ORANGE, label="redrawn: p − q")
    axes.set_xticks(place, words, rotation=30 if len(words) > 7 else 0, ha="right" if len(words) > 7 else "center")
    axes.set(ylabel="probability", ylim=(0, 1.25 * float(torch.maximum(p, q).max())))
    axes.legend(frameon=False, loc="upper right", ncols=3, fontsize=11)
    panel_title(axes, f"A drafted token is kept with probability {float(both.sum()):.2f}")
    return figure


def calls_saved(rates: Mapping[str, float], longest: int, cost: float) -> Figure:
    """Draw, against the number of drafted tokens: tokens per call of the large model, and the speed-up in all.

    rates    name → probability that a drafted token is kept
    longest  largest number of drafted tokens
    cost     time of one call of the draft, as a share of one call of the large model
    """
    figure, (left, right) = panels(2, width=9.6, height=3.7)
    drafted = np.arange(longest + 1)
    for (name, rate), colour, marker in zip(rates.items(), PALETTE, "os^Dv"):
        tokens = np.cumsum(rate**drafted)
        left.plot(drafted, tokens, color=colour, marker=marker, label=name)
        right.plot(drafted, tokens / (cost * drafted + 1), color=colour, marker=marker, label=name)
    panel_title(left, "Tokens per call of the large model")
    panel_title(right, f"Speed-up when a draft costs {cost:.0%}")
    left.set_ylabel("tokens per call")
    right.set_ylabel("times as fast")
    right.axhline(1, color=PALE, linewidth=1.5, zorder=0)
    for axes in (left, right):
        axes.set_xlabel("tokens drafted for each call")
    left.legend(frameon=False, title="kept", loc="upper left")
    return figure


def rankings(probs: Mapping[str, Tensor], p: float, k: int, shown: int = 40) -> Figure:
    """Draw sorted next-token distributions, and where top-k and top-p cut each.

    probs  context → (V,) probabilities
    """
    figure, all_axes = panels(len(probs), width=9.6, height=3.5)
    for axes, (name, row) in zip(all_axes, probs.items()):
        ordered = row.detach().float().sort(descending=True).values
        nucleus = int((ordered.cumsum(-1) < p).sum()) + 1
        axes.bar(range(1, shown + 1), ordered[:shown].tolist(), color=BLUE, width=0.8)
        for at, label, colour, style in ((k, f"top-k, k = {k}", RUST, "--"), (nucleus, f"top-p: {nucleus}", INK, "-")):
            axes.axvline(at + 0.5, color=colour, linestyle=style, linewidth=2, label=label)
        axes.set(xlabel="rank of the token", xlim=(0.3, shown + 0.7), ylabel="probability")
        axes.legend(loc="upper center", fontsize=11, edgecolor="none", framealpha=1)
        axes.set_title(f"{name} …", loc="left", fontsize=13)
    figure_title(figure, f"The smallest set with p = {p:g} follows the model's certainty; k = {k} does not")
    return figure
