"""The course's scoreboard: every model, the same toy language, the same held-out tokens, one number to beat.

The number is the cross-entropy in nats per token on `held_out()`. The language is known exactly, so its entropy rate is
a floor that no model can get below except by luck. Results are kept between sessions through `course_lib.store`.
"""

import html
import math
from functools import lru_cache

import torch
from IPython.display import display
from torch import Tensor

from course_lib import store
from course_lib.data.mouse_and_cheese import MouseAndCheese
from course_lib.figures.scoreboard import Entry, scoreboard_bars
from course_lib.figures.style import show

#: what the course will put on the board, and the lesson that does it
LADDER = {
    "uniform": "01_information",
    "unigram": "01_information",
    "bigram": "03_ngrams",
    "Kneser–Ney": "03_ngrams",
    "feed-forward": "08_neural_ngrams",
    "RNN": "09_rnn",
    "LSTM": "10_lstm",
    "attention": "12_attention",
    "Transformer": "15_gpt",
    "mixture of experts": "17_moe",
}
_LUCK = 0.1  # nats by which a held-out sample may be easier than the language: about 20 standard errors


@lru_cache(maxsize=1)
def language() -> MouseAndCheese:
    """Return the toy language of the course, built once."""
    return MouseAndCheese()


@lru_cache(maxsize=4)
def _stream(seed: int, n_tokens: int) -> Tensor:
    return language().stream(n_tokens, torch.Generator().manual_seed(seed))


def training(n_tokens: int = 300_000) -> Tensor:
    """Return the first n_tokens of the course's training stream: int64 (n_tokens,), always the same.

    A longer stream begins with the shorter one. No token of it is in `held_out()`.
    """
    if n_tokens < 1:
        raise ValueError(f"n_tokens must be >= 1, got {n_tokens}")
    return _stream(1, n_tokens).clone()


def held_out() -> Tensor:
    """Return the 20,000 tokens on which every model is measured: int64 (20000,), starting with a sentence."""
    return _stream(2, 20_000).clone()


def record(model: str, nats_per_token: float, parameters: int, seconds: float, lesson: str) -> None:
    """Put a result on the board, in place of an earlier one of the same model.

    model           its name; the names in LADDER fill the places that wait for them
    nats_per_token  cross-entropy on `held_out()`, natural logarithm
    parameters      how many numbers were learned (for a table of counts: its entries)
    seconds         how long the training took
    lesson          the file name of the lesson, as "12_attention"

    Raises ValueError for a result that cannot be: not finite, or clearly below the language's entropy rate.
    """
    nats_per_token, floor = float(nats_per_token), language().entropy_rate
    if not math.isfinite(nats_per_token):
        raise ValueError(f"nats_per_token must be a finite number, got {nats_per_token}")
    if nats_per_token < floor - _LUCK:
        raise ValueError(
            f"{nats_per_token:.3f} nats per token is below the entropy rate of the language, {floor:.3f}: the model "
            "must have seen the token it predicts, or the mean counts tokens that are not in the sample"
        )
    board = store.load("scoreboard")
    board[model] = {
        "nats_per_token": nats_per_token,
        "parameters": int(parameters),
        "seconds": float(seconds),
        "lesson": lesson,
    }
    store.save("scoreboard", board)


def rows() -> list[Entry]:
    """Return the results on the board, those of LADDER first and in its order."""
    board = store.load("scoreboard")
    order = [name for name in LADDER if name in board] + sorted(set(board) - set(LADDER))
    return [{"model": name, **board[name]} for name in order]


def waiting() -> list[Entry]:
    """Return the places that no result fills yet, in the order of the course."""
    board = store.load("scoreboard")
    return [{"model": name, "lesson": lesson} for name, lesson in LADDER.items() if name not in board]


def show_scoreboard() -> None:
    """Put the board on the page: a figure and a table, with the entropy rate that no model gets below."""
    done, floor = rows(), language().entropy_rate
    figure = scoreboard_bars(done, waiting(), floor=floor, ceiling=math.log(len(language().vocabulary)))
    best = min(done, key=lambda row: row["nats_per_token"], default=None)
    said = f"The best so far is {best['model']} with {best['nats_per_token']:.3f}." if best else "No result yet."
    show(figure, alt=f"Bars of nats per token by model, and a line at the entropy rate {floor:.3f}. {said}")
    if done:
        display(_Table(done, floor))


class _Table:
    """The board as a table: HTML where the page can show it, aligned text elsewhere."""

    HEAD = ("model", "nats per token", "above the floor", "parameters", "training", "lesson")

    def __init__(self, results: list[Entry], floor: float) -> None:
        self.cells = [
            (
                row["model"],
                f"{row['nats_per_token']:.3f}",
                f"{row['nats_per_token'] - floor:+.3f}",
                f"{row['parameters']:,}",
                f"{row['seconds']:.1f} s",
                row["lesson"],
            )
            for row in results
        ]

    def __repr__(self) -> str:
        table = [self.HEAD, *self.cells]
        widths = [max(len(row[column]) for row in table) for column in range(len(self.HEAD))]
        lines = [
            "  ".join(
                cell.ljust(width) if column in (0, 5) else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths))
            ).rstrip()
            for row in table
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        def line(cells: tuple[str, ...], tag: str) -> str:
            aligned = (
                f'<{tag} style="text-align:{"left" if column in (0, 5) else "right"}">{html.escape(cell)}</{tag}>'
                for column, cell in enumerate(cells)
            )
            return f"<tr>{''.join(aligned)}</tr>"

        body = "".join(line(cells, "td") for cells in self.cells)
        return f"<table><thead>{line(self.HEAD, 'th')}</thead><tbody>{body}</tbody></table>"
