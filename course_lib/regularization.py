"""Regularization: less freedom for a model, so that it learns what is common to all data and not its own sample.

- Ridge (Hoerl and Kennard 1970) and lasso (Tibshirani 1996): a linear model under an L2 or an L1 penalty.
- Inverted dropout (Srivastava et al. 2014): the units that stay are scaled up in training, and nothing is done
  at test time.
- Early stopping with patience, back to the best weights (Prechelt 1998).
- Noise for texts: dropped, swapped and unknown tokens (Xie et al. 2017, Wei and Zou 2019).

The strengths of the two linear fits are those of scikit-learn and cannot be compared with each other: lasso divides its
squared errors by 2N, ridge does not. Choose each on held-out data.
"""

import math
import warnings
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from course_lib.arguments import require_at_least, require_counts, require_positive, require_probability


def bias_variance(predictions: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Split the mean squared error of models trained on different samples into squared bias and variance.

    predictions  (M, N) what each of M models says at N points, M at least 2
    truth        (N,) what is true there, without noise
    returns      squared bias () and variance (), means over the points. Their sum is the mean of (prediction − truth)²

    Raises ValueError for shapes that do not fit.  Geman, Bienenstock and Doursat (1992).

    >>> bias_variance(torch.tensor([[1.0, 4.0], [3.0, 4.0]]), torch.tensor([1.0, 2.0]))
    (tensor(2.5000), tensor(0.5000))
    """
    if predictions.dim() != 2 or len(predictions) < 2 or truth.shape != predictions.shape[1:]:
        shapes = tuple(predictions.shape), tuple(truth.shape)
        raise ValueError(f"predictions must have the shape (M, N), M ≥ 2, and truth (N,), got {shapes}")
    mean = predictions.mean(0)
    return (mean - truth).square().mean(), (predictions - mean).square().mean()


def ridge_fit(x: Tensor, y: Tensor, alpha: float, intercept: bool = True) -> tuple[Tensor, Tensor]:
    """Return the linear model that minimises ‖y − x·w − b‖² + alpha ‖w‖².

    x          (N, D) features
    y          (N,) targets
    alpha      at least 0; 0 is least squares, and needs linearly independent columns
    intercept  whether there is a b. It is not penalised
    returns    weights w (D,) and intercept b (), 0 without one

    Closed form: w = (xᵀx + alpha·I)⁻¹ xᵀy, with x and y centred when there is an intercept.
    Raises ValueError for shapes that do not fit, a negative alpha, and columns that are dependent while alpha is 0;
    TypeError for data that is not floating point, or x and y of different dtypes.
    Hoerl and Kennard (1970), eq. 2.1; the objective of sklearn.linear_model.Ridge.

    >>> ridge_fit(torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([1.0, 3.0, 5.0]), alpha=2.0)  # 2 · 2 / (2 + 2)
    (tensor([1.]), tensor(2.))
    """
    _require_data(x, y, alpha)
    x_mean, y_mean = _means(x, y, intercept)
    x, y = x - x_mean, y - y_mean
    if alpha == 0 and torch.linalg.matrix_rank(x) < x.size(1):
        raise ValueError("alpha must be above 0 where columns of x are linearly dependent, got 0")
    penalty = alpha * torch.eye(x.size(1), dtype=x.dtype, device=x.device)  # (D, D)
    w = torch.linalg.solve(x.T @ x + penalty, x.T @ y)
    return w, y_mean - x_mean @ w


def ridge_path(x: Tensor, y: Tensor, alphas: Tensor, intercept: bool = True) -> tuple[Tensor, Tensor]:
    """Return `ridge_fit` for many strengths at the price of about one, by a singular value decomposition.

    x        (N, D) features
    y        (N,) targets
    alphas   (A,) above 0
    returns  weights (A, D) and intercepts (A,), one row for each alpha

    Along the i-th singular direction of x the least-squares weight shrinks by the factor s_i² / (s_i² + alpha).
    Raises ValueError for an alpha that is not above 0, and otherwise what `ridge_fit` raises.
    Hastie, Tibshirani and Friedman (2009), eq. 3.47.
    """
    _require_path(x, y, alphas)
    x_mean, y_mean = _means(x, y, intercept)
    u, s, v = torch.linalg.svd(x - x_mean, full_matrices=False)  # (N, R), (R,), (R, D)
    along = s * (u.T @ (y - y_mean)) / (s.square() + alphas.to(x).unsqueeze(1))  # (A, R)
    w = along @ v
    return w, y_mean - w @ x_mean


def soft_threshold(x: Tensor, threshold: float) -> Tensor:
    """Return x moved towards 0 by the threshold, and 0 where it is no further away than that.

    x          any shape
    threshold  at least 0
    returns    same shape, sign(x) · max(|x| − threshold, 0): the w that minimises ½ (w − x)² + threshold · |w|

    Raises ValueError for a negative threshold.  Donoho (1995).

    >>> soft_threshold(torch.tensor([-3.0, -0.5, 0.5, 2.0]), 1.0)
    tensor([-2.,  0.,  0.,  1.])
    """
    require_at_least(0, threshold=threshold)
    return x - x.clamp(-threshold, threshold)


def lasso_fit(
    x: Tensor, y: Tensor, alpha: float, intercept: bool = True, max_sweeps: int = 1000, tol: float = 1e-6
) -> tuple[Tensor, Tensor]:
    """Return the linear model that minimises ‖y − x·w − b‖² / 2N + alpha ‖w‖₁, many of its weights exactly 0.

    x           (N, D) features
    y           (N,) targets
    alpha       above 0. From max |xᵀy| / N on (x and y centred) every weight is 0
    intercept   whether there is a b. It is not penalised
    max_sweeps  most rounds over the weights; a RuntimeWarning says when they were not enough
    tol         stop when no weight violates the conditions of the minimum by more than tol · max |xᵀy| / N; with
                float32, 1e-6 is about the least that can be asked for
    returns     weights w (D,) and intercept b (), 0 without one

    Coordinate descent: one weight after the other gets its best value while the others stay, a soft threshold.
    Raises ValueError for shapes that do not fit, an alpha that is not positive, max_sweeps below 1 and a negative tol;
    TypeError for data that is not floating point, or x and y of different dtypes.
    Friedman, Hastie and Tibshirani (2010), §2; the objective of sklearn.linear_model.Lasso.

    >>> x = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> lasso_fit(x, x @ torch.tensor([3.0, 0.2]), alpha=0.5)
    (tensor([2.5000, 0.0000]), tensor(0.))
    """
    require_positive(alpha=alpha)
    w, b = lasso_path(x, y, torch.tensor([alpha], dtype=torch.float64), intercept, max_sweeps, tol)
    return w[0], b[0]


def lasso_path(
    x: Tensor, y: Tensor, alphas: Tensor, intercept: bool = True, max_sweeps: int = 1000, tol: float = 1e-6
) -> tuple[Tensor, Tensor]:
    """Return `lasso_fit` for many strengths, each started from the solution of the one before.

    alphas   (A,) above 0; from large to small is fastest, as the weights then enter one by one
    returns  weights (A, D) and intercepts (A,), one row for each alpha

    The other arguments, and the errors, are those of `lasso_fit`.
    """
    _require_path(x, y, alphas)
    require_counts(max_sweeps=max_sweeps)
    require_at_least(0, tol=tol)
    x_mean, y_mean = _means(x, y, intercept)
    centred = x - x_mean
    gram = centred.T @ centred / len(x)  # (D, D)
    target = centred.T @ (y - y_mean) / len(x)  # (D,)
    w, rows = torch.zeros_like(target), []
    for alpha in alphas.tolist():
        w = _coordinate_descent(gram, target, alpha, w, max_sweeps, tol)
        rows.append(w)
    weights = torch.stack(rows)
    return weights, y_mean - weights @ x_mean


def _coordinate_descent(
    gram: Tensor, target: Tensor, alpha: float, start: Tensor, max_sweeps: int, tol: float
) -> Tensor:
    """Minimise ½ wᵀ·gram·w − target·w + alpha ‖w‖₁ from a start (D,)."""
    w = start.clone()
    scale = gram.diagonal()
    varying = (scale > 0).nonzero().flatten().tolist()  # a constant feature explains nothing: its weight stays 0
    limit = tol * target.abs().max()
    for _ in range(max_sweeps):
        rest = target - gram @ w  # (D,) how each feature goes with what is not explained yet
        for j in varying:
            new = soft_threshold(rest[j] + scale[j] * w[j], alpha) / scale[j]
            rest -= gram[j] * (new - w[j])
            w[j] = new
        rest = target - gram @ w
        # at the minimum rest is alpha · sign(w) where w is not 0, and between −alpha and alpha where it is
        violation = torch.where(w == 0, rest.abs() - alpha, (rest - alpha * w.sign()).abs())
        if violation.max() <= limit:
            return w
    warnings.warn(
        f"alpha = {alpha} is not done after max_sweeps = {max_sweeps}; give it more, or a larger tol",
        RuntimeWarning,
        stacklevel=3,
    )
    return w


def l1_penalty(weights: Iterable[Tensor]) -> Tensor:
    """Return Σ |w| over all numbers of all tensors, for instance of `model.parameters()`: ()."""
    return torch.stack([w.abs().sum() for w in weights]).sum()


def l2_penalty(weights: Iterable[Tensor]) -> Tensor:
    """Return ½ Σ w² over all numbers of all tensors, for instance of `model.parameters()`: ().

    With the ½, plain SGD on loss + λ · l2_penalty takes the steps of torch.optim.SGD with weight_decay λ. For
    optimizers that scale each gradient, as Adam does, penalty and decay differ (Loshchilov and Hutter 2019).
    Raises ValueError when there is no tensor.
    """
    weights = list(weights)
    if not weights:
        raise ValueError("weights must hold at least one tensor, got none")
    return torch.stack([w.square().sum() for w in weights]).sum() / 2


def dropout(x: Tensor, p: float, training: bool = True, generator: torch.Generator | None = None) -> Tensor:
    """Return x with each element set to 0 with probability p and the others divided by 1 − p.

    x          any shape
    p          probability of losing an element, each on its own; 0 to 1
    training   False: x itself comes back. Its mean is what it was in training, so there is nothing to scale
    generator  the source of randomness, on the device of x; by default torch's global one
    returns    same shape; the mean over the draws is x (for p = 1 all is 0)

    Raises ValueError for a p outside [0, 1].  Srivastava et al. (2014), §10, the version with 1 / (1 − p) in training.
    """
    require_probability(p=p)
    if not training:
        return x
    keep = torch.rand(x.shape, generator=generator, device=x.device) >= p
    scale = 1 / (1 - p) if p < 1 else 0.0  # nothing is kept
    return torch.where(keep, x * scale, 0.0)


class EarlyStopping:
    """Watch a held-out loss: say when it has not improved for a while, and keep the weights from when it was best.

    patience   evaluations without a new best that are borne; the loss is noisy, so its first rise says little
    min_delta  a loss counts as better only when it is lower by more than this, nats or whatever its unit is

    Raises ValueError for a patience below 1 or a negative min_delta.  Prechelt (1998). `course_lib.train.Trainer`
    uses it when it is given a patience.

    >>> stopping = EarlyStopping(patience=2)
    >>> [stopping.update(loss) for loss in (3.0, 2.0, 2.5, 2.1)], stopping.best
    ([False, False, False, True], 2.0)
    """

    def __init__(self, patience: int, min_delta: float = 0.0) -> None:
        require_counts(patience=patience)
        require_at_least(0, min_delta=min_delta)
        self.patience, self.min_delta = patience, min_delta
        self.best, self.waited = math.inf, 0  #: lowest loss so far, and evaluations since
        self.weights: dict[str, Tensor] | None = None  #: of the model, at the best evaluation

    def update(self, loss: float, model: nn.Module | None = None) -> bool:
        """Take note of an evaluation, and of the weights if it is the best; return whether to stop.

        A loss that is not a number is never the best.
        """
        if loss < self.best - self.min_delta:
            self.best, self.waited = float(loss), 0
            if model is not None:
                self.weights = {name: value.clone() for name, value in model.state_dict().items()}
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, model: nn.Module) -> None:
        """Give the model the weights that it had at the best evaluation. ValueError if `update` never got any."""
        if self.weights is None:
            raise ValueError("update must have been given the model at its best evaluation, got no weights so far")
        model.load_state_dict(self.weights)


def early_stopping(losses: Iterable[float], patience: int, min_delta: float = 0.0) -> tuple[int, int]:
    """Return which of a series of held-out losses is the best, and at which the training stops.

    losses     in the order of the evaluations, at least one. Taken one by one and not beyond the stop, so a generator
               may train between them
    patience   as in `EarlyStopping`, and so are min_delta and the errors
    returns    index of the best loss, and of the last one that was looked at; both from 0

    Raises ValueError when there is no loss, or none that is a number.

    >>> early_stopping([3.0, 2.0, 2.5, 2.1, 1.0], patience=2)  # too impatient to see the 1.0
    (1, 3)
    """
    stopping, best, last = EarlyStopping(patience, min_delta), None, 0
    for last, loss in enumerate(losses):
        stop = stopping.update(loss)
        if stopping.waited == 0:
            best = last
        if stop:
            break
    if best is None:
        raise ValueError("losses must hold at least one number below infinity, got none")
    return best, last


def augment_tokens(
    ids: Tensor,
    unk_id: int,
    drop: float = 0.1,
    swap: float = 0.1,
    unk: float = 0.1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return a noisy copy of a text, so that a model sees a slightly different one each time.

    ids        (T,) token ids, before a begin, an end or padding is added: these would be disturbed, too
    unk_id     the id that stands for an unknown token
    drop       probability that a token is left out, each on its own; a text never loses its last one
    swap       probability that a token changes places with the next one, unless it has just done so
    unk        probability that a token is replaced by unk_id
    generator  the source of randomness, on the CPU; by default torch's global one
    returns    (T',) with 1 ≤ T' ≤ T, or the empty text if T = 0; the argument stays as it is

    Swapped first, then replaced, then dropped; labels must still be right for such a text.  Raises ValueError for ids
    that are not (T,) and a probability outside [0, 1].
    Xie et al. (2017) for unk, Wei and Zou (2019) for drop and swap (theirs is of any two positions).
    """
    if ids.dim() != 1:
        raise ValueError(f"ids must have the shape (T,), got {tuple(ids.shape)}")
    require_probability(drop=drop, swap=swap, unk=unk)
    if not len(ids):
        return ids.clone()
    draws = torch.rand(3, len(ids), generator=generator)
    order, t = list(range(len(ids))), 0
    swapped = (draws[0] < swap).tolist()
    while t < len(ids) - 1:
        if swapped[t]:
            order[t], order[t + 1] = order[t + 1], order[t]
            t += 1  # the other one has moved, and stays
        t += 1
    unknown, keep = (draws[1] < unk).to(ids.device), draws[2] >= drop
    if not keep.any():
        keep[draws[2].argmax()] = True
    noisy = ids[torch.tensor(order, device=ids.device)].masked_fill(unknown, unk_id)
    return noisy[keep.to(ids.device)]


def _means(x: Tensor, y: Tensor, intercept: bool) -> tuple[Tensor, Tensor]:
    """Return what to subtract from x, (D,), and y, (): their means, or zeros for a line through the origin."""
    return (x.mean(0), y.mean()) if intercept else (torch.zeros_like(x[0]), torch.zeros_like(y[0]))


def _require_data(x: Tensor, y: Tensor, alpha: float) -> None:
    if x.dim() != 2 or y.shape != x.shape[:1] or not x.numel():
        raise ValueError(f"x must have the shape (N, D) and y (N,), got {tuple(x.shape)} and {tuple(y.shape)}")
    if not x.is_floating_point() or y.dtype != x.dtype:
        raise TypeError(f"x and y must be floating point and of one dtype, got {x.dtype} and {y.dtype}")
    require_at_least(0, alpha=alpha)


def _require_path(x: Tensor, y: Tensor, alphas: Tensor) -> None:
    _require_data(x, y, 0)
    if alphas.dim() != 1 or not len(alphas) or not (alphas > 0).all():
        raise ValueError(f"alphas must be above 0 and have the shape (A,), got {alphas}")
