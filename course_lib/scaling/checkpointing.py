"""Gradient checkpointing: forget most of what the backward pass needs, and compute it again when it is needed.

Chen et al. 2016. Every layer is computed twice forward and once backward, which would make four thirds of the
arithmetic; PyTorch stops computing again as soon as the last tensor that is needed is there, so that the last product
of a stretch is saved: with a GPT's block as the stretch, about a quarter more is left. Of L layers, one in `every`
leaves its input behind, and one stretch at a time is whole in memory.
"""

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.utils.checkpoint import checkpoint

from course_lib.arguments import require_counts


def checkpointed(layers: Sequence[Callable[[Tensor], Tensor]], x: Tensor, every: int = 1) -> Tensor:
    """Return `layers[-1](… layers[1](layers[0](x)))`, keeping for the backward pass the input of every so many layers.

    layers   modules or functions of one tensor
    x        what the first one takes, of any shape
    every    layers in a stretch: 1 keeps the input of each layer. What is kept (L / every inputs) and what a stretch
             holds while it is computed again (`every` layers) are least in sum at √L, if a layer keeps one tensor
    returns  what the last layer returns, with the gradients that it would have had; dropout draws the same again

    Raises ValueError for every below 1.
    """
    require_counts(every=every)
    for start in range(0, len(layers), every):
        x = checkpoint(_in_turn, layers[start : start + every], x, use_reentrant=False)
    return x


def _in_turn(layers: Sequence[Callable[[Tensor], Tensor]], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x
