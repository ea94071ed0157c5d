"""The course's scoreboard: every model, the same text, the same held-out tokens, one number to beat.

`record` puts a lesson's result on the board, `show_scoreboard` shows it. `python -m course_lib.scoreboard` measures all
models of the course side by side.
"""

from course_lib.scoreboard.results import LADDER, record, rows, waiting
from course_lib.scoreboard.show import show_scoreboard
from course_lib.scoreboard.texts import CORPORA, bits_per_byte, entropy_rate, held_out, language, tokenizer, training

__all__ = [
    "CORPORA",
    "LADDER",
    "bits_per_byte",
    "entropy_rate",
    "held_out",
    "language",
    "record",
    "rows",
    "show_scoreboard",
    "tokenizer",
    "training",
    "waiting",
]
