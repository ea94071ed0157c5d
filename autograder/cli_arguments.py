"""Arguments that several commands of the command line have: the course, its lessons."""

import argparse
from pathlib import Path

from course_lib.course_folder import CourseFolder, find_course


def course_argument(parser: argparse.ArgumentParser) -> None:
    """Add --course."""
    parser.add_argument(
        "--course",
        type=Path,
        metavar="DIR",
        help="the course's folder (default: $COURSE, or the nearest of this folder and those above it with a course)",
    )


def course_arguments(parser: argparse.ArgumentParser) -> None:
    """Add --course and --solutions."""
    course_argument(parser)
    parser.add_argument(
        "--solutions", type=Path, metavar="DIR", help="folder of the lesson files (default: solutions/ in the course)"
    )


def lesson_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the names of lessons, --course and --solutions."""
    parser.add_argument(
        "lessons", nargs="*", metavar="LESSON", help="for instance 01_information; all when none is named"
    )
    course_arguments(parser)


def course_of(options: argparse.Namespace) -> CourseFolder:
    """Return the course of a command. Raises NoCourse when there is none."""
    return find_course(options.course)


def solutions_of(options: argparse.Namespace) -> Path:
    """Return the folder of the lesson files. Raises NoCourse when there is no course."""
    return options.solutions or course_of(options).solutions
