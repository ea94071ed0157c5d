"""`autograder build`, `verify` and `release`: what authors do with lessons."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.cli_arguments import course_arguments, course_of, lesson_arguments, solutions_of
from course_lib.course_folder import CourseFolder
from course_lib.wrong_usage import WrongUsage

if TYPE_CHECKING:
    from autograder.authoring.built import Changes
    from autograder.authoring.unchanged import Unchanged


def build_command(commands: argparse._SubParsersAction) -> None:
    """Add `build` to the command line."""
    parser = commands.add_parser(
        "build", help="solutions/ → notebooks/", description="Build what students open from the lesson files."
    )
    lesson_arguments(parser)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if anything would change")
    parser.add_argument("--again", action="store_true", help="also what has not changed since it was built here")
    parser.set_defaults(run=_build)


def _build(options: argparse.Namespace) -> int:
    from autograder.authoring.built import Changes, remove_stale
    from autograder.authoring.lesson_files import find_lessons
    from autograder.authoring.unchanged import Unchanged, as_built

    course = course_of(options)
    solutions = options.solutions or course.solutions
    failed, changes, known = False, Changes(), Unchanged("build")
    for path in find_lessons(solutions, tuple(options.lessons)):
        if options.again or not as_built(known, path, course):
            failed |= not _build_one(path, course, changes, known, write=not options.check)
    if not options.lessons and not failed:
        remove_stale(course, {path.stem for path in find_lessons(solutions)}, changes, write=not options.check)
    for done, some in ("wrote", changes.wrote), ("deleted", changes.deleted):
        for file in some:
            print(f"{'differs' if options.check else done}: {file}")
    for file in changes.left:
        print(f"left as it is: {file} was changed by hand. Move it away, then build again.", file=sys.stderr)
    if options.check and changes.any:
        print("notebooks/ is not what solutions/ builds to: run `autograder build`.", file=sys.stderr)
    return 1 if failed or changes.left or (options.check and changes.any) else 0


def _build_one(path: Path, course: CourseFolder, changes: "Changes", known: "Unchanged", write: bool) -> bool:
    """Build a lesson; enter what was done, or would be. Return whether it could be built."""
    from autograder.authoring.build import build  # and torch with it
    from autograder.authoring.built import Changes, update
    from autograder.authoring.lesson import AuthoringError
    from autograder.authoring.unchanged import note_built

    try:
        files = build(path, course)
    except AuthoringError as problem:
        print(problem, file=sys.stderr)
        return False
    of_this = Changes()
    update(files, of_this, write)
    if not of_this.left and (write or not of_this.wrote):
        note_built(known, path, course)
    changes.wrote += of_this.wrote
    changes.left += of_this.left
    return True


def verify_command(commands: argparse._SubParsersAction) -> None:
    """Add `verify` to the command line."""
    parser = commands.add_parser(
        "verify",
        help="can the checks tell right from wrong?",
        description="For each exercise: the reference earns full marks; the stub, a lookup table of the public cases, "
        "forged outcomes, lying objects and calls of withheld functions earn nothing; every mistake is caught and "
        "named.",
    )
    lesson_arguments(parser)
    parser.add_argument("--all", action="store_true", help="list every trial, not only those that fail")
    parser.add_argument(
        "--mutants",
        action="store_true",
        help="instead: put every slip of a catalogue into each reference; none may pass",
    )
    parser.add_argument("--again", action="store_true", help="also what has not changed since it was found good")
    parser.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    if options.mutants:
        return _verify_mutants(options)
    from rich.console import Console
    from rich.table import Table

    from autograder.authoring.lesson_files import find_lessons
    from autograder.authoring.unchanged import Unchanged

    console, known, total, held = Console(), Unchanged("verify"), 0, 0
    table = Table("exercise", "trials", "mistakes", "result", title="verify")
    for path in find_lessons(solutions_of(options), tuple(options.lessons)):
        rows = None if options.all or options.again else known.found(path)
        if rows is None:
            with console.status(f"{path.stem} …"):
                rows = _verify_one(path, options.all)
            if rows is None:
                return 1
            if all(holding == trials for _, trials, holding, _ in rows):
                known.note(path, rows)
        for exercise, trials, holding, mistakes in rows:
            result = "[green]all hold[/green]" if holding == trials else f"[red]{trials - holding} do not[/red]"
            table.add_row(exercise, str(trials), str(mistakes), result)
            total, held = total + trials, held + holding
    if not total:
        raise WrongUsage(f"There is no exercise to verify in {solutions_of(options)}.")
    console.print(table)
    score = 100 * held / total
    print(
        f"{held} of {total} trials hold: {score:.4g} %"
        if held == total
        else f"{held} of {total} trials hold: {score:.1f} %"
    )
    return 0 if held == total else 1


def _verify_one(path: Path, show_all: bool) -> list[tuple[str, int, int, int]] | None:
    """Verify a lesson and print the trials that fail; return the trials, those that hold, and the mistakes by exercise.

    show_all  print every trial

    None when the lesson cannot be read or its references do not run, which is printed.
    """
    from autograder.authoring.lesson import AuthoringError, read_lesson
    from autograder.authoring.verify import verify

    try:
        trials = verify(read_lesson(path))
    except AuthoringError as problem:
        print(problem, file=sys.stderr)
        return None
    by_exercise: dict[str, list] = {}
    for trial in trials:
        by_exercise.setdefault(trial.exercise, []).append(trial)
        if show_all or not trial.holds:
            sign, finding = "✓" if trial.holds else "✗", f"– {trial.finding}" if trial.finding else ""
            print(f"{sign} {trial.exercise}: {trial.trial} {trial.what}".rstrip(), finding)
    return [
        (
            exercise,
            len(some),
            sum(trial.holds for trial in some),
            len({trial.what.split(",")[0] for trial in some if trial.trial == "mistake"}),
        )
        for exercise, some in by_exercise.items()
    ]


def _verify_mutants(options: argparse.Namespace) -> int:
    from autograder.authoring.lesson import AuthoringError, find_lessons
    from autograder.authoring.mutants.report import report

    try:
        return 0 if report(find_lessons(solutions_of(options), tuple(options.lessons)), options.again) else 1
    except AuthoringError as problem:
        print(problem, file=sys.stderr)
        return 1


def release_command(commands: argparse._SubParsersAction) -> None:
    """Add `release` to the command line."""
    parser = commands.add_parser(
        "release",
        help="what a student gets, nothing that answers",
        description="Copy notebooks, public cases and course_lib to a folder for students; answers and solutions stay "
        "here.",
    )
    parser.add_argument("lessons", nargs="+", metavar="LESSON", help="for instance 01_information")
    parser.add_argument(
        "--to", type=Path, required=True, metavar="DIR", help="folder to write to; it must be empty or new"
    )
    course_arguments(parser)
    parser.set_defaults(run=_release)


def _release(options: argparse.Namespace) -> int:
    from autograder.authoring.lesson import find_lessons
    from autograder.authoring.release import release

    names = [path.stem for path in find_lessons(solutions_of(options), tuple(options.lessons))]
    for path in release(course_of(options).root, names, options.to):
        print(path)
    return 0
