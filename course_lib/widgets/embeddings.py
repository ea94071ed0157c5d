"""Word vectors to watch: a map of words that moves while they are trained, and then can be wound back."""

from collections.abc import Iterator, Sequence

import ipywidgets
import torch
from IPython.display import display
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.embeddings import Word2Vec
from course_lib.figures.embeddings import plane, word_map
from course_lib.figures.style import png
from course_lib.widgets.live import Live, live, still


def watch_map(
    model: Word2Vec, ids: Sequence[int], words: Sequence[str], kinds: Sequence[str], every: int = 10
) -> Iterator[tuple[int, Tensor]]:
    """Train, and draw the words again and again while their vectors move; pass on snapshots.

    model   at whatever update it is; its remaining updates are made
    ids     n ids of the words to draw
    words   n words
    kinds   n kinds, one colour each
    every   updates between two snapshots
    yields  (update, vectors (n, D)): before the first update, every so many, and after the last

    The plane of the running picture is drawn anew from each snapshot, so it may turn. Afterwards the picture goes away;
    `map_explorer` shows the snapshots in one plane.
    """
    picture = ipywidgets.Image(format="png", layout={"max_width": "100%"})
    display(still(picture, " ", "a map of words that moves while training"))

    def snapshot() -> tuple[int, Tensor]:
        vectors = model.inputs.take(torch.tensor(ids, device=model.inputs.rows.device)).clone()
        title = f"After update {model.number:,} of {model.steps:,}"
        picture.value = png(word_map(vectors, plane(vectors), words, kinds, title))
        return model.number, vectors

    yield snapshot()
    for step in model:
        if step.number % every == 0 or step.number == model.steps:
            yield snapshot()
    picture.layout.display = "none"


def map_explorer(snapshots: Sequence[tuple[int, Tensor]], words: Sequence[str], kinds: Sequence[str]) -> Live:
    """Return a map of words with a slider (and a button that plays) through the updates of a training.

    snapshots  (update, vectors (n, D)), first to last, as `watch_map` yields them; at least one
    words      n words
    kinds      n kinds, one colour each

    All snapshots are seen in the plane in which the last one spreads most. The still shows the last.
    """
    axes = plane(snapshots[-1][1])
    slider = ipywidgets.IntSlider(len(snapshots) - 1, min=0, max=len(snapshots) - 1, description="snapshot")
    play = ipywidgets.Play(value=len(snapshots) - 1, min=0, max=len(snapshots) - 1, interval=250)
    ipywidgets.jslink((play, "value"), (slider, "value"))

    def draw(snapshot: int) -> Figure:
        number, vectors = snapshots[snapshot]
        return word_map(vectors, axes, words, kinds, f"After update {number:,}")

    box = live(
        draw,
        alt="A map of words in colours by kind. At the first snapshot they lie mixed; at the last, "
        "words of one kind lie together.",
        snapshot=slider,
    )
    box.children = (play, *box.children)
    return box
