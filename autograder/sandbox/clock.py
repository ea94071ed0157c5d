"""What a process has used, seen from outside: a busy machine makes it slower, and must not make it guilty.

Time passes for a process in three ways: it computes, it is ready and waits for a processor that others have, or it is
idle (it sleeps, or waits for what may never come). The first and the last are its own doing.
"""

import os
import time
from pathlib import Path
from typing import NamedTuple

_PROCESSOR_TIME = 2  # CPUCLOCK_SCHED: Linux makes the number of another process's clock of this and of its id


class Used(NamedTuple):
    """Seconds of a process's own: computed, in all its threads, and idle."""

    computed: float
    idle: float


class Clock:
    """Runs while a process is asked for something. Where the system does not tell, all time counts as idle."""

    def __init__(self, process: int) -> None:
        """Start. process: its id, or 0 for a process of which nothing is known yet."""
        self.process = process
        self.began = time.monotonic()
        self.at_first = self.latest = self._read() or (0.0, 0.0)

    def used(self) -> Used:
        """Return what the process has used since the start, or had used when it ended."""
        passed = time.monotonic() - self.began
        self.latest = self._read() or self.latest
        computed, queued = (now - then for now, then in zip(self.latest, self.at_first))
        return Used(computed, max(0.0, passed - computed - max(0.0, queued)))

    def _read(self) -> tuple[float, float] | None:
        """Return for how many seconds its threads have computed, and waited for a processor; None once it has ended."""
        if not self.process:
            return None
        try:
            computed = time.clock_gettime((~self.process << 3) | _PROCESSOR_TIME)
            threads = Path(f"/proc/{self.process}/task")
            queued = sum(int((threads / name / "schedstat").read_text().split()[1]) for name in os.listdir(threads))
        except (OSError, AttributeError, OverflowError, IndexError):  # it has ended, or this is not Linux
            return None
        return computed, queued / 1e9
