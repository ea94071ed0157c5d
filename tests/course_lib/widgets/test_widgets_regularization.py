"""The widgets of regularization redraw when a control moves and show a picture where there is no kernel."""

import pytest

from course_lib.widgets import regularization as explorers
from tests.widget_parts import require_redraws


@pytest.mark.parametrize(
    "explorer, moves",
    [
        (explorers.fit_explorer, {"degree": 3, "log₁₀ α (−6: no penalty)": 0.0, "sample": 4}),
        (explorers.penalty_explorer, {"optimum w₁": 1.0, "optimum w₂": 2.0, "correlation": 0.8, "size C": 2.0}),
    ],
)
def test_every_control_changes_the_picture(explorer, moves):
    widget = explorer()
    require_redraws(widget, moves)
