"""The leash, the clip and the trade follow their sliders."""

from course_lib.widgets.alignment import clip_explorer, leash_explorer, trade_explorer
from tests.course_lib.figures.test_figures_alignment import RUNS
from tests.widget_parts import require_redraws


def test_the_leash_redraws():
    require_redraws(leash_explorer(), {"leash, log₁₀ β": -2.0})


def test_the_clip_redraws():
    require_redraws(clip_explorer(), {"ε": 0.5, "advantage A": -1.0})


def test_the_trade_redraws_and_says_its_numbers():
    widget = trade_explorer(RUNS)
    require_redraws(widget, {"leash β": 0.3})
    assert "β = 0: 98%, 278, 2.42" in widget._repr_mimebundle_()["text/plain"]
