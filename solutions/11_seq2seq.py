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

*the 5th of March, 2024* → *2024-03-05*

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
from course_lib.widgets.seq2seq import rescoring_explorer
from course_lib.widgets.transformer import alignment_explorer

torch.set_num_threads(1)  # matrices this small are faster on one core
show(
    figures.two_phases("5-3-24", [*"2024", "◂"]),
    alt="An encoder reads a date; one vector c is handed to a decoder, which writes and reads what it wrote.",
)

# %% [markdown]
r"""
## What you will be able to do

- train an encoder–decoder with teacher forcing and a loss that ignores padding;
- write with it: greedily, and with a beam, a length penalty and an end;
- measure how much one vector can hold, and what happens after the first mistake;
- write additive attention and read its alignment;
- compute BLEU by hand, to the digits of the standard tool, and say what it does not see.

**Time** about 90 minutes, best in two sittings (sections 1 to 5, and the rest); another 20 for what is marked optional. **Builds on** [10 LSTM](10_lstm.ipynb) (GRU, states), [09 RNN](09_rnn.ipynb) (reading from both ends), [01 Information](01_information.ipynb) (cross-entropy). The next step is [12 Attention](12_attention.ipynb).
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
short, long = (torch.randint(3, 11, (1, n), generator=torch.Generator().manual_seed(n)) for n in (5, 50))
one_vector, all_states = ([new_model(0, a, *sizes).encode(x)[0] for x in (short, long)] for a in (False, True))
for name, memories in {"one vector": one_vector, "attention": all_states}.items():
    print(f"{name:11} the decoder gets", *(f"{tuple(m.states.shape)} of {n} tokens" for m, n in zip(memories, (5, 50))))

# %% [markdown]
r"""
“The encoder outputs one vector” is said of all encoder–decoders. It holds for the first kind only. With attention (section 6) the decoder gets one state *per source token*, {{50 = all_states[1].states.size(1)}} of them above. In the Transformer of [lesson 14](14_transformer.ipynb), too.

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
    for i, (pad, rows) in enumerate(((0, [[3, 1, 2, 4], [2, 0, 0, 0]]), (4, [[3, 1, 4], [0, 4, 4]]), (0, [[5, 0], [1, 2]]))):
        labels = torch.tensor(rows)
        case = {"logits": 2 * random_tensor(seed + i, *labels.shape, 6), "labels": labels, "pad_id": pad}
        yield Case(case, note="rows of different length", part="loss")
        yield Case(case | {"ask": "gradient"}, note="gradient", part="gradient")
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
    model, source: Tensor, max_len: int, bos_id: int = 1, eos_id: int = 2, pad_id: int = 0
) -> Tensor:
    """Write a target for each source, at every step the likeliest token.

    model    model(source, ids (B, 1), cache) → logits (B, 1, V) of the next token; see above. In any
             mode; it computes in eval mode and is left in the mode that it was in
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
        return {"model seed": 100 * seed + number, "attention": attention, "source": source, "max_len": length} | options

    yield Case(case(1, False, 1, 1), note="one row, one token", part="words")
    for i in range(4):
        yield Case(case(2 + i, i % 2 == 0, 4, 9), note="four rows", part="words")
    yield Case(case(7, True, 4, 9, bos_id=5, eos_id=3), note="another begin and end", part="words")
    yield Case(case(8, False, 4, 9, eos_id=4, pad_id=6), note="another padding", part="words")
    yield Case(case(9, True, 3, 6, ask="encoded"), note="how often is the source encoded?", part="once")
    yield Case(case(10, False, 4, 8, ask="tokens"), note="how many tokens are read?", part="once")
    for training in (True, False):
        note = "in training mode" if training else "in eval mode"
        yield Case(case(11, True, 4, 9, training=training, ask="mode"), note=note, part="mode")


# %% probe="greedy_decode" active="py"
def probe(student, case):
    options = {name: case[name] for name in ("bos_id", "eos_id", "pad_id") if name in case}
    ask = case.get("ask")
    model = spread_model(case["model seed"], case["attention"], 0.5 if ask == "mode" else 0, case.get("pad_id", 0))
    model.train(case.get("training", False))
    counts = {"encoded": 0, "tokens": 0}
    encode, embed = model.encode, model.target_embedding.forward

    def counting_encode(source):
        counts["encoded"] += 1
        return encode(source)

    def counting_embed(ids):
        counts["tokens"] += ids.numel()
        return embed(ids)

    model.encode, model.target_embedding.forward = counting_encode, counting_embed
    torch.manual_seed(0)
    ids = student(model, case["source"], case["max_len"], **options)
    if ask == "mode":
        return {"ids": ids, "training afterwards": model.training}
    return counts[ask] if ask else ids


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
    """The words of a row of ids, up to its end."""
    ids = [*row, 2]
    return [vocabulary[i] for i in ids[: ids.index(2)] if i > 2]


some = numbers.sample(600, torch.Generator().manual_seed(5), held_out=True)
exam = [pair for pair in some if len(pair[0]) > 2][:300]  # few shorter numbers are held out
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
    trainer = Trainer(model, draw, loss, steps=budget(full=120, short=2), lr=1e-2, seed=seed)
    reported = [step.loss for step in trainer]
    return model, sum(reported[-10:]) / len(reported[-10:])


def share_exact(texts):
    return sum(text == right for text, right in zip(texts, truth)) / len(truth)


spoken, reported, held_out, exact = {}, {}, {}, {}
inputs, labels = forced_pair(exam_target)
for skip in (True, False):
    spoken[skip], reported[skip] = zip(*(train_numbers(seed, skip) for seed in range(3)))
    with torch.no_grad():
        held_out[skip] = [nll(model(exam_source, inputs), labels).item() for model in spoken[skip]]
    greedy = [write(model, exam_source, 16).tolist() for model in spoken[skip]]
    exact[skip] = [share_exact([words_of(row) for row in rows]) for rows in greedy]
    print("padding skipped" if skip else "padding counted", end=":  ")
    print("loss reported", *(f"{x:.2f}" for x in reported[skip]), end="   nats a real word held out ")
    print(*(f"{x:.2f}" for x in held_out[skip]), "  exactly right", *(f"{x:.0%}" for x in exact[skip]))
