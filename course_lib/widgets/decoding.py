"""Decoding to play with: filters on a real distribution, texts written live, and what speculation accepts."""

import html
from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from course_lib.decoding import Sampling, generate
from course_lib.figures import decoding as figures
from course_lib.widgets.live import live


def _sliders(start: Sampling) -> dict[str, widgets.Widget]:
    return {
        "temperature": widgets.FloatSlider(start.temperature, min=0.0, max=3.0, step=0.05),
        "top_k": widgets.IntSlider(start.top_k, min=0, max=50, description="top k (0: off)"),
        "top_p": widgets.FloatSlider(start.top_p, min=0.05, max=1.0, step=0.05, description="top p (1: off)"),
        "min_p": widgets.FloatSlider(start.min_p, min=0.0, max=1.0, step=0.05, description="min p (0: off)"),
    }


def filter_playground(
    words: Sequence[str], logits: Mapping[str, Tensor], start: Sampling | None = None
) -> widgets.Widget:
    """Return a widget that shows which next tokens survive temperature and filters.

    words   V names of the tokens
    logits  context → (V,) logits of the token that follows it
    start   where the sliders are at first
    """

    def draw(after: str, temperature: float, top_k: int, top_p: float, min_p: float) -> Figure:
        return figures.survivors(words, logits[after], Sampling(temperature, top_k, top_p, min_p))

    return live(
        draw,
        alt="The most likely next tokens: grey bars as the model says, blue bars after temperature and filters.",
        after=widgets.Dropdown(options=list(logits), description="after"),
        **_sliders(start or Sampling()),
    )


def writing_desk(
    model: nn.Module,
    prompts: Mapping[str, Tensor],
    write: Callable[[list[int]], str],
    eos_id: int | None = None,
    *,
    texts: int = 6,
    max_new_tokens: int = 30,
    judge: Callable[[list[int]], str] | None = None,
) -> widgets.Widget:
    """Return a widget that writes several continuations of a prompt with the settings of its sliders.

    model    a language model
    prompts  name → (T,) token ids
    write    turns token ids into text
    judge    says something about a text's token ids, prompt included, shown beside it; None: nothing
    """

    def draw(prompt: str, seed: int, temperature: float, top_k: int, top_p: float, min_p: float) -> str:
        start, sampling = prompts[prompt].expand(texts, -1), Sampling(temperature, top_k, top_p, min_p)
        text = generate(model, start, max_new_tokens, sampling, eos_id=eos_id, generator=_seeded(seed))
        ids = text[:, start.size(1) :]
        rows = []
        for row in ids.tolist():
            row = row[: row.index(eos_id) + 1] if eos_id in row else row
            said = (
                f'<td style="text-align:left">{html.escape(judge(prompts[prompt].tolist() + row))}</td>'
                if judge
                else ""
            )
            rows.append(f'<tr><td style="text-align:left">{html.escape(write(row))}</td>{said}</tr>')
        return f'<table style="font-size:115%">{"".join(rows)}</table>'

    return live(
        draw,
        alt="Continuations of a prompt, written by the model with the chosen temperature and filters.",
        prompt=widgets.Dropdown(options=list(prompts)),
        seed=widgets.IntSlider(0, min=0, max=20),
        **_sliders(Sampling()),
    )


def speculation_explorer(words: Sequence[str], target_logits: Tensor, draft_logits: Tensor) -> widgets.Widget:
    """Return a widget that shows which drafted tokens are kept, as the draft goes from bad to perfect.

    words          V names of the tokens
    target_logits  (V,) of the large model
    draft_logits   (V,) of the draft at 0; at 1 it agrees with the large model
    """

    def draw(agreement: float, temperature: float) -> Figure:
        mixed = agreement * target_logits + (1 - agreement) * draft_logits
        p, q = (Sampling(temperature).filter(logits).softmax(-1) for logits in (target_logits, mixed))
        return figures.acceptance(words, p, q)

    return live(
        draw,
        alt="Bars of two distributions: their overlap is kept, the rest of the draft's refused.",
        agreement=widgets.FloatSlider(0.0, min=0.0, max=1.0, step=0.05),
        temperature=widgets.FloatSlider(1.0, min=0.0, max=3.0, step=0.1),
    )


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
