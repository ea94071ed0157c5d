"""The live picture: follows its controls, survives errors, and carries a still for pages without widgets."""

import io
import sys

import ipywidgets
import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from nbconvert import HTMLExporter
from PIL import Image

from course_lib.figures.style import panels
from course_lib.widgets.live import live

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def bar(height: float) -> Figure:
    if height < 0:
        raise ValueError("height must not be < 0")
    figure, (axes,) = panels()
    axes.bar([0], [height])
    axes.set_ylim(0, 3)
    return figure


def pixels(box: ipywidgets.Widget) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(box.children[1].value)))


def test_the_picture_follows_its_control():
    slider = ipywidgets.FloatSlider(1.0, min=-1, max=3)
    box = live(bar, "a bar", height=slider)
    low = pixels(box)
    slider.value = 3.0
    high = pixels(box)
    blue = [int((image[..., 2] > image[..., 0].astype(int) + 50).sum()) for image in (low, high)]
    assert 2.5 < blue[1] / blue[0] < 3.5, blue


def test_the_bundle_carries_the_widget_and_a_still_of_the_initial_settings():
    slider = ipywidgets.FloatSlider(1.0, min=-1, max=3)
    box = live(bar, 'a "bar" <1', height=slider)
    before = box._repr_mimebundle_()
    slider.value = 3.0
    assert box._repr_mimebundle_()["text/html"] == before["text/html"]
    assert before[WIDGET_VIEW]["model_id"] == box.model_id
    assert 'alt="a &quot;bar&quot; &lt;1"' in before["text/html"]
    assert before["text/plain"] == '[widget: a "bar" <1]'


def test_what_is_put_out_is_the_still_and_then_the_view(monkeypatch):
    still, view = put_out(live(bar, "a bar", height=ipywidgets.FloatSlider(1.0)), monkeypatch)
    assert WIDGET_VIEW not in still and 'alt="a bar" src="data:image/png' in still["text/html"]
    assert still["text/plain"] == "[widget: a bar]"
    assert (
        set(view) == {WIDGET_VIEW, "text/plain"} and view["text/plain"] == ""
    )  # where scripts are not trusted: nothing


def test_the_still_and_the_view_know_each_other_by_the_names_of_one_widget(monkeypatch):
    boxes = [live(bar, "a bar", height=ipywidgets.FloatSlider(1.0)) for _ in range(2)]
    pages = [put_out(box, monkeypatch)[0]["text/html"] for box in boxes]
    for box, page, other in zip(boxes, pages, reversed(boxes)):
        (name,) = (name for name in box._dom_classes if name.startswith("course-live-"))
        assert page.count(f".{name})") == 3 and other.model_id not in page
        assert f'<div class="course-still-{box.model_id}"><img' in page


def test_an_html_page_without_widget_state_shows_the_still_once(monkeypatch):
    outputs = [
        nbformat.v4.new_output("display_data", data=data)
        for data in put_out(live(bar, "a bar", height=ipywidgets.FloatSlider(1.0)), monkeypatch)
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=outputs)])
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert page.count('alt="a bar" src="data:image/png') == 1
    assert "[widget:" not in page and "application/vnd.jupyter.widget" not in page


def put_out(box, monkeypatch):
    """Return what the widget puts out when it is displayed, in order."""
    shown = []
    monkeypatch.setattr(sys.modules["course_lib.widgets.live"], "display", lambda data, raw: shown.append(data))
    box._ipython_display_()
    return shown


def test_an_error_while_moving_is_told_and_the_next_move_recovers():
    slider = ipywidgets.FloatSlider(1.0, min=-1, max=3)
    box = live(bar, "a bar", height=slider)
    slider.value = -1
    assert "height must not be &lt; 0" in box.children[2].value
    slider.value = 2
    assert box.children[2].value == ""


def test_html_is_drawn_as_it_is():
    choice = ipywidgets.Dropdown(options=["mouse", "cheese"])
    box = live(lambda word: f"<b>{word}</b>", "a word", word=choice)
    assert box._repr_mimebundle_()["text/html"] == "<b>mouse</b>"
    choice.value = "cheese"
    assert box.children[1].value == "<b>cheese</b>"


def test_wrong_arguments_are_named():
    with pytest.raises(TypeError, match="control height must be an ipywidgets widget"):
        live(bar, "a bar", height=3)
    with pytest.raises(TypeError, match="Figure"):
        live(lambda x: 3, "three", x=ipywidgets.IntSlider())
