"""Imported weights against the models they come from: `transformers`' GPT-2 and Llama with random weights, offline."""

import pytest
import torch

from course_lib.gpt_weights import gpt_from_gpt2, gpt_from_llama
from course_lib.interpretability import logit_lens

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


def test_the_logit_lens_reads_gpt2s_hidden_states(gpt2):
    ids = torch.arange(5)[None]
    with torch.no_grad():
        hidden = gpt2(ids, output_hidden_states=True).hidden_states  # the last one is normalised already
        read = [gpt2.lm_head(gpt2.transformer.ln_f(x)) for x in hidden[:-1]] + [gpt2.lm_head(hidden[-1])]
    ours = gpt_from_gpt2(gpt2.state_dict(), gpt2.config.n_head).eval()
    torch.testing.assert_close(logit_lens(ours, ids), torch.stack(read), atol=1e-4, rtol=1e-4)


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
    assert ours.config.n_kv_heads == 2 and not ours.config.tied
    assert ours.config.n_parameters() == sum(p.numel() for p in llama.parameters())


@torch.no_grad()
def test_a_llama_in_bfloat16_stays_in_bfloat16(llama):
    state = {name: tensor.bfloat16() for name, tensor in llama.state_dict().items()}
    logits = gpt_from_llama(state, n_heads=4, seq_len=64, norm_eps=llama.config.rms_norm_eps)(IDS)
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), llama(IDS).logits, atol=0.5, rtol=0.1)


GPT2_SIZES = dict(vocab_size=50, n_positions=24, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
LLAMA_SIZES = dict(
    vocab_size=50, hidden_size=32, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64,
)  # fmt: skip
LONG_ROPE = {"rope_theta": 10000.0, "factor": 2.0, "original_max_position_embeddings": 8}
READ = [
    ("GPT2", {}),
    ("GPT2", {"tie_word_embeddings": False}),
    ("GPT2", {"layer_norm_epsilon": 0.5}),
    ("GPT2", {"activation_function": "gelu"}),
    ("GPT2", {"activation_function": "gelu_pytorch_tanh", "n_inner": 48}),
    ("Llama", {}),
    ("Llama", {"tie_word_embeddings": True}),
    ("Llama", {"rms_norm_eps": 0.5}),
    ("Llama", {"num_key_value_heads": 1, "rope_parameters": {"rope_type": "default", "rope_theta": 50.0}}),
    ("Mistral", {"sliding_window": None}),
]
REFUSED = [
    ("GPT2", {"activation_function": "relu"}, "activation_function"),
    ("GPT2", {"scale_attn_weights": False}, "scale_attn_weights"),
    ("GPT2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
    ("Llama", {"head_dim": 12}, r"H · head_dim, must be d_model = 32, got 48: head_dim = 12"),
    ("Llama", {"rope_parameters": {"rope_type": "linear", **LONG_ROPE}}, "rope_type 'default'.*'linear'"),
    ("Llama", {"rope_parameters": {"rope_type": "yarn", **LONG_ROPE}}, "rope_type 'default'.*'yarn'"),
    (
        "Llama",
        {"rope_parameters": {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0, **LONG_ROPE}},
        "rope_type 'default'.*'llama3'",
    ),
    ("Llama", {"hidden_act": "gelu"}, "hidden_act"),
    ("Llama", {"attention_bias": True}, "no place for"),
    ("Llama", {"mlp_bias": True}, "no place for"),
    ("Mistral", {"sliding_window": 4}, "sliding_window.*got 4"),
    ("Qwen2", {}, "model_type.*got 'qwen2'"),
]


def checkpoint(kind, settings):
    """One of their models with random weights, and what reads it."""
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{kind}Config")(**((GPT2_SIZES if kind == "GPT2" else LLAMA_SIZES) | settings))
    name = "GPT2LMHeadModel" if kind == "GPT2" else f"{kind}ForCausalLM"
    return shaken(getattr(transformers, name)(config)), gpt_from_gpt2 if kind == "GPT2" else gpt_from_llama


@pytest.mark.parametrize("kind, settings", READ)
def test_what_the_settings_ask_for_is_read_from_them(kind, settings):
    theirs, read = checkpoint(kind, settings)
    ours = read(theirs.state_dict(), config=theirs.config.to_dict())
    assert ours.config.tied == theirs.config.tie_word_embeddings
    with torch.no_grad():
        torch.testing.assert_close(ours(IDS), theirs(IDS).logits, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind, settings, message", REFUSED)
def test_what_this_gpt_does_not_have_is_refused_where_the_settings_ask_for_it(kind, settings, message):
    theirs, read = checkpoint(kind, settings)
    with pytest.raises(ValueError, match=message):
        read(theirs.state_dict(), config=theirs.config.to_dict())


@pytest.mark.parametrize("kind", ["GPT2", "Llama"])
@pytest.mark.parametrize("tied", [True, False])
def test_an_output_matrix_of_its_own_stays_its_own_without_settings_too(kind, tied):
    theirs, read = checkpoint(kind, {"tie_word_embeddings": tied})
    ours = read(theirs.state_dict(), 4, **({} if kind == "GPT2" else {"seq_len": 64}))
    assert ours.tokens.weight.equal(theirs.get_input_embeddings().weight)
    logits, expected = ours(IDS), theirs(IDS).logits
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=1e-4)
    logits.square().mean().backward()
    expected.square().mean().backward()
    for mine, their in [(ours.tokens, theirs.get_input_embeddings()), (ours.to_logits, theirs.get_output_embeddings())]:
        torch.testing.assert_close(mine.weight.grad, their.weight.grad, atol=1e-3, rtol=1e-3)


def test_settings_that_contradict_the_tensors_or_the_arguments_are_named():
    theirs, _ = checkpoint("Llama", {"tie_word_embeddings": False})
    state, config = theirs.state_dict(), theirs.config.to_dict()
    for change, message in [
        ({"num_hidden_layers": 3}, r"config\['num_hidden_layers'\] must be 2 as in state_dict, got 3"),
        ({"num_attention_heads": 2}, r"config\['num_key_value_heads'\] must be 1"),
        ({"tie_word_embeddings": True}, "lm_head.weight' must be the token embedding"),
    ]:
        with pytest.raises(ValueError, match=message):
            gpt_from_llama(state, config=config | change)
    with pytest.raises(ValueError, match=r"n_heads must be 4 as in config\['num_attention_heads'\], got 2"):
        gpt_from_llama(state, n_heads=2, config=config)
    with pytest.raises(ValueError, match="n_heads must be given, or a config with 'num_attention_heads'"):
        gpt_from_llama(state)
    with pytest.raises(ValueError, match=r"must have .lm_head.weight., since"):
        gpt_from_llama(theirs.model.state_dict(), config=config)
    with pytest.raises(ValueError, match=r"'to_logits.weight' must have the shape \(50, 32\), got \(51, 32\)"):
        gpt_from_llama(state | {"lm_head.weight": torch.zeros(51, 32)}, n_heads=4, seq_len=8)


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
