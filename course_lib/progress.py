"""Long work that says how far it is: a function that is called from time to time, and one that prints.

    train_bpe(text, 32_000, progress=printed())

Who does not ask is told nothing: a lesson's output stays the same however long it takes.
"""

import sys
import time
from collections.abc import Callable
from typing import TextIO

from course_lib.arguments import require_at_least

#: progress(what, done, total): so many of `what` are done; total is None where nobody knows it beforehand
Progress = Callable[[str, int, int | None], None]


def printed(seconds: float = 5.0, file: TextIO | None = None) -> Progress:
    """Return a `Progress` that prints a line, at most one in so many seconds, and none when the work is short.

    seconds  at least 0
    file     None: standard error

    Raises ValueError for negative seconds.

    >>> say = printed(seconds=0, file=sys.stdout)
    >>> say("merges", 1200, 31744)
    merges: 1,200 of 31,744, 0 s
    """
    require_at_least(0, seconds=seconds)
    begin = time.monotonic()
    last = begin

    def say(what: str, done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= seconds:
            last = now
            of = "" if total is None else f" of {total:,}"
            print(f"{what}: {done:,}{of}, {now - begin:.0f} s", file=sys.stderr if file is None else file, flush=True)

    return say
