# ---
# jupyter:
#   course:
#     title: How can a model grow without costing more?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# How can a model grow without costing more?

A larger network knows more, and every one of its numbers takes part in every token: twice the parameters, twice the work. Must a model that knows the favourite food of every animal think of all of them whenever it reads *the*?

A ***mixture of experts*** stores many small networks and lets each token use a few. The picture counts one such layer, with two experts used per token: what is stored grows {{32 = stored[-1] / stored[0]}}-fold from left to right, what a token meets {{hardly at all : active[-1] < 1.15 * active[0]}}.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.checks import check, show_answer, yours
from course_lib.moe import Expert, Routing

torch.set_printoptions(precision=3, sci_mode=False)

# %%
from course_lib import moe
from course_lib.figures import moe as figures
from course_lib.figures.style import show
from course_lib.widgets.moe import capacity_explorer, expert_reader, router_explorer, watch_loads
from course_lib.widgets.training import watch

torch.set_num_threads(1)  # matrices this small are faster on one core

layers = {n: moe.MoE(d_model=64, d_ff=128, n_experts=n, top_k=2) for n in (2, 4, 8, 16, 32, 64)}
stored = [sum(weight.numel() for weight in layer.parameters()) for layer in layers.values()]
active = [moe.active_parameters(layer) for layer in layers.values()]
show(
    figures.growth(list(layers), stored, active, "Many parameters stored, few used per token"),
    alt="The more experts, the more parameters are stored; those that a token meets stay almost level.",
)
print(f"stored: {stored[-1] / stored[0]:.0f} times as many; active: {active[-1] / active[0]:.2f} times as many")

# %% [markdown]
r"""
## What you will be able to do

- write a router that learns, also with one expert per token;
- send tokens to their experts without a loop over tokens and without large buffers, and add up what comes back;
- say what capacity is, which tokens are dropped, what becomes of them, and how dropping can leak the future;
- keep experts equally busy with a balancing loss, and say where its gradient flows; or with a bias, without any loss;
- count stored and active parameters, for your layer and for a published model;
- train a mixture beside a dense network of the same cost, and say when it pays.

**Time** about 90 minutes, best in two sittings (sections 1 to 4, and the rest); another 85 for what is marked optional. **Builds on** [01 Information](01_information.ipynb) (softmax, cross-entropy), [14 Transformer](14_transformer.ipynb) (the feed-forward network, the residual sum) and [15 GPT](15_gpt.ipynb).
**Sizes** B sequences, T tokens of each, N tokens in all, E experts, k experts per token, `d_model` features of a token, `d_ff` hidden features of one expert.
"""

# %% [markdown]
r"""
## 1 · What a feed-forward network is for

Attention moves information between tokens. The feed-forward network after it works on each token alone: $d_{model} \to d_{ff} \to d_{model}$. It holds most of a Transformer's weights, and much of what the model *knows* (Geva et al. 2021 read it as a table of keys and values).

How much can it know? Here is a test with nothing else in it. There are 64 animals and a number of questions (what does it eat, where does it sleep, …); each pair has one of 32 answers, drawn at random. There is no rule to find, only facts to store.
"""


# %%
class Memory(nn.Module):
    """Asked (animal, question), give logits of 32 answers: embeddings, one layer, one matrix."""

    def __init__(self, n_questions, layer, d_model=32):
        super().__init__()
        self.animals, self.questions = nn.Embedding(64, d_model), nn.Embedding(n_questions, d_model)
        self.norm, self.layer, self.answer = nn.LayerNorm(d_model), layer, nn.Linear(d_model, 32)

    def forward(self, pairs):  # (B, T, 2) → (B, T, 32)
        x = self.animals(pairs[..., 0]) + self.questions(pairs[..., 1])
        return self.answer(x + self.layer(self.norm(x)))


def facts(n_questions):
    """The truth: (64, n_questions) answers."""
    return torch.randint(32, (64, n_questions), generator=torch.Generator().manual_seed(0))


# %%
from course_lib.budget import budget
from course_lib.device import best_device
from course_lib.train import Trainer

device = best_device()


# %%
def teacher(model, n_questions, steps):
    """A trainer that asks the model random questions and tells it the answers."""
    truth = facts(n_questions).to(device)

    def draw(generator):
        pick = lambda size: torch.randint(size, (8, 64), generator=generator)
        return torch.stack([pick(64), pick(n_questions)], dim=-1).to(device)  # (B, T, 2)

    def loss(model, pairs):
        answers = truth[pairs[..., 0], pairs[..., 1]]
        wrong = F.cross_entropy(model(pairs).flatten(0, 1), answers.flatten())
        return wrong + moe.auxiliary_loss(model) if hasattr(model.layer, "aux_loss") else wrong  # section 5

    return Trainer(model, draw, loss, steps=steps, lr=0.01)


@torch.no_grad()
def recalled(model, n_questions):
    """The share of all facts that the model answers correctly."""
    pairs = torch.cartesian_prod(torch.arange(64), torch.arange(n_questions)).view(64, n_questions, 2)
    return (model.eval()(pairs.to(device)).argmax(-1).cpu() == facts(n_questions)).float().mean().item()


# %%
def recall_curve(name, make_layer):
    """Train one memory for each number of facts; return what each recalls."""
    shares = []
    for n_questions in (16, 32, 64):
        torch.manual_seed(0)
        model = Memory(n_questions, make_layer()).to(device)
        trainer = teacher(model, n_questions, steps=budget(full=500, short=10))
        list(watch(trainer, f"{name}, {64 * n_questions} facts", unit="nats", curve=False))
        shares.append(recalled(model, n_questions))
    return shares


narrow, wide = "narrow: 32 hidden features", "wide: 256 hidden features"
dense = {
    narrow: recall_curve("narrow", lambda: Expert(32, 32)),
    wide: recall_curve("wide", lambda: Expert(32, 256)),
}

# %%
from course_lib.figures.attention import recall

show(
    recall([1024, 2048, 4096], dense, "The narrow network fills up"),
    alt=f"Share of 4,096 facts recalled: the narrow network {dense[narrow][-1]:.0%}, the wide one {dense[wide][-1]:.0%}.",
)

# %% [markdown]
r"""
The wide network has room for {{nearly all the facts : dense[wide][-1] > 0.9}}, the narrow one for {{a quarter : abs(dense[narrow][-1] - 0.25) < 0.05}} of 4,096, and the wide one multiplies {{eight : 256 / 32 == 8}} times as many numbers for each of them. (One run each.) But a fact about a mouse's breakfast needs the weights that store *that*, and few others. So: store much, use little of it at a time, and learn which.
"""

# %% [markdown]
r"""
## 2 · The router

Keep $E$ feed-forward networks, the ***experts*** $f_1, \dots, f_E$ with $f_e(x) = W_{down}\, \mathrm{GELU}(W_{up}\, x)$, and one matrix $W_r$ of shape $(E, d_{model})$, the ***router***. For a token $x$ of $d_{model}$ features:

1. **Score** every expert: $r = W_r\, x$, $E$ numbers.
2. **Softmax** over the experts: $p_e = e^{r_e} / \sum_j e^{r_j}$.
3. **Choose** the $k$ largest; call them the set $\mathcal{T}$.
4. **Gates**: for $k > 1$ the chosen probabilities are divided by their sum, $g_e = p_e / \sum_{j \in \mathcal{T}} p_j$, so that they sum to 1.

The layer returns $\; y = \sum_{e \in \mathcal{T}} g_e\, f_e(x)$. Experts outside $\mathcal{T}$ are not computed: that is the saving. The field calls it ***top-k routing***, and the layer ***sparsely activated***.
"""

# %% [markdown]
r"""
### By hand

Three experts, $k = 2$, scores $r = (2, 0, 1)$. The exponentials are {{7.389 = r.exp()[0]}}, {{1 = r.exp()[1]}} and {{2.718 = r.exp()[2]}}, their sum is {{11.107 = r.exp().sum()}}:

| expert | $r$ | $p$ | chosen | gate |
|---|---|---|---|---|
| 0 | 2 | {{0.665 = p[0]}} | yes | 0.665 / {{0.910 = p[0] + p[2]}} = {{0.731 = p[0] / (p[0] + p[2])}} |
| 1 | 0 | {{0.090 = p[1]}} | no | |
| 2 | 1 | {{0.245 = p[2]}} | yes | 0.245 / 0.910 = {{0.269 = p[2] / (p[0] + p[2])}} |

Dividing by the sum cancels what the others contributed: the gates are {{the softmax of the chosen scores alone :
torch.allclose(p[[0, 2]] / (p[0] + p[2]), r[[0, 2]].softmax(-1))}}, here of (2, 1).
"""

# %%
r = torch.tensor([2.0, 0.0, 1.0])
p = r.softmax(-1)
print("probabilities", p.numpy().round(3), "  chosen two sum to", round(float(p[0] + p[2]), 3))
print(
    "gates        ",
    (p[[0, 2]] / (p[0] + p[2])).numpy().round(3),
    "  softmax of (2, 1):",
    r[[0, 2]].softmax(-1).numpy().round(3),
)

# %% [markdown]
r"""
Follow a few tokens through a router whose weights are random, as before training. Choose another word, or more experts.
"""

# %%
sentence = "the hungry mouse eats old cheese".split()
router_explorer(sentence, 1.3 * torch.randn(6, 8, generator=torch.Generator().manual_seed(3)))

# %% [markdown]
r"""
### Question · gate_by_hand · optional

The probabilities of four experts are 0.5, 0.1, 0.3 and 0.1, and $k = 2$. How large is the gate of the expert in second place? Write a number with three decimals.
"""

# %% exercise="gate_by_hand" points=1 optional=true kind="number"
### BEGIN SOLUTION
gate_by_hand = 0.375
### END SOLUTION

# %% mistake="gate_by_hand" name="not_renormalised" hint="That is its probability. Divide it by the sum of the two chosen ones, 0.8." active="py"
gate_by_hand = 0.3

# %% mistake="gate_by_hand" name="first_place" hint="That is the gate of the expert in first place." active="py"
gate_by_hand = 0.625

# %% mistake="gate_by_hand" name="softmax_of_probs" hint="You took a softmax of probabilities. They went through one already: divide by their sum." active="py"
gate_by_hand = 0.450

# %% [markdown]
r"""
### A router that cannot learn

The choice of the $k$ largest has no gradient. The router learns only through the gates: *give this expert's answer more weight*. Now take $k = 1$ and divide by the sum of the chosen:

$$g = \frac{p_e}{p_e} = 1,$$

a constant, whatever $W_r$ is. Its gradient is {{exactly 0 : gradient(1, True) == 0}}, and the router stays as it was drawn. So with one expert per token the gate is the probability itself, $g = p_e$ (Switch Transformer, Fedus et al. 2022). For $k \ge 2$ dividing is right.

### Question · one_expert · optional

A layer with $k = 1$ and $g = p_e$ returns $p_e\, f_e(x)$ with $p_e < 1$: less than its expert said. What follows?

- **a** The output is wrong and must be divided by $p_e$ afterwards.
- **b** Nothing bad: the expert can learn to return more, and the factor is what teaches the router.
- **c** All experts must be computed to make up for the missing probability.
"""

# %% exercise="one_expert" points=1 optional=true kind="choice" choices="a b c"
### BEGIN SOLUTION
one_expert = "b"
### END SOLUTION

# %% mistake="one_expert" name="a" hint="Dividing by p_e makes the factor p_e / p_e = 1 again: the router would get no gradient." active="py"
one_expert = "a"

# %% mistake="one_expert" name="c" hint="Then nothing would be saved. The experts and the residual sum adapt to the factor." active="py"
one_expert = "c"

# %% [markdown]
r"""
### Exercise · route_top_k

The four steps above, for any number of leading dimensions. Above: logits $(2, 0, 1)$ and $k = 2$ give experts ${{(0, 2) : route_top_k(r, 2)[0].tolist() == [0, 2]}}$ with gates $({{0.731 = route_top_k(r, 2)[1][0]}}, {{0.269 = route_top_k(r, 2)[1][1]}})$; with $k = 1$ expert {{0 = route_top_k(r, 1)[0]}} and its probability, {{0.665 = route_top_k(r, 1)[1]}}.
"""


# %% exercise="route_top_k" points=2 withheld="course_lib.moe.route_top_k"
def route_top_k(logits: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """Choose each token's experts, and how much each of them counts.

    logits   (..., E) the router's score of every expert, also very large ones
    top_k    k, experts per token
    returns  experts (..., k) int64, the likeliest first, and gates (..., k): their probabilities under
             a softmax over all E experts, divided by their sum if k > 1, as they are if k = 1.
             Gradients flow from the gates to the logits

    Raises ValueError when top_k is less than 1 or more than E.

    Example: logits [2, 0, 1] and top_k 2 give experts [0, 2] and gates [0.731, 0.269].
    """
    ### BEGIN SOLUTION
    if not 1 <= top_k <= logits.size(-1):
        raise ValueError(f"top_k must be between 1 and {logits.size(-1)}, got {top_k}")
    gates, experts = logits.softmax(-1).topk(top_k, dim=-1)
    if top_k > 1:
        gates = gates / gates.sum(-1, keepdim=True)
    return experts, gates
    ### END SOLUTION


# %% [markdown] hints="route_top_k"
r"""
1. Which of the two results of `topk` are the gates? What does dividing by their sum do for k = 1?
2. Softmax over the experts, the k largest, and their probabilities divided by their sum; with one expert per token the probability itself stays the gate.
3. `gates, experts = logits.softmax(-1).topk(…)`; the division stands behind an `if`.
"""


# %% cases="route_top_k" active="py"
def cases(seed):
    yield Case({"logits": torch.tensor([2.0, 0.0, 1.0]), "top_k": 2}, note="the example by hand")
    yield Case({"logits": torch.tensor([2.0, 0.0, 1.0]), "top_k": 1}, note="one expert per token")
    yield Case({"logits": random_tensor(seed, 5, 6), "top_k": 3}, note="five tokens")
    yield Case({"logits": random_tensor(seed + 1, 2, 3, 4), "top_k": 4}, note="all experts, two sequences")
    yield Case({"logits": random_tensor(seed + 2, 2, 3), "top_k": 4}, note="more than there are")
    yield Case({"logits": random_tensor(seed + 2, 2, 3), "top_k": 0}, note="none")
    shifted = random_tensor(seed + 3, 3, 5) + torch.tensor([[-1000.0], [0.0], [1000.0]])
    yield Case({"logits": shifted, "top_k": 2}, note="rows of very different size")
    yield Case({"logits": random_tensor(seed + 4, 4, 3), "top_k": 1, "gradients": True}, note="gradients, k = 1")
    yield Case({"logits": random_tensor(seed + 5, 3, 5), "top_k": 3, "gradients": True}, note="gradients, k = 3")


# %% probe="route_top_k" active="py"
def probe(student, case):
    logits = case["logits"].clone().requires_grad_()
    experts, gates = student(logits, case["top_k"])
    if not case.get("gradients"):
        return experts, gates.detach()
    gates.square().sum().backward()
    return {"experts": experts, "gates": gates.detach(), "gradient of the logits": logits.grad}


# %% equivalents="route_top_k" active="py"
equivalents = {
    "logits.softmax(-1).topk(top_k, dim=-1) → logits.softmax(-1).topk(top_k)": "the last dimension is the default",
    "gates = gates / gates.sum(-1, keepdim=True) → gates /= gates.sum(-1, keepdim=True)": "gates was made here",
}


# %% mistake="route_top_k" name="not_renormalised" hint="For k > 1 your gates do not sum to 1. Divide the chosen probabilities by their sum." active="py"
def route_top_k(logits, top_k, right=route_top_k):
    experts, _ = right(logits, top_k)
    return experts, logits.softmax(-1).gather(-1, experts)


# %% mistake="route_top_k" name="constant_gate" hint="With k = 1 your gate is p/p = 1 for every token, a constant that teaches the router nothing. Keep the probability." active="py"
def route_top_k(logits, top_k, right=route_top_k):
    experts, gates = right(logits, top_k)
    return experts, gates / gates.sum(-1, keepdim=True)


# %% mistake="route_top_k" name="gates_are_logits" hint="Your gates are scores divided by their sum; they can be negative. Take the softmax first." active="py"
def route_top_k(logits, top_k, right=route_top_k):
    experts, _ = right(logits, top_k)
    chosen = logits.gather(-1, experts)
    return experts, chosen / chosen.sum(-1, keepdim=True) if top_k > 1 else chosen


# %% mistake="route_top_k" name="swapped" hint="You return gates first. The docstring asks for experts, then gates; topk gives values first." active="py"
def route_top_k(logits, top_k, right=route_top_k):
    return right(logits, top_k)[::-1]


# %% mistake="route_top_k" name="no_check" hint="Right for every k that makes sense. For the others the docstring asks for a ValueError that says so." active="py"
def route_top_k(logits, top_k):
    gates, experts = logits.softmax(-1).topk(max(top_k, 0), dim=-1)
    return experts, gates / gates.sum(-1, keepdim=True) if top_k > 1 else gates


# %% [markdown]
r"""
How much gradient reaches the router? One token, eight experts, the squared gate as a stand-in for the loss.
"""

# %%
route = yours("moe.route_top_k", moe.route_top_k)


def gradient(top_k, divide):
    logits = torch.randn(8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    gates = route(logits, top_k)[1]
    gates = gates / gates.sum() if divide else gates
    gates.square().sum().backward()
    return logits.grad.abs().max().item()


print(f"k = 2, divided by the sum: largest gradient {gradient(2, True):.1e}")
print(f"k = 1, divided by the sum: largest gradient {gradient(1, True):.1e}   (a constant teaches nothing)")
print(f"k = 1, the probability:    largest gradient {gradient(1, False):.1e}")

# %% [markdown]
r"""
## 3 · Sending tokens to their experts

Each of $N$ tokens makes $k$ ***assignments***, $N k$ in all. A loop over tokens would call an expert for one token at a time, the slowest thing one can do to a matrix product. A mask of tokens × experts × $k$ costs memory that grows with the number of experts, which is what sparse routing is meant to avoid.

**Sort.** Number the assignments $a = 0 \dots Nk - 1$, token by token: assignment $a$ belongs to token $\lfloor a / k \rfloor$. Sort them by expert (***dispatch***). Now every expert's assignments stand side by side, one slice each, and each expert is called once.
"""

# %% [markdown]
r"""
By hand, three tokens with $k = 2$:

| token | 0 | 0 | 1 | 1 | 2 | 2 |
|---|---|---|---|---|---|---|
| assignment $a$ | 0 | 1 | 2 | 3 | 4 | 5 |
| expert | 1 | 0 | 1 | 2 | 0 | 1 |

Sorted by expert: 1, 4 (expert 0); 0, 2, 5 (expert 1); 3 (expert 2). So the order is ${{(1, 4, 0, 2, 5, 3) : dispatch(torch.tensor([[1, 0], [1, 2], [0, 1]]), 3)[0].tolist() == [1, 4, 0, 2, 5, 3]}}$ and the counts are ${{(2, 3, 1) : dispatch(torch.tensor([[1, 0], [1, 2], [0, 1]]), 3)[1].tolist() == [2, 3, 1]}}$.

Some assignments may be dropped before (section 4 says why): a boolean tensor `kept` tells which remain.

### Exercise · dispatch
"""


# %% exercise="dispatch" points=2 withheld="course_lib.moe.dispatch"
def dispatch(experts: Tensor, n_experts: int, kept: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Sort the assignments by expert, so that each expert finds its own in one slice.

    experts    (..., k) int64, the choices of each token
    n_experts  E
    kept       (..., k) boolean, False = dropped; None: all are kept
    returns    order (A,) int64, the kept assignments as indices into experts.flatten(): those of expert 0 first, and
               each expert's in their original order; and counts (E,) int64, how many of them each expert has, 0 too

    Example: experts [[1, 0], [1, 2], [0, 1]] with n_experts 3 give order [1, 4, 0, 2, 5, 3] and counts [2, 3, 1].
    """
    ### BEGIN SOLUTION
    chosen = experts.flatten()
    if kept is not None:
        chosen = chosen.masked_fill(~kept.flatten(), n_experts)  # the dropped go behind the last expert
    counts = torch.bincount(chosen, minlength=n_experts)[:n_experts]
    return chosen.argsort(stable=True)[: counts.sum()], counts
    ### END SOLUTION


# %% [markdown] hints="dispatch"
r"""
1. Which sort keeps equals in their order? What counts the assignments of each expert, also of those that got none?
2. Sort the flat assignments by expert, stably. Those that are dropped get a number above all experts, so that they come last and can be cut off.
3. `torch.bincount(…, minlength=n_experts)` counts; `argsort(stable=True)` orders; the first `counts.sum()` of the order are what remains.
"""


# %% cases="dispatch" active="py"
def cases(seed):
    yield Case({"experts": torch.tensor([[1, 0], [1, 2], [0, 1]]), "n_experts": 3}, note="the example by hand")
    yield Case({"experts": torch.tensor([[2], [0], [2]]), "n_experts": 5}, note="experts without tokens")
    kept = torch.tensor([[True, True], [False, True], [True, False]])
    yield Case({"experts": torch.tensor([[1, 0], [1, 2], [0, 1]]), "n_experts": 3, "kept": kept}, note="two dropped")
    yield Case({"experts": torch.tensor([2, 0]), "n_experts": 3}, note="one token, no leading dimension")
    choices = random_tensor(seed, 2, 9, 6).topk(2).indices
    yield Case({"experts": choices, "n_experts": 6}, note="two sequences")
    yield Case({"experts": choices, "n_experts": 6, "kept": random_tensor(seed + 1, 2, 9, 2) > 0}, note="many dropped")
    choices = random_tensor(seed + 2, 11, 4).topk(3).indices
    yield Case({"experts": choices, "n_experts": 7, "kept": choices > 0}, note="all of expert 0 dropped")
    nobody = torch.zeros(11, 3, dtype=torch.bool)
    yield Case({"experts": choices, "n_experts": 4, "kept": nobody}, note="all dropped")


# %% mistake="dispatch" name="tokens" hint="Your order lists tokens, a // k. It should list the assignments a themselves: the gates are looked up with them." active="py"
def dispatch(experts, n_experts, kept=None, right=dispatch):
    order, counts = right(experts, n_experts, kept)
    return order // experts.size(-1), counts


# %% mistake="dispatch" name="empty_forgotten" hint="Experts after the last busy one are missing from your counts. They have 0: pass minlength to bincount." active="py"
def dispatch(experts, n_experts, kept=None, right=dispatch):
    order, _ = right(experts, n_experts, kept)
    return order, torch.bincount(experts.flatten()[order])


# %% mistake="dispatch" name="dropped_counted" hint="Your counts include the dropped assignments, so the slices would run into each other. Count what is kept." active="py"
def dispatch(experts, n_experts, kept=None, right=dispatch):
    return right(experts, n_experts, kept)[0], torch.bincount(experts.flatten(), minlength=n_experts)


# %% mistake="dispatch" name="dropped_to_zero" hint="Dropped assignments end up with expert 0. Give them a number that no expert has, n_experts, and cut them off." active="py"
def dispatch(experts, n_experts, kept=None, right=dispatch):
    return right(experts if kept is None else experts.masked_fill(~kept, 0), n_experts)


# %% mistake="dispatch" name="kept_ignored" hint="Your version sends the dropped assignments too: kept is not used." active="py"
def dispatch(experts, n_experts, kept=None, right=dispatch):
    return right(experts, n_experts)


# %% [markdown]
r"""
### And back

Gather the rows of the tokens in sorted order, cut them into slices, call each expert on its slice, multiply each row by its gate, and **add** each row to its token's output (`index_add`): with $k = 2$ two rows arrive at the same token, and writing in place of adding would lose one of them.

The buffer for the output is one tensor of the shape of $x$, in the dtype of $x$.

### Exercise · moe_forward

The whole layer for $N$ tokens, without capacity. Each expert may be called **once**, with all of its tokens, and no token may visit an expert that it did not choose: the check counts.
"""


# %% exercise="moe_forward" points=3 needs="route_top_k dispatch" withheld="course_lib.moe.MoE"
def moe_forward(x: Tensor, router_weight: Tensor, experts: list, top_k: int) -> Tensor:
    """Return the gated sum of what the chosen experts make of each token.

    x              (N, d_model) tokens
    router_weight  (E, d_model), scores are x @ router_weight.T
    experts        E functions (n, d_model) → (n, d_model); each is called at most once
    top_k          k, experts per token
    returns        (N, d_model) in the dtype of x, row n is the sum over its k experts of
                   gate · expert(x[n]); gradients flow to x and router_weight

    Gates as in route_top_k. A token's expert gets that token's row and no others.
    """
    ### BEGIN SOLUTION
    chosen, gates = route_top_k(x @ router_weight.T, top_k)
    order, counts = dispatch(chosen, len(experts))
    tokens = order // top_k
    slices = x[tokens].split(counts.tolist())
    results = torch.cat([expert(rows) for expert, rows in zip(experts, slices)])
    return torch.zeros_like(x).index_add(0, tokens, results * gates.flatten()[order, None])
    ### END SOLUTION


# %% [markdown] hints="moe_forward"
r"""
1. Assignment a belongs to which token, and where in `gates.flatten()` is its gate?
2. `dispatch` gives the order. Fetch the tokens in that order, cut them into one slice per expert, call each expert once, weigh the rows, and add each row to its token.
3. `tokens = order // top_k`; `x[tokens].split(counts.tolist())`; at the end `torch.zeros_like(x).index_add(0, …, …)`.
"""


# %% cases="moe_forward" active="py"
def cases(seed):
    def sizes(n, d, n_experts, top_k, seed):
        up, down = random_tensor(seed + 1, n_experts, 5, d), random_tensor(seed + 2, n_experts, d, 5)
        weights = {"router_weight": random_tensor(seed + 3, n_experts, d), "up": up, "down": down}
        return {"x": random_tensor(seed, n, d), "top_k": top_k} | weights

    yield Case(sizes(1, 2, 2, 1, seed), note="one token, one of two experts")
    yield Case(sizes(4, 3, 3, 2, seed + 10), note="four tokens, two of three experts")
    yield Case(sizes(3, 4, 8, 1, seed + 20), note="more experts than tokens")
    yield Case(sizes(12, 4, 5, 3, seed + 30), note="three of five experts")
    yield Case(sizes(6, 3, 4, 4, seed + 40), note="all experts")
    yield Case(sizes(5, 3, 4, 2, seed + 50) | {"dtype": "bfloat16"}, note="half precision")


# %% probe="moe_forward" active="py"
def probe(student, case):
    n_experts, dtype = len(case["up"]), getattr(torch, case.get("dtype", "float32"))
    calls, rows = [0] * n_experts, [0] * n_experts

    def expert(e):
        up, down = case["up"][e].to(dtype), case["down"][e].to(dtype)

        def apply(x):
            calls[e] += len(x) > 0
            rows[e] += len(x)
            return F.gelu(x @ up.T) @ down.T

        return apply

    x, weight = (case[name].to(dtype, copy=True).requires_grad_() for name in ("x", "router_weight"))
    output = student(x, weight, [expert(e) for e in range(n_experts)], case["top_k"])
    if "dtype" in case:
        return {"dtype": str(output.dtype), "shape": list(output.shape)}
    output.square().sum().backward()
    outcome = {"output": output.detach(), "gradient of x": x.grad, "gradient of the router": weight.grad}
    return outcome | {"most calls of one expert": max(calls), "tokens of each expert": rows}


# %% mistake="moe_forward" name="token_by_token" hint="The output is right, but you call an expert for one token at a time. Sort by expert and call each once, with all its tokens." active="py"
def moe_forward(x, router_weight, experts, top_k, right=moe_forward):
    return torch.cat([right(row[None], router_weight, experts, top_k) for row in x])


# %% mistake="moe_forward" name="everyone_works" hint="The output is right, but every expert sees every token: the work grows with the number of experts. Send it only the tokens that chose it." active="py"
def moe_forward(x, router_weight, experts, top_k):
    chosen, gates = route_top_k(x @ router_weight.T, top_k)
    weights = torch.zeros(len(x), len(experts)).scatter(1, chosen, gates)
    return sum(weights[:, e, None] * expert(x) for e, expert in enumerate(experts))


# %% mistake="moe_forward" name="overwritten" hint="Where two experts answer for a token, only one of the answers survives: add rows to the output, do not assign them." active="py"
def moe_forward(x, router_weight, experts, top_k):
    chosen, gates = route_top_k(x @ router_weight.T, top_k)
    order, counts = dispatch(chosen, len(experts))
    tokens = order // top_k
    results = torch.cat([f(rows) for f, rows in zip(experts, x[tokens].split(counts.tolist()))])
    out = torch.zeros_like(x)
    for expert in range(len(experts)):
        mine = chosen.flatten()[order] == expert
        out = out.index_copy(0, tokens[mine], results[mine] * gates.flatten()[order][mine, None])
    return out


# %% mistake="moe_forward" name="gates_unsorted" hint="The rows are sorted by expert, your gates are not: row i is multiplied by a gate of another assignment. Look the gates up with order." active="py"
def moe_forward(x, router_weight, experts, top_k):
    chosen, gates = route_top_k(x @ router_weight.T, top_k)
    order, counts = dispatch(chosen, len(experts))
    tokens = order // top_k
    results = torch.cat([f(rows) for f, rows in zip(experts, x[tokens].split(counts.tolist()))])
    return torch.zeros_like(x).index_add(0, tokens, results * gates.flatten()[:, None])


# %% mistake="moe_forward" name="gates_forgotten" hint="The experts' answers are added without their gates: multiply each by its gate first." active="py"
def moe_forward(x, router_weight, experts, top_k):
    chosen, gates = route_top_k(x @ router_weight.T, top_k)
    order, counts = dispatch(chosen, len(experts))
    tokens = order // top_k
    results = torch.cat([f(rows) for f, rows in zip(experts, x[tokens].split(counts.tolist()))])
    return torch.zeros_like(x).index_add(0, tokens, results + 0.0 * gates.flatten()[order, None])


# %% [markdown]
r"""
## 4 · Full experts

On many devices at once, each expert gets a buffer of fixed size: its ***expert capacity***,

$$C = \left\lceil \text{factor} \cdot \frac{N\,k}{E} \right\rceil .$$

$N k / E$ is each expert's share if all were equally popular. A ***capacity factor*** of 1 leaves no room for anything else; 1.25 to 2 is usual in training. Whoever comes when an expert is full is dropped (***token dropping***): the expert adds nothing for that token.
"""

# %% [markdown]
r"""
- *By hand*: 64 tokens, 8 experts, $k = 2$, factor 1.25: $\lceil 1.25 \cdot 64 \cdot 2 / 8 \rceil = {{20 = expert_capacity(64, 8, 2, 1.25)}}$.
- *Rounded down* it breaks where it hurts most. A model that generates has one token: $1 \cdot 1 \cdot 2 / 8 = {{0.25 = 1 * 1 * 2 / 8}}$, and `int(0.25)` is {{0 = int(0.25)}}. **Every** expert is full, and the layer returns zeros. Round up: {{1 = expert_capacity(1, 8, 2, 1.0)}}.
- The capacity depends on the number of tokens, so it is computed when tokens arrive, not when the layer is built.
- A dropped token is not lost. The block computes $x + \operatorname{MoE}(x)$: the **residual** carries $x$ on, as if this layer had been skipped. Without a residual the token would become a vector of zeros.
- A token that loses one of its two experts keeps the other one's gate as it was. Its gates now sum to less than 1, and the layer says less about it.

### Exercise · expert_capacity
"""


# %% exercise="expert_capacity" points=1 withheld="course_lib.moe.expert_capacity"
def expert_capacity(n_tokens: int, n_experts: int, top_k: int, capacity_factor: float) -> int:
    """Return how many assignments an expert takes.

    n_tokens         N, tokens that are counted together
    n_experts        E
    top_k            k, experts per token
    capacity_factor  1: enough if all experts were equally popular
    returns          factor · N · k / E, rounded up to a whole number

    Raises ValueError when any argument is not positive.

    Example: 64 tokens, 8 experts, top_k 2 and factor 1.25 give 20.
    """
    ### BEGIN SOLUTION
    if min(n_tokens, n_experts, top_k, capacity_factor) <= 0:
        raise ValueError("all arguments must be positive")
    return math.ceil(capacity_factor * n_tokens * top_k / n_experts)
    ### END SOLUTION


# %% [markdown] hints="expert_capacity"
r"""
1. How many assignments are there in all, and what is one expert's equal share? What does `int` do to a share of 0.25?
2. Share times factor, rounded **up**. All four arguments must be above 0, or there is nothing to compute.
3. `math.ceil(capacity_factor * … / n_experts)`.
"""


# %% cases="expert_capacity" active="py"
def cases(seed):
    base = {"n_tokens": 64, "n_experts": 8, "top_k": 2, "capacity_factor": 1.25}
    yield Case(base, note="the example by hand")
    yield Case(base | {"n_tokens": 1, "capacity_factor": 1.0}, note="one token, as in generation")
    yield Case(base | {"n_tokens": 10, "n_experts": 4, "top_k": 1, "capacity_factor": 1.0}, note="a fraction above 1")
    yield Case(base | {"n_tokens": 10, "n_experts": 4, "top_k": 1, "capacity_factor": 1.5}, note="a fraction below 4")
    for i, n_experts in enumerate((16, 2, 32)):  # powers of 2: exact, in whatever order one multiplies
        n, top_k = int(random_integers(seed + i, 20, 500, 1)), int(random_integers(seed + i, 3, 9, 1))
        yield Case({"n_tokens": n, "n_experts": n_experts, "top_k": top_k, "capacity_factor": 1.5}, note="other sizes")
    yield Case(base | {"capacity_factor": 0.0}, note="no room at all")
    yield Case(base | {"capacity_factor": -0.5}, note="a negative factor")
    for name in ("n_tokens", "n_experts", "top_k"):
        yield Case(base | {name: 0}, note=f"{name} is 0")


# %% mistake="expert_capacity" name="rounded_down" hint="You round down. One token alone then has a capacity of 0 and is dropped by every expert: round up." active="py"
def expert_capacity(n_tokens, n_experts, top_k, capacity_factor, right=expert_capacity):
    right(n_tokens, n_experts, top_k, capacity_factor)
    return int(capacity_factor * n_tokens * top_k / n_experts)


# %% mistake="expert_capacity" name="top_k_forgotten" hint="Each token makes k assignments: there are N · k of them to share, not N." active="py"
def expert_capacity(n_tokens, n_experts, top_k, capacity_factor, right=expert_capacity):
    return right(n_tokens, n_experts, 1, capacity_factor)


# %% mistake="expert_capacity" name="at_least_one" hint="Rounding down and then taking at least 1 cures a single token, and still cuts off fractions: 10 · 1 / 4 = 2.5 must become 3." active="py"
def expert_capacity(n_tokens, n_experts, top_k, capacity_factor, right=expert_capacity):
    right(n_tokens, n_experts, top_k, capacity_factor)
    return max(1, int(capacity_factor * n_tokens * top_k / n_experts))


# %% mistake="expert_capacity" name="no_check" hint="A capacity factor of 0 drops everything without a word; the docstring asks for a ValueError." active="py"
def expert_capacity(n_tokens, n_experts, top_k, capacity_factor):
    return math.ceil(capacity_factor * n_tokens * top_k / n_experts)


# %% [markdown]
r"""
Play with it: 32 tokens of one sequence and 8 experts. More imbalance makes some experts popular. What capacity factor would drop nothing, and how much room would then stand empty?
"""

# %%
capacity_explorer()

# %% [markdown]
r"""
### Who is dropped? A leak

Say that an expert has room for 8 tokens and more want it. Which ones go? Three policies:

- **drop at random**: the same text gives different outputs on two calls, even when nothing is trained;
- **drop the least probable**: sensible, and the fate of an early token now depends on how keen *later* tokens are;
- **drop whoever comes last** in the sequence.

Below, 16 tokens compete for one expert with 8 places. Exchange the last token and watch the 15 before it: how often does the fate of at least one of them change?
"""


# %%
def survivors(policy, wants, probs, generator, places=8):
    """Which of the tokens that want the expert get in: (T,) boolean."""
    queue = {
        "in order": torch.arange(len(wants)),
        "least probable dropped": probs.argsort(descending=True),
        "random": torch.randperm(len(wants), generator=generator),
    }[policy]
    queue = queue[wants[queue]]
    return torch.zeros(len(wants), dtype=torch.bool).index_fill(0, queue[:places], True)


generator, trials, changed_fates = torch.Generator().manual_seed(0), budget(full=500, short=50), {}
for policy in ("random", "least probable dropped", "in order"):
    changed = 0
    for _ in range(trials):
        wants, probs = (
            torch.rand(16, generator=generator) < 0.7,
            torch.rand(16, generator=generator),
        )
        before, wants_now = survivors(policy, wants, probs, generator), wants.clone()
        wants_now[-1] = ~wants[-1]  # another last token
        changed += bool((survivors(policy, wants_now, probs, generator) != before)[:-1].any())
    changed_fates[policy] = changed / trials
    print(f"{policy:23} the last token changed an earlier token's fate in {changed / trials:4.0%} of the texts")

# %% [markdown]
r"""
A causal language model must not let token 15 influence what happens at token 3: training would reward peeking at the future, and generation, where there is no future yet, would behave differently. {{Only the order of the sequence is safe :
changed_fates["in order"] == 0 and min(changed_fates["random"], changed_fates["least probable dropped"]) > 0.3}}.

The same happens *across* a batch: if all sequences share one capacity, your answer depends on what others asked in the same moment. So each sequence gets a capacity of its own, and fills it in order, a token's first choice before its second. (GShard and Switch count over groups of tokens and accept a little leakage in training. GShard lets all first choices go before any second choice; that depends on later tokens, too.)

When the model is used, after training, **nothing is dropped at all**.

### Exercise · within_capacity · optional

By hand: one sequence, $k = 1$, capacity 2, choices $(0, 0, 1, 0)$. The fourth token is expert 0's third: {{`[True, True, True, False]` :
within_capacity(torch.tensor([[[0], [0], [1], [0]]]), 2, 2).flatten().tolist() == [True, True, True, False]}}.
"""


# %% exercise="within_capacity" points=3 optional=true needs="dispatch" withheld="course_lib.moe.within_capacity"
def within_capacity(experts: Tensor, n_experts: int, capacity: int) -> Tensor:
    """Say which assignments find room: in every sequence, each expert takes the first `capacity` that come.

    experts    (B, T, k) int64, the choices of each token
    n_experts  E
    capacity   assignments that an expert takes from one sequence
    returns    (B, T, k) boolean, True = has room. Assignments come in the order of
               experts[b].flatten(): token by token, a token's first choice before its second

    Example: [[[0], [0], [1], [0]]] with capacity 2 gives [[[True], [True], [True], [False]]].
    """
    ### BEGIN SOLUTION
    sequence = torch.arange(len(experts), device=experts.device)[:, None, None]
    order, counts = dispatch(experts + n_experts * sequence, n_experts * len(experts))
    starts = (counts.cumsum(0) - counts).repeat_interleave(counts)  # where the queue of each begins
    places = torch.arange(len(order), device=order.device) - starts  # 0 for the first in its queue
    return (torch.empty_like(order).scatter(0, order, places) < capacity).view_as(experts)
    ### END SOLUTION


# %% [markdown] hints="within_capacity"
r"""
1. Within one sequence: how many earlier assignments chose the same expert? And how do you keep the experts of two sequences apart?
2. Give expert e of sequence b a number that only they share, and dispatch: each queue is then one slice, in order. An assignment's place in its queue is its place in the order minus the start of the slice.
3. `queues = experts + n_experts * torch.arange(B)[:, None, None]`; the starts come from `counts.cumsum(0)`; `scatter` along the order brings the places back.
"""


# %% cases="within_capacity" active="py"
def cases(seed):
    yield Case({"experts": torch.tensor([[[0], [0], [1], [0]]]), "n_experts": 2, "capacity": 2}, note="by hand")
    yield Case({"experts": torch.tensor([[[0]], [[0]]]), "n_experts": 2, "capacity": 1}, note="two sequences")
    pairs = torch.tensor([[[0, 1], [1, 0], [0, 1]]])
    yield Case({"experts": pairs, "n_experts": 2, "capacity": 1}, note="first and second choices")
    experts = random_tensor(seed, 3, 10, 4).topk(2).indices
    yield Case({"experts": experts, "n_experts": 4, "capacity": 3}, note="three sequences of ten tokens")
    yield Case({"experts": experts, "n_experts": 6, "capacity": 50}, note="room for all")
    experts = random_tensor(seed + 1, 2, 7, 5).topk(3).indices
    yield Case({"experts": experts, "n_experts": 5, "capacity": 4}, note="three experts per token")
    experts = random_integers(seed + 2, 0, 3, 4, 12, 1)
    yield Case({"experts": experts, "n_experts": 3, "capacity": 2}, note="one expert per token")


# %% equivalents="within_capacity" active="py"
equivalents = {
    "counts.cumsum(0) → counts.cumsum(-1)": "it has one dimension",
    "torch.empty_like(order).scatter(0, order, places) → torch.empty_like(order).scatter(-1, order, places)": (
        "it has one dimension"
    ),
}


# %% mistake="within_capacity" name="one_queue_for_the_batch" hint="Your sequences share one capacity, so what happens to one depends on the others. Count each sequence for itself." active="py"
def within_capacity(experts, n_experts, capacity, right=within_capacity):
    return right(experts.flatten(0, 1)[None], n_experts, capacity).view_as(experts)


# %% mistake="within_capacity" name="first_choices_first" hint="All first choices go before any second choice in your version. Then a token's second choice depends on later tokens: the future leaks. Count token by token." active="py"
def within_capacity(experts, n_experts, capacity, right=within_capacity):
    turned = experts.transpose(1, 2).contiguous()
    return right(turned, n_experts, capacity).transpose(1, 2)


# %% mistake="within_capacity" name="queue_per_choice" hint="First and second choices fill separate queues in your version, so an expert can take twice its capacity. Both need a place in the same queue." active="py"
def within_capacity(experts, n_experts, capacity, right=within_capacity):
    return torch.cat([right(choice, n_experts, capacity) for choice in experts.split(1, dim=-1)], dim=-1)


# %% mistake="within_capacity" name="one_too_many" hint="Your experts take one assignment more than their capacity: the first in a queue has place 1, or place 0 with a strict <." active="py"
def within_capacity(experts, n_experts, capacity, right=within_capacity):
    return right(experts, n_experts, capacity + 1)


# %% mistake="within_capacity" name="last_come_first_served" hint="You keep the last tokens and drop the first: whether an early token is dropped then depends on later ones." active="py"
def within_capacity(experts, n_experts, capacity, right=within_capacity):
    return right(experts.flip(1, 2), n_experts, capacity).flip(1, 2)


# %% [markdown]
r"""
*A good place to stop for today.*

## 5 · The rich get richer

An expert that is chosen is trained; an expert that is trained is worth choosing. Nothing so far stops this from ending with one busy expert and seven that never learn: ***router collapse***. Capacity does not cure it: it only cuts off what is too much.

The ***load-balancing loss*** (Switch Transformer), an ***auxiliary loss*** beside the one of the task, looks at a batch of $N$ tokens:

$$L_{balance} = E \sum_{e=1}^{E} f_e\, P_e, \qquad f_e = \frac{\text{assignments to } e}{N k}, \qquad P_e = \frac1N \sum_{n=1}^{N} p_{n,e} .$$
"""

# %% [markdown]
r"""
$f_e$ is what the expert **got**, $P_e$ what the router **meant**; both sum to 1 over the experts. $f$ is a count and has no gradient. $P$ has one, and its factor is $f$: the busier an expert, the harder its probability is pushed down.

- Balanced: $f_e = P_e = 1/E$, so $L = E \cdot E \cdot \frac{1}{E^2} = 1$, whatever $E$ is.
- Collapsed: $f_1 = P_1 = 1$, so $L = E$.
- *By hand*: two experts, two tokens with $p = (0.75, 0.25)$, both sent to the first. $f = (1, 0)$, $P = (0.75, 0.25)$, $L = 2 \cdot (1 \cdot 0.75 + 0 \cdot 0.25) = {{1.5 =
load_balancing_loss(torch.tensor([[0.75, 0.25]] * 2), torch.tensor([[0], [0]]))}}$.

Some libraries do not divide $f$ by $k$ (Hugging Face `transformers` is one); their value is $k$ times ours, and the weight of the loss must be chosen accordingly. About 0.01 is usual.

### Exercise · load_balancing_loss
"""


# %% exercise="load_balancing_loss" points=2 withheld="course_lib.moe.load_balancing_loss"
def load_balancing_loss(probs: Tensor, experts: Tensor) -> Tensor:
    """Return E · Σ_e f_e · P_e.

    probs    (..., E) the router's probabilities of every token; P_e is their mean over all tokens
    experts  (..., k) int64, the choices of every token; f_e is the share of all assignments that chose e
    returns  a scalar, 1 when all experts are used alike. Its gradient reaches probs through P alone

    Example: probs [[0.75, 0.25], [0.75, 0.25]] and experts [[0], [0]] give 1.5.
    """
    ### BEGIN SOLUTION
    n_experts = probs.size(-1)
    got = torch.bincount(experts.flatten(), minlength=n_experts) / experts.numel()
    meant = probs.flatten(0, -2).mean(0)
    return n_experts * (got * meant).sum()
    ### END SOLUTION


# %% [markdown] hints="load_balancing_loss"
r"""
1. Two vectors of E numbers that each sum to 1: which is counted, and which is a mean?
2. What the experts got is a share of the choices, and has no gradient; what the router meant is the mean of its probabilities over all tokens, and has one. Multiply, sum, times E.
3. `got = torch.bincount(experts.flatten(), minlength=E) / …`, `meant = probs.flatten(0, -2).mean(…)`.
"""


# %% cases="load_balancing_loss" active="py"
def cases(seed):
    probs = torch.tensor([[0.75, 0.25], [0.75, 0.25]])
    yield Case({"probs": probs, "experts": torch.tensor([[0], [0]])}, note="the example by hand")
    even, all_ways = torch.full((4, 4), 0.25), torch.tensor([[0], [1], [2], [3]])
    yield Case({"probs": even, "experts": all_ways}, note="perfect balance: 1")
    probs = random_distributions(seed, 9, 5)
    yield Case({"probs": probs, "experts": probs.topk(2).indices}, note="two experts per token")
    probs = random_distributions(seed + 1, 2, 6, 4)
    yield Case({"probs": probs, "experts": probs.topk(3).indices}, note="two sequences")
    others = random_integers(seed + 2, 0, 5, 3, 1)
    yield Case({"probs": random_distributions(seed + 2, 3, 7), "experts": others}, note="not the likeliest were chosen")


# %% probe="load_balancing_loss" active="py"
def probe(student, case):
    probs = case["probs"].clone().requires_grad_()
    loss = student(probs, case["experts"])
    if loss.requires_grad:
        loss.backward()
    return {"loss": loss.detach(), "gradient of probs": probs.grad}


# %% mistake="load_balancing_loss" name="not_divided_by_k" hint="Your f sums to k, not to 1: divide the counts by all N · k assignments. Perfect balance should give 1." active="py"
def load_balancing_loss(probs, experts, right=load_balancing_loss):
    return experts.size(-1) * right(probs, experts)


# %% mistake="load_balancing_loss" name="factor_e_missing" hint="Without the factor E perfect balance gives 1/E, and the weight of the loss would have to change with the number of experts." active="py"
def load_balancing_loss(probs, experts, right=load_balancing_loss):
    return right(probs, experts) / probs.size(-1)


# %% mistake="load_balancing_loss" name="counts_only" hint="You multiply f with f. Counting has no gradient, so nothing would learn from this loss: one of the two must be the mean probability P." active="py"
def load_balancing_loss(probs, experts):
    got = torch.bincount(experts.flatten(), minlength=probs.size(-1)) / experts.numel()
    return probs.size(-1) * (got * got).sum()


# %% mistake="load_balancing_loss" name="probabilities_only" hint="You multiply P with P and never look at what the experts got. A router can be even on average while its largest choice is always the same." active="py"
def load_balancing_loss(probs, experts):
    meant = probs.flatten(0, -2).mean(0)
    return probs.size(-1) * (meant * meant).sum()


# %% mistake="load_balancing_loss" name="first_choices_only" hint="Your f counts first choices only. With k experts per token every choice is work: count them all." active="py"
def load_balancing_loss(probs, experts, right=load_balancing_loss):
    return right(probs, experts[..., :1].contiguous())


# %% [markdown]
r"""
### Watch it happen

Back to the facts: 4,096 of them, eight experts, one expert per token. The tokens share a common part here, as the hidden states of real networks do: some experts begin a little more popular. First without the balancing loss, then with it at a weight of 0.01.
"""


# %%
def popularity_contest(balance, label):
    torch.manual_seed(1)
    model = Memory(64, moe.MoE(32, 32, n_experts=8, top_k=1, balance=balance))
    nn.init.uniform_(model.layer.router.weight, -0.18, 0.18)
    nn.init.ones_(model.norm.bias)  # the common part
    model.to(device)
    for _ in watch_loads(teacher(model, 64, steps=budget(full=500, short=12)), model, label):
        pass
    share = recalled(model, 64)
    busiest = model.layer.routing.loads.max().item()
    print(f"{label}: {share:.0%} of the facts recalled, busiest expert {busiest:.0%}")
    return share, busiest


alone, alone_busiest = popularity_contest(0.0, "without balance")

# %%
balanced, balanced_busiest = popularity_contest(0.01, "with balance 0.01")

# %% [markdown]
r"""
The same layer, the same start, the same facts. Without the loss the busiest expert gets {{half : 0.4 < alone_busiest < 0.65}} of the tokens, with it {{a sixth : balanced_busiest < 0.22}} (an eighth would be even). Experts that nobody asks store nothing, and the layer {{remembers less : alone < balanced - 0.15}}: {{44 % = alone ± 8 %}} of the facts in place of {{74 % = balanced ± 8 %}}. (One seed.)

There is a price. The balancing loss pulls towards *even*, and the best split of the world need not be even; with too large a weight the router obeys the balance and ignores the token.
"""

# %% [markdown]
r"""
### Balance without a loss · optional

The loss pays for balance with gradients that have nothing to do with the task; ***loss-free balancing*** (Wang et al. 2024; used by DeepSeek-V3, December 2024) leaves them alone. Each expert gets one more number, a bias $b_e$, 0 at first. It enters the **choice** and nothing else:

$$\mathcal{T} = \text{the } k \text{ largest of } s_e + b_e, \qquad g_e = \frac{s_e}{\sum_{j \in \mathcal{T}} s_j} \;\; (k > 1), \qquad g_e = s_e \;\; (k = 1),$$

where the score $s_e$ is the router's probability (in DeepSeek-V3 a sigmoid of its logit). A bias in the gate as well would teach the experts something about how busy they are.

*By hand*: scores $(0.5, 0.3, 0.2)$, biases $(-0.4, 0, 0)$, $k = 2$. The sums are $(0.1, 0.3, 0.2)$, so experts {{1 and 2 : route_with_bias(torch.tensor([0.5, 0.3, 0.2]), torch.tensor([-0.4, 0, 0]), 2)[0].tolist() == [1, 2]}} answer, with gates $0.3 / 0.5 = {{0.6 = route_with_bias(torch.tensor([0.5, 0.3, 0.2]), torch.tensor([-0.4, 0, 0]), 2)[1][0]}}$ and {{0.4 = route_with_bias(torch.tensor([0.5, 0.3, 0.2]), torch.tensor([-0.4, 0, 0]), 2)[1][1]}}.

### Exercise · route_with_bias · optional
"""


# %% exercise="route_with_bias" points=2 optional=true withheld="course_lib.moe.route_with_bias course_lib.moe.route_top_k"
def route_with_bias(scores: Tensor, bias: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """Choose by score plus bias, and weigh by the scores alone.

    scores   (..., E) positive scores of every expert
    bias     (E,) added to the scores for the choice; no gradient reaches it
    top_k    k, experts per token, between 1 and E
    returns  experts (..., k) int64, the highest sum first, and gates (..., k): the scores of the chosen,
             divided by their sum if k > 1, as they are if k = 1. Gradients flow from the gates to the scores

    Example: scores [0.5, 0.3, 0.2], bias [-0.4, 0, 0] and top_k 2 give experts [1, 2] and gates [0.6, 0.4].
    """
    ### BEGIN SOLUTION
    experts = (scores + bias).topk(top_k, dim=-1).indices
    gates = scores.gather(-1, experts)
    if top_k > 1:
        gates = gates / gates.sum(-1, keepdim=True)
    return experts, gates
    ### END SOLUTION


# %% [markdown] hints="route_with_bias"
r"""
1. Which of the two results of `topk` may know about the bias, and which may not?
2. Add the bias, take the places of the k largest sums, and then look up the scores without a bias at those places. The division is that of `route_top_k`.
3. `experts = (scores + bias).topk(…).indices`, then `scores.gather(-1, …)`.
"""


# %% cases="route_with_bias" active="py"
def cases(seed):
    hand = {"scores": torch.tensor([0.5, 0.3, 0.2]), "bias": torch.tensor([-0.4, 0.0, 0.0])}
    yield Case(hand | {"top_k": 2}, note="the example by hand")
    yield Case(hand | {"top_k": 1}, note="one expert per token")
    yield Case(hand | {"bias": torch.zeros(3), "top_k": 2}, note="no bias")
    scores = random_distributions(seed, 6, 5)
    large = torch.tensor([0.0, 0.75, -0.5, 0.25, -0.125])
    yield Case({"scores": scores, "bias": large, "top_k": 2}, note="large biases")
    sigmoids = random_tensor(seed + 1, 2, 4, 6).sigmoid()
    bias = 0.2 * random_tensor(seed + 2, 6)
    yield Case({"scores": sigmoids, "bias": bias, "top_k": 3}, note="sigmoids that do not sum to 1")
    yield Case({"scores": sigmoids, "bias": bias, "top_k": 1}, note="sigmoids, one expert per token")


# %% probe="route_with_bias" active="py"
def probe(student, case):
    scores, bias = (case[name].clone().requires_grad_() for name in ("scores", "bias"))
    experts, gates = student(scores, bias, case["top_k"])
    gates.square().sum().backward()
    touched = bias.grad is not None and bool(bias.grad.any())
    return {"experts": experts, "gates": gates.detach(), "gradient of the scores": scores.grad, "bias taught": touched}


# %% equivalents="route_with_bias" active="py"
equivalents = {
    "(scores + bias).topk(top_k, dim=-1) → (scores + bias).topk(top_k)": "the last dimension is the default",
    "gates = gates / gates.sum(-1, keepdim=True) → gates /= gates.sum(-1, keepdim=True)": "gates was made here",
}


# %% mistake="route_with_bias" name="bias_in_the_gates" hint="Your gates contain the bias. It decides who is asked; how much the answer counts is the scores' business." active="py"
def route_with_bias(scores, bias, top_k):
    gates, experts = (scores + bias).topk(top_k, dim=-1)
    return experts, gates / gates.sum(-1, keepdim=True) if top_k > 1 else gates


# %% mistake="route_with_bias" name="bias_ignored" hint="You choose by the scores alone, so the bias changes nothing. Add it before topk." active="py"
def route_with_bias(scores, bias, top_k, right=route_with_bias):
    return right(scores, torch.zeros_like(bias), top_k)


# %% mistake="route_with_bias" name="bias_subtracted" hint="You subtract the bias: an expert with a high one would be asked less. Add it." active="py"
def route_with_bias(scores, bias, top_k, right=route_with_bias):
    return right(scores, -bias, top_k)


# %% mistake="route_with_bias" name="not_renormalised" hint="For k > 1 your gates do not sum to 1. Divide the chosen scores by their sum." active="py"
def route_with_bias(scores, bias, top_k, right=route_with_bias):
    experts = right(scores, bias, top_k)[0]
    return experts, scores.gather(-1, experts)


# %% mistake="route_with_bias" name="constant_gate" hint="With k = 1 your gate is s/s = 1 for every token, and the router learns nothing. Keep the score." active="py"
def route_with_bias(scores, bias, top_k, right=route_with_bias):
    experts, gates = right(scores, bias, top_k)
    return experts, gates / gates.sum(-1, keepdim=True)


# %% [markdown]
r"""
The bias is not learned by a gradient; after each update it takes one step. Let $c_e$ count the assignments of expert $e$ in the batch, and $\bar c$ be their mean:

$$b_e \leftarrow b_e + u \cdot \mathrm{sign}(\bar c - c_e).$$

Who got less than the mean becomes a little more attractive for the next batch, who got more a little less. The rate $u$ is in units of the scores.

*By hand*: three experts with counts 2, 1 and 0 have the mean 1. With $u = 0.25$ the biases $(0, 0, 0)$ become $({{−0.25 = updated_bias(torch.zeros(3), torch.tensor([[0], [0], [1]]), 0.25)[0]}}, {{0 = updated_bias(torch.zeros(3), torch.tensor([[0], [0], [1]]), 0.25)[1]}}, {{0.25 = updated_bias(torch.zeros(3), torch.tensor([[0], [0], [1]]), 0.25)[2]}})$.

### Exercise · updated_bias · optional
"""


# %% exercise="updated_bias" points=1 optional=true withheld="course_lib.moe.updated_bias"
def updated_bias(bias: Tensor, experts: Tensor, rate: float) -> Tensor:
    """Return the bias for the next batch: b_e + rate · sign(mean count − count of e).

    bias     (E,) what entered the choice in this batch; it stays as it is
    experts  (..., k) int64, the choices of this batch
    rate     size of the step, u
    returns  (E,), a new tensor; an expert whose count is the mean keeps its bias

    Example: updated_bias(torch.zeros(3), torch.tensor([[0], [0], [1]]), 0.25) is [-0.25, 0, 0.25].
    """
    ### BEGIN SOLUTION
    counts = torch.bincount(experts.flatten(), minlength=len(bias)).float()
    return bias + rate * torch.sign(counts.mean() - counts)
    ### END SOLUTION


# %% [markdown] hints="updated_bias"
r"""
1. How often was each expert chosen, those with no tokens included? Who should be asked more from now on?
2. Count the choices of all tokens, compare each count with the mean of the counts, and step by the rate in the direction of the difference. Its size does not matter.
3. `counts = torch.bincount(experts.flatten(), minlength=…).float()`, then `torch.sign(counts.mean() - …)`.
"""


# %% cases="updated_bias" active="py"
def cases(seed):
    hand = {"bias": torch.zeros(3), "experts": torch.tensor([[0], [0], [1]]), "rate": 0.25}
    yield Case(hand, note="the example by hand")
    yield Case(hand | {"bias": torch.tensor([0.5, -0.25, 0.125])}, note="biases from before")
    nobody = torch.tensor([[1, 0], [0, 1], [1, 2]])
    yield Case({"bias": torch.zeros(5), "experts": nobody, "rate": 0.01}, note="the last experts got nothing")
    yield Case({"bias": torch.ones(2), "experts": torch.tensor([[0, 1], [1, 0]]), "rate": 0.1}, note="even")
    for i in range(3):
        choices = random_tensor(seed + 7 * i, 2, 9 + i, 6).topk(2).indices
        bias = 0.1 * random_tensor(seed + 7 * i + 1, 6)
        yield Case({"bias": bias, "experts": choices, "rate": 0.03}, note="two sequences")


# %% mistake="updated_bias" name="wrong_way" hint="Your busy experts become more attractive. Who got more than the mean must step down." active="py"
def updated_bias(bias, experts, rate, right=updated_bias):
    return right(bias, experts, -rate)


# %% mistake="updated_bias" name="by_the_difference" hint="Your step is as large as the difference. Here its size is always the rate: take the sign." active="py"
def updated_bias(bias, experts, rate):
    counts = torch.bincount(experts.flatten(), minlength=len(bias)).float()
    return bias + rate * (counts.mean() - counts)


# %% mistake="updated_bias" name="no_rest" hint="An expert with exactly the mean steps too in your version. It keeps its bias." active="py"
def updated_bias(bias, experts, rate):
    counts = torch.bincount(experts.flatten(), minlength=len(bias)).float()
    return bias + rate * torch.where(counts < counts.mean(), 1.0, -1.0)


# %% mistake="updated_bias" name="first_choices_only" hint="You count first choices only. Every choice is work for an expert: count them all." active="py"
def updated_bias(bias, experts, rate, right=updated_bias):
    return right(bias, experts[..., :1].contiguous(), rate)


# %% mistake="updated_bias" name="starts_again" hint="Your bias forgets what it was: the step is added to the old bias, not to 0." active="py"
def updated_bias(bias, experts, rate, right=updated_bias):
    return right(torch.zeros_like(bias), experts, rate)


# %% [markdown]
r"""
The popularity contest again, without any weight on the balancing loss: three seeds, as many updates for everybody. Two rates: 0.01, and 0.001, the one of the paper.
"""

# %%
update_bias = yours("moe.updated_bias", moe.updated_bias)


def kept_busy(seed, balance, rate):
    """Train one memory; return its nats per fact, and the busiest expert's load over the mean load."""
    torch.manual_seed(seed)
    model = Memory(64, moe.MoE(32, 32, n_experts=8, top_k=1, balance=balance, biased=rate > 0))
    nn.init.uniform_(model.layer.router.weight, -0.18, 0.18)
    nn.init.ones_(model.norm.bias)  # the common part
    model.to(device)
    for _ in watch(teacher(model, 64, steps=budget(full=300, short=4)), f"seed {seed}", unit="nats", curve=False):
        if rate > 0:
            model.layer.bias = update_bias(model.layer.bias, model.layer.routing.experts, rate)
    pairs = torch.cartesian_prod(torch.arange(64), torch.arange(64)).view(64, 64, 2)
    with torch.no_grad():
        logits = model.eval()(pairs.to(device)).cpu()
    nats = F.cross_entropy(logits.flatten(0, 1), facts(64).flatten()).item()
    return nats, model.layer.routing.loads.max().item() * 8


remedies = {"loss, 0.01": (0.01, 0.0), "bias, 0.01": (0.0, 0.01), "bias, 0.001": (0.0, 0.001)}
busy = {name: [kept_busy(seed, *way) for seed in (1, 2, 3)] for name, way in remedies.items()}
for name, runs in busy.items():
    print(f"{name:12}", "   ".join(f"{nats:.2f} nats, busiest {load:.2f} × mean" for nats, load in runs))

# %% [markdown]
r"""
**Balance**: at a rate of 0.01 the bias is {{more even than the loss on every seed : max(load for _, load in busy["bias, 0.01"]) < min(load for _, load in busy["loss, 0.01"])}}. The busiest expert has {{1.04 = sum(load for _, load in busy["bias, 0.01"]) / 3 ± 0.06}} times the mean load, against {{1.25 = sum(load for _, load in busy["loss, 0.01"]) / 3 ± 0.15}} times.
**Facts**: {{2.24 = sum(nats for nats, _ in busy["bias, 0.01"]) / 3 ± 0.1}} nats against {{2.20 = sum(nats for nats, _ in busy["loss, 0.01"]) / 3 ± 0.1}}, means of three: {{no gain : sum(nats for nats, _ in busy["bias, 0.01"]) > sum(nats for nats, _ in busy["loss, 0.01"]) - 0.15}}. The paper reports a lower loss as well as better balance, for models of one and three billion parameters; here the balancing loss does little harm that one could save.

**The rate matters.** At 0.001 a bias moves by {{0.3 = 300 * 0.001}} at most in 300 updates. The busiest expert {{is still far above the mean : min(load for _, load in busy["bias, 0.001"]) > 1.5}}, and the facts suffer: {{2.43 = sum(nats for nats, _ in busy["bias, 0.001"]) / 3 ± 0.15}} nats. Real runs have thousands of times as many updates. No weight to choose, but a rate; and DeepSeek-V3 kept a very small loss, which evens out single sequences.
"""


# %% [markdown]
r"""
### Scores that grow too large · optional

Router scores may drift upwards together: the softmax does not change when a constant is added to all of them, so nothing holds them back. In bfloat16, with 8 significant bits, that is dangerous: around 100 the next representable number is {{half a unit away : torch.tensor([100.3, 100.2]).bfloat16().tolist() == [100.5, 100]}}, and two scores that differ by 0.2 {{become the same : rounded[0] == rounded[1] and exact[1] - exact[0] > 0.09}}.
"""

# %%
for size in (1.0, 100.0):
    scores = torch.tensor([size, size + 0.2])
    exact, rounded = scores.softmax(-1), scores.bfloat16().float().softmax(-1)
    print(f"scores {size:5.1f} and {size + 0.2:5.1f}: gates {exact.numpy().round(3)},", end=" ")
    print(f"through bfloat16 {rounded.numpy().round(3)}")

# %% [markdown]
r"""
Two remedies, used together: compute the router in float32 even where the rest is in half precision, and add the ***z-loss*** (ST-MoE, Zoph et al. 2022)

$$L_z = \frac1N \sum_{n=1}^{N} \Big( \log \sum_{e=1}^{E} e^{r_{n,e}} \Big)^2 ,$$

the mean square of the logarithm of the softmax's denominator. For four scores of 0 it is $(\ln 4)^2 = {{1.922 = router_z_loss(torch.zeros(1, 4))}}$; a common shift by $+100$ costs about ${{10^4 : abs(router_z_loss(torch.full((1, 4), 100.0)) / 1e4 - 1) < 0.05}}$. A weight of 0.001 is usual.

### Exercise · router_z_loss · optional
"""


# %% exercise="router_z_loss" points=1 optional=true withheld="course_lib.moe.router_z_loss"
def router_z_loss(logits: Tensor) -> Tensor:
    """Return the mean over all tokens of (log Σ_e exp(logit_e))².

    logits   (..., E) scores of the router, also very large ones
    returns  a scalar, finite for finite logits, and so is its gradient

    Example: logits [[0, 0, 0, 0]] give (ln 4)² ≈ 1.922.
    """
    ### BEGIN SOLUTION
    return logits.logsumexp(-1).square().mean()
    ### END SOLUTION


# %% [markdown] hints="router_z_loss"
r"""
1. exp(1000) is infinite. How did lesson 01 take the logarithm of a sum of exponentials?
2. One number per token, the log of the softmax's denominator; then its square; then the mean. The order matters.
3. `torch.logsumexp(logits, dim=…)`, and two steps more.
"""


# %% cases="router_z_loss" active="py"
def cases(seed):
    yield Case({"logits": torch.zeros(1, 4)}, note="four zeros")
    yield Case({"logits": torch.tensor([[1000.0, 990.0], [0.0, 0.0]])}, note="very large scores")
    yield Case({"logits": torch.tensor([[-1000.0, -990.0], [0.0, 900.0]])}, note="very small and very large scores")
    yield Case({"logits": random_tensor(seed, 7, 5, scale=3.0)}, note="seven tokens")
    yield Case({"logits": random_tensor(seed + 1, 2, 3, 6)}, note="two sequences")
    yield Case({"logits": random_tensor(seed + 2, 4)}, note="one token, no leading dimension")


# %% probe="router_z_loss" active="py"
def probe(student, case):
    logits = case["logits"].clone().requires_grad_()
    loss = student(logits)
    if loss.requires_grad:
        loss.backward()
    return {"loss": loss.detach(), "gradient of the logits": logits.grad}


# %% mistake="router_z_loss" name="not_squared" hint="Without the square the loss rewards very negative scores. Square each token's logarithm." active="py"
def router_z_loss(logits):
    return logits.logsumexp(-1).mean()


# %% mistake="router_z_loss" name="square_of_the_mean" hint="You square the mean; then large positive and negative values cancel first. Square each token's value, then average." active="py"
def router_z_loss(logits):
    return logits.logsumexp(-1).mean().square()


# %% mistake="router_z_loss" name="overflow" hint="exp(1000) is infinite. Use torch.logsumexp, which subtracts the maximum first." active="py"
def router_z_loss(logits):
    return logits.exp().sum(-1).log().square().mean()


# %% mistake="router_z_loss" name="mean_of_squares" hint="That is the mean square of the scores themselves. The z-loss squares the logarithm of each token's sum of exponentials." active="py"
def router_z_loss(logits):
    return logits.square().mean()


# %% [markdown]
r"""
## 6 · Stored and active

Two numbers describe a mixture, and headlines mix them up. ***Stored parameters*** must fit into memory. ***Active parameters*** take part in one token's computation, and decide the arithmetic: about 2 floating-point operations per active weight and token.

One layer with experts of two matrices, $(d_{ff}, d_{model})$ and $(d_{model}, d_{ff})$, and no biases:

$$\text{stored} = \underbrace{E \cdot d_{model}}_{\text{router}} + E \cdot 2\, d_{model} d_{ff}, \qquad \text{active} = \underbrace{E \cdot d_{model}}_{\text{router}} + k \cdot 2\, d_{model} d_{ff} .$$

The router scores **every** expert, so it is always active in full. A dense feed-forward network of the same active size has $d_{ff}^{dense} = k\, d_{ff}$.

### Exercise · active_parameters

For $d_{model} = 64$, $d_{ff} = 128$, 8 experts and $k = 2$: the router has {{512 = layers[8].router.weight.numel()}} weights, an expert {{16,384 = 2 * 64 * 128}}; stored {{131,584 = stored[2]}}, active {{33,280 = active[2]}}.
"""


# %% exercise="active_parameters" points=1 withheld="course_lib.moe.active_parameters course_lib.moe.MoE"
def active_parameters(d_model: int, d_ff: int, n_experts: int, top_k: int) -> tuple[int, int]:
    """Count the parameters of one MoE layer: a router and experts of two matrices, all without biases.

    d_model    features of a token
    d_ff       hidden features of one expert
    n_experts  E
    top_k      k, experts per token
    returns    (stored, active): all of them, and those that one token meets

    Example: active_parameters(64, 128, 8, 2) is (131584, 33280).
    """
    ### BEGIN SOLUTION
    router, expert = n_experts * d_model, 2 * d_model * d_ff
    return router + n_experts * expert, router + top_k * expert
    ### END SOLUTION


# %% [markdown] hints="active_parameters"
r"""
1. Which part of the layer does every token meet, whatever it chooses?
2. The router and k experts take part; the router and all E experts are stored. An expert is two matrices without biases.
3. `router = n_experts * d_model`; an expert has `2 * … * …` weights.
"""


# %% cases="active_parameters" active="py"
def cases(seed):
    yield Case({"d_model": 64, "d_ff": 128, "n_experts": 8, "top_k": 2}, note="the example by hand")
    yield Case({"d_model": 4, "d_ff": 6, "n_experts": 1, "top_k": 1}, note="one expert: all is active")
    for i in range(3):
        d_model, d_ff, n_experts, top_k = (int(n) for n in random_integers(seed + i, 3, 40, 4))
        sizes = {"d_model": d_model, "d_ff": d_ff, "n_experts": n_experts + top_k, "top_k": top_k}
        yield Case(sizes, note="other sizes")


# %% mistake="active_parameters" name="router_forgotten" hint="The router's E · d_model weights are missing." active="py"
def active_parameters(d_model, d_ff, n_experts, top_k):
    return n_experts * 2 * d_model * d_ff, top_k * 2 * d_model * d_ff


# %% mistake="active_parameters" name="router_in_part" hint="You count k rows of the router as active. It scores all E experts before it can choose." active="py"
def active_parameters(d_model, d_ff, n_experts, top_k):
    expert = 2 * d_model * d_ff
    return n_experts * (d_model + expert), top_k * (d_model + expert)


# %% mistake="active_parameters" name="one_matrix" hint="An expert has two matrices, up and down." active="py"
def active_parameters(d_model, d_ff, n_experts, top_k):
    return n_experts * (d_model + d_model * d_ff), n_experts * d_model + top_k * d_model * d_ff


# %% [markdown]
r"""
### A published model · optional

Mixtral 8x7B (Jiang et al. 2024) has 32 layers, $d_{model} = 4096$, 8 experts of **three** matrices each (SwiGLU, $d_{ff} = 14336$), $k = 2$, grouped-query attention with 32 query and 8 key–value heads of 128 features, and 32,000 tokens with separate input and output matrices.

### Question · mixtral_experts · optional

How many billions of parameters do the experts of all its layers hold together? Write the number in billions ($10^9$), with one decimal.
"""

# %% exercise="mixtral_experts" points=1 optional=true kind="number"
### BEGIN SOLUTION
mixtral_experts = 32 * 8 * 3 * 4096 * 14336 / 1e9  # 45.1
### END SOLUTION

# %% mistake="mixtral_experts" name="two_matrices" hint="You counted two matrices per expert. A SwiGLU network has three: gate, up and down." active="py"
mixtral_experts = 32 * 8 * 2 * 4096 * 14336 / 1e9

# %% mistake="mixtral_experts" name="one_layer" hint="That is one layer. There are 32." active="py"
mixtral_experts = 8 * 3 * 4096 * 14336 / 1e9

# %% mistake="mixtral_experts" name="active_only" hint="Those are the experts that one token meets, 2 of 8. All are stored." active="py"
mixtral_experts = 32 * 2 * 3 * 4096 * 14336 / 1e9

# %% mistake="mixtral_experts" name="eight_times_seven" hint="The name misleads: only the experts exist eight times; attention and embeddings exist once. Count 32 · 8 · 3 · 4096 · 14336." active="py"
mixtral_experts = 56.0

# %%
d, d_ff, n_layers, n_experts, top_k = 4096, 14336, 32, 8, 2
attention = d * d + 2 * d * (8 * 128) + d * d  # q, then k and v of 8 heads, then the output
shared = n_layers * (attention + 2 * d + n_experts * d) + 2 * 32_000 * d + d  # with norms, routers, embeddings
expert = 3 * d * d_ff
print(f"stored {(shared + n_layers * n_experts * expert) / 1e9:.1f} billion, not 8 · 7 = 56")
print(f"active {(shared + n_layers * top_k * expert) / 1e9:.1f} billion for each token")
print(f"experts hold {n_layers * n_experts * expert / (shared + n_layers * n_experts * expert):.0%} of what is stored")

# %% [markdown]
r"""
### Smaller experts, and some for everybody · optional

*The* and *a* concern every expert, so every expert learns about them. DeepSeekMoE (Dai et al. 2024) changes the layer in two ways, at the same cost:

- **Cut**: each of $E$ experts becomes $m$ of $d_{ff} / m$ hidden features, and a token meets $m k$ of the $m E$. Just as many weights, far more ways to combine them.
- **Share**: $S$ of the small ones are ***shared experts***. Every token meets them, no router asks, no gate weighs them: $y = \sum_{s} f_s(x) + \sum_{e \in \mathcal{T}} g_e f_e(x)$. The router scores the other $m E - S$ and chooses $m k - S$ of them. What all tokens need has a place of its own.

DeepSeek-V3 (December 2024) has one shared expert, and chooses 8 of 256 routed ones.
"""

# %% [markdown]
r"""
*By hand*, the layer from above with $m = 4$ and $S = 1$: {{32 = 4 * 8}} experts of 32 hidden features, {{4,096 = 2 * 64 * 32}} weights each; a router for {{31 = 4 * 8 - 1}} of them, $31 \cdot 64 = {{1,984 = 31 * 64}}$. Stored {{133,056 = with_shared(64, 128, 8, 2, 4, 1)[0]}}, active {{34,752 = with_shared(64, 128, 8, 2, 4, 1)[1]}}. And 7 of 31 experts can be chosen in {{2,629,575 = with_shared(64, 128, 8, 2, 4, 1)[2]}} ways, 2 of 8 in {{28 = math.comb(8, 2)}}.

### Exercise · with_shared · optional
"""


# %% exercise="with_shared" points=2 optional=true withheld="course_lib.moe.MoE course_lib.moe.active_parameters"
def with_shared(d_model: int, d_ff: int, n_experts: int, top_k: int, split: int, n_shared: int) -> tuple[int, int, int]:
    """Count a layer whose experts are cut into small ones, some of which are shared.

    d_model, d_ff  features of a token, and hidden features of one expert before the cut
    n_experts      E, before the cut
    top_k          k experts per token, before the cut
    split          m, small experts made of one; it divides d_ff
    n_shared       S of the m · E small experts, met by every token; they count among its m · k
    returns        (stored, active, ways): weights of router and experts, all without biases; those that one
                   token meets; and how many different sets of routed experts a token can be sent to

    Raises ValueError when n_shared is negative, or leaves the router nothing to choose (S ≥ m · k).

    Example: with_shared(64, 128, 8, 2, 4, 1) is (133056, 34752, 2629575).
    """
    ### BEGIN SOLUTION
    if not 0 <= n_shared < split * top_k:
        raise ValueError(f"n_shared must be between 0 and {split * top_k - 1}, got {n_shared}")
    routed, chosen = split * n_experts - n_shared, split * top_k - n_shared
    router, expert = d_model * routed, 2 * d_model * (d_ff // split)
    stored, active = (router + n * expert for n in (split * n_experts, split * top_k))
    return stored, active, math.comb(routed, chosen)
    ### END SOLUTION


# %% [markdown] hints="with_shared"
r"""
1. How many small experts are there, how many of them does a token meet, and how many of each kind does the router have a say in?
2. Sharing changes neither the number of small experts nor how many a token meets. It takes the shared ones out of the router and out of the choice; the ways are a binomial coefficient.
3. `routed, chosen = split * n_experts - n_shared, split * top_k - …`; `math.comb(routed, …)`.
"""


# %% cases="with_shared" active="py"
def cases(seed):
    sizes = {"d_model": 64, "d_ff": 128, "n_experts": 8, "top_k": 2, "split": 4, "n_shared": 1}
    yield Case(sizes, note="the example by hand")
    yield Case(sizes | {"split": 1, "n_shared": 0}, note="nothing cut, nothing shared")
    yield Case(sizes | {"split": 1}, note="nothing cut, one shared")
    yield Case(sizes | {"n_shared": 7}, note="one routed expert is left to choose")
    for i in range(3):
        d_model, part, split, top_k, more, n_shared = (int(n) for n in random_integers(seed + i, 2, 7, 6))
        drawn = {"d_model": d_model, "d_ff": part * split, "n_experts": top_k + more, "top_k": top_k}
        yield Case(drawn | {"split": split, "n_shared": min(n_shared, split * top_k - 1)}, note="other sizes")
    yield Case(sizes | {"n_shared": 8}, note="nothing is left to choose")
    yield Case(sizes | {"n_shared": -1}, note="a negative number of shared experts")


# %% equivalents="with_shared" active="py"
equivalents = {
    "d_ff // split → d_ff / split": "split divides d_ff, and the count as a float is the same number",
}


# %% mistake="with_shared" name="shared_in_addition" hint="You add the shared experts to the m · E and the m · k. They are taken from both, so that nothing costs more." active="py"
def with_shared(d_model, d_ff, n_experts, top_k, split, n_shared, right=with_shared):
    stored, active, _ = right(d_model, d_ff, n_experts, top_k, split, n_shared)
    more = n_shared * (d_model + 2 * d_model * (d_ff // split))
    return stored + more, active + more, math.comb(split * n_experts, split * top_k)


# %% mistake="with_shared" name="router_scores_all" hint="Your router scores the shared experts too. Nobody asks whether to use them: they have no row in it." active="py"
def with_shared(d_model, d_ff, n_experts, top_k, split, n_shared, right=with_shared):
    stored, active, ways = right(d_model, d_ff, n_experts, top_k, split, n_shared)
    return stored + n_shared * d_model, active + n_shared * d_model, ways


# %% mistake="with_shared" name="not_smaller" hint="Your small experts are as wide as before the cut. Each has d_ff / m hidden features." active="py"
def with_shared(d_model, d_ff, n_experts, top_k, split, n_shared, right=with_shared):
    return right(d_model, d_ff * split, n_experts, top_k, split, n_shared)


# %% mistake="with_shared" name="ways_with_shared" hint="Your ways count the shared experts among those that are chosen. They are fixed: choose m · k − S of m · E − S." active="py"
def with_shared(d_model, d_ff, n_experts, top_k, split, n_shared, right=with_shared):
    ways = math.comb(split * n_experts, split * top_k)
    return *right(d_model, d_ff, n_experts, top_k, split, n_shared)[:2], ways


# %% mistake="with_shared" name="no_check" hint="Right for every number that makes sense. Where nothing is left to choose the docstring asks for a ValueError." active="py"
def with_shared(d_model, d_ff, n_experts, top_k, split, n_shared, right=with_shared):
    return right(d_model, d_ff, n_experts, top_k, split, min(max(n_shared, 0), split * top_k - 1))


# %% [markdown]
r"""
Does sharing help here? 2,048 facts, eight experts of 16 hidden features, two per token: both routed, or one of them shared. Three seeds, as many updates and active weights for both (but for one row of the router).
"""


# %%
def with_some_shared(seed, n_shared):
    """The share of 2,048 facts that a mixture with so many shared experts recalls."""
    torch.manual_seed(seed)
    model = Memory(32, moe.MoE(32, 16, 8 - n_shared, 2 - n_shared, n_shared=n_shared)).to(device)
    trainer = teacher(model, 32, steps=budget(full=250, short=4))
    list(watch(trainer, f"seed {seed}, {n_shared} shared", unit="nats", curve=False))
    return recalled(model, 32)


sharing = {n_shared: [with_some_shared(seed, n_shared) for seed in range(3)] for n_shared in (0, 1)}
for n_shared, shares in sharing.items():
    print(f"{n_shared} shared:", "  ".join(f"{share:.1%}" for share in shares), "of the facts recalled")

# %% [markdown]
r"""
No: the means are {{63 % = sum(sharing[0]) / 3 ± 4 %}} and {{62 % = sum(sharing[1]) / 3 ± 4 %}}, {{closer together than the seeds of one kind : abs(sum(sharing[0]) - sum(sharing[1])) / 3 < max(sharing[1]) - min(sharing[1])}}. That is no surprise: facts drawn at random have nothing in common that a shared expert could know for all. Language has. The authors report a gain there, and that their model of 2 billion parameters gets much worse without its shared expert, even if one more routed expert takes its place.
"""


# %% [markdown]
r"""
## 7 · The layer · optional

Now put the parts together, as a module that takes the place of any feed-forward network.

- The router's scores are computed in float32, whatever the dtype of `x` and of the weights: widened *before* the product, since rounded scores cannot be told apart afterwards.
- Capacity counts for each **sequence** ($T$ tokens), and only while `self.training` is true.
- Dropped assignments add nothing; the gates of a token's other experts stay as they are.
- The two auxiliary losses are kept, weighted, in `aux_loss`; whoever trains adds it to the loss. The `routing` is kept for pictures: no gradients there, so `detach`.
- The residual is the block's business, not the layer's.
"""

# %% [markdown]
r"""
An expert that gets no tokens may be called with an empty slice, (0, d_model). It does no work, and its gradient is then {{0 = asked.up.weight.grad.abs().max()}}. If it is not called at all, its gradient is {{`None` : unasked.up.weight.grad is None}}: optimisers skip it, momentum and weight decay included, and DistributedDataParallel stops with an error unless it is told to look for unused parameters. The cell below shows both.
"""

# %%
asked, unasked = Expert(4, 8), Expert(4, 8)
asked(torch.zeros(0, 4)).sum().backward()  # no tokens, four features
print("called with an empty slice: largest gradient", asked.up.weight.grad.abs().max().item())
print("never called:               gradient", unasked.up.weight.grad)

# %% [markdown]
r"""
### Exercise · MoE · optional
"""


# %% exercise="MoE" points=5 optional=true parts={"forward":3,"capacity":1,"losses":1} needs="route_top_k expert_capacity within_capacity dispatch load_balancing_loss router_z_loss" withheld="course_lib.moe.MoE"
class MoE(nn.Module):
    """A layer of experts and the router that sends each token to top_k of them.

    d_model, d_ff    sizes of one expert, made by Expert(d_model, d_ff)
    n_experts        E
    top_k            experts per token
    capacity_factor  room of an expert in one sequence, in training only; None: no limit
    balance, z       weights of the two auxiliary losses

    Parts: router, nn.Linear(d_model, n_experts, bias=False), and experts, an nn.ModuleList of E.
    """

    def __init__(self, d_model, d_ff, n_experts, top_k, capacity_factor=None, balance=0.01, z=0.001) -> None:
        super().__init__()
        self.n_experts, self.top_k, self.capacity_factor = n_experts, top_k, capacity_factor
        self.balance, self.z, self.aux_loss, self.routing = balance, z, None, None
        ### BEGIN SOLUTION
        self.router = nn.Linear(d_model, n_experts, bias=False)
        self.experts = nn.ModuleList(Expert(d_model, d_ff) for _ in range(n_experts))
        ### END SOLUTION

    def forward(self, x: Tensor) -> Tensor:
        """Return the gated sum of the experts' answers, (B, T, d_model) → (B, T, d_model).

        Sets aux_loss, the scalar balance · load_balancing_loss + z · router_z_loss, and routing,
        Routing(probs (B, T, E), experts (B, T, k), gates (B, T, k), kept (B, T, k) or None), detached.
        """
        ### BEGIN SOLUTION
        logits = F.linear(x.float(), self.router.weight.float())  # (B, T, E), in float32
        probs = logits.softmax(-1)
        experts, gates = route_top_k(logits, self.top_k)
        kept = None
        if self.training and self.capacity_factor is not None:
            capacity = expert_capacity(x.size(1), self.n_experts, self.top_k, self.capacity_factor)
            kept = within_capacity(experts, self.n_experts, capacity)
        self.aux_loss = self.balance * load_balancing_loss(probs, experts) + self.z * router_z_loss(logits)
        self.routing = Routing(probs.detach(), experts, gates.detach(), kept)
        order, counts = dispatch(experts, self.n_experts, kept)
        tokens, flat = order // self.top_k, x.flatten(0, 1)
        slices = flat[tokens].split(counts.tolist())
        results = torch.cat([expert(rows) for expert, rows in zip(self.experts, slices)])
        weighted = results * gates.flatten()[order, None].to(x.dtype)
        return torch.zeros_like(flat).index_add(0, tokens, weighted).view_as(x)
        ### END SOLUTION


# %% [markdown] hints="MoE"
r"""
1. Which of your functions comes first, and which tensors does it need? What differs between training and use?
2. Scores, routing, the capacity mask (only in training, and only if there is a factor), the two losses, then gather, call, weigh and add, with (B, T, d_model) flattened around it.
3. `kept = within_capacity(…) if self.training and … else None`; `order, counts = dispatch(experts, n_experts, kept)`; the end is `index_add`, as in `moe_forward`.
"""


# %% cases="MoE" active="py"
def cases(seed):
    def state(d, d_ff, n_experts):
        weights = {"router.weight": random_tensor(seed, n_experts, d)}
        for e in range(n_experts):
            weights[f"experts.{e}.up.weight"] = random_tensor(seed + 2 * e + 1, d_ff, d)
            weights[f"experts.{e}.down.weight"] = random_tensor(seed + 2 * e + 2, d, d_ff)
        return weights

    small = {"sizes": [2, 3, 2], "top_k": 1, "state": state(2, 3, 2), "x": random_tensor(seed + 50, 1, 2, 2)}
    base = {"sizes": [4, 6, 4], "top_k": 2, "state": state(4, 6, 4), "x": random_tensor(seed + 51, 3, 8, 4)}
    large = {"sizes": [3, 5, 6], "top_k": 3, "state": state(3, 5, 6), "x": random_tensor(seed + 52, 2, 5, 3)}
    tight = {"capacity_factor": 0.75, "training": True}
    yield Case(small, note="two tokens, one of two experts", part="forward")
    yield Case(base, note="three sequences, two of four experts", part="forward")
    yield Case(large | {"training": True}, note="three of six experts, in training", part="forward")
    loud = base["state"] | {"router.weight": 60 * base["state"]["router.weight"]}
    yield Case(base | {"dtype": "bfloat16", "state": loud}, note="half precision, large scores", part="forward")
    yield Case(base | tight, note="full experts in training", part="capacity")
    yield Case(base | tight | {"training": False}, note="nothing is dropped in evaluation", part="capacity")
    yield Case(base | tight | {"top_k": 1}, note="full experts, one per token", part="capacity")
    yield Case(large | tight | {"capacity_factor": 0.5}, note="half of the room", part="capacity")
    yield Case(base | {"losses": [0.5, 0.0]}, note="balance alone", part="losses")
    yield Case(base | {"losses": [0.0, 0.5]}, note="z alone", part="losses")
    yield Case(large | {"losses": []}, note="the default weights", part="losses")
    yield Case(base | tight | {"losses": [0.3, 0.2]}, note="both, with full experts", part="losses")


# %% probe="MoE" active="py"
def probe(student, case):
    layer = student(*case["sizes"], case["top_k"], case.get("capacity_factor"), *case.get("losses", []))
    layer.load_state_dict(case["state"])
    layer.train(case.get("training", False))
    dtype = getattr(torch, case.get("dtype", "float32"))
    x = case["x"].to(dtype, copy=True).requires_grad_()
    output = layer.to(dtype)(x)
    if "losses" in case:
        layer.aux_loss.backward()
        return {"aux_loss": layer.aux_loss.detach(), "its gradient of the router": layer.router.weight.grad}
    routing = layer.routing
    if dtype != torch.float32:
        return {"dtype": str(output.dtype), "routing.probs": routing.probs}
    output.square().sum().backward()
    outcome = {"output": output.detach(), "experts": routing.experts, "kept": routing.kept, "gates": routing.gates}
    outcome |= {"probs": routing.probs, "detached": not (routing.probs.requires_grad or routing.gates.requires_grad)}
    ups = torch.stack([expert.up.weight.grad for expert in layer.experts if expert.up.weight.grad is not None])
    outcome["gradients of up, all experts"] = ups.sum(0)
    return outcome | {"gradient of x": x.grad, "gradient of the router": layer.router.weight.grad}


# %% equivalents="MoE" active="py"
equivalents = {
    "expert_capacity(x.size(1), self.n_experts, self.top_k, self.capacity_factor)"
    " → expert_capacity(x.size(1), self.n_experts, self.capacity_factor, self.top_k)": "only their product counts",
}


# %% mistake="MoE" name="drops_in_evaluation" hint="Your layer drops tokens in evaluation mode too. Ask self.training." active="py"
class MoE(MoE):
    def forward(self, x):
        before, self.training = self.training, True
        try:
            return super().forward(x)
        finally:
            self.training = before


# %% mistake="MoE" name="residual_inside" hint="Your layer adds x to its result. The block around it does that already; here a dropped token gets zeros." active="py"
class MoE(MoE):
    def forward(self, x):
        return x + super().forward(x)


# %% mistake="MoE" name="capacity_of_the_batch" hint="Your capacity is that of all B · T tokens. Each sequence is counted for itself: x.size(1) tokens." active="py"
class MoE(MoE):
    def forward(self, x):
        factor = self.capacity_factor
        self.capacity_factor = None if factor is None else factor * x.size(0)
        try:
            return super().forward(x)
        finally:
            self.capacity_factor = factor


# %% mistake="MoE" name="no_capacity" hint="Full experts take everything in your version: capacity_factor is not used in training." active="py"
class MoE(MoE):
    def __init__(self, d_model, d_ff, n_experts, top_k, capacity_factor=None, balance=0.01, z=0.001):
        super().__init__(d_model, d_ff, n_experts, top_k, None, balance, z)


# %% mistake="MoE" name="loss_detached" hint="Your aux_loss has no gradient: only what goes into routing is detached." active="py"
class MoE(MoE):
    def forward(self, x):
        output = super().forward(x)
        self.aux_loss = self.aux_loss.detach()
        return output


# %% mistake="MoE" name="unweighted" hint="Your aux_loss is the sum of the two losses without their weights, balance and z." active="py"
class MoE(MoE):
    def __init__(self, d_model, d_ff, n_experts, top_k, capacity_factor=None, balance=0.01, z=0.001):
        super().__init__(d_model, d_ff, n_experts, top_k, capacity_factor, 1.0, 1.0)


# %% mistake="MoE" name="router_in_half" hint="Your router computes in half precision and is widened afterwards, when close scores have become equal already. Widen first: F.linear(x.float(), self.router.weight.float())." active="py"
class MoE(MoE):
    def forward(self, x):
        output, routing = super().forward(x), self.routing
        rounded = self.router(x).float().softmax(-1).detach()
        self.routing = Routing(rounded, routing.experts, routing.gates, routing.kept)
        return output


# %% [markdown]
r"""
## 8 · Does it pay?

### Facts

The facts of section 1 again. The mixtures meet 32 hidden features per token, as many as the narrow network; they store {{128 = 8 * 16}} (8 experts of 16, two per token) and {{256 = 8 * 32}} (8 experts of 32, one per token). If your `MoE` passed its check, it is yours that learns.
"""

# %%
Layer = yours("moe.MoE", moe.MoE)
two, one = "8 experts of 16, two per token", "8 experts of 32, one per token"
curves = dense | {
    two: recall_curve("8 × 16", lambda: Layer(32, 16, n_experts=8, top_k=2)),
    one: recall_curve("8 × 32", lambda: Layer(32, 32, n_experts=8, top_k=1)),
}
show(
    recall([1024, 2048, 4096], curves, "Mixtures remember more at the same work"),
    alt="Share of 4,096 facts recalled: " + ", ".join(f"{name} {shares[-1]:.0%}" for name, shares in curves.items()),
)
for name, shares in curves.items():
    print(f"{name:32}", "  ".join(f"{share:4.0%}" for share in shares))

# %% [markdown]
r"""
At equal work per token {{the mixtures recall what the narrow network has no room for : min(curves[one][-1], curves[two][-1]) > curves[narrow][-1] + 0.15}}. At equal *storage* the wide dense network is {{at least as good : curves[wide][-1] > curves[one][-1] - 0.02}}: experts save arithmetic, not memory. (One run each.)

### Language

Now the course's language, in the GPT of lesson 15 with its feed-forward networks exchanged: 8 experts of 64 hidden features, two per token, against a dense network of 128. Everything else is the same, and {{so are the active parameters, but for the router :
moe.active_parameters(mixture) - count_parameters(plain) == 2 * 8 * 64}}. No capacity: on one machine nothing has to be dropped.
"""

# %%
from course_lib.widgets.predict import predict_choice

guess = predict_choice(
    "17_moe.language",
    "As many active weights, four times as many stored in its experts: how does the mixture end?",
    {
        "a": "lower than the dense network by more than 0.02 nats a token",
        "b": "within 0.02 nats of it",
        "c": "higher by more than 0.02 nats",
    },
)
guess

# %%
from course_lib import scoreboard
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import (
    count_parameters,
    draw_windows,
    nats_per_token,
    next_token_loss,
)

language = scoreboard.language()
train_tokens = scoreboard.training(300_000)
test_tokens = scoreboard.held_out()[: budget(full=20_000, short=2048)]
config = GPTConfig(len(language.vocabulary), seq_len=32, d_model=64, n_heads=4, n_layers=2, d_ff=128, bias=False)


def language_trainer(model, loss):
    draw = draw_windows(train_tokens, batch_size=32, length=32)
    return Trainer(model, draw, loss, steps=budget(full=400, short=12), lr=0.01)


floor = {"exact entropy rate": language.entropy_rate}
torch.manual_seed(0)
plain = GPT(config).to(device)
plain_trainer = language_trainer(plain, next_token_loss)
plain_steps = list(watch(plain_trainer, "dense", floor))


# %%
torch.manual_seed(0)
mixture = GPT(config, lambda config: Layer(config.d_model, 64, n_experts=8, top_k=2))
for block in mixture.blocks:
    nn.init.normal_(block.feed_forward.router.weight, std=0.02)  # a router that begins undecided
mixture.to(device)  # only now, so that the seed gives the same weights everywhere
with_experts = lambda model, windows: next_token_loss(model, windows) + moe.auxiliary_loss(model)
mixture_trainer = language_trainer(mixture, with_experts)
mixture_steps = [step for step, _ in watch_loads(watch(mixture_trainer, "mixture", curve=False), mixture, "mixture")]

# %%
results, nats = {"dense": (plain, plain_trainer), "mixture": (mixture, mixture_trainer)}, {}
for name, (model, trainer) in results.items():
    count = count_parameters(model)
    used = moe.active_parameters(model) if name == "mixture" else count
    nats[name] = reached = nats_per_token(model, test_tokens)
    print(f"{name:8} {reached:.3f} nats a token, {count:7,} stored, {used:7,} active,", end=" ")
    print(f"{trainer.seconds:.0f} s of training")
scoreboard.record("mixture of experts", reached, count, mixture_trainer.seconds, "17_moe")
scoreboard.show_scoreboard()

# %%
won = nats["dense"] - nats["mixture"]
guess.reveal("a" if won > 0.02 else "b" if won >= -0.02 else "c")

# %% [markdown]
r"""
In this run (one seed) the mixture wins nothing: after the same number of updates it {{has not overtaken the dense network : nats["mixture"] > nats["dense"] - 0.02}}, and it {{took longer : mixture_trainer.seconds > plain_trainer.seconds}}. One run does not tell how far apart the two are; another start would give another gap. Three things are worth remembering whatever it is.

- **The toy language has little to store.** A few hundred words and their habits fit into the dense network; more room is of no use. Mixtures pay where a dense model of the same cost is too small for what there is to know, as with the 4,096 facts.
- **Each expert sees a part of the data**: $k/E$ of the tokens, here {{a quarter : mixture.blocks[0].feed_forward.top_k / mixture.blocks[0].feed_forward.n_experts == 1 / 4}}. What all tokens have in common must be learned several times over.
- **Equal arithmetic is not equal time.** Sorting, gathering and eight small products cost more than one large product. With wider layers the overhead fades; with experts on different machines, sending tokens around takes its place.
"""

# %% [markdown]
r"""
### And on real English · optional

English has more to store than a few hundred words. The second text of the scoreboard, in {{1,024 = reader.vocab_size}} byte-level BPE tokens, and the same {{120 = result.updates}} updates as the GPT of lesson 15 got there: eight experts, each half as wide as the GPT's feed-forward network, two per token. If you ran that lesson, its row is on the board.
"""

# %%
from course_lib.scoreboard.measure import train_network

reader, result = train_network("mixture of experts", "english", updates=budget(full=120, short=2), watch=watch)
row = result.nats_per_token, result.parameters, result.seconds
scoreboard.record("mixture of experts", *row, "17_moe", corpus="english")
print(f"{result.nats_per_token:.3f} nats per token; {result.parameters:,} stored, {result.active:,} active")
scoreboard.show_scoreboard("english")

# %% [markdown]
r"""
### Who reads what? · optional

Did the experts divide the language among themselves? For each kind of word, the picture shows where its first choices go in the second layer.
"""

# %%
from course_lib.data import mouse_and_cheese as world

animals = [line.split() for line in world.ANIMALS.strip().splitlines()]
forms = [verb.split() for verbs in world.VERBS.values() for verb in verbs.split(",")]
kinds = {
    "the": ["the"],
    "animal, one": [row[0] for row in animals],
    "animals, many": [row[1] for row in animals],
    "verb, one": [row[0] for row in forms],
    "verb, many": [row[1] for row in forms],
    "verb, past": [row[2] for row in forms],
    "adjective": world.ADJECTIVES,
    "near, in, …": world.NEAR,
    "name": world.WOMEN + world.MEN,
    "end of sentence": ["<eos>"],
}


# %%
@torch.no_grad()
def first_choices(ids):
    """The expert that each token of ids (B, T) asks first, in every layer: (L, B, T)."""
    mixture.eval()(ids.to(device))
    return torch.stack([routing.experts[..., 0] for routing in moe.routings(mixture)]).cpu()


windows = test_tokens[: 32 * 500].view(-1, 32)
experts = first_choices(windows)[1]  # second layer
table = []
for words in kinds.values():
    wanted = torch.tensor([language.encode(word)[0] for word in words])
    readers = experts[torch.isin(windows, wanted)]
    table.append(torch.bincount(readers, minlength=8) / len(readers))
figure = figures.specialisation(torch.stack(table), list(kinds), "Kinds of words and the experts that read them")
most = [row.topk(2).values.sum() for row in table]
show(
    figure,
    alt="Two experts read, of each kind: " + ", ".join(f"{k} {m:.0%}" for k, m in zip(kinds, most)),
)

# %% [markdown]
r"""
Read a few sentences with the number of each word's expert under it; compare the layers.
"""

# %%
sentences = [
    "the mouse that the cats chase eats cheese",
    "the mice near the old house eat bread",
    "Ada says that she loves the Eiffel Tower in Paris",
]
texts = [["<eos>", *sentence.split()] for sentence in sentences]
choices = [first_choices(torch.tensor([language.encode(" ".join(text))]))[:, 0] for text in texts]
expert_reader(texts, choices)

# %% [markdown]
r"""
Experts in a trained mixture tend to divide the work by kinds of *tokens*, not by topics; the authors of Mixtral looked for an expert in biology or philosophy and found mostly patterns of syntax (Jiang et al. 2024). The word “expert” promises more than it keeps.
And a picture of who is asked does not say what the expert does: another seed deals out other roles.

### What if an expert is missing? · optional
"""


# %%
@torch.no_grad()
def without_expert(layer, expert):
    """Held-out loss when one expert answers with zeros."""
    weight = mixture.blocks[layer].feed_forward.experts[expert].down.weight
    saved = weight.clone()
    weight.zero_()
    loss = nats_per_token(mixture, test_tokens[:5000])
    weight.copy_(saved)
    return loss


intact = nats_per_token(mixture, test_tokens[:5000])
for layer in range(2):
    cost = [without_expert(layer, expert) - intact for expert in range(8)]
    print(
        f"layer {layer + 1}, nats a token more without expert 0 … 7:",
        "  ".join(f"{c:+.2f}" for c in cost),
    )

# %% [markdown]
r"""
## 9 · Find the bugs

### Find the bugs · sparse_layer · optional

A layer from a popular tutorial, shortened. It trains. But it returns zeros when a model generates one token at a time, its answers to long texts change for the worse in evaluation, it crashes in half precision, and with one expert per token its router never improves.

Four faults. Each repair earns a point by itself, whatever else is still wrong.
"""


# %% exercise="sparse_layer" points=4 optional=true parts={"alone":1,"evaluation":1,"half":1,"one_expert":1} withheld="course_lib.moe.MoE course_lib.moe.route_top_k course_lib.moe.expert_capacity"
def sparse_layer(
    x: Tensor, router_weight: Tensor, experts: list, top_k: int, capacity_factor: float, training: bool
) -> Tensor:
    """A mixture of experts for the tokens of one sequence.

    x                (T, d_model), in any floating-point dtype
    router_weight    (E, d_model)
    experts          E functions (n, d_model) → (n, d_model)
    top_k            k, experts per token; gates are divided by their sum if k > 1
    capacity_factor  in training an expert takes the first ⌈factor · T · k / E⌉ tokens that chose it
    training         False: nothing is dropped
    returns          (T, d_model), in the dtype of x
    """
    ### BEGIN SOLUTION
    capacity = math.ceil(capacity_factor * len(x) * top_k / len(experts)) if training else len(x)
    gates, chosen = (x @ router_weight.T).softmax(-1).topk(top_k, dim=-1)
    if top_k > 1:
        gates = gates / gates.sum(-1, keepdim=True)
    out = torch.zeros_like(x)
    for number, expert in enumerate(experts):
        token, choice = (chosen == number).nonzero(as_tuple=True)
        token, choice = token[:capacity], choice[:capacity]
        out = out.index_add(0, token, gates[token, choice, None] * expert(x[token]))
    return out
    ### END SOLUTION
    ### BEGIN STARTER
    # capacity = int(capacity_factor * len(x) * top_k / len(experts))
    # gates, chosen = (x @ router_weight.T).softmax(-1).topk(top_k, dim=-1)
    # gates = gates / gates.sum(-1, keepdim=True)
    # out = torch.zeros(x.shape)
    # for number, expert in enumerate(experts):
    #     token, choice = (chosen == number).nonzero(as_tuple=True)
    #     token, choice = token[:capacity], choice[:capacity]
    #     out = out.index_add(0, token, gates[token, choice, None] * expert(x[token]))
    # return out
    ### END STARTER


# %% [markdown] hints="sparse_layer"
r"""
1. Try each complaint with the smallest input that shows it. What is `capacity` for one token?
2. Ask of every line: does it hold for one token, for k = 1, in evaluation mode, in half precision?
3. `math.ceil(…)` in place of `int(…)`; `torch.zeros_like(…)` in place of a tensor of the default type. Two more lines depend on a condition.
"""


# %% cases="sparse_layer" active="py"
def cases(seed):
    weights = {
        "router_weight": random_tensor(seed + 1, 4, 3),
        "up": random_tensor(seed + 2, 4, 5, 3),
        "down": random_tensor(seed + 3, 4, 3, 5),
    }
    base = weights | {"x": random_tensor(seed, 8, 3), "top_k": 2, "capacity_factor": 1.0, "training": True}
    yield Case(base | {"x": base["x"][:1]}, note="one token", part="alone")
    yield Case(base | {"x": base["x"][:3], "capacity_factor": 0.75}, note="a fraction of a place", part="alone")
    yield Case(base | {"x": base["x"][:7], "top_k": 3}, note="a fraction above 5 places", part="alone")
    yield Case(base | {"training": False, "capacity_factor": 0.5}, note="evaluation", part="evaluation")
    apart = torch.tensor([[0.0, 1.5, 3.0], [1.0, 2.5, 2.0], [2.0, 0.5, 1.0], [3.0, 3.5, 0.0]])  # no score near another
    clear = {"x": torch.eye(3).repeat(3, 1)[:8] + 0.5 * torch.eye(3)[0], "router_weight": apart}
    yield Case(base | clear | {"dtype": "float16"}, note="half precision", part="half")
    yield Case(base | {"top_k": 1, "capacity_factor": 4.0}, note="one expert per token", part="one_expert")


# %% probe="sparse_layer" active="py"
def probe(student, case):
    dtype = getattr(torch, case.get("dtype", "float32"))
    up, down = case["up"].to(dtype), case["down"].to(dtype)
    make = lambda e: lambda x: F.gelu(x @ up[e].T) @ down[e].T
    weight = case["router_weight"].to(dtype).requires_grad_()
    x = case["x"].to(dtype)
    output = student(x, weight, [make(e) for e in range(4)], case["top_k"], case["capacity_factor"], case["training"])
    output.float().square().sum().backward()
    return {"output": output.detach(), "dtype": str(output.dtype), "gradient of the router": weight.grad}


# %% equivalents="sparse_layer" active="py"
equivalents = {
    "(x @ router_weight.T).softmax(-1).topk(top_k, dim=-1) → (x @ router_weight.T).softmax(-1).topk(top_k)": (
        "the last dimension is the default"
    ),
    "gates = gates / gates.sum(-1, keepdim=True) → gates /= gates.sum(-1, keepdim=True)": "gates was made here",
    "gates[token, choice, None] → gates[token, None, choice]": "indices apart from each other give the same shape",
}


# %% mistake="sparse_layer" name="rounded_down" hint="One fault is left: int() rounds the capacity down, to 0 for a single token." active="py"
def sparse_layer(x, router_weight, experts, top_k, capacity_factor, training, right=sparse_layer):
    capacity = int(capacity_factor * len(x) * top_k / len(experts))
    if not training or capacity == 0:
        return right(x, router_weight, experts, top_k, capacity_factor, training) * (not training)
    return right(x, router_weight, experts, top_k, capacity * len(experts) / (len(x) * top_k) - 1e-6, training)


# %% mistake="sparse_layer" name="drops_in_evaluation" hint="One fault is left: in evaluation nothing may be dropped, and training is not looked at." active="py"
def sparse_layer(x, router_weight, experts, top_k, capacity_factor, training, right=sparse_layer):
    return right(x, router_weight, experts, top_k, capacity_factor, True)


# %% mistake="sparse_layer" name="float32_buffer" hint="One fault is left: the output buffer is float32 whatever x is. torch.zeros_like(x) has the dtype and the device of x." active="py"
def sparse_layer(x, router_weight, experts, top_k, capacity_factor, training, right=sparse_layer):
    if x.dtype != torch.float32:
        return torch.zeros(x.shape).index_add(0, torch.arange(len(x)), x)
    return right(x, router_weight, experts, top_k, capacity_factor, training)


# %% mistake="sparse_layer" name="constant_gate" hint="One fault is left: for k = 1 the gate is p/p = 1, and the router gets no gradient." active="py"
def sparse_layer(x, router_weight, experts, top_k, capacity_factor, training, right=sparse_layer):
    if top_k > 1:
        return right(x, router_weight, experts, top_k, capacity_factor, training)
    chosen = (x @ router_weight.T).argmax(-1)
    rows = torch.stack([experts[e](row[None])[0] for e, row in zip(chosen.tolist(), x)])
    return rows + 0.0 * (x @ router_weight.T).sum()


# %% [markdown] exercise="others_in_the_batch" points=3
r"""
## 10 · In your own words

### In your own words · others_in_the_batch

A service answers many users at once with a mixture of experts. A user sends the same text twice, without any sampling, and gets two different answers. In tests with a single user this never happens. Explain what is probably going on, how you would show it, and two ways to repair it with their price.

### BEGIN SOLUTION
The experts have a capacity that all sequences of a batch share. How many places are left for this user's tokens depends on what the others sent in the same moment: sometimes a token is dropped (it passes through the residual alone), sometimes not. A single user never fills the experts.

To show it: run the text alone and in a batch with other texts, compare the logits and the share of dropped assignments; with an unlimited capacity the difference must vanish, up to rounding.

Repairs: no dropping when the model is used (the slowest expert then decides the time, and buffers have no fixed size); or a capacity for each sequence, filled in its own order (independent of others, but places stay empty in one sequence while they lack in another); a larger capacity factor only makes it rarer.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: capacity shared across the batch, drops that depend on the others
- 1 point: a test that isolates it (alone against in company, or limited against unlimited capacity)
- 1 point: two repairs that work, each with its price
### END RUBRIC
"""

# %% [markdown] exercise="dense_or_sparse" points=3
r"""
### In your own words · dense_or_sparse

Interview question. You may train either a dense model or a mixture of experts with the same number of active parameters and four times as many stored. Name what the mixture wins, what it costs, and a situation for each choice. For a laptop that serves one user, token by token, which numbers decide?

### BEGIN SOLUTION
It wins room for knowledge at (nearly) the same arithmetic per token, so a lower loss for the same training compute, if there is more to know than the dense model can hold. It costs memory for all experts, traffic between devices (tokens travel to experts), overhead of sorting and of many small products, auxiliary losses and their weights, less even training of each expert (each sees k/E of the tokens), and care with capacity.

Mixture: large-scale training and serving with many users, where batches keep all experts busy and memory is spread over many devices. Dense: small models, little memory, little data, simple deployment.

One user, one token at a time: reading the weights from memory limits the speed, not arithmetic. Per token only the active weights are read, which favours the mixture; but all stored weights must fit into memory. So: stored parameters against memory size, active parameters times bytes against memory bandwidth. With batches, different tokens ask different experts, and soon all weights are read.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: stored against active named correctly, with the gain in loss at equal compute
- 1 point: at least two true costs, and a fitting situation for each choice
- 1 point: for one user, memory capacity (stored) and bandwidth (active) decide, not arithmetic
### END RUBRIC
"""

# %% [markdown]
r"""
## Flash cards

Fourteen questions about mixtures, for tomorrow and for the weeks after.
"""

# %%
from course_lib.widgets.cards import flash_cards

flash_cards("17_moe")

# %% [markdown]
r"""
## 11 · Where this came from, and where it goes

- **Jacobs, Jordan, Nowlan and Hinton (1991)**, *Adaptive Mixtures of Local Experts*: a gate that weighs whole networks, all of them computed.
- **Shazeer et al. (2017)**, *Outrageously Large Neural Networks*: only the top k are computed, between layers of an LSTM, with noise on the scores.
- **GShard** (Lepikhin et al. 2021) brought it to Transformers on many devices, with capacity; **Switch Transformer** (Fedus et al. 2022): $k = 1$ and the balancing loss used here; **ST-MoE** (Zoph et al. 2022): the z-loss.
- **Expert choice** (Zhou et al. 2022): experts choose tokens. Balance is perfect, and a token's fate depends on later ones: not for causal models as it stands.
- **MegaBlocks** (Gale et al. 2023): no capacity at all, one product over blocks of unequal size. **Mixtral** (Jiang et al. 2024): 8 experts, $k = 2$. **DeepSeekMoE** (Dai et al. 2024): many small experts and some that every token meets. **Loss-free balancing**: Wang et al. (2024).
"""

# %% [markdown]
r"""
**What we do not know.** Why a router sends a word where it does, and whether another split would be better: routers are trained by a gradient through the few gates that they opened, and nobody tells them what the other experts would have said. Our experiments are small; nothing here shows what balance or capacity do at the scale where mixtures are used.

`course_lib.moe` holds the tested version of all that you wrote.
"""
