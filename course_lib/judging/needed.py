"""Exercises that build on others: a fault of a needed one is not held against the exercise that needs it.

A learner's needed one can be wrong although it passes: its cases may not show the fault. So whenever an exercise is not
right, it is judged once more with the tested versions of all that it needs. What is then found is about its own code.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from course_lib.judging.verdict import Verdict, VerdictKind

JudgeWith = Callable[[Sequence[str]], Verdict]


def verdict_on_own_code(own: Verdict, failing: Sequence[str], passing: Sequence[str], judge_with: JudgeWith) -> Verdict:
    """Return the verdict on an exercise's own code, with `helped` where the tested versions of others made it.

    own         the verdict with the learner's own versions of what the exercise needs
    failing     needed exercises that do not pass
    passing     needed exercises that pass
    judge_with  judges once more, with the tested versions of the exercises of these names

    Fewest tested versions first: those of what fails, then of all. A verdict that earns less, or that did not come to
    an end, never takes the place of another.
    """
    if own.verdict == VerdictKind.FORBIDDEN:  # what passes makes no forbidden call; this is the exercise's own
        passing = ()
    if own.points == own.max_points or not (failing or passing):
        return own
    found: list[tuple[Verdict, tuple[str, ...]]] = [(own, ())]
    for tested in dict.fromkeys(filter(None, (tuple(failing), (*failing, *passing)))):
        again = judge_with(tested)
        if again.verdict == VerdictKind.PASSED:
            blamed = _blamed(failing, passing, judge_with) if len(tested) > len(failing) else ()
            helped = (*failing, *blamed)
            return replace(again, message=_right_with(helped, blamed), helped=helped)
        if again.judged:
            found.append((again, tested))
    last, _ = found[-1]
    most = max(verdict.points for verdict, _ in found)
    kept = [two for two in found if two[0].points == most]
    verdict, tested = next((two for two in kept if _finding(two[0]) == _finding(last)), kept[0])
    return replace(verdict, message=with_help(verdict.message, tested), helped=tested) if tested else verdict


def _finding(verdict: Verdict) -> tuple:
    return verdict.points, verdict.verdict, verdict.mistake, verdict.message


def _blamed(failing: Sequence[str], passing: Sequence[str], judge_with: JudgeWith) -> tuple[str, ...]:
    """Return those of `passing` that hold the fault: one whose tested version is enough, else all."""
    if len(passing) > 1:
        for name in passing:
            if judge_with((*failing, name)).verdict == VerdictKind.PASSED:
                return (name,)
    return tuple(passing)


def _right_with(helped: Sequence[str], blamed: Sequence[str]) -> str:
    names = _listed(helped)
    if not blamed:
        return f"With the course's own {names} this is right; yours does not pass yet."
    if len(blamed) == 1:
        fault = f"the fault is in your {_listed(blamed)}, although its own check passes"
    else:
        fault = f"the fault is in your {_listed(blamed)}, although their own checks pass"
    return f"With the course's own {names} this is right: {fault}."


def with_help(message: str, helped: Sequence[str]) -> str:
    """Return a verdict's message, with the names of the exercises whose tested version took the place of one's own."""
    return f"{message} (Judged with the course's own {_listed(helped)} in place of yours.)" if helped else message


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
