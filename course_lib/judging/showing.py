"""Values, outcomes and sentences as people read them: the same words in a notebook and on a feedback page."""

import html
from typing import Any

import numpy as np
import torch
from torch import Tensor

from course_lib.judging.case import Outcome
from course_lib.judging.verdict import Judged


def show_value(value: Any) -> str:
    """Return a value as short text; a large tensor begins with its shape."""
    if isinstance(value, Tensor):
        number = value.detach().to(torch.float64) if value.dtype.is_floating_point else value.detach()
        text = np.array2string(
            number.numpy(), precision=4, threshold=24, edgeitems=2, separator=", ", suppress_small=True
        )
        if value.ndim < 2 and value.numel() <= 24:
            return f"tensor({text})"
        return f"tensor of shape {tuple(value.shape)}:\n{text}"
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_indent(show_value(item))}" for key, item in value.items())
    if isinstance(value, (list, tuple)) and any(isinstance(item, (Tensor, list, tuple, dict)) for item in value):
        return "\n".join(f"item {index}: {_indent(show_value(item))}" for index, item in enumerate(value[:6]))
    text = repr(value)
    return text if len(text) <= 300 else text[:297] + "…"


def _indent(text: str) -> str:
    return text.replace("\n", "\n    ")


def show_outcome(outcome: Outcome) -> str:
    """Return an outcome as short text: the value, or what was raised with the student's own lines."""
    if outcome.raised:
        return outcome.complaint or outcome.raised[0]
    return show_value(outcome.value)


def case_label(judged: Judged, index: int) -> str:
    """Return the case's note, or its number."""
    return judged.case.note or f"case {index + 1}"


def difference(judged: Judged) -> list[tuple[str, str]]:
    """Return the rows input, expected, yours of a failing case."""
    expected = judged.expected.raised[0] + " raised" if judged.expected.raised else show_value(judged.expected.value)
    rows = [("expected", expected), ("yours", show_outcome(judged.got))]
    return [("input", show_value(judged.case.arguments)), *rows] if judged.case.arguments else rows


def prose_html(text: str) -> str:
    """Return text as HTML with `code` set as code."""
    pieces = html.escape(text).split("`")
    if len(pieces) % 2 == 0:  # an odd backtick: leave the text as it is
        return html.escape(text)
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))
