"""How Canvas, Moodle and Blackboard name what they hand out: whose file it is, when it came, and its number.

Canvas      `lovelaceada_LATE_1234_56789_01_information-1.ipynb`: name, late or not, ids of the student and of the file.
            `anon_x7Qp2_56789_…` in an anonymous assignment. Source: `lib/content_zipper.rb` of Canvas, AGPL.
Moodle      `Ada Lovelace_12345_assignsubmission_file/…`, before Moodle 4.1 with `_` at the end, and without the folder
            when the teacher has switched folders off. The number is the student's in this one assignment.
            Source: `mod/assign/classes/downloader.php` of Moodle, GPL.
Blackboard  `Homework 1_ada_attempt_2026-03-04-10-00-00_01_information.ipynb`, and a receipt beside it that ends in
            `….txt`. Blackboard's source is closed; the names are those of many published downloads.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SYSTEMS = ("canvas", "moodle", "blackboard")


@dataclass(frozen=True)
class Origin:
    """What a name in a download says.

    key     the student, as the system knows them: Canvas's id, Moodle's participant, Blackboard's user name
    name    the student as a person reads it, "" where the system does not say
    place   the name that the system gave, under which it takes feedback back
    file    what follows it, "" where the rest is below a folder
    late    the system marks it as late
    number  grows from one upload to the next; 0 where the system does not number them
    moment  when it came, in the system's own time of day, as `2026-03-04-10-00-00`; "" where it does not say
    """

    system: str
    key: str
    name: str
    place: str
    file: str
    late: bool = False
    number: int = 0
    moment: str = ""


_CANVAS = re.compile(r"(?P<name>\w+?)_(?P<late>LATE_)?(?P<key>\d+)_(?P<upload>\d+)_(?P<file>.+)", re.DOTALL)
_CANVAS_ANONYMOUS = re.compile(r"(?P<late>LATE_)?anon_(?P<key>[^\W_]+)_(?P<upload>\d+)_(?P<file>.+)", re.DOTALL)
_CANVAS_TEXT = re.compile(r"(?P<name>\w+?)_(?P<late>LATE_)?(?P<key>\d+)_(?P<file>(?:text|link)\.html)")
_MOODLE = re.compile(
    r"(?P<name>[^_/]+)(?:_(?P<key>\d+))?_assign(?:submission|feedback)_[a-z]+(?:_(?P<file>.*))?", re.DOTALL
)
_BLACKBOARD = re.compile(
    r"(?P<task>.*)_(?P<user>[^_]+)_attempt_(?P<moment>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|(?P<receipt>\.txt))", re.DOTALL
)


def _canvas(name: str) -> Origin | None:
    if found := _CANVAS_ANONYMOUS.fullmatch(name):
        late = found["late"] is not None
        return Origin("canvas", f"anon_{found['key']}", "", name, found["file"], late, int(found["upload"]))
    if found := _CANVAS.fullmatch(name):
        late = found["late"] is not None
        return Origin("canvas", found["key"], found["name"], name, found["file"], late, int(found["upload"]))
    if found := _CANVAS_TEXT.fullmatch(name):
        return Origin("canvas", found["key"], found["name"], name, found["file"], found["late"] is not None)
    return None


def _moodle(name: str) -> Origin | None:
    if found := _MOODLE.fullmatch(name):
        return Origin("moodle", found["key"] or "", found["name"].strip(), name, found["file"] or "")
    return None


def _blackboard(name: str) -> Origin | None:
    if found := _BLACKBOARD.fullmatch(name):
        moment = found["moment"]
        number = int(moment.replace("-", ""))
        return Origin("blackboard", found["user"], "", name, found["file"] or found["receipt"], False, number, moment)
    return None


_READERS: dict[str, Callable[[str], Origin | None]] = {
    "canvas": _canvas,
    "moodle": _moodle,
    "blackboard": _blackboard,
}


def origin(system: str, path: Sequence[str]) -> Origin | None:
    """Return what the names on the way to a file say of its student; None when none of them is named by the system.

    path  folders, archives and the file, from outside in; the outermost that fits is taken: a student's own archive may
          hold anything

    >>> origin("canvas", ["hw1.zip", "lovelaceada_LATE_1234_56789_x-1.ipynb"])
    Origin(system='canvas', key='1234', name='lovelaceada', place='lovelaceada_LATE_1234_56789_x-1.ipynb', \
file='x-1.ipynb', late=True, number=56789, moment='')
    >>> origin("moodle", ["Ada Lovelace_12345_assignsubmission_file", "x.ipynb"]).name
    'Ada Lovelace'
    """
    return next((found for name in path if (found := _READERS[system](name))), None)


def receipt_of(text: str) -> tuple[str, str, str]:
    """Return the full name, the user name and the assignment in a receipt of Blackboard's; "" for what it does not say.

    >>> receipt_of("Name: Ada Lovelace (a_l)\\nAssignment: HW 1\\nFiles:\\n\\tFilename: HW 1_a_l_attempt_x.ipynb")
    ('Ada Lovelace', 'a_l', 'HW 1')
    """
    name = re.search(r"(?m)^Name:[ \t]*(.*?)[ \t]*\(([^()\n]+)\)[ \t]*$", text)
    task = re.search(r"(?m)^Assignment:[ \t]*(.*?)[ \t]*$", text)
    return name[1] if name else "", name[2] if name else "", task[1] if task else ""
