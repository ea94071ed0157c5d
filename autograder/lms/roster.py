"""The students of a class, from a table: Canvas's gradebook, Moodle's grading worksheet, or one of your own.

A student is known under one name in the course folder, that of their folder in `submitted/`, whichever system their
work comes from. It is the login in Canvas, the id number or address in Moodle, and in a table of your own the column
`student`, else `username`, `id` or `email`.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from autograder.lms.csv_file import CsvFile, read_csv
from course_lib.wrong_usage import WrongUsage

MAX_NAME = 100
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]')
_OWN = ("student", "username", "user name", "login", "user id", "student id", "id number", "id", "email", "e-mail")
_PEOPLE = ("name", "full name", "fullname", "student name")


@dataclass(frozen=True)
class Enrolled:
    """A student of the class.

    student  their name in the course folder; name: as a person reads it
    keys     how each system knows them: {"canvas": "1234", "moodle": "Participant's number", "login": …}
    row      where they are in the table
    """

    student: str
    name: str
    keys: dict[str, str]
    row: int = -1


@dataclass(frozen=True)
class Roster:
    """The students of a class; kind: "canvas", "moodle" or "own"."""

    students: tuple[Enrolled, ...] = ()
    kind: str = "own"
    table: CsvFile = field(default_factory=lambda: CsvFile([], []))

    def by_key(self, system: str, key: str) -> Enrolled | None:
        """Return the only student whom a system knows by this key."""
        return _only(one for one in self.students if key and one.keys.get(system, "").casefold() == key.casefold())

    def by_name(self, name: str) -> Enrolled | None:
        """Return the only student of this name, in any order, or whose login, address or id it is."""
        wanted = name.strip().casefold()
        known = [one for one in self.students if wanted in (v.casefold() for v in (one.student, *one.keys.values()))]
        return _only(known) or _only(one for one in self.students if name and same_name(one.name, name))

    def named_alike(self, name: str) -> bool:
        """Whether two students or more have this name."""
        return sum(same_name(one.name, name) for one in self.students) > 1


def folder_name(name: str) -> str:
    """Return the name that a student's folder gets: one that leads nowhere, on any system.

    >>> folder_name("../Ada: Lovelace"), folder_name("..")
    ('_Ada_ Lovelace', 'student')
    """
    plain = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name)).strip().lstrip(".").rstrip(". ")
    cut = plain.encode("utf-8", errors="backslashreplace")[:MAX_NAME].decode("utf-8", errors="ignore")
    return "student" if cut in ("", "__MACOSX") else cut


def read_roster(path: Path) -> Roster:
    """Return the students in a table. Raises WrongUsage when it is none, or two students cannot be told apart."""
    table = read_csv(path)
    names = [name.strip().lstrip("\ufeff").casefold() for name in table.header]
    if names[:2] == ["student", "id"] and "section" in names:
        kind, students = "canvas", list(_canvas(table))
    elif names[0] == "identifier" or any(re.fullmatch(r"\D+ \d+", row[0]) for row in table.rows[:1]):
        kind, students = "moodle", list(_moodle(table))
    else:
        kind, students = "own", list(_own(table, path))
    if not students:
        raise WrongUsage(f"{path} names no student: its columns are {', '.join(table.header)}.")
    twice = [name for name, count in Counter(one.student.casefold() for one in students).items() if count > 1]
    if twice:
        raise WrongUsage(
            f"{path} has two students who are both called {twice[0]}. Export it with a column that tells them apart: "
            "logins, id numbers or addresses."
        )
    return Roster(tuple(students), kind, table)


def _canvas(table: CsvFile) -> Iterator[Enrolled]:
    """Yield the students of Canvas's gradebook; the rows above them hold points and no number."""
    login, sis = table.column("SIS Login ID"), table.column("SIS User ID")
    for place, row in enumerate(table.rows):
        if row[1].strip().isdigit():
            keys = {"canvas": row[1].strip(), "login": _at(row, login), "id": _at(row, sis)}
            last, _, first = row[0].partition(",")
            yield Enrolled(folder_name(keys["login"] or keys["canvas"]), f"{first} {last}".strip(), keys, place)


def _moodle(table: CsvFile) -> Iterator[Enrolled]:
    """Yield the students of Moodle's grading worksheet. Its first column says `Participant 12345` in some language."""
    full = 1 if table.column("Full name") is None else table.column("Full name")
    email, number = table.column("Email address", "E-Mail-Adresse"), table.column("ID number", "ID-Nummer")
    login = table.column("Username", "Anmeldename")
    for place, row in enumerate(table.rows):
        if found := re.fullmatch(r"\D*?(\d+)", row[0].strip()):
            keys = {"moodle": found[1], "id": _at(row, number), "login": _at(row, login), "email": _at(row, email)}
            own = keys["id"] or keys["login"] or keys["email"] or _at(row, full) or row[0]
            yield Enrolled(folder_name(own), _at(row, full), keys, place)


def _own(table: CsvFile, path: Path) -> Iterator[Enrolled]:
    first = next((place for name in _OWN if (place := table.column(name)) is not None), None)
    people = table.column(*_PEOPLE)
    given, last = table.column("first name", "firstname"), table.column("last name", "lastname", "surname")
    if first is None and people is None:
        wanted = "student, username, id, email or name"
        raise WrongUsage(f"{path} needs one of the columns {wanted}; it has {', '.join(table.header)}.")
    for place, row in enumerate(table.rows):
        name = _at(row, people) or f"{_at(row, given)} {_at(row, last)}".strip()
        if own := _at(row, first) or name:
            others = {header.strip().casefold(): value.strip() for header, value in zip(table.header, row)}
            keys = {"login": own, "email": others.get("email", others.get("e-mail", ""))}
            keys |= {"canvas": others.get("canvas id", ""), "moodle": others.get("moodle id", "")}
            keys |= {"blackboard": others.get("blackboard", others.get("username", own)), "id": others.get("id", "")}
            yield Enrolled(folder_name(own), name, keys, place)


def _at(row: list[str], place: int | None) -> str:
    return "" if place is None else row[place].strip()


def _only(found: Iterable[Enrolled]) -> Enrolled | None:
    some = list(found)
    return some[0] if len(some) == 1 else None


def same_name(one: str, other: str) -> bool:
    """Whether two names may be one student's: `Lovelace, Ada`, `Ada Lovelace` and Canvas's `lovelaceada`."""
    if _words(one) == _words(other):
        return _words(one) != []
    pieces = one.split()
    runs = {_run("".join([*pieces[k:], *pieces[:k]])) for k in range(len(pieces))}
    return _run(other) in runs - {""}


def _run(name: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFC", name).casefold())


def _words(name: str) -> list[str]:
    return sorted(re.findall(r"\w+", unicodedata.normalize("NFC", name).casefold()))
