"""What of a notebook's cell is Python, and which lines of it only Jupyter understands.

A grader has no shell, no screen and nothing to install, so most magics are passed over there. Those in WITH_CODE run
the code that they are given, and those in KEPT work as in Jupyter.
"""

import re

WITH_CODE = frozenset({"capture", "prun", "time"})
KEPT = WITH_CODE | {"cd", "env", "pwd", "pylab", "run", "set_env", "writefile"}

_CELL = re.compile(r"%%(\w+)")
_LINE = re.compile(r"(?P<target>[^=!%?'\"#(]*=\s*)?(?P<magic>%%?(?P<name>\w+)(?P<rest>.*)|!.*)")
_HELP = re.compile(r"(\?{1,2}\s*[%\w.*]+|[%\w.*\[\]]+\?{1,2})\s*$")
_OPENS = re.compile(r"\\.|#|\"{3}|'{3}|[\"'()\[\]{}]")
_CLOSES = {quote: re.compile(rf"\\.|{quote}") for quote in ('"', "'", '"""', "'''")}


def without_magics(source: str) -> tuple[str, list[str]]:
    """Return the Python of a cell, line for line, and the magics and shell lines that are passed over, in order.

    `%%time` and `%time` leave the code that they run, an assignment from a magic leaves its name, and what is no Python
    at all (the text below `%%bash`) is left out. It takes time in proportion to the cell's length.
    """
    if not any(mark in source for mark in "%!?"):
        return source, []
    lines, passed, scan = source.split("\n"), list[str](), _Scanner()
    for number, line in enumerate(lines):
        if line.strip() == "":
            continue
        if (cell := _CELL.match(line)) is None:
            break
        if cell[1] not in KEPT:
            passed.append(line.strip())
        if cell[1] not in WITH_CODE:
            return "\n" * (len(lines) - 1), passed
        lines[number] = ""
    continued = False
    for number, line in enumerate(lines):
        text = line.lstrip()
        indent = line[: len(line) - len(text)]
        if continued:
            lines[number] = ""
        elif scan.at_statement and (found := _LINE.match(text)):
            lines[number] = indent + _python_of(found)
            if found["name"] not in KEPT:
                passed.append(line.strip())
        elif scan.at_statement and _HELP.match(text):
            lines[number] = f"{indent}pass"
        else:
            scan.read(line)
            continue
        continued = line.endswith("\\")
    return "\n".join(lines), passed


def _python_of(found: re.Match) -> str:
    if found["target"]:
        return f"{found['target']}None"
    return (found["name"] == "time" and found["rest"].strip()) or "pass"


class _Scanner:
    """Follows the lines of a program, and knows whether the next one begins a statement."""

    def __init__(self) -> None:
        self.quote, self.depth, self.joined = "", 0, False

    @property
    def at_statement(self) -> bool:
        return not (self.quote or self.depth or self.joined)

    def read(self, line: str) -> None:
        place, self.joined = 0, line.endswith("\\")
        while found := (_CLOSES[self.quote] if self.quote else _OPENS).search(line, place):
            place, mark = found.end(), found[0]
            if mark == "#":
                self.joined = False
                break
            if mark.startswith("\\"):
                continue
            if self.quote:
                self.quote = ""
            elif mark in "([{":
                self.depth += 1
            elif mark in ")]}":
                self.depth = max(0, self.depth - 1)
            else:
                self.quote = mark
        if len(self.quote) == 1 and not self.joined:  # a string that ends with its line is a mistake, and no more
            self.quote = ""
