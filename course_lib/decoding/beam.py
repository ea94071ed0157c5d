"""Beam search: look for the most probable continuation, with the few best beginnings kept at every length.

It is a heuristic: a beginning that is dropped may have had the best continuation. Only when there are as many beams as
there are beginnings does it look at everything. Scores follow Hugging Face's transformers: the log-probability of the
new tokens divided by (number of new tokens) ** length_penalty.  (Wu et al. 2016 divide by ((5 + n) / 6) ** α.)
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.arguments import require_at_least, require_counts, require_from
from course_lib.decoding.predictor import Predictor, require_prompt


@dataclass(frozen=True)
class Hypothesis:
    """One continuation that beam search found."""

    tokens: list[int]  #: the new tokens, the final eos_id included
    log_prob: float  #: of all new tokens together, given the prompt, in nats
    score: float  #: log_prob / len(tokens) ** length_penalty
    finished: bool  #: whether it ends with eos_id; if not, it was cut off at max_new_tokens


def beam_search(
    model: nn.Module,
    prompt: Tensor,
    max_new_tokens: int,
    beams: int = 5,
    *,
    eos_id: int | None = None,
    length_penalty: float = 0.0,
    n_best: int = 1,
    left_padding: Tensor | None = None,
) -> list[list[Hypothesis]]:
    """Return the best continuations found for each prompt, best score first.

    model           a language model (see `course_lib.language_model`), in any mode; it is left as it was
    prompt          (B, T) token ids on the model's device, T at least 1; each row is searched on its own
    max_new_tokens  length at which what is still open is cut off and takes part with its score
    beams           beginnings kept; 1, with no length penalty, is greedy
    eos_id          the token that ends a text; None: all have the same length
    length_penalty  at least 0. 0 compares probabilities, which favours short texts; 1 compares the mean per token
    n_best          hypotheses to return for each prompt, at most `beams`
    left_padding    (B,) how many tokens at the left of each row are padding, as in `course_lib.decoding.generate`
    returns         B lists of up to n_best hypotheses

    A row is searched until no open beginning can reach a score that its `beams` finished hypotheses do not have.
    Raises ValueError for numbers out of these ranges, for a prompt or a left_padding of another shape, and when the
    model does not take a left_padding.
    """
    prompt = require_prompt(prompt, max_new_tokens, left_padding)
    require_counts(beams=beams)
    require_from(1, beams, n_best=n_best)
    require_at_least(0, length_penalty=length_penalty)
    if max_new_tokens == 0:
        return [[Hypothesis([], 0.0, 0.0, False)] for _ in prompt]

    batch, length = prompt.shape
    if left_padding is not None:
        left_padding = left_padding.repeat_interleave(beams)
    predict = Predictor(model, batch * beams, length + max_new_tokens, left_padding=left_padding)
    ids = prompt.repeat_interleave(beams, dim=0)  # (B·K, T)
    open_scores = torch.full((batch, beams), -math.inf, device=prompt.device)
    open_scores[:, 0] = 0.0  # at first all beams are alike: one counts
    found: list[list[Hypothesis]] = [[] for _ in range(batch)]
    settled = [False] * batch
    for n_new in range(1, max_new_tokens + 1):
        last = n_new == max_new_tokens
        log_probs = predict(ids)[:, -1].float().log_softmax(dim=-1)  # (B·K, V)
        parent, token, score = _best_candidates(open_scores, log_probs, 2 * beams)
        ended = torch.zeros_like(token, dtype=torch.bool) if eos_id is None else token == eos_id
        closing = (ended | last) & (score > -math.inf)
        closing[:, beams:] = False  # the second half is there so that enough stay open
        for row, place in closing.nonzero().tolist():
            if not settled[row]:
                tokens = [*ids[parent[row, place], length:].tolist(), int(token[row, place])]
                log_prob = float(score[row, place])
                rated = log_prob / n_new**length_penalty
                found[row].append(Hypothesis(tokens, log_prob, rated, bool(ended[row, place])))
        found = [sorted(best, key=lambda hypothesis: -hypothesis.score)[:beams] for best in found]
        open_scores, kept = score.masked_fill(ended, -math.inf).topk(beams)  # (B, K), best first
        reachable = (open_scores[:, 0] / max_new_tokens**length_penalty).tolist()
        settled = [len(best) == beams and best[-1].score >= most for best, most in zip(found, reachable)]
        if last or all(settled):
            break
        rows = parent.gather(1, kept).flatten()
        ids = torch.cat([ids[rows], token.gather(1, kept).flatten()[:, None]], dim=1)
        predict.reorder(rows)
    return [best[:n_best] for best in found]


def _best_candidates(open_scores: Tensor, log_probs: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the n best ways to go on for each prompt: the row of ids they continue, the token, the log-probability.

    open_scores  (B, K) log-probabilities of the open beginnings
    log_probs    (B·K, V) of the next token after each
    returns      three (B, n), best first; fewer than n where there are no more
    """
    batch, beams = open_scores.shape
    totals = (open_scores.flatten()[:, None] + log_probs).view(batch, -1)  # (B, K·V)
    score, place = totals.topk(min(n, totals.size(1)))
    vocab_size = log_probs.size(-1)
    first_row = beams * torch.arange(batch, device=place.device)[:, None]
    return first_row + place // vocab_size, place % vocab_size, score
