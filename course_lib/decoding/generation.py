"""Generation: write a text token by token, each drawn from what the model expects after those before it."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from course_lib.decoding.predictor import Predictor, require_prompt
from course_lib.decoding.sampling import Sampling


def stream(
    model: nn.Module,
    prompt: Tensor,
    max_new_tokens: int,
    sampling: Sampling | None = None,
    *,
    eos_id: int | None = None,
    pad_id: int | None = None,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
    left_padding: Tensor | None = None,
) -> Iterator[Tensor]:
    """Yield the continuation of each prompt one token at a time.

    model           a language model (see `course_lib.language_model`), in any mode; it is left as it was
    prompt          (B, T) token ids on the model's device, T at least 1; they are not yielded
    max_new_tokens  stop after so many
    sampling        how each token is chosen; None: from the model's own distribution
    eos_id          the token that ends a text; a row that has drawn it yields pad_id from then on, and when all rows
                    have, the stream ends. None: nothing ends a text early
    pad_id          None: eos_id
    generator       of the randomness; None: torch's global one
    use_cache       False: compute everything again at each token, with the same result
    left_padding    (B,) how many tokens at the left of each row are padding, so that prompts of unequal length end
                    together; less than T. Each row is continued as if it were alone. None: none
    yields          (B,) int64

    Beyond `model.seq_len` only the last seq_len tokens are read. Raises ValueError for a prompt or a left_padding of
    another shape, and when the model does not take a left_padding (see `course_lib.language_model`).
    """
    ids = require_prompt(prompt, max_new_tokens, left_padding)
    sampling = sampling or Sampling()
    predict = Predictor(model, len(prompt), prompt.size(1) + max_new_tokens, use_cache, left_padding)
    done = torch.zeros(len(prompt), dtype=torch.bool, device=prompt.device)
    for _ in range(max_new_tokens):
        token = sampling.draw(predict(ids)[:, -1], ids, generator)
        if eos_id is not None:
            token = token.masked_fill(done, eos_id if pad_id is None else pad_id)
            done = done | (token == eos_id)
        yield token
        if eos_id is not None and done.all():
            return
        ids = torch.cat([ids, token[:, None]], dim=1)


def generate(
    model: nn.Module, prompt: Tensor, max_new_tokens: int, sampling: Sampling | None = None, **options: Any
) -> Tensor:
    """Return the prompts with their continuations, (B, T + n) int64, n at most max_new_tokens.

    Arguments, options and errors are those of `stream`. A row that ended early is filled up with pad_id.
    """
    tokens = stream(model, prompt, max_new_tokens, sampling, **options)
    return torch.cat([prompt, *(token[:, None] for token in tokens)], dim=1)
