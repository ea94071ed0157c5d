"""What this learner has done so far: which exercises passed, after how many tries, and whether the answer was shown."""

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
    entries: dict[str, Entry] = {}
    for id, entry in store.load("progress").items():
        if isinstance(entry, dict) and entry.keys() >= Entry.__annotations__.keys():
            entries[id] = cast(Entry, entry)
    return entries


def record_try(id: str, passed: bool, points: float) -> None:
    """Note one check of an exercise. What once passed stays passed."""
    entry = _entry(id)
    entry["tries"] += 1
    entry["passed"] = entry["passed"] or passed
    entry["points"] = max(entry["points"], points)
    _save(id, entry)


def record_answer_shown(id: str) -> None:
    """Note that the reference or the model answer was shown."""
    _save(id, {**_entry(id), "answer_shown": True})


def _entry(id: str) -> Entry:
    fresh: Entry = {"passed": False, "tries": 0, "answer_shown": False, "points": 0.0, "when": ""}
    return load().get(id, fresh)


def _save(id: str, entry: Entry) -> None:
    entry["when"] = datetime.now().astimezone().isoformat(timespec="seconds")
    store.save("progress", {**load(), id: entry})
