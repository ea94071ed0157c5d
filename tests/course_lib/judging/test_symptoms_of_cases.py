"""Symptoms of cases: which ones fail, said only where no right case has the same property."""

import torch

from course_lib.judging.case import Case, Outcome
from course_lib.judging.symptoms import symptom_of

GENERATOR = torch.Generator().manual_seed(11)
RAISES = Outcome(raised=("ValueError", "Exception"))


def x(*shape):
    return torch.randn(shape, generator=GENERATOR)


def of(*judged):
    """Return the symptom of cases (arguments, expected, returned): what is not equal is wrong."""
    rows, wrong = [], []
    for arguments, want, have, *note in judged:
        want, have = (value if isinstance(value, Outcome) else Outcome(value) for value in (want, have))
        rows.append((Case(arguments, *note), want, have))
        wrong.append((want.value != have.value) or want.raised[:1] != have.raised[:1] or bool(have.changed))
    return symptom_of(rows, wrong)


def said(*judged):
    symptom = of(*judged)
    return symptom.sentence if symptom else None


def test_the_argument_that_all_failing_cases_are_given_is_named():
    cases = [({"n": n}, n * 1.7, n * 1.7) for n in (2, 3, 5)]
    assert said(*cases, ({"n": 7, "dropout": 0.3}, 1.0, 2.2)) == (
        "All cases are right but those in which `dropout` is given."
    )
    assert said(*cases, ({"n": 7, "dropout": 0.3}, 1.0, 2.2), ({"n": 8, "dropout": 0.3}, 1.0, 1.0)) is None


def test_a_value_that_no_right_case_has_is_named():
    cases = [({"temperature": t}, t, t) for t in (0.5, 1.7, 2.5)]
    assert "`temperature` is 0." in said(*cases, ({"temperature": 0.0}, 4.0, 9.5))


def test_of_one_failing_case_alone_two_properties_say_nothing():
    cases = [({"a": 1.5, "b": 2.5}, t, t) for t in (1.0, 2.0, 3.0)]
    assert said(*cases, ({"a": 0.0, "b": 0.0}, 4.0, 9.5)) == "All cases are right but those in which `a` is 0."
    assert said(*cases, ({"a": 0.0, "b": True}, 4.0, 9.5)) is None


def test_sizes_and_contents_of_tensors_need_two_failing_and_two_right_cases():
    one, two = [x(1, 3) for _ in range(3)], [x(2, 3) for _ in range(3)]
    right = [({"x": v}, 1.0, 1.0) for v in one]
    assert "the first dimension of `x` is larger than 1" in said(*right, *(({"x": v}, 1.0, 2.2) for v in two))
    assert said(*right, ({"x": two[0]}, 1.0, 2.2)) is None
    ties = [torch.tensor([1.0, 2.0, 1.0]), torch.tensor([3.0, 3.0, 0.5])]
    plain = [torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 3.0, 0.5])]
    rows = [*(({"logits": v}, 1, 1) for v in plain), *(({"logits": v}, 1, 5) for v in ties)]
    assert "`logits` holds equal numbers in one row" in said(*rows)


def test_half_precision_is_named_by_its_dtype():
    right = [({"x": x(4)}, n, n) for n in (1.0, 2.0, 3.0)]
    assert "`x` is of float16" in said(*right, ({"x": x(4).half()}, 1.0, 2.5))


def test_an_error_is_named_with_the_cases_in_which_it_is_raised():
    right = [({"x": x(4)}, n, n) for n in (1.0, 2.0, 3.0)]
    got = Outcome(raised=("RuntimeError", "Exception"))
    sentence = "RuntimeError is raised in the cases in which `mask` is given, and only there; all others are right."
    assert said(*right, ({"x": x(4), "mask": True}, 1.0, got)) == sentence


def test_the_names_of_a_students_own_errors_are_not_repeated():
    right = [({"x": x(4)}, n, n) for n in (1.0, 2.0, 3.0)]
    got = Outcome(raised=("The answer is 42", "Exception"))
    assert "42" not in said(*right, ({"x": x(4), "mask": True}, 1.0, got))


def test_errors_that_are_not_raised_are_said():
    right = [({"n": n}, float(n), float(n)) for n in (1, 2, 3)]
    assert "Nothing is raised in the cases that ask for an error" in said(*right, ({"n": -1}, RAISES, 4.0))
    some = said(*right, ({"n": -1}, RAISES, 4.0, "a negative n"), ({"n": -9}, RAISES, RAISES, "far below"))
    assert some == "No error is raised in “a negative n”; all other cases are right."
    other = Outcome(raised=("IndexError", "Exception"))
    assert said(*right, ({"n": -1}, RAISES, other)).startswith("IndexError is raised where ValueError is asked for")
    assert of(({"n": 1}, 1.0, 2.0), ({"n": -1}, RAISES, 4.0)) is None


def test_an_argument_that_makes_no_difference_is_named():
    value = lambda n, base: [n * base + base**0.5, n**0.5 * base**2, 1.0]  # noqa: E731
    rows = [({"n": n, "base": base}, value(n, base), value(n, 2)) for n in (3, 5, 7) for base in (2, 10)]
    assert of(*rows).name == "argument_ignored" and "`base` makes no difference" in said(*rows)
    rows[-1] = (rows[-1][0], rows[-1][1], [1, 2, 3])
    assert of(*rows) is None or of(*rows).name != "argument_ignored"


def test_what_is_kept_between_calls_is_seen():
    wants = [[float(n), n * 1.5 + n * n] for n in range(1, 7)]
    rows = [({"n": n}, want, wants[max(n - 1, 0)]) for n, want in enumerate(wants)]
    assert of(*rows).name == "state_kept" and "of the case before" in said(*rows)
    rows = [({"n": n}, want, wants[0]) for n, want in enumerate(wants)]
    assert "of the first case" in said(*rows)
    rows[3] = (rows[3][0], rows[3][1], [0.5, 0.25])
    assert of(*rows) is None


def test_an_argument_that_is_changed_beside_right_values_is_said():
    rows = [({"x": x(3)}, n, Outcome(n, changed=("x",))) for n in (1.0, 2.0)]
    assert said(*rows) == "The values are right, but the argument `x` is changed in place."
    rows = [({"x": x(3)}, n, Outcome(n + 1, changed=("x",))) for n in (1.0, 2.0)]
    assert said(*rows) is None


def test_a_few_failing_cases_are_named_by_their_notes():
    right = [({}, n, n, f"case {n}") for n in (1.0, 2.0, 3.0)]
    assert said(*right, ({}, 1.0, 2.2, "a tie")) == "All cases are right but “a tie”."
    assert said(*right[:1], ({}, 1.0, 2.2, "a tie")) is None
    assert said(*right, ({}, 1.0, 1.0, "a tie"), ({}, 1.0, 2.2, "a tie")) is None
