"""A training step of a GPT against plain eager ones: forward, backward, clipping and AdamW.

nanoGPT is not installed and not copied here. Two stand in for it: `benchmarks.plain_gpt`, written for this benchmark in
the same style, and transformers' GPT-2. Each starts with our weights, and after three steps the losses must be equal.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from benchmarks.plain_gpt import PlainGPT
from benchmarks.timing import alternate, row
from course_lib.gpt import GPT, GPTConfig
from course_lib.gpt_weights import gpt_from_gpt2
from course_lib.language_model import next_token_loss

_VOCAB = 512
_SIZES = ((4, 128, 4, 12, 64), (6, 384, 6, 4, 128))  # layers, d_model, heads, B, T
_SETTINGS = {"lr": 1e-3, "betas": (0.9, 0.98), "weight_decay": 0.0}


def compare() -> list[dict]:
    return [new_row(*size) for size in _SIZES for new_row in (_beside_plain, _beside_hugging_face)]


def _beside_plain(n_layers: int, d_model: int, n_heads: int, batch_size: int, seq_len: int) -> dict:
    torch.manual_seed(0)
    ours = GPT(GPTConfig(_VOCAB, seq_len, d_model, n_heads, n_layers, bias=False))
    peer = PlainGPT(_VOCAB, seq_len, d_model, n_heads, n_layers)
    for mine, theirs in zip(_in_order(ours), peer.parameters(), strict=True):
        theirs.data.copy_(mine)
    windows = torch.randint(_VOCAB, (batch_size, seq_len + 1))
    ids, targets = windows[:, :-1].contiguous(), windows[:, 1:].contiguous()
    return _row(
        f"GPT training step, {n_layers} × {d_model}, B {batch_size}, T {seq_len}",
        "plain eager GPT, in the place of nanoGPT",
        _step(ours, lambda: next_token_loss(ours, windows), fused=True),
        _step(peer, lambda: peer(ids, targets), fused=False),
        goal=0.87,
        why="Products of matrices, which are the same on both sides, are about three quarters of the step: the fused "
        "AdamW is what we win.",
    )


def _beside_hugging_face(n_layers: int, d_model: int, n_heads: int, batch_size: int, seq_len: int) -> dict:
    return beside_hugging_face(n_layers, d_model, n_heads, batch_size, seq_len)


def beside_hugging_face(
    n_layers: int,
    d_model: int,
    n_heads: int,
    batch_size: int,
    seq_len: int,
    vocab_size: int = _VOCAB,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    our_loss: Callable[[nn.Module, Tensor], Tensor] = next_token_loss,
    note: str = "",
) -> dict:
    """Return the row of a step beside transformers' GPT-2, on any device; below float32 by autocast, on both sides."""
    torch.manual_seed(0)
    peer = new_gpt2(n_layers, d_model, n_heads, vocab_size, seq_len).train()
    ours = gpt_from_gpt2(peer.state_dict(), n_heads).train().to(device)
    peer = peer.to(device)
    windows = torch.randint(vocab_size, (batch_size, seq_len + 1), device=device)
    # its own loss shifts the labels: it reads all T + 1 tokens, where our model reads T; so the loss is taken outside
    ids, targets = windows[:, :-1].contiguous(), windows[:, 1:].flatten()

    def in_precision(loss: Callable[[], Tensor]) -> Callable[[], Tensor]:
        def work() -> Tensor:
            with torch.autocast(device, dtype, enabled=dtype != torch.float32):
                return loss()

        return work

    return _row(
        f"GPT training step, {n_layers} × {d_model}, B {batch_size}, T {seq_len}, GELU by tanh{note}",
        "transformers' GPT-2, eager",
        _step(ours, in_precision(lambda: our_loss(ours, windows)), fused=True),
        _step(peer, in_precision(lambda: F.cross_entropy(peer(ids).logits.flatten(0, 1), targets)), fused=False),
        goal=0.87,
        why="Products of matrices, which are the same on both sides, are most of the step.",
    )


def _row(work: str, name: str, ours: Callable, peer: Callable, goal: float, why: str) -> dict:
    for _ in range(3):
        mine, theirs = ours(), peer()
    assert torch.allclose(mine, theirs, rtol=1e-3), f"both must learn the same, got {mine} and {theirs}"
    note = f"equal loss after three steps ({mine.item():.4f}); ours with the fused AdamW, the peer with torch's default"
    return row(work, name, alternate(ours, peer, seconds=8), goal, note, why)


def _step(model: nn.Module, loss_of: Callable[[], Tensor], fused: bool) -> Callable[[], Tensor]:
    optimizer = torch.optim.AdamW(model.parameters(), **_SETTINGS, fused=fused or None)

    def step() -> Tensor:
        loss = loss_of()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    return step


def _in_order(model: GPT) -> list[Tensor]:
    """Return the weights in the order in which PlainGPT lists its own."""
    weights = [model.tokens.weight, model.positions.weight]
    for block in model.blocks:
        weights += [block.norm1.weight, block.norm2.weight, block.attention.qkv.weight, block.attention.out.weight]
        weights += [block.feed_forward.up.weight, block.feed_forward.down.weight]
    return [*weights, model.norm.weight]


def new_gpt2(n_layers: int, d_model: int, n_heads: int, vocab_size: int, n_positions: int) -> GPT2LMHeadModel:
    """Return a transformers GPT-2 without dropout, with random weights, in evaluation mode."""
    config = GPT2Config(
        vocab_size=vocab_size,
        n_positions=n_positions,
        n_embd=d_model,
        n_layer=n_layers,
        n_head=n_heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=None,
    )
    return GPT2LMHeadModel(config).eval()
