"""The two files that Canvas and Moodle import: a table of marks, and an archive of feedback.

Both systems are given what they handed out, filled in: their own table, in their own words and encoding, and an archive
with the names of the download. So nothing of theirs has to be guessed.

Canvas  reads the columns up to `Section` and one for each assignment, `Name (id)`; a student is known by `ID`
        (`lib/gradebook_importer.rb`). Its row `Points Possible` says what a mark is out of. Files come back under the
        names of the download, and students see theirs under the name that they uploaded
        (`generate_comments_from_files`), so that the feedback on a notebook must be a notebook.
Moodle  reads `Identifier`, `Grade`, `Last modified (grade)` and `Feedback comments`, and passes over a grade above the
        `Maximum Grade` (`mod/assign/feedback/offline`). Feedback comes back in the download's folders
        (`mod/assign/feedback/file/importziplib.php`).
"""

import html
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

from autograder.classroom.places import recorded_name
from autograder.classroom.records import spreadsheet_cell
from autograder.grading.plain_text import printable
from autograder.lms.csv_file import CsvFile
from autograder.lms.marks import Mark
from autograder.lms.roster import Roster
from course_lib.wrong_usage import WrongUsage

_FIRST = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_OF_CANVAS = (*_FIRST, "Integration ID", "Root Account")
_NOT_ASSIGNMENTS = re.compile(r"(Current|Final|Override|Unposted) (Score|Points|Grade|Status|Current|Final)")
_BODY = re.compile(r"(?s)<body[^>]*>(.*)</body>")
_MOODLE_FOLDER = re.compile(r"(.*_assign(?:submission|feedback)_[a-z]+)(_?)")
_EPOCH = (2000, 1, 1, 0, 0, 0)  # of every file in an archive: the same marks make the same bytes


@dataclass
class GivenBack:
    """What is to be uploaded. left: students with a mark for whom there is no line or no file, and why; scale: points
    of the system for each of ours."""

    table: bytes
    archive: bytes
    left: list[tuple[str, str]] = field(default_factory=list)
    scale: float = 1.0
    column: str = ""


def for_canvas(lesson: str, marks: Sequence[Mark], roster: Roster, column: str) -> GivenBack:
    """Return what Canvas imports.

    roster  from the gradebook that Canvas exports; one without it will do if `column` ends in the assignment's number
    column  the assignment as Canvas calls it, `Homework 1 (5678)`; "" to look for the lesson's name

    Raises WrongUsage when the assignment cannot be found.
    """
    table, name, above, by_student = CsvFile(list(_FIRST), []), column, [], {}
    kept, possible = list(range(len(_FIRST))), ""
    if roster.kind == "canvas":
        table, name = roster.table, _assignment(roster.table, lesson, column)
        place = table.header.index(name)
        kept = [k for k, header in enumerate(table.header) if header.strip() in _OF_CANVAS]
        above = [[*(row[k] for k in kept), row[place]] for row in table.rows if "Points Possible" in row[0]]
        possible = above[0][-1] if above else ""
        by_student = {recorded_name(one.student): table.rows[one.row] for one in roster.students}
    elif not re.search(r" \(\d+\)$", column):
        wanted = "--table FILE, the gradebook that Canvas exports, or --column 'NAME (ID)' with the assignment's number"
        raise WrongUsage(f"Canvas must be told which assignment {lesson} is: name {wanted}.")
    given, rows = GivenBack(b"", b"", column=name, scale=_scale(_number(possible), marks)), above
    for mark in marks:
        row = by_student.get(mark.student) or (None if by_student else _canvas_row(mark))
        if mark.final is not None and row is None:
            given.left.append((mark.student, "no line: Canvas's table has no such student"))
        elif mark.final is not None and row is not None:
            rows.append([*(_safe(row[k]) for k in kept), _points(mark.final * given.scale)])
    made = CsvFile([*(table.header[k] for k in kept), name], rows, table.separator, table.encoding)
    given.table = made.to_bytes()
    given.archive = _archive(_canvas_files(lesson, marks, given.left))
    return given


def for_moodle(lesson: str, marks: Sequence[Mark], roster: Roster, column: str) -> GivenBack:
    """Return what Moodle imports.

    roster  from the grading worksheet of this assignment
    column  the grade's column in the worksheet; "" for `Grade`

    Raises WrongUsage when the worksheet is not there, or has no such column.
    """
    table = roster.table
    if roster.kind != "moodle":
        raise WrongUsage(
            f"Moodle needs its own grading worksheet of the assignment for {lesson}: name it with --table."
        )
    grade = table.column(column or "Grade")
    if grade is None:
        columns = ", ".join(table.header)
        raise WrongUsage(f"The worksheet has no column {column or 'Grade'!r}: name it with --column. It has {columns}.")
    most = table.column("Maximum Grade", "Bestwertung")
    comment = table.column("Feedback comments", "Feedback als Kommentar")
    given, by_student = GivenBack(b"", b"", column=table.header[grade]), {mark.student: mark for mark in marks}
    possible = table.rows[0][most] if most is not None and table.rows else ""
    given.scale = _scale(_number(possible), marks)
    rows, seen = [], set()
    for enrolled in roster.students:
        row = [_safe(cell) for cell in table.rows[enrolled.row]]
        mark = by_student.get(recorded_name(enrolled.student))
        if mark is not None and mark.final is not None:
            seen.add(mark.student)
            points = _points(mark.final * given.scale)
            row[grade] = points.replace(".", ",") if "," in possible else points
            if comment is not None:
                row[comment] = html.escape(mark.sentence)
        rows.append(row)
    given.left = [
        (mark.student, "no line: the worksheet has no such student")
        for mark in marks
        if mark.final is not None and mark.student not in seen
    ]
    given.table = CsvFile(table.header, rows, table.separator, table.encoding).to_bytes()
    named = {one.student: f"{one.name or 'Participant'}_{one.keys['moodle']}" for one in roster.students}
    folders = {recorded_name(one): f"{name}_assignsubmission_file" for one, name in named.items()}
    given.archive = _archive(_moodle_files(lesson, marks, folders, given.left))
    return given


# ---- the table


def _assignment(table: CsvFile, lesson: str, column: str) -> str:
    """Return the header of an assignment in Canvas's gradebook."""
    there = [name for name in table.header if name.strip() not in _OF_CANVAS and not _NOT_ASSIGNMENTS.search(name)]
    if column:
        found = [name for name in there if column in (name, re.sub(r" \(\d+\)$", "", name))]
    else:
        plain = lambda text: re.sub(r"[\W_]+", " ", text.casefold()).strip()  # noqa: E731
        words = (lesson, lesson.partition("_")[2])
        found = next((some for word in words if (some := [n for n in there if plain(word) in plain(n)])), [])
    if len(found) != 1:
        what = f"It is not clear which column of Canvas's table is {column or lesson}"
        raise WrongUsage(f"{what}: name it with --column, or in hand-in.toml. There are: {', '.join(there)}.")
    return found[0]


def _canvas_row(mark: Mark) -> list[str] | None:
    """Return the first columns for a student who is known from the download alone, by Canvas's number."""
    entry = mark.entry
    if entry is None or entry.system != "canvas" or not entry.key.isdigit():
        return None
    return [entry.name or mark.student, entry.key, "", "", ""]


def _scale(possible: float | None, marks: Sequence[Mark]) -> float:
    most = max((mark.most for mark in marks), default=0.0)
    return possible / most if possible and most else 1.0


def _number(cell: str) -> float | None:
    try:
        return float(cell.strip().replace(",", "."))
    except ValueError:
        return None


def _points(points: float) -> str:
    return f"{points:.2f}".rstrip("0").rstrip(".")


def _safe(cell: str) -> str:
    """Return a cell of the system's own table that no spreadsheet takes for a formula; its dashes and numbers stay."""
    return cell if re.fullmatch(r"-|[+-]?[\d.,]+", cell.strip()) else str(spreadsheet_cell(cell))


# ---- the archive


def _canvas_files(lesson: str, marks: Sequence[Mark], left: list[tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    for mark in marks:
        if page := _page(mark):
            if mark.entry is None or mark.entry.system != "canvas":
                left.append((mark.student, "no file of this student came from Canvas, so that none can go back"))
            elif mark.entry.place.casefold().endswith(".zip"):
                yield mark.entry.place, _archive([(f"{lesson}-feedback.html", page.encode())])
            else:
                yield mark.entry.place, _as_notebook(lesson, page)


def _moodle_files(
    lesson: str, marks: Sequence[Mark], folders: dict[str, str], left: list[tuple[str, str]]
) -> Iterator[tuple[str, bytes]]:
    for mark in marks:
        if page := _page(mark):
            found = _MOODLE_FOLDER.match(mark.entry.place) if mark.entry and mark.entry.system == "moodle" else None
            folder = "".join(found.groups()) if found else folders.get(mark.student, "").replace("/", " ")
            if folder:
                yield f"{folder}/{lesson}-feedback.html", page.encode()
            else:
                left.append((mark.student, "no file of this student came from Moodle, so that none can go back"))


def _page(mark: Mark) -> str:
    """Return the feedback page, with what lateness cost above everything else; "" when there is none."""
    if mark.page is None:
        return ""
    text = printable(mark.page.read_text(encoding="utf-8", errors="replace"))
    if not mark.deducted and not mark.days:
        return text
    note = f'<p class="note"><strong>{html.escape(mark.sentence)}</strong></p>'
    return re.sub(r"<body[^>]*>", lambda found: f"{found[0]}\n{note}", text, count=1)


def _as_notebook(lesson: str, page: str) -> bytes:
    """Return a feedback page as the output of a notebook's only cell."""
    body = found[1] if (found := _BODY.search(page)) else page
    shown = new_output("display_data", data={"text/html": body, "text/plain": f"Feedback on {lesson}"})
    cell = new_code_cell(f"# Feedback on {lesson}", outputs=[shown], id="feedback")
    return nbformat.writes(new_notebook(cells=[cell])).encode()


def _archive(files: Iterator[tuple[str, bytes]] | Sequence[tuple[str, bytes]]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return made.getvalue()


SYSTEMS: dict[str, Callable[[str, Sequence[Mark], Roster, str], GivenBack]] = {
    "canvas": for_canvas,
    "moodle": for_moodle,
}
