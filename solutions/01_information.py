# ---
# jupyter:
#   course:
#     title: How surprised should a model be?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# How surprised should a model be?

Two readers see the sentence *the mouse ate the cheese* one word at a time, and before each word they bet on what comes. One knows nothing but the {{348 = V}} words of the language. The other
knows exactly how mice, cheese and sentences work. After each word we measure how surprised they are, in a unit that we shall define.

The picture below is the whole lesson. A bar is a **surprise**. The mean of a reader's bars is their **cross-entropy**. It is the number that every language model you will
ever train makes smaller, and there is a number below which it cannot stay.
"""

# %% setup=true
import itertools
import math
from collections import Counter

import torch
from torch import Tensor

from course_lib import information, scoreboard
from course_lib.checks import check, show_answer, yours
from course_lib.figures import information as figures
from course_lib.figures.style import show
from course_lib.huffman import blocks, decode, encode, huffman_code, mean_length
from course_lib.widgets.information import coin_explorer, divergence_explorer, temperature_explorer

# %%
world = scoreboard.language()  # the mouse-and-cheese world: every probability in it is known
text = "the mouse ate the cheese <eos>".split()
ids = world.encode(" ".join(text))
knows_all = [-math.log(world.next_token_probs(ids[:t])[ids[t]]) for t in range(len(ids))]
knows_nothing = [math.log(len(world.vocabulary))] * len(ids)
readers = {"knows nothing": knows_nothing, "knows the world": knows_all}
figure = figures.surprise_by_token(text, readers)
hardest = text[knows_all.index(max(knows_all))]
show(figure, alt="Surprise at each of six tokens. A reader who knows nothing is equally surprised "
     f"each time, {knows_nothing[0]:.2f} nats. A reader who knows the world is most surprised at "
     f"'{hardest}', and {sum(knows_all) / 6:.2f} nats on average.")  # fmt: skip

# %% [markdown]
r"""
## What you will be able to do

- compute the surprise of an event, and the entropy, cross-entropy, KL divergence and perplexity of distributions, with the cases that make other people's code print `nan`;
- derive *cross-entropy = entropy + KL divergence* line by line, and say which of the three training can change;
- write a softmax with temperature and a log-softmax that survive logits of 1000 and temperatures of 0.0001;
- derive both classification losses from maximum likelihood, and write them so that their gradients are right too;
- tell a model that has learned from a model that has memorised, and place the first two models on the course's scoreboard.

**Time** about 90 minutes; another 40 for what is marked optional. A good place to stop for a day is after section 5. **Builds on** [00 Start here](00_start_here.ipynb). Logarithms are natural, so surprises are in ***nats***, except where bits are named: 1 bit is $\ln 2 \approx {{0.6931 = math.log(2)}}$ nats.
"""

# %% [markdown]
r"""
## 1. A language model is a probability distribution

Let $V$ be the number of tokens in a vocabulary. For now a token is a word; lesson 02 cuts finer. A ***language model*** gives each sequence of tokens $x_1, \dots, x_L$ a probability

$$p(x_1, \dots, x_L) \in [0, 1].$$

One number per sequence sounds like little. But to place these numbers well you need *syntax* (“mouse the the cheese ate” is no sentence), *semantics* (mice eat cheese; cheese eating mice is grammatical
and odd) and *knowledge of the world* (the Eiffel Tower stands in Paris). Here is what our world says:
"""

# %%
sentences = """the mouse ate the cheese <eos>
the cheese ate the mouse <eos>
mouse the the cheese ate <eos>
the Eiffel Tower stands in Paris <eos>
the Eiffel Tower stands in Rome <eos>"""
for sentence in sentences.splitlines():
    print(f"p = {math.exp(world.log_prob(world.encode(sentence))):.7f}   {sentence}")

# %% [markdown]
r"""
Small numbers, all of them, since they share one unit of probability with every other sentence. What carries meaning is their *ratio*.

Nobody can list all sentences, so a model works word by word. The ***chain rule*** of probability, which is always true, says

$$p(x_1, \dots, x_L) = \prod_{t=1}^{L} p(x_t \mid x_1, \dots, x_{t-1}).$$

Each factor is a distribution over the $V$ possible next tokens: a vector of shape `(V,)` that sums to 1. A model that predicts each token from those before it is called ***autoregressive***.

**One token more is needed.** Without an end, the product is a distribution over the sequences of *each* length $L$: all words of length 1 sum to 1, all pairs sum to 1, all triples sum to 1 … so “all sequences” sum
to infinity. Put a token `<eos>` (end of sequence) into the vocabulary and require it at the end, and everything sums to 1 together. Take a toy model that ends with probability 0.2 at each step and
otherwise picks one of 4 words, each with 0.2:
"""

# %%
for longest in (1, 2, 3, 10, 50):
    without_end = sum(4**n * 0.25**n for n in range(1, longest + 1))  # n words, each 1/4
    with_end = sum(4**n * 0.2**n * 0.2 for n in range(longest))  # n words, then <eos>
    print(f"at most {longest:2d} tokens: without <eos> {without_end:4.1f}, with {with_end:.5f}")

# %% [markdown]
r"""
With `<eos>` the sum is {{$1 - 0.8^{L}$ : abs(with_end - (1 - 0.8**longest)) < 1e-9}} for texts of at most $L$ tokens: it approaches 1 and leaves a share for longer texts.

## 2. Surprise

Claude Shannon asked in 1948 how much we learn from one event of probability $p$. His answer rests on two wishes: rarer events should tell us more, and two *independent* events should tell us the *sum* of what
each tells. Probabilities of independent events multiply. What turns products into sums is the logarithm, so the ***surprise*** (***surprisal***, self-information) is

$$s(p) = -\log p .$$

By hand: the surprise of an event of probability $\tfrac18$ is $\log 8 \approx {{2.0794 = surprisal(torch.tensor(1 / 8))}}$ nats, three times that of a fair coin ($\log 2 \approx {{0.6931 = surprisal(torch.tensor(1 / 2))}}$).
In bits: {{3 = -math.log2(1 / 8)}} and {{1 = -math.log2(1 / 2)}}. A certain event has surprise 0. An impossible event that happens
anyway is infinitely surprising, and for a model that is no exaggeration: it had promised that this would never be seen.

### Exercise · surprisal
"""


# %% exercise="surprisal" points=1 withheld="course_lib.information.surprisal"
def surprisal(p: Tensor) -> Tensor:
    """Return the surprise of outcomes that had probability p.

    p        any shape, probabilities in [0, 1]
    returns  same shape, −log p in nats; inf where p is 0

    Example: surprisal(torch.tensor([1.0, 0.5, 0.125])) is [0, 0.6931, 2.0794].
    """
    ### BEGIN SOLUTION
    return -p.log()
    ### END SOLUTION


# %% [markdown] hints="surprisal"
r"""
1. Which method of a tensor is the natural logarithm, and what does it give at 0?
2. The logarithm of 0 is −inf. The same change of sign that makes surprises positive makes that the inf that we want: no guard is needed.
3. `return -p.…()`
"""


# %% cases="surprisal" active="py"
def cases(seed):
    yield Case({"p": torch.tensor([1.0, 0.5, 0.125])}, note="certain, a coin, one of eight")
    yield Case({"p": torch.tensor(0.0)}, note="impossible")
    yield Case({"p": torch.tensor([1e-12, 1e-30])}, note="nearly impossible")
    for i, shape in enumerate([(5,), (3, 4), (2, 1, 3)]):
        yield Case({"p": random_distributions(3 * seed + i, *shape)}, note="random probabilities")


# %% mistake="surprisal" name="bits" hint="You measured in bits (log2). This course measures in nats: use the natural logarithm." active="py"
def surprisal(p):
    return -p.log2()


# %% mistake="surprisal" name="sign" hint="A surprise is not negative: the logarithm of a number below 1 is, so change the sign." active="py"
def surprisal(p):
    return p.log()


# %% mistake="surprisal" name="reciprocal" hint="1/p grows when p shrinks, but surprises of independent events would multiply instead of add: take its logarithm." active="py"
def surprisal(p):
    return 1 / p


# %% mistake="surprisal" name="epsilon" hint="A small number added to p hides that an impossible event is infinitely surprising. No guard is needed here: inf is the right answer." active="py"
def surprisal(p):
    return -(p + 1e-9).log()


# %% [markdown]
r"""
Where does the Eiffel Tower stand? The world says Paris with probability {{0.97 = city.max()}}; its people err in {{three sentences of a hundred : abs(1 - city.max() - 0.03) < 1e-4}}, and those three are shared
by {{13 = (city > 0).sum() - 1}} other cities.
"""

# %%
my_surprisal = yours("information.surprisal", information.surprisal)
city = world.next_token_probs(world.encode("the Eiffel Tower stands in"))
for name in ("Paris", "Rome"):
    p = city[world.encode(name)[0]]
    nats = my_surprisal(p)
    print(f"{name:6s} p = {p:.4f}   surprise {nats:.4f} nats = {nats / math.log(2):.4f} bits")

# %% [markdown]
r"""
## 3. Entropy: the surprise that you should expect

Before the word comes, which surprise should you expect? Outcome $x$ comes with probability $p(x)$ and then surprises by $-\log p(x)$. The mean is the ***entropy***

$$H(p) = -\sum_{x=1}^{V} p(x) \log p(x) = \sum_{x=1}^{V} p(x) \log \frac{1}{p(x)} .$$

By hand: a mouse looks under the table and finds cheese, bread, corn or a shoe with probabilities $\tfrac12, \tfrac14, \tfrac18, \tfrac18$. The surprises are 1, 2, 3, 3 bits, their mean is
$\tfrac12 \cdot 1 + \tfrac14 \cdot 2 + \tfrac18 \cdot 3 + \tfrac18 \cdot 3 = {{1.75 = in_bits}}$ bits $\approx {{1.2130 = entropy(table)}}$ nats. Four *equally* likely finds would give {{2 = entropy(torch.ones(4) / 4) / math.log(2)}} bits: knowing the mouse's table
has saved {{a quarter of a bit : abs(2 - in_bits - 0.25) < 1e-6}}.

What an impossible outcome contributes is $0 \cdot \log 0$. As $p \to 0$, $p \log p \to 0$, so it counts as 0. Floating point disagrees:
"""

# %%
p = torch.tensor([0.5, 0.5, 0.0])
print("p · log p =", p * p.log(), " and the sum is", (p * p.log()).sum())

# %% [markdown]
r"""
### Exercise · entropy

Mind the zeros, and return one number for each distribution in the last dimension.
"""


# %% exercise="entropy" points=2 withheld="course_lib.information.entropy course_lib.estimators.plug_in_entropy torch.special.entr torch.special.xlogy torch.xlogy torch.distributions scipy.special.entr scipy.special.rel_entr scipy.stats.entropy"
def entropy(p: Tensor) -> Tensor:
    """Return the entropy of each distribution in the last dimension.

    p        (..., V) probabilities; each row sums to 1
    returns  (...) entropies in nats; 0·log 0 counts as 0

    Off limits: entr, xlogy, torch.distributions and SciPy, which would answer it.
    Example: entropy(torch.tensor([0.5, 0.25, 0.125, 0.125])) is 1.2130.
    """
    ### BEGIN SOLUTION
    log_p = torch.where(p > 0, p, 1).log()  # log 1 = 0 in place of log 0
    return -(p * log_p).sum(-1)
    ### END SOLUTION


# %% [markdown] hints="entropy"
r"""
1. Which entries of `p * p.log()` become nan, and what should they count as?
2. Keep the zeros away from the logarithm: put any positive number in their place *before* it. Multiplied by `p`, which is 0 there, the term is 0.
3. `log_p = torch.where(p > 0, p, …).log()`, then a sum over the last dimension.
"""


# %% cases="entropy" active="py"
def cases(seed):
    yield Case({"p": torch.tensor([0.5, 0.5])}, note="a fair coin")
    yield Case({"p": torch.tensor([1.0, 0.0])}, note="certainty")
    yield Case({"p": torch.tensor([0.5, 0.25, 0.125, 0.125])}, note="under the table")
    yield Case({"p": torch.tensor([[0.0, 0.5, 0.5], [0.25, 0.75, 0.0]])}, note="two rows with zeros")
    for i, shape in enumerate([(5,), (4, 2), (2, 3, 7)]):
        yield Case({"p": random_distributions(3 * seed + i, *shape)}, note="random distributions")


# %% equivalents="entropy" active="py"
equivalents = {
    "torch.where(p > 0, p, 1) → torch.where(p > 0, p, 2)": "there p is 0, and 0 times any finite logarithm is 0",
}


# %% mistake="entropy" name="bits" hint="You measured in bits; this course measures in nats (natural logarithm)." active="py"
def entropy(p):
    return -(p * p.log2()).nansum(-1)


# %% mistake="entropy" name="nan_at_zero" hint="0·log 0 came out as nan. It counts as 0: keep the zeros away from the logarithm." active="py"
def entropy(p):
    return -(p * p.log()).sum(-1)


# %% mistake="entropy" name="unweighted" hint="This is the plain mean of the surprises. An outcome should count as often as it comes: weight it by p." active="py"
def entropy(p):
    return -torch.where(p > 0, p, 1).log().mean(-1)


# %% mistake="entropy" name="averaged" hint="The sum over the outcomes is already a mean, since the weights p sum to 1. Do not divide by V." active="py"
def entropy(p):
    return -(p * torch.where(p > 0, p, 1).log()).mean(-1)


# %% mistake="entropy" name="first_dimension" hint="You summed over the first dimension. The outcomes of a distribution are in the last one: `sum(-1)`." active="py"
def entropy(p):
    return -(p * torch.where(p > 0, p, 1).log()).sum(0)


# %% mistake="entropy" name="averaged_rows" hint="You averaged over the rows. Each row is a distribution by itself and gets its own entropy." active="py"
def entropy(p, right=entropy):
    return right(p).mean(-1) if p.ndim > 1 else right(p)


# %% mistake="entropy" name="summed_all" hint="Each row is a distribution by itself: sum over the last dimension only." active="py"
def entropy(p):
    return -(p * torch.where(p > 0, p, 1).log()).sum()


# %% [markdown]
r"""
### The coin

Move the slider. Where is the entropy largest? What happens to the *rare* side's surprise near the ends, and why does the entropy go to 0 all the same?
"""

# %%
coin_explorer(0.9)

# %% [markdown]
r"""
Near the ends the rare side surprises without bound, but it comes so seldom that its share $p \log \tfrac1p$ vanishes. The maximum, $\log 2$ nats or {{1 = entropy(torch.tensor([0.5, 0.5])) / math.log(2)}} bit, is the fair coin. In general
$0 \le H(p) \le \log V$, and only the uniform distribution reaches $\log V$.

### What entropy is good for: nobody can write shorter · optional

Suppose you send the mouse's finds home as bits. Give frequent finds short codewords. Huffman (1952) found the best code that gives each symbol its own codeword:
"""

# %%
finds = {"cheese": 1 / 2, "bread": 1 / 4, "corn": 1 / 8, "shoe": 1 / 8}
code = huffman_code(finds)
bits = encode(["cheese", "shoe", "bread", "cheese"], code)
print(code, "\n", bits, "→", decode(bits, code))
my_entropy = yours("information.entropy", information.entropy)
table = torch.tensor(list(finds.values()))
in_bits = my_entropy(table) / math.log(2)
print(f"mean length {mean_length(code, finds):.3f} bits, entropy {in_bits:.3f} bits")

# %% [markdown]
r"""
Each codeword is {{as long as its symbol's surprise in bits : all(len(code[x]) == -math.log2(p) for x, p in finds.items())}}, and the mean length
{{*is* the entropy : abs(mean_length(code, finds) - in_bits) < 1e-6}}. This is Shannon's bound: no code that can be decoded uses fewer bits per symbol, on average, than the entropy. Huffman's code stays below
$H + 1$.

That 1 hurts when the entropy is small. A coin that shows heads 9 times in 10 has $H \approx {{0.469 = coin_bits}}$ bits, but a codeword cannot be shorter than 1 bit. The way out is to code several tosses together: the loss of at most one bit is then shared by the
whole block.
"""

# %%
coin = {"heads": 0.9, "tails": 0.1}
per_toss = {}
for n in range(1, 7):
    several = blocks(coin, n)  # the 2ⁿ results of n tosses
    per_toss[n] = mean_length(huffman_code(several), several) / n
coin_bits = my_entropy(torch.tensor(list(coin.values()))).item() / math.log(2)
figure = figures.bits_per_symbol(per_toss, coin_bits)
show(figure, alt=f"Bits per toss fall from {per_toss[1]:.3f} for single tosses to "
     f"{per_toss[6]:.3f} for blocks of six; the entropy, {coin_bits:.3f} bits, is below "
     "all bars.")  # fmt: skip

# %% [markdown]
r"""
A language model plus a coder of this kind is a compressor, and low entropy means structure: text that a good model can predict is text that it can shorten. Shannon (1951) let people guess the next letter of English and concluded
that a letter carries about 0.6 to 1.3 bits, where 27 equally likely letters (with the space) would carry $\log_2 27 \approx {{4.75 = math.log2(27)}}$.
"""

# %% [markdown]
r"""
## 4. The wrong model: cross-entropy and KL divergence

A model $q$ bets; the words come from $p$. Outcome $x$ still comes with probability $p(x)$, but it surprises the model by $-\log q(x)$. Its mean surprise is the ***cross-entropy***

$$H(p, q) = -\sum_{x=1}^{V} p(x) \log q(x).$$

In code: the mean length when the code was made for $q$ and the messages come from $p$. By hand: a model expects bread under the table, $q = (\tfrac18, \tfrac12, \tfrac14, \tfrac18)$ for cheese, bread, corn, shoe. Its surprises are 3, 1, 2, 3 bits, and
$H(p, q) = \tfrac12 \cdot 3 + \tfrac14 \cdot 1 + \tfrac18 \cdot 2 + \tfrac18 \cdot 3 = {{2.375 = cross_entropy(table, table[[2, 0, 1, 3]]) / math.log(2)}}$ bits $\approx {{1.6462 = cross_entropy(table, table[[2, 0, 1, 3]])}}$ nats. A model that knows the table pays
{{1.75 = in_bits}} bits.

What if $q(x) = 0$? If $p(x) > 0$, it will happen, and the cross-entropy is infinite. If $p(x) = 0$ too, it never happens and counts as 0.

### Exercise · cross_entropy
"""


# %% exercise="cross_entropy" points=2 withheld="course_lib.information.cross_entropy torch.nn.functional.cross_entropy torch.special.xlogy torch.xlogy"
def cross_entropy(p: Tensor, q: Tensor) -> Tensor:
    """Return the mean surprise of a model q about outcomes that come from p.

    p        (..., V) probabilities of the outcomes
    q        (..., V) the model's probabilities
    returns  (...) −Σ p log q in nats; where p is 0 the term counts as 0, whatever q is;
             inf where q is 0 for an outcome that p allows.
             Gradients flow back to q: we shall train with it

    Off limits: torch's cross_entropy and xlogy, which would answer it.
    Example: p = [0.5, 0.25, 0.125, 0.125], q = [0.125, 0.5, 0.25, 0.125] give 1.6462.
    """
    ### BEGIN SOLUTION
    log_q = torch.where((p > 0) | (q > 0), q, 1).log()
    return -(p * log_q).sum(-1)
    ### END SOLUTION


# %% [markdown] hints="cross_entropy"
r"""
1. There are two kinds of zero: `q == 0` with `p > 0` must give inf, `q == 0` with `p == 0` must give 0. Which one does plain `p * q.log()` get wrong?
2. Where *both* are 0, put 1 in the place of `q` before the logarithm, and leave it alone everywhere else. The rest is the formula.
3. `log_q = torch.where((p > 0) | (…), q, 1).log()`
"""


# %% cases="cross_entropy" active="py"
def cases(seed):
    under_the_table = torch.tensor([0.5, 0.25, 0.125, 0.125])
    yield Case({"p": under_the_table, "q": torch.tensor([0.125, 0.5, 0.25, 0.125])}, note="expects bread")
    yield Case(
        {"p": torch.tensor([0.5, 0.5, 0.0]), "q": torch.tensor([0.25, 0.75, 0.0])}, note="both rule out the third"
    )
    yield Case({"p": torch.tensor([0.5, 0.5]), "q": torch.tensor([1.0, 0.0])}, note="the model rules out what happens")
    yield Case(
        {"p": torch.tensor([0.5, 0.5, 0.0]), "q": torch.tensor([0.4, 0.4, 0.2])}, note="the model allows too much"
    )
    yield Case({"p": torch.tensor([0.5, 0.5]), "q": torch.tensor([1.0, 1e-12])}, note="nearly ruled out")
    for i, shape in enumerate([(5,), (4, 3), (2, 3, 6)]):
        p, q = (random_distributions(6 * seed + 2 * i + j, *shape) for j in range(2))
        yield Case({"p": p, "q": q}, note="random distributions, with the gradient by q")


# %% probe="cross_entropy" active="py"
def probe(student, case):
    if (case["p"] == 0).any() or (case["q"] < 1e-9).any():
        return student(**case)
    q = case["q"].clone().requires_grad_()
    h = student(case["p"], q)
    flows = getattr(h, "requires_grad", False)
    (gradient,) = torch.autograd.grad(h.sum(), q) if flows else (None,)
    return {"cross-entropy": h, "gradient": gradient}


# %% equivalents="cross_entropy" active="py"
equivalents = {
    "(p > 0) | (q > 0) → p > 0": "there p is 0, and 0 times any finite logarithm is 0",
    "q > 0 → q > 1": "there p is 0, and 0 times any finite logarithm is 0",
    "torch.where((p > 0) | (q > 0), q, 1) → torch.where((p > 0) | (q > 0), q, 2)": "there p is 0, and 0 times any finite logarithm is 0",
}


# %% mistake="cross_entropy" name="no_gradient" hint="The values are right, but no gradient flows back to q: `item()`, `tolist()`, `detach()`, `torch.tensor` and NumPy cut it off. Stay with torch's operations." active="py"
def cross_entropy(p, q, right=cross_entropy):
    return right(p, q.detach())


# %% mistake="cross_entropy" name="averaged" hint="The sum over the outcomes is a mean already, since the weights p sum to 1. Do not divide by V." active="py"
def cross_entropy(p, q):
    return -(p * torch.where((p > 0) | (q > 0), q, 1).log()).mean(-1)


# %% mistake="cross_entropy" name="bits" hint="You measured in bits; this course measures in nats (natural logarithm)." active="py"
def cross_entropy(p, q):
    return -(p * torch.where((p > 0) | (q > 0), q, 1).log2()).sum(-1)


# %% mistake="cross_entropy" name="swapped" hint="p and q are swapped: the words come from p, so p weights; the model q is surprised, so q goes into the logarithm." active="py"
def cross_entropy(p, q):
    return -(q * torch.where((p > 0) | (q > 0), p, 1).log()).sum(-1)


# %% mistake="cross_entropy" name="nan_at_zero" hint="Where p and q are both 0 you get 0·log 0 = nan. It never happens, so it counts as 0." active="py"
def cross_entropy(p, q):
    return -(p * q.log()).sum(-1)


# %% mistake="cross_entropy" name="inf_hidden" hint="The infinite terms were replaced by 0. Only 0·log 0 counts as 0: a model that rules out what happens deserves inf." active="py"
def cross_entropy(p, q):
    return -(p * q.log()).nan_to_num(0, 0, 0).sum(-1)


# %% mistake="cross_entropy" name="averaged_rows" hint="You averaged over the rows. Each row is a distribution by itself and gets its own cross-entropy." active="py"
def cross_entropy(p, q, right=cross_entropy):
    return right(p, q).mean()


# %% mistake="cross_entropy" name="epsilon" hint="A small number inside the logarithm turns an infinite loss into a harmless one. A model that rules out what happens deserves inf." active="py"
def cross_entropy(p, q):
    return -(p * (q + 1e-9).log()).sum(-1)


# %% [markdown]
r"""
### How much of it is the model's fault?

Subtract what even the perfect model pays. The difference is the ***Kullback–Leibler divergence*** (1951). Start from its definition:

$$\begin{aligned}
\mathrm{KL}(p \,\|\, q) &= \sum_x p(x) \log \frac{p(x)}{q(x)} && \text{definition} \\
&= \sum_x p(x) \bigl( \log p(x) - \log q(x) \bigr) && \text{logarithm of a quotient} \\
&= \sum_x p(x) \log p(x) - \sum_x p(x) \log q(x) && \text{two sums} \\
&= -H(p) + H(p, q) && \text{both definitions}
\end{aligned}$$

and therefore

$$\boxed{\,H(p, q) = H(p) + \mathrm{KL}(p \,\|\, q)\,}$$

**cross-entropy = what the world is + what the model lacks.** By hand, in bits: $2.375 = 1.75 + {{0.625 = kl_divergence(table, table[[2, 0, 1, 3]]) / math.log(2)}}$.
"""

# %% [markdown]
r"""
The divergence is never negative. Since $\log u \le u - 1$ for each $u > 0$, with equality only at $u = 1$,

$$-\mathrm{KL}(p \,\|\, q) = \sum_{x:\,p(x)>0} p(x) \log \frac{q(x)}{p(x)} \;\le\; \sum_{x:\,p(x)>0} p(x) \Bigl( \frac{q(x)}{p(x)} - 1 \Bigr) = \sum_{x:\,p(x)>0} q(x) - 1 \;\le\; 0,$$

and it is 0 only for $q = p$. So $H(p)$ is the floor of the cross-entropy, and training, which can change $q$ and not $p$, lowers the divergence and nothing else.

Neither of the two is a *distance*, though you will read so. Not symmetric: with the table's numbers, $\mathrm{KL}(p\|q) = {{0.625 = kl_divergence(table, table[[2, 0, 1, 3]]) / math.log(2)}}$ bits and
$\mathrm{KL}(q\|p) = {{0.5 = kl_divergence(table[[2, 0, 1, 3]], table) / math.log(2)}}$ bits. And the cross-entropy of a perfect model is $H(p, p) = H(p)$, which is not 0.

### Exercise · kl_divergence
"""


# %% exercise="kl_divergence" points=2 withheld="course_lib.information.kl_divergence torch.nn.functional.kl_div torch.special.xlogy torch.xlogy torch.distributions scipy.special.kl_div scipy.special.rel_entr scipy.stats.entropy"
def kl_divergence(p: Tensor, q: Tensor) -> Tensor:
    """Return KL(p ‖ q): what it costs, in mean surprise, to believe q when p is true.

    p        (..., V) probabilities of the outcomes
    q        (..., V) the model's probabilities
    returns  (...) Σ p log(p/q) in nats; where p is 0 the term counts as 0, whatever q is;
             inf where q is 0 for an outcome that p allows

    Off limits: kl_div, xlogy, torch.distributions and SciPy, which would answer it.
    Example: p = [0.5, 0.25, 0.125, 0.125], q = [0.125, 0.5, 0.25, 0.125] give 0.4332.
    """
    ### BEGIN SOLUTION
    log_p = torch.where(p > 0, p, 1).log()
    log_q = torch.where((p > 0) | (q > 0), q, 1).log()
    return (p * (log_p - log_q)).sum(-1)
    ### END SOLUTION


# %% [markdown] hints="kl_divergence"
r"""
1. Which two quantities that you can compute does the boxed formula connect with this one? And which zeros do log p and log q meet?
2. The boxed formula is one way. The other: treat log p and log q separately, each with its own zeros, as you did above.
3. `(p * (log_p - …)).sum(-1)`, where `log_p` is `torch.where(p > 0, p, 1).log()`.
"""


# %% cases="kl_divergence" active="py"
def cases(seed):
    under_the_table = torch.tensor([0.5, 0.25, 0.125, 0.125])
    yield Case({"p": torch.tensor([0.5, 0.5]), "q": torch.tensor([0.5, 0.5])}, note="a perfect model")
    yield Case({"p": under_the_table, "q": torch.tensor([0.125, 0.5, 0.25, 0.125])}, note="expects bread")
    yield Case({"p": torch.tensor([0.5, 0.5]), "q": torch.tensor([1.0, 0.0])}, note="the model rules out what happens")
    yield Case(
        {"p": torch.tensor([1.0, 0.0, 0.0]), "q": torch.tensor([0.5, 0.5, 0.0])}, note="the model allows too much"
    )
    yield Case({"p": torch.tensor([0.5, 0.5]), "q": torch.tensor([1.0, 1e-12])}, note="nearly ruled out")
    for i, shape in enumerate([(5,), (4, 3), (2, 3, 6)]):
        p, q = (random_distributions(6 * seed + 2 * i + j, *shape) for j in range(2))
        yield Case({"p": p, "q": q}, note="random distributions")


# %% equivalents="kl_divergence" active="py"
equivalents = {
    "torch.where(p > 0, p, 1) → torch.where(p > 0, p, 2)": "there p is 0, and 0 times any finite logarithm is 0",
    "(p > 0) | (q > 0) → p > 0": "there p is 0, and 0 times any finite logarithm is 0",
    "q > 0 → q > 1": "there p is 0, and 0 times any finite logarithm is 0",
    "torch.where((p > 0) | (q > 0), q, 1) → torch.where((p > 0) | (q > 0), q, 2)": "there p is 0, and 0 times any finite logarithm is 0",
}


# %% mistake="kl_divergence" name="reversed" hint="This is KL(q ‖ p). The first argument, the truth, gives the weights." active="py"
def kl_divergence(p, q):
    log_q = torch.where(q > 0, q, 1).log()
    return (q * (log_q - torch.where((p > 0) | (q > 0), p, 1).log())).sum(-1)


# %% mistake="kl_divergence" name="bits" hint="You measured in bits; this course measures in nats (natural logarithm)." active="py"
def kl_divergence(p, q):
    log_p = torch.where(p > 0, p, 1).log2()
    return (p * (log_p - torch.where((p > 0) | (q > 0), q, 1).log2())).sum(-1)


# %% mistake="kl_divergence" name="nan_at_zero" hint="Where p is 0 you get 0·log 0 = nan. That outcome never comes, so it counts as 0." active="py"
def kl_divergence(p, q):
    return (p * (p / q).log()).sum(-1)


# %% mistake="kl_divergence" name="inf_hidden" hint="Where q is 0 the term was dropped. If p allows the outcome, the divergence is inf: only terms with p = 0 count as 0." active="py"
def kl_divergence(p, q):
    return (p * (torch.where(p > 0, p, 1).log() - torch.where(q > 0, q, 1).log())).sum(-1)


# %% mistake="kl_divergence" name="opposite_sign" hint="The sign is the other way round: log p − log q, not log q − log p. A divergence is never negative." active="py"
def kl_divergence(p, q, right=kl_divergence):
    return -right(p, q)


# %% mistake="kl_divergence" name="cross_entropy_instead" hint="This is the cross-entropy. For a perfect model the divergence is 0: the entropy of p must be taken off." active="py"
def kl_divergence(p, q):
    return -(p * torch.where((p > 0) | (q > 0), q, 1).log()).sum(-1)


# %% mistake="kl_divergence" name="averaged" hint="The weights p already make the sum a mean. Do not divide by V (as torch's kl_div does with its default reduction)." active="py"
def kl_divergence(p, q):
    log_p = torch.where(p > 0, p, 1).log()
    return (p * (log_p - torch.where((p > 0) | (q > 0), q, 1).log())).mean(-1)


# %% [markdown]
r"""
### The direction matters · optional

The tower of a story stands in Paris or in Rome, equally often ($0.45$ each; four other cities share the rest). Our model can favour only *one* city, Paris, and gives each other city the same.
How much should it put on Paris? Find the lowest point of each curve, then push the slider to the right end.
"""

# %%
cities = ["Paris", "Rome", "London", "Berlin", "Prague", "Athens"]
story = torch.tensor([0.45, 0.45, 0.025, 0.025, 0.025, 0.025])
divergence_explorer(story, cities, peak=0, weight=0.6)

# %%
my_kl = yours("information.kl_divergence", information.kl_divergence)
on_paris = torch.linspace(0.01, 1, 100)
# (100, 6): the other five cities share the rest
models = torch.stack([on_paris, *[(1 - on_paris) / 5] * 5], -1)
forward, backward = my_kl(story.expand(100, 6), models), my_kl(models, story.expand(100, 6))
for name, divergence in (("KL(p‖q)", forward), ("KL(q‖p)", backward)):
    best = divergence.argmin()
    lowest, there = divergence[best], on_paris[best]
    print(f"{name} is lowest, {lowest:.3f} nats, with {there:.2f} on Paris")
    print(f"         with 1.00 on Paris it is {divergence[-1]:.3f}")

# %% [markdown]
r"""
$\mathrm{KL}(p\|q)$, the one that training lowers, asks the model to **leave nothing out that happens**: its best model gives Paris {{0.45 = on_paris[forward.argmin()]}}, exactly as the world does, and a model that gives everything to Paris
{{pays infinitely : forward[-1] == math.inf}}. $\mathrm{KL}(q\|p)$
asks the model to **say nothing that does not happen**: its best model puts about {{0.67 = on_paris[backward.argmin()] ± 0.01}} on Paris and would rather forget about Rome than babble of Berlin. You meet this second direction again when models are tuned with rewards (lesson 20).

### Question · which_direction · optional

In the world, “Rome” comes with probability 0.05. A model gives it probability 0, and gives all other cities a positive probability, as the world does. What is infinite?

- **a** only KL(world ‖ model)
- **b** only KL(model ‖ world)
- **c** both
- **d** neither
"""

# %% exercise="which_direction" points=1 optional=true kind="choice" choices="a b c d"
### BEGIN SOLUTION
which_direction = "a"
### END SOLUTION

# %% mistake="which_direction" name="b" hint="In KL(model ‖ world) Rome has the weight 0, the model's probability of it, so Rome contributes nothing." active="py"
which_direction = "b"

# %% mistake="which_direction" name="c" hint="One of the two weights Rome's term by the model's probability, which is 0. Which one?" active="py"
which_direction = "c"

# %% mistake="which_direction" name="d" hint="Rome does come, five times in a hundred, and its surprise for this model is −log 0. Which direction weights this by the world's probability?" active="py"
which_direction = "d"

# %% [markdown]
r"""
## 5. Perplexity: as unsure as between how many?

“{{1.4 = sum(knows_all) / len(knows_all)}} nats per word” is hard to feel. Undo the logarithm. A model gave the $N$ tokens that really came the probabilities $q_1, \dots, q_N$. Its mean surprise is $-\tfrac1N \sum_i \log q_i$, and

$$\mathrm{PP} = \exp\Bigl( -\frac1N \sum_{i=1}^{N} \log q_i \Bigr)$$

is its ***perplexity***: a model of perplexity 8 is as unsure, on average, as somebody who chooses among 8 equally likely tokens. By hand: for probabilities $\tfrac12, \tfrac14, \tfrac18$ the mean surprise is 2 bits, and the perplexity is $2^2 = {{4 = perplexity(torch.tensor([1 / 2, 1 / 4, 1 / 8]).log())}}$, in whatever unit you
computed, as long as base and exponential match: $e^{\text{nats}} = 2^{\text{bits}}$.

The mean is *inside* the exponential. The mean of $1/q_i$ would be $(2 + 4 + 8)/3 \approx {{4.67 = (2 + 4 + 8) / 3}}$, which one rare token can blow up; and a mean of the perplexities of sentences or batches is wrong for the same reason.

### Exercise · perplexity
"""


# %% exercise="perplexity" points=2 withheld="course_lib.information.perplexity"
def perplexity(log_probs: Tensor) -> Tensor:
    """Return the perplexity of a model on a text.

    log_probs  any shape, at least one element: the model's log probability, in nats, of each
               token that came
    returns    () exp of the mean surprise over all tokens, however they are arranged

    Raises ValueError when there is no token.
    Example: perplexity(torch.tensor([0.5, 0.25, 0.125]).log()) is 4.
    """
    ### BEGIN SOLUTION
    if log_probs.numel() == 0:
        raise ValueError(f"log_probs must hold at least one token, got shape {tuple(log_probs.shape)}")
    return (-log_probs.mean()).exp()
    ### END SOLUTION


# %% [markdown] hints="perplexity"
r"""
1. The input holds logarithms already. Which comes first, the mean or the exponential? And how many tokens does an empty tensor have?
2. Refuse a tensor without elements. Otherwise take the mean of *all* elements, however they are arranged, change its sign, and only then take the exponential.
3. `if log_probs.numel() == …: raise …`, then `(-log_probs.…()).…()`.
"""


# %% cases="perplexity" active="py"
def cases(seed):
    yield Case({"log_probs": torch.tensor([0.5, 0.25, 0.125]).log()}, note="one of 2, 4 and 8")
    yield Case({"log_probs": torch.tensor([-1.0, float("-inf")])}, note="something impossible came")
    yield Case({"log_probs": torch.empty(0)}, note="no token")
    yield Case({"log_probs": torch.empty(3, 0)}, note="three texts without a token")
    easy_to_hard = torch.tensor([[0.1], [1.0], [5.0]])
    for i, shape in enumerate([(3, 7), (3, 1), (2, 3, 4)]):
        log_probs = -easy_to_hard * torch.rand(shape, generator=generator(3 * seed + i))
        yield Case({"log_probs": log_probs}, note="random tokens, easy and hard texts")
    yield Case({"log_probs": torch.full((400,), -2.5)}, note="a long text: the product of its probabilities is 0.0")


# %% mistake="perplexity" name="mean_of_exponentials" hint="You averaged 1/q. The mean belongs inside: average the surprises first, then take the exponential." active="py"
def perplexity(log_probs):
    if log_probs.numel() == 0:
        raise ValueError
    return (-log_probs).exp().mean()


# %% mistake="perplexity" name="base_two" hint="The log probabilities are in nats, so the exponential must have base e; 2 to the power of nats mixes two units." active="py"
def perplexity(log_probs):
    if log_probs.numel() == 0:
        raise ValueError
    return 2 ** (-log_probs.mean())


# %% mistake="perplexity" name="sign" hint="This is the (geometric) mean probability. Perplexity is its reciprocal: change the sign of the mean." active="py"
def perplexity(log_probs):
    if log_probs.numel() == 0:
        raise ValueError
    return log_probs.mean().exp()


# %% mistake="perplexity" name="per_row" hint="The perplexities of the rows were averaged. Every token counts the same: one mean over all of them, then one exponential." active="py"
def perplexity(log_probs):
    if log_probs.numel() == 0:
        raise ValueError
    return (-log_probs.mean(-1)).exp().mean()


# %% mistake="perplexity" name="per_text" hint="You divided by the number of rows, not by the number of tokens: `len` counts the first dimension only. Take `.mean()`, or divide by `numel()`." active="py"
def perplexity(log_probs):
    if log_probs.numel() == 0:
        raise ValueError
    return (-log_probs.sum() / len(log_probs)).exp()


# %% mistake="perplexity" name="product" hint="The product of the probabilities of a long text is rounded to 0, and its root is lost. Stay with the logarithms: their mean does not underflow." active="py"
def perplexity(log_probs):
    if log_probs.numel() == 0:
        raise ValueError
    return log_probs.exp().prod() ** (-1 / log_probs.numel())


# %% mistake="perplexity" name="summed" hint="The text's length is in your number: twice the text, the square of the result. Use the mean over the tokens and not the sum." active="py"
def perplexity(log_probs):
    if log_probs.numel() == 0:
        raise ValueError
    return (-log_probs.sum()).exp()


# %% [markdown]
r"""
### Question · bits_per_token · optional

A paper reports a perplexity of 16 per token. How many **bits** does each token cost, on average, if the text is compressed with this model?
"""

# %% exercise="bits_per_token" points=1 optional=true kind="number"
### BEGIN SOLUTION
bits_per_token = 4
### END SOLUTION


# %% judge="bits_per_token" active="py"
def judge(case, expected, got):
    return compare(expected, got)  # an integer is exact, and not right to 1 %


# %% mistake="bits_per_token" name="nats" hint="That is log 16 in nats. The question asks for bits: the logarithm to the base 2." active="py"
bits_per_token = math.log(16)

# %% mistake="bits_per_token" name="perplexity_itself" hint="16 is how many equally likely tokens there seem to be. How many yes/no questions tell 16 things apart?" active="py"
bits_per_token = 16.0

# %% [markdown]
r"""
## 6. From scores to probabilities

A network does not hand out probabilities. Its last layer gives each token a ***logit***: any real number, larger for likelier tokens. The ***softmax*** turns a vector of logits $z$ of shape `(V,)` into a distribution, with a ***temperature*** $T > 0$ that says how seriously to take the differences:

$$p_i = \frac{e^{z_i / T}}{\sum_{j=1}^{V} e^{z_j / T}} .$$

By hand, $z = (2, 1, 0)$: at $T = 1$ the exponentials {{7.389 = by_hand[0].exp()}}, {{2.718 = by_hand[1].exp()}}, {{1 = by_hand[2].exp()}} sum to {{11.107 = by_hand.exp().sum()}}, so
$p \approx ({{0.6652 = softmax(by_hand)[0]}}, {{0.2447 = softmax(by_hand)[1]}}, {{0.0900 = softmax(by_hand)[2]}})$. At $T = 0.5$ the logits double and
$p \approx ({{0.8668 = softmax(by_hand, 0.5)[0]}}, {{0.1173 = softmax(by_hand, 0.5)[1]}}, {{0.0159 = softmax(by_hand, 0.5)[2]}})$: sharper. Any $T > 0$ leaves every token possible: a low temperature makes sampling *less* random, not deterministic.

The formula, typed in as it is, gives these numbers, and fails in three ways:
"""

# %%
by_hand = torch.tensor([2.0, 1.0, 0.0])
print("by hand           ", by_hand.exp() / by_hand.exp().sum())
z = torch.tensor([1000.0, 999.0])
print("large logits      ", z.exp() / z.exp().sum())
half = torch.tensor([20.0, 19.0], dtype=torch.float16) / 1e-4  # float16 ends at 65504
print("then the usual fix", (half - half.max()).exp() / (half - half.max()).exp().sum())
z = torch.tensor([3.0, 2.0, 1.0]) / -1.0
print("negative T        ", z.exp() / z.exp().sum(), " the worst token is now the best")

# %% [markdown]
r"""
The first failure has a famous cure: adding the same number to all logits does not change the softmax (it cancels in the fraction), so subtract the largest; then no exponent is above 0. The second line shows the cure arriving too late: the division by $T$ had overflowed already, and
$\infty - \infty$ is nan. **Subtract the maximum first, then divide.**

And $T = 0$? The formula divides by zero, so the value is a matter of definition. The sensible one is the limit from above: $e^{(z_i - z_{\max})/T} \to 0$ for each logit below the largest, and $= 1$ for the largest. All mass goes to the largest logit, in equal shares if several tie.
(“Greedy decoding” picks *one* of the tied tokens, so it is this limit only when there are no ties.) For $T < 0$ there is an error instead of a surprise.

### Exercise · softmax
"""


# %% exercise="softmax" points=3 withheld="course_lib.information.softmax torch.softmax torch.nn.functional.softmax torch.special.softmax torch.nn.functional.softmin torch.nn.functional.gumbel_softmax torch.nn.Softmax torch.log_softmax"
def softmax(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return probabilities proportional to exp(logits / temperature), without overflow.

    logits       (..., V) floating point, scores
    temperature  0 ≤ temperature < ∞. 0 means the limit from above: all mass on the largest logit
                 of each row, in equal shares when several are equally large
    returns      (..., V) of the dtype of logits, half precision too; each row sums to 1.
                 Gradients flow back to logits (where temperature > 0)

    Raises ValueError for a negative temperature.
    Off limits: torch's own softmax and log_softmax, whatever the module.
    Example: softmax(torch.tensor([2.0, 1.0, 0.0])) is [0.6652, 0.2447, 0.0900].
    """
    ### BEGIN SOLUTION
    if temperature < 0:
        raise ValueError(f"temperature must be at least 0, got {temperature}")
    shifted = logits - logits.amax(-1, keepdim=True)  # at most 0: nothing can overflow
    if temperature == 0:
        weights = (shifted == 0).to(logits.dtype)
    else:
        weights = (shifted / temperature).exp()
    return weights / weights.sum(-1, keepdim=True)
    ### END SOLUTION


# %% [markdown] hints="softmax"
r"""
1. What does it change if the same number is taken off all logits of a row? And which overflows first when T is tiny, the exponential or the division?
2. Four things in this order: refuse `temperature < 0`; subtract each row's maximum (`amax(-1, keepdim=True)`); make weights; divide the weights by their sum in each row. For T = 0 the weights are 1 at the largest logits and 0 elsewhere.
3. `weights = (shifted / …).exp()`, and for T = 0 `weights = (shifted == …).to(logits.dtype)`.
"""


# %% cases="softmax" active="py"
def cases(seed):
    yield Case({"logits": torch.tensor([2.0, 1.0, 0.0])}, note="by hand")
    yield Case({"logits": torch.tensor([2.0, 1.0, 0.0]), "temperature": 0.5}, note="sharper")
    yield Case({"logits": torch.tensor([1000.0, 999.0])}, note="large logits")
    yield Case(
        {"logits": torch.tensor([20.0, 19.0], dtype=torch.float16), "temperature": 1e-4}, note="half precision, tiny T"
    )
    yield Case({"logits": torch.tensor([[3.0, 1.0, 3.0], [0.0, 5.0, 1.0]]), "temperature": 0.0}, note="T = 0, a tie")
    yield Case({"logits": torch.tensor([2.0, 1.0]), "temperature": -1.0}, note="negative T")
    yield Case({"logits": torch.tensor([0.002, 0.001, 0.0]), "temperature": 0.001}, note="close logits, small T")
    yield Case({"logits": torch.tensor([[9.0, 8.0], [-300.0, -301.0]])}, note="rows of very different size")
    yield Case({"logits": torch.tensor([2.0, 1.0, 0.0], dtype=torch.float16)}, note="half precision")
    yield Case({"logits": torch.tensor([2.0, 2.0, 0.0], dtype=torch.float16), "temperature": 0.0}, note="half, T = 0")
    for i, shape in enumerate([(4,), (3, 2), (2, 3, 5)]):
        logits, upstream = (random_tensor(6 * seed + 2 * i + j, *shape, scale=2.0) for j in range(2))
        temperature = 0.3 + 3 * torch.rand(1, generator=generator(seed + i)).item()
        yield Case(
            {"logits": logits, "temperature": temperature, "upstream": upstream},
            note="random, with the gradient of a loss whose gradient by the probabilities is `upstream`",
        )
    ties = random_integers(seed, 0, 3, 4, 6).float()
    yield Case({"logits": ties, "temperature": 0.0}, note="random ties, T = 0")


# %% probe="softmax" active="py"
def probe(student, case):
    if "upstream" not in case:
        return student(**case)
    logits = case["logits"].clone().requires_grad_()
    probs = student(logits, case["temperature"])
    flows = getattr(probs, "requires_grad", False)
    (gradient,) = torch.autograd.grad(probs, logits, case["upstream"]) if flows else (None,)
    return {"probabilities": probs, "gradient": gradient}


# %% judge="softmax" active="py"
def judge(case, expected, got):
    same = compare(expected, got)
    if same is True and isinstance(got, Tensor) and got.dtype != expected.dtype:
        return f"The values are right, but they are of {got.dtype}; {expected.dtype}, as the logits, was expected."
    return same


# %% mistake="softmax" name="no_gradient" hint="The probabilities are right, but no gradient flows back to the logits: `detach()`, `torch.tensor` and NumPy cut it off. Stay with torch's operations." active="py"
def softmax(logits, temperature=1.0, right=softmax):
    return right(logits.detach(), temperature)


# %% mistake="softmax" name="other_dtype" hint="The values are right, but their dtype is not that of the logits. If you compute in another one, go back at the end: `.to(logits.dtype)`." active="py"
def softmax(logits, temperature=1.0, right=softmax):
    return right(logits.float(), temperature)


# %% mistake="softmax" name="clamped" hint="You replaced small temperatures by a smallest one. That makes them less sharp than asked; only T = 0 needs a case by itself." active="py"
def softmax(logits, temperature=1.0, right=softmax):
    return right(logits, max(temperature, 0.01) if temperature >= 0 else temperature)


# %% mistake="softmax" name="overflow" hint="exp overflows for logits above 88 (float32). Subtract each row's largest logit first; the result does not change." active="py"
def softmax(logits, temperature=1.0):
    if temperature < 0:
        raise ValueError
    if temperature == 0:
        top = (logits == logits.amax(-1, keepdim=True)).to(logits.dtype)
        return top / top.sum(-1, keepdim=True)
    weights = (logits / temperature).exp()
    return weights / weights.sum(-1, keepdim=True)


# %% mistake="softmax" name="divided_first" hint="The division by a tiny T overflowed before the maximum was subtracted, and inf − inf is nan. Subtract first, then divide." active="py"
def softmax(logits, temperature=1.0):
    if temperature < 0:
        raise ValueError
    if temperature == 0:
        top = (logits == logits.amax(-1, keepdim=True)).to(logits.dtype)
        return top / top.sum(-1, keepdim=True)
    scaled = logits / temperature
    weights = (scaled - scaled.amax(-1, keepdim=True)).exp()
    return weights / weights.sum(-1, keepdim=True)


# %% mistake="softmax" name="multiplied" hint="You multiplied by T. Dividing makes a low temperature sharpen: at T = 0.5 the differences double." active="py"
def softmax(logits, temperature=1.0):
    if temperature < 0:
        raise ValueError
    shifted = logits - logits.amax(-1, keepdim=True)
    weights = (shifted * temperature).exp() if temperature > 0 else (shifted == 0).to(logits.dtype)
    return weights / weights.sum(-1, keepdim=True)


# %% mistake="softmax" name="no_keepdim" hint="The maximum and the sum of each row lost their dimension, so they broadcast along the wrong one. Give both `keepdim=True`." active="py"
def softmax(logits, temperature=1.0):
    if temperature < 0:
        raise ValueError
    shifted = logits - logits.amax(-1)
    weights = (shifted / temperature).exp() if temperature > 0 else (shifted == 0).to(logits.dtype)
    return weights / weights.sum(-1)


# %% mistake="softmax" name="first_of_ties" hint="At T = 0 tied logits share the mass equally: argmax picks one of them, which is greedy decoding and not the limit of the softmax." active="py"
def softmax(logits, temperature=1.0):
    if temperature < 0:
        raise ValueError
    shifted = logits - logits.amax(-1, keepdim=True)
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    weights = (shifted / temperature).exp()
    return weights / weights.sum(-1, keepdim=True)


# %% mistake="softmax" name="first_dimension" hint="The columns sum to 1, not the rows: maximum and sum go over the last dimension, `-1`." active="py"
def softmax(logits, temperature=1.0):
    if temperature < 0:
        raise ValueError
    shifted = logits - logits.amax(0, keepdim=True)
    weights = (shifted / temperature).exp() if temperature > 0 else (shifted == 0).to(logits.dtype)
    return weights / weights.sum(0, keepdim=True)


# %% mistake="softmax" name="temperature_ignored" hint="The temperature changes nothing. Divide the shifted logits by it before the exponential." active="py"
def softmax(logits, temperature=1.0, right=softmax):
    return right(logits, 1.0 if temperature > 0 else temperature)


# %% mistake="softmax" name="zero_refused" hint="T = 0 is allowed: it means the limit from above, all mass on the largest logit. Only T < 0 is an error." active="py"
def softmax(logits, temperature=1.0, right=softmax):
    if temperature == 0:
        raise ValueError
    return right(logits, temperature)


# %% mistake="softmax" name="whole_tensor" hint="Everything together sums to 1. Each row is a distribution by itself: maximum and sum go over the last dimension, with keepdim=True." active="py"
def softmax(logits, temperature=1.0):
    if temperature < 0:
        raise ValueError
    shifted = logits - logits.max()
    weights = (shifted / temperature).exp() if temperature > 0 else (shifted == 0).to(logits.dtype)
    return weights / weights.sum()


# %% [markdown]
r"""
### Ten words and a slider

Ten words with their logits, *cheese* being the largest. The tokens are categories: their order means nothing, so they are drawn as bars and never joined by a line. First six temperatures side by side, then all of them.
"""

# %%
words = ["bread", "river", "Paris", "corn", "shoe", "moon", "clock", "cheese", "worms", "hat"]
scores = torch.tensor([3.2, -1.0, 0.5, 2.4, 0.0, -0.5, 0.8, 4.5, 1.6, 0.3])
figure = figures.temperatures(words, scores, [0.1, 0.5, 1, 2, 5, 10])
show(figure, alt="Bars of ten probabilities for six temperatures. At 0.1 cheese has everything, "
     "at 1 about two thirds, at 10 all ten are nearly level.")  # fmt: skip

# %%
temperature_explorer(words, scores, 1.0)

# %% [markdown]
r"""
At $T = 0.1$ *cheese* has {{all the mass that a bar can show : softmax(scores, 0.1)[7] > 0.999}}; at $T = 1$ it has {{0.65 = softmax(scores)[7]}} and each
probability is as the model meant it; at $T = 10$ the ten are nearly level, and the entropy, {{2.29 = entropy(softmax(scores, 10.0))}} nats, is close to
$\log 10 \approx {{2.30 = math.log(10)}}$. The *order* of the words never changes.
"""

# %% [markdown]
r"""
### Logarithms of probabilities

A loss needs $\log p$, not $p$. Taking the logarithm of a finished softmax is a mistake: float32 has no positive number {{below about $10^{-45}$ : torch.tensor(1e-45) > 0 == torch.tensor(1e-46)}}, so for the logits $(0, -200)$ the second probability,
$e^{-200} \approx {{10^{-87} : round(-200 / math.log(10)) == -87}}$, is stored as {{0 = torch.tensor(-200.0).exp()}} and its logarithm is $-\infty$. The right answer, $-200$, was there all the time:

$$\log p_i = \log \frac{e^{z_i}}{\sum_j e^{z_j}} = z_i - \log \sum_{j=1}^{V} e^{z_j} = (z_i - m) - \log \sum_{j=1}^{V} e^{z_j - m}, \qquad m = \max_j z_j .$$

The sum is at least $e^{0} = 1$, so its logarithm is safe. By hand, $z = (2, 1, 0)$: $\log 11.107 \approx {{2.4076 = by_hand.logsumexp(0)}}$, so the log probabilities are
$({{-0.4076 = log_softmax(by_hand)[0]}}, {{-1.4076 = log_softmax(by_hand)[1]}}, {{-2.4076 = log_softmax(by_hand)[2]}})$.

### Exercise · log_softmax
"""


# %% exercise="log_softmax" points=2 withheld="course_lib.information.log_softmax torch.log_softmax torch.nn.functional.log_softmax torch.special.log_softmax torch.nn.LogSoftmax torch.logsumexp torch.special.logsumexp course_lib.scaling.softmax.absorb"
def log_softmax(logits: Tensor) -> Tensor:
    """Return the logarithm of the softmax, without rounding any probability to 0 on the way.

    logits   (..., V) scores
    returns  (..., V) log probabilities in nats; the exponentials of each row sum to 1.
             Gradients flow back to logits

    Off limits: torch's own log_softmax and logsumexp, whatever the module.
    Example: log_softmax(torch.tensor([2.0, 1.0, 0.0])) is [-0.4076, -1.4076, -2.4076].
    """
    ### BEGIN SOLUTION
    shifted = logits - logits.amax(-1, keepdim=True)
    return shifted - shifted.exp().sum(-1, keepdim=True).log()
    ### END SOLUTION


# %% [markdown] hints="log_softmax"
r"""
1. Which form of the formula contains neither a division nor a finished softmax?
2. Take each row's maximum off. From what is left, subtract the logarithm of the sum of *its* exponentials, row by row.
3. `shifted - shifted.exp().sum(…, keepdim=…).log()`
"""


# %% cases="log_softmax" active="py"
def cases(seed):
    yield Case({"logits": torch.tensor([2.0, 1.0, 0.0])}, note="by hand")
    yield Case({"logits": torch.tensor([0.0, -200.0])}, note="a tiny probability")
    yield Case({"logits": torch.tensor([[1000.0, 0.0], [1000.0, 998.0]])}, note="large logits")
    yield Case({"logits": torch.tensor([[500.0, 499.0], [-500.0, -501.0]])}, note="rows of very different size")
    for i, shape in enumerate([(4,), (3, 2), (2, 3, 5)]):
        logits, upstream = (random_tensor(6 * seed + 2 * i + j, *shape, scale=3.0) for j in range(2))
        yield Case(
            {"logits": logits, "upstream": upstream},
            note="random, with the gradient of a loss whose gradient by the log probabilities is `upstream`",
        )


# %% probe="log_softmax" active="py"
def probe(student, case):
    if "upstream" not in case:
        return student(**case)
    logits = case["logits"].clone().requires_grad_()
    log_probs = student(logits)
    flows = getattr(log_probs, "requires_grad", False)
    upstream = case["upstream"].to(log_probs.dtype) if flows else None
    (gradient,) = torch.autograd.grad(log_probs, logits, upstream) if flows else (None,)
    return {"log probabilities": log_probs, "gradient": gradient}


# %% mistake="log_softmax" name="no_gradient" hint="The values are right, but no gradient flows back to the logits: `detach()`, `torch.tensor` and NumPy cut it off. Stay with torch's operations." active="py"
def log_softmax(logits, right=log_softmax):
    return right(logits.detach())


# %% mistake="log_softmax" name="global_maximum" hint="You took off the largest logit of the whole tensor. A row far below it underflows to log 0 = −inf: take each row's own maximum." active="py"
def log_softmax(logits):
    shifted = logits - logits.max()
    return shifted - shifted.exp().sum(-1, keepdim=True).log()


# %% mistake="log_softmax" name="log_of_softmax" hint="A probability was rounded to 0 before its logarithm was taken. Use z − log Σ exp z, with the maximum taken off, instead of log(softmax)." active="py"
def log_softmax(logits):
    return torch.softmax(logits, -1).log()


# %% mistake="log_softmax" name="overflow" hint="exp overflows for logits above 88. Subtract each row's largest logit before the exponential." active="py"
def log_softmax(logits):
    return logits - logits.exp().sum(-1, keepdim=True).log()


# %% mistake="log_softmax" name="epsilon" hint="A small number inside the logarithm puts a floor under every log probability: −200 became about −21, and its gradient is lost." active="py"
def log_softmax(logits):
    return (torch.softmax(logits, -1) + 1e-9).log()


# %% mistake="log_softmax" name="first_dimension" hint="The columns are distributions, not the rows: maximum and sum go over the last dimension, `-1`." active="py"
def log_softmax(logits):
    shifted = logits - logits.amax(0, keepdim=True)
    return shifted - shifted.exp().sum(0, keepdim=True).log()


# %% mistake="log_softmax" name="shift_lost" hint="The maximum was taken off inside the sum and not outside. Both places need it, or the result is off by that maximum." active="py"
def log_softmax(logits):
    return logits - (logits - logits.amax(-1, keepdim=True)).exp().sum(-1, keepdim=True).log()


# %% [markdown]
r"""
## 7. Where the loss comes from

So far, $p$ and $q$ were given. To train a model you need a ***loss***: one number that says how badly it does on given data, and that gradients can make smaller. Which number? We have data: tokens $x_1, \dots, x_N$, seen once, and a model $q_\theta$ with parameters $\theta$. **Maximum likelihood** says: choose the $\theta$ under which the data are most probable. For independent draws,

$$\prod_{i=1}^{N} q_\theta(x_i) \;\text{ largest} \iff \sum_{i=1}^{N} \log q_\theta(x_i) \;\text{ largest} \iff -\frac1N \sum_{i=1}^{N} \log q_\theta(x_i) \;\text{ smallest.}$$

The logarithm keeps the order; dividing by $-N$ turns it round. Now collect equal tokens. If $x$ was seen $n_x$ times, let $\hat p(x) = n_x / N$ be the ***empirical distribution***. Then the last expression is

$$-\sum_{x=1}^{V} \hat p(x) \log q_\theta(x) = H(\hat p, q_\theta) = H(\hat p) + \mathrm{KL}(\hat p \,\|\, q_\theta).$$
"""

# %% [markdown]
r"""
**Maximising the likelihood is minimising the cross-entropy with the empirical distribution.** The hat matters: $\hat p$ is what we counted, $p$ is what is true. The minimum of the training loss is reached at $q = \hat p$, with the loss $H(\hat p)$. Nothing here mentions $p$.

Watch it happen. We draw what the mouse ate {{40 = len(drawn)}} times from the true $p = ({{0.7 = true_p[0]}}, {{0.2 = true_p[1]}}, {{0.1 = true_p[2]}})$ for cheese, bread and corn, add *Paris*, which no mouse eats, and let gradient descent on four logits find its own way, starting from equal probabilities.
"""

# %%
menu = ["cheese", "bread", "corn", "Paris"]
after_the = world.next_token_probs(world.encode("the mouse ate the"))
true_p = after_the[world.encode(" ".join(menu))].float()
drawn = torch.multinomial(true_p, 40, replacement=True, generator=torch.Generator().manual_seed(4))
counted = torch.bincount(drawn, minlength=4) / 40  # the empirical distribution, (4,)
my_softmax = yours("information.softmax", information.softmax)
my_cross_entropy = yours("information.cross_entropy", information.cross_entropy)
free = torch.zeros(4, requires_grad=True)  # four logits
losses = []
for _ in range(200):
    loss = my_cross_entropy(counted, my_softmax(free))
    losses.append(loss.item())
    (gradient,) = torch.autograd.grad(loss, free)
    free.data -= gradient  # gradient descent with step size 1
fitted = my_softmax(free.detach())
show(figures.descent_to_the_counts(losses, my_entropy(counted).item(), menu, fitted, counted),
     alt="Left: the cross-entropy falls towards the entropy of the counts. "
     "Right: the fitted probabilities equal the counted ones.")  # fmt: skip
for name, row in (("true", true_p), ("counted", counted), ("fitted", fitted)):
    print(f"{name:8s}", dict(zip(menu, [round(x, 3) for x in row.tolist()])))

# %% [markdown]
r"""
The loss {{comes to rest on the entropy of the *counts* : 0 <= losses[-1] - my_entropy(counted) < 0.01}}, and the model is
{{the counts and not the truth : (fitted - counted).abs().max() < 0.01 < (fitted - true_p).abs().max()}}. *Paris*, never seen, is
{{on its way to probability 0 : 0 < fitted[3] < 0.01}} (its logit to $-\infty$): the fit is as good as it can be, and a mouse that eats Paris would be infinitely surprising.
"""

# %% [markdown]
r"""
### Two classes: binary cross-entropy · optional

Lesson [04 Linear models](04_linear_models.ipynb) builds a classifier on this loss. Today it may be left out, with its two exercises.

Let examples $x_i$ have labels $y_i \in \{0, 1\}$ (is this sentence about food?), and let a model give each example one logit $z_i$ and with it a probability of label 1, $p_i = \sigma(z_i) = 1 / (1 + e^{-z_i})$, the ***sigmoid***. One label has the Bernoulli probability

$$P(y_i \mid x_i) = p_i^{\,y_i} (1 - p_i)^{1 - y_i},$$

which is $p_i$ for $y_i = 1$ and $1 - p_i$ for $y_i = 0$. The labels being independent given the examples, the likelihood of all labels *given all examples* is the product; nothing models the $x_i$ themselves. Take the logarithm, change the sign, divide by $N$, and you have the ***binary cross-entropy***:

$$L = -\frac1N \sum_{i=1}^{N} \bigl[\, y_i \log p_i + (1 - y_i) \log (1 - p_i) \,\bigr].$$

The $\tfrac1N \sum$ belongs to it: without it you have the loss of one example. By hand: the logit 2 gives $\sigma(2) \approx {{0.8808 = torch.tensor(2.0).sigmoid()}}$. With label 1 the loss is
$\log(1 + e^{-2}) \approx {{0.1269 = binary_cross_entropy_with_logits(torch.tensor([2.0]), torch.tensor([1.0]))}}$, with label 0 it is
$\log(1 + e^{2}) \approx {{2.1269 = binary_cross_entropy_with_logits(torch.tensor([2.0]), torch.tensor([0.0]))}}$.
"""

# %% [markdown]
r"""
That is also how to compute it. Since $\log \sigma(z) = -\log(1 + e^{-z})$ and $\log(1 - \sigma(z)) = -\log(1 + e^{z})$, no sigmoid is needed, and $\log(1 + e^{a})$ is `torch.logaddexp(zero, a)`, which does not overflow.
"""

# %% [markdown]
r"""
The derivative: $\log(1 + e^{z})$ has the slope $e^{z} / (1 + e^{z}) = \sigma(z)$, and $\log(1 + e^{-z})$ has the slope $-\sigma(-z) = \sigma(z) - 1$. Weighted by $1 - y_i$ and $y_i$, they sum to $\sigma(z_i) - y_i$, so

$$\frac{\partial L}{\partial z_i} = \frac{\sigma(z_i) - y_i}{N} :$$

what the model said, less what was true. The check looks at it too.

### Exercise · binary_cross_entropy_with_logits · optional
"""


# %% exercise="binary_cross_entropy_with_logits" points=3 optional=true withheld="course_lib.information.binary_cross_entropy_with_logits torch.nn.functional.binary_cross_entropy_with_logits torch.nn.BCEWithLogitsLoss torch.nn.functional.binary_cross_entropy torch.nn.BCELoss torch.nn.functional.soft_margin_loss torch.distributions"
def binary_cross_entropy_with_logits(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean negative log likelihood of labels under Bernoulli(sigmoid(logits)).

    logits   any shape, finite: log-odds of label 1
    labels   same shape as logits: 0 or 1, any dtype
    returns  () mean over all elements, in nats; its gradient by logits is (σ(z) − y)/N,
             however large z is

    Raises ValueError when the shapes differ.
    Off limits: torch's own binary_cross_entropy_with_logits, binary_cross_entropy and
    soft_margin_loss, and torch.distributions.
    Example: for logits [2.0, 2.0] and labels [1.0, 0.0] it is (0.1269 + 2.1269) / 2 = 1.1269.
    """
    ### BEGIN SOLUTION
    if logits.shape != labels.shape:
        raise ValueError(f"labels must have the shape {tuple(logits.shape)} of logits, got {tuple(labels.shape)}")
    zero, y = torch.zeros_like(logits), labels.to(logits.dtype)
    minus_log_p = torch.logaddexp(zero, -logits)  # −log σ(z)
    minus_log_rest = torch.logaddexp(zero, logits)  # −log(1 − σ(z))
    return (y * minus_log_p + (1 - y) * minus_log_rest).mean()
    ### END SOLUTION


# %% [markdown] hints="binary_cross_entropy_with_logits"
r"""
1. What would labels of shape (4,) do to logits of shape (4, 1)? And what becomes of σ(z) when z is large?
2. Write −log σ(z) and −log(1 − σ(z)) as `torch.logaddexp` of zeros with −z or z. Weight them by y and 1 − y; then the mean.
3. `(y * torch.logaddexp(zero, …) + (1 - y) * …).mean()`
"""


# %% cases="binary_cross_entropy_with_logits" active="py"
def cases(seed):
    yield Case({"logits": torch.tensor([2.0, 2.0]), "labels": torch.tensor([1.0, 0.0])}, note="by hand")
    yield Case({"logits": torch.zeros(3), "labels": torch.tensor([1.0, 0.0, 0.0])}, note="logits of 0, as at the start")
    yield Case(
        {"logits": torch.tensor([20.0, 120.0, -120.0]), "labels": torch.tensor([0.0, 0.0, 1.0])},
        note="confident and wrong",
    )
    yield Case({"logits": torch.zeros(4, 1), "labels": torch.zeros(4)}, note="shapes that would broadcast")
    yield Case({"logits": torch.zeros(4), "labels": torch.zeros(())}, note="one label for four logits")
    yield Case({"logits": torch.tensor(-1.0), "labels": torch.tensor(1.0)}, note="one logit, without dimensions")
    for i, shape in enumerate([(5,), (3, 4), (2, 1, 3)]):
        labels = random_integers(seed + i, 0, 2, *shape)
        labels = labels.to([torch.bool, torch.int64, torch.float32][i])
        logits = random_tensor(3 * seed + i, *shape, scale=3.0)
        yield Case({"logits": logits, "labels": labels}, note=f"random logits, labels of {labels.dtype}")


# %% probe="binary_cross_entropy_with_logits" active="py"
def probe(student, case):
    logits = case["logits"].clone().requires_grad_()
    loss = student(logits, case["labels"])
    flows = getattr(loss, "requires_grad", False) and loss.ndim == 0
    (gradient,) = torch.autograd.grad(loss, logits) if flows else (None,)
    return {"loss": loss, "gradient": gradient}


# %% equivalents="binary_cross_entropy_with_logits" active="py"
equivalents = {
    "return (y * minus_log_p + (1 - y) * minus_log_rest).mean() → return in_float32((y * minus_log_p + (1 - y) * minus_log_rest).mean())": "no dtype is promised, and float32 is the better one for the loss of a model in half precision",
}


# %% mistake="binary_cross_entropy_with_logits" name="no_gradient" hint="The loss is right, but no gradient flows back to the logits: `item()`, `detach()`, `torch.tensor` and NumPy cut it off. Stay with torch's operations." active="py"
def binary_cross_entropy_with_logits(logits, labels, right=binary_cross_entropy_with_logits):
    return right(logits.detach(), labels)


# %% mistake="binary_cross_entropy_with_logits" name="sigmoid_then_log" hint="For large logits the sigmoid rounds to exactly 0 or 1: its logarithm is −inf and the gradient nan. Stay with the logits: log σ(z) = −log(1 + exp(−z))." active="py"
def binary_cross_entropy_with_logits(logits, labels):
    if logits.shape != labels.shape:
        raise ValueError
    p = torch.sigmoid(logits)
    return -torch.where(labels > 0, p.log(), (1 - p).log()).mean()


# %% mistake="binary_cross_entropy_with_logits" name="clamped" hint="Clamping the probability keeps the loss finite, but the gradient is 0 where the clamp holds: a confidently wrong example is never corrected." active="py"
def binary_cross_entropy_with_logits(logits, labels):
    if logits.shape != labels.shape:
        raise ValueError
    p = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
    return -torch.where(labels > 0, p.log(), (1 - p).log()).mean()


# %% mistake="binary_cross_entropy_with_logits" name="kink_at_zero" hint="The value is right and the gradient at z = 0 is not: relu and abs have a kink there and torch takes 0 as their slope, so it is −y and not ½ − y. torch.logaddexp is smooth." active="py"
def binary_cross_entropy_with_logits(logits, labels):
    if logits.shape != labels.shape:
        raise ValueError
    return (logits.relu() - logits * labels + torch.log1p((-logits.abs()).exp())).mean()


# %% mistake="binary_cross_entropy_with_logits" name="label_1_only" hint="Examples with label 0 cost nothing in your loss. The second term, (1 − y)·(−log(1 − σ(z))), is missing." active="py"
def binary_cross_entropy_with_logits(logits, labels):
    if logits.shape != labels.shape:
        raise ValueError
    return (labels.to(logits.dtype) * torch.logaddexp(torch.zeros_like(logits), -logits)).mean()


# %% mistake="binary_cross_entropy_with_logits" name="summed" hint="The mean over the examples is missing: this is the sum, and it (and the step it makes) grows with the batch." active="py"
def binary_cross_entropy_with_logits(logits, labels):
    if logits.shape != labels.shape:
        raise ValueError
    zero, y = torch.zeros_like(logits), labels.to(logits.dtype)
    return (y * torch.logaddexp(zero, -logits) + (1 - y) * torch.logaddexp(zero, logits)).sum()


# %% mistake="binary_cross_entropy_with_logits" name="labels_flipped" hint="The two terms are exchanged: with label 1 the loss is −log σ(z), which is large for very negative z." active="py"
def binary_cross_entropy_with_logits(logits, labels):
    if logits.shape != labels.shape:
        raise ValueError
    zero, y = torch.zeros_like(logits), labels.to(logits.dtype)
    return (y * torch.logaddexp(zero, logits) + (1 - y) * torch.logaddexp(zero, -logits)).mean()


# %% [markdown]
r"""
Why so much care? Here is PyTorch's own `BCELoss`, which takes probabilities, behind a sigmoid in float32, and your loss, which takes logits. The label is 0, and we look at the *gradient*: what the example does to the model.
"""

# %%
its_bce = information.binary_cross_entropy_with_logits
my_bce = yours("information.binary_cross_entropy_with_logits", its_bce)
z = torch.linspace(-5, 40, 451, requires_grad=True)
zeros, torch_bce = torch.zeros(451), torch.nn.functional.binary_cross_entropy
naive = torch_bce(torch.sigmoid(z), zeros, reduction="sum")
(g_naive,) = torch.autograd.grad(naive, z)
(g_logit,) = torch.autograd.grad(my_bce(z, zeros) * 451, z)
cliff = z[g_naive == 0].min().item()
gradients = {"sigmoid, then BCELoss": g_naive, "from the logit": g_logit}
show(figures.gradient_of_the_logit(z.detach(), gradients),
     alt="The gradient rises from 0 to 1 with the logit in both. For the sigmoid with BCELoss it "
     f"falls to exactly 0 near a logit of {cliff:.0f}.")  # fmt: skip

# %% [markdown]
r"""
From a logit of about {{17 = cliff ± 1}} on, $\sigma(z)$ is exactly {{1 : z[torch.sigmoid(z) == 1].min() == cliff}} in float32. `BCELoss` then reports a loss of
{{100 = torch.nn.functional.binary_cross_entropy(torch.sigmoid(z[-1]), torch.tensor(0.0))}} (it stops the logarithm at −100) and a gradient of
{{0 : (g_naive[z >= cliff] == 0).all()}}. The worst example of all teaches nothing, and no warning is printed.

### Find the bug · corrected_logit · optional

A colleague's code corrects the logit of one example by gradient descent on its binary loss. Most examples are corrected. A few, the ones the model is most wrong about, never move, although their loss is large and finite. Repair it.
"""


# %% exercise="corrected_logit" points=2 optional=true needs="binary_cross_entropy_with_logits" withheld="torch.nn.functional.binary_cross_entropy_with_logits torch.nn.BCEWithLogitsLoss"
def corrected_logit(logit: float, label: float, steps: int, learning_rate: float) -> float:
    """Return a logit after gradient descent on the binary cross-entropy of one example.

    logit          where to start, any finite number
    label          0.0 or 1.0
    steps          how many steps of size learning_rate × gradient to take
    learning_rate  positive
    returns        the logit after the last step; however wrong it was, it moves towards the label

    Off limits: torch's own binary_cross_entropy_with_logits. You wrote one above.
    Example: corrected_logit(60.0, 0.0, steps=10, learning_rate=1.0) is 50.0: the gradient is 1
    all the way.
    """
    ### BEGIN SOLUTION
    z = torch.tensor(float(logit), requires_grad=True)
    y = torch.tensor(float(label))
    for _ in range(steps):
        loss = binary_cross_entropy_with_logits(z, y)
        (gradient,) = torch.autograd.grad(loss, z)
        z = (z - learning_rate * gradient).detach().requires_grad_()
    return z.item()
    ### END SOLUTION
    ### BEGIN STARTER
    # z = torch.tensor(float(logit), requires_grad=True)
    # y = torch.tensor(float(label))
    # for _ in range(steps):
    #     p = torch.sigmoid(z).clamp(1e-7, 1 - 1e-7)  # so that the logarithm stays finite
    #     loss = -(y * p.log() + (1 - y) * (1 - p).log())
    #     (gradient,) = torch.autograd.grad(loss, z)
    #     z = (z - learning_rate * gradient).detach().requires_grad_()
    # return z.item()
    ### END STARTER


# %% [markdown] hints="corrected_logit"
r"""
1. Start at the logit 60 with label 0. What is `p` after the clamp, and what is the derivative of `clamp` where it holds?
2. Compute the loss from `z` without a sigmoid: you wrote a function for that above.
3. In the loop, two lines become one: `loss = binary_cross_entropy_with_logits(z, …)`.
"""


# %% cases="corrected_logit" active="py"
def cases(seed):
    yield Case({"logit": 2.0, "label": 1.0, "steps": 3, "learning_rate": 1.0}, note="already right")
    yield Case({"logit": 12.0, "label": 0.0, "steps": 4, "learning_rate": 1.0}, note="wrong")
    yield Case({"logit": 16.3, "label": 0.0, "steps": 4, "learning_rate": 1.0}, note="very wrong")
    yield Case({"logit": 60.0, "label": 0.0, "steps": 10, "learning_rate": 1.0}, note="confident and wrong")
    yield Case({"logit": -120.0, "label": 1.0, "steps": 50, "learning_rate": 4.0}, note="even more so")
    yield Case({"logit": 90.0, "label": 1.0, "steps": 0, "learning_rate": 1.0}, note="no step")
    yield Case({"logit": -700.0, "label": 1.0, "steps": 30, "learning_rate": 10.0}, note="very far")
    for i in range(4):
        size, rate = (torch.rand(2, generator=generator(4 * seed + i)) * torch.tensor([30.0, 2.0])).tolist()
        label, steps = float(i % 2), int(random_integers(seed + i, 2, 12))
        start = (18.0 + size) * (1 - 2 * label)  # on the wrong side
        yield Case({"logit": start, "label": label, "steps": steps, "learning_rate": 0.2 + rate}, note="a random logit")


# %% equivalents="corrected_logit" active="py"
equivalents = {
    "(z - learning_rate * gradient).detach() → z - learning_rate * gradient": "the gradient by the new z is the same: only memory is kept for the old ones",
    "return z.item() → return detached(z.item())": "a float has no gradient to lose",
    "z.item() → z": "a number and a tensor without dimensions are the same answer everywhere in the course",
}


# %% mistake="corrected_logit" name="smaller_epsilon" hint="A smaller guard moves the trouble and does not end it: in float32, 1 − p is exactly 0 from a logit of 17 on. Do without the sigmoid." active="py"
def corrected_logit(logit, label, steps, learning_rate):
    z = torch.tensor(float(logit), requires_grad=True)
    for _ in range(steps):
        p = torch.sigmoid(z)
        loss = -(label * p.clamp(min=1e-30).log() + (1 - label) * (1 - p).clamp(min=1e-30).log())
        z = (z - learning_rate * torch.autograd.grad(loss, z)[0]).detach().requires_grad_()
    return z.item()


# %% mistake="corrected_logit" name="guard_removed" hint="Without the guard the logarithm of 0 gives an infinite loss and a gradient of nan. The sigmoid is the trouble: compute the loss from the logit." active="py"
def corrected_logit(logit, label, steps, learning_rate):
    z = torch.tensor(float(logit), requires_grad=True)
    for _ in range(steps):
        p = torch.sigmoid(z)
        loss = -(label * p.log() + (1 - label) * (1 - p).log())
        z = (z - learning_rate * torch.autograd.grad(loss, z)[0]).detach().requires_grad_()
    return z.item()


# %% mistake="corrected_logit" name="clamped_logit" hint="Clamping the logit has the same effect as clamping the probability: where the clamp holds, the gradient is 0." active="py"
def corrected_logit(logit, label, steps, learning_rate):
    z = torch.tensor(float(logit), requires_grad=True)
    for _ in range(steps):
        inside = z.clamp(-10, 10)
        loss = -(label * torch.sigmoid(inside).log() + (1 - label) * (1 - torch.sigmoid(inside)).log())
        z = (z - learning_rate * torch.autograd.grad(loss, z)[0]).detach().requires_grad_()
    return z.item()


# %% mistake="corrected_logit" name="float64" hint="Float64 moves the cliff from a logit of about 17 to about 37, and the clamp still holds before that. Compute the loss from the logit." active="py"
def corrected_logit(logit, label, steps, learning_rate):
    z = torch.tensor(float(logit), dtype=torch.float64, requires_grad=True)
    for _ in range(steps):
        p = torch.sigmoid(z).clamp(1e-300, 1 - 1e-16)
        loss = -(label * p.log() + (1 - label) * (1 - p).log())
        z = (z - learning_rate * torch.autograd.grad(loss, z)[0]).detach().requires_grad_()
    return z.item()


# %% mistake="corrected_logit" name="one_step_less" hint="One step is missing: `steps` of them are asked for." active="py"
def corrected_logit(logit, label, steps, learning_rate, right=corrected_logit):
    return right(logit, label, max(steps - 1, 0), learning_rate)


# %% mistake="corrected_logit" name="uphill" hint="The step goes up the loss: the gradient must be subtracted." active="py"
def corrected_logit(logit, label, steps, learning_rate):
    for _ in range(steps):
        logit = logit + learning_rate * (1 / (1 + math.exp(-logit)) - label)
    return logit


# %% [markdown]
r"""
### $V$ classes: the loss of every language model

The next token is one of $V$. Write the token that came as a ***one-hot*** vector $y$ of shape `(V,)`: 1 at the token that came, 0 elsewhere. The cross-entropy between $y$ and the model's $q = \mathrm{softmax}(z)$ has one term that is not 0:

$$-\sum_{c=1}^{V} y_c \log q_c = -\log q_{\text{came}},$$

so the one-hot vector is never built: we pick the log probability of the ***target***, an integer. The mean over all $N$ positions is the ***categorical cross-entropy***, and it is once more the mean surprise. By hand: logits $(2, 1, 0)$ with target 0 cost {{0.4076 = categorical_cross_entropy(by_hand, torch.tensor(0))}}, with target 2 they cost
{{2.4076 = categorical_cross_entropy(by_hand, torch.tensor(2))}}; together {{1.4076 = categorical_cross_entropy(by_hand.expand(2, 3), torch.tensor([0, 2]))}} on average.
With $V = 2$ and logits $(0, z)$ it is {{the binary loss :
abs(categorical_cross_entropy(torch.tensor([0.0, 2.0]), torch.tensor(0)) - binary_cross_entropy_with_logits(torch.tensor([2.0]), torch.tensor([0]))) < 1e-6}}. In PyTorch it is called `cross_entropy`, and it is `LogSoftmax` followed by `NLLLoss` for the reason you know.

### Exercise · categorical_cross_entropy
"""


# %% exercise="categorical_cross_entropy" points=2 needs="log_softmax" withheld="course_lib.information.categorical_cross_entropy course_lib.bert.objectives.mlm_loss torch.nn.functional.cross_entropy torch.nn.CrossEntropyLoss torch.nn.functional.nll_loss torch.nn.NLLLoss torch.distributions"
def categorical_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean surprise of softmax(logits) at the targets.

    logits   (..., V) scores, e.g. (B, T, V): B texts, T positions, V tokens
    targets  (...) int64 in [0, V): the token that came at each position
    returns  () mean over all positions, in nats. Gradients flow back to logits: it is the loss
             that models train with

    Off limits: torch's own cross_entropy and nll_loss, and torch.distributions.
    Example: logits [[2, 1, 0], [2, 1, 0]] and targets [0, 2] give (0.4076 + 2.4076) / 2 = 1.4076.
    """
    ### BEGIN SOLUTION
    log_probs = log_softmax(logits)  # (..., V)
    return -log_probs.gather(-1, targets.unsqueeze(-1)).mean()
    ### END SOLUTION


# %% [markdown] hints="categorical_cross_entropy"
r"""
1. Your `log_softmax` gives V log probabilities for each position. How do you pick the one of the target?
2. `gather` picks along a dimension, and wants an index with as many dimensions as its input: the targets need one more, at the end. Then the mean over all positions, with its sign changed.
3. `log_softmax(logits).gather(-1, targets.…(-1))`
"""


# %% cases="categorical_cross_entropy" active="py"
def cases(seed):
    yield Case(
        {"logits": torch.tensor([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]]), "targets": torch.tensor([0, 2])}, note="by hand"
    )
    yield Case({"logits": torch.tensor([[0.0, -200.0]]), "targets": torch.tensor([1])}, note="a tiny probability")
    yield Case({"logits": torch.zeros(3, 4), "targets": torch.tensor([3, 0, 1])}, note="knows nothing: log 4")
    yield Case({"logits": torch.tensor([2.0, 1.0, 0.0]), "targets": torch.tensor(2)}, note="one position")
    yield Case({"logits": torch.tensor([[900.0, 899.0], [-900.0, -899.0]]), "targets": torch.tensor([1, 0])},
               note="rows of very different size")  # fmt: skip
    for i, shape in enumerate([(4, 2), (2, 3, 5), (2, 1, 3, 6)]):
        targets = random_integers(3 * seed + i, 0, shape[-1], *shape[:-1])
        yield Case({"logits": random_tensor(3 * seed + i, *shape, scale=2.0), "targets": targets}, note="random logits")


# %% probe="categorical_cross_entropy" active="py"
def probe(student, case):
    logits = case["logits"].clone().requires_grad_()
    loss = student(logits, case["targets"])
    flows = getattr(loss, "requires_grad", False) and loss.ndim == 0
    (gradient,) = torch.autograd.grad(loss, logits) if flows else (None,)
    return {"loss": loss, "gradient": gradient}


# %% mistake="categorical_cross_entropy" name="no_gradient" hint="The loss is right, but no gradient flows back to the logits: `item()`, `detach()`, `torch.tensor` and NumPy cut it off. Stay with torch's operations." active="py"
def categorical_cross_entropy(logits, targets, right=categorical_cross_entropy):
    return right(logits.detach(), targets)


# %% mistake="categorical_cross_entropy" name="per_text" hint="The positions of a text were summed and only the texts averaged. The mean is over all positions." active="py"
def categorical_cross_entropy(logits, targets, right=categorical_cross_entropy):
    return right(logits, targets) * (targets.shape[-1] if targets.ndim else 1)


# %% mistake="categorical_cross_entropy" name="summed" hint="The mean over the positions is missing: the loss grows with the length of the text." active="py"
def categorical_cross_entropy(logits, targets):
    shifted = logits - logits.amax(-1, keepdim=True)
    log_probs = shifted - shifted.exp().sum(-1, keepdim=True).log()
    return -log_probs.gather(-1, targets.unsqueeze(-1)).sum()


# %% mistake="categorical_cross_entropy" name="log_of_softmax" hint="A probability was rounded to 0 before its logarithm was taken. Use log_softmax, and pick afterwards." active="py"
def categorical_cross_entropy(logits, targets):
    return -torch.softmax(logits, -1).log().gather(-1, targets.unsqueeze(-1)).mean()


# %% mistake="categorical_cross_entropy" name="no_softmax" hint="The logits were used as if they were log probabilities. They are not: log_softmax first." active="py"
def categorical_cross_entropy(logits, targets):
    return -logits.gather(-1, targets.unsqueeze(-1)).mean()


# %% mistake="categorical_cross_entropy" name="of_the_likeliest" hint="This is the surprise at the likeliest token. Asked for is the surprise at the target, the token that came." active="py"
def categorical_cross_entropy(logits, targets):
    return -log_softmax(logits).amax(-1).mean()


# %% mistake="categorical_cross_entropy" name="not_averaged" hint="You returned one surprise for each position. The loss is one number, their mean." active="py"
def categorical_cross_entropy(logits, targets):
    return -log_softmax(logits).gather(-1, targets.unsqueeze(-1)).squeeze(-1)


# %% mistake="categorical_cross_entropy" name="probability" hint="This is the mean probability that was missed, 1 − q. The surprise is −log q: it goes on growing when q goes to 0." active="py"
def categorical_cross_entropy(logits, targets):
    return 1 - torch.softmax(logits, -1).gather(-1, targets.unsqueeze(-1)).mean()


# %% mistake="categorical_cross_entropy" name="over_all_classes" hint="The loss was divided by V as well. One term per position is not 0; average over the positions only." active="py"
def categorical_cross_entropy(logits, targets):
    shifted = logits - logits.amax(-1, keepdim=True)
    log_probs = shifted - shifted.exp().sum(-1, keepdim=True).log()
    return -(torch.nn.functional.one_hot(targets, logits.shape[-1]) * log_probs).mean()


# %% [markdown]
r"""
## 8. Two models on the board

Time to put this on a whole language. The course's training text is a stream of sentences from the mouse-and-cheese world; {{20,000 = len(held_out)}} more tokens are the ***held-out*** text: no model trains on them, and every model of the course is measured on them. Our first two models look at no context at all:

- **uniform**: each of the $V$ tokens has probability $1/V$. Its cross-entropy is $\log V$, whatever comes.
- **unigram**: each token has the frequency with which it was counted in training. We add 1 to each count, so that no word that was not seen gets probability 0 (lesson 03 does this properly).

The mean surprise of such a model on a text is $H(\hat p_{\text{text}}, q)$: your `cross_entropy`, once. Your `categorical_cross_entropy`, position by position with $\log q$ as logits, must give {{the same number : abs(as_loss - nats) < 1e-6}}.
"""

# %%
V = len(world.vocabulary)
train, held_out = scoreboard.training(100_000), scoreboard.held_out()


def frequencies(tokens: Tensor, extra: float = 0.0) -> Tensor:
    """Return the relative frequency (V,) of each token; `extra` is added to each count first."""
    counts = torch.bincount(tokens, minlength=V).double() + extra
    return counts / counts.sum()


uniform, unigram = torch.full((V,), 1 / V).double(), frequencies(train, extra=1)
for name, q, parameters in (("uniform", uniform, 0), ("unigram", unigram, V)):
    nats = my_cross_entropy(frequencies(held_out), q).item()
    scoreboard.record(name, nats, parameters=parameters, seconds=0.0, lesson="01_information")
    print(f"{name}: {nats:.3f} nats per token, perplexity {math.exp(nats):.1f}")
my_loss = yours("information.categorical_cross_entropy", information.categorical_cross_entropy)
as_loss = my_loss(unigram.log().expand(len(held_out), V), held_out)
print(f"unigram, as a loss: {as_loss:.3f} nats per token")
H = world.entropy_rate
print(f"the language itself: {H:.3f} nats per token, perplexity {math.exp(H):.1f}")
scoreboard.show_scoreboard()

# %% [markdown]
r"""
The last number above the board is exact: we made the language, so we can compute the mean surprise of somebody who knows everything that has been said and all the rules. It is the ***entropy rate*** $H$, the $H(p)$ of our boxed formula, and no model stays below it on new text. For English nobody knows this number. Between the unigram model and that line lie
about {{2.7 = nats - world.entropy_rate}} nats, all of them in the *context*. The rest of the course goes after them.

### The best training loss you will ever see

Now a model that remembers. It stores all training sentences and gives each the probability with which it occurred; nothing else is possible for it. That is $q = \hat p$ on whole sentences, the exact minimum of the training loss. Compare training with held-out loss as the training text grows.
"""


# %%
from course_lib.widgets.predict import predict_choice

guess = predict_choice(
    "01_information.memoriser",
    "The memoriser has stored 100,000 tokens. What is its loss on held-out text?",
    {
        "a": "below the entropy rate of the language, as on its training text",
        "b": "between the entropy rate and the unigram model's loss",
        "c": "a little above the unigram model's loss",
        "d": "infinite",
    },
)
guess


# %%
def split(tokens: Tensor) -> list[tuple[int, ...]]:
    """Return the complete sentences of a stream; token 0 is <eos>."""
    ends = [-1, *(tokens == 0).nonzero().flatten().tolist()]
    return [tuple(tokens[a + 1 : b + 1].tolist()) for a, b in itertools.pairwise(ends)]


def memoriser_loss(stored: Counter, sentences: list[tuple[int, ...]]) -> float:
    """Return nats per token of a model that gives each sentence its share of the stored ones."""
    q = torch.tensor([stored[sentence] for sentence in sentences]).double() / stored.total()
    return (my_surprisal(q).sum() / sum(map(len, sentences))).item()


sizes = [100, 300, 1000, 3000, 10_000, 30_000, 100_000]
curves = {"unigram": ([], []), "memoriser": ([], [])}
for n in sizes:
    counted_n, seen = frequencies(train[:n], extra=1), split(train[:n])
    for side, tokens in enumerate((train[:n], held_out)):
        curves["unigram"][side].append(my_cross_entropy(frequencies(tokens), counted_n).item())
    for side, sentences_of in enumerate((seen, split(held_out))):
        curves["memoriser"][side].append(memoriser_loss(Counter(seen), sentences_of))

# %%
unigram_loss, memoriser_training = curves["unigram"][1][-1], curves["memoriser"][0][-1]
show(figures.train_and_held_out(sizes, curves, H), alt="Loss against training tokens. Unigram: "
     f"training and held-out loss meet near {unigram_loss:.2f}. Memoriser: the training loss stays "
     "far below the entropy rate, the held-out loss is infinite at every size.")  # fmt: skip
known = set(split(train))
new = sum(sentence not in known for sentence in split(held_out)) / len(split(held_out))
print(f"memoriser, nats per token on its 100,000 training tokens: {memoriser_training:.3f}")
print(f"entropy rate of the language: {H:.3f}")
print(f"share of held-out sentences that it has never seen: {new:.0%}")

# %%
at_last = curves["memoriser"][1][-1]
limits = {"a": H, "b": unigram_loss, "c": math.inf}
guess.reveal(next((letter for letter, limit in limits.items() if at_last < limit), "d"))

# %% [markdown]
r"""
The memoriser's training loss lies {{*below the entropy of the language* : max(curves["memoriser"][0]) < world.entropy_rate}}, which no model can stay below on new text,
and its held-out loss is {{infinite at every size : min(curves["memoriser"][1]) == math.inf}}: one new sentence is enough, and {{82 % = new}} are new even after the largest.
The humble unigram model is the better model of the language.

Keep two things apart, then. The training loss is $H(\hat p, q) = H(\hat p) + \mathrm{KL}(\hat p \| q)$, about the sentences that you happen to have. What you want small is $H(p, q) = H(p) + \mathrm{KL}(p \| q)$, about the sentences to come. Held-out text, never trained on, *estimates* the second. The goal is not the minimum of the training
loss; it is ***generalisation***.

## 9. Say it in your own words

Write first, then open the model answer.
"""

# %% [markdown] exercise="three_quantities" points=4
r"""
### In your own words · three_quantities

Derive $H(p, q) = H(p) + \mathrm{KL}(p \,\|\, q)$ from the definitions. Then use it: what does minimising the *training* cross-entropy minimise, where is the minimum, and why is reaching it not the goal?

### BEGIN SOLUTION
$\mathrm{KL}(p\|q) = \sum_x p(x) \log \frac{p(x)}{q(x)} = \sum_x p(x) \log p(x) - \sum_x p(x) \log q(x) = -H(p) + H(p, q)$. Bring $H(p)$ to the other side.

In training, the weights are the relative frequencies of the training data, $\hat p$, and not the true $p$. $H(\hat p)$ does not depend on the model, so minimising $H(\hat p, q)$ is minimising $\mathrm{KL}(\hat p \| q)$, which is the same as maximising the likelihood. The minimum is $q = \hat p$, with the loss $H(\hat p)$: a model that
has memorised the data.

The goal is a small $H(p, q)$ on new data from $p$. At $q = \hat p$ everything that the data happen to lack has probability 0, so $\mathrm{KL}(p \| q)$ can be infinite. Held-out data estimate $H(p, q)$.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: the derivation is complete (logarithm of the quotient, two sums, both definitions named).
- 1 point: the training loss weights by the empirical distribution, and its entropy is constant, so KL(empirical ‖ model) is what falls.
- 1 point: the minimum is the empirical distribution itself (equivalently: the maximum-likelihood solution, the memoriser).
- 1 point: generalisation: the true divergence may be large or infinite there; held-out data estimate the true cross-entropy.
### END RUBRIC
"""

# %% [markdown] exercise="below_the_floor" points=3
r"""
### In your own words · below_the_floor

A colleague reports 1.2 nats per token on the mouse-and-cheese world, whose entropy rate is about {{1.75 = world.entropy_rate}}. Give three different explanations, and for each one a check that would confirm it or rule it out.

### BEGIN SOLUTION
Any three of these, for instance:

1. *It is a training loss.* A model that memorised can be below the entropy rate on what it has seen. Check: measure on held-out text, and look for held-out sentences in the training data.
2. *The target leaks into the input*: the model sees the token that it is to predict. Check: change one token; the predictions before and at this position must not change.
3. *The unit differs*: 1.2 could be bits per character, or nats per some smaller piece; 1.2 **bits** per token would be even less, {{0.83 = 1.2 * math.log(2)}} nats. Check: compute the loss of the uniform model with the same code; it must be $\log V \approx {{5.85 = math.log(V)}}$ nats.
4. *The mean is over other tokens*: easy ones such as padding or repeated `<eos>` are counted too. Check: count the tokens that enter the mean.
5. *The probabilities do not sum to 1*. Check: sum them.
6. *Chance*: the text measured is short. Check: measure on more of it; the standard error shrinks with the square root of its length.
### END SOLUTION
### BEGIN RUBRIC
- 1 point for each of three explanations that could really lower the number (memorised or contaminated data, leak, unit, mean over other tokens, probabilities that do not sum to 1, chance), if it comes with a check that tells it from the others.
- Half a point for an explanation without a check. No point for “the model is better than the entropy”: on new text no model stays below it.
### END RUBRIC
"""

# %% [markdown]
r"""
## Flash cards

The lesson in twelve questions, for tomorrow and for next week.
"""

# %%
from course_lib.widgets.cards import flash_cards

flash_cards("01_information")

# %% [markdown]
r"""
## 10. Where this came from, and where it goes

- **Shannon (1948)**, *A Mathematical Theory of Communication*: entropy, the coding bound, and the first language models by counting. **Shannon (1951)**, *Prediction and Entropy of Printed English*: people as language models.
- **Huffman (1952)**: the best code with one codeword per symbol. Today's compressors use arithmetic coding (**Rissanen 1976**), which codes a whole text with less than about two bits of loss, so any language model can drive it.
- **Kullback and Leibler (1951)**: the divergence. Neither this paper nor Shannon's of 1948 uses the word *cross-entropy*, though he is often credited with it.
- **Jelinek, Mercer, Bahl and Baker (1977)**: perplexity, as a measure of how hard a speech recogniser's task is.
- **Bridle (1990)** named the softmax; the temperature comes from statistical physics (Boltzmann). **Guo et al. (2017)**: deep classifiers are often too sure, and one temperature, fitted to held-out data, repairs much of it (`course_lib.metrics.fit_temperature`).
"""

# %% [markdown]
r"""
What large models do (2025): pre-training still minimises `categorical_cross_entropy`, over 128,256 tokens in Llama 3 (2024) instead of {{348 = V}}, with the log-softmax you wrote (fused with its gradient, and
computed in float32 where the rest is in 16 bits). Some add a small term: PaLM (2022) a penalty that keeps the logarithm of the softmax's denominator near 0, DeepSeek-V3 (2024) the same loss for the token after the next. What comes
after pre-training, learning from preferences and rewards, has losses of another kind (lesson [20](20_alignment.ipynb)).

Honest limits. Perplexities compare only between models with the *same tokens* on the *same text*; to compare across vocabularies divide by characters or bytes (lesson 02). A low cross-entropy says that text is predicted well, not that it is true: the people of our world say “Rome” for Paris, and a perfect model of them does too. And how far today's models are from
the entropy of English nobody can say, since nobody knows that entropy.

Next: [02 Tokenization](02_tokenization.ipynb) asks what the $V$ tokens should be.
"""
