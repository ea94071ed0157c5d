"""How a check looks: a sentence, the simplest failing case, what may help; all else is folded. HTML, or text."""

import html
from dataclasses import dataclass
from typing import Any

from course_lib.judging.exercise import Exercise
from course_lib.judging.needed import with_help
from course_lib.judging.showing import case_label, difference, prose_html, whole_input
from course_lib.judging.verdict import Judged, Verdict, VerdictKind, simplest_failure

# of the headline, so with a contrast of at least 4.5 : 1 on white, and nearly that on JupyterLab's dark ground
_COLOURS = {VerdictKind.PASSED: "#008561", VerdictKind.NOT_STARTED: "#767676", VerdictKind.RECORDED: "#0072b2"}
_RED = "#bf5400"  # vermilion: told from the green by every kind of colour vision; and ✓ and ✗ say it again


def put(view: Any) -> None:
    """Show a view: rich in Jupyter, as text elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:  # a bare interpreter
        get_ipython = None
    if get_ipython is not None and get_ipython() is not None:
        display(view)
    else:
        print(view)


@dataclass(frozen=True)
class Remark:
    """A sentence for whoever works in the notebook, as on whose code is used; slides leave it out."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, str], dict[str, str]]:
        return {"text/plain": self.text}, {"course": "remark"}


@dataclass(frozen=True)
class CheckView:
    """The result of one check. shown_answers: whether answers can be shown here."""

    exercise: Exercise
    verdict: Verdict
    shown_answers: bool = False

    @property
    def headline(self) -> str:
        """One line: what happened."""
        verdict, id = self.verdict, self.exercise.id
        if verdict.verdict == VerdictKind.PASSED:
            points = f"{verdict.points:g} point{'s' if verdict.points != 1 else ''}"
            cases = f"all {len(verdict.judged)} cases are right" if len(verdict.judged) > 1 else "right"
            return f"✓ {id} – {cases} ({points})"
        if verdict.verdict == VerdictKind.NOT_STARTED:
            return f"○ {id} – not started yet"
        if verdict.verdict == VerdictKind.RECORDED:
            return f"● {id} – recorded; it is graded with your submission"
        if verdict.verdict == VerdictKind.MISSING:
            return f"✗ {id} – {verdict.message}"
        if self.exercise.kind in ("choice", "number"):
            return f"✗ {id} – {'not this one' if self.exercise.kind == 'choice' else 'not this number'}"
        if verdict.verdict == VerdictKind.TIMEOUT:
            return f"✗ {id} – it did not come to an end"
        if verdict.judged:
            right = len(verdict.judged) - len(verdict.failed)
            return f"✗ {id} – {right} of {len(verdict.judged)} cases are right"
        return f"✗ {id} – {verdict.message}"

    @property
    def tells_cases(self) -> bool:
        """Whether inputs and expected outcomes may be told: not of a question, whose only case is its answer."""
        return self.exercise.kind == "function" and bool(self.verdict.judged)

    @property
    def sentence(self) -> str:
        """What comes first: the mistake, what all failing cases have in common, or what was wanted; "" for none."""
        verdict = self.verdict
        if verdict.symptom:
            return verdict.symptom.sentence
        refused = verdict.verdict == VerdictKind.FORBIDDEN and verdict.judged
        unreadable = verdict.verdict == VerdictKind.WRONG and not verdict.judged  # an answer of another kind
        if verdict.verdict in (VerdictKind.MISTAKE, VerdictKind.TIMEOUT) or refused or unreadable:
            return verdict.message.removesuffix(with_help("", verdict.helped))
        return ""

    @property
    def _simplest(self) -> Judged | None:
        return simplest_failure(self.verdict.judged) if self.tells_cases and self.verdict.failed else None

    @property
    def note(self) -> str:
        """Whose fault it is where the tested version of a needed exercise took the place of the learner's own."""
        helped, passed = self.verdict.helped, self.verdict.verdict == VerdictKind.PASSED
        return self.verdict.message if helped and passed else with_help("", helped).strip()

    @property
    def hints(self) -> tuple[str, ...]:
        """The hint ladder, for an exercise that was tried and did not pass."""
        tried = self.verdict.verdict in (VerdictKind.MISTAKE, VerdictKind.WRONG, VerdictKind.ERROR)
        return self.exercise.hints if tried else ()

    @property
    def last_hint(self) -> str:
        """How to see the reference, where this copy of the course has it."""
        if not (self.hints and self.shown_answers):
            return ""
        return f'show_answer("{self.exercise.id}")'

    def _labels(self) -> list[tuple[str, str]]:
        """Return ✓ or ✗, and its label, of every case that may be told."""
        judged = self.verdict.judged if self.tells_cases else ()
        return [("✗" if one.reason else "✓", case_label(one, index)) for index, one in enumerate(judged)]

    def __repr__(self) -> str:
        lines = [text for text in (self.headline, self.sentence, self.note) if text]
        if simplest := self._simplest:
            label = case_label(simplest, self.verdict.judged.index(simplest))
            lines.append(f"The simplest case that fails is “{label}”. {simplest.reason}")
            lines += [f"  {name:>8}  " + text.replace("\n", "\n" + " " * 12) for name, text in difference(simplest)]
        lines += [f"Hint {number}: {hint}" for number, hint in enumerate(self.hints[:1], 1)]
        if self.last_hint:
            lines.append(f"Still stuck? {self.last_hint} shows a solution; it is noted that you looked.")
        if labels := self._labels():
            lines.append("Cases: " + " · ".join(f"{sign} {label}" for sign, label in labels))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        kind = self.verdict.verdict
        colour = _COLOURS.get(kind, _RED)
        parts = [f'<div style="font-weight:600;color:{colour}">{html.escape(self.headline)}</div>']
        if self.sentence:
            lead = "<b>This may be it:</b> " if kind == VerdictKind.MISTAKE else ""
            parts.append(f'<div style="margin-top:.3em">{lead}{prose_html(self.sentence)}</div>')
        if self.note:
            parts.append(f'<div style="margin-top:.3em;opacity:.8">{prose_html(self.note)}</div>')
        if simplest := self._simplest:
            parts.append(self._case_html(simplest))
        parts += [_folded(f"Hint {number}", prose_html(hint)) for number, hint in enumerate(self.hints, 1)]
        if kind != VerdictKind.PASSED and (labels := self._labels()):
            rows = (f'<span style="margin-right:1.2em">{sign} {html.escape(label)}</span>' for sign, label in labels)
            parts.append(_folded("All cases", " ".join(rows)))
        if self.last_hint:
            parts.append(
                f'<div style="margin-top:.3em;opacity:.8">Still stuck? <code>{html.escape(self.last_hint)}</code> '
                "in a new cell shows a solution; it is noted that you looked.</div>"
            )
        body = "".join(parts)
        return (
            f'<div class="course-check" data-verdict="{kind}" role="status" style="border-left:4px solid {colour};'
            f'padding:.4em .9em;margin:.3em 0;line-height:1.45;overflow-x:auto">{body}</div>'
        )

    def _case_html(self, case: Judged) -> str:
        cell = "padding:.15em .8em .15em 0;vertical-align:top;text-align:left;background:none"
        rows = "".join(
            f'<tr style="background:none"><th style="{cell};font-weight:600">{name}</th>'
            f'<td style="{cell}">{_code(text)}</td></tr>'
            for name, text in difference(case)
        )
        label = html.escape(case_label(case, self.verdict.judged.index(case)))
        whole = whole_input(case.case)
        return (
            '<div style="margin-top:.3em">'
            f"The simplest case that fails is <b>{label}</b>. {prose_html(case.reason)}</div>"
            f'<table style="border-collapse:collapse;margin:.3em 0;text-align:left">{rows}</table>'
            + (_folded("The whole input, to paste", _code(whole)) if whole else "")
        )


def _code(text: str) -> str:
    style = "margin:0;white-space:pre;font-family:monospace;font-size:.92em;line-height:1.35;background:none"
    return f'<pre style="{style}">{html.escape(text)}</pre>'


def _folded(title: str, inside: str) -> str:
    return (
        f'<details style="margin-top:.3em"><summary style="cursor:pointer">{title}</summary>'
        f'<div style="margin:.2em 0 0 1.1em;overflow-x:auto">{inside}</div></details>'
    )


@dataclass(frozen=True)
class AnswerView:
    """A reference solution or a model answer, folded up; `answer` is None where this copy of the course has none."""

    exercise: Exercise
    answer: dict | None

    @property
    def text(self) -> str:
        """The answer itself, or why there is none."""
        if self.answer is None:
            return "This copy of the course comes without answers; you get them from your teacher."
        return self.answer["answer"]

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        if self.answer is None:
            return f"<div>{html.escape(self.text)}</div>"
        is_text = self.exercise.kind == "text"
        title = "A model answer (write yours first)" if is_text else f"A solution of {self.exercise.id}"
        body = html.escape(self.text)
        style = "white-space:pre-wrap;margin:.4em 0" + ("" if is_text else ";font-family:monospace")
        inner = prose_html(self.text) if is_text else body
        return (
            f'<details style="margin:.3em 0"><summary style="cursor:pointer">{html.escape(title)}</summary>'
            f'<div style="{style}">{inner}</div></details>'
        )
