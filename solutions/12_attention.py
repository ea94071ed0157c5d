# ---
# jupyter:
#   course:
#     title: What should I look at?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# What should I look at?

*the mouse that the cats chase …*

Which word comes next? Perhaps **eats**, and certainly not **eat**. The word that decides it is {{*mouse* : depends_on.nonzero().tolist() == [[1]]}}, {{five words : len(depends_on) - 1 - depends_on.argmax() == 5}} back;
*cats* is nearer and has the wrong number. A model that looks at the last word or two cannot know.
The picture shows, computed exactly for the course's toy language, how far the next word's probabilities can move when one word is swapped for
another of its kind.

***Attention*** lets a model work out, for every word, which earlier words to look at. It is the mechanism inside every
Transformer, and you will write all of it here.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks import check, show_answer, yours

torch.set_printoptions(precision=3, sci_mode=False)

# %%
from course_lib import attention
from course_lib.data.mouse_and_cheese import MouseAndCheese
from course_lib.figures import attention as figures
from course_lib.figures.style import show
from course_lib.widgets.attention import attention_explorer, scaling_explorer

language = MouseAndCheese()


# %%
def influence(text):
    """How far can swapping each word move the next word's distribution? (total variation)"""
    ids, moved = language.encode(text), []
    before = language.next_token_probs(ids)
    for position in range(len(ids)):
        largest = 0.0
        for word in range(len(language.vocabulary)):
            try:
                after = language.next_token_probs([*ids[:position], word, *ids[position + 1 :]])
            except ValueError:  # no sentence begins like this
                continue
            change = 0.5 * (after - before).abs().sum().item()
            if change < 1 - 1e-9:  # 1: no next word in common, so it was a word of another kind
                largest = max(largest, change)
        moved.append(largest)
    return torch.tensor(moved)


story = "the mouse that the cats chase"
depends_on = torch.cat([influence(story), torch.zeros(1)])
figure = figures.look_back([*story.split(), "?"], depends_on, "The next word depends on “mouse” alone", "influence")
show(
    figure,
    alt="Arcs from a question mark: only 'mouse', five words earlier, influences the next word.",
)

# %% [markdown]
r"""
## What you will be able to do

- compute attention for three tokens by hand, and write it for any shape;
- say why scores are divided by $\sqrt{d_k}$, derive it, and say when the argument stops holding;
- build causal and padding masks that cannot leak, work in half precision, and survive a row with nothing to see;
- write multi-head attention whose weights are interchangeable with PyTorch's;
- tell self-attention from cross-attention, and price both in bytes;
- train a language model made of your attention and read what its heads look at.

**Time** about 90 minutes, best in two sittings (sections 1 to 5, and the rest); another 50 for what is marked optional.
**Builds on** [01 Information](01_information.ipynb) (softmax, cross-entropy), [07 Embeddings](07_embeddings.ipynb) (a vector for each token) and
[11 Sequence to sequence](11_seq2seq.ipynb) (the bottleneck that attention was invented for).
**Sizes** B sequences, H heads, T queries, S keys, D features of a head, `d_model` features of a token.
"""

# %% [markdown]
r"""
## 1 · A summary of fixed size fills up

The first networks that translated whole sentences (Sutskever et al. 2014; Cho et al. 2014) squeezed each into one vector of fixed size, and then spoke
from that vector alone. Long sentences came out worse (Cho et al. 2014): whatever the length, the room was the same.

You can watch such a summary fill up without training anything. Store facts as pairs: a *key* (who?) and a *value* (what do they eat?),
both random vectors of $d$ numbers $\pm 1$. The summary is the sum of all products,

$$s = \sum_{i=1}^{n} k_i \odot v_i \qquad (d \text{ numbers, whatever } n \text{ is}).$$

To ask about fact $j$, multiply by its key again: $s \odot k_j = v_j + \text{noise from the other } n - 1 \text{ facts}$, and
take the nearest of {{256 = recalled.__defaults__[0]}} known values. The alternative keeps all the pairs, compares your question with each key, and
answers with the value of the best one.
"""


# %%
def recalled(n_facts, d, keep_all, n_values=256, trials=20):
    """The fraction of facts that come back right."""
    generator, right = torch.Generator().manual_seed(n_facts), 0
    sign = lambda *shape: torch.randint(0, 2, shape, generator=generator).float() * 2 - 1
    for _ in range(trials):
        known, keys = sign(n_values, d), sign(n_facts, d)
        truth = torch.randint(0, n_values, (n_facts,), generator=generator)
        if keep_all:
            answers = known[truth][(keys @ keys.T).argmax(-1)]
        else:
            answers = (keys * known[truth]).sum(0) * keys
        right += ((answers @ known.T).argmax(-1) == truth).sum().item()
    return right / (trials * n_facts)


facts = [1, 2, 4, 8, 16, 32, 64]
curves = {
    "summary of 64 numbers": [recalled(n, 64, False) for n in facts],
    "summary of 256 numbers": [recalled(n, 256, False) for n in facts],
    "all pairs kept, the right one looked up": [recalled(n, 64, True) for n in facts],
}
show(
    figures.recall(facts, curves, "A summary of fixed size fills up"),
    alt="Recall of both summaries falls as facts are added; looking up stays at 1.",
)

# %% [markdown]
r"""
A larger summary fills up {{later : curves["summary of 256 numbers"][4] > 2 * curves["summary of 64 numbers"][4]}}, and
{{still fills up : curves["summary of 256 numbers"][-1] < 0.5}}. Keeping everything and looking up
{{never does : set(curves["all pairs kept, the right one looked up"]) == {1.0} }}, but *looking up* has to
become something that a network can learn: `argmax` has no useful gradient. So the best match becomes a **weighted mean** of all values,
with weights from a softmax. That is attention (Bahdanau et al. 2014).
"""

# %% [markdown]
r"""
## 2 · Questions, keys and values

Three roles, each played by vectors:

| role | shape | question it answers |
|---|---|---|
| ***query*** $q_t$, one per token that looks | $d_k$ numbers | what am I looking for? |
| ***key*** $k_s$, one per token that is looked at | $d_k$ numbers | what can I be found by? |
| ***value*** $v_s$, one per key | $d_v$ numbers | what do I pass on if you look at me? |
"""

# %% [markdown]
r"""
Three steps:

1. **Score** every key against the query; here by the dot product, divided by $\sqrt{d_k}$ (section 3 says why).
2. **Softmax** over the keys: positive weights that sum to 1.
3. **Weighted sum** of the values. The weights are the ***attention weights***.

For all $T$ queries and $S$ keys at once, with $Q$ of shape $(T, d_k)$, $K$ of shape $(S, d_k)$, $V$ of shape $(S, d_v)$, this is ***scaled dot-product attention***:

$$\operatorname{Attention}(Q, K, V) = \operatorname{softmax}\!\left(\frac{QK^\top}{\sqrt{d_k}}\right) V .$$

$QK^\top$ has shape $(T, S)$: row $t$ holds the scores of query $t$. The softmax works **along each row**. The output has shape $(T, d_v)$:
one row per *query*. It has the shape of $V$ only when $T = S$.
"""

# %% [markdown]
r"""
### By hand

A verb must be chosen after *mouse near towers*. Its query asks “who is my subject, one or many?”, with $d_k = 4$. Values say (one, many).

| | vector | $q \cdot k$ | $/ \sqrt 4$ | $e^{\text{score}}$ | weight | value (one, many) |
|---|---|---|---|---|---|---|
| query | (1, 1, 1, 1) | | | | | |
| mouse | (1, 1, 0, 0) | 2 | 1 | {{2.718 = math.exp(1)}} | {{0.665 = by_hand[0, 0]}} | (1, 0) |
| near | (0, 0, 0, 0) | 0 | 0 | {{1.000 = math.exp(0)}} | {{0.245 = by_hand[0, 1]}} | (0, 0) |
| towers | (−1, 0, −1, 0) | −2 | −1 | {{0.368 = math.exp(-1)}} | {{0.090 = by_hand[0, 2]}} | (0, 1) |
| sum | | | | {{4.086 = math.exp(1) + 1 + math.exp(-1)}} | {{1 = by_hand.sum() ± 0.000001}} | |

The output is $0.665\,(1, 0) + 0.245\,(0, 0) + 0.090\,(0, 1) = ({{0.665 = (by_hand @ values)[0, 0]}},\ {{0.090 = (by_hand @ values)[0, 1]}})$: *mostly one*. So: **eats**.
"""

# %%
query = torch.tensor([[1.0, 1.0, 1.0, 1.0]])  # (T, d_k) = (1, 4)
keys = torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0], [-1, 0, -1, 0]])  # (S, d_k) = (3, 4)
values = torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])  # (S, d_v) = (3, 2)

by_hand = (query @ keys.T / math.sqrt(4)).softmax(-1)
print("weights", by_hand.numpy().round(3), "sum", by_hand.sum().item())
print("output ", (by_hand @ values).numpy().round(3))
show(
    figures.weight_map(
        by_hand,
        ["verb?"],
        ["mouse", "near", "towers"],
        "Two thirds of the look goes to the subject",
    ),
    alt="One row of weights: mouse 0.67, near 0.24, towers 0.09.",
)

# %% [markdown]
r"""
### Question · weight_by_hand · optional

With $d_k = 16$, a query has the dot products $8$ and $0$ with two keys. How much weight does the first key get?
Write a number with three decimals.
"""

# %% exercise="weight_by_hand" points=1 optional=true kind="number"
### BEGIN SOLUTION
weight_by_hand = 0.881
### END SOLUTION

# %% mistake="weight_by_hand" name="unscaled" hint="That is the softmax of 8 and 0. Divide both by √16 = 4 first." active="py"
weight_by_hand = 0.9997

# %% mistake="weight_by_hand" name="divided_by_d" hint="You divided by d_k = 16. Divide by its square root, 4." active="py"
weight_by_hand = 0.622

# %% [markdown]
r"""
### Exercise · attention_scores

The scores alone, for any number of leading dimensions. With queries $(B, H, T, D)$ and keys $(B, H, S, D)$ the result is $(B, H, T, S)$:
transpose only the **last two** dimensions of the keys, and let the matrix product take care of the rest.

Above: $q \cdot k_1 = 2$, and $2 / \sqrt 4 = {{1 = attention_scores(query, keys)[0, 0]}}$.
"""


# %% exercise="attention_scores" points=1 withheld="course_lib.attention.attention_scores"
def attention_scores(q: Tensor, k: Tensor) -> Tensor:
    """Return the scaled dot product of every query with every key, q·k / √D.

    q        (..., T, D) queries
    k        (..., S, D) keys; leading dimensions broadcast with those of q
    returns  (..., T, S) in the dtype of q and k, row t holds the scores of query t; gradients flow to both

    Raises ValueError when the last dimensions differ.

    Example: q = [[1, 1, 1, 1]] and k = [[1, 1, 0, 0], [0, 0, 0, 0]] give [[1, 0]].
    """
    ### BEGIN SOLUTION
    if q.size(-1) != k.size(-1):
        raise ValueError(f"q and k must have the same last dimension, got {q.size(-1)} and {k.size(-1)}")
    return q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    ### END SOLUTION


# %% [markdown] hints="attention_scores"
r"""
1. Write the shapes down: (..., T, D) times what gives (..., T, S)?
2. The keys must be (..., D, S) for that product, so their last two dimensions change places, and nothing else moves. Before it, compare the two sizes D.
3. `scores = q @ k.transpose(…, …)`; what do you divide them by?
"""


# %% cases="attention_scores" active="py"
def cases(seed):
    yield Case(
        {"q": torch.ones(1, 4), "k": torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0], [-1, 0, -1, 0]])},
        note="the example by hand",
    )
    yield Case({"q": random_tensor(seed, 3, 8), "k": random_tensor(seed + 1, 3, 8)}, note="as many keys as queries")
    yield Case(
        {"q": random_tensor(seed, 2, 3, 4, 16), "k": random_tensor(seed + 1, 2, 3, 5, 16)}, note="batches and heads"
    )
    yield Case({"q": random_tensor(seed, 2, 3), "k": random_tensor(seed, 2, 4)}, note="sizes that do not fit")
    q, k = random_tensor(seed + 2, 2, 3, 4, 6), random_tensor(seed + 3, 5, 6)
    yield Case({"q": q, "k": k}, note="the same keys for all batches and heads")
    yield Case({"q": q[0, 0], "k": k, "ask": "gradients"}, note="gradients")
    yield Case({"q": q[0, 0].half(), "k": k.half(), "ask": "dtype"}, note="half precision")


# %% probe="attention_scores" active="py"
def probe(student, case):
    if "ask" not in case:
        return student(case["q"], case["k"])
    q, k = case["q"].clone().requires_grad_(), case["k"].clone().requires_grad_()
    scores = student(q, k)
    if case["ask"] == "dtype":
        return {"dtype": str(scores.dtype), "scores": scores.detach()}
    if scores.requires_grad:
        (scores * torch.arange(1.0, 6.0)).sum().backward()
    return {"gradient of q": q.grad, "gradient of k": k.grad}


# %% mistake="attention_scores" name="no_scale" hint="The scores are not divided by √D." active="py"
def attention_scores(q, k, right=attention_scores):
    return right(q, k) * math.sqrt(q.size(-1))


# %% mistake="attention_scores" name="divided_by_d" hint="You divided by D; it is the square root of D." active="py"
def attention_scores(q, k, right=attention_scores):
    return right(q, k) / math.sqrt(q.size(-1))


# %% mistake="attention_scores" name="root_of_keys" hint="You divided by the root of the number of keys; it is the number of features D = q.size(-1) that counts." active="py"
def attention_scores(q, k, right=attention_scores):
    return right(q, k) * math.sqrt(q.size(-1) / k.size(-2))


# %% mistake="attention_scores" name="rows_are_keys" hint="Your rows belong to keys. Row t of the result must belong to query t: (..., T, S)." active="py"
def attention_scores(q, k, right=attention_scores):
    return right(k, q)


# %% mistake="attention_scores" name="no_check" hint="Right where the sizes fit. Where they do not, the docstring asks for a ValueError; torch's own RuntimeError does not name the argument." active="py"
def attention_scores(q, k):
    return q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))


# %% [markdown]
r"""
## 3 · Why divide by $\sqrt{d_k}$

Suppose the components of $q$ and $k$ are independent, with mean 0 and variance 1. What does the dot product
$q \cdot k = \sum_{i=1}^{d_k} q_i k_i$ look like?

- **Mean.** By independence $E[q_i k_i] = E[q_i]\,E[k_i] = 0$, so $E[q \cdot k] = 0$.
- **Variance of one term.** $\operatorname{Var}(q_i k_i) = E[q_i^2 k_i^2] - 0^2 = E[q_i^2]\,E[k_i^2] = 1 \cdot 1 = 1$.
- **Variance of the sum.** The terms are uncorrelated, so variances add: $\operatorname{Var}(q \cdot k) = d_k$.
- **After scaling.** $\operatorname{Var}(q \cdot k / \sqrt{d_k}) = d_k / (\sqrt{d_k})^2 = 1$.
"""

# %% [markdown]
r"""
Unscaled scores spread by {{$\sqrt{d_k}$ : all(abs(s - 1) < 0.05 for s in scaled)}}: with $d_k = 64$ scores of $+8$ and $-8$ are ordinary, and $e^{8} \approx {{2981 = math.exp(8)}}$. One key takes nearly all of the softmax:
of 16 keys the largest has {{0.83 = peak_plain[3] ± 0.005}} of it with $d_k = 64$, and {{0.96 = peak_plain[5] ± 0.005}} with $d_k = 1024$.
The slope of the softmax $p$ in its scores $s$ is

$$\frac{\partial p_i}{\partial s_j} = p_i\,(\mathbb{1}[i = j] - p_j),$$

which goes to 0 for {{**every** : steepest < 1e-8}} score once $p$ is one-hot, the winner's too: its own slope is $p_i (1 - p_i)$. No gradient reaches the queries and keys, and a wrong
choice at the start stays.
"""


# %%
def spread(d, n_keys=16, n_queries=500):
    generator = torch.Generator().manual_seed(d)
    q = torch.randn(n_queries, 1, d, generator=generator)
    k = torch.randn(n_queries, n_keys, d, generator=generator)
    scores = (q @ k.transpose(-2, -1)).squeeze(1)  # (n_queries, n_keys)
    largest = [s.softmax(-1).amax(-1).mean().item() for s in (scores, scores / math.sqrt(d))]
    return scores.std().item(), (scores / math.sqrt(d)).std().item(), *largest


sizes = [1, 4, 16, 64, 256, 1024]
plain, scaled, peak_plain, peak_scaled = zip(*map(spread, sizes))
figure = figures.score_spread(sizes, plain, scaled, {"q·k": peak_plain, "q·k / √d_k": peak_scaled})
show(
    figure,
    alt="Unscaled scores spread like the root of d_k; scaled scores stay at 1; no key takes all.",
)

# %% [markdown]
r"""
The effect on one query with twelve keys: start at $d_k = 2^8 = {{256 = 2**8}}$, then tick the box. The queries and keys stay the same; the scores are divided by {{16 = math.sqrt(256)}}.
"""

# %%
scaling_explorer()

# %% [markdown]
r"""
**How far the argument reaches.** It speaks of independent components with variance 1: at best, of a network before training.

- PyTorch's `nn.Linear` starts with weights that turn inputs of variance 1 into outputs of variance about {{1/3 : abs(variance_of_q - 1 / 3) < 0.02}}, so scaled scores begin with a spread near {{1/3 : abs(start.std() - 1 / 3) < 0.02}}, not 1.
- After training queries and keys are *not* independent; finding matching keys is the point. For $q = k$ the scaled score is about $d_k / \sqrt{d_k} = {{\sqrt{d_k} : all(abs(score / d**0.5 - 1) < 0.03 for d, score in matching.items())}}$, which does grow.

So $\sqrt{d_k}$ gives a good start, not a guarantee. Some large models also normalise queries and keys before the product (***QK-norm***, Henry et al. 2020).
"""

# %%
generator, matching = torch.Generator().manual_seed(0), {}
for d in (16, 64, 256, 1024):
    a, b = torch.randn(2, 4000, d, generator=generator)
    matching[d] = ((a * a).sum(-1) / d**0.5).mean().item()
    independent = ((a * b).sum(-1) / d**0.5).std()
    print(f"d_k {d:4}   independent: spread {independent:.2f}   q = k: mean score {matching[d]:.1f}")

torch.manual_seed(0)
x, to_q, to_k = torch.randn(4000, 256), nn.Linear(256, 64), nn.Linear(256, 64)
start = attention.attention_scores(to_q(x), to_k(x.flip(0))).diagonal()
variance_of_q = to_q(x).var().item()
print(f"nn.Linear: variance of q {variance_of_q:.2f}, spread of the scaled scores {start.std():.2f}")

p = torch.tensor([20.0, 0.0, -20.0]).softmax(-1)
steepest = (p.diag() - p.outer(p)).abs().max().item()
print("largest slope of a saturated softmax, winner included:", steepest)

# %% [markdown]
r"""
### Question · why_scale · optional

What does the division by $\sqrt{d_k}$ achieve?

- **a** The weights of a row sum to 1.
- **b** The scores lie between −1 and 1, as cosine similarities do.
- **c** If the components of $q$ and $k$ are independent with variance 1, the scores have variance 1 whatever $d_k$ is, so the softmax starts unsaturated.
- **d** The scores keep variance 1 all through training.
"""

# %% exercise="why_scale" points=1 optional=true kind="choice" choices="a b c d"
### BEGIN SOLUTION
why_scale = "c"
### END SOLUTION

# %% mistake="why_scale" name="a" hint="That is the softmax's doing, scaled or not." active="py"
why_scale = "a"

# %% mistake="why_scale" name="b" hint="Nothing bounds them: for q = k the scaled score is about √d_k. A cosine would divide by both lengths." active="py"
why_scale = "b"

# %% mistake="why_scale" name="d" hint="The argument needs independence, and training makes queries and matching keys dependent." active="py"
why_scale = "d"

# %% [markdown]
r"""
## 4 · What may be looked at

Two things must stay hidden.

- **The future.** A language model is trained on all positions of a known sentence at once. Position $t$ must not see what it has to predict: it may see positions $0 \dots t$, itself included.
- **Padding.** Sentences of different lengths share a tensor by filling the short ones up. Nobody may look at the filling.

An ***attention mask*** says which pairs (query, key) are allowed. Three conventions are about, and they look alike:

| convention | who uses it |
|---|---|
| boolean, **True = may attend** | this course, everywhere; `F.scaled_dot_product_attention` |
| boolean, True = *ignore* | `nn.MultiheadAttention`, `nn.Transformer` |
| numbers to add, 0 or −∞ | `nn.Transformer.generate_square_subsequent_mask`, older code |

A mask of the wrong convention raises no error. It shows the model exactly what it should not see. So we refuse any mask that is not boolean, and test.
"""

# %% [markdown]
r"""
### Exercise · causal_mask

The mask that hides the future is the ***causal mask***, also called ***look-ahead mask***. For three tokens:

$$\begin{pmatrix} \checkmark & \cdot & \cdot \\ \checkmark & \checkmark & \cdot \\ \checkmark & \checkmark & \checkmark \end{pmatrix} \qquad \text{row = query, column = key.}$$

When text is generated step by step, the newest $T$ queries meet all $S \ge T$ keys so far. Those queries stand at the *end*: with one query and four keys, the query is token 4 and sees {{all four : causal_mask(1, 4).tolist() == [[True] * 4]}}.
"""


# %% exercise="causal_mask" points=2 withheld="course_lib.attention.causal_mask"
def causal_mask(n_queries: int, n_keys: int | None = None, device: torch.device | str | None = None) -> Tensor:
    """Return the mask under which every query sees the keys up to its own position, and itself.

    n_queries  T
    n_keys     S, at least T; by default T. The queries are the last T of the S positions
    device     where to make the mask
    returns    (T, S) boolean, True = may attend; query t may see keys 0 … S − T + t

    Raises ValueError when there are fewer keys than queries.

    Example: causal_mask(2, 3) is [[True, True, False], [True, True, True]].
    """
    ### BEGIN SOLUTION
    n_keys = n_queries if n_keys is None else n_keys
    if n_keys < n_queries:
        raise ValueError(f"n_keys must be at least n_queries = {n_queries}, got {n_keys}")
    return torch.ones(n_queries, n_keys, dtype=torch.bool, device=device).tril(n_keys - n_queries)
    ### END SOLUTION


# %% [markdown] hints="causal_mask"
r"""
1. Which pairs (query, key) are allowed for three tokens? And with one query at the end of four keys?
2. The allowed pairs are a lower triangle with its diagonal, moved so far to the right that the last row ends at the last key. Look up `torch.tril` and its argument `diagonal`.
3. `torch.ones(n_queries, n_keys, dtype=…, device=…).tril(…)`: by how many columns has the triangle moved?
"""


# %% cases="causal_mask" active="py"
def cases(seed):
    yield Case({"n_queries": 1}, note="one token sees itself")
    yield Case({"n_queries": 3}, note="three tokens")
    yield Case({"n_queries": 1, "n_keys": 4}, note="one query at the end of four keys")
    yield Case({"n_queries": 2, "n_keys": 3}, note="two queries, three keys")
    yield Case({"n_queries": 3, "n_keys": 2}, note="fewer keys than queries")
    size = int(random_integers(seed, 4, 9, 1))
    yield Case({"n_queries": size, "n_keys": size + int(random_integers(seed + 1, 1, 5, 1))}, note="random sizes")
    yield Case({"n_queries": 2, "n_keys": 3 + seed % 5, "device": "meta"}, note="on another device")


# %% probe="causal_mask" active="py"
def probe(student, case):
    mask = student(**case)
    # the device "meta" has shapes and no numbers
    return {"device": mask.device.type, "shape": list(mask.shape)} if "device" in case else mask


# %% mistake="causal_mask" name="upside_down" hint="Upside down: your True means hidden. True = may attend, so the past and the diagonal are True." active="py"
def causal_mask(n_queries, n_keys=None, device=None, right=causal_mask):
    return ~right(n_queries, n_keys)


# %% mistake="causal_mask" name="hides_itself" hint="A token may see itself: the diagonal belongs to the allowed part. (The first token would see nothing at all.)" active="py"
def causal_mask(n_queries, n_keys=None, device=None, right=causal_mask):
    mask = right(n_queries, n_keys)
    return mask.tril(mask.size(1) - mask.size(0) - 1)


# %% mistake="causal_mask" name="starts_at_the_first_key" hint="Right for T = S. With more keys than queries the queries are the last T positions, so the triangle must end at the last key." active="py"
def causal_mask(n_queries, n_keys=None, device=None, right=causal_mask):
    return right(n_queries, n_keys).tril()


# %% mistake="causal_mask" name="numbers" hint="The mask must be boolean. Make it with dtype=torch.bool: numbers are easily taken for the additive convention." active="py"
def causal_mask(n_queries, n_keys=None, device=None, right=causal_mask):
    return right(n_queries, n_keys).float()


# %% [markdown]
r"""
### Exercise · padding_mask · optional

A ***padding mask*** hides the filling. The ids $(B, S)$ of the sequences that are looked **at** decide. Give the mask the shape $(B, 1, 1, S)$: the two ones broadcast over heads and queries,
since padding is hidden from everybody.

With `pad_id` 0, the ids $[5, 7, 0]$ give $[\checkmark, \checkmark, \cdot]$.
"""


# %% exercise="padding_mask" points=1 optional=true withheld="course_lib.attention.padding_mask"
def padding_mask(ids: Tensor, pad_id: int = 0) -> Tensor:
    """Return the mask that hides the padding among the keys.

    ids      (B, S) token ids of the sequences that are attended to
    pad_id   the id that fills short sequences up
    returns  (B, 1, 1, S) boolean, True = a real token

    Example: padding_mask(torch.tensor([[5, 7, 0]])) is [[[[True, True, False]]]].
    """
    ### BEGIN SOLUTION
    return (ids != pad_id)[:, None, None, :]
    ### END SOLUTION


# %% [markdown] hints="padding_mask"
r"""
1. For which ids should the mask be True: for those equal to `pad_id`, or for the others?
2. One comparison makes a boolean (B, S). Two dimensions of size 1 go between B and S, for the heads and the queries.
3. `(…)[:, None, …, :]`
"""


# %% cases="padding_mask" active="py"
def cases(seed):
    yield Case({"ids": torch.tensor([[5, 7, 0]])}, note="one sentence, one filler")
    yield Case({"ids": torch.tensor([[5, 7, 6], [4, 0, 0]])}, note="a full row and a short one")
    yield Case({"ids": torch.tensor([[0, 2, 9, 9]]), "pad_id": 9}, note="another pad_id")
    yield Case({"ids": random_integers(seed, 0, 3, 3, 6), "pad_id": 2}, note="random ids")
    yield Case({"ids": random_integers(seed + 1, 0, 3, 2, 2)}, note="as many sequences as tokens")
    yield Case({"ids": random_integers(seed + 2, -3, 2, 2, 7), "pad_id": -1}, note="a negative pad_id")


# %% mistake="padding_mask" name="inverted" hint="Inverted: your mask is True on the padding, so every token would look at the filling and at nothing else. True = may attend." active="py"
def padding_mask(ids, pad_id=0):
    return (ids == pad_id)[:, None, None, :]


# %% mistake="padding_mask" name="hides_queries" hint="You hid rows (queries). Padding must be hidden as keys, in the last dimension: (B, 1, 1, S)." active="py"
def padding_mask(ids, pad_id=0):
    return (ids != pad_id)[:, None, :, None]


# %% mistake="padding_mask" name="two_dimensions" hint="(B, S) would be taken for (T, S), one row per query. Put two dimensions of size 1 between: (B, 1, 1, S)." active="py"
def padding_mask(ids, pad_id=0):
    return ids != pad_id


# %% mistake="padding_mask" name="always_zero" hint="You compare with 0; the padding's id is the argument pad_id." active="py"
def padding_mask(ids, pad_id=0):
    return (ids != 0)[:, None, None, :]


# %% [markdown]
r"""
### Exercise · combine_masks · optional

A decoder that reads a padded batch needs both: a pair is allowed when **every** mask allows it. Broadcasting does the shapes:
$(T, S)$ and $(B, 1, 1, S)$ give ${{(B, 1, T, S) : combine_masks(torch.ones(3, 5) == 1, torch.ones(2, 1, 1, 5) == 1).shape == (2, 1, 3, 5)}}$.
"""


# %% exercise="combine_masks" points=1 optional=true withheld="course_lib.attention.combine_masks"
def combine_masks(*masks: Tensor | None) -> Tensor | None:
    """Return the mask that allows only what every given mask allows.

    masks    boolean tensors that broadcast with each other, True = may attend; None forbids nothing
    returns  their logical and, or None when there is no mask among them

    Raises TypeError for a mask that is not boolean.

    Example: combine_masks(torch.tensor([True, False]), None, torch.tensor([True, True])) is [True, False].
    """
    ### BEGIN SOLUTION
    combined = None
    for mask in masks:
        if mask is None:
            continue
        if mask.dtype != torch.bool:
            raise TypeError(f"mask must be boolean, True = may attend, got dtype {mask.dtype}")
        combined = mask if combined is None else combined & mask
    return combined
    ### END SOLUTION


# %% [markdown] hints="combine_masks"
r"""
1. Which of `&` and `|` says “every mask allows it”? What should happen to a None?
2. Keep what is combined so far, None at first. Go through the masks: skip a None, refuse a dtype that is not boolean, and join the others to what you have.
3. `combined = mask if combined is None else …`
"""


# %% cases="combine_masks" active="py"
def cases(seed):
    yield Case({"masks": [torch.tensor([True, True, False]), torch.tensor([True, False, False])]}, note="two masks")
    yield Case({"masks": [None, torch.tensor([True, False]), None]}, note="None among them")
    yield Case({"masks": []}, note="no mask at all")
    yield Case({"masks": [None, None]}, note="nothing but None")
    yield Case({"masks": [torch.tensor([0.0, -math.inf])]}, note="an additive mask")
    yield Case({"masks": [torch.tensor([True, False]), None, torch.tensor([1, 0])]}, note="a mask of integers, last")
    a, b = random_tensor(seed, 4, 5) > 0, random_tensor(seed + 1, 2, 1, 1, 5) > 0
    yield Case({"masks": [a, b, random_tensor(seed + 2, 4, 1) > -1]}, note="three masks that broadcast")
    same = [random_tensor(seed + i, 3, 4) > -1 for i in range(3, 7)]
    yield Case({"masks": [None, *same]}, note="four masks of the same shape")


# %% probe="combine_masks" active="py"
def probe(student, case):
    return student(*case["masks"])


# %% mistake="combine_masks" name="or" hint="You allow what any mask allows. A pair must be allowed by every mask: & instead of |." active="py"
def combine_masks(*masks, right=combine_masks):
    flipped = right(*(None if mask is None else mask if mask.dtype != torch.bool else ~mask for mask in masks))
    return None if flipped is None else ~flipped


# %% mistake="combine_masks" name="sum" hint="Adding booleans counts; the result must stay boolean. Use the logical and, &." active="py"
def combine_masks(*masks, right=combine_masks):
    right(*masks)
    given = [mask.long() for mask in masks if mask is not None]
    return sum(given) if given else None


# %% mistake="combine_masks" name="none_forbids" hint="None means “no restriction”. Skip it; do not return None because of it." active="py"
def combine_masks(*masks, right=combine_masks):
    return None if any(mask is None for mask in masks) else right(*masks)


# %% mistake="combine_masks" name="anything_goes" hint="Turning a mask into booleans hides a wrong convention: of the additive 0 and −∞, it is 0 that means “may attend”. Raise TypeError." active="py"
def combine_masks(*masks, right=combine_masks):
    return right(*(None if mask is None else mask.bool() for mask in masks))


# %%
sentence = ["the", "mouse", "sleeps", "<pad>"]
ids = torch.tensor([[3, 4, 5, 0]])
seen = yours("attention.causal_mask", attention.causal_mask)(4)
real = yours("attention.padding_mask", attention.padding_mask)(ids)[0, 0]
both = yours("attention.combine_masks", attention.combine_masks)(seen, real)
show(
    figures.masks({"causal": seen, "padding": real, "both": both}, sentence, sentence),
    alt="Three masks of 4 by 4: a lower triangle, a hidden last column, and both.",
)
print(
    "keys open to each query: ",
    both.sum(1).tolist(),
    "\nqueries that see each key:",
    both.sum(0).tolist(),
)

# %% [markdown]
r"""
Read the right panel with care. The **column** of the padding is dark: {{nobody : both[:, -1].sum() == 0}} looks at it. Its **row** is not: as a query, the padded position still looks at {{three keys : both[-1].sum() == 3}} and produces an
output. That output means nothing, and the loss must leave it out (`masked_nll` of lesson [11](11_seq2seq.ipynb)).

### What hides a score

A hidden pair must get weight 0 *before* the softmax divides, so that the others share the 1. Its score is therefore **replaced** by something so low that $e^{\text{score}}$ is 0.
Study notes and tutorials often replace it by $-10^9$, or by $-\infty$. Each fails somewhere:
"""

# %%
scores = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
allowed = torch.tensor([[True, True, False], [False] * 3])  # the second query may see nothing

filled = {lowest: scores.masked_fill(~allowed, lowest).softmax(-1) for lowest in (-1e9, -math.inf)}
for lowest, row in filled.items():
    print(f"{lowest:8}:", *row.numpy().round(2))
try:
    scores.half().masked_fill(~allowed, -1e9)
except RuntimeError as error:
    print("-1e9 in float16:", error)
print("the lowest float16 is", torch.finfo(torch.float16).min)

late = torch.ones(3, 1, requires_grad=True)  # values; the nan in the output is replaced, too late
(scores.masked_fill(~allowed, -math.inf).softmax(-1) @ late).nan_to_num().sum().backward()
print("gradients of the values:", late.grad.flatten())

# %% [markdown]
r"""
- $-10^9$ does not fit into float16, whose lowest number is {{-65,504 = torch.finfo(torch.float16).min}}. The lowest number *of the scores' own type*, `torch.finfo(scores.dtype).min`, always does.
- A query that may see **nothing** (left padding under a causal mask, an empty source) gets a {{*uniform* : (filled[-1e9][1] == 1 / 3).all()}} look at exactly what it must not see, or with $-\infty$ the quotient $0/0$: a {{nan : filled[-math.inf][1].isnan().all()}} that spreads through every later layer. We define: nothing to see, nothing gathered. Set hidden weights to 0 **after** the softmax, and the row is zeros.
- Replacing the nan in the output afterwards is not enough: the backward pass multiplies the nan weights by 0, which is nan, and so are the gradients of {{all values : late.grad.isnan().all()}}.
"""

# %% [markdown]
r"""
## 5 · Attention, complete

```
scores  = Q Kᵀ / √d_k
scores  = lowest number where the mask says no
weights = softmax of each row, then 0 where the mask says no
output  = dropout(weights) V
```

Dropout ([06 Regularization](06_regularization.ipynb)) may set some weights to 0 during training and scale up the others, for the product with $V$ only. The weights that you *return* are the
probabilities: anyone who plots them, or sums them, expects rows that sum to 1.

### Exercise · scaled_dot_product_attention

Everything so far in one function. Your own `attention_scores` is in scope. The numbers by hand, {{(0.665, 0.245, 0.090) : torch.allclose(by_hand, torch.tensor([0.665, 0.245, 0.090]), atol=5e-4)}} and
{{(0.665, 0.090) : torch.allclose(by_hand @ values, torch.tensor([0.665, 0.090]), atol=5e-4)}}, are the first case.
"""


# %% exercise="scaled_dot_product_attention" points=5 parts={"values":2,"mask":2,"dropout":1} needs="attention_scores" withheld="course_lib.attention.scaled_dot_product_attention course_lib.attention.fused_attention torch.nn.functional.scaled_dot_product_attention"
def scaled_dot_product_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, dropout: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return the attended values and the attention weights.

    q        (..., T, D) queries
    k        (..., S, D) keys
    v        (..., S, E) values
    mask     broadcastable to (..., T, S), boolean, True = may attend; None allows everything
    dropout  probability of dropping a weight on its way to the values, each by itself
    returns  output (..., T, E) and weights (..., T, S). A row of weights sums to 1, or to 0 where the query may
             attend to nothing (its output is then 0 too, and no gradient is nan); dropout never touches the
             returned weights. Both have the dtype of q; float16 and bfloat16 work, and gradients flow to q, k and v

    Raises ValueError when q and k differ in D or k and v in S, TypeError for a mask that is not boolean.
    """
    ### BEGIN SOLUTION
    if k.size(-2) != v.size(-2):
        raise ValueError(f"there must be one value per key, got {k.size(-2)} keys and {v.size(-2)} values")
    if mask is not None and mask.dtype != torch.bool:
        raise TypeError(f"mask must be boolean, True = may attend, got dtype {mask.dtype}")
    scores = attention_scores(q, k)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)
    return F.dropout(weights, dropout) @ v, weights
    ### END SOLUTION


# %% [markdown] hints="scaled_dot_product_attention"
r"""
1. Follow the four lines of pseudo-code above the exercise. At which two places does the mask come in, and which of the two results is dropout for?
2. `masked_fill(~mask, number)` replaces what is hidden: before the softmax by the lowest number of the scores' own dtype, after it by 0. Only the product with v gets the weights after dropout.
3. `scores = scores.masked_fill(~mask, torch.finfo(…).min)`, and the last line is `return F.dropout(…) @ v, …`
"""


# %% cases="scaled_dot_product_attention" active="py"
def cases(seed):
    names = ("q", "k", "v")
    q, k = torch.ones(1, 4), torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0], [-1, 0, -1, 0]])
    yield Case(
        {"q": q, "k": k, "v": torch.tensor([[1.0, 0], [0, 0], [0, 1]])}, note="the example by hand", part="values"
    )
    q, k, v = random_tensor(seed, 2, 3, 4, 8), random_tensor(seed + 1, 2, 3, 5, 8), random_tensor(seed + 2, 2, 3, 5, 6)
    yield Case({"q": q, "k": k, "v": v}, note="batches and heads, T, S, D and E all different", part="values")
    yield Case({"q": q, "k": k, "v": v[..., :4, :]}, note="fewer values than keys", part="values")
    yield Case({"q": q, "k": k[..., :7], "v": v}, note="keys with fewer features", part="values")
    q = q[0, 0] * torch.tensor([[0.1], [1.0], [30.0], [300.0]])
    scales = dict(zip(names, (q, k[0, 0], v[0, 0])), ask="values")
    yield Case(scales, note="queries of very different length", part="values")
    small = [random_tensor(seed + i, 1, 3, 4) for i in range(3)]
    lower = torch.ones(3, 3, dtype=torch.bool).tril()
    yield Case(dict(zip(names, small), mask=lower), note="a causal mask", part="mask")
    q, k = random_tensor(seed + 4, 2, 3, 4, 8), random_tensor(seed + 5, 2, 3, 5, 8)
    v = random_tensor(seed + 6, 2, 3, 5, 6)
    some = random_tensor(seed + 3, 2, 1, 4, 5) > 0
    some[..., 2] = True
    yield Case({"q": q, "k": k, "v": v, "mask": some}, note="a mask that broadcasts over heads", part="mask")
    ok = torch.tensor([[True, False, True], [False, False, False], [True, True, True]])
    yield Case(dict(zip(names, small), mask=ok), note="a query that may see nothing", part="mask")
    for half in (torch.float16, torch.bfloat16):
        inputs = dict(zip(names, (t.to(half) for t in small)), mask=lower, ask="values")
        yield Case(inputs, note=str(half).removeprefix("torch."), part="mask")
    low = torch.tensor([[-512.0, 0], [-512 + 1 / 64, 0], [0, 0]])  # scores of −32,768, −32,767 and 0
    hidden = torch.tensor([True, True, False])
    yield Case(
        {"q": torch.tensor([[64 * 2**0.5, 0]]), "k": low, "v": torch.eye(3), "mask": hidden, "ask": "values"},
        note="scores far below 0",
        part="mask",
    )
    yield Case(dict(zip(names, small), mask=ok.float()), note="a mask of numbers", part="mask")
    yield Case(dict(zip(names, small), mask=ok.long()), note="a mask of integers", part="mask")
    v = torch.eye(16).repeat(1, 2)  # the weights that reach the values come out twice, side by side
    dropped = {"q": random_tensor(seed + 7, 4, 32, 4), "k": random_tensor(seed + 8, 4, 16, 4), "v": v}
    for share in (0.2, 0.05 + 0.05 * (seed % 7)):
        yield Case(dropped | {"dropout": share}, note="dropout", part="dropout")


# %% probe="scaled_dot_product_attention" active="py"
def probe(student, case):
    inputs = {name: case[name].clone().requires_grad_() for name in ("q", "k", "v")}
    options = {name: case[name] for name in ("mask", "dropout") if name in case}
    output, weights = student(**inputs, **options)
    if "dropout" in case:
        reached = output[..., :16].detach()  # the weights that reached the values
        kept = reached != 0
        again = student(**inputs, **options)[0][..., :16]
        factors = (reached / weights.detach())[kept]
        return {
            "weights": weights[0, :3].detach(),
            "dropped and kept": torch.tensor([int((~kept).sum()), int(kept.sum())]),
            "survivors grew by": [factors.min(), factors.max()] if kept.any() else [],
            "all values of a key are dropped together": torch.equal(reached, output[..., 16:]),
            "others are dropped in the next text": not torch.equal(kept[0], kept[1]),
            "others are dropped the next time": not torch.equal(reached, again),
        }
    outcome = {"output": output.detach(), "weights": weights.detach()}
    if case.get("ask") == "values":
        return outcome | {"dtypes": [str(output.dtype), str(weights.dtype)]}
    if output.requires_grad:
        (output * (torch.arange(output.numel()).view(output.shape) % 7)).sum().backward()
    return outcome | {f"gradient of {name}": tensor.grad for name, tensor in inputs.items()}


# %% judge="scaled_dot_product_attention" active="py"
def judge(case, expected, got):
    return judge_entries(expected, got, {"dropped and kept": judge_counts})


# %% equivalents="scaled_dot_product_attention" active="py"
equivalents = {
    "return (F.dropout(weights, dropout) @ v, weights) → return in_float32((F.dropout(weights, dropout) @ v, weights))": "the mutant leaves a tuple as it is",
}


# %% mistake="scaled_dot_product_attention" name="no_scale" hint="The scores are not divided by √D." active="py"
def scaled_dot_product_attention(q, k, v, mask=None, dropout=0.0, right=scaled_dot_product_attention):
    return right(q * math.sqrt(q.size(-1)), k, v, mask, dropout)


# %% mistake="scaled_dot_product_attention" name="softmax_over_queries" hint="Your softmax runs over the queries, so columns sum to 1. Each query shares its 1 among the keys: dim=-1." active="py"
def scaled_dot_product_attention(q, k, v, mask=None, dropout=0.0, right=scaled_dot_product_attention):
    right(q, k, v, mask, dropout)  # the same errors
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-2)
    weights = weights if mask is None else weights.masked_fill(~mask, 0.0)
    return F.dropout(weights, dropout) @ v, weights


# %% mistake="scaled_dot_product_attention" name="inverted_mask" hint="Inverted mask: your queries look at exactly what they must not see. Fill where the mask is False: masked_fill(~mask, …)." active="py"
def scaled_dot_product_attention(q, k, v, mask=None, dropout=0.0, right=scaled_dot_product_attention):
    return right(q, k, v, None if mask is None else ~mask if mask.dtype == torch.bool else mask, dropout)


# %% mistake="scaled_dot_product_attention" name="minus_1e9" hint="-1e9 does not fit into float16, and a row that may see nothing becomes uniform. Use torch.finfo(scores.dtype).min, and set hidden weights to 0 after the softmax." active="py"
def scaled_dot_product_attention(q, k, v, mask=None, dropout=0.0, right=scaled_dot_product_attention):
    if mask is None or mask.dtype != torch.bool:
        return right(q, k, v, mask, dropout)
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))).masked_fill(~mask, -1e9).softmax(-1)
    return F.dropout(weights, dropout) @ v, weights


# %% mistake="scaled_dot_product_attention" name="minus_infinity" hint="A row of nothing but −∞ is 0/0 = nan. Use the lowest finite number, torch.finfo(scores.dtype).min, and set hidden weights to 0 after the softmax." active="py"
def scaled_dot_product_attention(q, k, v, mask=None, dropout=0.0, right=scaled_dot_product_attention):
    if mask is None or mask.dtype != torch.bool:
        return right(q, k, v, mask, dropout)
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))).masked_fill(~mask, -math.inf).softmax(-1)
    return F.dropout(weights, dropout) @ v, weights


# %% mistake="scaled_dot_product_attention" name="dropped_weights" hint="You return the weights after dropout: rows no longer sum to 1. Keep two names, F.dropout(weights, dropout) for the product and weights for the caller." active="py"
def scaled_dot_product_attention(q, k, v, mask=None, dropout=0.0, right=scaled_dot_product_attention):
    weights = F.dropout(right(q, k, v, mask)[1], dropout)
    return weights @ v, weights


# %% [markdown]
r"""
### Does the mask hold? A leak test

Every causal model deserves a ***leak test***: change one token, and look where the output moves. **Before** the changed position nothing may move, {{not by one bit : moved["lower triangle: no leak"][:4].max() == 0}}.
Here the fifth of six tokens changes, once under your mask and once under the upside-down triangle of popular notes.
"""

# %%
attend = yours("attention.scaled_dot_product_attention", attention.scaled_dot_product_attention)
words = "the mouse near the house sleeps".split()
generator = torch.Generator().manual_seed(5)
tokens = 0.6 * torch.randn(6, 16, generator=generator)
changed = tokens.clone()
changed[4] = 0.6 * torch.randn(16, generator=generator)

moved = {}
for name, mask in {
    "lower triangle: no leak": attention.causal_mask(6),
    "upper triangle: sees the answer": torch.ones(6, 6).triu(1) == 1,
}.items():
    before, after = (
        attend(tokens, tokens, tokens, mask)[0],
        attend(changed, changed, changed, mask)[0],
    )
    moved[name] = (after - before).abs().amax(-1)
    print(f"{name:32}", moved[name].numpy().round(2))
show(
    figures.leak(words, moved, changed=4),
    alt="Under the lower triangle later positions move; under the upper one the earlier ones do.",
)

# %% [markdown]
r"""
A model trained under the upper triangle reaches a very low loss, since the answer is in plain sight, and cannot write a sentence: when it generates, there is nothing to its right.

The lower triangle also buys something. All $T$ positions of a **known** sequence are computed in one pass, each {{as if the later ones did not exist : torch.allclose(together, one_by_one, atol=1e-6)}}. That holds in training and when reading a prompt. Generation stays
sequential: token $t + 1$ cannot be looked at before it is written.
"""

# %%
mask = attention.causal_mask(6)
together, weights = attend(tokens, tokens, tokens, mask)
one_by_one = torch.cat([attend(tokens[t : t + 1], tokens[: t + 1], tokens[: t + 1])[0] for t in range(6)])
print("one pass over 6 tokens equals 6 steps:", torch.allclose(together, one_by_one, atol=1e-6))
print("rows sum to", weights.sum(-1).numpy().round(4))

shapes = [torch.randn(8, 4, *size, generator=generator) for size in ((10, 16), (12, 16), (12, 32))]
output, large = attend(*shapes)
print(
    "10 queries, 12 keys, values of 32 features: output",
    tuple(output.shape),
    "weights",
    tuple(large.shape),
)
show(
    figures.weight_map(weights, words, words, "Nothing above the diagonal"),
    alt="A 6 by 6 map of weights, zero above the diagonal.",
)

# %% [markdown]
r"""
*A good place to stop for today.*

## 6 · Who asks whom

Where do queries, keys and values come from? Three **matrices** are learned, $W^Q$, $W^K$ and $W^V$, the same for every token and position.
Queries, keys and values themselves are not learned: they are computed from whatever represents the token now, $x_t$ with `d_model` numbers:

$$q_t = x_t W^Q, \qquad k_s = y_s W^K, \qquad v_s = y_s W^V .$$

- ***Self-attention***: $y = x$. Every token asks all tokens of its own sequence that it may see, *itself included*. In “The animal didn't cross the street because it was too tired”, *it* can look at *animal*.
- ***Cross-attention***: $y$ is another sequence, the ***memory***. A decoder's states ask ($x$: $T$ of them), the encoder's states answer ($y$: $S$ of them). The mask must hide the padding of the *memory*, since that is where the keys are.
"""

# %% [markdown]
r"""
### Exercise · cross_attention · optional

One head. The weights have shape $(B, T, S)$: for every position that asks, a distribution over the positions that answer.
With `memory_mask` $(B, S)$, put the dimension of the queries in: $(B, 1, S)$.
"""


# %% exercise="cross_attention" points=2 optional=true needs="scaled_dot_product_attention" withheld="course_lib.attention.cross_attention course_lib.attention.fused_attention torch.nn.functional.scaled_dot_product_attention"
def cross_attention(
    x: Tensor, memory: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, memory_mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Let every position of x ask a question that the positions of memory answer (one head).

    x            (B, T, d_model) what asks, for instance the decoder's states
    memory       (B, S, d_memory) what answers, for instance the encoder's states
    w_q          (d_model, D) makes the queries, x @ w_q
    w_k          (d_memory, D) makes the keys
    w_v          (d_memory, E) makes the values
    memory_mask  (B, S) boolean, True = a real token of memory; None: all are
    returns      output (B, T, E) and weights (B, T, S)
    """
    ### BEGIN SOLUTION
    mask = None if memory_mask is None else memory_mask[:, None, :]
    return scaled_dot_product_attention(x @ w_q, memory @ w_k, memory @ w_v, mask)
    ### END SOLUTION


# %% [markdown] hints="cross_attention"
r"""
1. Which of the three matrices multiplies x, and which two multiply memory? Look at their first dimensions.
2. It is your attention, with queries from one sequence and keys and values from the other. A mask (B, S) needs one more dimension to broadcast to (B, T, S).
3. `scaled_dot_product_attention(x @ w_q, …, …, mask)`, where mask is None or `memory_mask[…]`
"""


# %% cases="cross_attention" active="py"
def cases(seed):
    eye = torch.eye(2)
    names = ("x", "memory", "w_q", "w_k", "w_v")
    yield Case(
        dict(zip(names, (torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), eye, eye, eye))),
        note="one question, two answers",
    )
    square = [random_tensor(seed + i, *shape) for i, shape in enumerate([(2, 4, 6), (2, 4, 6), (6, 6), (6, 6), (6, 6)])]
    real = torch.tensor([[True, True, True, True], [True, True, False, False]])
    yield Case(dict(zip(names, square)), note="two sequences of the same length")
    yield Case(dict(zip(names, square), memory_mask=real), note="padding in the memory")
    mixed = [random_tensor(seed + i, *shape) for i, shape in enumerate([(2, 3, 6), (2, 4, 5), (6, 8), (5, 8), (5, 7)])]
    yield Case(dict(zip(names, mixed), memory_mask=real), note="all sizes different")
    some = random_tensor(seed + 5, 2, 4) > 0
    some[0] = False
    yield Case(dict(zip(names, mixed), memory_mask=some), note="a memory without a real token")


# %% mistake="cross_attention" name="roles_swapped" hint="The memory asks and x answers in your version. Queries come from x, keys and values from memory." active="py"
def cross_attention(x, memory, w_q, w_k, w_v, memory_mask=None, right=cross_attention):
    return right(memory, x, w_q, w_k, w_v, memory_mask)


# %% mistake="cross_attention" name="values_from_x" hint="The values come from memory too: they are what is passed on by the positions that were found." active="py"
def cross_attention(x, memory, w_q, w_k, w_v, memory_mask=None):
    mask = None if memory_mask is None else memory_mask[:, None, :]
    return scaled_dot_product_attention(x @ w_q, memory @ w_k, x @ w_v, mask)


# %% mistake="cross_attention" name="padding_seen" hint="The padding of the memory gets weight. Hand the mask on, as (B, 1, S)." active="py"
def cross_attention(x, memory, w_q, w_k, w_v, memory_mask=None, right=cross_attention):
    return right(x, memory, w_q, w_k, w_v)


# %% mistake="cross_attention" name="queries_masked" hint="You masked queries: (B, S, 1). The memory's positions are keys, the last dimension: memory_mask[:, None, :]." active="py"
def cross_attention(x, memory, w_q, w_k, w_v, memory_mask=None):
    mask = None if memory_mask is None else memory_mask[:, :, None]
    return scaled_dot_product_attention(x @ w_q, memory @ w_k, memory @ w_v, mask)


# %% [markdown]
r"""
### What attention cannot see: order · optional

Self-attention compares every pair and sums; the position of a token appears nowhere in the formula. Shuffle the tokens, and the outputs come out {{shuffled in the same way and otherwise unchanged : equivariant["no mask"]}}:

$$f(Px) = P f(x) \qquad \text{with } P \text{ a permutation.}$$

Such a function is ***permutation-equivariant***. Often this is called permutation-*invariant*, which would mean $f(Px) = f(x)$, and {{is false : not invariant}}. With a causal mask {{not even equivariance : not equivariant["a causal mask"]}} holds, since the mask itself knows who came first:
a decoder can learn some order without any position vectors (Haviv et al. 2022). Ours will get learned position vectors below; the choice is the subject of
[13 Positions](13_positions.ipynb).
"""

# %%
order = torch.tensor([3, 0, 5, 1, 4, 2])
plain, shuffled = (
    attend(tokens, tokens, tokens)[0],
    attend(tokens[order], tokens[order], tokens[order])[0],
)
invariant = torch.allclose(shuffled, plain, atol=1e-5)
equivariant = {"no mask": torch.allclose(shuffled, plain[order], atol=1e-5)}

causal = attention.causal_mask(6)
plain = attend(tokens, tokens, tokens, causal)[0]
shuffled = attend(tokens[order], tokens[order], tokens[order], causal)[0]
equivariant["a causal mask"] = torch.allclose(shuffled, plain[order], atol=1e-5)

place = torch.randn(6, 16, generator=torch.Generator().manual_seed(1))  # a vector a position
plain = attend(tokens + place, tokens + place, tokens + place)[0]
shuffled = attend(tokens[order] + place, tokens[order] + place, tokens[order] + place)[0]
equivariant["position vectors"] = torch.allclose(shuffled, plain[order], atol=1e-5)
print("invariant, f(Px) = f(x):", invariant)
print("equivariant, f(Px) = P f(x):", equivariant)

# %% [markdown]
r"""
### Question · order_lost · optional

You shuffle the tokens of a sentence and feed them to self-attention without mask and without positions. What happens to the outputs?

- **a** Each token's output stays the same; the outputs are shuffled like the tokens.
- **b** Nothing changes at all: position 1 still holds the same output as before.
- **c** Every token's output changes.
"""

# %% exercise="order_lost" points=1 optional=true kind="choice" choices="a b c"
### BEGIN SOLUTION
order_lost = "a"
### END SOLUTION

# %% mistake="order_lost" name="b" hint="That would be invariance. Position 1 now holds another token, and its output is that token's." active="py"
order_lost = "b"

# %% mistake="order_lost" name="c" hint="A token still sees the same set of tokens, and a weighted sum does not care about their order." active="py"
order_lost = "c"

# %% [markdown]
r"""
## 7 · Several looks at once

One head has one distribution per query. If a word needs two things, its subject *and* its city, one softmax must split its weight, and the output is a blend: who contributed what is lost.

With two values $v_1 = (1, 0)$ and $v_2 = (0, 1)$ and half the weight on each, the blend is $(0.5, 0.5)$. Had the values been swapped, it would be $(0.5, 0.5)$ again. Two heads with one value each
return $(1, 0, 0, 1)$ and, swapped, $(0, 1, 1, 0)$: four numbers that tell the two apart.
"""

# %% [markdown]
r"""
***Multi-head attention*** in five steps, with $H$ ***heads*** of $d_{head} = d_{model} / H$ features:

1. **project** $x$ (and the memory) to queries, keys, values of `d_model` features each;
2. **split** the features into $H$ heads: $(B, T, H \cdot D) \to (B, H, T, D)$;
3. **attend** in every head, scaled by $\sqrt{d_{head}}$;
4. **concatenate** the heads again: $(B, H, T, D) \to (B, T, H \cdot D)$;
5. **project** once more with $W^O$, which lets the heads talk to each other.

$$\operatorname{MultiHead}(x, y) = \operatorname{Concat}(\text{head}_1, \dots, \text{head}_H)\,W^O, \qquad \text{head}_i = \operatorname{Attention}(xW_i^Q,\ yW_i^K,\ yW_i^V).$$

$W_i^Q, W_i^K, W_i^V$ have shape $(d_{model}, d_{head})$, and $W^O$ $(d_{model}, d_{model})$. The $H$ small matrices are stored side by side as one: that is what *split* takes apart. The number of parameters {{does not depend on $H$ : sum(p.numel() for p in Layer(64, 8).parameters()) == sum(p.numel() for p in ours.parameters())}}, nor on the length.
"""

# %%
show(
    figures.data_flow(d_model=64, n_heads=4),
    alt="x is projected to queries, the memory to keys and values; all are split into 4 heads of 16 features, queries and "
    "keys give weights, weights and values an output per head; the heads are merged and projected once more.",
)

# %% [markdown]
r"""
### Exercise · split_heads

A token with 4 features $(1, 2, 3, 4)$ and $H = 2$: head 1 gets $(1, 2)$, head 2 gets $(3, 4)$.
First view the features as $(B, T, H, D)$, **then** swap $T$ and $H$. Viewing as $(B, H, T, D)$ at once has the right shape and the wrong contents.
"""


# %% exercise="split_heads" points=1 withheld="course_lib.attention.split_heads"
def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """Return each head's own slice of the features.

    x        (B, T, H·D)
    n_heads  H; head h gets the features h·D … (h + 1)·D − 1 of every token
    returns  (B, H, T, D)

    Raises ValueError when n_heads does not divide the features.
    """
    ### BEGIN SOLUTION
    if x.size(-1) % n_heads:
        raise ValueError(f"n_heads must divide the last dimension of x, {x.size(-1)}, got n_heads = {n_heads}")
    return x.unflatten(-1, (n_heads, -1)).transpose(1, 2)
    ### END SOLUTION


# %% [markdown] hints="split_heads"
r"""
1. Two steps: (B, T, H·D) → (B, T, H, D) → (B, H, T, D). Which of them may be a view, and which is a transpose?
2. Splitting the last dimension keeps each head's features together; then tokens and heads change places. `unflatten` splits one dimension in two.
3. `x.unflatten(-1, (n_heads, -1))` is the first step, after the check.
"""


# %% cases="split_heads" active="py"
def cases(seed):
    yield Case({"x": torch.arange(8.0).view(1, 2, 4), "n_heads": 2}, note="two tokens, four features, two heads")
    yield Case({"x": torch.arange(3.0).view(1, 1, 3), "n_heads": 1}, note="one head")
    yield Case({"x": torch.arange(6.0).view(1, 1, 6), "n_heads": 4}, note="heads that do not divide the features")
    yield Case({"x": random_tensor(seed, 2, 4, 16), "n_heads": 4}, note="as many tokens as heads")
    yield Case({"x": random_tensor(seed, 2, 5, 12), "n_heads": 3}, note="random features")
    yield Case({"x": random_tensor(seed + 1, 3, 2, 6), "n_heads": 6}, note="one feature a head")
    yield Case({"x": random_tensor(seed + 2, 1, 7, 10), "n_heads": 2}, note="one long text")


# %% mistake="split_heads" name="view_only" hint="The right shape with the wrong contents: a view alone cuts along tokens. View as (B, T, H, D) first, then transpose(1, 2)." active="py"
def split_heads(x, n_heads, right=split_heads):
    return x.reshape(right(x, n_heads).shape)


# %% mistake="split_heads" name="every_hth_feature" hint="Head h should get D neighbouring features. You gave it every H-th one: split the last dimension into (H, D), not (D, H)." active="py"
def split_heads(x, n_heads, right=split_heads):
    right(x, n_heads)
    return x.unflatten(-1, (-1, n_heads)).permute(0, 3, 1, 2)


# %% mistake="split_heads" name="not_transposed" hint="Your result is (B, T, H, D). Heads come before tokens: one transpose(1, 2) is missing." active="py"
def split_heads(x, n_heads, right=split_heads):
    return right(x, n_heads).transpose(1, 2)


# %% [markdown]
r"""
### Exercise · merge_heads

The way back: $(B, H, T, D) \to (B, T, H \cdot D)$, so that `merge_heads(split_heads(x, n))` is `x`. After a transpose the memory is no longer in order:
`view` refuses, `reshape` and `flatten` copy.
"""


# %% exercise="merge_heads" points=1 withheld="course_lib.attention.merge_heads"
def merge_heads(x: Tensor) -> Tensor:
    """Put the heads side by side again; the inverse of split_heads.

    x        (B, H, T, D)
    returns  (B, T, H·D)
    """
    ### BEGIN SOLUTION
    return x.transpose(1, 2).flatten(start_dim=2)
    ### END SOLUTION


# %% [markdown] hints="merge_heads"
r"""
1. Undo the steps of split_heads in the opposite order: which comes first, the transpose or the joining of H and D?
2. Bring tokens before heads again, then join the last two dimensions. `view` refuses after a transpose; `reshape` and `flatten` do not.
3. `x.transpose(…, …).flatten(start_dim=…)`
"""


# %% cases="merge_heads" active="py"
def cases(seed):
    yield Case({"x": torch.arange(8.0).view(1, 2, 2, 2)}, note="two heads, two tokens, two features")
    yield Case({"x": random_tensor(seed, 2, 4, 4, 4)}, note="as many heads as tokens as features")
    yield Case({"x": random_tensor(seed, 2, 3, 5, 4)}, note="random heads")
    yield Case({"x": random_tensor(seed + 1, 3, 4, 1, 2)}, note="one token each")


# %% mistake="merge_heads" name="view_only" hint="The right shape with the wrong contents: without transpose(1, 2) first you join the features of different tokens." active="py"
def merge_heads(x):
    return x.reshape(x.size(0), x.size(2), -1)


# %% mistake="merge_heads" name="interleaved" hint="Your features alternate between heads. Keep each head's D features together: (B, T, H, D), not (B, T, D, H)." active="py"
def merge_heads(x):
    return x.permute(0, 2, 3, 1).flatten(start_dim=2)


# %% mistake="merge_heads" name="mean_over_heads" hint="Heads are put side by side, not averaged: what each found must stay distinguishable." active="py"
def merge_heads(x):
    return x.mean(1)


# %% [markdown]
r"""
### Exercise · MultiHeadAttention

The five steps as a module. Its four projections are `nn.Linear(d_model, d_model)` and have the names in the docstring: then weights can be loaded from any implementation that
documents its own.
"""


# %% exercise="MultiHeadAttention" points=4 needs="scaled_dot_product_attention split_heads merge_heads" withheld="course_lib.attention.MultiHeadAttention course_lib.attention.fused_attention torch.nn.MultiheadAttention torch.nn.functional.multi_head_attention_forward torch.nn.functional.scaled_dot_product_attention"
class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each with its own projections, mixed by one more.

    d_model  features of a token, in and out
    n_heads  H; each head works with d_model / H features. ValueError when H does not divide d_model
    dropout  probability of dropping an attention weight, in training mode only

    Parameters: q_proj, k_proj, v_proj, out_proj, each nn.Linear(d_model, d_model).
    """

    def __init__(self, d_model: int, n_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        if d_model % n_heads:
            raise ValueError(f"n_heads must divide d_model = {d_model}, got n_heads = {n_heads}")
        self.n_heads, self.dropout = n_heads, dropout
        self.q_proj, self.k_proj = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.v_proj, self.out_proj = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        ### END SOLUTION

    def forward(self, x: Tensor, memory=None, mask=None, need_weights: bool = True) -> tuple[Tensor, Tensor | None]:
        """Return what the tokens of x gathered, and the weights of every head.
        x             (B, T, d_model) the queries are made from it
        memory        (B, S, d_model) keys and values are made from it; None: from x (self-attention)
        mask          broadcastable to (B, H, T, S), boolean, True = may attend
        need_weights  False: return None in place of the weights
        returns       output (B, T, d_model) and weights (B, H, T, S), before dropout
        """
        ### BEGIN SOLUTION
        memory = x if memory is None else memory
        q = split_heads(self.q_proj(x), self.n_heads)
        k = split_heads(self.k_proj(memory), self.n_heads)
        v = split_heads(self.v_proj(memory), self.n_heads)
        heads, weights = scaled_dot_product_attention(q, k, v, mask, self.dropout if self.training else 0.0)
        return self.out_proj(merge_heads(heads)), weights if need_weights else None
        ### END SOLUTION


# %% [markdown] hints="MultiHeadAttention"
r"""
1. Which of the projections get x, and which get memory? Which of the five steps have you written already?
2. In `__init__`, four nn.Linear and what forward must remember. In `forward`: project, split, attend, merge, project. Dropout is 0 unless `self.training`.
3. `q = split_heads(self.q_proj(x), self.n_heads)`; k and v go the same way, from what?
"""


# %% cases="MultiHeadAttention" active="py"
def cases(seed):
    def state(d):
        names = [f"{name}_proj.{kind}" for name in ("q", "k", "v", "out") for kind in ("weight", "bias")]
        shapes = {"weight": (d, d), "bias": (d,)}
        return {
            name: random_tensor(seed + i, *shapes[name.split(".")[1]], scale=d**-0.5) for i, name in enumerate(names)
        }

    x, memory = random_tensor(seed + 20, 2, 4, 8), random_tensor(seed + 21, 2, 5, 8)
    yield Case({"d_model": 2, "n_heads": 1, "state": state(2), "x": x[:1, :2, :2]}, note="one head, two tokens")
    base = {"d_model": 8, "n_heads": 4, "state": state(8), "x": x}
    yield Case(base, note="self-attention with four heads")
    yield Case(base | {"mask": torch.ones(4, 4, dtype=torch.bool).tril()}, note="a causal mask")
    real = random_tensor(seed + 22, 2, 1, 1, 5) > -1
    real[..., 1:3] = torch.tensor([True, False])
    yield Case(base | {"memory": memory, "mask": real}, note="cross-attention with padding")
    yield Case(base | {"need_weights": False}, note="weights not wanted")
    yield Case(base | {"dropout": 0.5}, note="dropout in eval mode")
    yield Case(base | {"memory": memory, "need_weights": False}, note="a memory, weights not wanted")
    yield Case({"d_model": 6, "n_heads": 4, "state": {}, "x": x}, note="heads that do not divide d_model")
    # values and output are passed on as they are, and each value is a one twice: what comes out are the weights, twice
    passing = {f"{name}_proj.weight": torch.eye(16) for name in ("v", "out")}
    passing |= {f"{name}_proj.bias": torch.zeros(16) for name in ("v", "out")}
    looking = {f"{name}_proj.weight": 0.1 * torch.eye(16) for name in "qk"}
    looking |= {f"{name}_proj.bias": torch.zeros(16) for name in "qk"}
    ones = torch.eye(4).repeat(1, 4).expand(2, 4, 16)
    for share in (0.2, 0.05 + 0.05 * (seed % 7)):
        yield Case(
            {"d_model": 16, "n_heads": 2, "state": passing | looking, "dropout": share, "training": True,
             "x": random_tensor(seed + 23, 2, 60, 16), "memory": ones},
            note="dropout in training",
        )  # fmt: skip


# %% probe="MultiHeadAttention" active="py"
def probe(student, case):
    layer = student(case["d_model"], case["n_heads"], case.get("dropout", 0.0))
    layer.load_state_dict(case["state"])
    layer.train(case.get("training", False))
    x = case["x"].clone().requires_grad_()
    memory = case["memory"].clone().requires_grad_() if "memory" in case else None
    output, weights = layer(x, memory, case.get("mask"), case.get("need_weights", True))
    if case.get("training"):
        reached = output.detach().unflatten(-1, (2, 8)).transpose(1, 2)  # (B, H, T, 8), each weight twice
        kept = reached[..., :4] != 0
        factors = (reached[..., :4] / weights.detach())[kept]
        return {
            "weights": weights[0, :, :3].detach(),
            "dropped and kept": torch.tensor([int((~kept).sum()), int(kept.sum())]),
            "survivors grew by": [factors.min(), factors.max()] if kept.any() else [],
            "all values of a key are dropped together": torch.equal(reached[..., :4], reached[..., 4:]),
        }
    outcome = {"output": output.detach(), "weights": None if weights is None else weights.detach()}
    if output.requires_grad:
        (output * (torch.arange(output.numel()).view(output.shape) % 7)).sum().backward()
    given = {"x": x} if memory is None else {"x": x, "memory": memory}
    tensors = given | {name: getattr(layer, f"{name}_proj").weight for name in ("q", "k", "v", "out")}
    return outcome | {f"gradient of {name}": tensor.grad for name, tensor in tensors.items()}


# %% judge="MultiHeadAttention" active="py"
def judge(case, expected, got):
    return judge_entries(expected, got, {"dropped and kept": judge_counts})


# %% mistake="MultiHeadAttention" name="scaled_by_d_model" hint="You divide by √d_model. Inside a head a query has d_model / H features, and their root is the divisor." active="py"
class MultiHeadAttention(MultiHeadAttention):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__(d_model, n_heads, dropout)
        self.q_proj.register_forward_hook(lambda module, inputs, output: output / math.sqrt(n_heads))


# %% mistake="MultiHeadAttention" name="no_output_projection" hint="The heads are concatenated and returned as they are; out_proj is never applied." active="py"
class MultiHeadAttention(MultiHeadAttention):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__(d_model, n_heads, dropout)
        self.out_proj.register_forward_hook(lambda module, inputs, output: inputs[0])


# %% mistake="MultiHeadAttention" name="memory_ignored" hint="Keys and values come from x even when there is a memory. Use memory for both, and x when it is None." active="py"
class MultiHeadAttention(MultiHeadAttention):
    def forward(self, x, memory=None, mask=None, need_weights=True):
        mask = None if memory is not None else mask
        return super().forward(x, None, mask, need_weights)


# %% mistake="MultiHeadAttention" name="scrambled_heads" hint="Merging the heads lost a transpose: a view from (B, H, T, D) to (B, T, H·D) mixes the features of different tokens." active="py"
class MultiHeadAttention(MultiHeadAttention):
    def __init__(self, d_model, n_heads, dropout=0.0):
        super().__init__(d_model, n_heads, dropout)
        self.out_proj.register_forward_pre_hook(
            lambda module, inputs: split_heads(inputs[0], n_heads).reshape(inputs[0].shape)
        )


# %% mistake="MultiHeadAttention" name="dropout_in_eval" hint="Dropout is active in eval mode too. Pass it on only while self.training is True." active="py"
class MultiHeadAttention(MultiHeadAttention):
    def forward(self, x, memory=None, mask=None, need_weights=True):
        before, self.training = self.training, True
        try:
            return super().forward(x, memory, mask, need_weights)
        finally:
            self.training = before


# %% mistake="MultiHeadAttention" name="mean_of_heads" hint="You return the mean of the heads' weights. Keep them apart: (B, H, T, S)." active="py"
class MultiHeadAttention(MultiHeadAttention):
    def forward(self, x, memory=None, mask=None, need_weights=True):
        output, weights = super().forward(x, memory, mask, need_weights)
        return output, None if weights is None else weights.mean(1)


# %% [markdown]
r"""
Is it {{the real thing : equal}}? Copy PyTorch's weights into your module and compare. PyTorch stacks `q_proj`, `k_proj` and `v_proj` as `in_proj_weight`, and its mask is the **inverse** of ours (True = ignore), hence the `~`.
"""

# %%
Layer = yours("attention.MultiHeadAttention", attention.MultiHeadAttention)
torch.manual_seed(0)
theirs = nn.MultiheadAttention(64, 4, batch_first=True)
ours = Layer(64, 4)
ours.load_state_dict(attention.MultiHeadAttention.from_torch(theirs).state_dict())

x, mask = torch.randn(2, 10, 64), attention.causal_mask(10)
expected, _ = theirs(x, x, x, attn_mask=~mask)
equal = torch.allclose(ours(x, mask=mask)[0], expected, atol=1e-5)
print("equal to nn.MultiheadAttention:", equal)
print(
    "parameters:",
    sum(p.numel() for p in ours.parameters()),
    "= 4 · (64 · 64 + 64), whatever the length",
)

# %% [markdown]
r"""
## 8 · What it costs · optional

Every query meets every key: $T \times S$ scores. In self-attention that is $T^2$, for **each head, each layer and each sequence** of a batch. Twice the length, {{four times : abs(naive[-1] / naive[-2] - 4) < 0.1}} the scores.

A book of 50,000 tokens makes $50{,}000^2 = {{2.5 = book / 1e9}}$ billion scores a head. In float16 (2 bytes) that is ${{5 = 2 * book / 1e9}} \cdot 10^9$ bytes, {{4.7 = 2 * book / 2**30}} GiB: one head fits on a large GPU; 16 heads in each of 24 layers, kept for the backward pass, are {{1.92 = 2 * book * 16 * 24 / 1e12}} TB.

That is the price of the *naive* implementation, the one you wrote. The matrix need not exist: ***fused kernels*** (***FlashAttention***, Dao et al. 2022; `F.scaled_dot_product_attention`) go through the keys block by block and keep running sums.
Their memory is {{linear : abs(fused[-1] / fused[-2] - 2) < 0.02}} in $T$. The *time* stays quadratic. Lesson 19 builds one.

Let us count the bytes that each keeps for the backward pass: batch 1, four heads of 16 features, float32.
"""


# %%
def kept_bytes(compute, length):
    """Bytes of all tensors that autograd keeps for the backward pass of one attention."""
    storages = {}

    def keep(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    q, k, v = (torch.zeros(1, 4, length, 16, requires_grad=True) for _ in range(3))
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        compute(q, k, v)
    return sum(storages.values())


lengths = [128, 256, 512, 1024, 2048]
naive = [kept_bytes(attend, length) / 2**20 for length in lengths]
fused = [kept_bytes(attention.fused_attention, length) / 2**20 for length in lengths]
figure = figures.memory(
    lengths,
    {"your formula, naive": naive, "PyTorch's fused kernel": fused},
    "Twice the length: naive pays four times, fused twice",
)
show(figure, alt="Bytes against length on logarithmic axes: the naive line is twice as steep.")

# %%
book = 50_000**2
print(f"a book: {book:,} scores, {2 * book / 2**30:.1f} GiB a head,")
print(f"{2 * book * 16 * 24 / 1e12:.2f} TB for 16 heads in 24 layers")

# %% [markdown]
r"""
Check the top of the naive line: 4 heads · $2{,}048^2$ weights · 4 bytes are {{64 = 4 * 2048**2 * 4 / 2**20}} MiB of the {{65.5 = naive[-1]}}; the queries, keys and values, {{0.5 = 4 * 2048 * 16 * 4 / 2**20}} MiB each, are the rest.

### Question · score_gib · optional

A naive implementation computes one layer: batch 1, 32 heads, 8,192 tokens, scores in float16 (2 bytes). How many GiB ($2^{30}$ bytes) do the scores of this layer take?
"""

# %% exercise="score_gib" points=1 optional=true kind="number"
### BEGIN SOLUTION
score_gib = 32 * 8192**2 * 2 / 2**30  # 4.0
### END SOLUTION

# %% mistake="score_gib" name="one_head" hint="That is one head. There are 32 of them, each with its own matrix." active="py"
score_gib = 0.125

# %% mistake="score_gib" name="linear" hint="You multiplied by 8,192 once. Every query meets every key: 8,192 · 8,192 scores a head." active="py"
score_gib = 32 * 8192 * 2 / 2**30

# %% mistake="score_gib" name="four_bytes" hint="That would be float32. A float16 has 2 bytes." active="py"
score_gib = 8.0

# %% [markdown]
r"""
## 9 · A language model made of attention

Now it has to earn its keep. The model, `course_lib.attention_lm`, has little besides your layer:

1. each token becomes a vector, to which a learned vector for its position is added;
2. two layers of causal self-attention with four heads; each **adds** what it gathers, $x + \operatorname{MultiHead}(\operatorname{norm}(x))$;
3. one matrix turns each position's vector into logits for the next token.

A Transformer has one more part, a feed-forward network after each attention, which holds two thirds of the weights of a standard block ($8\,d_{model}^2$ of $12\,d_{model}^2$). Lesson 14 adds it, and explains the norm and the residual sum, without which deep
stacks do not train.

The data are the toy language's: its exact entropy rate is the floor under every model. If your `MultiHeadAttention` passed its check, it is yours that trains here.
"""

# %%
from course_lib import scoreboard
from course_lib.attention_lm import AttentionLM
from course_lib.budget import budget
from course_lib.language_model import count_parameters, draw_windows, nats_per_token, next_token_loss
from course_lib.train import Trainer
from course_lib.widgets.training import watch

train_tokens = scoreboard.training(300_000)
test_tokens = scoreboard.held_out()[: budget(full=20_000, short=2000)]
vocab_size = len(language.vocabulary)

counts = torch.bincount(train_tokens, minlength=vocab_size).double()
unigram = counts / counts.sum()
pairs = torch.zeros(vocab_size, vocab_size, dtype=torch.float64)
pairs.index_put_((train_tokens[:-1], train_tokens[1:]), torch.ones(len(train_tokens) - 1).double(), accumulate=True)
bigram = (pairs + 2 * unigram) / (pairs.sum(1, keepdim=True) + 2)  # two imagined tokens

levels = {
    "uniform": math.log(vocab_size),
    "unigram": -unigram[test_tokens].log().mean().item(),
    "bigram": -bigram[test_tokens[:-1], test_tokens[1:]].log().mean().item(),
    "exact entropy rate": language.entropy_rate,
}
for name, nats in levels.items():
    print(f"{name:20} {nats:.3f} nats a token")

# %%
torch.set_num_threads(1)  # matrices this small are faster on one core
torch.manual_seed(0)
model = AttentionLM(vocab_size, seq_len=32, d_model=64, n_heads=4, n_layers=2, attention=Layer)
trainer = Trainer(
    model,
    draw_windows(train_tokens, batch_size=32, length=32),
    next_token_loss,
    steps=budget(full=1200, short=30),
    lr=0.01,
    evaluate=lambda model: nats_per_token(model, test_tokens[:4000]),
    evaluate_every=budget(full=100, short=10),
)
lines = {name: level for name, level in reversed(levels.items()) if name != "uniform"}
history = list(watch(trainer, "attention", lines))

# %%
reached, parameters = nats_per_token(model, test_tokens), count_parameters(model)
scoreboard.record("attention", reached, parameters, trainer.seconds, "12_attention")
print(f"{reached:.3f} nats a token on held-out text, {reached - language.entropy_rate:.3f} above the floor")
print(f"{parameters:,} parameters; the bigram keeps {vocab_size**2:,} counts")
scoreboard.show_scoreboard()

# %% [markdown]
r"""
The bigram has a count for every pair of words and stays at {{2.383 = levels["bigram"] ± 0.001}} nats: what it needs is further back. With the full budget the attention model of this one run comes within {{0.03 = reached - language.entropy_rate ± 0.01}} nats of the floor, with
{{fewer parameters than the bigram has counts : parameters < vocab_size**2}}.

### Does it carry the subject to the verb?

Four beginnings, with more and more between the subject *mice* and its verb. Of the probability on verbs of the present tense, how much goes to those that agree (*eat*, not *eats*)?
"""

# %%
from course_lib.data.mouse_and_cheese import VERBS

forms = [verb.split() for kind in ("eat", "chase", "rest", "go") for verb in VERBS[kind].split(",")]
one, many = (torch.tensor([language.encode(form[i])[0] for form in forms]) for i in (0, 1))
beginnings = [
    "the mice",
    "the mice near the house",
    "the mice that the cat chases",
    "the mice that the cat behind the old house chases",
]


def agreeing(probs):
    """The share of verb probability (V,) that goes to plural forms."""
    return (probs[many].sum() / (probs[one].sum() + probs[many].sum())).item()


# %%
from course_lib.widgets.predict import predict_curve

guess = predict_curve(
    "12_attention.agreement",
    "You have just trained two layers of attention. What share of the probability on verbs "
    "goes to plural forms, the right ones?",
    x=[0, 3, 4, 8],
    x_label="words between mice and its verb",
    y_label="share of plural verbs",
    low=0,
    high=1,
)
guess


# %%
shares = {"exact": [], "attention": [], "bigram": []}
eos = language.encode("<eos>")
for text in beginnings:
    ids = torch.tensor([eos + language.encode(text)])  # as training windows begin
    shares["exact"].append(agreeing(language.next_token_probs(ids[0, 1:].tolist())))
    shares["attention"].append(agreeing(model(ids)[0, -1].softmax(-1).detach()))
    shares["bigram"].append(agreeing(bigram[ids[0, -1]]))
show(
    figures.agreement(beginnings, shares, "Who still knows that it was mice?"),
    alt="Share of plural verbs: exact 1.00, attention a little less, the bigram far below.",
)
# %%
guess.reveal(shares["attention"])

# %% [markdown]
r"""
The bigram hears *house* or *chases* and {{expects one animal : max(shares["bigram"][1:]) < 0.5}}. Attention has learned {{whom to ask : min(shares["attention"]) > 0.85}} from its {{300,000 = len(train_tokens)}} training tokens, and is
{{less sure after the longest detour : shares["attention"][3] < min(shares["attention"][:3])}}. (One run.)

### What its heads look at · optional

Choose a layer, a head and a word. The last word is where the verb must be predicted: does one of its heads look at *mice*?
"""

# %%
text = "the mice that the cat behind the old house chases"
ids = torch.tensor([eos + language.encode(text)])
with torch.no_grad():
    weights = torch.cat(model.attention_maps(ids))  # (L, H, T, T)
shown = language.decode(ids[0].tolist()).split()
subject = shown.index("mice")
layer, head = divmod(int(weights[:, :, -1, subject].argmax()), weights.size(1))
share, distance = weights[layer, head, -1, subject], len(shown) - 1 - subject
print(f"layer {layer + 1}, head {head + 1} puts {share:.2f} of the last word's weight on “mice”,")
print(f"{distance} words back")
attention_explorer(shown, weights, layer, head)

# %% [markdown]
r"""
A warning about such pictures. A weight says where a head *looked*, not what it took from there, nor whether that mattered for the prediction: a large weight on a value near zero does nothing, and the residual sum carries information past every head.
Whether attention weights explain a model's decisions has been argued both ways (Jain & Wallace 2019; Wiegreffe & Pinter 2019). To know whether a head matters, take it away and measure:
"""


# %%
@torch.no_grad()
def without_head(layer, head):
    """Held-out loss without one head: its columns of the output projection become zero."""
    weight, size = model.layers[layer].out_proj.weight, 64 // 4
    columns = slice(head * size, (head + 1) * size)
    kept = weight[:, columns].clone()
    weight[:, columns] = 0.0
    loss = nats_per_token(model, test_tokens[:5000])
    weight[:, columns] = kept
    return loss


intact = nats_per_token(model, test_tokens[:5000])
for layer in range(2):
    cost = [f"head {head + 1}: +{without_head(layer, head) - intact:.2f}" for head in range(4)]
    print(f"layer {layer + 1}, nats a token more without  ", "   ".join(cost))

# %% [markdown]
r"""
## 10 · Find the bugs

### Find the bugs · attend_to_source · optional

A colleague wrote one head of cross-attention over padded sources, from a popular tutorial. It runs, it trains, and translations are bad. In half precision it crashes, and
when a source is empty (all padding) the decoder receives the mean of the padding.

There are three faults; each repair earns its point alone. Everything that you need was in section 4.
"""


# %% exercise="attend_to_source" points=3 optional=true parts={"padding":1,"half":1,"nothing":1} withheld="torch.nn.functional.scaled_dot_product_attention course_lib.attention.fused_attention"
def attend_to_source(q: Tensor, k: Tensor, v: Tensor, source_ids: Tensor, pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """Attend to the real tokens of padded sources.

    q           (B, T, D) queries
    k           (B, S, D) keys, one per source token
    v           (B, S, E) values
    source_ids  (B, S) ids of the source; pad_id marks padding
    returns     output (B, T, E) and weights (B, T, S), in the dtype of q. Padding gets weight 0, in a source
                without any real token too
    """
    ### BEGIN SOLUTION
    real = (source_ids != pad_id)[:, None, :]
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    scores = scores.masked_fill(~real, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1).masked_fill(~real, 0.0)
    return weights @ v, weights
    ### END SOLUTION
    ### BEGIN STARTER
    # mask = (source_ids == pad_id).float()[:, None, :]
    # scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    # scores = scores.masked_fill(mask == 0, -1e9)
    # weights = scores.softmax(-1)
    # return weights @ v, weights
    ### END STARTER


# %% [markdown] hints="attend_to_source"
r"""
1. Print the mask for `source_ids = [[5, 7, 0]]`. Where is it 1, and which scores does `mask == 0` replace?
2. Section 4 has the other two: which number is low enough in every dtype, and what becomes of a row in which all scores are equally low?
3. `real = (…)[:, None, :]`, and after the softmax `weights.masked_fill(~real, …)`
"""


# %% cases="attend_to_source" active="py"
def cases(seed):
    q, k, v = random_tensor(seed, 2, 2, 4), random_tensor(seed + 1, 2, 3, 4), random_tensor(seed + 2, 2, 3, 5)
    ids = torch.tensor([[5, 7, 0], [6, 0, 0]])
    yield Case({"q": q[:1], "k": k[:1], "v": v[:1], "source_ids": ids[:1]}, note="one filler", part="padding")
    yield Case({"q": q, "k": k, "v": v, "source_ids": ids + 1, "pad_id": 9}, note="no padding at all", part="padding")
    yield Case({"q": q, "k": k, "v": v, "source_ids": ids + 1, "pad_id": 1}, note="another pad_id", part="padding")
    some = random_integers(seed + 3, 0, 3, 2, 3)
    some[:, 1], some[0, 2] = 4, 2
    yield Case({"q": q, "k": k, "v": v, "source_ids": some, "pad_id": 2}, note="random ids", part="padding")
    # each of the others is asked twice, with real tokens and padding exchanged the second time
    half = {"q": q.half(), "k": k.half(), "v": v.half()}
    yield Case(half | {"source_ids": ids, "exchanged": (ids == 0).long()}, note="half precision", part="half")
    ids = torch.tensor([[0, 0, 0], [4, 5, 6]])
    both = {"source_ids": ids, "exchanged": (ids == 0).long()}
    yield Case({"q": q, "k": k, "v": v, **both}, note="an empty source", part="nothing")


# %% probe="attend_to_source" active="py"
def probe(student, case):
    sources = [case["source_ids"], *([case["exchanged"]] if "exchanged" in case else [])]
    options = {"pad_id": case["pad_id"]} if "pad_id" in case else {}
    outcomes = []
    for ids in sources:
        output, weights = student(case["q"], case["k"], case["v"], ids, **options)
        outcomes.append({"output": output, "weights": weights, "dtypes": [str(output.dtype), str(weights.dtype)]})
    return outcomes if "exchanged" in case else outcomes[0]


# %% judge="attend_to_source" active="py"
def judge(case, expected, got):
    same = compare(expected, got)
    if same is not True and "exchanged" in case and isinstance(got, list):
        # this part is right although the student still takes padding for real tokens
        return True if compare(expected, got[::-1]) is True else same
    return same


# %% equivalents="attend_to_source" active="py"
equivalents = {
    "return (weights @ v, weights) → return in_float32((weights @ v, weights))": "the mutant leaves a tuple as it is",
}


# %% mistake="attend_to_source" name="only_flipped" hint="The padding is hidden now. Two faults are left: -1e9 does not fit into float16, and an empty source still gets a uniform look at its padding." active="py"
def attend_to_source(q, k, v, source_ids, pad_id=0):
    real = (source_ids != pad_id)[:, None, :]
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))).masked_fill(~real, -1e9).softmax(-1)
    return weights @ v, weights


# %% mistake="attend_to_source" name="uniform_over_padding" hint="One fault is left: in an empty source every score is equally low, and the softmax makes that uniform. Set hidden weights to 0 after the softmax." active="py"
def attend_to_source(q, k, v, source_ids, pad_id=0):
    real = (source_ids != pad_id)[:, None, :]
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    weights = scores.masked_fill(~real, torch.finfo(scores.dtype).min).softmax(-1)
    return weights @ v, weights


# %% mistake="attend_to_source" name="minus_infinity" hint="−∞ cures half precision, but an empty source becomes 0/0 = nan. Use the lowest finite number, and zero the hidden weights after the softmax." active="py"
def attend_to_source(q, k, v, source_ids, pad_id=0):
    real = (source_ids != pad_id)[:, None, :]
    weights = (q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))).masked_fill(~real, -math.inf).softmax(-1)
    return weights @ v, weights


# %% mistake="attend_to_source" name="still_inverted" hint="The numbers are safe now, but you still look at the padding and hide the real tokens: the comparison must be source_ids != pad_id." active="py"
def attend_to_source(q, k, v, source_ids, pad_id=0):
    real = (source_ids == pad_id)[:, None, :]
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    weights = scores.masked_fill(~real, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(~real, 0.0)
    return weights @ v, weights


# %% [markdown] exercise="derive_the_scale" points=4
r"""
## 11 · In your own words

### In your own words · derive_the_scale

Interview question. Derive scaled dot-product attention, starting from one query that wants a weighted mean of values, and justify the factor $1/\sqrt{d_k}$. Name every assumption, and say when it stops holding.

### BEGIN SOLUTION
A query $q$ scores each key by $q \cdot k_s$; for all queries at once $S = QK^\top$, of shape $(T, S)$. A softmax over each row turns scores into positive weights that sum to 1, and the output is the weighted mean of the values, $\operatorname{softmax}(\cdot)\,V$.

Assume the components of $q$ and $k$ are independent with mean 0 and variance 1. Then $E[q_i k_i] = 0$ and $\operatorname{Var}(q_i k_i) = E[q_i^2]E[k_i^2] = 1$; the $d_k$ terms are uncorrelated, so $\operatorname{Var}(q \cdot k) = d_k$. Unscaled, scores spread by $\sqrt{d_k}$;
for large $d_k$ the softmax is nearly one-hot, and its Jacobian $\operatorname{diag}(p) - pp^\top$ nearly 0 for all scores, the largest included: no gradient reaches $Q$ and $K$. Dividing by $\sqrt{d_k}$ makes the variance 1 whatever $d_k$ is.

The assumptions hold at best at initialisation. PyTorch's default linear layers give queries and keys a variance near {{1/3 : abs(variance_of_q - 1 / 3) < 0.02}}, and training makes matching queries and keys dependent: for $q = k$ the scaled score is about $\sqrt{d_k}$. QK-norm addresses this.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: scores as dot products, row-wise softmax, weighted sum, with shapes
- 1 point: mean 0 and variance d_k of the dot product, each step justified, the assumptions named
- 1 point: saturation of the softmax and small gradients for all scores
- 1 point: variance 1 after scaling, and that this is an argument about initialisation
### END RUBRIC
"""

# %% [markdown] exercise="too_good" points=3
r"""
### In your own words · too_good

A colleague's causal language model reaches 0.1 nats per token on held-out text within minutes, far below the entropy of the language, and generates nonsense. What is wrong, most likely? Describe a test that shows it in two lines, and the repair.

### BEGIN SOLUTION
The future is visible: the causal mask is missing or upside down, or a True = may attend mask was handed to a module that reads True = ignore. Each position sees the token that it must predict and copies it; in generation there is nothing to its right.

Leak test: change the token at position $t$ and compare the outputs; those before $t$ must be identical. Repair: a lower triangle with its diagonal in the convention of the layer that receives it, and the leak test kept in the test suite. (Also worth a look: targets that were not shifted by one.)
### END SOLUTION
### BEGIN RUBRIC
- 1 point: the model sees the answer, with a plausible cause (mask missing, upside down, wrong convention)
- 1 point: a leak test, or an equivalent one, stated precisely
- 1 point: the repair, and why generation fails although the loss is low
### END RUBRIC
"""

# %% [markdown]
r"""
## Flash cards

Eleven questions about attention, for tomorrow and for the weeks after.
"""

# %%
from course_lib.widgets.cards import flash_cards

flash_cards("12_attention")

# %% [markdown]
r"""
## 12 · Where this came from, and where it goes

- **Bahdanau, Cho and Bengio (2014)**, *Neural Machine Translation by Jointly Learning to Align and Translate*: attention as a cure for the fixed-size summary, with an additive score (lesson [11](11_seq2seq.ipynb)). **Luong et al. (2015)**: dot products.
- **Vaswani et al. (2017)**, *Attention Is All You Need*: no recurrence, the factor $1/\sqrt{d_k}$, many heads.
- **Shazeer (2019)** and **Ainslie et al. (2023)**: heads that share keys and values, since the cache of keys and values limits generation. `course_lib.attention.MultiHeadAttention` takes `n_kv_heads`; lesson 15 is about it.
- **Dao et al. (2022)**, *FlashAttention*: exact attention without the matrix. **Henry et al. (2020)**: QK-norm.
- **Elhage et al. (2021)**, *A Mathematical Framework for Transformer Circuits*: what attention-only models such as ours compute.
"""

# %% [markdown]
r"""
**What we do not know.** Why a given head comes to do a given job, and whether it would again with another seed, is measured rather than predicted. Two layers sufficed here because the toy language needs little more; nothing here shows how attention
behaves at a thousand times the size.

From the next lesson on, `course_lib.attention` holds the tested version of all that you wrote. Next: [13 Positions](13_positions.ipynb), *how does a set become a sequence?*
"""
