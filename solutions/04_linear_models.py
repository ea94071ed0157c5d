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

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib import information
from course_lib.checks import check, show_answer, yours
from course_lib.neural import ACTIVATIONS

torch.set_printoptions(precision=4, sci_mode=False)

# %%
from course_lib import neural
from course_lib.budget import budget
from course_lib.data.mouse_and_cheese import MouseAndCheese
from course_lib.data.sentence_tasks import ANIMAL_NAMES, agreement, hidden_animals, padded, person_or_animal
from course_lib.data.spirals import spirals
from course_lib.deck import flash_cards
from course_lib.figures import linear_models as figures
from course_lib.figures.style import show
from course_lib.widgets.linear_models import boundary_explorer, width_explorer
from course_lib.widgets.predict import predict_choice, predict_number

torch.set_num_threads(1)  # matrices this small are faster on one core
kinds, measures = ("an animal", "a person"), ("letters per word (standardised)", "words (standardised)")
stories, x, y = person_or_animal(400, torch.Generator().manual_seed(0))
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

**Time** 90 minutes for the core, about 50 more for what is marked optional. **Builds on** [01 Information](01_information.ipynb) (softmax, cross-entropy). [03 N-grams](03_ngrams.ipynb) learned by counting; from here on, models learn by descent.
**Sizes** N examples, D features, K classes, V words.
"""

# %% [markdown]
r"""
## 1 · A linear classifier, from maximum likelihood

Describe an example by $D$ numbers, its **features** $x$. Give each class $k$ a weight vector $w_k$ and a bias $b_k$. The **score** (logit) of a class is a weighted sum, and a softmax makes probabilities of the scores:

$$z_k = w_k \cdot x + b_k, \qquad p_k = \frac{e^{z_k}}{\sum_{j=1}^{K} e^{z_j}} .$$

This is the ***softmax classifier***. In matrices, with $X$ of shape $(N, D)$ and $W$ of shape $(K, D)$: $Z = X W^\top + b$, of shape $(N, K)$.

With two classes only the difference of the scores counts, so one weight vector $w = w_1 - w_0$ is enough and $p_1 = \sigma(w \cdot x + b)$. That is ***logistic regression***, the model at the top.

Which weights? ***Maximum likelihood*** says: those under which the observed classes $y_1 \dots y_N$, given the features, are most probable. Given the features they are independent, so the likelihood is $\prod_i p_{y_i}(x_i)$; its logarithm, negated and divided by $N$, is the loss

$$L = -\frac{1}{N} \sum_{i=1}^{N} \log p_{y_i}(x_i),$$

the cross-entropy of [lesson 01](01_information.ipynb). Nothing here models the features themselves. (A squared error would be the maximum-likelihood loss of normally distributed numbers. Classes are not that.)
"""

# %% [markdown]
r"""
### By hand

Two features, three classes. $x = (1, 2)$ and the scores come out as $(2, 1, 0)$: $e^2 = 7.389$, $e^1 = 2.718$, $e^0 = 1$, sum $11.107$. So $p = ({{0.665 = by_hand[0]}}, {{0.245 = by_hand[1]}}, {{0.090 = by_hand[2]}})$. If the right class is the second one, the loss is $-\log 0.245 = {{1.408 = -by_hand[1].log()}}$.

What the loss is *not*: a distance. $H(p, q) \ne H(q, p)$, and the loss of a perfect model is the entropy of the labels, not 0 (01 calls the part above it KL).

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

Derive it for one example with the right class $c$. The loss is $\ell = -\log p_c = -z_c + \log \sum_j e^{z_j}$. Its slope in one score:

- the first part gives $-1$ if $k = c$, else 0. Write the one-hot vector $y$, with $y_c = 1$: the slope is $-y_k$;
- the second part gives $e^{z_k} / \sum_j e^{z_j} = p_k$.

$$\boxed{\frac{\partial \ell}{\partial z_k} = p_k - y_k}$$

**What was predicted, minus what was right.** Then the chain rule: $z_k = w_k \cdot x + b_k$, so $\partial z_k / \partial w_k = x$ and $\partial z_k / \partial b_k = 1$. Averaged over the examples,

$$\frac{\partial L}{\partial W} = \frac{1}{N} (P - Y)^\top X, \qquad \frac{\partial L}{\partial b} = \frac1N \sum_i (p_i - y_i),$$

of shapes $(K, D)$ and $(K,)$. For logistic regression it is the same, with one score. By hand: $p = (0.665, 0.245, 0.090)$, $y = (0, 1, 0)$, so the slopes are $(0.665, {{-0.755 = by_hand[1] - 1}}, 0.090)$; they sum to 0.

### Exercise · softmax_grad
"""


# %% exercise="softmax_grad" points=3 parts={"bias":1,"weight":2} withheld="course_lib.neural.linear.softmax_grad course_lib.neural.linear.logits_grad torch.autograd.grad torch.Tensor.backward torch.func.vjp torch.func.grad torch.func.jacrev torch.func.jacfwd torch.func.grad_and_value torch.autograd.functional.jacobian torch.autograd.forward_ad"
def softmax_grad(
    x: Tensor, targets: Tensor, weight: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
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
print(f"largest difference to autograd {(mine - auto).abs().max():.1e}, to nudging {(mine - nudged).abs().max():.1e}")

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
    generator   source of the order, on the CPU: another call gives another order, the same seed the same
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
        "how often each example had each place": places.tolist(),
        "how often 0 and 1 were apart and together": [together],
    }


# %% judge="minibatches" active="py"
def judge(case, expected, got):
    places, pairs = "how often each example had each place", "how often 0 and 1 were apart and together"
    return judge_entries(expected, got, {places: judge_counts, pairs: judge_counts})


# %% mistake="minibatches" name="drops_the_last" hint="The last examples of a pass are lost. The last batch may be smaller; keep it." active="py"
def minibatches(n, batch_size, generator, right=minibatches):
    return tuple(b for b in right(n, batch_size, generator) if len(b) == min(batch_size, n)) if n % batch_size else tuple(right(n, batch_size, generator))[: max(1, n // batch_size)]


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
per_example = ((x @ weight + bias).sigmoid() - y)[:, None] * x  # (N, 2): p − y, times the features
spread = (per_example - per_example.mean(0)).square().sum(1).mean().item()
expected = [spread / b * (400 - b) / 399 for b in sizes]
g = torch.Generator().manual_seed(1)
measured = []
for b in sizes:
    means = torch.stack([per_example[torch.randperm(400, generator=g)[:b]].mean(0) for _ in range(500)])
    measured.append((means - per_example.mean(0)).square().sum(1).mean().item())
show(
    figures.gradient_noise(sizes, measured, expected),
    alt=f"Variance falls from {measured[0]:.2f} with one example to {measured[-1]:.5f} with 300, along the formula.",
)

# %% [markdown]
r"""
Now let all three descend on the problem of the first picture, from the same start, for the same number of passes. `fit_logistic` of the library knows the minimum, so the distance to it can be measured. Each runs at a constant learning rate, three seeds.
"""

# %%
best_w, best_b = neural.fit_logistic(x, y)
lowest = neural.logistic_loss(x, y, best_w, best_b).item()


def descend(batch_size, lr, seed, passes, falling=False):
    """Return the weights after every update (steps, 2), and the loss above its minimum after each pass."""
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


settings = {"all 400": (400, 2.0), "32 at a time": (32, 0.5), "one at a time": (1, 0.2)}
passes = budget(full=30, short=3)
runs = {name: [descend(*how, seed, passes) for seed in range(3)] for name, how in settings.items()}
falling = [descend(1, 0.2, seed, passes, falling=True)[1][-1] for seed in range(3)]
side = torch.linspace(-2, 2, 60)
plane = [[neural.logistic_loss(x, y, torch.stack([u, v]), best_b).item() for u in side] for v in side]
show(
    figures.descents(
        {name: some[0][0] for name, some in runs.items()}, torch.tensor(plane).numpy(), (side, side), best_w.tolist()
    ),
    alt="Three paths over the contours of the loss: smooth with all examples, slightly ragged with 32, "
    "and with one at a time a tangle around the minimum.",
)

# %%
show(
    figures.excess(
        {name: (range(1, passes + 1), [sum(c) / 3 for c in zip(*(a for _, a in some))]) for name, some in runs.items()},
        "One at a time is near at once, and never arrives",
    ),
    alt="Loss above its minimum against passes. One at a time falls first and then stays level; all at once falls steadily.",
)
for name, some in runs.items():
    print(f"{name:14}", *(f"{above[-1]:.1e}" for _, above in some))
print(f"one at a time, rate falling as 1/step:", *(f"{v:.1e}" for v in falling))
