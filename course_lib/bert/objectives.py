"""What a model that looks both ways can be asked about a text without labels.

- BERT: what stood under the mask?                 `mask_tokens`, `mlm_loss` (Devlin et al. 2019)
- T5: what are the missing pieces, one by one?     `random_spans`, `span_corruption` (Raffel et al. 2020)
- ELECTRA: which tokens are not the original ones? `replaced_token_detection`, `replaced_token_loss` (Clark et al. 2020)

Every call draws again, so that a text is corrupted differently each time it is seen, as in RoBERTa (Liu et al. 2019).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.arguments import require_at_least, require_counts, require_probability
from course_lib.decoding import draw_token
from course_lib.ids import IGNORED, require_targets


def mask_tokens(
    ids: Tensor,
    vocab_size: int,
    mask_id: int,
    special_ids: Sequence[int] = (0,),
    p: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Choose places to ask about, and hide what is there: in 80 % of them by the mask.

    ids          (...) token ids; they are not changed
    vocab_size   V
    mask_id      the id of the mask
    special_ids  ids of padding, begin, end and the like: never chosen, and never put anywhere
    p            probability of each other token to be chosen
    generator    on any device; None: torch's global one
    returns      inputs (...): of the chosen tokens 80 % have become mask_id, 10 % a random token, uniform among all
                 that are not special, and 10 % are left as they are; labels (...): the chosen tokens' true ids,
                 everywhere else IGNORED

    The mask never occurs when the model is used; so that it cannot rely on it, a chosen token is sometimes
    wrong and sometimes right, and no token can be trusted or ignored.
    Raises ValueError for a p outside [0, 1], for special ids outside the vocabulary, or when every id is special.
    Devlin et al. 2019, §3.1 and A.1.
    """
    require_counts(vocab_size=vocab_size)
    require_probability(p=p)
    special_ids = [*special_ids, mask_id]
    if not all(0 <= index < vocab_size for index in special_ids):
        raise ValueError(f"special_ids and mask_id must be from 0 to {vocab_size - 1}, got {special_ids}")
    special = torch.zeros(vocab_size, dtype=torch.bool, device=ids.device)
    special[special_ids] = True
    ordinary = (~special).nonzero()[:, 0]
    if not len(ordinary):
        raise ValueError(f"special_ids and mask_id must leave some of the {vocab_size} ids, got {special_ids}")
    device = ids.device if generator is None else generator.device
    chance, kind = torch.rand(2, *ids.shape, generator=generator, device=device).to(ids.device)
    random = torch.randint(len(ordinary), ids.shape, generator=generator, device=device).to(ids.device)
    chosen = (chance < p) & ~special[ids]
    inputs = torch.where(chosen & (kind < 0.8), mask_id, ids)
    inputs = torch.where(chosen & (kind >= 0.9), ordinary[random], inputs)
    return inputs, ids.masked_fill(~chosen, IGNORED)


def mlm_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of the places that the model is asked about, in nats a place.

    logits   (..., V)
    labels   (...) from `mask_tokens`: true ids, or IGNORED
    returns  a scalar; 0 where nothing is asked

    Raises ValueError for shapes that do not fit, and labels outside the vocabulary.

    >>> mlm_loss(torch.zeros(3, 4), torch.tensor([IGNORED, 2, IGNORED]))  # four equally likely: ln 4
    tensor(1.3863)
    """
    require_targets(labels, logits.shape, name="labels")
    asked = labels != IGNORED
    return F.cross_entropy(logits[asked], labels[asked], reduction="sum") / asked.sum().clamp(min=1)


def random_spans(
    length: int, density: float = 0.15, mean_span: float = 3.0, generator: torch.Generator | None = None
) -> Tensor:
    """Choose the pieces of a text that are to be missing.

    length     T, tokens of the text, at least 2
    density    share of them that is missing, rounded to whole tokens, at least one and not all
    mean_span  mean length of a missing piece; it decides how many there are
    generator  on any device; None: torch's global one
    returns    (T,) boolean, True = missing, on the generator's device. The text begins with a piece that stays, then
               missing and staying pieces alternate; all ways to divide both into so many pieces are equally likely

    Raises ValueError for numbers out of these ranges.  As in the code of Raffel et al. 2020.
    """
    require_counts(2, length=length)
    require_at_least(1, mean_span=mean_span)
    if not 0.0 < density < 1.0:
        raise ValueError(f"density must be more than 0 and less than 1, got {density}")
    n_missing = min(max(round(length * density), 1), length - 1)
    n_spans = min(max(round(n_missing / mean_span), 1), length - n_missing)
    device = None if generator is None else generator.device

    def lengths(total: int) -> Tensor:
        """Divide total tokens into n_spans pieces of at least one: cut at n_spans − 1 of the total − 1 gaps."""
        cuts = torch.randperm(total - 1, generator=generator, device=device)[: n_spans - 1].sort().values + 1
        return torch.cat([cuts, cuts.new_tensor([total])]).diff(prepend=cuts.new_zeros(1))

    pieces = torch.stack([lengths(length - n_missing), lengths(n_missing)], dim=1).flatten()
    missing = torch.arange(2 * n_spans, device=pieces.device) % 2 == 1
    return missing.repeat_interleave(pieces)


def span_corruption(ids: Tensor, missing: Tensor, sentinels: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Take pieces out of a text: a source with gaps, and a target that says what belongs into each.

    ids        (T,) token ids
    missing    (T,) boolean, True = taken out; neighbours are one piece
    sentinels  ids that name the gaps, in this order; one more than there are pieces
    returns    source: each missing piece replaced by a sentinel of its own; target: each sentinel followed by its
               piece, and one more sentinel as the end

    Raises ValueError for shapes that do not fit and too few sentinels, TypeError for a `missing` that is not boolean.
    Raffel et al. 2020, §3.1.4: “Thank you <X> me to your party <Y> week.” → “<X> for inviting <Y> last <Z>”.

    >>> missing = torch.tensor([False, True, True, False, True])
    >>> span_corruption(torch.tensor([11, 12, 13, 14, 15]), missing, (99, 98, 97))
    (tensor([11, 99, 14, 98]), tensor([99, 12, 13, 98, 15, 97]))
    """
    if ids.dim() != 1 or ids.shape != missing.shape:
        raise ValueError(f"ids and missing must be (T,), got {tuple(ids.shape)} and {tuple(missing.shape)}")
    if missing.dtype != torch.bool:
        raise TypeError(f"missing must be a boolean tensor, True = taken out, got dtype {missing.dtype}")
    begins = missing & ~F.pad(missing, (1, 0))[:-1]  # (T,) the first token of each piece
    n_pieces = int(begins.sum())
    if len(sentinels) <= n_pieces:
        raise ValueError(f"sentinels must be more than the {n_pieces} missing pieces, got {len(sentinels)}")
    names = ids.new_tensor(sentinels)
    of_piece = names[(begins.cumsum(0) - 1).clamp(min=0)]  # (T,) the sentinel of the piece that a token belongs to
    both = torch.stack([of_piece, ids], dim=1)  # (T, 2) read row by row: sentinel, then token
    source = both[torch.stack([begins, ~missing], dim=1)]
    target = both[torch.stack([begins, missing], dim=1)]
    return source, torch.cat([target, names[n_pieces : n_pieces + 1]])


def replaced_token_detection(
    ids: Tensor, chosen: Tensor, logits: Tensor, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Let a small masked language model guess the chosen tokens; the task is to find its wrong guesses.

    ids        (B, T) the original text
    chosen     (B, T) boolean, where it was masked: labels != IGNORED after `mask_tokens`
    logits     (B, T, V) of the small model, which read the masked text
    generator  on any device; None: torch's global one
    returns    corrupted (B, T): the text with the chosen tokens drawn from the small model's distribution; replaced
               (B, T) boolean, True where they differ from ids. A guess that happens to be right is *not* replaced

    No gradient flows through the draw. Raises ValueError for shapes that do not fit.  Clark et al. 2020, §2.
    """
    if not ids.shape == chosen.shape == logits.shape[:-1]:
        raise ValueError(
            "ids, chosen and logits must have the shapes (B, T), (B, T) and (B, T, V), "
            f"got {tuple(ids.shape)}, {tuple(chosen.shape)} and {tuple(logits.shape)}"
        )
    corrupted = ids.clone()
    corrupted[chosen] = draw_token(logits[chosen], generator)
    return corrupted, corrupted != ids


def replaced_token_loss(scores: Tensor, replaced: Tensor, real: Tensor | None = None) -> Tensor:
    """Return the mean binary cross-entropy of “this token was replaced”, in nats a token, over *all* real tokens.

    scores    (B, T) logits of the answer yes
    replaced  (B, T) boolean, from `replaced_token_detection`
    real      (B, T) boolean, True = no padding; None: all are
    returns   a scalar

    Raises ValueError for shapes that do not fit.  Clark et al. 2020, §2; there it is added to `mlm_loss` 50-fold.

    >>> replaced_token_loss(torch.zeros(1, 4), torch.tensor([[True, False, False, True]]))  # undecided: ln 2
    tensor(0.6931)
    """
    real = torch.ones_like(replaced) if real is None else real
    if not scores.shape == replaced.shape == real.shape:
        raise ValueError(
            "scores, replaced and real must have one shape, "
            f"got {tuple(scores.shape)}, {tuple(replaced.shape)} and {tuple(real.shape)}"
        )
    return F.binary_cross_entropy_with_logits(scores[real], replaced[real].to(scores.dtype))
