"""LoRA against peft with the same weights. In a file of its own: importing peft takes seconds."""

import copy

import pytest
import torch
from torch import nn

from course_lib.attention import MultiHeadAttention
from course_lib.lora import add_lora, merge_adapters
from course_lib.transformer import Transformer, TransformerConfig

peft = pytest.importorskip("peft")

SOURCE, TARGET = torch.tensor([[4, 5, 6, 3], [7, 3, 0, 0]]), torch.tensor([[1, 5, 3], [1, 4, 2]])
TARGETS = ["q_proj", "v_proj", "cross_attention.out_proj", "feed_forward.0"]
RANK, ALPHA = 3, 7.0


@pytest.fixture(scope="module")
def pair():
    """The same Transformer with our adapters and with theirs, all numbers equal, and the names of the layers."""
    torch.manual_seed(0)
    ours = Transformer(TransformerConfig(9, 9, d_model=8, n_heads=2, d_ff=12, dropout=0.0))
    config = peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TARGETS, lora_dropout=0.0)
    theirs = peft.get_peft_model(copy.deepcopy(ours), config)
    names = add_lora(ours, RANK, ALPHA, TARGETS)
    for name in names:
        layer, their = ours.get_submodule(name), theirs.base_model.model.get_submodule(name)
        nn.init.normal_(layer.b)
        their.lora_A["default"].weight.data.copy_(layer.a)
        their.lora_B["default"].weight.data.copy_(layer.b)
    return ours, theirs, names


def test_the_same_layers_have_adapters_and_the_same_parameters_are_trained(pair):
    ours, theirs, names = pair
    expected = {
        name.removeprefix("base_model.model.") for name, module in theirs.named_modules() if hasattr(module, "lora_A")
    }
    assert set(names) == expected and len(names) == 2 * (2 + 1 + 2 + 2 + 1 + 1)
    trainable = [sum(p.numel() for p in model.parameters() if p.requires_grad) for model in (ours, theirs)]
    assert trainable[0] == trainable[1] > 0


def test_outputs_and_gradients_are_pefts(pair):
    ours, theirs, names = pair
    output, expected = ours(SOURCE, TARGET), theirs(SOURCE, TARGET)
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-4)
    output.square().mean().backward()
    expected.square().mean().backward()
    for name in names:
        layer, their = ours.get_submodule(name), theirs.base_model.model.get_submodule(name)
        torch.testing.assert_close(layer.a.grad, their.lora_A["default"].weight.grad, atol=1e-5, rtol=1e-3)
        torch.testing.assert_close(layer.b.grad, their.lora_B["default"].weight.grad, atol=1e-5, rtol=1e-3)
    assert all(p.grad is None for p in ours.parameters() if not p.requires_grad)


def test_merged_weights_are_pefts(pair):
    ours, theirs = copy.deepcopy(pair[0]), copy.deepcopy(pair[1]).merge_and_unload()
    merge_adapters(ours)
    torch.testing.assert_close(dict(ours.named_parameters()), dict(theirs.named_parameters()), atol=1e-5, rtol=1e-4)
    assert isinstance(ours.encoder.layers[0].self_attention, MultiHeadAttention)
    assert type(ours.encoder.layers[0].self_attention.q_proj) is nn.Linear
