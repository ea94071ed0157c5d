"""The default judge: what counts as the same, and what it says when something differs."""

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from course_lib.judging.compare import compare


def tensor(*values, dtype=torch.float32):
    return torch.tensor(values, dtype=dtype)


@given(arrays.arrays("float32", arrays.array_shapes(min_dims=0, min_side=0, max_side=3)))
def test_a_tensor_is_as_good_as_itself_whatever_is_in_it(array):
    value = torch.from_numpy(array.copy())
    assert compare(value, value.clone()) is True


@given(st.floats(), st.floats())
def test_numbers_and_tensors_without_dimensions_are_judged_alike(a, b):
    as_numbers = compare(a, b) is True
    double = torch.float64
    assert (compare(torch.tensor(a, dtype=double), torch.tensor(b, dtype=double)) is True) == as_numbers
    assert (compare(a, torch.tensor(b, dtype=double)) is True) == as_numbers
    assert (compare(torch.tensor(a, dtype=double), b) is True) == as_numbers


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_numbers_agree_as_math_isclose_says_for_a_tolerance_on_the_expected_one(expected, got):
    agree = expected == got or (math.isfinite(expected) and abs(got - expected) <= 1e-6 + 1e-4 * abs(expected))
    assert (compare(expected, got) is True) == agree


@given(st.integers(), st.integers())
def test_whole_numbers_must_be_equal(a, b):
    assert (compare(a, b) is True) == (a == b)


def test_token_ids_that_are_near_are_not_right():
    assert compare(torch.tensor([50_000]), torch.tensor([50_003])) is not True
    assert compare(torch.tensor([2**62]), torch.tensor([2**62 + 1])) == (
        f"The result is {float(2**62):.6g} at [0]; {float(2**62):.6g} was expected."
    )
    assert compare(torch.tensor([True, False]), torch.tensor([True, True])) == (
        "The result is True at [1]; False was expected (1 of 2 values differ)."
    )


def test_a_tolerance_that_is_asked_for_holds_for_whole_numbers_too():
    assert compare(1000, 1001, rtol=1e-2) is True
    assert compare(torch.tensor([1000]), torch.tensor([1001]), rtol=1e-2) is True


def test_a_finite_number_is_not_as_good_as_infinity():
    assert compare(math.inf, 5.0) == "The result is 5; inf was expected."
    assert compare(math.inf, math.inf) is True
    assert compare(math.inf, -math.inf) is not True
    assert compare(tensor(math.inf), tensor(5.0)) is not True


def test_numbers_too_large_for_a_float_are_judged():
    assert compare(1.0, 10**400) is not True
    assert compare(torch.tensor(1), 10**30) is not True
    assert compare(torch.tensor(1.0), 10**400) is not True
    assert compare(10**400, 10**400) is True


@pytest.mark.parametrize(
    ("expected", "got", "sentence"),
    [
        (torch.zeros(2, 3), torch.zeros(3, 2), "The result has shape (3, 2); (2, 3) was expected."),
        (torch.zeros(2), torch.zeros(2).long(), "The result holds integers; floating-point numbers were expected."),
        (torch.zeros(2).bool(), torch.zeros(2), "The result holds floating-point numbers; booleans were expected."),
        (tensor(1.0), None, "The result is None (is a `return` missing?); a tensor of shape (1,) was expected."),
        (tensor(1.0, 2.0), tensor(1.0, 2.5), "The result is 2.5 at [1]; 2 was expected (1 of 2 values differ)."),
        (tensor(1.0), tensor(math.nan), "The result has a nan at [0]; 1 was expected."),
        (torch.tensor(1.0), torch.tensor(2.0), "The result is 2; 1 was expected."),
        (1.5, "1.5", "The result is text; a number was expected."),
        (1, True, "The result is True or False; a number was expected."),
        (True, 1, "The result is a number; True or False was expected."),
        ("cat", "dog", "The result is 'dog'; 'cat' was expected."),
        ([1, 2], [1], "The result has 1 items; 2 were expected."),
        ([1, 2], torch.tensor([1, 2]), "The result is a tensor of shape (2,); a list of 2 was expected."),
        ((1, (2, 3.0)), [1, [2, 4.0]], "Item 1, item 1 is 4; 3 was expected."),
        ({"a": 1, "b": 2}, {"a": 1}, "The result lacks the key 'b'."),
        ({"a": 1}, {"a": 1, "b": 2}, "The result has a key too many: 'b'."),
        ({"w": [tensor(0.0)]}, {"w": [tensor(1.0)]}, "`w`, item 0 is 1 at [0]; 0 was expected."),
        ({"a": 1}, [1], "The result is a list of 1; a dict was expected."),
        ({1, 2}, {1, 3}, "The result is {1, 3}; {1, 2} was expected."),
    ],
)
def test_what_differs_is_said_in_one_sentence(expected, got, sentence):
    assert compare(expected, got) == sentence


def test_shape_comes_before_kind_and_kind_before_values():
    assert "shape" in compare(torch.zeros(2), torch.ones(3).long())
    assert "holds" in compare(torch.zeros(2), torch.ones(2).long())


def test_lists_and_tuples_are_one_structure():
    assert compare((1, [2]), [1, (2,)]) is True


def test_single_and_double_precision_are_one_kind():
    assert compare(torch.ones(2), torch.ones(2, dtype=torch.float64)) is True
    assert compare(torch.ones(2).long(), torch.ones(2, dtype=torch.int32)) is True


HALVES = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])


@HALVES
def test_half_precision_needs_two_digits(dtype):
    expected = tensor(1.0, 100.0)
    assert compare(expected.to(dtype), (expected * 1.005).to(dtype)) is True
    assert compare(expected, expected * 1.005) is not True
    assert compare(expected.to(dtype), (expected * 1.05).to(dtype)) is not True


@HALVES
def test_half_precision_must_come_back_where_it_is_expected_and_only_there(dtype):
    name, single = str(dtype).removeprefix("torch."), tensor(1.0)
    assert compare(single.to(dtype), single) == f"The result has the dtype float32; {name} was expected."
    assert compare(single, single.to(dtype)) == f"The result has the dtype {name}; float32 was expected."
    assert compare(single.to(dtype), single.double()) is not True
    assert compare(torch.tensor(0.5, dtype=dtype), 0.5) is True


def test_nan_is_right_where_it_is_expected_and_only_there():
    expected = tensor(math.nan, 1.0)
    assert compare(expected, tensor(math.nan, 1.0)) is True
    assert compare(expected, tensor(1.0, math.nan)) is not True
    assert compare(math.nan, math.nan) is True
    assert compare(math.nan, 1.0) is not True


def test_the_largest_difference_is_the_one_that_is_told():
    assert "at [1, 0]" in compare(torch.zeros(2, 2), torch.tensor([[0.1, 0.2], [9.0, 0.0]]))


@given(st.recursive(st.integers() | st.floats() | st.text() | st.none(), lambda x: st.lists(x) | st.tuples(x, x)))
def test_anything_plain_is_as_good_as_itself_and_never_as_something_longer(value):
    assert compare(value, value) is True
    assert compare([value], [value, value]) is not True


# ---- a sum that cancelled


def test_a_small_number_among_large_ones_may_be_off_by_a_few_roundings_of_those():
    expected = tensor(150.0, 0.9, -0.0038)
    assert compare(expected, expected + tensor(0.0, 1.2e-4, -2e-5)) is True
    assert compare(expected, expected + tensor(0.0, 0.0, 5e-4)) is not True
    assert compare(tensor(1.0, 0.9, -0.0038), tensor(1.0, 0.9, -0.0039)) is not True


def test_a_number_that_stands_for_minus_infinity_makes_no_room_for_the_others():
    assert compare(tensor(-1e9, 1.0), tensor(-1e9, 1.003)) is not True


@given(st.integers(0, 2**31), st.sampled_from([4, 64, 512]))
def test_a_gradient_agrees_with_the_same_gradient_by_another_road(seed, size):
    rows = torch.randn(size, 8, generator=torch.Generator().manual_seed(seed))
    errors = rows.flip(0).roll(1, 1)
    one_product = rows.T @ errors
    summed = torch.stack([torch.outer(row, error) for row, error in zip(rows, errors)]).sum(0)
    halves = rows[::2].T @ errors[::2] + rows[1::2].T @ errors[1::2]
    assert compare(one_product, summed) is True
    assert compare(one_product, halves) is True


def test_the_first_wrong_answer_imports_nothing_heavy():
    program = "import sys, torch; from course_lib.judging.compare import compare; "
    program += "print(compare(torch.zeros(2, 2), torch.ones(2, 2)), 'sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "The result is 1 at [0, 0]; 0 was expected (4 of 4 values differ). False\n"
