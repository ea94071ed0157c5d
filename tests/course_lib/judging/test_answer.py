"""What counts as an answer to a question: the one rule of the notebook and of grading."""

import numpy as np
import pytest
import torch

from course_lib.judging import wire
from course_lib.judging.answer import read_choice, read_number

CHOICES = ("a", "b", "both")


def as_plain(value):
    """Return a value as a judge meets it."""
    return wire.decode(wire.encode(value))


@pytest.mark.parametrize("value", ["b", "B", " b", "b\n", "\tB ", np.str_("b")])
def test_capitals_and_spaces_do_not_matter_to_a_choice(value):
    assert read_choice(CHOICES, as_plain(value)) == "b"


@pytest.mark.parametrize("value", ["", "c", "ab", "a b", "a)", 1, None, True, ["b"], ("b",), {"b"}, b"b"])
def test_anything_else_is_no_choice(value):
    assert read_choice(CHOICES, as_plain(value)) is None


def test_choices_that_differ_in_capitals_alone_must_be_written_as_they_are():
    assert [read_choice(("a", "A"), value) for value in ("a", "A", " a")] == ["a", "A", None]


NUMBERS = [384, 384.0, "384", " 384.0\n", "3.84e2", np.int16(384), np.float32(384), np.array(384), np.array([384.0])]


@pytest.mark.parametrize("value", [*NUMBERS, torch.tensor(384), torch.tensor([[384.0]]), torch.tensor(384.0).half()])
def test_a_number_is_one_however_it_is_held(value):
    assert read_number(as_plain(value)) == 384


NO_NUMBERS = [True, None, "", "many", "3,84", "nan", "inf", float("nan"), float("-inf"), [384], (384,), b"384"]
NO_TENSORS = [torch.tensor([1, 2]), torch.tensor([]), torch.tensor(True), torch.tensor(1j)]


@pytest.mark.parametrize("value", [*NO_NUMBERS, *NO_TENSORS, "9" * 5000])
def test_anything_else_is_no_number(value):
    assert read_number(as_plain(value)) is None
