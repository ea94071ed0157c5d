"""Attention to play with: which head of which layer looks where, and what the scaling is for."""

from collections.abc import Sequence

import ipywidgets as widgets
from torch import Tensor

from course_lib.figures import attention as figures
from course_lib.widgets.live import live


def attention_explorer(
    tokens: Sequence[str], weights: Tensor, layer: int = 0, head: int = 0, query: int | None = None
) -> widgets.Widget:
    """Return a widget that shows any head of any layer, and what one token looks at.

    tokens   T words
    weights  (L, H, T, T) attention weights
    layer, head, query  what to show first, counted from 0; by default the first head and the last token

    Raises ValueError when the shape of weights does not fit the tokens.
    """
    size = len(tokens)
    if weights.dim() != 4 or weights.shape[2:] != (size, size):
        raise ValueError(f"weights must have the shape (layers, heads, {size}, {size}), got {tuple(weights.shape)}")
    n_layers, n_heads = weights.shape[:2]
    query = size - 1 if query is None else query
    return live(
        lambda layer, head, token: figures.explorer(tokens, weights, layer - 1, head - 1, token),
        alt=f"Attention weights of the sentence “{' '.join(tokens)}”: a heat map of one head, and one word's weights.",
        layer=widgets.IntSlider(layer + 1, min=1, max=n_layers, description="layer"),
        head=widgets.IntSlider(head + 1, min=1, max=n_heads, description="head"),
        token=widgets.Dropdown(
            options=[(f"{i + 1}. {token}", i) for i, token in enumerate(tokens)],
            value=query,
            description="who looks",
        ),
    )


def scaling_explorer() -> widgets.Widget:
    """Return a widget that shows how the softmax saturates as d_k grows, with and without the division by √d_k."""
    return live(
        lambda log2_d, divide: figures.saturation(2**log2_d, divide),
        alt="Softmax weights of one query over twelve random keys: unscaled, with 256 features, one key takes all.",
        log2_d=widgets.IntSlider(8, min=0, max=11, description="log₂ d_k"),
        divide=widgets.Checkbox(False, description="divide by √d_k"),
    )
