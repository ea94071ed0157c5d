# ---
# jupyter:
#   course:
#     title: How do the pieces make a translator?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# How do the pieces make a translator?

*March 5th, 2025* → *2025-03-05*

Attention lets tokens look at each other. Alone it does not translate: it must be told the order, something has to work on what was gathered, many layers must be trainable on top of each other, and a
second stack has to write an output that is not as long as the input.

The ***Transformer*** (Vaswani et al. 2017), an **encoder–decoder** (lesson [11](11_seq2seq.ipynb)), puts these pieces together. The picture is all of it. By the end of this lesson every box is yours, and it reads dates.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib import transformer
from course_lib.attention import MultiHeadAttention, causal_mask, combine_masks, padding_mask
from course_lib.checks import check, show_answer, yours
from course_lib.positions import sinusoidal
from course_lib.transformer import Stack, TransformerConfig

torch.set_printoptions(precision=3, sci_mode=False)

# %%
from course_lib.device import best_device
from course_lib.figures import transformer as figures
from course_lib.figures.style import show

device = best_device()
torch.set_num_threads(1)  # matrices this small are faster on one core
show(
    figures.architecture("March 5th, 2025", "▸ 2025-0", "3"),
    alt="An encoder reads the source; a decoder looks across at it and writes the next character.",
)

# %% [markdown]
r"""
## What you will be able to do

- write layer norm, the residual sum in both orders, and the feed-forward network, and say what each is for;
- write an encoder layer and a decoder layer whose weights are interchangeable with PyTorch's;
- build the two masks of an encoder–decoder and test that nothing leaks;
- count the parameters of a Transformer by hand, to the last bias;
- train one with label smoothing and a warm-up, decode a batch, and read its three attentions.

**Time** about 90 minutes, best in two sittings (sections 1 to 4, and the rest); another 75 for what is marked optional. **Builds on** [05 Optimizers](05_optimizers.ipynb) (Adam, learning rate), [12 Attention](12_attention.ipynb) (multi-head attention, masks), [13 Positions](13_positions.ipynb), and **11 Sequence to sequence** (teacher forcing).
**Sizes** B sequences, S source tokens, T target tokens, H heads, V the size of the vocabulary, `d_model` features of a token, `d_ff` features inside the feed-forward network.
"""

# %% [markdown]
r"""
## 1 · The task, and the parts

A source is a date in one of {{eleven : len(NOTATIONS) == 11}} English notations. The target is the same day as ISO 8601 has it. Both are read and written **character by character**. {{A tenth of all days is held out :
abs(held_out / len(days) - 0.1) < 0.005}}: no notation of such a day is ever trained on, so nothing can be looked up.
"""

# %%
import datetime

from course_lib.data.tasks import BOS, EOS, PAD, Dates, NumberWords, Rearranged
from course_lib.data.tasks.dates import NOTATIONS, YEARS

dates = Dates()
for source, target in dates.sample(6, torch.Generator().manual_seed(4)):
    print(f"{source:28} → {target}")

sources, targets = dates.batch(3, torch.Generator().manual_seed(4))
print("\nsources (B, S) =", tuple(sources.shape), "  targets (B, T) =", tuple(targets.shape), "  V =", dates.vocab_size)
print("a target begins with", BOS, "and ends with", EOS, ", and", PAD, "fills up:", targets[0].tolist())

first, after = datetime.date(YEARS[0], 1, 1), datetime.date(YEARS[-1] + 1, 1, 1)
days = [(first + datetime.timedelta(n)).isoformat() for n in range((after - first).days)]
held_out = sum(dates.is_held_out("", day) for day in days)
print(f"{len(NOTATIONS)} notations of {len(days):,} days; {held_out / len(days):.1%} of the days are held out")

# %% [markdown]
r"""
What makes a Transformer, and where in this lesson it is built:

| part | what it is for | section |
|---|---|---|
| token embedding **plus** position | what the token is, and where it is; with positions alone all texts of one length would be the same input | 6 |
| multi-head attention | tokens exchange information; three uses: source on source, target on itself, target on source | lesson 12 |
| feed-forward network | works on each token alone; {{two thirds : abs(parts["feed_forward"] / sum(parts.values()) - 2 / 3) < 0.005}} of an encoder layer's weights | 4 |
| residual sum | what came in is kept, so that deep stacks can be trained | 3 |
| layer norm | keeps the numbers at one scale | 2 |
| masks | hide padding, and hide the future from the decoder | 5 |
| output matrix, softmax | from the state of a position to the next token | 6 |
"""

# %% [markdown]
r"""
Lists of “the key components” often stop after attention and positions. The feed-forward networks, the sums and the norms are not details: {{without the sum a stack of sixteen sublayers learns nothing : without[-1] > math.log(8) - 0.05 and depths_tried[-1] == 16}}, as you will measure.
"""

# %% [markdown]
r"""
## 2 · Layer norm: one scale for every token

Each layer adds something to each token's vector, so the vectors grow with depth, and some tokens more than others. A softmax or a ReLU fed with them would work in a different regime in each layer. ***Layer norm*** (***layer normalization***, Ba et al. 2016) brings
every token's vector $x$ of $d$ = `d_model` numbers back to mean 0 and variance 1, and then lets the network choose a scale and an offset for each feature:

$$\mu = \frac1d \sum_{i=1}^d x_i, \qquad \sigma^2 = \frac1d \sum_{i=1}^d (x_i - \mu)^2, \qquad y_i = g_i\,\frac{x_i - \mu}{\sqrt{\sigma^2 + \varepsilon}} + b_i .$$
"""

# %% [markdown]
r"""
| symbol | shape | is |
|---|---|---|
| $\mu, \sigma^2$ | one number **per token** | mean and variance over the features of this token alone |
| $g, b$ | $d$ numbers, learned | gain (starts at 1) and bias (starts at 0) |
| $\varepsilon$ | $10^{-5}$ | keeps a constant vector from dividing by 0; it is **inside** the root |

The variance divides by $d$, not $d - 1$: this is no estimate from a sample, it is the spread of these $d$ numbers.
"""

# %% [markdown]
r"""
**By hand.** $x = (2, 4, 4, 6)$: $\mu = {{4 = torch.tensor([2.0, 4, 4, 6]).mean()}}$, deviations $(-2, 0, 0, 2)$, $\sigma^2 = 8/4 = {{2 = torch.tensor([2.0, 4, 4, 6]).var(unbiased=False)}}$, $y = {{(-1.414, 0, 0, 1.414) : torch.allclose(layer_norm(torch.tensor([2.0, 4, 4, 6]), torch.ones(4), torch.zeros(4)), torch.tensor([-1.414, 0, 0, 1.414]), atol=1e-3)}}$.

### Exercise · layer_norm
"""


# %% exercise="layer_norm" points=2 withheld="torch.nn.functional.layer_norm torch.nn.LayerNorm torch.layer_norm torch.native_layer_norm"
def layer_norm(x: Tensor, gain: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """Normalise every vector in the last dimension to mean 0 and variance 1; then scale and shift each feature.

    x        (..., d_model)
    gain     (d_model,) factor of each feature
    bias     (d_model,) what is added to each feature
    eps      added to the variance, under the root
    returns  (..., d_model) in the dtype of x; gradients flow to x, through mean and variance too, to gain and to bias

    The variance divides by d_model. A constant vector gives the bias.

    Example: x = [2, 4, 4, 6] with gain 1 and bias 0 gives [-1.414, 0, 0, 1.414].
    """
    ### BEGIN SOLUTION
    centred = x - x.mean(-1, keepdim=True)
    variance = centred.square().mean(-1, keepdim=True)
    return gain * centred / (variance + eps).sqrt() + bias
    ### END SOLUTION


# %% [markdown] hints="layer_norm"
r"""
1. Which dimension holds the features of one token? What does `keepdim=True` do to the shape of a mean?
2. Subtract the mean of each token; the mean of the squares of what is left is the variance. eps is added before the root is taken; gain and bias come last.
3. `centred = x - x.mean(…, keepdim=True)`
"""


# %% cases="layer_norm" active="py"
def cases(seed):
    one, zero = torch.ones(4), torch.zeros(4)
    yield Case({"x": torch.tensor([2.0, 4.0, 4.0, 6.0]), "gain": one, "bias": zero}, note="the example by hand")
    yield Case({"x": torch.full((4,), 3.0), "gain": one, "bias": one}, note="a constant vector")
    yield Case(
        {"x": 0.003 * random_tensor(seed, 2, 4), "gain": one, "bias": zero}, note="a very small spread: eps matters"
    )
    yield Case({"x": 5 + random_tensor(seed, 2, 3, 4), "gain": one, "bias": zero}, note="two texts of three tokens")
    gain, bias = random_tensor(seed + 1, 6), random_tensor(seed + 2, 6)
    yield Case({"x": random_tensor(seed + 3, 2, 3, 6, scale=4.0), "gain": gain, "bias": bias}, note="gain and bias")
    yield Case({"x": random_tensor(seed + 4, 3, 6), "gain": gain, "bias": bias, "eps": 0.5}, note="another eps")
    scales = random_tensor(seed + 5, 4, 5) * torch.tensor([[0.01], [1.0], [100.0], [10_000.0]])
    plain = {"gain": torch.ones(5), "bias": torch.zeros(5)}
    yield Case({"x": scales} | plain, note="tokens of very different length")
    x = random_tensor(seed + 6, 2, 4, 5)
    yield Case({"x": x, "gain": gain[:5], "bias": bias[:5], "ask": "gradients"}, note="gradients")
    half = {"x": x[0].half(), "gain": gain[:5].half(), "bias": bias[:5].half(), "ask": "dtype"}
    yield Case(half, note="half precision")


# %% probe="layer_norm" active="py"
def probe(student, case):
    inputs = {name: value for name, value in case.items() if name != "ask"}
    if case.get("ask") != "gradients":
        y = student(**inputs)
        return {"y": y, "dtype": str(y.dtype)} if "ask" in case else y
    inputs = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    y = student(**inputs)
    if y.requires_grad:
        # another weight for each token: with equal ones some gradients are 0 but for the noise of the processor
        weights = torch.tensor([1.0, 2.0, 4.0, 5.0, 7.0]) + torch.arange(y.size(-2)).square()[:, None] % 5
        (y * weights).sum().backward()
    return {f"gradient of {name}": value.grad for name, value in inputs.items()}


# %% mistake="layer_norm" name="divides_by_d_minus_1" hint="Your variance divides by d − 1, torch's default for x.var and x.std. Here it divides by d: take the mean of the squares, or unbiased=False." active="py"
def layer_norm(x, gain, bias, eps=1e-5):
    return gain * (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True) + eps).sqrt() + bias


# %% mistake="layer_norm" name="eps_outside" hint="Your eps is outside the root: √σ² + ε. It belongs under it, √(σ² + ε)." active="py"
def layer_norm(x, gain, bias, eps=1e-5):
    centred = x - x.mean(-1, keepdim=True)
    return gain * centred / (centred.square().mean(-1, keepdim=True).sqrt() + eps) + bias


# %% mistake="layer_norm" name="batch_norm" hint="You took mean and variance of each feature over all tokens: that is batch norm. Layer norm looks at one token alone, over its features: dim=-1." active="py"
def layer_norm(x, gain, bias, eps=1e-5):
    others = tuple(range(x.dim() - 1)) or (0,)
    centred = x - x.mean(others, keepdim=True)
    return gain * centred / (centred.square().mean(others, keepdim=True) + eps).sqrt() + bias


# %% mistake="layer_norm" name="whole_text" hint="You normalised over positions and features together, so one token's size changes another's. Each token has its own mean and variance: dim=-1 only." active="py"
def layer_norm(x, gain, bias, eps=1e-5):
    both = (-2, -1) if x.dim() > 1 else (-1,)
    centred = x - x.mean(both, keepdim=True)
    return gain * centred / (centred.square().mean(both, keepdim=True) + eps).sqrt() + bias


# %% mistake="layer_norm" name="no_gain_and_bias" hint="The numbers are normalised, but the learned gain and bias are not applied." active="py"
def layer_norm(x, gain, bias, eps=1e-5, right=layer_norm):
    return right(x, torch.ones_like(gain), torch.zeros_like(bias), eps)


# %% [markdown]
r"""
### Why not batch norm? · optional

Some notes write “add & norm (layer norm / batch norm)”, as if they were alternatives. ***Batch norm*** takes the mean and variance of **one feature over all tokens of the batch**. The orange numbers share a mean:
"""

# %%
show(
    figures.averaged_together(),
    alt="Layer norm averages the features of one token; batch norm one feature over all positions.",
)

# %% [markdown]
r"""
In a decoder this breaks the one promise that makes training honest. Below, the **last** token of text 1 is replaced by another one. {{Under layer norm only its own output moves :
moved["layer norm"].count_nonzero() == 1 and moved["layer norm"][0, -1] > 0}}. Under batch norm (in training) {{every position moves :
moved["batch norm, in training"].min() > 0}}: the earlier ones have seen the future, and
text 2 has seen text 1.
"""

# %%
normalise = yours(
    "transformer.layer_norm",
    lambda x, gain, bias, eps=1e-5: F.layer_norm(x, x.shape[-1:], gain, bias, eps),
)
generator = torch.Generator().manual_seed(0)
texts = torch.randn(2, 5, 8, generator=generator)  # (B, T, d_model)
changed = texts.clone()
changed[0, -1] = 3 * torch.randn(8, generator=generator)

batch_norm = nn.BatchNorm1d(8)  # in training mode; it wants (tokens, features)
norms = {
    "layer norm": lambda x: normalise(x, torch.ones(8), torch.zeros(8)),
    "batch norm, in training": lambda x: batch_norm(x.flatten(0, 1)).view_as(x),
}
moved = {name: (norm(changed) - norm(texts)).abs().amax(-1).detach() for name, norm in norms.items()}
for name, change in moved.items():
    print(f"{name:24} text 1, positions 0 to 3: {change[0, :4].max():.3f}   text 2: {change[1].max():.3f}")
show(
    figures.moved(moved, 5, changed=4, title="Under batch norm a token changes its past"),
    alt="Layer norm: only the replaced position moves. Batch norm: all positions move.",
)

# %% [markdown]
r"""
### Question · why_not_batch_norm · optional

A decoder with a correct causal mask uses batch norm in place of layer norm. Its training loss is lower than it should be. Why?

- **a** Batch norm has more parameters.
- **b** In training, the statistics of a feature come from all positions, so later tokens and other texts of the batch leak into each position.
- **c** Batch norm divides by the standard deviation, layer norm by the variance.
- **d** Batch norm cannot be used after attention, because attention weights sum to 1.
"""

# %% exercise="why_not_batch_norm" points=1 optional=true kind="choice" choices="a b c d"
### BEGIN SOLUTION
why_not_batch_norm = "b"
### END SOLUTION

# %% mistake="why_not_batch_norm" name="a" hint="Both have a gain and a bias for each feature. The difference is in what they average over." active="py"
why_not_batch_norm = "a"

# %% mistake="why_not_batch_norm" name="c" hint="Both divide by a standard deviation. Look at which numbers share it." active="py"
why_not_batch_norm = "c"

# %% mistake="why_not_batch_norm" name="d" hint="The weights are inside attention; what is normalised is its output. Look at which numbers share a mean." active="py"
why_not_batch_norm = "d"

# %% [markdown]
r"""
## 3 · The sum that keeps what came in

A ***sublayer*** $f$ (attention, or the feed-forward network) does not replace $x$. Its output is **added** (He et al. 2016): $x + f(x)$, a ***residual connection***. Then whatever a layer cannot improve it may leave alone, and the gradient has a way
past $f$: the derivative of $x + f(x)$ in $x$ is $I + f'(x)$ ($I$ the identity matrix), not $f'(x)$ alone.
"""

# %% [markdown]
r"""
Where does the norm go? Two answers are in use:

$$\text{post-norm (2017)}\quad y = \operatorname{norm}\bigl(x + f(x)\bigr) \qquad\qquad \text{pre-norm}\quad y = x + f\bigl(\operatorname{norm}(x)\bigr)$$

- In ***post-norm*** everything that goes up passes through every norm. A deep stack is hard to start: it wants small first steps, from a warm-up or from a low rate (section 7).
- In ***pre-norm*** there is a path from the bottom to the top with nothing but sums on it, and $x$ itself is never normalised. So the stack needs one more norm at its very end. GPT-2 and most models since are built like this (Xiong et al. 2020 explain why it trains more easily).

In training, dropout is applied to **what is added**, $\operatorname{dropout}(f(\cdot))$, never to $x$: what came in is kept.
"""

# %% [markdown]
r"""
### Exercise · add_and_norm

**By hand**, with $f(x) = 2x$ and $x = (2, 4, 4, 6)$. Post-norm: the norm of $3x$ is ${{(-1.414, 0, 0, 1.414) : torch.allclose(add_and_norm(torch.tensor([2.0, 4, 4, 6]), lambda x: 2 * x, nn.LayerNorm(4)), torch.tensor([-1.414, 0, 0, 1.414]), atol=1e-3)}}$. Pre-norm: $x + 2 \cdot (-1.414, 0, 0, 1.414) = {{(-0.828, 4, 4, 8.828) : torch.allclose(add_and_norm(torch.tensor([2.0, 4, 4, 6]), lambda x: 2 * x, nn.LayerNorm(4), pre_norm=True), torch.tensor([-0.828, 4, 4, 8.828]), atol=1e-3)}}$.
"""


# %% exercise="add_and_norm" points=2 withheld="course_lib.transformer.add_and_norm"
def add_and_norm(x: Tensor, sublayer, norm, dropout: float = 0.0, pre_norm: bool = False) -> Tensor:
    """Add what a sublayer makes of x to x, and normalise: after the sum, or before the sublayer.

    x         (B, T, d_model)
    sublayer  a function or module, (B, T, d_model) → the same shape
    norm      a function or module, the same
    dropout   probability of dropping a feature of what is added, each by itself; always applied, the caller passes 0
              outside training
    pre_norm  False: norm(x + dropout(sublayer(x))).  True: x + dropout(sublayer(norm(x)))
    returns   (B, T, d_model)
    """
    ### BEGIN SOLUTION
    if pre_norm:
        return x + F.dropout(sublayer(norm(x)), dropout)
    return norm(x + F.dropout(sublayer(x), dropout))
    ### END SOLUTION


# %% [markdown] hints="add_and_norm"
r"""
1. The docstring has both formulas. In which of them does the plain x, unnormalised, go into the sum?
2. Two returns, one for each order. Dropout falls on what the sublayer returned, and on nothing else.
3. `return x + F.dropout(sublayer(…), dropout)` is one of them; what does the sublayer read there?
"""


# %% cases="add_and_norm" active="py"
def cases(seed):
    x = torch.tensor([[[2.0, 4.0, 4.0, 6.0]]])
    yield Case({"x": x, "w": 2 * torch.eye(4)}, note="post-norm, the example by hand")
    yield Case({"x": x, "w": 2 * torch.eye(4), "pre_norm": True}, note="pre-norm, the example by hand")
    x, w = 1 + random_tensor(seed, 2, 3, 4, scale=2.0), random_tensor(seed + 1, 4, 4)
    yield Case({"x": x, "w": w}, note="post-norm, random")
    yield Case({"x": x, "w": w, "pre_norm": True}, note="pre-norm, random")
    for pre_norm in (False, True):
        share = 0.2 if pre_norm else 0.1 + 0.05 * (seed % 6)
        x = random_tensor(seed + 2, 3, 25, 16)
        yield Case({"x": x, "dropout": share, "pre_norm": pre_norm}, note=f"dropout, pre_norm={pre_norm}")


# %% probe="add_and_norm" active="py"
def probe(student, case):
    x = case["x"].clone().requires_grad_()
    # the sublayer gives ones and the norm doubles: what is dropped of the ones is seen, and where
    if "dropout" in case:
        double = lambda t: 2 * t
        output = student(x, torch.ones_like, double, case["dropout"], case["pre_norm"]).detach()
        added = output - x.detach() if case["pre_norm"] else output / 2 - x.detach()
        kept = added.abs() > 1e-3
        survivors = added[kept]
        return {
            "dropped and kept": torch.tensor([int((~kept).sum()), int(kept.sum())]),
            "survivors of 1": [survivors.min(), survivors.max()] if kept.any() else [],
            "others are dropped in the next text": not torch.equal(kept[0], kept[1]),
        }
    output = student(x, lambda t: t @ case["w"], nn.LayerNorm(x.size(-1)), pre_norm=case.get("pre_norm", False))
    output.pow(3).sum().backward()
    return {"output": output.detach(), "gradient of x": x.grad}


# %% judge="add_and_norm" active="py"
def judge(case, expected, got):
    return judge_entries(expected, got, {"dropped and kept": judge_counts})


# %% mistake="add_and_norm" name="no_sum" hint="What came in is lost: x must be added to what the sublayer returns." active="py"
def add_and_norm(x, sublayer, norm, dropout=0.0, pre_norm=False):
    return F.dropout(sublayer(norm(x)), dropout) if pre_norm else norm(F.dropout(sublayer(x), dropout))


# %% mistake="add_and_norm" name="always_post" hint="You normalise after the sum in both cases. With pre_norm the norm comes before the sublayer, and nothing is normalised after the sum." active="py"
def add_and_norm(x, sublayer, norm, dropout=0.0, pre_norm=False):
    return norm(x + F.dropout(sublayer(x), dropout))


# %% mistake="add_and_norm" name="adds_to_the_normalised" hint="In pre-norm you added to norm(x). The path past the sublayer must carry x itself: x + sublayer(norm(x))." active="py"
def add_and_norm(x, sublayer, norm, dropout=0.0, pre_norm=False, right=add_and_norm):
    return norm(x) + F.dropout(sublayer(norm(x)), dropout) if pre_norm else right(x, sublayer, norm, dropout)


# %% mistake="add_and_norm" name="normalises_the_branch" hint="In post-norm you normalised what is added only. Normalise the sum: norm(x + …)." active="py"
def add_and_norm(x, sublayer, norm, dropout=0.0, pre_norm=False, right=add_and_norm):
    return right(x, sublayer, norm, dropout, True) if pre_norm else x + norm(F.dropout(sublayer(x), dropout))


# %% mistake="add_and_norm" name="drops_what_came_in" hint="Your dropout falls on the sum, so parts of x are lost too. Drop only what the sublayer adds." active="py"
def add_and_norm(x, sublayer, norm, dropout=0.0, pre_norm=False):
    if pre_norm:
        return F.dropout(x + sublayer(norm(x)), dropout)
    return norm(F.dropout(x + sublayer(x), dropout))


# %% [markdown]
r"""
### Does the sum matter? Stack sublayers and see

A stack of small feed-forward networks learns to tell which of eight directions a random vector points to. Once with $\operatorname{norm}(x + f(x))$, once without the sum: the trick `f(x) - x` in place of `f(x)` makes your `add_and_norm` compute $\operatorname{norm}(f(x))$.
Guessing costs $\ln 8 \approx {{2.079 = math.log(8)}}$ nats. {{With one sublayer the sum is no help yet : with_sum[0] > without[0] - 0.05}}; look at sixteen. (One seed.)
"""

# %%
from course_lib.budget import budget

join = yours("transformer.add_and_norm", transformer.add_and_norm)


def trained_loss(depth, with_sum, steps):
    """Mean loss of the last 20 updates of a stack of `depth` sublayers, in nats."""
    torch.manual_seed(0)
    parts = [(transformer.feed_forward(32, 64), nn.LayerNorm(32)) for _ in range(depth)]
    model, teacher = nn.ModuleList([*sum(parts, ()), nn.Linear(32, 8)]), torch.randn(32, 8)
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=1e-3), []
    for _ in range(steps):
        x = vectors = torch.randn(64, 32)
        for network, norm in parts:
            x = join(x, network if with_sum else lambda t, f=network: f(t) - t, norm)
        loss = F.cross_entropy(model[-1](x), (vectors @ teacher).argmax(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses[-20:]) / len(losses[-20:])


# %%
depths_tried, steps = [1, 4, 16], budget(full=150, short=3)
with_sum = [trained_loss(depth, True, steps) for depth in depths_tried]
without = [trained_loss(depth, False, steps) for depth in depths_tried]
show(
    figures.lines(
        {"with the sum": (depths_tried, with_sum), "without": (depths_tried, without)}, "sublayers", f"loss after {steps} updates (nats)",
        "Without the sum, deeper is worse, until nothing is learned", level=("guessing, ln 8", math.log(8)),
    ),
    alt="Loss with 1, 4 and 16 sublayers: with the residual sum {:.2f}, {:.2f}, {:.2f}; without {:.2f}, {:.2f}, {:.2f}.".format(
        *with_sum, *without
    ),
)  # fmt: skip

# %% [markdown]
r"""
## 4 · The feed-forward network, and an encoder layer

Attention mixes tokens, and its output is a weighted mean: with the weights fixed it is linear in the values. What a token *does* with what it has gathered is the work of a small network with a nonlinearity, the ***position-wise feed-forward network***, the same for every position and applied to **each position alone**:

$$\operatorname{FFN}(x) = \max(0,\ x W_1 + b_1)\, W_2 + b_2, \qquad W_1: (d_{model}, d_{ff}), \quad W_2: (d_{ff}, d_{model}).$$

Usually $d_{ff} = 4\, d_{model}$. Then the two matrices hold $8\, d_{model}^2$ weights, the four projections of attention $4\, d_{model}^2$: **{{two thirds of an encoder layer are here : abs(parts["feed_forward"] / sum(parts.values()) - 2 / 3) < 0.005}}**. (GPT-2 uses GELU in place of the ReLU; many models since use SwiGLU, lesson 15.)

### Exercise · feed_forward

Build it from four modules. In training, dropout falls on the hidden features, after the ReLU.
"""


# %% exercise="feed_forward" points=1 withheld="course_lib.transformer.feed_forward"
def feed_forward(d_model: int, d_ff: int, dropout: float = 0.0) -> nn.Sequential:
    """Return the network that works on every position alone: max(0, x W₁ + b₁) W₂ + b₂.

    d_model  features in and out
    d_ff     features between
    dropout  probability of dropping a hidden feature, in training mode only
    returns  an nn.Sequential of nn.Linear, nn.ReLU, nn.Dropout, nn.Linear, in this order:
             its parameters are called 0.weight, 0.bias, 3.weight, 3.bias
    """
    ### BEGIN SOLUTION
    return nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Dropout(dropout), nn.Linear(d_ff, d_model))
    ### END SOLUTION


# %% [markdown] hints="feed_forward"
r"""
1. `nn.Linear(a, b)` goes from a to b features. Which two sizes has the first, which the second?
2. Four modules one after another: up, nonlinearity, dropout, down.
3. `nn.Sequential(nn.Linear(d_model, d_ff), …, …, nn.Linear(…, …))`
"""


# %% cases="feed_forward" active="py"
def cases(seed):
    def state(d_model, d_ff):
        shapes = {"0.weight": (d_ff, d_model), "0.bias": (d_ff,), "3.weight": (d_model, d_ff), "3.bias": (d_model,)}
        return {name: random_tensor(seed + i, *shape) for i, (name, shape) in enumerate(shapes.items())}

    by_hand = {"0.weight": torch.tensor([[1.0], [-1.0]]), "0.bias": torch.zeros(2),
               "3.weight": torch.tensor([[1.0, 2.0]]), "3.bias": torch.tensor([0.5])}  # fmt: skip
    x = torch.tensor([[[3.0], [-3.0]]])
    yield Case({"d_model": 1, "d_ff": 2, "state": by_hand, "x": x}, note="3 → (3, 0) → 3.5 and −3 → (0, 3) → 6.5")
    x = random_tensor(seed + 9, 2, 3, 4)
    yield Case({"d_model": 4, "d_ff": 6, "state": state(4, 6), "x": x}, note="random weights")
    yield Case({"d_model": 4, "d_ff": 6, "state": state(4, 6), "x": x, "dropout": 0.5}, note="dropout in eval mode")
    eye = {"0.weight": torch.eye(8), "0.bias": torch.ones(8), "3.weight": torch.eye(8), "3.bias": torch.ones(8)}
    yield Case(
        {"d_model": 8, "d_ff": 8, "state": eye, "x": torch.zeros(1, 9, 8), "dropout": 0.2, "training": True},
        note="dropout in training",
    )
    sizes = random_integers(seed + 10, 2, 9, 2).tolist()
    x = random_tensor(seed + 11, 2, 3, sizes[0])
    random = {"d_model": sizes[0], "d_ff": sizes[1] + 9, "state": state(sizes[0], sizes[1] + 9), "x": x}
    yield Case(random, note="another size")


# %% probe="feed_forward" active="py"
def probe(student, case):
    network = student(case["d_model"], case["d_ff"], case.get("dropout", 0.0))
    network.load_state_dict(case["state"])
    network.train(case.get("training", False))
    if case.get("training"):  # hidden features are 1: 0 or 1.25 after dropout, and the last bias adds 1
        return {"values": sorted(set(network(case["x"]).flatten().tolist()))}
    x = case["x"].clone().requires_grad_()
    output = network(x)
    output.square().sum().backward()
    return {"output": output.detach(), "gradient of x": x.grad}


# %% equivalents="feed_forward" active="py"
equivalents = {
    "nn.Sequential(nn.Linear(d_model, d_ff), nn.ReLU(), nn.Dropout(dropout), nn.Linear(d_ff, d… → nn.Sequential(nn.Linear(d_model, d_ff), nn.Dropout(dropout), nn.ReLU(), nn.Linear(d_ff, d…": "ReLU and dropout commute: a feature becomes 0 or is multiplied by 1/(1 − p) either way",
}


# %% mistake="feed_forward" name="no_nonlinearity" hint="Without the ReLU two matrices are one: nothing is gained by d_ff." active="py"
def feed_forward(d_model, d_ff, dropout=0.0, right=feed_forward):
    network = right(d_model, d_ff, dropout)
    network[1] = nn.Identity()
    return network


# %% mistake="feed_forward" name="gelu" hint="You used GELU, as GPT-2 does. This exercise asks for the ReLU of the paper: max(0, ·)." active="py"
def feed_forward(d_model, d_ff, dropout=0.0, right=feed_forward):
    network = right(d_model, d_ff, dropout)
    network[1] = nn.GELU()
    return network


# %% mistake="feed_forward" name="relu_at_the_end" hint="Your ReLU comes after the second matrix, so the network can only add positive numbers. It belongs between the two." active="py"
def feed_forward(d_model, d_ff, dropout=0.0, right=feed_forward):
    network = right(d_model, d_ff, dropout)
    return nn.Sequential(network[0], nn.Identity(), network[2], network[3], nn.ReLU())


# %% mistake="feed_forward" name="dropout_at_the_end" hint="Your dropout falls on the output. It belongs on the hidden features, after the ReLU; what is added to x is dropped by add_and_norm." active="py"
def feed_forward(d_model, d_ff, dropout=0.0, right=feed_forward):
    network = right(d_model, d_ff, dropout)
    return nn.Sequential(network[0], network[1], nn.Identity(), network[3], nn.Dropout(dropout))


# %% [markdown]
r"""
### Exercise · EncoderLayer

An ***encoder layer*** is self-attention, then the feed-forward network; each inside `add_and_norm` with its own norm. `MultiHeadAttention` is lesson 12's; it returns a pair, and the output is the first: `attention(x, mask=mask)[0]`. It is imported, not copied: where two blocks of a notebook each define a class of that name, the second replaces the first, and whatever is built afterwards from the first breaks.

The whole layer, with its shapes: $x\,(B, S, d_{model})$ → attention → $(B, S, d_{model})$ → feed-forward, $(B, S, d_{ff})$ inside → $(B, S, d_{model})$. In and out have the same shape, so layers can be stacked.
"""


# %% exercise="EncoderLayer" points=3 needs="add_and_norm feed_forward" withheld="course_lib.transformer.EncoderLayer torch.nn.TransformerEncoderLayer"
class EncoderLayer(nn.Module):
    """Self-attention, then a feed-forward network, each with a residual sum and a norm.

    d_model, n_heads, d_ff  sizes
    dropout                 probability of dropping attention weights, hidden features, and what is added; in training only
    pre_norm                as in add_and_norm

    Parameters: self_attention = MultiHeadAttention(d_model, n_heads, dropout), feed_forward = feed_forward(d_model, d_ff, dropout),
    norm1 and norm2 = nn.LayerNorm(d_model), for the attention and for the feed-forward network.
    """

    def __init__(self, d_model: int, n_heads: int, d_ff: int, dropout: float = 0.0, pre_norm: bool = False) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.self_attention = MultiHeadAttention(d_model, n_heads, dropout)
        self.feed_forward = feed_forward(d_model, d_ff, dropout)
        self.norm1, self.norm2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.dropout, self.pre_norm = dropout, pre_norm
        ### END SOLUTION

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the new states of the source, (B, S, d_model).

        x     (B, S, d_model)
        mask  broadcastable to (B, H, S, S), boolean, True = may attend; None: everything
        """
        ### BEGIN SOLUTION
        dropout = self.dropout if self.training else 0.0
        x = add_and_norm(x, lambda t: self.self_attention(t, mask=mask)[0], self.norm1, dropout, self.pre_norm)
        return add_and_norm(x, self.feed_forward, self.norm2, dropout, self.pre_norm)
        ### END SOLUTION


# %% [markdown] hints="EncoderLayer"
r"""
1. `add_and_norm` wants a function of one argument. How do you make one from attention, which also needs the mask?
2. A `lambda` does: it hands x and the mask to the attention and takes the first of the pair. Two calls of `add_and_norm`, each with its own norm; dropout is 0 unless `self.training`.
3. `x = add_and_norm(x, lambda t: …, self.norm1, dropout, self.pre_norm)`
"""


# %% cases="EncoderLayer" active="py"
def cases(seed):
    def state(*sizes):
        tensors = transformer.EncoderLayer(*sizes).state_dict()
        return {name: random_tensor(seed + i, *t.shape, scale=0.5) for i, (name, t) in enumerate(tensors.items())}

    x = random_tensor(seed + 90, 2, 4, 8)
    padding = (torch.arange(4) < torch.tensor([[4], [2]]))[:, None, None, :]
    tiny = {"sizes": [2, 1, 3], "state": state(2, 1, 3), "x": x[:1, :2, :2]}
    base = {"sizes": [8, 2, 12], "state": state(8, 2, 12), "x": x}
    yield Case(tiny, note="two tokens, one head")
    yield Case(base, note="post-norm")
    yield Case(base | {"mask": padding}, note="a padding mask")
    yield Case(base | {"mask": padding, "pre_norm": True}, note="pre-norm")
    yield Case(base | {"mask": torch.ones(4, 4, dtype=torch.bool).tril()}, note="another mask")
    yield Case(base | {"dropout": 0.5}, note="dropout in eval mode")
    # x is 0, and one sublayer gives ones, the other nothing: what is dropped of the ones is seen
    share = 0.1 + 0.05 * (seed % 6)
    for ones in ("self_attention.out_proj.bias", "feed_forward.3.bias"):
        for pre_norm in (False, True):
            training = {"dropout": share, "pre_norm": pre_norm, "ones": ones}
            yield Case({"sizes": [16, 2, 4]} | training, note=f"dropout in training, pre_norm={pre_norm}")


# %% probe="EncoderLayer" active="py"
def probe(student, case):
    layer = student(*case["sizes"], case.get("dropout", 0.0), case.get("pre_norm", False))
    if "ones" in case:
        tensors = {name: torch.zeros_like(t) for name, t in layer.state_dict().items()}
        tensors |= {name: torch.ones_like(t) for name, t in tensors.items() if name in ("norm1.weight", "norm2.weight")}
        layer.load_state_dict(tensors | {case["ones"]: torch.ones(16)})
        output = layer.train()(torch.zeros(2, 40, 16)).detach()
        kept = output > output.amax(-1, keepdim=True) - 1e-3
        hidden = [part.p for part in layer.feed_forward if isinstance(part, nn.Dropout)]
        inside = [layer.self_attention.dropout, *hidden]
        outcome = {"dropout of attention weights and of hidden features": inside}
        outcome["dropped and kept"] = torch.tensor([int((~kept).sum()), int(kept.sum())])
        return outcome | ({"survivors of 1": output.max()} if case["pre_norm"] else {})
    layer.load_state_dict(case["state"])
    layer.eval()
    x = case["x"].clone().requires_grad_()
    output = layer(x, case.get("mask"))
    output.pow(3).sum().backward()
    return {"output": output.detach(), "gradient of x": x.grad}


# %% judge="EncoderLayer" active="py"
def judge(case, expected, got):
    return judge_entries(expected, got, {"dropped and kept": judge_counts})


# %% mistake="EncoderLayer" name="mask_ignored" hint="The mask never reaches the attention, so every token also looks at the padding." active="py"
class EncoderLayer(EncoderLayer):
    def forward(self, x, mask=None):
        return super().forward(x)


# %% mistake="EncoderLayer" name="pre_norm_ignored" hint="Right in post-norm. Hand pre_norm on to add_and_norm, both times." active="py"
class EncoderLayer(EncoderLayer):
    def __init__(self, d_model, n_heads, d_ff, dropout=0.0, pre_norm=False):
        super().__init__(d_model, n_heads, d_ff, dropout)


# %% mistake="EncoderLayer" name="one_norm_twice" hint="norm1 is used for both sums. Each sublayer has its own norm: norm2 belongs to the feed-forward network." active="py"
class EncoderLayer(EncoderLayer):
    def forward(self, x, mask=None):
        own, self.norm2 = self.norm2, self.norm1
        try:
            return super().forward(x, mask)
        finally:
            self.norm2 = own


# %% mistake="EncoderLayer" name="no_feed_forward" hint="The layer ends after the attention: the feed-forward network, with its own sum and norm, is missing." active="py"
class EncoderLayer(EncoderLayer):
    def forward(self, x, mask=None):
        dropout = self.dropout if self.training else 0.0
        return add_and_norm(x, lambda t: self.self_attention(t, mask=mask)[0], self.norm1, dropout, self.pre_norm)


# %% mistake="EncoderLayer" name="dropout_in_eval" hint="Dropout is active in eval mode too. Pass it to add_and_norm only while self.training is True." active="py"
class EncoderLayer(EncoderLayer):
    def forward(self, x, mask=None):
        before, self.training = self.training, True
        try:
            return super().forward(x, mask)
        finally:
            self.training = before


# %% [markdown]
r"""
Is it PyTorch's? Its layer has the same weights under other names. Its mask is the inverse of ours (True = *ignore*).
"""

# %%
Layer = yours("transformer.EncoderLayer", transformer.EncoderLayer)
torch.manual_seed(0)
theirs = nn.TransformerEncoderLayer(64, 4, 256, dropout=0.0, batch_first=True)
ours = Layer(64, 4, 256)
ours.self_attention = MultiHeadAttention.from_torch(theirs.self_attn)
for mine, other in {
    "feed_forward.0": "linear1",
    "feed_forward.3": "linear2",
    "norm1": "norm1",
    "norm2": "norm2",
}.items():
    ours.get_submodule(mine).load_state_dict(theirs.get_submodule(other).state_dict())

x, ids = torch.randn(2, 6, 64), torch.tensor([[5, 7, 6, 4, 8, 9], [6, 9, 3, 0, 0, 0]])
expected = theirs(x, src_key_padding_mask=ids == PAD)
real = ids != PAD  # the values at padded positions mean nothing
print(
    "equal to nn.TransformerEncoderLayer:",
    torch.allclose(ours(x, padding_mask(ids))[real], expected[real], atol=1e-5),
)

# %% [markdown]
r"""
*A good place to stop for today.*

## 5 · Two masks, used in three places, and a decoder layer

A ***decoder layer*** has three sublayers. It **looks back** (masked self-attention), **looks across** (cross-attention: queries from the target, keys and values from the encoder's output, the *memory*), and **thinks** (feed-forward). Together with the encoder that makes three attentions, and two masks:

| attention | queries | keys and values | mask | shape |
|---|---|---|---|---|
| encoder, self | source | source | source mask | $(B, 1, 1, S)$ |
| decoder, self | target | target | target mask: padding **and** future | $(B, 1, T, T)$ |
| decoder, cross | target | source | source mask, **again** | $(B, 1, 1, S)$ |
"""

# %% [markdown]
r"""
The mask belongs to the *keys*. Across, the keys are the source, so it is the source's padding that must be hidden. Tutorials call the third one “target padding mask”; if you believe the name and pass the target's, you get a shape error, or, when both lengths are equal, a wrong mask and no error. Worse is the opposite convention in one of two functions: a batch *without* padding then hides every key, all weights are equal, the queries get no gradient, and nothing complains.

Shorten the two sequences:
"""

# %%
from course_lib.widgets.transformer import alignment_explorer, mask_explorer, warm_up_explorer

mask_explorer()

# %% [markdown]
r"""
Look at the *rows* of the padding: they are not dark. A padded position still looks around as a query, and gets an output. That output means nothing; it is the **loss** that must leave it out (section 7).

### Exercise · make_masks

You have `causal_mask`, `padding_mask` and `combine_masks` from lesson 12. One thing is new: the causal mask must be made **on the device of the target**. A mask on the CPU and tokens on a GPU is a crash that a laptop never shows.

Source $[5, 7, 0]$ and target $[1, 4]$ give $[\checkmark, \checkmark, \cdot]$ and the triangle of two rows.
"""


# %% exercise="make_masks" points=3 parts={"source":1,"target":2} withheld="course_lib.transformer.make_masks"
def make_masks(source: Tensor, target: Tensor, pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """Return the two masks of an encoder–decoder, both boolean, True = may attend.

    source   (B, S) ids
    target   (B, T) ids that the decoder reads
    pad_id   the id that fills short sequences up, in both
    returns  source mask (B, 1, 1, S): True on real source tokens;
             target mask (B, 1, T, T): position t may attend to the real target tokens among 0 … t.
             Both are on the device of their ids
    """
    ### BEGIN SOLUTION
    looking_back = causal_mask(target.size(1), device=target.device)
    return padding_mask(source, pad_id), combine_masks(looking_back, padding_mask(target, pad_id))
    ### END SOLUTION


# %% [markdown] hints="make_masks"
r"""
1. Which of lesson 12's three functions gives each of the two masks?
2. The source needs one of them, the target two, joined by the third. The causal mask must be told the device.
3. `causal_mask(target.size(1), device=…)`
"""


# %% cases="make_masks" active="py"
def cases(seed):
    small = {"source": torch.tensor([[5, 7, 0]]), "target": torch.tensor([[1, 4]])}
    equal = {"source": torch.tensor([[5, 7, 6], [4, 0, 0]]), "target": torch.tensor([[1, 4, 0], [1, 3, 8]])}
    both = {"source": random_integers(seed, 0, 3, 3, 5), "target": random_integers(seed + 1, 0, 3, 3, 4), "pad_id": 2}
    for part in ("source", "target"):
        yield Case(small | {"ask": part}, note="one pair", part=part)
        yield Case(equal | {"ask": part}, note="both of the same length", part=part)
        yield Case(both | {"ask": part}, note="another pad_id", part=part)
    meta = {"source": [2, 3], "target": [2, 4], "device": "meta", "ask": "target"}
    yield Case(meta, note="ids on another device", part="target")


# %% probe="make_masks" active="py"
def probe(student, case):
    if "device" in case:  # a device without storage: whatever is made elsewhere does not mix with it
        source, target = (torch.zeros(case[name], dtype=torch.int64, device="meta") for name in ("source", "target"))
        return [[mask.device.type, list(mask.shape)] for mask in student(source, target)]
    masks = student(case["source"], case["target"], **({"pad_id": case["pad_id"]} if "pad_id" in case else {}))
    return masks[0 if case["ask"] == "source" else 1]


# %% mistake="make_masks" name="inverted" hint="Inverted: your True marks what must be hidden. True = may attend. (A popular tutorial has exactly this, and its model looks only at the padding.)" active="py"
def make_masks(source, target, pad_id=0, right=make_masks):
    return tuple(~mask for mask in right(source, target, pad_id))


# %% mistake="make_masks" name="sees_the_future" hint="Your target mask shows each position the later ones: it must keep the lower triangle, with the diagonal." active="py"
def make_masks(source, target, pad_id=0):
    later = torch.ones(target.size(1), target.size(1), dtype=torch.bool, device=target.device).triu()
    return padding_mask(source, pad_id), combine_masks(later, padding_mask(target, pad_id))


# %% mistake="make_masks" name="padding_only" hint="Your target mask hides the padding but not the future. Combine it with a causal mask." active="py"
def make_masks(source, target, pad_id=0, right=make_masks):
    source_mask, target_mask = right(source, target, pad_id)
    return source_mask, padding_mask(target, pad_id).expand_as(target_mask).contiguous()


# %% mistake="make_masks" name="future_only" hint="Your target mask hides the future but not the target's own padding. Combine it with padding_mask(target, pad_id)." active="py"
def make_masks(source, target, pad_id=0, right=make_masks):
    source_mask, target_mask = right(source, target, pad_id)
    return source_mask, causal_mask(target.size(1), device=target.device).expand_as(target_mask).contiguous()


# %% mistake="make_masks" name="cpu" hint="Right on the CPU. The causal mask must be made on target.device, or combining it with the padding mask crashes on any accelerator." active="py"
def make_masks(source, target, pad_id=0):
    return padding_mask(source, pad_id), combine_masks(
        causal_mask(target.size(1), device="cpu"), padding_mask(target, pad_id)
    )


# %% mistake="make_masks" name="always_zero" hint="You compare with 0 somewhere; the padding's id is the argument pad_id." active="py"
def make_masks(source, target, pad_id=0, right=make_masks):
    return right(source, target)


# %% [markdown]
r"""
### Question · across · optional

In cross-attention, target position $t$ asks and the source answers. What must be hidden from it?

- **a** The source tokens after position $t$: they are the future.
- **b** The padding of the source, and nothing else.
- **c** The padding of the target.
- **d** Both the padding of the source and the target tokens after $t$.
"""

# %% exercise="across" points=1 optional=true kind="choice" choices="a b c d"
### BEGIN SOLUTION
across = "b"
### END SOLUTION

# %% mistake="across" name="a" hint="The whole source is known before the first target token is written. Position t of the source is not even about position t of the target." active="py"
across = "a"

# %% mistake="across" name="c" hint="A mask is about keys. Across, the keys are the source." active="py"
across = "c"

# %% mistake="across" name="d" hint="Target tokens are no keys here, so there is nothing of theirs to hide; the self-attention of the decoder has seen to that." active="py"
across = "d"

# %% [markdown]
r"""
### Exercise · DecoderLayer

The same pattern with one sublayer more. In the cross-attention, x asks and the memory answers: `attention(x, memory, mask)[0]`.
"""


# %% exercise="DecoderLayer" points=4 needs="add_and_norm feed_forward" withheld="course_lib.transformer.DecoderLayer torch.nn.TransformerDecoderLayer"
class DecoderLayer(nn.Module):
    """Self-attention, attention across to the encoder's output, a feed-forward network; each with sum and norm.

    d_model, n_heads, d_ff, dropout, pre_norm  as for EncoderLayer

    Parameters: self_attention and cross_attention = MultiHeadAttention(d_model, n_heads, dropout),
    feed_forward = feed_forward(d_model, d_ff, dropout), and their norms norm1, norm2, norm3 = nn.LayerNorm(d_model).
    """

    def __init__(self, d_model: int, n_heads: int, d_ff: int, dropout: float = 0.0, pre_norm: bool = False) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.self_attention = MultiHeadAttention(d_model, n_heads, dropout)
        self.cross_attention = MultiHeadAttention(d_model, n_heads, dropout)
        self.feed_forward = feed_forward(d_model, d_ff, dropout)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(d_model) for _ in range(3))
        self.dropout, self.pre_norm = dropout, pre_norm
        ### END SOLUTION

    def forward(
        self, x: Tensor, memory: Tensor, mask: Tensor | None = None, memory_mask: Tensor | None = None
    ) -> Tensor:
        """Return the new states of the target, (B, T, d_model).

        x            (B, T, d_model)
        memory       (B, S, d_model) the encoder's output
        mask         broadcastable to (B, H, T, T), boolean, True = may attend: within the target
        memory_mask  broadcastable to (B, H, T, S): the source's mask
        """
        ### BEGIN SOLUTION
        dropout = self.dropout if self.training else 0.0
        look_back = lambda t: self.self_attention(t, mask=mask)[0]
        look_across = lambda t: self.cross_attention(t, memory, memory_mask)[0]
        x = add_and_norm(x, look_back, self.norm1, dropout, self.pre_norm)
        x = add_and_norm(x, look_across, self.norm2, dropout, self.pre_norm)
        return add_and_norm(x, self.feed_forward, self.norm3, dropout, self.pre_norm)
        ### END SOLUTION


# %% [markdown] hints="DecoderLayer"
r"""
1. Three calls of `add_and_norm`, in the order back, across, feed-forward. Which of them gets `mask`, which `memory_mask`?
2. As in the encoder layer, with one more `lambda` in the middle: there x asks and the memory answers. Only x is normalised in pre-norm, the memory is not.
3. `look_across = lambda t: self.cross_attention(t, …, …)[0]`
"""


# %% cases="DecoderLayer" active="py"
def cases(seed):
    def state(*sizes):
        tensors = transformer.DecoderLayer(*sizes).state_dict()
        return {name: random_tensor(seed + i, *t.shape, scale=0.5) for i, (name, t) in enumerate(tensors.items())}

    x, memory = random_tensor(seed + 90, 2, 4, 8), random_tensor(seed + 91, 2, 4, 8)
    seen = torch.ones(4, 4, dtype=torch.bool).tril()
    real = (torch.arange(4) < torch.tensor([[4], [2]]))[:, None, None, :]
    tiny = {"sizes": [2, 1, 3], "state": state(2, 1, 3), "x": x[:1, :2, :2], "memory": memory[:1, :2, :2]}
    base = {"sizes": [8, 2, 12], "state": state(8, 2, 12), "x": x, "memory": memory}
    yield Case(tiny, note="two tokens, one head, no mask")
    yield Case(base | {"mask": seen}, note="a causal mask")
    yield Case(base | {"memory_mask": real}, note="padding in the source")
    yield Case(base | {"mask": seen, "memory_mask": real, "pre_norm": True}, note="pre-norm, both masks")
    longer = {"memory": random_tensor(seed + 92, 2, 6, 8), "memory_mask": random_tensor(seed + 93, 2, 1, 1, 6) > -1}
    yield Case(base | longer | {"mask": seen}, note="a longer source")
    yield Case(base | longer | {"pre_norm": True}, note="a longer source, pre-norm")
    yield Case(base | {"dropout": 0.5}, note="dropout in eval mode")
    # x and memory are 0, and one sublayer gives ones, the others nothing: what is dropped of the ones is seen
    share = 0.1 + 0.05 * (seed % 6)
    for ones in ("self_attention.out_proj.bias", "cross_attention.out_proj.bias", "feed_forward.3.bias"):
        for pre_norm in (False, True):
            training = {"dropout": share, "pre_norm": pre_norm, "ones": ones}
            yield Case({"sizes": [16, 2, 4]} | training, note=f"dropout in training, pre_norm={pre_norm}")


# %% probe="DecoderLayer" active="py"
def probe(student, case):
    layer = student(*case["sizes"], case.get("dropout", 0.0), case.get("pre_norm", False))
    if "ones" in case:
        tensors = {name: torch.zeros_like(t) for name, t in layer.state_dict().items()}
        tensors |= {f"norm{i}.weight": torch.ones(16) for i in (1, 2, 3)}
        layer.load_state_dict(tensors | {case["ones"]: torch.ones(16)})
        output = layer.train()(torch.zeros(2, 40, 16), torch.zeros(2, 5, 16)).detach()
        kept = output > output.amax(-1, keepdim=True) - 1e-3
        hidden = [part.p for part in layer.feed_forward if isinstance(part, nn.Dropout)]
        inside = [layer.self_attention.dropout, layer.cross_attention.dropout, *hidden]
        outcome = {"dropout of attention weights and of hidden features": inside}
        outcome["dropped and kept"] = torch.tensor([int((~kept).sum()), int(kept.sum())])
        return outcome | ({"survivors of 1": output.max()} if case["pre_norm"] else {})
    layer.load_state_dict(case["state"])
    layer.eval()
    x, memory = case["x"].clone().requires_grad_(), case["memory"].clone().requires_grad_()
    output = layer(x, memory, case.get("mask"), case.get("memory_mask"))
    output.pow(3).sum().backward()
    return {"output": output.detach(), "gradient of x": x.grad, "gradient of memory": memory.grad}


# %% judge="DecoderLayer" active="py"
def judge(case, expected, got):
    return judge_entries(expected, got, {"dropped and kept": judge_counts})


# %% mistake="DecoderLayer" name="memory_ignored" hint="Your cross-attention looks at the target itself; the memory is never read. Its keys and values come from memory." active="py"
class DecoderLayer(DecoderLayer):
    def forward(self, x, memory, mask=None, memory_mask=None):
        return super().forward(x, x + 0 * memory[:, : x.size(1)], mask, memory_mask)


# %% mistake="DecoderLayer" name="masks_swapped" hint="The two masks are swapped: mask is for the self-attention, memory_mask (the source's padding) for the cross-attention." active="py"
class DecoderLayer(DecoderLayer):
    def forward(self, x, memory, mask=None, memory_mask=None):
        return super().forward(x, memory, memory_mask, mask)


# %% mistake="DecoderLayer" name="padding_seen_across" hint="memory_mask never reaches the cross-attention: the decoder also reads the padding of the source." active="py"
class DecoderLayer(DecoderLayer):
    def forward(self, x, memory, mask=None, memory_mask=None):
        return super().forward(x, memory, mask)


# %% mistake="DecoderLayer" name="sees_the_future" hint="mask never reaches the self-attention: every target position sees the later ones, and copies the answer in training." active="py"
class DecoderLayer(DecoderLayer):
    def forward(self, x, memory, mask=None, memory_mask=None):
        return super().forward(x, memory, None, memory_mask)


# %% mistake="DecoderLayer" name="across_before_back" hint="The order is: look back (self_attention), then across (cross_attention), then feed-forward. Yours looks across first." active="py"
class DecoderLayer(DecoderLayer):
    def forward(self, x, memory, mask=None, memory_mask=None):
        dropout = self.dropout if self.training else 0.0
        look_across = lambda t: self.cross_attention(t, memory, memory_mask)[0]
        x = add_and_norm(x, look_across, self.norm2, dropout, self.pre_norm)
        x = add_and_norm(x, lambda t: self.self_attention(t, mask=mask)[0], self.norm1, dropout, self.pre_norm)
        return add_and_norm(x, self.feed_forward, self.norm3, dropout, self.pre_norm)


# %% mistake="DecoderLayer" name="norms_mixed_up" hint="norm2 belongs to the cross-attention and norm3 to the feed-forward network; yours are the other way round." active="py"
class DecoderLayer(DecoderLayer):
    def forward(self, x, memory, mask=None, memory_mask=None):
        self.norm2, self.norm3 = self.norm3, self.norm2
        try:
            return super().forward(x, memory, mask, memory_mask)
        finally:
            self.norm2, self.norm3 = self.norm3, self.norm2


# %% [markdown]
r"""
## 6 · The whole model

**In.** A token's vector plus its position's: $x_t = \sqrt{d_{model}}\; E[\text{id}_t] + \operatorname{PE}(t)$, with the sinusoids of lesson 13. With positions alone, every text of the same length would look the same.

The factor $\sqrt{d_{model}}$ is in the paper, and it is a trap. It belongs to embeddings that **start with a standard deviation of $1/\sqrt{d_{model}}$**; then tokens enter with a standard deviation of {{1 = spreads["1/√d_model"] ± 0.02}}, beside sinusoids of about {{0.6 = places.std()}}. `nn.Embedding` starts with 1. Multiply *that* by $\sqrt{512} \approx {{22.6 = math.sqrt(512)}}$, and the order of the words
drowns, and scores of the first attention are so large that its softmax is {{almost one-hot : largest["nn.Embedding's own, 1"] > 0.97}} before training has begun:
"""

# %%
generator = torch.Generator().manual_seed(0)
torch.manual_seed(0)
attend, places, spreads, largest = MultiHeadAttention(512, 8), sinusoidal(50, 512), {}, {}
for name, spread in {"nn.Embedding's own, 1": 1.0, "1/√d_model": 512**-0.5}.items():
    tokens = math.sqrt(512) * spread * torch.randn(1, 50, 512, generator=generator)
    spreads[name] = tokens.std().item()
    largest[name] = attend(tokens + places)[1].amax(-1).mean().item()
    print(
        f"start with {name:22} tokens {spreads[name]:5.2f}  positions {places.std():.2f}  "
        f"largest weight {largest[name]:.3f} (even: {1 / 50:.3f})"
    )

# %% [markdown]
r"""
**Up.** $N$ encoder layers, $N$ decoder layers. `Stack`, from `course_lib.transformer`, runs layers one after another and hands the other arguments to each; under pre-norm it adds the norm at the end:

```python
class Stack(nn.Module):
    def __init__(self, layers, d_model, pre_norm=False):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(d_model) if pre_norm else nn.Identity()

    def forward(self, x, *others):
        for layer in self.layers:
            x = layer(x, *others)
        return self.norm(x)
```

**Out.** A matrix $(V, d_{model})$ without bias turns each state into the logits of the next token. (The paper uses one matrix for both embeddings and this; `share_embeddings` in the library. Ours are three.)

### Exercise · Transformer · optional

`encode` and `decode` each return **one tensor**. Masks are arguments of both: `forward` makes them, and so will the decoding loop.
"""


# %% exercise="Transformer" points=5 optional=true parts={"logits":3,"halves":1,"start":1} needs="make_masks EncoderLayer DecoderLayer" withheld="course_lib.transformer.Transformer torch.nn.Transformer"
class Transformer(nn.Module):
    """Read a source, and predict at every position of a target the token that follows.

    config  a TransformerConfig: source_vocab_size, target_vocab_size, d_model, n_heads, n_layers, d_ff, dropout, pre_norm, pad_id

    Parameters: source_embedding and target_embedding (nn.Embedding, which start with a standard deviation of 1/√d_model),
    encoder and decoder (Stack of n_layers EncoderLayer or DecoderLayer), to_logits (nn.Linear without bias).
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        ### BEGIN SOLUTION
        c = config
        self.source_embedding = nn.Embedding(c.source_vocab_size, c.d_model)
        self.target_embedding = nn.Embedding(c.target_vocab_size, c.d_model)
        for table in (self.source_embedding, self.target_embedding):
            nn.init.normal_(table.weight, std=c.d_model**-0.5)
        sizes = (c.d_model, c.n_heads, c.d_ff, c.dropout, c.pre_norm)
        self.encoder = Stack((EncoderLayer(*sizes) for _ in range(c.n_layers)), c.d_model, c.pre_norm)
        self.decoder = Stack((DecoderLayer(*sizes) for _ in range(c.n_layers)), c.d_model, c.pre_norm)
        self.to_logits = nn.Linear(c.d_model, c.target_vocab_size, bias=False)
        ### END SOLUTION

    def embed(self, ids: Tensor, embedding: nn.Embedding) -> Tensor:
        """Return √d_model · token vectors + sinusoidal(…) positions, (B, T) → (B, T, d_model), on the device of the ids.

        In training each feature of the sum is dropped with probability config.dropout.
        """
        ### BEGIN SOLUTION
        positions = sinusoidal(ids.size(1), self.config.d_model, ids.device)
        x = math.sqrt(self.config.d_model) * embedding(ids) + positions
        return F.dropout(x, self.config.dropout if self.training else 0.0)
        ### END SOLUTION

    def encode(self, source: Tensor, source_mask: Tensor) -> Tensor:
        """Return the memory (B, S, d_model) of a source (B, S), given its mask (B, 1, 1, S)."""
        ### BEGIN SOLUTION
        return self.encoder(self.embed(source, self.source_embedding), source_mask)
        ### END SOLUTION

    def decode(self, target: Tensor, memory: Tensor, target_mask: Tensor, source_mask: Tensor) -> Tensor:
        """Return the logits (B, T, V) for a target (B, T), given the memory and both masks."""
        ### BEGIN SOLUTION
        return self.to_logits(self.decoder(self.embed(target, self.target_embedding), memory, target_mask, source_mask))
        ### END SOLUTION

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the logits (B, T, V) of the token after each target position: masks, encode, decode."""
        ### BEGIN SOLUTION
        source_mask, target_mask = make_masks(source, target, self.config.pad_id)
        return self.decode(target, self.encode(source, source_mask), target_mask, source_mask)
        ### END SOLUTION


# %% [markdown] hints="Transformer"
r"""
1. Follow the picture at the top from the bottom up. Which parts are built once, in `__init__`, and what does each method hand on?
2. `Stack` takes an iterable of layers, `d_model` and `pre_norm`. encode embeds and runs the encoder; decode embeds, runs the decoder with the memory and both masks, and ends in the logits; forward makes the masks. `nn.init.normal_(table.weight, std=…)` draws new weights.
3. `self.encoder = Stack((EncoderLayer(*sizes) for _ in range(c.n_layers)), c.d_model, c.pre_norm)`
"""


# %% cases="Transformer" active="py"
def cases(seed):
    def sizes(**others):
        return {
            "source_vocab_size": 9,
            "target_vocab_size": 8,
            "d_model": 8,
            "n_heads": 2,
            "d_ff": 12,
            "n_layers": 1,
            "dropout": 0.0,
        } | others

    def state(sizes):
        tensors = transformer.Transformer(TransformerConfig(**sizes)).state_dict()
        return {name: random_tensor(seed + i, *t.shape, scale=0.4) for i, (name, t) in enumerate(tensors.items())}

    source = torch.tensor([[5, 7, 6, 4], [6, 8, 0, 0]])
    target = torch.tensor([[1, 4, 5], [1, 3, 0]])
    one = sizes(d_model=2, n_heads=1, d_ff=2)
    yield Case(
        {"sizes": one, "state": state(one), "source": source[:1, :2], "target": target[:1, :2]},
        note="two tokens each",
        part="logits",
    )
    for note, config in {
        "padding in both": sizes(),
        "two layers, pre-norm": sizes(n_layers=2, pre_norm=True),
        "another pad_id": sizes(pad_id=4),
        "dropout in eval mode": sizes(dropout=0.5),
    }.items():
        yield Case(
            {"sizes": config, "state": state(config), "source": source, "target": target}, note=note, part="logits"
        )
    config = sizes(n_layers=2)
    ids = {"source": random_integers(seed, 0, 9, 2, 4), "target": random_integers(seed + 1, 1, 8, 2, 3)}
    yield Case(
        {"sizes": config, "state": state(config), **ids, "halves": True}, note="encode and decode", part="halves"
    )
    n_source, n_target, width = random_integers(seed, 0, 100, 3).tolist()
    big = sizes(source_vocab_size=400 + n_source, target_vocab_size=300 + n_target, d_model=64 + 16 * (width // 10))
    yield Case({"sizes": big}, note="how the embeddings start", part="start")
    deep = sizes(n_layers=2 + seed % 2, dropout=0.05 + 0.05 * (seed % 7), d_model=16)
    yield Case({"sizes": deep, "ids": random_integers(seed + 2, 1, 8, 3, 9)}, note="dropout in training", part="halves")
    yield Case({"sizes": sizes(n_layers=1 + seed % 2), "device": "meta"}, note="on another device", part="logits")


# %% probe="Transformer" active="py"
def probe(student, case):
    model = student(TransformerConfig(**case["sizes"]))
    if "device" in case:  # a device without storage: whatever is made elsewhere does not mix with it
        ids = [torch.ones(2, n, dtype=torch.int64, device="meta") for n in (4, 3)]
        logits = model.to("meta")(*ids)
        return {"device": logits.device.type, "shape": list(logits.shape), "layers": len(model.decoder.layers)}
    if "ids" in case:
        plain = model.eval().embed(case["ids"], model.source_embedding).detach()
        dropped = model.train().embed(case["ids"], model.source_embedding).detach()
        kept = dropped != 0
        factors = (dropped / plain)[kept]
        inside = [part.dropout for part in model.modules() if isinstance(part, MultiHeadAttention)]
        return {
            "dropout of each attention": inside,
            "dropped and kept": torch.tensor([int((~kept).sum()), int(kept.sum())]),
            "survivors grew by": [factors.min(), factors.max()] if kept.any() else [],
        }
    if "state" not in case:
        tables = {"source": model.source_embedding.weight, "target": model.target_embedding.weight}
        spreads = {name: {"mean": w.mean().item(), "std": w.std().item()} for name, w in tables.items()}
        return spreads | {"numbers in them": sum(w.numel() for w in tables.values())}
    model.load_state_dict(case["state"])
    model.eval()
    if "halves" in case:
        source_mask, target_mask = torch.ones(2, 1, 1, 4) == 1, (torch.ones(3, 3) == 1).tril()
        memory = model.encode(case["source"], source_mask)
        return [memory.detach(), model.decode(case["target"], memory, target_mask, source_mask).detach()]
    logits = model(case["source"], case["target"])
    logits.square().sum().backward()
    return {"logits": logits.detach(), "gradient of source_embedding": model.source_embedding.weight.grad}


# %% judge="Transformer" active="py"
def judge(case, expected, got):
    spread = lambda *samples: judge_spread(300 * 64, *samples)  # so many numbers, or more, are in each embedding
    return judge_entries(expected, got, {"source": spread, "target": spread, "dropped and kept": judge_counts})


# %% mistake="Transformer" name="no_scale" hint="The token vectors are not multiplied by √d_model, so the positions outweigh them at the start." active="py"
class Transformer(Transformer):
    def embed(self, ids, embedding):
        x = embedding(ids) + sinusoidal(ids.size(1), self.config.d_model, ids.device)
        return F.dropout(x, self.config.dropout if self.training else 0.0)


# %% mistake="Transformer" name="no_positions" hint="The positions are missing: without them the encoder cannot tell 12-05 from 05-12." active="py"
class Transformer(Transformer):
    def embed(self, ids, embedding):
        return F.dropout(math.sqrt(self.config.d_model) * embedding(ids), self.config.dropout if self.training else 0.0)


# %% mistake="Transformer" name="positions_only" hint="What enters are the positions alone; then all texts of one length are the same. Add them to the token vectors." active="py"
class Transformer(Transformer):
    def embed(self, ids, embedding):
        return 0 * embedding(ids) + sinusoidal(ids.size(1), self.config.d_model, ids.device)


# %% mistake="Transformer" name="default_start" hint="Your embeddings start with nn.Embedding's standard deviation of 1; times √d_model they drown the positions. Draw them again with std = d_model ** -0.5." active="py"
class Transformer(Transformer):
    def __init__(self, config):
        super().__init__(config)
        for table in (self.source_embedding, self.target_embedding):
            nn.init.normal_(table.weight)


# %% mistake="Transformer" name="one_embedding" hint="Your target is looked up in source_embedding. Each side has its own table." active="py"
class Transformer(Transformer):
    def decode(self, target, memory, target_mask, source_mask):
        x = self.embed(target, self.source_embedding)
        return self.to_logits(self.decoder(x, memory, target_mask, source_mask))


# %% mistake="Transformer" name="states_not_logits" hint="decode must end with to_logits: (B, T, V), not the decoder's states (B, T, d_model)." active="py"
class Transformer(Transformer):
    def decode(self, target, memory, target_mask, source_mask):
        return self.decoder(self.embed(target, self.target_embedding), memory, target_mask, source_mask)


# %% mistake="Transformer" name="masks_swapped" hint="The decoder layer takes the target's mask first and the source's second; yours arrive the other way round." active="py"
class Transformer(Transformer):
    def decode(self, target, memory, target_mask, source_mask):
        x = self.embed(target, self.target_embedding)
        return self.to_logits(self.decoder(x, memory, source_mask, target_mask))


# %% [markdown]
r"""
### Two tests that every encoder–decoder should pass

**No leak**: replacing a target token changes no logits before it. **Padding is nothing**: a longer filling changes nothing at all. Both are {{exact to rounding : difference[:6].max() < 1e-5 < difference[6] and filling < 1e-5}}, on random weights; no training is needed to run them.
"""

# %%
Model = yours("transformer.Transformer", transformer.Transformer)
torch.manual_seed(0)
config = TransformerConfig(dates.vocab_size, dates.vocab_size, d_model=64, n_heads=4, n_layers=2, d_ff=256, dropout=0.0)
model = Model(config).eval()
with torch.no_grad():
    logits = model(sources, targets)
    other = targets.clone()
    other[:, 6] = targets[:, 7]
    difference = (model(sources, other) - logits).abs().amax((0, 2))
    padded = model(F.pad(sources, (0, 5)), F.pad(targets, (0, 2)))[:, : targets.size(1)]
print("token 6 replaced, change at each position:", difference.numpy().round(2))
filling = (padded - logits).abs().max()
print("with more padding, largest change:", f"{filling:.1e}")

# %% [markdown]
r"""
### Every shape, once · optional

What does each part of your model hand to the next, for the three dates above?
"""

# %%
shapes = {}
for name in (
    "source_embedding",
    "encoder.layers.0",
    "encoder",
    "target_embedding",
    "decoder.layers.0",
    "decoder",
    "to_logits",
):
    hook = lambda module, inputs, output, name=name: shapes.update({name: tuple(output.shape)})
    model.get_submodule(name).register_forward_hook(hook)
model(sources, targets)
print(f"source {tuple(sources.shape)}, target {tuple(targets.shape)},", end=" ")
print(f"d_model {config.d_model}, V {dates.vocab_size}\n")
for name, shape in shapes.items():
    print(f"{name:18} {shape}")
S, T = sources.size(1), targets.size(1)
print(f"\nscores of each head: encoder {(S, S)}, decoder {(T, T)}, across {(T, S)}")

# %% [markdown]
r"""
## 7 · How to train it

### Count first · optional

How many numbers will be learned? Attention: four matrices and four biases, $4(d^2 + d)$ with $d = d_{model}$. Feed-forward: $2\,d\,d_{ff} + d_{ff} + d$. A norm: $2d$. An encoder layer has one attention and two norms, a decoder layer two attentions and three norms.

**By hand**, $d = 4$, $d_{ff} = 16$: attention $4 \cdot 20 = {{80 = tiny["self_attention"]}}$, feed-forward $128 + 16 + 4 = {{148 = tiny["feed_forward"]}}$, norms $2 \cdot 8 = {{16 = tiny["norm1"] + tiny["norm2"]}}$: an encoder layer has {{244 = sum(tiny.values())}}. The number of heads does not occur, nor the length of the texts.

### Exercise · count_parameters · optional
"""


# %% exercise="count_parameters" points=2 optional=true withheld="course_lib.language_model.count_parameters"
def count_parameters(vocab_size: int, d_model: int, d_ff: int, n_layers: int) -> dict[str, int]:
    """Return how many numbers each part of your Transformer learns (post-norm, no shared matrices).

    vocab_size  V, the same for source and target
    d_model, d_ff, n_layers  sizes; n_layers in the encoder and as many in the decoder
    returns     {"embeddings": both tables, "encoder": …, "decoder": …, "output": the matrix to the logits, without bias}

    Example: count_parameters(10, 4, 16, 1) is {"embeddings": 80, "encoder": 244, "decoder": 332, "output": 40}.
    """
    ### BEGIN SOLUTION
    attention = 4 * (d_model**2 + d_model)
    network = 2 * d_model * d_ff + d_ff + d_model
    norm = 2 * d_model
    return {
        "embeddings": 2 * vocab_size * d_model,
        "encoder": n_layers * (attention + network + 2 * norm),
        "decoder": n_layers * (2 * attention + network + 3 * norm),
        "output": vocab_size * d_model,
    }
    ### END SOLUTION


# %% [markdown] hints="count_parameters"
r"""
1. Which three building blocks occur, and how many numbers does each hold?
2. Count attention, network and norm with their biases; then an encoder layer has one attention, a decoder layer two. How many norms has each?
3. `attention = 4 * (d_model**2 + d_model)`
"""


# %% cases="count_parameters" active="py"
def cases(seed):
    names = ("vocab_size", "d_model", "d_ff", "n_layers")
    yield Case(dict(zip(names, (10, 4, 16, 1))), note="the example by hand")
    yield Case(dict(zip(names, (46, 64, 256, 2))), note="ours for dates")
    yield Case(dict(zip(names, (37_000, 512, 2048, 6))), note="the sizes of the paper's base model")
    for i in range(3):
        yield Case(dict(zip(names, random_integers(seed + i, 2, 60, 4).tolist())), note="random sizes")


# %% mistake="count_parameters" name="no_biases" hint="The biases are missing: d_model for each of the four projections, d_ff and d_model in the feed-forward network. (Only to_logits has none.)" active="py"
def count_parameters(vocab_size, d_model, d_ff, n_layers, right=count_parameters):
    counts = right(vocab_size, d_model, d_ff, n_layers)
    counts["encoder"] -= n_layers * (5 * d_model + d_ff)
    counts["decoder"] -= n_layers * (9 * d_model + d_ff)
    return counts


# %% mistake="count_parameters" name="no_norms" hint="The norms are missing: each has a gain and a bias, 2 · d_model; two in an encoder layer, three in a decoder layer." active="py"
def count_parameters(vocab_size, d_model, d_ff, n_layers, right=count_parameters):
    counts = right(vocab_size, d_model, d_ff, n_layers)
    counts["encoder"] -= n_layers * 4 * d_model
    counts["decoder"] -= n_layers * 6 * d_model
    return counts


# %% mistake="count_parameters" name="no_cross_attention" hint="A decoder layer has two attentions: within the target, and across." active="py"
def count_parameters(vocab_size, d_model, d_ff, n_layers, right=count_parameters):
    counts = right(vocab_size, d_model, d_ff, n_layers)
    counts["decoder"] -= n_layers * 4 * (d_model**2 + d_model)
    return counts


# %% mistake="count_parameters" name="one_embedding" hint="There are two embedding tables, one for the source and one for the target." active="py"
def count_parameters(vocab_size, d_model, d_ff, n_layers, right=count_parameters):
    counts = right(vocab_size, d_model, d_ff, n_layers)
    return counts | {"embeddings": vocab_size * d_model}


# %%
numbers_in = lambda layer: {name: sum(p.numel() for p in part.parameters()) for name, part in layer.named_children()}
tiny = numbers_in(transformer.EncoderLayer(4, 2, 16))  # the one by hand
parts = numbers_in(transformer.EncoderLayer(512, 8, 2048))  # one layer of the paper's base model
show(
    figures.shares(
        {"self-attention": parts["self_attention"], "feed-forward": parts["feed_forward"], "two norms": parts["norm1"] + parts["norm2"]},
        "Two thirds of an encoder layer are its feed-forward network",
    ),
    alt=f"Parameters of an encoder layer of 512 features: {parts}.",
)  # fmt: skip
print(
    f"by hand: {sum(tiny.values())}   your model for dates: {sum(p.numel() for p in model.parameters()):,} parameters"
)

# %% [markdown]
r"""
### What is read, what is predicted

In training the whole target is known. The decoder reads it without its last token and predicts it without its first. Reading the true tokens, whatever the model would have written itself, is **teacher forcing** (lesson [11](11_seq2seq.ipynb)):

| position | 0 | 1 | 2 | … | 10 |
|---|---|---|---|---|---|
| reads `target[:, :-1]` | bos | 2 | 0 | … | 5 |
| predicts `target[:, 1:]` | 2 | 0 | 2 | … | eos |

Thanks to the mask, {{**one pass** gives all predictions at once : torch.allclose(together, one_by_one, atol=1e-5)}}, each as if the later tokens did not exist. That is what made Transformers faster to train than recurrent networks. It holds for known sequences only: what is not written yet cannot be read, so *writing* takes one pass per token, as in an RNN (section 8). There the model reads what it wrote, mistakes included, which it never met in training: **exposure bias**.
"""

# %%
with torch.no_grad():
    together = model(sources, targets)  # one pass over T positions
    beginnings = [targets[:, : t + 1] for t in range(targets.size(1))]  # what is known after t tokens
    one_by_one = torch.stack([model(sources, beginning)[:, -1] for beginning in beginnings], dim=1)
print(f"one pass equals {len(beginnings)} passes:", torch.allclose(together, one_by_one, atol=1e-5))

# %% [markdown]
r"""
### Label smoothing

Cross-entropy asks the model to put probability 1 on the label, which takes infinite logits. ***Label smoothing*** (Szegedy et al. 2016) asks for a little less: the target distribution gives every one of the $V$ classes $\varepsilon / V$, and the label $1 - \varepsilon$ on top.

$$\text{loss} = -(1 - \varepsilon)\,\log p_{\text{label}} \;-\; \frac{\varepsilon}{V} \sum_{v=1}^{V} \log p_v$$

The paper used $\varepsilon = 0.1$: perplexity got worse, translations got better. Note what happens to the floor: the loss cannot reach 0, only the entropy of the smoothed target.
"""

# %% [markdown]
r"""
**By hand**, $V = 4$, $\varepsilon = 0.1$, $p = (0.7, 0.1, 0.1, 0.1)$, the label is the first: $-0.9 \ln 0.7 - 0.025\,(\ln 0.7 + 3 \ln 0.1) = {{0.321 = -0.9 * math.log(0.7)}} + {{0.182 = -0.025 * (math.log(0.7) + 3 * math.log(0.1))}} = {{0.503 =
label_smoothing(torch.tensor([[0.7, 0.1, 0.1, 0.1]]).log(), torch.tensor([0]), pad_id=3)}}$, against $-\ln 0.7 = {{0.357 = -math.log(0.7)}}$ without smoothing.

### Exercise · label_smoothing · optional

Mean over the **real** tokens: a padded position has an output and must not count, neither in the sum nor in the number that you divide by.
"""


# %% exercise="label_smoothing" points=3 optional=true parts={"smoothing":2,"padding":1} withheld="course_lib.transformer.label_smoothing"
def label_smoothing(logits: Tensor, labels: Tensor, smoothing: float = 0.1, pad_id: int = 0) -> Tensor:
    """Return the mean smoothed cross-entropy, in nats a token.

    logits     (..., V)
    labels     (...) ids; where one is pad_id, the position does not count
    smoothing  ε: the label gets 1 − ε + ε/V, every other class ε/V
    returns    a scalar; 0 where there is nothing but padding; gradients flow to the logits

    F.cross_entropy may be used, but not its own label_smoothing: that is what you write here.

    Example: for logits = log of [0.7, 0.1, 0.1, 0.1], label 0 (and pad_id = 3) it is 0.503.
    """
    ### BEGIN SOLUTION
    log_probs = logits.log_softmax(-1)
    of_label = log_probs.gather(-1, labels[..., None]).squeeze(-1)
    losses = -(1 - smoothing) * of_label - smoothing * log_probs.mean(-1)
    real = labels != pad_id
    return losses.masked_fill(~real, 0.0).sum() / real.sum().clamp(min=1)
    ### END SOLUTION


# %% [markdown] hints="label_smoothing"
r"""
1. Two pieces: the label's own log-probability, and the mean of all V of them. Which positions count?
2. `gather` picks the label's log-probability. Weigh the two pieces by 1 − ε and ε, set the padding to 0, and divide by the number of real labels, at least 1.
3. `of_label = log_probs.gather(-1, labels[..., None]).squeeze(-1)`
"""


# %% cases="label_smoothing" active="py"
def cases(seed):
    hand = torch.tensor([[0.7, 0.1, 0.1, 0.1]]).log()
    yield Case({"logits": hand, "labels": torch.tensor([0]), "pad_id": 3}, note="the example by hand", part="smoothing")
    yield Case(
        {"logits": hand, "labels": torch.tensor([0]), "smoothing": 0.0, "pad_id": 3},
        note="no smoothing",
        part="smoothing",
    )
    yield Case({"logits": 100 * hand, "labels": torch.tensor([1]), "pad_id": 3}, note="large logits", part="smoothing")
    logits = random_tensor(seed, 2, 4, 7, scale=2.0)
    labels = random_integers(seed + 1, 1, 7, 2, 4)
    yield Case({"logits": logits, "labels": labels, "smoothing": 0.3}, note="a batch without padding", part="smoothing")
    padded = labels * torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    yield Case({"logits": logits, "labels": padded}, note="a batch with padding", part="padding")
    yield Case({"logits": logits, "labels": padded, "pad_id": int(labels[0, 1])}, note="another pad_id", part="padding")
    yield Case({"logits": logits, "labels": 0 * labels}, note="nothing but padding", part="padding")
    scales = random_tensor(seed + 2, 6, 5) * torch.tensor([[0.1], [1], [10], [30], [100], [300]])
    far = {"logits": scales, "labels": random_integers(seed + 3, 1, 5, 6), "smoothing": 0.05 * (1 + seed % 9)}
    yield Case(far, note="logits of very different size", part="smoothing")
    some = random_integers(seed + 4, 0, 3, 3, 2, 5)
    some[0, 0, :2] = torch.tensor([1, 2])
    logits = random_tensor(seed + 5, 3, 2, 5, 3)
    yield Case({"logits": logits, "labels": some, "smoothing": 0.25, "pad_id": 2}, note="random ids", part="padding")


# %% probe="label_smoothing" active="py"
def probe(student, case):
    from torch.overrides import TorchFunctionMode

    from course_lib.judging.forbidden import ForbiddenCall

    class NotSmoothedByTorch(TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            if func is F.cross_entropy and (kwargs.get("label_smoothing") or len(args) > 7):
                raise ForbiddenCall("label_smoothing of torch.nn.functional.cross_entropy")
            return func(*args, **kwargs)

    logits = case["logits"].clone().requires_grad_()
    options = {name: case[name] for name in ("smoothing", "pad_id") if name in case}
    with NotSmoothedByTorch():
        loss = student(logits, case["labels"], **options)
    if loss.requires_grad:
        loss.backward()
    return {"loss": loss.detach(), "gradient": logits.grad}


# %% mistake="label_smoothing" name="not_smoothed" hint="That is the plain cross-entropy: every class must get its share ε/V." active="py"
def label_smoothing(logits, labels, smoothing=0.1, pad_id=0, right=label_smoothing):
    return right(logits, labels, 0.0, pad_id)


# %% mistake="label_smoothing" name="label_gets_no_share" hint="The ε is spread over all V classes, the label included: it gets 1 − ε + ε/V. You spread it over the V − 1 others." active="py"
def label_smoothing(logits, labels, smoothing=0.1, pad_id=0, right=label_smoothing):
    size = logits.size(-1)
    return right(logits, labels, smoothing * size / (size - 1), pad_id)


# %% mistake="label_smoothing" name="padding_counts" hint="The padded positions count too. Leave them out of the sum and out of the number you divide by." active="py"
def label_smoothing(logits, labels, smoothing=0.1, pad_id=0, right=label_smoothing):
    return right(logits, labels, smoothing, -1)


# %% mistake="label_smoothing" name="divides_by_all" hint="The sum leaves the padding out, but you divide by all positions. Divide by the number of real ones: else a batch with more padding seems to have a lower loss." active="py"
def label_smoothing(logits, labels, smoothing=0.1, pad_id=0, right=label_smoothing):
    return right(logits, labels, smoothing, pad_id) * (labels != pad_id).sum() / labels.numel()


# %% mistake="label_smoothing" name="sum_over_classes" hint="You subtract ε times the sum of all V log-probabilities. Each class gets ε/V: take their mean." active="py"
def label_smoothing(logits, labels, smoothing=0.1, pad_id=0, right=label_smoothing):
    real = labels != pad_id
    extra = smoothing * (logits.log_softmax(-1).mean(-1) - logits.log_softmax(-1).sum(-1))
    return right(logits, labels, smoothing, pad_id) + extra.masked_fill(~real, 0.0).sum() / real.sum().clamp(min=1)


# %% [markdown]
r"""
### Question · smoothing_floor · optional

There are two classes, $\varepsilon = 0.2$. A perfect model outputs exactly the smoothed target. What is its loss, in nats? Write a number with three decimals.
"""

# %% exercise="smoothing_floor" points=1 optional=true kind="number"
### BEGIN SOLUTION
smoothing_floor = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))  # 0.325
### END SOLUTION

# %% mistake="smoothing_floor" name="zero" hint="Only without smoothing. The best it can do is the entropy of the smoothed target." active="py"
smoothing_floor = 0.0

# %% mistake="smoothing_floor" name="share_forgotten" hint="You took the entropy of (0.8, 0.2). The label gets 1 − ε + ε/V = 0.8 + 0.1." active="py"
smoothing_floor = 0.5004

# %% mistake="smoothing_floor" name="bits" hint="That is in bits; this course measures in nats." active="py"
smoothing_floor = 0.469

# %% [markdown]
r"""
### Warm-up, and the inverse square root

Lesson 05 warms up the learning rate; here is why a Transformer does. At the start Adam's estimate of each gradient's size rests on a handful of steps, and in a post-norm stack the gradients near the output are large (Xiong et al. 2020). A large step then can set a deep stack back for a long time. The paper's rate, the ***inverse square root schedule***, rises in a straight line first, and then falls with the root of the step $t$:

$$\text{lr}(t) = \frac{1}{\sqrt{d_{model}}}\, \min\!\left(\frac{1}{\sqrt t},\ \frac{t}{\text{warm-up}^{1.5}}\right), \qquad \text{highest at } t = \text{warm-up}.$$

Move the warm-up. The falling part is always the same; a longer warm-up only cuts off more of its top.
"""

# %%
warm_up_explorer()

# %% [markdown]
r"""
### Question · after_the_peak · optional

By which factor is the rate at $t = 4 \cdot \text{warm-up}$ smaller than at its peak? Write lr(4 · warm-up) / lr(warm-up) as a number.
"""

# %% exercise="after_the_peak" points=1 optional=true kind="number"
### BEGIN SOLUTION
after_the_peak = 0.5
### END SOLUTION

# %% mistake="after_the_peak" name="inverse" hint="That would be a rate that falls with 1/t. This one falls with 1/√t." active="py"
after_the_peak = 0.25

# %% mistake="after_the_peak" name="factor" hint="You wrote how much larger the peak is. The question is lr(4 · warm-up) / lr(warm-up)." active="py"
after_the_peak = 2.0

# %% [markdown]
r"""
### Does a warm-up matter at our size? · optional

Six layers on each side learn to reverse strings of two to five letters, {{three times : all(len(three) == 3 for three in runs.values())}} each with different seeds. With a rate of 0.01: post-norm without a warm-up, post-norm with one, pre-norm without. And post-norm once more without a warm-up, at 0.003.
"""

# %%
from functools import partial

from course_lib.train import Trainer
from course_lib.transformer import translation_loss
from course_lib.widgets.training import watch

reverse, steps = Rearranged("reverse", shortest=2, longest=5, n_letters=6), budget(full=90, short=3)
deep = partial(
    TransformerConfig, reverse.vocab_size, reverse.vocab_size, d_model=32, n_heads=2, n_layers=6, d_ff=64, dropout=0.0
)
plain_loss, unit = partial(translation_loss, smoothing=0.0), "nats per character"


def learn_to_reverse(name, seed, pre_norm, warmup, lr):
    """The training loss of every update."""
    torch.manual_seed(seed)
    rising = lambda step: min(1.0, (step + 1) / warmup)  # then it stays
    model, draw = Model(deep(pre_norm=pre_norm)).to(device), partial(reverse.batch, 32)
    trainer = Trainer(model, draw, plain_loss, steps=steps, lr=lr, schedule=rising, clip=None, seed=seed)
    label = f"{name}, seed {seed}"
    return torch.tensor([step.loss for step in watch(trainer, label, unit=unit, curve=False)])


# %%
settings = {
    "post-norm, no warm-up": (False, 1, 0.01),
    "post-norm, warm-up": (False, 30, 0.01),
    "pre-norm, no warm-up": (True, 1, 0.01),
    "post-norm, no warm-up, rate 0.003": (False, 1, 0.003),
}
runs = {
    name: torch.stack([learn_to_reverse(name, seed, *setting) for seed in range(3)])
    for name, setting in settings.items()
}  # (seeds, updates) each
width = max(steps // 9, 1)
ends = torch.stack([three[:, -width:].mean(1) for three in runs.values()])  # (settings, seeds)
for name, three in zip(settings, ends.tolist()):
    print(f"{name:34}", "loss at the end of the three runs:", *(f"{loss:6.2f}" for loss in three))
means = {name: three.mean(0).view(-1, width).mean(1).tolist() for name, three in runs.items()}
curves = {name: (range(width, steps + 1, width), mean) for name, mean in means.items()}
show(
    figures.lines(curves, "update", f"training loss ({unit})", "This deep stack cannot bear a rate of 0.01 at once"),
    alt="Training loss at the end, mean of three runs: "
    + ", ".join(f"{name} {end:.2f}" for name, end in zip(settings, ends.mean(1).tolist())),
)

# %% [markdown]
r"""
At a rate of 0.01, post-norm without a warm-up ends its 90 updates at {{1.4 = ends[0].mean() ± 0.35}} nats per character, the mean of three runs. {{The warm-up : (ends[1] < ends[0]).all()}} and {{pre-norm : (ends[2] < ends[0]).all()}} each lower that in every run, to {{0.59 = ends[1].mean() ± 0.25}} and {{0.45 = ends[2].mean() ± 0.15}}.

But {{the lowest loss in every run : (ends[3] < ends[:3]).all()}} is that of post-norm *without* a warm-up at 0.003: {{0.18 = ends[3].mean() ± 0.1}}. So this stack does not need a warm-up; it needs a rate that it can bear from the first update on. A warm-up helps a rate through the start that is too high for it, and this experiment cannot say more than that.
"""

# %% [markdown]
r"""
## 8 · Writing a translation

Nothing of the target is known now. Encode the source **once**; begin with bos; ask for the next token, append the likeliest, ask again.

Four things go wrong in popular versions of this loop:

- it tests `if next_token.item() == eos`, which works for a single sentence and crashes for a batch;
- a row that has ended goes on writing, because others have not ended yet: it must get padding from then on;
- dropout is still active, so the same source is translated differently each time: the model must be in **eval mode**;
- the model is *left* in eval mode. If you translate a sample in the middle of training, you then train on without dropout, and nothing says so. Put the mode back as it was.

### Exercise · translate · optional
"""


# %% exercise="translate" points=4 optional=true needs="make_masks" withheld="course_lib.transformer.translate"
@torch.no_grad()
def translate(model, source: Tensor, max_len: int, bos_id: int = 1, eos_id: int = 2, pad_id: int = 0) -> Tensor:
    """Write the targets of a batch of sources token by token, each time the likeliest one (greedy).

    model    has encode(source, source_mask) and decode(target, memory, target_mask, source_mask), as your Transformer.
             It is put into eval mode, and back into the mode that it was in
    source   (B, S) ids
    max_len  write at most so many tokens; stop earlier once every row has written eos_id
    returns  (B, T) ids without bos, T ≤ max_len; after its eos a row has nothing but pad_id

    Every row of the source is encoded once. The masks are those of make_masks: padding is hidden, and the future.
    No gradients are kept.
    """
    ### BEGIN SOLUTION
    training = model.training
    model.eval()
    written = torch.full((len(source), 1), bos_id, device=source.device)
    done = torch.zeros(len(source), dtype=torch.bool, device=source.device)
    source_mask, _ = make_masks(source, written, pad_id)
    memory = model.encode(source, source_mask)
    while written.size(1) <= max_len and not done.all():
        _, target_mask = make_masks(source, written, pad_id)
        logits = model.decode(written, memory, target_mask, source_mask)[:, -1]
        token = logits.argmax(-1).masked_fill(done, pad_id)
        written = torch.cat([written, token[:, None]], dim=1)
        done |= token == eos_id
    model.train(training)
    return written[:, 1:]
    ### END SOLUTION


# %% [markdown] hints="translate"
r"""
1. What must be remembered from step to step? Which position of the logits predicts the next token?
2. Two tensors: what is written so far, (B, t), beginning with bos, and a boolean (B,) that says which rows are done. A row that is done gets padding. Remember `model.training` before `model.eval()`.
3. `token = model.decode(…)[:, -1].argmax(-1).masked_fill(done, …)`
"""


# %% cases="translate" active="py"
def cases(seed):
    yield Case({"source": torch.tensor([[5, 6, 4]]), "max_len": 5, "ends": [3]}, note="one row")
    rows = {"source": torch.tensor([[5, 6, 4, 7], [4, 9, 0, 0]]), "max_len": 6}
    yield Case(rows | {"ends": [2, 4]}, note="two rows that end at different times")
    yield Case(rows | {"ends": [2, 9], "max_len": 3}, note="max_len is reached")
    yield Case(rows | {"ends": [2, 4], "training": False}, note="a model in eval mode")
    other = {"bos_id": 3, "eos_id": 9, "pad_id": 1, "source": torch.tensor([[5, 6, 4, 0], [4, 8, 1, 1]])}
    yield Case(rows | {"ends": [5, 1]} | other, note="other special ids")
    for i in range(3):
        source = random_integers(seed + 10 * i, 3, 10, 3, 5)
        source[0, 3:] = 0
        ends = random_integers(seed + 10 * i + 1, 1, 8, 3).tolist()
        yield Case({"source": source, "ends": ends, "max_len": 7}, note="random rows")


# %% probe="translate" active="py"
def probe(student, case):
    eos, pad, longest, rows = case.get("eos_id", 2), case.get("pad_id", 0), [0], [0]
    trained, kept, begins = [], [], set()
    real = lambda ids: tuple(i for i in ids.tolist() if i != pad)
    last = {real(ids): end for ids, end in zip(case["source"], case["ends"])}  # where the target of each source ends

    class Counting(nn.Module):
        """Writes what depends on all that it may see, in whole numbers; a row ends where the case says so."""

        def seen(self, numbers, mask):  # (B, S) and a mask (B, 1, T, S) → (B, T): the sum of what each may see
            mask = torch.ones(numbers.size(1), dtype=torch.bool) if mask is None else mask
            while mask.dim() < 4:
                mask = mask[None]
            return (mask[:, 0].long() * numbers[:, None]).sum(-1)

        def encode(self, source, source_mask):
            rows[0] += len(source)
            trained.append(self.training)
            kept.append(torch.is_grad_enabled())
            memory = (source + 1) * torch.arange(1, source.size(1) + 1) + self.seen(source + 1, source_mask)
            return torch.stack([memory, source], dim=-1).double()

        def decode(self, target, memory, target_mask, source_mask):
            longest[0] = max(longest[0], target.size(1))
            trained.append(self.training)
            begins.update(target[:, 0].tolist())
            memory, source = memory.long().unbind(-1)
            once = (target + 1) * torch.arange(1, target.size(1) + 1)
            twice = once + self.seen(once, target_mask)  # as two layers do: the mask tells at every position
            total = self.seen(twice, target_mask) + 2 * self.seen(memory, source_mask)
            token = 3 + total % 5  # neither eos nor padding
            ends = torch.tensor([last[real(ids)] for ids in source])[:, None]
            at = torch.arange(1, target.size(1) + 1)
            token = token.where(at < ends, 7).where(at != ends, eos)
            return F.one_hot(token, 10).double()

    model = Counting().train(case.get("training", True))
    options = {name: case[name] for name in ("bos_id", "eos_id", "pad_id") if name in case}
    written = student(model, case["source"], case["max_len"], **options)
    return {"written": written, "rows encoded": rows[0], "longest target read": longest[0], "begins with": sorted(begins),
            "gradients kept": any(kept), "training mode while writing": any(trained),
            "training mode afterwards": model.training}  # fmt: skip


# %% equivalents="translate" active="py"
equivalents = {
    "logits.argmax(-1) → last_argmax(logits, -1)": "of two tokens that are equally likely, each is the likeliest",
    "return written[:, 1:] → return detached(written[:, 1:])": "ids are integers: they have no gradient",
}


# %% mistake="translate" name="one_sentence_only" hint="`.item()` works for one sentence. For a batch keep a boolean tensor of the rows that are done, and stop when done.all()." active="py"
@torch.no_grad()
def translate(model, source, max_len, bos_id=1, eos_id=2, pad_id=0, right=translate):
    if len(source) > 1:
        (torch.zeros(len(source)) == eos_id).item()
    return right(model, source, max_len, bos_id, eos_id, pad_id)


# %% mistake="translate" name="writes_after_the_end" hint="A row that has ended goes on writing while the others finish. After its eos it must get pad_id: token.masked_fill(done, pad_id)." active="py"
@torch.no_grad()
def translate(model, source, max_len, bos_id=1, eos_id=2, pad_id=0):
    training = model.training
    model.eval()
    written = torch.full((len(source), 1), bos_id)
    source_mask, _ = make_masks(source, written, pad_id)
    memory = model.encode(source, source_mask)
    while written.size(1) <= max_len and not (written == eos_id).any(1).all():
        _, target_mask = make_masks(source, written, pad_id)
        token = model.decode(written, memory, target_mask, source_mask)[:, -1].argmax(-1)
        written = torch.cat([written, token[:, None]], dim=1)
    model.train(training)
    return written[:, 1:]


# %% mistake="translate" name="never_stops_early" hint="Right, but you always make max_len passes. Stop once every row has ended: while … and not done.all()." active="py"
@torch.no_grad()
def translate(model, source, max_len, bos_id=1, eos_id=2, pad_id=0):
    training = model.training
    model.eval()
    written, done = torch.full((len(source), 1), bos_id), torch.zeros(len(source), dtype=torch.bool)
    source_mask, _ = make_masks(source, written, pad_id)
    memory = model.encode(source, source_mask)
    for _ in range(max_len):
        _, target_mask = make_masks(source, written, pad_id)
        token = model.decode(written, memory, target_mask, source_mask)[:, -1].argmax(-1).masked_fill(done, pad_id)
        written = torch.cat([written, token[:, None]], dim=1)
        done |= token == eos_id
    model.train(training)
    return written[:, 1:]


# %% mistake="translate" name="stays_in_eval_mode" hint="You leave the model in eval mode: whoever goes on training now trains without dropout. Remember model.training, and put it back with model.train(…)." active="py"
@torch.no_grad()
def translate(model, source, max_len, bos_id=1, eos_id=2, pad_id=0, right=translate):
    written = right(model, source, max_len, bos_id, eos_id, pad_id)
    model.eval()
    return written


# %% mistake="translate" name="dropout_active" hint="The model is in training mode while it writes, so dropout is active and two translations of one source differ. Call model.eval() first." active="py"
@torch.no_grad()
def translate(model, source, max_len, bos_id=1, eos_id=2, pad_id=0, right=translate):
    model.eval, before = (lambda: model), model.eval
    try:
        return right(model, source, max_len, bos_id, eos_id, pad_id)
    finally:
        model.eval = before


# %% mistake="translate" name="keeps_the_begin" hint="Your result still begins with bos. Return what was written after it." active="py"
@torch.no_grad()
def translate(model, source, max_len, bos_id=1, eos_id=2, pad_id=0, right=translate):
    written = right(model, source, max_len, bos_id, eos_id, pad_id)
    return F.pad(written, (1, 0), value=bos_id)


# %% mistake="translate" name="no_masks" hint="Your model may look at the padding, or at what comes later: hand both masks of make_masks on, to encode and to decode." active="py"
@torch.no_grad()
def translate(model, source, max_len, bos_id=1, eos_id=2, pad_id=0, right=translate):
    encode, decode = model.encode, model.decode
    model.encode = lambda source, mask: encode(source, None)
    model.decode = lambda target, memory, target_mask, source_mask: decode(target, memory, None, None)
    written = right(model, source, max_len, bos_id, eos_id, pad_id)
    model.encode, model.decode = encode, decode
    return written


# %% mistake="translate" name="encodes_every_time" hint="You encode the source at every step. It does not change: encode it once, before the loop." active="py"
@torch.no_grad()
def translate(model, source, max_len, bos_id=1, eos_id=2, pad_id=0, right=translate):
    class Again:
        training, eval, train, encode = model.training, model.eval, model.train, staticmethod(lambda source, mask: None)

        def decode(self, target, memory, target_mask, source_mask):
            return model.decode(target, model.encode(source, source_mask), target_mask, source_mask)

    return right(Again(), source, max_len, bos_id, eos_id, pad_id)


# %% [markdown]
r"""
### Question · one_pass

A Transformer and an RNN have each been trained to translate. Which statement is true?

- **a** The Transformer computes all positions in parallel, in training and in writing.
- **b** In training the Transformer needs one pass for all positions of a known target; in writing it needs one pass per token, as the RNN does.
- **c** Both need one pass per token in training as well.
- **d** The Transformer writes in parallel if the causal mask is left out.
"""

# %% exercise="one_pass" points=1 kind="choice" choices="a b c d"
### BEGIN SOLUTION
one_pass = "b"
### END SOLUTION

# %% mistake="one_pass" name="a" hint="In writing, token t + 1 depends on token t, which is not there before it has been chosen." active="py"
one_pass = "a"

# %% mistake="one_pass" name="c" hint="The mask lets one pass compute every position as if the later ones did not exist. The RNN has no such way: its state at t needs the one at t − 1." active="py"
one_pass = "c"

# %% mistake="one_pass" name="d" hint="What is not written cannot be looked at, with or without a mask." active="py"
one_pass = "d"

# %% [markdown]
r"""
## 9 · Train it on dates

{{Two : config.n_layers == 2}} layers on each side, {{64 = config.d_model}} features, {{post-norm : not config.pre_norm}} as in the paper, label smoothing 0.1. The rate warms up over the first {{20 = round(0.05 * steps)}} updates. Then it falls along a cosine to nearly 0 (05 Optimizers): the inverse root never comes to rest, and a training this short would end in the middle of its jumps. If your classes passed their checks, it is they that train here. Every eighth of the way it translates {{300 = len(test_sources)}} dates of **held-out days**, and a translation counts only if all {{ten : len(answer) == 10}} characters are right.
"""

# %%
from functools import partial

from course_lib.budget import budget
from course_lib.train import Trainer
from course_lib.transformer import translation_loss
from course_lib.widgets.predict import predict_curve

guess = predict_curve(
    "14_transformer.dates",
    "Of dates on days that were never shown, which share is right, all ten characters?",
    x=range(50, 401, 50),
    x_label="update",
    y_label="share of held-out days",
    low=0,
    high=1,
)
guess

# %%
from course_lib.widgets.training import watch

write = yours("transformer.translate", transformer.translate)
rows = budget(full=300, short=20)
test_sources, test_targets = dates.batch(rows, torch.Generator().manual_seed(1), held_out=True)
torch.manual_seed(0)
model, test_sources = Model(config).to(device), test_sources.to(device)
steps = budget(full=400, short=8)
trainer = Trainer(model, partial(dates.batch, 64), translation_loss, steps=steps, lr=3e-3)
unit = "nats per character"

smoothed = torch.full((dates.vocab_size,), 0.1 / dates.vocab_size)
smoothed[0] += 0.9
floor = {"floor of label smoothing": torch.special.entr(smoothed).sum().item()}
reached = []
for step in watch(trainer, "dates", levels=floor, unit=unit):
    if step.number % (steps // 8) == 0:
        right = dates.accuracy(write(model, test_sources, max_len=11), test_targets)
        reached.append((step.number, right))
print(
    "still in training mode after eight translations:",
    model.training,
    f"  floor of the loss: {floor.popitem()[1]:.3f} nats",
)

# %%
show(
    figures.lines(
        {"all ten characters right": tuple(zip(*reached))},
        "update",
        "share of held-out days",
        f"From {reached[0][1]:.0%} of the dates right to {reached[-1][1]:.0%}, in {reached[-1][0]} updates",
    ),
    alt=f"Share of dates right against updates: {reached[0][1]:.2f} to {reached[-1][1]:.2f}.",
)
written = write(model, test_sources[:10], max_len=11)
for source, output, truth in zip(test_sources, written, test_targets):
    said, wanted = dates.decode(output), dates.decode(truth)
    print(f"{dates.decode(source):28} → {said:12} {'✓' if said == wanted else '✗ ' + wanted}")
# %%
guess.reveal([share for _, share in reached])

# %% [markdown]
r"""
### Three attentions, looked at

Your weights fit the library's model, since the names are the same; its `attention_maps` returns who looked at whom. Below: the last layer, mean of its heads; the brightest cell of a panel is its largest weight. In the right panel follow the rows: where does the decoder look while it writes the year, the month, the day?
"""

# %%
viewer = transformer.Transformer(config)
viewer.load_state_dict(model.state_dict())
text = "March 5th, 2025"
source = torch.tensor([dates.encode(text)])
output = write(viewer, source, max_len=11)
answer = dates.decode(output[0])
target = torch.tensor([[BOS, *dates.encode(answer)]])
print("a held-out day:", dates.is_held_out(text, "2025-03-05"))
maps = viewer.attention_maps(source, target)
last = [maps[name][-1][0].mean(0) for name in ("encoder", "decoder", "cross")]
show(
    figures.three_maps(text, f"▸{answer}", *last, title=f"{text} → {answer}: who looks at whom in the last layer"),
    alt="Three heat maps: source on source, target on its earlier characters, target on source.",
)

# %%
with torch.no_grad():
    probs = viewer.eval()(source, target)[0].softmax(-1)  # (T, V); in training mode dropout would change them
for place in (0, 5, 8):
    top = zip(*probs[place].topk(5))
    shown = (f"{dates.decode(token[None]) or 'the end'} {p:.4f}" for p, token in top)
    print(f"after “{answer[:place]}” the five most probable:", *shown, sep="   ")

# %% [markdown]
r"""
Step through the writing. A head that is idle in one place can be the important one in another; and, as lesson 12 warned, a weight says where a head looked, not what it took from there.
"""

# %%
cross = torch.stack([layer[0] for layer in maps["cross"]])  # (L, H, T, S)
alignment_explorer(text, f"{answer}◂", cross)

# %% [markdown]
r"""
### What has it learned, and what not?

{{That day was held out : dates.is_held_out("March 5th, 2025", "2025-03-05")}}. The *notations* below are new to it as well; at some of them you would not hesitate:
"""

# %%
import re

unknown = [
    "5 of March 2025",
    "March the 5th 2025",
    "2025 March 5",
    "Mar-5-2025",
    "5th March, 2025",
    "the 5th of March",
    "March 2025, 5",
    "5 March 5 2025",
]
ids, _ = dates.tensors([(text, "") for text in unknown])
guesses = [dates.decode(output) for output in write(model, ids.to(device), max_len=11)]
for text, guess in zip(unknown, guesses):
    print(f"{text:22} → {guess}")
are_dates = [bool(re.fullmatch(r"\d{4}-\d\d-\d\d", guess)) for guess in guesses]

# %% [markdown]
r"""
{{Whatever comes out has the form of a date : all(are_dates)}}: the decoder has learned that form, and writes it even when the source says nothing of the kind. A model that must answer does answer.
"""

# %% [markdown]
r"""
## 10 · The same model reads numbers · optional

Nothing in it knows about dates. The same code, trained on *two thousand four hundred and seven* → *2407* (pre-norm this time). It trains on numbers of **up to four digits**, and is asked for one to six: held-out numbers of the lengths that it knows, and longer ones, whose words it knows
but has never seen in such a row.
"""

# %%
numbers, all_numbers = NumberWords(digits=4), NumberWords(digits=6)
torch.manual_seed(0)
reader = Model(TransformerConfig(numbers.vocab_size, numbers.vocab_size, dropout=0.0, pre_norm=True)).to(device)
trainer = Trainer(reader, partial(numbers.batch, 64), translation_loss, steps=budget(full=220, short=4), lr=5e-3)
for _ in watch(trainer, "number words", unit=unit):
    pass

# %%
pairs = all_numbers.sample(600, torch.Generator().manual_seed(2), held_out=True)
by_digits = {n: [pair for pair in pairs if len(pair[1]) == n] for n in range(1, 7)}
shares = []
for n, some in by_digits.items():
    ids, truth = numbers.tensors(some)
    output = write(reader, ids.to(device), max_len=8)
    shares.append(numbers.accuracy(output, truth))
    print(f"{n} digits, {shares[-1]:4.0%} right   {some[0][0]} → {numbers.decode(output[0])}")
show(
    figures.lines(
        {"held-out numbers": (list(by_digits), shares)},
        "digits of the number (trained on 1 to 4)",
        "share right",
        "It reads the lengths that it has seen, and no longer ones",
    ),
    alt="Share right of numbers with 1 to 6 digits: " + ", ".join(f"{share:.0%}" for share in shares),
)

# %% [markdown]
r"""
That limit is the honest end of the success story. At the positions and lengths that it was shown, the model has learned to do this, with {{more than nine in ten right : min(shares[:4]) > 0.9}}; of longer numbers it reads {{next to none : max(shares[4:]) < 0.05}}. (One run.) It has not learned what a number is. Lesson [13 Positions](13_positions.ipynb) measures which position encodings reach a little further.
"""

# %% [markdown]
r"""
## 11 · Find the bugs

### Find the bugs · training_loss · optional

A colleague writes the loss for training, and reports a miracle: it falls nearly to 0. The translations are nonsense, and dropout seems to do nothing. There are three faults; each repair earns its point alone.
"""


# %% exercise="training_loss" points=3 optional=true parts={"shift":1,"padding":1,"mode":1} withheld="course_lib.transformer.translation_loss"
def training_loss(model, source: Tensor, target: Tensor, pad_id: int = 0) -> Tensor:
    """Return the loss of one training step: each target token is predicted from the true ones before it.

    model    model(source, target) → logits (B, T, V) of the token after each target position; put into training mode
             before it is called
    source   (B, S) ids
    target   (B, T) ids: bos, the tokens, eos, and pad_id up to the longest
    returns  a scalar: cross-entropy in nats a token, mean over all real tokens after bos
    """
    ### BEGIN SOLUTION
    model.train()
    logits = model(source, target[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=pad_id)
    ### END SOLUTION
    ### BEGIN STARTER
    # model.eval()  # so that dropout does not disturb the loss
    # logits = model(source, target)
    # return F.cross_entropy(logits.flatten(0, 1), target.flatten())
    ### END STARTER


# %% [markdown] hints="training_loss"
r"""
1. Write down, for the target bos 2 0 eos pad, what the model reads at each position and what its label is. Which label can it copy from what it reads?
2. Inputs and labels must be shifted against each other by one. Which labels are no tokens at all, and which mode does a training step want?
3. `logits = model(source, target[:, :-1])`: what are the labels then?
"""


# %% cases="training_loss" active="py"
def cases(seed):
    table = random_tensor(seed, 8, 8)
    small = {"table": table, "source": torch.tensor([[4]]), "target": torch.tensor([[1, 5, 2]])}
    yield Case(small, note="one pair", part="shift")
    for i, n in enumerate((6, 4)):
        ids = random_integers(seed + 1 + i, 3, 8, 3, n)
        ids[:, 0], ids[:, -1] = 1, 2
        yield Case({"table": table, "source": ids[:, 1:3], "target": ids}, note="no padding", part="shift")

    def of_no_shift(seed, target, pad_id=0):
        """A model that looks at nothing, and finds bos as likely as the labels after it are in the mean."""
        logits, labels = random_tensor(seed, 8), target[:, 1:]
        logits[1] = logits[labels[labels != pad_id]].mean()
        return {"table": (logits / 2).expand(8, 8).contiguous(), "source": target[:, 1:3], "target": target}

    for i in range(3):
        ids = random_integers(seed + 5 + i, 3, 7, 3, 6)
        ids[:, 0], ids[0, -1] = 1, 2
        ids[1, 3:], ids[2, 2:] = torch.tensor([2, 0, 0]), torch.tensor([2, 0, 0, 0])
        yield Case(of_no_shift(seed + i, ids) | {"ask": "loss"}, note="shorter targets", part="padding")
    ids = torch.where(ids == 0, 7, ids)
    other = of_no_shift(seed + 8, ids, 7) | {"pad_id": 7, "ask": "loss"}
    yield Case(other, note="another pad_id", part="padding")
    ids = torch.tensor([[1, 5, 4, 2], [1, 3, 6, 2]])
    for training in (False, True):
        case = of_no_shift(seed + 9, ids) | {"ask": "mode", "training": training}
        yield Case(case, note="a model in training mode" if training else "a model in eval mode", part="mode")


# %% probe="training_loss" active="py"
def probe(student, case):
    class Small(nn.Module):  # predicts from the last token and the source's first; no more is needed
        def __init__(self):
            super().__init__()
            self.table, self.modes = nn.Parameter(case["table"].clone()), []

        def forward(self, source, target):
            self.modes.append(self.training)
            return self.table[target] + self.table[source[:, :1]]

    model = Small().train(case.get("training", True))
    loss = student(model, case["source"], case["target"], **({"pad_id": case["pad_id"]} if "pad_id" in case else {}))
    if case.get("ask") == "mode":
        modes = {"training mode when it is called": all(model.modes), "afterwards": model.training}
        return modes | {"loss": loss.detach()}
    if loss.requires_grad:
        loss.backward()
    if case.get("ask") == "loss":
        return {"loss": loss.detach(), "has a gradient": model.table.grad is not None}
    return {"loss": loss.detach(), "gradient": model.table.grad}


# %% mistake="training_loss" name="only_shifted" hint="The shift is right. Two faults are left: padded labels count, and the model is in eval mode." active="py"
def training_loss(model, source, target, pad_id=0):
    model.eval()
    logits = model(source, target[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())


# %% mistake="training_loss" name="padding_counts" hint="One fault is left: padded labels count, and they are the easiest to predict. Give ignore_index=pad_id." active="py"
def training_loss(model, source, target, pad_id=0):
    model.train()
    logits = model(source, target[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())


# %% mistake="training_loss" name="still_in_eval_mode" hint="One fault is left: in eval mode there is no dropout. A training step begins with model.train()." active="py"
def training_loss(model, source, target, pad_id=0, right=training_loss):
    loss = right(model, source, target, pad_id)
    model.eval()
    return loss


# %% mistake="training_loss" name="copies_its_input" hint="Labels and input are still the same tokens, so the model has only to copy what it reads. Read target[:, :-1], predict target[:, 1:]." active="py"
def training_loss(model, source, target, pad_id=0):
    model.train()
    return F.cross_entropy(model(source, target).flatten(0, 1), target.flatten(), ignore_index=pad_id)


# %% mistake="training_loss" name="shifted_the_wrong_way" hint="You read target[:, 1:] and predict target[:, :-1]: the token before each. It is the other way round." active="py"
def training_loss(model, source, target, pad_id=0):
    model.train()
    return F.cross_entropy(model(source, target[:, 1:]).flatten(0, 1), target[:, :-1].flatten(), ignore_index=pad_id)


# %% [markdown] exercise="follow_a_token" points=4
r"""
## 12 · In your own words

### In your own words · follow_a_token

Interview question. A Transformer with post-norm translates *5 May 2024*, and has written *2024-*. Follow the computation from the ids of source and target to the next character: name every sublayer in order, say for each attention where its queries, keys and values come from and what is masked, and give the shapes.

### BEGIN SOLUTION
Source ids $(B, S)$ become $\sqrt{d_{model}}$ times their embedding plus a position vector, $(B, S, d_{model})$. Each encoder layer: self-attention, queries, keys and values all from the source, the source's padding hidden; $x$ is added and the sum normalised; a feed-forward network on each position, $d_{model} \to d_{ff} \to d_{model}$; added, normalised. After $N$ layers this is the memory $(B, S, d_{model})$, computed once.

Target ids (bos and *2024-*, $T = {{6 = 1 + len("2024-")}}$) become $(B, T, d_{model})$ in the same way. Each decoder layer: self-attention within the target, scores $(B, H, T, T)$, hidden are later positions and the target's padding; cross-attention, queries from the target's states, keys and values from the memory, scores $(B, H, T, S)$, hidden is the **source's** padding; feed-forward; each with sum and norm.

The state of the **last** position, times the output matrix, gives $V$ logits; the likeliest is the next character. It is appended and the decoder runs again; all other positions' logits are not needed in writing (in training they all are).
### END SOLUTION
### BEGIN RUBRIC
- 1 point: token plus position; encoder sublayers in order with sum and norm; memory computed once
- 1 point: the three attentions with the origin of queries, keys and values
- 1 point: the right mask in each, in particular the source's padding across and the future in the target
- 1 point: shapes of states and scores; the last position gives the next token
### END RUBRIC
"""

# %% [markdown] exercise="deeper" points=3
r"""
### In your own words · deeper

A colleague's 6-layer post-norm model trains well. At 24 layers, with the same settings, the loss stays where it began. What would you look at, what would you change first, and why should it help?

### BEGIN SOLUTION
First suspicion: the start of training. In post-norm every signal passes through every norm, gradients near the output are large at initialisation, and with the full learning rate from the first step (and Adam's estimates still young) a deep stack can be thrown to where it no longer learns. Look at the learning rate of the first steps, at gradient norms by layer, and whether there is a residual sum at all (without one, {{a deep stack does not learn either : without[-1] > math.log(8) - 0.05}}).

First change, since it costs nothing: a lower rate, or a longer warm-up to a lower peak. Then pre-norm with a norm at the end of each stack, which leaves a path of sums from top to bottom. Clipping the gradient helps against single large steps. The experiment that decides: the same model with a lower rate only, with warm-up only, with pre-norm only, on a few seeds.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: names the start of training (rate, warm-up, gradients) as the suspect, with a measurement
- 1 point: a lower rate, a longer warm-up or pre-norm, with the reason (large gradients near the output; a path of sums)
- 1 point: an experiment that changes one thing at a time, or the check for residual sums
### END RUBRIC
"""

# %% [markdown]
r"""
## Flash cards

Twelve questions about the Transformer, for tomorrow and for the weeks after.
"""

# %%
from course_lib.widgets.cards import flash_cards

flash_cards("14_transformer")

# %% [markdown]
r"""
## 13 · Where this came from, and where it goes

- **Vaswani et al. (2017)**, *Attention Is All You Need*: the architecture of this lesson, for translation; 6 + 6 layers of 512 features, 8 heads, $d_{ff} = 2048$, warm-up of 4,000 updates, label smoothing 0.1.
- **He et al. (2016)**: residual sums. **Ba, Kiros and Hinton (2016)**: layer norm. **Szegedy et al. (2016)**: label smoothing.
- **Xiong et al. (2020)**, *On Layer Normalization in the Transformer Architecture*: at the start the gradients near the output of a post-norm stack are large, those of a pre-norm stack are not, and it trains without a warm-up.
- **Raffel et al. (2020)**, T5: one encoder–decoder for every task, as text to text (lesson [16](16_bert_t5.ipynb)). **Radford et al. (2018)**: the decoder alone, without the look across, becomes GPT (lesson 15). **Devlin et al. (2018)**: the encoder alone becomes BERT (lesson 16).
"""

# %% [markdown]
r"""
**What modern systems do instead.** Most large language models of 2023 to 2025 keep only the decoder stack, pre-norm, with RMSNorm in place of layer norm and SwiGLU in place of the ReLU network. Encoder–decoders remain where input and output are clearly two things: speech recognition, translation. When writing, nobody recomputes the keys and values of what is already written, as our `translate` does: a cache keeps them (lesson 15).

**What we do not know.** Why these sizes and these ratios ($d_{ff} = 4\,d_{model}$, the depth, the number of heads) is experience, not theory. And a model of this size on a task with {{73,000 = len(days) ± 500}} days says little about translation between languages, where there is no single right answer.

From the next lesson on, `course_lib.transformer` holds the tested version of all that you wrote. Two more tasks to try it on: sums (`course_lib.data.tasks.Addition`) and brackets to close (`course_lib.data.tasks.Brackets`). Next: [15 GPT](15_gpt.ipynb), *what is left when only the decoder remains?*
"""
