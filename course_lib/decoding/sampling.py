"""Sampling: which distribution the next token is drawn from, and the draw itself.

The usual order: repetition penalty, temperature, top-k, top-p, min-p, typical. Each filter sees what the one before it
left, renormalised: with k = 50 and p = 0.9, the nucleus holds 0.9 of what the best 50 tokens have together.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from course_lib.arguments import require_at_least, require_counts, require_positive, require_probability
from course_lib.decoding import filters


@dataclass(frozen=True)
class Sampling:
    """How to choose the next token. The defaults change nothing: the model's own distribution.

    temperature         0: the most likely token (greedy), without any randomness; 1: as the model says
    top_k               keep the k most likely tokens; 0: all
    top_p               keep the smallest set of most likely tokens with this probability; 1: all
    min_p               keep tokens with at least this share of the best one's probability; 0: all
    typical_p           keep locally typical tokens with this probability; 1: all
    repetition_penalty  above 1: tokens that occurred become less likely; 1: off

    Raises ValueError for values that its filter does not take: see `course_lib.decoding.filters`.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0

    def __post_init__(self) -> None:
        require_at_least(0, temperature=self.temperature)
        require_counts(0, top_k=self.top_k)
        require_probability(min_p=self.min_p)
        require_positive(repetition_penalty=self.repetition_penalty)
        for name in ("top_p", "typical_p"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be more than 0 and at most 1, got {getattr(self, name)}")

    def filter(self, logits: Tensor, ids: Tensor | None = None) -> Tensor:
        """Return the logits of the distribution that is drawn from.

        logits   (..., V)
        ids      (..., T) the tokens so far; needed by the repetition penalty alone
        returns  (..., V), a new tensor, −∞ for what cannot be drawn

        >>> Sampling(top_k=2).filter(torch.tensor([1.0, 3.0, 2.0])).softmax(-1)
        tensor([0.0000, 0.7311, 0.2689])
        """
        logits = filters.apply_temperature(self._penalise(logits, ids), self.temperature)
        if self.top_k:
            logits = filters.top_k_filter(logits, self.top_k)
        if self.top_p < 1:
            logits = filters.top_p_filter(logits, self.top_p)
        if self.min_p:
            logits = filters.min_p_filter(logits, self.min_p)
        if self.typical_p < 1:
            logits = filters.typical_filter(logits, self.typical_p)
        return logits

    def draw(self, logits: Tensor, ids: Tensor | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Draw one token for each row, from the distribution that `filter` describes.

        logits     (B, V)
        ids        (B, T) the tokens so far; needed by the repetition penalty alone
        generator  of the randomness, on any device; None: torch's global one
        returns    (B,) int64

        Where the filters allow, it never sorts the vocabulary: behind top-k everything happens among k tokens, and
        top-p alone draws from the whole distribution until the token is in the nucleus.

        Raises ValueError when a row has a nan, or nothing but −∞.
        """
        logits = self._penalise(logits, ids)
        if self.temperature == 0:
            _require_finite(logits.amax(dim=-1))
            return logits.argmax(dim=-1)
        if 0 < self.top_k < logits.size(-1):
            best, tokens = logits.topk(self.top_k, dim=-1)  # (B, k)
            place = draw_token(replace(self, top_k=0, repetition_penalty=1.0).filter(best), generator)
            return tokens.gather(-1, place[:, None])[:, 0]
        if self.top_p < 1 and self.min_p == 0 and self.typical_p == 1:
            warm = logits if self.temperature == 1 else filters.apply_temperature(logits, self.temperature)
            return _draw_from_nucleus(warm, self.top_p, generator)
        return draw_token(replace(self, repetition_penalty=1.0).filter(logits), generator)

    def _penalise(self, logits: Tensor, ids: Tensor | None) -> Tensor:
        if self.repetition_penalty == 1:
            return logits
        if ids is None:
            raise ValueError("ids must be given when repetition_penalty is not 1: the tokens so far")
        return filters.repetition_penalty(logits, ids, self.repetition_penalty)


def draw_token(logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draw one token for each row from the softmax of its logits.

    logits     (B, V)
    generator  on any device; None: torch's global one
    returns    (B,) int64; a token whose logit is −∞ is never drawn

    The Gumbel trick: the place of the largest of logits plus Gumbel noise is distributed as their softmax.

    Raises ValueError when a row has a nan, or nothing but −∞.
    """
    tiny = torch.finfo(torch.float32).tiny
    exponential = -_uniform(logits.shape, logits, generator).clamp_min(tiny).log()
    largest, token = (logits.float() - exponential.clamp_min(tiny).log()).max(dim=-1)
    _require_finite(largest)
    return token


def _require_finite(largest: Tensor) -> None:
    """Raise ValueError unless the largest logits of all rows (B,) are finite."""
    if not largest.isfinite().all():
        raise ValueError(f"logits must be free of nan and +∞, and not all −∞, but the largest are {largest.tolist()}")


def _draw_from_nucleus(logits: Tensor, p: float, generator: torch.Generator | None, rounds: int = 8) -> Tensor:
    """Draw from the nucleus of each row of logits (B, V) by rejection, without sorting.

    A token drawn from the whole distribution belongs to the nucleus if those ahead of it have less than p together;
    otherwise that row is drawn again. A round succeeds with probability p at least. What is left after some rounds is
    drawn from the sorted nucleus, so that a small p does not take long.
    """
    _require_finite(logits.amax(dim=-1))
    probs = logits.float().softmax(dim=-1)
    drawn = torch.empty(len(logits), dtype=torch.int64, device=logits.device)
    waiting, places = (torch.arange(n, device=logits.device) for n in logits.shape)
    for _ in range(rounds):
        cumulative = probs.cumsum(dim=-1)
        level = (1 - _uniform((len(probs), 1), logits, generator)) * cumulative[:, -1:]  # more than 0
        token = torch.searchsorted(cumulative, level)  # (B', 1): the first place that reaches the level
        own = probs.gather(-1, token)
        ahead = (probs > own) | ((probs == own) & (places < token))
        inside = ((probs * ahead).sum(dim=-1) < p) & (own[:, 0] > 0)
        drawn[waiting[inside]] = token[inside, 0]
        waiting, probs = waiting[~inside], probs[~inside]
        if not len(waiting):
            return drawn
    drawn[waiting] = draw_token(filters.top_p_filter(logits[waiting], p), generator)
    return drawn


def _uniform(shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return numbers in [0, 1) on the device of `like`, drawn where the generator lives."""
    device = like.device if generator is None else generator.device
    return torch.rand(shape, generator=generator, device=device).to(like.device)
