# ---
# jupyter:
#   course:
#     title: What does more buy?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# What does more buy?

You have a budget: so many operations, so many bytes. More parameters, more text and more bits a weight all cost some of it. What does each of them buy, in nats? And where does the money go when a machine is busy and gets nothing done?
"""

# %% setup=true
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from course_lib.checks import check, show_answer, yours
from course_lib.scaling import PowerLaw, ScalingLaw

torch.set_printoptions(precision=4, sci_mode=False)

# %%
import os
import subprocess
import sys
import time
from pathlib import Path

from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import course_lib
from course_lib import attention, quantization, scaling, scoreboard
from course_lib.budget import budget
from course_lib.figures import scaling as figures
from course_lib.figures.style import show
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import draw_windows, nats_per_token, next_token_loss
from course_lib.scaling import BESIROGLU_2024, HOFFMANN_2022, matmul_parameters, saved_bytes
from course_lib.train import Trainer
from course_lib.widgets import scaling as explorers
from course_lib.widgets.cards import flash_cards
from course_lib.widgets.predict import predict_number

torch.set_num_threads(1)
train, test = scoreboard.training(), scoreboard.held_out()[:10_000]
V, entropy = len(scoreboard.language().vocabulary), scoreboard.language().entropy_rate

# %%
budgets = [10.0**k for k in range(17, 27)]
best_losses = [BESIROGLU_2024.loss(*scaling.compute_optimal(c)) for c in budgets]
show(
    figures.returns(budgets, best_losses, BESIROGLU_2024.e, "Each tenfold budget buys less than the one before"),
    alt="Loss against operations: " + ", ".join(f"{c:.0e}: {x:.2f}" for c, x in zip(budgets, best_losses)),
)

# %% [markdown]
r"""
The dots are what a fitted law (Besiroglu et al. 2024) expects of the best model for each budget. From $10^{18}$ operations to $10^{19}$ the loss falls by {{0.56 = best_losses[1] - best_losses[2]}} nats a token, from $10^{24}$ to $10^{25}$ by {{0.05 = best_losses[7] - best_losses[8]}}, and it never gets below {{1.82 = BESIROGLU_2024.e}}. By the end of this lesson you will have fitted such a law to models that you trained, and will know what its line does not say.
"""

# %% [markdown]
r"""
## What you will be able to do

- count the operations, bytes and cache of a Transformer, and check the counts against a counter;
- say whether arithmetic or memory holds a computation up, and how fast it can be at best;
- fit a scaling law with its uncertainty, and split a budget between parameters and tokens;
- compute exact attention without its matrix, and round weights to a few bits;
- say what several machines exchange.

**Time** about 90 minutes; what is marked optional is beyond them. **Builds on** [12 Attention](12_attention.ipynb), [15 GPT](15_gpt.ipynb). **Sizes** as in [00](00_start_here.ipynb); new here: N parameters, C operations, and D tokens where it is no head's size.
"""

# %% [markdown]
r"""
## 1 · Counting operations

A ***FLOP*** is one floating-point operation. A row of $m$ numbers times an $(m, n)$ matrix takes $mn$ multiplications and as many additions: **2 FLOPs a weight**. So, per token:

- *reading*: 2 for each of the $N$ weights that multiply it;
- attention: each query meets $T$ keys and then $T$ values, $2 \cdot 2 \cdot T d$ in each of $L$ layers;
- *training*: the backward pass has two products for each one forward (for the input's gradient and for the weights'), so three times reading.

$$C_{\text{token}} = \underbrace{6N}_{\text{weights}} + \underbrace{12\,L\,T\,d}_{\text{attention}}$$

A model of $N = 1{,}000$ weights in $L = 2$ layers of $d = 10$, that looks at $T = 16$ keys, reads a token for $2 \cdot 1000 + 4 \cdot 2 \cdot 16 \cdot 10 = {{3,280 = scaling.flops_per_token(1000, 2, 10, 16, training=False)}}$ FLOPs. For D tokens the first term gives the rule of thumb ***6ND*** (Kaplan et al. 2020).

### Exercise · flops_per_token
"""


# %% exercise="flops_per_token" parts={"weights": 1, "attention": 1, "errors": 1} points=3 withheld="course_lib.scaling.flops.flops_per_token"
def flops_per_token(n_parameters: int, n_layers: int, d_model: int, n_keys: int, training: bool = True) -> int:
    """Return the operations that a token costs: 6N + 12·L·T·d in training, a third of that in reading.

    n_parameters  N, weights that multiply a token
    n_layers      L
    d_model       d, features of all query heads together
    n_keys        T, keys that each query meets
    training      whether there is a backward pass as well
    returns       int

    Raises ValueError when one of the four numbers is negative. Any of them may be 0.

    Example: flops_per_token(1000, 2, 10, 16, training=False) is 3280.
    """
    ### BEGIN SOLUTION
    if min(n_parameters, n_layers, d_model, n_keys) < 0:
        raise ValueError("sizes must not be negative")
    reading = 2 * n_parameters + 4 * n_layers * n_keys * d_model
    return 3 * reading if training else reading
    ### END SOLUTION


# %% [markdown] hints="flops_per_token"
r"""
1. Which two things does a token meet on its way forward?
2. Compute the reading first: 2 a weight, and 4 for each layer, key and feature. Training is a multiple of it.
3. `reading = 2 * n_parameters + …`
"""


# %% cases="flops_per_token" active="py"
def cases(seed):
    names = ("n_parameters", "n_layers", "d_model", "n_keys")
    example = dict(zip(names, (1000, 2, 10, 16)))
    yield Case(example | {"training": False}, note="the docstring's example", part="attention")
    yield Case(dict(zip(names, (7, 0, 5, 3))) | {"training": False}, note="weights only, reading", part="weights")
    yield Case(dict(zip(names, (7, 3, 5, 0))), note="no keys: 6 a weight", part="weights")
    for i in range(3):
        sizes = random_integers(seed + i, 1, 90, 4).tolist()
        case = dict(zip(names, sizes))
        yield Case(case | {"n_layers": 0}, note="weights only", part="weights")
        yield Case(case, note="training", part="attention")
        yield Case(case | {"training": False}, note="reading", part="attention")
        yield Case(case | {"d_model": 0}, note="a size of 0 is no error", part="errors")
    for name in names:
        yield Case(example | {name: -1}, note=f"{name} is negative", part="errors")


# %% mistake="flops_per_token" name="one_a_weight" hint="A weight costs a multiplication and an addition: two operations. You counted one." active="py"
def flops_per_token(n_parameters, n_layers, d_model, n_keys, training=True, right=flops_per_token):
    return right(n_parameters, n_layers, d_model, n_keys, training) // 2


# %% mistake="flops_per_token" name="backward_once" hint="The backward pass has two products for each one forward, so training is three times reading, not two." active="py"
def flops_per_token(n_parameters, n_layers, d_model, n_keys, training=True, right=flops_per_token):
    return right(n_parameters, n_layers, d_model, n_keys, False) * (2 if training else 1)


# %% mistake="flops_per_token" name="attention_once" hint="A query meets the keys and its weights then meet the values: two products with T rows, 4·L·T·d. You counted one." active="py"
def flops_per_token(n_parameters, n_layers, d_model, n_keys, training=True, right=flops_per_token):
    return right(n_parameters, n_layers, d_model, n_keys, training) - (3 if training else 1) * (
        2 * n_layers * n_keys * d_model
    )


# %% mistake="flops_per_token" name="one_layer" hint="Attention costs its products in each of the L layers; you counted one layer." active="py"
def flops_per_token(n_parameters, n_layers, d_model, n_keys, training=True, right=flops_per_token):
    return right(n_parameters, min(n_layers, 1), d_model, n_keys, training)


# %% mistake="flops_per_token" name="no_error" hint="The numbers are right. A negative size must raise a ValueError, whichever of the four it is." active="py"
def flops_per_token(n_parameters, n_layers, d_model, n_keys, training=True):
    reading = 2 * n_parameters + 4 * n_layers * n_keys * d_model
    return 3 * reading if training else reading


# %% [markdown]
r"""
### Does it hold?

`FlopCounterMode` watches every product that PyTorch runs. We count one training step of a real GPT and compare. (The fused attention of a CPU counts as nothing there, so we ask for the plain one.)
"""

# %%
config = GPTConfig(V, seq_len=64, d_model=64, n_layers=2)
model, windows = GPT(config, generator=torch.Generator().manual_seed(0)), train[: 4 * 65].view(4, 65).clone()
with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
    next_token_loss(model, windows).backward()
counted = counter.get_total_flops() / (4 * 64)  # a token
N = matmul_parameters(config)
formula = yours("scaling.flops_per_token", scaling.flops_per_token)(N, 2, 64, 64)
print(f"counted {counted:,.0f}   formula {formula:,}   6N alone {6 * N:,}   N = {N:,}")
print(f"of all {config.n_parameters():,} parameters, 6 each: {6 * config.n_parameters():,}")
gpt2 = GPTConfig(vocab_size=50257, seq_len=1024, d_model=768, n_heads=12, n_layers=12)
big_n = matmul_parameters(gpt2)
big_formula = scaling.flops_per_token(big_n, 12, 768, 1024)
print(f"GPT-2 (124 M): {big_formula:.2e} operations to learn from a token, a third to read it")

# %% [markdown]
r"""
Count and formula are {{equal : counted == formula}}, to the last operation. $6N$ alone misses {{12 % = 1 - 6 * N / formula}}: attention. For a 124-million model with 1,024 keys it would miss {{13 % = 1 - 6 * big_n / big_formula}}. Which $N$? The position table is looked up, not multiplied, and does not count; the output matrix does, also when it is tied to the embedding. Norms, activations and softmax are not in the formula, nor in the counter: a few operations a number, where a product has hundreds.
"""

# %% [markdown]
r"""
### Question · gpu_hours

A model of $N = 7 \cdot 10^9$ parameters learns from $2 \cdot 10^{12}$ tokens. A GPU gets $4 \cdot 10^{14}$ operations a second out of its $10^{15}$ (***model FLOPs utilisation*** of 40 %). By 6ND, how many GPU-hours does that take?
"""

# %% exercise="gpu_hours" points=1 kind="number"
### BEGIN SOLUTION
gpu_hours = 6 * 7e9 * 2e12 / 4e14 / 3600
### END SOLUTION

# %% mistake="gpu_hours" name="forward_only" hint="2ND is reading. Learning takes three times that." active="py"
gpu_hours = 2 * 7e9 * 2e12 / 4e14 / 3600

# %% mistake="gpu_hours" name="at_the_peak" hint="You divided by what the GPU could do at most; divide by what it gets done." active="py"
gpu_hours = 6 * 7e9 * 2e12 / 1e15 / 3600

# %% mistake="gpu_hours" name="seconds" hint="Those are seconds; an hour has 3,600 of them." active="py"
gpu_hours = 6 * 7e9 * 2e12 / 4e14

# %% [markdown]
r"""
## 2 · Counting bytes

Training keeps four kinds of numbers: the weights, their gradients, the optimizer's two moments (lesson 05), and the **activations**, whatever the backward pass has to read again. The first three are 4 + 4 + 8 = 16 bytes a parameter with AdamW in float32. The activations grow with the tokens of a batch instead; the largest single part is often the last one, $V$ log-probabilities for every token.

Below: GPT-2's 124 million parameters, trained on 16 windows of 1,024 tokens. The weights are {{0.5 = 4 * gpt2.n_parameters() / 1e9}} GB of {{15.0 = sum(parts.values()) / 1e9}}; activations are {{87 % = (parts["layers"] + parts["output"]) / sum(parts.values())}}. The count is arithmetic. On a model that fits here, `saved_bytes` measures what autograd really keeps: it is {{at most 3 % more : 1 <= measured / expected < 1.03}} than counted.
"""

# %%
activations = scaling.activation_bytes(gpt2, batch_size=16, seq_len=1024)
parts = scaling.adamw_bytes(gpt2.n_parameters()) | {k: activations[k] for k in ("layers", "output")}
names = {"layers": "activations of 12 layers", "output": "output: V numbers a token", "moments": "AdamW's moments"}
show(
    figures.shares(
        {names.get(k, k): b / 1e9 for k, b in parts.items()}, "Activations, not weights, fill the memory", "GB"
    ),
    alt="GB of a training step: " + ", ".join(f"{names.get(k, k)} {b / 1e9:.1f}" for k, b in parts.items()),
)
by_part = scaling.activation_bytes(config, batch_size=4, seq_len=64)
expected = by_part["layers"] + by_part["output"]
measured = saved_bytes(lambda: next_token_loss(model, windows))
print(f"a small GPT: counted {expected:,} bytes, measured {measured:,}")

# %% [markdown]
r"""
### Generation keeps something else

Reading needs no gradients. What grows is the cache of keys and values ([15](15_gpt.ipynb)): two vectors of $D$ numbers for each token, layer and key–value head, where $D$ is a head's size.

$$\text{bytes} = 2 \cdot L \cdot H_{kv} \cdot D \cdot T \cdot B \cdot (\text{bytes a number})$$

By hand: 2 layers, 1 head of 4 features, 3 tokens, one text, 2 bytes: $2 \cdot 2 \cdot 1 \cdot 4 \cdot 3 \cdot 1 \cdot 2 = {{96 = scaling.kv_cache_bytes(2, 1, 4, 3)}}$.

### Exercise · kv_cache_bytes
"""


# %% exercise="kv_cache_bytes" parts={"bytes": 1, "errors": 1} points=2 withheld="course_lib.scaling.memory.kv_cache_bytes"
def kv_cache_bytes(
    n_layers: int, n_kv_heads: int, d_head: int, seq_len: int, batch_size: int = 1, bytes_per_number: int = 2
) -> int:
    """Return how many bytes the keys and values of all layers take.

    n_layers L, n_kv_heads H_kv, d_head D, seq_len T
    batch_size        B, texts that are written at once
    bytes_per_number  2 for float16 and bfloat16, 4 for float32
    returns           int

    Raises ValueError when one of the six is less than 1.

    Example: kv_cache_bytes(2, 1, 4, 3) is 96.
    """
    ### BEGIN SOLUTION
    numbers = (n_layers, n_kv_heads, d_head, seq_len, batch_size, bytes_per_number)
    if min(numbers) < 1:
        raise ValueError("every size of a cache must be at least 1")
    return 2 * math.prod(numbers)
    ### END SOLUTION


# %% [markdown] hints="kv_cache_bytes"
r"""
1. How many vectors does one token leave behind in one layer?
2. It is one product; check first that no factor is less than 1.
3. `2 * math.prod(…)`, where the 2 stands for keys and values.
"""


# %% cases="kv_cache_bytes" active="py"
def cases(seed):
    names = ("n_layers", "n_kv_heads", "d_head", "seq_len", "batch_size", "bytes_per_number")
    example = dict(zip(names, (2, 1, 4, 3, 1, 2)))
    yield Case({k: example[k] for k in names[:4]}, note="the docstring's example", part="bytes")
    for i in range(3):
        sizes = random_integers(seed + i, 2, 30, 6).tolist()
        yield Case(dict(zip(names, sizes)), note="random sizes", part="bytes")
        yield Case(dict(zip(names, sizes[:4])), note="the last two left out", part="bytes")
        ones = dict.fromkeys(names, 1)
        yield Case(ones | {"seq_len": sizes[0]}, note="sizes of 1 are no error", part="errors")
    for name in names:
        yield Case(example | {name: 0}, note=f"{name} is 0", part="errors")


# %% equivalents="kv_cache_bytes" active="py"
equivalents = {
    "return 2 * math.prod(numbers) → return in_float32(2 * math.prod(numbers))": "a whole number has no precision",
}


# %% mistake="kv_cache_bytes" name="keys_only" hint="That is the keys alone; the values take as much again." active="py"
def kv_cache_bytes(n_layers, n_kv_heads, d_head, seq_len, batch_size=1, bytes_per_number=2, right=kv_cache_bytes):
    return right(n_layers, n_kv_heads, d_head, seq_len, batch_size, bytes_per_number) // 2


# %% mistake="kv_cache_bytes" name="numbers" hint="You counted numbers; each takes bytes_per_number bytes." active="py"
def kv_cache_bytes(n_layers, n_kv_heads, d_head, seq_len, batch_size=1, bytes_per_number=2, right=kv_cache_bytes):
    return right(n_layers, n_kv_heads, d_head, seq_len, batch_size, bytes_per_number) // bytes_per_number


# %% mistake="kv_cache_bytes" name="one_text" hint="Each of the batch_size texts has its own cache." active="py"
def kv_cache_bytes(n_layers, n_kv_heads, d_head, seq_len, batch_size=1, bytes_per_number=2, right=kv_cache_bytes):
    return right(n_layers, n_kv_heads, d_head, seq_len, min(batch_size, 1), bytes_per_number)


# %% mistake="kv_cache_bytes" name="squared" hint="The cache grows with T, not with T²: it holds keys and values, no scores." active="py"
def kv_cache_bytes(n_layers, n_kv_heads, d_head, seq_len, batch_size=1, bytes_per_number=2, right=kv_cache_bytes):
    return right(n_layers, n_kv_heads, d_head, seq_len, batch_size, bytes_per_number) * seq_len


# %% mistake="kv_cache_bytes" name="no_error" hint="The numbers are right. Where a size is less than 1, the docstring asks for a ValueError." active="py"
def kv_cache_bytes(n_layers, n_kv_heads, d_head, seq_len, batch_size=1, bytes_per_number=2):
    return 2 * n_layers * n_kv_heads * d_head * seq_len * batch_size * bytes_per_number


# %% [markdown]
r"""
### Three ways to a smaller cache

Take one layer with 128 query heads of 128 features, as in DeepSeek-V2. Numbers that a token leaves behind:

| | keeps | numbers |
|---|---|---|
| multi-head | $2 H D$ | {{32,768 = 2 * 128 * 128}} |
| grouped, 8 key–value heads | $2 H_{kv} D$ | {{2,048 = 2 * 8 * 128}} |
| latent | $d_c + d_r$ | {{576 = 512 + 64}} |

***Multi-head latent attention*** (DeepSeek-AI 2024) stores neither keys nor values. It stores one short vector $c$ of $d_c = 512$ numbers, from which each head's keys and values are products: $k_h = W^K_h c$, $v_h = W^V_h c$. RoPE does not fit through such a product, so $d_r = 64$ more numbers, shared by all heads, carry positions. Together that is as much as {{2.25 = 576 / (2 * 128)}} key–value heads would take.

The trick that makes it pay: since $q \cdot W^K_h c = (W^{K\top}_h q) \cdot c$, the keys need never be computed. One measurement of the formula, on the course's own cache:
"""

# %%
for kv_heads in (4, 1):
    small = GPT(GPTConfig(V, seq_len=64, d_model=64, n_heads=4, n_kv_heads=kv_heads, n_layers=2))
    cache = small.new_cache(batch_size=3, max_len=50)
    held = cache.keys.nbytes + cache.values.nbytes
    by_formula = yours("scaling.kv_cache_bytes", scaling.kv_cache_bytes)(2, kv_heads, 16, 50, 3, 4)
    print(f"{kv_heads} key–value heads: formula {by_formula:,} bytes, the tensors have {held:,}")

# %% [markdown]
r"""
### Exercise · latent_attention · optional

Attention over latents, with no key and no value ever built. Positions are left out here.
"""


# %% exercise="latent_attention" parts={"values": 2, "memory": 1} points=3 optional=true withheld="torch.nn.functional.scaled_dot_product_attention course_lib.attention.scaled_dot_product_attention course_lib.attention.fused_attention course_lib.scaling.tiling.tiled_attention"
def latent_attention(q: Tensor, c: Tensor, w_k: Tensor, w_v: Tensor) -> Tensor:
    """Attend, without a mask, from queries to keys k = c·w_kᵀ and values v = c·w_vᵀ that are never computed.

    q        (H, T, D) queries
    c        (S, C) latents, the same for all heads
    w_k      (H, D, C) makes keys from a latent, w_v (H, E, C) values
    returns  (H, T, E): softmax(q·kᵀ / √D) v for each head

    No tensor has as many numbers as the keys of all heads, H·S·D, or their values. (The cases have
    T and C small against D and E, and S large.)

    Example: with S = 1 the weight is 1, and the result is w_v·c, whatever q is.
    """
    ### BEGIN SOLUTION
    scores = (q @ w_k) @ c.T / math.sqrt(q.size(-1))  # (H, T, C), then (H, T, S)
    gathered = scores.softmax(-1) @ c  # (H, T, C)
    return gathered @ w_v.mT
    ### END SOLUTION


# %% [markdown] hints="latent_attention"
r"""
1. $q \cdot (W c) = (W^\top q) \cdot c$: which side has fewer rows to multiply?
2. Move w_k to the queries; take the weighted mean of the latents; w_v goes to what was gathered.
3. `scores = (q @ w_k) @ c.T / …`: divide by the root of which size?
"""


# %% setup=true
class Watch(TorchDispatchMode):
    """Notes the most numbers in any tensor that is computed, and the longest row that is reduced."""

    largest, longest = 0, 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **kwargs or {})
        for made in result if isinstance(result, tuple | list) else [result]:
            if isinstance(made, Tensor):
                self.largest = max(self.largest, made.numel())
        reduces = function.__name__.split(".")[0] in ("max", "amax", "sum", "logsumexp", "_softmax", "mean")
        if reduces and isinstance(args[0], Tensor) and args[0].dim():
            self.longest = max(self.longest, args[0].size(-1))
        return result


# %% cases="latent_attention" active="py"
def cases(seed):
    def case(heads, queries, keys, d, e, latent, i=0):
        shapes = {"q": (heads, queries, d), "c": (keys, latent), "w_k": (heads, d, latent), "w_v": (heads, e, latent)}
        return {name: random_tensor(seed + 7 * i + j, *shape) for j, (name, shape) in enumerate(shapes.items())}

    yield Case(case(1, 1, 1, 2, 2, 1), note="one latent: the weight is 1", part="values")
    yield Case(case(2, 3, 4, 5, 6, 3, 1), note="small", part="values")
    yield Case(case(3, 2, 7, 8, 4, 5, 2), note="random", part="values")
    yield Case(case(2, 2, 40, 16, 16, 4, 3) | {"count": True}, note="no keys, no values", part="memory")
    yield Case(case(3, 1, 60, 12, 20, 5, 4) | {"count": True}, note="no keys, no values", part="memory")


# %% probe="latent_attention" active="py"
def probe(student, case):
    inputs = {name: case[name].clone() for name in ("q", "c", "w_k", "w_v")}
    with Watch() as watch:
        out = plain(student(**inputs))
    if "count" not in case:
        return out
    heads, d, e = len(case["q"]), case["q"].size(-1), case["w_v"].size(1)
    return {"output": out, "keys or values built": watch.largest >= heads * len(case["c"]) * min(d, e)}


# %% mistake="latent_attention" name="built" hint="The result is right, but the keys or the values of all heads exist on the way: multiply the queries by w_k first, and w_v last." active="py"
def latent_attention(q, c, w_k, w_v):
    k, v = c @ w_k.mT, c @ w_v.mT
    return (q @ k.mT / math.sqrt(q.size(-1))).softmax(-1) @ v


# %% mistake="latent_attention" name="root_of_latent" hint="The scores are products of D terms, so divide by √D; you took the latent's size." active="py"
def latent_attention(q, c, w_k, w_v, right=latent_attention):
    return right(q * math.sqrt(q.size(-1) / c.size(-1)), c, w_k, w_v)


# %% mistake="latent_attention" name="no_scale" hint="Divide the scores by √D." active="py"
def latent_attention(q, c, w_k, w_v, right=latent_attention):
    return right(q * math.sqrt(q.size(-1)), c, w_k, w_v)


# %% [markdown]
r"""
## 3 · Arithmetic or memory?

A machine computes at most so many FLOPs a second (its *peak*), and fetches at most so many bytes (its *bandwidth*). A computation that does few operations with each byte waits for memory. ***Arithmetic intensity*** is

$$I = \frac{\text{operations}}{\text{bytes moved}}, \qquad \text{speed} \le \min(\text{peak},\; I \cdot \text{bandwidth}).$$

That bound is the ***roofline*** (Williams, Waterman and Patterson 2009). Its two parts meet at the ridge, $I = $ peak / bandwidth.

A layer multiplies $m$ tokens by a $(d, d)$ matrix: $2 m d^2$ operations; $md + d^2 + md$ numbers move. In bfloat16 with $d = 4096$, one token has $I = {{1.0 = scaling.matmul_intensity(1, 4096, 4096)}}$, and 4,096 tokens have {{1,365 = scaling.matmul_intensity(4096, 4096, 4096)}}. An H100 has its ridge near {{295 = 989e12 / 3.35e12 ± 1}} (989 TFLOP/s in bfloat16, 3.35 TB/s by its data sheet). So training can be busy with arithmetic, and writing one token at a time cannot.

Now this machine. What comes out depends on what else it does at the moment, so the text makes no claim about it.
"""


# %%
def fastest(compute, rounds):
    """The least seconds of several runs: what disturbs a run can only make it slower."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        compute()
        times.append(time.perf_counter() - start)
    return min(times)


size, rounds = 1024, budget(full=8, short=1)
square, long = torch.ones(size, size), torch.ones(2**25)  # 4 MiB; 128 MiB, more than most caches hold
copied = torch.empty_like(long)
peak = 2 * size**3 / fastest(lambda: square @ square, rounds)
bandwidth = 2 * long.nbytes / fastest(lambda: copied.copy_(long), rounds)  # read and written
print(f"one core: {peak / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.1f} GB/s, ridge at {peak / bandwidth:.0f} FLOP/byte")

# %%
wide, points = torch.ones(4096, 4096), {}  # 64 MiB of weights in float32
for m in (1, 2, 4, 8, 16, 64):
    tokens = torch.ones(m, 4096)
    seconds = fastest(lambda: tokens @ wide, rounds)
    points[m] = (scaling.matmul_intensity(m, 4096, 4096, 4), 2 * m * 4096**2 / seconds)
show(
    figures.roofline(
        peak, bandwidth, {f"{m}": point for m, point in points.items()}, "The roof of this machine, and one layer"
    ),
    alt="; ".join(f"{m} tokens: {i:.1f} FLOP/byte, {s / 1e9:.1f} GFLOP/s" for m, (i, s) in points.items()),
)

# %% [markdown]
r"""
Each dot is one layer with so many tokens. A dot well below the roof is not at a limit of the machine but of the program that runs on it; one slightly above it means that a kernel found better conditions than our two probes.

Move the tokens on other hardware (bfloat16 without sparsity, by the data sheets; the laptop is an order of magnitude). Where does a layer leave the slope?
"""

# %%
explorers.roofline_explorer()

# %% [markdown]
r"""
## 4 · One token at a time

To write a token, a model reads every weight once, whatever the batch, and the cache of each text. It computes $2N$ operations for each text. The slower of the two is the least time of a step.

For 124 million parameters in bfloat16, one text and a negligible cache, memory needs $2 \cdot 124.4 \cdot 10^6 / (2.6 \cdot 10^{12}) = {{96 = 1e6 * step_seconds}}$ µs on an H100 (2.6 TB/s were measured there). The ceiling is {{10,450 = 1 / step_seconds ± 10}} tokens a second.

### Find the bug · decoding_ceiling

This function is meant to compute that ceiling for any batch. Its results are wrong.
"""


# %% exercise="decoding_ceiling" parts={"weights": 1, "cache": 1, "arithmetic": 1} points=3 withheld="course_lib.scaling.roofline.decoding_ceiling course_lib.scaling.roofline.attainable_flops"
def decoding_ceiling(
    n_parameters: int, bytes_per_number: float, cache_bytes: int, batch_size: int, peak: float, bandwidth: float
) -> float:
    """Return the most tokens a second, of all texts together, that a device can write with a cache.

    n_parameters      N, all read once a step, for the whole batch; 2N operations for each text
    bytes_per_number  of a weight; 0.5 with four bits
    cache_bytes       keys and values of one text, all read in each step
    batch_size        B, texts side by side; each step writes one token of each
    peak              operations a second
    bandwidth         bytes a second; arithmetic goes on while memory is read

    Example: (10, 2, 0, 1, 1e9, 100) is 5.0: 20 bytes take 0.2 s, 20 operations next to nothing.
    """
    ### BEGIN SOLUTION
    read = n_parameters * bytes_per_number + batch_size * cache_bytes
    operations = 2 * n_parameters * batch_size
    seconds = max(read / bandwidth, operations / peak)
    return batch_size / seconds
    ### END SOLUTION
    ### BEGIN STARTER
    # read = batch_size * n_parameters * bytes_per_number
    # operations = 6 * n_parameters * batch_size
    # seconds = max(read / bandwidth, operations / peak)
    # return batch_size / seconds
    ### END STARTER


# %% [markdown] hints="decoding_ceiling"
r"""
1. Which of the arguments does the code never use? And what does the docstring say about reading and about operations?
2. Try one text with a cache; then eight texts without; then a device with very slow arithmetic. Each shows one fault.
3. `read = n_parameters * bytes_per_number + …`
"""


# %% cases="decoding_ceiling" active="py"
def cases(seed):
    names = ("n_parameters", "bytes_per_number", "cache_bytes", "batch_size", "peak", "bandwidth")

    def case(*values):
        return dict(zip(names, values))

    yield Case(case(10, 2, 30, 1, 1e9, 100.0), note="one text with a cache", part="cache")
    yield Case(case(10, 2, 0, 8, 1e9, 100.0), note="eight texts, no cache", part="weights")
    yield Case(case(10, 2, 0, 1, 100.0, 1e9), note="slow arithmetic", part="arithmetic")
    for i in range(3):
        n, cached, texts, speed = random_integers(seed + i, 3, 900, 4).tolist()
        yield Case(case(n, 2, cached, 1, 1e9, float(speed)), note="one text with a cache", part="cache")
        yield Case(case(1, 2, 10**9 * cached, texts, 1e12, 1e9 * speed), note="nearly all is cache", part="cache")
        yield Case(case(n, 0.5, 0, texts, 1e9, float(speed)), note="four bits, no cache", part="weights")
        yield Case(case(n, 2, 0, texts, float(speed), 1e9), note="slow arithmetic", part="arithmetic")
        yield Case(case(n, 2, cached, 1, float(speed), 1e9), note="slow arithmetic, a cache", part="arithmetic")


# %% mistake="decoding_ceiling" name="cache_once" hint="Each text has its own cache, so a step reads batch_size of them." active="py"
def decoding_ceiling(n_parameters, bytes_per_number, cache_bytes, batch_size, peak, bandwidth, right=decoding_ceiling):
    return right(n_parameters, bytes_per_number, cache_bytes / batch_size, batch_size, peak, bandwidth)


# %% mistake="decoding_ceiling" name="no_cache" hint="The caches are read in every step, too." active="py"
def decoding_ceiling(n_parameters, bytes_per_number, cache_bytes, batch_size, peak, bandwidth, right=decoding_ceiling):
    return right(n_parameters, bytes_per_number, 0, batch_size, peak, bandwidth)


# %% mistake="decoding_ceiling" name="weights_per_text" hint="The weights are read once a step for all texts: that is what a batch is for." active="py"
def decoding_ceiling(n_parameters, bytes_per_number, cache_bytes, batch_size, peak, bandwidth, right=decoding_ceiling):
    return right(n_parameters, bytes_per_number * batch_size, cache_bytes, batch_size, peak, bandwidth)


# %% mistake="decoding_ceiling" name="of_training" hint="6 operations a weight are training; writing only reads, 2 a weight." active="py"
def decoding_ceiling(n_parameters, bytes_per_number, cache_bytes, batch_size, peak, bandwidth, right=decoding_ceiling):
    return right(n_parameters, bytes_per_number, cache_bytes, batch_size, peak / 3, bandwidth)


# %% mistake="decoding_ceiling" name="one_after_the_other" hint="Arithmetic goes on while memory is read: the longer of the two times counts, not their sum." active="py"
def decoding_ceiling(n_parameters, bytes_per_number, cache_bytes, batch_size, peak, bandwidth):
    read = n_parameters * bytes_per_number + batch_size * cache_bytes
    return batch_size / (read / bandwidth + 2 * n_parameters * batch_size / peak)


# %% [markdown]
r"""
### Two per cent, and where the rest goes

This project ran a GPT of that size on one H100 in 2026 (bfloat16, one text at a time). Tokens a second:

| | measured | of the ceiling |
|---|---|---|
| plain PyTorch with a KV cache | 114 to 221 | {{1 % = 114 * step_seconds}} to {{2 % = 221 * step_seconds}} |
| Hugging Face transformers | 144 | {{1 % = 144 * step_seconds}} |
| static cache, one captured graph | 1,489 | {{14 % = 1489 * step_seconds}} |

At 221 tokens a second a step takes {{4.5 = 1e3 / 221}} ms, and the memory needs {{0.1 = 1e3 * step_seconds}} ms of them. What does the machine do in the other {{98 % = 1 - 221 * step_seconds ± 0.5 %}}? Count what a step asks for: a ***kernel*** is one program that the GPU runs, and Python launches every one by hand.
"""


# %%
class Launches(TorchDispatchMode):
    """Counts the operations that compute something; views only look at what is there."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += not function.is_view
        return function(*args, **kwargs or {})


narrow = GPT(GPTConfig(vocab_size=500, seq_len=64, d_model=48, n_heads=12, n_layers=12)).eval()
cache = narrow.new_cache(batch_size=1, max_len=64)
with torch.no_grad():
    narrow(train[None, :10] % 500, cache)
    with Launches() as launches:
        narrow(train[None, 10:11] % 500, cache)
step_seconds = 2 * gpt2.n_parameters() / 2.6e12
print(f"one token through 12 layers: {launches.count} operations")
for speed in (114, 221, 1489):
    print(f"{speed:5} tokens/s: {1e6 / speed / launches.count:4.1f} µs for each")

# %% [markdown]
r"""
The number of operations does not depend on the width: {{151 = launches.count ± 12}} for 12 layers, here and in the large model. At 221 tokens a second each has {{30 = 1e6 / 221 / launches.count ± 3}} µs, at 114 {{58 = 1e6 / 114 / launches.count ± 5}} µs. The arithmetic of the whole model takes {{0.25 = 1e6 * 2 * gpt2.n_parameters() / 989e12 ± 0.01}} µs at an H100's peak: the GPU waits for Python to ask.

A ***CUDA graph*** records the launches of one step, and replays them with a single call. For that every step must be the same program on the same addresses: a cache of full length from the start (*static*), the position as a tensor that is overwritten, and a mask over what is not written yet. {{4.4 = 1e6 / 1489 / launches.count ± 0.5}} µs an operation remain. The rest is in the kernels, too small to fill the machine. The picture shows eight operations with these two times.

Two more ways to the same end: fewer, larger kernels (fusion, `torch.compile`), and more work for each launch. With 8 texts the ceiling is {{8 : round(scaling.decoding_ceiling(gpt2.n_parameters(), 2, 0, 8, 989e12, 2.6e12) * step_seconds) == 8}} times higher, and the captured graph wrote 11,630 tokens a second.
"""

# %%
show(
    figures.launches(
        [
            ("launched by hand", 30.0, 4.4, False),
            ("one captured graph", 30.0, 4.4, True),
        ],
        "By hand, the GPU waits for Python; a graph is one launch",
    ),
    alt="Two timelines. Above, each piece of GPU work waits for its launch. Below, one launch, then work without gaps.",
)
one, many = torch.ones(10), torch.ones(2**20)
price, work = (1e6 * fastest(lambda x=x: x + x, 50) for x in (one, many))
print(f"on this machine: 10 numbers {price:.1f} µs, a million {work:.0f} µs; the first is the price of the call")

# %% [markdown]
r"""
### The same program at every position · optional

What has to change so that a step can be recorded? Write down each operation with the shapes of what it gets, at two positions. The plain step reads keys that are one longer each time. `StaticStep` ([source](../course_lib/decoding/static_step.py)) reads all 64 places of the cache, and hides those behind the position by a comparison.
"""


# %%
from course_lib.decoding.static_step import StaticStep


class Program(TorchDispatchMode):
    """Writes down the operations that compute something, each with the shapes of what it gets."""

    def __enter__(self):
        self.steps = []
        return super().__enter__()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if not function.is_view:
            self.steps.append((function.name(), [tuple(a.shape) for a in args if isinstance(a, Tensor)]))
        return function(*args, **kwargs or {})


# %%
full, static = (narrow.new_cache(batch_size=1, max_len=64) for _ in range(2))
token, programs = train[10:11] % 500, {"plain": [], "static": []}
with torch.no_grad():
    for kept in (full, static):
        narrow(train[None, :10] % 500, kept)
    step = StaticStep(narrow, static)
    for place in (10, 11):
        with Program() as program:
            narrow(token[None], full)
        programs["plain"].append(program.steps)
        with Program() as program:
            step.position.fill_(place)  # a number that is overwritten in a tensor
            step.features(64)
        programs["static"].append(program.steps)
for name, (first, second) in programs.items():
    print(f"{name:6}: {len(first)} operations, the same at the next position: {first == second}")


# %%
import cProfile


def python_calls(read: Callable[[], Tensor]) -> int:
    """Count the calls of Python functions and of C functions from Python."""
    read()  # what is set up once does not count
    watch = cProfile.Profile()
    watch.runcall(read)
    return sum(entry.callcount for entry in watch.getstats())


def continuation(read: Callable[[Tensor], Tensor], n: int = 40) -> list[int]:
    """Return n tokens, each drawn from what read expects after those before it."""
    tokens, generator = [int(token)], torch.Generator().manual_seed(0)
    for _ in range(n):
        probs = read(torch.tensor(tokens[-1:])).softmax(-1)
        tokens.append(int(torch.multinomial(probs, 1, generator=generator)))
    return tokens


# %%
ways = {
    "plain": lambda token: narrow(token[None], full)[0, -1],
    "static": lambda token: step(token)[0],
}
written, asked = {}, {}
with torch.no_grad():
    for (name, read), kept in zip(ways.items(), (full, static)):
        kept.truncate(10)
        written[name] = continuation(read)
        asked[name] = python_calls(lambda read=read: read(token))
print("the same tokens:", written["plain"] == written["static"], written["static"][:6], "…")
print("Python calls for a token:", asked)

# %% [markdown]
r"""
Both write {{the same tokens : written["plain"] == written["static"]}}. The plain program {{changes : programs["plain"][0] != programs["plain"][1]}} with the position, the static one {{does not : programs["static"][0] == programs["static"][1]}}: {{156 = len(programs["static"][0]) ± 12}} operations on the same shapes and addresses. So `generate` records it once on a CUDA device, and each token is one replay, with no Python between the kernels.

Without a GPU it is called like anything else, and still pays: one token needs no transposes, and functions are called without the modules around them. Python makes {{400 = asked["static"] ± 60}} calls for a token instead of {{1400 = asked["plain"] ± 200}}. The speed in the table is that of a sketch of this step; the step itself awaits a card (November 2026).
"""

# %% [markdown]
r"""
### Question · twice_the_arithmetic

A 7-billion model in bfloat16 writes one text on an H100, with graphs and good kernels: 85 % of its ceiling. What would a device with **twice the arithmetic** and the same memory bring?

- **a** Nearly twice the tokens a second.
- **b** Next to nothing.
- **c** Half the tokens a second, as the ridge moves.
"""

# %% exercise="twice_the_arithmetic" points=1 kind="choice" choices="a b c"
### BEGIN SOLUTION
twice_the_arithmetic = "b"
### END SOLUTION

# %% mistake="twice_the_arithmetic" name="a" hint="At one operation a byte it is memory that is waited for; compute both times of a step." active="py"
twice_the_arithmetic = "a"

# %% mistake="twice_the_arithmetic" name="c" hint="The ridge moves to the right, but the slope on its left, where we are, stays." active="py"
twice_the_arithmetic = "c"

# %% [markdown]
r"""
## 5 · A law, with its uncertainty

Train models of several sizes on the same number of tokens. The loss falls with $N$, but towards a floor: the entropy of the text, and whatever else more parameters do not help (too little text, for instance). What follows a power law is the loss **above the floor**:

$$L(N) = E + \frac{A}{N^{\alpha}}.$$

This is a ***scaling law***. (Kaplan et al. 2020 fitted it without $E$; Hoffmann et al. 2022 with it.) Two popular sentences are wrong: that the loss is a straight line on double-logarithmic paper (with $E > 0$ it bends), and that *performance* follows the law. The law is about the cross-entropy; how often a model solves a task is another number.
"""

# %% [markdown]
r"""
### Exercise · fit_power_law

For a given $\alpha$ the powers $p_i = N_i^{-\alpha}$ are known, and $E + A p_i$ is linear. We want small *relative* errors, so that no point counts more because its loss is larger: least squares of $E u_i + A v_i - 1$ with $u_i = 1 / L_i$, $v_i = p_i / L_i$. Then try many $\alpha$, and keep the best.

The normal equations of $\sum_i (E u_i + A v_i - 1)^2$:

$$E \sum u^2 + A \sum uv = \sum u, \qquad E \sum uv + A \sum v^2 = \sum v.$$

If the best $E$ is negative, the best that is allowed has $E = 0$, and then $A = \sum v / \sum v^2$.

By hand: the losses 5, 3, 2, 1.5 at $N = 1, 4, 16, 64$ are $1 + 4 / \sqrt N$ exactly. At $N = 16$: $1 + 4 / 4 = {{2 = scaling.fit_power_law([1.0, 4.0, 16.0, 64.0], [5.0, 3.0, 2.0, 1.5]).loss(16.0)}}$.
"""


# %% exercise="fit_power_law" parts={"law": 2, "noise": 2, "floor": 1} points=5 withheld="course_lib.scaling.laws.fit_power_law course_lib.scaling.laws.bootstrap_power_law"
def fit_power_law(x: Tensor, losses: Tensor) -> PowerLaw:
    """Return PowerLaw(floor, scale, exponent) with the least sum of squared relative errors.

    x, losses  (n,) float64, positive; at least 3 different x
    returns    floats. The exponent is one of 0.01, 0.02, ..., 2.00; for each of them floor and scale
               are the best ones with a floor that is not negative, and the best exponent wins.
               (The scale of falling losses is positive by itself.)

    Relative error: (floor + scale · x^-exponent) / loss - 1.

    Example: x = [1, 4, 16, 64] and losses = [5, 3, 2, 1.5] give floor 1, scale 4, exponent 0.5.
    """
    ### BEGIN SOLUTION
    best, best_error = None, math.inf
    for i in range(1, 201):
        power = x ** (-i / 100)
        u, v = 1 / losses, power / losses
        uu, uv, vv, u1, v1 = (u * u).sum(), (u * v).sum(), (v * v).sum(), u.sum(), v.sum()
        determinant = uu * vv - uv * uv
        floor, scale = (vv * u1 - uv * v1) / determinant, (uu * v1 - uv * u1) / determinant
        if floor < 0:
            floor, scale = 0 * floor, v1 / vv
        error = (floor * u + scale * v - 1).square().sum()
        if error < best_error:
            best, best_error = PowerLaw(floor.item(), scale.item(), i / 100), error
    return best
    ### END SOLUTION


# %% [markdown] hints="fit_power_law"
r"""
1. For one given exponent, what is left to find, and is it linear?
2. Loop over the 200 exponents: compute u and v, solve the two equations (by Cramer's rule, or `torch.linalg.solve`), set a negative floor to 0, sum the squared relative errors, keep the least.
3. `determinant = uu * vv - uv * uv` and `floor = (vv * u.sum() - uv * v.sum()) / determinant`
"""


# %% cases="fit_power_law" active="py"
def cases(seed):
    x = torch.tensor([1.0, 4, 16, 64], dtype=torch.float64)
    yield Case({"x": x, "losses": 1 + 4 * x**-0.5}, note="the docstring's example", part="law")
    yield Case({"x": x, "losses": 3 * x**-0.3}, note="no floor at all", part="law")
    yield Case({"x": x, "losses": 1 + 4 * x**-3}, note="they fall faster than the fastest law", part="law")
    slow = 10 - 0.02 * x.log() - 0.002 * x.log() ** 2
    yield Case({"x": x, "losses": slow}, note="they fall more slowly than the slowest law", part="law")
    for i in range(3):
        floor, scale, exponent = (1 + random_tensor(seed + i, 3).double().abs()).tolist()
        x = 30.0 * torch.arange(1, 8, dtype=torch.float64) ** 2
        exponent = round(0.2 * exponent, 2)
        exact = floor + 5 * scale * x**-exponent
        yield Case({"x": x, "losses": exact}, note="exact losses", part="law")
        noise = 1 + 0.05 * random_tensor(seed + 50 + i, 7).double()
        exact = floor + 90 * scale * x**-exponent
        yield Case({"x": x, "losses": exact * noise}, note="noisy losses that fall far", part="noise")
        bent = 9 * scale - x.log() + 0.01 * random_tensor(seed + 70 + i, 7).double()
        yield Case({"x": x, "losses": bent}, note="the best floor would be negative", part="floor")
    x = torch.tensor([1.0, 4, 16, 64], dtype=torch.float64)
    bent = torch.tensor([5.0, 4, 2.8, 1], dtype=torch.float64)
    yield Case({"x": x, "losses": bent}, note="four losses whose best floor would be negative", part="floor")


# %% probe="fit_power_law" active="py"
def probe(student, case):
    law = student(x=case["x"].clone(), losses=case["losses"].clone())
    numbers = {name: plain(getattr(law, name)) for name in ("floor", "scale", "exponent")}
    return numbers | {"floats": all(isinstance(number, int | float) for number in numbers.values())}


# %% judge="fit_power_law" active="py"
def judge(case, expected, got):
    return compare(expected, got, rtol=2e-3, atol=2e-3)


# %% equivalents="fit_power_law" active="py"
equivalents = {
    "range(1, 201) → range(0, 201)": "with the exponent 0 the determinant is 0 and the error nan, which is never less",
    "floor < 0 → floor <= 0": "with a floor of exactly 0 both formulas give the same scale",
    "0 * floor → 0 / floor": "both are 0",
    "(floor * u + scale * v - 1).square().sum() → (floor * u + scale * v - 1).square().mean()": "n is the same for all",
    "floor * u + scale * v - 1 → 1 - (floor * u + scale * v)": "it is squared",
    "floor * u + scale * v - 1 → floor * u + scale * v - 2": "for least squares this is n + 3 times the error: "
    "the residuals are orthogonal to the fit, so they sum to minus the error",
    "error < best_error → error <= best_error": "two exponents with exactly the same error do not occur",
}


# %% mistake="fit_power_law" name="absolute" hint="You minimise absolute errors, so the large losses of small models rule the fit. Divide each error by its loss." active="py"
def fit_power_law(x, losses):
    laws = []
    for i in range(1, 201):
        rows = torch.stack([torch.ones_like(x), x ** (-i / 100)], 1)
        floor, scale = torch.linalg.lstsq(rows, losses[:, None]).solution[:, 0]
        if floor < 0:
            floor, scale = 0 * floor, (rows[:, 1] @ losses) / (rows[:, 1] @ rows[:, 1])
        error = (floor + scale * rows[:, 1] - losses).square().sum().item()
        laws.append((error, i, PowerLaw(floor.item(), scale.item(), i / 100)))
    return min(laws, key=lambda law: law[:2])[2]


# %% mistake="fit_power_law" name="no_floor" hint="You fitted a straight line to the logarithms: that has no floor." active="py"
def fit_power_law(x, losses):
    rows = torch.stack([torch.ones_like(x), x.log()], 1)
    a, b = torch.linalg.lstsq(rows, losses.log()[:, None]).solution[:, 0].tolist()
    return PowerLaw(0.0, math.exp(a), -b)


# %% mistake="fit_power_law" name="negative_floor" hint="Right until the best floor is negative: then it must be 0, with the scale that is best for that." active="py"
def fit_power_law(x, losses):
    laws = []
    for i in range(1, 201):
        rows = torch.stack([1 / losses, x ** (-i / 100) / losses], 1)
        floor, scale = torch.linalg.lstsq(rows, torch.ones_like(x)[:, None]).solution[:, 0]
        error = (rows @ torch.stack([floor, scale]) - 1).square().sum().item()
        laws.append((error, i, PowerLaw(floor.item(), scale.item(), i / 100)))
    return min(laws, key=lambda law: law[:2])[2]


# %% mistake="fit_power_law" name="scale_kept" hint="Where the floor was set to 0, the scale must be fitted again: v·1 / v·v." active="py"
def fit_power_law(x, losses):
    laws = []
    for i in range(1, 201):
        rows = torch.stack([1 / losses, x ** (-i / 100) / losses], 1)
        best = torch.linalg.lstsq(rows, torch.ones_like(x)[:, None]).solution[:, 0]
        best = torch.stack([best[0].clamp(min=0), best[1]])
        laws.append(((rows @ best - 1).square().sum().item(), i, PowerLaw(*best.tolist(), i / 100)))
    return min(laws, key=lambda law: law[:2])[2]


# %% [markdown]
r"""
### Six tiny models

GPTs of two layers, from 8 to 48 features; three seeds of each; 300 steps of 512 tokens for all, which is {{0.51 = 300 * 512 / len(train) ± 0.01}} of the training text. The learning rate is $0.5 / d$, at most 0.02: wider models need smaller ones (Yang et al. 2022 say why). That rule was chosen after 0.01, 0.02 and 0.04 had been tried at widths up to 64, on these held-out words. (0.04 looked best on the first seed of the narrow ones, and was much worse on unlucky seeds.) A law that is fitted to models with *one* rate for all widths would be a law of bad rates.
"""


# %%
device = "cpu"  # on purpose: models this small would be mostly launches on a graphics card


def train_gpt(width, seed):
    shape = GPTConfig(V, seq_len=32, d_model=width, n_heads=2, n_layers=2)
    gpt = GPT(shape, generator=torch.Generator().manual_seed(seed)).to(device)
    rate, steps = min(0.02, 0.5 / width), budget(full=300, short=3)
    for _ in Trainer(gpt, draw_windows(train, 16, 32), next_token_loss, steps=steps, lr=rate, seed=seed):
        pass
    return gpt, matmul_parameters(shape), nats_per_token(gpt, test)


seeds, narrow_widths = range(3), (8, 12, 16)
runs = {(width, seed): train_gpt(width, seed) for width in narrow_widths for seed in seeds}

# %%
widths = (*narrow_widths, 24, 32, 48)
runs |= {(width, seed): train_gpt(width, seed) for width in widths[3:] for seed in seeds}
sizes = torch.tensor([n for _, n, _ in runs.values()], dtype=torch.float64)
losses = torch.tensor([nats for _, _, nats in runs.values()], dtype=torch.float64)
for width in widths:
    print(f"{width:3} features, N = {runs[width, 0][1]:7,}", *(f"{runs[width, s][2]:.3f}" for s in seeds))

# %% [markdown]
r"""
The seventh has 96 features, {{3.5 = held_out_size / sizes[-1].item()}} times the weights of the largest of these, and the same tokens. What will its held-out loss be? The entropy of the text is {{1.748 = entropy}}. (The sizes were settled after a trial with 8 to 32 features and a seventh of 64: there the law was 0.07 nats off, and inside its interval.)
"""

# %%
guess = predict_number(
    "19_scaling.seventh", "Held-out loss of the seventh model?", low=1.7, high=2.3, unit="nats a token"
)
guess

# %%
law = scaling.fit_power_law(sizes, losses)
draws = scaling.bootstrap_power_law(sizes, losses, torch.Generator().manual_seed(0))
seventh = [train_gpt(96, seed) for seed in seeds]
held_out_size, found = seventh[0][1], [nats for _, _, nats in seventh]
low, high = (edge.item() for edge in figures.band(draws, torch.tensor([float(held_out_size)])))
said = law.loss(held_out_size)
print(f"law: {law.floor:.2f} + {law.scale:.1f} / N^{law.exponent:.2f}; it says {said:.3f} ({low:.3f} to {high:.3f})")
print("found:", *(f"{nats:.3f}" for nats in found))
ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
floor_low, floor_high = torch.quantile(draws.floor, ends).tolist()
exponent_low, exponent_high = torch.quantile(draws.exponent, ends).tolist()
print(f"floor {floor_low:.2f} to {floor_high:.2f}, exponent {exponent_low:.2f} to {exponent_high:.2f}")
far = [edge.item() for edge in figures.band(draws, torch.tensor([1e7]))]
print(f"at N = 10 million: {far[0]:.2f} to {far[1]:.2f}")
guess.reveal(sum(found) / 3)

# %%
show(
    figures.power_law(
        {
            "fitted (three seeds each)": (sizes.tolist(), losses.tolist()),
            "held out": ([held_out_size] * 3, found),
        },
        law,
        draws,
        entropy,
        "Six sizes fitted, the seventh predicted",
    ),
    alt=f"Losses fall along a curve to a floor of {law.floor:.2f}; the law says {said:.2f} for the seventh.",
)

# %% [markdown]
r"""
The law says {{1.99 = said ± 0.04}}, with {{1.92 = low ± 0.05}} to {{2.05 = high ± 0.05}} as its interval, and the three models have a mean of {{1.99 = sum(found) / 3 ± 0.03}}: {{inside : low < sum(found) / 3 < high}}. That is what scaling laws are used for: to know what a run will bring before paying for it.

What they leave open is in the same fit. The floor is {{1.89 = law.floor ± 0.1}}, but 95 % of the bootstrap reach from {{1.56 = floor_low ± 0.3}} to {{2.01 = floor_high ± 0.1}}; the exponent {{0.44 = law.exponent ± 0.15}}, from {{0.24 = exponent_low ± 0.15}} to {{0.67 = exponent_high ± 0.2}}. Many pairs of floor and exponent fit alike, and agree next to the data. Far outside they part: at 10 million weights the interval is {{0.3 = far[1] - far[0] ± 0.15}} nats wide.

The interval knows the scatter between runs. It does not know what the law itself gets wrong, nor a learning rate that was bad at one width. And the fitted floor is {{not : law.floor > entropy + 0.02}} the entropy of the text, 1.748: after 153,600 tokens, more parameters alone do not bring you there. That is what the term $B / D^\beta$ of the next section is about.
"""

# %% [markdown]
r"""
### Two numbers that are exchanged, and a word · optional

GPT-2 (2019) and GPT-3 (2020) are decoders like that of [15](15_gpt.ipynb). The report on GPT-4 (2023) says that it is Transformer-style, predicts the next token and was tuned with human feedback, and gives no further details: whoever calls it decoder-only guesses.

GPT-3 read 300 billion tokens, drawn from data sets of $410 + 19 + 12 + 55 + 3 = {{499 = 410 + 19 + 12 + 55 + 3}}$ billion. Notes write “trained on 500 billion”. Only 300 fits the epochs of the paper's table: CommonCrawl, 60 % of the mixture, was read {{0.44 = 0.6 * 300 / 410}} times (Brown et al. 2020, table 2.2).

***Emergent abilities***, absent in small models and there in large ones (Wei et al. 2022), are in part a matter of the measure (Schaeffer et al. 2023). Let the share of right tokens grow smoothly, from 0.8 over 0.9 to 0.98. An exact match of 20 tokens, if errors are independent, grows from {{0.01 = 0.8**20}} over {{0.12 = 0.9**20}} to {{0.67 = 0.98**20}}, and looks like a jump.
"""

# %% [markdown]
r"""
## 6 · How to spend a budget

More parameters *and* more text: Hoffmann et al. (2022) fitted both,

$$L(N, D) = E + \frac{A}{N^\alpha} + \frac{B}{D^\beta},$$

with $D$ the tokens, each seen once. A budget of $C = 6ND$ operations leaves one choice, the split. Put $D = C / 6N$ into the law; the derivative in $N$ is 0 where $\alpha A / N^\alpha = \beta B / D^\beta$. With $G = (\alpha A / \beta B)^{1/(\alpha + \beta)}$ that is the ***compute-optimal*** model

$$N = G \cdot (C/6)^{\beta / (\alpha + \beta)}, \qquad D = (C/6) / N.$$

By hand, with $\alpha = \beta = \tfrac12$ and $A = B$: $G = 1$, and a budget of $C = 600$ splits into $N = \sqrt{100} = 10$ parameters and 10 tokens.

### Exercise · compute_optimal
"""


# %% exercise="compute_optimal" parts={"split": 2, "errors": 1} points=3 withheld="course_lib.scaling.laws.compute_optimal"
def compute_optimal(flops: float, law: ScalingLaw) -> tuple[float, float]:
    """Return the parameters N and tokens D with the least loss for a budget of C = 6·N·D operations.

    flops    C
    law      with numbers law.e, law.a, law.alpha, law.b, law.beta; law.loss(N, D) is the loss
    returns  (N, D), two floats, not rounded

    Raises ValueError for a budget that is not positive.

    Example: compute_optimal(600, ScalingLaw(e=1, a=2, alpha=0.5, b=2, beta=0.5)) is (10.0, 10.0).
    """
    ### BEGIN SOLUTION
    if not flops > 0:
        raise ValueError(f"flops must be positive, got {flops}")
    both = law.alpha + law.beta
    g = (law.alpha * law.a / (law.beta * law.b)) ** (1 / both)
    n = g * (flops / 6) ** (law.beta / both)
    return n, flops / 6 / n
    ### END SOLUTION


# %% [markdown] hints="compute_optimal"
r"""
1. Which exponent belongs to N: if more parameters help for longer (a small α), should N grow faster or slower with C?
2. Compute G from the four numbers, N from G and C/6, and D as what is left. Check: 6·N·D must be C.
3. `g = (law.alpha * law.a / (law.beta * law.b)) ** (1 / …)`
"""


# %% cases="compute_optimal" active="py"
def cases(seed):
    yield Case(
        {"flops": 600.0, "law": {"e": 1.0, "a": 2.0, "alpha": 0.5, "b": 2.0, "beta": 0.5}},
        note="the docstring's example",
        part="split",
    )
    for i in range(4):
        a, b, c, d, e = (0.1 + random_tensor(seed + i, 5).double().abs()).tolist()
        law = {"e": a, "a": 300 * b, "alpha": 0.2 + 0.1 * c, "b": 900 * d, "beta": 0.2 + 0.2 * e}
        yield Case({"flops": 10.0 ** (8 + 4 * i), "law": law}, note="random laws and budgets", part="split")
        yield Case({"flops": 10.0**-i, "law": law}, note="a budget below 1 is no error", part="errors")
    yield Case({"flops": 0.0, "law": law}, note="no budget", part="errors")
    yield Case({"flops": -6.0, "law": law}, note="a negative budget", part="errors")


# %% probe="compute_optimal" active="py"
def probe(student, case):
    n, d = student(flops=case["flops"], law=ScalingLaw(**case["law"]))
    return {"N": plain(n), "D": plain(d)}


# %% mistake="compute_optimal" name="exponents_swapped" hint="N grows with β/(α+β), the *other* exponent: if text helps quickly (a large β), little text is enough." active="py"
def compute_optimal(flops, law):
    if not flops > 0:
        raise ValueError
    both = law.alpha + law.beta
    g = (law.alpha * law.a / (law.beta * law.b)) ** (1 / both)
    n = g * (flops / 6) ** (law.alpha / both)
    return n, flops / 6 / n


# %% mistake="compute_optimal" name="no_six" hint="A parameter and a token cost 6 operations: N·D is C/6." active="py"
def compute_optimal(flops, law, right=compute_optimal):
    return right(6 * flops, law)


# %% mistake="compute_optimal" name="g_upside_down" hint="G has αA above and βB below; yours is its reciprocal." active="py"
def compute_optimal(flops, law, right=compute_optimal):
    n, d = right(flops, law)
    g = (law.alpha * law.a / (law.beta * law.b)) ** (1 / (law.alpha + law.beta))
    return n / g**2, d * g**2


# %% mistake="compute_optimal" name="even_split" hint="You divided the budget evenly, N = D; that is right only where the law treats both alike." active="py"
def compute_optimal(flops, law):
    if not flops > 0:
        raise ValueError
    return math.sqrt(flops / 6), math.sqrt(flops / 6)


# %% mistake="compute_optimal" name="no_error" hint="The split is right. A budget of 0 or less must raise a ValueError." active="py"
def compute_optimal(flops, law):
    both = law.alpha + law.beta
    g = (law.alpha * law.a / (law.beta * law.b)) ** (1 / both)
    n = g * abs(flops / 6) ** (law.beta / both)
    return n, flops / 6 / (n or 1)


# %% [markdown]
r"""
### Two fits of the same runs

At the budget of Chinchilla, $5.76 \cdot 10^{23}$ operations, move the tokens a parameter. The stars are each law's best.
"""

# %%
split = yours("scaling.compute_optimal", scaling.compute_optimal)
ratios = {}
for name, one in {"Hoffmann et al. 2022": HOFFMANN_2022, "Besiroglu et al. 2024": BESIROGLU_2024}.items():
    n, d = split(5.76e23, one)
    ratios[name] = d / n
    print(f"{name}: {n:.1e} parameters, {d:.1e} tokens, {d / n:.0f} tokens a parameter, loss {one.loss(n, d):.3f}")
published, fitted_again = ratios.values()
best_there = BESIROGLU_2024.loss(*scaling.compute_optimal(5.76e23))
n_small = math.sqrt(5.76e23 / 6 / (10 * fitted_again))
off_by_ten = BESIROGLU_2024.loss(n_small, 5.76e23 / 6 / n_small)
print(f"{n_small:.1e} parameters at ten times the tokens each: {off_by_ten:.3f} in place of {best_there:.3f}")
explorers.budget_explorer()

# %% [markdown]
r"""
The law as *published* asks for {{93 = published}} tokens a parameter; the authors trained their model, 70 billion parameters on 1.4 trillion tokens, with 20, which their other two methods had given. Besiroglu et al. (2024) read the points off the paper's figure and fitted again: {{18 = fitted_again}}. Their reasons: the optimiser had stopped early, and the printed numbers are rounded. A published fit is a measurement like any other: look for its residuals and its interval.

And the valley is flat: with 10 times the tokens a parameter, the newer law expects {{0.013 = off_by_ten - best_there}} nats more. So a smaller model, trained for longer than its optimum, loses little and is cheaper to *run*. As of November 2026 this is what is done: Llama 3's model of 8 billion parameters (2024) read 15 trillion tokens, {{1,875 = 15e12 / 8e9}} a parameter.
"""

# %% [markdown]
r"""
## 7 · The same result in less memory

Attention needs the softmax of a row of scores. The row is long, and lesson 01's stable softmax must know its largest score before it can add anything up. An ***online softmax*** (Milakov and Gimelshein 2018) adds up anyway, and corrects: keep the largest score so far, $m$, and the sum $s$ of $e^{\text{score} - m}$. When a block comes whose maximum is larger, everything so far was computed with too small an $m$; it is repaired by one factor.

$$m' = \max(m, \max \text{block}), \qquad s' = s \cdot e^{m - m'} + \sum_{\text{block}} e^{x - m'}$$

By hand, block size 1, scores 1, 3, 2: $m = 1$, $s = 1$; then $m = 3$, $s = e^{-2} + 1 = {{1.135 = math.exp(-2) + 1}}$; then $s = 1.135 + e^{-1} = {{1.503 = math.exp(-2) + 1 + math.exp(-1)}}$. The first weight is $e^{1-3} / 1.503 = {{0.090 = torch.tensor([1.0, 3.0, 2.0]).softmax(0)[0]}}$.

### Exercise · online_softmax
"""


# %% exercise="online_softmax" parts={"values": 2, "blocks": 1, "edges": 1} points=4 withheld="course_lib.scaling.softmax.online_softmax course_lib.scaling.softmax.absorb course_lib.scaling.softmax.exp_shifted course_lib.information.softmax course_lib.information.log_softmax torch.softmax torch.log_softmax torch.logsumexp torch.logcumsumexp torch.cummax"
def online_softmax(scores: Tensor, block: int = 128) -> Tensor:
    """Return the softmax over the last dimension, with maximum and sum found block by block.

    scores   (..., S) floating point, S ≥ 1; -inf is forbidden, +inf and nan do not occur
    block    scores of a row that are read at once; the last block may be shorter
    returns  (..., S); a row of nothing but -inf gives zeros. No argument is changed

    Maxima and sums are taken over at most `block` scores of a row at once.
    Raises ValueError for a block below 1.

    Example: online_softmax(torch.tensor([1.0, 3.0, 2.0]), 1) is [0.0900, 0.6652, 0.2447].
    """
    ### BEGIN SOLUTION
    if block < 1:
        raise ValueError(f"block must be at least 1, got {block}")
    largest = torch.full_like(scores[..., :1], -math.inf)
    total = torch.zeros_like(largest)
    for part in scores.split(block, dim=-1):
        new = torch.maximum(largest, part.amax(-1, keepdim=True))
        safe = new.masked_fill(new == -math.inf, 0.0)
        total = total * (largest - safe).exp() + (part - safe).exp().sum(-1, keepdim=True)
        largest = new
    safe = largest.masked_fill(largest == -math.inf, 0.0)
    return (scores - safe).exp() / total.masked_fill(total == 0, 1.0)
    ### END SOLUTION


# %% [markdown] hints="online_softmax"
r"""
1. What is $-\infty - (-\infty)$, and when does it come up here?
2. Keep `largest` (…, 1) and `total` (…, 1); for each block take the new maximum, rescale the total, add the block's exponentials. Where everything so far is −inf, subtract 0 instead.
3. `total = total * (largest - safe).exp() + …`, where `safe` is the new maximum, or 0 where that is −inf.
"""


# %% cases="online_softmax" active="py"
def cases(seed):
    yield Case({"scores": torch.tensor([1.0, 3.0, 2.0]), "block": 1}, note="the docstring's example", part="values")
    yield Case({"scores": torch.tensor([0.0, 1000.0, 1000.0]), "block": 1}, note="large scores", part="values")
    yield Case({"scores": torch.tensor([1000.0, 0.0, -1000.0]), "block": 2}, note="they fall", part="values")
    for i, (block, shape) in enumerate(((2, (3, 7)), (4, (2, 3, 8)), (50, (2, 5)))):
        scores = random_tensor(seed + i, *shape, scale=4.0)
        yield Case({"scores": scores, "block": block}, note="random", part="values")
    scores = random_tensor(seed + 5, 2, 60, scale=3.0)
    yield Case({"scores": scores, "block": 8, "count": True}, note="reads 8 at once", part="blocks")
    yield Case({"scores": scores[:, :31], "block": 3, "count": True}, note="reads 3 at once", part="blocks")
    apart = torch.tensor([[0.0, 1.0], [2000.0, 2001.0]])
    yield Case({"scores": apart, "block": 2}, note="rows far apart", part="values")
    yield Case({"scores": torch.tensor([-3e9, -3e9]), "block": 1}, note="far below 0", part="values")
    hidden = random_tensor(seed + 6, 3, 6)
    hidden[0, :4], hidden[1] = -math.inf, -math.inf
    yield Case({"scores": hidden, "block": 2}, note="forbidden scores, and a row of nothing else", part="edges")
    yield Case({"scores": hidden[:, :2] + 0.0, "block": 5}, note="one short block", part="edges")
    yield Case({"scores": hidden, "block": 0}, note="a block of nothing", part="edges")


# %% probe="online_softmax" active="py"
def probe(student, case):
    scores = case["scores"].clone()
    with Watch() as watch:
        out = plain(student(scores=scores, block=case["block"]))
    if "count" not in case:
        return {"weights": out, "scores changed": not torch.equal(scores, case["scores"])}
    return {"weights": out, "more than a block at once": watch.longest > case["block"]}


# %% equivalents="online_softmax" active="py"
equivalents = {
    "scores: Tensor, block: int=128 → scores: Tensor, block: int=129": "another default reads more at once, and gives the same",
    "scores: Tensor, block: int=128 → scores: Tensor, block: int=127": "another default reads less at once, and gives the same",
    "torch.zeros_like(largest) → torch.ones_like(largest)": "it is multiplied by e to the power of −∞ first",
    "total.masked_fill(total == 0, 1.0) → total.masked_fill(total == 0, 2.0)": "0 divided by 2 is 0 as well",
}


# %% mistake="online_softmax" name="not_rescaled" hint="When a larger score appears, the sum so far was made with the smaller maximum: multiply it by e^(old − new)." active="py"
def online_softmax(scores, block=128):
    if block < 1:
        raise ValueError
    largest = torch.full_like(scores[..., :1], -math.inf)
    total = torch.zeros_like(largest)
    for part in scores.split(block, dim=-1):
        largest = torch.maximum(largest, part.amax(-1, keepdim=True))
        safe = largest.masked_fill(largest == -math.inf, 0.0)
        total = total + (part - safe).exp().sum(-1, keepdim=True)
    return (scores - safe).exp() / total.masked_fill(total == 0, 1.0)


# %% mistake="online_softmax" name="at_once" hint="The weights are right, but you took the maximum or the sum of whole rows; read at most `block` scores at once." active="py"
def online_softmax(scores, block=128):
    if block < 1:
        raise ValueError
    largest = scores.amax(-1, keepdim=True)
    weights = (scores - largest.masked_fill(largest == -math.inf, 0.0)).exp()
    total = weights.sum(-1, keepdim=True)
    return weights / total.masked_fill(total == 0, 1.0)


# %% mistake="online_softmax" name="nan_where_forbidden" hint="−inf − (−inf) is nan: while nothing but −inf has been seen, subtract 0." active="py"
def online_softmax(scores, block=128):
    if block < 1:
        raise ValueError
    largest = torch.full_like(scores[..., :1], -math.inf)
    total = torch.zeros_like(largest)
    for part in scores.split(block, dim=-1):
        new = torch.maximum(largest, part.amax(-1, keepdim=True))
        total = total * (largest - new).exp() + (part - new).exp().sum(-1, keepdim=True)
        largest = new
    return (scores - largest).exp() / total


# %% mistake="online_softmax" name="no_maximum" hint="e^1000 is infinite in floating point: subtract the largest score." active="py"
def online_softmax(scores, block=128):
    if block < 1:
        raise ValueError
    total = sum(part.exp().sum(-1, keepdim=True) for part in scores.split(block, dim=-1))
    return scores.exp() / total.masked_fill(total == 0, 1.0)


# %% mistake="online_softmax" name="short_block_dropped" hint="The last block may be shorter than the others; yours was left out of the sum." active="py"
def online_softmax(scores, block=128, right=online_softmax):
    if block < 1:
        raise ValueError
    whole = scores.size(-1) // block * block
    known = right(scores[..., : whole or scores.size(-1)], block)
    if not whole or whole == scores.size(-1):
        return known
    largest = scores[..., :whole].amax(-1, keepdim=True)
    largest = largest.masked_fill(largest == -math.inf, 0.0)
    total = (scores[..., :whole] - largest).exp().sum(-1, keepdim=True)
    return (scores - largest).exp() / total.masked_fill(total == 0, 1.0)


# %% [markdown]
r"""
### From a row to attention

Keep the weighted sum of the *values* as well, and correct it by the same factor: then a block of scores can be thrown away as soon as it has been used. That is FlashAttention (Dao et al. 2022), whose use lesson [12](12_attention.ipynb) showed. For each block of queries, over all blocks of keys:

1. scores of the tile, $q k^\top / \sqrt D$;
2. new maximum $m'$, factor $e^{m - m'}$, weights $w = e^{\text{scores} - m'}$;
3. $s \leftarrow s \cdot \text{factor} + \sum w$ and $o \leftarrow o \cdot \text{factor} + w v$.

At the end the queries get $o / s$ (`summed / total` below). Under a causal mask, tiles above the diagonal are never computed.
"""

# %%
show(
    figures.tiles(1024, 128, "36 of 64 tiles: above the diagonal, nothing"),
    alt="An 8 by 8 grid of tiles, numbered row by row; those above the diagonal are grey and have no number.",
)

# %% [markdown]
r"""
### Exercise · tiled_attention
"""


# %% exercise="tiled_attention" parts={"values": 2, "causal": 2, "memory": 1} points=5 withheld="course_lib.scaling.tiling.tiled_attention course_lib.scaling.softmax.absorb course_lib.scaling.softmax.exp_shifted course_lib.attention.scaled_dot_product_attention course_lib.attention.fused_attention torch.nn.functional.scaled_dot_product_attention torch.nn.functional.multi_head_attention_forward torch.softmax"
def tiled_attention(q: Tensor, k: Tensor, v: Tensor, causal: bool = False, block: int = 128) -> Tensor:
    """Return softmax(q·kᵀ/√D)·v without the T × S matrix of scores.

    q        (..., T, D); k (..., S, D); v (..., S, E); leading dimensions are equal
    causal   queries are the last T of the S positions: query t sees keys 0 ... S − T + t; T ≤ S then
    block    queries and keys in a tile; the last ones may be smaller
    returns  (..., T, E). No gradient is asked for, and no argument is changed

    For each leading index, no tensor has more numbers than an input or a tile (block × block),
    whichever is larger.

    Example: one query [0.], keys [[1.], [5.]], values [[2.], [4.]] give [[3.]] for every block.
    """
    ahead, outputs = k.size(-2) - q.size(-2), []
    for start in range(0, q.size(-2), block):
        rows = q[..., start : start + block, :] / math.sqrt(q.size(-1))
        places = torch.arange(start, start + rows.size(-2), device=q.device)[:, None] + ahead
        # rows: a block of scaled queries; places: the last key that each of them may see under causal
        ### BEGIN SOLUTION
        largest = torch.full_like(rows[..., :1], -math.inf)
        total, summed = torch.zeros_like(largest), 0.0
        for first in range(0, places.max() + 1 if causal else k.size(-2), block):
            scores = rows @ k[..., first : first + block, :].mT
            columns = torch.arange(first, first + scores.size(-1), device=q.device)
            scores = scores.masked_fill(columns > places, -math.inf) if causal else scores
            new = torch.maximum(largest, scores.amax(-1, keepdim=True))
            factor, weights = (largest - new).exp(), (scores - new).exp()
            total = total * factor + weights.sum(-1, keepdim=True)
            summed = summed * factor + weights @ v[..., first : first + block, :]
            largest = new
        ### END SOLUTION
        outputs.append(summed / total)
    return torch.cat(outputs, dim=-2)


# %% [markdown] hints="tiled_attention"
r"""
1. Which three things does a block of queries carry from one tile to the next, and what does a new maximum do to each?
2. The outer loop is there. Inside it, loop over blocks of keys. Under `causal`, mask by position, and stop where no query of the block sees any key. In the first tile every query sees key 0, so the maximum is finite from then on.
3. `summed = summed * factor + weights @ v[..., first : first + block, :]`
"""


# %% cases="tiled_attention" active="py"
def cases(seed):
    def case(shape, keys, width, i, **more):
        *leading, _, d = shape
        q = random_tensor(seed + i, *shape, scale=2.0)
        k = random_tensor(seed + i + 1, *leading, keys, d, scale=2.0)
        return {"q": q, "k": k, "v": random_tensor(seed + i + 2, *leading, keys, width)} | more

    one = {"q": torch.zeros(1, 1), "k": torch.tensor([[1.0], [5.0]]), "v": torch.tensor([[2.0], [4.0]])}
    yield Case(one | {"block": 1}, note="the docstring's example", part="values")
    yield Case(case((3, 2), 4, 2, 3, block=2), note="two blocks of keys", part="values")
    yield Case(case((2, 5, 4), 7, 3, 9, block=3), note="short last blocks", part="values")
    yield Case(case((2, 3, 4, 8), 6, 5, 15, block=50), note="one tile", part="values")
    yield Case(case((4, 2), 4, 2, 21, block=2, causal=True), note="as many keys as queries", part="causal")
    yield Case(case((2, 5, 4), 5, 3, 27, block=2, causal=True), note="short last blocks", part="causal")
    yield Case(case((3, 4), 8, 3, 33, block=3, causal=True), note="more keys than queries", part="causal")
    yield Case(case((2, 1, 4), 7, 3, 39, block=2, causal=True), note="one query", part="causal")
    ones = torch.ones(2, 1)
    low = {"q": ones, "k": -3e9 * ones, "v": torch.tensor([[1.0], [3.0]]), "block": 1}
    yield Case(low, note="scores far below 0", part="values")
    yield Case(low | {"causal": True, "block": 2}, note="scores far below 0", part="causal")
    apart = {"q": torch.tensor([[0.0], [2000.0]]), "k": ones, "v": low["v"], "block": 2}
    yield Case(apart, note="queries whose scores are far apart", part="values")
    more = case((1, 64, 4), 64, 4, 45, block=16, count=True)
    yield Case(more, note="no matrix of all scores", part="memory")
    yield Case(more | {"causal": True}, note="no matrix, and nothing above the diagonal", part="memory")


# %% setup=true
class Products(TorchDispatchMode):
    """Counts the numbers that come out of products of matrices."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **kwargs or {})
        if function.__name__.split(".")[0] in ("mm", "bmm", "baddbmm", "addmm"):
            self.numbers += result.numel()
        return result


# %% probe="tiled_attention" active="py"
def probe(student, case):
    inputs = {name: case[name].clone() for name in "qkv"}
    options = {name: case[name] for name in ("causal", "block") if name in case}
    with Watch() as watch, Products() as products:
        out = plain(student(**inputs, **options))
    if "count" not in case:
        return {"output": out, "inputs changed": not all(torch.equal(inputs[x], case[x]) for x in "qkv")}
    skipped = not case.get("causal") or products.numbers < 0.8 * (64 * 64 + 64 * 4 * 4)
    return {"output": out, "too large": watch.largest > 256, "tiles above the diagonal skipped": skipped}


# %% equivalents="tiled_attention" active="py"
equivalents = {
    "q: Tensor, k: Tensor, v: Tensor, causal: bool=False, block: int=128 → q: Tensor, k: Tensor, v: Tensor, causal: bool=False, block: int=129": "another default reads more at once, and gives the same",
    "q: Tensor, k: Tensor, v: Tensor, causal: bool=False, block: int=128 → q: Tensor, k: Tensor, v: Tensor, causal: bool=False, block: int=127": "another default reads less at once, and gives the same",
    "torch.zeros_like(largest) → torch.ones_like(largest)": "it is multiplied by e to the power of −∞ first",
    "return torch.cat(outputs, dim=-2) → return detached(torch.cat(outputs, dim=-2))": "no gradient is asked for",
}


# %% mistake="tiled_attention" name="sum_not_rescaled" hint="When the maximum grows, the values gathered so far must be multiplied by the factor, too." active="py"
def tiled_attention(q, k, v, causal=False, block=128):
    outputs, ahead = [], k.size(-2) - q.size(-2)
    for start in range(0, q.size(-2), block):
        rows = q[..., start : start + block, :] / math.sqrt(q.size(-1))
        places = torch.arange(start, start + rows.size(-2))[:, None] + ahead
        largest = torch.full_like(rows[..., :1], -math.inf)
        total, summed = torch.zeros_like(largest), 0.0
        for first in range(0, places.max() + 1 if causal else k.size(-2), block):
            scores = rows @ k[..., first : first + block, :].mT
            hidden = torch.arange(first, first + scores.size(-1)) > places
            scores = scores.masked_fill(hidden, -math.inf) if causal else scores
            new = torch.maximum(largest, scores.amax(-1, keepdim=True))
            weights = (scores - new).exp()
            total = total * (largest - new).exp() + weights.sum(-1, keepdim=True)
            summed = summed + weights @ v[..., first : first + block, :]
            largest = new
        outputs.append(summed / total)
    return torch.cat(outputs, dim=-2)


# %% mistake="tiled_attention" name="softmax_per_tile" hint="You averaged the tiles, each with its own softmax; tiles with large scores must weigh more." active="py"
def tiled_attention(q, k, v, causal=False, block=128):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril(k.size(-2) - q.size(-2))
        scores = scores.masked_fill(~seen, -math.inf)
    parts = [(s - s.logsumexp(-1, keepdim=True)).exp().nan_to_num() for s in scores.split(block, -1)]
    sums = [p.sum(-1, keepdim=True) for p in parts]
    return sum(p @ x for p, x in zip(parts, v.split(block, -2))) / sum(sums)


# %% mistake="tiled_attention" name="aligned_at_the_start" hint="The queries are the last T positions: query t sees keys up to S − T + t, not up to t." active="py"
def tiled_attention(q, k, v, causal=False, block=128, right=tiled_attention):
    if causal:
        k, v = k[..., : q.size(-2), :], v[..., : q.size(-2), :]
    return right(q, k, v, causal, block)


# %% mistake="tiled_attention" name="no_scale" hint="The scores are divided by √D." active="py"
def tiled_attention(q, k, v, causal=False, block=128, right=tiled_attention):
    return right(q * math.sqrt(q.size(-1)), k, v, causal, block)


# %% mistake="tiled_attention" name="whole_matrix" hint="The numbers are right, but a matrix of all scores exists on the way; compute them tile by tile." active="py"
def tiled_attention(q, k, v, causal=False, block=128):
    scores = q @ k.mT / math.sqrt(q.size(-1))
    if causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril(k.size(-2) - q.size(-2))
        scores = scores.masked_fill(~seen, -math.inf)
    return (scores - scores.logsumexp(-1, keepdim=True)).exp() @ v


# %% mistake="tiled_attention" name="causal_ignored" hint="Under causal, a query must not see the keys behind its own position." active="py"
def tiled_attention(q, k, v, causal=False, block=128, right=tiled_attention):
    return right(q, k, v, False, block)


# %% [markdown]
r"""
### What training keeps

For training, the backward pass is written by hand as well (`course_lib.scaling.tiled_attention` has it): it keeps the output and one number a query, the logarithm of the sum, and computes every tile of weights again. Bytes that autograd keeps, four heads of 16 features:
"""

# %%
lengths, kept = (128, 256, 512, 1024), {"the whole matrix": [], "tiled": []}
for length in lengths:
    q, k, v = (torch.ones(1, 4, length, 16, requires_grad=True) * 1 for _ in range(3))
    whole = saved_bytes(lambda: attention.scaled_dot_product_attention(q, k, v)[0])
    tiled = saved_bytes(lambda: scaling.tiled_attention(q, k, v, block=64))
    kept["the whole matrix"].append(whole / 2**20)
    kept["tiled"].append(tiled / 2**20)
show(
    figures.growth(lengths, kept, "Twice the length: the matrix pays four times, tiles twice"),
    alt="; ".join(f"{n} tokens: {a:.2f} and {b:.2f} MiB" for n, a, b in zip(lengths, *kept.values())),
)
mine = yours("scaling.tiled_attention", scaling.tiled_attention)(q, k, v, causal=True, block=64)
plainly = attention.scaled_dot_product_attention(q, k, v, attention.causal_mask(length))[0]
difference = (mine - plainly).abs().max().item()
print(f"1,024 tokens: largest difference {difference:.1e}")

# %% [markdown]
r"""
At 1,024 tokens the matrix costs {{16 = kept["the whole matrix"][-1] / kept["tiled"][-1] ± 1}} times the bytes, and the result is {{the same up to rounding : difference < 1e-5}}: exact attention, no approximation. The *operations* are not fewer, and in our Python it is slower. On a GPU it is faster, since a tile stays in the fast memory beside the arithmetic: the roofline again, with intensity raised.

### What checkpointing costs · optional

Lesson [15](15_gpt.ipynb) kept the input of each block only, and computed the rest again. "A third more work", says the rule: one more forward pass beside one forward and two backward. Counted on this GPT's blocks:
"""

# %%
stack = GPT(GPTConfig(V, seq_len=32, d_model=64, n_layers=8, n_heads=4))
blocks = [lambda x, block=block: block(x, None, None) for block in stack.blocks]
entered = torch.ones(8, 32, 64, requires_grad=True)


def counted_step(run):
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run().sum().backward()
    return counter.get_total_flops()


def in_turn():
    x = entered
    for block in blocks:
        x = block(x)
    return x


every_one = counted_step(in_turn), saved_bytes(in_turn)
for every in (1, 2, 4, 8):
    again = lambda every=every: scaling.checkpointed(blocks, entered, every)
    more, bytes_kept = counted_step(again) / every_one[0], saved_bytes(again) / every_one[1]
    print(f"a stretch of {every}: {more:.2f} times the operations, {bytes_kept:.3f} of the bytes between the passes")
extra = counted_step(lambda: scaling.checkpointed(blocks, entered)) / every_one[0] - 1
kept_share = saved_bytes(lambda: scaling.checkpointed(blocks, entered)) / every_one[1]

# %% [markdown]
r"""
Not a third but {{23 % = extra ± 1 %}}: PyTorch stops computing again as soon as the last tensor is there that the backward pass needs, which saves the last product of each stretch. What is kept falls to {{6 % = kept_share ± 1.5 %}}.

With stretches of 8, less still is kept between the passes, but then all 8 blocks are whole in memory at once while they are computed again. What is kept (one input in each stretch) and what is whole (one stretch) are least in sum near $\sqrt L$ blocks, if a layer keeps one tensor.

### Exercise · checkpointed · optional

`checkpoint(function, x, use_reentrant=False)` computes function(x), keeps x alone, and computes again in the backward pass.
"""


# %% exercise="checkpointed" parts={"values": 1, "kept": 2, "errors": 1} points=4 optional=true withheld="course_lib.scaling.checkpointing.checkpointed torch.utils.checkpoint.checkpoint_sequential"
def checkpointed(layers: Sequence[Callable[[Tensor], Tensor]], x: Tensor, every: int = 1) -> Tensor:
    """Return layers[-1](… layers[0](x)), keeping for the backward pass the input of every so many layers.

    layers   modules or functions of one tensor, perhaps none
    x        what the first takes, of any shape
    every    layers in a stretch; the last stretch may have fewer
    returns  what the last layer returns (x itself if there is none), with the gradients it would have
             without checkpointing. In the backward pass each layer is computed once more

    Raises ValueError for every below 1.
    """
    ### BEGIN SOLUTION
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every}")

    def in_turn(stretch, x):
        for layer in stretch:
            x = layer(x)
        return x

    for start in range(0, len(layers), every):
        x = checkpoint(in_turn, layers[start : start + every], x, use_reentrant=False)
    return x
    ### END SOLUTION


# %% [markdown] hints="checkpointed"
r"""
1. When does a function that your loop hands to `checkpoint` look at the loop's variables: now, or in the backward pass?
2. Cut the layers into stretches. For each, checkpoint a function that applies its layers one after the other; give it the stretch as an argument, since a closure over the loop's variable would see the last one.
3. `for start in range(0, len(layers), every):` and `layers[start : start + every]`
"""


# %% cases="checkpointed" active="py"
def cases(seed):
    for i, (n, every) in enumerate(((1, 1), (4, 2), (5, 2), (4, 1), (3, 9))):
        case = {"weights": random_tensor(seed + i, n, 3, 3), "x": random_tensor(seed + 20 + i, 2, 3), "every": every}
        yield Case(case, note="random layers", part="values")
    yield Case(case | {"weights": torch.zeros(0, 3, 3)}, note="no layers", part="values")
    for i, (n, every) in enumerate(((4, 1), (4, 2), (5, 2), (3, 3))):
        case = {"weights": random_tensor(seed + 40 + i, n, 3, 3), "x": random_tensor(seed + 60 + i, 2, 3)}
        yield Case(case | {"every": every, "count": True}, note="bytes and calls", part="kept")
        yield Case(case | {"every": 1}, note="1 is no error", part="errors")
    left_out = {"weights": case["weights"], "x": case["x"], "count": True}
    yield Case(left_out, note="every left out", part="errors")
    for every in (0, -1):
        yield Case(case | {"every": every}, note=f"every is {every}", part="errors")


# %% probe="checkpointed" active="py"
def probe(student, case):
    x, weights, kept, calls = case["x"].clone().requires_grad_(), case["weights"].clone().requires_grad_(), [], []

    def layer(i):
        def apply(x):
            calls.append(i)
            return x + (x @ weights[i]).tanh().sin()

        return apply

    def keep(tensor):
        if tensor.shape == x.shape:
            kept.append(tensor.data_ptr())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        every = {"every": case["every"]} if "every" in case else {}
        out = student(layers=[layer(i) for i in range(len(weights))], x=x, **every)
    tensors_kept = len(set(kept))
    (out * torch.arange(1.0, 7.0).view(2, 3)).sum().backward()
    result = {"output": out.detach(), "gradient of x": x.grad, "gradient of the layers": weights.grad}
    if "count" in case:
        result |= {"tensors kept": tensors_kept, "computed": [calls.count(i) for i in range(len(weights))]}
    return result


# %% equivalents="checkpointed" active="py"
equivalents = {
    "every < 1 → every < 0": "range() itself raises ValueError for steps of 0",
    "checkpoint(in_turn, layers[start:start + every], x, use_reentrant=False) → "
    "checkpoint(in_turn, layers[start:start + every], x)": "both of torch's ways do this; it recommends to say which",
}


# %% mistake="checkpointed" name="not_checkpointed" hint="Output and gradients are right, but everything is kept, and nothing is computed again." active="py"
def checkpointed(layers, x, every=1):
    if every < 1:
        raise ValueError
    for layer in layers:
        x = layer(x)
    return x


# %% mistake="checkpointed" name="every_layer" hint="You keep the input of each layer; it should be the input of each stretch of `every` layers." active="py"
def checkpointed(layers, x, every=1, right=checkpointed):
    return right(layers, x, min(every, 1))


# %% mistake="checkpointed" name="late_closure" hint="Your function reads the loop's variable when it is called, and in the backward pass that is the last stretch. Give the stretch as an argument." active="py"
def checkpointed(layers, x, every=1):
    if every < 1:
        raise ValueError
    stretch = []

    def in_turn(x):
        for layer in stretch:
            x = layer(x)
        return x

    for start in range(0, len(layers), every):
        stretch = layers[start : start + every]
        x = checkpoint(in_turn, x, use_reentrant=False)
    return x


# %% mistake="checkpointed" name="rest_dropped" hint="The last stretch may have fewer layers than `every`; yours is left out." active="py"
def checkpointed(layers, x, every=1, right=checkpointed):
    if every < 1:
        raise ValueError
    whole = len(layers) // every * every
    return right(layers[:whole], x, every)


# %% [markdown]
r"""
## 8 · Fewer bits

One text at a time, the weights are what is read (section 4): half the bytes, half the least time. ***Quantisation*** keeps a weight as a whole number of few bits, with one scale for a row of the matrix:

$$m = 2^{b-1} - 1, \qquad s = \frac{\max |w|}{m}, \qquad \text{code} = \operatorname{round}(w / s) \in \{-m, \dots, m\}, \qquad w \approx s \cdot \text{code}.$$

It is *symmetric*, so 0 stays 0. A weight moves by at most half a step $s$, and one large weight makes the steps of its whole row coarse.

By hand, 3 bits: $m = 3$. The row $(0.5, -1.4, 2.1)$ has $s = 2.1 / 3 = 0.7$, the codes $(1, -2, 3)$, and comes back as $(0.7, -1.4, 2.1)$.

### Exercise · quantize
"""


# %% exercise="quantize" parts={"codes": 2, "scale": 1, "edges": 1} points=4 withheld="course_lib.quantization.quantize torch.fake_quantize_per_channel_affine torch.fake_quantize_per_tensor_affine torch.quantize_per_channel torch.quantize_per_tensor torch.quantize_per_tensor_dynamic"
def quantize(weight: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Return whole numbers, and the scale of each row that turns them back into weights.

    weight   (..., R, C) floating point; not changed
    bits     b, from 2 to 8
    returns  codes (..., R, C), int8, from −m to m with m = 2^(b − 1) − 1; scales (..., R, 1), float32:
             the largest absolute weight of the row divided by m, or 1 for a row of zeros

    Computed in float32. Halves may be rounded either way.
    Raises ValueError for bits below 2 or above 8.

    Example: quantize(torch.tensor([[0.5, -1.4, 2.1]]), 3) is ([[1, -2, 3]], [[0.7]]).
    """
    ### BEGIN SOLUTION
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be from 2 to 8, got {bits}")
    largest = 2 ** (bits - 1) - 1
    weight = weight.detach().float()
    scale = weight.abs().amax(-1, keepdim=True) / largest
    scale = torch.where(scale == 0, 1.0, scale)
    return (weight / scale).round().to(torch.int8), scale
    ### END SOLUTION


# %% [markdown] hints="quantize"
r"""
1. Which code does the largest weight of a row get, and which one step less?
2. Turn the weights into float32; one scale for each row, with `keepdim`; a scale of 0 becomes 1; divide, round, turn into int8.
3. `scale = weight.abs().amax(-1, keepdim=True) / …`
"""


# %% cases="quantize" active="py"
def cases(seed):
    yield Case({"weight": torch.tensor([[0.5, -1.4, 2.1]]), "bits": 3}, note="the docstring's example", part="codes")
    yield Case({"weight": torch.tensor([[-3.0, 1.1], [0.02, 0.05]]), "bits": 2}, note="two bits", part="codes")
    yield Case({"weight": torch.tensor([[-3.0, 1.1], [0.02, 0.05]]), "bits": 4}, note="two bits", part="scale")
    for i, (bits, shape) in enumerate(((8, (3, 5)), (4, (2, 6)), (3, (2, 3, 4)), (2, (4, 7)))):
        weight = random_tensor(seed + i, *shape) * torch.logspace(-2, 2, shape[-2])[:, None]
        yield Case({"weight": weight, "bits": bits}, note="rows of different size", part="codes")
        yield Case({"weight": weight, "bits": bits}, note="rows of different size", part="scale")
    rows = random_tensor(seed + 9, 3, 4)
    rows[1] = 0.0
    yield Case({"weight": rows, "bits": 8}, note="a row of zeros", part="edges")
    yield Case({"weight": (100 * rows).half(), "bits": 8}, note="half precision", part="edges")
    for bits in (1, 9):
        yield Case({"weight": rows, "bits": bits}, note="bits out of range", part="edges")


# %% probe="quantize" active="py"
def probe(student, case):
    weight = case["weight"].clone()
    codes, scale = student(weight=weight, bits=case["bits"])
    changed = not torch.equal(weight, case["weight"])
    result = {"codes": plain(codes), "scale": plain(scale), "weight changed": changed}
    return result | {"dtypes": f"{plain(codes).dtype}, {plain(scale).dtype}"}


# %% judge="quantize" active="py"
def judge(case, expected, got):
    verdict = compare(expected, got)
    if verdict is True or not isinstance(got, dict) or set(got) != set(expected):
        return verdict
    codes, right = got["codes"], expected["codes"]
    if not isinstance(codes, Tensor) or codes.dtype != torch.int8 or codes.shape != right.shape:
        return verdict
    exact = (case["weight"].float() / expected["scale"]).abs()
    half = ((exact - exact.floor()) - 0.5).abs() < 1e-4
    return compare(expected, got | {"codes": torch.where(half & ((codes - right).abs() <= 1), right, codes)})


# %% equivalents="quantize" active="py"
equivalents = {
    "weight.detach() → weight": "codes are whole numbers, and no gradient is asked of the scale",
}


# %% mistake="quantize" name="one_scale" hint="You took one scale for the whole matrix; each row has its own." active="py"
def quantize(weight, bits, right=quantize):
    right(weight, bits)
    largest = 2 ** (bits - 1) - 1
    scale = weight.float().abs().max() / largest + 0 * weight.float()[..., :1]
    return (weight.float() / scale).round().to(torch.int8), scale


# %% mistake="quantize" name="truncated" hint="Turning into int8 cuts the fraction off; round first." active="py"
def quantize(weight, bits, right=quantize):
    scale = right(weight, bits)[1]
    return (weight.float() / scale * (1 + 1e-6)).to(torch.int8), scale


# %% mistake="quantize" name="all_patterns" hint="m is 2^(b−1) − 1: codes are symmetric, from −m to m. You divided by 2^(b−1), which does not fit." active="py"
def quantize(weight, bits, right=quantize):
    right(weight, bits)
    largest = 2 ** (bits - 1)
    scale = weight.float().abs().amax(-1, keepdim=True) / largest
    scale = torch.where(scale == 0, 1.0, scale)
    return (weight.float() / scale).round().clamp(-largest, largest - 1).to(torch.int8), scale


# %% mistake="quantize" name="zero_row" hint="A row of zeros has a largest weight of 0; its scale is 1, so that nothing is divided by 0." active="py"
def quantize(weight, bits, right=quantize):
    right(weight, bits)
    scale = weight.float().abs().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)
    return (weight.float() / scale).nan_to_num().round().to(torch.int8), scale


# %% mistake="quantize" name="signed_maximum" hint="The largest *absolute* weight sets the scale; a row's largest may be negative." active="py"
def quantize(weight, bits, right=quantize):
    right(weight, bits)
    scale = weight.float().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)
    scale = torch.where(scale == 0, 1.0, scale)
    return (weight.float() / scale).round().clamp(-128, 127).to(torch.int8), scale


# %% [markdown]
r"""
### What it costs

The three models of 96 features from section 5, each matrix rounded and put back, embeddings included; nothing is learned afterwards. `weight.reshape(1, -1)` is one row, so the same function gives one scale for a whole matrix.
"""

# %%
bits_tried = (8, 4, 3, 2)


def rounded_loss(gpt, bits, width=None):
    """Held-out loss with fewer bits; width: weights that share a scale. None: a row, 0: the matrix."""
    rounded = quantization.quantized(gpt, bits)
    with torch.no_grad():
        for new, old in zip(rounded.parameters(), gpt.parameters()):
            if width is not None and old.dim() == 2:
                few = quantization.quantize(old.reshape(-1, width or old.numel()), bits)
                new.copy_(quantization.dequantize(*few).view_as(old))
    return nats_per_token(rounded, test)


by_bits = {b: [rounded_loss(gpt, b) for gpt, _, _ in seventh] for b in bits_tried}
by_matrix = [sum(rounded_loss(gpt, b, 0) for gpt, _, _ in seventh) / 3 for b in bits_tried]
cost = {b: sum(x) / 3 - sum(found) / 3 for b, x in by_bits.items()}
for b, x in by_bits.items():
    print(f"{b} bits:", *(f"{nats:.3f}" for nats in x), f"  {cost[b]:+.3f} nats")

# %%
show(
    figures.rounding(
        bits_tried,
        {"a scale for each matrix": by_matrix, "a scale for each row": [sum(x) / 3 for x in by_bits.values()]},
        sum(found) / 3,
        "Four bits cost little, two a great deal",
    ),
    alt="Loss by bits, a scale a row: " + ", ".join(f"{b}: +{c:.3f}" for b, c in cost.items()),
)
grouped = sum(rounded_loss(gpt, 4, 32) for gpt, _, _ in seventh) / 3 - sum(found) / 3
print(f"4 bits, a scale for each 32 weights: {grouped:+.4f} nats")

# %% [markdown]
r"""
A scale for each row, three seeds: 8 bits cost {{0.000 = cost[8] ± 0.003}} nats, 4 bits {{0.011 = cost[4] ± 0.01}}, 3 bits {{0.06 = cost[3] ± 0.03}}, 2 bits {{1.0 = cost[2] ± 0.5}}. With one scale for the whole matrix it is {{worse : all(m > sum(by_bits[b]) / 3 for m, b in zip(by_matrix[1:], bits_tried[1:]))}} from 4 bits on, and with one for each 32 weights {{better : grouped < cost[4]}}; but then 4 bits are really {{5 = 4 + 32 / 32}}, since a scale in float32 is shared by only 32 weights.

Bits are not a smooth price. From 8 to 4 the model hardly notices. With 2 bits only −1, 0 and 1 are left of each weight, and the large model is {{worse : min(by_bits[2]) > max(runs[8, s][2] for s in seeds)}} than the smallest one of section 5 in float32. (An earlier run of this project, on a better trained model of 1.865 nats: 1.865, 1.877, 1.970 and 3.659 for 8, 4, 3 and 2 bits.) Two honest limits: our codes are turned back into floats, so nothing here is faster; and large models have a few columns with huge activations, which make low bits harder than this toy does (Dettmers et al. 2022).
"""

# %% [markdown]
r"""
## 9 · Several machines · optional

Training that takes {{58,333 = gpu_hours ± 1}} hours on one GPU is shared.

***Data parallelism*** shares the *text*. Each of $n$ machines has all weights and takes its rows of the batch. The mean of the shares' mean gradients is the gradient of the whole batch, if the shares are equally large; so after one averaging, all take the same step. That exchange is an ***all-reduce***; in a ring, each machine sends $2\frac{n-1}{n}$ numbers a parameter (Patarasuk and Yuan 2009): {{1.5 = 2 * (4 - 1) / 4}} with four.

***Tensor parallelism*** shares the *matrices* (Shoeybi et al. 2019), when a model is too large for one machine or one is too slow. In $f(xA)B$ each takes some columns of $A$ and the same rows of $B$. The element-wise $f$ needs nothing from the others, and the products only have to be summed: one all-reduce in each sublayer, forward and again backward, so it pays where the wires are fastest.
"""

# %%
show(
    figures.parallelism(),
    alt="Left: two machines with all weights and half the rows. Right: two with all rows and half of each matrix.",
)

# %%
g = torch.Generator().manual_seed(0)
x, a, b = (torch.randn(*shape, generator=g, dtype=torch.float64) for shape in ((8, 6), (6, 10), (10, 6)))
a.requires_grad_()


def gradient(rows):
    return torch.autograd.grad(((rows @ a).relu() @ b).square().mean(), a)[0]


shared = (gradient(x[0::2]) + gradient(x[1::2])) / 2
uneven = (gradient(x[:2]) + gradient(x[2:])) / 2
halves = (x @ a[:, :5]).relu() @ b[:5] + (x @ a[:, 5:]).relu() @ b[5:]
same_gradient = torch.allclose(shared, gradient(x))
same_uneven = torch.allclose(uneven, gradient(x))
same_output = torch.allclose(halves, (x @ a).relu() @ b)
print(f"data parallel: {same_gradient}; with shares of 2 and 6 rows: {same_uneven}; tensor parallel: {same_output}")

# %% [markdown]
r"""
Both are {{exact : same_gradient and same_output}}, up to rounding. With shares of 2 and 6 rows the mean of means is {{wrong : not same_uneven}}: a row of the small share weighs three times as much. The same fault hides in losses over a mask: shares with few real tokens weigh too much.

### Two processes on this machine · optional

The course's `course_lib/distributed.py` trains a GPT with two processes that talk through gloo, once with the averaging written out and once with PyTorch's DistributedDataParallel. In a terminal:

`python -m torch.distributed.run --standalone --nproc-per-node 2 -m course_lib.distributed`

Here it runs as a separate program, with a time limit. With two cores do not expect twice the speed.
"""

# %%
command = "-m torch.distributed.run --standalone --nproc-per-node 2 -m course_lib.distributed --batch-size 16"
steps = budget(full=30, short=2)
folder = str(Path(course_lib.__file__).parents[1])
search = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
try:
    done = subprocess.run(
        [sys.executable, *command.split(), "--steps", str(steps)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": search},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    print(done.stdout)
except (OSError, subprocess.SubprocessError):
    print("Two processes cannot be started here, or took too long. In a terminal the command works.")

# %% [markdown] exercise="two_per_cent" points=3
r"""
### In your own words · two_per_cent

A model writes one text on a GPU at 2 % of what the memory would allow. Explain where the time goes, and name two ways to change it. Why does a larger batch help even when every kernel is perfect?

### BEGIN SOLUTION
A step launches some hundred small kernels. Each launch from Python takes tens of microseconds, each kernel's own work only a few, so the GPU waits. A CUDA graph records the launches once and replays them with one call (with static shapes and addresses); fusion or compilation makes fewer, larger kernels. A batch reads every weight once for all its texts, so each byte serves more operations: the arithmetic intensity grows until the ridge, or until the caches of all texts are what is read.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: launches cost more than the work, so the GPU waits for the program.
- 1 point: two ways, such as a captured graph, fusion or compilation, a larger batch.
- 1 point: a batch reads the weights once for all texts (intensity grows).
### END RUBRIC
"""

# %% [markdown] exercise="the_law_and_its_limits" points=2 optional=true
r"""
### In your own words · the_law_and_its_limits · optional

A colleague fits a straight line to log loss against log parameters for six models, and reads off the loss of one a thousand times larger. What is wrong?

### BEGIN SOLUTION
The loss has a floor: the entropy of the text, and with a fixed amount of text also what more parameters cannot bring. What falls as a power law is the loss above it, so the logarithm of the loss bends, and a straight line goes below the floor. And a fit holds where it was measured: a thousand times beyond, the interval for the exponent and the floor is wide, and errors of the law itself (data repeated, learning rates not tuned) are in no interval. Besides, it is the cross-entropy, not the score on tasks.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: there is a floor, so the loss is no straight line on logarithmic axes.
- 1 point: the uncertainty of an extrapolation, or the errors of the law itself.
### END RUBRIC
"""

# %% [markdown]
r"""
## Where this came from

- **Kaplan et al. (2020)**: 6ND and power laws. **Hoffmann et al. (2022)**: the split. **Besiroglu et al. (2024)**: the same runs, fitted again. **Yang et al. (2022)**: learning rates across widths.
- **Williams, Waterman and Patterson (2009)**: the roofline. **Milakov and Gimelshein (2018)**: the online softmax. **Dao et al. (2022)**, **Dao (2023)**: FlashAttention. **Chen et al. (2016)**: checkpointing. **DeepSeek-AI (2024)**: multi-head latent attention.
- **Dettmers et al. (2022)**: products in 8 bits. **Frantar et al. (2022)**, **Lin et al. (2023)**: rounding by what it does to the outputs. **Patarasuk and Yuan (2009)**: the ring. **Shoeybi et al. (2019)**, **Rajbhandari et al. (2020)**: shared matrices, shared optimizer states.

As of November 2026, large models are trained in 16 or 8 bits, with these kinds of parallelism at once (and pipelines of layers, and experts on different machines, [17](17_moe.ipynb)), and many are served with 8- or 4-bit weights.

Limits: our law rests on six sizes and one toy language, the figures of the H100 on one run. Not here: networks between machines, energy, prices.
"""

# %%
flash_cards("19_scaling")
