# ---
# jupyter:
#   course:
#     title: What is left when only the decoder remains?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# What is left when only the decoder remains?

The translator of lesson 14 had two halves: an encoder that read a sentence, and a decoder that wrote another one. To continue a text there is nothing to translate. Take the encoder away, and the cross-attention that looked at it.

What is left is ***GPT***, a ***decoder-only*** model: a table that turns tokens into vectors, a stack of equal blocks, and a matrix that turns vectors into logits. Choose a size below. From the model that you will train here in half a minute to GPT-3, the drawing stays the same; only the numbers change.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.attention import causal_mask, scaled_dot_product_attention
from course_lib.checks import check, show_answer, yours
from course_lib.gpt import CausalSelfAttention, GELUFeedForward, GPTConfig

torch.set_printoptions(precision=4, sci_mode=False)

# %%
from course_lib import gpt, scoreboard
from course_lib.figures import gpt as figures
from course_lib.figures.style import show
from course_lib.widgets.gpt import SIZES, cache_explorer, diary, size_explorer

torch.set_num_threads(1)  # matrices this small are faster on one core
size_explorer()

# %% [markdown]
r"""
## What you will be able to do

- turn a stream of text into inputs and targets, and say what a model learns when the targets are not shifted;
- write every part of a GPT, load the weights of a tested one into yours, and get the same logits;
- say what GPT-2, Llama and the Transformer of 2017 do differently, and measure whether it matters;
- add up gradients over several batches so that they are exactly those of one large batch;
- generate text with and without a cache, and price both in tokens, seconds and bytes;
- come within {{a few hundredths of a nat : 0 < reached - floor < 0.06}} of the entropy of a language, in half a minute.
"""

# %% [markdown]
r"""
**Time** about 90 minutes, best in two sittings (sections 1 to 5, and the rest); another 105 for what is marked optional. **Builds on** [05 Optimizers](05_optimizers.ipynb) (AdamW, warm-up and cosine), [08 Neural n-grams](08_neural_ngrams.ipynb) (tied weights), [12 Attention](12_attention.ipynb), [13 Positions](13_positions.ipynb) and [14 Transformer](14_transformer.ipynb).
**Sizes** B sequences, T tokens, H heads, D features of a head (`d_head`), L blocks (`n_layers`), V tokens in the vocabulary, `d_model`, `d_ff`.
"""

# %% [markdown]
r"""
## 1 · What goes, and what stays

| | Transformer (2017), lesson 14 | GPT (from 2018) |
|---|---|---|
| reads | a source and the target so far | one stream: the text so far |
| encoder, cross-attention | yes | gone |
| self-attention | both ways in the encoder, causal in the decoder | causal |
| norm | after each sum (post-norm) | before each sublayer (pre-norm, since GPT-2), and one at the end |
| feed-forward | ReLU | GELU; later SwiGLU |
| positions | sinusoidal | learned; later rotary |
| output matrix | the embedding, tied | the embedding, tied; in Llama a separate matrix |
| learns from | pairs of sentences | any text |
"""

# %% [markdown]
r"""
The last line is why this branch of the family grew: text without labels is the one kind of data that there is plenty of. Every token of it is a question (*what comes next?*) with its answer beside it.

A translation is then one kind of continuation: write the source, a separator, and let the model go on. So is an answer to a question. Lesson 20 makes use of that.
"""

# %% [markdown]
r"""
## 2 · One stream, moved by one

GPT is a ***causal language model***: it predicts each token from those before it, its targets are the text itself. A text of $N$ tokens is one long stream of ids. Training takes a window of $T + 1$ of them. The model **reads** the first $T$; its **targets** are the last $T$:

| position $t$ | 0 | 1 | 2 | 3 |
|---|---|---|---|---|
| input | the | mouse | eats | cheese |
| target | mouse | eats | cheese | `<eos>` |

At position $t$ the causal mask lets the model see inputs $0 \dots t$, and it is asked for input $t + 1$. One window gives $T$ questions, all answered in one pass.

### Exercise · next_token_batch

With the stream $(10, 11, 12, 13, 14, 15)$, starts $(0, 2)$ and length 3: {{inputs : next_token_batch(torch.arange(10, 16), torch.tensor([0, 2]), 3)[0].tolist() == [[10, 11, 12], [12, 13, 14]]}} $\begin{pmatrix}10&11&12\\12&13&14\end{pmatrix}$, {{targets : next_token_batch(torch.arange(10, 16), torch.tensor([0, 2]), 3)[1].tolist() == [[11, 12, 13], [13, 14, 15]]}} $\begin{pmatrix}11&12&13\\13&14&15\end{pmatrix}$.
"""


# %% exercise="next_token_batch" points=1 withheld="course_lib.language_model.draw_windows"
def next_token_batch(tokens: Tensor, starts: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Cut windows out of a stream: what the model reads, and what it shall predict at each place.

    tokens   (N,) int64, the stream
    starts   (B,) int64, where each window begins
    length   T, tokens that the model reads
    returns  inputs (B, T) and targets (B, T); targets[b, t] is the token after inputs[b, t]

    Raises ValueError when a window would reach beyond the stream: the last start must be at most N − T − 1.
    """
    ### BEGIN SOLUTION
    last = len(tokens) - length - 1
    if starts.max() > last:
        raise ValueError(f"starts must be at most {last}, got {starts.max().item()}")
    windows = tokens[starts[:, None] + torch.arange(length + 1, device=tokens.device)]
    return windows[:, :-1], windows[:, 1:]
    ### END SOLUTION


# %% [markdown] hints="next_token_batch"
r"""
1. How many tokens must a window have so that each of its T inputs has a successor, and which start is then the last that fits?
2. Cut windows of T + 1 tokens: a column of starts plus a row of offsets gives all places at once. Inputs and targets are two views of the same window, one place apart.
3. `places = starts[:, None] + torch.arange(length + 1)` has the shape (B, T + 1). Before that: which value of `starts.max()` is too large?
"""


# %% cases="next_token_batch" active="py"
def cases(seed):
    stream = torch.arange(10, 16)
    yield Case({"tokens": stream, "starts": torch.tensor([0]), "length": 1}, note="one window of one token")
    yield Case({"tokens": stream, "starts": torch.tensor([0, 2]), "length": 3}, note="the example above")
    yield Case({"tokens": stream, "starts": torch.tensor([0, 3]), "length": 3}, note="a window that does not fit")
    yield Case({"tokens": stream, "starts": torch.tensor([3, 0, 1]), "length": 3}, note="one of three does not fit")
    for i, n_starts in enumerate((5, 4, 2)):
        length, n_tokens = random_integers(seed + i, 6, 10, 1).item(), random_integers(seed + i, 12, 40, 1).item()
        tokens, starts = random_integers(seed + i, 0, 50, n_tokens), random_integers(seed + i, 0, 3, n_starts)
        yield Case({"tokens": tokens, "starts": starts, "length": length}, note="a random stream")


# %% mistake="next_token_batch" name="not_shifted" hint="Your targets are the inputs: the model is asked for the token that it sees. Targets begin one token later." active="py"
def next_token_batch(tokens, starts, length, right=next_token_batch):
    inputs, _ = right(tokens, starts, length)
    return inputs, inputs


# %% mistake="next_token_batch" name="shifted_twice" hint="Your targets are two tokens ahead; the token in between is never asked for." active="py"
def next_token_batch(tokens, starts, length, right=next_token_batch):
    inputs, _ = right(tokens, starts, length)
    return inputs, tokens[(starts[:, None] + torch.arange(length) + 2) % len(tokens)]


# %% mistake="next_token_batch" name="short_windows" hint="Your windows have T tokens, so only T − 1 of them have a successor. Cut T + 1 tokens." active="py"
def next_token_batch(tokens, starts, length, right=next_token_batch):
    inputs, targets = right(tokens, starts, length)
    return inputs[:, :-1], targets[:, :-1]


# %% mistake="next_token_batch" name="no_check" hint="Right where the windows fit. For one that does not, the docstring asks for a ValueError that names the start." active="py"
def next_token_batch(tokens, starts, length):
    windows = tokens[starts[:, None] + torch.arange(length + 1)]
    return windows[:, :-1], windows[:, 1:]


# %% [markdown]
r"""
### What if the targets are not shifted?

Some study notes call `model(ids, targets=ids)` on a model that does not shift. (Hugging Face's models shift **inside**: there `labels=ids` is right. Ours does not.) The loss falls fast. What has the model learned?
"""

# %%
from course_lib.budget import budget
from course_lib.device import best_device
from course_lib.language_model import draw_windows, nats_per_token, next_token_loss
from course_lib.train import Trainer
from course_lib.widgets.training import watch

device = best_device()
language = scoreboard.language()
train_tokens = scoreboard.training(300_000)
held_out = scoreboard.held_out()[: budget(full=20_000, short=2000)]
vocab_size, floor = len(language.vocabulary), language.entropy_rate


def unshifted_loss(model, windows):
    inputs = windows[:, :-1].to(device)
    return F.cross_entropy(model(inputs).flatten(0, 1), inputs.flatten())


copier = gpt.GPT(GPTConfig(vocab_size, 64, 32, 2, 1), generator=torch.Generator().manual_seed(0)).to(device)
trainer = Trainer(copier, draw_windows(train_tokens, 16, 64), unshifted_loss, steps=budget(150, 20), lr=1e-2)
for step in watch(trainer, "targets = inputs", curve=False):
    reported = step.loss
copied = nats_per_token(copier, held_out)
print(f"reported loss {reported:.3f}   loss on the next token {copied:.2f}")
print(f"knowing nothing (uniform): {math.log(vocab_size):.2f}")

# %% [markdown]
r"""
It has learned to repeat what it reads, which is no use, and is {{worse at predicting than a model that knows nothing : copied > math.log(vocab_size)}}. A {{loss near zero : reported < 0.05}}, on a language whose entropy you know to be more, is a symptom: the answer is in sight. (The other cause is a leaking mask: lesson 12.)
"""

# %% [markdown]
r"""
### The loss

The cross-entropy of lesson 01, averaged over all positions of all rows. With logits $z$ of shape $(B, T, V)$ and targets $y$ of shape $(B, T)$:

$$\mathcal L = \frac{1}{|R|} \sum_{(b, t) \in R} -\log \operatorname{softmax}(z_{b,t})_{y_{b,t}}, \qquad R = \{(b, t) : y_{b,t} \text{ is a real target}\}.$$

When texts of unequal length share a batch, the places after the end are filled up. They must not count: padding is the easiest token to predict, and often the most frequent. **By hand:** three targets, given the probabilities $\tfrac12$, $\tfrac14$ and, for a filler, $0.9$. The loss is $({{0.693 = -math.log(1 / 2)}} + {{1.386 = -math.log(1 / 4)}})/2 = {{1.040 = -math.log(1 / 8) / 2}}$ nats; counting the filler it would be $(0.693 + 1.386 + {{0.105 = -math.log(0.9)}})/3 = {{0.728 = -math.log(0.9 / 8) / 3}}$, better for no reason.

Targets that do not count are marked with an id that no token has; PyTorch's default is $-100$.
"""

# %% [markdown]
r"""
### Exercise · causal_lm_loss

One trap on the way: `targets` was cut out of a larger tensor (`windows[:, 1:]`), so it is not contiguous, and `.view(-1)` refuses it. `.flatten()` and `.reshape(-1)` copy where they must.
"""


# %% exercise="causal_lm_loss" points=2 withheld="course_lib.language_model.next_token_loss"
def causal_lm_loss(logits: Tensor, targets: Tensor, ignore_id: int = -100) -> Tensor:
    """Return the mean cross-entropy over all real targets.

    logits     (B, T, V); logits[b, t] are about targets[b, t]: nothing is shifted here
    targets    (B, T) int64, contiguous or not; ignore_id marks those that do not count
    ignore_id  an id that no token has
    returns    scalar, nats per real target; 0 when there is none
    """
    ### BEGIN SOLUTION
    total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=ignore_id, reduction="sum")
    return total / (targets != ignore_id).sum().clamp(min=1)
    ### END SOLUTION


# %% [markdown] hints="causal_lm_loss"
r"""
1. Which positions count, and what is the mean over no positions at all?
2. `F.cross_entropy` wants logits (N, V) and targets (N,), and can leave out a target. Its mean over nothing is nan: sum instead, and divide by a count that is never 0.
3. `F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=ignore_id, reduction=…)`, divided by `(targets != ignore_id).sum()` with a lower limit.
"""


# %% cases="causal_lm_loss" active="py"
def cases(seed):
    hand = torch.tensor([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5], [0.05, 0.05, 0.9]]).log()[None]
    yield Case({"logits": hand[:, :2], "targets": torch.tensor([[0, 1]])}, note="two targets by hand")
    yield Case({"logits": hand, "targets": torch.tensor([[0, 1, -100]])}, note="the same two and a filler")
    logits = random_tensor(seed, 2, 4, 7)
    yield Case(
        {"logits": logits, "targets": random_integers(seed, 0, 7, 2, 5)[:, 1:]}, note="targets cut out of windows"
    )
    uneven = random_integers(seed + 1, 1, 7, 2, 4)
    uneven[1, 1:] = 0
    yield Case({"logits": logits, "targets": uneven, "ignore_id": 0}, note="rows of unequal length, ignore_id 0")
    yield Case({"logits": logits, "targets": torch.full((2, 4), -100)}, note="no real target at all")
    single = torch.full((2, 4), -100).index_put_((torch.tensor([1]), torch.tensor([2])), torch.tensor([3]))
    yield Case({"logits": logits, "targets": single}, note="a single real target")
    large = torch.tensor([[[1000.0, 0.0, -1000.0], [0.0, 1.0, 2.0]]])
    yield Case({"logits": large, "targets": torch.tensor([[1, 0]])}, note="a row of very large logits")
    for i, (b, t, v) in enumerate([(3, 2, 5), (2, 6, 4), (4, 3, 9)]):
        targets = random_integers(seed + i, 0, v, b, t).masked_fill(random_tensor(seed + i, b, t) > 0.3, 99)
        targets[0, 0] = 1
        inputs = {"logits": random_tensor(seed + i, b, t, v, scale=3.0), "targets": targets, "ignore_id": 99}
        yield Case(inputs, note="fillers in random places")


# %% probe="causal_lm_loss" active="py"
def probe(student, case):
    windows = F.pad(case["targets"], (1, 0))  # rows with a column before them, as windows have
    logits = case["logits"].clone().requires_grad_()
    options = {"ignore_id": case["ignore_id"]} if "ignore_id" in case else {}
    loss = student(logits, windows[:, 1:], **options)
    if loss.requires_grad:  # a constant 0 is right where there is no target
        loss.backward()
    return {
        "loss": loss.detach(),
        "gradient of the logits": torch.zeros_like(logits) if logits.grad is None else logits.grad,
    }


# %% mistake="causal_lm_loss" name="padding_counted" hint="You divide by the number of all places. Fillers have no loss, and must not count in the mean either." active="py"
def causal_lm_loss(logits, targets, ignore_id=-100):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=ignore_id, reduction="sum") / max(
        targets.numel(), 1
    )


# %% mistake="causal_lm_loss" name="mean_of_rows" hint="You average each row first, so that a token of a short text weighs more. Divide the sum over all rows by the number of all real targets." active="py"
def causal_lm_loss(logits, targets, ignore_id=-100):
    losses = F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=ignore_id, reduction="none")
    return (losses.sum(1) / (targets != ignore_id).sum(1).clamp(min=1)).mean()


# %% mistake="causal_lm_loss" name="shifted_again" hint="The targets have been shifted already. Moved once more, position t is asked for the token after the next." active="py"
def causal_lm_loss(logits, targets, ignore_id=-100, right=causal_lm_loss):
    return right(logits[:, :-1], targets[:, 1:], ignore_id)


# %% mistake="causal_lm_loss" name="view" hint="targets.view(-1) needs contiguous memory, and targets cut out of windows are not. Use flatten() or reshape(-1)." active="py"
def causal_lm_loss(logits, targets, ignore_id=-100, right=causal_lm_loss):
    targets.view(-1)
    return right(logits, targets, ignore_id)


# %% mistake="causal_lm_loss" name="nan_without_targets" hint="Right, but a batch without any real target gives 0/0 = nan, which would ruin all weights at the next update. It should be 0." active="py"
def causal_lm_loss(logits, targets, ignore_id=-100):
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=ignore_id)


# %% [markdown]
r"""
### Question · which_padding · optional

Texts of unequal length are filled up to one batch. In a **causal** model, which filling must be hidden from the real tokens by a mask?

- **a** Filling at the right, after the text.
- **b** Filling at the left, before the text.
- **c** Both.
"""

# %% exercise="which_padding" points=1 optional=true kind="choice" choices="a b c"
### BEGIN SOLUTION
which_padding = "b"
### END SOLUTION

# %% mistake="which_padding" name="a" hint="Real tokens stand before it, and the causal mask never lets them look to the right. It must be left out of the loss, but needs no mask." active="py"
which_padding = "a"

# %% mistake="which_padding" name="c" hint="Filling at the right is in every real token's future already: the causal mask hides it." active="py"
which_padding = "c"

# %% [markdown]
r"""
## 3 · The block

A block has two sublayers: **attention**, where tokens gather from each other, and a **feed-forward network**, where each token works on what it has. Each sublayer *adds* its result to what was there. The sum that runs through the whole stack is called the ***residual stream***.

### Where does the norm go?

In 2017 the sum was normalised: $x \leftarrow \operatorname{norm}(x + f(x))$, post-norm ([14 Transformer](14_transformer.ipynb)). GPT-2 moved it to the entrance of the sublayer:

$$x \leftarrow x + f(\operatorname{norm}(x)) \qquad \textbf{pre-norm}.$$

Now the sum itself is never touched: from the last block back to the embedding there is one path along which the gradient passes unchanged. With post-norm it goes through $2L$ norms, and deep stacks need a warm-up or smaller steps (Xiong et al. 2020). Let us see: twelve blocks, no warm-up, the same learning rate of 0.005 for both, three seeds each.
"""

# %%
from course_lib.figures.training import compare_curves

curves, ends = {}, {}
for name, pre_norm in (("pre-norm", True), ("post-norm", False)):
    config, runs = GPTConfig(vocab_size, 32, 32, 2, n_layers=12, pre_norm=pre_norm), []
    for seed in range(3):
        model = gpt.GPT(config, generator=torch.Generator().manual_seed(seed)).to(device)
        trainer = Trainer(
            model, draw_windows(train_tokens, 16, 32), next_token_loss, seed=seed,
            steps=budget(60, 4), lr=5e-3, schedule=lambda step: 1.0,
        )  # fmt: skip
        runs.append([step.loss for step in watch(trainer, f"{name}, seed {seed}", curve=False)])
    losses = torch.tensor(runs)  # (3, updates)
    curves[name] = (list(range(1, losses.size(1) + 1)), losses.mean(0).tolist())
    ends[name] = losses[:, -20:].mean(1)

figure = compare_curves(curves, "Twelve blocks without warm-up: where is the norm?", {"entropy rate": floor})
pre, post, n_updates = ends["pre-norm"], ends["post-norm"], losses.size(1)
show(
    figure,
    alt=f"Mean training loss of three runs at the end: pre-norm {pre.mean():.2f}, post-norm {post.mean():.2f}.",
)

# %% [markdown]
r"""
After {{60 = n_updates}} updates, with each of three seeds, pre-norm is {{far ahead : pre.max() < post.min() - 0.5}}: post-norm has not got beyond the frequencies of single words. (That is one rate. With smaller first steps post-norm gets going, too, as lesson 14 shows.)

One consequence is easy to miss. With pre-norm nobody normalises the sum after the **last** block, so a final norm stands before the output matrix. With post-norm the last block ends in a norm already: another one does nothing. (Notes that combine post-norm blocks with a final norm have copied half of GPT-2.)
"""

# %% [markdown]
r"""
### RMSNorm · optional

LayerNorm subtracts the mean and divides by the standard deviation. ***RMSNorm*** (Zhang & Sennrich 2019) only divides, by the root of the mean square; with $x$ and the learned weight $g$ of $d$ numbers each:

$$\operatorname{RMSNorm}(x) = \frac{x}{\sqrt{\frac1d \sum_i x_i^2 + \varepsilon}} \odot g .$$

**By hand**, $g = 1$, $\varepsilon = 0$: for $x = (3, 4)$ the mean square is $(9 + 16)/2 = {{12.5 = torch.tensor([3.0, 4]).square().mean()}}$, its root ${{3.536 = math.sqrt(12.5)}}$, the result $({{0.849 = rms_norm(torch.tensor([3.0, 4]), torch.ones(2), 0)[0]}}, {{1.131 = rms_norm(torch.tensor([3.0, 4]), torch.ones(2), 0)[1]}})$. LayerNorm would give ${{(-1, 1) : torch.allclose(F.layer_norm(torch.tensor([3.0, 4]), (2,), eps=0), torch.tensor([-1.0, 1]))}}$: it has thrown away that both were positive.

### Exercise · rms_norm · optional

Half precision is a trap here too: $300^2 = 90{,}000$ {{does not fit : 300**2 > torch.finfo(torch.float16).max}} into float16. Norms are computed in float32 and handed back in the type that came in.
"""


# %% exercise="rms_norm" points=2 optional=true parts={"values":1,"half":1} withheld="torch.nn.functional.rms_norm torch.nn.RMSNorm"
def rms_norm(x: Tensor, weight: Tensor, eps: float = 1e-5) -> Tensor:
    """Divide each vector by the root of its mean square, then scale each feature.

    x        (..., d_model), float32, float16 or bfloat16
    weight   (d_model,)
    eps      added to the mean square, under the root
    returns  (..., d_model) in the dtype of x; computed in float32. A vector of zeros gives zeros

    Gradients flow to x and weight. Without torch's own rms_norm and RMSNorm.

    Example: x = (3, 4), weight = (1, 1), eps = 0 gives (0.8485, 1.1314).
    """
    ### BEGIN SOLUTION
    wide = x.float()
    wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)
    return (wide * weight.float()).to(x.dtype)
    ### END SOLUTION


# %% [markdown] hints="rms_norm"
r"""
1. What is taken first: the mean, the square or the root? And in which type, when x is in half precision?
2. From the inside out: square, mean over the last dimension (kept, so that it broadcasts), add eps, root. Do it on a float32 copy, and come back to the type of x at the end.
3. `wide = x.float()`; the factor of a row is `torch.rsqrt(… + eps)`; `weight` comes last.
"""


# %% cases="rms_norm" active="py"
def cases(seed):
    yield Case(
        {"x": torch.tensor([3.0, 4.0]), "weight": torch.ones(2), "eps": 0.0}, note="(3, 4) by hand", part="values"
    )
    yield Case({"x": torch.zeros(1, 3), "weight": torch.ones(3)}, note="a vector of zeros", part="values")
    small = 1e-3 * torch.tensor([[1.0, 2.0, 2.0]])
    yield Case({"x": small, "weight": torch.ones(3), "eps": 1e-2}, note="numbers smaller than eps", part="values")
    yield Case({"x": small, "weight": torch.tensor([1.0, 2.0, -3.0])}, note="eps as it is by default", part="values")
    sizes = torch.tensor([[0.3, 0.4], [300.0, 400.0]])
    yield Case({"x": sizes, "weight": torch.ones(2)}, note="a small and a large vector", part="values")
    for i, shape in enumerate([(2, 5, 8), (4, 3), (6,)]):
        inputs = {"x": 1.0 + random_tensor(seed + i, *shape), "weight": random_tensor(seed + 9 + i, shape[-1])}
        yield Case(inputs, note="random vectors and weights", part="values")
    yield Case(inputs | {"gradients": True}, note="gradients", part="values")
    x, weight = 1.0 + random_tensor(seed, 2, 5, 8), random_tensor(seed + 1, 8)
    yield Case({"x": (300 * x).half(), "weight": weight.half()}, note="large float16", part="half")
    yield Case({"x": (1e-4 * x).half(), "weight": weight.half(), "eps": 0.0}, note="small float16", part="half")
    yield Case({"x": x.bfloat16(), "weight": weight}, note="bfloat16 with float32 weights", part="half")


# %% probe="rms_norm" active="py"
def probe(student, case):
    options = {"eps": case["eps"]} if "eps" in case else {}
    x, weight = (case[name].clone().requires_grad_() for name in ("x", "weight"))
    output = student(x, weight, **options)
    if case.get("gradients"):
        output.pow(3).sum().backward()
        return {"gradient of x": x.grad, "gradient of weight": weight.grad}
    output = output.detach()
    return output if x.dtype == torch.float32 else {"values": output, "dtype": str(output.dtype)}


# %% equivalents="rms_norm" active="py"
equivalents = {
    "weight.float() → weight": "the product of a float32 and a half tensor is float32 in any case",
}


# %% mistake="rms_norm" name="layer_norm" hint="You subtract the mean: that is LayerNorm. RMSNorm only divides." active="py"
def rms_norm(x, weight, eps=1e-5, right=rms_norm):
    wide = x.float()
    centred = wide - wide.mean(-1, keepdim=True)
    variance = centred.square().mean(-1, keepdim=True)
    return (centred / (variance + eps).sqrt() * weight.float()).nan_to_num().to(x.dtype)


# %% mistake="rms_norm" name="norm_without_mean" hint="You divide by the length of the vector, √Σx². It is the root of the mean square: √(Σx²/d)." active="py"
def rms_norm(x, weight, eps=1e-5):
    wide = x.float()
    return (wide / (wide.square().sum(-1, keepdim=True) + eps).sqrt() * weight.float()).to(x.dtype)


# %% mistake="rms_norm" name="eps_outside" hint="Your eps is added to the root. It belongs under it, next to the mean square." active="py"
def rms_norm(x, weight, eps=1e-5):
    wide = x.float()
    return (wide / (wide.square().mean(-1, keepdim=True).sqrt() + eps) * weight.float()).to(x.dtype)


# %% mistake="rms_norm" name="in_half_precision" hint="Right in float32, but in float16 the squares overflow (300² = 90,000 > 65,504). Compute in float32, and return the dtype of x." active="py"
def rms_norm(x, weight, eps=1e-5):
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * weight


# %% mistake="rms_norm" name="float32_returned" hint="The numbers are right, and come back as float32 whatever x was; the next layer, in half precision, would refuse them. End with .to(x.dtype)." active="py"
def rms_norm(x, weight, eps=1e-5, right=rms_norm):
    return right(x.float(), weight, eps)


# %% [markdown]
r"""
### SwiGLU · optional

The feed-forward network of 2017 and of GPT-2 has two matrices with a curve between them: $W_{down}\,\phi(W_{up}\,x)$. Llama's has three (Shazeer 2020). One product opens or closes gates for the other, feature by feature. That is ***SwiGLU***:

$$\operatorname{SwiGLU}(x) = \bigl(\operatorname{silu}(x W_{gate}) \odot x W_{up}\bigr)\,W_{down}, \qquad \operatorname{silu}(z) = z \cdot \sigma(z),$$

with $W_{gate}, W_{up}$ of shape $(d_{model}, d_{ff})$ and $W_{down}$ of shape $(d_{ff}, d_{model})$. Three matrices instead of two: to keep the number of parameters, $d_{ff}$ is $\tfrac83 d_{model}$ in place of $4\,d_{model}$.

**By hand**, all of size 1: $x = 1$, $W_{gate} = 2$, $W_{up} = 3$, $W_{down} = 1$. $\sigma(2) = {{0.881 = torch.tensor(2.0).sigmoid()}}$, $\operatorname{silu}(2) = {{1.762 = F.silu(torch.tensor(2.0))}}$, times 3 is ${{5.285 = swiglu(torch.tensor([1.0]), torch.tensor([[2.0]]), torch.tensor([[3.0]]), torch.tensor([[1.0]]))}}$.

Why it helps is not known. Shazeer's paper ends by attributing it “to divine benevolence”.

### Exercise · swiglu · optional
"""


# %% exercise="swiglu" points=1 optional=true withheld="course_lib.gpt.SwiGLUFeedForward"
def swiglu(x: Tensor, w_gate: Tensor, w_up: Tensor, w_down: Tensor) -> Tensor:
    """The feed-forward network of Llama, without biases.

    x        (..., d_model)
    w_gate   (d_model, d_ff)
    w_up     (d_model, d_ff)
    w_down   (d_ff, d_model)
    returns  (..., d_model); gradients flow to all four
    """
    ### BEGIN SOLUTION
    return (F.silu(x @ w_gate) * (x @ w_up)) @ w_down
    ### END SOLUTION


# %% [markdown] hints="swiglu"
r"""
1. Which of the two products opens and closes like a gate, and which carries the values?
2. Two projections of the same x, multiplied feature by feature; one of them has been through `F.silu` before. A third matrix goes back to d_model.
3. `(F.silu(x @ …) * (x @ …)) @ w_down`: which matrix goes where?
"""


# %% cases="swiglu" active="py"
def cases(seed):
    one = lambda value: torch.tensor([[float(value)]])
    yield Case({"x": one(1), "w_gate": one(2), "w_up": one(3), "w_down": one(1)}, note="the numbers by hand")

    def case(*shape, d_ff):
        shapes = [shape, (shape[-1], d_ff), (shape[-1], d_ff), (d_ff, shape[-1])]
        names = ("x", "w_gate", "w_up", "w_down")
        return {name: random_tensor(seed + i, *s) for i, (name, s) in enumerate(zip(names, shapes))}

    yield Case(case(2, 5, 6, d_ff=8), note="random")
    yield Case(case(3, d_ff=4), note="a single vector")
    yield Case(case(4, 5, d_ff=2) | {"gradients": True}, note="gradients")


# %% probe="swiglu" active="py"
def probe(student, case):
    inputs = {name: case[name].clone().requires_grad_() for name in ("x", "w_gate", "w_up", "w_down")}
    output = student(**inputs)
    if not case.get("gradients"):
        return output.detach()
    output.square().sum().backward()
    return {f"gradient of {name}": tensor.grad for name, tensor in inputs.items()}


# %% mistake="swiglu" name="gate_and_up_swapped" hint="You put the other product through silu. The gate is silu(x @ w_gate); x @ w_up passes as it is." active="py"
def swiglu(x, w_gate, w_up, w_down, right=swiglu):
    return right(x, w_up, w_gate, w_down)


# %% mistake="swiglu" name="sigmoid" hint="Your gate is a plain sigmoid (that is GLU). silu(z) is z · sigmoid(z)." active="py"
def swiglu(x, w_gate, w_up, w_down):
    return ((x @ w_gate).sigmoid() * (x @ w_up)) @ w_down


# %% mistake="swiglu" name="gelu" hint="That is GEGLU: a good network, but not this one. The gate uses silu." active="py"
def swiglu(x, w_gate, w_up, w_down):
    return (F.gelu(x @ w_gate) * (x @ w_up)) @ w_down


# %% mistake="swiglu" name="both_curved" hint="You put both products through silu. Only the gate gets it." active="py"
def swiglu(x, w_gate, w_up, w_down):
    return (F.silu(x @ w_gate) * F.silu(x @ w_up)) @ w_down


# %% [markdown]
r"""
### Exercise · Block

Now put a block together: GPT-2's, with pre-norm, LayerNorm and GELU. The attention and the feed-forward network are ready (you wrote their like in lessons 12 and 14):

- `CausalSelfAttention(config)`, called as `attention(x, positions, mask)`. A block does not look at positions and mask, and hands them on;
- `GELUFeedForward(config)`, called as `feed_forward(x)`.

Dropout acts on what each sublayer returns, before it is added. Its rate comes from `config.dropout`: a rate that is written into the class cannot be switched off for a test.
"""


# %% exercise="Block" points=3 parts={"values":2,"dropout":1} withheld="course_lib.gpt.Block torch.nn.TransformerEncoderLayer torch.nn.TransformerDecoderLayer"
class Block(nn.Module):
    """One layer of GPT-2: attention, then the feed-forward network, each on the normalised sum and added to the sum.

    config  a GPTConfig; used are d_model, dropout, and what the two parts read

    Parts: norm1 and norm2, each nn.LayerNorm(config.d_model); attention, a CausalSelfAttention; feed_forward, a
    GELUFeedForward.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.norm1, self.norm2 = nn.LayerNorm(config.d_model), nn.LayerNorm(config.d_model)
        self.attention = CausalSelfAttention(config)
        self.feed_forward = GELUFeedForward(config)
        self.dropout = nn.Dropout(config.dropout)
        ### END SOLUTION

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        """Return the tokens after this layer.

        x          (B, T, d_model)
        positions  (T,) handed on to the attention
        mask       handed on to the attention; None: every token sees all before it
        returns    (B, T, d_model)
        """
        ### BEGIN SOLUTION
        x = x + self.dropout(self.attention(self.norm1(x), positions, mask))
        return x + self.dropout(self.feed_forward(self.norm2(x)))
        ### END SOLUTION


# %% [markdown] hints="Block"
r"""
1. Pre-norm: which x does a sublayer read, and which x is its result added to?
2. Two lines of the same form, one for each sublayer: x = x + dropout(sublayer(norm(x))). The second begins with what the first returned.
3. `x = x + self.dropout(self.attention(self.norm1(x), …))`; the second line has the same shape. Whose probability does `nn.Dropout` take?
"""


# %% cases="Block" active="py"
def cases(seed):
    def case(**choices):
        sizes = {"vocab_size": 5, "seq_len": 8, "d_model": 8, "n_heads": 2, "n_layers": 1} | choices
        shapes = {name: tuple(p.shape) for name, p in Block(GPTConfig(**sizes)).state_dict().items()}
        state = {name: random_tensor(seed + i, *shape, scale=0.4) for i, (name, shape) in enumerate(shapes.items())}
        return {"config": sizes, "state": state, "x": 1.0 + random_tensor(seed + 50, 2, 4, 8)}

    yield Case(case(), note="two heads of four features", part="values")
    yield Case(case(d_ff=12), note="another width of the feed-forward network", part="values")
    gaps = {"positions": torch.tensor([0, 2, 3, 7])}
    yield Case(case(positions="rope") | gaps, note="rotary positions, handed on", part="values")
    mask = torch.tensor([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 1, 1]]).bool()
    yield Case(case() | {"mask": mask}, note="a mask, handed on", part="values")
    yield Case(case(dropout=0.3), note="a dropout of 0.3, in eval mode", part="dropout")
    yield Case(case() | {"training": True}, note="a dropout of 0, in training mode", part="dropout")
    yield Case(case(dropout=0.1) | {"counted": True}, note="a dropout of 0.1, in training", part="dropout")
    yield Case(case(dropout=0.7) | {"counted": True}, note="a dropout of 0.7, in training", part="dropout")


# %% probe="Block" active="py"
def probe(student, case):
    class Constant(nn.Module):
        """A sublayer that returns one number everywhere."""

        def __init__(self, value):
            super().__init__()
            self.value = value

        def forward(self, x, *others, **named):
            return torch.full_like(x, self.value)

    block = student(GPTConfig(**case["config"]))
    block.load_state_dict(case["state"])
    if case.get("counted"):
        block.train()
        x, scaled, rows = torch.full((50, 8, 8), 0.5), 1 / (1 - case["config"]["dropout"]), []
        for attention, feed_forward in ((1.0, 0.0), (0.0, 1.0)):
            block.attention, block.feed_forward = Constant(attention), Constant(feed_forward)
            added = plain(block(x, torch.arange(8), None)) - x
            kinds = [(added - value).abs() < 1e-4 for value in (0.0, scaled, 1.0)]
            rows.append(torch.tensor([int(kind.sum()) for kind in kinds]))
            rows[-1] = F.pad(rows[-1], (0, 1), value=added.numel() - int(rows[-1].sum()))
        return {"added by attention, by feed-forward: dropped, scaled, as it was, other": torch.stack(rows)}
    block.train(case.get("training", False))
    x = case["x"].clone().requires_grad_()
    output = block(x, case.get("positions", torch.arange(x.size(1))), case.get("mask"))
    output.square().sum().backward()
    weight = block.feed_forward.up.weight
    return {"output": output.detach(), "gradient of x": x.grad, "gradient of up": weight.grad}


# %% judge="Block" active="py"
def judge(case, expected, got):
    counted = "added by attention, by feed-forward: dropped, scaled, as it was, other"
    return judge_entries(expected, got, {counted: judge_counts})


# %% mistake="Block" name="post_norm" hint="You normalise the sum (post-norm, 2017). Pre-norm normalises what goes into a sublayer, and leaves the sum alone: x + f(norm(x))." active="py"
class Block(Block):
    def forward(self, x, positions, mask):
        x = self.norm1(x + self.dropout(self.attention(x, positions, mask)))
        return self.norm2(x + self.dropout(self.feed_forward(x)))


# %% mistake="Block" name="sum_from_the_norm" hint="You overwrote x by norm(x) before adding, so the stream is normalised after all. Add to the x that came in." active="py"
class Block(Block):
    def forward(self, x, positions, mask):
        x = self.norm1(x)
        x = x + self.dropout(self.attention(x, positions, mask))
        x = self.norm2(x)
        return x + self.dropout(self.feed_forward(x))


# %% mistake="Block" name="no_residual" hint="Your sublayers replace x. Each must be added to it." active="py"
class Block(Block):
    def forward(self, x, positions, mask):
        x = self.dropout(self.attention(self.norm1(x), positions, mask))
        return self.dropout(self.feed_forward(self.norm2(x)))


# %% mistake="Block" name="parallel" hint="Your feed-forward network reads the x from before the attention (some models do that, GPT-2 does not). It should see the sum with what attention gathered." active="py"
class Block(Block):
    def forward(self, x, positions, mask):
        gathered = self.dropout(self.attention(self.norm1(x), positions, mask))
        return x + gathered + self.dropout(self.feed_forward(self.norm2(x)))


# %% mistake="Block" name="fixed_dropout" hint="Your dropout does not follow config.dropout: with 0 it still drops. Hand the rate down: nn.Dropout(config.dropout)." active="py"
class Block(Block):
    def __init__(self, config):
        super().__init__(config)
        self.dropout = nn.Dropout(0.1)


# %% mistake="Block" name="no_dropout" hint="Right without dropout. In training, what each sublayer returns goes through nn.Dropout(config.dropout) before it is added." active="py"
class Block(Block):
    def __init__(self, config):
        super().__init__(config)
        self.dropout = nn.Identity()
        self.attention.dropout = 0.0


# %% mistake="Block" name="dropout_of_the_sum" hint="Your dropout acts on the sum, and so wipes out what earlier layers wrote. It acts on what a sublayer returns, before that is added." active="py"
class Block(Block):
    def forward(self, x, positions, mask):
        x = self.dropout(x + self.attention(self.norm1(x), positions, mask))
        return self.dropout(x + self.feed_forward(self.norm2(x)))


# %% mistake="Block" name="one_dropout" hint="Only what the attention returns goes through dropout. The feed-forward network's result does, too." active="py"
class Block(Block):
    def forward(self, x, positions, mask):
        x = x + self.dropout(self.attention(self.norm1(x), positions, mask))
        return x + self.feed_forward(self.norm2(x))


# %% [markdown]
r"""
## 4 · The whole model

### How large should weights be at the start? · optional

GPT-2 draws all matrices and the token embedding with a standard deviation of $\sigma = 0.02$ (its positions with 0.01; ours with $\sigma$, too), sets biases to 0 and leaves norms at 1. One group is special. In $L$ blocks, $2L$ sublayers add to the same sum. If each adds something independent of variance $s^2$, the sum has variance $2L s^2$ at the end: it grows with the depth. Dividing the matrices that *write* into the sum (the last of each sublayer) by $\sqrt{2L}$ makes that $s^2$, whatever $L$:

$$\sigma_{out} = \sigma_{down} = \frac{\sigma}{\sqrt{2L}}, \qquad \sigma_{\text{others}} = \sigma .$$

For $\sigma = 0.02$ and $L = 8$: $\sqrt{16} = 4$, so ${{0.005 = 0.02 / math.sqrt(2 * 8)}}$.
"""

# %% [markdown]
r"""
The 0.02 belongs to a width: GPT-2 has $d_{model} = {{768 = SIZES["GPT-2 small"].d_model}}$. A product with a matrix sums $d_{model}$ terms, and fewer terms make a smaller sum. `GPTConfig` therefore has an `init_std` of $0.02\sqrt{768 / d_{model}}$: for our 64 features ${{0.069 = config.init_std}}$.

### Exercise · init_weights · optional

In this course's models the matrices that write into the sum are the `nn.Linear` layers called `out` and `down`.
`model.named_modules()` yields pairs such as `("blocks.0.attention.out_proj", Linear(…))`.
"""


# %% exercise="init_weights" points=2 optional=true withheld="course_lib.gpt.init_weights"
@torch.no_grad()
def init_weights(model: nn.Module, n_layers: int, std: float = 0.02, generator: torch.Generator | None = None) -> None:
    """Draw the weights of a model as GPT-2's were drawn, in place.

    model      the weight of every nn.Linear and nn.Embedding in it is drawn from a normal distribution with mean 0
               and standard deviation std, and biases become 0; everything else stays as it is
    n_layers   L. nn.Linear layers whose own name (after the last dot) is out_proj or down get std / √(2 L)
    std        as above
    generator  all draws come from it; None: torch's global one
    """
    ### BEGIN SOLUTION
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            residual = name.split(".")[-1] in ("out_proj", "down")
            nn.init.normal_(module.weight, std=std / math.sqrt(2 * n_layers) if residual else std, generator=generator)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
    ### END SOLUTION


# %% [markdown] hints="init_weights"
r"""
1. Which types of module have weights to draw, and which of them may have no bias? How do you recognise a layer that writes into the residual stream?
2. Walk through `model.named_modules()`. A name such as “blocks.0.attention.out_proj” ends in the layer's own name; for those that write into the stream the standard deviation is smaller.
3. `name.split(".")[-1] in (…)` decides between `std` and `std / math.sqrt(2 * n_layers)`; `nn.init.normal_` takes a generator.
"""


# %% cases="init_weights" active="py"
def cases(seed):
    yield Case({"n_layers": 1, "std": 0.02, "seed": 0}, note="one layer")
    yield Case({"n_layers": 8, "std": 0.02, "seed": seed}, note="eight layers")
    yield Case({"n_layers": 3}, note="the default standard deviation, torch's global generator")
    std = 0.05 + torch.rand((), generator=generator(seed)).item() / 4  # 0.05 to 0.3
    yield Case({"n_layers": 2, "std": std, "seed": seed}, note="another standard deviation")


# %% probe="init_weights" active="py"
def probe(student, case):
    parts = {
        "others": nn.ParameterList([torch.full((3, 4), 5.0)]),
        "tokens": nn.Embedding(100, 160),
        "norm": nn.LayerNorm(160),
        "attention": nn.ModuleDict({"qkv": nn.Linear(160, 160), "out_proj": nn.Linear(160, 160)}),
        "feed_forward": nn.ModuleDict({"up": nn.Linear(160, 160, bias=False), "down": nn.Linear(160, 160)}),
        "outlook": nn.Linear(160, 160),
        "countdown": nn.Linear(160, 160),
        "down": nn.Linear(160, 160),
    }
    nn.init.constant_(parts["norm"].bias, 3.0)
    model, drawn = nn.ModuleDict(parts), []
    options = {"std": case["std"]} if "std" in case else {}
    for _ in range(2):
        torch.manual_seed(len(drawn))
        if "seed" in case:
            options["generator"] = torch.Generator().manual_seed(case["seed"])
        student(model, case["n_layers"], **options)
        drawn.append({name: p.detach().clone() for name, p in model.named_parameters()})
    first, second = drawn
    kept = {name: first.pop(name) for name in ("norm.weight", "norm.bias", "others.0")}
    spreads = {name: {"mean": p.mean().item(), "std": p.std().item()} for name, p in first.items() if p.dim() == 2}
    return spreads | {
        "biases are 0": all(bool(p.eq(0).all()) for name, p in first.items() if name.endswith("bias")),
        "the generator decides": all(first[name].equal(second[name]) for name in first),
        "the norm and other parameters": list(kept.values()),
    }


# %% judge="init_weights" active="py"
def judge(case, expected, got):
    spread = lambda *samples: judge_spread(16_000, *samples)  # so many numbers, or more, are in each matrix
    return judge_entries(expected, got, {name: spread for name, value in expected.items() if isinstance(value, dict)})


# %% equivalents="init_weights" active="py"
equivalents = {
    "init_weights: gradients_kept": "the functions of nn.init switch gradients off themselves",
    "for name, module in model.named_modules(): → for name, module in [*model.named_modules()][1:]:": (
        "the first of the modules is the model itself, which is no nn.Linear"
    ),
}


# %% mistake="init_weights" name="not_scaled" hint="out_proj and down have the same standard deviation as the others. Divide it by √(2 · n_layers), or the sum grows with the depth." active="py"
@torch.no_grad()
def init_weights(model, n_layers, std=0.02, generator=None, right=init_weights):
    right(model, 0.5, std, generator)


# %% mistake="init_weights" name="forgot_the_two" hint="You divided by √L. Each of the L blocks adds twice, attention and feed-forward: √(2 L)." active="py"
@torch.no_grad()
def init_weights(model, n_layers, std=0.02, generator=None, right=init_weights):
    right(model, n_layers / 2, std, generator)


# %% mistake="init_weights" name="no_embeddings" hint="The embedding kept torch's default, a standard deviation of 1: as output matrix it makes wild logits. nn.Embedding is drawn with std too." active="py"
@torch.no_grad()
def init_weights(model, n_layers, std=0.02, generator=None, right=init_weights):
    right(model, n_layers, std, generator)
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, generator=generator)


# %% mistake="init_weights" name="biases_left" hint="The biases kept their random numbers. They start at 0." active="py"
@torch.no_grad()
def init_weights(model, n_layers, std=0.02, generator=None, right=init_weights):
    right(model, n_layers, std, generator)
    for module in model.modules():
        if isinstance(module, nn.Linear) and module.bias is not None:
            module.bias.fill_(0.01)


# %% mistake="init_weights" name="generator_ignored" hint="The sizes are right, but the draws come from torch's global generator. Hand the generator on: nn.init.normal_(…, generator=generator)." active="py"
@torch.no_grad()
def init_weights(model, n_layers, std=0.02, generator=None, right=init_weights):
    right(model, n_layers, std, None)


# %% [markdown]
r"""
What the division is for: the spread of the residual stream through 24 untrained blocks, drawn both ways.
"""


# %%
@torch.no_grad()
def spread_by_depth(scaled, n_layers=24):
    """Standard deviation of the residual stream after 0, 1, … sublayers of an untrained model."""
    torch.manual_seed(0)
    model, spreads = gpt.GPT(GPTConfig(vocab_size, 64, 64, 4, n_layers)), []
    initialise(model, n_layers, model.config.init_std, torch.Generator().manual_seed(0))
    for name, weight in model.named_parameters():
        if not scaled and name.endswith(("out_proj.weight", "down.weight")):
            weight.mul_(math.sqrt(2 * n_layers))
    x = model.tokens(held_out[None, :64]) + model.positions(64)
    spreads.append(x.std().item())
    for block in model.blocks:
        x = x + block.attention(block.norm1(x), torch.arange(64), None)
        spreads.append(x.std().item())
        x = x + block.feed_forward(block.norm2(x))
        spreads.append(x.std().item())
    return spreads


# %%
initialise = yours("gpt.init_weights", gpt.init_weights)
spreads = {
    "σ for every matrix": spread_by_depth(scaled=False),
    "σ / √(2 L) for those that write into the sum": spread_by_depth(scaled=True),
}
figure = figures.residual_growth(spreads, "The sum grows with the depth, unless its writers are scaled")
unscaled, scaled = (spread[-1] / spread[0] for spread in spreads.values())
show(figure, alt=f"After 48 sublayers the spread has grown {unscaled:.1f}-fold; with scaled writers {scaled:.1f}-fold.")

# %% [markdown]
r"""
### Exercise · GPT

All together, with $x$ of shape $(B, T, d_{model})$ throughout:

1. $x$ = the embedding of each token + the embedding of each position $0 \dots T - 1$; dropout.
2. `n_layers` blocks, one after the other, each called as `block(x, positions, None)`. `None` is the mask: the attention is causal by itself.
3. The final norm.
4. Logits: each vector times the output matrix, which is the token embedding itself (tied, as in lesson [08](08_neural_ngrams.ipynb): one parameter, two uses; Press & Wolf 2017).

`self.to_logits.weight = self.tokens.weight` ties them. Initialise with your `init_weights` at the end of `__init__`, with `config.init_std`: with torch's default embeddings the first logits of a tied model are huge.

`seq_len` is the model's ***context window***. A text longer than the table of positions cannot be read: ValueError. (Whoever generates must crop; section 6.)
"""


# %% exercise="GPT" points=4 parts={"logits":3,"start":1} needs="Block init_weights" withheld="course_lib.gpt.GPT course_lib.attention_lm.AttentionLM"
class GPT(nn.Module):
    """GPT-2: token ids in, logits of each next token out.

    config  a GPTConfig; used are vocab_size, seq_len, d_model, n_layers, init_std, dropout, and what the blocks read

    Attributes: vocab_size, seq_len.
    Parts: tokens, nn.Embedding(vocab_size, d_model); positions, nn.Embedding(seq_len, d_model); blocks, an nn.ModuleList
    of n_layers Blocks; norm, nn.LayerNorm(d_model); to_logits, nn.Linear(d_model, vocab_size) without bias, its weight
    being that of tokens. Initialised by init_weights, with config.n_layers and config.init_std.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.vocab_size, self.seq_len = config.vocab_size, config.seq_len
        self.tokens = nn.Embedding(config.vocab_size, config.d_model)
        self.positions = nn.Embedding(config.seq_len, config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_model)
        self.to_logits = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.to_logits.weight = self.tokens.weight
        init_weights(self, config.n_layers, config.init_std)
        ### END SOLUTION

    def forward(self, ids: Tensor) -> Tensor:
        """Return the logits of the token that follows each position.

        ids      (B, T) int64
        returns  (B, T, V)

        Raises ValueError when T is more than seq_len.
        """
        ### BEGIN SOLUTION
        length = ids.size(1)
        if length > self.seq_len:
            raise ValueError(f"ids must have at most seq_len = {self.seq_len} tokens, got {length}")
        positions = torch.arange(length, device=ids.device)
        x = self.dropout(self.tokens(ids) + self.positions(positions))
        for block in self.blocks:
            x = block(x, positions, None)
        return self.to_logits(self.norm(x))
        ### END SOLUTION


# %% [markdown] hints="GPT"
r"""
1. Which six parts does the docstring name, in which order does `forward` use them, and where do the positions come from?
2. `nn.ModuleList` over `range(config.n_layers)` makes n different blocks. In `forward`, the embedding of tokens plus that of positions goes through dropout, every block, the last norm, the head.
3. `positions = torch.arange(ids.size(1), device=ids.device)`; then `x = self.dropout(self.tokens(ids) + …)`, and a loop over the blocks.
"""


# %% cases="GPT" active="py"
def cases(seed):
    def case(length, **choices):
        sizes = {"vocab_size": 7, "seq_len": 6, "d_model": 8, "n_heads": 2, "n_layers": 2} | choices
        shapes = {name: tuple(p.shape) for name, p in GPT(GPTConfig(**sizes)).state_dict().items()}
        state = {name: random_tensor(seed + i, *shape, scale=0.5) for i, (name, shape) in enumerate(shapes.items())}
        state["to_logits.weight"] = state["tokens.weight"]
        return {"config": sizes, "state": state, "ids": random_integers(seed + 99, 0, 7, 2, length)}

    yield Case(case(1, n_layers=1), note="one token, one block", part="logits")
    yield Case(case(4, n_layers=1), note="four tokens, one block", part="logits")
    yield Case(case(6), note="two blocks, a full window", part="logits")
    yield Case(case(7), note="one token too many", part="logits")
    yield Case(case(5, n_layers=3, dropout=0.3), note="three blocks with dropout, in eval mode", part="logits")
    vocab_size = random_integers(seed, 50, 200, 1).item()
    large = {"vocab_size": vocab_size, "seq_len": 9, "d_model": 64, "n_heads": 2, "n_layers": 3}
    fresh = {"config": large, "ids": random_integers(seed, 0, 50, 2, 8)}
    yield Case(fresh, note="an untrained model", part="start")
    yield Case(fresh | {"config": large | {"init_std": 0.12}}, note="an init_std that was chosen", part="start")
    dropping = {"config": large | {"dropout": 0.1}, "ids": random_integers(seed, 0, 50, 7, 8), "counted": True}
    yield Case(dropping, note="what the first block gets, in training", part="start")


# %% probe="GPT" active="py"
def probe(student, case):
    class Passing(nn.Module):
        """In place of a block: keeps what it is given, and returns x as it is."""

        def forward(self, x, positions, mask):
            self.given = x, positions, mask
            return x

    torch.manual_seed(0)
    model = student(GPTConfig(**case["config"]))
    sizes = {"vocab_size": model.vocab_size, "seq_len": model.seq_len}
    if case.get("counted"):
        nn.init.ones_(model.tokens.weight)
        nn.init.ones_(model.positions.weight)  # the sum of the two embeddings is 2 everywhere
        model.blocks = nn.ModuleList(Passing() for _ in model.blocks)
        model.train()(case["ids"])
        x, positions, mask = model.blocks[0].given
        x = plain(x)
        dropped, kept = x.abs() < 1e-4, (x - 2 / (1 - case["config"]["dropout"])).abs() < 1e-4
        counts = torch.stack([dropped.sum(), kept.sum(), (~dropped & ~kept).sum()])
        return {"x: dropped, kept and scaled, other": counts, "positions": positions, "mask": mask}
    if "state" not in case:  # untrained
        last = model.blocks[-1]
        weights = {"tokens": model.tokens, "positions": model.positions, "last qkv": last.attention.qkv}
        weights |= {"last out_proj": last.attention.out_proj, "last down": last.feed_forward.down}
        spreads = {
            name: {"mean": part.weight.mean().item(), "std": part.weight.std().item()} for name, part in weights.items()
        }
        return sizes | {"parameters": sum(p.numel() for p in model.parameters())} | spreads
    model.load_state_dict(case["state"])
    logits = model.eval()(case["ids"])
    logits.square().sum().backward()
    return sizes | {"logits": logits.detach(), "gradient of tokens": model.tokens.weight.grad}


# %% judge="GPT" active="py"
def judge(case, expected, got):
    spread = lambda *samples: judge_spread(500, *samples)  # so many numbers, or more, are in each matrix
    judges = {name: spread for name, value in expected.items() if isinstance(value, dict)}
    return judge_entries(expected, got, judges | {"x: dropped, kept and scaled, other": judge_counts})


# %% equivalents="GPT" active="py"
equivalents = {
    "nn.Linear(config.d_model, config.vocab_size, bias=False)"
    " → nn.Linear(config.vocab_size, config.d_model, bias=False)": "its weight is replaced by that of tokens",
}


# %% mistake="GPT" name="no_final_norm" hint="The sum after the last pre-norm block goes to the output matrix as it is. Nobody has normalised it: apply self.norm before the head." active="py"
class GPT(GPT):
    def forward(self, ids):
        kept, self.norm = self.norm, nn.Identity()
        try:
            return super().forward(ids)
        finally:
            self.norm = kept


# %% mistake="GPT" name="not_tied" hint="Your output matrix is a parameter of its own. Tie it: self.to_logits.weight = self.tokens.weight." active="py"
class GPT(GPT):
    def __init__(self, config):
        super().__init__(config)
        self.to_logits.weight = nn.Parameter(self.to_logits.weight.detach().clone())


# %% mistake="GPT" name="no_positions" hint="Positions are never added: to the first block, a token looks the same wherever it stands." active="py"
class GPT(GPT):
    def forward(self, ids):
        with torch.no_grad():
            self.positions.weight.zero_()
        return super().forward(ids)


# %% mistake="GPT" name="one_block" hint="All your layers are one and the same block: [block] * n repeats a reference. Make a new Block in every turn." active="py"
class GPT(GPT):
    def __init__(self, config):
        super().__init__(config)
        self.blocks = nn.ModuleList([self.blocks[0]] * config.n_layers)


# %% mistake="GPT" name="not_initialised" hint="The logits are right, but an untrained model of yours has strong opinions: the tied embedding keeps torch's standard deviation of 1. Call init_weights at the end of __init__." active="py"
class GPT(GPT):
    def __init__(self, config):
        super().__init__(config)
        nn.init.normal_(self.tokens.weight)


# %% mistake="GPT" name="init_std_ignored" hint="Your weights start with 0.02 whatever the config says. Hand its standard deviation on: init_weights(self, config.n_layers, config.init_std)." active="py"
class GPT(GPT):
    def __init__(self, config, init_weights=init_weights):
        super().__init__(config)
        init_weights(self, config.n_layers)


# %% mistake="GPT" name="no_dropout" hint="The sum of the two embeddings goes into the first block as it is. In training, nn.Dropout(config.dropout) acts on it first." active="py"
class GPT(GPT):
    def __init__(self, config):
        super().__init__(config)
        self.dropout = nn.Identity()


# %% mistake="GPT" name="no_check" hint="Right up to seq_len. Beyond it the docstring asks for a ValueError; the IndexError of the embedding does not say what was wrong." active="py"
class GPT(GPT):
    def forward(self, ids):
        if ids.size(1) > self.seq_len:
            raise IndexError("index out of range in self")
        return super().forward(ids)


# %% [markdown]
r"""
### Is it the real thing?

Two tests that every causal model deserves. First: the weights of the course's tested model, loaded into yours, must give the same logits. (The tested one, in turn, is compared with Hugging Face's GPT-2 in the course's test suite: same logits, same gradients, same text.) Second, the leak test of lesson 12: change one token, and no logits before it may move.
"""

# %%
torch.manual_seed(0)
Model = yours("gpt.GPT", gpt.GPT)
config = GPTConfig(vocab_size, seq_len=32, d_model=64, n_heads=4, n_layers=2)
mine, tested = Model(config).eval(), gpt.GPT(config).eval()
mine.load_state_dict(tested.state_dict())

ids = held_out[None, :10]
with torch.no_grad():
    print("same logits:", torch.allclose(mine(ids), tested(ids), atol=1e-5))
    changed = ids.clone()
    changed[0, 6] = (ids[0, 6] + 1) % vocab_size
    moved = (mine(changed) - mine(ids)).abs().amax(-1)[0]
print("how far the logits moved:", moved.numpy().round(3))
print(f"parameters: {sum(p.numel() for p in mine.parameters()):,}, by arithmetic {config.n_parameters():,}")
print("by part:", config.parameters_by_part())
texts = held_out[:320].view(10, 32)
with torch.no_grad():
    untrained = F.cross_entropy(tested(texts)[:, :-1].flatten(0, 1), texts[:, 1:].flatten()).item()
print(f"loss before training: {untrained:.2f}, ln V: {math.log(vocab_size):.2f}")
notes = GPTConfig(50_257, seq_len=1024, d_model=512, n_heads=8, n_layers=6, tied=False)
small = SIZES["GPT-2 small"]

# %% [markdown]
r"""
The arithmetic, for one block with biases and $d_{ff} = 4d$: attention $4d^2 + 4d$, feed-forward $8d^2 + 5d$, two norms $4d$: about $12 d^2$. All blocks: $12\,L\,d^2$. For GPT-2 small, $L = {{12 = small.n_layers}}$, $d = 768$: {{85 = 12 * small.n_layers * small.d_model**2 / 1e6}} million. Its token embedding, $50{,}257 \times 768$, is {{39 = 50_257 * small.d_model / 1e6}} million: not tied, the model would be {{nearly a third larger : 0.3 < 50_257 * small.d_model / small.n_parameters() < 1 / 3}}. The smaller the model, the more the table weighs: with 6 blocks of 512 features and two separate tables of tokens, {{73 % = 2 * 50_257 * 512 / notes.n_parameters()}} of {{71 = notes.n_parameters() / 1e6}} million are in those.

The first number to look at in every training is the loss before it. The logits of a fresh model are small, so it is near $\ln V$: {{6.0 = untrained ± 0.2}} against {{5.85 = math.log(vocab_size)}}, and never far below. A loss far above it says that the start is too wild.
"""

# %% [markdown]
r"""
**The decoder of 2017 without its look across** differs from yours in four places, all of them known: post-norm blocks ([14](14_transformer.ipynb)), sinusoids added to $\sqrt{d_{model}}$ times the embedding ([13](13_positions.ipynb)), an output matrix that is not tied, and *no* norm after the last block. Popular copies add GPT-2's last norm to it, which then normalises what is normalised already.

### Question · gpt3_billions · optional

GPT-3 has $L = 96$ blocks and $d_{model} = 12{,}288$. How many **billions** ($10^9$) of parameters do its blocks have, by the rule $12\,L\,d^2$? Whole number.
"""

# %% exercise="gpt3_billions" points=1 optional=true kind="number"
### BEGIN SOLUTION
gpt3_billions = 174  # 12 · 96 · 12288² = 1.739e11
### END SOLUTION

# %% mistake="gpt3_billions" name="attention_only" hint="That is 4 d² a block: the attention alone. The feed-forward network has another 8 d²." active="py"
gpt3_billions = 58

# %% mistake="gpt3_billions" name="feed_forward_only" hint="That is 8 d² a block: the feed-forward network alone. The attention has another 4 d²." active="py"
gpt3_billions = 116

# %% mistake="gpt3_billions" name="millions" hint="You counted in millions; the question asks for billions." active="py"
gpt3_billions = 173946

# %% [markdown]
r"""
## 5 · Training it

### When the batch does not fit · optional

Large models learn from batches of half a million tokens and more. If so many do not fit into memory, compute the gradient of one ***micro-batch*** after the other, let them add up in `.grad`, and update once: ***gradient accumulation***. The result must be the gradient of the *mean over all real targets of all micro-batches*:

$$\nabla \mathcal L = \frac{1}{\sum_m n_m} \sum_m \nabla \Bigl(\text{sum of the losses of micro-batch } m\Bigr), \qquad n_m = \text{its number of real targets}.$$

The usual recipe, “divide each mean by the number of micro-batches”, gives this only when all $n_m$ are equal. **By hand**: one micro-batch has 1 real target with loss 4, another has 3 with a mean loss of 2. The mean of means is {{3 = (4 + 2) / 2}}; the mean over all four is $(4 + 3 \cdot 2)/4 = {{2.5 = (4 + 3 * 2) / 4}}$. Hugging Face's `Trainer` had this fault until October 2024.

### Exercise · accumulate_gradients · optional
"""


# %% exercise="accumulate_gradients" points=3 optional=true withheld="course_lib.train.Trainer course_lib.language_model.next_token_loss"
def accumulate_gradients(model: nn.Module, batches: list[tuple[Tensor, Tensor]], ignore_id: int = -100) -> float:
    """Fill .grad with the gradient of the mean loss over all real targets of several micro-batches.

    model      model(inputs (B, T)) → logits (B, T, V)
    batches    pairs of inputs (B, T) and targets (B, T), sizes may differ; only one of them is in memory at a time:
               the backward pass of each comes before the forward pass of the next
    ignore_id  marks targets that do not count; at least one counts in all batches together
    returns    the mean loss over all real targets, in nats

    Gradients from before the call are discarded. Nothing is updated.
    """
    ### BEGIN SOLUTION
    model.zero_grad()
    n_real = sum((targets != ignore_id).sum().item() for _, targets in batches)
    mean = 0.0
    for inputs, targets in batches:
        logits = model(inputs)
        total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=ignore_id, reduction="sum")
        (total / n_real).backward()
        mean += total.item() / n_real
    return mean
    ### END SOLUTION


# %% [markdown] hints="accumulate_gradients"
r"""
1. What does each micro-batch's loss have to be divided by, so that a batch with much padding does not count too much? When is that number known?
2. Count the real targets of all batches first. `.grad` adds up by itself, so clear it once; each backward pass is that of a sum, divided by the whole count.
3. `total = sum(… for …)`; `model.zero_grad()`; in the loop `F.cross_entropy(…, reduction="sum", ignore_index=ignore_id) / total` and `.backward()`.
"""


# %% cases="accumulate_gradients" active="py"
def cases(seed):
    table = random_tensor(seed, 5, 5)
    pair = lambda i, b, t: (random_integers(seed + i, 0, 5, b, t), random_integers(seed + i + 1, 1, 5, b, t))
    yield Case({"table": table, "batches": [pair(0, 1, 2)]}, note="one micro-batch")
    yield Case({"table": table, "batches": [pair(2, 2, 3), pair(4, 2, 3)]}, note="two of equal size")
    yield Case({"table": table, "batches": [pair(6, 1, 2), pair(8, 3, 4)]}, note="two of unequal size")
    inputs, targets = pair(10, 2, 4)
    targets[1, 1:] = -100
    padded = [(inputs, targets), pair(12, 2, 4)]
    yield Case({"table": table, "batches": padded}, note="equal shapes, unequal numbers of real targets")
    yield Case({"table": table, "batches": padded, "stale": True}, note="gradients left from before")
    zeros = [(inputs, targets.clamp(min=0)) for inputs, targets in padded]
    yield Case({"table": table, "batches": zeros, "ignore_id": 0}, note="another ignore_id")
    empty = (inputs, torch.full_like(targets, -100))
    yield Case({"table": table, "batches": [empty, *padded]}, note="a micro-batch without real targets")
    three = [pair(14, 2, 3), pair(16, 1, 6), pair(18, 4, 2)]
    yield Case({"table": table, "batches": three}, note="three of unequal size")


# %% probe="accumulate_gradients" active="py"
def probe(student, case):
    class Bigram(nn.Module):
        """Row t of the table holds the logits after token t. Counts forward passes that wait for a backward pass."""

        def __init__(self):
            super().__init__()
            self.table, self.unused = nn.Parameter(case["table"].clone()), nn.Parameter(torch.ones(1))
            self.waiting = self.most_waiting = 0

        def forward(self, ids):
            logits = self.table[ids]
            if logits.requires_grad:
                self.waiting += 1
                self.most_waiting = max(self.most_waiting, self.waiting)
                logits.register_hook(self.arrived)
            return logits

        def arrived(self, gradient):
            self.waiting -= 1

    model = Bigram()
    if case.get("stale"):
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
    options = {"ignore_id": case["ignore_id"]} if "ignore_id" in case else {}
    loss = student(model, [tuple(pair) for pair in case["batches"]], **options)
    outcome = {"loss": loss, "gradient": model.table.grad, "weights": model.table.detach()}
    outcome["the loss holds a graph"] = isinstance(loss, Tensor) and loss.requires_grad
    if case.get("stale"):
        stale = model.unused.grad
        outcome["gradient of a parameter without use"] = torch.zeros(1) if stale is None else stale
    if len(case["batches"]) == 2:
        outcome["micro-batches in memory at a time"] = model.most_waiting
    return outcome


# %% equivalents="accumulate_gradients" active="py"
equivalents = {
    "(targets != ignore_id).sum().item() → (targets != ignore_id).sum()": "a count in a tensor divides as well",
    "return mean → return detached(mean)": "a float has no gradient",
}


# %% mistake="accumulate_gradients" name="mean_of_means" hint="You average the means of the micro-batches, so a target in a small one weighs more. Divide every sum by the number of all real targets." active="py"
def accumulate_gradients(model, batches, ignore_id=-100):
    model.zero_grad()
    mean = 0.0
    for inputs, targets in batches:
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=ignore_id) / len(batches)
        loss.backward()
        mean += loss.item()
    return mean


# %% mistake="accumulate_gradients" name="not_divided" hint="Your gradients are the sum of the micro-batches' means, too long by their number: as if the learning rate had grown." active="py"
def accumulate_gradients(model, batches, ignore_id=-100):
    model.zero_grad()
    mean = 0.0
    for inputs, targets in batches:
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=ignore_id)
        loss.backward()
        mean += loss.item()
    return mean


# %% mistake="accumulate_gradients" name="cleared_in_the_loop" hint="You clear the gradients before every micro-batch, so only the last one counts. Clear once." active="py"
def accumulate_gradients(model, batches, ignore_id=-100, right=accumulate_gradients):
    mean = right(model, batches, ignore_id)
    n_real = sum((targets != ignore_id).sum().item() for _, targets in batches)
    model.zero_grad()
    inputs, targets = batches[-1]
    total = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=ignore_id, reduction="sum")
    (total / n_real).backward()
    return mean


# %% mistake="accumulate_gradients" name="padding_counted" hint="You divide by the number of all places. Only real targets count." active="py"
def accumulate_gradients(model, batches, ignore_id=-100, right=accumulate_gradients):
    mean = right(model, batches, ignore_id)
    share = sum((t != ignore_id).sum().item() for _, t in batches) / sum(t.numel() for _, t in batches)
    model.table.grad *= share
    return mean * share


# %% mistake="accumulate_gradients" name="stale_gradients" hint="Right when the gradients are empty at the start. What earlier steps left in .grad must be cleared first: model.zero_grad()." active="py"
def accumulate_gradients(model, batches, ignore_id=-100, right=accumulate_gradients):
    before = [(p, p.grad.clone()) for p in model.parameters() if p.grad is not None]
    mean = right(model, batches, ignore_id)
    for parameter, gradient in before:
        parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
    return mean


# %% mistake="accumulate_gradients" name="one_graph" hint="The numbers are right, but all micro-batches are in memory until your one backward pass at the end, as if they were one large batch. Call backward() for each, inside the loop." active="py"
def accumulate_gradients(model, batches, ignore_id=-100):
    model.zero_grad()
    n_real = sum((targets != ignore_id).sum().item() for _, targets in batches)
    losses = [
        F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), ignore_index=ignore_id, reduction="sum")
        for inputs, targets in batches
    ]
    mean = sum(losses) / n_real
    mean.backward()
    return mean.item()


# %% [markdown]
r"""
### Two more ways to save · optional

- ***Gradient checkpointing*** (Chen et al. 2016) keeps only the input of each block for the backward pass, and computes the inside of the block a second time when it is needed. One more forward pass: about a third more work, since a backward pass costs about two.
- ***Mixed precision*** (Micikevicius et al. 2018) computes products in bfloat16 or float16 and keeps the weights in float32. bfloat16 has {{the range of float32 : torch.finfo(torch.bfloat16).max > 0.99 * torch.finfo(torch.float32).max}} and {{two to three significant decimals in place of seven :
2 < -math.log10(torch.finfo(torch.bfloat16).eps / 2) < 3 and 7 < -math.log10(torch.finfo(torch.float32).eps / 2) < 8}}. float16 is {{finer : torch.finfo(torch.float16).eps < torch.finfo(torch.bfloat16).eps}}, but its range is small: the loss is scaled up so that small gradients do not vanish.

Neither changes a formula; mixed precision rounds more. What they save, in bytes that autograd keeps for one window of {{256 = window.size(1) - 1}} tokens through {{8 = deep.config.n_layers}} blocks:
"""


# %%
def kept_bytes(compute):
    """Bytes of all tensors that autograd keeps for the backward pass of what compute() returns."""
    storages = {}

    def keep(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        compute()
    return sum(storages.values())


window, kept = train_tokens[None, :257], {}
for checkpoint in (False, True):
    deep = gpt.GPT(GPTConfig(vocab_size, 256, 64, 4, n_layers=8, checkpoint=checkpoint))
    weights = 4 * deep.config.n_parameters()
    kept[checkpoint, "float32"] = full = kept_bytes(lambda: next_token_loss(deep, window)) - weights
    with torch.autocast("cpu", torch.bfloat16):
        kept[checkpoint, "bfloat16"] = mixed = kept_bytes(lambda: next_token_loss(deep, window)) - weights
    print(f"checkpointing {checkpoint!s:5}   float32 {full / 2**20:5.1f} MiB   with bfloat16 {mixed / 2**20:5.1f} MiB")

# %% [markdown]
r"""
The inputs of the blocks stay in float32, so the two together save {{little more : 0.8 < kept[True, "bfloat16"] / kept[True, "float32"] < 1}} than checkpointing alone.

### Half a minute

Now the real run. If your `GPT` passed its check, it is yours that trains: {{2 = config.n_layers}} blocks of {{64 = config.d_model}} features, on {{300,000 = len(train_tokens)}} tokens of the toy language, with the course's training loop (AdamW, warm-up and cosine, clipping). At some steps the model writes a few words; the diary below keeps them.
"""

# %%
from course_lib.widgets.predict import predict_number

guess = predict_number(
    "15_gpt.excess",
    "Two blocks train for half a minute. How far above the entropy rate do they end, on held-out text?",
    low=0.0,
    high=1.0,
    unit="nats a token",
)
guess

# %%
from course_lib.decoding import Sampling
from course_lib.decoding import generate as tested_generate

start = torch.tensor([language.encode("<eos>")], device=device)  # what stands before every sentence


def sample(model, n_tokens=24, seed=3):
    """Some words from the model's own distribution."""
    ids = tested_generate(model, start, n_tokens, generator=torch.Generator().manual_seed(seed))
    return language.decode(ids[0, 1:].tolist())


torch.manual_seed(0)
model = Model(config).to(device)
n_steps = budget(1200, 30)
stages = {round(n_steps * share) for share in (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)}
entries = [(0, nats_per_token(model, held_out[:4000]), sample(model))]

trainer = Trainer(model, draw_windows(train_tokens, 32, 32), next_token_loss, steps=n_steps, lr=1e-2)
for step in watch(trainer, "GPT", {"entropy rate": floor}):
    if step.number in stages:
        entries.append((step.number, nats_per_token(model, held_out[:4000]), sample(model)))

# %%
reached = nats_per_token(model, held_out)
scoreboard.record("Transformer", reached, config.n_parameters(), trainer.seconds, "15_gpt")
print(f"{reached:.3f} nats a token on held-out text, {reached - floor:.3f} above the entropy rate")
scoreboard.show_scoreboard()

# %%
guess.reveal(round(reached - floor, 3))

# %%
diary(entries, floor)

# %% [markdown]
r"""
First the words are drawn nearly evenly; then the common ones come; then pairs that fit; then sentences whose verbs agree with their subjects. With the full budget the loss ends {{a few hundredths of a nat : 0 < reached - floor < 0.06}} above the entropy rate (one seed).

### What the heads look at · optional

The widget of lesson 12, on the trained model. Does a head find the subject of the last verb, *cat*? Of {{eight : looks.size(1) * looks.size(2) == 8}} heads one looks at it most, whatever they do: the best of eight is no evidence. So every other animal takes the place of the cat to *choose* a head, the remaining ones to *test* it, and what the head gives to the wrong noun, *mice*, is measured beside it. (One trained model.) The widget opens at the chosen head.
"""

# %%
from course_lib.data.mouse_and_cheese import ANIMALS
from course_lib.widgets.attention import attention_explorer

trained = gpt.GPT(config).eval()
trained.load_state_dict(model.state_dict())

text = "<eos> the mice that the cat behind the old house chases"
right, wrong = text.split().index("cat"), text.split().index("mice")


def maps(text):
    """Attention weights (L, H, T, T) of a text of one row."""
    return torch.cat(trained.attention_maps(torch.tensor([language.encode(text)])))


animals = [line.split()[0] for line in ANIMALS.strip().splitlines()]
looks = torch.stack([maps(text.replace("cat", animal))[:, :, -1] for animal in animals])  # (N, L, H, T)
layer, head = divmod(int(looks[::2, :, :, right].mean(0).argmax()), looks.size(2))
tested_on = looks[1::2, layer, head].mean(0)
print(f"chosen: head {head} of layer {layer + 1}. On the other {len(looks[1::2])} animals its last verb gives")
print(f"{tested_on[right]:.2f} of its attention to the subject and {tested_on[wrong]:.2f} to “mice”")
weights = maps(text)
attention_explorer(text.split(), weights, layer, head)

# %% [markdown]
r"""
### A head that looks things up · optional

Give the model a text it can only know from the text itself: random words, and then the same words again. At the second *d* of `d a f c d …`, whoever finds the first *d* and reads on knows that *a* comes next. A head that does so is an ***induction head***: it looks at the token **after the earlier occurrence** of its own. Olsson et al. (2022) found such heads in language models of all sizes and think that they are much of what lets a model learn from its context.

When tokens repeat after $P$ places, token $t$ occurred before at $t - P$, and what followed it is at $t - P + 1$. With weights $A$ of shape $(B, H, T, T)$, the score of head $h$ is the mean of that one weight,

$$s_h = \operatorname{mean}_{b,\; t \ge P}\; A_{b,\,h,\,t,\,t - P + 1}.$$

### Exercise · induction_score · optional

By hand: $P = 2$, $T = 4$. Tokens 2 and 3 occurred before. If token 2 gives 1 to token 1, and token 3 gives 0.5 to token 2, the score is {{0.75 = induction_score(torch.tensor([[[[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0.5, 0.5]]]]), 2).item()}}.
"""


# %% exercise="induction_score" points=2 optional=true withheld="course_lib.interpretability.induction_score"
def induction_score(weights: Tensor, period: int) -> Tensor:
    """How much attention each head gives to the token after the earlier occurrence of the one it is at.

    weights  (B, H, T, T) attention weights over sequences that repeat after `period` tokens; weights[b, h, t] is what
             token t looks at
    period   P; a token that occurred more than once before counts its latest occurrence, at t − P
    returns  (H,) mean of weights[:, :, t, t − P + 1] over the batch and all t from P on

    Raises ValueError when period is not from 2 to T − 1: with 1 the token after the earlier one is the token itself.
    """
    ### BEGIN SOLUTION
    length = weights.size(-1)
    if not 2 <= period < length:
        raise ValueError(f"period must be from 2 to {length - 1}, got {period}")
    queries = torch.arange(period, length, device=weights.device)
    return weights[:, :, queries, queries - period + 1].mean((0, 2))
    ### END SOLUTION


# %% [markdown] hints="induction_score"
r"""
1. Which tokens have occurred before at all, and for the first of them: at which place is the token that followed?
2. Pick one weight for each of those queries: two index tensors of equal length, one for the row and one for the column, pick pairs. Then a mean over the batch and the queries, not over the heads.
3. `queries = torch.arange(period, weights.size(-1))`; then `weights[:, :, queries, …].mean(…)`
"""


# %% cases="induction_score" active="py"
def cases(seed):
    hand = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0.5, 0.5]])
    yield Case({"weights": hand[None, None], "period": 2}, note="the example by hand")
    for i, (b, h, t, period) in enumerate([(1, 2, 5, 3), (2, 3, 8, 4), (3, 2, 9, 2), (2, 4, 7, 6)]):
        weights = random_tensor(seed + i, b, h, t, t, scale=2.0)
        weights = weights.masked_fill(~torch.ones(t, t, dtype=torch.bool).tril(), -math.inf).softmax(-1)
        yield Case({"weights": weights, "period": period}, note=f"{t} tokens, period {period}")
    yield Case({"weights": hand[None, None], "period": 1}, note="period 1")
    yield Case({"weights": hand[None, None], "period": 4}, note="nothing repeats")
    yield Case({"weights": hand[None, None], "period": 3}, note="a single token that occurred before")


# %% equivalents="induction_score" active="py"
equivalents = {
    "weights.size(-1) → weights.size(-2)": "attention of a text to itself is square",
}


# %% mistake="induction_score" name="the_token_itself" hint="You read the weight on the earlier occurrence itself, t − P. A head that looks there finds what it has already; what comes next is one place later." active="py"
def induction_score(weights, period, right=induction_score):
    if not 2 <= period < weights.size(-1):
        return right(weights, period)
    queries = torch.arange(period, weights.size(-1))
    return weights[:, :, queries, queries - period].mean((0, 2))


# %% mistake="induction_score" name="the_token_before" hint="You read the weight on the token before the earlier occurrence. The one after it is at t − P + 1." active="py"
def induction_score(weights, period, right=induction_score):
    if not 2 <= period < weights.size(-1):
        return right(weights, period)
    queries = torch.arange(period, weights.size(-1))
    return weights[:, :, queries, (queries - period - 1).clamp(min=0)].mean((0, 2))


# %% mistake="induction_score" name="one_too_early" hint="Your mean begins at t = P − 1, the last token of the first copy, which has not occurred before. Begin at P." active="py"
def induction_score(weights, period, right=induction_score):
    if not 2 <= period < weights.size(-1):
        return right(weights, period)
    return weights.diagonal(1 - period, dim1=-2, dim2=-1).mean((0, -1))


# %% mistake="induction_score" name="columns_for_rows" hint="You swapped row and column: the weight of an early token on a later one, which a causal mask makes 0. The row is who looks." active="py"
def induction_score(weights, period, right=induction_score):
    return right(weights.transpose(-2, -1), period)


# %% mistake="induction_score" name="over_all_tokens" hint="You divide by all T tokens. Only the T − P that occurred before count." active="py"
def induction_score(weights, period, right=induction_score):
    length = weights.size(-1)
    return right(weights, period) * (length - period) / length


# %% mistake="induction_score" name="no_check" hint="Right where tokens repeat. With period 1, or one as long as the text, the docstring asks for a ValueError." active="py"
def induction_score(weights, period):
    queries = torch.arange(period, weights.size(-1))
    return weights[:, :, queries, queries - period + 1].mean((0, 2))


# %% [markdown]
r"""
First your model of the toy language, on random words that repeat after 12: a score for each of its heads. Looking at all earlier tokens alike would give about {{0.06 = alike ± 0.005}}.
"""

# %%
from course_lib.interpretability import induction_score as tested_score

score = yours("gpt.induction_score", tested_score)
period = 12
words = torch.rand(50, vocab_size, generator=torch.Generator().manual_seed(0)).argsort(-1)[:, :period]
again = words.repeat(1, 2)  # (50, 24)
alike = (1 / torch.arange(period + 1.0, 2 * period + 1)).mean().item()
scores = torch.stack([score(weights, period) for weights in trained.attention_maps(again)])  # (L, H)
with torch.no_grad():
    by_place = F.cross_entropy(trained(again[:, :-1]).transpose(1, 2), again[:, 1:], reduction="none").mean(0)
unseen, seen_before = by_place[: period - 1].mean().item(), by_place[period:].mean().item()
print("scores by layer and head:", [[f"{x:.2f}" for x in row] for row in scores.tolist()])
print(f"nats a token in the first copy {unseen:.1f}, in the second {seen_before:.1f}")

# %% [markdown]
r"""
{{No head reaches 0.15 : scores.max() < 0.15}}, and the second copy is {{no easier than the first : seen_before > unseen - 0.3}}. That is no fault of the model: in its language nothing is worth looking up, since a word does not make its own successor likelier.

So train where looking up is all there is. Sequences of {{20 = task.vocab_size}} symbols repeat after {{8 = task.shortest}} to {{16 = task.longest}}, another period in each row, so that no fixed distance is the answer. The models have attention only, {{2 = pairs[0].config.n_heads}} heads a layer, in one layer or in two, three seeds each.
"""

# %%
from course_lib.data.repeats import Repeats

task = Repeats()


class Silent(nn.Module):  # in place of a feed-forward network: adds nothing
    forward = staticmethod(torch.zeros_like)


def train_on_repeats(n_layers, seed):
    """A model of attention alone, trained on what it can look up."""
    config = GPTConfig(
        task.vocab_size, task.length, d_model=32, n_heads=2, n_layers=n_layers, positions="rope", tied=False
    )
    model = gpt.GPT(config, lambda config: Silent(), torch.Generator().manual_seed(seed))
    trainer = Trainer(model, task.draw(32), task.loss, steps=budget(200, 5), lr=1e-2, seed=seed)
    for _ in watch(trainer, f"{n_layers} layer(s), seed {seed}", curve=False):
        pass
    return model.eval()


singles = [train_on_repeats(1, seed) for seed in range(3)]
pairs = [train_on_repeats(2, seed) for seed in range(3)]

# %%
from course_lib.interpretability import without_heads

trial = task.sample(200, torch.Generator().manual_seed(99), period=16)


@torch.no_grad()
def nats(model, *heads):
    """Loss on the second copy, without the heads (layer, head)."""
    with without_heads(model, heads) as ablated:
        return task.loss(ablated, trial).item()


one_layer, two_layers = [nats(model) for model in singles], [nats(model) for model in pairs]
maps_of = [model.attention_maps(trial[0][:, :-1]) for model in pairs]
found = torch.stack([torch.stack([score(weights, 16) for weights in maps]) for maps in maps_of])  # (seed, L, H)
back = torch.stack([torch.stack([w.diagonal(-1, -2, -1).mean((0, 2)) for w in maps]) for maps in maps_of])
best, previous = found[:, 1].argmax(-1).tolist(), back[:, 0].argmax(-1).tolist()
print("one layer ", [f"{loss:.2f}" for loss in one_layer], "  two layers", [f"{loss:.2f}" for loss in two_layers])
for name, values in {"induction score": found, "weight on the token before": back}.items():
    print(name, "by layer and head, a line for each seed:")
    for row in values.flatten(1).tolist():
        print("  ", [f"{x:.2f}" for x in row])

# %% [markdown]
r"""
Two layers end {{below 0.05 nats : max(two_layers) < 0.05}} in every run; one layer stays {{above 2 in every run : min(one_layer) > 2}}, not far from the $\ln 16 = {{2.77 = math.log(16)}}$ of who knows which sixteen symbols occur and not their order.

Why two? How much a key at $s$ attracts depends on **its** token. That the token *before* it was a *d* is not in it, unless an earlier layer has written it there. So layer 1 needs a ***previous-token head*** that copies each token one place on; then layer 2 can look for the place whose *predecessor* was *d*. (One layer can do it only at a far larger size: Sanford et al. 2024.)

In all three runs the heads of layer 2 score {{high : found[:, 1].max(-1).values.min() > 0.7}} and those of layer 1 {{nothing : found[:, 0].max() < 0.05}}. But a score says where a head looks, not whether anybody uses it. ***Ablation*** does: take what the head gathered away (here: set it to zero), and measure again.
"""

# %%
from course_lib.figures import interpretability as inside

taken = {
    "nothing": [()] * 3,
    "best head of layer 2": [((1, head),) for head in best],
    "other head of layer 2": [((1, 1 - head),) for head in best],
    "both heads of layer 2": [((1, 0), (1, 1))] * 3,
    "previous-token head of layer 1": [((0, head),) for head in previous],
    "other head of layer 1": [((0, 1 - head),) for head in previous],
}
ablated = {name: [nats(model, *heads) for model, heads in zip(pairs, per_seed)] for name, per_seed in taken.items()}
figure = inside.without(ablated, "What is lost without a head: three models, three marks")
ends = "; ".join(f"{name}: {', '.join(f'{loss:.2f}' for loss in losses)}" for name, losses in ablated.items())
show(figure, alt=f"Loss on the second copy without some heads. {ends}.")

# %% [markdown]
r"""
Without the best head the loss rises to {{0.4 = torch.tensor(ablated["best head of layer 2"]).mean() ± 0.2}} nats on average, {{more in every run : all(a > b for a, b in zip(ablated["best head of layer 2"], ablated["other head of layer 2"]))}} than without the other one of its layer. Yet that is little: without **both** it is {{4.2 = torch.tensor(ablated["both heads of layer 2"]).mean() ± 0.5}}. Both score high, and each covers for the other, so taking out one at a time understates what they do.

And the single head that is missed most has an induction score of **zero**: the previous-token head of layer 1, {{in every run : all(a > b for a, b in zip(ablated["previous-token head of layer 1"], ablated["best head of layer 2"]))}}. Heads of two layers do the looking up together; a list of the highest scores shows half of it.
"""

# %% [markdown]
r"""
### And on real English · optional

The same {{120 = result.updates}} updates on the second text of the scoreboard as the recurrent networks had: English, in {{1,024 = reader.vocab_size}} byte-level BPE tokens. That is little: if you ran lesson 03, its Kneser–Ney model, which has counted every token of the text, may well be ahead on the board. Then let it write, at temperature 0.8 (section 6).
"""

# %%
from course_lib.scoreboard.measure import train_network

reader, result = train_network("GPT", "english", updates=budget(full=120, short=2), watch=watch)
scoreboard.record(
    "Transformer",
    result.nats_per_token,
    result.parameters,
    result.seconds,
    "15_gpt",
    corpus="english",
)
bits = scoreboard.bits_per_byte(result.nats_per_token)
print(f"{result.nats_per_token:.3f} nats per token, {bits:.2f} bits per byte")
scoreboard.show_scoreboard("english")

# %%
tokenizer = scoreboard.tokenizer()
prompt = torch.tensor([tokenizer.encode("The function returns")], device=device)
for seed in range(3):
    ids = tested_generate(reader, prompt, 40, Sampling(temperature=0.8), generator=torch.Generator().manual_seed(seed))
    print("•", tokenizer.decode(ids[0].tolist()).replace("\n", " "))

# %% [markdown]
r"""
### What does each layer know already? · optional

The residual stream has the same `d_model` features from the embedding to the end, and every block only adds to it. So it can be read at any depth as if the model ended there: through the final norm and the output matrix. That is the ***logit lens*** (nostalgebraist 2020).

$$\text{logits}_\ell = \operatorname{to\_logits}(\operatorname{norm}(x_\ell)), \qquad \ell = 0, \dots, L$$

with $x_0$ the sum of the embeddings and $x_\ell$ what block $\ell$ returns, each $(B, T, d_{model})$.

### Exercise · logit_lens · optional

The last reading is what the model says. The model is one like yours of section 4.
"""


# %% exercise="logit_lens" points=2 optional=true withheld="course_lib.interpretability.logit_lens"
def logit_lens(model: nn.Module, ids: Tensor) -> Tensor:
    """Logits read off the residual stream before the first block and after each.

    model    a GPT like that of this lesson, in eval mode, with tokens, positions, blocks, norm and to_logits;
             positions.weight is the table (seq_len, d_model), a block is called as block(x, positions (T,), None)
    ids      (B, T) int64, T at most seq_len
    returns  (n_layers + 1, B, T, V): to_logits(norm(x)) of each x, with gradients or without
    """
    ### BEGIN SOLUTION
    positions = torch.arange(ids.size(1), device=ids.device)
    x = model.tokens(ids) + model.positions.weight[positions]
    readings = [model.to_logits(model.norm(x))]
    for block in model.blocks:
        x = block(x, positions, None)
        readings.append(model.to_logits(model.norm(x)))
    return torch.stack(readings)
    ### END SOLUTION


# %% [markdown] hints="logit_lens"
r"""
1. Your `GPT.forward` computes every x that is needed. Where does it forget them, and how many are there?
2. Go through the blocks as `forward` does, and after each of them read a copy through norm and to_logits. The stream itself goes on as it is.
3. `readings = [model.to_logits(model.norm(x))]` before the loop, the same line appended inside it, `torch.stack(…)` at the end.
"""


# %% cases="logit_lens" active="py"
def cases(seed):
    def case(i, b, t, n_layers, d_model=6, vocab_size=5):
        shapes = {"tokens": (vocab_size, d_model), "positions": (t + 2, d_model), "to_logits": (vocab_size, d_model)}
        shapes |= {"gain": (d_model,), "bias": (d_model,), "blocks": (n_layers, d_model, d_model)}
        state = {name: random_tensor(seed + 10 * i + j, *shape) for j, (name, shape) in enumerate(shapes.items())}
        return state | {"ids": random_integers(seed + i, 0, vocab_size, b, t)}

    yield Case(case(0, 1, 1, 1), note="one token, one block")
    yield Case(case(1, 1, 3, 1), note="three tokens, one block")
    yield Case(case(2, 2, 4, 2), note="two texts, two blocks")
    yield Case(case(3, 3, 2, 3, d_model=4, vocab_size=7), note="three blocks")
    yield Case(case(4, 2, 5, 4, d_model=8, vocab_size=9), note="four blocks")


# %% probe="logit_lens" active="py"
def probe(student, case):
    class ToyBlock(nn.Module):
        """Adds to the stream what it makes of the mean of the tokens so far, and of where they are."""

        def __init__(self, weight):
            super().__init__()
            self.weight = nn.Parameter(weight.clone())

        def forward(self, x, positions, mask=None):
            if mask is not None:
                raise ValueError("mask must be None")
            seen = x.cumsum(1) / torch.arange(1, x.size(1) + 1)[:, None]
            return x + torch.tanh(seen @ self.weight + 0.1 * positions[:, None])

    model, (v, d) = nn.Module(), case["tokens"].shape
    model.tokens, model.to_logits = nn.Embedding(v, d), nn.Linear(d, v, bias=False)
    model.positions, model.norm = nn.Embedding(len(case["positions"]), d), nn.LayerNorm(d)
    model.blocks = nn.ModuleList(ToyBlock(weight) for weight in case["blocks"])
    model.seq_len, model.vocab_size = len(case["positions"]), v
    with torch.no_grad():
        for part, name in ((model.tokens, "tokens"), (model.positions, "positions"), (model.to_logits, "to_logits")):
            part.weight.copy_(case[name])
        model.norm.weight.copy_(case["gain"])
        model.norm.bias.copy_(case["bias"])
    readings = student(model.eval(), case["ids"])
    return readings.detach() if isinstance(readings, Tensor) else readings


# %% equivalents="logit_lens" active="py"
equivalents = {
    "return torch.stack(readings) → return detached(torch.stack(readings))": "gradients are free, says the docstring",
}


# %% mistake="logit_lens" name="no_norm" hint="The output matrix reads the stream as it is. It learned to read what the final norm returns: head(norm(x)) at every depth." active="py"
def logit_lens(model, ids, right=logit_lens):
    norm, model.norm = model.norm, nn.Identity()
    try:
        return right(model, ids)
    finally:
        model.norm = norm


# %% mistake="logit_lens" name="embedding_left_out" hint="You begin after the first block. What the embeddings alone say is a reading, too: n_layers + 1 in all." active="py"
def logit_lens(model, ids, right=logit_lens):
    return right(model, ids)[1:]


# %% mistake="logit_lens" name="norm_in_the_stream" hint="You hand the normalised x to the next block. The norm is for reading only; the stream goes on as it was." active="py"
def logit_lens(model, ids):
    positions = torch.arange(ids.size(1))
    x = model.norm(model.tokens(ids) + model.positions.weight[positions])
    readings = [model.to_logits(x)]
    for block in model.blocks:
        x = model.norm(block(x, positions, None))
        readings.append(model.to_logits(x))
    return torch.stack(readings)


# %% mistake="logit_lens" name="no_positions" hint="The stream begins with tokens plus positions; yours begins with the tokens alone." active="py"
def logit_lens(model, ids, right=logit_lens):
    kept = model.positions.weight.detach().clone()
    with torch.no_grad():
        model.positions.weight.zero_()
    try:
        return right(model, ids)
    finally:
        with torch.no_grad():
            model.positions.weight.copy_(kept)


# %% mistake="logit_lens" name="each_block_alone" hint="You hand x₀ to every block. Each reads what the block before it returned." active="py"
def logit_lens(model, ids):
    positions = torch.arange(ids.size(1))
    x = model.tokens(ids) + model.positions.weight[positions]
    stream = [x, *(block(x, positions, None) for block in model.blocks)]
    return torch.stack([model.to_logits(model.norm(x)) for x in stream])


# %% mistake="logit_lens" name="probabilities" hint="These are probabilities. The lens reads logits; a softmax comes after, for whoever wants it." active="py"
def logit_lens(model, ids, right=logit_lens):
    return right(model, ids).softmax(-1)


# %% [markdown]
r"""
The loss of each reading, for your model of the toy language and, on pairs of heads that look things up, for the first of those above.
"""

# %%
from course_lib.interpretability import logit_lens as tested_lens


def losses_by_layer(readings, targets, first=0):
    """Nats a token of every reading, over the targets from `first` on."""
    losses = [F.cross_entropy(logits.transpose(1, 2), targets, reduction="none") for logits in readings]
    return [loss[:, first:].mean().item() for loss in losses]


lens = yours("gpt.logit_lens", tested_lens)
read_texts = held_out[: 33 * 60].view(60, 33)
with torch.no_grad():
    by_layer = losses_by_layer(lens(trained, read_texts[:, :-1]), read_texts[:, 1:])
    looked_up = losses_by_layer(tested_lens(pairs[0], trial[0][:, :-1]), trial[0][:, 1:], first=16)
depths = {"Toy language": by_layer, "Repeats, attention only": looked_up}
levels = {"Toy language": {"uniform": math.log(vocab_size), "entropy rate": floor}}
levels["Repeats, attention only"] = {"uniform": math.log(task.vocab_size)}
figure = inside.nats_by_layer(depths, levels, "Read off at every depth: what is still missing")
ends = "; ".join(f"{name}: {', '.join(f'{x:.2f}' for x in losses)}" for name, losses in depths.items())
show(figure, alt=f"Nats a token after 0, 1 and 2 blocks. {ends}.")

# %% [markdown]
r"""
On the toy language the first block does nearly all of the work: after it {{0.2 = by_layer[1] - by_layer[2] ± 0.1}} nats are missing, which the second adds. Looking up is different: after layer 1 the answer cannot be read at all, {{worse than uniform : looked_up[1] > math.log(task.vocab_size)}}, and after layer 2 it is there. Layer 1 has written which token stood before, and that is no word for the output matrix.

So a reading says what can be *read off*, not what is known. The embedding alone is {{worse than uniform : by_layer[0] > math.log(vocab_size)}}, too: the output matrix is the same table, and the token most like a token is itself. (One trained model each. The tuned lens of Belrose et al. 2023 learns a translation into the output's terms for each layer.)
"""

# %% [markdown]
r"""
*A good place to stop for today.*

## 6 · Writing

A language model returns the distribution of **one** next token. To write: draw it, append it, ask again. What you give it is the ***prompt***, what it appends the ***completion***. Five things go wrong in practice:

| fault | what happens |
|---|---|
| the model stays in training mode | dropout garbles the text |
| … or stays in evaluation mode afterwards | training goes on without dropout, silently |
| the text outgrows the window | a crash in the middle of a sentence. Only the last `seq_len` tokens can be read: **crop** |
| nobody looks for `<eos>` | the model writes on after the end |
| temperature 0 | a division by zero, where the most likely token was meant |

Temperature $\tau$ divides the logits before the softmax; lesson 18 is about choosing it. $\tau = 1$ is the model's own distribution, and $\tau \to 0$ the most likely token. Filters such as top-k go between the division and the draw ([18 Sampling](18_sampling.ipynb)).
"""

# %% [markdown]
r"""
### Exercise · generate

In a batch, rows end at different times. A row that has ended is filled with `eos_id` until all have ended or the limit is reached.
"""


# %% exercise="generate" points=5 parts={"greedy":2,"window":1,"end":1,"sampling":1} withheld="course_lib.decoding.generation.generate course_lib.decoding.generation.stream"
def generate(
    model: nn.Module,
    prompt: Tensor,
    max_new_tokens: int,
    temperature: float = 1.0,
    eos_id: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Continue each row of the prompt, token by token.

    model           model(ids (B, T)) → logits (B, T, V), T at most model.seq_len. It computes in eval mode, without
                    gradients, and is left in the mode in which it came
    prompt          (B, T) int64; left as it is
    max_new_tokens  at most so many are appended
    temperature     divides the logits; 0: the most likely token
    eos_id          a row that has written it gets nothing but eos_id from then on; when all rows have written it,
                    nothing more is appended. In the prompt it ends nothing. None: nothing ends a text
    generator       for torch.multinomial; the same seed gives the same text
    returns         (B, T + n) int64, prompts included

    Raises ValueError when temperature is negative.
    """
    ### BEGIN SOLUTION
    if temperature < 0:
        raise ValueError(f"temperature must be at least 0, got {temperature}")
    ids, done = prompt, torch.zeros(len(prompt), dtype=torch.bool, device=prompt.device)
    was_training = model.training
    model.eval()
    try:
        for _ in range(max_new_tokens):
            with torch.no_grad():
                logits = model(ids[:, -model.seq_len :])[:, -1]
            if temperature == 0:
                token = logits.argmax(-1)
            else:
                token = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator).squeeze(1)
            if eos_id is not None:
                token = token.masked_fill(done, eos_id)
                done = done | (token == eos_id)
            ids = torch.cat([ids, token[:, None]], dim=1)
            if eos_id is not None and done.all():
                break
    finally:
        model.train(was_training)
    return ids
    ### END SOLUTION


# %% [markdown] hints="generate"
r"""
1. Write the loop for temperature 1 first: what does the model read, which position of its answer counts, and how is a token drawn from it?
2. Crop to the last `seq_len` tokens, take the last position, choose, append. Around it: the mode, restored in any case. Inside: who has ended, as B booleans.
3. `logits = model(ids[:, -model.seq_len:])[:, -1]`; one branch for temperature 0; `done = done | (token == eos_id)` after `token.masked_fill(done, …)`.
"""


# %% cases="generate" active="py"
def cases(seed):
    follow = torch.full((4, 4), -9.0)
    for token, after in enumerate((1, 2, 3, 0)):
        follow[token, after] = 9.0  # 0 → 1 → 2 → 3 → 0 …
    start = torch.tensor([[0]])
    greedy = {"table": follow, "seq_len": 8, "prompt": start, "max_new_tokens": 3, "temperature": 0.0}
    yield Case(greedy, note="0 is followed by 1, 1 by 2, 2 by 3", part="greedy")
    yield Case(greedy | {"training": True}, note="a model in training mode, with dropout", part="greedy")
    table = random_tensor(seed, 6, 6, scale=3.0)
    prompts = random_integers(seed, 0, 6, 3, 4)
    random = {"table": table, "seq_len": 32, "prompt": prompts, "max_new_tokens": 6, "temperature": 0.0}
    yield Case(random, note="a batch of random prompts", part="greedy")
    yield Case(random | {"max_new_tokens": 0}, note="nothing to write", part="greedy")
    yield Case(random | {"seq_len": 5}, note="longer than the window", part="window")
    yield Case(random | {"seq_len": 3}, note="a prompt longer than the window", part="window")
    ending = {"table": follow, "seq_len": 9, "temperature": 0.0, "eos_id": 3, "max_new_tokens": 6}
    yield Case(ending | {"prompt": torch.tensor([[0], [2]])}, note="rows that end at different times", part="end")
    inside = torch.tensor([[3, 0], [0, 1], [2, 3]])
    yield Case(ending | {"prompt": inside, "max_new_tokens": 3}, note="eos_id in the prompt", part="end")
    yield Case(ending | {"prompt": torch.tensor([[1], [3]]), "eos_id": 0}, note="eos_id 0", part="end")
    yield Case(random | {"eos_id": 2, "max_new_tokens": 9}, note="random prompts, some with eos_id", part="end")
    yield Case(greedy | {"temperature": -1.0}, note="a negative temperature", part="sampling")
    table = random_tensor(seed + 1, 4, 4) + torch.tensor([0.0, 1.0, -1.0, 1.5])  # some tokens are common
    both = torch.tensor([[0], [1]])
    draws = {"table": table, "seq_len": 4, "prompt": both, "copies": 3000, "max_new_tokens": 1, "seed": seed}
    yield Case(draws, note="3,000 draws for each of two prompts", part="sampling")
    yield Case(draws | {"temperature": 0.5}, note="3,000 draws at temperature 0.5", part="sampling")
    yield Case(
        draws | {"temperature": 1.6, "max_new_tokens": 2}, note="3,000 pairs at temperature 1.6", part="sampling"
    )


# %% probe="generate" active="py"
def probe(student, case):
    class Toy(nn.Module):
        """A bigram model with a window; in training mode its logits are reversed. Notes how it is called."""

        def __init__(self):
            super().__init__()
            self.seq_len, self.longest, self.graded, self.vocab_size = case["seq_len"], 0, False, case["table"].size(1)

        def forward(self, ids):
            if ids.size(1) > self.seq_len:
                raise ValueError(f"ids must have at most {self.seq_len} tokens, got {ids.size(1)}")
            self.longest, self.graded = max(self.longest, ids.size(1)), self.graded or torch.is_grad_enabled()
            logits = case["table"][ids]
            return logits.flip(-1) if self.training else logits

    model = Toy().train(case.get("training", False))
    options = {name: case[name] for name in ("temperature", "eos_id") if name in case}
    prompt, n_new = case["prompt"].repeat_interleave(case.get("copies", 1), dim=0), case["max_new_tokens"]
    write = lambda seed: student(model, prompt, n_new, **options, generator=torch.Generator().manual_seed(seed))
    ids = write(case.get("seed", 0))
    if "seed" in case:
        first, again, other = plain(ids), plain(write(case["seed"])), plain(write(case["seed"] + 1))
        codes = (first[:, 1:] * 4 ** torch.arange(n_new)).sum(1).view(2, -1)
        counts = torch.stack([torch.bincount(half, minlength=4**n_new) for half in codes])
        return {
            "counts": counts,
            "the same seed repeats": first.equal(again),
            "another differs": not first.equal(other),
        }
    outcome = {"ids": ids, "training mode afterwards": model.training, "prompt unchanged": prompt.equal(case["prompt"])}
    return outcome | {"longest window": model.longest, "computes with gradients": model.graded}


# %% judge="generate" active="py"
def judge(case, expected, got):
    return judge_entries(expected, got, {"counts": judge_counts})


# %% equivalents="generate" active="py"
equivalents = {
    "logits.argmax(-1) → last_argmax(logits, -1)": "of two that are equally likely either is the most likely",
    "done = done | (token == eos_id) → done |= token == eos_id": "done was made here",
    "done | (token == eos_id) → token == eos_id": "a row that has ended is filled with eos_id, and so still ends in it",
    "eos_id is not None and done.all() → done.all()": "without eos_id nothing is ever done",
    "return ids → return detached(ids)": "ids are integers",
}


# %% mistake="generate" name="eval_kept" hint="The model is left in eval mode: one sample during training, and dropout is off for the rest of it. Restore the mode in which it came." active="py"
def generate(model, *arguments, right=generate, **options):
    try:
        return right(model, *arguments, **options)
    finally:
        model.eval()


# %% mistake="generate" name="never_eval" hint="You never switch to eval mode: the model writes with dropout. model.eval() before, model.train(was_training) afterwards." active="py"
def generate(model, *arguments, right=generate, **options):
    eval_, model.eval = model.eval, lambda: model
    try:
        return right(model, *arguments, **options)
    finally:
        model.eval = eval_


# %% mistake="generate" name="not_cropped" hint="The model gets a text longer than its window. Hand it the last seq_len tokens: ids[:, -model.seq_len:]." active="py"
def generate(model, prompt, max_new_tokens, *arguments, right=generate, **options):
    if prompt.size(1) + max_new_tokens - 1 > model.seq_len:
        raise ValueError("ids must have at most seq_len tokens")
    return right(model, prompt, max_new_tokens, *arguments, **options)


# %% mistake="generate" name="first_tokens" hint="You kept the first seq_len tokens. The last ones matter: ids[:, -model.seq_len:]." active="py"
def generate(model, prompt, max_new_tokens, temperature=1.0, eos_id=None, generator=None, right=generate):
    for _ in range(max_new_tokens):
        token = right(model, prompt[:, : model.seq_len], 1, temperature, None, generator)[:, -1:]
        if eos_id is not None:
            done = (prompt[:, 1:] == eos_id).any(1, keepdim=True)
            token = token.masked_fill(done, eos_id)
        prompt = torch.cat([prompt, token], dim=1)
        if eos_id is not None and (prompt[:, 1:] == eos_id).any(1).all():
            break
    return prompt


# %% mistake="generate" name="writes_on" hint="Your rows go on after eos_id. Remember which rows are done, fill them with eos_id, and stop when all are." active="py"
def generate(model, prompt, max_new_tokens, temperature=1.0, eos_id=None, generator=None, right=generate):
    return right(model, prompt, max_new_tokens, temperature, None, generator)


# %% mistake="generate" name="divides_by_zero" hint="Temperature 0 divides by zero. It means the most likely token: take the argmax." active="py"
def generate(model, prompt, max_new_tokens, temperature=1.0, eos_id=None, generator=None, right=generate):
    if temperature == 0:
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    return right(model, prompt, max_new_tokens, temperature, eos_id, generator)


# %% mistake="generate" name="negative_accepted" hint="A negative temperature turns the ranking upside down without any error. The docstring asks for a ValueError." active="py"
def generate(model, prompt, max_new_tokens, temperature=1.0, eos_id=None, generator=None, right=generate):
    return right(model, prompt, max_new_tokens, abs(temperature), eos_id, generator)


# %% mistake="generate" name="temperature_ignored" hint="Every temperature above 0 gives the same distribution. Divide the logits by it before the softmax." active="py"
def generate(model, prompt, max_new_tokens, temperature=1.0, eos_id=None, generator=None, right=generate):
    return right(model, prompt, max_new_tokens, 1.0 if temperature > 0 else temperature, eos_id, generator)


# %% mistake="generate" name="gradients_kept" hint="The texts are right, but the model computes with gradients: what autograd keeps grows with every token, for nothing. Call the model under torch.no_grad()." active="py"
def generate(model, *arguments, right=generate, **options):
    forward = model.forward
    model.forward = torch.enable_grad()(forward)
    try:
        return right(model, *arguments, **options)
    finally:
        model.forward = forward


# %% mistake="generate" name="generator_ignored" hint="The distribution is right, but the draws come from torch's global randomness. Hand the generator on: torch.multinomial(…, generator=generator)." active="py"
def generate(model, prompt, max_new_tokens, temperature=1.0, eos_id=None, generator=None, right=generate):
    return right(model, prompt, max_new_tokens, temperature, eos_id, None)


# %% [markdown]
r"""
Four sentences from your model, and how surprising the *language itself* finds them: its probabilities are known exactly. A sentence with a word that cannot stand there has probability 0, and infinite surprise.
"""


# %%
def tested(model, prompt, max_new_tokens, temperature=1.0, eos_id=None, generator=None):
    sampling = Sampling(temperature=temperature)
    return tested_generate(model, prompt, max_new_tokens, sampling, eos_id=eos_id, generator=generator)


write = yours("gpt.generate", tested)
model, start = model.cpu(), start.cpu()  # short texts are written where the generator is
eos = start.item()
written = write(model, start.repeat(200, 1), 40, 1.0, eos, torch.Generator().manual_seed(1))

grammatical = 0
for row in written[:, 1:].tolist():
    sentence = row[: row.index(eos) + 1] if eos in row else row
    surprise = -language.log_prob(sentence) / len(sentence)
    grammatical += surprise < math.inf
    if row in written[:4, 1:].tolist():
        print(f"{surprise:5.2f} nats a token   {language.decode(sentence)}")
print(f"sentences that the language allows: {grammatical} of {len(written)}")

# %% [markdown]
r"""
A loss a few hundredths above the floor {{does not mean that every sentence is possible : grammatical < len(written)}}. The model gives each impossible word a tiny probability, and there are hundreds of them at every place: now and then one is drawn. Lesson 18 cuts them off.
"""

# %% [markdown]
r"""
### Only the best k · optional

Top-k does it with one line between the division and the draw: all but the $k$ largest logits become $-\infty$. You write the filter in lesson [18](18_sampling.ipynb), with its edge cases; here the library's `generate` has it as an option. What it costs is seen beside what it brings:
"""

# %%
kept_best, n_texts = {}, budget(400, 40)
for k in (0, 100, 20, 5, 1):
    texts_of = tested_generate(
        model, start.repeat(n_texts, 1), 40, Sampling(top_k=k), eos_id=eos, generator=torch.Generator().manual_seed(2)
    )[:, 1:].tolist()
    sentences = [row[: row.index(eos) + 1] if eos in row else row for row in texts_of]
    allowed = sum(language.log_prob(sentence) > -math.inf for sentence in sentences) / n_texts
    kept_best[k] = allowed, len({tuple(sentence) for sentence in sentences})
    print(f"k = {k or 'all':>3}   allowed {allowed:6.1%}   different sentences {kept_best[k][1]} of {n_texts}")

# %% [markdown]
r"""
The language allows {{more of the sentences : kept_best[20][0] > kept_best[0][0]}} when the tail is cut off, and they are {{less varied : kept_best[5][1] < kept_best[0][1]}}; with $k = 1$ every text is {{the same : kept_best[1][1] == 1}}. (One seed of draws. What large models use in place of a fixed $k$ is in lesson 18.)
"""

# %% [markdown]
r"""
## 7 · Nothing twice: the cache

Look at what `generate` does. To write token 101 it sends all 100 tokens through the model; to write token 102, all 101, of which 100 give exactly what they gave before. Under a causal mask, a token's keys and values in every layer depend on it and the tokens before it only. They **cannot** change when the text grows.

So keep them. With a ***KV cache*** each call computes the newest token: its query, key and value in each layer; the key and value join those in the cache; the query looks at all of them. Drag the slider, then tick the box.
"""

# %%
cache_explorer()

# %% [markdown]
r"""
A prompt of $P$ tokens and $n$ new ones: without a cache the calls compute $P, P + 1, \dots, P + n - 1$ tokens, in all

$$nP + \frac{n(n - 1)}{2}, \qquad \text{with a cache} \quad P + (n - 1) .$$

(The last token written is never read.)

### Question · token_passes · optional

A prompt of 100 tokens, 200 tokens to write, no cache. How many tokens pass through the model in all?
"""

# %% exercise="token_passes" points=1 optional=true kind="number"
### BEGIN SOLUTION
token_passes = 39900  # 200 · 100 + 200 · 199 / 2
### END SOLUTION

# %% mistake="token_passes" name="cached" hint="That is what passes with a cache: 100 + 199." active="py"
token_passes = 299

# %% mistake="token_passes" name="always_full" hint="You counted 300 tokens in each call. The first call reads 100; each later one, one more." active="py"
token_passes = 60000

# %% mistake="token_passes" name="prompt_word_by_word" hint="That counts calls on 1, 2, … 100 tokens of the prompt too. The first call reads the prompt at once." active="py"
token_passes = 44850

# %% [markdown]
r"""
### Exercise · kv_cache_step

One layer, one new token. The cache is allocated once, for `max_len` tokens; its first `length` columns are filled, and what lies behind them is whatever was in memory. Write the new column, then attend to the filled part.
"""


# %% exercise="kv_cache_step" points=3 mutates=true withheld="course_lib.kv_cache.KVCache"
def kv_cache_step(q: Tensor, k: Tensor, v: Tensor, keys: Tensor, values: Tensor, length: int) -> Tensor:
    """Attend with one new token to all before it and itself.

    q, k, v  (B, H, 1, D) of the new token
    keys     (B, H, max_len, D), changed in place: column `length` becomes k. Later columns mean nothing
    values   (B, H, max_len, D), likewise with v
    length   tokens in the cache before this one
    returns  (B, H, 1, D), what the new token gathers

    Raises ValueError when the cache is full, length = max_len, and changes nothing then.
    """
    ### BEGIN SOLUTION
    if length >= keys.size(2):
        raise ValueError(f"the cache has room for {keys.size(2)} tokens, and holds {length}")
    keys[:, :, length : length + 1] = k
    values[:, :, length : length + 1] = v
    output, _ = scaled_dot_product_attention(q, keys[:, :, : length + 1], values[:, :, : length + 1])
    return output
    ### END SOLUTION


# %% [markdown] hints="kv_cache_step"
r"""
1. In which order: write the new key and value, or look? How many columns are filled when you look?
2. Write into column `length` first, then attend to the filled columns only; the newest query may see all of them, so no mask is needed. Whether there is room is asked before anything is written.
3. `keys[:, :, length : length + 1] = k`; then `scaled_dot_product_attention(q, keys[:, :, : …], …)`, of which you need the first result.
"""


# %% cases="kv_cache_step" active="py"
def cases(seed):
    def case(batch, heads, steps, max_len, d=4, filled=0):
        names = ("q", "k", "v")
        inputs = {name: random_tensor(seed + i, batch, heads, steps, d) for i, name in enumerate(names)}
        old = random_tensor(seed + 9, batch, heads, max_len, d)
        return inputs | {"keys": old, "values": 5.0 + old, "length": filled}

    yield Case(case(1, 1, 1, 2), note="the first token")
    yield Case(case(1, 1, 3, 4, d=2), note="three tokens one after the other")
    yield Case(case(2, 3, 4, 7, filled=3), note="four tokens after three, batches and heads")
    yield Case(case(1, 1, 1, 3, filled=3), note="a cache that is full")
    yield Case(case(3, 2, 2, 8, d=5, filled=4), note="two tokens after four, three texts")


# %% probe="kv_cache_step" active="py"
def probe(student, case):
    keys, values, outputs = case["keys"].clone(), case["values"].clone(), []
    for step in range(case["q"].size(2)):
        q, k, v = (case[name][:, :, step : step + 1] for name in ("q", "k", "v"))
        outputs.append(student(q, k, v, keys, values, case["length"] + step))
    return {"outputs": torch.cat(outputs, dim=2), "keys": keys, "values": values}


# %% mistake="kv_cache_step" name="whole_buffer" hint="The query looks at the whole buffer, and so at memory that nobody has written. Cut keys and values after length + 1 columns." active="py"
def kv_cache_step(q, k, v, keys, values, length, right=kv_cache_step):
    right(q, k, v, keys, values, length)
    return scaled_dot_product_attention(q, keys, values)[0]


# %% mistake="kv_cache_step" name="not_itself" hint="The new token does not see itself: there are length + 1 filled columns after writing." active="py"
def kv_cache_step(q, k, v, keys, values, length, right=kv_cache_step):
    right(q, k, v, keys, values, length)
    if length == 0:
        return torch.zeros_like(v)
    return scaled_dot_product_attention(q, keys[:, :, :length], values[:, :, :length])[0]


# %% mistake="kv_cache_step" name="forgets" hint="The output is right for the first token only: the new key and value are used and never kept in the cache." active="py"
def kv_cache_step(q, k, v, keys, values, length, right=kv_cache_step):
    return right(q, k, v, keys.clone(), values.clone(), length)


# %% mistake="kv_cache_step" name="values_not_kept" hint="Only the key went into the cache. Later tokens find it and get an old value." active="py"
def kv_cache_step(q, k, v, keys, values, length, right=kv_cache_step):
    return right(q, k, v, keys, values.clone(), length)


# %% mistake="kv_cache_step" name="no_check" hint="Right while there is room. In a full cache a slice beyond the end is empty: torch complains about sizes, or broadcasts. Raise the ValueError first." active="py"
def kv_cache_step(q, k, v, keys, values, length, right=kv_cache_step):
    if length >= keys.size(2):
        raise RuntimeError("The expanded size of the tensor (0) must match the existing size (1)")
    return right(q, k, v, keys, values, length)


# %% [markdown]
r"""
How much time does it save? A GPT of 4 blocks and 128 features, untrained (the time is the same), writes up to 256 tokens: by computing everything again for each token, and with the cache of `course_lib.kv_cache`, which does in every layer what you wrote. Both must write {{the same tokens : texts["computed anew"].equal(texts["with a cache"])}}.
"""

# %%
import time

large = gpt.GPT(GPTConfig(vocab_size, 512, 128, 4, 4), generator=torch.Generator().manual_seed(0))
lengths = [budget(n, n // 8) for n in (16, 64, 128, 256)]
seconds, texts = {"computed anew": [], "with a cache": []}, {}
for name, use_cache in zip(seconds, (False, True)):
    for n_new in lengths:
        began = time.perf_counter()
        texts[name] = tested_generate(large, start, n_new, Sampling(temperature=0), use_cache=use_cache)
        seconds[name].append(time.perf_counter() - began)
print("the same text:", texts["computed anew"].equal(texts["with a cache"]))

figure = figures.time_to_write(lengths, seconds, "Computing anew costs more with every token")
show(
    figure,
    alt="Seconds to write n tokens: without a cache a curve that bends upwards, with one a line.",
)

# %% [markdown]
r"""
With a cache, time grows in proportion to the tokens (and slowly faster: the query meets more and more keys). Two remarks:

- **The window.** Learned positions end at `seq_len`. When a text outgrows the window and is cropped, every token stands one place earlier, all keys change, and the cache is worthless: it must be filled again. With rotary positions only distances count, and the keys that are left can stay (in the deeper layers they still know a little of the forgotten tokens).
- **Reading is parallel, writing is not.** A prompt of 1,000 tokens is one call; 1,000 new tokens are 1,000 calls, each of which reads all weights to compute one vector. Writing is limited by memory traffic rather than by arithmetic (lesson 19).
"""

# %% [markdown]
r"""
### Prompts of unequal length · optional

To write for several prompts in one batch they are filled up at the left (***left padding***), since the next token is read off the last column. Two things must then change: a mask hides the filling, and positions count from the first real token. Without them, {{the same prompt gets other predictions : moved_by["careless"] > 0.01 and moved_by["careful"] < 1e-4}} in a batch than alone:
"""

# %%
short, long = (language.encode(text) for text in ("<eos> the mice", "<eos> the old cat near the house"))
n_pad = len(long) - len(short)
batch = torch.tensor([[0] * n_pad + short, long])

with torch.no_grad():
    alone = trained(torch.tensor([short]))[0, -1].softmax(-1)
    careless = trained(batch)[0, -1].softmax(-1)
    careful = trained(batch, left_padding=torch.tensor([n_pad, 0]))[0, -1].softmax(-1)
print("how far the distribution after “the mice” moved in the batch, of at most 1 (total variation):")
away = lambda probs: 0.5 * (probs - alone).abs().sum().item()
moved_by = {"careless": away(careless), "careful": away(careful)}
print("  filling seen as text    {careless:.4f}\n  filling hidden          {careful:.4f}".format(**moved_by))

# %% [markdown]
r"""
## 8 · A smaller cache: grouped queries · optional

The cache is the price of the saved time. For each token it holds a key and a value, in each layer, for each head:

$$\text{bytes} = 2 \cdot L \cdot H_{kv} \cdot D \cdot T \cdot B \cdot (\text{bytes a number}).$$

***Grouped-query attention*** (Ainslie et al. 2023) has fewer key–value heads than query heads: groups of $G = H / H_{kv}$ **neighbouring** query heads share one. $H_{kv} = H$ is the ordinary multi-head attention, $H_{kv} = 1$ ***multi-query attention*** (Shazeer 2019). With $H = 4$ and $H_{kv} = 2$, query heads 0 and 1 use key–value head 0, and query heads 2 and 3 use head 1.

### Question · cache_gib · optional

A model of the size of Llama 2 70B: 80 layers, 64 query heads, **8** key–value heads, $D = 128$. Keys and values in float16 (2 bytes). How many GiB ($2^{30}$ bytes) does the cache of **one** text of 4,096 tokens take?
"""

# %% exercise="cache_gib" points=1 optional=true kind="number"
### BEGIN SOLUTION
cache_gib = 2 * 80 * 8 * 128 * 4096 * 2 / 2**30  # 1.25
### END SOLUTION

# %% mistake="cache_gib" name="keys_only" hint="That is the keys alone. The values take as much again." active="py"
cache_gib = 0.625

# %% mistake="cache_gib" name="all_heads" hint="You counted 64 heads. Keys and values exist for 8." active="py"
cache_gib = 10.0

# %% mistake="cache_gib" name="float32" hint="That would be float32; a float16 has 2 bytes." active="py"
cache_gib = 2.5

# %%
gib = lambda n_kv_heads: 2 * 80 * n_kv_heads * 128 * 4096 * 2 / 2**30
named = {"64: multi-head": gib(64), "8: grouped, as built": gib(8), "1: multi-query": gib(1)}
figure = figures.cache_sizes(named, "Eight key–value heads for 64 queries: an eighth of the cache")
show(figure, alt="Cache of one text of 4,096 tokens, GiB: " + ", ".join(f"{n} {size:.2f}" for n, size in named.items()))

# %% [markdown]
r"""
### Exercise · grouped_query_attention · optional

Causal, for any number of queries: they are the **last** $T$ of the $S$ positions, as when a text is read in pieces with a cache. `causal_mask(T, S)` of lesson 12 knows that. PyTorch's `is_causal=True` does **not**: for $T < S$ it aligns the triangle at the top left, and the last query sees {{only the first $T$ keys :
F.scaled_dot_product_attention(torch.zeros(1, 2, 4), torch.zeros(1, 5, 4), torch.eye(5)[None], is_causal=True)[0, -1].tolist()
== [0.5, 0.5, 0, 0, 0]}}.
"""


# %% exercise="grouped_query_attention" points=3 optional=true withheld="torch.nn.MultiheadAttention"
def grouped_query_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Causal attention in which groups of neighbouring query heads share a key–value head.

    q        (B, H, T, D); the queries are the last T of the S positions
    k, v     (B, H_kv, S, D); with G = H / H_kv, key–value head j serves the query heads j·G … (j + 1)·G − 1
    returns  (B, H, T, D); gradients flow to q, k and v

    Raises ValueError when H_kv does not divide H.
    """
    ### BEGIN SOLUTION
    if q.size(1) % k.size(1):
        raise ValueError(f"the number of key–value heads must divide {q.size(1)}, got {k.size(1)}")
    group = q.size(1) // k.size(1)
    k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)  # (B, H, S, D)
    return scaled_dot_product_attention(q, k, v, causal_mask(q.size(2), k.size(2), q.device))[0]
    ### END SOLUTION


# %% [markdown] hints="grouped_query_attention"
r"""
1. Query heads 0 to G − 1 share key–value head 0. What do `repeat` and `repeat_interleave` make of the heads (0, 1)?
2. Repeat each key–value head G times, side by side, so that keys and values have as many heads as the queries; the rest is the attention of lesson 12 with a causal mask.
3. `k.repeat_interleave(…, dim=…)`, the same for v, then `scaled_dot_product_attention(…, causal_mask(…))[0]`.
"""


# %% cases="grouped_query_attention" active="py"
def cases(seed):
    def case(heads, kv_heads, queries, keys, batch=1, d=4):
        shapes = [(batch, heads, queries, d), (batch, kv_heads, keys, d), (batch, kv_heads, keys, d)]
        return {name: random_tensor(seed + i, *shape) for i, (name, shape) in enumerate(zip("qkv", shapes))}

    yield Case(case(2, 1, 2, 2, d=2), note="two query heads, one for keys and values")
    yield Case(case(4, 2, 3, 3), note="two groups of two")
    yield Case(case(4, 4, 3, 3), note="every head its own")
    yield Case(case(6, 2, 2, 5, batch=2), note="two queries after three cached tokens")
    yield Case(case(4, 2, 1, 4), note="one query, four keys")
    yield Case(case(4, 3, 2, 2), note="heads that cannot be shared out")
    yield Case(case(2, 4, 2, 2), note="more key–value heads than queries")
    yield Case(case(6, 3, 3, 7, batch=2, d=5) | {"gradients": True}, note="gradients")


# %% probe="grouped_query_attention" active="py"
def probe(student, case):
    inputs = {name: case[name].clone().requires_grad_() for name in "qkv"}
    output = student(**inputs)
    if not case.get("gradients"):
        return output.detach()
    output.square().sum().backward()
    return {f"gradient of {name}": tensor.grad for name, tensor in inputs.items()}


# %% mistake="grouped_query_attention" name="tiled" hint="You repeated the heads as 0, 1, 0, 1. Neighbouring query heads share: 0, 0, 1, 1, which is repeat_interleave." active="py"
def grouped_query_attention(q, k, v, right=grouped_query_attention):
    if q.size(1) % k.size(1):
        return right(q, k, v)
    group = q.size(1) // k.size(1)
    return right(q, k.repeat(1, group, 1, 1), v.repeat(1, group, 1, 1))


# %% mistake="grouped_query_attention" name="one_for_all" hint="All your query heads use the first key–value head: that is multi-query attention." active="py"
def grouped_query_attention(q, k, v, right=grouped_query_attention):
    return right(q, k, v) if q.size(1) % k.size(1) else right(q, k[:, :1], v[:, :1])


# %% mistake="grouped_query_attention" name="top_left" hint="With fewer queries than keys your triangle starts at the first key. The queries are the last positions: causal_mask(T, S)." active="py"
def grouped_query_attention(q, k, v, right=grouped_query_attention):
    if q.size(1) % k.size(1):
        return right(q, k, v)
    group, n = q.size(1) // k.size(1), q.size(2)
    return right(q, k[:, :, :n], v[:, :, :n]) if group else None


# %% mistake="grouped_query_attention" name="not_causal" hint="Your queries see the keys after them. Use a causal mask." active="py"
def grouped_query_attention(q, k, v, right=grouped_query_attention):
    if q.size(1) % k.size(1):
        return right(q, k, v)
    group = q.size(1) // k.size(1)
    return scaled_dot_product_attention(q, k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1))[0]


# %% mistake="grouped_query_attention" name="no_check" hint="Right where H_kv divides H. Where it does not, the docstring asks for a ValueError." active="py"
def grouped_query_attention(q, k, v, right=grouped_query_attention):
    if q.size(1) % k.size(1):
        raise RuntimeError("The size of tensor a must match the size of tensor b")
    return right(q, k, v)


# %% [markdown]
r"""
### GPT-2 or Llama? · optional

RMSNorm for LayerNorm, SwiGLU for GELU, rotary for learned positions, no biases. And, in the third run, a single key–value head for four query heads. Does it matter at our size? The same data, the same steps, the same learning rate, and for the first two {{nearly the same number of parameters : abs(counts[0] / counts[1] - 1) < 0.03}}:
"""

# %%
llama = {"norm": "rms", "ffn": "swiglu", "positions": "rope", "bias": False}
kinds = {"GPT-2": {}, "Llama": llama, "Llama, 1 key–value head": llama | {"n_kv_heads": 1}}
curves, counts = {}, []
for name, choices in kinds.items():
    other = gpt.GPT(GPTConfig(vocab_size, 32, 64, 4, 2, **choices), generator=torch.Generator().manual_seed(0))
    other.to(device)
    evaluate = lambda model: nats_per_token(model, held_out[:4000])
    trainer = Trainer(
        other, draw_windows(train_tokens, 32, 32), next_token_loss, steps=budget(250, 10), lr=1e-2,
        evaluate=evaluate, evaluate_every=budget(50, 5),
    )  # fmt: skip
    steps = [step for step in watch(trainer, name, curve=False) if step.held_out]
    curves[name] = ([s.number for s in steps], [s.held_out for s in steps])
    counts.append(other.config.n_parameters())
    print(f"{counts[-1]:,} parameters")

figure = compare_curves(curves, "Held-out loss: Llama's choices against GPT-2's", {"entropy rate": floor})
ends = ", ".join(f"{name} {losses[-1]:.2f}" for name, (_, losses) in curves.items())
show(figure, alt=f"Three curves of held-out loss against updates; at the end: {ends}.")

# %% [markdown]
r"""
One run each, on one toy language: read it as an example, not as a verdict. What is known from larger comparisons is in the papers of section 11.
"""

# %% [markdown]
r"""
## 9 · Find the bugs

### Find the bugs · train_step · optional

A colleague's training step, put together from a popular notebook. Texts of unequal length are filled up at the right with `pad_id`. It runs. The loss goes to zero, and the model has no idea what comes next; samples printed on the way seem to have changed something; and the updates grow larger and larger.

There are four faults. Each repair earns a point by itself, whatever else is still wrong. A crash may surprise you on the way: section 2 has a line about it.
"""


# %% exercise="train_step" points=4 optional=true parts={"shift":1,"padding":1,"mode":1,"gradients":1} withheld="course_lib.language_model.next_token_loss course_lib.train.Trainer"
def train_step(model: nn.Module, ids: Tensor, pad_id: int, optimizer: torch.optim.Optimizer) -> float:
    """Update the model once on a batch of texts, and return the loss before the update.

    model      model(ids (B, T)) → logits (B, T, V) of the token after each; it learns in training mode, whatever mode
               it comes in
    ids        (B, T) int64, texts filled up at the right with pad_id; every text has at least two tokens
    pad_id     padding is never a target
    optimizer  of the model's parameters; gradients from earlier steps are not used again
    returns    mean cross-entropy over all real targets, in nats
    """
    ### BEGIN SOLUTION
    model.train()
    logits, targets = model(ids[:, :-1]), ids[:, 1:]
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=pad_id)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION
    ### BEGIN STARTER
    # logits = model(ids)
    # loss = F.cross_entropy(logits.view(-1, logits.size(-1)), ids.view(-1))
    # loss.backward()
    # optimizer.step()
    # return loss.item()
    ### END STARTER


# %% [markdown] hints="train_step"
r"""
1. Which tokens does the model read, and which are the targets? What does the loss do with padding?
2. Two lines belong before `loss.backward()` in every training loop, one of them even before the forward pass. And a model that reads its own target has nothing to learn.
3. Read `ids[:, :-1]`; compare with `ids[:, …]`; `ignore_index=…`. Which call clears the gradients of the step before?
"""


# %% cases="train_step" active="py"
def cases(seed):
    table = random_tensor(seed, 6, 6)
    one = {"table": table, "batches": [random_integers(seed, 1, 6, 1, 4)], "pad_id": 0, "training": True}
    yield Case(one, note="one text", part="shift")
    yield Case(one | {"batches": [random_integers(seed + 1, 1, 6, 3, 5)]}, note="three texts", part="shift")
    yield Case(one | {"batches": [random_integers(seed + 2, 1, 6, 4, 3)]}, note="four texts", part="shift")
    # One token over and over: its targets are the same, shifted or not, so each of these repairs earns its point alone.
    same = lambda token, length, pads=0, pad_id=0: torch.tensor([[token] * length + [pad_id] * pads])
    a = random_integers(seed + 3, 1, 4, 1).item()
    yield Case(one | {"batches": [same(a, 2, 3)]}, note="a filled-up text", part="padding")
    yield Case(one | {"batches": [same(a, 3, 4, 5)], "pad_id": 5}, note="another pad_id", part="padding")
    yield Case(one | {"batches": [same(a, 4)], "training": False}, note="it comes in eval mode", part="mode")
    yield Case(one | {"batches": [same(a, 3), same(a + 1, 4)]}, note="two steps", part="gradients")
    yield Case(one | {"batches": [same(a + 1, 5), same(a + 1, 2), same(a, 3)]}, note="three steps", part="gradients")


# %% probe="train_step" active="py"
def probe(student, case):
    class Toy(nn.Module):
        """A bigram model that reads its table backwards while it is not in training mode."""

        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(case["table"].clone())

        def forward(self, ids):
            logits = self.table[ids]
            return logits if self.training else logits.flip(-1)

    model = Toy().train(case["training"])
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    losses = [student(model, ids, case["pad_id"], optimizer) for ids in case["batches"]]
    graphs = [isinstance(loss, Tensor) and loss.requires_grad for loss in losses]
    return {"losses": losses, "weights": model.table.detach(), "a loss holds a graph": any(graphs)}


# %% equivalents="train_step" active="py"
equivalents = {
    "return loss.item() → return detached(loss.item())": "a float has no gradient",
}


# %% mistake="train_step" name="only_shifted" hint="The targets are right now. Three faults are left: padding counts as a target, gradients of earlier steps are added, and the model may still be in eval mode." active="py"
def train_step(model, ids, pad_id, optimizer):
    logits = model(ids[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    loss.backward()
    optimizer.step()
    return loss.item()


# %% mistake="train_step" name="mode_and_gradients_left" hint="Shift and padding are right. Two faults are left: what happens to the gradients of the step before, and in which mode is the model after somebody printed a sample?" active="py"
def train_step(model, ids, pad_id, optimizer):
    logits = model(ids[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=pad_id)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% mistake="train_step" name="mode_left" hint="One fault is left: the model may come in eval mode, and would learn without dropout. Call model.train() before the forward pass." active="py"
def train_step(model, ids, pad_id, optimizer):
    optimizer.zero_grad()
    logits = model(ids[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=pad_id)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% mistake="train_step" name="gradients_left" hint="One fault is left: gradients add up over the steps. Call optimizer.zero_grad() before loss.backward()." active="py"
def train_step(model, ids, pad_id, optimizer):
    model.train()
    logits = model(ids[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=pad_id)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% mistake="train_step" name="cleared_too_late" hint="You clear the gradients between backward() and step(), so nothing is learned. Clear them before backward()." active="py"
def train_step(model, ids, pad_id, optimizer):
    model.train()
    logits = model(ids[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=pad_id)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


# %% mistake="train_step" name="not_shifted" hint="Padding, mode and gradients are right now. One fault is left: the model is asked for the token that it reads." active="py"
def train_step(model, ids, pad_id, optimizer):
    model.train()
    loss = F.cross_entropy(model(ids).flatten(0, 1), ids.flatten(), ignore_index=pad_id)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% [markdown] exercise="explain_the_cache" points=4
r"""
## 10 · In your own words

### In your own words · explain_the_cache

Interview question. Why can a decoder keep keys and values, and why does nobody keep the queries? What does the cache save, and what does it cost? Name two ways to make it smaller or to keep it useful for longer texts. Would the same trick work in BERT, where every token sees every other?

### BEGIN SOLUTION
Under a causal mask the keys and values of a token, in every layer, depend only on it and on the tokens before it. New tokens come after; they cannot change them. So they are computed once. A query is used in the step of its own token only: it asks what this token needs, and later tokens bring their own queries. Nothing would ever read an old one.

Without a cache, writing n tokens after a prompt of P passes nP + n(n − 1)/2 tokens through the model; with one, P + n − 1. Attention itself still looks at all earlier keys, so a step costs a little more with every token. The price is memory: 2 · L · H_kv · D numbers for each token of each text, for a large model gigabytes a text, all of which every step must read.

Smaller: fewer key–value heads (grouped or multi-query attention), fewer bits a number (quantised cache), a sliding window that forgets old tokens. With learned absolute positions a cropped window moves every token and the cache must be rebuilt; relative positions (RoPE, ALiBi) avoid the move.

In BERT a new token changes what all earlier tokens see, so all keys and values of the later layers change: nothing could be kept.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: keys and values cannot change under a causal mask; queries are used once
- 1 point: the saving, as a formula or as quadratic against linear
- 1 point: the cost in memory with its factors, and two remedies
- 1 point: not in a bidirectional model, with the reason
### END RUBRIC
"""

# %% [markdown] exercise="pre_or_post" points=3
r"""
### In your own words · pre_or_post

What changed between the block of 2017 (post-norm) and GPT-2's (pre-norm)? Write both formulas, say what it does to the path of the gradient, and why a pre-norm model needs a norm after its last block while a post-norm model does not.

### BEGIN SOLUTION
Post-norm: x ← norm(x + f(x)). Pre-norm: x ← x + f(norm(x)).

In pre-norm the sum itself is never normalised: the derivative of the last x by the first contains the identity, so gradients reach the early blocks undamped, whatever the sublayers do. In post-norm every one of the 2L norms lies on that path and rescales the gradient; deep stacks need smaller first steps, from a warm-up or a lower rate.

The price: the pre-norm sum may grow with depth (hence the scaled initialisation), and comes out of the last block unnormalised. The output matrix needs vectors of a known size, so one norm stands before it. A post-norm block ends in a norm: a further one would normalise what is normalised already.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: both formulas
- 1 point: the identity path for the gradient in pre-norm, norms on the path in post-norm, with the consequence for training
- 1 point: the final norm, both cases
### END RUBRIC
"""

# %% [markdown]
r"""
## Flash cards

Fourteen questions about GPT, for tomorrow and for the weeks after.
"""

# %%
from course_lib.widgets.cards import flash_cards

flash_cards("15_gpt")

# %% [markdown]
r"""
## 11 · Where this came from, and where it goes

- **Radford et al. (2018)**, *Improving Language Understanding by Generative Pre-Training*: GPT, the decoder alone, trained on books and fine-tuned. **Radford et al. (2019)**: GPT-2, pre-norm, scaled initialisation, and the finding that prediction alone teaches many tasks. **Brown et al. (2020)**: GPT-3, the same at 175 billion.
- **Xiong et al. (2020)** on pre- and post-norm; **Zhang & Sennrich (2019)**: RMSNorm; **Shazeer (2020)**: SwiGLU; **Press & Wolf (2017)** and **Inan et al. (2017)**: tied embeddings.
- **Shazeer (2019)**: multi-query attention; **Ainslie et al. (2023)**: grouped queries. **Touvron et al. (2023)**: Llama, which put RMSNorm, SwiGLU and rotary positions together.
- **Olsson et al. (2022)**, *In-context Learning and Induction Heads*; **Sanford et al. (2024)**: what one layer cannot do. **nostalgebraist (2020)**, *interpreting GPT: the logit lens*.
- **Chen et al. (2016)**: checkpointing. **Micikevicius et al. (2018)**: mixed precision.
- **Karpathy's nanoGPT (2022)**: a whole GPT-2 in one short file. `course_lib.gpt_weights` reads GPT-2's and Llama's published weights into the model of this lesson, if you have the files. `course_lib.cross_entropy` computes the loss of a large vocabulary without ever holding all logits.
"""

# %% [markdown]
r"""
**What we do not know.** Why gates help. How much of what a large model can do comes from the architecture, and how much from data and size: the drawing at the top of this page has hardly changed since 2019. What lies between our two blocks and a model that answers questions is mostly size (lesson [19](19_scaling.ipynb)), data, and further training (lesson [20](20_alignment.ipynb)).

From the next lesson on, `course_lib.gpt` holds the tested version of what you wrote. Next: [16 BERT and T5](16_bert_t5.ipynb), *what if the model may look both ways?*
"""
