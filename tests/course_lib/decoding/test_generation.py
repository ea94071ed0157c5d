"""Generation against a loop that calls the model anew for every token."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.decoding import Predictor, Sampling, beam_search, generate, speculative_decode, stream
from course_lib.gpt import GPT, GPTConfig
from tests.language_models import HistoryLM, Memory, TableLM, WithoutCache
from tests.random_inputs import generator

PROMPT = torch.tensor([[1, 2, 3], [4, 0, 6]])


def test_greedy_generation_is_the_argmax_of_the_whole_text_at_every_step():
    model, ids = HistoryLM(), PROMPT
    for _ in range(10):
        ids = torch.cat([ids, model(ids)[:, -1].argmax(-1, keepdim=True)], 1)
    assert generate(model, PROMPT, 10, Sampling(0)).equal(ids)
    assert len(ids[0].unique()) > 2


@pytest.mark.parametrize("seq_len", [None, 8, 3, 2])
@pytest.mark.parametrize("choice", [Sampling(0), Sampling(1.5), Sampling(top_p=0.9), Sampling(repetition_penalty=1.3)])
def test_with_and_without_a_cache_the_text_is_the_same_beyond_the_window_too(seq_len, choice):
    model = HistoryLM(seq_len=seq_len)
    cached = generate(model, PROMPT, 12, choice, generator=generator())
    anew = generate(model, PROMPT, 12, choice, generator=generator(), use_cache=False)
    assert cached.equal(anew) and cached.shape == (2, 15)
    assert model.widest <= (seq_len or 15)


def test_a_cache_reads_every_token_once():
    model = HistoryLM()
    generate(model, PROMPT, 20)
    assert model.read == 2 * (3 + 19)
    model.read = 0
    generate(model, PROMPT, 20, use_cache=False)
    assert model.read == 2 * sum(range(3, 23))


@pytest.mark.parametrize("positions", ["learned", "rope", "alibi"])
def test_a_gpt_decodes_the_same_with_its_cache_and_without_in_every_way(positions):
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=7, seq_len=12, d_model=16, n_heads=2, n_layers=2, positions=positions))
    torch.nn.init.normal_(model.to_logits.weight)
    plain, prompt = WithoutCache(model), PROMPT[:1]
    for new in (9, 15):  # within the window, and beyond it
        written = generate(model, PROMPT, new, generator=generator())
        assert written.equal(generate(plain, PROMPT, new, generator=generator()))
        assert beam_search(model, PROMPT, new, 3)[0][0].tokens == beam_search(plain, PROMPT, new, 3)[0][0].tokens
    speculative = [
        speculative_decode(m, m, prompt, 9, Sampling(1.3), generator=generator()).ids for m in (model, plain)
    ]
    assert speculative[0].equal(speculative[1])


def test_a_row_that_ended_is_padded_and_the_text_stops_when_all_have():
    follow = {0: 1, 1: 2, 2: 3, 3: 3, 4: 2}
    table = torch.full((5, 5), -9.0)
    for token, successor in follow.items():
        table[token, successor] = 9.0
    prompt = torch.tensor([[0], [4], [1]])
    written = generate(TableLM(table), prompt, 9, Sampling(0), eos_id=2, pad_id=0)
    assert written.tolist() == [[0, 1, 2], [4, 2, 0], [1, 2, 0]]
    assert generate(TableLM(table), prompt, 9, Sampling(0), eos_id=2).tolist()[1] == [4, 2, 2]
    assert generate(TableLM(table), prompt, 3, Sampling(0)).tolist() == [[0, 1, 2, 3], [4, 2, 3, 3], [1, 2, 3, 3]]


def test_an_end_token_in_the_prompt_does_not_end_anything():
    table = torch.full((3, 3), -9.0)
    table[2, 0] = table[0, 1] = table[1, 0] = 9.0
    assert generate(TableLM(table), torch.tensor([[2]]), 3, Sampling(0), eos_id=2).tolist() == [[2, 0, 1, 0]]


def test_streaming_yields_the_same_tokens_one_by_one():
    model = HistoryLM()
    tokens = list(stream(model, PROMPT, 6, Sampling(1.2), generator=generator(3)))
    assert all(token.shape == (2,) for token in tokens)
    assert torch.stack(tokens, 1).equal(generate(model, PROMPT, 6, Sampling(1.2), generator=generator(3))[:, 3:])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99))
def test_the_first_token_is_distributed_as_the_model_says(seed):
    table = 2 * torch.randn(4, 4, generator=generator(seed))
    first = next(stream(TableLM(table), torch.full((4000, 1), 2), 5, generator=generator(seed)))
    share = torch.bincount(first, minlength=4) / 4000
    probs = table[2].softmax(-1)
    assert ((share - probs).abs() < 6 * (probs * (1 - probs) / 4000).sqrt() + 1e-3).all()


def test_the_models_mode_is_kept_even_between_two_tokens_and_dropout_is_off():
    model = HistoryLM(dropout=0.5).train()
    model.frozen = torch.nn.Dropout().eval()
    written = stream(model, PROMPT, 4, Sampling(0))
    next(written)
    assert model.training and model.dropout.training and not model.frozen.training
    again = [generate(model, PROMPT, 10, Sampling(0)) for _ in range(3)]
    assert again[0].equal(again[1]) and again[0].equal(again[2])
    assert model.training and model.dropout.training and not model.frozen.training


def test_generation_keeps_no_graph_and_no_tokens_means_the_prompt():
    model = HistoryLM()
    assert not Predictor(model, 2, 5)(PROMPT).requires_grad
    assert generate(model, PROMPT, 0).equal(PROMPT)


def test_a_predictor_returns_several_positions_and_can_forget_and_reorder():
    ids = torch.tensor([[1, 2, 3, 4, 5], [0, 6, 2, 1, 1]])
    whole = HistoryLM()(ids)
    for memory in ({}, {"memory": Memory}):
        predict = Predictor(HistoryLM(**memory), 2, 9)
        torch.testing.assert_close(predict(ids, last=5), whole)
        predict.truncate(2)
        torch.testing.assert_close(predict(ids, last=3), whole[:, 2:])
        predict.reorder(torch.tensor([1, 1]))
        other = torch.cat([ids[[1, 1]], torch.tensor([[3], [4]])], 1)
        torch.testing.assert_close(predict(other)[:, 0], HistoryLM()(other)[:, -1])


@pytest.mark.parametrize("prompt", [torch.tensor([1, 2]), torch.zeros(1, 0, dtype=torch.int64)])
def test_a_prompt_of_another_shape_is_refused(prompt):
    with pytest.raises(ValueError, match=r"prompt must have the shape \(B, T\)"):
        generate(HistoryLM(), prompt, 3)
    with pytest.raises(ValueError, match="max_new_tokens must be at least 0, got -1"):
        generate(HistoryLM(), PROMPT, -1)


def test_a_model_that_returns_nan_is_noticed():
    with pytest.raises(ValueError, match="nan"):
        generate(TableLM(torch.full((3, 3), math.nan)), torch.tensor([[0]]), 2)
