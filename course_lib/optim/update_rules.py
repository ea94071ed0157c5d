"""One update of each optimiser, as a pure function: parameter, gradient and state in, new parameter and state out.

- sgd_step       w ← w − η g
- momentum_step  a running sum of gradients in place of the gradient: heavy ball (Polyak 1964), Nesterov (1983)
- adagrad_step   every number divides its step by the root of its summed squared gradients (Duchi et al. 2011)
- rmsprop_step   a moving average in place of the sum, which only grows (Hinton 2012, lecture 6e)
- adam_step      moving averages of gradient and square, both corrected for their start at 0 (Kingma and Ba 2015)
- adamw_step     Adam with the decay of the weights kept apart from the gradient (Loshchilov and Hutter 2019)

In the adaptive ones ε stands *outside* the root, √v + ε, as in torch.optim. Inside it, 1e-8 would act like 1e-4.

`weight_decay` = λ adds λ w to the gradient, which is the gradient of the penalty λ/2 ‖w‖² (with the ½). This shrinks
weights by the factor 1 − ηλ in plain SGD; in an adaptive method the penalty is rescaled like any other gradient,
which is why AdamW does not treat decay as one.

State is zeros before the first step. No argument is changed, and a gradient can flow through a step.
`course_lib.optim.optimizers` has the same updates as torch.optim.Optimizer classes.
"""

from collections.abc import Sequence

from torch import Tensor

from course_lib.arguments import require_at_least, require_counts, require_share


def sgd_step(param: Tensor, grad: Tensor, lr: float, weight_decay: float = 0.0) -> Tensor:
    """Return the parameter after a step against its gradient: w − η g.

    param         any shape
    grad          same shape, the gradient of the loss: of all examples, of some, or of one. Only in the last two cases
                  is the descent stochastic
    lr            η, the learning rate
    weight_decay  λ, adds λ w to the gradient
    returns       same shape

    Raises ValueError when the shapes differ and for a setting out of its range.  Robbins and Monro 1951.

    >>> import torch
    >>> sgd_step(torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0]), lr=0.1)
    tensor([0.9500, 2.1000])
    """
    require_at_least(0, lr=lr)
    grad = _decayed(param, grad, weight_decay)
    return param - lr * grad


def momentum_step(
    param: Tensor,
    grad: Tensor,
    velocity: Tensor,
    lr: float,
    momentum: float = 0.9,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Return parameter and velocity after a step with momentum: v' = μ v + g and w' = w − η v'.

    param         any shape
    grad          same shape
    velocity      v, same shape, zeros before the first step
    lr            η. A constant gradient is followed at η/(1 − μ) in the end: ten times η for μ = 0.9
    momentum      μ, the share of the velocity that is kept
    nesterov      True: w' = w − η (g + μ v'), which anticipates the next step (Sutskever et al. 2013)
    weight_decay  λ, adds λ w to the gradient
    returns       w' and v'

    The other usual form, v' = μ v + η g and w' = w − v', makes the same steps as long as η is constant.
    Raises ValueError when the shapes differ and for a setting out of its range.  Polyak 1964.

    >>> import torch
    >>> momentum_step(torch.tensor([1.0]), torch.tensor([0.5]), torch.tensor([2.0]), lr=0.1)
    (tensor([0.7700]), tensor([2.3000]))
    """
    require_at_least(0, lr=lr)
    require_share(momentum=momentum)
    grad = _decayed(param, grad, weight_decay, velocity=velocity)
    velocity = momentum * velocity + grad
    return param - lr * (grad + momentum * velocity if nesterov else velocity), velocity


def adagrad_step(
    param: Tensor, grad: Tensor, total: Tensor, lr: float = 0.01, eps: float = 1e-10, weight_decay: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return parameter and summed squares after a step of Adagrad: s' = s + g² and w' = w − η g / (√s' + ε).

    param         any shape
    grad          same shape
    total         s, same shape, the sum of all squared gradients so far; zeros before the first step
    lr            η; the effective rate of every number only falls
    eps           ε, keeps 0/0 away
    weight_decay  λ, adds λ w to the gradient
    returns       w' and s'

    Raises ValueError when the shapes differ and for a setting out of its range.  Duchi, Hazan and Singer 2011.

    >>> import torch
    >>> adagrad_step(torch.tensor([1.0]), torch.tensor([4.0]), torch.tensor([9.0]), lr=0.1)  # 1 − 0.1 · 4/5
    (tensor([0.9200]), tensor([25.]))
    """
    require_at_least(0, lr=lr, eps=eps)
    grad = _decayed(param, grad, weight_decay, total=total)
    total = total + grad.square()
    return param - lr * grad / (total.sqrt() + eps), total


def rmsprop_step(
    param: Tensor,
    grad: Tensor,
    mean_square: Tensor,
    lr: float = 0.01,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Return parameter and mean square after a step of RMSprop: s' = α s + (1 − α) g² and w' = w − η g / (√s' + ε).

    param         any shape
    grad          same shape
    mean_square   s, same shape, a moving average of squared gradients; zeros before the first step, which therefore is
                  1/√(1 − α) times η long (ten times, for 0.99): there is no correction as in Adam
    lr            η
    alpha         α, the share of the average that is kept
    eps           ε, outside the root
    weight_decay  λ, adds λ w to the gradient
    returns       w' and s'

    Raises ValueError when the shapes differ and for a setting out of its range.  Hinton 2012.

    >>> import torch
    >>> rmsprop_step(torch.tensor([1.0]), torch.tensor([4.0]), torch.tensor([0.0]), lr=0.1, alpha=0.75)
    (tensor([0.8000]), tensor([4.]))
    """
    require_at_least(0, lr=lr, eps=eps)
    require_share(alpha=alpha)
    grad = _decayed(param, grad, weight_decay, mean_square=mean_square)
    mean_square = alpha * mean_square + (1 - alpha) * grad.square()
    return param - lr * grad / (mean_square.sqrt() + eps), mean_square


def adam_step(
    param: Tensor,
    grad: Tensor,
    m: Tensor,
    v: Tensor,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return parameter and both moments after a step of Adam.

        m' = β₁ m + (1 − β₁) g        m̂ = m' / (1 − β₁ᵗ)
        v' = β₂ v + (1 − β₂) g²       v̂ = v' / (1 − β₂ᵗ)        w' = w − η m̂ / (√v̂ + ε)

    param         any shape
    grad          same shape
    m, v          same shape, moving averages of the gradient and of its square (not centred, so no variance); zeros
                  before the first step
    step          t, 1 for the first step. After t steps an average that began at 0 has gathered only 1 − βᵗ of its
                  weight: dividing by that makes it a mean. Without it the first step would be (1 − β₁)/√(1 − β₂) ≈ 3.2
                  times as long, and the next ones longer still
    lr            η, about the largest change of a number in one step; it still has to be tuned
    betas         β₁ and β₂
    eps           ε, outside the root
    weight_decay  λ, adds λ w to the gradient, where Adam rescales it: see `adamw_step`
    returns       w', m' and v'

    Raises ValueError when the shapes differ, step is less than 1, or a setting is out of its range.  Algorithm 1 of
    Kingma and Ba 2015.

    >>> import torch
    >>> zeros = torch.zeros(2)
    >>> adam_step(zeros, torch.tensor([5.0, -0.01]), zeros, zeros, step=1, lr=0.1)[0]  # the first step: η · sign(g)
    tensor([-0.1000,  0.1000])
    """
    require_counts(step=step)  # the first step's number is 1
    require_at_least(0, lr=lr, eps=eps)
    require_betas(betas)
    grad = _decayed(param, grad, weight_decay, m=m, v=v)
    m = betas[0] * m + (1 - betas[0]) * grad
    v = betas[1] * v + (1 - betas[1]) * grad.square()
    m_hat = m / (1 - betas[0] ** step)
    v_hat = v / (1 - betas[1] ** step)
    return param - lr * m_hat / (v_hat.sqrt() + eps), m, v


def adamw_step(
    param: Tensor,
    grad: Tensor,
    m: Tensor,
    v: Tensor,
    step: int,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return parameter and both moments after a step of AdamW: w ← (1 − ηλ) w, and then the step of Adam.

    param, grad, m, v, step, lr, betas, eps  as in `adam_step`
    weight_decay                             λ; all weights shrink at the same rate, whatever their gradients were
    returns                                  w', m' and v'; the decay leaves no trace in the moments

    What shrinks is the old weight, not the step: decaying after the step would shrink the step as well.
    Raises ValueError when the shapes differ, step is less than 1, or a setting is out of its range.  Algorithm 2 of
    Loshchilov and Hutter 2019.

    >>> import torch
    >>> one, zero = torch.ones(1), torch.zeros(1)
    >>> adamw_step(one, one, zero, zero, step=1, lr=0.1, weight_decay=0.5)[0]  # 0.95 · 1 − 0.1
    tensor([0.8500])
    """
    require_at_least(0, weight_decay=weight_decay)
    return adam_step(param * (1 - lr * weight_decay), grad, m, v, step, lr, betas, eps)


def require_betas(betas: Sequence[float]) -> None:
    """Raise ValueError unless betas are two numbers, each at least 0 and less than 1."""
    if len(betas) != 2:
        raise ValueError(f"betas must be two numbers, got {betas}")
    require_share(**{f"betas[{i}]": beta for i, beta in enumerate(betas)})


def _decayed(param: Tensor, grad: Tensor, weight_decay: float, **state: Tensor) -> Tensor:
    """Return the gradient with the penalty's added, after checking the penalty and that all shapes are the parameter's.

    Other shapes could broadcast, and the parameter would change its own.
    """
    require_at_least(0, weight_decay=weight_decay)
    for name, tensor in {"grad": grad, **state}.items():
        if tensor.shape != param.shape:
            raise ValueError(f"{name} must have the shape of param, {tuple(param.shape)}, got {tuple(tensor.shape)}")
    return grad + weight_decay * param if weight_decay else grad
