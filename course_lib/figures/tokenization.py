"""Figures of lesson 02: text in the colours of its tokens, merges one by one, cuts, rare words, compression, a lattice.

Tokens are told apart by a line at each border as well as by colour.
"""

import html
import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, combinations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.figures.style import BLUE, GREY, INK, ORANGE, PALE, PALETTE, panel_title, panels
from course_lib.tokenization.steps import bpe_encode, pair_counts

_TINTS = ("#cfe6f5", "#fbe3b8", "#c9ece0", "#f3dcea", "#faf4bd")  # Okabe and Ito's hues, light enough for dark text
_MARKERS = "os^D"


def coloured_text(pieces: Sequence[str], caption: str) -> str:
    """Return a text as HTML, its pieces in alternating colours.

    pieces   the texts of the tokens, one after the other; a blank is shown as ·, a new line as ⏎
    caption  a line above, in bold
    """
    spans = []
    for i, piece in enumerate(pieces):
        shown = html.escape(piece).replace(" ", "·").replace("\n", "⏎")
        style = f"background:{_TINTS[i % len(_TINTS)]};border-left:2px solid {GREY};padding:0 1px"
        spans.append(f'<span style="{style}">{shown}</span>' + ("<br>" if "\n" in piece else ""))
    box = f"font:17px/1.9 monospace;color:{INK};background:white;padding:10px;overflow-wrap:anywhere"
    return f'<div style="{box}"><b>{html.escape(caption)}</b><br>{"<wbr>".join(spans)}</div>'


def merges_so_far(words: Mapping[str, int], merges: Sequence[tuple[str, str]]) -> Figure:
    """Draw words cut as some merges leave them, and how often each pair of neighbours occurs now.

    words    word → how often it occurs
    merges   pairs of tokens, applied in this order from single characters on
    """
    cut = {word: bpe_encode(word, merges) for word in words}
    counts = pair_counts([(cut[word], times) for word, times in words.items()])
    top = sorted(counts, key=lambda pair: (-counts[pair], pair))[:7]
    figure, (left, right) = panels(2, width=10.0, height=1.2 + 0.55 * max(len(words), 5))
    figure.set_layout_engine(None)
    figure.subplots_adjust(left=0.11, right=0.97, top=0.88, bottom=0.19, wspace=0.42)
    token_rows(left, {f"{times} × {word}": cut[word] for word, times in words.items()})
    n_tokens = sum(len(cut[word]) * times for word, times in words.items())
    panel_title(left, f"After {len(merges)} merges: {n_tokens} tokens")
    right.barh(range(len(top)), [counts[pair] for pair in top], color=[ORANGE, *[BLUE] * 6][: len(top)], height=0.7)
    right.set_yticks(range(len(top)), [" + ".join(pair) for pair in top])
    right.set(ylim=(6.6, -0.6), xlim=(0, sum(words.values())), xlabel="occurrences of the pair")
    right.tick_params(axis="y", length=0)
    panel_title(right, f"Next: {' + '.join(top[0])}" if top else "No pair is left")
    return figure


def cuts_side_by_side(rows: Mapping[str, Sequence[str]], title: str) -> Figure:
    """Draw the same text cut in several ways, one row of boxes each. rows: name → its tokens."""
    figure, (axes,) = panels(width=10.0, height=0.7 + 0.6 * len(rows))
    token_rows(axes, {f"{name} ({len(tokens)})": tokens for name, tokens in rows.items()})
    panel_title(axes, title)
    return figure


def token_rows(axes: Axes, rows: Mapping[str, Sequence[str]]) -> None:
    """Fill the axes with rows of boxes, as wide as their tokens are long, and the rows' names at the left."""
    shown = [[token.replace(" ", "·").replace("\n", "⏎") for token in tokens] for tokens in rows.values()]
    widest = max(sum(len(token) + 0.6 for token in tokens) for tokens in shown)
    for row, tokens in enumerate(shown):
        x = 0.0
        for i, token in enumerate(tokens):
            width = len(token) + 0.6
            axes.add_patch(Rectangle((x, row - 0.38), width - 0.15, 0.76, facecolor=_TINTS[i % 5], edgecolor=GREY))
            axes.text(x + width / 2 - 0.07, row, token, ha="center", va="center", family="monospace",
                      fontsize=min(12, 950 / widest))  # fmt: skip
            x += width
    axes.set(xlim=(0, widest), ylim=(len(rows) - 0.4, -0.6), xticks=[])
    axes.set_yticks(range(len(rows)), list(rows))
    axes.tick_params(axis="y", length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def rare_words(
    counts: Mapping[str, Sequence[int]], unknown: Mapping[str, Sequence[float]], sizes: Sequence[int]
) -> Figure:
    """Draw how often the words of texts occur by rank, and which share of new text a word vocabulary does not know.

    counts   text → occurrences of each word, the most frequent first
    unknown  text → for each vocabulary size, the share of the words of held-out text that are unknown
    sizes    vocabulary sizes, words
    """
    figure, (left, right) = panels(2, width=10.0, height=4.0)
    for i, (name, occurrences) in enumerate(counts.items()):
        left.plot(range(1, len(occurrences) + 1), occurrences, color=PALETTE[i], label=name)
        once = sum(n == 1 for n in occurrences) / len(occurrences)
        right.plot(sizes, [100 * share for share in unknown[name]], f"{_MARKERS[i]}-", color=PALETTE[i], label=name)
        left.text(0.97, 0.94 - 0.1 * i, f"{name}: {once:.0%} of the words occur once", color=INK, fontsize=11,
                  ha="right", transform=left.transAxes)  # fmt: skip
    left.set(xscale="log", yscale="log", xlabel="rank of the word", ylabel="occurrences")
    left.set_ylim(top=max(max(n) for n in counts.values()) * 30)
    panel_title(left, "Most words are rare")
    right.set(xscale="log", ylim=(0, None), xlabel="words in the vocabulary", ylabel="unknown in new text (%)")
    right.set_xticks(sizes, [f"{n:,}" for n in sizes], fontsize=11)
    right.minorticks_off()
    right.legend(frameon=False)
    panel_title(right, "Some are always unknown")
    return figure


def compression(
    sizes: Sequence[int], curves: Mapping[str, Sequence[float]], title: str, mark: int | None = None
) -> Figure:
    """Draw bytes per token against the size of the vocabulary, one line per tokenizer and text.

    sizes    vocabulary sizes
    curves   name → bytes per token at each size
    mark     one of the sizes, to point out
    """
    figure, (axes,) = panels(height=4.4)
    top = 1.12 * max(max(values) for values in curves.values())
    for i, (name, values) in enumerate(curves.items()):
        label = name if mark is None else f"{name}: {values[sizes.index(mark)]:.2f}"
        axes.plot(sizes, values, "--" if i % 2 else "-", marker=_MARKERS[i % 4], color=PALETTE[i], label=label)
    if mark is not None:
        axes.axvline(mark, color=PALE, linewidth=10, zorder=0)
    axes.set(xscale="log", ylim=(0, top), xlabel="tokens in the vocabulary", ylabel="bytes per token")
    axes.set_xticks(sizes, [f"{n:,}" for n in sizes], fontsize=11)
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=12, loc="lower right")
    panel_title(axes, title)
    return figure


def two_units(sizes: Sequence[int], curves: Mapping[str, Sequence[float]], title: str) -> Figure:
    """Draw a surprise against the size of the vocabulary in several units. curves: unit → value at each size, nats."""
    figure, (axes,) = panels(height=4.2)
    for i, (unit, values) in enumerate(curves.items()):
        axes.plot(sizes, values, marker=_MARKERS[i], color=(ORANGE, BLUE)[i % 2], label=unit)
        for place in (0, -1):
            axes.annotate(f"{values[place]:.2f}", (sizes[place], values[place]), (0, 8), textcoords="offset points",
                          ha="center", fontsize=12)  # fmt: skip
    axes.set(ylim=(0, 1.15 * max(max(values) for values in curves.values())), xlim=(sizes[0] - 30, sizes[-1] + 40))
    axes.set(xlabel="tokens in the vocabulary", ylabel="surprise of the unigram model (nats)")
    axes.legend(frameon=False)
    panel_title(axes, title)
    return figure


def lattice(word: str, log_probs: Mapping[str, float], cut: Sequence[str]) -> Figure:
    """Draw all the pieces that fit into a word as arcs, with their log probabilities, and one cut in colour.

    word       the word; its places are the borders between characters
    log_probs  piece → log probability, nats
    cut        the pieces to colour; joined, they are the word, or ValueError
    """
    if "".join(cut) != word:
        raise ValueError(f"cut must spell {word!r}, got {list(cut)}")
    figure, (axes,) = panels(width=10.0, height=4.6)
    ends = list(accumulate(map(len, cut)))
    chosen = set(zip([0, *ends], ends))
    for start, end in combinations(range(len(word) + 1), 2):
        if word[start:end] in log_probs:
            _arc(axes, start, end, f"{word[start:end]} {_signed(log_probs[word[start:end]])}", (start, end) in chosen)
    for place in range(len(word) + 1):
        axes.plot([place], [0], "o", color=INK, markersize=7, zorder=4)
    for place, character in enumerate(word):
        axes.text(place + 0.5, -0.35, character, ha="center", va="center", fontsize=15, family="monospace")
    total = _signed(sum(log_probs[piece] for piece in cut))
    longest = max(len(piece) for piece in log_probs if piece in word)
    axes.set(xlim=(-0.15, len(word) + 0.15), ylim=(-0.6, _height(longest) + 0.4), xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
    panel_title(axes, f"The best way through: {' + '.join(cut)}, log probability {total} nats")
    return figure


def _arc(axes: Axes, start: int, end: int, label: str, chosen: bool) -> None:
    """Draw half an ellipse from one place to another, with a label at its top."""
    angles = [math.pi * i / 40 for i in range(41)]
    middle, height = (start + end) / 2, _height(end - start)
    across = [middle - (end - start) / 2 * math.cos(angle) for angle in angles]
    colour, width = (ORANGE, 4) if chosen else (GREY, 1.3)
    axes.plot(across, [height * math.sin(angle) for angle in angles], color=colour, linewidth=width, zorder=2 + chosen)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    axes.text(middle, height, label, ha="center", va="center", fontsize=11, bbox=box, zorder=5)


def _height(length: int) -> float:
    return 0.75 * length**0.8


def _signed(number: float) -> str:
    return f"{number:.1f}".replace("-", "−")
