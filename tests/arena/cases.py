"""What a case of the arena is, and the list that the files `attacks_*.py` enter theirs into."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.arena.draft import FULL, Draft

KINDS = ("cheat", "attempt", "accident", "harmless", "refused", "open")


@dataclass(frozen=True)
class Case:
    """One way to deceive or to break the grader, and what must come of it.

    kind      cheat (earns its honest part and no more), attempt (fails, and keeps all marks),
              accident (keeps the marks it deserves), harmless (full marks),
              refused (not gradable), open (known to get through; docs/arena.md says why)
    theme     the file it stands in
    what      one sentence
    change    turns the honest submission into this one
    points    exactly what each exercise earns
    verdicts  the words of the verdicts that are not "passed"
    tries     whether its code reports an attempt, "ARENA-HELD" or "ARENA-OUT"
    at_most   whether the student may also lose the points of other exercises by it
    outside   Python that makes the same attempt without a sandbox, where it must succeed: the control
    """

    name: str
    kind: str
    theme: str
    what: str
    change: Callable[[Draft], None]
    points: dict[str, float] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    tries: bool = False
    at_most: bool = False
    outside: str = ""


CASES: dict[str, Case] = {}


def enter(
    kind: str,
    *,
    name: str = "",
    what: str = "",
    tries: bool = False,
    at_most: bool = False,
    outside: str = "",
    **losses: str,
) -> Callable[[Callable[[Draft], None]], Callable[[Draft], None]]:
    """Enter a function that changes a draft as a case.

    name    of the case, if not the function's
    what    what the case does, if the function has no docstring that says it
    losses  exercises that do not pass, with their verdict and, if not 0, the points: total="wrong", Ledger="wrong 2";
            "" if it passes
    """

    def decorate(change: Callable[[Draft], None]) -> Callable[[Draft], None]:
        title = name or change.__name__
        assert kind in KINDS and title not in CASES and losses.keys() <= FULL.keys()
        points, verdicts = dict(FULL), {}
        for exercise, loss in losses.items():
            words = loss.split()
            if not words:
                continue
            left = words.pop() if words[-1].isdigit() else "0"
            points[exercise], verdicts[exercise] = float(left), " ".join(words)
        theme = change.__module__.rsplit("_", 1)[-1]
        said = " ".join((what or change.__doc__ or "").split())
        CASES[title] = Case(title, kind, theme, said, change, points, verdicts, tries, at_most, outside)
        return change

    return decorate


ATTEMPT = """
def attempt():
{body}

try:
    print("ARENA-OUT", {name!r}, repr(attempt()))
except BaseException as problem:
    print("ARENA-HELD", {name!r}, type(problem).__name__, problem)
"""


def attempt(theme: str, name: str, what: str, body: str, control: bool = True, kind: str = "attempt") -> None:
    """Enter a case whose extra cell tries something that must raise; all marks stay.

    body     of a function that raises or returns; when it returns, the attempt succeeded
    control  whether the same code is run outside the sandbox, where it must succeed
    """
    source = ATTEMPT.format(body=textwrap.indent(textwrap.dedent(body).strip(), "    "), name=name)

    def change(draft: Draft) -> None:
        draft.add(source, before="total")

    change.__module__ = f"attacks_{theme}"
    enter(kind, name=name, what=what, tries=True, outside=source if control else "")(change)
