"""Cases, outcomes and mistakes: the plain things that a judgement is made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from course_lib.judging import wire
from course_lib.judging.compare import compare

Judge = Callable[[Any, Any, Any], Any]
Probe = Callable[[Any, dict], Any]

UNUSABLE = "UnusableResult"  # in place of an error's type: what was returned made the probe fail


@dataclass(frozen=True, eq=False)
class Case:
    """One set of inputs: the arguments by name; a note of a few words; the part that it belongs to, if any."""

    arguments: dict[str, Any]
    note: str = ""
    part: str = ""

    def to_document(self) -> dict:
        """Return the case as a JSON document."""
        return {"arguments": wire.encode(self.arguments), "note": self.note, "part": self.part}

    @classmethod
    def from_document(cls, document: dict) -> "Case":
        """Return the case of a document that `to_document` wrote."""
        return cls(wire.decode(document["arguments"]), document["note"], document["part"])


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a probe returned, or the type of what it raised, and which arguments were different after the call.

    value      the returned plain data (None when something was raised)
    raised     names of the exception's type and its bases, most special first; empty when nothing was raised
    changed    names of the arguments that were changed in place
    complaint  for people: the error's message and the student's lines of the traceback
    """

    value: Any = None
    raised: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    complaint: str = ""

    def to_document(self) -> dict:
        """Return the outcome as a JSON document."""
        return {
            "value": wire.encode(self.value),
            "raised": list(self.raised),
            "changed": list(self.changed),
            "complaint": self.complaint,
        }

    @classmethod
    def from_document(cls, document: Any) -> "Outcome":
        """Return the outcome of a document. Raises WireError when it is not one that `to_document` writes."""
        if not isinstance(document, dict) or set(document) != {"value", "raised", "changed", "complaint"}:
            raise wire.WireError("not an outcome")
        names = [document["raised"], document["changed"]]
        for group in names:
            if not isinstance(group, list) or len(group) > 100:
                raise wire.WireError("not an outcome")
            if not all(isinstance(name, str) and len(name) < 200 for name in group):
                raise wire.WireError("not an outcome")
        if not isinstance(document["complaint"], str):
            raise wire.WireError("not an outcome")
        value = wire.decode(document["value"])
        return cls(value, tuple(names[0]), tuple(names[1]), document["complaint"][:8000])


@dataclass(frozen=True, eq=False)
class Mistake:
    """A named, plausible wrong solution: what it gives on each case, and a sentence that helps whoever made it."""

    name: str
    hint: str
    outcomes: tuple[Outcome, ...]


Print = tuple[str, float, float]
"""What tells that two outcomes are the same, and nothing else of them (see course_lib.judging.slips)."""


@dataclass(frozen=True)
class Slip:
    """A slip that no author wrote down, in words; prints of what it gives on each public case."""

    name: str
    words: str
    prints: tuple[Print, ...]


@dataclass(frozen=True, eq=False)
class CaseSet:
    """The cases of one exercise for one seed, and in the same order the reference's outcomes and each mistake's.

    slips  of the public cases, which come first
    """

    cases: tuple[Case, ...]
    expected: tuple[Outcome, ...]
    mistakes: tuple[Mistake, ...] = field(default=())
    slips: tuple[Slip, ...] = field(default=())

    def __add__(self, other: "CaseSet") -> "CaseSet":
        """Return the cases of both, one after the other; the mistakes must be the same, the slips are the first's."""
        mistakes = tuple(
            Mistake(a.name, a.hint, a.outcomes + b.outcomes) for a, b in zip(self.mistakes, other.mistakes)
        )
        return CaseSet(self.cases + other.cases, self.expected + other.expected, mistakes, self.slips)


def judge_outcome(case: Case, expected: Outcome, got: Outcome, judge: Judge | None, mutates: bool) -> str:
    """Return "" when the outcome is right, else one sentence that says what is wrong.

    judge    the exercise's own judge, or None for `compare`
    mutates  whether changing arguments in place is allowed
    """
    if expected.raised and not got.raised:
        return f"Nothing was raised; {_article(expected.raised[0])} was expected."
    if got.raised[:1] == (UNUSABLE,):
        return "What was returned is not what was asked for."
    if got.raised and not expected.raised:
        return f"{got.raised[0]} was raised."
    if expected.raised:
        if expected.raised[0] in got.raised:
            return ""
        return f"{got.raised[0]} was raised; {_article(expected.raised[0])} was expected."
    if got.changed and not mutates:
        return f"The argument `{got.changed[0]}` was changed in place; leave the caller's data as it is."
    answer = (judge or _default_judge)(case.arguments, expected.value, got.value)
    return "" if answer is True else str(answer or "The result is not right.")


def _default_judge(case: dict, expected: Any, got: Any) -> bool | str:
    return compare(expected, got)


def _article(name: str) -> str:
    return f"{'an' if name[:1] in 'AEIOU' else 'a'} {name}"
