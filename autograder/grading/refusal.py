"""What is raised about a submission that cannot be graded."""


class NotGradable(Exception):
    """The submission cannot be graded; the message says why, to the student and the teacher."""
