"""The numbers that lesson 17 states in its prose, computed with the library."""

import math

import pytest
import torch

from course_lib.moe import (
    MoE,
    active_parameters,
    dispatch,
    expert_capacity,
    load_balancing_loss,
    route_top_k,
    router_z_loss,
    within_capacity,
)


def test_the_router_by_hand():
    exponentials = torch.tensor([2.0, 0.0, 1.0]).exp()
    assert exponentials.tolist() == pytest.approx([7.389, 1, 2.718], abs=1e-3)
    assert exponentials.sum().item() == pytest.approx(11.107, abs=1e-3)
    experts, gates = route_top_k(torch.tensor([2.0, 0.0, 1.0]), 2)
    assert experts.tolist() == [0, 2] and gates.tolist() == pytest.approx([0.731, 0.269], abs=1e-3)
    assert route_top_k(torch.tensor([2.0, 0.0, 1.0]), 1)[1].item() == pytest.approx(0.665, abs=1e-3)


def test_sending_three_tokens_by_hand():
    order, counts = dispatch(torch.tensor([[1, 0], [1, 2], [0, 1]]), 3)
    assert order.tolist() == [1, 4, 0, 2, 5, 3] and counts.tolist() == [2, 3, 1]


def test_capacity_by_hand():
    assert expert_capacity(64, 8, 2, 1.25) == 20
    assert 1 * 1 * 2 / 8 == 0.25 and int(0.25) == 0 and expert_capacity(1, 8, 2, 1.0) == 1
    kept = within_capacity(torch.tensor([[[0], [0], [1], [0]]]), 2, 2)
    assert kept.flatten().tolist() == [True, True, True, False]


def test_balance_and_z_by_hand():
    probs = torch.tensor([[0.75, 0.25], [0.75, 0.25]])
    assert load_balancing_loss(probs, torch.tensor([[0], [0]])) == 1.5
    assert router_z_loss(torch.zeros(1, 4)).item() == pytest.approx(math.log(4) ** 2) == pytest.approx(1.922, abs=1e-3)
    assert router_z_loss(torch.full((1, 4), 100.0)).item() == pytest.approx(1e4, rel=0.05)
    assert torch.tensor([100.0, 100.2]).bfloat16().unique().numel() == 1  # half a unit apart around 100


def test_stored_and_active_parameters_by_hand():
    layer = MoE(64, 128, n_experts=8, top_k=2)
    assert layer.router.weight.numel() == 512
    assert sum(weight.numel() for weight in layer.experts[0].parameters()) == 16_384
    assert sum(weight.numel() for weight in layer.parameters()) == 131_584
    assert active_parameters(layer) == 33_280


def test_mixtral_holds_47_billion_of_which_13_meet_a_token():
    d, expert = 4096, 3 * 4096 * 14336
    shared = 32 * (2 * d * d + 2 * d * 1024 + 2 * d + 8 * d) + 2 * 32_000 * d + d
    assert shared + 32 * 8 * expert == 46_702_792_704  # transformers counts as many
    assert (shared + 32 * 2 * expert) / 1e9 == pytest.approx(12.9, abs=0.05)
    assert 32 * 8 * expert / 1e9 == pytest.approx(45.1, abs=0.05)
