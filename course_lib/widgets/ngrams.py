"""Lesson 03's live pictures: what comes next at each order, what k does, and how text of each order reads."""

import html
import time
from collections.abc import Callable, Mapping, Sequence

import ipywidgets
import numpy as np
import torch
from IPython.display import display
from matplotlib.figure import Figure

from course_lib.data.grammar import Grammar
from course_lib.figures import ngrams as figures
from course_lib.ngrams import Counts, NGramModel, add_k
from course_lib.widgets.live import Live, live, still

_WIDE = {"width": "460px"}


def next_word_explorer(
    language: Grammar, models: Mapping[str, Sequence[NGramModel]], beginnings: Sequence[str], order: int = 2
) -> Live:
    """Return the next word after a beginning: exact probabilities, and those of a model whose order the reader moves.

    language    the grammar, which knows the exact probabilities
    models      name → models of order 1, 2, 3, …
    beginnings  sentence beginnings to choose from
    order       which order to show first
    """
    eos = language.encode("<eos>")
    exact = {text: language.next_token_probs(language.encode(text)).numpy() for text in beginnings}

    def draw(beginning: str, order: int, estimate: str) -> Figure:
        probs = models[estimate][order - 1].next_probs(eos + language.encode(beginning))
        name = f"{estimate}, order {order}"
        return figures.next_words(beginning, language.vocabulary, exact[beginning], probs, name)

    return live(
        draw,
        alt="Bars of the probability of the next word, by the language itself and by an n-gram model of chosen order.",
        beginning=ipywidgets.Dropdown(options=list(beginnings), layout=_WIDE),
        order=ipywidgets.IntSlider(order, min=1, max=min(map(len, models.values()))),
        estimate=ipywidgets.Dropdown(options=list(models)),
    )


def add_k_explorer(
    counts: Mapping[str, Counts], held_out: np.ndarray | torch.Tensor, history: Sequence[int], words: Sequence[str]
) -> Live:
    """Return held-out loss against k for several counts, and the words after one history; the reader moves k.

    counts    name → counts; the bars belong to the last one
    held_out  (N,) tokens
    history   token ids, one fewer than the order of the last counts
    words     the V words; the six most frequent after the history become bars, with one that never followed it
    """
    ks = [round(10 ** (e / 4), 5) for e in range(-16, 5)]
    curves = {name: [add_k(c, k).nats_per_token(held_out) for k in ks] for name, c in counts.items()}
    last = list(counts.values())[-1]
    counted = np.array([last.count([*history, word]) for word in range(last.vocab_size)])
    shown = [*np.argsort(-counted, kind="stable")[:6], int(np.flatnonzero(counted == 0)[-1])]

    def draw(k: float) -> Figure:
        probs = (counted + k) / (counted.sum() + k * len(counted))
        bars = {words[w]: (counted[w] / counted.sum(), probs[w]) for w in shown}
        return figures.added_counts(ks, curves, ks.index(k), bars)

    return live(
        draw,
        alt="Left: held-out loss against k, a valley whose lowest point lies at a small k. Right: with a large k the "
        "seen words lose nearly all their probability to the unseen.",
        k=ipywidgets.SelectionSlider(options=[(f"{k:g}", k) for k in ks], value=1.0, description="k", layout=_WIDE),
    )


def babbler(models: Sequence[NGramModel], write: Callable[[list[int]], str], start: int, n_tokens: int = 60) -> Live:
    """Return text that n-gram models make up; the reader moves the order and the seed.

    models    of order 1, 2, 3, …
    write     turns token ids into text
    start     the token before the text
    n_tokens  how long the text is
    """

    def draw(order: int, seed: int) -> str:
        generator = torch.Generator().manual_seed(seed)
        text = html.escape(write(models[order - 1].sample(n_tokens, generator, [start])))
        return f'<p style="font-size:115%;max-width:50em;line-height:1.5">{text} …</p>'

    return live(
        draw,
        alt="A paragraph of random text: word salad at order 1, phrases at order 2, sentences at order 3 and above.",
        order=ipywidgets.IntSlider(2, min=1, max=len(models)),
        seed=ipywidgets.IntSlider(1, min=1, max=20),
    )


def growing(sizes: Sequence[int], measure: Callable[[int], float], unit: str = "tokens") -> list[float]:
    """Return measure(size) for each size, with a bar that shows how far it is and a line for each result."""
    bar = ipywidgets.IntProgress(max=len(sizes), description="counting", layout=_WIDE)
    display(still(bar, " ", "a bar that shows how many sizes are done"))
    found = []
    for size in sizes:
        start = time.monotonic()
        found.append(measure(size))
        bar.value = len(found)
        print(f"{size:9,} {unit}: {found[-1]:.3f} nats a token on held-out text ({time.monotonic() - start:.1f} s)")
    return found
