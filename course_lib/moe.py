"""Mixture of experts: many feed-forward networks, of which each token uses a few.

A router gives every token a probability for each expert; the token goes to its top_k experts, and what they return is
added up, weighted by the gates. Parameters grow with the number of experts, arithmetic with top_k (Shazeer et al. 2017;
GShard, Lepikhin et al. 2021; Switch Transformer, Fedus et al. 2022; ST-MoE, Zoph et al. 2022).

- Tokens are sorted by expert, each expert works on one contiguous slice, and the results are added back: no loop over
  tokens, no buffer of tokens × experts.
- With a capacity, an expert that is full drops assignments, in training only. Each sequence is counted for itself, in
  the order of its tokens: no token is dropped because of a later one, or because of another sequence of the batch.
- A dropped token gets zeros here; the residual connection around the layer carries it on.
- The router computes its scores in float32 at least, whatever the precision of the rest.
- Every expert gets a gradient, a zero one where no token came (DistributedDataParallel asks for that).
- Experts can be kept busy by a loss, or by a bias that enters the choice alone (Wang et al. 2024); some can be shared,
  which every token meets (DeepSeekMoE, Dai et al. 2024).

`MoE` takes the place of any feed-forward network (B, T, d_model) → (B, T, d_model). Lesson 17 builds each part.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_lib.arguments import require_at_least, require_counts, require_positive
from course_lib.language_model import count_parameters


def route_top_k(logits: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """Choose each token's experts, and how much each of them counts.

    logits   (..., E) the router's score of every expert
    top_k    k, experts per token
    returns  experts (..., k) int64, the likeliest first, and gates (..., k): their probabilities (softmax over all E
             experts), divided by their sum where k > 1. For k = 1 that would be p / p = 1, a constant that teaches
             the router nothing; so the one gate stays the probability itself (Switch Transformer)

    Raises ValueError when top_k is not in 1 … E.

    >>> route_top_k(torch.tensor([2.0, 0.0, 1.0]), 2)
    (tensor([0, 2]), tensor([0.7311, 0.2689]))
    """
    require_counts(top_k=top_k)
    if top_k > logits.size(-1):
        raise ValueError(f"top_k must be between 1 and the number of experts, {logits.size(-1)}, got {top_k}")
    gates, experts = logits.softmax(-1).topk(top_k, dim=-1)
    if top_k > 1:
        gates = gates / gates.sum(-1, keepdim=True)
    return experts, gates


def route_with_bias(scores: Tensor, bias: Tensor, top_k: int) -> tuple[Tensor, Tensor]:
    """Choose by score plus bias, and weigh by the scores alone: the bias decides who is asked, not how much it counts.

    scores   (..., E) positive, for instance the router's probabilities, or sigmoids of its logits as in DeepSeek-V3
    bias     (E,) added to the scores for the choice; no gradient reaches it
    top_k    k, experts per token
    returns  experts (..., k) int64, the highest sum first, and gates (..., k): their scores, divided by their sum
             where k > 1

    Raises ValueError when top_k is not in 1 … E.  Eq. 3 of Wang et al. 2024; eq. 16 of DeepSeek-V3 (2024).

    >>> route_with_bias(torch.tensor([0.5, 0.3, 0.2]), torch.tensor([-0.4, 0.0, 0.0]), 2)
    (tensor([1, 2]), tensor([0.6000, 0.4000]))
    """
    require_counts(top_k=top_k)
    if top_k > scores.size(-1):
        raise ValueError(f"top_k must be between 1 and the number of experts, {scores.size(-1)}, got {top_k}")
    experts = (scores + bias).topk(top_k, dim=-1).indices
    gates = scores.gather(-1, experts)
    if top_k > 1:
        gates = gates / gates.sum(-1, keepdim=True)
    return experts, gates


def updated_bias(bias: Tensor, experts: Tensor, rate: float) -> Tensor:
    """Return the bias after a batch: a step up for each expert that got less than the mean, a step down for more.

    bias     (E,) what `route_with_bias` added for this batch
    experts  (..., k) int64, the choices that it made
    rate     size of the step, in units of the scores: b_e + rate · sign(mean count − count of e)
    returns  (E,), a new tensor

    Raises ValueError for a negative rate.  Algorithm 1 of Wang et al. 2024, where the rate is 0.001.

    >>> updated_bias(torch.zeros(3), torch.tensor([[0], [0], [1]]), 0.25)  # counts 2, 1, 0; their mean is 1
    tensor([-0.2500,  0.0000,  0.2500])
    """
    require_at_least(0, rate=rate)
    counts = torch.bincount(experts.flatten(), minlength=len(bias))
    return bias + rate * torch.sign(counts.sum() - counts * len(bias))  # whole numbers: equal is equal


def expert_capacity(n_tokens: int, n_experts: int, top_k: int, capacity_factor: float) -> int:
    """Return how many assignments an expert takes from n_tokens tokens: ⌈factor · tokens · k / experts⌉.

    capacity_factor  1: exactly enough if all experts were equally popular; 1.25: a quarter more

    Rounded up, so that it is never 0: one token alone, as in generation, always finds room.

    Raises ValueError when an argument is not positive.  Eq. 3 of Fedus et al. 2022.

    >>> expert_capacity(64, 8, 2, 1.25), expert_capacity(1, 8, 2, 1.0)
    (20, 1)
    """
    require_counts(n_tokens=n_tokens, n_experts=n_experts, top_k=top_k)
    require_positive(capacity_factor=capacity_factor)
    return math.ceil(capacity_factor * n_tokens * top_k / n_experts)


def within_capacity(experts: Tensor, n_experts: int, capacity: int) -> Tensor:
    """Say which assignments find room: in every sequence, each expert takes the first `capacity` that come.

    experts    (B, T, k) int64, the choices of each token
    n_experts  E
    capacity   assignments that an expert takes from one sequence
    returns    (B, T, k) boolean, True = has room. Tokens come in order, a token's first choice before its second, so
               the answer for a token never depends on later tokens or on other sequences

    Raises ValueError for n_experts below 1 and a negative capacity.

    >>> within_capacity(torch.tensor([[[0], [0], [1], [0]]]), 2, 2).flatten()
    tensor([ True,  True,  True, False])
    """
    require_counts(n_experts=n_experts)
    require_counts(0, capacity=capacity)
    batch = experts.size(0)
    sequence = torch.arange(batch, device=experts.device)[:, None, None]
    queue = (sequence * n_experts + experts).flatten()  # one queue for each expert of each sequence
    order = queue.argsort(stable=True)
    starts = torch.bincount(queue, minlength=batch * n_experts).cumsum(0).roll(1)
    starts[0] = 0
    place = torch.empty_like(queue)
    place[order] = torch.arange(len(queue), device=queue.device) - starts[queue[order]]
    return (place < capacity).view_as(experts)


def dispatch(experts: Tensor, n_experts: int, kept: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Sort the assignments by expert, so that each expert finds its own in one slice.

    experts    (..., k) int64, the choices of each token
    n_experts  E
    kept       (..., k) boolean, False = dropped; None: all are kept
    returns    order (A,) int64, the kept assignments as indices into experts.flatten(), those of expert 0 first, each
               expert's in the order of the tokens; and counts (E,) int64, how many each expert has. The token of
               assignment a is a // k

    Raises ValueError for n_experts below 1.

    >>> dispatch(torch.tensor([[1, 0], [1, 2], [0, 1]]), 3)
    (tensor([1, 4, 0, 2, 5, 3]), tensor([2, 3, 1]))
    """
    require_counts(n_experts=n_experts)
    chosen = experts.flatten()
    if kept is not None:
        chosen = chosen.masked_fill(~kept.flatten(), n_experts)  # the dropped are sorted behind the last expert
    counts = torch.bincount(chosen, minlength=n_experts)[:n_experts]
    order = chosen.argsort(stable=True)
    return order if kept is None else order[: int(counts.sum())], counts


def load_balancing_loss(probs: Tensor, experts: Tensor) -> Tensor:
    """Return E · Σ_e f_e · P_e, which is 1 when all experts are used alike and up to E when one does all the work.

    probs    (..., E) the router's probabilities; P_e is their mean over the tokens
    experts  (..., k) int64, the choices; f_e is the share of all assignments that chose e, before any is dropped
    returns  a scalar. Gradients flow through P alone: f counts

    Eq. 4–6 of Fedus et al. 2022, where k = 1. `transformers` does not divide f by k: its value is k times ours.

    >>> load_balancing_loss(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([[0], [0]]))
    tensor(1.5000)
    """
    n_experts = probs.size(-1)
    counts = torch.bincount(experts.flatten(), minlength=n_experts)
    return n_experts * (counts / experts.numel() * probs.flatten(0, -2).mean(0)).sum()


def router_z_loss(logits: Tensor) -> Tensor:
    """Return the mean square of log Σ_e exp(logit_e): small while the router's logits are small.  (ST-MoE, eq. 5)

    logits   (..., E)
    returns  a scalar

    >>> router_z_loss(torch.zeros(3, 4))  # (ln 4)²
    tensor(1.9218)
    """
    return logits.logsumexp(-1).square().mean()


@dataclass(frozen=True)
class Routing:
    """Who went where in the last call of a `MoE`; nothing here carries gradients.

    probs    (B, T, E) the router's probabilities
    experts  (B, T, k) int64 choices, the likeliest first
    gates    (B, T, k) their weights
    kept     (B, T, k) boolean, False = dropped; None: nothing could be dropped
    """

    probs: Tensor
    experts: Tensor
    gates: Tensor
    kept: Tensor | None

    @property
    def loads(self) -> Tensor:
        """Each expert's share of the assignments, dropped ones included: (E,), sums to 1."""
        return torch.bincount(self.experts.flatten(), minlength=self.probs.size(-1)) / self.experts.numel()

    @property
    def dropped(self) -> float:
        """Share of the assignments that were dropped."""
        return 0.0 if self.kept is None else 1.0 - self.kept.float().mean().item()


class Expert(nn.Module):
    """One feed-forward network, down(gelu(up(x))), as in GPT-2 but without biases. Parameters: `up` and `down`.

    Raises ValueError for sizes below 1.
    """

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        require_counts(d_model=d_model, d_ff=d_ff)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the transformed tokens, (..., d_model) → (..., d_model)."""
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class MoE(nn.Module):
    """A layer of experts and the router that sends each token to top_k of them.

    d_model          features of a token, in and out
    d_ff             hidden features of one expert
    n_experts        E
    top_k            experts per token
    capacity_factor  room of an expert in training, see `expert_capacity`; None: no limit. In evaluation mode nothing
                     is ever dropped
    balance, z       weights of the two auxiliary losses, `load_balancing_loss` and `router_z_loss`
    n_shared         further experts that every token meets, beside its top_k (DeepSeekMoE)
    biased           True: a buffer `bias` (E,), zeros at first, enters the choice as in `route_with_bias`. Whoever
                     trains sets it after each update to `updated_bias(layer.bias, layer.routing.experts, rate)`, and
                     keeps it in float32: half precision would round small steps away
    expert           makes one expert from d_model and d_ff
    generator        of the initial weights (standard deviation 0.02); None: torch's global one

    Parts: `router`, an nn.Linear without bias, `experts` and `shared`.
    After a call, `aux_loss` holds the weighted auxiliary losses, a scalar to add to the training loss (see
    `auxiliary_loss`), and `routing` says who went where.

    Raises ValueError when a size is not positive, a weight is negative, or top_k is not in 1 … E.
    """

    def __init__(
        self,
        d_model: int,
        d_ff: int,
        n_experts: int,
        top_k: int,
        capacity_factor: float | None = None,
        *,
        balance: float = 0.01,
        z: float = 0.001,
        n_shared: int = 0,
        biased: bool = False,
        expert: Callable[[int, int], nn.Module] = Expert,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        require_counts(d_model=d_model, d_ff=d_ff, n_experts=n_experts, top_k=top_k)
        require_counts(0, n_shared=n_shared)
        require_positive(capacity_factor=capacity_factor)
        require_at_least(0, balance=balance, z=z)
        if top_k > n_experts:
            raise ValueError(f"top_k must be between 1 and n_experts = {n_experts}, got {top_k}")
        self.d_model, self.n_experts, self.top_k, self.capacity_factor = d_model, n_experts, top_k, capacity_factor
        self.balance, self.z = balance, z
        self.router = nn.Linear(d_model, n_experts, bias=False)
        self.experts = nn.ModuleList(expert(d_model, d_ff) for _ in range(n_experts))
        self.shared = nn.ModuleList(expert(d_model, d_ff) for _ in range(n_shared))
        self.register_buffer("bias", torch.zeros(n_experts) if biased else None)
        for weight in self.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.02, generator=generator)
        self.bias: Tensor | None
        self.aux_loss: Tensor | None = None
        self.routing: Routing | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return what the experts made of the tokens, (B, T, d_model) → (B, T, d_model); zeros where all dropped it.

        Shared experts drop nothing.
        """
        if x.dim() != 3 or x.size(-1) != self.d_model:
            raise ValueError(f"x must have the shape (batch, tokens, {self.d_model}), got {tuple(x.shape)}")
        wide = torch.promote_types(x.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):  # rounded scores could not be told apart any more
            logits = F.linear(x.to(wide), self.router.weight.to(wide))  # (B, T, E)
        probs = logits.softmax(-1)
        if self.bias is None:
            experts, gates = route_top_k(logits, self.top_k)  # (B, T, k) each
        else:
            experts, gates = route_with_bias(probs, self.bias.to(wide), self.top_k)
        kept = None
        if self.training and self.capacity_factor is not None:
            capacity = expert_capacity(x.size(1), self.n_experts, self.top_k, self.capacity_factor)
            kept = within_capacity(experts, self.n_experts, capacity)
        self.aux_loss = self.balance * load_balancing_loss(probs, experts) + self.z * router_z_loss(logits)
        self.routing = Routing(probs.detach(), experts, gates.detach(), kept)
        return sum((expert(x) for expert in self.shared), self._combine(x, experts, gates, kept))

    def _combine(self, x: Tensor, experts: Tensor, gates: Tensor, kept: Tensor | None) -> Tensor:
        """Send the tokens to their experts and add up, weighted by the gates, what comes back."""
        order, counts = dispatch(experts, self.n_experts, kept)
        tokens, flat = order // self.top_k, x.flatten(0, 1)  # (A,) and (B·T, d_model)
        slices = flat.index_select(0, tokens).split(counts.tolist())
        results = torch.cat([expert(rows) for expert, rows in zip(self.experts, slices)])  # (A, d_model)
        weighted = results * gates.flatten()[order, None].to(results.dtype)
        return torch.zeros_like(flat, dtype=weighted.dtype).index_add(0, tokens, weighted).view_as(x)

    def __getstate__(self) -> dict:
        """Leave what the last call left behind out of copies and files."""
        return self.__dict__ | {"aux_loss": None, "routing": None}


def auxiliary_loss(model: nn.Module) -> Tensor:
    """Return the sum of the auxiliary losses of all MoE layers of the model, from its last call: a scalar.

    Add it to the training loss. Raises ValueError when the model has no MoE layer, or has not been called.
    """
    layers = _layers(model)
    losses = [layer.aux_loss for layer in layers if layer.aux_loss is not None]
    if len(losses) < len(layers):
        raise ValueError("the model must have been called before its auxiliary loss can be asked for")
    return torch.stack(losses).sum()


def routings(model: nn.Module) -> list[Routing]:
    """Return where the tokens of the model's last call went, one `Routing` for each MoE layer. Raises as above."""
    layers = _layers(model)
    found = [layer.routing for layer in layers if layer.routing is not None]
    if len(found) < len(layers):
        raise ValueError("the model must have been called before its routing can be shown")
    return found


def active_parameters(model: nn.Module) -> int:
    """Return how many of the model's parameters one token meets: all, but of each MoE layer only top_k experts.

    Raises ValueError for a model without a MoE layer.
    """
    idle = 0
    for layer in _layers(model):
        idle += (layer.n_experts - layer.top_k) * count_parameters(layer.experts[0])
    return count_parameters(model) - idle


def _layers(model: nn.Module) -> list[MoE]:
    """Return the modules that are a MoE, or a learner's own: what has `routing` and `aux_loss` is one."""
    layers = [module for module in model.modules() if hasattr(module, "routing") and hasattr(module, "aux_loss")]
    if not layers:
        raise ValueError(f"the model must have a MoE layer, got {type(model).__name__} without one")
    return cast(list[MoE], layers)
