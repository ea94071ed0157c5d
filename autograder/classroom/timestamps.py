"""When something was handed in: nbgrader's `timestamp.txt`, read exactly or not at all."""

import re
from datetime import UTC, datetime
from pathlib import Path

from autograder.grading.refusal import NotGradable
from autograder.grading.regular_file import names_in, opened_folder, read_file

_MAX_BYTES = 100
# ISO 8601 with the date in full, as nbgrader writes it, too: 2026-03-04 10:00:00.123456 UTC
_TIME = re.compile(r"(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?) ?(|Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)")
UNREADABLE = (
    "The time in timestamp.txt could not be read, so none was recorded. "
    "It is written like 2026-03-04 10:00:00 UTC, or 2026-03-04T11:00:00+01:00."
)


def submission_time(folder: Path) -> tuple[datetime | None, str]:
    """Return the time of a submission, in UTC without a zone as nbgrader keeps it, and a note where there is a problem.

    A time without a zone is in UTC, as nbgrader takes it. There is no time when there is no `timestamp.txt`.
    """
    try:
        with opened_folder(folder) as descriptor:
            names = names_in(descriptor)
            if "timestamp.txt" not in (*names.files, *names.folders, *names.others):
                return None, ""
            data = read_file(descriptor, "timestamp.txt", _MAX_BYTES)
    except NotGradable:
        return None, UNREADABLE
    moment = read_time(data)
    return (None, UNREADABLE) if moment is None else (moment.astimezone(UTC).replace(tzinfo=None), "")


def read_time(data: bytes) -> datetime | None:
    """Return the time in the bytes of a `timestamp.txt`, with its zone; None when there is none that can be read."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    found = _TIME.fullmatch(data.decode(encoding, errors="replace").strip())
    if found is None:
        return None
    zone = "+00:00" if found[2] in ("", "Z", "UTC", "GMT") else found[2]
    try:
        date, _, clock = found[1].replace(" ", "T").partition("T")
        return datetime.fromisoformat(f"{date}T{clock or '00:00'}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
