"""Cross-entropy in chunks against F.cross_entropy of all logits at once, in value, gradients and memory."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from course_lib.cross_entropy import chunked_cross_entropy, chunked_next_token_loss
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import next_token_loss
from tests.random_inputs import generator

N, D, V = 37, 8, 53


def inputs(dtype=torch.float32):
    hidden, weight = (torch.randn(n, D, generator=generator(n)).to(dtype).requires_grad_() for n in (N, V))
    targets = torch.randint(V, (N,), generator=generator(0))
    targets[[3, 4, 20]] = -100
    return hidden, weight, targets


@pytest.mark.parametrize("rows", [1, 10, 37, 512])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_value_and_gradients_are_those_of_all_logits_at_once(rows, dtype):
    ours, theirs = inputs(dtype), inputs(dtype)
    loss = chunked_cross_entropy(*ours, rows=rows)
    expected = F.cross_entropy(F.linear(*theirs[:2]).to(loss.dtype), theirs[2])
    (3 * loss).backward()
    (3 * expected).backward()
    assert loss.dtype == torch.promote_types(dtype, torch.float32)
    close = {torch.float32: 1e-5, torch.float64: 1e-12, torch.bfloat16: 0.02}[dtype]
    torch.testing.assert_close(loss, expected, rtol=1e-5 if dtype == torch.bfloat16 else close, atol=0)
    for mine, other in zip(ours[:2], theirs[:2]):
        assert mine.grad.dtype == dtype
        torch.testing.assert_close(mine.grad, other.grad, rtol=close, atol=close * other.grad.abs().max().item())


def test_another_ignored_target_and_none_that_counts():
    hidden, weight, targets = inputs()
    loss = chunked_cross_entropy(hidden, weight, targets.clamp(min=0), ignored=0, rows=5)
    torch.testing.assert_close(loss, F.cross_entropy(hidden @ weight.T, targets.clamp(min=0), ignore_index=0))
    assert chunked_cross_entropy(hidden, weight, torch.full((N,), -100)).isnan()


def test_only_the_gradients_that_are_asked_for_are_computed():
    hidden, weight, targets = inputs()
    chunked_cross_entropy(hidden, weight.detach(), targets).backward()
    assert hidden.grad is not None
    assert not chunked_cross_entropy(hidden.detach(), weight.detach(), targets).requires_grad


class Largest(TorchDispatchMode):
    """Remembers the most elements of a floating-point tensor that an operation returned."""

    elements = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **kwargs or {})
        for tensor in torch.utils._pytree.tree_leaves(found):
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
                self.elements = max(self.elements, tensor.numel())
        return found


def test_no_tensor_is_larger_than_a_chunk_of_logits_or_the_weights():
    hidden, weight, targets = inputs()
    with Largest() as largest:
        chunked_cross_entropy(hidden, weight, targets, rows=5).backward()
    assert largest.elements == max(5 * V, V * D)
    with Largest() as largest:
        F.cross_entropy(hidden @ weight.T, targets).backward()
    assert largest.elements == N * V


@pytest.mark.parametrize("tied", [True, False])
def test_a_gpt_learns_the_same_from_it(tied):
    models = [GPT(GPTConfig(20, 8, 16, 2, 2, tied=tied), generator=generator(0)) for _ in range(2)]
    windows = torch.randint(20, (3, 9), generator=generator(1))
    for model, loss in zip(models, (next_token_loss, chunked_next_token_loss)):
        loss(model, windows).backward()
    for name, parameter in models[0].named_parameters():
        torch.testing.assert_close(models[1].get_parameter(name).grad, parameter.grad, msg=name)


def test_under_autocast_the_weights_keep_a_float32_gradient():
    hidden, weight, targets = inputs()
    with torch.autocast("cpu", torch.bfloat16):
        loss = chunked_cross_entropy(hidden, weight, targets, rows=10)
    loss.backward()
    expected = torch.autograd.grad(F.cross_entropy(hidden @ weight.T, targets), (hidden, weight))
    for mine, other in zip((hidden.grad, weight.grad), expected):
        assert mine.dtype == torch.float32
        torch.testing.assert_close(mine, other, rtol=0.05, atol=0.02 * other.abs().max().item())


def test_what_does_not_fit_is_refused():
    hidden, weight, targets = inputs()
    for wrong in ((hidden[None], weight, targets), (hidden, weight[:, :4], targets), (hidden, weight, targets[:5])):
        with pytest.raises(ValueError, match=r"must be \(N, d_model\), \(V, d_model\) and \(N,\), got"):
            chunked_cross_entropy(*wrong)
