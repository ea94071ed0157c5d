"""The attention-only language model: causal, learnable, and honest about what it was tested on."""

import pytest
import torch

from course_lib.attention import MultiHeadAttention
from course_lib.attention_lm import AttentionLM, nats_per_token, train


def small_model(seed: int = 0, **options) -> AttentionLM:
    torch.manual_seed(seed)
    return AttentionLM(vocab_size=5, seq_len=8, d_model=16, n_heads=2, n_layers=2, **options)


def test_changing_a_token_changes_no_logits_before_it():
    model, ids = small_model(), torch.tensor([[0, 1, 2, 3, 4, 0]])
    other = ids.clone()
    other[0, 3] = 0
    difference = (model(ids)[0] - model(other)[0]).abs().amax(-1)[0]
    assert difference[:3].eq(0).all() and difference[3] > 0


def test_weights_come_on_request_and_do_not_change_the_logits():
    model, ids = small_model().eval(), torch.tensor([[0, 1, 2]])
    logits, nothing = model(ids)
    same, weights = model(ids, need_weights=True)
    assert nothing is None and weights.shape == (1, 2, 2, 3, 3)
    torch.testing.assert_close(logits, same, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 2, 2, 3))


def test_it_learns_a_periodic_stream_that_no_bigram_can_predict():
    tokens = torch.tensor([0, 0, 1, 1] * 200)  # what follows a 0 depends on the token before it
    model = small_model()
    assert nats_per_token(model, tokens) > 0.6
    losses = list(train(model, tokens, steps=80, batch_size=16, lr=1e-2))
    assert len(losses) == 80 and nats_per_token(model, tokens) < 0.05


def test_the_same_seed_trains_the_same_model():
    tokens = torch.arange(100) % 5
    losses = [list(train(small_model(), tokens, steps=3, seed=1)) for _ in range(2)]
    assert losses[0] == losses[1]
    assert losses[0] != list(train(small_model(), tokens, steps=3, seed=2))


def test_held_out_loss_equals_a_loop_over_single_predictions():
    model, tokens = small_model().eval(), torch.randint(0, 5, (21,), generator=torch.Generator().manual_seed(0))
    losses = []
    for start in range(0, 21 - 8, 4):  # windows of 8 inputs, moved by 4; the last 4 predictions count
        for position in range(4, 8):
            logits, _ = model(tokens[None, start : start + position + 1])
            losses.append(-logits[0, -1].log_softmax(-1)[tokens[start + position + 1]].item())
    assert nats_per_token(model, tokens) == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_without_positions_a_single_layer_cannot_tell_the_order_of_earlier_tokens():
    torch.manual_seed(0)
    model = AttentionLM(5, seq_len=8, d_model=16, n_heads=2, n_layers=1, positions=False)
    one, two = model(torch.tensor([[1, 2, 3]]))[0][0, -1], model(torch.tensor([[2, 1, 3]]))[0][0, -1]
    torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-4)
    ordered = small_model()
    assert not torch.allclose(
        ordered(torch.tensor([[1, 2, 3]]))[0][0, -1], ordered(torch.tensor([[2, 1, 3]]))[0][0, -1]
    )


def test_a_learners_own_layer_is_what_the_model_is_made_of():
    class Own(MultiHeadAttention):
        pass

    assert all(type(layer) is Own for layer in small_model(attention=Own).layers)


def test_a_sequence_that_is_too_long_is_refused_with_both_numbers():
    with pytest.raises(ValueError, match=r"seq_len = 8 tokens, got 9"):
        small_model()(torch.zeros(1, 9, dtype=torch.long))
