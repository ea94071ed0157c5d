"""What was collected so far: `.grading/collected.jsonl`, a line for each notebook that somebody handed in.

The grader alone can read it. `return` finds in it under which name a system takes a student's feedback back.
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from autograder.classroom.json_lines import line_of, read_lines
from autograder.classroom.whole_files import write_whole

_COPY = re.compile(r"(?:-| ?\()(\d{1,3})\)?(?=(?:\.\w+)*$)")


@dataclass(frozen=True)
class HandedIn:
    """One notebook that one student handed in.

    digest      of its bytes
    system      where it came from; key, place, number: see `Origin`
    time        when it came, with its zone, or None
    late        whether the system marks it as late
    checkpoint  whether it is the copy that Jupyter makes of a notebook
    file        its own name
    """

    student: str
    lesson: str
    digest: str
    system: str
    key: str = ""
    name: str = ""
    place: str = ""
    number: int = 0
    time: datetime | None = None
    late: bool = False
    checkpoint: bool = False
    file: str = ""

    @property
    def order(self) -> tuple[bool, int, float, int]:
        """What grows from one attempt of a student to the next."""
        copy = _COPY.search(self.file)
        moment = self.time.timestamp() if self.time else 0.0
        return not self.checkpoint, self.number, moment, int(copy[1]) if copy and not self.number else 0

    @classmethod
    def from_document(cls, document: Any) -> Self:
        """Return what a line says. Raises ValueError when it is none of ours."""
        try:
            time = datetime.fromisoformat(document["time"]) if document["time"] else None
            return cls(**document | {"time": time})
        except (KeyError, TypeError) as problem:
            raise ValueError(f"not a line of collected.jsonl: {problem!r}") from None


def read_collected(out: Path) -> list[HandedIn]:
    """Return what was collected into a course folder, in the order in which it was; lines of others are passed over."""
    found = []
    for document in read_lines(_path(out)):
        try:
            found.append(HandedIn.from_document(document))
        except ValueError:
            continue
    return found


def write_collected(out: Path, collected: Iterable[HandedIn]) -> None:
    """Write what was collected; the file changes only when something of it does."""
    lines = [asdict(one) | {"time": one.time.isoformat() if one.time else ""} for one in collected]
    text = "".join(map(line_of, lines))
    path = _path(out)
    if not path.is_file() or path.read_bytes() != text.encode("utf-8", errors="backslashreplace"):
        write_whole(path, text, mode=0o600)


def _path(out: Path) -> Path:
    return out / ".grading" / "collected.jsonl"
