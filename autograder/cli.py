"""The command line: `autograder build · verify · release · grade · doctor`.

Exit codes: 0 done; 1 something could not be built, verified or graded, and the output says which; 2 wrong usage.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="autograder", description="Build, verify and grade the lessons of the course."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_build_command, _verify_command):
        add(commands)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except ValueError as problem:
        print(f"autograder: {problem}", file=sys.stderr)
        return 2


def entry() -> None:
    """Run as a program."""
    sys.exit(main())


def _lesson_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "lessons", nargs="*", metavar="LESSON", help="for instance 01_information; all when none is named"
    )
    parser.add_argument("--solutions", type=Path, default=ROOT / "solutions", help="folder of the lesson files")


def _build_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "build", help="solutions/ → notebooks/", description="Build what students open from the lesson files."
    )
    _lesson_arguments(parser)
    parser.add_argument("--notebooks", type=Path, default=ROOT / "notebooks", help="folder to write to")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if anything would change")
    parser.set_defaults(run=_build)


def _build(options: argparse.Namespace) -> int:
    from autograder.build import build
    from autograder.lesson import AuthoringError, find_lessons

    failed, differ, expected = False, [], set()
    for path in find_lessons(options.solutions, tuple(options.lessons)):
        try:
            files = build(path, options.notebooks)
        except AuthoringError as problem:
            print(problem, file=sys.stderr)
            failed = True
            continue
        expected |= files.keys()
        for file, text in files.items():
            if file.is_file() and file.read_text(encoding="utf-8") == text:
                continue
            differ.append(file)
            if not options.check:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    if not options.lessons and not failed:
        present = set(options.notebooks.glob("*.ipynb")) | set(options.notebooks.glob("*/*.json"))
        for file in sorted(present - expected):
            differ.append(file)
            if not options.check:
                file.unlink()
    for file in differ:
        print(f"{'differs' if options.check else 'wrote'}: {file}")
    if options.check and differ:
        print("notebooks/ is not what solutions/ builds to: run `autograder build`.", file=sys.stderr)
    return 1 if failed or (options.check and differ) else 0


def _verify_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "verify",
        help="can the checks tell right from wrong?",
        description="For each exercise: the reference earns full marks; the stub, a lookup table of the public cases and calls of "
        "withheld functions earn nothing; every mistake is caught and named.",
    )
    _lesson_arguments(parser)
    parser.add_argument("--all", action="store_true", help="list every trial, not only those that fail")
    parser.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.table import Table

    from autograder.lesson import AuthoringError, find_lessons, read_lesson
    from autograder.verify import verify

    console, total, held = Console(), 0, 0
    table = Table("exercise", "trials", "mistakes", "result", title="verify")
    for path in find_lessons(options.solutions, tuple(options.lessons)):
        try:
            with console.status(f"{path.stem} …"):
                trials = verify(read_lesson(path))
        except AuthoringError as problem:
            print(problem, file=sys.stderr)
            return 1
        by_exercise: dict[str, list] = {}
        for trial in trials:
            by_exercise.setdefault(trial.exercise, []).append(trial)
            if options.all or not trial.holds:
                sign = "✓" if trial.holds else "✗"
                print(
                    f"{sign} {trial.exercise}: {trial.trial} {trial.what}".rstrip(),
                    f"– {trial.finding}" if trial.finding else "",
                )
        for exercise, some in by_exercise.items():
            good = sum(trial.holds for trial in some)
            mistakes = len({trial.what.split(",")[0] for trial in some if trial.trial == "mistake"})
            result = "[green]all hold[/green]" if good == len(some) else f"[red]{len(some) - good} do not[/red]"
            table.add_row(exercise, str(len(some)), str(mistakes), result)
        total, held = total + len(trials), held + sum(trial.holds for trial in trials)
    console.print(table)
    score = 100 * held / max(total, 1)
    print(
        f"{held} of {total} trials hold: {score:.4g} %"
        if held == total
        else f"{held} of {total} trials hold: {score:.1f} %"
    )
    return 0 if held == total else 1
