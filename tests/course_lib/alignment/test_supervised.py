"""Losses on replies against a loop over tokens, torch's own loss, and what may and may not change them."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from course_lib.alignment import join_replies, sequence_log_probs, sft_loss, token_log_probs
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import next_token_loss

rows = st.lists(st.integers(1, 6), min_size=1, max_size=5)
batches = st.lists(st.tuples(rows, rows), min_size=1, max_size=4)


def small_gpt():
    generator = torch.Generator().manual_seed(0)
    return GPT(GPTConfig(vocab_size=7, seq_len=12, d_model=8, n_heads=2, n_layers=2), generator=generator)


@given(batches)
def test_the_loss_is_the_mean_over_the_replies_tokens_found_one_by_one(batch):
    model = small_gpt()
    prompts, replies = zip(*batch)
    ids, reply = join_replies(prompts, replies)
    losses = []
    with torch.no_grad():
        for prompt, answer in batch:  # one text at a time, without padding
            for n in range(len(answer)):
                logits = model(torch.tensor([prompt + answer[:n]]))[0, -1]
                losses.append(-logits.log_softmax(-1)[answer[n]])
        torch.testing.assert_close(sft_loss(model(ids), ids, reply), torch.stack(losses).mean())


@given(batches)
def test_a_sequences_log_probability_is_the_sum_over_its_reply_whatever_it_is_batched_with(batch):
    model = small_gpt()
    ids, reply = join_replies(*zip(*batch))
    with torch.no_grad():
        together = sequence_log_probs(model(ids), ids, reply)
        alone = [join_replies([prompt], [answer]) for prompt, answer in batch]
        apart = torch.cat([sequence_log_probs(model(ids), ids, reply) for ids, reply in alone])
    torch.testing.assert_close(together, apart)
    n_tokens = torch.tensor([len(answer) for _, answer in batch])
    with torch.no_grad():
        torch.testing.assert_close(sft_loss(model(ids), ids, reply), -together.sum() / n_tokens.sum())


def test_with_every_token_in_the_reply_it_is_the_loss_of_pretraining():
    model, windows = small_gpt(), torch.randint(7, (3, 9), generator=torch.Generator().manual_seed(1))
    everything = torch.ones_like(windows, dtype=torch.bool)
    torch.testing.assert_close(sft_loss(model(windows), windows, everything), next_token_loss(model, windows))


def test_token_log_probs_are_torchs_log_softmax_picked_at_the_next_token():
    generator = torch.Generator().manual_seed(2)
    logits, ids = torch.randn(2, 5, 4, generator=generator), torch.randint(4, (2, 5), generator=generator)
    log_probs = token_log_probs(logits, ids)
    assert log_probs.shape == (2, 4)
    for b in range(2):
        for t in range(4):
            torch.testing.assert_close(log_probs[b, t], F.log_softmax(logits[b, t], -1)[ids[b, t + 1]])


def test_the_gradient_reaches_only_the_logits_that_predict_a_token_of_the_reply():
    ids, reply = join_replies([[1, 2, 3], [1]], [[4, 5], [2]])
    logits = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(3)).requires_grad_()
    sft_loss(logits, ids, reply).backward()
    touched = logits.grad.abs().sum(-1) > 0
    assert touched.tolist() == [[False, False, True, True, False], [True, False, False, False, False]]


def test_other_prompts_and_padding_as_labels_change_nothing():
    ids, reply = join_replies([[1, 2, 3], [1]], [[4, 5], [2]])
    logits = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(4))
    other = torch.where(reply, ids, 6)
    assert sft_loss(logits, ids, reply) == sft_loss(logits, other, reply)
    assert sequence_log_probs(logits, ids, reply).equal(sequence_log_probs(logits, other, reply))


def test_without_a_token_that_counts_loss_and_gradient_are_zero():
    logits = torch.randn(1, 3, 4, generator=torch.Generator().manual_seed(5)).requires_grad_()
    first_only = torch.tensor([[True, False, False]])  # nothing predicts position 0
    loss = sft_loss(logits, torch.tensor([[1, 2, 3]]), first_only)
    loss.backward()
    assert loss == 0 and logits.grad.eq(0).all()


def test_replies_stand_behind_their_prompts_and_a_reply_may_be_empty():
    ids, reply = join_replies([[1, 2], [3]], [[], [4, 5, 6]], pad_id=9)
    assert ids.tolist() == [[1, 2, 9, 9], [3, 4, 5, 6]]
    assert ids[reply].tolist() == [4, 5, 6]


def test_arguments_that_do_not_fit_are_named():
    logits, ids = torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.long)
    with pytest.raises(ValueError, match=r"ids \(B, T\), got \(2, 3, 4\) and \(2, 2\)"):
        sft_loss(logits, ids[:, :2], ids[:, :2] > 0)
    with pytest.raises(ValueError, match=r"reply must have the shape \(2, 3\), got \(2, 2\)"):
        sft_loss(logits, ids, ids[:, :2] > 0)
    with pytest.raises(TypeError, match=r"reply must be a boolean tensor.* torch.int64"):
        sequence_log_probs(logits, ids, ids)
    with pytest.raises(ValueError, match="as many as prompts, at least one, got 2 and 1"):
        join_replies([[1]], [[1], [2]])
    with pytest.raises(ValueError, match="every prompt must have a token"):
        join_replies([[]], [[1]])
