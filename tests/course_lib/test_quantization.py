"""Quantisation against torch's own fake quantisation, its bounds, and what it does to a model."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.gpt import GPT, GPTConfig
from course_lib.quantization import dequantize, quantize, quantized, quantized_bytes
from tests.random_inputs import normal


@settings(max_examples=60)
@given(st.integers(0, 999), st.integers(1, 6), st.integers(1, 9), st.integers(2, 8), st.floats(1e-3, 1e3))
def test_it_equals_torchs_fake_quantisation_by_channel(seed, rows, columns, bits, size):
    weight = size * normal(seed, rows, columns)
    codes, scale = quantize(weight, bits)
    largest = 2 ** (bits - 1) - 1
    zero = torch.zeros(rows, dtype=torch.int32)
    torchs = torch.fake_quantize_per_channel_affine(weight, scale[:, 0], zero, 0, -largest, largest)
    torch.testing.assert_close(dequantize(codes, scale), torchs)
    assert codes.dtype == torch.int8 and codes.abs().amax(1).eq(largest).all()


@pytest.mark.parametrize("bits", range(2, 9))
def test_no_weight_moves_by_more_than_half_a_step(bits):
    weight = normal(bits, 3, 5, 40) * torch.logspace(-3, 3, 5)[:, None]
    codes, scale = quantize(weight, bits)
    assert scale.shape == (3, 5, 1)
    assert ((dequantize(codes, scale) - weight).abs() <= scale * 0.500001).all()


def test_a_row_of_zeros_stays_zeros_and_zero_is_always_kept():
    codes, scale = quantize(torch.tensor([[0.0, 0.0], [0.0, -7.0]]), bits=2)
    assert codes.tolist() == [[0, 0], [0, -1]] and scale.tolist() == [[1.0], [7.0]]


def test_halves_go_to_the_even_neighbour():
    assert quantize(torch.tensor([[0.5, 1.5, 2.5, 7.0]]), bits=4)[0].tolist() == [[0, 2, 2, 7]]


def test_half_precision_is_computed_in_float32():
    weight = normal(0, 4, 100).half()
    for got, expected in zip(quantize(weight, 8), quantize(weight.float(), 8)):
        assert got.equal(expected)


@pytest.mark.parametrize("bits", [1, 9])
def test_bits_that_do_not_fit_a_byte_or_hold_no_sign_are_refused(bits):
    with pytest.raises(ValueError, match=f"bits must be from 2 to 8, got {bits}"):
        quantize(torch.ones(2, 2), bits)


def test_a_model_is_copied_and_only_its_matrices_are_rounded():
    model = GPT(GPTConfig(vocab_size=20, seq_len=8, d_model=16, n_heads=2, n_layers=1))
    nn.init.normal_(model.norm.weight)
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    rounded = quantized(model, bits=3)
    assert rounded.to_logits.weight is rounded.tokens.weight
    for name, parameter in rounded.named_parameters():
        assert before[name].equal(model.get_parameter(name))
        expected = dequantize(*quantize(before[name], 3)) if parameter.dim() == 2 else before[name]
        assert parameter.equal(expected)
    assert all(len(row.unique()) <= 7 for row in rounded.blocks[0].attention.qkv.weight)


def test_a_copy_keeps_the_dtype_of_the_model():
    rounded = quantized(nn.Linear(8, 4).to(torch.bfloat16), bits=8)
    assert all(parameter.dtype == torch.bfloat16 for parameter in rounded.parameters())


def test_packed_codes_and_scales_are_counted():
    assert quantized_bytes(10, 64, bits=8) == 10 * 64 + 40
    assert quantized_bytes(10, 64, bits=2) == 10 * 16 + 40
