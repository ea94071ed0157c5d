"""Plain data on the wire: what goes in comes out, and nothing else comes out of anything."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.judging import wire
from course_lib.judging.case import Outcome
from course_lib.judging.wire import WireError, decode, encode

finite = st.floats(allow_nan=False)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**200), 2**200) | finite | st.text(max_size=8) | st.binary(max_size=8)
)
keys = st.integers(-5, 5) | st.text(max_size=3)
plain = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
        | st.sets(st.integers(0, 9), max_size=4)
    ),
    max_leaves=12,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["tensor", "float", "tuple", "set", "dict", "bytes", "x"]), inner, max_size=2)
    ),
    max_leaves=10,
)


def through(value):
    """Return the value after the journey, JSON text included."""
    return decode(json.loads(json.dumps(encode(value))))


@given(plain)
def test_plain_data_comes_back_as_it_was(value):
    back = through(value)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("name", wire.DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_a_tensor_of_every_dtype_comes_back_bit_by_bit(name, shape):
    generator = torch.Generator().manual_seed(0)
    tensor = (100 * torch.rand(shape, generator=generator)).to(wire.DTYPES[name])
    back = through(tensor)
    assert back.dtype == tensor.dtype
    assert back.shape == tensor.shape
    assert torch.equal(back, tensor)


def test_nan_and_infinities_survive_as_numbers_and_in_tensors():
    assert math.isnan(through(math.nan))
    assert [through(math.inf), through(-math.inf)] == [math.inf, -math.inf]
    back = through(torch.tensor([math.nan, math.inf, -math.inf], dtype=torch.bfloat16))
    assert back[0].isnan() and back[1:].tolist() == [math.inf, -math.inf]


def test_views_transposes_and_conjugates_come_back_as_they_look():
    tensor = torch.arange(6.0).reshape(2, 3)
    assert torch.equal(through(tensor.T), tensor.T)
    assert torch.equal(through(tensor[:, ::2]), tensor[:, ::2])
    assert torch.equal(through(torch.tensor([1 + 2j]).conj()), torch.tensor([1 - 2j]))


def test_a_result_with_a_gradient_comes_back_without_one():
    back = through(torch.ones(2, requires_grad=True) * 2)
    assert back.tolist() == [2.0, 2.0] and not back.requires_grad


def test_numpy_values_become_tensors_and_python_numbers():
    assert torch.equal(through(np.array([[1.0, 2.0]])), torch.tensor([[1.0, 2.0]], dtype=torch.float64))
    assert through([np.float32(0.5), np.int64(3), np.bool_(True)]) == [0.5, 3, True]
    assert type(through(np.bool_(True))) is bool


def test_the_decoded_tensor_can_be_written_to_and_shares_nothing():
    tensor = torch.zeros(3)
    back = through(tensor)
    back += 1
    assert tensor.sum() == 0


@pytest.mark.parametrize(
    "value",
    [
        object(),
        lambda: 0,
        torch.nn.Linear(1, 1),
        iter([]),
        1j,
        [object()],
        {"x": object()},
        np.array(["a"]),
        np.array([object()]),
        torch.eye(2).to_sparse(),
        torch.empty(2, device="meta"),
        2**5000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain_data_is_refused(value):
    with pytest.raises(WireError):
        encode(value)


def test_deep_and_cyclic_values_are_refused():
    cyclic = []
    cyclic.append(cyclic)
    with pytest.raises(WireError, match="deep"):
        encode(cyclic)
    deep = 0
    for _ in range(wire.MAX_DEPTH + 2):
        deep = [deep]
    with pytest.raises(WireError, match="deep"):
        encode(deep)
    with pytest.raises(WireError, match="deep"):
        decode(deep)


def test_a_document_deeper_than_python_can_follow_is_refused():
    deep = 0
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(WireError):
        decode(deep)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"a": 1, "b": 2},
        {"unknown": 1},
        {"float": "1.0"},
        {"float": 1.0},
        {"float": ["nan"]},
        {"bytes": 3},
        {"bytes": "é"},
        {"bytes": "abc"},
        {"tuple": 3},
        {"tuple": "ab"},
        {"set": [[1]]},
        {"set": [{"dict": []}]},
        {"dict": {}},
        {"dict": [1]},
        {"dict": ["ab"]},
        {"dict": [{"tuple": [1, 2]}]},
        {"dict": [[1]]},
        {"dict": [[1, 2, 3]]},
        {"dict": [[[1], 2]]},
        {"tensor": []},
        {"tensor": "float32"},
        {"tensor": ["float31", [], ""]},
        {"tensor": [["float32"], [], ""]},
        {"tensor": ["object", [], ""]},
        {"tensor": ["float32", 1, "AAAAAA=="]},
        {"tensor": ["float32", [1.0], "AAAAAA=="]},
        {"tensor": ["float32", [True], "AAAAAA=="]},
        {"tensor": ["float32", [-1, -1], "AAAAAA=="]},
        {"tensor": ["float32", [2], "AAAAAA=="]},
        {"tensor": ["float32", [1], "AAAA"]},
        {"tensor": ["float32", [1], "!!!!"]},
        {"tensor": ["float32", [1], None]},
        {"tensor": ["float32", [2**31], ""]},
        {"tensor": ["float32", [2**31 - 1] * 7 + [0], ""]},
        {"tensor": ["float32", [1] * 9, "AAAAAA=="]},
        {"tensor": ["float32", [0] * 9, ""]},
        2**5000,
        [2**5000],
    ],
    ids=lambda document: repr(document)[:40] if not isinstance(document, int) else "a huge integer",
)
def test_a_malformed_document_is_refused(document):
    with pytest.raises(WireError):
        decode(document)


def test_more_values_than_the_limit_are_refused(monkeypatch):
    monkeypatch.setattr(wire, "MAX_NODES", 10)
    assert decode([0] * 9) == [0] * 9
    with pytest.raises(WireError, match="more than 10"):
        decode([0] * 10)


def test_keys_that_were_chosen_to_collide_are_refused():
    modulus = 2**61 - 1  # of Python's hash of integers
    colliding = [number * modulus for number in range(1, 200)]
    assert len({hash(key) for key in colliding}) == 1
    with pytest.raises(WireError):
        decode({"dict": [[key, 0] for key in colliding]})
    with pytest.raises(WireError):
        decode({"set": colliding})
    assert len(decode({"set": list(range(5000))})) == 5000


def test_the_bytes_of_a_boolean_tensor_become_true_and_false():
    strange = {"tensor": ["bool", [3], "AAL/"]}  # 0, 2, 255
    assert decode(strange).tolist() == [False, True, True]
    assert decode(strange).sum() == 2


@settings(max_examples=400)
@given(json_values)
def test_any_json_gives_a_value_or_a_wire_error_and_nothing_else(document):
    try:
        encode(decode(document))
    except WireError:
        pass


@settings(max_examples=300)
@given(st.data())
def test_a_mutated_document_gives_a_value_or_a_wire_error_and_nothing_else(data):
    value = {"x": torch.arange(3.0), "y": (1, [2.5, {3}], "text"), "z": torch.tensor(True), "n": math.nan}
    text = json.dumps(encode(value))
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start, min(len(text), start + 6)))
    mutated = text[:start] + data.draw(st.text('[]{}",:0129-eE.ntxA=/', max_size=4)) + text[end:]
    try:
        document = json.loads(mutated)
    except ValueError:
        return
    try:
        decode(document)
    except WireError:
        pass


outcome_documents = st.fixed_dictionaries(
    {"value": json_values, "raised": json_values, "changed": json_values, "complaint": json_values}
)


@settings(max_examples=300)
@given(outcome_documents | json_values)
def test_any_reply_gives_an_outcome_or_a_wire_error_and_nothing_else(document):
    try:
        outcome = Outcome.from_document(document)
    except WireError:
        return
    assert all(isinstance(name, str) for name in outcome.raised + outcome.changed)
    assert isinstance(outcome.complaint, str)


def test_an_outcome_comes_back_as_it_was_with_a_bounded_complaint():
    outcome = Outcome(1.5, ("ValueError", "Exception"), ("x",), "because")
    back = Outcome.from_document(json.loads(json.dumps(outcome.to_document())))
    assert vars(back) == vars(outcome)
    long = Outcome(complaint="x" * 100_000).to_document()
    assert len(Outcome.from_document(long).complaint) == 8000


@pytest.mark.parametrize(
    "change",
    [
        {"raised": ["x"] * 101},
        {"raised": ["x" * 200]},
        {"raised": "ValueError"},
        {"changed": [3]},
        {"complaint": None},
        {"points": 10},
    ],
    ids=str,
)
def test_a_reply_with_something_odd_in_it_is_no_outcome(change):
    with pytest.raises(WireError):
        Outcome.from_document(Outcome(1).to_document() | change)


# ---- objects that lie about themselves


class LyingText(str):
    def __str__(self):
        return LyingText("right")

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


class LyingTensor(torch.Tensor):
    shape = property(lambda self: torch.Size([3]))

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return torch.ones(3)

    def detach(self):
        return torch.ones(3)

    reshape = view = contiguous = detach


class LyingFloat(float):
    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


class LyingList(list):
    def __eq__(self, other):
        return True


class LyingClass:
    __class__ = bool

    def __eq__(self, other):
        return True


def test_of_an_object_that_lies_the_plain_value_is_left_and_no_subclass():
    assert type(wire.plain(LyingText("wrong"))) is str and wire.plain(LyingText("wrong")) == "wrong"
    assert type(wire.plain(LyingFloat(0.5))) is float and wire.plain(LyingFloat(0.5)) != 1.0
    assert type(wire.plain(LyingList([1]))) is list and wire.plain(LyingList([1])) != [2]
    tensor = wire.plain(torch.zeros(2, 2).as_subclass(LyingTensor))
    assert type(tensor) is torch.Tensor and tensor.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_an_object_with_anothers_class_is_not_plain():
    with pytest.raises(WireError):
        wire.plain(LyingClass())
