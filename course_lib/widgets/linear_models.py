"""Lesson 04's live pictures: a boundary to turn, and a hidden layer to widen."""

from collections.abc import Mapping, Sequence

import ipywidgets
from torch import Tensor

from course_lib.figures import linear_models as figures
from course_lib.neural.mlp import Layer
from course_lib.widgets.live import Live, live


def boundary_explorer(x: Tensor, labels: Tensor, names: Sequence[str], axis: Sequence[str]) -> Live:
    """Return a logistic regression whose boundary the reader turns, moves and sharpens; the loss follows.

    x, labels    (N, 2) and (N,), 0 or 1
    names, axis  of the two classes and of the two features
    """
    return live(
        lambda angle, offset, steepness: figures.boundary(x, labels, angle, offset, steepness, names, axis),
        alt="Left: points of two classes that overlap, and a line where the predicted probability is one half. "
        "Right: the surprise at each label as a bar, and their mean, which is the loss.",
        angle=ipywidgets.FloatSlider(120, min=-180, max=180, step=5, description="direction (degrees)"),
        offset=ipywidgets.FloatSlider(0.0, min=-2, max=2, step=0.1, description="position"),
        steepness=ipywidgets.FloatSlider(1.0, min=0.0, max=6.0, step=0.1, description="steepness"),
    )


def width_explorer(
    networks: Mapping[int, Sequence[Layer]], x: Tensor, labels: Tensor, activation: str, width: int
) -> Live:
    """Return the regions of trained networks of two inputs and one logit; the reader chooses the hidden layer's width.

    networks   width → layers
    x, labels  (N, 2) points, and (N,) their classes
    width      shown first
    """
    return live(
        lambda width: figures.regions(
            {f"{width} hidden units": networks[width]}, x, labels, activation, "Dashed: one line per unit", lines=True
        ),
        alt="Two spirals of points. With few hidden units the regions are cut by straight lines and miss the spirals; "
        "with many, the boundary follows them.",
        width=ipywidgets.SelectionSlider(options=list(networks), value=width, description="hidden units"),
    )
