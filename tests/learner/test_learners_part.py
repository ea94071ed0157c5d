"""What a learner has works: every notebook runs as it is given out, and every right answer passes its check.

    python -m pytest --noconftest tests/learner

needs the extra `learner` and pytest, and nothing that only teachers or developers install, so it runs on every system
that learners use. --noconftest leaves out what the other tests set up.
"""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from course_lib.checks.public import answers
from course_lib.work.__main__ import main as renew_work

ROOT = Path(__file__).resolve().parents[2]
LESSONS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
every_lesson = pytest.mark.parametrize("lesson", LESSONS)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `work/` of a course that was only just installed, in a folder with spaces and an accent."""
    course = tmp_path_factory.mktemp("le cours d'été")
    shutil.copytree(ROOT / "notebooks", course / "notebooks")
    assert renew_work(["--course", str(course)]) == 0
    return course / "work"


@pytest.fixture(autouse=True)
def _as_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_BUDGET", "short")
    for name in ("COURSE", "NBGRADER_EXECUTION"):
        monkeypatch.delenv(name, raising=False)


def course_of(cell: NotebookNode) -> NotebookNode:
    """Return what the builder noted about a cell: its role, and its exercise."""
    return cell.metadata.get("course", {})


def run(notebook: NotebookNode, folder: Path) -> dict[str, str]:
    """Run a notebook in a folder; return the verdict that each check shows, by exercise."""
    try:
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    except CellExecutionError as problem:
        pytest.fail(str(problem), pytrace=False)
    verdicts = {}
    for cell in notebook.cells:
        if course_of(cell).get("role") == "check":
            html = "".join(output.get("data", {}).get("text/html", "") for output in cell.outputs)
            shown = re.search(r'data-verdict="([^"]*)"', html)
            verdicts[course_of(cell)["exercise"]] = shown[1] if shown else f"nothing: {cell.outputs}"
    return verdicts


@every_lesson
def test_a_notebook_runs_from_top_to_bottom_as_it_is_given_out_and_no_exercise_is_started(lesson: str, work: Path):
    notebook = nbformat.read(work / f"{lesson}.ipynb", as_version=4)
    shown = run(notebook, work)
    assert shown and set(shown.values()) == {"not started"}


@every_lesson
def test_right_answers_pass_their_checks(lesson: str, work: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)  # where the answers are; learners' copies have none
    right = answers(lesson.split("_", 1)[1])
    notebook = nbformat.read(work / f"{lesson}.ipynb", as_version=4)
    notebook.cells = [cell for cell in notebook.cells if course_of(cell).get("role") in ("setup", "exercise", "check")]
    for cell in notebook.cells:
        if course_of(cell).role == "exercise":
            cell.source = right[course_of(cell).exercise]["answer"]
    shown = run(notebook, work)
    assert shown and {id: verdict for id, verdict in shown.items() if verdict not in ("passed", "recorded")} == {}
