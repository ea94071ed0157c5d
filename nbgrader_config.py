"""nbgrader's commands and Formgrader with our engine inside: `nbgrader autograde`, `nbgrader formgrader`, …

For another course folder, link this file into it (docs/grading.md, "Three doors"). Everything here is a plain string:
a setting that failed would leave nbgrader with its own, which run students' code without isolation.
"""

from pathlib import Path

c = get_config()  # noqa: F821 - traitlets hands it to this file

c.CourseDirectory.root = str(Path(__file__).absolute().parent)
c.CourseDirectory.db_url = f"sqlite:///{Path(__file__).absolute().parent / 'gradebook.db'}"

# `source/` holds what `autograder build` made: no solutions, no hidden tests, and so nothing to clear. (nbgrader's own
# ClearSolutions would empty every cell that has no solution markers.)
c.GenerateAssignment.preprocessors = [
    f"nbgrader.preprocessors.{name}"
    for name in ("LockCells", "ClearOutput", "CheckCellMetadata", "ComputeChecksums", "SaveCells")
]

# The lessons lie beside this file, wherever it is linked to.
c.GradingExporter.solutions = str(Path(__file__).resolve().parent / "solutions")
c.Autograde.exporter_class = "autograder.classroom.nbgrader_plugins.GradingExporter"
c.Autograde.pre_convert_hook = "autograder.classroom.nbgrader_plugins.under_the_lessons_name"
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = ["nbgrader.preprocessors.AssignLatePenalties"]

c.GenerateFeedback.exporter_class = "autograder.classroom.nbgrader_plugins.FeedbackExporter"
c.GenerateFeedback.preprocessors = []

c.ExportApp.plugin_class = "autograder.classroom.exporter.StatusExporter"
