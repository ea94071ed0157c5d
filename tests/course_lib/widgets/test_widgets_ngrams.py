"""Lesson 03's widgets follow their controls, and show a picture without a kernel."""

import ipywidgets
import pytest

from course_lib import scoreboard
from course_lib.ngrams import count_ngrams, kneser_ney, mle
from course_lib.widgets.ngrams import add_k_explorer, babbler, growing, next_word_explorer
from tests.widget_parts import find

LANGUAGE = scoreboard.language()
COUNTS = [count_ngrams(scoreboard.training(3_000), order, 348) for order in (1, 2, 3)]


def explorer():
    models = {"relative frequencies": [mle(c) for c in COUNTS], "Kneser–Ney": [kneser_ney(c) for c in COUNTS]}
    return next_word_explorer(LANGUAGE, models, ["the mice near the house", "Big Ben stands in"])


def added():
    held_out = scoreboard.held_out()[:500]
    return add_k_explorer({"order 2": COUNTS[1]}, held_out, LANGUAGE.encode("the"), LANGUAGE.vocabulary)


def text():
    return babbler([kneser_ney(c) for c in COUNTS], LANGUAGE.decode, 0, n_tokens=10)


@pytest.mark.parametrize(
    "make, control, values",
    [
        (explorer, ipywidgets.IntSlider, (1, 3)),
        (explorer, ipywidgets.Dropdown, ("Big Ben stands in", "the mice near the house")),
        (added, ipywidgets.SelectionSlider, (0.0001, 10.0)),
        (text, ipywidgets.IntSlider, (1, 3)),
    ],
)
def test_moving_a_control_changes_what_is_shown_and_nothing_fails(make, control, values):
    widget = make()
    moved, shown = find(widget, control), find(widget, (ipywidgets.Image, ipywidgets.HTML))
    seen = [shown.value]
    for value in values:
        moved.value = value
        seen.append(shown.value)
    assert seen[-1] != seen[-2]
    assert widget.children[2].value == ""  # no complaint below the picture


@pytest.mark.parametrize("make", [explorer, added, text])
def test_without_a_kernel_the_page_is_not_empty(make):
    bundle = make()._repr_mimebundle_()
    assert "<img" in bundle["text/html"] or "<p" in bundle["text/html"]
    assert bundle["text/plain"].startswith("[widget: ")


def test_a_growing_text_is_measured_at_each_size_with_a_line_for_each(capsys):
    assert growing([10, 2000], lambda size: 1 / size) == [0.1, 0.0005]
    lines = [line for line in capsys.readouterr().out.splitlines() if "nats" in line]
    assert len(lines) == 2 and "2,000 tokens: 0.001" in lines[1]
