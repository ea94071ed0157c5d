"""The widgets of scaling redraw when a control moves and show a picture where there is no kernel."""

import pytest

from course_lib.widgets import scaling as explorers
from tests.widget_parts import require_redraws


@pytest.mark.parametrize(
    "explorer, moves",
    [
        (explorers.budget_explorer, {"log₁₀ operations": 21.0, "log₁₀ tokens a parameter": 2.5}),
        (explorers.roofline_explorer, {"device": "A100 (80 GB)", "log₂ tokens": 9, "width": 1024, "bits": 4}),
    ],
)
def test_every_control_changes_the_picture(explorer, moves):
    require_redraws(explorer(), moves)
