"""Published weights in the course's GPT: state dicts of Hugging Face's GPT-2 and Llama, renamed and rearranged.

Nothing is downloaded: you bring the state dict and the settings, of files that you have or of a `transformers` model:

    gpt_from_gpt2(model.state_dict(), config=model.config.to_dict())

What differs:

- GPT-2 stores its matrices as (in, out), so that x @ W needs no transpose; nn.Linear stores (out, in). A square matrix
  that is not transposed raises no error and ruins the model.
- GPT-2 has q, k and v in one matrix, as we do; Llama has three, and two for gate and up.
- GPT-2's files have no output matrix: it is the token embedding. A model fine-tuned with a head of its own has one.
- What no tensor tells is in the settings: see `course_lib.checkpoint_settings`. Without them the number of heads must
  be given, the published models' values are taken for the rest, and nothing can be refused.
"""

import torch
from torch import Tensor

from course_lib.checkpoint_settings import Settings, require_settings, require_sizes, setting
from course_lib.gpt import GPT, GPTConfig

StateDict = dict[str, Tensor]

# our name in a block: theirs (several are stacked)
_GPT2_MATRICES = {
    "attention.qkv": "attn.c_attn",
    "attention.out_proj": "attn.c_proj",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
_LLAMA = {
    "norm1": ["input_layernorm"],
    "attention.qkv": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "attention.out_proj": ["self_attn.o_proj"],
    "norm2": ["post_attention_layernorm"],
    "feed_forward.gate_up": ["mlp.gate_proj", "mlp.up_proj"],
    "feed_forward.down": ["mlp.down_proj"],
}

_GPT2_FFN = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu"}
_GPT2_SETTINGS = {
    "model_type": ("gpt2",),
    "activation_function": tuple(_GPT2_FFN),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
}
_LLAMA_SETTINGS = {
    "model_type": ("llama", "mistral"),  # Mistral's is Llama's, but for its window
    "hidden_act": ("silu", "swish"),
    "sliding_window": (None,),
    "partial_rotary_factor": (None, 1.0),
}


def gpt_from_gpt2(state_dict: StateDict, n_heads: int | None = None, *, config: Settings | None = None) -> GPT:
    """Return a GPT with the weights of a Hugging Face GPT-2, in eval mode.

    state_dict  of a GPT2LMHeadModel or GPT2Model, or the content of a published file; the other sizes are read off
    n_heads     H, if config does not tell it (12, 16, 20 and 25 for the four published sizes)
    config      the checkpoint's settings. None: those of the published models are assumed, unchecked

    An output matrix that is not the token embedding makes a GPT that is not tied. The dtype is that of the state dict.
    Raises ValueError when a tensor is missing, left over or of another size, when config contradicts the tensors or
    n_heads, and when it asks for what this GPT does not have.
    """
    require_settings(config, _GPT2_SETTINGS)
    given = {name.removeprefix("transformer."): tensor for name, tensor in state_dict.items()}
    # published files also hold the causal mask, and what was filled in where it forbids
    given = {name: t for name, t in given.items() if not name.endswith((".attn.bias", ".attn.masked_bias"))}
    n_layers = _count(given, ".ln_1.weight")
    ours = {"tokens.weight": _take(given, "wte.weight"), "positions.weight": _take(given, "wpe.weight")}
    tied = _take_head(given, ours, config, tied_by_default=True)
    for kind in ("weight", "bias"):
        ours[f"norm.{kind}"] = _take(given, f"ln_f.{kind}")
        for layer in range(n_layers):
            for number in (1, 2):
                ours[f"blocks.{layer}.norm{number}.{kind}"] = _take(given, f"h.{layer}.ln_{number}.{kind}")
            for name, theirs in _GPT2_MATRICES.items():
                tensor = _take(given, f"h.{layer}.{theirs}.{kind}")
                ours[f"blocks.{layer}.{name}.{kind}"] = tensor.T if kind == "weight" else tensor
    (vocab_size, d_model), seq_len = ours["tokens.weight"].shape, len(ours["positions.weight"])
    require_sizes(config, vocab_size=vocab_size, n_embd=d_model, n_positions=seq_len, n_layer=n_layers)
    sizes = GPTConfig(
        vocab_size=vocab_size,
        seq_len=seq_len,
        d_model=d_model,
        n_heads=setting(config, "n_head", n_heads, "n_heads"),
        n_layers=n_layers,
        d_ff=len(ours["blocks.0.feed_forward.up.bias"]),
        ffn=_GPT2_FFN[(config or {}).get("activation_function", "gelu_new")],
        tied=tied,
        norm_eps=(config or {}).get("layer_norm_epsilon", 1e-5),
    )
    return _filled(sizes, ours, given)


def gpt_from_llama(
    state_dict: StateDict,
    n_heads: int | None = None,
    seq_len: int | None = None,
    rope_theta: float | None = None,
    norm_eps: float | None = None,
    *,
    config: Settings | None = None,
) -> GPT:
    """Return a GPT with the weights of a Hugging Face Llama, or of a Mistral without its window, in eval mode.

    state_dict  of a LlamaForCausalLM without biases; the other sizes are read off
    n_heads     H, number of query heads
    seq_len     the longest window it was trained on
    rope_theta  base of RoPE's angles; 10000 if nobody tells it
    norm_eps    added to the mean square; 10⁻⁶ if nobody tells it
    config      the checkpoint's settings, which tell all four. None: plain RoPE and full attention are assumed

    Scaled RoPE (Llama 3.1 and later), sliding windows and heads of another size than d_model / H are refused.
    The dtype is that of the state dict. Raises ValueError when a tensor is missing, left over or of another size, when
    config contradicts the tensors or the arguments, and when it asks for what this GPT does not have.
    """
    rope = _plain_rope(config)
    n_heads = setting(config, "num_attention_heads", n_heads, "n_heads")
    given = {name.removeprefix("model."): tensor for name, tensor in state_dict.items()}
    n_layers = _count(given, ".input_layernorm.weight")
    ours = {"tokens.weight": _take(given, "embed_tokens.weight"), "norm.weight": _take(given, "norm.weight")}
    tied = _take_head(given, ours, config, tied_by_default=False)
    for layer in range(n_layers):
        for name, theirs in _LLAMA.items():
            stacked = [_take(given, f"layers.{layer}.{part}.weight") for part in theirs]
            ours[f"blocks.{layer}.{name}.weight"] = torch.cat(stacked)
    vocab_size, d_model = ours["tokens.weight"].shape
    n_kv_heads = _kv_heads(ours, n_heads)
    require_sizes(config, vocab_size=vocab_size, hidden_size=d_model, num_hidden_layers=n_layers)
    require_sizes(config, num_key_value_heads=n_kv_heads, head_dim=d_model // n_heads)
    sizes = GPTConfig(
        vocab_size=vocab_size,
        seq_len=setting(config, "max_position_embeddings", seq_len, "seq_len"),
        d_model=d_model,
        n_heads=n_heads,
        n_layers=n_layers,
        n_kv_heads=n_kv_heads,
        d_ff=len(ours["blocks.0.feed_forward.gate_up.weight"]) // 2,
        norm="rms",
        ffn="swiglu",
        positions="rope",
        tied=tied,
        bias=False,
        norm_eps=setting(config, "rms_norm_eps", norm_eps, "norm_eps", 1e-6),
        rope_theta=setting(rope, "rope_theta", rope_theta, "rope_theta", 10000.0),
    )
    return _filled(sizes, ours, given)


def _plain_rope(config: Settings | None) -> Settings | None:
    """Return the settings that hold `rope_theta`; raise ValueError where positions or attention are another kind."""
    if config is None:
        return None
    require_settings(config, _LLAMA_SETTINGS)
    for kind in config.get("layer_types") or ():
        if kind != "full_attention":
            raise ValueError(f"config['layer_types'] must be 'full_attention' everywhere, got {kind!r}")
    # one dict since transformers 5, before it the base beside what stretches it
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise ValueError(f"config must have plain RoPE, rope_type 'default', which is all this model has, got {kind!r}")
    require_settings(rope, {"partial_rotary_factor": (None, 1.0)})
    return {"rope_theta": rope.get("rope_theta", config.get("rope_theta"))}


def _kv_heads(ours: StateDict, n_heads: int) -> int:
    """Return the number of key–value heads, read off the shapes; raise ValueError for heads of an unusual size."""
    d_model, d_heads = ours["blocks.0.attention.out_proj.weight"].shape
    if d_heads != d_model:
        raise ValueError(
            f"the features of all heads together, H · head_dim, must be d_model = {d_model}, got {d_heads}: "
            f"head_dim = {d_heads / n_heads:g} with n_heads = {n_heads}"
        )
    d_kv = (len(ours["blocks.0.attention.qkv.weight"]) - d_model) // 2
    if d_model % n_heads or d_kv % (d_model // n_heads):
        raise ValueError(
            f"n_heads must divide d_model = {d_model} so that heads divide {d_kv}, got n_heads = {n_heads}"
        )
    return d_kv // (d_model // n_heads)


def _take_head(given: StateDict, ours: StateDict, config: Settings | None, tied_by_default: bool) -> bool:
    """Move the output matrix; return whether it is the token embedding. Without one it has to be."""
    said = None if config is None else config.get("tie_word_embeddings", tied_by_default)
    tokens = ours["tokens.weight"]
    if "lm_head.weight" not in given and said is False:
        raise ValueError("state_dict must have 'lm_head.weight', since config['tie_word_embeddings'] is False")
    ours["to_logits.weight"] = given.pop("lm_head.weight", tokens)
    tied = ours["to_logits.weight"].equal(tokens)
    if said and not tied:
        raise ValueError("'lm_head.weight' must be the token embedding, since config['tie_word_embeddings'] is True")
    return tied if said is None else said


def _count(given: StateDict, ending: str) -> int:
    n_layers = sum(name.endswith(ending) for name in given)
    if n_layers == 0:
        raise ValueError(f"state_dict must have tensors whose names end in {ending!r}, got {sorted(given)[:5]} …")
    return n_layers


def _take(given: StateDict, name: str) -> Tensor:
    if name not in given:
        raise ValueError(f"state_dict must have a tensor {name!r}, left are {sorted(given)[:5]} …")
    return given.pop(name)


def _filled(config: GPTConfig, weights: StateDict, left: StateDict) -> GPT:
    if left:
        raise ValueError(f"state_dict has tensors that the model has no place for: {sorted(left)[:5]}")
    model = GPT(config)
    for name, tensor in model.state_dict().items():
        if weights[name].shape != tensor.shape:
            got = tuple(weights[name].shape)
            raise ValueError(f"what we call {name!r} must have the shape {tuple(tensor.shape)}, got {got}")
    model.to(weights["tokens.weight"].dtype)
    model.load_state_dict(weights)
    return model.eval()
