"""The numbers that lesson 15 states in its prose are right (those that no cell of the lesson prints)."""

import math

import pytest
import torch
import torch.nn.functional as F

from course_lib.gpt import GPTConfig
from course_lib.widgets.gpt import SIZES


def test_the_loss_by_hand_and_with_the_filler_counted():
    nats = [-math.log(p) for p in (0.5, 0.25, 0.9)]
    assert [round(x, 3) for x in nats] == [0.693, 1.386, 0.105]
    assert round(sum(nats[:2]) / 2, 3) == 1.040
    assert round(sum(nats) / 3, 3) == 0.728


def test_rms_norm_of_3_and_4_by_hand():
    x = torch.tensor([3.0, 4.0], dtype=torch.float64)
    assert x.square().mean().item() == 12.5 and round(math.sqrt(12.5), 3) == 3.536
    assert F.rms_norm(x, (2,), eps=0.0).tolist() == pytest.approx([0.849, 1.131], abs=5e-4)
    assert F.layer_norm(x, (2,), eps=0.0).tolist() == pytest.approx([-1.0, 1.0])
    assert 300**2 == 90_000 > torch.finfo(torch.float16).max == 65_504


def test_swiglu_of_1_by_hand():
    gate = torch.tensor(2.0, dtype=torch.float64)
    assert round(gate.sigmoid().item(), 3) == 0.881
    assert round(F.silu(gate).item(), 3) == 1.762
    assert round(F.silu(gate).item() * 3, 3) == 5.285
    assert GPTConfig(10, d_model=96, ffn="swiglu").d_ff == 96 * 8 // 3


def test_the_scaled_standard_deviation_of_eight_layers():
    assert 0.02 / math.sqrt(2 * 8) == pytest.approx(0.005)
    assert round(GPTConfig(10, d_model=64).init_std, 3) == 0.069


def test_a_block_has_about_12_d_squared_parameters_and_gpt2s_embedding_is_nearly_a_third_of_it():
    d = 768
    parts = SIZES["GPT-2 small"].parameters_by_part()
    assert parts["attention"] == 12 * (4 * d**2 + 4 * d)
    assert parts["feed-forward"] == 12 * (8 * d**2 + 5 * d)
    assert parts["norms"] == 12 * 4 * d + 2 * d
    assert round(12 * 12 * d**2 / 1e6) == 85
    assert round(50_257 * d / 1e6) == 39
    assert 0.30 < 50_257 * d / SIZES["GPT-2 small"].n_parameters() < 0.33
    assert round(12 * 96 * 12_288**2 / 1e9) == 174


def test_four_targets_in_two_micro_batches():
    assert (4 + 2) / 2 == 3 and (4 + 3 * 2) / 4 == 2.5


def test_torchs_causal_flag_aligns_the_triangle_at_the_top_left():
    q, v = torch.zeros(1, 1, 2, 4), torch.arange(5.0).view(1, 1, 5, 1)
    output = F.scaled_dot_product_attention(q, torch.zeros(1, 1, 5, 4), v, is_causal=True)
    assert output.flatten().tolist() == [0.0, 0.5]  # the last query sees keys 0 and 1 of 5
