# ---
# jupyter:
#   course:
#     title: How does one sequence become another?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# How does one sequence become another?

*the 24th of January, 1986* → *1986-01-24*

The models so far continue a text. Here another text has to come out: in another order, of another length, and it must say the same. A language model can write; what it lacks is something to read first.
"""

# %% setup=true
import math
from collections import Counter

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks import check, show_answer, yours
from course_lib.recurrent import gru_cell
from course_lib.seq2seq import ConditionalLM, Seq2Seq, Seq2SeqConfig

torch.set_printoptions(precision=4, sci_mode=False)

# %%
from functools import partial

from course_lib import metrics, seq2seq
from course_lib.budget import budget
from course_lib.data.tasks import Dates, NumberWords, Rearranged
from course_lib.data.tasks.number_words import ONES, TENS
from course_lib.decoding import beam_search
from course_lib.figures import seq2seq as figures
from course_lib.figures.style import show
from course_lib.train import Trainer
from course_lib.widgets.cards import flash_cards
from course_lib.widgets.predict import predict_curve
from course_lib.widgets.seq2seq import replay, rescoring_explorer

torch.set_num_threads(1)  # matrices this small are faster on one core
show(
    figures.two_phases("5-3-24", [*"2024", "◂"]),
    alt="An encoder reads a date; one vector c goes to a decoder, which writes the answer.",
)

# %% [markdown]
r"""
## What you will be able to do

- train an encoder–decoder with teacher forcing and a loss that ignores padding;
- write with it: greedily, and with a beam, a length penalty and an end;
- measure how much one vector can hold, and what happens after the first mistake;
- write additive attention and read its alignment;
- compute BLEU by hand, to the digits of the standard tool, and say what it does not see.

**Time** about 90 minutes, best in two sittings (sections 1 to 5, and the rest); another 25 for what is marked optional. **Builds on** [10 LSTM](10_lstm.ipynb) (GRU, states), [09 RNN](09_rnn.ipynb) (reading from both ends), [01 Information](01_information.ipynb) (cross-entropy). The next step is [12 Attention](12_attention.ipynb).
**Sizes** B pairs, S source tokens, T target tokens, V words, H numbers in a state, K beams.
"""

# %% [markdown]
r"""
## 1 · Two phases

An ***encoder–decoder*** is two networks trained as one (Sutskever et al. 2014; Cho et al. 2014).

1. **Encode.** The ***encoder*** reads the source $x_1 \dots x_S$, token by token. Its last state becomes the ***context vector*** $c$.
2. **Decode.** The ***decoder*** starts from $c$ and a begin mark. It predicts a token, reads the one it has chosen, predicts the next, until it predicts an end mark.

So the output has its own length. And the decoder is a language model that was told something first, a ***conditional language model***:

$$p(y_1 \dots y_T \mid x) = \prod_{t=1}^{T} p(y_t \mid y_1 \dots y_{t-1},\, x).$$

All of lesson 01 holds for it: the loss is cross-entropy, in nats a token. What is new is that *all* it knows of $x$ has to be in $c$.

Our encoder is a GRU in both directions, so $c$ has the last state of each, {{128 = one_vector[0].states.size(-1)}} numbers for $H = 64$.
"""

# %%
letters = Rearranged("copy", shortest=1, longest=12, n_letters=8)


def new_model(seed, attention, source_size, target_size, d_hidden=64):
    """A model that starts from this seed: d_model 16, GRU cells."""
    torch.manual_seed(seed)
    sizes = {"d_model": 16, "d_hidden": d_hidden}
    return Seq2Seq(Seq2SeqConfig(source_size, target_size, **sizes, attention=attention))


sizes = letters.vocab_size, letters.vocab_size
draw = torch.Generator().manual_seed(0)
short, long = (torch.randint(3, 11, (1, n), generator=draw) for n in (5, 50))
one_vector, all_states = (
    [new_model(0, attention, *sizes).encode(x)[0] for x in (short, long)]
    for attention in (False, True)  # without it, then with it
)
for name, memories in {"one vector": one_vector, "attention": all_states}.items():
    for memory, n in zip(memories, (5, 50)):
        print(f"{name:11} of {n:2} tokens the decoder gets", tuple(memory.states.shape))

# %% [markdown]
r"""
“The encoder outputs one vector” is said of all encoder–decoders. It holds for the first kind only. With attention (section 7) the decoder gets one state *per source token*, {{50 = all_states[1].states.size(1)}} of them above. In the Transformer of [lesson 14](14_transformer.ipynb), too.

### Question · bits_to_carry

To copy 12 letters, each drawn from 8 with equal probability, how many **bits** must $c$ carry at least? (The length is known.)
"""

# %% exercise="bits_to_carry" points=1 kind="number"
### BEGIN SOLUTION
bits_to_carry = 36
### END SOLUTION

# %% mistake="bits_to_carry" name="letters" hint="96 = 12 · 8 counts the numbers of a one-hot code. How many bits does one choice among 8 take?" active="py"
bits_to_carry = 96

# %% mistake="bits_to_carry" name="nats" hint="That is 12 ln 8, in nats. The question asks for bits: log₂ 8 for each letter." active="py"
bits_to_carry = 24.95

# %% mistake="bits_to_carry" name="one_letter" hint="That is one letter. There are twelve, and they are independent, so their bits add up." active="py"
bits_to_carry = 3

# %% [markdown]
r"""
A vector of {{128 = one_vector[0].states.size(-1)}} 32-bit numbers has far more room than that. Whether gradient descent finds a code that a decoder can read is another matter, and section 5 measures it.

## 2 · Reading the truth

In training the whole target is known. At step $t$ the decoder could read its own last prediction, which is mostly wrong in the beginning, or the **true** token $y_{t-1}$, whatever it would have written. The second is ***teacher forcing*** (Williams and Zipser 1989). Every step then is an ordinary prediction from a correct history, so its loss is exactly a factor of the formula above.

A row of the target is begin, words, end. The decoder reads all but the last token and predicts all but the first:

| step | 1 | 2 | 3 |
|---|---|---|---|
| reads | begin (1) | 7 | 8 |
| is to predict | 7 | 8 | end (2) |

### Exercise · teacher_forcing_inputs
"""


# %% exercise="teacher_forcing_inputs" points=1 withheld="course_lib.seq2seq.teacher_forcing_inputs"
def teacher_forcing_inputs(target: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the decoder reads in training, and what it is to predict after each token.

    target   (B, T) ids, T ≥ 2: begin, words, end, then padding; not changed
    returns  inputs (B, T − 1), all but the last token; labels (B, T − 1), all but the first

    Raises ValueError for any other number of dimensions, and for T < 2.

    Example: [[1, 7, 8, 2]] gives [[1, 7, 8]] and [[7, 8, 2]].
    """
    ### BEGIN SOLUTION
    if target.dim() != 2 or target.size(1) < 2:
        raise ValueError(f"target must be (B, T) with T ≥ 2, got {tuple(target.shape)}")
    return target[:, :-1], target[:, 1:]
    ### END SOLUTION


# %% [markdown] hints="teacher_forcing_inputs"
r"""
1. How many predictions can a row of four tokens teach?
2. Two slices along the tokens, the second dimension. The shape is tested before.
3. `inputs = target[:, :-1]`
"""


# %% cases="teacher_forcing_inputs" active="py"
def cases(seed):
    yield Case({"target": torch.tensor([[1, 7, 8, 2]])}, note="the example")
    yield Case({"target": torch.tensor([[1, 5, 2], [1, 2, 0]])}, note="two rows, one with padding")
    yield Case({"target": torch.tensor([[1, 2]])}, note="an empty text: begin and end")
    for i, shape in enumerate(((2, 4), (3, 6), (5, 3))):
        yield Case({"target": torch.randint(1, 40, shape, generator=generator(seed + i))}, note="random ids")
    yield Case({"target": torch.tensor([[1]])}, note="one token")
    yield Case({"target": torch.tensor([1, 7, 2])}, note="no batch")
    yield Case({"target": torch.ones(2, 3, 4, dtype=torch.int64)}, note="three dimensions")


# %% mistake="teacher_forcing_inputs" name="not_shifted" hint="Inputs and labels are the same tokens: the decoder learns to copy what it reads. It must predict the token after it." active="py"
def teacher_forcing_inputs(target, right=teacher_forcing_inputs):
    return right(target)[0], right(target)[0]


# %% mistake="teacher_forcing_inputs" name="backwards" hint="You read the later token and predict the earlier one. Read all but the last, predict all but the first." active="py"
def teacher_forcing_inputs(target, right=teacher_forcing_inputs):
    inputs, labels = right(target)
    return labels, inputs


# %% mistake="teacher_forcing_inputs" name="no_check" hint="The slices are right; a target of another shape, or with fewer than two tokens, must raise ValueError." active="py"
def teacher_forcing_inputs(target):
    return target[:, :-1], target[:, 1:]


# %% mistake="teacher_forcing_inputs" name="begin_kept_out" hint="You dropped the begin mark from the inputs. It is what the first prediction starts from." active="py"
def teacher_forcing_inputs(target, right=teacher_forcing_inputs):
    inputs, labels = right(target)
    return inputs[:, 1:], labels[:, 1:]


# %% [markdown]
r"""
## 3 · A loss that skips what is not there

Targets of one batch differ in length; short ones are filled up with padding (id 0). After the end mark there is nothing to predict, so a padded position must not count: not in the sum, **and not in the number that you divide by**.

$$\text{loss} = -\frac{1}{N} \sum_{b,t:\; y_{bt} \ne \text{pad}} \log p(y_{bt}), \qquad N = \text{number of labels that are not padding}.$$

By hand: one row has 3 real tokens that cost 2 nats each, another has 1 that costs 4. The mean per token is $(3 \cdot 2 + 4)/4 = {{2.5 = (3 * 2 + 4) / 4}}$. The mean of the two rows' means would be {{3 = (2 + 4) / 2}}: there, each token of a short text counts three times as much.

### Exercise · masked_nll
"""


# %% exercise="masked_nll" points=2 parts={"loss":1,"gradient":1} withheld="course_lib.seq2seq.masked_nll course_lib.seq2seq.seq2seq_loss"
def masked_nll(logits: Tensor, labels: Tensor, pad_id: int = 0) -> Tensor:
    """Return the mean negative log-likelihood of the labels that are not padding, in nats a token.

    logits   (..., V)
    labels   (...) ids
    pad_id   positions with this label count neither in the sum nor in what it is divided by
    returns  a scalar; 0 where all is padding. Gradients flow to the logits

    Raises ValueError when labels do not have the shape of logits without its last dimension.

    Example: zeros (3, 4) and labels [2, 3, 0] give ln 4 = 1.3863.
    """
    ### BEGIN SOLUTION
    if logits.shape[:-1] != labels.shape:
        raise ValueError(f"labels must be {tuple(logits.shape[:-1])}, got {tuple(labels.shape)}")
    losses = -logits.log_softmax(-1).gather(-1, labels[..., None])[..., 0]
    real = labels != pad_id
    return (losses * real).sum() / real.sum().clamp(min=1)
    ### END SOLUTION


# %% [markdown] hints="masked_nll"
r"""
1. Which labels count, and how many are they? What if there are none?
2. Log-softmax over the words, pick each label's entry (`gather`), make those at padding 0, divide by the number of real ones, at least 1.
3. `losses = -logits.log_softmax(-1).gather(-1, labels[..., None])[..., 0]`
"""


# %% cases="masked_nll" active="py"
def cases(seed):
    yield Case({"logits": torch.zeros(3, 4), "labels": torch.tensor([2, 3, 0])}, note="the example", part="loss")
    for i, (pad, rows) in enumerate(
        ((0, [[3, 1, 2, 4], [2, 0, 0, 0]]), (4, [[3, 1, 4], [0, 4, 4]]), (0, [[5, 0], [1, 2]]))
    ):
        labels = torch.tensor(rows)
        case = {"logits": 2 * random_tensor(seed + i, *labels.shape, 6), "labels": labels, "pad_id": pad}
        yield Case(case, note="rows of different length", part="loss")
        yield Case(case | {"ask": "gradient"}, note="gradient", part="gradient")
    one = {"logits": random_tensor(seed + 6, 2, 2, 5), "labels": torch.tensor([[0, 0], [3, 0]])}
    yield Case(one, note="one real label", part="loss")
    labels = torch.tensor([[0, 0], [0, 0]])
    yield Case({"logits": random_tensor(seed + 7, 2, 2, 5), "labels": labels}, note="nothing but padding", part="loss")
    case = {"logits": random_tensor(seed + 8, 2, 3, 5), "labels": torch.tensor([[1, 2]])}
    yield Case(case, note="shapes that do not fit", part="loss")


# %% probe="masked_nll" active="py"
def probe(student, case):
    if "ask" not in case:
        return student(**case)
    logits = case["logits"].clone().requires_grad_()
    loss = student(logits, case["labels"], case["pad_id"])
    return torch.autograd.grad(loss, logits)[0] if loss.requires_grad else "no gradient flows back to the logits"


# %% equivalents="masked_nll" active="py"
equivalents = {
    "(..., 0) → (..., -1)": "the last dimension has one entry",
}


# %% mistake="masked_nll" name="padding_counts" hint="Padded positions are in your mean. Their label is no word; leave them out." active="py"
def masked_nll(logits, labels, pad_id=0, right=masked_nll):
    right(logits, labels, pad_id)
    return F.cross_entropy(logits.flatten(0, -2), labels.flatten())


# %% mistake="masked_nll" name="divides_by_all" hint="The sum leaves padding out, but you divide by all positions: a batch with more padding seems to have a lower loss." active="py"
def masked_nll(logits, labels, pad_id=0, right=masked_nll):
    return right(logits, labels, pad_id) * (labels != pad_id).sum() / labels.numel()


# %% mistake="masked_nll" name="mean_of_rows" hint="You averaged each row and then the rows. All real tokens count alike: one sum, one division." active="py"
def masked_nll(logits, labels, pad_id=0, right=masked_nll):
    if labels.dim() < 2:
        return right(logits, labels, pad_id)
    right(logits, labels, pad_id)
    rows = [right(row, ids, pad_id) for row, ids in zip(logits, labels) if (ids != pad_id).any()]
    return sum(rows) / max(len(rows), 1) + 0 * logits.sum()


# %% mistake="masked_nll" name="always_zero" hint="Right where padding is 0. Which id is padding is the argument pad_id." active="py"
def masked_nll(logits, labels, pad_id=0, right=masked_nll):
    return right(logits, labels, 0)


# %% mistake="masked_nll" name="nan" hint="Right, but where all labels are padding you divide 0 by 0. The docstring asks for 0." active="py"
def masked_nll(logits, labels, pad_id=0, right=masked_nll):
    real = (labels != pad_id).sum()
    return right(logits, labels, pad_id) * real / real


# %% [markdown]
r"""
## 4 · Writing, one word after the other

Now nothing of the target is known. The decoder reads its *own* last word; this is called ***free running***. The state carries everything else, so a step reads one token, not the whole beginning again:

| step | reads | state from | likeliest word |
|---|---|---|---|
| 1 | begin | $c$ | *six* |
| 2 | *six* | step 1 | *thousand* |
| 3 | *thousand* | step 2 | end |

`model(source, token, cache)` does one such step for a batch. `cache = model.new_cache(B, max_len)` holds the state, and what was encoded at the first call. Rows end at different steps: who has ended gets padding. Dropout would make a translation depend on chance, so the model is put into **eval mode**, and afterwards back into the mode that it was in.

### Exercise · greedy_decode
"""


# %% setup=true
def spread_model(seed: int, attention: bool, dropout: float = 0.0, pad_id: int = 0) -> Seq2Seq:
    """A small model with large random weights, so that its choices differ from row to row."""
    sizes = {"source_vocab_size": 9, "target_vocab_size": 7, "d_model": 5, "d_hidden": 6}
    model = Seq2Seq(Seq2SeqConfig(**sizes, attention=attention, dropout=dropout, pad_id=pad_id))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


# %% exercise="greedy_decode" points=4 parts={"words":2,"once":1,"mode":1} withheld="course_lib.seq2seq.greedy_decode course_lib.decoding.generation.generate course_lib.decoding.generation.stream course_lib.decoding.predictor.Predictor course_lib.decoding.sampling.Sampling course_lib.decoding.beam.beam_search course_lib.transformer.translate"
def greedy_decode(
    model,
    source: Tensor,
    max_len: int,
    bos_id: int = 1,
    eos_id: int = 2,
    pad_id: int = 0,
) -> Tensor:
    """Write a target for each source, at every step the likeliest token.

    model    model(source, ids (B, 1), cache) → logits (B, 1, V) of the next token; see above. In
             any mode; it computes in eval mode and is left in the mode that it was in
    source   (B, S) ids
    max_len  write at most so many tokens, at least 1; stop once every row has written eos_id
    returns  (B, T) ids without begin, T ≤ max_len; after its eos_id a row has nothing but pad_id

    One call of the model per step, each with one new token: the source is encoded once.
    """
    ### BEGIN SOLUTION
    training = model.training
    model.eval()
    cache, written = model.new_cache(len(source), max_len), []
    token = torch.full((len(source), 1), bos_id, device=source.device)
    done = torch.zeros_like(token, dtype=torch.bool)
    with torch.no_grad():
        while len(written) < max_len and not done.all():
            token = model(source, token, cache).argmax(-1).masked_fill(done, pad_id)
            written.append(token)
            done = done | (token == eos_id)
    model.train(training)
    return torch.cat(written, dim=1)
    ### END SOLUTION


# %% [markdown] hints="greedy_decode"
r"""
1. What has to be remembered from step to step, for each row?
2. The last tokens (B, 1), beginning with begin, and a boolean (B, 1): who is done? A row that is done gets padding. `model.training` says which mode to restore.
3. `token = model(source, token, cache).argmax(-1).masked_fill(done, …)`
"""


# %% cases="greedy_decode" active="py"
def cases(seed):
    def case(number, attention, rows, length, **options):
        source = torch.randint(3, 9, (rows, 5), generator=generator(seed + number))
        source[0, 3:] = options.get("pad_id", 0)
        return {
            "model seed": 100 * seed + number,
            "attention": attention,
            "source": source,
            "max_len": length,
        } | options

    yield Case(case(1, False, 1, 1), note="one row, one token", part="words")
    for i in range(4):
        yield Case(case(2 + i, i % 2 == 0, 4, 9), note="four rows", part="words")
    for i in range(3):
        case_ = case(20 + i, i % 2 == 0, 6, 9, bos_id=5, eos_id=3 + i % 2, eager=3.0)
        yield Case(case_, note="another begin and end", part="words")
        case_ = case(30 + i, i % 2 == 1, 8, 9, eos_id=4, pad_id=6, eager=3.0)
        yield Case(case_, note="another padding", part="words")
        yield Case(case(40 + i, i == 0, 3, 14, eager=7.0), note="all rows end early", part="words")
    for i in range(2):
        yield Case(case(9 + i, i == 0, 4, 8, ask="work"), note="how much is encoded and read?", part="once")
    for training in (True, False):
        note = "in training mode" if training else "in eval mode"
        yield Case(case(11, True, 4, 9, training=training, ask="mode"), note=note, part="mode")


# %% probe="greedy_decode" active="py"
def probe(student, case):
    options = {name: case[name] for name in ("bos_id", "eos_id", "pad_id") if name in case}
    ask = case.get("ask")
    model = spread_model(case["model seed"], case["attention"], 0.5 if ask == "mode" else 0, case.get("pad_id", 0))
    model.train(case.get("training", False))
    with torch.no_grad():
        model.to_logits.bias[case.get("eos_id", 2)] += case.get("eager", 0.0)  # so that rows end
    counts = {"sources encoded": 0, "tokens read": 0}
    encode, embed = model.encode, model.target_embedding.forward

    def counting_encode(source):
        counts["sources encoded"] += len(source)
        return encode(source)

    def counting_embed(ids):
        counts["tokens read"] += ids.numel()
        return embed(ids)

    model.encode, model.target_embedding.forward = counting_encode, counting_embed
    torch.manual_seed(0)
    ids = student(model, case["source"], case["max_len"], **options)
    if ask == "mode":
        return {"ids": ids, "training afterwards": model.training}
    return counts | {"ids": ids} if ask else ids


# %% equivalents="greedy_decode" active="py"
equivalents = {
    "model.new_cache(len(source), max_len) → model.new_cache(max_len, len(source))": "the cache of a recurrent network needs neither number",
    "with torch.no_grad(): → if True:": "the result is ids, which have no gradients",
    "model(source, token, cache).argmax(-1) → last_argmax(model(source, token, cache), -1)": "no two logits of a network with random weights are equal",
    "done = done | (token == eos_id) → done |= token == eos_id": "done was made here",
}


# %% mistake="greedy_decode" name="goes_on_after_the_end" hint="A row that has ended goes on writing because others have not. From its end on it gets pad_id." active="py"
def greedy_decode(model, source, max_len, bos_id=1, eos_id=2, pad_id=0):
    training = model.training
    model.eval()
    cache, written = model.new_cache(len(source), max_len), []
    token = torch.full((len(source), 1), bos_id)
    done = torch.zeros_like(token, dtype=torch.bool)
    with torch.no_grad():
        while len(written) < max_len and not done.all():
            token = model(source, token, cache).argmax(-1)
            written.append(token)
            done = done | (token == eos_id)
    model.train(training)
    return torch.cat(written, dim=1)


# %% mistake="greedy_decode" name="left_in_eval" hint="The model is left in eval mode: the training that goes on has no dropout, and nothing says so. Restore the mode." active="py"
def greedy_decode(model, source, max_len, bos_id=1, eos_id=2, pad_id=0, right=greedy_decode):
    ids = right(model, source, max_len, bos_id, eos_id, pad_id)
    model.eval()
    return ids


# %% mistake="greedy_decode" name="dropout_active" hint="In training mode dropout draws at random while you write: the same source is translated differently each time. Call model.eval() first." active="py"
def greedy_decode(model, source, max_len, bos_id=1, eos_id=2, pad_id=0, right=greedy_decode):
    training, switch = model.training, model.train
    model.train = lambda mode=True: model
    ids = right(model, source, max_len, bos_id, eos_id, pad_id)
    model.train = switch
    model.train(training)
    return ids


# %% mistake="greedy_decode" name="begin_included" hint="Your result begins with bos_id. That is what the decoder reads first, not what it wrote." active="py"
def greedy_decode(model, source, max_len, bos_id=1, eos_id=2, pad_id=0, right=greedy_decode):
    ids = right(model, source, max_len, bos_id, eos_id, pad_id)
    return torch.cat([ids.new_full((len(ids), 1), bos_id), ids], dim=1)


# %% mistake="greedy_decode" name="to_the_last_step" hint="You always take max_len steps. Stop when every row has written eos_id; only padding would follow." active="py"
def greedy_decode(model, source, max_len, bos_id=1, eos_id=2, pad_id=0, right=greedy_decode):
    ids = right(model, source, max_len, bos_id, eos_id, pad_id)
    return F.pad(ids, (0, max_len - ids.size(1)), value=pad_id)


# %% mistake="greedy_decode" name="reads_all_again" hint="The words are right, but each step reads the source and the whole beginning again. Hand one cache on, and read one new token a step." active="py"
def greedy_decode(model, source, max_len, bos_id=1, eos_id=2, pad_id=0):
    training = model.training
    model.eval()
    ids = torch.full((len(source), 1), bos_id)
    done = torch.zeros_like(ids, dtype=torch.bool)
    with torch.no_grad():
        while ids.size(1) <= max_len and not done.all():
            token = model(source, ids)[:, -1:].argmax(-1).masked_fill(done, pad_id)
            ids = torch.cat([ids, token], dim=1)
            done = done | (token == eos_id)
    model.train(training)
    return ids[:, 1:]


# %% mistake="greedy_decode" name="state_forgotten" hint="Every step starts from c again: a new cache forgets what was written. Make one before the loop." active="py"
def greedy_decode(model, source, max_len, bos_id=1, eos_id=2, pad_id=0):
    training = model.training
    model.eval()
    written, token = [], torch.full((len(source), 1), bos_id)
    done = torch.zeros_like(token, dtype=torch.bool)
    with torch.no_grad():
        while len(written) < max_len and not done.all():
            token = model(source, token, model.new_cache(len(source), max_len)).argmax(-1).masked_fill(done, pad_id)
            written.append(token)
            done = done | (token == eos_id)
    model.train(training)
    return torch.cat(written, dim=1)


# %% [markdown]
r"""
### Does padding matter?

A task with words: numbers in digits are read character by character, and written in words. Two ways to train, three seeds each, equal in everything but the loss: yours, and the mean over all positions, padding included.
"""

# %%
numbers = NumberWords(digits=6, to_words=True)
names = sorted({*ONES, *TENS, "hundred", "thousand", "and"})
vocabulary = ["<pad>", "<begin>", "<end>", *names]


def number_tensors(pairs):
    """Sources (B, S), digits; targets (B, T), words between begin and end; both padded."""
    digits = [torch.tensor([int(d) + 1 for d in source]) for source, _ in pairs]
    texts = [target.replace("-", " ").split() for _, target in pairs]
    words = [torch.tensor([1, *(vocabulary.index(w) for w in text), 2]) for text in texts]
    return tuple(nn.utils.rnn.pad_sequence(rows, batch_first=True) for rows in (digits, words))


def words_of(row):
    """The words of a row of ids, without begin, up to its end."""
    ids = [*row, 2]
    return [vocabulary[i] for i in ids[: ids.index(2)] if i > 2]


# %%
some = numbers.sample(600, torch.Generator().manual_seed(5), held_out=True)
exam = [pair for pair in some if len(pair[0]) > 2]  # few shorter numbers are held out
exam = exam[: budget(full=300, short=20)]
exam_source, exam_target = number_tensors(exam)
truth = [words_of(row) for row in exam_target.tolist()]
padded = (exam_target[:, 1:] == 0).float().mean().item()
print(f"{exam[0][0]} → {' '.join(truth[0])}")
print(f"{padded:.0%} of the positions to be predicted are padding")

# %%
forced_pair = yours("seq2seq.teacher_forcing_inputs", seq2seq.teacher_forcing_inputs)
nll = yours("seq2seq.masked_nll", seq2seq.masked_nll)
write = yours("seq2seq.greedy_decode", seq2seq.greedy_decode)


def train_numbers(seed, skip_padding):
    model = new_model(seed, False, 11, len(vocabulary), d_hidden=48)

    def loss(model, batch):
        inputs, labels = forced_pair(batch[1])
        return nll(model(batch[0], inputs), labels, 0 if skip_padding else -1)

    draw = lambda generator: number_tensors(numbers.sample(64, generator))
    # on the CPU: a loop over words would be mostly launches on a graphics card (lesson 09)
    trainer = Trainer(model, draw, loss, steps=budget(full=120, short=2), lr=1e-2, seed=seed)
    reported = [step.loss for step in trainer]
    return model, sum(reported[-10:]) / len(reported[-10:])


def share_exact(texts):
    return sum(text == right for text, right in zip(texts, truth)) / len(truth)


# %%
spoken, reported, held_out, exact = {}, {}, {}, {}
inputs, labels = forced_pair(exam_target)
for skip in (True, False):
    spoken[skip], reported[skip] = zip(*(train_numbers(seed, skip) for seed in range(3)))
    with torch.no_grad():
        held_out[skip] = [nll(model(exam_source, inputs), labels).item() for model in spoken[skip]]
    greedy = [write(model, exam_source, 16).tolist() for model in spoken[skip]]
    exact[skip] = [share_exact([words_of(row) for row in rows]) for rows in greedy]
    print("padding skipped" if skip else "padding counted", "(three seeds)")
    print("  loss reported at the end    ", *(f"{x:.2f}" for x in reported[skip]))
    print("  nats a real word, held out  ", *(f"{x:.2f}" for x in held_out[skip]))
    print("  exactly right, held out     ", *(f"{x:.0%}" for x in exact[skip]))

# %% [markdown]
r"""
Counting the padding **looks** better: at the end of training it reports {{0.41 = sum(reported[False]) / 3 ± 0.06}} nats instead of {{0.63 = sum(reported[True]) / 3 ± 0.06}}. It **is** worse, in {{every one : min(held_out[False]) > max(held_out[True])}} of the seeds: {{0.82 = sum(held_out[False]) / 3 ± 0.08}} nats for a real word against {{0.69 = sum(held_out[True]) / 3 ± 0.06}}, and {{7 % = sum(exact[False]) / 3 ± 5 %}} of the numbers exactly right against {{14 % = sum(exact[True]) / 3 ± 5 %}}.

Why it looks better is arithmetic: about {{31 % = padded}} of its terms are what follows an end mark, the easiest label there is. Why it learns less we did not take apart; the real words share their gradient with something that needs no learning. Before you compare two losses, ask what each was divided by.
"""

# %% [markdown]
r"""
## 5 · How much one vector holds

The task that leaves nowhere to hide: **copy** 1 to 12 random letters, all lengths equally frequent. Six models: three seeds with one vector, three with attention (section 7 builds it), the same width, the same updates, the same batches. The tests are held-out sources.

A source counts as right if *every* letter is. Draw what you expect of the models with one vector.
"""

# %%
guess = predict_curve(
    "11_seq2seq.length",
    "Copying with one vector: which share of the sources comes out right, by length?",
    x=[2, 4, 6, 8, 10, 12],
    x_label="letters",
    y_label="share right",
    low=0,
    high=1,
)
guess

# %%
lengths, seeds = (2, 4, 6, 8, 10, 12, 14), range(3)
tests = {}
for n in lengths:
    task = Rearranged("copy", shortest=n, longest=n, n_letters=8)
    rows, draw = budget(full=200, short=20), torch.Generator().manual_seed(n)
    tests[n] = task.batch(rows, draw, held_out=True)


def training_loss(model, batch):
    """Teacher forcing and the masked loss: what this lesson trains with."""
    inputs, labels = forced_pair(batch[1])
    return nll(model(batch[0], inputs), labels)


copiers = {}
for attention in (False, True):
    for seed in seeds:
        model = new_model(seed, attention, letters.vocab_size, letters.vocab_size)
        draw, updates = partial(letters.batch, 64), budget(full=120, short=2)
        for _ in Trainer(model, draw, training_loss, steps=updates, lr=1e-2, seed=seed):
            pass
        copiers[attention, seed] = model

# %%
right = {False: [], True: []}
single = {False: [], True: []}  # share of the letters that are right, each at its own place
for (attention, _), model in copiers.items():
    shares, per_letter = [], []
    for n, (source, target) in tests.items():
        output = F.pad(write(model, source, n + 1), (0, n + 1))[:, : n + 1]
        per_letter.append((output == target[:, 1:])[:, :n].float().mean().item())
        shares.append(letters.accuracy(output, target))
    right[attention].append(shares)
    single[attention].append(per_letter)
mean = {a: [sum(values) / 3 for values in zip(*right[a])] for a in right}
each = {a: [sum(values) / 3 for values in zip(*single[a])] for a in single}
guess.reveal(mean[False][:6])

# %%
show(
    figures.with_seeds(
        {"one vector": right[False], "attention": right[True]},
        lengths,
        "letters of the source",
        "share of sources right",
        "One vector fills up; a state per letter does not",
        edge=12.5,
    ),
    alt="Share right by length. "
    + " ".join(f"{n}: {a:.2f} and {b:.2f}." for n, a, b in zip(lengths, mean[False], mean[True])),
)
for name, a in {"one vector": False, "attention": True}.items():
    print(f"{name:11} letters right:", *(f"{n}: {x:.0%} " for n, x in zip(lengths, each[a])))

# %% [markdown]
r"""
With one vector, {{100 % = mean[False][0] ± 2 %}} of the sources of 2 letters come out right, {{54 % = mean[False][2] ± 12 %}} of 6 and {{1 % = mean[False][4] ± 4 %}} of 10. With attention, {{at least 9 in 10 : min(min(shares[:6]) for shares in right[True]) >= 0.9}} at every length up to 12, in each of the three runs.

Three cautions.

- *All or nothing* falls with length even at a constant rate per letter. At 4 letters, {{95 % = each[False][1] ± 3 %}} of the letters were right; at that rate, 12 letters would come out whole in about {{54 % = each[False][1] ** 12 ± 20 %}} of the cases. It is {{0 % = mean[False][5] ± 2 %}}: the share of right letters falls as well, to {{37 % = each[False][5] ± 8 %}}.
- It is a result for this budget. In a trial with 300 updates instead of 120 the fall came about two letters later. There is room for 36 bits in $c$; finding the code takes training.
- Attention is no cure for lengths that were never trained: at 14 letters it gets {{22 % = mean[True][6] ± 20 %}}.
"""

# %% [markdown]
r"""
## 6 · The first mistake, and what follows

Training showed the decoder true beginnings only. Free running shows it its own, with mistakes that it never met. The gap is called ***exposure bias*** (Ranzato et al. 2016). Usually it is asserted; we can measure it. The same models, the same sources of 8 letters, twice: every step reads the true letter, or its own.

### Exercise · accuracy_by_position · optional
"""


# %% exercise="accuracy_by_position" points=2 optional=true withheld="course_lib.metrics.classification.accuracy"
def accuracy_by_position(outputs: Tensor, labels: Tensor, pad_id: int = 0) -> Tensor:
    """Return, for each position of the labels, the share of rows whose output is right there.

    outputs  (B, T') ids; what lies beyond its end, T' < T, counts as wrong
    labels   (B, T) ids; rows with pad_id at a position do not count there
    returns  (T,) float32; 0 where all rows have padding

    Example: outputs [[5, 6], [5, 9]], labels [[5, 6, 2], [7, 0, 0]] give [0.5, 1.0, 0.0].
    """
    ### BEGIN SOLUTION
    missing = max(0, labels.size(1) - outputs.size(1))
    outputs = F.pad(outputs, (0, missing), value=-1)[:, : labels.size(1)]
    real = labels != pad_id
    return ((outputs == labels) & real).sum(0) / real.sum(0).clamp(min=1)
    ### END SOLUTION


# %% [markdown] hints="accuracy_by_position"
r"""
1. Along which dimension do you count, and which rows take part at a position?
2. Make outputs as wide as labels with an id that is never right, count equal and real, divide by the real ones, at least 1.
3. `outputs = F.pad(outputs, (0, missing), value=-1)`
"""


# %% cases="accuracy_by_position" active="py"
def cases(seed):
    labels = torch.tensor([[5, 6, 2], [7, 0, 0]])
    yield Case({"outputs": torch.tensor([[5, 6], [5, 9]]), "labels": labels}, note="the example")
    for i, (rows, wide, pad) in enumerate(((6, 4, 0), (5, 6, 3), (7, 5, 0))):
        draw = generator(seed + i)
        labels = torch.randint(1, 4, (rows, 4), generator=draw)
        outputs = torch.randint(1, 4, (rows, wide), generator=draw)
        labels[0, 2:], labels[1, 1:] = pad, pad
        outputs[0, 2:4] = pad  # equal to the padding of the labels, which is no success
        yield Case({"outputs": outputs, "labels": labels, "pad_id": pad}, note="random ids")
        short = torch.randint(0, 3, (rows, 4), generator=draw)
        case = {"outputs": short[:, :2], "labels": short, "pad_id": 3}
        yield Case(case, note="outputs end early, and 0 is an id")
    labels = torch.tensor([[1, 0], [2, 0]])
    yield Case({"outputs": torch.tensor([[1, 0], [1, 0]]), "labels": labels}, note="a position of padding")


# %% equivalents="accuracy_by_position" active="py"
equivalents = {
    "max(0, labels.size(1) - outputs.size(1)) → max(1, labels.size(1) - outputs.size(1))": "what is filled up too far is cut off again",
    "max(0, labels.size(1) - outputs.size(1)) → max(-1, labels.size(1) - outputs.size(1))": "a negative filling cuts off what is cut off anyway",
    "value=-1 → value=-2": "no id is negative",
}


# %% mistake="accuracy_by_position" name="padding_is_right" hint="Padding that equals padding is counted as right. Rows without a word at a position do not count there." active="py"
def accuracy_by_position(outputs, labels, pad_id=0):
    outputs = F.pad(outputs, (0, max(0, labels.size(1) - outputs.size(1))), value=-1)[:, : labels.size(1)]
    return (outputs == labels).float().mean(0)


# %% mistake="accuracy_by_position" name="divides_by_all" hint="You divide by all rows. Divide by those that have a word at the position." active="py"
def accuracy_by_position(outputs, labels, pad_id=0, right=accuracy_by_position):
    return right(outputs, labels, pad_id) * (labels != pad_id).float().mean(0)


# %% mistake="accuracy_by_position" name="up_to_there" hint="You ask whether everything up to the position is right; the question is about the position alone." active="py"
def accuracy_by_position(outputs, labels, pad_id=0):
    outputs = F.pad(outputs, (0, max(0, labels.size(1) - outputs.size(1))), value=-1)[:, : labels.size(1)]
    real = labels != pad_id
    return (((outputs == labels) | ~real).cumprod(1).bool() & real).sum(0) / real.sum(0).clamp(min=1)


# %% mistake="accuracy_by_position" name="always_zero" hint="Right where padding is 0; the argument pad_id says which id it is." active="py"
def accuracy_by_position(outputs, labels, pad_id=0, right=accuracy_by_position):
    return right(outputs, labels, 0)


# %%
by_position = yours("seq2seq.accuracy_by_position", lambda a, b: (a == b).float().mean(0))
source, target = tests[8]
inputs, labels = forced_pair(target)
forced, free = [], []
for seed in seeds:
    with torch.no_grad():
        forced.append(copiers[False, seed](source, inputs).argmax(-1))
    free.append(F.pad(write(copiers[False, seed], source, 9), (0, 9))[:, :9])
curves = {
    "reads its own letters": [by_position(ids, labels)[:8].tolist() for ids in free],
    "reads the true letters": [by_position(ids, labels)[:8].tolist() for ids in forced],
}
show(
    figures.with_seeds(
        curves,
        range(1, 9),
        "position in the target",
        "share of letters right",
        "The same model, the same source: only what it reads differs",
        chance=1 / 8,
    ),
    alt="Shares right by position. "
    + " ".join(f"{name}: " + ", ".join(f"{x:.2f}" for x in r[0]) for name, r in curves.items()),
)

# %%
after = {"own": torch.zeros(4), "true": torch.zeros(4)}
swapped, n_first = 0, 0
for own, told in zip(free, forced):
    wrong = own[:, :8] != labels[:, :8]
    first = wrong.int().argmax(1)  # of each row, where its first mistake is
    for row in (wrong.any(1) & (first <= 3)).nonzero().flatten().tolist():
        t, n_first = first[row].item(), n_first + 1
        for name, ids in {"own": own, "true": told}.items():
            after[name] += (ids == labels)[row, t + 1 : t + 5]
        swapped += own[row, t : t + 2].tolist() == labels[row, t : t + 2].flip(0).tolist()
after = {name: (count / max(n_first, 1)).tolist() for name, count in after.items()}
swapped = swapped / max(n_first, 1)
print(f"{n_first} first mistakes at one of the first four letters, three seeds. Right after it:")
for name, shares in after.items():
    print(f"  reads {name:4}", *(f"  +{k}: {share:.0%}" for k, share in enumerate(shares, 1)))
print(f"two neighbours written the wrong way round: {swapped:.0%} of the mistakes")

# %% [markdown]
r"""
At the first letter the curves {{meet : all(abs(a[0] - b[0]) < 1e-6 for a, b in zip(*curves.values()))}}, since nothing was read yet. Then they part: at the sixth, {{46 % = sum(run[5] for run in curves["reads its own letters"]) / 3 ± 10 %}} after its own letters and {{72 % = sum(run[5] for run in curves["reads the true letters"]) / 3 ± 10 %}} after the true ones.

Is the whole gap exposure bias? It is an upper bound. A true beginning is not only *familiar*, it also *helps*: it says which letters are done. The loss on held-out texts, which is measured after true beginnings, sees only the upper curve.
"""

# %% [markdown]
r"""
**After the first mistake.** Reading its own letters, the model gets {{10 % = after["own"][0] ± 8 %}} of the next letters right, told the truth {{86 % = after["true"][0] ± 10 %}}. So far the story goes as usually told. But then it **recovers**: two letters later {{52 % = after["own"][1] ± 14 %}} are right, far above the {{12.5 % = 1 / 8}} of a guess. Errors do not simply grow along the text.

Nor is the first mistake of any kind: in {{68 % = swapped ± 18 %}} of the cases two neighbours are written the wrong way round. The model knew which letters, not which comes first; having written the second, it goes back for the first. The bad next letter is the other half of the same mistake.
"""

# %% [markdown]
r"""
## 7 · Look again for every word

Why keep one vector? The encoder has a state $m_s$ at every source token. Bahdanau, Cho and Bengio (2015) let the decoder take another mean of them at each step: ***additive attention***. With the decoder's state $q$ before the step,

$$e_s = v^\top \tanh(W_q q + W_k m_s), \qquad a = \operatorname{softmax}(e_1 \dots e_S), \qquad c = \sum_{s=1}^{S} a_s m_s .$$

The weights $a$ are an ***alignment***: they say where it looked for this word. $q$ and $m_s$ may differ in size, since each has its own matrix. Padding of the source must get weight 0.

By hand, sizes 1, $W_q = W_k = v = 1$, $q = 0$, memory $(0, 5)$: the scores are $\tanh 0 = 0$ and $\tanh 5 = {{0.9999 = math.tanh(5)}}$, the weights {{0.269 = 1 / (1 + math.exp(math.tanh(5)))}} and {{0.731 = 1 / (1 + math.exp(-math.tanh(5)))}}. Each $\tanh$ lies between −1 and 1: a sharp look needs a large $v$.

### Exercise · additive_attention

In code $q$ and the memory are rows: `query @ w_q` has the shape (B, A), `memory @ w_k` (B, S, A).
"""


# %% exercise="additive_attention" points=3 parts={"attention":2,"mask":1} withheld="course_lib.seq2seq.additive_attention"
def additive_attention(
    query: Tensor, memory: Tensor, w_q: Tensor, w_k: Tensor, v: Tensor, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Let a state of the decoder look at the states of the encoder.

    query    (B, Q) the decoder's state before it writes
    memory   (B, S, M) the encoder's states: looked at, and averaged
    w_q, w_k (Q, A) and (M, A); v (A,)
    mask     (B, S) boolean, True = may attend; None: all may be
    returns  context (B, M) and weights (B, S), which sum to 1, or are 0 where nothing may be
             attended to; no nan, in no gradient either. Gradients flow to the first five arguments

    Example: query [[0]], memory [[[0], [5]]], all matrices [[1]], v [1] give the weights
    [[0.2690, 0.7310]] and the context [[3.6552]].
    """
    ### BEGIN SOLUTION
    scores = torch.tanh((query @ w_q)[:, None] + memory @ w_k) @ v  # (B, S)
    if mask is None:
        mask = torch.ones_like(scores, dtype=torch.bool)
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1).masked_fill(~mask, 0.0)
    return (weights[:, None] @ memory)[:, 0], weights
    ### END SOLUTION


# %% [markdown] hints="additive_attention"
r"""
1. Every memory state gets a score from the same query. Which shapes must be added for that?
2. Give the query a dimension for S. tanh, then the product with v; hidden scores become the smallest number of their dtype; softmax over S, then weight 0 where hidden; then the weighted sum.
3. `scores = torch.tanh((query @ w_q)[:, None] + memory @ w_k) @ v`
"""


# %% cases="additive_attention" active="py"
def cases(seed):
    one = torch.ones(1, 1)
    small = {"query": torch.zeros(1, 1), "memory": torch.tensor([[[0.0], [5.0]]]), "w_q": one, "w_k": one}
    yield Case(small | {"v": torch.ones(1)}, note="the example", part="attention")
    for i, (b, s, q, m, a) in enumerate(((2, 3, 4, 2, 5), (3, 5, 2, 6, 3), (2, 2, 3, 4, 4))):
        shapes = {"query": (b, q), "memory": (b, s, m), "w_q": (q, a), "w_k": (m, a), "v": (a,)}
        case = {name: random_tensor(seed + 10 * i + j, *shape) for j, (name, shape) in enumerate(shapes.items())}
        yield Case(case, note="random", part="attention")
        mask = torch.rand(b, s, generator=generator(seed + i)) < 0.6
        mask[:, 0], mask[0, 1:] = True, False
        yield Case(case | {"mask": mask}, note="with padding", part="mask")
        losses = {"loss c": random_tensor(seed + 50 + i, b, m), "loss a": random_tensor(seed + 60 + i, b, s)}
        yield Case(case | losses, note="gradients", part="attention")
        mask = mask.clone()
        mask[-1] = False
        yield Case(case | {"mask": mask} | losses, note="gradients, a row has nothing to look at", part="mask")
    yield Case(case | {"mask": mask}, note="a row has nothing to look at", part="mask")


# %% probe="additive_attention" active="py"
def probe(student, case):
    names = ("query", "memory", "w_q", "w_k", "v")
    inputs = {name: case[name].clone().requires_grad_("loss c" in case) for name in names}
    context, weights = student(**inputs, mask=case.get("mask"))
    if "loss c" not in case:
        return {"context": context, "weights": weights}
    loss = (context * case["loss c"]).sum() + (weights * case["loss a"]).sum()
    if not loss.requires_grad:
        return "no gradient flows back to any argument"
    grads = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True, materialize_grads=True)
    return {"context": context.detach(), "weights": weights.detach()} | dict(zip(names, grads))


# %% equivalents="additive_attention" active="py"
equivalents = {
    "(:, 0) → (:, -1)": "the product has one row for each query",
}


# %% mistake="additive_attention" name="no_tanh" hint="The tanh is missing: without it the query adds the same number to all scores, and the softmax forgets it." active="py"
def additive_attention(query, memory, w_q, w_k, v, mask=None):
    scores = ((query @ w_q)[:, None] + memory @ w_k) @ v
    mask = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask
    weights = scores.masked_fill(~mask, -1e30).softmax(-1).masked_fill(~mask, 0.0)
    return (weights[:, None] @ memory)[:, 0], weights


# %% mistake="additive_attention" name="mask_inverted" hint="Your mask hides the real tokens: True = may attend." active="py"
def additive_attention(query, memory, w_q, w_k, v, mask=None, right=additive_attention):
    return right(query, memory, w_q, w_k, v, None if mask is None else ~mask)


# %% mistake="additive_attention" name="mask_ignored" hint="The mask is never used: the decoder also looks at the padding of the source." active="py"
def additive_attention(query, memory, w_q, w_k, v, mask=None, right=additive_attention):
    return right(query, memory, w_q, w_k, v)


# %% mistake="additive_attention" name="hidden_after_the_softmax" hint="You set hidden weights to 0 after the softmax; those of the real tokens then sum to less than 1. Hide the scores before it." active="py"
def additive_attention(query, memory, w_q, w_k, v, mask=None, right=additive_attention):
    _, weights = right(query, memory, w_q, w_k, v)
    weights = weights if mask is None else weights.masked_fill(~mask, 0.0)
    return (weights[:, None] @ memory)[:, 0], weights


# %% mistake="additive_attention" name="scores_zeroed" hint="You set the scores of hidden tokens to 0. exp(0) is 1, so they still get weight: use the smallest number, then set the weight to 0." active="py"
def additive_attention(query, memory, w_q, w_k, v, mask=None):
    scores = torch.tanh((query @ w_q)[:, None] + memory @ w_k) @ v
    weights = (scores if mask is None else scores.masked_fill(~mask, 0.0)).softmax(-1)
    return (weights[:, None] @ memory)[:, 0], weights


# %% mistake="additive_attention" name="nothing_to_see" hint="A row whose mask is all False gets equal weights from your softmax, or nan. Its weights must be 0." active="py"
def additive_attention(query, memory, w_q, w_k, v, mask=None, right=additive_attention):
    if mask is not None:
        mask = mask | ~mask.any(-1, keepdim=True)
    return right(query, memory, w_q, w_k, v, mask)


# %% [markdown]
r"""
### Find the bug · decoder_step · optional

One step of a decoder that looks: attend, read the word and the context side by side into a GRU ([lesson 10](10_lstm.ipynb)), and make the logits from the new state and the context. It runs, the shapes are right, and what it learns is poor.
"""


# %% exercise="decoder_step" points=3 optional=true parts={"looks":1,"goes on":1,"says":1} needs="additive_attention" withheld="torch.nn.GRU torch.nn.GRUCell"
def decoder_step(x: Tensor, h: Tensor, memory: Tensor, mask: Tensor, p: dict) -> tuple:
    """Read one word and predict the next.

    x        (B, E) the vector of the word that is read
    h        (B, H) the state before the step
    memory   (B, S, M) the encoder's states; mask (B, S), True = a real token
    p        weights: w_q, w_k, v of the attention; w_ih, w_hh, b_ih, b_hh of the GRU, which reads
             x and the context, in this order; w_out (V, H + M), b_out (V,), which are multiplied by
             the new state and the context, in this order
    returns  logits (B, V), the new state (B, H), the weights of the attention (B, S)

    The attention asks with the state before the step.
    """
    ### BEGIN SOLUTION
    context, weights = additive_attention(h, memory, p["w_q"], p["w_k"], p["v"], mask)
    read = torch.cat([x, context], dim=-1)
    h = gru_cell(read, h, p["w_ih"], p["w_hh"], p["b_ih"], p["b_hh"])
    logits = torch.cat([h, context], dim=-1) @ p["w_out"].T + p["b_out"]
    return logits, h, weights
    ### END SOLUTION
    ### BEGIN STARTER
    # context, weights = additive_attention(h, memory, p["w_q"], p["w_k"], p["v"])
    # read = torch.cat([x, context], dim=-1)
    # new = gru_cell(read, h, p["w_ih"], p["w_hh"], p["b_ih"], p["b_hh"])
    # logits = torch.cat([h, context], dim=-1) @ p["w_out"].T + p["b_out"]
    # return logits, h, weights
    ### END STARTER


# %% [markdown] hints="decoder_step"
r"""
1. Follow each argument and each result: is all that comes in used, and is all that is computed used?
2. What does the attention know of padding? From which state are the logits made, and which one does the next step start from?
3. `additive_attention(h, memory, p["w_q"], p["w_k"], p["v"], …)`
"""


# %% cases="decoder_step" active="py"
def cases(seed):
    for i, (b, s, e, h, m, a, v) in enumerate(((1, 2, 2, 3, 2, 2, 4), (2, 3, 3, 2, 4, 3, 5), (3, 4, 2, 4, 3, 5, 3))):
        shapes = {"w_q": (h, a), "w_k": (m, a), "v": (a,), "w_ih": (3 * h, e + m), "w_hh": (3 * h, h)}
        shapes |= {"b_ih": (3 * h,), "b_hh": (3 * h,), "w_out": (v, h + m), "b_out": (v,)}
        p = {name: random_tensor(seed + 20 * i + j, *shape) for j, (name, shape) in enumerate(shapes.items())}
        start = seed + 20 * i + 10
        case = {"x": random_tensor(start, b, e), "h": random_tensor(start + 1, b, h)}
        case |= {"memory": random_tensor(start + 2, b, s, m), "p": p}
        whole, cut = torch.ones(b, s, dtype=torch.bool), torch.ones(b, s, dtype=torch.bool)
        cut[:, -1] = False
        yield Case(case | {"mask": whole, "ask": 0}, note="the logits", part="says")
        yield Case(case | {"mask": whole, "ask": 1}, note="the new state", part="goes on")
        yield Case(case | {"mask": cut, "ask": 2}, note="where it looks, with padding", part="looks")


# %% probe="decoder_step" active="py"
def probe(student, case):
    logits, h, weights = student(case["x"], case["h"], case["memory"], case["mask"], case["p"])
    return (logits, h, weights)[case["ask"]]


# %% mistake="decoder_step" name="old_logits" hint="One fault is left: the logits are made from the state before the step, which has not read x." active="py"
def decoder_step(x, h, memory, mask, p):
    context, weights = additive_attention(h, memory, p["w_q"], p["w_k"], p["v"], mask)
    new = gru_cell(torch.cat([x, context], -1), h, p["w_ih"], p["w_hh"], p["b_ih"], p["b_hh"])
    return torch.cat([h, context], -1) @ p["w_out"].T + p["b_out"], new, weights


# %% mistake="decoder_step" name="stands_still" hint="One fault is left: you return the state that came in, so every step starts from the same one." active="py"
def decoder_step(x, h, memory, mask, p, right=decoder_step):
    logits, _, weights = right(x, h, memory, mask, p)
    return logits, h, weights


# %% mistake="decoder_step" name="mask_lost" hint="One fault is left: the mask never reaches the attention, so it looks at padding, too." active="py"
def decoder_step(x, h, memory, mask, p, right=decoder_step):
    return right(x, h, memory, torch.ones_like(mask), p)


# %% mistake="decoder_step" name="context_first" hint="The GRU reads x first and the context after it; yours are the other way round, so each meets the other's weights." active="py"
def decoder_step(x, h, memory, mask, p):
    context, weights = additive_attention(h, memory, p["w_q"], p["w_k"], p["v"], mask)
    h = gru_cell(torch.cat([context, x], -1), h, p["w_ih"], p["w_hh"], p["b_ih"], p["b_hh"])
    return torch.cat([h, context], -1) @ p["w_out"].T + p["b_out"], h, weights


# %% [markdown]
r"""
### Dates, and where it looks

Sources in eleven English notations, targets in ISO 8601, both character by character. A tenth of all *days* is held out, in every notation. One run.
"""

# %%
dates = Dates()
dates_source, dates_target = dates.batch(200, torch.Generator().manual_seed(9), held_out=True)
reader = new_model(0, True, dates.vocab_size, dates.vocab_size)
draw, updates = partial(dates.batch, 64), budget(full=150, short=2)
trainer = Trainer(reader, draw, training_loss, steps=updates, lr=1e-2)
for _ in trainer:
    pass
read_right = dates.accuracy(write(reader, dates_source, 11), dates_target)
print(f"{trainer.seconds:.0f} s of training; {read_right:.0%} of 200 held-out days are right")

# %%
text = "the 24th of January, 1986"
source = torch.tensor([dates.encode(text)])
answer = dates.decode(write(reader, source, 11)[0])
looked = reader.attention_map(source, torch.tensor([[1, *dates.encode(answer)]]))[0]  # (T, S)
show(
    figures.alignment_map(text, f"{answer}◂", looked, f"{text} → {answer}"),
    alt="Where it looks most: "
    + ", ".join(f"{w} at {text[i]}" for w, i in zip(f"{answer}◂", looked.argmax(1).tolist())),
)
held_out_day = dates.is_held_out(text, "1986-01-24")

# %% [markdown]
r"""
{{96 % = read_right ± 6 %}} of the held-out days are right (one run), and this one is {{held out : held_out_day}}. Follow the rows. The four digits of the year look at the year, with {{99 % = looked[:4, 21:].sum(1).mean().item() ± 8 %}} of their weight. The second digit of the month looks into the word *January* ({{81 % = looked[6, 12:19].sum().item() ± 20 %}}): its letters have to be *translated*. The digits of the day look at the day, less sharply ({{64 % = looked[8:10, 4:6].sum(1).mean().item() ± 20 %}}). And where nothing has to be fetched, at the two hyphens and the end, the look is diffuse: {{no weight reaches one half : looked[[4, 7, 10]].max() < 0.5}}. The order is the target's, not the source's, and nobody told it which character belongs to which.

Two cautions. Each $m_s$ has read its surroundings in both directions, so a look at one letter of *January* may be a look at the word. And a weight says where it looked, not what it took from there; in translation such maps sometimes differ a lot from what people would align (Koehn and Knowles 2017).

Step through it:
"""

# %%
replay(text, f"{answer}◂", looked)

# %% [markdown]
r"""
## 8 · More than one beginning

Greedy writing commits to each word for good. ***Beam search*** keeps the $K$ most probable beginnings, the beams. Each step asks for the next word after all of them at once: $K$ sums $\ell_k$ of log-probabilities so far, and $K$ rows of $V$ new ones. Of the $K \cdot V$ continuations the best $K$ stay:

$$\text{total}_{k,v} = \ell_k + \log p(v \mid \text{beam } k, x).$$
"""

# %% [markdown]
r"""
By hand, two beams with probability 0.6 and 0.4, two words:

| beam | word 0 | word 1 |
|---|---|---|
| 0 (0.6) | $0.6 \cdot 0.55 = {{0.33 = 0.6 * 0.55}}$ | $0.6 \cdot 0.45 = {{0.27 = 0.6 * 0.45}}$ |
| 1 (0.4) | $0.4 \cdot 0.9 = {{0.36 = 0.4 * 0.9}}$ | $0.4 \cdot 0.1 = {{0.04 = 0.4 * 0.1}}$ |

The best two are word 0 after beam 1, then word 0 after beam 0. A flat index $i$ into the table is beam $\lfloor i / V \rfloor$, word $i \bmod V$. [Lesson 18](18_sampling.ipynb) writes the whole search for a language model, with what can go wrong; here you write its heart as it runs on tensors, and the source comes in through the log-probabilities.

### Exercise · beam_step
"""


# %% exercise="beam_step" points=3 withheld="course_lib.decoding.beam.beam_search course_lib.decoding.beam.Hypothesis course_lib.decoding.beam._best_candidates"
def beam_step(scores: Tensor, log_probs: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the k best continuations of the beams, best first.

    scores     (K,) log-probability of each beam; −inf: this beam is closed and is not continued
    log_probs  (K, V) of the next word after each beam, in nats
    k          how many to keep
    returns    parents (n,) int64, the beam that each continues; words (n,) int64; totals (n,), of
               beam and word together. n is k, or less where fewer have a total above −inf

    Example: log of (0.6, 0.4), log of [[0.55, 0.45], [0.9, 0.1]] and k = 2 give the parents [1, 0],
    the words [0, 0] and the totals [ln 0.36, ln 0.33].
    """
    ### BEGIN SOLUTION
    totals = (scores[:, None] + log_probs).flatten()  # (K·V)
    best, place = totals.topk(min(k, len(totals)))
    possible = best > -math.inf
    best, place = best[possible], place[possible]
    return place // log_probs.size(1), place % log_probs.size(1), best
    ### END SOLUTION


# %% [markdown] hints="beam_step"
r"""
1. How many candidates are there, and with whom does each compete?
2. Add each beam's score to its row, flatten, `topk` (of at most as many as there are), drop −inf, and turn flat indices into beam and word.
3. `totals = (scores[:, None] + log_probs).flatten()`
"""


# %% cases="beam_step" active="py"
def cases(seed):
    scores, rows = torch.tensor([0.6, 0.4]).log(), torch.tensor([[0.55, 0.45], [0.9, 0.1]]).log()
    yield Case({"scores": scores, "log_probs": rows, "k": 2}, note="the example")
    yield Case({"scores": torch.tensor([0.0, -math.inf]), "log_probs": rows, "k": 3}, note="a closed beam")
    yield Case({"scores": scores, "log_probs": rows, "k": 9}, note="more than there are")
    for i, (k, v, n) in enumerate(((3, 5, 3), (2, 7, 4), (4, 3, 2))):
        scores = -2 * random_tensor(seed + i, k).abs()
        rows = random_distributions(seed + 10 + i, k, v).log()
        yield Case({"scores": scores, "log_probs": rows, "k": n}, note="random")
    scores = torch.tensor([-1.0, -30.0, -1.2])
    yield Case({"scores": scores, "log_probs": random_distributions(seed, 3, 4).log(), "k": 4}, note="a poor beam")
    rows = torch.tensor([[0.7, 0.3, 0.0], [0.2, 0.0, 0.8]]).log()
    yield Case({"scores": torch.tensor([-0.5, -0.1]), "log_probs": rows, "k": 5}, note="impossible words")


# %% equivalents="beam_step" active="py"
equivalents = {
    "-math.inf → -1000000000.0": "no sum of log-probabilities is as low, unless a word is impossible",
}


# %% mistake="beam_step" name="each_its_best" hint="You continue every beam with its own best words. All continuations compete: a beam may get two, or none." active="py"
def beam_step(scores, log_probs, k):
    best, words = log_probs.topk(max(1, min(k // len(scores), log_probs.size(1))))
    totals = (scores[:, None] + best).flatten()
    parents = torch.arange(len(scores)).repeat_interleave(best.size(1))
    order = totals.argsort(descending=True)
    order = order[totals[order] > -math.inf]
    return parents[order], words.flatten()[order], totals[order]


# %% mistake="beam_step" name="scores_forgotten" hint="You compare the new words alone. The log-probability of the beam so far is part of the total." active="py"
def beam_step(scores, log_probs, k, right=beam_step):
    return right(torch.where(scores > -math.inf, 0.0, scores), log_probs, k)


# %% mistake="beam_step" name="parents_and_words_swapped" hint="Parents and words are swapped: of a flat index i, the beam is i // V and the word i % V." active="py"
def beam_step(scores, log_probs, k, right=beam_step):
    parents, words, totals = right(scores, log_probs, k)
    return words, parents, totals


# %% mistake="beam_step" name="divided_by_beams" hint="You divide the flat index by the number of beams. A row of the table has V entries: i // V and i % V." active="py"
def beam_step(scores, log_probs, k, right=beam_step):
    parents, words, totals = right(scores, log_probs, k)
    place = parents * log_probs.size(1) + words
    return place // len(scores), place % len(scores), totals


# %% mistake="beam_step" name="closed_ones_too" hint="Right but for impossible continuations: totals of −inf are no continuation, leave them out." active="py"
def beam_step(scores, log_probs, k):
    best, place = (scores[:, None] + log_probs).flatten().topk(min(k, log_probs.numel()))
    return place // log_probs.size(1), place % log_probs.size(1), best


# %% [markdown]
r"""
### The search around it

A continuation that ends with the end mark is **finished** and set aside; the others stay open. The decoder's state belongs to its beam, so it is *reordered*: row $i$ of the cache must become the state of the beam that $i$ continues. Forgetting that is a classic: nothing crashes, and every beam goes on with somebody else's memory.
"""


# %%
def library_step(scores, log_probs, k):
    places = (scores[:, None] + log_probs).flatten().topk(min(k, log_probs.numel()))
    return places.indices // log_probs.size(1), places.indices % log_probs.size(1), places.values


step = yours("seq2seq.beam_step", library_step)


# %%
@torch.no_grad()
def search(model, source, beams, max_len=16):
    """All finished hypotheses (words, log-probability) for one source (1, S)."""
    cache, scores, finished = model.new_cache(beams, max_len), torch.zeros(1), []
    ids = torch.tensor([[1]])  # begin
    while ids.size(1) <= max_len and len(scores):
        log_probs = model(source, ids[:, -1:], cache)[:, -1].log_softmax(-1)
        parents, words, totals = step(scores, log_probs, 2 * beams)
        for place in (words[:beams] == 2).nonzero().flatten().tolist():
            finished.append(([*ids[parents[place], 1:].tolist(), 2], totals[place].item()))
        still = (words != 2).nonzero().flatten()[:beams]
        ids = torch.cat([ids[parents[still]], words[still, None]], dim=1)
        scores = totals[still]
        cache.reorder(parents[still])
    return sorted(finished, key=lambda found: -found[1])


# %%
speaker = spoken[True][0].eval()
pick = 4
source = exam_source[pick : pick + 1, : len(exam[pick][0])]
found = search(speaker, source, beams=5)
print(f"{exam[pick][0]}: {' '.join(truth[pick])}\n")
for ids, log_prob in found[:6]:
    print(f"log p {log_prob:6.2f}, {len(ids):2} tokens   {' '.join(words_of(ids))}")

# %% [markdown]
r"""
### The length penalty

Each word multiplies the probability by something below 1, so a short hypothesis has an advantage that has nothing to do with the source. A ***length penalty*** compares

$$\text{score} = \frac{\log p}{n^{\alpha}}, \qquad n \text{ words, the end included.}$$

$\alpha = 0$ compares probabilities, $\alpha = 1$ the mean per word. Log-probabilities are negative, so dividing by more brings a long text *nearer to 0*. (Wu et al. 2016 divide by $((5 + n)/6)^\alpha$.)

By hand: $\log p = -2$ with 4 words, $-1.5$ with 2. At $\alpha = 0$ the short one wins. At $\alpha = 1$ the long one: ${{-0.5 = -2 / 4}}$ against ${{-0.75 = -1.5 / 2}}$.

### Exercise · rescore
"""


# %% exercise="rescore" points=2 withheld="course_lib.decoding.beam.Hypothesis course_lib.decoding.beam.beam_search"
def rescore(log_probs: Tensor, lengths: Tensor, alpha: float) -> Tensor:
    """Rank finished hypotheses by log p / n ** alpha.

    log_probs  (N,) of whole hypotheses, in nats, at most 0, float64
    lengths    (N,) int64, n: the words of each, the end included, at least 1
    alpha      the length penalty, at least 0
    returns    (N,) int64: indices of the hypotheses, best score first; of equal scores the one that
               comes first in the arguments

    Raises ValueError for a negative alpha.

    Example: log_probs [−1.5, −2.0], lengths [2, 4] give [0, 1] for alpha 0 and [1, 0] for alpha 1.
    """
    ### BEGIN SOLUTION
    if alpha < 0:
        raise ValueError(f"alpha must be at least 0, got {alpha}")
    return (log_probs / lengths**alpha).argsort(descending=True, stable=True)
    ### END SOLUTION


# %% [markdown] hints="rescore"
r"""
1. Is the best score the largest or the smallest number? They are all negative.
2. Divide, then sort by the score, the largest first, with a sort that keeps the order of equals.
3. `scores.argsort(descending=True, stable=…)`
"""


# %% cases="rescore" active="py"
def cases(seed):
    example = {"log_probs": torch.tensor([-1.5, -2.0]).double(), "lengths": torch.tensor([2, 4])}
    yield Case(example | {"alpha": 0.0}, note="the example, α = 0")
    yield Case(example | {"alpha": 1.0}, note="the example, α = 1")
    tied = {"log_probs": torch.tensor([-3.0, -1.0, -2.0, -4.0]).double(), "lengths": torch.tensor([3, 1, 2, 4])}
    yield Case(tied | {"alpha": 1.0}, note="all scores are equal")
    many = {"log_probs": -torch.tensor([2.0, 1.0] * 40).double(), "lengths": torch.tensor([2, 1] * 40)}
    yield Case(many | {"alpha": 1.0}, note="eighty equal scores")
    for i, alpha in enumerate((0.0, 0.6, 1.0, 1.7)):
        lengths = torch.randint(1, 15, (9,), generator=generator(seed + i))
        each = 0.5 + torch.rand(9, generator=generator(seed + 20 + i), dtype=torch.float64)
        yield Case({"log_probs": -each * lengths**0.8, "lengths": lengths, "alpha": alpha}, note="random")
    yield Case(example | {"alpha": -0.5}, note="a negative penalty")


# %% mistake="rescore" name="multiplied" hint="You multiply by n ** alpha. Log-probabilities are negative, so that punishes long texts twice: divide." active="py"
def rescore(log_probs, lengths, alpha, right=rescore):
    right(log_probs, lengths, alpha)
    return (log_probs * lengths**alpha).argsort(descending=True, stable=True)


# %% mistake="rescore" name="worst_first" hint="The best score is the one nearest to 0, the largest; you put the smallest first." active="py"
def rescore(log_probs, lengths, alpha, right=rescore):
    right(log_probs, lengths, alpha)
    return (log_probs / lengths**alpha).argsort(stable=True)


# %% mistake="rescore" name="alpha_ignored" hint="Your order does not depend on alpha." active="py"
def rescore(log_probs, lengths, alpha, right=rescore):
    right(log_probs, lengths, alpha)
    return right(log_probs, lengths, 0.0)


# %% mistake="rescore" name="end_not_counted" hint="You left the end mark out of n. It was predicted, too, and lengths has it already." active="py"
def rescore(log_probs, lengths, alpha, right=rescore):
    right(log_probs, lengths, alpha)
    return (log_probs / (lengths - 1).clamp(min=1e-9) ** alpha).argsort(descending=True, stable=True)


# %% mistake="rescore" name="no_check" hint="Right; a negative alpha must raise ValueError: it would reward short texts." active="py"
def rescore(log_probs, lengths, alpha):
    return (log_probs / lengths**alpha).argsort(descending=True, stable=True)


# %% [markdown]
r"""
Move $\alpha$ over the hypotheses above: at which values does the winner change?
"""

# %%
shown = found[:6]
rescoring_explorer(
    [" ".join(words_of(ids)) for ids, _ in shown],
    [log_prob for _, log_prob in shown],
    [len(ids) for ids, _ in shown],
)

# %% [markdown]
r"""
### Does looking further pay?

The three models of section 4 (stopped early, so that there is something to be unsure about), 300 held-out numbers each, with 1 to 20 beams.
"""

# %%
settings = [(1, 0.0), (2, 0.0), (5, 0.0), (20, 0.0), (5, 1.0), (20, 1.0)]
begin = torch.ones(len(exam_source), 1, dtype=torch.int64)
said, log_p = {}, {}
for beams, alpha in settings:
    for seed, model in enumerate(spoken[True]):
        options = {"eos_id": 2, "length_penalty": alpha}
        best = beam_search(ConditionalLM(model, exam_source), begin, 16, beams, **options)
        said[beams, alpha, seed] = [words_of(hypotheses[0].tokens) for hypotheses in best]
        log_p[beams, alpha, seed] = [hypotheses[0].log_prob for hypotheses in best]


# %%
def over_seeds(measure, key):
    return [measure(said[*key, seed]) for seed in seeds]


def words_each(texts):
    return sum(map(len, texts)) / len(texts)


each_log_p = {key: [x for seed in seeds for x in log_p[*key, seed]] for key in settings}
found_log_p = {key: sum(values) / len(values) for key, values in each_log_p.items()}
n_words = {key: sum(over_seeds(words_each, key)) / 3 for key in settings}
hits = {key: over_seeds(share_exact, key) for key in settings}
print(f"the references have {words_each(truth):.2f} words")
for key in settings:
    print("{:2} beams, α = {:g}:".format(*key), f"log p {found_log_p[key]:6.2f}", end="   ")
    print(f"{n_words[key]:.2f} words   right", *(f"{x:.0%}" for x in hits[key]))

# %% [markdown]
r"""
More beams find {{more probable : found_log_p[1, 0.0] < found_log_p[2, 0.0] < found_log_p[5, 0.0] < found_log_p[20, 0.0]}} texts, from {{−4.08 = found_log_p[1, 0.0] ± 0.4}} to {{−3.44 = found_log_p[20, 0.0] ± 0.4}} nats on average: the search does its work. What it finds gets {{shorter and shorter : n_words[1, 0.0] > n_words[2, 0.0] > n_words[5, 0.0] > n_words[20, 0.0]}}, {{5.9 = n_words[20, 0.0] ± 0.6}} words where the references have {{7.32 = words_each(truth)}}; $\alpha = 1$ brings the length back to {{8.0 = n_words[20, 1.0] ± 0.6}}. And the share of right answers? It gains a little with **two** beams, from {{14 % = sum(hits[1, 0.0]) / 3 ± 5 %}} to {{16 % = sum(hits[2, 0.0]) / 3 ± 5 %}}, and nothing to speak of beyond: twenty have {{16 % = sum(hits[20, 0.0]) / 3 ± 5 %}}.
"""

# %% [markdown]
r"""
### Whose fault is it?

A wrong output has one of two causes. If the model gives the *reference* a higher probability than what was written, the search missed it: a **search error**. If not, the model prefers the wrong text: a **model error**. Only the first kind can be mended by searching more.
"""

# %%
reference_inputs, reference_labels = forced_pair(exam_target)
causes = []
for seed, model in enumerate(spoken[True]):
    with torch.no_grad():
        log_probs = model(exam_source, reference_inputs).log_softmax(-1)
    per_word = log_probs.gather(-1, reference_labels[..., None])[..., 0]
    of_truth = (per_word * (reference_labels != 0)).sum(1).tolist()
    for key in ((1, 0.0), (20, 0.0)):
        pairs = list(zip(said[*key, seed], truth, of_truth, log_p[*key, seed]))
        wrong = [better > own + 1e-4 for text, right, better, own in pairs if text != right]
        causes.append((key[0], seed, len(wrong), sum(wrong)))
        print(f"{key[0]:2} beams, seed {seed}: {len(wrong)} wrong, {sum(wrong)} search errors")

# %% [markdown]
r"""
Of the greedy mistakes, {{15 % = sum(c[3] for c in causes if c[0] == 1) / sum(c[2] for c in causes if c[0] == 1) ± 8 %}} are search errors. With 20 beams {{hardly any : sum(c[3] for c in causes if c[0] == 20) <= 5}} are left, and almost as many outputs are wrong as before. The rest is the model.

### Question · more_beams

With 20 beams, a model writes a wrong number, and gives it a higher probability than the right one. What can help?

- **a** 200 beams: the right one will be found.
- **b** Nothing in the search; the model has to become better.
- **c** Greedy decoding, since it cannot be wrong twice.
"""

# %% exercise="more_beams" points=1 kind="choice" choices="a b c"
### BEGIN SOLUTION
more_beams = "b"
### END SOLUTION

# %% mistake="more_beams" name="a" hint="A search for the most probable text that finds the right one would still prefer the wrong one: it has the higher probability." active="py"
more_beams = "a"

# %% mistake="more_beams" name="c" hint="Greedy decoding may hit the right one by luck, having missed the most probable. It does not know which is right." active="py"
more_beams = "c"

# %% [markdown]
r"""
## 9 · BLEU: a score for texts of which many are right

“All or nothing” fails for real translations: two good ones seldom agree word by word. ***BLEU*** (Papineni et al. 2002) asks which share of a translation's n-grams a reference has, too, for $n = 1$ to 4. One guard is needed at once. Their example: the translation *the the the the the the the*, the reference *the cat is on the mat*. All 7 words are in the reference. So an n-gram counts at most as often as in the one reference that has it most often (***clipped precision***): {{2 = metrics.clipped_matches("the the the the the the the".split(), ["the cat is on the mat".split()], 1)[0]}} of 7.

### Exercise · clipped_matches
"""


# %% exercise="clipped_matches" points=2 withheld="course_lib.metrics.bleu.clipped_matches course_lib.metrics.bleu.bleu course_lib.metrics.bleu.sentence_bleu"
def clipped_matches(hypothesis: list, references: list, n: int) -> tuple[int, int]:
    """Return how many n-grams of the hypothesis a reference has, and how many it has in all.

    hypothesis  list of words (or ids); shorter than n: it has no n-grams
    references  lists of words, at least one
    n           length of the n-grams, at least 1
    returns     (matches, n-grams). An n-gram of the hypothesis counts at most as often as in the
                one reference in which it is most frequent

    Example: "the the the" against ["the cat on the mat"], n = 1, cut into words: (2, 3).
    """

    ### BEGIN SOLUTION
    def count(text):
        return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))

    most = Counter()
    for reference in references:
        most |= count(reference)  # the larger count of each
    own = count(hypothesis)
    return (own & most).total(), own.total()  # & keeps the smaller count
    ### END SOLUTION


# %% [markdown] hints="clipped_matches"
r"""
1. How often may an n-gram count that a reference has twice and the hypothesis three times?
2. Count n-grams as tuples with a Counter. `|` of two Counters keeps the larger count of each n-gram, `&` the smaller.
3. `Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))`
"""


# %% cases="clipped_matches" active="py"
def cases(seed):
    def case(hypothesis, references, n, note):
        return Case({"hypothesis": list(hypothesis), "references": [list(r) for r in references], "n": n}, note=note)

    words = {"hypothesis": "the the the".split(), "references": ["the cat on the mat".split()], "n": 1}
    yield Case(words, note="the example")
    yield case("aab", ["ab"], 1, "repeated more often than in the reference")
    yield case("aaab", ["aab", "aaab"], 1, "two references: the one that has it most often")
    yield case("abab", ["ab", "ba"], 1, "counts of two references do not add up")
    yield case("abc", ["abcd"], 2, "pairs")
    yield case("ab", ["abc"], 3, "shorter than n")
    yield case("", ["ab"], 1, "nothing written")
    for i in range(4):
        ids = torch.randint(3, (30,), generator=generator(seed + i)).tolist()
        case_ = {"hypothesis": ids[:11], "references": [ids[11:20], ids[20:]], "n": 1 + i % 3}
        yield Case(case_, note="random ids")


# %% mistake="clipped_matches" name="not_clipped" hint="Every repetition counts for you, however often the reference has it. Take the smaller of the two counts." active="py"
def clipped_matches(hypothesis, references, n):
    known = {tuple(r[i : i + n]) for r in references for i in range(len(r) - n + 1)}
    own = [tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1)]
    return sum(gram in known for gram in own), len(own)


# %% mistake="clipped_matches" name="references_added" hint="You add the counts of all references up. Take the largest count that one of them has." active="py"
def clipped_matches(hypothesis, references, n):
    count = lambda text: Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))
    own = count(hypothesis)
    return (own & sum((count(r) for r in references), Counter())).total(), own.total()


# %% mistake="clipped_matches" name="first_reference" hint="You look at the first reference only." active="py"
def clipped_matches(hypothesis, references, n, right=clipped_matches):
    return right(hypothesis, references[:1], n)


# %% mistake="clipped_matches" name="different_ones" hint="You count which n-grams match, each once. An n-gram that both have twice counts twice." active="py"
def clipped_matches(hypothesis, references, n):
    grams = lambda text: {tuple(text[i : i + n]) for i in range(len(text) - n + 1)}
    own = grams(hypothesis)
    return len(own & set().union(*map(grams, references))), max(len(hypothesis) - n + 1, 0)


# %% mistake="clipped_matches" name="one_too_few" hint="The last n-gram is missing: a text of T words has T − n + 1." active="py"
def clipped_matches(hypothesis, references, n, right=clipped_matches):
    return right(hypothesis[:-1], references, n)


# %% [markdown]
r"""
Let $p_n$ be the clipped precision for $n$-grams. Leaving out whatever is doubtful raises every $p_n$, so a ***brevity penalty*** takes that back. With $h$ words in all hypotheses and $r$ in their references (of several, the one nearest in length; of two equally near, the shorter):

$$\text{BLEU} = 100 \cdot \underbrace{\min\!\left(1, e^{1 - r/h}\right)}_{\text{brevity}} \cdot \left(p_1 \, p_2 \, p_3 \, p_4\right)^{1/4}$$

- It is a **corpus** score: matches and n-grams are summed over all texts *before* they are divided. It is not the mean of the sentences' scores.
- One $p_n = 0$ makes it 0. Tools smooth that away, each in its own way (`course_lib.metrics.bleu` has three).

By hand: *the cat sat on the mat* against *the cat sat on a mat* has the precisions 5/6, 3/5, 2/4, 1/3, and $h = r$: $100 \cdot (\tfrac{5}{6} \cdot \tfrac{3}{5} \cdot \tfrac{2}{4} \cdot \tfrac{1}{3})^{1/4} = {{53.73 = 100 * (5 / 6 * 3 / 5 * 2 / 4 / 3) ** 0.25}}$.

### Exercise · bleu
"""


# %% exercise="bleu" points=4 parts={"precision":2,"brevity":1,"corpus":1} needs="clipped_matches" withheld="course_lib.metrics.bleu.bleu course_lib.metrics.bleu.sentence_bleu course_lib.metrics.bleu.brevity_penalty"
def bleu(hypotheses: list, references: list, max_n: int = 4) -> float:
    """Return the BLEU score of a corpus, 0 to 100, without smoothing.

    hypotheses  N lists of words; one may be empty
    references  N lists, each of the references (lists of words) of one hypothesis, at least one
    max_n       longest n-gram that is compared
    returns     100 · brevity penalty · geometric mean of the max_n precisions; 0 where one of them
                has no match or no n-gram

    The reference length of a hypothesis is that of the reference nearest to it in length, the
    shorter one of two equally near. All counts and lengths are summed over the corpus first.

    Example: "the cat sat on the mat" against "the cat sat on a mat", cut into words, gives 53.7285.
    """
    ### BEGIN SOLUTION
    matches, grams = [0] * max_n, [0] * max_n
    h, r = 0, 0
    for hypothesis, several in zip(hypotheses, references):
        h += len(hypothesis)
        r += min(map(len, several), key=lambda n: (abs(n - len(hypothesis)), n))
        for n in range(1, max_n + 1):
            found, total = clipped_matches(hypothesis, several, n)
            matches[n - 1] += found
            grams[n - 1] += total
    if min(matches) == 0:
        return 0.0
    mean = sum(math.log(m / g) for m, g in zip(matches, grams)) / max_n
    return 100 * min(1.0, math.exp(1 - r / h)) * math.exp(mean)
    ### END SOLUTION


# %% [markdown] hints="bleu"
r"""
1. Which four kinds of numbers are summed over the corpus before anything is divided?
2. Matches and n-grams for each n, and the two lengths. The geometric mean is exp of the mean of logs; leave with 0 before a log of 0.
3. `r += min(map(len, several), key=lambda n: (abs(n - len(hypothesis)), n))`
"""


# %% cases="bleu" active="py"
def cases(seed):
    def case(pairs, note, part, **options):
        hypotheses, references = zip(*((list(h), [list(r) for r in several]) for h, several in pairs))
        return Case({"hypotheses": list(hypotheses), "references": list(references)} | options, note=note, part=part)

    cat = "the cat sat on the mat".split(), ["the cat sat on a mat".split()]
    yield case([cat], "the example", "precision")
    yield case([("abcde", ["abcde"])], "a perfect text", "precision")
    yield case([("abcd", ["abxcd"])], "no 4-gram matches", "precision")
    yield case([("abc", ["abcd"])], "no 4-gram at all", "precision")
    yield case([("", ["ab"])], "nothing written", "brevity")
    yield case([("abcde", ["abcdefg"])], "too short", "brevity")
    yield case([("abcde", ["abcd"])], "too long", "brevity")
    yield case([("abcd", ["abcde", "abc"])], "two references equally near", "brevity", max_n=2)
    yield case([("abcde", ["abcdefgh", "abcdxy"])], "the nearer of two references", "brevity", max_n=2)
    yield case([("abcdef", ["ab", "abcdefg"])], "the nearer of two is the longer", "brevity", max_n=2)
    yield case([("ab", ["ab"]), ("cdef", ["cxyf"])], "short and long texts", "corpus", max_n=1)
    yield case([("abcd", ["abcd"]), ("xyz", ["uvw"]), ("", ["a"])], "a text without a match", "corpus")
    for i in range(3):
        pairs = []
        for j in range(3):
            ids = torch.randint(3, (36,), generator=generator(seed + 10 * i + j)).tolist()
            first, second = 7 + (i + j) % 3, 16 + j
            pairs.append((ids[:first], [ids[1:second], ids[second : 30 - i]]))
        yield case(pairs[:1], "random, one text", "precision", max_n=2)
        yield case(pairs, "random, three texts", "corpus", max_n=2)
        ids = torch.randint(9, (40,), generator=generator(seed + 50 + i)).tolist()
        short = 6 + ids[0] % 3
        yield case([(ids[:short], [ids[9:18], ids[18:21]])], "random, a short text", "brevity", max_n=1)


# %% equivalents="bleu" active="py"
equivalents = {
    "min(map(len, several), key=lambda n: (abs(n - len(hypothesis)), n)) → min([*map(len, several)][::-1], key=lambda n: (abs(n - len(hypothesis)), n))": "the key decides between equals itself",
    "n - len(hypothesis) → len(hypothesis) - n": "its absolute value is taken",
    "matches[n - 1] → matches[1 - n]": "the product of the precisions does not depend on their order",
    "grams[n - 1] → grams[1 - n]": "the product of the precisions does not depend on their order",
    "n - 1 → n - 2": "the product of the precisions does not depend on their order",
}


# %% mistake="bleu" name="mean_of_sentences" hint="You average the scores of the texts. BLEU sums matches, n-grams and lengths over the corpus first." active="py"
def bleu(hypotheses, references, max_n=4, right=bleu):
    scores = [right([h], [several], max_n) for h, several in zip(hypotheses, references)]
    return sum(scores) / len(scores)


# %% mistake="bleu" name="arithmetic_mean" hint="The mean of the precisions is geometric: exp of the mean of their logarithms." active="py"
def bleu(hypotheses, references, max_n=4, right=bleu):
    geometric = right(hypotheses, references, max_n)
    if geometric == 0:
        return 0.0
    counts = [[clipped_matches(h, s, n) for h, s in zip(hypotheses, references)] for n in range(1, max_n + 1)]
    precisions = [sum(m for m, _ in some) / sum(g for _, g in some) for some in counts]
    return geometric / math.prod(precisions) ** (1 / max_n) * sum(precisions) / max_n


# %% mistake="bleu" name="no_brevity" hint="The brevity penalty is missing: a text that leaves out whatever is doubtful scores too high." active="py"
def bleu(hypotheses, references, max_n=4, right=bleu):
    score = right(hypotheses, references, max_n)
    pairs = list(zip(hypotheses, references))
    h = sum(map(len, hypotheses))
    r = sum(min(map(len, s), key=lambda n: (abs(n - len(t)), n)) for t, s in pairs)
    return score / min(1.0, math.exp(1 - r / h)) if h else score


# %% mistake="bleu" name="long_texts_rewarded" hint="The brevity factor is at most 1: min(1, …). Yours rewards texts longer than their references." active="py"
def bleu(hypotheses, references, max_n=4, right=bleu):
    score = right(hypotheses, references, max_n)
    pairs = list(zip(hypotheses, references))
    h = sum(map(len, hypotheses))
    r = sum(min(map(len, s), key=lambda n: (abs(n - len(t)), n)) for t, s in pairs)
    return score * max(1.0, math.exp(1 - r / h)) if h else score


# %% mistake="bleu" name="first_reference_length" hint="You take the length of the first reference. It is the one nearest in length, of two equally near the shorter." active="py"
def bleu(hypotheses, references, max_n=4, right=bleu):
    score = right(hypotheses, references, max_n)
    h = sum(map(len, hypotheses))
    if not h:
        return score
    near = sum(min(map(len, s), key=lambda n: (abs(n - len(t)), n)) for t, s in zip(hypotheses, references))
    first = sum(len(several[0]) for several in references)
    return score * min(1.0, math.exp(1 - first / h)) / min(1.0, math.exp(1 - near / h))


# %%
score = yours("seq2seq.bleu", partial(metrics.bleu, smoothing="none"))
references = [[text] for text in truth]
scored = {key: over_seeds(lambda texts: score(texts, references), key) for key in settings}
for key in settings:
    print("{:2} beams, α = {:g}:  BLEU".format(*key), *(f"{x:.1f}" for x in scored[key]), end="   ")
    print("exactly right", *(f"{x:.0%}" for x in hits[key]))

# %% [markdown]
r"""
BLEU rewards partly right numbers, so it is far above the share of exact ones. In each seed it is {{lower with 20 beams than with 2 : all(a < b for a, b in zip(scored[20, 0.0], scored[2, 0.0]))}}, although the 20 find more probable texts: they are too short, and the brevity penalty sees it. In translation this is known: beyond a few beams, more search means lower BLEU (Koehn and Knowles 2017), the *beam search curse* (Yang et al. 2018). Notice that “exactly right” does not see it here.

**What BLEU does not see.** *nine hundred* for *seven hundred* costs one word, and is a wrong number: BLEU counts words and knows no meaning. A good translation in other words scores low. A sentence's own score is noisy; it was made for a corpus. And scores are comparable only between texts that were cut into words the same way.
"""

# %% [markdown]
r"""
## 10 · What the same two networks served

| task | source → target | paper |
|---|---|---|
| translation | sentence → sentence | Sutskever et al. 2014; Bahdanau et al. 2015; Google's service: Wu et al. 2016 |
| summarisation | a sentence → a headline | Rush et al. 2015 (attention, a feed-forward decoder) |
| speech recognition | sound frames → characters | *Listen, Attend and Spell*, Chan et al. 2016 |
| image captioning | an image → sentence | *Show and Tell*, Vinyals et al. 2015; with attention, Xu et al. 2015 |

Only the encoder changes with the source. The last line is often listed as sequence to sequence; it is encoder–decoder, but an image is no sequence. What the decoder needs is a memory to look at, in whatever order.

In one line, for the table of model families: seq2seq is *conditional language modelling*; an encoder–decoder RNN; trained with teacher forcing on an autoregressive conditional probability; limited by the information bottleneck until attention; scored with BLEU.
"""

# %% [markdown] exercise="the_bottleneck" points=3
r"""
## 11 · In your own words

### In your own words · the_bottleneck

Interview question. A sequence-to-sequence RNN without attention translates short sentences well and long ones badly. Why? How would you test that explanation, and what does attention change?

### BEGIN SOLUTION
All that the decoder knows of the source is one vector of fixed size. A longer source says more, and it has to be packed into the same numbers by a network that learned the packing by gradient descent; also, the path from a source word to its translation grows with the length. Test: a task in which length is all that changes, such as copying random letters, accuracy against length, with and without attention, same sizes, same updates, several seeds; and letters right, not only whole texts, because all-or-nothing falls with length for any error rate below 1. With attention the decoder takes another weighted mean of all encoder states at every step: the memory grows with the source, and each source word is one step away.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: one vector of fixed size, whatever the length (a long path from source word to target word may be named as well).
- 1 point: a test that varies the length alone, with a fair comparison; names a control such as seeds, equal updates, or accuracy per letter.
- 1 point: attention: a state per source token stays available, a new weighted mean for each step.
### END RUBRIC
"""

# %% [markdown] exercise="forced_and_free" points=2 optional=true
r"""
### In your own words · forced_and_free · optional

A model's loss on held-out texts (teacher forcing) is excellent, and what it writes is often wrong. Name two reasons that have nothing to do with a bug.

### BEGIN SOLUTION
The loss is measured after true beginnings; in writing, the model reads its own, and after a first mistake it is in a place that it never met in training (exposure bias). And small error rates multiply: with 0.98 right per step, independently, a text of 50 steps is right as a whole in 36 % of the cases. Other good reasons: the most probable word at each step is not the most probable text (search), and the loss is a mean over words, in which the few words that carry the meaning weigh little.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: own beginnings in writing, true ones in the loss.
- 1 point: another true reason: errors multiply over a text, search, or a mean in which the decisive words weigh little.
### END RUBRIC
"""

# %% [markdown]
r"""
## Where this came from, and where it goes

- **Williams and Zipser (1989)**: teacher forcing. **Cho et al. (2014)** and **Sutskever, Vinyals and Le (2014)**: the encoder–decoder. The second reports *no* difficulty with long sentences, with four layers of 1,000 LSTM cells and the source **reversed**; **Cho et al. (2014b)** report a rapid fall. How long is too long depends on the size, the training and the order, as it does in section 5.
- **Bahdanau, Cho and Bengio (2015)**: additive attention. Luong et al. (2015): the dot product instead.
- **Bengio et al. (2015)**: ***scheduled sampling*** lets the decoder read its own words more and more often in training. Huszár (2015) shows that its objective is inconsistent: its optimum is not the true distribution. `Seq2Seq` has it as `forcing`.
- **Exposure bias** is disputed: He et al. (2021) find that language models recover and that little accumulates; Arora et al. (2022) find that it accumulates.
"""

# %% [markdown]
r"""
- **Koehn and Knowles (2017)**: wide beams make translations worse. **Stahlberg and Byrne (2019)**: for more than half of the sentences their model's most probable translation was the empty one.
- **Papineni et al. (2002)**: BLEU. **Post (2018)**: scores of different tokenizations cannot be compared, hence sacrebleu. Judges of today are learned metrics and people; BLEU remains as a quick check.

**As of November 2026**, large language models are decoders alone: the source is part of the prompt, and attention over it is self-attention ([lesson 15](15_gpt.ipynb)). At the Conference on Machine Translation of 2025 they were evaluated side by side with the systems of the participants, in 30 language pairs (Kocmi et al. 2025). They are still trained with teacher forcing. Encoder–decoders remain where the source is of another kind, such as sound (*Whisper*, Radford et al. 2022).

**Limits of this lesson.** Toy tasks, 120 updates, one size. The bottleneck was shown for random letters, which cannot be compressed; language can. Nothing here was tuned for the beams or against them, but a model trained to the end would leave less to search for.

Next: [12 Attention](12_attention.ipynb) keeps the look across, replaces the tanh by a dot product, and lets a sequence look at itself.
"""

# %% [markdown]
r"""
## Flash cards
"""

# %%
flash_cards("11_seq2seq")
