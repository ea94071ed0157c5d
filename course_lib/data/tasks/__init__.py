"""Tasks that are generated from a seed: pairs of short strings, to be translated character by character."""

from course_lib.data.tasks.arithmetic import Addition, carries
from course_lib.data.tasks.brackets import Brackets
from course_lib.data.tasks.dates import Dates
from course_lib.data.tasks.number_words import NumberWords, number_in_words
from course_lib.data.tasks.sequences import Rearranged
from course_lib.data.tasks.task import BOS, EOS, PAD, Task

__all__ = [
    "BOS",
    "EOS",
    "PAD",
    "Addition",
    "Brackets",
    "Dates",
    "NumberWords",
    "Rearranged",
    "Task",
    "carries",
    "number_in_words",
]
