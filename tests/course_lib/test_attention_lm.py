"""The attention-only language model: causal, learnable, and honest about what it was tested on."""

import pytest
import torch

from course_lib.attention import MultiHeadAttention
from course_lib.attention_lm import AttentionLM
from course_lib.language_model import draw_windows, nats_per_token, next_token_loss
from course_lib.train import Trainer


def small_model(seed: int = 0, **options) -> AttentionLM:
    torch.manual_seed(seed)
    return AttentionLM(vocab_size=5, seq_len=8, d_model=16, n_heads=2, n_layers=2, **options)


def test_changing_a_token_changes_no_logits_before_it():
    model, ids = small_model(), torch.tensor([[0, 1, 2, 3, 4, 0]])
    other = ids.clone()
    other[0, 3] = 0
    difference = (model(ids) - model(other)).abs().amax(-1)[0]
    assert difference[:3].eq(0).all() and difference[3] > 0


def test_the_attention_maps_are_one_per_layer_and_causal():
    maps = small_model().eval().attention_maps(torch.tensor([[0, 1, 2]]))
    assert [weights.shape for weights in maps] == [(1, 2, 3, 3)] * 2
    for weights in maps:
        torch.testing.assert_close(weights.sum(-1), torch.ones(1, 2, 3))
        assert weights.triu(1).eq(0).all()


def test_it_learns_a_periodic_stream_that_no_bigram_can_predict():
    tokens = torch.tensor([0, 0, 1, 1] * 200)  # what follows a 0 depends on the token before it
    model = small_model()
    assert nats_per_token(model, tokens) > 0.6
    list(Trainer(model, draw_windows(tokens, 16, 8), next_token_loss, steps=80, lr=1e-2))
    assert nats_per_token(model, tokens) < 0.05


def test_without_positions_a_single_layer_cannot_tell_the_order_of_earlier_tokens():
    torch.manual_seed(0)
    model = AttentionLM(5, seq_len=8, d_model=16, n_heads=2, n_layers=1, positions=False)
    one, two = model(torch.tensor([[1, 2, 3]]))[0, -1], model(torch.tensor([[2, 1, 3]]))[0, -1]
    torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-4)
    ordered = small_model()
    assert not torch.allclose(ordered(torch.tensor([[1, 2, 3]]))[0, -1], ordered(torch.tensor([[2, 1, 3]]))[0, -1])


def test_a_learners_own_layer_is_what_the_model_is_made_of():
    class Own(MultiHeadAttention):
        pass

    assert all(type(layer) is Own for layer in small_model(attention=Own).layers)


def test_a_sequence_that_is_too_long_is_refused_with_both_numbers():
    with pytest.raises(ValueError, match=r"seq_len = 8 tokens, got 9"):
        small_model()(torch.zeros(1, 9, dtype=torch.long))
