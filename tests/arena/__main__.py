"""`make arena`: every cheat and every accident against the grader, as a table. Exit code 1: something does not hold.

`--all` lists every case with what it tries.
"""

import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.arena.attacks import CASES
from tests.arena.contest import Contest, controls, hold, killed, ordinary_user, remove
from tests.arena.run import EVERY


def main() -> int:
    """Hold the contests and print what came of them; return the exit code."""
    console, folder = Console(), Path(tempfile.mkdtemp(prefix="contest-"))
    folder.chmod(0o755)
    user, reason = ordinary_user()
    try:
        contests, ends = [], {}
        for name in ["", user] if user else [""]:
            with console.status(f"grading {len(CASES)} cases {f'as {name}' if name else 'as you'} …"):
                contests.append(hold(folder / (name or "self"), name))
                ends[contests[-1].user] = killed(folder / f"killed-{name or 'self'}", name)
        with console.status("controls …"):
            without = controls(folder / "self")
    finally:
        remove(folder)
    if "--all" in sys.argv:
        for case in CASES.values():
            signs = " ".join("✗" if contest.cases[case.name] else "✓" for contest in contests)
            console.print(f"{signs} {case.theme}/{case.name} ({case.kind}): {case.what}", markup=False, highlight=False)
    console.print(_table(contests, without))
    problems = [problem for contest in contests for problem in _problems(contest)]
    problems += [f"a killed grader ({name}): {problem}" for name, problem in ends.items() if problem]
    problems += [f"control {name}: {problem}" for name, problem in without.items() if problem]
    for problem in problems:
        console.print(f"[red]✗[/red] {escape(problem)}", highlight=False)
    if not user:
        console.print(f"Not graded as a second, ordinary user: {reason}.")
    for contest in contests:
        held, lost = sum(not problem for problem in contest.cases.values()), sum(contest.bystanders.values())
        known = sum(case.kind == "open" for case in CASES.values())
        console.print(
            f"as {contest.user}: {len(contest.cases)} cases tried, {held} as they must be ({known} are known to get "
            f"through, see docs/arena.md); {len(contest.bystanders)} bystanders lost {lost:g} marks; "
            f"{contest.seconds:.0f} s",
            highlight=False,
        )
    console.print(f"{len(without)} controls: {sum(not p for p in without.values())} succeed where nothing holds them")
    return 1 if problems else 0


def _table(contests: list[Contest], without: dict[str, str]) -> Table:
    """Return one row for each theme and kind: how many were tried, how many held, what bystanders lost."""
    table = Table("theme", "kind", "tried", *(f"held as {c.user}" for c in contests), "controls", "marks lost beside")
    numbers = {case.name: number for number, case in enumerate(CASES.values())}
    for theme, kind in dict.fromkeys((case.theme, case.kind) for case in CASES.values()):
        names = [case.name for case in CASES.values() if (case.theme, case.kind) == (theme, kind)]
        held = [str(sum(not c.cases[name] for name in names)) for c in contests]
        if kind == "open":
            held = ["known"] * len(contests)
        controls = sum(name in without and not without[name] for name in names)
        following = {(number // EVERY + 1) * EVERY: number for number in (numbers[name] for name in names)}
        lost = sum(_lost_beside(contest, number) for contest in contests for number in following.values())
        table.add_row(theme, kind, str(len(names)), *held, str(controls or ""), f"{lost:g}")
    return table


def _lost_beside(contest: Contest, number: int) -> float:
    """Return the marks lost by the honest student who was graded next after a case."""
    following = f"{(number // EVERY + 1) * EVERY:03d}-"
    return sum(lost for student, lost in contest.bystanders.items() if student.startswith(following))


def _problems(contest: Contest) -> list[str]:
    found = {
        **contest.cases,
        **contest.outside,
        **{s: f"lost {lost:g} marks" for s, lost in contest.bystanders.items() if lost},
    }
    return [f"as {contest.user}: {name}: {problem}" for name, problem in found.items() if problem]


if __name__ == "__main__":
    sys.exit(main())
