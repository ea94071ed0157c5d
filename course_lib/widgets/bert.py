"""A hole to move through sentences: what the language knows about it, and what two models believe."""

from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.figures import bert as figures
from course_lib.widgets.live import live


def hole_explorer(
    sentences: Sequence[str], words: Sequence[str], beliefs: Mapping[str, Callable[[list[str], int], Tensor]]
) -> widgets.Widget:
    """Return a widget with a sentence to choose and a hole to move through it.

    sentences  words separated by spaces
    words      V words
    beliefs    who has an opinion → a function of the sentence's words and the place of the hole, from 0, which returns
               (V,) probabilities. A place beyond the end is taken as the last word
    """

    def draw(sentence: str, hole: int) -> Figure:
        text = sentence.split()
        place = min(hole, len(text)) - 1
        shown = " ".join("▢" if i == place else word for i, word in enumerate(text))
        return figures.beliefs(shown, words, {name: ask(text, place) for name, ask in beliefs.items()})

    return live(
        draw,
        alt="Bars of the likeliest words for the hole: what the language knows, and what each model believes.",
        sentence=widgets.Dropdown(options=list(sentences)),
        hole=widgets.IntSlider(2, min=1, max=max(len(s.split()) for s in sentences), description="hidden word"),
    )
