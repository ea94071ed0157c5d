# ---
# jupyter:
#   course:
#     title: How does a model learn from one number?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# How does a model learn from one number?

Each point below is a sentence of the mouse-and-cheese world, described by two numbers: how long it is, and how long its words are. Is it about a person or about an animal?

A line answers: on one side *person*, on the other *animal*, the more certainly the farther away. Each sentence is surprised by the answer, and the mean of all surprises is **one number**, the loss. Turn the line, move it, sharpen it, and try to make that number small.

You see the points and can aim. A model with a million weights sees nothing of the kind. It learns all the same, from how the one number changes.
"""

# %% setup=true
import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import information
from course_lib.checks import check, show_answer, yours
from course_lib.neural import ACTIVATIONS

torch.set_printoptions(precision=4, sci_mode=False)

# %%
import time

from course_lib import neural
from course_lib.budget import budget
from course_lib.data import sentence_tasks as tasks
from course_lib.data.mouse_and_cheese import MouseAndCheese
from course_lib.data.spirals import spirals
from course_lib.figures import linear_models as figures
from course_lib.figures.style import show
from course_lib.widgets.cards import flash_cards
from course_lib.widgets.linear_models import boundary_explorer, width_explorer
from course_lib.widgets.predict import predict_number

torch.set_num_threads(1)  # matrices this small are faster on one core
kinds, measures = ("an animal", "a person"), ("letters per word (scaled)", "words (scaled)")
stories, x, y = tasks.person_or_animal(400, torch.Generator().manual_seed(0))
boundary_explorer(x, y, kinds, measures)

# %% [markdown]
r"""
## What you will be able to do

- derive the gradient $p - y$ of a softmax classifier and of logistic regression, and write both;
- tell batch, stochastic and mini-batch gradient descent apart by what they cost and how noisy they are, both measured;
- say what convexity does and does not promise;
- write the forward and the backward pass of a network by hand, and agree with autograd;
- say which functions a linear classifier cannot represent, and show a sentence for it;
- build a deep averaging network that does not average the padding.

**Time** 90 minutes for the core, about 20 more for what is marked optional. **Builds on** [01 Information](01_information.ipynb) (softmax, cross-entropy). [03 N-grams](03_ngrams.ipynb) learned by counting; from here on, models learn by descent.
**Sizes** N examples, D features, K classes, V words.
"""

# %% [markdown]
r"""
## 1 · A linear classifier, from maximum likelihood

Describe an example by $D$ numbers, its **features** $x$. Give each class $k$ a weight vector $w_k$ and a bias $b_k$. The **score** (logit) of a class is a weighted sum, and a softmax makes probabilities of the scores:

$$z_k = w_k \cdot x + b_k, \qquad p_k = \frac{e^{z_k}}{\sum_{j=1}^{K} e^{z_j}} .$$

This is the ***softmax classifier***. In matrices, with $X$ of shape $(N, D)$ and $W$ of shape $(K, D)$: $Z = X W^\top + b$, of shape $(N, K)$.

With two classes only the difference of the scores counts, so one weight vector $w = w_1 - w_0$ is enough and $p_1 = \sigma(w \cdot x + b)$. That is ***logistic regression***, the model at the top.

"""

# %% [markdown]
r"""
### Which weights?

***Maximum likelihood*** says: those under which the observed classes $y_1 \dots y_N$, given the features, are most probable. Given the features they are independent, so the likelihood is $\prod_i p_{y_i}(x_i)$; its logarithm, negated and divided by $N$, is the loss

$$L = -\frac{1}{N} \sum_{i=1}^{N} \log p_{y_i}(x_i),$$

the cross-entropy of [lesson 01](01_information.ipynb). Nothing here models the features themselves. For two classes it is the binary cross-entropy $-[y \log p + (1 - y) \log (1 - p)]$: $-\log p$ where the label is 1, $-\log(1 - p)$ where it is 0. Compute it from the logit, never as a sigmoid followed by a logarithm ([01](01_information.ipynb) shows what that does to the gradient). (A squared error would be the maximum-likelihood loss of normally distributed numbers. Classes are not that.)
"""

# %% [markdown]
r"""
### By hand

Two features, three classes. $x = (1, 2)$ and the scores come out as $(2, 1, 0)$: $e^2 = 7.389$, $e^1 = 2.718$, $e^0 = 1$, sum $11.107$. So $p = ({{0.665 = by_hand[0]}}, {{0.245 = by_hand[1]}}, {{0.090 = by_hand[2]}})$. If the right class is the second one, the loss is $-\log 0.245 = {{1.408 = -by_hand[1].log()}}$.

What the loss is *not*: a distance. $H(p, q) \ne H(q, p)$, and the loss of a perfect model is the entropy of the labels, not 0 (the part above it is the KL divergence).

### Exercise · softmax_loss

All of lesson 01's functions may be used: `information.log_softmax` takes the logarithm without ever rounding a probability to 0.
"""


# %%
by_hand = torch.tensor([2.0, 1.0, 0.0]).softmax(0)
print(by_hand)


# %% exercise="softmax_loss" points=1 withheld="course_lib.neural.linear.softmax_loss torch.nn.functional.cross_entropy torch.nn.CrossEntropyLoss torch.nn.functional.nll_loss torch.nn.NLLLoss torch.distributions"
def softmax_loss(x: Tensor, targets: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the mean surprise of a softmax classifier at the right classes.

    x        (N, D) features
    targets  (N,) classes, int64 in [0, K)
    weight   (K, D)
    bias     (K,)
    returns  () −mean log softmax(x Wᵀ + b)[target] in nats, finite for scores of ±1000;
             gradients flow to x, weight and bias

    Off limits: torch's own cross_entropy and nll_loss.
    Example: x = [[1., 2.]], targets = [1], weight = [[2., 0.], [1., 0.], [0., 0.]], bias zeros
    give 1.4076.
    """
    ### BEGIN SOLUTION
    log_probs = information.log_softmax(x @ weight.T + bias)
    return -log_probs[torch.arange(len(x)), targets].mean()
    ### END SOLUTION


# %% [markdown] hints="softmax_loss"
r"""
1. Which shape do the scores of all examples and all classes have, and which product of `x` and `weight` has it?
2. Take `information.log_softmax` of the scores, pick one entry of each row (the target's), average, and change the sign.
3. `log_probs[torch.arange(len(x)), …]` picks one entry of each row.
"""


# %% cases="softmax_loss" active="py"
def cases(seed):
    weight = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    one = {"x": torch.tensor([[1.0, 2.0]]), "targets": torch.tensor([1]), "weight": weight, "bias": torch.zeros(3)}
    yield Case(one, note="the example")
    yield Case(one | {"bias": torch.tensor([0.5, -1.0, 2.0])}, note="with biases")
    for i, (n, d, k) in enumerate([(4, 3, 3), (6, 2, 5), (3, 5, 2)]):
        case = {"x": random_tensor(3 * seed + i, n, d), "targets": random_integers(3 * seed + i + 50, 0, k, n)}
        case |= {"weight": random_tensor(3 * seed + i + 90, k, d), "bias": random_tensor(3 * seed + i + 130, k)}
        yield Case(case, note=f"{n} examples, {d} features, {k} classes")
    yield Case(case | {"weight": 1000 * case["weight"]}, note="scores of thousands")
    yield Case(case | {"ask": "gradients"}, note="the gradients")


# %% probe="softmax_loss" active="py"
def probe(student, case):
    if "ask" not in case:
        return student(**case)
    inputs = [case[name].clone().requires_grad_() for name in ("x", "weight", "bias")]
    loss = student(inputs[0], case["targets"], *inputs[1:])
    if not loss.requires_grad:
        return "no gradient flows back"
    return list(torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True))


# %% mistake="softmax_loss" name="summed" hint="That is the sum over the examples. Divide by their number: the loss, and the step it makes, should not grow with N." active="py"
def softmax_loss(x, targets, weight, bias, right=softmax_loss):
    return right(x, targets, weight, bias) * len(x)


# %% mistake="softmax_loss" name="no_bias" hint="The bias is missing from the scores." active="py"
def softmax_loss(x, targets, weight, bias, right=softmax_loss):
    return right(x, targets, weight, torch.zeros_like(bias))


# %% mistake="softmax_loss" name="log_of_softmax" hint="Large scores round a probability to 0, and its logarithm is −inf. Use information.log_softmax." active="py"
def softmax_loss(x, targets, weight, bias):
    return -(x @ weight.T + bias).softmax(-1).log()[torch.arange(len(x)), targets].mean()


# %% mistake="softmax_loss" name="over_examples" hint="Your softmax runs over the examples. The probabilities of one example, a row, sum to 1: use the last dimension." active="py"
def softmax_loss(x, targets, weight, bias):
    return -(x @ weight.T + bias).log_softmax(0)[torch.arange(len(x)), targets].mean()


# %% [markdown]
r"""
## 2 · Which way is down: $p - y$

The gradient of $L$ is the list of its slopes, one per weight: how fast the one number rises when that weight is increased. A step of ***gradient descent*** goes the other way, with a ***learning rate*** $\eta > 0$:

$$W \leftarrow W - \eta \,\frac{\partial L}{\partial W} .$$

"""

# %% [markdown]
r"""
### The slope in a score

Derive it for one example with the right class $c$. The loss is $\ell = -\log p_c = -z_c + \log \sum_j e^{z_j}$. Its slope in one score:

- the first part gives $-1$ if $k = c$, else 0. Write the one-hot vector $y$, with $y_c = 1$: the slope is $-y_k$;
- the second part gives $e^{z_k} / \sum_j e^{z_j} = p_k$.

$$\boxed{\frac{\partial \ell}{\partial z_k} = p_k - y_k}$$

"""

# %% [markdown]
r"""
**What was predicted, minus what was right.** Then the chain rule: $z_k = w_k \cdot x + b_k$, so $\partial z_k / \partial w_k = x$ and $\partial z_k / \partial b_k = 1$. Averaged over the examples,

$$\frac{\partial L}{\partial W} = \frac{1}{N} (P - Y)^\top X, \qquad \frac{\partial L}{\partial b} = \frac1N \sum_i (p_i - y_i),$$

of shapes $(K, D)$ and $(K,)$. For logistic regression it is the same, with one score. By hand: $p = (0.665, 0.245, 0.090)$, $y = (0, 1, 0)$, so the slopes are $(0.665, {{-0.755 = by_hand[1] - 1}}, 0.090)$; they sum to 0.

### Exercise · softmax_grad
"""


# %% exercise="softmax_grad" points=3 parts={"bias":1,"weight":2} withheld="course_lib.neural.linear.softmax_grad course_lib.neural.linear.logits_grad torch.autograd.grad torch.Tensor.backward torch.func.vjp torch.func.grad torch.func.jacrev torch.func.jacfwd torch.func.grad_and_value torch.autograd.functional.jacobian torch.autograd.forward_ad"
def softmax_grad(x: Tensor, targets: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient of softmax_loss in weight and in bias, computed by hand.

    x        (N, D) features
    targets  (N,) classes, int64 in [0, K)
    weight   (K, D)
    bias     (K,)
    returns  (K, D) and (K,)

    Off limits: autograd.
    Example: x = [[1., 2.]], targets = [1], weight = [[2., 0.], [1., 0.], [0., 0.]], bias zeros
    give [[0.665, 1.330], [−0.755, −1.510], [0.090, 0.180]] and [0.665, −0.755, 0.090].
    """
    ### BEGIN SOLUTION
    p = information.softmax(x @ weight.T + bias)
    error = (p - F.one_hot(targets, len(bias))) / len(x)
    return error.T @ x, error.sum(0)
    ### END SOLUTION


# %% [markdown] hints="softmax_grad"
r"""
1. Which matrix of shape (N, K) holds the slope of the loss in every score?
2. Subtract the one-hot targets from the probabilities and divide by N. Each row then counts for the bias once, and for the weights times its features.
3. `error.T @ x` has the shape of the weights.
"""


# %% cases="softmax_grad" active="py"
def cases(seed):
    weight = torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    one = {"x": torch.tensor([[1.0, 2.0]]), "targets": torch.tensor([1]), "weight": weight, "bias": torch.zeros(3)}
    yield Case(one | {"ask": "bias"}, note="the example", part="bias")
    yield Case(one | {"ask": "weight"}, note="the example", part="weight")
    for i, (n, d, k) in enumerate([(4, 3, 3), (6, 2, 5), (3, 5, 2)]):
        case = {"x": random_tensor(3 * seed + i, n, d), "targets": random_integers(3 * seed + i + 50, 0, k, n)}
        case |= {"weight": random_tensor(3 * seed + i + 90, k, d), "bias": random_tensor(3 * seed + i + 130, k)}
        yield Case(case | {"ask": "bias"}, note=f"{n} examples, {k} classes", part="bias")
        yield Case(case | {"ask": "weight"}, note=f"{n} examples, {k} classes", part="weight")


# %% probe="softmax_grad" active="py"
def probe(student, case):
    in_weight, in_bias = student(*(case[name] for name in ("x", "targets", "weight", "bias")))
    return in_weight if case["ask"] == "weight" else in_bias


# %% equivalents="softmax_grad" active="py"
equivalents = {
    "return (error.T @ x, error.sum(0)) → return detached((error.T @ x, error.sum(0)))": "what is returned is a gradient or a weight; nothing is differentiated a second time",
}


# %% mistake="softmax_grad" name="summed" hint="The loss is a mean over the examples, so its gradient is, too: divide by N." active="py"
def softmax_grad(x, targets, weight, bias, right=softmax_grad):
    return tuple(len(x) * gradient for gradient in right(x, targets, weight, bias))


# %% mistake="softmax_grad" name="uphill" hint="The sign is turned round: that is y − p. The gradient points uphill, p − y; the minus sign is in the step." active="py"
def softmax_grad(x, targets, weight, bias, right=softmax_grad):
    return tuple(-gradient for gradient in right(x, targets, weight, bias))


# %% mistake="softmax_grad" name="only_p" hint="You left out y: p − y, with 1 taken off at the right class." active="py"
def softmax_grad(x, targets, weight, bias):
    p = (x @ weight.T + bias).softmax(-1) / len(x)
    return p.T @ x, p.sum(0)


# %% mistake="softmax_grad" name="no_bias" hint="The probabilities are those of scores without the bias." active="py"
def softmax_grad(x, targets, weight, bias, right=softmax_grad):
    return right(x, targets, weight, torch.zeros_like(bias))


# %% [markdown]
r"""
Is it the gradient? Two referees: autograd, and the definition itself. Raise one weight by a little, lower it by as much, and see what the one number does. That needs nothing but the loss, and two evaluations of it **per weight**; $p - y$ gives all slopes for about the price of one.
"""

# %%
grad_by_hand, a_loss = yours("linear_models.softmax_grad", neural.softmax_grad), neural.softmax_loss
g = torch.Generator().manual_seed(0)
xs, ts = torch.randn(50, 4, generator=g).double(), torch.randint(0, 3, (50,), generator=g)
w0, b0 = torch.randn(3, 4, generator=g).double(), torch.zeros(3).double()
mine = grad_by_hand(xs, ts, w0, b0)[0]
w1 = w0.clone().requires_grad_()
(auto,) = torch.autograd.grad(a_loss(xs, ts, w1, b0), w1)
nudged = torch.zeros_like(w0)
for index in range(12):
    up = torch.zeros(12).double()
    up[index] = 1e-5
    up = up.view(3, 4)
    nudged.view(-1)[index] = (a_loss(xs, ts, w0 + up, b0) - a_loss(xs, ts, w0 - up, b0)) / 2e-5
print(f"largest difference to autograd: {(mine - auto).abs().max():.1e}")
print(f"largest difference to nudging:  {(mine - nudged).abs().max():.1e}")

# %% [markdown]
r"""
### Question · pull_by_hand

Logistic regression says $p = 0.9$ for an example whose label is 0. One of its features is $x_2 = -2$. What is the slope of this example's loss in $w_2$?
"""

# %% exercise="pull_by_hand" points=1 kind="number"
### BEGIN SOLUTION
pull_by_hand = -1.8
### END SOLUTION

# %% mistake="pull_by_hand" name="sign" hint="(p − y) x = (0.9 − 0)(−2): both signs count." active="py"
pull_by_hand = 1.8

# %% mistake="pull_by_hand" name="label_1" hint="The label is 0, so p − y is 0.9, not −0.1." active="py"
pull_by_hand = 0.2

# %% mistake="pull_by_hand" name="no_feature" hint="That is the slope in the score. The score moves by x₂ when w₂ moves by 1: multiply." active="py"
pull_by_hand = 0.9

# %% [markdown]
r"""
## 3 · All examples, one, or a few

The gradient is a mean over examples. How many should one step look at?

- ***Batch gradient descent***: all $N$. One update per pass over the data (an **epoch**), and no noise at all.
- ***Stochastic gradient descent*** in the strict sense: one example, drawn at random. $N$ updates per pass.
- ***Mini-batch gradient descent***: $B$ examples, say 32. This is what everyone does, and usually calls SGD.

A class named `SGD` makes nothing stochastic. If each step sees all examples, it is batch gradient descent, whatever the optimizer is called.

The order should be random and new in each pass. Every example is seen once a pass; the last batch takes what is left.

### Exercise · minibatches
"""


# %% exercise="minibatches" points=2 withheld="course_lib.neural.batches.minibatches torch.utils.data.DataLoader torch.utils.data.RandomSampler torch.utils.data.BatchSampler"
def minibatches(n: int, batch_size: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Return the batches of one pass over n examples, in random order.

    n           number of examples, at least 1
    batch_size  of each batch; the last one holds what is left, and may be smaller
    generator   source of the order, on the CPU: another call gives another order,
                the same seed the same one
    returns     tensors of indices (int64); each of 0 … n − 1 is in exactly one

    Raises ValueError when batch_size is less than 1.
    Example: minibatches(10, 4, generator) has batches of 4, 4 and 2 indices.
    """
    ### BEGIN SOLUTION
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    return torch.randperm(n, generator=generator).split(batch_size)
    ### END SOLUTION


# %% [markdown] hints="minibatches"
r"""
1. How do you get the numbers 0 … n − 1 in random order from torch, and where does the generator go?
2. Draw one random order of all indices, and cut it into pieces of `batch_size`; `Tensor.split` leaves a shorter last piece.
3. `torch.randperm(n, generator=…)`
"""


# %% cases="minibatches" active="py"
def cases(seed):
    yield Case({"n": 4, "batch_size": 2, "seed": seed}, note="four examples, two batches")
    yield Case({"n": 10, "batch_size": 4, "seed": seed + 1}, note="a last batch that is smaller")
    yield Case({"n": 5, "batch_size": 1, "seed": seed + 2}, note="one example at a time")
    yield Case({"n": 6, "batch_size": 6, "seed": seed + 3}, note="all at once")
    yield Case({"n": 3, "batch_size": 7, "seed": seed + 4}, note="a batch larger than the data")
    yield Case({"n": 3, "batch_size": 0, "seed": seed}, note="no batch size at all")
    n, size = (int(random_integers(seed + i, low, high, 1)) for i, low, high in ((5, 7, 12), (6, 2, 6)))
    yield Case({"n": n, "batch_size": size, "seed": seed + 7}, note="random sizes")


# %% probe="minibatches" active="py"
def probe(student, case):
    n, size, source = case["n"], case["batch_size"], generator(case["seed"])
    places, together, sizes = torch.zeros(n, n, dtype=torch.long), [0, 0], []
    for _ in range(400):
        batches = student(n, size, source)
        order = torch.cat([plain(batch) for batch in batches])
        sizes.append([len(batch) for batch in batches])
        places[order, torch.arange(len(order))] += 1
        together[int(any(0 in batch.tolist() and 1 in batch.tolist() for batch in batches))] += 1
    again = [torch.cat(list(student(n, size, generator(case["seed"])))) for _ in range(2)]
    return {
        "sizes": sizes[0],
        "always these sizes": all(row == sizes[0] for row in sizes),
        "every example once": order.sort().values,
        "same seed, same order": torch.equal(*again),
        "how often each example had each place": places,
        "how often 0 and 1 were apart and together": torch.tensor([together]),
    }


# %% judge="minibatches" active="py"
def judge(case, expected, got):
    places, pairs = "how often each example had each place", "how often 0 and 1 were apart and together"
    return judge_entries(expected, got, {places: judge_counts, pairs: judge_counts})


# %% mistake="minibatches" name="drops_the_last" hint="The last examples of a pass are lost. The last batch may be smaller; keep it." active="py"
def minibatches(n, batch_size, generator, right=minibatches):
    return tuple(batch for batch in right(n, batch_size, generator) if len(batch) == batch_size)


# %% mistake="minibatches" name="not_shuffled" hint="The order is always the same. Draw a random one from the generator." active="py"
def minibatches(n, batch_size, generator, right=minibatches):
    right(n, batch_size, generator)
    return torch.arange(n).split(batch_size)


# %% mistake="minibatches" name="other_generator" hint="You draw from torch's global generator. Use the one that is given, or nobody can repeat the run." active="py"
def minibatches(n, batch_size, generator, right=minibatches):
    right(n, batch_size, generator)
    return torch.randperm(n).split(batch_size)


# %% mistake="minibatches" name="no_check" hint="Right, but a batch_size below 1 must raise ValueError." active="py"
def minibatches(n, batch_size, generator):
    return torch.randperm(n, generator=generator).split(batch_size)


# %% [markdown]
r"""
How noisy is the gradient of a batch? If one example's gradient has the variance $s^2$ around the mean of all, that of $B$ of $N$ examples, drawn without replacement, is $\frac{s^2}{B} \cdot \frac{N - B}{N - 1}$. Ten times the examples, a tenth of the variance, a third of the spread.
"""

# %%
sizes, weight, bias = [1, 3, 10, 30, 100, 300], torch.tensor([0.5, 0.0]), torch.tensor(0.0)
per_example = ((x @ weight + bias).sigmoid() - y)[:, None] * x  # (N, 2): p − y, times features
spread = (per_example - per_example.mean(0)).square().sum(1).mean().item()
expected = [spread / b * (400 - b) / 399 for b in sizes]
g = torch.Generator().manual_seed(1)
measured = []
for b in sizes:
    drawn = [torch.randperm(400, generator=g)[:b] for _ in range(500)]
    means = torch.stack([per_example[batch].mean(0) for batch in drawn])
    measured.append((means - per_example.mean(0)).square().sum(1).mean().item())
show(
    figures.gradient_noise(sizes, measured, expected),
    alt=f"Variance falls from {measured[0]:.2f} with one example to {measured[-1]:.5f} with 300.",
)

# %% [markdown]
r"""
Now let all three descend on the problem of the first picture, from the same start, for the same number of passes. `fit_logistic` of the library knows the minimum, so the distance to it can be measured. Each runs at a constant learning rate, three seeds.
"""

# %%
best_w, best_b = neural.fit_logistic(x, y)
lowest = neural.logistic_loss(x, y, best_w, best_b).item()


def descend(batch_size, lr, seed, passes, falling=False):
    """Return the weights after every update, and the loss above its minimum after each pass."""
    w, b, g = torch.tensor([-1.5, -1.5]), torch.tensor(0.0), torch.Generator().manual_seed(seed)
    path, above, step = [w.clone()], [], 0
    for _ in range(passes):
        for batch in neural.minibatches(len(x), batch_size, g):
            dw, db = neural.logistic_grad(x[batch], y[batch], w, b)
            rate = lr / (1 + step / 400) if falling else lr
            w, b, step = w - rate * dw, b - rate * db, step + 1
            path.append(w.clone())
        above.append(neural.logistic_loss(x, y, w, b).item() - lowest)
    return torch.stack(path).numpy(), above


# %%
settings = {"all 400": (400, 2.0), "32 at a time": (32, 0.5), "one at a time": (1, 0.2)}
passes = budget(full=30, short=3)
runs = {name: [descend(*how, seed, passes) for seed in range(3)] for name, how in settings.items()}
falling = [descend(1, 0.2, seed, passes, falling=True)[1][-1] for seed in range(3)]
side = torch.linspace(-2, 2, 60)
at_point = lambda *w: neural.logistic_loss(x, y, torch.stack(w), best_b).item()
plane = torch.tensor([[at_point(u, v) for u in side] for v in side]).numpy()
paths = {name: some[0][0] for name, some in runs.items()}
show(
    figures.descents(paths, plane, (side, side), best_w.tolist()),
    alt="Three paths over the contours of the loss: smooth with all examples, slightly ragged "
    "with 32, and with one at a time a tangle around the minimum.",
)

# %%
mean_of_seeds = lambda some: [sum(above) / 3 for above in zip(*(run[1] for run in some))]
curves = {name: (range(1, passes + 1), mean_of_seeds(some)) for name, some in runs.items()}
show(
    figures.excess(curves, "One at a time is near at once, and never arrives"),
    alt="Loss above its minimum against passes. One at a time falls first and then stays level; "
    "all at once falls steadily.",
)
for name, some in runs.items():
    print(f"{name:14}", *(f"{above[-1]:.1e}" for _, above in some))
print("one at a time, rate falling as 1/step:", *(f"{v:.1e}" for v in falling))

# %% [markdown]
r"""
One example at a time is {{nearer after one pass : all(runs["one at a time"][s][1][0] < runs["all 400"][s][1][0] for s in range(3))}} with every seed: it has made 400 updates, the batch method one. After {{30 = passes}} passes it is {{the farthest : min(above[-1] for _, above in runs["one at a time"]) > max(above[-1] for _, above in runs["32 at a time"])}}: with a constant rate, noise keeps it moving around the minimum. A rate that falls like $1/t$ brings it {{much nearer : max(falling) < min(above[-1] for _, above in runs["one at a time"])}}.

What about time? An *update* on one example is cheap. A *pass* of them is not, since 400 small products cannot use the processor as one large one does. Is batch descent greedy for memory, as is often said? No: a gradient is a sum, so it can be added up chunk by chunk.
"""

# %%
big_x, big_y = x.repeat(25, 1), y.repeat(25)  # 10,000 examples
seconds = {}
for size in (1, 32, 10_000):
    start, w, b = time.perf_counter(), torch.zeros(2), torch.tensor(0.0)
    for batch in torch.arange(10_000).split(size):
        dw, db = neural.logistic_grad(big_x[batch], big_y[batch], w, b)
        w, b = w - 0.01 * dw, b - 0.01 * db
    seconds[size] = time.perf_counter() - start
    print(f"batches of {size:6,}: {seconds[size] * 1000:7.1f} ms for a pass")
at = (torch.zeros(2), torch.tensor(0.0))
pieces = zip(x.split(50), y.split(50))
chunks = sum(neural.logistic_grad(part, labels, *at)[0] * len(part) for part, labels in pieces)
same = torch.allclose(chunks / 400, neural.logistic_grad(x, y, *at)[0], atol=1e-6)
print("chunks of 50 give the gradient of all 400:", same)

# %% [markdown]
r"""
A pass in batches of one takes {{more than ten times : seconds[1] > 10 * seconds[10_000]}} as long as a pass in one piece, and chunks give {{the same gradient : same}}.

### What convexity promises

The loss of a linear classifier is ***convex***: a bowl without side valleys. Popular notes conclude that batch descent “is guaranteed to converge to the global minimum”. Three conditions are missing:

1. **The step must be small enough**, below $2/L$, where $L$ is the largest curvature. On $f(w) = w^2$ with $L = 2$ and $\eta = 1.05$ each step multiplies $w$ by $-1.1$.
2. **There must be a minimum.** If a line separates the classes, larger weights are always better, and descent never arrives.
3. **Without convexity** it comes to rest at a *stationary point*, which may be a saddle: $f = u^2 - v^2 + v^4$ from $(1, 0)$ ends at $(0, 0)$, although $f(0, 0.71) = -0.25$.
"""

# %%
far = 1.0
for _ in range(50):
    far -= 1.05 * 2 * far  # f = w², slope 2 w
apart_x, apart_y = torch.tensor([[-1.0], [1.0]]), torch.tensor([0.0, 1.0])
w, grown = torch.zeros(1), []
for step in range(1, 10_001):
    w = w - neural.logistic_grad(apart_x, apart_y, w, torch.tensor(0.0))[0]
    if step in (100, 1000, 10_000):
        grown.append(w.item())
u, v = 1.0, 0.0
for _ in range(200):
    u, v = u - 0.1 * 2 * u, v - 0.1 * (-2 * v + 4 * v**3)
print(f"too large a step: |w| = {abs(far):.0f} after 50 steps")
print("separable classes: w =", *(f"{w:.1f}" for w in grown), f"  saddle: ({u:.4f}, {v:.4f})")

# %% [markdown]
r"""
### Question · which_descent

Your data have 10 million examples and the loss is convex. What is true?

- **a** Batch gradient descent needs all examples in memory at once.
- **b** With a constant rate, updates on one example end at the minimum, only later.
- **c** Mini-batches give many updates per pass, each with a noise that falls as 1/B, and use the processor well.
- **d** Any learning rate leads to the minimum; a small one takes longer.
"""

# %% exercise="which_descent" points=1 kind="choice" choices="a b c d"
### BEGIN SOLUTION
which_descent = "c"
### END SOLUTION

# %% mistake="which_descent" name="a" hint="The gradient is a sum, and sums can be added up chunk by chunk." active="py"
which_descent = "a"

# %% mistake="which_descent" name="b" hint="The noise of single examples does not shrink; with a constant rate the weights keep moving." active="py"
which_descent = "b"

# %% mistake="which_descent" name="d" hint="Above 2/L every step overshoots by more than it repairs." active="py"
which_descent = "d"

# %% [markdown]
r"""
## 4 · Which animal was it?

*the ??? near the river eats carrots on Sunday*: the softmax classifier with real work to do. Features: how often each of the $V$ words occurs, a ***bag of words***. Classes: 15 animals. The language knows the exact probabilities of the hidden animal, so there is a floor, and the honest baseline is always to say *mouse*.

Why not a table of sentences, as in [03](03_ngrams.ipynb)? The number of cells grows exponentially with the number of words looked at: $V^n$. That is the ***curse of dimensionality***: data fill a space of many dimensions so thinly that a new point has no neighbours. The linear model has $15 \cdot (V + 1)$ numbers and shares them among all sentences.
"""

# %%
world = MouseAndCheese()
vocabulary = {word: i for i, word in enumerate(world.vocabulary) if i}
vocabulary |= {"<pad>": 0, "???": len(world.vocabulary)}
V = len(vocabulary)
texts, animal, exact = tasks.hidden_animals(3000, torch.Generator().manual_seed(0))
bags = torch.zeros(3000, V)
for row, text in zip(bags, texts):
    for word in text.split():
        row[vocabulary[word]] += 1
learn, held = slice(0, 2000), slice(2000, 3000)
floor = -exact[held][torch.arange(1000), animal[held]].log().mean().item()
always = (animal[held] == animal[learn].mode().values).float().mean().item()

# %%
linear = []
for seed in range(3):
    weight, bias, g = torch.zeros(15, V), torch.zeros(15), torch.Generator().manual_seed(seed)
    for _ in range(budget(full=20, short=1)):
        for batch in neural.minibatches(2000, 32, g):
            dw, db = grad_by_hand(bags[learn][batch], animal[learn][batch], weight, bias)
            weight, bias = weight - 0.5 * dw, bias - 0.5 * db
    hits = ((bags[held] @ weight.T + bias).argmax(1) == animal[held]).float().mean().item()
    linear.append((neural.softmax_loss(bags[held], animal[held], weight, bias).item(), hits))
print(f"floor {floor:.3f} nats; always the commonest: {always:.1%} right")
print("softmax classifier, held out:", *(f"{loss:.3f} nats, {hits:.1%};" for loss, hits in linear))
words = {i: word for word, i in vocabulary.items()}
for name in ("rabbit", "bear", "mouse"):
    best = weight[tasks.ANIMAL_NAMES.index(name)].topk(4).indices.tolist()
    print(f"largest weights of {name}:", *(words[i] for i in best))

# %%
seen = {n: {tuple(t.split()[-n:]) for t in texts[:2000]} for n in (1, 2, 3, 5)}
known = {n: sum(tuple(t.split()[-n:]) in s for t in texts[2000:]) / 1000 for n, s in seen.items()}
print("held-out sentences whose last n words were seen together:", known)

# %% [markdown]
r"""
From counts of words alone it is right {{about 60 % : all(abs(hits - 0.6) < 0.04 for _, hits in linear)}} of the time, where *always mouse* is right {{21 % = always}}; it is {{within half a nat : all(loss - floor < 0.5 for loss, _ in linear)}} of the floor. Meanwhile the share of sentences whose last words had been seen together falls from {{100 % = known[1] ± 1 %}} for one word to {{15 % = known[5] ± 2 %}} for five: the curse at work.
"""

# %% [markdown]
r"""
## 5 · What no line can do

*XOR*: class 1 if exactly one of two inputs is 1 (drawn below as +1, and 0 as −1). No line separates $(0,1), (1,0)$ from $(0,0), (1,1)$. Language is full of it: the verb fits if subject and verb are **both** singular or **both** plural.

The repair: **compose logistic regressions**. Let a few of them look at the inputs, and give their outputs to another one:

$$h = f(W_1 x + b_1), \qquad z = W_2 h + b_2 .$$

"""

# %% [markdown]
r"""
That is a ***feed-forward network*** (multilayer perceptron) with one ***hidden layer***. Unit 1 answers *at least one*, unit 2 *both*, and the output says *first and not second*. Without $f$ between them, $W_2 (W_1 x)$ is one linear map again, however many layers. $f$ is the ***activation***:

| name | $f(a)$ | slope $f'(a)$ | saturates |
|---|---|---|---|
| sigmoid | $1 / (1 + e^{-a})$ | $\sigma (1 - \sigma) \le \frac14$ | on both sides |
| tanh | $(e^a - e^{-a}) / (e^a + e^{-a})$ | $1 - \tanh^2 \le 1$ | on both sides |
| ReLU | $\max(0, a)$ | 1 if $a > 0$, else 0 | below 0 |
| GELU | $a\,\Phi(a)$ | $\Phi(a) + a\,\varphi(a)$ | far below 0 |

$\Phi(a)$ is the probability that a standard normal number is below $a$: $\Phi(a) = \frac12 (1 + \operatorname{erf}(a / \sqrt 2))$. Where a function **saturates**, its slope is nearly 0 and almost nothing of a gradient passes.
"""

# %%
corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]) * 2 - 1
xor = torch.tensor([0.0, 1.0, 1.0, 0.0])
both_units = torch.tensor([[5.0, 5.0], [5.0, 5.0]]), torch.tensor([5.0, -5.0])  # at least one; both
parts = {
    "unit 1: at least one": [(both_units[0][:1], both_units[1][:1])],
    "unit 2: both": [(both_units[0][1:], both_units[1][1:])],
    "1 and not 2": [both_units, (torch.tensor([[12.0, -12.0]]), torch.tensor([-6.0]))],
}
show(
    figures.regions(parts, corners, xor, "sigmoid", "Three logistic regressions make an XOR"),
    alt="Two lines, one per hidden unit, and a band between them that holds the two points of class 1.",
)
show(
    figures.activation_curves(),
    alt="Sigmoid and tanh are flat on both sides; the sigmoid's slope is at most a quarter.",
)

# %% [markdown]
r"""
### Exercise · relu_gelu_tanh · optional

From the formulas. tanh must survive 100: $e^{100}$ is too large for float32.
"""


# %% exercise="relu_gelu_tanh" points=2 optional=true withheld="course_lib.neural.activations.gelu torch.nn.functional.gelu torch.nn.GELU torch.tanh torch.nn.Tanh torch.nn.functional.tanh torch.relu torch.nn.functional.relu torch.nn.ReLU torch.nn.functional.silu numpy.tanh"
def relu_gelu_tanh(a: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return ReLU, GELU and tanh of each element.

    a        any shape, finite, |a| up to 1000
    returns  three tensors of a's shape; GELU is the exact one, with erf (torch.erf may be used),
             to 1e-5. Gradients flow to a

    Off limits: torch's own relu, gelu and tanh. torch.sigmoid may be used.
    Example: a = [−1., 2.] gives [0, 2], [−0.1587, 1.9545], [−0.7616, 0.9640].
    """
    ### BEGIN SOLUTION
    gelu = a * (1 + torch.erf(a / math.sqrt(2))) / 2
    return torch.where(a > 0, a, 0), gelu, 2 * torch.sigmoid(2 * a) - 1
    ### END SOLUTION


# %% [markdown] hints="relu_gelu_tanh"
r"""
1. tanh is a sigmoid stretched in both directions. Which factor inside, which outside?
2. ReLU keeps what is positive. GELU multiplies a by Φ(a), with erf of a/√2. tanh(a) = 2σ(2a) − 1.
3. `a * (1 + torch.erf(…)) / 2`
"""


# %% cases="relu_gelu_tanh" active="py"
def cases(seed):
    yield Case({"a": torch.tensor([-1.0, 2.0])}, note="the example")
    yield Case({"a": torch.tensor([0.0, -3.0, 0.5])}, note="more numbers")
    yield Case({"a": torch.tensor([-100.0, 100.0, 1000.0])}, note="far out")
    for i, shape in enumerate([(5,), (3, 4), (2, 3, 2)]):
        yield Case({"a": random_tensor(3 * seed + i, *shape, scale=2.0)}, note="random numbers")
    yield Case({"a": random_tensor(seed + 40, 4, 3), "ask": "gradients"}, note="the gradients")


# %% probe="relu_gelu_tanh" active="py"
def probe(student, case):
    if "ask" not in case:
        return student(case["a"])
    a = case["a"].clone().requires_grad_()
    results = student(a)
    return [torch.autograd.grad(r.sum(), a)[0] if r.requires_grad else "no gradient" for r in results]


# %% equivalents="relu_gelu_tanh" active="py"
equivalents = {
    "torch.where(a > 0, a, 0) → torch.where(a >= 0, a, 0)": "max(0, a) at 0 is 0 either way; the slope there is a convention, and not asked for",
}


# %% mistake="relu_gelu_tanh" name="gelu_with_sigmoid" hint="a·σ(1.702 a) only approximates GELU. Use Φ, with erf." active="py"
def relu_gelu_tanh(a, right=relu_gelu_tanh):
    relu, _, tanh = right(a)
    return relu, a * (1.702 * a).sigmoid(), tanh


# %% mistake="relu_gelu_tanh" name="tanh_overflows" hint="exp(100) is inf, and inf / inf is nan. Write tanh with torch.sigmoid." active="py"
def relu_gelu_tanh(a, right=relu_gelu_tanh):
    relu, gelu, _ = right(a)
    return relu, gelu, (a.exp() - (-a).exp()) / (a.exp() + (-a).exp())


# %% mistake="relu_gelu_tanh" name="no_root" hint="The argument of erf is a/√2, not a: erf belongs to a normal variable of variance ½." active="py"
def relu_gelu_tanh(a, right=relu_gelu_tanh):
    relu, _, tanh = right(a)
    return relu, a * (1 + torch.erf(a)) / 2, tanh


# %% [markdown]
r"""
## 6 · Forward, and what to keep

With any number of layers: $a_k = h_k W_k^\top + b_k$ and $h_{k+1} = f(a_k)$, starting from $h_0 = x$. No activation after the last layer: its sums are the logits. The way back will need each layer's inputs $h_k$ and sums $a_k$, so keep them, in a **trace**.

`ACTIVATIONS["tanh"].function` is tanh, `ACTIVATIONS["tanh"].slope` its slope as a function of $a$; likewise `"relu"` and `"sigmoid"`.

### Exercise · mlp_forward
"""


# %% exercise="mlp_forward" points=2 withheld="course_lib.neural.mlp.mlp_forward torch.nn.Sequential"
def mlp_forward(
    x: Tensor, layers: list[tuple[Tensor, Tensor]], activation: str = "relu"
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Return the output of a network, and what has to be kept for the way back.

    x           (N, D)
    layers      weight (out, in) and bias (out,) of each layer, at least one
    activation  a name in ACTIVATIONS; between layers, not after the last
    returns     the last layer's sums (N, C); and for each layer its inputs (N, in) and its
                sums (N, out)

    Example: x = [[3.], [−3.]] with layers [([[1.], [−1.]], [0., 0.]), ([[1., 1.]], [0.])]
    and relu gives [[3.], [3.]].
    """
    ### BEGIN SOLUTION
    trace, h = [], x
    for weight, bias in layers:
        if trace:
            h = ACTIVATIONS[activation].function(trace[-1][1])
        trace.append((h, h @ weight.T + bias))
    return trace[-1][1], trace
    ### END SOLUTION


# %% [markdown] hints="mlp_forward"
r"""
1. What is the input of the second layer: the sums of the first, or something made of them?
2. Walk through the layers. Except before the first, apply the activation to the last sums; then append the pair of inputs and sums.
3. `trace.append((h, h @ weight.T + bias))`
"""


# %% cases="mlp_forward" active="py"
def cases(seed):
    absolute = [(torch.tensor([[1.0], [-1.0]]), torch.zeros(2)), (torch.ones(1, 2), torch.zeros(1))]
    yield Case({"x": torch.tensor([[3.0], [-3.0]]), "layers": absolute}, note="the absolute value")
    for i, (name, sizes) in enumerate(
        [("relu", (3, 4, 2)), ("tanh", (2, 5, 3, 1)), ("sigmoid", (4, 2)), ("tanh", (3, 3, 3))]
    ):
        layers = [
            (random_tensor(10 * seed + i + k, out, inp), random_tensor(10 * seed + i + k + 60, out))
            for k, (inp, out) in enumerate(pairwise(sizes))
        ]
        case = {"x": random_tensor(10 * seed + i + 90, 4, sizes[0]), "layers": layers, "activation": name}
        yield Case(case, note=f"{name}, sizes {sizes}")


# %% mistake="mlp_forward" name="activated_output" hint="The last sums are the output: no activation after the last layer." active="py"
def mlp_forward(x, layers, activation="relu", right=mlp_forward):
    output, trace = right(x, layers, activation)
    return ACTIVATIONS[activation].function(output), trace


# %% mistake="mlp_forward" name="activated_input" hint="The first layer reads x itself: no activation before it." active="py"
def mlp_forward(x, layers, activation="relu", right=mlp_forward):
    return right(ACTIVATIONS[activation].function(x), layers, activation)


# %% mistake="mlp_forward" name="always_relu" hint="You always use ReLU; the argument activation names the function." active="py"
def mlp_forward(x, layers, activation="relu", right=mlp_forward):
    return right(x, layers)


# %% mistake="mlp_forward" name="no_activation" hint="Without an activation between them, all layers together are one linear map." active="py"
def mlp_forward(x, layers, activation="relu"):
    trace, h = [], x
    for weight, bias in layers:
        trace.append((h, h @ weight.T + bias))
        h = trace[-1][1]
    return h, trace


# %% [markdown]
r"""
## 7 · Backward, by hand

***Backpropagation*** is the chain rule, from the loss to the first layer. Let $G_k$ hold the gradient of the loss in the sums $a_k$, one example a row. From the sums to the weights, to the bias, to the inputs:

$$\frac{\partial L}{\partial W_k} = G_k^\top h_k, \qquad \frac{\partial L}{\partial b_k} = \sum_{\text{rows}} G_k, \qquad \frac{\partial L}{\partial h_k} = G_k W_k ,$$

and through the activation, element by element: $G_{k-1} = \frac{\partial L}{\partial h_k} \odot f'(a_{k-1})$. It starts at the end with $G = (P - Y)/N$, which you have.

"""

# %% [markdown]
r"""
By hand: $x = 1$, $w_1 = 2$, $f = $ ReLU, $w_2 = 3$, no biases, $\partial L / \partial z = 0.5$. Forward: $a = 2$, $h = 2$, $z = 6$. Backward: $\partial L/\partial w_2 = 0.5 \cdot 2 = 1$; $\partial L / \partial h = 0.5 \cdot 3 = 1.5$; the slope at $a = 2$ is 1; $\partial L / \partial w_1 = 1.5 \cdot 1 = 1.5$; $\partial L/\partial x = 1.5 \cdot 2 = 3$.

### Exercise · mlp_backward

Three parts, each with points: the last layer, the hidden layers, the input.
"""


# %% exercise="mlp_backward" points=4 parts={"last":1,"hidden":2,"input":1} withheld="course_lib.neural.mlp.mlp_backward torch.autograd.grad torch.Tensor.backward torch.func.vjp torch.func.grad torch.func.jacrev torch.func.jacfwd torch.func.grad_and_value torch.autograd.functional.jacobian torch.autograd.forward_ad"
def mlp_backward(
    grad: Tensor,
    layers: list[tuple[Tensor, Tensor]],
    trace: list[tuple[Tensor, Tensor]],
    activation: str = "relu",
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Return the gradients of a loss from its gradient in the network's output, by hand.

    grad        (N, C) ∂L/∂output
    layers      weight (out, in) and bias (out,) of each layer, as mlp_forward was given
    trace       each layer's inputs (N, in) and sums (N, out), as mlp_forward returned them
    activation  a name in ACTIVATIONS
    returns     the gradient in x (N, D); and in each layer's weight and bias, in the order of
                layers, summed over the rows

    Off limits: autograd.
    Example: grad [[0.5]], weights [[2.]] and [[3.]], biases 0, trace of x = [[1.]]: [[3.]] in x,
    [[1.5]] and [0.5·3 = 1.5] in the first layer, [[1.]] and [0.5] in the second.
    """
    ### BEGIN SOLUTION
    gradients = []
    for k in reversed(range(len(layers))):
        h, a = trace[k]
        if k < len(layers) - 1:
            grad = grad * ACTIVATIONS[activation].slope(a)
        gradients.append((grad.T @ h, grad.sum(0)))
        grad = grad @ layers[k][0]
    return grad, gradients[::-1]
    ### END SOLUTION


# %% [markdown] hints="mlp_backward"
r"""
1. In which order do you meet the layers, and what is `grad` the gradient of when you meet the next one?
2. Going back: except at the last layer, multiply by the slope at this layer's sums. Then the weight's and the bias's gradients; then carry on to the layer's inputs. Turn the list round at the end.
3. `grad = grad @ layers[k][0]` carries the gradient to the inputs of layer k.
"""


# %% cases="mlp_backward" active="py"
def cases(seed):
    hand = {"grad": torch.tensor([[0.5]]), "activation": "relu"}
    hand |= {"layers": [(torch.tensor([[2.0]]), torch.zeros(1)), (torch.tensor([[3.0]]), torch.zeros(1))]}
    hand |= {"trace": [(torch.ones(1, 1), torch.tensor([[2.0]])), (torch.tensor([[2.0]]), torch.tensor([[6.0]]))]}
    everything = [(hand, "the example by hand"), (hand | {"activation": None}, "no activation named: ReLU")]
    everything[1][0]["grad"] = random_tensor(seed, 1, 1)
    for i, (name, sizes) in enumerate([("relu", (3, 4, 2)), ("tanh", (2, 5, 3, 1)), ("sigmoid", (3, 3, 3, 3))]):
        layers = [
            (random_tensor(10 * seed + i + k, out, inp), random_tensor(10 * seed + i + k + 60, out))
            for k, (inp, out) in enumerate(pairwise(sizes))
        ]
        h, trace = random_tensor(10 * seed + i + 90, 4, sizes[0]), []
        for weight, bias in layers:
            trace.append((h, h @ weight.T + bias))
            h = ACTIVATIONS[name].function(trace[-1][1])
        case = {"grad": random_tensor(10 * seed + i + 95, 4, sizes[-1]), "layers": layers, "trace": trace}
        everything.append((case | {"activation": name}, f"{name}, sizes {sizes}"))
    for case, note in everything:
        for part in ("last", "hidden", "input"):
            yield Case(case | {"ask": part}, note=note, part=part)


# %% probe="mlp_backward" active="py"
def probe(student, case):
    named = [case["activation"]] if case["activation"] else []
    in_x, in_layers = student(case["grad"], case["layers"], case["trace"], *named)
    if case["ask"] == "input":
        return in_x
    in_layers = [list(pair) for pair in in_layers]
    return in_layers[-1] if case["ask"] == "last" else in_layers[:-1]


# %% equivalents="mlp_backward" active="py"
equivalents = {
    "grad = grad * ACTIVATIONS[activation].slope(a) → grad *= ACTIVATIONS[activation].slope(a)": "not reached at the last layer, so grad is a product by then and no longer that of the caller",
    "grad = grad @ layers[k][0] → grad @= layers[k][0]": "tensors have no matrix product in place; Python falls back to the other",
    "return (grad, gradients[::-1]) → return detached((grad, gradients[::-1]))": "what is returned is a gradient or a weight; nothing is differentiated a second time",
}


# %% mistake="mlp_backward" name="no_slope" hint="The slope of the activation is missing: multiply by f′(a) of a hidden layer before you use its gradient." active="py"
def mlp_backward(grad, layers, trace, activation="relu"):
    gradients = []
    for k in reversed(range(len(layers))):
        gradients.append((grad.T @ trace[k][0], grad.sum(0)))
        grad = grad @ layers[k][0]
    return grad, gradients[::-1]


# %% mistake="mlp_backward" name="averaged" hint="You divide by the number of rows. A mean is in the loss, and so in grad already: sum." active="py"
def mlp_backward(grad, layers, trace, activation="relu", right=mlp_backward):
    in_x, in_layers = right(grad, layers, trace, activation)
    return in_x / len(grad), [(w / len(grad), b / len(grad)) for w, b in in_layers]


# %% mistake="mlp_backward" name="backwards_list" hint="The gradients are right, but in the order in which you met the layers. Turn the list round." active="py"
def mlp_backward(grad, layers, trace, activation="relu", right=mlp_backward):
    in_x, in_layers = right(grad, layers, trace, activation)
    return in_x, in_layers[::-1]


# %% mistake="mlp_backward" name="slope_at_the_output" hint="The output has no activation: the slope belongs to the hidden layers only." active="py"
def mlp_backward(grad, layers, trace, activation="relu", right=mlp_backward):
    return right(grad * ACTIVATIONS[activation].slope(trace[-1][1]), layers, trace, activation)


# %% [markdown]
r"""
Autograd is the referee. And a measurement: ten layers of 32 units, the size of the gradient in each layer's weights. All start from the same scale, $\sqrt{2 / \text{in}}$, which suits ReLU.
"""

# %%
forward = yours("linear_models.mlp_forward", neural.mlp_forward)
backward = yours("linear_models.mlp_backward", neural.mlp_backward)
g = torch.Generator().manual_seed(0)
layers = neural.mlp_layers([4, 6, 5, 3], g)
inputs, right = torch.randn(8, 4, generator=g), torch.randint(0, 3, (8,), generator=g)
logits, trace = forward(inputs, layers, "tanh")
by_me = backward(neural.logits_grad(logits, right), layers, trace, "tanh")[1]
leaves = [p.clone().requires_grad_() for pair in layers for p in pair]
again = neural.mlp_forward(inputs, list(zip(leaves[::2], leaves[1::2])), "tanh")[0]
loss = F.cross_entropy(again, right)
truth, mine = torch.autograd.grad(loss, leaves), [gradient for pair in by_me for gradient in pair]
difference = max((m - t).abs().max().item() for m, t in zip(mine, truth))
print("largest difference to autograd:", difference)

# %%
norms, seeded = {}, lambda seed: torch.Generator().manual_seed(seed)
for name in ACTIVATIONS:
    deep = neural.mlp_layers([32] * 11, seeded(1))
    out, kept = neural.mlp_forward(torch.randn(64, 32, generator=seeded(2)), deep, name)
    back = neural.mlp_backward(torch.randn(64, 32, generator=seeded(3)) / 64, deep, kept, name)
    norms[name] = [w.norm().item() for w, _ in back.layers]
share = norms["sigmoid"][0] / norms["sigmoid"][-1]
show(
    figures.gradient_by_layer(norms),
    alt=f"Gradient norm by layer. With sigmoids the first layer's is {share:.0e} of the last one's.",
)

# %% [markdown]
r"""
No sigmoid here is saturated. Its slope is at most ¼, and ten factors of at most ¼ are at most {{1e-6 = 0.25**10 ± 0.0000001}}, times the weights: a ***vanishing gradient*** needs no saturation. And only the *early* layers stop learning; the last one does not (one network, one seed).
"""

# %% [markdown]
r"""
## 8 · Width is capacity

Two spirals. Each hidden unit contributes one line along which it changes its mind; the more units, the more a boundary can bend. Same number of updates for each width.
"""

# %%
points, which = spirals(400, torch.Generator().manual_seed(0))
fresh, fresh_which = spirals(1000, torch.Generator().manual_seed(9))


def fit_spirals(width, seed, passes):
    """Return the layers after mini-batch descent on the spirals, and the held-out accuracy."""
    g = torch.Generator().manual_seed(seed)
    layers = neural.mlp_layers([2, width, 1], g)
    for _ in range(passes):
        for batch in neural.minibatches(400, 20, g):
            z, trace = forward(points[batch], layers, "tanh")
            grad = (z.sigmoid() - which[batch][:, None]) / len(batch)
            moves = backward(grad, layers, trace, "tanh")[1]
            layers = [(w - dw, b - db) for (w, b), (dw, db) in zip(layers, moves)]
    said = neural.mlp_forward(fresh, layers, "tanh")[0][:, 0] > 0
    return layers, (said == (fresh_which > 0.5)).float().mean().item()


networks, accuracy = {}, {}
for width in (1, 2, 4, 8, 16, 32):
    fits = [fit_spirals(width, seed, budget(full=150, short=1)) for seed in range(3)]
    networks[width], accuracy[width] = fits[0][0], [a for _, a in fits]
    print(f"{width:2} hidden units:", *(f"{a:.1%}" for a in accuracy[width]))

# %%
width_explorer(networks, points, which, "tanh", 4)

# %% [markdown]
r"""
One unit is a line, and right {{under 80 % : max(accuracy[1]) < 0.8}} of the time; 4 units reach {{96 % : min(accuracy[4]) > 0.96}} and 16 {{99 % : min(accuracy[16]) > 0.985}}, with every seed. One hidden layer that is wide enough can approximate any continuous function on a bounded region (Cybenko 1989). That says that such weights *exist*, not that descent finds them, nor how many units or examples it takes.

## 9 · A deep averaging network

Sentences differ in length; a network wants inputs of one size. Give each word a vector, take the **mean** over the words, and put a network on top: the ***deep averaging network*** (Iyyer et al. 2015). It ignores the order of the words.

A batch of sentences shares a tensor of ids $(B, T)$; short ones are filled up with padding, which must count neither in the sum nor in the number that divides it. By hand: word vectors 2 and 4 and a padding vector of 9 average to 3, not to 5 and not to 2.

### Exercise · deep_averaging_network
"""


# %% exercise="deep_averaging_network" points=3 needs="mlp_forward" withheld="course_lib.neural.deep_averaging.DeepAveragingNetwork course_lib.neural.deep_averaging.mean_of_words torch.nn.EmbeddingBag torch.nn.functional.embedding_bag"
def deep_averaging_network(ids: Tensor, words: Tensor, layers: list[tuple[Tensor, Tensor]], pad_id: int = 0) -> Tensor:
    """Return the logits of each text: a network with ReLU on the mean of its words' vectors.

    ids      (B, T) token ids, filled up with pad_id
    words    (V, D) the vector of each word; the padding's may be anything
    layers   weight (out, in) and bias (out,) of each layer; mlp_forward may be used
    pad_id   marks what is no word, wherever it is
    returns  (B, C); a text without any word has the mean zero. Gradients flow to words

    Example: ids = [[1, 2, 0]], words = [[9.], [2.], [4.]], layers = [([[1.]], [0.])] give [[3.]].
    """
    ### BEGIN SOLUTION
    mask = (ids != pad_id)[..., None]
    total = (words[ids] * mask).sum(1)
    return mlp_forward(total / mask.sum(1).clamp(min=1), layers)[0]
    ### END SOLUTION


# %% [markdown] hints="deep_averaging_network"
r"""
1. In which two places does the padding have to be left out?
2. Look the vectors up, set those of the padding to zero, sum over the words, divide by the number of real words (at least 1), and hand the mean to mlp_forward.
3. `mask = (ids != pad_id)[..., None]` is (B, T, 1) and multiplies the vectors.
"""


# %% cases="deep_averaging_network" active="py"
def cases(seed):
    identity = [(torch.ones(1, 1), torch.zeros(1))]
    words = torch.tensor([[9.0], [2.0], [4.0]])
    yield Case({"ids": torch.tensor([[1, 2, 0]]), "words": words, "layers": identity}, note="the example")
    yield Case({"ids": torch.tensor([[1, 2], [2, 0]]), "words": words, "layers": identity}, note="two lengths")
    yield Case({"ids": torch.tensor([[0, 0], [1, 1]]), "words": words, "layers": identity}, note="a text without words")
    for i, pad in enumerate((0, 3, 5)):
        layers = [
            (random_tensor(seed + i + k, o, n), random_tensor(seed + i + k + 9, o))
            for k, (n, o) in enumerate([(4, 5), (5, 3)])
        ]
        ids = random_integers(seed + i, 0, 6, 3, 7)
        ids[0, 4:] = pad
        case = {"ids": ids, "words": random_tensor(seed + i + 30, 6, 4), "layers": layers, "pad_id": pad}
        yield Case(case, note=f"pad_id {pad}, a hidden layer")
    yield Case(case | {"ask": "gradient"}, note="the gradient in the words")


# %% probe="deep_averaging_network" active="py"
def probe(student, case):
    if "ask" not in case:
        return student(**case)
    words = case["words"].clone().requires_grad_()
    logits = student(case["ids"], words, case["layers"], case["pad_id"])
    if not logits.requires_grad:
        return "no gradient flows back"
    return torch.autograd.grad((logits * torch.arange(1.0, 4.0)).sum(), words)[0]


# %% mistake="deep_averaging_network" name="averages_the_padding" hint="You average the padding, too: its vector is in the sum and it is counted. Leave it out of both." active="py"
def deep_averaging_network(ids, words, layers, pad_id=0):
    return mlp_forward(words[ids].mean(1), layers)[0]


# %% mistake="deep_averaging_network" name="divides_by_the_length" hint="The padding is out of the sum, but you still divide by T. Divide by the number of real words." active="py"
def deep_averaging_network(ids, words, layers, pad_id=0):
    return mlp_forward((words[ids] * (ids != pad_id)[..., None]).mean(1), layers)[0]


# %% mistake="deep_averaging_network" name="summed" hint="That is the sum of the words. The mean keeps long and short sentences comparable." active="py"
def deep_averaging_network(ids, words, layers, pad_id=0):
    return mlp_forward((words[ids] * (ids != pad_id)[..., None]).sum(1), layers)[0]


# %% mistake="deep_averaging_network" name="always_zero" hint="You compare with 0; the padding's id is the argument pad_id." active="py"
def deep_averaging_network(ids, words, layers, pad_id=0, right=deep_averaging_network):
    return right(ids, words, layers)


# %% mistake="deep_averaging_network" name="nan_without_words" hint="A text without words divides 0 by 0. Its mean counts as zero: divide by at least 1." active="py"
def deep_averaging_network(ids, words, layers, pad_id=0):
    mask = (ids != pad_id)[..., None]
    return mlp_forward((words[ids] * mask).sum(1) / mask.sum(1), layers)[0]


# %% [markdown]
r"""
### Does the verb fit?

*the mice near the old house eat cheese* against *the mouse near the old house eat cheese*. Half of the sentences are wrong, half of the subjects plural. Knowing the noun alone, or the verb alone, helps nobody: an XOR in language. Saying *right* always scores 50 %. Before you look:
"""

# %%
guess = predict_number(
    "04_linear_models.agreement",
    "What share of new sentences will a linear classifier of words get right?",
    low=0,
    high=100,
    unit="%",
)
guess

# %%
pairs, fits_subject = tasks.agreement(8000, torch.Generator().manual_seed(1))
ids = tasks.padded(pairs, vocabulary)
learn, held = slice(0, 6000), slice(6000, 8000)


def agreement_accuracy(n_layers, seed):
    torch.manual_seed(seed)
    network = neural.DeepAveragingNetwork(V, 2, 32, 64, n_layers)
    g = torch.Generator().manual_seed(seed)
    for _ in range(budget(full=20, short=1)):
        for batch in neural.minibatches(6000, 32, g):
            network.zero_grad()
            F.cross_entropy(network(ids[learn][batch]), fits_subject[learn][batch]).backward()
            with torch.no_grad():
                for p in network.parameters():
                    p -= p.grad  # learning rate 1
    with torch.no_grad():
        return network, (network(ids[held]).argmax(1) == fits_subject[held]).float().mean().item()


agreed = {n: [agreement_accuracy(n, seed)[1] for seed in range(3)] for n in (0, 1)}
same_words = tasks.padded(["the cats chase the mouse", "the mouse chase the cats"], vocabulary)
twins = neural.DeepAveragingNetwork(V, 2)(same_words).detach()  # (2, 2): any network will do
for n, shares in agreed.items():
    print(f"{n} hidden layers:", *(f"{share:.1%}" for share in shares))

# %%
guess.reveal(round(100 * sum(agreed[0]) / 3, 1))

# %% [markdown]
r"""
The linear classifier stays {{at chance : max(abs(a - 0.5) for a in agreed[0]) < 0.03}} with all three seeds; one hidden layer is right {{about 90 % : min(agreed[1]) > 0.85}} of the time, with the same number of updates. One limit no width repairs: *the cats chase the mouse* and *the mouse chase the cats* are the same bag of words, so they get {{the same logits : torch.allclose(twins[0], twins[1], atol=1e-5)}}, and one of them is wrong. [09](09_rnn.ipynb) reads in order.
"""

# %% [markdown]
r"""
## 10 · Find the bugs · optional

A colleague trains a softmax classifier by mini-batches. The loss falls smoothly, more smoothly than it should, and a second run from “the same” start begins where the first one ended. Each repair earns its point alone.

### Exercise · train_softmax · optional
"""


# %% exercise="train_softmax" points=3 optional=true parts={"batch":1,"together":1,"start":1} needs="softmax_grad"  withheld="course_lib.train.Trainer torch.optim"
def train_softmax(
    x: Tensor, targets: Tensor, weight: Tensor, bias: Tensor, batches: list[Tensor], lr: float
) -> tuple[Tensor, Tensor]:
    """Return weight and bias after one step of mini-batch gradient descent for each batch.

    x, targets    (N, D) features and (N,) classes
    weight, bias  (K, D) and (K,), the start; they are not changed
    batches       tensors of indices, in the order of the steps
    lr            learning rate
    returns       (K, D) and (K,)

    A step uses the mean gradient of its batch alone, in weight and in bias at the same point.
    """
    ### BEGIN SOLUTION
    for batch in batches:
        in_weight, in_bias = softmax_grad(x[batch], targets[batch], weight, bias)
        weight, bias = weight - lr * in_weight, bias - lr * in_bias
    return weight, bias
    ### END SOLUTION
    ### BEGIN STARTER
    # for batch in batches:
    #     weight -= lr * softmax_grad(x, targets, weight, bias)[0]
    #     bias -= lr * softmax_grad(x, targets, weight, bias)[1]
    # return weight, bias
    ### END STARTER


# %% [markdown] hints="train_softmax"
r"""
1. Which names of the loop are never used? Where does the second gradient of a step stand? And whose tensor does `-=` change?
2. A step looks at its batch, computes both gradients before anything moves, and makes new tensors.
3. `in_weight, in_bias = softmax_grad(x[batch], …)`
"""


# %% cases="train_softmax" active="py"
def cases(seed):
    def case(ask, n, batches, zero=False):
        x = 0 * random_tensor(seed, n, 2) if zero else random_tensor(seed, n, 2)
        values = {"x": x, "targets": random_integers(seed + 1, 0, 3, n), "weight": random_tensor(seed + 2, 3, 2)}
        values["targets"][0] = (values["targets"][1] + 1) % 3
        return values | {"bias": random_tensor(seed + 3, 3), "batches": batches, "lr": 0.7, "ask": ask}

    # features of 0 leave the weights alone, so only the choice of the batch counts; one batch of all: only the order
    yield Case(
        case("result", 4, [torch.tensor([0]), torch.tensor([1, 3])], zero=True), note="features of 0", part="batch"
    )
    yield Case(case("result", 5, [torch.arange(5)] * 2), note="all examples, twice", part="together")
    yield Case(case("start", 3, [torch.arange(3)], zero=True), note="the start after the call", part="start")
    yield Case(
        case("result", 6, [torch.tensor([5, 0]), torch.tensor([1])], zero=True), note="two batches", part="batch"
    )
    yield Case(case("result", 3, [torch.arange(3)]), note="all examples, once", part="together")
    yield Case(case("start", 4, [torch.arange(4)] * 2, zero=True), note="the start after two steps", part="start")


# %% probe="train_softmax" active="py"
def probe(student, case):
    start = case["weight"].clone(), case["bias"].clone()
    result = student(case["x"], case["targets"], *start, case["batches"], case["lr"])
    return list(result) if case["ask"] == "result" else [*start, result[1]]


# %% equivalents="train_softmax" active="py"
equivalents = {
    "return (weight, bias) → return detached((weight, bias))": "what is returned is a gradient or a weight; nothing is differentiated a second time",
}


# %% mistake="train_softmax" name="all_examples" hint="Order and start are right now. Each step still looks at all examples: that is batch gradient descent, whatever it is called." active="py"
def train_softmax(x, targets, weight, bias, batches, lr, right=train_softmax):
    return right(x, targets, weight, bias, [torch.arange(len(x))] * len(batches), lr)


# %% mistake="train_softmax" name="one_after_the_other" hint="Batches and start are right now. The bias still gets its gradient after the weight has moved; compute both first." active="py"
def train_softmax(x, targets, weight, bias, batches, lr):
    for batch in batches:
        weight = weight - lr * softmax_grad(x[batch], targets[batch], weight, bias)[0]
        bias = bias - lr * softmax_grad(x[batch], targets[batch], weight, bias)[1]
    return weight, bias


# %% mistake="train_softmax" name="in_place" hint="The steps are right now. The caller's start is still changed: -= writes into the tensor that was given." active="py"
def train_softmax(x, targets, weight, bias, batches, lr):
    for batch in batches:
        in_weight, in_bias = softmax_grad(x[batch], targets[batch], weight, bias)
        weight -= lr * in_weight
        bias -= lr * in_bias
    return weight, bias


# %% [markdown]
r"""
## 11 · In your own words

Write first, then open the model answer.
"""

# %% [markdown] exercise="derive_bce" points=4
r"""
### In your own words · derive_bce

Interview question. Derive the binary cross-entropy from maximum likelihood, in steps, and say what each step assumes.

### BEGIN SOLUTION
1. *One observation.* The model says $p_i = P(y_i = 1 \mid x_i; w)$. Both cases in one expression: $P(y_i \mid x_i; w) = p_i^{y_i} (1 - p_i)^{1 - y_i}$, a Bernoulli probability; $y_i = 1$ gives $p_i$, $y_i = 0$ gives $1 - p_i$.
2. *All labels.* Independent given the features: $P(y \mid X; w) = \prod_i p_i^{y_i} (1 - p_i)^{1 - y_i}$. It is a conditional likelihood; the $x_i$ are not modelled.
3. *Logarithm*, which keeps the order: $\sum_i [y_i \log p_i + (1 - y_i) \log (1 - p_i)]$.
4. *Sign*: to minimise, take the negative log-likelihood.
5. *Mean*: $L = -\frac1N \sum_i [y_i \log p_i + (1 - y_i) \log(1 - p_i)]$. The sum stays; without it that is the loss of one example. Neither the sign nor $1/N$ moves the best $w$.

Compute it from the logit, since a sigmoid that is rounded to 0 or 1 has no logarithm to learn from.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: the Bernoulli probability in one expression, checked for both labels
- 1 point: product over independent examples, conditional on the features
- 1 point: logarithm and sign, with the reason that they keep the best weights
- 1 point: the mean with its sum, equal to the binary cross-entropy
### END RUBRIC
"""

# %% [markdown] exercise="why_a_hidden_layer" points=3
r"""
### In your own words · why_a_hidden_layer

Why can no linear classifier of words tell whether a verb fits its subject, why can a network with a hidden layer, and what can it still not do?

### BEGIN SOLUTION
The score is a sum of one term per word. Right are (singular, singular) and (plural, plural). The sums of the scores of the two right combinations and of the two wrong ones are equal, so not all four can be on their sides: an XOR. A hidden unit with a nonlinear activation can react to a noun and a verb *together*; the output adds such units up. Without the activation two layers are one linear map. A mean of words has lost the order: sentences of the same words get the same logits, whatever the width.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: one term per word cannot express a combination (XOR), with a reason
- 1 point: hidden units and the activation make the combination; linear layers alone do not
- 1 point: the order is lost in the mean
### END RUBRIC
"""

# %% [markdown]
r"""
## 12 · Where this came from, and where it goes

- **Robbins and Monro (1951)**: descent by noisy measurements, with steps that shrink. **Rumelhart, Hinton and Williams (1986)**: backpropagation for layered networks. **Cybenko (1989)**: one hidden layer suffices, in principle.
- **Nair and Hinton (2010)**: ReLU; **Hendrycks and Gimpel (2016)**: GELU, the default of GPT-2 and BERT. **Iyyer et al. (2015)**: the deep averaging network, with word dropout.

**Honest limits.** The toy sentences have clear answers; real labels do not. A plain step knows one rate for all weights: [05 Optimizers](05_optimizers.ipynb) asks for more. What fits the training data too well is the subject of **06 Regularization**.

Flash cards of this lesson:
"""

# %%
flash_cards("04_linear_models")
