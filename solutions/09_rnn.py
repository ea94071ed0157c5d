# ---
# jupyter:
#   course:
#     title: How can a network remember?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# How can a network remember?

- *the **mouse** that the cats chase …* **eats**
- *the **mice** that the cat chases …* **eat**

{{Five words : len(SENTENCES["one"]) - SENTENCES["one"].index("mouse") == 5}} later the verb has to know whether it was one mouse or many. A model with a window of four words has lost it. A wider window has more weights, and the next sentence is longer still.

The network below has **two weights** and **one number** of memory. It reads $+1$ at a noun that is one, $-1$ at a noun that is many, $0$ otherwise. On the left is what it remembers. On the right is how strongly a gradient at the last word would still
reach each earlier one, and that is where the trouble of this lesson begins: it remembers well, and it could hardly have *learned* to. Move the weights.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks import check, show_answer, yours

torch.set_printoptions(precision=4, sci_mode=False)

# %%
from course_lib import recurrent, scoreboard
from course_lib.figures import recurrent as figures
from course_lib.figures.style import show
from course_lib.widgets.recurrent import (
    NUMBERS,
    SENTENCES,
    cliff_explorer,
    gradient_explorer,
    latch_explorer,
)

torch.set_num_threads(1)  # matrices this small are faster on one core
latch_explorer()

# %% [markdown]
r"""
## What you will be able to do

- write a recurrent cell, run it over sequences, stack it, and let it read padded sequences in both directions;
- derive backpropagation through time, write it by hand, and agree with autograd to {{six digits : max(((e - g).abs().max() / e.abs().max()).item() for e, g in zip(truth, mine)) < 1e-6}};
- say exactly when gradients vanish and when they explode: which matrix, which norm, which order of factors;
- clip what explodes, cut what is too long, and say what neither of them repairs;
- train a recurrent language model that comes near the entropy of the language, and measure how far back it looks.

**Time** about 90 minutes, best in two sittings (sections 1 to 5, and the rest); another 75 for what is marked optional. **Builds on** [01 Information](01_information.ipynb) (cross-entropy), [04 Linear models](04_linear_models.ipynb) (backpropagation by hand) and [08 Neural n-grams](08_neural_ngrams.ipynb) (the window that this lesson removes).
**Sizes** B sequences, T tokens, I features of a token, H numbers in the state.
"""

# %% [markdown]
r"""
## 1 · One cell, used at every word

A feed-forward model with a window of $n$ words has separate weights for the word one back, two back, … $n$ back. What it learns about *mouse* three words back says nothing about *mouse* four words back.

A ***recurrent neural network*** keeps a ***hidden state*** instead: a vector $h$ of $H$ numbers that summarises everything so far. At each token it makes a new state from the old one and the token, always **with the same weights** (Elman 1990):

$$h_t = \tanh(\underbrace{W_{ih}\, x_t + W_{hh}\, h_{t-1} + b}_{a_t}), \qquad h_0 = 0 .$$
"""

# %% [markdown]
r"""
| symbol | shape | is |
|---|---|---|
| $x_t$ | $I$ numbers | the token at step $t$, usually its embedding |
| $h_t$ | $H$ numbers, each in $(-1, 1)$ | the state after token $t$ |
| $W_{ih}$ | $(H, I)$ | input to hidden |
| $W_{hh}$ | $(H, H)$ | hidden to hidden: the memory is in here |
| $b$ | $H$ numbers | bias |
| $a_t$ | $H$ numbers | the pre-activation; needed for gradients later |

Many texts write $W_{xh}$ for $W_{ih}$, and $f$ for $\tanh$. The number of weights, $HI + H^2 + H$, does not depend on the length of the text.
"""

# %% [markdown]
r"""
### By hand

The network at the top has $H = I = 1$, $w_{ih} = 2$, $w_{hh} = 3$, $b = 0$. It reads *the mouse that the cats chase* as $0, 1, 0, 0, -1, 0$:

| word | $x_t$ | $a_t = 2 x_t + 3 h_{t-1}$ | $h_t = \tanh a_t$ |
|---|---|---|---|
| the | 0 | 0 | 0 |
| mouse | 1 | {{2 = by_word[1][0]}} | {{0.964 = by_word[1][1]}} |
| that | 0 | {{2.892 = by_word[2][0]}} | {{0.994 = by_word[2][1]}} |
| the | 0 | {{2.982 = by_word[3][0]}} | {{0.995 = by_word[3][1]}} |
| cats | −1 | {{2.985 = 3 * by_word[3][1]}} − 2 = {{0.985 = by_word[4][0]}} | {{0.755 = by_word[4][1]}} |
| chase | 0 | {{2.265 = by_word[5][0]}} | {{0.979 = by_word[5][1]}} |

*cats* pulls the state down, and the state pulls itself back up. With $w_{hh} = 1$ it {{would not : weaker[-1] < 0 < by_word[-1][1]}}: try it above.
"""

# %%
h, by_word, weaker = 0.0, [], [0.0]
for word, x in zip(SENTENCES["one"], NUMBERS["one"]):
    a = 2 * x + 3 * h
    h = math.tanh(a)
    by_word.append((a, h))
    weaker.append(math.tanh(2 * x + 1 * weaker[-1]))  # with w_hh = 1
    print(f"{word:6} x {x:2}   a {a:6.3f}   h {h:6.3f}")

# %% [markdown]
r"""
### Exercise · rnn_cell

One step, for a batch. States are **rows** here, $(B, H)$, so the product $W_{hh} h$ of the formula becomes `h @ w_hh.T`. Since $W_{hh}$ is square, `h @ w_hh` runs too, and is another network.
"""


# %% exercise="rnn_cell" points=1 withheld="course_lib.recurrent.cells.rnn_cell torch.rnn_tanh_cell torch.nn.RNNCell torch.nn.RNN torch.rnn_tanh"
def rnn_cell(x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b: Tensor) -> Tensor:
    """Return the next state, tanh(W_ih x + W_hh h + b).

    x        (B, I) the inputs of this step
    h        (B, H) the states before it
    w_ih     (H, I) from the input
    w_hh     (H, H) from the state
    b        (H,)
    returns  (B, H); gradients flow back to every argument

    Example: x = [[1.]], h = [[0.5]], w_ih = [[2.]], w_hh = [[3.]], b = [-3.]
    give [[tanh(2 + 1.5 − 3)]] = [[0.4621]].
    """
    ### BEGIN SOLUTION
    return torch.tanh(x @ w_ih.T + h @ w_hh.T + b)
    ### END SOLUTION


# %% [markdown] hints="rnn_cell"
r"""
1. Write the shapes of the three terms under each other: each has to be (B, H). What do the two matrices have to be for that?
2. States are rows, so each matrix multiplies from the right, transposed. tanh is applied to the whole sum.
3. `x @ w_ih.T` is the first of the three terms.
"""


# %% cases="rnn_cell" active="py"
def cases(seed):
    one = torch.ones(1, 1)
    yield Case(
        {"x": one, "h": 0.5 * one, "w_ih": 2 * one, "w_hh": 3 * one, "b": torch.tensor([-3.0])},
        note="the example of the docstring",
    )
    yield Case(
        {
            "x": torch.zeros(1, 1),
            "h": torch.tensor([[1.0, 0.0]]),
            "w_ih": torch.zeros(2, 1),
            "w_hh": torch.tensor([[0.0, 1.0], [0.5, 0.0]]),
            "b": torch.zeros(2),
        },
        note="a matrix that is not symmetric",
    )
    for batch, features, hidden in ((3, 4, 5), (1, 2, 3), (6, 3, 2)):
        shapes = {"x": (batch, features), "h": (batch, hidden), "w_ih": (hidden, features)}
        shapes |= {"w_hh": (hidden, hidden), "b": (hidden,)}
        case = {
            name: random_tensor(seed + batch + i, *shape, scale=0.6) for i, (name, shape) in enumerate(shapes.items())
        }
        yield Case(case, note=f"random weights, {hidden} numbers of memory")
    weights_of_a_loss = random_tensor(seed + 20, batch, hidden)
    yield Case(case | {"weights of a loss": weights_of_a_loss}, note="the gradients")


# %% probe="rnn_cell" active="py"
def probe(student, case):
    if "weights of a loss" not in case:
        return student(**case)
    inputs = {name: value.clone().requires_grad_() for name, value in case.items() if name != "weights of a loss"}
    loss = (student(**inputs) * case["weights of a loss"]).sum()
    if not loss.requires_grad:
        return "no gradient flows back to any argument"
    gradients = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True, materialize_grads=True)
    return {f"gradient in {name}": gradient for name, gradient in zip(inputs, gradients)}


# %% mistake="rnn_cell" name="transposed" hint="You multiply by w_hh where states are rows: W_hh h of the formula is h @ w_hh.T." active="py"
def rnn_cell(x, h, w_ih, w_hh, b):
    return torch.tanh(x @ w_ih.T + h @ w_hh + b)


# %% mistake="rnn_cell" name="no_tanh" hint="The sum is right; tanh of it is the state. Without tanh the state has no bounds." active="py"
def rnn_cell(x, h, w_ih, w_hh, b):
    return x @ w_ih.T + h @ w_hh.T + b


# %% mistake="rnn_cell" name="sigmoid" hint="That is a sigmoid, between 0 and 1. The state of this cell is a tanh, between −1 and 1." active="py"
def rnn_cell(x, h, w_ih, w_hh, b):
    return torch.sigmoid(x @ w_ih.T + h @ w_hh.T + b)


# %% mistake="rnn_cell" name="forgets" hint="The old state h has no influence on your new one: this network cannot remember anything." active="py"
def rnn_cell(x, h, w_ih, w_hh, b):
    return torch.tanh(x @ w_ih.T + b)


# %% mistake="rnn_cell" name="no_bias" hint="The bias b is missing from the sum." active="py"
def rnn_cell(x, h, w_ih, w_hh, b):
    return torch.tanh(x @ w_ih.T + h @ w_hh.T)


# %% mistake="rnn_cell" name="adds_the_old_state" hint="You add the old state to the tanh. In this cell the old state enters through W_hh only; adding it is an idea of later networks." active="py"
def rnn_cell(x, h, w_ih, w_hh, b):
    return h + torch.tanh(x @ w_ih.T + h @ w_hh.T + b)


# %% [markdown]
r"""
## 2 · Unrolled in time

Write the same cell once per token, side by side, and the loop disappears (***unrolling***): an ordinary deep network, $T$ layers deep, in which **all layers share their weights** and each gets its own input. Everything you know about backpropagation applies to it.

Below, eight numbers with random weights read a sentence. Colours are the numbers in the state.
"""

# %%
generator = torch.Generator().manual_seed(3)
words = SENTENCES["one"]
x = torch.randn(1, len(words), 4, generator=generator)
x[:, 3] = x[:, 0]  # both are “the”
w_ih, w_hh = (
    torch.randn(8, 4, generator=generator) * 0.5,
    torch.randn(8, 8, generator=generator) * 0.4,
)
states = recurrent.rnn_forward(x, torch.zeros(1, 8), w_ih, w_hh)[0]
show(
    figures.unrolled(words, states, "The same two matrices at every word; the state is handed on"),
    alt="Six columns of eight coloured cells, one per word, connected by arrows W_hh; arrows W_ih come from the words.",
)
apart = (states[0] - states[3]).abs().max().item()
print(f"the two states at “the” differ by up to {apart:.2f}")

# %% [markdown]
r"""
The word *the* occurs twice, with the same input and {{different states : apart > 0.5}}: a state is a word **in its context**.

### Exercise · rnn_forward

The loop. Use your `rnn_cell`; if it is not right yet, the check lends you a tested one.

Two properties to keep in mind. The loop is sequential: step $t$ cannot start before step $t - 1$ has finished, and only the batch is done in parallel. That is the price that the Transformer later refuses to pay. And a token costs the same
whether it is the tenth or the ten-thousandth.
"""


# %% exercise="rnn_forward" points=2 needs="rnn_cell" withheld="course_lib.recurrent.cells.rnn_forward course_lib.recurrent.layers.RNN torch.nn.RNN torch.rnn_tanh torch.nn.RNNCell torch.rnn_tanh_cell"
def rnn_forward(x: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, b: Tensor) -> Tensor:
    """Return the states of an RNN that reads whole sequences.

    x        (B, T, I), T ≥ 1
    h0       (B, H) the states before the first token
    w_ih     (H, I), w_hh (H, H), b (H,) as in rnn_cell
    returns  (B, T, H); [:, t] is the state after token t. No argument is changed; gradients flow
             back to every one

    Example: x = [[[0.], [1.], [0.]]], h0 = [[0.]], w_ih = [[2.]], w_hh = [[3.]], b = [0.]
    give [[[0.], [0.9640], [0.9939]]].
    """
    ### BEGIN SOLUTION
    h, states = h0, []
    for t in range(x.size(1)):
        h = rnn_cell(x[:, t], h, w_ih, w_hh, b)
        states.append(h)
    return torch.stack(states, dim=1)
    ### END SOLUTION


# %% [markdown] hints="rnn_forward"
r"""
1. Which dimension of x is time? What does the next call of rnn_cell need from the one before?
2. Hand the state on from step to step, keep each new state in a list, and stack the list along time at the end.
3. `h = rnn_cell(x[:, t], h, w_ih, w_hh, b)`, in a loop over t.
"""


# %% cases="rnn_forward" active="py"
def cases(seed):
    one = torch.ones(1, 1)
    small = {"w_ih": 2 * one, "w_hh": 3 * one, "b": torch.zeros(1)}
    yield Case({"x": torch.tensor([[[1.0]]]), "h0": -0.5 * one, **small}, note="a single token")
    yield Case({"x": torch.tensor([[[0.0], [1.0], [0.0]]]), "h0": 0 * one, **small}, note="the mouse that")
    shapes = {"h0": (3, 5), "w_ih": (5, 2), "w_hh": (5, 5), "b": (5,)}
    weights = {name: random_tensor(seed + i, *shape, scale=0.6) for i, (name, shape) in enumerate(shapes.items())}
    yield Case({"x": random_tensor(seed + 9, 3, 4, 2), **weights}, note="three sequences of four tokens")
    yield Case({"x": random_tensor(seed + 8, 3, 3, 2), **weights}, note="as many sequences as tokens")
    case = {"x": random_tensor(seed + 7, 3, 6, 2), **weights}
    yield Case(case, note="three sequences of six tokens")
    yield Case(case | {"weights of a loss": random_tensor(seed + 6, 3, 6, 5)}, note="the gradients")


# %% probe="rnn_forward" active="py"
def probe(student, case):
    if "weights of a loss" not in case:
        return student(**case)
    inputs = {name: value.clone().requires_grad_() for name, value in case.items() if name != "weights of a loss"}
    loss = (student(**inputs) * case["weights of a loss"]).sum()
    if not loss.requires_grad:
        return "no gradient flows back to any argument"
    gradients = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True, materialize_grads=True)
    return {f"gradient in {name}": gradient for name, gradient in zip(inputs, gradients)}


# %% mistake="rnn_forward" name="not_handed_on" hint="Every step starts from h0. The state that rnn_cell returns has to become the h of the next call." active="py"
def rnn_forward(x, h0, w_ih, w_hh, b):
    return torch.stack([rnn_cell(x[:, t], h0, w_ih, w_hh, b) for t in range(x.size(1))], dim=1)


# %% mistake="rnn_forward" name="one_too_early" hint="Your first state is h0. The state at position t is the one after token t: append after the update, not before." active="py"
def rnn_forward(x, h0, w_ih, w_hh, b, right=rnn_forward):
    return torch.cat([h0[:, None], right(x, h0, w_ih, w_hh, b)[:, :-1]], dim=1)


# %% mistake="rnn_forward" name="last_state_only" hint="You return the last state. A language model predicts at every position, so all of them are needed: (B, T, H)." active="py"
def rnn_forward(x, h0, w_ih, w_hh, b, right=rnn_forward):
    return right(x, h0, w_ih, w_hh, b)[:, -1]


# %% mistake="rnn_forward" name="time_first" hint="Your result is (T, B, H). Stack along dim=1, so that the batch comes first." active="py"
def rnn_forward(x, h0, w_ih, w_hh, b, right=rnn_forward):
    return right(x, h0, w_ih, w_hh, b).transpose(0, 1)


# %% mistake="rnn_forward" name="overwritten" hint="All your states are the last one: you change one tensor in place and keep it several times. Make a new tensor at every step." active="py"
def rnn_forward(x, h0, w_ih, w_hh, b, right=rnn_forward):
    states = right(x, h0, w_ih, w_hh, b)
    return states[:, -1:].expand_as(states).clone()


# %% [markdown]
r"""
Is it the real thing? PyTorch's `nn.RNN` keeps two biases, of which only the sum counts; otherwise it {{is your loop : equal}}.
"""

# %%
read = yours("rnn.rnn_forward", recurrent.rnn_forward)
torch.manual_seed(0)
theirs = nn.RNN(4, 8, batch_first=True)
w_ih, w_hh, b_ih, b_hh = theirs.parameters()
x = torch.randn(2, 10, 4)
equal = torch.allclose(read(x, torch.zeros(2, 8), w_ih, w_hh, b_ih + b_hh), theirs(x)[0], atol=1e-6)
print("equal to nn.RNN:", equal)

# %% [markdown]
r"""
### Question · count_the_weights

An RNN cell has $I = 64$ and $H = 128$ and one bias vector. It reads sentences of 20 words. How many numbers does it learn?
"""

# %% exercise="count_the_weights" points=1 kind="number"
### BEGIN SOLUTION
count_the_weights = 128 * 64 + 128 * 128 + 128  # 24,704
### END SOLUTION


# %% judge="count_the_weights" active="py"
def judge(case, expected, got):
    return got == expected or f"Weights are counted exactly; yours are {got:,.10g}, and another number is right."


# %% mistake="count_the_weights" name="per_word" hint="You counted the weights once per word. All steps share them." active="py"
count_the_weights = 20 * (128 * 64 + 128 * 128 + 128)

# %% mistake="count_the_weights" name="no_bias" hint="The bias b is missing: one number more for each number of the state." active="py"
count_the_weights = 128 * 64 + 128 * 128

# %% mistake="count_the_weights" name="two_biases" hint="You counted two bias vectors, as nn.RNN has. The question names one." active="py"
count_the_weights = 128 * 64 + 128 * 128 + 2 * 128

# %% mistake="count_the_weights" name="no_memory" hint="W_hh is missing: 128 × 128 more, from the state to the state." active="py"
count_the_weights = 128 * 64 + 128

# %% [markdown]
r"""
## 3 · Higher, and from both ends · optional

***Stacked RNN***. The states of one RNN are a sequence, so another RNN can read them. Layer 1 reads the tokens, layer 2 reads the states of layer 1, and so on; every layer has its own weights and its own state. Nothing is handed from the end of one layer to the beginning of the next.

***Bidirectional RNN*** (Schuster and Paliwal 1997). A second network with its own weights reads from the end to the beginning. Position $t$ gets both states side by side: $2H$ numbers that know the words before *and* after it. That suits tagging or encoding a
sentence that is already there. It rules out a language model: the state from the right has read the answer.

### Exercise · stacked_rnn · optional
"""


# %% exercise="stacked_rnn" points=2 optional=true needs="rnn_forward" withheld="course_lib.recurrent.layers.RNN torch.nn.RNN torch.rnn_tanh torch.nn.RNNCell torch.rnn_tanh_cell"
def stacked_rnn(x: Tensor, layers: list[tuple[Tensor, Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Run RNN layers on top of each other, each from a state of zeros.

    x        (B, T, I)
    layers   L triples (w_ih, w_hh, b), from the lowest up: w_ih (H, I) in the first, (H, H) in the
             others
    returns  the states of the highest layer (B, T, H), and the last state of every layer (L, B, H),
             lowest first

    Example: with one layer the results are rnn_forward(x, zeros, …) and its last state (1, B, H).
    """
    ### BEGIN SOLUTION
    finals = []
    for w_ih, w_hh, b in layers:
        x = rnn_forward(x, x.new_zeros(x.size(0), len(b)), w_ih, w_hh, b)
        finals.append(x[:, -1])
    return x, torch.stack(finals)
    ### END SOLUTION


# %% [markdown] hints="stacked_rnn"
r"""
1. What does the second layer read? And which size must the zeros have from which a layer starts?
2. After each layer its states take the place of x; its last state goes into a list.
3. `x = rnn_forward(x, zeros, w_ih, w_hh, b)`, where `zeros` is (B, H) and H is `len(b)`.
"""


# %% cases="stacked_rnn" active="py"
def cases(seed):
    def layers(n, features, hidden, offset):
        shapes = [[(hidden, hidden if i else features), (hidden, hidden), (hidden,)] for i in range(n)]
        return [
            tuple(random_tensor(seed + offset + 3 * i + j, *s, scale=0.6) for j, s in enumerate(row))
            for i, row in enumerate(shapes)
        ]

    yield Case({"x": random_tensor(seed, 1, 2, 1), "layers": layers(1, 1, 1, 1)}, note="one layer")
    yield Case({"x": random_tensor(seed, 2, 3, 4), "layers": layers(2, 4, 4, 10)}, note="two layers, I = H")
    yield Case({"x": random_tensor(seed, 2, 5, 3), "layers": layers(3, 3, 4, 30)}, note="three layers")
    yield Case({"x": random_tensor(seed + 1, 6, 4, 2), "layers": layers(3, 2, 5, 60)}, note="six sequences")


# %% mistake="stacked_rnn" name="all_read_x" hint="Every layer of yours reads the tokens. From the second on, a layer reads the states of the one below." active="py"
def stacked_rnn(x, layers, right=stacked_rnn):
    runs = [right(x, [layer]) for layer in layers]
    return runs[-1][0], torch.cat([final for _, final in runs])


# %% mistake="stacked_rnn" name="state_handed_up" hint="You start a layer from the last state of the one below. Each layer starts from zeros; only the sequence of states goes up." active="py"
def stacked_rnn(x, layers):
    finals = []
    for w_ih, w_hh, b in layers:
        x = rnn_forward(x, finals[-1] if finals else x.new_zeros(x.size(0), len(b)), w_ih, w_hh, b)
        finals.append(x[:, -1])
    return x, torch.stack(finals)


# %% mistake="stacked_rnn" name="top_state_only" hint="The second result needs the last state of every layer, (L, B, H): to go on reading later, each layer needs its own." active="py"
def stacked_rnn(x, layers, right=stacked_rnn):
    x, finals = right(x, layers)
    return x, finals[-1:]


# %% mistake="stacked_rnn" name="batch_before_layers" hint="Your last states are (B, L, H). Stack the layers first: (L, B, H), as PyTorch does." active="py"
def stacked_rnn(x, layers, right=stacked_rnn):
    x, finals = right(x, layers)
    return x, finals.transpose(0, 1)


# %% [markdown]
r"""
### Exercise · bidirectional · optional

Sequences in a batch have different lengths; short ones are filled up (***padding***). Reading from the left, the filler comes last and can be ignored. Reading from the right it would come **first**, and the state would have read filler before it reads a word. So each sequence is turned around *within its own length*:

| | positions |
|---|---|
| sequence of length 3, filled up to 5 | $x_0\ x_1\ x_2\ \cdot\ \cdot$ |
| turned around for the second network | $x_2\ x_1\ x_0\ \cdot\ \cdot$ |
| its states | $s_2\ s_1\ s_0\ \cdot\ \cdot$ |
| turned back, so that position $t$ holds what has read $x_2 \dots x_t$ | $s_0\ s_1\ s_2\ \cdot\ \cdot$ |

`x.gather(1, index)` with an index of shape $(B, T, I)$ can do that for a whole batch; a loop over the batch is fine, too.
"""


# %% exercise="bidirectional" points=3 optional=true needs="rnn_forward" withheld="course_lib.recurrent.layers.RNN torch.nn.RNN torch.rnn_tanh torch.nn.utils.rnn.pack_padded_sequence torch.nn.utils.rnn.pack_sequence"
def bidirectional(x: Tensor, lengths: Tensor, forward: tuple, backward: tuple) -> Tensor:
    """Read padded sequences from both ends, each network from a state of zeros.

    x         (B, T, I); positions from lengths[b] on are filler and may hold anything
    lengths   (B,) int64, from 1 to T
    forward   (w_ih, w_hh, b) of the network that reads from the first token
    backward  (w_ih, w_hh, b) of the one that reads from the last real token
    returns   (B, T, 2H): at position t the forward state, then the backward state that has read the
              last real token up to token t. Zeros at filler, whatever the filler holds (even nan)

    Example: at the last real token the backward state has read that token alone.
    """
    ### BEGIN SOLUTION
    t, n = torch.arange(x.size(1), device=x.device)[None, :, None], lengths[:, None, None]
    mirror = torch.where(t < n, n - 1 - t, t)  # (B, T, 1): its own inverse
    start = x.new_zeros(x.size(0), len(forward[2]))
    ahead = rnn_forward(x, start, *forward)
    back = rnn_forward(x.gather(1, mirror.expand_as(x)), start, *backward)
    back = back.gather(1, mirror.expand_as(back))
    return torch.cat([ahead, back], dim=-1).masked_fill(t >= n, 0.0)
    ### END SOLUTION


# %% [markdown] hints="bidirectional"
r"""
1. Write down, for a sequence of length 3 in a batch with T = 5, which token the backward network reads at its steps 0, 1, 2, and to which position each of its states belongs.
2. Cut a sequence to its own length, turn it around, read it, and turn the states around again. The rest of its row stays zero.
3. For sequence i of length n: `part = x[i : i + 1, :n]` and `part.flip(1)`; `torch.cat([…], dim=-1)` joins the two halves.
"""


# %% cases="bidirectional" active="py"
def cases(seed):
    def weights(offset, features, hidden):
        shapes = [(hidden, features), (hidden, hidden), (hidden,)]
        return tuple(random_tensor(seed + offset + i, *s, scale=0.7) for i, s in enumerate(shapes))

    x = random_tensor(seed, 2, 4, 3)
    networks = {"forward": weights(1, 3, 2), "backward": weights(5, 3, 2)}
    yield Case({"x": x[:1, :2], "lengths": torch.tensor([2]), **networks}, note="two tokens, no filler")
    yield Case({"x": x, "lengths": torch.tensor([4, 4]), **networks}, note="two sequences, no filler")
    yield Case({"x": x, "lengths": torch.tensor([4, 2]), **networks}, note="one of two is padded")
    for batch, longest in ((3, 5), (6, 7)):
        lengths = random_integers(seed + batch, 1, longest + 1, batch)
        case = {"x": random_tensor(seed + 9, batch, longest, 3), "lengths": lengths, **networks}
        yield Case(case, note=f"random lengths up to {longest}")
    x, lengths = random_tensor(seed + 8, 3, 4, 3), torch.tensor([3, 1, 4])
    x[torch.arange(4) >= lengths[:, None]] = math.nan
    yield Case({"x": x, "lengths": lengths, **networks}, note="the filler is nan")


# %% equivalents="bidirectional" active="py"
equivalents = {
    "forward[2] → forward[1]": "W_hh has as many rows as b has numbers",
}


# %% mistake="bidirectional" name="not_turned_back" hint="The backward states stand in reading order: position 0 holds the one after the last token. Turn them around again before you join the halves." active="py"
def bidirectional(x, lengths, forward, backward):
    t, n = torch.arange(x.size(1))[None, :, None], lengths[:, None, None]
    mirror, start = torch.where(t < n, n - 1 - t, t), x.new_zeros(x.size(0), len(forward[2]))
    back = rnn_forward(x.gather(1, mirror.expand_as(x)), start, *backward)
    return torch.cat([rnn_forward(x, start, *forward), back], dim=-1).masked_fill(t >= n, 0.0)


# %% mistake="bidirectional" name="filler_read_first" hint="Right without filler. x.flip(1) puts the filler in front, and the backward state has read it before the first word: turn each sequence around within its own length." active="py"
def bidirectional(x, lengths, forward, backward):
    start = x.new_zeros(x.size(0), len(forward[2]))
    back = rnn_forward(x.flip(1), start, *backward).flip(1)
    states = torch.cat([rnn_forward(x, start, *forward), back], dim=-1)
    return states.masked_fill(torch.arange(x.size(1))[None, :, None] >= lengths[:, None, None], 0.0)


# %% mistake="bidirectional" name="both_from_the_left" hint="Your second network reads from the left as well. It has to start at the last real token." active="py"
def bidirectional(x, lengths, forward, backward):
    start = x.new_zeros(x.size(0), len(forward[2]))
    states = torch.cat([rnn_forward(x, start, *forward), rnn_forward(x, start, *backward)], dim=-1)
    return states.masked_fill(torch.arange(x.size(1))[None, :, None] >= lengths[:, None, None], 0.0)


# %% mistake="bidirectional" name="summed" hint="You add the two states. Put them side by side, (B, T, 2H): what each has read must stay distinguishable." active="py"
def bidirectional(x, lengths, forward, backward, right=bidirectional):
    ahead, back = right(x, lengths, forward, backward).chunk(2, -1)
    return ahead + back


# %% mistake="bidirectional" name="states_at_filler" hint="The states at real tokens are right. At filler the result must be zeros, whatever the filler is." active="py"
def bidirectional(x, lengths, forward, backward):
    t, n = torch.arange(x.size(1))[None, :, None], lengths[:, None, None]
    mirror, start = torch.where(t < n, n - 1 - t, t), x.new_zeros(x.size(0), len(forward[2]))
    back = rnn_forward(x.gather(1, mirror.expand_as(x)), start, *backward)
    return torch.cat([rnn_forward(x, start, *forward), back.gather(1, mirror.expand_as(back))], dim=-1)


# %% [markdown]
r"""
Who has read what? Change the last of five words and look where the states move.
"""

# %%
torch.manual_seed(1)
both = recurrent.RNN(3, 4, bidirectional=True)
x = torch.randn(1, 5, 3)
other = x.clone()
other[0, 4] += 1.0
moved = (both(x)[0] - both(other)[0])[0].abs().unflatten(-1, (2, 4)).amax(-1).detach()  # (T, direction)
print("forward states moved: ", moved[:, 0].numpy().round(3))
print("backward states moved:", moved[:, 1].numpy().round(3), " all of them have read the last word")

# %% [markdown]
r"""
The price of reading from the right: the state at the first word {{already knows : moved[0].tolist()[0] == 0 < moved[0].tolist()[1]}} the last one. For a language model that would be cheating.
"""

# %% [markdown]
r"""
## 4 · Backpropagation through time

The gradient of an unrolled network is found by ***backpropagation through time*** (BPTT). A language model has a loss at **every** step, $L = \sum_t L_t$, where $L_t$ depends on $h_t$. A state is used twice: for its own loss, and to make the next state. So its gradient $g_t = \partial L / \partial h_t$ is a sum of two.

How does $h_{t+1}$ depend on $h_t$? Through $a_{t+1} = W_{hh} h_t + W_{ih} x_{t+1} + b$ and $h_{t+1} = \tanh a_{t+1}$, whose slope is $1 - \tanh^2 a_{t+1} = 1 - h_{t+1}^2$:

$$\frac{\partial h_{t+1}}{\partial h_t} = \operatorname{diag}(1 - h_{t+1}^2)\; W_{hh} \qquad \text{a matrix } (H, H), \text{ entry } ij = \frac{\partial h_{t+1, i}}{\partial h_{t, j}} .$$

The chain rule multiplies gradients by it from the right if they are rows, and its transpose from the left if they are columns:

$$\text{rows:}\quad g_t = \frac{\partial L_t}{\partial h_t} + \bigl(g_{t+1} \odot (1 - h_{t+1}^2)\bigr)\, W_{hh}
\qquad\qquad \text{columns:}\quad g_t = \frac{\partial L_t}{\partial h_t} + W_{hh}^\top \bigl((1 - h_{t+1}^2) \odot g_{t+1}\bigr) .$$
"""

# %% [markdown]
r"""
Start at the end, $g_T = \partial L_T / \partial h_T$, and walk back. Three things go wrong in popular notes, and none of them raises an error:

- $W_{hh}^\top$ in the row form, or $W_{hh}$ in the column form;
- the slope of $h_t$ where that of the **later** state $h_{t+1}$ belongs;
- the state's own loss $\partial L_t / \partial h_t$ left out, as if only the last word were predicted.

Also, the factors of many steps are $\operatorname{diag}(1 - h_t^2)\, W_{hh}$ with a different diagonal at each step: a product of different matrices, not a power of $W_{hh}$.

### By hand

$H = 1$, $w_{hh} = 2$, states $h_1 = 0.5$ and $h_2 = 0.6$, own gradients $\partial L_1 / \partial h_1 = 0.1$ and $\partial L_2 / \partial h_2 = 1$. Then

$$g_2 = 1, \qquad g_1 = 0.1 + 1 \cdot (1 - 0.6^2) \cdot 2 = 0.1 + {{1.28 = (1 - 0.6**2) * 2}} = {{1.38 =
carry_back(torch.tensor([[[0.5], [0.6]]]), torch.tensor([[2.0]]), torch.tensor([[[0.1], [1.0]]]))[0, 0]}} .$$

### Exercise · carry_back

The walk. With states as rows, you need the row form.
"""


# %% exercise="carry_back" points=3 withheld="course_lib.recurrent.bptt.carry_back course_lib.recurrent.bptt.rnn_backward course_lib.recurrent.bptt.gradient_norms torch.autograd.grad torch.Tensor.backward torch.func.vjp torch.func.jvp torch.func.jacfwd torch.func.jacrev torch.func.linearize torch.func.grad_and_value torch.autograd.functional.jacobian torch.autograd.forward_ad"
def carry_back(states: Tensor, w_hh: Tensor, own: Tensor) -> Tensor:
    """Return the gradient of the total loss in every state of a tanh RNN.

    states   (B, T, H) the states, as rnn_forward returns them
    w_hh     (H, H)
    own      (B, T, H) the gradient of each step's own loss in its own state; zeros where a step has
             no loss
    returns  (B, T, H) g, in which all later losses are contained

    Example: states [[[0.5], [0.6]]], w_hh [[2.]], own [[[0.1], [1.]]] give [[[1.38], [1.]]].
    """
    ### BEGIN SOLUTION
    g, carried = own[:, -1], [own[:, -1]]
    for t in range(states.size(1) - 2, -1, -1):
        g = own[:, t] + (g * (1 - states[:, t + 1] ** 2)) @ w_hh
        carried.append(g)
    return torch.stack(carried[::-1], dim=1)
    ### END SOLUTION


# %% [markdown] hints="carry_back"
r"""
1. Which g do you know without any calculation? From g at t + 1, which state's slope and which form of the matrix lead to t?
2. Start with the last g and walk back one step at a time: the state's own gradient, plus what comes from the later state, through that state's slope first and then the matrix.
3. The slope is `1 - states[:, t + 1] ** 2`; `range(states.size(1) - 2, -1, -1)` walks back.
"""


# %% cases="carry_back" active="py"
def cases(seed):
    two = torch.tensor([[2.0]])
    yield Case({"states": torch.tensor([[[0.5]]]), "w_hh": two, "own": torch.tensor([[[1.0]]])}, note="a single step")
    yield Case(
        {"states": torch.tensor([[[0.5], [0.6]]]), "w_hh": two, "own": torch.tensor([[[0.1], [1.0]]])},
        note="the example by hand",
    )
    states = random_tensor(seed, 2, 4, 3).tanh()
    w_hh, own = random_tensor(seed + 1, 3, 3), random_tensor(seed + 2, 2, 4, 3)
    last = torch.zeros(2, 4, 3)
    last[:, -1] = own[:, -1]
    yield Case({"states": states, "w_hh": w_hh, "own": last}, note="a loss at the last step only")
    yield Case({"states": states, "w_hh": w_hh, "own": own}, note="a loss at every step")
    for batch, steps, hidden in ((1, 6, 2), (3, 5, 4)):
        case = {"states": random_tensor(seed + 3, batch, steps, hidden).tanh()}
        case |= {"w_hh": random_tensor(seed + 4, hidden, hidden), "own": random_tensor(seed + 5, batch, steps, hidden)}
        yield Case(case, note=f"{steps} steps, a loss at each")


# %% equivalents="carry_back" active="py"
equivalents = {
    "return torch.stack(carried[::-1], dim=1) → return detached(torch.stack(carried[::-1], dim=1))": "what is returned is a gradient itself; nothing is differentiated a second time",
}


# %% mistake="carry_back" name="transposed" hint="Your gradients are rows, and rows are multiplied by w_hh itself from the right. W_hhᵀ belongs to the column form." active="py"
def carry_back(states, w_hh, own, right=carry_back):
    return right(states, w_hh.T, own)


# %% mistake="carry_back" name="slope_of_the_earlier_state" hint="From t + 1 back to t the signal passes through the tanh that made h_{t+1}: its slope is 1 − h_{t+1}², not 1 − h_t²." active="py"
def carry_back(states, w_hh, own, right=carry_back):
    return right(torch.cat([states[:, :1], states[:, :-1]], dim=1), w_hh, own)


# %% mistake="carry_back" name="the_popular_formula" hint="Two faults that stand together in popular notes: the slope of h_t instead of h_{t+1}, and the transposed matrix in the row form." active="py"
def carry_back(states, w_hh, own):
    g, carried = own[:, -1], [own[:, -1]]
    for t in range(states.size(1) - 2, -1, -1):
        g = own[:, t] + (g @ w_hh.T) * (1 - states[:, t] ** 2)
        carried.append(g)
    return torch.stack(carried[::-1], dim=1)


# %% mistake="carry_back" name="only_the_last_loss" hint="Every step may have its own loss: add own[:, t] on the way back." active="py"
def carry_back(states, w_hh, own, right=carry_back):
    last = torch.zeros_like(own)
    last[:, -1] = own[:, -1]
    return right(states, w_hh, last)


# %% mistake="carry_back" name="no_slope" hint="The slope of tanh is missing: multiply by 1 − h² of the later state before the matrix." active="py"
def carry_back(states, w_hh, own, right=carry_back):
    return right(torch.zeros_like(states), w_hh, own)


# %% mistake="carry_back" name="slope_after_the_matrix" hint="The slope has to be applied before the matrix: g ⊙ (1 − h_{t+1}²) first, then @ w_hh. The order of the two factors matters." active="py"
def carry_back(states, w_hh, own):
    g, carried = own[:, -1], [own[:, -1]]
    for t in range(states.size(1) - 2, -1, -1):
        g = own[:, t] + (g @ w_hh) * (1 - states[:, t + 1] ** 2)
        carried.append(g)
    return torch.stack(carried[::-1], dim=1)


# %% [markdown]
r"""
Which formula is the gradient? Autograd is the referee: three units, two steps, a loss on the last state.
"""

# %%
walk_back = yours("rnn.carry_back", recurrent.carry_back)
generator = torch.Generator().manual_seed(0)
w_hh, h1 = (
    torch.randn(3, 3, generator=generator),
    (torch.randn(1, 3, generator=generator) * 0.7).requires_grad_(),
)
h2, g2 = torch.tanh(h1 @ w_hh.T + 0.3), torch.randn(1, 3, generator=generator)
(truth,) = torch.autograd.grad(h2, h1, g2)

h1, h2 = h1.detach(), h2.detach()
by_hand = walk_back(torch.stack([h1, h2], 1), w_hh, torch.stack([0 * g2, g2], 1))[:, 0]
print("autograd                       ", truth.numpy().round(4))
print("yours                          ", by_hand.numpy().round(4))
print(
    "g Wᵀ diag(1 − h_t²), as printed",
    ((g2 @ w_hh.T) * (1 - h1**2)).numpy().round(4),
    "  a popular formula",
)
print("g diag(1 − h_{t+1}²) W, rows   ", ((g2 * (1 - h2**2)) @ w_hh).numpy().round(4))
print("Wᵀ diag(1 − h_{t+1}²) g, column", (w_hh.T @ ((1 - h2**2) * g2).T).T.numpy().round(4))

# %% [markdown]
r"""
### Exercise · bptt

From the gradients of states to those of weights. In between lies the pre-activation, $\delta_t = \partial L / \partial a_t = g_t \odot (1 - h_t^2)$: here it is the slope of the **same** step. Since $a_t = W_{ih} x_t + W_{hh} h_{t-1} + b$,

$$\frac{\partial L}{\partial W_{hh}} = \sum_t \delta_t\, h_{t-1}^\top, \qquad \frac{\partial L}{\partial W_{ih}} = \sum_t \delta_t\, x_t^\top, \qquad \frac{\partial L}{\partial b} = \sum_t \delta_t, \qquad
\frac{\partial L}{\partial x_t} = W_{ih}^\top \delta_t, \qquad \frac{\partial L}{\partial h_0} = W_{hh}^\top \delta_1 .$$

The sums run over all steps because all steps share the weights, and over the batch. With the numbers from above, $x = (1, 1)$ and $h_0 = 0$: $\delta_1 = 1.38 \cdot 0.75 = {{1.035 = example[0][0, 0]}}$ and $\delta_2 = {{0.64 = example[0][0, 1]}}$, so
$\partial L / \partial b = {{1.675 = example[4]}}$ and $\partial L / \partial w_{hh} = 1.035 \cdot 0 + 0.64 \cdot 0.5 = {{0.32 = example[3]}}$.

For the walk back all $T$ states must have been kept: memory grows with the length of the sequence.
"""


# %% exercise="bptt" points=3 needs="carry_back" withheld="course_lib.recurrent.bptt.rnn_backward torch.autograd.grad torch.Tensor.backward torch.func.vjp torch.func.jvp torch.func.jacfwd torch.func.jacrev torch.func.linearize torch.func.grad_and_value torch.autograd.functional.jacobian torch.autograd.forward_ad"
def bptt(
    x: Tensor, h0: Tensor, states: Tensor, w_ih: Tensor, w_hh: Tensor, own: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Backpropagate through time by hand, for a tanh RNN.

    x, h0, w_ih, w_hh  (B, T, I), (B, H), (H, I), (H, H): what the network read, from which state,
                       with which weights
    states             (B, T, H) the states, as rnn_forward returns them
    own                (B, T, H) the gradient of each step's own loss in its own state
    returns            the gradients in x (B, T, I), h0 (B, H), w_ih (H, I), w_hh (H, H) and b (H,),
                       in this order; those of weights are sums over batch and time

    Example: x [[[1.], [1.]]], h0 [[0.]], states [[[0.5], [0.6]]], w_ih [[1.]], w_hh [[2.]],
    own [[[0.1], [1.]]] give [[[1.035], [0.64]]], [[2.07]], [[1.675]], [[0.32]], [1.675].
    """
    ### BEGIN SOLUTION
    delta = carry_back(states, w_hh, own) * (1 - states**2)
    before = torch.cat([h0[:, None], states[:, :-1]], dim=1)
    return (
        delta @ w_ih,
        delta[:, 0] @ w_hh,
        torch.einsum("bth,bti->hi", delta, x),
        torch.einsum("bth,btk->hk", delta, before),
        delta.sum((0, 1)),
    )
    ### END SOLUTION


# %% [markdown] hints="bptt"
r"""
1. From the gradient of a state to that of its pre-activation: which slope? And which state did W_hh multiply at step t?
2. One `delta` for all steps. Each matrix's gradient is a sum of outer products over batch and time; for W_hh they are with the states *before* each step, h_0 … h_{T−1}.
3. `delta = carry_back(states, w_hh, own) * (1 - states**2)`; an einsum such as `"bth,bti->hi"` sums over batch and time.
"""


# %% cases="bptt" active="py"
def cases(seed):
    one = torch.ones(1, 1)
    yield Case(
        {
            "x": torch.ones(1, 2, 1),
            "h0": 0 * one,
            "states": torch.tensor([[[0.5], [0.6]]]),
            "w_ih": one,
            "w_hh": 2 * one,
            "own": torch.tensor([[[0.1], [1.0]]]),
        },
        note="the example by hand",
    )

    def case(batch, steps, features, hidden):
        shapes = {
            "x": (batch, steps, features),
            "h0": (batch, hidden),
            "w_ih": (hidden, features),
            "w_hh": (hidden,) * 2,
        }
        values = {name: random_tensor(seed + i, *s, scale=0.7) for i, (name, s) in enumerate(shapes.items())}
        states = random_tensor(seed + 7, batch, steps, hidden).tanh()
        return values | {"states": states, "own": random_tensor(seed + 8, batch, steps, hidden)}

    yield Case(case(1, 1, 2, 3), note="a single step from a state that is not zero")
    yield Case(case(3, 4, 2, 3), note="three sequences of four tokens")
    yield Case(case(2, 6, 5, 4), note="two sequences of six tokens")


# %% equivalents="bptt" active="py"
equivalents = {
    "return (delta @ w_ih, delta[:, 0] @ w_hh, torch.einsum('bth,bti->hi', delta, x), torch.ei… → return detached((delta @ w_ih, delta[:, 0] @ w_hh, torch.einsum('bth,bti->hi', delta, x),…": "what is returned is a gradient itself; nothing is differentiated a second time",
}


# %% mistake="bptt" name="state_of_the_same_step" hint="For W_hh you used h_t. The matrix multiplied the state before, h_{t−1}: shift the states by one and put h0 in front." active="py"
def bptt(x, h0, states, w_ih, w_hh, own, right=bptt):
    results = list(right(x, h0, states, w_ih, w_hh, own))
    delta = carry_back(states, w_hh, own) * (1 - states**2)
    results[3] = torch.einsum("bth,btk->hk", delta, states)
    return tuple(results)


# %% mistake="bptt" name="h0_taken_for_zero" hint="Right when h0 is zero. The first step multiplied W_hh by h0: it belongs in front of the shifted states." active="py"
def bptt(x, h0, states, w_ih, w_hh, own, right=bptt):
    return right(x, torch.zeros_like(h0), states, w_ih, w_hh, own)


# %% mistake="bptt" name="slope_missing" hint="Between the state and the weights lies tanh: multiply the gradient of a state by 1 − h² of the same step first." active="py"
def bptt(x, h0, states, w_ih, w_hh, own):
    delta, before = carry_back(states, w_hh, own), torch.cat([h0[:, None], states[:, :-1]], dim=1)
    weights = torch.einsum("bth,bti->hi", delta, x), torch.einsum("bth,btk->hk", delta, before)
    return delta @ w_ih, delta[:, 0] @ w_hh, *weights, delta.sum((0, 1))


# %% mistake="bptt" name="last_step_only" hint="All steps share the weights, so their gradients are sums over all steps. Yours have the last step's part alone." active="py"
def bptt(x, h0, states, w_ih, w_hh, own, right=bptt):
    results = list(right(x, h0, states, w_ih, w_hh, own))
    delta = (carry_back(states, w_hh, own) * (1 - states**2))[:, -1]
    before = torch.cat([h0[:, None], states[:, :-1]], dim=1)[:, -1]
    results[2:] = [delta.T @ x[:, -1], delta.T @ before, delta.sum(0)]
    return tuple(results)


# %% mistake="bptt" name="mean_over_the_batch" hint="You divide the weights' gradients by the batch size. If the loss is a mean, `own` contains that division already: sum." active="py"
def bptt(x, h0, states, w_ih, w_hh, own, right=bptt):
    results = right(x, h0, states, w_ih, w_hh, own)
    return *results[:2], *(gradient / len(x) for gradient in results[2:])


# %%
by_hand, one = yours("rnn.bptt", recurrent.rnn_backward), torch.ones(1, 1)
# states and own gradients of the example
told = torch.tensor([[[0.5], [0.6]]]), torch.tensor([[[0.1], [1.0]]])
example = by_hand(torch.ones(1, 2, 1), 0 * one, told[0], one, 2 * one, told[1])
print("the example:", *(gradient.flatten().tolist() for gradient in example))

# %%
torch.manual_seed(0)
inputs = [
    torch.randn(2, 9, 4),
    torch.randn(2, 6),
    torch.randn(6, 4),
    0.4 * torch.randn(6, 6),
    torch.randn(6),
]
inputs = [tensor.requires_grad_() for tensor in inputs]  # x, h0, w_ih, w_hh, b
states = recurrent.rnn_forward(*inputs)
targets = torch.randn(2, 9, 6)
truth = torch.autograd.grad((states - targets).square().sum(), inputs)

x, h0, w_ih, w_hh, b = (tensor.detach() for tensor in inputs)
states = states.detach()
mine = by_hand(x, h0, states, w_ih, w_hh, 2 * (states - targets))
for name, expected, got in zip(("x", "h0", "w_ih", "w_hh", "b"), truth, mine):
    print(f"{name:5} largest gradient {expected.abs().max():7.3f}   difference {(expected - got).abs().max():.1e}")

# %% [markdown]
r"""
## 5 · What becomes of a gradient on its way back

Over $k$ steps a gradient meets $k$ matrices. Without losses on the way, in rows,

$$g_{T-k} = g_T \prod_{j=0}^{k-1} \operatorname{diag}(1 - h_{T-j}^2)\, W_{hh}, \qquad \text{factors from left to right: the latest step first.}$$

If each makes it a little shorter, it **vanishes**: $0.9^{50} = {{0.005 = 0.9**50}}$. If each makes it a little longer, it explodes (***exploding gradient***): $1.1^{50} = {{117 = 1.1**50}}$.

**What vanishing does not mean.** The gradient in the weights is a *sum* over distances, and the terms from nearby do not vanish. Training goes on, the loss falls, and what the network learns is short-sighted. That makes it hard to notice.

### Exercise · gradient_norms · optional

Put a gradient on the last state, walk back with your `carry_back`, and measure how long it still is at each distance.
"""


# %% exercise="gradient_norms" points=2 optional=true needs="carry_back" withheld="course_lib.recurrent.bptt.gradient_norms torch.autograd.grad torch.Tensor.backward torch.func.vjp torch.func.jvp torch.func.jacfwd torch.func.jacrev torch.func.linearize torch.func.grad_and_value torch.autograd.functional.jacobian torch.autograd.forward_ad"
def gradient_norms(states: Tensor, w_hh: Tensor, last: Tensor) -> Tensor:
    """Return how much of a gradient at the last state arrives at each earlier one.

    states   (B, T, H) the states of a tanh RNN
    w_hh     (H, H)
    last     (B, H) the gradient of a loss on the last state alone
    returns  (T,) Euclidean norm of the gradient in the state k steps before the last, for
             k = 0 … T − 1; the mean of the norms over the batch

    Example: states [[[0.5], [0.6]]], w_hh [[2.]], last [[1.]] give [1., 1.28].
    """
    ### BEGIN SOLUTION
    own = torch.zeros_like(states)
    own[:, -1] = last
    return carry_back(states, w_hh, own).norm(dim=-1).mean(0).flip(0)
    ### END SOLUTION


# %% [markdown] hints="gradient_norms"
r"""
1. Which `own` says that only the last step has a loss? Over which dimension is the norm taken, over which the mean, and which end of time is distance 0?
2. Put `last` at the last step of zeros and walk back. Then the norm over features, the mean over the batch, and time turned around.
3. `own = torch.zeros_like(states)`, then `own[:, -1] = last`.
"""


# %% cases="gradient_norms" active="py"
def cases(seed):
    yield Case(
        {"states": torch.tensor([[[0.5], [0.6]]]), "w_hh": torch.tensor([[2.0]]), "last": torch.tensor([[1.0]])},
        note="the example by hand",
    )
    yield Case(
        {
            "states": torch.zeros(1, 3, 2),
            "w_hh": torch.tensor([[0.0, 2.0], [2.0, 0.0]]),
            "last": torch.tensor([[3.0, 4.0]]),
        },
        note="a matrix that doubles lengths",
    )
    for batch, steps, hidden in ((3, 5, 4), (2, 1, 3), (5, 7, 2)):
        states = random_tensor(seed + batch, batch, steps, hidden, scale=0.5).tanh()
        case = {"states": states, "w_hh": random_tensor(seed + 1, hidden, hidden, scale=0.6)}
        yield Case(case | {"last": random_tensor(seed + 2, batch, hidden)}, note=f"{batch} sequences of {steps} tokens")


# %% equivalents="gradient_norms" active="py"
equivalents = {
    "return carry_back(states, w_hh, own).norm(dim=-1).mean(0).flip(0) → return detached(carry_back(states, w_hh, own).norm(dim=-1).mean(0).flip(0))": "the norms are looked at; nothing is learned from them",
    "carry_back(states, w_hh, own).norm(dim=-1).mean(0).flip(0) → carry_back(states, w_hh, own).norm(dim=-1).mean(0).flip(-1)": "only one dimension is left",
}


# %% mistake="gradient_norms" name="oldest_first" hint="Your first number belongs to the first token. Distance 0 is the last state: turn the order around." active="py"
def gradient_norms(states, w_hh, last, right=gradient_norms):
    return right(states, w_hh, last).flip(0)


# %% mistake="gradient_norms" name="squared" hint="You return squared norms. The Euclidean norm is the root of the sum of squares." active="py"
def gradient_norms(states, w_hh, last):
    own = torch.zeros_like(states)
    own[:, -1] = last
    return carry_back(states, w_hh, own).square().sum(-1).mean(0).flip(0)


# %% mistake="gradient_norms" name="norm_of_the_mean" hint="You average the gradients over the batch and then take the norm: opposite gradients cancel. Take each sequence's norm first, then the mean." active="py"
def gradient_norms(states, w_hh, last):
    own = torch.zeros_like(states)
    own[:, -1] = last
    return carry_back(states, w_hh, own).mean(0).norm(dim=-1).flip(0)


# %% mistake="gradient_norms" name="one_norm_for_the_batch" hint="That is one norm over batch and features together. Take the norm over features alone, dim=-1, then the mean over the batch." active="py"
def gradient_norms(states, w_hh, last):
    own = torch.zeros_like(states)
    own[:, -1] = last
    return carry_back(states, w_hh, own).norm(dim=(0, 2)).flip(0)


# %% mistake="gradient_norms" name="loss_at_every_step" hint="You put the gradient on every state. Only the last step has a loss here; `own` is zero before it." active="py"
def gradient_norms(states, w_hh, last):
    return carry_back(states, w_hh, last[:, None].expand_as(states)).norm(dim=-1).mean(0).flip(0)


# %% [markdown]
r"""
### Which number decides?

How long can $g\,\operatorname{diag}(1 - h^2)\,W_{hh}$ be, compared with $g$? The slopes are at most 1, and no vector gets longer under $W_{hh}$ than by its ***largest singular value*** $\sigma = \max_v \lVert v W_{hh} \rVert / \lVert v \rVert$. With $\gamma$ for the steepest slope of the activation (tanh: 1,
the sigmoid: ¼),

$$\lVert g_{T-k} \rVert \;\le\; (\gamma \sigma)^k\, \lVert g_T \rVert .$$

So (Pascanu, Mikolov and Bengio 2013):

- $\gamma\sigma < 1$ is **sufficient for vanishing**;
- $\gamma\sigma > 1$ is **necessary for exploding**, and not sufficient.

Many texts say *eigenvalue* here. Then the statement is wrong in {{both directions : vanished < 1e-80 and min(pushed_back(negative, 20)[-1], exploded) > 1000}}; the cells below show four ways. The largest absolute eigenvalue, the ***spectral radius*** $\rho$, decides only for a network without activation, and only in the long run. For a matrix with
$W W^\top = W^\top W$ (rotations, symmetric ones) $\rho = \sigma$, which is how the confusion lives on.

### Exercise · gradient_bound

The bound. The example has two eigenvalues of {{0 = recurrent.spectral_radius(torch.tensor([[0.0, 2.0], [0.0, 0.0]]))}} and stretches some vectors to {{twice : gradient_bound(torch.tensor([[0.0, 2.0], [0.0, 0.0]]), 1) == 2}} their length.
"""


# %% exercise="gradient_bound" points=1 withheld="course_lib.recurrent.bptt.gradient_bound"
def gradient_bound(w_hh: Tensor, distance: int, steepest: float = 1.0) -> float:
    """Return the largest factor by which a gradient's norm can grow over so many steps back.

    w_hh      (H, H)
    distance  k ≥ 0 steps
    steepest  the largest slope of the activation: 1 for tanh, 1/4 for the sigmoid
    returns   a float

    Raises ValueError for a negative distance.

    Example: gradient_bound(torch.tensor([[0., 2.], [0., 0.]]), 3) is 8.0.
    """
    ### BEGIN SOLUTION
    if distance < 0:
        raise ValueError(f"distance must be at least 0, got {distance}")
    return (steepest * torch.linalg.matrix_norm(w_hh, 2).item()) ** distance
    ### END SOLUTION


# %% [markdown] hints="gradient_bound"
r"""
1. Which of `torch.linalg.eigvals`, `torch.linalg.svdvals`, `torch.linalg.matrix_norm` gives singular values? How often are the slope and the matrix applied over k steps?
2. One step has a factor, the slope times the largest singular value; k steps multiply k of them. Check the distance first.
3. `torch.linalg.svdvals(w_hh).max().item()` is the largest singular value.
"""


# %% cases="gradient_bound" active="py"
def cases(seed):
    yield Case({"w_hh": torch.tensor([[0.0, 2.0], [0.0, 0.0]]), "distance": 3}, note="eigenvalues 0, three steps")
    yield Case({"w_hh": torch.tensor([[-1.5]]), "distance": 2}, note="one unit")
    yield Case({"w_hh": torch.tensor([[3.0]]), "distance": 0}, note="no step at all")
    yield Case({"w_hh": torch.tensor([[3.0]]), "distance": -1}, note="a negative distance")
    w_hh = random_tensor(seed, 4, 4, scale=0.6)
    yield Case({"w_hh": w_hh, "distance": 5}, note="a random matrix")
    yield Case({"w_hh": w_hh, "distance": 3, "steepest": 0.25}, note="a sigmoid network")
    larger = random_tensor(seed + 1, 6, 6, scale=0.3)
    yield Case({"w_hh": larger, "distance": 1, "steepest": 0.7}, note="a single step")
    yield Case({"w_hh": larger, "distance": 12}, note="twelve steps")


# %% equivalents="gradient_bound" active="py"
equivalents = {
    "return (steepest * torch.linalg.matrix_norm(w_hh, 2).item()) ** distance → return detached((steepest * torch.linalg.matrix_norm(w_hh, 2).item()) ** distance)": "a float has no gradient",
    "torch.linalg.matrix_norm(w_hh, 2).item() → torch.linalg.matrix_norm(w_hh, 2)": "a tensor without dimensions is taken for the number in it",
}


# %% mistake="gradient_bound" name="spectral_radius" hint="You used the largest eigenvalue. A matrix can stretch a vector by more than that: the largest singular value is the bound." active="py"
def gradient_bound(w_hh, distance, steepest=1.0, right=gradient_bound):
    right(w_hh, distance)
    return (steepest * torch.linalg.eigvals(w_hh).abs().max().item()) ** distance


# %% mistake="gradient_bound" name="frobenius" hint="That is the Frobenius norm, the default of torch's norms: a bound too, but not the smallest. Take the largest singular value, matrix_norm(w_hh, 2)." active="py"
def gradient_bound(w_hh, distance, steepest=1.0, right=gradient_bound):
    right(w_hh, distance)
    return (steepest * w_hh.norm().item()) ** distance


# %% mistake="gradient_bound" name="slope_once" hint="The slope counts once per step, as the matrix does: (γ σ)^k, not γ σ^k." active="py"
def gradient_bound(w_hh, distance, steepest=1.0, right=gradient_bound):
    return steepest * right(w_hh, distance)


# %% mistake="gradient_bound" name="times_distance" hint="Factors multiply: the bound is a power of the distance, not a multiple." active="py"
def gradient_bound(w_hh, distance, steepest=1.0, right=gradient_bound):
    right(w_hh, distance)
    return steepest * torch.linalg.matrix_norm(w_hh, 2).item() * distance


# %% mistake="gradient_bound" name="no_check" hint="A negative distance should raise a ValueError; yours returns a number." active="py"
def gradient_bound(w_hh, distance, steepest=1.0):
    return (steepest * torch.linalg.matrix_norm(w_hh, 2).item()) ** distance


# %% [markdown]
r"""
**Move the spectral radius.** Left: the eigenvalues (points), the circle of radius 1 (dashed) and the circle of radius σ. Right: the norm of a gradient against the distance it has travelled.

- *skew* 0: all singular values equal ρ. With no input (*strength* 0) the network is linear and its line is {{$\rho^k$ : abs(arriving(0.95, 0.0, 0.0)[60] / 0.95**60 - 1) < 0.01}}.
  A little input, and tanh takes {{more than the matrix does : arriving(0.95, 0.0, 0.3)[60] < 0.01 * 0.95**60}}.
- *skew* 1.5, ρ = 0.95, no input: every eigenvalue is below 1, and the gradient grows {{ten-thousandfold : arriving(0.95, 1.5, 0.0).max() > 1e4}} before it
  {{begins to shrink : arriving(0.95, 1.5, 0.0)[60] < arriving(0.95, 1.5, 0.0).max() / 2}}.
- ρ = 1.3, strength 1: every eigenvalue is above 1, and the gradient {{vanishes : arriving(1.3, 0.0, 1.0)[60] < 1e-6}}.
"""


# %%
def arriving(radius, skew, strength):
    """What the right picture shows: the gradient's norm 0 … 60 steps back."""
    return figures.gradient_paths(figures.recurrent_matrix(24, radius, skew), strength, 60)[0]


gradient_explorer()

# %% [markdown]
r"""
The same, as {{four counterexamples : min(pushed_back(negative, 20)[-1], max(norms), exploded) > 1000 and vanished < 1e-80}} to “eigenvalues below 1 vanish, above 1 explode”. The first is a matter of signs, the second of matrices that are not normal, the third and fourth of the activation.
"""


# %%
def pushed_back(factor, steps, g=None):
    """The norm of a gradient after each of so many multiplications by the same matrix."""
    g, norms = torch.ones(len(factor), dtype=torch.float64) if g is None else g, []
    for _ in range(steps):
        g = g @ factor
        norms.append(g.norm().item())
    return norms


# %%
negative = torch.tensor([[-1.5, 0.0], [0.0, 0.2]], dtype=torch.float64)
print(f"1  eigenvalues −1.5 and 0.2, “less than 1”: after 20 steps {pushed_back(negative, 20)[-1]:.0f}")

chain = 0.9 * torch.eye(6, dtype=torch.float64) + torch.diag(torch.ones(5, dtype=torch.float64), 1)
norms = pushed_back(chain, 400)
print(f"2  all eigenvalues 0.9, σ = {torch.linalg.matrix_norm(chain, 2):.2f}:",
      ", ".join(f"after {k} steps {norms[k - 1]:.0e}" for k in (5, 60, 400)))  # fmt: skip

three, ones = torch.tensor([[3.0]], dtype=torch.float64), torch.ones(1, 21, 1, dtype=torch.float64)
states = recurrent.rnn_forward(ones, ones[:, 0], three, three)
vanished = recurrent.gradient_norms(states, three, ones[:, 0])[20].item()
print(f"3  eigenvalue 3, saturated tanh: after 20 steps {vanished:.0e}")

w, slopes = torch.tensor([[2.0, -2.0], [2.0, -2.0]]).double(), torch.tensor([1.0, 0.1]).double()
exploded = pushed_back(torch.diag(slopes) @ w, 20)[-1]
rho, with_slopes = recurrent.spectral_radius(w), recurrent.spectral_radius(slopes[:, None] * w)
print(f"4  largest eigenvalue of W {rho:.0f}, of diag(1, 0.1) W {with_slopes:.1f}: after 20 steps {exploded:.0e}")

# %% [markdown]
r"""
### Remembering and learning are two things

Look at the latch at the top again. It holds its number because $w_{hh} = 3$ drives tanh into ***saturation***, where a disturbance is pulled back. Saturation means a slope near 0: the same that protects the memory blocks the gradient. Bengio, Simard and Frasconi (1994) proved
that this is no accident: a state of this kind that holds information robustly makes gradients vanish. We could *set* the two weights by hand. Gradient descent gets hardly any signal from a word that stands far behind a saturated state.

**The sigmoid.** A popular card says that gradients vanish because the sigmoid saturates. It is one cause of several. Even at its best point, 0, its slope is only ¼, so a sigmoid network with an orthogonal $W_{hh}$ loses at least {{three quarters : abs(gradient_bound(rotation, 1, steepest=0.25) - 0.25) < 1e-4}} at every step without any saturation. And it is not the case that “updates stop”: those
of the *early* part become tiny, those of the late part do not.

"""

# %%
generator = torch.Generator().manual_seed(0)
rotation, _ = torch.linalg.qr(torch.randn(16, 16, generator=generator))  # orthogonal: all singular values 1
h = h0 = torch.full((1, 16), 0.5, requires_grad=True)
bends = []  # the slopes of all sigmoids at each step
for _ in range(10):
    h = torch.sigmoid(h @ rotation.T)
    bends.append((h * (1 - h)).detach())
(g,) = torch.autograd.grad(h, h0, torch.ones(1, 16) / 4)  # a gradient of norm 1 at the last state
left, bound = g.norm().item(), recurrent.gradient_bound(rotation, 10, steepest=0.25)
print(
    "mean slope of the sigmoids (0.25 at best):",
    [round(slopes.mean().item(), 2) for slopes in bends],
)
print(f"smallest {torch.cat(bends).min():.2f}; norm of a gradient after 10 steps: {left:.1e}, bound {bound:.1e}")

# %% [markdown]
r"""
{{No sigmoid is saturated : torch.cat(bends).min() > 0.1}}, and {{less than a millionth is left : left < 1e-6}}.

### Question · sigmoid_chain · optional

A recurrent network uses sigmoids, and its $W_{hh}$ is orthogonal ($\sigma = 1$). At most which share of a gradient's norm is left after 4 steps back? Write a decimal number.
"""

# %% exercise="sigmoid_chain" points=1 optional=true kind="number"
### BEGIN SOLUTION
sigmoid_chain = 0.25**4  # 0.0039
### END SOLUTION

# %% mistake="sigmoid_chain" name="as_for_tanh" hint="That is the bound for tanh, whose steepest slope is 1. The sigmoid's is 1/4, at 0." active="py"
sigmoid_chain = 1.0

# %% mistake="sigmoid_chain" name="one_step" hint="That is one step. The slope is a factor of every step." active="py"
sigmoid_chain = 0.25

# %% mistake="sigmoid_chain" name="divided" hint="You divided by the number of steps. Factors multiply: a quarter of a quarter of a quarter of a quarter." active="py"
sigmoid_chain = 0.0625

# %% [markdown]
r"""
### Question · which_eigenvalues

Every eigenvalue of $W_{hh}$ has the absolute value 0.9. What do you know about a gradient that goes back through this tanh network?

- **a** It shrinks at every step, by a factor of at most 0.9.
- **b** It may grow at first, for many steps, if the largest singular value is above 1.
- **c** After 20 steps its norm is exactly $0.9^{20}$ of what it was.
- **d** It explodes, since 0.9 is close to 1.
"""

# %% exercise="which_eigenvalues" points=1 kind="choice" choices="a b c d"
### BEGIN SOLUTION
which_eigenvalues = "b"
### END SOLUTION

# %% mistake="which_eigenvalues" name="a" hint="That would follow from a largest singular value of 0.9. The second counterexample has all eigenvalues 0.9, and after 60 steps the gradient is thousands of times as long." active="py"
which_eigenvalues = "a"

# %% mistake="which_eigenvalues" name="c" hint="That holds for a linear network whose matrix is normal. Here there are slopes too, and the matrix may stretch." active="py"
which_eigenvalues = "c"

# %% mistake="which_eigenvalues" name="d" hint="Nothing follows from being close to 1. What is needed for exploding is a largest singular value above 1." active="py"
which_eigenvalues = "d"

# %% [markdown]
r"""
## 6 · When it explodes: clip

A loss that runs through many steps can have **cliffs**: places where a tiny change of a weight tips the network from one behaviour to another. On the face of the cliff the gradient is huge and points in a sensible direction; a step along it of the usual *rate* lands far away, and may leave inf or nan in every weight.

The cure, ***gradient clipping***, is blunt and works. If the norm of the whole gradient $g$ exceeds $c$, shorten it to $c$ and keep its direction (Pascanu, Mikolov and Bengio 2013):

$$g \leftarrow g \cdot \min\!\left(1, \frac{c}{\lVert g \rVert}\right).$$

One norm over **all** weights together; clipping each weight matrix by itself would turn the gradient. `nn.utils.clip_grad_norm_` does this, between `backward()` and the optimizer's step.

The picture: a network of one number runs for 50 steps, and its last state should be 0.7. Its only weight goes downhill. Tick the box.
"""

# %%
cliff_explorer()

# %% [markdown]
r"""
**Two things with one name.** *Exploding gradients*: the product of Jacobians is large at the weights as they are **now**. The learning rate does not enter. *Diverging training*: steps that are too long make the **weights** huge. A smaller learning rate helps against the second; the first is still there, and the next cliff too.

A larger learning rate is no cure for vanishing gradients either: it scales the near and the far parts alike, and their ratio stays the same. And clipping cannot bring back what has vanished.
"""

# %%
generator = torch.Generator().manual_seed(0)
x, h0 = torch.randn(1, 30, 4, generator=generator).requires_grad_(), torch.zeros(1, 16)
w_ih, b = torch.randn(16, 4, generator=generator), torch.zeros(16)
w_hh = (0.15 * torch.randn(16, 16, generator=generator)).requires_grad_()
for lr in (0.01, 10.0):
    loss = recurrent.rnn_forward(x, h0, w_ih, w_hh, b)[:, -1].square().sum()
    into_w, into_x = torch.autograd.grad(loss, [w_hh, x])
    ratio = into_x[0, 0].norm() / into_x[0, -1].norm()
    print(
        f"lr {lr:5}: gradient norm {into_w.norm():.3f}, first/last input {ratio:.1e}, update {lr * into_w.norm():.4f}"
    )

# %% [markdown]
r"""
### Question · halve_the_rate · optional

At update 300 the norm of the gradient is 4,000. You load the weights of update 299, halve the learning rate, and compute the gradient of the same batch at these weights again. Its norm is now …

- **a** 2,000: it is proportional to the rate.
- **b** still 4,000: the gradient belongs to the weights and the batch.
- **c** about 1: a smaller rate prevents exploding gradients.
"""

# %% exercise="halve_the_rate" points=1 optional=true kind="choice" choices="a b c"
### BEGIN SOLUTION
halve_the_rate = "b"
### END SOLUTION

# %% mistake="halve_the_rate" name="a" hint="The *update* is halved. The gradient is a derivative of the loss at these weights, and the rate does not appear in it." active="py"
halve_the_rate = "a"

# %% mistake="halve_the_rate" name="c" hint="A smaller rate may keep you away from the cliff. You are standing on it: same weights, same batch, same gradient." active="py"
halve_the_rate = "c"

# %% [markdown]
r"""
## 7 · When it is too long: truncate

A book is one sequence of 100,000 tokens. Backpropagation through all of it would keep 100,000 states and take one step. ***Truncated backpropagation through time*** cuts it into windows:

- forwards, the state is handed on from window to window, so the network can know what stood many windows ago;
- backwards, the gradient stops at the beginning of its window: the state that arrives there counts as a constant. In PyTorch: `h.detach()`.

The values are those of the uncut network; only the gradient is cut. What is remembered over more than a window may be used, but no gradient teaches it.

### Exercise · truncated_bptt

With `window=2` and five tokens, the windows are tokens 0–1, 2–3 and 4. A loss at token 3 has a gradient in tokens 2 and 3 and in no earlier one.
"""


# %% exercise="truncated_bptt" points=2 needs="rnn_forward" withheld="course_lib.recurrent.bptt.truncated_bptt course_lib.recurrent.language_model.ConsecutiveWindows torch.nn.RNN torch.rnn_tanh"
def truncated_bptt(x: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, b: Tensor, window: int) -> Tensor:
    """Return the states of an RNN, through which a gradient flows no further than its own window.

    x, h0, w_ih, w_hh, b  as in rnn_forward
    window                steps; windows start at tokens 0, window, 2·window …; the last may be
                          shorter
    returns               (B, T, H): the same numbers as rnn_forward, with the state detached where
                          it enters a window. h0 comes from outside the first window, so it is
                          detached too

    Raises ValueError when window is less than 1.

    Example: with window ≥ T the gradient is that of rnn_forward, except that none reaches h0.
    """
    ### BEGIN SOLUTION
    if window < 1:
        raise ValueError(f"window must be at least 1 step, got {window}")
    h, states = h0, []
    for start in range(0, x.size(1), window):
        states.append(rnn_forward(x[:, start : start + window], h.detach(), w_ih, w_hh, b))
        h = states[-1][:, -1]
    return torch.cat(states, dim=1)
    ### END SOLUTION


# %% [markdown] hints="truncated_bptt"
r"""
1. Use rnn_forward for each window. From which state does a window start, and what has to be done to that state so that no gradient passes it?
2. Read window after window. Each starts from the last state of the one before, detached; the first starts from h0, detached too. Join the parts along time.
3. `rnn_forward(x[:, start : start + window], h.detach(), w_ih, w_hh, b)` is one window.
"""


# %% cases="truncated_bptt" active="py"
def cases(seed):
    def case(batch, steps, window):
        shapes = {"x": (batch, steps, 2), "h0": (batch, 3), "w_ih": (3, 2), "w_hh": (3, 3), "b": (3,)}
        values = {name: random_tensor(seed + i, *s, scale=0.7) for i, (name, s) in enumerate(shapes.items())}
        return values | {"window": window}

    yield Case(case(1, 1, 1), note="one token, one window")
    yield Case(case(1, 3, 2), note="three tokens, windows of two")
    yield Case(case(2, 5, 5), note="one window as long as the sequence")
    yield Case(case(2, 7, 3), note="the last window is shorter")
    yield Case(case(3, 4, 9), note="a window longer than the sequence")
    yield Case(case(1, 3, 0), note="no window at all")
    yield Case(case(1, 3, -2), note="a negative window")


# %% probe="truncated_bptt" active="py"
def probe(student, case):
    inputs = {k: v.clone().requires_grad_() if isinstance(v, Tensor) else v for k, v in case.items()}
    states = student(**inputs)
    outcome = {"states": states.detach()}
    if not states.requires_grad:
        return outcome | {"gradients": "none: the states are cut off from everything"}
    names = ("x", "h0", "w_ih", "w_hh", "b")
    for t in {0, states.size(1) // 2, states.size(1) - 1}:  # a loss at one step at a time
        values = torch.autograd.grad(
            (states[:, t] ** 2).sum(), [inputs[n] for n in names], allow_unused=True, retain_graph=True
        )
        for name, value in zip(names, values):
            outcome[f"gradient in {name} of a loss at step {t}"] = (
                torch.zeros_like(inputs[name]) if value is None else value
            )
    return outcome


# %% equivalents="truncated_bptt" active="py"
equivalents = {
    "if window < 1: → if False:": "range refuses a step of 0, and torch.cat an empty list, with a ValueError too",
    "window < 1 → window < 0": "range refuses a step of 0 with a ValueError too",
}


# %% mistake="truncated_bptt" name="never_cut" hint="The states are right, and a loss still has a gradient in earlier windows: detach the state where it enters a window." active="py"
def truncated_bptt(x, h0, w_ih, w_hh, b, window, right=truncated_bptt):
    right(x, h0, w_ih, w_hh, b, window)
    return rnn_forward(x, h0, w_ih, w_hh, b)


# %% mistake="truncated_bptt" name="h0_not_cut" hint="All windows are cut but the first: h0 comes from outside, too, so detach it as well." active="py"
def truncated_bptt(x, h0, w_ih, w_hh, b, window, right=truncated_bptt):
    right(x, h0, w_ih, w_hh, b, window)
    first = rnn_forward(x[:, :window], h0, w_ih, w_hh, b)
    if x.size(1) <= window:
        return first
    return torch.cat([first, right(x[:, window:], first[:, -1], w_ih, w_hh, b, window)], dim=1)


# %% mistake="truncated_bptt" name="state_forgotten" hint="Every window of yours starts from h0. The state is handed on; only its gradient is cut." active="py"
def truncated_bptt(x, h0, w_ih, w_hh, b, window, right=truncated_bptt):
    right(x, h0, w_ih, w_hh, b, window)
    parts = x.split(window, dim=1)
    return torch.cat([rnn_forward(part, h0.detach(), w_ih, w_hh, b) for part in parts], dim=1)


# %% mistake="truncated_bptt" name="cut_at_every_step" hint="You detach at every step: no step learns from the one after it. Detach only where a window begins." active="py"
def truncated_bptt(x, h0, w_ih, w_hh, b, window, right=truncated_bptt):
    right(x, h0, w_ih, w_hh, b, window)
    return right(x, h0, w_ih, w_hh, b, 1)


# %% mistake="truncated_bptt" name="results_detached" hint="You detached the states that you return, so that nothing can be learned from them. Detach only the one that enters the next window." active="py"
def truncated_bptt(x, h0, w_ih, w_hh, b, window, right=truncated_bptt):
    return right(x, h0, w_ih, w_hh, b, window).detach()


# %% [markdown]
r"""
## 8 · A recurrent language model

Embedding, your `rnn_forward`, one matrix from the state to the logits of the next word: that is a language model (Mikolov et al. 2010). It reads with the state carried along, so in principle each prediction rests on everything before it; in practice on what {{128 = model.layers.weight_hh_l0.size(1)}} numbers hold and what the gradient taught them to hold.
"""

# %% [markdown]
r"""
### Where to calculate

This is the first training of the course that takes longer than a glance. Where should it run? The habit has three parts.

- A model is built on the CPU, from its seed, and then moved: `model.to(device)`. So the same seed gives the same weights on every device; a graphics card draws other numbers. Generators stay on the CPU, too.
- Data moves once, where it is born: `tokens.to(device)`, not the same text in every step.
- What becomes a figure or a NumPy array comes back with `.cpu()`. That waits until the device has done all that it was asked.

A graphics card is asked for each operation, with a *launch*, and being asked takes some microseconds, however small the operation. Your loop asks for a few operations at each word, each of which needs the one before. One step of it, {{half a million : 32 * 128**2 // 100_000 == 5}} multiplications, on what you have:
"""

# %%
import time

from course_lib.device import best_device

for where in dict.fromkeys(("cpu", str(best_device()))):
    h, w = torch.zeros(32, 128).to(where), torch.zeros(128, 128).to(where)
    for n_steps in (10, 1000):  # the first ones warm up
        start = time.perf_counter()
        for _ in range(n_steps):
            h = torch.tanh(h @ w)
        h.cpu()  # waits for the last
    print(f"{where:4} {1e6 * (time.perf_counter() - start) / n_steps:5.1f} µs a step")
device = "cpu"  # on purpose: read step by step, networks of this size gain nothing on a graphics card

# %% [markdown]
r"""
If you have a graphics card, both numbers are there: the second is nearly all launches. The networks of this section stay on the CPU. The larger ones, from lesson 10 on, go where `best_device()` says.

### The window of the gradient

How much does it matter? Three networks see the same number of tokens, in windows of {{1, 4 and 32 : list(by_window) == [1, 4, 32]}}, once each.
"""

# %%
from course_lib.budget import budget
from course_lib.language_model import (
    count_parameters,
    draw_windows,
    nats_per_token,
    next_token_loss,
)
from course_lib.train import Trainer
from course_lib.widgets.training import watch

language = scoreboard.language()
vocab_size = len(language.vocabulary)
train_tokens = scoreboard.training(300_000)
test_tokens = scoreboard.held_out()[: budget(full=20_000, short=2000)]

by_window = {}  # nats a token on held-out text
for window in (1, 4, 32):
    torch.manual_seed(0)
    model = recurrent.RecurrentLM(vocab_size, "rnn", d_model=64, d_hidden=128).to(device)
    stream = recurrent.ConsecutiveWindows(train_tokens, batch_size=1024 // window, length=window)
    trainer = Trainer(model, stream.draw, stream.loss, steps=budget(full=250, short=3), lr=5e-3)
    for _ in watch(trainer, f"window {window}", curve=False):
        pass
    by_window[window] = nats_per_token(model, test_tokens)
    print(f"window {window:2}: {by_window[window]:.3f} nats a token on held-out text")

# %% [markdown]
r"""
Most of the gain comes from {{the first few steps : by_window[1] - by_window[4] > 2 * abs(by_window[4] - by_window[32])}}, and even a window of 1 learns something about earlier words:
it reaches {{2.16 = by_window[1] ± 0.04}} nats, where the bigram below, which knows the last word alone, stays at {{2.37 = levels["bigram"] ± 0.01}}. It never learned to *keep* anything; but its $W_{hh}$ started orthogonal, so older words still echo in the state, and the output layer learns to read the echo.

Now the real run, longer, with your own loop inside if it passed its check. Lesson 10 gives its network the same updates on the same windows. The floor is the exact entropy rate of the language, {{1.748 = language.entropy_rate}} nats.
"""


# %%
class OurRNN(recurrent.RNN):
    """The library's layer, reading with the loop from section 2."""

    def read(self, x, start, w_ih, w_hh, b_ih, b_hh):
        return (read(x, *start, w_ih, w_hh, b_ih + b_hh),)


pairs = torch.ones(vocab_size, vocab_size) * 0.01  # the bigram, as a line to compare with
pairs.index_put_((train_tokens[:-1], train_tokens[1:]), torch.ones(len(train_tokens) - 1), accumulate=True)
bigram = pairs / pairs.sum(1, keepdim=True)
levels = {
    "exact entropy rate": language.entropy_rate,
    "bigram": -bigram[test_tokens[:-1], test_tokens[1:]].log().mean().item(),
}

torch.manual_seed(0)
model = recurrent.RecurrentLM(vocab_size, "rnn", d_model=64, d_hidden=128)
model.layers = OurRNN(64, 128)
recurrent.orthogonal_(model.layers)

# %%
stream = recurrent.ConsecutiveWindows(train_tokens, batch_size=32, length=32)
trainer = Trainer(
    model,
    stream.draw,
    stream.loss,
    steps=budget(full=700, short=10),
    lr=1e-2,
    evaluate=lambda model: nats_per_token(model, test_tokens[:4000]),
    evaluate_every=budget(full=100, short=5),
)
history = list(watch(trainer, "RNN", levels))

# %%
reached = nats_per_token(model, test_tokens)
scoreboard.record("RNN", reached, count_parameters(model), trainer.seconds, "09_rnn")
print(f"{reached:.3f} nats a token on held-out text, {reached - language.entropy_rate:.3f} above the floor")
print(f"{count_parameters(model):,} parameters; the bigram keeps {vocab_size**2:,} counts")
scoreboard.show_scoreboard()

# %% [markdown]
r"""
{{Far below the bigram : reached < levels["bigram"] - 0.4}} and {{0.09 = reached - language.entropy_rate ± 0.02}} nats above the floor in this run, with {{fewer numbers : count_parameters(model) < vocab_size**2}}. Whether a neural model beats counting depends on the data, though: on a source that really is a bigram, or on a small corpus, a smoothed n-gram is hard to beat.

### Does it carry the subject to the verb?

Of the probability on verbs of the present tense, how much goes to the plural (*eat*, not *eats*)? The subject is *mice* each time, further and further away.
"""

# %%
from course_lib.data.mouse_and_cheese import VERBS
from course_lib.figures.attention import agreement

forms = [verb.split() for kind in ("eat", "chase", "rest", "go") for verb in VERBS[kind].split(",")]
one, many = (torch.tensor([language.encode(form[i])[0] for form in forms]) for i in (0, 1))
beginnings = [
    "the mice",
    "the mice near the house",
    "the mice that the cat chases",
    "the mice that the cat behind the old house chases",
]

# %%
shares = {"exact": [], "RNN": [], "bigram": []}
for text in beginnings:
    ids = torch.tensor([language.encode("<eos>") + language.encode(text)])
    with torch.no_grad():
        probs = model(ids)[0, -1].softmax(-1)
    exact = language.next_token_probs(ids[0, 1:].tolist())
    for name, p in zip(shares, (exact, probs, bigram[ids[0, -1]])):
        shares[name].append((p[many].sum() / (p[one].sum() + p[many].sum())).item())
show(
    agreement(beginnings, shares, "Who still knows that it was mice?"),
    alt="Share of plural verbs after four beginnings: exact 1 everywhere, the RNN less after "
    "detours, the bigram far less.",
)

# %% [markdown]
r"""
A place between subject and verb it carries over {{well : shares["RNN"][1] > 0.8}}. In this one run, less than {{three quarters : max(shares["RNN"][2:]) < 0.75}} of the probability agrees after a relative clause, where the bigram
gives {{0.36 = shares["bigram"][2] ± 0.01}} and the truth is {{1 = min(shares["exact"]) ± 0.001}}. The state shows what happens.

### Has it built a latch? · optional

Nobody set a weight by hand this time. Does the state still know *one* from *many*? We ask with a ***linear probe***: a weighted sum of the {{128 = len(readout) - 1}} numbers, $v \cdot h_t + c$, fitted by least squares to be $+1$ after *the mouse*, *the mouse near*, *the mouse near the* … and $-1$ with *mice*, for {{ten : len(animals.split(",")) == 10}} animals and {{six : len(places) == 6}} places.
Then we read with it in **other** sentences: animals and places that the fit has not seen.
"""


# %%
@torch.no_grad()
def states_of(text):
    """The states (T, 129) after each word of a beginning, the last number a 1 for the constant."""
    ids = torch.tensor([language.encode("<eos>") + language.encode(text)])
    states = model.layers(model.tokens(ids))[0][0, 1:]
    return torch.cat([states, torch.ones(len(states), 1)], dim=1)


def examples(animals, places):
    """All states from the noun on, and +1 or −1 for each."""
    texts = [
        (f"the {noun} {place}", y) for pair in animals for noun, y in zip(pair.split(), (1.0, -1.0)) for place in places
    ]
    states = [states_of(text)[1:] for text, _ in texts]
    return torch.cat(states), torch.cat([torch.full((len(s),), y) for s, (_, y) in zip(states, texts)])


# %%
animals = "mouse mice,dog dogs,rabbit rabbits,bird birds,cow cows"
animals += ",horse horses,fox foxes,bear bears,goat goats,duck ducks"
places = [
    "near the house",
    "near the old garden",
    "behind the tree",
    "in the barn",
    "near the little river",
    "beside the table",
]
h, number = examples(animals.split(","), places)
readout = torch.linalg.solve(h.T @ h + torch.eye(h.size(1)), h.T @ number)  # ridge regression

h, number = examples(["cat cats", "frog frogs", "squirrel squirrels"], ["behind the brown wall", "in the field"])
right = ((h @ readout) * number > 0).float().mean().item()
print(f"right about animals and places it was not fitted to: {right:.0%} of {len(h)} words")

# %%
scenes = {
    "It holds the subject across a place …": [
        "the hungry cat behind the brown wall",
        "the hungry cats behind the brown wall",
    ],
    "… and loses it when a new subject comes": [
        "the mouse that the cats chase",
        "the mice that the cat chases",
    ],
}
scenes = {title: {text: states_of(text) @ readout for text in pair} for title, pair in scenes.items()}
show(
    figures.memory(scenes, "one (+1) or many (−1)?"),
    alt="A read-out of the trained network's state: it separates cat from cats across four more "
    "words; in the relative clause the two lines approach each other or cross when the "
    "second subject comes.",
)

# %% [markdown]
r"""
Gradient descent has found something like a latch, right in this run about {{89 % = right ± 7 %}} of words that the fit has not seen: not one number of the state but a direction in it.

In the relative clause the new subject takes the place over: the nearest verb needs *its* number. Two nested subjects need two places, in the right order, and the gradient that would teach the second place has to pass
{{four : beginnings[2].split().index("chases") - beginnings[2].split().index("mice") == 4}} steps or more.

A caution: a probe shows what can be *read* from a state, and not that the network uses it. That the predictions fail where the read-out fails fits together, and proves nothing.

### How far back does its gradient reach? · optional

Take the loss of the last of {{40 = reach_back.__defaults__[1]}} words, and measure its gradient in the embeddings of the words before it, mean over {{200 = reach_back.__defaults__[0]}} stretches of held-out text. Once before training, once after. For comparison, a network with PyTorch's usual start: uniform weights in $\pm 1 / \sqrt H$.
"""


# %%
def reach_back(model, n=200, length=40):
    """Norms of the last loss's gradient in the embeddings by distance; 1 at distance 0."""
    windows = test_tokens.unfold(0, length + 1, (len(test_tokens) - length) // n)[:n]
    x = model.tokens(windows[:, :-1]).detach().requires_grad_()
    outputs, _ = model.layers(x)
    loss = F.cross_entropy(model.to_logits(outputs[:, -1]), windows[:, -1], reduction="sum")
    norms = torch.autograd.grad(loss, x)[0].norm(dim=-1).mean(0).flip(0)
    return (norms / norms[0]).tolist()


# %%
torch.manual_seed(0)
fresh = recurrent.RecurrentLM(vocab_size, "rnn", d_model=64, d_hidden=128)
usual = recurrent.RecurrentLM(vocab_size, "rnn", d_model=64, d_hidden=128)
usual.layers = recurrent.RNN(64, 128)  # uniform in ±1/√H
curves = {
    "orthogonal start": reach_back(fresh),
    "uniform start": reach_back(usual),
    "after training": reach_back(model),
}
show(
    figures.reach(curves, "The start decides how far a gradient reaches", "gradient in the word, relative"),
    alt="Gradient against distance: with a uniform start it falls below a billionth within 40 "
    "words, more slowly with an orthogonal one and after training.",
)
for name, values in curves.items():
    print(f"{name:17} 10 words back {values[10]:.1e}, 39 words back {values[39]:.1e}")
sizes = torch.linalg.svdvals(usual.layers.weight_hh_l0.detach())
print(f"uniform start: largest singular value {sizes.max():.2f}, mean {sizes.mean():.2f}; orthogonal: all 1")

# %% [markdown]
r"""
With the uniform start the largest singular value is {{1.12 = sizes.max() ± 0.01}}, above 1, and the gradient {{vanishes all the same : curves["uniform start"][39] < 1e-10}}: *necessary* for exploding is not sufficient.
Training has {{shortened the reach : curves["after training"][39] < curves["orthogonal start"][39] / 5}} of the orthogonal start, presumably since most of what helps to predict the next word is near.
"""

# %% [markdown]
r"""
### And on real English

The second text of the scoreboard: the prose of Python's documentation, in {{1,024 = VOCABULARY}} byte-level BPE tokens. The course's own RNN, {{larger than the one above : result.parameters > count_parameters(model)}}, gets {{120 = result.updates}} updates, as every network of the scoreboard will. So little training, in this one run,
{{does not catch up with counted 5-grams : result.nats_per_token > counted}}: counting uses the whole text at once. `make scoreboard` gives all models more.
"""

# %%
from course_lib.ngrams import count_ngrams, kneser_ney
from course_lib.scoreboard.measure import train_network
from course_lib.scoreboard.texts import VOCABULARY

five_grams = kneser_ney(count_ngrams(scoreboard.training(None, "english"), 5, VOCABULARY))
counted = -five_grams.log_probs(scoreboard.held_out("english")).mean().item()
reader, result = train_network("RNN", "english", updates=budget(full=120, short=2), watch=watch)
scoreboard.record("RNN", result.nats_per_token, result.parameters, result.seconds, "09_rnn", corpus="english")
print(
    f"{result.nats_per_token:.3f} nats per token, "
    f"{scoreboard.bits_per_byte(result.nats_per_token):.2f} bits per byte;"
    f" Kneser–Ney 5-grams {counted:.3f} nats"
)
scoreboard.show_scoreboard("english")

# %% [markdown]
r"""
## 9 · How long can it remember?

Language mixes near and far. A task that asks for memory and nothing else: read a symbol, then filler, then a question mark, and say the symbol.

*c . , . ; , ?* → *c*

There are 8 symbols, equally likely and independent of the filler, so a network that has forgotten is right once in {{8 = 1 / task.chance}} times, exactly. The same small network, started in two ways, is trained for 300 updates at each distance, with three seeds.
"""

# %%
from course_lib.widgets.predict import predict_curve

guess = predict_curve(
    "09_rnn.recall",
    "Eight symbols, 64 numbers of state, an orthogonal start: what share does it recall?",
    x=[8, 16, 32],
    x_label="steps back",
    y_label="share recalled",
    low=0.0,
    high=1.0,
)
guess

# %%
from course_lib.data.recall import Recall

distances = [8, 16, 32]
recalled = {"orthogonal start": [], "uniform start": []}  # three shares for each distance


def recall(task, start, seed):
    """Train a network at one distance; return the share of symbols that it recalls."""
    torch.manual_seed(seed)
    network = recurrent.RecurrentLM(task.vocab_size, "rnn", d_model=16, d_hidden=64)
    if start == "uniform start":
        network.layers = recurrent.RNN(16, 64)
    steps = budget(full=300, short=3)
    for _ in Trainer(network, task.draw(32), task.loss, steps=steps, lr=2e-3, seed=seed):
        pass
    return task.accuracy(network)


for distance in distances:
    task = Recall(distance, n_symbols=8)
    for start, shares_of in recalled.items():
        shares_of.append([recall(task, start, seed) for seed in range(3)])
        print(f"distance {distance:2}, {start:16}", *(f"{share:.2f}" for share in shares_of[-1]))

# %%
show(
    figures.recall_curves(
        distances,
        {name: torch.tensor(rows).mean(1).tolist() for name, rows in recalled.items()},
        task.chance,
        "Far enough back, nothing is learned",
    ),
    alt="Recall against distance, mean of three seeds: both networks fall as the distance grows, "
    "the one with the uniform start earlier.",
)

# %%
guess.reveal([sum(shares_of) / 3 for shares_of in recalled["orthogonal start"]])

# %% [markdown]
r"""
Falling to chance is not a lack of room: 64 numbers can hold one of eight symbols. With weights set by hand it would work at any distance, as the latch at the top shows. What is missing is a gradient that says so. At {{8 = distances[0]}} steps {{both recall everything : min(sum((rows[0] for rows in recalled.values()), [])) > 0.97}}, with every seed. A good start pushes the limit out, not for every seed:
at {{16 = distances[1]}} steps the network that began with a rotation recalls everything {{with two seeds of three : sorted(share > 0.97 for share in recalled["orthogonal start"][1]) == [False, True, True]}}, the other one stays {{at chance with all : max(recalled["uniform start"][1]) < 0.2}}.
At {{32 = distances[2]}} steps {{none recalls much : max(recalled["orthogonal start"][2] + recalled["uniform start"][2]) < 0.35}}. The next lesson, [10 LSTM](10_lstm.ipynb), changes the cell.
"""

# %% [markdown]
r"""
Recurrent networks against the [n-grams](03_ngrams.ipynb) of lesson 03, in one table:

| | n-gram | RNN |
|---|---|---|
| what it sees | the last $n - 1$ tokens | in principle all; in practice what the state holds and the gradient taught |
| how it represents a history | as the words themselves: two histories are the same or different | as one vector: similar histories lie near each other |
| what is shared | almost nothing; back-off and interpolation share lower orders | one cell for all positions, embeddings for all words |
| training | counting, one pass | gradient descent; sequential along the text |
| one more token | look-ups | one cell, whatever the length |
| does better | on little data, and where the last few words decide | on much data, and where what decides lies further back |
| fails by | unseen contexts | vanishing and exploding gradients, a state of fixed size |
"""

# %% [markdown]
r"""
## 10 · Find the bugs

### Find the bugs · train_on_stream · optional

A colleague trains on a stream, window by window. The loss falls, then jumps about, and the network seems to know nothing that stood in an earlier window.

There are three faults, and each repair earns its point alone. None of them raises an error.
"""


# %% exercise="train_on_stream" points=3 optional=true parts={"carry":1,"clip":1,"gradient":1} needs="rnn_forward" withheld="course_lib.recurrent.language_model.ConsecutiveWindows course_lib.train.Trainer"
def train_on_stream(
    x: Tensor, targets: Tensor, h0: Tensor, weights: list[Tensor], window: int, lr: float, max_norm: float
) -> tuple[list[Tensor], Tensor]:
    """Read a stream once, with one step of gradient descent per window (truncated BPTT).

    x         (B, T, I), T a multiple of window
    targets   (B, T, H) what the states should be; a window's loss is the mean squared difference
    h0        (B, H) the state before the stream
    weights   [w_ih, w_hh, b]; they are not changed in place
    window    steps of a window
    lr        learning rate
    max_norm  a window's gradient, over all three weights together, is shortened to this norm if it
              is longer
    returns   the weights after the last window, and the state (B, H) that it ended with

    The state is handed from each window to the next. Each update uses the gradient of its own window
    alone.
    """
    ### BEGIN SOLUTION
    weights, h = [w.clone().requires_grad_() for w in weights], h0
    for start in range(0, x.size(1), window):
        part = slice(start, start + window)
        states = rnn_forward(x[:, part], h, *weights)
        (states - targets[:, part]).square().mean().backward()
        nn.utils.clip_grad_norm_(weights, max_norm)
        with torch.no_grad():
            for w in weights:
                w -= lr * w.grad
                w.grad = None
        h = states[:, -1].detach()
    return [w.detach() for w in weights], h
    ### END SOLUTION
    ### BEGIN STARTER
    # weights, h = [w.clone().requires_grad_() for w in weights], h0
    # for start in range(0, x.size(1), window):
    #     part = slice(start, start + window)
    #     states = rnn_forward(x[:, part], h0, *weights)
    #     (states - targets[:, part]).square().mean().backward()
    #     with torch.no_grad():
    #         for w in weights:
    #             w -= lr * w.grad
    #     nn.utils.clip_grad_norm_(weights, max_norm)
    #     h = states[:, -1].detach()
    # return [w.detach() for w in weights], h
    ### END STARTER


# %% [markdown] hints="train_on_stream"
r"""
1. Follow one value through two rounds of the loop: the state (who reads `h`?), `w.grad` (what is in it when the second `backward()` adds to it?), and the moment of clipping (what has happened by then?).
2. A window starts from the state that the one before left. An update uses a gradient that has been shortened already. A new window starts without a gradient.
3. `clip_grad_norm_` belongs between `backward()` and the update.
"""


# %% cases="train_on_stream" active="py"
def cases(seed):
    def case(steps, window, lr, max_norm, scale=1.0):
        shapes = {"x": (2, steps, 3), "targets": (2, steps, 4), "h0": (2, 4)}
        values = {name: scale * random_tensor(seed + i, *s) for i, (name, s) in enumerate(shapes.items())}
        weights = [random_tensor(seed + 7 + i, *s, scale=0.5) for i, s in enumerate([(4, 3), (4, 4), (4,)])]
        return values | {"weights": weights, "window": window, "lr": lr, "max_norm": max_norm}

    # each part asks for one repair: without learning only the state counts, in one window only the clipping, and
    # where the first window reads zeros from zero without a bias, it ends where it began, so only the gradient counts
    def still(window, lr):
        values = case(2 * window, window, lr, max_norm=1e6)
        return values | {
            "x": 0 * values["x"],
            "h0": 0 * values["h0"],
            "weights": [*values["weights"][:2], torch.zeros(4)],
        }

    yield Case(case(6, 2, lr=0.0, max_norm=1.0), note="three windows, nothing learned", part="carry")
    yield Case(case(2, 2, lr=0.1, max_norm=1e-2), note="one window, a gradient that must be clipped", part="clip")
    yield Case(still(2, lr=0.5), note="two windows, no clipping", part="gradient")
    yield Case(case(12, 3, lr=0.0, max_norm=1e-3), note="four windows, nothing learned", part="carry")
    yield Case(case(3, 3, lr=0.7, max_norm=0.05, scale=2.0), note="one long step, clipped", part="clip")
    yield Case(case(4, 4, lr=0.3, max_norm=1e6), note="one window, a gradient that is short enough", part="clip")
    yield Case(still(3, lr=0.9), note="two windows, long steps", part="gradient")


# %% equivalents="train_on_stream" active="py"
equivalents = {
    "states - targets[:, part] → targets[:, part] - states": "the difference is squared",
    "return ([w.detach() for w in weights], h) → return detached(([w.detach() for w in weights], h))": "both are detached already",
    "w.detach() → w": "the weights are leaves without a gradient; their numbers are what is returned",
}


# %% mistake="train_on_stream" name="still_from_h0" hint="Clipping and gradients are right now. The state is still not handed on: every window reads from h0." active="py"
def train_on_stream(x, targets, h0, weights, window, lr, max_norm, right=train_on_stream):
    for start in range(0, x.size(1), window):
        part = slice(start, start + window)
        weights, h = right(x[:, part], targets[:, part], h0, weights, window, lr, max_norm)
    return weights, h


# %% mistake="train_on_stream" name="still_adds_up" hint="State and clipping are right now. `backward()` adds to w.grad, so each update still contains the gradients of all windows before: empty it." active="py"
def train_on_stream(x, targets, h0, weights, window, lr, max_norm):
    weights, h = [w.clone().requires_grad_() for w in weights], h0
    for start in range(0, x.size(1), window):
        part = slice(start, start + window)
        states = rnn_forward(x[:, part], h, *weights)
        (states - targets[:, part]).square().mean().backward()
        nn.utils.clip_grad_norm_(weights, max_norm)
        with torch.no_grad():
            for w in weights:
                w -= lr * w.grad
        h = states[:, -1].detach()
    return [w.detach() for w in weights], h


# %% mistake="train_on_stream" name="clips_too_late" hint="State and gradients are right now. You still clip after the update, when it no longer changes anything." active="py"
def train_on_stream(x, targets, h0, weights, window, lr, max_norm, right=train_on_stream):
    return right(x, targets, h0, weights, window, lr, math.inf)


# %% mistake="train_on_stream" name="clips_each_alone" hint="You clip each weight by itself, which turns the gradient. max_norm is for the norm over all three together: one call with the whole list." active="py"
def train_on_stream(x, targets, h0, weights, window, lr, max_norm):
    weights, h = [w.clone().requires_grad_() for w in weights], h0
    for start in range(0, x.size(1), window):
        part = slice(start, start + window)
        states = rnn_forward(x[:, part], h, *weights)
        (states - targets[:, part]).square().mean().backward()
        with torch.no_grad():
            for w in weights:
                nn.utils.clip_grad_norm_(w, max_norm)
                w -= lr * w.grad
                w.grad = None
        h = states[:, -1].detach()
    return [w.detach() for w in weights], h


# %% [markdown] exercise="why_vanish" points=4
r"""
## 11 · In your own words

### In your own words · why_vanish

Interview question. What is the vanishing gradient problem of recurrent networks? Write down the recursion of the gradient with its factors in the right order, give a condition on $W_{hh}$ that is sufficient for vanishing, and explain why “the eigenvalues are below 1” is not it. What helps, and what does not?

### BEGIN SOLUTION
With $h_{t+1} = \tanh(a_{t+1})$ and $a_{t+1} = W_{hh} h_t + W_{ih} x_{t+1} + b$, in columns: $g_t = \partial L_t / \partial h_t + W_{hh}^\top \operatorname{diag}(1 - h_{t+1}^2)\, g_{t+1}$. A loss at $T$ reaches $T - k$ through a product of $k$ different matrices. Their norms are at most
$\sigma_{\max}(W_{hh})$ times the largest slope (1 for tanh, 1/4 for the sigmoid); if that product is below 1, the gradient shrinks at least geometrically. Contributions from far back disappear in the sum beside those from nearby, so the network trains, and learns only short dependencies.

Eigenvalues: their size counts, not their value (−1.5 explodes). A matrix that is not normal can stretch a vector for many steps although all |eigenvalues| < 1, because its largest singular value is above 1. And the factors contain the slopes, which change the eigenvalues: with eigenvalues above 1 a saturated tanh still makes the gradient vanish.

Helps: an orthogonal start, gates with an additive path (LSTM, GRU), short paths (attention). Does not: a larger learning rate (it scales near and far alike) and clipping (it is for explosions; it cannot bring back what is gone).
### END SOLUTION
### BEGIN RUBRIC
- 1 point: the recursion with slope and matrix in the right order and form, a product of different matrices
- 1 point: largest singular value times steepest slope below 1 is sufficient; above 1 only necessary for exploding
- 1 point: one valid reason why eigenvalues do not decide (sign, non-normal, slopes)
- 1 point: one thing that helps and one that does not, with reasons
### END RUBRIC
"""

# %% [markdown] exercise="ngram_or_rnn" points=3
r"""
### In your own words · ngram_or_rnn

Interview question. Compare an n-gram model with a recurrent one: what each can see, what it shares between contexts, what training and prediction cost, and when you would take which.

### BEGIN SOLUTION
An n-gram model sees the last $n - 1$ tokens (Markov assumption) as discrete symbols. An RNN sees a summary of the whole history, in principle of unlimited length; in practice what $H$ numbers hold and what gradients, which vanish with distance, have taught it to keep.

Raw counts share nothing between contexts; smoothed models share lower orders through back-off or interpolation. The RNN uses the same cell at every position and similar embeddings for similar words, so it generalises to contexts that it has never seen.

Training: one pass of counting, in parallel, against many updates whose backpropagation is sequential along the text. Prediction: look-ups in a table that grows with the corpus, against a fixed number of multiplications.

An n-gram for small data, for a source that is nearly Markov, for a baseline, or where speed and transparency count; an RNN where dependencies are long and data are plenty, or where text arrives as a stream and memory must stay constant. “Even a small network beats n-grams” is not true in general.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: fixed window against a state, with “in principle” and “in practice”
- 1 point: sharing, with smoothing not forgotten, and the costs
- 1 point: a reasoned choice that does not claim one is always better
### END RUBRIC
"""

# %% [markdown]
r"""
## Flash cards

What to remember of a network that remembers.
"""

# %%
from course_lib.widgets.cards import flash_cards

flash_cards("09_rnn")

# %% [markdown]
r"""
## 12 · Where this came from, and where it goes

- **Elman (1990)**, *Finding Structure in Time*: the simple recurrent network. **Rumelhart, Hinton and Williams (1986)** and **Werbos (1990)**: backpropagation, and through time. **Williams and Peng (1990)**: truncated.
- **Hochreiter (1991)**, a diploma thesis, and **Bengio, Simard and Frasconi (1994)**, *Learning Long-Term Dependencies with Gradient Descent Is Difficult*: why gradients vanish. **Pascanu, Mikolov and Bengio (2013)**: singular values, cliffs, clipping.
- **Schuster and Paliwal (1997)**: both directions. **Mikolov et al. (2010)**: the recurrent language model. **Saxe et al. (2014)**: orthogonal starts.
- Today the sequential loop is what counts against it: a Transformer reads a known text in parallel. Networks whose recurrence is *linear* in the state can do that too, and have brought the idea back (state-space models; Gu and Dao 2023, *Mamba*).
"""

# %% [markdown]
r"""
**What we do not know.** The bounds tell when a gradient must vanish. They do not tell, for given data, how far back a trained network will have learned to look; that is measured, and another seed gives another answer.

From the next lesson on, `course_lib.recurrent` holds the tested version of all that you wrote. Next: [10 LSTM](10_lstm.ipynb), *how can it remember longer?*
"""
