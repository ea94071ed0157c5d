r"""Information theory for language models: surprise, its mean, and the losses that are made of it.

Surprisal and entropy (Shannon 1948), cross-entropy, the Kullback–Leibler divergence (Kullback & Leibler
1951), perplexity (Jelinek et al. 1977), softmax with a temperature, and the two classification losses, both
written for logits. Everything is in nats. Distributions lie in the last dimension, of size V; 0·log 0 counts
as 0, and its gradient as 0.

Written with elementary torch operations, so that each line can be read next to its formula. Float16 and
bfloat16 arguments are computed in float32 and returned in their own type.
"""

import torch
from torch import Tensor

from course_lib.arguments import require_at_least
from course_lib.ids import require_targets


def surprisal(p: Tensor) -> Tensor:
    """Return the surprise −log p of outcomes that had probability p.

    p        any shape, probabilities in [0, 1]
    returns  same shape, nats in [0, ∞]; an impossible outcome (p = 0) is infinitely surprising

    Shannon (1948), §6.
    """
    return (0 - _wide(p).log()).to(_kind(p))  # 0 - x, not -x: certainty gives 0.0 and not -0.0


def entropy(p: Tensor) -> Tensor:
    """Return the mean surprise H(p) = −Σ p log p of each distribution.

    p        (..., V) probabilities; each row sums to 1
    returns  (...) nats, between 0 (certain) and log V (uniform)

    Gradients are finite for p = 0 too, where the entry is treated as absent.  Shannon (1948), §6.
    """
    return cross_entropy(p, p)


def cross_entropy(p: Tensor, q: Tensor) -> Tensor:
    """Return H(p, q) = −Σ p log q: the mean surprise of a model q about outcomes that come from p.

    p        (..., V) probabilities of the outcomes
    q        (..., V) the model's probabilities; broadcastable to p except in the last dimension
    returns  (...) nats; inf where q = 0 for an outcome that p allows; entries with p = 0 count as 0

    Raises ValueError when the last dimensions of p and q differ.
    """
    _same_outcomes(p, q)
    wide_p, wide_q = _wide(p), _wide(q)
    # Where p and q are both 0 the logarithm is taken of 1 instead: the product is 0, and so is its gradient.
    log_q = torch.where((wide_p > 0) | (wide_q > 0), wide_q, 1).log()
    return (0 - (wide_p * log_q).sum(-1)).to(_kind(p))


def kl_divergence(p: Tensor, q: Tensor) -> Tensor:
    """Return KL(p ‖ q) = Σ p log(p / q): what it costs, in mean surprise, to believe q when p is true.

    p        (..., V) probabilities of the outcomes
    q        (..., V) the model's probabilities, broadcastable to p except in the last dimension
    returns  (...) nats, ≥ 0 up to rounding; 0 for q = p; inf where q = 0 for an outcome that p allows

    Not a distance: KL(p ‖ q) and KL(q ‖ p) differ.  Kullback & Leibler (1951).
    Raises ValueError when the last dimensions of p and q differ.
    """
    _same_outcomes(p, q)
    wide_p, wide_q = _wide(p), _wide(q)
    log_p = torch.where(wide_p > 0, wide_p, 1).log()
    log_q = torch.where((wide_p > 0) | (wide_q > 0), wide_q, 1).log()
    return (wide_p * (log_p - log_q)).sum(-1).to(_kind(p))


def perplexity(log_probs: Tensor) -> Tensor:
    """Return exp(−mean log p): of how many equally likely tokens a model's uncertainty is worth.

    log_probs  any shape, at least one element: the model's log probability (nats) of each token that came
    returns    () a number ≥ 1 when every log probability is ≤ 0; inf when a token had probability 0

    Every token has the same weight, however the tokens are grouped into sentences.
    Raises ValueError when there is no token.  Jelinek et al. (1977).
    """
    if log_probs.numel() == 0:
        raise ValueError(f"log_probs must hold at least one token, got shape {tuple(log_probs.shape)}")
    return (-_wide(log_probs).mean()).exp().to(_kind(log_probs))


def softmax(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return probabilities proportional to exp(logits / temperature).

    logits       (..., V) scores, finite or −inf; −inf gets probability 0 (a row of −inf only gives nan)
    temperature  0 ≤ temperature < ∞; below 1 sharper, above 1 flatter. 0 stands for the limit from above:
                 all mass on the largest logit, in equal shares when several are equally large; the limit
                 is constant, it has no gradient
    returns      (..., V) each row sums to 1

    Neither large logits nor tiny temperatures overflow.  Raises ValueError for a temperature outside [0, ∞).
    """
    require_at_least(0, temperature=temperature)
    shifted = _shifted(logits)
    if temperature < torch.finfo(shifted.dtype).tiny:  # 0, or too small to divide by in this precision
        weights = (shifted == 0).to(shifted.dtype)
    else:
        weights = (shifted / temperature).exp()
    return (weights / weights.sum(-1, keepdim=True)).to(_kind(logits))


def log_softmax(logits: Tensor) -> Tensor:
    """Return log softmax(logits) without ever taking the logarithm of a probability that was rounded to 0.

    logits   (..., V) scores, finite or −inf
    returns  (..., V) log probabilities in nats, ≤ 0
    """
    shifted = _shifted(logits)
    return (shifted - shifted.exp().sum(-1, keepdim=True).log()).to(_kind(logits))


def binary_cross_entropy_with_logits(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean negative log likelihood of labels under Bernoulli(σ(logits)).

    logits   any shape, finite: log-odds of label 1
    labels   same shape: 0 or 1 (any dtype), or a probability between them
    returns  () −mean[ y log σ(z) + (1 − y) log(1 − σ(z)) ] in nats

    Computed from the logits, so the gradient (σ(z) − y)/N is right however large they are.
    Raises ValueError when the shapes differ: (N, 1) against (N,) would broadcast to N² pairs.
    """
    if logits.shape != labels.shape:
        raise ValueError(f"labels must have the shape of logits, got {tuple(labels.shape)} and {tuple(logits.shape)}")
    z, zero = _wide(logits), torch.zeros_like(_wide(logits))
    y = labels.to(z.dtype)
    # log σ(z) = −log(1 + e^(−z)) and log(1 − σ(z)) = −log(1 + e^z); logaddexp(0, x) is log(1 + e^x).
    return (y * torch.logaddexp(zero, -z) + (1 - y) * torch.logaddexp(zero, z)).mean().to(_kind(logits))


def categorical_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean surprise of softmax(logits) at the targets: the loss that trains language models.

    logits   (..., V) scores
    targets  (...) integers in [0, V): the class, or token, that really came
    returns  () −mean log softmax(logits)[target] in nats

    Raises ValueError when targets has not the shape of logits without its last dimension, or is not in [0, V).
    """
    require_targets(targets.long(), logits.shape)
    log_probs = log_softmax(_wide(logits)).gather(-1, targets.long().unsqueeze(-1))  # (..., 1)
    return (0 - log_probs.mean()).to(_kind(logits))


def _shifted(logits: Tensor) -> Tensor:
    """Return the logits minus the largest of their row: the same softmax, and nothing above 0 to overflow."""
    wide = _wide(logits)
    return wide - wide.amax(-1, keepdim=True).detach()


def _wide(x: Tensor) -> Tensor:
    """Return x in a type that is good enough to compute in: float64 stays, all else becomes float32."""
    return x if x.dtype == torch.float64 else x.float()


def _kind(x: Tensor) -> torch.dtype:
    """Return the type that a result about x has: its own, or float32 for integers."""
    return x.dtype if x.is_floating_point() else torch.float32


def _same_outcomes(p: Tensor, q: Tensor) -> None:
    if p.ndim == 0 or q.ndim == 0 or p.shape[-1] != q.shape[-1]:
        raise ValueError(f"q must have the last dimension of p, got shapes {tuple(q.shape)} and {tuple(p.shape)}")
