"""The widgets of linear models redraw when a control moves and show a picture where there is no kernel."""

import torch

from course_lib.data.spirals import spirals
from course_lib.neural import mlp_layers
from course_lib.widgets.linear_models import boundary_explorer, width_explorer
from tests.widget_parts import controls, require_redraws


def test_every_control_changes_the_picture_which_is_there_without_a_kernel_too():
    x, labels = spirals(40, torch.Generator().manual_seed(0))
    networks = {n: mlp_layers([2, n, 1], torch.Generator().manual_seed(n)) for n in (2, 4)}
    for widget, changes in (
        (boundary_explorer(x, labels, "ab", "xy"), {"direction (degrees)": 0, "position": 1.0, "steepness": 3.0}),
        (width_explorer(networks, x, labels, "tanh", 2), {"hidden units": 4}),
    ):
        assert set(controls(widget)) == set(changes)
        require_redraws(widget, changes)
