"""The gradebook in PostgreSQL: a server is started for these tests, and the marks are the same as in SQLite."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from sqlalchemy.exc import SQLAlchemyError

from autograder.classroom.class_run import grade_class
from autograder.classroom.places import recorded_name
from autograder.classroom.recorder import ClassRun

LESSON = "90_sample"
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")]


def _program(name):
    found = shutil.which(name) or max(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), default=None)
    if found is None:
        pytest.skip(f"PostgreSQL's {name} is not installed (apt-get install postgresql)")
    return found


class Server:
    """A PostgreSQL server on a Unix socket in a folder of its own."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self.user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name  # it refuses to be root
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.user)
        self.data = self.folder / "data"
        self.call(_program("initdb"), "-D", self.data, "-A", "trust", "-U", "course", "-E", "UTF8", "--no-sync")
        self.start()

    def call(self, *command):
        subprocess.run([*map(str, command)], check=True, capture_output=True, cwd=self.folder, **self._as_user())

    def _as_user(self):
        return (
            {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}
            if os.geteuid() == 0
            else {}
        )

    def start(self):
        settings = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off"]
        self.process = subprocess.Popen(
            [_program("postgres"), "-D", str(self.data), *settings],
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            **self._as_user(),
        )
        for _ in range(200):
            if (self.folder / ".s.PGSQL.5432").exists() and self.answers():
                return
            time.sleep(0.05)
        raise RuntimeError("PostgreSQL did not start")

    def answers(self):
        ready = subprocess.run([_program("pg_isready"), "-h", self.folder], capture_output=True)
        return ready.returncode == 0

    def stop(self):
        self.process.send_signal(signal.SIGINT)  # without waiting for those who are connected
        self.process.wait(20)

    def new_database(self, name):
        self.call(_program("createdb"), "-h", self.folder, "-U", "course", name)
        return f"postgresql+psycopg://course@/{name}?host={self.folder}"


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.stop()
    shutil.rmtree(server.folder)


@pytest.fixture
def course(tmp_path, sample_path, sandbox, solved, hand_in):
    (tmp_path / "solutions").mkdir()
    shutil.copy(sample_path, tmp_path / "solutions")
    hand_in(tmp_path / "submitted", "ada", solved())
    hand_in(tmp_path / "submitted", "Grüße-李", solved(mean="def mean(x): return x"))
    hand_in(tmp_path / "submitted", "cut", "{")

    def grade(db_url, seed=5, out=tmp_path / "out", progress=lambda done, total: None):
        run = ClassRun(tmp_path / "submitted", out, tmp_path / "solutions", db_url, seed=seed, sandbox=sandbox)
        return {r.student: r.to_document() for r in grade_class(run, progress)}

    return grade


def marks(db_url):
    with Gradebook(db_url) as book:
        return {
            (s.student.id, g.name): (g.auto_score, g.manual_score, g.needs_manual_grade)
            for s in book.assignment_submissions(LESSON)
            for n in s.notebooks
            for g in n.grades
        }


def test_the_marks_are_those_of_sqlite(server, course, tmp_path):
    url, sqlite = server.new_database("same"), f"sqlite:///{tmp_path / 'gradebook.db'}"
    results = course(url, out=tmp_path / "a")
    assert results == course(sqlite, out=tmp_path / "b")
    assert {name: r["status"] for name, r in results.items()} == {
        "ada": "graded",
        "Grüße-李": "graded",
        "cut": "not gradable",
    }
    assert marks(url) == marks(sqlite) and len(marks(url)) == 30


def test_hand_given_marks_survive_a_regrade_and_an_earlier_run_is_gone_on_with(server, course):
    url = server.new_database("again")
    first = course(url)
    with Gradebook(url) as book:
        grade = book.find_grade("sample-why_nats", LESSON, LESSON, "ada")
        grade.manual_score, grade.needs_manual_grade = 2.5, False
        book.db.commit()
    assert course(url)["ada"]["score"] == first["ada"]["score"] + 2.5
    assert course(url, seed=6)["ada"]["score"] == first["ada"]["score"] + 2.5


def test_no_name_and_no_character_of_a_student_stops_the_class(server, course, tmp_path, solved, hand_in):
    every = "".join(map(chr, range(0x20))) + "\x7f\x85\u2028\u2029\ud800\uffff\U0010ffff"
    for name in ("n" * 150, "é" * 127, os.fsdecode(b"\xff"), "a\n\u2028\x85b", "\U0001f642" * 63):
        hand_in(tmp_path / "submitted", name, solved(count=f"raise ValueError({every!r})"))
    hand_in(tmp_path / "submitted", "zoe", solved(mean=f"def mean(x): raise ValueError({every!r})"))
    url, sqlite = server.new_database("odd"), f"sqlite:///{tmp_path / 'gradebook.db'}"
    results = course(url, out=tmp_path / "a")
    assert results == course(sqlite, out=tmp_path / "b") == course(url, out=tmp_path / "a")
    assert {name: result["status"] for name, result in results.items() if result["status"] != "partly graded"} == {
        "ada": "graded", "Grüße-李": "graded", "cut": "not gradable", "zoe": "graded",
    }  # fmt: skip
    assert len(results) == 9 and marks(url) == marks(sqlite)
    assert "\0" in str(results[recorded_name("n" * 150)]["exercises"]).replace("\\x00", "\0")


def test_a_server_that_stops_in_the_middle_stops_the_run_and_nothing_is_lost(server, course, tmp_path):
    url = server.new_database("down")

    def pull_the_plug(done, total):
        if done == 1:
            server.stop()

    with pytest.raises(SQLAlchemyError):
        course(url, progress=pull_the_plug)
    assert len((tmp_path / "out" / "results.jsonl.part").read_text(encoding="utf-8").splitlines()) == 1
    with pytest.raises(SQLAlchemyError):
        course(url)  # it is still down
    server.start()
    assert course(url) == course(server.new_database("undisturbed"), out=tmp_path / "other")
