"""Filters: take the logits of the next token, and return logits under which fewer tokens can be drawn.

Each works on the last dimension, for any leading ones, and returns a new tensor: the caller's logits stay as they are.
What is filtered out gets the logit −∞, hence probability 0. One token at least always stays.

Temperature (Ackley et al. 1985), top-k (Fan et al. 2018), top-p or nucleus (Holtzman et al. 2020), min-p (Nguyen et
al. 2024), locally typical (Meister et al. 2023), repetition penalty (Keskar et al. 2019).
`course_lib.decoding.Sampling` applies several of them in the usual order, and draws.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.arguments import require_at_least, require_counts, require_positive, require_probability


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Return the logits divided by the temperature, after the largest of each row was subtracted.

    logits       (..., V)
    temperature  at least 0. Below 1: sharper; above 1: flatter; 1: the same distribution; 0: the limit, under which
                 only the best token is left (of several that tie, the first)
    returns      (..., V) floating point, the largest of each row 0. That the largest is subtracted first changes no
                 probability, and lets the smallest temperature work in every dtype

    Raises ValueError when the temperature is negative or not finite.

    >>> apply_temperature(torch.tensor([1.0, 3.0, 2.0]), 0.5)
    tensor([-4.,  0., -2.])
    >>> apply_temperature(torch.tensor([1.0, 3.0, 3.0]), 0)
    tensor([-inf, 0., -inf])
    """
    require_at_least(0, temperature=temperature)
    if temperature == 0:
        best = logits.argmax(dim=-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(-1, best, 0.0)
    exact = _precise(logits - logits.amax(dim=-1, keepdim=True))
    return exact.div_(max(temperature, torch.finfo(exact.dtype).tiny)).to(logits.dtype)


def top_k_filter(logits: Tensor, k: int) -> Tensor:
    """Keep the k most likely tokens.

    logits   (..., V)
    k        at least 0; 0, or V and more, keeps everything
    returns  (..., V), −∞ outside. Exactly k tokens stay; of those that tie for the last place, torch.topk chooses

    Raises ValueError when k is negative.

    >>> top_k_filter(torch.tensor([1.0, 3.0, 2.0]), 2)
    tensor([-inf, 3., 2.])
    """
    require_counts(0, k=k)
    if k == 0 or k >= logits.size(-1):
        return logits.clone()
    values, tokens = logits.topk(k, dim=-1, sorted=False)
    return torch.full_like(logits, -math.inf).scatter(-1, tokens, values)


def top_p_filter(logits: Tensor, p: float) -> Tensor:
    """Keep the nucleus: the smallest set of most likely tokens whose probability reaches p.

    logits   (..., V)
    p        more than 0, at most 1; 1 keeps everything
    returns  (..., V), −∞ outside. The token with which the sum reaches p belongs to the set, so it is never empty; of
             tokens that tie, those with lower ids come first

    Raises ValueError when p is outside (0, 1].

    >>> top_p_filter(torch.tensor([0.5, 0.125, 0.25, 0.125]).log(), 0.7).exp()
    tensor([0.5000, 0.0000, 0.2500, 0.0000])
    """
    if not 0 < p <= 1:
        raise ValueError(f"p must be more than 0 and at most 1, got {p}")
    if p == 1:  # a float32 sum can pass 1 before the last token, and would cut the tail off
        return logits.clone()
    ordered, tokens = logits.sort(dim=-1, descending=True, stable=True)
    kept = ordered.masked_fill(_mass_before(_precise(ordered).softmax(dim=-1)) >= p, -math.inf)
    return torch.empty_like(kept).scatter(-1, tokens, kept)


def min_p_filter(logits: Tensor, min_p: float) -> Tensor:
    """Keep the tokens whose probability is at least min_p times that of the most likely one.

    logits   (..., V)
    min_p    0 to 1; 0 keeps everything, 1 only the best and what ties with it
    returns  (..., V), −∞ outside

    Raises ValueError when min_p is outside [0, 1].

    >>> min_p_filter(torch.tensor([0.5, 0.1, 0.25, 0.15]).log(), 0.4).exp()
    tensor([0.5000, 0.0000, 0.2500, 0.0000])
    """
    require_probability(min_p=min_p)
    if min_p == 0:
        return logits.clone()
    below = logits - logits.amax(dim=-1, keepdim=True)  # the log of the ratio of probabilities
    return logits.masked_fill(below < math.log(min_p), -math.inf)


def typical_filter(logits: Tensor, p: float) -> Tensor:
    """Keep the locally typical tokens: those whose surprisal is nearest the entropy, until their probability reaches p.

    logits   (..., V)
    p        more than 0, at most 1; 1 keeps everything
    returns  (..., V), −∞ outside. The most likely token may be among those that go, where it is too predictable

    Raises ValueError when p is outside (0, 1].  Eq. 9 of Meister et al. 2023.

    >>> typical_filter(torch.tensor([0.4, 0.3, 0.2, 0.1]).log(), 0.45).exp()
    tensor([0.0000, 0.3000, 0.2000, 0.0000])
    """
    if not 0 < p <= 1:
        raise ValueError(f"p must be more than 0 and at most 1, got {p}")
    if p == 1:
        return logits.clone()
    log_probs = _precise(logits).log_softmax(dim=-1)
    entropy = torch.special.entr(log_probs.exp()).sum(dim=-1, keepdim=True)
    tokens = (log_probs + entropy).abs().argsort(dim=-1, stable=True)
    outside = _mass_before(log_probs.exp().gather(-1, tokens)) >= p
    return logits.masked_fill(torch.zeros_like(outside).scatter(-1, tokens, outside), -math.inf)


def repetition_penalty(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    """Make every token that occurred already less likely: divide its logit by the penalty, or multiply it if negative.

    logits   (..., V)
    ids      (..., T) token ids so far, those of the prompt included; how often one occurred plays no role
    penalty  more than 0; above 1 discourages repetition, 1 changes nothing
    returns  (..., V)

    Unlike probabilities, the result depends on where the zero of the logits lies: adding a constant to all logits
    changes what the penalty does. As in Keskar et al. 2019, and for negative logits as in Hugging Face's transformers.

    Raises ValueError when the penalty is not positive, or infinite.

    >>> repetition_penalty(torch.tensor([2.0, -1.0, 3.0]), torch.tensor([0, 1, 0]), 2.0)
    tensor([ 1., -2.,  3.])
    """
    require_positive(penalty=penalty)
    seen = logits.gather(-1, ids)
    return logits.scatter(-1, ids, torch.where(seen > 0, seen / penalty, seen * penalty))


def _precise(logits: Tensor) -> Tensor:
    """Return the logits in float32 at least: a sum of 50,000 half-precision probabilities means nothing."""
    return logits if logits.dtype == torch.float64 else logits.float()


def _mass_before(probs: Tensor) -> Tensor:
    """Return, at each place of the last dimension, the sum of all probabilities before it."""
    return F.pad(probs.cumsum(dim=-1)[..., :-1], (1, 0))
