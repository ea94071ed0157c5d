"""Files that hold a JSON object in each line: the one place that writes such lines, and the one that reads them.

A line ends at a line feed and nowhere else. Of the other characters that end lines for some readers, Python's
`splitlines` among them, JSON leaves three as they are; they are written as escapes, so that no reader takes a student's
name or error message for the end of a line.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ESCAPES = str.maketrans({"\x85": r"\u0085", "\u2028": r"\u2028", "\u2029": r"\u2029"})


def line_of(document: Any) -> str:
    """Return the line that holds an object, with its line feed. To be written as UTF-8 with "backslashreplace"."""
    return json.dumps(document, ensure_ascii=False).translate(_ESCAPES) + "\n"


def read_lines(path: Path) -> Iterator[Any]:
    """Yield the objects in a file, none when there is no file. What is no JSON, as a cut-off line, is passed over."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                continue
