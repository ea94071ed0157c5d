"""Intensities against limits that can be seen without the formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_lib.scaling import attainable_flops, decoding_ceiling, matmul_intensity

sizes = st.integers(1, 5000)


@given(sizes, sizes, sizes, st.sampled_from([1, 2, 4]))
def test_no_product_does_more_for_a_byte_than_its_smallest_size_allows(m, k, n, width):
    intensity = matmul_intensity(m, k, n, width)
    assert intensity < 2 * min(m, k, n) / width
    assert intensity > 2 / (3 * width) * min(m, k, n) - 1e-9  # each of three matrices costs at most 1 / the smallest
    assert intensity == matmul_intensity(n, m, k, width)


def test_below_the_ridge_memory_decides_and_above_it_arithmetic():
    device = {"peak_flops": 100.0, "bandwidth": 10.0}
    assert [attainable_flops(i, **device) for i in (1.0, 5.0, 10.0, 50.0)] == [10.0, 50.0, 100.0, 100.0]


def test_bad_sizes_are_refused_by_name():
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        matmul_intensity(1, 0, 1)
    with pytest.raises(ValueError, match=r"bandwidth must be positive, got 0\.0"):
        attainable_flops(1.0, 1.0, 0.0)


def test_a_ceiling_is_the_roofline_of_a_step():
    n, width, batch, device = 5000, 2, 7, {"bandwidth": 10.0}
    for peak in (1.0, 50.0, 1e9):  # below the ridge and above it
        intensity = 2 * n * batch / (n * width + batch * 300)
        steps = attainable_flops(intensity, peak, 10.0) / (2 * n * batch)
        assert decoding_ceiling(n, width, 300, batch, peak, **device) == pytest.approx(batch * steps)


def test_a_batch_reads_the_weights_once_and_each_cache_for_itself():
    assert decoding_ceiling(10, 2, 0, 8, 1e9, 100.0) == pytest.approx(8 * decoding_ceiling(10, 2, 0, 1, 1e9, 100.0))
    assert decoding_ceiling(10, 0.5, 95, 2, 1e9, 100.0) == pytest.approx(2 / 1.95)
    with pytest.raises(ValueError, match="bandwidth must be positive"):
        decoding_ceiling(10, 2, 0, 1, 1e9, 0.0)
    with pytest.raises(ValueError, match="something to read and to write"):
        decoding_ceiling(10, 2, 0, 0, 1e9, 1.0)
