"""What a grading run leaves in the course folder: `results.jsonl`, `grades.csv`, the seed, notebooks and pages.

Every file appears whole or not at all, so that a run which is killed at any instant can be started again.
"""

import csv
import json
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

GRADED, PARTLY, NOT_GRADABLE = "graded", "partly graded", "not gradable"


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


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a text file, making its folder; whoever reads it meanwhile sees all of the old one or all of the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with open(part, "w", encoding="utf-8", errors="backslashreplace", opener=lambda p, f: os.open(p, f, mode)) as file:
        file.write(text)
    os.replace(part, path)


def note_time(out: Path, student: str, lesson: str, seconds: float) -> None:
    """Note how long a submission took. It stands apart from the results, which are the same in every run."""
    with (out / ".grading" / "times.jsonl").open("a", encoding="utf-8", errors="backslashreplace") as file:
        row = {"student": student, "lesson": lesson, "seconds": round(seconds, 3)}
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def replace_result(out: Path, result: dict) -> None:
    """Put one submission's line into `results.jsonl`, in place of its earlier one."""
    path = out / "results.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    line = json.dumps(result, ensure_ascii=False)
    whose = json.dumps({name: result[name] for name in ("student", "lesson")}, ensure_ascii=False)[:-1] + ","
    kept = [other for other in lines if not other.startswith(whose)]
    write_whole(path, "".join(f"{other}\n" for other in [*kept, line]))


class Results:
    """`results.jsonl` while a run writes it: to a file beside it line by line, which takes its place at the end."""

    def __init__(self, out: Path) -> None:
        self.path, self.part = out / "results.jsonl", out / "results.jsonl.part"

    def __enter__(self) -> "Results":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.earlier = {result["key"]: result for result in self._read()}
        if self.part.exists():  # a run was interrupted: what it had graded is kept
            lines = (json.dumps(result, ensure_ascii=False) + "\n" for result in self.earlier.values())
            write_whole(self.path, "".join(lines))
        self.file = self.part.open("w", encoding="utf-8", errors="backslashreplace")
        return self

    def _read(self) -> Iterator[dict]:
        """Yield the results of earlier runs; a line that was cut off when a run was killed is passed over."""
        for path in (self.path, self.part):
            for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
                try:
                    result = json.loads(line)
                except ValueError:
                    continue
                if isinstance(result, dict) and result.get("key"):
                    yield result

    def latest(self) -> list[dict]:
        """Return the last result of each submission in earlier runs."""
        return list({(result["student"], result["lesson"]): result for result in self.earlier.values()}.values())

    def write(self, result: dict) -> dict:
        """Add a line; it is on the disk when this returns."""
        self.file.write(json.dumps(result, ensure_ascii=False) + "\n")
        self.file.flush()
        return result

    def __exit__(self, kind: type | None, error: object, trace: object) -> None:
        self.file.close()
        if kind is None:
            os.replace(self.part, self.path)


def spreadsheet_cell(value: object) -> object:
    """Return a table's cell that no spreadsheet takes for a formula, in half or full width."""
    if isinstance(value, str) and (value.lstrip()[:1] in tuple("=+-@＝＋－＠") or value[:1] in ("\t", "\r", "\n")):
        return f"'{value}"
    return value


def write_csv(path: Path, results: list[dict]) -> None:
    """Write `grades.csv`: a row for each submission, with an empty score where there is none."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["student", "lesson", "status", "score", "max_score", "by_hand", "reason", "graded"])
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for result in results:
            graded = result["status"] != NOT_GRADABLE
            score = result["score"] if graded else ""  # not graded is not zero
            row = [result["student"], result["lesson"], result["status"], score, result["max_score"]]
            writer.writerow(map(spreadsheet_cell, [*row, result.get("by_hand", 0), result["reason"], now]))
    os.replace(part, path)
