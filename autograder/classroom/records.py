"""What a grading run leaves in the course folder beside its results: `grades.csv`, the seed, and the times."""

import csv
import io
import random
from datetime import UTC, datetime
from pathlib import Path

from autograder.authoring.kept import Kept
from autograder.classroom.json_lines import line_of, read_lines
from autograder.classroom.results import Result, Status
from autograder.classroom.whole_files import write_whole, writing


def kept_seed(out: Path, wanted: int | None = None) -> int:
    """Return the seed of a course folder and keep it there, readable by the grader only.

    wanted  the seed asked for; None for the one kept in this folder, or a new one
    """
    path = out / ".grading" / "seed"
    if wanted is None and path.is_file():
        return int(path.read_text())
    seed = random.SystemRandom().randrange(2**31) if wanted is None else wanted
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    write_whole(path, str(seed), mode=0o600)
    return seed


def kept_outcomes(out: Path) -> Kept:
    """Return where a course folder keeps the outcomes of its hidden cases: beside the seed, for the grader only."""
    return Kept(out / ".grading" / "outcomes")


def note_time(out: Path, student: str, lesson: str, seconds: float) -> None:
    """Note how long a submission took. It is kept apart from the results, which are the same in every run."""
    path = out / ".grading" / "times.jsonl"
    with writing(path), path.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
        file.write(line_of({"student": student, "lesson": lesson, "seconds": round(seconds, 3)}))


def noted_times(out: Path) -> dict[tuple[str, str], float]:
    """Return the seconds that each submission took when it was last graded, by student and lesson."""
    rows = read_lines(out / ".grading" / "times.jsonl")
    return {(row["student"], row["lesson"]): row["seconds"] for row in rows}


def spreadsheet_cell(value: object) -> object:
    """Return a table's cell that no spreadsheet takes for a formula, in half or full width."""
    if isinstance(value, str) and (value.lstrip()[:1] in tuple("=+-@＝＋－＠") or value[:1] in ("\t", "\r", "\n")):
        return f"'{value}"
    return value


def write_csv(path: Path, results: list[Result]) -> None:
    """Write `grades.csv`: a row for each submission, with an empty score where there is none."""
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(["student", "lesson", "status", "score", "max_score", "by_hand", "reason", "graded"])
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for result in results:
        score = "" if result.status == Status.NOT_GRADABLE else result.score  # not graded is not zero
        row = [result.student, result.lesson, result.status, score, result.max_score]
        writer.writerow(map(spreadsheet_cell, [*row, result.by_hand, result.reason, now]))
    write_whole(path, table.getvalue())
