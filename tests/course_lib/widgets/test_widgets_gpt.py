"""The GPT widgets redraw when a control moves, show something without a kernel, and know the published sizes."""

import ipywidgets
import pytest

from course_lib.widgets.gpt import SIZES, cache_explorer, diary, size_explorer
from tests.widget_parts import picture


def test_the_sizes_have_as_many_parameters_as_published():
    assert SIZES["GPT-2 small"].n_parameters() == 124_439_808
    assert SIZES["GPT-2 XL"].n_parameters() == 1_557_611_200
    assert SIZES["Llama 2 7B"].n_parameters() == 6_738_415_616
    assert round(SIZES["GPT-3"].n_parameters(), -9) == 175_000_000_000


def test_the_explorers_redraw_when_a_control_moves():
    for widget in (size_explorer(), cache_explorer()):
        before = picture(widget)
        control = widget.children[0].children[0]
        control.value = "GPT-3" if isinstance(control, ipywidgets.ToggleButtons) else 3
        assert picture(widget) != before
        assert "<img" in widget._repr_mimebundle_()["text/html"]


def test_the_diary_shows_the_chosen_stage_and_a_table_of_all_without_a_kernel():
    widget = diary([(0, 5.85, "of <b> goats"), (100, 3.0, "the mouse eats")], floor=2.5)
    inner = widget.children[0]
    shown = next(child for child in inner.children if isinstance(child, ipywidgets.HTML))
    assert "the mouse eats" in shown.value and "0.500 above the floor" in shown.value
    inner.children[0].children[0].value = 0
    assert "of &lt;b&gt; goats" in shown.value
    page = widget._repr_mimebundle_()["text/html"]
    assert "of &lt;b&gt; goats" in page and "the mouse eats" in page
    with pytest.raises(ValueError, match="at least one"):
        diary([])
