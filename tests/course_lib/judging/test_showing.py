"""The case that a learner sees: which one, and in which words."""

import torch

from course_lib.judging.case import Case, Outcome
from course_lib.judging.showing import difference, whole_input
from course_lib.judging.verdict import Judged, simplest_failure

RAISES = Outcome(raised=("ValueError", "Exception"))


def failing(arguments, want=0.0, have=1.0):
    return Judged(Case(arguments), *(v if isinstance(v, Outcome) else Outcome(v) for v in (want, have)), "It differs.")


def simplest(*arguments):
    judged = [one if isinstance(one, Judged) else failing(one) for one in arguments]
    return judged.index(simplest_failure(judged))


def test_a_value_comes_before_a_missing_error():
    assert simplest(failing({"x": 1}, RAISES, 1.0), {"x": torch.ones(9)}) == 1


def test_plain_numbers_come_before_half_precision_and_thousands():
    assert simplest({"x": torch.ones(2).half()}, {"x": torch.ones(20)}) == 1
    assert simplest({"x": torch.ones(2), "at": torch.tensor([5001])}, {"x": torch.ones(20), "at": [3]}) == 1


def test_little_data_comes_before_much_and_some_before_none():
    assert simplest({"x": torch.ones(5)}, {"x": torch.ones(2)}, {"x": torch.ones(3)}) == 1
    assert simplest({"x": []}, {"x": [1, 2]}) == 1
    assert simplest(failing({"x": 1}, torch.ones(50), torch.zeros(50)), failing({"x": [1, 2]}, 1.0, 2.0)) == 1


def test_arguments_are_assignments_that_can_be_pasted():
    rows = dict(difference(failing({"p": torch.tensor([[0.5], [1.0]]), "base": 2}, torch.zeros(2), torch.zeros(3))))
    assert rows["input"] == "p = torch.tensor([[0.5],\n                  [1.0]])\nbase = 2"
    assert rows["shapes"] == "(2,) expected, (3,) yours"
    names = {"torch": torch}
    exec(rows["input"], names)
    assert torch.equal(names["p"], torch.tensor([[0.5], [1.0]])) and names["base"] == 2


def test_a_long_input_is_offered_whole_too():
    x = torch.randn(40, generator=torch.Generator().manual_seed(1))
    assert "33 numbers are left out" in dict(difference(failing({"x": x})))["input"]
    names = {"torch": torch}
    exec(whole_input(Case({"x": x})), names)
    assert torch.equal(names["x"], x)
    assert whole_input(Case({"x": x[:3]})) == "" == whole_input(Case({"x": torch.zeros(100_000)}))


def test_an_error_is_told_by_the_learners_own_lines_and_never_by_the_references():
    want = Outcome(raised=("ValueError", "Exception"), complaint="line 7 of the reference")
    have = Outcome(raised=("KeyError",), complaint="  line 2, in f:  x['a']\nKeyError: 'a'")
    rows = dict(difference(failing({"x": 1}, want, have)))
    assert rows["expected"] == "ValueError raised" and rows["yours"].endswith("KeyError: 'a'")
