"""Information estimated from samples: what counts say about an entropy, and how far they are off.

- Plug-in entropy and its first-order correction (Miller 1955, after Madow), and the estimator of Chao and Shen
  (2003), which also makes room for the outcomes that were never seen.
- The mass of the unseen outcomes (Good 1953, who credits Turing).
- Plug-in mutual information. The Kullback–Leibler divergence from samples is `course_lib.alignment.kl_estimate`.

The frequencies of a finite sample are more uneven than the probabilities behind them: the plug-in entropy is on
average too low, and the plug-in mutual information too high. Everything is in nats; integer counts give float32.
"""

import torch
from torch import Tensor

from course_lib.information import entropy, kl_divergence


def plug_in_entropy(counts: Tensor) -> Tensor:
    """Return the entropy of the observed frequencies, as if they were the probabilities.

    counts   (..., V) how often each outcome was seen
    returns  (...) nats; on average below the true entropy, by about (V − 1) / 2N for N samples

    Raises ValueError when a count is negative, or a row has no sample.  It is the maximum likelihood estimate.

    >>> plug_in_entropy(torch.tensor([2, 1, 1]))
    tensor(1.0397)
    """
    return entropy(counts / _samples(counts))


def miller_madow_entropy(counts: Tensor) -> Tensor:
    """Return the plug-in entropy with the first-order term of its bias added back.

    counts   (..., V) how often each outcome was seen
    returns  (...) nats, H + (K − 1) / 2N with K outcomes seen in N samples; it may exceed log V. What is left of
             the bias falls with 1 / N² once every outcome has been seen

    Raises what `plug_in_entropy` raises.  Miller (1955).

    >>> miller_madow_entropy(torch.tensor([2, 1, 1]))  # 1.0397 + 2 / 8
    tensor(1.2897)
    """
    seen = (counts > 0).sum(-1)  # (...)
    return plug_in_entropy(counts) + (seen - 1) / (2 * _samples(counts).squeeze(-1))


def chao_shen_entropy(counts: Tensor) -> Tensor:
    """Return an estimate of the entropy that allows for outcomes that have not been seen yet.

    counts   (..., V) how often each outcome was seen; outcomes that are merely possible need no place in it
    returns  (...) nats

    Two steps: the frequencies are scaled by the coverage, 1 − `missing_mass`, and each term p log p is divided by
    the chance 1 − (1 − p)^N that its outcome was seen at all (Horvitz and Thompson 1952). Where every sample was
    different from all others, the coverage counts as 1 / N instead of 0.

    Raises what `plug_in_entropy` raises.  Chao and Shen (2003), §2.

    >>> chao_shen_entropy(torch.tensor([2, 1, 1]))
    tensor(1.7632)
    """
    samples = _samples(counts)
    coverage = (1 - missing_mass(counts)).unsqueeze(-1)  # (..., 1)
    p = torch.where(coverage > 0, coverage, 1 / samples) * counts / samples
    some = torch.where(counts > 0, p, 0.5)  # 0.5 stands in for outcomes not seen, whose term is dropped below
    terms = torch.special.entr(some) / -torch.expm1(samples * torch.log1p(-some))
    return torch.where(counts > 0, terms, 0).sum(-1)


def missing_mass(counts: Tensor) -> Tensor:
    """Return the estimated probability that the next sample is of a kind not seen before.

    counts   (..., V) how often each outcome was seen
    returns  (...) the share of the samples whose outcome was seen exactly once

    Raises what `plug_in_entropy` raises.  N₁ / N: Good (1953).

    >>> missing_mass(torch.tensor([3, 1, 1, 0]))
    tensor(0.4000)
    """
    return (counts == 1).sum(-1) / _samples(counts).squeeze(-1)


def plug_in_mutual_information(counts: Tensor) -> Tensor:
    """Return I(X; Y) of the observed frequencies: what seeing Y tells about X, in nats.

    counts   (..., V, W) how often each pair of outcomes was seen together
    returns  (...) at least 0 up to rounding; on average above the truth: for independent X and Y, where that is 0,
             by about (V − 1)(W − 1) / 2N

    Raises what `plug_in_entropy` raises, and ValueError for counts without a second dimension.
    The divergence of the joint distribution from the product of its margins (Shannon 1948, §12).

    >>> x, y = torch.tensor([0, 0, 1, 1]), torch.tensor([1, 1, 0, 0])
    >>> plug_in_mutual_information(torch.bincount(2 * x + y, minlength=4).view(2, 2))  # log 2
    tensor(0.6931)
    """
    if counts.dim() < 2:
        raise ValueError(f"counts must have the shape (..., V, W), got {tuple(counts.shape)}")
    pairs = counts.flatten(-2)  # (..., V·W)
    joint = (pairs / _samples(pairs)).unflatten(-1, counts.shape[-2:])
    independent = joint.sum(-1, keepdim=True) * joint.sum(-2, keepdim=True)  # (..., V, W)
    return kl_divergence(joint.flatten(-2), independent.flatten(-2))


def _samples(counts: Tensor) -> Tensor:
    """Return the number of samples N of each row, (..., 1), once the counts are known to be counts."""
    if counts.dim() == 0 or (counts < 0).any():
        raise ValueError(f"counts must be at least 0 and have the shape (..., V), got {counts}")
    samples = counts.sum(-1, keepdim=True)
    if (samples == 0).any():
        raise ValueError(f"counts must hold at least one sample in each row, got {counts}")
    return samples
