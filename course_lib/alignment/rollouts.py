"""Rollouts: replies that the policy itself wrote, with what a loss must know about them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from course_lib.arguments import require_counts
from course_lib.decoding import generate


@torch.no_grad()
def sample_replies(
    model: nn.Module,
    prompt: Sequence[int],
    n: int,
    max_new_tokens: int,
    eos_id: int,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Return n replies to one prompt, each token drawn from the model's own distribution.

    model           a language model (see `course_lib.language_model`)
    prompt          (T₀,) token ids, at least one
    n               how many
    max_new_tokens  a reply is cut off after so many
    eos_id          ends a reply; it belongs to it, and fills the row after it
    generator       of the randomness; None: torch's global one
    returns         ids (n, T) int64, the prompt and the reply, and reply (n, T) boolean, True = a token of the reply:
                    as the losses of `course_lib.alignment` want them. `token_log_probs(logits, ids)` goes with
                    reply[:, 1:]

    Raises ValueError for n below 1, and for what `generate` refuses.
    """
    require_counts(n=n)
    device = next(model.parameters()).device
    start = torch.tensor([list(prompt)], device=device).expand(n, -1)
    ids = generate(model, start, max_new_tokens, eos_id=eos_id, generator=generator)
    new = ids[:, start.size(1) :]
    ended_before = (new == eos_id).cumsum(1) - (new == eos_id).int()
    return ids, torch.cat([torch.zeros_like(start, dtype=torch.bool), ended_before == 0], dim=1)
