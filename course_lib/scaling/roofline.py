"""The roofline: is a computation held up by arithmetic or by memory?

A device does at most so many operations a second, and fetches at most so many bytes. A computation with many operations
for each byte is limited by the first, one with few by the second (Williams, Waterman and Patterson 2009). Training
multiplies large matrices and can keep the arithmetic busy; writing one token at a time reads every weight for two
operations, and waits for memory.
"""

from course_lib.arguments import require_counts, require_positive


def matmul_intensity(m: int, k: int, n: int, bytes_per_number: int = 2) -> float:
    """Return the operations per byte of an (m, k) times (k, n) product: 2mkn / (bytes · (mk + kn + mn)).

    m, k, n           sizes, each at least 1. For a layer: m tokens, k features in, n out
    bytes_per_number  2 for float16 and bfloat16, 4 for float32
    returns           FLOP per byte, if each matrix is read or written once: the most that a kernel can reach

    Raises ValueError for a size below 1.

    >>> [round(matmul_intensity(n_tokens, 4096, 4096), 1) for n_tokens in (1, 64, 4096)]
    [1.0, 62.1, 1365.3]
    """
    require_counts(m=m, k=k, n=n)
    require_positive(bytes_per_number=bytes_per_number)
    return 2 * m * k * n / (bytes_per_number * (m * k + k * n + m * n))


def attainable_flops(intensity: float, peak_flops: float, bandwidth: float) -> float:
    """Return the operations a second that a computation can reach: min(peak, intensity · bandwidth).

    intensity   operations per byte moved, FLOP/byte
    peak_flops  operations a second of the device, FLOP/s
    bandwidth   bytes a second between its memory and its arithmetic, byte/s

    The two limits meet at the ridge, intensity = peak / bandwidth: below it, memory decides.
    Raises ValueError unless all are positive.

    >>> a100 = {"peak_flops": 312e12, "bandwidth": 2.0e12}  # bfloat16; the ridge is at 156 FLOP/byte
    >>> attainable_flops(1.0, **a100) / 312e12  # one token at a time: 0.6 % of the peak
    0.00641025641025641
    """
    require_positive(intensity=intensity, peak_flops=peak_flops, bandwidth=bandwidth)
    return min(peak_flops, intensity * bandwidth)
