# ---
# jupyter:
#   course:
#     title: How far do counts get us?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# How far do counts get us?

*the mouse ate the …* You have seen *mouse ate the* before. Count what came next, divide, and you have a language model: no gradient, no network, trained in a second. For decades this was how it was done.

The picture shows what becomes of it on the course's toy language. Each model predicts a token from the $n - 1$ tokens before it. On the text that was counted, longer histories {{only help : memory["relative frequencies"] == sorted(memory["relative frequencies"], reverse=True)}}: the dashed line even falls
{{below the entropy of the language : memory["relative frequencies"][3] < language.entropy_rate}}, which is where memorising begins. On **new** text the same counts have
{{no answer at all : not any(map(math.isfinite, losses["relative frequencies"][1:]))}} (▲) from order 2 on, a famous quick repair gets {{*worse* : losses["add one"][1:] == sorted(losses["add one"][1:])}} with every
token of history beyond the first, and one method, found in the 1990s, uses what longer histories know and is {{hardly fooled : losses["Kneser–Ney"][:5] == sorted(losses["Kneser–Ney"][:5], reverse=True)
and losses["Kneser–Ney"][5] - losses["Kneser–Ney"][4] < 0.02}} by them. You will build all three.
"""

# %% setup=true
import math
import time
from collections import Counter

import torch
from torch import Tensor

from course_lib.checks import check, show_answer, yours
from course_lib.ngrams import edits

torch.set_printoptions(precision=4, sci_mode=False)

# %%
from course_lib import ngrams, scoreboard
from course_lib.budget import budget
from course_lib.figures import ngrams as figures
from course_lib.figures.style import show
from course_lib.ngrams import by_hand

language = scoreboard.language()
V, eos = len(language.vocabulary), 0
train, held_out = scoreboard.training(budget(full=300_000, short=20_000)), scoreboard.held_out()

orders = range(1, 7)
counts = {n: ngrams.count_ngrams(train, n, V) for n in orders}
relative = [ngrams.mle(counts[n]) for n in orders]
kneser_ney_models = [ngrams.kneser_ney(counts[n]) for n in orders]
losses = {
    "relative frequencies": [model.nats_per_token(held_out) for model in relative],
    "add one": [ngrams.add_k(counts[n], 1).nats_per_token(held_out) for n in orders],
    "Kneser–Ney": [model.nats_per_token(held_out) for model in kneser_ney_models],
}
memory = {"relative frequencies": [model.nats_per_token(train) for model in relative]}

# %%
title = "Only a smoothed model gains from a longer history"
label = "order n: a token is predicted from n − 1 before it"
figure = figures.losses(list(orders), losses, language.entropy_rate, title, label, training=memory)
show(figure, alt="Loss against order. On the counted text it falls below the entropy rate. "
     "On held-out text relative frequencies "
     "are infinite from order 2 on, adding one gets worse from there on, Kneser–Ney falls and "
     "levels off above the entropy rate.")  # fmt: skip

# %% [markdown]
r"""
## What you will be able to do

- give any sentence a probability, its end included, without underflow;
- count n-grams, turn counts into probabilities, and say which two different things go wrong with what was never counted;
- repair them in four ways (add, mix, back off, Kneser–Ney), each checked by hand on a text of twelve words, and say which of them are probabilities;
- measure a model on held-out text as the literature does, and make it write;
- build a spelling corrector from a language model and a model of a typist;
- say what n-grams cannot see, however much they count, and where nothing beats them.

**Time** about 90 minutes, best in two sittings (sections 1 to 5, and 7 to 10); another 80 for what is marked optional. **Builds on** [01 Information](01_information.ipynb) (surprise, cross-entropy, perplexity).
Tokens are words here; lesson 02 cuts them finer, and everything below works unchanged. Probabilities are float tensors, a text is a list of token ids, `<eos>` (end of sentence) is token 0.
"""

# %% [markdown]
r"""
## 1 · One table for all sentences

The chain rule is exact for any distribution over sequences of tokens:

$$p(x_1, \dots, x_L) = \prod_{i=1}^{L} p(x_i \mid x_1, \dots, x_{i-1}).$$

The factor for $x_{20}$ needs the probability of a word after *each possible* beginning of nineteen words. Nobody has seen most of these beginnings even once. So an ***n-gram model*** makes the ***Markov assumption***: only the last $n - 1$ tokens, the ***history***, matter,

$$p(x_i \mid x_1, \dots, x_{i-1}) \approx p(x_i \mid x_{i-n+1}, \dots, x_{i-1}).$$

| name | n | a token is predicted from |
|---|---|---|
| ***unigram*** | 1 | nothing: $p(x_i)$ |
| ***bigram*** | 2 | the one before: $p(x_i \mid x_{i-1})$ |
| ***trigram*** | 3 | the two before: $p(x_i \mid x_{i-2}, x_{i-1})$ |

A bigram model is one table with $V$ rows and $V$ columns: row $h$ is the distribution of the next word after $h$.
"""

# %% [markdown]
r"""
**The ends count.** The product above is a distribution over sequences of *one* length $L$: for each length the probabilities sum to 1, so over all lengths they sum to infinity. With a token `<eos>` that must come at the end, everything sums to 1 together
(lesson 01 computed both sums), and a generator knows when to stop. Before the first word we also put `<eos>`: a sentence begins after the end of another. (For $n > 2$ the history of a sentence's first words
reaches over that `<eos>` into the sentence before: to our models a text is one stream of tokens.)

$$p(\text{sentence}) = p(x_1 \mid \text{eos}) \cdot p(x_2 \mid x_1) \cdots p(x_L \mid x_{L-1}) \cdot p(\text{eos} \mid x_L).$$
"""

# %% [markdown]
r"""
### By hand

All hand calculations of this lesson use one text of twelve tokens:

*the mouse ate the cheese* `<eos>` *the cat ate the mouse* `<eos>`

*the* is followed {{four times : counts_after(toy_text, (1,), 6).sum() == 4}}: {{twice by *mouse*, once by *cheese*, once by *cat* :
counts_after(toy_text, (1,), 6).tolist() == [0, 0, 2, 0, 1, 1]}}. So $p(\text{mouse} \mid \text{the}) = 2/4$. Likewise $p(\text{ate} \mid \text{mouse}) = {{1/2 : mle(toy_text, (2,), 6)[3] == 1 / 2}}$ (the other time the sentence ended), and

$$p(\textit{the mouse ate the cheese}) = \underbrace{1}_{\text{the}\,\mid\,\text{eos}} \cdot \underbrace{\tfrac12}_{\text{mouse}\,\mid\,\text{the}} \cdot \underbrace{\tfrac12}_{\text{ate}\,\mid\,\text{mouse}} \cdot \underbrace{1}_{\text{the}\,\mid\,\text{ate}} \cdot \underbrace{\tfrac14}_{\text{cheese}\,\mid\,\text{the}} \cdot \underbrace{1}_{\text{eos}\,\mid\,\text{cheese}} = \tfrac1{16}, \qquad \log \tfrac{1}{16} \approx {{-2.7726 =
sequence_log_prob([1, 2, 3, 1, 4], torch.stack([mle(toy_text, (h,), 6) for h in range(6)]), 0)}} .$$

### Exercise · sequence_log_prob

A page has hundreds of tokens, and a product of hundreds of probabilities is smaller than the smallest float: it becomes 0. **Add logarithms** instead.
"""


# %% exercise="sequence_log_prob" points=2 withheld="course_lib.ngrams.by_hand.sequence_log_prob"
def sequence_log_prob(tokens: list[int], bigram: Tensor, eos: int) -> Tensor:
    """Return the log probability of a sentence under a bigram model, its end included.

    tokens   the L token ids of the sentence, without the end; L may be 0
    bigram   (V, V) row h holds p(w | h); the row of eos is the distribution of the first word
    eos      the id that stands before the first word and after the last
    returns  () nats: log p(x_1 | eos) + … + log p(eos | x_L); −inf for an impossible sentence

    Works for sentences of thousands of tokens.
    """
    ### BEGIN SOLUTION
    path = torch.tensor([eos, *tokens, eos])
    return bigram[path[:-1], path[1:]].log().sum()
    ### END SOLUTION


# %% [markdown] hints="sequence_log_prob"
r"""
1. Write down the path of a sentence of two words, from `eos` to `eos`: how many steps does it have, and which entry of the table belongs to each?
2. Take the logarithm of each step's probability *before* you combine them. An empty sentence is one step, from `eos` to `eos`.
3. `path = torch.tensor([eos, *tokens, eos])`; indexing with two tensors, `bigram[rows, columns]`, picks one entry for each pair.
"""


# %% cases="sequence_log_prob" active="py"
def cases(seed):
    toy = torch.tensor(
        [[0, 1, 0, 0, 0, 0], [0, 0, 0.5, 0, 0.25, 0.25], [0.5, 0, 0, 0.5, 0, 0], [0, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 0, 1.0, 0, 0]]
    )  # fmt: skip
    yield Case({"tokens": [], "bigram": torch.tensor([[0.25, 0.75], [0.5, 0.5]]), "eos": 0}, note="an empty sentence")
    yield Case({"tokens": [1], "bigram": torch.tensor([[0.25, 0.75], [0.4, 0.6]]), "eos": 0}, note="one word")
    yield Case({"tokens": [1, 2, 3, 1, 4], "bigram": toy, "eos": 0}, note="the example by hand")
    yield Case({"tokens": [2, 1, 1, 4, 3], "bigram": toy, "eos": 0}, note="an impossible sentence")
    yield Case(
        {"tokens": random_integers(seed, 0, 3, 5).tolist(), "bigram": random_distributions(seed, 4, 4), "eos": 3},
        note="another id for the end",
    )
    yield Case(
        {
            "tokens": random_integers(seed + 2, 0, 7, 9).tolist(),
            "bigram": random_distributions(seed + 2, 7, 7),
            "eos": 2,
        },
        note="nine words of seven",
    )
    long = random_integers(seed + 1, 1, 6, 600).tolist()
    yield Case({"tokens": long, "bigram": random_distributions(seed + 1, 6, 6), "eos": 0}, note="600 words")


# %% mistake="sequence_log_prob" name="no_end" hint="The end is missing: after the last word comes eos, with its own probability. Without it, sentences of every length share nothing." active="py"
def sequence_log_prob(tokens, bigram, eos):
    path = torch.tensor([eos, *tokens])
    return bigram[path[:-1], path[1:]].log().sum()


# %% mistake="sequence_log_prob" name="no_start" hint="The first word has a probability too: that of following eos." active="py"
def sequence_log_prob(tokens, bigram, eos):
    path = torch.tensor([*tokens, eos])
    return bigram[path[:-1], path[1:]].log().sum()


# %% mistake="sequence_log_prob" name="product" hint="The product of many probabilities is rounded to 0 before its logarithm is taken. Take the logarithm of each factor and add." active="py"
def sequence_log_prob(tokens, bigram, eos):
    path = torch.tensor([eos, *tokens, eos])
    return bigram[path[:-1], path[1:]].prod().log()


# %% mistake="sequence_log_prob" name="transposed" hint="You read the table the wrong way round: the row is the word before, the column the word that comes." active="py"
def sequence_log_prob(tokens, bigram, eos, right=sequence_log_prob):
    return right(tokens, bigram.T, eos)


# %% mistake="sequence_log_prob" name="bits" hint="You took the logarithm to the base 2. This course measures in nats." active="py"
def sequence_log_prob(tokens, bigram, eos, right=sequence_log_prob):
    return right(tokens, bigram, eos) / math.log(2)


# %% [markdown]
r"""
A table for the toy language, from its first tokens, ranks sentences much as you would, with one exception: the last one is good English, the language makes it {{now and then :
language.log_prob([*language.encode("the squirrel eats acorns"), eos]) > -math.inf}}, and our table says that it {{cannot be :
sequence_log_prob(language.encode("the squirrel eats acorns"), table, eos) == -math.inf}}.
"""

# %%
my_log_prob = yours("ngrams.sequence_log_prob", by_hand.sequence_log_prob)
table = torch.stack([torch.tensor(relative[1].next_probs([h])) for h in range(V)]).nan_to_num(0.0)

for sentence in (
    "the mouse ate the cheese",
    "the cheese ate the mouse",
    "the the mouse cheese ate",
    "the squirrel eats acorns",
):
    ids = language.encode(sentence)
    exact = language.log_prob([*ids, eos])
    print(f"{sentence:28} bigram {my_log_prob(ids, table, eos):7.2f}   the language itself {exact:7.2f}")

# %% [markdown]
r"""
## 2 · Counting

An ***n-gram*** is a sequence of $n$ neighbouring tokens. A text of $N$ tokens has $N - n + 1$ of them (none if $N < n$): they overlap, and none reaches around from the end to the beginning.

Our {{twelve : len(toy_text) == 12}}-token text has {{11 = sum(count_ngrams(toy_text, 2).values())}} bigrams, of which
{{*the mouse* and *ate the* : {pair for pair, count in count_ngrams(toy_text, 2).items() if count == 2} == {(1, 2), (3, 1)}}} occur twice.

### Exercise · count_ngrams
"""


# %% exercise="count_ngrams" points=1 withheld="course_lib.ngrams.by_hand.count_ngrams course_lib.ngrams.counts.count_ngrams"
def count_ngrams(tokens: list[int], n: int) -> Counter:
    """Return how often each n-gram occurs in a text.

    tokens   the N token ids of the text
    n        length of the n-grams, at least 1; may be larger than N
    returns  a Counter (or dict): tuple of n ids → count; empty when the text is shorter than n

    Raises ValueError for n below 1.

    Example: count_ngrams([7, 8, 7, 8], 2) is {(7, 8): 2, (8, 7): 1}.
    """
    ### BEGIN SOLUTION
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))
    ### END SOLUTION


# %% [markdown] hints="count_ngrams"
r"""
1. At which places can an n-gram begin? What is the last one, for N = 4 and n = 2?
2. Cut one n-gram at each of these places, as a tuple (a list cannot be a key), and count them. Check n first.
3. `tuple(tokens[i : i + n])` is one of them; a `Counter` counts whatever it is given.
"""


# %% cases="count_ngrams" active="py"
def cases(seed):
    yield Case({"tokens": [3], "n": 1}, note="one token")
    yield Case({"tokens": [7, 8, 7, 8], "n": 2}, note="the example")
    yield Case({"tokens": [4, 4, 4, 4], "n": 2}, note="overlapping")
    yield Case({"tokens": [1, 2], "n": 3}, note="a text shorter than n")
    yield Case({"tokens": [1, 2], "n": 0}, note="n below 1")
    yield Case({"tokens": [1, 2], "n": -2}, note="n far below 1")
    yield Case({"tokens": [1, 12, 11, 2, 1, 12], "n": 2}, note="ids of two digits")
    for n in (1, 3, 4):
        tokens = random_integers(seed + n, 0, 3, 38 + n).tolist()
        yield Case({"tokens": tokens, "n": n}, note=f"a random text, n = {n}")


# %% probe="count_ngrams" active="py"
def probe(student, case):
    found = student(case["tokens"], case["n"])
    return sorted([list(ngram), int(count)] for ngram, count in found.items() if count)


# %% mistake="count_ngrams" name="last_one_missing" hint="The last n-gram is missing: it begins at N − n, so the range must go up to N − n + 1." active="py"
def count_ngrams(tokens, n, right=count_ngrams):
    return right(tokens[:-1], n)


# %% mistake="count_ngrams" name="side_by_side" hint="You cut the text into pieces that do not overlap. An n-gram begins at every place." active="py"
def count_ngrams(tokens, n, right=count_ngrams):
    right(tokens, n)
    return Counter(tuple(tokens[i : i + n]) for i in range(0, len(tokens) - n + 1, n))


# %% mistake="count_ngrams" name="around_the_corner" hint="Your n-grams reach from the end of the text around to its beginning (or are cut short there): the last one begins at N − n." active="py"
def count_ngrams(tokens, n, right=count_ngrams):
    right(tokens, n)
    return Counter(tuple((tokens + tokens + tokens)[i : i + n]) for i in range(len(tokens)))


# %% mistake="count_ngrams" name="order_ignored" hint="(7, 8) and (8, 7) are different n-grams: keep the order of the tokens." active="py"
def count_ngrams(tokens, n, right=count_ngrams):
    return Counter(tuple(sorted(ngram)) for ngram in right(tokens, n).elements())


# %% mistake="count_ngrams" name="no_check" hint="Right for n of 1 and more. For n below 1 the docstring asks for a ValueError." active="py"
def count_ngrams(tokens, n):
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


# %% [markdown]
r"""
How many n-grams are there? Of a vocabulary of $V$ words one can *form* $V^n$. How many does a text *have*, and how many of those in a new text has it not? This is the whole difficulty, called ***sparsity***, in one figure.
"""

# %%
my_count = yours("ngrams.count_ngrams", by_hand.count_ngrams)
tokens = train.tolist()
for n in (1, 2, 3, 4):
    print(f"n = {n}: {V**n:14,} possible, {len(my_count(tokens, n)):7,} different ones in {len(tokens):,} tokens")

sizes_counted = [n for n in (1000, 3000, 10_000, 30_000, 100_000, 300_000) if n <= len(train)]
unseen = [ngrams.count_ngrams(train[:size], 6, V).unseen(held_out) for size in sizes_counted]
new_shares = {n: [share[n - 1] for share in unseen] for n in range(2, 7)}
show(figures.unseen(sizes_counted, new_shares, "The longer an n-gram, the likelier it is new"),
     alt="Share of held-out n-grams that were never counted, against the number of tokens "
         "counted: it falls slowly, "
     "and is larger for longer n-grams.")  # fmt: skip

# %% [markdown]
r"""
Each curve {{falls : all(share == sorted(share, reverse=True) for share in new_shares.values())}}, and slowly: of the held-out sequences of six words {{85 % = new_shares[6][-3]}} are new to a model that has counted
{{30,000 = sizes_counted[-3]}} tokens, and {{65 % = new_shares[6][-1]}} to one that has counted ten times as many. And this is a world of {{348 = V}} words.

### Question · possible_trigrams

A vocabulary of 50,000 words, and a text of a million million ($10^{12}$) words. What share of all possible trigrams can occur in it **at most**? Write a number between 0 and 1.
"""

# %% exercise="possible_trigrams" points=1 kind="number"
### BEGIN SOLUTION
possible_trigrams = 1e12 / 50_000**3  # 0.008
### END SOLUTION

# %% mistake="possible_trigrams" name="bigrams" hint="That would be more than all of them: you counted pairs, 50,000². A trigram has three words." active="py"
possible_trigrams = 1e12 / 50_000**2

# %% mistake="possible_trigrams" name="percent" hint="That is in percent. The question asks for a number between 0 and 1." active="py"
possible_trigrams = 0.8

# %% [markdown]
r"""
## 3 · Relative frequencies

Write $c(h\,w)$ for the number of times that history $h$ was followed by $w$, and $c(h) = \sum_w c(h\,w)$. The estimate that makes the training text most probable is the ***relative frequency*** (lesson 01: maximum likelihood gives back the counts):

$$p_{\text{MLE}}(w \mid h) = \frac{c(h\,w)}{c(h)} .$$

First the row of the table. After *the*, our text of twelve has

| w | `<eos>` | the | mouse | ate | cheese | cat |
|---|---|---|---|---|---|---|
| $c(\text{the}\,w)$ | {{0 | 0 | 2 | 0 | 1 | 1 : counts_after(toy_text, (1,), 6).tolist() == [0, 0, 2, 0, 1, 1]}} |
| $p_{\text{MLE}}(w \mid \text{the})$ | {{0 | 0 | 0.5 | 0 | 0.25 | 0.25 : mle(toy_text, (1,), 6).tolist() == [0, 0, 0.5, 0, 0.25, 0.25]}} |

### Exercise · counts_after

One row, for a history of any length. Your own `count_ngrams` is in scope. The empty history `()` precedes every token.
"""


# %% exercise="counts_after" points=1 needs="count_ngrams" withheld="course_lib.ngrams.by_hand.counts_after course_lib.ngrams.counts.count_ngrams"
def counts_after(tokens: list[int], history: tuple[int, ...], vocab_size: int) -> Tensor:
    """Return how often each token followed a history in a text.

    tokens      the token ids of the text
    history     a tuple of 0 or more ids
    vocab_size  V
    returns     (V,) float; all zeros when nothing ever followed the history

    Example: counts_after([1, 2, 1, 0], (1,), 3) is [1, 0, 1].
    """
    ### BEGIN SOLUTION
    after = torch.zeros(vocab_size)
    for (*before, token), count in count_ngrams(tokens, len(history) + 1).items():
        if tuple(before) == history:
            after[token] = count
    return after
    ### END SOLUTION


# %% [markdown] hints="counts_after"
r"""
1. A history of m tokens and what follows it make an n-gram of which length? Which of those n-grams begin with the history?
2. Go through all n-grams of that length. Those that begin with the history say with their last token where their count belongs.
3. `for ngram, count in count_ngrams(tokens, len(history) + 1).items():`, and `ngram[:-1]` is what came before.
"""


# %% cases="counts_after" active="py"
def cases(seed):
    text = [1, 2, 3, 1, 4, 0, 1, 5, 3, 1, 2, 0]
    yield Case({"tokens": [1, 2, 1, 0], "history": [1], "vocab_size": 3}, note="the example")
    yield Case({"tokens": [1, 2, 1, 0], "history": [], "vocab_size": 3}, note="the empty history")
    yield Case({"tokens": [1, 2, 1, 0], "history": [0], "vocab_size": 3}, note="a history at the end of the text")
    yield Case({"tokens": text, "history": [3, 1], "vocab_size": 6}, note="a history of two tokens")
    yield Case({"tokens": text, "history": [4, 4], "vocab_size": 6}, note="a history that never came")
    yield Case(
        {"tokens": [1, 1, 1, 2, 1, 1], "history": [1, 1], "vocab_size": 3}, note="a history that overlaps itself"
    )
    yield Case({"tokens": [1, 2], "history": [1, 2, 1], "vocab_size": 3}, note="a history longer than the text")
    digits = [11, 2, 3, 1, 2, 3, 1, 2, 12]
    yield Case({"tokens": digits, "history": [1, 2], "vocab_size": 13}, note="ids of two digits")
    for history, largest, length in (([1, 2], 3, 60), ([2], 5, 40), ([0, 1, 0], 2, 50)):
        tokens = random_integers(seed + length, 0, largest, length).tolist()
        note = f"a random text, a history of {len(history)}"
        yield Case({"tokens": tokens, "history": history, "vocab_size": largest + 1}, note=note)


# %% probe="counts_after" active="py"
def probe(student, case):
    return student(case["tokens"], tuple(case["history"]), case["vocab_size"])


# %% mistake="counts_after" name="last_token_only" hint="Only the last token of the history was compared. All of it must match." active="py"
def counts_after(tokens, history, vocab_size, right=counts_after):
    return right(tokens, history[-1:], vocab_size)


# %% mistake="counts_after" name="before" hint="You counted what came before the history. The history is the beginning of the n-gram, the token its end." active="py"
def counts_after(tokens, history, vocab_size, right=counts_after):
    return right(tokens[::-1], history[::-1], vocab_size)


# %% mistake="counts_after" name="once_each" hint="You noted that a token followed, and not how often: put the count there instead of 1." active="py"
def counts_after(tokens, history, vocab_size, right=counts_after):
    return right(tokens, history, vocab_size).clamp_max(1)


# %% mistake="counts_after" name="backwards" hint="The history is compared in the wrong order: its last token stands next to the one that follows." active="py"
def counts_after(tokens, history, vocab_size, right=counts_after):
    return right(tokens, history[::-1], vocab_size)


# %% [markdown]
r"""
### Exercise · mle

Two different things go wrong with what was never counted, and they are often confused:

- a **word** that never followed a history that did occur has probability $0 / c(h) = 0$;
- after a **history** that was never continued, the estimate is $0/0$: not zero, but *no prediction at all*. Your function must say so, with a ValueError.

Watch the denominator. In our text `<eos>` occurs {{twice : toy_text.count(0) == 2}} and is followed {{once : counts_after(toy_text, (0,), 6).sum() == 1}}, since it also ends the text. $c(h)$ is the sum of the row, so that the row sums to 1.
"""


# %% exercise="mle" points=2 needs="counts_after" withheld="course_lib.ngrams.by_hand.mle course_lib.ngrams.estimates.mle"
def mle(tokens: list[int], history: tuple[int, ...], vocab_size: int) -> Tensor:
    """Return the relative frequencies of what follows a history in a text.

    tokens      the token ids of the text
    history     a tuple of 0 or more ids
    vocab_size  V
    returns     (V,) c(h w) / c(h); sums to 1

    Raises ValueError when nothing ever followed the history.

    Example: mle([1, 2, 1, 0], (1,), 3) is [0.5, 0, 0.5].
    """
    ### BEGIN SOLUTION
    after = counts_after(tokens, history, vocab_size)
    if after.sum() == 0:
        raise ValueError(f"history {history} was never continued: its relative frequencies are 0/0")
    return after / after.sum()
    ### END SOLUTION


# %% [markdown] hints="mle"
r"""
1. `counts_after` gives the row. What must you divide by, so that the row sums to 1? When is that 0?
2. Divide the row by its own sum. Where that sum is 0 there is no prediction, and the docstring says what to do.
3. `after = counts_after(tokens, history, vocab_size)`; test `after.sum()` before you divide.
"""


# %% cases="mle" active="py"
def cases(seed):
    text = [1, 2, 3, 1, 4, 0, 1, 5, 3, 1, 2, 0]
    yield Case({"tokens": [1, 2, 1, 0], "history": [1], "vocab_size": 3}, note="the example")
    yield Case({"tokens": text, "history": [1], "vocab_size": 6}, note="after “the”, by hand")
    yield Case({"tokens": text, "history": [0], "vocab_size": 6}, note="a history that also ends the text")
    yield Case({"tokens": text, "history": [], "vocab_size": 6}, note="the empty history")
    yield Case({"tokens": text, "history": [3, 1], "vocab_size": 6}, note="a history of two tokens")
    yield Case({"tokens": text, "history": [4, 4], "vocab_size": 6}, note="a history that never came")
    for history, largest, length in (([1], 3, 60), ([], 5, 30), ([1, 0], 2, 50)):
        tokens = random_integers(seed + length, 0, largest, length).tolist()
        note = f"a random text, a history of {len(history)}"
        yield Case({"tokens": tokens, "history": history, "vocab_size": largest + 1}, note=note)


# %% probe="mle" active="py"
def probe(student, case):
    return student(case["tokens"], tuple(case["history"]), case["vocab_size"])


# %% equivalents="mle" active="py"
equivalents = {
    "after.sum() → after.max()": "counts are not negative, so all are 0 where the largest, their mean or their sum is",
    "after.sum() → after.mean()": "as with the largest",
    "after.sum() → after.amax()": "as with the largest",
}


# %% mistake="mle" name="zeros_for_an_unseen_history" hint="After a history that never came, the estimate is 0/0 and not 0: zeros are no distribution. Raise ValueError." active="py"
def mle(tokens, history, vocab_size):
    after = counts_after(tokens, history, vocab_size)
    return after / after.sum().clamp_min(1)


# %% mistake="mle" name="nan_for_an_unseen_history" hint="After a history that never came you return nan (0/0), which goes unnoticed until the loss is nan. Raise ValueError." active="py"
def mle(tokens, history, vocab_size):
    after = counts_after(tokens, history, vocab_size)
    return after / after.sum()


# %% mistake="mle" name="uniform_for_an_unseen_history" hint="A uniform guess after an unseen history is a kind of smoothing. Relative frequencies have no prediction there: raise ValueError." active="py"
def mle(tokens, history, vocab_size):
    after = counts_after(tokens, history, vocab_size)
    return after / after.sum() if after.sum() > 0 else torch.full((vocab_size,), 1 / vocab_size)


# %% mistake="mle" name="count_of_the_history" hint="You divide by how often the history occurs. Its last occurrence may end the text and is followed by nothing: divide by the sum of the row." active="py"
def mle(tokens, history, vocab_size, right=mle):
    row, after = right(tokens, history, vocab_size), counts_after(tokens, history, vocab_size)
    return after / count_ngrams(tokens, len(history))[history] if history else row


# %% mistake="mle" name="joint" hint="You divide by the number of all n-grams: that is the probability of history and word together. Divide by the sum of this history's row." active="py"
def mle(tokens, history, vocab_size, right=mle):
    right(tokens, history, vocab_size)
    return counts_after(tokens, history, vocab_size) / (len(tokens) - len(history))


# %% [markdown]
r"""
How many of the held-out tokens meet either fate? A single 0 among {{20,000 = len(held_out)}} tokens makes the mean surprise infinite; a single 0/0 leaves it undefined.
"""

# %%
n_tokens = len(held_out)
for n, model in zip(orders, relative):
    log_probs = torch.tensor(model.log_probs(held_out))
    impossible, undefined = log_probs.isneginf().sum().item(), log_probs.isnan().sum().item()
    print(
        f"order {n}: {impossible / n_tokens:6.2%} of the new tokens had probability 0,"
        f"{undefined / n_tokens:7.2%} no prediction at all"
    )

# %% [markdown]
r"""
## 4 · Pretend to have seen everything

Giving unseen words a share of the probability is called ***smoothing***. The oldest way (Laplace, around 1800, for the sunrise) is ***add-k smoothing***: pretend that every word followed every history $k$ times more often than it did,

$$p_{\text{add-}k}(w \mid h) = \frac{c(h\,w) + k}{c(h) + k V}.$$

The denominator grows by $k$ for **each of the $V$ words**, or the row would not sum to 1. After *the*, with $k = 1$ and $V = 6$: *mouse* gets $(2 + 1) / (4 + 6) = {{0.3 = add_k(toy_text, (1,), 6, 1)[2]}}$, *cheese* and *cat* {{0.2 = add_k(toy_text, (1,), 6, 1)[4]}} each, the three unseen words
{{0.1 = add_k(toy_text, (1,), 6, 1)[0]}} each. After a history that never came: $k / (kV) = 1/V$ for all.

### Exercise · add_k
"""


# %% exercise="add_k" points=2 needs="counts_after" withheld="course_lib.ngrams.by_hand.add_k course_lib.ngrams.estimates.add_k"
def add_k(tokens: list[int], history: tuple[int, ...], vocab_size: int, k: float) -> Tensor:
    """Return the distribution after a history, with k added to every count.

    tokens      the token ids of the text
    history     a tuple of 0 or more ids; it may be one that never came
    vocab_size  V
    k           above 0; may be a fraction
    returns     (V,) positive, sums to 1

    Raises ValueError unless k is above 0.

    Example: add_k([1, 2, 1, 0], (1,), 3, 1) is [0.4, 0.2, 0.4].
    """
    ### BEGIN SOLUTION
    if not k > 0:
        raise ValueError(f"k must be above 0, got {k}")
    after = counts_after(tokens, history, vocab_size)
    return (after + k) / (after.sum() + k * vocab_size)
    ### END SOLUTION


# %% [markdown] hints="add_k"
r"""
1. The row has V counts and each grows by k: by how much does their sum grow?
2. Add k to every count, and divide by what the row sums to after that. Check k first.
3. `after + k` is the numerator; the denominator is `after.sum()` and what all V words got.
"""


# %% cases="add_k" active="py"
def cases(seed):
    text = [1, 2, 3, 1, 4, 0, 1, 5, 3, 1, 2, 0]
    yield Case({"tokens": [1, 2, 1, 0], "history": [1], "vocab_size": 3, "k": 1}, note="the example")
    yield Case({"tokens": text, "history": [1], "vocab_size": 6, "k": 1}, note="after “the”, by hand")
    yield Case({"tokens": text, "history": [1], "vocab_size": 6, "k": 0.01}, note="a small k")
    yield Case({"tokens": text, "history": [4, 4], "vocab_size": 6, "k": 0.5}, note="a history that never came")
    yield Case({"tokens": text, "history": [1], "vocab_size": 6, "k": 0}, note="k = 0")
    yield Case({"tokens": text, "history": [1], "vocab_size": 6, "k": -0.1}, note="k below 0")
    for history, k, length in (([], 0.3, 60), ([2], 2.5, 40), ([1, 0], 0.04, 50)):
        tokens = random_integers(seed + length, 0, 3, length).tolist()
        note = f"a random text, a history of {len(history)}"
        yield Case({"tokens": tokens, "history": history, "vocab_size": 5, "k": k}, note=note)


# %% probe="add_k" active="py"
def probe(student, case):
    return student(case["tokens"], tuple(case["history"]), case["vocab_size"], case["k"])


# %% mistake="add_k" name="denominator_plus_k" hint="The sum of the row grows by k for every word of the vocabulary: the denominator needs k·V and not k." active="py"
def add_k(tokens, history, vocab_size, k, right=add_k):
    right(tokens, history, vocab_size, k)
    after = counts_after(tokens, history, vocab_size)
    return (after + k) / (after.sum() + k)


# %% mistake="add_k" name="always_one" hint="You add 1 whatever k is." active="py"
def add_k(tokens, history, vocab_size, k, right=add_k):
    right(tokens, history, vocab_size, k)
    return right(tokens, history, vocab_size, 1)


# %% mistake="add_k" name="seen_words_only" hint="V is the size of the vocabulary, not the number of words that were seen after this history." active="py"
def add_k(tokens, history, vocab_size, k, right=add_k):
    right(tokens, history, vocab_size, k)
    after = counts_after(tokens, history, vocab_size)
    return (after + k) / (after.sum() + k * (after > 0).sum())


# %% mistake="add_k" name="only_the_zeros" hint="Only the words with count 0 got k. Every count grows by k." active="py"
def add_k(tokens, history, vocab_size, k, right=add_k):
    right(tokens, history, vocab_size, k)
    after = counts_after(tokens, history, vocab_size)
    after = torch.where(after > 0, after, float(k))
    return after / after.sum()


# %% mistake="add_k" name="no_check" hint="Right for k above 0. Otherwise the docstring asks for a ValueError: with k = 0 the zeros are back." active="py"
def add_k(tokens, history, vocab_size, k):
    after = counts_after(tokens, history, vocab_size)
    return (after + k) / (after.sum() + k * vocab_size)


# %% [markdown]
r"""
Which $k$? Move it. On the left the loss on held-out text, on the right what $k$ does to the words after *mouse ate the*. At $k = 1$, {{98 % = impossible_words[2]}} of the probability at order 2 and {{91 % = impossible_words[4]}} at order 4
have gone to words that cannot follow.
"""

# %%
from course_lib.widgets.ngrams import add_k_explorer, babbler, next_word_explorer

add_k_explorer(
    {f"order {n}": counts[n] for n in (2, 3, 4)},
    held_out[: budget(full=20_000, short=2000)],
    language.encode("mouse ate the"),
    language.vocabulary,
)

# %%
exact = language.next_token_probs(language.encode("the mouse ate the"))
impossible_words = {}
for n in (2, 3, 4):
    with_one = torch.tensor(ngrams.add_k(counts[n], 1).next_probs(language.encode("mouse ate the")))
    impossible_words[n] = with_one[exact == 0].sum().item()
    print(f"order {n}, k = 1: {impossible_words[n]:.1%} of the probability is with words that cannot follow")

# %% [markdown]
r"""
The longer the history, the rarer it is, and the more the $kV$ imagined words outweigh the few real ones. That is why “add one” {{climbs : losses["add one"][1:] == sorted(losses["add one"][1:])}} in the first figure. Even the best $k$ treats all unseen words alike: after *mouse ate the*, *bread* and *Tuesday* would be equally likely if neither had come.

How much probability *should* be put aside? Ask a second text of the same length: how often do trigrams that were counted $r$ times come there?
"""

# %%
from course_lib.widgets.predict import predict_number

guess = predict_number(
    "03_ngrams.seen_once",
    "A trigram was counted once. How often will it come, on average, in another text as long?",
    low=0.0,
    high=2.0,
    unit="times",
)
guess

# %%
second_text = scoreboard.training(2 * len(train))[len(train) :]
first, second = counts[3], ngrams.count_ngrams(second_text, 3, V)
known = first.trie.numbers(second.trie.ngrams(3))  # the place of each trigram of the second text among the first's
again = torch.zeros(len(first.counts[2]))
again[known[known >= 0]] = torch.tensor(second.counts[2][known >= 0]).float()
never_counted = second.counts[2][known < 0].sum() / (V**3 - len(first.counts[2]))

r = list(range(9))
mean = [float(never_counted)] + [again[torch.tensor(first.counts[2] == i)].mean().item() for i in r[1:]]
missing = sum(i - m for i, m in zip(r[1:], mean[1:])) / 8
title = "What was counted r times comes a little less than r times again"
show(figures.promised_and_kept(r, mean, missing, title),
     alt="Mean number of occurrences in a second text against the count in the first: the points "
         "lie on a line "
     f"{missing:.2f} occurrences below the diagonal.")  # fmt: skip
print(f"on average {missing:.2f} less;  never counted, not 0 but {mean[0]:.5f} times each")

# %%
guess.reveal(mean[1])

# %%
seen_times = torch.bincount(torch.tensor(first.counts[2]))  # n_r: how many different trigrams were counted r times
good_turing = [((i + 1) * seen_times[i + 1] / seen_times[i]).item() for i in r[1:]]
once_share = (seen_times[1] / first.counts[2].sum()).item()
new_share = (second.counts[2][known < 0].sum() / second.counts[2].sum()).item()
for i in r[1:5]:
    print(f"counted {i} times: {mean[i]:.2f} times in the second text; Good and Turing say {good_turing[i - 1]:.2f}")
print(f"new in the second text: {new_share:.2%} of its trigrams; Good and Turing say {once_share:.2%}")

# %% [markdown]
r"""
The points lie on a line **parallel** to “as often again”: what a count loses is {{about the same : all(0.3 < i - m < 0.7 for i, m in zip(r[1:], mean[1:]))}} whether it is 1 or 8, on average
{{0.50 = missing}}. (Church and Gale measured this on newspaper text in 1991: there, counts of 2 and more lose about three quarters.) Adding $k$ is nothing like this. It scales all counts of a row down by one factor, so that large counts lose most. Keep the picture
in mind: it is the idea behind section 7.

No second text is needed to see this. ***Good–Turing*** (Good 1953): what was counted $r$ times should come $(r + 1)\, n_{r+1} / n_r$ times again, $n_r$ being the number of different trigrams that were counted
$r$ times; and what was never counted should make up $n_1 / N$ of a new text. The second text had {{6.6 % = new_share}} of new trigrams, and the formula, which has never seen it, says
{{6.7 % = once_share}}.
"""

# %% [markdown]
r"""

## 5 · Ask several models

When *mouse ate the* is rare, ask a shorter history: *ate the* is less rare, *the* is common, and the empty history always has an answer. ***Interpolation*** mixes them:

$$p(w \mid h) = \sum_{m=1}^{M} \lambda_m\, p_m(w \mid h_m), \qquad \lambda_m \ge 0, \quad \sum_m \lambda_m = 1,$$

where $h_m$ is the end of the history that model $m$ looks at. A mixture of distributions is a distribution. But a model without a prediction (0/0) has nothing to mix; its weight must go to the others, in proportion.

By hand, two words, three models: $(1, 0)$ with weight 0.2, *no prediction* with weight 0.5, $(0.5, 0.5)$ with weight 0.3. The weights that are left are 0.2 and 0.3; scaled to sum to 1 they are 0.4 and 0.6, and the mixture is $(0.4 + 0.3,\ 0.3) = ({{0.7 = interpolate(torch.tensor([[1, 0], [math.nan, math.nan], [0.5, 0.5]]), torch.tensor([0.2, 0.5, 0.3]))[0]}},\ {{0.3 = interpolate(torch.tensor([[1, 0], [math.nan, math.nan], [0.5, 0.5]]), torch.tensor([0.2, 0.5, 0.3]))[1]}})$.

### Exercise · interpolate · optional
"""


# %% exercise="interpolate" points=2 optional=true withheld="course_lib.ngrams.by_hand.interpolate course_lib.ngrams.estimates.interpolated"
def interpolate(probs: Tensor, weights: Tensor) -> Tensor:
    """Return the mixture of several models' predictions of the next token.

    probs    (M, V) one distribution a row; a row of nan is a model that has no prediction here.
             At least one has
    weights  (M,) at least 0, with the sum 1 (up to the rounding of float32); the weight of a model
             without a prediction goes to the others in proportion
    returns  (V,) sums to 1

    Raises ValueError when a weight is below 0 or the weights have another sum.
    """
    ### BEGIN SOLUTION
    if (weights < 0).any() or not math.isclose(float(weights.sum()), 1.0, abs_tol=1e-5):
        raise ValueError(f"weights must be at least 0 and sum to 1, got {weights.tolist()}")
    usable = ~probs.isnan().any(dim=-1)
    return weights[usable] @ probs[usable] / weights[usable].sum()
    ### END SOLUTION


# %% [markdown] hints="interpolate"
r"""
1. Which rows can be used (`isnan`)? What do their weights sum to, and what should they sum to?
2. Keep the usable rows and their weights, mix them, and divide by the sum of the weights that are left. Check the weights first, with a tolerance: sums are rounded.
3. `usable = ~probs.isnan().any(-1)`; a weighted sum of rows is `weights @ probs`.
"""


# %% cases="interpolate" active="py"
def cases(seed):
    nan = math.nan
    yield Case(
        {"probs": torch.tensor([[1.0, 0], [0.5, 0.5]]), "weights": torch.tensor([0.25, 0.75])}, note="two models"
    )
    yield Case(
        {"probs": torch.tensor([[1.0, 0], [nan, nan], [0.5, 0.5]]), "weights": torch.tensor([0.2, 0.5, 0.3])},
        note="one without a prediction, by hand",
    )
    yield Case(
        {"probs": torch.tensor([[1.0, 0], [0.5, 0.5]]), "weights": torch.tensor([0.5, 0.48])},
        note="weights that sum to 0.98",
    )
    yield Case(
        {"probs": torch.tensor([[1.0, 0], [0.5, 0.5]]), "weights": torch.tensor([0.5, 0.52])},
        note="weights that sum to 1.02",
    )
    yield Case(
        {"probs": torch.tensor([[1.0, 0], [0.5, 0.5]]), "weights": torch.tensor([1.5, -0.5])}, note="a negative weight"
    )
    yield Case(
        {"probs": random_distributions(seed, 4, 6), "weights": random_distributions(seed + 1, 4)}, note="four models"
    )
    some = random_distributions(seed + 2, 3, 5)
    some[0] = nan
    yield Case(
        {"probs": some, "weights": random_distributions(seed + 3, 3)}, note="three models, one without a prediction"
    )
    rounded = torch.tensor([0.25, 0.5 - 2**-24, 0.25])  # in float32 their sum is 0.99999994, in whatever order
    yield Case({"probs": some, "weights": rounded}, note="weights that sum to 1 up to rounding")
    yield Case({"probs": some, "weights": torch.tensor([0.0, 0.75, 0.25])}, note="a weight of 0")
    few = random_distributions(seed + 4, 7, 3)
    few[[0, 2, 5]] = nan
    yield Case(
        {"probs": few, "weights": random_distributions(seed + 5, 7)}, note="seven models, three without a prediction"
    )


# %% equivalents="interpolate" active="py"
equivalents = {
    "probs.isnan().any(dim=-1) → probs.isnan().all(dim=-1)": "a row of nan is nan throughout",
}


# %% mistake="interpolate" name="nan_spreads" hint="A model without a prediction turned everything into nan. Leave its row out, and share its weight among the others." active="py"
def interpolate(probs, weights, right=interpolate):
    right(torch.ones(len(weights), 1), weights)
    return weights @ probs


# %% mistake="interpolate" name="weight_lost" hint="The weight of the model without a prediction is lost, so the result does not sum to 1: divide by the weights that are left." active="py"
def interpolate(probs, weights, right=interpolate):
    right(torch.ones(len(weights), 1), weights)
    return weights @ probs.nan_to_num(0.0)


# %% mistake="interpolate" name="equal_votes" hint="All models counted the same: the weights are not used." active="py"
def interpolate(probs, weights, right=interpolate):
    right(torch.ones(len(weights), 1), weights)
    return probs[~probs.isnan().any(-1)].mean(0)


# %% mistake="interpolate" name="logarithms_mixed" hint="You mixed the logarithms: one model that says 0 then rules a word out for all. Mix the probabilities." active="py"
def interpolate(probs, weights, right=interpolate):
    right(torch.ones(len(weights), 1), weights)
    usable = ~probs.isnan().any(-1)
    return (weights[usable] / weights[usable].sum() @ probs[usable].log()).softmax(-1)


# %% mistake="interpolate" name="no_check" hint="Right for proper weights. Others must be refused with a ValueError: the result would be no distribution." active="py"
def interpolate(probs, weights):
    usable = ~probs.isnan().any(dim=-1)
    return weights[usable] @ probs[usable] / weights[usable].sum()


# %% [markdown]
r"""
Where do the weights come from? They can be found by climbing the likelihood (Jelinek and Mercer 1980; the method is expectation maximisation). But the likelihood **of which text**? Try both, and read what each says about the longest history:
"""

# %%
other_text = scoreboard.training(len(train) + 20_000)[len(train) :]  # neither counted nor used to measure
lambdas = {}
for name, text in {"the counted text": train[:20_000], "another text": other_text}.items():
    shares = ngrams.interpolation_weights(counts[4], text)  # what each order takes of what longer histories leave over
    left = (
        torch.tensor([1 - share for share in shares] + [1.0]).flip(0).cumprod(0).flip(0)
    )  # left over for orders 0 … 4
    lambdas[name] = left * torch.tensor([1.0, *shares])
    mixture = ngrams.interpolated(counts[4], shares)
    print(
        f"λ of “any word” and of orders 1 to 4, fitted to {name:16}",
        " ".join(f"{w:.4f}" for w in lambdas[name]),
    )
    on_counted, on_new = mixture.nats_per_token(train), mixture.nats_per_token(held_out)
    print(f"   loss on the counted text {on_counted:.3f}, on held-out text {on_new:.3f}")

# %%
my_interpolate = yours("ngrams.interpolate", by_hand.interpolate)
for text in (
    "mouse ate the",
    "cheese Ada slowly",
):  # the second was never counted: two orders have no prediction
    history = language.encode(text)
    rows = torch.tensor([[1 / V] * V, *(model.next_probs(history).tolist() for model in relative[:4])])
    mixed, fast = (
        my_interpolate(rows, lambdas["another text"]),
        torch.tensor(mixture.next_probs(history)),
    )
    w = mixed.argmax().item()
    print(f"after “{text}”: {language.vocabulary[w]} {mixed[w]:.4f}, in course_lib's mixture {fast[w]:.4f}")

# %% [markdown]
r"""
($\lambda_0$ belongs to the distribution $1/V$, “any word”.) On the counted text the longest history has seen everything, so it gets {{all the weight : lambdas["the counted text"][4] > 0.999}}: the minimum of the *training* loss, $H(\hat p, q)$ with the empirical $\hat p$, is $q = \hat p$, the memoriser. What we want small is $H(p, q)$ with the true $p$, and only text that was not
counted estimates it. So there are **three** texts: one to count (***training set***), one to set weights (***validation set***), one to measure (***test set***). A setting chosen on the text that measures makes the measurement too good.

On another text orders 2, 3 and 4 share the weight ({{0.32 = lambdas["another text"][2] ± 0.02}}, {{0.28 = lambdas["another text"][3] ± 0.02}}, {{0.40 = lambdas["another text"][4] ± 0.02}}). That
$\lambda_1$ is {{below $\lambda_0$ : lambdas["another text"][1] < 0.001 < lambdas["another text"][0]}} is no slip: for what the bigrams leave over, the plain frequency of words is a worse guess than “any word”.
Section 7 explains it.
"""

# %% [markdown]
r"""

## 6 · Or back off, if you do not need probabilities · optional

***Backing off*** asks the shorter history only when the longer one has never seen the word. The crudest form is ***stupid backoff*** (Brants, Popat, Xu, Och and Dean 2007):

$$S(w \mid h) = \begin{cases} c(h\,w) / c(h) & \text{if } c(h\,w) > 0 \\ 0.4 \cdot S(w \mid h') & \text{otherwise, where } h' \text{ is } h \text{ without its first token.}\end{cases}$$
"""

# %% [markdown]
r"""
The authors' name for it is fair: seen words keep *all* of their probability, and the unseen get some on top. After *the*, the seen words have $0.5 + 0.25 + 0.25 = 1$, and the other three $0.4 \cdot (4 + 2 + 2)/12 \approx {{0.267 = 0.4 * (4 + 2 + 2) / 12}}$ more:
{{1.267 = ngrams.stupid_backoff(ngrams.count_ngrams(toy_text, 2, 6)).next_probs([1]).sum()}} in all. They are **scores**, not
probabilities. To choose the better of two translations that is enough, and it needs nothing but counts, which is how they could use *two trillion* tokens, with many machines. It is often said that n-gram models with Kneser–Ney smoothing were trained on trillions of tokens; it was this one, chosen because
Kneser–Ney was too costly there.
"""

# %%
stupid, smoothed = ngrams.stupid_backoff(counts[3]), kneser_ney_models[2]
for text in ("mouse ate", "the Eiffel", "that the"):
    history = language.encode(text)
    print(
        f"after “{text}”: sum of scores {stupid.next_probs(history).sum():.3f},"
        f" sum of Kneser–Ney {smoothed.next_probs(history).sum():.3f}"
    )
print(
    f"“loss” on held-out text: Kneser–Ney {smoothed.nats_per_token(held_out):.3f}, stupid backoff"
    f" {stupid.nats_per_token(held_out):.3f}, which is no cross-entropy"
)

# %% [markdown]
r"""
### Question · scores_or_probabilities · optional

A team reports that stupid backoff reaches a lower “perplexity” than a Kneser–Ney model. What do you say?

- **a** Congratulations: the simpler model is better.
- **b** The comparison means nothing: the scores sum to more than 1, so they spend probability that they do not have.
- **c** Scores may be compared once both are in the same unit, nats or bits.
"""

# %% exercise="scores_or_probabilities" points=1 optional=true kind="choice" choices="a b c"
### BEGIN SOLUTION
scores_or_probabilities = "b"
### END SOLUTION

# %% mistake="scores_or_probabilities" name="a" hint="A “model” that gives score 1 to every word has perplexity 1. What must the numbers of a row sum to, before a loss means something?" active="py"
scores_or_probabilities = "a"

# %% mistake="scores_or_probabilities" name="c" hint="The unit is a constant factor. The trouble is what the row sums to." active="py"
scores_or_probabilities = "c"

# %% [markdown]
r"""
## 7 · Kneser–Ney

Two ideas make up ***Kneser–Ney smoothing***, and you have seen the reason for the first.

**Take a constant off.** Each count above 0 loses the same discount $D$ (***absolute discounting***), between 0 and 1. What this frees after $h$ is $D$ times the number of *different* words seen after it, written $N_{1+}(h\,\bullet)$, and goes to a ***lower-order distribution***, which looks at less history:

$$p(w \mid h) = \frac{\max(c(h\,w) - D,\ 0)}{c(h)} + \frac{D \cdot N_{1+}(h\,\bullet)}{c(h)} \cdot p_{\text{cont}}(w).$$
"""

# %% [markdown]
r"""
**Estimate the lower order for its job.** It matters where the history says little. How *often* a word occurs is then the wrong evidence: in our language *Tower* is {{frequent : (my_frequency > my_frequency[chosen[0]]).sum() < 20}} (more so than all but {{16 = (my_frequency > my_frequency[chosen[0]]).sum()}} words), and
{{always comes after *Eiffel* : {pair[0] for pair in count_ngrams(train.tolist(), 2) if pair[1] == chosen[0]} == {language.encode("Eiffel")[0]}}}, a history that knows it very well. After any other history it is a bad guess. Better evidence is in **how many different
contexts** a word was seen: the number of different words before it, $N_{1+}(\bullet\,w)$, as a share of all different bigrams, the ***continuation probability***

$$p_{\text{cont}}(w) = \frac{N_{1+}(\bullet\, w)}{\text{number of different bigrams}} .$$

By hand: our text has {{nine : len(count_ngrams(toy_text, 2)) == 9}} different bigrams. *the* stands after *ate* and `<eos>`: 2/9. *ate*, after *mouse* and *cat*: 2/9. `<eos>`, after *cheese* and *mouse*:
2/9. *mouse*, *cheese* and *cat* stand after *the* only: {{1/9 each : (continuation_prob(toy_text, 6) * 9).round().tolist() == [2, 2, 1, 2, 1, 1]}}, although *mouse* occurs
{{as often as *ate* : toy_text.count(2) == toy_text.count(3)}}.

### Exercise · continuation_prob
"""


# %% exercise="continuation_prob" points=2 needs="count_ngrams" withheld="course_lib.ngrams.by_hand.continuation_prob course_lib.ngrams.counts.count_ngrams"
def continuation_prob(tokens: list[int], vocab_size: int) -> Tensor:
    """Return the share of all different bigrams of a text that end with each token.

    tokens      the token ids of the text, at least two
    vocab_size  V
    returns     (V,) sums to 1; 0 for a token that never followed another

    Example: continuation_prob([0, 1, 0, 1, 1], 3) is [1/3, 2/3, 0]: the different bigrams are
    01, 10 and 11.
    """
    ### BEGIN SOLUTION
    different = count_ngrams(tokens, 2).keys()
    ends = torch.tensor([w for _, w in different])
    return torch.bincount(ends, minlength=vocab_size) / len(different)
    ### END SOLUTION


# %% [markdown] hints="continuation_prob"
r"""
1. `count_ngrams(tokens, 2)` has one key for each *different* bigram. For each token, how many keys end with it?
2. Count the second tokens of the keys, each key once, whatever its count is. Then divide so that all sum to 1.
3. `ends = torch.tensor([w for _, w in count_ngrams(tokens, 2)])`; `torch.bincount` counts, with `minlength` for the words at the end.
"""


# %% cases="continuation_prob" active="py"
def cases(seed):
    text = [1, 2, 3, 1, 4, 0, 1, 5, 3, 1, 2, 0]
    yield Case({"tokens": [0, 1], "vocab_size": 2}, note="one bigram")
    yield Case({"tokens": [0, 1, 0, 1, 1], "vocab_size": 3}, note="the example")
    yield Case({"tokens": text, "vocab_size": 6}, note="by hand")
    yield Case({"tokens": [0, 1] * 10 + [2, 3, 4, 3, 2], "vocab_size": 5}, note="a frequent token with one neighbour")
    yield Case({"tokens": [1, 12, 11, 2, 3, 12], "vocab_size": 13}, note="ids of two digits")
    for largest, length in ((6, 40), (3, 12), (9, 30)):
        tokens = random_integers(seed + length, 0, largest, length).tolist()
        yield Case({"tokens": tokens, "vocab_size": largest + 2}, note=f"a random text of {length}")


# %% mistake="continuation_prob" name="frequency" hint="You counted how often the token occurs. Count each different token before it once." active="py"
def continuation_prob(tokens, vocab_size):
    return torch.bincount(torch.tensor(tokens), minlength=vocab_size) / len(tokens)


# %% mistake="continuation_prob" name="what_follows" hint="You counted the different tokens that follow. Here it is about those that stand before." active="py"
def continuation_prob(tokens, vocab_size, right=continuation_prob):
    return right(tokens[::-1], vocab_size)


# %% mistake="continuation_prob" name="divided_by_all" hint="Divide by the number of different bigrams; with the number of all bigrams the shares do not sum to 1." active="py"
def continuation_prob(tokens, vocab_size, right=continuation_prob):
    return right(tokens, vocab_size) * len(count_ngrams(tokens, 2)) / (len(tokens) - 1)


# %% mistake="continuation_prob" name="divided_by_v" hint="That is the share of the vocabulary seen before the token, and these shares do not sum to 1. Divide by the number of different bigrams." active="py"
def continuation_prob(tokens, vocab_size, right=continuation_prob):
    return right(tokens, vocab_size) * len(count_ngrams(tokens, 2)) / vocab_size


# %%
my_continuation = yours("ngrams.continuation_prob", by_hand.continuation_prob)(train.tolist(), V)
my_frequency = torch.bincount(train, minlength=V) / len(train)
words = ["Tower", "Paris", "Ada", "mouse", "cheese", "boats", "today", "slowly"]
chosen = language.encode(" ".join(words))
shares = {
    "share of all tokens": my_frequency[chosen].tolist(),
    "share of all different bigrams": my_continuation[chosen].tolist(),
}
show(figures.two_shares(words, shares, "Frequent words, and words that go with many others"),
     alt="Tower, Paris and Ada are frequent, and their share of the different bigrams is close "
         "to nothing. "
     "today and slowly have a larger share of the bigrams than of the tokens.")  # fmt: skip

# %% [markdown]
r"""
*Tower*, *Paris* and *Ada* each have a share of the different bigrams {{below a tenth : (my_continuation[chosen[:3]] < my_frequency[chosen[:3]] / 10).all()}} of their share of the tokens;
*today* and *slowly* have {{a larger one : (my_continuation[chosen[6:]] > my_frequency[chosen[6:]]).all()}}.
"""

# %% [markdown]
r"""
### Exercise · kneser_ney

Now both ideas together, for a bigram model. After *the*, with $D = 0.75$: three different words followed, four in all, so $0.75 \cdot 3 / 4 = {{0.5625 = 0.75 * 3 / 4}}$ is freed. *mouse* keeps $(2 - 0.75)/4 = {{0.3125 = (2 - 0.75) / 4}}$ and gets $0.5625 \cdot \tfrac19 = {{0.0625 = 0.5625 / 9}}$:
together **{{0.375 = kneser_ney(toy_text, 1, 6, 0.75)[2]}}**. *cheese*: $0.0625 + 0.0625 = {{0.125 = kneser_ney(toy_text, 1, 6, 0.75)[4]}}$. *ate*, which never followed:
$0.5625 \cdot \tfrac29 = {{0.125 = kneser_ney(toy_text, 1, 6, 0.75)[3]}}$. The six sum to {{1 = kneser_ney(toy_text, 1, 6, 0.75).sum() ± 1e-6}}.

A history that was never continued has nothing to say: there, the answer is $p_{\text{cont}}$.
"""


# %% exercise="kneser_ney" points=3 needs="counts_after continuation_prob" withheld="course_lib.ngrams.by_hand.kneser_ney course_lib.ngrams.discounting.kneser_ney"
def kneser_ney(tokens: list[int], history: int, vocab_size: int, discount: float) -> Tensor:
    """Return one row of the interpolated Kneser–Ney bigram model.

    tokens      the token ids of the text, at least two
    history     one token id; after one that was never continued, the continuation probabilities
    vocab_size  V
    discount    D, from 0 to 1, taken off every count above 0
    returns     (V,) sums to 1
    """
    ### BEGIN SOLUTION
    after, lower = counts_after(tokens, (history,), vocab_size), continuation_prob(tokens, vocab_size)
    if after.sum() == 0:
        return lower
    freed = discount * (after > 0).sum()
    return ((after - discount).clamp_min(0) + freed * lower) / after.sum()
    ### END SOLUTION


# %% [markdown] hints="kneser_ney"
r"""
1. How much does each seen word lose, how much is that for the whole row, and who gets it? What happens to a count of 0 when D is taken off?
2. You need the row `counts_after(tokens, (history,), vocab_size)`, how many of its entries are above 0, its sum, and your `continuation_prob`.
3. `kept = (after - discount).clamp_min(0)` and `freed = discount * (after > 0).sum()`; both are still to be divided by the sum of the row.
"""


# %% cases="kneser_ney" active="py"
def cases(seed):
    text = [1, 2, 3, 1, 4, 0, 1, 5, 3, 1, 2, 0]
    yield Case({"tokens": text, "history": 1, "vocab_size": 6, "discount": 0.75}, note="after “the”, by hand")
    yield Case(
        {"tokens": text, "history": 0, "vocab_size": 6, "discount": 0.75}, note="after a token that ends the text"
    )
    yield Case(
        {"tokens": text, "history": 1, "vocab_size": 6, "discount": 0.0}, note="no discount: relative frequencies"
    )
    yield Case(
        {"tokens": [1, 2, 1, 3], "history": 0, "vocab_size": 4, "discount": 0.5}, note="a history that never came"
    )
    yield Case({"tokens": text, "history": 1, "vocab_size": 6, "discount": 1.0}, note="the largest discount")
    for history, discount, length in ((2, 0.6, 50), (0, 0.9, 30), (4, 0.1, 40)):
        tokens = random_integers(seed + length, 0, 5, length).tolist()
        case = {"tokens": tokens, "history": history, "vocab_size": 7, "discount": discount}
        yield Case(case, note=f"a random text of {length}")


# %% equivalents="kneser_ney" active="py"
equivalents = {
    "after.sum() → after.max()": "counts are not negative, so all are 0 where the largest, their mean or their sum is",
    "after.sum() → after.mean()": "as with the largest",
    "after.sum() → after.amax()": "as with the largest",
}


# %% mistake="kneser_ney" name="frequencies_below" hint="Your lower-order distribution is the plain frequency of the words. Use the continuation probabilities: in how many contexts, not how often." active="py"
def kneser_ney(tokens, history, vocab_size, discount):
    after, lower = (
        counts_after(tokens, (history,), vocab_size),
        torch.bincount(torch.tensor(tokens), minlength=vocab_size),
    )
    lower = lower / len(tokens)
    freed = discount * (after > 0).sum()
    return lower if after.sum() == 0 else ((after - discount).clamp_min(0) + freed * lower) / after.sum()


# %% mistake="kneser_ney" name="mass_lost" hint="The discount is taken off and goes nowhere: the row no longer sums to 1. Add what was freed, times the continuation probabilities." active="py"
def kneser_ney(tokens, history, vocab_size, discount):
    after = counts_after(tokens, (history,), vocab_size)
    return continuation_prob(tokens, vocab_size) if after.sum() == 0 else (after - discount).clamp_min(0) / after.sum()


# %% mistake="kneser_ney" name="freed_once" hint="D was taken off every different word that followed: D times their number is free, and not D." active="py"
def kneser_ney(tokens, history, vocab_size, discount):
    after, lower = counts_after(tokens, (history,), vocab_size), continuation_prob(tokens, vocab_size)
    return lower if after.sum() == 0 else ((after - discount).clamp_min(0) + discount * lower) / after.sum()


# %% mistake="kneser_ney" name="below_zero" hint="Counts of 0 became negative. Only counts above 0 lose the discount." active="py"
def kneser_ney(tokens, history, vocab_size, discount):
    after, lower = counts_after(tokens, (history,), vocab_size), continuation_prob(tokens, vocab_size)
    freed = discount * (after > 0).sum()
    return lower if after.sum() == 0 else (after - discount + freed * lower) / after.sum()


# %% mistake="kneser_ney" name="unseen_history" hint="Right where the history is known. After one that was never continued you divide 0 by 0; there, the continuation probabilities are the answer." active="py"
def kneser_ney(tokens, history, vocab_size, discount):
    after, lower = counts_after(tokens, (history,), vocab_size), continuation_prob(tokens, vocab_size)
    freed = discount * (after > 0).sum()
    return ((after - discount).clamp_min(0) + freed * lower) / after.sum()


# %%
toy_words = "<eos> the mouse ate cheese cat".split()
toy_text = [toy_words.index(w) for w in "the mouse ate the cheese <eos> the cat ate the mouse <eos>".split()]
the = toy_words.index("the")
rows = {
    "relative frequencies": yours("ngrams.mle", by_hand.mle)(toy_text, (the,), 6).tolist(),
    "add one": yours("ngrams.add_k", by_hand.add_k)(toy_text, (the,), 6, 1).tolist(),
    "Kneser–Ney": yours("ngrams.kneser_ney", by_hand.kneser_ney)(toy_text, the, 6, 0.75).tolist(),
}
title = "After “the”: who gets what the seen words give up?"
show(figures.two_shares(toy_words, rows, title, "probability (%)"),
     alt="Six words after 'the'. Adding one takes most from mouse and gives all unseen words the "
         "same; Kneser–Ney takes "
     "the same from each seen word.")  # fmt: skip

# %% [markdown]
r"""
**Longer histories** repeat the step: below a trigram model is a bigram model, below that a unigram model. All levels below the top count different contexts instead of occurrences.
***Modified Kneser–Ney*** (Chen and Goodman 1998) has three discounts a level: for counts of 1, of 2, and of 3 or more. They are not guessed but computed, from the numbers $n_1, n_2, n_3, n_4$ of n-grams that were seen once, twice, three and four times. With $Y = n_1 / (n_1 + 2 n_2)$,

$$D_1 = 1 - 2Y\frac{n_2}{n_1}, \qquad D_2 = 2 - 3Y\frac{n_3}{n_2}, \qquad D_{3+} = 3 - 4Y\frac{n_4}{n_3}.$$

This is what `course_lib.ngrams.kneser_ney` does, for any order and millions of tokens a second, with $1/V$ below the unigrams so that no word is impossible. It was the standard until neural models took over.

Does it predict what the second text showed? For trigrams:
"""

# %%
d1, d2, d3 = ngrams.discounts(counts[3].counts[2])
for count, computed in (1, d1), (2, d2), (3, d3), (4, d3), (5, d3):
    print(
        f"counted {count} times: loses {count - mean[count]:.2f} in the second text, modified "
        f"Kneser–Ney takes {computed:.2f}"
    )

# %% [markdown]
r"""
Both {{grow from the first count to the third : d1 < d2 < d3 and 1 - mean[1] < 2 - mean[2] < 3 - mean[3]}}. The formula takes {{more : all(taken > count - mean[count]
for count, taken in ((1, d1), (2, d2), (3, d3), (4, d3), (5, d3)))}} than this small language loses (Good and Turing, in section 4, came closer); what is taken too much is not lost, but goes to the lower order.
Chen and Goodman found modified Kneser–Ney best nearly everywhere they looked; section 8 looks here.

### Are n-gram probabilities independent of each other? · optional

It is often said that an n-gram model shares nothing between contexts: each row is estimated by itself. For relative frequencies that is true. Add *the cat my cat* to a text, in a place that has nothing to do with *a*, and ask again about *cat* after *a*:
"""

# %%
words = ["<eos>", "a", "the", "my", "cat", "dog"]
before = "a dog the dog my dog <eos>"
after = before + " the cat my cat <eos>"
smoothed_cat = {}
for name, text in {"before": before, "after": after}.items():
    ids = [words.index(word) for word in text.split()]
    bigrams = ngrams.count_ngrams(ids, 2, len(words))
    relative_p, smoothed_p = (
        estimate(bigrams).next_probs([1])[words.index("cat")] for estimate in (ngrams.mle, ngrams.kneser_ney)
    )
    smoothed_cat[name] = smoothed_p
    print(f"{name:7} p(cat | a): relative frequency {relative_p:.3f}, Kneser–Ney {smoothed_p:.3f}")

# %% [markdown]
r"""
The smoothed model {{learned about *cat* after *a* : smoothed_cat["after"] > 1.5 * smoothed_cat["before"]}} without seeing the two together: rows share what the lower orders know. What is *not* shared is any knowledge that *cat* and *dog* are alike. To this model they are two ids.
For that, words have to become vectors ([07 Embeddings](07_embeddings.ipynb) and [08 Neural n-grams](08_neural_ngrams.ipynb)).
"""

# %% [markdown]
r"""
## 8 · How good is a language model?

The literature reports **perplexity** on held-out text: the exponential of the mean surprise *per token*, so that 50 means “as unsure as between 50 equally likely words”. Texts come in sentences, and here the mistakes are made: every **token** counts the same, in a long sentence or a short one.

By hand: two sentences with token probabilities $(0.5, 0.25)$ and $(0.125)$. The mean surprise of the three tokens is $\tfrac13 (\log 2 + \log 4 + \log 8) = \log 4$, so the perplexity is **{{4 = corpus_perplexity([torch.tensor([0.5, 0.25]).log(), torch.tensor([0.125]).log()])}}**. The mean of the sentences' perplexities would be
$({{2.83 = corpus_perplexity([torch.tensor([0.5, 0.25]).log()])}} + 8)/2 \approx {{5.41 = (8**0.5 + 8) / 2}}$, a number with no meaning.

### Exercise · corpus_perplexity · optional
"""


# %% exercise="corpus_perplexity" points=2 optional=true withheld="course_lib.ngrams.by_hand.corpus_perplexity course_lib.information.perplexity"
def corpus_perplexity(log_probs: list[Tensor]) -> Tensor:
    """Return the perplexity of a text that comes in sentences.

    log_probs  one tensor (L,) for each sentence: the log probability (nats) of each of its tokens;
               lengths differ, and may be 0
    returns    () exp(−mean over all tokens); inf when a token was impossible

    Raises ValueError when there is no token at all.
    """
    ### BEGIN SOLUTION
    if not sum(map(len, log_probs)):
        raise ValueError("log_probs must hold at least one token, got none")
    return (-torch.cat(log_probs).mean()).exp()
    ### END SOLUTION


# %% [markdown] hints="corpus_perplexity"
r"""
1. Over what is the mean taken: over sentences, or over the tokens of all sentences together?
2. Put all tokens together before you average; one exponential at the end. Check first that there is a token.
3. `torch.cat(log_probs)` puts all tokens into one tensor. Which sign does the exponent have?
"""


# %% cases="corpus_perplexity" active="py"
def cases(seed):
    hand = [torch.tensor([0.5, 0.25]).log(), torch.tensor([0.125]).log()]
    yield Case({"log_probs": hand}, note="by hand")
    yield Case({"log_probs": []}, note="no sentence")
    yield Case({"log_probs": [torch.zeros(0), torch.zeros(0)]}, note="two sentences without a token")
    yield Case({"log_probs": [torch.zeros(0), *hand]}, note="an empty sentence among them")
    yield Case({"log_probs": [torch.tensor([-1.0, -math.inf]), torch.tensor([-2.0])]}, note="an impossible token")
    for lengths in ((3, 9, 1), (1, 0, 12, 2), (30, 5)):
        texts = [-3 * torch.rand(n, generator=generator(seed + n)) for n in lengths]
        yield Case({"log_probs": texts}, note=f"{len(lengths)} sentences")


# %% equivalents="corpus_perplexity" active="py"
equivalents = {
    "sum(map(len, log_probs)) → max(map(len, log_probs))": "0 for the same texts, and max of no sentence raises ValueError as well",
}


# %% mistake="corpus_perplexity" name="mean_of_perplexities" hint="You averaged the perplexities of the sentences. Average the surprise of all tokens first; one exponential at the end." active="py"
def corpus_perplexity(log_probs):
    parts = [(-x.mean()).exp() for x in log_probs if len(x)]
    if not parts:
        raise ValueError
    return torch.stack(parts).mean()


# %% mistake="corpus_perplexity" name="mean_of_means" hint="You averaged the means of the sentences, so a token of a short sentence counts more. All tokens count the same." active="py"
def corpus_perplexity(log_probs):
    parts = [-x.mean() for x in log_probs if len(x)]
    if not parts:
        raise ValueError
    return torch.stack(parts).mean().exp()


# %% mistake="corpus_perplexity" name="per_sentence" hint="You divided by the number of sentences. Perplexity is per token." active="py"
def corpus_perplexity(log_probs):
    if not sum(map(len, log_probs)):
        raise ValueError
    return (-torch.cat(log_probs).sum() / len(log_probs)).exp()


# %% mistake="corpus_perplexity" name="base_two" hint="The log probabilities are in nats, so the base must be e: 2 to the power of nats mixes two units." active="py"
def corpus_perplexity(log_probs):
    if not sum(map(len, log_probs)):
        raise ValueError
    return 2 ** -torch.cat(log_probs).mean()


# %% mistake="corpus_perplexity" name="no_check" hint="Right where there are tokens. Without any, the docstring asks for a ValueError (a mean of nothing is nan)." active="py"
def corpus_perplexity(log_probs):
    return (-torch.cat([torch.zeros(0), *log_probs]).mean()).exp()


# %% [markdown]
r"""
### The contest

Four ways from the same counts to probabilities, at every order from 2 on, on the {{20,000 = len(held_out)}} held-out tokens on which every model of this course is measured. The mixture's weights come from the third text of section 5.
"""

# %%
started = time.monotonic()
contest = {"add 0.01": [], "mixture": [], "one discount, 0.75": [], "modified Kneser–Ney": []}
contestants = {}
for n in orders[1:]:
    weights = ngrams.interpolation_weights(counts[n], other_text)
    models = (
        ngrams.add_k(counts[n], 0.01),
        ngrams.interpolated(counts[n], weights),
        ngrams.kneser_ney(counts[n], 0.75),
        ngrams.kneser_ney(counts[n]),
    )
    contestants[n] = models
    for losses_of, model in zip(contest.values(), models):
        losses_of.append(model.nats_per_token(held_out))
title = "On new text: who gets most out of a longer history?"
show(figures.losses(list(orders[1:]), contest, language.entropy_rate, title, "order n", top=2.6),
     alt="Held-out loss against order for four estimates. Adding 0.01 rises; one discount falls "
         "to order 4 and rises; the mixture "
     "and modified Kneser–Ney fall and level off, the latter lowest from order 4 on; all stay "
     "above the entropy rate.")  # fmt: skip
for name, values in contest.items():
    print(f"{name:20}", "  ".join(f"order {n}: {value:.3f}" for n, value in zip(orders[1:], values)))
print(f"{5 * 4} models counted, smoothed and measured in {time.monotonic() - started:.1f} s")

# %% [markdown]
r"""
Differences this small may be luck of the {{20,000 = len(held_out)}} tokens. So the same models once more, on three other texts that none has counted:
"""

# %%
more_new = scoreboard.training(len(train) + 80_000)[-60_000:].split(20_000)
winners = {}
for n, models in contestants.items():
    losses_on = [[model.nats_per_token(text) for model in models] for text in (held_out, *more_new)]
    winners[n] = [list(contest)[row.index(min(row))] for row in losses_on]
    behind = ", ".join(f"{row[3] - row[2]:+.4f}" for row in losses_on)
    print(f"order {n}: lowest {', '.join(sorted(set(winners[n])))}; modified Kneser–Ney less one discount: {behind}")

# %% [markdown]
r"""
From order 4 on, modified Kneser–Ney is {{the lowest on all four : {*winners[4], *winners[5], *winners[6]} == {"modified Kneser–Ney"}}}; a single discount
{{climbs again : contest["one discount, 0.75"][2] < contest["one discount, 0.75"][3] < contest["one discount, 0.75"][4]}} at orders 5 and 6. At orders 2 and 3 modified Kneser–Ney is **not** the lowest: the single
discount is {{ahead on all four : {*winners[2], *winners[3]} == {"one discount, 0.75"}}}, by {{less than 0.01 nats :
all(contest["modified Kneser–Ney"][i] - contest["one discount, 0.75"][i] < 0.01 for i in (0, 1))}}, and at order 2 even adding 0.01 is {{as good :
abs(contest["add 0.01"][0] - contest["modified Kneser–Ney"][0]) < 0.003}}. Nearly every bigram of the language has been seen, and section 7 showed that the formula discounts too much on this text.

And what does more text buy? Kneser–Ney of order 5, counted on more and more tokens. (The last size takes a while: three million tokens are written first, and then counted.)
"""

# %%
from course_lib.widgets.ngrams import growing


def measure(size):
    """The held-out loss of a Kneser–Ney model of order 5 that counted `size` tokens."""
    return ngrams.kneser_ney(ngrams.count_ngrams(scoreboard.training(size), 5, V)).nats_per_token(held_out)


sizes = [3000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000][: budget(full=7, short=3)]
curves = {"Kneser–Ney, order 5": growing(sizes, measure)}
with_more = curves["Kneser–Ney, order 5"]
title, label = "Ever more text, ever smaller gains", "tokens counted"
show(figures.losses(sizes, curves, language.entropy_rate, title, label, log=True),
     alt="Held-out loss against the number of tokens counted: it falls more and more slowly and "
         "stays above the entropy rate.")  # fmt: skip

# %% [markdown]
r"""
Each step brings {{less : all(a - b > b - c for a, b, c in zip(with_more, with_more[1:], with_more[2:]))}}, and after three million tokens {{0.21 = with_more[-1] - language.entropy_rate}} nats are left. Part of the gap would close with still longer histories and still more text, at a price that multiplies; a good part is what four words of history cannot know. Two results go on the course's scoreboard, both counted on the same
{{300,000 = len(train)}} tokens as all models to come (the bigram's weights are fitted to 20,000 more):
"""


# %%
def fitted_mixture(pairs):
    return ngrams.interpolated(pairs, ngrams.interpolation_weights(pairs, other_text))


def entries(model):
    """How many numbers a model stores: a probability per n-gram, a weight per history."""
    return sum(map(len, model.log_prob)) + sum(map(len, model.log_backoff))


for name, order, estimate in (("bigram", 2, fitted_mixture), ("Kneser–Ney", 5, ngrams.kneser_ney)):
    started = time.monotonic()
    best = estimate(ngrams.count_ngrams(train, order, V))
    seconds, nats = time.monotonic() - started, best.nats_per_token(held_out)
    scoreboard.record(name, nats, parameters=entries(best), seconds=seconds, lesson="03_ngrams")
    print(f"{name}: {nats:.3f} nats a token, perplexity {math.exp(nats):.2f}, {sum(best.trie.sizes):,} n-grams stored")

# %%
my_perplexity = yours("ngrams.corpus_perplexity", by_hand.corpus_perplexity)
log_probs = torch.tensor(best.log_probs(held_out))
ends = (held_out == eos).nonzero().flatten() + 1
by_sentence = [part for part in log_probs.tensor_split(ends.tolist())]
print(f"Kneser–Ney, sentence by sentence: perplexity {my_perplexity(by_sentence):.2f}")
scoreboard.show_scoreboard()

# %% [markdown]
r"""
The scoreboard has a second text: real English, the prose of Python's own documentation, in tokens of a byte-level BPE with {{1,024 = n_english}} entries (lesson 02). Nobody knows its entropy. Every network of the course will meet it; counting goes first.
"""

# %%
english, english_new = scoreboard.training(None, "english"), scoreboard.held_out("english")
n_english = scoreboard.tokenizer().vocab_size
scoreboard.record("uniform", math.log(n_english), 0, 0, "03_ngrams", corpus="english")
for name, order, estimate in (
    ("unigram", 1, ngrams.add_k),
    ("bigram", 2, ngrams.kneser_ney),
    ("Kneser–Ney", 5, ngrams.kneser_ney),
):
    started = time.monotonic()
    model = estimate(ngrams.count_ngrams(english, order, n_english))
    seconds = time.monotonic() - started
    nats = model.nats_per_token(english_new)
    scoreboard.record(name, nats, entries(model), seconds, "03_ngrams", corpus="english")
scoreboard.show_scoreboard("english")

# %% [markdown]
r"""
## 9 · Let it write

To generate, draw the first word from the row of `<eos>`, the next from the row of that word, and so on, until `<eos>` is drawn.

### Exercise · sample_text

**Draw**, do not take the likeliest: a model that says *mouse* half of the time should write *mouse* half of the time. Every draw uses the generator that you are given, so that the same seed writes the same sentence.
"""


# %% exercise="sample_text" points=2 withheld="course_lib.ngrams.by_hand.sample_text"
def sample_text(bigram: Tensor, eos: int, max_tokens: int, generator: torch.Generator) -> list[int]:
    """Return a random sentence of a bigram model.

    bigram      (V, V) row h holds p(w | h)
    eos         the id before the first word; drawing it ends the sentence, and it is not returned
    max_tokens  the sentence is cut off after so many tokens; may be 0
    generator   the source of all randomness
    returns     a list of at most max_tokens ids (ints), none of them eos; it may be empty
    """
    ### BEGIN SOLUTION
    text, bigram = [], bigram.to(generator.device)
    while len(text) < max_tokens:
        token = int(torch.multinomial(bigram[text[-1] if text else eos], 1, generator=generator))
        if token == eos:
            break
        text.append(token)
    return text
    ### END SOLUTION


# %% [markdown] hints="sample_text"
r"""
1. Which row gives the first word, and which the word after `text[-1]`?
2. `torch.multinomial` draws from a row, with the generator that you were given. Stop at eos, or when the text is long enough; with `max_tokens` 0 nothing is drawn.
3. `token = int(torch.multinomial(bigram[previous], 1, generator=generator))`, in a loop.
"""


# %% cases="sample_text" active="py"
def cases(seed):
    sure = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    yield Case({"bigram": sure, "eos": 0, "max_tokens": 5, "seed": seed}, note="only one sentence is possible")
    yield Case({"bigram": sure, "eos": 0, "max_tokens": 1, "seed": seed}, note="cut off after one token")
    yield Case({"bigram": sure, "eos": 0, "max_tokens": 0, "seed": seed}, note="no token allowed")
    skewed = torch.tensor([[0.0, 0.7, 0.3], [0.6, 0.1, 0.3], [0.2, 0.7, 0.1]])
    yield Case({"bigram": skewed, "eos": 0, "max_tokens": 2, "seed": seed + 1}, note="three words, short sentences")
    mixed = 0.5 * skewed.roll((1, 1), (0, 1)) + 0.5 * random_distributions(seed, 3, 3)
    yield Case({"bigram": mixed, "eos": 1, "max_tokens": 2, "seed": seed + 2}, note="another id for the end")
    longer = random_distributions(seed + 3, 3, 3)
    yield Case({"bigram": longer, "eos": 2, "max_tokens": 3, "seed": seed + 3}, note="up to three words")


# %% probe="sample_text" active="py"
def probe(student, case):
    source, table, eos, longest = generator(case["seed"]), case["bigram"], case["eos"], case["max_tokens"]
    draws = 3000 if table.max() < 1 else 20  # few where only one sentence is possible
    texts = plain([student(table, eos, longest, source) for _ in range(draws)])
    kinds = [[]] + [[a] for a in range(3)] + [[a, b] for a in range(3) for b in range(3)]
    kinds += [[*pair, c] for pair in kinds[4:] for c in range(3)]
    counts = torch.tensor([texts.count(kind) for kind in kinds])
    twice = [plain([student(table, eos, longest, generator(5)) for _ in range(20)]) for _ in range(2)]
    return {
        "counts of texts": torch.cat([counts, draws - counts.sum(0, keepdim=True)]),  # the last: all others
        "longest": max(map(len, texts)),
        "holds the end": any(eos in text for text in texts),
        "repeats with its seed": twice[0] == twice[1],
    }


# %% judge="sample_text" active="py"
def judge(case, expected, got):
    return judge_entries(expected, got, {"counts of texts": judge_counts})


# %% mistake="sample_text" name="greedy" hint="You always take the likeliest word, so there is only one text. Draw from the row." active="py"
def sample_text(bigram, eos, max_tokens, generator):
    text = []
    while len(text) < max_tokens:
        token = int(bigram[text[-1] if text else eos].argmax())
        if token == eos:
            break
        text.append(token)
    return text


# %% mistake="sample_text" name="uniform" hint="All words that can follow came equally often. Draw with the probabilities of the row." active="py"
def sample_text(bigram, eos, max_tokens, generator, right=sample_text):
    return right((bigram > 0).float(), eos, max_tokens, generator)


# %% mistake="sample_text" name="end_returned" hint="The end token is part of your text. Drawing it ends the text; it is not returned." active="py"
def sample_text(bigram, eos, max_tokens, generator, right=sample_text):
    text = right(bigram, eos, max_tokens, generator)
    return [*text, eos] if len(text) < max_tokens else text


# %% mistake="sample_text" name="own_dice" hint="The distribution is right, but you did not draw with the generator: the same seed must write the same text." active="py"
own_dice = torch.Generator().manual_seed(7)


def sample_text(bigram, eos, max_tokens, generator, right=sample_text):
    return right(bigram, eos, max_tokens, own_dice)


# %% mistake="sample_text" name="never_ends" hint="Your text goes on after the end token (or leaves it out and draws again). Drawing eos ends it." active="py"
def sample_text(bigram, eos, max_tokens, generator):
    table = bigram.clone()
    table[:, eos] = 0
    text = []
    while len(text) < max_tokens and table[text[-1] if text else eos].sum() > 0:
        text.append(int(torch.multinomial(table[text[-1] if text else eos], 1, generator=generator)))
    return text


# %% [markdown]
r"""
How good is what comes out? For the toy language we can ask the grammar: is this sentence possible at all? Your function writes the first line's sentences, the tested models of higher order write the rest.
"""

# %%
my_sample = yours("ngrams.sample_text", by_hand.sample_text)
generator = torch.Generator().manual_seed(1)
n_texts = budget(full=400, short=40)
smooth = torch.stack([torch.tensor(kneser_ney_models[1].next_probs([h])) for h in range(V)])
written = {"order 2 (yours)": [my_sample(smooth, eos, 60, generator) for _ in range(n_texts)]}
for n in (3, 4, 5):
    written[f"order {n}"] = [
        kneser_ney_models[n - 1].sample(60, generator, [eos], stop=eos)[:-1] for _ in range(n_texts)
    ]

possible = [sum(language.log_prob([*text, eos]) > -math.inf for text in texts) / n_texts for texts in written.values()]
title = "How many of the sentences it writes does the grammar allow?"
labels = [f"{p:.0%}" for p in possible]
show(figures.bars(list(written), [100 * p for p in possible], title, "share (%)", labels),
     alt="Share of grammatical sentences among those written by models of order 2 to 5: it grows "
         "with the order.")  # fmt: skip
for name, texts in written.items():
    print(f"{name:16}", language.decode(texts[0]))

# %% [markdown]
r"""
The share {{grows with the order : possible == sorted(possible)}}, from {{6 % = possible[0] ± 4 %}} at order 2 to {{53 % = possible[-1] ± 8 %}} at order 5, in one run of {{400 = n_texts}} sentences each.
"""

# %% [markdown]
r"""
Now real English: documentation that every Python installation carries. Move the order from 1 to 5 and watch salad become phrases, phrases sentences, and sentences quotations: at order 5 long stretches are *remembered*, since {{most : once.mean() > 0.7}} sequences of four words were seen once and, as histories, allow one continuation only.
"""

# %%
import re

from course_lib.data import corpora


def words_of(text):
    """Words and punctuation marks in lower case, with <eos> after each paragraph."""
    pieces = (re.findall(r"[a-z]+(?:'[a-z]+)*|[.,;:?!]", line) for line in text.lower().split("\n") if line)
    return [word for piece in pieces for word in [*piece, "<eos>"]]


english = words_of(corpora.english(budget(full=1_000_000, short=100_000)))
english_held_out = words_of(corpora.english(75_000, held_out=True))
seen = Counter(english)
vocabulary = [
    "<eos>",
    "<unk>",
    *sorted(word for word, count in seen.items() if count > 1 and word != "<eos>"),
]
number = {word: i for i, word in enumerate(vocabulary)}
english_ids, english_held_out_ids = ([number.get(w, 1) for w in text] for text in (english, english_held_out))

# %%
english_models = [ngrams.kneser_ney(ngrams.count_ngrams(english_ids, n, len(vocabulary))) for n in range(1, 6)]
print(f"{len(english):,} tokens, {len(vocabulary):,} words (those that came once are all written <unk>)")
for n, model in enumerate(english_models, start=1):
    print(f"order {n}: held-out perplexity {math.exp(model.nats_per_token(english_held_out_ids)):6.1f}")
once = ngrams.count_ngrams(english_ids, 4, len(vocabulary)).counts[3] == 1
print(f"of {len(once):,} different sequences of four words, {once.mean():.0%} were seen once")

# %%
babbler(english_models, lambda ids: " ".join(vocabulary[i] for i in ids), start=0)

# %% [markdown]
r"""
## 10 · What no count can see

The mice are many, wherever they sit. In *the mice near the old house …* the verb must be plural, and *mice* stands {{five words back : "the mice near the old house".split()[-5] == "mice"}}. Orders 2 to 5 hear no more than *near the old house*. Order 6 could hear *mice*; but has this very history been counted often enough? Try the beginnings, the orders and both estimates.
"""

# %%
next_word_explorer(
    language,
    {"Kneser–Ney": kneser_ney_models, "relative frequencies": relative},
    ["the mice near the old house", "the mouse ate the", "the Eiffel Tower stands in",
     "Ada knows that", "the mouse that the cats chase"],
    order=3,
)  # fmt: skip

# %% [markdown]
r"""
Two limits, and they pull against each other. A **short** history does not reach the word that decides: a trigram that reads *I grew up in France, so I speak fluent …* has no access to *France*. A **long** one is new most of the time, and a table cannot see that *the mice near the old house* is like *the mice near the new house*: it generalises by forgetting words, and by nothing else.

### Are n-grams always worse than neural models? · optional

“Outperformed by even small neural models” is often said, and depends on the data. If the source really is a Markov chain, a bigram model *contains the truth*, and no model can do better than the truth. Here is such a source of 50 words, and what the bigram model reaches as it counts more of it:
"""

# %%
generator = torch.Generator().manual_seed(0)
chain = (4 * torch.randn(50, 50, generator=generator, dtype=torch.float64)).softmax(-1)
steady = torch.linalg.matrix_power(chain, 500)[0]
entropy_rate = (steady * torch.special.entr(chain).sum(-1)).sum().item()
text = [0]
for draw in torch.rand(budget(full=60_000, short=6000), generator=generator, dtype=torch.float64).tolist():
    text.append(int(torch.searchsorted(chain[text[-1]].cumsum(0), draw).clamp_max(49)))
new, excess = text[len(text) // 2 :], []
for size in (300, 1000, 3000, 10_000, 30_000):
    if size <= len(text) // 2:
        nats = ngrams.kneser_ney(ngrams.count_ngrams(text[:size], 2, 50)).nats_per_token(new)
        excess.append(nats - entropy_rate)
        print(f"{size:6,} tokens counted: {nats:.3f} nats a token, entropy rate {entropy_rate:.3f}")
print(f"after a word, this source is as unsure as between {math.exp(entropy_rate):.1f} equally likely ones")

# %% [markdown]
r"""
The excess {{melts away : excess == sorted(excess, reverse=True) and excess[-1] < 0.05}} as the counts grow, from {{0.57 = excess[0] ± 0.1}} nats to {{0.03 = excess[-1] ± 0.02}} (one source, one run): there are
{{2,450 = chain.shape[0] * (chain.shape[1] - 1)}} free numbers to estimate, and nothing stands between them and the truth. Counts also hold their own where time is short, since one pass over the text is all their training. On large collections of natural language, neural models win, and the next lessons show by how much.
"""

# %% [markdown]
r"""
## 11 · A spelling corrector · optional

N-gram models earned their living as one half of a pair. In the ***noisy channel***, somebody meant $w$, a channel turned it into what we got, $t$, and by Bayes' rule the best guess is

$$\hat w = \arg\max_w\ p(w \mid t) = \arg\max_w\ \underbrace{p(t \mid w)}_{\text{the channel}}\ \underbrace{p(w)}_{\text{the language model}} .$$

In speech recognition $t$ is the sound, in statistical machine translation the foreign sentence. Ours is a typist: with probability $\epsilon$ one *slip* happens (a letter left out, two neighbours swapped, one replaced, one added), all slips of the word equally likely. `edits(w)` is a Counter of what one slip can make of `w`, and in how many ways:

$$p(t \mid w) = \begin{cases} 1 - \epsilon & t = w \\ \epsilon \cdot \texttt{edits(w)[t]} \,/\, \texttt{edits(w).total()} & t \ne w. \end{cases}$$
"""

# %% [markdown]
r"""
By hand: typed *ths*. Both *the* (one letter replaced) and *this* (one left out) lead there {{in one way : edits("the")["ths"] == edits("this")["ths"] == 1}}. *the* has {{184 = edits("the").total()}} possible slips and
*this* {{237 = edits("this").total()}}, so with equal priors {{*the* : noisy_channel_correct("ths", {"the": 0.5, "this": 0.5}, 0.1) == "the"}} is likelier: it has fewer ways to go wrong, and each is likelier. Note the direction: the slips of what was **meant**.

### Exercise · noisy_channel_correct · optional
"""

# %%
for meant in ("the", "this"):
    slips = edits(meant)
    print(
        f"{meant}: {slips.total()} slips, {slips['ths']} of them makes “ths”; others make "
        f"{', '.join(sorted(slips)[:4])} …"
    )


# %% exercise="noisy_channel_correct" points=3 optional=true withheld="course_lib.ngrams.by_hand.noisy_channel_correct course_lib.ngrams.noisy_channel.NoisyChannel course_lib.ngrams.noisy_channel.typing_log_prob"
def noisy_channel_correct(typed: str, prior: dict[str, float], error_rate: float) -> str:
    """Return the word most likely meant: the w that makes p(typed | w) · p(w) largest.

    typed       what was typed, lower-case letters
    prior       word → p(w), the words that can be meant; may be empty
    error_rate  ε: p(typed | w) is 1 − ε for w = typed, and ε · edits(w)[typed] / edits(w).total()
                for another word, which is 0 for what is more than one slip away
    returns     a word of prior; typed itself when none of them could have led to it
    """
    ### BEGIN SOLUTION
    best, best_score = typed, 0.0
    for word, p in prior.items():
        slips = edits(word)
        channel = 1 - error_rate if word == typed else error_rate * slips[typed] / slips.total()
        if channel * p > best_score:
            best, best_score = word, channel * p
    return best
    ### END SOLUTION


# %% [markdown] hints="noisy_channel_correct"
r"""
1. Give each word of `prior` a score, the product of two probabilities. What is the first one when the word is what was typed, and what otherwise? What if all scores are 0?
2. Keep the best word and its score as you go through the prior. Begin with `typed` and the score 0, so that it stays where nothing fits.
3. With `slips = edits(word)`, the share of the slips that lead to what was typed is `slips[typed] / slips.total()`.
"""


# %% cases="noisy_channel_correct" active="py"
def cases(seed):
    yield Case({"typed": "a", "prior": {}, "error_rate": 0.1}, note="no word at all")
    yield Case({"typed": "cat", "prior": {"cat": 0.4, "mouse": 0.6}, "error_rate": 0.1}, note="typed as meant")
    yield Case({"typed": "xyz", "prior": {"cat": 0.4, "mouse": 0.6}, "error_rate": 0.1}, note="nothing near")
    yield Case({"typed": "mosue", "prior": {"mouse": 0.1, "house": 0.9}, "error_rate": 0.1}, note="one slip and two")
    yield Case(
        {"typed": "ths", "prior": {"the": 0.4, "this": 0.42, "thus": 0.18}, "error_rate": 0.1},
        note="ths, nearly equal priors",
    )
    yield Case(
        {"typed": "ths", "prior": {"the": 0.1, "this": 0.8, "thus": 0.1}, "error_rate": 0.1}, note="ths, a strong prior"
    )
    yield Case(
        {"typed": "form", "prior": {"form": 0.00001, "from": 0.99999}, "error_rate": 0.2},
        note="a slip that makes a word",
    )
    yield Case({"typed": "form", "prior": {"form": 0.3, "from": 0.7}, "error_rate": 0.01}, note="a careful typist")
    words, weights = ["moose", "mouse", "house", "horse", "hose"], random_distributions(seed, 5).tolist()
    for typed in ("hoose", "mouse"):
        case = {"typed": typed, "prior": dict(zip(words, weights)), "error_rate": 0.3}
        yield Case(case, note=f"{typed}, random priors")

    def channel(typed, meant, rate):
        return 1 - rate if meant == typed else rate * edits(meant)[typed] / edits(meant).total()

    # the priors nearly make up for the channel, now on one side, now on the other: a factor too much decides otherwise
    calls = [("helo", 0.1, "hello", "help"), ("ths", 0.2, "the", "this"), ("tooo", 0.3, "too", "took")]
    calls += [("form", 0.1, "form", "from"), ("from", 0.6, "from", "form")]
    for i, (typed, about, *pair) in enumerate(calls):
        rate = about * (0.8 + 0.4 * torch.rand(1, generator=generator(seed + i)).item())
        for ahead in (1.25, 0.8):
            odds = [1.0, channel(typed, pair[0], rate) / channel(typed, pair[1], rate) / ahead]
            prior = {word: share / sum(odds) for word, share in zip(pair, odds)}
            yield Case({"typed": typed, "prior": prior, "error_rate": rate}, note=f"{typed}, a close call")


# %% mistake="noisy_channel_correct" name="prior_only" hint="You took the commonest word within one slip, whatever was typed: a word typed correctly is nearly always meant. Multiply by the channel." active="py"
def noisy_channel_correct(typed, prior, error_rate):
    near = [w for w in prior if w == typed or edits(w)[typed]]
    return max(near, key=prior.get, default=typed)


# %% mistake="noisy_channel_correct" name="channel_only" hint="Only the channel was asked. Of two words that are equally near, the commoner is likelier: multiply by the prior." active="py"
def noisy_channel_correct(typed, prior, error_rate, right=noisy_channel_correct):
    return right(typed, dict.fromkeys(prior, 1.0), error_rate)


# %% mistake="noisy_channel_correct" name="known_words_kept" hint="A slip can make another word of the language (from, form). What was typed is one candidate among the others, with the channel 1 − ε." active="py"
def noisy_channel_correct(typed, prior, error_rate, right=noisy_channel_correct):
    return typed if typed in prior else right(typed, prior, error_rate)


# %% mistake="noisy_channel_correct" name="other_direction" hint="You asked for the slips that turn what was typed into the word. The channel works the other way: edits of the word that was meant, divided by how many slips it has." active="py"
def noisy_channel_correct(typed, prior, error_rate):
    back = edits(typed)
    scores = {w: p * (1 - error_rate if w == typed else error_rate * back[w] / back.total()) for w, p in prior.items()}
    best = max(scores, key=scores.get, default=typed)
    return best if scores and scores[best] > 0 else typed


# %% mistake="noisy_channel_correct" name="always_a_word" hint="When no word could have led to what was typed, leave it as it is." active="py"
def noisy_channel_correct(typed, prior, error_rate, right=noisy_channel_correct):
    found = right(typed, prior, error_rate)
    return max(prior, key=prior.get) if prior and found == typed and typed not in prior else found


# %%
my_correct = yours("ngrams.noisy_channel_correct", by_hand.noisy_channel_correct)
common = Counter(word for word in english if word.isalpha()).most_common(1000)
prior = {word: count / sum(n for _, n in common) for word, count in common}
for word in ("retrun", "fucntion", "lsit", "thta", "valeu", "tje"):
    print(f"{word:9} → {my_correct(word, prior, 0.1)}")

# %% [markdown]
r"""
Now in context. `course_lib.ngrams.NoisyChannel` searches for the best whole *sentence*: the prior of a word is $p(w \mid h)$, given the corrected words before it, and the words after it count too. We take held-out English, let one word in ten slip, and repair it with language models that know more and more. (Sentences of known words only, so that every slip can be repaired.)
"""

# %%
import random

dice = random.Random(0)
sentences = [text.split() for text in " ".join(english_held_out).split("<eos>")]
sentences = [s for s in sentences if 6 <= len(s) <= 25 and all(word in number for word in s)]
sentences = sentences[: budget(full=100, short=8)]


def mistyped(word):
    return dice.choice(sorted(edits(word).elements())) if word.isalpha() and dice.random() < 0.1 else word


typed = [[mistyped(word) for word in sentence] for sentence in sentences]
pairs = [(t, s) for got, meant in zip(typed, sentences) for t, s in zip(got, meant)]
slips = sum(t != s for t, s in pairs)
print(
    f"{len(pairs):,} words, {slips} slips, {sum(t != s and t in number for t, s in pairs)} of which make another word"
)

# %%
uniform = ngrams.add_k(ngrams.count_ngrams(english_ids, 1, len(vocabulary)), 1e9)  # so much added: all words equal
priors = {"channel only": uniform} | {f"order {n}": english_models[n - 1] for n in (1, 2, 3)}
repaired, spoiled = {}, {}
for name, model in priors.items():
    corrector = ngrams.NoisyChannel(model, vocabulary, unknown=1, start=0, error_rate=0.1)
    found = [word for got in typed for word in corrector.correct(got)]
    repaired[name] = sum(f == s != t for f, (t, s) in zip(found, pairs)) / slips
    spoiled[name] = sum(f != s == t for f, (t, s) in zip(found, pairs))
labels = [f"{repaired[name]:.0%}\n{spoiled[name]} words spoiled" for name in priors]
title = "A typist's slips, repaired with ever better language models"
shares_of = [100 * share for share in repaired.values()]
show(figures.bars(list(priors), shares_of, title, "repaired (%)", labels),
     alt="Share of slips repaired, and right words spoiled, for four language models.")  # fmt: skip
i = next(i for i, (got, meant) in enumerate(zip(typed, sentences)) if sum(a != b for a, b in zip(got, meant)) >= 2)
print("typed:   ", " ".join(typed[i]), "\nrepaired:", " ".join(corrector.correct(typed[i])))

# %% [markdown]
r"""
Even the unigram model {{helps : repaired["order 1"] > repaired["channel only"]}}: of all words near a slip, the commoner one was usually meant. Context settles {{much of the rest : repaired["order 2"] - repaired["order 1"] > 0.02}}: {{79 % = repaired["channel only"] ± 8 %}} of the slips are repaired by the channel alone,
{{88 % = repaired["order 1"] ± 6 %}} with the frequency of words, {{96 % = repaired["order 2"] ± 4 %}} with bigrams (one typist, {{117 = slips ± 20}} slips). What remains hard are slips that make another word which fits. The price: a model with opinions now and then
{{corrects what was right : max(spoiled.values()) > 0}}.
"""

# %% [markdown]
r"""
### Question · what_predicts_what · optional

Three models of the same text. Which sentence is right?

- **a** An n-gram model and CBOW are two names of one thing: both predict a word from its neighbours.
- **b** An n-gram model predicts the next word from the words *before* it and gives sentences a probability; CBOW predicts a word from the words *on both sides*, as a bag, to learn vectors, and gives no sentence a probability.
- **c** Skip-gram is an n-gram model that leaves out words of the history.
"""

# %% exercise="what_predicts_what" points=1 optional=true kind="choice" choices="a b c"
### BEGIN SOLUTION
what_predicts_what = "b"
### END SOLUTION

# %% mistake="what_predicts_what" name="a" hint="CBOW sees the words after the gap too. Could you write a text from left to right with it?" active="py"
what_predicts_what = "a"

# %% mistake="what_predicts_what" name="c" hint="Skip-gram (Word2Vec) predicts the neighbours from the word in the middle: lesson 07." active="py"
what_predicts_what = "c"

# %% [markdown]
r"""
## 12 · Find the bugs

### Find the bugs · absolute_backoff · optional

A colleague wrote a bigram model that **backs off** with absolute discounting: unlike in Kneser–Ney's mixture, only words that were *not* seen after $h$ get a share of what the discount freed, in proportion to a lower-order distribution. It runs, but its perplexities are worse than they should be, and after some histories nan.

There are three faults, and each repair earns its point alone. After *the* in our text, with $D = 0.75$ and $p_{\text{cont}}$ below: the seen words keep {{$0.3125$, $0.0625$ and $0.0625$ : absolute_backoff(torch.stack([counts_after(toy_text, (h,), 6) for h in range(6)]), continuation_prob(toy_text, 6), 0.75)[1][[2, 4, 5]].tolist() == [0.3125, 0.0625, 0.0625]}}; $0.5625$ is free; the three unseen words have
$p_{\text{cont}} = \tfrac29$ each, so each gets a third of it, ${{0.1875 = absolute_backoff(torch.stack([counts_after(toy_text, (h,), 6) for h in range(6)]), continuation_prob(toy_text, 6), 0.75)[1][0]}}$.
"""


# %% exercise="absolute_backoff" points=3 optional=true parts={"shares":1,"empty":1,"full":1} withheld="course_lib.ngrams.by_hand.absolute_backoff"
def absolute_backoff(counts: Tensor, lower: Tensor, discount: float) -> Tensor:
    """Return a bigram model that backs off: seen words keep a discounted share, others get the rest.

    counts    (V, V) row h: how often each word followed h
    lower     (V,) a distribution, positive everywhere
    discount  D, above 0 and below 1, taken off every count above 0
    returns   (V, V) every row sums to 1. In a row, the unseen words get what was freed, in
              proportion to lower. A row without any count is lower. Where every word was seen there
              is no word to give to: the discounted shares are scaled to sum to 1
    """
    ### BEGIN SOLUTION
    seen = counts > 0
    share = (counts - discount).clamp_min(0) / counts.sum(1, keepdim=True).clamp_min(1)
    unseen = torch.where(seen, 0.0, lower)
    freed = 1 - share.sum(1, keepdim=True)
    full = seen.all(1, keepdim=True)
    backed_off = share + freed * unseen / torch.where(full, 1.0, unseen.sum(1, keepdim=True))
    return torch.where(full, share / share.sum(1, keepdim=True), backed_off)
    ### END SOLUTION
    ### BEGIN STARTER
    # seen, total = counts > 0, counts.sum(1, keepdim=True)
    # share = (counts - discount) / total
    # freed = discount * seen.sum(1, keepdim=True) / total
    # return torch.where(seen, share, freed * lower)
    ### END STARTER


# %% [markdown] hints="absolute_backoff"
r"""
1. Sum the rows for small tables: one with unseen words, one without any count, one in which every word was seen. What should each sum be?
2. Three kinds of rows, three repairs: `freed` goes to the unseen words in shares that sum to 1; a row without counts is `lower`; a row without unseen words is scaled.
3. `unseen = torch.where(seen, 0.0, lower)` has to be divided by its sum over each row; `torch.where` with one condition per row (`keepdim=True`) chooses.
"""


# %% cases="absolute_backoff" active="py"
def cases(seed):
    third = torch.full((3,), 1 / 3)
    small = {"counts": torch.tensor([[2.0, 1, 0], [0, 0, 0], [1, 4, 1]]), "lower": third, "discount": 0.5}
    yield Case(small | {"rows": [0]}, note="a word unseen", part="shares")
    yield Case(small | {"rows": [1]}, note="a row without counts", part="empty")
    yield Case(small | {"rows": [2]}, note="a row without unseen words", part="full")
    hand = torch.tensor([[0.0, 0, 2, 0, 1, 1]]).expand(6, 6)
    by_hand = {"counts": hand, "lower": torch.tensor([2, 2, 1, 2, 1, 1]) / 9, "discount": 0.75}
    yield Case(by_hand | {"rows": [0]}, note="by hand", part="shares")
    for i, discount in enumerate((0.6, 0.9, 0.25)):
        counts = random_integers(seed + i, 0, 4, 7, 7).float()
        counts[:, 0], counts[:, 1] = 0, 1
        counts[2 + i], counts[1 - i] = 0, random_integers(seed + 9 + i, 1, 6, 7).float()
        counts[5] = torch.eye(7)[3]  # a single count
        case = {"counts": counts, "lower": random_distributions(seed + 5 + i, 7), "discount": discount}
        rows = {"empty": [2 + i], "full": [(1 - i) % 7]}
        rows["shares"] = [row for row in range(7) if [row] not in rows.values()]
        for part, some in rows.items():
            yield Case(case | {"rows": some}, note=f"random counts, rows {some}", part=part)


# %% probe="absolute_backoff" active="py"
def probe(student, case):
    return student(case["counts"], case["lower"], case["discount"])[case["rows"]]


# %% equivalents="absolute_backoff" active="py"
equivalents = {
    "torch.where(full, 1.0, unseen.sum(1, keepdim=True)) → torch.where(full, 2.0, unseen.sum(1, keepdim=True))": "where a row is full, this branch is not taken",
}


# %% mistake="absolute_backoff" name="two_rows_left" hint="Rows with unseen words sum to 1 now. Two faults are left: a row without counts is 0/0, and a row in which all words were seen loses what was freed." active="py"
def absolute_backoff(counts, lower, discount):
    seen, total = counts > 0, counts.sum(1, keepdim=True)
    share, freed = (counts - discount) / total, discount * seen.sum(1, keepdim=True) / total
    unseen = torch.where(seen, 0.0, lower)
    return torch.where(seen, share, freed * unseen / unseen.sum(1, keepdim=True))


# %% mistake="absolute_backoff" name="everybody_gets_some" hint="That is interpolation: seen words get a part of what was freed as well. When backing off, only the unseen share it." active="py"
def absolute_backoff(counts, lower, discount):
    total = counts.sum(1, keepdim=True)
    freed = discount * (counts > 0).sum(1, keepdim=True) / total.clamp_min(1)
    mixed = (counts - discount).clamp_min(0) / total.clamp_min(1) + freed * lower
    return torch.where(total > 0, mixed, lower)


# %% mistake="absolute_backoff" name="rescaled" hint="Scaling the whole row to sum to 1 hides the fault: seen words must keep exactly (count − D) / total, and the unseen share the rest." active="py"
def absolute_backoff(counts, lower, discount):
    seen, total = counts > 0, counts.sum(1, keepdim=True)
    share, freed = (counts - discount) / total.clamp_min(1), discount * seen.sum(1, keepdim=True) / total.clamp_min(1)
    row = torch.where(total > 0, torch.where(seen, share, freed * lower), lower)
    return row / row.sum(1, keepdim=True)


# %% mistake="absolute_backoff" name="full_row_left" hint="One fault is left: where every word was seen, no word is left to take what was freed, and the row sums to less than 1." active="py"
def absolute_backoff(counts, lower, discount):
    seen, total = counts > 0, counts.sum(1, keepdim=True)
    share, freed = (counts - discount) / total.clamp_min(1), discount * seen.sum(1, keepdim=True) / total.clamp_min(1)
    unseen = torch.where(seen, 0.0, lower)
    backed_off = torch.where(seen, share, freed * unseen / unseen.sum(1, keepdim=True).clamp_min(1e-9))
    return torch.where(total > 0, backed_off, lower)


# %% [markdown] exercise="tables_or_networks" points=4
r"""
## 13 · In your own words

### In your own words · tables_or_networks

Interview question. Compare n-gram models with recurrent neural networks as language models: how far each looks back, what different contexts share, what it costs to train, and where each fails. When would you choose the n-gram model today?

### BEGIN SOLUTION
**Context.** An n-gram model conditions on the last $n - 1$ tokens (Markov assumption); what stands further back cannot matter. An RNN carries a state through the whole text, so in principle nothing is too far; in practice gradients that vanish or explode make long dependencies hard to learn.

**Sharing.** An n-gram table treats tokens and histories as discrete: similar words share nothing. Raw counts of different histories are independent; smoothed models share through back-off and interpolation, since all histories use the same lower orders. An RNN uses the same matrices at every step, and similar words have similar vectors, so it generalises to histories that it has not seen.

**Cost.** Counting is one pass, quick, easily spread over machines; tables are large. An RNN needs many passes of gradient descent, sequential in time, on accelerators; its parameters are few by comparison.

**Failure.** N-grams: sparsity (zero for unseen words, no prediction at all after unseen histories, without smoothing) and no long range. RNN: optimisation, speed, and scarce data.

**Choice.** With little data or time, on small devices, for very local tasks or scoring in a noisy-channel system, as a baseline, or when the source really has short memory: there it contains the truth and cannot be beaten. Elsewhere neural models have the lower loss, usually by far on large natural corpora.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: fixed window and Markov assumption against a state that may carry everything, with the caveat of vanishing or exploding gradients
- 1 point: discrete tables against shared parameters and vectors; full marks need that smoothing does share through lower orders
- 1 point: cost of training (one pass of counting against sequential gradient descent) and sparsity as the weakness of counts
- 1 point: a case where the n-gram model is the right choice, with its reason; “never” or “n-grams are always worse” earns nothing here
### END RUBRIC
"""

# %% [markdown] exercise="why_surroundings" points=3
r"""
### In your own words · why_surroundings

Explain to a colleague why Kneser–Ney counts *in how many different contexts* a word occurred and not *how often*, with an example of your own. Then say at which levels of a trigram model it does so, at which it does not, and why.

### BEGIN SOLUTION
The lower-order distribution matters when the longer history says little: a rare or new history. A word that is frequent only because it follows one particular word (*Tower* after *Eiffel*, *Francisco* after *San*, *Kong* after *Hong*) is predicted well by that word, and nearly never follows another. Its frequency would make it a likely guess after every new history; the number of different words before it, which is about one, says the right thing. One can also say: what remains for the lower order to explain, after the
discounted counts have had their share, is about one occurrence for each different bigram, so the lower order should be estimated from those.

In a trigram model the bigram and unigram levels, which only get what the discount freed, count different words to the left. Nothing longer than the trigram level has explained its occurrences, so it counts them all.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: the lower order matters when the history is uninformative, and frequency is misleading for words bound to one history
- 1 point: a correct example with its two numbers (frequent, few different neighbours)
- 1 point: all levels below the highest use different left neighbours, the highest uses occurrences, with a reason
### END RUBRIC
"""

# %% [markdown]
r"""
## Flash cards

Answer first, then turn the card over.
"""

# %%
from course_lib.widgets.cards import flash_cards

flash_cards("03_ngrams")

# %% [markdown]
r"""
## 14 · Where this came from, and where it goes

- **Markov (1913)** counted vowels and consonants of *Eugene Onegin*, 20,000 letters, by hand: the first chain fitted to a text. **Shannon (1948)** let chains of letters and words write.
- **Good (1953)**, with Turing: how much probability belongs to what was never seen. **Katz (1987)**: backing off with discounts after Good and Turing.
- **Jelinek and Mercer (1980)**: interpolation with held-out weights. Speech recognition and statistical translation (**Brown et al. 1990**) were noisy channels. **Kernighan, Church and Gale (1990)**: a spelling corrector of this kind.
- **Church and Gale (1991)**: what counts promise and keep. **Kneser and Ney (1995)**; **Chen and Goodman (1998)**: the comparison that settled the matter, and the modified version.
- **Brants et al. (2007)**: two trillion tokens, with stupid backoff. **Heafield (2011)**: KenLM, which still serves such models; `ngrams.write_arpa` writes files that it reads.
- **Bengio et al. (2003)**: the table replaced by a network. That is [lesson 08](08_neural_ngrams.ipynb).
"""

# %% [markdown]
r"""
Since then: neural models took over speech and translation in the 2010s. N-grams live on in keyboards, in filters that select training text for large models, in contamination checks (does this 13-gram of the test set occur in the training text?), and as fast drafts.

**Honest limits.** The toy language is kind to n-grams: few words, short sentences. Its numbers say which method is better and why, not by how much on English. Our English perplexities depend on the vocabulary (rare words are all `<unk>`, which is easy to predict) and on this Python's documentation; compare them with nothing else.

From the next lesson on, `course_lib.ngrams` has the tested and fast version of all this. Next: [04 Linear models](04_linear_models.ipynb), *how does a model learn from one number?*
"""
