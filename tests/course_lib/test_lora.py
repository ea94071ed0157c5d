"""LoRA: the narrow products against the one wide matrix, what is trained and what is not. test_lora_peft.py: parity."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from course_lib.attention import MultiHeadAttention
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import draw_windows, next_token_loss
from course_lib.lora import (
    LoRALinear,
    add_lora,
    load_adapters,
    lora_linear,
    merge_adapters,
    merge_lora,
    save_adapters,
)
from course_lib.train import Trainer
from tests.random_inputs import normal


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Sequential(nn.Linear(8, 8, bias=False), nn.Linear(8, 3)))


def with_adapters(seed=0, targets=("0", "2.1"), rank=2, alpha=5.0):
    """A network whose adapters are not zero any more."""
    model = network(seed)
    add_lora(model, rank, alpha, targets)
    for name, parameter in model.named_parameters():
        if name.endswith((".a", ".b")):
            nn.init.normal_(parameter)
    return model


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 999), st.integers(1, 5), st.integers(1, 6), st.integers(1, 4), st.floats(0.0, 20.0))
def test_two_narrow_products_equal_one_product_with_the_merged_matrix(seed, n_in, n_out, rank, alpha):
    x, weight, bias = normal(seed, 2, 3, n_in), normal(seed + 1, n_out, n_in), normal(seed + 2, n_out)
    a, b = normal(seed + 3, rank, n_in), normal(seed + 4, n_out, rank)
    before = weight.clone()
    wide = weight.clone()
    for row in range(n_out):
        for column in range(n_in):
            wide[row, column] += alpha / rank * sum(b[row, k] * a[k, column] for k in range(rank))
    torch.testing.assert_close(merge_lora(weight, a, b, alpha), wide, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(lora_linear(x, weight, a, b, alpha, bias), x @ wide.T + bias, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(lora_linear(x, weight, a, b, alpha), x @ wide.T, atol=1e-4, rtol=1e-3)
    assert weight.equal(before)
    rank_of_the_change = torch.linalg.matrix_rank(merge_lora(weight, a, b, 1.0).double() - weight.double(), atol=1e-3)
    assert rank_of_the_change <= rank


def test_a_fresh_adapter_changes_nothing_and_only_b_has_a_gradient_at_first():
    base = nn.Linear(6, 4)
    layer, x = LoRALinear(base, rank=3, alpha=6, generator=torch.Generator().manual_seed(0)), normal(0, 5, 6)
    torch.testing.assert_close(layer(x), F.linear(x, base.weight, base.bias))
    layer(x).square().sum().backward()
    assert layer.b.grad.abs().sum() > 0 and layer.a.grad.eq(0).all()
    assert base.weight.grad is None and base.bias.grad is None
    bound = 6**-0.5
    assert layer.a.abs().max() <= bound and layer.a.std().item() == pytest.approx(bound / 3**0.5, rel=0.4)
    again = LoRALinear(nn.Linear(6, 4), rank=3, alpha=6, generator=torch.Generator().manual_seed(0))
    assert again.a.equal(layer.a) and not again.a.equal(LoRALinear(nn.Linear(6, 4), 3, 6).a)


def test_gradients_agree_with_finite_differences():
    shapes = [(2, 3), (4, 3), (2, 3), (4, 2)]
    inputs = [normal(i, *shape, dtype=torch.float64).requires_grad_() for i, shape in enumerate(shapes)]
    assert torch.autograd.gradcheck(lambda x, w, a, b: lora_linear(x, w, a, b, 3.0), inputs)


def test_a_layer_keeps_the_dtype_and_the_absence_of_a_bias():
    layer = LoRALinear(nn.Linear(4, 3, bias=False).bfloat16(), 2, 2.0)
    assert layer.a.dtype == layer.b.dtype == torch.bfloat16
    assert layer(normal(0, 2, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16
    merged = layer.merged()
    assert merged.bias is None and merged.weight.dtype == torch.bfloat16


def test_targets_are_names_of_modules_or_ends_of_full_names():
    assert add_lora(network(), 2, 4, ["0"]) == ["0", "2.0"]
    assert add_lora(network(), 2, 4, ["2.0"]) == ["2.0"]
    attention = MultiHeadAttention(8, 2)
    assert add_lora(attention, 2, 4, ["q_proj", "v_proj"]) == ["q_proj", "v_proj"]
    assert isinstance(attention.q_proj, LoRALinear) and type(attention.k_proj) is nn.Linear
    assert attention(normal(0, 1, 3, 8))[0].shape == (1, 3, 8)


def test_adding_adapters_changes_no_output_and_leaves_only_them_trainable():
    model, x = network().eval(), normal(1, 4, 6)
    before, weights = model(x), {name: p.clone() for name, p in model.named_parameters()}
    add_lora(model, 2, 4, ["0"])  # not the last layer
    torch.testing.assert_close(model(x), before)
    trainable = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trainable == ["0.a", "0.b", "2.0.a", "2.0.b"]
    assert not any(module.training for module in model.modules())
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(x).square().sum().backward()
        optimizer.step()
    assert (model(x) - before).abs().max() > 0.1
    for name, parameter in model.named_parameters():
        if name.replace("base.", "") in weights:
            assert parameter.equal(weights[name.replace("base.", "")])


def test_a_merged_layer_is_a_new_one_and_the_old_one_goes_on_as_it_was():
    layer, x = with_adapters()[0], normal(1, 4, 6)
    before = layer(x)
    merged = layer.merged()
    assert layer(x).equal(before) and type(merged) is nn.Linear
    torch.testing.assert_close(merged(x), before, atol=1e-5, rtol=1e-4)


def test_merging_gives_linear_layers_with_the_same_outputs_and_leaves_nothing_else():
    model, x = with_adapters(), normal(1, 4, 6)
    before, names = model(x), [name for name, _ in network().named_parameters()]
    merge_adapters(model)
    torch.testing.assert_close(model(x), before, atol=1e-5, rtol=1e-4)
    assert [name for name, _ in model.named_parameters()] == names
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert (before - network()(x)).abs().max() > 0.1


def test_adapters_alone_are_saved_and_make_the_same_model_of_the_same_base(tmp_path):
    tuned, path, x = with_adapters(), tmp_path / "adapters.pt", normal(1, 4, 6)
    save_adapters(tuned, path)
    saved = torch.load(path, weights_only=True)
    assert sum(part[matrix].numel() for part in saved.values() for matrix in "ab") == sum(
        p.numel() for p in tuned.parameters() if p.requires_grad
    )
    other = network()
    add_lora(other, 2, 5.0, ["0", "2.1"])
    assert not torch.allclose(other(x), tuned(x))
    load_adapters(other, path)
    assert other(x).equal(tuned(x))
    assert [p.name for p in tmp_path.iterdir()] == ["adapters.pt"]
    for options, message in [
        ({"targets": ["2.1"]}, r"must have adapters at \['2.1'\], got \['0', '2.0', '2.1'\]"),
        ({"rank": 3}, r"at 0, got"),
        ({"alpha": 6.0}, r"alpha like .* 6.0\) at 0, got .* 5.0"),
    ]:
        with pytest.raises(ValueError, match=message):
            load_adapters(with_adapters(**options), path)


def test_a_gpt_learns_a_new_text_through_its_adapters_alone():
    torch.manual_seed(0)
    gpt = GPT(GPTConfig(vocab_size=8, seq_len=16, d_model=32, n_heads=4, n_layers=2))
    up, down = torch.arange(400) % 8, -torch.arange(400) % 8  # 0 1 2 …, then backwards: all transitions are new
    for _ in Trainer(gpt, draw_windows(up, 16, 16), next_token_loss, steps=60, lr=3e-3):
        pass
    windows = down[:17][None]
    assert next_token_loss(gpt, windows) > 3
    add_lora(gpt, 4, 16, ["qkv", "up", "down"])
    for _ in Trainer(gpt, draw_windows(down, 16, 16), next_token_loss, steps=100, lr=1e-2):
        pass
    learned = next_token_loss(gpt, windows)
    assert learned < 0.2
    merge_adapters(gpt)
    torch.testing.assert_close(next_token_loss(gpt, windows), learned, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: LoRALinear(nn.Tanh(), 2, 4), TypeError, "base must be an nn.Linear, got Tanh"),
        (lambda: LoRALinear(nn.Linear(2, 2), 0, 4), ValueError, "rank must be at least 1, got 0"),
        (lambda: add_lora(network(), 2, 4, ["0", "q_proj"]), ValueError, r"2.1\), got \['q_proj'\]"),
        (lambda: add_lora(MultiHeadAttention(4, 2), 2, 4, ["proj"]), ValueError, r"got \['proj'\]"),
        (lambda: add_lora(network(), 2, 4, []), ValueError, "targets must name modules"),
        (lambda: add_lora(network(), 2, 4, ["0", "1"]), TypeError, "got Tanh at 1"),
        (lambda: add_lora(with_adapters(), 2, 4, ["0"]), ValueError, "no adapters yet, got some at 0, 2.0, 2.1"),
        (lambda: merge_adapters(network()), ValueError, "must have adapters, .* got a Sequential without"),
        (lambda: save_adapters(network(), "nowhere"), ValueError, "must have adapters"),
        (lambda: merge_lora(torch.ones(3, 4), torch.ones(2, 3), torch.ones(4, 2), 1), ValueError, r"\(2, 3\) and \(4"),
        (
            lambda: lora_linear(torch.ones(4), torch.ones(3, 4), torch.ones(2, 4), torch.ones(3, 1), 1),
            ValueError,
            r"\(O, r\), got \(3, 4\), \(2, 4\) and \(3, 1\)",
        ),
    ],
)
def test_errors_name_the_argument_the_value_and_what_was_expected(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives_and_reads_the_same_file(tmp_path):
    model, x = with_adapters(), normal(1, 4, 6)
    expected = model(x)
    save_adapters(model.cuda(), tmp_path / "a.pt")
    torch.testing.assert_close(model(x.cuda()).cpu(), expected, atol=1e-4, rtol=1e-3)
    other = network().cuda()
    add_lora(other, 2, 5.0, ["0", "2.1"], torch.Generator().manual_seed(0))
    load_adapters(other, tmp_path / "a.pt")
    merge_adapters(other)
    torch.testing.assert_close(other(x.cuda()).cpu(), expected, atol=1e-4, rtol=1e-3)
