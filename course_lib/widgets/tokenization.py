"""Lesson 02's live pictures: a text while the vocabulary grows, merges one by one, compression by vocabulary size."""

from collections.abc import Mapping, Sequence

import ipywidgets

from course_lib.figures import tokenization as figures
from course_lib.tokenization import BPE
from course_lib.tokenization.steps import train_bpe
from course_lib.widgets.live import Live, live

_WIDE = {"width": "460px"}


def vocabulary_explorer(tokenizer: BPE, text: str, sizes: Sequence[int], at: int = 0) -> Live:
    """Return the text in the colours of its tokens; the reader moves the size of the vocabulary.

    tokenizer  byte-level, trained with at least as many tokens as the largest size
    text       a few lines
    sizes      vocabulary sizes to choose from, increasing
    at         which of them is shown first
    """

    def draw(size: int) -> str:
        smaller = tokenizer.with_vocab_size(size)
        ids = smaller.encode(text)
        per_token = len(text.encode()) / len(ids)
        caption = f"{size:,} tokens in the vocabulary: this text takes {len(ids)}, {per_token:.2f} bytes each"
        return figures.coloured_text(token_texts(smaller, ids), caption)

    return live(
        draw,
        alt=f"A text of {len(text)} characters cut into tokens: single bytes first, words as the vocabulary grows.",
        size=_slider(sizes, sizes[at], "vocabulary size"),
    )


def merge_explorer(words: Mapping[str, int], at: int = 0) -> Live:
    """Return BPE on a handful of words, merge by merge; of equally frequent pairs the one that sorts first is next.

    words   word → how often it occurs
    at      merges already made at first
    """
    merges = train_bpe([(list(word), times) for word, times in words.items()], 1000)
    return live(
        lambda step: figures.merges_so_far(words, merges[:step]),
        alt="Left: words cut into tokens. Right: how often each pair of neighbours occurs; the most frequent is next.",
        step=ipywidgets.IntSlider(at, min=0, max=len(merges), description="merges made", layout=_WIDE),
    )


def compression_explorer(tokenizers: Mapping[str, BPE], texts: Mapping[str, str], sizes: Sequence[int]) -> Live:
    """Return bytes per token against vocabulary size, for each tokenizer on each text; the reader marks a size.

    tokenizers  what it was trained on → tokenizer with at least the largest size
    texts       name → text that none was trained on
    sizes       vocabulary sizes
    """
    curves = {}
    for kind, tokenizer in tokenizers.items():
        for name, text in texts.items():
            lengths = [len(tokenizer.with_vocab_size(size).encode(text)) for size in sizes]
            curves[f"{name}, tokenizer from {kind}"] = [len(text.encode()) / length for length in lengths]
    said = "; ".join(f"{name} {values[0]:.1f} to {values[-1]:.1f}" for name, values in curves.items())
    title = "Larger vocabularies, shorter sequences: on the text they are made for"
    return live(
        lambda size: figures.compression(sizes, curves, title, mark=size),
        alt=f"Bytes per token from {sizes[0]:,} to {sizes[-1]:,} tokens: {said}.",
        size=_slider(sizes, sizes[-1], "vocabulary size"),
    )


def token_texts(tokenizer: BPE, ids: Sequence[int]) -> list[str]:
    """Return what to show for each id: its text, or the bytes in hexadecimal where they are only a part of a character.

    >>> from course_lib.tokenization import train_bpe
    >>> tokenizer = train_bpe("", 256)
    >>> token_texts(tokenizer, tokenizer.encode("aé"))
    ['a', '‹c3›', '‹a9›']
    """
    shown = []
    for i in ids:
        data = tokenizer.token_bytes[i]
        try:
            shown.append(data.decode())
        except UnicodeDecodeError:
            shown.append(f"‹{data.hex(' ')}›")
    return shown


def _slider(sizes: Sequence[int], value: int, name: str) -> ipywidgets.SelectionSlider:
    options = [(f"{size:,}", size) for size in sizes]
    return ipywidgets.SelectionSlider(options=options, value=value, description=name, layout=_WIDE)
