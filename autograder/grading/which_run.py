"""Which cells of a submission are run: what runs in the student's notebook must be what is graded.

The student's own cells run, and so do locked cells that they changed. The lesson's demos take long and are skipped,
unless an exercise uses a name that nothing but a demo defines.
"""

import ast
import builtins
from collections.abc import Collection
from dataclasses import replace

from nbformat.notebooknode import NotebookNode

from autograder.grading.recognise import SubmittedCell
from course_lib.judging.program import (
    UNREADABLE,
    changed_names,
    defined_names,
    names_defined_in,
    parse,
    same_code,
    used_names,
)

_JUPYTERS = {"get_ipython", "display", "In", "Out", "exit", "quit", "__name__", "__doc__", "_", "__", "___"}


def with_runs(cells: list[SubmittedCell], release: NotebookNode) -> tuple[list[SubmittedCell], list[str]]:
    """Return the cells with those marked that are run, and a note for each name for which a demo is run."""
    stubs = _stubs(release)
    worked = {cell.exercise for cell in cells if cell.role == "exercise" and not _is_stub(cell, stubs)}
    worked |= {exercise for cell in cells for exercise in cell.also}
    own = {
        i for i, cell in enumerate(cells) if _is_own(cell) and not (cell.exercise in worked and _is_stub(cell, stubs))
    }
    demos, notes = _needed_demos(cells, own, _known(release))
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
    return set(dir(builtins)) | _JUPYTERS | names_defined_in("\n\n".join(setup))


def _without_trials(source: str, known: set[str]) -> str:
    """Return a cell without its last lines that define nothing and change nothing of the student's: they only show."""
    try:
        body = parse(source).body
        while body and not defined_names(last := ast.Module([body[-1]], [])) and changed_names(last) <= known:
            body.pop()
        return ast.unparse(ast.Module(body, []))
    except UNREADABLE:
        return source


def _needed_demos(cells: list[SubmittedCell], own: set[int], known: set[str]) -> tuple[set[int], list[str]]:
    """Return the demos that exercises need, directly or through other cells, and a note for each name that they need.

    own    the cells that run in any case
    known  names that are there without them
    """
    demos = {i for i, cell in enumerate(cells) if cell.role == "demo"} - own
    defining = _index({i: names_defined_in(cells[i].source) for i in own})
    theirs = set().union(*(names_defined_in(cells[i].source) for i in demos)) - known - defining.keys()
    if not any(name in cells[i].source for i in own for name in theirs):  # the usual case
        return set(), []
    making: dict[str, list[int]] = {}
    answers = [cells[i].source for i in sorted(own) if cells[i].role == "exercise" or cells[i].also]
    waiting = sorted(set().union(*(used_names(_without_trials(source, known)) for source in answers)))
    seen, found, notes = set(known), set[int](), list[str]()
    while waiting:
        if (name := waiting.pop()) in seen:
            continue
        seen.add(name)
        makers = defining.get(name, [])
        if name in theirs:
            making = making or _index({i: _makes(cells[i].source) for i in demos})
            makers = making[name]
            if not found.issuperset(makers):
                notes.append(
                    f"`{name}` comes from a demo cell, which was run for it without what the lesson withholds."
                )
            found.update(makers)
        waiting += sorted(set().union(*(used_names(cells[i].source) for i in makers)) - seen)
    return found, notes


def as_it_runs(cell: SubmittedCell) -> str:
    """Return the code of a cell as it is run. In a demo a statement that fails does not stop those below it.

    A demo may call the course's version of what the lesson asks for, which is absent when it is graded.
    """
    if cell.role != "demo":
        return cell.source
    try:
        body = parse(cell.source).body
        passing = [ast.ExceptHandler(ast.Name("Exception", ast.Load()), None, [ast.Pass()])]
        tries: list[ast.stmt] = [ast.Try([statement], passing, [], []) for statement in body]
        return ast.unparse(ast.fix_missing_locations(ast.Module(tries, [])))
    except UNREADABLE:
        return cell.source


def _index(names: dict[int, Collection[str]]) -> dict[str, list[int]]:
    """Return the cells by the names that they have to do with."""
    found: dict[str, list[int]] = {}
    for cell, some in names.items():
        for name in some:
            found.setdefault(name, []).append(cell)
    return found


def _makes(source: str) -> set[str]:
    """Return the names that a cell defines, and those whose objects it may change."""
    try:
        tree = parse(source)
        return defined_names(tree) | changed_names(tree)
    except UNREADABLE:
        return set()
