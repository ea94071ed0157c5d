"""A tensor that a case file holds again is written once, and read where it was."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.judging import wire
from course_lib.judging.shared_tensors import pack, unpack

LARGE = [wire.encode(torch.randn(20, generator=torch.Generator().manual_seed(n))) for n in range(3)]
SMALL = wire.encode(torch.tensor(1.0))
leaves = st.sampled_from([*LARGE, SMALL, 1, "text", None, 2.5])
documents = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner))


@given(documents)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_document_comes_back_as_it_was_and_no_tensor_is_written_twice(document):
    packed, tensors = pack(document)
    assert unpack(json.loads(json.dumps(packed)), tensors) == document
    text = json.dumps([packed, tensors])
    assert all(text.count(json.dumps(tensor)) <= 1 for tensor in LARGE)


def test_what_comes_once_or_is_short_stays_where_it_is():
    packed, tensors = pack([LARGE[0], SMALL, SMALL])
    assert packed == [LARGE[0], SMALL, SMALL] and tensors == []


@pytest.mark.parametrize("reference", [7, "a", None])
def test_a_reference_that_leads_nowhere_is_an_error(reference):
    with pytest.raises((LookupError, TypeError)):
        unpack([{"shared": reference}], LARGE)
