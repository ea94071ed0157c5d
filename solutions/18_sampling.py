# ---
# jupyter:
#   course:
#     title: How do probabilities become text?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# How do probabilities become text?

*the hungry mouse …*

A language model does not write. It reads what is there, and says how probable each next token is. Which one to take is your decision, called ***decoding***, and the same model writes
the same sentence for ever, a fresh sentence each time, or nonsense, depending on that decision alone.

Below: the exact probabilities of the toy language (grey), and what is left to draw from after some filters (blue). Move a slider. By the end you will have written
each of them, with beam search and speculative decoding besides.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks import check, show_answer, yours

torch.set_printoptions(precision=3, sci_mode=False)

# %%
from course_lib import decoding, scoreboard
from course_lib.decoding import Sampling, generate
from course_lib.figures import decoding as figures
from course_lib.figures.style import show
from course_lib.widgets.decoding import filter_playground, speculation_explorer, writing_desk

language = scoreboard.language()
words = language.vocabulary


def exact_logits(text):
    """Logits (V,) of the word that follows, from the exact probabilities of the toy language."""
    return language.next_token_probs(language.encode(text)).log().float()


contexts = [
    "the hungry mouse",
    "the Eiffel Tower stands in",
    "the mice near the house eat",
    "Ada says that",
]
filter_playground(words, {text: exact_logits(text) for text in contexts}, Sampling(temperature=0.7, top_p=0.8))

# %% [markdown]
r"""
## What you will be able to do

- write greedy choice, temperature, top-k, top-p, min-p and the repetition penalty, with all their edge cases, and say what each is for;
- draw tokens so that a chi-square test cannot tell your sampler from the distribution, and so that a seed gives the same text again;
- repair a generation loop that breaks three ways;
- measure quality against diversity on one plot, for every setting;
- write beam search with an end token and a length penalty, and say why the most probable text is not a typical one;
- write speculative decoding, and prove that it changes the speed and not the distribution.

**Time** about 90 minutes, best in two sittings (sections 1 to 5 and 8; then 9 to 11); another 80 for what is marked optional. **Builds on** [01 Information](01_information.ipynb) (softmax, temperature, entropy), [12 Attention](12_attention.ipynb), and [15 GPT](15_gpt.ipynb) (the model that we decode, its cache).
**Sizes** B texts side by side, T tokens so far, V tokens in the vocabulary.
"""

# %% [markdown]
r"""
## 1 · A model to decode

Everything below works on any model that turns token ids $(B, T)$ into logits $(B, T, V)$. Only the last position is of interest: its logits $z \in \mathbb{R}^V$ say what comes next,

$$p_i = \frac{e^{z_i}}{\sum_j e^{z_j}}, \qquad \text{text} \to \text{layers} \to z \to \textbf{this lesson} \to \text{next token} \to \text{text} \to \dots$$

Ours is a GPT of {{two : config.n_layers == 2}} layers, trained here once, for half a minute, on the toy language: what this lesson says of it is what this one run showed. Its one flaw is that of every model: what the language forbids gets {{a little : 0 < forbidden_share < 0.02}} probability all the same.
"""

# %%
from course_lib.budget import budget
from course_lib.device import best_device
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import (
    count_parameters,
    draw_windows,
    nats_per_token,
    next_token_loss,
)
from course_lib.train import Trainer
from course_lib.widgets.training import watch

device = best_device()
torch.set_num_threads(1)  # matrices this small are faster on one core
config = GPTConfig(vocab_size=len(words), seq_len=32, d_model=64, n_heads=4, n_layers=2)
model = GPT(config, generator=torch.Generator().manual_seed(0)).to(device)
draw = draw_windows(scoreboard.training(), batch_size=32, length=32)
trainer = Trainer(model, draw, next_token_loss, steps=budget(full=1300, short=20), lr=5e-3)
steps = list(watch(trainer, "GPT", levels={"entropy of the language": language.entropy_rate}))

# %%
reached = nats_per_token(model, scoreboard.held_out()[: budget(full=20_000, short=2000)])
model.cpu()  # back from training: short texts are written where the generators are
scoreboard.record("GPT of lesson 18", reached, count_parameters(model), steps[-1].seconds, "18_sampling")
scoreboard.show_scoreboard()

# %%
eos = language.encode("<eos>")[0]  # ends every sentence, and so begins the next: token 0


def begin(text=""):
    """Token ids (1, T) of a beginning, after the end of the sentence before."""
    return torch.tensor([[eos, *language.encode(text)]])


@torch.no_grad()
def next_logits(text):
    """What the trained model expects after a beginning: logits (V,)."""
    return model.eval()(begin(text))[0, -1]


p = next_logits("the hungry mouse").softmax(-1)
for probability, token in zip(*p.topk(5)):
    exact = exact_logits("the hungry mouse").softmax(-1)[token]
    print(f"{words[token]:8} model {probability:.3f}   exact {exact:.3f}")
forbidden = exact_logits("the hungry mouse") == -math.inf
forbidden_share = p[forbidden].sum().item()
print(f"what the language forbids: {int(forbidden.sum())} words, with {forbidden_share:.4f} together")

# %% [markdown]
r"""
## 2 · Take the best

***Greedy decoding*** takes the most probable token every time:

$$x_{t+1} = \arg\max_i \; z_i .$$

No softmax is needed, since it keeps the order. The choice is deterministic; of several tokens that tie we take the one with the lowest id.

### Exercise · greedy

$z = (1.0,\ 3.0,\ 2.0)$ gives token {{1 = greedy(torch.tensor([1.0, 3, 2]))}}.
"""


# %% exercise="greedy" points=1 withheld="course_lib.decoding.sampling.Sampling"
def greedy(logits: Tensor) -> Tensor:
    """Return the most probable token of each row.

    logits   (..., V)
    returns  (...) int64 token ids; of several that tie, the lowest

    Example: greedy(torch.tensor([[1.0, 3.0, 2.0]])) is tensor([1]).
    """
    ### BEGIN SOLUTION
    return logits.argmax(dim=-1)
    ### END SOLUTION


# %% [markdown] hints="greedy"
r"""
1. Is the largest number asked for, or its place?
2. One function of torch gives the place of the largest number along a dimension. Along which do the tokens lie?
3. `logits.arg…(dim=…)`.
"""


# %% cases="greedy" active="py"
def cases(seed):
    yield Case({"logits": torch.tensor([[1.0, 3.0, 2.0]])}, note="the example")
    yield Case({"logits": torch.tensor([2.0, 5.0, 5.0])}, note="a tie, no batch")
    yield Case({"logits": torch.tensor([[-math.inf, -4.0, -9.0]])}, note="all negative")
    ties = torch.tensor([[0.0, 7.0, 7.0, 7.0], [900.0, 1.0, 900.0, 899.0]])
    yield Case({"logits": ties}, note="ties in two rows of different size")
    for i, shape in enumerate([(3, 4, 9), (5, 3), (1, 2, 1, 6)]):
        yield Case({"logits": random_tensor(seed + i, *shape)}, note="leading dimensions")


# %% mistake="greedy" name="value" hint="You returned the largest logit. What is asked for is its place, the token id." active="py"
def greedy(logits):
    return logits.amax(-1)


# %% mistake="greedy" name="whole_tensor" hint="You looked for the largest number of the whole tensor. Each row has its own: dim=-1." active="py"
def greedy(logits):
    return logits.argmax()


# %% mistake="greedy" name="kept_dimension" hint="The right tokens, with a dimension of size 1 too many: (..., 1) in place of (...)." active="py"
def greedy(logits):
    return logits.argmax(-1, keepdim=True)


# %% mistake="greedy" name="least_likely" hint="That is the least probable token: argmax, not argmin." active="py"
def greedy(logits):
    return logits.argmin(-1)


# %%
pick = yours("sampling.greedy", lambda logits: logits.argmax(-1))
ids = begin()
with torch.no_grad():
    for _ in range(40):
        ids = torch.cat([ids, pick(model(ids[:, -32:])[:, -1])[:, None]], dim=1)
greedy_sentences = [sentence.strip() for sentence in language.decode(ids[0, 1:].tolist()).split(" <eos>")]
print(*greedy_sentences, sep="\n")

# %% [markdown]
r"""
Forty tokens, and {{fewer than twenty different words : len(set(" ".join(greedy_sentences).split())) < 20}}: after the end of a sentence the model stands nearly where it stood before, and does nearly what it did before. Greedy text is safe and repeats itself. It is right where there *is* one answer
(a translation of a date, a sum), and wrong where variety is the point.
"""

# %% [markdown]
r"""
## 3 · Temperature

To vary, draw from the distribution. To vary more or less, change it first: divide the logits by a **temperature** $T > 0$,

$$p_i^{(T)} = \frac{e^{z_i / T}}{\sum_j e^{z_j / T}} \;\propto\; p_i^{1/T} .$$

The right-hand form is worth keeping: temperature raises probabilities to the power $1/T$ (the distribution is *annealed*, after physics). With $p = (\tfrac12, \tfrac14, \tfrac18, \tfrac18)$ and $T = \tfrac12$ the squares are $(\tfrac14, \tfrac1{16}, \tfrac1{64}, \tfrac1{64})$; divided by their sum, $({{0.727 = squared[0]}},\ {{0.182 = squared[1]}},\ {{0.045 = squared[2]}},\ {{0.045 = squared[3]}})$.

| $T$ | what happens |
|---|---|
| $T \to 0$ | all probability goes to the largest logit: greedy (ties share it) |
| $T < 1$ | sharper, and still random |
| $T = 1$ | the model's own distribution |
| $T > 1$ | flatter |
| $T \to \infty$ | uniform over all tokens |
"""

# %%
eighths = torch.tensor([1 / 2, 1 / 4, 1 / 8, 1 / 8])  # the example of this lesson
squared = decoding.apply_temperature(eighths.log(), 0.5).softmax(-1)
five = exact_logits("the mouse eats").topk(5)
show(
    figures.temperatures([words[i] for i in five.indices], five.values, [0, 0.5, 1, 2, 10]),
    alt="Five panels: at T = 0 one bar, at T = 1 the model's probabilities of five foods, at T = 10 nearly equal bars.",
)

# %% [markdown]
r"""
### Two ways in which the division fails

Popular code writes `softmax(logits / T)`.

- At $T = 0$ that is $0/0$ or $x/0$: {{nan : (torch.tensor([1.0, 3, 2]) / 0).softmax(-1).isnan().any()}}. Greedy is the *limit*, and needs a line of its own. A negative $T$ raises no error at all and {{prefers the worst token : (torch.tensor([1.0, 3, 2]) / -1).softmax(-1).argmax() == 0}}.
- At a tiny $T$ the quotient overflows to ∞, and softmax makes {{nan : (torch.tensor([1.0, 3, 2]) / 1e-40).softmax(-1).isnan().any()}} of ∞ − ∞. Subtract the largest logit **before** dividing: the best token becomes 0, all others negative, and the worst that can happen is $e^{-\infty} = 0$.
"""

# %%
z = torch.tensor([1.0, 3.0, 2.0])
for T in (0.0, 1e-40):
    print(f"T = {T:g}:  softmax(z / T) = {(z / T).softmax(-1).tolist()}")
print(f"largest subtracted first: {((z - z.max()) / 1e-40).softmax(-1).tolist()}")
print(f"T = -1 prefers the worst: {(z / -1.0).softmax(-1)}")
draws = torch.multinomial(
    torch.tensor([0.3, 0.7]).pow(1 / 0.7),
    10,
    replacement=True,
    generator=torch.Generator().manual_seed(0),
)
print("T = 0.7 is below 1 and not deterministic:", draws.tolist())

# %% [markdown]
r"""
### Exercise · apply_temperature

Return **logits** for every $T$, so that the caller can go on in the same way: at $T = 0$, 0 for the best token and $-\infty$ for all others, not token ids. And leave the caller's logits as they are.
Only what the softmax makes of your result is judged, so a constant added to all logits does not matter.

$z = (1, 3, 2)$ with $T = \tfrac12$: differences from the largest $(-2, 0, -1)$, divided ${{(-4, 0, -2) : apply_temperature(torch.tensor([1.0, 3, 2]), 0.5).tolist() == [-4, 0, -2]}}$.
"""


# %% exercise="apply_temperature" points=2 withheld="course_lib.decoding.filters.apply_temperature course_lib.decoding.sampling.Sampling"
def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Return logits whose softmax is the distribution at this temperature.

    logits       (..., V) floating point
    temperature  at least 0; 0 leaves the best token alone (of several that tie, the lowest id), however small it is
                 there is no nan
    returns      (..., V) floating point, a new tensor

    Raises ValueError when the temperature is negative.

    Example: apply_temperature(torch.tensor([1.0, 3.0, 2.0]), 0.5) is [-4, 0, -2], or that plus a constant.
    """
    ### BEGIN SOLUTION
    if temperature < 0:
        raise ValueError(f"temperature must be at least 0, got {temperature}")
    if temperature == 0:
        best = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(-1, best, 0.0)
    return (logits - logits.amax(-1, keepdim=True)) / temperature
    ### END SOLUTION


# %% [markdown] hints="apply_temperature"
r"""
1. Which three ranges of T need a branch each?
2. Negative is an error. Zero: the best token gets 0, all others −∞, and still logits come back. Positive: subtract the row's largest before you divide, so that no quotient overflows.
3. At zero: `torch.full_like(logits, -math.inf).scatter(-1, …, 0.0)`; which places are those, with their dimension kept?
"""


# %% cases="apply_temperature" active="py"
def cases(seed):
    yield Case({"logits": torch.tensor([1.0, 3.0, 2.0]), "temperature": 0.5}, note="the example")
    yield Case({"logits": torch.tensor([1.0, 3.0, 2.0]), "temperature": 1.0}, note="T = 1")
    yield Case({"logits": torch.tensor([[1.0, 3.0, 3.0], [4.0, 0.0, 1.0]]), "temperature": 0}, note="T = 0, with a tie")
    yield Case({"logits": torch.tensor([1.0, 3.0, 2.0]), "temperature": 1e-40}, note="a tiny temperature")
    yield Case({"logits": torch.tensor([1.0, 3.0, 2.0]), "temperature": -1.0}, note="a negative temperature")
    yield Case({"logits": torch.tensor([-math.inf, 1.0, 0.0]), "temperature": 2.0}, note="a token that is impossible")
    near = torch.tensor([0.0, 1e-6, -1e-6])
    yield Case({"logits": near, "temperature": 1e-6}, note="near logits and as small a temperature")
    apart = torch.tensor([[1.0, 3.0, 2.0], [900.0, 100.0, 899.0], [-70.0, -60.0, -80.0]])
    yield Case({"logits": apart, "temperature": 1e-40}, note="a tiny temperature, three rows far apart")
    for i, (temperature, shape) in enumerate([(1.7, (2, 3, 7)), (0.3, (4, 5)), (25.0, (3,))]):
        logits = random_tensor(seed + i, *shape, scale=3.0)
        yield Case({"logits": logits, "temperature": temperature}, note="random logits")


# %% probe="apply_temperature" active="py"
def probe(student, case):
    changed = student(case["logits"], case["temperature"])
    if isinstance(changed, Tensor) and changed.data_ptr() == case["logits"].data_ptr():
        return "the caller's own tensor, not a new one"
    return changed.float().softmax(-1)


# %% equivalents="apply_temperature" active="py"
equivalents = {
    "-math.inf → -1000000000.0": "the softmax of both is 0, and only the softmax is judged",
}


# %% mistake="apply_temperature" name="multiplied" hint="You multiplied by T; that makes a high temperature sharper. Divide." active="py"
def apply_temperature(logits, temperature, right=apply_temperature):
    return right(logits, temperature if temperature <= 0 else 1 / temperature)


# %% mistake="apply_temperature" name="zero_divides" hint="T = 0 must be greedy; you divide by it and get nan. Give it a branch of its own." active="py"
def apply_temperature(logits, temperature, right=apply_temperature):
    return logits / 0.0 if temperature == 0 else right(logits, temperature)


# %% mistake="apply_temperature" name="token_ids_at_zero" hint="At T = 0 you return token ids, elsewhere logits. A caller cannot know which: return logits with −∞ for all but the best." active="py"
def apply_temperature(logits, temperature, right=apply_temperature):
    return logits.argmax(-1) if temperature == 0 else right(logits, temperature)


# %% mistake="apply_temperature" name="overflow" hint="A tiny temperature gives nan: the quotient overflows to ∞. Subtract the largest logit before you divide." active="py"
def apply_temperature(logits, temperature, right=apply_temperature):
    return right(logits, temperature) if temperature <= 0 else logits / temperature


# %% mistake="apply_temperature" name="negative_accepted" hint="A negative temperature turns the ranking upside down without any error. Raise ValueError." active="py"
def apply_temperature(logits, temperature, right=apply_temperature):
    return logits / temperature if temperature < 0 else right(logits, temperature)


# %% mistake="apply_temperature" name="ties_shared" hint="At T = 0 you share the probability among tokens that tie. That is the limit; greedy takes one, the lowest id." active="py"
def apply_temperature(logits, temperature, right=apply_temperature):
    if temperature == 0:
        return torch.where(logits == logits.amax(-1, keepdim=True), 0.0, -math.inf)
    return right(logits, temperature)


# %% mistake="apply_temperature" name="in_place" hint="You changed the caller's logits (`/=` or `div_`). Whoever calls twice gets the square of your temperature: return a new tensor." active="py"
def apply_temperature(logits, temperature, right=apply_temperature):
    logits.copy_(right(logits, temperature))
    return logits


# %% [markdown]
r"""
### Question · by_hand · optional

Two tokens have the logits $\ln 4$ and $0$. What is the probability of the first at $T = 0.5$? Three decimals.
"""

# %% exercise="by_hand" points=1 optional=true kind="number"
### BEGIN SOLUTION
by_hand = 0.941
### END SOLUTION

# %% mistake="by_hand" name="no_temperature" hint="That is 4/5, the probability at T = 1. Divide the logits by T first: 2 ln 4 = ln 16." active="py"
by_hand = 0.8

# %% mistake="by_hand" name="multiplied" hint="You multiplied by T and got 2/3. Dividing ln 4 by 0.5 gives 2 ln 4." active="py"
by_hand = 0.667

# %% [markdown]
r"""
### Question · deterministic

With which of these settings does a model write the same text every time, whatever the seed?

- **a** $T = 0.1$
- **b** top-k with $k = 1$
- **c** top-p with $p = 0.1$
- **d** every $T < 1$
"""

# %% exercise="deterministic" points=1 kind="choice" choices="a b c d"
### BEGIN SOLUTION
deterministic = "b"
### END SOLUTION

# %% mistake="deterministic" name="a" hint="Sharp, and still random: two tokens with nearly the same logit stay nearly equally likely." active="py"
deterministic = "a"

# %% mistake="deterministic" name="c" hint="Often one token reaches 0.1 alone, but where the best has 0.06 the set holds two or more." active="py"
deterministic = "c"

# %% mistake="deterministic" name="d" hint="T < 1 is sharper than the model, T → 0 is the deterministic limit; in between you still draw." active="py"
deterministic = "d"

# %% [markdown]
r"""
## 4 · Only the k best

At $T = 1$ the model's forbidden words have little probability each, and there are {{hundreds of them : forbidden.sum() > 200}}: over a sentence that adds up. The oldest cure is ***top-k sampling*** (Fan et al. 2018): keep the $k$ most probable
tokens, set the others' logits to $-\infty$, and let the softmax share the probability among those that are left.

With $p = (\tfrac12, \tfrac14, \tfrac18, \tfrac18)$ and $k = 2$: {{exactly : torch.allclose(top_k_filter(eighths.log(), 2).softmax(-1), torch.tensor([2 / 3, 1 / 3, 0, 0]))}} $(\tfrac23, \tfrac13, 0, 0)$.

### Exercise · top_k_filter

Three edges. There may be fewer than $k$ tokens: keep them all. $k = 0$ means *off* in most libraries: keep them all. And tokens may tie for the last place: keep exactly $k$, whichever you like.
(“Everything below the $k$-th value goes” keeps all that tie, and low-precision logits tie often.)
"""


# %% exercise="top_k_filter" points=2 withheld="course_lib.decoding.filters.top_k_filter course_lib.decoding.sampling.Sampling"
def top_k_filter(logits: Tensor, k: int) -> Tensor:
    """Keep the k most probable tokens of each row.

    logits   (..., V)
    k        at least 0; 0, or V and more, keeps everything
    returns  (..., V), a new tensor: the logits of exactly k tokens, −∞ elsewhere

    Raises ValueError when k is negative.

    Example: top_k_filter(torch.tensor([1.0, 3.0, 2.0]), 2) is [-inf, 3, 2].
    """
    ### BEGIN SOLUTION
    if k < 0:
        raise ValueError(f"k must be at least 0, got {k}")
    if k == 0 or k >= logits.size(-1):
        return logits.clone()
    values, tokens = logits.topk(k, dim=-1)
    return torch.full_like(logits, -math.inf).scatter(-1, tokens, values)
    ### END SOLUTION


# %% [markdown] hints="top_k_filter"
r"""
1. `topk` returns values and their places. Why is a comparison with the smallest of those values not enough?
2. Start from a row of −∞ and write the k values to their places; then ties cannot add anything. Before that: k negative, k = 0, k above V.
3. `torch.full_like(logits, -math.inf).scatter(-1, …, …)`.
"""


# %% cases="top_k_filter" active="py"
def cases(seed):
    yield Case({"logits": torch.tensor([1.0, 3.0, 2.0]), "k": 2}, note="the example")
    yield Case({"logits": torch.tensor([1.0, 3.0, 2.0]), "k": 50}, note="k larger than the vocabulary")
    yield Case({"logits": torch.tensor([1.0, 3.0, 2.0]), "k": 0}, note="k = 0: off")
    yield Case({"logits": torch.tensor([1.0, 3.0, 2.0]), "k": -1}, note="a negative k")
    yield Case({"logits": torch.tensor([2.0, 1.0, 2.0, 2.0, 5.0]), "k": 2, "ties": True}, note="three tie for a place")
    yield Case({"logits": torch.tensor([1.0, 3.0, 2.0]), "k": 3}, note="k as large as the vocabulary")
    for i, (k, shape) in enumerate([(4, (2, 3, 9)), (1, (5, 4)), (6, (3, 7))]):
        logits = random_tensor(seed + i, *shape) + 50 * random_tensor(seed + 9 + i, *shape[:-1], 1)
        yield Case({"logits": logits, "k": k}, note="every row by itself")


# %% probe="top_k_filter" active="py"
def probe(student, case):
    kept = student(case["logits"], case["k"])
    if isinstance(kept, Tensor) and kept.data_ptr() == case["logits"].data_ptr():
        return "the caller's own tensor, not a new one"
    if "ties" in case:  # which of them stays is free
        return {"tokens kept": int((kept > -math.inf).sum()), "logits, sorted": kept.sort().values}
    return kept


# %% equivalents="top_k_filter" active="py"
equivalents = {
    "k >= logits.size(-1) → k > logits.size(-1)": "the k = V largest logits are all of them",
    "logits.topk(k, dim=-1) → logits.topk(k)": "the last dimension is the default",
}


# %% mistake="top_k_filter" name="keeps_ties" hint="You keep everything that is at least as large as the k-th value, so with ties more than k survive. Write the values to the places that topk returns." active="py"
def top_k_filter(logits, k, right=top_k_filter):
    if k <= 0 or k >= logits.size(-1):
        return right(logits, k)
    return logits.masked_fill(logits < logits.topk(k).values[..., -1:], -math.inf)


# %% mistake="top_k_filter" name="k_too_large" hint="torch.topk refuses k larger than the vocabulary (a default of 50 breaks every toy). Keep everything then." active="py"
def top_k_filter(logits, k, right=top_k_filter):
    logits.topk(max(k, 0))
    return right(logits, k)


# %% mistake="top_k_filter" name="zero_keeps_nothing" hint="k = 0 leaves no token, and the softmax of a row of −∞ is nan. Treat 0 as off." active="py"
def top_k_filter(logits, k, right=top_k_filter):
    return torch.full_like(logits, -math.inf) if k == 0 else right(logits, k)


# %% mistake="top_k_filter" name="zeros" hint="You set the others' logits to 0. A logit of 0 has e⁰ = 1 in the softmax: use −∞." active="py"
def top_k_filter(logits, k, right=top_k_filter):
    kept = right(logits, k)
    return torch.where(kept == -math.inf, 0.0, kept)


# %% mistake="top_k_filter" name="in_place" hint="You changed the caller's logits. Fill a new tensor: masked_fill and scatter without an underscore." active="py"
def top_k_filter(logits, k, right=top_k_filter):
    logits.copy_(right(logits, k))
    return logits


# %% mistake="top_k_filter" name="negative_accepted" hint="A negative k makes no sense and should say so: raise ValueError." active="py"
def top_k_filter(logits, k, right=top_k_filter):
    return right(logits, max(k, 0))


# %% [markdown]
r"""
## 5 · As many as it takes

A fixed $k$ does not look at probabilities. Where the model is sure, the other $k - 1$ candidates are exactly the improbable ones that you wanted to be rid of; where it is not, $k$ cuts off good words. The two panels show one of each.

***Top-p sampling***, or ***nucleus sampling*** (Holtzman et al. 2020), keeps the *smallest set of most probable tokens whose probability reaches $p$*. Its size follows the model's certainty: with $p = 0.9$ {{one : in_nucleus[0] == 1}} token on the left, {{more than thirty : in_nucleus[1] > 30}} on the right.
"""

# %%
sure, unsure = "the Eiffel Tower stands in", "the hungry mouse"
probs = {text: exact_logits(text).softmax(-1) for text in (sure, unsure)}
likeliest = [float(some.max()) for some in probs.values()]
in_nucleus = [int((Sampling(top_p=0.9).filter(some.log()) > -math.inf).sum()) for some in probs.values()]
show(
    figures.rankings(probs, p=0.9, k=10),
    alt="The likeliest token has {:.2f} left and {:.2f} right; top-p keeps {} and {} tokens, top-k ten each.".format(
        *likeliest, *in_nucleus
    ),
)
least = probs[sure].topk(10).values[-1].item()
print(f"the tenth token after “{sure}” has probability {least:.1e}, and top-k with k = 10 keeps it")

# %% [markdown]
r"""
### Read the definition slowly

Sorted, $p = (\tfrac12, \tfrac14, \tfrac18, \tfrac18)$ has the cumulative sums ${{(0.5,\ 0.75,\ 0.875,\ 1) : eighths.cumsum(0).tolist() == [0.5, 0.75, 0.875, 1]}}$.

- $p = 0.7$: one token has only 0.5; two have 0.75, which reaches it. The set is {{of two : nucleus_of(0.7) == [True, True, False, False]}}: $\{1, 2\}$. **The token that crosses the line belongs to it.**
- $p = 0.75$: two tokens reach it exactly. The set is {{still : nucleus_of(0.75) == [True, True, False, False]}} $\{1, 2\}$.
- $p = 0.4$: {{the first token alone : nucleus_of(0.4) == [True, False, False, False]}}. “Tokens with cumulative probability $\le p$”, as it is often described, would be *none*.

So a token stays if the probability **before** it, of all that are more probable, is still less than $p$: $0 < 0.7$ ✓, $0.5 < 0.7$ ✓, $0.75 < 0.7$ ✗. That one comparison handles all three, and the first token always stays.
"""

# %% [markdown]
r"""
One more trap: at $p = 1$ everything should stay. But a sum in float32 can {{reach 1 a little early : (sums[:-1] >= 1).sum() > 0}}, and then the whole tail is cut:
"""

# %%
nucleus_of = lambda p: (decoding.top_p_filter(eighths.log2() * math.log(2), p) > -math.inf).tolist()
logits = 4 * torch.randn(50_257, generator=torch.Generator().manual_seed(0))  # as many tokens as GPT-2 has
sums = logits.softmax(-1).sort(descending=True).values.cumsum(-1)
print(f"last sum {sums[-1]:.9f}; {int((sums[:-1] >= 1).sum()):,} tokens stand behind the place where it reached 1")

# %% [markdown]
r"""
### Exercise · top_p_filter

Sort, compare, and bring the decision back to the tokens' own places: the sort returns them.
"""


# %% exercise="top_p_filter" points=3 withheld="course_lib.decoding.filters.top_p_filter course_lib.decoding.sampling.Sampling"
def top_p_filter(logits: Tensor, p: float) -> Tensor:
    """Keep the smallest set of most probable tokens whose probability reaches p.

    logits   (..., V), with no leading dimension, too
    p        more than 0, at most 1; 1 keeps everything
    returns  (..., V), a new tensor: the logits of the set, −∞ elsewhere. The token with which the sum reaches p is in

    Raises ValueError when p is outside (0, 1].

    Example: for the probabilities [0.5, 0.125, 0.25, 0.125] and p = 0.7 the first and the third token stay.
    """
    ### BEGIN SOLUTION
    if not 0 < p <= 1:
        raise ValueError(f"p must be more than 0 and at most 1, got {p}")
    if p == 1:
        return logits.clone()
    ordered, tokens = logits.sort(dim=-1, descending=True, stable=True)
    before = F.pad(ordered.softmax(-1).cumsum(-1)[..., :-1], (1, 0))
    outside = torch.zeros_like(before, dtype=torch.bool).scatter(-1, tokens, before >= p)
    return logits.masked_fill(outside, -math.inf)
    ### END SOLUTION


# %% [markdown] hints="top_p_filter"
r"""
1. A token stays if the sum **before** it is less than p. How do you get that sum from the sorted probabilities?
2. `cumsum`, moved one place to the right, with 0 in front. Decide in sorted order, then bring the decision back to the tokens' own places with `scatter`. p = 1 keeps everything, whatever float32 says.
3. `ordered, tokens = logits.sort(dim=-1, descending=True)`; `before = F.pad(…[..., :-1], (1, 0))`; a boolean tensor of zeros gets `before >= p` at `tokens`.
"""


# %% cases="top_p_filter" active="py"
def cases(seed):
    eighths = torch.tensor([0.5, 0.125, 0.25, 0.125]).log2() * math.log(2)
    yield Case({"logits": eighths, "p": 0.7}, note="the example, without a batch")
    yield Case({"logits": eighths, "p": 0.4}, note="the best token alone has more than p")
    yield Case({"logits": eighths[None], "p": 0.75}, note="the sum reaches p exactly")
    tail = torch.tensor([[0.0, -30.0, 0.0, -31.0]])  # the float32 sum of two halves is 1 on every processor
    yield Case({"logits": tail, "p": 1.0}, note="p = 1, with a tail of tiny probabilities")
    yield Case({"logits": eighths[None], "p": 0.0}, note="p = 0")
    yield Case({"logits": eighths[None], "p": 1.5}, note="p above 1")
    yield Case({"logits": torch.tensor([3.0, -math.inf, 2.0]), "p": 0.9}, note="a token that is impossible")
    for i, (p, shape) in enumerate([(0.8, (2, 3, 9)), (0.35, (4, 5)), (0.97, (7, 12))]):
        logits = 2 * random_tensor(seed + i, *shape) + 50 * random_tensor(seed + 9 + i, *shape[:-1], 1)
        yield Case({"logits": logits, "p": p}, note="every row by itself")


# %% probe="top_p_filter" active="py"
def probe(student, case):
    kept = student(case["logits"], case["p"])
    is_same = isinstance(kept, Tensor) and kept.data_ptr() == case["logits"].data_ptr()
    return "the caller's own tensor, not a new one" if is_same else kept


# %% equivalents="top_p_filter" active="py"
equivalents = {
    "logits.sort(dim=-1, descending=True, stable=True) → logits.sort(descending=True, stable=True)": (
        "the last dimension is the default"
    ),
    "logits.sort(dim=-1, descending=True, stable=True) → logits.sort(dim=-1, descending=True)": (
        "which of two equal tokens stays is free"
    ),
    "torch.zeros_like(before, dtype=torch.bool) → torch.ones_like(before, dtype=torch.bool)": (
        "scatter writes to every place"
    ),
}


# %% mistake="top_p_filter" name="crossing_token_cut" hint="You keep the tokens whose sum stays at or below p; the one that crosses the line belongs to the set. (When the best token alone exceeds p, yours is empty.)" active="py"
def top_p_filter(logits, p, right=top_p_filter):
    if not 0 < p < 1:
        return right(logits, p)
    ordered, tokens = logits.sort(dim=-1, descending=True, stable=True)
    sums = ordered.softmax(-1).cumsum(-1)
    return logits.masked_fill(torch.zeros_like(sums, dtype=torch.bool).scatter(-1, tokens, sums > p + 1e-6), -math.inf)


# %% mistake="top_p_filter" name="one_too_many" hint="When the sum reaches p exactly, the smallest set ends there; you keep one token more. A token goes if the sum before it is already ≥ p." active="py"
def top_p_filter(logits, p, right=top_p_filter):
    if not 0 < p < 1:
        return right(logits, p)
    ordered, tokens = logits.sort(dim=-1, descending=True, stable=True)
    before = F.pad(ordered.softmax(-1).cumsum(-1)[..., :-1], (1, 0))
    return logits.masked_fill(torch.zeros_like(before, dtype=torch.bool).scatter(-1, tokens, before > p), -math.inf)


# %% mistake="top_p_filter" name="one_is_not_off" hint="At p = 1 you cut the tail: the float32 sum reaches 1 before the last token. Return all logits when p is 1." active="py"
def top_p_filter(logits, p, right=top_p_filter):
    if p != 1:
        return right(logits, p)
    ordered, tokens = logits.sort(dim=-1, descending=True, stable=True)
    before = F.pad(ordered.softmax(-1).cumsum(-1)[..., :-1], (1, 0))
    return logits.masked_fill(torch.zeros_like(before, dtype=torch.bool).scatter(-1, tokens, before >= p), -math.inf)


# %% mistake="top_p_filter" name="not_brought_back" hint="The mask belongs to the sorted logits, and you apply it to the unsorted ones. Scatter it back to the tokens' places first." active="py"
def top_p_filter(logits, p, right=top_p_filter):
    if not 0 < p < 1:
        return right(logits, p)
    ordered = logits.sort(dim=-1, descending=True).values
    return logits.masked_fill(right(ordered, p) == -math.inf, -math.inf)


# %% mistake="top_p_filter" name="needs_a_batch" hint="Right with a batch; without one it crashes. The tokens lie in the last dimension: -1 everywhere, never 1." active="py"
def top_p_filter(logits, p, right=top_p_filter):
    logits.size(1)
    return right(logits, p)


# %% mistake="top_p_filter" name="no_check" hint="A p of 0 or below, or above 1, should raise ValueError and name the value." active="py"
def top_p_filter(logits, p, right=top_p_filter):
    return right(logits, min(max(p, 1e-9), 1.0))


# %% mistake="top_p_filter" name="in_place" hint="You changed the caller's logits. masked_fill without an underscore returns a new tensor." active="py"
def top_p_filter(logits, p, right=top_p_filter):
    logits.copy_(right(logits, p))
    return logits


# %% [markdown]
r"""
## 6 · Relative to the best · optional

Top-p has a weakness at high temperature. Flat distributions need very many tokens to reach $p$, and the nucleus lets the tail in. ***Min-p sampling*** (Nguyen et al. 2024) asks each token by itself: is it at least a fraction $m$ as probable as the best?

$$\text{keep } i \iff p_i \ge m \cdot \max_j p_j .$$

With $p = (0.5, 0.1, 0.25, 0.15)$ and $m = 0.4$ the line is at ${{0.2 = 0.4 * 0.5}}$: {{tokens 1 and 3 : (min_p_filter(torch.tensor([0.5, 0.1, 0.25, 0.15]).log(), 0.4) > -math.inf).tolist() == [True, False, True, False]}} stay. In logits the rule needs no softmax at all: $z_i - \max_j z_j \ge \ln m$, since a difference of logits is the log of a ratio of probabilities.

### Exercise · min_p_filter · optional
"""


# %% exercise="min_p_filter" points=2 optional=true withheld="course_lib.decoding.filters.min_p_filter course_lib.decoding.sampling.Sampling"
def min_p_filter(logits: Tensor, min_p: float) -> Tensor:
    """Keep the tokens whose probability is at least min_p times that of the most probable one of their row.

    logits   (..., V)
    min_p    0 to 1; 0 keeps everything
    returns  (..., V), a new tensor: the logits of what stays, −∞ elsewhere

    Raises ValueError when min_p is outside [0, 1].

    Example: for the probabilities [0.5, 0.1, 0.25, 0.15] and min_p = 0.4 the first and the third token stay.
    """
    ### BEGIN SOLUTION
    if not 0 <= min_p <= 1:
        raise ValueError(f"min_p must be between 0 and 1, got {min_p}")
    probs = logits.softmax(-1)
    return logits.masked_fill(probs < min_p * probs.amax(-1, keepdim=True), -math.inf)
    ### END SOLUTION


# %% [markdown] hints="min_p_filter"
r"""
1. What is the line for each row, and how does it broadcast against (..., V)?
2. The line is the fraction of the best probability of that row; the dimension must be kept. What is below goes, what is on it stays.
3. `probs.amax(-1, keepdim=True)` is the best; `logits.masked_fill(…, -math.inf)`.
"""


# %% cases="min_p_filter" active="py"
def cases(seed):
    yield Case({"logits": torch.tensor([0.5, 0.1, 0.25, 0.15]).log(), "min_p": 0.4}, note="the example")
    yield Case({"logits": torch.tensor([0.5, 0.1, 0.25, 0.15]).log(), "min_p": 0.0}, note="0: off")
    yield Case({"logits": torch.tensor([[2.0, -1.0, 2.0], [0.0, -5.0, 1.0]]), "min_p": 1.0}, note="1, with a tie")
    yield Case({"logits": torch.tensor([3.0, -math.inf, 1.0]), "min_p": 0.1}, note="a token that is impossible")
    yield Case({"logits": torch.tensor([1.0, 2.0]), "min_p": 1.5}, note="above 1")
    yield Case({"logits": torch.tensor([1.0, 2.0]), "min_p": -0.1}, note="below 0")
    for i, (min_p, shape) in enumerate([(0.15, (2, 3, 9)), (0.4, (4, 5)), (0.03, (3, 12))]):
        logits = 2 * random_tensor(seed + i, *shape) + 50 * random_tensor(seed + 9 + i, *shape[:-1], 1)
        yield Case({"logits": logits, "min_p": min_p}, note="every row by itself")


# %% probe="min_p_filter" active="py"
def probe(student, case):
    kept = student(case["logits"], case["min_p"])
    is_same = isinstance(kept, Tensor) and kept.data_ptr() == case["logits"].data_ptr()
    return "the caller's own tensor, not a new one" if is_same else kept


# %% mistake="min_p_filter" name="absolute" hint="You compare with min_p itself. The line is min_p times the probability of the row's best token." active="py"
def min_p_filter(logits, min_p, right=min_p_filter):
    right(logits, min_p)
    return logits.masked_fill(logits.softmax(-1) < min_p, -math.inf)


# %% mistake="min_p_filter" name="fraction_of_the_logit" hint="You took a fraction of the largest logit. The fraction is one of probabilities: subtract the largest logit and compare with ln(min_p)." active="py"
def min_p_filter(logits, min_p, right=min_p_filter):
    right(logits, min_p)
    return logits.masked_fill(logits < min_p * logits.amax(-1, keepdim=True), -math.inf)


# %% mistake="min_p_filter" name="one_line_for_all" hint="You used the largest probability of the whole batch. Each row has its own best token: amax(-1, keepdim=True)." active="py"
def min_p_filter(logits, min_p, right=min_p_filter):
    right(logits, min_p)
    probs = logits.softmax(-1)
    return logits.masked_fill(probs < min_p * probs.max(), -math.inf)


# %% mistake="min_p_filter" name="strict" hint="A token exactly on the line stays (the best token itself, at min_p = 1): remove what is below, not what is at most." active="py"
def min_p_filter(logits, min_p, right=min_p_filter):
    right(logits, min_p)
    probs = logits.softmax(-1)
    return logits.masked_fill(probs <= min_p * probs.amax(-1, keepdim=True), -math.inf)


# %% mistake="min_p_filter" name="no_check" hint="Right inside [0, 1]; outside, the docstring asks for a ValueError." active="py"
def min_p_filter(logits, min_p):
    probs = logits.softmax(-1)
    return logits.masked_fill(probs < min_p * probs.amax(-1, keepdim=True), -math.inf)


# %% [markdown]
r"""
What the three filters leave, as the temperature rises: of the words that may be drawn after *the hungry mouse*, how many does the language forbid, and how much probability do they hold?
"""

# %%
k_best = yours("sampling.top_k_filter", decoding.top_k_filter)
nucleus = yours("sampling.top_p_filter", decoding.top_p_filter)
near_best = yours("sampling.min_p_filter", decoding.min_p_filter)

z, bad, left_words = next_logits("the hungry mouse"), {}, {}
print("              T = 1                  T = 2")
for name, keep in {
    "no filter": lambda z: z,
    "top-k, 30": lambda z: k_best(z, 30),
    "top-p, 0.9": lambda z: nucleus(z, 0.9),
    "min-p, 0.05": lambda z: near_best(z, 0.05),
}.items():
    row = f"{name:14}"
    for T in (1.0, 2.0):
        left = keep(decoding.apply_temperature(z, T)).softmax(-1)
        bad[name, T], left_words[name, T] = left[forbidden].sum().item(), left > 0
        row += f"{int((left > 0).sum()):3} words, {bad[name, T]:6.2%} bad     "
    print(row)

# %% [markdown]
r"""
At $T = 2$ the nucleus {{lets in more of what is forbidden than min-p does : bad["top-p, 0.9", 2.0] > bad["min-p, 0.05", 2.0]}}. Top-k keeps {{the same words at every temperature : left_words["top-k, 30", 1.0].equal(left_words["top-k, 30", 2.0])}}, since the temperature keeps the order. What the table does not show is how many *good* words each of them cuts off; section 10 measures both.
"""

# %% [markdown]
r"""
## 7 · Not again · optional

Greedy text loops. The ***repetition penalty*** (Keskar et al. 2019) makes every token that occurred already, in the prompt or since, less likely: with a penalty $\theta > 1$,

$$z_i \leftarrow \begin{cases} z_i / \theta & z_i > 0 \\ z_i \cdot \theta & z_i \le 0 \end{cases} \qquad \text{for every token } i \text{ that occurred.}$$

The second line repairs the first, since dividing a negative logit would raise it: Keskar et al. divide whatever the sign, libraries do not. How often a token occurred plays no role.
$z = (2, -1, 3)$, tokens 0 and 1 seen, $\theta = 2$: ${{(1, -2, 3) : repetition_penalty(torch.tensor([[2.0, -1, 3]]), torch.tensor([[0, 1, 0]]), 2.0).tolist() == [[1, -2, 3]]}}$.

### Exercise · repetition_penalty · optional
"""


# %% exercise="repetition_penalty" points=2 optional=true withheld="course_lib.decoding.filters.repetition_penalty course_lib.decoding.sampling.Sampling"
def repetition_penalty(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    """Make the tokens of each row's text less likely.

    logits   (B, V)
    ids      (B, T) the tokens so far, prompt included; a token may stand there several times and counts once
    penalty  more than 0; 1 changes nothing
    returns  (B, V), a new tensor: the logits of tokens in ids divided by the penalty where positive, multiplied by it
             where not; the others as they were

    Example: logits [[2, -1, 3]], ids [[0, 1, 0]], penalty 2 give [[1, -2, 3]].
    """
    ### BEGIN SOLUTION
    seen = logits.gather(1, ids)
    return logits.scatter(1, ids, torch.where(seen > 0, seen / penalty, seen * penalty))
    ### END SOLUTION


# %% [markdown] hints="repetition_penalty"
r"""
1. Which function fetches the logits of the tokens that occurred, and which writes changed ones back to the same places?
2. `gather` gives (B, T) logits, one for each occurrence; choose for each between dividing and multiplying by its sign; `scatter` writes the same value once or five times, which is the same.
3. `seen = logits.gather(1, ids)`; `torch.where(seen > 0, …, …)`.
"""


# %% cases="repetition_penalty" active="py"
def cases(seed):
    names = ("logits", "ids", "penalty")
    z = torch.tensor([[2.0, -1.0, 3.0]])
    yield Case(dict(zip(names, (z, torch.tensor([[0, 1]]), 2.0))), note="a positive and a negative logit")
    yield Case(dict(zip(names, (z, torch.tensor([[2, 0, 2, 2]]), 2.0))), note="a token that occurred three times")
    yield Case(dict(zip(names, (z, torch.tensor([[2, 1]]), 1.0))), note="penalty 1")
    never = torch.tensor([[-math.inf, 2.0, 0.0]])
    yield Case(dict(zip(names, (never, torch.tensor([[0, 2, 2]]), 1.5))), note="a token that is impossible, and 0")
    for i, (b, v, t, penalty) in enumerate([(2, 6, 4, 1.4), (3, 5, 9, 0.8), (4, 8, 3, 3.0)]):
        rows = random_tensor(seed + i, b, v), random_integers(seed + i, 0, v, b, t), penalty
        yield Case(dict(zip(names, rows)), note="every row has its own text")


# %% probe="repetition_penalty" active="py"
def probe(student, case):
    changed = student(case["logits"], case["ids"], case["penalty"])
    is_same = isinstance(changed, Tensor) and changed.data_ptr() == case["logits"].data_ptr()
    return "the caller's own tensor, not a new one" if is_same else changed


# %% equivalents="repetition_penalty" active="py"
equivalents = {
    "seen > 0 → seen >= 0": "0 divided and 0 multiplied are 0",
}


# %% mistake="repetition_penalty" name="rewards_negative" hint="Dividing a negative logit raises it: such a token becomes more likely. Multiply there." active="py"
def repetition_penalty(logits, ids, penalty):
    return logits.scatter(1, ids, logits.gather(1, ids) / penalty)


# %% mistake="repetition_penalty" name="counts_occurrences" hint="You penalise once for each occurrence. A token that occurred three times counts once." active="py"
def repetition_penalty(logits, ids, penalty):
    times = F.one_hot(ids, logits.size(1)).sum(1)
    return torch.where(logits > 0, logits / penalty**times, logits * penalty**times)


# %% mistake="repetition_penalty" name="texts_mixed" hint="You penalise in every row what occurred in any row. Each text answers for itself." active="py"
def repetition_penalty(logits, ids, penalty, right=repetition_penalty):
    return right(logits, ids.flatten().expand(len(logits), -1), penalty)


# %% mistake="repetition_penalty" name="subtracted" hint="You subtracted. Positive logits are divided by the penalty, the others multiplied by it." active="py"
def repetition_penalty(logits, ids, penalty):
    return logits.scatter(1, ids, logits.gather(1, ids) - penalty)


# %% mistake="repetition_penalty" name="in_place" hint="You changed the caller's logits: scatter without an underscore returns a new tensor." active="py"
def repetition_penalty(logits, ids, penalty, right=repetition_penalty):
    logits.copy_(right(logits, ids, penalty))
    return logits


# %%
discourage = yours("sampling.repetition_penalty", decoding.repetition_penalty)
for penalty in (1.0, 1.3):
    ids = begin()
    with torch.no_grad():
        for _ in range(32):
            z = discourage(model(ids[:, -32:])[:, -1], ids, penalty)
            ids = torch.cat([ids, z.argmax(-1, keepdim=True)], dim=1)
    print(f"penalty {penalty}:", language.decode(ids[0, 1:].tolist()), "\n")

three, seen, fallen = torch.tensor([[2.0, 1.0, 0.0]]), torch.tensor([[0]]), {}
for shift in (0.0, 10.0):
    fallen[shift] = discourage(three + shift, seen, 1.5).softmax(-1)[0, 0].item()
    before = three.softmax(-1)[0, 0]
    print(f"logits (2, 1, 0) + {shift:g}: the seen token falls from {before:.3f} to {fallen[shift]:.3f}")

# %% [markdown]
r"""
Two warnings. The penalty knows no grammar: *the* and the end of the sentence are words, too, and are punished for occurring. And, unlike everything else in this lesson, it depends on where the zero of the logits lies.
The same probabilities, written with 10 added to each logit, are {{punished far more : fallen[10.0] < fallen[0.0] / 5}}. It is a knob that works in practice, not a statement about probabilities.
"""

# %% [markdown]
r"""
## 8 · Draw

Now all in one function, in the order that libraries use: **temperature, then top-k, then top-p, then the draw**. Each filter sees what the one before it left, renormalised: after $k = 50$, a $p$ of 0.9 means 0.9 of what those 50 have together. The order matters: a flatter distribution has a larger nucleus.

`torch.multinomial(probs, 1, generator=generator)` draws one token per row. A **generator** is the source of randomness: the same seed, the same text. Whoever draws from the global one instead gets other texts as soon as anything else draws, too.

### Exercise · sample

Your own filters are in scope. Your function is called thousands of times, and the counts of your tokens are compared with those of a right sampler (the next section explains the test).
"""


# %% exercise="sample" points=3 needs="apply_temperature top_k_filter top_p_filter" withheld="course_lib.decoding.sampling.Sampling"
def sample(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw the next token of each row.

    logits       (B, V)
    temperature  at least 0; 0 is greedy
    top_k        applied after the temperature; 0: off
    top_p        applied after top-k, to what it left; 1: off
    generator    of the randomness; the same seed gives the same tokens
    returns      (B,) int64
    """
    ### BEGIN SOLUTION
    logits = top_p_filter(top_k_filter(apply_temperature(logits, temperature), top_k), top_p)
    return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
    ### END SOLUTION


# %% [markdown] hints="sample"
r"""
1. In which order do your three filters apply? Which shape has a draw of one token per row?
2. Each takes logits and returns logits, so they chain; the softmax comes after the last of them, and the generator goes to the draw.
3. `torch.multinomial(logits.softmax(-1), 1, generator=…)` has the shape (B, 1).
"""


# %% cases="sample" active="py"
def cases(seed):
    p = torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.2, 0.6]])
    yield Case({"logits": p.log(), "seed": seed}, note="two distributions, as they are")
    yield Case({"logits": p.log(), "temperature": 0.5, "seed": seed}, note="a temperature")
    yield Case({"logits": p.log(), "temperature": 0, "seed": seed}, note="T = 0")
    yield Case({"logits": p.log(), "top_k": 2, "seed": seed}, note="top-k")
    yield Case({"logits": p.log(), "top_k": 3, "top_p": 0.75, "seed": seed}, note="top-p of what top-k left")
    yield Case({"logits": p.log(), "temperature": 3.0, "top_p": 0.55, "seed": seed}, note="top-p after a temperature")
    for i, options in enumerate(
        [
            {"temperature": 1.3, "top_k": 4, "top_p": 0.8},
            {"temperature": 0.6, "top_k": 50},
            {"temperature": 2.2, "top_p": 0.9},
        ]
    ):
        yield Case({"logits": random_tensor(seed + i, 2, 6), "seed": seed} | options, note="random logits")


# %% probe="sample" active="py"
def probe(student, case):
    n, options = 4000, {name: case[name] for name in ("temperature", "top_k", "top_p") if name in case}
    logits = case["logits"].repeat_interleave(n, dim=0)  # the first distribution n times, then the second
    seeded = lambda seed: plain(student(logits, generator=torch.Generator().manual_seed(seed), **options))
    draws, again, other = seeded(case["seed"]), seeded(case["seed"]), seeded(case["seed"] + 1)
    counts = torch.stack([torch.bincount(row, minlength=logits.size(1)) for row in draws.view(2, n)])
    outcome = {"counts": counts, "shape": list(draws.shape), "the same seed repeats": draws.equal(again)}
    return outcome | {"another seed differs": not draws.equal(other)}


# %% judge="sample" active="py"
def judge(case, expected, got):
    return judge_entries(expected, got, {"counts": judge_counts})


# %% equivalents="sample" active="py"
equivalents = {
    "torch.multinomial(logits.softmax(-1), 1, generator=generator)"
    " → torch.multinomial(logits.softmax(-1), 2, generator=generator)": "the second is not read",
    "(:, 0) → (:, -1)": "there is one column",
}


# %% mistake="sample" name="no_generator" hint="You draw from torch's global randomness. Hand the generator on: torch.multinomial(…, generator=generator)." active="py"
def sample(logits, temperature=1.0, top_k=0, top_p=1.0, generator=None, right=sample):
    return right(logits, temperature, top_k, top_p, None)


# %% mistake="sample" name="top_p_first" hint="You filter before the temperature changes the distribution. The order is temperature, top-k, top-p." active="py"
def sample(logits, temperature=1.0, top_k=0, top_p=1.0, generator=None, right=sample):
    return right(top_p_filter(top_k_filter(logits, top_k), top_p), temperature, generator=generator)


# %% mistake="sample" name="top_p_of_everything" hint="Your nucleus is computed from all tokens; it should be that of what top-k left, renormalised. Apply top-p to the filtered logits." active="py"
def sample(logits, temperature=1.0, top_k=0, top_p=1.0, generator=None, right=sample):
    warm = apply_temperature(logits, temperature)
    both = (top_k_filter(warm, top_k) > -math.inf) & (top_p_filter(warm, top_p) > -math.inf)
    return right(warm.masked_fill(~both, -math.inf), generator=generator)


# %% mistake="sample" name="greedy" hint="You return the best token every time. Draw: torch.multinomial." active="py"
def sample(logits, temperature=1.0, top_k=0, top_p=1.0, generator=None, right=sample):
    return right(logits, 0, generator=generator)


# %% mistake="sample" name="temperature_ignored" hint="The temperature has no influence on your draws." active="py"
def sample(logits, temperature=1.0, top_k=0, top_p=1.0, generator=None, right=sample):
    return right(logits, 1.0 if temperature else 0, top_k, top_p, generator)


# %% mistake="sample" name="one_draw_for_all" hint="All rows get one and the same random number, so rows with the same logits always agree. Let multinomial draw for the whole batch." active="py"
def sample(logits, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    filtered = top_p_filter(top_k_filter(apply_temperature(logits, temperature), top_k), top_p)
    luck = torch.rand(1, generator=generator) * 0.999999
    return (filtered.softmax(-1).cumsum(-1) <= luck).sum(-1).clamp_max(logits.size(1) - 1)


# %% [markdown]
r"""
### How do you test a sampler?

Equality with a seed tests nothing: a right sampler that uses its random numbers in another order gives other tokens. What must agree is the *distribution*. Pearson's ***chi-square test*** (1900) compares how often each of $V$ tokens was drawn, $O_i$, with how often it should be, $E_i = N p_i$:

$$\chi^2 = \sum_{i=1}^{V} \frac{(O_i - E_i)^2}{E_i}, \qquad \text{about } V - 1 \text{ if the sampler is right.}$$
"""

# %% [markdown]
r"""
By hand: 100 draws from $(0.5, 0.3, 0.2)$ came as $(40, 35, 25)$. Then $\chi^2 = \tfrac{100}{50} + \tfrac{25}{30} + \tfrac{25}{20} = {{4.08 = 100 / 50 + 25 / 30 + 25 / 20}}$. A right sampler does worse than that in {{13 % = chance_of_worse(torch.tensor([40, 35, 25]), torch.tensor([0.5, 0.3, 0.2]))}} of such tests: no reason for doubt. With ten times the draws and the same shares, $\chi^2$ is ten times as large, and the right sampler would do worse once in {{700 = 1e-6 / chance_of_worse(torch.tensor([400, 350, 250]), torch.tensor([0.5, 0.3, 0.2])) ± 50}} million times. More draws see smaller faults.

Below, your sampler and one with a fault that is easily overlooked: its nucleus leaves out the crossing token.
"""


# %%
def chance_of_worse(counts, probs):
    """How often would a right sampler depart further from probs (V,) than these counts (V,) do?"""
    expected = probs * counts.sum()
    statistic = ((counts - expected) ** 2 / expected).sum().double()
    return torch.special.gammaincc(torch.tensor((len(probs) - 1) / 2).double(), statistic / 2).item()


def tested(logits, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    return Sampling(temperature, top_k, top_p).draw(logits, generator=generator)


print("40, 35, 25:   ", chance_of_worse(torch.tensor([40, 35, 25]), torch.tensor([0.5, 0.3, 0.2])))
print("400, 350, 250:", chance_of_worse(torch.tensor([400, 350, 250]), torch.tensor([0.5, 0.3, 0.2])))

# %%
five = exact_logits("the mouse eats").topk(5)
p = Sampling(top_p=0.95).filter(five.values).softmax(-1)
luck = torch.Generator().manual_seed(1)
draws = yours("sampling.sample", tested)(five.values.expand(5000, -1), top_p=0.95, generator=luck)
kept = p > 0
counts = torch.bincount(draws, minlength=5)
short = torch.bincount(tested(five.values.expand(5000, -1), top_k=int(kept.sum()) - 1, generator=luck), minlength=5)
names = [words[i] for i in five.indices]
for name, drawn in (("your sampler", counts), ("crossing token left out", short)):
    print(
        f"{name:24}",
        drawn.tolist(),
        f"a right one would be worse with probability {chance_of_worse(drawn[kept], p[kept]):.2g}",
    )
show(
    figures.draws_against(names, counts, 5000 * p, "5000 draws: nothing to object to"),
    alt="Bars of expected and drawn counts for five foods; they agree within two standard deviations.",
)

# %% [markdown]
r"""
**Reproducible** means: same model, same prompt, same settings, same seed, same text. It holds on one machine. Another batch size, another processor, half precision or a newer library may change the last digit of a logit, and one flipped token changes all that follows.
So a seed serves to find a fault again; a claim about a sampler rests on its distribution.

*A good place to stop for today.*
"""

# %% [markdown]
r"""
### A desk to write at

The trained model, six texts at a time. The right column asks the language whether the sentence is one of its own, and how surprising it is. Try temperature 0, then 2, then 2 with min-p 0.2. Then the prompt that has one right answer.
"""


# %%
def verdict(ids):
    """Say of a text's ids, after the first, whether it is a sentence of the language."""
    if ids[-1] != eos:
        return "(not finished)"
    log_prob = language.log_prob(ids[1:])
    return "not a sentence" if log_prob == -math.inf else f"a sentence, {-log_prob:.1f} nats"


starts = {text: begin(text)[0] for text in ("the hungry mouse", "the Eiffel Tower stands in", "Ada says that")}
writing_desk(model, starts, language.decode, eos_id=eos, judge=verdict)

# %%
METHODS = {
    "greedy": Sampling(temperature=0),
    "top-k": Sampling(temperature=0.8, top_k=50),
    "top-p": Sampling(temperature=0.8, top_p=0.9),
    "min-p": Sampling(min_p=0.1),
}


def write_with(method, text, seed=0):
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    luck = torch.Generator().manual_seed(seed)
    ids = generate(model, begin(text), 12, METHODS[method], eos_id=eos, generator=luck)
    return language.decode(ids[0, 1:].tolist())


for method in METHODS:
    print(f"{method:7}", write_with(method, "the hungry mouse"))

# %% [markdown]
r"""
The check of the name is not for show. A function that tries one `if` after the other and falls off its end returns `None`, and the crash comes in another place.

## 9 · Find the bugs

The loop around all this looks harmless:

```
for each new token:
    logits = model(ids)[:, -1]      choose one token per row      append it
```

A colleague's version, greedy for clarity, was called during training to print a few examples. Afterwards the model had stopped using dropout, for good. On long texts it crashed. And it wrote on happily behind the end of every sentence.

The smallest of all models, a table, is enough to find them. Three faults, a point each:

- **mode**: the model writes in evaluation mode, and is left in the mode in which it came;
- **window**: it reads at most its last `model.seq_len` tokens (`None`: no limit);
- **end**: a row that has written `eos_id` gets `pad_id` from then on, and when all rows have, the loop ends.
"""


# %% setup=true
class TableModel(nn.Module):
    """The smallest language model: row t of a table (V, V) holds the logits of what follows token t.

    Counts its calls, refuses texts longer than seq_len (None: takes any), and drops logits at random in training mode.
    """

    def __init__(self, table: Tensor, seq_len: int | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        self.table, self.seq_len, self.vocab_size, self.dropout, self.calls = table, seq_len, len(table), dropout, 0

    def forward(self, ids: Tensor) -> Tensor:
        if self.seq_len is not None and ids.size(1) > self.seq_len:
            raise ValueError(f"this model reads at most {self.seq_len} tokens, got {ids.size(1)}")
        self.calls += 1
        return F.dropout(self.table[ids], self.dropout, self.training)  # (B, T) → (B, T, V)


# %% exercise="write" points=3 parts={"mode":1,"window":1,"end":1} withheld="course_lib.decoding.generation.generate course_lib.decoding.generation.stream course_lib.decoding.predictor.Predictor course_lib.decoding.sampling.Sampling"
def write(model: nn.Module, prompt: Tensor, max_new_tokens: int, eos_id: int | None = None, pad_id: int = 0) -> Tensor:
    """Continue each prompt greedily.

    model           model(ids (B, T)) → logits (B, T, V); seq_len, the longest text it reads, or None
    prompt          (B, T) token ids
    max_new_tokens  stop after so many
    eos_id          ends a row, except where it stands in the prompt; None: nothing does
    pad_id          what a row is filled with after its end
    returns         (B, T + n), n at most max_new_tokens; no more columns than the longest row needs
    """
    ### BEGIN SOLUTION
    training, ids = model.training, prompt
    done = torch.zeros(len(prompt), dtype=torch.bool, device=prompt.device)
    model.eval()
    with torch.no_grad():
        for _ in range(max_new_tokens):
            window = ids if model.seq_len is None else ids[:, -model.seq_len :]
            token = model(window)[:, -1].argmax(-1).masked_fill(done, pad_id)
            ids = torch.cat([ids, token[:, None]], dim=1)
            done = done | (token == eos_id) if eos_id is not None else done
            if done.all():
                break
    model.train(training)
    return ids
    ### END SOLUTION
    ### BEGIN STARTER
    # model.eval()
    # ids = prompt
    # for _ in range(max_new_tokens):
    #     token = model(ids)[:, -1].argmax(-1)
    #     ids = torch.cat([ids, token[:, None]], dim=1)
    # return ids
    ### END STARTER


# %% [markdown] hints="write"
r"""
1. What is `model.training` before the loop, and after it? Which slice are the last `seq_len` tokens?
2. Remember the mode and restore it at the end. Crop at the right end. A tensor of B booleans remembers who has finished; they get `pad_id`, and the loop ends when all have.
3. `done = done | (token == eos_id)` comes after `token = token.masked_fill(…, …)`; where does `done` begin?
"""


# %% cases="write" active="py"
def cases(seed):
    follow = lambda *successors: 9.0 * F.one_hot(torch.tensor(successors), len(successors)).float()
    ring = follow(1, 2, 3, 4, 0)  # 0 → 1 → 2 → 3 → 4 → 0
    base = {"table": ring, "prompt": torch.tensor([[0]]), "max_new_tokens": 4}
    yield Case(base | {"training": True}, note="called in training mode", part="mode")
    yield Case(base | {"training": False}, note="called in evaluation mode", part="mode")
    random_ring = follow(*torch.randperm(6, generator=generator(seed)).tolist())
    noisy = {"table": random_ring, "prompt": random_integers(seed, 0, 6, 3, 2), "max_new_tokens": 5}
    yield Case(noisy | {"training": True, "dropout": 0.5}, note="a model with dropout", part="mode")
    yield Case(base | {"seq_len": 3}, note="longer than the window", part="window")
    long = random_integers(seed + 1, 0, 6, 2, 7)
    yield Case(noisy | {"prompt": long, "seq_len": 5}, note="a prompt longer than the window", part="window")
    three = torch.tensor([[0], [2], [3]])
    yield Case(base | {"prompt": three, "eos_id": 3, "pad_id": 4}, note="rows that end at different times", part="end")
    yield Case(
        base | {"prompt": torch.tensor([[1], [2]]), "max_new_tokens": 9, "eos_id": 3}, note="all have ended", part="end"
    )
    inside = torch.tensor([[3, 1], [0, 3], [3, 2]])
    yield Case(base | {"prompt": inside, "eos_id": 3, "pad_id": 4}, note="eos_id in the prompt", part="end")
    zero = base | {"prompt": torch.tensor([[3], [2]]), "max_new_tokens": 9, "eos_id": 0, "pad_id": 2}
    yield Case(zero, note="eos_id 0", part="end")
    yield Case(
        noisy | {"eos_id": int(random_integers(seed, 0, 6, 1)), "pad_id": 5}, note="random successors", part="end"
    )


# %% probe="write" active="py"
def probe(student, case):
    model = TableModel(case["table"], case.get("seq_len"), case.get("dropout", 0.0)).train(case.get("training", False))
    options = {name: case[name] for name in ("eos_id", "pad_id") if name in case}
    ids = student(model, case["prompt"], case["max_new_tokens"], **options)
    return {"ids": ids, "training mode afterwards": model.training}


# %% equivalents="write" active="py"
equivalents = {
    "with torch.no_grad(): → if True:": "slower, and nothing asks for it here: lesson 15 does",
    "model(window)[:, -1].argmax(-1) → last_argmax(model(window)[:, -1], -1)": (
        "of two that are equally likely either is the most likely"
    ),
    "done | (token == eos_id) if eos_id is not None else done → done | (token == eos_id)": "no token equals None",
}


# %% mistake="write" name="only_the_mode" hint="The mode is right now. Two faults are left: the window, and the end of a row." active="py"
def write(model, prompt, max_new_tokens, eos_id=None, pad_id=0):
    training, ids = model.training, prompt
    model.eval()
    for _ in range(max_new_tokens):
        ids = torch.cat([ids, model(ids)[:, -1].argmax(-1)[:, None]], dim=1)
    model.train(training)
    return ids


# %% mistake="write" name="always_training_afterwards" hint="You end with model.train(), also when the model came in evaluation mode. Remember model.training and put that back." active="py"
def write(model, prompt, max_new_tokens, eos_id=None, pad_id=0, right=write):
    ids = right(model, prompt, max_new_tokens, eos_id, pad_id)
    model.train()
    return ids


# %% mistake="write" name="never_in_evaluation" hint="The mode is untouched, but dropout is active while you write: call model.eval() first." active="py"
def write(model, prompt, max_new_tokens, eos_id=None, pad_id=0, right=write):
    training = model.training
    model.eval = lambda: model.train(training)
    return right(model, prompt, max_new_tokens, eos_id, pad_id)


# %% mistake="write" name="first_tokens_read" hint="You crop to the first seq_len tokens. What comes next depends on the last ones: ids[:, -model.seq_len:]." active="py"
def write(model, prompt, max_new_tokens, eos_id=None, pad_id=0, right=write):
    forward = model.forward
    model.forward, model.seq_len, limit = lambda ids: forward(ids[:, :limit] if limit else ids), None, model.seq_len
    return right(model, prompt, max_new_tokens, eos_id, pad_id)


# %% mistake="write" name="stops_with_the_first" hint="You stop as soon as one row has ended. The others are still writing: break when done.all()." active="py"
def write(model, prompt, max_new_tokens, eos_id=None, pad_id=0, right=write):
    ids = right(model, prompt, max_new_tokens, eos_id, pad_id)
    ended = (ids[:, prompt.size(1) :] == eos_id).any(0) if eos_id is not None else torch.zeros(1)
    return ids[:, : prompt.size(1) + int(ended.float().argmax()) + 1] if ended.any() else ids


# %% mistake="write" name="writes_on_after_the_end" hint="A row goes on with whatever the model says after its end. Fill it with pad_id: token.masked_fill(done, pad_id)." active="py"
def write(model, prompt, max_new_tokens, eos_id=None, pad_id=0, right=write):
    length = right(model, prompt, max_new_tokens, eos_id, pad_id).size(1)
    return right(model, prompt, length - prompt.size(1))


# %% [markdown]
r"""
This loop passes the whole text through the model for every token. `course_lib.decoding.generate` keeps keys and values of earlier tokens instead (the cache of [15 GPT](15_gpt.ipynb)), and reads each token once. {{Nothing else changes : fast[False].equal(fast[True])}}:
"""

# %%
import time

prompt, fast = begin().expand(8, -1), {}
for use_cache in (False, True):
    started = time.perf_counter()
    fast[use_cache] = generate(model, prompt, 31, generator=torch.Generator().manual_seed(0), use_cache=use_cache)
    print(f"{'with' if use_cache else 'without'} a cache: {time.perf_counter() - started:.3f} s")
print("the same texts:", fast[False].equal(fast[True]))
print("tokens read for 31 new ones: without", sum(range(1, 32)), "with", 31)

# %% [markdown]
r"""
## 10 · Quality against diversity

Every setting trades one for the other, so no single number compares two methods. Plot both. In the toy language, quality can be decided exactly: is the sentence one that the language can produce? For diversity, count the different words in the sentences that were written.

Each curve is one method, from a strict setting to a loose one. The star is the language itself. Before you see it, say how good the model's own distribution is, with nothing filtered.
"""

# %%
from course_lib.widgets.predict import predict_number

guess = predict_number(
    "18_sampling.good",
    "Of 100 texts drawn at T = 1, how many are sentences of the language?",
    low=0,
    high=100,
)
guess

# %%
n_texts = budget(full=600, short=60)


def quality_and_words(sentences):
    """Share of sentences that the language has, and the number of different words in all of them."""
    good = sum(language.log_prob(s) > -math.inf for s in sentences) / len(sentences)
    return len({word for sentence in sentences for word in sentence}), good


def written(sampling):
    ids = generate(
        model,
        begin().expand(n_texts, -1),
        31,
        sampling,
        eos_id=eos,
        generator=torch.Generator().manual_seed(3),
    )
    return [row[: row.index(eos) + 1] if eos in row else row for row in ids[:, 1:].tolist()]


# %%
grid = {
    "temperature": [0.3, 0.5, 0.7, 1.0, 1.2],
    "top_k": [3, 5, 10, 30, 100],
    "top_p": [0.3, 0.5, 0.7, 0.9, 0.95],
    "min_p": [0.5, 0.3, 0.1, 0.02],
}
curves = {}
for name, values in grid.items():
    points = [quality_and_words(written(Sampling(**{name: value}))) for value in values]
    curves[name.replace("_", "-")] = (*zip(*points), [f"{value:g}" for value in values])
guess.reveal(round(100 * curves["temperature"][1][grid["temperature"].index(1.0)]))

# %%
star = quality_and_words(language.sample(n_texts, torch.Generator().manual_seed(3)))
show(
    figures.quality_and_diversity(
        curves,
        star,
        xlabel=f"different words in {n_texts} sentences",
        ylabel="share that are sentences",
        title="Up and to the right is better",
    ),
    alt="Four curves of the share of sentences against words used; all stay below the star of the language itself.",
)

# %% [markdown]
r"""
Read it from the right, and compare points with as many words. From the model's own distribution ($T = 1$), all methods buy quality with words; cutting the tail a little (top-p 0.95, min-p 0.02) is a good bargain. A very low temperature buys nothing more: the texts become chains of *that the little mouse chases*, which our small model cannot keep track of.
Small differences mean nothing: a share of 0.95, measured on 600 texts, is uncertain by about ±{{0.02 = 2 * math.sqrt(0.95 * 0.05 / 600)}} (two standard deviations, $2\sqrt{0.95 \cdot 0.05 / 600}$).
{{None of the curves reaches the star :
all(words_used < star[0] or good < star[1] for xs, ys, _ in curves.values() for words_used, good in zip(xs, ys))}}. A filter removes what the model gives too much probability; it cannot know what the language forbids.
"""

# %% [markdown]
r"""
With people as judges, the finding is the same in kind: Holtzman et al. (2020) and many since. But the ranking of methods depends on the model and the task, and for models that were trained further by reinforcement learning, the effect of these settings is often small.
"""

# %% [markdown]
r"""
## 11 · Look ahead: beam search

Where there *is* one right answer we want the most probable text, $\arg\max_{x_1 \dots x_n} \prod_t p(x_t \mid x_{<t})$. Greedy decoding does not find it. Say $A$ has probability 0.5 and $B$ 0.4; after $A$ the best word has 0.3, after $B$ 0.9. Greedy takes $A$ and ends at $0.5 \cdot 0.3 = {{0.15 = 0.5 * 0.3}}$. By way of $B$ it would be ${{0.36 = 0.4 * 0.9}}$.
"""

# %% [markdown]
r"""
Trying everything costs $V^n$. **Beam search** (lesson [11](11_seq2seq.ipynb)) keeps the $K$ most probable beginnings at each length. A product of probabilities underflows, so we add logs.

1. Start with one empty beginning, log-probability 0.
2. Continue every open beginning by every token: candidates, with the sum of log-probabilities.
3. A candidate that ends with `eos_id` is **finished**, if it is among the $K$ best of all candidates. Of those that do not end, the $K$ best stay **open**.
4. Repeat. What is still open after `max_new_tokens` takes part as it is.
5. The winner has the best $\;\dfrac{\log p(x)}{n^{\alpha}}$, with $n$ new tokens, the end included, and the **length penalty** $\alpha \ge 0$.

Every token multiplies by something below 1, so longer texts have smaller probabilities. $\alpha = 0$ compares probabilities as they are, $\alpha = 1$ the mean per token. (Both are in use; Wu et al. 2016 divide by $((5 + n) / 6)^\alpha$.)
"""

# %% [markdown]
r"""
### Exercise · beam_search

One prompt, any model. `TableModel` from section 9 is what your function is tried on; it arrives in evaluation mode.
(With dropout active, a search that has no randomness of its own gives another answer each time. And in a batch, every prompt needs its own scores and its own K beginnings: `course_lib.decoding.beam_search` takes care of both.)
"""


# %% exercise="beam_search" points=5 parts={"search":2,"end":2,"penalty":1} withheld="course_lib.decoding.beam.beam_search course_lib.decoding.beam.Hypothesis"
def beam_search(
    model: nn.Module,
    prompt: Tensor,
    max_new_tokens: int,
    beams: int,
    eos_id: int | None = None,
    length_penalty: float = 0.0,
) -> tuple[list[int], float]:
    """Return the best continuation that beam search finds, and its score.

    model           model(ids (B, T)) → logits (B, T, V)
    prompt          (1, T) token ids
    max_new_tokens  length at which open beginnings are cut off and take part
    beams           K
    eos_id          the token that finishes a text; None: all get max_new_tokens
    length_penalty  α
    returns         the new tokens, a final eos_id included, and log p / n ** α with natural logs

    Example: for TableModel(log [[0.1, 0.5, 0.4], [0.4, 0.3, 0.3], [0.9, 0.05, 0.05]]), prompt [[0]], 2 tokens and
    2 beams: ([2, 0], ln 0.36).
    """
    ### BEGIN SOLUTION
    open_beams, finished = [([], 0.0)], []
    for _ in range(max_new_tokens):
        new = prompt.new_tensor([tokens for tokens, _ in open_beams]).long().view(len(open_beams), -1)
        with torch.no_grad():
            log_probs = model(torch.cat([prompt.expand(len(new), -1), new], dim=1))[:, -1].log_softmax(-1)
        candidates = [
            ([*tokens, token], total + log_prob)
            for (tokens, total), row in zip(open_beams, log_probs.tolist())
            for token, log_prob in enumerate(row)
        ]
        candidates.sort(key=lambda candidate: -candidate[1])
        finished += [(tokens, total) for tokens, total in candidates[:beams] if tokens[-1] == eos_id]
        open_beams = [(tokens, total) for tokens, total in candidates if tokens[-1] != eos_id][:beams]
    scored = [(tokens, total / len(tokens) ** length_penalty) for tokens, total in finished + open_beams]
    return max(scored, key=lambda text: text[1])
    ### END SOLUTION


# %% [markdown] hints="beam_search"
r"""
1. What must be remembered of each beginning? Of the K·V candidates of a step, which are finished, and which stay open?
2. Keep (tokens, log-probability). Per step: a row per open beginning, `log_softmax` of the last position, all candidates sorted. Ended ones among the K best are finished; the K best of the others stay open. At the end all of them compete.
3. `finished += [c for c in candidates[:beams] if …]`; `open_beams = [c for c in candidates if …][:beams]`; `max(…, key=lambda …)` with the length penalty.
"""


# %% cases="beam_search" active="py"
def cases(seed):
    def case(table, prompt, max_new_tokens, beams, **options):
        return {
            "table": table,
            "prompt": torch.tensor([prompt]),
            "max_new_tokens": max_new_tokens,
            "beams": beams,
        } | options

    garden = torch.tensor([[0.1, 0.5, 0.4], [0.4, 0.3, 0.3], [0.9, 0.05, 0.05]]).log()
    yield Case(case(garden, [0], 2, 2), note="the example", part="search")
    yield Case(case(garden, [0], 2, 1), note="one beam", part="search")
    shifted = garden + torch.tensor([[2.0], [-7.0], [4.0]])
    yield Case(case(shifted, [0], 3, 2), note="logits that are not log-probabilities", part="search")
    yield Case(case(garden, [1], 2, 20), note="more beams than candidates", part="search")
    yield Case(case(2 * random_tensor(seed, 6, 6), [3, 1], 5, 3), note="a random table", part="search")
    loop = torch.tensor(
        [[0.25, 0.25, 0.25, 0.25], [0.6, 0.001, 0.398, 0.001], [0.01, 0.01, 0.01, 0.97], [0.01, 0.01, 0.97, 0.01]]
    ).log()
    ends = case(loop, [1], 5, 2, eos_id=0)
    yield Case(ends, note="ending at once is the most probable", part="end")
    yield Case(ends | {"prompt": torch.tensor([[0, 3, 2]])}, note="the end token in the prompt", part="end")
    second = torch.tensor([[0.2, 0.3, 0.5], [0.3, 0.35, 0.35], [0.4, 0.5, 0.1]]).log()
    yield Case(case(second, [2], 2, 1, eos_id=0), note="the end is second best, of one beam", part="end")
    ending = [2 * random_tensor(seed + i, 5, 5) + torch.tensor([1.5, 0, 0, 0, 0]) for i in (1, 2, 3)]
    for table, prompt in zip(ending, ([2], [3, 4], [1])):
        yield Case(case(table, prompt, 6, 3, eos_id=0), note="a random table with an end", part="end")
    yield Case(ends | {"length_penalty": 1.0}, note="the mean per token", part="penalty")
    yield Case(
        ends | {"prompt": torch.tensor([[2, 3, 1]]), "length_penalty": 0.3}, note="a longer prompt", part="penalty"
    )
    crowded = torch.tensor(
        [[0.25, 0.25, 0.25, 0.25], [0.26, 0.24, 0.23, 0.27], [0.01, 0.01, 0.97, 0.01], [0.35, 0.4, 0.249, 0.001]]
    ).log()
    beside = case(crowded, [3], 4, 2, eos_id=0, length_penalty=1.0)
    yield Case(beside, note="a text that ends among the two best, and two that go on", part="penalty")
    after = torch.tensor(
        [[0.01, 0.01, 0.97, 0.01], [0.9, 0.03, 0.03, 0.04], [0.01, 0.01, 0.97, 0.01], [0.02, 0.9, 0.04, 0.04]]
    ).log()
    over = case(after, [3], 5, 2, eos_id=0, length_penalty=1.0)
    yield Case(over, note="what would follow the end is very probable", part="penalty")
    for table, alpha in zip(ending, (0.7, 1.0, 1.5)):
        options = {"eos_id": 0, "length_penalty": alpha}
        yield Case(case(table, [2], 6, 3, **options), note="a random table with a penalty", part="penalty")


# %% probe="beam_search" active="py"
def probe(student, case):
    options = {name: case[name] for name in ("eos_id", "length_penalty") if name in case}
    tokens, score = student(
        TableModel(case["table"]).eval(), case["prompt"], case["max_new_tokens"], case["beams"], **options
    )
    return {"tokens": [int(token) for token in tokens], "score": float(score)}


# %% equivalents="beam_search" active="py"
equivalents = {
    "prompt.new_tensor([tokens for tokens, _ in open_beams]).long()"
    " → prompt.new_tensor([tokens for tokens, _ in open_beams])": "the prompt holds int64, and so does what is made like it",
    "with torch.no_grad(): → if True:": "slower, and nothing asks for it here: lesson 15 does",
    "log_probs.tolist() → log_probs": "numbers in a tensor are added and compared as well",
    "max(scored, key=lambda text: text[1]) → max([*scored][::-1], key=lambda text: text[1])": (
        "of two texts with one score either is the best"
    ),
}


# %% mistake="beam_search" name="greedy" hint="You keep one beginning only. Keep the K best of all candidates." active="py"
def beam_search(model, prompt, max_new_tokens, beams, eos_id=None, length_penalty=0.0, right=beam_search):
    return right(model, prompt, max_new_tokens, 1, eos_id, length_penalty)


# %% mistake="beam_search" name="raw_logits" hint="You add logits. Only log-probabilities can be compared between beginnings: log_softmax first." active="py"
def beam_search(model, prompt, max_new_tokens, beams, eos_id=None, length_penalty=0.0):
    open_beams, finished = [([], 0.0)], []
    for _ in range(max_new_tokens):
        new = torch.tensor([t for t, _ in open_beams]).long().view(len(open_beams), -1)
        rows = model(torch.cat([prompt.expand(len(new), -1), new], 1))[:, -1].tolist()
        candidates = [([*t, i], s + x) for (t, s), row in zip(open_beams, rows) for i, x in enumerate(row)]
        candidates.sort(key=lambda c: -c[1])
        finished += [c for c in candidates[:beams] if c[0][-1] == eos_id]
        open_beams = [c for c in candidates if c[0][-1] != eos_id][:beams]
    return max(((t, s / len(t) ** length_penalty) for t, s in finished + open_beams), key=lambda c: c[1])


# %% mistake="beam_search" name="end_ignored" hint="A text that has ended is forced to go on. Move candidates that end with eos_id to the finished ones." active="py"
def beam_search(model, prompt, max_new_tokens, beams, eos_id=None, length_penalty=0.0, right=beam_search):
    return right(model, prompt, max_new_tokens, beams, None, length_penalty)


# %% mistake="beam_search" name="finished_thrown_away" hint="Texts that ended early are forgotten: they must compete with what is open at the end." active="py"
def beam_search(model, prompt, max_new_tokens, beams, eos_id=None, length_penalty=0.0):
    open_beams, finished = [([], 0.0)], []
    for _ in range(max_new_tokens):
        new = torch.tensor([t for t, _ in open_beams]).long().view(len(open_beams), -1)
        rows = model(torch.cat([prompt.expand(len(new), -1), new], 1))[:, -1].log_softmax(-1).tolist()
        candidates = [([*t, i], s + x) for (t, s), row in zip(open_beams, rows) for i, x in enumerate(row)]
        candidates.sort(key=lambda c: -c[1])
        finished += [c for c in candidates[:beams] if c[0][-1] == eos_id]
        open_beams = [c for c in candidates if c[0][-1] != eos_id][:beams]
    return max(((t, s / len(t) ** length_penalty) for t, s in open_beams), key=lambda c: c[1])


# %% mistake="beam_search" name="only_finished" hint="You return a finished text even when an open one has the better score. What is open after max_new_tokens takes part." active="py"
def beam_search(model, prompt, max_new_tokens, beams, eos_id=None, length_penalty=0.0):
    open_beams, finished = [([], 0.0)], []
    for _ in range(max_new_tokens):
        new = torch.tensor([t for t, _ in open_beams]).long().view(len(open_beams), -1)
        rows = model(torch.cat([prompt.expand(len(new), -1), new], 1))[:, -1].log_softmax(-1).tolist()
        candidates = [([*t, i], s + x) for (t, s), row in zip(open_beams, rows) for i, x in enumerate(row)]
        candidates.sort(key=lambda c: -c[1])
        finished += [c for c in candidates[:beams] if c[0][-1] == eos_id]
        open_beams = [c for c in candidates if c[0][-1] != eos_id][:beams]
    return max(((t, s / len(t) ** length_penalty) for t, s in finished or open_beams), key=lambda c: c[1])


# %% mistake="beam_search" name="penalty_multiplied" hint="You multiply by n ** α. Log-probabilities are negative, so that punishes length twice: divide." active="py"
def beam_search(model, prompt, max_new_tokens, beams, eos_id=None, length_penalty=0.0, right=beam_search):
    return right(model, prompt, max_new_tokens, beams, eos_id, -length_penalty)


# %% mistake="beam_search" name="prompt_counted" hint="Your n counts the prompt, too. It is the number of new tokens." active="py"
def beam_search(model, prompt, max_new_tokens, beams, eos_id=None, length_penalty=0.0):
    open_beams, finished = [([], 0.0)], []
    for _ in range(max_new_tokens):
        new = torch.tensor([t for t, _ in open_beams]).long().view(len(open_beams), -1)
        rows = model(torch.cat([prompt.expand(len(new), -1), new], 1))[:, -1].log_softmax(-1).tolist()
        candidates = [([*t, i], s + x) for (t, s), row in zip(open_beams, rows) for i, x in enumerate(row)]
        candidates.sort(key=lambda c: -c[1])
        finished += [c for c in candidates[:beams] if c[0][-1] == eos_id]
        open_beams = [c for c in candidates if c[0][-1] != eos_id][:beams]
    return max(
        ((t, s / (prompt.size(1) + len(t)) ** length_penalty) for t, s in finished + open_beams), key=lambda c: c[1]
    )


# %%
def library_beam_search(model, prompt, max_new_tokens, beams, eos_id=None, length_penalty=0.0):
    options = {"eos_id": eos_id, "length_penalty": length_penalty}
    ((best,),) = decoding.beam_search(model, prompt, max_new_tokens, beams, **options)
    return best.tokens, best.score


search = yours("sampling.beam_search", library_beam_search)
start, scores = "the hungry mouse", {}
for beams in (1, 2, 5, 20):
    tokens, scores[beams] = search(model.eval(), begin(start), 12, beams, eos_id=eos)
    print(f"{start} | {beams:2} beams: log p {scores[beams]:6.2f}  {language.decode(tokens)}")
print(f"20 beams found a text {math.exp(scores[20] - scores[1]):,.0f} times as probable as greedy decoding")
show(
    figures.beam_tree(model, begin(start), words, steps=4, beams=4, eos_id=eos),
    alt="A tree of beginnings after 'the hungry mouse': four are kept at each length, and one path is the winner.",
)

# %% [markdown]
r"""
Greedy begins with the most probable single word and has to live with it. More beams look past it: here twenty {{find a better text : scores[20] > scores[1]}}.

Are more beams always better? They cost more, and it is a heuristic still: a beginning that was pruned may have had the best continuation, and with more beams *other* beginnings {{can push it out : len(worse) > 0}}. Only with $K \ge V^{n-1}$ is nothing pruned. Two hundred random tables of six tokens, four new tokens each, tried against the exact optimum:
"""

# %%
missed, worse, n_tables = {1: 0, 2: 0, 3: 0}, [], budget(full=200, short=10)
for seed in range(n_tables):
    table = TableModel(torch.randn(6, 6, generator=torch.Generator().manual_seed(seed)))
    found = {k: library_beam_search(table, torch.tensor([[0]]), 4, k) for k in (1, 2, 3, 6**3)}
    for k in missed:
        missed[k] += found[k][1] < found[6**3][1] - 1e-5
    if found[3][1] < found[2][1] - 1e-5:
        worse.append((seed, found[2], found[3]))
for k, count in missed.items():
    print(f"{k} beam{'s' if k > 1 else ' '}: the best text was missed {count} times in {n_tables}")
for seed, two, three in worse:
    print(f"table {seed}: 2 beams {two[0]} {two[1]:.3f}, 3 beams {three[0]} {three[1]:.3f}: more beams, a worse text")

# %% [markdown]
r"""
### The most probable text is not a typical one

So let us use many beams for everything? Look at lengths and probabilities of what the language itself says.
"""

# %%
start = "the hungry mouse"
prompt, luck = begin(start), torch.Generator().manual_seed(0)
n_drawn = budget(full=1000, short=50)
ids = generate(model, prompt.expand(n_drawn, -1), 28, eos_id=eos, generator=luck)
new = ids[:, prompt.size(1) :]
counted = (new == eos).cumsum(1) - (new == eos).long() == 0  # up to the first end, itself included
with torch.no_grad():
    log_probs = model(ids[:, :-1]).log_softmax(-1).gather(-1, ids[:, 1:, None])[:, prompt.size(1) - 1 :, 0]
typical, length = (log_probs * counted).sum(1).median(), counted.sum(1).float().mean()
print(f"{n_drawn} drawn texts: {length:.1f} tokens on average, median log p {typical:.1f}")
winners = {}
for alpha in (0.0, 1.0, 2.0):
    tokens, score = search(model, prompt, 20, 20, eos_id=eos, length_penalty=alpha)
    winners[alpha] = len(tokens), score * len(tokens) ** alpha
    is_one = language.log_prob([*language.encode(start), *tokens]) > -math.inf
    print("20 beams, α = {:g}: {} tokens, log p {:.1f}  {}".format(alpha, *winners[alpha], language.decode(tokens)))
    print(" " * 17, "a sentence of the language" if is_one else "not a sentence of the language")

# %% [markdown]
r"""
With $\alpha = 0$ the winner is {{shorter and far more probable : winners[0.0][0] < length and winners[0.0][1] > typical + 2}} than what one hears; {{a large $\alpha$ makes the search ramble on instead : winners[2.0][0] > length}}. That is no fault of the model. Toss a coin that shows heads with probability 0.6 a hundred times: the *most probable* sequence is a hundred heads. Its probability, $0.6^{100} \approx {{6.5 = 0.6**100 / 1e-23}} \cdot 10^{-23}$, is larger than that of any other sequence, and you will never see it.
You will see about {{60 = 0.6 * 100}} heads, since there are so many sequences of that kind. Text is the same: people say things near the entropy, not at the peak (Holtzman et al. 2020; Meister et al. 2023, who cut away what is too *predictable* as well). In translation, very large beams find empty or broken sentences with excellent scores (Stahlberg & Byrne 2019).
"""

# %% [markdown]
r"""
**Rule of thumb.** One right answer: greedy or a small beam with a length penalty. Many good ones: draw, with the tail cut off.

### Question · bigger_beam · optional

On the same model and prompt, 5 beams return a text with log-probability −13.5, and 2 beams one with −8.8 ($\alpha = 0$, same end token). What follows?

- **a** There is a bug: more beams can never be worse.
- **b** Nothing is wrong. What 2 beams kept was pushed out by other beginnings when 5 were kept.
- **c** The 5 beams had too large a length penalty.
"""

# %% exercise="bigger_beam" points=1 optional=true kind="choice" choices="a b c"
### BEGIN SOLUTION
bigger_beam = "b"
### END SOLUTION

# %% mistake="bigger_beam" name="a" hint="More beams look at more beginnings at the same length, but the beginnings kept at a later length are not a superset: the winner's own may be among those pushed out." active="py"
bigger_beam = "a"

# %% mistake="bigger_beam" name="c" hint="α was 0 in both, so log-probabilities themselves were compared." active="py"
bigger_beam = "c"

# %% [markdown]
r"""
## 12 · The same text, sooner · optional

A large model takes about as long for one token as for five: most of the time goes into reading its weights from memory. But the five must be known beforehand. ***Speculative decoding*** (Leviathan et al. 2023; Chen et al. 2023) lets a small model guess them. A ***draft model*** $q$ writes $n$ tokens one by one; the large model $p$ looks at all of them in *one* call; and a rule keeps as many as it can, so that the result is distributed **exactly** as if the large model had drawn every token itself.

For a drafted token $x \sim q$:

1. keep it with probability $\min\!\left(1, \dfrac{p(x)}{q(x)}\right)$: draw $u$ uniform in $[0, 1)$ and keep if $u \cdot q(x) < p(x)$;
2. at the first refusal, draw one token from what $p$ has more of, $\max(0, p - q)$ divided by its sum, and stop;
3. if all $n$ are kept, draw one more from $p$ after them: the call has computed it anyway.
"""

# %% [markdown]
r"""
**Why it is exact.** Token $x$ comes out by being kept, with probability $q(x) \min(1, p(x)/q(x)) = \min(p(x), q(x))$, or by being redrawn after a refusal. A refusal has probability $1 - \sum_y \min(p(y), q(y)) = \sum_y \max(0, p(y) - q(y))$, which is just what the redraw divides by. Together $\min(p, q) + \max(0, p - q) = p$.

By hand: $p = (0.5, 0.3, 0.2)$, $q = (0.2, 0.3, 0.5)$. Kept: ${{(0.2, 0.3, 0.2) : torch.allclose(torch.minimum(torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5])), torch.tensor([0.2, 0.3, 0.2]))}}$, so {{0.7 = decoding.acceptance_rate(torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5]))}} in all. Refused: {{0.3 = 1 - decoding.acceptance_rate(torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5]))}}, always redrawn as token 1, since $p - q$ is positive there only. $0.2 + 0.3 = 0.5$ ✓.
"""

# %%
names = ["eats", "likes", "finds", "steals", "wants", "smells"]
at = language.encode(" ".join(names))
speculation_explorer(names, exact_logits("the hungry mouse")[at], torch.tensor([0.0, 1.0, 1.5, 0.5, 1.0, 2.0]) - 3)

# %% [markdown]
r"""
### Exercise · speculative_accept · optional

It is called thousands of times on your side, and judged by a chi-square test.
"""


# %% exercise="speculative_accept" points=4 optional=true withheld="course_lib.decoding.speculative.speculative_accept"
def speculative_accept(
    target_probs: Tensor, draft_probs: Tensor, drafted: Tensor, generator: torch.Generator | None = None
) -> tuple[int, int]:
    """Decide how many drafted tokens are kept, and draw the token that follows them.

    target_probs  (n + 1, V) what the large model says at the place of each drafted token, and after the last
    draft_probs   (n, V) what the drafted tokens were drawn from
    drafted       (n,) token ids; n may be 0
    generator     of all randomness; the same seed gives the same result
    returns       how many are kept, 0 to n (all before the first refusal), and the id of the next token: from
                  max(0, p − q) at the refused place, or from target_probs[n] when all were kept
    """
    ### BEGIN SOLUTION
    for i, token in enumerate(drafted.tolist()):
        p, q = target_probs[i], draft_probs[i]
        if torch.rand((), generator=generator) * q[token] >= p[token]:
            return i, int(torch.multinomial((p - q).clamp_min(0), 1, generator=generator))
    return len(drafted), int(torch.multinomial(target_probs[len(drafted)], 1, generator=generator))
    ### END SOLUTION


# %% [markdown] hints="speculative_accept"
r"""
1. When do you return from inside the loop, and what is drawn then? What is left to do when the loop ends by itself?
2. Go through the drafted tokens in order; a token is kept with probability min(1, p/q), without dividing: u · q < p. At the first refusal draw from what p has more of. If all are kept, one more from p after them.
3. `if torch.rand((), generator=generator) * q[token] >= p[token]: return i, …`; `multinomial` takes weights that do not sum to 1.
"""


# %% cases="speculative_accept" active="py"
def cases(seed):
    p, q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5])
    names = ("target_probs", "draft_probs", "seed")
    yield Case(dict(zip(names, (p[None], p[:0, None].expand(0, 3), seed))), note="nothing was drafted")
    yield Case(dict(zip(names, (torch.stack([p, q]), p[None], seed))), note="a draft that agrees")
    far = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]), torch.tensor([[1.0, 0.0, 0.0]])
    yield Case(dict(zip(names, (*far, seed))), note="a draft that is always wrong")
    yield Case(dict(zip(names, (torch.stack([p, p]), q[None], seed))), note="the example by hand")
    a, b = torch.tensor([0.8, 0.1, 0.1]), torch.tensor([0.1, 0.1, 0.8])  # 0.3 of each in common
    yield Case(dict(zip(names, (torch.stack([a, b, a]), torch.stack([b, a]), seed))), note="two drafted tokens")
    yield Case(
        dict(zip(names, (random_distributions(seed, 3, 8), random_distributions(seed + 1, 2, 8), seed))), note="random"
    )


# %% equivalents="speculative_accept" active="py"
equivalents = {
    "drafted.tolist() → drafted": "a tensor of one id is an index as good as the id",
    "torch.rand((), generator=generator) * q[token] >= p[token] → torch.rand((), generator=generator) * q[token] > p[token]": (
        "they differ where two numbers are equal, which has probability 0"
    ),
    "int(torch.multinomial((p - q).clamp_min(0), 1, generator=generator)) → torch.multinomial((p - q).clamp_min(0), 1, generator=generator)": (
        "an id may be a tensor of one number"
    ),
    "int(torch.multinomial(target_probs[len(drafted)], 1, generator=generator)) → torch.multinomial(target_probs[len(drafted)], 1, generator=generator)": (
        "an id may be a tensor of one number"
    ),
}


# %% probe="speculative_accept" active="py"
def probe(student, case):
    p, q, luck = case["target_probs"], case["draft_probs"], torch.Generator().manual_seed(case["seed"])
    n, size = q.shape
    drafts = torch.multinomial(q, 3000, replacement=True, generator=luck).T if n else torch.zeros(3000, 0).long()
    results = [student(p, q, drafted, luck) for drafted in drafts]
    kept, tokens = (torch.tensor([int(result[i]) for result in results]) for i in (0, 1))
    first = torch.where(kept > 0, drafts[:, 0], tokens) if n else tokens
    pairs = [
        [list(student(p, q, d, torch.Generator().manual_seed(i))) for i, d in enumerate(drafts[:40])] for _ in "ab"
    ]
    return {
        "counts of how many were kept": torch.bincount(kept, minlength=n + 1),
        "counts of first tokens": torch.bincount(first, minlength=size),
        "counts of how many were kept with the next token": torch.bincount(
            kept * size + tokens, minlength=(n + 1) * size
        ),
        "the same seed repeats": plain(pairs[0]) == plain(pairs[1]),
    }


# %% judge="speculative_accept" active="py"
def judge(case, expected, got):
    counts = [name for name in expected if name.startswith("counts")]
    return judge_entries(expected, got, dict.fromkeys(counts, judge_counts))


# %% mistake="speculative_accept" name="redrawn_from_target" hint="After a refusal you draw from p. Those tokens had their chance of being kept already, so they come too often: draw from max(0, p − q)." active="py"
def speculative_accept(target_probs, draft_probs, drafted, generator=None):
    for i, token in enumerate(drafted.tolist()):
        if torch.rand((), generator=generator) * draft_probs[i, token] >= target_probs[i, token]:
            return i, int(torch.multinomial(target_probs[i], 1, generator=generator))
    return len(drafted), int(torch.multinomial(target_probs[len(drafted)], 1, generator=generator))


# %% mistake="speculative_accept" name="kept_if_target_likes_it_better" hint="You keep a token if p(x) ≥ q(x) and refuse it otherwise. It must be kept with probability p(x)/q(x), so draw a number." active="py"
def speculative_accept(target_probs, draft_probs, drafted, generator=None):
    for i, token in enumerate(drafted.tolist()):
        p, q = target_probs[i], draft_probs[i]
        if p[token] < q[token]:
            return i, int(torch.multinomial((p - q).clamp_min(0), 1, generator=generator))
    return len(drafted), int(torch.multinomial(target_probs[len(drafted)], 1, generator=generator))


# %% mistake="speculative_accept" name="kept_with_p" hint="You keep a token with probability p(x). It is p(x)/q(x): the draft has offered it with probability q(x) already." active="py"
def speculative_accept(target_probs, draft_probs, drafted, generator=None):
    for i, token in enumerate(drafted.tolist()):
        p, q = target_probs[i], draft_probs[i]
        if torch.rand((), generator=generator) >= p[token]:
            weights = (p - q).clamp_min(0)
            return i, int(torch.multinomial(weights if weights.any() else p, 1, generator=generator))
    return len(drafted), int(torch.multinomial(target_probs[len(drafted)], 1, generator=generator))


# %% mistake="speculative_accept" name="next_from_the_last" hint="When all are kept, the next token comes after them: target_probs[n], the last row, not the row of the last drafted token." active="py"
def speculative_accept(target_probs, draft_probs, drafted, generator=None, right=speculative_accept):
    kept, token = right(target_probs, draft_probs, drafted, generator)
    if kept == len(drafted) > 0:
        token = int(torch.multinomial(target_probs[kept - 1], 1, generator=generator))
    return kept, token


# %% mistake="speculative_accept" name="goes_on_after_a_refusal" hint="Tokens behind a refusal were drafted from a text that no longer exists. Stop at the first." active="py"
def speculative_accept(target_probs, draft_probs, drafted, generator=None):
    kept, refused = 0, None
    for i, token in enumerate(drafted.tolist()):
        if torch.rand((), generator=generator) * draft_probs[i, token] < target_probs[i, token]:
            kept += 1
        elif refused is None:
            refused = i
    weights = target_probs[-1] if refused is None else (target_probs[refused] - draft_probs[refused]).clamp_min(0)
    return kept, int(torch.multinomial(weights, 1, generator=generator))


# %% mistake="speculative_accept" name="generator_ignored" hint="The distribution is right, but the draws come from torch's global randomness. Hand the generator to torch.rand and to torch.multinomial." active="py"
def speculative_accept(target_probs, draft_probs, drafted, generator=None, right=speculative_accept):
    return right(target_probs, draft_probs, drafted, None)


# %% [markdown]
r"""
### Exercise · speculative_decode · optional

The loop around it. In each round the draft proposes up to `n_draft` tokens; then **one** call of the large model on the text with all of them, whose last $n + 1$ positions hold what `speculative_accept` needs; then the kept tokens and the next one are appended. A round adds at least one token and at most $n + 1$, so near the end propose fewer.
"""


# %% exercise="speculative_decode" points=3 optional=true parts={"texts":2,"calls":1} needs="speculative_accept" withheld="course_lib.decoding.speculative.speculative_decode"
def speculative_decode(
    model: nn.Module,
    draft: nn.Module,
    prompt: Tensor,
    max_new_tokens: int,
    n_draft: int = 4,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Continue a prompt, distributed as the large model's own texts, in fewer calls of it.

    model, draft    ids (1, T) → logits (1, T, V), both with the same vocabulary
    prompt          (1, T) token ids
    max_new_tokens  how many to write, exactly
    n_draft         tokens drafted for each call of the model; fewer where max_new_tokens would be passed
    generator       of all randomness; the same seed gives the same text
    returns         (1, T + max_new_tokens)
    """
    ### BEGIN SOLUTION
    ids, end = prompt, prompt.size(1) + max_new_tokens
    while ids.size(1) < end:
        length, proposal, draft_probs = ids.size(1), ids, []
        for _ in range(min(n_draft, end - length - 1)):
            draft_probs.append(draft(proposal)[:, -1].softmax(-1))
            token = torch.multinomial(draft_probs[-1], 1, generator=generator)
            proposal = torch.cat([proposal, token], dim=1)
        n = len(draft_probs)
        target_probs = model(proposal)[0, -n - 1 :].softmax(-1)
        draft_probs = torch.cat(draft_probs) if n else target_probs[:0]
        kept, token = speculative_accept(target_probs, draft_probs, proposal[0, length:], generator)
        ids = torch.cat([proposal[:, : length + kept], proposal.new_tensor([[token]])], dim=1)
    return ids
    ### END SOLUTION


# %% [markdown] hints="speculative_decode"
r"""
1. How many tokens may be drafted when r are missing and the round adds one itself? Which logits of the large model belong to the drafted tokens?
2. The logits at position t say what comes at t + 1, so n drafted tokens and the one after them need the last n + 1 positions. Keep the accepted ones, add the drawn one, repeat.
3. `n = min(n_draft, …)`; `model(proposal)[0, -n - 1 :].softmax(-1)`; then `torch.cat([proposal[:, : length + kept], …])`.
"""


# %% cases="speculative_decode" active="py"
def cases(seed):
    follow = lambda *successors: 60.0 * F.one_hot(torch.tensor(successors), len(successors)).float()
    ring, other = follow(1, 2, 3, 4, 0), follow(1, 2, 3, 0, 0)  # they disagree after 3 alone
    base = {"model": ring, "draft": ring, "prompt": torch.tensor([[0]]), "max_new_tokens": 1, "seed": seed, "n": 1}
    yield Case(base, note="one token", part="calls")
    # 11 and 12 tokens take 3 calls with four drafted at a time, and 2 with five
    lengths, starts = (
        [11 + seed % 2, *random_integers(seed, 9, 16, 2).tolist()],
        random_integers(seed + 1, 0, 5, 3, 1, 1),
    )
    agreeing, wrong, two = ({"max_new_tokens": n, "prompt": start} for n, start in zip(lengths, starts))
    yield Case(base | agreeing, note="a draft that agrees", part="calls")
    yield Case(base | wrong | {"draft": other}, note="a draft that is sometimes wrong", part="calls")
    yield Case(base | two | {"n_draft": 2}, note="two drafted at a time", part="calls")
    free = {
        "model": random_tensor(seed, 3, 3),
        "draft": random_tensor(seed + 1, 3, 3, scale=0.3),
        "prompt": torch.tensor([[2, 0]]),
    }
    free |= {"max_new_tokens": 3, "n": 800, "seed": seed}
    yield Case(free | {"n_draft": 2}, note="800 texts of three tokens", part="texts")
    yield Case(free | {"model": free["draft"] / 2, "n_draft": 3}, note="800 texts, both nearly even", part="texts")
    yield Case(free | {"n_draft": 5, "draft": -2 * free["model"]}, note="800 texts with a bad draft", part="texts")


# %% equivalents="speculative_decode" active="py"
equivalents = {
    "(0, -n - 1:) → (-1, -n - 1:)": "there is one row",
    "(0, length:) → (-1, length:)": "there is one row",
    "target_probs[:0] → target_probs[0:]": "where nothing is drafted, no draft's probability is read",
    ":0 → :1": "where nothing is drafted, no draft's probability is read",
    ":0 → :-1": "where nothing is drafted, there is one row: this, too, is none",
}


# %% probe="speculative_decode" active="py"
def probe(student, case):
    model, draft = TableModel(case["model"]), TableModel(case["draft"])
    options = {"n_draft": case["n_draft"]} if "n_draft" in case else {}
    once = lambda luck: student(model, draft, case["prompt"], case["max_new_tokens"], generator=luck, **options)
    luck = torch.Generator().manual_seed(case["seed"])
    if case["n"] == 1:
        return {"ids": once(luck), "calls of the large model": model.calls}
    texts = plain(torch.cat([once(luck)[:, case["prompt"].size(1) :] for _ in range(case["n"])]))  # (n, 3)
    codes = (texts * torch.tensor([9, 3, 1])).sum(1)
    again = [[once(torch.Generator().manual_seed(i)) for i in range(20)] for _ in "ab"]
    return {
        "counts of the texts 000, 001, 002, 010, …": torch.bincount(codes, minlength=27),
        "the same seed repeats": plain(torch.cat(again[0])).equal(plain(torch.cat(again[1]))),
    }


# %% judge="speculative_decode" active="py"
def judge(case, expected, got):
    return judge_entries(expected, got, {"counts of the texts 000, 001, 002, 010, …": judge_counts})


# %% mistake="speculative_decode" name="one_place_off" hint="Your target distributions stand one place too late: the logits at a position belong to the token after it. Take the last n + 1 positions, from the one before the first drafted token." active="py"
def speculative_decode(model, draft, prompt, max_new_tokens, n_draft=4, generator=None, right=speculative_decode):
    shifted = lambda ids: torch.cat([model(ids)[:, 1:], model(ids)[:, -1:]], dim=1)
    return right(shifted, draft, prompt, max_new_tokens, n_draft, generator)


# %% mistake="speculative_decode" name="too_long" hint="The last round writes past max_new_tokens. Draft at most end − length − 1 tokens, since the round adds one itself." active="py"
def speculative_decode(model, draft, prompt, max_new_tokens, n_draft=4, generator=None, right=speculative_decode):
    rounds = -(-max_new_tokens // (n_draft + 1))
    return right(model, draft, prompt, rounds * (n_draft + 1), n_draft, generator)


# %% mistake="speculative_decode" name="draft_trusted" hint="Every drafted token ends up in the text. Keep the first `kept` of them, then the token that speculative_accept drew." active="py"
def speculative_decode(model, draft, prompt, max_new_tokens, n_draft=4, generator=None):
    ids, end = prompt, prompt.size(1) + max_new_tokens
    while ids.size(1) < end:
        for _ in range(min(n_draft, end - ids.size(1) - 1)):
            ids = torch.cat([ids, torch.multinomial(draft(ids)[:, -1].softmax(-1), 1, generator=generator)], 1)
        ids = torch.cat([ids, torch.multinomial(model(ids)[:, -1].softmax(-1), 1, generator=generator)], 1)
    return ids


# %% mistake="speculative_decode" name="a_call_for_every_token" hint="The texts are right, but you call the large model once for every token. One call on the whole proposal gives all n + 1 distributions." active="py"
def speculative_decode(model, draft, prompt, max_new_tokens, n_draft=4, generator=None):
    for _ in range(max_new_tokens):
        prompt = torch.cat([prompt, torch.multinomial(model(prompt)[:, -1].softmax(-1), 1, generator=generator)], 1)
    return prompt


# %% [markdown]
r"""
### What a draft is worth · optional

How often is a drafted token kept? $\beta = \sum_x \min(p(x), q(x))$, the overlap of the two distributions, 1 minus their total variation distance. If it were the same everywhere, a call of the large model would yield

$$1 + \beta + \beta^2 + \dots + \beta^n = \frac{1 - \beta^{n+1}}{1 - \beta} \text{ tokens:} \qquad \beta = 0.7,\ n = 3 \text{ gives } {{2.533 = decoding.tokens_per_call(0.7, 3)}} .$$

Our draft is a bigram table, counted from the training text: nearly free. It knows that *the* is followed by an animal, not which one eats what.
"""

# %%
from functools import partial

stream, size = scoreboard.training(), len(words)
pairs = torch.zeros(size, size).index_put_((stream[:-1], stream[1:]), torch.ones(len(stream) - 1), accumulate=True)
unigram = torch.bincount(stream, minlength=size) / len(stream)
bigram = TableModel(((pairs + 2 * unigram) / (pairs.sum(1, keepdim=True) + 2)).log())

drafts, used = {"bigram": bigram.eval(), "the model itself": model.eval()}, {}
n_drafted = budget(full=25, short=4)
for name, draft in drafts.items():
    luck = torch.Generator().manual_seed(0)
    speculate = partial(decoding.speculative_decode, model, draft, n_draft=4, generator=luck)
    texts = [speculate(begin(), 30) for _ in range(n_drafted)]
    used[name], calls = (
        sum(t.accepted for t in texts) / sum(t.drafted for t in texts),
        sum(t.calls for t in texts),
    )
    per_call = n_drafted * 30 / calls
    print(f"draft: {name:17} {used[name]:.2f} of all drafted tokens used, {per_call:.2f} tokens per call")

# %%
with torch.no_grad():
    window = scoreboard.held_out()[:33][None]
    p, q = model(window[:, :-1])[0].softmax(-1), bigram(window[:, :-1])[0].softmax(-1)
overlap = decoding.acceptance_rate(p, q)
for token, after, rate in list(zip(window[0], window[0, 1:], overlap))[:9]:
    print(f"after {words[token]:10} the two share {rate:.2f}   (then came {words[after]})")
rates = {"0.9": 0.9, "0.5": 0.5, f"bigram, {float(overlap.mean()):.2f}": float(overlap.mean())}
show(
    figures.calls_saved(rates, longest=8, cost=0.05),
    alt="Tokens per call level off as more tokens are drafted; the speed-up has a maximum and then falls.",
)

# %% [markdown]
r"""
(A refusal throws away what was drafted behind it. That is why the share of drafted tokens that are *used* is {{below the share that would be kept : used["bigram"] < overlap.mean()}} when asked.)

The numbers of the right panel assume that a call costs the same for one token and for nine. On a large model that generates for one person, that is nearly so; on ours, and on a server that fills its batches, it is not, and then drafting costs more than it saves.
Whatever the draft, {{the text is the large model's own : chance_of_worse(counts, grouped(p)) > 1e-4}}. Check it on your functions: the word after *the mouse eats*, from {{1500 = n}} speculative texts, against the model's probabilities. The bigram, which does not know who eats, {{would have said something else : chance_of_worse(counts, grouped(q)) < 1e-9}}.
"""


# %%
def tested_decode(model, draft, prompt, max_new_tokens, n_draft=4, generator=None):
    return decoding.speculative_decode(model, draft, prompt, max_new_tokens, n_draft=n_draft, generator=generator).ids


decode, luck = yours("sampling.speculative_decode", tested_decode), torch.Generator().manual_seed(2)
prompt, n = begin("the mouse eats"), budget(full=1500, short=40)
with torch.no_grad():
    firsts = torch.cat([decode(model, bigram, prompt, 2, n_draft=1, generator=luck)[:, 4] for _ in range(n)])
p, q = next_logits("the mouse eats").softmax(-1), bigram(prompt)[0, -1].softmax(-1)
common = p.topk(6).indices
grouped = lambda x: torch.cat([x[common], (x.sum() - x[common].sum())[None]])
counts = grouped(torch.bincount(firsts, minlength=size))

# %%
for name, probs in (("large model", grouped(p)), ("draft", grouped(q))):
    print(f"{name:12} {(n * probs).round().int().tolist()}", end="  ")
    print(f"a right sampler would be worse: {chance_of_worse(counts, probs):.2g}")
print(f"{'drawn':12} {counts.tolist()}")
show(
    figures.draws_against(
        [*(words[i] for i in common), "others"],
        counts,
        n * grouped(p),
        "Drafted by a bigram, distributed as the GPT",
    ),
    alt="Counts of the word after 'the mouse eats' in speculative texts agree with what the large model expects.",
)

# %% [markdown] exercise="exactly_the_same" points=3 optional=true
r"""
## 13 · In your own words

### In your own words · exactly_the_same · optional

Interview question. A small model drafts tokens for a large one. Show that a token which comes out of the accept-or-redraw rule has the large model's distribution, whatever the draft. Then say what the draft *does* influence, and in which situation speculation makes generation slower.

### BEGIN SOLUTION
A token $x$ is drafted with probability $q(x)$ and kept with probability $\min(1, p(x)/q(x))$: together $\min(p(x), q(x))$. The rule refuses with probability $1 - \sum_y \min(p(y), q(y))$. Since $p$ sums to 1, this is $\sum_y \left(p(y) - \min(p(y), q(y))\right) = \sum_y \max(0, p(y) - q(y)) =: Z$. After a refusal $x$ is drawn with probability $\max(0, p(x) - q(x)) / Z$. The sum is $\min(p(x), q(x)) + Z \cdot \max(0, p(x) - q(x)) / Z = p(x)$. For several tokens apply this place by place; everything behind the first refusal is thrown away, since it was drafted from another text.

The draft decides how many tokens a call yields: the chance of keeping is $\sum \min(p, q) = 1 - \mathrm{TV}(p, q)$. It is slower when the draft is expensive or rarely right, or when the processor is busy anyway (large batches, long drafts), so that checking $n + 1$ tokens costs clearly more than computing one.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: probability of being kept, min(p, q), and the refusal probability
- 1 point: the redraw from max(0, p − q), normalised by the refusal probability, and the sum p
- 1 point: the draft influences speed only, with one situation in which it does not pay
### END RUBRIC
"""

# %% [markdown] exercise="which_settings" points=3
r"""
### In your own words · which_settings

A colleague wants one setting, “temperature 0.7, 5 beams”, for (i) translating contracts, (ii) suggesting names for a cheese, (iii) a test that compares two versions of the model every night. What do you recommend for each, and why? Say what “temperature 0 is deterministic” promises, and what it does not.

### BEGIN SOLUTION
(i) One right answer: a small beam with a length penalty, or greedy; no temperature, since beam search does not draw. (ii) Variety is the point: draw, with a temperature near 1 and the tail cut off by top-p or min-p, and several texts; beam search would return near-copies of the most probable, shortest name. (iii) Greedy or fixed seeds help to find a fault again, but a verdict should rest on many draws and a statistic, since one flipped token changes all that follows.

Temperature 0 removes the draw. It does not promise the same text on another machine, with another batch size or in other precision: logits differ in their last digits and near-ties flip. Nor does it make the text true, or even the most probable: greedy is not the best sequence.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: search for one right answer, drawing with a cut tail for variety, with reasons
- 1 point: for the comparison, distributions or many samples and not one text
- 1 point: what determinism at T = 0 does not cover (another machine, batch, precision; nor the most probable text)
### END RUBRIC
"""

# %% [markdown]
r"""
## Flash cards

Twelve questions about decoding, for tomorrow and for the weeks after.
"""

# %%
from course_lib.widgets.cards import flash_cards

flash_cards("18_sampling")

# %% [markdown]
r"""
## 14 · Where this came from, and where it goes

- **Lowerre (1976)** used beam search for speech in the *Harpy* system; **Wu et al. (2016)** describe the length penalty of Google's translation system; **Stahlberg & Byrne (2019)** found that the exact best translation is often empty.
- **Ackley, Hinton and Sejnowski (1985)**: temperature in Boltzmann machines, after physics. **Fan et al. (2018)**: top-k. **Holtzman et al. (2020)**, *The Curious Case of Neural Text Degeneration*: top-p, and why the most probable text is dull. **Meister et al. (2023)**: locally typical sampling. **Nguyen et al. (2024)**: min-p. **Keskar et al. (2019)**: the repetition penalty.
- **Leviathan et al. (2023)** and **Chen et al. (2023)**: speculative decoding. Later systems draft with extra heads of the large model itself (Medusa, Cai et al. 2024) or draft several continuations at once.
- In use, besides (as of November 2026): masks that allow only what a grammar or a JSON schema permits (the same −∞ as in our filters), and many drawn answers of which a vote or a judge takes one.
"""

# %% [markdown]
r"""
**What we do not know.** Which settings read best is found by trying, separately for each model. Why people's text stays near the entropy of the model's distribution is a matter of debate.

From the next lesson on, `course_lib.decoding` holds the tested version of all that you wrote, `typical_filter` besides. Next: [19 Scaling](19_scaling.ipynb), *what does more buy?*
"""
