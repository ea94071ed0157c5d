"""Linear classifiers: scores that are weighted sums of features, learned by maximum likelihood.

- softmax classifier, K classes: probabilities softmax(W x + b), loss −log p[target]
- logistic regression, two classes: probability of class 1 σ(w·x + b). It is the softmax classifier of two classes with
  w = W₁ − W₀, since only differences of scores count.

In both the gradient of the loss in the scores is p − y: what was predicted minus what was right. Everything else
is the chain rule. Losses are means over the examples, in nats, and computed from scores: a probability that
was rounded to 0 or 1 has no logarithm to learn from.

Both losses are convex, which promises less than it seems: on classes that a plane separates there is no minimum,
larger weights are always better, and descent never arrives (`fit_logistic` says so).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.arguments import require_at_least
from course_lib.information import binary_cross_entropy_with_logits, categorical_cross_entropy, softmax

NEWTON_STEPS = 100  # `fit_logistic` needs about ten where there is a minimum


def softmax_loss(x: Tensor, targets: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the mean surprise of a softmax classifier at the right classes.

    x        (N, D) features
    targets  (N,) classes, integers in [0, K)
    weight   (K, D)
    bias     (K,)
    returns  () −mean log softmax(x Wᵀ + b)[target] in nats

    Raises ValueError for sizes that do not fit.
    """
    _require_features(x, weight)
    return categorical_cross_entropy(F.linear(x, weight, bias), targets)


def logits_grad(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the gradient of the mean cross-entropy in the logits: (p − y)/N, where y is 1 at the target, else 0.

    logits   (N, K) scores
    targets  (N,) classes, integers in [0, K)
    returns  (N, K); each row sums to 0

    Raises ValueError when targets do not fit the logits.

    >>> logits_grad(torch.zeros(1, 4), torch.tensor([2]))
    tensor([[ 0.2500,  0.2500, -0.7500,  0.2500]])
    """
    n, classes = logits.shape
    if targets.shape != (n,):
        raise ValueError(f"targets must have the shape ({n},), got {tuple(targets.shape)}")
    if n and not (0 <= targets.min() and targets.max() < classes):
        raise ValueError(f"targets must be in [0, {classes}), got {targets.min().item()} … {targets.max().item()}")
    return (softmax(logits) - F.one_hot(targets, classes)) / n


def softmax_grad(x: Tensor, targets: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient of `softmax_loss` in weight and bias, by hand: (p − y)ᵀ x / N and the mean of p − y.

    x, targets, weight, bias  as in `softmax_loss`
    returns                   (K, D) and (K,)

    Raises ValueError for sizes that do not fit.
    """
    _require_features(x, weight)
    error = logits_grad(F.linear(x, weight, bias), targets)
    return error.t() @ x, error.sum(0)


def logistic_loss(x: Tensor, labels: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the mean surprise of logistic regression at the right labels.

    x        (N, D) features
    labels   (N,) 0 or 1, of any dtype
    weight   (D,)
    bias     ()
    returns  () −mean[ y log σ(z) + (1 − y) log(1 − σ(z)) ] in nats, z = x·w + b

    Raises ValueError for sizes that do not fit.
    """
    _require_features(x, weight)
    return binary_cross_entropy_with_logits(x @ weight + bias, labels)


def logistic_grad(x: Tensor, labels: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient of `logistic_loss` in weight and bias, by hand: mean (p − y) x and mean (p − y).

    x, labels, weight, bias  as in `logistic_loss`
    returns                  (D,) and ()

    Raises ValueError for sizes that do not fit.
    """
    _require_features(x, weight)
    if labels.shape != x.shape[:1]:
        raise ValueError(f"labels must have the shape ({len(x)},), got {tuple(labels.shape)}")
    error = ((x @ weight + bias).sigmoid() - labels.to(x.dtype)) / len(x)
    return error @ x, error.sum()


def _is_flat(hessian: Tensor) -> bool:
    """Whether a function with these second derivatives is flat in some direction, up to rounding."""
    scale = hessian.diagonal().rsqrt()  # features in other units are no reason to give up
    if not scale.isfinite().all():
        return True
    curvature = torch.linalg.eigvalsh(hessian * scale * scale[:, None])
    return not curvature.min() > len(scale) * torch.finfo(hessian.dtype).eps


def fit_logistic(x: Tensor, labels: Tensor, l2: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return the weights that minimise logistic_loss + l2/2 ‖w‖², by Newton's method.

    x        (N, D) features
    labels   (N,) 0 or 1, both at least once
    l2       strength of the penalty; the bias is not penalised. scikit-learn's C is 1 / (N · l2)
    returns  weight (D,) and bias ()

    A step Δ solves H Δ = gradient, with the second derivatives H = xᵀ diag(p(1 − p)) x / N + l2, and is halved as long
    as the loss would rise.

    Raises ValueError for sizes that do not fit, for labels of one kind, for a negative l2, and where there is no single
    minimum: without a penalty on classes that a plane separates, or on features that depend on each other linearly.
    """
    require_at_least(0, l2=l2)
    if labels.unique().tolist() != [0, 1]:
        raise ValueError(f"labels must be 0 and 1, and both occur, got {labels.unique().tolist()}")
    ones = torch.cat([x, x.new_ones(len(x), 1)], dim=1)  # the bias is the weight of a feature that is always 1
    penalty = x.new_full((ones.size(1),), l2)
    penalty[-1] = 0.0
    tolerance = torch.finfo(x.dtype).eps ** 0.5  # half of the digits; the last step doubles them

    def loss(both: Tensor) -> Tensor:
        return logistic_loss(x, labels, both[:-1], both[-1]) + (penalty * both.square()).sum() / 2

    both = torch.zeros_like(penalty)
    for _ in range(NEWTON_STEPS):
        weight_grad, bias_grad = logistic_grad(x, labels, both[:-1], both[-1])
        grad = torch.cat([weight_grad, bias_grad[None]]) + penalty * both
        p = (ones @ both).sigmoid()
        hessian = (ones.t() * (p * (1 - p))) @ ones / len(x) + penalty.diag()
        if _is_flat(hessian):
            break
        step = torch.linalg.solve(hessian, grad)
        if step.abs().max() <= tolerance * (1 + both.abs().max()):
            both = both - step
            return both[:-1], both[-1]
        while loss(both - step) > loss(both) * (1 + tolerance):  # beyond what rounding can do
            step = step / 2
        both = both - step
    raise ValueError(
        f"with l2 = {l2} no single minimum was found in {x.dtype}: a plane separates the labels, so that larger "
        "weights are always better, or features depend on each other; a larger l2 gives the loss a minimum"
    )


def _require_features(x: Tensor, weight: Tensor) -> None:
    if x.dim() != 2 or x.size(1) != weight.size(-1):
        raise ValueError(f"x must have the shape (N, {weight.size(-1)}), one column per weight, got {tuple(x.shape)}")
