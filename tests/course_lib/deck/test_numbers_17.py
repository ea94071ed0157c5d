"""The numbers on the cards of lesson 17."""

import math

import pytest
import torch

from course_lib.deck import DECK
from course_lib.moe import (
    MoE,
    active_parameters,
    expert_capacity,
    load_balancing_loss,
    route_top_k,
    route_with_bias,
    router_z_loss,
)

CARDS = {card.id: card for card in DECK if card.lesson == "17_moe"}


def test_the_gates_of_the_two_chosen():
    gates = route_top_k(torch.tensor([0.5, 0.1, 0.3, 0.1]).log(), 2)[1]
    assert gates.tolist() == pytest.approx([0.625, 0.375])


def test_capacities():
    assert expert_capacity(64, 8, 2, 1.25) == 20
    assert 1 * 2 / 8 == 0.25 and expert_capacity(1, 8, 2, 1.0) == 1


def test_the_balancing_loss_when_balanced_and_when_collapsed():
    even, all_on_one = torch.full((4, 4), 0.25), torch.eye(4)[[0] * 4]
    assert load_balancing_loss(even, torch.arange(4)[:, None]).item() == pytest.approx(1)
    assert load_balancing_loss(all_on_one, torch.zeros(4, 1, dtype=torch.long)).item() == pytest.approx(4)


def test_the_z_loss_of_four_zeros():
    assert router_z_loss(torch.zeros(1, 4)).item() == pytest.approx(math.log(4) ** 2)
    assert f"{math.log(4) ** 2:.3f}" in CARDS["moe_z_loss"].answer


def test_stored_and_active_weights():
    layer = MoE(64, 128, n_experts=8, top_k=2)
    stored, router = sum(p.numel() for p in layer.parameters()), layer.router.weight.numel()
    assert CARDS["moe_active"].answer.startswith(f"{stored:,} and {active_parameters(layer):,}. The router’s {router}")


def test_mixtral_by_its_published_sizes():
    d, d_ff, n_layers, vocab = 4096, 14336, 32, 32_000
    shared = n_layers * (2 * d * d + 2 * d * 8 * 128 + 2 * d + 8 * d) + 2 * vocab * d + d
    stored, active = ((shared + n_layers * n * 3 * d * d_ff) / 1e9 for n in (8, 2))
    answer = " ".join(CARDS["moe_mixtral"].answer.split())
    assert f"{stored:.1f} billion are stored, {active:.1f} billion active" in answer


def test_a_bias_changes_the_choice_and_not_the_gates():
    scores = torch.tensor([0.5, 0.3, 0.2])
    experts, gates = route_with_bias(scores, torch.tensor([-0.4, 0.0, 0.0]), 2)
    assert scores[experts].tolist() == pytest.approx([0.3, 0.2]) and gates.tolist() == pytest.approx([0.6, 0.4])


def test_cutting_and_sharing_experts():
    routed, chosen = 4 * 8 - 1, 4 * 2 - 1
    answer = " ".join(CARDS["moe_shared"].answer.split())
    assert answer.startswith(f"{routed} and {chosen}:")
    assert f"{math.comb(8, 2)} ways to choose become {math.comb(routed, chosen):,}" in answer
