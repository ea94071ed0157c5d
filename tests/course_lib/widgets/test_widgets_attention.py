"""The attention widgets redraw when a control moves and show a picture where there is no kernel."""

import pytest
import torch

from course_lib.widgets.attention import attention_explorer, scaling_explorer
from tests.widget_parts import controls, picture, require_redraws

TOKENS = ["the", "mouse", "sleeps"]


def test_the_explorer_redraws_for_another_head_layer_or_token():
    weights = torch.randn(2, 3, 3, 3, generator=torch.Generator().manual_seed(0)).softmax(-1)
    widget = attention_explorer(TOKENS, weights)
    require_redraws(widget, {"layer": 2, "head": 3, "who looks": 0})


def test_the_explorer_has_a_static_picture_with_the_sentence_in_its_alternative_text():
    page = attention_explorer(TOKENS, torch.eye(3).expand(1, 1, 3, 3))._repr_mimebundle_()["text/html"]
    assert "<img" in page and "the mouse sleeps" in page


def test_weights_that_do_not_fit_the_tokens_are_refused():
    with pytest.raises(ValueError, match=r"\(layers, heads, 3, 3\), got \(1, 1, 4, 4\)"):
        attention_explorer(TOKENS, torch.eye(4).expand(1, 1, 4, 4))


def test_the_scaling_explorer_redraws_when_the_box_is_ticked():
    widget = scaling_explorer()
    before = picture(widget)
    controls(widget)["divide by √d_k"].value = True
    assert picture(widget) != before
