"""Attention: fused, with its weights, and in tiles, whose memory must grow like T and not like T²."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.timing import alternate, peak_mebibytes, row
from course_lib.attention import causal_mask, fused_attention, scaled_dot_product_attention
from course_lib.scaling import tiled_attention

_HEADS, _D_HEAD = 8, 64
_LENGTHS = (128, 512, 2048)


def compare() -> list[dict]:
    rows = [_fused(t, masked) for masked in (False, True) for t in _LENGTHS]
    rows += [_with_weights(t, masked) for masked in (False, True) for t in _LENGTHS]
    return [*rows, _tiled()]


def _qkv(seq_len: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seq_len)
    return list(torch.randn(3, 1, _HEADS, seq_len, _D_HEAD, generator=generator))


def _fused(seq_len: int, masked: bool) -> dict:
    q, k, v = _qkv(seq_len)
    mask = causal_mask(seq_len) if masked else None

    def ours() -> Tensor:
        return fused_attention(q, k, v, mask)

    def peer() -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)

    assert torch.allclose(ours(), peer(), atol=1e-6), "both must compute the same"
    return row(
        f"attention without weights{', with a mask' * masked}, T {seq_len}, {_HEADS} heads of {_D_HEAD}",
        "F.scaled_dot_product_attention, the same mask" if masked else "F.scaled_dot_product_attention",
        alternate(ours, peer, seconds=3),
        goal=1.02,
        note="equal outputs",
        why="The arguments are checked, which costs some microseconds whatever T is.",
    )


def _with_weights(seq_len: int, masked: bool) -> dict:
    q, k, v = _qkv(seq_len)
    mask = causal_mask(seq_len) if masked else None

    def ours() -> tuple[Tensor, Tensor]:
        return scaled_dot_product_attention(q, k, v, mask)

    def peer() -> tuple[Tensor, Tensor]:
        scores = q @ k.transpose(-2, -1) / math.sqrt(_D_HEAD)
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        weights = scores.softmax(dim=-1)
        return weights @ v, weights

    for mine, theirs in zip(ours(), peer()):
        assert torch.allclose(mine, theirs, atol=1e-5), "both must compute the same"
    return row(
        f"attention with weights{', with a mask' * masked}, T {seq_len}, {_HEADS} heads of {_D_HEAD}",
        "softmax(q kᵀ / √D) v, written out",
        alternate(ours, peer, seconds=3),
        goal=1.1,
        note="equal outputs and weights",
        why="With a mask the weights are blanked once more, so that a query with nothing to attend to gets zeros."
        if masked
        else "The arguments are checked, which costs some microseconds whatever T is.",
    )


def _tiled() -> dict:
    short, long = 2048, 8192
    q, k, v = _qkv(512)
    exact = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert torch.allclose(tiled_attention(q, k, v, causal=True), exact, atol=1e-5), "tiles must not change the result"
    peaks = []
    for seq_len in (short, long):
        q, k, v = (x[:, :1] for x in _qkv(seq_len))
        peaks.append(peak_mebibytes(lambda: tiled_attention(q, k, v, causal=True)))  # noqa: B023
    return row(
        f"tiled attention, most memory at once, T {long:,}, 1 head",
        f"{long // short} × its own at T {short:,}: linear growth",
        (peaks[1], peaks[0] * long / short),
        goal=1.02,
        note=f"one matrix of weights alone would take {long * long * 4 / 2**20:.0f} MiB",
        unit="MiB",
    )
