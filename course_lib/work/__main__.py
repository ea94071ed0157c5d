"""The command `python -m course_lib.work`: your own copy of the notebooks, made once and renewed by merging."""

import argparse
import sys
from collections.abc import Iterator

from course_lib.course_folder import CourseFolder, NoCourse, find_course
from course_lib.work.folder import Renewal, State, renew


def main(arguments: list[str] | None = None) -> int:
    """Make or renew `work/`, say what was done for each notebook, and return the exit code.

    arguments  of the command line, without the program's name; the process's own when missing
    """
    parser = argparse.ArgumentParser(
        prog="python -m course_lib.work",
        description="Copy the course's notebooks to the folder work/, where you work on them. A notebook that is there "
        "already gets the new version of its lesson; your answers and your own cells stay, and the notebook before "
        "is kept in work/before/.",
        epilog="Exit code 1: at least one notebook could not be renewed and was left as it was; 2: there is no course.",
    )
    parser.add_argument("--course", metavar="DIR", help="the course's folder (default: this one or one above it)")
    options = parser.parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a Windows console may not have every letter
    try:
        course = find_course(options.course)
    except NoCourse as problem:
        print(problem, file=sys.stderr)
        return 2
    return _renew_and_say(course)


def _renew_and_say(course: CourseFolder) -> int:
    try:
        renewals = renew(course)
    except OSError as problem:
        print(f"{course.work} must be a folder that you may write to: {problem.strerror}.", file=sys.stderr)
        return 1
    if not renewals:
        print(f"There are no notebooks in {course.notebooks}. Teachers: run `autograder build`.", file=sys.stderr)
        return 2
    for renewal in renewals:
        print(f"work/{renewal.notebook.name}: {renewal.state.value}")
        for line in _details(renewal):
            print(f"    {line}")
    return 1 if any(renewal.state is State.LEFT_ALONE for renewal in renewals) else 0


def _details(renewal: Renewal) -> Iterator[str]:
    """Yield what a learner should know about a notebook, in sentences."""
    if renewal.problem:
        yield renewal.problem
    if renewal.merged and renewal.before:
        for exercise in renewal.merged.tasks:
            yield f"The task of {exercise} has changed. Your answer was kept: read the task, and check it again."
        for line in renewal.merged.replaced:
            yield f"“{line}”: the lesson's text replaced yours."
        for line in renewal.merged.kept:
            yield f"“{line}”, which you had edited, is no longer in the lesson; it stays as a cell of yours."
        yield f"The notebook as it was before: work/{renewal.before.parent.name}/{renewal.before.name}"


if __name__ == "__main__":
    sys.exit(main())
