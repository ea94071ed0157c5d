"""The draws against the distribution that `filter` describes. Every test of a distribution has a fixed seed.

A chi-square test with a false-alarm rate of 1e-6 would fail a correct sampler for one seed in a million; that it can
fail at all is tested too.
"""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from course_lib.decoding import Sampling, draw_token
from tests.random_inputs import generator, normal

SETTINGS = [
    Sampling(),
    Sampling(0.7),
    Sampling(top_k=3),
    Sampling(top_k=50),
    Sampling(top_p=0.6),
    Sampling(1.5, top_p=0.9),
    Sampling(top_p=0.05),
    Sampling(min_p=0.2),
    Sampling(typical_p=0.7),
    Sampling(1.3, top_k=5, top_p=0.8),
    Sampling(1.3, top_p=0.8, min_p=0.1),
    Sampling(0.9, top_k=6, top_p=0.95, min_p=0.05, typical_p=0.9, repetition_penalty=1.2),
]


def departs(draws, probs):
    """Say whether the draws (N,) depart from probs (V,) by a chi-square test; false alarms: one in a million."""
    counts = torch.bincount(draws, minlength=len(probs)).double()
    possible = probs > 0
    if counts[~possible].any():
        return True
    expected = probs[possible].double() / probs.double().sum() * len(draws)
    statistic = ((counts[possible] - expected) ** 2 / expected).sum()
    return len(expected) > 1 and chi2.sf(statistic.item(), len(expected) - 1) < 1e-6


@pytest.mark.parametrize("choice", SETTINGS, ids=str)
@pytest.mark.parametrize("ties", [False, True])
def test_draws_follow_the_filtered_distribution(choice, ties):
    logits = 1.5 * normal(0, 9)
    logits[2] = -math.inf
    if ties:
        logits = logits.round()
    ids = torch.tensor([4, 4, 1])
    probs = choice.filter(logits, ids).softmax(-1)
    draws = choice.draw(logits.expand(20_000, -1), ids.expand(20_000, -1), generator(1))
    assert not departs(draws, probs)
    wrong = probs.clone()
    wrong[probs.argmax()] *= 0.85
    assert departs(draws, wrong) or (probs > 0).sum() == 1  # the test can tell


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 999), st.sampled_from(SETTINGS), st.integers(1, 40), st.booleans())
def test_only_tokens_that_the_filter_keeps_are_drawn_and_rows_do_not_mix(seed, choice, vocab_size, ties):
    logits = 2 * normal(seed, 6, vocab_size)
    logits = logits.round() if ties and not choice.top_k else logits  # torch.topk is free to choose among equals
    logits[:, 1::3] = -math.inf
    ids = torch.zeros(6, 1, dtype=torch.int64)
    before = logits.clone()
    token = choice.draw(logits, ids, generator(seed))
    assert token.shape == (6,) and token.dtype == torch.int64
    assert choice.filter(logits, ids).gather(1, token[:, None]).isfinite().all()
    assert logits.equal(before)


def test_a_large_flat_vocabulary_is_drawn_from_the_same_nucleus():
    logits = 0.3 * normal(3, 50_257)
    choice = Sampling(top_p=0.5)
    kept = choice.filter(logits) > -math.inf
    draws = choice.draw(logits.expand(2_000, -1).contiguous()[:400], generator=generator(0))
    assert 5_000 < kept.sum() < 25_000
    assert kept[draws].all() and len(draws.unique()) > 380


def test_temperature_zero_takes_the_best_token_and_needs_no_randomness():
    logits = normal(4, 5, 100)
    greedy = Sampling(0)
    untouched = generator(0)
    assert greedy.draw(logits, generator=untouched).equal(logits.argmax(-1))
    assert untouched.get_state().equal(generator(0).get_state())
    assert Sampling(0, top_k=5, top_p=0.3).draw(logits).equal(logits.argmax(-1))
    assert Sampling(1e-40).draw(logits).equal(logits.argmax(-1))
    penalised = Sampling(0, repetition_penalty=100.0).draw(logits, logits.argmax(-1, keepdim=True))
    assert (penalised != logits.argmax(-1)).all()


def test_the_same_seed_gives_the_same_draws_and_another_seed_others():
    logits = normal(5, 200, 20)
    for choice in SETTINGS[:-1]:
        first = choice.draw(logits, generator=generator(7))
        assert first.equal(choice.draw(logits, generator=generator(7)))
        assert choice.top_p == 0.05 or not first.equal(choice.draw(logits, generator=generator(8)))


def test_half_precision_logits_are_drawn_from_accurately():
    logits = torch.tensor([2.0, 1.0, 0.0, -math.inf]).half()
    assert not departs(draw_token(logits.expand(20_000, -1), generator(0)), logits.float().softmax(-1))


@pytest.mark.parametrize("row", [[math.nan, 1.0, 0.0], [-math.inf] * 3, [math.inf, 0.0, 0.0]])
@pytest.mark.parametrize("choice", [Sampling(), Sampling(0), Sampling(top_k=2), Sampling(top_p=0.5)], ids=str)
def test_logits_that_are_no_distribution_are_refused(row, choice):
    with pytest.raises(ValueError, match="logits must be free of nan"):
        choice.draw(torch.tensor([[1.0, 2.0, 3.0], row]), generator=generator(0))


@pytest.mark.parametrize(
    "values, message",
    [
        ({"temperature": -0.5}, "temperature must be at least 0, got -0.5"),
        ({"top_k": -1}, "top_k must be at least 0, got -1"),
        ({"top_p": 0.0}, "top_p must be more than 0 and at most 1, got 0.0"),
        ({"min_p": 2.0}, "min_p must be a probability between 0 and 1, got 2.0"),
        ({"typical_p": 1.5}, "typical_p must be more than 0 and at most 1, got 1.5"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be positive, got 0.0"),
    ],
)
def test_settings_out_of_range_are_refused_when_they_are_made(values, message):
    with pytest.raises(ValueError, match=message):
        Sampling(**values)


def test_the_repetition_penalty_asks_for_the_tokens_so_far():
    with pytest.raises(ValueError, match="ids must be given"):
        Sampling(repetition_penalty=1.1).draw(torch.zeros(1, 3))


@pytest.mark.gpu
@pytest.mark.parametrize("choice", SETTINGS, ids=str)
def test_a_gpu_draws_from_the_same_distribution_with_a_generator_of_either_device(choice):
    logits, ids = 1.5 * normal(0, 9), torch.tensor([4, 4, 1])
    probs = choice.filter(logits, ids).softmax(-1)
    for device in ("cpu", "cuda"):
        noise = torch.Generator(device).manual_seed(1)
        draws = choice.draw(logits.cuda().expand(20_000, -1), ids.cuda().expand(20_000, -1), noise)
        assert draws.is_cuda and not departs(draws.cpu(), probs)
