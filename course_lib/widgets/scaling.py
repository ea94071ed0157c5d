"""Scaling to play with: the split of a budget between parameters and tokens, and the roof of a device."""

import ipywidgets as widgets

from course_lib.figures import scaling as figures
from course_lib.scaling import BESIROGLU_2024, HOFFMANN_2022
from course_lib.widgets.live import live

LAWS = {"Besiroglu et al. 2024": BESIROGLU_2024, "Hoffmann et al. 2022, as published": HOFFMANN_2022}


def budget_explorer() -> widgets.Widget:
    """Return a widget that spends a budget on parameters and tokens, and shows the loss that two laws expect."""
    return live(
        lambda **sliders: figures.split(LAWS, **sliders),
        alt="Loss against tokens for each parameter: a shallow valley; the two laws have it at different places.",
        log_budget=widgets.FloatSlider(23.76, min=18, max=27, step=0.02, description="log₁₀ operations"),
        log_ratio=widgets.FloatSlider(1.3, min=-1, max=4, step=0.05, description="log₁₀ tokens a parameter"),
    )


def roofline_explorer() -> widgets.Widget:
    """Return a widget that puts one layer under the roof of a device, by tokens, width and bits of a weight."""
    return live(
        figures.device_roofline,
        alt="A roof that rises with the operations per byte and then is flat; one token is far down the slope.",
        device=widgets.Dropdown(options=list(figures.DEVICES), value="H100 (SXM)"),
        log_tokens=widgets.IntSlider(0, min=0, max=13, description="log₂ tokens"),
        width=widgets.SelectionSlider(options=[512, 1024, 4096, 8192], value=4096),
        bits=widgets.SelectionSlider(options=[16, 8, 4], value=16),
    )
