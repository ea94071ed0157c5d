"""Names and texts of students as they can be shown: what acts in a file, a terminal or a page is spelled out."""

import re

# Control characters, half characters, and what ends lines or turns the direction of writing without being seen.
_UNSEEN = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_IN_TEXT = re.compile(f"[{_UNSEEN}]")
_IN_NAMES = re.compile(f'[{_UNSEEN}<>&"]')
_CODES = r"x(?:[01][0-9a-f]|7f|[89][0-9a-f]|3c|3e|26|22)|u(?:202[89a-e]|206[6-9]|d[89a-f][0-9a-f]{2})"
_BEFORE_CODE = re.compile(f'\\\\+(?=[{_UNSEEN}<>&"]|{_CODES})')
_GAP = re.compile(r"\s{200,}")
_LONG_LINE = re.compile(r"(?m)^(.{5000}).+$")


def printable(text: str) -> str:
    """Return text that can be written as UTF-8: half characters, as `"\\ud800"` in JSON gives them, are spelled out."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def spelled_out(text: str, keep: str = "\n\t") -> str:
    """Return text for a terminal, with every character spelled out that would move, colour or hide something there.

    keep  of these characters, those that are left as they are

    >>> print(spelled_out("red: \\x1b[31m"))
    red: \\x1b[31m
    """
    return _IN_TEXT.sub(lambda match: match[0] if match[0] in keep else _code(match[0]), text)


def plain_name(name: str) -> str:
    """Return a student's name with what acts in a page spelled out: nbgrader puts names into pages as HTML.

    Backslashes before what reads like a spelling are doubled, so that no two names have one.

    >>> print(plain_name("<b>Ada</b>"))
    \\x3cb\\x3eAda\\x3c/b\\x3e
    """
    return _IN_NAMES.sub(lambda match: _code(match[0]), _BEFORE_CODE.sub(lambda match: match[0] * 2, name))


def readable(source: str) -> str:
    """Return a program as it is shown: without long lines and long gaps, over which those who colour it spend minutes.

    >>> len(readable("x" + 9999 * " \\n"))
    201
    """
    return _LONG_LINE.sub(r"\1 …", _GAP.sub(lambda match: match[0][:100] + match[0][-100:], source))


def _code(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
