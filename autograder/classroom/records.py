"""What a grading run leaves in the course folder beside its results: `grades.csv`, the seed, and the times."""

import csv
import json
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from autograder.classroom.results import Result, Status
from autograder.classroom.whole_files import write_whole


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


def note_time(out: Path, student: str, lesson: str, seconds: float) -> None:
    """Note how long a submission took. It stands apart from the results, which are the same in every run."""
    with (out / ".grading" / "times.jsonl").open("a", encoding="utf-8", errors="backslashreplace") as file:
        row = {"student": student, "lesson": lesson, "seconds": round(seconds, 3)}
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def noted_times(out: Path) -> dict[tuple[str, str], float]:
    """Return the seconds that each submission took when it was last graded, by student and lesson."""
    return {(row["student"], row["lesson"]): row["seconds"] for row in _rows(out / ".grading" / "times.jsonl")}


def _rows(path: Path) -> Iterator[dict]:
    """Yield the objects of a file of lines; one that a killed run cut off is passed over."""
    if path.is_file():
        with path.open(encoding="utf-8", newline="\n") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    continue


def spreadsheet_cell(value: object) -> object:
    """Return a table's cell that no spreadsheet takes for a formula, in half or full width."""
    if isinstance(value, str) and (value.lstrip()[:1] in tuple("=+-@＝＋－＠") or value[:1] in ("\t", "\r", "\n")):
        return f"'{value}"
    return value


def write_csv(path: Path, results: list[Result]) -> None:
    """Write `grades.csv`: a row for each submission, with an empty score where there is none."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "lesson", "status", "score", "max_score", "by_hand", "reason", "graded"])
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for result in results:
            score = "" if result.status == Status.NOT_GRADABLE else result.score  # not graded is not zero
            row = [result.student, result.lesson, result.status, score, result.max_score]
            writer.writerow(map(spreadsheet_cell, [*row, result.by_hand, result.reason, now]))
    os.replace(part, path)
