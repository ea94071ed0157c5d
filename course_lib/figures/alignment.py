"""Pictures of alignment: the leash, PPO's clip, what a reward costs, a cheated reward, DPO's gains, pass@k."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure

from course_lib.alignment import kl_optimal_policy
from course_lib.figures.style import BLUE, GREY, INK, ORANGE, PALE, PALETTE, RUST, figure_title, panel_title, panels

REPLIES = ("cheese!", "the mouse eats cheese", "and what do cats eat?", "go away")
REF_PROBS, REWARDS = (0.15, 0.2, 0.6, 0.05), (0.8, 1.0, 0.1, -1.0)


def leash(log10_beta: float) -> Figure:
    """Return bars of four replies under the reference and under the best policy for a leash β.

    log10_beta  a scalar, the logarithm of β to base 10
    """
    beta = 10.0**log10_beta
    reference = torch.tensor(REF_PROBS, dtype=torch.float64)
    best = kl_optimal_policy(reference.log(), torch.tensor(REWARDS, dtype=torch.float64), beta).exp()
    figure, (axes,) = panels(width=9.0, height=3.4)
    places = torch.arange(len(REPLIES))
    for probs, colour, shift, label in ((reference, GREY, 0.2, "reference"), (best, BLUE, -0.2, "best policy")):
        axes.barh((places + shift).tolist(), probs.tolist(), height=0.38, color=colour, label=label)
        for place, p in zip(places.tolist(), probs.tolist()):
            axes.text(p + 0.01, place + shift, f"{p:.2f}", va="center", fontsize=11)
    axes.set_yticks(places.tolist(), [f"{text}   reward {r:g}" for text, r in zip(REPLIES, REWARDS)])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.08), xlabel="probability")
    axes.legend(frameon=False, loc="lower right")
    kl = (best * (best.clamp_min(1e-300).log() - reference.log())).sum().item()
    panel_title(axes, f"β = {beta:.2g}: the best policy is {kl:.2f} nats from the reference")
    return figure


def clip_objective(epsilon: float, advantage: float) -> Figure:
    """Return PPO's objective and its slope against the ratio ρ.

    epsilon    a scalar ε between 0 and 1
    advantage  a scalar A
    """
    rho = torch.linspace(0, 2, 401)
    gain = torch.minimum(rho * advantage, rho.clamp(1 - epsilon, 1 + epsilon) * advantage)
    figure, (axes,) = panels(width=8.0, height=3.6)
    axes.plot(rho, rho * advantage, "--", color=GREY, label="ρA, unclipped", linewidth=1.5)
    axes.plot(rho, gain, color=BLUE, label="what PPO climbs")
    axes.axvspan(1 - epsilon, 1 + epsilon, color=PALE, zorder=0)
    axes.axvline(1, color=INK, linewidth=1)
    axes.set(xlabel="ρ = π / π_old", ylabel="gain of one token", xlim=(0, 2))
    flat = f"above {1 + epsilon:.2f}" if advantage > 0 else f"below {1 - epsilon:.2f}"
    panel_title(axes, f"The push ends {flat}" if advantage else "No advantage, no push")
    axes.legend(frameon=False)
    return figure


def trade(runs: Mapping[Any, Mapping[str, Any]], chosen: float) -> Figure:
    """Return what runs at several β did to grammar, variety and held-out loss, one of them with its texts.

    runs    "before" and each β → {"grammatical": a share, "different": a count, "nats": each a scalar, "texts": a list}
    chosen  the β whose texts are shown
    """
    betas = [beta for beta in runs if beta != "before"]
    figure, axes = panels(4, width=12.5, height=3.8)
    titles = {"grammatical": "Grammatical", "different": "Different of 400", "nats": "Held-out nats"}
    for place, (name, title) in enumerate(titles.items()):
        heights = [runs[beta][name] for beta in betas]
        before = runs["before"][name]
        colours = [BLUE if beta == chosen else PALE for beta in betas]
        axes[place].bar(range(len(betas)), heights, color=colours, edgecolor=GREY)
        axes[place].axhline(before, color=RUST, linewidth=1.5)
        for x, height in enumerate(heights):
            label = f"{height:.0%}" if name == "grammatical" else f"{height:.3g}"
            axes[place].text(x, height, label, ha="center", va="bottom", fontsize=10)
        axes[place].set_xticks(range(len(betas)), [f"{beta:g}" for beta in betas])
        axes[place].set_xlabel("β")
        axes[place].set_ylim(0, 1.15 * max(*heights, before))
        panel_title(axes[place], title)
    axes[3].axis("off")
    panel_title(axes[3], f"Texts at β = {chosen:g}")
    lines = "\n".join(
        textwrap.shorten(text.removesuffix(" <eos>"), 48, placeholder=" …") for text in runs[chosen]["texts"]
    )
    axes[3].text(0, 0.98, lines, va="top", fontsize=9.5, linespacing=1.9, transform=axes[3].transAxes)
    figure_title(figure, "Red line: before. A shorter leash (larger β) keeps more of the model and gains less")
    return figure


def frontier(points: Mapping[str, tuple[float, float]], ideal: Sequence[tuple[float, float]], base: float) -> Figure:
    """Return share of right texts against distance from the reference: trained policies, and the best possible.

    points  name → (KL in nats, share)
    ideal   (share, KL) of the best policies, in the order of the leash, as many pairs as wanted: shape (N, 2)
    base    a scalar, the share of the reference
    """
    figure, (axes,) = panels(width=8.5, height=3.8)
    axes.plot([0, *(kl for _, kl in ideal)], [base, *(share for share, _ in ideal)], color=GREY, label="best possible")
    axes.plot(-math.log(base), 1.0, "*", color=INK, markersize=14, label="draw until the judge nods")
    for (name, (kl, share)), colour in zip(points.items(), PALETTE):
        axes.plot(kl, share, "o", color=colour, markersize=9)
        axes.annotate(name, (kl, share), xytext=(8, -14), textcoords="offset points", fontsize=11)
    axes.set(xlabel="KL from the base, nats a sentence", ylabel="grammatical", ylim=(base - 0.05, 1.05))
    axes.legend(frameon=False, loc="lower right")
    panel_title(axes, "Training pays more nats for its grammar than it needs to")
    return figure


def hacked(meters: Sequence[tuple[float, float, float, float]]) -> Figure:
    """Return a cheated reward beside the judge that nobody asked.

    meters  (step, reward in words, share of whole sentences, length in words) at several times: shape (N, 4)
    """
    steps, rewards, whole, _ = zip(*meters)
    figure, axes = panels(2, width=10.0, height=3.6)
    axes[0].plot(steps, rewards, "o-", color=ORANGE)
    axes[0].set(xlabel="steps", ylabel="words before the first error", ylim=(0, 33))
    panel_title(axes[0], "The reward rises …")
    axes[1].plot(steps, whole, "o-", color=BLUE)
    axes[1].set(xlabel="steps", ylabel="whole sentences, share", ylim=(0, 1))
    panel_title(axes[1], "… and what was meant falls")
    return figure


def gains(manners: Sequence[tuple[float, float, float]]) -> Figure:
    """Return what chosen and rejected replies gained on the reference while DPO's loss fell.

    manners  (loss, gain of the chosen, gain of the rejected, in nats) at each update: shape (N, 3)
    """
    losses, chosen, rejected = zip(*manners)
    figure, axes = panels(2, width=10.0, height=3.6)
    axes[0].plot(losses, color=INK)
    axes[0].axhline(math.log(2), color=GREY, linestyle="--", linewidth=1)
    axes[0].set(xlabel="updates", ylabel="loss, nats a comparison", ylim=(0, None))
    panel_title(axes[0], "The loss falls from ln 2 …")
    axes[1].plot(chosen, color=BLUE, label="chosen")
    axes[1].plot(rejected, color=ORANGE, linestyle="--", label="rejected")
    axes[1].axhline(0, color=GREY, linewidth=1)
    axes[1].set(xlabel="updates", ylabel="gain on the reference, nats")
    axes[1].legend(frameon=False)
    panel_title(axes[1], "… because one curve sinks")
    return figure


def pass_curves(ks: Sequence[int], passed: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """Return pass@k with its intervals against k.

    ks      numbers of tries
    passed  name → (mean, half an interval) for each k: shape (len(ks), 2)
    """
    figure, (axes,) = panels(width=7.5, height=3.6)
    for (name, by_k), colour, style in zip(passed.items(), (BLUE, ORANGE), ("o-", "s--")):
        means, halves = zip(*by_k)
        axes.errorbar(ks, means, yerr=halves, fmt=style, color=colour, capsize=4, label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(ks), [str(k) for k in ks])
    axes.set(xlabel="k, tries", ylabel="pass@k", ylim=(0, 1.05))
    axes.legend(frameon=False, loc="lower right")
    panel_title(axes, "More tries make up for training")
    return figure
