"""Alignment to play with: the leash on four replies, PPO's clip, and what trained policies traded."""

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from course_lib.figures import alignment as figures
from course_lib.widgets.live import live


def leash_explorer() -> widgets.Widget:
    """Return a widget that shows the best policy for four replies as the leash β is moved."""
    return live(
        figures.leash,
        alt="Bars of four replies under the reference and under the best policy: with a short leash they agree, with a "
        "long one nearly all probability is on the reply with the highest reward.",
        log10_beta=widgets.FloatSlider(-0.5, min=-2, max=1, step=0.1, description="leash, log₁₀ β"),
    )


def clip_explorer() -> widgets.Widget:
    """Return a widget that shows PPO's objective against the ratio, for an ε and an advantage."""
    return live(
        figures.clip_objective,
        alt="A line through the ratio 1 that becomes flat where a token moved far enough in the right direction, and "
        "goes on where it moved in the wrong one.",
        epsilon=widgets.FloatSlider(0.2, min=0.05, max=0.9, step=0.05, description="ε"),
        advantage=widgets.FloatSlider(1.0, min=-2, max=2, step=0.25, description="advantage A"),
    )


def trade_explorer(runs: Mapping[Any, Mapping[str, Any]]) -> widgets.Widget:
    """Return a widget that shows what training at one β did to grammar, variety and held-out loss, with texts.

    runs  "before" and each β → the meters that `course_lib.figures.alignment.trade` reads, each a scalar but the texts
    """
    betas = [beta for beta in runs if beta != "before"]
    before = runs["before"]
    return live(
        lambda beta: figures.trade(runs, beta),
        alt="Grammatical, different of 400 and held-out nats. "
        + "; ".join(
            f"{name}: {run['grammatical']:.0%}, {run['different']}, {run['nats']:.2f}"
            for name, run in [("before", before), *((f"β = {beta:g}", runs[beta]) for beta in betas)]
        ),
        beta=widgets.SelectionSlider(options=betas, value=betas[0], description="leash β"),
    )
