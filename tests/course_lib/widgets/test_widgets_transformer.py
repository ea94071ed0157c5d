"""The Transformer widgets redraw when a control moves and show a picture where there is no kernel."""

import pytest
import torch

from course_lib.widgets.transformer import alignment_explorer, mask_explorer, warm_up_explorer
from tests.widget_parts import controls, picture, require_redraws


def test_masks_are_drawn_again_when_a_sequence_gets_shorter():
    widget = mask_explorer()
    require_redraws(widget, {"source tokens": 2, "target tokens": 2})


def test_the_learning_rate_is_drawn_again_for_another_warm_up():
    widget = warm_up_explorer(updates=2000)
    before = picture(widget)
    controls(widget)["warm-up updates"].value = 1000
    assert picture(widget) != before


def test_a_translation_can_be_replayed_step_by_step_in_every_head():
    cross = torch.randn(2, 3, 2, 3, generator=torch.Generator().manual_seed(0)).softmax(-1)
    widget = alignment_explorer("May", "05", cross)
    options = dict(controls(widget)["who"].options)
    assert len(options) == 2 * (1 + 3) and options["layer 2, head 1"] == (1, 0)
    require_redraws(widget, {"character": 2, "who": (0, 2)})


def test_weights_that_do_not_fit_the_texts_are_refused():
    with pytest.raises(ValueError, match=r"\(layers, heads, 2, 3\), got \(1, 1, 3, 3\)"):
        alignment_explorer("May", "05", torch.eye(3).expand(1, 1, 3, 3))
