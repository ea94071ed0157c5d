"""Drawing a token under top-k and top-p against Hugging Face's processors and torch.multinomial."""

import torch
from torch import Tensor
from transformers.generation.logits_process import TopKLogitsWarper, TopPLogitsWarper

from benchmarks.timing import alternate, row
from course_lib.decoding import Sampling

_ROWS, _VOCAB = 64, 50_257


def compare() -> list[dict]:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(_ROWS, _VOCAB, generator=generator)
    top_k, top_p = TopKLogitsWarper(50), TopPLogitsWarper(0.9)
    return [
        _row("top-k, k = 50", Sampling(top_k=50), [top_k], logits, generator),
        _row("top-p, p = 0.9", Sampling(top_p=0.9), [top_p], logits, generator),
        _row("top-k and top-p", Sampling(top_k=50, top_p=0.9), [top_k, top_p], logits, generator),
    ]


def _row(name: str, sampling: Sampling, processors: list, logits: Tensor, generator: torch.Generator) -> dict:
    def filtered(found: Tensor) -> Tensor:
        for processor in processors:
            found = processor(None, found)
        return found

    def ours() -> Tensor:
        return sampling.draw(logits, generator=generator)

    def peer() -> Tensor:
        return torch.multinomial(filtered(logits).softmax(-1), 1, generator=generator)[:, 0]

    # in float64: in float32 the two sum in another order, and the last token of a nucleus depends on it
    support = filtered(logits.double()).isfinite()
    assert sampling.filter(logits.double()).isfinite().equal(support), "both must allow the same tokens"
    drawn = torch.stack([ours() for _ in range(20)], dim=-1)
    assert support.gather(-1, drawn).float().mean() > 0.999, "no token outside may be drawn, but for rounding"
    return row(
        f"{name}, {_ROWS} × {_VOCAB:,} logits",
        "transformers' processors, softmax and torch.multinomial",
        alternate(ours, peer),
        goal=0.1,
        note=f"equal support, {support.sum(-1).float().mean():.0f} tokens a row",
        why="The softmax over the whole vocabulary and the running sums over it are what is left; nothing is sorted.",
    )
