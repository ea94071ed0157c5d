"""The grading of one submission as a piece of work, to be done in a thread here or on another machine.

A job carries the bytes of the file and no path; what comes back is marks and texts, for the one process that writes.
Nothing of it needs the gradebook or the course folder.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass, replace

import nbformat

from autograder.authoring.withheld import withheld_names
from autograder.grading.autograded import autograded_notebook
from autograder.grading.feedback import describe, with_description
from autograder.grading.grade import Grading, grade_submission
from autograder.grading.prepare import GradedLesson
from autograder.grading.submission import Submission, parse_submission
from autograder.sandbox.session import Session
from autograder.sandbox.warm import ParentDied
from course_lib.judging.verdict import Verdict, VerdictKind

MAX_TRIES = 3
_MAX_KEPT = 256


@dataclass(frozen=True)
class Job:
    """One submission to grade. data: the notebook's bytes; notes: what was repaired in finding it."""

    student: str
    lesson: str
    data: bytes
    notes: tuple[str, ...]
    sandbox: str


@dataclass(frozen=True)
class Done:
    """A job that was done.

    grading   without its cases
    notebook  the text of the notebook to show, which carries `about`
    about     what the feedback page says
    unjudged  whether an exercise could not be judged on its outcomes: its code did not run, or did not end
    """

    grading: Grading
    unjudged: bool
    notebook: str
    about: dict


def do(graded: GradedLesson, job: Job) -> Done:
    """Grade one submission. Raises NotGradable with the reason when there is nothing that can be graded."""
    submission = parse_submission(job.student, job.lesson, job.data, list(job.notes), graded.release)
    for attempt in range(1, MAX_TRIES + 1):
        try:
            grading = _grade_once(graded, submission, job.sandbox)
            break
        except ParentDied:  # not the student's doing: somebody killed it, or the machine had no memory left
            if attempt == MAX_TRIES:
                raise
    about = describe(graded, grading, job.sandbox)
    notebook = with_description(autograded_notebook(submission, graded.release, grading.outputs), about)
    bare = [replace(verdict, judged=()) if verdict.judged else verdict for verdict in grading.verdicts]
    unjudged = any(map(_is_unjudged, grading.verdicts))
    return Done(replace(grading, verdicts=bare, outputs={}), unjudged, nbformat.writes(notebook), about)


def _is_unjudged(verdict: Verdict) -> bool:
    return verdict.verdict in (VerdictKind.TIMEOUT, VerdictKind.MEMORY) or (
        verdict.verdict == VerdictKind.ERROR and not verdict.judged
    )


def try_sandbox(graded: GradedLesson, sandbox: str) -> None:
    """Start a session and end it, to be refused now rather than in the middle. Raises SandboxUnavailable."""
    with Session(withheld_names(graded.lesson), sandbox):
        pass


# ---- equal work is done once

_gradings: OrderedDict[str, Future] = OrderedDict()
_lock = threading.Lock()


def _grade_once(graded: GradedLesson, submission: Submission, sandbox: str) -> Grading:
    """Return the grading of a submission; one that another submission with the same cells had is not made again."""
    # prose counts by its place alone: outputs are known by the number of their cell
    cells = [
        (cell.role, cell.exercise, cell.also, cell.runs, "" if cell.role == "prose" else cell.source)
        for cell in submission.cells
    ]
    what = json.dumps([id(graded), graded.lesson.version, graded.seed, sandbox, cells])  # id: in one run only
    key = hashlib.sha256(what.encode()).hexdigest()
    with _lock:
        known = key in _gradings
        future = _gradings.setdefault(key, Future())
        while len(_gradings) > _MAX_KEPT:
            _gradings.popitem(last=False)
    if known:
        return replace(future.result(), submission=submission, seconds=0.0)
    try:
        grading = grade_submission(graded, submission, sandbox)
    except BaseException as problem:
        with _lock:
            _gradings.pop(key, None)
        future.set_exception(problem)
        raise
    future.set_result(replace(grading, submission=replace(submission, cells=[])))  # others have their own
    return grading
