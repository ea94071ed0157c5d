"""A class of all cases with honest students between them, graded at once: `python -m tests.arena.run FOLDER [CASE …]`.

It writes FOLDER/report.json: what each submission earned, what is left of the processes, and how long it took.
"""

import ctypes
import json
import os
import sys
import time
from pathlib import Path

from autograder.classroom.class_run import grade_class
from autograder.classroom.recorder import ClassRun
from autograder.grading.prepare import Limits
from autograder.sandbox.warm import close_all
from tests.arena.attacks import CASES
from tests.arena.cases import Case
from tests.arena.draft import LESSON, NAME, Draft
from tests.arena.secrets import PUBLIC_FIRST_AMOUNTS, SEED

ROOT = Path(__file__).resolve().parents[2]
EVERY = 7  # after so many cases comes an honest student
LIMITS = Limits(cell=4.0, case=2.5, idle=2.5, notebook=60.0)
PR_SET_CHILD_SUBREAPER = 36


def hand_in(course: Path, home: Path, names: list[str]) -> dict[str, str]:
    """Write the submissions of cases (all, when none is named) and of honest students; return each case's student."""
    places = {"@COURSE@": str(course), "@ROOT@": str(ROOT), "@HOME@": str(home), "@PUBLIC@": str(PUBLIC_FIRST_AMOUNTS)}
    honest = Draft()
    honest.spoil("total", "# canary-neighbour-77ab")
    _write(course, "000-neighbour", honest, {})
    students = {}
    for number, case in enumerate([CASES[name] for name in names or CASES], 1):
        draft = Draft()
        case_change(case, draft, places)
        student = draft.student or f"{number:03d}-{case.name}"
        _write(course, student, draft, places)
        students[case.name] = student
        if number % EVERY == 0:
            _write(course, f"{number:03d}-{case.name}-honest", Draft(), {})
    _write(course, "zzz-honest", Draft(), {})
    return students


def case_change(case: Case, draft: Draft, places: dict[str, str]) -> None:
    """Let a case change a draft, and fill in the places that its sources name."""
    case.change(draft)
    for cell in draft.notebook.cells:
        for word, place in places.items():
            cell.source = cell.source.replace(word, place)


def _write(course: Path, student: str, draft: Draft, places: dict[str, str]) -> None:
    folder = course / "submitted" / student / NAME
    folder.mkdir(parents=True)
    draft.write(folder)


def children_of(ancestor: int) -> list[dict]:
    """Return the processes that descend from one and have not ended: id, time of start, command."""
    found, parents = [], {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        parents[int(place.name)] = (int(fields[1]), fields[0], fields[19], command)
    for process, (_, state, started, command) in parents.items():
        above = process
        while above in parents and above != ancestor:
            above = parents[above][0]
        if above == ancestor != process and state not in "ZX":
            found.append({"pid": process, "started": started, "command": command})
    return found


def main(folder: Path, names: list[str]) -> None:
    """Grade the class in a folder, which holds nothing but `tmp`."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # whatever is orphaned becomes ours, and is seen
    course, home = folder / "course", folder / "home"
    course.mkdir()
    home.mkdir()
    (home / "canary-home.txt").write_text("canary-home-c2f4")
    students = hand_in(course, home, names)
    run = ClassRun(
        course / "submitted",
        course,
        LESSON.parent,
        f"sqlite:///{course / 'gradebook.db'}",
        seed=SEED,
        jobs=2,
        limits=LIMITS,
    )
    started = time.perf_counter()
    results = grade_class(run)
    seconds = time.perf_counter() - started
    close_all()
    report = {
        "seconds": seconds,
        "user": os.getuid(),
        "students": students,
        "results": {result.student: result.to_document() for result in results},
        "left": children_of(os.getpid()),
        "memory": max_memory(),
    }
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")


def max_memory() -> int:
    """Return the most memory that this process, the grader, had at once, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2:])
