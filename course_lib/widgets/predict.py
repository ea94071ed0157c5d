"""Predict first: the learner says what an experiment will show, and then sees both.

Students who predicted a result before they saw it remembered it better in the study of Kim, Reinecke and Hullman
(*Explaining the Gap: Visualizing One's Predictions Improves Recall and Comprehension of Data*, CHI 2017). A prediction
is kept on this computer and counted on the progress board; nobody grades it.

    guess = predict_number("06_regularization.kept", "How many of 50 …?", low=0, high=50)
    guess                 # shows the question; one of the next cells makes the experiment
    guess.reveal(kept)    # shows the prediction beside the result
"""

import html
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
from IPython.display import HTML, display
from matplotlib.figure import Figure

from course_lib import store
from course_lib.figures.style import BLUE, GREY, ORANGE, panel_title, panels, show
from course_lib.widgets.live import Live, live

Number = int | float
Read = Callable[[], Any]


class Prediction(Live):
    """A question with controls and a button that commits to an answer. Display it, and later call `reveal`."""

    id = ""
    _words: Callable[[Any], str] = staticmethod(str)
    _curve: Callable[[list[float], list[float] | None], Figure] | None = None

    def reveal(self, result: Any) -> None:
        """Show the result beside what was predicted.

        result  the number, the letter of the choice, or the heights of the curve
        """
        kept = store.load("predictions").get(self.id)
        said = kept.get("said") if isinstance(kept, dict) else None
        if self._curve is not None:
            heights = [float(y) for y in result]
            alt = "The result, " + ", ".join(f"{y:.3g}" for y in heights)
            alt += ", beside your prediction, " + ", ".join(f"{y:.3g}" for y in said) if said else ""
            show(self._curve(heights, said), alt=alt + ".")
            return
        yours = (
            f"You predicted <b>{html.escape(self._words(said))}</b>." if said is not None else "You did not predict."
        )
        display(HTML(_box(f"{yours} It is <b>{html.escape(self._words(result))}</b>.")))


def predict_number(id: str, question: str, *, low: Number, high: Number, unit: str = "") -> Prediction:
    """Return a question whose answer is a number.

    id         "NN_lesson.name", under which the answer is kept
    low, high  ends of the slider; with whole ends it moves in whole steps
    unit       what follows the number, such as "nats"

    Raises ValueError when low is not below high.
    """
    _check_ends(low, high)
    if isinstance(low, int) and isinstance(high, int):
        slider = ipywidgets.IntSlider((low + high) // 2, min=low, max=high)
    else:
        slider = ipywidgets.FloatSlider((low + high) / 2, min=low, max=high, step=(high - low) / 100)
    row = ipywidgets.HBox([slider, ipywidgets.Label(unit)])
    box = _prediction(id, question, row, [slider], lambda: slider.value, f"from {low:,} to {high:,} {unit}".strip())
    box._words = lambda value: f"{value:{',' if isinstance(value, int) else ',.4g'}} {unit}".strip()
    return box


def predict_choice(id: str, question: str, choices: dict[str, str]) -> Prediction:
    """Return a question with several answers to choose from.

    id       "NN_lesson.name", under which the answer is kept
    choices  letters and what they mean; the same letters go into `reveal`
    """
    radio = ipywidgets.RadioButtons(options=[(text, letter) for letter, text in choices.items()], value=None)
    radio.layout.width = "auto"
    box = _prediction(id, question, radio, [radio], lambda: radio.value, " / ".join(choices.values()))
    box._words = lambda letter: choices.get(letter, str(letter))
    return box


def predict_curve(
    id: str, question: str, *, x: Sequence[Number], x_label: str, y_label: str, low: Number, high: Number
) -> Prediction:
    """Return a question that is answered by drawing a line: one slider for the height at each place.

    id         "NN_lesson.name", under which the answer is kept
    x          the places, from left to right, evenly spaced in the picture whatever their values
    low, high  ends of the vertical axis

    Raises ValueError when low is not below high.
    """
    _check_ends(low, high)
    sliders = {
        f"at{n}": ipywidgets.FloatSlider(
            (low + high) / 2, min=low, max=high, step=(high - low) / 50, description=f"{place:g}",
            orientation="vertical", layout=ipywidgets.Layout(height="180px", width="64px", overflow="visible"),
        )
        for n, place in enumerate(x)
    }  # fmt: skip

    def draw(predicted: list[float] | None, result: list[float] | None) -> Figure:
        figure, (axes,) = panels(width=7.0, height=3.2)
        for heights, colour, label in ((predicted, ORANGE, "you"), (result, BLUE, "the result")):
            if heights:
                axes.plot(heights, "o--" if label == "you" else "o-", color=colour, label=label, clip_on=False)
        axes.set_xticks(range(len(x)), [f"{place:g}" for place in x])
        every = [*(predicted or []), *(result or [])]
        axes.set_ylim(min(low, *every), max(high, *every))
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        panel_title(axes, "Your prediction" if result is None else "What came out, and what you said")
        if result:
            axes.legend(frameon=False)
        return figure

    picture = live(lambda **heights: draw(list(heights.values()), None), f"A line to be drawn: {question}", **sliders)

    def read() -> list[float]:
        return [slider.value for slider in sliders.values()]

    places = ", ".join(f"{place:g}" for place in x)
    box = _prediction(id, question, picture, list(sliders.values()), read, f"{y_label} at {x_label} {places}")
    box._curve = lambda result, said: draw(said, result)
    return box


def _prediction(
    id: str, question: str, controls: ipywidgets.Widget, inputs: list[ipywidgets.Widget], read: Read, wanted: str
) -> Prediction:
    """Return the question above its controls and the button that commits."""
    commit = ipywidgets.Button(description="That is my prediction", button_style="primary")
    commit.layout.width, commit.layout.align_self = "auto", "flex-start"  # as wide as its words
    note = ipywidgets.HTML()
    box = Prediction([ipywidgets.HTML(_box(f"<b>Predict first.</b> {question}")), controls, commit, note])
    box.id = id
    box.add_class("course-prediction")

    def close(words: str) -> None:
        for control in (*inputs, commit):
            control.disabled = True
        note.value = f"<small>{words}</small>"

    def keep(_: object) -> None:
        if (said := read()) is None:
            note.value = "<small>Choose one first.</small>"
            return
        with store.changing("predictions") as kept:
            kept[id] = {"said": said}
        close("Noted. Go on, and see.")

    commit.on_click(keep)
    before = store.load("predictions").get(id)
    if isinstance(before, dict) and before.get("said") is not None:
        close("You have predicted this already. Go on, and see.")
    box.still = _box(f"<b>Predict first.</b> {question}<br><small>{html.escape(wanted)}</small>")
    box.alt = f"A question before the experiment: {question}"
    return box


def _check_ends(low: Number, high: Number) -> None:
    if not low < high:
        raise ValueError(f"low must be below high, got {low} and {high}")


def _box(content: str) -> str:
    return f'<div style="border-left:4px solid {GREY};padding:4px 14px;font-size:15px;max-width:640px">{content}</div>'
