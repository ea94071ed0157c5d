"""Lesson 02's widgets follow their sliders over the whole range, and show something without a kernel."""

import ipywidgets
import pytest

from course_lib.tokenization import train_bpe
from course_lib.widgets.tokenization import compression_explorer, merge_explorer, vocabulary_explorer
from tests.widget_parts import find

TEXT = "the mouse ate the cheese, and the cheese was très bon\n" * 3
BPE = train_bpe(TEXT, 280)


def test_the_text_has_fewer_pieces_as_the_vocabulary_grows():
    explorer = vocabulary_explorer(BPE, TEXT, [256, 270, 280])
    slider = find(explorer, ipywidgets.SelectionSlider)
    page = next(child for child in explorer.children if isinstance(child, ipywidgets.HTML) and "<span" in child.value)
    pieces = []
    for size in (256, 270, 280):
        slider.value = size
        pieces.append(page.value.count("<span"))
        assert f"takes {len(BPE.with_vocab_size(size).encode(TEXT))}," in page.value
    assert pieces[0] == len(TEXT.encode()) > pieces[1] > pieces[2]
    assert "‹c3›" in explorer.still and "<span" in explorer.still  # the static page shows the bytes of è


@pytest.mark.parametrize(
    "explorer, slider",
    [
        (lambda: merge_explorer({"low": 2, "lower": 1}), ipywidgets.IntSlider),
        (lambda: compression_explorer({"x": BPE}, {"y": TEXT}, [256, 270, 280]), ipywidgets.SelectionSlider),
    ],
)
def test_moving_a_slider_draws_another_picture(explorer, slider):
    explorer = explorer()
    control, image = find(explorer, slider), find(explorer, ipywidgets.Image)
    values = [o[1] for o in control.options] if hasattr(control, "options") else range(control.max + 1)
    pictures = set()
    for value in values:
        control.value = value
        pictures.add(image.value)
    assert len(pictures) == len(values) > 2
    assert not any(isinstance(c, ipywidgets.HTML) and "could not" in c.value for c in explorer.children)
    assert "<img" in explorer._repr_mimebundle_()["text/html"]
