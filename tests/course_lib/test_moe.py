"""Mixtures of experts against a loop over tokens, and against what capacity, balance and sparsity promise."""

import copy
import io
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.moe import (
    Expert,
    MoE,
    active_parameters,
    auxiliary_loss,
    dispatch,
    expert_capacity,
    load_balancing_loss,
    route_top_k,
    route_with_bias,
    router_z_loss,
    routings,
    updated_bias,
    within_capacity,
)
from tests.random_inputs import normal


def layer(seed=0, d_model=6, d_ff=10, n_experts=4, top_k=2, std=0.7, **options):
    """Return a layer with weights large enough for the experts to differ."""
    made = MoE(d_model, d_ff, n_experts, top_k, **options)
    for index, weight in enumerate(made.parameters()):
        weight.data = std * normal(1000 * seed + index, *weight.shape)
    return made


def token_by_token(moe, x, capacity=None):
    """The slow reference: one token after the other, one queue per expert and sequence."""
    out = torch.zeros_like(x)
    for b in range(x.size(0)):
        taken = [0] * moe.n_experts
        for t in range(x.size(1)):
            scores = (moe.router.weight @ x[b, t]).exp()
            probs = scores / scores.sum()
            chosen = sorted(range(moe.n_experts), key=lambda e: -probs[e])[: moe.top_k]
            total = sum(probs[e] for e in chosen) if moe.top_k > 1 else 1.0
            for e in chosen:
                if capacity is None or taken[e] < capacity:
                    taken[e] += 1
                    out[b, t] += probs[e] / total * moe.experts[e](x[b, t])
    return out


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 3), st.integers(1, 9), st.integers(1, 5), st.data())
def test_the_layer_equals_a_loop_over_tokens(seed, batch, length, n_experts, data):
    top_k = data.draw(st.integers(1, n_experts))
    factor = data.draw(st.sampled_from([None, 0.3, 1.0, 1.5]))
    moe, x = layer(seed, n_experts=n_experts, top_k=top_k, capacity_factor=factor), normal(seed, batch, length, 6)
    capacity = None if factor is None else max(1, math.ceil(factor * length * top_k / n_experts))
    torch.testing.assert_close(moe.train()(x), token_by_token(moe, x, capacity), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(moe.eval()(x), token_by_token(moe, x), atol=1e-5, rtol=1e-4)  # never drops


@pytest.mark.parametrize("top_k", [1, 2])
def test_gradients_agree_with_the_loop_over_tokens_for_every_parameter(top_k):
    moe, x = layer(top_k=top_k, capacity_factor=1.0).double(), normal(1, 2, 7, 6, dtype=torch.float64)
    capacity, weights = expert_capacity(7, 4, top_k, 1.0), normal(2, 2, 7, 6, dtype=torch.float64)
    found = torch.autograd.grad((moe(x) * weights).sum(), list(moe.parameters()))
    assert 0.0 < moe.routing.dropped < 1.0
    expected = torch.autograd.grad((token_by_token(moe, x, capacity) * weights).sum(), list(moe.parameters()))
    for got, want in zip(found, expected):
        torch.testing.assert_close(got, want)
    assert found[0].abs().max() > 1e-3  # the router learns, with one expert per token too


def test_gradients_agree_with_finite_differences():
    moe, x = layer(std=0.5).double(), normal(3, 1, 4, 6, dtype=torch.float64).requires_grad_()

    def output_and_loss(x):
        return moe(x), moe.aux_loss

    assert torch.autograd.gradcheck(output_and_loss, (x,))


def test_one_expert_is_its_feed_forward_network():
    moe, x = layer(n_experts=1, top_k=1), normal(0, 2, 5, 6)
    torch.testing.assert_close(moe(x), moe.experts[0](x))
    assert moe.routing.gates.eq(1).all()


def test_equal_experts_make_routing_irrelevant():
    moe, x = layer(n_experts=4, top_k=2), normal(0, 2, 5, 6)
    for expert in moe.experts:
        expert.load_state_dict(moe.experts[0].state_dict())
    torch.testing.assert_close(moe(x), moe.experts[0](x), atol=1e-5, rtol=1e-4)  # the gates sum to 1


def test_renormalised_gates_are_a_softmax_over_the_chosen_and_a_single_one_keeps_its_probability():
    logits = normal(0, 50, 6)
    experts, gates = route_top_k(logits, 3)
    torch.testing.assert_close(gates, logits.gather(-1, experts).softmax(-1))
    torch.testing.assert_close(route_top_k(logits, 1)[1][:, 0], logits.softmax(-1).amax(-1))
    torch.testing.assert_close(route_top_k(logits, 6)[1].sum(-1), torch.ones(50))


def test_with_one_expert_per_token_the_router_still_learns():
    logits = normal(0, 20, 4).requires_grad_()
    route_top_k(logits, 1)[1].sum().backward()
    assert logits.grad.abs().amax(-1).min() > 1e-3


@pytest.mark.parametrize(
    "n_tokens, n_experts, top_k, factor, capacity",
    [(64, 8, 2, 1.0, 16), (64, 8, 2, 1.25, 20), (1, 8, 2, 1.0, 1), (3, 8, 2, 1.0, 1), (10, 4, 1, 1.0, 3)],
)
def test_capacity_is_rounded_up_and_never_zero(n_tokens, n_experts, top_k, factor, capacity):
    assert expert_capacity(n_tokens, n_experts, top_k, factor) == capacity


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 3), st.integers(1, 10), st.integers(1, 5), st.integers(1, 6), st.data())
def test_every_sequence_fills_its_experts_in_order(seed, batch, length, n_experts, capacity, data):
    top_k = data.draw(st.integers(1, n_experts))
    experts = normal(seed, batch, length, n_experts).topk(top_k).indices
    kept = within_capacity(experts, n_experts, capacity)
    for b in range(batch):
        taken = [0] * n_experts
        for t in range(length):
            for choice in range(top_k):
                expert = experts[b, t, choice]
                assert kept[b, t, choice] == (taken[expert] < capacity)
                taken[expert] += 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(1, 12), st.integers(1, 5), st.booleans(), st.data())
def test_dispatch_gives_every_kept_assignment_to_its_expert_in_token_order(seed, n_tokens, n_experts, dropping, data):
    top_k = data.draw(st.integers(1, n_experts))
    experts = normal(seed, n_tokens, n_experts).topk(top_k).indices
    kept = normal(seed + 1, n_tokens, top_k) > 0 if dropping else None
    order, counts = dispatch(experts, n_experts, kept)
    slices = order.split(counts.tolist())
    for expert in range(n_experts):
        mine = experts == expert if kept is None else (experts == expert) & kept
        assert slices[expert].tolist() == mine.flatten().nonzero().flatten().tolist()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.integers(0, 7))
def test_later_tokens_and_other_sequences_change_nothing_even_when_tokens_are_dropped(seed, changed):
    moe, x = layer(seed, capacity_factor=0.5).train(), normal(seed, 2, 8, 6)
    other = x.clone()
    other[0, changed] = normal(seed + 1, 6)
    difference = (moe(other) - moe(x)).abs().amax(-1)
    assert (difference[0, :changed] < 1e-5).all() and (
        difference[1] < 1e-5
    ).all()  # slices of other sizes round otherwise


def test_dropped_tokens_get_zeros_and_only_in_training():
    moe, x = layer(n_experts=4, top_k=1, capacity_factor=1.0), normal(0, 1, 1, 6).expand(2, 8, 6)
    output = moe.train()(x)  # eight equal tokens want the same expert, which takes two of them
    assert moe.routing.dropped == 0.75 and output[:, 2:].eq(0).all() and output[:, :2].ne(0).all()
    assert moe.eval()(x).ne(0).all() and moe.routing.dropped == 0.0
    assert moe.train()(x[:, :1]).ne(0).all()  # one token always finds room


def test_an_expert_without_tokens_gets_a_zero_gradient_and_not_none():
    moe = layer(n_experts=4, top_k=1)
    moe(normal(0, 1, 1, 6)).sum().backward()
    gradients = [expert.up.weight.grad for expert in moe.experts]
    assert sum(gradient.eq(0).all().item() for gradient in gradients) == 3


def test_the_balance_loss_is_one_when_balanced_and_the_number_of_experts_when_collapsed():
    even = torch.full((8, 4), 0.25)
    assert load_balancing_loss(even, torch.arange(8)[:, None] % 4) == 1
    pairs = torch.stack([torch.arange(8) % 4, (torch.arange(8) + 1) % 4], -1)
    assert load_balancing_loss(even, pairs) == 1
    one = torch.eye(4)[:1].expand(8, 4)
    assert load_balancing_loss(one, torch.zeros(8, 1, dtype=torch.int64)) == 4


def test_training_on_the_balance_loss_alone_spreads_the_tokens():
    torch.manual_seed(0)
    moe, x = MoE(6, 4, 4, 1, balance=1.0, z=0.0), normal(0, 4, 64, 6) + 1.0  # a common mean: one expert wins
    moe.router.weight.data = normal(1, 4, 6)
    moe(x)
    before, optimizer = moe.routing.loads.max(), torch.optim.Adam(moe.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        moe(x)
        auxiliary_loss(moe).backward()
        optimizer.step()
    assert before > 0.5 and moe.routing.loads.max() < 0.4 and moe.routing.loads.min() > 0.1


def test_the_z_loss_is_the_mean_squared_log_normaliser():
    logits = normal(0, 3, 5, 4)
    expected = sum(math.log(sum(math.exp(x) for x in row)) ** 2 for row in logits.flatten(0, 1).tolist()) / 15
    assert router_z_loss(logits).item() == pytest.approx(expected, rel=1e-5)


def test_the_auxiliary_loss_sums_over_layers_with_their_weights():
    model = nn.Sequential(layer(0, balance=0.5, z=0.25), layer(1, balance=2.0, z=0.0))
    with pytest.raises(ValueError, match="called before"):
        auxiliary_loss(model)
    x = normal(0, 2, 5, 6)
    middle = model[0](x)
    model(x)
    expected = 0.0
    for moe, given_to_it in zip(model, (x, middle)):
        logits = moe.router(given_to_it)
        balance = load_balancing_loss(logits.softmax(-1), route_top_k(logits, 2)[0])
        expected = expected + moe.balance * balance + moe.z * router_z_loss(logits)
    torch.testing.assert_close(auxiliary_loss(model), expected)
    assert len(routings(model)) == 2
    with pytest.raises(ValueError, match="MoE layer, got Linear"):
        auxiliary_loss(nn.Linear(2, 2))


def test_the_routing_tells_who_went_where():
    moe, x = layer(n_experts=4, top_k=2, capacity_factor=0.5), normal(0, 2, 8, 6)
    moe.train()(x)
    seen = moe.routing
    assert seen.experts.shape == seen.gates.shape == seen.kept.shape == (2, 8, 2) and seen.probs.shape == (2, 8, 4)
    assert not seen.probs.requires_grad and not seen.gates.requires_grad
    assert seen.loads.sum().item() == pytest.approx(1.0)
    assert seen.loads.tolist() == [(seen.experts == e).sum().item() / 32 for e in range(4)]
    assert seen.dropped == pytest.approx(1 - seen.kept.sum().item() / 32)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 999), st.integers(1, 9), st.integers(2, 6), st.data())
def test_a_bias_decides_who_is_asked_and_not_how_much_it_counts(seed, n_tokens, n_experts, data):
    top_k = data.draw(st.integers(1, n_experts))
    scores, bias = normal(seed, n_tokens, n_experts).softmax(-1), 0.3 * normal(seed + 1, n_experts)
    experts, gates = route_with_bias(scores, bias, top_k)
    for n in range(n_tokens):
        ranked = sorted(range(n_experts), key=lambda e: -(scores[n, e] + bias[e]).item())[:top_k]
        total = sum(scores[n, e].item() for e in ranked) if top_k > 1 else 1.0
        assert experts[n].tolist() == ranked
        assert gates[n].tolist() == pytest.approx([scores[n, e].item() / total for e in ranked], rel=1e-5)


def test_without_a_bias_the_choice_is_the_likeliest_and_no_gradient_reaches_the_bias():
    logits, bias = normal(0, 7, 5), torch.zeros(5, requires_grad=True)
    for mine, plain in zip(route_with_bias(logits.softmax(-1), bias, 2), route_top_k(logits, 2)):
        torch.testing.assert_close(mine, plain)
        assert not mine.requires_grad


def test_the_bias_rises_for_the_idle_falls_for_the_busy_and_stays_for_who_is_at_the_mean():
    bias, experts = torch.tensor([0.5, 0.0, -1.0, 2.0]), torch.tensor([[0, 1], [0, 2], [0, 1], [2, 0]])
    torch.testing.assert_close(updated_bias(bias, experts, 0.125), torch.tensor([0.375, 0.0, -1.0, 2.125]))
    thirds = torch.arange(3).repeat(7)[:, None]  # 7 each: exactly even, whatever rounding makes of 21 / 3
    assert updated_bias(torch.zeros(3), thirds, 1.0).eq(0).all()


def test_updating_the_bias_alone_spreads_the_tokens_while_the_gates_stay_those_of_the_scores():
    moe, x = MoE(6, 4, 4, 1, balance=0.0, z=0.0, biased=True), normal(0, 4, 64, 6) + 1.0  # a common mean: one wins
    moe.router.weight.data = 0.3 * normal(1, 4, 6)  # probabilities that a bias can overtake
    moe(x)
    before = moe.routing.loads.max()
    for _ in range(150):
        moe.bias = updated_bias(moe.bias, moe.routing.experts, 0.01)
        moe(x)
    assert before > 0.4 and moe.routing.loads.max() < 0.35 and moe.routing.loads.min() > 0.15
    torch.testing.assert_close(moe.routing.gates, moe.routing.probs.gather(-1, moe.routing.experts))
    assert "bias" in moe.state_dict() and "bias" not in layer().state_dict()


def test_shared_experts_add_their_answer_for_every_token_and_are_always_active():
    moe, x = layer(n_experts=4, top_k=1, capacity_factor=0.5, n_shared=2).train(), normal(0, 2, 8, 6)
    alone = layer(n_experts=4, top_k=1, capacity_factor=0.5).train()
    alone.load_state_dict({name: w for name, w in moe.state_dict().items() if "shared" not in name})
    torch.testing.assert_close(moe(x), alone(x) + moe.shared[0](x) + moe.shared[1](x))
    expert = sum(p.numel() for p in moe.shared[0].parameters())
    assert moe.routing.dropped > 0 and active_parameters(moe) == active_parameters(alone) + 2 * expert


def test_active_parameters_count_only_the_experts_that_a_token_meets():
    model = nn.Sequential(nn.Linear(6, 6), MoE(6, 10, n_experts=8, top_k=2))
    expert = 2 * 6 * 10
    assert sum(p.numel() for p in model.parameters()) == 42 + 48 + 8 * expert
    assert active_parameters(model) == 42 + 48 + 2 * expert


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_works_and_routes_in_float32(dtype):
    moe, x = layer(std=0.3, capacity_factor=1.0).to(dtype), normal(0, 2, 8, 6, dtype=dtype)
    output = moe(x)
    output.float().square().sum().backward()
    assert output.dtype == dtype and moe.routing.probs.dtype == torch.float32
    assert all(p.grad is not None and p.grad.isfinite().all() for p in moe.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        assert layer().eval()(normal(0, 2, 8, 6)).isfinite().all()


@pytest.mark.parametrize("autocast", [False, True])
def test_scores_that_bfloat16_cannot_tell_apart_still_get_different_gates(autocast):
    moe = MoE(2, 4, n_experts=2, top_k=2)
    moe.router.weight.data = torch.tensor(
        [[64.0, 36.0], [64.0, 36.25]]
    )  # 100 and 100.25 for (1, 1): both 100 in bfloat16
    x = torch.ones(1, 1, 2)
    if not autocast:
        moe, x = moe.bfloat16(), x.bfloat16()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        moe(x)
    torch.testing.assert_close(moe.routing.gates.flatten(), torch.tensor([0.25, 0.0]).softmax(-1))


def test_a_used_layer_can_be_copied_and_saved_without_what_its_last_call_left():
    moe, x = layer(), normal(0, 2, 5, 6)
    output = moe(x)
    torch.testing.assert_close(copy.deepcopy(moe)(x), output)
    torch.save(moe, file := io.BytesIO())
    file.seek(0)
    restored = torch.load(file, weights_only=False)
    assert restored.routing is None and moe.routing is not None
    torch.testing.assert_close(restored(x), output)


def test_the_same_generator_draws_the_same_weights():
    first, second = (MoE(4, 4, 3, 1, generator=torch.Generator().manual_seed(7)) for _ in range(2))
    assert all(a.equal(b) for a, b in zip(first.parameters(), second.parameters()))


def test_any_module_can_be_an_expert():
    moe = MoE(
        6, 3, 2, 1, expert=lambda d_model, d_ff: nn.Sequential(nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model))
    )
    assert moe(normal(0, 1, 4, 6)).shape == (1, 4, 6)
    assert Expert(6, 3)(normal(0, 4, 6)).shape == (4, 6)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: route_top_k(torch.zeros(2, 4), 5), "between 1 and the number of experts, 4, got 5"),
        (lambda: route_top_k(torch.zeros(2, 4), 0), "got 0"),
        (lambda: expert_capacity(0, 8, 2, 1.0), "n_tokens must be at least 1, got 0"),
        (lambda: expert_capacity(8, 8, 2, 0.0), "capacity_factor must be positive, got 0.0"),
        (lambda: MoE(4, 4, 2, 3), "top_k must be between 1 and n_experts = 2, got 3"),
        (lambda: MoE(4, 0, 2, 1), "d_ff must be at least 1, got 0"),
        (lambda: MoE(4, 4, 2, 1, capacity_factor=-1.0), "capacity_factor must be positive, got -1.0"),
        (lambda: MoE(4, 4, 2, 1)(torch.zeros(3, 4)), r"x must have the shape \(batch, tokens, 4\), got \(3, 4\)"),
        (lambda: active_parameters(nn.Linear(2, 2)), "MoE layer"),
        (lambda: routings(MoE(4, 4, 2, 1)), "called before"),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.gpu
@pytest.mark.parametrize("factor", [None, 1.0])
def test_a_gpu_gives_what_the_cpu_gives(factor):
    moe, x = layer(capacity_factor=factor), normal(0, 3, 40, 6)
    expected = moe(x)
    expected.square().sum().backward()
    gradients = [weight.grad.clone() for weight in moe.parameters()]
    moe.zero_grad()
    output = moe.cuda()(x.cuda())
    output.square().sum().backward()
    torch.testing.assert_close(output.cpu(), expected, atol=1e-4, rtol=1e-4)
    for weight, gradient in zip(moe.parameters(), gradients):
        torch.testing.assert_close(weight.grad.cpu(), gradient, atol=1e-3, rtol=1e-3)
