"""Mini-batches: every example once a pass, in an order that depends on the generator alone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.neural.batches import minibatches
from tests.random_inputs import generator


@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 99))
def test_every_example_comes_once_and_only_the_last_batch_is_smaller(n, batch_size, seed):
    parts = minibatches(n, batch_size, generator(seed))
    assert sorted(torch.cat(parts).tolist()) == list(range(n))
    assert all(len(part) == batch_size for part in parts[:-1]) and 1 <= len(parts[-1]) <= batch_size


def test_one_generator_gives_another_order_each_pass_and_the_same_seed_the_same_passes():
    source, again = generator(0), generator(0)
    first, second = torch.cat(minibatches(100, 8, source)), torch.cat(minibatches(100, 8, source))
    assert not torch.equal(first, second)
    assert torch.equal(torch.cat(minibatches(100, 8, again)), first)
    assert torch.equal(torch.cat(minibatches(100, 8, again)), second)


def test_every_order_is_equally_likely():
    source, counts = generator(0), {}
    for _ in range(6000):
        order = tuple(torch.cat(minibatches(3, 2, source)).tolist())
        counts[order] = counts.get(order, 0) + 1
    chi_square = sum((count - 1000) ** 2 / 1000 for count in counts.values())
    assert len(counts) == 6 and chi_square < 20.5  # 5 degrees of freedom, p = 0.001


@pytest.mark.parametrize("n, size, message", [(0, 1, "n must be at least 1, got 0"), (3, 0, "batch_size .* got 0")])
def test_nothing_to_draw_from_is_refused(n, size, message):
    with pytest.raises(ValueError, match=message):
        minibatches(n, size, generator(0))
