"""The board on the page: a figure and a table."""

import html
import math

from course_lib.scoreboard.results import Entry, rows, waiting
from course_lib.scoreboard.texts import bits_per_byte, entropy_rate, vocab_size


def show_scoreboard(corpus: str = "mouse") -> None:
    """Put the board on the page: a figure and a table; for the toy language with the line that no model gets below."""
    from IPython.display import display  # here, so that `course_lib.scoreboard` needs neither IPython nor matplotlib

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
    figure = scoreboard_bars(
        {row["model"]: row["nats_per_token"] for row in done},
        {place["model"]: int(place["lesson"].split("_")[0]) for place in places},
        floor=floor,
        ceiling=math.log(vocab_size(corpus)),
    )
    show(figure, alt=f"Bars of nats per token by model{line}. {said}")
    if done:
        display(_Table(done, floor))


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
