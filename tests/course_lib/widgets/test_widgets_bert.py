"""The hole of lesson 16 moves, and a picture is there without a kernel."""

import torch

from course_lib.widgets.bert import hole_explorer
from tests.widget_parts import controls, require_redraws


def test_both_controls_change_the_picture_and_a_hole_beyond_the_end_is_the_last_word():
    asked = []

    def belief(text, place):
        asked.append((tuple(text), place))
        return torch.nn.functional.one_hot(torch.tensor((len(text) + place) % 3), 3) * 0.8 + 0.1

    widget = hole_explorer(["a b", "a b c"], ["a", "b", "c"], {"one": belief, "two": belief})
    assert set(controls(widget)) == {"sentence", "hidden word"}
    require_redraws(widget, {"hidden word": 1, "sentence": "a b c"})
    controls(widget)["sentence"].value = "a b"
    controls(widget)["hidden word"].value = 3
    assert asked[-1] == (("a", "b"), 1)
