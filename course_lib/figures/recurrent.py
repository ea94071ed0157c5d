"""Pictures of recurrent networks: what a state holds, what becomes of a gradient on its way back, what gates do."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from course_lib.figures.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALETTE,
    RUST,
    RUST_INK,
    SEQUENTIAL,
    figure_title,
    panel_title,
    panels,
    place_axes,
)
from course_lib.recurrent.bptt import spectral_radius
from course_lib.recurrent.cells import rnn_forward

_MARKERS = "osD^v"


def latch(
    words: Mapping[str, Sequence[str]], numbers: Mapping[str, Sequence[float]], w_hh: float, w_ih: float
) -> Figure:
    """Draw a state of one number that reads sentences, h_t = tanh(w_hh h_{t−1} + w_ih x_t), and what its gradient does.

    words    name → T words, the sentences one above the other
    numbers  name → T inputs x_t
    w_hh, w_ih  the two weights
    """
    figure, (left, right) = panels(2, width=9.6, height=4.2)
    rows = len(words)
    place_axes(left, 0.8, 0.6 + 0.33 * rows, 4.9, 3.1 - 0.33 * rows)
    place_axes(right, 6.7, 0.6 + 0.33 * rows, 2.7, 3.1 - 0.33 * rows)
    for row, ((name, sentence), colour) in enumerate(zip(words.items(), (BLUE, ORANGE))):
        x = torch.tensor(numbers[name], dtype=torch.float64)[None, :, None]
        w = torch.tensor([[w_hh]], dtype=x.dtype)
        states = rnn_forward(x, x.new_zeros(1, 1), torch.tensor([[w_ih]], dtype=x.dtype), w)[0, :, 0]
        steps = range(1, len(sentence) + 1)
        left.plot(steps, states.tolist(), marker=_MARKERS[row], markersize=9, color=colour, label=name)
        factors = (w_hh * (1 - states[1:] ** 2)).abs().flip(0).cumprod(0).tolist()
        right.plot(range(len(sentence)), [1.0, *factors], marker=_MARKERS[row], color=colour)
        for step, word in zip(steps, sentence):
            left.text(
                step, -1.42 - 0.31 * row * 3.1 / (3.1 - 0.33 * rows), word, color=colour, ha="center", fontsize=12
            )
    left.axhline(0, color=GREY, linewidth=1)
    left.set(xlim=(0.5, len(sentence) + 0.5), ylim=(-1.1, 1.1), ylabel="state h", xticks=[], yticks=[-1, 0, 1])
    left.set_title("One number remembers", loc="left", fontweight="bold", fontsize=14)
    right.set_yscale("log")
    right.set(ylim=(1e-10, 1e2), xlabel="words back", ylabel="∂h now / ∂h then", xticks=range(len(sentence)))
    panel_title(right, "Its gradient")
    right.axhline(1, color=GREY, linewidth=1, linestyle="--")
    return figure


def memory(scenes: Mapping[str, Mapping[str, Tensor]], ylabel: str) -> Figure:
    """Draw what one number read from a state does while the network reads pairs of sentences, a panel per pair.

    scenes  title → {sentence of T words: (T,) the number after each word, about −1 … 1}
    """
    figure, all_axes = panels(1, len(scenes), width=9.6, height=3.3 * len(scenes))
    figure.set_layout_engine("constrained", hspace=0.1)  # the second row of words is below the axes
    for axes, (title, sentences) in zip(all_axes, scenes.items()):
        for row, ((sentence, values), colour) in enumerate(zip(sentences.items(), (BLUE, ORANGE))):
            words = sentence.split()
            axes.plot(range(len(words)), values.tolist(), marker=_MARKERS[row], markersize=9, color=colour)
            for step, word in enumerate(words):
                axes.annotate(
                    word,
                    (step, -0.03 - 0.12 * row),
                    xycoords=("data", "axes fraction"),
                    annotation_clip=False,
                    color=colour,
                    fontsize=12,
                    ha="center",
                    va="top",
                )
        axes.axhline(0, color=GREY, linewidth=1)
        axes.spines["bottom"].set_visible(False)
        axes.set(xlim=(-0.5, len(words) - 0.5), ylim=(-2.5, 2.5), ylabel=ylabel, xticks=[], yticks=[-2, -1, 0, 1, 2])
        panel_title(axes, title)
    return figure


def unrolled(words: Sequence[str], states: Tensor, title: str) -> Figure:
    """Draw a network unrolled in time: the same cell at every word, its state as a column of colours, arrows on.

    words   T words, read from left to right
    states  (T, H) the states, in −1 … 1
    """
    values = states.detach().float().cpu().numpy()
    steps, size = values.shape
    figure, (axes,) = panels(1, width=max(6.0, 1.35 * steps + 1.4), height=3.4)
    for t, word in enumerate(words):
        image = axes.imshow(
            values[t][:, None],
            cmap="PuOr",
            vmin=-1,
            vmax=1,
            extent=(t - 0.22, t + 0.22, 0, 1.6),
            aspect="auto",
            interpolation="nearest",
        )
        axes.annotate("", (t, -0.03), (t, -0.38), arrowprops={"arrowstyle": "-|>", "color": BLUE, "linewidth": 2})
        axes.text(t, -0.45, word, ha="center", va="top", fontsize=13, fontweight="bold")
        axes.text(t, 1.66, f"$h_{{{t + 1}}}$", ha="center", va="bottom", fontsize=13)
        axes.text(t + 0.06, -0.2, "$W_{ih}$", fontsize=11, color=BLUE, va="center")
        if t:
            arrow = {"arrowstyle": "-|>", "color": RUST, "linewidth": 2.5}
            axes.annotate("", (t - 0.24, 0.8), (t - 0.76, 0.8), arrowprops=arrow)
            axes.text(t - 0.5, 0.9, "$W_{hh}$", ha="center", fontsize=11, color=RUST_INK)
    axes.set(xlim=(-0.6, steps - 0.4), ylim=(-0.75, 1.95))
    axes.axis("off")
    panel_title(axes, title)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.01)
    bar.set_label(f"state, {size} numbers")
    return figure


def lstm_cell(title: str) -> Figure:
    """Draw one step of an LSTM: the cell on its straight line at the top, h and x below, four gates between them."""
    figure, (axes,) = panels(1, width=9.6, height=4.2)
    arrow = {"arrowstyle": "-|>", "linewidth": 2, "shrinkA": 0, "shrinkB": 0}

    def line(*points: tuple[float, float], colour: str = INK) -> None:
        *start, end = points
        axes.plot(*zip(*start), color=colour, linewidth=2)
        axes.annotate("", end, start[-1], arrowprops={**arrow, "color": colour})

    def node(x: float, y: float, text: str, colour: str = "white") -> None:
        axes.add_patch(Circle((x, y), 0.24, facecolor=colour, edgecolor=INK, linewidth=1.5, zorder=3))
        axes.text(x, y, text, ha="center", va="center", fontsize=13 if len(text) == 1 else 10, zorder=4)

    line((0, 3), (9.6, 3), colour=RUST)  # the path on which nothing but f stands
    line((0, 0.4), (7, 0.4), (7, 0.96))
    line((0.7, -0.3), (0.7, 0.35))
    for x, gate in ((2, "σ"), (3.5, "σ"), (5, "tanh"), (7, "σ")):
        line((x, 0.4), (x, 0.96))
        node(x, 1.2, gate, "#dbe9f6")
    for x, name in ((2, "$f$"), (3.5, "$i$"), (5, "$g$"), (7, "$o$")):
        axes.text(x + 0.3, 1.5, name, fontsize=14)
    line((2, 1.44), (2, 2.76))
    line((3.5, 1.44), (3.5, 2), (4.01, 2))
    line((5, 1.44), (5, 2), (4.49, 2))
    line((4.25, 2.24), (4.25, 2.76))
    line((8.2, 3), (8.2, 2.44))
    line((8.2, 1.96), (8.2, 1.44))
    line((7.24, 1.2), (7.96, 1.2))
    line((8.2, 0.96), (8.2, 0.4), (9.6, 0.4))
    for x, y, sign in ((2, 3, "×"), (4.25, 3, "+"), (4.25, 2, "×"), (8.2, 1.2, "×")):
        node(x, y, sign, "#fbe3d6")
    node(8.2, 2.2, "tanh", "#dbe9f6")
    for x, y, name, side in ((0, 3, "$c_{t-1}$", "right"), (9.65, 3, "$c_t$", "left"), (0, 0.4, "$h_{t-1}$", "right")):
        axes.text(x, y, f" {name} ", ha=side, va="center", fontsize=15)
    axes.text(9.65, 0.4, " $h_t$", ha="left", va="center", fontsize=15)
    axes.text(0.7, -0.35, "$x_t$", ha="center", va="top", fontsize=15)
    axes.set(xlim=(-0.7, 10.3), ylim=(-0.9, 3.5))
    axes.axis("off")
    panel_title(axes, title)
    return figure


def reach(curves: Mapping[str, Sequence[float]], title: str, ylabel: str, lowest: float = 1e-14) -> Figure:
    """Draw how something fades with distance, on a logarithmic scale: one line per name, distances 0, 1, 2 …"""
    figure, (axes,) = panels(1, width=9.0, height=4.0)
    for (name, values), colour, style in zip(curves.items(), PALETTE, ("-", "--", "-.", ":", "-", "--")):
        axes.plot(range(len(values)), np.maximum(values, lowest), color=colour, linestyle=style, label=name)
    axes.set_yscale("log")
    axes.set(xlabel="distance back, steps", ylabel=ylabel)
    panel_title(axes, title)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def recurrent_matrix(size: int, radius: float, skew: float, seed: int = 0) -> Tensor:
    """Return a matrix (size, size), float64, with the given spectral radius, and more or less normal.

    skew  0: a rotation times the radius, all singular values equal to it; larger: the same eigenvalues, with a chain of
          links above the diagonal that stretches some directions before it shrinks them
    """
    generator = torch.Generator().manual_seed(seed)
    angles = torch.rand(size // 2, generator=generator, dtype=torch.float64) * torch.pi
    blocks = [torch.tensor([[a.cos(), -a.sin()], [a.sin(), a.cos()]]) for a in angles]
    rotation = torch.block_diag(*blocks).to(torch.float64)
    links = torch.diag(torch.ones(size - 2, dtype=torch.float64), 2)  # above the 2 × 2 blocks: eigenvalues stay
    basis, _ = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))
    return radius * basis @ (rotation + skew * links) @ basis.T


def gradient_paths(w_hh: Tensor, drive: float, steps: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Return the norms of gradients on their way back through a tanh RNN, and through the same network without tanh.

    w_hh     (H, H)
    drive    standard deviation of what the input adds to every a_t; more of it saturates tanh
    returns  two tensors (steps + 1,), from distance 0; root mean square over 16 sequences, 1 at distance 0
    """
    generator, size = torch.Generator().manual_seed(seed), len(w_hh)
    x = drive * torch.randn(16, steps + 1, size, generator=generator, dtype=w_hh.dtype)
    states = rnn_forward(x, torch.zeros_like(x[:, 0]), torch.eye(size, dtype=w_hh.dtype), w_hh)
    g = torch.randn(16, size, generator=generator, dtype=w_hh.dtype)
    g = linear = g / g.square().mean(0).sum().sqrt()
    norms = [(g, linear)]
    for t in range(steps, 0, -1):
        g, linear = ((1 - states[:, t] ** 2) * g) @ w_hh, linear @ w_hh
        norms.append((g, linear))
    with_tanh, without = (torch.stack([n.square().sum(-1).mean().sqrt() for n in path]) for path in zip(*norms))
    return with_tanh, without


def gradient_flow(radius: float, skew: float, drive: float, size: int = 24, steps: int = 60) -> Figure:
    """Draw a recurrent matrix by its eigenvalues, and gradient norms against distance with their bounds.

    radius, skew  as in `recurrent_matrix`
    drive         as in `gradient_paths`
    """
    w_hh = recurrent_matrix(size, radius, skew)
    eigenvalues = torch.linalg.eigvals(w_hh).numpy()
    rho, sigma = spectral_radius(w_hh), torch.linalg.matrix_norm(w_hh, 2).item()
    with_tanh, linear = gradient_paths(w_hh, drive, steps)
    figure, (left, right) = panels(2, width=9.6, height=4.0)
    place_axes(left, 0.75, 0.65, 2.7, 2.7)
    place_axes(right, 4.6, 0.65, 4.8, 2.7)
    left.add_patch(Circle((0, 0), 1, fill=False, color=GREY, linestyle="--", linewidth=1.5))
    left.add_patch(Circle((0, 0), sigma, fill=False, color=RUST, linewidth=2))
    left.plot(eigenvalues.real, eigenvalues.imag, "o", color=BLUE, markersize=6)
    side = 3.2
    left.set(xlim=(-side, side), ylim=(-side, side), xlabel="real part", ylabel="imaginary part")
    left.set_xticks(range(-3, 4))
    left.set_yticks(range(-3, 4))
    panel_title(left, f"Radius ρ {rho:.2f}, largest\nsingular value σ {sigma:.2f}")
    k = np.arange(steps + 1)
    right.plot(k, linear, color=GREY, linewidth=4, label="without tanh")
    right.plot(k, sigma**k, color=RUST, linewidth=2, label="bound σᵏ")
    right.plot(k, rho**k, color=BLUE, linestyle="--", linewidth=2, label="ρᵏ")
    right.plot(k, with_tanh, color=INK, linewidth=3.5, label="tanh network")
    right.set_yscale("log")
    right.set(ylim=(1e-9, 1e9), xlim=(0, steps), xlabel="distance back, steps", ylabel="norm of the gradient")
    right.legend(frameon=False, fontsize=11, loc="lower left", ncols=4, handlelength=1.3, columnspacing=0.9,
                 bbox_to_anchor=(-0.03, 0.99), borderpad=0)  # fmt: skip
    end = with_tanh[-1].item()
    panel_title(right, f"{steps} steps back, a norm of 1 has become {end:.0e}\n")
    return figure


def cliff_loss(w: Tensor, steps: int = 50, target: float = 0.7, start: float = 0.5, b: float = -2.0) -> Tensor:
    """Return the loss of a one-number RNN, h ← σ(w h + b) from `start`, whose last state should be `target`.

    w        (...) recurrent weights
    returns  (...) (h_T − target)²
    """
    h = torch.full_like(w, start)
    for _ in range(steps):
        h = torch.sigmoid(w * h + b)
    return (h - target) ** 2


def cliff(lr: float, clip: float | None, n_updates: int = 24, w0: float = 5.0) -> Figure:
    """Draw gradient descent on the loss of a one-number RNN that has a cliff: with or without clipping.

    lr    learning rate
    clip  largest size of the gradient; None: no limit
    """
    w, path, sizes = torch.tensor(w0, dtype=torch.float64), [], []
    for _ in range(n_updates + 1):
        w = w.detach().requires_grad_()
        loss = cliff_loss(w)
        (slope,) = torch.autograd.grad(loss, w)
        path.append((w.item(), loss.item()))
        sizes.append(abs(slope.item()))
        w = w - lr * (slope if clip is None else slope.clamp(-clip, clip))
    figure, (left, right) = panels(2, width=9.6, height=3.9)
    place_axes(left, 0.9, 0.65, 4.45, 2.7)
    place_axes(right, 6.5, 0.65, 2.9, 2.7)
    low, high = 2.5, 9.0
    grid = torch.linspace(low, high, 800, dtype=torch.float64)
    left.plot(grid, cliff_loss(grid), color=GREY)
    xs, ys = zip(*path)
    left.plot(xs, ys, "o-", color=BLUE, linewidth=1.2, markersize=6)
    left.plot(xs[0], ys[0], "o", color=ORANGE, markersize=11, label="start")
    left.set(xlim=(low, high), ylim=(-0.02, 0.33), xlabel="recurrent weight w", ylabel="loss")
    jump = max(abs(b - a) for a, b in pairwise(xs))
    panel_title(left, f"The longest step moves w by {jump:.2f}")
    left.legend(frameon=False, loc="upper right")
    right.plot(range(len(sizes)), np.maximum(sizes, 1e-6), "o-", color=BLUE)
    if clip is not None:
        right.axhline(clip, color=RUST, linestyle="--")
        right.text(
            len(sizes) - 1, 0.8 * clip, f"clipped to {clip:g}", ha="right", va="top", color=RUST_INK, fontsize=11
        )
    right.set_yscale("log")
    right.set(xlabel="update", ylabel="size of the gradient", ylim=(1e-4, 1e2))
    panel_title(right, "Before clipping")
    return figure


def gate_map(tokens: Sequence[str], gates: Mapping[str, Tensor], units: Sequence[int] | None = None) -> Figure:
    """Draw gates as heat maps one above the other, a column per token and a row per unit.

    tokens  T words
    gates   name → (T, H) values in 0 … 1
    units   which units to show, from top to bottom; by default the first 16
    """
    units = list(range(min(16, next(iter(gates.values())).size(1)))) if units is None else list(units)
    rows = len(gates)
    figure, all_axes = panels(1, rows, width=9.6, height=0.9 + rows * (0.5 + 0.1 * len(units)))
    for axes, (name, values) in zip(all_axes, gates.items()):
        shown = values.detach().float().cpu()[:, units].T.numpy()
        image = axes.imshow(shown, cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        axes.set_yticks([])
        axes.set_ylabel("unit")
        axes.set_xticks(
            range(len(tokens)), tokens if axes is all_axes[-1] else [""] * len(tokens), rotation=45, ha="right"
        )
        axes.tick_params(length=0)
        panel_title(axes, name)
    figure.colorbar(image, ax=all_axes, shrink=0.8, label="0 closed … 1 open")
    return figure


def recall_curves(distances: Sequence[int], curves: Mapping[str, Sequence[float]], chance: float, title: str) -> Figure:
    """Draw recall accuracy against distance, one line per network, and the line of those who remember nothing."""
    figure, (axes,) = panels(1, width=9.0, height=4.0)
    for (name, values), colour, marker in zip(curves.items(), PALETTE, _MARKERS):
        axes.plot(distances, values, color=colour, marker=marker, markersize=8, label=name)
    axes.axhline(chance, color=GREY, linestyle="--", linewidth=1.5)
    axes.text(distances[0], chance + 0.02, f"chance {chance:g}", color=INK, fontsize=11, va="bottom")
    axes.set_xscale("log", base=2)
    axes.set_xticks(distances, [str(d) for d in distances])
    axes.set(ylim=(0, 1.05), xlabel="steps between reading the symbol and being asked", ylabel="recalled correctly")
    panel_title(axes, title)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def training_pair(
    losses: Mapping[str, Sequence[float]], norms: Mapping[str, Sequence[float]], clip: float, title: str
) -> Figure:
    """Draw losses (left) and gradient norms before clipping (right) against training steps, one line per run."""
    figure, (left, right) = panels(2, width=9.6, height=3.9)
    for (name, values), colour in zip(losses.items(), (RUST, BLUE, GREEN)):
        left.plot(range(1, len(values) + 1), values, color=colour, linewidth=1.8, label=name)
        right.plot(range(1, len(values) + 1), norms[name], color=colour, linewidth=1.2)
    right.axhline(clip, color=INK, linestyle="--", linewidth=1.5, label=f"clipped above {clip:g}")
    right.set_yscale("log")
    left.set(xlabel="training step", ylabel="training loss, nats a token")
    right.set(xlabel="training step", ylabel="norm of the gradient")
    for axes, text in ((left, "Loss"), (right, "Gradient before clipping")):
        panel_title(axes, text)
        axes.legend(frameon=False)
    figure_title(figure, title)
    return figure
