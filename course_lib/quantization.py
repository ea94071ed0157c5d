"""Quantisation: a weight kept as a whole number of a few bits, and one scale for each row of its matrix.

    codes, scale = quantize(weight, bits=4)
    weight ≈ dequantize(codes, scale)

- *Symmetric*: the codes run from −m to m with m = 2^(bits − 1) − 1, so that 0 stays 0. One of the 2^bits patterns is
  left unused; with 2 bits there are −1, 0 and 1.
- *Absolute maximum*: a row's scale takes its largest weight to m. One large weight makes a row coarse, and no other
  row. A matrix as one row, `weight.reshape(1, -1)`, has one scale for all; `weight.reshape(-1, 32)` one for each 32.
- *After training*: weights are rounded, and nothing is learned afterwards. GPTQ (Frantar et al. 2022) and AWQ (Lin et
  al. 2023) choose the rounding by what it does to the outputs; neither is here.

Nothing is faster here: codes take a byte each, however few bits they need, and are turned back into floats to multiply.
What is real is the error, which `quantized` puts into a whole model. LLM.int8 (Dettmers et al. 2022) has the products.
"""

import copy

import torch
from torch import Tensor, nn


def quantize(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Return whole numbers, and the scale of each row that turns them back into weights.

    weight   (..., R, C) floating point
    bits     from 2 to 8
    returns  codes (..., R, C), int8, from −m to m with m = 2^(bits − 1) − 1; and the scales (..., R, 1), float32:
             the largest absolute weight of the row divided by m, or 1 for a row of zeros. codes · scale is at most half
             a scale away from each weight

    Computed in float32; halves are rounded to the even neighbour, as `torch.round` does. No gradient flows back.
    Raises ValueError for other bits.

    >>> codes, scale = quantize(torch.tensor([[0.5, -1.4, 2.1]]), bits=3)  # m = 3, one step is 0.7
    >>> codes, scale
    (tensor([[ 1, -2,  3]], dtype=torch.int8), tensor([[0.7000]]))
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be from 2 to 8, got {bits}")
    largest = 2 ** (bits - 1) - 1
    weight = weight.detach().float()
    scale = weight.abs().amax(-1, keepdim=True) / largest
    scale = torch.where(scale == 0, 1.0, scale)
    return (weight / scale).round().clamp(-largest, largest).to(torch.int8), scale


def dequantize(codes: Tensor, scale: Tensor) -> Tensor:
    """Return the weights that codes and scales stand for: codes · scale.

    codes    (..., R, C) int8
    scale    (..., R, 1) float32
    returns  (..., R, C) float32

    >>> dequantize(torch.tensor([[1, -2, 3]], dtype=torch.int8), torch.tensor([[0.5]]))
    tensor([[ 0.5000, -1.0000,  1.5000]])
    """
    return codes * scale


def quantized_bytes(n_rows: int, n_columns: int, bits: int) -> float:
    """Return what a quantised matrix takes when its codes are packed: bits / 8 a weight, 4 for each row's scale.

    n_rows, n_columns  R and C
    bits               of a code
    returns            bytes; of float32 it would be 4 · R · C

    >>> quantized_bytes(768, 3072, bits=4) / (4 * 768 * 3072)  # an eighth, and a little
    0.12532552083333334
    """
    return n_rows * (n_columns * bits / 8 + 4)


def quantized(model: nn.Module, bits: int) -> nn.Module:
    """Return a copy of a model in which every matrix is what is left of it after `quantize` and `dequantize`.

    model    any; it is not changed
    bits     from 2 to 8
    returns  the copy, with its matrices (parameters of two dimensions) rounded row by row and kept in their own dtype,
             and with its vectors (biases, norms), of which there are few, as they were. Tied matrices stay tied

    Raises ValueError for other bits.
    """
    rounded = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in rounded.parameters():
            if parameter.dim() == 2:
                parameter.copy_(dequantize(*quantize(parameter, bits)))
    return rounded
