"""Recurrent networks to play with: a state that remembers, gradients on their way back, a cliff, an LSTM's gates."""

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
from torch import Tensor

from course_lib.figures import recurrent as figures
from course_lib.widgets.live import live

#: two sentences that differ in the number of their subject, and what a network of one number reads of them
SENTENCES = {"one": "the mouse that the cats chase".split(), "many": "the mice that the cat chases".split()}
NUMBERS = {"one": [0, 1, 0, 0, -1, 0], "many": [0, -1, 0, 0, 1, 0]}


def latch_explorer(w_hh: float = 3.0, w_ih: float = 2.0) -> widgets.Widget:
    """Return a widget with a recurrent network of one number, whose two weights can be moved.

    It reads +1 at a noun that is one and −1 at a noun that is many; does it still know its subject at the end?
    """
    return live(
        lambda w_hh, w_ih: figures.latch(SENTENCES, NUMBERS, w_hh, w_ih),
        alt="A state of one number reads two sentences: it stays near +1 after “mouse” and near −1 after “mice”, "
        "while its gradient shrinks with every word.",
        w_hh=widgets.FloatSlider(w_hh, min=-1.0, max=5.0, step=0.1, description="recurrent weight w_hh"),
        w_ih=widgets.FloatSlider(w_ih, min=0.0, max=5.0, step=0.1, description="input weight w_ih"),
    )


def gradient_explorer(radius: float = 0.95, skew: float = 0.0, drive: float = 0.3) -> widgets.Widget:
    """Return a widget that shows a gradient on its way back through a recurrent network of 24 numbers.

    radius  spectral radius of the recurrent matrix
    skew    how far the matrix is from normal: its eigenvalues stay, its largest singular value grows
    drive   how strongly the input moves the state; more of it saturates tanh
    """
    return live(
        figures.gradient_flow,
        alt="Eigenvalues of a recurrent matrix, and the norm of a gradient against the distance it has travelled back, "
        "with the bounds that the spectral radius and the largest singular value give.",
        radius=widgets.FloatSlider(radius, min=0.5, max=1.5, step=0.05, description="spectral radius ρ"),
        skew=widgets.FloatSlider(skew, min=0.0, max=2.0, step=0.1, description="skew"),
        drive=widgets.FloatSlider(drive, min=0.0, max=1.5, step=0.1, description="strength of the input"),
    )


def cliff_explorer(lr: float = 3.0) -> widgets.Widget:
    """Return a widget with gradient descent over a cliff in the loss, with clipping on or off."""
    return live(
        lambda lr, clip: figures.cliff(lr, 0.05 if clip else None),
        alt="The loss of a one-number RNN has a cliff. Without clipping one update on it throws the weight far away; "
        "clipped, the weight stays near the minimum.",
        lr=widgets.FloatSlider(lr, min=0.5, max=10.0, step=0.5, description="learning rate"),
        clip=widgets.Checkbox(False, description="clip the gradient to 0.05"),
    )


def gate_explorer(tokens: Sequence[str], gates: Mapping[str, Tensor], start: str | None = None) -> widgets.Widget:
    """Return a widget that shows the gates of an LSTM, one kind at a time.

    tokens  T words
    gates   name → (T, H) values, as `course_lib.recurrent.lstm_gates` returns them for one sequence
    start   the name to show first

    Raises ValueError when a gate's shape does not fit the tokens.
    """
    for name, values in gates.items():
        if values.dim() != 2 or len(values) != len(tokens):
            raise ValueError(f"gates[{name!r}] must have the shape ({len(tokens)}, H), got {tuple(values.shape)}")
    n_units = next(iter(gates.values())).size(1)
    return live(
        lambda gate, first: figures.gate_map(tokens, {gate: gates[gate]}, range(first, min(first + 24, n_units))),
        alt=f"How open the gates of each unit are at every word of “{' '.join(tokens)}”.",
        gate=widgets.Dropdown(options=list(gates), value=start or next(iter(gates)), description="gate"),
        first=widgets.IntSlider(0, min=0, max=max(n_units - 24, 0), description="first unit"),
    )
