"""Published weights in the course's GPT: state dicts of Hugging Face's GPT-2 and Llama, renamed and rearranged.

Nothing is downloaded: you bring the state dict (of a file that you have, or of a `transformers` model). What differs:

- GPT-2 stores its matrices as (in, out), so that x @ W needs no transpose; nn.Linear stores (out, in). A square matrix
  that is not transposed raises no error and ruins the model.
- GPT-2 has q, k and v in one matrix, as we do; Llama has three, and two for gate and up.
- GPT-2's files have no output matrix: it is the token embedding.
"""

import torch
from torch import Tensor

from course_lib.gpt import GPT, GPTConfig

StateDict = dict[str, Tensor]

# our name in a block: theirs (several are stacked)
_GPT2_MATRICES = {
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "feed_forward.up": "mlp.c_fc",
    "feed_forward.down": "mlp.c_proj",
}
_LLAMA = {
    "norm1": ["input_layernorm"],
    "attention.qkv": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "attention.out": ["self_attn.o_proj"],
    "norm2": ["post_attention_layernorm"],
    "feed_forward.gate_up": ["mlp.gate_proj", "mlp.up_proj"],
    "feed_forward.down": ["mlp.down_proj"],
}


def gpt_from_gpt2(state_dict: StateDict, n_heads: int) -> GPT:
    """Return a GPT with the weights of a Hugging Face GPT-2, in eval mode.

    state_dict  of a GPT2LMHeadModel or GPT2Model, or the content of a published file; the other sizes are read off
    n_heads     H; no tensor tells it (12, 16, 20 and 25 for the four published sizes)

    The dtype is that of the state dict. Raises ValueError when a tensor is missing or left over.
    """
    given = {name.removeprefix("transformer."): tensor for name, tensor in state_dict.items()}
    # published files also hold the causal mask, and what was filled in where it forbids
    given = {name: t for name, t in given.items() if not name.endswith((".attn.bias", ".attn.masked_bias"))}
    n_layers = _count(given, ".ln_1.weight")
    ours = {"tokens.weight": _take(given, "wte.weight"), "positions.weight": _take(given, "wpe.weight")}
    ours["head.weight"] = given.pop("lm_head.weight", ours["tokens.weight"])
    for kind in ("weight", "bias"):
        ours[f"norm.{kind}"] = _take(given, f"ln_f.{kind}")
        for layer in range(n_layers):
            for number in (1, 2):
                ours[f"blocks.{layer}.norm{number}.{kind}"] = _take(given, f"h.{layer}.ln_{number}.{kind}")
            for name, theirs in _GPT2_MATRICES.items():
                tensor = _take(given, f"h.{layer}.{theirs}.{kind}")
                ours[f"blocks.{layer}.{name}.{kind}"] = tensor.T if kind == "weight" else tensor
    vocab_size, d_model = ours["tokens.weight"].shape
    config = GPTConfig(
        vocab_size=vocab_size,
        seq_len=len(ours["positions.weight"]),
        d_model=d_model,
        n_heads=n_heads,
        n_layers=n_layers,
        d_ff=len(ours["blocks.0.feed_forward.up.bias"]),
        ffn="gelu_tanh",
    )
    return _filled(config, ours, given)


def gpt_from_llama(
    state_dict: StateDict, n_heads: int, seq_len: int, rope_theta: float = 10000.0, norm_eps: float = 1e-6
) -> GPT:
    """Return a GPT with the weights of a Hugging Face Llama, in eval mode.

    state_dict  of a LlamaForCausalLM without biases; the other sizes are read off
    n_heads     H, number of query heads
    seq_len     the longest window it was trained on
    rope_theta, norm_eps  as in its configuration. Scaled RoPE (Llama 3.1 and later) is not supported

    The dtype is that of the state dict. Raises ValueError when a tensor is missing or left over.
    """
    given = {name.removeprefix("model."): tensor for name, tensor in state_dict.items()}
    n_layers = _count(given, ".input_layernorm.weight")
    ours = {"tokens.weight": _take(given, "embed_tokens.weight"), "norm.weight": _take(given, "norm.weight")}
    ours["head.weight"] = given.pop("lm_head.weight", ours["tokens.weight"])
    for layer in range(n_layers):
        for name, theirs in _LLAMA.items():
            stacked = [_take(given, f"layers.{layer}.{part}.weight") for part in theirs]
            ours[f"blocks.{layer}.{name}.weight"] = torch.cat(stacked)
    vocab_size, d_model = ours["tokens.weight"].shape
    d_qkv = len(ours["blocks.0.attention.qkv.weight"])
    config = GPTConfig(
        vocab_size=vocab_size,
        seq_len=seq_len,
        d_model=d_model,
        n_heads=n_heads,
        n_layers=n_layers,
        n_kv_heads=(d_qkv - d_model) * n_heads // (2 * d_model),
        d_ff=len(ours["blocks.0.feed_forward.gate_up.weight"]) // 2,
        norm="rms",
        ffn="swiglu",
        positions="rope",
        tie=ours["head.weight"].equal(ours["tokens.weight"]),
        bias=False,
        norm_eps=norm_eps,
        rope_theta=rope_theta,
    )
    return _filled(config, ours, given)


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
    model = GPT(config).to(weights["tokens.weight"].dtype)
    model.load_state_dict(weights)
    return model.eval()
