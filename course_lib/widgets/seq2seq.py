"""Sequence to sequence to play with: where a decoder looks, and which hypothesis a length penalty prefers."""

from collections.abc import Sequence

import ipywidgets as widgets
from torch import Tensor

from course_lib.figures import seq2seq as figures
from course_lib.figures.transformer import alignment
from course_lib.widgets.live import live


def replay(source: str, written: str, weights: Tensor) -> widgets.Widget:
    """Return a widget that steps through what a decoder wrote, with its look at the source before each character.

    source   S characters that the encoder read
    written  T characters that the decoder wrote, its end as ◂
    weights  (T, S); row t is the look before written[t], and sums to 1

    Raises ValueError when the shape of weights does not fit the texts.
    """
    if weights.shape != (len(written), len(source)):
        raise ValueError(f"weights must have the shape {(len(written), len(source))}, got {tuple(weights.shape)}")
    return live(
        lambda step: alignment(source, written, weights, step - 1, "it looks here"),
        alt=f"Where the decoder looks in “{source}” before it writes each character of “{written}”.",
        step=widgets.IntSlider(1, min=1, max=len(written), description="character"),
    )


def rescoring_explorer(texts: Sequence[str], log_probs: Sequence[float], lengths: Sequence[int]) -> widgets.Widget:
    """Return a widget with finished hypotheses and a slider for α; the best log p / n ** α is marked.

    texts      what each hypothesis says
    log_probs  of each, in nats, below 0
    lengths    n, tokens of each, the end included, at least 1

    Raises ValueError when the three do not have the same number of entries, at least one.
    """
    if not len(texts) == len(log_probs) == len(lengths) or not texts:
        raise ValueError(
            f"texts, log_probs and lengths must have one entry per hypothesis, got {len(texts)}, {len(log_probs)} "
            f"and {len(lengths)}"
        )
    return live(
        lambda alpha: figures.rescoring(texts, log_probs, lengths, alpha),
        alt="Bars of the score of each hypothesis: with a larger length penalty the longer ones move towards 0.",
        alpha=widgets.FloatSlider(0.0, min=0.0, max=2.0, step=0.1, description="length penalty α"),
    )
