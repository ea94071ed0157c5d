"""The loss of a large vocabulary: in chunks, and with all logits at once; its memory and its time.

On a GPU, if there is one, at the sizes of a training step there; otherwise on the CPU.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.timing import alternate, peak_mebibytes, row
from course_lib.cross_entropy import chunked_cross_entropy

_VOCAB, _D_MODEL = 50_304, 768


def compare() -> list[dict]:
    if torch.cuda.is_available():
        return measure("cuda", 16_384)
    return measure("cpu", 2048)


def measure(device: str, n_tokens: int, vocab_size: int = _VOCAB, d_model: int = _D_MODEL) -> list[dict]:
    """Return the rows of memory and time, for bfloat16 features under float32 sums."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(n_tokens, d_model, generator=generator).to(device, torch.bfloat16).requires_grad_()
    weight = (0.02 * torch.randn(vocab_size, d_model, generator=generator)).to(device, torch.bfloat16).requires_grad_()
    targets = torch.randint(vocab_size, (n_tokens,), generator=generator).to(device)

    def ours() -> Tensor:
        return _learn(chunked_cross_entropy(hidden, weight, targets), hidden, weight)

    def peer() -> Tensor:
        return _learn(F.cross_entropy(F.linear(hidden, weight).float(), targets), hidden, weight)

    assert torch.allclose(ours(), peer(), rtol=1e-3), "both must compute the same loss"
    work = f"loss and gradients, {n_tokens:,} tokens, V {vocab_size:,}, d_model {d_model}, bfloat16, {device}"
    memory = peak_mebibytes(ours, device), peak_mebibytes(peer, device)
    return [
        row(
            f"{work}: most memory at once", "F.cross_entropy of all logits", memory, 0.5, "equal loss", unit="MiB",
            why="The gradient of the output matrix in float32 is what remains.",
        ),
        row(work, "F.cross_entropy of all logits", alternate(ours, peer, seconds=5), note="equal loss"),
    ]  # fmt: skip


def _learn(loss: Tensor, *learned: Tensor) -> Tensor:
    for tensor in learned:
        tensor.grad = None
    loss.backward()
    return loss.detach()
