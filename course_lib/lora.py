"""LoRA: fine-tune a large matrix by learning a small correction of low rank beside it (Hu et al. 2021).

    add_lora(model, rank=4, alpha=8, targets=["q_proj", "v_proj"])   # all else is frozen
    … train …
    save_adapters(model, "french.pt")                                # a few numbers; the model itself is not in it
    merge_adapters(model)                                            # and nothing is slower than before

- The layer computes x Wᵀ + (alpha / rank) · (x Aᵀ) Bᵀ, the narrow product first: no matrix of W's size is ever made.
- B starts as zeros, so that at first the model is exactly what it was; A starts random, so that B has a gradient.
- The correction is (alpha / rank) · B A; merging adds it to W, and the outputs stay the same.
"""

import copy
import math
import os
from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import require_counts, require_finite


def lora_linear(x: Tensor, weight: Tensor, a: Tensor, b: Tensor, alpha: float, bias: Tensor | None = None) -> Tensor:
    """Return x Wᵀ + bias, corrected by a product of two narrow matrices: + (alpha / r) · (x Aᵀ) Bᵀ.

    x        (..., I)
    weight   W (O, I), as in nn.Linear; frozen in training
    a        A (r, I); the rank r of the correction is small against I and O
    b        B (O, r)
    alpha    scale of the correction; divided by r, so that a larger rank does not need another learning rate
    bias     (O,) or None
    returns  (..., O)

    Costs r · (I + O) multiplications a token beside I · O. Raises ValueError for sizes that do not fit.
    Eq. 3 of Hu et al. 2021.

    >>> x, weight = torch.tensor([[1.0, 2.0]]), torch.eye(2)
    >>> lora_linear(x, weight, a=torch.tensor([[1.0, 1.0]]), b=torch.tensor([[0.0], [1.0]]), alpha=10)
    tensor([[ 1., 32.]])
    """
    _require_fitting(weight, a, b)
    require_finite(alpha=alpha)
    return F.linear(x, weight, bias) + alpha / len(a) * F.linear(F.linear(x, a), b)


def merge_lora(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """Return the one matrix that does what `lora_linear` does with three: W + (alpha / r) · B A.

    weight, a, b, alpha  as for `lora_linear`: (O, I), (r, I), (O, r)
    returns              (O, I), in the dtype of weight; in half precision rounded to it

    Raises ValueError for sizes that do not fit.  §4.1 of Hu et al. 2021.

    >>> merge_lora(torch.eye(2), a=torch.tensor([[1.0, 1.0]]), b=torch.tensor([[0.0], [1.0]]), alpha=10)
    tensor([[ 1.,  0.],
            [10., 11.]])
    """
    _require_fitting(weight, a, b)
    require_finite(alpha=alpha)
    return weight + alpha / len(a) * (b @ a)


class LoRALinear(nn.Module):
    """A linear layer that is frozen, and the adapter beside it that is trained.

    base       the nn.Linear (O, I); it becomes part of this, and its parameters take no more gradients
    rank       r, at least 1
    alpha      scale of the correction, which is divided by r
    generator  of A, on the CPU; None: torch's global one

    Parameters: `base`, a (r, I) and b (O, r) on the device and in the dtype of base. a is uniform in ±1/√I as the rows
    of an nn.Linear, b is zero. Raises TypeError for a base that is no nn.Linear, ValueError for a rank below 1
    and an alpha that is not finite.
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float, generator: torch.Generator | None = None) -> None:
        super().__init__()
        if not isinstance(base, nn.Linear):
            raise TypeError(f"base must be an nn.Linear, got {type(base).__name__}")
        require_counts(rank=rank)
        require_finite(alpha=alpha)
        self.base, self.rank, self.alpha = base.requires_grad_(False), rank, alpha
        bound = 1 / math.sqrt(base.in_features)
        start = torch.empty(rank, base.in_features).uniform_(-bound, bound, generator=generator)
        self.a = nn.Parameter(start.to(base.weight))
        self.b = nn.Parameter(base.weight.new_zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., O) for x (..., I): see `lora_linear`."""
        return lora_linear(x, self.base.weight, self.a, self.b, self.alpha, self.base.bias)

    def merged(self) -> nn.Linear:
        """Return one nn.Linear, frozen, that gives the same outputs. This module is left as it is."""
        linear = copy.deepcopy(self.base)
        with torch.no_grad():
            linear.weight.copy_(merge_lora(self.base.weight, self.a, self.b, self.alpha))
        return linear


def add_lora(
    model: nn.Module, rank: int, alpha: float, targets: Iterable[str], generator: torch.Generator | None = None
) -> list[str]:
    """Give linear layers of a model an adapter each, in place, and freeze everything else.

    model      any; what it computes does not change until an adapter is trained
    rank       r of every adapter
    alpha      scale of the corrections; they are multiplied by alpha / r
    targets    names of the layers: "q_proj" means every module of that name, "layers.0.q_proj" only those whose
               full name ends so
    generator  of the matrices A, on the CPU; None: torch's global one
    returns    the full names of the layers that have an adapter now

    Only adapters take gradients afterwards. A new head that is to be trained too must be unfrozen by
    `head.requires_grad_()`. Raises ValueError when a target is the name of no module, or when there are adapters in
    the model already; TypeError for a target that is no nn.Linear.
    """
    targets = list(targets)
    if _adapters(model):
        raise ValueError(f"model must have no adapters yet, got some at {', '.join(_adapters(model))}")
    modules = dict(model.named_modules())
    found = [name for name in modules if any(_is_named(name, target) for target in targets)]
    unknown = [target for target in targets if not any(_is_named(name, target) for name in found)]
    if unknown or not targets:
        raise ValueError(f"targets must name modules of the model ({', '.join(filter(None, modules))}), got {unknown}")
    for name in found:
        if not isinstance(modules[name], nn.Linear):
            raise TypeError(f"targets must be nn.Linear layers, got {type(modules[name]).__name__} at {name}")
    layers = {name: LoRALinear(modules[name], rank, alpha, generator) for name in found}
    model.requires_grad_(False)
    for name, layer in layers.items():
        model.set_submodule(name, layer.train(modules[name].training))
    return found


def merge_adapters(model: nn.Module) -> None:
    """Add every adapter to its matrix, in place: the layers are nn.Linear again, the outputs stay the same.

    What is frozen stays frozen, merged layers included. Raises ValueError when there is no adapter in the model.
    """
    for name, layer in _require_adapters(model).items():
        model.set_submodule(name, layer.merged())


def save_adapters(model: nn.Module, path: str | Path) -> None:
    """Write the matrices A and B of all adapters, and nothing else, to a file that `load_adapters` reads.

    An interrupted save leaves the earlier file as it was. Raises ValueError when there is no adapter in the model.
    """
    layers, part = _require_adapters(model), Path(f"{path}.part")
    saved = {
        name: {"a": layer.a.detach(), "b": layer.b.detach(), "alpha": layer.alpha} for name, layer in layers.items()
    }
    torch.save(saved, part)
    os.replace(part, path)


def load_adapters(model: nn.Module, path: str | Path) -> None:
    """Fill the adapters of a model, which `add_lora` has made, from a file that `save_adapters` wrote.

    Raises ValueError when the file's adapters are at other layers, or have another rank or alpha.
    """
    layers = _require_adapters(model)
    saved = torch.load(path, map_location="cpu", weights_only=True)
    if saved.keys() != layers.keys():
        raise ValueError(f"{path} must have adapters at {sorted(layers)}, got {sorted(saved)}")
    for name, layer in layers.items():
        expected = (layer.a.shape, layer.b.shape, layer.alpha)
        got = (saved[name]["a"].shape, saved[name]["b"].shape, saved[name]["alpha"])
        if got != expected:
            raise ValueError(f"{path} must have a, b and alpha like {expected} at {name}, got {got}")
    with torch.no_grad():
        for name, layer in layers.items():
            layer.a.copy_(saved[name]["a"])
            layer.b.copy_(saved[name]["b"])


def _is_named(name: str, target: str) -> bool:
    return f".{name}".endswith(f".{target}")


def _adapters(model: nn.Module) -> dict[str, LoRALinear]:
    return {name: module for name, module in model.named_modules() if isinstance(module, LoRALinear)}


def _require_adapters(model: nn.Module) -> dict[str, LoRALinear]:
    layers = _adapters(model)
    if not layers:
        raise ValueError(f"model must have adapters, made by add_lora, got a {type(model).__name__} without")
    return layers


def _require_fitting(weight: Tensor, a: Tensor, b: Tensor) -> None:
    if a.dim() != 2 or (len(b), a.size(1)) != tuple(weight.shape) or b.shape[1:] != a.shape[:1]:
        raise ValueError(
            "weight, a and b must have the shapes (O, I), (r, I) and (O, r), "
            f"got {tuple(weight.shape)}, {tuple(a.shape)} and {tuple(b.shape)}"
        )
