"""The numbers on the cards of lesson 19."""

import pytest
import torch
from torch.utils.checkpoint import set_checkpoint_early_stop

from course_lib.gpt import GPT, GPTConfig
from course_lib.quantization import quantize
from course_lib.scaling import (
    BESIROGLU_2024,
    HOFFMANN_2022,
    adamw_bytes,
    checkpointed,
    compute_optimal,
    flops_per_token,
    matmul_intensity,
    matmul_parameters,
)
from tests.course_lib.scaling.test_flops import counted


def test_attention_is_an_eighth_of_gpt2():
    n = matmul_parameters(GPTConfig(vocab_size=50257, seq_len=1024, d_model=768, n_heads=12, n_layers=12))
    assert 1 - 6 * n / flops_per_token(n, 12, 768, 1024) == pytest.approx(0.13, abs=0.005)


def test_training_keeps_16_bytes_a_parameter():
    assert sum(adamw_bytes(1).values()) == 16


def test_a_latent_is_as_short_as_the_card_says():
    assert (2 * 128 * 128, 512 + 64) == (32_768, 576)


def test_one_token_does_one_operation_a_byte():
    assert matmul_intensity(1, 4096, 4096) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize(("law", "ratio"), [(HOFFMANN_2022, 93), (BESIROGLU_2024, 18)])
def test_each_law_asks_for_as_many_tokens_as_the_card_says(law, ratio):
    n, d = compute_optimal(5.76e23, law)
    assert d / n == pytest.approx(ratio, abs=0.5)


def test_checkpointing_counts_23_per_cent_more_and_a_third_without_the_early_stop():
    blocks = GPT(GPTConfig(vocab_size=50, seq_len=32, d_model=64, n_heads=4, n_layers=4)).blocks
    layers, x = [lambda x, block=block: block(x, None, None) for block in blocks], torch.ones(2, 32, 64)

    def in_turn():
        y = x
        for layer in layers:
            y = layer(y)
        return y

    x.requires_grad_()
    once = counted(lambda: in_turn().sum().backward())
    assert counted(lambda: checkpointed(layers, x).sum().backward()) / once == pytest.approx(1.23, abs=0.005)
    with set_checkpoint_early_stop(False):
        assert counted(lambda: checkpointed(layers, x).sum().backward()) / once == pytest.approx(4 / 3)


def test_the_row_of_the_card_has_these_codes():
    codes, scale = quantize(torch.tensor([[0.5, -1.4, 2.1]]), 3)
    assert codes.tolist() == [[1, -2, 3]] and scale.item() == pytest.approx(0.7)
