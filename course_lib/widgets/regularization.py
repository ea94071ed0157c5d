"""Regularization to play with: the degree and penalty of a fit, and the regions of L1 and L2."""

import ipywidgets as widgets

from course_lib.figures import regularization as figures
from course_lib.widgets.live import live


def fit_explorer() -> widgets.Widget:
    """Return a widget that fits polynomials to twelve nights and shows how fits scatter over samples."""
    return live(
        figures.fits,
        alt="Left: a curve of high degree through all twelve points, far from the truth. Right: such fits scatter.",
        degree=widgets.IntSlider(11, min=0, max=11),
        log_alpha=widgets.FloatSlider(-6, min=-6, max=2, step=0.5, description="log₁₀ α (−6: no penalty)"),
        sample=widgets.IntSlider(0, min=0, max=29),
    )


def penalty_explorer() -> widgets.Widget:
    """Return a widget that shows where the ellipses of a loss touch the regions of L2 and L1."""
    return live(
        figures.penalties,
        alt="Ellipses of a loss touch a circle at a point where no weight is 0, and a diamond at a corner.",
        w1=widgets.FloatSlider(2.0, min=-2.5, max=2.5, step=0.1, description="optimum w₁"),
        w2=widgets.FloatSlider(0.6, min=-2.5, max=2.5, step=0.1, description="optimum w₂"),
        correlation=widgets.FloatSlider(0.3, min=-0.9, max=0.9, step=0.1),
        size=widgets.FloatSlider(1.0, min=0.1, max=3.0, step=0.1, description="size C"),
    )
