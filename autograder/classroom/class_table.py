"""The table at the end of a grading run: student × exercise, with the score and the mistakes by name."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.classroom.results import ExerciseResult, Result
from autograder.grading.plain_text import spelled_out
from course_lib.judging.verdict import VerdictKind

_SIGNS = {
    VerdictKind.PASSED: ("✓", "green"),
    VerdictKind.NOT_STARTED: ("·", "dim"),
    VerdictKind.BY_HAND: ("✎", "cyan"),
    VerdictKind.MISSING: ("?", "dim"),
    VerdictKind.TIMEOUT: ("⧖", "red"),
    VerdictKind.MEMORY: ("M", "red"),
    VerdictKind.FORBIDDEN: ("⊘", "red"),
    VerdictKind.ERROR: ("!", "red"),
}
_MAX_STUDENTS = 60


def print_tables(console: Console, results: list[Result], out: Path) -> None:
    """Print one table per lesson, what could not be graded, and where everything lies."""
    for lesson in sorted({result.lesson for result in results}):
        some = [result for result in results if result.lesson == lesson]
        _print_lesson(console, lesson, some)
    refused = [result for result in results if result.reason]
    for result in refused:
        reason = f"{result.student} / {result.lesson} not graded: {result.reason}"
        console.print(Text(spelled_out(reason, keep=""), style="red"))
    console.print(
        "✓ passed   ✗ wrong   m mistake (named)   ! error   ⧖ timeout   ⊘ forbidden   ✎ by hand   · not started"
    )
    console.print(f"marks     {out / 'grades.csv'}   {out / 'results.jsonl'}", soft_wrap=True, highlight=False)
    console.print(f"feedback  {out / 'feedback'}/STUDENT/LESSON/LESSON.html", soft_wrap=True, highlight=False)


def _print_lesson(console: Console, lesson: str, results: list[Result]) -> None:
    ids = next((r.exercises for r in results if r.exercises), ())
    name = Text(spelled_out(lesson, keep=""))
    table = Table(title=name, title_justify="left", title_style="bold", pad_edge=False, box=None, padding=(0, 1))
    table.add_column("student", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    for number in range(1, len(ids) + 1):
        table.add_column(str(number), justify="center")
    for result in results[:_MAX_STUDENTS]:
        signs = [_sign(exercise) for exercise in result.exercises] or [Text("–", style="dim")] * len(ids)
        score = f"{result.score:g}/{result.max_score:g}" if not result.reason else "not graded"
        table.add_row(Text(_short(result.student)), score, *signs)
    console.print(table)
    if len(results) > _MAX_STUDENTS:
        console.print(f"… and {len(results) - _MAX_STUDENTS} more, in grades.csv")
    names = "  ".join(f"{number} {exercise.id.name}" for number, exercise in enumerate(ids, 1))
    console.print(Text(names, style="dim"))
    for result in results[:_MAX_STUDENTS]:
        for exercise in result.exercises:
            if exercise.mistake:
                console.print(_mistake(result.student, exercise))
    console.print()


def _sign(exercise: ExerciseResult) -> Text:
    if exercise.verdict == VerdictKind.MISTAKE:
        return Text("m", style="yellow")
    sign, style = _SIGNS.get(exercise.verdict, ("✗", "red"))
    return Text(sign, style=style)


def _mistake(student: str, exercise: ExerciseResult) -> Text:
    """Return one line: who made which mistake, and the sentence that the student reads."""
    name = exercise.id.name
    line = Text("m ", style="yellow", no_wrap=True, overflow="ellipsis")
    line.append(f"{_short(student)}, {name}: ", style="default")
    line.append(exercise.mistake.replace("_", " "), style="bold default")
    return line.append(f" – {spelled_out(exercise.message)}", style="dim")


def _short(student: str) -> str:
    return spelled_out(student, keep="")[:24]
