"""The widgets of recurrent networks redraw when a control moves and show a picture where there is no kernel."""

import pytest
import torch

from course_lib.widgets.recurrent import cliff_explorer, gate_explorer, gradient_explorer, latch_explorer
from tests.widget_parts import controls, require_redraws

TOKENS = ["the", "mouse", "sleeps"]
GATES = {
    name: torch.rand(3, 30, generator=torch.Generator().manual_seed(i)) for i, name in enumerate(("forget", "input"))
}


@pytest.mark.parametrize(
    "widget, changes",
    [
        (latch_explorer(), {"recurrent weight w_hh": 1.0, "input weight w_ih": 1.0}),
        (gradient_explorer(), {"spectral radius ρ": 1.2, "skew": 1.0, "strength of the input": 1.0}),
        (cliff_explorer(), {"learning rate": 5.0, "clip the gradient to 0.05": True}),
        (gate_explorer(TOKENS, GATES, start="input"), {"gate": "forget", "first unit": 5}),
    ],
    ids=["latch", "gradient", "cliff", "gate"],
)
def test_every_control_changes_the_picture_which_is_there_without_a_kernel_too(widget, changes):
    assert set(controls(widget)) == set(changes)
    require_redraws(widget, changes)


def test_gates_that_do_not_fit_the_tokens_are_refused():
    with pytest.raises(ValueError, match=r"gates\['forget'\] must have the shape \(2, H\), got \(3, 30\)"):
        gate_explorer(TOKENS[:2], GATES)
