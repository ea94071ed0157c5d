"""Lesson 01's widgets follow their sliders, over the whole range, and show a picture without a kernel."""

import ipywidgets
import pytest
import torch

from course_lib.widgets.information import coin_explorer, divergence_explorer, temperature_explorer
from tests.widget_parts import find

WORDS = ["Paris", "Rome", "London"]
EXPLORERS = {
    "coin": coin_explorer,
    "divergence": lambda: divergence_explorer(torch.tensor([0.5, 0.4, 0.1]), WORDS),
    "temperature": lambda: temperature_explorer(WORDS, torch.tensor([2.0, 1.0, 0.0])),
}


@pytest.mark.parametrize("name", EXPLORERS)
def test_moving_the_slider_draws_another_picture_and_its_ends_are_drawn_too(name):
    explorer = EXPLORERS[name]()
    slider, image = find(explorer, ipywidgets.FloatSlider), find(explorer, ipywidgets.Image)
    pictures = [image.value]
    for value in (slider.min, slider.max):
        slider.value = value
        pictures.append(image.value)
    assert len(set(pictures)) == 3
    assert all(bytes(picture).startswith(b"\x89PNG") for picture in pictures)


@pytest.mark.parametrize("name", EXPLORERS)
def test_without_a_kernel_there_is_a_picture_with_an_alternative_text(name):
    bundle = EXPLORERS[name]()._repr_mimebundle_()
    assert "<img" in bundle["text/html"] and 'alt="' in bundle["text/html"]
