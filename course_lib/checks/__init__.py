"""Checks: what a student runs under an exercise, and the same judgement that a grader runs with other seeds.

In a notebook: `check("information.entropy")`, `show_answer("information.entropy")`,
`yours("information.entropy", tested)`, and in a later lesson `earlier("information.entropy", tested)`.
"""

from course_lib.checks.check import check, show_answer, yours
from course_lib.checks.earlier import earlier

__all__ = ["check", "earlier", "show_answer", "yours"]
