"""GPT against torch's own Transformer layers, against itself without a cache, and against what its sizes promise.

`test_gpt_weights.py` compares it with GPT-2 and Llama of `transformers`.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.attention import causal_mask
from course_lib.gpt import GPT, GPTConfig
from course_lib.kv_cache import KVCache
from course_lib.language_model import draw_windows, next_token_loss
from course_lib.positions import alibi_bias
from course_lib.train import Trainer

BASE = {"vocab_size": 11, "seq_len": 16, "d_model": 16, "n_heads": 4, "n_layers": 2}

configs = st.builds(
    lambda **choices: GPTConfig(**BASE | choices),
    n_kv_heads=st.sampled_from([1, 2, 4]),
    norm=st.sampled_from(["layer", "rms"]),
    ffn=st.sampled_from(["gelu", "gelu_tanh", "swiglu"]),
    positions=st.sampled_from(["learned", "rope", "alibi", "none"]),
    pre_norm=st.booleans(),
    tied=st.booleans(),
    bias=st.booleans(),
)


def make(config=None, seed=0, **choices):
    """A model in eval mode whose weights are large enough for every part to matter."""
    model = GPT(config or GPTConfig(**BASE | choices), generator=torch.Generator().manual_seed(seed)).eval()
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=generator), alpha=0.2)
    return model


def random_ids(seed, *shape, high=11):
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(seed))


def close(a, b):
    torch.testing.assert_close(a, b, atol=2e-5, rtol=1e-4)


@settings(max_examples=60, deadline=None)
@given(configs, st.lists(st.integers(1, 4), max_size=3), st.booleans())
@torch.no_grad()
def test_reading_in_pieces_with_a_cache_equals_reading_at_once(config, pieces, padded):
    model, length = make(config), sum(pieces) + 3
    ids = random_ids(0, 3, length)
    left_padding = torch.tensor([0, 1, 2]) if padded else None
    whole = model(ids, left_padding=left_padding)
    cache, read = model.new_cache(3, length), []
    for number, piece in enumerate(ids.split([3, *pieces], dim=1)):
        read.append(model(piece, cache, left_padding if number == 0 else None))
    assert cache.length == length
    real = torch.ones(3, length, dtype=torch.bool)
    if padded:
        real = torch.arange(length) >= left_padding[:, None]  # what comes of padding means nothing
    close(torch.cat(read, dim=1)[real], whole[real])


@settings(max_examples=40, deadline=None)
@given(configs, st.integers(0, 11))
@torch.no_grad()
def test_changing_a_token_changes_no_logits_before_it(config, changed):
    model, ids = make(config), random_ids(1, 1, 12)
    other = ids.clone()
    other[0, changed] = (ids[0, changed] + 1) % 11
    moved = (model(other) - model(ids)).abs().amax(-1)[0]
    assert moved[:changed].eq(0).all()
    assert moved[changed] > 0


@settings(max_examples=40, deadline=None)
@given(configs, st.sampled_from([None, 24]))
def test_the_number_of_parameters_is_the_formulas(config, d_ff):
    config = GPTConfig(**vars(config) | {"d_ff": d_ff})
    model = GPT(config)
    assert sum(p.numel() for p in model.parameters()) == config.n_parameters()
    in_ffn = sum(p.numel() for block in model.blocks for p in block.feed_forward.parameters())
    in_attention = sum(p.numel() for block in model.blocks for p in block.attention.parameters())
    assert config.parameters_by_part()["feed-forward"] == in_ffn
    assert config.parameters_by_part()["attention"] == in_attention


@settings(max_examples=40, deadline=None)
@given(configs, st.integers(1, 5))
@torch.no_grad()
def test_padding_at_the_left_or_right_changes_nothing_for_the_real_tokens(config, n_padding):
    model, ids = make(config), random_ids(2, 2, 8)
    expected = model(ids)
    filler = random_ids(3, 2, n_padding)
    at_left = model(torch.cat([filler, ids], dim=1), left_padding=torch.tensor([n_padding, n_padding]))
    close(at_left[:, n_padding:], expected)
    close(model(torch.cat([ids, filler], dim=1))[:, :8], expected)


@pytest.mark.parametrize("pre_norm", [True, False])
def test_a_block_equals_torchs_layer_under_a_causal_mask_and_so_do_its_gradients(pre_norm):
    config = GPTConfig(**BASE | {"positions": "none", "pre_norm": pre_norm, "n_layers": 1})
    block = make(config).blocks[0]
    theirs = nn.TransformerEncoderLayer(16, 4, 64, 0.0, "gelu", 1e-5, batch_first=True, norm_first=pre_norm)
    names = {
        "self_attn.in_proj_": "attention.qkv.",
        "self_attn.out_proj.": "attention.out_proj.",
        "linear1.": "feed_forward.up.",
        "linear2.": "feed_forward.down.",
        "norm1.": "norm1.",
        "norm2.": "norm2.",
    }
    state = block.state_dict()
    theirs.load_state_dict(
        {other + kind: state[ours + kind] for other, ours in names.items() for kind in ("weight", "bias")}
    )
    x = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(0))
    output = block(x, torch.arange(7), None)
    expected = theirs(x, src_mask=~causal_mask(7))
    close(output, expected)
    output.square().sum().backward()
    expected.square().sum().backward()
    close(block.attention.qkv.weight.grad, theirs.self_attn.in_proj_weight.grad)
    close(block.feed_forward.up.weight.grad, theirs.linear1.weight.grad)


def test_swiglu_equals_its_formula():
    layer = make(ffn="swiglu").blocks[0].feed_forward
    x = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    w_gate, w_up = layer.gate_up.weight.chunk(2)
    b_gate, b_up = layer.gate_up.bias.chunk(2)
    gate = x @ w_gate.T + b_gate
    close(layer(x), (gate / (1 + (-gate).exp()) * (x @ w_up.T + b_up)) @ layer.down.weight.T + layer.down.bias)


@torch.no_grad()
def test_shared_key_value_heads_equal_full_heads_with_repeated_keys_and_values():
    shared, full = make(n_kv_heads=2), make()
    state = shared.state_dict()
    for layer in range(2):
        for kind in ("weight", "bias"):
            name = f"blocks.{layer}.attention.qkv.{kind}"
            q, k, v = state[name].split([16, 8, 8])
            k, v = (t.unflatten(0, (2, 4)).repeat_interleave(2, dim=0).flatten(0, 1) for t in (k, v))
            state[name] = torch.cat([q, k, v])
    full.load_state_dict(state)
    ids = random_ids(0, 2, 9)
    close(shared(ids), full(ids))
    assert shared.new_cache(1, 9).keys.numel() == full.new_cache(1, 9).keys.numel() // 2


@pytest.mark.parametrize("positions", ["learned", "rope", "alibi", "none"])
@torch.no_grad()
def test_attention_maps_are_the_weights_with_which_the_kernel_mixes_the_values(positions):
    model, ids = make(positions=positions, n_kv_heads=2), random_ids(4, 2, 7)
    mixed = []
    for block in model.blocks:
        block.attention.out_proj.register_forward_pre_hook(lambda _, inputs: mixed.append(inputs[0]))
        block.attention.qkv.register_forward_hook(lambda _, __, output: mixed.append(output))
    model(ids)
    computed = list(mixed)
    for weights, qkv, heads in zip(model.attention_maps(ids), computed[0::2], computed[1::2], strict=True):
        v = qkv[..., 24:].unflatten(-1, (2, 4)).transpose(1, 2).repeat_interleave(2, dim=1)  # (B, H, T, D)
        close((weights @ v).transpose(1, 2).flatten(2), heads)
        assert weights.triu(1).eq(0).all()
        close(weights.sum(-1), torch.ones(2, 4, 7))


@torch.no_grad()
def test_alibi_lowers_scores_by_slope_times_distance():
    model = make(positions="alibi", n_layers=1)
    block = model.blocks[0]
    block.attention.qkv.weight.zero_(), block.attention.qkv.bias.zero_()  # all scores 0: only the bias is left
    (weights,) = model.attention_maps(random_ids(0, 1, 6))
    close(weights[0, :, -1], alibi_bias(4, 6)[:, -1].softmax(-1))
    assert (weights[0, :, -1].diff() > 0).all()  # nearer keys get more


@torch.no_grad()
def test_rope_and_alibi_know_only_distances_and_learned_positions_know_places():
    for positions, same in (("rope", True), ("alibi", True), ("learned", False)):
        model = make(positions=positions)
        ids = random_ids(5, 1, 6)
        filler = torch.cat([ids[:, :1], ids], dim=1)
        # the same six tokens, one place later, with the first place hidden
        mask = causal_mask(7)
        mask[:, 0] = False
        mask[0, 0] = True
        x = model.tokens(filler) + (model.positions(7) if positions == "learned" else 0)
        if positions == "alibi":
            mask = alibi_bias(4, 7).masked_fill(~mask, -math.inf)
        for block in model.blocks:
            x = block(x, torch.arange(7), mask)
        moved = (model.to_logits(model.norm(x))[:, 1:] - model(ids)).abs().max()
        assert (moved < 1e-4) == same, positions


def test_post_norm_ends_in_a_block_and_pre_norm_in_a_norm_of_its_own():
    model = make(pre_norm=False)
    assert not list(model.norm.parameters())
    features = GPT(GPTConfig(**BASE | {"pre_norm": False})).features(random_ids(0, 2, 5))
    close(F.layer_norm(features, (16,)), features)  # normalised already: another norm would do nothing
    assert isinstance(make().norm, nn.LayerNorm)


def test_tied_models_share_one_matrix_and_untied_ones_do_not():
    tied, untied = make(), make(tied=False)
    assert tied.to_logits.weight is tied.tokens.weight
    assert untied.to_logits.weight is not untied.tokens.weight
    tied(random_ids(0, 1, 4)).sum().backward()
    assert tied.tokens.weight.grad.abs().sum(-1).gt(0).all()  # words that were not read learn too, through the head


def spread(module):
    return module.weight.std().item()


def test_weights_start_small_and_those_that_write_into_the_residual_sum_smaller():
    config = GPTConfig(vocab_size=200, d_model=128, n_layers=8, init_std=0.02)
    model = GPT(config, generator=torch.Generator().manual_seed(0))
    assert math.isclose(spread(model.tokens), 0.02, rel_tol=0.05)
    assert math.isclose(spread(model.positions), 0.02, rel_tol=0.05)
    for block in model.blocks:
        for linear in (block.attention.qkv, block.feed_forward.up):
            assert math.isclose(spread(linear), 0.02, rel_tol=0.05)
        for linear in (block.attention.out_proj, block.feed_forward.down):
            assert math.isclose(spread(linear), 0.02 / 4, rel_tol=0.05)  # √(2 · 8) = 4
            assert linear.bias.eq(0).all()
    loss = next_token_loss(model, random_ids(0, 8, 33, high=200))
    assert abs(loss.item() - math.log(200)) < 0.05  # nothing is believed yet


def test_narrow_models_start_with_larger_weights_than_gpt2s_768_features():
    assert GPTConfig(10, d_model=768, n_heads=12).init_std == 0.02
    narrow = GPT(GPTConfig(500, d_model=192), generator=torch.Generator().manual_seed(0))
    assert math.isclose(spread(narrow.tokens), 0.04, rel_tol=0.05)  # a quarter of the width


def test_the_same_generator_gives_the_same_weights_whatever_torchs_global_one_holds():
    first = GPT(GPTConfig(**BASE, tied=False), generator=torch.Generator().manual_seed(3)).state_dict()
    torch.manual_seed(12345)
    second = GPT(GPTConfig(**BASE, tied=False), generator=torch.Generator().manual_seed(3)).state_dict()
    torch.testing.assert_close(first, second, atol=0, rtol=0)


def test_what_drops_everything_knows_nothing_of_the_text():
    model = make(dropout=1.0).train()
    logits = model(random_ids(0, 2, 5))
    close(logits, logits[:1, :1].expand_as(logits))
    logits.sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_dropout_acts_in_training_on_every_part_and_never_in_eval_mode():
    model, ids = make(dropout=0.3), random_ids(0, 2, 8)
    assert model.eval()(ids).equal(model(ids))
    torch.manual_seed(0)
    assert not model.train()(ids).equal(model(ids))
    quiet = make(dropout=0.0).train()
    assert quiet(ids).equal(quiet(ids))


def kept_bytes(compute):
    """Bytes that autograd keeps for the backward pass of what compute() returns."""
    storages = {}

    def keep(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        compute()
    return sum(storages.values())


def test_checkpointing_changes_neither_loss_nor_gradients_and_keeps_less():
    ids = random_ids(0, 4, 16)
    results, kept = [], []
    for recompute in (False, True):
        model = make(checkpoint=recompute, dropout=0.2, n_layers=4).train()
        torch.manual_seed(7)
        loss = next_token_loss(model, ids)
        loss.backward()
        results.append({"loss": loss} | {name: p.grad for name, p in model.named_parameters()})
        kept.append(kept_bytes(lambda model=model: model(ids)))
    torch.testing.assert_close(*results)
    assert kept[1] < kept[0] / 3


def test_training_keeps_memory_linear_in_the_length_because_no_square_matrix_is_built():
    model = make(seq_len=512, n_layers=1).train()
    short, long = (kept_bytes(lambda n=n: model(random_ids(0, 1, n))) for n in (256, 512))
    weights = sum(p.numel() * 4 for p in model.parameters())
    assert (long - weights) < 2.2 * (short - weights)


def test_another_feed_forward_network_drops_in():
    class Halving(nn.Module):
        def __init__(self, config):
            super().__init__()
            self.factor = nn.Parameter(torch.full((config.d_model,), 0.5))

        def forward(self, x):
            return self.factor * x

    model = GPT(GPTConfig(**BASE), Halving)
    assert sum(isinstance(part, Halving) for part in model.modules()) == 2
    model(random_ids(0, 2, 5)).sum().backward()
    assert all(block.feed_forward.factor.grad.abs().sum() > 0 for block in model.blocks)


def test_mixed_precision_stays_close_to_full_precision():
    for positions in ("learned", "rope", "alibi"):
        model, ids = make(positions=positions, n_kv_heads=2), random_ids(0, 2, 12)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(ids)
        torch.testing.assert_close(logits.float(), model(ids), atol=0.3, rtol=0.1)


def test_it_learns_a_repeated_text_by_heart():
    text = torch.arange(11).repeat(40)
    model = GPT(GPTConfig(**BASE), generator=torch.Generator().manual_seed(0))
    for step in Trainer(model, draw_windows(text, 8, 16), next_token_loss, steps=60, lr=1e-2):
        last = step.loss
    assert last < 0.3  # uniform: ln 11 ≈ 2.4


@torch.no_grad()
def test_rows_of_a_cache_can_be_kept_permuted_and_repeated():
    model, ids = make(), random_ids(0, 3, 6)
    for rows in (torch.tensor([2, 0, 1]), torch.tensor([1, 1, 1]), torch.tensor([2, 0]), torch.tensor([0, 1, 2, 2])):
        cache, padding = model.new_cache(3, 16), torch.tensor([0, 1, 2])
        model(ids, cache, padding)
        cache.reorder(rows)
        new = random_ids(1, len(rows), 2)
        expected = model(torch.cat([ids[rows], new], dim=1), left_padding=padding[rows])
        close(model(new, cache), expected[:, -2:])
        assert cache.left_padding.equal(padding[rows])


@torch.no_grad()
def test_a_truncated_cache_has_forgotten_what_came_later():
    model, ids = make(positions="rope"), random_ids(0, 2, 9)
    cache = model.new_cache(2, 9)
    model(ids, cache)
    cache.truncate(4)
    other = random_ids(1, 2, 3)
    close(model(other, cache), model(torch.cat([ids[:, :4], other], dim=1))[:, 4:])
    for length in (-1, 8):
        with pytest.raises(ValueError, match=rf"between 0 and 7, .* got {length}"):
            cache.truncate(length)


@torch.no_grad()
def test_models_without_a_table_of_positions_read_beyond_their_training_length():
    ids = random_ids(0, 1, 20)
    for positions in ("rope", "alibi", "none"):
        assert make(positions=positions)(ids).isfinite().all()
    with pytest.raises(ValueError, match="positions exist for 0 … 15"):
        make()(ids)


@torch.no_grad()
def test_features_times_the_output_matrix_are_the_logits():
    model, ids = make(tied=False), random_ids(0, 2, 5)
    close(model.features(ids) @ model.to_logits.weight.T, model(ids))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: GPTConfig(**BASE | {"n_heads": 3}), "d_model = 16, got n_heads = 3"),
        (lambda: GPTConfig(**BASE, n_kv_heads=3), "n_heads = 4, got n_kv_heads = 3"),
        (lambda: GPTConfig(**BASE, norm="batch"), "norm must be one of layer, rms, got 'batch'"),
        (lambda: GPTConfig(**BASE, ffn="relu"), "got 'relu'"),
        (lambda: GPTConfig(**BASE, positions="sine"), "got 'sine'"),
        (lambda: GPTConfig(**BASE | {"d_model": 12}, positions="rope"), "must be even, got 3"),
        (lambda: GPTConfig(**BASE, dropout=1.5), "dropout must be a probability between 0 and 1, got 1.5"),
        (lambda: GPTConfig(**BASE | {"n_layers": 0}), "n_layers must be at least 1, got 0"),
        (lambda: make()(torch.tensor([1, 2])), r"shape \(B, T\), got \(2,\)"),
        (lambda: make()(random_ids(0, 2, 3), make().new_cache(1, 9)), "batch of 1, got ids with 2 rows"),
        (lambda: make()(random_ids(0, 1, 5), make().new_cache(1, 4)), "max_len = 4 tokens; 5 more"),
        (lambda: KVCache(1, 2, 0, 4, 4), "n_kv_heads must be at least 1, got 0"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_left_padding_cannot_come_late():
    model = make()
    cache = model.new_cache(1, 9)
    model(random_ids(0, 1, 3), cache)
    with pytest.raises(ValueError, match="first call"):
        model(random_ids(0, 1, 3), cache, torch.tensor([1]))


@pytest.mark.gpu
@pytest.mark.parametrize("positions", ["learned", "rope", "alibi", "none"])
@torch.no_grad()
def test_a_gpu_agrees_with_the_cpu_cached_or_not(positions):
    model = make(positions=positions, n_kv_heads=2)
    ids = random_ids(0, 2, 12)
    expected, padding = model(ids), torch.tensor([0, 3])
    padded = model(ids, left_padding=padding)
    model, ids = model.cuda(), ids.cuda()
    torch.testing.assert_close(model(ids).cpu(), expected, atol=1e-3, rtol=1e-3)
    cache = model.new_cache(2, 12)
    pieces = [model(piece, cache) for piece in ids.split([5, 1, 6], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1).cpu(), expected, atol=1e-3, rtol=1e-3)
    on_gpu = model(ids, left_padding=padding.cuda()).cpu()
    torch.testing.assert_close(on_gpu[1, 3:], padded[1, 3:], atol=1e-3, rtol=1e-3)
    assert [m.device.type for m in model.attention_maps(ids)] == ["cuda", "cuda"]
