"""The arena as tests: one for each case and identity, and what is left when all is over. See docs/arena.md."""

import fcntl
from pathlib import Path

import pytest

from tests.arena.attacks import CASES
from tests.arena.contest import Contest, controls, hold, killed, load, ordinary_user, save

IDENTITIES = ("self", "ordinary")
OUTSIDE = (
    "no process is left",
    "no file is left",
    "nothing was written where it may not be",
    "nothing listens",
    "what must not change has not changed",
    "the gradebook says what the results say",
    "no hidden number is found",
    "no secret is found",
    "no lesson source is found",
    "no script is on a page",
    "the grader stays small",
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """A folder that all test processes of this run share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if base.name.startswith("popen-") else base) / "arena"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session", params=IDENTITIES)
def contest(request, shared) -> Contest:
    """The class, graded once as whoever runs the tests and, if that is root, once as an ordinary user."""
    user = ""
    if request.param == "ordinary":
        user, reason = ordinary_user()
        if not user:
            pytest.skip(reason)
    report = shared / f"{request.param}.json"
    with (shared / f"{request.param}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes, one class
        if not report.exists():
            save(hold(shared / request.param, user), report)
    return load(report)


@pytest.mark.parametrize("name", CASES)
def test_case(contest, name):
    assert contest.cases[name] == "", CASES[name].what


def test_honest_students_lose_nothing(contest):
    assert len(contest.bystanders) > len(CASES) // 10
    assert {student: lost for student, lost in contest.bystanders.items() if lost} == {}


@pytest.mark.parametrize("what", OUTSIDE)
def test_from_outside(contest, what):
    assert contest.outside[what] == ""


def test_a_killed_grader_takes_the_students_code_along(contest, tmp_path):
    user = "" if contest.user != ordinary_user()[0] else contest.user
    assert killed(tmp_path / "killed", user) == ""


def test_attempts_succeed_where_nothing_holds_them(shared, contest, request):
    if "ordinary" in request.node.name:
        pytest.skip("the controls are made once")
    assert {name: problem for name, problem in controls(shared / "self").items() if problem} == {}


def test_there_are_a_hundred_cases_and_each_says_what_it_is():
    assert len(CASES) >= 100
    assert [case.name for case in CASES.values() if not case.what.endswith((".", "?"))] == []
