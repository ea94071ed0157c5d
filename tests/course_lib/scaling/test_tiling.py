"""Tiled attention against torch's kernel, autograd's gradients, finite differences, and the memory it must not take."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.attention import causal_mask, scaled_dot_product_attention
from course_lib.scaling import saved_bytes, tiled_attention
from tests.random_inputs import normal, normal64, random_mask

sizes = st.integers(1, 9)


def leaf(seed, *shape, dtype=torch.float64, device="cpu"):
    return normal(seed, *shape, dtype=dtype).to(device).requires_grad_()


def outputs_and_gradients(attend, q, k, v):
    output = attend(q, k, v)
    weight = normal64(99, *output.shape).to(output)
    return output, *torch.autograd.grad(output, (q, k, v), weight)


@settings(max_examples=60)
@given(st.integers(0, 999), sizes, sizes, sizes, sizes, st.integers(1, 12), st.booleans(), st.booleans())
def test_output_and_gradients_equal_those_of_the_whole_matrix(
    seed, queries, keys, features, width, block, masked, causal
):
    keys = max(keys, queries) if causal else keys
    q, k = leaf(seed, 2, 3, queries, features), leaf(seed + 1, 2, 3, keys, features)
    v = leaf(seed + 2, 2, 3, keys, width)
    mask = random_mask(seed, 2, 1, queries, keys) if masked else None  # some rows have nothing to see
    seen = causal_mask(queries, keys) if causal else torch.ones(queries, keys, dtype=torch.bool)
    seen = seen if mask is None else seen & mask
    tiled = outputs_and_gradients(lambda *a: tiled_attention(*a, mask, causal, block), q, k, v)
    whole = outputs_and_gradients(lambda *a: scaled_dot_product_attention(*a, seen)[0], q, k, v)
    torch.testing.assert_close(tiled, whole)


@pytest.mark.parametrize("causal", [False, True])
def test_it_equals_torchs_kernel_over_several_tiles(causal):
    q, k, v = (leaf(i, 2, 2, 100, 16) for i in range(3))
    tiled = outputs_and_gradients(lambda *a: tiled_attention(*a, causal=causal, block=32), q, k, v)
    torchs = outputs_and_gradients(lambda *a: F.scaled_dot_product_attention(*a, is_causal=causal), q, k, v)
    torch.testing.assert_close(tiled, torchs)


@pytest.mark.parametrize("causal", [False, True])
def test_gradients_agree_with_finite_differences_even_where_a_row_is_empty(causal):
    q, k, v = (leaf(i, 1, 3, 2) for i in range(3))
    mask = torch.tensor([[True, False, True], [False, False, False], [True, True, True]])
    assert torch.autograd.gradcheck(lambda *a: tiled_attention(*a, mask, causal, block=2), (q, k, v))
    assert tiled_attention(q, k, v, mask, causal, 2)[:, 1].eq(0).all()


def test_leading_dimensions_broadcast_and_gradients_are_summed_over_them():
    q, k, v, mask = leaf(0, 4, 1, 3, 2), leaf(1, 5, 6, 2), leaf(2, 6, 3), random_mask(3, 1, 6)
    mask[..., 0] = True
    tiled = outputs_and_gradients(lambda *a: tiled_attention(*a, mask, block=4), q, k, v)
    torch.testing.assert_close(
        tiled, outputs_and_gradients(lambda *a: scaled_dot_product_attention(*a, mask)[0], q, k, v)
    )


def test_what_is_kept_for_the_backward_pass_is_linear_in_the_length():
    def kept(attend, length):
        q, k, v = (leaf(i, 1, 2, length, 8, dtype=torch.float32) * 1 for i in range(3))  # no leaves: they are counted
        return saved_bytes(lambda: attend(q, k, v))

    tiled = [kept(lambda *a: tiled_attention(*a, causal=True, block=16), n) for n in (64, 256)]
    assert tiled[0] == 2 * 64 * 4 * (4 * 8 + 1)  # q, k, v, the output and one number per query
    assert tiled[1] == 4 * tiled[0]
    naive = [kept(lambda q, k, v: scaled_dot_product_attention(q, k, v)[0], n) for n in (64, 256)]
    assert naive[1] > 10 * naive[0] and naive[1] > 5 * tiled[1]


def test_no_tensor_is_larger_than_a_tile_or_the_inputs_and_nothing_above_the_diagonal_is_computed():
    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        largest, products = 0, 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **kwargs or {})
            for tensor in result if isinstance(result, tuple | list) else [result]:
                if isinstance(tensor, torch.Tensor):
                    self.largest = max(self.largest, tensor.numel())
            self.products += function is torch.ops.aten.bmm.default
            return result

    q, k, v = (leaf(i, 1, 256, 4, dtype=torch.float32) for i in range(3))
    for causal, tiles in ((False, 8 * 8), (True, 8 * 9 // 2)):
        with Watch() as forward:
            output = tiled_attention(q, k, v, causal=causal, block=32)
        with Watch() as backward:
            output.sum().backward()
        assert max(forward.largest, backward.largest) == 32 * 32  # = 256 · 4; the whole matrix would be 65536
        assert (forward.products, backward.products) == (2 * tiles, 5 * tiles)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_as_exact_as_its_inputs(dtype):
    q, k, v = (leaf(i, 1, 2, 40, 64, dtype=dtype) for i in range(3))
    tiled = outputs_and_gradients(lambda *a: tiled_attention(*a, causal=True, block=16), q, k, v)
    doubles = (t.detach().double().requires_grad_() for t in (q, k, v))
    exact = outputs_and_gradients(lambda *a: F.scaled_dot_product_attention(*a, is_causal=True), *doubles)
    assert all(t.dtype == dtype for t in tiled)
    torch.testing.assert_close([t.double() for t in tiled], list(exact), atol=0.02, rtol=0.02)


def test_the_gradient_cannot_be_differentiated_again_and_says_so():
    q, k, v = (leaf(i, 3, 2) for i in range(3))
    (dq,) = torch.autograd.grad(tiled_attention(q, k, v).square().sum(), q, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        dq.sum().backward()


def test_arguments_that_do_not_fit_are_named():
    q, k = torch.zeros(3, 4), torch.zeros(2, 4)
    with pytest.raises(ValueError, match="block must be at least 1, got 0"):
        tiled_attention(q, k, k, block=0)
    with pytest.raises(ValueError, match="a key for every query, got 2 and 3"):
        tiled_attention(q, k, k, causal=True)
    with pytest.raises(ValueError, match="one value per key"):
        tiled_attention(q, k, q)
    with pytest.raises(TypeError, match="mask must be a boolean tensor"):
        tiled_attention(q, k, k, torch.ones(3, 2))


@pytest.mark.gpu
@pytest.mark.parametrize("causal", [False, True])
def test_it_computes_on_a_gpu_what_it_computes_on_the_cpu(causal):
    mask = random_mask(3, 2, 1, 70, 70)
    results = []
    for device in ("cpu", "cuda"):
        q, k, v = (leaf(i, 2, 3, 70, 16, dtype=torch.float32, device=device) for i in range(3))
        seen = mask.to(device)
        results.append(outputs_and_gradients(lambda *a, m=seen: tiled_attention(*a, m, causal, block=32), q, k, v))
    torch.testing.assert_close(*([t.cpu() for t in result] for result in results), atol=1e-4, rtol=1e-3)
