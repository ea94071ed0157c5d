"""Sampled replies: what belongs to them, and that they are the model's own."""

import torch

from course_lib.alignment import sample_replies, token_log_probs
from course_lib.gpt import GPT, GPTConfig
from tests.random_inputs import generator

EOS = 0
PROMPT = [3, EOS, 2]  # the end of a text within the prompt ends nothing


def small_gpt():
    return GPT(GPTConfig(vocab_size=5, seq_len=16, d_model=8, n_heads=2, n_layers=1), generator=generator(0))


def test_a_reply_begins_after_the_prompt_and_ends_with_its_first_end():
    ids, reply = sample_replies(small_gpt(), PROMPT, 200, 8, EOS, generator(1))
    assert ids.shape == reply.shape and ids[:, :3].eq(torch.tensor(PROMPT)).all() and not reply[:, :3].any()
    lengths = set()
    for row, mask in zip(ids[:, 3:].tolist(), reply[:, 3:].tolist()):
        length = row.index(EOS) + 1 if EOS in row else len(row)
        assert mask == [True] * length + [False] * (len(row) - length) and set(row[length:]) <= {EOS}
        lengths.add(length)
    assert {1, 8} <= lengths


def test_replies_are_drawn_from_the_models_distribution():
    model = small_gpt()
    ids, reply = sample_replies(model, PROMPT, 4000, 1, EOS, generator(2))
    with torch.no_grad():
        probs = model(torch.tensor([PROMPT]))[0, -1].softmax(-1)
    counts = torch.bincount(ids[:, -1], minlength=5) / 4000
    assert (counts - probs).abs().max() < 5 * 0.5 / 4000**0.5
    assert token_log_probs(model(ids), ids)[reply[:, 1:]].shape == (4000,)
