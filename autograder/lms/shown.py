"""What `collect` and `return` say in a terminal: a table of what has something to tell, and how many the others are."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.grading.plain_text import spelled_out
from autograder.lms.collect import LEFT, NEW, PASSED, REPLACED, SAME, Collection, Row

if TYPE_CHECKING:  # they bring nbgrader and torch along, which takes `collect` seconds
    from autograder.lms.give_back import GivenBack
    from autograder.lms.marks import Mark

MOST_ROWS = 60
_STYLES = {NEW: "green", REPLACED: "cyan", SAME: "dim", PASSED: "yellow", LEFT: "red"}


def print_collection(console: Console, found: Collection, out: Path) -> None:
    """Print what was taken with something to tell, what has no place, who is missing, and what to do next."""
    told = [row for row in found.rows if row.notes and row.word != LEFT]
    quiet = Counter(row.word for row in found.rows if not row.notes)
    _print_rows(console, "taken, with a remark", told)
    _print_rows(console, "not placed", [row for row in found.rows if row.word == LEFT])
    for lesson, students in found.missing.items():
        if students:
            _say(console, _some(f"Nothing for {lesson} from", students))
    counts = Counter(row.word for row in found.rows)
    said = [f"{counts[word]} {word}" for word in (NEW, REPLACED, SAME, PASSED, LEFT) if counts[word]]
    without = f", {sum(quiet.values())} of them without a remark" if told and quiet else ""
    _say(console, f"{', '.join(said) or 'no notebook found'}{without}. {out / 'submitted'}")
    for folder in found.earlier:
        _say(console, f"The best attempt counts: autograder grade {folder / 'submitted'}")


def print_returned(console: Console, marks: "Sequence[Mark]", given: "GivenBack") -> None:
    """Print the marks that were changed or are provisional, those that do not go back, and the scale."""
    from autograder.classroom.exporter import NOT_SUBMITTED

    table = Table(title="marks", title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1))
    table.add_column("student", max_width=24, overflow="fold")
    for name in ("points", "late", "less", "returned"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    absent = [mark.student for mark in marks if mark.status == NOT_SUBMITTED]
    some = [mark for mark in marks if mark.days or mark.deducted or mark.waiting or mark.final is None]
    some = [mark for mark in some if mark.student not in absent]
    for mark in some[:MOST_ROWS]:
        days = f"{mark.days} d" + (f", {mark.free} free" if mark.free else "") if mark.days else ""
        score = f"{mark.score:g}/{mark.most:g}" if mark.score is not None else "–"
        final = f"{round(mark.final * given.scale, 2):g}" if mark.final is not None else "–"
        less = f"−{mark.deducted:g}" if mark.deducted else ""
        note = f"{mark.waiting:g} wait for a grader" if mark.waiting and mark.final is not None else ""
        note = note or (mark.status if mark.final is None else "")
        table.add_row(_text(mark.student), score, days, less, final, _text(note))
    if some:
        console.print(table)
    if len(some) > MOST_ROWS:
        _say(console, f"… and {len(some) - MOST_ROWS} more.")
    if absent:
        _say(console, _some("Not submitted", absent))
    for student, why in given.left:
        _say(console, f"{student}: {why}.", "red")
    if abs(given.scale - 1) > 1e-9:
        most = max(mark.most for mark in marks)
        _say(console, f"Marks out of {most:g} are returned out of {most * given.scale:g}, as the system has it.")


def _print_rows(console: Console, title: str, rows: Sequence[Row]) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 1))
    table.add_column("student", max_width=24, overflow="fold")
    table.add_column("lesson", max_width=20, overflow="fold")
    table.add_column("what", ratio=1, overflow="fold")
    for row in rows[:MOST_ROWS]:
        what = "; ".join(row.notes) + "."
        text = Text() if row.word == LEFT else Text(f"{row.word}: ", style=_STYLES[row.word])
        table.add_row(_text(row.student or "?"), _text(row.lesson), text.append(_text(what)))
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(f"… and {len(rows) - MOST_ROWS} more")
    console.print()


def _some(what: str, students: Sequence[str]) -> str:
    return f"{what}: {', '.join(students[:12])}{f' … {len(students)} in all' if len(students) > 12 else ''}"


def _text(text: str) -> Text:
    return Text(spelled_out(text, keep=""))


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(spelled_out(text, keep=""), style=style), soft_wrap=True)
