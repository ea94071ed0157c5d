"""The Transformer to play with: its masks, its learning rate, and where a decoder looks while it writes."""

from collections.abc import Mapping

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure
from torch import Tensor

from course_lib.figures import transformer as figures
from course_lib.optim import inverse_sqrt
from course_lib.transformer import make_masks
from course_lib.widgets.live import live


def mask_explorer() -> widgets.Widget:
    """Return a widget that shows the masks of one pair of a batch as its source and target get shorter."""

    def draw(source: int, target: int) -> Figure:
        source_ids, target_ids = (torch.tensor([[1] * real + [0] * (6 - real)]) for real in (source, target))
        source_mask, target_mask = make_masks(source_ids, target_ids)
        names = [
            [f"{name}{i + 1}" if i < real else "pad" for i in range(6)] for name, real in zip("st", (source, target))
        ]
        return figures.three_masks(source_mask[0, 0, 0], target_mask[0, 0], *names)

    return live(
        draw,
        alt="Three grids of who may look at whom: the encoder and the decoder's look across hide the source's padding, "
        "the decoder's look back hides the future and the target's padding.",
        source=widgets.IntSlider(4, min=1, max=6, description="source tokens"),
        target=widgets.IntSlider(5, min=1, max=6, description="target tokens"),
    )


def warm_up_explorer(d_model: int = 512, updates: int = 20_000) -> widgets.Widget:
    """Return a widget with the paper's learning rate, 1/√d_model · min(1/√step, step/warmup^1.5), for any warm-up."""

    def draw(warmup: int) -> Figure:
        schedule, peak = inverse_sqrt(warmup), (d_model * warmup) ** -0.5
        rates = [peak * schedule(step) for step in range(updates)]
        falling = [(d_model * step) ** -0.5 for step in range(1, updates + 1)]
        title = f"After {warmup:,} updates the rate peaks at {peak:.1e}, then falls like 1/√step"
        return figures.warm_up(rates, falling, 1.05 * (d_model * 500) ** -0.5, title)

    return live(
        draw,
        alt="The learning rate rises in a straight line while it warms up, then falls with one over √step.",
        warmup=widgets.IntSlider(4000, min=500, max=10_000, step=500, description="warm-up updates"),
    )


def alignment_explorer(source: str, written: str, cross: Tensor) -> widgets.Widget:
    """Return a widget that replays a translation: step through what was written, in any layer and head.

    source   S characters that the encoder read
    written  T characters that the decoder wrote, its end as ◂
    cross    (L, H, T, S) cross-attention weights; row t belongs to the query that predicts written[t]

    Raises ValueError when the shape of cross does not fit the texts.
    """
    if cross.dim() != 4 or cross.shape[2:] != (len(written), len(source)):
        raise ValueError(
            f"cross must have the shape (layers, heads, {len(written)}, {len(source)}), got {tuple(cross.shape)}"
        )
    views: Mapping[tuple[int, int | None], Tensor] = {
        (layer, head): cross[layer].mean(0) if head is None else cross[layer, head]
        for layer in range(cross.size(0))
        for head in (None, *range(cross.size(1)))
    }
    names = {
        (layer, head): f"layer {layer + 1}, " + ("mean of the heads" if head is None else f"head {head + 1}")
        for layer, head in views
    }
    return live(
        lambda step, view: figures.alignment(source, written, views[view], step - 1, names[view]),
        alt=f"Where the decoder looks in “{source}” while it writes each character of “{written}”.",
        step=widgets.IntSlider(1, min=1, max=len(written), description="character"),
        view=widgets.Dropdown(
            options=[(name, view) for view, name in names.items()], value=(cross.size(0) - 1, None), description="who"
        ),
    )
