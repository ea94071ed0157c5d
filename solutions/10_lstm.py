# ---
# jupyter:
#   course:
#     title: How can it remember longer?
#     minutes: 85
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# How can it remember longer?

Show a network one letter, then more than a dozen meaningless ones, then ask for the first. A plain RNN answers at random, and a few hundred updates do not help: the gradient that should teach it
shrinks with every step back. The picture shows it for four networks **before** training. All hand on a state of 32 numbers, the LSTMs a cell of 32 more, and read the same text; what differs is how a step changes the memory.
After 50 steps the RNN's gradient is {{below a trillionth : max(start[50] for start in starts["RNN"]) < 1e-12}} of what it was, and the LSTM whose forget gate starts nearly open still has
{{more than half : min(start[50] for start in starts["LSTM, forget bias 5"]) > 0.5}} of it, in each of three random starts; the lines are their means.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks import check, show_answer, yours

torch.set_printoptions(precision=3, sci_mode=False)

# %%
from course_lib import recurrent
from course_lib.figures import recurrent as figures
from course_lib.figures.style import show
from course_lib.recurrent import GRU, LSTM, RNN, orthogonal_, set_forget_bias

torch.set_num_threads(1)  # matrices this small are faster on one core


def fading(layer, steps=60, seed=0):
    """Mean norm of the last output's gradient in the input at each distance, 1 at distance 0."""
    x = torch.randn(64, steps, 8, generator=torch.Generator().manual_seed(seed), requires_grad=True)
    direction = torch.randn(64, 32, generator=torch.Generator().manual_seed(seed + 1))
    (layer(x)[0][:, -1] * direction).sum().backward()
    norms = x.grad.norm(dim=-1).mean(0).flip(0)
    return (norms / norms[0]).tolist()


def network(kind, forget_bias, seed):
    torch.manual_seed(seed)
    layer = kind(8, 32)
    if forget_bias is not None:
        set_forget_bias(layer, forget_bias)
    return layer


# %%
starts = {"RNN": [fading(network(RNN, None, seed)) for seed in range(3)]}
for bias in (0.0, 1.0, 5.0):
    starts[f"LSTM, forget bias {bias:.0f}"] = [fading(network(LSTM, bias, seed)) for seed in range(3)]
curves = {name: torch.tensor(three).mean(0).tolist() for name, three in starts.items()}
title = "One number decides how far back a network can learn"
show(
    figures.reach(curves, title, "gradient (1 at distance 0)"),
    alt="Gradient against distance on a logarithmic scale: the RNN and the LSTM with forget "
    "bias 0 fall fastest, forget bias 1 more slowly, forget bias 5 hardly at all.",
)
for name, values in curves.items():
    print(f"{name:20} 50 steps back: {values[50]:.0e}")

# %% [markdown]
r"""
## What you will be able to do

- write an LSTM from its equations, all of them, and get PyTorch's numbers from PyTorch's weights;
- say what is added and what is multiplied, and why that decides how far a gradient travels;
- set a forget gate so that a network remembers from its first step;
- write a GRU, in the one of two conventions that your weights were trained for;
- train a language model with a state and place it on the course's scoreboard.

**Time** about 85 minutes; another 25 for what is marked optional. **Builds on** [01 Information](01_information.ipynb) (cross-entropy) and [09 RNN](09_rnn.ipynb) (recurrence, backpropagation through time).
**Sizes** B sequences, T steps, I features of an input, H numbers in a state, V tokens. A gate is a vector of H numbers between 0 and 1.
"""

# %% [markdown]
r"""
## 1 · A sum where the product was

An RNN's state is replaced at every step, $h_t = \tanh(W_{ih} x_t + W_{hh} h_{t-1} + b)$. On its way back a gradient is multiplied by $W_{hh}^\top \operatorname{diag}(1 - h_t^2)$ at every step, and a product of many such factors nearly always vanishes or explodes.

Hochreiter and Schmidhuber (1997) gave the network a second vector, the ***cell state*** $c_t$, that is not replaced but *added to*:

$$c_t = c_{t-1} + \text{something new}.$$

The derivative of $c_t$ in $c_{t-1}$ along this path is exactly 1, at every step, however many. They called it the ***constant error carousel***. What may be added, and what may be read out, is decided by two ***gates***: vectors of numbers between 0 and 1 that multiply, element by element ($\odot$).
"""

# %% [markdown]
r"""
A cell that is only ever added to can grow without limit on long texts. So Gers, Schmidhuber and Cummins (2000) let it leak, through a third gate, and that is the ***long short-term memory*** (LSTM) of every library today. With $[\,\cdot\,]$ for the four parts of one product, each of $H$ numbers,

$$\begin{aligned}
[\,a_i,\ a_f,\ a_g,\ a_o\,] &= W_{ih}\, x_t + W_{hh}\, h_{t-1} + b && W_{ih}: (4H, I),\ W_{hh}: (4H, H),\ b: (4H) \\
i = \sigma(a_i), \quad f &= \sigma(a_f), \quad g = \tanh(a_g), \quad o = \sigma(a_o) \\
c_t &= f \odot c_{t-1} + i \odot g && \text{the update is a \textbf{sum}} \\
h_t &= o \odot \tanh(c_t) && \text{what the rest of the network sees}
\end{aligned}$$
"""

# %% [markdown]
r"""
The ***input gate*** $i$ says how much of the candidate $g$ is written, the ***forget gate*** $f$ how much of the old cell is *kept* (1 keeps all: the name is the wrong way round), the ***output gate*** $o$ how much is shown. The gates multiply; only the update adds. Notes that call “the gates additive” have it backwards.
"""

# %%
show(
    figures.lstm_cell("The path of the cell: one factor, one sum"),
    alt="One step of an LSTM. The cell runs on a straight line from left to right: times f, plus "
    "i times g. Below, h and x feed four units: f, i and o with σ, g with tanh. The new cell goes "
    "through tanh, times o, and becomes the new h.",
)

# %% [markdown]
r"""
### By hand

One number of memory, $H = 1$, with $c_{t-1} = 4$, $h_{t-1} = 0$ and $a = (0,\ 2,\ 1,\ 0)$:

| | | |
|---|---|---|
| $i = \sigma(0)$ | {{0.500 = i}} | half of the candidate is written |
| $f = \sigma(2)$ | {{0.881 = f}} | most of the old cell is kept |
| $g = \tanh(1)$ | {{0.762 = g}} | the candidate |
| $o = \sigma(0)$ | {{0.500 = o}} | half is shown |
| $c_t = 0.881 \cdot 4 + 0.5 \cdot 0.762$ | {{3.904 = cell}} | |
| $h_t = 0.5 \cdot \tanh(3.904)$ | {{0.500 = o * cell.tanh()}} | |
"""

# %%
a = torch.tensor([0.0, 2.0, 1.0, 0.0])
i, f, g, o = a[0].sigmoid(), a[1].sigmoid(), a[2].tanh(), a[3].sigmoid()
cell = f * 4 + i * g
print(f"i {i:.3f}  f {f:.3f}  g {g:.3f}  o {o:.3f}  →  c {cell:.3f}  h {o * cell.tanh():.3f}")

# %% [markdown]
r"""
### Exercise · lstm_cell

One step. The order of the four parts is PyTorch's: input, forget, candidate, output. Other libraries have others, and a wrong order runs without an error.
"""


# %% exercise="lstm_cell" points=3 withheld="course_lib.recurrent.cells.lstm_cell course_lib.recurrent.cells._lstm_step course_lib.recurrent.layers.LSTM torch.nn.LSTM torch.nn.LSTMCell torch.lstm torch.lstm_cell"
def lstm_cell(x: Tensor, state: tuple[Tensor, Tensor], w_ih: Tensor, w_hh: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Make one step of an LSTM.

    x        (B, I) the inputs
    state    h (B, H) and c (B, H) before the step
    w_ih     (4H, I): rows of the input gate, the forget gate, the candidate, the output gate
    w_hh     (4H, H) likewise
    b        (4H,) likewise
    returns  h' (B, H) and c' (B, H)

    Example: with H = 1, all weights 0, b = [0, 2, 1, 0] and c = 4, c' is 3.904 and h' is 0.500.
    """
    ### BEGIN SOLUTION
    h, c = state
    i, f, g, o = (x @ w_ih.T + h @ w_hh.T + b).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c
    ### END SOLUTION


# %% [markdown] hints="lstm_cell"
r"""
1. Which shape has `x @ w_ih.T + h @ w_hh.T + b`, and how do you cut it into four of (B, H)?
2. Sigmoid for i, f and o, tanh for g. Then the two lines of the formula, the new cell first: h' is made of it.
3. `i, f, g, o = (…).chunk(4, dim=-1)`.
"""


# %% cases="lstm_cell" active="py"
def cases(seed):
    def some(seed, batch, n_in, n_hidden):
        return {
            "x": random_tensor(seed, batch, n_in),
            "state": (random_tensor(seed + 1, batch, n_hidden), random_tensor(seed + 2, batch, n_hidden, scale=2.0)),
            "w_ih": random_tensor(seed + 3, 4 * n_hidden, n_in),
            "w_hh": random_tensor(seed + 4, 4 * n_hidden, n_hidden),
            "b": random_tensor(seed + 5, 4 * n_hidden),
        }

    zero = torch.zeros(1, 1)
    by_hand = {"x": zero, "state": (zero, zero + 4), "w_ih": torch.zeros(4, 1), "w_hh": torch.zeros(4, 1)}
    yield Case(by_hand | {"b": torch.tensor([0.0, 2.0, 1.0, 0.0])}, note="the example by hand")
    yield Case(some(seed, 1, 2, 1), note="one number of memory")
    yield Case(some(seed + 10, 3, 4, 5), note="a batch")
    yield Case(some(seed + 20, 2, 5, 4), note="another batch")


# %% mistake="lstm_cell" name="no_tanh" hint="h' shows the cell itself. It is o ⊙ tanh(c'), so that the output stays between −1 and 1 however large the cell grows." active="py"
def lstm_cell(x, state, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + state[0] @ w_hh.T + b).chunk(4, dim=-1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c, c


# %% mistake="lstm_cell" name="gate_order" hint="Your third part is the output gate and your fourth the candidate, as in other libraries. Here the order is input, forget, candidate, output." active="py"
def lstm_cell(x, state, w_ih, w_hh, b):
    i, f, o, g = (x @ w_ih.T + state[0] @ w_hh.T + b).chunk(4, dim=-1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% mistake="lstm_cell" name="forgets_what_it_keeps" hint="You multiplied the old cell by 1 − f. The forget gate says how much is kept: 1 keeps everything." active="py"
def lstm_cell(x, state, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + state[0] @ w_hh.T + b).chunk(4, dim=-1)
    c = (1 - f.sigmoid()) * state[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% mistake="lstm_cell" name="candidate_sigmoid" hint="Your candidate is always positive, so nothing negative can ever be written. It is a tanh, between −1 and 1; the three gates are sigmoids." active="py"
def lstm_cell(x, state, w_ih, w_hh, b):
    i, f, g, o = (x @ w_ih.T + state[0] @ w_hh.T + b).chunk(4, dim=-1)
    c = f.sigmoid() * state[1] + i.sigmoid() * g.sigmoid()
    return o.sigmoid() * c.tanh(), c


# %% mistake="lstm_cell" name="old_cell_shown" hint="h' is made of the cell before the step. First the new cell, then o ⊙ tanh of it." active="py"
def lstm_cell(x, state, w_ih, w_hh, b, right=lstm_cell):
    o = (x @ w_ih.T + state[0] @ w_hh.T + b).chunk(4, dim=-1)[3]
    return o.sigmoid() * state[1].tanh(), right(x, state, w_ih, w_hh, b)[1]


# %% [markdown]
r"""
### Exercise · lstm_forward

A whole sequence: the same step, again and again, each from the state that the one before it left. Collect $h_t$ and $c_t$ after every step.
"""


# %% exercise="lstm_forward" points=2 withheld="course_lib.recurrent.cells.lstm_forward course_lib.recurrent.cells.lstm_gates" needs="lstm_cell"
def lstm_forward(
    x: Tensor, state: tuple[Tensor, Tensor], w_ih: Tensor, w_hh: Tensor, b: Tensor
) -> tuple[Tensor, Tensor]:
    """Read whole sequences with an LSTM.

    x                (B, T, I)
    state            h (B, H) and c (B, H) before the first step
    w_ih, w_hh, b    as for `lstm_cell`
    returns          outputs (B, T, H) and cells (B, T, H): h and c after every step
    """
    ### BEGIN SOLUTION
    outputs, cells = [], []
    for t in range(x.size(1)):
        state = lstm_cell(x[:, t], state, w_ih, w_hh, b)
        outputs.append(state[0])
        cells.append(state[1])
    return torch.stack(outputs, dim=1), torch.stack(cells, dim=1)
    ### END SOLUTION


# %% [markdown] hints="lstm_forward"
r"""
1. Which dimension of x is time? What does each step need from the step before?
2. Hand both h and c on from step to step, keep both in lists, and stack each list along time.
3. `state = lstm_cell(x[:, t], state, w_ih, w_hh, b)`, in a loop over t.
"""


# %% cases="lstm_forward" active="py"
def cases(seed):
    def some(seed, batch, steps, n_in, n_hidden):
        return {
            "x": random_tensor(seed, batch, steps, n_in),
            "state": (random_tensor(seed + 1, batch, n_hidden), random_tensor(seed + 2, batch, n_hidden)),
            "w_ih": random_tensor(seed + 3, 4 * n_hidden, n_in),
            "w_hh": random_tensor(seed + 4, 4 * n_hidden, n_hidden),
            "b": random_tensor(seed + 5, 4 * n_hidden),
        }

    yield Case(some(seed, 2, 1, 3, 2), note="one step")
    yield Case(some(seed + 10, 2, 3, 4, 5), note="three steps")
    yield Case(some(seed + 20, 3, 5, 2, 4), note="five steps")
    yield Case(some(seed + 30, 1, 7, 3, 2), note="seven steps")


# %% mistake="lstm_forward" name="state_forgotten" hint="Every step of yours begins with the first state. Hand the new (h, c) on to the next step." active="py"
def lstm_forward(x, state, w_ih, w_hh, b):
    steps = [lstm_cell(x[:, t], state, w_ih, w_hh, b) for t in range(x.size(1))]
    return tuple(torch.stack(part, dim=1) for part in zip(*steps))


# %% mistake="lstm_forward" name="cell_forgotten" hint="You handed h on and began every step with the first cell. The cell is the memory: both travel." active="py"
def lstm_forward(x, state, w_ih, w_hh, b):
    h, outputs, cells = state[0], [], []
    for t in range(x.size(1)):
        h, c = lstm_cell(x[:, t], (h, state[1]), w_ih, w_hh, b)
        outputs.append(h)
        cells.append(c)
    return torch.stack(outputs, dim=1), torch.stack(cells, dim=1)


# %% mistake="lstm_forward" name="time_first" hint="Your results are (T, B, H). Stack along dimension 1: (B, T, H)." active="py"
def lstm_forward(x, state, w_ih, w_hh, b, right=lstm_forward):
    return tuple(part.transpose(0, 1) for part in right(x, state, w_ih, w_hh, b))


# %% mistake="lstm_forward" name="last_only" hint="You return the last step alone. A language model needs the output after every token." active="py"
def lstm_forward(x, state, w_ih, w_hh, b, right=lstm_forward):
    return tuple(part[:, -1] for part in right(x, state, w_ih, w_hh, b))


# %% [markdown]
r"""
## 2 · PyTorch's weights in your LSTM

Is it {{the same LSTM : apart < 1e-6}} that everybody uses? Take `torch.nn.LSTM`'s weights and compare. Its `state_dict` has, for layer 0, `weight_ih_l0` $(4H, I)$, `weight_hh_l0` $(4H, H)$ and **two** biases, `bias_ih_l0` and `bias_hh_l0`, each $(4H)$. There are two because the GPU library cuDNN has two; in an LSTM only their **sum** has an effect. Layer 1 has the same names with `l1`.

### Exercise · copy_weights_from_torch · optional
"""


# %% exercise="copy_weights_from_torch" points=1 optional=true withheld="torch.nn.LSTM"
def copy_weights_from_torch(weights: dict[str, Tensor], layer: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `lstm_cell` needs, from the state dict of a torch.nn.LSTM.

    weights  name → tensor: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_ih_l1, …
    layer    number of the layer, from 0
    returns  w_ih (4H, I), w_hh (4H, H) and one bias (4H,) that does what PyTorch's two do together;
             the weights are not changed
    """
    ### BEGIN SOLUTION
    w_ih, w_hh, b_ih, b_hh = (weights[f"{kind}_l{layer}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    return w_ih, w_hh, b_ih + b_hh
    ### END SOLUTION


# %% [markdown] hints="copy_weights_from_torch"
r"""
1. Print `nn.LSTM(3, 2, num_layers=2).state_dict().keys()`. Which of them belong to layer 1?
2. The matrices are what you need, as they are. Of the two biases only the sum has an effect; `+=` would change the network's own.
3. `weights[f"weight_ih_l{layer}"]` is the first of four.
"""


# %% cases="copy_weights_from_torch" active="py"
def cases(seed):
    def some(seed, n_in, n_hidden, layers):
        weights = {}
        for layer in range(layers):
            columns = n_in if layer == 0 else n_hidden
            weights[f"weight_ih_l{layer}"] = random_tensor(seed + 10 * layer, 4 * n_hidden, columns)
            weights[f"weight_hh_l{layer}"] = random_tensor(seed + 10 * layer + 1, 4 * n_hidden, n_hidden)
            weights[f"bias_ih_l{layer}"] = random_tensor(seed + 10 * layer + 2, 4 * n_hidden)
            weights[f"bias_hh_l{layer}"] = random_tensor(seed + 10 * layer + 3, 4 * n_hidden)
        return weights

    yield Case({"weights": some(seed, 3, 2, 1)}, note="one layer")
    yield Case({"weights": some(seed + 50, 3, 2, 3), "layer": 2}, note="the third layer")
    deep = dict(reversed(some(seed + 99, 2, 1, 12).items()))  # names count, not their order
    yield Case({"weights": deep, "layer": 1}, note="the second of twelve layers")
    yield Case({"weights": deep, "layer": 11}, note="the twelfth layer")


# %% mistake="copy_weights_from_torch" name="one_bias" hint="You took one of the two biases. PyTorch adds both." active="py"
def copy_weights_from_torch(weights, layer=0, right=copy_weights_from_torch):
    return (*right(weights, layer)[:2], weights[f"bias_ih_l{layer}"])


# %% mistake="copy_weights_from_torch" name="transposed" hint="You transposed the matrices. PyTorch stores (4H, I) and (4H, H), rows for outputs, which is what lstm_cell takes." active="py"
def copy_weights_from_torch(weights, layer=0, right=copy_weights_from_torch):
    w_ih, w_hh, b = right(weights, layer)
    return w_ih.T, w_hh.T, b


# %% mistake="copy_weights_from_torch" name="always_layer_0" hint="You always take layer 0. The name ends with the number of the layer." active="py"
def copy_weights_from_torch(weights, layer=0, right=copy_weights_from_torch):
    return right(weights)


# %%
def from_torch(weights, layer=0):
    return (
        *(weights[f"weight_{kind}_l{layer}"] for kind in ("ih", "hh")),
        weights[f"bias_ih_l{layer}"] + weights[f"bias_hh_l{layer}"],
    )


theirs = nn.LSTM(3, 5, batch_first=True)
x, zeros = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(2, 5)
copied = yours("lstm.copy_weights_from_torch", from_torch)(theirs.state_dict())
outputs, cells = yours("lstm.lstm_forward", recurrent.lstm_forward)(x, (zeros, zeros), *copied)
apart = (outputs - theirs(x)[0]).abs().max().item()
print(f"largest difference to torch.nn.LSTM: {apart:.1e}")

# %% [markdown]
r"""
## 3 · How far does the sum carry?

Follow the cell alone. If the gates are taken as given, $c_t = f_t \odot c_{t-1} + \dots$ gives

$$\frac{\partial c_T}{\partial c_t} = \prod_{s=t+1}^{T} f_s \quad \text{(element by element)} .$$

No matrix, no tanh slope: along this path only the forget gates stand in the way. (There are other paths, through $h$ and the gates; on them a gradient vanishes or explodes as in an RNN, so its norm is still clipped.)

So an LSTM does **not** abolish vanishing. With $f = 0.9$ at every step a hundred steps leave $0.9^{100} = {{0.0000266 = 0.9**100}}$. What it gives is a network that can *learn to hold* a gate at 1 where it wants to remember.
"""

# %%
import ipywidgets

from course_lib.widgets.live import live

live(
    lambda gate: figures.reach(
        {
            f"forget gate {gate:.3f}": [gate**k for k in range(101)],
            "the carousel of 1997: 1": [1.0] * 101,
        },
        f"A gate at {gate:.3f} leaves {gate**100:.0e} after 100 steps",
        "∂c now / ∂c then",
    ),
    alt="The derivative along the cell against distance: a straight fall on a logarithmic scale, flat for a gate at 1.",
    gate=ipywidgets.FloatSlider(0.9, min=0.5, max=1.0, step=0.005, readout_format=".3f", description="forget gate"),
)

# %% [markdown]
r"""
### Exercise · cell_path
"""


# %% exercise="cell_path" points=1 withheld="course_lib.recurrent.cells.lstm_gates"
def cell_path(forget: Tensor) -> Tensor:
    """Return how much of each earlier cell arrives in the last one, along the sum.

    forget   (T, H) the forget gates f_1 … f_T of one sequence
    returns  (T, H): row t − 1 holds ∂c_T/∂c_t, the product of the gates AFTER step t; the last row
             is 1

    Example: forget = [[0.5], [0.9], [0.8]] gives [[0.72], [0.8], [1.0]].
    """
    ### BEGIN SOLUTION
    later = torch.cat([forget[1:], torch.ones_like(forget[:1])])
    return later.flip(0).cumprod(0).flip(0)
    ### END SOLUTION


# %% [markdown] hints="cell_path"
r"""
1. By hand for three steps: which gates lie between $c_1$ and $c_3$? Is $f_1$ among them?
2. A row does not contain its own gate: shift the gates by one step, with ones at the end, and multiply from the end on.
3. `torch.cat([forget[1:], torch.ones_like(forget[:1])])` is the shift; `flip(0)` turns time around.
"""


# %% cases="cell_path" active="py"
def cases(seed):
    yield Case({"forget": torch.tensor([[0.5], [0.9], [0.8]])}, note="the example")
    yield Case({"forget": torch.tensor([[0.3, 0.7]])}, note="one step")
    yield Case({"forget": torch.tensor([[0.9], [0.0], [0.5], [1.0]])}, note="a closed gate")
    for steps, hidden in ((6, 3), (2, 4), (9, 5)):
        yield Case({"forget": random_tensor(seed + steps, steps, hidden).sigmoid()}, note=f"{steps} steps")


# %% mistake="cell_path" name="own_gate_included" hint="You included step t's own gate. It lies between c_(t−1) and c_t; from c_t on the next gate is the first." active="py"
def cell_path(forget):
    return forget.flip(0).cumprod(0).flip(0)


# %% mistake="cell_path" name="from_the_beginning" hint="You multiplied from the first step on. What counts is what comes after step t, up to the last." active="py"
def cell_path(forget):
    return torch.cat([torch.ones_like(forget[:1]), forget[:-1]]).cumprod(0)


# %% mistake="cell_path" name="sum" hint="You added the gates. Along the path the factors multiply." active="py"
def cell_path(forget):
    later = torch.cat([forget[1:], torch.ones_like(forget[:1])])
    return later.flip(0).cumsum(0).flip(0)


# %% [markdown]
r"""
### Question · half_life · optional

A forget gate is 0.99 at every step. After how many steps has the factor $\partial c_T / \partial c_t$ fallen to one half? A whole number.
"""

# %% exercise="half_life" points=1 optional=true kind="number"
### BEGIN SOLUTION
half_life = 69  # ln 0.5 / ln 0.99 = 68.97
### END SOLUTION

# %% mistake="half_life" name="linear" hint="You subtracted 0.01 each time. The factors multiply: 0.99^n = 0.5, so n = ln 0.5 / ln 0.99." active="py"
half_life = 50

# %% mistake="half_life" name="one_over_e" hint="That is where the factor reaches 1/e ≈ 0.37, the time constant. The question asks for one half." active="py"
half_life = 100

# %% [markdown]
r"""
## 4 · Begin with the gate open

PyTorch draws biases around 0, so forget gates start near $\sigma(0) = {{0.5 = torch.tensor(0.0).sigmoid()}}$: half of the memory is gone at every step, and with it the gradient that would teach the gate to open. The cure costs one line (Gers et al. 2000; Jozefowicz et al. 2015): start the ***forget gate bias*** at 1 or more. $\sigma(1) = {{0.731 = torch.tensor(1.0).sigmoid()}}$, $\sigma(5) = {{0.993 = torch.tensor(5.0).sigmoid()}}$.

PyTorch's two biases are added. Put the value into one of them.

### Exercise · forget_bias
"""


# %% exercise="forget_bias" points=1 withheld="course_lib.recurrent.starts.set_forget_bias"
def forget_bias(d_hidden: int, value: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return the two biases with which a torch.nn.LSTM should start.

    d_hidden  H
    value     what the forget gate's two biases are together
    returns   bias_ih (4H,) and bias_hh (4H,): bias_ih has the value in the rows of the forget gate,
              everything else is 0. The order of the rows is input, forget, candidate, output

    Example: forget_bias(2, 1.0) is ([0, 0, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0]).
    """
    ### BEGIN SOLUTION
    bias_ih, bias_hh = torch.zeros(4 * d_hidden), torch.zeros(4 * d_hidden)
    bias_ih[d_hidden : 2 * d_hidden] = value
    return bias_ih, bias_hh
    ### END SOLUTION


# %% [markdown] hints="forget_bias"
r"""
1. Four blocks of H rows each. Which is the forget gate's, and at which row does it begin?
2. Two vectors of zeros; one block of the first gets the value.
3. `bias_ih = torch.zeros(4 * d_hidden)`; a slice of it can be set.
"""


# %% cases="forget_bias" active="py"
def cases(seed):
    yield Case({"d_hidden": 2}, note="the example")
    yield Case({"d_hidden": 1, "value": 5.0}, note="one number of memory")
    for i in range(3):
        size, value = random_integers(seed + i, 3, 12, 1).item(), random_tensor(seed + i, 1, scale=2.0).item()
        yield Case({"d_hidden": size, "value": value}, note=f"{size} numbers of memory")


# %% mistake="forget_bias" name="both_biases" hint="You put the value into both biases; PyTorch adds them, so the gate starts at twice the value." active="py"
def forget_bias(d_hidden, value=1.0, right=forget_bias):
    bias, _ = right(d_hidden, value)
    return bias, bias.clone()


# %% mistake="forget_bias" name="input_gate" hint="The first block of rows is the input gate's. The forget gate's is the second: H … 2H − 1." active="py"
def forget_bias(d_hidden, value=1.0, right=forget_bias):
    return tuple(bias.roll(-d_hidden) for bias in right(d_hidden, value))


# %% mistake="forget_bias" name="everywhere" hint="All gates got the value: the output and input gates start open too, and the candidate is pushed to one side. Only the forget gate's rows." active="py"
def forget_bias(d_hidden, value=1.0):
    return torch.full((4 * d_hidden,), float(value)), torch.zeros(4 * d_hidden)


# %% [markdown]
r"""
## 5 · Fewer gates: the GRU

Cho et al. (2014) asked what can be left out. The ***gated recurrent unit*** (GRU) has no separate cell, and two gates:

$$\begin{aligned}
r &= \sigma(W_{ir} x + b_{ir} + W_{hr} h + b_{hr}) && \text{reset: how much of the old state the candidate sees} \\
z &= \sigma(W_{iz} x + b_{iz} + W_{hz} h + b_{hz}) && \text{update: how much of the old state \textbf{stays}} \\
n &= \tanh\bigl(W_{in} x + b_{in} + r \odot (W_{hn} h + b_{hn})\bigr) \\
h' &= (1 - z) \odot n + z \odot h
\end{aligned}$$

Again a sum, $h' = z \odot h + \dots$, with a gate in the path. The ***update gate*** $z$ plays input and forget gate: what is written is what was not kept. Three blocks of rows in place of four: at the same $H$ a GRU has {{three quarters : 4 * sum(p.numel() for p in nn.GRU(8, 8).parameters()) == 3 * sum(p.numel() for p in nn.LSTM(8, 8).parameters())}} of an LSTM's parameters.
"""

# %% [markdown]
r"""
**Two conventions.** The published paper's ***reset gate*** acts *before* the product, $W_{hn}(r \odot h)$; that of cuDNN and PyTorch (above) acts after it. (And some texts swap $z$ and $1 - z$, so that $z$ weighs the *new* state.) They are different functions, and weights trained for one are noise in the other. It is also why the GRU needs its two biases apart: $b_{hn}$ stands inside the reset gate's product.

By hand, $H = 1$, $h = 4$, all weights and biases 0: $r = z = \tfrac12$, $n = 0$, $h' = \tfrac12 \cdot 0 + \tfrac12 \cdot 4 = {{2 =
gru_cell(torch.zeros(1, 1), torch.tensor([[4.0]]), torch.zeros(3, 1), torch.zeros(3, 1), torch.zeros(3), torch.zeros(3))}}$.

### Exercise · gru_cell
"""


# %% exercise="gru_cell" points=2 withheld="course_lib.recurrent.cells.gru_cell course_lib.recurrent.cells.gru_forward course_lib.recurrent.cells._gru_step course_lib.recurrent.layers.GRU torch.nn.GRU torch.nn.GRUCell torch.gru torch.gru_cell"
def gru_cell(x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """Make one step of a GRU, in PyTorch's convention.

    x        (B, I) the inputs
    h        (B, H) the states before the step
    w_ih     (3H, I): rows of the reset gate, the update gate, the candidate
    w_hh     (3H, H) likewise
    b_ih     (3H,) added to W_ih x
    b_hh     (3H,) added to W_hh h; the candidate's part is inside the reset gate's product
    returns  h' (B, H)

    Example: H = 1, h = 4, all weights and biases 0: h' = 2.
    """
    ### BEGIN SOLUTION
    x_r, x_z, x_n = (x @ w_ih.T + b_ih).chunk(3, dim=-1)
    h_r, h_z, h_n = (h @ w_hh.T + b_hh).chunk(3, dim=-1)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    n = (x_n + r * h_n).tanh()
    return (1 - z) * n + z * h
    ### END SOLUTION


# %% [markdown] hints="gru_cell"
r"""
1. Keep what comes from x and what comes from h apart: two tables (B, 3H), each cut into three. Which one of the six parts does the reset gate multiply?
2. The gates are sigmoids of sums of two parts. In the candidate r multiplies the part from h, which contains its bias. Then the last line of the formula.
3. `x_r, x_z, x_n = (x @ w_ih.T + b_ih).chunk(3, dim=-1)`, and the same for h.
"""


# %% cases="gru_cell" active="py"
def cases(seed):
    def some(seed, batch, n_in, n_hidden):
        shapes = (3 * n_hidden, n_in), (3 * n_hidden, n_hidden), (3 * n_hidden,), (3 * n_hidden,)
        weights = [random_tensor(seed + 2 + k, *shape) for k, shape in enumerate(shapes)]
        state = {"x": random_tensor(seed, batch, n_in), "h": random_tensor(seed + 1, batch, n_hidden)}
        return state | dict(zip(("w_ih", "w_hh", "b_ih", "b_hh"), weights))

    zero = torch.zeros(1, 1)
    yield Case(
        {
            "x": zero,
            "h": zero + 4,
            "w_ih": torch.zeros(3, 1),
            "w_hh": torch.zeros(3, 1),
            "b_ih": torch.zeros(3),
            "b_hh": torch.zeros(3),
        },
        note="the example by hand",
    )
    yield Case(some(seed, 2, 3, 2), note="a batch")
    yield Case(some(seed + 10, 3, 2, 5), note="another batch")
    yield Case(some(seed + 20, 1, 5, 3), note="a single sequence")


# %% mistake="gru_cell" name="reset_before_product" hint="Your reset gate acts on h before the matrix product, as in the paper. PyTorch multiplies afterwards: r ⊙ (W_hn h + b_hn)." active="py"
def gru_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    x_r, x_z, x_n = (x @ w_ih.T + b_ih).chunk(3, dim=-1)
    h_r, h_z, _ = (h @ w_hh.T + b_hh).chunk(3, dim=-1)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    w_n, b_n = w_hh.chunk(3)[2], b_hh.chunk(3)[2]
    n = (x_n + (r * h) @ w_n.T + b_n).tanh()
    return (1 - z) * n + z * h


# %% mistake="gru_cell" name="z_is_new" hint="Your update gate weighs the new state, as in some texts. In the paper and in PyTorch z is how much of the old one stays: (1 − z) ⊙ n + z ⊙ h." active="py"
def gru_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    x_r, x_z, x_n = (x @ w_ih.T + b_ih).chunk(3, dim=-1)
    h_r, h_z, h_n = (h @ w_hh.T + b_hh).chunk(3, dim=-1)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    return z * (x_n + r * h_n).tanh() + (1 - z) * h


# %% mistake="gru_cell" name="gates_exchanged" hint="Your first part is the update gate. The order is reset, update, candidate." active="py"
def gru_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    x_z, x_r, x_n = (x @ w_ih.T + b_ih).chunk(3, dim=-1)
    h_z, h_r, h_n = (h @ w_hh.T + b_hh).chunk(3, dim=-1)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    return (1 - z) * (x_n + r * h_n).tanh() + z * h


# %% mistake="gru_cell" name="bias_outside" hint="b_hn is outside the reset gate's product. It belongs inside: r ⊙ (W_hn h + b_hn)." active="py"
def gru_cell(x, h, w_ih, w_hh, b_ih, b_hh):
    x_r, x_z, x_n = (x @ w_ih.T + b_ih + b_hh).chunk(3, dim=-1)
    h_r, h_z, h_n = (h @ w_hh.T).chunk(3, dim=-1)
    r, z = (x_r + h_r).sigmoid(), (x_z + h_z).sigmoid()
    return (1 - z) * (x_n + r * h_n).tanh() + z * h


# %% [markdown]
r"""
## 6 · Who remembers?

The task of the first paragraph: one of {{eight symbols : Recall(4).chance == 1 / 8}}, then random filler, then the question. A network that has forgotten is right one time in eight, exactly. Each network has a state of 32 numbers (an LSTM a cell of 32 more) and is trained at every distance with the same number of updates, with three seeds.
"""

# %%
from course_lib.budget import budget
from course_lib.data.recall import Recall
from course_lib.device import best_device
from course_lib.recurrent import RecurrentLM
from course_lib.train import Trainer
from course_lib.widgets.training import watch

device = best_device()

# %%
distances = [4, 8, 16]


def recall(make, distance, seed):
    """Train a network at one distance; return the share of symbols that it recalls."""
    task = Recall(distance)
    torch.manual_seed(seed)
    model = RecurrentLM(task.vocab_size, d_model=16, d_hidden=32)
    model.layers = make()
    steps = budget(full=250, short=4)
    for _ in Trainer(model, task.draw(32), task.loss, steps=steps, lr=0.01, seed=seed):
        pass
    return task.accuracy(model)


# %%
from course_lib.widgets.predict import predict_choice

guess = predict_choice(
    "10_lstm.recall",
    "Started as PyTorch starts them, which of the three recall most over 16 steps?",
    {
        "a": "the LSTM: it was made for this, and has a cell besides its state",
        "b": "the GRU",
        "c": "LSTM and GRU alike, far above the plain RNN",
        "d": "none: all three stay near chance",
    },
)
guess


# %%
def open_gate(layer):
    """The same LSTM, with a forget gate that starts open."""
    set_forget_bias(layer, 5.0)
    return layer


def rotation(layer):
    """The same RNN, with a recurrent matrix that starts as a rotation."""
    orthogonal_(layer)
    return layer


networks = {
    "RNN": lambda: RNN(16, 32),
    "LSTM": lambda: LSTM(16, 32),
    "GRU": lambda: GRU(16, 32),
    "LSTM, forget bias 5": lambda: open_gate(LSTM(16, 32)),
    "RNN, orthogonal start": lambda: rotation(RNN(16, 32)),
}

# %%
recalled = {}  # three shares for each distance
for name, make in networks.items():
    recalled[name] = [[recall(make, d, seed) for seed in range(3)] for d in distances]
    print(f"{name:22}", recalled[name])
means = {name: torch.tensor(rows).mean(1).tolist() for name, rows in recalled.items()}
title = "An open gate remembers from its first step"
show(
    figures.recall_curves(distances, means, Recall(4).chance, title),
    alt="Recall against distance, mean of three seeds: "
    + "; ".join(f"{n} {v[-1]:.2f} at {distances[-1]} steps" for n, v in means.items()),
)

# %%
rnn_16, lstm_16, gru_16 = (means[name][-1] for name in ("RNN", "LSTM", "GRU"))
if max(rnn_16, lstm_16, gru_16) < 0.3:
    letter = "d"
elif abs(lstm_16 - gru_16) < 0.1:
    letter = "c"
else:
    letter = "a" if lstm_16 > gru_16 else "b"
guess.reveal(letter)

# %% [markdown]
r"""
Gates are no cure by themselves: at {{16 = distances[-1]}} steps the LSTM as PyTorch starts it, with gates half open, is
{{close to chance with all three seeds, like the plain RNN : max(recalled["LSTM"][2] + recalled["RNN"][2]) < 0.3}}: each step halves what it should learn to keep. The GRU, started in the same way, recalls
{{nearly everything : min(recalled["GRU"][2]) > 0.8}}; why it lasts longer, this does not show.

One number changed, the forget gate's bias, and the same LSTM recalls {{everything, with every seed : min(recalled["LSTM, forget bias 5"][2]) > 0.97}}. An RNN whose matrix starts as a rotation does so {{with two seeds of three : sorted(share > 0.9 for share in recalled["RNN, orthogonal start"][2]) == [False, True, True]}}. How a network *begins* decides what it can learn in a few hundred updates.
"""

# %% [markdown]
r"""
## 7 · A language model with a cell

The loss of a language model that reads characters or tokens is what lesson 01 called cross-entropy, with two things to get right. The output after token $t$ predicts token $t + 1$: logits and targets are **shifted** by one. And texts of different lengths stand in one batch, filled up with padding that must not count: with $n_b$ real tokens in row $b$, there are $n_b - 1$ predictions to judge in it,

$$L = -\frac{1}{\sum_b (n_b - 1)} \sum_b \sum_{t=1}^{n_b - 1} \ln p_\theta\bigl(x_{b,t+1} \mid x_{b,1}, \dots, x_{b,t}\bigr) .$$

The mean is over **predictions**, not over texts: a short text does not weigh as much as a long one.

### Exercise · char_lm_loss
"""


# %% exercise="char_lm_loss" points=2 withheld="course_lib.language_model.next_token_loss course_lib.language_model.nats_per_token"
def char_lm_loss(logits: Tensor, ids: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean surprisal of the next tokens, in nats per prediction.

    logits   (B, T, V): logits[:, t] are for the token that follows ids[:, t]
    ids      (B, T) int64, filled up at the end with whatever
    lengths  (B,) int64, how many ids of each row are real, at least 1; not all are 1
    returns  a scalar: the mean over all real predictions of the batch. The last real token of a row
             predicts nothing. A gradient flows back to the logits

    Example: two tokens, logits all 0, V = 4: one prediction, ln 4 = 1.386.
    """
    ### BEGIN SOLUTION
    losses = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="none")  # (B·(T − 1),)
    real = torch.arange(1, ids.size(1), device=ids.device) < lengths[:, None]  # is the target a real token?
    return losses[real.flatten()].mean()
    ### END SOLUTION


# %% [markdown] hints="char_lm_loss"
r"""
1. Which logits have a target at all? Write the pairs (logits[:, t], ids[:, t + 1]) down for T = 3. Then: in a row of length 2, how many pairs are real?
2. Take the loss of every pair, without a mean; keep those whose *target* is a real token; then take the mean.
3. `F.cross_entropy(…, reduction="none")` wants (N, V) and (N,): flatten `logits[:, :-1]` and `ids[:, 1:]`.
"""


# %% cases="char_lm_loss" active="py"
def cases(seed):
    yield Case(
        {"logits": torch.zeros(1, 2, 4), "ids": torch.tensor([[1, 3]]), "lengths": torch.tensor([2])},
        note="the example",
    )
    some = {"logits": random_tensor(seed, 2, 4, 5), "ids": random_integers(seed + 1, 0, 5, 2, 4)}
    yield Case(some | {"lengths": torch.tensor([4, 4])}, note="no padding")
    yield Case(some | {"lengths": torch.tensor([4, 2])}, note="one row is shorter")
    yield Case(
        {
            "logits": random_tensor(seed + 2, 3, 6, 5),
            "ids": random_integers(seed + 3, 0, 5, 3, 6),
            "lengths": torch.tensor([6, 1, 3]),
        },
        note="a row of one token",
    )
    case = {"logits": random_tensor(seed + 4, 5, 7, 9, scale=3.0), "ids": random_integers(seed + 5, 0, 9, 5, 7)}
    case |= {"lengths": random_integers(seed + 6, 2, 8, 5)}
    yield Case(case, note="random lengths")
    yield Case(case | {"gradient": True}, note="the gradient")


# %% probe="char_lm_loss" active="py"
def probe(student, case):
    logits, wanted = case["logits"].clone(), case.get("gradient", False)
    loss = student(logits.requires_grad_() if wanted else case["logits"], case["ids"], case["lengths"])
    if not wanted:
        return loss
    return torch.autograd.grad(loss, logits)[0] if loss.requires_grad else "no gradient flows back to the logits"


# %% mistake="char_lm_loss" name="not_shifted" hint="You compare the output at t with the token at t, which the network has just read. It predicts the next one: logits[:, :-1] against ids[:, 1:]." active="py"
def char_lm_loss(logits, ids, lengths):
    losses = F.cross_entropy(logits.flatten(0, 1), ids.flatten(), reduction="none")
    return losses[(torch.arange(ids.size(1)) < lengths[:, None]).flatten()].mean()


# %% mistake="char_lm_loss" name="padding_counts" hint="Your mean contains the padding. Leave out predictions whose target lies at or beyond the row's length." active="py"
def char_lm_loss(logits, ids, lengths):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


# %% mistake="char_lm_loss" name="one_too_many" hint="Your last real token predicts the first filler. A row of n tokens has n − 1 predictions." active="py"
def char_lm_loss(logits, ids, lengths):
    losses = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return losses[(torch.arange(ids.size(1) - 1) < lengths[:, None]).flatten()].mean()


# %% mistake="char_lm_loss" name="mean_of_means" hint="You averaged within each row first, so a short text weighs as much as a long one. Take one mean over all predictions." active="py"
def char_lm_loss(logits, ids, lengths):
    losses = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="none").view(len(ids), -1)
    rows = [row[: n - 1].mean() for row, n in zip(losses, lengths.tolist()) if n > 1]
    return torch.stack(rows).mean()


# %% [markdown]
r"""
### Onto the scoreboard

The RNN of lesson 09 again, and an LSTM in its place: an embedding, {{128 = lstm_model.layers.weight_hh_l0.size(1)}} numbers of state, one matrix to the vocabulary; the same {{700 = steps}} updates on the same windows, each with three seeds.

So that this takes a minute, PyTorch's own layers do the reading, with the weights of ours. Section 2 showed that they are the same network. They read a window in one call, so on a graphics card, if there is one, they may go: `.to(device)`. (The recall above stays on the CPU. Its networks have 32 numbers of state and are read by a loop in Python, a handful of tiny products a step.)
"""

# %%
from course_lib import scoreboard
from course_lib.language_model import count_parameters, nats_per_token
from course_lib.recurrent import ConsecutiveWindows

language, train_tokens = scoreboard.language(), scoreboard.training()
test_tokens = scoreboard.held_out()[: budget(full=20_000, short=2000)]
language_size = len(language.vocabulary)
steps = budget(full=700, short=10)


def train(kind, seed):
    """Train a language model; return it and the seconds that it took."""
    torch.manual_seed(seed)
    model = RecurrentLM(language_size, kind, d_model=64, d_hidden=128)
    layers = {"rnn": nn.RNN, "lstm": nn.LSTM}[kind](64, 128, batch_first=True)
    layers.load_state_dict(model.layers.state_dict())
    model.layers = layers
    model.to(device)
    stream = ConsecutiveWindows(train_tokens, batch_size=32, length=32)
    trainer = Trainer(model, stream.draw, stream.loss, steps=steps, lr=1e-2, seed=seed)
    for _ in watch(trainer, f"{kind.upper()}, seed {seed}", curve=False):
        pass
    return model, trainer.seconds


# %%
runs = {"rnn": [train("rnn", seed) for seed in range(3)]}

# %%
runs["lstm"] = [train("lstm", seed) for seed in range(3)]

# %%
models = {kind: [model for model, _ in three] for kind, three in runs.items()}
reached = {kind: [nats_per_token(model, test_tokens) for model in models[kind]] for kind in runs}
for kind, losses in reached.items():
    size = count_parameters(models[kind][0])
    print(
        f"{kind.upper():4}",
        ", ".join(f"{loss:.3f}" for loss in losses),
        f"nats, {size:,} parameters",
    )

lstm_model, lstm_seconds = runs["lstm"][0]
scoreboard.record("LSTM", reached["lstm"][0], size, lstm_seconds, "10_lstm")
scoreboard.show_scoreboard()

# %% [markdown]
r"""
On the board the LSTM is {{no better : abs(sum(reached["lstm"]) - sum(reached["rnn"])) < 0.06}}: {{1.83 = sum(reached["rnn"]) / 3 ± 0.015}} nats for the RNN and {{1.83 = sum(reached["lstm"]) / 3 ± 0.02}} for the LSTM, means of three seeds, although the LSTM has {{1.8 = count_parameters(lstm_model) / count_parameters(models["rnn"][0])}} times the parameters. (In `make scoreboard`, at equal size and with windows of 64 tokens, it is slightly ahead, in one run.)

Most words of this language depend on near ones, so a mean over all of them says little about memory. Ask where memory decides: which number does the verb get after a relative clause whose noun has the **other** number, as in *the mice that the cat chases …* (eat) and *the mouse that the cats behind the old house chase …* (eats)?
"""

# %%
from course_lib.data.mouse_and_cheese import VERBS

verbs = [v.split() for kind in ("eat", "chase", "rest", "go") for v in VERBS[kind].split(",")]
singular, plural = (torch.tensor([language.encode(form[i])[0] for form in verbs]) for i in (0, 1))
subjects = "mouse mice,dog dogs,rabbit rabbits,bird birds,cow cows,horse horses,fox foxes,bear bears"
beginnings = []  # text, tokens of the right verbs, tokens of the wrong ones
for pair in subjects.split(","):
    one, many = pair.split()
    for place in ("", " behind the old house"):
        beginnings.append((f"the {one} that the cats{place} chase", singular, plural))
        beginnings.append((f"the {many} that the cat{place} chases", plural, singular))


@torch.no_grad()
def agreement(model):
    """Of the probability on verbs of the present, the share with the subject's number; the mean."""
    shares = []
    for text, right, wrong in beginnings:
        ids = torch.tensor([[eos_id, *language.encode(text)]], device=device)
        probs = model(ids)[0, -1].softmax(-1).cpu()
        shares.append(probs[right].sum() / (probs[right].sum() + probs[wrong].sum()))
    return torch.stack(shares).mean().item()


# %%
eos_id = language.encode("<eos>")[0]
agreed = {kind: [agreement(model) for model in models[kind]] for kind in models}
for kind, shares in agreed.items():
    print(f"{kind.upper():4}", ", ".join(f"{share:.2f}" for share in shares))

# %% [markdown]
r"""
Here the cell makes {{the difference with every seed : min(agreed["lstm"]) > max(agreed["rnn"])}}: the LSTM gives {{0.82 = sum(agreed["lstm"]) / 3 ± 0.06}} of the probability to the right number, the RNN {{0.62 = sum(agreed["rnn"]) / 3 ± 0.06}}, means of three seeds over {{32 = len(beginnings)}} beginnings. Half would be no memory at all.

### And on real English

The same {{120 = result.updates}} updates on English as the RNN of lesson 09 had, with {{about as many : 0.9 < result.parameters / rnn_parameters < 1.1}} parameters. One run each, after few updates: the board shows two numbers, and no conclusion about the cells.
"""

# %%
from course_lib.scoreboard.measure import NETWORKS, train_network
from course_lib.scoreboard.texts import VOCABULARY

rnn_parameters = count_parameters(NETWORKS["RNN"][0](VOCABULARY))
reader, result = train_network("LSTM", "english", updates=budget(full=120, short=2), watch=watch)
scoreboard.record("LSTM", result.nats_per_token, result.parameters, result.seconds, "10_lstm", corpus="english")
print(
    f"{result.nats_per_token:.3f} nats per token, {scoreboard.bits_per_byte(result.nats_per_token):.2f} bits per byte"
)
scoreboard.show_scoreboard("english")

# %% [markdown]
r"""
### What its gates do

Choose a gate. At which words does it close? The subject *mouse* must survive until its verb, across *the cats near the old house chase*, which has the wrong number.
"""

# %%
from course_lib.widgets.recurrent import gate_explorer

lstm_model.cpu()  # for one sentence, and to be looked at
words = "<eos> the mouse that the cats near the old house chase eats the cheese".split()
ids = torch.tensor([[language.encode(word)[0] for word in words]])
weights = lstm_model.layers.state_dict()
with torch.no_grad():
    inputs, start = lstm_model.tokens(ids), torch.zeros(1, 128)
    matrices = from_torch(weights)
    outputs, cells = recurrent.lstm_forward(inputs, (start, start), *matrices)
    gates = {
        name: values[0]
        for name, values in recurrent.lstm_gates(inputs, start, outputs, *matrices).items()
        if name != "candidate"
    }
gate_explorer(words, gates, "forget")


# %%
def tested_cell_path(forget):
    later = torch.cat([forget[1:], torch.ones_like(forget[:1])])
    return later.flip(0).cumprod(0).flip(0)


kept = yours("lstm.cell_path", tested_cell_path)(gates["forget"])
subject = words.index("mouse")
print(
    f"from “mouse” to the end, {len(words) - 1 - subject} steps: the best unit keeps"
    f" {kept[subject].max():.2f}, the median unit {kept[subject].median():.0e}"
)

# %% [markdown]
r"""
Dark cells are gates that close: such a unit drops what it held at that word. Others stay {{open across the whole clause : kept[subject].max() > 0.9}}: what they hold of *mouse* is still there at its verb and beyond. No one set them; the loss did.

## 8 · Find the bugs

### Find the bugs · blog_lstm · optional

A colleague's LSTM trains, but worse than a plain RNN. There are three faults in this step; all are in section 1.
"""


# %% exercise="blog_lstm" points=2 optional=true withheld="torch.nn.LSTMCell torch.lstm_cell"
def blog_lstm(x: Tensor, h: Tensor, c: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """One LSTM step with a single matrix for [h, x].

    x        (B, I)
    h, c     (B, H) before the step
    w        (4H, H + I): acts on h and x side by side, h first; rows: input, forget, candidate,
             output
    b        (4H,)
    returns  h' (B, H) and c' (B, H)
    """
    ### BEGIN SOLUTION
    i, f, g, o = (torch.cat([h, x], dim=-1) @ w.T + b).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return h, c
    ### END SOLUTION
    ### BEGIN STARTER
    # i, f, g, o = (torch.cat([h, x], dim=-1) @ w.T + b).chunk(4, dim=-1)
    # c = f.sigmoid() + c + i.sigmoid() * g.tanh()
    # h = o.tanh() * c.sigmoid()
    # return c, h
    ### END STARTER


# %% [markdown] hints="blog_lstm"
r"""
1. Go through the equations of section 1 line by line. Which terms are multiplied, which added? What lies between 0 and 1, what between −1 and 1? What is returned first?
2. Gates lie between 0 and 1 and multiply; what is written or shown lies between −1 and 1; only the update adds.
3. The line of the new cell begins with `f.sigmoid() *`.
"""


# %% cases="blog_lstm" active="py"
def cases(seed):
    def some(seed, batch, n_in, n_hidden):
        return {
            "x": random_tensor(seed, batch, n_in),
            "h": random_tensor(seed + 1, batch, n_hidden),
            "c": random_tensor(seed + 2, batch, n_hidden),
            "w": random_tensor(seed + 3, 4 * n_hidden, n_hidden + n_in),
            "b": random_tensor(seed + 4, 4 * n_hidden),
        }

    yield Case(some(seed, 1, 1, 1), note="one number of memory")
    yield Case(some(seed + 10, 2, 3, 4), note="a batch")
    yield Case(some(seed + 20, 3, 4, 5), note="another batch")


# %% mistake="blog_lstm" name="gate_added" hint="The forget gate is still added. Gates multiply; only the update is a sum." active="py"
def blog_lstm(x, h, c, w, b):
    i, f, g, o = (torch.cat([h, x], dim=-1) @ w.T + b).chunk(4, dim=-1)
    c = f.sigmoid() + c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


# %% mistake="blog_lstm" name="output_exchanged" hint="The output gate is still a tanh and the cell still goes through a sigmoid: exchange them." active="py"
def blog_lstm(x, h, c, w, b):
    i, f, g, o = (torch.cat([h, x], dim=-1) @ w.T + b).chunk(4, dim=-1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.tanh() * c.sigmoid(), c


# %% mistake="blog_lstm" name="returned_exchanged" hint="The numbers are right and come back in the wrong order: first h', then c'." active="py"
def blog_lstm(x, h, c, w, b, right=blog_lstm):
    return right(x, h, c, w, b)[::-1]


# %% [markdown]
r"""
## 9 · In your own words

### Question · additive

Which sentence about the LSTM is true?

- **a** Its gates are additive, so gradients flow through them without vanishing.
- **b** Its cell is updated by a sum; along it a gradient is multiplied by the forget gates, and vanishes unless they stay near 1.
- **c** It was invented in 1997 with three gates, so that the forget gate would improve the flow of the gradient.
- **d** A larger learning rate repairs what vanished.
"""

# %% exercise="additive" points=1 kind="choice" choices="a b c d"
### BEGIN SOLUTION
additive = "b"
### END SOLUTION

# %% mistake="additive" name="a" hint="The gates multiply. What is additive is the update of the cell." active="py"
additive = "a"

# %% mistake="additive" name="c" hint="The forget gate came in 2000, against cells that grow without limit. It makes the gradient's path worse than the constant 1 of 1997." active="py"
additive = "c"

# %% mistake="additive" name="d" hint="A larger rate scales all updates alike: the ratio between what early and late steps receive stays the same." active="py"
additive = "d"

# %% [markdown] exercise="lstm_and_vanishing" points=4
r"""
### In your own words · lstm_and_vanishing

Interview question. Why do gradients vanish in a plain RNN, and what exactly does an LSTM change about it? Write the equations that matter, say what remains of the problem, and what one does about the exploding side.

### BEGIN SOLUTION
In an RNN $h_t = \tanh(W h_{t-1} + \dots)$ the gradient is multiplied at every step back by $W^\top \operatorname{diag}(1 - h_t^2)$. If the largest singular value of $W$ is below 1 the product shrinks exponentially for certain (the slope of tanh is at most 1); above 1 it can grow, and saturated units shrink it anyway. Early tokens then receive next to no gradient.

The LSTM keeps a cell $c_t = f_t \odot c_{t-1} + i_t \odot g_t$ and shows $h_t = o_t \odot \tanh c_t$. Along the cell $\partial c_T / \partial c_t = \prod_{s>t} f_s$, element by element: no matrix and no slope. Where the network holds $f$ near 1, the gradient arrives undiminished.

What remains: the product of forget gates vanishes exponentially as soon as they are below 1 ($0.9^{100} \approx {{3 = 0.9**100 / 1e-5}} \cdot 10^{-5}$), and at PyTorch's initialisation they are near 0.5; starting their bias at 1 or more helps. The paths through $h$ and the gates behave as in an RNN, so gradients can still explode: their norm is clipped.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: the repeated factor W transposed times a diagonal of slopes, and what its singular values imply
- 1 point: the additive cell update and the derivative along it, the product of forget gates
- 1 point: what remains: gates below 1 still vanish; forget bias
- 1 point: exploding gradients remain possible through the other paths; clipping the norm
### END RUBRIC
"""

# %% [markdown]
r"""
## Flash cards

The cell, its gates and their start, one question at a time.
"""

# %%
from course_lib.widgets.cards import flash_cards

flash_cards("10_lstm")

# %% [markdown]
r"""
## 10 · Where this came from, and where it goes

- **Hochreiter and Schmidhuber (1997)**, *Long Short-Term Memory*: the cell, input and output gates; tasks with long time lags such as the one above. **Gers, Schmidhuber and Cummins (2000)**, *Learning to Forget*: the forget gate.
- **Cho et al. (2014)**: the GRU. **Jozefowicz, Zaremba and Sutskever (2015)** compared thousands of variants: a forget bias of 1 closed most of the gap between LSTM and GRU.
- **Pascanu, Mikolov and Bengio (2013)**: conditions for vanishing and exploding, and clipping by norm.
"""

# %% [markdown]
r"""
**What modern systems do instead.** Attention (lesson 12) looks back directly, over one step whatever the distance, and trains in parallel over time; a recurrent state costs the same after ten tokens and after ten thousand. Linear recurrences with gates are back for that reason (Gu and Dao 2023, *Mamba*): an additive state, gates, no tanh in the path.

**What we do not know.** Which of the gates matter for which text is found by taking them away and measuring, as above; a heat map shows what opens, not why.

`course_lib.recurrent` holds the tested version of what you wrote: stacked, in both directions, with padding. Next: [11 Sequence to sequence](11_seq2seq.ipynb), *how does one sequence become another?*
"""
