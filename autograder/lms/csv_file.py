"""A table that a system exported: read whatever its encoding and separator are, written again in the same ones."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from course_lib.wrong_usage import WrongUsage

MAX_BYTES = 50 * 2**20
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class CsvFile:
    """A table: the names of its columns, and its rows, each as long as the header."""

    header: list[str]
    rows: list[list[str]]
    separator: str = ","
    encoding: str = "utf-8"

    def column(self, *names: str) -> int | None:
        """Return the place of the first of these columns that is there, whatever its capitals; None when none is."""
        plain = [name.strip().casefold() for name in self.header]
        return next((plain.index(name.casefold()) for name in names if name.casefold() in plain), None)

    def to_bytes(self) -> bytes:
        """Return the file, in UTF-8 unless it came in UTF-16."""
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self.separator, lineterminator="\r\n").writerows([self.header, *self.rows])
        encoding = "utf-8" if self.encoding == "cp1252" else self.encoding
        return text.getvalue().encode(encoding, errors="backslashreplace")


def read_csv(path: Path) -> CsvFile:
    """Return the table in a file. Raises WrongUsage when there is none."""
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise WrongUsage(f"{path} cannot be read: {problem.strerror}.") from None
    if len(data) > MAX_BYTES:
        raise WrongUsage(f"{path} has {len(data) >> 20} MB; a table of students has less than {MAX_BYTES >> 20}.")
    encoding = next((name for mark, name in _BOMS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        encoding = "cp1252"
        text = data.decode(encoding, errors="replace")
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row)]
    except csv.Error as problem:
        raise WrongUsage(f"{path} is no table: {problem}.") from None
    if not rows:
        raise WrongUsage(f"{path} is empty.")
    width = len(rows[0])
    return CsvFile(rows[0], [(row + [""] * width)[:width] for row in rows[1:]], separator, encoding)
