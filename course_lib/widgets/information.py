"""Lesson 01's live pictures: the coin, the two divergences, the temperature."""

from collections.abc import Sequence

import ipywidgets
from torch import Tensor

from course_lib.figures import information as figures
from course_lib.widgets.live import Live, live

_WIDE = {"width": "420px"}


def coin_explorer(p: float = 0.9) -> Live:
    """Return a coin whose bias the reader moves: both surprises, and the entropy on the curve of all coins."""
    return live(
        lambda p: figures.coin(p),
        alt="Left: the surprise of heads and of tails as bars; the rarer side is the more surprising one. "
        "Right: entropy against the probability of heads, an arch that is 0 at both ends and ln 2 in the middle.",
        p=_slider(p, 0.0, 1.0, 0.01, "probability of heads"),
    )


def divergence_explorer(p: Tensor, words: Sequence[str], peak: int = 0, weight: float = 0.6) -> Live:
    """Return a world p with a model that has one peak; the reader moves how much the model puts on it.

    p       (V,) the true distribution
    words   its V outcomes
    peak    index of the word that the model may favour
    weight  the model's probability of that word at first
    """
    return live(
        lambda weight: figures.two_directions(p, words, peak, weight),
        alt="Left: bars of the world's and of the model's probabilities. Right: KL(p‖q) and KL(q‖p) against the "
        "model's weight on its one word. Their minima lie at different weights, and only KL(p‖q) grows to infinity "
        "when the model leaves nothing for the other words.",
        weight=_slider(weight, 0.01, 1.0, 0.01, f"q({words[peak]})"),
    )


def temperature_explorer(words: Sequence[str], logits: Tensor, t: float = 1.0) -> Live:
    """Return bars of softmax(logits / T); the reader moves T from 0 (the limit) to 5.

    words   V outcomes
    logits  (V,)
    """
    return live(
        lambda t: figures.temperature(words, logits, t),
        alt="Bars of the probabilities of each word. At low temperature all mass is on the largest logit; "
        "at high temperature the bars become level.",
        t=_slider(t, 0.0, 5.0, 0.05, "temperature T"),
    )


def _slider(value: float, low: float, high: float, step: float, name: str) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(value, min=low, max=high, step=step, description=name, layout=_WIDE)
