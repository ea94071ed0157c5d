"""Whether the learner's last edit of an answer has run: a check may not judge the version before it without a word.

IPython tells after each cell whether it failed. A definition counts as made when the statement that makes it comes
before the one that failed; a cell that is no Python made none, and which it was to make is read off its lines.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from traceback import walk_tb
from types import FrameType
from typing import Any

from course_lib.judging.program import UNREADABLE, defined_names, names_defined_in, parse

_DEFINES = re.compile(r"(?m)^(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)|^(\w+)[ \t]*(?::[^=\n]*)?=(?!=)")


@dataclass
class Edits:
    """What failed of the cells that a kernel has run: name → what to say of the edit that would have defined it."""

    failed: dict[str, str] = field(default_factory=dict)
    _of_cell: dict[str, frozenset[str]] = field(default_factory=dict)  # what each cell defined when it last ran whole

    def note(self, source: str, error: BaseException | None, line: int, cell: str = "") -> None:
        """Note that a cell has run.

        source  the cell's text; error: what it ended with, or None
        line    of the cell at which it ended, from 1; 0 where nothing of it ran
        cell    what the notebook calls the cell, "" where that is not known
        """
        defines = names_defined_in(source)
        if error is None:
            made, lost = defines, frozenset[str]()
            if cell:
                self._of_cell[cell] = defines
        else:
            meant = defines if _is_python(source) else frozenset(_meant_to_define(source))
            made = frozenset(_made_before(source, line))
            lost = (meant or self._of_cell.get(cell, meant)) - made
        for name in made:
            self.failed.pop(name, None)
        for name in lost:
            self.failed[name] = _said(source, error, line)

    def after_cell(self, result: Any) -> None:
        """Note the cell of an `ExecutionResult`: IPython's event `post_run_cell`."""
        info, error = result.info, result.error_before_exec or result.error_in_exec
        if info is not None:
            ran = result.error_before_exec is None and _is_python(info.raw_cell)  # the text under a magic is read late
            line = _line_in_cell(error, info.raw_cell) if ran else 0
            self.note(info.raw_cell, error, line, getattr(info, "cell_id", None) or "")


_edits, _shells = Edits(), list[Any]()


def watch() -> None:
    """Let IPython tell what its cells do from now on; outside IPython nothing is known, and nothing is said."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None and shell not in _shells:
        _shells.append(shell)
        shell.events.register("post_run_cell", _edits.after_cell)


def failed_edit(name: str, names: dict[str, Any]) -> str:
    """Return what the last edit of a name's definition failed with, "line 3: SyntaxError: …"; "" where it ran.

    names  the notebook's names; of any others nothing is known
    """
    return _edits.failed.get(name, "") if any(shell.user_ns is names for shell in _shells) else ""


def _is_python(source: str) -> bool:
    try:
        parse(source)
        return True
    except UNREADABLE:
        return False


def _made_before(source: str, line: int) -> Iterator[str]:
    """Yield the names that a cell has bound for good when it fails at a line: by the statements before that one."""
    for statement in parse(source).body if line else ():
        if (statement.end_lineno or statement.lineno) < line:
            yield from defined_names(ast.Module([statement], []))


def _meant_to_define(source: str) -> Iterator[str]:
    """Yield the names that a cell which is no Python was to define at its top level."""
    yield from (function or answer for function, answer in _DEFINES.findall(source))


def _line_in_cell(error: BaseException | None, source: str) -> int:
    """Return the line of the cell at which an error came up, from 1; 0 where that cannot be told."""
    magic = _lines_of_magic(source)
    lines = [line for frame, line in walk_tb(error.__traceback__ if error else None) if _is_cell(frame)]
    own = lines[magic:]  # the first of a cell with a magic is the call of that
    return own[0] + magic if own else 0


def _is_cell(frame: FrameType) -> bool:
    """Whether a frame runs a notebook's cell, or a function in it."""
    return any(frame.f_globals is shell.user_ns for shell in _shells)


def _lines_of_magic(source: str) -> int:
    """Return how many lines stand before the Python that a cell magic, as `%%time`, is given."""
    return 1 if source.lstrip().startswith("%%") else 0


def _said(source: str, error: BaseException | None, line: int) -> str:
    message = error.msg if isinstance(error, SyntaxError) and not line else str(error)
    if isinstance(error, SyntaxError) and not line:
        line = (error.lineno or 0) + _lines_of_magic(source)
    place = f"line {line}: " if line else ""
    return f"{place}{type(error).__name__}: {message}".rstrip(": ")
