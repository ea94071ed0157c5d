"""What Canvas and Moodle do with a file that is uploaded, as their sources say (see `autograder/lms/give_back.py`)."""

import csv
import io
import re
import zipfile


def canvas_marks(data: bytes, assignment: int) -> dict[str, str]:
    """Canvas's GradebookImporter: a student's number → the grade, for the assignment with this number."""
    text = data.decode("utf-8")
    first = text.splitlines()[0]
    rows = list(
        csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    )
    header = rows[0]
    assert "Student" in header[0] and "ID" in header[1]
    columns = 3
    if re.search(r"SIS\s+Login\s+ID", header[2]):
        columns = 4
    elif re.search(r"SIS\s+User\s+ID", header[2]) and re.search(r"SIS\s+Login\s+ID", header[3]):
        columns = 5 + ("Integration ID" in header[4])
    assert "Section" in header[columns - 1], "Invalid header row"
    found = [place for place, name in enumerate(header) if re.fullmatch(rf".*\s\({assignment}\)", name)]
    assert found and found[0] >= columns
    marks = {}
    for row in rows[1:]:
        if "Points Possible" not in row[0] and not all(
            re.fullmatch(r"\s*(Muted|Manual Posting.*)?\s*", c) for c in row
        ):
            marks[row[1]] = row[found[0]].strip()
    return marks


def canvas_files(data: bytes, uploads: dict[tuple[str, str], str]) -> dict[str, tuple[str, bytes]]:
    """Its `generate_comments_from_files`: a student's number → the name that they see, and the bytes.

    uploads  numbers of student and file → the name under which the student uploaded it; all others are ignored
    """
    found = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            numbers = [piece for piece in name.rpartition("/")[2].split("_") if piece.isdigit()][:2]
            if tuple(numbers) in uploads:
                found[numbers[0]] = uploads[tuple(numbers)], archive.read(name)
    return found


def moodle_marks(data: bytes) -> dict[str, tuple[float, str]]:
    """Moodle's `assignfeedback_offline`: the participant's number → grade and comment, where it takes them."""
    text = data.decode("utf-8").removeprefix("\ufeff")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    at = {name: place for place, name in enumerate(rows[0])}
    assert {"Identifier", "Grade", "Last modified (grade)"} <= at.keys()
    marks = {}
    for row in rows[1:]:
        number, grade = row[at["Identifier"]][len("Participant ") :], row[at["Grade"]]
        most = float(row[at["Maximum Grade"]])
        if grade and 0 <= float(grade) <= most:
            marks[number] = float(grade), row[at["Feedback comments"]]
    return marks


def moodle_files(data: bytes, participants: set[str]) -> dict[str, dict[str, bytes]]:
    """Its `assignfeedback_file_zip_importer`: the participant's number → file name → bytes."""
    found: dict[str, dict[str, bytes]] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            parts = name.split("/")
            while parts:
                info = parts.pop(0).split("_", 4)
                if len(info) < 4 or info[1] not in participants or info[2:4] != ["assignsubmission", "file"]:
                    continue
                parts = [*(info[4:] or [""]), *parts]
                found.setdefault(info[1], {})["/".join(parts).lstrip("/")] = archive.read(name)
                break
    return found
