"""GPT to play with: where its parameters are, what a cache saves, and what a model writes while it learns."""

import html
from collections.abc import Sequence

import ipywidgets as widgets

from course_lib.figures import gpt as figures
from course_lib.gpt import GPTConfig
from course_lib.widgets.live import live, still

#: published sizes (Radford et al. 2019; Brown et al. 2020; Touvron et al. 2023) and the one that lesson 15 trains
SIZES = {
    "this lesson's": GPTConfig(348, 32, 64, 4, 2),
    "GPT-2 small": GPTConfig(50257, 1024, 768, 12, 12),
    "GPT-2 XL": GPTConfig(50257, 1024, 1600, 25, 48),
    "GPT-3": GPTConfig(50257, 2048, 12288, 96, 96),
    "Llama 2 7B": GPTConfig(
        32000, 4096, 4096, 32, 32, d_ff=11008, norm="rms", ffn="swiglu", positions="rope", tied=False, bias=False
    ),
}


def size_explorer() -> widgets.Widget:
    """Return a widget that draws models from the course's own size to GPT-3's and says where the parameters are."""
    return live(
        lambda model: figures.anatomy(SIZES[model]),
        alt="A GPT from token ids to logits with one of its equal blocks opened: norm, causal attention, add, norm, "
        "feed-forward, add. A bar shows the share of the parameters in each part.",
        model=widgets.ToggleButtons(options=list(SIZES), value="GPT-2 small"),
    )


def cache_explorer(n_prompt: int = 5, n_new: int = 14) -> widgets.Widget:
    """Return a widget that shows, call by call, which tokens the model computes, with and without a cache."""
    return live(
        lambda calls, cache: figures.work(n_prompt, n_new, calls - 1, cache),
        alt=f"A grid of calls and tokens. Without a cache each call computes all tokens again, a growing triangle; "
        f"with one, every call after the first computes one token. Prompt of {n_prompt}, {n_new} tokens written.",
        calls=widgets.IntSlider(n_new, min=1, max=n_new, description="calls of the model"),
        cache=widgets.Checkbox(False, description="keep keys and values"),
    )


Entry = tuple[int, float, str]  #: update, held-out nats per token, what the model wrote


def diary(entries: Sequence[Entry], floor: float | None = None) -> widgets.Widget:
    """Return a widget that shows what a model wrote at each stage of its training; a table where there is no kernel.

    entries  from the first to the last; at least one, or ValueError
    floor    a loss that no model can get below, to compare with
    """
    if not entries:
        raise ValueError("entries must hold at least one (update, nats per token, text), got none")

    def page(stage: int) -> str:
        update, nats, text = entries[stage]
        above = "" if floor is None else f", {nats - floor:.3f} above the floor"
        return (
            f'<div style="font-size:1.15em"><b>After {update:,} updates</b>: {nats:.3f} nats per token{above}'
            f'<p style="max-width:50em;line-height:1.5">{html.escape(text)}</p></div>'
        )

    rows = "".join(
        f'<tr><td style="text-align:right">{update:,}</td><td style="text-align:right">{nats:.3f}</td>'
        f'<td style="text-align:left">{html.escape(text)}</td></tr>'
        for update, nats, text in entries
    )
    head = "<tr><th>updates</th><th>nats per token</th><th>text</th></tr>"
    table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
    alt = f"What the model wrote after {entries[0][0]:,} … {entries[-1][0]:,} updates."
    slider = widgets.SelectionSlider(
        options=[(f"{update:,}", place) for place, (update, _, _) in enumerate(entries)],
        value=len(entries) - 1,
        description="updates",
    )
    return still(live(page, alt, stage=slider), table, alt)
