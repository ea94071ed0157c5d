"""pass@k: how likely is it that at least one of k tries at a task succeeds (Chen et al. 2021, §2.1)?"""

import math


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Return the unbiased estimate of pass@k for one task, from n tries of which some succeeded: a scalar.

    n        tries that were made, independent of each other
    correct  c, how many of them succeeded, 0 … n
    k        tries that somebody would make, 1 … n
    returns  1 − C(n − c, k) / C(n, k): the share of all choices of k of the n tries that hold a success. The mean over
             tasks is the pass@k of a benchmark

    1 − (1 − c/n)ᵏ would be biased: too low, since the chance of a success is itself estimated from the n tries.
    Raises ValueError for numbers outside these ranges.  Eq. 1 of Chen et al. 2021 (Codex).

    >>> pass_at_k(4, 1, 2)  # of the six pairs of tries, three hold the one that succeeded
    0.5
    """
    if not 1 <= k <= n:
        raise ValueError(f"k must be between 1 and n = {n}, got {k}")
    if not 0 <= correct <= n:
        raise ValueError(f"correct must be between 0 and n = {n}, got {correct}")
    return 1 - math.comb(n - correct, k) / math.comb(n, k)
