"""Generation with a cache against Hugging Face's `generate`, with the same weights and the same text as result."""

import torch
from torch import Tensor

from benchmarks.gpt import new_gpt2
from benchmarks.timing import alternate, row
from course_lib.decoding import Sampling, generate
from course_lib.gpt_weights import gpt_from_gpt2

_PROMPT, _NEW = 16, 256
_SIZES = ((4, 128, 4, 512, 0.35), (6, 384, 6, 4096, 0.6))  # layers, d_model, heads, vocabulary, goal


def compare() -> list[dict]:
    return [measure(batch_size, *size) for size in _SIZES for batch_size in (1, 8)]


def measure(
    batch_size: int,
    n_layers: int,
    d_model: int,
    n_heads: int,
    vocab_size: int,
    goal: float,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> dict:
    """Return the row for one size of model and batch, on any device and in any precision."""
    torch.manual_seed(0)
    theirs = new_gpt2(n_layers, d_model, n_heads, vocab_size, _PROMPT + _NEW)
    model = gpt_from_gpt2(theirs.state_dict(), n_heads).to(device, dtype)
    theirs = theirs.to(device, dtype)
    prompt = torch.randint(1, vocab_size, (batch_size, _PROMPT), device=device)
    attended = torch.ones_like(prompt)

    def ours() -> Tensor:
        return generate(model, prompt, _NEW, Sampling(temperature=0))

    def peer() -> Tensor:
        return theirs.generate(
            prompt, attention_mask=attended, max_new_tokens=_NEW, do_sample=False, use_cache=True, pad_token_id=0
        )

    found = ours()
    with torch.no_grad():  # what we chose must be what theirs finds best, whichever of two equal ones it is
        logits = theirs(found[:, :-1]).logits[:, _PROMPT - 1 :]
    chosen = logits.gather(-1, found[:, _PROMPT:, None])[..., 0]
    assert (logits.amax(-1) - chosen).max() < (1e-4 if dtype == torch.float32 else 0.1), "both must write the same"
    return row(
        f"generation, {n_layers} × {d_model}, V {vocab_size:,}, batch {batch_size}, {_NEW} tokens, greedy",
        "transformers' generate with its cache",
        alternate(ours, peer, seconds=8),
        goal,
        note=f"equal tokens: {found.equal(peer())}" + ("" if found.equal(peer()) else " (up to ties)"),
        why="A step reads every weight once, on both sides; what we save is the calls around it, which weigh less the "
        "larger the model is.",
    )
