"""Grades a class in a fork of a process that has imported everything, so that a test may kill many runs for little.

For each line `SUBMITTED OUT SOLUTIONS SANDBOX` on standard input: the process id of the fork, then its exit code.
"""

import os
import sys
from pathlib import Path

from autograder.classroom.class_run import grade_class
from autograder.classroom.recorder import ClassRun
from autograder.sandbox.warm import close_all


def main() -> None:
    for line in sys.stdin:
        submitted, out, solutions, sandbox = line.split()
        child = os.fork()
        if child == 0:
            url = f"sqlite:///{out}/gradebook.db"
            grade_class(ClassRun(Path(submitted), Path(out), Path(solutions), url, seed=5, sandbox=sandbox))
            close_all()
            os._exit(0)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
