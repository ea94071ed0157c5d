"""`autograder collect` and `autograder return`: in from a learning management system, and back."""

import argparse
import sys
from pathlib import Path

from autograder.authoring.hand_in import FILE, HandIn, read_hand_in
from course_lib.course_folder import LESSON_FILES, find_course
from course_lib.wrong_usage import WrongUsage


def collect_command(commands: argparse._SubParsersAction) -> None:
    """Add `collect` to the command line."""
    parser = commands.add_parser(
        "collect",
        help="a download from Canvas, Moodle or Blackboard → submitted/",
        description="Sort a download into submitted/STUDENT/LESSON/LESSON.ipynb of the course folder. Archives are "
        "read where they lie, archives in archives, too; a notebook is known by its cells, whatever its file's name. "
        "Doing it twice changes nothing. Deadlines, and which of several submissions counts, are in hand-in.toml.",
        epilog="Exit code 1: something could not be placed; the table says what, why, and what to do.",
    )
    parser.add_argument("download", type=Path, metavar="FILE-OR-FOLDER", help="as it came; it stays as it is")
    parser.add_argument(
        "--from",
        dest="system",
        required=True,
        choices=("canvas", "moodle", "blackboard", "folder"),
        help="where it comes from; folder: STUDENT/ANYTHING.ipynb, in any depth",
    )
    parser.add_argument("--lesson", metavar="LESSON", help="of notebooks that do not say which they are of")
    _roster_argument(parser, "--roster", "students of the class: Canvas's gradebook, Moodle's worksheet, or your table")
    _folder_arguments(parser)
    parser.set_defaults(run=_collect)


def return_command(commands: argparse._SubParsersAction) -> None:
    """Add `return` to the command line."""
    parser = commands.add_parser(
        "return",
        help="marks and feedback → what Canvas or Moodle imports",
        description="Write two files to OUT/returned/: the system's own table with the marks of one lesson filled in, "
        "and an archive of feedback pages. Lateness costs what hand-in.toml says; each deduction is shown.",
        epilog="Exit code 1: a mark or a page has no place in the system's table; the last lines say whose.",
    )
    parser.add_argument("lesson", metavar="LESSON", help="for instance 01_information")
    parser.add_argument("--for", dest="system", required=True, choices=("canvas", "moodle"))
    _roster_argument(parser, "--table", "the gradebook that Canvas exports, or this assignment's worksheet from Moodle")
    parser.add_argument("--column", metavar="NAME", default="", help="of the table: the assignment, or the grade")
    parser.add_argument("--db", metavar="URL", help="gradebook (default: sqlite:///OUT/gradebook.db)")
    _folder_arguments(parser)
    parser.set_defaults(run=_return)


def _roster_argument(parser: argparse.ArgumentParser, name: str, what: str) -> None:
    parser.add_argument(name, type=Path, dest="roster", metavar="FILE", help=f"{what} (default: roster in {FILE})")


def _folder_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="DIR", help="course folder to work in (default: the course's own)")
    parser.add_argument("--course", type=Path, metavar="DIR", help="the course's folder, as for `grade`")
    parser.add_argument(
        "--solutions", type=Path, metavar="DIR", help="folder of the lesson files (default: solutions/ in the course)"
    )


def _settings(options: argparse.Namespace) -> tuple[Path, list[str], HandIn]:
    """Return the folder to work in, the names of all lessons, and what `hand-in.toml` there, or in the course, says."""
    course = None if options.solutions else find_course(options.course)
    out = (options.out or (course.root if course else Path())).resolve()
    solutions = course.solutions if course else options.solutions
    lessons = sorted(path.stem for path in solutions.glob(LESSON_FILES))  # names will do: reading them takes seconds
    if not lessons:
        raise WrongUsage(f"{solutions} has no lesson files (NN_name.py), by whose names notebooks are known.")
    own = out if (out / FILE).exists() or course is None else course.root
    return out, lessons, read_hand_in(own, lessons)


def _lesson(name: str, lessons: list[str]) -> str:
    for lesson in lessons:
        if name in (lesson, lesson.partition("_")[2]):
            return lesson
    raise WrongUsage(f"There is no lesson {name!r}. There are: {', '.join(lessons)}.")


def _collect(options: argparse.Namespace) -> int:
    from rich.console import Console

    from autograder.classroom.course_lock import InUse
    from autograder.lms.collect import LEFT, collect
    from autograder.lms.roster import Roster, read_roster
    from autograder.lms.shown import print_collection

    out, lessons, class_ = _settings(options)
    file = options.roster or class_.roster
    roster = read_roster(file) if file else Roster()
    lesson, console = _lesson(options.lesson, lessons) if options.lesson else "", Console()
    try:
        with console.status("reading …") as status:
            tell = lambda number: status.update(f"reading … {number} files")  # noqa: E731
            found = collect(options.download, options.system, out, lessons, class_, roster, lesson, tell)
    except InUse as problem:
        print(problem, file=sys.stderr)
        return 1
    print_collection(console, found, out)
    return 1 if not found.rows or any(row.word == LEFT for row in found.rows) else 0


def _return(options: argparse.Namespace) -> int:
    from rich.console import Console
    from sqlalchemy.exc import SQLAlchemyError

    from autograder.classroom.whole_files import write_whole
    from autograder.lms.give_back import SYSTEMS
    from autograder.lms.marks import marks_of, ungraded_attempts
    from autograder.lms.roster import Roster, read_roster
    from autograder.lms.shown import print_returned

    out, lessons, class_ = _settings(options)
    lesson = _lesson(options.lesson, lessons)
    file = options.roster or class_.roster
    roster = read_roster(file) if file else Roster()
    column = options.column or (class_.assignments.get(lesson, "") if options.system == "canvas" else "")
    console, db_url = Console(), options.db or f"sqlite:///{out / 'gradebook.db'}"
    if not options.db and not (out / "gradebook.db").is_file():
        raise WrongUsage(f"There is no gradebook in {out}: run `autograder grade {out / 'submitted'}` first.")
    if class_.keep == "best" and (folders := ungraded_attempts(out, lesson)):
        commands = "; ".join(f"autograder grade {folder / 'submitted'}" for folder in folders)
        raise WrongUsage(f"The best attempt counts, and not all are graded. Run: {commands}")
    try:
        marks = marks_of(out, db_url, lesson, class_)
    except SQLAlchemyError as problem:
        print(f"The gradebook cannot be used: {getattr(problem, 'orig', None) or problem}", file=sys.stderr)
        return 1
    given = SYSTEMS[options.system](lesson, marks, roster, column)
    print_returned(console, marks, given)
    for name, data in ((f"{lesson}-marks.csv", given.table), (f"{lesson}-feedback.zip", given.archive)):
        path = out / "returned" / f"{options.system}-{name}"
        write_whole(path, data)
        console.print(path, soft_wrap=True, highlight=False)
    return 1 if given.left else 0
