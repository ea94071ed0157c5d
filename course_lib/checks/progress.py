"""What this learner has done so far: which exercises passed, after how many tries, and whether the answer was shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypedDict, cast

from course_lib import store


class Entry(TypedDict):
    """The state of one exercise. `when` is the time of the last change, ISO 8601."""

    passed: bool
    tries: int
    answer_shown: bool
    points: float
    when: str


def load() -> dict[str, Entry]:
    """Return the entries by exercise id. What is not a whole entry is left out."""
    return _whole(store.load("progress"))


def _whole(kept: dict) -> dict[str, Entry]:
    fields = Entry.__annotations__.keys()
    return {id: cast(Entry, e) for id, e in kept.items() if isinstance(e, dict) and e.keys() >= fields}


def record_try(id: str, passed: bool, points: float) -> None:
    """Note one check of an exercise. What once passed stays passed."""
    with _changing(id) as entry:
        entry["tries"] += 1
        entry["passed"] = entry["passed"] or passed
        entry["points"] = max(entry["points"], points)


def record_answer_shown(id: str) -> None:
    """Note that the reference or the model answer was shown."""
    with _changing(id) as entry:
        entry["answer_shown"] = True


@contextmanager
def _changing(id: str) -> Iterator[Entry]:
    """Yield the entry of an exercise, a fresh one if there is none, to be changed and kept."""
    with store.changing("progress") as kept:
        whole = _whole(kept)
        entry = whole.get(id, Entry(passed=False, tries=0, answer_shown=False, points=0.0, when=""))
        yield entry
        entry["when"] = datetime.now().astimezone().isoformat(timespec="seconds")
        kept.clear()
        kept.update({**whole, id: entry})
