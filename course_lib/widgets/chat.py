"""A conversation with a model: a box to write in, a button, and what both have said so far."""

import html
from collections.abc import Callable, Sequence

import ipywidgets

from course_lib.figures.style import BLUE, INK, QUIET
from course_lib.widgets.live import Live

TURNS = 30  # that stay on the page; older ones scroll out of it


def chat(reply: Callable[[str], str], asked: Sequence[str], *, placeholder: str = "Write something") -> Live:
    """Return a text box with a button, below a conversation that grows; without a kernel, a transcript.

    reply        turns what the reader wrote into the model's answer
    asked        what the conversation begins with, one scalar text after the other: `reply` answers each of them now,
                 and this is all that a page without a kernel shows
    placeholder  what the empty box says

    Enter or the button sends. What the model says is shown as text, whatever it is. An error of `reply` at the first
    questions is raised here; later it is shown in the conversation. Raises ValueError when nothing is asked.

    Example: chat(lambda text: text.upper(), ["hello"]).
    """
    if not asked:
        raise ValueError("asked must hold at least one text: it is what a page without a kernel shows")
    said = [(text, reply(text), "") for text in asked]
    log = ipywidgets.HTML(_transcript(said))
    box = ipywidgets.Text(placeholder=placeholder, continuous_update=False, description="you")
    box.layout.width, box.style.description_width = "420px", "initial"
    send = ipywidgets.Button(description="Send", button_style="primary")
    send.layout.width = "auto"

    def answer(_: object) -> None:
        text = box.value.strip()
        if not text:
            return
        box.value = ""
        try:
            said.append((text, reply(text), ""))
        except Exception as error:  # the conversation goes on
            said.append((text, "", f"{type(error).__name__}: {error}"))
        log.value = _transcript(said[-TURNS:])

    box.observe(answer, names="value")
    send.on_click(answer)
    talk = Live([log, ipywidgets.HBox([box, send])])
    talk.still = _transcript(said)
    talk.alt = "A conversation: " + " ".join(f"You: {text} Model: {got}" for text, got, _ in said)
    return talk


def _transcript(said: Sequence[tuple[str, str, str]]) -> str:
    """Return the conversation as HTML; screen readers are told of new lines."""
    rows = [_line("you", text, INK) + (_line("model", got, BLUE) if not wrong else _line("error", wrong, QUIET))
            for text, got, wrong in said]  # fmt: skip
    return f'<div role="log" aria-live="polite" style="font-size:16px;max-width:640px">{"".join(rows)}</div>'


def _line(who: str, text: str, colour: str) -> str:
    return (
        f'<div style="margin:3px 0"><span style="color:{QUIET};display:inline-block;width:60px">{who}</span>'
        f'<span style="color:{colour}">{html.escape(text)}</span></div>'
    )
