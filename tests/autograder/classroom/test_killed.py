"""A grading run that is killed at any instant, again and again, ends with what an undisturbed run gives."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

LESSON = "90_sample"
KILLS, KILLS_PER_COURSE = 20, 5
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")]


class Runs:
    """Starts grading runs in a process of their own."""

    def __init__(self, root, sandbox):
        self.root, self.sandbox = root, sandbox
        threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(Path(__file__).with_name("run_forked.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | threads,
        )

    def start(self, out):
        """Start a run; return its process id."""
        out.mkdir(exist_ok=True)
        print(self.root / "submitted", out, self.root / "solutions", self.sandbox, file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def end(self):
        """Wait for the run; return its exit code."""
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def runs(tmp_path_factory, sample_path, sandbox, solved, hand_in):
    root = tmp_path_factory.mktemp("class")
    (root / "solutions").mkdir()
    shutil.copy(sample_path, root / "solutions")
    for number in range(10):
        mean = f"def mean(x):\n    return x.sum() / max(len(x), {number % 3})"  # of three kinds
        hand_in(root / "submitted", f"student-{number}", solved(mean=f"# {number}\n{mean}"))
    hand_in(root / "submitted", "cut", "{")
    hand_in(root / "submitted", "crash", solved(mean="import os\ndef mean(x): os._exit(0)"))
    runs = Runs(root, sandbox)
    yield runs
    runs.process.stdin.close()
    assert runs.process.wait(20) == 0


def everything(out):
    """All that a run leaves, but for the times."""
    lines = (out / "results.jsonl").read_text(encoding="utf-8").splitlines()
    results = sorted(lines, key=lambda line: json.loads(line)["student"])
    with (out / "grades.csv").open(encoding="utf-8", newline="") as file:
        table = [row | {"graded": ""} for row in csv.DictReader(file)]
    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as book:
        marks = {
            (submission.student.id, grade.name): (grade.auto_score, grade.needs_manual_grade)
            for submission in book.assignment_submissions(LESSON)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }
    files = {
        str(path.relative_to(out)): path.read_text(encoding="utf-8")
        for folder in ("autograded", "feedback", "source", "release")
        for path in (out / folder).rglob("*")
        if path.is_file()
    }
    return {"results": results, "table": table, "marks": marks, "files": files}


def test_killed_at_twenty_instants_it_ends_the_same(runs, tmp_path):
    started = time.monotonic()
    runs.start(tmp_path / "undisturbed")
    assert runs.end() == 0
    duration = time.monotonic() - started
    wanted = everything(tmp_path / "undisturbed")
    assert len(wanted["results"]) == 12
    draw, survived = random.Random(7), 0
    for course in range(KILLS // KILLS_PER_COURSE):
        out = tmp_path / str(course)
        for _ in range(KILLS_PER_COURSE):
            run = runs.start(out)
            time.sleep(draw.uniform(0.1, 0.8) * duration)
            try:
                os.kill(run, signal.SIGKILL)
            except ProcessLookupError:
                pass
            survived += runs.end() == 0
        runs.start(out)
        assert runs.end() == 0
        found = everything(out)
        for what in wanted:
            assert found[what] == wanted[what], what
        assert not list(out.glob("**/*.part"))
    assert survived < KILLS  # some were killed in the middle
