"""A slip is named when the outcomes are exactly those of the reference with that slip, on every public case."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.judging.case import Case, CaseSet, Outcome, Slip
from course_lib.judging.slips import print_of, same_print, slip_of

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(3))


def same(a, b):
    return same_print(print_of(Outcome(a)), print_of(Outcome(b)))


@pytest.mark.parametrize(
    "value",
    [X, 3, 2.5, "text", None, True, [1, [2.0, X]], {"a": X, "b": (1, 2)}, X > 0, X.long(), math.nan, math.inf, []],
)
def test_equal_values_have_the_same_print(value):
    assert same(value, value)


def test_the_noise_of_processors_changes_no_print():
    assert same(X, X * (1 + 1e-5 * torch.randn(3, 4, generator=torch.Generator().manual_seed(4))))


@pytest.mark.parametrize(
    "a, b",
    [
        (X, X.T), (X, X.flip(-1)), (X, X.flip(0)), (X, -X), (X, 1.001 * X), (X, X[None]), (X, X.long()),
        (X, X.tolist()), (X, torch.where(X == X.max(), torch.nan, X)), (X > 0, X < 0), (1, 2), (1, True),
        ("a", "b"), (None, 0), ([], {}), ([1, 2], [2, 1]), ([1, 2], [1, 2, 0]), ({"a": 1}, {"b": 1}),
        (math.nan, math.inf), (math.inf, -math.inf), (10**400, -(10**400)),
    ],
)  # fmt: skip
def test_other_values_have_another_print(a, b):
    assert not same(a, b)


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=30), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_another_order_has_another_print(items, random):
    other = random.sample(items, len(items))
    assert same(items, other) == (items == other)


def test_errors_and_changed_arguments_are_part_of_a_print():
    plain = print_of(Outcome(X))
    assert not same_print(plain, print_of(Outcome(X, changed=("x",))))
    assert not same_print(plain, print_of(Outcome(raised=("ValueError", "Exception"))))
    assert same_print(print_of(Outcome(raised=("ValueError",))), print_of(Outcome(raised=("ValueError", "Exception"))))


EXPECTED = [Outcome(X * n) for n in (1, 2, 3)]
WRONG = [Outcome((X * n).cumsum(-1)) for n in (1, 2, 3)]


def judged(expected, wrong, got, hidden=()):
    slip = Slip("sums", "one slip: running sums are returned", tuple(print_of(outcome) for outcome in wrong))
    cases = tuple(Case({}) for _ in (*expected, *hidden))
    failing = [a.value is not b.value or a.raised != b.raised for a, b in zip((*expected, *hidden), got)]
    return slip_of(CaseSet(cases, (*expected, *hidden), slips=(slip,)), got, failing)


def test_the_slip_that_gives_the_same_outcomes_is_named():
    symptom = judged(EXPECTED, WRONG, WRONG)
    assert symptom.name == "slip_sums"
    assert symptom.sentence == (
        "Your results are exactly those of a solution with one slip: running sums are returned."
    )


def test_outcomes_that_differ_in_one_case_name_no_slip():
    assert judged(EXPECTED, WRONG, [*WRONG[:2], Outcome(X)]) is None


def test_an_error_that_is_not_raised_hides_no_slip():
    raises = Outcome(raised=("ValueError", "Exception"))
    expected, wrong, got = [*EXPECTED, raises], [*WRONG, raises], [*WRONG, Outcome(1)]
    assert judged(expected, wrong, got).name == "slip_sums"


def test_hidden_cases_come_after_the_public_ones_and_have_no_prints():
    assert judged(EXPECTED, WRONG, [*WRONG, Outcome(X)], hidden=[Outcome(2 * X)]).name == "slip_sums"


def test_a_single_number_is_no_evidence_and_three_are():
    assert judged([Outcome(1)], [Outcome(2)], [Outcome(2)]) is None
    assert judged([Outcome(1)] * 3, [Outcome(2)] * 3, [Outcome(2)] * 3).name == "slip_sums"


def test_without_slips_nothing_is_said():
    assert slip_of(CaseSet((Case({}),), (Outcome(X),)), [Outcome(-X)], [True]) is None
