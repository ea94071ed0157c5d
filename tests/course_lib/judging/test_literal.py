"""Values as Python: what is shown can be pasted, and what is left out is said."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from course_lib.judging.literal import brief, literal, short
from course_lib.judging.wire import encode


def pasted(text):
    return eval(text, {"torch": torch})


DTYPES = ["float32", "float64", "float16", "int64", "int32", "bool", "uint8"]


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_a_pasted_tensor_is_the_tensor_bit_by_bit(dtype, data):
    shapes = arrays.array_shapes(min_dims=0, min_side=0, max_side=4)
    array = data.draw(arrays.arrays(dtype, shapes))
    tensor = torch.from_numpy(array.copy())
    back = pasted(literal(tensor))
    assert (back.dtype, back.shape) == (tensor.dtype, tensor.shape)
    assert torch.equal(
        back.nan_to_num(7.0) if back.is_floating_point() else back,
        tensor.nan_to_num(7.0) if back.is_floating_point() else tensor,
    )


def test_bfloat16_comes_back_too():
    tensor = torch.randn(50, generator=torch.Generator().manual_seed(1)).bfloat16()
    assert torch.equal(pasted(literal(tensor)), tensor)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=6) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=9), inner),
)


@given(PLAIN)
def test_pasted_plain_data_is_the_same_data(value):
    assert encode(pasted(literal(value))) == encode(value)


def test_the_literal_of_nested_values_is_laid_out_in_lines():
    value = {"weight": torch.eye(2), "of": [(1,), math.inf]}
    assert literal(value) == (
        "{'weight': torch.tensor([[1.0, 0.0],\n                         [0.0, 1.0]]),\n 'of': [(1,), float(\"inf\")]}"
    )


def test_what_differs_is_marked_below_it():
    assert short(torch.tensor([1.0, 25.0, 3.0]), torch.tensor([1.0, 2.0, 3.0])) == (
        "torch.tensor([ 1.0, 25.0,  3.0])\n#                   ^^^^"
    )
    assert short([1, 2, 3], [1, 5, 3]) == "[1, 2, 3]\n#   ^"
    assert short(torch.tensor([1.0, 2.0]), torch.tensor([5.0, 6.0])) == "torch.tensor([1.0, 2.0])"  # all of them


def test_a_long_tensor_is_shortened_around_the_difference_and_says_so():
    want = torch.arange(400.0).reshape(4, 100)
    have = want.clone()
    have[2, 50] = -1
    text = short(have, want)
    assert text.startswith("# [1:4, 47:54] of shape (4, 100); 379 numbers are left out\n")
    assert torch.equal(pasted(text), have[1:4, 47:54]) and "^" in text
    assert torch.equal(pasted(short(want, have)), want[1:4, 47:54])


def test_a_long_list_is_shortened_around_the_difference_and_says_so():
    want, have = list(range(300)), [*range(200), 0, *range(201, 300)]
    assert short(have, want) == "# items 197 to 203 of 300; 293 are left out\n[197, 198, 199, 0, 201, 202, 203]"
    assert "[197, 198, 199, 200, 201, 202, 203]" in short(want, have)


def test_of_a_long_dict_the_entries_that_differ_are_shown():
    want = {"a": torch.zeros(30), "b": torch.ones(30), "c": 1}
    have = want | {"b": torch.ones(30).index_fill(0, torch.tensor([9]), 5.0)}
    text = short(have, want)
    assert text.startswith("# 'b'\n# [6:13] of shape (30,); 23 numbers are left out\n")
    assert text.endswith("# 2 more of 3 entries are left out")


def test_a_long_text_is_shortened_around_the_difference():
    want, have = "x" * 500, "x" * 400 + "y" + "x" * 99
    assert "y" in short(have, want) and len(short(have, want)) < 120


@given(PLAIN, PLAIN)
def test_any_value_beside_any_other_is_shown_briefly(value, other):
    assert len(short(value, other)) < 3_000


def test_of_the_weights_of_a_model_their_size_is_shown():
    weights = {"weight": torch.zeros(8, 8), "bias": torch.zeros(8)}
    assert brief(weights) == "{...}  # 2 entries with 72 numbers are left out"
    assert brief({"n": 3}) == "{'n': 3}"
