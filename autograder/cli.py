"""The command line: `autograder build · verify · release · collect · grade · return · report · replay · doctor`.

Exit codes: 0 done; 1 something could not be built, verified, graded or written: the output says what; 2 wrong usage.
"""

import argparse
import os
import sys
from pathlib import Path

from autograder.cli_arguments import course_argument, course_arguments, solutions_of
from autograder.cli_authoring import build_command, release_command, verify_command
from autograder.cli_lms import collect_command, return_command
from autograder.grading.plain_text import spelled_out
from course_lib.wrong_usage import WrongUsage


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="autograder", description="Build, verify and grade the lessons of the course."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    grading = (collect_command, _grade_command, return_command, _report_command, _replay_command)
    for add in (build_command, verify_command, release_command, *grading, _doctor_command):
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
    course_arguments(parser)
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
        solutions=solutions_of(options),
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
    course_arguments(parser)
    parser.set_defaults(run=_replay)


def _replay(options: argparse.Namespace) -> int:
    from rich.console import Console

    from autograder.authoring.lesson import AuthoringError
    from autograder.classroom.replay import print_replay, replay
    from autograder.grading.refusal import NotGradable

    submitted = options.submitted or options.out / "submitted"
    try:
        found = replay(
            options.student, options.exercise, submitted, options.out, solutions_of(options), options.sandbox
        )
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
    course_argument(parser)
    parser.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from autograder.doctor import examine

    findings = examine(options.out.resolve(), options.db, options.course)
    for finding in findings:
        print(f"{'✓' if finding.good else '✗'} {finding.name}: {finding.found}")
        if finding.remedy:
            print(f"    {finding.remedy}")
    return 0 if all(finding.good or not finding.required for finding in findings) else 1
