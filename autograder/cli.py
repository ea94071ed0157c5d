"""The command line: `autograder build · verify · release · collect · grade · return · report · replay · doctor`.

Exit codes: 0 done; 1 something could not be built, verified, graded or written: the output says what; 2 wrong usage.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.cli_lms import collect_command, return_command
from autograder.grading.plain_text import spelled_out
from course_lib.course_folder import CourseFolder, find_course
from course_lib.wrong_usage import WrongUsage

if TYPE_CHECKING:
    from autograder.authoring.built import Changes
    from autograder.authoring.unchanged import Unchanged


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="autograder", description="Build, verify and grade the lessons of the course."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    grading = (collect_command, _grade_command, return_command, _report_command, _replay_command)
    for add in (_build_command, _verify_command, _release_command, *grading, _doctor_command):
        add(commands)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except WrongUsage as problem:
        print(f"autograder: {spelled_out(str(problem))}", file=sys.stderr)
        return 2
    except OSError as problem:
        if problem.filename is None:
            raise
        print(f"autograder: {_sentence(problem)}", file=sys.stderr)
        return 1


def _sentence(problem: OSError) -> str:
    """Return what went wrong with which file, and what to do."""
    from autograder.classroom.whole_files import FULL, READ_ONLY

    remedies = [(FULL, " Make room there."), (READ_ONLY, " Make it writable for this user, or use another folder.")]
    remedy = next((text for codes, text in remedies if problem.errno in codes), "")
    return f"{os.fsdecode(problem.filename)}: {problem.strerror}.{remedy}"


def entry() -> None:
    """Run as a program."""
    sys.exit(main())


def _course_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--course",
        type=Path,
        metavar="DIR",
        help="the course's folder (default: $COURSE, or the nearest of this folder and those above it with a course)",
    )


def _course_arguments(parser: argparse.ArgumentParser) -> None:
    _course_argument(parser)
    parser.add_argument(
        "--solutions", type=Path, metavar="DIR", help="folder of the lesson files (default: solutions/ in the course)"
    )


def _lesson_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "lessons", nargs="*", metavar="LESSON", help="for instance 01_information; all when none is named"
    )
    _course_arguments(parser)


def _course(options: argparse.Namespace) -> CourseFolder:
    return find_course(options.course)


def _solutions(options: argparse.Namespace) -> Path:
    return options.solutions or _course(options).solutions


def _build_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "build", help="solutions/ → notebooks/", description="Build what students open from the lesson files."
    )
    _lesson_arguments(parser)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if anything would change")
    parser.add_argument("--again", action="store_true", help="also what has not changed since it was built here")
    parser.set_defaults(run=_build)


def _build(options: argparse.Namespace) -> int:
    from autograder.authoring.built import Changes, remove_stale
    from autograder.authoring.lesson_files import find_lessons
    from autograder.authoring.unchanged import Unchanged, as_built

    course = _course(options)
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


def _verify_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "verify",
        help="can the checks tell right from wrong?",
        description="For each exercise: the reference earns full marks; the stub, a lookup table of the public cases, "
        "forged outcomes, lying objects and calls of withheld functions earn nothing; every mistake is caught and "
        "named.",
    )
    _lesson_arguments(parser)
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
    for path in find_lessons(_solutions(options), tuple(options.lessons)):
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
        raise WrongUsage(f"There is no exercise to verify in {_solutions(options)}.")
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
        return 0 if report(find_lessons(_solutions(options), tuple(options.lessons)), options.again) else 1
    except AuthoringError as problem:
        print(problem, file=sys.stderr)
        return 1


def _release_command(commands: argparse._SubParsersAction) -> None:
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
    _course_arguments(parser)
    parser.set_defaults(run=_release)


def _release(options: argparse.Namespace) -> int:
    from autograder.authoring.lesson import find_lessons
    from autograder.authoring.release import release

    names = [path.stem for path in find_lessons(_solutions(options), tuple(options.lessons))]
    for path in release(_course(options).root, names, options.to):
        print(path)
    return 0


def _grade_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "grade",
        help="submissions in, marks and feedback out",
        description="Grade every submission in DIR (layout STUDENT/LESSON/LESSON.ipynb). Writes nbgrader's gradebook, "
        "autograded/, feedback/, grades.csv and results.jsonl, and goes on where an earlier run stopped.",
        epilog="Exit code 1: at least one submission could not be graded; the table says which and why.",
    )
    parser.add_argument("submitted", type=Path, metavar="DIR", help="folder of submissions")
    parser.add_argument("--lesson", nargs="+", default=[], metavar="LESSON", help="only these lessons")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="course folder to write to (default: the folder that holds DIR)"
    )
    parser.add_argument("--db", metavar="URL", help="gradebook (default: sqlite:///OUT/gradebook.db)")
    parser.add_argument(
        "--seed", type=int, metavar="N", help="draw the same hidden cases again (default: a new, kept seed)"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="submissions at a time (default: one per processor)")
    parser.add_argument(
        "--scheduler", metavar="ADDR", help="grade on a Dask cluster instead of here, for instance tcp://10.0.0.1:8786"
    )
    parser.add_argument(
        "--sandbox",
        choices=("auto", "strict", "none"),
        default="auto",
        help="auto: at least no files, no network, no forks (default); strict: every layer; none: no isolation",
    )
    _course_arguments(parser)
    parser.set_defaults(run=_grade)


def _grade(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress
    from sqlalchemy.exc import SQLAlchemyError

    from autograder.authoring.lesson import AuthoringError
    from autograder.classroom.class_run import grade_class
    from autograder.classroom.class_table import print_tables
    from autograder.classroom.places import lying_loose
    from autograder.classroom.recorder import ClassRun
    from autograder.classroom.results import Status

    if options.jobs is not None and options.jobs < 1:
        raise WrongUsage(f"--jobs must be at least 1; got {options.jobs}.")
    out = (options.out or options.submitted.resolve().parent).resolve()
    db_url, shown = _gradebook(options, out)
    run = ClassRun(
        submitted=options.submitted.resolve(),
        out=out,
        solutions=_solutions(options),
        db_url=db_url,
        lessons=tuple(options.lesson),
        seed=options.seed,
        jobs=options.jobs,
        scheduler=options.scheduler,
        sandbox=options.sandbox,
    )
    console = Console()
    try:
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task("preparing", total=None)
            results = grade_class(run, lambda d, n: bar.update(task, description="grading", completed=d, total=n))
    except (AuthoringError, RuntimeError) as problem:
        print(problem, file=sys.stderr)
        return 1
    except (SQLAlchemyError, ModuleNotFoundError) as problem:  # or the driver for such a database is not installed
        print(f"The gradebook {shown} cannot be used: {getattr(problem, 'orig', None) or problem}", file=sys.stderr)
        print(_KEPT, file=sys.stderr)
        return 1
    except OSError:
        print(_KEPT, file=sys.stderr)
        raise
    print_tables(console, results, out)
    loose = lying_loose(options.submitted)
    for name in loose:
        print(f"{name} lies in no student's folder and was not graded: expected STUDENT/LESSON/LESSON.ipynb.")
    return 1 if loose or any(result.status == Status.NOT_GRADABLE for result in results) else 0


_KEPT = "What was graded so far is kept; run the same command again to go on."


def _gradebook(options: argparse.Namespace, out: Path) -> tuple[str, str]:
    """Return the address of the gradebook, and how it may be shown: without a password."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    db_url = options.db or f"sqlite:///{out / 'gradebook.db'}"
    try:
        return db_url, make_url(db_url).render_as_string(hide_password=True)
    except ArgumentError:
        raise WrongUsage(
            f"--db must be a URL, for instance sqlite:////srv/class/gradebook.db; got {db_url!r}."
        ) from None


def _report_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "report",
        help="one page about the class: marks, mistakes, look-alikes",
        description="Write OUT/report.html about everything that was graded there: how marks are spread, which "
        "exercises are hard and which mistakes the class makes, what needs a look, submissions that are alike, and "
        "tables for a spreadsheet. The page is confidential: its last parts name students.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="course folder that `grade` wrote (here)"
    )
    parser.add_argument("--db", metavar="URL", help="gradebook (default: sqlite:///OUT/gradebook.db)")
    parser.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from rich.console import Console
    from sqlalchemy.exc import SQLAlchemyError

    from autograder.report.report import write_report

    out, console = options.out.resolve(), Console()
    db_url, shown = _gradebook(options, out)
    try:
        with console.status("") as status:
            path = write_report(out, db_url, lambda what: status.update(f"{what} …"))
    except (SQLAlchemyError, ModuleNotFoundError) as problem:
        print(f"The gradebook {shown} cannot be used: {problem}", file=sys.stderr)
        return 1
    console.print(path, soft_wrap=True, highlight=False)
    return 0


def _replay_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "replay",
        help="for an appeal: repeat one judgement and show everything",
        description="Grade one exercise of one submission again with the run's seed, and show the code, every case "
        "with the expected and the actual outcome, and whether the recorded mark still holds. Hidden cases are among "
        "them: this is for the teacher's eyes.",
        epilog="Exit code 0: the recorded mark is the same; 1: it differs, or there is none.",
    )
    parser.add_argument("student", metavar="STUDENT", help="name of the student's folder")
    parser.add_argument("exercise", metavar="EXERCISE", help="for instance information.entropy, or entropy")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="course folder that `grade` wrote (here)"
    )
    parser.add_argument("--submitted", type=Path, metavar="DIR", help="folder of submissions (OUT/submitted)")
    parser.add_argument("--sandbox", choices=("auto", "strict", "none"), default="auto", help="as for `grade`")
    _course_arguments(parser)
    parser.set_defaults(run=_replay)


def _replay(options: argparse.Namespace) -> int:
    from rich.console import Console

    from autograder.authoring.lesson import AuthoringError
    from autograder.classroom.replay import print_replay, replay
    from autograder.grading.refusal import NotGradable

    submitted = options.submitted or options.out / "submitted"
    try:
        found = replay(options.student, options.exercise, submitted, options.out, _solutions(options), options.sandbox)
    except (AuthoringError, NotGradable, RuntimeError) as problem:
        print(spelled_out(str(problem)), file=sys.stderr)
        return 1
    print_replay(Console(), found)
    return 0 if found.agrees else 1


def _doctor_command(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "doctor",
        help="what this machine has",
        description="Say what this machine has and what is missing, with the remedy: programs, isolation, the course, "
        "and whether `grade` could write to its course folder and gradebook.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="course folder that `grade` writes to (here)"
    )
    parser.add_argument("--db", metavar="URL", help="gradebook (default: sqlite:///OUT/gradebook.db)")
    _course_argument(parser)
    parser.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from autograder.doctor import examine

    findings = examine(options.out.resolve(), options.db, options.course)
    for finding in findings:
        print(f"{'✓' if finding.good else '✗'} {finding.name}: {finding.found}")
        if finding.remedy:
            print(f"    {finding.remedy}")
    return 0 if all(finding.good or not finding.required for finding in findings) else 1
