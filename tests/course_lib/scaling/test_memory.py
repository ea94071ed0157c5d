"""Bytes counted by hand against tensors that exist: optimizer states, caches, what autograd keeps."""

import pytest
import torch
from torch import nn

from course_lib.attention import scaled_dot_product_attention
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import count_parameters, next_token_loss
from course_lib.scaling import activation_bytes, adamw_bytes, kv_cache_bytes, saved_bytes, score_bytes

SHAPE = {"vocab_size": 50, "seq_len": 64, "d_model": 64, "n_heads": 4, "n_layers": 3}


def tensor_bytes(tensors):
    return sum(t.numel() * t.element_size() for t in tensors)


def random_ids(*shape):
    return torch.randint(50, shape, generator=torch.Generator().manual_seed(0))


def test_adamw_keeps_what_is_counted_after_its_first_step():
    model = GPT(GPTConfig(**SHAPE))
    optimizer = torch.optim.AdamW(model.parameters())
    next_token_loss(model, random_ids(2, 9)).backward()
    optimizer.step()
    moments = [state[name] for state in optimizer.state.values() for name in ("exp_avg", "exp_avg_sq")]
    expected = adamw_bytes(count_parameters(model))
    assert expected["weights"] == tensor_bytes(model.parameters())
    assert expected["gradients"] == tensor_bytes(p.grad for p in model.parameters())
    assert expected["moments"] == tensor_bytes(moments)


@pytest.mark.parametrize(("n_kv_heads", "dtype"), [(4, torch.float32), (1, torch.bfloat16)])
def test_a_cache_takes_what_is_counted(n_kv_heads, dtype):
    cache = GPT(GPTConfig(**SHAPE, n_kv_heads=n_kv_heads)).to(dtype).new_cache(5, 40)
    expected = kv_cache_bytes(3, n_kv_heads, 16, 40, batch_size=5, bytes_per_number=dtype.itemsize)
    assert tensor_bytes([cache.keys, cache.values]) == expected


@pytest.mark.parametrize(
    ("options", "slack"),
    [
        ({}, 0.03),
        ({"ffn": "swiglu", "tied": False}, 0.03),
        ({"n_kv_heads": 2, "vocab_size": 500}, 0.03),
        ({"checkpoint": True}, 0.05),
        ({"positions": "rope", "norm": "rms", "n_kv_heads": 1, "bias": False}, 0.34),
    ],
)
def test_a_step_of_a_gpt_keeps_what_is_counted(options, slack):
    config = GPTConfig(**SHAPE | options)
    model, windows = GPT(config), random_ids(4, 65)
    parts = activation_bytes(config, 4, 64)
    expected = parts["layers"] + parts["output"]
    assert expected <= saved_bytes(lambda: next_token_loss(model, windows)) <= (1 + slack) * expected


def test_activations_grow_by_one_layer_with_each_layer_and_fewer_with_checkpointing():
    def kept(**options):
        config = GPTConfig(**SHAPE | options)
        return saved_bytes(lambda: next_token_loss(GPT(config), random_ids(4, 65))), activation_bytes(config, 4, 64)

    (four, parts), (five, _) = kept(n_layers=4), kept(n_layers=5)
    assert five - four == pytest.approx(parts["one layer"], rel=0.02)
    assert kept(n_layers=4, checkpoint=True)[0] < four / 3


def test_naive_attention_keeps_at_least_one_matrix_of_scores():
    q, k, v = (torch.ones(2, 3, 50, 4, requires_grad=True) for _ in range(3))
    one = score_bytes(1, 3, 50, batch_size=2, bytes_per_number=4)
    assert one == 2 * 3 * 50 * 50 * 4
    assert one <= saved_bytes(lambda: scaled_dot_product_attention(q, k, v)) <= 1.5 * one


def test_saved_bytes_counts_activations_once_and_no_parameters():
    layer, x = nn.Linear(8, 8), torch.ones(3, 8)
    assert saved_bytes(lambda: layer(x)) == 3 * 8 * 4  # the input, for the gradient of the weight
    assert saved_bytes(lambda: layer(layer(x).relu())) == 2 * 3 * 8 * 4  # relu's output is the second one's input
    with torch.no_grad():
        assert saved_bytes(lambda: layer(x)) == 0


def test_a_size_below_one_is_refused_by_name():
    with pytest.raises(ValueError, match="n_kv_heads must be at least 1, got 0"):
        kv_cache_bytes(2, 0, 4, 8)
