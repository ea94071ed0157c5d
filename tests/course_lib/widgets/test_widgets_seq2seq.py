"""The length penalty of lesson 11 can be moved, and its picture follows."""

import pytest

from course_lib.widgets.seq2seq import rescoring_explorer
from tests.widget_parts import require_redraws


def test_the_slider_changes_the_picture():
    widget = rescoring_explorer(["six", "sixty six"], [-1.0, -1.2], [2, 3])
    require_redraws(widget, {"length penalty α": 1.0})


def test_hypotheses_without_a_length_are_refused():
    with pytest.raises(ValueError, match="one entry per hypothesis, got 2, 2 and 1"):
        rescoring_explorer(["a", "b"], [-1.0, -2.0], [2])
