"""`course_lib.optim.update_rules` as torch.optim.Optimizer classes: parameter groups, checkpoints, schedulers.

Each makes the same steps as torch's class of that name (SGD and Momentum are both torch's SGD), and calls its state
and settings what torch calls them: it can load a `state_dict` of torch's and go on.

Not here: what torch's classes have for speed and for rare uses (fused and batched kernels, AMSGrad, centred RMSprop,
dampening). `course_lib.train` therefore trains with torch's fused AdamW.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from course_lib.arguments import require_at_least, require_share
from course_lib.optim.update_rules import (
    adagrad_step,
    adam_step,
    adamw_step,
    momentum_step,
    require_betas,
    rmsprop_step,
    sgd_step,
)

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]]  #: tensors, or groups {"params": …, "lr": …}
_Named = dict[str, Any]  #: the state of a parameter, or the settings of its group


class _Optimizer(torch.optim.Optimizer):
    """What all have in common: the loop over parameters that have a gradient."""

    buffers: tuple[str, ...] = ()  #: names of the tensors in a parameter's state; zeros before its first step

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add parameters with settings of their own: {"params": …, "lr": …}; what is not given has its default.

        Raises ValueError for settings out of range.
        """
        _require_in_range({**self.defaults, **group})
        super().add_param_group(group)

    # torch says that a closure returns a float, though it calls those that return the loss as a tensor
    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """Change every parameter that has a gradient by one step.

        closure  recomputes the loss, a scalar, and its gradients, where the caller wants that done here
        returns  what closure returned
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            # torch adds a setting of its own to the defaults when it loads a checkpoint
            settings = {name: group[name] for name in self.defaults if name != "differentiable"}
            for param in group["params"]:
                if param.grad is None:
                    continue
                state = self.state[param]
                if not state:
                    state.update((name, torch.zeros_like(param)) for name in self.buffers)
                new, *buffers = self._updated(param, param.grad, state, settings)
                param.copy_(new)
                state.update(zip(self.buffers, buffers))
        return loss

    def _updated(self, param: Tensor, grad: Tensor, state: _Named, settings: _Named) -> tuple[Tensor, ...]:
        """Return the parameter after a step, and its buffers, in their order."""
        raise NotImplementedError


class SGD(_Optimizer):
    """Gradient descent, `sgd_step`; stochastic when the gradient comes from a part of the data.

    params        tensors, or groups of them with their settings
    lr            learning rate
    weight_decay  λ of the penalty λ/2 ‖w‖²
    """

    def __init__(self, params: Parameters, lr: float = 1e-3, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def _updated(self, param: Tensor, grad: Tensor, state: _Named, settings: _Named) -> tuple[Tensor, ...]:
        return (sgd_step(param, grad, **settings),)


class Momentum(_Optimizer):
    """Gradient descent with momentum, `momentum_step`: torch.optim.SGD with its option `momentum`.

    params        tensors, or groups of them with their settings
    lr            learning rate
    momentum      share of the velocity that is kept
    nesterov      whether to anticipate the next step
    weight_decay  λ of the penalty λ/2 ‖w‖²
    """

    buffers = ("momentum_buffer",)

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "nesterov": nesterov, "weight_decay": weight_decay})

    def _updated(self, param: Tensor, grad: Tensor, state: _Named, settings: _Named) -> tuple[Tensor, ...]:
        return momentum_step(param, grad, state["momentum_buffer"], **settings)


class Adagrad(_Optimizer):
    """`adagrad_step`: a rate for every number, which falls with its summed squared gradients.

    params        tensors, or groups of them with their settings
    lr            learning rate
    eps           added to the root
    weight_decay  λ of the penalty λ/2 ‖w‖²
    """

    buffers = ("sum",)

    def __init__(self, params: Parameters, lr: float = 1e-2, eps: float = 1e-10, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "eps": eps, "weight_decay": weight_decay})

    def _updated(self, param: Tensor, grad: Tensor, state: _Named, settings: _Named) -> tuple[Tensor, ...]:
        return adagrad_step(param, grad, state["sum"], **settings)


class RMSprop(_Optimizer):
    """`rmsprop_step`: a rate for every number, from a moving average of its squared gradients.

    params        tensors, or groups of them with their settings
    lr            learning rate
    alpha         share of the average that is kept
    eps           added to the root
    weight_decay  λ of the penalty λ/2 ‖w‖²
    """

    buffers = ("square_avg",)

    def __init__(
        self, params: Parameters, lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay})

    def _updated(self, param: Tensor, grad: Tensor, state: _Named, settings: _Named) -> tuple[Tensor, ...]:
        return rmsprop_step(param, grad, state["square_avg"], **settings)


class Adam(_Optimizer):
    """`adam_step`: moving averages of gradient and squared gradient, corrected for their start.

    params        tensors, or groups of them with their settings
    lr            learning rate
    betas         shares of the two averages that are kept
    eps           added to the root
    weight_decay  λ of the penalty λ/2 ‖w‖², rescaled with the rest of the gradient
    """

    buffers = ("exp_avg", "exp_avg_sq")
    _function = staticmethod(adam_step)

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    def _updated(self, param: Tensor, grad: Tensor, state: _Named, settings: _Named) -> tuple[Tensor, ...]:
        # a count that torch wrote is a float32 tensor, and 0.999 to the power of it would be rounded
        step = state["step"] = int(state.get("step", 0)) + 1
        return self._function(param, grad, state["exp_avg"], state["exp_avg_sq"], step, **settings)


class AdamW(Adam):
    """`adamw_step`: Adam, with weights that decay apart from their gradients.

    params           tensors, or groups of them with their settings
    lr, betas, eps   as in `Adam`
    weight_decay     λ: every step first multiplies the weights by 1 − lr · λ
    """

    _function = staticmethod(adamw_step)

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)


def _require_in_range(settings: dict[str, Any]) -> None:
    """Raise ValueError for a negative setting, a share that is not below 1, and betas that are not two."""
    require_at_least(0, **{name: settings.get(name) for name in ("lr", "eps", "weight_decay")})
    require_share(momentum=settings.get("momentum"), alpha=settings.get("alpha"))
    require_betas(settings.get("betas", (0.0, 0.0)))
