"""The board of a learner: what the lessons measured, kept between sessions through `course_lib.store`."""

import html
import math
from typing import NotRequired, TypedDict

from course_lib import store
from course_lib.scoreboard.texts import bits_per_byte, entropy_rate, known, vocab_size

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


class Entry(TypedDict):
    """One line of the board; a place that waits for its lesson has only the first two."""

    model: str
    lesson: str
    nats_per_token: NotRequired[float]
    parameters: NotRequired[int]
    seconds: NotRequired[float]


def record(
    model: str, nats_per_token: float, parameters: int, seconds: float, lesson: str, corpus: str = "mouse"
) -> None:
    """Put a result on the board, in place of an earlier one of the same model.

    model           its name; the names in LADDER fill the places that wait for them
    nats_per_token  cross-entropy on `held_out(corpus)`, natural logarithm
    parameters      how many numbers were learned (for a table of counts: its entries)
    seconds         how long the training took
    lesson          the file name of the lesson, as "12_attention"
    corpus          what it was measured on, "mouse" or "english"; each has a board of its own

    Raises ValueError for a result that cannot be: not finite, not above 0, clearly below the language's entropy rate.
    """
    nats_per_token, floor = float(nats_per_token), entropy_rate(corpus)
    if not (math.isfinite(nats_per_token) and nats_per_token > 0):
        raise ValueError(f"nats_per_token must be a finite number above 0, got {nats_per_token}")
    if floor is not None and nats_per_token < floor - _LUCK:
        raise ValueError(
            f"{nats_per_token:.3f} nats per token is below the entropy rate of the language, {floor:.3f}: the model "
            "must have seen the token it predicts, or the mean counts tokens that are not in the sample"
        )
    board = store.load(_file(corpus))
    board[model] = {
        "nats_per_token": nats_per_token,
        "parameters": int(parameters),
        "seconds": float(seconds),
        "lesson": lesson,
    }
    store.save(_file(corpus), board)


def rows(corpus: str = "mouse") -> list[Entry]:
    """Return the results on the board, those of LADDER first and in its order."""
    board = store.load(_file(corpus))
    order = [name for name in LADDER if name in board] + sorted(set(board) - set(LADDER))
    return [{"model": name, **board[name]} for name in order]


def waiting() -> list[Entry]:
    """Return the places on the toy language's board that no result fills yet, in the order of the course."""
    board = store.load(_file("mouse"))
    return [{"model": name, "lesson": lesson} for name, lesson in LADDER.items() if name not in board]


def show_scoreboard(corpus: str = "mouse") -> None:
    """Put the board on the page: a figure and a table; for the toy language with the line that no model gets below."""
    from IPython.display import display  # here, so that `record` needs neither IPython nor matplotlib

    from course_lib.figures.scoreboard import scoreboard_bars
    from course_lib.figures.style import show

    done, floor = rows(corpus), entropy_rate(corpus)
    places = waiting() if corpus == "mouse" else []
    best = min(done, key=lambda row: row["nats_per_token"], default=None)
    said = f"The best so far is {best['model']} with {best['nats_per_token']:.3f}." if best else "No result yet."
    if not done and not places:
        print(said)
        return
    line = "" if floor is None else f", and a line at the entropy rate {floor:.3f}"
    figure = scoreboard_bars(done, places, floor=floor, ceiling=math.log(vocab_size(corpus)))
    show(figure, alt=f"Bars of nats per token by model{line}. {said}")
    if done:
        display(_Table(done, floor))


def _file(corpus: str) -> str:
    return "scoreboard" if known(corpus) == "mouse" else f"scoreboard-{corpus}"


class _Table:
    """The board as a table: HTML where the page can show it, aligned text elsewhere. Without a floor: bits per byte."""

    def __init__(self, results: list[Entry], floor: float | None) -> None:
        second = "bits per byte" if floor is None else "above the floor"
        self.head = ("model", "nats per token", second, "parameters", "training", "lesson")
        self.cells = [
            (
                row["model"],
                f"{row['nats_per_token']:.3f}",
                f"{bits_per_byte(row['nats_per_token']):.3f}"
                if floor is None
                else f"{row['nats_per_token'] - floor:+.3f}",
                f"{row['parameters']:,}",
                f"{row['seconds']:.1f} s",
                row["lesson"],
            )
            for row in results
        ]

    def __repr__(self) -> str:
        table = [self.head, *self.cells]
        widths = [max(len(row[column]) for row in table) for column in range(len(self.head))]
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
        return f"<table><thead>{line(self.head, 'th')}</thead><tbody>{body}</tbody></table>"
