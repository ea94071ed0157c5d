"""Accuracy equals scikit-learn's."""

import pytest
import sklearn.metrics
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.metrics import accuracy


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_accuracy_is_scikit_learns(pairs):
    predictions, targets = torch.tensor(pairs).T
    assert accuracy(predictions, targets).item() == pytest.approx(sklearn.metrics.accuracy_score(targets, predictions))


def test_any_shape_will_do():
    predictions, targets = torch.randint(4, (2, 3, 4, 5), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(accuracy(predictions, targets), accuracy(predictions.flatten(), targets.flatten()))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: accuracy(x, x[:2]), r"same shape .* got \(3,\) and \(2,\)"),
        (lambda x: accuracy(x[:0], x[:0]), "at least one id"),
        (lambda x: accuracy(x[:, None], x), r"got \(3, 1\) and \(3,\)"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.arange(3))
