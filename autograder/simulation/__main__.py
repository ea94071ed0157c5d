"""`python -m autograder.simulation DIR LESSON …`: write the submissions of a simulated class, in nbgrader's layout.

`make demo` grades nine students who are named; with `--students N` the class has N who are drawn.
"""

import argparse
from pathlib import Path

from autograder.authoring.lesson import find_lessons, read_lesson
from autograder.simulation.simulate import STUDENTS, simulate
from autograder.simulation.simulated_class import simulate_class
from course_lib.course_folder import find_course


def main(arguments: list[str] | None = None) -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(prog="python -m autograder.simulation", description="Write a simulated class.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder to write to, in nbgrader's layout")
    parser.add_argument("lessons", nargs="+", metavar="LESSON", help="for instance 01_information")
    parser.add_argument("--students", type=int, metavar="N", help="draw N students (default: nine that are named)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="draw the same students again (default: 0)")
    parser.add_argument("--course", type=Path, metavar="DIR", help="the course's folder (default: $COURSE, or here)")
    options = parser.parse_args(arguments)
    solutions = find_course(options.course).solutions
    lessons = [read_lesson(path) for path in find_lessons(solutions, tuple(options.lessons))]
    if options.students is None:
        made = simulate(lessons, options.folder)
    else:
        made = simulate_class(lessons, options.folder, options.students, options.seed)
    print(f"{len(made)} submissions of {options.students or len(STUDENTS)} simulated students in {options.folder}")


if __name__ == "__main__":
    main()
