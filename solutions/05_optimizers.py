# ---
# jupyter:
#   course:
#     title: Which way is down, and how fast?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# Which way is down, and how fast?

The gradient says which way is down *here*. It does not say how far to go, and it says nothing about the next place. In a narrow valley that is not enough: the steepest way down leads to the opposite wall. Drag the start and the learning rate, and watch two optimizers go down from the same place.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.checks import check, show_answer, yours

torch.set_printoptions(precision=4, sci_mode=False)

# %%
import time
from itertools import pairwise

from sklearn.datasets import make_moons

from course_lib import optim
from course_lib.budget import budget
from course_lib.figures import optimizers as figures
from course_lib.figures.style import show
from course_lib.figures.training import compare_curves
from course_lib.widgets.cards import flash_cards
from course_lib.widgets.optimizers import ravine_explorer
from course_lib.widgets.predict import predict_number

torch.set_num_threads(1)  # tensors this small are faster on one core

# %%
sgd = yours("optimizers.sgd_step", optim.sgd_step)
momentum = yours("optimizers.momentum_step", optim.momentum_step)
adagrad = yours("optimizers.adagrad_step", optim.adagrad_step)
rmsprop = yours("optimizers.rmsprop_step", optim.rmsprop_step)
adam = yours("optimizers.adam_step", optim.adam_step)
rules = {  # name → (one step, how many tensors it remembers)
    "SGD": (lambda w, g, t, lr: (sgd(w, g, lr),), 0),
    "momentum": (lambda w, g, v, t, lr: momentum(w, g, v, lr), 1),
    "Adagrad": (lambda w, g, s, t, lr: adagrad(w, g, s, lr), 1),
    "RMSprop": (lambda w, g, s, t, lr: rmsprop(w, g, s, lr), 1),
    "Adam": (lambda w, g, m, v, t, lr: adam(w, g, m, v, t, lr), 2),
}
ravine_explorer(rules)

# %% [markdown]
r"""
## What you will be able to do

- write the steps of SGD, momentum, Adagrad, RMSprop, Adam and AdamW, equal to those of `torch.optim`;
- derive Adam's bias correction, and say what happens without it;
- tell a penalty from decay, and ε inside a root from ε outside;
- clip a gradient without turning it, and let a learning rate rise and fall;
- compare optimizers so that the comparison means something.

**Time** about 90 minutes, best in two sittings (sections 1 to 4, and the rest); another 40 for what is marked optional. **Builds on** [04 Linear models](04_linear_models.ipynb): gradients, learning rate, mini-batches.
**Symbols** $w$ the weights, $g$ the gradient of the loss in them, $\eta$ the learning rate, $t = 1, 2, \dots$ the number of the step. Squares, roots and quotients of tensors are taken number by number.
"""

# %% [markdown]
r"""
## 1 · One rate for all weights

An ***optimizer*** is a rule that turns gradients into changes of the weights. The shortest: $w \leftarrow w - \eta\, g$. With the gradient of all examples this is batch gradient descent, with that of a few a stochastic one ([04](04_linear_models.ipynb)); the rule is the same.

The picture above is the loss $\tfrac12 (u^2 + \kappa v^2)$, a ***ravine***: gentle along $u$, steep across. Its ***condition number*** $\kappa$ is the largest curvature over the smallest. The gradient is $(u, \kappa v)$, so one step multiplies $u$ by $1 - \eta$ and $v$ by $1 - \eta\kappa$. The steep direction forbids every $\eta \ge 2/\kappa$; the gentle one then crawls.

By hand, $\kappa = 100$ and $\eta = 0.018$, from $(-2.8,\ 1)$: the next place is $({{-2.7496 = -2.8 * (1 - 0.018)}},\ {{-0.8 = 1 - 0.018 * 100}})$. Across, it jumped to the other wall; along, it moved by two percent.

### Exercise · sgd_step
"""


# %% exercise="sgd_step" points=1 withheld="course_lib.optim.update_rules.sgd_step torch.optim"
def sgd_step(param: Tensor, grad: Tensor, lr: float) -> Tensor:
    """Return the parameter after one step against its gradient.

    param    w, any shape; not changed
    grad     g, the same shape
    lr       η, the learning rate
    returns  the same shape, a new tensor

    Raises ValueError when the shapes differ, even if they could be broadcast.

    Example: w = [1., 2.], g = [0.5, −1.], lr = 0.1 give [0.95, 2.1].
    """
    ### BEGIN SOLUTION
    if param.shape != grad.shape:
        raise ValueError(f"grad must have the shape {tuple(param.shape)}, got {tuple(grad.shape)}")
    return param - lr * grad
    ### END SOLUTION


# %% [markdown] hints="sgd_step"
r"""
1. Which sign has a step that goes *down*?
2. Compare the shapes first; then subtract the rate times the gradient, into a new tensor.
3. `return param - …`
"""


# %% cases="sgd_step" active="py"
def cases(seed):
    example = {"param": torch.tensor([1.0, 2.0]), "grad": torch.tensor([0.5, -1.0]), "lr": 0.1}
    yield Case(example, note="the docstring's example")
    yield Case({"param": torch.tensor(3.0), "grad": torch.tensor(2.0), "lr": 1.0}, note="a single number")
    for i in range(3):
        w, g = random_tensor(seed + 10 * i, 2, 3), random_tensor(seed + 10 * i + 5, 2, 3)
        yield Case({"param": w, "grad": g, "lr": 0.1 + 0.3 * i}, note="random")
    yield Case(
        {"param": random_tensor(seed, 2, 3), "grad": random_tensor(seed + 1, 3), "lr": 0.1}, note="another shape"
    )


# %% equivalents="sgd_step" active="py"
equivalents = {
    "return param - lr * grad → return detached(param - lr * grad)": "what is returned is a weight or a gradient; nothing is differentiated a second time",
}


# %% mistake="sgd_step" name="uphill" hint="You went along the gradient, which is up; subtract." active="py"
def sgd_step(param, grad, lr, right=sgd_step):
    return right(param, -grad, lr)


# %% mistake="sgd_step" name="rate_ignored" hint="Multiply the gradient by the learning rate." active="py"
def sgd_step(param, grad, lr, right=sgd_step):
    return right(param, grad, 1.0)


# %% mistake="sgd_step" name="broadcast" hint="A gradient of another shape was broadcast without a word; the docstring asks for a ValueError." active="py"
def sgd_step(param, grad, lr):
    return param - lr * grad


# %% [markdown]
r"""
Three rates on a ravine with $\kappa = 100$, each for 100 steps. The limit is $2/\kappa = 0.02$.
"""

# %%
start, narrow = (-2.8, 1.0), figures.ravine(curvature=100)
stops = {}
for lr in (0.001, 0.0198, 0.0202):
    u, v = stops[lr] = figures.walk(rules["SGD"], start, lr, 100, narrow)[-1].tolist()
    print(f"rate {lr:6}: along {u:7.3f}, across {v:10.4f}")

# %% [markdown]
r"""
At 0.001 it has {{90 % = abs(stops[0.001][0]) / 2.8 ± 1 %}} of the way along before it. At 0.0198, the best rate here, still {{14 % = abs(stops[0.0198][0]) / 2.8 ± 1 %}}. At 0.0202, two percent more, it leaves: across it is at {{7.2 = stops[0.0202][1] ± 0.1}} and growing.

The best that plain descent can do is to shorten the distance by $(\kappa - 1)/(\kappa + 1)$ a step. For $\kappa = 100$ that is {{0.980 = 99 / 101}}; a ten-thousandth of the distance takes {{461 = math.ceil(math.log(1e-4) / math.log(99 / 101))}} steps.
"""

# %% [markdown]
r"""
## 2 · Momentum: remember where you were going

Across the ravine the gradient changes its sign at every step; along it, it does not. So add up past gradients and let old ones fade: what alternates cancels, what agrees grows. This is ***momentum***, and the sum $v$ is called ***velocity***:

$$v \leftarrow \mu\, v + g, \qquad w \leftarrow w - \eta\, v,$$

with $v = 0$ before the first step and $\mu = 0.9$ as a rule. By hand: $v = 2$, $g = 0.5$ give $v = 0.9 \cdot 2 + 0.5 = {{2.3 = 0.9 * 2 + 0.5}}$, and with $\eta = 0.1$ a step of $-0.23$.

"""

# %% [markdown]
r"""
Many texts put the rate inside: $v \leftarrow \mu v + \eta g$, $w \leftarrow w - v$. With a constant rate both go the same way. With a rate that changes they do not: there the old part of $v$ keeps its old rate. PyTorch, and this lesson, have it outside.

***Nesterov momentum*** steps along $g + \mu v$ with the new $v$ in place of $v$: it already counts what the velocity will do next.

### Exercise · momentum_step
"""


# %% exercise="momentum_step" points=3 parts={"plain": 2, "nesterov": 1} withheld="course_lib.optim.update_rules.momentum_step torch.optim"
def momentum_step(
    param: Tensor,
    grad: Tensor,
    velocity: Tensor,
    lr: float,
    momentum: float = 0.9,
    nesterov: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the parameter and the velocity after one step.

    param, grad  w and g, of one shape; not changed
    velocity     v, the same shape, zeros before the first step; not changed
    lr           η, outside of the velocity
    momentum     μ, the share of the velocity that is kept
    nesterov     whether to step along g + μ v with the new v, in place of the new v
    returns      the new w and the new v

    Example: w = [1.], g = [0.5], v = [2.], lr = 0.1 give ([0.77], [2.3]).
    """
    ### BEGIN SOLUTION
    velocity = momentum * velocity + grad
    direction = grad + momentum * velocity if nesterov else velocity
    return param - lr * direction, velocity
    ### END SOLUTION


# %% [markdown] hints="momentum_step"
r"""
1. Is the step made with the old velocity or with the new one?
2. First the new velocity, without the learning rate; then the direction, which depends on nesterov; then the step.
3. `velocity = momentum * velocity + …`
"""


# %% cases="momentum_step" active="py"
def cases(seed):
    one = {"param": torch.tensor([1.0]), "grad": torch.tensor([0.5]), "velocity": torch.tensor([2.0]), "lr": 0.1}
    yield Case(one, note="the docstring's example", part="plain")
    yield Case(one | {"nesterov": True}, note="the same with Nesterov", part="nesterov")
    for i in range(3):
        w, g, v = (random_tensor(seed + 10 * i + j, 2, 3) for j in range(3))
        case = {"param": w, "grad": g, "velocity": v, "lr": 0.3 + 0.1 * i}
        yield Case(case, note="random", part="plain")
        yield Case(case | {"momentum": 0.5}, note="another μ", part="plain")
        yield Case(case | {"momentum": 0.7, "nesterov": True}, note="Nesterov, another μ", part="nesterov")


# %% mistake="momentum_step" name="old_velocity" hint="You stepped along the old velocity; the gradient of this step must be in it." active="py"
def momentum_step(param, grad, velocity, lr, momentum=0.9, nesterov=False):
    new = momentum * velocity + grad
    return param - lr * (grad + momentum * velocity if nesterov else velocity), new


# %% mistake="momentum_step" name="rate_inside" hint="The learning rate is outside of the velocity here: v ← μ v + g. Your velocity is η times too short in its new part." active="py"
def momentum_step(param, grad, velocity, lr, momentum=0.9, nesterov=False):
    velocity = momentum * velocity + lr * grad
    return param - (lr * grad + momentum * velocity if nesterov else velocity), velocity


# %% mistake="momentum_step" name="average" hint="You took a moving average, with 1 − μ in front of the gradient. That is Adam's form; momentum has the plain sum." active="py"
def momentum_step(param, grad, velocity, lr, momentum=0.9, nesterov=False, right=momentum_step):
    return right(param, (1 - momentum) * grad, velocity, lr, momentum, nesterov)


# %% mistake="momentum_step" name="nesterov_ignored" hint="With nesterov=True the step goes along g + μ v, with the new v." active="py"
def momentum_step(param, grad, velocity, lr, momentum=0.9, nesterov=False, right=momentum_step):
    return right(param, grad, velocity, lr, momentum)


# %% mistake="momentum_step" name="keeps_direction" hint="With Nesterov the state stays v; you kept the direction g + μ v instead." active="py"
def momentum_step(param, grad, velocity, lr, momentum=0.9, nesterov=False, right=momentum_step):
    new, kept = right(param, grad, velocity, lr, momentum, nesterov)
    return new, grad + momentum * kept if nesterov else kept


# %% [markdown]
r"""
### Question · steady_step

The gradient is 1 at every step, $\eta = 0.01$ and $\mu = 0.9$. How long is each step in the end? (The velocity no longer changes when $v = 0.9\, v + 1$.)
"""

# %% exercise="steady_step" points=1 kind="number"
### BEGIN SOLUTION
steady_step = 0.01 / (1 - 0.9)
### END SOLUTION

# %% mistake="steady_step" name="without_memory" hint="That is the step without momentum. Solve v = 0.9 v + 1 first." active="py"
steady_step = 0.01

# %% mistake="steady_step" name="velocity" hint="That is the velocity; the step is η times as long." active="py"
steady_step = 10

# %% [markdown]
r"""
Remember the factor ten: whoever compares SGD and momentum at one learning rate compares steps of unequal length.

Does memory help? Each rule gets its own best rate from a grid, for ravines of three widths. How many steps until the loss is a ten-thousandth of what it was?
"""


# %%
def steps_needed(name, curvature, lr, limit, angle=0):
    """Steps after which the loss stays below a ten-thousandth; infinite if not within the limit."""
    a = figures.ravine(curvature, angle)
    path = figures.walk(rules[name], start, lr, limit, a)
    loss = ((path @ a) * path).sum(-1)
    late = torch.cat([torch.tensor([0]), (~(loss < 1e-4 * loss[0])).nonzero()[:, 0]])
    return int(late[-1]) + 1 if late[-1] < limit else math.inf


limit = budget(full=300, short=60)
grid = (0.3, 0.6, 1.0, 1.4, 1.7, 1.9, 2.4, 3.0)  # times 1/κ
needed = {}
for name in ("SGD", "momentum"):
    needed[name] = [min(steps_needed(name, k, c / k, limit) for c in grid) for k in (5, 30, 100)]
    print(f"{name:9} κ = 5, 30, 100:", *needed[name])

# %% [markdown]
r"""
Momentum takes {{about as many steps everywhere : max(needed["momentum"]) < 1.2 * min(needed["momentum"])}}, {{85 = needed["momentum"][2] ± 3}} of them. SGD takes {{13 = needed["SGD"][0] ± 1}} where the ravine is wide and {{172 = needed["SGD"][2] ± 3}} where it is narrow. So momentum is {{twice as fast : 1.8 < needed["SGD"][2] / needed["momentum"][2] < 2.3}} at $\kappa = 100$ and {{six times as slow : needed["momentum"][0] > 6 * needed["SGD"][0]}} at $\kappa = 5$: with $\mu = 0.9$ it swings around the minimum. “Momentum converges faster” holds where the ravine is narrow. The losses of networks have very narrow ones.
"""

# %% [markdown]
r"""
## 3 · A rate for every number

A word such as *the* occurs in every batch, *Eiffel* in one of a hundred. Its vector has a gradient only then. A rate that suits *the* leaves *Eiffel* where it began. ***Adagrad*** (Duchi, Hazan and Singer 2011) sums the squared gradients of each number and divides its step by their root:

$$s \leftarrow s + g^2, \qquad w \leftarrow w - \frac{\eta\, g}{\sqrt{s} + \varepsilon}.$$

ε keeps 0/0 away. By hand: $s = 9$ and $g = 4$ give $s = 25$ and, with $\eta = 0.1$, a step of $0.1 \cdot 4 / 5 = {{0.08 = 0.1 * 4 / 5}}$. In the first step $s = g^2$, so every number moves by $\eta$, whether its gradient is 5 or 0.01.

### Exercise · adagrad_step
"""


# %% exercise="adagrad_step" points=2 withheld="course_lib.optim.update_rules.adagrad_step torch.optim"
def adagrad_step(
    param: Tensor, grad: Tensor, total: Tensor, lr: float = 0.01, eps: float = 1e-10
) -> tuple[Tensor, Tensor]:
    """Return the parameter and the summed squares after one step.

    param, grad  w and g, of one shape; not changed
    total        s, the same shape, zeros before the first step; not changed
    lr, eps      η and ε; ε is added to the root, not under it
    returns      the new w and the new s

    Example: w = [1.], g = [4.], s = [9.], lr = 0.1 give ([0.92], [25.]).
    """
    ### BEGIN SOLUTION
    total = total + grad.square()
    return param - lr * grad / (total.sqrt() + eps), total
    ### END SOLUTION


# %% [markdown] hints="adagrad_step"
r"""
1. Does the gradient of this step count in the sum that it is divided by?
2. Add the squares first. The root is taken number by number, ε comes after it.
3. `total = total + grad.square()`
"""


# %% cases="adagrad_step" active="py"
def cases(seed):
    one = {"param": torch.tensor([1.0]), "grad": torch.tensor([4.0]), "total": torch.tensor([9.0]), "lr": 0.1}
    yield Case(one, note="the docstring's example")
    zero = torch.zeros(2)
    yield Case(
        {"param": zero + 1, "grad": torch.tensor([0.0, 0.01]), "total": zero}, note="first step, a gradient of 0"
    )
    for i in range(3):
        w, g, s = (random_tensor(seed + 10 * i + j, 2, 3) for j in range(3))
        case = {"param": w, "grad": g, "total": s.abs()}
        yield Case(case, note="random")
        yield Case(case | {"lr": 0.5, "eps": 0.2}, note="a large ε")


# %% mistake="adagrad_step" name="old_sum" hint="You divided by the old sum; this step's squares belong in it." active="py"
def adagrad_step(param, grad, total, lr=0.01, eps=1e-10):
    return param - lr * grad / (total.sqrt() + eps), total + grad.square()


# %% mistake="adagrad_step" name="no_root" hint="Divide by the root of the sum, not by the sum." active="py"
def adagrad_step(param, grad, total, lr=0.01, eps=1e-10):
    total = total + grad.square()
    return param - lr * grad / (total + eps), total


# %% mistake="adagrad_step" name="eps_inside" hint="ε belongs outside of the root: √s + ε." active="py"
def adagrad_step(param, grad, total, lr=0.01, eps=1e-10):
    total = total + grad.square()
    return param - lr * grad / (total + eps).sqrt(), total


# %% mistake="adagrad_step" name="one_rate" hint="You divided all numbers by one common root; each has its own sum." active="py"
def adagrad_step(param, grad, total, lr=0.01, eps=1e-10):
    total = total + grad.square()
    return param - lr * grad / (total.sum().sqrt() + eps), total


# %% [markdown]
r"""
### What the sum does, and does too well

A frequent number gets the gradient 1 at each of 1,000 steps, a rare one at every hundredth. How far does each get, at $\eta = 0.01$?
"""


# %%
def distances(rule, n_steps=1000, every=100, lr=0.01):
    """How far a frequent and a rare number move, and the last step of the frequent one."""
    step, n_state = rules[rule]
    w, state = torch.zeros(2), [torch.zeros(2) for _ in range(n_state)]
    for t in range(1, n_steps + 1):
        before = w
        w, *state = step(w, torch.tensor([1.0, float(t % every == 0)]), *state, t, lr)
    return -w[0].item(), -w[1].item(), (before - w)[0].item()


moved = {name: distances(name) for name in ("SGD", "Adagrad", "RMSprop")}
for name, (often, seldom, last) in moved.items():
    print(f"{name:8} frequent {often:6.3f}   rare {seldom:6.3f}   frequent, last step {last:.5f}")

# %% [markdown]
r"""
Under SGD the frequent number gets {{100 = moved["SGD"][0] / moved["SGD"][1] ± 0.5}} times as far as the rare one, under Adagrad {{12 = moved["Adagrad"][0] / moved["Adagrad"][1] ± 0.5}} times. That is why Adagrad suits sparse data, and word vectors ([07](07_embeddings.ipynb) trains with it).

But the sum only grows: after $n$ steps the rate is $\eta/\sqrt n$, here {{0.00032 = moved["Adagrad"][2] ± 0.00001}} where it began with 0.01. A long training comes to a halt because of its past, not because it has arrived. ***RMSprop*** (Hinton 2012) forgets. It takes a moving average in place of the sum:

$$s \leftarrow \alpha\, s + (1 - \alpha)\, g^2.$$

The step is Adagrad's. With $\alpha = 0.99$ the first one is $1/\sqrt{0.01} = {{10 = 1 / math.sqrt(1 - 0.99)}}$ times $\eta$ long, since $s$ has hardly begun; nothing corrects this.

### Exercise · rmsprop_step · optional
"""


# %% exercise="rmsprop_step" points=2 optional=true withheld="course_lib.optim.update_rules.rmsprop_step torch.optim"
def rmsprop_step(
    param: Tensor,
    grad: Tensor,
    mean_square: Tensor,
    lr: float = 0.01,
    alpha: float = 0.99,
    eps: float = 1e-8,
) -> tuple[Tensor, Tensor]:
    """Return the parameter and the mean square after one step.

    param, grad  w and g, of one shape; not changed
    mean_square  s, the same shape, zeros before the first step; not changed
    lr, eps      η and ε; ε is added to the root, not under it
    alpha        α, the share of the average that is kept
    returns      the new w and the new s

    Example: w = [1.], g = [4.], s = [0.], lr = 0.1, alpha = 0.75 give ([0.8], [4.]).
    """
    ### BEGIN SOLUTION
    mean_square = alpha * mean_square + (1 - alpha) * grad.square()
    return param - lr * grad / (mean_square.sqrt() + eps), mean_square
    ### END SOLUTION


# %% [markdown] hints="rmsprop_step"
r"""
1. Which share of the new average is old, and which is new?
2. Only the first line differs from Adagrad's.
3. `alpha * mean_square + (1 - alpha) * …`
"""


# %% cases="rmsprop_step" active="py"
def cases(seed):
    one = {"param": torch.tensor([1.0]), "grad": torch.tensor([4.0]), "mean_square": torch.zeros(1), "lr": 0.1}
    yield Case(one | {"alpha": 0.75}, note="the docstring's example")
    small = {"param": torch.zeros(2), "grad": torch.tensor([0.0, 1e-4]), "mean_square": torch.zeros(2)}
    yield Case(small, note="first step, a gradient of 0 and a small one")
    for i in range(3):
        w, g, s = (random_tensor(seed + 10 * i + j, 2, 3) for j in range(3))
        case = {"param": w, "grad": g, "mean_square": s.abs()}
        yield Case(case, note="random")
        yield Case(case | {"lr": 0.5, "alpha": 0.6, "eps": 0.2}, note="a large ε, another α")


# %% mistake="rmsprop_step" name="swapped" hint="α is the share that is kept; you gave it to the new square." active="py"
def rmsprop_step(param, grad, mean_square, lr=0.01, alpha=0.99, eps=1e-8, right=rmsprop_step):
    return right(param, grad, mean_square, lr, 1 - alpha, eps)


# %% mistake="rmsprop_step" name="still_a_sum" hint="Without the factor 1 − α the average is no average: it grows to 1/(1 − α) times the mean." active="py"
def rmsprop_step(param, grad, mean_square, lr=0.01, alpha=0.99, eps=1e-8):
    mean_square = alpha * mean_square + grad.square()
    return param - lr * grad / (mean_square.sqrt() + eps), mean_square


# %% mistake="rmsprop_step" name="eps_inside" hint="ε belongs outside of the root: √s + ε. Inside, 1e-8 acts like 1e-4." active="py"
def rmsprop_step(param, grad, mean_square, lr=0.01, alpha=0.99, eps=1e-8):
    mean_square = alpha * mean_square + (1 - alpha) * grad.square()
    return param - lr * grad / (mean_square + eps).sqrt(), mean_square


# %% mistake="rmsprop_step" name="not_squared" hint="The average is of squares; yours is of absolute values." active="py"
def rmsprop_step(param, grad, mean_square, lr=0.01, alpha=0.99, eps=1e-8):
    mean_square = alpha * mean_square + (1 - alpha) * grad.abs()
    return param - lr * grad / (mean_square.sqrt() + eps), mean_square


# %% [markdown]
r"""
**Where ε goes.** Some texts write RMSprop with $\sqrt{s + \varepsilon}$ and Adam with $\sqrt{v} + \varepsilon$, without a word about it. Both have been used; they are not the same. Take a small steady gradient of $10^{-6}$, so $\sqrt s = 10^{-6}$, with $\varepsilon = 10^{-8}$. Outside, the step is {{0.99 = 1e-6 / (1e-6 + 1e-8)}} η. Inside, $\sqrt{10^{-12} + 10^{-8}} \approx 10^{-4}$, and it is {{0.01 = 1e-6 / math.sqrt(1e-12 + 1e-8)}} η. In `torch.optim` ε is outside everywhere.

**Does a rate for every number make the ravine harmless?** The unturned one, yes: there each weight has a wall or the floor to itself. Now turn the ravine by 45°. Steps to a ten-thousandth of the loss, each at its best rate from a grid, $\kappa = 25$:
"""

# %%
turned, tried = {}, (0.03, 0.075, 0.1, 0.3, 1.0, 2.0, 3.0)
for name in ("SGD", "Adagrad", "RMSprop"):
    straight, diagonal = ([steps_needed(name, 25, lr, limit, by) for lr in tried] for by in (0, 45))
    turned[name] = min(straight), min(diagonal)
    print(f"{name:8} along a weight: {turned[name][0]:3}   turned by 45°: {turned[name][1]:3}")

# %% [markdown]
r"""
Adagrad goes from {{6 = turned["Adagrad"][0] ± 1}} steps to {{42 = turned["Adagrad"][1] ± 2}}, RMSprop from {{12 = turned["RMSprop"][0] ± 1}} to {{97 = turned["RMSprop"][1] ± 5}}; SGD does not care how the ravine lies (it starts nearer to the floor now: {{50 = turned["SGD"][0] ± 2}} and {{36 = turned["SGD"][1] ± 2}}). A rate for every number sees single weights, never directions between them. Section 9 has an answer.

And the often-read “adaptive methods eliminate the tuning of the learning rate” is wrong. They set the rates of the weights *relative to each other*; η is still in every formula, and on this very ravine, turned, RMSprop fails at {{some : any(math.isinf(count) for count in diagonal)}} of the rates of the grid. Section 8 measures it for Adam.
"""

# %% [markdown]
r"""
## 4 · Adam

***Adam*** (Kingma and Ba 2015) joins both ideas: a memory of the gradient, as momentum has, divided by the root of a memory of its square, as in RMSprop. Both are moving averages:

$$m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2.$$

$m$ estimates the mean of the gradient, $v$ the mean of its square: no variance, since nothing is subtracted. Both begin at 0, and this is a trouble. With $\beta_2 = 0.999$ and a gradient of 1 at every step, $v$ after the first step is {{0.001 = 1 - 0.999}}, where the mean square is 1. The average is still mostly the zero that it began with.

The paper divides by what is missing. You derive it in four short parts. $\beta$ stands for either of the two, $g_i$ is the gradient of step $i$, and $m_0 = 0$.
"""

# %% [markdown]
r"""
### Question · bias_unrolled

Part 1. Put the formula of $m_1$ into that of $m_2$, and this into $m_3$. What is $m_3$?

- **a** $\beta^2 g_1 + \beta g_2 + g_3$
- **b** $(1 - \beta)(g_1 + \beta g_2 + \beta^2 g_3)$
- **c** $(1 - \beta)(\beta^2 g_1 + \beta g_2 + g_3)$
- **d** $\tfrac13 (g_1 + g_2 + g_3)$
"""

# %% exercise="bias_unrolled" points=1 kind="choice" choices="a b c d"
### BEGIN SOLUTION
bias_unrolled = "c"
### END SOLUTION

# %% mistake="bias_unrolled" name="a" hint="That is momentum's velocity. Each new gradient of Adam comes with a factor." active="py"
bias_unrolled = "a"

# %% mistake="bias_unrolled" name="b" hint="Which gradient has been multiplied by β most often, the oldest or the newest?" active="py"
bias_unrolled = "b"

# %% mistake="bias_unrolled" name="d" hint="That is the plain mean; a moving average weighs the newest gradient most." active="py"
bias_unrolled = "d"

# %% [markdown]
r"""
### Question · bias_series

Part 2. In general $m_t = (1 - \beta) \sum_{i=1}^{t} \beta^{\,t-i} g_i$. How much do the weights in front of the gradients sum to, for $\beta = 0.9$ and $t = 10$? (A geometric series: $1 + \beta + \dots + \beta^{t-1} = (1 - \beta^t)/(1 - \beta)$.)
"""

# %% exercise="bias_series" points=1 kind="number"
### BEGIN SOLUTION
bias_series = 1 - 0.9**10
### END SOLUTION

# %% mistake="bias_series" name="without_factor" hint="That is the series alone; each of its terms is multiplied by 1 − β." active="py"
bias_series = (1 - 0.9**10) / (1 - 0.9)

# %% mistake="bias_series" name="one" hint="They would sum to 1 after infinitely many steps; ten are not enough." active="py"
bias_series = 1

# %% mistake="bias_series" name="what_is_missing" hint="That is what the zero at the start still weighs, β to the tenth." active="py"
bias_series = 0.9**10

# %% [markdown]
r"""
### Question · bias_expectation

Part 3. Suppose that all gradients so far have the same expectation $E[g]$. Take the expectation of both sides. What is $E[m_t]$?

- **a** $E[g]$
- **b** $E[g]\,(1 - \beta)$
- **c** $E[g]\,\beta^t$
- **d** $E[g]\,(1 - \beta^t)$
"""

# %% exercise="bias_expectation" points=1 kind="choice" choices="a b c d"
### BEGIN SOLUTION
bias_expectation = "d"
### END SOLUTION

# %% mistake="bias_expectation" name="a" hint="Then nothing would need correction; the weights of part 2 do not sum to 1." active="py"
bias_expectation = "a"

# %% mistake="bias_expectation" name="b" hint="That is right for t = 1 only. E[g] comes out of the sum; what is left is the sum of the weights." active="py"
bias_expectation = "b"

# %% mistake="bias_expectation" name="c" hint="β to the t is the share that is missing." active="py"
bias_expectation = "c"

# %% [markdown]
r"""
### Question · bias_limit

Part 4. So $\hat m_t = m_t / (1 - \beta^t)$ has the expectation $E[g]$: this is the ***bias correction***. With $t$ it goes to $m_t$ itself, as $\beta^t \to 0$. For $\beta_1 = 0.9$ it is below one percent from step 44 on. What is the first step $t$ with $1 - \beta_2^t \ge 0.99$, for $\beta_2 = 0.999$?
"""

# %% exercise="bias_limit" points=1 kind="number"
### BEGIN SOLUTION
bias_limit = math.ceil(math.log(0.01) / math.log(0.999))
### END SOLUTION

# %% mistake="bias_limit" name="first_moment" hint="That is the answer for β₁ = 0.9." active="py"
bias_limit = 44

# %% mistake="bias_limit" name="half" hint="That is where half of the weight is gathered; the question asks for 99 percent." active="py"
bias_limit = 693

# %% mistake="bias_limit" name="memory" hint="1/(1 − β) is how far an average remembers. After as many steps 63 percent of the weight is gathered." active="py"
bias_limit = 1000

# %% [markdown]
r"""
The four parts hold whatever the gradients are, as long as their expectation is about the same over the memory of the average. A thousand noisy gradients of mean 1:
"""

# %%
noisy = 1 + 2 * torch.randn(1000, 60, generator=torch.Generator().manual_seed(0))
m, raw, corrected = torch.zeros(1000), [], []
for t in range(1, 61):
    m = 0.9 * m + 0.1 * noisy[:, t - 1]
    raw.append(m.mean().item())
    corrected.append((m / (1 - 0.9**t)).mean().item())
show(
    figures.lines(
        range(1, 61),
        {"m": raw, "m / (1 − βᵗ)": corrected, "1 − βᵗ": [1 - 0.9**t for t in range(1, 61)]},
        "The average starts at zero; the corrected one does not",
        "step",
        "mean of 1,000 averages",
        level=1.0,
    ),
    alt=f"m rises from {raw[0]:.2f} to {raw[-1]:.2f}; corrected it is near 1 from the first step.",
)

# %% [markdown]
r"""
The whole step, with $t = 1$ for the first one:

$$\hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat v = \frac{v}{1 - \beta_2^t}, \qquad w \leftarrow w - \eta\, \frac{\hat m}{\sqrt{\hat v} + \varepsilon},$$

where $m$ and $v$ are the new ones. The paper's defaults are $\beta_1 = 0.9$, $\beta_2 = 0.999$, $\varepsilon = 10^{-8}$. What is kept for the next step are $m$ and $v$ themselves, never the corrected ones. By hand, first step, $g = 5$: $m = 0.5$ and $\hat m = 5$; $v = 0.025$ and $\hat v = 25$; the step is $\eta \cdot 5/5 = \eta$. With $g = -0.01$ it is $-\eta$: the first step of Adam is $\eta$ times the sign.

### Exercise · adam_step
"""


# %% exercise="adam_step" points=3 parts={"moments": 1, "step": 2} withheld="course_lib.optim.update_rules.adam_step torch.optim"
def adam_step(
    param: Tensor, grad: Tensor, m: Tensor, v: Tensor, step: int,
    lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the parameter and both moments after one step of Adam.

    param, grad  w and g, of one shape; not changed
    m, v         the same shape, zeros before the first step; not changed
    step         t, the number of this step, 1 for the first
    lr, eps      η and ε; ε is added to the root, not under it
    betas        β₁ and β₂
    returns      the new w, m and v; m and v without the correction

    Raises ValueError when step is less than 1.

    Example: w = [0.], g = [5.], m = v = [0.], step = 1, lr = 0.1 give ([−0.1], [0.5], [0.025]).
    """
    ### BEGIN SOLUTION
    if step < 1:
        raise ValueError(f"step must be at least 1, got {step}")
    m = betas[0] * m + (1 - betas[0]) * grad
    v = betas[1] * v + (1 - betas[1]) * grad.square()
    m_hat, v_hat = m / (1 - betas[0] ** step), v / (1 - betas[1] ** step)
    return param - lr * m_hat / (v_hat.sqrt() + eps), m, v
    ### END SOLUTION


# %% [markdown] hints="adam_step"
r"""
1. Which of the four, m, v and the two with a hat, must the next step find again?
2. Two moving averages, then two corrections under new names, then the step with the corrected ones.
3. `m_hat = m / (1 - betas[0] ** step)`
"""


# %% cases="adam_step" active="py"
def cases(seed):
    zero = torch.zeros(1)
    one = {"param": zero, "grad": torch.tensor([5.0]), "m": zero, "v": zero, "step": 1, "lr": 0.1}
    yield Case(one | {"ask": "moments"}, note="the docstring's example", part="moments")
    yield Case(one | {"ask": "step"}, note="the docstring's example", part="step")
    flat = {"param": torch.ones(2), "grad": torch.tensor([0.0, 1e-5]), "m": torch.zeros(2), "v": torch.zeros(2)}
    yield Case(flat | {"step": 1, "ask": "step"}, note="a gradient of 0 and a small one", part="step")
    for i, step in enumerate((2, 7, 400)):
        w, g, m, v = (random_tensor(seed + 10 * i + j, 2, 3) for j in range(4))
        case = {"param": w, "grad": g, "m": m, "v": v.abs() + 0.1, "step": step}
        other = case | {"betas": (0.6, 0.8), "lr": 0.2, "eps": 0.3}
        for ask in ("moments", "step"):
            yield Case(case | {"ask": ask}, note=f"step {step}", part=ask)
            yield Case(other | {"ask": ask}, note=f"step {step}, other settings", part=ask)
    yield Case(one | {"step": 0, "ask": "step"}, note="no step has the number 0", part="step")


# %% probe="adam_step" active="py"
def probe(student, case):
    new, m, v = student(**{name: value for name, value in case.items() if name != "ask"})
    return new if case["ask"] == "step" else (m, v)


# %% mistake="adam_step" name="no_correction" hint="The correction is missing: divide m by 1 − β₁ᵗ and v by 1 − β₂ᵗ for the step." active="py"
def adam_step(param, grad, m, v, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, right=adam_step):
    _, m, v = right(param, grad, m, v, step, lr, betas, eps)
    return param - lr * m / (v.sqrt() + eps), m, v


# %% mistake="adam_step" name="correction_kept" hint="You returned the corrected moments; the next step would correct them once more. Keep m and v themselves." active="py"
def adam_step(param, grad, m, v, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, right=adam_step):
    new, m, v = right(param, grad, m, v, step, lr, betas, eps)
    return new, m / (1 - betas[0] ** step), v / (1 - betas[1] ** step)


# %% mistake="adam_step" name="counts_from_zero" hint="step is 1 for the first step already; you added 1 to it." active="py"
def adam_step(param, grad, m, v, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, right=adam_step):
    return right(param, grad, m, v, step + 1, lr, betas, eps)


# %% mistake="adam_step" name="eps_inside" hint="ε belongs outside of the root: √v̂ + ε." active="py"
def adam_step(param, grad, m, v, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, right=adam_step):
    _, m, v = right(param, grad, m, v, step, lr, betas, eps)
    m_hat, v_hat = m / (1 - betas[0] ** step), v / (1 - betas[1] ** step)
    return param - lr * m_hat / (v_hat + eps).sqrt(), m, v


# %% mistake="adam_step" name="betas_swapped" hint="β₁ belongs to the gradient, β₂ to its square; you have them the other way round." active="py"
def adam_step(param, grad, m, v, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, right=adam_step):
    return right(param, grad, m, v, step, lr, tuple(betas)[::-1], eps)


# %% mistake="adam_step" name="variance" hint="v averages g², not (g − m)²: it is not centred." active="py"
def adam_step(param, grad, m, v, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, right=adam_step):
    _, new_m, _ = right(param, grad, m, v, step, lr, betas, eps)
    v = betas[1] * v + (1 - betas[1]) * (grad - new_m).square()
    m_hat, v_hat = new_m / (1 - betas[0] ** step), v / (1 - betas[1] ** step)
    return param - lr * m_hat / (v_hat.sqrt() + eps), new_m, v


# %% [markdown]
r"""
### What happens without the correction?

“Since $m$ and $v$ are biased towards zero, the first steps would be too short.” You may read this; for Adam's defaults it is the wrong way round. Both are too small, but the root of $v$ is divided by. A gradient of 1 at every step, the length of each step as a multiple of η:
"""

# %%
steps_shown = range(1, 5001)
plain = [(1 - 0.9**t) / math.sqrt(1 - 0.999**t) for t in steps_shown]
longest = max(steps_shown, key=lambda t: plain[t - 1])
show(
    figures.lines(
        steps_shown,
        {"without correction": plain, "Adam": [1.0] * len(plain)},
        "Without correction Adam starts with steps that are too long",
        "step",
        "length of the step (multiples of η)",
        log="x",
    ),
    alt=f"Without correction {plain[0]:.1f} η at first, {max(plain):.1f} η at step {longest}.",
)

# %% [markdown]
r"""
The first step is {{3.2 = plain[0]}} times η long, and step {{12 = longest}} even {{6.6 = max(plain)}} times; after 1,000 steps there is still a surplus of {{26 % = plain[999] - 1}}. So the correction is what makes the start gentle. It cannot make the estimate *good*: at step 1 it rests on a single gradient. Warm-up (section 7) answers this.

η bounds a step roughly: with a steady gradient a number moves by η, with a noisy one by less.
"""

# %% [markdown] exercise="why_correct_the_bias" points=5
r"""
### In your own words · why_correct_the_bias

An interview question: “Explain Adam. Why does it need bias correction?” Answer in five steps: the averages, $m_t$ unrolled, the series, the expectation, and the limit with what it means for the first steps. Formulas may be in words.

### BEGIN SOLUTION
1. Adam keeps a moving average m of the gradient, β₁ m + (1 − β₁) g, and one, v, of its square, and steps by η m̂ / (√v̂ + ε). Both averages start at 0.
2. Unrolled: m_t = (1 − β₁) Σ β₁^(t−i) g_i. The zero at the start still has the weight β₁ᵗ.
3. The weights of the gradients are a geometric series: (1 − β₁)(1 − β₁ᵗ)/(1 − β₁) = 1 − β₁ᵗ, less than 1.
4. If all gradients have the expectation E[g], then E[m_t] = E[g](1 − β₁ᵗ). Dividing by 1 − β₁ᵗ makes the expectation E[g]. In the same way v is divided by 1 − β₂ᵗ.
5. As t grows, βᵗ goes to 0 and the correction to 1: after some 40 steps for β₁ = 0.9, after thousands for β₂ = 0.999. Early it matters: without it, the root of v is far smaller than it should be, more so than m, and the first steps are 3 to 6.6 times too long.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: two moving averages, of g and of g², that start at 0, and the step m̂ / (√v̂ + ε).
- 1 point: m_t unrolled as a weighted sum of all gradients, the oldest with the smallest weight.
- 1 point: the weights sum to 1 − βᵗ (geometric series).
- 1 point: E[m_t] = E[g](1 − βᵗ) with equal expectations as the assumption; hence the division.
- 1 point: the correction vanishes as t grows; without it the first steps are wrong (too long with the defaults; “too short” earns no point, unless said of m alone).
### END RUBRIC
"""

# %% [markdown]
r"""
## 5 · AdamW: decay apart from the gradient

Lesson [06](06_regularization.ipynb) shows that a penalty $\tfrac\lambda2 \lVert w \rVert^2$ and a decay of the weights are one thing for SGD and two for Adam. Here is why. The penalty adds $\lambda w$ to the gradient, and Adam divides *all* of it by $\sqrt{\hat v}$. A weight with large gradients is hardly decayed, one with small gradients strongly. ***AdamW*** (Loshchilov and Hutter 2019) keeps the decay out of the moments, as a ***decoupled weight decay***:

$$w \leftarrow (1 - \eta\lambda)\, w, \qquad \text{then Adam's step with } g \text{ alone.}$$

What shrinks is the *old* weight. “The decay is applied after the Adam step”, as some notes have it, would shrink the step as well. By hand, first step: $w = 1$, $g = 1$, $\eta = 0.1$, $\lambda = 0.5$ give $0.95 \cdot 1 - 0.1 = {{0.85 = 0.95 - 0.1}}$; decayed afterwards it would be $0.95 \cdot 0.9 = {{0.855 = 0.95 * 0.9}}$.

### Exercise · adamw_step
"""


# %% exercise="adamw_step" points=2 needs="adam_step" withheld="course_lib.optim.update_rules.adamw_step torch.optim"
def adamw_step(
    param: Tensor, grad: Tensor, m: Tensor, v: Tensor, step: int, lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0.01,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the parameter and both moments after one step of AdamW. Your adam_step may help.

    param, grad, m, v, step, lr, betas, eps  as in adam_step
    weight_decay  λ; the old weights are multiplied by 1 − η λ
    returns       the new w, m and v; the decay leaves no trace in m and v

    Example: w = g = [1.], m = v = [0.], step = 1, lr = 0.1, weight_decay = 0.5 give w = [0.85].
    """
    ### BEGIN SOLUTION
    return adam_step(param * (1 - lr * weight_decay), grad, m, v, step, lr, betas, eps)
    ### END SOLUTION


# %% [markdown] hints="adamw_step"
r"""
1. Which of Adam's arguments must not know of the decay?
2. Shrink the weights, then make Adam's step from there with the gradient as it is.
3. `adam_step(param * …, grad, m, v, step, lr, betas, eps)`
"""


# %% cases="adamw_step" active="py"
def cases(seed):
    one, zero = torch.ones(1), torch.zeros(1)
    example = {"param": one, "grad": one, "m": zero, "v": zero, "step": 1, "lr": 0.1, "weight_decay": 0.5}
    yield Case(example, note="the docstring's example")
    for i, step in enumerate((1, 3, 50)):
        w, g, m, v = (random_tensor(seed + 10 * i + j, 2, 3) for j in range(4))
        case = {"param": 100 * w, "grad": g, "m": m, "v": v.abs() + 0.1, "step": step}
        yield Case(case | {"lr": 0.5}, note="the default decay")
        small = {"param": 0.01 * w, "grad": 1e-8 * (1 + g.abs()), "m": 0 * m, "v": 0 * v}
        yield Case(case | small, note="small weights, small gradients")
        yield Case(case | {"param": 0.01 * w}, note="small weights")
        other = {"lr": 0.2, "betas": (0.6, 0.8), "eps": 0.3, "weight_decay": 0.7}
        yield Case(case | other, note="other settings")


# %% mistake="adamw_step" name="penalty" hint="You added λ w to the gradient: that is Adam with an L2 penalty. The decay must not pass through m and v." active="py"
def adamw_step(param, grad, m, v, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, right=adamw_step):
    return right(param, grad + weight_decay * param, m, v, step, lr, betas, eps, 0.0)


# %% mistake="adamw_step" name="after" hint="You shrank the new weights, and the step with them. What decays is the old weight." active="py"
def adamw_step(param, grad, m, v, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, right=adamw_step):
    new, m, v = right(param, grad, m, v, step, lr, betas, eps, 0.0)
    return new * (1 - lr * weight_decay), m, v


# %% mistake="adamw_step" name="without_rate" hint="The weights shrink by 1 − η λ, not by 1 − λ." active="py"
def adamw_step(param, grad, m, v, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, right=adamw_step):
    return right(param * (1 - weight_decay), grad, m, v, step, lr, betas, eps, 0.0)


# %% mistake="adamw_step" name="no_decay" hint="This is Adam; the weights must also shrink." active="py"
def adamw_step(param, grad, m, v, step, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, right=adamw_step):
    return right(param, grad, m, v, step, lr, betas, eps, 0.0)


# %% [markdown]
r"""
A thousand weights of 1, whose gradients are pure noise: of size 1 for one half, of size 100 for the other. What would 200 steps of decay alone leave? $0.999^{200} = {{0.819 = 0.999**200}}$, with $\eta = 0.01$ and $\lambda = 0.1$.
"""

# %%
noise = torch.randn(200, 1000, generator=torch.Generator().manual_seed(0))
noise = noise * torch.tensor([1.0, 100.0]).repeat(500)
left = {}
for name, kind in (("Adam with a penalty", optim.Adam), ("AdamW", optim.AdamW)):
    w = torch.ones(1000)
    steps = kind([w], lr=0.01, weight_decay=0.1)
    for g in noise:
        w.grad = g.clone()
        steps.step()
    left[name] = w[0::2].mean().item(), w[1::2].mean().item()
    print(f"{name:20} small gradients: {left[name][0]:.3f}   large gradients: {left[name][1]:.3f}")

# %% [markdown]
r"""
AdamW shrinks both halves {{alike : abs(left["AdamW"][0] - left["AdamW"][1]) < 0.02}}. Under the penalty, the weights with large gradients are {{not decayed : left["Adam with a penalty"][1] > 0.98}} at all.

### Find the bug · adamw_run · optional

A loop around AdamW, written from memory. It runs, it trains, and its numbers are not those of `torch.optim.AdamW`.
"""


# %% exercise="adamw_run" points=3 parts={"one_step": 1, "small": 1, "many_steps": 1} optional=true withheld="torch.optim"
def adamw_run(w: Tensor, grads: Tensor, lr: float, weight_decay: float = 0.0) -> Tensor:
    """Return the weights after one step of AdamW for each gradient.

    w             (N,) the weights before the first step; not changed
    grads         (T, N), the gradient of each step, T ≥ 1
    lr            η
    weight_decay  λ
    returns       (N,)

    β₁ = 0.9, β₂ = 0.999, ε = 1e-8, as in the formulas above.

    Example: w = [1.], grads = [[1.]], lr = 0.1, weight_decay = 0.5 give [0.85].
    """
    ### BEGIN SOLUTION
    m, v = torch.zeros_like(w), torch.zeros_like(w)
    for t, g in enumerate(grads, start=1):
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        m_hat = m / (1 - 0.9**t)
        v_hat = v / (1 - 0.999**t)
        w = (1 - lr * weight_decay) * w
        w = w - lr * m_hat / (v_hat.sqrt() + 1e-8)
    return w
    ### END SOLUTION
    ### BEGIN STARTER
    # m, v = torch.zeros_like(w), torch.zeros_like(w)
    # for t, g in enumerate(grads, start=1):
    #     m = 0.9 * m + 0.1 * g
    #     v = 0.999 * v + 0.001 * g**2
    #     m = m / (1 - 0.9**t)
    #     v = v / (1 - 0.999**t)
    #     w = w - lr * m / torch.sqrt(v + 1e-8)
    #     w = (1 - lr * weight_decay) * w
    # return w
    ### END STARTER


# %% [markdown] hints="adamw_run"
r"""
1. Work the example by hand, then a gradient of 1e-6, then two steps: which line gives another number than the formulas?
2. Compare line by line: what the next step finds in m and v, where ε is, and which weights shrink.
3. `m_hat = m / (1 - 0.9**t)`
"""


# %% cases="adamw_run" active="py"
def cases(seed):
    one = {"w": torch.ones(1), "grads": torch.ones(1, 1), "lr": 0.1, "weight_decay": 0.5}
    yield Case(one, note="the docstring's example", part="one_step")
    for i in range(3):
        w = random_tensor(seed + i, 4) + 3
        large = random_tensor(seed + 20 + i, 1, 4) * 100
        yield Case({"w": w, "grads": large, "lr": 0.3, "weight_decay": 0.4}, note="one step", part="one_step")
        small = (1 + random_tensor(seed + 40 + i, 1, 4).abs()) * 1e-6
        yield Case({"w": w, "grads": small, "lr": 0.1}, note="one step, small gradients", part="small")
        many = random_tensor(seed + 60 + i, 150 + i, 4) * torch.linspace(100, 1, 150 + i)[:, None]
        yield Case({"w": w, "grads": many, "lr": 0.1}, note="several steps", part="many_steps")


# %% equivalents="adamw_run" active="py"
equivalents = {
    "w = w - lr * m_hat / (v_hat.sqrt() + 1e-08) → w -= lr * m_hat / (v_hat.sqrt() + 1e-08)": "w is no longer the caller's: the decay has made a new tensor",
    "return w → return detached(w)": "what is returned is a weight or a gradient; nothing is differentiated a second time",
}


# %% mistake="adamw_run" name="corrected_state" hint="One fault is left: the corrected moments overwrite m and v, so the next step corrects them once more." active="py"
def adamw_run(w, grads, lr, weight_decay=0.0):
    m, v = torch.zeros_like(w), torch.zeros_like(w)
    for t, g in enumerate(grads, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        m, v = m / (1 - 0.9**t), v / (1 - 0.999**t)
        w = (1 - lr * weight_decay) * w - lr * m / (v.sqrt() + 1e-8)
    return w


# %% mistake="adamw_run" name="eps_inside" hint="One fault is left: ε is under the root, where it acts like 1e-4." active="py"
def adamw_run(w, grads, lr, weight_decay=0.0):
    m, v = torch.zeros_like(w), torch.zeros_like(w)
    for t, g in enumerate(grads, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = m / (1 - 0.9**t) / (v / (1 - 0.999**t) + 1e-8).sqrt()
        w = (1 - lr * weight_decay) * w - lr * step
    return w


# %% mistake="adamw_run" name="decay_after" hint="One fault is left: the weights shrink after the step, so the step shrinks, too." active="py"
def adamw_run(w, grads, lr, weight_decay=0.0):
    m, v = torch.zeros_like(w), torch.zeros_like(w)
    for t, g in enumerate(grads, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        step = m / (1 - 0.9**t) / ((v / (1 - 0.999**t)).sqrt() + 1e-8)
        w = (1 - lr * weight_decay) * (w - lr * step)
    return w


# %% mistake="adamw_run" name="no_decay" hint="The decay is gone; the old weights shrink by 1 − η λ." active="py"
def adamw_run(w, grads, lr, weight_decay=0.0, right=adamw_run):
    return right(w, grads, lr)


# %% [markdown]
r"""
## 6 · Clipping: no step may be a catastrophe

One bad batch (a typing error of 1,000 for 1, a text of noise) can undo hours. Gradient clipping ([09](09_rnn.ipynb) needs it for cliffs) caps the length of the gradient: with $\lVert g \rVert$ the norm of **all** gradients of the model together and $c$ the largest that is allowed,

$$g \leftarrow g \cdot \min\!\left(1, \frac{c}{\lVert g \rVert + 10^{-6}}\right).$$

By hand: two parameters with the gradients $[3]$ and $[[4]]$ have the norm $\sqrt{9 + 16} = 5$. For $c = 1$ they become $[0.6]$ and $[[0.8]]$. Each clipped for itself would be $[1]$ and $[[1]]$: another direction.

### Exercise · clip_grad_norm
"""


# %% exercise="clip_grad_norm" points=2 withheld="course_lib.optim.clipping.clip_grad_norm torch.nn.utils.clip_grad_norm_ torch.nn.utils.clip_grads_with_norm_ torch.nn.utils.get_total_norm"
def clip_grad_norm(grads: list[Tensor], max_norm: float) -> tuple[list[Tensor], Tensor]:
    """Return the gradients, together no longer than max_norm, and their norm before.

    grads     one tensor or more, of any shapes: the gradient of one model, in pieces; not changed
    max_norm  c, at least 0; math.inf limits nothing
    returns   new tensors of the same shapes, and the norm of all numbers together, shape ()

    All are multiplied by one factor, c / (norm + 1e-6), but never by more than 1.
    Raises ValueError when max_norm is negative.

    Example: [3.] and [[4.]] with max_norm = 1 give [0.6] and [[0.8]], and the norm 5.
    """
    ### BEGIN SOLUTION
    if max_norm < 0:
        raise ValueError(f"max_norm must be at least 0, got {max_norm}")
    norm = torch.stack([grad.square().sum() for grad in grads]).sum().sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    return [grad * factor for grad in grads], norm
    ### END SOLUTION


# %% [markdown] hints="clip_grad_norm"
r"""
1. How do you get the norm of all numbers from the sums of squares of the pieces?
2. One norm, one factor, at most 1, for all pieces.
3. `factor = (max_norm / (norm + 1e-6)).clamp(max=…)`
"""


# %% cases="clip_grad_norm" active="py"
def cases(seed):
    yield Case({"grads": [torch.tensor([3.0]), torch.tensor([[4.0]])], "max_norm": 1.0}, note="the docstring's example")
    yield Case({"grads": [torch.tensor([3.0]), torch.tensor([[4.0]])], "max_norm": 7.0}, note="short enough")
    yield Case({"grads": [torch.zeros(2)], "max_norm": 1.0}, note="a gradient of zeros")
    yield Case({"grads": [torch.tensor([3.0, -4.0])], "max_norm": math.inf}, note="no limit")
    yield Case({"grads": [torch.tensor([3.0, -4.0])], "max_norm": 0.0}, note="nothing is allowed")
    yield Case({"grads": [torch.tensor([3e-6, 4e-6])], "max_norm": 2e-6}, note="a very small limit")
    for i, limit in enumerate((0.1, 1.0, 5.0)):
        grads = [random_tensor(seed + 10 * i + j, *shape) for j, shape in enumerate([(2, 3), (4,), ()])]
        yield Case({"grads": grads, "max_norm": limit}, note=f"three parameters, limit {limit}")
    yield Case({"grads": [torch.ones(2)], "max_norm": -1.0}, note="a negative limit")


# %% probe="clip_grad_norm" active="py"
def probe(student, case):
    clipped, norm = student(grads=case["grads"], max_norm=case["max_norm"])
    the_same = sum(any(one is grad for grad in case["grads"]) for one in clipped)
    return {"gradients": [plain(one) for one in clipped], "norm": plain(norm), "not new": the_same}


# %% judge="clip_grad_norm" active="py"
def judge(case, expected, got):
    return compare(expected, got, rtol=1e-4, atol=1e-12)


# %% equivalents="clip_grad_norm" active="py"
equivalents = {
    "return ([grad * factor for grad in grads], norm) → return detached(([grad * factor for grad in grads], norm))": "what is returned is a weight or a gradient; nothing is differentiated a second time",
}


# %% mistake="clip_grad_norm" name="each_for_itself" hint="You clipped each tensor by its own norm, which turns the gradient. One norm of all, one factor." active="py"
def clip_grad_norm(grads, max_norm, right=clip_grad_norm):
    return [right([grad], max_norm)[0][0] for grad in grads], right(grads, max_norm)[1]


# %% mistake="clip_grad_norm" name="always_scaled" hint="Gradients that are short enough were made longer; the factor is at most 1." active="py"
def clip_grad_norm(grads, max_norm):
    if max_norm < 0:
        raise ValueError
    norm = torch.stack([grad.square().sum() for grad in grads]).sum().sqrt()
    return [grad * (max_norm / (norm + 1e-6)) for grad in grads], norm


# %% mistake="clip_grad_norm" name="by_value" hint="You cut single numbers off at ± c; scale all of them by one factor instead." active="py"
def clip_grad_norm(grads, max_norm, right=clip_grad_norm):
    clipped = [grad.clamp(-abs(max_norm), abs(max_norm)) for grad in grads]
    return clipped, right(grads, max_norm)[1]


# %% mistake="clip_grad_norm" name="sum_of_norms" hint="You added the norms of the pieces. Add their squares, then take the root." active="py"
def clip_grad_norm(grads, max_norm):
    if max_norm < 0:
        raise ValueError
    norm = torch.stack([grad.norm() for grad in grads]).sum()
    return [grad * (max_norm / (norm + 1e-6)).clamp(max=1.0) for grad in grads], norm


# %% mistake="clip_grad_norm" name="norm_after" hint="Return the norm before clipping; it is what one wants to watch." active="py"
def clip_grad_norm(grads, max_norm, right=clip_grad_norm):
    clipped = right(grads, max_norm)[0]
    return clipped, right(clipped, math.inf)[1]


# %% [markdown]
r"""
### Two moons

For the rest of the lesson there is something to train: 1,000 points on two moons that overlap (noise 0.3), 800 of them to learn from, and a network of 2, 32, 16 and 1 units with ReLU. To have several seeds at once, many networks are trained side by side: the weights of each are one row of {{641 = n_weights}} numbers.
"""

# %%
points, kinds = make_moons(1000, noise=0.3, random_state=0)
x, y = torch.tensor(points, dtype=torch.float32), torch.tensor(kinds, dtype=torch.float32)
mixed = torch.randperm(1000, generator=torch.Generator().manual_seed(0))
rows, rows_held = mixed[:800], mixed[800:]
x = (x - x[rows].mean(0)) / x[rows].std(0)  # scaled by the training points alone
SIZES = (2, 32, 16, 1)
n_weights = sum((n_in + 1) * n_out for n_in, n_out in pairwise(SIZES))


def start_weights(seed):
    """One row of weights, as nn.Linear would draw them."""
    g, shapes = torch.Generator().manual_seed(seed), pairwise(SIZES)
    uniform = [2 * torch.rand((i + 1) * o, generator=g) - 1 for i, o in shapes]
    return torch.cat([row / math.sqrt(i) for row, i in zip(uniform, SIZES)])


def losses(w, x, y):
    """Cross-entropy (R,) of R networks: weights (R, 641), points (R, B, 2), kinds (R, B)."""
    at = 0
    for n_in, n_out in pairwise(SIZES):
        weight, at = w[:, at : at + n_in * n_out].view(-1, n_in, n_out), at + n_in * n_out
        x, at = (x if n_in == 2 else x.relu()) @ weight + w[:, None, at : at + n_out], at + n_out
    return F.binary_cross_entropy_with_logits(x[..., 0], y, reduction="none").mean(1)


# %%
@torch.no_grad()
def measure(w, rows):
    return losses(w, x[rows].expand(len(w), -1, -1), y[rows].expand(len(w), -1))


def constant(lr):
    return lambda t: lr


# %%
def train_all(rule, rates, seeds, epochs, batch=32, clip=math.inf, bad=None):
    """Train a network for each rate, a function of the step, and each seed, side by side.

    Returns the losses (epochs, rates, seeds) and the weights (rates · seeds, 641).
    """
    (step, n_state), many, t, curve = rules[rule], len(rates), 0, []
    w = [torch.stack([start_weights(seed) for seed in seeds]) for _ in rates]
    state = [[torch.zeros_like(w[0]) for _ in range(n_state)] for _ in rates]
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    for _ in range(epochs):
        order = torch.stack([rows[torch.randperm(len(rows), generator=g)] for g in generators])
        for some in order.split(batch, dim=1):  # real mini-batches, others for each seed
            weights, scale = torch.cat(w).requires_grad_(), 1000 if t == bad else 1
            loss = losses(weights, scale * x[some].repeat(many, 1, 1), y[some].repeat(many, 1))
            grads = torch.autograd.grad(loss.sum(), weights)[0]
            grads = grads * (clip / (grads.norm(dim=1, keepdim=True) + 1e-6)).clamp(max=1)
            t += 1
            for i, (g, rate) in enumerate(zip(grads.split(len(seeds)), rates)):
                w[i], *state[i] = step(w[i], g, *state[i], t, rate(t - 1))
        curve.append(measure(torch.cat(w), rows).view(many, -1))
    return torch.stack(curve), torch.cat(w)


# %% [markdown]
r"""
After 200 steps one batch arrives with coordinates a thousand times too large. Three seeds each, at a rate that suits the rule, with and without clipping at norm 1.
"""


# %%
passes = budget(full=16, short=9)
after_bad, shown = {}, {}
for name, lr in (("SGD", 0.3), ("Adam", 0.01)):
    for how, clip in (("no limit", math.inf), ("clipped at 1", 1.0)):
        curve, _ = train_all(name, [constant(lr)], range(3), passes, clip=clip, bad=200)
        after_bad[f"{name}, {how}"] = curve[:, 0]
        shown[f"{name}, {how}"] = range(1, passes + 1), curve[:, 0].mean(1).clamp(max=1.2).tolist()
show(
    compare_curves(shown, "One bad batch in pass 9", unit="nats"),
    alt="Training loss against passes. At the bad batch SGD without a limit jumps up and "
    "stays high; Adam without a limit loses ground; the clipped runs go on.",
)
for name, some in after_bad.items():
    print(f"{name:18} pass 8: {some[7].mean():.3f}   at the end:", *(f"{v:.3f}" for v in some[-1]))

# %% [markdown]
r"""
SGD without a limit is thrown out, and eight passes later it is at {{0.53 = after_bad["SGD, no limit"][-1].mean() ± 0.1}}, where the clipped run is at {{0.24 = after_bad["SGD, clipped at 1"][-1].mean() ± 0.02}}. Adam moves each number by about η at most, so it survives; but $v$ remembers the giant for a thousand steps and divides by it. It ends {{behind its clipped run with every seed : bool((after_bad["Adam, no limit"][-1] > after_bad["Adam, clipped at 1"][-1]).all())}}, by {{0.03 = (after_bad["Adam, no limit"][-1] - after_bad["Adam, clipped at 1"][-1]).mean() ± 0.015}}. A useful habit: write down the norm *before* clipping, as the course's `Trainer` does; it shows trouble before the loss does.

A gradient with inf or nan in it cannot be clipped: its norm is no number. Skip that step.
"""

# %% [markdown]
r"""
## 7 · A rate that changes

With a constant rate, the noise of the batches keeps the weights moving around the minimum, the farther the larger η. A small rate from the beginning would take too long. So begin with a large rate and let it fall: a ***learning-rate schedule***, here a factor of η for each step.

- A ***step schedule*** multiplies by a factor every so often: $f^{\lfloor t / k \rfloor}$ with steps $t$ counted from 0.
- A ***cosine schedule*** (Loshchilov and Hutter 2017) falls along half a cosine from 1 to a final factor $e$ at step $T$, and stays there:

$$e + (1 - e)\,\tfrac12 \left(1 + \cos \frac{\pi t}{T}\right).$$

- ***Warm-up*** rises to 1 in equal parts first, since Adam's early estimates rest on few gradients and a large step then can do lasting harm. It is always the beginning of another schedule.
"""

# %% [markdown]
r"""
By hand, $T = 4$ and $e = 0$: at $t = 1$, $\tfrac12 (1 + \cos 45°) = {{0.854 = 0.5 * (1 + math.cos(math.pi / 4))}}$; at $t = 2$, 0.5.

### Exercise · cosine_schedule
"""


# %% exercise="cosine_schedule" points=2 withheld="course_lib.optim.schedules.cosine_schedule course_lib.optim.schedules.warmup_cosine torch.optim"
def cosine_schedule(steps: int, final: float = 0.0):
    """Return a function of the step t, counted from 0: the learning rate's factor, a float.

    steps    T, the step at which the factor is `final`; after it, the factor stays there
    final    e, the factor in the end
    returns  a function: factor(t) for an int t ≥ 0

    Raises ValueError when steps is less than 1 (at once, not only when the function is called).

    Example: cosine_schedule(4) gives 1, 0.8536, 0.5, 0.1464, 0 and 0 for t = 0, 1, …, 5.
    """
    ### BEGIN SOLUTION
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    return lambda t: final + (1 - final) * (1 + math.cos(math.pi * min(t / steps, 1))) / 2
    ### END SOLUTION


# %% [markdown] hints="cosine_schedule"
r"""
1. What would the cosine do after t = T, if nothing stopped it?
2. Hold the share t / T at 1, put it into the formula, and return a function that does this.
3. `return lambda t: final + (1 - final) * …`
"""


# %% cases="cosine_schedule" active="py"
def cases(seed):
    yield Case({"steps": 4, "at": [0, 1, 2, 3, 4, 5]}, note="the docstring's example")
    yield Case({"steps": 1, "at": [0, 1, 2]}, note="a single step")
    for i in range(3):
        steps = 5 + int(random_integers(seed + i, 0, 40, 1))
        at = random_integers(seed + 10 + i, 0, 2 * steps, 6).tolist()
        yield Case({"steps": steps, "at": at}, note="random steps")
        yield Case({"steps": steps, "final": 0.1 + 0.2 * i, "at": at}, note="another final factor")
    yield Case({"steps": 0, "at": []}, note="no steps")


# %% probe="cosine_schedule" active="py"
def probe(student, case):
    factor = student(**{name: value for name, value in case.items() if name != "at"})
    return [factor(t) for t in case["at"]]


# %% mistake="cosine_schedule" name="comes_back" hint="After T the cosine rises again; hold the share t / T at 1." active="py"
def cosine_schedule(steps, final=0.0):
    if steps < 1:
        raise ValueError
    return lambda t: final + (1 - final) * (1 + math.cos(math.pi * t / steps)) / 2


# %% mistake="cosine_schedule" name="whole_wave" hint="Yours runs through a whole wave; half of one, π, is from 1 to the end." active="py"
def cosine_schedule(steps, final=0.0):
    if steps < 1:
        raise ValueError
    return lambda t: final + (1 - final) * (1 + math.cos(2 * math.pi * min(t / steps, 1))) / 2


# %% mistake="cosine_schedule" name="final_added" hint="At t = 0 the factor must be 1: the cosine part is worth 1 − final, not 1." active="py"
def cosine_schedule(steps, final=0.0):
    if steps < 1:
        raise ValueError
    return lambda t: final + (1 + math.cos(math.pi * min(t / steps, 1))) / 2


# %% mistake="cosine_schedule" name="straight" hint="That is a straight line; the cosine is missing." active="py"
def cosine_schedule(steps, final=0.0):
    if steps < 1:
        raise ValueError
    return lambda t: final + (1 - final) * (1 - min(t / steps, 1))


# %% mistake="cosine_schedule" name="cut_off" hint="Where the cosine is below `final`, yours waits at `final`; it should fall all the way and reach it at T only." active="py"
def cosine_schedule(steps, final=0.0):
    if steps < 1:
        raise ValueError
    return lambda t: max(final, (1 + math.cos(math.pi * min(t / steps, 1))) / 2)


# %% [markdown]
r"""
### Exercise · step_schedule · optional
"""


# %% exercise="step_schedule" points=1 optional=true withheld="course_lib.optim.schedules.step_schedule torch.optim"
def step_schedule(every: int, factor: float = 0.1):
    """Return a function of the step t, counted from 0: the learning rate's factor, a float.

    every    steps between two changes
    factor   what each change multiplies by
    returns  a function: 1 for the first `every` steps, then factor, then factor², …

    Raises ValueError when every is less than 1 (at once, not only when the function is called).

    Example: step_schedule(2, 0.5) gives 1, 1, 0.5, 0.5, 0.25 for t = 0, 1, …, 4.
    """
    ### BEGIN SOLUTION
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every}")
    return lambda t: factor ** (t // every)
    ### END SOLUTION


# %% [markdown] hints="step_schedule"
r"""
1. How many changes are there before step t?
2. A whole-number division counts them; return a function that raises the factor to that power.
3. `t // every`
"""


# %% cases="step_schedule" active="py"
def cases(seed):
    yield Case({"every": 2, "factor": 0.5, "at": [0, 1, 2, 3, 4]}, note="the docstring's example")
    yield Case({"every": 1, "factor": 0.5, "at": [0, 1, 2]}, note="a change at every step")
    for i in range(3):
        every = 1 + int(random_integers(seed + i, 0, 9, 1))
        at = random_integers(seed + 10 + i, 0, 5 * every, 6).tolist()
        yield Case({"every": every, "at": [0, every - 1, every, *at]}, note="random steps")
        yield Case({"every": every, "factor": 0.3 + 0.2 * i, "at": at}, note="another factor")
    yield Case({"every": 0, "at": []}, note="no steps")


# %% probe="step_schedule" active="py"
def probe(student, case):
    factor = student(**{name: value for name, value in case.items() if name != "at"})
    return [float(factor(t)) for t in case["at"]]


# %% mistake="step_schedule" name="smooth" hint="The rate falls in steps: count whole changes, with //." active="py"
def step_schedule(every, factor=0.1):
    if every < 1:
        raise ValueError
    return lambda t: factor ** (t / every)


# %% mistake="step_schedule" name="one_change" hint="The factor is applied again and again, not once." active="py"
def step_schedule(every, factor=0.1):
    if every < 1:
        raise ValueError
    return lambda t: 1.0 if t < every else factor


# %% mistake="step_schedule" name="one_late" hint="Step t = `every` is the first with the new rate; yours comes one later." active="py"
def step_schedule(every, factor=0.1):
    if every < 1:
        raise ValueError
    return lambda t: factor ** (max(t - 1, 0) // every)


# %% [markdown]
r"""
### Does it pay?

Small batches of 16, at a large rate for each rule: four schedules, three seeds, equally many steps.
"""

# %%
cosine = yours("optimizers.cosine_schedule", optim.cosine_schedule)
falling = yours("optimizers.step_schedule", optim.step_schedule)
passes = budget(full=16, short=1)
n_steps = 50 * passes
factors = {
    "constant": lambda t: 1.0,
    "step": falling(-(-n_steps // 3)),
    "cosine": cosine(n_steps),
    "warm-up, cosine": optim.linear_warmup(n_steps // 10, cosine(n_steps - n_steps // 10)),
}
show(
    figures.lines(
        range(n_steps),
        {name: [factor(t) for t in range(n_steps)] for name, factor in factors.items()},
        "Four ways for a rate to change",
        "step",
        "factor of the learning rate",
    ),
    alt="A level line, a staircase, half a cosine, and a rise followed by half a cosine.",
)

# %%
ends = {}
for name, lr in (("SGD", 1.0), ("Adam", 0.03)):
    scaled = [lambda t, factor=factor, lr=lr: lr * factor(t) for factor in factors.values()]
    curve, _ = train_all(name, scaled, range(3), passes, batch=16)
    ends[name] = dict(zip(factors, curve[-1]))
    for kind, some in ends[name].items():
        print(f"{name:5} {kind:16}", *(f"{v:.3f}" for v in some))
gain = {name: (some["constant"] - some["cosine"]).mean().item() for name, some in ends.items()}

# %% [markdown]
r"""
A falling rate is {{better with every seed : all(bool((some[kind] < some["constant"]).all()) for some in ends.values() for kind in ("step", "cosine"))}} and with both rules; the cosine gains {{0.03 = gain["SGD"] ± 0.015}} and {{0.02 = gain["Adam"] ± 0.01}} nats. That is {{more : min(gain.values()) > gap["own"]}} than what separates SGD from Adam in section 8, where each has its best rate.

Warm-up, on this small network, {{changes next to nothing : all(abs((some["cosine"] - some["warm-up, cosine"]).mean()) < 0.006 for some in ends.values())}}. Where it does matter: section 10 trains a Transformer.
"""

# %% [markdown]
r"""
## 8 · The race

You will find this comparison in many places: two moons, one learning rate of 0.01 for SGD, momentum and Adam, 100 steps on all training points, one picture. Here it is, and beside it the same with another rate for SGD and momentum.
"""

# %%
lanes = ("SGD", "momentum", "Adam")
passes = budget(full=100, short=2)
whole = {name: train_all(name, [constant(0.01)], range(3), passes, batch=800) for name in lanes}
popular = {name: curve[:, 0] for name, (curve, _) in whole.items()}
retuned = {"SGD": train_all("SGD", [constant(1.0)], range(3), passes, batch=800)[0][:, 0]}
retuned["momentum"] = train_all("momentum", [constant(0.1)], range(3), passes, batch=800)[0][:, 0]
retuned["Adam"] = popular["Adam"]
show(
    figures.races(
        {"0.01 for all": popular, "SGD 1.0, momentum 0.1, Adam 0.01": retuned},
        "All points at every step: the usual picture, and another one",
    ),
    alt="Left: SGD hardly falls, momentum is in between, Adam is far ahead. Right: SGD with "
    "a rate of 1 falls fastest at first and has spikes later; Adam ends lowest, not by far.",
)

# %% [markdown]
r"""
The usual conclusion from the left picture: “SGD converges slowest, Adam shows the steepest drop.” With a rate of 1, plain descent is {{below Adam : bool((retuned["SGD"][:10][-1] < popular["Adam"][:10][-1]).all())}} after ten steps, with every seed. After a hundred it is {{above it : bool((retuned["SGD"][-1] > popular["Adam"][-1]).all())}} again and has had spikes: 1 is near the limit. The comparison has four faults:

1. **One rate for all compares step lengths.** Momentum multiplies steps by ten (your `steady_step`); Adam's are about η whatever the gradient.
2. **Nothing here is stochastic.** Each step sees all 800 points. `torch.optim.SGD` is a name.
3. **No seed.** As usually written, each optimizer starts from another random network, and the picture changes with every run.
4. **The axis is often cut at 0.7**, although an untrained network has about $\ln 2 = {{0.693 = math.log(2)}}$, or more: the start is missing.

Now a fair race: mini-batches of 32, 20 passes, five rules. First the best rate of each, from a grid of seven, on three seeds that do not race.
"""

# %%
lrs = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
passes = budget(full=20, short=1)
tuning, rates = {}, [constant(lr) for lr in lrs]
for name in rules:
    tuning[name] = train_all(name, rates, (10, 11, 12), passes)[0][-1].mean(1)
best = {name: lrs[int(some.nan_to_num(math.inf).argmin())] for name, some in tuning.items()}
print("best rates:", *(f"{name} {lr}" for name, lr in best.items()), sep="   ")

# %%
guess = predict_number(
    "05_optimizers.gap",
    "At 0.01 SGD ends 0.2 nats behind Adam. Each at its own best rate: how far behind is SGD?",
    low=-0.1,
    high=0.3,
    unit="nats",
)
guess

# %%
valleys = {name: some.tolist() for name, some in tuning.items()}
show(
    figures.rates(lrs, valleys, 0.01, "Rings: the best rate of each"),
    alt="Training loss against the learning rate, a valley for each optimizer. The bottoms are "
    "nearly level; they lie at different rates, from "
    f"{min(best.values())} to {max(best.values())}. A dotted line marks 0.01.",
)

# %%
same, own, held = {}, {}, {}
for name in rules:
    curve, w = train_all(name, [constant(0.01), constant(best[name])], range(3), passes)
    same[name], own[name] = curve[:, 0], curve[:, 1]
    held[name] = measure(w[3:], rows_held)
    print(f"{name:9} at 0.01: {same[name][-1].mean():.3f}   at {best[name]}:", end=" ")
    print(*(f"{v:.3f}" for v in own[name][-1]), f"  held out {held[name].mean():.3f}")
behind = lambda some: (some["SGD"][-1] - some["Adam"][-1]).mean().item()
gap = {"same": behind(same), "own": behind(own)}
guess.reveal(round(gap["own"], 3))

# %%
both = {"0.01 for all": same, "each at its own best rate": own}
show(
    figures.races(both, "One rate for all makes the difference"),
    alt="Left: at 0.01 the five curves are far apart, SGD last. Right: at their own best rates "
    "they lie close together.",
)

# %% [markdown]
r"""
At one rate SGD is {{0.17 = gap["same"] ± 0.03}} nats behind Adam; at its own it is {{0.006 = gap["own"] ± 0.01}} behind, less than the {{0.016 = (own["SGD"][-1].max() - own["SGD"][-1].min()).item() ± 0.01}} by which its own seeds differ. On held-out points all five lie {{within 0.01 : max(v.mean() for v in held.values()) - min(v.mean() for v in held.values()) < 0.012}} of each other. Their best rates differ {{a hundredfold : max(best.values()) / min(best.values()) > 99}}.

Adam's curve is a valley, too: at 0.3 it is {{worse than SGD at its best : tuning["Adam"][lrs.index(0.3)] > tuning["SGD"].min()}}, at 3 it has learned nothing. What it offers here is no lower valley. Its default rate happens to lie well in this one, and early it is {{quicker : own["Adam"][:5][-1].mean() < own["SGD"][:5][-1].mean()}}.

Is the optimizer then a matter of taste? On two moons, yes. Section 10 is a Transformer, where plain momentum stays far behind, tuned or not. One data set is one data set.
"""

# %% [markdown] exercise="judge_the_race" points=3 optional=true
r"""
### In your own words · judge_the_race · optional

A colleague trains a network with SGD, momentum and Adam, each once, at the rate 0.001, and concludes that Adam is best. Which three things do you ask for before you believe it, and why?

### BEGIN SOLUTION
Each optimizer at its own best rate from a grid, all grids equally fine, with the optimum inside: the same number means steps of different length (momentum ten times, Adam about η). Several seeds, the same start and the same batches for all, and the spread beside the mean: otherwise a difference may be luck. Equal budgets of steps, and the measure that counts, on held-out data, at the end, on more than one problem.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: own best rate for each (equal effort of tuning), because a common rate is no common step length.
- 1 point: several seeds with the spread, equal starts and batches.
- 1 point: equal budget and held-out loss, or more than one problem.
### END RUBRIC
"""

# %% [markdown]
r"""
## 9 · Muon: the same step in every direction · optional

Section 3 left a ravine that lies between the weights. The weights of a layer are a matrix, and a matrix has directions of its own: $M = U \Sigma V^\top$, with the singular values on the diagonal of $\Sigma$. In the gradients of a network a few of them are large and the rest small. ***Muon*** (Jordan et al. 2024) takes momentum's velocity and steps along $U V^\top$: the same directions, each with the size 1.
"""

# %% [markdown]
r"""
An SVD at every step would be slow. The ***Newton–Schulz iteration*** needs only products of matrices. $X \leftarrow M / \lVert M \rVert$ makes all singular values at most 1, and then, a few times,

$$X \leftarrow a X + b\,(X X^\top) X + c\,(X X^\top)^2 X.$$

Every singular value $s$ becomes $a s + b s^3 + c s^5$; the vectors stay. With $a, b, c = 3.4445, -4.7750, 2.0315$, a value of 0.01 becomes {{0.034 = 3.4445 * 0.01 - 4.775 * 0.01**3}}, then 0.12, 0.40, and is near 1 after five rounds. *Near*: these numbers push small values up fast and end between 0.68 and 1.13, which is good enough.

### Exercise · newton_schulz · optional
"""


# %% exercise="newton_schulz" points=3 parts={"wide": 2, "tall": 1} optional=true withheld="course_lib.optim.muon.newton_schulz torch.optim torch.linalg.svd torch.svd torch.linalg.polar torch.linalg.qr torch.linalg.eigh"
def newton_schulz(
    matrix: Tensor,
    steps: int = 5,
    coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
) -> Tensor:
    """Return about U Vᵀ of the matrix U Σ Vᵀ, by Newton–Schulz.

    matrix        (M, N); not changed
    steps         rounds of X ← a X + b (X Xᵀ) X + c (X Xᵀ)² X, after X = matrix / its norm
    coefficients  a, b and c
    returns       (M, N)

    The norm is the root of the sum of all squares, and at least 1e-7, so zeros stay zeros.
    M may be larger than N. A turned matrix gives the turned result, and X Xᵀ is then smaller.

    Example: [[3., 0.], [0., 1.]], steps=1 and coefficients=(1.5, −0.5, 0.)
    give [[0.9961, 0.], [0., 0.4585]].
    """
    ### BEGIN SOLUTION
    a, b, c = coefficients
    x = matrix.T if matrix.size(0) > matrix.size(1) else matrix
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if matrix.size(0) > matrix.size(1) else x
    ### END SOLUTION


# %% [markdown] hints="newton_schulz"
r"""
1. What must be done once, before the rounds, so that no singular value is larger than 1?
2. Divide by the norm; in each round compute X Xᵀ once, and use it twice.
3. `gram = x @ x.T`, and the new x is `a * x + (…) @ x`
"""


# %% cases="newton_schulz" active="py"
def cases(seed):
    simple = {"matrix": torch.tensor([[3.0, 0.0], [0.0, 1.0]]), "coefficients": (1.5, -0.5, 0.0)}
    yield Case(simple | {"steps": 1}, note="the docstring's example", part="wide")
    yield Case(simple | {"steps": 0}, note="no rounds", part="wide")
    yield Case({"matrix": torch.zeros(2, 3)}, note="zeros", part="wide")
    for i, (m, n) in enumerate(((2, 5), (4, 4), (3, 7))):
        some = random_tensor(seed + 10 * i, m, n, scale=10.0**i)
        yield Case({"matrix": some}, note="the usual five rounds", part="wide")
        yield Case({"matrix": some, "steps": 2, "coefficients": (2.0, -1.5, 0.5)}, note="other settings", part="wide")
        tall = some.T.contiguous() if m < n else random_tensor(seed + 77, 6, 4)
        # two rounds: after five, what a mistake lets explode differs from processor to processor
        yield Case({"matrix": tall, "steps": 2}, note="tall", part="tall")
    yield Case({"matrix": 1e-9 * random_tensor(seed, 2, 3)}, note="all but zeros", part="wide")


# %% equivalents="newton_schulz" active="py"
equivalents = {
    "c * gram @ gram → gram @ (c * gram)": "a matrix commutes with itself, and a number with both",
}


# %% mistake="newton_schulz" name="no_norm" hint="The matrix was not divided by its norm first; large singular values then explode." active="py"
def newton_schulz(matrix, steps=5, coefficients=(3.4445, -4.775, 2.0315)):
    a, b, c = coefficients
    x = matrix
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


# %% mistake="newton_schulz" name="cubic" hint="The term with (X Xᵀ)² is missing." active="py"
def newton_schulz(matrix, steps=5, coefficients=(3.4445, -4.775, 2.0315), right=newton_schulz):
    return right(matrix, steps, (*coefficients[:2], 0.0))


# %% mistake="newton_schulz" name="largest_entry" hint="You divided by the largest number in the matrix; singular values can still be larger than 1. Divide by the root of the sum of squares." active="py"
def newton_schulz(matrix, steps=5, coefficients=(3.4445, -4.775, 2.0315)):
    a, b, c = coefficients
    x = matrix / matrix.abs().max().clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


# %% mistake="newton_schulz" name="turned" hint="A matrix that is taller than wide came back turned; turn it back." active="py"
def newton_schulz(matrix, steps=5, coefficients=(3.4445, -4.775, 2.0315), right=newton_schulz):
    result = right(matrix, steps, coefficients)
    return result.T if matrix.size(0) > matrix.size(1) else result


# %% [markdown]
r"""
The gradient of one matrix of a small GPT ([15](15_gpt.ipynb)), before training, and what Newton–Schulz makes of it:
"""

# %%
from course_lib import gpt, scoreboard
from course_lib.language_model import draw_windows, nats_per_token, next_token_loss
from course_lib.optim import warmup_cosine

train_tokens, held_out = scoreboard.training(), scoreboard.held_out()[: budget(20_000, 2000)]
language, n_steps = scoreboard.language(), budget(full=250, short=2)
config = gpt.GPTConfig(len(language.vocabulary), 32, 64, 4, n_layers=2)

torch.manual_seed(0)
model, draw = gpt.GPT(config), draw_windows(train_tokens, 16, 32)
next_token_loss(model, draw(torch.Generator().manual_seed(0))).backward()
before = model.blocks[0].feed_forward.up.weight.grad  # (256, 64)
orthogonal = yours("optimizers.newton_schulz", optim.newton_schulz)(before)
matrices = {"gradient": before, "after five rounds": orthogonal}
shares = {name: torch.linalg.svdvals(m) for name, m in matrices.items()}
shares = {name: (some / some.max()).tolist() for name, some in shares.items()}
show(
    figures.spectra(shares, "A few directions have most of a gradient; Newton–Schulz levels them"),
    alt="Singular values, largest first: the gradient's fall steeply, the others stay near level.",
)

# %% [markdown]
r"""
## 10 · On a Transformer

Now the course's own task: a GPT of two blocks ([15](15_gpt.ipynb) builds it), the mouse-and-cheese language, {{250 = n_steps}} steps of 512 tokens. Four runs, three seeds each: momentum, AdamW without and with warm-up, and Muon for the matrices inside the blocks, with AdamW for everything else. All have the cosine, the same batches and clipping at 1; nothing is decayed.

The rates were chosen beforehand, with 400 steps and other seeds: momentum 0.3 (of 0.1, 0.3, 0.5, 1), AdamW 0.01 (of 0.003, 0.01, 0.02, 0.03; 0.02 was as good), Muon 0.02 (of 0.01, 0.02, 0.04, with AdamW's 0.01 left as it was).
"""


# %%
def optimizers_of(kind, model):
    """One optimizer for all, or Muon for the matrices of the blocks and AdamW for the rest."""
    if kind == "momentum":
        return [torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)]
    adamw = {"lr": 0.01, "betas": (0.9, 0.98), "weight_decay": 0.0, "fused": True}
    if kind != "Muon":
        return [torch.optim.AdamW(model.parameters(), **adamw)]
    inner = [p for p in model.blocks.parameters() if p.dim() == 2]
    ids = {id(p) for p in inner}
    rest = [p for p in model.parameters() if id(p) not in ids]
    return [optim.Muon(inner, lr=0.02, weight_decay=0.0), torch.optim.AdamW(rest, **adamw)]


# %%
def train_gpt(kind, seed):
    torch.manual_seed(seed)
    model, g = gpt.GPT(config), torch.Generator().manual_seed(seed)
    steppers = [(stepper, stepper.defaults["lr"]) for stepper in optimizers_of(kind, model)]
    schedule = warmup_cosine(n_steps, warmup=0.0 if kind == "AdamW, no warm-up" else 0.05)
    for step in range(n_steps):
        loss = next_token_loss(model, draw(g))
        model.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper, lr in steppers:
            stepper.param_groups[0]["lr"] = lr * schedule(step)
            stepper.step()
    return nats_per_token(model, held_out)


def three_runs(kind):
    started = time.perf_counter()
    reached = [train_gpt(kind, seed) for seed in range(3)]
    print(f"{kind:18}", *(f"{v:.3f}" for v in reached), end="")
    print(f"   ({time.perf_counter() - started:.0f} s)")
    return reached


nats = {kind: three_runs(kind) for kind in ("momentum", "AdamW, no warm-up")}

# %%
nats |= {kind: three_runs(kind) for kind in ("AdamW", "Muon")}
print(f"{'entropy rate':18} {language.entropy_rate:.3f}")

# %%
means = {kind: sum(some) / 3 for kind, some in nats.items()}
show(
    figures.compare_bars(nats, language.entropy_rate, "Equally many steps; each dot is a seed"),
    alt="Held-out nats a token: "
    + ", ".join(f"{kind} {value:.2f}" for kind, value in means.items())
    + f"; the entropy rate is {language.entropy_rate:.2f}.",
)

# %% [markdown]
r"""
Three things, each with every one of three seeds:

- **Momentum is {{far behind : min(nats["momentum"]) > max(nats["AdamW"])}}**, by {{0.35 = means["momentum"] - means["AdamW"] ± 0.1}} nats, though tuned. Two moons would not have told. A good part of the reason is the rare words of section 3: plain gradients move them seldom (Kunstner et al. 2024).
- **Warm-up matters here.** Without it, at the same rate, AdamW is {{worse : min(nats["AdamW, no warm-up"]) > max(nats["AdamW"])}}, by {{0.31 = means["AdamW, no warm-up"] - means["AdamW"] ± 0.1}} nats. A lower rate needs less of it: at 0.005, its best without warm-up, AdamW lost only 0.03 when the rates were chosen.
- **Muon is {{ahead of AdamW : max(nats["Muon"]) < min(nats["AdamW"])}}**, by {{0.14 = means["AdamW"] - means["Muon"] ± 0.03}} nats in equally many steps (0.08 in the 400 of the tuning, as both come nearer to the floor). It is {{0.22 = means["Muon"] - language.entropy_rate ± 0.03}} above the entropy rate, which no model can beat.

What this does not show: a step of Muon costs more time; its rate was tuned as a second one, on top of AdamW's; and a model of {{124 = round(config.n_parameters() / 1000)}} thousand weights is no large one.
"""

# %% [markdown]
r"""
## Where this came from / go further

Robbins and Monro (1951): stochastic approximation, with rates that fall. Polyak (1964): the heavy ball. Nesterov (1983); Sutskever et al. (2013) brought both to deep networks. Duchi, Hazan and Singer (2011): Adagrad. Hinton (2012), lecture 6e: RMSprop, never published as a paper. Kingma and Ba (2015): Adam; its proof of convergence has a gap, which Reddi, Kale and Kumar (2018) found. Loshchilov and Hutter (2017, 2019): cosine, AdamW. Pascanu, Mikolov and Bengio (2013): clipping. Goyal et al. (2017): warm-up. Jordan et al. (2024): Muon.
"""

# %% [markdown]
r"""
How to compare optimizers: Choi et al. (2019) show that the space in which rates are searched can reverse a ranking, and that a more general rule, tuned well enough, does not lose to the one that it contains (Adam can imitate momentum). Schmidt, Schneider and Hennig (2021): no winner over all tasks. Wen, Hall, Ma and Liang (2025) tuned ten optimizers for language models with equal care: Muon and others that treat matrices as matrices came first, but the lead over AdamW fell from a factor of 1.4 in steps to 1.1 as models grew from 0.1 to 1.2 billion weights.

As of November 2026: AdamW with warm-up, clipping at 1 and a falling rate is still the usual recipe of published large language models. Muon has been used at scale since 2025 (Liu et al. 2025; Kimi K2, with an addition against large attention logits). `torch.optim` has it, too.

Next: [06 Regularization](06_regularization.ipynb), what to do when the training loss falls and the other does not; [15 GPT](15_gpt.ipynb) trains with all of this.
"""

# %%
flash_cards("05_optimizers")
