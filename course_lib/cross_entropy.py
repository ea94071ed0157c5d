"""Cross-entropy without the logits: the loss of a large vocabulary in the memory of a few rows.

The logits of 16 × 1,024 tokens over 50,304 ids are 3.3 GB in float32, and as much again for their gradient: more than
the model. But a row of logits is needed only to be reduced to one loss, and to the two products of its gradient. So a
few rows are made at a time, used, and forgotten: nothing of size N × V ever exists. Where the gradient is wanted it is
computed on the way, since in the end it is multiplied by one number.

As in Liger Kernel (Hsu et al. 2024, §3.2, "FusedLinearCrossEntropy"); Cut Cross-Entropy (Wijmans et al. 2025) goes
further, with blocks of the vocabulary in a kernel of its own.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from course_lib.arguments import require_counts
from course_lib.gpt import GPT
from course_lib.ids import IGNORED, require_targets


def chunked_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, *, ignored: int = IGNORED, rows: int = 512
) -> Tensor:
    """Return the mean cross-entropy of targets under the logits hidden @ weight.T, which are never all there.

    hidden   (N, d_model) what the logits are made of
    weight   (V, d_model) of the output matrix, which has no bias
    targets  (N,) int64, the token that each row should predict
    ignored  a target that does not count
    rows     rows whose logits are there at once: rows · V numbers in float32, twice
    returns  a scalar in nats, float32 at least; nan when no target counts

    Value and gradients are those of F.cross_entropy(F.linear(hidden, weight).float(), targets), whatever `rows` is. In
    half precision the products are rounded, exponentials and sums are not. Gradients of gradients are not supported.

    Raises ValueError for shapes that do not fit, targets outside the vocabulary, and rows below 1.

    >>> hidden, weight = torch.tensor([[1.0], [2.0]]), torch.tensor([[0.0], [1.0]])
    >>> chunked_cross_entropy(hidden, weight, torch.tensor([1, 0]), rows=1)
    tensor(1.2201)
    """
    require_counts(rows=rows)
    if hidden.dim() != 2 or weight.dim() != 2 or hidden.size(1) != weight.size(1) or targets.shape != hidden.shape[:1]:
        shapes = ", ".join(str(tuple(given.shape)) for given in (hidden, weight, targets))
        raise ValueError(f"hidden, weight and targets must be (N, d_model), (V, d_model) and (N,), got {shapes}")
    require_targets(targets, (len(hidden), len(weight)), ignored)
    return _ChunkedCrossEntropy.apply(hidden, weight, targets, ignored, rows)


def chunked_next_token_loss(model: GPT, windows: Tensor) -> Tensor:
    """Return `course_lib.language_model.next_token_loss` of a GPT, a scalar, in less memory.

    model    whose logits are to_logits(features), without a bias
    windows  (B, T + 1) token ids; they are moved to the model's device
    """
    weight = model.to_logits.weight
    windows = windows.to(weight.device)
    features = model.features(windows[:, :-1])  # (B, T, d_model)
    return chunked_cross_entropy(features.flatten(0, 1), weight, windows[:, 1:].flatten())


class _ChunkedCrossEntropy(torch.autograd.Function):
    """The sums of losses and gradients in `forward`; `backward` divides by how many targets count."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, ignored: int, rows: int) -> Tensor:
        wide = torch.promote_types(hidden.dtype, torch.float32)
        counts = targets != ignored
        total = torch.zeros((), dtype=wide, device=hidden.device)
        d_hidden = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        d_weight = torch.zeros_like(weight, dtype=wide) if ctx.needs_input_grad[1] else None
        for start in range(0, len(hidden), rows):
            part = slice(start, start + rows)
            logits = F.linear(hidden[part], weight)  # (rows, V)
            log_probs = logits.to(wide).log_softmax(dim=-1)
            counted, target = counts[part, None], targets[part, None].where(counts[part, None], 0)
            total -= log_probs.gather(-1, target).where(counted, 0).sum()
            gradient = log_probs.exp_()  # of the sum of losses: softmax − 1 at the target
            gradient.scatter_add_(-1, target, gradient.new_full(target.shape, -1.0)).mul_(counted)
            gradient = gradient.to(logits.dtype)
            if d_hidden is not None:
                d_hidden[part] = gradient @ weight
            if d_weight is not None:
                d_weight += gradient.T @ hidden[part]
        n_counted = counts.sum()
        ctx.save_for_backward(d_hidden, d_weight, n_counted)
        ctx.dtypes = hidden.dtype, weight.dtype
        return total / n_counted

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor) -> tuple[Tensor | None, ...]:
        *gradients, n_counted = ctx.saved_tensors
        scale = d_loss / n_counted
        scaled = (None if g is None else (g * scale).to(dtype) for g, dtype in zip(gradients, ctx.dtypes))
        return *scaled, None, None, None
