"""When something was handed in: nbgrader's `timestamp.txt`, read exactly or not at all."""

import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path

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
        data = _read(folder / "timestamp.txt")
    except FileNotFoundError:
        return None, ""
    except OSError:
        return None, UNREADABLE
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    found = _TIME.fullmatch(data.decode(encoding, errors="replace").strip())
    if found is None or len(data) > _MAX_BYTES:
        return None, UNREADABLE
    zone = "+00:00" if found[2] in ("", "Z", "UTC", "GMT") else found[2]
    try:
        date, _, clock = found[1].replace(" ", "T").partition("T")
        return datetime.fromisoformat(f"{date}T{clock or '00:00'}{zone}").astimezone(UTC).replace(tzinfo=None), ""
    except (ValueError, OverflowError):
        return None, UNREADABLE


def _read(path: Path) -> bytes:
    """Return the beginning of a file; of nothing else: a link leads elsewhere, and a named pipe would never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a file")
        return file.read(_MAX_BYTES + 1)
