"""Holding a contest: the class is graded in a process of its own, and everything it left is looked at from outside."""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from autograder.classroom.places import recorded_name
from autograder.classroom.results import Status
from course_lib.judging.verdict import VerdictKind
from tests.arena.attacks import CASES
from tests.arena.cases import Case
from tests.arena.draft import FULL, LESSON, NAME
from tests.arena.run import ROOT, children_of
from tests.arena.secrets import CANARIES, hidden_numbers

SECRET = CANARIES["the grader's environment"]
MAX_SECONDS = 900


@dataclass
class Contest:
    """What came of one class. Problems are sentences, and "" where there is none."""

    user: str
    seconds: float
    cases: dict[str, str] = field(default_factory=dict)
    bystanders: dict[str, float] = field(default_factory=dict)  # points that honest students lost
    outside: dict[str, str] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether everything is as it must be."""
        return not (any(self.cases.values()) or any(self.bystanders.values()) or any(self.outside.values()))


def ordinary_user() -> tuple[str, str]:
    """Return an ordinary user to grade as and "", or "" and why there is none."""
    if os.getuid() != 0:
        return "", "this already is an ordinary user"
    try:
        user = pwd.getpwnam("nobody")
    except KeyError:
        return "", "there is no user nobody"
    trial = "import ctypes, nbgrader; raise SystemExit(ctypes.CDLL(None).unshare(0x10000000) and 3)"
    try:
        done = subprocess.run([sys.executable, "-c", trial], cwd="/", capture_output=True, **_as(user))
    except OSError:
        return "", "nobody may not start this Python"
    if done.returncode == 0:
        return "nobody", ""
    return "", "user namespaces are forbidden to nobody" if done.returncode == 3 else "nobody cannot read this Python"


def _as(user: pwd.struct_passwd | None) -> dict:
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def hold(folder: Path, user: str = "") -> Contest:
    """Grade all cases in a new folder, as this user or another, and look at what came of it."""
    course = folder / "course"
    done, watched = _run(folder, user), _watched()
    if done.returncode != 0:
        raise RuntimeError(f"The class could not be graded:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    report = json.loads((folder / "report.json").read_text())
    contest = Contest(user or pwd.getpwuid(os.getuid()).pw_name, report["seconds"])
    for case in CASES.values():
        result = report["results"].get(recorded_name(report["students"][case.name]))
        contest.cases[case.name] = _judge(case, result, course)
    for student, result in report["results"].items():
        if student.endswith("-honest") or student == "000-neighbour":
            contest.bystanders[student] = sum(FULL.values()) - result["score"]
    contest.outside = {
        "no process is left": f"{report['left']}" if report["left"] else "",
        "no file is left": _files_left(folder),
        "nothing was written where it may not be": _files_outside(),
        "nothing listens": _listening(),
        "what must not change has not changed": "" if watched == _watched() else "the lesson or the library changed",
        "the gradebook says what the results say": _gradebook(course, report["results"]),
        "no hidden number is found": _found(course, hidden_numbers()),
        "no secret is found": _found(course, re.compile("|".join(v for k, v in CANARIES.items() if "lesson" not in k))),
        "no lesson source is found": _lesson_found(course),
        "no script is on a page": _scripts(course),
        "the grader stays small": f"{report['memory'] >> 20} MB" if report["memory"] > 2 * 2**30 else "",
    }
    return contest


def _run(folder: Path, user: str, *cases: str) -> subprocess.CompletedProcess:
    prepared = prepare(folder, user)
    return subprocess.run(command(folder, *cases), capture_output=True, text=True, timeout=MAX_SECONDS, **prepared)


def prepare(folder: Path, user: str = "") -> dict:
    """Make the folder and return the arguments for a process that grades in it."""
    folder.mkdir(parents=True)
    (folder / "tmp").mkdir()
    entry = pwd.getpwnam(user) if user else None
    if entry:
        for place in (folder, folder / "tmp"):
            os.chown(place, entry.pw_uid, entry.pw_gid)
        for above in folder.parents:  # pytest's folders are for their owner alone
            if above.stat().st_uid == os.getuid() and above.stat().st_mode & 0o001 == 0:
                above.chmod(above.stat().st_mode | 0o011)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "ARENA_SECRET": SECRET,
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return {"cwd": ROOT, "env": environment, **_as(entry)}


def command(folder: Path, *cases: str) -> list[str]:
    """Return the command that grades cases, or all of them, in a folder."""
    return [sys.executable, "-m", "tests.arena.run", str(folder), *cases]


# ---- what each case must come to


def _judge(case: Case, result: dict | None, course: Path) -> str:
    """Return what is not as the case says, or ""."""
    if result is None:
        return "there is no result for this student"
    if case.kind == "refused":
        fault = result["reason"].startswith("The grader failed")
        return (
            "" if result["status"] == Status.NOT_GRADABLE and not fault else f"{result['status']}: {result['reason']}"
        )
    if result["status"] not in (Status.GRADED, Status.PARTLY):
        return f"{result['status']}: {result['reason']}"
    points = {entry["id"].split(".")[1]: entry["points"] for entry in result["exercises"]}
    words = {e["id"].split(".")[1]: e["verdict"] for e in result["exercises"] if e["verdict"] != VerdictKind.PASSED}
    if case.at_most and any(points[name] > case.points[name] for name in points):
        return f"earned {points} where at most {case.points} is due"
    if not case.at_most and (points != case.points or _said(words) != _said(case.verdicts)):
        messages = {e["id"]: e["message"][:150] for e in result["exercises"] if e["verdict"] != VerdictKind.PASSED}
        return f"earned {points} with {words}, not {case.points} with {case.verdicts}: {messages}"
    return _tried(case, result, course) if case.tries else ""


def _said(verdicts: dict[str, str]) -> dict[str, str]:
    """Return verdicts with one word for wrong values and errors: which it is follows from the case that is shown."""
    either = (VerdictKind.WRONG, VerdictKind.ERROR)
    return {name: VerdictKind.WRONG if verdict in either else verdict for name, verdict in verdicts.items()}


def _tried(case: Case, result: dict, course: Path) -> str:
    notebook = json.loads((course / "autograded" / result["student"] / NAME / f"{NAME}.ipynb").read_text())
    text = "".join("".join(o.get("text", "")) for cell in notebook["cells"] for o in cell.get("outputs", []))
    if f"ARENA-OUT {case.name}" in text:
        return f"got through: {text[:300]}"
    return "" if f"ARENA-HELD {case.name}" in text else f"the attempt was not made: {text[:300]!r}"


# ---- from outside


def _watched() -> dict[str, int]:
    places = [LESSON, *sorted((ROOT / "course_lib").rglob("*.py")), *sorted((ROOT / "autograder").rglob("*.py"))]
    return {str(path): hash(path.read_bytes()) for path in (LESSON, *(p for p in places if "checks" in p.parts))}


def _files_left(folder: Path) -> str:
    left = [path for path in (folder / "tmp").rglob("*")] + [
        path for path in folder.iterdir() if path.name not in KNOWN
    ]
    return ", ".join(str(path.relative_to(folder)) for path in left[:10])


KNOWN = ("course", "home", "tmp", "report.json", ".ipython", ".cache", ".config", ".local", ".matplotlib")


def _files_outside() -> str:
    names = ("arena-was-here", "arena-note.txt", "arena-later", "arena-socket", "arena-device", "said", "big", "file0")
    places = ("/", "/usr", "/tmp", "/var/tmp", "/dev", "/dev/shm", str(Path.home()), str(ROOT))
    return ", ".join(path for place in places for name in names if os.path.lexists(path := os.path.join(place, name)))


def _listening() -> str:
    sockets = Path("/proc/net/unix").read_text()
    ports = "".join(Path(f"/proc/net/{kind}").read_text() for kind in ("tcp", "udp"))
    return ("an abstract socket" if "@arena" in sockets else "") or ("a port" if f":{47113:04X} " in ports else "")


def _gradebook(course: Path, results: dict[str, dict]) -> str:
    from nbgrader.api import Gradebook

    wrong = []
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        for student, result in results.items():
            submission = book.find_submission(NAME, student)
            scores = {g.cell.name.split("-", 1)[1]: g.auto_score for n in submission.notebooks for g in n.grades}
            said = {entry["id"].split(".")[1]: entry["points"] for entry in result["exercises"]}
            if scores != (said or dict.fromkeys(scores)):
                wrong.append(f"{student}: {scores} is not {said}")
        rows = len(book.students)
    return "; ".join(wrong[:3]) or ("" if rows == len(results) else f"{rows} students for {len(results)} results")


def _written(course: Path) -> list[Path]:
    return [p for p in course.rglob("*") if p.is_file() and not {"submitted", ".grading"} & set(p.parts)]


def _found(course: Path, pattern: re.Pattern[str]) -> str:
    for path in _written(course):
        if match := pattern.search(path.read_bytes().decode(errors="replace")):
            return f"{match.group()} in {path.relative_to(course)}"
    return ""


def _lesson_found(course: Path) -> str:
    """Look for lines that only the lesson's source has: hidden tests, mistakes, solution markers."""
    pattern = re.compile(
        r"BEGIN SOLUTION|random_integers\(seed|active=\\?\"py|Then they would not be hidden\.\" active"
    )
    return _found(course, pattern)


# a picture that a student pasted is one whose bytes stand in the page itself
_PASTED = r"<img src=\"data:image/png;base64,[A-Za-z0-9+/]+=*\" alt=\"[\w.-]*\">"
_ACTIVE = re.compile(rf"<script|(?!{_PASTED})<img|onerror=(?!alert\(1\)(&gt;|\\x3e))|javascript:")


def _scripts(course: Path) -> str:
    for path in sorted((course / "feedback").rglob("*.html")):
        if match := _ACTIVE.search(path.read_text()):
            return f"{match.group()} in {path.relative_to(course)}"
    for path in sorted((course / "autograded").rglob("*.ipynb")):
        for cell in json.loads(path.read_text())["cells"]:
            for output in cell.get("outputs", []):
                if set(output.get("data", {})) - {"text/plain", "image/png"}:
                    return f"{sorted(output['data'])} in {path.relative_to(course)}"
    return ""


# ---- the controls, and a grader that is killed


def controls(folder: Path) -> dict[str, str]:
    """Make the attempts where nothing holds them; return those that do not succeed there, with what they said."""
    course = folder / "course"
    places = {"@COURSE@": str(course), "@ROOT@": str(ROOT), "@HOME@": str(folder / "home")}
    environment = {"PATH": os.environ["PATH"], "ARENA_SECRET": SECRET, "PYTHONDONTWRITEBYTECODE": "1"}

    def outside(case: Case) -> str:
        source = case.outside
        for word, place in places.items():
            source = source.replace(word, place)
        done = subprocess.run(
            [sys.executable, "-c", source], cwd=ROOT, env=environment, capture_output=True, timeout=60
        )
        said = done.stdout.decode(errors="replace")
        return "" if "ARENA-OUT" in said else f"it does not succeed outside either: {said[:200]}{done.stderr[-200:]!r}"

    cases = [case for case in CASES.values() if case.outside]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((case.name for case in cases), pool.map(outside, cases)))


def killed(folder: Path, user: str = "") -> str:
    """Kill a grader while a student's code that refuses to end is running; return what is still there afterwards."""
    process = subprocess.Popen(
        command(folder, "refuses_to_end"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **prepare(folder, user)
    )
    # the warm process, and the student's two for longer than a second: the trial of the sandbox is over in a moment
    deadline, before, seen = time.monotonic() + 60, set(), set()
    while time.monotonic() < deadline and len(before) < 3:
        time.sleep(1)
        children = children_of(process.pid)
        last, seen = seen, {(c["pid"], c["started"]) for c in children if "student.py" in c["command"]}
        before = seen & last
    process.send_signal(signal.SIGKILL)
    process.wait()
    if len(before) < 3:
        return f"the student's code was not reached: {before}"
    for _ in range(50):
        left = [child for child in before if _runs(*child)]
        if not left:
            return ""
        time.sleep(0.1)
    for child, _ in left:
        os.kill(child, signal.SIGKILL)
    return f"processes {left} went on"


def _runs(process: int, started: str) -> bool:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[19] == started and fields[0] not in "ZX"


# ---- kept for several test processes


def save(contest: Contest, path: Path) -> None:
    """Write a contest's report."""
    path.write_text(json.dumps(asdict(contest)))


def load(path: Path) -> Contest:
    """Read a contest's report."""
    return Contest(**json.loads(path.read_text()))


def remove(folder: Path) -> None:
    """Remove a contest's folder."""
    shutil.rmtree(folder, ignore_errors=True)
