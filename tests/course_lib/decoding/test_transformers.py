"""Decoding against Hugging Face's transformers: their logits processors, and their generate with a random GPT-2."""

import math

import pytest
import torch
from torch import nn

from course_lib.decoding import Sampling, beam_search, filters, generate

EOS = 3


@pytest.fixture(scope="session")
def hugging_face():
    import transformers  # takes eight seconds
    from transformers.generation import logits_process

    return transformers, logits_process


@pytest.fixture(scope="session")
def gpt2(hugging_face):
    transformers, _ = hugging_face
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=13, n_positions=32, n_embd=16, n_layer=2, n_head=2, initializer_range=0.6, bos_token_id=0,
        eos_token_id=EOS,
    )  # fmt: skip
    return transformers.GPT2LMHeadModel(config).eval()


class Wrapped(nn.Module):
    """A transformers model in our contract, without a cache."""

    seq_len = 32

    def __init__(self, model):
        super().__init__()
        self.model, self.vocab_size = model, model.config.vocab_size

    def forward(self, ids):
        return self.model(ids).logits


def random_logits(seed, ties):
    logits = 2 * torch.randn(16, 40, generator=torch.Generator().manual_seed(seed))
    if ties:
        logits = (2 * logits).round() / 2
    logits[:, ::7] = -math.inf
    logits[0, 1] = 50.0  # one row that is certain
    return logits


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_every_filter_gives_the_distribution_of_their_processor(hugging_face, seed, ties):
    process, logits = hugging_face[1], random_logits(seed, ties)
    ids = torch.randint(0, 40, (16, 10), generator=torch.Generator().manual_seed(seed))
    pairs = [
        (filters.apply_temperature(logits, 0.7), process.TemperatureLogitsWarper(0.7)),
        (filters.min_p_filter(logits, 0.1), process.MinPLogitsWarper(0.1)),
        (filters.repetition_penalty(logits, ids, 1.3), process.RepetitionPenaltyLogitsProcessor(1.3)),
    ]
    if not ties:  # with ties they keep more than k, and choose among equals in another order
        pairs += [
            (filters.top_k_filter(logits, 5), process.TopKLogitsWarper(5)),
            (filters.top_p_filter(logits, 0.8), process.TopPLogitsWarper(0.8)),
            (filters.typical_filter(logits, 0.8), process.TypicalLogitsWarper(0.8)),
        ]
    for ours, theirs in pairs:
        torch.testing.assert_close(ours.softmax(-1), theirs(ids, logits.clone()).softmax(-1))


@pytest.mark.parametrize("seed", range(4))
def test_of_tied_tokens_top_p_keeps_as_many_as_they_do_and_top_k_no_more(hugging_face, seed):
    process, logits = hugging_face[1], random_logits(seed, ties=True)
    ours, theirs = filters.top_p_filter(logits, 0.8), process.TopPLogitsWarper(0.8)(None, logits.clone())
    torch.testing.assert_close(ours.sort(-1).values, theirs.sort(-1).values)
    ours, theirs = filters.top_k_filter(logits, 5), process.TopKLogitsWarper(5)(None, logits.clone())
    assert ((ours > -math.inf).sum(-1) == 5).all() and ((theirs > -math.inf).sum(-1) > 5).any()


def test_all_filters_together_apply_in_their_order(hugging_face):
    process, logits = hugging_face[1], random_logits(9, ties=False)
    ids = torch.randint(0, 40, (16, 10), generator=torch.Generator().manual_seed(9))
    theirs = logits.clone()
    for step in (
        process.RepetitionPenaltyLogitsProcessor(1.2),
        process.TemperatureLogitsWarper(1.5),
        process.TopKLogitsWarper(20),
        process.TopPLogitsWarper(0.9),
        process.MinPLogitsWarper(0.02),
        process.TypicalLogitsWarper(0.9),
    ):
        theirs = step(ids, theirs)
    ours = Sampling(1.5, top_k=20, top_p=0.9, min_p=0.02, typical_p=0.9, repetition_penalty=1.2).filter(logits, ids)
    torch.testing.assert_close(ours.softmax(-1), theirs.softmax(-1))


@pytest.mark.parametrize("penalty", [1.0, 1.4])
def test_greedy_generation_is_theirs(gpt2, penalty):
    prompt = torch.tensor([[5, 6, 7], [1, 2, 9], [11, 0, 4], [8, 8, 8]])
    theirs = gpt2.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=20, do_sample=False, pad_token_id=EOS,
        repetition_penalty=penalty,
    )  # fmt: skip
    ours = generate(Wrapped(gpt2), prompt, 20, Sampling(0, repetition_penalty=penalty), eos_id=EOS)
    assert ours.equal(theirs)


@pytest.mark.parametrize("length_penalty", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("beams", [2, 3, 8])
def test_beam_search_finds_what_theirs_finds_with_the_same_scores(gpt2, beams, length_penalty):
    prompt, n_best = torch.tensor([[5, 6, 7], [1, 2, 9], [11, 0, 4], [8, 8, 8]]), 2
    ours = beam_search(Wrapped(gpt2), prompt, 8, beams, eos_id=EOS, length_penalty=length_penalty, n_best=n_best)
    theirs = gpt2.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=8, do_sample=False, num_beams=beams,
        num_return_sequences=n_best, length_penalty=length_penalty, early_stopping="never", pad_token_id=EOS,
        return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    found = [hypothesis for row in ours for hypothesis in row]
    sequences = theirs.sequences[:, 3:]
    assert [h.tokens + [EOS] * (sequences.size(1) - len(h.tokens)) for h in found] == sequences.tolist()
    assert any(h.finished for h in found)
    scores = torch.tensor([h.score for h in found])
    torch.testing.assert_close(scores, theirs.sequences_scores, atol=1e-4, rtol=1e-4)
