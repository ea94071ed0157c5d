"""Watch a model train: a progress bar and the loss curve, drawn again while it falls."""

import time
from collections.abc import Iterator, Mapping

import ipywidgets
from IPython.display import display

from course_lib.figures.style import png, show
from course_lib.figures.training import UNIT, loss_curve
from course_lib.train import Step, Trainer
from course_lib.widgets.live import still

_REDRAW = 20  # drawing may take one part in this many of the time


def watch(
    trainer: Trainer,
    label: str = "training",
    levels: Mapping[str, float] | None = None,
    unit: str = UNIT,
    curve: bool = True,
) -> Iterator[Step]:
    """Train, and show how far training is and how the loss falls; pass each step on.

    trainer  at whatever step it is; only its remaining steps are made
    label    what is trained, for the bar and the title
    levels   name → loss: lines to compare with; the first, in a colour of its own, is the floor
    unit     of the loss
    curve    False: the bar alone, where several short runs follow each other

    While it runs a live picture follows; at the end a figure stays on the page and one line says what was reached.

    Example: history = list(watch(Trainer(model, draw, next_token_loss, steps=500), "GPT")).
    """
    bar = ipywidgets.IntProgress(
        value=trainer.number, max=trainer.steps, description=label, style={"description_width": "initial"}
    )
    text, picture = ipywidgets.Label(), ipywidgets.Image(format="png", layout={"max_width": "100%"})
    display(still(ipywidgets.VBox([ipywidgets.HBox([bar, text]), picture]), " ", f"{label}: a progress bar"))
    history: list[Step] = []
    shown = drawn = time.monotonic()
    drawing = 0.1
    for step in trainer:
        history.append(step)
        now = time.monotonic()
        if now - shown > 0.1:
            shown, bar.value = now, step.number
            text.value = f"update {step.number:,} of {trainer.steps:,}, loss {step.loss:.3f}, {step.seconds:.0f} s"
        if curve and now - drawn > _REDRAW * drawing:
            picture.value = png(loss_curve(history, f"{label}: the loss so far", levels, unit))
            drawn = time.monotonic()
            drawing = drawn - now
        yield step
    bar.value, picture.layout.display = trainer.number, "none"
    if not history:
        return
    last = history[-1]
    held_out = next((f", held out {step.held_out:.3f}" for step in reversed(history) if step.held_out is not None), "")
    said = f"{label}: {last.number:,} updates in {last.seconds:.1f} s, last loss {last.loss:.3f}{held_out} {unit}"
    text.value = said
    if curve:
        figure = loss_curve(history, f"{label}: how the loss fell", levels, unit)
        show(figure, alt=f"Loss against updates, from {history[0].loss:.2f} to {last.loss:.2f} {unit}.")
    print(said)
