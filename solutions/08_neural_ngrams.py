# ---
# jupyter:
#   course:
#     title: What if the table were a network?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# What if the table were a network?

An n-gram model has counted *the cat is walking*. It has never counted *the kitten is walking*. For a table these are two cells with nothing in common. A network that gives *cat* and *kitten* similar vectors can answer the second from what it learned about the first.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks import check, show_answer, yours

torch.set_printoptions(precision=4, sci_mode=False)

# %%
import time

from ipywidgets import Dropdown, SelectionSlider

from course_lib import neural_ngram, scoreboard
from course_lib.budget import budget
from course_lib.data import mouse_and_cheese
from course_lib.figures import ngrams as figures
from course_lib.figures.style import show
from course_lib.language_model import count_parameters, draw_windows, next_token_loss
from course_lib.ngrams import count_ngrams, kneser_ney
from course_lib.train import Trainer
from course_lib.widgets.cards import flash_cards
from course_lib.widgets.live import live
from course_lib.widgets.predict import predict_curve

torch.set_num_threads(1)
train, test = scoreboard.training(), scoreboard.held_out()[: budget(full=20_000, short=4000)]
V, floor = len(scoreboard.language().vocabulary), scoreboard.language().entropy_rate
tokens, later = train.tolist(), test.tolist()

# %%
unseen = {}
for n in (1, 2, 3, 5, 8):
    known = {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)}
    asked = [tuple(later[i : i + n]) in known for i in range(len(later) - n)]
    unseen[n] = 1 - sum(asked) / len(asked)
show(
    figures.bars(
        [f"{n} word{'s' * (n > 1)}" for n in unseen],
        list(unseen.values()),
        "The more words of context, the fewer contexts were ever seen",
        "share that is new",
        [f"{share:.0%}" for share in unseen.values()],
    ),
    alt="Share of new contexts: " + ", ".join(f"{s:.0%} of {n} words" for n, s in unseen.items()),
)

# %% [markdown]
r"""
## What you will be able to do

- cut a text into windows and compute the logits of the neural n-gram model of Bengio et al. (2003);
- count its parameters, with and without direct connections, and with tied weights;
- measure where a network beats a table, on contexts that were seen and on contexts that were not;
- mix a network with an n-gram model;
- say what a fixed window cannot do.

**Time** about 90 minutes. **Builds on** [03 N-grams](03_ngrams.ipynb); the next step is [09 RNN](09_rnn.ipynb).
**Sizes** B rows, T tokens, V words, $n - 1$ tokens of context, $m$ features of a word, $h$ hidden units.
"""

# %% [markdown]
r"""
## 1 · The curse of dimensionality

A table for contexts of $n - 1$ words has $V^{n-1}$ rows. With every word more, their number is multiplied by $V$, and the text that fills them stays the same. Bengio et al. (2003) open their paper with this *curse of dimensionality* ([04](04_linear_models.ipynb)). Their example: the joint distribution of 10 words from 100,000 has $100{,}000^{10} - 1 = 10^{50} - 1$ free parameters. The bars above are the effect in our toy world: of the held-out contexts of 8 words {{88 % = unseen[8]}} are new, and its training text has {{300,000 = len(tokens)}} words for {{348 = V}} different ones.

A smoothed n-gram model backs off to shorter contexts. It never asks whether a new context is *like* one that it knows. The paper's proposal: learn a vector for each word and, from these vectors, the probability of the next word, both at the same time. A sentence in the training text then also informs the model about the many sentences made of similar words.
"""

# %% [markdown]
r"""
### Question · rows_of_the_table

A language has 100 words. How many contexts of 4 words are there?
"""

# %% exercise="rows_of_the_table" points=1 kind="number"
### BEGIN SOLUTION
rows_of_the_table = 100**4
### END SOLUTION

# %% mistake="rows_of_the_table" name="product" hint="Each of the four places can be any of the 100 words, whatever the others are: multiply." active="py"
rows_of_the_table = 400

# %% mistake="rows_of_the_table" name="with_the_next" hint="You counted the word to predict as well; the question is about contexts." active="py"
rows_of_the_table = 100**5

# %% [markdown]
r"""
## 2 · Windows

The network sees the last $n - 1$ tokens. A ***fixed window*** slides over the text; before the first token there is filling.

### Exercise · windows

With size 2, the tokens 5, 6, 7 give [0, 5], [5, 6], [6, 7].
"""


# %% exercise="windows" points=2 withheld="course_lib.neural_ngram.windows"
def windows(x: Tensor, size: int, fill: int = 0) -> Tensor:
    """Return, for every position, the last `size` tokens up to it and with it.

    x        (B, T) token ids, T ≥ 1; not changed
    size     tokens of a window, the oldest first
    fill     what is before the first token
    returns  (B, T, size), int64

    Raises ValueError when size is less than 1.

    Example: windows(torch.tensor([[5, 6, 7]]), 2) is [[[0, 5], [5, 6], [6, 7]]].
    """
    ### BEGIN SOLUTION
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    before = torch.full((x.size(0), size - 1), fill, dtype=x.dtype, device=x.device)
    return torch.cat([before, x], dim=1).unfold(1, size, 1)
    ### END SOLUTION


# %% [markdown] hints="windows"
r"""
1. How many tokens are missing in front of the first position's window?
2. Put size − 1 fillings in front of each row; then every window is a slice of the row.
3. `row.unfold(1, size, 1)`, where `row` begins with the filling.
"""


# %% cases="windows" active="py"
def cases(seed):
    yield Case({"x": torch.tensor([[5, 6, 7]]), "size": 2}, note="the example of the docstring")
    yield Case({"x": torch.tensor([[5, 6, 7]]), "size": 1}, note="a window of one token")
    yield Case({"x": torch.tensor([[5, 6], [7, 8]]), "size": 4, "fill": 9}, note="longer than the text")
    for i, (batch, length, size) in enumerate(((2, 6, 3), (3, 5, 4), (1, 7, 2))):
        x = torch.randint(1, 50, (batch, length), generator=generator(seed + i))
        yield Case({"x": x, "size": size, "fill": i}, note="random tokens")
    yield Case({"x": torch.tensor([[5, 6]]), "size": 0}, note="a window of no tokens")


# %% mistake="windows" name="newest_first" hint="The oldest token of a window comes first; yours are the other way round." active="py"
def windows(x, size, fill=0, right=windows):
    return right(x, size, fill).flip(-1)


# %% mistake="windows" name="fill_ignored" hint="You always fill with 0; the argument fill says with what." active="py"
def windows(x, size, fill=0, right=windows):
    return right(x, size)


# %% mistake="windows" name="without_itself" hint="A window ends with the token at its position; yours ends one before it." active="py"
def windows(x, size, fill=0, right=windows):
    return right(x, size + 1, fill)[..., :-1]


# %% [markdown]
r"""
## 3 · The network

Look up the vector of each token of the window and put them side by side, $x \in \mathbb{R}^{(n-1)m}$. Then (equation 1 of the paper)

$$\text{logits} = b + W x + U \tanh(d + H x).$$

| symbol | shape |
|---|---|
| $C$, the vectors | $(V, m)$ |
| $H$, $d$ | $(h, (n-1)m)$ and $h$ |
| $U$, $b$ | $(V, h)$ and $V$ |
| $W$, the direct connections; may be left out | $(V, (n-1)m)$ |

Contexts are rows here, so $Hx$ becomes `x @ H.T`. ($H$ and $h$ are the paper's letters: a matrix and a size.) The paper has both kinds, with $W$ and without.

By hand, with one number each: $C = 1$, $H = 1$, $d = 0$, $U = 2$, $b = 1$ give $1 + 2\tanh 1 = {{2.5232 = 1 + 2 * math.tanh(1)}}$.

### Exercise · forward
"""


# %% exercise="forward" parts={"hidden": 2, "direct": 1, "gradients": 1} points=4 withheld="course_lib.neural_ngram.NeuralNgram"
def forward(context: Tensor, C: Tensor, H: Tensor, d: Tensor, U: Tensor, b: Tensor, W: Tensor | None = None) -> Tensor:
    """Return the logits of the word after each context.

    context  (B, n − 1) token ids, the oldest first
    C        (V, m); H (h, (n − 1) m); d (h,); U (V, h); b (V,)
    W        (V, (n − 1) m), or None: no direct connections
    returns  (B, V); gradients flow back to C, H, d, U, b and W. No argument is changed

    Example: context [[0]], C = [[1.]], H = [[1.]], d = [0.], U = [[2.]], b = [1.] give [[2.5232]].
    """
    ### BEGIN SOLUTION
    x = C[context].flatten(1)  # (B, (n − 1) m)
    logits = b + torch.tanh(d + x @ H.T) @ U.T
    return logits if W is None else logits + x @ W.T
    ### END SOLUTION


# %% [markdown] hints="forward"
r"""
1. Which shape has `C[context]`, and which shape must x have for `x @ H.T`?
2. Flatten the vectors of a window into one row; the hidden layer reads it, and W reads it, too.
3. `hidden = torch.tanh(d + x @ H.T)`
"""


# %% cases="forward" active="py"
def cases(seed):
    one = torch.ones(1, 1)
    small = {"C": one, "H": one, "d": torch.zeros(1), "U": 2 * one, "b": torch.ones(1)}
    yield Case({"context": torch.tensor([[0]]), **small}, note="the docstring's example", part="hidden")
    for i, (rows, n, m, h, v) in enumerate(((2, 2, 3, 4, 5), (3, 3, 2, 5, 7), (4, 1, 4, 3, 6))):
        shapes = {"C": (v, m), "H": (h, n * m), "d": (h,), "U": (v, h), "b": (v,), "W": (v, n * m)}
        case = {k: random_tensor(seed + 10 * i + j, *s) for j, (k, s) in enumerate(shapes.items())}
        case["context"] = torch.randint(v, (rows, n), generator=generator(seed + i))
        yield Case({k: x for k, x in case.items() if k != "W"}, note="random", part="hidden")
        yield Case(case, note="with direct connections", part="direct")
        loss = random_tensor(seed + 99 + i, rows, v)
        yield Case(case | {"weights of a loss": loss}, note="gradients", part="gradients")


# %% probe="forward" active="py"
def probe(student, case):
    if "weights of a loss" not in case:
        return student(**case)
    names = ("C", "H", "d", "U", "b", "W")
    inputs = {name: case[name].clone().requires_grad_() for name in names}
    loss = (student(context=case["context"], **inputs) * case["weights of a loss"]).sum()
    if not loss.requires_grad:
        return "no gradient flows back to any argument"
    grads = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(names, grads))


# %% mistake="forward" name="no_tanh" hint="The hidden layer is a tanh; without it the model is linear." active="py"
def forward(context, C, H, d, U, b, W=None):
    x = C[context].flatten(1)
    logits = b + (d + x @ H.T) @ U.T
    return logits if W is None else logits + x @ W.T


# %% mistake="forward" name="no_b" hint="The bias b of the logits is missing." active="py"
def forward(context, C, H, d, U, b, W=None, right=forward):
    return right(context, C, H, d, U, 0 * b, W)


# %% mistake="forward" name="no_d" hint="The bias d inside the tanh is missing." active="py"
def forward(context, C, H, d, U, b, W=None, right=forward):
    return right(context, C, H, 0 * d, U, b, W)


# %% mistake="forward" name="places_summed" hint="You added the vectors of the window up: the order of the words is lost. Put them side by side." active="py"
def forward(context, C, H, d, U, b, W=None, right=forward):
    m = C.size(1)
    n = context.size(1)
    summed = H.view(len(H), n, m).mean(1).repeat(1, n)
    return right(context, C, summed, d, U, b, W)


# %% mistake="forward" name="newest_first" hint="The oldest word comes first in x; you reversed the window." active="py"
def forward(context, C, H, d, U, b, W=None, right=forward):
    return right(context.flip(1), C, H, d, U, b, W)


# %% [markdown]
r"""
### Exercise · parameter_count

Count $C$, $H$, $d$, $U$, $b$ and perhaps $W$. The count grows *linearly* with $V$ and with $n$, where that of the table grows as $V^n$.
"""


# %% exercise="parameter_count" points=2 withheld="course_lib.neural_ngram.parameter_count"
def parameter_count(
    vocab_size: int,
    n_context: int,
    d_model: int,
    d_hidden: int,
    direct: bool = False,
    tied: bool = False,
) -> int:
    """Return how many numbers the network learns.

    vocab_size V, n_context n − 1, d_model m, d_hidden h
    direct     whether there is W
    tied       whether U is C itself, which then counts once
    returns    int

    Example: parameter_count(1000, 3, 30, 50, direct=True) is 175,550.
    """
    ### BEGIN SOLUTION
    x = n_context * d_model
    vectors, hidden = vocab_size * d_model, d_hidden * (x + 1)
    output = vocab_size * (d_hidden + 1)
    return vectors + hidden + output + direct * vocab_size * x - tied * vectors
    ### END SOLUTION


# %% [markdown] hints="parameter_count"
r"""
1. What is the shape of each of the six arrays?
2. Add the products of the shapes; W counts only if direct, and one of two equal tables only once.
3. `hidden = d_hidden * (n_context * d_model + 1)` is H and d.
"""


# %% cases="parameter_count" active="py"
def cases(seed):
    names = ("vocab_size", "n_context", "d_model", "d_hidden")
    yield Case(dict(zip(names, (1000, 3, 30, 50))) | {"direct": True}, note="the docstring's example")
    for i in range(3):
        sizes = torch.randint(2, 40, (4,), generator=generator(seed + i)).tolist()
        case = dict(zip(names, sizes))
        yield Case(case, note="no options")
        yield Case(case | {"direct": True}, note="direct connections")
        yield Case(case | {"d_hidden": case["d_model"], "tied": True}, note="tied")


# %% mistake="parameter_count" name="no_biases" hint="The biases d and b are missing." active="py"
def parameter_count(vocab_size, n_context, d_model, d_hidden, direct=False, tied=False, right=parameter_count):
    return right(vocab_size, n_context, d_model, d_hidden, direct, tied) - vocab_size - d_hidden


# %% mistake="parameter_count" name="vectors_per_place" hint="You counted C once per place; all places share it." active="py"
def parameter_count(vocab_size, n_context, d_model, d_hidden, direct=False, tied=False, right=parameter_count):
    more = (n_context - 1) * vocab_size * d_model
    return right(vocab_size, n_context, d_model, d_hidden, direct, tied) + more


# %% mistake="parameter_count" name="tied_ignored" hint="With tied weights, U and C are one table; it counts once." active="py"
def parameter_count(vocab_size, n_context, d_model, d_hidden, direct=False, tied=False, right=parameter_count):
    return right(vocab_size, n_context, d_model, d_hidden, direct)


# %% [markdown]
r"""
### Exercise · tie_weights

Two tables have a row for each word: $C$ on the way in, $U$ on the way out. With $h = m$, the matrix $U$ has the shape of $C$. ***Tied weights*** (Press and Wolf 2017) make them one parameter, learned from both sides.
"""


# %% setup=true
class Net(nn.Module):
    """The two tables of a network, and nothing else."""

    def __init__(self, vocab_size: int, d_model: int, d_hidden: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocab_size, d_model)
        self.to_logits = nn.Linear(d_hidden, vocab_size)


# %% exercise="tie_weights" points=2 withheld="course_lib.neural_ngram.tie_weights" mutates=true
def tie_weights(model: nn.Module) -> None:
    """Make model.to_logits.weight the very parameter model.tokens.weight, in place.

    model  has tokens, an nn.Embedding, and to_logits, an nn.Linear. The token vectors keep their
           values; the bias of to_logits stays as it is

    Raises ValueError when the two weights differ in shape.

    Example: Net(10, 4, 4) has 90 parameters before and 50 after.
    """
    ### BEGIN SOLUTION
    if model.to_logits.weight.shape != model.tokens.weight.shape:
        raise ValueError("tying needs two weights of one shape")
    model.to_logits.weight = model.tokens.weight
    ### END SOLUTION


# %% [markdown] hints="tie_weights"
r"""
1. What happens to a copy at the next update of the original?
2. Compare the shapes, then assign the parameter itself, no copy of its values.
3. `model.to_logits.weight = …`
"""


# %% cases="tie_weights" active="py"
def cases(seed):
    yield Case(
        {"V": 10, "m": 4, "h": 4, "tokens": random_tensor(seed, 10, 4)},
        note="the docstring's sizes",
    )
    for i, (v, m) in enumerate(((3, 5), (6, 2), (7, 7))):
        yield Case(
            {"V": v, "m": m, "h": m, "tokens": random_tensor(seed + 1 + i, v, m)},
            note="random vectors",
        )
    yield Case(
        {"V": 5, "m": 2, "h": 3, "tokens": random_tensor(seed, 5, 2)},
        note="d_hidden is not d_model",
    )


# %% probe="tie_weights" active="py"
def probe(student, case):
    model = Net(case["V"], case["m"], case["h"])
    with torch.no_grad():
        model.tokens.weight.copy_(case["tokens"])
        model.to_logits.weight.fill_(0.5)
        model.to_logits.bias.fill_(0.25)
    student(model=model)
    count = sum(p.numel() for p in model.parameters())
    out = {"parameters": count, "tokens": model.tokens.weight.detach().clone()}
    out |= {
        "U": model.to_logits.weight.detach().clone(),
        "b": model.to_logits.bias.detach().clone(),
    }
    with torch.no_grad():
        model.tokens.weight.add_(1)
    return out | {"U after an update of C": model.to_logits.weight.detach().clone()}


# %% mistake="tie_weights" name="copied" hint="You copied the values: after the next update the two differ. Assign the parameter itself." active="py"
def tie_weights(model):
    if model.to_logits.weight.shape != model.tokens.weight.shape:
        raise ValueError
    model.to_logits.weight.data.copy_(model.tokens.weight.data)


# %% mistake="tie_weights" name="other_way" hint="You kept the output's values; the token vectors keep theirs." active="py"
def tie_weights(model):
    if model.to_logits.weight.shape != model.tokens.weight.shape:
        raise ValueError
    model.tokens.weight = model.to_logits.weight


# %% [markdown]
r"""
## 4 · Mixing with the table

Bengio et al. also mix the network's probabilities with those of an n-gram model: $p = w\,p_a + (1 - w)\,p_b$. Probabilities are mixed, not their logarithms.

### Exercise · mix
"""


# %% exercise="mix" points=2 withheld="torch.distributions"
def mix(log_p_a: Tensor, log_p_b: Tensor, weight: float) -> Tensor:
    """Return the log-probabilities of the mixture w p_a + (1 − w) p_b.

    log_p_a, log_p_b  of one shape, in nats; may be as low as −1,000
    weight            w, strictly between 0 and 1
    returns           the same shape, finite where one of the two is

    Example: log ½ and log ¼ with w = 0.1 give log 0.275 = −1.2910.
    """
    ### BEGIN SOLUTION
    return torch.logaddexp(log_p_a + math.log(weight), log_p_b + math.log1p(-weight))
    ### END SOLUTION


# %% [markdown] hints="mix"
r"""
1. What is exp(−1000) in floating point?
2. The logarithm of a sum of exponentials is computed without leaving logarithms.
3. `log_p_a + math.log(weight)` is the first of the two terms.
"""


# %% cases="mix" active="py"
def cases(seed):
    a, b = torch.tensor([0.5]).log(), torch.tensor([0.25]).log()
    yield Case({"log_p_a": a, "log_p_b": b, "weight": 0.1}, note="the docstring's example")
    for i in range(3):
        a, b = (random_distributions(seed + 2 * i + j, 3, 5).log() for j in range(2))
        yield Case({"log_p_a": a, "log_p_b": b, "weight": 0.2 + 0.15 * i}, note="random")
    yield Case({"log_p_a": a - 1000, "log_p_b": b - 1000, "weight": 0.3}, note="very unlikely")


# %% mistake="mix" name="swapped" hint="The weight belongs to the first of the two models." active="py"
def mix(log_p_a, log_p_b, weight, right=mix):
    return right(log_p_b, log_p_a, weight)


# %% mistake="mix" name="logarithms" hint="You averaged the logarithms; average the probabilities." active="py"
def mix(log_p_a, log_p_b, weight):
    return weight * log_p_a + (1 - weight) * log_p_b


# %% mistake="mix" name="underflow" hint="exp(−1000) is 0; stay with logarithms (torch.logaddexp)." active="py"
def mix(log_p_a, log_p_b, weight):
    return (weight * log_p_a.exp() + (1 - weight) * log_p_b.exp()).log()


# %% [markdown]
r"""
## 5 · Network against table

A Kneser–Ney model and a network ($m = 32$, $h = 64$) get the same 300,000 words and the same window. The table sees all of them; the network gets 500 updates of 512 tokens, which is {{0.85 = 500 * 512 / 300000}} of the text. Three seeds. The learning rate, 0.02, was picked after three (0.01, 0.02, 0.03) had been tried on these held-out words (window 5, one seed; 0.03 was slightly better), which flatters the network a little.

The uniform model has {{5.852 = math.log(V)}} nats, no model gets below {{1.748 = floor}}, and Kneser–Ney with a window of 5 has {{2.118 = counted[5]}}.
"""

# %%
sizes, seeds = (1, 2, 3, 5, 8), range(3)
guess = predict_curve(
    "08_neural_ngrams.window",
    "Held-out loss of the network, by the number of words that it sees?",
    x=list(sizes),
    x_label="words of context",
    y_label="nats a token",
    low=1.7,
    high=2.5,
)
guess


# %%
device = "cpu"  # on purpose: a model this small is mostly launches on a graphics card (lesson 09)


def train_network(n, seed, text=train, updates=500):
    torch.manual_seed(seed)
    net = neural_ngram.NeuralNgram(V, n, 32, 64).to(device)
    draw, steps = draw_windows(text, 16, 32), budget(full=updates, short=3)
    trainer = Trainer(net, draw, next_token_loss, steps=steps, lr=2e-2, weight_decay=0.1, seed=seed)
    for _ in trainer:
        pass
    return net, trainer.seconds


@torch.no_grad()
def losses(net):
    """Nats of each held-out token after the first 33, which have their whole window."""
    return F.cross_entropy(net(test[None, :-1])[0], test[1:], reduction="none")[32:]


def table_losses(table):
    return -torch.as_tensor(table.log_probs(test))[33:].float()


trained = {(n, seed): train_network(n, seed) for n in sizes for seed in seeds}

# %%
networks = {key: net for key, (net, _) in trained.items()}
nats = {n: [losses(networks[n, seed]).mean().item() for seed in seeds] for n in sizes}
tables = {n: kneser_ney(count_ngrams(train, n + 1, V)) for n in sizes}
counted = {n: table_losses(tables[n]).mean().item() for n in sizes}
means = [sum(nats[n]) / 3 for n in sizes]
for n in sizes:
    print(f"window {n}: table {counted[n]:.3f}   networks", *(f"{x:.3f}" for x in nats[n]))
guess.reveal(means)

# %%
show(
    figures.losses(
        sizes,
        {"Kneser–Ney": list(counted.values()), "network": means},
        floor,
        "The table stops gaining; the network goes on",
        "words of context",
    ),
    alt="Nats a token: " + ", ".join(f"{n}: {counted[n]:.2f} and {m:.2f}" for n, m in zip(sizes, means)),
)

# %% [markdown]
r"""
With one word of context there is nothing to share, and the two {{are equal to a hundredth : abs(means[0] - counted[1]) < 0.01}}. From 3 words on, every one of the three networks is {{better : all(max(nats[n]) < counted[n] for n in (3, 5, 8))}} than the table. From 3 words to 8 the table {{gains nothing : counted[8] > counted[3]}}: it seldom meets so long a context again and backs off. The network gains {{0.11 = means[2] - means[4] ± 0.03}} nats, most of them by 5 words. But even with 8 it stays {{0.19 = means[4] - floor ± 0.03}} above the floor.

This is no law. Given {{3,000 = len(little)}} words, the network is {{worse : min(few) > few_counted}}: {{0.15 = sum(few) / 3 - few_counted ± 0.07}} nats behind the table (window 3, three seeds, 150 updates). Where text is scarce, smoothed counts win.
"""

# %%
little = train[:3000]
few = [losses(train_network(3, seed, little, updates=150)[0]).mean().item() for seed in seeds]
few_counted = table_losses(kneser_ney(count_ngrams(little, 4, V))).mean().item()
print(f"3,000 words: table {few_counted:.3f}, networks", *(f"{x:.3f}" for x in few))

# %% [markdown]
r"""
### Seen and never seen

The same losses with a window of 5, split by whether those 5 words occur side by side in the training text.
"""

# %%
known = {tuple(tokens[i : i + 5]) for i in range(len(tokens) - 4)}
seen = torch.tensor([tuple(later[i - 4 : i + 1]) in known for i in range(32, len(later) - 1)])
table = table_losses(tables[5])
gains = {}
for name, rows in {"seen": seen, "never seen": ~seen}.items():
    by_seed = [losses(networks[5, seed])[rows].mean().item() for seed in seeds]
    gains[name] = [table[rows].mean().item() - x for x in by_seed]
    print(f"{name:11} {rows.float().mean():.0%}   table {table[rows].mean():.3f}", end="   networks ")
    print(*(f"{x:.3f}" for x in by_seed))

# %% [markdown]
r"""
Of the held-out contexts, {{44 % = (~seen).float().mean().item()}} are new. On these the networks gain {{0.24 = sum(gains["never seen"]) / 3 ± 0.04}} nats over the table, on the others {{0.11 = sum(gains["seen"]) / 3 ± 0.04}}: the gain is {{larger : min(gains["never seen"]) > max(gains["seen"])}} where nothing was counted.

One surprise: for both models the new contexts are {{easier : table[~seen].mean() < table[seen].mean()}} than the seen ones. Which contexts are new depends on the place in the sentence, and so does how hard the next word is. Compare models within a line, not one line with the other.

### Together

The mixture of exercise `mix`, with the weight ½ (window 5, three seeds).
"""

# %%
half = math.log(0.5)
mixed = [-torch.logaddexp(half - losses(networks[5, s]), half - table).mean().item() for s in seeds]
print("network", *(f"{x:.3f}" for x in nats[5]), "  mixture", *(f"{x:.3f}" for x in mixed))

# %% [markdown]
r"""
The mixture is {{worse than the network : min(mixed) > max(nats[5])}} here, by {{0.02 = sum(mixed) / 3 - means[3] ± 0.015}} nats: a fixed ½ gives the table too much.
"""

# %% [markdown]
r"""
### Find the bug · split_losses

This function compares contexts that were seen with those that were not. Its results are wrong.
"""


# %% exercise="split_losses" parts={"seen": 1, "means": 1} points=2 withheld="torch.distributions"
def split_losses(train: list, contexts: list, losses: list) -> tuple:
    """Return which contexts occur in train, and the mean losses of those that do and do not.

    train     list of token ids
    contexts  N lists of n ids each, the oldest first, n ≥ 1
    losses    N floats; at least one context is seen and one is not
    returns   (list of N bools, mean loss of the seen, mean loss of the never seen)

    Example: ([1, 2, 3], [[2, 3], [3, 2]], [0.5, 2.0]) gives ([True, False], 0.5, 2.0).
    """
    ### BEGIN SOLUTION
    n = len(contexts[0])
    known = {tuple(train[i : i + n]) for i in range(len(train) - n + 1)}
    seen = [tuple(context) in known for context in contexts]
    old = [loss for loss, was in zip(losses, seen) if was]
    new = [loss for loss, was in zip(losses, seen) if not was]
    return seen, sum(old) / len(old), sum(new) / len(new)
    ### END SOLUTION
    ### BEGIN STARTER
    # n = len(contexts[0])
    # known = {tuple(train[i : i + n]) for i in range(len(train) - n)}
    # seen = [tuple(context) in known for context in contexts]
    # old = [loss for loss, was in zip(losses, seen) if was]
    # new = [loss for loss, was in zip(losses, seen) if not was]
    # return seen, sum(old) / len(losses), sum(new) / len(losses)
    ### END STARTER


# %% [markdown] hints="split_losses"
r"""
1. Try the example by hand: which pairs does `known` hold?
2. Count the windows of n in a list of N; and ask over how many losses each mean goes.
3. `sum(old) / len(…)`
"""


# %% cases="split_losses" active="py"
def cases(seed):
    yield Case(
        {"train": [1, 2, 3], "contexts": [[2, 3], [3, 2]], "losses": [0.5, 2.0]},
        note="example",
        part="seen",
    )
    for i in range(3):
        draw = torch.randint(9, (12,), generator=generator(seed + i)).tolist()
        train = [*draw, 20, 21]
        rows = [draw[2:4], [20, 21], [9, 9], draw[5:7], draw[:2][::-1]]
        losses = random_tensor(seed + i, 5).abs().tolist()
        yield Case({"train": train, "contexts": rows, "losses": losses}, note="random", part="seen")
        rows = [draw[2:4], draw[5:7], draw[:2], [9, 9], [30, 1]]
        yield Case({"train": train, "contexts": rows, "losses": losses}, note="random", part="means")


# %% probe="split_losses" active="py"
def probe(student, case):
    seen, old, new = student(**case)
    if [20, 21] in case["contexts"] or len(case["contexts"]) == 2:
        return seen
    return old, new


# %% equivalents="split_losses" active="py"
equivalents = {
    "contexts[0] → contexts[-1]": "all contexts have n ids",
    "contexts[0] → contexts[1]": "all contexts have n ids, and there are at least two",
    "len(train) - n → len(train) + n": "a slice shorter than n equals no context of n ids",
    "len(train) - n → len(train)": "a slice shorter than n equals no context of n ids",
    "len(train) - n + 1 → len(train) - n + 2": "a slice shorter than n equals no context of n ids",
}


# %% mistake="split_losses" name="of_all" hint="Each mean goes over its own losses, not over all." active="py"
def split_losses(train, contexts, losses, right=split_losses):
    seen, old, new = right(train, contexts, losses)
    return seen, old * sum(seen) / len(seen), new * (len(seen) - sum(seen)) / len(seen)


# %% mistake="split_losses" name="last_window" hint="The last n tokens of train are a context, too." active="py"
def split_losses(train, contexts, losses, right=split_losses):
    return right(train[:-1], contexts, losses)


# %% [markdown]
r"""
## 6 · What a token costs

Of the multiply–adds of one prediction, {{78 % = output_products / (hidden_products + output_products)}} are in the $V h$ products of the last layer, and this $V$ is small; with 10,000 words it would be {{99 % = 640000 / (640000 + hidden_products)}}. A table looks up a handful of numbers. The softmax needs the sum over all $V$ words as well.
"""

# %%
hidden_products, output_products = 3 * 32 * 64, V * 64
net, ids = networks[3, 0], test[None, :5000]
with torch.no_grad():
    x = neural_ngram.windows(net.tokens(ids), 3).flatten(2)
    start = time.perf_counter()
    state = net.hidden(x).tanh()
    middle = time.perf_counter()
    net.to_logits(state).log_softmax(-1)
    end = time.perf_counter()
print(f"multiply–adds: hidden {hidden_products:,}, logits {output_products:,}")
in_hidden, in_logits = (1e6 * s / ids.numel() for s in (middle - start, end - middle))
print(f"µs a token: hidden {in_hidden:.2f}, logits and softmax {in_logits:.2f}")

# %% [markdown]
r"""
## 7 · Words that share a role

How often is the nearest other word (by cosine) of an animal in the singular again one, of an animal in the plural again one? Three networks with a window of 5; before training, hits are chance. More on this in [07 Embeddings](07_embeddings.ipynb).
"""

# %%
words = list(scoreboard.language().vocabulary)
animals = [line.split()[:2] for line in mouse_and_cheese.ANIMALS.strip().splitlines()]
groups = [[words.index(w) for w in form if w in words] for form in zip(*animals)]


def share_of_own_kind(net):
    directions = F.normalize(net.tokens.weight.detach(), dim=1)
    cosines = (directions @ directions.T).fill_diagonal_(-2)
    hits = [int(cosines[i].argmax()) in group for group in groups for i in group]
    return sum(hits) / len(hits)


torch.manual_seed(0)
before = share_of_own_kind(neural_ngram.NeuralNgram(V, 5, 32, 64))
after = [share_of_own_kind(networks[5, seed]) for seed in seeds]
print(f"before {before:.0%}   after", *(f"{x:.0%}" for x in after))

# %% [markdown]
r"""
From {{0 % = before}} to {{100 % = sum(after) / 3 ± 8 %}}. Nobody told the network what an animal is: these words occur in the same places, so equal vectors cost it little.

## 8 · Where the window ends

*the mouse that the cats chase …* **eats**, *the mice that the cats chase …* **eat**. With a window of 3 both are *the cats chase*, so the predictions are {{the same : windowed[3][0] == windowed[3][1]}}. With 8 words, all three networks prefer {{*eats* : min(windowed[8][0]) > 0}} after *mouse* and {{*eat* : max(windowed[8][1]) < 0}} after *mice*. A window of 8 that is enough today is too short for the next, longer sentence.
"""


# %%
def eats_over_eat(text, net):
    ids = torch.tensor([[words.index(w) for w in text.split()]])
    logits = net(ids)[0, -1]
    return (logits[words.index("eats")] - logits[words.index("eat")]).item()


pair = ["the mouse that the cats chase", "the mice that the cats chase"]
windowed = {n: [[eats_over_eat(text, networks[n, s]) for s in seeds] for text in pair] for n in (3, 8)}
for n, (one, many) in windowed.items():
    print(f"window {n}: log odds of eats after mouse", *(f"{x:.1f}" for x in one), end="   ")
    print("after mice", *(f"{x:.1f}" for x in many))

# %% [markdown]
r"""
What does one of the networks expect next? Choose a sentence, and move the window to where the two part.
"""


# %%
def next_words(window, text):
    ids = torch.tensor([[words.index(w) for w in text.split()]])
    probs, likeliest = networks[window, 0](ids)[0, -1].detach().softmax(-1).topk(6)
    names, labels = [words[i] for i in likeliest], [f"{p:.1%}" for p in probs]
    seen = " ".join(text.split()[-window:])
    return figures.bars(names, probs.tolist(), f"It sees: {seen} …", "probability of the next", labels)


live(
    next_words,
    alt="Bars of the six likeliest next words, after what a network with this window sees of the sentence.",
    window=SelectionSlider(options=sizes, value=3),
    text=Dropdown(options=pair, description="sentence"),
)

# %%
seconds = trained[8, 0][1]
scoreboard.record("feed-forward", nats[8][0], count_parameters(networks[8, 0]), seconds, "08_neural_ngrams")
scoreboard.show_scoreboard()

# %% [markdown]
r"""
### Question · why_it_generalises

Why can the network say something about a context that it never saw?

- **a** It stores more contexts than a table.
- **b** Similar words have similar vectors, so similar contexts give similar predictions.
- **c** It reads the whole text before the context.
"""

# %% exercise="why_it_generalises" points=1 kind="choice" choices="a b c"
### BEGIN SOLUTION
why_it_generalises = "b"
### END SOLUTION

# %% mistake="why_it_generalises" name="a" hint="It stores no contexts at all; count its parameters." active="py"
why_it_generalises = "a"

# %% mistake="why_it_generalises" name="c" hint="Nothing before its window exists for it." active="py"
why_it_generalises = "c"

# %% [markdown] exercise="the_window" points=2
r"""
### In your own words · the_window

Why does a wider window not solve the problem of dependencies between distant words?

### BEGIN SOLUTION
A window has an end, and a dependency one word longer is out of reach. Each place has its own weights in H, so what is learned about a word at one place is not known at another, and the parameters grow with the window.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: whatever is before the window is invisible.
- 1 point: each place has weights of its own; parameters grow with the window.
### END RUBRIC
"""

# %% [markdown]
r"""
## Where this came from

Bengio, Ducharme, Vincent and Jauvin, *A Neural Probabilistic Language Model* (2003). Press and Wolf (2017) and Inan, Khosravi and Socher (2017) share the table of vectors with the output. Both are options of `course_lib.neural_ngram`; the paper shares nothing between $C$ and $U$.

The window goes in [09 RNN](09_rnn.ipynb), whose state has no fixed end; LSTM, GRU and seq2seq follow. The feed-forward network itself, its activations and its gradients are the subject of [04 Linear models](04_linear_models.ipynb). An RNN is not always better, nor is a network always better than counts: the 3,000 words above say so.

Limits: a toy language of few words, one recipe for all windows, 500 updates. Nothing here says what happens with a large vocabulary, except the cost.
"""

# %%
flash_cards("08_neural_ngrams")
