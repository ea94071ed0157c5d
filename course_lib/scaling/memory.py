"""Memory of a Transformer in bytes: weights, optimizer, activations, cache, and the matrix that nobody needs.

Activations are what autograd keeps from the forward pass for the backward one. `saved_bytes` measures them,
`activation_bytes` says where they come from; the tests hold the two together.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from course_lib.arguments import require_counts, require_positive
from course_lib.gpt import GPTConfig


def adamw_bytes(n_parameters: int) -> dict[str, int]:
    """Return what training with AdamW keeps for the parameters, in float32: 16 bytes each.

    Mixed precision as in Micikevicius et al. 2018 needs 16 as well: 2 for the weights, 2 for the gradients, 12 for
    float32 weights and moments (Rajbhandari et al. 2020, §3.1). Raises ValueError for a negative number.

    >>> adamw_bytes(1000)
    {'weights': 4000, 'gradients': 4000, 'moments': 8000}
    """
    require_counts(0, n_parameters=n_parameters)
    return {"weights": 4 * n_parameters, "gradients": 4 * n_parameters, "moments": 8 * n_parameters}


def kv_cache_bytes(
    n_layers: int, n_kv_heads: int, d_head: int, seq_len: int, batch_size: int = 1, bytes_per_number: int = 2
) -> int:
    """Return what the keys and values of all layers take: 2 · L · H_kv · D · T · B numbers.

    n_layers          L
    n_kv_heads        H_kv, all heads or, with grouped queries, fewer
    d_head            D
    seq_len           T, tokens that the cache holds
    batch_size        B, texts written at once
    bytes_per_number  2 for float16 and bfloat16, 4 for float32

    Raises ValueError when an argument is not positive.

    >>> kv_cache_bytes(32, 32, 128, seq_len=4096) / 2**30  # Llama 7B, one text of 4096 tokens: 2 GiB
    2.0
    """
    require_counts(n_layers=n_layers, n_kv_heads=n_kv_heads, d_head=d_head, seq_len=seq_len)
    require_counts(batch_size=batch_size)
    require_positive(bytes_per_number=bytes_per_number)
    return 2 * n_layers * n_kv_heads * d_head * seq_len * batch_size * bytes_per_number


def score_bytes(n_layers: int, n_heads: int, seq_len: int, batch_size: int = 1, bytes_per_number: int = 2) -> int:
    """Return what all attention scores would take if they were kept: L · H · T² · B numbers.

    Only a naive implementation keeps them, and only in training all layers' at once; `fused_attention` and
    `tiled_attention` never hold more than a few rows. The time stays quadratic either way.
    Raises ValueError when an argument is not positive.

    >>> score_bytes(1, 1, 50_000)  # a book: 5 GB for one head of one layer, which fits
    5000000000
    """
    require_counts(n_layers=n_layers, n_heads=n_heads, seq_len=seq_len, batch_size=batch_size)
    require_positive(bytes_per_number=bytes_per_number)
    return n_layers * n_heads * seq_len**2 * batch_size * bytes_per_number


def activation_bytes(config: GPTConfig, batch_size: int, seq_len: int, bytes_per_number: int = 4) -> dict[str, int]:
    """Return what autograd keeps of one training step of a GPT, by part, in bytes.

    config            any `GPTConfig` without dropout. With `checkpoint`, each layer keeps its input alone; while it is
                      computed again, one layer at a time takes what is given as "one layer"
    batch_size        B
    seq_len           T, tokens of a window
    bytes_per_number  4 for float32

    Counted are tensors of B · T rows that some backward formula reads. In a layer these are, of d numbers each: the
    input and the output of both norms, q, k, v and what attention gathered; then the hidden features, twice with GELU
    (before and after) and four times with SwiGLU (gate, up, silu(gate), the product). Outside the layers: the input and
    output of the last norm, and the log-probabilities of all V tokens. Of small models with large vocabularies, those
    are most of it. Left out: single numbers per row and head, about 1 %; the copies that RoPE makes of q and k; and the
    third tensor of an RMSNorm where it is not fused. With both, the truth is up to a third more.

    Raises ValueError when a size is not positive.
    Korthikanti et al. 2022, §4.1, count 34 · d bytes a token and layer: in float16, with dropout, without the scores.
    """
    require_counts(batch_size=batch_size, seq_len=seq_len)
    require_positive(bytes_per_number=bytes_per_number)
    hidden = (4 if config.ffn == "swiglu" else 2) * config.d_ff
    d_kv = config.n_kv_heads * config.d_head
    layer = 6 * config.d_model + 2 * d_kv + hidden
    rows = batch_size * seq_len * bytes_per_number
    return {
        "one layer": rows * layer,
        "layers": rows * config.n_layers * (config.d_model if config.checkpoint else layer),
        "output": rows * (2 * config.d_model * config.pre_norm + config.vocab_size),
    }


def saved_bytes(compute: Callable[[], object]) -> int:
    """Return how many bytes autograd keeps for the backward pass of what compute() does.

    compute  a function without arguments that runs a forward pass. Parameters are not counted, nor other leaves that
             want a gradient; tensors that share their memory are counted once

    >>> x = torch.ones(10, requires_grad=True)
    >>> saved_bytes(lambda: (2 * x).exp().sin())  # exp keeps its output, sin its input: the same 10 numbers
    40
    """
    storages: dict[int, int] = {}
    kept = []  # so that no memory is freed and used again while we count

    def keep(tensor: Tensor) -> Tensor:
        if not (tensor.is_leaf and tensor.requires_grad) and not _is_view_of_leaf(tensor):
            storage = tensor.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
            kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = compute()
    del result
    return sum(storages.values())


def _is_view_of_leaf(tensor: Tensor) -> bool:
    base = tensor._base  # a transposed weight, for instance
    return base is not None and base.is_leaf and base.requires_grad
