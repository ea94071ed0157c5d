"""How fast the engine grades, beside stock `nbgrader autograde`: `make bench-grading` writes docs/grading-benchmark.md.

Both grade the same class: notebooks that import torch, with four exercises, no demos, and student cells that cost
about 0.05 CPU seconds. No two notebooks are equal, so that nothing is saved by grading equal ones once. Ours is
isolated (`--sandbox strict`). CPU time is the machine's, from /proc/stat, less what it uses when idle: run it alone.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import nbformat
import psutil

from autograder.authoring.build import build, student_notebook
from autograder.authoring.lesson import Lesson, read_lesson
from autograder.classroom.gradebook import publish
from autograder.grading.prepare import prepare, public_case_file
from course_lib.course_folder import CourseFolder

ROOT = Path(__file__).resolve().parent.parent
LESSON = ROOT / "benchmarks" / "lessons" / "80_timing.py"
NAME = LESSON.stem
OWN_SECONDS = 0.05
STOCK_CLASS, ROUNDS = 10, 3
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Timing:
    """One command: wall seconds, the machine's CPU seconds, and its own, of the process that was started."""

    wall: float
    cpu: float
    head: float
    private: float = 0.0


# ---- a class


def write_class(lesson: Lesson, size: int, to: Path) -> None:
    """Write `size` different submissions, right in all exercises, to `to`/STUDENT/LESSON/."""
    repeats = _repeats_for(OWN_SECONDS)
    for number in range(size):
        notebook = student_notebook(lesson)
        cells = [cell for cell in notebook.cells if cell.metadata["course"].get("role") == "exercise"]
        for cell in cells:
            reference = lesson.exercises[cell.metadata["course"]["exercise"].split(".")[1]].reference
            cell.source = f"# student {number}\n{reference}"
        cells[0].source += f"\n\nfor _ in range({repeats}):\n    tried = softmax(torch.ones(100, 1000))"
        path = to / f"student-{number:05}" / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(nbformat.writes(notebook), encoding="utf-8")


def _repeats_for(seconds: float) -> int:
    """Return how often the students' own computing is repeated to take so many CPU seconds in one thread."""
    program = (
        "import time, torch; torch.set_num_threads(1); x = torch.ones(100, 1000)\n"
        "for n in (20, 200):\n"
        "    start = time.process_time()\n"
        "    for _ in range(n): w = (x - x.amax(-1, keepdim=True)).exp(); w / w.sum(-1, keepdim=True)\n"
        "print((time.process_time() - start) / n)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return round(seconds / float(ran.stdout))


def write_course(size: int, folder: Path) -> Path:
    """Write a course folder with a class to grade, its notebook released and entered as nbgrader wants it."""
    lesson = read_lesson(LESSON)
    write_class(lesson, size, folder / "submitted")
    graded = prepare(lesson, 1)
    publish(graded.release, NAME, public_case_file(graded.lesson), folder, f"sqlite:///{folder / 'gradebook.db'}")
    for path, text in build(LESSON, CourseFolder(folder)).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for place in (folder / "submitted").glob(f"*/{NAME}"):  # the check cells that stock runs read their cases there
        shutil.copytree(folder / "notebooks" / "cases", place / "cases")
    return folder


# ---- one command


def busy() -> float:
    """Return the CPU seconds that the machine has spent on anything."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(fields[i]) for i in (0, 1, 2, 5, 6)) / TICK


def idle_share(seconds: float = 5.0) -> float:
    """Return the CPU seconds a second that this machine spends with nothing to do."""
    before = busy()
    time.sleep(seconds)
    return (busy() - before) / seconds


def run(command: list, folder: Path, idle: float, watch: bool = False) -> Timing:
    """Run a command and time it. watch: also the largest private memory, in MB, of a process that grades a student."""
    log = (folder / "log.txt").open("w")
    before, started, private, head = busy(), time.perf_counter(), 0.0, 0.0
    process = psutil.Popen(list(map(str, command)), cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    while process.poll() is None:
        try:
            head = sum(process.cpu_times()[:2])
            if watch:
                private = max(private, _largest_student(process))
        except psutil.Error:
            pass
        time.sleep(0.02 if watch else 0.1)
    wall = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{command} failed:\n{Path(log.name).read_text()[-2000:]}")
    return Timing(wall, busy() - before - idle * wall, head, private)


def _largest_student(process: psutil.Process) -> float:
    """Return the private memory of the largest fork of the warm parent, in MB."""
    largest = 0
    for child in process.children():
        for fork in child.children(recursive=True):
            try:
                largest = max(largest, fork.memory_full_info().uss)
            except psutil.Error:
                continue
    return largest / 2**20


def grade_with_ours(size: int, idle: float, jobs: int = 2, watch: bool = False) -> Timing:
    """Grade a new class of this size with `autograder grade`."""
    with tempfile.TemporaryDirectory() as folder:
        course = write_course(size, Path(folder))
        command = [sys.executable, "-m", "autograder", "grade", course / "submitted", "--solutions", LESSON.parent]
        timing = run([*command, "--seed", "1", "--sandbox", "strict", "--jobs", jobs], course, idle, watch)
        _require_full_marks(course, size)
        return timing


def _require_full_marks(course: Path, size: int) -> None:
    results = [json.loads(line) for line in (course / "results.jsonl").read_text().splitlines()]
    assert len(results) == size and all(result["score"] == result["max_score"] > 0 for result in results)


def grade_with_stock(size: int, idle: float) -> Timing:
    """Grade a new class of this size with `nbgrader autograde` as it comes."""
    with tempfile.TemporaryDirectory() as folder:
        course = write_course(size, Path(folder))
        command = [Path(sys.executable).parent / "nbgrader", "autograde", NAME, f"--CourseDirectory.root={course}"]
        timing = run(command, course, idle)
        assert len(list((course / "autograded").glob("*/*/*.ipynb"))) == size
        return timing


# ---- the tables


def measure(sizes: tuple[int, ...], rounds: int, say) -> dict:
    """Return every number of the tables."""
    idle = idle_share()
    if idle > 0.3:
        raise SystemExit(f"This machine is busy: it spends {idle:.2f} CPU seconds a second. Measure when it is quiet.")
    stock, ours, two = [], [], []
    for round in range(rounds):
        say(f"round {round + 1} of {rounds}: stock")
        one, ten = grade_with_stock(1, idle), grade_with_stock(STOCK_CLASS, idle)
        stock.append((one, ten))
        say(f"round {round + 1} of {rounds}: ours")
        one, ten, hundred = (grade_with_ours(size, idle) for size in (1, STOCK_CLASS, 100))
        ours.append((one, ten, hundred))
        two.append(grade_with_ours(100, idle, jobs=1))
    say("memory")
    watched = grade_with_ours(20, idle, watch=True)
    scale = {}
    for size in sizes:
        say(f"{size} submissions")
        scale[size] = grade_with_ours(size, idle)
    return {"idle": idle, "stock": stock, "ours": ours, "one job": two, "private": watched.private, "scale": scale}


def slope(small: Timing, large: Timing, more: int, field: str) -> float:
    """Return the seconds of one submission, the start-up left out."""
    return (getattr(large, field) - getattr(small, field)) / more


def report(found: dict) -> str:
    """Return docs/grading-benchmark.md."""
    median = statistics.median
    more = STOCK_CLASS - 1
    stock = {f: median(slope(one, ten, more, f) for one, ten in found["stock"]) for f in ("wall", "cpu")}
    ours = {f: median(slope(one, h, 99, f) for one, _, h in found["ours"]) for f in ("wall", "cpu", "head")}
    alone = median(slope(row[0], one, 99, "wall") for row, one in zip(found["ours"], found["one job"], strict=True))
    ratios = [
        slope(*s, more, "wall") / slope(o[0], o[2], 99, "wall")
        for s, o in zip(found["stock"], found["ours"], strict=True)
    ]
    ten = [s[1].wall / o[1].wall for s, o in zip(found["stock"], found["ours"], strict=True)]
    start = median(one.wall for one, *_ in found["ours"]) - ours["wall"]
    beyond = ours["cpu"] - OWN_SECONDS
    rows = [
        (
            "throughput, start-up left out",
            f"{60 / stock['wall']:.1f} a minute",
            f"{60 / ours['wall']:.0f} a minute",
            "",
        ),
        ("ratio of these (rounds)", "1", f"**{median(ratios):.1f}** ({', '.join(f'{r:.1f}' for r in ratios)})", "≥ 20"),
        (f"ratio for {STOCK_CLASS} submissions, start-up included", "1", f"{median(ten):.1f}", ""),
        ("CPU s per submission", f"{stock['cpu']:.2f}", f"{ours['cpu']:.3f}", ""),
        (
            f"… beyond the student's own {OWN_SECONDS}",
            f"{stock['cpu'] - OWN_SECONDS:.2f}",
            f"**{beyond:.3f}**",
            "≤ 0.25",
        ),
        ("… of it in the one process that writes", "", f"{ours['head']:.3f}", ""),
        ("start-up (new gradebook; class of one, less one)", "", f"{start:.1f} s", "≤ 6 s"),
        ("private memory of a student's process", "", f"{found['private']:.0f} MB", "≤ 150 MB"),
        ("throughput of 2 jobs / 1 job", "", f"{alone / ours['wall']:.2f}", "≥ 1.8"),
    ]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    scale = "\n".join(
        f"| {size:,} | {t.wall:.1f} | {(t.wall - start) / size:.3f} | {t.cpu / size:.3f} |"
        for size, t in found["scale"].items()
    )
    today = datetime.now(UTC).date().isoformat()
    return PAGE.format(
        today=today, cores=os.cpu_count(), machine=_processor(), python=platform.python_version(), table=table,
        torch=version("torch"), nbgrader=version("nbgrader"), rounds=ROUNDS, scale=scale, sizing=sizing(ours, start),
        own=OWN_SECONDS, idle=found["idle"],
    )  # fmt: skip


def _share(seconds: dict[str, float]) -> str:
    """Return how much of the machine's processors is used while submissions are graded."""
    return f"{seconds['cpu'] / seconds['wall'] / os.cpu_count():.0%}"


def sizing(ours: dict[str, float], start: float) -> str:
    """Return the rows for 30,000 submissions: cores that finish in an hour, and the hours of one machine of 16."""
    beyond, rows = ours["cpu"] - OWN_SECONDS - ours["head"], []
    for own in (OWN_SECONDS, 1.0, 5.0, 20.0):
        core_hours = 30_000 * (own + beyond) / 3600
        writer = 30_000 * ours["head"] / 3600
        workers = core_hours / max(1 - start / 3600, 0.1)
        rows.append(f"| {own:g} s | {core_hours:.1f} | {workers:.0f} | {core_hours / 16:.1f} h | {writer:.1f} h |")
    return "\n".join(rows)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


PAGE = Path(__file__).with_name("grading_page.md").read_text(encoding="utf-8")


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[10, 100, 1000, 3000], help="classes for the scale table"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "grading-benchmark.md")
    options = parser.parse_args()
    page = report(measure(tuple(options.sizes), options.rounds, lambda what: print(what, flush=True)))
    options.to.write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
