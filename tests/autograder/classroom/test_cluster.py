"""Grading on a Dask cluster: a scheduler and two workers on loopback, one of which is killed in the middle."""

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from autograder.authoring.build import student_notebook
from autograder.authoring.lesson import read_lesson
from autograder.classroom.class_run import grade_class
from autograder.classroom.executor import make_executor
from autograder.classroom.places import find_submissions
from autograder.classroom.recorder import ClassRun, Recorder
from autograder.classroom.taken import Taken
from autograder.grading.job import Job, do, try_sandbox
from autograder.grading.prepare import prepare
from autograder.simulation.simulate import STUDENTS
from course_lib.judging.verdict import VerdictKind

ROOT = Path(__file__).resolve().parents[3]
LESSON = "90_sample"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")]


class Cluster:
    """A scheduler and two workers, each a process of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.file = folder / "scheduler.json"
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", self.file)
        self.workers = [self.start_worker(), self.start_worker()]

    def start(self, *command):
        settings = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "60s", "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *map(str, command)],
            cwd=self.folder,
            stderr=(self.folder / "log.txt").open("a"),
            env=os.environ | settings,
        )
        self.processes.append(process)
        return process

    def start_worker(self):
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        return self.start("worker", "--scheduler-file", self.file, *options)

    @property
    def address(self):
        return json.loads(self.file.read_text())["address"]

    def wait(self):
        from distributed import Client

        with Client(scheduler_file=str(self.file), timeout=60) as client:
            client.wait_for_workers(2, timeout=60)

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    pytest.importorskip("distributed", reason="Dask is not installed: pip install -e '.[cluster]'")
    (tmp_path / "cluster").mkdir()
    cluster = Cluster(tmp_path / "cluster")
    try:
        cluster.wait()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def course(tmp_path, sample_path, sandbox, solved, hand_in):
    """grade(name, scheduler=…, progress=…): grades a class of fourteen into a folder of that name."""
    (tmp_path / "solutions").mkdir()
    shutil.copy(sample_path, tmp_path / "solutions")
    for number in range(12):
        mean = f"def mean(x):\n    return x.sum() / max(len(x), {number % 3})"
        hand_in(tmp_path / "submitted", f"student {number}", solved(mean=f"# {number}\n{mean}"))
    hand_in(tmp_path / "submitted", "cut", "{")
    hand_in(tmp_path / "submitted", "crash", solved(mean="import os\ndef mean(x): os._exit(0)"))

    def grade(name, scheduler=None, progress=lambda done, total: None):
        out = tmp_path / name
        run = ClassRun(
            tmp_path / "submitted",
            out,
            tmp_path / "solutions",
            f"sqlite:///{out / 'gradebook.db'}",
            seed=5,
            sandbox=sandbox,
            scheduler=scheduler,
        )
        out.mkdir()
        return run, grade_class(run, progress)

    return grade


def test_a_cluster_that_loses_a_worker_gives_the_same_results(cluster, course, tmp_path):
    def kill_one(done, total):
        if done == 4:
            cluster.workers[0].send_signal(signal.SIGKILL)

    _, there = course("there", scheduler=cluster.address, progress=kill_one)
    assert cluster.workers[0].wait(10) == -signal.SIGKILL and cluster.workers[1].poll() is None
    _, here = course("here")
    assert there == here and len(here) == 14
    pages = [
        sorted(p.read_text(encoding="utf-8") for p in (tmp_path / n).glob("feedback/**/*.html"))
        for n in ("there", "here")
    ]
    assert pages[0] == pages[1] and len(pages[0]) == 14


def test_a_busy_machine_costs_nobody_a_mark_on_a_worker_either(cluster, busy, sandbox):
    lesson = read_lesson(ROOT / "solutions" / "14_transformer.py")
    notebook = student_notebook(lesson)
    STUDENTS["ada"](lesson, notebook)
    graded = prepare(lesson, 5)
    job = Job("ada", lesson.name, nbformat.writes(notebook).encode(), [], sandbox)
    with make_executor(scheduler=cluster.address) as executor:
        executor.submit(try_sandbox, graded, sandbox).result()
        with busy(16):
            done = executor.submit(do, graded, job).result()
    fine = (VerdictKind.PASSED, VerdictKind.BY_HAND)
    assert {verdict.id: verdict.message for verdict in done.grading.verdicts if verdict.verdict not in fine} == {}
    assert len(done.grading.verdicts) == len(lesson.exercises)


def test_what_travels_to_a_worker_says_nothing_of_the_gradebook(course, tmp_path):
    run, _ = course("out")
    graded = prepare(read_lesson(tmp_path / "solutions" / f"{LESSON}.py"), 5)
    recorder = Recorder(run, {LESSON: graded}, 5)
    place = next(p for p in find_submissions(run.submitted, [LESSON]) if p.student == "student 1")
    sent = pickle.dumps(recorder.job(place, Taken.of(place)))
    recorder.book.close()
    for secret in (str(run.out), "gradebook.db", str(run.submitted)):
        assert secret.encode() not in sent


def test_nobody_at_that_address_and_a_cluster_without_workers_are_wrong_usage(tmp_path):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install -e '.[cluster]'")
    with pytest.raises(ValueError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:1\b"):
        make_executor(scheduler="tcp://127.0.0.1:1")
    with distributed.LocalCluster(n_workers=0, dashboard_address=None, processes=False) as empty:
        with pytest.raises(ValueError, match="no workers yet"):
            make_executor(scheduler=empty.scheduler_address)
