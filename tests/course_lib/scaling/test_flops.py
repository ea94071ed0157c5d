"""Operations counted by hand against torch's counter, which watches every product that runs."""

from functools import reduce

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import set_checkpoint_early_stop
from torch.utils.flop_counter import FlopCounterMode

from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import next_token_loss
from course_lib.scaling import checkpointed, flops_per_token, matmul_parameters

SHAPE = {"vocab_size": 50, "seq_len": 32, "d_model": 32, "n_heads": 4, "n_layers": 3}


def counted(compute):
    # the fused kernels count as nothing on a CPU
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        compute()
    return counter.get_total_flops()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tied": False},
        {"positions": "rope", "norm": "rms", "ffn": "swiglu", "n_kv_heads": 2, "bias": False},
        {"d_ff": 40, "pre_norm": False},
    ],
)
def test_a_gpts_step_costs_what_the_formula_says(options):
    config = GPTConfig(**SHAPE | options)
    model, windows = GPT(config), torch.randint(50, (2, 33), generator=torch.Generator().manual_seed(0))
    sizes = (matmul_parameters(config), config.n_layers, config.d_model, config.seq_len)
    n_tokens = 2 * 32
    assert counted(lambda: next_token_loss(model, windows)) == n_tokens * flops_per_token(*sizes, training=False)
    assert counted(lambda: next_token_loss(model, windows).backward()) == n_tokens * flops_per_token(*sizes)


def test_with_a_cache_a_token_meets_the_keys_so_far():
    config = GPTConfig(**SHAPE)
    model, ids = GPT(config).eval(), torch.randint(50, (1, 9), generator=torch.Generator().manual_seed(0))
    cache = model.new_cache(1, 9)
    model(ids[:, :8], cache)
    one = counted(lambda: model(ids[:, 8:], cache))
    assert one == flops_per_token(matmul_parameters(config), 3, 32, n_keys=9, training=False)


def test_checkpointing_computes_all_layers_again_but_for_the_last_product_of_each():
    model, x = GPT(GPTConfig(**SHAPE)), torch.ones(2, 32, 32, requires_grad=True)
    layers = [lambda x, block=block: block(x, None, None) for block in model.blocks]  # no positions, no mask: causal

    def step(run):
        return counted(lambda: run(layers, x).sum().backward())

    without = step(lambda layers, x: reduce(lambda x, layer: layer(x), layers, x))
    with set_checkpoint_early_stop(False):
        assert 3 * step(checkpointed) == 4 * without
    last_products = 2 * 32 * 3 * 2 * (4 * 32 * 32)  # 2 · 32 tokens, 3 layers, 2 per weight of the matrix `down`
    assert step(checkpointed) == without * 4 // 3 - last_products
    assert step(checkpointed) / without == pytest.approx(1.24, abs=0.01)


def test_a_negative_size_is_refused_by_name():
    with pytest.raises(ValueError, match="n_keys must be at least 0, got -1"):
        flops_per_token(10, 1, 1, -1)
