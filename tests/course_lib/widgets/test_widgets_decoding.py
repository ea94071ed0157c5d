"""The decoding widgets redraw when a control moves and show something where there is no kernel."""

import ipywidgets
import torch

from course_lib.widgets.decoding import filter_playground, speculation_explorer, writing_desk
from tests.language_models import TableLM
from tests.widget_parts import controls

WORDS = ["<eos>", "mouse", "cat", "dog"]
LOGITS = torch.tensor([1.0, 2.0, 0.0, -1.0])


def shown(widget):
    return widget.children[1].value


def test_the_playground_redraws_for_every_filter_and_context():
    widget = filter_playground(WORDS, {"the mouse": LOGITS, "a cat": -LOGITS})
    seen = {shown(widget)}
    for name, value in (("temperature", 2.0), ("top k (0: off)", 3), ("top p (1: off)", 0.5), ("after", "a cat")):
        controls(widget)[name].value = value
        seen.add(shown(widget))
    assert len(seen) == 5
    controls(widget)["temperature"].value = 0.0
    assert widget.children[2].value == ""  # no complaint
    assert "<img" in widget._repr_mimebundle_()["text/html"]


def test_the_desk_writes_with_the_settings_and_says_what_the_judge_says():
    widget = writing_desk(
        TableLM(LOGITS.expand(4, 4)),
        {"the": torch.tensor([0])},
        lambda ids: " ".join(WORDS[i] for i in ids),
        eos_id=0,
        texts=3,
        max_new_tokens=4,
        judge=lambda ids: f"{len(ids)} tokens",
    )
    first = shown(widget)
    assert first.count("<tr>") == 3 and "tokens" in first and "<eos>" not in first
    controls(widget)["temperature"].value = 0.0
    assert shown(widget).count("mouse mouse mouse mouse") == shown(widget).count("5 tokens") == 3  # prompt included
    controls(widget)["temperature"].value = 1.0
    assert shown(widget) == first  # the same seed
    controls(widget)["seed"].value = 1
    assert shown(widget) != first
    assert "<table" in widget._repr_mimebundle_()["text/html"]


def test_a_draft_that_agrees_fully_is_always_kept():
    widget = speculation_explorer(WORDS, LOGITS, LOGITS.flip(0))
    before = shown(widget)
    controls(widget)["agreement"].value = 1.0
    assert shown(widget) != before and isinstance(widget.children[1], ipywidgets.Image)
