"""Imported weights against the models they come from: `transformers`' GPT-2 and Llama with random weights, offline."""

import pytest
import torch

from course_lib.gpt_weights import gpt_from_gpt2, gpt_from_llama

IDS = torch.randint(0, 50, (2, 11), generator=torch.Generator().manual_seed(0))


def shaken(model):
    """Give every parameter random values, biases and norms included, so that no mix-up goes unseen."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, p in model.named_parameters():
            centre = 1.0 if p.dim() == 1 and name.endswith("weight") else 0.0
            p.copy_(centre + 0.2 * torch.randn(p.shape, generator=generator))
    return model.eval()


@pytest.fixture(scope="module")
def gpt2():
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=50, n_positions=24, n_embd=32, n_layer=3, n_head=4, bos_token_id=0, eos_token_id=0
    )
    return shaken(transformers.GPT2LMHeadModel(config))


@pytest.fixture(scope="module")
def llama():
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=40,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=False,
    )
    return shaken(transformers.LlamaForCausalLM(config))


def ours_of_llama(llama):
    return gpt_from_llama(llama.state_dict(), n_heads=4, seq_len=64, norm_eps=llama.config.rms_norm_eps)


@torch.no_grad()
def greedy(model, ids, n_new):
    """Continue ids by n_new tokens, one call for the prompt and one for each token after it."""
    cache = model.new_cache(len(ids), ids.size(1) + n_new)
    new = ids
    for _ in range(n_new):
        new = model(new, cache)[:, -1:].argmax(-1)
        ids = torch.cat([ids, new], dim=1)
    return ids


@torch.no_grad()
def test_gpt2s_logits_are_equal(gpt2):
    ours = gpt_from_gpt2(gpt2.state_dict(), n_heads=4)
    torch.testing.assert_close(ours(IDS), gpt2(IDS).logits, atol=1e-4, rtol=1e-4)
    assert ours.config.n_parameters() == sum(p.numel() for p in gpt2.parameters())
    assert not ours.training


@torch.no_grad()
def test_gpt2s_attention_is_equal_in_every_layer_and_head(gpt2):
    gpt2.set_attn_implementation("eager")
    theirs = gpt2(IDS, output_attentions=True).attentions
    gpt2.set_attn_implementation("sdpa")
    for ours, expected in zip(gpt_from_gpt2(gpt2.state_dict(), n_heads=4).attention_maps(IDS), theirs, strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)


def test_gradients_of_gpt2s_loss_are_equal(gpt2):
    ours = gpt_from_gpt2(gpt2.state_dict(), n_heads=4)
    logits = ours(IDS)[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), IDS[:, 1:].flatten())
    theirs = gpt2(IDS, labels=IDS).loss
    torch.testing.assert_close(loss, theirs)
    loss.backward()
    gpt2.zero_grad()
    theirs.backward()
    block, other = ours.blocks[1], gpt2.transformer.h[1]
    torch.testing.assert_close(block.attention.qkv.weight.grad, other.attn.c_attn.weight.grad.T, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(ours.tokens.weight.grad, gpt2.transformer.wte.weight.grad, atol=1e-5, rtol=1e-3)
    gpt2.zero_grad()


def test_cached_generation_equals_that_of_gpt2(gpt2):
    expected = gpt2.generate(IDS, max_new_tokens=12, do_sample=False, eos_token_id=None, pad_token_id=0)
    assert greedy(gpt_from_gpt2(gpt2.state_dict(), n_heads=4), IDS, 12).equal(expected)


@torch.no_grad()
def test_left_padded_prompts_give_gpt2s_logits_on_real_tokens(gpt2):
    left_padding = torch.tensor([0, 4])
    real = torch.arange(11) >= left_padding[:, None]
    positions = (real.long().cumsum(-1) - 1).clamp(min=0)
    theirs = gpt2(IDS, attention_mask=real.long(), position_ids=positions).logits
    ours = gpt_from_gpt2(gpt2.state_dict(), n_heads=4)(IDS, left_padding=left_padding)
    torch.testing.assert_close(ours[real], theirs[real], atol=1e-4, rtol=1e-4)


def test_published_files_without_prefix_or_head_and_with_mask_buffers_are_read(gpt2):
    state = gpt2.transformer.state_dict()
    state |= {f"h.{i}.attn.bias": torch.ones(1, 1, 24, 24).tril() for i in range(3)}
    state |= {f"h.{i}.attn.masked_bias": torch.tensor(-1e4) for i in range(3)}
    assert gpt_from_gpt2(state, n_heads=4)(IDS).equal(gpt_from_gpt2(gpt2.state_dict(), n_heads=4)(IDS))


@torch.no_grad()
def test_llamas_logits_and_cached_generation_are_equal(llama):
    ours = ours_of_llama(llama)
    torch.testing.assert_close(ours(IDS), llama(IDS).logits, atol=1e-4, rtol=1e-4)
    expected = llama.generate(IDS, max_new_tokens=12, do_sample=False, eos_token_id=None, pad_token_id=0)
    assert greedy(ours, IDS, 12).equal(expected)
    assert ours.config.n_kv_heads == 2 and not ours.config.tie
    assert ours.config.n_parameters() == sum(p.numel() for p in llama.parameters())


@torch.no_grad()
def test_a_llama_in_bfloat16_stays_in_bfloat16(llama):
    state = {name: tensor.bfloat16() for name, tensor in llama.state_dict().items()}
    logits = gpt_from_llama(state, n_heads=4, seq_len=64, norm_eps=llama.config.rms_norm_eps)(IDS)
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), llama(IDS).logits, atol=0.5, rtol=0.1)


def test_tensors_that_are_missing_left_over_or_of_another_model_are_named(gpt2, llama):
    state = gpt2.state_dict()
    del state["transformer.h.1.mlp.c_fc.weight"]
    with pytest.raises(ValueError, match=r"must have a tensor 'h.1.mlp.c_fc.weight'"):
        gpt_from_gpt2(state, n_heads=4)
    with pytest.raises(ValueError, match=r"no place for: \['extra'\]"):
        gpt_from_gpt2(gpt2.state_dict() | {"extra": torch.ones(1)}, n_heads=4)
    with pytest.raises(ValueError, match=r"ln_1.weight"):
        gpt_from_gpt2(llama.state_dict(), n_heads=4)
    with pytest.raises(ValueError, match=r"input_layernorm.weight"):
        gpt_from_llama(gpt2.state_dict(), n_heads=4, seq_len=64)
