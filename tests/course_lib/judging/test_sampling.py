"""Judges for what is random: right samplers pass however they draw, wrong ones and forgeries do not."""

import math

import pytest
import torch

from course_lib.judging.random_inputs import generator, random_distributions
from course_lib.judging.sampling import judge_counts, judge_draws, judge_entries, judge_spread

P = torch.tensor([0.5, 0.3, 0.2, 0.0])
INF, NAN = math.inf, math.nan


def draw(probs, n, seed):
    return torch.multinomial(probs, n, replacement=True, generator=generator(seed))


def count(probs, n, seed):
    return torch.bincount(draw(probs, n, seed), minlength=len(probs))


# ---- draws from a known distribution


@pytest.mark.parametrize("n", [1, 10, 4000])
@pytest.mark.parametrize("seed", range(50))
def test_draws_pass_whatever_the_seed_and_the_rarest_outcome(n, seed):
    rare = torch.cat([random_distributions(seed, 6), torch.tensor([1e-4])])
    assert judge_draws(P, n, draw(P, n, seed)) is True
    assert judge_draws(rare, n, draw(rare, n, seed)) is True


def test_draws_from_another_distribution_do_not_pass():
    other = torch.tensor([0.4, 0.4, 0.2, 0.0])
    assert judge_draws(P, 4000, draw(other, 4000, 1)) != True  # noqa: E712 - a sentence is true, too
    assert "about 2000 were expected" in judge_draws(P, 4000, torch.zeros(4000, dtype=torch.int64))


def test_an_outcome_of_probability_zero_is_never_drawn():
    draws = draw(P, 4000, 1)
    draws[0] = 3
    assert judge_draws(P, 4000, draws) != True  # noqa: E712


def test_a_distribution_with_one_outcome_has_one_right_sample():
    sure = torch.tensor([1.0])
    assert judge_draws(sure, 5, torch.zeros(5, dtype=torch.int64)) is True


@pytest.mark.parametrize(
    "forged",
    [
        None,
        "draws",
        [0] * 4000,
        draw(P, 3999, 1),
        draw(P, 8000, 1),
        draw(P, 4000, 1)[None],
        draw(P, 4000, 1).float(),
        draw(P, 4000, 1) > 0,
        torch.full((4000,), NAN),
        draw(P, 4000, 1) - 1,
        draw(P, 4000, 1) + 2,
    ],
)
def test_what_are_no_draws_of_that_number_and_range_is_refused_in_a_sentence(forged):
    assert judge_draws(P, 4000, forged).endswith("expected.") or "were expected" in judge_draws(P, 4000, forged)


# ---- counts


@pytest.mark.parametrize("seed", range(100))
def test_counts_of_two_right_samplers_agree(seed):
    probs = random_distributions(seed, 20)
    assert judge_counts(count(probs, 3000, seed), count(probs, 3000, seed + 1000)) is True


def test_counts_of_another_distribution_do_not_agree():
    said = judge_counts(count(P, 4000, 1), count(torch.tensor([0.4, 0.4, 0.2, 0.0]), 4000, 2), "`counts`")
    assert said.startswith("In `counts`, the counts are [")


def test_every_row_is_judged_by_itself():
    both = torch.stack([count(P, 4000, 1), count(P.flip(0), 4000, 2)])
    assert judge_counts(both, torch.stack([count(P, 4000, 3), count(P.flip(0), 4000, 4)])) is True
    assert "row 1" in judge_counts(both, torch.stack([count(P, 4000, 3), count(P, 4000, 4)]))


@pytest.mark.parametrize(
    "forged",
    [
        None,
        "counts",
        [2000, 1200, 800, 0],
        torch.tensor([2000.0, 1200.0, 800.0, 0.0]),
        torch.tensor([1e-6, 1e-6, 1e-6, 1e-6]),
        torch.full((4,), NAN),
        torch.tensor([INF, -INF, 0, 0]),
        torch.tensor([2000, 1200, 799, 0]),
        torch.tensor([4000, 2400, 1600, 0]),
        torch.tensor([2001, 1200, 800, -1]),
        torch.tensor([2000, 1200, 800]),
        torch.tensor([[2000, 1200, 800, 0]]),
        torch.tensor([True, True, True, False]),
        torch.zeros(4, dtype=torch.int64),
    ],
)
def test_what_are_no_counts_of_that_many_draws_is_refused(forged):
    assert isinstance(judge_counts(count(P, 4000, 1), forged), str)


# ---- spreads


def measured(n, seed, mean=0.0, std=0.02):
    numbers = mean + std * torch.randn(n, generator=generator(seed))
    return {"mean": numbers.mean().item(), "std": numbers.std().item()}


@pytest.mark.parametrize("seed", range(50))
def test_spreads_of_two_samples_of_one_normal_distribution_agree(seed):
    assert judge_spread(16_000, measured(16_000, seed), measured(16_000, seed + 100)) is True


@pytest.mark.parametrize(
    "forged",
    [
        None,
        [0.0, 0.02],
        {},
        {"mean": 0.0},
        {"mean": 0.0, "std": 0.02, "more": 0.0},
        {"mean": 0.0, "std": NAN},
        {"mean": NAN, "std": 0.02},
        {"mean": INF, "std": 0.02},
        {"mean": 0.0, "std": -INF},
        {"mean": 0.0, "std": "0.02"},
        {"mean": False, "std": 0.02},
        {"mean": 0, "std": 10**400},
        {"mean": 0.0, "std": 0.0},
        {"mean": 0.0, "std": 0.022},
        {"mean": 0.002, "std": 0.02},
        {"mean": torch.tensor(0.0), "std": torch.tensor(NAN)},
    ],
)
def test_another_spread_and_what_is_none_are_refused(forged):
    assert isinstance(judge_spread(16_000, measured(16_000, 1), forged), str)


# ---- entries


def test_entries_are_judged_by_their_own_judges_and_the_rest_by_comparison():
    expected = {"counts": count(P, 4000, 1), "repeats": True}
    judges = {"counts": judge_counts, "absent": judge_counts}
    assert judge_entries(expected, {"counts": count(P, 4000, 2), "repeats": True}, judges) is True
    assert "False" in judge_entries(expected, {"counts": count(P, 4000, 2), "repeats": False}, judges)
    assert "`counts`" in judge_entries(expected, {"counts": count(P.flip(0), 4000, 2), "repeats": True}, judges)


@pytest.mark.parametrize("got", [None, [], {}, {"counts": None}, {"repeats": True}, "counts"])
def test_entries_that_lack_or_are_too_many_are_refused(got):
    expected = {"counts": count(P, 4000, 1), "repeats": True}
    assert isinstance(judge_entries(expected, got, {"counts": judge_counts}), str)
    assert isinstance(judge_entries(expected, {**expected, "more": 1}, {"counts": judge_counts}), str)
