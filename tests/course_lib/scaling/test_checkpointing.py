"""Checkpointing against the same layers without it: equal gradients, less kept, everything computed once more."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint_sequential

from course_lib.scaling import checkpointed, saved_bytes


class Counting(nn.Module):
    """A layer that counts how often it is computed."""

    def __init__(self):
        super().__init__()
        self.layer, self.dropout, self.calls = nn.Linear(6, 6), nn.Dropout(0.3), 0

    def forward(self, x):
        self.calls += 1
        return x + self.dropout(self.layer(x).tanh().sin())


def layers(n=6):
    torch.manual_seed(0)
    return nn.ModuleList(Counting() for _ in range(n))


def plain(stack, x):
    for layer in stack:
        x = layer(x)
    return x


def loss_and_gradients(compute):
    stack, x = layers(), torch.ones(4, 6, requires_grad=True)
    torch.manual_seed(1)  # dropout
    loss = compute(stack, x).square().sum()
    loss.backward()
    return [loss, x.grad, *(p.grad for p in stack.parameters())]


@pytest.mark.parametrize("every", [1, 2, 4, 6, 10])
def test_loss_and_gradients_are_those_without_it_dropout_included(every):
    got = loss_and_gradients(lambda stack, x: checkpointed(stack, x, every))
    for tensor, expected in zip(got, loss_and_gradients(plain)):
        assert tensor.equal(expected)


@pytest.mark.parametrize("every", [1, 3, 6])
def test_each_layer_is_computed_twice_where_plain_layers_are_computed_once(every):
    stack, ordinary = layers(), layers()
    checkpointed(stack, torch.ones(4, 6), every).sum().backward()
    plain(ordinary, torch.ones(4, 6)).sum().backward()
    assert [layer.calls for layer in stack] == [2] * 6
    assert [layer.calls for layer in ordinary] == [1] * 6


@pytest.mark.parametrize(("every", "inputs"), [(1, 6), (2, 3), (3, 2), (4, 2), (6, 1)])
def test_what_is_kept_is_the_input_of_each_stretch(every, inputs):
    stack, x = layers(), torch.ones(4, 6)
    assert saved_bytes(lambda: checkpointed(stack, x, every)) == inputs * 4 * 6 * 4
    assert saved_bytes(lambda: plain(stack, x)) > 2 * 6 * (4 * 6 * 4)


def test_it_agrees_with_torchs_checkpoint_sequential():
    def torchs(stack, x):
        return checkpoint_sequential(list(stack), 3, x, use_reentrant=False)

    for tensor, expected in zip(loss_and_gradients(lambda s, x: checkpointed(s, x, 2)), loss_and_gradients(torchs)):
        torch.testing.assert_close(tensor, expected)


def test_without_gradients_nothing_is_computed_twice_and_no_layers_change_nothing():
    stack, x = layers(), torch.ones(4, 6)
    with torch.no_grad():
        checkpointed(stack, x)
    assert [layer.calls for layer in stack] == [1] * 6
    assert checkpointed([], x) is x
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        checkpointed(stack, x, 0)
