# ---
# jupyter:
#   course:
#     title: Can you do it at the whiteboard?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# Can you do it at the whiteboard?

You have written attention, you have trained a GPT. Now somebody hands you a marker and twelve minutes. Or eight lines that a colleague wrote on Friday, which run, print a loss, and are wrong. This lesson teaches nothing new. It is a room to train in: come back to it as often as you like.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks import check, show_answer

torch.set_printoptions(precision=4, sci_mode=False)

# %%
from ipywidgets import IntSlider

from course_lib.figures import ngrams as figures
from course_lib.figures.style import show
from course_lib.interview import broken_versions, questions
from course_lib.widgets.cards import flash_cards
from course_lib.widgets.interview_room import drill_clock, oral_exam, theme_scores
from course_lib.widgets.live import live
from course_lib.widgets.predict import predict_number

torch.set_num_threads(1)

# %%
themes = {  # theme → its lessons, its hunts
    "Information": ("01_information",
        "perplexity_from loss_of_the_data wasted_share log_mean_exp shared_nats"),
    "Tokens": ("02_tokenization", "restored known_words with_bytes"),
    "Counts": ("03_ngrams", "pairs_of_sentences backed_off word_at"),
    "Linear models, optimizers": ("04_linear_models 05_optimizers",
        "fit_error one_epoch heat_then_cool to_be_decayed ranking smoothed"),
    "Regularization": ("06_regularization",
        "penalty_step at_test_time ridge_with_intercept kept_features"),
    "Word vectors": ("07_embeddings 08_neural_ngrams", "associations looked_up"),
    "Recurrent networks": ("09_rnn 10_lstm 11_seq2seq",
        "may_grow last_states turned_around lengths_until_end"),
    "Attention and masks": ("12_attention",
        "may_look_at heads_weights weights_to_show for_torch mean_spread seen_too_early"),
    "Positions": ("13_positions", "nearer_is_better wavelengths turned_pairs places_of_tokens"),
    "Transformer, GPT, BERT": ("14_transformer 15_gpt 16_bert_t5",
        "words_and_places through_the_block loss_of_all_batches guessed_right"),
    "Mixture of experts": ("17_moe", "sent_back gate_of_the_best load_of_each"),
    "Sampling": ("18_sampling", "tokens_of_the_nucleus warmer after_the_end"),
    "Scaling and alignment": ("19_scaling 20_alignment",
        "slope_of_the_excess few_bits joined_gradients still_to_come how_far_from_before"),
}  # fmt: skip
n_hunts = sum(len(hunts.split()) for _, hunts in themes.values())
theme_scores("interview_room", themes)

# %% [markdown]
r"""
The table is your map. A theme has so many hunts here, and so many exercises in its lessons. → says that you tried and are not there yet, and which lesson to return to. Run the cell again whenever you like, or press *Look again*.

## What you will be able to do

- write the standard pieces from memory, against the clock;
- find a fault in short code that raises no error, and repair that fault and nothing else;
- choose the input that shows a fault, before you read the code;
- answer the usual questions aloud, and judge an answer by a rubric;
- say which lessons you should read again.

**Time** 90 minutes for a first round: one drill, ten hunts, two questions. The other {{42 = n_hunts - 10}} hunts are optional; take them in portions, or at least those of the themes where you are unsure. **Builds on** all lessons.
"""

# %% [markdown] teacher=true
r"""
Nobody does the whole room in one sitting. In class: one drill for all at the same time, then hunts in pairs (one reads the specification aloud and chooses an input, the other reads the code), then the oral mode in pairs. Errata of the notes by hunt:

`perplexity_from` K2; `loss_of_the_data` 115; `wasted_share` 114; `restored` 062; `pairs_of_sentences` 074; `backed_off` 084; `one_epoch` 121; `ranking` 122, 123; `smoothed` (Q7); `penalty_step` 112; `at_test_time` 113; `kept_features` 119; `may_grow` 099; `lengths_until_end` 021, 033; `may_look_at` 008, 011; `heads_weights` 117; `weights_to_show` 009; `for_torch` 001, 013; `mean_spread` 005; `seen_too_early` 002; `nearer_is_better` 064; `wavelengths` 069; `places_of_tokens` 030; `words_and_places` 018; `through_the_block` 026; `loss_of_all_batches` 029; `sent_back` 047; `gate_of_the_best` 046; `load_of_each` 049; `tokens_of_the_nucleus` 052, 053, 054; `warmer` 076; `after_the_end` 021, 057; `slope_of_the_excess` 088.
"""

# %% [markdown]
r"""
## 1 · At the whiteboard

Choose a task, start the clock, write in the empty cell below the clock, run that cell, then press *Stop and check*. The check is the one of the lesson that the task comes from, and it needs the name that the specification gives. No autocompletion, no looking up: the point is to notice where you hesitate.

What helps, in an interview as well as here: say the shapes before you write, write the smallest version that could be right, test it on a case that you can compute in your head, and only then think of masks, edge cases and speed.
"""

# %%
drills = {
    "information.softmax": 4,
    "information.cross_entropy": 4,
    "tokenization.merge_pair": 6,
    "ngrams.count_ngrams": 5,
    "linear_models.softmax_loss": 6,
    "embeddings.negative_sampling_loss": 8,
    "lstm.lstm_cell": 8,
    "attention.causal_mask": 3,
    "attention.scaled_dot_product_attention": 12,
    "positions.sinusoidal": 8,
    "transformer.layer_norm": 6,
    "gpt.causal_lm_loss": 5,
    "moe.route_top_k": 5,
    "sampling.top_p_filter": 8,
}
drill_clock(drills, globals())

# %%
# Your whiteboard. Write here while the clock runs, and run the cell before you stop it.

# %% [markdown]
r"""
### Exercise · AttentionLayer

The most frequent of all whiteboard tasks, as a module. Give yourself twelve minutes. With q of shape (8, 4, 10, 16) and v of shape (8, 4, 10, 32), before you write: which shapes do output and weights have?
"""


# %% exercise="AttentionLayer" points=3 parts={"values": 1, "mask": 1, "dropout": 1} withheld="course_lib.attention.scaled_dot_product_attention course_lib.attention.fused_attention torch.nn.functional.scaled_dot_product_attention torch.nn.MultiheadAttention"
class AttentionLayer(nn.Module):
    """Scaled dot-product attention with dropout on the weights.

    dropout  the probability p with which a weight is dropped in training (those kept are
             divided by 1 − p); nothing is dropped in eval mode
    """

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        ### BEGIN SOLUTION
        self.dropout = nn.Dropout(dropout)
        ### END SOLUTION

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Return the output (..., T, E) and the weights (..., T, S), as they were before dropout.

        q     (..., T, D), k (..., S, D), v (..., S, E)
        mask  (T, S) bool, or with the leading dimensions of q; True = may attend. A query that may
              attend to nothing has weights and output 0. Gradients reach q, k and v
        """
        ### BEGIN SOLUTION
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
        if mask is None:
            weights = scores.softmax(-1)
        else:
            lowest = torch.finfo(scores.dtype).min
            weights = scores.masked_fill(~mask, lowest).softmax(-1).masked_fill(~mask, 0)
        return self.dropout(weights) @ v, weights
        ### END SOLUTION


# %% [markdown] hints="AttentionLayer"
r"""
1. Which dimension of the scores must sum to 1 after the softmax?
2. Scores, scale, mask, softmax, zeros where nothing may be attended to; the dropped weights meet v, the others are returned.
3. `scores = q @ k.transpose(-2, -1) / math.sqrt(…)`
"""


# %% cases="AttentionLayer" active="py"
def cases(seed):
    def tensors(i, batch, t, s, d, e):
        q, k = random_tensor(seed + i, *batch, t, d), random_tensor(seed + i + 20, *batch, s, d)
        return {"q": 2 * q, "k": 2 * k, "v": random_tensor(seed + i + 40, *batch, s, e)}

    ones = {"q": torch.ones(1, 1), "k": torch.ones(2, 1), "v": torch.tensor([[1.0], [3.0]])}
    yield Case(ones, note="two equal keys", part="values")
    yield Case(tensors(0, (), 2, 3, 4, 5), note="one sequence", part="values")
    yield Case(tensors(1, (2, 3), 3, 4, 2, 3), note="a batch with heads", part="values")
    mask = torch.ones(3, 3, dtype=torch.bool).tril()
    yield Case({**tensors(2, (2,), 3, 3, 4, 2), "mask": mask}, note="causal", part="mask")
    mask = torch.rand(2, 3, 4, generator=generator(seed)) > 0.4
    mask[0, 1], mask[1, 2, 0] = False, True
    yield Case({**tensors(3, (2,), 3, 4, 4, 2), "mask": mask}, note="a query without keys", part="mask")
    one = tensors(4, (2,), 3, 4, 3, 2)
    yield Case({**one, "p": 1.0, "training": True}, note="training, everything is dropped", part="dropout")
    yield Case({**one, "p": 1.0, "training": False}, note="the same in eval mode", part="dropout")


# %% probe="AttentionLayer" active="py"
def probe(student, case):
    layer = student(case.get("p", 0.0))
    layer.train(case.get("training", False))
    inputs = [case[name].clone().requires_grad_() for name in "qkv"]
    output, weights = layer(*inputs, *([case["mask"]] if "mask" in case else []))
    gradients = "none"
    if output.requires_grad:
        loss = (output * (1 + torch.arange(output.size(-1)))).square().sum()
        gradients = torch.autograd.grad(loss, inputs, allow_unused=True, materialize_grads=True)
    return {"output": output.detach(), "weights": weights.detach(), "gradients": gradients}


# %% mistake="AttentionLayer" name="not_scaled" hint="The scores are not divided by the square root of the size of a key." active="py"
class AttentionLayer(AttentionLayer):
    def forward(self, q, k, v, mask=None):
        return super().forward(q * math.sqrt(q.size(-1)), k, v, mask)


# %% mistake="AttentionLayer" name="dropped_weights" hint="The weights that you return went through dropout; return them as they were before it." active="py"
class AttentionLayer(AttentionLayer):
    def forward(self, q, k, v, mask=None):
        output, weights = super().forward(q, k, v, mask)
        return output, self.dropout(weights)


# %% mistake="AttentionLayer" name="upside_down" hint="Your mask is upside down: True means that a key may be attended to." active="py"
class AttentionLayer(AttentionLayer):
    def forward(self, q, k, v, mask=None):
        return super().forward(q, k, v, None if mask is None else ~mask)


# %% mistake="AttentionLayer" name="uniform_for_nothing" hint="A query that may attend to nothing gets the mean of the values; it should get 0." active="py"
class AttentionLayer(AttentionLayer):
    def forward(self, q, k, v, mask=None):
        hidden = torch.zeros(()) if mask is None else torch.where(mask, 0.0, -1e9)
        weights = (q @ k.transpose(-2, -1) / math.sqrt(q.size(-1)) + hidden).softmax(-1)
        return self.dropout(weights) @ v, weights


# %% [markdown]
r"""
### Exercise · temperature_rows · optional

Six minutes. The rows are what a plot of the temperature needs: one distribution for each T.
"""


# %% exercise="temperature_rows" points=2 optional=true withheld="course_lib.decoding.filters.apply_temperature"
def temperature_rows(logits: Tensor, temperatures: list) -> Tensor:
    """Return the softmax of the logits at each temperature.

    logits        (V,) float32
    temperatures  K numbers, also tiny ones such as 1e-38
    returns       (K, V), each row sums to 1

    Raises ValueError when a temperature is not above 0.

    Example: logits [0., ln 3] at 1.0 and 0.5 give [0.25, 0.75] and [0.1, 0.9].
    """
    ### BEGIN SOLUTION
    if min(temperatures) <= 0:
        raise ValueError(f"a temperature must be above 0, got {min(temperatures)}")
    below = logits - logits.max()  # at most 0: nothing overflows upwards
    return torch.stack([(below / t).softmax(-1) for t in temperatures])
    ### END SOLUTION


# %% [markdown] hints="temperature_rows"
r"""
1. What is 90 divided by 1e-38 in float32, and what does a softmax make of it?
2. Subtract the maximum *before* you divide: 0 stays 0, everything else goes down.
3. `((logits - logits.max()) / t).softmax(-1)`, for each t
"""


# %% cases="temperature_rows" active="py"
def cases(seed):
    yield Case({"logits": torch.tensor([0.0, math.log(3)]), "temperatures": [1.0, 0.5]}, note="the example")
    yield Case({"logits": torch.tensor([90.0, 80.0, 90.0]), "temperatures": [1e-38]}, note="a tiny temperature")
    for i in range(3):
        logits = random_tensor(seed + i, 4 + i, scale=3.0)
        yield Case({"logits": logits, "temperatures": [0.1, 0.7, 1.0, 10.0][i:]}, note="random logits")
    yield Case({"logits": torch.zeros(2), "temperatures": [1.0, 0.0]}, note="a temperature of 0")
    yield Case({"logits": torch.zeros(2), "temperatures": [-1.0, 1.0]}, note="a temperature below 0")


# %% equivalents="temperature_rows" active="py"
equivalents = {"(below / t).softmax(-1) → (below / t).softmax(0)": "a vector has one dimension"}


# %% mistake="temperature_rows" name="maximum_too_late" hint="A tiny temperature makes the logits infinite before the softmax can subtract anything: subtract the maximum first." active="py"
def temperature_rows(logits, temperatures):
    if min(temperatures) <= 0:
        raise ValueError("a temperature must be above 0")
    return torch.stack([(logits / t).softmax(-1) for t in temperatures])


# %% mistake="temperature_rows" name="multiplied" hint="You multiply by the temperature: a high one sharpens, and it should flatten." active="py"
def temperature_rows(logits, temperatures, right=temperature_rows):
    right(logits, temperatures)
    return torch.stack([(logits * t).softmax(-1) for t in temperatures])


# %% mistake="temperature_rows" name="zero_is_allowed" hint="Right for temperatures above 0. For 0 the docstring asks for a ValueError: a division by 0 is no distribution." active="py"
def temperature_rows(logits, temperatures, right=temperature_rows):
    if min(temperatures) == 0:
        return torch.stack([F.one_hot(logits.argmax(), len(logits)).float() for _ in temperatures])
    return right(logits, temperatures)


# %% [markdown]
r"""
### Exercise · three_descents · optional

Ten minutes. Three optimizers on one bowl, $\tfrac12 \sum_i c_i w_i^2$, from one start. It is the core of the plot that compares them; how to compare them fairly is a hunt further down (`ranking`).
"""


# %% exercise="three_descents" parts={"sgd": 1, "momentum": 1, "adam": 1} points=3 optional=true withheld="torch.optim.SGD torch.optim.Adam"
def three_descents(curvature: Tensor, start: Tensor, lr: float, steps: int) -> dict:
    """Return where three optimizers go.

    curvature  (D,) c > 0; the gradient of the loss at w is c · w
    start      (D,), not changed; lr the step size; steps ≥ 1
    returns    {"sgd", "momentum", "adam"}, each (steps, D): the weights after each step.
               momentum: v ← 0.9 v + g, and v is the step's direction. adam: β₁ 0.9, β₂ 0.999,
               ε 1e-8 added to the root, both means corrected for their start at 0

    Example: after its first step, Adam has moved each weight by about lr.
    """
    ### BEGIN SOLUTION
    w = {name: start for name in ("sgd", "momentum", "adam")}
    paths = {name: [] for name in w}
    v = m = s = torch.zeros_like(start)
    for t in range(1, steps + 1):
        g = {name: curvature * w[name] for name in w}
        v = 0.9 * v + g["momentum"]
        m, s = 0.9 * m + 0.1 * g["adam"], 0.999 * s + 0.001 * g["adam"] ** 2
        adam = m / (1 - 0.9**t) / ((s / (1 - 0.999**t)).sqrt() + 1e-8)
        for name, direction in {"sgd": g["sgd"], "momentum": v, "adam": adam}.items():
            w[name] = w[name] - lr * direction
            paths[name].append(w[name])
    return {name: torch.stack(path) for name, path in paths.items()}
    ### END SOLUTION


# %% [markdown] hints="three_descents"
r"""
1. What does each of the three keep from step to step?
2. Each has weights of its own, and so gradients of its own. Adam keeps two means; what it corrects, it does not keep.
3. `adam = m / (1 - 0.9**t) / ((s / …).sqrt() + 1e-8)`
"""


# %% cases="three_descents" active="py"
def cases(seed):
    one = {"curvature": torch.tensor([2.0]), "start": torch.tensor([1.0]), "lr": 0.1}
    for part in ("sgd", "momentum", "adam"):
        yield Case({**one, "steps": 3, "show": part}, note="one weight", part=part)
        for i in range(2):
            c = random_tensor(seed + i, 3).abs() + 0.1
            case = {"curvature": c, "start": random_tensor(seed + 5 + i, 3) + 1, "lr": 0.05 + 0.1 * i}
            yield Case({**case, "steps": 4 + 4 * i, "show": part}, note="random", part=part)
    tiny = {"curvature": torch.ones(1), "start": torch.tensor([1e-8]), "lr": 0.1}
    yield Case({**tiny, "steps": 1, "show": "adam"}, note="a tiny gradient", part="adam")


# %% probe="three_descents" active="py"
def probe(student, case):
    return student(*(case[name] for name in ("curvature", "start", "lr", "steps")))[case["show"]]


# %% equivalents="three_descents" active="py"
equivalents = {
    "return {name: torch.stack(path) for name, path in paths.items()} → return detached({name: torch.stack(path) for name, path in paths.items()})": (
        "no gradient is asked for"
    ),
}


# %% mistake="three_descents" name="weak_momentum" hint="In momentum the gradient is added whole; you multiplied it by 0.1, as the mean of Adam does." active="py"
def three_descents(curvature, start, lr, steps, right=three_descents):
    v, w, path = torch.zeros_like(start), start, []
    for _ in range(steps):
        v = 0.9 * v + 0.1 * curvature * w
        w = w - lr * v
        path.append(w)
    return {**right(curvature, start, lr, steps), "momentum": torch.stack(path)}


# %% mistake="three_descents" name="uncorrected" hint="Adam's means start at 0 and are too small at first; divide each by 1 − βᵗ." active="py"
def three_descents(curvature, start, lr, steps, right=three_descents):
    m = s = torch.zeros_like(start)
    w, path = start, []
    for _ in range(steps):
        g = curvature * w
        m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
        w = w - lr * m / (s.sqrt() + 1e-8)
        path.append(w)
    return {**right(curvature, start, lr, steps), "adam": torch.stack(path)}


# %% mistake="three_descents" name="one_gradient" hint="All three took the gradients of plain descent; each needs those at its own weights." active="py"
def three_descents(curvature, start, lr, steps, right=three_descents):
    out = right(curvature, start, lr, steps)
    at = torch.cat([start[None], out["sgd"][:-1]]) * curvature
    v, w, path = torch.zeros_like(start), start, []
    for g in at:
        v = 0.9 * v + g
        w = w - lr * v
        path.append(w)
    return {**out, "momentum": torch.stack(path)}


# %% [markdown]
r"""
## 2 · Hunts: Information

Read the specification, then the code, then choose the smallest input that could tell. Every hunt is eight lines or fewer, and each fault is worth its point. To read again: [01](01_information.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · perplexity_from

Two papers report the loss of the same model, one in nats, one in bits. Their perplexities must agree. With this function they do not.
"""


# %% exercise="perplexity_from" points=1 withheld="torch.distributions"
def perplexity_from(losses: list, base: float) -> float:
    """Return the perplexity of a text.

    losses   surprises of its tokens, −log of their probabilities to this base; at least one
    base     of the logarithm: math.e for nats, 2 for bits
    returns  the perplexity, a float

    Example: perplexity_from([1.0, 3.0], 2) is 4.0.
    """
    ### BEGIN SOLUTION
    return base ** (sum(losses) / len(losses))
    ### END SOLUTION
    ### BEGIN STARTER
    # total = 0.0
    # for loss in losses:
    #     total += loss
    # return math.exp(total / len(losses))
    ### END STARTER


# %% [markdown] hints="perplexity_from"
r"""
1. Compute the example by hand: which number is raised to the mean?
2. The perplexity undoes the logarithm, so it must know which logarithm was taken.
3. `return … ** (total / len(losses))`
"""


# %% cases="perplexity_from" active="py"
def cases(seed):
    yield Case({"losses": [1.0, 3.0], "base": 2.0}, note="the example, in bits")
    yield Case({"losses": [1.0, 3.0], "base": math.e}, note="the same numbers in nats")
    for i, base in enumerate((2.0, 10.0, math.e)):
        losses = random_tensor(seed + i, 3 + i).abs().tolist()
        yield Case({"losses": losses, "base": base}, note="random surprises")


# %% mistake="perplexity_from" name="mean_of_perplexities" hint="You averaged perplexities. The mean is taken of the losses, and raised to a power once." active="py"
def perplexity_from(losses, base):
    return sum(base**loss for loss in losses) / len(losses)


# %% mistake="perplexity_from" name="always_bits" hint="Now bits are right and nats are wrong; base says which it is." active="py"
def perplexity_from(losses, base):
    return 2 ** (sum(losses) / len(losses))


# %% mistake="perplexity_from" name="sum" hint="The mean went missing: a longer text is not more perplexing for being longer." active="py"
def perplexity_from(losses, base):
    return base ** sum(losses)


# %% [markdown]
r"""
### Find the bug · loss_of_the_data · optional

A classifier is judged by its mean binary cross-entropy. Whatever it gets wrong at the beginning of the data does not show.
"""


# %% exercise="loss_of_the_data" points=1 optional=true withheld="torch.distributions"
def loss_of_the_data(probs: list, labels: list) -> float:
    """Return the mean binary cross-entropy in nats.

    probs    N probabilities of label 1, each strictly between 0 and 1; N ≥ 1
    labels   N labels, 0 or 1
    returns  float

    Example: loss_of_the_data([0.5, 0.5], [0, 1]) is ln 2 ≈ 0.6931.
    """
    ### BEGIN SOLUTION
    loss = 0.0
    for p, y in zip(probs, labels):
        loss -= y * math.log(p) + (1 - y) * math.log(1 - p)
    return loss / len(probs)
    ### END SOLUTION
    ### BEGIN STARTER
    # loss = 0.0
    # for p, y in zip(probs, labels):
    #     loss = -(y * math.log(p) + (1 - y) * math.log(1 - p))
    # return loss / len(probs)
    ### END STARTER


# %% [markdown] hints="loss_of_the_data"
r"""
1. What does `loss` hold after the second turn of the loop?
2. A sum must keep what it had.
3. `loss -= …`
"""


# %% cases="loss_of_the_data" active="py"
def cases(seed):
    yield Case({"probs": [0.5, 0.5], "labels": [0, 1]}, note="the example")
    yield Case({"probs": [0.9], "labels": [1]}, note="one observation")
    for i in range(3):
        probs = random_tensor(seed + i, 4 + i).sigmoid().tolist()
        labels = [*random_integers(seed + i, 0, 2, 3 + i).tolist(), i % 2]
        yield Case({"probs": probs, "labels": labels}, note="random")


# %% mistake="loss_of_the_data" name="sign" hint="The loss grows now, but downwards: a loss in nats is positive here." active="py"
def loss_of_the_data(probs, labels, right=loss_of_the_data):
    return -right(probs, labels)


# %% mistake="loss_of_the_data" name="summed" hint="That is the sum over the data; the mean was asked for." active="py"
def loss_of_the_data(probs, labels, right=loss_of_the_data):
    return right(probs, labels) * len(probs)


# %% mistake="loss_of_the_data" name="last_alone" hint="The division is mended, the sum is not: this is the loss of the last observation alone." active="py"
def loss_of_the_data(probs, labels, right=loss_of_the_data):
    return right(probs[-1:], labels[-1:])


# %% [markdown]
r"""
### Find the bug · wasted_share · optional

A code made for the distribution q is used for texts that follow p. Which share of its length is wasted? The function is never negative, as it should be, and 0 for q = p, as it should be.
"""


# %% exercise="wasted_share" points=1 optional=true withheld="torch.distributions"
def wasted_share(p: Tensor, q: Tensor) -> Tensor:
    """Return by which share a code for q is longer than the best code, when the texts follow p.

    p, q     (B, V) distributions without zeros; p is not uniform
    returns  (B,) expected length with q, divided by that with the best code for p, minus 1

    Example: for p = [[0.75, 0.25]] and q = [[0.5, 0.5]] the lengths are 1 bit and 0.8113 bits,
    so the share is 0.2326.
    """
    ### BEGIN SOLUTION
    best = -(p * p.log()).sum(-1)
    with_q = -(p * q.log()).sum(-1)
    return with_q / best - 1
    ### END SOLUTION
    ### BEGIN STARTER
    # best = -(q * q.log()).sum(-1)
    # with_q = -(q * p.log()).sum(-1)
    # return with_q / best - 1
    ### END STARTER


# %% [markdown] hints="wasted_share"
r"""
1. Which of the two distributions says how often each symbol occurs?
2. Lengths come from the code, −log q; the weights of the mean come from the texts.
3. `with_q = -(p * …).sum(-1)`
"""


# %% cases="wasted_share" active="py"
def cases(seed):
    yield Case({"p": torch.tensor([[0.75, 0.25]]), "q": torch.tensor([[0.5, 0.5]])}, note="the example")
    for i in range(3):
        p, q = random_distributions(seed + i, 3, 4 + i), random_distributions(seed + 50 + i, 3, 4 + i)
        yield Case({"p": p, "q": q}, note="random distributions")


# %% mistake="wasted_share" name="best_of_q" hint="The code for q is weighed rightly now, but compared with the entropy of q. The texts follow p." active="py"
def wasted_share(p, q):
    return -(p * q.log()).sum(-1) / -(q * q.log()).sum(-1) - 1


# %% mistake="wasted_share" name="length_of_p" hint="Half of it: the best code is right, and the code for q still has the lengths −log p." active="py"
def wasted_share(p, q):
    return -(q * p.log()).sum(-1) / -(p * p.log()).sum(-1) - 1


# %% mistake="wasted_share" name="of_the_batch" hint="One share for each row, not one for the whole batch." active="py"
def wasted_share(p, q):
    return -(p * q.log()).sum() / -(p * p.log()).sum() - 1


# %% [markdown]
r"""
### Find the bug · log_mean_exp · optional

For one row of numbers the result is right. For a batch the shape is wrong.
"""


# %% exercise="log_mean_exp" points=1 optional=true withheld="torch.distributions"
def log_mean_exp(x: Tensor) -> Tensor:
    """Return log(mean(exp(x))) of each row, without overflow.

    x        (B, N) numbers of any size, also 1000 or −1000
    returns  (B,)

    Example: log_mean_exp(torch.tensor([[1000.0, 1000.0]])) is [1000.].
    """
    ### BEGIN SOLUTION
    largest = x.amax(-1)
    return (x - largest[:, None]).exp().mean(-1).log() + largest
    ### END SOLUTION
    ### BEGIN STARTER
    # largest = x.amax(-1, keepdim=True)
    # return (x - largest).exp().mean(-1).log() + largest
    ### END STARTER


# %% [markdown] hints="log_mean_exp"
r"""
1. Which shapes are added in the last line, when x has 3 rows?
2. (B,) + (B, 1) is (B, B): the rows are mixed. Add two things of shape (B,).
3. `… + largest.squeeze(…)`
"""


# %% cases="log_mean_exp" active="py"
def cases(seed):
    yield Case({"x": torch.tensor([[1000.0, 1000.0]])}, note="the example")
    yield Case({"x": torch.tensor([[0.0, 1.0], [-1000.0, -1001.0]])}, note="two rows far apart")
    yield Case({"x": torch.tensor([[0.0, 1000.0], [0.0, 1.0]])}, note="numbers far apart")
    for i in range(3):
        yield Case({"x": random_tensor(seed + i, 2 + i, 4, scale=10.0 ** (i - 1))}, note="random rows")


# %% mistake="log_mean_exp" name="left_out" hint="The shape is right, but what was subtracted inside must be added again outside." active="py"
def log_mean_exp(x, right=log_mean_exp):
    return right(x) - x.amax(-1)


# %% mistake="log_mean_exp" name="one_maximum" hint="One maximum for the whole batch: the exponentials of a row far below it are all 0. Take each row's own." active="py"
def log_mean_exp(x):
    return (x - x.max()).exp().mean(-1).log() + x.max()


# %% mistake="log_mean_exp" name="no_shift" hint="Without the shift the exponential of 1000 is infinite." active="py"
def log_mean_exp(x):
    return x.exp().mean(-1).log()


# %% mistake="log_mean_exp" name="still_a_column" hint="The last dimension was kept on both sides: the result is (B, 1), not (B,)." active="py"
def log_mean_exp(x, right=log_mean_exp):
    return right(x)[:, None]


# %% [markdown]
r"""
### Find the bug · shared_nats · optional

How many nats does one variable tell about the other? For a table without zeros, the function is right.
"""


# %% exercise="shared_nats" points=1 optional=true withheld="course_lib.estimators.plug_in_mutual_information"
def shared_nats(joint: Tensor) -> Tensor:
    """Return the mutual information of two variables in nats.

    joint    (M, N) probability of each pair; may hold zeros; the whole table sums to 1
    returns  () Σ p(x, y) log(p(x, y) / (p(x) p(y))); pairs of probability 0 count 0

    Example: shared_nats(torch.tensor([[0.5, 0.0], [0.0, 0.5]])) is ln 2 ≈ 0.6931.
    """
    ### BEGIN SOLUTION
    independent = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    there = joint > 0
    return (joint[there] * (joint[there] / independent[there]).log()).sum()
    ### END SOLUTION
    ### BEGIN STARTER
    # independent = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    # ratio = (joint / independent).clamp(min=0.1)  # so that the logarithm stays finite
    # return (joint * ratio.log()).sum()
    ### END STARTER


# %% [markdown] hints="shared_nats"
r"""
1. Which pairs does the clamp change: only those of probability 0?
2. A pair that occurs ten times less often than chance is no zero. Leave out exactly the zeros.
3. `there = joint > 0`, and sum over `joint[there]`
"""


# %% cases="shared_nats" active="py"
def cases(seed):
    yield Case({"joint": torch.tensor([[0.5, 0.0], [0.0, 0.5]])}, note="the example")
    yield Case({"joint": torch.tensor([[0.49, 0.01], [0.01, 0.49]])}, note="a rare pair")
    for i in range(3):
        table = random_distributions(seed + i, 4 + i, 6)[1:]
        table[0, 1:3] = table[1, 0] = 0
        yield Case({"joint": table / table.sum()}, note="random, with zeros")


# %% equivalents="shared_nats" active="py"
equivalents = {"joint.sum(0, keepdim=True) → joint.sum(0)": "(N,) broadcasts as (1, N) does"}


# %% mistake="shared_nats" name="nan" hint="Without any care 0 · log 0 is nan, which spreads to the sum." active="py"
def shared_nats(joint):
    return (joint * (joint / (joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True))).log()).sum()


# %% mistake="shared_nats" name="too_much_added" hint="A hundredth added to every ratio moves the rare pairs. Leave the zeros out instead." active="py"
def shared_nats(joint):
    return (joint * (joint / (joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)) + 0.01).log()).sum()


# %% mistake="shared_nats" name="no_negative" hint="Pairs that are rarer than chance count below 0. You cut these terms off." active="py"
def shared_nats(joint):
    ratio = joint / (joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True))
    return (joint * ratio.clamp(min=1).log()).sum()


# %% [markdown]
r"""
## 3 · Hunts: Tokens

Bytes, characters and entries of a table are three different things. To read again: [02](02_tokenization.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · restored · optional

Somebody opened UTF-8 files as Windows-1252, and saved what they saw. This function is to bring the texts back. It makes them worse.
"""


# %% exercise="restored" points=1 optional=true withheld="torch.distributions"
def restored(text: str) -> str:
    """Return what a UTF-8 text was before its bytes were read as Windows-1252.

    text     each of its characters exists in Windows-1252 (Python calls it "cp1252")
    returns  the text as its author wrote it

    Example: restored("cafÃ©") is "café".
    """
    ### BEGIN SOLUTION
    return text.encode("cp1252").decode("utf-8")
    ### END SOLUTION
    ### BEGIN STARTER
    # seen = text.encode("utf-8")
    # return seen.decode("cp1252", errors="replace")
    ### END STARTER


# %% [markdown] hints="restored"
r"""
1. Which bytes were in the file, and how do you get them back from the characters that were seen?
2. Undo the steps in reverse order: characters to bytes by the wrong table, bytes to characters by the right one.
3. `text.encode("cp1252")` are the bytes of the file
"""


# %% cases="restored" active="py"
def cases(seed):
    yield Case({"text": "cafÃ©"}, note="the example")
    yield Case({"text": "cheese"}, note="nothing to repair")
    words = ["souris", "fromage", "brûlée", "Käse", "16 €", "≤ 32", "crème", "“Maus”", "señor", "… fin"]
    for i in range(3):
        chosen = [words[j] for j in torch.randperm(10, generator=generator(seed + i))[:6].tolist()]
        text = " ".join(w for w in [*chosen, "≤ 3 €"] if "”" not in w)
        yield Case({"text": text.encode().decode("cp1252")}, note="several words")


# %% mistake="restored" name="latin_1" hint="Latin-1 is a close relative, but it has no € and no ≤ among its characters: those texts cannot be encoded." active="py"
def restored(text):
    return text.encode("latin-1", errors="replace").decode("utf-8", errors="replace")


# %% mistake="restored" name="dropped" hint="What was garbled is gone. Nothing needs to be thrown away: all the bytes are still there." active="py"
def restored(text):
    return text.encode("ascii", errors="ignore").decode("ascii")


# %% mistake="restored" name="swapped_back" hint="Both steps use the same table, so the text comes back as it was." active="py"
def restored(text):
    return text


# %% [markdown]
r"""
### Find the bug · known_words

The vocabulary may have `size` entries, since the table of vectors has that many rows. One lookup in a thousand fails.
"""


# %% exercise="known_words" points=1 withheld="torch.distributions"
def known_words(words: list, size: int) -> list:
    """Return a vocabulary of at most `size` entries.

    words    the training text, a list of str without "<unk>"
    size     at least 1
    returns  "<unk>" first, then the most frequent words; among equals whichever occurs first

    Example: known_words(["a", "b", "b", "c"], 3) is ["<unk>", "b", "a"].
    """
    ### BEGIN SOLUTION
    times = {}
    for word in words:
        times[word] = times.get(word, 0) + 1
    ranked = sorted(times, key=times.get, reverse=True)
    return ["<unk>", *ranked[: size - 1]]
    ### END SOLUTION
    ### BEGIN STARTER
    # times = {}
    # for word in words:
    #     times[word] = times.get(word, 0) + 1
    # ranked = sorted(times, key=times.get, reverse=True)
    # return ["<unk>", *ranked[:size]]
    ### END STARTER


# %% [markdown] hints="known_words"
r"""
1. How long is the list for `size` 3 and four different words?
2. `"<unk>"` needs a place, too.
3. `ranked[: …]`, one word fewer
"""


# %% cases="known_words" active="py"
def cases(seed):
    yield Case({"words": ["a", "b", "b", "c"], "size": 3}, note="the example")
    yield Case({"words": ["a", "b"], "size": 1}, note="room for one entry")
    yield Case({"words": ["b", "a", "a"], "size": 9}, note="more room than words")
    for i in range(3):
        ids = random_integers(seed + i, 0, 9, 30).tolist()
        yield Case({"words": ["abcdefghi"[j] for j in ids], "size": 4 + i}, note="random text")


# %% equivalents="known_words" active="py"
equivalents = {
    "times.get(word, 0) → times.get(word, -1)": "all counts are one less; the order is the same",
    "times.get(word, 0) → times.get(word, 1)": "all counts are one more; the order is the same",
    "times.get(word, 0) + 1 → times.get(word, 0) + 2": "all counts are doubled; the order is the same",
}


# %% mistake="known_words" name="unknown_lost" hint="The list is short enough now, but when it is full the last word should have gone, not '<unk>'." active="py"
def known_words(words, size, right=known_words):
    return right(words, size + 1)[1:]


# %% mistake="known_words" name="unknown_last" hint="'<unk>' is entry 0; you put it at the end." active="py"
def known_words(words, size, right=known_words):
    full = right(words, size)
    return [*full[1:], full[0]]


# %% mistake="known_words" name="alphabet" hint="Among words of equal frequency you go by the alphabet; whichever occurs first in the text goes first." active="py"
def known_words(words, size):
    return ["<unk>", *sorted(sorted(set(words)), key=words.count, reverse=True)[: size - 1]]


# %% [markdown]
r"""
### Find the bug · with_bytes · optional

Characters without an entry of their own are written as bytes. With accents everything goes well; with *≤* or *€* the ids do not fit the table.
"""


# %% exercise="with_bytes" points=1 optional=true withheld="torch.distributions"
def with_bytes(text: str, entries: dict) -> list:
    """Return the ids of a text, with bytes for the characters that have no entry.

    text     str
    entries  character → id, each 256 or more
    returns  list of int: the id of each known character; for any other the values (0 to 255) of
             its UTF-8 bytes

    Example: with_bytes("aé", {"a": 300}) is [300, 195, 169].
    """
    ### BEGIN SOLUTION
    ids = []
    for character in text:
        known = character in entries
        ids += [entries[character]] if known else list(character.encode("utf-8"))
    return ids
    ### END SOLUTION
    ### BEGIN STARTER
    # ids = []
    # for character in text:
    #     known = character in entries
    #     ids += [entries[character]] if known else [ord(character)]
    # return ids
    ### END STARTER


# %% [markdown] hints="with_bytes"
r"""
1. What is `ord("€")`, and how many bytes does UTF-8 need for it?
2. A code point is not a byte. Encode the character; iterating over the result gives numbers.
3. `list(character.encode(…))`
"""


# %% cases="with_bytes" active="py"
def cases(seed):
    yield Case({"text": "aé", "entries": {"a": 300}}, note="the example")
    yield Case({"text": "abba", "entries": {"a": 300, "b": 301}}, note="all known")
    for i in range(3):
        pick = random_integers(seed + i, 0, 8, 6).tolist()
        text = "".join("aé€≤bß漢c"[j] for j in pick) + "€"
        yield Case({"text": text, "entries": {"a": 300 + i, "b": 400, "ß": 500}}, note="random characters")


# %% mistake="with_bytes" name="modulo" hint="The ids fit now, but many characters share one: the text cannot be brought back." active="py"
def with_bytes(text, entries):
    return [entries.get(c, ord(c) % 256) for c in text]


# %% mistake="with_bytes" name="first_byte" hint="You kept the first byte of each character; é, for one, has two." active="py"
def with_bytes(text, entries):
    return [entries[c] if c in entries else c.encode()[0] for c in text]


# %% mistake="with_bytes" name="latin" hint="Windows-1252 has one byte for é and €, and none for ≤. The bytes asked for are those of UTF-8." active="py"
def with_bytes(text, entries):
    return [i for c in text for i in ([entries[c]] if c in entries else c.encode("cp1252", errors="replace"))]


# %% [markdown]
r"""
## 4 · Hunts: Counts · optional

Counting is easy, except at the borders. To read again: [03](03_ngrams.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · pairs_of_sentences · optional

A bigram model is trained on these counts. It never ends a sentence, and it likes to begin one in the middle.
"""


# %% exercise="pairs_of_sentences" points=1 optional=true withheld="torch.distributions"
def pairs_of_sentences(sentences: list) -> dict:
    """Count the pairs of neighbours in each sentence, its two ends included.

    sentences  list of lists of words; "<s>" is before each sentence, "</s>" after it
    returns    "first second" → how often the pair occurs, only pairs that do

    Example: pairs_of_sentences([["mice", "eat"]]) is {"<s> mice": 1, "mice eat": 1, "eat </s>": 1}.
    """
    ### BEGIN SOLUTION
    counts = {}
    for sentence in sentences:
        whole = ["<s>", *sentence, "</s>"]
        for i in range(len(whole) - 1):
            pair = " ".join(whole[i : i + 2])
            counts[pair] = counts.get(pair, 0) + 1
    return counts
    ### END SOLUTION
    ### BEGIN STARTER
    # counts = {}
    # whole = [word for sentence in sentences for word in sentence]
    # for i in range(len(whole) - 1):
    #     pair = " ".join(whole[i : i + 2])
    #     counts[pair] = counts.get(pair, 0) + 1
    # return counts
    ### END STARTER


# %% [markdown] hints="pairs_of_sentences"
r"""
1. Which pair is counted where one sentence ends and the next begins?
2. Take one sentence at a time, and put both marks around it first.
3. `whole = ["<s>", *sentence, "</s>"]` inside a loop over sentences
"""


# %% cases="pairs_of_sentences" active="py"
def cases(seed):
    yield Case({"sentences": [["mice", "eat"]]}, note="the example")
    yield Case({"sentences": [["mice", "eat"], ["mice", "sleep"]]}, note="two sentences")
    words = ["mice", "eat", "cats", "chase", "sleep"]
    for i in range(3):
        ids = random_integers(seed + i, 0, 5, 4, 3).tolist()
        yield Case({"sentences": [[words[j] for j in row[: 1 + k]] for k, row in enumerate(ids[:3])]}, note="random")


# %% mistake="pairs_of_sentences" name="no_end" hint="Sentences begin now, but none ends: the pair with '</s>' is missing." active="py"
def pairs_of_sentences(sentences, right=pairs_of_sentences):
    return {pair: n for pair, n in right(sentences).items() if "</s>" not in pair}


# %% mistake="pairs_of_sentences" name="no_start" hint="Sentences end now, but none begins: the pair with '<s>' is missing." active="py"
def pairs_of_sentences(sentences, right=pairs_of_sentences):
    return {pair: n for pair, n in right(sentences).items() if "<s>" not in pair}


# %% mistake="pairs_of_sentences" name="across" hint="The marks are there, and still there is a pair of the end of one sentence and the beginning of the next." active="py"
def pairs_of_sentences(sentences):
    whole = [word for sentence in sentences for word in ["<s>", *sentence, "</s>"]]
    pairs = [" ".join(whole[i : i + 2]) for i in range(len(whole) - 1)]
    return {pair: pairs.count(pair) for pair in pairs}


# %% [markdown]
r"""
### Find the bug · backed_off · optional

Scores of a large n-gram table. Words that were found only after dropping several words of context are preferred too much.
"""


# %% exercise="backed_off" points=1 optional=true withheld="torch.distributions"
def backed_off(counts: dict, context: list, word: str, factor: float = 0.4) -> float:
    """Return the score of a word by stupid backoff.

    counts   "w1 w2 …" → how often; "" → number of all words
    context  list of words, the oldest first; may be empty
    factor   by which the score is multiplied at each step to a shorter context
    returns  float: count with the word / count of the context, of the longest context with which
             the word was seen; 0.0 if it was never seen

    Example: backed_off({"": 10, "eat": 2, "mice": 4}, ["mice"], "eat") is 0.4 · 2/10 = 0.08.
    """
    ### BEGIN SOLUTION
    for dropped in range(len(context) + 1):
        history = context[dropped:]
        seen = counts.get(" ".join([*history, word]), 0)
        if seen:
            return factor**dropped * seen / counts[" ".join(history)]
    return 0.0
    ### END SOLUTION
    ### BEGIN STARTER
    # for dropped in range(len(context) + 1):
    #     history = context[dropped:]
    #     seen = counts.get(" ".join([*history, word]), 0)
    #     if seen:
    #         return (factor if dropped else 1.0) * seen / counts[" ".join(history)]
    # return 0.0
    ### END STARTER


# %% [markdown] hints="backed_off"
r"""
1. What is the score of a word that is found after two steps?
2. Each step multiplies once more.
3. `factor ** …`
"""


# %% cases="backed_off" active="py"
def cases(seed):
    small = {"": 10, "eat": 2, "mice": 4}
    yield Case({"counts": small, "context": ["mice"], "word": "eat"}, note="the example")
    yield Case({"counts": small, "context": ["mice"], "word": "fly"}, note="never seen")
    yield Case({"counts": small, "context": ["the", "mice"], "word": "eat"}, note="two steps")
    for i in range(3):
        a, b, c, d = random_integers(seed + i, 2, 40, 4).tolist()
        counts = {"": 200, "the": 90, "a": 50, "the a": a, "a b": c, "b": b + 20, "x the a": d, "the a b": 1}
        for context in (["x", "the", "a"], ["the", "a"], ["the", "c", "d"], ["the", "x", "a"]):
            yield Case({"counts": counts, "context": context, "word": "b", "factor": 0.3}, note="random counts")


# %% equivalents="backed_off" active="py"
equivalents = {"len(context) + 1 → len(context) + 2": "one more round asks the empty context once more"}


# %% mistake="backed_off" name="one_too_many" hint="Now the full context is discounted as well; without a step the factor is 1." active="py"
def backed_off(counts, context, word, factor=0.4, right=backed_off):
    return factor * right(counts, context, word, factor)


# %% mistake="backed_off" name="no_factor" hint="Without the factor a short context counts as much as a long one." active="py"
def backed_off(counts, context, word, factor=0.4, right=backed_off):
    return right(counts, context, word, 1.0)


# %% mistake="backed_off" name="by_length" hint="The power counts the words that are left; it should count those that were dropped." active="py"
def backed_off(counts, context, word, factor=0.4):
    for dropped in range(len(context) + 1):
        history = context[dropped:]
        seen = counts.get(" ".join([*history, word]), 0)
        if seen:
            return factor ** len(history) * seen / counts[" ".join(history)]
    return 0.0


# %% [markdown]
r"""
### Find the bug · word_at · optional

A word is drawn with a uniform number from 0 to 1. The first word never comes out.
"""


# %% exercise="word_at" points=1 optional=true withheld="torch.distributions"
def word_at(counts: dict, u: float) -> str:
    """Return the word that a uniform number stands for.

    counts   word → count, each at least 1; the words share the interval from 0 to 1 in this order,
             in proportion to their counts
    u        0 ≤ u < 1; each share holds its lower end, not its upper one
    returns  the word

    Example: with {"eat": 1, "sleep": 3} numbers below 0.25 give "eat", all others "sleep".
    """
    ### BEGIN SOLUTION
    total, upper = sum(counts.values()), 0
    for word, count in counts.items():
        upper += count
        if u < upper / total:
            return word
    return word
    ### END SOLUTION
    ### BEGIN STARTER
    # total, upper = sum(counts.values()), 0
    # for word, count in counts.items():
    #     if u < upper / total:
    #         return word
    #     upper += count
    # return word
    ### END STARTER


# %% [markdown] hints="word_at"
r"""
1. What is `upper` when the first word is asked?
2. Each word's share ends where its own count has been added.
3. `upper += count` comes first
"""


# %% cases="word_at" active="py"
def cases(seed):
    yield Case({"counts": {"eat": 1, "sleep": 3}, "u": 0.0}, note="the lower end")
    yield Case({"counts": {"eat": 1, "sleep": 3}, "u": 0.25}, note="the border belongs to the next word")
    yield Case({"counts": {"eat": 1, "sleep": 3}, "u": 0.9}, note="the last share")
    for i in range(4):
        numbers = random_integers(seed + i, 1, 9, 6).tolist()
        u = torch.rand((), generator=generator(seed + i)).item()
        yield Case({"counts": dict(zip("abcdef", numbers)), "u": u}, note="random counts")


# %% probe="word_at" active="py"
def probe(student, case):
    return [student(case["counts"], u) for u in (case["u"], case["u"] / 3, 1 - case["u"] / 2 - 0.01)]


# %% mistake="word_at" name="border" hint="At the border between two shares you take the word before it." active="py"
def word_at(counts, u):
    total, upper = sum(counts.values()), 0
    for word, count in counts.items():
        upper += count
        if u <= upper / total:
            return word
    return word


# %% mistake="word_at" name="not_added" hint="You compare with each word's own share; shares lie one behind the other." active="py"
def word_at(counts, u):
    for word, count in counts.items():
        if u < count / sum(counts.values()):
            return word
    return word


# %% mistake="word_at" name="counts" hint="You compare u, which is below 1, with counts, which are not: it is always the first word." active="py"
def word_at(counts, u):
    return next(iter(counts))


# %% [markdown]
r"""
## 5 · Hunts: Linear models, optimizers

Here the loss usually falls all the same. To read again: [04](04_linear_models.ipynb), [05](05_optimizers.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · fit_error

A linear model with one output is trained on this loss. It ends up predicting the mean, whatever the input.
"""


# %% exercise="fit_error" points=1 withheld="torch.distributions"
def fit_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean squared error.

    outputs  (N, 1) what the model says
    targets  (N,) what is true
    returns  ()

    Example: outputs [[1.], [2.]] and targets [1., 4.] give 2.0.
    """
    ### BEGIN SOLUTION
    errors = outputs.squeeze(1) - targets
    return errors.square().mean()
    ### END SOLUTION
    ### BEGIN STARTER
    # errors = outputs - targets
    # return errors.square().mean()
    ### END STARTER


# %% [markdown] hints="fit_error"
r"""
1. How many numbers does `errors` hold for N = 2?
2. (N, 1) − (N,) is (N, N): every output is compared with every target. Give both the same shape first.
3. `outputs.squeeze(…)`
"""


# %% cases="fit_error" active="py"
def cases(seed):
    yield Case({"outputs": torch.tensor([[1.0], [2.0]]), "targets": torch.tensor([1.0, 4.0])}, note="the example")
    yield Case({"outputs": torch.tensor([[3.0]]), "targets": torch.tensor([1.0])}, note="a single row")
    for i in range(3):
        x = random_tensor(seed + i, 4 + i, 1)
        yield Case({"outputs": x, "targets": random_tensor(seed + 9 + i, 4 + i)}, note="random")


# %% equivalents="fit_error" active="py"
equivalents = {"outputs.squeeze(1) - targets → targets - outputs.squeeze(1)": "the difference is squared"}


# %% mistake="fit_error" name="mean_first" hint="The targets' mean has the right shape, but then each output is compared with the mean." active="py"
def fit_error(outputs, targets):
    return (outputs.squeeze(1) - targets.mean()).square().mean()


# %% mistake="fit_error" name="summed" hint="The pairs are right; the result is a mean, so that it does not depend on N." active="py"
def fit_error(outputs, targets):
    return (outputs.squeeze(1) - targets).square().sum()


# %% mistake="fit_error" name="sorted" hint="You sorted before comparing. Each output belongs to the target of its own row." active="py"
def fit_error(outputs, targets):
    return (outputs.squeeze(1).sort().values - targets.sort().values).square().mean()


# %% [markdown]
r"""
### Find the bug · one_epoch · optional

Linear regression by mini-batch gradient descent. The loss falls without any noise, and smaller batches make nothing cheaper.
"""


# %% exercise="one_epoch" points=1 optional=true withheld="torch.distributions"
def one_epoch(x: Tensor, y: Tensor, weight: Tensor, batches: list, lr: float) -> Tensor:
    """Return the weights after one step of gradient descent for each batch.

    x        (N, D), y (N,), weight (D,) at the start; not changed
    batches  lists of row numbers, used in this order
    lr       step size. The loss of a batch is the mean of ½ (x·w − y)² over its rows
    returns  (D,)

    Example: x = [[1.], [1.]], y = [0., 4.], weight [0.], batches [[0], [1]], lr 0.5 give [2.].
    """
    ### BEGIN SOLUTION
    for rows in batches:
        errors = x[rows] @ weight - y[rows]
        weight = weight - lr * x[rows].T @ errors / len(rows)
    return weight
    ### END SOLUTION
    ### BEGIN STARTER
    # for rows in batches:
    #     errors = x @ weight - y
    #     weight = weight - lr * x.T @ errors / len(errors)
    # return weight
    ### END STARTER


# %% [markdown] hints="one_epoch"
r"""
1. What in the loop depends on `rows`?
2. A step sees its own rows only: in the prediction, in the target, in the product and in the mean.
3. `errors = x[rows] @ weight - …`
"""


# %% cases="one_epoch" active="py"
def cases(seed):
    x, y, w = torch.ones(2, 1), torch.tensor([0.0, 4.0]), torch.zeros(1)
    yield Case({"x": x, "y": y, "weight": w, "batches": [[0], [1]], "lr": 0.5}, note="the example")
    for i, batches in enumerate(([[4, 1], [0, 3]], [[2], [5, 0, 1], [3, 4]], [[1, 3, 5]])):
        case = {"x": random_tensor(seed + i, 6, 3), "y": random_tensor(seed + 7 + i, 6)}
        yield Case(case | {"weight": random_tensor(seed + i, 3), "batches": batches, "lr": 0.2}, note="random")


# %% equivalents="one_epoch" active="py"
equivalents = {"return weight → return detached(weight)": "no gradient is asked for"}


# %% mistake="one_epoch" name="mean_of_all" hint="The rows are right, but you divide by N instead of the rows of the batch: the steps are too short." active="py"
def one_epoch(x, y, weight, batches, lr, right=one_epoch):
    for rows in batches:
        weight = right(x, y, weight, [rows], lr * len(rows) / len(x))
    return weight


# %% mistake="one_epoch" name="old_weights" hint="All batches start from the first weights; each goes on where the last one ended." active="py"
def one_epoch(x, y, weight, batches, lr, right=one_epoch):
    return weight + sum(right(x, y, weight, [rows], lr) - weight for rows in batches)


# %% mistake="one_epoch" name="batch_summed" hint="That is the sum over the rows of a batch; its mean was asked for." active="py"
def one_epoch(x, y, weight, batches, lr, right=one_epoch):
    for rows in batches:
        weight = right(x, y, weight, [rows], lr * len(rows))
    return weight


# %% [markdown]
r"""
### Find the bug · heat_then_cool · optional

The learning rate climbs, and at the end of the climb it drops by a jump.
"""


# %% exercise="heat_then_cool" points=1 optional=true withheld="torch.distributions"
def heat_then_cool(step: int, warmup: int, total: int, peak: float) -> float:
    """Return the learning rate of a step: a linear climb, then a linear descent.

    step     0 … total
    warmup   at this step the rate is `peak`; 0 < warmup < total
    total    at this step it is 0
    peak     the highest rate
    returns  float

    Example: with warmup 10, total 110 and peak 1.0 it is 0.5 at step 5 and at step 60.
    """
    ### BEGIN SOLUTION
    if step < warmup:
        return peak * step / warmup
    return peak * (total - step) / (total - warmup)
    ### END SOLUTION
    ### BEGIN STARTER
    # if step < warmup:
    #     return peak * step / warmup
    # return peak * (1 - step / total)
    ### END STARTER


# %% [markdown] hints="heat_then_cool"
r"""
1. What does the last line say for `step = warmup`?
2. The descent begins at warmup, and has total − warmup steps to reach 0.
3. `(total - step) / …`
"""


# %% cases="heat_then_cool" active="py"
def cases(seed):
    for step in (5, 60, 0, 10, 110):
        yield Case({"step": step, "warmup": 10, "total": 110, "peak": 1.0}, note=f"step {step} of 110")
    for i in range(4):
        warmup, more, step = random_integers(seed + i, 3, 40, 3).tolist()
        sizes = {"warmup": warmup, "total": warmup + more, "peak": 0.3 + i}
        yield Case({"step": min(step, warmup + more)} | sizes, note="random")
        yield Case({"step": warmup + more // 2} | sizes, note="random, in the descent")


# %% equivalents="heat_then_cool" active="py"
equivalents = {"step < warmup → step <= warmup": "both lines give the peak at step = warmup"}


# %% mistake="heat_then_cool" name="past_zero" hint="The jump is gone, but the descent takes `total` steps: it is not at 0 in the end." active="py"
def heat_then_cool(step, warmup, total, peak):
    return peak * step / warmup if step < warmup else peak * (1 - (step - warmup) / total)


# %% mistake="heat_then_cool" name="slower_climb" hint="You moved the jump away by a slower climb. The peak is reached at `warmup`." active="py"
def heat_then_cool(step, warmup, total, peak):
    return peak * (1 - warmup / total) * step / warmup if step < warmup else peak * (1 - step / total)


# %% [markdown]
r"""
### Find the bug · to_be_decayed · optional

Weight decay is to shrink matrices only. The gains of the norms shrink as well.
"""


# %% exercise="to_be_decayed" points=1 optional=true withheld="torch.distributions"
def to_be_decayed(shapes: dict) -> list:
    """Return the names of the parameters that weight decay applies to, in the order of `shapes`.

    shapes   name → list of sizes; matrices and larger are decayed; scalars and vectors (biases, the
             gains of norms), whatever they are called, are not
    returns  list of str

    Example: {"mix.weight": [4, 4], "mix.bias": [4], "norm.weight": [4]} gives ["mix.weight"].
    """
    ### BEGIN SOLUTION
    chosen = []
    for name, sizes in shapes.items():
        if len(sizes) >= 2:
            chosen.append(name)
    return chosen
    ### END SOLUTION
    ### BEGIN STARTER
    # chosen = []
    # for name, sizes in shapes.items():
    #     if name.endswith("weight") and sizes:
    #         chosen.append(name)
    # return chosen
    ### END STARTER


# %% [markdown] hints="to_be_decayed"
r"""
1. What distinguishes the weight of a norm from that of a linear layer, if not the name?
2. Names are a habit of whoever wrote the model. Ask the number of dimensions.
3. `if len(sizes) >= …`
"""


# %% cases="to_be_decayed" active="py"
def cases(seed):
    small = {"mix.weight": [4, 4], "mix.bias": [4], "norm.weight": [4]}
    yield Case({"shapes": small}, note="the example")
    yield Case({"shapes": {"table": [9, 4], "ln_f.gain": [4], "scale": []}}, note="other names")
    names = ["norm_in", "up.bias", "a.weight", "n.weight", "rms.gain", "experts", "table", "temperature"]
    for i in range(4):
        dims = random_integers(seed + i, 0, 4, 8).tolist()
        dims[-1] = 2
        yield Case({"shapes": {n: [3 + i] * d for n, d in zip(names, dims)}}, note="random shapes")


# %% mistake="to_be_decayed" name="by_name" hint="A norm need not have 'norm' in its name, and a matrix need not end in 'weight'." active="py"
def to_be_decayed(shapes):
    return [n for n, s in shapes.items() if n.endswith("weight") and "norm" not in n]


# %% mistake="to_be_decayed" name="not_bias" hint="Without the biases there are still the vectors of the norms." active="py"
def to_be_decayed(shapes):
    return [n for n, s in shapes.items() if s and not n.endswith("bias")]


# %% mistake="to_be_decayed" name="matrices_only" hint="A table with three dimensions, such as the weights of several experts, is decayed as well." active="py"
def to_be_decayed(shapes):
    return [n for n, s in shapes.items() if len(s) == 2]


# %% [markdown]
r"""
### Find the bug · ranking

Which optimizer is best? Each was tried at several learning rates, each rate with several seeds. The ranking changes whenever one more seed is tried.
"""


# %% exercise="ranking" points=1 withheld="torch.distributions"
def ranking(results: dict) -> list:
    """Return the optimizers, the best first, each at the rate that suits it on average.

    results  name → for each learning rate a list of final losses, one a seed
    returns  list of str; no two are equally good

    Example: {"a": [[1., 5.], [9., 9.]], "b": [[2., 2.], [8., 8.]]} gives ["b", "a"].
    """
    ### BEGIN SOLUTION
    best = {}
    for name, rates in results.items():
        best[name] = min(sum(losses) / len(losses) for losses in rates)
    return sorted(best, key=best.get)
    ### END SOLUTION
    ### BEGIN STARTER
    # best = {}
    # for name, rates in results.items():
    #     best[name] = min(min(losses) for losses in rates)
    # return sorted(best, key=best.get)
    ### END STARTER


# %% [markdown] hints="ranking"
r"""
1. In the example, why would “a” win, and does it deserve to?
2. The rate may be chosen; luck may not. Average over the seeds, then take the best rate.
3. `min(sum(losses) / … for losses in rates)`
"""


# %% cases="ranking" active="py"
def cases(seed):
    small = {"a": [[1.0, 5.0], [9.0, 9.0]], "b": [[2.0, 2.0], [8.0, 8.0]]}
    yield Case({"results": small}, note="the example")
    yield Case({"results": {"a": [[9.0, 9.0], [1.0]], "b": [[2.0, 2.0]]}}, note="another number of rates and seeds")
    for i in range(6):
        x = random_tensor(seed + i, 5, 3, 4).exp().tolist()
        x[0][1] = x[0][1][:2]
        yield Case({"results": dict(zip(["sgd", "momentum", "rmsprop", "adam", "muon"], x))}, note="random losses")


# %% equivalents="ranking" active="py"
equivalents = {"sorted(best, key=best.get) → sorted([*best][::-1], key=best.get)": "no two are equally good"}


# %% mistake="ranking" name="same_rate" hint="You compare all at the first rate. What suits one is too small for another." active="py"
def ranking(results):
    return sorted(results, key=lambda n: sum(results[n][0]) / len(results[n][0]))


# %% mistake="ranking" name="all_rates" hint="You averaged over the rates as well: an optimizer should not suffer for a rate that nobody would use." active="py"
def ranking(results):
    return sorted(results, key=lambda n: sum(sum(r) / len(r) for r in results[n]) / len(results[n]))


# %% mistake="ranking" name="worst_seed" hint="The worst seed is no better a judge than the luckiest one; take the mean." active="py"
def ranking(results):
    return sorted(results, key=lambda n: min(max(r) for r in results[n]))


# %% mistake="ranking" name="summed" hint="Rates with fewer seeds win by having fewer losses to add. Take the mean." active="py"
def ranking(results):
    return sorted(results, key=lambda n: min(sum(r) for r in results[n]))


# %% [markdown]
r"""
### Find the bug · smoothed · optional

A loss curve is smoothed by a running mean that starts at 0, so its beginning has to be corrected. The end of the smoothed curve is right; its beginning is near 0.
"""


# %% exercise="smoothed" points=1 optional=true withheld="torch.distributions"
def smoothed(values: list, beta: float) -> list:
    """Return the running means of a list of numbers, corrected for the start at 0.

    values   numbers, v₁ first
    beta     0 ≤ beta < 1; the mean is m ← beta · m + (1 − beta) · v, with m = 0 at first
    returns  after each number, mₜ / (1 − betaᵗ)

    Example: smoothed([2.0, 2.0, 2.0], 0.9) is [2.0, 2.0, 2.0].
    """
    ### BEGIN SOLUTION
    mean, curve = 0.0, []
    for t, value in enumerate(values, 1):
        mean = beta * mean + (1 - beta) * value
        curve.append(mean / (1 - beta**t))
    return curve
    ### END SOLUTION
    ### BEGIN STARTER
    # mean, curve = 0.0, []
    # for value in values:
    #     mean = beta * mean + (1 - beta) * value
    #     curve.append(mean)
    # return [mean / (1 - beta ** len(values)) for mean in curve]
    ### END STARTER


# %% [markdown] hints="smoothed"
r"""
1. By which number is the first mean divided, and by which should it be?
2. Each mean has its own correction, by the number of values that it has seen.
3. `curve.append(mean / (1 - beta**…))`, with t from `enumerate(values, 1)`
"""


# %% cases="smoothed" active="py"
def cases(seed):
    yield Case({"values": [2.0, 2.0, 2.0], "beta": 0.9}, note="the example")
    yield Case({"values": [1.0, 3.0], "beta": 0.0}, note="no memory")
    for i in range(3):
        yield Case({"values": random_tensor(seed + i, 5 + i).tolist(), "beta": 0.5 + 0.2 * i}, note="random")


# %% mistake="smoothed" name="kept" hint="The corrected mean went into the next step. Correct what is shown, and keep m as it is." active="py"
def smoothed(values, beta):
    mean, curve = 0.0, []
    for t, value in enumerate(values, 1):
        mean = (beta * mean + (1 - beta) * value) / (1 - beta**t)
        curve.append(mean)
    return curve


# %% mistake="smoothed" name="uncorrected" hint="Without the correction the curve starts near 0, whatever the first number is." active="py"
def smoothed(values, beta, right=smoothed):
    return [m * (1 - beta ** (t + 1)) for t, m in enumerate(right(values, beta))]


# %% mistake="smoothed" name="one_step_late" hint="The power is one too high: after the first number it is betaᵗ with t = 1." active="py"
def smoothed(values, beta, right=smoothed):
    return [m * (1 - beta ** (t + 1)) / (1 - beta ** (t + 2)) for t, m in enumerate(right(values, beta))]


# %% mistake="smoothed" name="constant" hint="You divide by 1 − beta at every step. The start matters less and less, so the power grows with t." active="py"
def smoothed(values, beta, right=smoothed):
    return [m * (1 - beta ** (t + 1)) / (1 - beta) for t, m in enumerate(right(values, beta))]


# %% [markdown]
r"""
## 6 · Hunts: Regularization · optional

What is shrunk, by how much, and when? To read again: [06](06_regularization.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · penalty_step · optional

Plain gradient descent with an L2 penalty, written as weight decay. A colleague writes the penalty into the loss, and gets other weights.
"""


# %% exercise="penalty_step" points=1 optional=true withheld="torch.distributions"
def penalty_step(weight: Tensor, grad: Tensor, lr: float, strength: float) -> Tensor:
    """Return the weights after one step of gradient descent on loss + strength · ‖w‖².

    weight    (D,) before the step; not changed
    grad      (D,) gradient of the loss alone, at `weight`
    lr        step size
    strength  of the penalty, the sum of the squares of the weights
    returns   (D,)

    Example: weight [1.], grad [0.], lr 0.1 and strength 0.5 give [0.9].
    """
    ### BEGIN SOLUTION
    decayed = weight * (1 - 2 * lr * strength)
    return decayed - lr * grad
    ### END SOLUTION
    ### BEGIN STARTER
    # decayed = weight * (1 - lr * strength)
    # return decayed - lr * grad
    ### END STARTER


# %% [markdown] hints="penalty_step"
r"""
1. What is the derivative of strength · w²?
2. It is 2 · strength · w; only a penalty with ½ in front gives the decay without a 2.
3. `1 - 2 * …`
"""


# %% cases="penalty_step" active="py"
def cases(seed):
    one = {"weight": torch.ones(1), "grad": torch.zeros(1)}
    yield Case(one | {"lr": 0.1, "strength": 0.5}, note="the example")
    for i in range(3):
        case = {"weight": random_tensor(seed + i, 4), "grad": random_tensor(seed + 7 + i, 4)}
        yield Case(case | {"lr": 0.1 + 0.05 * i, "strength": 0.3 + i}, note="random")


# %% equivalents="penalty_step" active="py"
equivalents = {"return decayed - lr * grad → return detached(decayed - lr * grad)": "no gradient is asked for"}


# %% mistake="penalty_step" name="squared" hint="The derivative of w² is 2 w; you left the square in." active="py"
def penalty_step(weight, grad, lr, strength):
    return weight - lr * (grad + strength * weight.square())


# %% mistake="penalty_step" name="without_lr" hint="The decay does not depend on the step size here; as part of the gradient it is multiplied by lr." active="py"
def penalty_step(weight, grad, lr, strength):
    return weight * (1 - 2 * strength) - lr * grad


# %% mistake="penalty_step" name="after_the_step" hint="The 2 is right, but the gradient is decayed as well: decay the old weights." active="py"
def penalty_step(weight, grad, lr, strength):
    return (weight - lr * grad) * (1 - 2 * lr * strength)


# %% [markdown]
r"""
### Find the bug · at_test_time · optional

A network was trained with classical dropout: in training each hidden unit was set to 0 with probability p, and nothing was rescaled. At test time its outputs are far too small.
"""


# %% exercise="at_test_time" points=1 optional=true withheld="torch.distributions"
def at_test_time(hidden: Tensor, weight: Tensor, p: float) -> Tensor:
    """Return the outputs of the layer after a classical dropout, at test time.

    hidden   (B, H) all units are there
    weight   (O, H) learned with units missing
    p        the probability with which a unit was set to 0 in training, 0 ≤ p < 1
    returns  (B, O), on average what the layer's outputs were in training

    Example: hidden [[1., 1.]], weight [[1., 1.]] and p = 0.1 give [[1.8]].
    """
    ### BEGIN SOLUTION
    expected = (1 - p) * hidden
    return expected @ weight.T
    ### END SOLUTION
    ### BEGIN STARTER
    # expected = p * hidden
    # return expected @ weight.T
    ### END STARTER


# %% [markdown] hints="at_test_time"
r"""
1. With p = 0.1, how many of ten units contributed in training?
2. Scale by the probability that a unit was kept.
3. `(1 - p) * …`
"""


# %% cases="at_test_time" active="py"
def cases(seed):
    yield Case({"hidden": torch.ones(1, 2), "weight": torch.ones(1, 2), "p": 0.1}, note="the example")
    yield Case({"hidden": torch.ones(1, 2), "weight": torch.ones(1, 2), "p": 0.0}, note="no dropout")
    for i in range(3):
        case = {"hidden": random_tensor(seed + i, 2, 4), "weight": random_tensor(seed + 7 + i, 3, 4)}
        yield Case(case | {"p": 0.2 + 0.3 * i}, note="random")


# %% mistake="at_test_time" name="inverted" hint="Division by 1 − p belongs to inverted dropout, and there to training. Here units were missing and now all are there." active="py"
def at_test_time(hidden, weight, p):
    return hidden / (1 - p) @ weight.T


# %% mistake="at_test_time" name="unscaled" hint="Unscaled, all units together give more than the weights were trained for." active="py"
def at_test_time(hidden, weight, p):
    return hidden @ weight.T


# %% [markdown]
r"""
### Find the bug · ridge_with_intercept · optional

Ridge regression with an intercept. The stronger the penalty, the more all predictions move towards 0, even those of the mean input.
"""


# %% exercise="ridge_with_intercept" points=1 optional=true withheld="torch.distributions"
def ridge_with_intercept(x: Tensor, y: Tensor, alpha: float) -> Tensor:
    """Return the coefficients of ridge regression; the intercept is not penalised.

    x        (N, D), y (N,) in float64
    alpha    > 0; the loss is ‖y − Xw − b‖² + alpha · ‖w‖²
    returns  (D + 1,): w, and b as the last number

    Example: x = [[-1.], [1.]], y = [9., 11.] and alpha 2 give [0.5, 10.].
    """
    ### BEGIN SOLUTION
    wide = torch.cat([x, x.new_ones(len(x), 1)], dim=1)
    penalty = alpha * torch.eye(wide.size(1), dtype=x.dtype)
    penalty[-1, -1] = 0
    return torch.linalg.solve(wide.T @ wide + penalty, wide.T @ y)
    ### END SOLUTION
    ### BEGIN STARTER
    # wide = torch.cat([x, x.new_ones(len(x), 1)], dim=1)
    # penalty = alpha * torch.eye(wide.size(1), dtype=x.dtype)
    # return torch.linalg.solve(wide.T @ wide + penalty, wide.T @ y)
    ### END STARTER


# %% [markdown] hints="ridge_with_intercept"
r"""
1. Which entry of `penalty` belongs to the column of ones?
2. The last entry of the diagonal must not pull b towards 0.
3. `penalty[-1, -1] = …`
"""


# %% cases="ridge_with_intercept" active="py"
def cases(seed):
    x, y = torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([9.0, 11.0]).double()
    yield Case({"x": x, "y": y, "alpha": 2.0}, note="the example")
    for i in range(3):
        x, y = random_tensor(seed + i, 7, 2 + i).double() + 1, random_tensor(seed + 9 + i, 7).double() + 5
        yield Case({"x": x, "y": y, "alpha": 0.5 + 3 * i}, note="random")


# %% mistake="ridge_with_intercept" name="no_intercept" hint="Without the column of ones the line must go through 0." active="py"
def ridge_with_intercept(x, y, alpha):
    w = torch.linalg.solve(x.T @ x + alpha * torch.eye(x.size(1), dtype=x.dtype), x.T @ y)
    return torch.cat([w, w.new_zeros(1)])


# %% mistake="ridge_with_intercept" name="mean_of_y" hint="The mean of y is the intercept only where the columns of x have mean 0." active="py"
def ridge_with_intercept(x, y, alpha):
    w = torch.linalg.solve(x.T @ x + alpha * torch.eye(x.size(1), dtype=x.dtype), x.T @ (y - y.mean()))
    return torch.cat([w, y.mean()[None]])


# %% mistake="ridge_with_intercept" name="first_free" hint="You freed the first coefficient; the column of ones is the last." active="py"
def ridge_with_intercept(x, y, alpha):
    wide = torch.cat([x, x.new_ones(len(x), 1)], dim=1)
    penalty = alpha * torch.eye(wide.size(1), dtype=x.dtype)
    penalty[0, 0] = 0
    return torch.linalg.solve(wide.T @ wide + penalty, wide.T @ y)


# %% [markdown]
r"""
### Find the bug · kept_features · optional

How many of the features did the lasso keep? The report says 4; a colleague counts 9.
"""


# %% exercise="kept_features" points=1 optional=true withheld="torch.distributions"
def kept_features(coefficients: Tensor, tolerance: float = 1e-6) -> Tensor:
    """Return how many coefficients of each model are not 0.

    coefficients  (M, D) of M models
    tolerance     whatever is not larger than this in absolute value counts as 0
    returns       (M,) int64

    Example: kept_features(torch.tensor([[2.0, -3.0, 0.0]])) is [2].
    """
    ### BEGIN SOLUTION
    kept = coefficients.abs() > tolerance
    return kept.sum(-1)
    ### END SOLUTION
    ### BEGIN STARTER
    # kept = coefficients > tolerance
    # return kept.sum(-1)
    ### END STARTER


# %% [markdown] hints="kept_features"
r"""
1. Which coefficient of the example is not counted?
2. A feature with a negative weight is in use. Compare absolute values.
3. `coefficients.abs() > …`
"""


# %% cases="kept_features" active="py"
def cases(seed):
    yield Case({"coefficients": torch.tensor([[2.0, -3.0, 0.0]])}, note="the example")
    yield Case({"coefficients": torch.tensor([[2.0, -3.0, 1e-9]])}, note="almost 0")
    yield Case({"coefficients": torch.tensor([[2.0, -3.0, 0.5]]), "tolerance": 0.5}, note="exactly the tolerance")
    for i in range(3):
        w = random_tensor(seed + i, 3, 9 + i)
        yield Case({"coefficients": w * (w.abs() > 0.4), "tolerance": 0.1 + 0.5 * i}, note="random")


# %% mistake="kept_features" name="not_equal" hint="With != nothing is close enough to 0; the tolerance is part of the question." active="py"
def kept_features(coefficients, tolerance=1e-6):
    return (coefficients != 0).sum(-1)


# %% mistake="kept_features" name="squared" hint="A square is compared with a tolerance that was meant for the number itself." active="py"
def kept_features(coefficients, tolerance=1e-6):
    return (coefficients.square() > tolerance).sum(-1)


# %% mistake="kept_features" name="of_all" hint="One count for all models together; each has its own." active="py"
def kept_features(coefficients, tolerance=1e-6, right=kept_features):
    return right(coefficients, tolerance).sum()


# %% [markdown]
r"""
## 7 · Hunts: Word vectors · optional

Means and ratios of counts. To read again: [07](07_embeddings.ipynb), [08](08_neural_ngrams.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · associations · optional

Positive pointwise mutual information of words and contexts. With these counts every entry is 0; with counts divided by 1,000 most are large.
"""


# %% exercise="associations" points=1 optional=true withheld="course_lib.embeddings.cooccurrence.ppmi"
def associations(counts: Tensor) -> Tensor:
    """Return max(0, log(p(word, context) / (p(word) p(context)))) for a table of counts.

    counts   (V, C) ≥ 0; every row and every column has a count
    returns  (V, C) in nats; pairs never seen give 0

    Example: counts [[2., 0.], [0., 2.]] give ln 2 on the diagonal and 0 elsewhere.
    """
    ### BEGIN SOLUTION
    total = counts.sum()
    words, contexts = counts.sum(1, keepdim=True), counts.sum(0, keepdim=True)
    return (counts * total / (words * contexts)).log().clamp(min=0)
    ### END SOLUTION
    ### BEGIN STARTER
    # words, contexts = counts.sum(1, keepdim=True), counts.sum(0, keepdim=True)
    # return (counts / (words * contexts)).log().clamp(min=0)
    ### END STARTER


# %% [markdown] hints="associations"
r"""
1. Three probabilities come from counts. By what is each divided?
2. One total is above the fraction bar and two below it; one of the two remains, above.
3. `counts * total / …`
"""


# %% cases="associations" active="py"
def cases(seed):
    yield Case({"counts": torch.tensor([[2.0, 0.0], [0.0, 2.0]])}, note="the example")
    for i in range(3):
        counts = random_integers(seed + i, 0, 6, 4, 3 + i).float() + torch.eye(4, 3 + i)
        counts[0] += 1
        yield Case({"counts": counts}, note="random counts")


# %% equivalents="associations" active="py"
equivalents = {"counts.sum(0, keepdim=True) → counts.sum(0)": "(C,) broadcasts as (1, C) does"}


# %% mistake="associations" name="squared_total" hint="A total too many: two of the three cancel to one." active="py"
def associations(counts):
    independent = counts.sum(1, keepdim=True) * counts.sum(0, keepdim=True)
    return (counts * counts.sum() ** 2 / independent).log().clamp(min=0)


# %% mistake="associations" name="one_added" hint="The logarithm of 1 + the ratio is positive even where a pair is rarer than chance." active="py"
def associations(counts):
    return (counts * counts.sum() / (counts.sum(1, keepdim=True) * counts.sum(0, keepdim=True))).log1p()


# %% mistake="associations" name="negative_too" hint="The scale is right; rarer than chance, and never seen, count 0." active="py"
def associations(counts):
    independent = counts.sum(1, keepdim=True) * counts.sum(0, keepdim=True)
    return (counts * counts.sum() / independent).log()


# %% [markdown]
r"""
### Find the bug · looked_up · optional

The vector of a word is the mean of its pieces' vectors. Short words come out with small vectors.
"""


# %% exercise="looked_up" points=1 optional=true withheld="torch.distributions"
def looked_up(table: Tensor, pieces: list) -> Tensor:
    """Return for each word the mean of the vectors of its pieces.

    table    (V, D)
    pieces   N words, each a list of at least one row number of the table
    returns  (N, D)

    Example: table [[2.], [4.]] and pieces [[0], [0, 1]] give [[2.], [3.]].
    """
    ### BEGIN SOLUTION
    sums = torch.zeros(len(pieces), table.size(1))
    for i, rows in enumerate(pieces):
        sums[i] = table[rows].sum(0) / len(rows)
    return sums
    ### END SOLUTION
    ### BEGIN STARTER
    # longest = max(len(rows) for rows in pieces)
    # sums = torch.zeros(len(pieces), table.size(1))
    # for i, rows in enumerate(pieces):
    #     sums[i] = table[rows].sum(0) / longest
    # return sums
    ### END STARTER


# %% [markdown] hints="looked_up"
r"""
1. In the example, by what is the vector of the first word divided?
2. A mean goes over what is there, not over what there could be.
3. `/ len(…)`
"""


# %% cases="looked_up" active="py"
def cases(seed):
    yield Case({"table": torch.tensor([[2.0], [4.0]]), "pieces": [[0], [0, 1]]}, note="the example")
    for i in range(3):
        pieces = [random_integers(seed + 5 * i + j, 0, 6, n).tolist() for j, n in enumerate((2, 1, 4 + i, 3))]
        yield Case({"table": random_tensor(seed + i, 6, 3), "pieces": [*pieces, [1, 1, 2]]}, note="random")


# %% equivalents="looked_up" active="py"
equivalents = {
    "torch.zeros(len(pieces), table.size(1)) → torch.ones(len(pieces), table.size(1))": "every row is overwritten",
}


# %% mistake="looked_up" name="sums" hint="Long words have large vectors now. It is the mean that was asked for." active="py"
def looked_up(table, pieces):
    return torch.stack([table[rows].sum(0) for rows in pieces])


# %% mistake="looked_up" name="different_pieces" hint="A piece that occurs twice counts twice." active="py"
def looked_up(table, pieces):
    return torch.stack([table[sorted(set(rows))].mean(0) for rows in pieces])


# %% mistake="looked_up" name="largest" hint="You took the largest number of each coordinate; the mean was asked for." active="py"
def looked_up(table, pieces):
    return torch.stack([table[rows].amax(0) for rows in pieces])


# %% [markdown]
r"""
## 8 · Hunts: Recurrent networks

A batch of texts of different length is where these go wrong. To read again: [09](09_rnn.ipynb), [10](10_lstm.ipynb), [11](11_seq2seq.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · may_grow

In which of these linear recurrences can a gradient grow? For some that are said to be safe, one is found that does.
"""


# %% exercise="may_grow" points=1 withheld="torch.distributions"
def may_grow(recurrent: Tensor) -> Tensor:
    """Return for each matrix whether one step can make some gradient longer.

    recurrent  (M, H, H) M recurrent matrices W; a step back turns a gradient g into Wᵀ g
    returns    (M,) bool: there is a g with ‖Wᵀ g‖ > ‖g‖

    Example: [[[0., 2.], [0., 0.]]] gives [True]: the gradient (1, 0) becomes (0, 2).
    """
    ### BEGIN SOLUTION
    factor = torch.linalg.svdvals(recurrent).amax(-1)
    return factor > 1
    ### END SOLUTION
    ### BEGIN STARTER
    # factor = torch.linalg.eigvals(recurrent).abs().amax(-1)
    # return factor > 1
    ### END STARTER


# %% [markdown] hints="may_grow"
r"""
1. Which eigenvalues has the matrix of the example?
2. Eigenvalues say what becomes of eigenvectors. The largest stretch of any vector is the largest singular value.
3. `torch.linalg.svdvals(recurrent)`
"""


# %% cases="may_grow" active="py"
def cases(seed):
    yield Case({"recurrent": torch.tensor([[[0.0, 2.0], [0.0, 0.0]]])}, note="the example")
    yield Case({"recurrent": torch.diag(torch.tensor([0.9, -0.8]))[None]}, note="a diagonal matrix")
    yield Case({"recurrent": torch.eye(2)[None]}, note="nothing changes")
    yield Case({"recurrent": torch.eye(3)[None] * torch.tensor([0.6, 1.25])[:, None, None]}, note="all alike")
    for i in range(3):
        noise = random_tensor(seed + i, 12, 3, 3)
        wanted = torch.rand(12, 1, 1, generator=generator(seed + i)) * 1.6 + 0.1
        wanted = torch.where((wanted - 1).abs() < 0.02, 1.1, wanted)
        yield Case({"recurrent": noise / torch.linalg.svdvals(noise).amax(-1)[:, None, None] * wanted}, note="random")


# %% equivalents="may_grow" active="py"
equivalents = {"return factor > 1 → return detached(factor > 1)": "a bool has no gradient"}


# %% mistake="may_grow" name="frobenius" hint="The square root of the sum of all squares is above 1 for many matrices that lengthen nothing." active="py"
def may_grow(recurrent):
    return recurrent.square().sum((-2, -1)).sqrt() > 1


# %% mistake="may_grow" name="largest_entry" hint="The largest entry says little: many small entries can add up." active="py"
def may_grow(recurrent):
    return recurrent.abs().amax((-2, -1)) > 1


# %% mistake="may_grow" name="every_gradient" hint="You ask whether every gradient grows; it is enough that one does." active="py"
def may_grow(recurrent):
    return torch.linalg.svdvals(recurrent).amin(-1) > 1


# %% [markdown]
r"""
### Find the bug · last_states · optional

Texts of different length were padded at the end and read by an RNN. What the classifier sees of the short ones hardly depends on their words.
"""


# %% exercise="last_states" points=1 optional=true withheld="torch.distributions"
def last_states(states: Tensor, lengths: Tensor) -> Tensor:
    """Return the state of each text after its last real token.

    states   (B, T, H) after each token, padding included
    lengths  (B,) int64, real tokens of each text, 1 … T; padding is at the end
    returns  (B, H)

    Example: states [[[1.], [2.], [3.]]] and lengths [2] give [[2.]].
    """
    ### BEGIN SOLUTION
    texts = torch.arange(len(states), device=states.device)
    return states[texts, lengths - 1]
    ### END SOLUTION
    ### BEGIN STARTER
    # texts = torch.arange(len(states), device=states.device)
    # return states[texts, -1]
    ### END STARTER


# %% [markdown] hints="last_states"
r"""
1. Which token was read just before the state that is returned for a short text?
2. Each text has its own last place, and places count from 0.
3. `states[texts, lengths - …]`
"""


# %% cases="last_states" active="py"
def cases(seed):
    one = torch.tensor([[[1.0], [2.0], [3.0]]])
    yield Case({"states": one, "lengths": torch.tensor([2])}, note="the example")
    yield Case({"states": one, "lengths": torch.tensor([3])}, note="no padding")
    for i in range(3):
        lengths = random_integers(seed + i, 1, 5, 4)
        lengths[0], lengths[1] = 1, 4
        yield Case({"states": random_tensor(seed + i, 4, 5 + i, 3), "lengths": lengths}, note="random")


# %% mistake="last_states" name="one_after" hint="Places count from 0: a text of length n ends at place n − 1." active="py"
def last_states(states, lengths):
    return states[torch.arange(len(states)), lengths.clamp(max=states.size(1) - 1)]


# %% mistake="last_states" name="longest" hint="One place for all texts: the last one of the longest." active="py"
def last_states(states, lengths):
    return states[:, lengths.max() - 1]


# %% mistake="last_states" name="mean" hint="You averaged over the real tokens; the last state was asked for." active="py"
def last_states(states, lengths):
    return torch.stack([s[:n].mean(0) for s, n in zip(states, lengths)])


# %% [markdown]
r"""
### Find the bug · turned_around · optional

The backward half of a bidirectional RNN reads this. Long texts are classified well, short ones badly.
"""


# %% exercise="turned_around" points=1 optional=true withheld="torch.distributions"
def turned_around(ids: Tensor, lengths: Tensor) -> Tensor:
    """Return each text back to front; the padding stays where it is.

    ids      (B, T) token ids, padding at the end; not changed
    lengths  (B,) int64, real tokens of each text, 1 … T
    returns  (B, T)

    Example: ids [[5, 6, 0]] and lengths [2] give [[6, 5, 0]].
    """
    ### BEGIN SOLUTION
    turned = ids.clone()
    for i, n in enumerate(lengths.tolist()):
        turned[i, :n] = ids[i, :n].flip(0)
    return turned
    ### END SOLUTION
    ### BEGIN STARTER
    # turned = ids.clone()
    # for i in range(len(ids)):
    #     turned[i] = ids[i].flip(0)
    # return turned
    ### END STARTER


# %% [markdown] hints="turned_around"
r"""
1. What does the backward RNN read first in a text that is shorter than the others?
2. Turn the first n tokens of row i, and leave the rest.
3. `turned[i, :n] = ids[i, …].flip(0)`
"""


# %% cases="turned_around" active="py"
def cases(seed):
    yield Case({"ids": torch.tensor([[5, 6, 0]]), "lengths": torch.tensor([2])}, note="the example")
    yield Case({"ids": torch.tensor([[5, 6, 7]]), "lengths": torch.tensor([3])}, note="no padding")
    for i in range(3):
        lengths = torch.tensor([6, 4, 2 + i])
        ids = random_integers(seed + i, 1, 90, 3, 6) * (torch.arange(6) < lengths[:, None])
        yield Case({"ids": ids, "lengths": lengths}, note="random")


# %% equivalents="turned_around" active="py"
equivalents = {
    "lengths.tolist() → lengths": "a tensor of one number slices as an int does",
    "ids[i, :n].flip(0) → ids[i, :n].flip(-1)": "a row has one dimension",
}


# %% mistake="turned_around" name="shifted" hint="The words are in the right order, but they are at the end of the row: the padding moved to the front." active="py"
def turned_around(ids, lengths):
    return ids.flip(1)


# %% mistake="turned_around" name="one_short" hint="The last real token keeps its place; it should become the first." active="py"
def turned_around(ids, lengths, right=turned_around):
    return right(ids, lengths - 1)


# %% mistake="turned_around" name="first_length" hint="You turned as many tokens in every row as the first text has." active="py"
def turned_around(ids, lengths, right=turned_around):
    return right(ids, lengths[:1].expand_as(lengths))


# %% [markdown]
r"""
### Find the bug · lengths_until_end · optional

Generated texts are cut where they end. Texts that did not end come back empty.
"""


# %% exercise="lengths_until_end" points=1 optional=true withheld="torch.distributions"
def lengths_until_end(ids: Tensor, eos: int) -> Tensor:
    """Return how many tokens of each generated text count.

    ids      (B, T) generated tokens
    eos      the id that ends a text; it does not count, nor what follows its first occurrence
    returns  (B,) int64; T where there is no eos

    Example: ids [[5, 2, 5, 2], [5, 6, 7, 8]] and eos 2 give [1, 4].
    """
    ### BEGIN SOLUTION
    ended = ids == eos
    first = ended.int().argmax(1)
    return torch.where(ended.any(1), first, ids.size(1))
    ### END SOLUTION
    ### BEGIN STARTER
    # ended = ids == eos
    # first = ended.int().argmax(1)
    # return first
    ### END STARTER


# %% [markdown] hints="lengths_until_end"
r"""
1. Where is the largest number in a row of zeros?
2. `argmax` cannot say “nowhere”. Ask separately whether there is an end.
3. `torch.where(ended.any(1), first, …)`
"""


# %% cases="lengths_until_end" active="py"
def cases(seed):
    yield Case({"ids": torch.tensor([[5, 2, 5, 2], [5, 6, 7, 8]]), "eos": 2}, note="the example")
    yield Case({"ids": torch.tensor([[2, 5]]), "eos": 2}, note="ends at once")
    for i in range(3):
        ids = random_integers(seed + i, 3 - i, 9, 4, 6)
        ids[0] = 9
        yield Case({"ids": ids, "eos": 4}, note="random")


# %% mistake="lengths_until_end" name="zero_means_never" hint="A text that ends at once has length 0, too; you took it for one that never ends." active="py"
def lengths_until_end(ids, eos):
    first = (ids == eos).int().argmax(1)
    return torch.where(first == 0, ids.size(1), first)


# %% mistake="lengths_until_end" name="tokens_that_are_not" hint="You counted all tokens that are not eos, also those after the end." active="py"
def lengths_until_end(ids, eos):
    return (ids != eos).sum(1)


# %% mistake="lengths_until_end" name="end_counted" hint="The end itself does not count." active="py"
def lengths_until_end(ids, eos, right=lengths_until_end):
    return (right(ids, eos) + 1).clamp(max=ids.size(1))


# %% [markdown]
r"""
## 9 · Hunts: Attention and masks

In this course True means “may attend”. To read again: [12](12_attention.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · may_look_at · optional

Some words may not be looked at. The weights of these words are small, but never 0.
"""


# %% exercise="may_look_at" points=1 optional=true withheld="torch.distributions"
def may_look_at(scores: Tensor, may: Tensor) -> Tensor:
    """Return attention weights that are 0 where nothing may be looked at.

    scores   (..., T, S)
    may      (..., T, S) bool; each query may look at one key at least
    returns  (..., T, S), each row sums to 1

    Example: scores [[1., 3., 3.]] and may [[False, True, True]] give [[0., 0.5, 0.5]].
    """
    ### BEGIN SOLUTION
    hidden = scores.masked_fill(~may, -math.inf)
    return hidden.softmax(-1)
    ### END SOLUTION
    ### BEGIN STARTER
    # hidden = scores * may
    # return hidden.softmax(-1)
    ### END STARTER


# %% [markdown] hints="may_look_at"
r"""
1. What is the exponential of a score of 0?
2. A score that is to get the weight 0 must be −∞ before the softmax.
3. `scores.masked_fill(~may, …)`
"""


# %% cases="may_look_at" active="py"
def cases(seed):
    may = torch.tensor([[False, True, True]])
    yield Case({"scores": torch.tensor([[1.0, 3.0, 3.0]]), "may": may}, note="the example")
    for i in range(3):
        may = torch.rand(2, 3, 4 + i, generator=generator(seed + i)) > 0.5
        may[..., i] = True
        yield Case({"scores": random_tensor(seed + i, 2, 3, 4 + i, scale=3.0), "may": may}, note="random")


# %% equivalents="may_look_at" active="py"
equivalents = {"-math.inf → -1000000000.0": "each query may look at something, and no score is that low"}


# %% mistake="may_look_at" name="after_the_softmax" hint="The weights are 0 now, but those that are left do not sum to 1: hide before the softmax." active="py"
def may_look_at(scores, may):
    return scores.softmax(-1) * may


# %% mistake="may_look_at" name="added" hint="−1 is not enough: what is added must be so low that its exponential is 0." active="py"
def may_look_at(scores, may):
    return (scores - (~may).float()).softmax(-1)


# %% mistake="may_look_at" name="upside_down" hint="The mask is upside down: True means that a key may be looked at." active="py"
def may_look_at(scores, may):
    return scores.masked_fill(may, -1e9).softmax(-1)


# %% mistake="may_look_at" name="over_queries" hint="Each column sums to 1; it should be each row." active="py"
def may_look_at(scores, may):
    return scores.masked_fill(~may, -1e9).softmax(-2)


# %% [markdown]
r"""
### Find the bug · heads_weights · optional

Attention weights of several heads. The more heads there are, the flatter all of them become.
"""


# %% exercise="heads_weights" points=1 optional=true withheld="torch.distributions"
def heads_weights(q: Tensor, k: Tensor, n_heads: int) -> Tensor:
    """Return the weights of scaled dot-product attention in each head.

    q        (B, T, n_heads · D), k (B, S, n_heads · D); a head's D numbers are side by side
    returns  (B, n_heads, T, S)

    Example: q = [[[2., 0., 0., 2.]]], k = [[[2., 0., 0., 2.], [0., 0., 0., 0.]]] and 2 heads
    give [0.9442, 0.0558] in both heads: the scores are 4/√2 and 0.
    """
    ### BEGIN SOLUTION
    q = q.unflatten(-1, (n_heads, -1)).transpose(1, 2)
    k = k.unflatten(-1, (n_heads, -1)).transpose(1, 2)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    return scores.softmax(-1)
    ### END SOLUTION
    ### BEGIN STARTER
    # scale = math.sqrt(q.size(-1))
    # q = q.unflatten(-1, (n_heads, -1)).transpose(1, 2)
    # k = k.unflatten(-1, (n_heads, -1)).transpose(1, 2)
    # scores = q @ k.transpose(-2, -1) / scale
    # return scores.softmax(-1)
    ### END STARTER


# %% [markdown] hints="heads_weights"
r"""
1. Of how many products is a score the sum?
2. The scale belongs to the size of one head.
3. `math.sqrt(q.size(-1))`, after the heads were split
"""


# %% cases="heads_weights" active="py"
def cases(seed):
    q, zero = torch.tensor([[[2.0, 0.0, 0.0, 2.0]]]), torch.zeros(1, 1, 4)
    yield Case({"q": q, "k": torch.cat([q, zero], 1), "n_heads": 2}, note="the example")
    for i, (heads, size) in enumerate(((1, 4), (2, 3), (3, 2))):
        q, k = random_tensor(seed + i, 2, 3, heads * size), random_tensor(seed + 7 + i, 2, 4, heads * size)
        yield Case({"q": q, "k": 2 * k, "n_heads": heads}, note="random")


# %% mistake="heads_weights" name="unscaled" hint="Unscaled, the weights are too sharp." active="py"
def heads_weights(q, k, n_heads, right=heads_weights):
    return right(q, k * math.sqrt(q.size(-1) / n_heads), n_heads)


# %% mistake="heads_weights" name="no_root" hint="You divide by the size of a head; it is its square root." active="py"
def heads_weights(q, k, n_heads, right=heads_weights):
    return right(q, k / math.sqrt(q.size(-1) / n_heads), n_heads)


# %% mistake="heads_weights" name="by_heads" hint="You divide by the root of the number of heads." active="py"
def heads_weights(q, k, n_heads, right=heads_weights):
    return right(q, k * math.sqrt(q.size(-1)) / n_heads, n_heads)


# %% [markdown]
r"""
### Find the bug · weights_to_show · optional

The layer returns its weights so that they can be drawn. In training, rows of the picture sum to 0.8 or 1.3.
"""


# %% exercise="weights_to_show" points=1 optional=true withheld="torch.distributions"
def weights_to_show(weights: Tensor, v: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
    """Return the output of attention with dropout on its weights, and the weights.

    weights  (..., T, S) rows sum to 1
    v        (..., S, D)
    keep     (..., T, S) what dropout multiplies with: 0 or 1 / (1 − p)
    returns  the output (..., T, D), with dropout, and the weights as they were before it

    Example: weights [[0.5, 0.5]], v = [[1.], [1.]] and keep [[2., 0.]] give [[1.]], [[0.5, 0.5]].
    """
    ### BEGIN SOLUTION
    dropped = weights * keep
    return dropped @ v, weights
    ### END SOLUTION
    ### BEGIN STARTER
    # weights = weights * keep
    # return weights @ v, weights
    ### END STARTER


# %% [markdown] hints="weights_to_show"
r"""
1. Which weights does the second line know?
2. Give the dropped weights a name of their own.
3. `dropped = …`, and return both
"""


# %% cases="weights_to_show" active="py"
def cases(seed):
    half, ones = torch.tensor([[0.5, 0.5]]), torch.ones(2, 1)
    yield Case({"weights": half, "v": ones, "keep": torch.tensor([[2.0, 0.0]])}, note="the example")
    for i in range(3):
        keep = (torch.rand(2, 3, 4, generator=generator(seed + i)) > 0.3) / 0.7
        keep[0, 0, :2] = torch.tensor([0, 1 / 0.7])
        case = {"weights": random_distributions(seed + i, 2, 3, 4), "v": random_tensor(seed + i, 2, 4, 5)}
        yield Case(case | {"keep": keep}, note="random")


# %% mistake="weights_to_show" name="no_dropout" hint="The weights are whole now, and the output as well: dropout has no effect." active="py"
def weights_to_show(weights, v, keep):
    return weights @ v, weights


# %% mistake="weights_to_show" name="normalised" hint="Rows that are divided by their sum look right in the picture, but they are not the weights before dropout." active="py"
def weights_to_show(weights, v, keep):
    dropped = weights * keep
    return dropped @ v, dropped / dropped.sum(-1, keepdim=True).clamp(min=1e-9)


# %% mistake="weights_to_show" name="on_the_values" hint="Dropout was applied to the output; it belongs to the weights." active="py"
def weights_to_show(weights, v, keep):
    return keep.mean(-1, keepdim=True) * (weights @ v), weights


# %% [markdown]
r"""
### Find the bug · for_torch · optional

Padding is hidden from `nn.MultiheadAttention`. The outputs change with the amount of padding, and hardly with the words.
"""


# %% exercise="for_torch" points=1 optional=true withheld="torch.distributions"
def for_torch(layer: nn.MultiheadAttention, x: Tensor, ids: Tensor, pad_id: int) -> Tensor:
    """Return the outputs of PyTorch's layer for queries, keys and values x, with padding hidden.

    layer    its `key_padding_mask` is (B, T) bool, and True means: ignore this key
    x        (B, T, D), made from ids (B, T)
    returns  (B, T, D)

    Example: nothing changes at a word when a padding vector in x is replaced by another.
    """
    ### BEGIN SOLUTION
    mask = ids == pad_id
    return layer(x, x, x, key_padding_mask=mask, need_weights=False)[0]
    ### END SOLUTION
    ### BEGIN STARTER
    # mask = ids != pad_id
    # return layer(x, x, x, key_padding_mask=mask, need_weights=False)[0]
    ### END STARTER


# %% [markdown] hints="for_torch"
r"""
1. In this course True means “may attend”. What does the docstring say about PyTorch's layer?
2. The layer wants to know which keys to ignore.
3. `mask = ids … pad_id`
"""


# %% cases="for_torch" active="py"
def cases(seed):
    for i in range(3):
        ids = random_integers(seed + i, 1, 9, 2, 5)
        ids[0, 3 - i :] = ids[1, 4:] = 0
        yield Case({"seed": seed + i, "ids": ids, "x": random_tensor(seed + i, 2, 5, 4)}, note="padding at the end")


# %% probe="for_torch" active="py"
def probe(student, case):
    with torch.random.fork_rng():
        torch.manual_seed(case["seed"])
        layer = nn.MultiheadAttention(4, 2, batch_first=True)
    with torch.no_grad():
        return student(layer.eval(), case["x"], case["ids"], 0)


# %% equivalents="for_torch" active="py"
equivalents = {
    "layer(x, x, x, key_padding_mask=mask, need_weights=False) → layer(x, x, x, key_padding_mask=mask)": (
        "the weights are not used"
    ),
}


# %% mistake="for_torch" name="nothing_hidden" hint="Without the mask the words attend to padding." active="py"
def for_torch(layer, x, ids, pad_id):
    return layer(x, x, x, need_weights=False)[0]


# %% mistake="for_torch" name="zeroed" hint="A vector of zeros is still a key, with a score of its own: it takes weight from the words." active="py"
def for_torch(layer, x, ids, pad_id):
    x = x * (ids != pad_id)[..., None]
    return layer(x, x, x, need_weights=False)[0]


# %% mistake="for_torch" name="first_text" hint="You hid the padding of the first text in all texts." active="py"
def for_torch(layer, x, ids, pad_id, right=for_torch):
    return right(layer, x, ids[:1].expand_as(ids), pad_id)


# %% [markdown]
r"""
### Find the bug · mean_spread

How spread out is the attention of each layer? The more padding a batch has, the larger the number, although padding is hidden from everyone.
"""


# %% exercise="mean_spread" points=1 withheld="torch.distributions"
def mean_spread(weights: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean entropy of the attention of all real queries, in nats.

    weights  (B, T, T) rows sum to 1; the keys that are padding have weight 0
    lengths  (B,) int64, real tokens of each text, 1 … T; padding is at the end
    returns  () the mean over the queries that are real tokens; each counts the same

    Example: weights [[[1., 0.], [0.5, 0.5]]] and lengths [1] give 0.
    """
    ### BEGIN SOLUTION
    entropies = torch.special.entr(weights).sum(-1)
    real = torch.arange(weights.size(1), device=weights.device) < lengths[:, None]
    return entropies[real].mean()
    ### END SOLUTION
    ### BEGIN STARTER
    # entropies = torch.special.entr(weights).sum(-1)
    # return entropies.mean()
    ### END STARTER


# %% [markdown] hints="mean_spread"
r"""
1. Padding is hidden as a key. Does it have a row as a query?
2. Rows of padding are meaningless: leave them out of the mean.
3. `real = torch.arange(T) < lengths[:, None]`
"""


# %% cases="mean_spread" active="py"
def cases(seed):
    weights = torch.tensor([[[1.0, 0.0], [0.5, 0.5]]])
    yield Case({"weights": weights, "lengths": torch.tensor([1])}, note="the example")
    for i in range(3):
        lengths = torch.tensor([5, 2, 3 - i])
        may = torch.arange(5) < lengths[:, None]
        weights = random_distributions(seed + i, 3, 5, 5) * may[:, None]
        yield Case({"weights": weights / weights.sum(-1, keepdim=True), "lengths": lengths}, note="random")


# %% mistake="mean_spread" name="zeros_in_the_mean" hint="The rows of padding count 0 now, and they still count in the number that you divide by." active="py"
def mean_spread(weights, lengths):
    real = torch.arange(weights.size(1)) < lengths[:, None]
    return (torch.special.entr(weights).sum(-1) * real).mean()


# %% mistake="mean_spread" name="text_by_text" hint="A query of a short text counts more than one of a long text. Take one mean over all." active="py"
def mean_spread(weights, lengths):
    rows = torch.special.entr(weights).sum(-1)
    return torch.stack([row[:n].mean() for row, n in zip(rows, lengths)]).mean()


# %% mistake="mean_spread" name="real_keys" hint="You left out the keys that are padding, which add nothing anyway. It is about the queries." active="py"
def mean_spread(weights, lengths):
    rows = [torch.special.entr(w[:, :n]).sum(-1) for w, n in zip(weights, lengths)]
    return torch.stack(rows).mean()


# %% [markdown]
r"""
### Find the bug · seen_too_early · optional

A leak test for causal models. It finds a leak in every model, even in the one from the paper.
"""


# %% exercise="seen_too_early" points=1 optional=true withheld="torch.distributions"
def seen_too_early(model: nn.Module, ids: Tensor, place: int, other: int) -> Tensor:
    """Return the largest change of the logits before a place when only the token there changes.

    model    ids (B, T) → logits (B, T, V)
    ids      (B, T); not changed
    place    1 … T − 1; its tokens are replaced by the id `other`
    returns  (), 0 for a causal model

    Example: for a model that reads each token alone, the result is 0 at every place.
    """
    ### BEGIN SOLUTION
    changed = ids.clone()
    changed[:, place] = other
    difference = (model(changed) - model(ids)).abs()
    return difference[:, :place].max()
    ### END SOLUTION
    ### BEGIN STARTER
    # changed = ids.clone()
    # changed[:, place] = other
    # difference = (model(changed) - model(ids)).abs()
    # return difference.max()
    ### END STARTER


# %% [markdown] hints="seen_too_early"
r"""
1. At which places may the logits of a causal model change?
2. At the place itself and after it anything may change; what counts is before it.
3. `difference[:, …].max()`
"""


# %% cases="seen_too_early" active="py"
def cases(seed):
    for i, name in enumerate(("causal", "alone", "both ways", "both ways", "both ways")):
        ids = random_integers(seed + i, 0, 5, 2, 6)
        case = {"model": name, "seed": seed + i, "ids": ids, "place": 1 + i, "other": 5}
        yield Case(case, note=name)
        if i > 1:
            yield Case(case | {"model": "other sign"}, note="both ways, other sign")


# %% probe="seen_too_early" active="py"
def probe(student, case):
    table = random_tensor(case["seed"], 6, 3)
    reach = {"alone": torch.eye(6), "causal": torch.ones(6, 6).tril(), "both ways": random_tensor(case["seed"], 6, 6)}
    reach["other sign"] = -reach["both ways"]
    mix = reach[case["model"]]

    def model(ids):
        return mix @ table[ids]

    ids = case["ids"].clone()
    found = student(model, ids, case["place"], case["other"])
    return {"found": found, "ids were changed": not torch.equal(ids, case["ids"])}


# %% equivalents="seen_too_early" active="py"
equivalents = {"model(changed) - model(ids) → model(ids) - model(changed)": "its absolute value is taken"}


# %% mistake="seen_too_early" name="place_included" hint="The logits at the place itself may depend on its token." active="py"
def seen_too_early(model, ids, place, other, right=seen_too_early):
    changed = ids.clone()
    changed[:, place] = other
    return (model(changed) - model(ids)).abs()[:, : place + 1].max()


# %% mistake="seen_too_early" name="other_side" hint="You look at what comes after the place, where every change is allowed." active="py"
def seen_too_early(model, ids, place, other):
    changed = ids.clone()
    changed[:, place] = other
    return (model(changed) - model(ids)).abs()[:, place:].max()


# %% mistake="seen_too_early" name="first_only" hint="A leak may show anywhere before the place; you look at the first token alone." active="py"
def seen_too_early(model, ids, place, other):
    changed = ids.clone()
    changed[:, place] = other
    return (model(changed) - model(ids)).abs()[:, 0].max()


# %% [markdown]
r"""
## 10 · Hunts: Positions

Which position is it, and whose? To read again: [13](13_positions.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · nearer_is_better · optional

A linear penalty on distance is added to the scores. With a cache, when a few new queries look at many old keys, the penalties are wrong.
"""


# %% exercise="nearer_is_better" points=1 optional=true withheld="torch.distributions"
def nearer_is_better(scores: Tensor, slope: float) -> Tensor:
    """Return the scores, each lowered by slope times the distance between its query and its key.

    scores   (..., T, S) with S ≥ T: the T queries are the last T of the S positions
    slope    > 0
    returns  (..., T, S); keys after a query are at a distance as well

    Example: scores [[0., 0., 0.]] and slope 1 give [[-2., -1., 0.]].
    """
    ### BEGIN SOLUTION
    n_queries, n_keys = scores.shape[-2:]
    queries = torch.arange(n_keys - n_queries, n_keys, device=scores.device)
    keys = torch.arange(n_keys, device=scores.device)
    return scores - slope * (queries[:, None] - keys).abs()
    ### END SOLUTION
    ### BEGIN STARTER
    # n_queries, n_keys = scores.shape[-2:]
    # queries = torch.arange(n_queries, device=scores.device)
    # keys = torch.arange(n_keys, device=scores.device)
    # return scores - slope * (queries[:, None] - keys).abs()
    ### END STARTER


# %% [markdown] hints="nearer_is_better"
r"""
1. At which position is the query of the example?
2. The last query and the last key share a position. Count the queries from S − T.
3. `torch.arange(n_keys - n_queries, …)`
"""


# %% cases="nearer_is_better" active="py"
def cases(seed):
    yield Case({"scores": torch.zeros(1, 3), "slope": 1.0}, note="the example")
    yield Case({"scores": torch.zeros(2, 2), "slope": 0.5}, note="no cache")
    for i in range(3):
        yield Case({"scores": random_tensor(seed + i, 2, 1 + i, 3 + 2 * i), "slope": 0.25 + i}, note="random")


# %% equivalents="nearer_is_better" active="py"
equivalents = {"queries[:, None] - keys → keys - queries[:, None]": "its absolute value is taken"}


# %% mistake="nearer_is_better" name="sign" hint="The penalty became a reward: the farther a key, the higher its score." active="py"
def nearer_is_better(scores, slope, right=nearer_is_better):
    return 2 * scores - right(scores, slope)


# %% mistake="nearer_is_better" name="one_short" hint="The last query is one position before the last key; they share theirs." active="py"
def nearer_is_better(scores, slope):
    t, s = scores.shape[-2:]
    return scores - slope * (torch.arange(s - t, s)[:, None] - 1 - torch.arange(s)).abs()


# %% mistake="nearer_is_better" name="one_row" hint="All queries are treated as if each were the last." active="py"
def nearer_is_better(scores, slope):
    s = scores.size(-1)
    return scores - slope * (s - 1 - torch.arange(s)).abs()


# %% [markdown]
r"""
### Find the bug · wavelengths · optional

A table of sines and cosines with d_model = 8 is said to have wavelengths up to 6,283 positions. Most of the pairs of this one hardly turn at all.
"""


# %% exercise="wavelengths" points=1 optional=true withheld="torch.distributions"
def wavelengths(d_model: int) -> Tensor:
    """Return after how many positions each sine of the sinusoidal encoding repeats.

    d_model  even. Pair i = 0 … d_model/2 − 1 has the angle position / 10000^(2i / d_model)
    returns  (d_model / 2,) float32, 2π · 10000^(2i / d_model)

    Example: wavelengths(4) is [6.2832, 628.3185].
    """
    ### BEGIN SOLUTION
    pair = torch.arange(d_model // 2)
    return 2 * math.pi * 10000 ** (2 * pair / d_model)
    ### END SOLUTION
    ### BEGIN STARTER
    # pair = torch.arange(0, d_model, 2)
    # return 2 * math.pi * 10000 ** (2 * pair / d_model)
    ### END STARTER


# %% [markdown] hints="wavelengths"
r"""
1. Which values does `pair` take for d_model = 4?
2. The numbers 0, 2, 4 … are 2i already. Count pairs, or leave out the 2 of the exponent.
3. `pair = torch.arange(d_model // 2)`
"""


# %% cases="wavelengths" active="py"
def cases(seed):
    yield Case({"d_model": 4}, note="the example")
    for i in range(4):
        yield Case({"d_model": 2 * random_integers(seed + i, 3, 200, 1).item()}, note="random size")


# %% equivalents="wavelengths" active="py"
equivalents = {
    "d_model // 2 → d_model / 2": "d_model is even, so the range is the same",
    "10000 ** (2 * pair / d_model) → 10001 ** (2 * pair / d_model)": "less than 1 in 10,000 apart",
    "10000 ** (2 * pair / d_model) → 9999 ** (2 * pair / d_model)": "less than 1 in 10,000 apart",
}


# %% mistake="wavelengths" name="every_dimension" hint="One wavelength for each dimension; sine and cosine of a pair share one." active="py"
def wavelengths(d_model):
    return 2 * math.pi * 10000 ** (torch.arange(d_model) / d_model)


# %% mistake="wavelengths" name="half_exponent" hint="Now the longest wavelength is too short: the 2 of the exponent is gone although the pairs are counted by ones." active="py"
def wavelengths(d_model):
    return 2 * math.pi * 10000 ** (torch.arange(d_model // 2) / d_model)


# %% mistake="wavelengths" name="upside_down" hint="That is 2π times the speed of the turn; the wavelength is 2π divided by it." active="py"
def wavelengths(d_model):
    return 2 * math.pi / 10000 ** (2 * torch.arange(d_model // 2) / d_model)


# %% [markdown]
r"""
### Find the bug · turned_pairs · optional

Vectors are turned by an angle that grows with their position. A turn should not change a length; this one does.
"""


# %% exercise="turned_pairs" points=1 optional=true withheld="torch.distributions"
def turned_pairs(x: Tensor, angles: Tensor) -> Tensor:
    """Return each pair of neighbouring numbers turned by its angle.

    x        (T, D), D even; the pairs are (x₀, x₁), (x₂, x₃), …; not changed
    angles   (T, D / 2)
    returns  (T, D): (x₀ cos a − x₁ sin a, x₀ sin a + x₁ cos a), …

    Example: x = [[1., 0.]] and the angle π/2 give [[0., 1.]].
    """
    ### BEGIN SOLUTION
    out = x.clone()
    cos, sin = angles.cos(), angles.sin()
    out[:, 0::2] = x[:, 0::2] * cos - x[:, 1::2] * sin
    out[:, 1::2] = x[:, 0::2] * sin + x[:, 1::2] * cos
    return out
    ### END SOLUTION
    ### BEGIN STARTER
    # out = x.clone()
    # cos, sin = angles.cos(), angles.sin()
    # out[:, 0::2] = out[:, 0::2] * cos - out[:, 1::2] * sin
    # out[:, 1::2] = out[:, 0::2] * sin + out[:, 1::2] * cos
    # return out
    ### END STARTER


# %% [markdown] hints="turned_pairs"
r"""
1. What does `out[:, 0::2]` hold when the last assignment reads it?
2. Both new numbers come from both old ones. Read from what is not changed.
3. `out[:, 1::2] = x[:, 0::2] * sin + …`
"""


# %% cases="turned_pairs" active="py"
def cases(seed):
    yield Case({"x": torch.tensor([[1.0, 0.0]]), "angles": torch.tensor([[math.pi / 2]])}, note="the example")
    for i in range(3):
        angles = 3 * random_tensor(seed + 5 + i, 3, 1 + i)
        yield Case({"x": random_tensor(seed + i, 3, 2 + 2 * i), "angles": angles}, note="random")


# %% mistake="turned_pairs" name="halves" hint="You turn the first half against the second; the pairs are neighbours." active="py"
def turned_pairs(x, angles):
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], dim=-1)


# %% mistake="turned_pairs" name="other_way" hint="You turn the other way round: the signs of both sines are exchanged." active="py"
def turned_pairs(x, angles, right=turned_pairs):
    return right(x, -angles)


# %% mistake="turned_pairs" name="rescaled" hint="Bringing the length back hides the fault; the direction is still wrong." active="py"
def turned_pairs(x, angles):
    first = x[:, 0::2] * angles.cos() - x[:, 1::2] * angles.sin()
    second = first * angles.sin() + x[:, 1::2] * angles.cos()
    scale = (x[:, 0::2].square() + x[:, 1::2].square()).sqrt() / (first.square() + second.square()).sqrt()
    return torch.stack([first * scale, second * scale], -1).flatten(1)


# %% [markdown]
r"""
### Find the bug · places_of_tokens

Prompts of different length are padded on the left. The same prompt gets another answer when a longer one is in the batch, although padding is hidden from attention.
"""


# %% exercise="places_of_tokens" points=1 withheld="torch.distributions"
def places_of_tokens(ids: Tensor, pad_id: int) -> Tensor:
    """Return the position of each token in its own text.

    ids      (B, T) token ids, padding on the left
    pad_id   the id of padding, in no text
    returns  (B, T) int64; the first real token is at 0; padding gets 0

    Example: ids [[0, 0, 7, 8]] and pad_id 0 give [[0, 0, 0, 1]].
    """
    ### BEGIN SOLUTION
    real = ids != pad_id
    places = real.cumsum(1) - 1
    return places.clamp(min=0)
    ### END SOLUTION
    ### BEGIN STARTER
    # real = ids != pad_id
    # places = torch.arange(ids.size(1), device=ids.device)
    # return places * real
    ### END STARTER


# %% [markdown] hints="places_of_tokens"
r"""
1. Which position has token 7 in the example, and which should it have?
2. A position counts the real tokens before it.
3. `real.cumsum(1) - …`
"""


# %% cases="places_of_tokens" active="py"
def cases(seed):
    yield Case({"ids": torch.tensor([[0, 0, 7, 8]]), "pad_id": 0}, note="the example")
    yield Case({"ids": torch.tensor([[5, 7, 8]]), "pad_id": 0}, note="no padding")
    for i in range(3):
        pad = random_integers(seed + i, 0, 5, 4)
        ids = random_integers(seed + i, 0, 9, 4, 6).masked_fill(torch.arange(6) < pad[:, None], 9)
        yield Case({"ids": ids, "pad_id": 9}, note="random")


# %% mistake="places_of_tokens" name="from_one" hint="The first real token is at 0; yours is at 1." active="py"
def places_of_tokens(ids, pad_id):
    return (ids != pad_id).cumsum(1)


# %% mistake="places_of_tokens" name="minus_one" hint="Padding got the position −1, and a table read at −1 gives its last row." active="py"
def places_of_tokens(ids, pad_id):
    return (ids != pad_id).cumsum(1) - 1


# %% mistake="places_of_tokens" name="shortest" hint="You moved every text by the padding of one of them. Each has its own." active="py"
def places_of_tokens(ids, pad_id):
    return (torch.arange(ids.size(1)) - (ids == pad_id).sum(1).min()).clamp(min=0).expand(ids.shape)


# %% [markdown]
r"""
## 11 · Hunts: Transformer, GPT, BERT · optional

Every part was right alone. To read again: [14](14_transformer.ipynb), [15](15_gpt.ipynb), [16](16_bert_t5.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · words_and_places · optional

The table of words has small numbers, so they are scaled up before the positions are added. Order is still drowned.
"""


# %% exercise="words_and_places" points=1 optional=true withheld="torch.distributions"
def words_and_places(ids: Tensor, words: Tensor, places: Tensor) -> Tensor:
    """Return the input of the first layer.

    ids      (B, T); words (V, D), numbers of about 1/√D; places (N, D), N ≥ T, numbers of about 1
    returns  (B, T, D): each word's vector times √D, plus the vector of its position

    Example: ids [[0]], words [[0.5, 0., 0., 0.]] and places [[0., 1., 0., 1.]] give [1, 1, 0, 1].
    """
    ### BEGIN SOLUTION
    scale = math.sqrt(words.size(1))
    return words[ids] * scale + places[: ids.size(1)]
    ### END SOLUTION
    ### BEGIN STARTER
    # scale = words.size(1)
    # return words[ids] * scale + places[: ids.size(1)]
    ### END STARTER


# %% [markdown] hints="words_and_places"
r"""
1. Of which size are the words' numbers after the scaling, for D = 4?
2. Numbers of 1/√D become about 1 when they are multiplied by …
3. `scale = math.sqrt(…)`
"""


# %% cases="words_and_places" active="py"
def cases(seed):
    words, places = torch.tensor([[0.5, 0.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    yield Case({"ids": torch.tensor([[0]]), "words": words, "places": places}, note="the example")
    for i in range(3):
        ids = random_integers(seed + i, 0, 5, 2, 3)
        words, places = random_tensor(seed + i, 5, 3 + i), random_tensor(seed + 7 + i, 6, 3 + i)
        yield Case({"ids": ids, "words": words, "places": places}, note="random")


# %% mistake="words_and_places" name="both_scaled" hint="The positions are scaled as well, so the ratio is what it was." active="py"
def words_and_places(ids, words, places):
    return (words[ids] + places[: ids.size(1)]) * math.sqrt(words.size(1))


# %% mistake="words_and_places" name="divided" hint="The words are divided by √D: now the order drowns the words." active="py"
def words_and_places(ids, words, places):
    return words[ids] / math.sqrt(words.size(1)) + places[: ids.size(1)]


# %% mistake="words_and_places" name="unscaled" hint="Without the factor the words have numbers of about 1/√D, and drown in the positions." active="py"
def words_and_places(ids, words, places):
    return words[ids] + places[: ids.size(1)]


# %% [markdown]
r"""
### Find the bug · through_the_block · optional

A block with pre-norm. Stacked twelve times it trains no better than post-norm: there is no path that leads past the norms.
"""


# %% exercise="through_the_block" points=1 optional=true withheld="torch.distributions"
def through_the_block(x: Tensor, mix: Tensor, feed: Tensor) -> Tensor:
    """Return x after one block: a mixing over tokens and one over features, with pre-norm.

    x        (T, D); mix (T, T), the tokens' sublayer is mix @ its input; feed (D, D), the
             features' sublayer is its input @ feed
    returns  (T, D). Each sublayer reads norm(x) and is added to x; norm is a layer norm of each
             token without gain and bias

    Example: with mix and feed all 0 the block gives x back.
    """
    ### BEGIN SOLUTION
    size = x.shape[-1:]
    x = x + mix @ F.layer_norm(x, size)
    return x + F.layer_norm(x, size) @ feed
    ### END SOLUTION
    ### BEGIN STARTER
    # size = x.shape[-1:]
    # x = F.layer_norm(x, size)
    # x = x + mix @ x
    # x = F.layer_norm(x, size)
    # return x + x @ feed
    ### END STARTER


# %% [markdown] hints="through_the_block"
r"""
1. What does the block give back in the example?
2. The norm is what the sublayer reads, not what is carried on.
3. `x = x + mix @ F.layer_norm(…)`
"""


# %% cases="through_the_block" active="py"
def cases(seed):
    zero = {"mix": torch.zeros(3, 3), "feed": torch.zeros(4, 4)}
    yield Case({"x": random_tensor(seed, 3, 4)} | zero, note="the example")
    yield Case({"x": 5 * random_tensor(seed, 3, 4)} | zero | {"mix": torch.eye(3)}, note="tokens only")
    for i in range(3):
        x, mix = random_tensor(seed + i, 3, 4 + i, scale=3.0) + 1, random_tensor(seed + 5 + i, 3, 3)
        yield Case({"x": x, "mix": mix, "feed": random_tensor(seed + 8 + i, 4 + i, 4 + i)}, note="random")


# %% mistake="through_the_block" name="post_norm" hint="That is post-norm: the sum is normalised, so nothing leads past the norms." active="py"
def through_the_block(x, mix, feed):
    x = F.layer_norm(x + mix @ x, x.shape[-1:])
    return F.layer_norm(x + x @ feed, x.shape[-1:])


# %% mistake="through_the_block" name="second_left" hint="The first sublayer is right; the second still carries on what was normalised." active="py"
def through_the_block(x, mix, feed):
    x = F.layer_norm(x + mix @ F.layer_norm(x, x.shape[-1:]), x.shape[-1:])
    return x + x @ feed


# %% mistake="through_the_block" name="first_left" hint="The second sublayer is right; the first still carries on what was normalised." active="py"
def through_the_block(x, mix, feed):
    x = F.layer_norm(x, x.shape[-1:])
    x = x + mix @ x
    return x + F.layer_norm(x, x.shape[-1:]) @ feed


# %% mistake="through_the_block" name="old_x" hint="The features' sublayer must see what the tokens' sublayer has done." active="py"
def through_the_block(x, mix, feed):
    normed = F.layer_norm(x, x.shape[-1:])
    return x + mix @ normed + normed @ feed


# %% [markdown]
r"""
### Find the bug · loss_of_all_batches · optional

The validation loss of a model depends on the batch size, although nothing is trained.
"""


# %% exercise="loss_of_all_batches" points=1 optional=true withheld="torch.distributions"
def loss_of_all_batches(means: list, sizes: list) -> float:
    """Return the loss of a whole text from the losses of its batches.

    means    mean loss of each batch's tokens, in nats
    sizes    number of tokens of each batch, at least 1; the last is usually smaller
    returns  float, the mean over all tokens

    Example: ([1.0, 4.0], [20, 10]) gives 2.0.
    """
    ### BEGIN SOLUTION
    total = 0.0
    for mean, size in zip(means, sizes):
        total += mean * size
    return total / sum(sizes)
    ### END SOLUTION
    ### BEGIN STARTER
    # total = 0.0
    # for mean, size in zip(means, sizes):
    #     total += mean
    # return total / len(sizes)
    ### END STARTER


# %% [markdown] hints="loss_of_all_batches"
r"""
1. How much should a token of the small batch count?
2. Turn each mean back into a sum, add the sums, divide once.
3. `total += mean * …`
"""


# %% cases="loss_of_all_batches" active="py"
def cases(seed):
    yield Case({"means": [1.0, 4.0], "sizes": [20, 10]}, note="the example")
    yield Case({"means": [2.5], "sizes": [7]}, note="one batch")
    for i in range(3):
        n = 3 + i
        sizes = random_integers(seed + i, 1, 50, n).tolist()
        yield Case({"means": random_tensor(seed + i, n).abs().tolist(), "sizes": sizes}, note="random")


# %% mistake="loss_of_all_batches" name="by_batches" hint="The sums are right, but you divide by the number of batches." active="py"
def loss_of_all_batches(means, sizes, right=loss_of_all_batches):
    return right(means, sizes) * sum(sizes) / len(sizes)


# %% mistake="loss_of_all_batches" name="last_left_out" hint="Leaving the small batch out ignores its tokens; they count like the others." active="py"
def loss_of_all_batches(means, sizes):
    kept = range(max(len(sizes) - 1, 1))
    return sum(means[i] * sizes[i] for i in kept) / sum(sizes[i] for i in kept)


# %% mistake="loss_of_all_batches" name="weights_squared" hint="Each mean is weighed twice by its size." active="py"
def loss_of_all_batches(means, sizes):
    return sum(m * n * n for m, n in zip(means, sizes)) / sum(n * n for n in sizes)


# %% [markdown]
r"""
### Find the bug · guessed_right · optional

A BERT guesses hidden words. By this count it gets no better than 15 %, however long it is trained.
"""


# %% exercise="guessed_right" points=1 optional=true withheld="torch.distributions"
def guessed_right(logits: Tensor, ids: Tensor, hidden: Tensor) -> Tensor:
    """Return the share of the hidden words that are guessed right.

    logits   (B, T, V) of each word at each place; the guess is the largest
    ids      (B, T) the words that were there
    hidden   (B, T) bool, at least one True
    returns  () float32

    Example: logits [[[1., 0.], [0., 1.]]], ids [[0, 1]] and hidden [[True, False]] give 1.
    """
    ### BEGIN SOLUTION
    right = (logits.argmax(-1) == ids) & hidden
    return right.sum() / hidden.sum()
    ### END SOLUTION
    ### BEGIN STARTER
    # right = (logits.argmax(-1) == ids) & hidden
    # return right.float().mean()
    ### END STARTER


# %% [markdown] hints="guessed_right"
r"""
1. Over how many words does the mean go?
2. Divide the number of right guesses by the number of hidden words.
3. `right.sum() / …`
"""


# %% cases="guessed_right" active="py"
def cases(seed):
    case = {"logits": torch.eye(2)[None], "ids": torch.tensor([[0, 1]])}
    yield Case(case | {"hidden": torch.tensor([[True, False]])}, note="the example")
    for i in range(4):
        ids = random_integers(seed + i, 0, 4, 3, 8)
        logits = F.one_hot(ids, 4) + 0.7 * random_tensor(seed + i, 3, 8, 4)
        hidden = torch.rand(3, 8, generator=generator(seed + i)) < 0.4
        hidden[0, i] = hidden[0, i + 1] = True
        hidden[1, 3:] = False
        yield Case({"logits": logits, "ids": ids, "hidden": hidden}, note="random")


# %% equivalents="guessed_right" active="py"
equivalents = {"logits.argmax(-1) → last_argmax(logits, -1)": "no two logits are equal"}


# %% mistake="guessed_right" name="everywhere" hint="Words that were not hidden can be read off; they do not belong to the count." active="py"
def guessed_right(logits, ids, hidden):
    return (logits.argmax(-1) == ids).float().mean()


# %% mistake="guessed_right" name="counted" hint="That is how many were right; which share of the hidden words is it?" active="py"
def guessed_right(logits, ids, hidden, right=guessed_right):
    return right(logits, ids, hidden) * hidden.sum()


# %% mistake="guessed_right" name="the_others" hint="These are the words that were not hidden." active="py"
def guessed_right(logits, ids, hidden, right=guessed_right):
    return right(logits, ids, ~hidden)


# %% mistake="guessed_right" name="text_by_text" hint="One share for each text, and then their mean: a hidden word of a text with few counts more." active="py"
def guessed_right(logits, ids, hidden):
    right = (logits.argmax(-1) == ids) & hidden
    return (right.sum(1) / hidden.sum(1).clamp(min=1)).mean()


# %% [markdown]
r"""
## 12 · Hunts: Mixture of experts

Tokens leave, and should come back. To read again: [17](17_moe.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · sent_back

Each expert has worked on its tokens, and the results return to their places. A token that two experts worked on gets the result of one.
"""


# %% exercise="sent_back" points=1 withheld="torch.distributions"
def sent_back(rows: Tensor, token: Tensor, n_tokens: int) -> Tensor:
    """Return the sum of the results for each token.

    rows     (N, D) results of all experts
    token    (N,) int64, the token that each row is for; a token may have several rows, or none
    returns  (n_tokens, D) in the dtype of rows; 0 where a token has no row

    Example: rows [[1.], [5.], [7.]], token [0, 2, 0], 3 tokens: [[8.], [0.], [5.]].
    """
    ### BEGIN SOLUTION
    out = rows.new_zeros(n_tokens, rows.size(1))
    return out.index_add(0, token, rows)
    ### END SOLUTION
    ### BEGIN STARTER
    # out = rows.new_zeros(n_tokens, rows.size(1))
    # out[token] += rows
    # return out
    ### END STARTER


# %% [markdown] hints="sent_back"
r"""
1. What is left in `out` when the same index occurs twice on the left of `+=`?
2. `out[token] += rows` reads, adds and writes once; of several writes to a place one survives. There is a method that adds them all.
3. `out.index_add(0, …)`
"""


# %% cases="sent_back" active="py"
def cases(seed):
    rows, token = torch.tensor([[1.0], [5.0], [7.0]]), torch.tensor([0, 2, 0])
    yield Case({"rows": rows, "token": token, "n_tokens": 3}, note="the example")
    yield Case({"rows": rows, "token": torch.arange(3), "n_tokens": 4}, note="no token twice")
    for i in range(3):
        token = random_integers(seed + i, 0, 4, 8)
        yield Case({"rows": random_tensor(seed + i, 8, 2 + i), "token": token, "n_tokens": 5}, note="random")
    yield Case({"rows": rows.half(), "token": token[:3], "n_tokens": 4}, note="half precision")


# %% mistake="sent_back" name="last_one" hint="Each row overwrites the one before it; they should be added." active="py"
def sent_back(rows, token, n_tokens):
    out = rows.new_zeros(n_tokens, rows.size(1))
    for row, t in zip(rows, token):
        out[t] = row
    return out


# %% mistake="sent_back" name="mean" hint="The results of a token are added, not averaged: their gates are weights already." active="py"
def sent_back(rows, token, n_tokens, right=sent_back):
    times = torch.bincount(token, minlength=n_tokens).clamp(min=1)
    return right(rows, token, n_tokens) / times[:, None].to(rows.dtype)


# %% mistake="sent_back" name="single_precision" hint="The sum is right, but not in the dtype of the rows: `torch.zeros` is float32." active="py"
def sent_back(rows, token, n_tokens):
    return torch.zeros(n_tokens, rows.size(1)).index_add(0, token, rows.float())


# %% [markdown]
r"""
### Find the bug · gate_of_the_best · optional

Each token goes to one expert, and the router never learns anything.
"""


# %% exercise="gate_of_the_best" points=1 optional=true withheld="torch.distributions"
def gate_of_the_best(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Return the expert of each token and the gate that its output is multiplied by.

    logits   (N, E) of the router
    returns  the number of the expert with the highest probability, (N,) int64, and that
             probability, (N,); the gradient of the loss reaches the logits through it

    Example: logits [[0., ln 3]] give expert 1 and gate 0.75.
    """
    ### BEGIN SOLUTION
    probs = logits.softmax(-1)
    gate, expert = probs.max(-1)
    return expert, gate
    ### END SOLUTION
    ### BEGIN STARTER
    # best, expert = logits.topk(1, dim=-1)
    # gate = best.softmax(-1)
    # return expert.squeeze(-1), gate.squeeze(-1)
    ### END STARTER


# %% [markdown] hints="gate_of_the_best"
r"""
1. Which value has a softmax over a single number, whatever the number is?
2. Take the softmax over all experts first, then the best of it.
3. `logits.softmax(-1).max(…)`
"""


# %% cases="gate_of_the_best" active="py"
def cases(seed):
    yield Case({"logits": torch.tensor([[0.0, math.log(3)]])}, note="the example")
    for i in range(3):
        yield Case({"logits": random_tensor(seed + i, 4, 3 + i)}, note="random")


# %% probe="gate_of_the_best" active="py"
def probe(student, case):
    logits = case["logits"].clone().requires_grad_()
    expert, gate = student(logits)
    outcome = {"expert": expert, "gate": gate.detach(), "gradient": "none"}
    if gate.requires_grad:
        outcome["gradient"] = torch.autograd.grad((gate * (1 + torch.arange(len(gate)))).sum(), logits)[0]
    return outcome


# %% mistake="gate_of_the_best" name="sigmoid" hint="The sigmoid of the best logit knows nothing of the other experts." active="py"
def gate_of_the_best(logits):
    best, expert = logits.max(-1)
    return expert, best.sigmoid()


# %% mistake="gate_of_the_best" name="raw" hint="The gate is the logit itself; it should be its probability." active="py"
def gate_of_the_best(logits):
    best, expert = logits.max(-1)
    return expert, best


# %% mistake="gate_of_the_best" name="cut_off" hint="The value is right, and the gradient is cut off: the router still does not learn." active="py"
def gate_of_the_best(logits, right=gate_of_the_best):
    expert, gate = right(logits)
    return expert, gate.detach()


# %% [markdown]
r"""
### Find the bug · load_of_each · optional

A plot of how much work each expert does. Sometimes it has fewer bars than there are experts.
"""


# %% exercise="load_of_each" points=1 optional=true withheld="torch.distributions"
def load_of_each(chosen: Tensor, n_experts: int) -> Tensor:
    """Return the share of all assignments that each expert gets.

    chosen   (N, k) int64, the k experts of each token
    returns  (n_experts,) float32, sums to 1; 0 for an expert without work

    Example: chosen [[0], [1], [0], [0]] and 3 experts give [0.75, 0.25, 0].
    """
    ### BEGIN SOLUTION
    times = torch.bincount(chosen.flatten(), minlength=n_experts)
    return times / chosen.numel()
    ### END SOLUTION
    ### BEGIN STARTER
    # times = torch.bincount(chosen.flatten())
    # return times / chosen.numel()
    ### END STARTER


# %% [markdown] hints="load_of_each"
r"""
1. How does `bincount` know how many experts there are?
2. Without help it counts up to the largest number that occurs.
3. `torch.bincount(…, minlength=…)`
"""


# %% cases="load_of_each" active="py"
def cases(seed):
    yield Case({"chosen": torch.tensor([[0], [1], [0], [0]]), "n_experts": 3}, note="the example")
    for i in range(3):
        yield Case({"chosen": random_integers(seed + i, 0, 4, 7, 1 + i), "n_experts": 4 + i}, note="random")


# %% mistake="load_of_each" name="of_tokens" hint="With two experts a token the shares sum to 2: divide by the assignments." active="py"
def load_of_each(chosen, n_experts, right=load_of_each):
    return right(chosen, n_experts) * chosen.size(1)


# %% mistake="load_of_each" name="first_choice" hint="You counted each token's first expert alone." active="py"
def load_of_each(chosen, n_experts, right=load_of_each):
    return right(chosen[:, :1], n_experts)


# %% mistake="load_of_each" name="counts" hint="Those are numbers of assignments; shares were asked for." active="py"
def load_of_each(chosen, n_experts):
    return torch.bincount(chosen.flatten(), minlength=n_experts).float()


# %% [markdown]
r"""
## 13 · Hunts: Sampling

One token too many or too few changes the text, seldom visibly. To read again: [18](18_sampling.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · tokens_of_the_nucleus

How many tokens does top-p leave? For p = 0.9 often one too few, and if one token has 0.95, none at all.
"""


# %% exercise="tokens_of_the_nucleus" points=1 withheld="torch.distributions"
def tokens_of_the_nucleus(probs: Tensor, p: float) -> Tensor:
    """Return how many of the most probable tokens together reach the probability p.

    probs    (B, V) distributions
    p        0 < p ≤ 1
    returns  (B,) int64, the smallest number whose sum is at least p

    Example: probs [[0.5, 0.25, 0.25]] need 1 token for p = 0.5, and 2 for p = 0.6.
    """
    ### BEGIN SOLUTION
    ordered = probs.sort(-1, descending=True).values
    before = ordered.cumsum(-1) - ordered
    return (before < p).sum(-1)
    ### END SOLUTION
    ### BEGIN STARTER
    # ordered = probs.sort(-1, descending=True).values
    # reached = ordered.cumsum(-1)
    # return (reached <= p).sum(-1)
    ### END STARTER


# %% [markdown] hints="tokens_of_the_nucleus"
r"""
1. Count by hand for the example, with p = 0.6.
2. A token is needed if those before it do not reach p yet.
3. `before = ordered.cumsum(-1) - …`
"""


# %% cases="tokens_of_the_nucleus" active="py"
def cases(seed):
    probs = torch.tensor([[0.25, 0.5, 0.25]])
    yield Case({"probs": probs, "p": 0.5}, note="p is reached exactly")
    yield Case({"probs": probs, "p": 0.6}, note="p lies between two sums")
    yield Case({"probs": torch.tensor([[0.9375, 0.0625]]), "p": 0.9}, note="one token suffices")
    for i in range(3):
        yield Case({"probs": random_distributions(seed + i, 4, 6), "p": 0.55 + 0.15 * i}, note="random")


# %% mistake="tokens_of_the_nucleus" name="plus_one" hint="One token more is right as long as p is not reached exactly." active="py"
def tokens_of_the_nucleus(probs, p):
    return (probs.sort(-1, descending=True).values.cumsum(-1) <= p).sum(-1) + 1


# %% mistake="tokens_of_the_nucleus" name="at_least_one" hint="There is a token now where there was none; the others are still one too few." active="py"
def tokens_of_the_nucleus(probs, p):
    return (probs.sort(-1, descending=True).values.cumsum(-1) <= p).sum(-1).clamp(min=1)


# %% mistake="tokens_of_the_nucleus" name="unsorted" hint="The most probable tokens come first; you took them in the order of their ids." active="py"
def tokens_of_the_nucleus(probs, p):
    return (probs.cumsum(-1) - probs < p).sum(-1)


# %% [markdown]
r"""
### Find the bug · warmer · optional

Only probabilities are left, the logits are gone, and the temperature is to be changed afterwards. Warmer texts come out duller.
"""


# %% exercise="warmer" points=1 optional=true withheld="torch.distributions"
def warmer(probs: Tensor, temperature: float) -> Tensor:
    """Return the distribution that the logits would give at this temperature.

    probs        (..., V) softmax of logits, all positive
    temperature  T > 0; 1 changes nothing
    returns      (..., V), each row sums to 1

    Example: probs [0.8, 0.2] at T = 2 give [2/3, 1/3].
    """
    ### BEGIN SOLUTION
    powers = probs ** (1 / temperature)
    return powers / powers.sum(-1, keepdim=True)
    ### END SOLUTION
    ### BEGIN STARTER
    # powers = probs**temperature
    # return powers / powers.sum(-1, keepdim=True)
    ### END STARTER


# %% [markdown] hints="warmer"
r"""
1. What is exp(z / T), written with exp(z)?
2. Logits are divided by T; probabilities are raised to a power that is …
3. `probs ** (1 / …)`
"""


# %% cases="warmer" active="py"
def cases(seed):
    yield Case({"probs": torch.tensor([0.8, 0.2]), "temperature": 2.0}, note="the example")
    for i in range(3):
        yield Case({"probs": random_distributions(seed + i, 2, 5), "temperature": 0.6 + i}, note="random")


# %% mistake="warmer" name="divided" hint="Dividing all probabilities by T changes nothing once they are normalised: T belongs in the exponent." active="py"
def warmer(probs, temperature):
    return probs.clone()


# %% mistake="warmer" name="not_normalised" hint="The powers are right; they no longer sum to 1." active="py"
def warmer(probs, temperature):
    return probs ** (1 / temperature)


# %% mistake="warmer" name="softmax_of_probs" hint="Probabilities are no logits. Take the logarithm before the softmax." active="py"
def warmer(probs, temperature):
    return (probs / temperature).softmax(-1)


# %% [markdown]
r"""
### Find the bug · after_the_end · optional

A batch of texts is generated at once. What follows the end of a text is replaced by padding; with this function nobody can tell any more whether a text ended.
"""


# %% exercise="after_the_end" points=1 optional=true withheld="torch.distributions"
def after_the_end(ids: Tensor, eos: int, pad: int) -> Tensor:
    """Return the generated texts with padding after the first end of each.

    ids      (B, T) generated tokens; not changed
    eos, pad the id that ends a text, and the id of padding
    returns  (B, T); the first eos of a row stays, everything after it is pad

    Example: ids [[5, 2, 7, 2, 8]], eos 2 and pad 0 give [[5, 2, 0, 0, 0]].
    """
    ### BEGIN SOLUTION
    end = ids == eos
    ends_before = end.cumsum(1) - end.long()
    return ids.masked_fill(ends_before > 0, pad)
    ### END SOLUTION
    ### BEGIN STARTER
    # end = ids == eos
    # ends_so_far = end.cumsum(1)
    # return ids.masked_fill(ends_so_far > 0, pad)
    ### END STARTER


# %% [markdown] hints="after_the_end"
r"""
1. What is `ends_so_far` at the end itself?
2. Count the ends *before* a place, without the place itself.
3. `end.cumsum(1) - …`
"""


# %% cases="after_the_end" active="py"
def cases(seed):
    yield Case({"ids": torch.tensor([[5, 2, 7, 2, 8]]), "eos": 2, "pad": 0}, note="the example")
    yield Case({"ids": torch.tensor([[5, 6]]), "eos": 2, "pad": 0}, note="no end")
    for i in range(3):
        ids = random_integers(seed + i, 1, 6, 4, 6)
        ids[0, 2] = ids[0, 4] = 2 + i
        yield Case({"ids": ids, "eos": 2 + i, "pad": 7 + i}, note="random")


# %% mistake="after_the_end" name="second_end" hint="The padding begins only at the second end; a text has one." active="py"
def after_the_end(ids, eos, pad):
    return ids.masked_fill((ids == eos).cumsum(1) > 1, pad)


# %% mistake="after_the_end" name="ends_only" hint="What the model wrote after the end is still there; only further ends are gone." active="py"
def after_the_end(ids, eos, pad):
    end = ids == eos
    return ids.masked_fill(end & (end.cumsum(1) > 1), pad)


# %% mistake="after_the_end" name="next_only" hint="Only the token right after an end is replaced; everything after the first end should be." active="py"
def after_the_end(ids, eos, pad):
    out = ids.clone()
    out[:, 1:][ids[:, :-1] == eos] = pad
    return out


# %% [markdown]
r"""
## 14 · Hunts: Scaling and alignment

Large runs make small faults expensive. To read again: [19](19_scaling.ipynb), [20](20_alignment.ipynb).
"""


# %% [markdown]
r"""
### Find the bug · slope_of_the_excess · optional

A power law is read off two models: the loss falls as N^(−a) towards a floor. The exponent comes out far too small.
"""


# %% exercise="slope_of_the_excess" points=1 optional=true withheld="torch.distributions"
def slope_of_the_excess(sizes: list, losses: list, floor: float) -> float:
    """Return the exponent a of loss = floor + c · N^(−a) from two models.

    sizes    parameters N of the two, different
    losses   their losses in nats, both above the floor
    floor    the loss that no size goes below
    returns  float

    Example: sizes [1, 100], losses [3.0, 2.1] and floor 2.0 give 0.5.
    """
    ### BEGIN SOLUTION
    first, second = (math.log(loss - floor) for loss in losses)
    distance = math.log(sizes[1] / sizes[0])
    return (first - second) / distance
    ### END SOLUTION
    ### BEGIN STARTER
    # first, second = (math.log(loss) - math.log(floor) for loss in losses)
    # distance = math.log(sizes[1] / sizes[0])
    # return (first - second) / distance
    ### END STARTER


# %% [markdown] hints="slope_of_the_excess"
r"""
1. Which quantity is a straight line on double logarithmic paper?
2. It is the loss above the floor: subtract first, then take the logarithm.
3. `math.log(loss - …)`
"""


# %% cases="slope_of_the_excess" active="py"
def cases(seed):
    yield Case({"sizes": [1, 100], "losses": [3.0, 2.1], "floor": 2.0}, note="the example")
    yield Case({"sizes": [10, 1000], "losses": [4.0, 0.4], "floor": 0.0}, note="a floor of 0")
    for i in range(3):
        small, factor = random_integers(seed + i, 2, 90, 2).tolist()
        high, low, floor = random_tensor(seed + i, 3).abs().tolist()
        case = {"sizes": [small, small * factor], "losses": [floor + high + 1, floor + low + 0.1]}
        yield Case(case | {"floor": floor}, note="random")


# %% mistake="slope_of_the_excess" name="no_floor" hint="Without the floor there is a line only where the floor is 0." active="py"
def slope_of_the_excess(sizes, losses, floor, right=slope_of_the_excess):
    return right(sizes, losses, 0.0)


# %% mistake="slope_of_the_excess" name="sign" hint="The exponent is negative now; the minus is in the formula already." active="py"
def slope_of_the_excess(sizes, losses, floor, right=slope_of_the_excess):
    return -right(sizes, losses, floor)


# %% mistake="slope_of_the_excess" name="not_logarithmic" hint="Sizes need the logarithm as well: the line is straight on double logarithmic paper only." active="py"
def slope_of_the_excess(sizes, losses, floor):
    first, second = (math.log(loss - floor) for loss in losses)
    return (first - second) / (sizes[1] - sizes[0])


# %% [markdown]
r"""
### Find the bug · few_bits

A weight matrix is stored in few bits, each row with a scale of its own. One row with large numbers ruins all others.
"""


# %% exercise="few_bits" points=1 withheld="torch.distributions"
def few_bits(weight: Tensor, bits: int) -> Tensor:
    """Return the matrix after rounding each row to 2^bits − 1 levels, symmetric about 0.

    weight   (O, I), no row is all 0; not changed
    bits     at least 2. The largest absolute value of a row becomes level L = 2^(bits − 1) − 1
    returns  (O, I): scale · round(weight / scale), scale = largest absolute value of the row / L

    Example: weight [[1., 0.4]] and 2 bits give [[1., 0.]]: the levels are −1, 0 and 1.
    """
    ### BEGIN SOLUTION
    levels = 2 ** (bits - 1) - 1
    scale = weight.abs().amax(-1, keepdim=True) / levels
    return (weight / scale).round() * scale
    ### END SOLUTION
    ### BEGIN STARTER
    # levels = 2 ** (bits - 1) - 1
    # scale = weight.abs().max() / levels
    # return (weight / scale).round() * scale
    ### END STARTER


# %% [markdown] hints="few_bits"
r"""
1. How many scales does the matrix have?
2. One for each row, with a shape that lines up with the rows.
3. `weight.abs().amax(-1, keepdim=…)`
"""


# %% cases="few_bits" active="py"
def cases(seed):
    yield Case({"weight": torch.tensor([[1.0, 0.4]]), "bits": 2}, note="the example")
    yield Case({"weight": torch.tensor([[0.3, -0.1], [40.0, 9.0]]), "bits": 3}, note="rows of different size")
    for i in range(3):
        sizes = torch.tensor([[0.1], [1.0], [20.0]])
        yield Case({"weight": sizes * random_tensor(seed + i, 3, 3 + i), "bits": 2 + i}, note="random")


# %% equivalents="few_bits" active="py"
equivalents = {"2 ** (bits - 1) - 1 → 1 - 2 ** (bits - 1)": "the sign of the scale cancels"}


# %% mistake="few_bits" name="columns" hint="You took the largest of each column." active="py"
def few_bits(weight, bits, right=few_bits):
    return right(weight.T, bits).T


# %% mistake="few_bits" name="signed" hint="Without the absolute value a row whose largest number is negative leaves its levels." active="py"
def few_bits(weight, bits):
    scale = weight.amax(-1, keepdim=True) / (2 ** (bits - 1) - 1)
    return (weight / scale).round() * scale


# %% mistake="few_bits" name="one_level_more" hint="The largest value should be level 2^(bits − 1) − 1; yours is one higher." active="py"
def few_bits(weight, bits):
    scale = weight.abs().amax(-1, keepdim=True) / 2 ** (bits - 1)
    return (weight / scale).round() * scale


# %% mistake="few_bits" name="scaled_only" hint="The levels themselves were returned, without the scale." active="py"
def few_bits(weight, bits, right=few_bits):
    return right(weight, bits) / (weight.abs().amax(-1, keepdim=True) / (2 ** (bits - 1) - 1))


# %% [markdown]
r"""
### Find the bug · joined_gradients · optional

A batch is divided among several machines. With shares of equal size the result is that of one machine; with a short last share it is not.
"""


# %% exercise="joined_gradients" points=1 optional=true withheld="torch.distributions"
def joined_gradients(grads: list, sizes: list) -> Tensor:
    """Return the gradient of the mean loss over the whole batch.

    grads    tensors (D,), each the gradient of the mean loss over one machine's share
    sizes    examples in each share, at least 1
    returns  (D,)

    Example: grads [1.] and [4.] of 2 examples and 1 give [2.].
    """
    ### BEGIN SOLUTION
    total = torch.zeros_like(grads[0])
    for grad, size in zip(grads, sizes):
        total = total + grad * size / sum(sizes)
    return total
    ### END SOLUTION
    ### BEGIN STARTER
    # total = torch.zeros_like(grads[0])
    # for grad in grads:
    #     total = total + grad / len(grads)
    # return total
    ### END STARTER


# %% [markdown] hints="joined_gradients"
r"""
1. How much of the batch does each machine have?
2. Each gradient is a mean over its share; weigh it by the share.
3. `grad * size / …`
"""


# %% cases="joined_gradients" active="py"
def cases(seed):
    yield Case({"grads": [torch.ones(1), 4 * torch.ones(1)], "sizes": [2, 1]}, note="the example")
    yield Case({"grads": [torch.ones(2)], "sizes": [3]}, note="one machine")
    for i in range(3):
        grads = [random_tensor(seed + 9 * i + j, 3) for j in range(3)]
        sizes = random_integers(seed + i, 1, 9, 3).tolist()
        yield Case({"grads": grads, "sizes": sizes}, note="random")


# %% equivalents="joined_gradients" active="py"
equivalents = {
    "grads[0] → grads[-1]": "all have one shape",
    "total = total + grad * size / sum(sizes) → total += grad * size / sum(sizes)": "total is a tensor of its own",
    "return total → return detached(total)": "no gradient is asked for",
}


# %% mistake="joined_gradients" name="sums" hint="That is the gradient of the sum; divide by the examples of the whole batch." active="py"
def joined_gradients(grads, sizes, right=joined_gradients):
    return right(grads, sizes) * sum(sizes)


# %% mistake="joined_gradients" name="twice" hint="Weighed by the share, and then averaged over the machines: a division too many." active="py"
def joined_gradients(grads, sizes, right=joined_gradients):
    return right(grads, sizes) / len(grads)


# %% mistake="joined_gradients" name="divided_by_size" hint="The gradients are means already; you divided by the share once more." active="py"
def joined_gradients(grads, sizes):
    return sum(g / s for g, s in zip(grads, sizes)) / len(grads)


# %% [markdown]
r"""
### Find the bug · still_to_come · optional

A policy is rewarded along the way. Each action is credited with what happened before it.
"""


# %% exercise="still_to_come" points=1 optional=true withheld="torch.distributions"
def still_to_come(rewards: list, discount: float) -> list:
    """Return for each step what it can still earn: its own reward and, discounted, the later ones.

    rewards   of the steps, in order, at least one
    discount  γ: step t is worth rₜ + γ · rₜ₊₁ + γ² · rₜ₊₂ + …
    returns   list of float, one for each step

    Example: ([1.0, 0.0, 2.0], 0.5) gives [1.5, 1.0, 2.0].
    """
    ### BEGIN SOLUTION
    total, worth = 0.0, []
    for reward in reversed(rewards):
        total = reward + discount * total
        worth.append(total)
    return worth[::-1]
    ### END SOLUTION
    ### BEGIN STARTER
    # total, worth = 0.0, []
    # for reward in rewards:
    #     total = reward + discount * total
    #     worth.append(total)
    # return worth
    ### END STARTER


# %% [markdown] hints="still_to_come"
r"""
1. Which rewards are in `total` when the first step is done?
2. What is still to come is known from the end. Go backwards, and turn the result round.
3. `for reward in reversed(rewards)` … `return worth[…]`
"""


# %% cases="still_to_come" active="py"
def cases(seed):
    yield Case({"rewards": [1.0, 0.0, 2.0], "discount": 0.5}, note="the example")
    yield Case({"rewards": [3.0], "discount": 0.9}, note="one step")
    for i in range(3):
        yield Case({"rewards": random_tensor(seed + i, 4 + i).tolist(), "discount": 0.3 + 0.3 * i}, note="random")


# %% mistake="still_to_come" name="not_turned" hint="The numbers are right, and in the wrong order: the last step comes first." active="py"
def still_to_come(rewards, discount, right=still_to_come):
    return right(rewards, discount)[::-1]


# %% mistake="still_to_come" name="own_left_out" hint="A step's own reward belongs to what it earns." active="py"
def still_to_come(rewards, discount, right=still_to_come):
    return [worth - own for worth, own in zip(right(rewards, discount), rewards)]


# %% mistake="still_to_come" name="undiscounted" hint="The discount is not used." active="py"
def still_to_come(rewards, discount, right=still_to_come):
    return right(rewards, 1.0)


# %% [markdown]
r"""
### Find the bug · how_far_from_before · optional

How far has a policy moved from the model that it started from? Estimated from its own samples, the distance is large even where both agree on nearly everything.
"""


# %% exercise="how_far_from_before" points=1 optional=true withheld="torch.distributions"
def how_far_from_before(log_probs: Tensor, ref_log_probs: Tensor) -> Tensor:
    """Return the estimate of KL(policy ‖ reference) from tokens that the policy drew.

    log_probs, ref_log_probs   (N,) log probabilities of these tokens under policy and reference
    returns                    () the mean of r − 1 − log r, with r = reference / policy;
                               never negative

    Example: log_probs [ln ½] and ref_log_probs [ln 1] give 2 − 1 − ln 2 ≈ 0.3069.
    """
    ### BEGIN SOLUTION
    log_ratio = ref_log_probs - log_probs
    return (log_ratio.exp() - 1 - log_ratio).mean()
    ### END SOLUTION
    ### BEGIN STARTER
    # log_ratio = log_probs - ref_log_probs
    # return (log_ratio.exp() - 1 - log_ratio).mean()
    ### END STARTER


# %% [markdown] hints="how_far_from_before"
r"""
1. Which of the two is above the fraction bar in r?
2. The tokens come from the policy, so the other one is divided by it.
3. `log_ratio = ref_log_probs - …`
"""


# %% cases="how_far_from_before" active="py"
def cases(seed):
    half, one = torch.tensor([0.5]).log(), torch.tensor([1.0]).log()
    yield Case({"log_probs": half, "ref_log_probs": one}, note="the example")
    for i in range(3):
        a, b = random_distributions(seed + i, 5)[:4].log(), random_distributions(seed + 9 + i, 5)[:4].log()
        yield Case({"log_probs": a, "ref_log_probs": b}, note="random")


# %% mistake="how_far_from_before" name="plain" hint="The mean of the log ratio estimates the same, but it can be negative; the docstring asks for another estimate." active="py"
def how_far_from_before(log_probs, ref_log_probs):
    return (log_probs - ref_log_probs).mean()


# %% mistake="how_far_from_before" name="absolute" hint="The absolute value is never negative, but its mean is not the estimate." active="py"
def how_far_from_before(log_probs, ref_log_probs):
    return (log_probs - ref_log_probs).abs().mean()


# %% mistake="how_far_from_before" name="half_turned" hint="The exponential has the ratio the right way round, and the last term has not." active="py"
def how_far_from_before(log_probs, ref_log_probs):
    log_ratio = ref_log_probs - log_probs
    return (log_ratio.exp() - 1 + log_ratio).mean()


# %% [markdown]
r"""
## 15 · Why faults stay

You have seen up to {{52 = n_hunts}} faulty functions. Some stop with an error at some input. The others return numbers of the right kind, and go on doing so for months.

Before you count: of the {{52 = n_hunts}}, how many raise an error on any of the cases that our checks try?
"""

# %%
question = f"Of {n_hunts} faults, how many raise an error?"
guess = predict_number("21_interview_room.errors", question, low=0, high=n_hunts)
guess

# %%
broken = broken_versions("interview_room")
loud = sum(not one.is_silent for one in broken)
lucky = sum(one.right > 0 for one in broken)
bars = {"raise an error": loud, "say nothing": len(broken) - loud, "are right in some case": lucky}
guess.reveal(loud)
show(
    figures.bars(
        list(bars),
        list(bars.values()),
        "A fault says nothing, and now and then it is right",
        f"of {len(broken)} faulty functions",
        [str(count) for count in bars.values()],
    ),
    alt=f"Of {len(broken)} faulty functions {loud} raise an error, {lucky} are right in some case.",
)

# %% [markdown]
r"""
The code that the hunts hand out ran on all their public cases, {{276 = sum(one.cases for one in broken)}} in all. Only {{1 = loud}} of {{52 = len(broken)}} functions ever raises an error. And {{29 = lucky}} are right in one case or more: whoever tries such a function on that input alone sees nothing wrong. (We chose faults that are plausible and quiet, so these numbers describe this collection, not the world's code.)

How many inputs does it take? Draw some of each hunt's cases at random, without looking. Of the {{52 = len(broken)}} faults one case misses {{7.2 = missed(1)}} on average, two miss {{1.0 = missed(2)}}, three {{0.3 = missed(3)}}. Few inputs suffice, if each was chosen to tell something; a thousand inputs of the easy kind would still miss what the first one missed.
"""


# %%
def missed(tried):
    """How many faults are expected to stay hidden when so many of each hunt's cases are tried."""
    return sum(math.comb(one.right, tried) / math.comb(one.cases, tried) for one in broken)


def found_and_missed(tried):
    counts = [len(broken) - missed(tried), missed(tried)]
    title = f"{tried} case{'s' * (tried > 1)} of each hunt, drawn at random"
    labels = [f"{count:.1f}" for count in counts]
    return figures.bars(["found", "missed"], counts, title, "faults, on average", labels)


live(
    found_and_missed,
    alt="Two bars: the faults that are found, and those that are missed, with so many cases.",
    tried=IntSlider(1, min=1, max=3),
)

# %% [markdown]
r"""
What the right cases have in common is worth noting before an interview: one row instead of several, no padding, equal shares, a square matrix, a probability of exactly ½, one step instead of three. An input that shows a fault has **two rows of different scale, different lengths, T ≠ S, and odd numbers**.

Before all that, three minutes for what a machine finds. Does it load at all (indentation, names that are defined nowhere)? Which names are set and never read (a test set that nobody evaluates on)? Which comment says more than its line does? Which function returns a pair where its caller wants logits? Which references lead nowhere? None of these needs an idea; keep your ideas for the faults that run.
"""

# %% [markdown]
r"""
### Question · which_input

You suspect that a loss mixes up the rows of its batch, because of a shape that broadcasts. Which input tells most surely?

- **a** one row of random numbers
- **b** two rows of different scale
- **c** two equal rows
- **d** a thousand rows of zeros
"""

# %% exercise="which_input" points=1 kind="choice" choices="a b c d"
### BEGIN SOLUTION
which_input = "b"
### END SOLUTION

# %% mistake="which_input" name="a" hint="With one row there is no other row to mix it with." active="py"
which_input = "a"

# %% mistake="which_input" name="c" hint="Mixed or not, equal rows give the same numbers." active="py"
which_input = "c"

# %% mistake="which_input" name="d" hint="Many rows, but all alike: zeros mixed with zeros are zeros." active="py"
which_input = "d"

# %% [markdown]
r"""
## 16 · Eleven questions

Three hours before an interview, these are the ones to go through aloud. Eight have a place in the lesson that teaches them; answer there, or in the oral mode below.

| question | answer it in |
|---|---|
| n-gram models against RNNs: differences, strengths, weaknesses | [03](03_ngrams.ipynb) `tables_or_networks`, [09](09_rnn.ipynb) `ngram_or_rnn` |
| vanishing gradients; what LSTM and GRU change | [09](09_rnn.ipynb) `why_vanish`, [10](10_lstm.ipynb) `lstm_and_vanishing` |
| cross-entropy, entropy and KL: derive the relation | [01](01_information.ipynb) `three_quantities` |
| derive scaled dot-product attention; why 1/√d | [12](12_attention.ipynb) `derive_the_scale` |
| Adam in full, and why it corrects its bias | [05](05_optimizers.ipynb) `why_correct_the_bias` |
| binary cross-entropy from maximum likelihood | [04](04_linear_models.ipynb) `derive_bce` |
| why L1 gives zeros and L2 does not | [06](06_regularization.ipynb) `l1_or_l2` |
| compare SGD, momentum and Adam | [05](05_optimizers.ipynb) `judge_the_race` |
| implement attention; as a layer | `AttentionLayer` above, and the next question |
| show the effect of the temperature | `temperature_rows` above, and below |
| show L1 against L2 on coefficients | below |
"""

# %% [markdown] exercise="attention_at_the_board" points=4
r"""
### In your own words · attention_at_the_board

Interview question. “Implement scaled dot-product attention.” You have written it on the board. Now defend it: name the shapes at each step; say what your mask means and which other conventions there are; say what happens in half precision, and to a query whose keys are all masked; and describe two tests that you would write first.

### BEGIN SOLUTION
*Shapes.* q (…, T, D), k (…, S, D), v (…, S, E): scores $qk^\top / \sqrt D$ are (…, T, S), a softmax over S, the output (…, T, E). One row for each query; it has the shape of v only if T = S.

*Mask.* Boolean, True = may attend, applied before the softmax. `nn.MultiheadAttention` reads True as “ignore”, others add 0 or −∞; the wrong one hides the words and shows the rest, without an error.

*Edges.* −1e9 does not exist in float16 (largest: 65,504): use the dtype's minimum or −∞. A row without keys becomes uniform with a large negative number and nan with −∞: set its weights to 0. Dropout acts on the weights, and the returned ones are those before it.

*Tests.* Against `F.scaled_dot_product_attention` on random input with T ≠ S and D ≠ E. A leak test: change token t, outputs before t must not change. By hand: equal keys give the mean of the values.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: shapes of scores, weights and output, with the softmax over the keys
- 1 point: the meaning of the mask, and that another convention inverts it silently
- 1 point: half precision, and rows without keys
- 1 point: two tests that would really find a fault (T ≠ S, leak test, an independent implementation)
### END RUBRIC
"""

# %% [markdown] exercise="a_picture_of_temperature" points=3 optional=true
r"""
### In your own words · a_picture_of_temperature · optional

Interview question. “Plot the effect of the temperature on a softmax over ten words.” Which function do you write, which checks does it make, which kind of plot do you choose and why not a line? What does the picture show at T = 0.1, 1 and 10, and which two things about temperature does it *not* show?

### BEGIN SOLUTION
Softmax of logits / T, for T > 0 only, else an error; the maximum subtracted before the division, so that a tiny T does not overflow. Bars (grouped by word, or one panel for each T): words are categories without an order, and a line would suggest values between them. At 0.1 nearly all probability is on the best word; at 1 it is the model's distribution; at 10 nearly uniform. The order of the words never changes.

Not shown: T below 1 is sharper, not deterministic, and T → 0 shares the probability among ties, whereas greedy takes one. And a picture of one step says nothing about texts, where each drawn word changes all that follows.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: T > 0 checked, division inside the softmax, overflow considered
- 1 point: bars or points and the reason; what the three temperatures show
- 1 point: two limits (sharp is not deterministic, ties, order unchanged, one step is no text)
### END RUBRIC
"""

# %% [markdown] exercise="a_picture_of_penalties" points=3 optional=true
r"""
### In your own words · a_picture_of_penalties · optional

Interview question. “Fit 200 examples with 50 features, of which 10 matter, by least squares, lasso and ridge with α = 10, and plot the coefficients.” What do you plot, and what do you print beside it? A candidate concludes: “lasso finds the important features, ridge keeps them all, and least squares is noisy.” Which part holds, and what is wrong with the comparison?

### BEGIN SOLUTION
True and learned coefficients of each model as points or stems, not lines, since features have no order; the number of non-zero ones (by absolute value), and the held-out error of each.

Holds: the lasso has exact zeros, ridge has not. Does not follow: the two α are not comparable, since scikit-learn divides the lasso's squared error by 2n and ridge's by nothing; α = 10 is strong for one and weak for the other. At this α the lasso loses some of the true features and shrinks the rest. With 160 training rows for 50 features least squares is near the truth and predicts about as well; it becomes noisy when rows are scarce or features alike. Choose each α by cross-validation, and compare held-out errors.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: points or bars for true and learned coefficients, non-zero counts, held-out error
- 1 point: exact zeros of the lasso hold; α is not the same strength in both
- 1 point: α by cross-validation, and least squares is not bad as such (rows against features)
### END RUBRIC
"""

# %% [markdown]
r"""
### Aloud, for two

One of you asks and looks at the screen, the other stands at the board. *Show the rubric* is for whoever asks: tick what was said, note the points, then change places. All free-text questions of the lessons that you have are in here; those that earned least come back first. Alone? Record yourself, then play the examiner. It is unpleasant, and it works.
"""

# %%
print(f"{len(questions())} questions")
oral_exam()

# %% [markdown]
r"""
## 17 · What to read again

Passed hunts, passed exercises of the lessons, and the points that were given aloud. It is no grade: a theme with → is an evening well spent.
"""

# %%
theme_scores("interview_room", themes)

# %% [markdown]
r"""
## 18 · The course on a page

Eight rows, to be covered with a hand and said aloud.

| topic | ideas | models | how it is trained, used and judged | mathematics |
|---|---|---|---|---|
| Tokens (02) | text to ids and back; words outside the vocabulary; subwords, bytes | BPE, WordPiece, unigram; a module of its own | merges by frequency; bits per byte | frequencies, likelihood |
| Linear and softmax models (04, 05) | scores to probabilities; classes of texts | linear, logistic, softmax classifier | SGD, mini-batches, maximum likelihood | dot product, softmax, cross-entropy |
| Feed-forward networks (04–06) | non-linearity; logistic regressions of logistic regressions; capacity | MLP, deep averaging network | backpropagation, dropout, weight decay, schedules | ReLU, sigmoid, tanh, GELU |
| Word vectors (07) | similar contexts, similar meaning; dense against sparse | skip-gram, CBOW, GloVe, fastText | negative sampling; analogies, tasks | dot product, PPMI, skip-gram loss |
"""

# %% [markdown]
r"""
| topic | ideas | models | how it is trained, used and judged | mathematics |
|---|---|---|---|---|
| Recurrent networks (09, 10) | any length; a state that summarises; vanishing and exploding gradients | RNN, bidirectional, stacked, LSTM, GRU | backpropagation through time, clipping, perplexity | gates, products of Jacobians |
| Sequence to sequence (11) | conditional language model; the bottleneck | encoder and decoder | teacher forcing, beam search, BLEU | $\prod_t p(y_t \mid y_{<t}, x)$ |
| Transformer (12–15) | query, key, value; everything in parallel in training; order added | encoder, decoder, GPT; residuals, layer norm | masks, warm-up; sampling | scaled dot-product attention, positions |
| Pretrained models (15, 16, 20) | transfer; both directions or one | ELMo, BERT, RoBERTa, ELECTRA, DeBERTa, T5, GPT | pretraining, fine-tuning, LoRA, preferences | masked and causal objectives, cross-entropy |

Sampling (18), mixtures of experts (17) and scaling (19) belong to every row from the Transformer on.

Popular notes put beam search and layer norm under *training*, and an L2 penalty under word2vec. Ask of every entry of such a table whether it is what its column says.
"""

# %% [markdown]
r"""
### Eight short answers, and what is wrong with them

Study notes love one-liners. Say which condition each leaves out, before you read on.

| the card says | what it leaves out |
|---|---|
| *vanishing gradient*: the sigmoid's slope is near 0 at its ends | in an RNN the product over time vanishes with slopes of 1, too, if the singular values of $W$ are below 1 |
| *perplexity* is $e^{H}$ | to the base of the logarithm that the loss used; for a model it is the cross-entropy, not the entropy |
| *causal mask*: −∞, so $e^{-\infty} = 0$ | unless all keys of a row are masked: then it is 0/0 |
| *RoPE*: similarity decays with distance | scores depend on the relative position; a decay holds on average, for like vectors |
"""

# %% [markdown]
r"""
| the card says | what it leaves out |
|---|---|
| *checkpointing*: memory for 33 % more compute | about one more forward pass; how much memory depends on the places |
| *BPE* merges the most frequent pair | within words or pieces; ties need a rule |
| *teacher forcing*: the true token as next input | in training only; in use the model reads its own |
| *temperature*: T < 1 deterministic | sharper. Only greedy choice is deterministic |
"""

# %% [markdown]
r"""
### All cards

Every flash card of the course, those of today first. The schedule estimates for each card when you would forget it.
"""

# %%
flash_cards()

# %% [markdown]
r"""
## 19 · Where this came from, and where it goes

- **Roediger and Karpicke (2006)**, *Test-Enhanced Learning*: a week later, students who had recalled a text remembered more of it than those who had read it again; after five minutes it was the other way round. **Dunlosky et al. (2013)** review ten techniques of study; practice testing and distributed practice come out best.
- **Butler and Roediger (2008)**: a test helps more with feedback, and feedback undoes what a wrong choice may teach. That is why each hunt says what is wrong with a half repair.
- **DeMillo, Lipton and Sayward (1978)**: mutation testing. The cases behind every check of this course were chosen so that small faults fail them.
- The schedule of the cards is FSRS (as of November 2026, the package `fsrs`).

**Limits.** A hunt tells you that there is a fault; Friday's code does not. An interview also asks what you built and why, for which no check exists. And what employers ask changes faster than a course: these questions are those of the notes that this course grew from.
"""

# %%
flash_cards("21_interview_room")
