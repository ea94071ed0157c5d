"""Beam search against exhaustive enumeration. test_transformers.py compares with Hugging Face's."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.decoding import Hypothesis, Sampling, beam_search, generate
from tests.language_models import HistoryLM, TableLM, WithoutCache, every_continuation


def log_prob(model, prompt, tokens):
    ids = torch.cat([prompt, torch.tensor([tokens])], 1)
    with torch.no_grad():
        log_probs = model(ids)[0].log_softmax(-1)
    return sum(log_probs[prompt.size(1) - 1 + i, token].item() for i, token in enumerate(tokens))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(1, 3), st.sampled_from([None, 0, 2]), st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_with_as_many_beams_as_beginnings_it_finds_the_best_of_all(seed, length, eos_id, length_penalty):
    model, prompt = HistoryLM(vocab_size=4, seed=seed), torch.tensor([[1, 3]])
    scored = [
        (log_prob(model, prompt, tokens) / len(tokens) ** length_penalty, tokens)
        for tokens in every_continuation(4, length, eos_id)
    ]
    (found,) = beam_search(
        model, prompt, length, beams=4**length, eos_id=eos_id, length_penalty=length_penalty, n_best=3
    )
    for hypothesis, (score, tokens) in zip(found, sorted(scored, reverse=True)):
        assert hypothesis.tokens == tokens
        assert hypothesis.score == pytest.approx(score, abs=1e-4)
        assert hypothesis.log_prob == pytest.approx(log_prob(model, prompt, tokens), abs=1e-4)
        assert hypothesis.finished == (tokens[-1] == eos_id)
    assert len(found) == min(3, len(scored))


def test_with_few_beams_it_can_miss_the_best_and_more_beams_find_it():
    missed = 0
    for seed in range(50):
        model = TableLM(2 * torch.randn(6, 6, generator=torch.Generator().manual_seed(seed)))
        two, all_of_them = (beam_search(model, torch.tensor([[0]]), 4, beams=k)[0][0] for k in (2, 6**3))
        assert two.score <= all_of_them.score + 1e-5
        missed += two.tokens != all_of_them.tokens
    assert 0 < missed < 25


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.integers(1, 5), st.sampled_from([0.0, 1.0]))
def test_rows_of_a_batch_are_searched_as_if_alone_with_and_without_a_cache(seed, beams, length_penalty):
    model = HistoryLM(seed=seed)
    prompt = torch.randint(0, 7, (3, 2), generator=torch.Generator().manual_seed(seed))
    options = {"eos_id": 3, "length_penalty": length_penalty, "n_best": beams}
    together = beam_search(model, prompt, 6, beams, **options)
    for row, found in zip(prompt, together):
        for other in (model, WithoutCache(model)):
            (alone,) = beam_search(other, row[None], 6, beams, **options)
            assert [h.tokens for h in alone] == [h.tokens for h in found]
            assert [h.score for h in alone] == pytest.approx([h.score for h in found], abs=1e-4)


def test_one_beam_is_greedy():
    for seed in range(5):
        model, prompt = HistoryLM(seed=seed), torch.tensor([[1, 2], [5, 0]])
        greedy = generate(model, prompt, 8, Sampling(0), eos_id=3)[:, 2:]
        found = beam_search(model, prompt, 8, beams=1, eos_id=3)
        assert [h[0].tokens for h in found] == [row[: row.index(3) + 1 if 3 in row else 8] for row in greedy.tolist()]


def stops_at_once_or_loops():
    """After 1: 0.6 for the end (0), 0.4 for 2; then 2 and 3 follow each other nearly surely."""
    probs = torch.full((4, 4), 0.01)
    probs[1] = torch.tensor([0.6, 1e-9, 0.4, 1e-9])
    probs[2, 3] = probs[3, 2] = 0.97
    return probs.log()


def test_a_text_that_ended_is_kept_and_a_length_penalty_can_prefer_a_longer_one():
    model, prompt = TableLM(stops_at_once_or_loops()), torch.tensor([[1]])
    ((short,),) = beam_search(model, prompt, 5, beams=2, eos_id=0)
    assert short == Hypothesis(
        [0], pytest.approx(math.log(0.6), abs=1e-4), pytest.approx(math.log(0.6), abs=1e-4), True
    )
    ((long,),) = beam_search(model, prompt, 5, beams=2, eos_id=0, length_penalty=1.0)
    assert long.tokens == [2, 3, 2, 3, 2] and not long.finished
    assert long.score == pytest.approx((math.log(0.4) + 4 * math.log(0.97)) / 5, abs=1e-3)


def test_the_search_stops_when_nothing_open_can_win():
    certain = torch.full((3, 3), -20.0)
    certain[:, 2] = 20.0
    model, calls = TableLM(certain), []
    model.register_forward_hook(lambda *_: calls.append(1))
    beam_search(model, torch.tensor([[0]]), 50, beams=1, eos_id=2)
    assert len(calls) == 1


def test_dropout_is_off_and_the_mode_is_kept():
    model = HistoryLM(dropout=0.5).train()
    results = {tuple(beam_search(model, torch.tensor([[1, 2]]), 5, 3)[0][0].tokens) for _ in range(5)}
    assert len(results) == 1 and model.training


def test_no_new_tokens_is_an_empty_hypothesis():
    assert beam_search(HistoryLM(), torch.tensor([[1]]), 0) == [[Hypothesis([], 0.0, 0.0, False)]]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"beams": 0}, "beams must be at least 1, got 0"),
        ({"beams": 2, "n_best": 3}, "n_best must be from 1 to 2, got 3"),
        ({"length_penalty": -1.0}, "length_penalty must be at least 0, got -1.0"),
        ({"prompt": torch.tensor([1])}, r"prompt must have the shape \(B, T\)"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(options, message):
    with pytest.raises(ValueError, match=message):
        beam_search(HistoryLM(), **{"prompt": torch.tensor([[1]]), "max_new_tokens": 2} | options)
