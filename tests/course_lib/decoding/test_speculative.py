"""Speculative decoding: the distribution of the large model, whatever the draft; and fewer calls of it."""

import itertools

import pytest
import torch
from scipy.stats import chi2

from course_lib.decoding import (
    Sampling,
    acceptance_rate,
    generate,
    speculative_accept,
    speculative_decode,
    tokens_per_call,
)
from course_lib.decoding.sampling import draw_token
from tests.language_models import HistoryLM, Memory, TableLM
from tests.random_inputs import generator


def departs(counts, probs):
    """A chi-square test; false alarms: one in a million."""
    expected = torch.tensor(probs).double() * sum(counts)
    statistic = ((torch.tensor(counts) - expected) ** 2 / expected).sum()
    return chi2.sf(statistic.item(), len(probs) - 1) < 1e-6


def test_accepted_and_redrawn_tokens_together_follow_the_target():
    p, q = torch.tensor([0.5, 0.2, 0.2, 0.1]), torch.tensor([0.1, 0.6, 0.2, 0.1])
    luck, first, kept = generator(1), [0] * 4, 0
    for _ in range(6000):
        drafted = draw_token(q.log()[None], luck)
        n, token = speculative_accept(p.expand(2, -1), q[None], drafted, luck)
        kept += n
        first[drafted.item() if n else token] += 1
    assert not departs(first, p.tolist())
    assert departs(first, q.tolist())  # the test can tell
    assert kept / 6000 == pytest.approx(acceptance_rate(p, q).item(), abs=0.03)


def test_the_token_after_accepted_ones_comes_from_the_last_distribution():
    p = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    for seed in range(20):
        drafted = torch.tensor([seed % 2])
        assert speculative_accept(p, p[:1], drafted, generator(seed)) == (1, 2)
    assert speculative_accept(p[1:], p[:0], torch.tensor([], dtype=torch.int64)) == (0, 2)


def test_the_first_refusal_ends_it_and_its_place_is_filled_with_what_the_draft_had_too_little_of():
    target = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    draft = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert speculative_accept(target, draft, torch.tensor([0, 0]), generator()) == (0, 1)


@pytest.mark.parametrize("choice", [Sampling(), Sampling(0.8, top_k=2), Sampling(top_p=0.7, repetition_penalty=1.5)])
def test_whole_texts_have_the_probability_that_the_large_model_gives_them(choice):
    model, draft = HistoryLM(vocab_size=3, seed=1), TableLM(torch.randn(3, 3, generator=generator(2)))
    prompt, n_new, n_texts = torch.tensor([[0, 2]]), 3, 1000
    texts = list(itertools.product(range(3), repeat=n_new))
    probs = []
    for text in texts:
        ids, prob = torch.cat([prompt, torch.tensor([text])], 1), 1.0
        for place, token in enumerate(text):
            seen = ids[:, : 2 + place]
            prob *= choice.filter(model(seen)[:, -1], seen).softmax(-1)[0, token].item()
        probs.append(prob)
    luck, counts = generator(3), dict.fromkeys(texts, 0)
    for _ in range(n_texts):
        written = speculative_decode(model, draft, prompt, n_new, choice, n_draft=2, generator=luck)
        counts[tuple(written.ids[0, 2:].tolist())] += 1
    possible = [text for text, prob in zip(texts, probs) if prob > 0]
    assert sum(counts[text] for text in possible) == n_texts
    rare = [text for text, prob in zip(texts, probs) if 0 < prob * n_texts < 5]  # too few for chi-square: together
    common = [text for text in possible if text not in rare]
    prob_of = dict(zip(texts, probs))
    observed = [counts[text] for text in common] + [sum(counts[text] for text in rare)]
    expected = [prob_of[text] for text in common] + [sum(prob_of[text] for text in rare)]
    if expected[-1] == 0:
        observed.pop(), expected.pop()
    assert not departs(observed, expected)
    assert departs(observed, expected[1:] + expected[:1])


def test_greedy_speculation_writes_what_the_large_model_alone_would():
    prompt = torch.tensor([[1, 2, 3]])
    for seed in range(5):
        for memory in ({}, {"memory": Memory}):
            model = HistoryLM(seed=seed, **memory)
            expected = generate(model, prompt, 15, Sampling(0))
            for draft in (HistoryLM(seed=seed + 50), TableLM(torch.randn(7, 7, generator=generator(seed)))):
                for n_draft in (1, 4, 20):
                    written = speculative_decode(model, draft, prompt, 15, Sampling(0), n_draft=n_draft)
                    assert written.ids.equal(expected)
                    assert written.accepted + written.calls == 15


def test_a_draft_that_agrees_saves_calls_and_each_token_is_read_about_once():
    model, draft, prompt = HistoryLM(), HistoryLM(), torch.tensor([[1, 2, 3]])
    written = speculative_decode(model, draft, prompt, 20, n_draft=4, generator=generator())
    assert written.accepted == written.drafted == 16 and written.calls == model.calls == 4
    assert model.read == 3 + 19
    assert written.ids.shape == (1, 23)


def test_the_share_of_kept_drafts_and_tokens_per_call_are_those_of_the_formulas():
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5])
    model, draft = TableLM(p.log().expand(3, -1).clone()), TableLM(q.log().expand(3, -1).clone())
    written = speculative_decode(model, draft, torch.tensor([[0]]), 2000, n_draft=3, generator=generator())
    rate = acceptance_rate(p, q).item()
    assert rate == pytest.approx(0.7)
    assert 2000 / written.calls == pytest.approx(tokens_per_call(rate, 3), rel=0.05)
    assert tokens_per_call(1.0, 4) == 5 and tokens_per_call(0.0, 4) == 1


def test_the_text_ends_with_the_end_token():
    table = torch.full((4, 4), -20.0)
    table[0, 1] = table[1, 2] = table[2, 3] = table[3, 0] = 20.0
    model = TableLM(table)
    written = speculative_decode(model, model, torch.tensor([[3]]), 9, eos_id=2, n_draft=5, generator=generator())
    assert written.ids.tolist() == [[3, 0, 1, 2]]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda m, t: speculative_decode(m(), m(), torch.ones(2, 1, dtype=torch.int64), 3), "prompt must be one row"),
        (lambda m, t: speculative_decode(m(), m(), torch.tensor([[1]]), 3, n_draft=0), "n_draft must be at least 1"),
        (lambda m, t: speculative_decode(m(), m(8), torch.tensor([[1]]), 3), "one vocabulary, got 7 and 8"),
        (
            lambda m, t: speculative_decode(m(), m(seq_len=5), torch.tensor([[1]]), 9),
            "window of draft, 5 tokens, got 9",
        ),
        (lambda m, t: speculative_accept(t(1, 3), t(1, 3), torch.tensor([1])), r"target_probs must be \(2, V\)"),
        (lambda m, t: tokens_per_call(1.2, 3), "rate must be a probability between 0 and 1, got 1.2"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call(HistoryLM, torch.ones)
