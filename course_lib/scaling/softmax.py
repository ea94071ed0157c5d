"""Softmax in one pass: the largest score and the sum of exponentials are kept up to date as the scores come in.

A stable softmax subtracts the largest score, which is known only at the end. Milakov and Gimelshein 2018: start with
what is known, and whenever a larger score appears, rescale the sum that was made with the smaller one. So the scores
can be read in blocks and thrown away; `tiled_attention` is built on it.
"""

import math

import torch
from torch import Tensor

from course_lib.arguments import require_counts


def online_softmax(scores: Tensor, block: int = 128) -> Tensor:
    """Return the softmax over the last dimension, with the normaliser found in one pass over blocks.

    scores   (..., S) floating point; −inf counts as forbidden
    block    how many scores are read at once, at least 1
    returns  (..., S); a row of nothing but −inf gives zeros

    Raises ValueError for a block below 1.  Algorithm 3 of Milakov and Gimelshein 2018.

    >>> online_softmax(torch.tensor([0.0, 1000.0, 1000.0]), block=1)
    tensor([0.0000, 0.5000, 0.5000])
    """
    require_counts(block=block)
    largest = scores.new_full((*scores.shape[:-1], 1), -math.inf)
    total = torch.zeros_like(largest)
    for part in scores.split(block, dim=-1):
        largest, total, _, _ = absorb(largest, total, part)
    return exp_shifted(scores, largest) / total.masked_fill(total == 0, 1.0)


def absorb(largest: Tensor, total: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Take a block of scores into the running maximum m and the running sum d of e^(score − m).

    largest  (..., 1) m, −inf before the first block
    total    (..., 1) d, 0 before the first block
    scores   (..., S') the block
    returns  m and d after it, each (..., 1); the block's weights e^(score − m), (..., S'); and the factor (..., 1) that
             turns whatever was summed with the old m into a sum with the new one, e^(m_old − m_new)
    """
    new_largest = torch.maximum(largest, scores.amax(-1, keepdim=True))
    factor, weights = exp_shifted(largest, new_largest), exp_shifted(scores, new_largest)
    return new_largest, total * factor + weights.sum(-1, keepdim=True), weights, factor


def exp_shifted(scores: Tensor, largest: Tensor) -> Tensor:
    """Return e^(scores − largest), and 0 where both are −inf: shapes broadcast."""
    return (scores - largest.masked_fill(largest == -math.inf, 0.0)).exp()
