"""The shell that a student's cells run in: as in Jupyter, without a screen and without another program.

It is imported from beside `student.py`, so it must not import `autograder`, and `course_lib` only when it is used.
"""

from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import SList


class Shell(InteractiveShell):
    """An IPython shell that passes over magics and shell lines which make no sense in a grader, and says so.

    None of them costs the rest of the cell. `course_lib.judging.magics` lists the others.
    """

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no screen, so there is nothing to do."""

    def system(self, cmd: str) -> None:
        """Pass over a line `!cmd`."""
        _say(f"!{cmd}")

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """Pass over `x = !cmd`; x becomes empty."""
        _say(f"!{cmd}")
        return SList() if split else ""

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        """Run a magic, or pass it over."""
        return self._run(magic_name, f"%{magic_name} {line}", super().run_line_magic, line, _stack_depth + 2)

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        """Run a cell's magic, or pass the cell over."""
        return self._run(magic_name, f"%%{magic_name} {line}", super().run_cell_magic, line, cell)

    def _run(self, name: str, text: str, run: Any, *arguments: Any) -> Any:
        from course_lib.judging.magics import KEPT, WITH_CODE

        if name not in KEPT:
            return _say(text)
        try:
            return run(name, *arguments)
        except Exception as problem:
            if name in WITH_CODE:  # the error of the student's own code
                raise
            return _say(text, f": {problem}")


def _say(text: str, why: str = "") -> None:
    print(f"Passed over when grading: {text.strip()}{why}")
