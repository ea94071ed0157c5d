"""The conversation: what is asked at first, what the reader writes, and what a page without a kernel shows."""

import ipywidgets
import pytest

from course_lib.widgets.chat import TURNS, chat
from tests.widget_parts import find


def talk(reply=str.upper, asked=("hello",)):
    widget = chat(reply, asked)
    return widget, find(widget, ipywidgets.Text), find(widget, ipywidgets.Button), find(widget, ipywidgets.HTML)


def test_enter_and_the_button_both_send_and_the_box_is_empty_again():
    _, box, button, log = talk()
    assert "HELLO" in log.value and "MOUSE" not in log.value
    box.value = "mouse"  # what Enter does: the box is not updated at every key
    assert not box.continuous_update and "MOUSE" in log.value and box.value == ""
    box.unobserve_all("value")
    box.value = "cheese"
    button.click()
    assert "CHEESE" in log.value and box.value == ""


def test_blanks_are_not_sent():
    _, box, button, log = talk()
    before = log.value
    box.value = "   "
    button.click()
    assert log.value == before


def test_what_is_said_is_text_and_an_error_does_not_end_the_conversation():
    def reply(text):
        if text == "break":
            raise KeyError("no such word")
        return f"<b>{text}</b>"

    _, box, _, log = talk(reply)
    assert "<b>" not in log.value and "&lt;b&gt;hello" in log.value
    box.value = "break"
    assert "KeyError" in log.value and "no such word" in log.value
    box.value = "again"
    assert "&lt;b&gt;again" in log.value


def test_a_long_conversation_keeps_its_latest_turns():
    _, box, _, log = talk()
    for number in range(TURNS + 5):
        box.value = f"word{number}"
    assert f"WORD{TURNS + 4}" in log.value and "WORD3<" not in log.value


def test_without_a_kernel_there_is_a_transcript():
    widget, *_ = talk(asked=("hello", "who are you?"))
    bundle = widget._repr_mimebundle_()
    assert "WHO ARE YOU?" in bundle["text/html"] and "You: hello Model: HELLO" in bundle["text/plain"]
    with pytest.raises(ValueError, match="asked must hold at least one text"):
        chat(str.upper, [])
