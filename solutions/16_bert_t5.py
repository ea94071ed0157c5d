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
    alt=f"The mouse has {from_left[question[1]]:.0%} from the left, {from_both[question[1]]:.0%} from both sides.",
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
    ids: Tensor, vocab_size: int, mask_id: int, special_ids: list, p: float, generator: torch.Generator
) -> tuple:
    """Choose tokens to ask about, and hide 80 % of them.

    ids          (B, T) token ids; not changed
    vocab_size   V
    mask_id      the id of [MASK], which may also be among the special ids
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
        ids = torch.randint(0, 9, (90, 200), generator=generator(seed + i))
        rules = {"vocab_size": 9, "mask_id": 2, "special_ids": [0, 5], "p": p, "seed": seed + 50 + i}
        yield Case({"ids": ids} | rules, note=f"18,000 tokens, p = {p}", part=part)
    for p in (0.0, 1.1, -0.1):
        few = torch.tensor([[1, 3], [4, 6]])
        rules = {"vocab_size": 7, "mask_id": 2, "special_ids": [0], "p": p, "seed": 1}
        yield Case({"ids": few} | rules, note=f"p = {p}", part="choice")


# %% probe="mask_tokens" active="py"
def probe(student, case):
    rules = {key: case[key] for key in ("vocab_size", "mask_id", "special_ids", "p")}
    ids, size = case["ids"], case["vocab_size"]
    draws = torch.Generator().manual_seed(case["seed"])
    inputs, labels = (plain(x) for x in student(ids=ids.clone(), generator=draws, **rules))
    again = torch.Generator().manual_seed(case["seed"])
    second, _ = student(ids=ids.clone(), generator=again, **rules)
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


# %% mistake="mask_tokens" name="special_too" hint="You also chose special tokens: padding is no word that a model should guess." active="py"
def mask_tokens(ids, vocab_size, mask_id, special_ids, p, generator, right=mask_tokens):
    _, labels = right(ids, vocab_size, mask_id, special_ids, p, generator)
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
        one = torch.where(torch.arange(6).view(2, 3) == 4, 2, IGNORED)
        yield Case({"logits": logits, "labels": one}, note="one place of six", part="nothing")


# %% probe="mlm_loss" active="py"
def probe(student, case):
    logits = case["logits"].clone().requires_grad_()
    loss = student(logits=logits, labels=case["labels"])
    if "times" in case:
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
