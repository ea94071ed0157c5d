"""Scores of heads, the logit lens and ablation against direct computation; `test_gpt_weights.py` has GPT-2's lens."""

import pytest
import torch

from course_lib.gpt import GPT, GPTConfig
from course_lib.interpretability import induction_score, logit_lens, without_heads
from tests.random_inputs import generator, normal


def a_gpt(**choices):
    sizes = {"vocab_size": 11, "seq_len": 12, "d_model": 12, "n_heads": 3, "n_layers": 2} | choices
    return GPT(GPTConfig(**sizes), generator=generator(0))


@pytest.mark.parametrize("period", [2, 3, 5])
def test_the_score_is_the_mean_over_all_tokens_that_occurred_before(period):
    weights = normal(0, 2, 3, 7, 7).softmax(-1)
    for head in range(3):
        looked_at = [weights[b, head, t, t - period + 1].item() for b in range(2) for t in range(period, 7)]
        assert induction_score(weights, period)[head].item() == pytest.approx(sum(looked_at) / len(looked_at))


@pytest.mark.parametrize("period", [1, 7])
def test_a_period_without_an_earlier_occurrence_is_refused(period):
    with pytest.raises(ValueError, match="period must be from 2 to 6"):
        induction_score(torch.zeros(1, 1, 7, 7), period)


@pytest.mark.parametrize(
    "choices", [{}, {"positions": "rope", "norm": "rms", "tied": False}, {"positions": "alibi", "dropout": 0.5}]
)
def test_the_last_reading_is_what_the_model_says_and_its_mode_stays(choices):
    model, ids = a_gpt(**choices), torch.randint(0, 11, (2, 5), generator=generator(1))
    model.train()
    readings = logit_lens(model, ids)
    assert model.training and readings.shape == (3, 2, 5, 11) and not readings.requires_grad
    assert not any(block._forward_hooks or block._forward_pre_hooks for block in model.blocks)
    torch.testing.assert_close(readings[-1], model.eval()(ids))


def test_a_post_norm_model_has_no_final_norm_to_read_through():
    with pytest.raises(ValueError, match="pre-norm"):
        logit_lens(a_gpt(pre_norm=False), torch.zeros(1, 2, dtype=torch.long))


def test_without_a_head_its_values_do_not_matter_and_afterwards_everything_is_as_before():
    model, ids = a_gpt().eval(), torch.randint(0, 11, (2, 6), generator=generator(1))
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    full = model(ids)
    changed = a_gpt().eval()
    rows = slice(2 * 12 + 4, 2 * 12 + 8)  # the values of head 1 in layer 0: zero values gather zeros
    with torch.no_grad():
        changed.blocks[0].attention.qkv.weight[rows] = 0
        changed.blocks[0].attention.qkv.bias[rows] = 0
    with without_heads(model, [(0, 1)]) as ablated:
        torch.testing.assert_close(ablated(ids), changed(ids))
    assert all(tensor.equal(state[name]) for name, tensor in model.state_dict().items())
    with pytest.raises(RuntimeError, match="inside"), without_heads(model, [(1, 0), (1, 2)]):
        raise RuntimeError("inside")
    torch.testing.assert_close(model(ids), full)


@pytest.mark.parametrize("head", [(2, 0), (0, 3), (-1, 0)])
def test_a_head_that_is_not_there_is_refused(head):
    with pytest.raises(ValueError, match="2 layers of 3 heads"), without_heads(a_gpt(), [head]):
        pass
