"""The widgets of lesson 11 can be moved, and their pictures follow."""

import pytest
import torch

from course_lib.widgets.seq2seq import replay, rescoring_explorer
from tests.widget_parts import require_redraws


def test_the_slider_changes_the_picture():
    widget = rescoring_explorer(["six", "sixty six"], [-1.0, -1.2], [2, 3])
    require_redraws(widget, {"length penalty α": 1.0})


def test_hypotheses_without_a_length_are_refused():
    with pytest.raises(ValueError, match="one entry per hypothesis, got 2, 2 and 1"):
        rescoring_explorer(["a", "b"], [-1.0, -2.0], [2])


def test_the_replay_shows_another_look_for_another_character():
    require_redraws(replay("ab", "xy◂", torch.tensor([[1.0, 0.0], [0.2, 0.8], [0.5, 0.5]])), {"character": 2})


def test_weights_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"must have the shape \(2, 3\), got \(3, 2\)"):
        replay("abc", "x◂", torch.zeros(3, 2))
