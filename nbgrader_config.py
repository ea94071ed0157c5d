"""nbgrader's commands and Formgrader, from the root of the course: `nbgrader export`, `nbgrader formgrader`, …

`autograder grade submitted/` writes what they show.
"""

from pathlib import Path

from nbgrader.preprocessors import CheckCellMetadata, ClearOutput, ComputeChecksums, LockCells, SaveCells

c = get_config()  # noqa: F821 - traitlets hands it to this file

c.CourseDirectory.root = str(Path(__file__).resolve().parent)
c.CourseDirectory.db_url = f"sqlite:///{Path(__file__).resolve().parent / 'gradebook.db'}"

# `source/` holds what `autograder build` made: no solutions, no hidden tests, and so nothing to clear. (nbgrader's own
# ClearSolutions would empty every cell that has no solution markers.)
c.GenerateAssignment.preprocessors = [LockCells, ClearOutput, CheckCellMetadata, ComputeChecksums, SaveCells]
