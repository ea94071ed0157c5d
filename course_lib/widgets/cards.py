"""A flash card on the page: a question, the answer when you ask for it, and three buttons that say how it went."""

import html
from collections.abc import Callable

import ipywidgets

from course_lib.cards import answer, due
from course_lib.deck import DECK, Card
from course_lib.figures.style import GREY
from course_lib.widgets.live import Live, still

_STYLE = f"font-size:17px;line-height:1.45;border:1px solid {GREY};border-radius:6px;padding:14px 18px;max-width:640px"


def flash_cards(lesson: str = "") -> Live:
    """Return the cards that are due, one at a time.

    lesson  only this lesson's cards ("12_attention"); the whole deck when empty

    Where there is no kernel the page shows one card with its answer folded up. Raises ValueError for a lesson that
    has no cards.
    """
    mine = [card for card in DECK if lesson in ("", card.lesson)]
    if not mine:
        raise ValueError(f"the deck has no card of lesson {lesson!r}")
    waiting = due(lesson)
    page = ipywidgets.HTMLMath()
    note = ipywidgets.HTML()
    reveal = ipywidgets.Button(description="Show the answer", button_style="primary")
    again = ipywidgets.Button(description="Again", tooltip="I did not know it: ask me once more today")
    good = ipywidgets.Button(description="Good", tooltip="I knew it")
    easy = ipywidgets.Button(description="Easy", tooltip="I knew it at once: wait longer")
    buttons = ipywidgets.HBox()

    def ask(_: object = None) -> None:
        if waiting:
            page.value = _box(f"<b>{waiting[0].question}</b>")
            buttons.children = (reveal,)
        else:
            page.value = _box("No card is due. Come back tomorrow.")
            buttons.children = ()

    def turn(_: object) -> None:
        page.value = _box(f"<b>{waiting[0].question}</b><hr>{waiting[0].answer}")
        buttons.children = (again, good, easy)

    def graded(grade: str) -> Callable[[object], None]:
        def note_it(_: object) -> None:
            card = waiting.pop(0)
            back = answer(card, grade)
            if grade == "again":
                waiting.append(card)
            when = "again in this round" if grade == "again" else f"again on {back:%d %B %Y}"
            left = f"{len(waiting)} card{'' if len(waiting) == 1 else 's'} left" if waiting else "that was the last one"
            note.value = f"<small>{when}; {left}</small>"
            ask()

        return note_it

    reveal.on_click(turn)
    for button, grade in ((again, "again"), (good, "good"), (easy, "easy")):
        button.on_click(graded(grade))
    ask()
    shown = waiting[0] if waiting else mine[0]
    return still(ipywidgets.VBox([page, buttons, note]), _still(shown), f"A flash card: {html.escape(shown.question)}")


def _box(content: str) -> str:
    return f'<div style="{_STYLE}">{content}</div>'


def _still(card: Card) -> str:
    return _box(f"<b>{card.question}</b><details><summary>answer</summary>{card.answer}</details>")
