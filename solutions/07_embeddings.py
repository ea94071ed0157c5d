# ---
# jupyter:
#   course:
#     title: What does a word mean?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# What does a word mean?

*the mouse eats cheese · the rabbit eats carrots · the … eats grapes*

You do not know the missing word, and still you know much about it: it is one, it is alive, it has an appetite. You know
that from the words around it.

To every model so far *mouse* was a number in a list, as near to *rabbit* as to *quickly*. In this lesson each word gets a vector, learned from
its neighbours alone. Nobody tells the model what a noun is. The picture shows where the words went.
"""

# %% setup=true
import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.checks import check, show_answer, yours

torch.set_printoptions(precision=3, sci_mode=False)

# %%
from course_lib import embeddings
from course_lib.budget import budget
from course_lib.data.mouse_and_cheese import ANIMALS, LANDMARKS, TRADES, MouseAndCheese
from course_lib.data.word_kinds import word_kinds
from course_lib.embeddings import Vocabulary, Word2Vec, WordVectors, neighbour_purity
from course_lib.figures import embeddings as figures
from course_lib.figures.style import show
from course_lib.widgets.cards import flash_cards
from course_lib.widgets.embeddings import map_explorer, watch_map
from course_lib.widgets.predict import predict_choice, predict_number

language, kinds = MouseAndCheese(), word_kinds()
SEEDS, EPOCHS = (0, 1, 2), budget(full=5, short=1)
SENTENCES = budget(full=20_000, short=1_500)


@lru_cache
def stories(seed, n=SENTENCES):
    """Sentences as lists of words."""
    generator = torch.Generator().manual_seed(seed)
    return [language.decode(ids).split()[:-1] for ids in language.sample(n, generator)]


# %%
def train(sentences, seed, **options):
    """A vocabulary, and a word2vec model of 32 numbers a word after training."""
    vocabulary = Vocabulary.from_sentences(sentences, min_count=budget(full=5, short=1))
    generator = torch.Generator().manual_seed(seed)
    options = {"window": 2, "epochs": EPOCHS} | options
    model = Word2Vec(vocabulary.encode(sentences), vocabulary, 32, generator, **options)
    for _ in model:
        pass
    return vocabulary, model


SHOWN = ("animal", "animals", "adjective", "verb sg eat", "verb past go", "adverb", "day", "city")
vocabulary, model = train(stories(0), 0)
shown = [word for word in kinds if kinds[word] in SHOWN and word in vocabulary.ids]
shown_kinds = [kinds[word] for word in shown]
vectors = model.inputs.rows[[vocabulary.ids[word] for word in shown]]
title = f"{len(shown)} words, placed by their neighbours alone"
show(
    figures.word_map(vectors, figures.plane(vectors), shown, shown_kinds, title),
    alt=f"{len(shown)} words in a plane; those of one kind, such as days or cities, lie together.",
)

# %% [markdown]
r"""
## What you will be able to do

- compute the association of two words from counts, and say what a vector made of it looks like;
- cut a text into the examples of skip-gram and of CBOW, and tell both from an n-gram model;
- write negative sampling and its noise distribution, and say what its optimum is;
- measure whether vectors know grammatical classes, on three seeds;
- answer analogies, and say what the answer would be without a rule that papers state in half a sentence;
- measure a bias in vectors, beside a control.

**Time** 90 minutes for the core, 25 more for the optional exercises. **Builds on** [01 Information](01_information.ipynb) (cross-entropy) and
[03 N-grams](03_ngrams.ipynb) (counts), and on a logistic classifier ([04](04_linear_models.ipynb)).
**Sizes** B examples, V words, D numbers in a vector, K negatives.
"""

# %% [markdown]
r"""
## 1 · A word by the company it keeps

Harris (1954) and Firth (1957) proposed to describe words by the contexts they occur in. The ***distributional hypothesis*** says: words that occur in
similar contexts have similar meanings.

The plainest use of it needs no learning. Count, for each word $w$, how often each word $c$ is a neighbour: within `window` words to either
side, in the same sentence. The row of $w$ is a vector of $V$ counts.

Counts mislead: everything is next to *the*. So compare with chance. With $n(w, c)$ the count of a pair, $n(w) = \sum_c n(w, c)$ and $N$ the sum of all,
the ***pointwise mutual information*** in nats is

$$\mathrm{PMI}(w, c) = \ln \frac{p(w, c)}{p(w)\,p(c)} = \ln \frac{n(w, c)\; N}{n(w)\; n(c)} .$$

It is 0 for chance. A pair that never occurred has $-\infty$, and small counts below chance are mostly noise, so negative values
are set to 0: ***PPMI***, positive PMI.
"""

# %%
text = vocabulary.encode(stories(0))
counts = embeddings.cooccurrences(text, len(vocabulary), window=2, harmonic=False)
association = embeddings.ppmi(counts)
mouse = vocabulary.ids["mouse"]
for name, matrix in (("counts", counts.to_dense()), ("PPMI", association.to_dense())):
    top = matrix[mouse].topk(6)
    print(f"{name:7}", [f"{vocabulary.words[i]} {v:.1f}" for v, i in zip(*map(Tensor.tolist, top))])
filled = association._nnz() / len(vocabulary) ** 2
print(f"a row has {len(vocabulary)} numbers; {filled:.0%} of all are not zero")

# %% [markdown]
r"""
By count, the best neighbour of *mouse* is {{*the* : vocabulary.words[int(counts.to_dense()[mouse].argmax())] == "the"}}. PPMI puts other words first.

### Question · pmi_by_hand

In a text with $N = 1000$ neighbour pairs, *mouse* takes part in $n(w) = 40$, *cheese* in $n(c) = 50$, and $n(w, c) = 10$ are of the two together. What is their PMI, in
nats, with three decimals?
"""

# %% exercise="pmi_by_hand" points=1 kind="number"
### BEGIN SOLUTION
pmi_by_hand = 1.609  # ln 5
### END SOLUTION

# %% mistake="pmi_by_hand" name="bits" hint="That is in bits. Take the natural logarithm." active="py"
pmi_by_hand = 2.322

# %% mistake="pmi_by_hand" name="no_log" hint="The pair is 5 times as frequent as by chance; PMI is the logarithm of that." active="py"
pmi_by_hand = 5.0

# %% mistake="pmi_by_hand" name="upside_down" hint="You divided chance by what was counted. The pair is more frequent than chance, so its PMI is positive." active="py"
pmi_by_hand = -1.609

# %% [markdown]
r"""
### Sparse and dense

The vector of a word now has as many numbers as there are words, and most are 0: a ***sparse vector***. It can be read (this entry is *cheese*), but two words that
like *different* foods share nothing, although both eat.

A ***dense vector*** has few numbers, all in use, none with a name. The best way to compress the matrix $M$ of PPMI to $D$ numbers a row is its truncated singular value
decomposition, $M \approx U_D \Sigma_D V_D^\top$; one keeps the rows of $U_D \Sigma_D^{1/2}$ (`course_lib.embeddings.svd_vectors`).

With $V$ = {{347 = len(vocabulary)}} words and $D$ = 32, a word shrinks to a tenth. With 400,000 words, as in the vectors that GloVe's authors published, to less than a ten-thousandth.

The rest of the lesson learns dense vectors another way: by prediction. Section 4 compares the two.
"""

# %% [markdown]
r"""
## 2 · A text becomes examples

Word2vec (Mikolov et al. 2013a) comes in two models:

- ***skip-gram*** predicts each neighbour from the centre word: one example is a pair (centre, neighbour);
- ***CBOW***, continuous bag of words, predicts the centre word from all its neighbours at once, in no order: one example is (neighbours, centre).

| from *the cat sat on the mat* | looks | predicts | one example |
|---|---|---|---|
| trigram model (lesson 03) | back | the next word | (*the*, *cat*) → *sat* |
| CBOW, window 2 | both ways | the centre | (*the*, *cat*, *on*, *the*) → *sat* |
| skip-gram, window 2 | from the centre | each neighbour | *sat* → *cat* |

A popular note calls “predicting the centre word” an n-gram model. It is not: an n-gram model gives sentences a probability, CBOW sees both sides and gives none.

### Exercise · skipgram_pairs

*the cat sat*, window 1: (the, cat), (cat, the), (cat, sat), (sat, cat).
"""


# %% exercise="skipgram_pairs" points=2 withheld="course_lib.embeddings.pairs.skipgram_pairs course_lib.embeddings.pairs.cbow_examples"
def skipgram_pairs(words: list, window: int) -> list[tuple]:
    """Return all pairs (centre, neighbour) of a sentence.

    words    strings or ids, as a list; left as it is
    window   how many words to each side are neighbours; there are fewer near both ends
    returns  list of pairs, centres in the order of the text, the neighbours of each from left to
             right. A neighbour may be the same word as the centre, at another place

    Raises ValueError when window is below 1.

    Example: (["the", "cat", "sat"], 1) gives
    [("the", "cat"), ("cat", "the"), ("cat", "sat"), ("sat", "cat")].
    """
    ### BEGIN SOLUTION
    if window < 1:
        raise ValueError(f"window must be at least 1, got {window}")
    pairs = []
    for i, centre in enumerate(words):
        for j in range(max(0, i - window), min(len(words), i + window + 1)):
            if j != i:
                pairs.append((centre, words[j]))
    return pairs
    ### END SOLUTION


# %% [markdown] hints="skipgram_pairs"
r"""
1. At which places are the neighbours of the word at place i? What would Python do with the place −1?
2. Loop over the places of centres, and inside over the places from i − window to i + window that exist, without i itself.
3. `for j in range(max(0, …), min(len(words), …)):`, and compare places, not words.
"""


# %% cases="skipgram_pairs" active="py"
def cases(seed):
    yield Case({"words": ["the", "cat", "sat"], "window": 1}, note="the example")
    yield Case({"words": ["the", "cat", "sat", "on", "the", "mat"], "window": 2}, note="window 2")
    yield Case({"words": ["no", "no", "no"], "window": 1}, note="the same word three times")
    yield Case({"words": ["cat"], "window": 3}, note="a word alone")
    yield Case({"words": [], "window": 1}, note="no words")
    for n, window in ((5, 1), (8, 3), (4, 9)):
        yield Case({"words": random_integers(seed + n, 0, 6, n).tolist(), "window": window}, note="random ids")
    yield Case({"words": ["the", "cat"], "window": 0}, note="window 0")


# %% mistake="skipgram_pairs" name="wraps_around" hint="Near the beginning your places go below 0, and Python counts those from the end. Stop at 0." active="py"
def skipgram_pairs(words, window):
    places = range(len(words))
    steps = [d for d in range(-window, window + 1) if d]
    return [(words[i], words[i + d]) for i in places for d in steps if -len(words) <= i + d < len(words)]


# %% mistake="skipgram_pairs" name="only_back" hint="You pair a word with those before it only. Neighbours are on both sides." active="py"
def skipgram_pairs(words, window):
    return [(words[i], words[j]) for i in range(len(words)) for j in range(max(0, i - window), i)]


# %% mistake="skipgram_pairs" name="by_word" hint="You leave out neighbours that are the same word as the centre. Only the centre's own place is left out." active="py"
def skipgram_pairs(words, window, right=skipgram_pairs):
    return [(a, b) for a, b in right(words, window) if a != b]


# %% mistake="skipgram_pairs" name="window_is_total" hint="Your window is one word too narrow on the right: range leaves out its end." active="py"
def skipgram_pairs(words, window):
    places = range(len(words))
    return [
        (words[i], words[j]) for i in places for j in range(max(0, i - window), min(len(words), i + window)) if j != i
    ]


# %% [markdown]
r"""
### Exercise · cbow_examples

*the cat sat*, window 1: ((cat), the), ((the, sat), cat), ((cat), sat). A word without a neighbour gives no example.
"""


# %% exercise="cbow_examples" points=2 withheld="course_lib.embeddings.pairs.cbow_examples course_lib.embeddings.pairs.skipgram_pairs"
def cbow_examples(words: list, window: int) -> list[tuple]:
    """Return an example (neighbours, centre) for each word of a sentence that has a neighbour.

    words    strings or ids, as a list; left as it is
    window   how many words to each side are neighbours; there are fewer near both ends
    returns  list of pairs (tuple of neighbours from left to right, centre), in the order of the
             text

    Raises ValueError when window is below 1.

    Example: (["the", "cat", "sat"], 1) gives
    [(("cat",), "the"), (("the", "sat"), "cat"), (("cat",), "sat")].
    """
    ### BEGIN SOLUTION
    if window < 1:
        raise ValueError(f"window must be at least 1, got {window}")
    examples = []
    for i, centre in enumerate(words):
        neighbours = words[max(0, i - window) : i] + words[i + 1 : i + 1 + window]
        if neighbours:
            examples.append((tuple(neighbours), centre))
    return examples
    ### END SOLUTION


# %% [markdown] hints="cbow_examples"
r"""
1. Which slice of the list is to the left of place i, and which to the right? Which of the two needs care at an end?
2. Join both slices; a slice may end behind the list, but must not begin below 0. Skip a word whose slices are both empty.
3. `words[max(0, i - window) : i] + words[… : …]`, made a tuple.
"""


# %% cases="cbow_examples" active="py"
def cases(seed):
    yield Case({"words": ["the", "cat", "sat"], "window": 1}, note="the example")
    yield Case({"words": ["the", "cat", "sat", "on", "the", "mat"], "window": 2}, note="window 2")
    yield Case({"words": ["no", "no", "no"], "window": 1}, note="the same word three times")
    yield Case({"words": ["cat"], "window": 3}, note="a word alone")
    for n, window in ((5, 1), (8, 3), (4, 9)):
        yield Case({"words": random_integers(seed + n, 0, 6, n).tolist(), "window": window}, note="random ids")
    yield Case({"words": ["the", "cat"], "window": 0}, note="window 0")


# %% mistake="cbow_examples" name="an_ngram" hint="You look back only, like an n-gram model. CBOW sees both sides." active="py"
def cbow_examples(words, window):
    return [(tuple(words[max(0, i - window) : i]), words[i]) for i in range(1, len(words))]


# %% mistake="cbow_examples" name="centre_inside" hint="The centre is among its own neighbours: the answer is in the question." active="py"
def cbow_examples(words, window):
    places = range(len(words))
    return [(tuple(words[max(0, i - window) : i + window + 1]), words[i]) for i in places if len(words) > 1]


# %% mistake="cbow_examples" name="empty_bag" hint="A word alone in its sentence has no neighbours, and gives no example." active="py"
def cbow_examples(words, window, right=cbow_examples):
    return right(words, window) or [((), word) for word in words]


# %% mistake="cbow_examples" name="negative_slice" hint="i − window is below 0 near the beginning, and such a slice counts from the end. Use max(0, …)." active="py"
def cbow_examples(words, window):
    found = [(tuple(words[i - window : i] + words[i + 1 : i + 1 + window]), words[i]) for i in range(len(words))]
    return [example for example in found if example[0]]


# %% [markdown]
r"""
### Question · which_model

A model was trained on the example (*the*, *mouse*, *cheese*, *today*) → *eats*. Which can it be?

- **a** A 5-gram model.
- **b** Skip-gram with window 2.
- **c** CBOW with window 2.
"""

# %% exercise="which_model" points=1 kind="choice" choices="a b c"
### BEGIN SOLUTION
which_model = "c"
### END SOLUTION

# %% mistake="which_model" name="a" hint="A 5-gram model predicts the word that follows its four; here two of them come after it." active="py"
which_model = "a"

# %% mistake="which_model" name="b" hint="Skip-gram has one word on the left: the centre, from which it predicts one neighbour." active="py"
which_model = "b"

# %% [markdown]
r"""
## 3 · Real neighbour, or drawn at random?

Each word has two vectors: $u_w$ as centre (kept in the end) and $v_c$ as neighbour. The dot product $u_w \cdot v_c$ scores the pair. A softmax over all
$V$ words would turn scores into probabilities, at the price of $V$ dot products for every pair.

***Negative sampling*** (Mikolov et al. 2013b) asks an easier question: *is this pair from the text, or made up?* For each real pair draw $K$ words $n_1 \dots n_K$ at random, and
fit a logistic classifier with $\sigma(x) = 1/(1 + e^{-x})$:

$$L = -\ln \sigma(u_w \cdot v_c) - \sum_{k=1}^{K} \ln \sigma(-u_w \cdot v_{n_k}) .$$

That is $1 + K$ dot products. **By hand:** with all vectors zero, every $\sigma$ is ½ and $L = (1 + K) \ln 2$, which for $K = 5$ is {{4.159 = 6 * math.log(2)}} nats. With $u_w \cdot v_c = 2$
and one negative at $u_w \cdot v_n = -2$, $L = 2 \ln(1 + e^{-2}) = {{0.254 = 2 * math.log1p(math.exp(-2))}}$.
"""

# %% [markdown]
r"""
There is no L2 penalty in it, although a popular table lists one; and $L$ is no perplexity: it depends on $K$.

### Exercise · negative_sampling_loss

A score of $-200$ gives $\sigma = 0$ in single precision, and $\ln 0$ is no loss to learn from. `F.logsigmoid(x)` computes $\ln \sigma(x)$ without that detour.
"""


# %% exercise="negative_sampling_loss" points=3 withheld="course_lib.embeddings.word2vec.negative_sampling_loss course_lib.embeddings.word2vec.skipgram_gradients course_lib.embeddings.word2vec.cbow_gradients"
def negative_sampling_loss(centres: Tensor, contexts: Tensor, negatives: Tensor) -> Tensor:
    """Return the mean over B pairs of −ln σ(u·v) − Σₖ ln σ(−u·nₖ), in nats.

    centres    (B, D) u, the vector of each pair's centre
    contexts   (B, D) v, that of its neighbour
    negatives  (B, K, D) n, those of K words drawn for the pair
    returns    scalar, in the dtype of the vectors: mean over pairs, sum over negatives; finite for
               scores of any size that a float holds. Gradients flow to all three

    Example: ones(1, 2), ones(1, 2) and −ones(1, 1, 2) give 2 ln(1 + e⁻²) ≈ 0.2539.
    """
    ### BEGIN SOLUTION
    positive = (centres * contexts).sum(-1)
    negative = (negatives @ centres.unsqueeze(-1)).squeeze(-1)
    return -(F.logsigmoid(positive) + F.logsigmoid(-negative).sum(-1)).mean()
    ### END SOLUTION


# %% [markdown] hints="negative_sampling_loss"
r"""
1. Which shape does u·v have for B pairs, and which do the scores of the negatives have? Over which dimensions do you sum, over which do you average?
2. Multiply and sum over D for the pairs, (B,); the same with an extra dimension for the negatives, (B, K). ln σ of the first, ln σ of minus the second, added for each pair.
3. `positive = (centres * contexts).sum(-1)` and `negative = (negatives * centres[:, None]).sum(-1)`; then `F.logsigmoid(…)`.
"""


# %% cases="negative_sampling_loss" active="py"
def cases(seed):
    one = torch.ones(1, 2)
    yield Case({"centres": one, "contexts": one, "negatives": -torch.ones(1, 1, 2)}, note="the example")
    yield Case({"centres": one, "contexts": 0 * one, "negatives": torch.zeros(1, 5, 2)}, note="zeros, K = 5")
    for b, k, d in ((3, 2, 4), (2, 5, 3), (4, 1, 4), (3, 3, 3)):
        yield Case(
            {
                "centres": random_tensor(seed + b, b, d),
                "contexts": random_tensor(seed + k + 10, b, d),
                "negatives": random_tensor(seed + d + 20, b, k, d),
            },
            note=f"{b} pairs, {k} negatives",
        )
    u, v, n = random_tensor(seed, 2, 3), random_tensor(seed + 1, 2, 3), random_tensor(seed + 2, 2, 4, 3)
    far = {"centres": 20 * torch.ones(2, 3), "contexts": -10 * v.abs() - 5, "negatives": n.abs() + 5}
    yield Case(far, note="scores of hundreds")
    yield Case({"centres": u, "contexts": v, "negatives": n, "ask": "gradients"}, note="gradients")
    half = {"centres": u.half(), "contexts": v.half(), "negatives": n.half()}
    yield Case(half | {"ask": "dtype"}, note="half precision")


# %% probe="negative_sampling_loss" active="py"
def probe(student, case):
    if "ask" not in case:
        return student(case["centres"], case["contexts"], case["negatives"])
    inputs = [case[name].clone().requires_grad_() for name in ("centres", "contexts", "negatives")]
    loss = student(*inputs)
    if case["ask"] == "dtype":
        return {"loss": loss.detach(), "dtype": str(loss.dtype)}
    loss.backward()
    return {"centres": inputs[0].grad, "contexts": inputs[1].grad, "negatives": inputs[2].grad}


# %% mistake="negative_sampling_loss" name="sign" hint="The negatives have the sign of real pairs: you pull made-up neighbours closer. It is ln σ(−u·n)." active="py"
def negative_sampling_loss(centres, contexts, negatives, right=negative_sampling_loss):
    return right(centres, contexts, -negatives)


# %% mistake="negative_sampling_loss" name="mean_of_negatives" hint="You average over the negatives. The formula sums over them; the mean is over pairs only." active="py"
def negative_sampling_loss(centres, contexts, negatives):
    positive = (centres * contexts).sum(-1)
    negative = (negatives * centres[:, None]).sum(-1)
    return -(F.logsigmoid(positive) + F.logsigmoid(-negative).mean(-1)).mean()


# %% mistake="negative_sampling_loss" name="sum_of_pairs" hint="You sum over the pairs. Return the mean, or the loss grows with the batch." active="py"
def negative_sampling_loss(centres, contexts, negatives, right=negative_sampling_loss):
    return right(centres, contexts, negatives) * len(centres)


# %% mistake="negative_sampling_loss" name="log_of_sigmoid" hint="For scores of hundreds σ is 0 in floating point, and its logarithm −∞. Use F.logsigmoid." active="py"
def negative_sampling_loss(centres, contexts, negatives):
    positive = (centres * contexts).sum(-1)
    negative = (negatives * centres[:, None]).sum(-1)
    return -(positive.sigmoid().log() + (-negative).sigmoid().log().sum(-1)).mean()


# %% mistake="negative_sampling_loss" name="against_neighbours" hint="You score the negatives against the neighbour. The centre stands in both terms." active="py"
def negative_sampling_loss(centres, contexts, negatives):
    positive = (centres * contexts).sum(-1)
    negative = (negatives * contexts[:, None]).sum(-1)
    return -(F.logsigmoid(positive) + F.logsigmoid(-negative).sum(-1)).mean()


# %% [markdown]
r"""
### What the optimum is

Let $x = u_w \cdot v_c$ be free for each pair, and draw negatives with probability $q(c)$. All terms with this pair add up to
$-n(w, c) \ln \sigma(x) - K\, n(w)\, q(c) \ln \sigma(-x)$. The derivative in $x$ is zero where

$$\frac{\sigma(x)}{\sigma(-x)} = e^{x} = \frac{n(w, c)}{K\, n(w)\, q(c)} .$$

With $q(c) = n(c)/N$ this is $x = \mathrm{PMI}(w, c) - \ln K$ (Levy and Goldberg 2014). So skip-gram factorises, without ever writing it down, a matrix of PMI shifted by $\ln K$: prediction and counting meet. It
holds for pairs that are free; $D$ numbers a word have to compromise.
"""

# %% [markdown]
r"""
### The noise distribution

Which $q$? Drawn as they occur, most negatives would be *the*. Mikolov et al. (2013b) drew words by the **¾ power** of their counts,

$$q(w) = \frac{n(w)^{3/4}}{\sum_{w'} n(w')^{3/4}},$$

between as they occur (power 1) and all alike (power 0), and report that it did better than both. **By hand:** counts 16 and 1 become 8 and 1, so $q = ({{0.889 = 8 / 9}}, {{0.111 = 1 / 9}})$, where the text has $({{0.941 = 16 / 17}}, {{0.059 = 1 / 17}})$.

### Exercise · noise_distribution
"""


# %% exercise="noise_distribution" points=2 withheld="course_lib.embeddings.vocabulary.noise_distribution"
def noise_distribution(counts: Tensor, power: float = 0.75) -> Tensor:
    """Return the probabilities with which words are drawn as negatives.

    counts   (V,) int64, how often each word occurs; at least one is not 0. Left as it is
    power    exponent of the counts, from 0 to 1
    returns  (V,) float, proportional to counts^power, sum 1. A word that never occurs is never
             drawn, with power 0 neither

    Example: noise_distribution(torch.tensor([16, 1])) is [8/9, 1/9].
    """
    ### BEGIN SOLUTION
    weights = torch.where(counts > 0, counts.float() ** power, 0.0)
    return weights / weights.sum()
    ### END SOLUTION


# %% [markdown] hints="noise_distribution"
r"""
1. In which order: first make shares and then take the power, or the other way round? And what is 0 to the power 0 in floating point?
2. Take the power of the counts, set it to 0 where the count is 0, and divide by the sum of the powers.
3. `weights = torch.where(counts > 0, …, 0.0)`
"""


# %% cases="noise_distribution" active="py"
def cases(seed):
    yield Case({"counts": torch.tensor([16, 1])}, note="the example")
    yield Case({"counts": torch.tensor([81, 0, 16])}, note="a word that never occurs")
    yield Case({"counts": torch.tensor([7, 0, 3]), "power": 0.0}, note="power 0")
    yield Case({"counts": torch.tensor([7, 2, 3]), "power": 1.0}, note="power 1")
    yield Case({"counts": random_integers(seed, 1, 1000, 5)}, note="random counts")
    yield Case({"counts": random_integers(seed + 1, 0, 40, 7), "power": 0.5}, note="random counts, power ½")
    yield Case({"counts": random_integers(seed + 2, 1, 10_000, 6), "power": 0.3}, note="random counts, power 0.3")


# %% equivalents="noise_distribution" active="py"
equivalents = {
    "counts.float() → counts": "an integer to the power of a float is a float",
}


# %% mistake="noise_distribution" name="as_they_occur" hint="These are the shares of the text: the power is not used." active="py"
def noise_distribution(counts, power=0.75):
    return counts / counts.sum()


# %% mistake="noise_distribution" name="not_normalised" hint="Your numbers do not sum to 1: after the power, divide by the sum of the powers." active="py"
def noise_distribution(counts, power=0.75):
    return torch.where(counts > 0, (counts / counts.sum()) ** power, 0.0)


# %% mistake="noise_distribution" name="nothing_to_the_nothing" hint="0 to the power 0 is 1, so a word that never occurs would be drawn. Its probability is 0." active="py"
def noise_distribution(counts, power=0.75):
    weights = counts.float() ** power
    return weights / weights.sum()


# %% mistake="noise_distribution" name="default_only" hint="You always use ¾, whatever power says." active="py"
def noise_distribution(counts, power=0.75, right=noise_distribution):
    return right(counts)


# %% [markdown]
r"""
## 4 · Watch the words move

Training is gradient descent on that loss, one batch of text after the other, with the step sizes of Adagrad (lesson [05](05_optimizers.ipynb)). Very frequent words are thinned out (*the* says little), and near neighbours count more, as in the paper.

Run the cell and watch; then move the slider back to the beginning.
"""

# %%
generator = torch.Generator().manual_seed(0)
model = Word2Vec(text, vocabulary, 32, generator, window=2, epochs=EPOCHS)
ids = [vocabulary.ids[word] for word in shown]
snapshots = list(watch_map(model, ids, shown, shown_kinds, every=budget(full=40, short=3)))
map_explorer(snapshots, shown, shown_kinds)

# %% [markdown]
r"""
A plane shows two directions of 32, chosen to spread these words. Kinds that overlap here, such as *mouse* and *mice*, may be apart in the rest, so measure in all 32. The language has {{289 = known_kinds}} words of {{38 = len(set(kinds.values()))}} kinds
(animal, animals, past form of eating, preposition, …), which no model was told.

***Neighbour purity***: of the five nearest neighbours of a word, how many are of its own kind? For vectors drawn at random, {{4 % = chance ± 2 %}}.
"""

# %%
known_kinds = sum(word in vocabulary.ids for word in kinds)
random_vectors = torch.randn(len(vocabulary), 32, generator=torch.Generator().manual_seed(0))
chance = neighbour_purity(WordVectors(vocabulary.words, random_vectors), kinds)
guess = predict_number(
    "07_embeddings.purity",
    "After training by skip-gram with window 2: of the five nearest neighbours of a word, "
    "how many per cent are of its kind?",
    low=0,
    high=100,
    unit="per cent",
)
guess

# %%
guess_window = predict_choice(
    "07_embeddings.window",
    "Which window recovers the grammatical kinds best?",
    {"a": "1 word to each side", "b": "2 words", "c": "5 words: more context is more information"},
)
guess_window

# %% [markdown]
r"""
Seven ways to make vectors, each from the same {{20,000 = len(stories(0))}} sentences, each on three seeds (another text and another start). All dense ones have 32 numbers; settings are the library's own, not tuned for any of them.
"""


# %%
def counted(sentences, seed, kind):
    """Vectors from counts: sparse PPMI rows, their truncated SVD, or GloVe (section 5)."""
    vocabulary = Vocabulary.from_sentences(sentences, min_count=budget(full=5, short=1))
    counts = embeddings.cooccurrences(vocabulary.encode(sentences), len(vocabulary), window=2)
    generator = torch.Generator().manual_seed(seed)
    if kind == "GloVe":
        glove = embeddings.GloVe(counts, 32, generator, epochs=budget(full=50, short=2))
        for _ in glove:
            pass
        return WordVectors(vocabulary.words, glove.vectors())
    rows = embeddings.ppmi(counts)
    rows = rows.to_dense() if kind == "PPMI" else embeddings.svd_vectors(rows, 32, generator)
    return WordVectors(vocabulary.words, rows)


def predicted(sentences, seed, **options):
    vocabulary, model = train(sentences, seed, **options)
    return WordVectors(vocabulary.words, model.inputs.rows)


# %%
made = {
    "PPMI rows (sparse)": [counted(stories(seed), seed, "PPMI") for seed in SEEDS],
    "PPMI + SVD": [counted(stories(seed), seed, "SVD") for seed in SEEDS],
    "GloVe": [counted(stories(seed), seed, "GloVe") for seed in SEEDS],
    "CBOW, window 2": [predicted(stories(seed), seed, cbow=True) for seed in SEEDS],
    "skip-gram, window 1": [predicted(stories(seed), seed, window=1) for seed in SEEDS],
    "skip-gram, window 2": [predicted(stories(seed), seed) for seed in SEEDS],
    "skip-gram, window 5": [predicted(stories(seed), seed, window=5) for seed in SEEDS],
}
purity = {name: [neighbour_purity(wv, kinds) for wv in some] for name, some in made.items()}
mean_purity = {name: sum(values) / 3 for name, values in purity.items()}
said = ", ".join(f"{name} {value:.2f}" for name, value in mean_purity.items())
figure = figures.purities(purity, chance, "Neighbours alone teach the kinds of words")
show(figure, alt=f"Neighbour purity: {said}.")

# %%
guess.reveal(round(100 * mean_purity["skip-gram, window 2"]))
letters = {"a": 1, "b": 2, "c": 5}
guess_window.reveal(max(letters, key=lambda x: mean_purity[f"skip-gram, window {letters[x]}"]))

# %% [markdown]
r"""
- Skip-gram with window 2 finds {{67 % = mean_purity["skip-gram, window 2"] ± 2 %}}. Nobody told it what a verb is.
- The **narrow window does better** on kinds: {{0.73 = mean_purity["skip-gram, window 1"] ± 0.02}} with window 1, {{0.64 = mean_purity["skip-gram, window 5"] ± 0.02}} with 5, {{on every seed : all(purity["skip-gram, window 1"][s] > purity["skip-gram, window 2"][s] > purity["skip-gram, window 5"][s] for s in SEEDS)}}. What may stand next to a word is its grammar; five words away is the topic. Which window is
best depends on what you ask: section 7 has a question for which the wide one wins.
- CBOW is {{ahead of : min(purity["CBOW, window 2"]) > max(purity["skip-gram, window 2"])}} skip-gram at the same window, on every seed.
- **Counting keeps up with predicting**: PPMI + SVD reaches {{0.64 = mean_purity["PPMI + SVD"] ± 0.02}}; the window moves skip-gram by {{more than that : mean_purity["skip-gram, window 1"] - mean_purity["skip-gram, window 5"] > mean_purity["skip-gram, window 2"] - mean_purity["PPMI + SVD"]}}. GloVe is {{last : min(mean_purity, key=mean_purity.get) == "GloVe"}}, with {{0.57 = mean_purity["GloVe"] ± 0.03}}.

These are small texts and untuned settings; Levy et al. (2015) found that such settings explain much of the difference between methods.
"""

# %% [markdown]
r"""
### Does the ¾ matter here?

Train with three powers, three seeds each, on one text, and measure purity.
"""

# %%
noise = yours("embeddings.noise_distribution", embeddings.noise_distribution)
by_power = {0.0: [], 0.75: [], 1.0: []}
for power, results in by_power.items():
    for seed in SEEDS:
        generator = torch.Generator().manual_seed(seed)
        model = Word2Vec(text, vocabulary, 32, generator, window=2, epochs=EPOCHS)
        model.noise = noise(vocabulary.counts, power)
        for _ in model:
            pass
        wv = WordVectors(vocabulary.words, model.inputs.rows)
        results.append(neighbour_purity(wv, kinds))
    print(f"power {power:.2f}   " + "  ".join(f"{purity:.3f}" for purity in results))
means = {power: sum(results) / 3 for power, results in by_power.items()}
apart = max(means.values()) - min(means.values())

# %% [markdown]
r"""
It {{hardly matters : apart < 0.03}}: the means are {{0.009 = apart ± 0.01}} apart, about what two seeds of one power differ by. Ours is a language of {{347 = len(vocabulary)}} words. What the paper reports is for a billion words and a vocabulary of hundreds of thousands; a
toy neither confirms nor refutes it.
"""

# %% [markdown]
r"""
## 5 · GloVe: fit the logarithms of counts

***GloVe*** (Pennington et al. 2014) counts first, and then fits vectors to the counts $X_{ij}$ by weighted least squares:

$$L = \sum_{X_{ij} > 0} f(X_{ij}) \,\bigl(w_i \cdot c_j + b_i + b'_j - \ln X_{ij}\bigr)^2, \qquad f(x) = \min\bigl(1, (x / x_{\max})^{\alpha}\bigr),$$

with $x_{\max} = 100$ and $\alpha = ¾$. The biases take up how frequent each word is. The weight $f$ keeps rare pairs, which are mostly noise, and very frequent ones from deciding everything.

**By hand:** $w = c = (1, 1)$, no biases, $X = 100$: weight 1, and $(2 - \ln 100)^2 = {{6.787 = (2 - math.log(100)) ** 2}}$. For $X = 1$ the weight is $0.01^{3/4} = {{0.0316 = 0.01**0.75}}$, and the loss ${{0.126 = 4 * 0.01**0.75}}$.

### Exercise · glove_loss · optional
"""


# %% exercise="glove_loss" points=2 optional=true withheld="course_lib.embeddings.glove.glove_loss course_lib.embeddings.glove.glove_weight"
def glove_loss(
    words: Tensor,
    contexts: Tensor,
    word_biases: Tensor,
    context_biases: Tensor,
    counts: Tensor,
    x_max: float = 100.0,
    alpha: float = 0.75,
) -> Tensor:
    """Return Σ f(count) · (w·c + b + b' − ln count)² over n pairs of a word and a context.

    words, contexts              (n, D) w and c
    word_biases, context_biases  (n,) b and b'
    counts                       (n,) float, how often the pair occurs, at least 0
    x_max, alpha                 of the weight f(x) = min(1, (x / x_max)^alpha)
    returns                      scalar, a sum. A pair with count 0 adds 0, and its gradient is 0,
                                 not nan. Gradients flow to vectors and biases

    Example: ones(1, 2) twice, zeros(1) twice and counts [100.] give (2 − ln 100)² ≈ 6.787.
    """
    ### BEGIN SOLUTION
    logs = torch.where(counts > 0, counts, 1.0).log()
    difference = (words * contexts).sum(-1) + word_biases + context_biases - logs
    weight = (counts / x_max).pow(alpha).clamp(max=1.0)
    return (weight * difference**2).sum()
    ### END SOLUTION


# %% [markdown] hints="glove_loss"
r"""
1. What is ln 0, and what is 0 times it? Which pairs may be left out without changing the sum?
2. Put 1 in the place of the zero counts before the logarithm: their weight is 0 anyway. The rest is the formula, pair by pair, then a sum.
3. `weight = (counts / x_max).pow(alpha).clamp(…)`
"""


# %% cases="glove_loss" active="py"
def cases(seed):
    one, zero = torch.ones(1, 2), torch.zeros(1)
    pair = {"words": one, "contexts": one, "word_biases": zero, "context_biases": zero}
    yield Case(pair | {"counts": torch.tensor([100.0])}, note="the example")
    yield Case(pair | {"counts": torch.tensor([1.0])}, note="a rare pair")
    yield Case(pair | {"counts": torch.tensor([400.0])}, note="a very frequent pair")
    yield Case(pair | {"counts": torch.tensor([0.0])}, note="a pair that never occurs")
    yield Case(pair | {"counts": torch.tensor([0.5])}, note="a pair at distance 2 counts ½")
    for n, d in ((4, 3), (3, 3), (6, 2)):
        case = {"words": random_tensor(seed + n, n, d), "contexts": random_tensor(seed + n + 1, n, d)}
        case |= {"word_biases": random_tensor(seed + n + 2, n), "context_biases": random_tensor(seed + n + 3, n)}
        case["counts"] = random_integers(seed + n, 1, 600, n) / 4
        yield Case(case, note=f"{n} random pairs")
    yield Case(case | {"x_max": 200.0, "alpha": 0.5}, note="another weight")
    yield Case(case | {"ask": True, "counts": case["counts"] * torch.tensor([1.0, 0, 1, 1, 0, 1])}, note="gradients")


# %% probe="glove_loss" active="py"
def probe(student, case):
    case = dict(case)
    ask = case.pop("ask", False)
    if not ask:
        return student(**case)
    names = ("words", "contexts", "word_biases", "context_biases")
    leaves = {name: case[name].clone().requires_grad_() for name in names}
    student(**case | leaves).backward()
    return {name: leaf.grad for name, leaf in leaves.items()}


# %% equivalents="glove_loss" active="py"
equivalents = {
    "torch.where(counts > 0, counts, 1.0) → torch.where(counts > 0, counts, 2.0)": "the weight of a count 0 is 0",
    "(words * contexts).sum(-1) + word_biases + context_biases - logs → logs - ((words * contexts).sum(-1) + word_biases + context_biases)": "the difference is squared",
}


# %% mistake="glove_loss" name="no_weight" hint="The weight f is missing: a pair met once counts like one met a hundred times." active="py"
def glove_loss(words, contexts, word_biases, context_biases, counts, x_max=100.0, alpha=0.75):
    logs = torch.where(counts > 0, counts, 1.0).log()
    difference = (words * contexts).sum(-1) + word_biases + context_biases - logs
    return ((counts > 0) * difference**2).sum()


# %% mistake="glove_loss" name="not_capped" hint="The weight goes above 1 for very frequent pairs. It is at most 1." active="py"
def glove_loss(words, contexts, word_biases, context_biases, counts, x_max=100.0, alpha=0.75):
    logs = torch.where(counts > 0, counts, 1.0).log()
    difference = (words * contexts).sum(-1) + word_biases + context_biases - logs
    return ((counts / x_max) ** alpha * difference**2).sum()


# %% mistake="glove_loss" name="log_of_zero" hint="Where a count is 0 your result is nan: 0 times −∞. Such a pair adds 0." active="py"
def glove_loss(words, contexts, word_biases, context_biases, counts, x_max=100.0, alpha=0.75):
    difference = (words * contexts).sum(-1) + word_biases + context_biases - counts.log()
    return ((counts / x_max).pow(alpha).clamp(max=1.0) * difference**2).sum()


# %% mistake="glove_loss" name="weight_inside" hint="You square the weight as well. It multiplies the squared difference." active="py"
def glove_loss(words, contexts, word_biases, context_biases, counts, x_max=100.0, alpha=0.75, right=glove_loss):
    return right(words, contexts, word_biases, context_biases, counts, x_max, 2 * alpha)


# %% mistake="glove_loss" name="mean" hint="You return the mean over pairs; it is the sum." active="py"
def glove_loss(words, contexts, word_biases, context_biases, counts, x_max=100.0, alpha=0.75, right=glove_loss):
    return right(words, contexts, word_biases, context_biases, counts, x_max, alpha) / len(counts)


# %% [markdown]
r"""
## 6 · fastText: a word is made of pieces

A word that the text never shows has no vector: it is out of vocabulary. ***fastText*** (Bojanowski et al. 2017) gives a vector to each character n-gram, too, and a word the mean of its own and those of its pieces. (Their formula has a sum, their program takes the mean.) Marks show where the word begins and ends, so
the piece `<her` is another one than the `her` in *where*.

**By hand:** *cat*, lengths 3 to 4: `<cat>` has the pieces `<ca`, `cat`, `at>`, `<cat`, `cat>`. In general a word of $n$ letters has $n + 3 - k$ pieces of length $k$; the five letters of *mouse* give, for lengths 3 to 6, {{14 = sum(5 + 3 - k for k in range(3, 7))}}.

### Exercise · fasttext_ngrams · optional
"""


# %% exercise="fasttext_ngrams" points=2 optional=true withheld="course_lib.embeddings.subwords.fasttext_ngrams"
def fasttext_ngrams(word: str, min_n: int = 3, max_n: int = 6) -> list[str]:
    """Return the character n-grams of a word between the marks < and >.

    word     any string; n counts characters, not bytes
    min_n    length of the shortest
    max_n    length of the longest; where <word> itself is not longer, it is among them
    returns  n-grams, shorter ones first, those of one length from left to right; one that occurs
             twice is there twice. With min_n = 1, the two marks alone are left out

    Raises ValueError unless 1 ≤ min_n ≤ max_n.

    Example: ("cat", 3, 4) gives ["<ca", "cat", "at>", "<cat", "cat>"].
    """
    ### BEGIN SOLUTION
    if not 1 <= min_n <= max_n:
        raise ValueError(f"min_n and max_n must be 1 ≤ min_n ≤ max_n, got {min_n} and {max_n}")
    marked = f"<{word}>"
    ngrams = []
    for n in range(min_n, max_n + 1):
        for i in range(len(marked) - n + 1):
            if n > 1 or 0 < i <= len(word):
                ngrams.append(marked[i : i + n])
    return ngrams
    ### END SOLUTION


# %% [markdown] hints="fasttext_ngrams"
r"""
1. At which place does the last n-gram of length n begin in a string of length m?
2. Put the marks on, loop over the lengths, and inside over the places where an n-gram of that length can begin. For n = 1, the first and the last place hold a mark.
3. `for n in range(min_n, max_n + 1):` and inside `for i in range(len(marked) - n + 1):`
"""


# %% cases="fasttext_ngrams" active="py"
def cases(seed):
    yield Case({"word": "cat", "min_n": 3, "max_n": 4}, note="the example")
    yield Case({"word": "cat", "min_n": 1, "max_n": 2}, note="single letters")
    yield Case({"word": "eee", "min_n": 2, "max_n": 2}, note="the same letters")
    yield Case({"word": "a"}, note="one letter, default lengths")
    yield Case({"word": "mäuse", "min_n": 4, "max_n": 5}, note="a letter of two bytes")
    letters = "abcde<>"
    for n, low, high in ((4, 2, 3), (6, 3, 6), (9, 1, 4)):
        word = "".join(letters[i] for i in random_integers(seed + n, 0, 5, n).tolist())
        yield Case({"word": word, "min_n": low, "max_n": high}, note="random letters")
    yield Case({"word": "mouse"}, note="default lengths")
    yield Case({"word": "a<b", "min_n": 1, "max_n": 1}, note="a mark inside the word is a letter")
    yield Case({"word": "cat", "min_n": 0, "max_n": 2}, note="length 0")
    yield Case({"word": "cat", "min_n": 4, "max_n": 3}, note="lengths the wrong way round")


# %% mistake="fasttext_ngrams" name="no_marks" hint="The marks < and > are missing." active="py"
def fasttext_ngrams(word, min_n=3, max_n=6):
    return [word[i : i + n] for n in range(min_n, max_n + 1) for i in range(len(word) - n + 1)]


# %% mistake="fasttext_ngrams" name="max_left_out" hint="The longest n-grams are missing: range leaves out its end." active="py"
def fasttext_ngrams(word, min_n=3, max_n=6, right=fasttext_ngrams):
    return right(word, min_n, max_n - 1) if max_n > min_n else []


# %% mistake="fasttext_ngrams" name="marks_alone" hint="With min_n = 1, a mark alone is no n-gram of the word." active="py"
def fasttext_ngrams(word, min_n=3, max_n=6):
    marked = f"<{word}>"
    return [marked[i : i + n] for n in range(min_n, max_n + 1) for i in range(len(marked) - n + 1)]


# %% mistake="fasttext_ngrams" name="a_set" hint="An n-gram that occurs twice must be there twice: the vector is a mean over all." active="py"
def fasttext_ngrams(word, min_n=3, max_n=6, right=fasttext_ngrams):
    return list(dict.fromkeys(right(word, min_n, max_n)))


# %% mistake="fasttext_ngrams" name="by_place" hint="All n-grams are there, in another order: all of the shortest length first." active="py"
def fasttext_ngrams(word, min_n=3, max_n=6):
    marked = f"<{word}>"
    found = [(i, n) for i in range(len(marked)) for n in range(min_n, max_n + 1) if i + n <= len(marked)]
    return [marked[i : i + n] for i, n in found if n > 1 or 0 < i <= len(word)]


# %% [markdown]
r"""
Take every sentence with *gardeners*, *rabbits*, *squirrels* or *teachers* out of the text, train with subwords, and ask for the vectors of these four.
"""

# %%
unseen = ("gardeners", "rabbits", "squirrels", "teachers")
rest = [story for story in stories(0) if not set(unseen) & set(story)]
small = Vocabulary.from_sentences(rest, min_count=budget(full=5, short=1))
nearest_unseen = {word: [] for word in unseen}
for seed in SEEDS:
    generator = torch.Generator().manual_seed(seed)
    table = embeddings.SubwordTable(small.words, 32, generator, n_buckets=5000, max_n=5)
    options = {"window": 2, "epochs": EPOCHS, "inputs": table}
    for _ in Word2Vec(small.encode(rest), small, 32, generator, **options):
        pass
    wv = WordVectors(small.words, table.vectors())
    for word in unseen:
        found = wv.nearest_neighbours(table.vector(word), 4)
        nearest_unseen[word].append([name for name, _ in found])
for word, found in nearest_unseen.items():
    print(f"{word:10}", *[", ".join(names) for names in found], sep="  |  ")
singulars = sum(found[0] == word[:-1] for word in unseen for found in nearest_unseen[word])

# %% [markdown]
r"""
Never seen, and near *gardener*, *rabbit*, *squirrel*, *teacher*: the nearest neighbour is the singular in {{12 = singulars}} of 12 trials (four words, three seeds). But look closer: these are neighbours by **spelling**. The words are plurals, and most of their neighbours
are not; *teaches* is near *teachers* although nobody would confuse a verb with a noun. Pieces help where related words look alike, and mislead where they only look alike.

## 7 · Near, and nearer

The lengths of vectors differ, with how often a word occurs among other things, so one compares directions, by the ***cosine similarity*** $\cos(a, b) = a \cdot b / (\lVert a \rVert \lVert b \rVert)$.
**By hand:** $(1, 0)$ and $(1, 1)$ have the cosine $1/\sqrt 2 = {{0.707 = 1 / math.sqrt(2)}}$; so do $(1, 0)$ and $(5, 5)$.

### Exercise · nearest_neighbours
"""


# %% exercise="nearest_neighbours" points=3 withheld="course_lib.embeddings.neighbours.nearest_neighbours course_lib.embeddings.neighbours.cosine_similarities course_lib.embeddings.word_vectors.WordVectors course_lib.embeddings.neighbours.analogy"
def nearest_neighbours(
    vectors: Tensor, query: Tensor, k: int = 10, exclude: tuple | list = ()
) -> tuple[Tensor, Tensor]:
    """Return the k vectors that point most nearly in the direction of the query.

    vectors  (V, D), left as they are
    query    (D,), of any length but 0
    k        how many; fewer are returned if V without the excluded is less
    exclude  ids that must not be returned, such as that of the query
    returns  cosines (k,), falling, and ids (k,) int64. A vector of zeros has the cosine 0

    Raises ValueError when k is below 1.

    Example: vectors [[1., 0.], [1., 1.], [0., 5.]], query [1., 0.], k = 2 and exclude = [0] give
    cosines [0.7071, 0.] and ids [1, 2].
    """
    ### BEGIN SOLUTION
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    cosines = F.normalize(vectors, dim=-1) @ F.normalize(query, dim=-1)
    allowed = torch.ones(len(vectors), dtype=torch.bool)
    allowed[list(exclude)] = False
    ids = allowed.nonzero().squeeze(-1)
    values, places = cosines[ids].topk(min(k, len(ids)))
    return values, ids[places]
    ### END SOLUTION


# %% [markdown] hints="nearest_neighbours"
r"""
1. Which numbers must be divided by which lengths, and what happens to a vector of zeros? If you set excluded cosines to a low number, can they still come back?
2. Normalise the vectors and the query, and multiply. Keep a list of the ids that are allowed, take the largest among those, and turn places in that list into ids.
3. `values, places = cosines[ids].topk(min(k, len(ids)))`, where `ids` are the allowed ones.
"""


# %% cases="nearest_neighbours" active="py"
def cases(seed):
    small = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 5.0]])
    yield Case({"vectors": small, "query": small[0], "k": 2, "exclude": [0]}, note="the example")
    yield Case({"vectors": small, "query": 3 * small[0], "k": 1}, note="nothing excluded, a long query")
    yield Case({"vectors": small, "query": small[1] + small[0], "exclude": (1,)}, note="fewer than k")
    zeros = torch.tensor([[-1.0, 0.0], [0.0, 0.0], [2.0, 1.0]])
    yield Case({"vectors": zeros, "query": torch.tensor([1.0, 0.0]), "k": 3}, note="a vector of zeros")
    for n, d, k in ((6, 3, 2), (9, 4, 5), (14, 2, 3)):
        scale = torch.logspace(-2, 2, n)[:, None]
        vectors = random_tensor(seed + n, n, d) * scale
        drop = random_integers(seed + n, 0, n, 2).tolist()
        yield Case({"vectors": vectors, "query": random_tensor(seed + d, d), "k": k, "exclude": drop}, note="random")
    yield Case({"vectors": random_tensor(seed, 13, 3), "query": random_tensor(seed + 1, 3)}, note="default k")
    yield Case({"vectors": small, "query": small[0], "k": 0}, note="k = 0")


# %% equivalents="nearest_neighbours" active="py"
equivalents = {
    "F.normalize(vectors, dim=-1) → F.normalize(vectors)": "its default is dimension 1, the last of a matrix",
    "F.normalize(query, dim=-1) → F.normalize(query, dim=0)": "a vector has one dimension",
}


# %% mistake="nearest_neighbours" name="dot_product" hint="You compare dot products, so long vectors win. Divide by both lengths." active="py"
def nearest_neighbours(vectors, query, k=10, exclude=()):
    ids = torch.tensor([i for i in range(len(vectors)) if i not in exclude])
    values, places = (vectors @ query)[ids].topk(min(k, len(ids)))
    return values, ids[places]


# %% mistake="nearest_neighbours" name="query_not_normalised" hint="The order is right, the cosines are not: divide by the length of the query as well." active="py"
def nearest_neighbours(vectors, query, k=10, exclude=(), right=nearest_neighbours):
    values, ids = right(vectors, query, k, exclude)
    return values * query.norm(), ids


# %% mistake="nearest_neighbours" name="places_for_ids" hint="You return places among the words that are left, not ids of all words." active="py"
def nearest_neighbours(vectors, query, k=10, exclude=(), right=nearest_neighbours):
    keep = [i for i in range(len(vectors)) if i not in exclude]
    return right(vectors[keep], query, k)


# %% mistake="nearest_neighbours" name="nothing_excluded" hint="You ignore exclude." active="py"
def nearest_neighbours(vectors, query, k=10, exclude=(), right=nearest_neighbours):
    return right(vectors, query, k)


# %% mistake="nearest_neighbours" name="excluded_come_last" hint="Excluded words come back when k is large. Take them out, rather than give them a low cosine." active="py"
def nearest_neighbours(vectors, query, k=10, exclude=()):
    if k < 1:
        raise ValueError("k must be at least 1")
    cosines = F.normalize(vectors, dim=-1) @ F.normalize(query, dim=-1)
    cosines[list(exclude)] = -2.0
    return cosines.topk(min(k, len(vectors)))


# %%
nearest = yours("embeddings.nearest_neighbours", embeddings.nearest_neighbours)
wide = made["skip-gram, window 5"][0]
for word in ("mouse", "Tower", "ate", "Monday", "baker"):
    i = wide.ids[word]
    cosines, ids = nearest(wide.vectors, wide.vectors[i], 4, [i])
    found = zip(cosines.tolist(), ids.tolist())
    print(f"{word:8}", ", ".join(f"{wide.words[j]} {cosine:.2f}" for cosine, j in found))

# %% [markdown]
r"""
## 8 · Analogies, and a rule in half a sentence

*Baker* is to *bakers* as *cook* is to …? Mikolov et al. (2013c) answered such an ***analogy*** with arithmetic: the word nearest to

$$\hat b - \hat a + \hat c, \qquad a = \textit{baker},\ b = \textit{bakers},\ c = \textit{cook},$$

each vector of length 1. Then comes the rule: **$a$, $b$ and $c$ themselves are not allowed as the answer.** The famous *king − man + woman = queen* is told without it.

### Exercise · analogy
"""


# %% exercise="analogy" points=2 needs="nearest_neighbours" withheld="course_lib.embeddings.neighbours.analogy course_lib.embeddings.word_vectors.WordVectors"
def analogy(vectors: Tensor, a: int, b: int, c: int, k: int = 1) -> tuple[Tensor, Tensor]:
    """Return the k best answers to: a is to b as c is to … what?

    vectors  (V, D), none of them zero; left as they are
    a, b, c  ids; they themselves are never the answer
    k        how many answers
    returns  cosines (k,) with b − a + c, falling, where each of the three was first made of length
             1; and ids (k,) int64

    Example: a, b, c = 0, 1, 2 and vectors [[1., 1., 0.], [0., 1., 0.], [1., 0., 1.], [0., 0., 1.],
    [1., 1., 1.]] give the id 3.
    """
    ### BEGIN SOLUTION
    unit_a, unit_b, unit_c = F.normalize(vectors[[a, b, c]], dim=-1)
    return nearest_neighbours(vectors, unit_b - unit_a + unit_c, k, (a, b, c))
    ### END SOLUTION


# %% [markdown] hints="analogy"
r"""
1. Write b : a = d : c with differences instead of ratios. What is d? Which of the exercises so far finds the word nearest to a vector?
2. Make the three vectors of length 1, add and subtract, and look for neighbours of the result without the three.
3. `nearest_neighbours(vectors, …, k, (a, b, c))`
"""


# %% cases="analogy" active="py"
def cases(seed):
    vectors = torch.tensor([[1.0, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1], [1, 1, 1]])
    yield Case({"vectors": vectors, "a": 0, "b": 1, "c": 2}, note="the example")
    yield Case({"vectors": vectors, "a": 2, "b": 3, "c": 0, "k": 2}, note="two answers")
    for n, d, k in ((8, 3, 2), (12, 5, 1), (9, 4, 4)):
        scale = torch.logspace(-1, 1, n)[torch.randperm(n, generator=generator(seed + n))][:, None]
        a, b, c = torch.randperm(n, generator=generator(seed + d))[:3].tolist()
        case = {"vectors": random_tensor(seed + n, n, d) * scale, "a": a, "b": b, "c": c, "k": k}
        yield Case(case, note="random vectors")


# %% equivalents="analogy" active="py"
equivalents = {
    "F.normalize(vectors[[a, b, c]], dim=-1) → F.normalize(vectors[[a, b, c]])": "its default is dimension 1, the last of a matrix",
}


# %% mistake="analogy" name="sign" hint="You computed a − b + c: the way from b to a. It is b − a + c." active="py"
def analogy(vectors, a, b, c, k=1, right=analogy):
    return right(vectors, b, a, c, k)


# %% mistake="analogy" name="not_unit" hint="Make the three vectors of length 1 before you add them, or the longest decides." active="py"
def analogy(vectors, a, b, c, k=1):
    return nearest_neighbours(vectors, vectors[b] - vectors[a] + vectors[c], k, (a, b, c))


# %% mistake="analogy" name="query_words_allowed" hint="a, b and c must not be among the answers." active="py"
def analogy(vectors, a, b, c, k=1):
    unit_a, unit_b, unit_c = F.normalize(vectors[[a, b, c]], dim=-1)
    return nearest_neighbours(vectors, unit_b - unit_a + unit_c, k)


# %% mistake="analogy" name="only_c_excluded" hint="You exclude c only. b is often nearest, and a must not come back either." active="py"
def analogy(vectors, a, b, c, k=1):
    unit_a, unit_b, unit_c = F.normalize(vectors[[a, b, c]], dim=-1)
    return nearest_neighbours(vectors, unit_b - unit_a + unit_c, k, (c,))


# %% [markdown]
r"""
Ask all questions of the kind *Tower is to Paris as Colosseum is to …* (landmark and city), and of the kinds *baker : bakers* and *mouse : mice*. Three ways: with the rule, without it, and **without any arithmetic**: the word nearest to $c$, with the three excluded.
"""


# %%
def asked(wv, pairs):
    """Share of each answer: with the rule, without it, and for the neighbour of c alone."""
    unit = F.normalize(wv.vectors, dim=-1)
    pairs = [(wv.ids[x], wv.ids[y]) for x, y in pairs if x in wv and y in wv]
    a, b, c, d = torch.tensor([(*p, *q) for p in pairs for q in pairs if p != q]).T
    places, shares = torch.arange(len(a)), {}
    for name, target, rule in (
        ("rule: a, b, c excluded", unit[b] - unit[a] + unit[c], True),
        ("all words allowed", unit[b] - unit[a] + unit[c], False),
        ("no arithmetic: nearest to c", unit[c], True),
    ):
        scores = target @ unit.T
        if rule:
            for excluded in (a, b, c):
                scores[places, excluded] = -9.0
        best = scores.argmax(-1)
        share = {"right": best == d, "c itself": best == c, "b itself": best == b}
        shares[name] = {answer: hit.float().mean().item() for answer, hit in share.items()}
        shares[name]["another word"] = 1 - sum(shares[name].values())
    return shares


# %%
relations = {
    "landmark : city": [(place.split()[-1], city) for place, city in LANDMARKS.items()],
    "baker : bakers": [tuple(row.split()[:2]) for row in TRADES.strip().splitlines()],
    "mouse : mice": [tuple(row.split()[:2]) for row in ANIMALS.strip().splitlines()],
}
replies = {}
for window in (1, 5):
    for relation, pairs in relations.items():
        runs = [asked(wv, pairs) for wv in made[f"skip-gram, window {window}"]]
        replies[window, relation] = {
            way: {answer: sum(run[way][answer] for run in runs) / 3 for answer in share}
            for way, share in runs[0].items()
        }
        shares = replies[window, relation].items()
        right = "  ".join(f"{way} {share['right']:.2f}" for way, share in shares)
        print(f"window {window}  {relation:16} {right}")
city, trade = replies[5, "landmark : city"], replies[5, "baker : bakers"]
title = "Landmark and city: without the rule, the answer is c"
shares = ", ".join(f"{way}: {share['right']:.2f} right" for way, share in city.items())
show(figures.answers(city, title), alt=f"What analogies of landmarks and cities answer. {shares}.")

# %% [markdown]
r"""
Window 5, means of three seeds. The third way answers what nobody asked, and should be wrong:

- With the rule, {{0.80 = city["rule: a, b, c excluded"]["right"] ± 0.05}} of the landmarks find their city. With all words allowed, {{0.22 = city["all words allowed"]["right"] ± 0.06}}, and in {{most : city["all words allowed"]["c itself"] > 0.5}} questions the answer is $c$ itself: *Colosseum*. The rule earned most of the score (Linzen 2016 found the like in English), and **without any arithmetic**, {{0.71 = city["no arithmetic: nearest to c"]["right"] ± 0.15}} are right.
- For trades, {{0.99 = trade["rule: a, b, c excluded"]["right"] ± 0.03}} with the rule, and {{0.83 = trade["no arithmetic: nearest to c"]["right"] ± 0.1}} without arithmetic: singular and plural of a trade are near anyway, because they share their work. The score says that neighbours are near, more than that differences are parallel.
- Animals contradict a sweeping verdict: {{0.89 = replies[5, "mouse : mice"]["all words allowed"]["right"] ± 0.06}} right with all words allowed. Here the arithmetic does work.
- It hangs on the window: with 1, the rule lets {{0.12 = replies[1, "mouse : mice"]["rule: a, b, c excluded"]["right"] ± 0.08}} of the animals through, with 5 {{0.97 = replies[5, "mouse : mice"]["rule: a, b, c excluded"]["right"] ± 0.03}}. By purity, window 1 was in front.

So report analogies with the baseline “nearest to $c$” and with the rule said aloud.
"""

# %% [markdown]
r"""
### Intrinsic and extrinsic

Purity and analogies are ***intrinsic evaluation***: they look at the vectors themselves. On real English one also compares cosines with people's judgements of similarity (`embeddings.word_similarity`; `course_lib.data.downloads` fetches WordSim-353 and published vectors, if you ask for them), or clusters.
***Extrinsic evaluation*** looks at a task that uses the vectors. It is what counts in the end, and need not agree.

A task: is a sentence about an animal, a trade or a landmark? There are 20 labelled sentences. A sentence is the mean of its words' vectors, the classifier is ridge regression ([06](06_regularization.ipynb)) to one-hot labels.
"""

# %%
topic = {word: 0 for row in ANIMALS.strip().splitlines() for word in row.split()[:2]}
topic |= {word: 1 for row in TRADES.strip().splitlines() for word in row.split()[:2]}
topic |= {place.split()[-1]: 2 for place in LANDMARKS}


def labelled(seed, n):
    """Sentences, each with the kind of its first noun or landmark."""
    found = [(story, [topic[w] for w in story if w in topic]) for story in stories(seed, 2 * n)]
    return [(story, labels[0]) for story, labels in found if labels][:n]


def classified(wv, seed, n_labels=20):
    """The share of 1,000 sentences that a classifier from a few labels gets right."""
    examples = labelled(100 + seed, n_labels + 1000)
    unit = F.normalize(wv.vectors.double(), dim=-1)
    bags = [unit[[wv.ids[w] for w in story if w in wv]].mean(0) for story, _ in examples]
    x, y = torch.stack(bags), torch.tensor([label for _, label in examples])
    x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
    seen, targets = x[:n_labels], F.one_hot(y[:n_labels], 3).double()
    ridge = 0.01 * torch.eye(x.size(1)).double()
    weights = torch.linalg.solve(seen.T @ seen + ridge, seen.T @ targets)
    return ((x[n_labels:] @ weights).argmax(-1) == y[n_labels:]).double().mean().item()


# %%
words = made["skip-gram, window 2"][0].words
dice = [torch.Generator().manual_seed(seed) for seed in SEEDS]
baselines = {
    "one-hot": [WordVectors(words, torch.eye(len(words)))] * 3,
    "random": [WordVectors(words, torch.randn(len(words), 32, generator=one)) for one in dice],
}
accuracy = {}
for name, some in (baselines | made).items():
    accuracy[name] = [classified(wv, seed) for wv, seed in zip(some, SEEDS)]
mean_accuracy = {name: sum(values) / 3 for name, values in accuracy.items()}
for name, values in accuracy.items():
    inside = f"purity {mean_purity[name]:.2f}" if name in mean_purity else ""
    print(f"{name:20} right: {'  '.join(f'{value:.2f}' for value in values)}   {inside}")

# %% [markdown]
r"""
Learned vectors help: skip-gram (window 2) gets {{0.90 = mean_accuracy["skip-gram, window 2"] ± 0.03}}, one-hot vectors, which share nothing between words, {{0.72 = mean_accuracy["one-hot"] ± 0.03}}, random ones {{0.58 = mean_accuracy["random"] ± 0.05}}. The best in this task {{is not : max(made, key=mean_accuracy.get) != max(made, key=mean_purity.get)}} the best by purity: {{GloVe, last by purity, : min(mean_purity, key=mean_purity.get) == "GloVe"}} gets {{0.91 = mean_accuracy["GloVe"] ± 0.03}}, and skip-gram with window 1,
first by purity, {{0.90 = mean_accuracy["skip-gram, window 1"] ± 0.03}}. Among the learned ones all are within {{0.04 = max(mean_accuracy[n] for n in made) - min(mean_accuracy[n] for n in made) ± 0.03}}, and seeds of one method differ {{by as much : max(max(accuracy[n]) - min(accuracy[n]) for n in made) > 0.04}}: this task does not rank them.
"""

# %% [markdown]
r"""
## 9 · What the text was unfair about, the vectors are

Vectors repeat the habits of their text. In vectors trained on news and on web pages, occupations lean towards *he* or *she* (Bolukbasi et al. 2016; Caliskan et al. 2017). Our toy text has no such habit, so we **construct** one, to know the truth: 300 sentences for each of ten trades, *the baker says that she met the cook*. For five trades 90 % say *she*, for the other five 10 %. The control says *she* in half of all.

Three measures of such a ***social bias***, each as the mean of the first five trades minus that of the others:

- **counts**: $\ln n(\text{trade}, \text{she}) - \ln n(\text{trade}, \text{he})$, in the text itself;
- **prediction**: $u_{\text{trade}} \cdot (v_{\text{she}} - v_{\text{he}})$, what the model says of neighbours;
- **similarity**: $\cos(u_{\text{trade}}, u_{\text{she}}) - \cos(u_{\text{trade}}, u_{\text{he}})$, between vectors as one uses them.
"""

# %%
trades = [row.split()[0] for row in TRADES.strip().splitlines()]
leaning = trades[::2]


def constructed(seed, share):
    """Sentences of which `share` say “she” for the leaning trades, and 1 − share for the others."""
    generator, sentences = torch.Generator().manual_seed(seed), []
    for trade in trades:
        p = share if trade in leaning else 1 - share
        for u, other in torch.rand(budget(full=300, short=20), 2, generator=generator).tolist():
            who, met = "she" if u < p else "he", trades[int(other * len(trades))]
            sentences.append(f"the {trade} says that {who} met the {met}".split())
    return [sentences[i] for i in torch.randperm(len(sentences), generator=generator)]


# %%
def gaps(seed, share):
    """The lean of the text, of the model's predictions, and of cosines between vectors."""
    sentences = stories(seed)[:10_000] + constructed(seed, share)
    vocabulary, model = train(sentences, seed, window=5)
    text = vocabulary.encode(sentences)
    near = embeddings.cooccurrences(text, len(vocabulary), 5, harmonic=False).to_dense()
    pronouns, rows = ([vocabulary.ids[word] for word in some] for some in (["she", "he"], trades))
    u, v = model.inputs.rows, model.outputs.rows
    unit = F.normalize(u, dim=-1)
    leans = []  # (trades, she or he); counts get 1 more, or a pair that never occurs would be −∞
    leans.append((near[rows][:, pronouns] + 1).log())
    leans.append(u[rows] @ v[pronouns].T)
    leans.append(unit[rows] @ unit[pronouns].T)
    leans = [x[:, 0] - x[:, 1] for x in leans]
    return [(x[::2].mean() - x[1::2].mean()).item() for x in leans]


# %%
biased, control = ([gaps(seed, share) for seed in SEEDS] for share in (0.9, 0.5))
for name, rows in (("90 % against 10 %", biased), ("half and half", control)):
    for measure, values in zip(("counts", "prediction", "similarity"), zip(*rows)):
        print(f"{name:18} {measure:11}" + "  ".join(f"{value:+.3f}" for value in values))

# %% [markdown]
r"""
The lean is found, and is {{larger than the control's on every seed : all(min(b[i] for b in biased) > max(c[i] for c in control) for i in (1, 2))}}. In the counts it is {{1.66 = sum(b[0] for b in biased) / 3 ± 0.1}} nats, in the model's predictions {{1.05 = sum(b[1] for b in biased) / 3 ± 0.2}}: this model {{understates : sum(b[1] for b in biased) < sum(b[0] for b in biased)}} its text. In cosines it is {{0.04 = sum(b[2] for b in biased) / 3 ± 0.02}}, a number that one would overlook.

Two warnings. The control shows how large a gap chance makes; without it, one lucky word is an anecdote. And an analogy is a poor test of bias: *man is to doctor as woman is to* … **cannot** answer *doctor*, because of the rule (Nissim et al. 2020).

Taking the direction she − he out of all vectors lowers such numbers, and leaves words of one lean clustered together (Gonen and Goldberg 2019).
"""

# %% [markdown]
r"""
## 10 · Find the bugs

A colleague wrote the loss of CBOW for a batch of padded neighbours. It runs and its loss falls, but the vectors are poor: short sentences learn slowly, neighbours are found where none should be, and now and then the loss is infinite.
"""


# %% exercise="cbow_loss" points=3 parts={"first":1,"second":1,"third":1} withheld="course_lib.embeddings.word2vec.cbow_gradients course_lib.embeddings.word2vec.negative_sampling_loss course_lib.embeddings.word2vec.skipgram_gradients"
def cbow_loss(contexts: Tensor, mask: Tensor, centres: Tensor, negatives: Tensor) -> Tensor:
    """Return the mean over B examples of −ln σ(m·c) − Σₖ ln σ(−m·nₖ), in nats.

    contexts   (B, S, D) vectors of the neighbours
    mask       (B, S) boolean, True = a neighbour, False = filler; at least one True a row.
               Filler may hold any finite numbers
    centres    (B, D) c, vectors of the words in the middle
    negatives  (B, K, D) n, vectors of K words drawn for each example
    returns    scalar: mean over examples, sum over negatives; m is the mean over a row's
               neighbours. Finite for scores of hundreds
    """
    ### BEGIN SOLUTION
    real = mask.unsqueeze(-1)
    bags = (contexts * real).sum(1) / real.sum(1)
    positive = (bags * centres).sum(-1)
    negative = (negatives * bags[:, None]).sum(-1)
    return -(F.logsigmoid(positive) + F.logsigmoid(-negative).sum(-1)).mean()
    ### END SOLUTION
    ### BEGIN STARTER
    # bags = contexts.mean(1)
    # positive = (bags * centres).sum(-1)
    # negative = (negatives * bags[:, None]).sum(-1)
    # return -(positive.sigmoid().log() + negative.sigmoid().log().sum(-1)).mean()
    ### END STARTER


# %% [markdown] hints="cbow_loss"
r"""
1. Which argument is never used? What does a made-up pair add to this loss if its score rises? What is the logarithm of σ(−200) in single precision?
2. Compare each line with the docstring: the mean over neighbours, the sign of the second term, and a function that gives ln σ at once.
3. `bags = (contexts * mask.unsqueeze(-1)).sum(1) / …`
"""


# %% cases="cbow_loss" active="py"
def cases(seed):
    full = torch.ones(2, 3, dtype=torch.bool)
    x, c = random_tensor(seed, 2, 3, 4), random_tensor(seed + 1, 2, 4)
    n = random_tensor(seed + 2, 2, 5, 4)
    some = torch.tensor([[True, False, False], [True, True, False]])
    nothing = torch.zeros(2, 5, 4)
    yield Case({"contexts": x, "mask": some, "centres": c, "negatives": nothing}, note="filler", part="first")
    y, d = random_tensor(seed + 3, 3, 4, 2), random_tensor(seed + 4, 3, 2)
    ragged = torch.arange(4) < torch.tensor([[1], [4], [2]])
    case = {"contexts": y, "mask": ragged.flip(1), "centres": d, "negatives": torch.zeros(3, 2, 2)}
    yield Case(case, note="filler on the left", part="first")
    yield Case({"contexts": x, "mask": full, "centres": c, "negatives": n}, note="no filler", part="second")
    case = {"contexts": y, "mask": ragged | True, "centres": d, "negatives": random_tensor(seed + 5, 3, 2, 2)}
    yield Case(case, note="no filler, other sizes", part="second")
    x = x.abs() + 1
    case = {"contexts": x, "mask": full, "centres": -100 * (c.abs() + 1), "negatives": nothing}
    yield Case(case, note="scores of hundreds", part="third")
    both = torch.cat([x, x]), torch.cat([full, full]), torch.cat([-90 * x[:, 0], 9 * x[:, 0]])
    case = dict(zip(("contexts", "mask", "centres"), both)) | {"negatives": torch.zeros(4, 1, 4)}
    yield Case(case, note="high and low scores", part="third")


# %% mistake="cbow_loss" name="zeros_counted" hint="The filler no longer adds to the sum, but is still counted: divide by the number of real neighbours in each row." active="py"
def cbow_loss(contexts, mask, centres, negatives, right=cbow_loss):
    share = mask.float().mean(1)[:, None]
    return right(contexts, mask, centres * share, negatives * share[..., None])


# %% mistake="cbow_loss" name="sign_left" hint="A made-up pair must lose when its score rises: the second term is ln σ(−m·n)." active="py"
def cbow_loss(contexts, mask, centres, negatives, right=cbow_loss):
    return right(contexts, mask, centres, -negatives)


# %% mistake="cbow_loss" name="log_of_sigmoid" hint="σ of a score of −200 is 0 in single precision, and its logarithm −∞. F.logsigmoid has no such detour." active="py"
def cbow_loss(contexts, mask, centres, negatives):
    real = mask.unsqueeze(-1)
    bags = (contexts * real).sum(1) / real.sum(1)
    positive = (bags * centres).sum(-1)
    negative = (negatives * bags[:, None]).sum(-1)
    return -(positive.sigmoid().log() + (-negative).sigmoid().log().sum(-1)).mean()


# %% [markdown] exercise="count_or_predict" points=3
r"""
## 11 · In your own words

### In your own words · count_or_predict

Interview question. “Word2vec learns meaning, counting does not.” Explain what skip-gram with $K$ negatives computes at its optimum, under which assumptions, and what your measurements say about the claim.

### BEGIN SOLUTION
For one pair the loss collects $-n(w,c) \ln \sigma(x) - K n(w) q(c) \ln \sigma(-x)$ with $x = u_w \cdot v_c$. Its derivative is zero where $e^x = n(w, c) / (K n(w) q(c))$. If negatives are drawn in proportion to counts, $x = \mathrm{PMI}(w, c) - \ln K$: the vectors factorise a shifted matrix of counts.

Assumptions: each pair's score can be chosen freely (D large enough), and q is the distribution of contexts (with the ¾ power another shift remains). With small D the fit is a compromise that weighs frequent pairs more.

Measured on three seeds: with as many numbers a word, PPMI + SVD came close to skip-gram in purity, and the window mattered more than that difference. So the claim is false as it stands. Prediction has other merits: it never builds a V × V matrix, and reads the text as a stream.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: PMI minus ln K, from the derivative or as a cited result
- 1 point: the assumptions (free scores or large D; the noise distribution)
- 1 point: a measurement against the claim, and a true advantage of prediction
### END RUBRIC
"""

# %% [markdown] exercise="honest_analogies" points=2
r"""
### In your own words · honest_analogies

A report says “our vectors solve 80 % of analogies, so they have learned relations as directions”. Name two things that you would ask for before you believe it, and say what each could show.

### BEGIN SOLUTION
First, the score with all words allowed, and how often the answer is c or b. If it collapses, the rule that excludes the query words did most of the work. Second, the baseline without arithmetic: the nearest word to c, with the same exclusion. If that scores nearly the same, the pairs are simply near each other, and no parallel difference is needed.
Also good: scores by relation, several seeds, and the share of questions left out because a word has no vector.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: the score without the exclusion of a, b and c, and what a collapse shows
- 1 point: the baseline “nearest to c” (or scores by relation, or seeds), and what it shows
### END RUBRIC
"""

# %% [markdown]
r"""
## 12 · Where this came from, and where it goes

- **Harris (1954)**, *Distributional Structure*; **Firth (1957)**: words by their company.
- **Mikolov et al. (2013a, b)**: word2vec; **(2013c)**: analogies. **Pennington et al. (2014)**: GloVe. **Bojanowski et al. (2017)**: fastText.
- **Levy and Goldberg (2014)**, *Neural Word Embedding as Implicit Matrix Factorization*; **Levy, Goldberg and Dagan (2015)**: settings matter more than methods. **Linzen (2016)**: the exclusion.
- **Bolukbasi et al. (2016)**, **Caliskan et al. (2017)**, **Gonen and Goldberg (2019)**, **Nissim et al. (2020)**: bias, and how not to measure it.

**One vector a word is a limit.** *fish* is eaten by cats and fried by cooks, and gets one point between. Models from [09 RNN](09_rnn.ipynb) to [12 Attention](12_attention.ipynb) compute a vector for each word *in its sentence*. They begin with a table such as yours, learned along with everything else. The table is bound to the ids of its tokenizer ([02 Tokenization](02_tokenization.ipynb)): with other ids, its rows are other words'.

Next: [08](08_neural_ngrams.ipynb), *what if the table were a network?*, puts the table into a language model.
"""

# %%
flash_cards("07_embeddings")
