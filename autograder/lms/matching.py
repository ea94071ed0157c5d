"""Whose a file in a download is, and when it came: by the system's names, the roster, and what was collected before."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from autograder.authoring.hand_in import HandIn
from autograder.classroom.schemes import Origin, origin, receipt_of
from autograder.classroom.timestamps import read_time
from autograder.lms.handed_in import HandedIn
from autograder.lms.roster import Enrolled, Roster, folder_name, same_name

_GIVEN = {"canvas": "Canvas", "moodle": "Moodle", "blackboard": "Blackboard"}
_MOODLE_TIMES = ("%A, %d %B %Y, %I:%M %p", "%A, %d %B %Y, %H:%M", "%d %B %Y, %H:%M", "%Y-%m-%d %H:%M")


@dataclass(frozen=True)
class Whose:
    """A student, and what the system says of the file. student: "" when nobody could be found, for this problem."""

    student: str
    origin: Origin
    time: datetime | None = None
    note: str = ""
    problem: str = ""


class Matching:
    """Finds students for the files of one download, which come in the order of their names."""

    def __init__(
        self, system: str, roster: Roster, class_: HandIn, lessons: Collection[str], earlier: Sequence[HandedIn]
    ) -> None:
        self.system, self.roster, self.class_ = system, roster, class_
        words = (word for lesson in lessons for word in (lesson, lesson.partition("_")[2]))
        self.lessons = sorted({_plain(word) for word in words}, key=len, reverse=True)
        self.before = {(one.system, one.key): one.student for one in earlier if one.key and system != "moodle"}
        self.numbers: dict[str, str] = {}  # Moodle: full name → the number of the first who has it
        self.receipts: dict[str, tuple[str, str]] = {}  # Blackboard: attempt → full name, user name
        self.times: dict[tuple[str, ...], datetime] = {}  # folder → what `timestamp.txt` in it says

    def whose(self, path: tuple[str, ...]) -> Whose:
        """Return whose the file is to which these names lead."""
        if self.system == "folder":
            return self.in_folder(path)
        found = origin(self.system, path)
        if found is None:
            system = _GIVEN[self.system]
            what = f"{system} gives no such name. Collect the download as it came, or sort it with --from folder."
            return Whose("", Origin(self.system, "", "", "", path[-1]), problem=what)
        return {"canvas": self.canvas, "moodle": self.moodle, "blackboard": self.blackboard}[self.system](found)

    def notice(self, path: tuple[str, ...], data: bytes) -> None:
        """Take what a file says about those beside it: a receipt of Blackboard's, or nbgrader's `timestamp.txt`."""
        if self.system == "folder":
            if moment := read_time(data):
                self.times[path[:-1]] = moment
        elif attempt := _attempt(path):
            name, user, _ = receipt_of(data.decode("utf-8", errors="replace"))
            self.receipts[attempt] = name, user

    # ---- each system

    def canvas(self, found: Origin) -> Whose:
        enrolled = self.roster.by_key("canvas", found.key)
        return self.known(found, enrolled, f"{found.name}_{found.key}" if found.name else found.key)

    def blackboard(self, found: Origin) -> Whose:
        name, user = self.receipts.get(_attempt((found.place,)), ("", ""))
        key = user if user and f"_{user}_attempt_" in found.place else found.key
        found = Origin(**vars(found) | {"key": key, "name": name})
        enrolled = self.roster.by_key("blackboard", key) or self.roster.by_key("login", key) or self.roster.by_name(key)
        try:
            time = datetime.strptime(found.moment, "%Y-%m-%d-%H-%M-%S").replace(tzinfo=self.class_.zone)
        except ValueError:  # no such day
            time = None
        return self.known(found, enrolled, key, time)

    def moodle(self, found: Origin) -> Whose:
        """The number is another one in each assignment, so a roster from another assignment must not decide by it."""
        enrolled = self.roster.by_key("moodle", found.key)
        if enrolled and enrolled.name and not same_name(enrolled.name, found.name):
            enrolled = None
        enrolled = enrolled or self.roster.by_name(found.name)
        if enrolled is None and self.roster.named_alike(found.name):
            what = f"two students are called {found.name}, and the roster is of another assignment"
            return Whose("", found, problem=f"{what}: take this one's grading worksheet for --roster.")
        student, note = found.name, ""
        if self.numbers.setdefault(found.name, found.key) != found.key and enrolled is None:
            student = f"{found.name} {found.key}"
            note = "two students have this name; Moodle's number tells them apart in this assignment only: use --roster"
        time, late = self.worksheet(enrolled)
        return self.known(Origin(**vars(found) | {"late": late}), enrolled, student, time, note)

    def worksheet(self, enrolled: Enrolled | None) -> tuple[datetime | None, bool]:
        """Return what Moodle's worksheet says about when a student's work came; it is in the teacher's time zone."""
        table = self.roster.table
        if enrolled is None or self.roster.kind != "moodle":
            return None, False
        row, status, column = table.rows[enrolled.row], table.column("Status"), table.column(*_SUBMITTED)
        late = status is not None and re.search(r"\blate\b", row[status]) is not None
        for form in _MOODLE_TIMES if column is not None else ():
            try:
                return datetime.strptime(row[column or 0].strip(), form).replace(tzinfo=self.class_.zone), late
            except ValueError:
                continue
        return None, late

    def in_folder(self, path: tuple[str, ...]) -> Whose:
        """In a folder of anybody's making, the student is a name on the way, whatever lies around it."""
        names = [re.sub(r"(?i)\.zip$", "", name) for name in path[:-1]]
        names = [name for name in names if _plain(name) not in self.lessons and name != ".ipynb_checkpoints"]
        here = Origin("folder", names[0] if names else "", "", path[-1], path[-1])
        if not self.roster.students:
            if names:
                return Whose(folder_name(names[0]), here)
            return Whose("", here, problem="it lies in no student's folder. Put it into one, or name a --roster.")
        on_the_way = [one for name in names if (one := self.roster.by_name(name))]
        found = {one.student: one for one in on_the_way or self.in_name(path[-1])}
        if len(found) == 1:
            return self.known(here, next(iter(found.values())), "")
        what = "more than one student of the roster is" if found else "no student of the roster is"
        return Whose("", here, problem=f"{what} named on the way to it. Put it into a folder with the student's name.")

    def in_name(self, file: str) -> list[Enrolled]:
        """Return the students whose login or name is part of a file's name."""
        rest = f"_{_plain(file)}_"
        for lesson in self.lessons:
            rest = rest.replace(f"_{lesson}_", "_")
        inside = lambda word: len(word) > 1 and f"_{_plain(word)}_" in rest  # noqa: E731
        return [one for one in self.roster.students if any(map(inside, (one.student, one.name, *one.keys.values())))]

    def known(
        self, found: Origin, enrolled: Enrolled | None, otherwise: str, time: datetime | None = None, note: str = ""
    ) -> Whose:
        """Return the student of the roster, or the one that this key had before, or else a new one of this name."""
        before = self.before.get((found.system, found.key), "")
        if enrolled:
            name = enrolled.name or found.name
            if before not in ("", enrolled.student):
                note = f"collected before as {before}: delete what is there under that name"
            return Whose(enrolled.student, Origin(**vars(found) | {"name": name}), time, note)
        if self.roster.students:
            note = note or "not on the roster"
        return Whose(before or folder_name(otherwise), found, time, note)


_SUBMITTED = ("Last modified (submission)",)


def _attempt(path: Sequence[str]) -> str:
    """Return what the names of all files of one attempt in Blackboard begin with; "" when there is no such file."""
    found = (re.match(r".*_attempt_\d{4}(?:-\d\d){5}", name, re.DOTALL) for name in path)
    return next((one[0] for one in found if one), "")


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name.casefold()).strip("_")
