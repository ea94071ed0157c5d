"""A learner's own copy of the notebooks in `work/`, into which each new version of a lesson is merged.

`python -m course_lib.work` makes it and brings it up to date.
"""
