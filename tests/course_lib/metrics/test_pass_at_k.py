"""pass@k against all choices of k tries, and its bias against a simulation worked out exactly."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.metrics import pass_at_k

tries = st.lists(st.booleans(), min_size=1, max_size=7).flatmap(
    lambda outcomes: st.tuples(st.just(outcomes), st.integers(1, len(outcomes)))
)


@given(tries)
def test_it_is_the_share_of_all_choices_of_k_tries_that_hold_a_success(tried):
    outcomes, k = tried
    choices = list(itertools.combinations(outcomes, k))
    assert pass_at_k(len(outcomes), sum(outcomes), k) == pytest.approx(sum(map(any, choices)) / len(choices))


@pytest.mark.parametrize("p", [0.05, 0.3, 0.9])
@pytest.mark.parametrize("k", [1, 3, 6])
def test_it_is_right_on_average_and_the_popular_formula_is_too_low(p, k):
    n = 6
    chance = [math.comb(n, c) * p**c * (1 - p) ** (n - c) for c in range(n + 1)]
    mean = sum(w * pass_at_k(n, c, k) for c, w in enumerate(chance))
    assert mean == pytest.approx(1 - (1 - p) ** k)
    popular = sum(w * (1 - (1 - c / n) ** k) for c, w in enumerate(chance))
    assert popular == pytest.approx(mean) if k == 1 else popular < mean


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_it_is_the_product_that_the_authors_of_codex_published(case):
    n, c, k = case
    product = 1.0 if n - c < k else 1 - math.prod(1 - k / i for i in range(n - c + 1, n + 1))
    assert pass_at_k(n, c, k) == pytest.approx(product, abs=1e-9)


def test_arguments_that_do_not_fit_are_named():
    for k in (0, 5):
        with pytest.raises(ValueError, match=f"k must be between 1 and n = 4, got {k}"):
            pass_at_k(4, 1, k)
    with pytest.raises(ValueError, match="correct must be between 0 and n = 4, got 5"):
        pass_at_k(4, 5, 1)
