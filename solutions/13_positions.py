# ---
# jupyter:
#   course:
#     title: How does a set become a sequence?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# How does a set become a sequence?

*the mouse chased the cat* · *the cat chased the mouse*

Same words, another story. Below, one head of last lesson's attention reads both sentences. Look at what **chased** gathers.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks import check, show_answer, yours

torch.set_printoptions(precision=3, sci_mode=False)

# %%
from course_lib import attention, positions
from course_lib.figures import positions as figures
from course_lib.figures.attention import weight_map
from course_lib.figures.style import show
from course_lib.widgets import positions as widgets

words = {word: vector for word, vector in zip(("the", "mouse", "chased", "cat"), torch.eye(4) * 1.5)}
stories = ["the mouse chased the cat".split(), "the cat chased the mouse".split()]
vectors = [torch.stack([words[word] for word in story]) for story in stories]
gathered = [attention.scaled_dot_product_attention(x, x, x)[0] for x in vectors]  # (T, 4) each

rows = torch.stack([output[2] for output in gathered])  # what “chased”, the third word, gathered
show(
    weight_map(
        rows / rows.sum(-1, keepdim=True),
        [" ".join(s) for s in stories],
        list(words),
        "“chased” gathers the same",
    ),
    alt="Two equal rows of numbers, one per sentence, over the words the, mouse, chased, cat.",
)
print("largest difference:", (gathered[0][2] - gathered[1][2]).abs().max().item())

# %% [markdown]
r"""
Attention is a weighted mean over a **set**. Who chased whom is in the order, and the {{order is gone : same(gathered[0][2], gathered[1][2])}}.

## What you will be able to do

- say precisely which symmetry attention has, and what a causal mask does to it;
- write the position encodings of the original Transformer, GPT-2, Llama, BLOOM and T5, each from its formula;
- prove that rotary scores depend on the distance alone, and show that they need not fall with it;
- keep positions right when text is generated with a cache;
- measure which encoding survives sequences longer than it was trained on, where popular tables are wrong, and what helps.

**Time** about 90 minutes; another 60 for what is marked optional. **Builds on** [12 Attention](12_attention.ipynb), [07 Embeddings](07_embeddings.ipynb).
**Sizes** B sequences, H heads, T queries, S keys, D features of a head, `d_model` features of a token. A *position* is a whole number, 0 for the first token.
"""

# %% [markdown]
r"""
## 1 · Permute the inputs, and the outputs are permuted

Let $P$ be a permutation matrix $(T, T)$ and $X$ the tokens $(T, d_{model})$. For self-attention $f$ without a mask,

$$f(PX) = P\,f(X).$$

That is permutation **equivariance**: outputs {{move along with their inputs, none changes : equivariant}}. (Many texts say *invariance*, $f(PX) = f(X)$; that {{is false : not invariant}}, and the next cell shows it.)
A **causal mask** {{breaks the symmetry : not equivariant_under_a_mask}}: token $t$ sees the first $t + 1$ tokens, so *how many* it sees depends on where it is. A decoder can learn some order from that alone.
"""

# %%
x = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
shuffle = torch.tensor([3, 0, 5, 1, 4, 2])
attend = lambda x, mask=None: attention.scaled_dot_product_attention(x, x, x, mask)[0]
same = lambda a, b: torch.allclose(a, b, atol=1e-6)
mask = attention.causal_mask(6)
invariant, equivariant = (
    same(attend(x[shuffle]), attend(x)),
    same(attend(x[shuffle]), attend(x)[shuffle]),
)
equivariant_under_a_mask = same(attend(x[shuffle], mask), attend(x, mask)[shuffle])
print("invariant,   f(Px) = f(x):  ", invariant)
print("equivariant, f(Px) = P f(x):", equivariant)
print("… with a causal mask:       ", equivariant_under_a_mask)

# %% [markdown]
r"""
### Question · symmetry

A model for sentiment sums the outputs of one self-attention layer over all tokens (no mask, no positions). You shuffle the words of a review. What happens to the sum?

- **a** It changes, because attention weights depend on the neighbours.
- **b** Nothing: the layer is equivariant, and a sum does not care about order, so the whole is invariant.
- **c** It is shuffled in the same way.
"""

# %% exercise="symmetry" points=1 kind="choice" choices="a b c"
### BEGIN SOLUTION
symmetry = "b"
### END SOLUTION

# %% mistake="symmetry" name="a" hint="Weights depend on the other words, wherever they stand: without positions a neighbour is like any other token." active="py"
symmetry = "a"

# %% mistake="symmetry" name="c" hint="That holds for the layer's outputs. The sum over all tokens is one vector: there is nothing left to shuffle." active="py"
symmetry = "c"

# %% [markdown]
r"""
What puts the order back in is a ***positional encoding***. There are three places for it: **added to the tokens** (sections 2 and 3), **turned into queries and keys** (section 4), or **added to the scores** (section 5).

## 2 · A vector for every place

The plainest idea, ***learned absolute positions***: a table $E$ of shape `(seq_len, d_model)` with one learned row per position, added to the tokens,

$$x'_t = x_t + E_t .$$

GPT-2 does this. The table is cheap: $1024 \times 768 = {{786,432 = gpt2_rows}}$ of GPT-2 small's $124{,}439{,}808$ parameters, {{0.6 % = gpt2_rows / 124_439_808}}. What it cannot do is go on: position 1024 has **no row**. That is no poor extrapolation, it is none.
"""

# %% [markdown]
r"""
By hand, with $E = \begin{pmatrix} 0 & 1 \\ 2 & 3 \\ 4 & 5 \end{pmatrix}$: a token $(10, 10)$ at position 2 becomes $({{14, 15 :
learned_positions(torch.tensor([[[10, 10]]]), torch.tensor([[0, 1], [2, 3], [4, 5]]), start=2).tolist() == [[[14, 15]]]}})$. When text is generated one token at a time, that token arrives *alone*, and `start = 2` says where it is.

### Exercise · learned_positions
"""


# %% exercise="learned_positions" points=1 withheld="course_lib.positions.LearnedPositions"
def learned_positions(x: Tensor, table: Tensor, start: int = 0) -> Tensor:
    """Add to every token the vector of its position.

    x        (B, T, d_model) tokens; the first of them is at position start
    table    (seq_len, d_model) one row per position
    start    position of the first token: 0, or the number of tokens that a cache holds
    returns  (B, T, d_model); gradients flow to the tokens and to the table

    Raises ValueError when a token is at a position without a row, start + T > seq_len.

    Example: x = [[[10, 10]]], table = [[0, 1], [2, 3], [4, 5]], start = 2 gives [[[14, 15]]].
    """
    ### BEGIN SOLUTION
    end = start + x.size(1)
    if end > len(table):
        raise ValueError(f"table has rows for the positions 0 … {len(table) - 1}, a token is at {end - 1}")
    return x + table[start:end]
    ### END SOLUTION


# %% [markdown] hints="learned_positions"
r"""
1. Which rows of the table belong to T tokens that begin at `start`? And what does Python's slicing do when the table ends too early?
2. The rows from `start` up to start + T; they broadcast over the batch. A slice never complains, so compare its end with the length of the table first.
3. `end = start + x.size(…)`, and `x + table[…]`
"""


# %% cases="learned_positions" active="py"
def cases(seed):
    table = random_tensor(seed, 5, 4)
    yield Case(
        {"x": torch.full((1, 1, 2), 10.0), "table": torch.arange(6.0).view(3, 2), "start": 2}, note="the example"
    )
    yield Case({"x": random_tensor(seed + 1, 2, 3, 4), "table": table}, note="fewer tokens than rows")
    yield Case({"x": random_tensor(seed + 2, 2, 3, 4), "table": table, "start": 2}, note="after two cached tokens")
    yield Case({"x": random_tensor(seed + 3, 1, 6, 4), "table": table}, note="one token too many")
    yield Case({"x": random_tensor(seed + 4, 1, 1, 4), "table": table, "start": 5}, note="one step past the table")
    x, table = random_tensor(seed + 5, 3, 4, 2), random_tensor(seed + 6, 9, 2)
    yield Case({"x": x, "table": table, "start": 1 + seed % 5}, note="another size")
    yield Case({"x": x, "table": table, "start": 3, "ask": "gradients"}, note="gradients")


# %% probe="learned_positions" active="py"
def probe(student, case):
    if "ask" not in case:
        return student(**case)
    x, table = case["x"].clone().requires_grad_(), case["table"].clone().requires_grad_()
    moved = student(x, table, case["start"])
    if moved.requires_grad:
        (moved * torch.arange(1.0, 5.0)[:, None]).sum().backward()
    return {"gradient of x": x.grad, "gradient of table": table.grad}


# %% mistake="learned_positions" name="start_ignored" hint="A token that arrives alone got the row of position 0. Its row is table[start]." active="py"
def learned_positions(x, table, start=0, right=learned_positions):
    return right(x, table)


# %% mistake="learned_positions" name="begins_again" hint="Past the end you began again at position 0. Two places would share one vector; the docstring asks for a ValueError." active="py"
def learned_positions(x, table, start=0):
    return x + table[torch.arange(start, start + x.size(1)) % len(table)]


# %% mistake="learned_positions" name="last_row_again" hint="Past the end you used the last row again. The docstring asks for a ValueError." active="py"
def learned_positions(x, table, start=0):
    return x + table[torch.arange(start, start + x.size(1)).clamp(max=len(table) - 1)]


# %% mistake="learned_positions" name="no_check" hint="Right inside the table. Outside, torch complains about sizes, or worse: an empty slice gives an empty result. The docstring asks for a ValueError." active="py"
def learned_positions(x, table, start=0):
    return x + table[start : start + x.size(1)]


# %% [markdown]
r"""
## 3 · Clock hands of many speeds

Can a formula give a vector for *every* position? A clock tells the time with hands of different speed; each hand is a point on a circle, a sine and a cosine.
The ***sinusoidal encoding*** of Vaswani et al. (2017) uses $d_{model}/2$ hands. For position $t$ and pair $i = 0, 1, \dots, d_{model}/2 - 1$,

$$PE_{t,\,2i} = \sin(t\,\omega_i), \qquad PE_{t,\,2i+1} = \cos(t\,\omega_i), \qquad \omega_i = 10000^{-2i/d_{model}} .$$

$\omega_i$ is the speed of hand $i$ in radians per position: 1 for the fastest, almost $1/10000$ for the slowest. Mind the index: $i$ counts **pairs**, not features. (Read as a feature number, the exponent would run to 2 and the slowest hand would stand still.)
"""

# %% [markdown]
r"""
By hand, $d_{model} = 4$, $t = 1$: $\omega = (1,\ {{0.01 = 10000 ** (-2 / 4)}})$, so $PE_1 = (\sin 1, \cos 1, \sin 0.01, \cos 0.01) = ({{0.841,\ 0.540,\ 0.010,\ 1.000 :
torch.allclose(sinusoidal(2, 4)[1], torch.tensor([0.841, 0.540, 0.010, 1.000]), atol=5e-4)}})$.

Tutorials compute $\omega_i$ as `exp(-2i * log(10000) / d_model)`; it is the same number, because $a^b = e^{b \ln a}$.

### Exercise · sinusoidal

With an odd `d_model` the last hand has no room for its cosine: keep the sine and cut the rest off. Nothing about the formula needs a largest position, so do not build a table that ends.
"""


# %% exercise="sinusoidal" points=2 withheld="course_lib.positions.sinusoidal"
def sinusoidal(n_positions: int, d_model: int) -> Tensor:
    """Return the sines and cosines of the positions 0 … n_positions − 1.

    n_positions  T
    d_model      features; may be odd, then the last pair has a sine only
    returns      (T, d_model) float32: feature 2i is sin(t·ω_i), feature 2i + 1 is cos(t·ω_i), ω_i = 10000^(−2i/d_model)

    Example: sinusoidal(2, 4) is [[0, 1, 0, 1], [0.8415, 0.5403, 0.0100, 0.9999]].
    """
    ### BEGIN SOLUTION
    speeds = 10000.0 ** (-torch.arange(0, d_model, 2) / d_model)  # one per pair: (⌈d_model / 2⌉,)
    angles = torch.arange(n_positions)[:, None] * speeds  # (T, pairs)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :d_model]
    ### END SOLUTION


# %% [markdown] hints="sinusoidal"
r"""
1. How many speeds are there for `d_model` features? Print `torch.arange(0, d_model, 2)`: which index of the formula is that?
2. A table (T, pairs) of angles, position times speed. Sine and cosine of each must end up side by side; with an odd `d_model` one column is too many.
3. `torch.stack([angles.sin(), angles.cos()], dim=…)`, then join the last two dimensions.
"""


# %% cases="sinusoidal" active="py"
def cases(seed):
    yield Case({"n_positions": 2, "d_model": 4}, note="the example by hand")
    yield Case({"n_positions": 3, "d_model": 1}, note="one feature")
    yield Case({"n_positions": 4, "d_model": 7}, note="an odd number of features")
    yield Case({"n_positions": 5 + seed % 50, "d_model": 2 * (3 + seed % 29)}, note="another size")
    yield Case({"n_positions": 3 + seed % 40, "d_model": 2 * (4 + seed % 23) + 1}, note="another odd size")
    yield Case({"n_positions": 10_001 + seed % 100, "d_model": 2}, note="a long text")


# %% probe="sinusoidal" active="py"
def probe(student, case):
    table = student(**case)
    if case["n_positions"] < 1000:
        return table
    return {"shape": list(table.shape), "dtype": str(table.dtype), "last two rows": table[-2:]}


# %% mistake="sinusoidal" name="i_is_the_feature" hint="Your exponent runs to 2: you took i for the number of the feature. It counts pairs; feature 2i and 2i + 1 share the speed 10000^(−2i/d_model)." active="py"
def sinusoidal(n_positions, d_model):
    speeds = 10000.0 ** (-2 * torch.arange(0, d_model, 2) / d_model)
    angles = torch.arange(n_positions)[:, None] * speeds
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :d_model]


# %% mistake="sinusoidal" name="all_sines_first" hint="All your sines come first, then the cosines. They must alternate: feature 0 sine, feature 1 cosine of the same angle." active="py"
def sinusoidal(n_positions, d_model):
    angles = torch.arange(n_positions)[:, None] * 10000.0 ** (-torch.arange(0, d_model, 2) / d_model)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)[:, :d_model]


# %% mistake="sinusoidal" name="faster_and_faster" hint="Your hands get faster with i, up to 10000 radians a position. The exponent is negative (or you divide)." active="py"
def sinusoidal(n_positions, d_model):
    angles = torch.arange(n_positions)[:, None] * 10000.0 ** (torch.arange(0, d_model, 2) / d_model)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :d_model]


# %% mistake="sinusoidal" name="odd_crashes" hint="Right for an even d_model. With an odd one there is one sine more than there are cosines, and the assignment to the odd columns does not fit." active="py"
def sinusoidal(n_positions, d_model):
    angles = torch.arange(n_positions)[:, None] * 10000.0 ** (-torch.arange(0, d_model, 2) / d_model)
    table = torch.zeros(n_positions, d_model)
    table[:, 0::2] = angles.sin()
    table[:, 1::2] = angles.cos()
    return table


# %% mistake="sinusoidal" name="from_one" hint="Your first position is 1. Positions begin at 0: the first row is 0, 1, 0, 1, …" active="py"
def sinusoidal(n_positions, d_model, right=sinusoidal):
    return right(n_positions + 1, d_model)[1:]


# %%
table = yours("positions.sinusoidal", positions.sinusoidal)(64, 32)
widgets.sinusoid_explorer()

# %% [markdown]
r"""
### The table as a part of a model · optional

A table that is not learned still has to travel with the model, to another device and into its `state_dict`. A ***buffer*** does both, and no optimizer touches it. This is the module that most code calls `PositionalEncoding`:
"""


# %%
class PositionalEncoding(nn.Module):
    """Add sinusoids to x (B, T, d_model), then drop."""

    def __init__(self, d_model, seq_len, dropout=0.1):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.register_buffer("table", positions.sinusoidal(seq_len, d_model)[None])  # (1, seq_len, d_model)

    def forward(self, x):
        if x.size(1) > self.table.size(1):
            raise ValueError(f"{x.size(1)} tokens, but the table has {self.table.size(1)} rows")
        return self.dropout(x + self.table[:, : x.size(1)])


encode = PositionalEncoding(d_model=32, seq_len=64).eval()
print("out:", tuple(encode(torch.zeros(2, 10, 32)).shape), "  in the state dict:", list(encode.state_dict()))
print("learned parameters:", sum(p.numel() for p in encode.parameters()))
try:
    encode(torch.zeros(2, 65, 32))
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
r"""
### Moving by an offset is a rotation · optional

Why both sine and cosine? Because then one fixed matrix moves *every* position by the same offset $r$. From $\sin(a + b) = \cos b \sin a + \sin b \cos a$ and $\cos(a + b) = -\sin b \sin a + \cos b \cos a$, with $a = t\,\omega_i$ and $b = r\,\omega_i$,

$$\begin{pmatrix} PE_{t+r,\,2i} \\ PE_{t+r,\,2i+1} \end{pmatrix} = \begin{pmatrix} \cos r\omega_i & \sin r\omega_i \\ -\sin r\omega_i & \cos r\omega_i \end{pmatrix} \begin{pmatrix} PE_{t,\,2i} \\ PE_{t,\,2i+1} \end{pmatrix} .$$

The matrix depends on $r$ and not on $t$. So a layer *can* ask for “three places to the left” with one linear map; whether it learns to is another question.

By hand, $d_{model} = 2$, $r = 1$: $M = \begin{pmatrix} {{0.540 = shift_matrix(1, 2)[0, 0]}} & {{0.841 = shift_matrix(1, 2)[0, 1]}} \\ {{-0.841 = shift_matrix(1, 2)[1, 0]}} & {{0.540 = shift_matrix(1, 2)[1, 1]}} \end{pmatrix}$,
and $M\,(0, 1)^\top = (0.841,\ 0.540)^\top {{= : same(shift_matrix(1, 2) @ torch.tensor([0.0, 1.0]), sinusoidal(2, 2)[1])}} PE_1$.

### Exercise · shift_matrix · optional
"""


# %% exercise="shift_matrix" points=2 optional=true withheld="course_lib.positions.shift_matrix"
def shift_matrix(offset: int, d_model: int) -> Tensor:
    """Return the matrix that moves every sinusoidal position by the same offset.

    offset   r, positions to move by; may be negative
    d_model  features, an even number
    returns  M (d_model, d_model) float32 with M @ PE(t) = PE(t + r) for every t: zero but for a 2×2 block per pair

    Raises ValueError when d_model is odd: a sine without its cosine cannot be moved.

    Example: shift_matrix(1, 2) is [[0.5403, 0.8415], [−0.8415, 0.5403]].
    """
    ### BEGIN SOLUTION
    if d_model % 2:
        raise ValueError(f"d_model must be even, got {d_model}")
    matrix = torch.zeros(d_model, d_model)
    for i in range(d_model // 2):
        angle = offset * 10000.0 ** (-2 * i / d_model)
        cos, sin = math.cos(angle), math.sin(angle)
        matrix[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = torch.tensor([[cos, sin], [-sin, cos]])
    return matrix
    ### END SOLUTION


# %% [markdown] hints="shift_matrix"
r"""
1. Pair i owns the rows and the columns 2i and 2i + 1. Which 2×2 block belongs there, and what is its angle?
2. Check `d_model`, start from zeros, and fill one block after the other. The formula above has the block; the angle is the offset times the speed of the pair.
3. `matrix[2*i : 2*i + 2, 2*i : 2*i + 2] = torch.tensor([[cos, …], [… , …]])`
"""


# %% cases="shift_matrix" active="py"
def cases(seed):
    yield Case({"offset": 1, "d_model": 2}, note="the example by hand")
    yield Case({"offset": 0, "d_model": 4}, note="no move")
    yield Case({"offset": -3, "d_model": 6}, note="to the left")
    yield Case({"offset": 2 + seed % 97, "d_model": 2 * (4 + seed % 11)}, note="another offset and size")
    yield Case({"offset": 1, "d_model": 5}, note="an odd number of features")
    yield Case({"offset": -1 - seed % 89, "d_model": 2 * (2 + seed % 7)}, note="another size, to the left")


# %% mistake="shift_matrix" name="backwards" hint="Your matrix moves by −r. The plus sign of sin is in the first row: [[cos, sin], [−sin, cos]]." active="py"
def shift_matrix(offset, d_model, right=shift_matrix):
    return right(offset, d_model).T


# %% mistake="shift_matrix" name="pairs_far_apart" hint="You paired feature i with i + d_model/2. In this encoding a pair is side by side: 2i and 2i + 1." active="py"
def shift_matrix(offset, d_model, right=shift_matrix):
    order = torch.cat([torch.arange(0, d_model, 2), torch.arange(1, d_model, 2)])
    return right(offset, d_model)[order][:, order]


# %% mistake="shift_matrix" name="one_speed" hint="All your blocks turn by the same angle. Pair i turns with its own speed, 10000^(−2i/d_model)." active="py"
def shift_matrix(offset, d_model, right=shift_matrix):
    right(offset, d_model)
    cos, sin = math.cos(offset), math.sin(offset)
    return torch.block_diag(*[torch.tensor([[cos, sin], [-sin, cos]])] * (d_model // 2))


# %% mistake="shift_matrix" name="odd_accepted" hint="Right for an even d_model. For an odd one the docstring asks for a ValueError." active="py"
def shift_matrix(offset, d_model, right=shift_matrix):
    return right(offset, d_model + d_model % 2)[:d_model, :d_model]


# %%
move = yours("positions.shift_matrix", positions.shift_matrix)(3, 32)
print(
    "one matrix moves every position by 3:",
    torch.allclose(table[:-3] @ move.T, table[3:], atol=1e-5),
)
products = table @ table.T  # (64, 64)
print(
    "dot products depend on the distance alone:",
    torch.allclose(products[10, 12], products[40, 42], atol=1e-4),
)

# %% [markdown]
r"""
### Added to what?

A sum is only as readable as its smaller part. `nn.Embedding` starts with a standard deviation of 1; the original Transformer multiplies the embeddings by $\sqrt{d_{model}}$. Together they drown the positions, and the first softmax is {{close to one-hot before training begins : peaks[1.0] > 0.9}}.
The factor belongs to embeddings drawn with standard deviation $1/\sqrt{d_{model}}$, as the authors' were. Watch what happens to the largest attention weight:
"""

# %%
d, n_tokens = 512, 50
ids = torch.randint(1000, (n_tokens,), generator=torch.Generator().manual_seed(1))
places = positions.sinusoidal(n_tokens, d)
peaks = {}
for name, std in (("nn.Embedding's default, std 1", 1.0), ("std 1/√d_model", d**-0.5)):
    embedding = torch.randn(1000, d, generator=torch.Generator().manual_seed(0)) * std
    scaled = embedding[ids] * math.sqrt(d)
    torch.manual_seed(0)
    layer = attention.MultiHeadAttention(d, 8)
    peaks[std] = layer((scaled + places)[None])[1].amax(-1).mean().item()
    print(f"{name:31} tokens' std {scaled.std():5.2f}, positions' {places.std():.2f},", end=" ")
    print(f"largest weight of a row {peaks[std]:.2f}")

# %% [markdown]
r"""
## 4 · Turn the queries and keys

What attention needs to know is mostly *how far apart* two tokens are. ***Rotary position embedding*** (***RoPE***, Su et al. 2021) builds that in: nothing is added to the tokens, but each query and key is **rotated** by an angle proportional to its position. Pair $i$ of the features turns by $t\,\omega_i$ with $\omega_i = \theta^{-2i/D}$ and $\theta = 10000$:

$$\begin{pmatrix} a' \\ b' \end{pmatrix} = \begin{pmatrix} \cos t\omega_i & -\sin t\omega_i \\ \sin t\omega_i & \cos t\omega_i \end{pmatrix} \begin{pmatrix} a \\ b \end{pmatrix}, \qquad \text{in short } q' = R_t\,q .$$
"""

# %% [markdown]
r"""
Two rotations in one product leave their difference, because $R_t^\top R_s = R_{s-t}$:

$$(R_t\,q) \cdot (R_s\,k) = q^\top R_t^\top R_s\, k = q^\top R_{s-t}\, k .$$

The score depends on the contents and on $s - t$: a ***relative position***, by construction. Lengths do not change, and the values are left alone.
"""

# %% [markdown]
r"""
**Which features make a pair?** The paper takes $(2i, 2i + 1)$, and so do Llama's weights as Meta publishes them. The `transformers` library takes $(i,\ i + D/2)$, “rotate half”, and permutes the weights when it converts them. Both are the same up to a permutation of the features, and mixing them up gives a model that speaks nonsense. This course takes $(i,\ i + D/2)$.

By hand, $D = 2$: $(1, 0)$ at position 1 becomes $(\cos 1, \sin 1) = ({{0.540 = rope(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))[0, 0]}},\ {{0.841 = rope(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))[0, 1]}})$.

### Exercise · rope

Compute the angles in float32 even if `x` is not: bfloat16 has 8 significant bits, so the position 257 {{does not exist : torch.tensor(257.0).bfloat16().item() != 257}} in it. Return the dtype that came.
"""


# %% exercise="rope" points=3 withheld="course_lib.positions.rope"
def rope(x: Tensor, positions: Tensor, theta: float = 10000.0) -> Tensor:
    """Rotate queries or keys by angles proportional to their positions.

    x          (..., T, D) queries or keys
    positions  (T,) where each of them is; need not begin at 0
    theta      the base: pair i turns by position · theta^(−2i/D) radians
    returns    (..., T, D) in the dtype of x. Pair i is made of the features a = x[..., i] and b = x[..., i + D/2];
               it becomes (a·cos − b·sin, b·cos + a·sin). Gradients flow to x

    Raises ValueError when D is odd.

    Example: x = [[1, 0], [1, 0]] at positions [0, 1] gives [[1, 0], [0.5403, 0.8415]].
    """
    ### BEGIN SOLUTION
    d_head = x.size(-1)
    if d_head % 2:
        raise ValueError(f"the last dimension of x must be even, got {d_head}")
    speeds = theta ** (-torch.arange(0, d_head, 2, device=x.device) / d_head)  # (D/2,)
    angles = positions[:, None].float() * speeds  # (T, D/2)
    cos, sin = angles.cos(), angles.sin()
    a, b = x.float().chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1).to(x.dtype)
    ### END SOLUTION


# %% [markdown] hints="rope"
r"""
1. The angles are a table (T, D/2): positions times what? Which features of x are the a's, which the b's?
2. `x.chunk(2, dim=-1)` gives both halves. Turn them by the formula of the docstring, all in float32, put the halves behind each other again, and go back to the dtype of x.
3. `torch.cat([a * cos - b * sin, …], dim=-1).to(…)`
"""


# %% cases="rope" active="py"
def cases(seed):
    yield Case({"x": torch.tensor([[1.0, 0.0], [1.0, 0.0]]), "positions": torch.tensor([0, 1])}, note="by hand")
    yield Case({"x": random_tensor(seed, 3, 8), "positions": torch.arange(3)}, note="from position 0")
    one = {"x": random_tensor(seed + 1, 2, 2, 1, 8), "positions": torch.tensor([7])}
    yield Case(one, note="one token after seven cached ones")
    where = random_integers(seed, 0, 500, 4)
    yield Case({"x": random_tensor(seed + 2, 2, 3, 4, 6), "positions": where}, note="anywhere")
    base = {"x": random_tensor(seed + 3, 2, 8), "positions": torch.tensor([3, 90]), "theta": 500.0}
    yield Case(base, note="another base")
    yield Case({"x": random_tensor(seed + 5, 2, 3), "positions": torch.arange(2)}, note="an odd number of features")
    base = {"x": random_tensor(seed + 6, 2, 5, 4), "positions": where[:1] + 3 * torch.arange(5)}
    yield Case(base | {"theta": 20.0 + seed % 1000}, note="another base, every third position")
    yield Case(base | {"ask": "gradient"}, note="gradient")
    for half in (torch.float16, torch.bfloat16):
        x = random_tensor(seed + 4, 2, 8).to(half)
        note = f"{str(half).removeprefix('torch.')}, far out"
        yield Case({"x": x, "positions": torch.tensor([2049, 5001]), "ask": "dtype"}, note=note)


# %% probe="rope" active="py"
def probe(student, case):
    inputs = {name: value for name, value in case.items() if name != "ask"}
    if case.get("ask") != "gradient":
        turned = student(**inputs)
        return {"turned": turned, "dtype": str(turned.dtype)} if "ask" in case else turned
    x = case["x"].clone().requires_grad_()
    turned = student(**inputs | {"x": x})
    if turned.requires_grad:
        (turned * torch.tensor([1.0, 2.0, 3.0, 5.0])).sum().backward()
    return {"gradient of x": x.grad}


# %% equivalents="rope" active="py"
equivalents = {
    "positions[:, None].float() → positions[:, None]": "integers times the float32 speeds are float32",
    "x.float() → x": "half precision times the float32 tables is float32",
}


# %% mistake="rope" name="backwards" hint="You turned the other way. The minus goes with b: a·cos − b·sin, then b·cos + a·sin." active="py"
def rope(x, positions, theta=10000.0, right=rope):
    return right(x, -positions, theta)


# %% mistake="rope" name="neighbours_paired" hint="You paired the features 2i and 2i + 1, as the paper does. Here a pair is i and i + D/2." active="py"
def rope(x, positions, theta=10000.0, right=rope):
    half = x.size(-1) // 2
    order = torch.cat([torch.arange(0, x.size(-1), 2), torch.arange(1, x.size(-1), 2)])
    turned = right(x[..., order], positions, theta)
    return torch.stack([turned[..., :half], turned[..., half:]], dim=-1).flatten(-2)


# %% mistake="rope" name="counts_from_zero" hint="You counted the positions from 0 yourself. They are given: a token that arrives with a cache does not stand at 0." active="py"
def rope(x, positions, theta=10000.0, right=rope):
    return right(x, torch.arange(x.size(-2)), theta)


# %% mistake="rope" name="wrong_exponent" hint="Your speeds fall too slowly: the exponent is −2i/D, not −i/D. The slowest pair turns by almost 1/theta." active="py"
def rope(x, positions, theta=10000.0, right=rope):
    return right(x, positions, theta**0.5)


# %% mistake="rope" name="low_precision" hint="Right in float32. In half precision your angles are rounded: the position 2049 became 2048. Compute the angles in float32 and convert the result back." active="py"
def rope(x, positions, theta=10000.0, right=rope):
    return right(x, positions.to(x.dtype), theta)


# %% mistake="rope" name="dtype_changed" hint="The numbers are right, and they came back in float32. Return them in the dtype of x." active="py"
def rope(x, positions, theta=10000.0, right=rope):
    return right(x.float(), positions, theta)


# %%
turn = yours("positions.rope", positions.rope)
generator = torch.Generator().manual_seed(0)
q, k = torch.randn(2, 1, 64, generator=generator)  # one query, one key
for start in (0, 100, 1000):
    places = torch.tensor([start + 5]), torch.tensor([start])
    score = (turn(q, places[0]) @ turn(k, places[1]).T).item()
    print(f"query at {start + 5:4}, key at {start:4}: score {score:.3f}")
widgets.rotation_explorer()

# %% [markdown]
r"""
### Does the score fall with distance?

“Rotary scores decay with distance” is on many cards. What the paper proves is that an *upper bound*, averaged over frequencies, decays. For a fixed query and key the score is a sum of cosines of the distance, which
{{goes up and down : 50 < (scores.diff() > 0).sum() < 250}}, and a head can learn to prefer any distance: turn its keys by {{50 = ahead.argmax()}} places in advance.
"""

# %%
same_vector = torch.ones(1, 32)
queries, key = (
    turn(same_vector.expand(300, 32), torch.arange(300)),
    turn(same_vector, torch.tensor([0])),
)
scores = (queries @ key.T)[:, 0]  # (300,) at distances 0 … 299
rises = (scores.diff() > 0).sum().item()
print(f"two equal vectors: of 299 steps further away, the score rises at {rises}")
ahead = (queries @ turn(same_vector, torch.tensor([50])).T)[:, 0]
print("with the key turned ahead by 50, the best distance is", ahead.argmax().item())
widgets.rope_distance_explorer()

# %% [markdown]
r"""
## 5 · A price on distance

The third place is the score itself. Attention takes an additive **bias** $b$, one number per head, query and key:

$$\text{score}_{h,t,s} = \frac{q_t \cdot k_s}{\sqrt{D}} + b_{h,t,s} .$$

### ALiBi

*Attention with linear biases* (***ALiBi***, Press et al. 2022) learns nothing. Looking further back costs more, and each head has its own price $m_h$, its slope:

$$b_{h,t,s} = -m_h\,|t - s|, \qquad m_h = 2^{-8h/H}, \quad h = 1, \dots, H .$$

With $H = 8$ heads the slopes are $\frac12, \frac14, \dots, {{\frac1{256} : alibi_slopes(8).tolist() == [2**-h for h in range(1, 9)]}}$: some heads see a few words, others most of the text. Mind the sign. With $t$ the query and $s$ an earlier key, $t - s$ is *positive*; printed with a plus, as in some notes, the bias would send every look to the oldest token.
"""

# %% [markdown]
r"""
If $H$ is not a power of two, the authors take the slopes of the next lower power $P$, and then every other slope of $2P$ heads (the first, the third, …) until there are $H$. For $H = 6$: $P = 4$ gives $2^{-2}, 2^{-4}, 2^{-6}, 2^{-8}$, and of 8 heads the first and the third, {{$2^{-1}$ and $2^{-3}$ :
alibi_slopes(6).tolist() == [2**-h for h in (2, 4, 6, 8, 1, 3)]}}.

### Exercise · alibi_slopes
"""


# %% exercise="alibi_slopes" points=1 withheld="course_lib.positions.alibi_slopes"
def alibi_slopes(n_heads: int) -> Tensor:
    """Return the slope of every head.

    n_heads  H, at least 1
    returns  (H,) float32. With H a power of two: 2^(−8h/H) for h = 1 … H. Otherwise those of the next lower power of
             two P, followed by the 1st, 3rd, 5th, … slope of 2P heads

    Example: alibi_slopes(4) is [0.25, 0.0625, 0.015625, 0.00390625]; alibi_slopes(3) is [0.0625, 0.00390625, 0.25].
    """
    ### BEGIN SOLUTION
    power = 2 ** int(math.log2(n_heads))
    slopes = [2 ** (-8 * h / power) for h in range(1, power + 1)]
    between = [2 ** (-8 * h / (2 * power)) for h in range(1, 2 * power, 2)]
    return torch.tensor(slopes + between[: n_heads - power])
    ### END SOLUTION


# %% [markdown] hints="alibi_slopes"
r"""
1. First solve it for powers of two; from where does h count? Then: which power of two is the largest that does not exceed `n_heads`?
2. The slopes of P heads, and behind them as many as are missing, from the slopes of 2P heads: those with odd h.
3. `between = [2 ** (-8 * h / (2 * power)) for h in range(1, …, 2)]`: how many of them are needed?
"""


# %% cases="alibi_slopes" active="py"
def cases(seed):
    for n_heads in (1, 2, 8, 3, 6, 7):
        yield Case({"n_heads": n_heads}, note=f"{n_heads} heads")
    yield Case({"n_heads": 16 << seed % 3}, note="another power of two")
    yield Case({"n_heads": 9 + seed % 7}, note="no power of two")
    yield Case({"n_heads": 17 + seed % 47}, note="many heads")


# %% equivalents="alibi_slopes" active="py"
equivalents = {
    "2 * power → 3 * power": "there are more slopes between than needed, and the list is cut",
}


# %% mistake="alibi_slopes" name="from_zero" hint="Your first head has the slope 1: you counted h from 0. It runs from 1 to H." active="py"
def alibi_slopes(n_heads, right=alibi_slopes):
    power = 2 ** int(math.log2(n_heads))
    slopes = [2 ** (-8 * h / power) for h in range(power)]
    return torch.cat([torch.tensor(slopes), right(n_heads)[power:]])


# %% mistake="alibi_slopes" name="not_interpolated" hint="Right for powers of two. For other numbers of heads you used 2^(−8h/H) all the same; read the rule in the docstring." active="py"
def alibi_slopes(n_heads):
    return torch.tensor([2 ** (-8 * h / n_heads) for h in range(1, n_heads + 1)])


# %% mistake="alibi_slopes" name="first_of_the_double" hint="You took the first slopes of 2P heads. Every other one, the 1st, 3rd, 5th, …, lies between those that are there already." active="py"
def alibi_slopes(n_heads, right=alibi_slopes):
    power = 2 ** int(math.log2(n_heads))
    return torch.cat([right(power), right(2 * power)[: n_heads - power]])


# %% mistake="alibi_slopes" name="halving" hint="You halved from head to head whatever H is. That is the rule for 8 heads; in general the exponent is −8h/H." active="py"
def alibi_slopes(n_heads):
    return torch.tensor([2.0**-h for h in range(1, n_heads + 1)])


# %% [markdown]
r"""
### Exercise · alibi_bias

By hand, 8 heads, the last of three tokens, head 1 (slope $\frac12$): the keys are 2, 1 and 0 away, so the bias is $({{-1,\ -\frac12,\ 0 : alibi_bias(8, 1, 3)[0].tolist() == [[-1, -0.5, 0]]}})$.

When text is generated with a cache there are fewer queries than keys: the queries are the **last** $T$ of the $S$ positions.
"""


# %% exercise="alibi_bias" points=2 withheld="course_lib.positions.alibi_bias" needs="alibi_slopes"
def alibi_bias(n_heads: int, n_queries: int, n_keys: int) -> Tensor:
    """Return what ALiBi adds to the scores.

    n_heads    H; the slopes are those of `alibi_slopes`
    n_queries  T, the last T of the S positions
    n_keys     S, at least T
    returns    (H, T, S) float32: −slope · |distance between query and key|

    Raises ValueError when there are fewer keys than queries.

    Example: alibi_bias(8, 1, 3)[0] is [[−1, −0.5, 0]].
    """
    ### BEGIN SOLUTION
    if n_keys < n_queries:
        raise ValueError(f"n_keys must be at least n_queries = {n_queries}, got {n_keys}")
    where_keys = torch.arange(n_keys)
    where_queries = torch.arange(n_keys - n_queries, n_keys)
    distance = (where_queries[:, None] - where_keys).abs()  # (T, S)
    return -alibi_slopes(n_heads)[:, None, None] * distance
    ### END SOLUTION


# %% [markdown] hints="alibi_bias"
r"""
1. Write down the positions of the keys, 0 … S − 1, and of the queries, the last T of them. What is a table (T, S) of their distances?
2. The distance has no sign. Slopes (H) times distances (T, S) broadcast to (H, T, S) when the slopes get two more dimensions. Farther is *lower*.
3. `distance = (where_queries[:, None] - where_keys).abs()`
"""


# %% cases="alibi_bias" active="py"
def cases(seed):
    yield Case({"n_heads": 8, "n_queries": 1, "n_keys": 3}, note="the example by hand")
    yield Case({"n_heads": 2, "n_queries": 3, "n_keys": 3}, note="as many queries as keys")
    yield Case({"n_heads": 4, "n_queries": 2, "n_keys": 5}, note="two queries after three cached keys")
    yield Case({"n_heads": 1 + seed % 12, "n_queries": 2 + seed % 5, "n_keys": 8 + seed % 31}, note="another size")
    yield Case({"n_heads": 2, "n_queries": 3, "n_keys": 2}, note="fewer keys than queries")
    size = int(random_integers(seed, 2, 9, 1))
    yield Case({"n_heads": 5 + seed % 3, "n_queries": size, "n_keys": size}, note="another number of heads")
    yield Case({"n_heads": 3, "n_queries": 1, "n_keys": size + 3}, note="one query after many keys")


# %% equivalents="alibi_bias" active="py"
equivalents = {
    "where_queries[:, None] - where_keys → where_keys - where_queries[:, None]": "a distance has no sign",
}


# %% mistake="alibi_bias" name="sign" hint="Your bias grows with the distance, so every look goes to the oldest token. Distance is a cost: minus the slope times the distance." active="py"
def alibi_bias(n_heads, n_queries, n_keys, right=alibi_bias):
    return -right(n_heads, n_queries, n_keys)


# %% mistake="alibi_bias" name="queries_first" hint="You put the queries at the beginning. With a cache they are the last T of the S positions; the newest token sees itself at distance 0." active="py"
def alibi_bias(n_heads, n_queries, n_keys, right=alibi_bias):
    return right(n_heads, n_keys, n_keys)[:, :n_queries]


# %% mistake="alibi_bias" name="later_keys_rewarded" hint="For keys after the query your bias is positive. Under a causal mask nobody would notice; the docstring asks for the absolute distance, so that an encoder can use it too." active="py"
def alibi_bias(n_heads, n_queries, n_keys, right=alibi_bias):
    bias = right(n_heads, n_queries, n_keys)
    later = torch.arange(n_keys) > torch.arange(n_keys - n_queries, n_keys)[:, None]
    return torch.where(later, -bias, bias)


# %% mistake="alibi_bias" name="one_slope" hint="All your heads have the same slope. Head h has its own: slopes[:, None, None] times the distances." active="py"
def alibi_bias(n_heads, n_queries, n_keys, right=alibi_bias):
    return right(n_heads, n_queries, n_keys)[:1].repeat(n_heads, 1, 1)


# %% mistake="alibi_bias" name="fewer_keys_accepted" hint="Right where it makes sense. With fewer keys than queries the docstring asks for a ValueError." active="py"
def alibi_bias(n_heads, n_queries, n_keys):
    distance = (torch.arange(n_keys - n_queries, n_keys)[:, None] - torch.arange(n_keys)).abs()
    return -alibi_slopes(n_heads)[:, None, None] * distance


# %% [markdown]
r"""
### Question · alibi_share · optional

A head with slope $\frac12$ sees three tokens whose dot products with its query are all equal. With ALiBi, how much weight does the token itself (distance 0) get? Three decimals.
"""

# %% exercise="alibi_share" points=1 optional=true kind="number"
### BEGIN SOLUTION
alibi_share = 0.506
### END SOLUTION

# %% mistake="alibi_share" name="uniform" hint="That is the weight without a bias. Take the softmax of 0, −1/2 and −1." active="py"
alibi_share = 0.333

# %% mistake="alibi_share" name="oldest" hint="That is the weight of the oldest of the three. The token itself has the bias 0, the highest." active="py"
alibi_share = 0.186

# %% [markdown]
r"""
### T5's buckets · optional

T5 (Raffel et al. 2020) learns the price instead, a ***relative position bias***: one number per head and **bucket** of relative positions. Near distances have a bucket each; far ones share, wider and wider, since {{70 or 75 words back : relative_buckets(torch.tensor(-70)) == relative_buckets(torch.tensor(-75))}} makes little difference.

With $n$ buckets for one direction, the first $e = n/2$ hold the distances $0, 1, \dots, e - 1$. A distance $r \ge e$ falls into

$$e + \Bigl\lfloor \frac{\ln(r / e)}{\ln(r_{max} / e)} \,(n - e) \Bigr\rfloor, \qquad \text{at most } n - 1,$$

with $r_{max} = 128$. An encoder looks both ways: half of its 32 buckets are for keys before (and at) the query, the other half, numbered 16 higher, for keys after it. A decoder gives all 32 to the past.
"""

# %% [markdown]
r"""
By hand, both ways, so $n = 16$ and $e = 8$. Seven back: bucket {{7 = relative_buckets(torch.tensor(-7))}}. Twenty back: $8 + \lfloor \ln(2.5)/\ln(16) \cdot 8 \rfloor = 8 + \lfloor {{2.64 = math.log(2.5) / math.log(16) * 8}} \rfloor = {{10 = relative_buckets(torch.tensor(-20))}}$.
One *ahead*: $16 + 1 = {{17 = relative_buckets(torch.tensor(1))}}$.

### Exercise · relative_buckets · optional
"""


# %% exercise="relative_buckets" points=3 optional=true parts={"one_direction":2,"both_directions":1} withheld="course_lib.positions.relative_buckets course_lib.positions.RelativePositionBias"
def relative_buckets(
    relative: Tensor, n_buckets: int = 32, max_distance: int = 128, bidirectional: bool = True
) -> Tensor:
    """Sort relative positions into T5's buckets.

    relative       any shape, int64: position of the key minus position of the query; negative = the key is earlier
    n_buckets      buckets in all; bidirectional: half of them for later keys (relative > 0), numbered n_buckets/2 higher
    max_distance   r_max; distances from here on fall into the last bucket of their direction
    bidirectional  False: all buckets are for the past, and later keys count as distance 0
    returns        same shape, int64: exact buckets for distances below e, half of a direction's buckets, and
                   e + ⌊ln(r/e) / ln(r_max/e) · (n − e)⌋, at most n − 1, from there on

    Example: [0, −1, −7, −8, −20, −500, 1] with the defaults gives [0, 1, 7, 8, 10, 15, 17].
    """
    ### BEGIN SOLUTION
    n = n_buckets // 2 if bidirectional else n_buckets
    distance = relative.abs() if bidirectional else (-relative).clamp(min=0)
    exact = n // 2
    growth = torch.log(distance.clamp(min=1) / exact) / math.log(max_distance / exact)
    far = (exact + (growth * (n - exact)).long()).clamp(max=n - 1)
    bucket = torch.where(distance < exact, distance, far)
    return bucket + n * (relative > 0) if bidirectional else bucket
    ### END SOLUTION


# %% [markdown] hints="relative_buckets"
r"""
1. Settle one direction first: how does `relative` become a distance that is never negative, and how many buckets does one direction have?
2. Compute both candidates for all entries, the exact bucket and the logarithmic one, and choose with `torch.where`. Keep 0 out of the logarithm; cut at the last bucket; later keys are numbered higher.
3. `far = (exact + (growth * (n - exact)).long()).clamp(max=…)`: what is `growth`?
"""


# %% cases="relative_buckets" active="py"
def cases(seed):
    def past(values, note, part="one_direction", **options):
        return Case({"relative": torch.tensor(values), **options}, note=note, part=part)

    def some(seed, low, high, n, reach, *shape):
        """Random relative positions, none near a border of buckets, where rounding decides."""
        relative = random_integers(seed, low, high, *shape)
        place = (relative.abs().clamp(min=1) / (n // 2)).log() / math.log(reach / (n // 2)) * (n - n // 2)
        return torch.where((place - place.round()).abs() < 1e-3, 0, relative).tolist()

    yield past([0, -1, -15], "near and past", bidirectional=False)
    yield past([-17, -20, -50, -67, -76, -127, -128, -5000], "far and past", bidirectional=False)
    yield past([0, 1, 40], "later keys in a decoder", bidirectional=False)
    yield past([-3, -5, -11, -31], "few buckets", bidirectional=False, n_buckets=8, max_distance=20)
    yield past([0, -1, -2, -9], "three buckets", bidirectional=False, n_buckets=3, max_distance=3)
    yield past(some(seed, -300, 1, 32, 128, 4, 6), "a table", bidirectional=False)
    options = {"n_buckets": 12 + 4 * (seed % 5), "max_distance": 40 + seed % 60}
    table = some(seed + 2, -150, 20, options["n_buckets"], options["max_distance"], 2, 3, 5)
    yield past(table, "other sizes", bidirectional=False, **options)
    both = "both_directions"
    yield past([0, -1, -7, -8, -20, -500, 1], "the example", part=both)
    yield past(some(seed + 1, -300, 301, 16, 128, 4, 6), "a table, both ways", part=both)
    yield past(some(seed + 3, -9, 10, 16, 128, 30), "near, both ways", part=both)
    table = some(seed + 4, -150, 151, options["n_buckets"] // 2, options["max_distance"], 3, 8)
    yield past(table, "other sizes, both ways", part=both, **options)
    yield past(3 + seed % 5, "a single number", part=both)


# %% equivalents="relative_buckets" active="py"
equivalents = {
    "distance.clamp(min=1) → distance": "the bucket of so near a distance is the exact one, not this",
    "min=1 → min=0": "the bucket of so near a distance is the exact one, not this",
    "distance < exact → distance <= exact": "both rules give the distance e the bucket e",
    "return bucket + n * (relative > 0) if bidirectional else bucket → return in_float32(bucket + n * (relative > 0) if bidirectional else bucket)": "buckets are integers, which it leaves alone",
}


# %% mistake="relative_buckets" name="sign" hint="Your directions are exchanged: relative is key minus query, so a negative number is a key in the past." active="py"
def relative_buckets(relative, n_buckets=32, max_distance=128, bidirectional=True, right=relative_buckets):
    return right(-relative, n_buckets, max_distance, bidirectional)


# %% mistake="relative_buckets" name="linear" hint="Near distances are right; far ones must grow with the logarithm, not linearly." active="py"
def relative_buckets(relative, n_buckets=32, max_distance=128, bidirectional=True):
    n = n_buckets // 2 if bidirectional else n_buckets
    distance = relative.abs() if bidirectional else (-relative).clamp(min=0)
    exact = n // 2
    far = (exact + ((distance - exact) / (max_distance - exact) * (n - exact)).long()).clamp(max=n - 1)
    bucket = torch.where(distance < exact, distance, far)
    return bucket + n * (relative > 0) if bidirectional else bucket


# %% mistake="relative_buckets" name="not_clamped" hint="Your buckets run past the last one: a distance beyond max_distance shares the last bucket of its direction." active="py"
def relative_buckets(relative, n_buckets=32, max_distance=128, bidirectional=True):
    n = n_buckets // 2 if bidirectional else n_buckets
    distance = relative.abs() if bidirectional else (-relative).clamp(min=0)
    exact = n // 2
    growth = torch.log(distance.clamp(min=1) / exact) / math.log(max_distance / exact)
    bucket = torch.where(distance < exact, distance, exact + (growth * (n - exact)).long())
    return bucket + n * (relative > 0) if bidirectional else bucket


# %% mistake="relative_buckets" name="later_keys_as_past" hint="In a decoder you gave later keys the bucket of their distance. They count as distance 0, bucket 0; a mask hides them anyway." active="py"
def relative_buckets(relative, n_buckets=32, max_distance=128, bidirectional=True, right=relative_buckets):
    return right(relative if bidirectional else -relative.abs(), n_buckets, max_distance, bidirectional)


# %% mistake="relative_buckets" name="all_buckets_each_way" hint="Right in one direction. Looking both ways, each direction has half of the buckets, and half of those are exact." active="py"
def relative_buckets(relative, n_buckets=32, max_distance=128, bidirectional=True, right=relative_buckets):
    if not bidirectional:
        return right(relative, n_buckets, max_distance, False)
    return right(-relative.abs(), n_buckets, max_distance, False) + n_buckets // 2 * (relative > 0)


# %% [markdown]
r"""
### Three prices side by side

What ALiBi and T5 add to the scores of 24 tokens. (T5's numbers are learned; here they are drawn at random, to show which pairs share one.)
"""

# %%
slopes_bias = yours("positions.alibi_bias", positions.alibi_bias)(8, 24, 24)
learned = positions.RelativePositionBias(8, n_buckets=8, max_distance=20, bidirectional=False)
nn.init.normal_(learned.weight, generator=torch.Generator().manual_seed(0))
maps = {
    "ALiBi, head 1": slopes_bias[0],
    "ALiBi, head 4": slopes_bias[3],
    "T5, one head": learned(24)[0].detach(),
}
show(
    figures.bias_maps(maps, "A price on distance: by a rule, or learned"),
    alt="ALiBi's bias falls away from the diagonal, T5's changes in steps that grow wider.",
)

# %%
widgets.alibi_explorer()

# %% [markdown]
r"""
## 6 · A window is no position · optional

***Sliding-window attention*** lets every query see the last $w$ keys only. Tables of “position encodings” sometimes list it. It says **which** keys are seen, not **where** they stand: inside its window a single layer is {{as blind to order as before : not notices}}. Its use is the price: $T \cdot w$ scores instead of $T^2$.

By hand, $w = 2$: token 2 sees the tokens {{1 and 2 : local_window_mask(3, 3, 2)[2].tolist() == [False, True, True]}}.

### Exercise · local_window_mask · optional
"""


# %% exercise="local_window_mask" points=1 optional=true withheld="course_lib.positions.local_window_mask"
def local_window_mask(n_queries: int, n_keys: int, window: int) -> Tensor:
    """Return the causal mask under which every query sees the last keys up to itself.

    n_queries  T, the last T of the S positions
    n_keys     S, at least T
    window     w, keys that a query sees, itself included; at least 1
    returns    (T, S) boolean, True = may attend

    Raises ValueError for a window below 1.

    Example: local_window_mask(3, 3, 2) is [[True, False, False], [True, True, False], [False, True, True]].
    """
    ### BEGIN SOLUTION
    if window < 1:
        raise ValueError(f"window must be at least 1, got {window}")
    back = torch.arange(n_keys - n_queries, n_keys)[:, None] - torch.arange(n_keys)  # how far back each key is
    return (back >= 0) & (back < window)
    ### END SOLUTION


# %% [markdown] hints="local_window_mask"
r"""
1. Make the table (T, S) of how far back each key is from each query. Which of its values may be seen?
2. A key may be seen if it is not in the future, and not further back than the window reaches; the query itself counts as one.
3. `back = where_queries[:, None] - where_keys`; two comparisons, joined by `&`
"""


# %% cases="local_window_mask" active="py"
def cases(seed):
    yield Case({"n_queries": 3, "n_keys": 3, "window": 2}, note="the example")
    yield Case({"n_queries": 3, "n_keys": 3, "window": 1}, note="only itself")
    yield Case({"n_queries": 1, "n_keys": 5, "window": 3}, note="one query after four cached keys")
    yield Case({"n_queries": 3, "n_keys": 4, "window": 9}, note="a window wider than the text")
    yield Case({"n_queries": 3 + seed % 7, "n_keys": 11 + seed % 13, "window": 2 + seed % 5}, note="another size")
    yield Case({"n_queries": 2, "n_keys": 2, "window": 0}, note="no window")
    size = int(random_integers(seed, 4, 9, 1))
    yield Case({"n_queries": size, "n_keys": size, "window": 3 + seed % 2}, note="as many queries as keys")
    yield Case({"n_queries": 2, "n_keys": 9 + seed % 4, "window": size}, note="two queries after many keys")


# %% mistake="local_window_mask" name="one_too_many" hint="Your queries see window + 1 keys. The window includes the query's own position." active="py"
def local_window_mask(n_queries, n_keys, window, right=local_window_mask):
    right(n_queries, n_keys, window)
    return right(n_queries, n_keys, window + 1)


# %% mistake="local_window_mask" name="both_sides" hint="Your window reaches into the future. It ends at the query itself." active="py"
def local_window_mask(n_queries, n_keys, window, right=local_window_mask):
    right(n_queries, n_keys, window)
    back = torch.arange(n_keys - n_queries, n_keys)[:, None] - torch.arange(n_keys)
    return back.abs() < window


# %% mistake="local_window_mask" name="inverted" hint="Your mask is True where nothing may be seen. In this course True = may attend." active="py"
def local_window_mask(n_queries, n_keys, window, right=local_window_mask):
    return ~right(n_queries, n_keys, window)


# %% mistake="local_window_mask" name="queries_first" hint="With a cache your queries stand at the beginning. They are the last T of the S positions." active="py"
def local_window_mask(n_queries, n_keys, window, right=local_window_mask):
    return right(n_keys, n_keys, window)[:n_queries]


# %% mistake="local_window_mask" name="empty_window_accepted" hint="Right for real windows. For a window below 1 the docstring asks for a ValueError: nobody would see anything." active="py"
def local_window_mask(n_queries, n_keys, window):
    back = torch.arange(n_keys - n_queries, n_keys)[:, None] - torch.arange(n_keys)
    return (back >= 0) & (back < window)


# %%
near = yours("positions.local_window_mask", positions.local_window_mask)(5, 5, 3)
x = torch.randn(5, 8, generator=torch.Generator().manual_seed(2))
exchanged = x[[0, 1, 3, 2, 4]]  # the last token's two neighbours change places
notices = not same(attend(x, near)[-1], attend(exchanged, near)[-1])
print("the last token notices:", notices)

# %% [markdown]
r"""
### A few layers that see everything · optional

With windows alone nothing far away is ever looked at directly. So large models mix: Gemma 3 (2025) repeats five layers with a window of 1,024 tokens and one ***global layer*** that sees all. What is saved is the cache: a local layer need not keep what it will never look at again.

By hand: six layers, every third is global, $w = 2$, a text of 10 tokens. Four local layers keep 2 tokens each, two global ones 10: {{28 = mixed_windows(6, 3, 2, 10)[1]}} keys in place of 60. For 48 layers in Gemma's pattern and 131,072 tokens it is {{17 % = gemma_kept / (48 * 131_072)}}.

### Exercise · mixed_windows · optional

Layers count from 0. With `every` = 6 the layers 5, 11, 17, … are global.
"""


# %% exercise="mixed_windows" points=2 optional=true parts={"masks":1,"cache":1} needs="local_window_mask" withheld="course_lib.positions.local_window_mask"
def mixed_windows(n_layers: int, every: int, window: int, n_tokens: int) -> tuple[Tensor, int]:
    """The causal masks of a model that mixes local and global layers, and how much its cache holds.

    n_layers  L
    every     each layer whose number + 1 is a multiple of it is global; 1: all are
    window    w, keys that a query of a local layer sees, itself included; at least 1
    n_tokens  T, tokens of the text, at least 1
    returns   masks (L, T, T) boolean, True = may attend; and the number of tokens whose keys and values are kept, added
              up over all layers: those that the last token sees
    """
    ### BEGIN SOLUTION
    back = torch.arange(n_tokens)[:, None] - torch.arange(n_tokens)
    everything = back >= 0
    local = everything & (back < window)
    masks = torch.stack([local if (layer + 1) % every else everything for layer in range(n_layers)])
    return masks, int(masks[:, -1].sum())
    ### END SOLUTION


# %% [markdown] hints="mixed_windows"
r"""
1. How many different masks are there, and which of the layers 0 … 5 are global with `every` = 3?
2. Make the local and the global mask once, choose one for each layer, stack. A layer must keep the keys that its last query sees.
3. `(layer + 1) % every == 0` says that a layer is global; `masks[:, -1]` holds what the last token sees.
"""


# %% cases="mixed_windows" active="py"
def cases(seed):
    for part in ("masks", "cache"):
        example = {"n_layers": 3, "every": 3, "window": 2, "n_tokens": 3}
        yield Case(example | {"ask": part}, note="three layers, the last one global", part=part)
        yield Case(example | {"n_tokens": 1, "ask": part}, note="one token", part=part)
        yield Case(example | {"every": 1, "n_tokens": 5, "ask": part}, note="all global", part=part)
        yield Case(example | {"every": 4, "n_tokens": 5, "ask": part}, note="none global", part=part)
        yield Case(
            example | {"n_layers": 7, "every": 2, "window": 9, "n_tokens": 4, "ask": part},
            note="a wide window",
            part=part,
        )
        sizes = {"n_layers": 5 + seed % 7, "every": 2 + seed % 3, "window": 2 + seed % 4, "n_tokens": 8 + seed % 5}
        yield Case(sizes | {"ask": part}, note="another size", part=part)


# %% probe="mixed_windows" active="py"
def probe(student, case):
    masks, kept = student(case["n_layers"], case["every"], case["window"], case["n_tokens"])
    return masks if case["ask"] == "masks" else kept


# %% equivalents="mixed_windows" active="py"
equivalents = {
    "int(masks[:, -1].sum()) → masks[:, -1].sum()": "one whole number, as an int or in a tensor",
}


# %% mistake="mixed_windows" name="first_is_global" hint="Your layers 0, every, 2 · every … are global. With every = 6 the first global layer is layer 5, after five local ones." active="py"
def mixed_windows(n_layers, every, window, n_tokens, right=mixed_windows):
    masks = right(n_layers + every - 1, every, window, n_tokens)[0][every - 1 :]
    return masks, int(masks[:, -1].sum())


# %% mistake="mixed_windows" name="swapped" hint="Your local layers are those that should be global, and the other way round." active="py"
def mixed_windows(n_layers, every, window, n_tokens, right=mixed_windows):
    both = right(1, 2, window, n_tokens)[0][0], right(1, 1, window, n_tokens)[0][0]
    masks = torch.stack([both[bool((layer + 1) % every)] for layer in range(n_layers)])
    return masks, int(masks[:, -1].sum())


# %% mistake="mixed_windows" name="not_causal" hint="Your global layers see the future. Global means all keys up to the query itself." active="py"
def mixed_windows(n_layers, every, window, n_tokens, right=mixed_windows):
    masks, kept = right(n_layers, every, window, n_tokens)
    masks[every - 1 :: every] = True
    return masks, kept


# %% mistake="mixed_windows" name="all_kept" hint="The masks are right. A local layer keeps min(w, T) tokens, not all T: what its window has left behind is never looked at again." active="py"
def mixed_windows(n_layers, every, window, n_tokens, right=mixed_windows):
    return right(n_layers, every, window, n_tokens)[0], n_layers * n_tokens


# %% mistake="mixed_windows" name="short_text" hint="Right for long texts. Where the text is shorter than the window, a local layer keeps T tokens, not w." active="py"
def mixed_windows(n_layers, every, window, n_tokens, right=mixed_windows):
    n_global = n_layers // every
    return right(n_layers, every, window, n_tokens)[0], n_global * n_tokens + (n_layers - n_global) * window


# %%
gemma_kept = 8 * 131_072 + 40 * 1_024  # 48 layers: every sixth is global
for n in (1_024, 8_192, 32_768, 131_072):
    kept = 8 * n + 40 * min(n, 1_024)
    print(f"{n:7,} tokens: the cache holds {kept / (48 * n):6.1%} of what 48 global layers would keep")

# %% [markdown]
r"""
## 7 · What they cost

“No memory”, say the tables, for everything without parameters. But a bias that is *written down* costs what the scores cost:
"""

# %%
n_heads, n_tokens, d_head, d_model = 32, 8192, 128, 4096
MiB = 2**20
costs = {
    "learned vectors, 8,192 rows, float16": n_tokens * d_model * 2,
    "RoPE: tables of cos and sin, float32": 2 * n_tokens * d_head // 2 * 4,
    "ALiBi: bias written down (H, T, T), float16": n_heads * n_tokens**2 * 2,
    "ALiBi: slopes alone, bias made inside the kernel": n_heads * 2,
    "T5: 32 buckets a head, float16 (plus a written bias)": 32 * n_heads * 2,
}
for name, size in costs.items():
    print(f"{name:53} {size / MiB:12,.4f} MiB")
gpt2_rows = 1024 * 768
print(f"learned positions of GPT-2 small: {gpt2_rows / 124_439_808:.2%} of its parameters")

# %% [markdown]
r"""
## 8 · Train short, test long

Which encoding works on sequences longer than any in training? The ability is called ***length extrapolation***. Popular tables call sinusoids “good” and RoPE “excellent”. A formula that is *defined* for position 200 says nothing about a network that has never seen it. So measure.

Small decoders, equal but for {{six : len(losses) == 6}} ways to tell them positions, learn the toy language from windows of {{32 = trained}} tokens, {{three : all(len(three) == 3 for three in models.values())}} of each kind with different seeds, all for as many updates. Then all read windows of {{128 = long}}. Sentences have {{nine tokens : 8.5 < language.tokens_per_sentence < 9.5}} on average, so nothing beyond the training length is needed to predict well: a model that gets worse out there is confused by the positions themselves.
"""

# %%
from course_lib.widgets.predict import predict_choice

guess = predict_choice(
    "13_positions.rope",
    "Trained on windows of 32 tokens: how does RoPE do at the positions 64 to 127?",
    {
        "a": "as well as inside the window (at most 0.1 nats worse)",
        "b": "worse than inside, but clearly better than no positions at all",
        "c": "no better than a decoder without any positions",
    },
)
guess

# %%
from course_lib import scoreboard
from course_lib.budget import budget
from course_lib.device import best_device
from course_lib.extrapolation import ENCODINGS, PositionalLM, loss_by_position
from course_lib.language_model import draw_windows, next_token_loss
from course_lib.train import Trainer
from course_lib.widgets.training import watch

device = best_device()
torch.set_num_threads(1)  # matrices this small are faster on one core
language, train_tokens = scoreboard.language(), scoreboard.training()
test_tokens, trained, long = scoreboard.held_out()[: budget(20_000, 2000)], 32, 128


# %%
def learn(encoding, seed):
    """A decoder that has read windows of 32 tokens."""
    torch.manual_seed(seed)
    model = PositionalLM(len(language.vocabulary), encoding, seq_len=trained).to(device)
    draw, steps = draw_windows(train_tokens, 16, trained), budget(full=200, short=3)
    trainer = Trainer(model, draw, next_token_loss, steps=steps, lr=0.005, seed=seed)
    for _ in watch(trainer, f"{encoding}, seed {seed}", curve=False):
        pass
    return model


models = {encoding: [learn(encoding, seed) for seed in range(3)] for encoding in ENCODINGS}


# %%
def over_the_floor(by_position):
    """Nats above the entropy rate at the positions 16–31, 32–63 and 64–127, where there are any."""
    parts = [by_position[16:32], by_position[32:64], by_position[64:]]
    return [part.mean().item() - language.entropy_rate for part in parts if len(part)]


losses, excess = {}, {}
print("nats over the floor, mean of three runs   16–31   32–63  64–127")
for encoding, three in models.items():
    longest = trained if encoding == "learned" else long  # a table of 32 rows has no row 32
    runs = [loss_by_position(model, test_tokens, longest) for model in three]
    losses[encoding] = torch.stack(runs).mean(0)
    excess[encoding] = torch.tensor([over_the_floor(run) for run in runs])  # (seeds, ranges)
    print(f"{encoding:38}", *(f"{mean:7.2f}" for mean in excess[encoding].mean(0).tolist()))
show(
    figures.extrapolation(losses, trained, language.entropy_rate),
    alt="Loss by position, mean of three runs: " + "; ".join(
        f"{name} {values[:trained].mean():.2f} inside the training window"
        + (f", {values[64:].mean():.2f} at the positions 64–127" if len(values) > trained else " and none beyond")
        for name, values in losses.items()
    ),
)  # fmt: skip

# %%
inside, outside = excess["rope"].mean(0)[[0, 2]].tolist()
without = excess["none"][:, 2].mean().item()
guess.reveal("a" if outside < inside + 0.1 else "b" if outside < without - 0.05 else "c")

# %% [markdown]
r"""
Inside the window, at the positions 16–31, what is left over the floor differs already: from {{0.35 = excess["rope"][:, 0].mean() ± 0.04}} nats with RoPE and {{0.37 = excess["alibi"][:, 0].mean() ± 0.04}} with ALiBi, {{lower than all others in every run : all((torch.maximum(excess["rope"], excess["alibi"])[:, 0] < values[:, 0]).all() for name, values in excess.items() if name not in ("rope", "alibi"))}}, to {{0.55 = excess["none"][:, 0].mean() ± 0.05}} without positions and {{0.61 = excess["learned"][:, 0].mean() ± 0.05}} with learned ones (the training was short).
"""

# %% [markdown]
r"""
Beyond the window:

- **learned** positions end; the cross marks the last one.
- **sinusoids** fail at once and by far, although the formula goes on: from {{0.48 = excess["sinusoidal"][:, 0].mean() ± 0.06}} nats over the floor to {{1.2 = excess["sinusoidal"][:, 1].mean() ± 0.3}} at the positions 32–63. The network never learned what those rows mean.
- **RoPE** loses more and more: {{0.78 = excess["rope"][:, 2].mean() ± 0.15}} nats at the positions 64–127, {{no better than no positions at all : excess["rope"][:, 2].mean() > excess["none"][:, 2].mean() - 0.03}}. “Excellent extrapolation” it is not.
- **T5's** last bucket was trained, so it degrades more gently, and still loses {{0.19 = (excess["relative"][:, 2] - excess["relative"][:, 0]).mean() ± 0.06}} nats from the positions 16–31 to 64–127. **ALiBi** loses {{0.1 = (excess["alibi"][:, 2] - excess["alibi"][:, 0]).mean() ± 0.05}} and is {{the best outside in every run : all((excess["alibi"][:, 2] < values[:, 2]).all() for name, values in excess.items() if name not in ("alibi", "learned"))}}.
- **none** at all (***NoPE***) does better beyond the window than sinusoids, {{in every run : (excess["none"][:, 1:] < excess["sinusoidal"][:, 1:]).all()}}, since the causal mask alone carries some order.

A flat line is no proof that far context is *used*. ALiBi stays nearly flat because its steep heads look at the last few words whatever the length.
"""

# %% [markdown]
r"""
### Which one, then?

| encoding | learned | work | choose it when |
|---|---|---|---|
| learned | $T \cdot d_{model}$ numbers | a sum per token, once | no text is longer than in training; it can take any shape |
| sinusoidal | nothing | a sum per token, once | as learned, with nothing to store; it cannot adapt to a task |
| RoPE | nothing | a rotation of each query and key, in every layer | there is a cache, and texts grow: rescale, train further. Offsets must be right |
| ALiBi | nothing | a sum per score | texts may be longer than in training and near context is enough: its price grows linearly, whatever the task |
| T5's buckets | 32 numbers a head | a look-up per score | the prices of distance should be learned |
| none | nothing | none | a causal mask is there, and order matters little |

Losses inside and beyond the window are those of the plot above: for this language, this size and this training.
"""

# %% [markdown]
r"""
### Can RoPE be taught to go on?

Beyond the window, queries and keys are turned against each other by angles that they never met. ***Position interpolation*** (Chen et al. 2023) divides all positions by $\text{long} / \text{trained} = {{4 = long / trained}}$, so that the long window fits into the trained angles, and then trains a little further.

A fair comparison needs the same further training without the division. So each of the three RoPE models goes on for {{50 = more}} updates on windows of {{128 = long}} tokens, once squeezed and once as it is.
"""

# %%
import copy

more, taught = budget(full=50, short=2), {}


def go_on(model, seed, stretch, train):
    """Nats over the floor with positions divided by `stretch`, or by YaRN, perhaps after training on long windows."""
    model = copy.deepcopy(model)
    if stretch == "YaRN":
        model.yarn(long / trained)
    else:
        model.stretch = stretch
    draw = draw_windows(train_tokens, 4, long)
    trainer = Trainer(model, draw, next_token_loss, steps=more, lr=0.002, seed=seed)
    if train:
        for _ in watch(trainer, f"positions / {stretch}, seed {seed}", curve=False):
            pass
    return over_the_floor(loss_by_position(model, test_tokens, long))


# %%
for stretch, train in ((1.0, False), (4.0, False), (4.0, True), (1.0, True)):
    runs = [go_on(model, seed, stretch, train) for seed, model in enumerate(models["rope"])]
    taught[stretch, train] = torch.tensor(runs)
print("nats over the floor, mean of three runs   16–31   32–63  64–127")
for (stretch, trained_on), values in taught.items():
    name = f"positions / {stretch:g}" + (f", {more} updates on long windows" if trained_on else "")
    print(f"{name:38}", *(f"{mean:7.2f}" for mean in values.mean(0).tolist()))

# %% [markdown]
r"""
Squeezing alone makes the loss {{nearly the same everywhere : abs(taught[4.0, False][:, 2] - taught[4.0, False][:, 0]).max() < 0.15}}, and {{high : taught[4.0, False].min() > 0.7}}: neighbours are now a quarter of a position apart, which the model never saw either. Trained further, it is at {{0.55 = taught[4.0, True][:, 2].mean() ± 0.07}} nats at the positions 64–127, {{better in every run : (taught[4.0, True][:, 2] < taught[1.0, False][:, 2]).all()}} than the {{0.78 = taught[1.0, False][:, 2].mean() ± 0.15}} before.

But the training alone, without any squeezing, does {{better still in every run : (taught[1.0, True] < taught[4.0, True]).all()}}: {{0.44 = taught[1.0, True][:, 2].mean() ± 0.06}}. Chen et al. extended LLaMA models to 32,768 tokens by squeezing and at most 1,000 further steps; this small experiment cannot say which way is better there. Our windows are short, and a few dozen updates suffice to learn their angles. What the experiment shows is that the *angles never met* are the trouble: whichever way the model gets to know them, the loss at the far positions falls.
"""

# %% [markdown]
r"""
### Stretch the slow pairs only · optional

Interpolation slows down *all* pairs by $s = \text{long}/\text{trained}$, the fast ones too, which tell neighbours apart and have been all the way round in training. ***YaRN*** (Peng et al. 2023) treats them by how often they turn. Pair $i$ with frequency $\omega_i = \theta^{-2i/D}$ makes $L\,\omega_i / 2\pi$ turns in a window of $L$ tokens:

- more than $\beta = 32$ turns: it stays as it is;
- fewer than $\alpha = 1$: it has never been all the way round, and larger angles would be new. It becomes $\omega_i / s$;
- in between a mixture, $\omega_i\,(1 - m_i + m_i / s)$, with $m_i$ growing evenly with $i$ from 0 to 1.

Which $i$ makes $n$ turns? Solve for it: $i(n) = D \ln\!\big(L / (2\pi n)\big) \,/\, (2 \ln \theta)$. The mixture goes from $\lfloor i(\beta) \rfloor$, at least 0, to $\lceil i(\alpha) \rceil$, at most $D - 1$.

Longer texts also spread the softmax over more keys. So queries and keys are both multiplied by $0.1 \ln s + 1$, for $s = 4$ {{1.14 = 0.1 * math.log(4) + 1}}.
"""

# %% [markdown]
r"""
### Exercise · yarn_frequencies · optional

By hand, $D = 8$, $L = 256$, $\theta = 10000$, $s = 4$: $i(32) = {{0.10 = 8 * math.log(256 / (2 * math.pi * 32)) / (2 * math.log(10000))}}$ and $i(1) = {{1.61 = 8 * math.log(256 / (2 * math.pi)) / (2 * math.log(10000))}}$, so $m = (0, \tfrac12, 1, 1)$, and the frequencies are multiplied by {{1, 0.625, 0.25, 0.25 : torch.allclose(yarn_frequencies(8, 4.0, 256)[0] / yarn_frequencies(8, 1.0, 256)[0], torch.tensor([1, 0.625, 0.25, 0.25]))}}.
"""


# %% exercise="yarn_frequencies" points=3 optional=true parts={"frequencies":2,"factor":1} withheld="course_lib.positions.yarn_frequencies"
def yarn_frequencies(
    d_head: int, factor: float, trained: int, theta: float = 10000.0, fast: float = 32.0, slow: float = 1.0
) -> tuple[Tensor, float]:
    """YaRN's frequencies of RoPE, and the number by which rotated queries and rotated keys are both multiplied.

    d_head   D, features of a head, even
    factor   s, at least 1: how many times longer than in training the texts are
    trained  L, tokens of a training window
    theta    the base: pair i turned by theta^(−2i/D) radians a position
    fast     β, turns within the training window above which a pair stays as it is
    slow     α, turns below which it is slowed down by s; less than fast
    returns  frequencies (D/2,) float32, radians a position; and 0.1 · ln s + 1

    The mixture goes from ⌊i(β)⌋, at least 0, to ⌈i(α)⌉, at most D − 1, with the i(n) above. In the cases these differ.
    """
    ### BEGIN SOLUTION
    pair_of = lambda turns: d_head * math.log(trained / (2 * math.pi * turns)) / (2 * math.log(theta))
    low, high = max(math.floor(pair_of(fast)), 0), min(math.ceil(pair_of(slow)), d_head - 1)
    pairs = torch.arange(d_head // 2)
    slowed = ((pairs - low) / (high - low)).clamp(0, 1)  # 0: as it was, 1: divided by s
    frequencies = theta ** (-2 * pairs / d_head) * (1 - slowed + slowed / factor)
    return frequencies, 0.1 * math.log(factor) + 1
    ### END SOLUTION


# %% [markdown] hints="yarn_frequencies"
r"""
1. Which pairs turn most often in the window, those with a small or a large i? At which i does the mixture begin, then?
2. Two borders from i(n), rounded outwards and kept in range; a ramp over all i that is 0 before the first border and 1 after the second; a weighted mean of ω and ω / s.
3. `slowed = ((pairs - low) / (high - low)).clamp(…)`; then `theta ** (…) * (1 - slowed + …)`
"""


# %% cases="yarn_frequencies" active="py"
def cases(seed):
    for part in ("frequencies", "factor"):
        example = {"d_head": 8, "factor": 4.0, "trained": 256, "ask": part}
        yield Case(example, note="the example by hand", part=part)
        yield Case(example | {"factor": 1.0}, note="no longer than in training", part=part)
        yield Case(example | {"d_head": 16, "trained": 32}, note="a short window, no pair turns 32 times", part=part)
        yield Case(example | {"d_head": 128, "factor": 16.0, "trained": 4096}, note="the sizes of Llama 2", part=part)
        yield Case(example | {"d_head": 64, "theta": 500000.0, "trained": 8192}, note="another base", part=part)
        yield Case(example | {"d_head": 32, "fast": 8.0, "slow": 0.5}, note="other bounds", part=part)
        yield Case(example | {"theta": 10.0, "trained": 400}, note="every pair turns more than once", part=part)
        sizes = {"d_head": 2 * (8 + seed % 40), "factor": 1.5 + seed % 7, "trained": 200 + seed % 3000, "ask": part}
        yield Case(sizes, note="another size", part=part)


# %% probe="yarn_frequencies" active="py"
def probe(student, case):
    frequencies, by = student(**{name: value for name, value in case.items() if name != "ask"})
    return frequencies if case["ask"] == "frequencies" else by


# %% equivalents="yarn_frequencies" active="py"
equivalents = {
    "d_head // 2 → d_head / 2": "D is even, and numbers of pairs may be floats",
}


# %% mistake="yarn_frequencies" name="all_slowed" hint="You divide every frequency by s. That is position interpolation; YaRN leaves alone what turns often." active="py"
def yarn_frequencies(d_head, factor, trained, theta=10000.0, fast=32.0, slow=1.0):
    return theta ** (-torch.arange(0, d_head, 2) / d_head) / factor, 0.1 * math.log(factor) + 1


# %% mistake="yarn_frequencies" name="wrong_end" hint="You slow down the fast pairs and leave the slow ones. Those that never turned once are the ones that would meet new angles." active="py"
def yarn_frequencies(d_head, factor, trained, theta=10000.0, fast=32.0, slow=1.0, right=yarn_frequencies):
    frequencies, by = right(d_head, factor, trained, theta, fast, slow)
    plain = theta ** (-torch.arange(0, d_head, 2) / d_head)
    return plain * (1 + 1 / factor) - frequencies, by


# %% mistake="yarn_frequencies" name="no_ramp" hint="Between the two borders your pairs are all slowed down in full. The share that is slowed grows evenly with i." active="py"
def yarn_frequencies(d_head, factor, trained, theta=10000.0, fast=32.0, slow=1.0, right=yarn_frequencies):
    frequencies, by = right(d_head, factor, trained, theta, fast, slow)
    plain = theta ** (-torch.arange(0, d_head, 2) / d_head)
    return torch.where(frequencies < plain * (1 - 1e-6), plain / factor, plain), by


# %% mistake="yarn_frequencies" name="no_two_pi" hint="You count radians for turns: a turn is 2π of them." active="py"
def yarn_frequencies(d_head, factor, trained, theta=10000.0, fast=32.0, slow=1.0, right=yarn_frequencies):
    return right(d_head, factor, 2 * math.pi * trained, theta, fast, slow)


# %% mistake="yarn_frequencies" name="scores_factor" hint="The frequencies are right. You return the square, by which the scores grow; queries and keys each get 0.1 · ln s + 1." active="py"
def yarn_frequencies(d_head, factor, trained, theta=10000.0, fast=32.0, slow=1.0, right=yarn_frequencies):
    frequencies, by = right(d_head, factor, trained, theta, fast, slow)
    return frequencies, by**2


# %% [markdown]
r"""
YaRN beside the others, under the same conditions: at once, and after the same {{50 = more}} updates.
"""

# %%
for train in (False, True):
    runs = [go_on(model, seed, "YaRN", train) for seed, model in enumerate(models["rope"])]
    taught["YaRN", train] = torch.tensor(runs)
print("nats over the floor, mean of three runs   16–31   32–63  64–127")
for (how, trained_on), values in sorted(taught.items(), key=lambda item: item[0][1]):
    name = how if how == "YaRN" else {1.0: "plain", 4.0: "interpolated"}[how]
    name += f", {more} updates on long windows" if trained_on else ""
    print(f"{name:38}", *(f"{mean:7.2f}" for mean in values.mean(0).tolist()))

# %% [markdown]
r"""
Without any training YaRN loses {{0.56 = taught["YaRN", False][:, 2].mean() ± 0.1}} nats at the positions 64–127, {{less in every run : (taught["YaRN", False][:, 2] < taught[1.0, False][:, 2]).all() and (taught["YaRN", False][:, 2] < taught[4.0, False][:, 2]).all()}} than the plain angles and the interpolated ones. It pays a little inside the window, {{0.08 = (taught["YaRN", False] - taught[1.0, False])[:, 0].mean() ± 0.06}} nats.

After {{50 = more}} updates the advantage over plain angles with the same training is {{gone, to a few hundredths : abs((taught["YaRN", True] - taught[1.0, True])[:, 2].mean()) < 0.04}}: here long windows are learned as quickly without any trick. Interpolation is {{behind both in every run : (taught[4.0, True][:, 2] > torch.maximum(taught["YaRN", True], taught[1.0, True])[:, 2]).all()}}: it has to learn its neighbours again. In a window of {{32 = trained}} tokens no pair turns 32 times, so only the fastest one stays as it was; in a large model many do.
"""

# %% [markdown]
r"""
## 9 · Find the bugs

A colleague generates text with rotary attention and a cache. The function's only test asks for the right shapes, and it passes; the model's first words are fine. After a while it repeats itself.

There are three faults; each repair earns its point alone.
"""


# %% exercise="rotary_attention" points=3 parts={"no_cache":1,"cache":1,"shift":1} withheld="course_lib.attention.scaled_dot_product_attention course_lib.attention.fused_attention course_lib.attention.causal_mask torch.nn.functional.scaled_dot_product_attention" needs="rope"
def rotary_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention with rotary positions. The queries are the last T of the S positions; the keys are 0 … S − 1.

    q        (B, T, D) queries, not yet rotated
    k        (B, S, D) keys, not yet rotated, S at least T: those of a cache and the new ones
    v        (B, S, E) values
    returns  (B, T, E); a query sees every key up to its own position
    """
    ### BEGIN SOLUTION
    n_queries, n_keys = q.size(1), k.size(1)
    where_keys = torch.arange(n_keys)
    where_queries = where_keys[n_keys - n_queries :]
    q, k = rope(q, where_queries), rope(k, where_keys)
    mask = where_keys <= where_queries[:, None]
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    return scores.masked_fill(~mask, -math.inf).softmax(-1) @ v
    ### END SOLUTION
    ### BEGIN STARTER
    # n_queries, n_keys = q.size(1), k.size(1)
    # q, k, v = rope(q, torch.arange(n_queries)), rope(k, torch.arange(n_keys)), rope(v, torch.arange(n_keys))
    # mask = torch.ones(n_queries, n_keys, dtype=torch.bool).tril()
    # scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    # return scores.masked_fill(~mask, -math.inf).softmax(-1) @ v
    ### END STARTER


# %% [markdown] hints="rotary_attention"
r"""
1. One query, four keys: print the positions that `q` is rotated by, and the row of the mask. At which position is the query?
2. The queries are the last T of S positions, for the rotation and for the mask alike. And section 4: what must positions not change?
3. `where_queries = torch.arange(n_keys - …, n_keys)`
"""


# %% cases="rotary_attention" active="py"
def cases(seed):
    def some(n_queries, n_keys, offset=0, d=8, e=6):
        return {
            "q": random_tensor(seed + offset, 2, n_queries, d),
            "k": random_tensor(seed + offset + 1, 2, n_keys, d),
            "v": random_tensor(seed + offset + 2, 2, n_keys, e),
        }

    yield Case(some(1, 1), note="one token", part="no_cache")
    yield Case(some(4, 4, 10), note="as many queries as keys", part="no_cache")
    yield Case(some(6, 6, 20, 4, 8), note="six tokens", part="no_cache")
    # Each of the others asks about one fault alone. Only the first key, which no rotation moves, has a value.
    for n_queries, n_keys in ((2, 4), (3, 5), (4, 9)):
        inputs = some(n_queries, n_keys, 30 + n_keys)
        inputs["v"][:, 1:] = 0
        inputs["q"][..., 3::4], inputs["k"][..., 3::4] = 10, 0
        inputs["k"][:, :n_queries, 3::4] = 10  # keys after these have next to no weight: the mask does not matter
        yield Case(inputs | {"ask": "last"}, note=f"the last of {n_queries} queries", part="cache")
    for n_queries, n_keys, offset in ((2, 7, 40), (3, 4, 50), (1, 5, 60)):
        inputs = some(n_queries, n_keys, offset)
        inputs["v"][:, 1:] = 0
        note = f"{n_queries} of {n_keys} positions ask, and all keys are alike to them"
        yield Case(inputs | {"q": 0 * inputs["q"]}, note=note, part="shift")


# %% probe="rotary_attention" active="py"
def probe(student, case):
    output = student(case["q"], case["k"], case["v"])
    return output[:, -1] if "ask" in case else output


# %% equivalents="rotary_attention" active="py"
equivalents = {
    "-math.inf → -1000000000.0": "every query sees itself, and in float32 e to the power of −10⁹ is 0",
}


# %% mistake="rotary_attention" name="values_rotated" hint="The values are still rotated. Positions belong into the scores; what is passed on stays as it is." active="py"
def rotary_attention(q, k, v, right=rotary_attention):
    return right(q, k, rope(v, torch.arange(v.size(1))))


# %% mistake="rotary_attention" name="queries_from_zero" hint="Your queries are still rotated as if they stood at 0, 1, …; with a cache they stand at the end." active="py"
def rotary_attention(q, k, v):
    n_queries, n_keys = q.size(1), k.size(1)
    where = torch.arange(n_keys)
    scores = rope(q, where[:n_queries]) @ rope(k, where).transpose(-2, -1) / math.sqrt(q.size(-1))
    return scores.masked_fill(where > where[n_keys - n_queries :, None], -math.inf).softmax(-1) @ v


# %% mistake="rotary_attention" name="mask_from_zero" hint="The rotations are right; the mask still lets the first query see the first key only. With a cache it sees all keys up to its own position." active="py"
def rotary_attention(q, k, v):
    n_queries, n_keys = q.size(1), k.size(1)
    where = torch.arange(n_keys)
    scores = rope(q, where[n_keys - n_queries :]) @ rope(k, where).transpose(-2, -1) / math.sqrt(q.size(-1))
    return scores.masked_fill(where > where[:n_queries, None], -math.inf).softmax(-1) @ v


# %% mistake="rotary_attention" name="no_mask" hint="Your queries see the keys that come after them." active="py"
def rotary_attention(q, k, v):
    where = torch.arange(k.size(1))
    scores = rope(q, where[k.size(1) - q.size(1) :]) @ rope(k, where).transpose(-2, -1) / math.sqrt(q.size(-1))
    return scores.softmax(-1) @ v


# %% [markdown] exercise="relative_by_construction" points=3
r"""
## 10 · In your own words

### In your own words · relative_by_construction

Interview question. Show that rotary scores depend on positions only through their difference. Say what this does **not** imply (two common beliefs), and why the values are not rotated.

### BEGIN SOLUTION
RoPE multiplies a query at position $t$ by $R_t$ and a key at position $s$ by $R_s$, block-diagonal rotations by $t\,\omega_i$ and $s\,\omega_i$. The score is $(R_t q)^\top (R_s k) = q^\top R_t^\top R_s k$. A rotation's transpose is its inverse, $R_t^\top = R_{-t}$, and rotations of one plane add their angles, so $R_t^\top R_s = R_{s-t}$: the score is $q^\top R_{s-t}\,k$.

It does not imply that scores fall with distance: for fixed $q$ and $k$ the score is a sum of cosines of the distance, and a head can prefer any distance; only an averaged upper bound decays. Nor does it imply that a model works beyond its training length: it meets angles between queries and keys that it never saw, and its loss rises unless positions are rescaled or it is trained further.

The values are what is passed on. Rotating them would make the same content arrive differently from every absolute position; only the *choice* should depend on where things are.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: R_t transposed times R_s equals R_(s−t), with both properties of rotations named
- 1 point: no decay is guaranteed, and no extrapolation is guaranteed, each with a reason
- 1 point: positions enter the scores only; rotated values would carry absolute positions
### END RUBRIC
"""

# %% [markdown] exercise="which_encoding" points=2
r"""
### In your own words · which_encoding

A colleague reads “ALiBi: excellent extrapolation” and wants it for a model that must find one sentence in a long contract. What does the measured extrapolation show, what does it not show, and how would you test what is needed?

### BEGIN SOLUTION
Measured is the mean loss per token at positions beyond the training length. ALiBi keeps it flat because steep heads look at recent tokens only, and recent tokens suffice for most predictions. That shows robustness, not the use of far context: a bias of minus slope times distance makes a token far away nearly invisible to most heads.

Test retrieval itself: put the sentence at varied depths of texts of varied length and ask for it (accuracy against distance), or compare the loss on tokens that repeat something far back with and without that context.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: flat loss comes from looking nearby; it is no evidence for long-range use
- 1 point: a test whose answer is far away, with distance varied
### END RUBRIC
"""

# %% [markdown]
r"""
## Flash cards

Fourteen questions about order, for tomorrow and for the weeks after.
"""

# %%
from course_lib.widgets.cards import flash_cards

flash_cards("13_positions")

# %% [markdown]
r"""
## 11 · Where this came from, and where it goes

- **Gehring et al. (2017)** and **GPT-2** (Radford et al. 2019): learned vectors. **Vaswani et al. (2017)**: sinusoids; they report nearly the same translation quality for both.
- **Shaw et al. (2018)**: relative positions inside attention. **Raffel et al. (2020)**, T5: buckets.
- **Su et al. (2021)**, *RoFormer*: rotations, used by GPT-J, Llama and most open models since. **Press et al. (2022)**, *Train Short, Test Long*: ALiBi, and the measurement that you repeated.
- **Chen et al. (2023)**, *Extending Context Window of Large Language Models via Positional Interpolation*: section 8 tries it. **Peng et al. (2023)**, *YaRN*. **Beltagy et al. (2020)**, *Longformer*: windows.
- **Kazemnejad et al. (2023)**: decoders without any position encoding (NoPE) do better on some tasks of length generalisation than with one.
"""

# %% [markdown]
r"""
**What we do not know.** Nobody has a theory that says which encoding a given task needs; {{eighteen : sum(map(len, models.values())) == 18}} tiny models on one toy task settle nothing about large ones. Today's practice (RoPE with a larger base, rescaled for long contexts) is engineering that was found by trying.

From the next lesson on, `course_lib.positions` holds the tested version of what you wrote. Next: [14 Transformer](14_transformer.ipynb), *how do the pieces make a translator?*
"""
