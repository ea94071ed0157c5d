"""Accuracy, confusion, precision, recall and F1 equal scikit-learn's."""

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.metrics import accuracy, confusion_matrix, precision_recall_f1, token_accuracy

V = 4
pairs = st.lists(st.tuples(st.integers(0, V - 1), st.integers(0, V - 1)), min_size=1, max_size=30)


def two_columns(pairs):
    predictions, targets = torch.tensor(pairs).T
    return predictions, targets


@given(pairs)
def test_accuracy_and_confusion_are_scikit_learns(pairs):
    predictions, targets = two_columns(pairs)
    assert accuracy(predictions, targets).item() == pytest.approx(sklearn.metrics.accuracy_score(targets, predictions))
    expected = sklearn.metrics.confusion_matrix(targets, predictions, labels=range(V))
    assert confusion_matrix(predictions, targets, V).tolist() == expected.tolist()


@given(pairs, st.sampled_from([None, "macro", "micro"]))
def test_precision_recall_and_f1_are_scikit_learns_also_for_classes_that_never_occur(pairs, average):
    predictions, targets = two_columns(pairs)
    *expected, _ = sklearn.metrics.precision_recall_fscore_support(
        targets, predictions, labels=range(V), average=average, zero_division=0
    )
    for got, want in zip(precision_recall_f1(predictions, targets, V, average), expected):
        np.testing.assert_allclose(got.numpy(), want, atol=1e-6)


@given(pairs)
def test_micro_averages_are_the_accuracy(pairs):
    predictions, targets = two_columns(pairs)
    for score in precision_recall_f1(predictions, targets, V, "micro"):
        torch.testing.assert_close(score, accuracy(predictions, targets))


def test_padding_counts_neither_for_nor_against_and_long_rows_weigh_more():
    targets = torch.tensor([[5, 6, 7, 8], [5, 0, 0, 0]])
    right, wrong = targets.clone(), targets.clone()
    right[1, 1:] = 3  # what is predicted where there is padding does not matter
    assert token_accuracy(right, targets) == 1
    wrong[1, 0] = 9
    assert token_accuracy(wrong, targets).item() == pytest.approx(4 / 5)
    assert token_accuracy(torch.zeros_like(targets), targets) == 0
    torch.testing.assert_close(token_accuracy(right, targets, pad_id=-100), accuracy(right, targets))


def test_any_shape_will_do():
    predictions, targets = torch.randint(V, (2, 3, 4, 5), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(accuracy(predictions, targets), accuracy(predictions.flatten(), targets.flatten()))
    assert confusion_matrix(predictions, targets, V).sum() == 60


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: accuracy(x, x[:2]), r"same shape .* got \(3,\) and \(2,\)"),
        (lambda x: accuracy(x[:0], x[:0]), "at least one id"),
        (lambda x: accuracy(x[:, None], x), r"got \(3, 1\) and \(3,\)"),
        (lambda x: token_accuracy(x, 0 * x), "a token other than pad_id = 0"),
        (lambda x: confusion_matrix(x, x, 2), r"predictions must lie in \[0, 2\), got 0 to 2"),
        (lambda x: confusion_matrix(x, x - 1, 3), r"targets must lie in \[0, 3\), got -1 to 1"),
        (
            lambda x: precision_recall_f1(x, x, 3, "weighted"),
            "average must be None, 'macro' or 'micro', got 'weighted'",
        ),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.arange(3))
