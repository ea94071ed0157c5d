"""Looking inside a trained GPT: what a head looks at, what is lost without it, what each layer already knows.

A pattern of attention says what a head looks at, and nothing about whether anybody uses it; whether something is used
is seen by taking it away. Scores of induction heads: Olsson et al. 2022, "In-context Learning and Induction Heads".
Logit lens: nostalgebraist 2020, "interpreting GPT: the logit lens".
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import Tensor

from course_lib.arguments import require_from
from course_lib.gpt import GPT, Block


def induction_score(weights: Tensor, period: int) -> Tensor:
    """Return how much attention each head gives to the token after the earlier occurrence of the one it is at.

    weights  (B, H, T, T) attention weights over sequences that repeat after `period` tokens; row t is what token t
             looks at
    period   P. Token t occurred before at t − P, and what followed it there is at t − P + 1
    returns  (H,) mean of weights[:, :, t, t − P + 1] over the batch and all t from P on: 1 for a perfect induction head

    Raises ValueError when period is not from 2 to T − 1: with 1 the token after the earlier one is the token itself.
    The prefix-matching score of Olsson et al. 2022.

    >>> weights = torch.zeros(1, 1, 4, 4)
    >>> weights[0, 0, 2, 1], weights[0, 0, 3, 2] = 1.0, 0.5
    >>> induction_score(weights, 2)
    tensor([0.7500])
    """
    length = weights.size(-1)
    require_from(2, length - 1, period=period)
    t = torch.arange(period, length, device=weights.device)
    return weights[:, :, t, t - period + 1].mean((0, 2))


@torch.no_grad()
def logit_lens(model: GPT, ids: Tensor) -> Tensor:
    """Return the logits read off the residual stream before the first block and after each of them.

    model    a pre-norm GPT. It computes in eval mode, and is left in the mode in which it came
    ids      (B, T) int64 token ids
    returns  (n_layers + 1, B, T, V): the final norm and the output matrix applied to each; the last are model(ids)

    Raises ValueError for a post-norm model, whose stream is normalised in every block, and what the model raises.
    nostalgebraist 2020.
    """
    if not model.config.pre_norm:
        raise ValueError("model must be pre-norm: the final norm of a post-norm model does nothing, got pre_norm False")
    stream: list[Tensor] = []
    blocks = list(cast(Iterable[Block], model.blocks))
    hooks = [blocks[0].register_forward_pre_hook(lambda _, arguments: stream.append(arguments[0]))]
    hooks += [block.register_forward_hook(lambda _, arguments, x: stream.append(x)) for block in blocks]
    was_training = model.training
    model.eval()
    try:
        model(ids)
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return torch.stack([model.to_logits(model.norm(x)) for x in stream])


@contextmanager
def without_heads(model: GPT, heads: Iterable[tuple[int, int]]) -> Iterator[GPT]:
    """Take heads out of a model for the duration of a `with`: what they gathered counts as zero (zero ablation).

    model    its output projections are changed in place, and restored at the end
    heads    pairs of layer and head, both from 0

    Raises ValueError for a layer or a head that the model does not have.
    """
    config, blocks = model.config, list(cast(Iterable[Block], model.blocks))
    kept = [block.attention.out_proj.weight.detach().clone() for block in blocks]
    for layer, head in (heads := list(heads)):
        if not (0 <= layer < config.n_layers and 0 <= head < config.n_heads):
            sizes = f"{config.n_layers} layers of {config.n_heads} heads"
            raise ValueError(f"heads must be pairs (layer, head) of a model with {sizes}, got {(layer, head)}")
    try:
        with torch.no_grad():
            for layer, head in heads:
                columns = slice(head * config.d_head, (head + 1) * config.d_head)
                blocks[layer].attention.out_proj.weight[:, columns] = 0
        yield model
    finally:
        with torch.no_grad():
            for block, weight in zip(blocks, kept):
                block.attention.out_proj.weight.copy_(weight)
