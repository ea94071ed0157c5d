"""Estimators from samples against scikit-learn, scipy, and exact means over every sample that could have come."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from course_lib.estimators import (
    chao_shen_entropy,
    miller_madow_entropy,
    missing_mass,
    plug_in_entropy,
    plug_in_mutual_information,
)

P = (0.4, 0.3, 0.2, 0.1)
TRUTH = scipy.stats.entropy(P)
some_counts = st.lists(st.integers(0, 20), min_size=1, max_size=8).filter(any)


def mean_over_all_samples(estimate, n, p=P):
    """The exact mean of an estimate over all samples of size n, each weighted by its multinomial probability."""
    tables = [c for c in itertools.product(range(n + 1), repeat=len(p)) if sum(c) == n]
    weights = torch.from_numpy(scipy.stats.multinomial.pmf(np.array(tables), n, p))
    return (weights * estimate(torch.tensor(tables, dtype=torch.float64))).sum().item()


def chao_shen_in_a_loop(counts):
    n, singles = sum(counts), counts.count(1)
    coverage = 1 - (singles if singles < n else n - 1) / n
    h = 0.0
    for count in counts:
        if count:
            p = coverage * count / n
            h -= p * math.log(p) / (1 - (1 - p) ** n)
    return h


@given(some_counts)
def test_plug_in_entropy_is_scipys_entropy_of_the_counts(counts):
    assert plug_in_entropy(torch.tensor(counts).double()).item() == pytest.approx(scipy.stats.entropy(counts))


@given(some_counts)
def test_chao_shen_agrees_with_a_loop_over_the_outcomes(counts):
    expected = chao_shen_in_a_loop(counts)
    assert chao_shen_entropy(torch.tensor(counts).double()).item() == pytest.approx(expected, abs=1e-12)


@given(some_counts, st.integers(1, 5))
def test_impossible_outcomes_that_were_not_seen_change_nothing(counts, more):
    short, long = torch.tensor(counts), torch.tensor(counts + [0] * more)
    for estimate in (plug_in_entropy, miller_madow_entropy, chao_shen_entropy, missing_mass):
        torch.testing.assert_close(estimate(short), estimate(long))


def test_rows_are_estimated_apart_and_integers_give_float32():
    counts = torch.tensor([[[3, 1, 0], [1, 1, 1]], [[0, 0, 4], [2, 2, 9]]])
    for estimate in (plug_in_entropy, miller_madow_entropy, chao_shen_entropy, missing_mass):
        together = estimate(counts)
        assert together.shape == (2, 2) and together.dtype == torch.float32
        for i, j in itertools.product(range(2), repeat=2):
            torch.testing.assert_close(together[i, j], estimate(counts[i, j]))


def test_the_plug_in_entropy_is_too_low_on_average_by_about_k_minus_1_over_2n():
    biases = {n: mean_over_all_samples(plug_in_entropy, n) - TRUTH for n in (5, 10, 20, 40)}
    assert list(biases.values()) == sorted(biases.values()) and max(biases.values()) < 0
    assert biases[40] == pytest.approx(-3 / 80, rel=0.1)
    assert biases[20] / biases[40] == pytest.approx(2, rel=0.1)


def test_the_correction_leaves_a_bias_that_shrinks_faster():
    left = {n: abs(mean_over_all_samples(miller_madow_entropy, n) - TRUTH) for n in (10, 20, 40)}
    for n, bias in left.items():
        assert bias < abs(mean_over_all_samples(plug_in_entropy, n) - TRUTH) / 2
    assert left[10] / left[20] > 2.5 and left[20] / left[40] > 2.5


def test_chao_shen_is_less_biased_than_the_others_when_most_outcomes_are_unseen():
    generator = torch.Generator().manual_seed(0)
    size, n = 1000, 200
    draws = torch.randint(size, (500, n), generator=generator)
    counts = torch.zeros(500, size, dtype=torch.long).scatter_add_(1, draws, torch.ones_like(draws))
    low, middle, high = (
        estimate(counts).mean().item() for estimate in (plug_in_entropy, miller_madow_entropy, chao_shen_entropy)
    )
    assert low < middle < high
    assert abs(high - math.log(size)) < abs(middle - math.log(size)) / 4


@pytest.mark.parametrize("n", [2, 5, 9])
def test_good_turing_of_n_samples_is_on_average_the_unseen_mass_of_n_minus_1(n):
    unseen = sum(p * (1 - p) ** (n - 1) for p in P)
    assert mean_over_all_samples(missing_mass, n) == pytest.approx(unseen, abs=1e-12)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=40))
def test_mutual_information_agrees_with_scikit_learn(pairs):
    x, y = torch.tensor(pairs).T
    counts = torch.bincount(5 * x + y, minlength=20).view(4, 5)
    got = plug_in_mutual_information(counts.double()).item()
    assert got == pytest.approx(mutual_info_score(x.numpy(), y.numpy()), abs=1e-9)
    torch.testing.assert_close(plug_in_mutual_information(counts.T.double()).item(), got)


def test_mutual_information_is_what_is_left_of_the_entropies():
    counts = torch.randint(9, (3, 4, 5), generator=torch.Generator().manual_seed(0)).double()
    expected = plug_in_entropy(counts.sum(-1)) + plug_in_entropy(counts.sum(-2)) - plug_in_entropy(counts.flatten(-2))
    torch.testing.assert_close(plug_in_mutual_information(counts), expected)


def test_the_mutual_information_of_independent_variables_is_overrated_by_the_degrees_of_freedom_over_2n():
    x, y = (torch.randint(k, (2000, 500), generator=torch.Generator().manual_seed(k)) for k in (3, 4))
    counts = torch.zeros(2000, 12).scatter_add_(1, 4 * x + y, torch.ones(2000, 500)).view(-1, 3, 4)
    assert plug_in_mutual_information(counts).mean().item() == pytest.approx(2 * 3 / 1000, rel=0.1)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: plug_in_entropy(torch.tensor([2, -1])), r"counts must be at least 0 .* got tensor\(\[ 2, -1\]\)"),
        (lambda: miller_madow_entropy(torch.tensor([[1, 2], [0, 0]])), "at least one sample in each row"),
        (lambda: chao_shen_entropy(torch.zeros(3)), "at least one sample"),
        (lambda: missing_mass(torch.tensor(3)), r"shape \(\.\.\., V\)"),
        (lambda: plug_in_mutual_information(torch.tensor([1, 2])), r"shape \(\.\.\., V, W\), got \(2,\)"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
