"""Speculative decoding: a small model drafts a few tokens, the large one checks them all in a single call.

What comes out is distributed exactly as if the large model had drawn token by token (Leviathan et al. 2023; Chen et
al. 2023). The draft decides only how fast it goes: a drafted token x is kept with probability min(1, p(x) / q(x)), p
the large model's distribution and q the draft's; after the first refusal one token is drawn from max(0, p − q).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.arguments import require_counts, require_probability
from course_lib.decoding.predictor import Predictor, require_prompt
from course_lib.decoding.sampling import Sampling, draw_token


@dataclass(frozen=True)
class SpeculativeText:
    """A text, and how it was made."""

    ids: Tensor  #: (1, T + n) int64, the prompt and its continuation
    drafted: int  #: tokens that the draft proposed
    accepted: int  #: those of them that were kept
    calls: int  #: calls of the large model


def acceptance_rate(target_probs: Tensor, draft_probs: Tensor) -> Tensor:
    """Return the probability that a drafted token is kept: the overlap Σ min(p, q) of the two distributions.

    target_probs  (..., V) p
    draft_probs   (..., V) q
    returns       (...), 1 where they are equal, 0 where they share nothing; 1 minus their total variation distance

    Theorem 3.5 of Leviathan et al. 2023.

    >>> acceptance_rate(torch.tensor([0.6, 0.3, 0.1]), torch.tensor([0.2, 0.3, 0.5]))
    tensor(0.6000)
    """
    return torch.minimum(target_probs, draft_probs).sum(dim=-1)


def tokens_per_call(rate: float, n_draft: int) -> float:
    """Return how many tokens a call of the large model yields on average.

    rate     0 to 1, probability that a drafted token is kept, here the same for all
    n_draft  tokens drafted for each call
    returns  1 to n_draft + 1.  Eq. 1 of Leviathan et al. 2023

    Raises ValueError for a rate outside [0, 1] and a negative n_draft.

    >>> tokens_per_call(0.8, 4)
    3.3616
    """
    require_probability(rate=rate)
    require_counts(0, n_draft=n_draft)
    return round(sum(rate**kept for kept in range(n_draft + 1)), 12)


def speculative_accept(
    target_probs: Tensor, draft_probs: Tensor, drafted: Tensor, generator: torch.Generator | None = None
) -> tuple[int, int]:
    """Decide how many drafted tokens are kept, and draw the token that follows them.

    target_probs  (n + 1, V) the large model's distribution at each drafted token and after the last
    draft_probs   (n, V) the distributions that the drafted tokens were drawn from
    drafted       (n,) token ids, n may be 0
    generator     None: torch's global one
    returns       how many are kept, 0 to n, and the token after them: drawn from what the target has more of at the
                  first refused place, or from target_probs[n] when all are kept

    Raises ValueError for shapes that do not fit.  Algorithm 1 of Leviathan et al. 2023.
    """
    n = len(drafted)
    if target_probs.dim() != 2 or len(target_probs) != n + 1 or draft_probs.shape != (n, target_probs.size(-1)):
        raise ValueError(
            f"target_probs must be ({n + 1}, V) and draft_probs ({n}, V) for {n} drafted tokens, got "
            f"{tuple(target_probs.shape)} and {tuple(draft_probs.shape)}"
        )
    device = drafted.device if generator is None else generator.device
    luck = torch.rand(n, generator=generator, device=device).to(drafted.device)
    p, q = (probs.gather(-1, drafted[:, None])[:, 0] for probs in (target_probs[:n], draft_probs))
    kept = int((luck * q < p).cumprod(dim=0).sum())  # luck < p / q, without a division
    following = target_probs[kept]
    if kept < n:
        surplus = (following - draft_probs[kept]).clamp_min(0)
        following = surplus if surplus.any() else following  # p = q but for rounding
    return kept, int(draw_token(following.log()[None], generator))


@torch.no_grad()
def speculative_decode(
    model: nn.Module,
    draft: nn.Module,
    prompt: Tensor,
    max_new_tokens: int,
    sampling: Sampling | None = None,
    *,
    n_draft: int = 4,
    eos_id: int | None = None,
    generator: torch.Generator | None = None,
) -> SpeculativeText:
    """Continue a prompt as `generate` would with the large model alone, in fewer calls of it.

    model           the large language model, which decides the distribution
    draft           a faster one with the same vocabulary
    prompt          (1, T) token ids on the models' device
    max_new_tokens  stop after so many
    sampling        how tokens are chosen, applied to both models; None: as the large model says
    n_draft         tokens that the draft proposes for each call, at least 1
    eos_id          the token that ends the text
    generator       of the randomness; None: torch's global one

    Raises ValueError for more than one prompt, for models with different vocabularies, for n_draft < 1, and when the
    text would not fit into the window of one of the models.
    """
    _require_fitting(model, draft, prompt, max_new_tokens, n_draft)
    sampling, ids, end = sampling or Sampling(), prompt, prompt.size(1) + max_new_tokens
    large, small = Predictor(model, 1, end), Predictor(draft, 1, end)
    drafted = accepted = calls = 0
    while ids.size(1) < end:
        length, proposal, proposed = ids.size(1), ids, []
        for _ in range(min(n_draft, end - length - 1)):  # the large model adds one itself
            logits = sampling.filter(small(proposal)[:, -1], proposal)
            proposed.append(logits.softmax(dim=-1))
            proposal = torch.cat([proposal, draw_token(logits, generator)[:, None]], dim=1)
        n = len(proposed)
        logits = large(proposal, last=n + 1)[0]  # (n + 1, V)
        target_probs = torch.stack([sampling.filter(logits[i], proposal[0, : length + i]) for i in range(n + 1)])
        draft_probs = torch.cat(proposed) if n else logits.new_empty(0, logits.size(-1))
        kept, token = speculative_accept(target_probs.softmax(dim=-1), draft_probs, proposal[0, length:], generator)
        drafted, accepted, calls = drafted + n, accepted + kept, calls + 1
        ids = torch.cat([proposal[:, : length + kept], ids.new_tensor([[token]])], dim=1)
        if eos_id is not None and (ids[0, length:] == eos_id).any():
            first = int((ids[0, length:] == eos_id).nonzero()[0])
            return SpeculativeText(ids[:, : length + first + 1], drafted, accepted, calls)
        for predict in (large, small):
            predict.truncate(length + kept)
    return SpeculativeText(ids, drafted, accepted, calls)


def _require_fitting(model: nn.Module, draft: nn.Module, prompt: Tensor, max_new_tokens: int, n_draft: int) -> None:
    require_prompt(prompt, max_new_tokens)
    if len(prompt) != 1:
        raise ValueError(f"prompt must be one row, (1, T), got {tuple(prompt.shape)}")
    require_counts(n_draft=n_draft)
    if model.vocab_size != draft.vocab_size:
        raise ValueError(f"both models must have one vocabulary, got {model.vocab_size} and {draft.vocab_size} tokens")
    longest = prompt.size(1) + max_new_tokens - 1
    for name, window in (("model", getattr(model, "seq_len", None)), ("draft", getattr(draft, "seq_len", None))):
        if window is not None and longest > window:
            raise ValueError(f"the text must fit into the window of {name}, {window} tokens, got {longest}")
