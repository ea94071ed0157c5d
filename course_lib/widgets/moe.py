"""A mixture of experts to play with: one token's way, popular experts and full queues, loads while training."""

import time
from collections.abc import Iterable, Iterator, Sequence

import ipywidgets as widgets
import torch
from IPython.display import display
from torch import Tensor, nn

from course_lib.figures import moe as figures
from course_lib.figures.style import png, show
from course_lib.moe import expert_capacity, route_top_k, routings, within_capacity
from course_lib.train import Step
from course_lib.widgets.live import live, still

_REDRAW = 20  # drawing may take one part in this many of the time


def router_explorer(tokens: Sequence[str], logits: Tensor, top_k: int = 2) -> widgets.Widget:
    """Return a widget that follows any one token to its experts.

    tokens  T words
    logits  (T, E) the router's scores

    Raises ValueError when there is not one row of logits for each token.
    """
    if logits.dim() != 2 or len(logits) != len(tokens):
        raise ValueError(f"logits must have the shape ({len(tokens)}, experts), got {tuple(logits.shape)}")

    def draw(token: int, top_k: int) -> figures.Figure:
        experts, gates = route_top_k(logits[token], top_k)
        return figures.one_token(tokens[token], logits[token].softmax(-1), experts, gates)

    return live(
        draw,
        alt=f"The router's probabilities for “{tokens[0]}” as bars, and lines to the {top_k} experts that are used.",
        token=widgets.Dropdown(options=[(f"{i + 1}. {token}", i) for i, token in enumerate(tokens)], value=0),
        top_k=widgets.IntSlider(top_k, min=1, max=logits.size(1), description="experts per token"),
    )


def capacity_explorer(n_tokens: int = 32, n_experts: int = 8, seed: int = 0) -> widgets.Widget:
    """Return a widget that shows which tokens full experts drop, as popularity, top_k and capacity change."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, n_tokens, n_experts, generator=generator)
    popularity = torch.linspace(1, -1, n_experts)[torch.randperm(n_experts, generator=generator)]

    def draw(imbalance: float, top_k: int, capacity_factor: float) -> figures.Figure:
        experts, _ = route_top_k(noise + imbalance * popularity, top_k)
        capacity = expert_capacity(n_tokens, n_experts, top_k, capacity_factor)
        return figures.queues(experts[0], within_capacity(experts, n_experts, capacity)[0], n_experts, capacity)

    return live(
        draw,
        alt="A grid of tokens and experts: squares for assignments that found room, crosses for those dropped.",
        imbalance=widgets.FloatSlider(1.0, min=0.0, max=3.0, step=0.25),
        top_k=widgets.IntSlider(2, min=1, max=4, description="experts per token"),
        capacity_factor=widgets.FloatSlider(1.0, min=0.25, max=3.0, step=0.25, description="capacity factor"),
    )


def expert_reader(sentences: Sequence[Sequence[str]], experts: Sequence[Tensor]) -> widgets.Widget:
    """Return a widget that shows which expert reads each token, for any sentence and layer.

    sentences  lists of words
    experts    for each sentence (L, T), the first choice of each layer
    """
    return live(
        lambda sentence, layer: figures.expert_text(
            sentences[sentence], experts[sentence][layer - 1].tolist(), f"layer {layer}"
        ),
        alt=f"The words of “{' '.join(sentences[0])}”, each on the colour and number of the expert that reads it.",
        sentence=widgets.IntSlider(0, min=0, max=len(sentences) - 1),
        layer=widgets.IntSlider(1, min=1, max=len(experts[0])),
    )


def watch_loads(
    steps: Iterable[Step], model: nn.Module, label: str, layer: int = 0, every: int = 5
) -> Iterator[tuple[Step, Tensor]]:
    """Train, and show how busy each expert of one MoE layer is; pass on each step and its loads, (E,) shares.

    steps  a `course_lib.train.Trainer` of the model, or what passes its steps on (`watch`)
    model  with MoE layers
    label  what is trained, for the title
    layer  which MoE layer, counted from 0
    every  updates between two points of the picture

    While it runs a live picture follows; at the end a figure stays on the page.
    """
    picture = widgets.Image(format="png", layout={"max_width": "100%"})
    display(still(picture, " ", f"{label}: loads while training"))  # where there is no kernel, the figure at the end
    numbers, loads = [], []
    drawn, drawing = time.monotonic(), 0.1
    for step in steps:
        shares = routings(model)[layer].loads.cpu()
        if step.number % every == 1 or every == 1:
            numbers.append(step.number)
            loads.append(shares)
        now = time.monotonic()
        if len(numbers) > 1 and now - drawn > _REDRAW * drawing:
            picture.value = png(figures.load_history(numbers, loads, f"{label}: who is busy so far"))
            drawn = time.monotonic()
            drawing = drawn - now
        yield step, shares
    picture.layout.display = "none"
    if len(numbers) > 1:
        figure = figures.load_history(numbers, loads, f"{label}: who was busy, layer {layer + 1}")
        busiest = float(loads[-1].max())
        show(figure, alt=f"Bands of each expert's share of the tokens; at the end the busiest has {busiest:.0%}.")
