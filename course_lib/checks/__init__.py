"""Checks: what a student runs under an exercise, and the same judgement that a grader runs with other seeds.

In a notebook: `check("information.entropy")`, `show_answer("information.entropy")`,
`yours("information.entropy", tested)`.
"""

from course_lib.checks.check import check, show_answer, yours

__all__ = ["check", "show_answer", "yours"]
