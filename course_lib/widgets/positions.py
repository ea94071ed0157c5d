"""Positions to play with: turn the arrows of RoPE, choose a wavelength, steepen ALiBi's slope."""

import ipywidgets as widgets
import torch

from course_lib.figures import positions as figures
from course_lib.positions import alibi_bias, rope
from course_lib.widgets.live import live


def sinusoid_explorer(d_model: int = 64) -> widgets.Widget:
    """Return a widget that shows the sinusoid table and how similar a chosen position is to the others."""
    return live(
        lambda length, position: figures.sinusoid_table(length, d_model, min(position, length - 1)),
        alt="A heat map of sines and cosines, slower from feature to feature, and how alike positions are.",
        length=widgets.IntSlider(100, min=20, max=400, step=20, description="positions"),
        position=widgets.IntSlider(40, min=0, max=399, description="compare with"),
    )


def rotation_explorer(d_head: int = 8) -> widgets.Widget:
    """Return a widget that turns one pair of features of a query and a key by their positions."""
    return live(
        lambda query, key, pair: figures.rotation(query, key, pair, d_head),
        alt="A query and a key as arrows before and after their rotation: the angle between them depends on distance.",
        query=widgets.IntSlider(5, min=0, max=30, description="query at"),
        key=widgets.IntSlider(3, min=0, max=30, description="key at"),
        pair=widgets.IntSlider(0, min=0, max=d_head // 2 - 1),
    )


def alibi_explorer(n_keys: int = 40) -> widgets.Widget:
    """Return a widget that shows which distances each head of ALiBi attends to when all keys are equally good."""

    def draw(n_heads: int, wrong_sign: bool) -> figures.Figure:
        bias = alibi_bias(n_heads, 1, n_keys)[:, 0]  # (H, S)
        weights = (-bias if wrong_sign else bias).softmax(-1)
        heads = sorted({0, n_heads // 3, 2 * n_heads // 3, n_heads - 1})
        title = "The wrong sign: the oldest keys win" if wrong_sign else "Steep heads look near, flat heads look far"
        return figures.bias_effect({f"head {head + 1} of {n_heads}": weights[head] for head in heads}, title)

    return live(
        draw,
        alt="Attention weight against distance for several heads of ALiBi: some look near, some far.",
        n_heads=widgets.IntSlider(8, min=1, max=16, description="heads"),
        wrong_sign=widgets.Checkbox(False, description="slope · (query − key): the popular wrong sign"),
    )


def rope_distance_explorer(d_head: int = 32, seed: int = 0) -> widgets.Widget:
    """Return a widget with the score of one query and key against distance: it oscillates, and need not peak at 0."""
    q = torch.randn(d_head, generator=torch.Generator().manual_seed(seed))

    def draw(turned: int) -> figures.Figure:
        key = rope(q[None], torch.tensor([turned]))[0]
        title = f"Key turned by {turned} in advance: the distance {turned} scores highest"
        return figures.rope_scores(
            q, key, range(300), title if turned else "Equal query and key: the score falls, and rises again"
        )

    return live(
        draw,
        alt="The score of a rotated query and key against their distance: it oscillates and does not fall steadily.",
        turned=widgets.IntSlider(0, min=0, max=100, step=10, description="turn the key in advance by"),
    )
