"""Which cells of a submission are run: what runs in the student's notebook must be what is graded.

The student's own cells run, and so do locked cells that they changed. The lesson's demos take long and are skipped,
unless an exercise uses a name that nothing but a demo defines.
"""

import ast
import builtins
from dataclasses import replace
from functools import cached_property

from nbformat.notebooknode import NotebookNode

from autograder.grading.recognise import SubmittedCell
from course_lib.judging.program import UNREADABLE, changed_names, defined_names, parse, same_code, used_names

_JUPYTERS = {"get_ipython", "display", "In", "Out", "exit", "quit", "__name__", "__doc__", "_", "__", "___"}


def with_runs(cells: list[SubmittedCell], release: NotebookNode) -> tuple[list[SubmittedCell], list[str]]:
    """Return the cells with those marked that are run, and a note for each name for which a demo is run."""
    stubs = _stubs(release)
    worked = {cell.exercise for cell in cells if cell.role == "exercise" and not _is_stub(cell, stubs)}
    worked |= {exercise for cell in cells for exercise in cell.also}
    own = {
        i for i, cell in enumerate(cells) if _is_own(cell) and not (cell.exercise in worked and _is_stub(cell, stubs))
    }
    demos, notes = _needed_demos([_Names(cell, index in own) for index, cell in enumerate(cells)], _known(release))
    return [replace(cell, runs=index in own | demos) for index, cell in enumerate(cells)], notes


def _is_own(cell: SubmittedCell) -> bool:
    if cell.markdown:
        return False
    return cell.role in ("added", "exercise") or bool(cell.also) or (cell.changed and cell.role != "demo")


def _stubs(release: NotebookNode) -> dict[str, str]:
    courses = ((cell.metadata.get("course", {}), cell.source) for cell in release.cells)
    return {course["exercise"]: source for course, source in courses if course.get("role") == "exercise"}


def _is_stub(cell: SubmittedCell, stubs: dict[str, str]) -> bool:
    """Whether an exercise's cell is as it was released. Beside a cell with work in it, such a copy does not run."""
    return cell.role == "exercise" and not cell.also and same_code(cell.source, stubs[cell.exercise])


def _known(release: NotebookNode) -> set[str]:
    """Return the names that are there without any cell of the student's."""
    setup = [cell.source for cell in release.cells if cell.metadata.get("course", {}).get("role") == "setup"]
    return set(dir(builtins)) | _JUPYTERS | defined_names(parse("\n\n".join(setup)))


class _Names:
    """What a cell defines, changes and uses; looked at when it is asked for."""

    def __init__(self, cell: SubmittedCell, runs: bool) -> None:
        self.cell, self.runs = cell, runs

    @cached_property
    def defined(self) -> set[str]:
        try:
            return defined_names(parse(self.cell.source))
        except UNREADABLE:
            return set()

    @cached_property
    def changed(self) -> set[str]:
        try:
            return changed_names(parse(self.cell.source))
        except UNREADABLE:
            return set()

    @cached_property
    def used(self) -> set[str]:
        return used_names(self.cell.source)


def _without_trials(source: str, known: set[str]) -> str:
    """Return a cell without its last lines that define nothing and change nothing of the student's: they only show."""
    try:
        body = parse(source).body
        while body and not defined_names(last := ast.Module([body[-1]], [])) and changed_names(last) <= known:
            body.pop()
        return ast.unparse(ast.Module(body, []))
    except UNREADABLE:
        return source


def _needed_demos(cells: list[_Names], known: set[str]) -> tuple[set[int], list[str]]:
    """Return the demos that exercises need, directly or through other cells, and notes that say for which names."""
    own = [names for names in cells if names.runs]
    demos = {index: names for index, names in enumerate(cells) if names.cell.role == "demo" and not names.runs}
    answers = [names.cell.source for names in own if names.cell.role == "exercise" or names.cell.also]
    waiting = sorted(set().union(*(used_names(_without_trials(source, known)) for source in answers)))
    seen, found, notes = set(known), set[int](), list[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        makers = [names for names in own if name in names.defined]
        if not makers and any(name in names.defined for names in demos.values()):
            needed = {i: names for i, names in demos.items() if name in names.defined | names.changed}
            found |= needed.keys()
            makers = list(needed.values())
            notes.append(f"`{name}` comes from a demo cell, which was run for it.")
        waiting += sorted(set().union(*(names.used for names in makers)) - seen)
    return found, notes
