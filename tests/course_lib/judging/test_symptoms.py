"""Symptoms: each rule says what is true of all failing cases, and nothing where it is not."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.judging.case import Case, Outcome
from course_lib.judging.symptoms import symptom_of

GENERATOR = torch.Generator().manual_seed(7)
X = [torch.randn(n, 4, generator=GENERATOR) for n in (2, 3, 5)]
SHARES = [x.softmax(-1) for x in X]


def failing(wants, haves, arguments=None):
    arguments = arguments or [{} for _ in wants]
    return [(Case(a), Outcome(w), Outcome(h)) for a, w, h in zip(arguments, wants, haves)]


def name_of(wants, haves, arguments=None):
    symptom = symptom_of(failing(wants, haves, arguments))
    return symptom.name if symptom else None


SLIPS = {
    "scaled": lambda x: x / math.log(2),
    "opposite_sign": lambda x: -x,
    "sign_lost": lambda x: x.abs(),
    "exponential": lambda x: x.exp(),
    "squared": lambda x: x.square(),
    "complement": lambda x: 1 - x,
    "rounded": lambda x: (3 * x).round(),
    "shifted": lambda x: x + 0.25,
    "transposed": lambda x: x.mT,
    "reversed": lambda x: x.flip(-1),
    "reversed_rows": lambda x: x.flip(0),
    "moved_on": lambda x: x.roll(1, -1),
    "moved_back": lambda x: x.roll(-1, -1),
    "sorted": lambda x: x.sort(-1).values,
    "not_finite": lambda x: torch.where(x == x.max(), torch.nan, x),
}


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_named_by_what_it_does_to_all_values(name):
    wants = [3 * x for x in X] if name == "rounded" else X
    assert name_of(wants, [SLIPS[name](x) for x in X]) == name


@pytest.mark.parametrize("name", SLIPS)
def test_what_does_not_hold_in_every_failing_case_is_not_said(name):
    wants = [3 * x for x in X] if name == "rounded" else X
    haves = [SLIPS[name](x) for x in X]
    haves[1] = haves[1] + torch.randn(haves[1].shape, generator=GENERATOR)
    assert name_of(wants, haves) is None


@pytest.mark.parametrize(
    "name", ["scaled", "opposite_sign", "sign_lost", "exponential", "squared", "complement", "shifted"]
)
def test_numbers_inside_lists_and_dicts_are_seen_too(name):
    haves = [{"a": [SLIPS[name](x).tolist()]} for x in X]
    assert name_of([{"a": [x.tolist()]} for x in X], haves) == name


def test_the_factor_is_said_with_its_number():
    said = symptom_of(failing(X, [x / math.log(2) for x in X])).sentence
    assert "× 1.443 = 1 / ln 2" in said


def test_a_sum_for_a_mean_needs_cases_of_different_size():
    arguments = [{"losses": x} for x in X]
    wants = [x.mean(0) for x in X]
    assert name_of(wants, [x.sum(0) for x in X], arguments) == "sum_for_mean"
    assert name_of([x.sum(0) for x in X], wants, arguments) == "mean_for_sum"
    rows = [torch.randn(2, n, 4, generator=GENERATOR) for n in (2, 3, 5)]
    losses = [x.logsumexp(-1).mean() for x in rows]
    sums = [x.logsumexp(-1).sum() for x in rows]
    assert "the number of rows of `logits`" in symptom_of(failing(losses, sums, [{"logits": x} for x in rows])).sentence
    assert name_of(wants[:1] * 3, [X[0].sum(0)] * 3, arguments[:1] * 3) == "scaled"


def test_a_factor_that_one_number_alone_shows_is_not_said():
    assert name_of([2.0, 2.0, 2.0, 2.0], [3.0, 3.0, 3.0, 3.0]) is None
    assert name_of([2.0, 4.0, 8.0], [3.0, 6.0, 12.0]) == "scaled"


def test_right_values_of_another_type_or_shape():
    assert name_of(X, [x.double() for x in X]) == "other_type"
    assert name_of(X, [x.unsqueeze(0) for x in X]) == "other_shape"
    assert name_of(X, [x.reshape(-1) for x in X]) == "other_shape"


def test_softmax_over_the_other_dimension():
    assert name_of(SHARES, [x.softmax(0) for x in X]) == "normalised_elsewhere"


def test_true_and_false_exchanged():
    masks = [torch.ones(n, n, dtype=torch.bool).tril() for n in (2, 3, 5)]
    assert name_of(masks, [~mask for mask in masks]) == "inverted"
    assert name_of(masks, [mask.mT for mask in masks]) == "transposed"


LISTS = [[5, 1, 4, 2], ["b", "a", "d", "c"], [9, 8, 11]]


@pytest.mark.parametrize(
    ("name", "slip"),
    [
        ("reversed", lambda x: x[::-1]),
        ("sorted", sorted),
        ("last_lost", lambda x: x[:-1]),
        ("first_lost", lambda x: x[1:]),
        ("last_extra", lambda x: [*x, 0]),
        ("first_extra", lambda x: [0, *x]),
        ("moved_on", lambda x: x[-1:] + x[:-1]),
        ("moved_back", lambda x: x[1:] + x[:1]),
        ("other_order", lambda x: [x[1], x[0], *x[2:]]),
    ],
)
def test_the_items_of_a_list_at_other_places(name, slip):
    assert name_of(LISTS, [slip(list(x)) for x in LISTS]) == name


def test_an_argument_that_comes_back():
    assert name_of([x * x - 3 for x in X], X, [{"x": x} for x in X]) == "argument_returned"


def test_the_same_in_every_case():
    assert name_of([1.0, 2.0, 5.0, 7.5], [0.125] * 4) == "constant"


def test_some_parts_of_a_result_are_right():
    wants = [{"output": x, "grad": x.cos()} for x in X]
    haves = [{"output": x, "grad": torch.randn(x.shape, generator=GENERATOR)} for x in X]
    symptom = symptom_of(failing(wants, haves))
    assert symptom.name == "parts_wrong" and symptom.sentence == "Right in every case: `output`. Not right: `grad`."


def test_a_missing_error_hides_no_other_slip_and_an_error_hides_all():
    missing = (Case({}), Outcome(raised=("ValueError", "Exception")), Outcome(1.0))
    slip = failing(X, [x * 3 for x in X])
    assert symptom_of([missing, *slip]).name == "scaled"
    assert symptom_of([missing]) is None
    assert symptom_of([*slip, (Case({}), Outcome(1.0), Outcome(raised=("KeyError",)))]) is None


def test_a_large_result_is_not_looked_at():
    large = torch.randn(150, 150, generator=GENERATOR)
    assert name_of([large] * 3, [large * 2] * 3) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES), max_size=4))
def test_whatever_comes_back_is_met_without_an_error(pairs):
    wants, haves = [want for want, _ in pairs], [have for _, have in pairs]
    symptom = symptom_of(failing(wants, haves, [{"x": have} for have in haves]))
    assert symptom is None or (symptom.name and symptom.sentence.endswith((".", "?")))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.floats(-10, 10), min_size=4, max_size=4), min_size=3, max_size=3), st.integers(0, 10**6))
def test_noise_has_no_symptom(rows, seed):
    wants = [torch.tensor(row, dtype=torch.float64) for row in rows]
    noise = torch.Generator().manual_seed(seed)
    haves = [want + 1 + torch.rand(4, generator=noise, dtype=torch.float64) for want in wants]
    assert name_of(wants, haves) is None
