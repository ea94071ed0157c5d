"""How a class hands in: `hand-in.toml` in the course's folder, which a lecturer writes once a term.

Where students hand in, until when, what lateness costs, and which of several submissions counts. Every line of it may
be left out. `autograder release` tells students what it says, `collect` and `return` act by it.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from course_lib.wrong_usage import WrongUsage

FILE = "hand-in.toml"
WAYS = ("hub", "canvas", "moodle", "blackboard", "folder")
KEPT = ("last", "on_time", "best")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class HandIn:
    """What `hand-in.toml` says.

    by           where students hand in, one of WAYS; "" when the notebook is to say nothing of it
    where        the lecturer's own words for the place, "" for the usual ones
    roster       file with the students of the class, or None
    keep         which of several submissions counts: the last, the last on time, or the one with the best mark
    percent      of a lesson's points that each day of lateness costs
    at_most      percent that lateness costs at most
    grace        how much later than the deadline is not late
    free_days    days of lateness, over all lessons, that cost a student nothing
    zone_name    of the deadlines, and of times that a download gives without a zone
    deadlines    lesson → deadline
    extensions   student → lesson → deadline
    assignments  lesson → what the lesson is called where students hand in
    """

    by: str = ""
    where: str = ""
    roster: Path | None = None
    keep: str = "last"
    percent: float = 0.0
    at_most: float = 100.0
    grace: timedelta = timedelta(0)
    free_days: int = 0
    zone_name: str = "UTC"
    deadlines: dict[str, datetime] = field(default_factory=dict)
    extensions: dict[str, dict[str, datetime]] = field(default_factory=dict)
    assignments: dict[str, str] = field(default_factory=dict)

    @property
    def zone(self) -> tzinfo:
        """The time zone of the deadlines."""
        return UTC if self.zone_name == "UTC" else ZoneInfo(self.zone_name)

    def deadline(self, student: str, lesson: str) -> datetime | None:
        """Return a student's deadline for a lesson, with its zone; None when there is none."""
        return self.extensions.get(student, {}).get(lesson, self.deadlines.get(lesson))

    def days_late(self, student: str, lesson: str, moment: datetime | None, marked: bool) -> int:
        """Return the days by which a submission is late, each begun day counted; 0 when it is on time.

        moment  when it came, with a zone; None when nobody knows. Then it is on time, or a day late where it is marked
        marked  whether the system that it came from marks it as late; that counts only where we cannot tell

        >>> from datetime import datetime, UTC
        >>> class_ = HandIn(deadlines={"01_information": datetime(2026, 3, 4, 12, tzinfo=UTC)})
        >>> class_.days_late("ada", "01_information", datetime(2026, 3, 5, 12, 1, tzinfo=UTC), False)
        2
        """
        deadline = self.deadline(student, lesson)
        if moment is None or deadline is None:
            return int(marked and not (moment is None and lesson in self.extensions.get(student, {})))
        over = moment - deadline
        return 0 if over <= self.grace else -(-over // _DAY)


# ---- reading


def read_hand_in(folder: Path, lessons: Collection[str]) -> HandIn:
    """Return what a folder's `hand-in.toml` says, or the defaults where there is no such file.

    lessons  the names of all lessons

    Raises WrongUsage with everything that is wrong with it, and where.
    """
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8-sig")
        return _Reader(path, text, tuple(sorted(lessons))).read(tomllib.loads(text))
    except FileNotFoundError:
        return HandIn()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise WrongUsage(f"{path} cannot be read: {problem}. {_FORM}") from None


_FORM = "It is TOML: docs/handing-in.md shows a whole file."


class _Reader:
    """Reads the tables of one file and collects what is wrong, each with its line."""

    def __init__(self, path: Path, text: str, lessons: tuple[str, ...]) -> None:
        self.path, self.lines, self.lessons = path, text.splitlines(), lessons
        self.wrong: list[str] = []
        self.zone: tzinfo = UTC

    def read(self, document: dict[str, Any]) -> HandIn:
        tables = ("hand_in", "resubmissions", "late", "deadlines", "extensions", "assignments")
        for name, table in document.items():
            if name not in tables:
                self.complain(name, f"there is no table [{name}]; there are {', '.join(tables)}")
            elif not isinstance(table, dict):
                self.complain(name, f"[{name}] must be a table")
        get = lambda name: document[name] if isinstance(document.get(name), dict) else {}  # noqa: E731
        zone = self.zone_of(get("deadlines").get("time_zone", "UTC"))
        found = HandIn(
            **self.hand_in(get("hand_in")),
            **self.settings(get("resubmissions"), "resubmissions", {"keep": ("keep", "last", _one_of(KEPT))}),
            **self.late(get("late")),
            zone_name=zone,
            deadlines=dict(self.dates(get("deadlines"), "deadlines")),
            extensions={student: dict(self.dates(table, student)) for student, table in get("extensions").items()},
            assignments=dict(self.names(get("assignments"))),
        )
        if found.keep == "best" and found.free_days:
            self.complain("free_days", 'free_days do not go with keep = "best": which attempt would spend them?')
        if self.wrong:
            raise WrongUsage("\n".join(self.wrong))
        return found

    def hand_in(self, table: dict[str, Any]) -> dict[str, Any]:
        settings = {"by": ("by", "", _one_of(WAYS)), "where": ("where", "", _text), "roster": ("roster", "", _text)}
        found = self.settings(table, "hand_in", settings)
        return found | {"roster": self.path.parent / found["roster"] if found["roster"] else None}

    def late(self, table: dict[str, Any]) -> dict[str, Any]:
        settings = {
            "percent_a_day": ("percent", 0.0, _number(0, 100)),
            "at_most_percent": ("at_most", 100.0, _number(0, 100)),
            "grace_minutes": ("grace", 0, _number(0, 1440)),
            "free_days": ("free_days", 0, _number(0, 365, whole=True)),
        }
        found = self.settings(table, "late", settings)
        return found | {"grace": timedelta(minutes=found["grace"])}

    def settings(
        self, table: dict[str, Any], name: str, known: dict[str, tuple[str, Any, Callable[[Any], str]]]
    ) -> dict[str, Any]:
        """Return the fields of a table, by the names that they have here."""
        for key in table.keys() - known.keys():
            self.complain(key, f"[{name}] has no setting {key}; it has {', '.join(known)}")
        found = {}
        for key, (field_name, default, fault) in known.items():
            value = table.get(key, default)
            if key in table and (what := fault(value)):
                self.complain(key, f"{key} {what}; it is {value!r}")
                value = default
            found[field_name] = value
        return found

    def zone_of(self, name: Any) -> str:
        try:
            self.zone = UTC if name == "UTC" else ZoneInfo(name)
            return name
        except Exception:  # whatever the library raises for what is no name
            self.complain("time_zone", f'time_zone must be a name like "Europe/Berlin"; it is {name!r}')
            return "UTC"

    def dates(self, table: Any, name: str) -> Iterator[tuple[str, datetime]]:
        if not isinstance(table, dict):
            self.complain(name, f"{name} must be a table of lessons, each with a date")
            return
        for key, value in table.items():
            if key == "time_zone" and name == "deadlines":
                continue
            if lesson := self.lesson(key):
                if isinstance(value, date) and not isinstance(value, datetime):
                    value = datetime.combine(value, time(23, 59, 59))  # all of that day
                if not isinstance(value, datetime):
                    self.complain(key, f"{key} must be a date, as 2026-03-04T23:59:00, without quotes; it is {value!r}")
                else:
                    yield lesson, value if value.tzinfo else value.replace(tzinfo=self.zone)

    def names(self, table: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for key, value in table.items():
            if lesson := self.lesson(key):
                if what := _text(value):
                    self.complain(key, f"{key} {what}; it is {value!r}")
                else:
                    yield lesson, value

    def lesson(self, key: str) -> str:
        """Return the lesson of a name ("01_information" or "information"), or "" and complain."""
        found = next((name for name in self.lessons if key in (name, name.partition("_")[2])), "")
        if not found:
            some = ", ".join(self.lessons[:30])
            self.complain(key, f"there is no lesson {key}; there are {some}")
        return found

    def complain(self, key: str, what: str) -> None:
        line = next((n for n, text in enumerate(self.lines, 1) if re.match(rf"\W*{re.escape(key)}\W", f"{text} ")), 0)
        self.wrong.append(f"{self.path}{f':{line}' if line else ''}: {what}.")


def _one_of(words: tuple[str, ...]) -> Callable[[Any], str]:
    return lambda value: "" if value in words else f"must be one of {', '.join(words)}"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() and "\n" not in value else "must be a text of one line"


def _number(least: float, most: float, whole: bool = False) -> Callable[[Any], str]:
    def fault(value: Any) -> str:
        kinds = (int,) if whole else (int, float)
        good = isinstance(value, kinds) and not isinstance(value, bool) and least <= value <= most
        return "" if good else f"must be a {'whole ' if whole else ''}number from {least} to {most}"

    return fault
