"""What may come next: the exact probabilities of the toy language, after the first words of a sentence."""

import math

from matplotlib.figure import Figure

from course_lib.data.grammar import Grammar
from course_lib.figures.style import BLUE, INK, ORANGE, PALE, panel_title, panels


def next_word_bars(language: Grammar, sentence: str, words: int, *, bars: int = 8) -> Figure:
    """Draw the likeliest next words after the first `words` words of a sentence, and mark the word that came.

    language  whose probabilities are drawn
    sentence  words separated by spaces
    words     how many of them have been read, 0 to all of them
    bars      how many words to draw; the probability of all others together is written below them

    After words that begin no sentence there are no bars, and the picture says so. Raises ValueError for words that the
    language lacks, and for a number of words that the sentence has not.
    """
    ids = language.encode(sentence)
    if not 0 <= words <= len(ids):
        raise ValueError(f"words must be between 0 and {len(ids)}, got {words}")
    read = " ".join(sentence.split()[:words]) or "(nothing yet)"
    figure, (axes,) = panels(height=4.2)
    panel_title(axes, f"{read} …")
    axes.set_xlabel("probability of the next word (orange: the word that came)")
    axes.set_xlim(0, 1.12)
    axes.set_ylim(bars + 0.6, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_yticks([])
    if language.log_prob(ids[:words]) == -math.inf:
        axes.text(0.02, bars / 2, "No sentence of this language begins like this: probability 0.", fontsize=13)
        return figure

    top = language.next_token_probs(ids[:words]).topk(bars)
    shown = [(language.vocabulary[token], p) for p, token in zip(top.values.tolist(), top.indices.tolist()) if p > 0]
    rest = 1 - sum(p for _, p in shown)
    labels = [word for word, _ in shown] + ["all others"] * (rest > 1e-9)
    values = [p for _, p in shown] + [rest] * (rest > 1e-9)
    came = sentence.split()[words] if words < len(ids) else ""
    colours = [ORANGE if label == came else PALE if label == "all others" else BLUE for label in labels]
    axes.barh(range(len(labels)), values, color=colours, height=0.7)
    for place, value in enumerate(values):
        axes.text(value + 0.01, place, f"{value:.3f}", va="center", color=INK, fontsize=12)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(bars + 0.6, -0.6)
    return figure
