"""Lesson 05's live picture: a ravine, a start to drag, and the way that each optimiser takes from there."""

from collections.abc import Mapping

import ipywidgets

from course_lib.figures import optimizers as figures
from course_lib.widgets.live import Live, live


def ravine_explorer(rules: Mapping[str, figures.Rule], steps: int = 80) -> Live:
    """Return a ravine whose start the reader drags; two optimisers go down it from there.

    rules  name → (step, number of state tensors), as `course_lib.figures.optimizers.walk` takes them; two at least
    steps  that each makes
    """
    names = list(rules)

    def draw(one: str, two: str, log_rate: float, u: float, v: float, curvature: float, angle: float) -> figures.Figure:
        a, rate = figures.ravine(curvature, angle), 10**log_rate
        paths = {name: figures.walk(rules[name], (u, v), rate, steps, a) for name in dict.fromkeys((one, two))}
        return figures.ways_down(paths, a, f"{steps} steps, learning rate {rate:.3f}")

    return live(
        draw,
        alt="Contours of a narrow valley. Gradient descent jumps from wall to wall and hardly moves along the floor; "
        "momentum swings less and gets to the minimum. Beside it the loss against steps, on a logarithmic axis.",
        one=ipywidgets.Dropdown(options=names, value=names[0], description="first"),
        two=ipywidgets.Dropdown(options=names, value=names[1], description="second"),
        log_rate=ipywidgets.FloatSlider(-1.76, min=-3, max=0.5, step=0.02, description="log₁₀ of the rate"),
        u=ipywidgets.FloatSlider(-2.8, min=-3, max=3, step=0.1, description="start, first weight"),
        v=ipywidgets.FloatSlider(1.0, min=-3, max=3, step=0.1, description="start, second weight"),
        curvature=ipywidgets.FloatSlider(100.0, min=1, max=100, step=1, description="curvature across"),
        angle=ipywidgets.FloatSlider(0.0, min=0, max=90, step=5, description="turned by (degrees)"),
    )
