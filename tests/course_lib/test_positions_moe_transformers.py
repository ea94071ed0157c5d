"""Positions and mixtures of experts against Hugging Face transformers, offline, with random weights.

In a file of its own: importing these models takes seconds.
"""

import pytest
import torch

from course_lib.moe import MoE, load_balancing_loss, route_top_k, route_with_bias
from course_lib.positions import RelativePositionBias, alibi_bias, relative_buckets, rope, yarn_frequencies
from tests.random_inputs import normal

transformers = pytest.importorskip("transformers")


@pytest.mark.parametrize("theta", [10000.0, 500000.0])
@pytest.mark.parametrize("start", [0, 1234])
def test_rope_rotates_as_llama_does(theta, start):
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

    config = transformers.LlamaConfig(
        hidden_size=64, num_attention_heads=4, rope_parameters={"rope_type": "default", "rope_theta": theta}
    )
    q, k, at = normal(0, 2, 4, 9, 16), normal(1, 2, 2, 9, 16), torch.arange(start, start + 9)
    cos, sin = LlamaRotaryEmbedding(config)(q, at[None])
    expected_q, expected_k = apply_rotary_pos_emb(q, k, cos, sin)
    atol = 1e-5 if start == 0 else 3e-4  # transformers computes angles in float32: 1,234 radians are off by 1e-4
    torch.testing.assert_close(rope(q, at, theta), expected_q, atol=atol, rtol=1e-5)
    torch.testing.assert_close(rope(k, at, theta), expected_k, atol=atol, rtol=1e-5)


@pytest.mark.parametrize(
    "d_head, factor, trained, theta, fast, slow",
    [
        (128, 4.0, 4096, 10000.0, 32.0, 1.0),
        (64, 16.0, 2048, 500000.0, 32.0, 1.0),
        (16, 4.0, 32, 10000.0, 32.0, 1.0),
        (16, 4.0, 256, 10000.0, 16.0, 2.0),
        (8, 2.5, 100, 1000.0, 8.0, 0.5),
        (8, 4.0, 5, 10000.0, 32.0, 1.0),
        (8, 1.0, 64, 10000.0, 32.0, 1.0),
    ],
)
def test_yarns_frequencies_and_attention_factor(d_head, factor, trained, theta, fast, slow):
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    settings = {"rope_type": "yarn", "rope_theta": theta, "factor": factor, "beta_fast": fast, "beta_slow": slow}
    config = transformers.LlamaConfig(
        hidden_size=2 * d_head,
        num_attention_heads=2,
        max_position_embeddings=int(trained * factor),
        rope_parameters=settings | {"original_max_position_embeddings": trained},
    )
    expected, attention_factor = ROPE_INIT_FUNCTIONS["yarn"](config, "cpu")
    frequencies, ours = yarn_frequencies(d_head, factor, trained, theta, fast, slow)
    torch.testing.assert_close(frequencies, expected, rtol=1e-6, atol=0)
    assert ours == pytest.approx(attention_factor)


@pytest.mark.parametrize("n_heads", [1, 4, 12, 16, 25])
def test_the_alibi_bias_is_blooms_up_to_a_constant_in_each_row(n_heads):
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    theirs = build_alibi_tensor(torch.ones(1, 7, dtype=torch.long), n_heads, torch.float32)  # (H, 1, S)
    difference = (theirs - alibi_bias(n_heads, 7)).tril()  # a softmax does not see what a whole row shares
    constants = difference[:, :, :1].expand(-1, -1, 7).tril()
    torch.testing.assert_close(difference, constants, atol=1e-5, rtol=0)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("n_buckets, max_distance", [(32, 128), (8, 20), (16, 1000)])
def test_relative_buckets_and_their_bias_are_t5s(bidirectional, n_buckets, max_distance):
    from transformers.models.t5.modeling_t5 import T5Attention

    relative = torch.arange(-1500, 1501)
    expected = T5Attention._relative_position_bucket(relative, bidirectional, n_buckets, max_distance)
    assert relative_buckets(relative, n_buckets, max_distance, bidirectional).equal(expected)

    config = transformers.T5Config(
        d_model=8,
        d_kv=4,
        num_heads=2,
        relative_attention_num_buckets=n_buckets,
        relative_attention_max_distance=max_distance,
        is_decoder=not bidirectional,
    )
    theirs = T5Attention(config, has_relative_attention_bias=True)
    ours = RelativePositionBias(2, n_buckets, max_distance, bidirectional)
    ours.weight.data.copy_(normal(0, n_buckets, 2))
    theirs.relative_attention_bias.weight.data.copy_(ours.weight)
    torch.testing.assert_close(ours(40)[None], theirs.compute_bias(40, 40))
    torch.testing.assert_close(ours(3, 40)[None], theirs.compute_bias(3, 40, past_seen_tokens=37))


class SwiGLU(torch.nn.Module):
    """An expert of Mixtral: three matrices, no biases."""

    def __init__(self, d_model, d_ff):
        super().__init__()
        self.gate_up = torch.nn.Linear(d_model, 2 * d_ff, bias=False)
        self.down = torch.nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x):
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(torch.nn.functional.silu(gate) * up)


@pytest.mark.parametrize("n_experts, top_k", [(8, 2), (4, 3), (2, 2)])
def test_the_layer_is_mixtrals_with_the_same_weights_forward_and_backward(n_experts, top_k):
    from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

    config = transformers.MixtralConfig(
        hidden_size=12, intermediate_size=20, num_local_experts=n_experts, num_experts_per_tok=top_k
    )
    config._experts_implementation = "eager"
    theirs, ours = MixtralSparseMoeBlock(config), MoE(12, 20, n_experts, top_k, expert=SwiGLU)
    ours.router.weight.data = 0.7 * normal(0, n_experts, 12)
    theirs.gate.weight.data = ours.router.weight.data.clone()
    for index, expert in enumerate(ours.experts):
        expert.gate_up.weight.data, expert.down.weight.data = normal(10 + index, 40, 12), normal(20 + index, 12, 20)
    theirs.experts.gate_up_proj.data = torch.stack([expert.gate_up.weight.data for expert in ours.experts])
    theirs.experts.down_proj.data = torch.stack([expert.down.weight.data for expert in ours.experts])
    x, weights = normal(1, 2, 9, 12), normal(2, 2, 9, 12)
    output, expected = ours(x), theirs(x)
    torch.testing.assert_close(output, expected, atol=1e-4, rtol=1e-4)
    (output * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.router.weight.grad, theirs.gate.weight.grad, atol=1e-3, rtol=1e-3)
    for index, expert in enumerate(ours.experts):
        torch.testing.assert_close(expert.down.weight.grad, theirs.experts.down_proj.grad[index], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_the_balance_loss_is_mixtrals_divided_by_the_experts_per_token(top_k):
    from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

    logits = normal(top_k, 50, 6)
    experts, _ = route_top_k(logits, top_k)
    expected = load_balancing_loss_func((logits,), 6, top_k)
    torch.testing.assert_close(top_k * load_balancing_loss(logits.softmax(-1), experts), expected)


def deepseek_v3():
    """A layer of DeepSeek-V3: 8 experts in one group, 3 a token, 2 shared, with a bias in the choice."""
    from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3MoE

    config = transformers.DeepseekV3Config(
        hidden_size=12,
        moe_intermediate_size=20,
        n_routed_experts=8,
        num_experts_per_tok=3,
        n_shared_experts=2,
        n_group=1,
        topk_group=1,
        routed_scaling_factor=1.0,
    )
    config._experts_implementation = "eager"
    theirs = DeepseekV3MoE(config)
    for seed, weight in enumerate(theirs.parameters()):
        weight.data = 0.5 * normal(seed, *weight.shape)
    theirs.gate.e_score_correction_bias.copy_(0.3 * normal(9, 8))
    return theirs


def test_choosing_with_a_bias_and_sharing_experts_are_deepseek_v3s():
    theirs, x = deepseek_v3(), normal(1, 2, 9, 12)
    scores = torch.nn.functional.linear(x, theirs.gate.weight).sigmoid()
    experts, gates = route_with_bias(scores, theirs.gate.e_score_correction_bias, 3)
    _, expected_gates, expected_experts = theirs.gate(x)
    order = expected_experts.sort(-1)
    assert experts.flatten(0, 1).sort(-1).values.equal(order.values)
    mine = gates.flatten(0, 1).gather(-1, experts.flatten(0, 1).argsort(-1))
    torch.testing.assert_close(mine, expected_gates.gather(-1, order.indices))
    unbiased, _ = route_with_bias(scores, torch.zeros(8), 3)
    assert not unbiased.sort(-1).values.equal(experts.sort(-1).values)  # the bias of this test changes who is asked

    ours = MoE(12, 20, 8, 3, n_shared=2, biased=True, expert=SwiGLU)
    for index, expert in enumerate(ours.experts):
        expert.gate_up.weight.data = theirs.experts.gate_up_proj.data[index]
        expert.down.weight.data = theirs.experts.down_proj.data[index]
    shared = theirs.shared_experts  # one network twice as wide is two that are added up
    gates_up = zip(shared.gate_proj.weight.data.chunk(2), shared.up_proj.weight.data.chunk(2))
    for expert, halves, down in zip(ours.shared, gates_up, shared.down_proj.weight.data.chunk(2, dim=-1)):
        expert.gate_up.weight.data, expert.down.weight.data = torch.cat(halves), down
    routed = ours._combine(x, experts, gates, None)  # with sigmoids: the layer itself takes a softmax
    torch.testing.assert_close(routed + sum(e(x) for e in ours.shared), theirs(x), atol=1e-4, rtol=1e-4)
