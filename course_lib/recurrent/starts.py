"""How recurrent weights start: PyTorch's uniform draw forgets quickly, these do not.

Both work on the modules of this package and on torch.nn's, which have the same parameter names.
"""

import torch
from torch import nn

from course_lib.arguments import require_finite


@torch.no_grad()
def orthogonal_(module: nn.Module, gain: float = 1.0, generator: torch.Generator | None = None) -> None:
    """Make every gate's recurrent matrix orthogonal, times gain, in place (Saxe et al. 2014).

    All singular values of such a matrix equal the gain: with 1 it neither shrinks nor stretches a gradient, whatever
    its direction; what still shrinks it is the slope of the activation.

    module     an RNN, LSTM or GRU of this package or of torch.nn
    generator  of the random draw; None: torch's global one

    Raises ValueError for a gain that is not finite.
    """
    require_finite(gain=gain)
    for name, weight in module.named_parameters():
        if name.startswith("weight_hh"):
            for block in weight.split(weight.size(1)):  # one (H, H) matrix per gate
                nn.init.orthogonal_(block, gain, generator)


@torch.no_grad()
def set_forget_bias(module: nn.Module, value: float = 1.0) -> None:
    """Set the bias of every forget gate of an LSTM to value, in place (Gers et al. 2000; Jozefowicz et al. 2015).

    With value 1 a gate starts near σ(1) = 0.73, with 3 near 0.95; without this near σ(0) = 0.5, which halves the
    gradient along the cell state at every step. PyTorch adds two biases: bias_ih gets the value, bias_hh zero.

    Raises ValueError when the module is not an LSTM (four gates), or the value not finite.
    """
    require_finite(value=value)
    for name, bias in module.named_parameters():
        if name.startswith("bias_"):
            hidden = getattr(module, name.replace("bias", "weight").replace("_ih_", "_hh_")).size(1)
            if len(bias) != 4 * hidden:
                raise ValueError(f"module must be an LSTM with four gates, got {type(module).__name__}")
            bias[hidden : 2 * hidden] = value if name.startswith("bias_ih") else 0.0
