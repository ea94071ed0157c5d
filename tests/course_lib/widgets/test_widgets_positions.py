"""The widgets of positions redraw when a control moves and show a picture where there is no kernel."""

import pytest

from course_lib.widgets import positions as explorers
from tests.widget_parts import require_redraws


@pytest.mark.parametrize(
    "explorer, moves",
    [
        (explorers.sinusoid_explorer, {"positions": 20, "compare with": 3}),
        (explorers.rotation_explorer, {"query at": 9, "key at": 0, "pair": 2}),
        (explorers.alibi_explorer, {"heads": 4, "slope · (query − key): the popular wrong sign": True}),
        (explorers.rope_distance_explorer, {"turn the key in advance by": 50}),
    ],
)
def test_every_control_changes_the_picture(explorer, moves):
    widget = explorer()
    require_redraws(widget, moves)
