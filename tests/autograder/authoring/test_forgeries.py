"""Forged outcomes: each weakness of a judge is found, strong judges have none, and liars persuade no careful probe."""

import pytest
import torch

from autograder.authoring.forgeries import first_to_pass, liars, replays
from course_lib.judging.case import Case, CaseSet, Outcome
from course_lib.judging.exercise import Exercise, ExerciseId
from course_lib.judging.probe import run_probe
from course_lib.judging.sampling import judge_counts
from course_lib.judging.verdict import judge_exercise
from course_lib.judging.wire import plain

COUNTS = torch.tensor([2000, 1200, 800])
SPREAD = {"std": 0.02, "mean": 0.0003}


def exercise(judge=""):
    source = f"def judge(case, expected, got):\n    return {judge}" if judge else ""
    return Exercise(ExerciseId("lesson.thing"), "function", 1.0, "", setup="import torch", judge_source=source)


def one_case(expected):
    return CaseSet((Case({"x": 1}, note="the only case"),), (Outcome(expected),))


@pytest.mark.parametrize(
    ("expected", "judge", "words"),
    [
        (1.5, "True", "None in place of all"),
        (0.02, "not abs(got - expected) > 0.001", "nan in place of all"),
        (SPREAD, "not any(abs(got[k] - expected[k]) > 0.01 for k in expected)", "nan everywhere"),
        (SPREAD, "got['std'] > 0.01 and not got['std'] > 0.03 and not got['mean'] > 0.01", "nan in mean"),
        (SPREAD, "compare(expected['std'], got['std'])", "nan in mean"),
        (SPREAD, "all(compare(expected[k], got[k]) is True for k in expected)", "a dict with a key too many"),
        ([1, 2, 3], "all(a == b for a, b in zip(expected, got))", "'' in place of all"),
        ("text", "str(got) == expected or got == [expected]", "another kind of number everywhere"),
        (COUNTS, "bool(((got / got.sum() - expected / expected.sum()).abs() < 0.05).all())", "the numbers times 1e-6"),
        (COUNTS, "not ((got - expected).abs() > 100).any()", "nan"),
        (torch.tensor([1.0, 2.0]), "bool(torch.isclose(got.mean(), expected.mean()))", "too many in the result"),
        (torch.tensor([1.0, 2.0]), "bool(torch.isclose(got, expected).all())", "one dimension too many"),
        (torch.tensor([3.0, 3.0]), "set(got.flatten().tolist()) == {3.0}", "another kind of number"),
    ],
)  # fmt: skip
def test_a_weak_judge_is_found_with_what_it_accepts(expected, judge, words):
    finding = first_to_pass(exercise(judge), one_case(expected))
    assert finding.startswith("on the case “the only case” the judge accepts ") and words in finding


@pytest.mark.parametrize(
    "expected",
    [1.5, 0.0, 7, True, "text", "", None, [], [1, 2, 3], (0.5, "x"), SPREAD, {}, torch.tensor([1.0, 2.0]),
     torch.zeros(3), torch.tensor([float("nan"), 1.0]), torch.tensor([1 + 2j, 3j]), torch.tensor([True, False]),
     torch.tensor(3.0), torch.empty(0, 3), {"a": [torch.ones(2, 2), 3], "b": {"c": None}}],
)  # fmt: skip
def test_the_default_judge_accepts_no_forgery_of_anything(expected):
    assert first_to_pass(exercise(), one_case(expected)) == ""


def test_the_librarys_judge_of_counts_accepts_no_forgery():
    assert judge_counts(COUNTS, COUNTS + torch.tensor([9, -5, -4])) is True
    assert first_to_pass(exercise("judge_entries(expected, got, {'n': judge_counts})"), one_case({"n": COUNTS})) == ""


def test_a_judge_that_raises_on_a_forgery_has_refused_it():
    assert first_to_pass(exercise("got.no_such_attribute"), one_case(1.5)) == ""


def test_a_case_that_must_raise_cannot_be_forged_by_a_value():
    cases = CaseSet((Case({"x": 1}),), (Outcome(raised=("ValueError",)),))
    assert first_to_pass(exercise("True"), cases) == ""


def test_outcomes_that_do_not_depend_on_the_seed_earn_points_when_they_are_replayed():
    def seeded(value):
        return CaseSet((Case({"seed": value}),) * 2, (Outcome(value), Outcome(4.0)))

    check, public = exercise(), seeded(0.0)
    earned = {
        what: judge_exercise(check, public + public, got).points for what, got in replays(public, public + public)
    }
    assert earned["the public outcomes by position"] == 1.0
    fresh = seeded(1.0) + seeded(2.0) + public
    assert {judge_exercise(check, fresh, got).points for _, got in replays(public, fresh)} == {0.0}


@pytest.mark.parametrize("what", liars())
def test_a_liar_gets_past_a_probe_that_trusts_the_students_objects_and_not_past_a_careful_one(what):
    def trusting(student, case):
        return {"right": bool(student(case["x"]) == 3)}

    def careful(student, case):
        answer = plain(student(case["x"]))
        return {"right": isinstance(answer, int) and answer == 3}

    liar = liars()[what]
    assert run_probe(lambda x: 3, careful, {"x": 1}).value == {"right": True}
    assert run_probe(liar, careful, {"x": 1}).value != {"right": True}
    if "tensor" not in what:  # a tensor of four booleans has no truth
        assert run_probe(liar, trusting, {"x": 1}).value == {"right": True}
