"""Where a student's code runs: a process of its own, which gets inputs and gives back plain data.

`session.py` is the trusted side's handle, `student.py` the program on the other side, `library.py` makes the copy of `course_lib` in
which the withheld functions are absent. Nothing outside this folder knows how the two are kept apart.
"""
