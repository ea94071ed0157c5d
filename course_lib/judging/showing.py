"""Values, outcomes and sentences as people read them: the same words in a notebook and on a feedback page."""

import html

from torch import Tensor

from course_lib.judging.case import Case
from course_lib.judging.literal import brief, literal, short
from course_lib.judging.verdict import Judged

MAX_PASTED = 20_000  # characters of an input that is offered whole


def case_label(judged: Judged, index: int) -> str:
    """Return the case's note, or its number."""
    return judged.case.note or f"case {index + 1}"


def difference(judged: Judged) -> list[tuple[str, str]]:
    """Return the rows input, expected, yours of a case; shapes beside each other where they differ."""
    want, have = judged.expected, judged.got
    rows = [("input", show_input(judged.case))] if judged.case.arguments else []
    if isinstance(want.value, Tensor) and isinstance(have.value, Tensor) and want.value.shape != have.value.shape:
        rows.append(("shapes", f"{tuple(want.value.shape)} expected, {tuple(have.value.shape)} yours"))
    expected = f"{want.raised[0]} raised" if want.raised else short(want.value, have.value)
    yours = have.complaint or f"{have.raised[0]} raised" if have.raised else short(have.value, want.value)
    return [*rows, ("expected", expected), ("yours", yours)]


def show_input(case: Case) -> str:
    """Return the arguments of a case as assignments, long ones shortened."""
    return "\n".join(_assigned(name, brief(value)) for name, value in case.arguments.items())


def whole_input(case: Case) -> str:
    """Return the arguments of a case as assignments to paste; "" where `show_input` has all, or they are too long."""
    text = "\n".join(_assigned(name, literal(value)) for name, value in case.arguments.items())
    return "" if text == show_input(case) or len(text) > MAX_PASTED else text


def _assigned(name: str, text: str) -> str:
    """Return `name = text`: comments above it stay there, lines below it move with it."""
    lines = text.split("\n")
    first = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    indent = " " * (len(name) + 3)
    below = [f"#{indent}{line[1:]}" if line.startswith("#") else indent + line for line in lines[first + 1 :]]
    return "\n".join([*lines[:first], f"{name} = {lines[first]}", *below])


def prose_html(text: str) -> str:
    """Return text as HTML with `code` set as code."""
    pieces = html.escape(text).split("`")
    if len(pieces) % 2 == 0:  # an odd backtick: leave the text as it is
        return html.escape(text)
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))
