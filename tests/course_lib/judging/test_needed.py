"""Exercises that build on others: what is said is about an exercise's own code, never about what it needs."""

import pytest

from course_lib.judging.exercise import ExerciseId
from course_lib.judging.needed import verdict_on_own_code
from course_lib.judging.verdict import Verdict, VerdictKind

PASSED, WRONG, MISTAKE = VerdictKind.PASSED, VerdictKind.WRONG, VerdictKind.MISTAKE


def verdict(kind, points=0.0, mistake="", message="Hm.", judged=("a case",)):
    return Verdict(ExerciseId("l.encode"), points, 3.0, kind, message, mistake, judged)


def of(own, failing=(), passing=(), **with_tested):
    """Return the verdict, and the sets of tested versions that were tried; `a_b` is the verdict with those of a and b.

    What is not said is like `own`.
    """
    tried = []

    def judge_with(names):
        tried.append(tuple(names))
        return with_tested.get("_".join(names), own)

    return verdict_on_own_code(own, failing, passing, judge_with), tried


def test_what_is_right_and_what_needs_nothing_is_judged_once():
    right, wrong = verdict(PASSED, 3.0), verdict(MISTAKE, mistake="slip")
    assert of(right, ["a"], ["b"]) == (right, [])
    assert of(wrong) == (wrong, [])


def test_a_needed_one_that_fails_costs_no_points_here():
    found, tried = of(verdict(WRONG), ["a"], ["b"], a=verdict(PASSED, 3.0))
    assert (found.verdict, found.points, found.helped, tried) == (PASSED, 3.0, ("a",), [("a",)])
    assert found.message == "With the course's own `a` this is right; yours does not pass yet."


def test_a_needed_one_that_passes_wrongly_is_blamed_and_no_mistake_is_named():
    found, _ = of(verdict(MISTAKE, mistake="longest_first"), passing=["merge"], merge=verdict(PASSED, 3.0))
    assert (found.verdict, found.points, found.mistake, found.helped) == (PASSED, 3.0, "", ("merge",))
    assert found.message == (
        "With the course's own `merge` this is right: the fault is in your `merge`, although its own check passes."
    )


def test_of_several_that_pass_the_one_that_is_enough_is_blamed():
    right = verdict(PASSED, 3.0)
    found, _ = of(verdict(WRONG), ["a"], ["b", "c"], a_b_c=right, a_c=right)
    assert found.helped == ("a", "c") and "the fault is in your `c`, although its own check passes" in found.message
    found, _ = of(verdict(WRONG), [], ["b", "c"], b_c=right)
    assert found.helped == ("b", "c") and "your `b`, `c`, although their own checks pass" in found.message


def test_a_mistake_that_is_there_with_the_tested_ones_too_is_the_exercises_own():
    own = verdict(MISTAKE, mistake="slip", message="You slipped.")
    assert of(own, ["a"], ["b"])[0] is own


def test_a_mistake_that_goes_away_with_the_tested_ones_is_not_named():
    found, _ = of(verdict(MISTAKE, mistake="slip"), passing=["a"], a=verdict(WRONG, message="It is 2."))
    assert (found.verdict, found.mistake, found.helped) == (WRONG, "", ("a",))
    assert found.message == "It is 2. (Judged with the course's own `a` in place of yours.)"


def test_a_mistake_that_only_the_tested_ones_let_show_is_named():
    named = verdict(MISTAKE, mistake="slip", message="You slipped.")
    found, _ = of(verdict(WRONG), ["a"], ["b"], a=named, a_b=named)
    assert (found.mistake, found.helped) == ("slip", ("a",))


@pytest.mark.parametrize("worse", [verdict(WRONG, 1.0), verdict(VerdictKind.TIMEOUT, judged=())])
def test_nobody_loses_by_the_second_look(worse):
    own = verdict(WRONG, 2.0)
    assert of(own, ["a"], [], a=worse)[0].points == 2.0
    assert of(own, [], ["a"], a=worse)[0].points == 2.0


def test_a_forbidden_call_is_not_the_fault_of_what_passes():
    own, right = verdict(VerdictKind.FORBIDDEN), verdict(PASSED, 3.0)
    assert of(own, [], ["a"], a=right) == (own, [])
    assert of(own, ["b"], ["a"], b=right)[0].helped == ("b",)
