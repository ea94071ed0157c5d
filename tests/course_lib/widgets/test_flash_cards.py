"""The flash card widget: asks, shows the answer on request, and notes how it went."""

import pytest

from course_lib import cards
from course_lib.deck import DECK
from course_lib.widgets.cards import flash_cards


def parts(widget):
    page, buttons, note = widget.children[0].children
    return page, buttons, note


def press(buttons, description):
    next(button for button in buttons.children if button.description == description).click()


def test_the_answer_appears_only_when_asked_for():
    page, buttons, _ = parts(flash_cards())
    assert DECK[0].question in page.value and DECK[0].answer not in page.value
    press(buttons, "Show the answer")
    assert DECK[0].answer in page.value
    assert [button.description for button in buttons.children] == ["Again", "Good", "Easy"]


def test_a_known_card_leaves_and_a_missed_one_returns_at_the_end():
    mine = [card for card in DECK if card.lesson == "00_start_here"]
    page, buttons, note = parts(flash_cards("00_start_here"))
    for grade in ["Again"] + ["Good"] * len(mine):
        press(buttons, "Show the answer")
        press(buttons, grade)
    assert "No card is due" in page.value and not buttons.children
    assert "that was the last one" in note.value
    assert not cards.due("00_start_here")
    page, _, _ = parts(flash_cards("00_start_here"))
    assert "No card is due" in page.value


def test_the_still_has_question_and_answer():
    page = flash_cards("12_attention")._repr_mimebundle_()["text/html"]
    first = next(card for card in DECK if card.lesson == "12_attention")
    assert first.question in page and first.answer in page


def test_a_lesson_without_cards_is_named():
    with pytest.raises(ValueError, match="99_nothing"):
        flash_cards("99_nothing")
