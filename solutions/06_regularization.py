# ---
# jupyter:
#   course:
#     title: Why does a model that memorises fail?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# Why does a model that memorises fail?

A mouse wrote down how much cheese it found on twelve nights. The curve that passes through every point has learned the nights by heart,
their accidents included. It is wrong about the thirteenth night.

A model that fits its training data and fails on new data is ***overfitting***. ***Regularization*** is every measure against it.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks import check, show_answer, yours

torch.set_printoptions(precision=3, sci_mode=False)

# %%
from course_lib import regularization
from course_lib.figures import regularization as figures
from course_lib.figures.style import show
from course_lib.widgets import regularization as widgets
from course_lib.widgets.cards import flash_cards
from course_lib.widgets.predict import predict_number

widgets.fit_explorer()

# %% [markdown]
r"""
## What you will be able to do

- measure squared bias and variance, and say which of the two a model suffers from;
- write ridge and lasso, equal to scikit-learn's, and say why lasso makes zeros;
- write inverted dropout and early stopping with patience;
- tell an L2 penalty from weight decay;
- show overfitting on a language model, and measure what helps.

**Time** about 90 minutes, and 25 more for the optional exercises. **Builds on** [01 Information](01_information.ipynb),
[04 Linear models](04_linear_models.ipynb) and [05 Optimizers](05_optimizers.ipynb).
**Sizes** N examples, D features, M models.
"""

# %% [markdown]
r"""
## 1 · Two ways to be wrong

Draw M training samples, train one model on each, and ask all of them about the same N points. Let $f_n$ be the truth at point $n$, $\hat f_{mn}$ what model $m$ says
and $\bar f_n$ the mean over the models. Then

$$\frac1{MN}\sum_{m,n}(\hat f_{mn} - f_n)^2 = \underbrace{\frac1N\sum_n(\bar f_n - f_n)^2}_{\text{bias}^2}
+ \underbrace{\frac1{MN}\sum_{m,n}(\hat f_{mn} - \bar f_n)^2}_{\text{variance}} .$$

***Bias*** is the error that all models share; ***variance*** is how far they scatter with their samples. A model too simple has bias. One that
memorises has low bias and high variance.

By hand: two models say 1 and 3 where the truth is 1. Their mean is 2: squared bias $(2-1)^2 = 1$, variance $(1 + 1)/2 = 1$; the mean squared error is $(0 + 4)/2 = {{2 = 1 + 1}}$.

### Exercise · bias_variance
"""


# %% exercise="bias_variance" points=2 withheld="course_lib.regularization.bias_variance"
def bias_variance(predictions: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Return squared bias and variance of models that were trained on different samples.

    predictions  (M, N) floating point, what each of M models says at N points
    truth        (N,) what is true there, without noise
    returns      squared bias () and variance (), each the mean over the points. The variance
                 divides by M, so that both add up to the mean of (prediction − truth)²

    Example: bias_variance([[1, 4], [3, 4]], [1, 2]) as tensors is (2.5, 0.5).
    """
    ### BEGIN SOLUTION
    mean = predictions.mean(0)
    return (mean - truth).square().mean(), (predictions - mean).square().mean()
    ### END SOLUTION


# %% [markdown] hints="bias_variance"
r"""
1. Over which dimension do the models lie, and what is left after a mean over it?
2. The mean model (N,) minus the truth gives the bias; every prediction minus the mean model gives the scatter.
3. `mean = predictions.mean(…)`, then `(mean - truth).square().mean(), …`
"""


# %% cases="bias_variance" active="py"
def cases(seed):
    yield Case({"predictions": torch.tensor([[1.0], [3.0]]), "truth": torch.tensor([1.0])}, note="by hand")
    yield {"predictions": torch.tensor([[1.0, 4.0], [3.0, 4.0]]), "truth": torch.tensor([1.0, 2.0])}
    for i in range(3):
        p = random_tensor(seed + i, 5 - i, 4 + i) + random_tensor(seed + 9 + i, 4 + i) * 3
        yield Case({"predictions": p, "truth": random_tensor(seed + 5 + i, 4 + i)}, note="random models")


# %% equivalents="bias_variance" active="py"
equivalents = {
    "mean - truth → truth - mean": "the difference is squared",
    "predictions - mean → mean - predictions": "the difference is squared",
}


# %% mistake="bias_variance" name="divides_by_m_minus_1" hint="Your variance divides by M − 1, torch's default. Divide by M, so that the two parts add up." active="py"
def bias_variance(predictions, truth):
    return (predictions.mean(0) - truth).square().mean(), predictions.var(0).mean()


# %% mistake="bias_variance" name="not_squared" hint="That is the mean of the absolute bias; the parts add up when it is squared at each point." active="py"
def bias_variance(predictions, truth, right=bias_variance):
    return (predictions.mean(0) - truth).abs().mean(), right(predictions, truth)[1]


# %% mistake="bias_variance" name="averages_first" hint="You averaged the bias over the points before squaring: errors of opposite sign cancel." active="py"
def bias_variance(predictions, truth, right=bias_variance):
    return (predictions.mean(0) - truth).mean().square(), right(predictions, truth)[1]


# %% mistake="bias_variance" name="error_for_bias" hint="Your first number is the whole mean squared error. Bias compares the mean model with the truth." active="py"
def bias_variance(predictions, truth, right=bias_variance):
    return (predictions - truth).square().mean(), right(predictions, truth)[1]


# %%
split = yours("regularization.bias_variance", regularization.bias_variance)
degrees = list(range(12))
bias, variance = torch.tensor(
    [[part.item() for part in split(*figures.polynomial_fits(degree))] for degree in degrees]
).T
best = int((bias + variance).argmin())
show(
    figures.trade_off(degrees, bias, variance),
    alt=f"Bias falls and variance rises with the degree; their sum is least at degree {best}.",
)

# %% [markdown]
r"""
Measured over 200 samples: the bias {{falls : bias[-1] < bias[0]}}, the variance {{rises : variance[-1] > variance[0]}}, and the sum is least in between, at degree
{{3 = best}}. New data add the noise, which no model can predict. (The bias that is measured at degrees 10 and 11 is mostly chance: the mean of 200 models that scatter so
widely is itself uncertain, by {{0.09 = variance[-1] / 200}} at degree 11, {{more : variance[-1] / 200 > bias[-1]}} than the measured {{0.02 = bias[-1] ± 0.01}}.)
"""

# %% [markdown]
r"""
## 2 · A price for large weights

Rather than count weights, put a price on them. With data loss $L$, a penalty $R$ and its strength $\lambda \ge 0$:

$$L_{\text{total}}(w) = L(w) + \lambda R(w).$$

| penalty | $R(w)$ | name for linear models |
|---|---|---|
| ***L2*** | $\lVert w\rVert_2^2 = \sum_j w_j^2$ (or half of it) | ***ridge regression*** |
| ***L1*** | $\lVert w\rVert_1 = \sum_j \lvert w_j\rvert$ | ***lasso*** |

Ridge has a closed form. Set the gradient of $\lVert y - Xw\rVert^2 + \alpha\lVert w\rVert^2$ to zero: $-2X^\top(y - Xw) + 2\alpha w = 0$, so

$$w = (X^\top X + \alpha I)^{-1}X^\top y .$$
"""

# %% [markdown]
r"""
The intercept is not penalised: subtract the means of $X$ and $y$ first; then $b = \bar y - \bar x \cdot w$.

By hand: $x = (0, 1, 2)$, $y = (1, 3, 5)$, $\alpha = 2$. Centred $x = (-1, 0, 1)$, $y = (-2, 0, 2)$; $w = 4/(2 + 2) = 1$ where least squares says 2, and $b = 3 - 1 = 2$.

### Exercise · ridge_fit
"""


# %% exercise="ridge_fit" points=3 withheld="course_lib.regularization.ridge_fit course_lib.regularization.ridge_path torch.linalg.lstsq"
def ridge_fit(x: Tensor, y: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Return the linear model that minimises ‖y − x·w − b‖² + alpha ‖w‖².

    x        (N, D) features, floating point
    y        (N,) targets in the dtype of x
    alpha    strength, at least 0; for 0 the columns are linearly independent
    returns  weights w (D,) and intercept b (), which is not penalised

    Raises ValueError for a negative alpha. torch.linalg.lstsq is off limits; solve is not.

    Example: x = [[0], [1], [2]], y = [1, 3, 5] and alpha = 2 give w = [1] and b = 2.
    """
    ### BEGIN SOLUTION
    if alpha < 0:
        raise ValueError(f"alpha must be at least 0, got {alpha}")
    x_mean, y_mean = x.mean(0), y.mean()
    x, y = x - x_mean, y - y_mean
    w = torch.linalg.solve(x.T @ x + alpha * torch.eye(x.size(1), dtype=x.dtype), x.T @ y)
    return w, y_mean - x_mean @ w
    ### END SOLUTION


# %% [markdown] hints="ridge_fit"
r"""
1. Which vector must come out of the penalty, and how does centring take it out?
2. Keep both means, subtract them, solve (XᵀX + αI) w = Xᵀy, and get b from the means.
3. `w = torch.linalg.solve(x.T @ x + alpha * torch.eye(…), …)`
"""


# %% cases="ridge_fit" active="py"
def cases(seed):
    x, y = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([1.0, 3.0, 5.0])
    yield Case({"x": x, "y": y, "alpha": 2.0}, note="by hand")
    yield Case({"x": x, "y": y, "alpha": 0.0}, note="no penalty: least squares")
    for i, n in enumerate((12, 9, 4)):
        x = random_tensor(seed + i, n, 5).double() + torch.tensor([0.0, 1, -2, 3, 0.5])
        y = random_tensor(seed + 20 + i, n).double() * 3 + 4
        note = "more rows than columns" if n > 5 else "fewer rows than columns"
        yield Case({"x": x, "y": y, "alpha": 0.7 + i}, note=note)
    yield Case({"x": x, "y": y, "alpha": -0.1}, note="a negative alpha")


# %% equivalents="ridge_fit" active="py"
equivalents = {
    "y - y_mean → y + y_mean": "x is centred, so a constant added to y changes nothing",
    "y - y_mean → y": "x is centred, so a constant added to y changes nothing",
    "return (w, y_mean - x_mean @ w) → return in_float32((w, y_mean - x_mean @ w))": "a tuple stays as it is, and torch.linalg.solve has no half precision",
    "x_mean @ w → w @ x_mean": "a dot product of two vectors is symmetric",
}


# %% mistake="ridge_fit" name="intercept_penalised" hint="You penalised the intercept, too. Centre x and y first, and get b from the means." active="py"
def ridge_fit(x, y, alpha, right=ridge_fit):
    right(x, y, alpha)
    both = torch.cat([x, torch.ones_like(x[:, :1])], 1)
    w = torch.linalg.solve(both.T @ both + alpha * torch.eye(both.size(1), dtype=x.dtype), both.T @ y)
    return w[:-1], w[-1]


# %% mistake="ridge_fit" name="mean_squared_error" hint="Your squared errors are divided by N; here they are summed, so your alpha is N times too strong." active="py"
def ridge_fit(x, y, alpha, right=ridge_fit):
    return right(x, y, alpha * len(x))


# %% mistake="ridge_fit" name="no_intercept" hint="There is no intercept in your model: the line goes through the origin." active="py"
def ridge_fit(x, y, alpha, right=ridge_fit):
    right(x, y, alpha)
    w = torch.linalg.solve(x.T @ x + alpha * torch.eye(x.size(1), dtype=x.dtype), x.T @ y)
    return w, torch.zeros_like(y[0])


# %% mistake="ridge_fit" name="half_the_penalty" hint="Your alpha counts half: the factors 2 of the two gradients cancel." active="py"
def ridge_fit(x, y, alpha, right=ridge_fit):
    return right(x, y, alpha / 2)


# %% [markdown]
r"""
## 3 · Why lasso makes zeros

One weight, least-squares value $z$. L2: minimise $\frac12(w - z)^2 + \frac\lambda2 w^2$; $w = z/(1 + \lambda)$, smaller, never 0. L1: minimise
$\frac12(w - z)^2 + \lambda\lvert w\rvert$. For $w > 0$ the slope is $w - z + \lambda$, zero at $w = z - \lambda$; when that is not positive,
the minimum is at 0. So

$$w = \operatorname{sign}(z)\,\max(\lvert z\rvert - \lambda, 0),$$

the ***soft threshold***. With $\lambda = 1$: $z = 2$ gives 1, $z = 0.5$ gives 0, $z = -3$ gives $-2$.

### Exercise · soft_threshold
"""


# %% exercise="soft_threshold" points=1 withheld="course_lib.regularization.soft_threshold torch.nn.functional.softshrink torch.nn.Softshrink torch.softshrink"
def soft_threshold(x: Tensor, threshold: float) -> Tensor:
    """Return x moved towards 0 by the threshold, and 0 where it is no further away than that.

    x          any shape, floating point
    threshold  at least 0
    returns    same shape and dtype; x stays as it is

    Raises ValueError for a negative threshold. softshrink is off limits.

    Example: soft_threshold(torch.tensor([-3.0, -0.5, 0.5, 2.0]), 1.0) is [-2, 0, 0, 1].
    """
    ### BEGIN SOLUTION
    if threshold < 0:
        raise ValueError(f"threshold must be at least 0, got {threshold}")
    return x.sign() * (x.abs() - threshold).clamp(min=0)
    ### END SOLUTION


# %% [markdown] hints="soft_threshold"
r"""
1. What happens to the size of a number, and what to its sign?
2. Subtract the threshold from the absolute value, nothing below 0, then give the sign back.
3. `x.sign() * (x.abs() - …).clamp(…)`
"""


# %% cases="soft_threshold" active="py"
def cases(seed):
    yield Case({"x": torch.tensor([-3.0, -0.5, 0.5, 2.0]), "threshold": 1.0}, note="the example")
    yield Case({"x": torch.tensor([-3.0, 0.0, 2.0]), "threshold": 0.0}, note="no threshold")
    for i in range(3):
        yield Case({"x": random_tensor(seed + i, 3, 4), "threshold": 0.2 + 0.3 * i}, note="random numbers")
    yield Case({"x": random_tensor(seed, 3), "threshold": -0.5}, note="a negative threshold")
    yield Case({"x": random_tensor(seed, 5).half(), "threshold": 0.5}, note="half precision")


# %% mistake="soft_threshold" name="hard" hint="That is the hard threshold: what survives must move towards 0 by the threshold, too." active="py"
def soft_threshold(x, threshold, right=soft_threshold):
    return torch.where(right(x, threshold) != 0, x, 0.0)


# %% mistake="soft_threshold" name="sign_lost" hint="The sign is lost: −3 must become −2." active="py"
def soft_threshold(x, threshold, right=soft_threshold):
    return right(x, threshold).abs()


# %% mistake="soft_threshold" name="crosses_zero" hint="Small numbers came out on the other side of 0; they must be 0." active="py"
def soft_threshold(x, threshold, right=soft_threshold):
    right(x, threshold)
    return x.sign() * (x.abs() - threshold)


# %% [markdown]
r"""
### Many weights: one at a time

***Coordinate descent***: give one weight its best value while the others stay, go on to the next, repeat. With centred $X$, $y$ and the residual
$r = y - Xw$, lasso minimises $\frac1{2N}\lVert r\rVert^2 + \alpha\lVert w\rVert_1$, and the best $w_j$ is

$$w_j \leftarrow \frac{S\!\left(\tfrac1N x_j^\top r + c_j w_j,\ \alpha\right)}{c_j}, \qquad c_j = \tfrac1N\lVert x_j\rVert^2,$$

with the soft threshold $S$. The residual follows each step.

### Exercise · lasso_fit
"""


# %% exercise="lasso_fit" points=3 needs="soft_threshold" withheld="course_lib.regularization.lasso_fit course_lib.regularization.lasso_path"
def lasso_fit(x: Tensor, y: Tensor, alpha: float, sweeps: int = 200) -> tuple[Tensor, Tensor]:
    """Minimise ‖y − x·w − b‖² / 2N + alpha ‖w‖₁ by coordinate descent.

    x        (N, D) features, floating point, no column constant
    y        (N,) targets in the dtype of x
    alpha    strength, at least 0
    sweeps   rounds over the weights, in the order 0 … D − 1, from w = 0
    returns  weights w (D,) and intercept b (), which is not penalised. x and y stay as they are

    Example: x = [[1, 1], [1, −1], [−1, 1], [−1, −1]], y = x · (3, 0.2) and alpha = 0.5
    give w = [2.5, 0] and b = 0.
    """
    ### BEGIN SOLUTION
    x_mean, y_mean = x.mean(0), y.mean()
    x, rest = x - x_mean, y - y_mean
    scale = x.square().mean(0)
    w = torch.zeros_like(x_mean)
    for _ in range(sweeps):
        for j in range(x.size(1)):
            new = soft_threshold(x[:, j] @ rest / len(x) + scale[j] * w[j], alpha) / scale[j]
            rest = rest - x[:, j] * (new - w[j])
            w[j] = new
    return w, y_mean - x_mean @ w
    ### END SOLUTION


# %% [markdown] hints="lasso_fit"
r"""
1. What must be known of the residual before a weight gets its best value, and what changes after it?
2. Centre, start with w = 0 and rest = y; in each step compute the new weight, take the change out of the residual, store it.
3. `new = soft_threshold(x[:, j] @ rest / len(x) + …, alpha) / scale[j]`
"""


# %% cases="lasso_fit" active="py"
def cases(seed):
    x = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
    yield Case({"x": x, "y": x @ torch.tensor([3.0, 0.2]), "alpha": 0.5}, note="the example")
    for i in range(3):
        scales = torch.tensor([1.0, 2, 0.5, 1.5])
        x = random_tensor(seed + i, 9 + i, 4).double() * scales + torch.tensor([0.0, 1, -2, 3])
        y = x @ torch.tensor([2.0, -1, 0, 0.5]).double() + random_tensor(seed + 20 + i, 9 + i).double() + 4
        yield Case({"x": x, "y": y, "alpha": 0.2 + 0.2 * i}, note="columns of different scale")
    yield Case({"x": x, "y": y, "alpha": 0.3, "sweeps": 1}, note="a single sweep")
    yield Case({"x": x, "y": y, "alpha": 0.3, "sweeps": 2}, note="two sweeps")


# %% equivalents="lasso_fit" active="py"
equivalents = {
    "x: Tensor, y: Tensor, alpha: float, sweeps: int=200 → x: Tensor, y: Tensor, alpha: float, sweeps: int=201": "the cases have converged long before; two of them set the sweeps",
    "x: Tensor, y: Tensor, alpha: float, sweeps: int=200 → x: Tensor, y: Tensor, alpha: float, sweeps: int=199": "the cases have converged long before; two of them set the sweeps",
    "y - y_mean → y + y_mean": "x is centred, so a constant added to y changes nothing",
    "y - y_mean → y": "x is centred, so a constant added to y changes nothing",
    "x[:, j] @ rest → rest @ x[:, j]": "a dot product of two vectors is symmetric",
    "rest = rest - x[:, j] * (new - w[j]) → rest -= x[:, j] * (new - w[j])": "rest is a tensor that the function made",
    "return (w, y_mean - x_mean @ w) → return in_float32((w, y_mean - x_mean @ w))": "a tuple stays as it is",
    "x_mean @ w → w @ x_mean": "a dot product of two vectors is symmetric",
}


# %% mistake="lasso_fit" name="summed_errors" hint="Your squared errors are summed, not divided by N, so alpha is too weak." active="py"
def lasso_fit(x, y, alpha, sweeps=200, right=lasso_fit):
    return right(x, y, alpha / len(x), sweeps)


# %% mistake="lasso_fit" name="no_intercept" hint="You did not centre x and y: the model goes through the origin." active="py"
def lasso_fit(x, y, alpha, sweeps=200, right=lasso_fit):
    both = right(torch.cat([x, -x]), torch.cat([y, -y]), alpha, sweeps)
    return both[0], torch.zeros_like(both[1])


# %% mistake="lasso_fit" name="scale_forgotten" hint="The soft threshold is not divided by the column's mean square; right only for standardised columns." active="py"
def lasso_fit(x, y, alpha, sweeps=200, right=lasso_fit):
    w, b = right(x, y, alpha, sweeps)
    return w * (x - x.mean(0)).square().mean(0), b


# %% [markdown]
r"""
### The picture: a diamond has corners

The same problem as a constraint: minimise the loss where $R(w) \le C$. The loss has **ellipses** as contours; the L2 region is a circle, the L1
region a diamond. The solution is where the smallest ellipse touches the region. At a corner of the diamond one weight is exactly 0. Move the
optimum and the size of the region: a large diamond is mostly touched on an **edge**, and a region that holds the optimum changes nothing.
"""

# %%
widgets.penalty_explorer()

# %%
sizes = [0.1, 0.5, 1.0, 2.0]
corner = [figures.corner_share(size) for size in sizes]
for size, share in zip(sizes, corner):
    print(f"diamond of size {size}: {share:.0%} of random problems touch it at a corner")

# %% [markdown]
r"""
“L1 touches at a corner” is {{the more likely, the smaller the region : corner == sorted(corner, reverse=True) and corner[0] > corner[-1]}}: the share falls as the diamond grows, that is, as the penalty weakens.

## 4 · L1 against L2 on fifty coefficients

200 examples, 50 features, of which 10 matter, noise with standard deviation 25; 160 examples train. Scikit-learn's usual comparison sets
$\alpha = 10$ for both. Commit yourself first.
"""

# %%
guess = predict_number(
    "06_regularization.kept", "Of 50 coefficients, how many does lasso keep?", low=0, high=50, unit="coefficients"
)
guess

# %%
from sklearn.datasets import make_regression
from sklearn.linear_model import Lasso, LassoCV, LinearRegression, Ridge, RidgeCV
from sklearn.model_selection import train_test_split

fit_ridge = yours("regularization.ridge_fit", regularization.ridge_fit)
fit_lasso = yours("regularization.lasso_fit", regularization.lasso_fit)
shape = {"n_features": 50, "n_informative": 10, "noise": 25, "random_state": 42}
data = make_regression(n_samples=200, coef=True, **shape)
coefficients = torch.tensor(data[2])
parts = train_test_split(data[0], data[1], test_size=0.2, random_state=42)
x, x_test, y, y_test = map(torch.tensor, parts)
learned = {
    "least squares": fit_ridge(x, y, 0.0)[0],
    "ridge, α = 10": fit_ridge(x, y, 10.0)[0],
    "lasso, α = 10": fit_lasso(x, y, 10.0)[0],
}
theirs = Ridge(alpha=10).fit(x, y).coef_, Lasso(alpha=10, tol=1e-8).fit(x, y).coef_
ours = list(learned.values())[1:]
same = [torch.allclose(w, torch.tensor(their), atol=1e-3) for w, their in zip(ours, theirs)]
kept = {name: int((w != 0).sum()) for name, w in learned.items()}
print("equal to scikit-learn:", same, "\nnon-zero coefficients:", kept)
show(
    figures.coefficients(coefficients, learned),
    alt=f"True coefficients and three fits: lasso keeps {kept['lasso, α = 10']} of 50.",
)

# %%
guess.reveal(kept["lasso, α = 10"])

# %%
models = {
    "least squares": LinearRegression(),
    "ridge, α = 10": Ridge(alpha=10),
    "lasso, α = 10": Lasso(alpha=10),
    "ridge, α chosen": RidgeCV(alphas=torch.logspace(-2, 4, 40).numpy()),
    "lasso, α chosen": LassoCV(cv=5),
}
r2 = {name: model.fit(x, y).score(x_test, y_test) for name, model in models.items()}
for name, score in r2.items():
    print(f"{name:16} R² on test data {score:.3f}  α = {getattr(models[name], 'alpha_', '')}")

# %%
few = make_regression(n_samples=70, **shape)
parts = train_test_split(*few, test_size=0.2, random_state=42)
few_r2 = {
    name: model.fit(parts[0], parts[2]).score(parts[1], parts[3])
    for name, model in {"least squares": LinearRegression(), "lasso": LassoCV(cv=5)}.items()
}
print("56 training examples, R² on test data:", {name: round(r, 3) for name, r in few_r2.items()})

# %% [markdown]
r"""
Lasso keeps {{7 = kept["lasso, α = 10"]}} coefficients and loses three of the ten true ones; ridge keeps {{all : kept["ridge, α = 10"] == 50}}.
Least squares is not “noisy” here: with three examples a feature it {{beats : r2["least squares"] > r2["lasso, α = 10"]}} that lasso on test data. With 56 examples for the 50 features it falls to {{0.70 = few_r2["least squares"]}}, and a lasso with a chosen α reaches {{0.96 = few_r2["lasso"]}}.

The two α do not compare: scikit-learn's lasso divides the squared errors by $2N$, its ridge does not. α = 10 is strong for lasso, weak for ridge.
With α chosen by ***cross-validation***, lasso reaches {{0.939 = r2["lasso, α chosen"] ± 0.001}} and ridge {{0.918 = r2["ridge, α chosen"] ± 0.001}}: sparse truth suits L1. (One split.)

### Question · alpha_scale

Which statement about α = 10 in scikit-learn's `Ridge` and `Lasso` is true?

- **a** Both penalties are equally strong.
- **b** The strengths do not compare: the squared errors are scaled differently, and so are the penalties.
- **c** Lasso's is weaker, as it does not square.
"""

# %% exercise="alpha_scale" points=1 kind="choice" choices="a b c"
### BEGIN SOLUTION
alpha_scale = "b"
### END SOLUTION

# %% mistake="alpha_scale" name="a" hint="Write both objectives down: one divides the squared errors by 2N." active="py"
alpha_scale = "a"

# %% mistake="alpha_scale" name="c" hint="Look at the figure: which of the two changed the coefficients more?" active="py"
alpha_scale = "c"

# %% [markdown]
r"""
## 5 · Penalty or decay

***Weight decay*** multiplies the weights by $1 - \eta\lambda$ in each step with learning rate $\eta$. For plain SGD that is an L2 penalty: the gradient of
$\frac\lambda2\lVert w\rVert^2$ is $\lambda w$. Without the ½ it is $2\lambda w$. Adam divides every gradient by its own size, the penalty's included, so
penalty and decay part; AdamW (lesson [05](05_optimizers.ipynb)) decays the old weights directly.

### Question · decay_rate

A loss has the penalty $0.3\,\lVert w\rVert_2^2$ (no ½). Which `weight_decay` makes `torch.optim.SGD` take the same steps without the penalty?
"""

# %% exercise="decay_rate" points=1 kind="number"
### BEGIN SOLUTION
decay_rate = 0.6
### END SOLUTION

# %% mistake="decay_rate" name="same_number" hint="The derivative of w² is 2w." active="py"
decay_rate = 0.3

# %% mistake="decay_rate" name="halved" hint="The other way round: the derivative doubles." active="py"
decay_rate = 0.15


# %%
def ten_steps(optimizer, penalty=0.0, **options):
    """Two weights after ten steps on a quadratic, with a penalty in the loss or with decay."""
    w = torch.tensor([2.0, -1.0], requires_grad=True)
    steps = optimizer([w], lr=0.1, **options)
    for _ in range(10):
        steps.zero_grad()
        (((w - torch.tensor([2.0, 0.0])) ** 2).sum() / 2 + penalty * (w**2).sum()).backward()
        steps.step()
    return w.detach()


sgd = [ten_steps(torch.optim.SGD, 0.3), ten_steps(torch.optim.SGD, weight_decay=0.6)]
adam = [ten_steps(torch.optim.Adam, 0.3), ten_steps(torch.optim.AdamW, weight_decay=0.6)]
print("SGD:  penalty", sgd[0], "decay", sgd[1], "\nAdam: penalty", adam[0], "decay", adam[1])

# %% [markdown]
r"""
For SGD the two are {{the same : torch.allclose(sgd[0], sgd[1])}}; for Adam they {{differ : not torch.allclose(adam[0], adam[1], atol=0.01)}}.

## 6 · Dropout

***Dropout*** sets each unit to 0 with probability $p$ in training, each on its own, so that no unit can rely on another. Kept units are divided by the
keep probability $1 - p$: the mean stays what it was, and nothing is done at test time. This is ***inverted dropout***, what PyTorch does.
(The original form scales by $1 - p$ at test time. “Scaled by $p$”, as some notes say, is right only for $p = ½$.)

With $p = 0.2$ a 4 becomes 0 or $4/0.8 = {{5 = 4 / 0.8}}$; the mean is $0.8 \cdot 5 = 4$.

### Exercise · dropout
"""


# %% exercise="dropout" points=3 withheld="course_lib.regularization.dropout torch.nn.functional.dropout torch.nn.Dropout torch.dropout torch.native_dropout"
def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """Return x with each element set to 0 with probability p and the others divided by 1 − p.

    x         any shape, floating point; it stays as it is
    p         probability of losing an element, each independently; 0 ≤ p < 1
    training  False: the values of x come back unchanged
    returns   same shape and dtype; gradients flow through the elements that stay

    Raises ValueError for a p outside [0, 1). torch's own dropout is off limits.
    """
    ### BEGIN SOLUTION
    if not 0 <= p < 1:
        raise ValueError(f"p must be at least 0 and below 1, got {p}")
    if not training:
        return x
    keep = torch.rand(x.shape, device=x.device) >= p
    return torch.where(keep, x / (1 - p), 0.0)
    ### END SOLUTION


# %% [markdown] hints="dropout"
r"""
1. What is the mean of an element that stays with probability 1 − p?
2. Draw one uniform number for each element, keep those where it is at least p, and divide what stays by the keep probability.
3. `keep = torch.rand(…) >= p`, then `torch.where(keep, x / …, 0.0)`
"""


# %% cases="dropout" active="py"
def cases(seed):
    yield Case({"x": torch.tensor([1.0, 4.0]), "p": 0.2, "training": False}, note="at test time")
    yield Case({"x": random_tensor(seed, 3, 2), "p": 0.0}, note="nothing is dropped")
    for p in (0.2, 0.1, 0.6 + 0.05 * (seed % 5)):
        yield Case({"x": 1 + random_tensor(seed, 20, 300).abs(), "p": p}, note="training")
    half = random_tensor(seed + 1, 3, 2).half()
    yield Case({"x": half, "p": 0.0}, note="half precision")
    yield Case({"x": half, "p": 0.3, "training": False}, note="half precision at test time")
    yield Case({"x": torch.ones(2), "p": 1.5}, note="p above 1")
    yield Case({"x": torch.ones(2), "p": -0.1, "training": False}, note="p below 0")


# %% probe="dropout" active="py"
def probe(student, case):
    if case["x"].numel() < 100:
        x = case["x"].clone().requires_grad_()
        same = student(**(case | {"x": x}))
        if same.requires_grad:
            (same * torch.arange(1, x.numel() + 1).view(x.shape)).sum().backward()
        return {"values": same.detach(), "gradient": x.grad}
    x = case["x"].clone().requires_grad_()
    dropped = student(x, case["p"])
    kept = dropped != 0
    factors = (dropped / x)[kept].detach()
    if dropped.requires_grad:
        dropped.sum().backward()
    return {
        "dropped and kept": torch.tensor([int((~kept).sum()), int(kept.sum())]),
        "kept ones grew by": [factors.min(), factors.max()] if kept.any() else [],
        "gradient is that factor where kept": x.grad is not None and torch.allclose(x.grad[kept], factors),
        "rows differ": not torch.equal(kept[0], kept[1]),
        "columns differ": not torch.equal(kept[:, 0], kept[:, 1]),
        "x": x.detach()[0, :3],
    }


# %% judge="dropout" active="py"
def judge(case, expected, got):
    return judge_entries(expected, got, {"dropped and kept": judge_counts})


# %% equivalents="dropout" active="py"
equivalents = {
    "torch.rand(x.shape, device=x.device) >= p → torch.rand(x.shape, device=x.device) > p": "a draw equals p about once in 16 million",
}


# %% mistake="dropout" name="divides_by_p" hint="What stays is divided by the keep probability 1 − p, not by p." active="py"
def dropout(x, p, training=True, right=dropout):
    return right(x, p, training) * ((1 - p) / p if training and p else 1)


# %% mistake="dropout" name="scales_at_test_time" hint="At test time there is nothing to scale: training has already divided by 1 − p." active="py"
def dropout(x, p, training=True, right=dropout):
    return right(x, p, training) * (1 if training else 1 - p)


# %% mistake="dropout" name="not_scaled" hint="What stays is not scaled up: the mean in training is 1 − p times too small." active="py"
def dropout(x, p, training=True, right=dropout):
    return right(x, p, training) * (1 - p if training else 1)


# %% mistake="dropout" name="drops_always" hint="You drop at test time, too." active="py"
def dropout(x, p, training=True, right=dropout):
    return right(x, p) if training else right(x, p) * 0


# %% [markdown]
r"""
## 7 · Early stopping

Held-out losses are noisy: the first rise says little. ***Early stopping*** waits until there has been no new best for `patience` evaluations, and goes back to the
weights of the best one. Losses 3, 2, 2.5, 2.1, 1 with patience 2: the best so far is 2 (index 1), and training stops at index {{3 = 1 + 2}}. It never sees the 1.

### Exercise · early_stopping
"""


# %% exercise="early_stopping" points=2 withheld="course_lib.regularization.early_stopping course_lib.regularization.EarlyStopping"
def early_stopping(losses: list[float], patience: int) -> tuple[int, int]:
    """Return which held-out loss is the best before the stop, and at which one training stops.

    losses    in the order of the evaluations, at least one
    patience  stop after so many evaluations in a row without a new best; at least 1
    returns   index of the best loss (the first, if several are equal), and of the last looked at

    Raises ValueError for a patience below 1.

    Example: early_stopping([3.0, 2.0, 2.5, 2.1, 1.0], patience=2) is (1, 3).
    """
    ### BEGIN SOLUTION
    if patience < 1:
        raise ValueError(f"patience must be at least 1, got {patience}")
    best = last = 0
    for last, loss in enumerate(losses):
        if loss < losses[best]:
            best = last
        if last - best >= patience:
            break
    return best, last
    ### END SOLUTION


# %% [markdown] hints="early_stopping"
r"""
1. From where are the evaluations counted: from the first rise, or from the best so far?
2. Go through the losses, remember the index of the best; stop when the distance to it reaches the patience.
3. `if last - best >= …: break`
"""


# %% cases="early_stopping" active="py"
def cases(seed):
    yield Case({"losses": [3.0, 2.0, 2.5, 2.1, 1.0], "patience": 2}, note="the example")
    yield Case({"losses": [3.0, 2.0, 1.0], "patience": 1}, note="it never rises")
    yield Case({"losses": [2.0, 3.0, 2.5, 2.4, 1.0], "patience": 3}, note="the first is the best")
    yield Case({"losses": [2.0, 1.0, 1.0, 1.0, 0.5], "patience": 2}, note="equal losses")
    for i in range(3):
        losses = (random_tensor(seed + i, 30).abs() + torch.linspace(2, 0, 30) ** 2).tolist()
        yield Case({"losses": losses, "patience": 2 + i}, note="noisy losses")
    yield Case({"losses": [2.0, 2.0, 2.0, 1.0], "patience": 2}, note="equal losses at the start")
    yield Case({"losses": [1.0], "patience": 1}, note="a single loss")
    yield Case({"losses": [1.0], "patience": 0}, note="no patience")


# %% equivalents="early_stopping" active="py"
equivalents = {
    "for last, loss in enumerate(losses): → for last, loss in [*enumerate(losses)][1:]:": "the first loss is the best so far from the start",
}


# %% mistake="early_stopping" name="first_rise" hint="You stop at the first rise. Wait for `patience` evaluations without a new best." active="py"
def early_stopping(losses, patience, right=early_stopping):
    right(losses, patience)
    return right(losses, 1)


# %% mistake="early_stopping" name="last_for_best" hint="Training goes back to the best weights, not to those at the stop." active="py"
def early_stopping(losses, patience, right=early_stopping):
    return (right(losses, patience)[1],) * 2


# %% mistake="early_stopping" name="one_too_many" hint="You waited one evaluation too long." active="py"
def early_stopping(losses, patience, right=early_stopping):
    right(losses, patience)
    return right(losses, patience + 1)


# %% mistake="early_stopping" name="sees_the_future" hint="You took the best of all losses; those after the stop are never computed." active="py"
def early_stopping(losses, patience, right=early_stopping):
    return losses.index(min(losses)), right(losses, patience)[1]


# %%
generator = torch.Generator().manual_seed(0)
time = torch.arange(200) / 100
smooth = 1 + 2 * (-3 * time).exp() + 0.25 * (time - 1).clamp(min=0) ** 2
noisy = (smooth + 0.06 * torch.randn(200, generator=generator)).tolist()
until = yours("regularization.early_stopping", regularization.early_stopping)
patient = {patience: until(noisy, patience) for patience in (1, 5, 20)}
for patience, (best_at, last) in patient.items():
    print(f"patience {patience:2}: stops at {last:3}, best {noisy[best_at]:.3f} at {best_at}")
print(f"best of all 200: {min(noisy):.3f}")

# %% [markdown]
r"""
On this invented noisy curve, patience 1 stops at evaluation {{4 = patient[1][1]}} with a loss of {{2.80 = noisy[patient[1][0]]}}, at the first rise; patience 20 finds the
{{best : noisy[patient[20][0]] == min(noisy)}} of all, {{0.93 = min(noisy)}}, at the price of {{133 = patient[20][1]}} evaluations.

## 8 · More data from the data you have

***Data augmentation*** shows a model changed copies whose label still holds: images are rotated, flipped, zoomed; in texts words are left out
(***word dropout***), neighbours swapped, words replaced by a synonym or an unknown token. ***Back-translation*** translates a text into another language and
back: a paraphrase. The label must survive: *not* left out of “not good” turns a review around.

### Exercise · augment_tokens · optional
"""


# %% exercise="augment_tokens" points=2 optional=true withheld="course_lib.regularization.augment_tokens"
def augment_tokens(ids: Tensor, unk_id: int, draws: Tensor, drop: float, unk: float) -> Tensor:
    """Return a noisy copy of a text.

    ids      (T,) token ids, T at least 1; they stay as they are
    unk_id   the id of the unknown token
    draws    (2, T) uniform numbers in [0, 1): row 0 decides what is dropped, row 1 what is replaced
    drop     a token is left out where its draw is below this
    unk      a token that stays becomes unk_id where its draw is below this
    returns  (T',) ids in their order; where all would be dropped, the largest draw's stays
    """
    ### BEGIN SOLUTION
    keep = draws[0] >= drop
    if not keep.any():
        keep[draws[0].argmax()] = True
    return torch.where(draws[1] < unk, unk_id, ids)[keep]
    ### END SOLUTION


# %% [markdown] hints="augment_tokens"
r"""
1. Two decisions a token: which of them changes the length?
2. Replace first, then select with a boolean mask; make sure one entry of the mask is True.
3. `torch.where(draws[1] < unk, …, ids)[keep]`
"""


# %% cases="augment_tokens" active="py"
def cases(seed):
    draws = torch.tensor([[0.5, 0.05, 0.9], [0.9, 0.2, 0.5]])
    yield Case({"ids": torch.tensor([5, 6, 7]), "unk_id": 1, "draws": draws, "drop": 0.1, "unk": 0.6}, note="three")
    yield Case({"ids": torch.tensor([5, 6, 7]), "unk_id": 1, "draws": draws, "drop": 1.0, "unk": 0.0}, note="all gone")
    yield Case(
        {"ids": torch.tensor([5, 6, 7]), "unk_id": 2, "draws": draws, "drop": 0.5, "unk": 0.5}, note="equal draws"
    )
    for i in range(3):
        draws = torch.rand(2, 12, generator=generator(seed + i))
        ids = random_integers(seed + i, 2, 50, 12)
        yield Case({"ids": ids, "unk_id": i, "draws": draws, "drop": 0.3, "unk": 0.2 + 0.2 * i}, note="random")


# %% equivalents="augment_tokens" active="py"
equivalents = {
    "if not keep.any(): → if True:": "where any token stays, the one with the largest draw does",
    "keep.any() → keep.all()": "where any token stays, the one with the largest draw does",
}


# %% mistake="augment_tokens" name="empty" hint="A text must not lose its last token." active="py"
def augment_tokens(ids, unk_id, draws, drop, unk):
    return torch.where(draws[1] < unk, unk_id, ids)[draws[0] >= drop]


# %% mistake="augment_tokens" name="rows_swapped" hint="Row 0 decides what is dropped, row 1 what is replaced." active="py"
def augment_tokens(ids, unk_id, draws, drop, unk, right=augment_tokens):
    return right(ids, unk_id, draws.flip(0), drop, unk)


# %% mistake="augment_tokens" name="keeps_the_dropped" hint="You kept what is to be dropped: a token is left out where its draw is below drop." active="py"
def augment_tokens(ids, unk_id, draws, drop, unk):
    keep = draws[0] < drop
    if not keep.any():
        keep[draws[0].argmax()] = True
    return torch.where(draws[1] < unk, unk_id, ids)[keep]


# %% [markdown]
r"""
## 9 · A language model that memorises

1,000 tokens of the mouse-and-cheese language, a network that reads three words and predicts the next ([08](08_neural_ngrams.ipynb) has more of its kind), and
300 updates. Each remedy has the same model, data and budget, and three seeds. *Word dropout* replaces a fifth of the context words by an unknown one.
"""

# %%
from course_lib import scoreboard
from course_lib.budget import budget
from course_lib.data.mouse_and_cheese import MouseAndCheese

torch.set_num_threads(1)
language = MouseAndCheese()
vocab_size = len(language.vocabulary)
train_set, test_set = (
    tokens.unfold(0, 4, 1) for tokens in (scoreboard.training(300_000)[:1000], scoreboard.held_out()[:2000])
)
drop_units = yours("regularization.dropout", regularization.dropout)


# %%
class FeedForward(nn.Module):
    """Three words in, logits of the next one out; id vocab_size is an unknown word."""

    def __init__(self, p):
        super().__init__()
        self.p = p
        self.words, self.hidden = nn.Embedding(vocab_size + 1, 32), nn.Linear(96, 256)
        self.to_logits = nn.Linear(256, vocab_size)

    def forward(self, ids):
        x = drop_units(self.words(ids).flatten(1), self.p, self.training)
        return self.to_logits(drop_units(self.hidden(x).relu(), self.p, self.training))


# %%
def nats(model, examples):
    with torch.no_grad():
        return F.cross_entropy(model.eval()(examples[:, :3]), examples[:, 3]).item()


def train(seed, p=0.0, weight_decay=0.0, unknown=0.0):
    """Training and held-out loss after every ten updates."""
    torch.manual_seed(seed)
    model, losses = FeedForward(p), []
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=weight_decay)
    for step in range(budget(full=300, short=20)):
        batch = train_set[torch.randint(len(train_set), (64,))]
        words = batch[:, :3].masked_fill(torch.rand(64, 3) < unknown, vocab_size)
        loss = F.cross_entropy(model.train()(words), batch[:, 3])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 9:
            losses.append((nats(model, train_set), nats(model, test_set)))
    return torch.tensor(losses).T


# %%
remedies = {
    "nothing": {},
    "dropout ½": {"p": 0.5},
    "weight decay 3": {"weight_decay": 3.0},
    "word dropout 0.2": {"unknown": 0.2},
}
runs = {
    name: tuple(torch.stack([train(seed, **options) for seed in range(3)]).unbind(1))
    for name, options in remedies.items()
}

# %%
updates = [10 * (i + 1) for i in range(runs["nothing"][0].size(1))]
show(
    figures.remedies(updates, runs, {"entropy rate": language.entropy_rate}),
    alt=f"Without a remedy training loss falls to {runs['nothing'][0][:, -1].mean():.2f} nats while "
    f"held-out loss falls and rises again to {runs['nothing'][1][:, -1].mean():.2f}.",
)
stop = yours("regularization.early_stopping", regularization.early_stopping)
final = {name: held_out[:, -1].mean().item() for name, (_, held_out) in runs.items()}
stopped = {
    name: sum(row[stop(row.tolist(), 5)[0]].item() for row in held_out) / 3
    for name, (_, held_out) in runs.items()  # the loss at the best evaluation, mean of three seeds
}
for name in runs:
    print(f"{name:17} held out at the end {final[name]:.3f}, stopped early {stopped[name]:.3f}")

# %% [markdown]
r"""
Without a remedy, training loss falls {{below the entropy rate : runs["nothing"][0][:, -1].max() < language.entropy_rate}}, which only memory can do, and held-out loss
{{rises again : final["nothing"] > stopped["nothing"] + 0.5}}. Dropout ends {{lower : final["dropout ½"] < final["nothing"]}}, strong decay
{{lowest : final["weight decay 3"] == min(final.values())}}; early stopping alone, patience 5, saves {{1.5 = final["nothing"] - stopped["nothing"] ± 0.2}} nats. Word dropout does
{{not help here : stopped["word dropout 0.2"] > stopped["nothing"]}}: with three words of context, every word that is hidden was needed. Strengths were tried beforehand on the same held-out text: a fair
report would use another one.
"""

# %% [markdown]
r"""
## 10 · Find the bugs

A colleague chooses the strength of ridge regression on held-out data. The scores look splendid; on data of next week the model disappoints. There are three
faults; each repair earns its point alone.

### Exercise · choose_alpha · optional
"""


# %% exercise="choose_alpha" points=3 optional=true parts={"scale":1,"choice":1,"model":1} withheld="torch.linalg.lstsq"
def choose_alpha(
    x: Tensor, y: Tensor, x_held: Tensor, y_held: Tensor, alphas: list[float]
) -> tuple[float, Tensor, Tensor]:
    """Fit ridge regression for each strength, and return the one that does best on held-out data.

    x, y            (N, D) and (N,) training data, float64
    x_held, y_held  (H, D) and (H,) held-out data: nothing is learned from them but alpha
    alphas          strengths above 0 of ‖y − x·w − b‖² + alpha ‖w‖²; b is not penalised
    returns         the alpha with the least mean squared error on held-out data, the first if several
                    are equal; its w (D,) and b (). They are for features with mean 0 and (population)
                    standard deviation 1 on the training data
    """
    ### BEGIN SOLUTION
    mean, std, b, least = x.mean(0), x.std(0, correction=0), y.mean(), math.inf
    x, x_held = (x - mean) / std, (x_held - mean) / std
    for alpha in alphas:
        penalty = alpha * torch.eye(x.size(1), dtype=x.dtype)
        w = torch.linalg.solve(x.T @ x + penalty, x.T @ (y - b))
        error = (y_held - x_held @ w - b).square().mean()
        if error < least:
            least, best = error, (alpha, w, b)
    return best
    ### END SOLUTION
    ### BEGIN STARTER
    # everything = torch.cat([x, x_held])
    # mean, std, b, least = x.mean(0), everything.std(0, correction=0), y.mean(), math.inf
    # x, x_held = (x - mean) / std, (x_held - mean) / std
    # for alpha in alphas:
    #     penalty = alpha * torch.eye(x.size(1), dtype=x.dtype)
    #     w = torch.linalg.solve(x.T @ x + penalty, x.T @ (y - b))
    #     error = (y - x @ w - b).square().mean()
    #     if error < least:
    #         least, best = error, alpha
    # return best, w, b
    ### END STARTER


# %% [markdown] hints="choose_alpha"
r"""
1. Which of the four tensors may the scaling know? On which data is the error measured? Whose weights are returned?
2. Mean and deviation come from `x` alone, the error from the held-out pair; the weights must be kept with their alpha.
3. `error = (y_held - …).square().mean()`, and `best = (alpha, …, …)`
"""


# %% cases="choose_alpha" active="py"
def cases(seed):
    for i in range(3):
        x = random_tensor(seed + i, 8, 3).double() * torch.tensor([1.0, 2, 0.5]) + torch.tensor([0.0, 1, -2])
        y = random_tensor(seed + 9 + i, 8).double() * 3 + x[:, 0] + 5 - 4 * i
        other = random_tensor(seed + 30 + i, 5, 3).double() * 2 + 1
        data = {"x": x, "y": y, "x_held": other, "y_held": other[:, 0] + 1}
        yield Case(data | {"alphas": [0.7 + i]}, note="held-out features of another scale", part="scale")
        data = {"x": x, "y": y, "x_held": x.flip(0), "y_held": y.flip(0), "alphas": [4.0, 0.1, 1.0, 50.0]}
        yield Case(data, note="held-out data like the training data", part="model")
    # for the choice, held-out features with another mean, but so that both together have the deviation of x
    for i in range(8):
        x = random_tensor(seed + 50 + i, 8, 3).double() * torch.tensor([1.0, 2, 0.5])
        unit = (x - x.mean(0)) / x.std(0, correction=0)
        other = (0.68**0.5 * unit.flip(0) + 0.8) * x.std(0, correction=0) + x.mean(0)
        y = unit @ random_tensor(seed + 70 + i, 3).double() + random_tensor(seed + 80 + i, 8).double() + 3 * (-1) ** i
        y_held = y.mean() + 0.2 * i * (y.flip(0) - y.mean()) + random_tensor(seed + 90 + i, 8).double()
        data = {"x": x, "y": y, "x_held": other, "y_held": y_held, "alphas": [400.0, 0.01, 2.0, 8.0, 30.0]}
        yield Case(data, note="five strengths", part="choice")
    data = {"x": x, "y": torch.ones(8).double(), "x_held": x, "y_held": torch.ones(8).double(), "alphas": [8.0, 1.0]}
    yield Case(data, note="equally good", part="choice")


# %% probe="choose_alpha" active="py"
def probe(student, case):
    alpha, w, b = student(**case)
    return alpha if len(case["alphas"]) in (2, 5) else [alpha, w, b]  # the choice alone, or the model, too


# %% equivalents="choose_alpha" active="py"
equivalents = {
    "x.T @ (y - b) → x.T @ (y + b)": "x is centred, so a constant added to y changes nothing",
    "x.T @ (y - b) → x.T @ y": "x is centred, so a constant added to y changes nothing",
    "(y_held - x_held @ w - b).square().mean() → (y_held - x_held @ w - b).square().sum()": "the order is the same",
    "y_held - x_held @ w - b → b - (y_held - x_held @ w)": "the difference is squared",
}


# %% mistake="choose_alpha" name="leaks" hint="One fault is left: the deviation comes from the held-out data, too." active="py"
def choose_alpha(x, y, x_held, y_held, alphas):
    mean, std, b, least = x.mean(0), torch.cat([x, x_held]).std(0, correction=0), y.mean(), math.inf
    x, x_held = (x - mean) / std, (x_held - mean) / std
    for alpha in alphas:
        w = torch.linalg.solve(x.T @ x + alpha * torch.eye(x.size(1), dtype=x.dtype), x.T @ (y - b))
        error = (y_held - x_held @ w - b).square().mean()
        if error < least:
            least, best = error, (alpha, w, b)
    return best


# %% mistake="choose_alpha" name="training_error" hint="One fault is left: the error is measured on the training data, where the weakest penalty always wins." active="py"
def choose_alpha(x, y, x_held, y_held, alphas, right=choose_alpha):
    return right(x, y, x, y, alphas)


# %% mistake="choose_alpha" name="weights_of_the_last" hint="One fault is left: you return the weights of the last strength, not of the best one." active="py"
def choose_alpha(x, y, x_held, y_held, alphas, right=choose_alpha):
    return (right(x, y, x_held, y_held, alphas)[0], *right(x, y, x_held, y_held, alphas[-1:])[1:])


# %% [markdown] exercise="l1_or_l2" points=3
r"""
## 11 · In your own words

### In your own words · l1_or_l2

Interview question. Why does L1 give weights that are exactly 0 and L2 not? When would you choose which? Is the contact always at a corner?

### BEGIN SOLUTION
The slope of $\lambda|w|$ near 0 stays $\lambda$: a weight whose least-squares value is below λ is pushed to 0 and held there (soft threshold). The slope of $\lambda w^2$ vanishes with $w$, so
weights shrink in proportion and stay non-zero. In the picture the diamond has corners on the axes; the contact is at a corner the more often, the smaller the region, else on an edge.
L1 when few features matter or a short list is wanted; L2 when many matter a little or are correlated. Strengths are chosen on held-out data, for each separately.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: soft threshold or constant slope against a slope that vanishes
- 1 point: geometry, with the condition that the region is small
- 1 point: when which, strengths chosen separately on held-out data
### END RUBRIC
"""

# %%
flash_cards("06_regularization")

# %% [markdown]
r"""
## 12 · Where this came from

- **Geman, Bienenstock and Doursat (1992)**: bias and variance of neural networks. **Hoerl and Kennard (1970)**: ridge. **Tibshirani (1996)**: lasso. **Friedman, Hastie and Tibshirani (2010)**: coordinate descent.
- **Prechelt (1998)**, *Early Stopping – But When?*: slower criteria gained about 4 % on average and cost about four times the training.
- **Srivastava et al. (2014)**: dropout. **Loshchilov and Hutter (2019)**: decoupled weight decay.
- **Sennrich et al. (2016)**: back-translation. **Wei and Zou (2019)**: noise for texts.
- **Belkin et al. (2019)**: beyond the size that memorises, test error can fall again (***double descent***): the U of section 1 is not the whole story.
- **Muennighoff et al. (2023)**: language models lost almost nothing by reading the same data up to four times.

Next: [09 RNN](09_rnn.ipynb) follows after 07 and 08.
"""
