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


def decoding_ceiling(
    n_parameters: int, bytes_per_number: float, cache_bytes: int, batch_size: int, peak: float, bandwidth: float
) -> float:
    """Return the most tokens a second, of all texts together, that a device can write with a cache.

    n_parameters      N, all read once in a step, for the whole batch; 2N operations for each text
    bytes_per_number  of a weight; 0.5 with four bits
    cache_bytes       keys and values of one text, all read in each step
    batch_size        B, texts side by side; a step writes one token of each
    peak              operations a second of the device, FLOP/s
    bandwidth         bytes a second; arithmetic goes on while memory is read
    returns           B divided by the longer of the two times of a step

    What a program needs beside reading and multiplying is not in it: no program is faster, most are slower.
    Raises ValueError unless peak and bandwidth are positive and there is something to read and to write.

    >>> round(decoding_ceiling(124_439_808, 2, 0, 1, peak=989e12, bandwidth=2.6e12))  # GPT-2 on an H100
    10447
    """
    if not peak > 0 or not bandwidth > 0:
        raise ValueError(f"peak and bandwidth must be positive, got {peak} and {bandwidth}")
    read = n_parameters * bytes_per_number + batch_size * cache_bytes
    if batch_size < 1 or not read > 0:
        raise ValueError(f"there must be something to read and to write, got {read} bytes and {batch_size} texts")
    return batch_size / max(read / bandwidth, 2 * n_parameters * batch_size / peak)
