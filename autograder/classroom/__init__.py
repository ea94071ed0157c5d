"""A whole class: grading runs, their records and the gradebook. The only room that knows nbgrader's database."""
