# ---
# jupyter:
#   course:
#     title: What if the model may look both ways?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# What if the model may look both ways?

*the ▢ eats cheese*. Who is it? The GPT of lesson 15 must say so after reading *the*. You read on, find *eats* and *cheese*, and go back. The picture shows what our toy language itself knows about the hole, exactly: from the words before it, and from the words on both sides.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks import check, show_answer, yours

torch.set_printoptions(precision=4, sci_mode=False)
IGNORED = -100  # the label of a place that the model is not asked about, as in PyTorch

# %%
import copy
import time

from course_lib import bert, lora, scoreboard
from course_lib.attention import causal_mask, padding_mask
from course_lib.bert import BERT, BERTConfig, Classifier, MaskedLM
from course_lib.budget import budget
from course_lib.data import cloze
from course_lib.figures import bert as figures
from course_lib.figures.style import show
from course_lib.language_model import count_parameters
from course_lib.train import Trainer
from course_lib.widgets.bert import hole_explorer
from course_lib.widgets.cards import flash_cards
from course_lib.widgets.predict import predict_choice

torch.set_num_threads(1)  # matrices this small are faster on one core
language, words = scoreboard.language(), cloze.names(scoreboard.language())

# %%
question = language.encode("the mouse eats cheese <eos>")
from_left = language.next_token_probs(question[:1])
from_both = cloze.hole_probs(language, question, 1)
show(
    figures.beliefs(
        "the ▢ eats cheese",
        language.vocabulary,
        {"after “the”": from_left, "knowing both sides": from_both},
    ),
    alt=f"The mouse: {from_left[question[1]]:.0%} from the left, {from_both[question[1]]:.0%} from both.",
)

# %% [markdown]
r"""
## What you will be able to do

- write what BERT, T5 and ELECTRA ask a text, and the loss of the first;
- measure what the words after a hole are worth, and what a masked model pays for them;
- say what 80/10/10 is for, with a measurement;
- put a classifier on a pretrained model, and fine-tune it in three ways: all of it, a LoRA, the head alone;
- name what each model of the family changed, from ELMo to T5.

**Time** about 90 minutes; what is marked optional comes on top. **Builds on** [14 Transformer](14_transformer.ipynb) (the encoder layer), [15 GPT](15_gpt.ipynb) (the causal model) and [02 Tokenization](02_tokenization.ipynb) (WordPiece, which BERT reads).
**Sizes** B sentences, T tokens, V words, `d_model`, C classes; $r$ is the rank of a LoRA.
"""

# %% [markdown]
r"""
## 1 · The other half of the Transformer

Lesson 15 kept the decoder. ***BERT*** (Devlin et al. 2019) keeps the *encoder* of [lesson 14](14_transformer.ipynb): there is no causal mask, so each state knows the whole sentence. This is the difference that all the others follow from.

| | GPT, lesson 15 | BERT |
|---|---|---|
| a token sees | itself and what is before it | all tokens but padding |
| is asked | what comes next, at every place | what is hidden, at some places |
| logits at place $t$ speak of | token $t + 1$ | token $t$ |
| first token | none needed | [CLS], the place where the sentence is summed up |
| norm | pre-norm | post-norm, and one over the embeddings |
| is good for | writing | judging and labelling what is written |

The question must change, too. If every token sees every other, *what is the next token?* is answered by looking at it.
"""

# %% [markdown]
r"""
### Question · what_it_learns

You take away a GPT's causal mask and train on with *what is the next token?* at every place. What happens to the loss?

- **a** It falls towards 0, and the model is worthless.
- **b** It falls to the entropy rate, faster than before.
- **c** It stays as it was: the targets did not change.
"""

# %% exercise="what_it_learns" points=1 kind="choice" choices="a b c"
### BEGIN SOLUTION
what_it_learns = "a"
### END SOLUTION

# %% mistake="what_it_learns" name="b" hint="The entropy rate is the floor for those who have not seen the answer. Who sees token t + 1 here?" active="py"
what_it_learns = "b"

# %% mistake="what_it_learns" name="c" hint="The targets did not change, but the inputs of place t did: what is among them now?" active="py"
what_it_learns = "c"

# %% [markdown]
r"""
## 2 · Hide some words, and ask for them

A ***masked language model*** gets the sentence with some tokens hidden, and is asked what they were. Each token is chosen with probability $p$ (0.15 in BERT). Of the chosen tokens

- 80 % become [MASK],
- 10 % become a random word,
- 10 % stay as they are.

All chosen tokens are asked for, also those that look untouched. Why not hide them all? Section 5 measures it.

The special tokens (padding, [CLS], [MASK], the end) are never chosen, and never drawn as the random word. By hand: of 1,000 words $1{,}000 \cdot 0.15 = {{150 = 1000 * 0.15}}$ are asked for; {{120 = 150 * 0.8}} of them are hidden, {{15 = 150 * 0.1}} replaced and {{15 = 150 * 0.1}} left.

### Exercise · mask_tokens
"""


# %% exercise="mask_tokens" parts={"choice": 1, "kinds": 2} points=3 withheld="course_lib.bert.objectives.mask_tokens torch.distributions"
def mask_tokens(
    ids: Tensor,
    vocab_size: int,
    mask_id: int,
    special_ids: list,
    p: float,
    generator: torch.Generator,
) -> tuple:
    """Choose tokens to ask about, and hide 80 % of them.

    ids          (B, T) token ids; not changed
    vocab_size   V
    mask_id      the id of [MASK]; never chosen either, whether or not it is among the special ids
    special_ids  never chosen, and never put anywhere
    p            probability of each other token to be chosen, independently of the others
    generator    of all that is random
    returns      (inputs, labels), both (B, T) int64. Chosen tokens: 80 % mask_id, 10 % a word drawn
                 uniformly from all ids that are neither special nor mask_id, 10 % as they were.
                 labels: the true id where chosen, IGNORED elsewhere

    Raises ValueError when p is not between 0 and 1.
    """
    ### BEGIN SOLUTION
    if not 0 <= p <= 1:
        raise ValueError(f"p must be between 0 and 1, got {p}")
    special = torch.zeros(vocab_size, dtype=torch.bool)
    special[[*special_ids, mask_id]] = True
    chance, kind = torch.rand(2, *ids.shape, generator=generator)
    word = torch.nonzero(~special)[:, 0]
    random = word[torch.randint(len(word), ids.shape, generator=generator)]
    chosen = (chance < p) & ~special[ids]
    inputs = torch.where(chosen & (kind < 0.8), mask_id, ids)
    inputs = torch.where(chosen & (kind > 0.9), random, inputs)
    return inputs, ids.masked_fill(~chosen, IGNORED)
    ### END SOLUTION


# %% [markdown] hints="mask_tokens"
r"""
1. How many random numbers does a token need: one for whether it is chosen, and what else?
2. Two tensors from `torch.rand`: `chance < p` chooses; the second divides the chosen at 0.8 and 0.9. Draw the random words as positions in a list of the ordinary ids.
3. `inputs = torch.where(chosen & (kind < 0.8), mask_id, ids)` is the first of two such lines.
"""


# %% cases="mask_tokens" active="py"
def cases(seed):
    for i, (p, part) in enumerate(((0.3, "choice"), (1.0, "kinds"), (0.6, "kinds"))):
        rules = {"vocab_size": 9, "mask_id": 2, "special_ids": [0, 5], "p": p, "seed": seed + 50 + i}
        drawn = {"ids_drawn_with_seed": seed + i}  # written out, they would fill a file
        yield Case(drawn | rules, note=f"18,000 tokens, p = {p}", part=part)
    for p in (0.0, 1.1, -0.1):
        few = torch.tensor([[1, 3], [4, 6]])
        rules = {"vocab_size": 7, "mask_id": 2, "special_ids": [0], "p": p, "seed": 1}
        yield Case({"ids": few} | rules, note=f"p = {p}", part="choice")


# %% probe="mask_tokens" active="py"
def probe(student, case):
    rules = {key: case[key] for key in ("vocab_size", "mask_id", "special_ids", "p")}
    size = case["vocab_size"]
    if "ids" in case:
        ids = case["ids"]
    else:
        drawn_with = torch.Generator().manual_seed(case["ids_drawn_with_seed"])
        ids = torch.randint(0, 9, (90, 200), generator=drawn_with)
    draws = torch.Generator().manual_seed(case["seed"])
    before = ids.clone()
    inputs, labels = (plain(x) for x in student(ids=ids, generator=draws, **rules))
    again = torch.Generator().manual_seed(case["seed"])
    second, _ = student(ids=before.clone(), generator=again, **rules)
    ids = before
    asked = labels != IGNORED
    wrong = (~asked & (inputs != ids)) | (asked & (labels != ids))
    by_word = lambda x, n: torch.bincount((ids * n + x).flatten(), minlength=size * n).view(size, n)
    out = {
        "asked for, by word": by_word(asked.long(), 2),
        "changed without being asked for, or a wrong label": int(wrong.sum()),
        "the same again with the same generator": bool((second == inputs).all()),
    }
    return out if case["p"] == 0.3 else out | {"what each word became": by_word(inputs, size)}


# %% judge="mask_tokens" active="py"
def judge(case, expected, got):
    if not isinstance(expected, dict):
        return compare(expected, got)
    counts = [key for key in expected if key in ("asked for, by word", "what each word became")]
    return judge_entries(expected, got, {key: judge_counts for key in counts})


# %% equivalents="mask_tokens" active="py"
equivalents = {
    "(:, 0) → (:, -1)": "the places in a tensor of one dimension have one column",
    "chance < p → chance <= p": "a random float equals p once in millions of draws",
    "kind < 0.8 → kind <= 0.8": "a random float equals 0.8 once in millions of draws",
    "kind > 0.9 → kind >= 0.9": "a random float equals 0.9 once in millions of draws",
}


# %% mistake="mask_tokens" name="special_too" hint="You also chose special tokens: padding is no word that a model should guess." active="py"
def mask_tokens(ids, vocab_size, mask_id, special_ids, p, generator, right=mask_tokens):
    right(ids, vocab_size, mask_id, special_ids, p, generator)
    chosen = torch.rand(ids.shape, generator=generator) < p
    inputs = torch.where(chosen & (torch.rand(ids.shape, generator=generator) < 0.8), mask_id, ids)
    return inputs, torch.where(chosen, ids, IGNORED)


# %% mistake="mask_tokens" name="always_masked" hint="All chosen tokens became the mask; 10 % become a random word and 10 % stay." active="py"
def mask_tokens(ids, vocab_size, mask_id, special_ids, p, generator, right=mask_tokens):
    _, labels = right(ids, vocab_size, mask_id, special_ids, p, generator)
    return torch.where(labels != IGNORED, mask_id, ids), labels


# %% mistake="mask_tokens" name="all_labels" hint="Only chosen tokens have a label; the others are IGNORED." active="py"
def mask_tokens(ids, vocab_size, mask_id, special_ids, p, generator, right=mask_tokens):
    inputs, _ = right(ids, vocab_size, mask_id, special_ids, p, generator)
    return inputs, ids.clone()


# %% mistake="mask_tokens" name="untouched_unasked" hint="A chosen token that stays as it was is asked for as well; you left its label out." active="py"
def mask_tokens(ids, vocab_size, mask_id, special_ids, p, generator, right=mask_tokens):
    inputs, labels = right(ids, vocab_size, mask_id, special_ids, p, generator)
    return inputs, labels.masked_fill(inputs == ids, IGNORED)


# %% [markdown]
r"""
### Exercise · mlm_loss

The loss is the cross-entropy at the chosen places alone, a mean over them:

$$L = -\frac{1}{|M|} \sum_{t \in M} \log p_t(x_t),$$

with $M$ the chosen places of the whole batch and $p_t$ the softmax of the logits at place $t$: of what is *at* $t$; nothing is shifted by one.

By hand: 4 equal logits give $\log 4 = {{1.3863 = math.log(4)}}$ at each chosen place, however many others there are.
"""


# %% exercise="mlm_loss" parts={"value": 1, "nothing": 1, "gradient": 1} points=3 withheld="course_lib.bert.objectives.mlm_loss course_lib.bert.objectives.replaced_token_loss"
def mlm_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of the places that have a label, in nats.

    logits   (B, T, V); gradients flow back to them. May be as large as 1,000
    labels   (B, T) token ids, or IGNORED where nothing is asked
    returns  a scalar; 0, with gradients of 0, where no place has a label

    Example: logits torch.zeros(1, 2, 4) and labels [[3, IGNORED]] give log 4 ≈ 1.3863.
    """
    ### BEGIN SOLUTION
    asked = labels != IGNORED
    total = F.cross_entropy(logits[asked], labels[asked], reduction="sum")
    return total / asked.sum().clamp(min=1)
    ### END SOLUTION


# %% [markdown] hints="mlm_loss"
r"""
1. How many terms has the sum, and by what do you divide?
2. A boolean index picks the places that are asked; cross-entropy with `reduction="sum"` is 0 where there are none.
3. `asked = labels != IGNORED`, then `logits[asked]` is (N, V).
"""


# %% cases="mlm_loss" active="py"
def cases(seed):
    yield Case(
        {"logits": torch.zeros(1, 2, 4), "labels": torch.tensor([[3, IGNORED]])},
        note="the docstring's example",
        part="value",
    )
    for i, (rows, length, v) in enumerate(((2, 3, 5), (3, 4, 6), (1, 6, 3))):
        logits = random_tensor(seed + i, rows, length, v, scale=3)
        labels = torch.randint(v, (rows, length), generator=generator(seed + i))
        labels[:, 1:] = labels[:, 1:].masked_fill(logits[:, 1:, 0] > 0.2, IGNORED)
        yield Case({"logits": logits, "labels": labels}, note="random", part="value")
        weight = {"times": 1.5 + i}
        yield Case({"logits": logits, "labels": labels} | weight, note="gradient", part="gradient")
    large = 1000 * random_tensor(seed, 2, 3, 4)
    yield Case({"logits": large, "labels": large.argmin(-1)}, note="large logits", part="value")
    for i in range(2):
        logits = random_tensor(seed + i, 2, 3, 4)
        nothing = torch.full((2, 3), IGNORED)
        yield Case({"logits": logits, "labels": nothing}, note="nothing is asked", part="nothing")
        graded = {"logits": logits, "labels": nothing, "times": 2.0}
        yield Case(graded, note="gradient where nothing is asked", part="nothing")
        one = torch.where(torch.arange(6).view(2, 3) == 4, 2, IGNORED)
        yield Case({"logits": logits, "labels": one}, note="one place of six", part="nothing")


# %% probe="mlm_loss" active="py"
def probe(student, case):
    logits = case["logits"].clone().requires_grad_()
    loss = student(logits=logits, labels=case["labels"])
    if "times" in case:
        if loss.requires_grad:  # a constant has no gradient, and says so by None
            (case["times"] * loss).backward()
        return logits.grad
    return loss.detach()


# %% mistake="mlm_loss" name="over_all" hint="You divided by the number of all places; divide by how many are asked." active="py"
def mlm_loss(logits, labels, right=mlm_loss):
    return right(logits, labels) * (labels != IGNORED).float().mean()


# %% mistake="mlm_loss" name="summed" hint="The loss is a mean over the asked places; you returned their sum." active="py"
def mlm_loss(logits, labels, right=mlm_loss):
    return right(logits, labels) * (labels != IGNORED).sum()


# %% mistake="mlm_loss" name="by_row" hint="The mean goes over the asked places of the whole batch; you averaged each sentence first." active="py"
def mlm_loss(logits, labels, right=mlm_loss):
    return torch.stack([right(x[None], y[None]) for x, y in zip(logits, labels)]).mean()


# %% mistake="mlm_loss" name="shifted" hint="The logits at a place speak of that place; you compared them with the token after it, as for a GPT." active="py"
def mlm_loss(logits, labels, right=mlm_loss):
    return right(logits[:, :-1], labels[:, 1:])


# %% mistake="mlm_loss" name="nan_of_nothing" hint="Where nothing is asked the loss is 0; yours is 0 / 0." active="py"
def mlm_loss(logits, labels):
    return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)


# %% [markdown]
r"""
## 3 · How much is asked

A GPT is asked at every token, a masked model at few. One batch of sentences, and how many questions each way of training gets out of it:
"""

# %%
hide = yours("bert_t5.mask_tokens", bert.mask_tokens)
loss_of_masked = yours("bert_t5.mlm_loss", bert.mlm_loss)
data = cloze.encode(cloze.sentences(scoreboard.training(), longest=12))
V = len(words)


def sentences_of(rows, generator, size=32):
    """Draw a batch of sentences, cut to the longest of them."""
    ids = rows[torch.randint(len(rows), (size,), generator=generator)]
    return ids[:, : int((ids != cloze.PAD).sum(1).max())]


batch = sentences_of(data, torch.Generator().manual_seed(0))
asked = {"causal": int((batch[:, 1:] != cloze.PAD).sum())}
for p in (0.15, 0.4):
    _, labels = hide(batch, V, cloze.MASK, cloze.SPECIAL, p, torch.Generator().manual_seed(1))
    asked[f"masked, p = {p}"] = int((labels != IGNORED).sum())
for name, n in asked.items():
    print(f"{name:16} {n:4} questions")

# %% [markdown]
r"""
Our sentences have 12 words at most, {{94 % = share_short}} of the toy language's. With BERT's 15 % a batch holds {{32 = asked["masked, p = 0.15"] ± 8}} questions, where a causal model gets {{270 = asked["causal"] ± 20}}. So a masked model learns less from the same text. The 15 % is no law: Wettig et al. (2023) found 40 % better for large BERTs. Here, too, more is better: in a trial (one run each, two layers, 300 updates of 64 sentences) 15 % led to 2.98 nats a hidden word, 50 % to 2.39. We take 40 %.

## 4 · What is a look to the right worth?

Two models with the same layer, the same {{78,000 = parameters ± 500}} parameters, the same sentences and the same number of updates. The second differs in one line, the causal mask. Then we hide one word at a time in sentences that neither has seen, and measure the nats of the hidden word.
"""

# %%
config = BERTConfig(V, seq_len=16, n_layers=1, dropout=0.0)
parameters = count_parameters(MaskedLM(config))
share_short = len(data) / len(cloze.sentences(scoreboard.training()))


# %%
class OneWay(BERT):
    """A BERT under a causal mask: the same layers, looking back only."""

    def forward(self, ids, token_types=None, maps=None):
        T = ids.size(1)
        mask = padding_mask(ids, cloze.PAD) & causal_mask(T, T, ids.device)
        x = self.tokens(ids) + self.positions(T) + self.token_types(torch.zeros_like(ids))
        return self.encoder(self.dropout(self.norm(x)), mask, maps)


def train(kind, seed, steps=600):
    """Train "80/10/10", "all masked" or "causal"; return the model."""
    model = MaskedLM(config, torch.Generator().manual_seed(seed))
    if kind == "causal":
        model.bert = OneWay(config, torch.Generator().manual_seed(seed))
    draw = {"causal": next_word, "80/10/10": hidden_words, "all masked": only_masks}[kind]
    loss = lambda model, batch: loss_of_masked(model(batch[0]), batch[1])
    # on the CPU: one layer of 64 features is hardly worth a graphics card's launches (lesson 09)
    trainer = Trainer(model, draw, loss, steps=budget(full=steps, short=3), lr=7e-3, seed=seed)
    for _ in trainer:
        pass
    return model.eval()


# %%
def hidden_words(generator):
    ids = sentences_of(data, generator)
    return hide(ids, V, cloze.MASK, cloze.SPECIAL, 0.4, generator)


def only_masks(generator):
    inputs, labels = hidden_words(generator)
    return torch.where(labels == IGNORED, inputs, cloze.MASK), labels


def next_word(generator):
    ids = sentences_of(data, generator)
    return ids[:, :-1], ids[:, 1:].masked_fill(ids[:, 1:] == cloze.PAD, IGNORED)


# %% [markdown]
r"""
There is a third way to fill a hole. A causal model gives a probability to a whole sentence; so let it read the sentence {{348 = len(language.vocabulary)}} times, once with each word in the hole, and compare. It looks both ways, at {{348 = len(language.vocabulary)}} times the price.
"""

# %%
guess = predict_choice(
    "16_bert_t5.hole",
    "After equally many updates: who needs the fewest nats for a hidden word?",
    {
        "a": "the causal model, which knows the words before the hole",
        "b": "the masked model, which knows both sides, in one pass",
        "c": "the causal model that reads the sentence once with each word in the hole",
    },
)
guess

# %%
seeds = range(3)
start = time.perf_counter()
masked = [train("80/10/10", seed) for seed in seeds]
causal = [train("causal", seed) for seed in seeds]
print(f"{time.perf_counter() - start:.0f} s for six models")

# %%
rows = cloze.sentences(scoreboard.held_out(), longest=12)[: budget(full=24, short=2)]
holes = [(row, place) for row in rows for place in range(len(row) - 1)]  # the end is no hole
FIRST = cloze.FIRST_WORD


# %%
@torch.no_grad()
def believes_both(model, row, place):
    """Log-probabilities (V,) of the language's words in a hole, by a masked model."""
    ids = cloze.encode([row])
    ids[0, place + 1] = cloze.MASK  # [CLS] is place 0
    return model(ids)[0, place + 1, FIRST:].log_softmax(-1)


@torch.no_grad()
def believes_left(model, row, place):
    """The same by a causal model, from the words before the hole."""
    return model(cloze.encode([row])[:, : place + 1])[0, -1, FIRST:].log_softmax(-1)


@torch.no_grad()
def believes_whole(model, row, place):
    """The same by a causal model that reads the whole sentence with each word in the hole."""
    ids = cloze.encode([row]).repeat(len(language.vocabulary), 1)
    ids[:, place + 1] = torch.arange(FIRST, V)
    log_p = model(ids[:, :-1])[:, place:].log_softmax(-1)
    return log_p.gather(-1, ids[:, place + 1 :, None]).sum((1, 2)).log_softmax(0)


# %%
ways = {
    "causal, words before": (believes_left, causal),
    "masked, both sides": (believes_both, masked),
    "causal, whole sentence": (believes_whole, causal),
}
each = {  # way → one row of nats per seed
    way: torch.tensor([[-f(m, row, t)[row[t]].item() for row, t in holes] for m in models])
    for way, (f, models) in ways.items()
}
left = [language.next_token_probs(row[:t])[row[t]] for row, t in holes]
both = [cloze.hole_probs(language, row, t)[row[t]] for row, t in holes]
truth = {
    "known from the left": [-p.log().item() for p in left],
    "known from both sides": [-p.log().item() for p in both],
}
nats = {way: rows_of.mean(1).tolist() for way, rows_of in each.items()}
floors = {name: sum(values) / len(values) for name, values in truth.items()}
mean = {way: sum(values) / 3 for way, values in nats.items()}
guess.reveal(min(zip("abc", mean), key=lambda pair: mean[pair[1]])[0])
show(
    figures.hole_losses(nats, floors, "What a hidden word costs"),
    alt="Nats of the hidden word: " + ", ".join(f"{way}: {x:.2f}" for way, x in mean.items()),
)


# %% [markdown]
r"""
The language itself has {{1.88 = floors["known from the left"] ± 0.01}} nats from the left and {{0.89 = floors["known from both sides"] ± 0.01}} from both sides: the right side is worth a nat. No model gets below its line, except by luck.

Two surprises. The masked model, which sees both sides, has {{2.03 = mean["masked, both sides"] ± 0.08}} nats; the causal one, which sees the left alone, {{1.99 = mean["causal, words before"] ± 0.05}}. With so little training the masked model does not beat it. It could know more and has learned less: it is {{1.14 = mean["masked, both sides"] - floors["known from both sides"] ± 0.08}} nats above its floor, the other {{0.11 = mean["causal, words before"] - floors["known from the left"] ± 0.05}}. That bidirectional models understand more is a statement about what can be known; how much of it is learned depends on the questions asked.

And the causal model that reads the whole sentence with each word in the hole has {{1.07 = mean["causal, whole sentence"] ± 0.06}}, {{less than both : max(nats["causal, whole sentence"]) < min(nats["masked, both sides"] + nats["causal, words before"])}} with every seed. What it learned about the next word is enough to look both ways, if one pays for {{348 = len(language.vocabulary)}} passes. A masked model gives its answer in one.
"""

# %% [markdown]
r"""
### Where the right side pays

The same nats by the place of the hidden word. At the beginning a causal model knows next to nothing; the masked model has the whole sentence on its right.
"""

# %%
places = range(1, 9)
at = torch.tensor([t + 1 for _, t in holes])
each_truth = {name: torch.tensor(values)[None] for name, values in truth.items()}
by_way = {
    "causal, words before": each["causal, words before"],
    "known from the left": each_truth["known from the left"],
    "masked, both sides": each["masked, both sides"],
    "known from both sides": each_truth["known from both sides"],
}
curves = {name: [x[:, at == t].mean().item() for t in places] for name, x in by_way.items()}
early = {name: x[:, at <= 2].mean().item() for name, x in by_way.items()}
late = {name: x[:, at >= 5].mean().item() for name, x in by_way.items()}
for name in by_way:
    print(f"{name:22} words 1 and 2: {early[name]:.2f}   from word 5 on: {late[name]:.2f}")
show(
    figures.by_place(list(places), curves, "Early holes: here the right side pays"),
    alt="; ".join(f"{name}: " + ", ".join(f"{x:.1f}" for x in c) for name, c in curves.items()),
)

# %% [markdown]
r"""
Read the lines in pairs, a model and what could be known. On the first two words the masked model has {{1.93 = early["masked, both sides"] ± 0.15}} nats and the causal one {{2.69 = early["causal, words before"] ± 0.1}}, which is all that the left can tell ({{2.68 = early["known from the left"] ± 0.01}}). From the fifth word on it is the other way round, {{2.29 = late["masked, both sides"] ± 0.2}} against {{1.66 = late["causal, words before"] ± 0.1}}: there the left tells much, and the masked model has not learned to use it yet.

Move the hole yourself: the language's own belief, the masked model's, and the causal model's from the words before it.
"""

# %%
texts = ["the mouse eats cheese", "the mouse that the cats chase eats cheese"]
texts += ["the Eiffel Tower stands in Paris", "the bakers bake bread today"]


def rows_of(text):
    return [*language.encode(" ".join(text)), 0]


hole_explorer(
    texts,
    language.vocabulary,
    {
        "the language, both sides": lambda text, t: cloze.hole_probs(language, rows_of(text), t),
        "masked model": lambda text, t: believes_both(masked[0], rows_of(text), t).exp(),
        "causal model, left": lambda text, t: believes_left(causal[0], rows_of(text), t).exp(),
    },
)


# %% [markdown]
r"""
## 5 · Why not hide them all?

When the model is used, nothing is hidden. A model that was only ever asked at [MASK] has never been paid for a state at a *visible* word, and it need not doubt what it reads. So some chosen words stay visible, half of them right, half of them wrong.

A measurement. Three more models are trained with [MASK] in place of every chosen word, all else equal. Then both kinds read sentences in which one word is hidden, or wrong (a random word), or right, and are asked what belongs there.
"""

# %%
all_masked = [train("all masked", seed) for seed in seeds]
draws = torch.Generator().manual_seed(0)
random_words = torch.randint(FIRST + 1, V, (len(holes),), generator=draws)


@torch.no_grad()
def believes_seeing(model, row, place, seen):
    """Log-probabilities (V,) of the words at a place where the model sees the id `seen`."""
    ids = cloze.encode([row])
    ids[0, place + 1] = seen
    return model(ids)[0, place + 1, FIRST:].log_softmax(-1)


seen_there = {
    "hidden": [cloze.MASK] * len(holes),
    "wrong": random_words.tolist(),
    "right": [row[t] + FIRST for row, t in holes],
}
sees = {}
for recipe, models in {"80/10/10": masked, "all masked": all_masked}.items():
    for what, ids in seen_there.items():
        asked_of = [(row, t, i) for (row, t), i in zip(holes, ids)]
        log_p = [[believes_seeing(m, r, t, i)[r[t]] for r, t, i in asked_of] for m in models]
        sees[recipe, what] = [-sum(x).item() / len(x) for x in log_p]
        print(f"{recipe:11} {what:7}", *(f"{x:.2f}" for x in sees[recipe, what]))


# %% [markdown]
r"""
Nats of the true word, the mean of three seeds:

| what the model sees there | 80/10/10 | all masked |
|---|---|---|
| [MASK] | {{2.03 = sum(sees["80/10/10", "hidden"]) / 3 ± 0.15}} | {{2.13 = sum(sees["all masked", "hidden"]) / 3 ± 0.2}} |
| a wrong word | {{2.13 = sum(sees["80/10/10", "wrong"]) / 3 ± 0.15}} | {{2.36 = sum(sees["all masked", "wrong"]) / 3 ± 0.25}} |
| the right word | {{1.89 = sum(sees["80/10/10", "right"]) / 3 ± 0.15}} | {{2.52 = sum(sees["all masked", "right"]) / 3 ± 0.3}} |

The model that saw masks only is {{worse : min(sees["all masked", "right"]) > max(sees["all masked", "hidden"])}} at a word that it *can read* than at one that it cannot: nobody ever asked it there. Trained with 80/10/10 it is {{better : max(sees["80/10/10", "right"]) < min(sees["80/10/10", "hidden"])}}, as it should be. That it gains so little from reading the answer is a sign of how young it is: only a fifth of the questions were of that kind.

At large scale the effect is smaller than its fame. Devlin et al. (2019, appendix C.2) saw that masks alone hurt where the states of single words are used without fine-tuning, and hardly elsewhere: fine-tuning repairs the mismatch. Wettig et al. (2023) question the mixture altogether.
"""


# %% [markdown]
r"""
## 6 · From states to a verdict

***Pre-training*** teaches what a language is like, from text alone. ***Fine-tuning*** then teaches a task, from few labelled examples: put a small new matrix on the model and train on. What was learned in one task and is used in another is called ***transfer learning***.

BERT's head reads the *first* state, that of [CLS]:

$$\text{logits} = W_{out} \tanh(W_{pool}\, h_0 + b_{pool}) + b_{out},$$

with $h_0$ (`d_model`), $W_{pool}$ (`d_model`, `d_model`), $W_{out}$ (C, `d_model`). [CLS] is no word, so its state is free to collect what the classes need. That works because [CLS] sees all tokens; under a causal mask it would see itself alone, and one would read the *last* state.

By hand, `d_model` = 1: $h_0 = 0.5$, $W_{pool} = 2$, $b_{pool} = 0$, $W_{out} = 3$, $b_{out} = 1$ give $3 \tanh 1 + 1 = {{3.2848 = 3 * math.tanh(1) + 1}}$.

### Exercise · pooled_classifier
"""


# %% exercise="pooled_classifier" parts={"logits": 2, "gradients": 1} points=3 withheld="course_lib.bert.model.pooled_classifier course_lib.bert.model.Classifier"
def pooled_classifier(
    states: Tensor,
    w_pool: Tensor,
    b_pool: Tensor,
    w_out: Tensor,
    b_out: Tensor,
) -> Tensor:
    """Return the logits of the classes of whole sentences, from their first states.

    states   (B, T, d_model), T ≥ 1
    w_pool   (d_model, d_model), b_pool (d_model,)
    w_out    (C, d_model), b_out (C,)
    returns  (B, C); gradients flow back to all five arguments

    Raises ValueError when states does not have three dimensions.

    Example: states [[[0.5], [9.]]], w_pool [[2.]], b_pool [0.], w_out [[3.]], b_out [1.]
    give [[3.2848]].
    """
    ### BEGIN SOLUTION
    if states.dim() != 3:
        raise ValueError(f"states must be (B, T, d_model), got {tuple(states.shape)}")
    pooled = torch.tanh(F.linear(states[:, 0], w_pool, b_pool))
    return F.linear(pooled, w_out, b_out)
    ### END SOLUTION


# %% [markdown] hints="pooled_classifier"
r"""
1. Which shape remains when you take the first token of each sentence?
2. `F.linear(x, w, b)` is $x w^T + b$, and you need two of them with a tanh between.
3. `pooled = torch.tanh(F.linear(states[:, 0], w_pool, b_pool))`
"""


# %% cases="pooled_classifier" active="py"
def cases(seed):
    one = {"w_pool": torch.tensor([[2.0]]), "b_pool": torch.zeros(1)}
    one |= {"w_out": torch.tensor([[3.0]]), "b_out": torch.ones(1)}
    states = torch.tensor([[[0.5], [9.0]]])
    yield Case({"states": states, **one}, note="the docstring's example", part="logits")
    for i, (rows, length, d, classes) in enumerate(((2, 3, 4, 2), (3, 1, 5, 3), (1, 6, 3, 4))):
        shapes = {"states": (rows, length, d), "w_pool": (d, d), "b_pool": (d,)}
        shapes |= {"w_out": (classes, d), "b_out": (classes,)}
        case = {k: random_tensor(seed + 9 * i + j, *s) for j, (k, s) in enumerate(shapes.items())}
        yield Case(case, note="random", part="logits")
        weights = {"weights of a loss": random_tensor(seed + i, rows, classes)}
        yield Case(case | weights, note="gradients", part="gradients")
    yield Case({"states": states[0], **one}, note="two dimensions", part="logits")


# %% probe="pooled_classifier" active="py"
def probe(student, case):
    names = ("states", "w_pool", "b_pool", "w_out", "b_out")
    inputs = {name: case[name].clone().requires_grad_() for name in names}
    logits = student(**inputs)
    if "weights of a loss" not in case:
        return logits.detach()
    loss = (logits * case["weights of a loss"]).sum()
    if not loss.requires_grad:
        return "no gradient flows back to any argument"
    grads = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(names, grads))


# %% mistake="pooled_classifier" name="mean_state" hint="You averaged the states; BERT's head reads the first one alone." active="py"
def pooled_classifier(states, w_pool, b_pool, w_out, b_out, right=pooled_classifier):
    return right(states.mean(1, keepdim=True) if states.dim() == 3 else states, w_pool, b_pool, w_out, b_out)


# %% mistake="pooled_classifier" name="last_state" hint="You took the last state, as one would with a GPT; [CLS] is the first." active="py"
def pooled_classifier(states, w_pool, b_pool, w_out, b_out, right=pooled_classifier):
    return right(states.flip(1) if states.dim() == 3 else states, w_pool, b_pool, w_out, b_out)


# %% mistake="pooled_classifier" name="no_tanh" hint="The tanh between the two matrices is missing." active="py"
def pooled_classifier(states, w_pool, b_pool, w_out, b_out):
    if states.dim() != 3:
        raise ValueError
    return F.linear(F.linear(states[:, 0], w_pool, b_pool), w_out, b_out)


# %% mistake="pooled_classifier" name="no_b_pool" hint="The bias b_pool inside the tanh is missing." active="py"
def pooled_classifier(states, w_pool, b_pool, w_out, b_out, right=pooled_classifier):
    return right(states, w_pool, 0 * b_pool, w_out, b_out)


# %% mistake="pooled_classifier" name="transposed" hint="The matrix is stored (out, in), so x is multiplied by its transpose; you used w_pool itself." active="py"
def pooled_classifier(states, w_pool, b_pool, w_out, b_out, right=pooled_classifier):
    return right(states, w_pool.T, b_pool, w_out, b_out)


# %% [markdown]
r"""
## 7 · Fine-tune little

Fine-tuning all weights gives one copy of the whole model for each task. ***Parameter-efficient fine-tuning*** (PEFT) keeps the pretrained weights as they are and trains a small addition. The most used one is ***LoRA*** (Hu et al. 2021): beside a frozen matrix $W$ (O, I) it learns two narrow ones, $A$ ($r$, I) and $B$ (O, $r$),

$$y = x W^T + \frac{\alpha}{r}\,(x A^T) B^T.$$

The correction $\frac{\alpha}{r} B A$ has rank $r$ at most. $B$ starts at 0, so at first nothing changes; $A$ starts random, else neither would get a gradient. $\alpha$ is a scale that one sets once; the division by $r$ keeps it useful when $r$ changes.

By hand: $x = (1, 2)$, $W$ the identity, $A = (1, 1)$, $B = (0, 1)^T$, $\alpha = 3$, $r = 1$: $x A^T = 3$, so $y = (1, 2) + 3 \cdot (0, 3) = (1, {{11 = 2 + 3 * 3}})$.

### Exercise · lora_linear
"""


# %% exercise="lora_linear" parts={"value": 2, "gradients": 1} points=3 withheld="course_lib.lora.lora_linear course_lib.lora.LoRALinear"
def lora_linear(
    x: Tensor,
    weight: Tensor,
    a: Tensor,
    b: Tensor,
    alpha: float,
    bias: Tensor | None = None,
) -> Tensor:
    """Return x Wᵀ + bias + (alpha / r) · (x Aᵀ) Bᵀ.

    x        (..., I)
    weight   W (O, I)
    a, b     A (r, I) and B (O, r)
    alpha    scale, a float
    bias     (O,), or None: no bias
    returns  (..., O); gradients flow back to x, a and b

    Raises ValueError when the ranks of a and b differ.

    Example: x [[1., 2.]], W the identity, A [[1., 1.]], B [[0.], [1.]], alpha 3 → [[1., 11.]].
    """
    ### BEGIN SOLUTION
    if a.size(0) != b.size(1):
        raise ValueError(f"a and b must have one rank, got {a.size(0)} and {b.size(1)}")
    return F.linear(x, weight, bias) + alpha / a.size(0) * F.linear(F.linear(x, a), b)
    ### END SOLUTION


# %% [markdown] hints="lora_linear"
r"""
1. Which product comes first, so that no matrix of W's size is made?
2. Two narrow `F.linear` calls, x with A and the result with B; scale by alpha / r and add what W gives.
3. `F.linear(F.linear(x, a), b)` is $(x A^T) B^T$.
"""


# %% cases="lora_linear" active="py"
def cases(seed):
    case = {"x": torch.tensor([[1.0, 2.0]]), "weight": torch.eye(2), "a": torch.ones(1, 2)}
    yield Case(
        case | {"b": torch.tensor([[0.0], [1.0]]), "alpha": 3.0},
        note="the docstring's example",
        part="value",
    )
    for i, (shape, n_in, n_out, r) in enumerate((((2,), 3, 4, 2), ((2, 3), 5, 2, 3), ((4,), 4, 4, 2))):
        shapes = {"x": (*shape, n_in), "weight": (n_out, n_in), "a": (r, n_in), "b": (n_out, r)}
        case = {k: random_tensor(seed + 9 * i + j, *s) for j, (k, s) in enumerate(shapes.items())}
        case["alpha"] = 1.7 + i
        yield Case(case, note="random", part="value")
        with_bias = case | {"bias": random_tensor(seed + 77 + i, n_out)}
        yield Case(with_bias, note="with a bias", part="value")
        weights = {"weights of a loss": random_tensor(seed + i, *shape, n_out)}
        yield Case(with_bias | weights, note="gradients", part="gradients")
    ranks = {"a": torch.ones(2, 2), "b": torch.ones(2, 1), "alpha": 1.0}
    wrong = {"x": torch.ones(1, 2), "weight": torch.eye(2)} | ranks
    yield Case(wrong, note="two different ranks", part="value")


# %% probe="lora_linear" active="py"
def probe(student, case):
    inputs = {k: v for k, v in case.items() if k != "weights of a loss"}
    if "weights of a loss" not in case:
        return student(**inputs)
    taught = {name: case[name].clone().requires_grad_() for name in ("x", "a", "b")}
    loss = (student(**(inputs | taught)) * case["weights of a loss"]).sum()
    if not loss.requires_grad:
        return "no gradient flows back to any argument"
    grads = torch.autograd.grad(loss, list(taught.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(taught, grads))


# %% mistake="lora_linear" name="not_divided" hint="The scale is alpha / r; you multiplied by alpha alone." active="py"
def lora_linear(x, weight, a, b, alpha, bias=None, right=lora_linear):
    return right(x, weight, a, b, alpha * len(a), bias)


# %% mistake="lora_linear" name="no_scale" hint="The correction is multiplied by alpha / r; yours is not scaled." active="py"
def lora_linear(x, weight, a, b, alpha, bias=None, right=lora_linear):
    return right(x, weight, a, b, len(a), bias)


# %% mistake="lora_linear" name="no_bias" hint="You left out the bias of the frozen layer." active="py"
def lora_linear(x, weight, a, b, alpha, bias=None, right=lora_linear):
    return right(x, weight, a, b, alpha)


# %% mistake="lora_linear" name="scaled_all" hint="Only the correction is scaled; you multiplied the frozen layer's result, too." active="py"
def lora_linear(x, weight, a, b, alpha, bias=None, right=lora_linear):
    return right(x, weight * alpha / len(a), a, b, alpha, bias)


# %% [markdown]
r"""
### Exercise · merge_lora

After training, the two narrow products are a cost at every token, but not one that you must pay: matrices add up.

$$x W^T + \tfrac{\alpha}{r} (x A^T) B^T = x \left(W + \tfrac{\alpha}{r} B A\right)^T$$

So the adapter can be merged into one matrix of the old shape, and nothing is slower than before.
"""


# %% exercise="merge_lora" points=2 withheld="course_lib.lora.merge_lora course_lib.lora.LoRALinear"
def merge_lora(weight: Tensor, a: Tensor, b: Tensor, alpha: float) -> Tensor:
    """Return the one matrix that does what W, A and B do together.

    weight   W (O, I); not changed
    a, b     A (r, I) and B (O, r)
    alpha    scale, a float
    returns  (O, I)

    Example: W the identity (2, 2), A [[1., 1.]], B [[0.], [1.]], alpha 3 → [[1., 0.], [3., 4.]].
    """
    ### BEGIN SOLUTION
    return weight + alpha / a.size(0) * (b @ a)
    ### END SOLUTION


# %% [markdown] hints="merge_lora"
r"""
1. Which order of A and B gives a matrix of W's shape?
2. (O, r) times (r, I) is (O, I); scale it as in lora_linear.
3. `weight + … * (b @ a)`
"""


# %% cases="merge_lora" active="py"
def cases(seed):
    case = {"weight": torch.eye(2), "a": torch.ones(1, 2)}
    yield Case(case | {"b": torch.tensor([[0.0], [1.0]]), "alpha": 3.0}, note="the docstring's example")
    for i, (n_in, n_out, r) in enumerate(((3, 4, 2), (5, 2, 3), (4, 4, 2))):
        shapes = {"weight": (n_out, n_in), "a": (r, n_in), "b": (n_out, r)}
        case = {k: random_tensor(seed + 9 * i + j, *s) for j, (k, s) in enumerate(shapes.items())}
        yield Case(case | {"alpha": 1.7 + i}, note="random")


# %% mistake="merge_lora" name="not_divided" hint="The scale is alpha / r; you multiplied by alpha alone." active="py"
def merge_lora(weight, a, b, alpha, right=merge_lora):
    return right(weight, a, b, alpha * len(a))


# %% mistake="merge_lora" name="scaled_twice" hint="You scaled by alpha / r twice; once is enough." active="py"
def merge_lora(weight, a, b, alpha, right=merge_lora):
    return right(weight, a, b * alpha / len(a), alpha)


# %% mistake="merge_lora" name="correction_only" hint="You returned the correction; add it to the frozen matrix." active="py"
def merge_lora(weight, a, b, alpha, right=merge_lora):
    return right(0 * weight, a, b, alpha)


# %% mistake="merge_lora" name="subtracted" hint="You took the correction away; merging adds it." active="py"
def merge_lora(weight, a, b, alpha, right=merge_lora):
    return right(weight, a, -b, alpha)


# %% [markdown]
r"""
### Find the bug · Adapter

A layer with a LoRA, as it is put in place of an `nn.Linear`. It runs, it trains, and it is wrong.
"""


# %% exercise="Adapter" parts={"start": 1, "frozen": 1, "trained": 1} points=3 withheld="course_lib.lora.LoRALinear course_lib.lora.add_lora"
class Adapter(nn.Module):
    """A linear layer that stays as it is, and a LoRA beside it.

    base   nn.Linear (O, I); none of its parameters takes gradients afterwards
    rank   r
    alpha  scale: the correction is (alpha / r) · (x Aᵀ) Bᵀ

    Parameters: base, a (r, I) and b (O, r). At first the outputs are those of base, and b gets a
    gradient. forward(x): (..., I) → (..., O).
    """

    ### BEGIN SOLUTION
    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.a = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))
        self.scale = alpha / rank

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.scale * F.linear(F.linear(x, self.a), self.b)

    ### END SOLUTION
    ### BEGIN STARTER
    # def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
    #     super().__init__()
    #     self.base = base
    #     self.base.weight.requires_grad_(False)
    #     self.a = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
    #     self.b = nn.Parameter(torch.randn(base.out_features, rank) / rank**0.5)
    #     self.scale = alpha / rank
    #
    # def forward(self, x: Tensor) -> Tensor:
    #     narrow = self.scale * F.linear(x, self.a)
    #     return self.base(x) + self.scale * F.linear(narrow, self.b)
    ### END STARTER


# %% [markdown] hints="Adapter"
r"""
1. What should the layer's output be before the first update, and which numbers may an update change?
2. Follow a correction through `forward` and count how often it is scaled; list all parameters of `base`, not the matrix alone.
3. `self.base = base.requires_grad_(False)`
"""


# %% cases="Adapter" active="py"
def cases(seed):
    for i, (rows, n_in, n_out, r) in enumerate(((3, 4, 2, 1), (2, 3, 5, 2), (4, 6, 3, 3))):
        shapes = {"x": (rows, n_in), "weight": (n_out, n_in), "bias": (n_out,)}
        case = {k: random_tensor(seed + 9 * i + j, *s) for j, (k, s) in enumerate(shapes.items())}
        case |= {"rank": r, "alpha": 1.7 + 3 * i, "seed": seed + i}
        yield Case(case | {"look at": "the start"}, note="before the first update", part="start")
        yield Case(case | {"look at": "gradients"}, note="what is trained", part="frozen")
        trained = {"a": random_tensor(seed + 50 + i, r, n_in), "b": random_tensor(seed + 60 + i, n_out, r)}
        yield Case(case | trained | {"look at": "outputs"}, note="after training", part="trained")


# %% probe="Adapter" active="py"
def probe(student, case):
    base = nn.Linear(*case["weight"].shape[::-1])
    with torch.no_grad():
        base.weight.copy_(case["weight"])
        base.bias.copy_(case["bias"])
    torch.manual_seed(case["seed"])
    layer = student(base=base, rank=case["rank"], alpha=case["alpha"])
    if case["look at"] == "outputs":
        with torch.no_grad():
            layer.a.copy_(case["a"])
            layer.b.copy_(case["b"])
        return layer(case["x"]).detach()
    if case["look at"] == "the start":
        out = layer(case["x"])
        gradient = torch.autograd.grad((out**2).sum(), layer.b)[0]
        shapes = {"a": list(layer.a.shape), "b": list(layer.b.shape)}
        return {"outputs": out.detach(), "b gets a gradient": bool(gradient.abs().sum() > 0)} | shapes
    takes = {name: p.requires_grad for name, p in layer.named_parameters()}
    return takes | {"sum of x": case["x"].sum().item()}


# %% equivalents="Adapter" active="py"
equivalents = {
    "torch.randn(rank, base.in_features) / base.in_features ** 0.5 → torch.randn(rank, base.in_features) * base.in_features ** 0.5": "how large the random a is at the start is left open",
    "torch.randn(rank, base.in_features) / base.in_features ** 0.5 → torch.randn(rank, base.in_features)": "how large the random a is at the start is left open",
    "base.in_features ** 0.5 → base.in_features ** 1.0": "how large the random a is at the start is left open",
}


# %% mistake="Adapter" name="b_random" hint="b starts random, so the layer is another one before any training; with b = 0 it is base." active="py"
class Adapter(Adapter):
    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        nn.init.normal_(self.b)


# %% mistake="Adapter" name="both_zero" hint="With a = 0 as well as b = 0 neither gets a gradient, and nothing is ever learned." active="py"
class Adapter(Adapter):
    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        nn.init.zeros_(self.a)


# %% mistake="Adapter" name="bias_trained" hint="The bias of base still takes gradients; all of base is to be frozen." active="py"
class Adapter(Adapter):
    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        self.base.bias.requires_grad_(True)


# %% mistake="Adapter" name="scaled_twice" hint="The correction is multiplied by alpha / r twice." active="py"
class Adapter(Adapter):
    def __init__(self, base, rank, alpha):
        super().__init__(base, rank, alpha)
        self.scale = (alpha / rank) ** 2


# %% [markdown]
r"""
### Question · trained_numbers

A layer of BERT-base has a matrix of 768 × 768 for the queries. How many numbers does a LoRA of rank 8 train beside it?
"""

# %% exercise="trained_numbers" points=1 kind="number"
### BEGIN SOLUTION
trained_numbers = 8 * (768 + 768)
### END SOLUTION

# %% mistake="trained_numbers" name="one_matrix" hint="You counted one of the two narrow matrices; there is A and there is B." active="py"
trained_numbers = 8 * 768

# %% mistake="trained_numbers" name="the_square" hint="That is the frozen matrix. A has 8 rows of 768, B has 768 rows of 8." active="py"
trained_numbers = 768 * 768


# %% [markdown]
r"""
### Three ways, and one without pre-training

The task: is the subject of a sentence an animal or a person? There are 100 labelled sentences. Their subjects come from one half of the nouns, those of the {{400 = n_test}} test sentences from the other half: *mouse* is labelled, *cat* never. A model that knows from its reading that *cat* is used like *mouse* can answer all the same.

Four ways, 100 updates each, three seeds, each on the masked model of the same seed:

- **all**: every weight is trained;
- **LoRA**: rank 8 at the four matrices of the attention, and the head;
- **frozen**: the head alone;
- **no pre-training**: all weights, from a random start.
"""


# %%
def labelled(n, seed, half):
    draws = torch.Generator().manual_seed(seed)
    rows, labels = cloze.subject_kinds(n, language, draws, half)
    return cloze.encode(rows), labels


# %%
def fine_tune(way, seed):
    """Return accuracy on nouns that no label was seen for, trained parameters and seconds."""
    ids, labels = labelled(100, 100 + seed, half=0)
    draws = torch.Generator().manual_seed(seed)
    body = BERT(config, draws) if way == "no pre-training" else copy.deepcopy(masked[seed].bert)
    model = Classifier(body, 2, draws)
    if way == "LoRA":
        lora.add_lora(model, 8, 16, ("q_proj", "k_proj", "v_proj", "out_proj"), draws)
    elif way == "frozen":
        body.requires_grad_(False)
    for head in (model.pooler, model.classifier):
        head.requires_grad_(True)
    pick = lambda generator: torch.randint(len(ids), (32,), generator=generator)
    loss = lambda model, i: F.cross_entropy(model(ids[i]), labels[i])
    rate = {"LoRA": 5e-3, "frozen": 1e-2}.get(way, 2e-3)
    trainer = Trainer(model, pick, loss, steps=budget(full=100, short=2), lr=rate, seed=seed)
    for _ in trainer:
        pass
    with torch.no_grad():
        right = model.eval()(unseen_ids).argmax(1) == unseen_labels
    return right.float().mean().item(), count_parameters(model), trainer.seconds


# %%
n_test = budget(full=400, short=20)
unseen_ids, unseen_labels = labelled(n_test, 7, half=1)
accuracy, trained, took = {}, {}, {}
for way in ("all", "LoRA", "frozen", "no pre-training"):
    runs = [fine_tune(way, seed) for seed in seeds]
    accuracy[way], (trained[way], *_) = [run[0] for run in runs], [run[1] for run in runs]
    took[way] = sum(run[2] for run in runs) / 3
    print(f"{way:16} {trained[way]:7,} trained {took[way]:5.2f} s", *(f"{x:.1%}" for x in accuracy[way]))
ways_to_tune = {way: (trained[way], accuracy[way]) for way in accuracy}
show(
    figures.fine_tuning(ways_to_tune, 0.5, "New nouns: who knows what they are?"),
    alt="Accuracy: " + ", ".join(f"{way} {sum(a) / 3:.0%}" for way, a in accuracy.items()),
)


# %% [markdown]
r"""
On nouns without a label LoRA has {{83 % = sum(accuracy["LoRA"]) / 3 ± 5 %}}, all weights {{75 % = sum(accuracy["all"]) / 3 ± 5 %}}, the head alone {{73 % = sum(accuracy["frozen"]) / 3 ± 6 %}}, and without pre-training it is {{64 % = sum(accuracy["no pre-training"]) / 3 ± 6 %}}, with one seed as good as the fine-tuned ones and one that guesses.

The surprise: LoRA beats the training of all weights {{with every seed : all(x > y for x, y in zip(accuracy["LoRA"], accuracy["all"]))}}, with {{11 % = trained["LoRA"] / trained["all"]}} of the numbers. With so few labels, all weights fit the 100 sentences and unlearn what tied *cat* to *mouse*. With many labels the order can turn. The head alone suffers from something else: in pre-training nobody ever asked [CLS] for anything, so its state was not made for this.

A LoRA is not faster here: the gradient still has to pass through every layer. The frozen body is, since the backward pass ends at the head. What a LoRA saves is memory, the gradients and the two averages of AdamW for {{89 % = 1 - trained["LoRA"] / trained["all"]}} of the weights, and a copy of the model for every task. Hu et al. count 10,000 times fewer trained parameters for GPT-3.
"""


# %% [markdown]
r"""
## 8 · Other questions: pieces and impostors

### Pieces

A mask hides one token, and the model is told how many are missing. ***T5*** (Raffel et al. 2020) hides *spans*: each becomes one ***sentinel***, and a decoder writes what was there, of any length.

| | |
|---|---|
| text | the little mouse often eats cheese today |
| source | the ⟨0⟩ often ⟨1⟩ today |
| target | ⟨0⟩ little mouse ⟨1⟩ eats cheese ⟨2⟩ |

This ***span corruption*** keeps both halves of lesson 14: the encoder reads the source both ways, the decoder writes the target left to right. So one model can do every task that has text on both sides: T5 writes *translate English to German:* before one sentence, asks for a class before another, and even writes numbers as text. The target is short, and so is the source, which makes pre-training cheap.

### Exercise · span_corruption
"""


# %% exercise="span_corruption" points=3 withheld="course_lib.bert.objectives.span_corruption"
def span_corruption(ids: Tensor, missing: Tensor, sentinels: list) -> tuple:
    """Take pieces out of a text.

    ids        (T,) int64 token ids
    missing    (T,) bool, True = taken out; neighbours are one piece. May be all, or none
    sentinels  ids that name the gaps, in this order; more than there are pieces
    returns    (source, target), both int64 with one dimension. source: ids, each missing piece
               replaced by one sentinel. target: each sentinel followed by its piece, then one
               more sentinel, the next in the list, as the end

    Raises ValueError when there are not more sentinels than pieces.

    Example: ids [11, 12, 13, 14, 15], missing at 12, 13 and 15, sentinels [99, 98, 97] give
    [11, 99, 14, 98] and [99, 12, 13, 98, 15, 97].
    """
    ### BEGIN SOLUTION
    source, target, used = [], [], 0
    begins = missing & ~F.pad(missing, (1, 0))[:-1]
    if len(sentinels) <= begins.sum():
        raise ValueError(f"{len(sentinels)} sentinels are too few for {begins.sum()} pieces")
    for token, gone, new in zip(ids.tolist(), missing.tolist(), begins.tolist()):
        if new:
            source.append(sentinels[used])
            target.append(sentinels[used])
            used += 1
        (target if gone else source).append(token)
    target.append(sentinels[used])
    return torch.tensor(source, dtype=torch.int64), torch.tensor(target, dtype=torch.int64)
    ### END SOLUTION


# %% [markdown] hints="span_corruption"
r"""
1. By what do you notice that a piece *begins*?
2. Walk through the tokens once; at the beginning of a piece write the next sentinel into both lists, and each token into one of them.
3. `begins = missing & ~F.pad(missing, (1, 0))[:-1]` is True where a piece begins; their number says whether the sentinels are enough.
"""


# %% cases="span_corruption" active="py"
def cases(seed):
    ids = torch.tensor([11, 12, 13, 14, 15])
    missing = torch.tensor([False, True, True, False, True])
    yield Case({"ids": ids, "missing": missing, "sentinels": [99, 98, 97]}, note="the example")
    for i, share in enumerate((0.3, 0.5, 0.7)):
        ids = torch.randint(4, 60, (9 + i,), generator=generator(seed + i))
        missing = torch.rand(9 + i, generator=generator(seed + 40 + i)) < share
        names = (100 + torch.randperm(12, generator=generator(seed + i))).tolist()
        yield Case({"ids": ids, "missing": missing, "sentinels": names}, note="random")
    four = torch.randint(4, 60, (4,), generator=generator(seed))
    for value in (True, False):
        some = {"ids": four, "missing": torch.full((4,), value), "sentinels": [70, 71]}
        yield Case(some, note=f"missing: {'all' if value else 'none'}")
    some = {"ids": torch.tensor([5, 6, 7]), "missing": torch.tensor([True, False, True])}
    yield Case(some | {"sentinels": [9, 8, 4]}, note="just enough sentinels")
    yield Case(some | {"sentinels": [9, 8]}, note="no sentinel for the end")
    yield Case(some | {"sentinels": [9]}, note="too few sentinels")


# %% equivalents="span_corruption" active="py"
equivalents = {
    "ids.tolist() → ids": "iterating over a tensor gives its numbers, too",
    "missing.tolist() → missing": "iterating over a tensor gives its truth values, too",
    "begins.tolist() → begins": "iterating over a tensor gives its truth values, too",
}


# %% mistake="span_corruption" name="no_end" hint="The target ends with one more sentinel; yours stops after the last piece." active="py"
def span_corruption(ids, missing, sentinels, right=span_corruption):
    source, target = right(ids, missing, sentinels)
    return source, target[:-1]


# %% mistake="span_corruption" name="one_per_token" hint="Neighbouring missing tokens are one piece with one sentinel; you gave each its own." active="py"
def span_corruption(ids, missing, sentinels, right=span_corruption):
    source, target, used = [], [], 0
    right(ids, missing, sentinels)
    names = [*sentinels, *range(900, 950)]
    for token, gone in zip(ids.tolist(), missing.tolist()):
        if gone:
            source.append(names[used])
            target += [names[used], token]
            used += 1
        else:
            source.append(token)
    return torch.tensor(source), torch.tensor([*target, names[used]])


# %% mistake="span_corruption" name="same_sentinel" hint="Each gap has a sentinel of its own; you used the first one for all." active="py"
def span_corruption(ids, missing, sentinels, right=span_corruption):
    source, target = right(ids, missing, sentinels)
    for name in sentinels:
        source, target = (torch.where(x == name, sentinels[0], x) for x in (source, target))
    return source, target


# %% mistake="span_corruption" name="gap_left_out" hint="The source keeps a sentinel where a piece is missing; you left the gaps out." active="py"
def span_corruption(ids, missing, sentinels, right=span_corruption):
    _, target = right(ids, missing, sentinels)
    return ids[~missing], target


# %% [markdown]
r"""
### Impostors · optional

A masked model learns from a seventh of what it reads. ***ELECTRA*** (Clark et al. 2020) asks at every token. A small masked model, the *generator*, fills the holes with its guesses. The model that one wants, the *discriminator*, reads the result and says of each token whether it is the original. This is ***replaced-token detection***. No [MASK] is in what it reads.

It is no adversarial game: the generator is trained to guess right, with `mlm_loss`, and gets no gradient from the discriminator. And where it does guess right, the token counts as *original*.

### Exercise · replaced_token_detection · optional
"""


# %% exercise="replaced_token_detection" optional=true parts={"draws": 1, "labels": 2} points=3 withheld="course_lib.bert.objectives.replaced_token_detection course_lib.decoding.sampling.draw_token torch.distributions"
def replaced_token_detection(
    ids: Tensor,
    chosen: Tensor,
    logits: Tensor,
    generator: torch.Generator,
) -> tuple:
    """Put a generator's guesses into a text, and say which tokens they changed.

    ids        (B, T) int64, the original text; not changed
    chosen     (B, T) bool, where it was masked
    logits     (B, T, V) of the generator; they may carry gradients, the results never do
    generator  torch.Generator of the draws
    returns    (corrupted, replaced), both (B, T). corrupted, int64: chosen tokens are drawn from
               the softmax of their logits, the others are the original; replaced, bool: True
               where corrupted differs from ids

    Example: where the logits leave only the true token, corrupted is ids and replaced all False.
    """
    ### BEGIN SOLUTION
    drawn = torch.multinomial(logits.detach().flatten(0, 1).softmax(-1), 1, generator=generator)
    corrupted = torch.where(chosen, drawn.view(ids.shape), ids)
    return corrupted, corrupted != ids
    ### END SOLUTION


# %% [markdown] hints="replaced_token_detection"
r"""
1. Is a right guess a replaced token?
2. Draw one token for each place (`torch.multinomial` takes rows of probabilities), keep the draws where chosen, and compare with the original.
3. `drawn = torch.multinomial(logits.flatten(0, 1).softmax(-1), 1, generator=generator)` is (B·T, 1).
"""


# %% cases="replaced_token_detection" active="py"
def cases(seed):
    for i in range(3):
        ids = torch.randint(0, 4, (60, 50), generator=generator(seed + i))
        chosen = torch.rand(60, 50, generator=generator(seed + 30 + i)) < 0.4
        scores = random_tensor(seed + 60 + i, 4, scale=1.5)
        case = {"ids": ids, "chosen": chosen, "scores": scores, "seed": seed + i}
        yield Case(case, note="one distribution everywhere", part="draws")
        few = {"ids": ids[:5, :6], "chosen": chosen[:5, :6], "seed": seed + i}
        sure = torch.randint(0, 4, (5, 6), generator=generator(seed + 90 + i))
        yield Case(few | {"sure": sure}, note="a generator that is sure", part="labels")
        yield Case(few | {"sure": ids[:5, :6]}, note="sure and right", part="labels")


# %% probe="replaced_token_detection" active="py"
def probe(student, case):
    ids, chosen = case["ids"], case["chosen"]
    if "sure" in case:
        logits = 1000.0 * F.one_hot(case["sure"], 4)
    else:
        logits = case["scores"].expand(*ids.shape, 4).clone()
    logits.requires_grad_()
    draws = torch.Generator().manual_seed(case["seed"])
    before = ids.clone()
    got = student(ids=ids, chosen=chosen, logits=logits, generator=draws)
    ids = before
    corrupted, replaced = (plain(x) for x in got)
    if "sure" in case:
        return {"corrupted": corrupted, "replaced": replaced}
    again = torch.Generator().manual_seed(case["seed"])
    second = student(ids=ids.clone(), chosen=chosen.clone(), logits=logits, generator=again)[0]
    counts = torch.bincount(corrupted[chosen], minlength=4)
    return {
        "drawn tokens": counts,
        "changed elsewhere": int((corrupted != ids)[~chosen].sum()),
        "labels that do not fit": int((replaced != (corrupted != ids)).sum()),
        "the same again with the same generator": bool((second == corrupted).all()),
    }


# %% judge="replaced_token_detection" active="py"
def judge(case, expected, got):
    if "sure" in case:
        return compare(expected, got)
    return judge_entries(expected, got, {"drawn tokens": judge_counts})


# %% equivalents="replaced_token_detection" active="py"
equivalents = {
    "logits.detach() → logits": "neither draws nor comparisons carry gradients",
    "return (corrupted, corrupted != ids) → return detached((corrupted, corrupted != ids))": "neither draws nor comparisons carry gradients",
}


# %% mistake="replaced_token_detection" name="all_chosen" hint="You called every chosen token replaced; a right guess is the original." active="py"
def replaced_token_detection(ids, chosen, logits, generator, right=replaced_token_detection):
    return right(ids, chosen, logits, generator)[0], chosen.clone()


# %% mistake="replaced_token_detection" name="likeliest" hint="You took the likeliest token; draw from the distribution, else the impostors are always the same." active="py"
def replaced_token_detection(ids, chosen, logits, generator):
    corrupted = torch.where(chosen, logits.argmax(-1), ids)
    return corrupted, corrupted != ids


# %% mistake="replaced_token_detection" name="everywhere" hint="Only chosen tokens get a guess; you put one at every place." active="py"
def replaced_token_detection(ids, chosen, logits, generator, right=replaced_token_detection):
    return right(ids, torch.ones_like(chosen), logits, generator)


# %% mistake="replaced_token_detection" name="inverted" hint="True means replaced; yours is True where the token is the original." active="py"
def replaced_token_detection(ids, chosen, logits, generator, right=replaced_token_detection):
    corrupted, replaced = right(ids, chosen, logits, generator)
    return corrupted, ~replaced


# %% [markdown]
r"""
How good are the impostors? Our masked model as the generator, on a batch of which 15 % are hidden:
"""

# %%
impostors = yours("bert_t5.replaced_token_detection", bert.replaced_token_detection)
draws = torch.Generator().manual_seed(3)
ids = data[torch.randint(len(data), (400,), generator=draws)]
hidden, labels = hide(ids, V, cloze.MASK, cloze.SPECIAL, 0.15, draws)
chosen = labels != IGNORED
with torch.no_grad():
    corrupted, replaced = impostors(ids, chosen, masked[0](hidden), draws)
still_original = 1 - (replaced.sum() / chosen.sum()).item()
real = (ids != cloze.PAD) & (ids != cloze.CLS)
print(f"{chosen.sum()} guesses, {still_original:.0%} of them right, so no impostors")
print(f"questions: masked {chosen.sum():,}, replaced-token detection {real.sum():,}")
place = int(replaced.any(1).nonzero()[0])
for row in (ids[place], corrupted[place]):
    print(" ".join(words[i] for i in row.tolist() if i != cloze.PAD))

# %% [markdown]
r"""
Of the guesses {{40 % = still_original ± 4 %}} are right, and count as originals. A generator that always guessed right would leave nothing to detect; one that guesses nonsense would make it too easy. In the paper a generator of a quarter to a half of the discriminator's size worked best.
"""

# %% [markdown]
r"""
## 9 · The family

| model, paper | reads | is asked | changed |
|---|---|---|---|
| ELMo, Peters et al. 2018 | two LSTMs, one a direction | next token, previous token | a word's vector depends on its sentence; frozen, a task mixes the layers |
| BERT, Devlin et al. 2019 | Transformer encoder; WordPiece | 15 % hidden tokens; do two texts follow each other? | both directions in every layer; all is fine-tuned |
| RoBERTa, Liu et al. 2019 | the same; byte-level BPE | hidden tokens, new at each reading | no next-sentence question; ten times the text, larger batches |
| ELECTRA, Clark et al. 2020 | the same; a generator beside it | is each token the original? | a question at every token, no [MASK] in the input |
| DeBERTa, He et al. 2021 | content and *relative* position as two vectors | hidden tokens, absolute positions added at the end | disentangled attention |
| T5, Raffel et al. 2020 | encoder and decoder | missing spans | every task is text to text |
"""

# %% [markdown]
r"""
The order of the table is that of ideas; T5's first version appeared in October 2019, before ELECTRA's paper.

Three remarks. ELMo's two directions never meet inside the network: each LSTM has its own half of the sentence, and only the outputs are joined. That is what *deep bidirectional* in BERT's title sets itself against. RoBERTa has BERT's architecture; its gains came from training, and the next-sentence question was of no help. DeBERTa's third version (He et al. 2023) is trained with ELECTRA's question.

### Question · can_it_write

A course text says that BERT is well suited to translation, since it remembers long texts. Is it?

- **a** Yes: it looks both ways, so it knows more than a decoder.
- **b** No: it has no decoder, and its states depend on tokens that would have to be written later.
- **c** Yes, if [CLS] is decoded token by token.
"""

# %% exercise="can_it_write" points=1 kind="choice" choices="a b c"
### BEGIN SOLUTION
can_it_write = "b"
### END SOLUTION

# %% mistake="can_it_write" name="a" hint="Looking both ways needs a text that is there already. What is to the right of the word that is being written?" active="py"
can_it_write = "a"

# %% mistake="can_it_write" name="c" hint="[CLS] has one state, and BERT has nothing that turns a state into a sequence; that is a decoder." active="py"
can_it_write = "c"

# %% [markdown]
r"""
The claim is wrong, and a measurement says why. Change the *last* word of a sentence and look at the *first* state:
"""

# %%
pair = cloze.encode([language.encode(f"the mouse eats {x} <eos>") for x in ("cheese", "corn")])
with torch.no_grad():
    moved = {
        name: (states[0, 1] - states[1, 1]).abs().max().item()
        for name, states in {"masked": masked[0].bert(pair), "causal": causal[0].bert(pair)}.items()
    }
print("largest change of the state of “the”:", {name: f"{x:.3f}" for name, x in moved.items()})

# %% [markdown]
r"""
Under the causal mask the change is {{0 = moved["causal"]}}, exactly; that is why [lesson 15](15_gpt.ipynb) can keep keys and values while it writes. Without the mask a new word {{changes : moved["masked"] > 0.001}} the states before it. What suits translation is an encoder *with* a decoder: [lesson 14](14_transformer.ipynb), or T5.
"""

# %% [markdown] exercise="why_both" points=2
r"""
### In your own words · why_both

A colleague wants to sort support letters into twelve classes, thousands a minute. Why might a small BERT be a better choice than a large GPT, and when not?

### BEGIN SOLUTION
An encoder reads the letter once, both ways, and gives the class in one pass; each state knows the whole text, and a small model with a LoRA or a trained head is cheap to run and to store. It needs labelled letters. With no labels, or when classes change every week, or when an answer must be written, a large GPT that is told the classes in words is the better choice.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: one pass over a text that is there, both ways; small and cheap.
- 1 point: it needs labels, or cannot write: a case in which the GPT is better.
### END RUBRIC
"""

# %% [markdown] exercise="why_ten_percent" points=2
r"""
### In your own words · why_ten_percent

Why does BERT leave a tenth of the chosen tokens as they are, and put a random word in the place of another tenth? Say what you expect of a model trained without.

### BEGIN SOLUTION
In use there is no [MASK]. If only masks were asked, nothing would reward a good state at a visible word, and nothing would tell the model that a visible word may be wrong. The words that stay teach it to keep what it reads; the random ones teach it to check it against the context. Without them the model fills masks as well or better, but says little of use at a wrong word.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: pre-training and use differ, since [MASK] never occurs in use.
- 1 point: visible words must be represented, and may be wrong.
### END RUBRIC
"""

# %% [markdown]
r"""
## Where this came from, and where it goes

- Peters et al., *Deep contextualized word representations* (2018); Devlin et al., *BERT* (2019); Liu et al., *RoBERTa* (2019); Clark et al., *ELECTRA* (2020); He et al., *DeBERTa* (2021); Raffel et al., *Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer* (2020). Taylor's cloze test (1953) is the ancestor of the mask.
- Wettig et al., *Should You Mask 15 % in Masked Language Modeling?* (2023), question 15 % and 80/10/10.
- Hu et al., *LoRA* (2021).

`course_lib.bert.masked_lm_from_bert` reads published weights of BERT into the model of this lesson, if you have the files.

As of November 2026, large models that write are causal; encoders still work where text is judged or searched. ModernBERT (Warner et al. 2024) is BERT with rotary positions and gated feed-forward layers. LoRA is in common use for GPTs of all sizes.

Limits of this lesson: a toy language, one layer, 600 updates. That few questions a batch slow a masked model down is general; the size of the gap is ours.

Next: [17 Mixture of experts](17_moe.ipynb).
"""

# %%
flash_cards("16_bert_t5")
