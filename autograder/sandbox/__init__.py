"""Where a student's code runs: a process of its own, which gets inputs and gives back plain data.

`session.py` is the trusted side's handle on one student's process and `warm.py` on the warm parent that it is forked
from; `student.py` is the program of both, and its cells run in the shell of `shell.py`; `confine.py` shuts the fork in,
and `library.py` makes the copy of `course_lib` in which the withheld functions are absent. Nothing outside this folder
knows how the two sides are kept apart.
"""
