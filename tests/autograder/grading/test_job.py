"""A submission as a piece of work: equal ones are graded once, and a killed warm parent costs nobody a mark."""

import nbformat
import pytest

import autograder.grading.job as job
from autograder.grading.job import MAX_TRIES, Job, do
from autograder.sandbox.session import Session
from autograder.sandbox.warm import ParentDied

LESSON = "90_sample"
HONEST = 13.0
PRINTS = "print('marzipan')\ndef mean(x):\n    if len(x) == 0: raise ValueError\n    return x.sum() / len(x)"
pytestmark = pytest.mark.slow


@pytest.fixture
def hand_over(sandbox):
    """A function that makes a job of a student's notebook."""
    return lambda student, notebook: Job(student, LESSON, nbformat.writes(notebook).encode(), (), sandbox)


@pytest.fixture
def graded_students(monkeypatch):
    """The students whose submissions are graded from here on, in order."""
    students, really = [], job.grade_submission
    monkeypatch.setattr(job, "_gradings", type(job._gradings)())

    def counted(graded, submission, *rest):
        students.append(submission.student)
        return really(graded, submission, *rest)

    monkeypatch.setattr(job, "grade_submission", counted)
    return students


def cell_of(done, role, exercise):
    cells = nbformat.reads(done.notebook, as_version=4).cells
    return next(c for c in cells if (c.metadata.course.role, c.metadata.course.get("exercise")) == (role, exercise))


def test_equal_notebooks_are_graded_once_and_others_are_not(graded, graded_students, hand_over, solved):
    first = do(graded, hand_over("ada", solved()))
    second = do(graded, hand_over("ben", solved()))
    do(graded, hand_over("cleo", solved(mean="def mean(x): return x")))
    assert graded_students == ["ada", "cleo"]
    assert second.grading.submission.student == "ben" and second.grading.score == first.grading.score == HONEST
    assert second.about == first.about


def test_what_cells_put_out_stands_under_them_in_an_equal_notebook_with_more_prose(
    graded, graded_students, hand_over, solved
):
    longer = solved(mean=PRINTS)
    longer.cells.insert(0, nbformat.v4.new_markdown_cell("My own remarks."))
    for student, notebook in (("ada", solved(mean=PRINTS)), ("ben", longer)):
        done = do(graded, hand_over(student, notebook))
        assert [output.text for output in cell_of(done, "exercise", "sample.mean").outputs] == ["marzipan\n"]


def kill_parent(times, monkeypatch):
    """Kill the warm parent at the first probe of so many gradings.

    Its children die soon after it, so one may still answer this probe and some more.
    """
    really, left = Session.probe, [times]

    def killed(session, *arguments, **options):
        if left[0] and session._parent.process.poll() is None:
            left[0] -= 1
            session._parent.process.kill()
            session._parent.process.wait()
        return really(session, *arguments, **options)

    monkeypatch.setattr(Session, "probe", killed)


def test_a_warm_parent_that_is_killed_costs_no_mark(graded, graded_students, hand_over, solved, monkeypatch):
    kill_parent(MAX_TRIES - 1, monkeypatch)
    assert do(graded, hand_over("ada", solved())).grading.score == HONEST
    assert graded_students == ["ada"] * MAX_TRIES


def test_one_that_is_killed_again_and_again_is_the_graders_fault_and_says_so(
    graded, graded_students, hand_over, solved, monkeypatch
):
    kill_parent(MAX_TRIES, monkeypatch)
    with pytest.raises(ParentDied, match="--jobs"):
        do(graded, hand_over("ada", solved()))
